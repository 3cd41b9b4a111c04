"""Copies of plugins' files: what was good can be had again when the files are others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import attrs

from modreg.plugins._places import PathPlace, Place

_COPIES: Final = 3
"""Versions of each plugin whose files are kept: one that is good, and the last two that came."""


@attrs.define(eq=False)
class Kept:
    """
    The files of the last versions of each plugin that is a file, a folder or an archive.

    Attributes:
        folder: It has a folder for each plugin, and in that one for each version, called by its hash.
    """

    folder: Path

    def take(self, name: str, place: Place, source_hash: str, good: str) -> None:
        """
        Keep the files that a version is of, unless they are others by now.

        Args:
            name: The plugin.
            place: Where its files are.
            source_hash: Of the version.
            good: Hash of the version that is good, whose files stay however many others come.

        Raises:
            OSError: They cannot be copied.
        """
        target = self.folder / name / source_hash
        if target.is_dir() or not isinstance(place, PathPlace):
            return
        beside = target.with_name(f"{source_hash}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        _copy(place.path, beside / place.path.name)
        if place.look().hash == source_hash:  # who kept on writing meanwhile gets nothing kept
            beside.rename(target)
            self._trim(target, good)
        shutil.rmtree(beside, ignore_errors=True)

    def _trim(self, latest: Path, good: str) -> None:
        others = sorted(latest.parent.iterdir(), key=lambda each: (each.name == good, each.stat().st_mtime_ns))
        for each in [each for each in others if each != latest][: 1 - _COPIES]:
            shutil.rmtree(each, ignore_errors=True)

    def path(self, name: str, source_hash: str) -> Path | None:
        """Where the files of a version are, to be loaded from; `None` if they are not kept."""
        target = self.folder / name / source_hash
        return next(target.iterdir(), None) if source_hash and target.is_dir() else None


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=_uncounted, ignore_dangling_symlinks=True)
    else:
        shutil.copy2(source, target)


def _uncounted(where: str, names: list[str]) -> list[str]:
    """The folders that are no part of a plugin, as for its hash."""
    return [name for name in names if (name == "__pycache__" or name[0] == ".") and Path(where, name).is_dir()]
