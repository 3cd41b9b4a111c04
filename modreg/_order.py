"""The order in which modules are executed: dependencies first, circles as the import system would."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import takewhile
from typing import Any

import attrs

from modreg import _graph, _scan
from modreg._draft import WHOLE, Draft, Part
from modreg._edges import at_import
from modreg._holding import is_still
from modreg._importer import BOOTSTRAP, namespace_of, space_of
from modreg._journal import MISSING, Item, Namespace, is_submodule
from modreg._model import EdgeKind
from modreg._pending import Pending
from modreg._program import MAIN
from modreg._scope import packages_of
from modreg._stars import all_given_names
from modreg._statements import Body
from modreg._transaction import Work
from modreg._view import is_given


class _First(BaseException):
    """Leads back to the module of that name, which comes before those settled for it; no module's code is between."""


@attrs.define(eq=False)
class Ordered(Work):
    """
    A transaction that settles modules one after the other: each is executed, or its names are rebound.

    Args:
        draft: What to do, with the sources read and compiled.
        is_dropping: Whether names that the new source cannot bind leave the namespace.

    Attributes:
        pending: Those whose turn has not come, executed by the first import that asks for them.
        parts: The modules that are executed, with those that turn out to have to be.
        failed: The errors that executions raised, each with the module.
        retried: Modules that failed, and may be executed once more.
        finished: The modules that were executed, in order.
        foreseen: Modules of circles that will have to be executed, each with the reason.
        left: The modules that were left alone.
        passed: Modules of a circle that are left alone, and behind which all is settled.
        seen: How many modules were affected when those left alone were looked at last.
        settling: The modules, not known to be executed, before which what they depend on is just being settled.
    """

    draft: Draft = attrs.field(kw_only=True)
    is_dropping: bool = attrs.field(kw_only=True, default=False)
    pending: Pending = attrs.field(init=False)
    parts: dict[str, Part] = attrs.field(init=False)
    failed: list[tuple[BaseException, str]] = attrs.field(factory=list)
    retried: set[str] = attrs.field(factory=set)
    finished: list[str] = attrs.field(factory=list)
    foreseen: dict[str, str] = attrs.field(factory=dict)
    left: dict[str, None] = attrs.field(factory=dict)
    passed: set[str] = attrs.field(factory=set)
    seen: int = 0
    settling: dict[str, None] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.parts = dict(self.draft.parts)
        self.pending = Pending(self.settle_one, self.executing, self._lack, self._is_coming)
        self.findings.extend(self.draft.findings)

    # What is done with one, as those say that execute

    def execute_part(self, part: Part) -> None:
        """Execute one module and bring what is held of it up to date."""
        raise NotImplementedError

    def execute_dependent(self, name: str) -> bool:
        """Execute a module if something that it computed can be different now; whether it was."""
        raise NotImplementedError

    # The turn of one

    def settle_one(self, name: str) -> None:
        """Do with a module what has to be done, now that its turn has come or an import asks for it."""
        part = self.parts.get(name)
        if part is not None and not part.is_layout:
            self._foresee_circle(name)
            self._execute(part)
            return
        is_led_on = name in self.passed
        self.passed.add(name)  # who comes back to it finds it under way
        try:
            self._settle_before(name)
        except _First:  # and it will be asked for anew
            self.pending.waiting[name] = None
            if not is_led_on:
                self.passed.remove(name)
            raise
        self._look_again(self.draft.components[name])
        if self.execute_dependent(name):
            return
        self.left[name] = None
        self._take_halves(name)
        self._rebind(name)  # before those behind it, who may read its names
        if not is_led_on:
            with self._nothing_settling():
                self._run_behind(name)
        self._rebind(name)

    def _execute(self, part: Part) -> None:
        """Execute one module and bring what is held of it up to date, before anything else runs."""
        name = part.name
        self._rebind_imported(name)
        self.executing.append(name)
        self.draft.needs.rebinds.pop(name, None)  # it takes its names by itself
        try:
            with self._nothing_settling(), BOOTSTRAP._ModuleLockManager(name):  # as importlib: who imports it now waits
                self.execute_part(part)
        except BaseException as error:
            self._failed(name, error)
            raise
        self.executing.pop()

    # Circles

    def _settle_before(self, name: str) -> None:
        """
        Have everything settled that a module depends on.

        If that makes others of its circle necessary that came before, which wait for it to be settled, these are first.
        """
        if not self._is_going(name):
            self.settling[name] = None
        try:
            self._foresee(name)
            self._give_way(name)
        except _First as first:
            if first.args != (name,):
                raise
            self._foresee(name)
        finally:
            self.settling.pop(name, None)

    @contextmanager
    def _nothing_settling(self) -> Iterator[None]:
        """For code that is not to be left half done."""
        settling, self.settling = self.settling, {}
        try:
            yield
        finally:
            self.settling = settling

    def _give_way(self, name: str) -> None:
        """Go back to the first of its circle that turned out to be executed while all before it was settled."""
        members = self.draft.components[name] if self.settling and self._is_going(name) else ()
        for each in self.settling:
            if each != name and each in members and self._is_going(each):
                raise _First(each)

    def _enter(self, name: str) -> None:
        """
        Begin with that in whose execution a fresh interpreter comes to a module by way of a new one.

        It will ask for the others; the new one itself is imported first if nobody around it is executed.  Should it
        fail, whoever asks for it gets the error: it may be asked for by nobody, or who does catches that.
        """
        around = self.draft.around(name) if name in self.pending.waiting else ()
        new = [*takewhile(lambda each: each not in sys.modules, around)]
        if not new or not any(map(self._is_going, self.draft.components[name])):
            return
        going = [each for each in around if each in self.pending.waiting and self._is_going(each)]
        if going:
            self.pending.run(going[-1])
            return
        with suppress(Exception):
            import_module(new[-1])

    def _foresee(self, name: str) -> None:
        """
        Have everything settled that a module depends on.

        Modules that import each other have no first one: which of them will be executed is told from their sources
        before any is, so that imports among them find the right ones pending.
        """
        members = self.draft.components[name]
        if len(members) == 1 and not self.executing:
            self._run_before(members, members)
            self._foresee_whole(name)
            return
        imported = [each for member in members for each in self.draft.imports(member)]
        # Where what is imported is in a package of the circle, that would come first: out of its turn if it still
        # waits, and before a module of the circle that is going to be executed only if it asks for it.
        is_first = len(members) > 1 and self._is_going(name)
        packages = {*members} if is_first else self.pending.waiting.keys() & members
        inside = [each for each in imported if not packages.isdisjoint(packages_of(each))]
        # What leads back to it by its packages is executed when an import asks for it.
        around = self.draft.with_packages[name] if is_first else members
        self._run_before(members, {*around, *inside})
        is_around = len(members) > 1 or not set(self.executing).isdisjoint(imported)
        if is_around and name not in self.foreseen and not all(map(self._is_going, members)):
            self.foreseen.update(self.draft.foreseen_among(members, (*self.executing, *members, *inside)))
        self._foresee_whole(name)

    def _foresee_circle(self, name: str) -> None:
        """Foresee the rest of its circle while what its modules make anew is there as others have filled it."""
        members = () if self.draft.is_calm else self.draft.components[name]
        if not (self.draft.has_foreseen(members) or all(map(self._is_going, members))):
            self.foreseen.update(self.draft.foreseen_among(members, (*self.executing, *members)))

    def _run_before(self, members: Collection[str], but: Collection[str]) -> None:
        """Execute what modules import, but for some."""
        for each in self._imported_in_turn(members):
            if each in self.pending.waiting and each not in but and not self._is_within(each, members):
                self._run_ahead(each)

    def _is_within(self, name: str, members: Collection[str]) -> bool:
        """Whether a module is in a package of a circle that is entered: it comes when that package imports it."""
        return not set(packages_of(name)).isdisjoint(members) and any(map(self._is_going, members))

    def _foresee_whole(self, name: str) -> None:
        """Foresee the rest of a circle that is executed as a whole."""
        if self._is_whole(name):
            every = self.draft.circles[name][1]
            self.foreseen.update(dict.fromkeys((n for n in every if not self._is_going(n)), WHOLE))

    def _imported_in_turn(self, members: Collection[str]) -> Iterator[str]:
        """What modules import, each after the packages that it is in, but for those that they are in themselves."""
        own = {package for member in members for package in packages_of(member)}
        for each in (each for member in members for each in at_import(self.draft.graph.get(member, {}))):
            yield from (package for package in reversed([*packages_of(each)]) if package not in own)
            yield each

    def _is_going(self, name: str) -> bool:
        """Whether a module is known to be executed."""
        if name in self.parts and not self.parts[name].is_layout:
            return True
        return name in self.foreseen or name in self.draft.needs.affected

    def _is_coming(self, name: str) -> bool:
        """Whether a module that waits is known to be executed, be it with its circle."""
        return self._is_going(name) or self._is_whole(name)

    def _is_whole(self, name: str) -> bool:
        """Whether a module is in a circle that is executed as a whole."""
        return self.draft.is_whole(name, self._is_going)

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
        part, namespace = self.parts[name], space_of(name)
        if part.body is None or name not in self.snapshots or bound not in part.body.bound:
            return False
        is_former = namespace.get(bound, MISSING) is self.snapshots[name].bindings.get(bound)
        if not is_former or is_submodule(name, bound, namespace):
            return False
        codes = {id(each.code) for each in part.body.statements}
        while frame is not None and id(frame.f_code) not in codes:
            frame = frame.f_back
        if frame is None or bound not in part.body.to_come(frame.f_lineno, frame.f_lasti):
            return False
        starred = (_scan.absolute(each, part.record.package) for each in part.imports if "*" in each.names)
        return not any(bound in space_of(each) for each in starred)  # of those to come as well, to be safe

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

    def _run_left(self, names: Collection[str]) -> None:
        """Execute those of the modules that were left alone and turn out to be affected."""
        for name in [name for name in self.left if name in names and name in self.draft.needs.affected]:
            if name in self.left:  # still: one may have led to another
                del self.left[name]
                self.execute_dependent(name)

    # Names

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
                if now is not before and now is not MISSING and is_still(namespace.get(mine, MISSING), before):
                    self._bind(name, namespace, mine, now)

    def _rebind(self, name: str) -> None:
        """Give names that a module imported the objects that these stand for now, where it has not rebound them."""
        for each in reversed(self._behind(name)):
            self._rebind_one(each)

    def _rebind_rest(self) -> None:
        """Have all know what their names stand for now: those first that others take names from which change, too."""
        wanted = self.draft.needs.rebinds
        taken = ((name, each.values()) for name, each in wanted.items())
        sources = {name: [m for m, theirs in each if theirs in wanted.get(m, ())] for name, each in taken}
        groups: Iterable[Iterable[str]] = _graph.components(sources) if any(sources.values()) else [wanted]
        for name in [name for group in groups for name in group]:
            self._rebind(name)

    def _rebind_imported(self, name: str) -> None:
        """Have what a module imports, and is not to come any more, know what its names stand for now."""
        found = [each for each in self.draft.imports(name) if self._is_behindhand(each)]
        for each in found:  # it grows while it is walked
            sources = dict.fromkeys(module for module, _ in self.draft.needs.rebinds[each].values())
            found.extend(n for n in sources if n not in found and self._is_behindhand(n))
        for each in reversed(found):
            self._rebind_one(each)

    def _is_behindhand(self, name: str) -> bool:
        """Whether names of a module that is neither under execution nor to come may stand for former objects."""
        return name in self.draft.needs.rebinds and name not in self.executing and name not in self.pending.waiting

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
        body, lacking = self.parts[name].body if name in self.finished else None, self.draft.lacking(name)
        for mine, (module, theirs) in wanted.items():
            source = space_of(module)
            before = former.get((module, theirs or mine), MISSING if theirs else source.get(mine, MISSING))
            had, now = namespace.get(mine, MISSING), source.get(theirs, MISSING)
            is_told = had is MISSING and theirs in self.draft.needs.stars.get(module, ())  # to star imports, only now
            is_its = is_told or is_still(had, before)
            # A module that is halfway then has no ``__all__`` yet.
            is_half = module in lacking
            is_brought = not (mine.startswith("_") or mine in lacking[module]) if is_half else is_given(theirs, source)
            if is_half and is_brought and not theirs:
                continue
            is_hidden = had is MISSING and not is_brought  # from the star import by which it would come
            is_own = body is not None and self._has_bound(name, body, mine, is_lost=not theirs)
            is_leaving = now is MISSING and self.is_dropping and not (is_own or is_submodule(name, mine, namespace))
            if now is not had and is_its and not is_hidden and (now is not MISSING or is_leaving):
                self._bind(name, namespace, mine, now)

    def _has_bound(self, name: str, body: Body, bound: str, *, is_lost: bool) -> bool:
        """Whether an executed module has just bound a name by itself, or one star import a name that another lost."""
        if bound in body.bound or not is_lost:
            return bound in body.bound
        return bound in all_given_names(self.parts[name].record.package, body.imports, self.draft.lacking(name))

    def _rebind_program(self) -> None:
        """Give names that the program itself took from modules what they stand for now; it is not executed again."""
        namespace = space_of(MAIN)
        taken = [each for each in self.draft.taken() if each[1] in self.snapshots or each[1] in self.rebound]
        former = {module: self._former(module) for _, module, _ in taken}
        for mine, module, theirs in taken:
            had, now = namespace.get(mine, MISSING), space_of(module).get(theirs, MISSING)
            is_its = is_still(had, former[module].get(theirs, MISSING))
            if is_its and now is not had and had is not MISSING and now is not MISSING:
                self._bind(MAIN, namespace, mine, now)

    def _former(self, module: str) -> Mapping[str, object]:
        """What names of a module that was executed, or rebound, stood for before."""
        if module in self.snapshots:
            return self.snapshots[module].bindings
        former = self.draft.needs.former
        return {name: former[module, name] for name in self.rebound[module]}

    def _bind(self, name: str, namespace: dict[str, object], mine: str, now: object) -> None:
        """Give a name that a module imported another object, or take it away, without executing the module."""
        self.draft.needs.former[name, mine] = namespace.get(mine, MISSING)
        self.journal.write(Item(namespace, mine), now)
        self.rebound.setdefault(name, []).append(mine)

    # Failures

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
        return next((name for known, name in self.failed if known is error), "") or super()._culprit(error)


def _is_module(place: object, name: str) -> bool:
    """Whether a place is that of a module in `sys.modules`."""
    return isinstance(place, Item) and place.mapping is sys.modules and place.key == name
