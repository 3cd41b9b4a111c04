"""What an import leaves in the history."""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import ModuleSpec
from typing import Any, NamedTuple, Protocol

import attrs

from modreg._history import Commit, History, Note, Record
from modreg._importer import namespace_of
from modreg._journal import Journal, Namespace
from modreg._model import Cause
from modreg._scope import Scope

# How much of a source is asked for at once: nearly every one is smaller, so that a second read says that it is over.
_ENOUGH = 1 << 16
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)  # the second on Windows


class Taker(Protocol):
    """An open transaction, as far as an import inside it is concerned."""

    journal: Journal

    def begins(self, name: str) -> None: ...

    def added(self, record: Record, module: object) -> None: ...


class _Start(NamedTuple):
    """What is known when an execution begins; *journal* has what an `importlib.reload` supersedes."""

    data: bytes | None
    begun: float
    journal: Journal | None


@attrs.define(eq=False)
class Recorder:
    """
    Records each import as a version, and each `importlib.reload` as a commit; the importer's observer.

    It runs under the module's import lock: it imports nothing and calls nobody. And it runs at every
    import, so that it does no more than what can be done only now: take the time and the source's bytes.
    A later edit would leave nothing else to compare with; all the rest waits until somebody asks.

    Attributes:
        taker: Answers the transaction that this thread has open, if any.
    """

    history: History
    scope: Scope
    taker: Any  # a callable without arguments giving a Taker or None

    def started(self, spec: ModuleSpec, cause: str) -> _Start:
        origin = spec.origin
        if not self.scope.covers(spec.name, origin):
            return _Start(None, time.perf_counter(), None)
        data = _read(origin or "")
        taker: Taker | None = self.taker()
        journal = None
        if cause == "reload":
            journal = self._superseded(spec.name, taker)
        elif taker is not None:
            taker.begins(spec.name)
        return _Start(data, time.perf_counter(), journal)

    def _superseded(self, name: str, taker: Taker | None) -> Journal | None:
        namespace = namespace_of(sys.modules.get(name))
        if namespace is None:
            return None
        journal = taker.journal if taker is not None else Journal()
        journal.keep(Namespace(namespace))
        return journal

    def finished(self, spec: ModuleSpec, module: object | None, token: Any) -> None:  # what started() gave
        if module is None:
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
        taker: Taker | None = self.taker()
        if taker is None and journal is None:
            self.history.note(note)
        else:
            self._take(note, module, journal, taker)

    def _take(self, note: Note, module: object, journal: Journal | None, taker: Taker | None) -> None:
        """Record what is part of a transaction, or is one: an `importlib.reload`."""
        record = Record.of(note)
        known = len(self.history.records.get(record.name, ()))
        if journal is not None:
            record.cause = Cause.IMPORTLIB
        if taker is not None and self.scope.covers(record.name, record.origin) and namespace_of(module) is not None:
            taker.added(record, module)
        elif journal is not None and known:
            commit = Commit(cause=record.cause, records=(record,), before={record.name: known}, journal=journal)
            self.history.commit(commit, Journal())
        else:
            self.history.add(record)


def _read(path: str) -> bytes | None:
    """
    The bytes of a file; nothing for what is none (a module in an archive), which is read when it is needed.

    Three system calls and no object for the file: that is half of what :func:`open` costs. Neither signature nor
    hash are made, for the first look at the file will make them.
    """
    try:
        file = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        data = os.read(file, _ENOUGH)
        if len(data) == _ENOUGH:
            data += b"".join(iter(lambda: os.read(file, _ENOUGH), b""))
    except OSError:
        return None
    finally:
        os.close(file)
    return data
