"""All versions of all modules, and the transactions that made them."""

from __future__ import annotations

import _thread
import bisect
import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs
from packaging.version import InvalidVersion, Version

from modreg import _scan, _source
from modreg._journal import Attribute, Item, Journal
from modreg._model import Cause, Finding, ModuleVersion, Step, Transaction, rebinding
from modreg._pairs import Pair
from modreg._scan import Import
from modreg._snapshot import Snapshot
from modreg._source import Source
from modreg._statements import Body
from modreg._uses import Statement
from modreg.errors import NotTrackedError, UnknownVersionError

GONE: Final = ""
"""Stands among hashes for a source that is not there."""


NONE: Final[frozenset[str]] = frozenset()
"""No names, no hashes: one object, for every other empty set takes 216 bytes."""

NOTHING: Final[Mapping[str, list[str]]] = MappingProxyType({})
"""The same of mappings."""

Note: TypeAlias = tuple[str, str | None, bool, float, float, bytes | None]
"""An import as it was noted: name, origin, whether a package, when (epoch), how long, the bytes of its source."""


@attrs.define(eq=False, weakref_slot=False)  # there is one for each version that ever was
class Record:
    """
    What the registry keeps of one version; :attr:`version` is what callers see of it.

    Attributes:
        origin: As in the module's spec.
        package: The package that relative imports start from, or ``""``.
        source: The bytes that were executed, if the module is in scope or somebody asked.
        body: What was executed, once it was compiled; only while the version is current.
        near: The body of another version, much of which may be in this one.
        imports: What the code imports, once it was read.
        uses: What its statements define and use, once they were read; only while the version is current.
        snapshot: The namespace as it last lived, once the version was superseded.
        declared: What the source declares as ``__version__``.
        is_settled: Whether the source's signature is old enough to tell every later edit.
        declined: Hashes of the sources that rollbacks turned away, `GONE` for the lack of one; a
            refresh lets them lie.
        turned_away: Of the file that had such a source, if that is known: once it is written again, it is taken.
        created: Seconds since the epoch.
    """

    name: str
    number: int
    revision: int
    cause: Cause
    origin: str | None
    package: str
    created: float
    seconds: float = 0.0
    restores: int | None = None
    source: Source | None = None
    body: Body | None = None
    near: Body | None = None
    uses: tuple[Statement, ...] | None = None
    imports: tuple[Import, ...] | None = None
    snapshot: Snapshot | None = None
    declared: str | None = None
    is_settled: bool = False
    declined: frozenset[str] = NONE
    turned_away: _source.Signature | None = None

    @classmethod
    def of(cls, note: Note) -> Record:
        """The record of an import."""
        name, origin, is_package, created, seconds, data = note
        return cls(
            name=name,
            number=1,
            revision=0,
            cause=Cause.IMPORT,
            origin=origin,
            package=name if is_package else name.rpartition(".")[0],
            created=created,
            seconds=seconds,
            source=None if data is None else _source.of_bytes(origin or "", data),
        )

    def take_over(self, earlier: Record) -> None:
        """Take what was read of the same text before."""
        mine, theirs = self.text, earlier.text
        if self.imports is None and mine is not None and theirs is not None and mine.hash == theirs.hash:
            self.imports, self.declared = earlier.imports, earlier.declared

    def share(self, earlier: Record) -> None:
        """Hold what is the same in an earlier version only once."""
        for name in ("imports", "origin", "package"):
            if getattr(self, name) == getattr(earlier, name):
                setattr(self, name, getattr(earlier, name))

    @property
    def text(self) -> Source | None:
        """The source, unless byte-code ran whose text nobody has seen."""
        return None if self.source is None or self.source.hash == _source.UNKNOWN else self.source

    @property
    def version(self) -> ModuleVersion:
        """The version as a value; what has to be read out of the source is read now."""
        self.read()
        return ModuleVersion(
            name=self.name,
            number=self.number,
            revision=self.revision,
            source_hash=self.text.hash if self.text else None,
            origin=self.origin,
            cause=self.cause,
            distribution_version=_parsed(self.declared),
            imports=tuple(dict.fromkeys(filter(None, map(self.resolved, self.read())))),
            restores=self.restores,
            created=datetime.fromtimestamp(self.created, UTC),
            seconds=self.seconds,
        )

    def read(self, body: Body | None = None) -> tuple[Import, ...]:
        """What the source imports; nothing without a source that compiles.  Who has compiled it gives the *body*."""
        if self.imports is None:
            found = self.skimmed() if body is None else body
            called = self.source.called if self.source is not None else ()
            self.imports = (*(() if found is None else found.imports), *called)
            self.declared = None if found is None else found.string_constant("__version__")
        return self.imports

    def skimmed(self) -> Body | None:
        """As :meth:`compiled`, to be read and not to be executed: byte-code of this text will do."""
        if self.body is None and self.near is None and self.source is not None:
            is_imported = self.cause in (Cause.IMPORT, Cause.IMPORTLIB)  # by Python itself, which asks and writes it
            code = _source.cached_code(self.source, self.created if is_imported else 0.0)
            if code is not None:
                return Body.of_code(code)
        return self.compiled()

    def compiled(self, *, is_edited: bool = False) -> Body | None:
        """
        The body of the source, made anew where it was not kept; `None` without a source that compiles.

        It is divided into statements for who compiles an edited source after it, or where that costs little.
        """
        if self.body is not None or self.source is None:
            return self.body
        try:
            if is_edited or self.near is not None:
                return Body.of(self.source, self.near)
            return Body.of_code(_source.compile_source(self.source))
        except (SyntaxError, ValueError):
            return None  # a loader that transforms may take what Python does not

    def resolved(self, imported: Import) -> str:
        """The absolute name that an import asks for, or ``""`` where it leaves the top-level package."""
        return _scan.absolute(imported, self.package)


