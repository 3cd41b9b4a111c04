"""Each page of the documentation runs in an empty folder that is on `sys.path`, with a history of its own."""

# Here rather than in docs/: a file of this name in a sister folder of tests/ is the same module to pytest.

import sys

import pytest

from modreg import _registry


@pytest.fixture(autouse=True)
def _page(request):
    if request.node.path.suffix == ".md":
        request.getfixturevalue("page")


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Nothing of a page stays: not its modules, not its installation, not its versions."""
    before = dict(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    begin_anew()
    yield
    begin_anew()
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)


def begin_anew():
    """The functions of modreg are the methods of this one registry, so it is made anew where it stands."""
    _registry.DEFAULT.uninstall()
    _registry.DEFAULT.__init__()
