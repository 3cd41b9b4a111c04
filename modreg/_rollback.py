"""Former transactions taken back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from modreg._closures import renew
from modreg._draft import used
from modreg._history import Commit, Record
from modreg._importer import space_of
from modreg._journal import MISSING, Attribute, Item, Journal, Namespace
from modreg._model import Cause, Decision, Foreseen, Phase, Step
from modreg._pairs import Pair
from modreg._patch import forward
from modreg._snapshot import Snapshot
from modreg._successor import Living, living
from modreg._transaction import Work, sign
from modreg._values import is_atom
from modreg._view import View


@attrs.define(eq=False)
class Rollback(Work):
    """
    A transaction that takes former ones back by their journals; nothing is executed.

    Args:
        chain: The commits to take back, newest first.
        targets: For each module, the version whose state it gets; 0 for one that was not loaded then.
        staying: All other commits since.
        came: The modules that came since.
    """

    chain: tuple[Commit, ...] = attrs.field(kw_only=True)
    targets: dict[str, int] = attrs.field(kw_only=True)
    staying: tuple[Commit, ...] = attrs.field(kw_only=True, default=())
    came: tuple[str, ...] = attrs.field(kw_only=True, default=())

    @property
    def planned(self) -> Foreseen:
        names = tuple(self.targets)
        return Foreseen(names, names, lambda: tuple(map(_step_back, names, self.targets.values())))

    @property
    def names(self) -> Iterable[str]:
        return self.targets

    def do(self) -> None:
        self.patched.update(*(commit.patched for commit in self.chain))
        for name in self.targets:
            if name in self.patched:
                self.note(name, self.history.current(name).number)
            else:
                self.before[name] = self.history.current(name).number
        self.dispose(reversed(self.targets))
        self.phase = Phase.PATCH
        for commit in self.chain:
            commit.journal.reversed_into(self.journal)  # type: ignore[union-attr]  # the caller has checked
            instances = living([each.new for each in commit.replaced])
            for each in reversed(commit.replaced):
                self._give_way(each.new, each.old, instances)
        self._follow()
        self._note_bindings()
        renew(self.journal)
        for name, number in self.targets.items():
            self.steps.append(_step_back(name, number))
            if number:
                self.made.append(self._record(name, number))
            else:
                self.unloaded.append(name)
                self._turn_away(name)
        self.migrate(self.targets)

    def _follow(self) -> None:
        """
        Give names that were taken from other modules what these have now, where the journals of the chain say nothing.

        Who came, or was executed, after the chain took what goes with it; and what comes back had taken what others
        have changed since.
        """
        views = self._concerned()
        if not views:
            return
        former = _Former.of([commit.journal for commit in (*self.chain, *self.staying)], self.journal)
        done: set[tuple[str, str]] = set()
        found = [*self._behindhand(views, former, done)]
        while found:  # what one gets, others may have from there
            for name, mine, now in found:
                former.note(space_of(name), {mine: space_of(name).get(mine)})
                self.journal.write(Item(space_of(name), mine), now)
                if name not in self.targets:
                    self.rebound.setdefault(name, []).append(mine)
            found = [*self._behindhand(views, former, done)]

    def _concerned(self) -> list[View]:
        """Those that may have names from where something changed past the journals of the chain."""
        others = {name for commit in self.staying for name in (*commit.before, *commit.rebound)}
        changed = {*self.targets, *others, *(name for commit in self.chain for name in commit.rebound)}
        back = [name for name, number in self.targets.items() if number and others]
        left = [self._coming(name) for name in {*self.came, *others, *back} if name in sys.modules]
        found: list[Record] = []
        while more := [each for each in left if not changed.isdisjoint(map(each.resolved, each.read()))]:
            found.extend(more)
            changed.update(each.name for each in more)  # others may have names from there
            left = [each for each in left if each not in more]
        return [view_of(each) for each in found]

    def _coming(self, name: str) -> Record:
        """The version that a module is going to have."""
        number = self.targets.get(name)
        return self.history.record(name, number) if number else self.history.current(name)

    def _behindhand(
        self, views: Iterable[View], former: _Former, done: set[tuple[str, str]]
    ) -> Iterator[tuple[str, str, object]]:
        """Names that stand for what another module had under the one that they were taken by, with what it has now."""
        for view in views:
            namespace = space_of(view.name)
            for mine, module, theirs in view.taking():
                had, now = namespace.get(mine, MISSING), space_of(module).get(theirs, MISSING)
                is_own = had is MISSING or (mine in view.made and is_atom(type(had)))
                if had is now or now is MISSING or is_own or (view.name, mine) in done:
                    continue
                if former.has(module, theirs, had):
                    done.add((view.name, mine))
                    yield view.name, mine, now

    def _note_bindings(self) -> None:
        """Of modules whose definitions stay as they are, the journal has all that a snapshot needs."""
        bindings: dict[int, Any] = {}
        for entry in self.journal:
            if isinstance(entry.place, Namespace):
                bindings.setdefault(id(entry.place.namespace), entry.before)
        for name, namespace in self._namespaces(self.targets):
            found = bindings.get(id(namespace))
            if name not in self.snapshots and found is not None:
                self.snapshots[name] = Snapshot(names=found[0], objects=found[1], images=(), is_shallow=True)

    def _turn_away(self, name: str) -> None:
        """Note the source of a module that was not loaded before: who asked for it in vain then is to go on without."""
        record = self.history.current(name)
        if record.source is not None:
            self.journal.write(Attribute(record, "declined"), record.declined | {record.source.hash})
            self.journal.write(Attribute(record, "turned_away"), sign(record.source))

    def _give_way(self, old: object, new: object, instances: Living) -> None:
        """What took another's place gives it back: those who took hold of it meanwhile are led on."""
        pair = Pair(old, new)
        name = getattr(new, "__module__", "")
        self.replaced.append((name, pair))
        forward(old, new, self.journal)
        self.succeed(name, pair, instances)

    def _record(self, name: str, number: int) -> Record:
        target, current = self.history.record(name, number), self.history.current(name)
        declined = self.declined(name, number)
        return Record(
            name=name,
            number=0,
            revision=0,
            cause=Cause.ROLLBACK,
            near=current.body or current.near,
            origin=target.origin,
            package=target.package,
            created=time.time(),
            restores=number,
            source=target.source,
            imports=target.imports,
            declared=target.declared,
            declined=declined,
            turned_away=self.turned_away(name, declined, target.source),
        )


