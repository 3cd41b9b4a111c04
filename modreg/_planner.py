"""What a transaction would do, found out without running any module's code."""

from __future__ import annotations

import functools
import itertools
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    SourceFileLoader,
)
from types import CodeType, ModuleType
from typing import Any, Final, NoReturn, cast

import attrs

from modreg import _graph, _importer, _lines, _positions, _scan, _source, _statements, _uses
from modreg._asked import asked_by, by_computed_names
from modreg._folders import SETTLED, Folders
from modreg._history import GONE, NONE, History, Record
from modreg._importer import is_unloaded_lazy, namespace_of, space_of, spec_of
from modreg._journal import MISSING
from modreg._model import Cause, Decision, Edge, EdgeKind, Finding, Phase, Step, rebinding
from modreg._needs import Calm, Differing, Needs, Prediction, View, behind, declared, is_submodule
from modreg._roll import Roll
from modreg._scan import Import
from modreg._scope import OWN, Scope, is_under, packages_of
from modreg._source import Source
from modreg._statements import Body
from modreg.errors import NotLoadedError, RefusedError, SourceError

_module_locks: Final[Any] = sys.modules["_frozen_importlib"]._module_locks  # private
"""There is one for each module that is being imported at the moment, and else none."""

_ATTRIBUTE: Final = re.compile(r"\.\s*([^\W\d]\w*)")
"""What looks like an attribute of something."""

_EDITED_AT_ONCE: Final = 3
"""So many sources change in an edit; if more do, another release was installed, which nobody goes on to edit."""

Groups = tuple[tuple[str, ...], ...]
"""The names of modules; together those that have each other before them."""

WHOLE: Final = "a circle in which an import may fail is executed as a whole"
_NEVER: Final = -1
"""A number of changes to the scope that it never has."""

_ASLEEP: Final = "it is to be loaded at its first use, and has not run yet; that will execute the source as it is then"
_ALREADY_RUNNING: Final = "it is being executed at this very moment"


@attrs.define(eq=False, slots=False)
class Part:
    """
    One module's share of a plan.

    Attributes:
        record: The version that is current now.
        spec: The spec to execute it by, found anew where the file changed.
        source: The bytes to execute.
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
    def bound(self) -> frozenset[str]:
        """The names that the current source can bind."""
        return self.former.bound if self.former is not None else frozenset()

    @property
    def may_write(self) -> bool:
        """Whether one of the two sources may set attributes of something when it is executed."""
        return any(each is None or each.is_setting_attributes for each in {self.former, self.body})

    @functools.cached_property
    def view(self) -> View:
        """What the source defines and uses."""
        known = self.record.uses if self.is_unchanged else None
        return View(self.name, self.spec.parent or "", _used(self.source, self.body) if known is None else known)

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
        needs: Who of them has to be executed, as far as that is known.
        prepared: The parts of those whose files changed as well.
        unedited: Those whose files were looked at, or are not to be; they are executed from the source that they have.
        group: Puts the members in circles, given the graph and them: dependencies and packages first.
        make: Makes the part of one of them, given its name, the reason and whether its file is not to be looked at.
        is_fragile: Whether an execution of one of them may fail to import another of a circle, and go on.
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
    needs: Needs = attrs.field(factory=lambda: Needs(_unread, {}))
    prepared: dict[str, Part] = attrs.field(factory=dict)
    unedited: set[str] = attrs.field(factory=set)
    group: Callable[[dict[str, dict[str, Edge]], tuple[str, ...]], Groups] = attrs.field(
        default=lambda graph, names: _grouped(graph, names)  # noqa: PLW0108  # the function stands below
    )
    make: Callable[[str, str, bool], Part] | None = None
    is_fragile: Callable[[str, tuple[str, ...]], bool] | None = None
    _imports: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

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
        affected, rebound = self._predicted(self.order)
        found = {name: rebinding(name, names) for name, names in rebound.items()}
        found.update((name, part.step) for name, part in self.parts.items())
        found.update((name, _executing(name, why)) for name, why in self.completed(affected).items())
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
        queue = [*(name for name, part in self.parts.items() if not part.is_layout), *self.unload]
        for name in queue:
            for user in self.order:
                if name in self.imports(user) and user not in queue:
                    self.needs.affected.setdefault(user, f"it imports {name}")
                    queue.append(user)

    def dependent(self, name: str, reason: str) -> Part:
        """The part of one that has to be executed for another's sake."""
        assert self.make is not None  # without an order there are no dependents
        return self.prepared.get(name) or self.make(name, reason, name in self.unedited)

    def completed(self, going: Mapping[str, str]) -> dict[str, str]:
        """Who is going to be executed, each with the reason, with all others of the circles that are executed whole."""
        named = {*going, *(name for name, part in self.parts.items() if not part.is_layout)}
        circles = dict.fromkeys(self.whole.values()) if self.whole else ()
        more = {each for fragile, members in circles if not named.isdisjoint(fragile) for each in members} - named
        return {**going, **dict.fromkeys(more, WHOLE)}

    def foreseen(self, names: Collection[str]) -> dict[str, str]:
        """Those of the names that will have to be executed for others, each with the reason."""
        return self._predicted(names)[0]

    def _predicted(self, names: Collection[str]) -> Prediction:
        parts = {name: self.parts[name] for name in names if name in self.parts}
        seeds = {name: part.read_view for name, part in parts.items() if not part.is_layout}
        return self.needs.predict(seeds, names)

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
    def whole(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """
        For each member of a circle those that may fail to import another, and go on; and all members.

        Whether that fails depends on how far the others have come, so that all are executed if one of the former is.
        """
        found: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        is_fragile = self.is_fragile
        for members in dict.fromkeys(self.components.values()):
            fragile = tuple(n for n in members if is_fragile(n, members)) if is_fragile and len(members) > 1 else ()
            found.update(dict.fromkeys(members if fragile else (), (fragile, members)))
        return found

    def imports(self, name: str) -> tuple[str, ...]:
        """What a module imports when it is executed, of those that may take part."""
        found = self._imports.get(name)
        if found is None:
            among = _at_import(self.graph.get(name, {}))
            found = self._imports[name] = tuple(each for each in among if each in self._names and each != name)
        return found

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.members)


