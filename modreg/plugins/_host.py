"""The host: every call that modreg.plugins offers, as a method."""

from __future__ import annotations

import importlib
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial, wraps
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import attrs
from packaging.utils import canonicalize_name
from packaging.version import Version

import modreg
from modreg import Diff, Registry, UnknownVersionError
from modreg.plugins import _places, _requirements
from modreg.plugins._calls import Turns
from modreg.plugins._desk import Action
from modreg.plugins._gate import Request, deniable
from modreg.plugins._kept import Kept
from modreg.plugins._names import PluginFinder
from modreg.plugins._outcome import AuditLine, Event, Kind, Outcome, PluginVersion, RefusalError
from modreg.plugins._roster import Source, a_folder, allowed, identifier
from modreg.plugins._store import Ledger, MemoryStore, Store
from modreg.plugins._unit import Binding, Check, State, Unit
from modreg.plugins._watch import Watch
from modreg.plugins._works import Works

_LOG = logging.getLogger("modreg.plugins")
T = TypeVar("T")
P = ParamSpec("P")


@attrs.frozen(kw_only=True)
class Plugin:
    """
    What a host knows of one plugin at one moment, for programs and user interfaces.

    Attributes:
        name: As the host calls it.
        module: Absolute name of its module.
        state: What it is.
        version: The version that its modules hold.
        is_enabled: Whether it is wanted.
        is_pinned: Whether it is kept at its version.
        is_on_probation: Whether its version has yet to prove itself.
        quarantine: Why each of these source hashes is not loaded.
    """

    name: str
    module: str
    state: State
    version: PluginVersion | None
    is_enabled: bool
    is_pinned: bool
    is_on_probation: bool
    quarantine: dict[str, str]


# As what an ``async def`` makes is typed: nobody sends anything into it.
def _awaited(call: Callable[Concatenate[Host, P], T]) -> Callable[Concatenate[Host, P], Coroutine[Any, Any, T]]:
    """The twin of a method for use on an event loop, also where a subclass has another method of that name."""
    name = call.__name__

    @wraps(call)
    async def awaited(self: Host, /, *args: P.args, **how: P.kwargs) -> T:
        own: Callable[..., T] = getattr(self, name)
        return await self._off(partial(own, *args, **how))

    awaited.__name__, awaited.__qualname__ = f"a{name}", f"Host.a{name}"
    awaited.__doc__ = f"As :meth:`{name}`, on the running loop."
    return awaited


