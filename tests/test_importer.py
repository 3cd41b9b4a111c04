import _imp
import copy
import gc
import importlib
import importlib.machinery
import importlib.util
import itertools
import os
import pickle
import re
import runpy
import subprocess
import sys
import textwrap
import threading
import traceback
import types
import warnings
import weakref
import zipfile
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import pytest

from modreg import _importer

ROOT = Path(__file__).resolve().parent.parent


class Recorder:
    """Writes down what it is told; *on_started* and *on_finished* run in the importing thread."""

    def __init__(self):
        self.events = []
        self.modules = {}
        self.threads = []
        self.on_started = self.on_finished = lambda spec: None

    def started(self, spec, cause):
        self.events.append(("started", spec.name, cause))
        self.threads.append(threading.get_ident())
        self.on_started(spec)
        return (spec, threading.get_ident())

    def finished(self, spec, module, token):
        assert token == (spec, threading.get_ident())
        self.events.append(("finished", spec.name, module is not None))
        self.modules[spec.name] = module
        self.on_finished(spec)

    def heard(self, name):
        return [(event, detail) for event, of, detail in self.events if of == name]

    @property
    def started_names(self):
        return [name for event, name, _ in self.events if event == "started"]


IMPORTED = [("started", "import"), ("finished", True)]
FAILED = [("started", "import"), ("finished", False)]
RELOADED = [("started", "reload"), ("finished", True)]


class Project:
    def __init__(self, folder):
        self.folder = folder

    def write(self, name, text=""):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    modules, meta_path, path = dict(sys.modules), list(sys.meta_path), list(sys.path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.path.insert(0, str(tmp_path))
    yield Project(tmp_path)
    sys.path[:], sys.meta_path[:] = path, meta_path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)
    for entry in [entry for entry in sys.path_importer_cache if entry.startswith(str(tmp_path))]:
        del sys.path_importer_cache[entry]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def finder(project, recorder):
    finder = _importer.Finder(recorder)
    _importer.install(finder)
    yield finder
    _importer.uninstall(finder)
    finder.close()
    assert not finder._asking
    assert not finder._tokens