def _executing(name: str, reason: str) -> Step:
    return Step(module=name, decision=Decision.EXECUTE, reason=reason)


@attrs.define(eq=False)
class _Row:
    """
    The edges of one version, and all that they depend on.

    Attributes:
        imports: What it imports.
        package: The package that relative imports start from.
        pairs: What its from-imports take, each a module and a name, which may be a submodule.
        names: The modules that these pairs would be, and then all others that its statements name.
        situation: Which of the names were loaded, which of the pairs submodules, and where what a ``__getattr__`` gave
            was from, when the edges were made.
        is_starring: Whether it takes names with a star.
        taken: The pairs that were loaded modules, by their full names: somebody may bind other objects to these names.
        asked: The names of all modules that it may have edges to, but for what a ``__getattr__`` gives.
    """

    imports: tuple[Import, ...]
    package: str
    pairs: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    situation: tuple[object, ...] | None = None
    edges: dict[str, Edge] = attrs.field(factory=dict)
    taken: tuple[str, ...] = ()
    is_starring: bool = False
    asked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, record: Record) -> _Row:
        imports = record.read()
        bases = [(base, each) for each in imports if (base := record.resolved(each))]
        pairs = tuple(sorted({(base, name) for base, each in bases for name in each.names}))
        others = {name for base, _ in bases for name in (base, base.partition(".")[0])}
        full = [*map(".".join, pairs)]
        whole = [base.partition(".")[0] for base, each in bases if not each.names]
        asked = frozenset([*full, *whole, *(base for base, _ in bases)])
        is_starring = any(name == "*" for _, name in pairs)
        return cls(imports, record.package, pairs, (*full, *sorted(others)), is_starring=is_starring, asked=asked)

    def is_of(self, record: Record) -> bool:
        """Whether they are the edges of another version too: it imports the same."""
        return self.package == record.package and self.imports == record.read()

    def look(self, record: Record, make: Callable[[Record], dict[str, Edge]]) -> None:
        """Make the edges anew if what they depend on is other than it was."""
        loaded = tuple(map(sys.modules.__contains__, self.names))
        self.taken = tuple(itertools.compress(self.names, loaded[: len(self.pairs)]))
        submodules = (is_submodule(*pair) for pair in itertools.compress(self.pairs, loaded))
        situation = (*loaded, *submodules, *(behind(record.name, *pair) for pair in self.pairs))
        if self.situation != situation:
            self.edges, self.situation = make(record), situation


@attrs.frozen(eq=False)
class _Found:
    """
    The edges of all tracked modules, and all that they were found by.

    Attributes:
        tracked: The modules; the very tuple stands for what is loaded.
        places: For each where its package is, among them or else the packages that are not, and its name in it.
        packages: Those.
        bound: The modules that are bound in their packages.
        declaring: The modules that declare what they depend on.
        records: Their current versions.
        where: The place of each among them.
        situation: Which modules are bound in their packages, and which namespaces have names that mean something to us.
        loose: The modules whose edges have to be looked at each time.
        edges: The edges.
    """

    tracked: tuple[str, ...] = ()
    places: list[tuple[int, str]] = attrs.field(factory=list)
    packages: list[str] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)
    situation: tuple[list[bool], ...] = ()
    bound: frozenset[str] = frozenset()
    declaring: frozenset[str] = frozenset()
    loose: tuple[str, ...] = ()
    edges: dict[str, dict[str, Edge]] = attrs.field(factory=dict)
    where: dict[str, int] = attrs.field(factory=dict)

    def is_still(self, name: str) -> bool:
        """Whether the situation of one module is what it was."""
        place = self.where[name]
        now = _situation((name,), *_places((name,)))
        return all(then[place] is each for then, (each,) in zip(self.situation, now, strict=True))


@attrs.define(eq=False)
class _Rows:
    """
    The edges of current versions: to work them out takes longer than to see whether they still hold.

    Attributes:
        starring: The modules that take names with a star.
        called: By module what it imported by names that it computed.
    """

    starring: set[str] = attrs.field(factory=set)
    _rows: dict[str, _Row] = attrs.field(factory=dict)
    called: dict[str, set[str]] = attrs.field(factory=dict)
    # For the name of a module those whose rows ask for it.
    _asking: dict[str, set[str]] = attrs.field(factory=lambda: defaultdict(set))
    _found: _Found = attrs.field(factory=_Found)
    _calm: Calm = attrs.field(factory=Calm)

    def edges(
        self,
        tracked: tuple[str, ...],
        records: Mapping[str, tuple[Record, ...]],
        make: Callable[[Record], dict[str, Edge]],
        seeds: Iterable[str] | None = None,
    ) -> dict[str, dict[str, Edge]]:
        """
        The edges of the *tracked* modules; of most nothing that they depend on has changed.

        Whether that is so is looked at for all of them; with *seeds* only for those that may come to one of these, for
        the sources of the others speak of none.
        """
        was, now = self._found, [records[name][-1] for name in tracked]
        is_known = was.tracked is tracked
        if not is_known:
            self.called = by_computed_names(tracked, records)
        places, packages = (was.places, was.packages) if is_known else _places(tracked)
        changed = zip(tracked, was.records, now, strict=True) if is_known else ()
        names = [*(name for name, mine, theirs in changed if mine is not theirs), *was.loose]
        near = self._near(seeds, names) & was.edges.keys() if is_known and seeds is not None else ()
        is_same = bool(near) and all(was.is_still(name) for name in near)
        situation = was.situation if is_same else _situation(tracked, places, packages)
        if is_known and was.situation == situation:
            names.extend(near)
            bound, declaring, found = was.bound, was.declaring, was.edges.copy()
        else:
            bound, _, declaring = (frozenset(itertools.compress(tracked, each)) for each in situation)
            names, found = [*tracked], {}
        found.update((name, self._edges(records[name][-1], make)) for name in names)
        # Where a submodule is bound as it should be, a change of that is a change of the situation.
        loose = [n for n in dict.fromkeys(names) if n in declaring or not bound.issuperset(self._rows[n].taken)]
        where = was.where if is_known else {name: place for place, name in enumerate(tracked)}
        self._found = _Found(
            tracked, places, packages, now, situation, bound, declaring, tuple(loose), found, where
        )
        return found

    def _near(self, *names: Iterable[str]) -> set[str]:
        """The names, and all that may come to any of them by asking for modules."""
        found = set(itertools.chain(*names))
        queue = list(found)
        for name in queue:
            around = (name, *packages_of(name))  # who imports a package may ask it for what is in it
            queue.extend(fresh := {user for each in around for user in self._asking.get(each, ())} - found)
            found |= fresh
        return found

    def _edges(self, record: Record, make: Callable[[Record], dict[str, Edge]]) -> dict[str, Edge]:
        row = self._rows.get(record.name)
        if row is None or not row.is_of(record):
            for each in row.asked if row is not None else ():
                self._asking[each].discard(record.name)
            row = self._rows[record.name] = _Row.of(record)
            for each in row.asked:
                self._asking[each].add(record.name)
            (self.starring.add if row.is_starring else self.starring.discard)(record.name)
        row.look(record, make)
        return _with_more(record.name, row.edges, self.called.get(record.name, ()))

    def calm(self, users: Mapping[str, Collection[str]]) -> Calm:
        """What is known of changes that make nobody be executed, as of what was found last."""
        found = self._found
        sources = [record.source for record in found.records]
        self._calm = self._calm.settled(found.tracked, found.situation, sources, users)
        return self._calm