def _parsed(declared: str | None) -> Version | None:
    try:
        return None if declared is None else Version(declared)
    except InvalidVersion:
        return None


@attrs.define(eq=False, weakref_slot=False)  # as of a record
class Commit:
    """
    A transaction that was committed, with what takes it back.

    Attributes:
        records: The versions that it made, in order.
        before: Each module that it made a version of or unloaded, with the number that was current
            before; 0 for one that was not loaded.
        replaced: Functions and classes that could not become their new definition, with the one in their place.
        patched: The modules in which it changed definitions.
        rebound: The names that it rebound, by module.
        journal: Its changes; `None` once a module in it has more than ``keep_snapshots`` later versions.
    """

    cause: Cause
    records: tuple[Record, ...]
    _before: dict[str, int] | None  # `None` where it is what the records tell
    journal: Journal | None
    steps: tuple[Step, ...] = ()
    unloaded: tuple[str, ...] = ()
    undoes: tuple[int, ...] = ()
    replaced: tuple[Pair, ...] = ()
    patched: frozenset[str] = NONE
    rebound: Mapping[str, Iterable[str]] = NOTHING
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    revision: int = 0

    @property
    def before(self) -> dict[str, int]:
        return {each.name: each.number - 1 for each in self.records} if self._before is None else self._before

    def let_go(self) -> None:
        """Let go of what takes it back without executing anything."""
        self.journal, self.replaced, self.patched = None, (), NONE
        if self._before == {each.name: each.number - 1 for each in self.records}:
            self._before = None

    @property
    def transaction(self) -> Transaction:
        """What callers see of it; made when they ask, for that reads the sources."""
        return Transaction(
            revision=self.revision,
            cause=self.cause,
            steps=(*self.steps, *map(rebinding, self.rebound, self.rebound.values())),
            versions=tuple(record.version for record in self.records),
            unloaded=self.unloaded,
            undoes=self.undoes,
            findings=self.findings,
            seconds=self.seconds,
        )


