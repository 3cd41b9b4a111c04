"""A plan carried out: all of it, or none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Final

import attrs

from modreg import _lines, _source
from modreg._history import GONE, NONE, NOTHING, Commit, History, Record
from modreg._hooks import dispose, migrate, migrate_instances
from modreg._importer import namespace_of
from modreg._journal import MISSING, Entry, Item, Journal
from modreg._model import Cause, Finding, Foreseen, Participant, Phase, Step, rebinding
from modreg._pairs import Pair
from modreg._snapshot import Snapshot
from modreg._source import Source
from modreg._successor import Living, succeed
from modreg.errors import FindingsError, ReloadError, SourceError, said


def check_findings(findings: Iterable[Finding]) -> None:
    """
    Refuse a strict transaction that has findings.

    Raises:
        FindingsError: It has.
    """
    found = tuple(findings)
    if found:
        raise FindingsError(found)


@attrs.define(eq=False)
class Work:
    """
    What every transaction has: a journal, a phase, and an end that is either commit or abort.

    Attributes:
        phase: What is being done, for errors.
        executing: Names of the modules whose code is running, innermost last.
        before: The version numbers that were current at the start, by module.
        made: The versions made so far, in order.
        rebound: The names that were given other objects, by module; not in the steps yet.
        is_strict: Whether it is refused where there are findings.
        within: Who takes part, from the tear-down to the set-up.
        loaded: The modules that were loaded when the execution began, by name.
    """

    history: History
    cause: Cause
    is_strict: bool = attrs.field(kw_only=True, default=False)
    within: Participant | None = attrs.field(kw_only=True, default=None)
    journal: Journal = attrs.field(factory=Journal)
    ledger: Journal = attrs.field(factory=Journal)
    phase: Phase = Phase.EXECUTE
    executing: list[str] = attrs.field(factory=list)
    steps: list[Step] = attrs.field(factory=list)
    before: dict[str, int] = attrs.field(factory=dict)
    made: list[Record] = attrs.field(factory=list)
    unloaded: list[str] = attrs.field(factory=list)
    undoes: tuple[int, ...] = ()
    findings: list[Finding] = attrs.field(factory=list)
    rebound: dict[str, list[str]] = attrs.field(factory=dict)
    replaced: list[tuple[str, Pair]] = attrs.field(factory=list)
    patched: set[str] = attrs.field(factory=set)
    snapshots: dict[str, Snapshot] = attrs.field(factory=dict)
    loaded: dict[str, ModuleType] = attrs.field(factory=dict)
    started: float = attrs.field(factory=time.perf_counter)
    is_begun: bool = False
    is_committed: bool = False
    is_over: bool = False

    @property
    def names(self) -> Iterable[str]:
        """The modules that it concerns, as far as that is known beforehand."""
        raise NotImplementedError

    def run(self) -> Commit:
        """
        Do it, and commit; whatever is raised on the way, undo it.

        Raises:
            ReloadError: Something raised; it is the ``__cause__``.
            BaseException: `KeyboardInterrupt`, `SystemExit` and their like, as they are.
        """
        try:
            try:
                self._begin()
                self.do()
                if self.is_strict:
                    check_findings(self.findings)
                self._finish()
                self.phase = Phase.COMMIT
                commit = self._commit()
                self.is_committed = True
                return commit
            except BaseException as error:  # whatever it is, nothing may stay half done
                self._abort(error)
                raise self._explained(error) from _cause(error)
            finally:
                self._clean()  # a signal may have come between any two lines above
                self.is_over = True
        except BaseException as error:  # all is as it was; now those who take part can take it up again
            self._give_back(error)
            raise

    @property
    def planned(self) -> Foreseen:
        """What is going to be done."""
        raise NotImplementedError

    def do(self) -> None:
        """Make the changes."""
        raise NotImplementedError

    def _begin(self) -> None:
        if self.within is not None:
            self.phase = Phase.TEAR_DOWN
            self.is_begun = True
            self.within.begin(self.planned)
            self.phase = Phase.EXECUTE

    def _finish(self) -> None:
        if self.within is not None:
            self.phase = Phase.SET_UP
            self.within.finish((*self.steps, *map(rebinding, self.rebound, self.rebound.values())))

    def _give_back(self, error: BaseException) -> None:
        if self.within is not None and self.is_begun:
            try:
                self.within.abort(error)
            except Exception as trouble:
                error.add_note(f"modreg could not have the former versions taken up again: {trouble!r}")

    def begins(self, name: str) -> None:
        """Note what an import that begins inside this one is going to bind."""
        at = _in_package(name)
        if at is not None:
            self.journal.keep(at)
        before = self.loaded.get(name, MISSING)  # code that is executed may have taken it out
        self.journal.entries.append(Entry(Item(sys.modules, name), before, MISSING))

    def added(self, record: Record, module: object) -> None:
        """Take in a module that something else executed while this is open: for the first time, or again."""
        known = self.history.records.get(record.name, ())
        if known and record.cause is Cause.IMPORTLIB:
            self.before.setdefault(record.name, known[-1].number)
            self.made.append(record)
            return
        for at in filter(None, (Item(sys.modules, record.name), _in_package(record.name))):
            for entry in reversed(self.journal.entries):  # what begins() noted last is no more what others bind later
                place = entry.place
                if isinstance(place, Item) and place.mapping is at.mapping and place.key == at.key:
                    entry.after = module
                    break
        self.before.setdefault(record.name, 0)
        self.made.append(record)

    def dispose(self, names: Iterable[str]) -> None:
        """Call the hooks of the versions that are about to go."""
        self.phase = Phase.DISPOSE
        for name, namespace in self._namespaces(names):
            self.executing.append(name)
            dispose(namespace)
            self.executing.pop()
        self.phase = Phase.EXECUTE

    def migrate(self, names: Iterable[str]) -> None:
        """Call the hooks of the versions that have come, with what their namespaces held before."""
        self.phase = Phase.MIGRATE
        for name, namespace in self._namespaces(names):
            if name in self.snapshots:
                self.executing.append(name)
                migrate(namespace, self.snapshots[name])
                migrate_instances(name, namespace, self.before[name], self.journal)
                self.executing.pop()

    def _namespaces(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, object]]]:
        for name in list(names):
            namespace = namespace_of(sys.modules.get(name))
            if namespace is not None:
                yield name, namespace

    def succeed(self, name: str, pair: Pair, instances: Living) -> None:
        """Move what is left of a class in whose place another stands, and tell of what could not be moved."""
        done = succeed(pair, self.journal, instances)
        earlier = getattr(pair.old, "__qualname__", "")
        if done.left:
            said = f"{done.left} objects stay with the earlier {earlier} ({done.example}); {done.moved} were moved"
            self.findings.append(Finding(code="layout", module=name, message=said))
        elif not done.is_led:
            said = f"whoever holds the earlier class {earlier} itself has another class than the present one"
            self.findings.append(Finding(code="split-class", module=name, message=said))

    def declined(self, name: str, number: int) -> frozenset[str]:
        """The sources that going back to a version turns away, as hashes; the very set of before if that adds none."""
        target = self.history.record(name, number)
        before = self.history.current(name).declined
        sources = [record.source for record in self.history.after(name, number)]
        others = {each.hash for each in sources if each is not None and each is not target.source}
        commits = map(self.history.commit_of, self.undoes)
        is_lost = target.source is not None and None in sources  # it was a namespace package meanwhile
        if is_lost or any(name in commit.unloaded for commit in commits if commit is not None):
            others.add(GONE)
        found = before.union(others) - ({target.source.hash} if target.source is not None else NONE)
        return before if found == before else found

    def turned_away(self, name: str, declined: frozenset[str], source: Source | None) -> _source.Signature | None:
        """What the file was when it last had a source turned away, which is now unless these sources were before."""
        current = self.history.current(name)
        if declined is current.declined:
            return current.turned_away
        return sign(current.source or source) if declined else None  # the file of what goes may be another one

    def unload(self, name: str) -> None:
        """Take a module out of `sys.modules` and off its package."""
        module = sys.modules.get(name)
        at = _in_package(name)
        if at is not None and at.get() is module:
            self.journal.write(at, MISSING)
        self.journal.write(Item(sys.modules, name), MISSING)
        self.unloaded.append(name)

    def note(self, name: str, number: int) -> None:
        """Remember which version of a module this transaction supersedes, and what its namespace holds."""
        self.before.setdefault(name, number)
        namespace = namespace_of(sys.modules.get(name))
        if namespace is not None:
            self.snapshots[name] = Snapshot.take(namespace)

    def _commit(self) -> Commit:
        """Everything is made ready first; the history's revision is the last thing that changes."""
        self.journal.settle()
        commit = Commit(
            cause=self.cause,
            steps=tuple(self.steps),
            rebound=self.rebound or NOTHING,
            records=tuple(self.made),
            unloaded=tuple(self.unloaded),
            undoes=self.undoes,
            replaced=tuple(pair for _, pair in self.replaced),
            patched=frozenset(self.patched),
            findings=tuple(self.findings),
            seconds=time.perf_counter() - self.started,
            before=self.before,
            journal=self.journal,
        )
        self.history.commit(commit, self.ledger)
        return commit

    def settle(self, commit: Commit) -> None:
        """After the commit: hand each superseded version its snapshot, and let go of what is too old."""
        for name, snapshot in self.snapshots.items():
            superseded = self.history.remembered(name, self.before.get(name, 0))
            if superseded is not None:
                superseded.snapshot = snapshot
        for record in commit.records:
            if record.restores and record.source:
                former = self.history.record(record.name, record.number - 1).source
                if former is None or former.hash != record.source.hash:
                    _lines.show(record.source)
        self.history.forget(commit)

    def _clean(self) -> None:
        """Whatever was interrupted where: what is not committed is undone."""
        if not self.is_committed:
            self.ledger.undo()
            self.journal.undo()
            for snapshot in self.snapshots.values():
                snapshot.put_back()

    def _abort(self, error: BaseException) -> None:
        """
        Undo, history first.

        A place that cannot be put back is told with the error; a signal is raised when all is undone.
        """
        try:
            self.ledger.undo()
        finally:
            try:
                self.journal.undo()
            except Exception as trouble:
                error.add_note(f"modreg could not undo one change: {trouble!r}")

    def _explained(self, error: BaseException) -> BaseException:
        """The error to raise: modreg's own, or for what is no `Exception` the very same with a note."""
        if isinstance(error, _TELLING):
            return error
        told = self._told(error)
        if isinstance(error, Exception):
            return told
        error.add_note(f"modreg: {told}")
        return error

    def _told(self, error: BaseException) -> ReloadError:
        name = self._culprit(error)
        record = self.history.records.get(name, ())[-1:]
        path = (record[0].origin or "") if record else ""
        running = f"version {record[0].number} of {name!r}" if record else "what was running before"
        if isinstance(error, Exception):
            name, path = _innermost(error) or (name, path)
        text = said(error)
        problem = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return ReloadError(self.phase.value, name, path, _line(error, path), running, problem)

    def _culprit(self, error: BaseException) -> str:
        """The module whose code raised: the innermost one that was being executed, else the first of all."""
        return self.executing[-1] if self.executing else next(iter((*self.before, *self.names)), "")