def _places(tracked: tuple[str, ...]) -> tuple[list[tuple[int, str]], list[str]]:
    """For each module where its package is, among them and then the others, and its name in it; and these others."""
    parts = [name.rpartition(".") for name in tracked]
    packages = [*({package for package, _, _ in parts} - {*tracked})]
    where = {name: place for place, name in enumerate((*tracked, *packages))}
    return [(where[package], child) for package, _, child in parts], packages


def _situation(
    tracked: tuple[str, ...], places: list[tuple[int, str]], packages: list[str]
) -> tuple[list[bool], ...]:
    """Of each module whether it is bound in its package, and whether it has two names that mean something to us."""
    empty: dict[str, object] = {}
    modules = [*map(sys.modules.get, tracked)]
    # A plain module runs nothing when it is asked for its namespace; nearly all are, and there may be thousands.
    spaces = [each.__dict__ if type(each) is ModuleType else namespace_of(each) or empty for each in modules]
    asked = ["__getattr__" in each for each in spaces]
    declaring = ["__depends__" in each for each in spaces]
    spaces += [namespace_of(sys.modules.get(name)) or empty for name in packages]
    bound = [spaces[package].get(name) is module for (package, name), module in zip(places, modules, strict=True)]
    return bound, asked, declaring


@attrs.frozen(eq=False)
class Planner:
    """Makes drafts from the history, the scope and the files."""

    history: History
    scope: Scope
    # Names that imports asked for in vain; the finder fills it.
    missed: set[str] = attrs.field(factory=set)
    # What modules were whose import failed; the recorder fills it.
    failed: dict[str, Record] = attrs.field(factory=dict)
    # Modules out of scope, by identity, so that each is looked at once.
    _strangers: dict[str, int] = attrs.field(factory=dict)
    _folders: Folders = attrs.field(factory=Folders)
    _roll: Roll = attrs.field(factory=Roll)
    _attributes: dict[str, tuple[Source | None, frozenset[str]]] = attrs.field(factory=dict)
    _views: dict[str, View] = attrs.field(factory=dict)
    # What the last attempt to reload a module found out, for the next.
    _differing: Differing = attrs.field(factory=dict)
    _users: _Users = attrs.field(factory=lambda: _Users())  # noqa: PLW0108  # the class stands below
    _rows: _Rows = attrs.field(factory=lambda: _Rows())  # noqa: PLW0108  # as above

    # The calls

    def reload(self, name: str) -> Draft:
        """
        Draft the reload of *name* and of its dependents.

        Raises:
            NotLoadedError: No module of that name is loaded.
            RefusedError: It cannot be executed again.
            SourceError: Its source cannot be read or compiled.
        """
        for record in self.history.declining():
            with suppress(SourceError):  # whoever needs that source will say so
                self._change(record)
        self._refuse(name)
        return self._draft(Cause.RELOAD, {name: "it was asked for"})

    def refresh(self, only: tuple[str, ...] | None = None) -> Draft:
        """
        Draft the execution of everything in scope whose source changed, and of its dependents.

        Args:
            only: Look at nothing but these modules and all below them; others take part with the sources they run on.
        """
        seeds: dict[str, str] = {}
        gone: list[str] = []
        tracked = self.tracked()
        below = tuple(f"{root}." for root in only or ())
        wanted = [name for name in tracked if only is None or name in only or name.startswith(below)]
        for name in self._roll.suspects(tracked, self.history) if only is None else wanted:
            record = self.history.current(name)
            change = self._change(record)
            if change == "gone":
                gone.append(name)
            elif change:
                seeds[name] = change
        arrived = self._arrived()
        seeds = {**{name: arrived[name] for name in wanted if name in arrived}, **seeds}
        if not seeds and not gone:
            return Draft(Cause.REFRESH)
        return self._draft(Cause.REFRESH, seeds, tuple(gone), is_limited=only is not None)

    def unload(self, roots: tuple[str, ...]) -> Draft:
        """Draft that modules and all below them leave; nobody is executed for it."""
        names = tuple(name for name in list(sys.modules) if any(is_under(name, root) for root in roots))
        for name in names:
            if name not in self.history.records:
                self.adopt_one(name)
        return Draft(Cause.UNLOAD, unload=names[::-1], gone="it was asked for")

    def restore(self, sources: Mapping[str, Source]) -> Draft:
        """Draft the execution of earlier sources, for versions whose snapshots are gone."""
        seeds = dict.fromkeys(sources, "an earlier version is brought back")
        return self._draft(Cause.ROLLBACK, seeds, (), sources, is_limited=True)

    # What is loaded

    def limit(self, roots: tuple[str, ...] | None) -> None:
        """Take other roots."""
        self.scope.limit(roots)
        self._strangers.clear()

    def include(self, roots: tuple[str, ...]) -> None:
        """Put more roots in scope."""
        if not set(roots) <= self.scope.included:
            self.scope.include(roots)
            self._strangers.clear()
            for name, records in list(self.history.records.items()):
                if records[-1].source is None and name in sys.modules and any(is_under(name, root) for root in roots):
                    records[-1].source, records[-1].imports = _read_quietly(spec_of(name), records[-1].origin), None

    def tracked(self) -> tuple[str, ...]:
        """Every module in scope that is loaded, in the order in which they were first imported."""
        records = self.history.records
        tracked = self._roll.tracked((self.history.changes, self.scope.changes))
        if tracked is None:
            is_whole = self.adopt()
            covers = self.scope.covers
            names = [n for n in list(sys.modules) if n in records and covers(n, records[n][-1].origin)]
            asleep = {n for n in names if is_unloaded_lazy(sys.modules.get(n))}  # once it was loaded, and now anew
            changes = self.history.changes, self.scope.changes if is_whole and not asleep else _NEVER
            tracked = self._roll.take([n for n in names if n not in asleep], changes)
        return tracked

    def adopt(self) -> bool:
        """Record what was loaded past the finder, or before it was there; whether nothing is left for later."""
        records = self.history.records
        is_whole = True
        for name, module in list(sys.modules.items()):
            if name in records or self._strangers.get(name) == id(module):
                continue
            if _is_initializing(name) or is_unloaded_lazy(module):
                is_whole = False
                continue
            spec = spec_of(name)
            if spec is not None and self.scope.covers(name, spec.origin):
                self.adopt_one(name)
            else:
                self._strangers[name] = id(module)
        return is_whole

    def adopt_one(self, name: str) -> Record:
        """
        Record a loaded module that has no version yet.

        Raises:
            NotLoadedError: There is no such module.
        """
        if sys.modules.get(name) is None or is_unloaded_lazy(sys.modules[name]):
            raise NotLoadedError(name)
        spec = spec_of(name)
        origin = spec.origin if spec is not None else None
        source = None
        if self.scope.covers(name, origin):
            source = _read_quietly(spec, origin)
        return self.history.add(
            Record(
                name=name,
                number=1,
                revision=0,
                cause=Cause.ADOPTED,
                origin=origin,
                package=(spec.parent or "") if spec is not None else "",
                created=time.time(),
                source=source,
            )
        )

    # Edges

    def edges(self, name: str, imports: Iterable[Import], package: str) -> Iterator[Edge]:
        """What a module uses of the loaded ones, by its import statements."""
        for each in imports:
            try:
                base = _scan.resolve(each, package)
            except ImportError:
                continue
            yield from _edges_of(name, each, base)
            yield from _edges_behind(name, each, base)

    def graph(self, seeds: Iterable[str] | None = None) -> dict[str, dict[str, Edge]]:
        """For each tracked module its edges by dependency; with *seeds* only who may come to these is looked at."""
        latest = self._roll.latest((self.history.changes, self.scope.changes)) if seeds is not None else None
        return self._rows.edges(latest or self.tracked(), self.history.records, self._edges_of, seeds).copy()

    def _edges_of(self, record: Record) -> dict[str, Edge]:
        return _strongest(self.edges(record.name, record.read(), record.package))

    def _graph_with(self, parts: Mapping[str, Part], graph: dict[str, dict[str, Edge]]) -> dict[str, dict[str, Edge]]:
        """A graph in which the parts of a plan have the edges of their new code."""
        imports = {name: _imports(part) for name, part in parts.items() if name in graph}
        new = {name: each for name, each in imports.items() if each != parts[name].record.read()}
        edges = {name: _strongest(self.edges(name, each, parts[name].record.package)) for name, each in new.items()}
        return {**graph, **edges}

    # Drafting

    def _draft(
        self,
        cause: Cause,
        seeds: dict[str, str],
        gone: tuple[str, ...] = (),
        sources: Mapping[str, Source] | None = None,
        *,
        is_limited: bool = False,
    ) -> Draft:
        for name in seeds:
            if name not in self.history.records:
                self.adopt_one(name)
        self._folders.look_anew()
        is_edit = len(seeds) <= _EDITED_AT_ONCE
        parts = {n: self._seed(n, cause, why, (sources or {}).get(n), is_edit=is_edit) for n, why in seeds.items()}
        needs = Needs(self._view, {}, spelled=self._spelled, differing=self._differing)
        for part in parts.values():
            part.is_layout = cause is not Cause.ROLLBACK and self._is_layout(part, needs)
        old = self.graph([*parts, *gone] if is_limited else None)
        written = self._written(parts, needs, old)
        old = self.graph() if is_limited and written else old
        users = self._users.of(old)
        lost = {target: why for target, why in written.items() if why and target[0] not in gone}
        for (name, _), reason in lost.items():
            if name not in parts:
                parts[name] = self._dependent(name, reason, is_limited)
        changing = [name for name, part in parts.items() if not part.is_layout]
        names = self._users.reached(*changing, *gone, *dict.fromkeys(name for name, _ in written))
        running = [n for n in names if n not in {*parts, *gone} and _is_initializing(n)] if _module_locks else []
        new = self._graph_with(parts, old)
        left = {*gone, *running}
        others = [name for name in dict.fromkeys((*parts, *names)) if name not in left]
        needs.users, needs.reached, needs.decided = users, self._users.reached, {*changing, *gone}
        needs.graph, needs.called = new, self._rows.called
        # Of many, nearly all that could be remembered leads through another one.
        needs.calm = self._rows.calm(users) if is_edit else Calm.off()
        for name in gone:
            importers = [user for user in others if name in _at_import(old[user])]
            needs.affected.update(dict.fromkeys(importers, f"it imports {name}, whose source is gone"))
        draft = Draft(
            cause,
            lost=frozenset(lost),
            parts=parts,
            unload=gone,
            findings=tuple(map(_left_running, running)),
            members=tuple(others),
            starring=tuple(name for name in others if name in parts or name in self._rows.starring),
            graph=new,
            needs=needs,
            group=lambda graph, names: self._users.grouped(graph, self._by_start(names)),
            make=self._dependent,
            is_fragile=functools.partial(self._is_fragile, parts),
        )
        if is_limited:
            draft.unedited.update(others)
        else:
            self._prepare(draft)
        return draft

    def _is_fragile(self, parts: Mapping[str, Part], name: str, members: tuple[str, ...]) -> bool:
        """Whether a module failed to import one of the members, and went on; it is taken to fail again."""
        part, record, namespace = parts.get(name), self.history.current(name), space_of(name)
        imports = record.read() if part is None else _imports(part)
        caught = [(record.resolved(each), each.names) for each in imports if each.is_toplevel and each.is_guarded]
        asked = {full for base, names in caught for full in (base, *(f"{base}.{n}" for n in names))}
        if asked.isdisjoint(members):
            return False
        view = self._view(name) if part is None or part.is_unchanged else part.view
        every = [(bound, view.absolute(each), each.name) for bound, those in view.taken.items() for each in those]
        every = [each for each in every if not asked.isdisjoint((each[1], f"{each[1]}.{each[2]}"))]
        taken = [(_taken(module, n), namespace.get(bound, MISSING)) for bound, module, n in every]
        return any(there is not MISSING and there is not mine for there, mine in taken)

    def _written(self, parts: Mapping[str, Part], needs: Needs, tracked: Collection[str]) -> dict[tuple[str, str], str]:
        """The names that parts set in other modules, each with why that one has to be executed, if it must be."""
        found: dict[tuple[str, str], str] = {}
        for name, part in parts.items():
            if not part.may_write:
                continue
            former = needs.view(name).written()
            view = needs.view(name) if part.is_unchanged or part.is_layout else part.view
            present = view.written()
            added = set() if part.is_layout else view.added_to()
            for each in {**former, **present}:
                if each[0] in tracked:
                    is_lost = each not in present and (each[2] or needs.view(each[0]).is_binding(each[1]))
                    lost = f"{name} set {each[1]} there, and does so no more" if is_lost else ""
                    more = f"{name} makes another {each[1]} of the one there" if each in added else ""
                    found[each[:2]] = found.get(each[:2]) or lost or more
        return found

    def _prepare(self, draft: Draft) -> None:
        """Read and compile what else changed and will have to be executed: a mistake ends all before it begins."""
        if draft.is_calm:
            return
        edited = [n for n in draft.members if n not in draft.parts and self._change(self.history.current(n))]
        foreseen = draft.foreseen(draft.order) if edited else {}
        draft.prepared.update((n, self._dependent(n, foreseen[n])) for n in edited if n in foreseen)
        draft.unedited.update({*draft.members}.difference(edited))

    def _is_layout(self, part: Part, needs: Needs) -> bool:
        """Whether an edit changed comments, layout and positions alone; then nothing has to be executed."""
        if part.former is None or part.body is None or part.is_unchanged:
            return False
        if _positions.moves(part.former.codes, part.body.codes) is None:
            return False  # that is quick to see, and of most edits nothing else need be asked
        if part.former.is_same(part.body):
            return True
        mine, theirs = needs.view(part.name).statements, part.view.statements
        return mine is not None and theirs is not None and _uses.is_same(mine, theirs)

    def _view(self, name: str) -> View:
        """What the present source of a module defines and uses."""
        record = self.history.current(name)
        if record.uses is None:
            body = record.body if record.near is None else record.compiled()
            record.uses = _used(record.source, body)
        known = self._views.get(name)
        if known is not None and known.statements is record.uses and known.package == record.package:
            view = known.again()
        else:
            view = View(name, record.package, record.uses)
        self._views[name] = view
        return view

    def _spelled(self, name: str) -> frozenset[str]:
        """The names of attributes that the source of a module spells, by what its text looks like."""
        source = self.history.current(name).source
        known = self._attributes.get(name)
        if known is None or known[0] is not source:
            text = "" if source is None else source.data.decode("utf-8", "replace")
            known = source, frozenset(_ATTRIBUTE.findall(text))
            self._attributes[name] = known
        return known[1]

    def _seed(self, name: str, cause: Cause, reason: str, source: Source | None, *, is_edit: bool = True) -> Part:
        """A module that takes part for its own sake: its spec is found anew."""
        record = self.history.current(name)
        with _told(record):
            if source is None:
                spec = self._find(name, record)
                source = _read(spec)
            else:
                spec = spec_of(name) or self._find(name, record)
            return self._part(record, cause, reason, spec, source, is_edit=is_edit)

    def _dependent(self, name: str, reason: str, is_unedited: bool = False) -> Part:
        """
        A module that takes part for another's sake; its source is read again only if the file changed, or never.

        Where the file is gone it has the source that it runs: what becomes of it, the next refresh decides.
        """
        record = self.history.current(name)
        spec = spec_of(name)
        change = "" if is_unedited else self._change(record)
        if spec is None or record.source is None or change not in ("", "gone"):
            self._folders.look_anew()
            return self._seed(name, Cause.DEPENDENT, reason, None)
        with _told(record):
            return self._part(record, Cause.DEPENDENT, reason, spec, record.source)

    def _part(
        self, record: Record, cause: Cause, reason: str, spec: ModuleSpec, source: Source, *, is_edit: bool = True
    ) -> Part:
        known = record.source
        same = known is not None and known.hash == source.hash
        is_divided = record.body is not None and bool(record.body.path)
        is_near = known is None or same or is_divided or (is_edit and _statements.is_near(known, source))
        old = record.compiled(is_edited=not same) if is_near else record.skimmed()
        if is_near and _is_plain(spec):
            record.body = old  # kept for as long as the version is current: the next attempt needs it too
        record.read(old)
        is_same_file = same and known is not None and known.path == source.path
        if is_same_file and record.body is not None:
            body: Body | None = record.body
        else:
            body = _compile(spec, source, old, is_divided=is_near)
        return Part(record.name, record, cause, reason, spec, source, body, old)

    def _by_start(self, names: Iterable[str]) -> tuple[str, ...]:
        """
        Names in the order in which their first execution began: a circle is entered where it was then.

        `sys.modules` has them in the order in which it ended.  For modules that were loaded unobserved
        there is nothing better than that order turned round: what was entered first ended last.
        """
        firsts = {name: self.history.first(name) for name in names}
        is_adopted = any(first.cause is Cause.ADOPTED for first in firsts.values())
        ended = {name: place for place, name in enumerate(list(sys.modules))} if is_adopted else {}

        def key(name: str) -> tuple[int, float]:
            first = firsts[name]
            if first.cause is Cause.ADOPTED:
                return 0, -ended.get(name, 0)
            return 1, first.created - first.seconds

        return tuple(sorted(firsts, key=key))

    # Looking at one module

    def _refuse(self, name: str) -> None:
        """Raise if a module cannot be executed again at all."""
        if name not in sys.modules or sys.modules[name] is None:
            raise NotLoadedError(name)
        is_asleep = is_unloaded_lazy(sys.modules[name])
        reason = _ASLEEP if is_asleep else _refusal(name, spec_of(name), name in self.history.records)
        if reason:
            raise RefusedError(name, reason)
        self.scope.ask(name)

    def _change(self, record: Record) -> str:
        """Why a module's source counts as changed: ``""`` if it does not, ``"gone"`` if it is not there."""
        if record.source is None:
            return ""
        if record.is_settled and _source.is_as_signed(record.source):
            record.declined = NONE
            return ""
        with _told(record):
            return self._change_of(record, record.source)

    def _change_of(self, record: Record, known: Source) -> str:
        signature = _source.sign(known.path)
        if signature is None:
            self._folders.look_anew()
            if self._find_quietly(record.name) is not None:
                return "its file moved"
            return "" if GONE in record.declined else "gone"
        source = _source.read(known.path)
        self._roll.forget_files()
        if source.hash == known.hash:
            if known.signature is None and self._was_misled(record, source):
                return "it ran from byte-code of an earlier edit"
            record.source, record.declined = source, NONE  # what a rollback turned away is off the disk
            record.is_settled = _is_settled(source)
        elif source.hash not in record.declined or _is_other_file(record.turned_away, source.signature):
            return "its source changed"
        return ""

    def _was_misled(self, record: Record, source: Source) -> bool:
        """Whether the import of a version ran byte-code of another text; its record then says so."""
        began = record.created - record.seconds
        code = _source.misleading_code(source, began) if record.cause is Cause.IMPORT else None
        if code is not None:
            record.source, record.body, record.imports = _source.unknown(source.path), Body.of_code(code), None
        return code is not None

    def _find(self, name: str, record: Record) -> ModuleSpec:
        """The spec of a module, found anew by the finders; who calls has them look at their folders anew."""
        spec = _importer.find_spec(name, _path_of_parent(name), sys.modules.get(name))
        if spec is None or spec.origin is None:
            own = spec_of(name)
            if own is not None and own.origin == record.origin and os.path.lexists(own.origin or ""):
                return own  # loaded past the finders, as many hosts do it; its file is where it was
            if record.origin:
                _source.read(record.origin)  # says what is wrong with the file better than we could
            raise ModuleNotFoundError(f"no finder knows {name!r} any more", name=name)
        return spec

    def _find_quietly(self, name: str) -> ModuleSpec | None:
        try:
            spec = _importer.find_spec(name, _path_of_parent(name))
        except ImportError:  # a finder may know a module and be against its import
            return None
        return spec if spec is not None and spec.origin is not None else None

    def _arrived(self) -> dict[str, str]:
        """
        Modules that count as changed though their sources did not, with why.

        They import by name what an import once asked for in vain, and what is there now; or what could not be
        imported then, and may be now.
        """
        missed, failed = _absent(self.missed), _absent(self.failed)
        if missed or failed:
            self._folders.look_anew()
        names = [name for name in missed if self._find_quietly(name) is not None]
        why = dict.fromkeys(self._mended(failed, names), "which failed before")
        why |= dict.fromkeys(names, "which is there now")
        found: dict[str, str] = {}
        for name in self.tracked() if why else ():
            for each in asked_by(self.history.current(name)) & why.keys():
                found[name] = f"it imports {each}, {why[each]}"
        return found

    def _mended(self, failed: Iterable[str], arrived: Iterable[str]) -> set[str]:
        """The modules whose import failed that have other sources now, or import what was missing or had failed."""
        waiting = [self.failed[name] for name in failed]
        mended: set[str] = set()
        grown = True
        while grown:
            come = mended.union(arrived)
            more = {r.name for r in waiting if self._is_edited(r) or not come.isdisjoint(asked_by(r))} - mended
            mended |= more
            grown = bool(more)
        return mended

    def _is_edited(self, record: Record) -> bool:
        """Whether a module that could not be imported has another source now."""
        spec = self._find_quietly(record.name)
        source = _read_quietly(spec, spec.origin) if spec is not None else None
        return source is not None and record.source is not None and source.hash != record.source.hash


