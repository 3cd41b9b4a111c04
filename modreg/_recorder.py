"""What an import leaves in the history."""

from __future__ import annotations

import sys
import time
from importlib.machinery import ModuleSpec
from typing import Any, Final, Protocol, TypeAlias

import attrs

from modreg import _quick
from modreg._history import Commit, History, Note, Record
from modreg._importer import is_unloaded_lazy, namespace_of
from modreg._journal import Journal, Namespace
from modreg._model import Cause
from modreg._scope import Scope

# Touched, or under -X lazy_imports=all an import would import them.
_TOUCHED: Final = (time, Commit, Record, is_unloaded_lazy, namespace_of, Journal, Namespace, Cause, _quick)


class Taker(Protocol):
    """An open transaction, as far as an import inside it is concerned."""

    journal: Journal

    def begins(self, name: str) -> None: ...

    def added(self, record: Record, module: object) -> None: ...


_Start: TypeAlias = tuple[bytes | None, float, Journal | None]
"""What is known when an execution begins: source, time, and what an `importlib.reload` supersedes."""


@attrs.define(eq=False)
class Recorder:
    """
    Records each import as a version, and each `importlib.reload` as a commit; the importer's observer.

    It runs under the module's import lock: it imports nothing and calls nobody. And it runs at every
    import, so that it does no more than what can be done only now: take the time and the source's bytes.
    A later edit would leave nothing else to compare with; all the rest waits until somebody asks.

    Attributes:
        taker: Answers the transaction that this thread has open, if any.
        failed: Takes for each module whose import failed what it was.
        missed: Names that imports asked for in vain; one that was found, and failed, is no more among them.
    """

    history: History
    scope: Scope
    taker: Any  # a callable without arguments giving a Taker or None
    failed: dict[str, Record] = attrs.field(factory=dict)
    missed: set[str] = attrs.field(factory=set)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Find a module, and read the source in passing if it is in scope; nothing where there is any doubt."""
        if type(path) is not list or len(path) != 1:
            return None
        origin = f"{path[0]}/{name.rpartition('.')[2]}.py"
        return _quick.find(name, path[0], origin, is_read=self.scope.covers(name, origin))

    def started(self, spec: ModuleSpec, cause: str) -> _Start:
        look = _quick.look_of(spec.loader)
        data = None if look is None else look.data
        if data is None and not self.scope.covers(spec.name, spec.origin):
            return None, time.perf_counter(), None
        data = _quick.read_of(spec) if data is None else data
        taker: Taker | None = self.taker()
        journal = None
        if cause == "reload":
            journal = self._superseded(spec.name, taker)
        elif taker is not None:
            taker.begins(spec.name)
        return data, time.perf_counter(), journal

    def _superseded(self, name: str, taker: Taker | None) -> Journal | None:
        namespace = namespace_of(sys.modules.get(name))
        if namespace is None:
            return None
        journal = taker.journal if taker is not None else Journal()
        journal.keep(Namespace(namespace))
        return journal

    def finished(self, spec: ModuleSpec, module: object | None, token: Any) -> None:  # what started() gave
        # A module that is to be loaded at its first use has not run: it is adopted once it has.
        if is_unloaded_lazy(module):
            return
        data, begun, journal = token
        note = (
            spec.name,
            spec.origin,
            spec.submodule_search_locations is not None,
            time.time(),
            time.perf_counter() - begun,
            data,
        )
        if module is None:
            if data is not None:
                self.failed[spec.name] = Record.of(note)
                self.missed.discard(spec.name)
            return
        taker: Taker | None = self.taker()
        if taker is None and journal is None:
            self.history.note(note)
        else:
            self._take(note, module, journal, taker)

    def _take(self, note: Note, module: object, journal: Journal | None, taker: Taker | None) -> None:
        """Record what is part of a transaction, or is one: an `importlib.reload`."""
        record = Record.of(note)
        known = self.history.records.get(record.name, ())
        if journal is not None:
            record.cause = Cause.IMPORTLIB
        origins = (record.origin, *(each.origin for each in known[-1:]))  # a package may have lost its source
        is_covered = any(self.scope.covers(record.name, origin) for origin in origins)
        if taker is not None and is_covered and namespace_of(module) is not None:
            taker.added(record, module)
        elif journal is not None and known:
            before = {record.name: known[-1].number}
            commit = Commit(cause=record.cause, records=(record,), before=before, journal=journal)
            self.history.commit(commit, Journal())
            self.history.forget(commit)
        else:
            self.history.add(record)
