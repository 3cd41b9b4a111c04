"""The loaded modules in scope and their files, read out of the history again only when something was loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

import attrs

from modreg._history import History, Record


@attrs.frozen
class _Loaded:
    """
    All that decides which modules are in scope, at one moment.

    Attributes:
        names: The keys of `sys.modules`.
        modules: The identities of its values, which this must not keep alive.
        changes: The numbers of changes to the history and to the scope.
    """

    names: list[str]
    modules: list[int]
    changes: tuple[int, int]

    @classmethod
    def now(cls, changes: tuple[int, int]) -> _Loaded:
        return cls([*sys.modules], [*map(id, sys.modules.values())], changes)

    def is_same(self, other: _Loaded) -> bool:
        """Whether the same modules were loaded, in whatever order."""
        mine, theirs = (dict(zip(each.names, each.modules, strict=False)) for each in (self, other))
        return mine == theirs


@attrs.define(eq=False)
class Roll:
    """
    The modules in scope, as of when something was last loaded, recorded or put in scope.

    Attributes:
        spaces: The namespace packages that would be in scope if they had a source; they are few.
    """

    spaces: tuple[str, ...] = ()
    # Both together, for any thread may ask.
    _noted: tuple[_Loaded, tuple[str, ...]] | None = None
    # Made for the very tuple of names and a state of the history, by the one thread that has a transaction open.
    _made_for: tuple[tuple[str, ...], tuple[int, int]] | None = None
    _files: list[tuple[str, str, int, int, int, int]] = attrs.field(factory=list)
    _unsettled: list[str] = attrs.field(factory=list)

    def tracked(self, changes: tuple[int, int]) -> tuple[str, ...] | None:
        """
        The names of the modules in scope, in the order of their first import; `None` if that must be found out.

        Args:
            changes: How often the history and the scope have changed.
        """
        noted = self._noted
        return noted[1] if noted is not None and noted[0] == _Loaded.now(changes) else None

    def take(self, names: Iterable[str], changes: tuple[int, int], spaces: Iterable[str] = ()) -> tuple[str, ...]:
        """
        Note the names of the modules in scope.

        The very tuple stands for these modules, so it is kept with them; `importlib.reload` only moves a module.
        """
        loaded, tracked, noted = _Loaded.now(changes), tuple(names), self._noted
        if noted is not None and noted[0].is_same(loaded) and {*noted[1]} == {*tracked}:
            tracked = noted[1]
        self._noted, self.spaces = (loaded, tracked), tuple(spaces)
        return tracked

    def forget_files(self) -> None:
        """Something else is known of a file now."""
        self._made_for = None

    def suspects(self, tracked: tuple[str, ...], history: History) -> list[str]:
        """
        Those of the tracked modules whose files may have changed; most have the signature that they had.

        It costs little more than the system's own answers.
        """
        made_for, now = self._made_for, (history.revision, history.changes)
        if made_for is None or made_for[0] is not tracked or made_for[1] != now:
            self._files, self._unsettled = _files(tracked, history.records)
            self._made_for = tracked, now
        found = list(self._unsettled)
        stat = os.stat
        for name, path, mtime, size, inode, ctime in self._files:
            try:
                status = stat(path)
            except OSError:  # who looks closer tells which
                found.append(name)
                continue
            is_one = status.st_mtime_ns == mtime and status.st_size == size and status.st_ino == inode
            if not is_one or status.st_ctime_ns != ctime:
                found.append(name)
        return found


def _files(
    tracked: Iterable[str], records: Mapping[str, tuple[Record, ...]]
) -> tuple[list[tuple[str, str, int, int, int, int]], list[str]]:
    """Name, path and signature of each module whose file has settled, and the names of the others."""
    files, unsettled = [], []
    for name in tracked:
        record = records[name][-1]
        source = record.source if record.is_settled else None
        if source is not None and (signature := source.signature) is not None:
            files.append((name, source.path, signature.mtime_ns, signature.size, signature.inode, signature.ctime_ns))
        else:
            unsettled.append(name)
    return files, unsettled
