"""Modules that wait: the first import that asks for one executes it, and nothing of the watch stays."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
import threading
import types
from importlib.machinery import ModuleSpec

import pytest

from modreg._pending import Pending

locks = sys.modules["_frozen_importlib"]._module_locks


class Executions:
    """Modules that wait, with a note of each that was executed; those in *errors* raise."""

    def __init__(self):
        self.names = []
        self.errors = {}
        self.pending = Pending(self.execute)

    def execute(self, name):
        self.names.append(name)
        if name in self.errors:
            raise self.errors[name]


@pytest.fixture
def executions(project):
    """Three modules and a package with two submodules, all loaded."""
    for name in ("a", "b", "c"):
        project.load(name, "X = 1\n")
    project.write("pack/one.py", "X = 1\n")
    project.write("pack/two.py", "X = 1\n")
    project.load("pack.__init__", "from . import one, two\n__all__ = ['one', 'NAME']\nNAME = 1\n")
    return Executions()


NAMES = ("a", "b", "c", "pack", "pack.one", "pack.two")


def specs():
    """The class of every spec that is in use, and its attributes."""
    found = {}
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if isinstance(spec, ModuleSpec):
            found[name] = type(spec), dict(vars(spec))
    return found


def run(source, name="asking"):
    """Run import statements in a module of their own."""
    exec(compile(source, "asking.py", "exec"), {"__name__": name, "__builtins__": __builtins__})


IMPORTS = {
    "import a": ["a"],
    "import a, b": ["a", "b"],
    "import a as z": ["a"],
    "from a import X": ["a"],
    "from a import X as z": ["a"],
    "from a import *": ["a"],
    "def f():\n    import b\nf()": ["b"],
    "class C:\n    from b import X": ["b"],
    "[__import__(n) for n in 'ba']": ["b", "a"],
    "__import__('a')": ["a"],
    "import importlib\nimportlib.import_module('c')": ["c"],
    "import importlib\nimportlib.import_module('.one', 'pack')": ["pack", "pack.one"],
    "import pack": ["pack"],
    "import pack.one": ["pack", "pack.one"],
    "import pack.one as z": ["pack", "pack.one"],
    "from pack import one": ["pack", "pack.one"],
    "from pack import two, one": ["pack", "pack.two", "pack.one"],
    "from pack import NAME": ["pack"],
    "from pack import *": ["pack", "pack.one"],
    "from pack.one import X": ["pack", "pack.one"],
    "import a\nimport a\nfrom a import X": ["a"],
    "try:\n    from a import missing\nexcept ImportError: pass": ["a"],
    "import sys\nsys.modules['a'].X": [],
    "import sys\ntry: sys.modules['a'].missing\nexcept AttributeError: pass": [],
    "import sys\nsys.modules['a'].__spec__.name": [],
    "import json": [],
    "if 0: import a": [],
    "def f(): import a": [],
}


@pytest.mark.parametrize("source", IMPORTS)
def test_the_first_import_executes_what_it_asks_for(executions, source):
    """
    An import statement of any form executes the waiting modules that it asks for, each once, packages first.
    """
    with executions.pending.watch(NAMES):
        run(source)
        found = list(executions.names)

    assert found == IMPORTS[source]


def test_relative_imports_execute_what_they_ask_for(executions, project):
    """
    So do relative ones.
    """
    source = "from . import one\nfrom .two import X\nfrom .. import pack\n"

    with executions.pending.watch(NAMES):
        exec(source.splitlines()[0], {"__name__": "pack.more", "__package__": "pack"})
        first = list(executions.names)
        exec(source.splitlines()[1], {"__name__": "pack.more", "__package__": "pack"})

    assert first == ["pack", "pack.one"]
    assert executions.names == ["pack", "pack.one", "pack.two"]


def test_running_executes_all_packages_first(project):
    """
    Those further out count as well, also where one in between does not wait.
    """
    project.write("far/near/leaf.py", "")
    project.write("far/near/__init__.py", "")
    project.load("far.__init__", "from .near import leaf\n")
    made = Executions()

    with made.pending.watch(["far.near.leaf", "far"]):
        made.pending.run("far.near.leaf")

    assert made.names == ["far", "far.near.leaf"]


def test_running_executes_packages_first(executions):
    """
    A module is executed after the packages that it is in, and none of them twice.
    """
    with executions.pending.watch(NAMES):
        executions.pending.run("pack.two")
        executions.pending.run("pack")
        executions.pending.run("pack.two")

    assert executions.names == ["pack", "pack.two"]


def test_nested_imports_are_nested_executions(executions):
    """
    A module that imports another one while it is executed has it executed within.
    """
    order = []

    def execute(name):
        order.append(("begin", name))
        if name == "a":
            run("import b")
        order.append(("end", name))

    pending = Pending(execute)
    with pending.watch(NAMES):
        run("import a")

    assert order == [("begin", "a"), ("begin", "b"), ("end", "b"), ("end", "a")]


@pytest.mark.parametrize(("is_going", "order"), [(True, ["pack"]), (False, [])])
def test_an_import_from_a_package_begins_that_only_if_it_is_known_to_be_executed(executions, is_going, order):
    """
    Where the package that waits may be left alone, it takes its turn: it may lead to who is to come later.
    """
    executions.pending.is_going = lambda _name: is_going

    with executions.pending.watch(["pack"]):
        run("from pack.one import X")
        began = [*executions.names]

    assert began == order


def test_a_circle_ends(executions):
    """
    Modules that import each other are executed once each.
    """
    order = []

    def execute(name):
        order.append(name)
        run({"a": "import b", "b": "import a", "c": ""}[name])

    pending = Pending(execute)
    with pending.watch(["a", "b"]):
        run("import a")

    assert order == ["a", "b"]


@pytest.mark.parametrize(
    "source", ["import a", "from a import X", "__import__('a')", "import importlib; importlib.import_module('a')"]
)
@pytest.mark.parametrize("kind", [ValueError, ImportError, AttributeError, KeyboardInterrupt, SystemExit, StopIteration])
def test_what_an_execution_raises_the_import_raises(executions, source, kind):
    """
    An execution that raises does so out of the import statement, the very exception, whatever it is.
    """
    executions.errors["a"] = error = kind("disk")

    with executions.pending.watch(NAMES), pytest.raises(kind) as info:
        run(source)

    assert info.value is error
    assert executions.names == ["a"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_after_a_failure_imports_go_on(executions, kind):
    """
    A module whose execution failed is not executed again, others are, and no lock is left behind.
    """
    executions.errors["a"] = kind("disk")
    before = dict(locks)

    with executions.pending.watch(NAMES):
        with pytest.raises(kind):
            run("import a")
        run("import a, b")

    assert executions.names == ["a", "b"]
    assert {name: lock for name, lock in locks.items() if name in NAMES} == {n: x for n, x in before.items() if n in NAMES}


def test_other_threads_execute_nothing(executions):
    """
    An import in another thread is an import of what is loaded.
    """
    with executions.pending.watch(NAMES):
        thread = threading.Thread(target=run, args=("import a, pack.one\nfrom pack import two",))
        thread.start()
        thread.join()
        found = list(executions.names)

    assert found == []


def test_a_watch_leaves_nothing(executions):
    """
    Afterwards every spec has its own class and attributes, and no module lock is ours.
    """
    before, kept = specs(), {n: x for n, x in locks.items() if n in NAMES}

    with executions.pending.watch(NAMES):
        during = specs()
        run("import a, pack.one")

    assert during["a"][0] is not before["a"][0]
    assert {n: x for n, x in specs().items() if n in before} == before
    assert {n: x for n, x in locks.items() if n in NAMES} == kept
    assert executions.pending.waiting == {}


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_watch_that_was_broken_off_leaves_nothing(executions, kind):
    """
    So it is after an exception.
    """
    before = specs()

    with pytest.raises(kind), executions.pending.watch(NAMES):
        run(f"import b\nraise {kind.__name__}")

    assert specs() == before
    assert executions.pending.waiting == {}


def test_imports_after_the_watch_execute_nothing(executions):
    """
    What was not asked for until the end is not executed by later imports.
    """
    with executions.pending.watch(NAMES):
        run("import a")
    run("import b, pack.one")

    assert executions.names == ["a"]


def test_specs_under_watch_are_specs(executions):
    """
    During the watch a spec can be compared, shown, copied and pickled as ever, and its copy is a plain one.
    """
    spec = sys.modules["a"].__spec__
    shown = repr(spec)

    with executions.pending.watch(NAMES):
        assert isinstance(spec, ModuleSpec)
        assert type(spec).__name__ == "ModuleSpec"
        assert repr(spec) == shown
        assert spec == copy.copy(spec)
        copies = [copy.copy(spec), copy.deepcopy(spec), pickle.loads(pickle.dumps(spec))]

    assert [type(each) for each in copies] == [ModuleSpec] * 3
    assert [each.name for each in copies] == ["a"] * 3
    assert executions.names == []


def test_the_initialising_flag_can_be_read_and_set(executions):
    """
    Whoever reads the flag without importing gets what it is, and executes nothing.
    """
    spec = sys.modules["a"].__spec__

    with executions.pending.watch(NAMES):
        before = spec._initializing
        spec._initializing = True
        during = spec._initializing
        spec._initializing = False

    assert (before, during, spec._initializing) == (False, True, False)
    assert executions.names == []


def test_specs_of_a_class_that_cannot_be_exchanged(executions):
    """
    A spec with slots stays as it is; its module is executed when the plan comes to it.
    """

    class Slotted(ModuleSpec):
        __slots__ = ("extra",)

    module = types.ModuleType("slotted")
    module.__spec__ = Slotted("slotted", None)
    sys.modules["slotted"] = module

    with executions.pending.watch(["slotted", "a"]):
        run("import slotted")
        found = list(executions.names)
        executions.pending.run("slotted")

    assert type(module.__spec__) is Slotted
    assert found in ([], ["slotted"])
    assert executions.names == ["slotted"]


def test_specs_of_a_subclass_get_their_own_class_back(executions):
    """
    A spec of the application's own class has it again afterwards, whatever it overrides.
    """

    class Own(ModuleSpec):
        word = "own"

    module = types.ModuleType("own")
    module.__spec__ = Own("own", None)
    sys.modules["own"] = module

    with executions.pending.watch(["own"]):
        during = module.__spec__.word
        run("import own")

    assert type(module.__spec__) is Own
    assert during == "own"
    assert executions.names == ["own"]


@pytest.mark.parametrize("spec", [None, 1, types.SimpleNamespace(name="odd")])
def test_modules_without_a_spec(executions, spec):
    """
    A module whose spec is no spec is executed when the plan comes to it.
    """
    module = types.ModuleType("odd")
    module.__spec__ = spec
    sys.modules["odd"] = module

    with executions.pending.watch(["odd"]):
        executions.pending.run("odd")

    assert executions.names == ["odd"]
    assert module.__spec__ is spec


def test_a_spec_that_comes_during_the_watch(executions):
    """
    A module that got another spec meanwhile is watched by that one, once it was put on.
    """
    module = sys.modules["a"]

    with executions.pending.watch(NAMES):
        module.__spec__ = importlib.util.find_spec("b")
        made = ModuleSpec("a", None)
        module.__spec__ = made
        executions.pending.put_on(made)
        run("import a")

    assert executions.names == ["a"]
    assert type(made) is ModuleSpec


def test_two_watches_after_each_other(executions):
    """
    A second watch begins anew.
    """
    with executions.pending.watch(["a"]):
        run("import a")

    with executions.pending.watch(["a", "b"]):
        run("import b, a")

    assert executions.names == ["a", "b", "a"]
