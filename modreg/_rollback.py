"""Former transactions taken back."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import attrs

from modreg._closures import renew
from modreg._history import Commit, Record
from modreg._journal import Attribute, Namespace
from modreg._model import Cause, Decision, Foreseen, Phase, Step
from modreg._pairs import Pair
from modreg._patch import forward
from modreg._snapshot import Snapshot
from modreg._successor import Living, living
from modreg._transaction import Work, sign


@attrs.define(eq=False)
class Rollback(Work):
    """
    A transaction that takes former ones back by their journals; nothing is executed.

    Args:
        chain: The commits to take back, newest first.
        targets: For each module, the version whose state it gets; 0 for one that was not loaded then.
    """

    chain: tuple[Commit, ...] = attrs.field(kw_only=True)
    targets: dict[str, int] = attrs.field(kw_only=True)

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


def _step_back(name: str, number: int) -> Step:
    """What a rollback does with a module that is to get the state of a version; 0 stands for none."""
    if number:
        return Step(module=name, decision=Decision.RESTORE, reason=f"back to version {number}")
    return Step(module=name, decision=Decision.UNLOAD, reason="it was not loaded then")
