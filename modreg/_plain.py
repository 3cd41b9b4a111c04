"""`importlib.reload` of one module, recorded."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable
from types import ModuleType

import attrs

from modreg import _source
from modreg._history import Commit, Record
from modreg._importer import namespace_of
from modreg._journal import Namespace
from modreg._transaction import Work


@attrs.define(eq=False)
class Plain(Work):
    """
    `importlib.reload` of one module, recorded.

    Its semantics are exactly those: what was held stays as it was, nobody else is executed, and a module
    that raises leaves what it had done until then.
    """

    module: ModuleType = attrs.field(kw_only=True)
    record: Record = attrs.field(kw_only=True)

    @property
    def names(self) -> Iterable[str]:
        return (self.record.name,)

    def run(self) -> Commit:
        self.note(self.record.name, self.record.number)
        self.journal.keep(Namespace(namespace_of(self.module) or {}))
        importlib.reload(self.module)
        for record in self.made:  # the finder told of it, if it is installed
            if record.name == self.record.name:
                record.cause = self.cause
                return self._commit()
        self.made.append(self._record())
        return self._commit()

    def _record(self) -> Record:
        path = self.record.source.path if self.record.source else None
        return Record(
            name=self.record.name,
            number=0,
            revision=0,
            cause=self.cause,
            origin=self.record.origin,
            package=self.record.package,
            created=time.time(),
            seconds=time.perf_counter() - self.started,
            source=_source.read(path) if path else None,
        )