@attrs.define(eq=False)
class History:
    """
    Versions by module, commits in order, and the revision.  It only grows, but for what is forgotten.

    Attributes:
        limit: How many versions of each module are remembered, and the commits that lie between them; `None` for all.
            What has a snapshot is not forgotten.
        commits: The transactions, by revision.
        changes: How often a record came that is the first of its module, or of another place, or of an import.
        lock: Guards the records, the commits and the revision; held for a few bytecodes at a time, and never
            while foreign code runs.
    """

    keep: int = 10
    limit: int | None = None
    revision: int = 0
    _records: dict[str, tuple[Record, ...]] = attrs.field(factory=dict)
    commits: tuple[Commit, ...] = ()
    changes: int = 0
    lock: _thread.RLock = attrs.field(factory=_thread.RLock, repr=False)
    # By hash; see _one().
    _sources: dict[str, Source] = attrs.field(factory=dict)
    # By path the last text that is held whole; see _pack().
    _wholes: dict[str, Source] = attrs.field(factory=dict)
    # For each module the commits that still have their journal, oldest first.
    _recent: dict[str, deque[Commit]] = attrs.field(factory=dict)
    # Of each module of which versions are forgotten the first one.
    _firsts: dict[str, Record] = attrs.field(factory=dict)
    # Modules of which a source may be turned away at present.
    _declining: set[str] = attrs.field(factory=set)
    # Modules that have left at some time.
    _left: set[str] = attrs.field(factory=set)
    # Imports that nobody has asked about yet. Threads append to it without the lock, and under it one takes
    # them off again: both are single steps of C, atomic under the GIL and locked in free threading.
    _noted: deque[Note] = attrs.field(factory=deque)

    @property
    def records(self) -> dict[str, tuple[Record, ...]]:
        """The versions of each module, oldest first."""
        if self._noted:
            self._record()
        return self._records

    def note(self, note: Note) -> None:
        """Append an import; its record is made, and its source hashed, when somebody asks for any."""
        self._noted.append(note)

    def _record(self) -> None:
        with self.lock:
            while self._noted:
                # What an interrupt loses here is adopted.
                self._append(Record.of(self._noted.popleft()))

    def add(self, record: Record) -> Record:
        """Append a version that no transaction made: an import, an adoption."""
        with self.lock:
            self._record()
            self._append(record)
        return record

    def _append(self, record: Record) -> None:
        self._records[record.name] = self._following(record, self.revision)
        self.changes += 1

    def _following(self, record: Record, revision: int) -> tuple[Record, ...]:
        """The versions of a module with one more, which gets its number."""
        before = self._records.get(record.name, ())
        record.revision, record.number = revision, _last(before) + 1
        record.source = self._one(record.source)
        for earlier in before[-1:]:
            record.take_over(earlier)
        return (*before, record)

    def _one(self, source: Source | None) -> Source | None:
        """The same text of a file kept once, however many versions have it."""
        if source is None:
            return None
        kept = self._sources.setdefault(source.hash, source)
        if kept.path != source.path:
            return source
        if kept.is_packed:  # it came back: for now it is held as all that run are
            self._sources[source.hash] = source
            return source
        return kept if kept.signature == source.signature else attrs.evolve(source, data=kept.data, is_packed=False)

    def commit(self, commit: Commit, journal: Journal) -> None:
        """
        Append a commit and its records, as changes of *journal*: an abort takes them off again.

        They get their revision and numbers here; the revision of the history is the last to change.
        """
        with self.lock:
            commit.revision = self.revision + 1
            records = self.records
            for record in commit.records:
                before = records.get(record.name, ())
                self.changes += not before or before[-1].origin != record.origin
                journal.write(Item(records, record.name), self._following(record, commit.revision))
                if record.declined:
                    self._declining.add(record.name)
            self._left.update(commit.unloaded)
            journal.write(Attribute(self, "commits"), (*self.commits, commit))
            journal.write(Attribute(self, "revision"), commit.revision)

    def declining(self) -> list[Record]:
        """The current versions that turn sources away."""
        found = [self.records[name][-1] for name in self._declining if self.records[name][-1].declined]
        self._declining.intersection_update(each.name for each in found)
        return found

    def turned_away_at(self, record: Record) -> int:
        """The revision whose rollback turned away what a version turns away."""
        return next(each.revision for each in self.of(record.name) if each.declined is record.declined)

    def since(self, revision: int) -> tuple[Commit, ...]:
        """The commits after a revision that are remembered."""
        return self.commits[bisect.bisect_right(self.commits, revision, key=attrgetter("revision")) :]

    def commit_of(self, revision: int) -> Commit | None:
        """The commit that made a revision; `None` if it is forgotten."""
        return next((each for each in self.since(revision - 1)[:1] if each.revision == revision), None)

    def standing(self, name: str) -> Commit | None:
        """
        The last commit that concerns a module and that no rollback has taken back; `None` if there is none.

        What came before the module left is none of it, once somebody has imported it anew.
        """
        last: dict[int, bool] = {}  # by revision whether it stands, as the last rollback that speaks of it has it

        def say(revision: int, *, is_standing: bool) -> None:
            commit = self.commit_of(revision)
            undoes = () if commit is None else commit.undoes  # what is forgotten undid what is forgotten
            if not undoes:
                last.setdefault(revision, is_standing)
            # A rollback that is taken back does again what it took back, oldest first; the last to do so comes first.
            for each in reversed(undoes) if is_standing else undoes:
                say(each, is_standing=not is_standing)

        for commit in reversed(self.commits):
            if name not in commit.before:
                continue
            if self.is_anew(name, commit):
                return None
            if not commit.undoes and last.get(commit.revision, True):
                return commit
            say(commit.revision, is_standing=True)
        return None

    def is_anew(self, name: str, commit: Commit) -> bool:
        """Whether a module left by a commit and was imported again since."""
        if name not in commit.before or any(each.name == name for each in commit.records):
            return False
        later = (each for each in self.records.get(name, ()) if each.number > commit.before[name])
        found = next((each for each in later if self._is_there(each)), None)
        return found is not None and found.cause in (Cause.IMPORT, Cause.ADOPTED)

    def _is_there(self, record: Record) -> bool:
        """Whether no rollback has taken back the transaction that a version came with, if it came with any."""
        commit = self.commit_of(record.revision)
        return commit is None or record not in commit.records or self._stands(record.revision)

    def _stands(self, revision: int) -> bool:
        """Whether no rollback that stands has taken a commit back."""
        later = [each for each in self.since(revision) if revision in each.undoes]
        return not any(self._stands(each.revision) for each in later)

    def forget(self, latest: Commit) -> None:
        """
        Let go of what the latest commit superseded, and of the snapshots and journals beyond the number to keep.

        Freeing them takes longer than a rollback does.  It has to be quick, and leaves up to as many again
        to the next reload.
        """
        limit = self.keep * 2 if latest.cause is Cause.ROLLBACK else self.keep
        with self.lock:
            for earlier in self.commits[-2:-1]:
                if earlier.steps == latest.steps:
                    latest.steps = earlier.steps
            for name, number in latest.before.items():
                former = self.remembered(name, number)
                if former is not None:
                    former.body = former.near = former.uses = None
                commits = self._recent.setdefault(name, deque())
                commits.append(latest)
                while len(commits) > limit:
                    self._forget(commits.popleft())
                self._trim(name)

    def _forget(self, commit: Commit) -> None:
        if commit.journal is None:
            return  # on account of another of its modules
        for name, number in commit.before.items():
            record, earlier = self.remembered(name, number), self.remembered(name, number - 1)
            if record is not None:
                record.snapshot = None
                self._pack(record)
                if earlier is not None:
                    record.share(earlier)
        commit.let_go()

    def _pack(self, record: Record) -> None:
        """
        Hold the source of an old version compressed, and once.

        Where the next version has the same, as that of a dependent, it waits for that one.
        """
        source, records = record.source, self.records[record.name]
        following = record.number - records[0].number + 1
        if source is None or source.hash == _source.UNKNOWN:
            return
        if any(each.source == source for each in records[following : following + 1]):
            return
        kept = self._sources.get(source.hash, source)
        packed = (kept if kept.path == source.path else source).packed(self._wholes.get(source.path))
        if packed.near is None:
            self._wholes[source.path] = packed
        if kept.path == source.path:
            self._sources[source.hash] = packed
        for each in itertools.takewhile(lambda each: each.source == source, reversed(records[:following])):
            each.source = packed

    def _trim(self, name: str) -> None:
        """Forget the oldest versions of a module beyond the limit, and what nobody can ask for any more."""
        records, recent = self._records[name], self._recent.get(name)
        if self.limit is None or len(records) <= self.limit:
            return
        numbers = [records[-self.limit].number]
        if recent:  # with a snapshot
            numbers.append(recent[0].before[name])
        kept = tuple(record for record in records if record.number >= min(numbers))
        if len(kept) == len(records):
            return
        self._firsts.setdefault(name, records[0])
        self._records[name] = kept
        held = {id(record.source) for record in kept}
        for record in records[: -len(kept)]:
            if id(record.source) not in held and record.source is not None:
                self._sources.pop(record.source.hash, None)  # at worst a text is held twice
        self._trim_commits(kept[0].revision)

    def _trim_commits(self, until: int) -> None:
        """
        Forget the commits up to a revision before which no module of theirs had a state that is remembered.

        The last one stays, for who made it asks what it did.
        """
        lost = set()
        for commit in self.commits[:-1]:
            if commit.revision > until:
                break
            if all(self._is_before(each, commit.revision - 1) for each in commit.before):
                lost.add(commit.revision)
        if lost:
            self.commits = tuple(commit for commit in self.commits if commit.revision not in lost)

    def _is_before(self, name: str, revision: int) -> bool:
        """Whether it is forgotten what a module was at a revision."""
        first = self.of(name)[0]
        return first.number > 1 and first.revision > revision

    def let_go(self, names: Iterable[str]) -> None:
        """Let go of all snapshots and journals that concern one of the modules."""
        with self.lock:
            for name in names:
                for commit in self._recent.pop(name, ()):
                    self._forget(commit)

    def of(self, name: str) -> tuple[Record, ...]:
        if self._noted:
            self._record()
        found = self._records.get(name)
        if not found:
            raise NotTrackedError(name)
        return found

    def current(self, name: str) -> Record:
        return self.of(name)[-1]

    def came_since(self, revision: int) -> tuple[str, ...]:
        """The modules that nobody had seen at a revision, the latest first."""
        return tuple(itertools.takewhile(lambda name: self.first(name).revision > revision, reversed(self.records)))

    def after(self, name: str, number: int) -> tuple[Record, ...]:
        """The versions of a module after one."""
        found = self.of(name)
        return found[max(0, number + 1 - found[0].number) :]

    def first(self, name: str) -> Record:
        """The first version, remembered or not."""
        return self._firsts.get(name) or self.of(name)[0]

    def record(self, name: str, number: int) -> Record:
        found = self.of(name)
        if not 1 <= number <= found[-1].number:
            raise UnknownVersionError(name, number)
        record = self.remembered(name, number)
        if record is None:
            raise UnknownVersionError(name, number, found[0].number)
        return record

    def remembered(self, name: str, number: int) -> Record | None:
        """A version; `None` if it is forgotten: it may be another thread that reloads, by `importlib.reload`."""
        found = self.records.get(name)
        return found[number - found[0].number] if found and number >= found[0].number else None

    def at(self, name: str, revision: int) -> int:
        """
        The number of the version that was current at a revision; 0 if there was none.

        Raises:
            UnknownVersionError: It is forgotten.
        """
        if name in self.records and self._is_before(name, revision):
            raise UnknownVersionError(name, f"at revision {revision}", self.of(name)[0].number)
        number = next((r.number for r in reversed(self.records.get(name, ())) if r.revision <= revision), 0)
        left = [each for each in self.commits if name in each.unloaded] if name in self._left else ()
        return 0 if any(each.revision <= revision and each.before[name] == number for each in left) else number


def _last(records: tuple[Record, ...]) -> int:
    """The number of the last of a module's versions; 0 for none."""
    return records[-1].number if records else 0
