"""What a transaction would do, found out without running any module's code."""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from typing import Any, Final

import attrs

from modreg import _importer, _positions, _source, _statements, _uses
from modreg._arrivals import Arrivals
from modreg._asked import asked_by, may_ask
from modreg._circles import Circles
from modreg._draft import Draft, Part, changing, used
from modreg._edges import Groups, Rows, Users, at_import, grouped
from modreg._folders import SETTLED, Folders
from modreg._history import GONE, NONE, History, Record
from modreg._importer import BOOTSTRAP, is_unloaded_lazy, space_of, spec_of
from modreg._matters import Level
from modreg._model import Cause, Edge
from modreg._needs import Differing, Needs
from modreg._program import Program
from modreg._roll import Roll
from modreg._scope import Scope, is_under_one
from modreg._source import Source
from modreg._spec import (
    compile_of,
    features,
    is_initializing,
    is_namespace,
    is_plain,
    left_running,
    path_of_parent,
    read,
    read_packed,
    read_quietly,
    refusal,
    told,
)
from modreg._stars import unlisted
from modreg._statements import EMPTY, Body
from modreg._view import View
from modreg.errors import NotLoadedError, RefusedError, SourceError

_ATTRIBUTE: Final = re.compile(r"\.\s*([^\W\d]\w*)")
"""What looks like an attribute of something."""

_EDITED_AT_ONCE: Final = 3
"""So many sources change in an edit; if more do, another release was installed, which nobody goes on to edit."""

