"""What the tests share: a folder of real modules, and a registry that leaves no trace."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap

import pytest

from modreg import Registry


class Project:
    """A folder of modules on `sys.path`; each writing is a later edit than the one before."""

    def __init__(self, root):
        self.root = root
        self.clock = 1_000_000_000.0

    def write(self, path, text):
        """Write one file; its time moves on by two seconds, so that no edit hides in a coarse clock."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            file.write_bytes(text)
        else:
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        self.clock += 2
        os.utime(file, (self.clock, self.clock))
        return file

    def load(self, name, text=None):
        """Write a module, or a package where the name ends in ``.__init__``, and import it."""
        if text is not None:
            self.write(name.replace(".", "/") + ".py", text)
        importlib.invalidate_caches()
        return importlib.import_module(name.removesuffix(".__init__"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a temporary folder; its modules leave `sys.modules` with the test."""
    before = dict(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Project(tmp_path)
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)
    importlib.invalidate_caches()


@pytest.fixture
def registry(project):
    """An installed registry of its own, with names that left the source lingering as by default."""
    made = Registry()
    finders = list(sys.meta_path)
    made.install()
    yield made
    made.uninstall()
    assert sys.meta_path == finders


@pytest.fixture
def dropping(project):
    """As *registry*, but names that left the source leave the namespace."""
    made = Registry()
    made.install(removed="drop")
    yield made
    made.uninstall()