class Host:
    """
    Plugins, and the calls that cannot leave one worse off.

    A call answers with an :class:`Outcome`, whatever happens, and raises nothing but what is no `Exception`.
    Calls of several threads queue.  Each call has a twin whose name begins with an ``a``, for use on an
    event loop: modules are executed in the executor, and the functions of :meth:`bind` are called on the loop.

    Args:
        name: What plugins call the host in their requirements.
        version: The version of its interface, which they can require.
        package: Absolute name of the package that plugins from files are imported under; by default the
            host's name with ``_plugins``.  The same name in every process, so that pickles can be read.
        helpers: Modules that plugins share, each with all below it; what of them changed is reloaded with any plugin.
        protect: Modules of the host, each with all below it, that no action on a plugin may execute.
        store: Where what outlives the process is kept; by default nowhere.
        keep: A folder for copies of the files of plugins' last versions, for :meth:`kept`; by default there are none.
        deny: For a plugin's name, specifiers of versions or source hashes that are not loaded.
        allow: Asked before each action; anything but a text or `False` allows it, a text says why not.
        clock: Gives the seconds since the epoch.
        executor: Where the calls that begin with an ``a`` execute modules; by default the loop's own.  An action
            has one of its threads until it is over, so a set-up that waits for the same executor needs another.
        registry: Whose transactions to take part in; by default the one of the functions of `modreg`.

    Raises:
        TypeError: *helpers* or *protect* is a text, or *keep* is no `Path`.
        ValueError: *version* is none, what is to be denied is neither a specifier nor a hash, or a helper is a
            module that no reload may touch: of Python or of modreg.

    .. versionadded:: 0.1.0
    """

    def __init__(
        self,
        name: str,
        *,
        version: str | None = None,
        package: str | None = None,
        helpers: Iterable[str] = (),
        protect: Iterable[str] = (),
        store: Store | None = None,
        keep: Path | None = None,
        deny: Mapping[str, Iterable[str]] | None = None,
        allow: Callable[[Request], object] | None = None,
        clock: Callable[[], float] = time.time,
        executor: Any = None,  # a concurrent.futures executor
        registry: Registry | None = None,
    ) -> None:
        finder = PluginFinder(package or f"{identifier(name)}_plugins")
        shared = tuple(map(allowed, _several(helpers)))
        roots = (finder.package, *shared)
        self._turns = Turns(executor)
        self._works = Works(
            name=name,
            version=Version(version) if version is not None else None,
            finder=finder,
            registry=registry.include(*roots) if registry is not None else modreg.include(*roots),
            helpers=shared,
            protected=_several(protect),
            ledger=Ledger(store if store is not None else MemoryStore()),
            denied={canonicalize_name(each): tuple(map(deniable, what)) for each, what in (deny or {}).items()},
            allow=allow,
            clock=clock,
            watch=Watch(clock),
            copies=Kept(a_folder(keep)) if keep is not None else None,
        )
        self._requests: deque[tuple[str, str, str]] = deque()  # any thread adds to it, whoever ticks takes from it
        finder.admit = self._works.let_in
        finder.install()
        self._greet()

    def _greet(self) -> None:
        ledger = self._works.ledger
        if ledger.trouble:
            _LOG.warning("%s", ledger.trouble)
        for name in ledger.crashed:
            _LOG.warning("the last process ended while plugin %r was being started; it is in quarantine", name)

    @property
    def audit(self) -> tuple[AuditLine, ...]:
        """The last thousand actions, oldest first."""
        return tuple(self._works.audit)

    # Setting up the host

    def bind(
        self,
        name: str | None = None,
        *,
        setup: Callable[[Any], object] | None = None,
        teardown: Callable[[Any], object] | None = None,
        save: Callable[[Any], object] | None = None,
        restore: Callable[[Any, Any], object] | None = None,
    ) -> None:
        """
        Say how a plugin is taken up and let go of; all four are called inside the transaction.

        A plugin is given as its module, or for an entry point as what that names.  With the calls that begin
        with an ``a`` they may be coroutine functions.

        Args:
            name: The plugin; `None` for all that have no binding of their own.
            setup: Called when a version comes.  If it raises, the former version is restored and set up again.
            teardown: Called when a version goes, and after a set-up that failed.  What it raises is a note.
            save: Called before a tear-down; what it returns is handed over.
            restore: Called after the set-up of the next version, with what was saved.
        """
        if name is not None and name not in self._works.units:
            raise KeyError(name)
        self._works.bindings[name] = Binding(setup=setup, teardown=teardown, save=save, restore=restore)

    def add(self, name: str, source: Source) -> None:
        """
        Make a plugin known; nothing of it is run.

        Args:
            name: Letters, digits, dots, dashes and underscores.  Requirements name it so.
            source: A file, folder or archive as a `Path`; a module that can be imported by its own name as
                a `str`; an entry point.

        Raises:
            TypeError: *source* is something else.
            ValueError: *name* has other characters, or *source* can be no plugin.
        """
        self._works.add(name, source)

    def discover(self, folder: Path | None = None, *, group: str | None = None) -> tuple[str, ...]:
        """
        Make known every plugin in a folder, or of a group of entry points; those known already stay as they are.

        Args:
            folder: Its packages, folders with a ``plugin.toml``, source files and archives are plugins,
                called like them; names that begin with a dot or an underscore are left out.
            group: The group.  What was installed since the process started is found.

        Returns:
            The names found, in order.  What can be no plugin is left out, with a warning in the log.

        Raises:
            TypeError: *folder* is no `Path`.
            OSError: It cannot be read.
        """
        found: dict[str, Source] = {}
        if folder is not None:
            paths = a_folder(folder).iterdir()
            for path in sorted(paths, key=lambda each: (not each.is_dir(), each)):  # as imports have it
                if path.name[0] not in "._" and _places.is_plugin(path):
                    name = path.stem if path.is_file() else path.name
                    if found.setdefault(name, path) is not path:
                        _LOG.warning("%s is left out: %s has the same name", path, found[name])
            found = dict(sorted(found.items()))
        if group is not None:
            importlib.invalidate_caches()
            found.update((entry.name, entry) for entry in entry_points(group=group))
        known = self._works.units
        return tuple(name for name, source in found.items() if name in known or self._is_added(name, source))

    def _is_added(self, name: str, source: Source) -> bool:
        """Make known what was found; what can be no plugin is told, and keeps no other from being found."""
        try:
            self.add(name, source)
        except ValueError as error:
            _LOG.warning("%s is left out: %s", source, error)
            return False
        return True

    def deny(self, name: str, what: str) -> None:
        """
        Load no such version of a plugin from here on.

        Args:
            name: The plugin's name.
            what: A specifier of versions, as ``<1.4``, or a source hash.

        Raises:
            ValueError: *what* is neither.
        """
        key = canonicalize_name(name)
        self._works.denied[key] = (*self._works.denied.get(key, ()), deniable(what))

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """
        Have *callback* told of each moment of each action; what it raises is logged.

        With the calls that begin with an ``a`` it is called on the loop, and may be a coroutine function.

        Returns:
            A function that ends the subscription.
        """
        token = partial(callback)  # one subscription: the same function may subscribe twice
        self._works.callbacks = (*self._works.callbacks, token)

        def end_it() -> None:
            self._works.callbacks = tuple(each for each in self._works.callbacks if each is not token)

        return end_it

    # Questions

    def __contains__(self, name: str) -> bool:
        return name in self._works.units

    def __getitem__(self, name: str) -> Any:  # a module, or what an entry point names
        """
        Give the loaded plugin: its module, or what its entry point names.

        Raises:
            KeyError: It is not known, or not loaded.
        """
        unit = self._works.units[name]
        if not unit.is_loaded:
            raise KeyError(name)
        return unit.target

    def plugins(self) -> tuple[Plugin, ...]:
        """All plugins, in the order in which they became known."""
        return tuple(self._shown(unit) for unit in list(self._works.units.values()))

    def plugin(self, name: str) -> Plugin:
        """
        One plugin.

        Raises:
            KeyError: It is not known.
        """
        return self._shown(self._works.units[name])

    def _shown(self, unit: Unit) -> Plugin:
        memory = self._works.ledger.of(unit.name)
        return Plugin(
            name=unit.name,
            module=unit.root,
            state=unit.state,
            version=unit.current,
            is_enabled=memory.is_enabled,
            is_pinned=bool(memory.pinned),
            is_on_probation=unit.probation is not None,
            quarantine=dict(memory.quarantine),
        )

    def history(self, name: str) -> tuple[PluginVersion, ...]:
        """
        Every version that a plugin had in this process, oldest first.

        Raises:
            KeyError: It is not known.
        """
        return tuple(self._works.units[name].versions)

    def diff(self, name: str, old: int | None = None, new: int | None = None) -> tuple[Diff, ...]:
        """
        What differs between two versions of a plugin, one entry for each of its modules that differs.

        Args:
            name: The plugin.
            old: A version number; by default the one before *new*.
            new: A version number; by default the current one.

        Raises:
            KeyError: It is not known.
            LookupError: It has no such version.
        """
        unit = self._works.units[name]
        last = len(unit.versions) if new is None else new
        first = last - 1 if old is None else old
        for number in (first, last):
            if not 1 <= number <= len(unit.versions):
                raise LookupError(f"plugin {name!r} has no version {number}")
        revisions = unit.versions[first - 1].revision, unit.versions[last - 1].revision
        found = (self._diff_of(module, *revisions) for module in sorted(dict(unit.modules())))
        return tuple(each for each in found if each is not None and each)

    def _diff_of(self, module: str, old: int, new: int) -> Diff | None:
        versions = self._works.registry.history(module)
        numbers = [[each.number for each in versions if each.revision <= revision] for revision in (old, new)]
        if not numbers[0] and versions[0].number > 1:
            raise UnknownVersionError(module, f"at revision {old}", versions[0].number)
        if not all(numbers) or numbers[0][-1] == numbers[1][-1]:
            return None
        return self._works.registry.diff(module, numbers[0][-1], numbers[1][-1])

    def changed(self, settled: float = 0.3) -> tuple[str, ...]:
        """
        Tell which plugins have files, or helpers, that were written since somebody last tried to load or reload them.

        Files come, go, and are replaced; all that counts of a plugin is looked at, and nothing is opened.  What a
        reload then finds unchanged, or refuses, is not told again until it is written again.

        Args:
            settled: Seconds for which nothing was written any more, from one call to another; an editor or an
                installer may be at it.  What never rests is told after ten times as long.
        """
        return self._works.changed(settled)

    @property
    def crashed(self) -> tuple[str, ...]:
        """The plugins that were being started, or on probation, when the last process ended without a close."""
        return self._works.ledger.crashed

    def kept(self, name: str) -> Path | None:
        """
        Tell where the files of a plugin's last good version are kept: what :meth:`load` takes as its source.

        So a plugin whose present files are in quarantine runs again, also in another process; these are left alone.

        Returns:
            A path in the folder that the host was given to keep them in; `None` if they are not kept.  They are not
            for modules and entry points, and if they were written again at once.
        """
        return self._works.kept(name)

    # Actions

    def load(
        self,
        name: str,
        source: Source | None = None,
        *,
        by: str = "",
        reason: str = "",
        confirm_within: float | None = None,
        check: Check | None = None,
    ) -> Outcome:
        """
        Execute a plugin's module and set it up; if either fails, nothing of it stays.

        A plugin that was disabled is enabled.

        Args:
            name: The plugin.
            source: As for :meth:`add`, where it is not known yet.
            by: Who asks, for the audit.
            reason: Why, for the history.
            confirm_within: Seconds after which the version has to be confirmed, by *check* or :meth:`confirm`;
                else the plugin is unloaded again, and its sources are in quarantine.
            check: Called with the plugin; a false answer or an exception fails the load.  With *confirm_within*
                it is called at each :meth:`tick` instead, and ends the probation at once.

        Returns:
            ``LOADED``, ``UNCHANGED`` if it is loaded already, or what went wrong.
        """
        asked: dict[str, Any] = {"by": by, "reason": reason, "confirm_within": confirm_within, "check": check}
        return self._works.take("load", name, self._works.load, source, **asked)

    def adopt(self, name: str, module: str | None = None, *, by: str = "", reason: str = "") -> Outcome:
        """
        Take on a plugin that something else has loaded and set up; nothing of it is run.

        For hosts that load plugins in a way of their own: from here on it can be reloaded, rolled back and unloaded.

        Args:
            name: The plugin.
            module: Absolute name of its module, where it is not known yet.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.

        Returns:
            ``LOADED``, ``UNCHANGED`` if it is loaded already, or what went wrong.
        """
        return self._works.take("adopt", name, self._works.adopt, module, by=by, reason=reason)

    def reload(
        self,
        name: str,
        *,
        by: str = "",
        reason: str = "",
        confirm_within: float | None = None,
        check: Check | None = None,
    ) -> Outcome:
        """
        Bring a plugin up to date with its files, and with those of the helpers.

        The running version is torn down once the new one is known to compile and its requirements hold.  If
        its execution or set-up fails, the former version is restored and set up again.  Other plugins that have
        to be executed for its sake take part, with the sources that they run on.  A plugin that is not loaded is
        loaded.

        Args:
            name: The plugin.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.
            confirm_within: As for :meth:`load`; a version that is not confirmed goes back to the last good one.
            check: As for :meth:`load`.

        Returns:
            ``RELOADED``, ``UNCHANGED``, or what went wrong.
        """

        def do(unit: Unit, action: Action) -> Outcome:
            return self._works.reload((unit,), action)[0] if unit.is_loaded else self._works.load(unit, action)

        asked: dict[str, Any] = {"by": by, "reason": reason, "confirm_within": confirm_within, "check": check}
        return self._works.take("reload", name, do, **asked)

    def rollback(self, name: str, to: int | None = None, *, by: str = "", reason: str = "") -> Outcome:
        """
        Bring an earlier version of a plugin back, with all that the same transactions changed, and set it up.

        Args:
            name: The plugin.
            to: A version number; by default the last one before with other sources that are not in quarantine.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.

        Returns:
            ``ROLLED_BACK``, or what went wrong.
        """
        return self._works.take("rollback", name, partial(self._works.rollback, to=to), by=by, reason=reason)

    def disable(self, name: str, *, by: str = "", reason: str = "") -> Outcome:
        """
        Tear a plugin down; its modules stay loaded.  It stays disabled in the next process.

        Returns:
            ``DISABLED``, ``UNCHANGED``, or ``REFUSED`` where others require it.
        """
        return self._works.take("disable", name, self._works.disable, by=by, reason=reason)

    def enable(self, name: str, *, by: str = "", reason: str = "") -> Outcome:
        """
        Set a disabled plugin up again; if it is not loaded, load it.

        Returns:
            ``ENABLED``, ``LOADED``, ``UNCHANGED``, or what went wrong.
        """
        return self._works.take("enable", name, self._works.enable, by=by, reason=reason)

    def unload(self, name: str, *, verify: bool = False, by: str = "", reason: str = "") -> Outcome:
        """
        Tear a plugin down, end all that it began, and take its modules out of `sys.modules`.

        Args:
            name: The plugin.
            verify: Prove by weak references that its modules, functions and classes are gone, and say in
                ``leaks`` who holds those that are not.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.

        Returns:
            ``UNLOADED``, ``UNCHANGED``, or ``REFUSED`` where others require it, or have imported it.
        """
        return self._works.take("unload", name, partial(self._works.unload, is_verified=verify), by=by, reason=reason)

    def check(self, name: str) -> Outcome:
        """
        Say what a load or reload would come to, without running anything of the plugin.

        Returns:
            ``READY``, ``UNCHANGED``, or what is in the way.
        """
        return self._works.take("check", name, self._works.check)

    def confirm(self, name: str, *, by: str = "") -> Outcome:
        """
        End a plugin's probation: its version is good.

        Returns:
            ``CONFIRMED``, or ``UNCHANGED`` where there is no probation.
        """
        return self._works.take("confirm", name, self._works.confirm, by=by)

    def request_reload(self, name: str, *, by: str = "", reason: str = "") -> None:
        """
        Have the next :meth:`tick` reload a plugin; several requests are one, and the last says by whom and why.

        It waits for nothing: signal handlers, other threads and guarded calls can ask for it.

        Args:
            name: The plugin.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.
        """
        self._requests.append((name, by, reason))

    def tick(self) -> tuple[Outcome, ...]:
        """
        Do what was requested, and look after the plugins on probation: to be called every now and then.

        Returns:
            What came of the requests, and of those whose probation is over.
        """
        requests: dict[str, tuple[str, str]] = {}
        while self._requests and self._works.is_free():  # else they wait
            name, by, reason = self._requests.popleft()
            requests[name] = by, reason
        found = [self.reload(name, by=by, reason=reason) for name, (by, reason) in requests.items()]
        for unit in [each for each in list(self._works.units.values()) if each.probation is not None]:
            outcome = self._works.take("probation", unit.name, self._works.prove)
            if outcome.kind is not Kind.UNCHANGED:
                found.append(outcome)
        return tuple(found)

    def pin(self, name: str, *, by: str = "") -> Outcome:
        """Keep a plugin at its version: a reload is refused, in later processes other sources are too."""
        return self._works.take("pin", name, self._works.pin, by=by)

    def unpin(self, name: str, *, by: str = "") -> Outcome:
        """Let a plugin go on to other versions."""
        return self._works.take("unpin", name, partial(self._works.note, said="it is not pinned", pinned=""), by=by)

    def release(self, name: str, *, by: str = "") -> Outcome:
        """Let a plugin's sources out of quarantine."""
        release = partial(self._works.note, said="nothing of it is in quarantine", quarantine={})
        return self._works.take("release", name, release, by=by)

    # Several at once

    def load_all(self, names: Iterable[str] | None = None, *, by: str = "") -> tuple[Outcome, ...]:
        """
        Load plugins, each after those that it requires, and each on its own: one that fails takes no other down.

        Args:
            names: The plugins; by default all that are known and not disabled.
            by: As for :meth:`load`.
        """
        wanted = list(self._works.units) if names is None else list(names)
        if names is None:
            wanted = [name for name in wanted if self._works.ledger.of(name).is_enabled]
        declared = {name: self._works.declared(name) for name in wanted}
        order, circles = _requirements.ordered(declared)
        done = [self._works.act("load", name, partial(_refused, why), by=by) for name, why in circles.items()]
        return (*done, *(self.load(name, by=by) for name in order))

    def reload_all(
        self, names: Iterable[str] | None = None, *, together: bool = False, by: str = "", reason: str = ""
    ) -> tuple[Outcome, ...]:
        """
        Reload plugins.

        Args:
            names: The plugins; by default all that are loaded.
            together: As one transaction, all of them or none; else each on its own, after those that it requires.
            by: As for :meth:`load`.
            reason: As for :meth:`load`.

        Returns:
            An outcome for each, in the order of the names.
        """
        wanted = [each.name for each in self._works.units.values() if each.is_loaded] if names is None else list(names)
        if not together:
            order = _requirements.sorted_by_need(wanted, {name: self._works.declared(name) for name in wanted})
            done = {name: self.reload(name, by=by, reason=reason) for name in order}
            return tuple(done[name] for name in wanted)
        found: list[Outcome] = []

        def act(action: Action) -> Outcome:
            found.extend(self._works.reload(tuple(self._works.loaded(name) for name in wanted), action))
            return found.pop()

        last = self._works.act("reload", wanted[-1], act, by=by, reason=reason) if wanted else None
        if last is not None and not found:  # one refusal for all, or there is but one
            return tuple(self._works.restated(last, name) for name in wanted)
        return (*found, last) if last is not None else ()

    def unload_all(self, *, by: str = "") -> tuple[Outcome, ...]:
        """Unload everything, dependents first."""
        loaded = {each.name: each.metadata for each in self._works.units.values() if each.is_loaded}
        order = reversed(_requirements.sorted_by_need(loaded, loaded))
        unload = partial(self._works.unload, is_verified=False, are_all=True)
        return tuple(self._works.take("unload", name, unload, by=by) for name in order)

    def close(self) -> tuple[Outcome, ...]:
        """End in good order: everything is unloaded, and nothing counts as having crashed."""
        done = self.unload_all()
        self._works.finder.uninstall()
        if self._works.folder is not None:
            self._works.folder.cleanup()
        return done

    # On an event loop

    async def _off(self, call: Callable[[], T]) -> T:
        works = self._works
        is_inside = works.registry.is_guarded()
        return await self._turns.take(call, is_inside=is_inside, may_wait=not (is_inside or works.is_acting()))

    aload = _awaited(load)
    aadopt = _awaited(adopt)
    areload = _awaited(reload)
    arollback = _awaited(rollback)
    adisable = _awaited(disable)
    aenable = _awaited(enable)
    aunload = _awaited(unload)
    acheck = _awaited(check)
    aconfirm = _awaited(confirm)
    apin = _awaited(pin)
    aunpin = _awaited(unpin)
    arelease = _awaited(release)
    atick = _awaited(tick)
    aload_all = _awaited(load_all)
    areload_all = _awaited(reload_all)
    aunload_all = _awaited(unload_all)
    aclose = _awaited(close)


def _refused(why: str, _: Action) -> Outcome:
    raise RefusalError("requirements", why)


def _several(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"several modules are a list or tuple of names, not the text {names!r}")
    return tuple(names)
