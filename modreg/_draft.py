"""A plan with everything that carrying it out needs, and each module's share of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.machinery import ModuleSpec
from typing import Final

import attrs

from modreg import _graph, _source, _uses
from modreg._edges import Groups, at_import, grouped
from modreg._forecast import Forecast
from modreg._history import Record
from modreg._model import Cause, Decision, Edge, Finding, Step, rebinding
from modreg._needs import Needs
from modreg._scan import Import
from modreg._scope import packages_of
from modreg._source import Source
from modreg._stars import Fewer
from modreg._statements import Body
from modreg._view import View

WHOLE: Final = "a circle in which an import may fail is executed as a whole"


@attrs.define(eq=False, slots=False)
class Part:
    """
    One module's share of a plan.

    Attributes:
        record: The version that is current now.
        spec: The spec to execute it by, found anew where the file changed.
        source: The bytes to execute; `None` for a package that has none any more.
        body: What they compile to; `None` where a loader of its own kind must execute the module.
        former: What the current source compiles to; `None` where that is not known.
        is_layout: Whether it differs from the current one in comments, layout and positions alone.
    """

    name: str
    record: Record
    cause: Cause
    reason: str
    spec: ModuleSpec
    source: Source | None
    body: Body | None
    former: Body | None
    is_layout: bool = False

    @property
    def imports(self) -> tuple[Import, ...]:
        """What the source imports."""
        if self.body is None:
            return self.record.read()
        return (*self.body.imports, *(self.source.called if self.source is not None else ()))

    @property
    def bound(self) -> frozenset[str]:
        """The names that the current source can bind."""
        return self.former.bound if self.former is not None else frozenset()

    @functools.cached_property
    def may_write(self) -> bool:
        """Whether one of the two sources may set attributes of something when it is executed."""
        return any(each is None or each.is_setting_attributes for each in {self.former, self.body})

    @functools.cached_property
    def view(self) -> View:
        """What the source defines and uses."""
        known = self.record.uses if self.is_unchanged else None
        return View(self.name, self.spec.parent or "", used(self.source, self.body) if known is None else known)

    def read_view(self) -> View:
        return self.view

    @property
    def read(self) -> tuple[_uses.Statement, ...] | None:
        """What its statements define and use, where somebody asked for it."""
        if self.is_unchanged:
            return self.record.uses
        return self.view.statements if "view" in self.__dict__ else None

    @property
    def is_unchanged(self) -> bool:
        """Whether it is the current source that is executed again."""
        known = self.record.source
        return known is not None and self.source is not None and known.hash == self.source.hash

    @property
    def step(self) -> Step:
        decision = Decision.PATCH if self.is_layout else Decision.EXECUTE
        return Step(module=self.name, decision=decision, reason=self.reason)


@attrs.define(eq=False, slots=False)
class Draft:
    """
    A plan with everything that carrying it out needs.

    Attributes:
        parts: The modules that take part for their own sake.
        unload: The modules that leave.
        gone: Why they leave, as a clause.
        lost: The names of modules that others set, and that their own execution has to set again.
        members: The parts, and all that use one of them in any way.
        starring: Those of them that take names with a star, and the parts.
        graph: For each of them what it imports when it is executed, and for all others in scope.
        imported: For each of them that may import something else then, what it imported before.
        needs: Who of them has to be executed, as far as that is known.
        prepared: The parts of those whose files changed as well.
        unedited: Those whose files were looked at, or are not to be; they are executed from the source that they have.
        group: Puts the members in circles, given the graph and them: dependencies and packages first.
        make: Makes the part of one of them, given its name, the reason and whether its file is not to be looked at.
        around: The modules in whose execution another one would begin, innermost first, if that is not loaded.
        catching: Those of a circle that may fail to import another one, and go on.
        caught: Those of a circle that do so in a fresh interpreter.
        fewer: What star imports of those of a circle do not bring in a fresh interpreter, by the modules halfway.
        taken: The names that the program itself took from modules, each with the module and the name there.
    """

    cause: Cause
    parts: dict[str, Part] = attrs.field(factory=dict)
    unload: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    gone: str = "its source is gone"
    lost: frozenset[tuple[str, str]] = frozenset()
    members: tuple[str, ...] = ()
    starring: tuple[str, ...] = ()
    graph: dict[str, dict[str, Edge]] = attrs.field(factory=dict)
    imported: dict[str, dict[str, Edge]] = attrs.field(factory=dict)
    needs: Needs = attrs.field(factory=lambda: Needs(_unread, {}))
    prepared: dict[str, Part] = attrs.field(factory=dict)
    unedited: set[str] = attrs.field(factory=set)
    group: Callable[[dict[str, dict[str, Edge]], tuple[str, ...]], Groups] = attrs.field(default=grouped)
    make: Callable[[str, str, bool], Part] | None = None
    around: Callable[[str], tuple[str, ...]] = attrs.field(default=lambda _name: ())
    catching: Callable[[tuple[str, ...]], tuple[str, ...]] = attrs.field(default=lambda _members: ())
    caught: Callable[[tuple[str, ...]], frozenset[str]] = attrs.field(default=lambda _members: frozenset())
    fewer: Callable[[tuple[str, ...]], Fewer] = attrs.field(default=lambda _: {})
    taken: Callable[[], Iterable[tuple[str, str, str]]] = attrs.field(default=lambda: ())
    _imports: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _forecasts: dict[tuple[str, ...], Forecast] = attrs.field(init=False, factory=dict)

    @functools.cached_property
    def _groups(self) -> Groups:
        return self.group(self.graph, self.members)

    @functools.cached_property
    def order(self) -> tuple[str, ...]:
        """The members, dependencies first."""
        return tuple(name for group in self._groups for name in group)

    @functools.cached_property
    def is_calm(self) -> bool:
        """
        Whether one module is all that has to be executed, as far as can be foreseen.

        Then it is before the others in any order, and as long as it proves true nothing need be found out about them.
        """
        parts = [part for part in self.parts.values() if not part.is_layout]
        if len(self.parts) != 1 or len(parts) != 1 or self.unload or self.needs.affected or self.imports(parts[0].name):
            return False
        name = parts[0].name
        return not self.needs.is_used(name) or self.needs.is_calm({name: parts[0].read_view})

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is going to be done, by all that can be known without running code."""
        gone = [Step(module=name, decision=Decision.UNLOAD, reason=self.gone) for name in self.unload]
        forecast = self._forecast(self.order)
        found = {name: rebinding(name, names) for name, names in forecast.rebound.items()}
        found.update((name, part.step) for name, part in self.parts.items())
        for name, why in self.completed(forecast.affected).items():
            found[name] = Step(module=name, decision=Decision.EXECUTE, reason=why)
        return (*gone, *(found[name] for name in self.order if name in found))

    @property
    def is_empty(self) -> bool:
        return not (self.parts or self.unload)

    def limit(self, dependents: str) -> None:
        """Take all dependents instead of those that need it, or none."""
        self.needs.is_blind = dependents == "none"
        if self.needs.is_blind:
            self.needs.affected.clear()
        if dependents != "all":
            return
        self.__dict__.pop("is_calm", None)
        queue = [*changing(self.parts), *self.unload]
        for name in queue:
            for user in self.order:
                if name in self.imports(user) and user not in queue:
                    self.needs.affect(user, f"it imports {name}")
                    queue.append(user)

    def dependent(self, name: str, reason: str) -> Part:
        """The part of one that has to be executed for another's sake."""
        assert self.make is not None  # without an order there are no dependents
        return self.prepared.get(name) or self.make(name, reason, name in self.unedited)

    def completed(self, going: Mapping[str, str]) -> dict[str, str]:
        """Who is going to be executed, each with the reason, with all others of the circles that are executed whole."""
        named = {*going, *changing(self.parts)}
        more = {name for name in self.circles if name not in named and self.is_whole(name, named.__contains__)}
        return {**going, **dict.fromkeys(more, WHOLE)}

    def is_whole(self, name: str, is_going: Callable[[str], bool]) -> bool:
        """
        Whether a module is in a circle that is executed as a whole, given who is going to be executed.

        Where one of these fails to import another and goes on, that depends on how far the others have come.
        """
        catching, members = self.circles.get(name, ((), ()))
        going = [each for each in catching if is_going(each)]
        return bool(going) and not self.caught(members).isdisjoint(going)

    def lacking(self, name: str) -> Mapping[str, frozenset[str]]:
        """The names that star imports of a module do not bring in a fresh interpreter, by the modules halfway then."""
        members = () if self.is_calm or name not in self.starring else self.components.get(name, ())
        return self.fewer(members).get(name, {}) if len(members) > 1 else {}

    def foreseen(self) -> dict[str, str]:
        """Those that will have to be executed for others, each with the reason."""
        return self._forecast(self.order).affected

    def foreseen_among(self, members: tuple[str, ...], names: Collection[str]) -> dict[str, str]:
        """As :meth:`foreseen` for those of a circle, and more: asked again and again while these are executed."""
        known = self._forecasts.get(members)
        if known is None:
            known = self._forecasts[members] = self._forecast(names)
        else:
            known.go_on(self._seeds(names), names)
        return known.affected

    def has_foreseen(self, members: tuple[str, ...]) -> bool:
        """Whether that was asked of a circle before."""
        return members in self._forecasts

    def _forecast(self, names: Collection[str]) -> Forecast:
        return Forecast(self.needs, self._seeds(names), [*dict.fromkeys(names)])

    def _seeds(self, names: Iterable[str]) -> dict[str, Callable[[], View]]:
        parts = {name: self.parts[name] for name in names if name in self.parts}
        return {name: parts[name].read_view for name in changing(parts)}

    @functools.cached_property
    def components(self) -> dict[str, tuple[str, ...]]:
        """For each name those that import each other with it, itself included."""
        found: dict[str, tuple[str, ...]] = {group[0]: group for group in self._groups if len(group) == 1}
        for group in self._groups:
            if len(group) > 1:  # no circle of imports goes beyond it
                inside = frozenset(group)
                among = {name: inside.intersection(self.imports(name)) for name in group}
                found.update((name, members) for members in _graph.components(among) for name in members)
        return found

    @functools.cached_property
    def circles(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """For each member of a circle in which an import may fail, and be caught, who catches that; and all members."""
        found: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for members in dict.fromkeys(each for each in self.components.values() if len(each) > 1):
            catching = self.catching(members)
            every = self.with_packages[members[0]] if catching else ()
            found.update(dict.fromkeys(every, (catching, every)))
        return found

    def look_around(self) -> None:
        """Find out who fails in a circle as long as what comes for the first time is not loaded."""
        for _, members in self.circles.values():
            self.caught(members)

    @functools.cached_property
    def with_packages(self) -> dict[str, tuple[str, ...]]:
        """As :attr:`components`, by what else imports execute: the packages of what is imported."""
        among: dict[str, list[str]] = {}
        for name in self.order:
            among[name] = [each for each in self._asked(name) if each in self._names and each != name]
        return {name: members for members in _graph.components(among) for name in members}

    def imports(self, name: str) -> tuple[str, ...]:
        """What a module imports when it is executed, of those that may take part."""
        found = self._imports.get(name)
        if found is None:
            among = at_import(self.graph.get(name, {}))
            found = self._imports[name] = tuple(each for each in among if each in self._names and each != name)
        return found

    def led_to(self, name: str) -> Collection[str]:
        """All that the execution of a module may import, with the packages that is in, and itself."""
        found = {name: None}
        queue = [name]
        for each in queue:  # it grows while it is walked
            every = self._asked(each)
            queue.extend(n for n in every if n not in found)
            found.update(every)
        return found.keys()

    def _asked(self, name: str) -> dict[str, None]:
        """What the imports of a module have executed: modules, and the packages that they are in."""
        imported = at_import(self.graph.get(name, {}))
        return dict.fromkeys(each for other in imported for each in (*packages_of(other), other))

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.members)


def _unread(name: str) -> View:
    return View(name, "", ())


def changing(parts: Mapping[str, Part]) -> list[str]:
    """Those of the parts that differ in more than comments and layout."""
    return [name for name, part in parts.items() if not part.is_layout]


def used(source: Source | None, body: Body | None) -> tuple[_uses.Statement, ...] | None:
    """What the statements of a source define and use; of a body that has them read what was not read before."""
    if source is None:
        return ()
    try:
        found = body.uses() if body is not None else None
        return _uses.statements(_source.decode(source.data)) if found is None else found
    except (SyntaxError, ValueError):
        return None  # what a loader that transforms takes