class Loader:
    """A loader of the plainest kind."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.runs = module.__dict__.get("runs", 0) + 1


def serve(make, *names):
    """Put in a finder, last of all, that makes the specs of *names*."""

    class Served:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return make(name) if name in names else None

    sys.meta_path.append(Served)
    return Served


def is_plain(spec):
    return type(spec) is ModuleSpec and type(spec.loader) is not _importer._RestoringLoader


# What is observed.


def test_import_is_told_from_start_to_end(project, finder, recorder):
    """
    An import is told twice: before the module is in sys.modules, and when it is done.
    """
    project.write("tax.py", "RATE = 0.2\n")
    seen = []
    recorder.on_started = lambda spec: seen.append((spec.name, spec.name in sys.modules))

    import tax

    assert seen == [("tax", False)]
    assert recorder.heard("tax") == IMPORTED
    assert recorder.modules["tax"] is tax


def test_nested_imports_are_told_nested(project, finder, recorder):
    """
    What a module imports starts and ends between its own start and end.
    """
    project.write("shop/__init__.py", "from . import cart\n")
    project.write("shop/cart.py", "import shop.price\n")
    project.write("shop/price.py")

    import shop

    order = ["shop", "shop.cart", "shop.price"]
    assert recorder.events == [("started", name, "import") for name in order] + [
        ("finished", name, True) for name in reversed(order)
    ]
    assert recorder.modules["shop"] is shop


@pytest.mark.parametrize("edges", list(itertools.product([False, True], repeat=6)))
@pytest.mark.parametrize("failing", [None, "law_a", "law_b", "law_c"])
def test_every_start_has_its_end(project, finder, recorder, edges, failing):
    """
    Whatever three modules import, circles and failures too, starts and ends are balanced brackets.
    """
    names = ["law_a", "law_b", "law_c"]
    pairs = [(a, b) for a in names for b in names if a != b]
    for name in names:
        lines = [
            f"import {b}" for (a, b), is_there in zip(pairs, edges, strict=True) if is_there and a == name
        ]
        project.write(f"{name}.py", "\n".join([*lines, "raise ValueError" if name == failing else ""]))

    is_failed = False
    try:
        import law_a  # noqa: F401  # that it is imported is all
    except ValueError:
        is_failed = True

    stack = []
    for event, name, _ in recorder.events:
        if event == "started":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    assert is_failed == (failing in recorder.started_names)
    for name in set(recorder.started_names):
        assert (recorder.heard(name)[-1] == ("finished", True)) == (name in sys.modules)


def test_failed_import_ends_with_none(project, finder, recorder):
    """
    An import that raises is told to have ended without a module, and can be tried again.
    """
    project.write("broken.py", "x = 1\nraise ValueError('no')\n")

    with pytest.raises(ValueError, match="no") as info:
        import broken
    project.write("broken.py", "x = 2\n")
    import broken

    assert recorder.heard("broken") == FAILED + IMPORTED
    assert recorder.modules["broken"] is broken
    assert info.value.__context__ is None


def test_module_that_replaces_itself_gives_the_replacement(project, finder, recorder):
    """
    The module told is the one in sys.modules, of whatever kind.
    """
    project.write("swap.py", "import sys\nclass Swapped: pass\nsys.modules[__name__] = Swapped()\n")

    import swap

    assert type(swap).__name__ == "Swapped"
    assert recorder.modules["swap"] is swap


def test_module_that_takes_itself_away_has_failed(project, finder, recorder):
    """
    A module that is not in sys.modules at its end makes the import fail, and ends with None.
    """
    project.write("gone.py", "import sys\ndel sys.modules[__name__]\n")

    with pytest.raises(KeyError):
        import gone  # noqa: F401

    assert recorder.heard("gone") == FAILED


def test_every_kind_of_module_is_told(project, finder, recorder):
    """
    Source, sourceless, zip, built-in, frozen, extension and namespace: all are told.
    """
    import py_compile

    project.write("source.py")
    py_compile.compile(str(project.write("bare.py", "x = 1\n")), cfile=str(project.folder / "bare.pyc"))
    (project.folder / "bare.py").unlink()
    (project.folder / "space").mkdir()
    with zipfile.ZipFile(project.folder / "z.zip", "w") as archive:
        archive.writestr("zipped.py", "")
    sys.path.append(str(project.folder / "z.zip"))
    names = ["source", "bare", "zipped", "space", "__hello__", "_symtable"]
    extension = next(
        name
        for name in ["_queue", "_opcode", "_heapq", "array", "_csv"]
        if name not in sys.builtin_module_names and importlib.util.find_spec(name) is not None
    )
    names.append(extension)
    for name in names:
        sys.modules.pop(name, None)

    for name in names:
        importlib.import_module(name)

    assert [(name, recorder.heard(name)) for name in names] == [(name, IMPORTED) for name in names]
    assert all(is_plain(sys.modules[name].__spec__) for name in names)


def test_namespace_package_keeps_growing(project, finder, recorder):
    """
    A namespace package is told, and its path still follows sys.path.
    """
    project.write("one/space/a.py")
    project.write("two/space/b.py")
    sys.path.append(str(project.folder / "one"))
    import space.a

    sys.path.append(str(project.folder / "two"))
    importlib.invalidate_caches()
    import space.b

    assert recorder.heard("space") == IMPORTED
    assert len(space.__path__) == 2


def test_lazy_module_is_told_unloaded_and_left_asleep(project, finder, recorder):
    """
    A lazily loaded module is told before it ran; nobody wakes it but its user.
    """
    project.write("late.py", "import builtins\nbuiltins.late_runs.append(1)\nx = 2\n")

    def lazily(name):
        spec = PathFinder.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec

    sys.meta_path.insert(1, serve(lazily, "late"))
    runs = sys.modules["builtins"].late_runs = []
    try:
        import late

        told = recorder.modules["late"]
        before = (
            list(runs),
            _importer.is_unloaded_lazy(told),
            len(_importer.namespace_of(told)) > 0,
            list(runs),
        )
        value = late.x
        after = (list(runs), _importer.is_unloaded_lazy(told))
    finally:
        del sys.modules["builtins"].late_runs

    assert before == ([], True, True, [])
    assert (value, after) == (2, ([1], False))
    assert recorder.heard("late") == IMPORTED


def test_one_loader_may_serve_many_modules(project, finder, recorder):
    """
    Nothing is kept on a loader: one for several modules is told for each.
    """
    loader = Loader()
    serve(lambda name: ModuleSpec(name, loader), "a1", "a2")

    import a1
    import a2

    assert recorder.started_names == ["a1", "a2"]
    assert a1.__loader__ is a2.__loader__ is loader
    assert vars(loader) == {}


# What nobody can tell afterwards, nor while the module runs.


def test_nothing_is_left_on_spec_or_module(project, recorder):
    """
    After an import spec, loader and namespace are as without the finder.
    """
    project.write("plain.py", "x = 1\n")
    import plain

    expected = (sorted(vars(plain)), sorted(vars(plain.__spec__)))
    del sys.modules["plain"]
    finder = _importer.Finder(recorder)
    _importer.install(finder)
    import plain

    assert recorder.heard("plain") == IMPORTED
    assert (sorted(vars(plain)), sorted(vars(plain.__spec__))) == expected
    assert type(plain.__spec__) is ModuleSpec
    assert type(plain.__loader__) is SourceFileLoader
    assert plain.__spec__.loader is plain.__loader__
    assert plain.__spec__._initializing is False
    assert not finder._waiting


def test_a_running_module_sees_nothing_of_ours(project, finder):
    """
    While it runs a module finds its real loader, a spec whose class reads as usual, and no frame of ours.
    """
    project.write(
        "looks.py",
        """
        import sys
        saw = [type(__loader__).__name__, __loader__ is __spec__.loader, type(__spec__).__qualname__,
               type(__spec__).__module__, isinstance(__spec__, type(sys.__spec__)), __spec__._initializing]
        frame, files = sys._getframe(), []
        while frame:
            files.append((frame.f_code.co_filename, frame.f_globals.get("__name__")))
            frame = frame.f_back
        """,
    )

    import looks

    assert looks.saw == ["SourceFileLoader", True, "ModuleSpec", "_frozen_importlib", True, True]
    assert not [file for file in looks.files if file[1] == "modreg._importer"]


def test_a_running_modules_spec_is_copied_and_pickled_as_its_base(project, finder):
    """
    The private class of a spec under way never gets into a copy or a pickle.
    """
    project.write(
        "copies.py",
        """
        import copy, pickle
        made = [copy.copy(__spec__), copy.deepcopy(__spec__)]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            made.append(pickle.loads(pickle.dumps(__spec__, protocol)))
        are_equal = [spec == __spec__ for spec in made]
        """,
    )

    import copies

    assert {type(spec) for spec in copies.made} == {ModuleSpec}
    assert all(copies.are_equal)
    assert copy.copy(copies.__spec__) == pickle.loads(pickle.dumps(copies.__spec__)) == copies.__spec__


def test_warnings_are_put_down_to_the_importer(project, finder):
    """
    `stacklevel=2` in a module's body means the line that imports it.
    """
    project.write("old.py", "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n")
    user = project.write("user.py", "x = 1\nimport old\n")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import user as _  # noqa: F401

    assert [(warning.filename, warning.lineno) for warning in caught] == [(str(user), 2)]


@pytest.mark.parametrize("text", ["raise ValueError", "def f(:", "import nowhere_at_all"])
def test_tracebacks_show_no_frame_of_ours(project, finder, text):
    """
    The traceback of a failed import goes from the import statement straight into the module.
    """
    bad = project.write("bad.py", text)

    with pytest.raises((ValueError, SyntaxError, ImportError)) as info:
        import bad as _  # noqa: F401

    files = [frame.filename for frame in traceback.extract_tb(info.value.__traceback__)]
    assert set(files) <= {__file__, str(bad)}


def test_a_failing_finder_fails_as_before(project, finder):
    """
    A finder's own error is the importer's to see, without a frame of ours.
    """

    def fail(name):
        raise OSError("finder broke")

    serve(fail, "i1")

    with pytest.raises(OSError, match="finder broke") as info:
        import i1  # noqa: F401

    files = [frame.filename for frame in traceback.extract_tb(info.value.__traceback__)]
    assert _importer.__file__ not in files
    assert not finder._asking


def test_an_exception_in_flight_is_left_alone(project, finder):
    """
    A module imported in an except block sees that exception, and its own has it as context.
    """
    project.write("sees.py", "import sys\nhandled = sys.exc_info()[1]\n")
    project.write("bad.py", "raise ValueError('in')\n")
    outer = KeyError("outer")

    try:
        raise outer
    except KeyError:
        import sees

        with pytest.raises(ValueError, match="in") as info:
            import bad  # noqa: F401

    assert sees.handled is outer
    assert info.value.__context__ is outer


def test_the_finder_offers_nothing_else_to_importlib():
    """
    importlib.metadata, invalidate_caches() and old importlibs find no method to call.
    """
    others = {"find_distributions", "invalidate_caches", "find_module", "find_loader"}

    assert not others & set(dir(_importer.Finder))


def test_distributions_are_seen_once(project, finder):
    """
    importlib.metadata lists a distribution once with the finder in.
    """
    import importlib.metadata

    project.write("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")

    found = importlib.metadata.distributions(path=[str(project.folder)])

    assert [each.metadata["Name"] for each in found] == ["thing"]


# Looking is not importing.


def test_a_spec_only_looked_for_is_left_alone(project, finder, recorder):
    """
    What importlib.util.find_spec() gives is its caller's own.
    """
    project.write("hand.py", "x = 5\n")

    spec = importlib.util.find_spec("hand")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert is_plain(spec)
    assert module.x == 5
    assert recorder.events == []


def test_a_package_may_look_for_the_submodule_being_imported(project, finder, recorder):
    """
    A look from inside a running module is a look, though an import of that name is under way further up.
    """
    project.write(
        "pack/__init__.py", "import importlib.util\nlooked = importlib.util.find_spec('pack.sub')\n"
    )
    project.write("pack/sub.py")

    import pack.sub

    assert is_plain(pack.looked)
    assert pack.looked is not pack.sub.__spec__
    assert recorder.heard("pack.sub") == IMPORTED


def test_walking_the_meta_path_is_a_look(project, finder, recorder):
    """
    Who asks the finders himself and loads by hand (pytest does) gets a spec with nothing on it.
    """
    project.write("walked.py", "x = 1\n")

    specs = [each.find_spec("walked", None) for each in sys.meta_path if hasattr(each, "find_spec")]
    spec = next(spec for spec in specs if spec is not None)

    assert is_plain(spec)
    assert recorder.events == []


def test_runpy_only_looks(project, finder, recorder):
    """
    runpy finds a module and runs it as another: no import of that name.
    """
    project.write("solo.py", "kind = type(__spec__).__name__, type(__spec__).__bases__\n")

    ran = runpy.run_module("solo")

    assert ran["kind"] == ("ModuleSpec", (object,))
    assert recorder.heard("solo") == []


@pytest.mark.parametrize("place", [0, None])
@pytest.mark.parametrize("way", ["asks importlib", "walks"])
def test_another_finder_that_delegates_is_observed_once(project, finder, recorder, place, way):
    """
    A look on behalf of an import of the same name is told, once, wherever the other finder stands.
    """
    project.write("kept.py")

    class Delegates:
        is_busy = False

        def find_spec(self, name, path=None, target=None):
            if self.is_busy or name != "kept":
                return None
            self.is_busy = True
            try:
                if way == "asks importlib":
                    return importlib.util.find_spec(name)
                others = [each for each in list(sys.meta_path) if each is not self]
                return next(filter(None, (each.find_spec(name, path, target) for each in others)))
            finally:
                self.is_busy = False

    sys.meta_path.insert(len(sys.meta_path) if place is None else place, Delegates())

    import kept

    assert recorder.heard("kept") == IMPORTED
    assert is_plain(kept.__spec__)


def test_a_finder_that_redirects_is_observed_under_the_name_imported(project, finder, recorder):
    """
    A look for another name than the one being imported is a look.
    """
    project.write("real.py", "x = 1\n")
    looked = []

    def redirect(name):
        looked.append(importlib.util.find_spec("real"))
        return importlib.util.spec_from_file_location(name, looked[0].origin)

    serve(redirect, "alias")

    import alias

    assert alias.x == 1
    assert is_plain(looked[0])
    assert recorder.started_names == ["alias"]


# The finder among the others.


def test_the_finder_answers_none_inside_itself(project, finder):
    """
    A finder that asks back for the name it is being asked for does not get us a second time.
    """
    asked = []

    class Asks:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "asked":
                asked.append(finder.find_spec(name, path, target))

    sys.meta_path.insert(1, Asks)
    project.write("asked.py")

    import asked as module

    # Once by us; importlib stops at our answer.
    assert asked == [None]
    assert is_plain(module.__spec__)


def test_the_guard_is_by_thread(project, finder):
    """
    While one thread asks the finders for a name, another gets its own answer for the same name.
    """
    project.write("both.py")
    answers = []

    class Waits:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "both" and threading.current_thread() is not thread:
                _imp.release_lock()
                thread.start()
                thread.join(60)
                _imp.acquire_lock()

    thread = threading.Thread(target=lambda: answers.append(finder.find_spec("both")))
    sys.meta_path.insert(1, Waits)

    answers.append(finder.find_spec("both"))

    assert [type(answer) for answer in answers] == [ModuleSpec, ModuleSpec]


def test_finders_may_come_and_go_while_they_are_asked(project, finder):
    """
    A finder that takes itself out of sys.meta_path makes none after it be skipped.
    """
    project.write("found.py")

    class Leaves:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if Leaves in sys.meta_path:
                sys.meta_path.remove(Leaves)

    asked = []

    class Next:
        @staticmethod
        def find_spec(name, path=None, target=None):
            asked.append(name)

    sys.meta_path[1:1] = [Leaves, Next]

    import found  # noqa: F401

    assert asked == ["found"]


def test_path_and_target_are_passed_on(project, finder):
    """
    The other finders get the parent's path, and at a reload the module.
    """
    asked = []

    class Listens:
        @staticmethod
        def find_spec(name, path=None, target=None):
            asked.append((name, path, target))

    project.write("pack/__init__.py")
    project.write("pack/sub.py")
    import pack

    sys.meta_path.insert(1, Listens)
    import pack.sub

    importlib.reload(pack.sub)

    assert asked == [("pack.sub", pack.__path__, None), ("pack.sub", pack.__path__, pack.sub)]


def test_two_finders_are_both_told(project, finder, recorder):
    """
    Two finders, of two registries say, are each told of an import and a reload, nested alike.
    """
    other_recorder = Recorder()
    other = _importer.Finder(other_recorder)
    _importer.install(other)
    project.write("shared.py", "import shared_inner\n")
    project.write("shared_inner.py")

    import shared

    importlib.reload(shared)
    _importer.uninstall(finder)
    other.close()

    assert recorder.events == other_recorder.events
    assert recorder.heard("shared") == IMPORTED + RELOADED
    assert is_plain(shared.__spec__)


# Specs and loaders of other kinds.


class Duck:
    """Looks like a spec."""

    def __init__(self, name, loader=None):
        self.name, self.loader, self.origin = name, loader or Loader(), "duck"
        self.submodule_search_locations = self.cached = self.loader_state = None
        self.has_location, self.parent = False, ""


class SlottedDuck(Duck):
    """
    Its base has a dict, so it takes what importlib sets.
    """

    __slots__ = ("extra",)


class Slotted(ModuleSpec):
    __slots__ = ("extra",)


class OwnFlag(ModuleSpec):
    """Keeps the flag somewhere else."""

    _initializing = property(
        lambda self: self.__dict__.get("elsewhere", False),
        lambda self, value: self.__dict__.__setitem__("elsewhere", value),
    )


class Refusing(ModuleSpec):
    def __init_subclass__(cls):
        raise TypeError("no subclass of this")


class BareDuck:
    """No dict, no weak references."""

    __slots__ = (*vars(Duck("x")), "_initializing", "_uninitialized_submodules")

    def __init__(self, name):
        for key, value in vars(Duck(name)).items():
            setattr(self, key, value)


@pytest.mark.parametrize("kind", [Duck, SlottedDuck, Slotted, OwnFlag, Refusing, BareDuck])
def test_specs_of_other_kinds_are_observed_too(project, finder, recorder, kind):
    """
    Where the class of a spec cannot be changed, its loader stands aside; either way nothing is left.
    """
    made = []

    def make(name):
        made.append(kind(name) if kind in (Duck, SlottedDuck, BareDuck) else kind(name, Loader()))
        return made[-1]

    serve(make, "odd")

    import odd

    assert recorder.heard("odd") == IMPORTED
    assert type(made[0]) is kind
    assert type(made[0].loader) is type(odd.__loader__) is Loader
    assert odd.runs == 1
    assert not odd.__spec__._initializing
    assert not finder._waiting


@pytest.mark.parametrize("kind", [Duck, BareDuck])
def test_failures_of_other_kinds_are_told(project, finder, recorder, kind):
    """
    A failure ends with None, whichever way it is observed.
    """

    class Fails(Loader):
        def exec_module(self, module):
            raise ValueError("no")

    def make(name):
        spec = kind(name)
        spec.loader = Fails()
        return spec

    serve(make, "odd")

    with pytest.raises(ValueError, match="no"):
        import odd  # noqa: F401

    assert recorder.heard("odd") == FAILED


def test_a_finder_may_give_the_same_spec_each_time(project, finder, recorder):
    """
    A spec that is imported anew is observed anew.
    """
    kept = ModuleSpec("same", Loader())
    serve(lambda name: kept, "same")

    for _ in range(3):
        sys.modules.pop("same", None)
        import same

    assert recorder.heard("same") == IMPORTED * 3
    assert same.__spec__ is kept
    assert is_plain(kept)


def test_the_same_spec_nested_in_itself_is_told_twice(project, finder, recorder):
    """
    A module that imports itself anew while it runs has two ends for two starts, also with one spec.
    """

    class Again(Loader):
        runs = 0

        def exec_module(self, module):
            Again.runs += 1
            if Again.runs == 1:
                del sys.modules["same"]
                importlib.import_module("same")

    kept = ModuleSpec("same", Again())
    serve(lambda name: kept, "same")

    import same  # noqa: F401

    start, end = IMPORTED
    assert recorder.heard("same") == [start, start, end, end]
    assert is_plain(kept)


def test_a_loader_that_cannot_create_gives_its_spec_back(project, finder, recorder):
    """
    A failing create_module() tells nothing, and uninstall() leaves the spec as it was found.
    """

    class Uncreated(Loader):
        def create_module(self, spec):
            raise ImportError("not on this machine")

    specs = [ModuleSpec("u1", Uncreated()), BareDuck("u2"), Duck("u3", Uncreated())]
    specs[1].loader = Uncreated()
    for spec in specs:
        serve(lambda name, spec=spec: spec, spec.name)
        with pytest.raises(ImportError, match="not on this machine"):
            importlib.import_module(spec.name)

    _importer.uninstall(finder)

    assert recorder.events == []
    assert [type(spec) for spec in specs] == [ModuleSpec, BareDuck, Duck]
    assert [type(spec.loader) for spec in specs] == [Uncreated] * 3
    assert "_initializing" not in vars(specs[0])


def test_specs_never_executed_are_let_go(project, finder):
    """
    Specs that were prepared and then dropped are not kept alive, nor counted without end.
    """

    class Uncreated(Loader):
        def create_module(self, spec):
            raise ImportError("no")

    def fail(name):
        with pytest.raises(ImportError, match="no"):
            importlib.import_module(name)

    names = [f"dropped{number}" for number in range(1001)]
    specs = {name: ModuleSpec(name, Uncreated()) for name in names}
    serve(specs.get, *names)
    for name in names:
        fail(name)
    dropped = [weakref.ref(spec) for spec in specs.values()]
    specs.clear()
    specs["one more"] = ModuleSpec("one more", Uncreated())
    serve(specs.get, "one more")
    gc.collect()

    fail("one more")

    assert not any(reference() for reference in dropped)
    assert len(finder._waiting) == 1


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="load_module() is gone")
def test_a_loader_with_load_module_only_is_left_alone(project, finder, recorder):
    """
    importlib runs such a loader without a sign; nothing of ours may stay on its spec.
    """

    class Old:
        def load_module(self, name):
            module = sys.modules[name] = types.ModuleType(name)
            return module

    serve(lambda name: ModuleSpec(name, Old()), "old")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import old

    assert recorder.events == []
    assert is_plain(old.__spec__)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="find_module() is gone")
def test_a_finder_with_find_module_only_keeps_its_turn(project, finder, recorder):
    """
    Until 3.11 importlib asks such a finder in its place, before the later ones; so do we.
    """
    project.write("either.py", "by = 'path'\n")

    class By(Loader):
        def exec_module(self, module):
            module.by = "old finder"

    class Old:
        @staticmethod
        def find_module(name, path=None):
            return By() if name == "either" else None

    sys.meta_path.insert(1, Old)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import either

    assert either.by == "old finder"
    assert recorder.heard("either") == IMPORTED
    assert {warning.category for warning in caught} == {ImportWarning}


def test_a_class_that_somebody_put_over_ours_stays(project, finder, recorder):
    """
    If a spec's class was changed while the module ran, the end is told and the class left.
    """
    project.write(
        "changed.py",
        """
        class Mine(type(__spec__)):
            __slots__ = ()
        __spec__.__class__ = Mine
        """,
    )

    import changed

    assert type(changed.__spec__) is changed.Mine
    assert recorder.heard("changed") == IMPORTED
    assert changed.__spec__._initializing is False


# Reloads.


def test_reload_by_others_is_told(project, finder, recorder):
    """
    importlib.reload() is told with its own cause; the module sees its real loader all along.
    """
    project.write(
        "again.py",
        """
        runs = globals().get("runs", 0) + 1
        saw = [type(__loader__).__name__, type(__spec__.loader).__name__, __spec__.loader is __loader__]
        """,
    )
    import again

    result = importlib.reload(again)

    assert result is again
    assert again.runs == 2
    assert again.saw == ["SourceFileLoader", "SourceFileLoader", True]
    assert recorder.heard("again") == IMPORTED + RELOADED
    assert recorder.modules["again"] is again
    assert is_plain(again.__spec__)
    assert type(again.__loader__) is SourceFileLoader
    assert not finder._waiting


def test_a_failing_reload_ends_with_none(project, finder, recorder):
    """
    A reload that raises is told to have ended without a module; the module stays.
    """
    project.write("again.py")
    import again

    project.write("again.py", "raise ValueError('no')\n")

    with pytest.raises(ValueError, match="no"):
        importlib.reload(again)

    assert recorder.heard("again") == [*IMPORTED, ("started", "reload"), ("finished", False)]
    assert sys.modules["again"] is again
    assert is_plain(again.__spec__)


STACK = """
import sys

