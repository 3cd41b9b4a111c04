"""One plugin of a host: where it is, what state it is in, which versions it had."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from functools import reduce
from types import ModuleType
from typing import Any, Final

import attrs
from packaging.utils import canonicalize_name

from modreg.plugins._calls import Caller
from modreg.plugins._effects import Effects
from modreg.plugins._metadata import Metadata
from modreg.plugins._outcome import PluginVersion, told
from modreg.plugins._places import Look, ModulePlace, Place
from modreg.plugins._watch import Stamp


class State(enum.Enum):
    """
    What a plugin is at the moment.

    Attributes:
        KNOWN: Its place is known; it is not loaded.
        RUNNING: It is loaded and set up.
        DISABLED: It is loaded and torn down.
        BROKEN: It is loaded, and could not be set up again after a failure.
    """

    KNOWN = "known"
    RUNNING = "running"
    DISABLED = "disabled"
    BROKEN = "broken"


NOTHING: Final = object()
"""What was not saved."""


@attrs.frozen(kw_only=True)
class Binding:
    """
    How a host takes a plugin up and lets go of it; each may be `None`.

    Attributes:
        setup: Called with the plugin when it comes.
        teardown: Called with the plugin when it goes, also after a set-up that failed.
        save: Called with the plugin before its tear-down; what it returns is handed over.
        restore: Called with the next version and what was saved, after its set-up.
    """

    setup: Callable[[Any], object] | None = None  # a module, or what an entry point names
    teardown: Callable[[Any], object] | None = None  # as above
    save: Callable[[Any], object] | None = None  # as above
    restore: Callable[[Any, Any], object] | None = None  # as above, and what was saved


Check = Callable[[Any], object]
"""Says of a plugin, a module or what an entry point names, whether it is well."""


@attrs.frozen(kw_only=True)
class Probation:
    """
    A version that has to prove itself.

    Attributes:
        until: When it is over, by the host's clock.
        check: Called with the plugin at each tick; a false answer ends it at once.
        back: Number of the version to go back to; 0 for none.
    """

    until: float
    check: Check | None
    back: int


@attrs.define(eq=False)
class Unit:
    """
    What a host knows of one plugin; guarded by the host's turn.

    Attributes:
        name: As the host calls it.
        root: Absolute name of its module; it has all below it.
        bindings: Those of the host, by plugin, and under `None` that of all which have none of their own.
        looks: What the files held, for each version by its number.
        loading: How often it was loaded.
        executed: What its modules began when they were executed.
        taken: What began when it was set up.
        saved: What waits for the next version.
        tried: What its files were when they were last read to load or reload it; `None` if nobody wants it loaded.
    """

    name: str
    root: str
    place: Place
    bindings: dict[str | None, Binding]
    state: State = State.KNOWN
    versions: list[PluginVersion] = attrs.field(factory=list)
    looks: dict[int, Look] = attrs.field(factory=dict)
    loading: int = 0
    executed: Effects = attrs.field(init=False)
    taken: Effects = attrs.field(init=False)
    saved: object = NOTHING
    tried: Stamp | None = None
    probation: Probation | None = None
    good: int = 0
    key: str = attrs.field(init=False)  # the name as requirements compare it

    def __attrs_post_init__(self) -> None:
        self.key = canonicalize_name(self.name)
        self.executed, self.taken = Effects((self.root,)), Effects((self.root,))

    @property
    def is_loaded(self) -> bool:
        return self.state is not State.KNOWN

    @property
    def current(self) -> PluginVersion | None:
        """The version that its modules hold."""
        return self.versions[-1] if self.is_loaded and self.versions else None

    @property
    def look(self) -> Look | None:
        """What the files of the current version held; asked of all plugins for the sake of one, hence short."""
        return self.looks.get(len(self.versions)) if self.state is not State.KNOWN else None

    @property
    def metadata(self) -> Metadata:
        look = self.look
        return look.metadata if look is not None else Metadata()

    @property
    def running(self) -> str:
        """The version in force, for people; ``""`` for none."""
        return str(self.current) if self.state is State.RUNNING else ""

    @property
    def target(self) -> Any:  # a module, or what an entry point names
        """What the host's functions are called with."""
        module = sys.modules[self.root]
        entry = self.place.entry if isinstance(self.place, ModulePlace) else None
        return reduce(getattr, entry.attr.split("."), module) if entry is not None and entry.attr else module

    def has(self, module: str) -> bool:
        """Whether a module is one of its own."""
        return module == self.root or module.startswith(self.root + ".")

    def modules(self) -> Iterator[tuple[str, ModuleType]]:
        """Its modules that are loaded."""
        return ((name, module) for name, module in list(sys.modules.items()) if self.has(name))

    def at(self, revision: int) -> PluginVersion | None:
        """The version that the registry's revision held."""
        found = [each for each in self.versions if each.revision <= revision and each.loading == self.loading]
        return found[-1] if found else None

    def rooted(self, number: int) -> int:
        """The version whose state the given one has: itself, or what a rollback brought back by it."""
        while (restores := self.versions[number - 1].restores) is not None:
            number = restores
        return number

    # Taking up and letting go

    @property
    def binding(self) -> Binding:
        """How the host takes it up and lets go of it."""
        return self.bindings.get(self.name, self.bindings[None])

    def set_up(self, caller: Caller) -> None:
        """Take the plugin up; what it raises leaves it to :meth:`let_go`."""
        setup = self.binding.setup
        if setup is not None:
            caller.call(setup, self.target, effects=self.taken)

    def hand_over(self, caller: Caller) -> None:
        """Give it what was saved, if anything was."""
        restore = self.binding.restore
        if restore is not None and self.saved is not NOTHING:
            caller.call(restore, self.target, self.saved, effects=self.taken)

    def save(self, caller: Caller) -> list[str]:
        """Have the plugin's state saved; answer what went wrong."""
        self.saved, save = NOTHING, self.binding.save
        if save is None:
            return []
        try:
            self.saved = caller.call(save, self.target)
        except Exception as error:  # the plugin goes all the same
            return [f"the state of {self.name} could not be saved: {told(error)}"]
        return []

    def let_go(self, caller: Caller) -> tuple[list[str], tuple[str, ...]]:
        """Tear down and end what began with the set-up, each by itself; answer what went wrong, and what is left."""
        troubles, teardown = [], self.binding.teardown
        if teardown is not None:
            try:
                caller.call(teardown, self.target)
            except Exception as error:  # the plugin goes all the same
                troubles.append(f"the tear-down of {self.name} raised {told(error)}")
        found, leaks = end(self.taken, caller)
        return troubles + found, leaks


def end(effects: Effects, caller: Caller) -> tuple[list[str], tuple[str, ...]]:
    """
    End what was begun, last first, each by itself; answer what went wrong, and what is left.

    Nobody answers for that any more.
    """
    if not effects.found:
        return [], ()
    troubles = []
    for effect in reversed(effects.found):
        try:
            caller.call(effect.undo)
        except Exception as error:  # the others have to be ended all the same
            troubles.append(f"{effect.what} could not be ended: {told(error)}")
    caller.settle()
    leaks = tuple(f"{each.what} is still there" for each in effects.found if each.is_alive())
    effects.found.clear()
    return troubles, leaks