@attrs.define(eq=False)
class _Users:
    """Who imports whom, turned round again only when an edge came or went."""

    _names: list[str] = attrs.field(factory=list)
    _edges: list[dict[str, Edge]] = attrs.field(factory=list)
    _users: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _reached: dict[tuple[str, ...], tuple[str, ...]] = attrs.field(factory=dict)
    _grouped: tuple[tuple[str, ...], list[dict[str, Edge]], Groups] = ((), [], ())

    def of(self, graph: Mapping[str, dict[str, Edge]]) -> dict[str, tuple[str, ...]]:
        """For each module those that import it in any way."""
        names, edges = [*graph], [*graph.values()]
        # Most are the very same objects, which a comparison of lists sees at once.
        if names != self._names or edges != self._edges:
            self._users = _graph.reverse({name: tuple(found) for name, found in graph.items()})
            self._reached.clear()
        self._names, self._edges = names, edges
        return self._users

    def reached(self, *names: str) -> tuple[str, ...]:
        """The names, and all that import one of them, directly or not."""
        if names not in self._reached:
            found = dict.fromkeys(names)
            queue = list(found)
            for name in queue:
                around = (name, *packages_of(name))  # who imports a package may ask it for what is in it
                queue.extend(fresh := [u for each in around for u in self._users.get(each, ()) if u not in found])
                found.update(dict.fromkeys(fresh))
            self._reached[names] = tuple(found)
        return self._reached[names]

    def grouped(self, graph: Mapping[str, dict[str, Edge]], names: tuple[str, ...]) -> Groups:
        """As the function of that name; most edges are the very same objects here too."""
        edges = [graph.get(name, {}) for name in names]
        if self._grouped[:2] != (names, edges):
            self._grouped = names, edges, _grouped(graph, names)
        return self._grouped[2]