def stack():
    frame, found = sys._getframe(1), []
    while frame is not None:
        found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return found
"""


def test_nobody_sees_that_a_reload_is_told(project):
    """
    The stack under the module, the traceback of what it raises and the error under it are the same with the finder in.
    """
    project.write("stack.py", STACK)
    project.write("again.py", "import stack, sys\nSEEN = stack.stack(), sys.exc_info()[1]\n1 / globals().get('BY', 1)\n")
    import again

    seen = []

    def reload():
        for again.BY in (1, 0):
            try:
                importlib.reload(again)
            except ZeroDivisionError as error:
                names = [each.name for each in traceback.extract_tb(error.__traceback__)]
                seen.append((names, error.__context__))
            seen.append(again.SEEN)

    reload()
    finder = _importer.Finder(Recorder())
    _importer.install(finder)
    reload()
    finder.close()

    assert seen[:3] == seen[3:]


@pytest.mark.parametrize("divisor", [1, 0])
def test_reloads_while_an_error_is_handled(project, finder, recorder, divisor):
    """
    Whether a reload failed is told by what it raised itself.
    """
    project.write("again.py", "1 / globals().get('BY', 1)\n")
    import again

    again.BY = divisor
    recorder.events.clear()

    def fails():
        try:
            {}["nothing"]
        finally:
            importlib.reload(again)

    with pytest.raises(KeyError if divisor else ZeroDivisionError):
        fails()

    assert recorder.heard("again") == [("started", "reload"), ("finished", bool(divisor))]
    assert is_plain(again.__spec__)


def test_a_reload_that_never_begins_is_given_back(project, finder, recorder):
    """
    A module that is taken out of sys.modules while its spec is looked for is not executed.
    """
    project.write("again.py")
    import again

    class Takes:
        @staticmethod
        def find_spec(name, path=None, target=None):
            del sys.modules[name]

    sys.meta_path.insert(1, Takes)

    with pytest.raises(ImportError, match=r"not in sys\.modules"):
        importlib.reload(again)
    finder.close()

    assert recorder.heard("again") == IMPORTED
    assert is_plain(again.__spec__)


def test_reloads_of_specs_whose_class_cannot_be_exchanged(project, finder, recorder):
    """
    A loader that puts the real one back is there instead.
    """

    class Fixed(ModuleSpec):
        loader = None

        def __init__(self, name):
            super().__init__(name, Loader())

    serve(Fixed, "fixed")
    import fixed

    importlib.reload(fixed)

    assert fixed.runs == 2
    assert recorder.heard("fixed") == IMPORTED + RELOADED
    assert type(fixed.__spec__) is Fixed
    assert type(fixed.__spec__.loader) is Loader


def test_a_reload_nests_what_it_imports(project, finder, recorder):
    """
    An import that a reload leads to is an import, nested in the reload.
    """
    project.write("again.py")
    project.write("inner.py")
    import again

    project.write("again.py", "import inner\n")
    recorder.events.clear()

    importlib.reload(again)

    assert recorder.events == [
        ("started", "again", "reload"),
        ("started", "inner", "import"),
        ("finished", "inner", True),
        ("finished", "again", True),
    ]


@pytest.mark.parametrize("name", ["_symtable", "__hello__", "array"])
def test_modules_without_source_are_reloaded_as_before(project, finder, recorder, name):
    """
    Built-in, frozen and extension modules reload with the finder in, loaders that are classes too.
    """
    module = importlib.import_module(name)
    loader = module.__loader__
    recorder.events.clear()

    importlib.reload(module)

    assert recorder.heard(name) == RELOADED
    assert module.__spec__.loader == loader
    assert type(module.__spec__.loader) is type(loader)


def test_the_loader_of_a_reload_passes_for_the_real_one(project, finder):
    """
    Until the execution a finder that looks at the spec finds the loader's class and attributes.
    """
    project.write("again.py")
    import again

    seen = []

    class Looks:
        def find_spec(self, name, path=None, target=None):
            spec = finder.find_spec(name, path, target) if name == "again" else None
            if spec is not None:
                loader = spec.loader
                loader.mark = 1
                seen.append(
                    [isinstance(loader, SourceFileLoader), loader.path, hasattr(loader, "is_package")]
                )
                seen.append([hasattr(loader, "nothing"), repr(loader)[:30]])
            return spec

    sys.meta_path.insert(0, Looks())

    importlib.reload(again)

    assert seen == [
        [True, again.__file__, True],
        [False, repr(again.__loader__)[:30]],
    ]
    assert again.__loader__.mark == 1
    assert type(again.__loader__) is SourceFileLoader


def test_the_reload_of_a_namespace_package_executes_nothing(project, finder, recorder):
    """
    Nothing runs, hence nothing is told.
    """
    (project.folder / "space").mkdir()
    import space

    importlib.reload(space)

    assert recorder.heard("space") == IMPORTED
    assert not finder._waiting


# Observers that fail.


@pytest.fixture
def unraisable(monkeypatch):
    shown = []
    # Copied at once: the argument must not be kept.
    monkeypatch.setattr(sys, "unraisablehook", lambda shows: shown.append(str(shows.exc_value)))
    return shown


def raise_error(spec):
    raise LookupError(f"about {spec.name}")


@pytest.mark.parametrize("how", ["import", "reload"])
def test_a_failing_start_breaks_nothing_and_shows(project, finder, recorder, unraisable, how):
    """
    An observer's error at the start is shown, the import goes on, and that import has no end.
    """
    project.write("fine.py", "x = 1\n")
    if how == "reload":
        import fine
    recorder.events.clear()
    recorder.on_started = raise_error

    module = importlib.reload(fine) if how == "reload" else importlib.import_module("fine")

    assert module.x == 1
    assert unraisable == ["about fine"]
    assert recorder.heard("fine") == [("started", how)]
    assert is_plain(module.__spec__)


@pytest.mark.parametrize("text", ["x = 1", "raise ValueError('no')"])
def test_a_failing_end_breaks_nothing_and_shows(project, finder, recorder, unraisable, text):
    """
    An observer's error at the end is shown; the import is what it was, good or bad.
    """
    project.write("fine.py", text)
    recorder.on_finished = raise_error
    error = None

    try:
        import fine  # noqa: F401
    except ValueError as caught:
        error = caught

    assert (error is None) == ("fine" in sys.modules)
    assert error is None or (str(error), error.__context__) == ("no", None)
    assert unraisable == ["about fine"]
    assert recorder.heard("fine")[-1] == ("finished", error is None)


@pytest.mark.parametrize("when", ["on_started", "on_finished"])
def test_an_interrupt_goes_through(project, finder, recorder, when):
    """
    An interrupt in an observer ends the import, and leaves the spec clean.
    """

    def interrupt(spec):
        raise KeyboardInterrupt

    kept = ModuleSpec("stopped", Loader())
    serve(lambda name: kept, "stopped")
    setattr(recorder, when, interrupt)

    with pytest.raises(KeyboardInterrupt):
        import stopped  # noqa: F401

    assert is_plain(kept)
    assert not finder._tokens


# Coming and going.


def test_install_puts_the_finder_first_and_once(project, recorder):
    """
    A second install() changes nothing, wherever the finder stands by then.
    """
    before = list(sys.meta_path)
    finder = _importer.Finder(recorder)

    _importer.install(finder)
    later = serve(lambda name: None)
    sys.meta_path.insert(0, later)
    _importer.install(finder)

    assert sys.meta_path == [later, finder, *before, later]
    assert recorder.events == []
    assert not [name for name in sys.modules if name.startswith("_modreg_trial")]


def test_the_finder_is_printed_without_what_it_knows(finder):
    """
    Whoever prints `sys.meta_path` is not shown the history.
    """
    assert re.fullmatch(r"<modreg._importer.Finder object at 0x\w+>", repr(finder))


def test_uninstall_leaves_everything_as_it_was(project, recorder):
    """
    After uninstall() sys.meta_path is as before install(); a second one does no harm.
    """
    before = list(sys.meta_path)
    finder = _importer.Finder(recorder)
    project.write("after.py")

    _importer.install(finder)
    _importer.uninstall(finder)
    _importer.uninstall(finder)
    import after

    assert sys.meta_path == before
    assert is_plain(after.__spec__)
    assert recorder.events == []


def test_an_uninstalled_finder_can_be_installed_again(project, finder, recorder):
    """
    Only close() is for good.
    """
    project.write("later.py")

    _importer.uninstall(finder)
    _importer.install(finder)
    import later  # noqa: F401

    assert recorder.heard("later") == IMPORTED


@pytest.mark.parametrize("is_closed", [False, True])
def test_uninstalled_in_the_middle_of_an_import(project, finder, recorder, is_closed):
    """
    The import under way is told to its end, unless the finder is closed; the next one is not.
    """
    project.write("midway.py", "import builtins\nbuiltins.undo()\nimport inner\n")
    project.write("inner.py")

    def undo():
        _importer.uninstall(finder)
        if is_closed:
            finder.close()

    sys.modules["builtins"].undo = undo
    try:
        import midway
    finally:
        del sys.modules["builtins"].undo

    assert recorder.events == [("started", "midway", "import")] + [("finished", "midway", True)] * (
        not is_closed
    )
    assert is_plain(midway.__spec__)
    assert is_plain(midway.inner.__spec__)


def test_a_closed_finder_does_nothing(project, finder, recorder):
    """
    After close() the finder finds nothing and tells nothing, though it still stands there.
    """
    project.write("unseen.py")

    finder.close()
    import unseen

    assert finder.find_spec("unseen") is None
    assert recorder.events == []
    assert is_plain(unseen.__spec__)


CHANGED_IMPORTLIB = """
import sys
from modreg import _importer
from modreg.errors import ModregError