_NEVER: Final = -1
"""A number of changes to the scope that it never has."""
_ASLEEP: Final = "it is to be loaded at its first use, and has not run yet; that will execute the source as it is then"


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
    _users: Users = attrs.field(factory=Users)
    _rows: Rows = attrs.field(factory=Rows)
    _program: Program = attrs.Factory(lambda self: Program(self.scope), takes_self=True)

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
        tracked = self.tracked()

        def is_wanted(name: str) -> bool:
            return only is None or is_under_one(name, only)

        wanted = [*filter(is_wanted, tracked)]
        suspects = self._roll.suspects(tracked, self.history) if only is None else wanted
        changes = {name: self._change(self.history.current(name)) for name in suspects}
        seeds = {name: why for name, why in changes.items() if why not in ("", "gone")}
        gone = [name for name, why in changes.items() if why == "gone"]
        gone.extend(self._deleted_again(suspects, seeds))
        arrived = {name: why for name, why in self._arrived().items() if name not in gone}
        seeds.update(dict.fromkeys(filter(is_wanted, self._founded()), "it has a source now"))
        seeds = {**{name: arrived[name] for name in wanted if name in arrived}, **seeds}
        if not seeds and not gone:
            return Draft(Cause.REFRESH)
        return self._draft(Cause.REFRESH, seeds, tuple(gone), arrived=arrived, is_limited=only is not None)

    def unload(self, roots: tuple[str, ...]) -> Draft:
        """Draft that modules and all below them leave; nobody is executed for it."""
        names = tuple(name for name in list(sys.modules) if is_under_one(name, roots))
        for name in names:
            if name not in self.history.records:
                self.adopt_one(name)
        order = [name for group in grouped(self.graph(), names) for name in group]
        return Draft(Cause.UNLOAD, unload=tuple(order[::-1]), gone="it was asked for")

    def restore(self, sources: Mapping[str, Source]) -> Draft:
        """Draft the execution of earlier sources, for versions whose snapshots are gone."""
        seeds = dict.fromkeys(sources, "an earlier version is brought back")
        return self._draft(Cause.ROLLBACK, seeds, (), sources, is_limited=True)

    # What is loaded

    def limit(self, roots: tuple[str, ...] | None) -> None:
        """Take other roots."""
        with self._taking_in():
            self.scope.limit(roots)

    def include(self, roots: tuple[str, ...]) -> None:
        """Put more roots in scope."""
        if not set(roots) <= self.scope.included:
            with self._taking_in():
                self.scope.include(roots)

    @contextmanager
    def _taking_in(self) -> Iterator[None]:
        """Record the sources of what comes into scope: those that there are now, which run if nobody was faster."""
        covers = self.scope.covers
        current = [(name, records[-1]) for name, records in list(self.history.records.items()) if name in sys.modules]
        outside = [(name, each) for name, each in current if each.source is None and not covers(name, each.origin)]
        yield
        self._strangers.clear()
        for name, each in outside:
            if covers(name, each.origin):
                each.source, each.imports = read_quietly(spec_of(name), each.origin), None

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
            tracked = self._roll.take([n for n in names if n not in asleep], changes, self._spaces())
        return tracked

    def _spaces(self) -> Iterator[str]:
        """The namespace packages that would be in scope if they had a source."""
        for name in list(sys.modules):
            spec = spec_of(name)
            if spec is None or not is_namespace(spec) or path_of_parent(name) == ():  # which its own path asks for
                continue
            folders = spec.submodule_search_locations or ()
            if any(self.scope.covers(name, os.path.join(folder, "__init__.py")) for folder in folders):
                yield name

    def adopt(self) -> bool:
        """Record what was loaded past the finder, or before it was there; whether nothing is left for later."""
        records = self.history.records
        is_whole = True
        self._program.look()
        for name, module in list(sys.modules.items()):
            if name in records or self._strangers.get(name) == id(module):
                continue
            if is_initializing(name) or is_unloaded_lazy(module):
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
        source = read_quietly(spec, origin) if self.scope.covers(name, origin) else None
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

    def graph(self) -> dict[str, dict[str, Edge]]:
        """For each tracked module its edges by dependency."""
        return self._rows.edges(self.tracked(), self.history.records).copy()

    # Drafting

    def _draft(
        self,
        cause: Cause,
        seeds: dict[str, str],
        gone: tuple[str, ...] = (),
        sources: Mapping[str, Source] | None = None,
        *,
        arrived: Container[str] = (),
        is_limited: bool = False,
    ) -> Draft:
        is_edit = len(seeds) <= _EDITED_AT_ONCE
        parts = self._seeds(cause, seeds, sources or {}, is_edit=is_edit)
        needs = Needs(self._view, {}, spelled=self._spelled, differing=self._differing)
        for name, part in parts.items():
            is_asking = name in arrived or cause is Cause.ROLLBACK  # then it may come out otherwise
            part.is_layout = not is_asking and self._is_layout(part, needs)
        old = self.graph()
        written = self._written(parts, needs, old)
        lost = self._take_in(parts, written, gone, is_limited=is_limited)
        users = self._users.of(old)
        circles = Circles(parts, self.history, self._by_start, Arrivals(self.scope, self._find_quietly))
        new = circles.graph_with(old)
        names = self._reached(parts, gone, written, old, is_wide=circles.is_entered_anew)
        running = _running(name for name in names if name not in {*parts, *gone})
        others = tuple(name for name in dict.fromkeys((*parts, *names)) if name not in {*gone, *running})
        circles.names = others
        self._acquaint(needs, users, new, {*changing(parts), *gone}, is_edit=is_edit)
        _note_gone(needs, gone, old, others)
        draft = Draft(
            cause,
            lost=lost,
            parts=parts,
            unload=gone,
            findings=tuple(map(left_running, running)),
            members=others,
            starring=tuple(name for name in others if name in parts or name in self._rows.starring),
            graph=new,
            imported={name: old[name] for name in parts if name in old},
            needs=needs,
            group=functools.partial(self._grouped, circles),
            make=self._dependent,
            around=circles.around,
            catching=circles.catching,
            caught=circles.caught,
            fewer=circles.fewer,
            taken=self._program.taken,
        )
        self._note_entries(draft, circles)
        if is_limited:
            draft.unedited.update(others)
        else:
            self._prepare(draft)
        return draft

    def _take_in(
        self,
        parts: dict[str, Part],
        written: Mapping[tuple[str, str], str],
        gone: Collection[str],
        *,
        is_limited: bool,
    ) -> frozenset[tuple[str, str]]:
        """The names that others set in modules and do so no more; those modules take part, to have their own again."""
        lost = {target: why for target, why in written.items() if why and target[0] not in gone}
        for (name, _), reason in lost.items():
            if name not in parts:
                parts[name] = self._dependent(name, reason, is_limited)
        return frozenset(lost)

    def _reached(
        self,
        parts: Mapping[str, Part],
        gone: Collection[str],
        written: Iterable[tuple[str, str]],
        old: Iterable[str],
        *,
        is_wide: bool,
    ) -> Collection[str]:
        """
        Whoever depends on what changes, goes or is written to, or on what is below a package of these.

        Where circles may be entered anew, whoever imports what is below any package of these has it begin, too.
        """
        edited = changing(parts)
        begun = [*edited, *gone, *(name for name, _ in written)]
        packages = {name: None for name in edited if parts[name].spec.submodule_search_locations is not None}
        names = self._users.reached(*dict.fromkeys((*begun, *_below(packages, old))))
        while is_wide and (more := [n for n in names if n not in packages and "__path__" in space_of(n)]):
            packages.update(dict.fromkeys(more))
            names = self._users.reached(*dict.fromkeys((*begun, *_below(packages, old))))
        return names

    def _acquaint(
        self,
        needs: Needs,
        users: dict[str, tuple[str, ...]],
        new: dict[str, dict[str, Edge]],
        decided: set[str],
        *,
        is_edit: bool,
    ) -> None:
        """Have the needs know who depends on whom, and of whom it is decided already."""
        needs.users, needs.reached, needs.decided = users, self._users.reached, decided
        needs.graph, needs.called = new, self._rows.called
        # Of many, nearly all that could be remembered leads through another one.
        needs.calm = self._rows.calm(users) if is_edit else None

    def _note_entries(self, draft: Draft, circles: Circles) -> None:
        """Note what comes of it where the edit has another module of a circle begin first."""
        if circles.is_entered_anew:
            self._note_stars(draft, circles)
            for name in circles.caught_otherwise() if draft.circles else ():
                draft.needs.affect(name, "an import that fails in its circle, and is caught, is another one now")

    def _note_stars(self, draft: Draft, circles: Circles) -> None:
        """Note the names that star imports bring only now, or no more, for now another module is halfway then."""
        starring = [n for n in draft.starring if n not in draft.parts]
        before = circles.fewer_before() if starring else {}
        for name in starring:
            mine, theirs = before.get(name, {}), draft.lacking(name)
            for base in {**mine, **theirs}:
                lost, had = theirs.get(base, NONE), mine.get(base, NONE)
                if (base in mine) != (base in theirs):  # it came to its ``__all__`` before, or does so now
                    lost, had = (lost, had | unlisted(base)) if base in theirs else (lost | unlisted(base), had)
                rebinds = dict.fromkeys(lost - had, (base, "")) | {each: (base, each) for each in had - lost}
                if rebinds:
                    draft.needs.rebinds.setdefault(name, {}).update(rebinds)
                    draft.needs.change(name, dict.fromkeys(rebinds, Level.PRESENCE))

    def _seeds(
        self, cause: Cause, seeds: dict[str, str], sources: Mapping[str, Source], *, is_edit: bool
    ) -> dict[str, Part]:
        """The modules that take part for their own sake, with the sources given or those that their files have."""
        for name in seeds:
            if name not in self.history.records:
                self.adopt_one(name)
        self._folders.look_anew()
        return {name: self._seed(name, cause, why, sources.get(name), is_edit=is_edit) for name, why in seeds.items()}

    def _grouped(self, circles: Circles, graph: dict[str, dict[str, Edge]], names: tuple[str, ...]) -> Groups:
        """The names in circles, each entered where it was the first time, or where the new sources enter it."""
        found = self._users.grouped(graph, self._by_start(names))
        is_circle = circles.is_led_back or any(len(each) > 1 for each in found)
        circles.is_entered_anew = circles.is_entered_anew and is_circle
        return self._users.grouped(graph, circles.order(names)) if circles.is_entered_anew else found

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
        foreseen = draft.foreseen() if edited else {}
        draft.prepared.update((n, self._dependent(n, foreseen[n])) for n in edited if n in foreseen)
        draft.unedited.update({*draft.members}.difference(edited))

    def _is_layout(self, part: Part, needs: Needs) -> bool:
        """Whether an edit changed comments, layout and positions alone; then nothing has to be executed."""
        if part.former is None or part.body is None or part.is_unchanged or part.spec.origin != part.record.origin:
            return False
        if _positions.moves(part.former.codes, part.body.codes) is None:
            return False  # that is quick to see, and of most edits nothing else need be asked
        if part.former.string_constant("__doc__") != part.body.string_constant("__doc__"):
            return False  # so is this, of releases that have the year there
        if part.former.is_same(part.body):
            return True
        mine, theirs = needs.view(part.name).statements, part.view.statements
        return mine is not None and theirs is not None and _uses.is_same(mine, theirs)

    def _view(self, name: str) -> View:
        """What the present source of a module defines and uses."""
        record = self.history.current(name)
        if record.uses is None:
            body = record.body if record.near is None else record.compiled()
            record.uses = used(record.source, body)
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
        with told(record):
            if source is None:
                spec = self._find(name, record)
                if spec.origin is None:
                    return Part(name, record, cause, reason, spec, None, EMPTY, record.compiled())
                source = read(spec)
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
        body = record.body
        if body is not None and record.imports is not None:  # nothing has to be read
            return Part(name, record, Cause.DEPENDENT, reason, spec, record.source, body, body)
        with told(record):
            return self._part(record, Cause.DEPENDENT, reason, spec, record.source)

    def _part(
        self, record: Record, cause: Cause, reason: str, spec: ModuleSpec, source: Source, *, is_edit: bool = True
    ) -> Part:
        known = record.source
        same = known is not None and known.hash == source.hash
        is_divided = record.body is not None and bool(record.body.path)
        is_asking = bool(features(record.name, space_of(record.name)))  # for this is a statement by itself
        is_like = known is None or same or is_divided or (is_edit and _statements.is_near(known, source))
        is_near = is_like or is_asking
        old = record.compiled(is_edited=is_asking or not same) if is_near else record.skimmed()
        if is_near and is_plain(spec):
            record.body = old  # kept for as long as the version is current: the next attempt needs it too
        record.read(old)
        is_same_file = same and known is not None and known.path == source.path
        if is_same_file and record.body is not None:
            body: Body | None = record.body
        else:
            body = compile_of(spec, source, old, is_divided=is_near)
        return Part(record.name, record, cause, reason, spec, source, body, old)

    def _by_start(self, names: Iterable[str]) -> tuple[str, ...]:
        """
        Names in the order in which their first execution began: a circle is entered where it was then.

        `sys.modules` has them in the order in which it ended.  For modules that were loaded unobserved
        there is nothing better than that order turned round: what was entered first ended last.
        """
        firsts = {name: self.history.first(name) for name in names}
        is_adopted = Cause.ADOPTED in [first.cause for first in firsts.values()]
        ended = {name: place for place, name in enumerate(list(sys.modules))} if is_adopted else {}

        def key(name: str) -> tuple[int, float]:
            first = firsts[name]
            return (0, -ended.get(name, 0)) if first.cause is Cause.ADOPTED else (1, first.created - first.seconds)

        return tuple(sorted(firsts, key=key))

    # Looking at one module

    def _refuse(self, name: str) -> None:
        """Raise if a module cannot be executed again at all."""
        if name not in sys.modules or sys.modules[name] is None:
            raise NotLoadedError(name)
        is_asleep = is_unloaded_lazy(sys.modules[name])
        reason = _ASLEEP if is_asleep else refusal(name, spec_of(name), name in self.history.records)
        if reason and not (is_namespace(spec_of(name)) and self._find_quietly(name)):
            raise RefusedError(name, reason)
        self.scope.ask(name)

    def _change(self, record: Record) -> str:
        """Why a module's source counts as changed: ``""`` if it does not, ``"gone"`` if it is not there."""
        if record.source is None:
            return ""
        if record.is_settled and _source.is_as_signed(record.source):
            record.declined = NONE
            return ""
        with told(record):
            return self._change_of(record, record.source)

    def _change_of(self, record: Record, known: Source) -> str:
        is_file = _source.sign(known.path) is not None
        source = _source.read(known.path) if is_file else read_packed(spec_of(record.name), known.path)
        if source is None:
            self._folders.look_anew()
            spec = self._find_quietly(record.name)
            if spec is not None:
                return "" if _is_turned_away(record, spec.origin) else "its file moved"
            lost = "its source is gone, and it is a namespace package" if self._find_namespace(record.name) else "gone"
            return "" if GONE in record.declined else lost
        self._roll.forget_files()
        if source.hash == known.hash:
            if known.signature is None and self._was_misled(record, source):
                return "it ran from byte-code of an earlier edit"
            record.source, record.declined = source, NONE  # what a rollback turned away is off the disk
            record.is_settled = _is_settled(source)
        elif source.hash not in record.declined or _is_other_file(record.turned_away, source.signature):
            return "its source changed"
        return ""

    def _deleted_again(self, names: Iterable[str], edited: Iterable[str]) -> list[str]:
        """Those whose deletion a rollback turned away together with edits that are there again: so is the deletion."""
        turned_away_at = self.history.turned_away_at
        again = {turned_away_at(record) for record in map(self.history.current, edited) if record.declined}
        declining = [r for r in map(self.history.current, names if again else ()) if GONE in r.declined]
        return [r.name for r in declining if turned_away_at(r) in again and self._find_quietly(r.name) is None]

    def _was_misled(self, record: Record, source: Source) -> bool:
        """Whether the import of a version ran byte-code of another text; its record then says so."""
        began = record.created - record.seconds
        code = _source.doubtful_code(source, began) if record.cause is Cause.IMPORT else None
        if code is None:
            return False
        body = Body.of_code(_source.compile_source(source))
        if Body.of_code(code).is_same(body):
            record.read(body)  # to compile it once more for that would take long
            return False
        record.source, record.body, record.imports = _source.unknown(source.path), Body.of_code(code), None
        return True

    def _find(self, name: str, record: Record) -> ModuleSpec:
        """The spec of a module, found anew by the finders; who calls has them look at their folders anew."""
        spec = _importer.find_spec(name, path_of_parent(name), sys.modules.get(name))
        if spec is None or spec.origin is None:
            namespace = self._find_namespace(name)
            if namespace is not None:
                return namespace
            own = spec_of(name)
            if own is not None and own.origin == record.origin and os.path.lexists(own.origin or ""):
                return own  # loaded past the finders, as many hosts do it; its file is where it was
            if record.origin:
                _source.read(record.origin)  # says what is wrong with the file better than we could
            raise ModuleNotFoundError(f"no finder knows {name!r} any more", name=name)
        return spec

    def _find_quietly(self, name: str, path: Any = None) -> ModuleSpec | None:  # as path_of_parent() answers
        spec = _looked_for(name, path)
        return spec if spec is not None and spec.origin is not None else None

    def _find_namespace(self, name: str) -> ModuleSpec | None:
        """What a package is that has no source any more, while modules in it that are loaded have theirs."""
        spec = _looked_for(name)
        if spec is None or spec.origin is not None or spec.submodule_search_locations is None:
            return None
        inside = (self.history.current(each).source for each in self.tracked() if each.startswith(f"{name}."))
        return spec if any(each is not None and os.path.lexists(each.path) for each in inside) else None

    def _founded(self) -> list[str]:
        """Namespace packages that have a source by now."""
        spaces = self._roll.spaces
        if spaces:
            self._folders.look_anew()
        found = ((name, spec.origin) for name in spaces if (spec := self._find_quietly(name)) is not None)
        return [name for name, path in found if self.scope.covers(name, path) and not self._is_unwanted(name, path)]

    def _arrived(self) -> dict[str, str]:
        """
        Modules that count as changed though their sources did not, with why.

        They import by name what an import once asked for in vain, and what is there now; or what could not be
        imported then, and may be now.
        """
        missed, failed = _absent(self.missed), _absent(self.failed)
        if missed or failed:
            self._folders.look_anew()
        specs = ((name, self._find_quietly(name)) for name in missed)
        names = [name for name, spec in specs if spec is not None and not self._is_unwanted(name, spec.origin)]
        why = dict.fromkeys(self._mended(failed, names), "which failed before")
        why |= dict.fromkeys(names, "which is there now")
        found: dict[str, str] = {}
        records = map(self.history.current, self.tracked() if why else ())
        for record in [each for each in records if may_ask(each, why)]:
            for each in asked_by(record) & why.keys():
                found[record.name] = f"it imports {each}, {why[each]}"
        return found

    def _is_unwanted(self, name: str, path: str | None) -> bool:
        """Whether a rollback unloaded a module that has the same file still."""
        return name in self.history.records and _is_turned_away(self.history.current(name), path)

    def _mended(self, failed: Iterable[str], arrived: Iterable[str]) -> set[str]:
        """The modules whose import failed that have other sources now, or import what was missing or had failed."""
        waiting = [self.failed[name] for name in failed]
        mended = {record.name for record in waiting if self._is_edited(record)}
        while more := {r.name for r in waiting if not mended.union(arrived).isdisjoint(asked_by(r))} - mended:
            mended |= more
        return mended

    def _is_edited(self, record: Record) -> bool:
        """Whether a module that could not be imported has another source now."""
        spec = self._find_quietly(record.name)
        if spec is None or self._is_unwanted(record.name, spec.origin):
            return False
        source = read_quietly(spec, spec.origin)
        return source is not None and record.source is not None and source.hash != record.source.hash