def view_of(record: Record) -> View:
    """What the source of a version defines and uses."""
    statements = used(record.source, record.body) if record.uses is None else record.uses
    return View(record.name, record.package, statements)


@attrs.define(eq=False)
class _Former:
    """What names have stood for, by the namespace: as journals have it."""

    by_namespace: dict[int, list[Mapping[Any, object]]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, journals: Iterable[Journal | None], latest: Journal) -> _Former:
        found = cls()
        for entry in (entry for journal in (*journals, latest) for entry in journal or ()):
            place = entry.place
            if isinstance(place, Namespace):
                found.note(place.namespace, dict(zip(*entry.before, strict=True)))
            elif isinstance(place, Item):
                found.note(place.mapping, {place.key: entry.before})
                found.note(place.mapping, {place.key: entry.after})
        return found

    def note(self, namespace: object, names: Mapping[Any, object]) -> None:
        self.by_namespace.setdefault(id(namespace), []).append(names)

    def has(self, module: str, name: str, value: object) -> bool:
        """Whether a name of a module has stood for the very object."""
        return any(each.get(name, MISSING) is value for each in self.by_namespace.get(id(space_of(module)), ()))


def _step_back(name: str, number: int) -> Step:
    """What a rollback does with a module that is to get the state of a version; 0 stands for none."""
    if number:
        return Step(module=name, decision=Decision.RESTORE, reason=f"back to version {number}")
    return Step(module=name, decision=Decision.UNLOAD, reason="it was not loaded then")