def change(name, **how):
    function = vars(sys.modules["_frozen_importlib"])[name]
    function.__code__ = function.__code__.replace(**how)
    return function.__code__

{change}

class Observer:
    def started(self, spec, cause):
        print("started", spec.name, cause)
    def finished(self, spec, module, token):
        print("finished", spec.name, module is not None)

finder = _importer.Finder(Observer())
before = list(sys.meta_path)
try:
    _importer.install(finder)
except ModregError as error:
    print(error)
    assert sys.meta_path == before
else:
    import colorsys
    print(type(colorsys.__loader__).__name__, type(colorsys.__spec__.loader).__name__)
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_an_interpreter_that_sets_no_flag_is_observed_by_loaders():
    """
    Where importlib does not set the flag, install() finds out and imports are observed all the same.
    """
    program = CHANGED_IMPORTLIB.format(
        change="""
names = change("_load_unlocked").co_names
change("_load_unlocked", co_names=tuple("x" if name == "_initializing" else name for name in names))
"""
    )

    lines = run(program)

    assert lines == [
        "started colorsys import",
        "finished colorsys True",
        "SourceFileLoader SourceFileLoader",
    ]


def test_an_interpreter_that_gives_no_sign_is_refused():
    """
    Where no import can be observed install() raises and changes nothing, rather than stay silent.
    """
    program = CHANGED_IMPORTLIB.format(change="change('_find_and_load_unlocked', co_name='_renamed')")

    lines = run(program)

    assert len(lines) == 1
    assert "CPython" in lines[0]


