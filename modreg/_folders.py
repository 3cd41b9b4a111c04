"""What the path finders have read of their folders, and whether a later change may be hidden from them."""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import FileFinder, PathFinder
from typing import Any, Final

import attrs

SETTLED: Final = 2.0
"""Seconds after which a time can be trusted to change with the next change (two on FAT, less elsewhere)."""

_UNKNOWN: Final = float("inf")
_NEVER: Final = (object(), 0.0)


@attrs.define(eq=False)
class Folders:
    """
    Has folders read again, but not those that cannot have changed unnoticed.

    A finder reads its folder again where the folder's time changed, so only what changed within the same tick of the
    clock as the reading escapes it.  `importlib.invalidate_caches` has every folder read again, which takes longer
    than a reload where there are thousands of files, and some versions load what it takes to read the metadata of
    distributions.
    """

    # By folder the finder that was told to read it again, and when.
    _told: dict[str, tuple[FileFinder, float]] = attrs.field(factory=dict)

    def look_anew(self) -> None:
        """Have every search from here on see every file, as `importlib.invalidate_caches` does."""
        for each in list(sys.meta_path):
            if each is not PathFinder:
                _invalidate(each)
        now = time.time()
        finders: list[tuple[str, Any]] = list(sys.path_importer_cache.items())  # whatever a path hook made, or nothing
        for folder, finder in finders:
            told, when = self._told.get(folder, _NEVER)
            # Its own note of the folder's time when it was read.  Nearly all were read long after they last changed, or
            # are going to be read in any case.
            if told is finder and when - getattr(finder, "_path_mtime", _UNKNOWN) > SETTLED:
                continue
            if finder is None or not os.path.isabs(folder):
                sys.path_importer_cache.pop(folder, None)  # it may be there now, or somewhere else
            elif type(finder) is not FileFinder:
                _invalidate(finder)
            else:
                finder.invalidate_caches()
                self._told[folder] = finder, now


def _invalidate(finder: Any) -> None:  # whatever stands on sys.meta_path or answers for one of its entries
    if hasattr(finder, "invalidate_caches"):
        finder.invalidate_caches()
