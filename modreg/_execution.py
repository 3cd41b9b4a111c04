"""A plan carried out: the modules executed, and what is held brought up to date."""

from __future__ import annotations

import ast
import functools
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from importlib import util
from itertools import dropwhile
from types import FrameType, FunctionType, ModuleType
from typing import Any, Final

import attrs

from modreg import _graph, _lines, _positions, _registered, _scan, _uses, _weak
from modreg._alike import settle, settle_instances
from modreg._closures import renew
from modreg._containers import elements_of, owners, places
from modreg._draft import WHOLE, Draft, Part
from modreg._history import NONE, Record
from modreg._holding import Held, holding, is_value
from modreg._hooks import has_dispose
from modreg._importer import namespace_of, space_of
from modreg._journal import (
    MISSING,
    PLAIN,
    Attribute,
    Cache,
    ClassAttribute,
    ClassField,
    Contents,
    Entry,
    Item,
    Namespace,
    Place,
    is_submodule,
)
from modreg._matters import Level
from modreg._model import Decision, EdgeKind, Finding, Foreseen, Phase, Step
from modreg._needs import Calm
from modreg._noted import Noted, Noting
from modreg._pairs import (
    ATOMS,
    Pair,
    attributes,
    home,
    is_atom,
    is_class,
    is_own,
    label_of,
    moving,
    mro,
    mro_of,
    pair,
    state,
    table,
)
from modreg._patch import CONSTANTS, Twins, alone, forget_checks, forward, is_alike, patch, renew_abstract
from modreg._pending import Pending
from modreg._removed import retire
from modreg._scan import Import
from modreg._scope import packages_of
from modreg._source import Source
from modreg._spec import problem
from modreg._stars import all_given_names, all_star_names
from modreg._state import Statements, bind, forget, keep, unchanged
from modreg._successor import living
from modreg._transaction import Work, sign, walk
from modreg._view import Written, declared
from modreg._window import Window, held, is_held, is_listed, orphan, point, replace

_bootstrap: Final[Any] = sys.modules["_frozen_importlib"]  # private, and what importlib.reload itself uses

# What a module has from the import system, not from its source.
_IMPORT_SYSTEM: Final = frozenset(
    {"__name__", "__loader__", "__package__", "__spec__", "__path__", "__file__", "__cached__", "__builtins__"}
)