# Finding without observing.


def test_find_spec_finds_as_an_import_would(project, finder, recorder):
    """
    The spec is the one that an import would get, with nothing on it and nothing told.
    """
    project.write("pack/__init__.py")
    project.write("pack/sub.py")
    import pack

    spec = _importer.find_spec("pack.sub", pack.__path__)

    assert is_plain(spec)
    assert spec.origin == str(project.folder / "pack" / "sub.py")
    assert _importer.find_spec("pack.nothing", pack.__path__) is None
    assert recorder.started_names == ["pack"]


def test_find_spec_asks_under_the_import_lock_and_passes_the_target(project, finder):
    """
    A finder is asked with everything it may look at, while the global import lock is held.
    """
    target = types.ModuleType("wanted")
    asked = []

    class Listens:
        @staticmethod
        def find_spec(name, path=None, target=None):
            asked.append((name, path, target, _imp.lock_held()))

    sys.meta_path.insert(1, Listens)

    spec = _importer.find_spec("wanted", ["/nowhere"], target)

    assert spec is None
    assert asked == [("wanted", ["/nowhere"], target, True)]
    assert not _imp.lock_held()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="importlib itself fails at such an entry")
def test_find_spec_skips_what_cannot_be_asked(project, finder):
    """
    None and objects without find_spec() in sys.meta_path are passed over, as by importlib.
    """
    project.write("found.py")
    sys.meta_path[1:1] = [None, object()]

    spec = _importer.find_spec("found", None)
    import found

    assert spec is not None
    assert is_plain(found.__spec__)


