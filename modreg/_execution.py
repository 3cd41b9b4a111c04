"""A plan carried out: the modules executed, and what is held brought up to date."""

from __future__ import annotations

import ast
import functools
import re
import sys
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from importlib import util
from inspect import CO_OPTIMIZED
from itertools import dropwhile
from types import FrameType, ModuleType
from typing import Any, Final

import attrs

from modreg import _lines, _positions, _registered, _uses, _weak
from modreg._alike import settle, settle_instances
from modreg._classes import is_class, mro, mro_of, table
from modreg._closures import renew
from modreg._draft import Part
from modreg._edges import grouped
from modreg._elsewhere import Elsewhere
from modreg._history import NONE, Record
from modreg._holding import Held, holding, is_value
from modreg._hooks import has_dispose
from modreg._importer import BOOTSTRAP, namespace_of, space_of
from modreg._journal import (
    MISSING,
    PLAIN,
    Attribute,
    Cache,
    ClassAttribute,
    ClassField,
    Entry,
    Item,
    Namespace,
    containers_in,
    elements_of,
    is_submodule,
)
from modreg._matters import Level
from modreg._model import Cause, Decision, Finding, Foreseen, Phase, Step
from modreg._order import Ordered
from modreg._pairs import Pair, home, is_other, is_own, moving, pair
from modreg._patch import Patched, enrol, forget_checks, forget_subscripts, forward, patch, renew_abstract
from modreg._registrations import Registrations
from modreg._removed import retire
from modreg._retained import (
    IMPORT_SYSTEM,
    bind_submodules,
    bring_unlisted,
    cover_again,
    drop,
    drop_lacking,
    drop_stars,
    forget_overloads,
    have_path,
    imports,
    is_as_defined,
    made_classes,
    uncover,
)
from modreg._sheet import Sheet
from modreg._snapshot import Attributes, Snapshot
from modreg._source import Source
from modreg._spec import features, problem
from modreg._stars import all_star_names, brought_late
from modreg._state import (
    NOTHING,
    Statements,
    bind,
    keep,
    keep_in_classes,
    keep_in_functions,
    remade,
    take_over,
    unchanged,
)
from modreg._successor import living
from modreg._transaction import walk
from modreg._twins import Twins, alone, is_alike, is_variable_of
from modreg._values import is_atom, is_definition, label_of, state
from modreg._view import declared
from modreg._window import Window, held, is_held, is_listed, orphan, point, replace

_Stated = tuple[Statements, Statements, Callable[[str], bool]]
"""The statements of both versions of a module, and whether a name from elsewhere stands for what it stood for."""