# Reading


def _unread(name: str) -> View:
    return View(name, "", ())


def _used(source: Source | None, body: Body | None) -> tuple[_uses.Statement, ...] | None:
    """What the statements of a source define and use; of a body that has them read what was not read before."""
    if source is None:
        return ()
    try:
        found = body.uses() if body is not None else None
        return _uses.statements(_source.decode(source.data)) if found is None else found
    except (SyntaxError, ValueError):
        return None  # what a loader that transforms takes


def _is_other_file(one: _source.Signature | None, other: _source.Signature | None) -> bool:
    return one is not None and other is not None and one != other


def _is_settled(source: Source) -> bool:
    """Whether a later edit is certain to give the file another time."""
    return source.signature is not None and time.time() - source.signature.mtime_ns / 1e9 > SETTLED


def _is_initializing(name: str) -> bool:
    spec = spec_of(name)
    return spec is not None and bool(spec.__dict__.get("_initializing", False))


def _left_running(name: str) -> Finding:
    return Finding(code="being-executed", module=name, message=f"left as it is, for {_ALREADY_RUNNING}")


def _refusal(name: str, spec: ModuleSpec | None, is_recorded: bool) -> str:
    """Why a module cannot be executed again; ``""`` if it can."""
    if any(is_under(name, own) for own in OWN):
        return "it is modreg itself, or what modreg runs on"
    if name == "__main__":
        return "it is the program that was started; keep what shall be reloaded in modules that it imports"
    if spec is None:
        return "" if is_recorded else "it has no spec, so its source cannot be found again"
    if _is_initializing(name):
        return _ALREADY_RUNNING
    return _refusal_of_kind(spec)


