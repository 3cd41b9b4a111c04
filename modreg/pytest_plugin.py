"""
Fixtures for those who write plugins: a temporary tree to edit, break and mend, and a host to try it on.

To use them, a ``conftest.py`` says ``pytest_plugins = ["modreg.pytest_plugin"]``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from modreg import Registry
from modreg.plugins import Host

__all__ = ["PluginTree", "plugin_host", "plugin_tree"]


@attrs.define(eq=False)
class PluginTree:
    """
    Plugins in a folder that a test may edit.

    Each edit gets a later time than the one before, so that nothing depends on the clock.

    Attributes:
        root: The folder.
    """

    root: Path
    _time: float = attrs.field(init=False, default=1_000_000_000.0)
    _whole: dict[Path, bytes] = attrs.field(init=False, factory=dict)

    def __truediv__(self, path: str) -> Path:
        return self.root / path

    def copy(self, source: Path) -> Path:
        """Bring a plugin in, a file or a folder; answer where it is now."""
        target = self.root / source.name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
        return target

    def write(self, path: str, text: str) -> Path:
        """Write one file, and the folders that it is in."""
        return self._write(path, text.encode())

    def _write(self, path: str, data: bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self._time += 2  # the coarsest clock of a file system that is in use
        os.utime(file, (self._time, self._time))
        return file

    def edit(self, path: str, old: str, new: str) -> Path:
        """
        Replace a piece of one file.

        Raises:
            ValueError: It is not there.
        """
        data = (self.root / path).read_bytes()
        if old.encode() not in data:
            raise ValueError(f"{old!r} is not in {path}")
        return self._write(path, data.replace(old.encode(), new.encode()))

    def spoil(self, path: str, line: str = "def spoilt(:") -> Path:
        """Add a line to one file that makes it fail: by default one that does not compile."""
        file = self.root / path
        data = self._whole.setdefault(file, file.read_bytes())
        return self._write(path, b"%b\n%b\n" % (data.rstrip(), line.encode()))

    def mend(self, path: str) -> Path:
        """
        Give a file back what :meth:`spoil` found in it, byte for byte.

        Raises:
            ValueError: It was not spoilt.
        """
        file = self.root / path
        if file not in self._whole:
            raise ValueError(f"{path} was not spoilt, so there is nothing to mend")
        return self._write(path, self._whole.pop(file))


@pytest.fixture
def plugin_tree(tmp_path: Path) -> PluginTree:
    """A tree of plugins in a temporary folder; it is not on `sys.path`."""
    root = tmp_path / "plugins"
    root.mkdir()
    return PluginTree(root)


@pytest.fixture
def plugin_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host of its own, with a registry of its own; after the test no module of a plugin is left."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    registry = Registry()
    host = Host("tests", registry=registry)
    yield host
    host.close()
    registry.uninstall()
    roots = tuple(f"{plugin.module}." for plugin in host.plugins())
    for name in sys.modules.keys() - before:
        if f"{name}.".startswith(roots):
            del sys.modules[name]