@attrs.define(eq=False)
class _Run:
    """
    One execution of a module in the namespace that it had.

    Attributes:
        part: What is executed.
        module: The module, of whatever class.
        namespace: Its namespace, which is retained.
        former: What the namespace held before.
        since: How many entries the journal had before.
        nested: The modules that were executed within it.
        gone: The names that its source gives away no more, each with those by which it did.
    """

    part: Part
    module: Any  # a module of any class
    namespace: dict[str, object]
    former: dict[str, object]
    since: int
    nested: list[str] = attrs.field(factory=list)
    gone: dict[str, set[str]] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Execution(Ordered):
    """
    A transaction that executes modules.

    Args:
        is_live: Whether old objects become the new definitions.
        is_keeping: Whether names keep their objects where nothing that made them changed.
        restores: For each module that is brought back by executing it, the version brought back.

    Attributes:
        moving: What a name led to before and, of that name in another module, leads to now; each with its module.
        returned: What left an earlier version and was there again, and so was made before the transaction.
        starred: For each module that may take part and has star imports the names that its star imports had bound.
        elsewhere: What modules set outside of themselves.
        told: How many modules were executed when it was asked last who reads what they registered.
    """

    is_live: bool = attrs.field(kw_only=True, default=True)
    is_keeping: bool = attrs.field(kw_only=True, default=False)
    restores: dict[str, int] = attrs.field(kw_only=True, factory=dict)
    window: Window = attrs.field(factory=Window)
    twins: Twins = attrs.field(factory=Twins)
    held: Twins = attrs.field(factory=Twins)
    moving: list[tuple[str, Pair]] = attrs.field(factory=list)
    returned: list[object] = attrs.field(factory=list)
    disposed: set[str] = attrs.field(factory=set)
    starred: dict[str, frozenset[str]] = attrs.field(factory=dict)
    registrations: Registrations = attrs.field(init=False)
    elsewhere: Elsewhere = attrs.field(init=False)
    told: int = 0

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        graph, imported = self.draft.graph, self.draft.imported
        self.registrations = Registrations(self.journal, self.findings, self.held, graph, imported)
        self.elsewhere = Elsewhere(self.journal, self.draft, self.is_live, self.is_dropping)

    @property
    def planned(self) -> Foreseen:
        sure = (*self.draft.unload, *(name for name, part in self.parts.items() if not part.is_layout))
        return Foreseen(sure, (*self.draft.unload, *self.draft.members), lambda: self.draft.steps)

    @property
    def names(self) -> Iterable[str]:
        return (*self.parts, *self.draft.unload)

    def do(self) -> None:
        self._make_ready()
        self._dispose_first()
        self.elsewhere.put_originals()
        self.loaded = sys.modules.copy()
        try:
            self.window.open()
            for name in self.draft.unload:
                self._unload(name)
            self._execute_all()
        finally:
            self.window.close()
        self.phase = Phase.PATCH
        self._bring_the_rest_up_to_date()
        self.migrate(self.finished)

    def _make_ready(self) -> None:
        """Note all that is known to be executed as it is, and have the new sources be found."""
        if self.is_keeping:
            self.draft.needs.calm = None  # what is kept depends on all that a change leads to
            self.draft.needs.is_thorough = True
        for record in map(self.history.current, self.draft.starring):
            self.starred[record.name] = all_star_names(record.name, record.package, record.read())
        self._keep(self.parts if self.draft.is_calm else [name for name in self.draft.order if name in self.parts])
        if not self.draft.is_calm:
            self.draft.look_around()
        for part in self.parts.values():
            _lines.forget(part.spec.origin)
            have_path(part)

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
                self._enter(name)
                self.pending.run(name)
                self._raise_caught()
                self._look_again()
                self.window.move()

    def _bring_the_rest_up_to_date(self) -> None:
        """What could wait until all is executed, and the allocation window is closed."""
        for part in [self.parts[name] for name in self.left if name in self.parts]:
            self._follow_positions(part)
        self.elsewhere.follow_originals()
        self._rebind_rest()
        if self.is_live:
            self._rebind_program()
        if self.held:
            replace(self.held)
        self.registrations.settle()
        self._follow_moved()
        since = len(self.journal.entries)
        instances = living([each.old for _, each in self.replaced])
        for name, each in self.replaced:
            self.succeed(name, each, instances)
        self._forget_checks(since)
        renew(self.journal)
        renew_abstract(self.journal)

    def _clean(self) -> None:
        self.window.close()
        self.pending.stop()
        del self.pending  # it leads back here, and no collector should be needed to free a transaction
        super()._clean()
        if self.is_committed:
            return
        for part in self.parts.values():  # a spec that is kept must not pass for one under execution
            part.spec.__dict__["_initializing"] = False
        self.twins.update(self.held)
        if self.twins and is_held(self.twins.pairs):
            replace(self.twins)  # what the failed code put where no journal reaches

    def _abort(self, error: BaseException) -> None:
        kept = [(x.place.namespace, x.before) for x in self.journal if isinstance(x.place, Namespace)]
        made = [x for namespace, (_, before) in kept for x in made_classes(namespace, (*before, *self.returned))]
        others = [(name, each) for name, each in self.loaded.items() if sys.modules.get(name, MISSING) is not each]
        self.journal.entries.extend(Entry(Item(sys.modules, name), each, MISSING) for name, each in others)
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
            self.registrations.note(name)

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
            foreseen = self.draft.foreseen()
            self.foreseen.update((name, foreseen[name]) for name in hooked if name in foreseen)
        going = [n for n in self.draft.order if self._is_going(n)]
        self.disposed.update(going)
        self.dispose(self._with_those_that_leave(going))

    def _with_those_that_leave(self, going: list[str]) -> list[str]:
        """Who is going to be executed and who leaves `sys.modules`, dependents first."""
        if self.draft.unload:
            groups = grouped(self.draft.graph, (*reversed(self.draft.unload), *going))
            going = [name for group in groups for name in group]
        return going[::-1]

    def _unload(self, name: str) -> None:
        self.note(name, self.history.current(name).number)
        self.steps.append(Step(module=name, decision=Decision.UNLOAD, reason=self.draft.gone))
        if self.is_dropping and self.draft.cause is Cause.REFRESH:
            self.registrations.forget_all(name, space_of(name).keys())
        self.unload(name)
        parent, _, child = name.rpartition(".")
        if parent in self.draft.graph:
            self.draft.needs.change(parent, {child: Level.PRESENCE})

    # The decision

    def settle_one(self, name: str) -> None:
        super().settle_one(name)
        self.window.clear()
        self._move_window()

    def _move_window(self, but: str = "") -> None:
        """
        Leave behind what was made up to now, if the modules under execution, but for one, have made nothing of it.

        Most import first and define then; where one has defined before, or calls what imports, its search goes over all
        that is executed within it.
        """
        others = [name for name in self.executing if name != but]
        if not others or not (_is_in_call() or any(map(self._has_made, others))):
            self.window.move()
            _uses.trees.settle()

    def _has_made(self, name: str) -> bool:
        """Whether a module under execution has bound something that is not just imported and may hold definitions."""
        if name not in self.snapshots:  # something else than a module is in its place
            return True
        former, body = self.snapshots[name].bindings, self.parts[name].body
        # Names alone, and what _stand_in() looks after.
        made = {*space_of(name).copy()} - IMPORT_SYSTEM - {"__all__", "__annotations__"}
        if body is not None:
            made &= body.bound - body.all_imported
        values = ((each, space_of(name).get(each)) for each in made)
        return any(value is not former.get(each) and _may_lead_to_twins(value, name) for each, value in values)

    def execute_dependent(self, name: str) -> bool:
        affected = self.draft.needs.affected
        if name not in affected and name not in self.foreseen:
            self._tell_filled(name)
        reason = affected.get(name) or self.foreseen.get(name)
        if reason is None:
            return False
        part = self.parts.get(name) or self.draft.dependent(name, reason)
        if self._is_of_values(part) and self._work_out(part):
            return True
        self._keep([name])
        if name not in self.disposed:
            self.dispose([name])
        self.parts[name] = part
        part.is_layout = False
        _lines.forget(part.spec.origin)
        self._execute(part)
        return True

    def _is_of_values(self, part: Part) -> bool:
        """Whether only formulas of a module come out otherwise, as far as is known, and it has no hooks."""
        name, body = part.name, part.body
        if body is None or name not in self.draft.needs.formulas or name in self.foreseen:
            return False
        is_alone = self.is_live and part.is_unchanged and len(self.draft.components[name]) == 1
        return is_alone and _HOOKS.isdisjoint(body.bound)

    def _work_out(self, part: Part) -> bool:
        """
        Give names of a module what their formulas come to, instead of executing it; whether that is all it needs.

        Its other objects, and what has come into them since, stay.
        """
        started, name = time.perf_counter(), part.name
        namespace = namespace_of(sys.modules.get(name))
        if namespace is None or part.body is None:
            return False
        sheet = Sheet(self.draft.needs.view(name), part.body, namespace, self.draft.needs.former)
        if not self._is_told(name, sheet):
            return False
        self._note_shallowly(name, namespace)
        self._rebind_one(name)
        self.rebound.pop(name, None)
        namespace.update(sheet.told)
        self._empty_caches()
        self.draft.needs.rebinds.pop(name, None)
        self.draft.needs.executed.add(name)
        self.parts[name] = part
        self._done(part, started)
        return True

    def _is_told(self, name: str, sheet: Sheet) -> bool:
        """Tell which names come out otherwise, until these are all; whether nothing but formulas is concerned."""
        needs = self.draft.needs
        while name in needs.formulas and sheet.work_out(needs.formulas[name]):
            found = sheet.news()
            if not found:
                return True
            needs.former.update(((name, each), sheet.namespace[each]) for each in found)
            needs.change(name, dict.fromkeys(found, Level.OBJECT))
        return False

    def _note_shallowly(self, name: str, namespace: dict[str, object]) -> None:
        """As :meth:`_keep`, for a module of which only names change."""
        self.journal.keep(Namespace(namespace))
        names, objects = self.journal.entries[-1].before
        self.before.setdefault(name, self.history.current(name).number)
        self.snapshots[name] = Snapshot(names=names, objects=objects, images=(), is_shallow=True)

    def _empty_caches(self) -> None:
        """Have functions forget what they computed with what has changed since."""
        for each in self.draft.needs.stale():
            self.journal.write(Cache(each.cache_clear), None)

    def _follow_positions(self, part: Part) -> None:
        """Only comments or layout changed, and nothing had it executed: functions learn their new lines."""
        started = time.perf_counter()
        namespace = space_of(part.name)
        old, new = part.record.compiled(), part.body
        moved = _positions.moves(old.codes, new.codes) if old is not None and new is not None else None
        _positions.follow(part.name, namespace, moved or {}, self.journal)
        self.patched.add(part.name)
        self._done(part, started)

    # One module

    def execute_part(self, part: Part) -> None:
        started = time.perf_counter()
        self.registrations.settle()  # it may read what those before it have registered
        module = sys.modules.get(part.name)
        namespace = namespace_of(module)
        if namespace is None or "__builtins__" not in namespace:
            self._execute_replaced(part, module)
        else:
            self._execute_in(part, module, namespace)
        self._bind_in_parent(part.name, module)
        self.registrations.executed.append(part.name)
        self.finished.append(part.name)
        self._done(part, started)

    def _done(self, part: Part, started: float) -> None:
        self.steps.append(part.step)
        self.made.append(self._record(part, time.perf_counter() - started))

    def _execute_in(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # a module of any class
        """The usual case: the new code in the retained namespace."""
        run = _Run(part, module, namespace, namespace.copy(), len(self.journal.entries))
        finished, kind = len(self.finished), type(module)
        is_used = self.draft.needs.is_used(part.name)
        is_followed = is_used and self.draft.needs.is_followed(part.name)
        held_before = holding(part.name, run.former) if is_followed else {}
        written = self.elsewhere.keep(part)
        try:
            self._run_aside(run)
        except BaseException as error:
            if not self._is_mended(error, run):
                raise
        run.nested = self.finished[finished:]
        self.elsewhere.wrote(part.name, written)
        self._note_replaced(run, kind)
        self._settle_names(run)
        self.phase = Phase.PATCH
        self._bring_up_to_date(run)
        if is_used:
            self._tell(run, held_before)
        self.draft.needs.executed.add(part.name)
        self.phase = Phase.EXECUTE

    def _note_replaced(self, run: _Run, kind: type) -> None:
        """A module is of a class of its own no more, or has put another object in its place in `sys.modules`."""
        name, module = run.part.name, run.module
        if self.is_dropping and type(module) is kind and is_own(kind, name):
            module.__class__ = ModuleType  # the new source gives it none of its own
        place = Item(sys.modules, name)
        if place.get() is not module:  # a rollback has to tell it from what others put there
            self.journal.entries.append(Entry(place, module, place.get()))
            self._lead_on(name, module)

    def _settle_names(self, run: _Run) -> None:
        """Names that imports bring or do not bring in a fresh interpreter come, leave or stay as they do there."""
        part, namespace = run.part, run.namespace
        lacking = self.draft.lacking(part.name)
        if self.is_dropping:
            drop_stars(part, namespace, self.starred.get(part.name, NONE), lacking)
            drop_lacking(part.body, namespace, lacking)
        bring_unlisted(part.body, namespace, lacking)
        cover_again(part, run.former, namespace)
        if self.is_live:
            self._let_go_of_late(run)

    def _let_go_of_late(self, run: _Run) -> None:
        """
        Submodules that star imports brought only because somebody has imported them since leave again.

        In a fresh interpreter that is after the execution, if nothing imports them that this leads to.
        """
        part, former, namespace = run.part, run.former, run.namespace
        both = set(part.former.imports).intersection(imports(part)) if part.former is not None else ()
        late = brought_late(part.record.package, both, former, namespace) if both else {}
        led = self.draft.led_to(part.name) if late else NONE
        for name in [name for name, full in late.items() if full in self.loaded and full not in led]:
            if part.body and name in part.body.bound and type(former.get(name)) is not ModuleType:
                continue  # what the module itself has bound is gone
            if name in former:
                namespace[name] = former[name]
            else:
                del namespace[name]

    def _is_mended(self, error: BaseException, run: _Run) -> bool:
        """Whether a module that failed came through once more, what it has registered being out of the way."""
        # What was defined until then may be anywhere, and the old definitions go on.
        if self.window.is_leaking(run.namespace):
            self.held.update(Twins.of(held(pair(run.former, run.namespace, run.part.name), run.namespace)))
        if not (self._is_refused(error, run) and self._run_again(run, _is_asking(run.part) or _has_looked(error, run))):
            return False
        self.findings.append(_refused(run.part.name, error))
        return True

    def _bring_up_to_date(self, run: _Run) -> None:
        """Have what is held of a module be what its new source defines, and names keep what they are to keep."""
        part, former, namespace = run.part, run.former, run.namespace
        stated = self._statements(run) if self.is_keeping else None
        same = unchanged(*stated) if stated else NONE
        if run.gone:
            self._withdraw(run, {*same, *declared(part.name, "__keep__")})
        _uses.trees.let_go()  # what is searched next are all objects that were made meanwhile, and trees are very many
        self.registrations.noted.renew(part.name)
        inside = self._keep_inside(run, stated, same) if stated else []
        both = [Pair(former.get(name), value) for name, value in namespace.copy().items()] if stated else []
        for each in (*both, *inside):
            self.registrations.noted.renew_from(each.old, each.new)
        is_same = self.is_live and self._patch(run)
        if self.is_live:
            settle_instances(former, namespace)
        kept = self._keep_names(run, stated[1], same, inside) if stated else []
        kept += bind(former, namespace, declared(part.name, "__keep__"))
        twins = Twins.of(self.window.made(kept, namespace)) if kept and self.is_live else None
        if twins:
            self._stand_in(twins, run)
        if self.is_dropping and not (is_same or is_as_defined(former, namespace)):
            self._drop_gone(run)

    def _run_aside(self, run: _Run) -> None:
        """Execute a module while what it may have given away, and does no more, is out of the way."""
        name = run.part.name
        is_asked = self.is_dropping and not run.part.is_unchanged and self.registrations.has_of(name)
        run.gone = self._gone(run) if is_asked else {}
        aside = self.registrations.set_aside(name, run.gone, run.former, self._giving)
        try:
            self._run_in(run)
        finally:
            self.registrations.bring_back(aside)

    def _gone(self, run: _Run) -> dict[str, set[str]]:
        """What the former source of a module may have given away, and the present one does not."""
        old, new = self.draft.needs.view(run.part.name).statements, run.part.view.statements
        return {} if old is None or new is None else _uses.withdrawn(old, new)

    def _run_in(self, run: _Run, without: Collection[str] = ()) -> None:
        self._prepare(run.part, run.module, run.namespace)
        for name in without:
            run.namespace.pop(name, None)
        if self.is_dropping and not run.former.keys() <= run.namespace.keys():  # it may read what it registers
            self.registrations.forget(run.part.name, run.former, run.namespace)
        self._move_window(but=run.part.name)
        self._run(run.part, run.module, run.namespace)

    def _is_refused(self, error: BaseException, run: _Run) -> bool:
        """Whether code that a module called raised an error: it may mind what the former source left behind."""
        called = _called_by(run.namespace, error)
        others = [each for each in called if each.f_globals is not run.namespace]
        is_of_others = bool(others) and others[-1] is called[-1]
        is_of_its_own = bool(called) and bool(called[-1].f_code.co_flags & CO_OPTIMIZED) and _is_asking(run.part)
        if not (is_of_others or is_of_its_own) or any(map(_is_importing, others)):
            return False
        return isinstance(error, Exception) and not isinstance(error, ImportError)

    def _run_again(self, run: _Run, is_asked: bool) -> bool:
        """
        Execute a module while what it has registered is out of the way, and put that back; if there is any.

        Where it is asked which names are bound, its definitions are out of the way, too, until it makes them anew, and
        so is what came to its names later, as its submodules did.
        """
        part, former, namespace = run.part, run.former, run.namespace
        own = {name: value for name, value in former.items() if name in part.bound and not is_atom(type(value))}
        values = {id(value): name for name, value in own.items() if label_of(value) is None}
        told = functools.partial(_registered.names_in, owner=part.name, names=former.keys(), known=values)
        taken = self.registrations.take_out(told)
        defined, late = self._found_bound(run) if is_asked else (set(), {})
        if not taken and not defined and not late:
            return False
        orphan(made_classes(namespace, former.values()))
        self._put_back(namespace)
        self.window.has_remains = True
        self.window.clear()
        try:
            self._run_in(run, without={*defined, *late})
        finally:
            self.registrations.put_back(taken, told)
        made = part.body.bound if part.body is not None else NONE
        namespace.update((n, x) for n, x in late.items() if n not in namespace and n not in made)
        return True

    def _found_bound(self, run: _Run) -> tuple[set[str], dict[str, object]]:
        """The names of a module's own definitions, and what others define and came to further names later."""
        part, former = run.part, run.former
        known = part.bound | self.starred.get(part.name, NONE)
        late = {name: value for name, value in former.items() if name not in known and _is_late(value)}
        return {name for name in part.bound if is_own(former.get(name), part.name)}, late

    def _drop_gone(self, run: _Run) -> None:
        """What to do about definitions that left the source."""
        name, number = run.part.name, run.part.record.number + 1
        self.registrations.forget(name, run.former, run.namespace)
        if self.is_live and retire(run.former, run.namespace, name, number, self.journal):
            self.patched.add(name)
        if self.is_live:
            settle_instances(run.former, run.namespace)  # a former container may have become like the new one

    def _tell(self, run: _Run, held_before: Held) -> None:
        """Note what the execution changed, for those that depend on it."""
        needs, part = self.draft.needs, run.part
        old = needs.view(part.name) if needs.is_followed(part.name) else None
        if old is None or not part.is_unchanged or old.again() is not old:
            needs.renew(part.name, functools.partial(needs.look, part.name) if part.is_unchanged else part.read_view)
        needs.change(part.name, needs.compare(part.name, run.former, run.namespace, old, held_before))
        self._empty_caches()
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
        known = set(needs.affected)
        for module, name in self.registrations.filled(needs.executed, needs.changed):
            needs.change(module, {name: Level.FILLED}, is_whole=True)
        if more := needs.affected.keys() - known:
            order = self.draft.order
            first = min(order.index(name) for name in self.finished)
            for each in more - (set(order[first:]) - (self.passed - {present})):
                del needs.affected[each]

    def _keep_inside(self, run: _Run, stated: _Stated, same: frozenset[str]) -> list[Pair]:
        """Give new classes and functions the values of the former ones where nothing that made them changed."""
        old, new, is_stable = stated
        sides = run.former, run.namespace
        instead = remade(*sides, same)
        in_classes = keep_in_classes(*sides, old, new, lambda name: name in same or is_stable(name), instead)
        return in_classes + keep_in_functions([Pair(*(each.get(name) for each in sides)) for name in same], instead)

    def _keep_names(self, run: _Run, statements: Statements, same: frozenset[str], inside: list[Pair]) -> list[Pair]:
        """Have names keep their objects, but for plain values made of what stands in containers, if that changed."""
        made = run.namespace.copy()
        names = same - (statements.definitions & statements.imported)
        kept = keep(run.former, run.namespace, names, self.journal)
        instead = remade(run.former, run.namespace) if inside else {}
        for each in inside:
            take_over(each.old, each.new, instead, self.journal)
        if self.is_dropping:
            self.registrations.forget(run.part.name, run.former, run.namespace)
        read = statements.computed_with(self._filled_in(run, made))
        values = {name: made[name] for name in read & names & made.keys() if is_value(made[name])}
        anew = {name: value for name, value in values.items() if not is_alike(run.former.get(name), value)}
        run.namespace.update(anew)
        return [each for each in kept if not any(each.new is value for value in anew.values())]

    def _filled_in(self, run: _Run, made: dict[str, object]) -> set[str]:
        """The names of what a module keeps in which there is something else now, and ``__all__``, which it does not."""
        found = self.registrations.filled_in(run.part.name)
        return found if is_alike(run.former.get("__all__"), made.get("__all__")) else found | {"__all__"}

    def _statements(self, run: _Run) -> _Stated:
        part = run.part
        trees = [_tree(source) for source in (part.record.source, part.source)]
        if trees[0] is None or trees[1] is None:
            return NOTHING, NOTHING, bool
        old, new = Statements.of(trees[0]), Statements.of(trees[1])
        levels = self.draft.needs.levels
        others = {*self.finished, *self.executing, *self.unloaded}
        taken = {name.partition(".")[0] for module, name in (*levels, *self.draft.lost) if module == part.name}
        changed = {(module, name.partition(".")[0]) for module, name in levels}
        # By way of other modules as well: the first name of ``shop.tax.RATE``.
        taken |= {place.ref.path[0] for each in changed for place in part.view.uses(*each)}
        modules = {*others, *(module for module, _ in levels)}
        if not modules.isdisjoint(self._called(part)):
            return NOTHING, NOTHING, bool  # which of its statements has to do with them is not looked for

        def is_stable(name: str) -> bool:
            value = run.namespace.get(name)
            if type(value) is ModuleType:  # a package may be asked for what is in it
                module = value.__name__
                is_other = any(each == module or each.startswith(f"{module}.") for each in modules - {part.name})
            else:
                module = getattr(value if is_definition(value) else type(value), "__module__", "")
                is_other = module != part.name and module in others
            return run.former.get(name) is value and not is_other and name not in taken

        starred = all_star_names(part.name, part.spec.parent or "", imports(part))
        imported = new.imported | self.starred.get(part.name, NONE) | starred | taken
        return old, attrs.evolve(new, imported=imported), is_stable

    def _called(self, part: Part) -> set[str]:
        """What a module imports by calls, or says that it depends on."""
        called = part.source.called if part.source is not None else ()
        computed = self.draft.needs.called.get(part.name, ())
        return {*map(part.record.resolved, called), *computed, *declared(part.name, "__depends__")}

    def _withdraw(self, run: _Run, kept: Container[str]) -> None:
        """
        Take out of containers what the former source put there, and the present one does not.

        Those that were made anew have nothing of it: what is in the former ones is compared with what is in them.
        """
        name = run.part.name
        other = [x for key, x in run.former.items() if key not in kept and run.namespace.get(key) is not x]
        former = {id(each) for x in containers_in(other) for each in (x, *elements_of(x))}
        self.registrations.withdraw(name, run.gone, run.former, run.namespace, self._giving, without=former)

    def _giving(self, value: object) -> list[object]:
        """By what the module that defines a value may give it away."""
        _, module, name = label_of(value) or (None, "", "")
        statements = self.draft.needs.view(module).statements if module in self.draft.graph else ()
        return [space_of(module).get(each) for each in _uses.given_by(statements or (), name.partition(".")[0])]

    def _patch(self, run: _Run) -> bool:
        """Make the old objects the new definitions, and point everything to them; whether they are the same anyway."""
        name, former, namespace = run.part.name, run.former, run.namespace
        begun = len(self.journal.entries)
        gone = settle(former, namespace, name)
        orphan(gone)
        self.window.has_remains |= any(map(is_listed, gone))
        if is_as_defined(former, namespace):
            self._forget_checks(run.since)
            return True
        former = {**self._returning(name, former, namespace), **former}
        again = Twins.of(self._made_again(run.part, former, namespace))
        earlier = Attributes(functools.partial(self._snapshots_of, name))
        patched = patch(former, namespace, name, self.journal, again, earlier)
        if len(self.journal.entries) > begun:
            self.patched.add(name)
        self.findings.extend(_unmarked(each, name) for each in patched.unmarked)
        if patched.abstract:
            self.findings.append(_abstract(patched.abstract, name))
        self._forget_checks(run.since)
        if patched.values:
            self._publish(patched.values, namespace, but=self._taken(run))
        instead = self._stand_in(patched.twins, run) if patched.twins else patched.twins
        self._lead(name, patched, instead)
        self.moving.extend((name, each) for each in moving(former, namespace, name))
        return False

    def _lead(self, name: str, patched: Patched, instead: Twins) -> None:
        """Note what could not become its new definition, and that this stands where it is registered."""
        found = [Pair(each.old, instead.kept(each.new)) for each in patched.replaced]
        self.replaced.extend((name, each) for each in found)
        self.registrations.lead(found)

    def _taken(self, run: _Run) -> set[str]:
        """The names that an execution took from other modules: each has the very object that is there."""
        view, namespace = run.part.view, run.namespace
        starred = {mine for mine, module, name in view.taking() if space_of(module).get(name) is namespace.get(mine)}
        return {*view.taken, *starred}

    def _snapshots_of(self, module: str) -> Iterator[Snapshot]:
        """Those of the versions before, the latest first."""
        return (each.snapshot for each in reversed(self.history.records[module]) if each.snapshot)

    def _returning(self, module: str, former: dict[str, object], namespace: dict[str, object]) -> dict[str, object]:
        """
        What the module last had under the names of definitions that it has again: somebody may hold it.

        Where it had something else under such a name meanwhile, that has the name, and the other a longer one.
        """
        came = {name: x for name, x in namespace.items() if former.get(name) is not x}
        names = {name: x for name, x in came.items() if is_other(former.get(name), x) and is_own(x, module)}
        kept = [*self._snapshots_of(module)] if names else []
        every = (item for each in kept[::-1] for item in each.bindings.items() if item[0] in names)
        found = {name: value for name, value in every if not is_other(value, names[name])}
        present = set(map(id, former.values()))
        found = {name: value for name, value in found.items() if id(value) not in present}
        self.returned.extend(found.values())
        return {f"{module}.{name}" if name in former else name: value for name, value in found.items()}

    def _made_again(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> Iterator[Pair]:
        """What the module makes besides definitions, and stays the same object, by what its two sources say."""
        for name, each in alone(former, namespace, part.name).items():
            if is_variable_of(each.new, part.name) or self._is_made_by(part, name, type(each.old), former, namespace):
                yield each

    def _is_made_by(
        self, part: Part, name: str, kind: type, former: dict[str, object], namespace: dict[str, object]
    ) -> bool:
        """Whether both sources bind a name to what calls of *kind* give, and to nothing else."""
        sides = (self.draft.needs.view(part.name), former), (part.view, namespace)
        return all(view.is_made_by(name, kind, names) for view, names in sides)

    def _follow_moved(self) -> None:
        """Lead to a definition in another module: where it was it is no more, and there it was not before."""
        led: set[int] = set()
        for name, each in self.moving:  # a package may give it out as well
            if id(each.old) not in led and home(each.old) is not each.old and self._is_new(each.new):
                led.add(id(each.old))
                forward(each.old, each.new, self.journal)
                self.replaced.append((name, each))

    def _is_new(self, definition: object) -> bool:
        """Whether its module had no definition of that name before."""
        _, module, name = label_of(definition) or ("", "", "")
        earlier = self.snapshots.get(module)
        if module not in self.loaded or earlier is None:
            return module not in self.loaded
        former = label_of(earlier.bindings.get(name))
        return former is None or former[1:] != (module, name)

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
        if self.is_live:
            forget_overloads(part.name, self.journal)
            uncover(part, namespace)
        if self.is_dropping:
            drop(part, namespace, self.unloaded)
            drop_stars(part, namespace, self.starred.get(part.name, NONE), self.draft.lacking(part.name))
        if sys.version_info >= (3, 14):
            # What was evaluated of the old source; the new one's __annotate__ gives it anew when it is asked for.
            namespace.pop("__annotations__", None)
        if part.spec.submodule_search_locations is None:
            namespace.pop("__path__", None)  # a package that became a module
        if not part.spec.has_location:
            namespace.pop("__cached__", None)  # one that became a namespace package
        self.pending.put_on(part.spec)
        BOOTSTRAP._init_module_attrs(part.spec, module, override=True)
        if "__path__" in namespace:
            self.pending.unbound.update(dict.fromkeys(bind_submodules(part, namespace, self.history.records)))

    def _run(self, part: Part, module: Any, namespace: dict[str, object]) -> None:  # as above
        part.spec.__dict__["_initializing"] = True
        try:
            if part.body is None:
                part.spec.loader.exec_module(module)  # type: ignore[union-attr]  # a source always has a loader
            else:
                part.body.execute(namespace, features(part.name, namespace))
        finally:
            part.spec.__dict__["_initializing"] = False
            self.pending.leave(part.name)
        if part.name not in sys.modules:
            raise ImportError(f"{part.name!r} took itself out of sys.modules", name=part.name)

    def _execute_replaced(self, part: Part, current: object) -> None:
        """
        A module that put another object in its place in `sys.modules`.

        The one that was executed is gone, so a new one is made; where both put a module there, of one class, the
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
            self._take_over(part, current, mine, theirs)
        else:  # who asks it for anything has to do so again
            former, theirs = {**_shown(sys.modules[part.name]), **_shown(current)}, {}
        if sys.modules[part.name] is not current:
            self._lead_on(part.name, current)
        self._tell_replaced(part, former, theirs)

    def _take_over(self, part: Part, current: object, mine: dict[str, object], theirs: dict[str, object]) -> None:
        """Make the old definitions the new ones, and the module that was there the one in its place, if it can be."""
        made = sys.modules[part.name]
        self.phase = Phase.PATCH
        self.patched.add(part.name)
        # The class of the module may be its own, and need not be in the namespace.
        former, present = ({**names, "__class__": type(x)} for x, names in ((current, mine), (made, theirs)))
        patched = patch(former, present, part.name, self.journal)
        twins = patched.twins
        is_kept = twins.kept(type(made)) is type(current)
        if is_kept:
            twins.add(current, made)
            Namespace(mine).put(Namespace(theirs).get())
        namespace = mine if is_kept else theirs
        self._publish(twins, namespace)
        instead = self._replace(twins)
        self._publish(instead, namespace)
        self._lead(part.name, patched, instead)
        if is_kept:
            self.journal.write(Item(sys.modules, part.name), current)
        self.phase = Phase.EXECUTE

    def _lead_on(self, replaced: str, former: object) -> None:
        """Who has imported what stood in a module's place has what stands there now."""
        for name in self.history.records:
            namespace = space_of(name) if name != replaced else {}
            for mine in [each for each, value in namespace.copy().items() if value is former]:
                self._bind(name, namespace, mine, sys.modules[replaced])

    def _tell_replaced(self, part: Part, former: dict[str, object], namespace: dict[str, object]) -> None:
        """As :meth:`_tell`, where it is not known which definitions say something else."""
        needs = self.draft.needs
        needs.renew(part.name, part.read_view)
        needs.executed.add(part.name)
        needs.former.update(((part.name, name), value) for name, value in former.items())
        both = former.keys() & namespace.keys()
        bound = part.bound | (part.body.bound if part.body is not None else NONE)  # it may answer for these, too
        every = {*former, *namespace, *bound}
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
        declined = self._declined(part)
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
            turned_away=self.turned_away(part.name, declined, part.source),
            source=part.source,
            is_settled=part.source is part.record.source and part.record.is_settled,
            body=part.body,
            uses=part.read,
        )

    def _declined(self, part: Part) -> frozenset[str]:
        """The sources that are turned away: those that were, if the source that runs is executed again."""
        if part.name in self.restores:
            return self.declined(part.name, self.restores[part.name])
        return part.record.declined if part.is_unchanged else NONE

    # What is held

    def _publish(self, twins: Twins, namespace: dict[str, object], but: Collection[str] = ()) -> None:
        """The kept objects under their names, but for some, in one step for other threads."""
        namespace.update({name: kept for name, kept in twins.among(namespace.copy()).items() if name not in but})

    def _stand_in(self, twins: Twins, run: _Run) -> Twins:
        """Have the kept objects stand wherever the execution put those made for them; answer what stands for what."""
        namespace = run.namespace
        self._publish(twins, namespace)
        if "__annotations__" in namespace:
            point(namespace["__annotations__"], twins)
        instead = self._replace(twins)
        if instead is not twins:
            self._publish(instead, namespace)
        self._revise(instead, run)
        return instead

    def _revise(self, twins: Twins, run: _Run) -> None:
        """
        Look after the modules in a circle with this one, which were executed within it.

        They took new objects from it: their journal entries and namespaces are the places outside the
        window that can hold them.
        """
        for entry in self.journal.entries[run.since:]:
            now = entry.after
            wanted = twins.kept(now)
            if wanted is not now and entry.place.get() is now:
                entry.place.put(wanted)
                entry.after = wanted
        for name in run.nested:
            namespace = namespace_of(sys.modules.get(name))
            if namespace is not None:
                self._publish(twins, namespace)

    def _replace(self, twins: Twins) -> Twins:
        """Point all else that the execution made to the kept objects; answer what stands for what."""
        self.twins.update(twins)
        self.registrations.again.update(id(each.old) for each in twins.pairs)
        enrol(twins, self.journal)
        instead = self._pointed(twins)
        self.window.has_remains |= any(is_listed(each.new) for each in instead.pairs)
        self.twins.drop(twins)
        return instead

    def _pointed(self, twins: Twins) -> Twins:
        if not is_held(twins.pairs):
            orphan(each.new for each in twins.pairs)
            return twins
        if any(is_class(each.new) for each in twins.pairs):
            forget_subscripts()  # where nobody could find them, and nothing else may hold them
        done = replace(twins)
        self.findings.extend(_stuck(holder, self.executing[-1]) for holder in done.stuck)
        for each in held(done.instead.pairs):
            self.held.add(each.old, each.new)
            if (twin := _weak.target(each.new)) is not each.new:
                self.held.add(_weak.target(each.old), twin)  # if it went before its references, they would go too
        return done.instead


def _may_lead_to_twins(value: object, owner: str) -> bool:
    """
    Whether a value is a definition of a module, or a container where it is likely to put one.

    Where it puts one into something else, that shows when it is done, by counts of references.
    """
    if type(value) is tuple:
        return not all(is_atom(type(each)) for each in value)
    return id(type(value)) in PLAIN or is_own(value, owner)


def _shown(value: object) -> dict[Any, object]:  # by names, or by what a collection goes by
    """What an object that stands for a module has, in itself or by its class."""
    return {name: each for cls in reversed(mro(value)) for name, each in table(cls).items()} | state(value)


def _tree(source: Source | None) -> ast.Module | None:
    """The syntax tree of a source that has been compiled once."""
    try:
        return None if source is None else ast.parse(source.data)
    except (SyntaxError, ValueError):
        return None  # what a loader that transforms takes


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


def _is_asking(part: Part) -> bool:
    """Whether the code may ask which names are bound: one that it is about to define is not, the first time."""
    return part.source is not None and _ASKING.search(part.source.data) is not None


_HOOKS: Final = frozenset({"__keep__", "__dispose__", "__migrate__"})


_ASKING: Final = re.compile(rb"\b(globals\(\)|NameError)")


def _is_late(value: object) -> bool:
    """Whether a value that no statement binds is of those that others define, as submodules and what calls took are."""
    return is_definition(value) or type(value) is ModuleType


def _called_by(namespace: dict[str, object], error: BaseException) -> list[FrameType]:
    """The frames that an error came through, from the first one of a module's own on."""
    frames = (each.tb_frame for each in walk(error))
    return [*dropwhile(lambda each: each.f_globals is not namespace, frames)]


def _has_looked(error: BaseException, run: _Run) -> bool:
    """Whether what a module called until it failed may look at the namespace of who calls it."""
    return any(not _LOOKING.isdisjoint(each.f_code.co_names) for each in _called_by(run.namespace, error))


_LOOKING: Final = frozenset({"modules", "import_module", "f_globals", "f_locals", "__globals__"})


def _refused(name: str, error: BaseException) -> Finding:
    said = f"it was executed twice: first something refused what is there already ({problem(error)})"
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


def _changes_shape(entry: Entry) -> bool:
    """Whether a change gave a class an attribute or a base, or took one, or has it subscripted otherwise."""
    place = entry.place
    if isinstance(place, ClassAttribute):
        return entry.before is MISSING or entry.after is MISSING or place.name == "__parameters__"
    return isinstance(place, ClassField)