def _refusal_of_kind(spec: ModuleSpec) -> str:
    origin = spec.origin or ""
    loader: Any = spec.loader  # these two loaders are classes, which the stubs do not know
    if loader is BuiltinImporter or spec.origin == "built-in":
        return "it is built into the interpreter"
    if loader is FrozenImporter or spec.origin == "frozen":
        return "it is frozen into the interpreter"
    if origin.endswith(tuple(EXTENSION_SUFFIXES)):
        return "it is an extension module, which can be loaded only once in a process"
    if spec.loader is None or spec.origin is None:
        return "it has no source (a namespace package)"
    if not origin.endswith(tuple(SOURCE_SUFFIXES)):
        return f"it has no source that could be executed again ({origin})"
    return ""


def _path_of_parent(name: str) -> Any:  # an iterable of folders, of whatever type the package has
    parent = name.rpartition(".")[0]
    namespace = namespace_of(sys.modules.get(parent)) if parent else None
    return namespace.get("__path__") if namespace is not None else None


def _read(spec: ModuleSpec) -> Source:
    """The bytes that a spec leads to: a file, or what its loader has (an archive)."""
    origin = spec.origin or ""
    if not os.path.lexists(origin) and hasattr(spec.loader, "get_data"):
        return _source.of_bytes(origin, spec.loader.get_data(origin))  # type: ignore[union-attr]  # asked a line above
    return _source.read(origin)