def test_find_spec_at_shutdown_finds_nothing(project, finder, monkeypatch):
    """
    When the interpreter has taken sys.meta_path away, the answer is None.
    """
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", None)

        spec = _importer.find_spec("anything", None)

    assert spec is None


# Looking at modules.


class Loading(types.ModuleType):
    """As apipkg's: whoever asks for the namespace the usual way loads everything."""

    @property
    def __dict__(self):
        raise AssertionError("loaded")

    def __getattribute__(self, name):
        raise AssertionError("woken")


class Pretender:
    @property
    def __class__(self):
        return types.ModuleType


def test_namespace_of_gives_the_real_dict():
    """
    The namespace is the module's own dict, and reading it runs no code of the module's class.
    """
    plain = types.ModuleType("plain")
    loading = types.ModuleType("loading")
    namespace = vars(loading)
    loading.__class__ = Loading

    assert _importer.namespace_of(plain) is vars(plain)
    assert _importer.namespace_of(loading) is namespace


@pytest.mark.parametrize("thing", [None, 3, object(), Pretender(), types.SimpleNamespace(), types.ModuleType])
def test_namespace_of_what_is_no_module_is_none(thing):
    """
    Anything may stand in sys.modules; what only says that it is a module is none.
    """
    assert _importer.namespace_of(thing) is None
    assert not _importer.is_unloaded_lazy(thing)