def _in_package(name: str) -> Item | None:
    """Where its package has a module; `None` for one that is in none, or in none that is loaded."""
    parent, _, child = name.rpartition(".")
    namespace = namespace_of(sys.modules.get(parent)) if parent else None
    return None if namespace is None else Item(namespace, child)


def _cause(error: BaseException) -> BaseException | None:
    """What the error that is raised is raised from: the module's own, or for that very one its own cause."""
    return error.__cause__ if isinstance(error, _TELLING) or not isinstance(error, Exception) else error


_TELLING: Final = (SourceError, FindingsError)
"""Errors of ours that say by themselves what went wrong."""


def _innermost(error: BaseException) -> tuple[str, str] | None:
    """Name and file of the last module whose body the error came through: it may be one imported for the first time."""
    frames = [each.tb_frame for each in walk(error) if each.tb_frame.f_code.co_name == "<module>"]
    bodies = [each for each in frames if not each.f_code.co_filename.startswith("<")]  # what exec() runs is no file
    name = bodies[-1].f_globals.get("__name__") if bodies else None
    return (name, bodies[-1].f_code.co_filename) if isinstance(name, str) else None


def _line(error: BaseException, path: str) -> int | None:
    """The last line of *path* that the error came through."""
    lines = [each.tb_lineno for each in walk(error) if each.tb_frame.f_code.co_filename == path]
    return lines[-1] if lines else None


def walk(error: BaseException) -> Iterator[TracebackType]:
    """The frames that an error came through, the innermost last; each line is found out when it is asked for."""
    at = error.__traceback__
    while at is not None:
        yield at
        at = at.tb_next


def sign(source: Source | None) -> _source.Signature | None:
    """What its file is now, which holds another text perhaps."""
    with suppress(OSError):  # then it is not known
        return None if source is None else _source.sign(source.path)
    return None
