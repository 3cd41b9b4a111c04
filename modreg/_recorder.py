"""What an import leaves in the history."""

from __future__ import annotations

import time
from importlib.machinery import ModuleSpec
from typing import Any, Protocol

import attrs

from modreg import _source
from modreg._history import History, Record
from modreg._importer import namespace_of
from modreg._model import Cause
from modreg._scope import Scope
from modreg._source import Source


class Taker(Protocol):
    """An open transaction, as far as an import inside it is concerned."""

    def added(self, record: Record, module: object) -> None: ...


@attrs.define(eq=False)
class Recorder:
    """
    Records each import as a version; the importer's observer.

    It runs under the module's import lock: it imports nothing and calls nobody.

    Attributes:
        taker: Answers the transaction that this thread has open, if any.
    """

    history: History
    scope: Scope
    taker: Any  # a callable without arguments giving a Taker or None; attrs would bind a function as a method

    def started(self, spec: ModuleSpec, cause: str) -> tuple[Source | None, float, str]:
        source = None
        if self.scope.covers(spec.name, spec.origin):
            try:
                source = _source.read(spec.origin or "")
            except OSError:  # in an archive, say: it is read when it is first needed
                source = None
        return source, time.perf_counter(), cause

    def finished(self, spec: ModuleSpec, module: object | None, token: Any) -> None:  # what started() gave
        if module is None:
            return
        source, begun, cause = token
        record = Record(
            name=spec.name,
            number=1,
            revision=0,
            cause=Cause.IMPORT if cause == "import" else Cause.IMPORTLIB,
            origin=spec.origin,
            package=spec.parent or "",
            created=time.time(),
            seconds=time.perf_counter() - begun,
            source=source,
        )
        taker: Taker | None = self.taker()
        if taker is not None and self.scope.covers(spec.name, spec.origin) and namespace_of(module) is not None:
            taker.added(record, module)
        else:
            self.history.add(record)