def test_is_unloaded_lazy_runs_no_code():
    """
    The answer for a module of any class comes without waking it.
    """
    loading = types.ModuleType("loading")
    loading.__class__ = Loading

    class Meta(type):
        def __getattribute__(cls, name):
            raise AssertionError("asked")

    class Asked(types.ModuleType, metaclass=Meta):
        pass

    assert not _importer.is_unloaded_lazy(loading)
    assert not _importer.is_unloaded_lazy(types.ModuleType.__new__(Asked))


# Threads and processes.


def in_threads(*functions):
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_many_threads_import_one_module(project, finder, recorder):
    """
    However many threads ask, one executes the module, and it is told once.
    """
    project.write("shared.py", "import builtins\nbuiltins.ready.wait(60)\nvalue = 1\n")
    ready = sys.modules["builtins"].ready = threading.Event()
    begun = threading.Barrier(9, action=ready.set)
    got = []

    def work():
        begun.wait(60)
        got.append(importlib.import_module("shared").value)

    try:
        in_threads(*[work] * 8, lambda: begun.wait(60))
    finally:
        del sys.modules["builtins"].ready

    assert got == [1] * 8
    assert recorder.heard("shared") == IMPORTED


def test_threads_import_many_modules(project, finder, recorder):
    """
    Every module that threads import in disorder is told once, from start to end by one thread.
    """
    names = [f"part{number}" for number in range(24)]
    # No circle: several threads in one are more than the import locks of 3.11 and 3.12 always get over.
    for name, other in zip(names, [*names[1:], "sys"], strict=True):
        project.write(f"{name}.py", f"import {other}\n")
    begun = threading.Barrier(6)
    errors = []

    def work(first):
        begun.wait(60)
        for name in names[first:] + names[:first]:
            try:
                importlib.import_module(name)
            except BaseException as error:
                errors.append(error)

    in_threads(*[lambda first=first: work(first) for first in range(0, 24, 4)])

    assert errors == []
    assert sorted(recorder.started_names) == sorted(names)
    assert [recorder.heard(name) for name in names] == [IMPORTED] * 24
    assert all(is_plain(sys.modules[name].__spec__) for name in names)


