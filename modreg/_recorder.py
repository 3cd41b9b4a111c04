"""What an import leaves in the history."""

from __future__ import annotations

import sys
import time
from importlib.machinery import ModuleSpec
from typing import Any, Protocol

import attrs

from modreg import _source
from modreg._history import Commit, History, Record
from modreg._importer import namespace_of
from modreg._journal import Journal, Namespace
from modreg._model import Cause
from modreg._scope import Scope
from modreg._source import Source


class Taker(Protocol):
    """An open transaction, as far as an import inside it is concerned."""

    journal: Journal

    def begins(self, name: str) -> None: ...

    def added(self, record: Record, module: object) -> None: ...


@attrs.frozen(eq=False)
class _Start:
    """What is known when an execution begins; *journal* has what an `importlib.reload` supersedes."""

    source: Source | None
    begun: float
    journal: Journal | None


@attrs.define(eq=False)
class Recorder:
    """
    Records each import as a version, and each `importlib.reload` as a commit; the importer's observer.

    It runs under the module's import lock: it imports nothing and calls nobody.

    Attributes:
        taker: Answers the transaction that this thread has open, if any.
    """

    history: History
    scope: Scope
    taker: Any  # a callable without arguments giving a Taker or None

    def started(self, spec: ModuleSpec, cause: str) -> _Start:
        source = journal = None
        if self.scope.covers(spec.name, spec.origin):
            source = _read(spec.origin or "")
            namespace = namespace_of(sys.modules.get(spec.name)) if cause == "reload" else None
            taker: Taker | None = self.taker()
            if taker is not None and cause == "import":
                taker.begins(spec.name)
            if namespace is not None:
                journal = taker.journal if taker is not None else Journal()
                journal.keep(Namespace(namespace))
        return _Start(source, time.perf_counter(), journal)

    def finished(self, spec: ModuleSpec, module: object | None, token: Any) -> None:  # what started() gave
        if module is None:
            return
        record = Record(
            name=spec.name,
            number=1,
            revision=0,
            cause=Cause.IMPORT if token.journal is None else Cause.IMPORTLIB,
            origin=spec.origin,
            package=spec.parent or "",
            created=time.time(),
            seconds=time.perf_counter() - token.begun,
            source=token.source,
        )
        taker: Taker | None = self.taker()
        known = len(self.history.records.get(spec.name, ()))
        if taker is not None and self.scope.covers(spec.name, spec.origin) and namespace_of(module) is not None:
            taker.added(record, module)
        elif token.journal is not None and known:
            commit = Commit(cause=record.cause, records=(record,), before={spec.name: known}, journal=token.journal)
            self.history.commit(commit, Journal())
        else:
            self.history.add(record)


def _read(path: str) -> Source | None:
    """The bytes of a file; nothing for what is none (a module in an archive), which is read when it is needed."""
    try:
        return _source.read(path)
    except OSError:
        return None
