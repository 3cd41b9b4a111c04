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
    _whole: dict[Path, str] = attrs.field(init=False, factory=dict)

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
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        self._time += 2  # the coarsest clock of a file system that is in use
        os.utime(file, (self._time, self._time))
        return file

    def edit(self, path: str, old: str, new: str) -> Path:
        """
        Replace a piece of one file.

        Raises:
            ValueError: It is not there.
        """
        text = (self.root / path).read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{old!r} is not in {path}")
        return self.write(path, text.replace(old, new))

    def spoil(self, path: str, line: str = "def spoilt(:") -> Path:
        """Add a line to one file that makes it fail: by default one that does not compile."""
        file = self.root / path
        text = self._whole.setdefault(file, file.read_text(encoding="utf-8"))
        return self.write(path, f"{text.rstrip()}\n{line}\n")

    def mend(self, path: str) -> Path:
        """Give a file back what :meth:`spoil` found in it."""
        return self.write(path, self._whole.pop(self.root / path))


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
    for plugin in host.plugins():
        for name in [name for name in sys.modules if name == plugin.module or name.startswith(plugin.module + ".")]:
            if name not in before:
                del sys.modules[name]