@attrs.define(eq=False)
class Execution(Work):
    """
    A transaction that executes modules.

    Args:
        draft: What to do, with the sources read and compiled.
        is_dropping: Whether names that the new source cannot bind leave the namespace.
        is_live: Whether old objects become the new definitions.
        is_keeping: Whether names keep their objects where nothing that made them changed.
        restores: For each module that is brought back by executing it, the version brought back.

    Attributes:
        again: The identities of the definitions that were made anew, and kept.
        passed: Modules of a circle that are left alone, and behind which all is settled.
        loaded: The names of the modules that were loaded when the execution began.
        moving: What a name led to before and, of that name in another module, leads to now; each with its module.
        starred: For each module that may take part and has star imports the names that its star imports had bound.
        noted: The containers whose contents were noted before the execution.
        large: The containers that are too large to be noted.
        told: How many modules were executed when it was asked last who reads what they registered.
    """

    draft: Draft = attrs.field(kw_only=True)
    is_dropping: bool = attrs.field(kw_only=True, default=False)
    is_live: bool = attrs.field(kw_only=True, default=True)
    is_keeping: bool = attrs.field(kw_only=True, default=False)
    restores: dict[str, int] = attrs.field(kw_only=True, factory=dict)
    window: Window = attrs.field(factory=Window)
    pending: Pending = attrs.field(init=False)
    parts: dict[str, Part] = attrs.field(init=False)
    twins: Twins = attrs.field(factory=Twins)
    held: Twins = attrs.field(factory=Twins)
    again: set[int] = attrs.field(factory=set)
    failed: list[tuple[BaseException, str]] = attrs.field(factory=list)
    retried: set[str] = attrs.field(factory=set)
    finished: list[str] = attrs.field(factory=list)
    foreseen: dict[str, str] = attrs.field(factory=dict)
    left: dict[str, None] = attrs.field(factory=dict)
    passed: set[str] = attrs.field(factory=set)
    loaded: Collection[str] = ()
    moving: list[tuple[str, Pair]] = attrs.field(factory=list)
    seen: int = 0
    disposed: set[str] = attrs.field(factory=set)
    kept: set[str] = attrs.field(factory=set)
    starred: dict[str, frozenset[str]] = attrs.field(factory=dict)
    noted: Noted = attrs.field(factory=Noted)
    large: set[int] = attrs.field(factory=set)
    told: int = 0

    def __attrs_post_init__(self) -> None:
        self.parts = dict(self.draft.parts)
        self.pending = Pending(self._settle, self.executing, self._lack)
        self.findings.extend(self.draft.findings)

    @property
    def planned(self) -> Foreseen:
        sure = (*self.draft.unload, *(name for name, part in self.parts.items() if not part.is_layout))
        return Foreseen(sure, (*self.draft.unload, *self.draft.members), lambda: self.draft.steps)

    @property
    def names(self) -> Iterable[str]:
        return (*self.parts, *self.draft.unload)

    def do(self) -> None:
        if self.is_keeping:
            self.draft.needs.calm = Calm.off()  # what is kept depends on all that a change leads to
            self.draft.needs.is_thorough = True
        for record in map(self.history.current, self.draft.starring):
            self.starred[record.name] = all_star_names(record.name, record.package, record.read())
        self._keep(self.parts if self.draft.is_calm else [name for name in self.draft.order if name in self.parts])
        for part in self.parts.values():
            _lines.forget(part.spec.origin)
            _have_path(part)
        self._dispose_first()
        self.loaded = [*sys.modules]
        try:
            self.window.open()
            for name in self.draft.unload:
                self._unload(name)
            self._execute_all()
        finally:
            self.window.close()
        self.phase = Phase.PATCH
        for name in self.draft.needs.rebinds:
            self._rebind(name)
        if self.held:
            replace(self.held, self.window)
        for entry in self.noted.open():
            self._settle_registered(entry)
        self._follow_moved()
        since = len(self.journal.entries)
        instances = living([each.old for _, each in self.replaced])
        for name, each in self.replaced:
            self.succeed(name, each, instances)
        self._forget_checks(since)
        renew(self.journal)
        renew_abstract(self.journal)
        self.migrate(self.finished)

    def _execute_all(self) -> None:
        """Execute the parts, and who has to be for their sake."""
        if self.draft.is_calm:
            self._execute_in_order(tuple(self.parts))
            self._tell_filled()
            if self.draft.needs.affected.keys() <= self.draft.needs.executed:
                return
        self._execute_in_order([name for name in self.draft.order if name not in self.finished])

    def _execute_in_order(self, names: Iterable[str]) -> None:
        with self.pending.watch(names):
            for name in names:
                self.pending.run(name)
                self._raise_caught()
                self._look_again()
                self.window.move()

    def _clean(self) -> None:
        self.window.close()
        self.pending.end()
        super()._clean()
        if self.is_committed:
            return
        for part in self.parts.values():  # a spec that is kept must not pass for one under execution
            part.spec.__dict__["_initializing"] = False
        self.twins.update(self.held)
        if self.twins and is_held(self.twins.pairs):
            replace(self.twins, self.window)  # what the failed code put where no journal reaches

    def _abort(self, error: BaseException) -> None:
        kept = [(x.place.namespace, x.before) for x in self.journal if isinstance(x.place, Namespace)]
        made = [cls for namespace, (_, before) in kept for cls in _made_classes(namespace, before)]
        super()._abort(error)
        orphan(made)

    # Before

    def _keep(self, names: Iterable[str]) -> None:
        """Note what the code of modules may change past the journal, theirs and all that they can reach."""
        for name in names:
            self.note(name, self.history.current(name).number)
            self.journal.keep(Item(sys.modules, name))
            namespace = namespace_of(sys.modules[name])
            if namespace is not None:
                self.journal.keep(Attribute(sys.modules[name], "__class__"))
                self.journal.keep(Namespace(namespace))
            more = _graph.reachable(self.draft.graph, [name], self.kept)
            self.kept |= more
            for owner in more & self.draft.graph.keys():
                for place in places(owner, self.findings, self.large):
                    self._keep_place(owner, place)

    def _keep_place(self, owner: str, place: Place) -> None:
        """Note what the code may put into a place of a module, which others may have taken from there."""
        if self.noted.is_known(place, owner):
            return
        self.journal.keep(place)
        if isinstance(place, Contents):
            self.noted.add(self.journal.entries[-1], owner)

    def _dispose_first(self) -> None:
        """
        Call the hooks of all versions that are going to go, before the first of them does.

        Who was told that it goes is executed, whatever the executions before it show.
        """
        if self.draft.is_calm:
            self.disposed.update(self.parts)
            self.dispose(self.parts)
            return
        others = [name for name in self.draft.order if name not in self.parts]
        hooked = [name for name, namespace in self._namespaces(others) if has_dispose(namespace)]
        if hooked:
            foreseen = self.draft.foreseen(self.draft.order)
            self.foreseen.update((name, foreseen[name]) for name in hooked if name in foreseen)
        going = [n for n in self.draft.order if self._is_going(n)]
        self.disposed.update(going)
        self.dispose(reversed(going))

    def _unload(self, name: str) -> None:
        self.note(name, self.history.current(name).number)
        self.steps.append(Step(module=name, decision=Decision.UNLOAD, reason=self.draft.gone))
        self.unload(name)
        parent, _, child = name.rpartition(".")
        if parent in self.draft.graph:
            self.draft.needs.change(parent, {child: Level.PRESENCE})

    # The decision

    def _settle(self, name: str) -> None:
        """Do with a module what has to be done, now that its turn has come or an import asks for it."""
        self._decide(name)
        self.window.clear()
        self._move_window()

    def _move_window(self, but: str = "") -> None:
        """
        Leave behind what was made up to now, if the modules under execution, but for one, have made nothing of it.

        Most import first and define then; where one has defined before, or calls what imports, its search goes over all
        that is executed within it.
        """
        if not _is_in_call() and not any(name != but and self._has_made(name) for name in self.executing):
            self.window.move()
            _uses.trees.settle()

    def _has_made(self, name: str) -> bool:
        """Whether a module under execution has bound something that is not just imported and may hold definitions."""
        if name not in self.snapshots:  # something else than a module is in its place
            return True
        former, body = self.snapshots[name].bindings, self.parts[name].body
        namespace = space_of(name).copy()
        made = {n for n, value in namespace.items() if value is not former.get(n) and not _is_bare(value)}
        made -= _IMPORT_SYSTEM | {"__all__", "__annotations__"}  # names alone, and what _stand_in() looks after
        return bool(made) and (body is None or not made <= body.all_imported)

    def _decide(self, name: str) -> None:
        part = self.parts.get(name)
        if part is not None and not part.is_layout:
            self._execute(part)
            return
        is_led_on = name in self.passed
        self.passed.add(name)  # who comes back to it finds it under way
        self._foresee(name)
        self._look_again(self.draft.components[name])
        if self._execute_dependent(name):
            return
        if part is not None:
            self._follow_positions(part)
        else:
            self.left[name] = None
        self._take_halves(name)
        if not is_led_on:
            self._run_behind(name)
        self._rebind(name)

    def _take_halves(self, name: str) -> None:
        """Give the names that a module took from one under execution, which just asks for it, what they are by now."""
        view = self.draft.needs.view(name) if self.executing else None
        namespace = namespace_of(sys.modules.get(name))
        if view is None or namespace is None:
            return
        for mine, taken in ((mine, each) for mine, every in view.taken.items() for each in every):
            module = view.absolute(taken)
            if taken.name and module in self.executing and module in self.snapshots:
                before = self.snapshots[module].bindings.get(taken.name, MISSING)
                now = space_of(module).get(taken.name, MISSING)
                if now is not before and now is not MISSING and _is_still(namespace.get(mine, MISSING), before):
                    self._bind(name, namespace, mine, now)

    def _lack(self, name: str, frame: Any) -> None:  # a FrameType; typeshed has no f_lasti for all
        """
        Raise for a name that a module under execution has only from before: in a fresh interpreter it is not there yet.

        Where nobody may catch that, it would not have come to it.

        Raises:
            ImportError: As the import system words it.
        """
        asked = _scan.fromlist_at(frame.f_code, frame.f_lasti) if self._is_whole(name) else ()
        for each in asked:
            if self._is_to_come(name, each, frame):
                part = self.parts[name]
                said = f"cannot import name {each!r} from partially initialized module {name!r}"
                said = f"{said} (most likely due to a circular import) ({part.spec.origin})"
                raise ImportError(said, name=name, path=part.spec.origin)

    def _is_to_come(self, name: str, bound: str, frame: Any) -> bool:  # as above
        """Whether a module under execution is going to bind a name, and certainly has not yet."""
        part, namespace = self.parts.get(name), space_of(name)
        if part is None or part.body is None or name not in self.snapshots or bound not in part.body.bound:
            return False
        value = namespace.get(bound, MISSING)
        is_former = value is not MISSING and value is self.snapshots[name].bindings.get(bound)
        if not is_former or is_submodule(name, bound, namespace):
            return False
        while frame is not None and not (frame.f_globals is namespace and frame.f_locals is namespace):
            frame = frame.f_back
        names = part.body.bound_by(frame.f_code, frame.f_lineno, frame.f_lasti) if frame is not None else None
        return names is not None and bound not in names

    def _run_behind(self, name: str) -> None:
        """
        Execute what a module in a circle, which is itself left alone, imports, and what those import that are left too.

        Who asked for it may be on the way round the circle, and would find that executed in a fresh interpreter; so
        would it those that turn out to be affected by then.
        """
        members = self.draft.components[name]
        queue = self._imported(name) if len(members) > 1 else []
        behind = {name}
        while queue:
            each = queue.pop()
            behind.add(each)
            if each not in members or self._is_going(each):
                if not self._is_taking_half(each):
                    self._run_ahead(each)
                    self._run_left(behind)
            elif each not in self.passed:
                self.passed.add(each)
                self._take_halves(each)
                queue.extend(self._imported(each))

    def _run_left(self, names: Collection[str]) -> None:
        """Execute those of the modules that were left alone and turn out to be affected."""
        for name in [name for name in self.left if name in names and name in self.draft.needs.affected]:
            if name in self.left:  # still: one may have led to another
                del self.left[name]
                self._execute_dependent(name)

    def _imported(self, name: str) -> list[str]:
        """What a module imports, each after the packages that it is in, from behind."""
        return [n for each in reversed(self.draft.imports(name)) for n in (each, *packages_of(each))]

    def _run_ahead(self, name: str) -> None:
        """
        Execute what is imported by a module that is not executed itself, or not yet.

        Whether it would fail with this, or catch the error, does not show: in a circle there may be another chance.
        """
        try:
            self.pending.run(name)
        except Exception as trouble:
            if not self.executing or all(trouble is not error for error, _ in self.failed):
                raise
            for error, failed in self.failed:
                if failed not in self.finished and failed not in self.pending.waiting:
                    self._forgive(error, failed)

    def _is_taking_half(self, name: str) -> bool:
        """
        Whether a module, or what it leads to, takes names from one under execution.

        A fresh interpreter may fail there and go on, or has done it before.
        """
        seen = {name, *packages_of(name)} & self.pending.waiting.keys()
        waiting = list(seen)
        while waiting:
            each = waiting.pop()
            edges = self.draft.graph.get(each, {})
            if self._is_going(each) and any(n in edges and edges[n].kind is EdgeKind.BINDING for n in self.executing):
                return True
            around = {n for found in self.draft.imports(each) for n in (found, *packages_of(found))}
            waiting.extend(fresh := (around & self.pending.waiting.keys()) - seen)
            seen |= fresh
        return False

    def _is_going(self, name: str) -> bool:
        """Whether a module is known to be executed."""
        if name in self.parts and not self.parts[name].is_layout:
            return True
        return name in self.foreseen or name in self.draft.needs.affected

    def _is_whole(self, name: str) -> bool:
        """Whether a module is in a circle that is executed as a whole."""
        fragile, _ = self.draft.whole.get(name, ((), ()))
        return any(map(self._is_going, fragile))

    def _foresee(self, name: str) -> None:
        """
        Have everything settled that a module depends on.

        Modules that import each other have no first one: which of them will be executed is told from their sources
        before any is, so that imports among them find the right ones pending.
        """
        members = self.draft.components[name]
        imported = [each for member in members for each in self.draft.imports(member)]
        # Where what is imported is in a package of the circle, that would come first: before a module of it that is
        # going to be executed only if it asks for it.
        is_first = len(members) > 1 and self._is_going(name)
        inside = [each for each in imported if is_first and not set(members).isdisjoint(packages_of(each))]
        for each in imported:
            if each in self.pending.waiting and each not in members and each not in inside:
                self._run_ahead(each)
        is_around = len(members) > 1 or not set(self.executing).isdisjoint(imported)
        if is_around and name not in self.foreseen and not all(map(self._is_going, members)):
            self.foreseen.update(self.draft.foreseen((*self.executing, *members, *inside)))
        if self._is_whole(name):
            self.foreseen.update(dict.fromkeys((n for n in members if not self._is_going(n)), WHOLE))

    def _execute_dependent(self, name: str) -> bool:
        """Execute a module if something that it computed can be different now."""
        affected = self.draft.needs.affected
        if name not in affected and name not in self.foreseen:
            self._tell_filled(name)
        reason = affected.get(name) or self.foreseen.get(name)
        if reason is None:
            return False
        self._keep([name])
        if name not in self.disposed:
            self.dispose([name])
        part = self.parts.setdefault(name, self.draft.dependent(name, reason))
        part.is_layout = False
        _lines.forget(part.spec.origin)
        self._execute(part)
        return True

    def _look_again(self, around: Collection[str] = ()) -> None:
        """
        Execute those that were left alone and turn out to be affected: they did not seem to depend on the cause.

        Those in a circle with who comes next, and that may take from them, wait until it is over.
        """
        affected = self.draft.needs.affected
        if self.seen == len(affected):
            return
        if not around:
            self.seen = len(affected)
        for name in [name for name in self.left if name in affected and name not in around]:
            self._run_left([name])
            if not around:
                self._raise_caught()

    def _rebind(self, name: str) -> None:
        """Give names that a module imported the objects that these stand for now, where it has not rebound them."""
        for each in reversed(self._behind(name)):
            self._rebind_one(each)

    def _behind(self, name: str) -> list[str]:
        """A module, and in a circle those that it takes names from, directly or not, and that wait for their turn."""
        found = [name]
        wanted = self.draft.needs.rebinds
        for each in found if self.executing else ():
            taken = wanted.get(each, {}).values()
            sources = dict.fromkeys(module for module, theirs in taken if theirs in wanted.get(module, ()))
            found.extend(n for n in sources if n in self.pending.waiting and n not in found and not self._is_going(n))
        return found

    def _rebind_one(self, name: str) -> None:
        is_as_fresh = name in self.finished and self._is_whole(name)
        wanted = None if is_as_fresh else self.draft.needs.rebinds.get(name)
        namespace = namespace_of(sys.modules.get(name)) if wanted else None
        if wanted is None or namespace is None:
            return
        former = self.draft.needs.former
        for mine, (module, theirs) in wanted.items():
            source = space_of(module)
            before = former.get((module, theirs or mine), MISSING if theirs else source.get(mine, MISSING))
            had, now = namespace.get(mine, MISSING), source.get(theirs, MISSING)
            is_given = had is MISSING and theirs in self.draft.needs.stars.get(module, ())  # to star imports, only now
            is_still = is_given or _is_still(had, before)
            is_leaving = now is MISSING and self.is_dropping and not is_submodule(name, mine, namespace)
            if now is not had and is_still and (now is not MISSING or is_leaving):
                self._bind(name, namespace, mine, now)

    def _bind(self, name: str, namespace: dict[str, object], mine: str, now: object) -> None:
        """Give a name that a module imported another object, or take it away, without executing the module."""
        self.draft.needs.former[name, mine] = namespace.get(mine, MISSING)
        self.journal.write(Item(namespace, mine), now)
        self.rebound.setdefault(name, []).append(mine)

    def _follow_positions(self, part: Part) -> None:
        """Only comments or layout changed: functions learn their new lines."""
        started = time.perf_counter()
        namespace = space_of(part.name)
        old, new = part.record.compiled(), part.body
        moved = _positions.moves(old.codes, new.codes) if old is not None and new is not None else None
        _positions.follow(part.name, namespace, moved or {}, self.journal)
        self.patched.add(part.name)
        self._done(part, started)

    # One module

    def _execute(self, part: Part) -> None:
        """Execute one module and bring what is held of it up to date, before anything else runs."""
        name = part.name
        self.executing.append(name)
        self.draft.needs.rebinds.pop(name, None)  # it takes its names by itself
        try:
            with _bootstrap._ModuleLockManager(name):  # as importlib: who imports it now waits
                self._execute_part(part, time.perf_counter())
        except BaseException as error:
            self._failed(name, error)
            raise
        self.executing.pop()

    def _failed(self, name: str, error: BaseException) -> None:
        """As after any failed import, the module is gone; if nobody catches the error, the abort brings it back."""
        self.failed.append((error, name))
        self.executing.pop()
        self.journal.write(Item(sys.modules, name), MISSING)
        if isinstance(error, Exception) and self._is_whole(name):
            self._await_again(name)

    def _raise_caught(self) -> None:
        """
        Abort for a module that failed even if its importer caught the error, and fails again.

        It was loaded before, so the program uses it; were it gone now, a reload had done harm in silence.  In a circle
        it may have failed for want of what is there now: the next import would execute it anew.
        """
        failed = {name: error for error, name in reversed(self.failed)}
        order = self.draft.order if failed else ()  # there may be thousands, each of which asks for this
        for name in [name for name in order if name in failed]:  # as they were imported before
            if name not in self.finished and name not in self.pending.waiting:
                self._forgive(failed[name], name)
            self.pending.run(name)

    def _forgive(self, error: BaseException, name: str) -> None:
        """Have a module that failed be executed by the next that asks for it, once."""
        if name in self.retried or name in sys.modules or not isinstance(error, Exception):
            raise error
        self.retried.add(name)
        self._await_again(name)

    def _await_again(self, name: str) -> None:
        """Have a module as it was at the beginning, on the list of those that wait."""
        self.pending.waiting[name] = None
        first = next(each for each in self.journal if _is_module(each.place, name))
        self._put_back(namespace_of(first.before))
        self.journal.write(first.place, first.before)

    def _put_back(self, namespace: dict[str, object] | None) -> None:
        """Have a namespace as it was at the beginning."""
        for each in self.journal:
            if isinstance(each.place, Namespace) and each.place.namespace is namespace:
                each.place.put(each.before)
                break

    def _culprit(self, error: BaseException) -> str:
        for known, name in self.failed:
            if known is error:
                return name
        return super()._culprit(error)

    def _execute_part(self, part: Part, started: float) -> None:
        module = sys.modules.get(part.name)
        namespace = namespace_of(module)
        if namespace is None or "__builtins__" not in namespace:
            self._execute_replaced(part, module)
        else:
            self._execute_in(part, module, namespace)
        self._bind_in_parent(part.name, module)
        self.finished.append(part.name)
        self._done(part, started)

    def _done(self, part: Part, started: float) -> None:
        self.steps.append(part.step)
        self.made.append(self._record(part, time.perf_counter() - started))

    def _execute_in(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # a module of any class
        """The usual case: the new code in the retained namespace."""
        since, finished = len(self.journal.entries), len(self.finished)
        former, kind = namespace.copy(), type(module)
        is_used = self.draft.needs.is_used(part.name)
        is_followed = self._is_followed(part.name)
        held_before = holding(part.name, former) if is_followed else {}
        written = self._keep_written(part)
        try:
            self._run_in(part, module, namespace)
        except BaseException as error:  # what was defined until then may be anywhere, and the old definitions go on
            if self.window.is_leaking(namespace):
                self.held.update(Twins.of(held(pair(former, namespace, part.name), namespace)))
            if not (self._is_refused(error, namespace) and self._run_again(part, module, namespace, former)):
                raise
            self.findings.append(_refused(part.name, error))
        for target, entry in written.items():
            self._wrote(part.name, target, entry)
        if self.is_dropping and type(module) is kind and is_own(kind, part.name):
            module.__class__ = ModuleType  # the new source gives it none of its own
        place = Item(sys.modules, part.name)
        if place.get() is not module:  # it put something else there, which a rollback has to tell from what others put
            self.journal.entries.append(Entry(place, module, place.get()))
        if self.is_dropping:
            self._drop_stars(part, namespace)
        self.phase = Phase.PATCH
        if self.is_dropping and not part.is_unchanged:
            self._withdraw(part, former, namespace)
        _uses.trees.let_go()  # what is searched next are all objects that were made meanwhile, and trees are very many
        is_same = self.is_live and self._patch(part, former, namespace, since, self.finished[finished:])
        if self.is_live:
            settle_instances(former, namespace)
        kept = self._keep_state(part, former, namespace) if self.is_keeping else []
        kept += bind(former, namespace, declared(part.name, "__keep__"))
        twins = Twins.of(self.window.made(kept, namespace)) if kept and self.is_live else None
        if twins:
            self._stand_in(twins, namespace, since, self.finished[finished:])
        if self.is_dropping and not (is_same or _is_as_defined(former, namespace)):
            self._drop_gone(part, former, namespace)
        if is_used:
            self._tell(part, former, namespace, held_before)
        self.draft.needs.executed.add(part.name)
        self.phase = Phase.EXECUTE

    def _run_in(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # as above
        self._prepare(part, module, namespace)
        self._move_window(but=part.name)
        self._run(part, module, namespace)

    def _is_refused(self, error: BaseException, namespace: dict[str, object]) -> bool:
        """Whether code that a module called raised an error: it may mind what the former source has registered."""
        frames = [each.tb_frame for each in walk(error)]
        called = [*dropwhile(lambda each: each.f_globals is not namespace, frames)]
        others = [each for each in called if each.f_globals is not namespace]
        if not others or others[-1] is not called[-1] or any(map(_is_importing, others)):
            return False
        return isinstance(error, Exception) and not isinstance(error, ImportError)

    def _run_again(self, part: Part, module: Any, namespace: dict[str, object], former: dict[str, object]) -> bool:
        """Execute a module while what it has registered is out of the way, and put that back; if there is any."""
        own = {name: value for name, value in former.items() if name in part.bound and not is_atom(type(value))}
        known = {id(value): name for name, value in own.items() if label_of(value) is None}
        told = functools.partial(_registered.names_in, owner=part.name, names=former.keys(), known=known)
        taken = [entry for entry in self.noted.open() if _registered.take_out(entry.place, told)]
        if not taken:
            return False
        orphan(_made_classes(namespace, former.values()))
        self._put_back(namespace)
        self.window.has_remains = True
        self.window.clear()
        try:
            self._run_in(part, module, namespace)
        finally:
            for entry in taken:
                _registered.put_back(entry.place, entry.before, told)
        return True

    def _keep_written(self, part: Part) -> dict[Written, Entry]:
        """Note what stands where the code sets attributes of other modules, and of what these define."""
        found: dict[Written, Entry] = {}
        if not part.may_write:
            return found
        former = self.draft.needs.view(part.name).written()
        present = former if part.is_unchanged else part.view.written()
        for target in {**former, **present}:
            place = _place(*target) if target[0] in self.draft.graph else None  # in scope
            if place is not None:
                self.journal.keep(place)
                found[target] = self.journal.entries[-1]
            if isinstance(place, Item) and target not in present and self.is_dropping and self._is_foreign(*target):
                place.put(MISSING)
        return found

    def _is_foreign(self, module: str, name: str, rest: tuple[str, ...]) -> bool:
        """Whether nothing in the source of a module binds a name of it."""
        return not rest and not self.draft.needs.view(module).is_binding(name)

    def _wrote(self, name: str, target: Written, entry: Entry) -> None:
        """Note what the execution of a module set elsewhere."""
        entry.after = entry.place.get()
        if entry.after is not entry.before:
            self.draft.needs.former.setdefault(target[:2], entry.before)
            order = self.draft.order
            self.draft.needs.wrote(*target, earlier=order[: order.index(name)])

    def _drop_gone(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> None:
        """What to do about definitions that left the source."""
        self._forget_gone(part.name, former, namespace)
        number = part.record.number + 1
        if self.is_live and retire(former, namespace, part.name, number, self.journal):
            self.patched.add(part.name)

    def _is_followed(self, name: str) -> bool:
        needs = self.draft.needs
        return needs.is_used(name) and needs.is_followed(name)

    def _tell(self, part: Part, former: dict[str, object], namespace: dict[str, object], held_before: Held) -> None:
        """Note what the execution changed, for those that depend on it."""
        needs = self.draft.needs
        old = needs.view(part.name) if self._is_followed(part.name) else None
        if old is None or not part.is_unchanged or old.again() is not old:
            needs.renew(part.name, functools.partial(needs.look, part.name) if part.is_unchanged else part.read_view)
        needs.change(part.name, needs.compare(part.name, former, namespace, old, held_before))
        for each in needs.stale():
            self.journal.write(Cache(each.cache_clear), None)
        members = self.draft.components[part.name] if self.left else ()
        for name in members:  # in a circle some had their turn before
            if name in self.left:
                self._rebind(name)

    def _tell_filled(self, present: str = "") -> None:
        """
        Note in which containers there is something else by now, for those who read them while they are executed.

        Whose turn was before has never seen it.  What is in those of modules that are executed themselves is told then.
        """
        if self.told == len(self.finished):
            return
        self.told = len(self.finished)
        needs = self.draft.needs
        changed = {id(entry.place.container) for entry in self.noted.unread(needs.executed) if self._is_filled(entry)}
        self.noted.read(changed)
        if not changed:
            return
        known = set(needs.affected)
        for module, name in owners(self.kept & self.draft.graph.keys(), changed):
            needs.change(module, {name: Level.FILLED}, is_whole=True)
        if more := needs.affected.keys() - known:
            order = self.draft.order
            first = min(order.index(name) for name in self.finished)
            for each in more - (set(order[first:]) - (self.passed - {present})):
                del needs.affected[each]

    def _is_filled(self, entry: Noting) -> bool:
        """Whether there is something else in a container than before, or it has changed."""
        self._settle_registered(entry)
        return not entry.place.is_holding(entry.before) or self.noted.is_of(entry, self.draft.needs.changed)

    def _settle_registered(self, entry: Noting) -> None:
        """Let what was registered again stand in the place of the former registration."""
        if not entry.place.is_holding(entry.before):
            point(entry.place.container, self.held)
            _registered.settle(entry.place, entry.before, self.again)

    def _keep_state(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> list[Pair]:
        """Bind names to their former objects where nothing that made them changed."""
        trees = [_tree(source) for source in (part.record.source, part.source)]
        if trees[0] is None or trees[1] is None:
            return []
        old, new = Statements.of(trees[0]), Statements.of(trees[1])
        levels = self.draft.needs.levels
        others = {*self.finished, *self.executing, *self.unloaded}
        taken = {name.partition(".")[0] for module, name in (*levels, *self.draft.lost) if module == part.name}
        modules = {*others, *(module for module, _ in levels)}
        if not modules.isdisjoint(self._called(part)):
            return []  # which of its statements has to do with them is not looked for

        def is_stable(name: str) -> bool:
            value = namespace.get(name)
            module = value.__name__ if type(value) is ModuleType else getattr(type(value), "__module__", "")
            if type(value) is FunctionType or is_class(value):
                module = getattr(value, "__module__", "")
            is_other = module != part.name and module in others
            if type(value) is ModuleType:  # a package may be asked for what is in it
                is_other = any(each == module or each.startswith(f"{module}.") for each in modules - {part.name})
            return former.get(name) is value and not is_other and name not in taken

        new = attrs.evolve(new, imported=new.imported | self.starred.get(part.name, NONE) | _starred(part) | taken)
        names = unchanged(old, new, is_stable) - new.definitions
        return keep(former, namespace, names, self.journal)

    def _called(self, part: Part) -> set[str]:
        """What a module imports by calls."""
        text = part.source.data.decode("latin-1") if part.source is not None else ""
        called = map(part.record.resolved, _scan.imports_by_call(text))
        return {*called, *self.draft.needs.called.get(part.name, ())}

    def _forget_gone(self, name: str, former: dict[str, object], namespace: dict[str, object]) -> None:
        """
        Take definitions that left the source out of the containers that they were put in.

        One that goes by its name in a wrapper now has not left it.
        """
        present = {id(value) for value in namespace.values()}
        gone = {
            id(value): value
            for key, value in former.items()
            if id(value) not in present
            and (type(value) is FunctionType or is_class(value))
            and getattr(value, "__module__", None) == name
            and not is_own(namespace.get(key), name)
        }
        if gone:
            for entry in self.noted.open():
                point(entry.place.container, self.held)
                forget(entry.place, gone)
            for place in [each.place for each in self.journal if isinstance(each.place, Cache)]:
                place.clear()  # of functions that dispatch

    def _withdraw(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> None:
        """Take out of containers what the former source put there, and the present one does not."""
        holding = self.noted.of(part.name)
        old, new = (self.draft.needs.view(part.name).statements, part.view.statements) if holding else (None, None)
        gone = {} if old is None or new is None else _uses.withdrawn(old, new)
        for entry in holding if gone else ():
            leading = {n for by in gone.values() for n in by if self._may_lead(former.get(n), entry, part.name)}
            names = {name for name, by in gone.items() if not leading.isdisjoint(by)}
            known = {id(value): name for each in (former, namespace) for name, value in each.items() if name in names}
            told = functools.partial(_registered.names_in, owner=part.name, names=names, known=known)
            _registered.withdraw(entry.place, entry.before, told)

    def _may_lead(self, value: object, entry: Noting, name: str) -> bool:
        """Whether code may put something into a container by what a name of a module stands for."""
        of = value if type(value) is FunctionType or is_class(value) else type(value)
        module = value.__name__ if type(value) is ModuleType else getattr(of, "__module__", "")
        container = entry.place.container
        if id(type(value)) in PLAIN:
            return any(each is container for each in (value, *elements_of(value)))
        held = attributes(value)
        if type(held) is dict and any(each is container for each in held.copy().values()):
            return True
        # A decorator that only wraps has no container; what stands in one elsewhere was put there by others.
        return module != name and module in self.draft.graph and any(owners([module], {id(container)}))

    def _patch(
        self, part: Part, former: dict[str, object], namespace: dict[str, object], since: int, nested: list[str]
    ) -> bool:
        """Make the old objects the new definitions, and point everything to them; whether they are the same anyway."""
        name = part.name
        begun = len(self.journal.entries)
        settle(former, namespace, name)
        if _is_as_defined(former, namespace):
            self._forget_checks(since)
            return True
        again = Twins.of(self._made_again(part, former, namespace))
        patched = patch(former, namespace, name, self.journal, again)
        if len(self.journal.entries) > begun:
            self.patched.add(name)
        self.replaced.extend((name, each) for each in patched.replaced)
        self.findings.extend(_unmarked(each, name) for each in patched.unmarked)
        if patched.abstract:
            self.findings.append(_abstract(patched.abstract, name))
        self._forget_checks(since)
        if patched.values:  # what the new source takes from another module is the very object that is there
            self._publish(patched.values, namespace, but=part.view.taken)
        if patched.twins:
            self._stand_in(patched.twins, namespace, since, nested)
        self.moving.extend((name, each) for each in moving(former, namespace, name))
        return False

    def _made_again(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> Iterator[Pair]:
        """What the module makes besides definitions, and stays the same object, by what its two sources say."""
        for name, each in alone(former, namespace, part.name).items():
            sides = (self.draft.needs.view(part.name), former), (part.view, namespace)
            if all(view.is_made_by(name, type(each.old), names) for view, names in sides):
                yield each

    def _follow_moved(self) -> None:
        """Lead to a definition in another module: where it was it is no more, and there it was not before."""
        for name, each in self.moving:
            if home(each.old) is not each.old and self._is_new(each.new):
                forward(each.old, each.new, self.journal)
                self.replaced.append((name, each))

    def _is_new(self, definition: object) -> bool:
        """Whether its module had no definition of that name before."""
        _, module, name = label_of(definition) or ("", "", "")
        earlier = self.snapshots.get(module)
        if module not in self.loaded or earlier is None:
            return module not in self.loaded
        former = label_of(earlier.bindings.get(name))
        return former is None or former[1] != module

    def _forget_checks(self, since: int) -> None:
        """
        Where classes changed what they have, forget what was concluded from it.

        That is so now, and when the changes are taken back, which goes through the journal the other way.
        """
        if any(_changes_shape(entry) for entry in self.journal.entries[since:]):
            place = Cache(forget_checks)
            self.journal.entries.insert(since, Entry(place, None, None))
            self.journal.write(place, None)

    def _prepare(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # as above
        """Let go of what must not steer the new code, and set what the import system sets."""
        if self.is_dropping:
            self._drop(part, namespace)
            self._drop_stars(part, namespace)
        if sys.version_info >= (3, 14):
            # What was evaluated of the old source; the new one's __annotate__ gives it anew when it is asked for.
            namespace.pop("__annotations__", None)
        if part.spec.submodule_search_locations is None:
            namespace.pop("__path__", None)  # a package that became a module
        self.pending.put_on(part.spec)
        _bootstrap._init_module_attrs(part.spec, module, override=True)
        if "__path__" in namespace:
            self._bind_submodules(part, namespace)

    def _bind_submodules(self, part: Part, namespace: dict[str, object]) -> None:
        """
        What is loaded is not bound again by its import: a package that deletes the name must find it once more.

        One that had something else under the name, and asks itself for the submodule, would get that; so would one
        whose submodule is not loaded yet.
        """
        start = f"{part.name}."
        asked = {name for each in _imports(part) if part.record.resolved(each) == part.name for name in each.names}
        modules = sys.modules.copy()
        for each in [each for each in modules if each.startswith(start)]:
            child = each.removeprefix(start)
            if "." not in child and each in self.history.records and (child in asked or child not in namespace):
                namespace[child] = modules[each]
        for child in asked - part.view.made if asked else ():
            if start + child not in modules:
                namespace.pop(child, None)

    def _drop(self, part: Part, namespace: dict[str, object]) -> None:
        """Names that the old source could bind and the new one cannot leave before it is executed."""
        if part.body is None:
            return
        namespace.pop("__annotations__", None)  # made anew by the execution, where there are any
        unbound = part.bound - part.body.bound
        if self.unloaded:  # an import may fail now, and its error be caught
            taken = part.view.taken.items()
            unbound |= {n for n, every in taken if any(part.view.absolute(each) in self.unloaded for each in every)}
        for name in unbound - _IMPORT_SYSTEM - {*declared(part.name, "__keep__")}:
            if name == "__doc__":
                namespace[name] = None
            elif not is_submodule(part.name, name, namespace):
                namespace.pop(name, None)

    def _drop_stars(self, part: Part, namespace: dict[str, object]) -> None:
        """
        Names of former star imports that the present ones do not bring leave.

        Most are known beforehand; where the module's own imports execute what it takes them from, only afterwards.
        """
        starred = self.starred.get(part.name, NONE)
        if part.body is None or not starred:
            return
        given = all_given_names(part.spec.parent or "", part.body.imports)
        for name in starred - part.body.bound - _IMPORT_SYSTEM - given:
            if not is_submodule(part.name, name, namespace):
                namespace.pop(name, None)

    def _run(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # as above
        part.spec.__dict__["_initializing"] = True
        try:
            if part.body is None:
                part.spec.loader.exec_module(module)  # type: ignore[union-attr]  # a source always has a loader
            else:
                part.body.execute(namespace)
        finally:
            part.spec.__dict__["_initializing"] = False
        if part.name not in sys.modules:
            raise ImportError(f"{part.name!r} took itself out of sys.modules", name=part.name)

    def _execute_replaced(self, part: Part, current: object) -> None:
        """
        A module that put another object in its place in `sys.modules`.

        The one that was executed is gone, so a new one is made; where both put a module there, the
        one that was there is kept and takes over the new one's namespace.
        """
        made = util.module_from_spec(part.spec)
        self.pending.put_on(part.spec)
        place = Item(sys.modules, part.name)
        self.journal.write(place, made)
        self._run(part, made, vars(made))
        self.journal.entries.append(Entry(place, made, place.get()))  # the source's own doing, for a rollback
        mine, theirs = namespace_of(current), namespace_of(sys.modules[part.name])
        former = dict(mine or {})
        if mine is not None and theirs is not None:
            # The import system put these there when it imported them, and will not again.
            submodules = {n: value for n, value in mine.copy().items() if is_submodule(part.name, n, mine)}
            theirs.update({n: value for n, value in submodules.items() if n not in theirs})
        if mine is not None and theirs is not None and type(sys.modules[part.name]) is type(current):
            self.phase = Phase.PATCH
            self.patched.add(part.name)
            patched = patch(mine, theirs, part.name, self.journal)
            self.replaced.extend((part.name, each) for each in patched.replaced)
            twins = patched.twins
            twins.add(current, sys.modules[part.name])
            Namespace(mine).put(Namespace(theirs).get())
            self._publish(twins, mine)
            self._replace(twins)
            self.journal.write(place, current)
            self.phase = Phase.EXECUTE
        if mine is None or theirs is None:  # who asks it for anything has to do so again
            former, theirs = {**_shown(sys.modules[part.name]), **_shown(current)}, {}
        self._tell_replaced(part, former, theirs)

    def _tell_replaced(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> None:
        """As :meth:`_tell`, where it is not known which definitions say something else."""
        needs = self.draft.needs
        needs.renew(part.name, part.read_view)
        needs.executed.add(part.name)
        needs.former.update(((part.name, name), value) for name, value in former.items())
        both = former.keys() & namespace.keys()
        every = {**former, **namespace}
        needs.change(part.name, {name: Level.OBJECT if name in both else Level.PRESENCE for name in every})

    def _bind_in_parent(self, name: str, former: object) -> None:
        """
        As the import system does after every import of a submodule.

        A package that is not executed keeps what it has put under that name since, as a function that is called so.
        """
        parent, _, child = name.rpartition(".")
        namespace = namespace_of(sys.modules.get(parent)) if parent else None
        if namespace is not None:
            is_executed = parent in self.executing or parent in self.finished
            if is_executed or namespace.get(child, former) is former:
                self.journal.write(Item(namespace, child), sys.modules[name])

    def _record(self, part: Part, seconds: float) -> Record:
        declined = self.declined(part.name, self.restores[part.name]) if part.name in self.restores else NONE
        return Record(
            name=part.name,
            number=part.record.number + 1,
            revision=0,
            cause=part.cause,
            origin=part.spec.origin,
            package=part.spec.parent or "",
            created=time.time(),
            seconds=seconds,
            restores=self.restores.get(part.name),
            declined=declined,
            turned_away=sign(part.source) if declined else None,
            source=part.source,
            is_settled=part.source is part.record.source and part.record.is_settled,
            body=part.body,
            uses=part.read,
        )

    # What is held

    def _publish(self, twins: Twins, namespace: dict[str, object], but: Collection[str] = ()) -> None:
        """The kept objects under their names, but for some, in one step for other threads."""
        namespace.update({name: kept for name, kept in twins.among(namespace.copy()).items() if name not in but})

    def _stand_in(self, twins: Twins, namespace: dict[str, object], since: int, nested: list[str]) -> None:
        """Have the kept objects stand wherever the execution put those that it made for them."""
        self._publish(twins, namespace)
        if "__annotations__" in namespace:
            point(namespace["__annotations__"], twins)
        instead = self._replace(twins)
        if instead is not twins:
            self._publish(instead, namespace)
        self._revise(instead, since, nested)

    def _revise(self, twins: Twins, since: int, nested: Iterable[str]) -> None:
        """
        Look after the modules in a circle with this one, which were executed within it.

        They took new objects from it: their journal entries and namespaces are the places outside the
        window that can hold them.
        """
        for entry in self.journal.entries[since:]:
            now = entry.after
            wanted = twins.kept(now)
            if wanted is not now and entry.place.get() is now:
                entry.place.put(wanted)
                entry.after = wanted
        for name in nested:
            namespace = namespace_of(sys.modules.get(name))
            if namespace is not None:
                self._publish(twins, namespace)

    def _replace(self, twins: Twins) -> Twins:
        """Point all else that the execution made to the kept objects; answer what stands for what."""
        self.twins.update(twins)
        self.again.update(id(each.old) for each in twins.pairs)
        instead = self._pointed(twins)
        self.window.has_remains |= any(is_listed(each.new) for each in twins.pairs)
        self.twins.drop(twins)
        return instead

    def _pointed(self, twins: Twins) -> Twins:
        if not is_held(twins.pairs):
            orphan(each.new for each in twins.pairs)
            return twins
        done = replace(twins, self.window)
        self.findings.extend(_stuck(holder, self.executing[-1]) for holder in done.stuck)
        for each in held(done.instead.pairs):
            self.held.add(each.old, each.new)
            if (twin := _weak.target(each.new)) is not each.new:
                self.held.add(_weak.target(each.old), twin)  # if it went before its references, they would go too
        return done.instead


def _have_path(part: Part) -> None:
    """Let what is in a module that became a package be found, by whoever asks for that first."""
    namespace = namespace_of(sys.modules.get(part.name))
    if namespace is not None and part.spec.submodule_search_locations is not None:
        namespace.setdefault("__path__", part.spec.submodule_search_locations)


def _is_bare(value: object) -> bool:
    """Whether a value holds no definition, and never will."""
    kinds = map(type, value) if type(value) is tuple else (type(value),)
    return type(value) is ModuleType or all(map(is_atom, kinds))


def _place(module: str, name: str, rest: tuple[str, ...]) -> Item | ClassAttribute | None:
    """A name of a module, or an attribute of a class or an instance there."""
    namespace = namespace_of(sys.modules.get(module))
    if namespace is None or not rest:
        return None if namespace is None else Item(namespace, name)
    owner = namespace.get(name)
    if is_class(owner):
        return ClassAttribute(owner, rest[0]) if len(rest) == 1 else None  # type: ignore[arg-type]  # asked a line above
    found = attributes(owner)
    return Item(found, rest[0]) if type(found) is dict and len(rest) == 1 else None


def _shown(value: object) -> dict[Any, object]:  # by names, or by what a collection goes by
    """What an object that stands for a module has, in itself or by its class."""
    return {name: each for cls in reversed(mro(value)) for name, each in table(cls).items()} | state(value)


def _is_still(had: object, before: object) -> bool:
    """Whether a name stands for what its import gave it; of a constant an equal one may have been made meanwhile."""
    return had is before or (id(type(before)) in CONSTANTS and is_value(before) and is_alike(had, before))


def _is_as_defined(former: dict[str, object], namespace: dict[str, object]) -> bool:
    """Whether the names of a namespace are there as they were, except for numbers and their like: nothing to patch."""
    for name, value in namespace.copy().items():
        before = former.get(name)
        if before is not value and name not in _IMPORT_SYSTEM and not {id(type(value)), id(type(before))} <= ATOMS:
            return False
    return former.keys() <= namespace.keys()


def _made_classes(namespace: dict[str, object], before: Iterable[object]) -> list[object]:
    """The module's own classes in a namespace that were not there before."""
    classes = [each for each in namespace.copy().values() if issubclass(type(each), type)]
    known, owner = set(map(id, before)), str(namespace.get("__name__"))
    return [each for each in classes if id(each) not in known and is_own(each, owner)]


def _tree(source: Source | None) -> ast.Module | None:
    """The syntax tree of a source that has been compiled once."""
    try:
        return None if source is None else ast.parse(source.data)
    except (SyntaxError, ValueError):
        return None  # what a loader that transforms takes


def _imports(part: Part) -> tuple[Import, ...]:
    return part.body.imports if part.body is not None else ()


def _starred(part: Part) -> frozenset[str]:
    """The names that the star imports of a source have bound."""
    return all_star_names(part.name, part.spec.parent or "", _imports(part))


def _unmarked(cls: type, name: str) -> Finding:
    kept, base = (type.__dict__["__qualname__"].__get__(each) for each in mro_of(cls)[:2])
    said = f"{kept} keeps {base} for its base: CPython does not exchange it, and a class can do with either"
    return Finding(code="base-kept", module=name, message=said)


def _abstract(classes: Iterable[type], name: str) -> Finding:
    kept = ", ".join(map(type.__dict__["__qualname__"].__get__, classes))
    said = f"abc.ABCMeta stays the metaclass of {kept}: CPython gives no class back to type, to which that only adds"
    return Finding(code="metaclass-kept", module=name, message=said)


def _stuck(holder: object, name: str) -> Finding:
    kind = type(holder)
    what = f"{kind.__module__}.{kind.__qualname__}"
    said = f"an object of type {what} holds the new twin of a kept object"
    return Finding(code="stale-holder", module=name, message=said)


def _refused(name: str, error: BaseException) -> Finding:
    said = f"it was executed twice: first something refused what is registered already ({problem(error)})"
    return Finding(code="executed-twice", module=name, message=said)


def _is_importing(frame: FrameType) -> bool:
    """Whether a frame is that of a module's body, or of ours: of an import, and no registry's."""
    return frame.f_code.co_name == "<module>" or str(frame.f_globals.get("__name__")).startswith("modreg.")


def _is_in_call() -> bool:
    """Whether what a module under execution calls, or the body of a class, has led here: what it makes has no name."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not Execution._execute_in_order.__code__:
        if not (_is_importing(frame) or frame.f_code.co_filename.startswith("<frozen importlib")):
            return True
        frame = frame.f_back
    return False


def _is_module(place: object, name: str) -> bool:
    """Whether a place is that of a module in `sys.modules`."""
    return isinstance(place, Item) and place.mapping is sys.modules and place.key == name


def _changes_shape(entry: Entry) -> bool:
    """Whether a change gave a class an attribute or a base, or took one, or has it subscripted otherwise."""
    place = entry.place
    if isinstance(place, ClassAttribute):
        return entry.before is MISSING or entry.after is MISSING or place.name == "__parameters__"
    return isinstance(place, ClassField)