def _read_quietly(spec: ModuleSpec | None, origin: str | None) -> Source | None:
    """The source of a module that is adopted; it runs, whether or not its source can be read."""
    try:
        return _read(spec) if spec is not None and origin else None
    except OSError:
        return None


def _is_plain(spec: ModuleSpec) -> bool:
    """Whether a loader compiles just what it reads; zipimport's have archives."""
    return type(spec.loader) is SourceFileLoader or hasattr(spec.loader, "archive")


def _compile(spec: ModuleSpec, source: Source, before: Body | None, *, is_divided: bool) -> Body | None:
    """
    Compile exactly these bytes; a ``.pyc`` is never asked, for it may be of an edit in the same second.

    A loader that transforms sources does so; one that only executes gives no body.

    Args:
        spec: Whose loader compiles.
        source: The bytes.
        before: The body of the source before.
        is_divided: Whether the statements are compiled one by one, with those of *before*.
    """
    loader: Any = spec.loader  # any loader
    if _is_plain(spec):
        return Body.of(source, before) if is_divided else Body.of_code(_source.compile_source(source))
    if hasattr(loader, "source_to_code"):
        return Body.of_code(_transformed(loader, spec.name, source))
    _source.compile_source(source)  # a mistake in syntax is found before anything is touched
    return None


def _transformed(loader: Any, name: str, source: Source) -> CodeType:  # a loader that compiles
    """
    What a loader makes of exactly these bytes.

    One that has a ``get_code()`` of its own may make itself ready there (beartype does), so that is asked; it reads
    what it is given, and no byte-code, for it hears of no time.
    """
    get_code = getattr(type(loader), "get_code", SourceFileLoader.get_code)
    attributes = getattr(loader, "__dict__", None)
    if get_code is SourceFileLoader.get_code or attributes is None:
        return cast("CodeType", loader.source_to_code(source.data, source.path))
    attributes |= {"get_data": lambda _: source.data, "path_stats": _no_stats}
    try:
        return cast("CodeType", loader.get_code(name))
    finally:
        del attributes["get_data"], attributes["path_stats"]