def _looked_for(name: str, path: Any = None) -> ModuleSpec | None:  # as path_of_parent() answers
    """The spec of a module, if a finder has one and is not against its import."""
    try:
        return _importer.find_spec(name, path_of_parent(name) if path is None else path)
    except (ImportError, KeyError):
        return None  # the latter from a namespace package, which asks `sys.modules` for the package that it is in


def _is_other_file(one: _source.Signature | None, other: _source.Signature | None) -> bool:
    return one is not None and other is not None and one != other


def _is_turned_away(record: Record, path: str | None) -> bool:
    """Whether what a file holds is what a rollback turned away, and nobody wrote it since."""
    signature = _source.sign(path or "") if record.declined else None
    if signature is None or _is_other_file(record.turned_away, signature):
        return False
    with suppress(OSError):  # it went just now, or cannot be read: who takes it will say so
        return _source.read(path or "").hash in record.declined
    return False


def _is_settled(source: Source) -> bool:
    """Whether a later edit is certain to give the file another time."""
    return source.signature is not None and time.time() - source.signature.mtime_ns / 1e9 > SETTLED


def _absent(names: Iterable[str]) -> list[str]:
    return [name for name in list(names) if name not in sys.modules]


def _note_gone(
    needs: Needs, gone: Iterable[str], old: Mapping[str, Mapping[str, Edge]], others: Iterable[str]
) -> None:
    """Note who imports what has no source any more: it is to fail as it would afresh."""
    for name in gone:
        importers = [user for user in others if name in at_import(old[user])]
        needs.affected.update(dict.fromkeys(importers, f"it imports {name}, whose source is gone"))


def _running(names: Iterable[str]) -> list[str]:
    """Those of the modules that are being imported at the moment; for each of these there is a lock, and else none."""
    return [name for name in names if is_initializing(name)] if BOOTSTRAP._module_locks else []


def _below(packages: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Those of the names that are in packages: who imports them imports the packages first."""
    starts = tuple(f"{package}." for package in packages)
    return (name for name in (names if starts else ()) if name.startswith(starts))