def is_at_a_lock(thread):
    frame = sys._current_frames().get(thread.ident)
    return "acquire" in [each.name for each in traceback.extract_stack(frame)]


def test_other_threads_wait_until_the_end_is_told(project, finder, recorder):
    """
    While the end is told the flag is still up: who imports the module meanwhile waits.
    """
    project.write("waited.py", "value = 1\n")
    flags, order, threads = [], [], []

    def late(spec):
        flags.append(spec._initializing)
        thread = threading.Thread(target=lambda: (importlib.import_module("waited"), order.append("thread")))
        threads.append(thread)
        thread.start()
        while thread.is_alive() and not is_at_a_lock(thread):
            pass
        order.append("told")

    recorder.on_finished = late

    import waited

    threads[0].join(60)

    assert flags == [True]
    assert order == ["told", "thread"]
    assert waited.__spec__._initializing is False


def test_a_circle_within_one_thread_sees_the_half_made_module(project, finder):
    """
    The flag reads as usual for the code that tells circular imports: the message says so.
    """
    project.write("one.py", "import two\nx = 1\n")
    project.write("two.py", "import one\none.x\n")

    with pytest.raises(AttributeError, match="circular import"):
        import one  # noqa: F401


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_imports():
    """
    The child of a fork in the middle of another thread's import imports and is told.
    """
    lines = run(
        textwrap.dedent(
            """
            import os, sys, threading, warnings
            from modreg import _importer
            warnings.simplefilter("ignore")
            inside, leave = threading.Event(), threading.Event()

            class Waits:
                name = "waits"
                def started(self, spec, cause):
                    if spec.name == "wave":
                        inside.set()
                        leave.wait(60)
                    print(spec.name, flush=True)
                def finished(self, spec, module, token):
                    pass

            _importer.install(_importer.Finder(Waits()))
            thread = threading.Thread(target=__import__, args=("wave",))
            thread.start()
            inside.wait(60)
            pid = os.fork()
            if pid == 0:
                import colorsys
                os._exit(7)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            leave.set()
            thread.join()
            print(status)
            """
        )
    )

    assert [line for line in lines if line in ("colorsys", "wave", "7")] == ["colorsys", "wave", "7"]


def test_imports_while_the_interpreter_ends():
    """
    Imports at exit are told or not, but make no noise.
    """
    lines = run(
        textwrap.dedent(
            """
            import atexit
            from modreg import _importer

            class Observer:
                def started(self, spec, cause):
                    print("started", spec.name)
                def finished(self, spec, module, token):
                    print("finished", spec.name)

            class AtTheEnd:
                def __del__(self):
                    try:
                        import wave
                    except ImportError:
                        pass

            def at_exit():
                import colorsys

            _importer.install(_importer.Finder(Observer()))
            atexit.register(at_exit)
            kept = AtTheEnd()
            """
        )
    )

    assert lines[:2] == ["started colorsys", "finished colorsys"]
