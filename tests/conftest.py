"""What the tests share: a folder of real modules, and a registry that leaves no trace."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.requirements import Requirement

import modreg
from modreg import Registry

# Some of packaging is imported when it is first needed (3.15), and what a test imports leaves with it: here it stays.
Requirement("modreg>=0; python_version > '3'").marker.evaluate()


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
    for folder in [path for path in sys.path_importer_cache if path.startswith(str(tmp_path))]:
        del sys.path_importer_cache[folder]  # they pile up, and every refresh asks each of them
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)
    importlib.invalidate_caches()


def new_registry():
    """A registry that leaves the tests themselves out of scope: to read their sources takes longer than most of them."""
    made = Registry()
    made._scope.installed += (os.path.join(os.path.dirname(__file__), ""),)
    return made


@pytest.fixture
def registry(project):
    """An installed registry of its own, with names that left the source lingering as by default."""
    made = new_registry()
    finders = list(sys.meta_path)
    made.install()
    yield made
    made.uninstall()
    assert sys.meta_path == finders


@pytest.fixture
def dropping(project):
    """As *registry*, but names that left the source leave the namespace."""
    made = new_registry()
    made.install(removed="drop")
    yield made
    made.uninstall()


@pytest.fixture
def make_bench(project, registry):
    from plugin_bench import Bench  # not for the other tests

    made = []

    def make(**how):
        made.append(Bench(project, registry, **how))
        return made[-1]

    yield make
    for bench in made:
        for host in bench.hosts:
            host.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()


@pytest.fixture
def host(bench):
    return bench.host


@pytest.fixture
def python(tmp_path):
    """Runs Python with these arguments in a process and a folder of its own: status, output and errors."""
    places = [os.path.dirname(os.path.dirname(modreg.__file__)), *[each for each in sys.path if "site-packages" in each]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join(places)

    def run(*arguments, **variables):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


# Rules that this version does not hold yet, by their tests; docs/explanation/limits.md has them for people.
HIDING = "a metaclass whose __getattribute__ raises"
NOT_YET = {
    "test_what_was_held_is_the_new_definition[metaclass that hides attributes]": HIDING,
    "test_after_a_rollback_what_was_held_is_the_old_definition[metaclass that hides attributes]": HIDING,
    "test_a_failing_reload_leaves_what_was_held[metaclass that hides attributes]": HIDING,
    "test_new_answers_hold_through_further_transactions[metaclass that hides attributes]": HIDING,
    "test_the_same_source_again_changes_nothing_that_is_held[metaclass that hides attributes]": HIDING,
    "test_twins_give_way_to_the_kept_objects[weak reference]": "weak references without a callback, made by a module",
}


def is_of_faults(item):
    """Whether a test is of the fault sweep."""
    return "test_faults.py" in item.nodeid


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Have the fault sweep raise in a thread of its own: what it leaves in the interpreter's hooks ends with that."""
    if not is_of_faults(pyfuncitem):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    with ThreadPoolExecutor(1) as executor:
        executor.submit(pyfuncitem.obj, **arguments).result()
    return True


def pytest_collection_modifyitems(items):
    """Expect what is known not to hold to fail; the fault sweep comes first, for it searches all that tests leave behind."""
    items.sort(key=lambda item: not is_of_faults(item))
    for item in items:
        if "test_live.py" in item.nodeid and item.name in NOT_YET:
            item.add_marker(pytest.mark.xfail(reason=f"not yet: {NOT_YET[item.name]}"))
