"""Modules that are imported from archives."""

from __future__ import annotations

import io
import sys
import zipfile
from types import SimpleNamespace

import pytest

from modreg import SourceError


@pytest.fixture
def archive(project, monkeypatch):
    """An archive on `sys.path`; what is packed is all that is in it then."""
    path = project.root / "shop.zip"

    def pack(**texts):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in texts.items():
                file.writestr(f"{name}.py", text)
        project.write("shop.zip", packed.getvalue())

    monkeypatch.syspath_prepend(str(path))
    return SimpleNamespace(path=path, pack=pack)


@pytest.mark.parametrize("is_early", [True, False])
def test_a_refresh_takes_what_changed_in_an_archive(project, registry, archive, is_early):
    """
    Be it imported or adopted: once, and with the way back; what is in the archive no more is unloaded.
    """
    registry.uninstall()
    archive.pack(tax="log = []\ndef rate(): return 1\n", old="")
    if is_early:
        registry.install()
    tax = project.load("tax")
    project.load("old")
    registry.install()
    registry.history(tax)
    rate, log = tax.rate, tax.log
    first = bool(registry.refresh())
    archive.pack(tax="log = []\ndef rate(): return 2\n", old="")

    done = registry.refresh()
    again = bool(registry.refresh())
    after = rate()
    registry.rollback(tax)

    assert (first, again) == (False, False)
    assert [step.module for step in done.steps] == ["tax"]
    assert (after, rate(), tax.log is log) == (2, 1, True)
    assert not registry.refresh()
    archive.pack(tax="def rate(): return 3\n")
    registry.refresh()
    assert rate() == 3
    assert "old" not in sys.modules


def test_an_archive_that_is_being_written(project, registry, archive):
    """
    Nothing counts as gone, and what runs goes on until the archive is one again.
    """
    archive.pack(tax="RATE = 1\n")
    tax = project.load("tax")
    registry.refresh()
    whole = archive.path.read_bytes()
    project.write("shop.zip", whole[:50])

    with pytest.raises(SourceError):
        registry.refresh()

    assert sys.modules["tax"] is tax
    project.write("shop.zip", whole)
    assert not registry.refresh()


def test_an_archive_that_was_exchanged_before_modreg_looked(project, registry, archive):
    """
    That its modules cannot be read from it is no error; they take what is there when they are asked to.
    """
    registry.uninstall()
    archive.pack(other="pass\n" * 100, tax="RATE = 1\n")
    tax = project.load("tax")
    archive.pack(tax="RATE = 2\n")

    registry.install()

    assert tax.RATE == 1
    assert registry.reload(tax).RATE == 2
    assert not registry.refresh()
