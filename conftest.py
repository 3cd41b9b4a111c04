"""Each page of the documentation runs as in a program of its own: empty folder, no modules, no history."""

# Here rather than in docs/: a file of this name in a sister folder of tests/ is the same module to pytest.

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modreg import _registry, _scope


@pytest.fixture(autouse=True)
def _page(request: pytest.FixtureRequest) -> None:
    if request.node.path.suffix == ".md":
        request.getfixturevalue("page")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of a page stays: not its modules, not its installation, not its versions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)
    for name in filter(is_in_scope, before):  # the tests, too, are modules that modreg could reload
        del sys.modules[name]
    begin_anew()
    yield
    begin_anew()
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)


def is_in_scope(name: str) -> bool:
    """Whether modreg would execute a loaded module again."""
    spec = getattr(sys.modules[name], "__spec__", None)
    return _scope.Scope().covers(name, getattr(spec, "origin", None))


def begin_anew() -> None:
    """The functions of modreg are the methods of this one registry, so it is made anew where it stands."""
    _registry.DEFAULT.uninstall()
    _registry.DEFAULT.__init__()