def _no_stats(path: str) -> NoReturn:
    raise OSError(f"no byte-code of {path} is wanted")


@attrs.frozen(eq=False)
class _told:  # noqa: N801  # a context manager, used as a function is
    """Says of what cannot be read or compiled which module it is, and what is running."""

    record: Record

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (OSError, SyntaxError, ValueError, ImportError, RecursionError, MemoryError)):
            record = self.record
            if record.source is not None:
                _lines.show(record.source)  # what runs; a mistake in syntax has the lines of its file with it
            path = getattr(error, "filename", None) or record.origin or ""
            line = getattr(error, "lineno", None)
            running = f"version {record.number} of {record.name!r}"
            raise SourceError(Phase.PLAN.value, record.name, str(path), line, running, _problem(error)) from error


def _problem(error: BaseException) -> str:
    """What an exception says, in a few words."""
    said = getattr(error, "msg", None) or getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


# Edges


def all_star_names(name: str, package: str, imports: Iterable[Import]) -> frozenset[str]:
    """The names that the module *name* has now by its star imports."""
    found: set[str] = set()
    for each in imports:
        if each.names == ("*",):
            with suppress(ImportError):  # beyond the top-level package: that import failed
                found.update(_star_names(name, _scan.resolve(each, package)))
    return frozenset(found)


def all_given_names(package: str, imports: Iterable[Import]) -> frozenset[str]:
    """The names that the star imports of a module in *package* bring."""
    found: set[str] = set()
    for each in imports:
        if each.names == ("*",):
            with suppress(ImportError):  # as above
                found.update(_given_names(_scan.resolve(each, package)))
    return frozenset(found)


def _given_names(module: str) -> list[str]:
    theirs = space_of(module)
    public = theirs.get("__all__")
    if isinstance(public, (list, tuple)):
        return [name for name in public if name in theirs]
    return [name for name in theirs.copy() if not name.startswith("_")]


def _star_names(module: str, dependency: str) -> tuple[str, ...]:
    mine, theirs = space_of(module), space_of(dependency)
    return tuple(n for n in _given_names(dependency) if n in mine and mine[n] is theirs.get(n))


def _absent(names: Iterable[str]) -> list[str]:
    return [name for name in list(names) if name not in sys.modules]


def _imports(part: Part) -> tuple[Import, ...]:
    if part.body is None or part.source is None:
        return part.record.read()
    return (*part.body.imports, *_scan.imports_by_call(part.source.data.decode("latin-1")))


def _edges_of(name: str, each: Import, base: str) -> Iterator[Edge]:
    """The edges of one import statement to modules that are loaded."""
    kind = EdgeKind.REFERENCE if each.is_toplevel else EdgeKind.LATE
    submodules = [f"{base}.{taken}" for taken in each.names if is_submodule(base, taken)]
    for full in submodules:
        yield Edge(dependent=name, dependency=full, kind=kind)
    taken = tuple(n for n in each.names if f"{base}.{n}" not in submodules)
    if taken and base in sys.modules:
        kind = EdgeKind.BINDING if each.is_toplevel else EdgeKind.LATE
        yield Edge(dependent=name, dependency=base, kind=kind, names=taken)
    elif not each.names:
        for full in {base, base.partition(".")[0]} & sys.modules.keys():
            yield Edge(dependent=name, dependency=full, kind=kind)


def _edges_behind(name: str, each: Import, base: str) -> Iterator[Edge]:
    """The edges to the modules whose definitions the ``__getattr__`` of another one gave."""
    kind = EdgeKind.BINDING if each.is_toplevel else EdgeKind.LATE
    for taken in each.names:
        home, _ = behind(name, base, taken)
        if home:
            yield Edge(dependent=name, dependency=home, kind=kind, names=(taken,))


def _strongest(edges: Iterable[Edge]) -> dict[str, Edge]:
    """One edge for each dependency: a binding before a reference before a late use."""
    found: dict[str, Edge] = {}
    order = (EdgeKind.LATE, EdgeKind.REFERENCE, EdgeKind.BINDING)
    for edge in edges:
        had = found.get(edge.dependency)
        if edge.dependency == edge.dependent:
            continue
        if had is None or order.index(edge.kind) >= order.index(had.kind):
            names = edge.names if had is None else tuple(sorted({*had.names, *edge.names}))
            found[edge.dependency] = attrs.evolve(edge, names=names)
    return found


def _with_more(name: str, edges: dict[str, Edge], called: Iterable[str]) -> dict[str, Edge]:
    """The edges of a module, and those that it declares by ``__depends__``, or has by the names that it computed."""
    more = [each for each in (*declared(name, "__depends__"), *called) if each in sys.modules and each != name]
    kind = EdgeKind.REFERENCE
    return {**{each: Edge(dependent=name, dependency=each, kind=kind) for each in more}, **edges} if more else edges


def _taken(module: str, name: str) -> object:
    """What an import takes: a module, or what that has under a name."""
    return space_of(module).get(name, MISSING) if name else sys.modules.get(module, MISSING)


def _at_import(edges: Mapping[str, Edge]) -> tuple[str, ...]:
    """The dependencies that are used when the module is executed."""
    return tuple(name for name, edge in edges.items() if edge.kind is not EdgeKind.LATE)


def _grouped(graph: Mapping[str, Mapping[str, Edge]], names: tuple[str, ...]) -> Groups:
    """The names in circles, dependencies first; a package comes before what is in it, as in any import."""
    among: dict[str, tuple[str, ...]] = {}
    wanted = frozenset(names)
    for name in names:
        before = (*_at_import(graph.get(name, {})), name.rpartition(".")[0])
        among[name] = tuple(each for each in before if each in wanted and each != name)
    return _graph.components(among)
