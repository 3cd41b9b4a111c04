"""With modreg installed nothing else can tell; uninstalled, nothing of it is left."""

import gc
import hashlib
import importlib
import importlib.util
import os
import sys
import textwrap
import weakref
import zipapp
from importlib.machinery import PathFinder

import pytest

from modreg import Cause, NotTrackedError, RefusedError, SourceError


@pytest.fixture
def says(python, tmp_path):
    """What a program prints that runs in a process of its own; it must end well and complain of nothing."""

    def run(text, *flags, arguments=(), **variables):
        (tmp_path / "program.py").write_text(textwrap.dedent(text))
        status, output, errors = python(*flags, "program.py", *arguments, **variables)
        assert (status, errors) == (0, "")
        return output

    return run


# Nothing is left

STATE = """
import atexit, builtins, gc, importlib, signal, sys, threading, warnings
from importlib.machinery import ModuleSpec, SourceFileLoader

def state():
    gc.collect()
    return {
        "finders": [*sys.meta_path],
        "path": ([*sys.path], [*sys.path_hooks]),
        "specs": {name: type(vars(module).get("__spec__")) for name, module in sys.modules.items() if name in there},
        "loaders": {name: type(vars(module).get("__loader__")) for name, module in sys.modules.items() if name in there},
        "classes": (ModuleSpec.__subclasses__(), SourceFileLoader.__subclasses__()),
        "functions": (builtins.__import__, importlib.reload, importlib.import_module, importlib.util.find_spec),
        "exit": atexit._ncallbacks(),
        "threads": threading.enumerate(),
        "collector": (gc.callbacks[:], gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()),
        "warnings": warnings.filters[:],
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        "tracing": (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()),
        "monitoring": [sys.monitoring.get_tool(tool) for tool in range(6)] if sys.version_info >= (3, 12) else [],
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "switches": (sys.dont_write_bytecode, sys.getrecursionlimit(), sys.getswitchinterval()),
    }
"""


def test_uninstall_leaves_the_interpreter_as_it_was(says, tmp_path):
    """
    After imports of all kinds, reloads, failures and rollbacks, `uninstall` leaves nothing but the history.
    """
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "part.py").write_text("def f(): return 1\n")
    (tmp_path / "space").mkdir()
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "asleep.py").write_text("")

    output = says(
        STATE
        + """
import importlib.util
import modreg
from contextlib import suppress

modreg.Registry
there = {*sys.modules}
before = state()

modreg.install()
import array, package.part, space
with suppress(ZeroDivisionError):
    import broken
with suppress(ModuleNotFoundError):
    import nothing_of_this_name
spec = importlib.util.find_spec("asleep")
spec.loader = importlib.util.LazyLoader(spec.loader)
sys.modules["asleep"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["asleep"])
end = modreg.subscribe(print)
end()
for text in ("def f(): return 22\\n", "1 / 0  # again\\n"):
    open("package/part.py", "w").write(text)
    with suppress(modreg.ReloadError):
        modreg.refresh()
modreg.rollback(package.part)
importlib.reload(package)
modreg.uninstall()

after = state()
print([(key, before[key], after[key]) for key in before if before[key] != after[key]])
for module in (package, package.part, space, array):
    print(type(module.__spec__) is ModuleSpec, module.__spec__.loader is module.__loader__)
print(package.part.f(), len(modreg.history("package.part")))
"""
    )

    assert output.splitlines() == ["[]", *["True True"] * 4, "1 3"]


@pytest.mark.parametrize("roots", [["nothing"], None], ids=["out of scope", "in scope"])
def test_modules_are_not_kept_alive(project, registry, roots):
    """
    A module that was taken out of `sys.modules` goes when nobody else has it, although its import was recorded.
    """
    registry.install(roots=roots)
    module = project.load("passing", "class Thing: pass\nthing = Thing()\n")
    gone = [weakref.ref(module), weakref.ref(module.thing), weakref.ref(module.__spec__), weakref.ref(module.__loader__)]
    assert registry.current("passing").cause is Cause.IMPORT

    del module, sys.modules["passing"]
    gc.collect()

    assert [each() for each in gone] == [None] * 4


# Modules that are no ordinary ones


def test_a_module_under_a_second_name(project, registry):
    """
    A module that somebody put under another name too is executed once, as what it is.
    """
    module = project.load("tax", "RATE = 1\n")
    sys.modules["alias"] = module
    project.write("tax.py", "RATE = 2\nRUNS = globals().get('RUNS', 0) + 1\n")

    registry.refresh()

    assert (module.RATE, module.RUNS) == (2, 1)
    assert sys.modules["alias"] is sys.modules["tax"] is module


def test_a_module_that_renamed_itself(project, registry):
    """
    What a module says its name is decides nothing; its spec does.
    """
    module = project.load("tax", "RATE = 1\n__name__ = 'duty'\n")
    project.write("tax.py", "RATE = 2\n__name__ = 'duty'\n")

    registry.refresh()

    assert module.RATE == 2
    assert len(registry.history("tax")) == 2


def test_a_module_that_replaced_itself(project, registry):
    """
    An object in the place of a module is looked at by nobody, and the rest is refreshed.
    """
    project.load(
        "odd",
        """
        import sys
        class Odd:
            def __getattribute__(self, name):
                raise AssertionError(name)
        sys.modules[__name__] = Odd()
        """,
    )
    module = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert module.RATE == 2


def test_a_module_that_was_deleted_and_came_back(project, registry):
    """
    A module that is imported again after it left `sys.modules` has a second version, and is refreshed from there.
    """
    first = project.load("tax", "RATE = 1\n")
    del sys.modules["tax"]
    second = project.load("tax", "RATE = 2\n")
    project.write("tax.py", "RATE = 3\n")

    registry.refresh()

    assert (first.RATE, second.RATE) == (1, 3)
    assert [each.cause for each in registry.history("tax")] == [Cause.IMPORT, Cause.IMPORT, Cause.REFRESH]


def test_a_name_that_no_import_statement_could_have(project, registry):
    """
    A file with a hyphen in its name, loaded by `importlib.import_module`, is a module as any other.
    """
    module = project.load("my-plugin", "VALUE = 1\n")
    project.write("my-plugin.py", "VALUE = 2\n")

    registry.reload("my-plugin")

    assert module.VALUE == 2
    assert len(registry.history(module)) == 2


def ask_everything(registry, name):
    """Every question that a registry answers, and a refresh."""
    registry.plan()
    registry.refresh()
    registry.history(name)
    registry.dependencies(name)
    registry.dependents(name)


def load_lazily(name):
    """Load a module as the documentation of `importlib.util.LazyLoader` says."""
    spec = importlib.util.find_spec(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Lazy:
    """A finder that makes imports of one name lazy."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@pytest.mark.parametrize("way", ["by hand", "by a finder"])
def test_a_lazily_loaded_module_stays_asleep(project, registry, monkeypatch, way):
    """
    No question wakes a module of `importlib.util.LazyLoader`, nor does a refresh; it has no version until it has run.
    """
    project.write("asleep.py", "import sys\nsys.woken = 1\n")
    monkeypatch.setattr(sys, "woken", 0, raising=False)
    if way == "by hand":
        module = load_lazily("asleep")
    else:
        finder = Lazy("asleep")
        sys.meta_path.insert(1, finder)
        module = importlib.import_module("asleep")
        sys.meta_path.remove(finder)
    # A second import statement for it would wake it, whoever is there: the interpreter asks for its spec.
    other = project.load("other", "X = 1\n")
    project.write("other.py", "X = 2\n")
    project.write("asleep.py", "import sys\nsys.woken = 2\n")

    registry.plan()
    registry.refresh()
    for question in (registry.history, registry.dependents):
        with pytest.raises(NotTrackedError):
            question("asleep")
    with pytest.raises(RefusedError, match="has not run yet"):
        registry.reload("asleep")

    assert other.X == 2
    assert (sys.woken, type(module).__name__) == (0, "_LazyModule")


def test_a_lazily_loaded_module_is_refreshed_once_it_has_run(project, registry, monkeypatch):
    """
    Its first use executes the source as it is then, and from there on it is a module as any other.
    """
    project.write("asleep.py", "RATE = 1\n")
    module = load_lazily("asleep")
    registry.refresh()
    project.write("asleep.py", "RATE = 2\n")
    registry.refresh()
    assert module.RATE == 2
    registry.refresh()
    project.write("asleep.py", "RATE = 3\n")

    registry.refresh()

    assert module.RATE == 3
    assert [each.cause for each in registry.history("asleep")] == [Cause.ADOPTED, Cause.REFRESH]


def test_a_modules_getattr_is_not_called(project, registry):
    """
    No question, no snapshot and no rollback calls the ``__getattr__`` of a module (PEP 562).
    """
    text = "def __getattr__(name): raise AssertionError(name)\ndef __dir__(): raise AssertionError\n"
    module = project.load("guarded", text + "X = 1\n")
    project.load("user", "import guarded\n")
    project.write("guarded.py", text + "X = 2\n")

    ask_everything(registry, "guarded")
    registry.diff("guarded")
    registry.rollback("guarded")

    assert module.X == 1


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports come with 3.15")
def test_a_lazy_import_is_not_resolved(project, registry):
    """
    No question, no snapshot and no rollback resolves a lazy import (PEP 810).
    """
    project.write("later.py", "import sys\nsys.woken = True\n")
    module = project.load("user", "lazy import later\nlazy from later import thing\nX = 1\n")
    project.write("user.py", "lazy import later\nlazy from later import thing\nX = 2\n")

    ask_everything(registry, "user")
    registry.diff("user")
    registry.rollback("user")

    assert module.X == 1
    assert "later" not in sys.modules
    assert not hasattr(sys, "woken")


def test_annotations_are_the_new_ones(project, registry):
    """
    Annotations that were asked for before a reload, and that Python keeps from then on, follow the new source.
    """
    module = project.load("noted", "x: int = 1\ndef f(a: int): pass\n")
    asked = module.__annotations__, module.f.__annotations__
    f = module.f
    project.write("noted.py", "x: str = 1\ndef f(a: str): pass\n")

    registry.refresh()

    assert [*map(str, asked)] != [str(module.__annotations__), str(f.__annotations__)]
    assert module.__annotations__ == {"x": str}
    assert f.__annotations__ == {"a": str}


# The text of a first version


def test_the_text_of_an_import_is_the_one_that_ran(project, registry):
    """
    Edited before anybody asked, a module still has the text of its first version.
    """
    project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    registry.reload("tax")

    assert "-RATE = 1" in registry.diff("tax").text
    assert "+RATE = 2" in registry.diff("tax").text


# Other tools


OPTIONS = [("-W", "error"), ("-OO", "-B"), ("-I",), ("-X", "dev"), ("-X", "frozen_modules=off")]
if sys.version_info >= (3, 15):
    OPTIONS.append(("-X", "lazy_imports=all"))


@pytest.mark.parametrize("flags", OPTIONS, ids=" ".join)
def test_the_interpreters_options(says, tmp_path, flags):
    """
    modreg works under each option of the interpreter, and nothing is said on standard error.
    """
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "tax.py").write_text("A = 1\ndef f():\n    'text'\n    assert A\n    return 1\n")

    output = says(
        """
        import os, sys
        sys.path[:0] = [os.getcwd(), *sys.argv[1:]]
        import modreg
        modreg.install(removed="drop")
        from shop import tax
        f = tax.f
        with open("shop/tax.py", "w") as file:
            _ = file.write("def f():\\n    'text'\\n    return 22\\n")
        modreg.refresh()
        print(f(), hasattr(tax, "A"))
        modreg.rollback(tax)
        print(f(), tax.A)
        modreg.uninstall()
        """,
        *flags,
        arguments=[each for each in sys.path if each],
    )

    assert output.split() == ["22", "False", "1", "1"]


def test_import_times_and_audit_events_name_each_import_once(says, tmp_path):
    """
    ``-X importtime`` and audit hooks are told of the same imports, in the same order, as without modreg.
    """
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from package import part\n")
    (tmp_path / "package" / "part.py").write_text("import tax\n")
    (tmp_path / "tax.py").write_text("")
    program = """
    import sys, os
    import modreg
    modreg.Registry
    if sys.argv[1:]:
        modreg.install()
    sys.addaudithook(lambda event, given: print(given[0]) if event == "import" and events else None)
    events = True
    import package
    events = False
    """

    plain, ours = says(program), says(program, arguments=["install"])

    assert plain.split() == ["package", "package.part", "tax"]
    assert ours == plain


def test_import_times(python, tmp_path):
    """
    ``-X importtime`` has one line for each module, nested as without modreg.
    """
    (tmp_path / "outer.py").write_text("import inner\n")
    (tmp_path / "inner.py").write_text("")
    program = "import sys, modreg; modreg.Registry; [*map(eval, sys.argv[1:])]; import outer"

    def lines(*arguments):
        _, _, errors = python("-X", "importtime", "-c", program, *arguments)
        names = [line.rpartition("|")[2] for line in errors.splitlines()]
        return [name for name in names if name.strip() in {"outer", "inner"}]

    assert lines("modreg.install()") == lines() == ["   inner", " outer"]


def test_a_debugger_stops_in_reloaded_code(says, tmp_path):
    """
    A breakpoint in a line of the new source stops there, stepping goes through it, and the lines are the new ones.
    """
    (tmp_path / "tax.py").write_text("def due(x):\n    return x\n")

    output = says(
        """
        import bdb, linecache
        import modreg
        modreg.install()
        import tax
        due = tax.due
        linecache.getlines(tax.__file__)
        open("tax.py", "w").write("RATE = 2\\n\\ndef due(x):\\n    y = x * RATE\\n    return y\\n")
        modreg.refresh()

        class Debugger(bdb.Bdb):
            def user_line(self, frame):
                if frame.f_code.co_name == "due":
                    print(frame.f_lineno, linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip())
                    self.set_next(frame)

        debugger = Debugger()
        debugger.reset()
        print(debugger.set_break(tax.__file__, 4))
        debugger.set_continue = lambda: None
        debugger.run("due(2)", {"due": due})
        """
    )

    assert output.splitlines() == ["None", "4 y = x * RATE", "5 return y"]


def test_lines_are_counted_as_without(says, tmp_path):
    """
    A tracer, as coverage is one, sees each line of a module once, and the lines of its reloaded code.
    """
    (tmp_path / "tax.py").write_text("def due(x):\n    return x\n")

    output = says(
        """
        import os, sys, threading
        import modreg
        modreg.install()
        seen = []
        def trace(frame, event, argument):
            if event == "line":
                seen.append((os.path.basename(frame.f_code.co_filename), frame.f_lineno))
            return trace
        sys.settrace(trace)
        import tax
        sys.settrace(None)
        print(sorted(line for name, line in seen if name == "tax.py"))
        open("tax.py", "w").write("RATE = 2\\n\\ndef due(x):\\n    return x * RATE\\n")
        due = tax.due
        modreg.refresh()
        seen.clear()
        sys.settrace(trace)
        due(1)
        sys.settrace(None)
        print([line for name, line in seen if name == "tax.py"])
        """
    )

    assert output.splitlines() == ["[1]", "[4]"]


def test_pytest_rewrites_assertions_as_ever(python, tmp_path):
    """
    With modreg installed by a ``conftest.py``, failing assertions of tests and plugins are explained, reloaded or not.
    """
    (tmp_path / "conftest.py").write_text("import modreg\nmodreg.install()\npytest_plugins = ['helper']\n")
    (tmp_path / "helper.py").write_text("def check(value):\n    assert value == 41 + 1\n")
    (tmp_path / "test_it.py").write_text(
        "import helper, modreg\n"
        "def test_first(): assert [1, 2] == [1, 3]\n"
        "def test_helper(): helper.check(1)\n"
        "def test_reloaded():\n"
        "    assert modreg.current(helper).source_hash\n"
        "    open(helper.__file__, 'w').write('def check(value):\\n    assert value == 43 + 10\\n')\n"
        "    modreg.reload(helper)\n"
        "    helper.check(1)\n"
    )

    status, output, _ = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "test_it.py")

    assert (status, "3 failed" in output) == (1, True)
    assert "At index 1 diff: 2 != 3" in output
    assert "assert 1 == (41 + 1)" in output
    assert "assert 1 == (43 + 10)" in output


def test_packages_that_are_installed_to_be_edited(project, registry, tmp_path):
    """
    What a finder gives that maps names to folders elsewhere, as that of an editable install does, is brought up to date.
    """
    project.write("source/lib/shop/__init__.py", "from .tax import rate\n")
    project.write("source/lib/shop/tax.py", "def rate(): return 1\n")
    mapping = {"shop": tmp_path / "source" / "lib" / "shop" / "__init__.py"}

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return importlib.util.spec_from_file_location(name, mapping[name]) if name in mapping else None

    sys.meta_path.append(Finder)
    try:
        shop = importlib.import_module("shop")
        rate = shop.rate
        project.write("source/lib/shop/tax.py", "def rate(): return 2\n")
        project.write("source/lib/shop/__init__.py", "from .tax import rate\nLATE = rate()\n")

        registry.refresh()
    finally:
        sys.meta_path.remove(Finder)

    assert (rate(), shop.rate(), shop.LATE) == (2, 2, 2)


TRANSFORMING = """
import sys
from importlib.machinery import PathFinder, SourceFileLoader

class Loader(SourceFileLoader):
    words = None

    def get_code(self, name):
        self.words = b"one", b"two"
        return super().get_code(name)

    def source_to_code(self, data, path, *more, **options):
        return super().source_to_code(data.replace(*self.words).replace(b"let ", b""), path, *more, **options)

class Plain:
    def __init__(self, path):
        self.path = path

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        with open(self.path) as file:
            exec(file.read(), vars(module))

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        if name == "words":
            spec.loader = Loader(name, spec.origin)
        if name == "plain":
            spec.loader = Plain(spec.origin)
        return spec

sys.meta_path.insert(0, Finder)
"""


@pytest.fixture
def _transforming(project):
    project.write("transforming.py", TRANSFORMING)
    finder = importlib.import_module("transforming").Finder
    yield
    sys.meta_path.remove(finder)


@pytest.mark.usefixtures("_transforming")
def test_a_loader_that_transforms_does_so_with_what_changed(project, registry):
    """
    The loader is asked for its code, of the very bytes that are recorded; byte-code of before is not taken for it.
    """
    words = project.load("words", "def say(): return 'one'\n")
    say = words.say
    before = say()
    source = project.write("words.py", "def say(): return 'one!'\n")

    registry.reload(words)

    assert (before, say(), words.say()) == ("two", "two!", "two!")
    assert registry.current(words).source_hash == hashlib.sha256(source.read_bytes()).hexdigest()
    assert vars(words.__spec__.loader).keys() == {"name", "path", "words"}


@pytest.mark.parametrize(("name", "word"), [("words", "let "), ("plain", "")])
@pytest.mark.parametrize("state", ["reset", "keep"])
@pytest.mark.usefixtures("_transforming")
def test_what_only_its_loader_can_read_is_executed_for_all_that_it_imports(project, dropping, monkeypatch, name, word, state):
    """
    What it does with that is not known, nor what its statements are; a name that left its source stays.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # which tells what it imports
    project.load("leaf", "def rate(): return 1\n")
    text = f"from leaf import *\n{word}table = []\ntable.append(rate())\n"
    user = project.load(name, text + "OLD = 1\n")
    held = user.table
    project.write("leaf.py", "def rate(): return 2\n")
    dropping.refresh(state=state)
    after = user.table
    project.write(f"{name}.py", text)

    dropping.refresh(state=state)

    assert (held, after, user.table) == ([1], [2], [2])
    assert hasattr(user, "OLD") is (name == "plain")


@pytest.mark.usefixtures("_transforming")
def test_a_mistake_is_found_before_a_loader_that_executes_is_asked(project, registry):
    """
    Nothing was executed, and what is at hand is told as of any other source.
    """
    plain = project.load("plain", "RATE = 1\n")
    project.write("plain.py", "RATE = \n")

    with pytest.raises(SourceError):
        registry.reload(plain)

    assert plain.RATE == 1


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_record_on_their_own(says, tmp_path, method):
    """
    A forked child goes on recording, a spawned one begins without modreg; neither is heard of in the parent.
    """
    (tmp_path / "tax.py").write_text("RATE = 1\n")

    output = says(
        f"""
        import multiprocessing, warnings
        warnings.simplefilter("ignore")  # 3.12: fork in a process with threads
        def child(queue):
            import modreg, sys, tax
            queue.put((any(type(each).__module__ == "modreg._importer" for each in sys.meta_path),
                       modreg.history(tax)[0].cause.value))
        if __name__ == "__main__":
            import modreg, sys
            modreg.install()
            context = multiprocessing.get_context({method!r})
            queue = context.SimpleQueue()
            process = context.Process(target=child, args=(queue,))
            process.start()
            print(*queue.get())
            process.join()
            print(process.exitcode, "tax" in sys.modules)
            import tax
            print(len(modreg.history(tax)))
        """
    )

    child = "True import" if method == "fork" else "False adopted"
    assert output.splitlines() == [child, "0 False", "1"]


SUB_INTERPRETERS = {(3, 11): "_xxsubinterpreters", (3, 12): "_xxsubinterpreters"}


def test_sub_interpreters_have_registries_of_their_own(says, tmp_path):
    """
    Each interpreter of a process has its own finders and its own registry.
    """
    (tmp_path / "tax.py").write_text("RATE = 1\n")
    interpreters = SUB_INTERPRETERS.get(sys.version_info[:2], "_interpreters")

    output = says(
        f"""
        import sys
        import {interpreters} as interpreters
        import modreg
        modreg.install()
        import tax
        inner = interpreters.create()
        failed = interpreters.run_string(inner, '''if True:
            import sys
            sys.path[:] = {{path!r}}
            import modreg
            before = len(sys.meta_path)
            modreg.install()
            import tax
            open("tax.py", "w").write("RATE = 22\\\\n")
            modreg.refresh()
            print(tax.RATE, len(modreg.history(tax)), len(sys.meta_path) - before, flush=True)
            modreg.uninstall()
            print(len(sys.meta_path) - before, flush=True)
        '''.format(path=sys.path))
        print(failed)
        print(tax.RATE, len(modreg.history(tax)), flush=True)
        interpreters.destroy(inner)
        """
    )

    assert output.split() == ["22", "2", "1", "0", "None", "1", "1"]


@pytest.mark.parametrize("kind", ["module", "package", "archive", "runpy"])
def test_programs_run_under_a_hook_that_was_there_first(python, tmp_path, kind):
    """
    ``python -m``, zip applications and `runpy` work where start-up code has installed modreg.
    """
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text("import modreg\nmodreg.install()\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    text = "import modreg, sys\nfrom package import part\nprint(__name__, __spec__ and __spec__.name, modreg.current(part).cause.value)\n"
    (tmp_path / "package" / "__main__.py").write_text(text)
    (tmp_path / "package" / "part.py").write_text("")
    (tmp_path / "module.py").write_text(text)
    (tmp_path / "all").mkdir()
    (tmp_path / "package").rename(tmp_path / "all" / "package")
    (tmp_path / "all" / "__main__.py").write_text(text)
    zipapp.create_archive(tmp_path / "all", tmp_path / "archive.pyz")
    ways = {
        "module": ["-m", "module"],
        "package": ["-m", "package"],
        "archive": ["archive.pyz"],
        "runpy": ["-c", "import runpy; runpy.run_module('module', run_name='__main__', alter_sys=True)"],
    }
    places = [str(tmp_path / "start"), str(tmp_path / "all"), *[each for each in sys.path if each]]

    status, output, errors = python(*ways[kind], PYTHONPATH=os.pathsep.join(places))

    assert (status, errors) == (0, "")
    named = {"module": "module", "package": "package.__main__", "archive": "__main__", "runpy": "module"}
    assert output.split() == ["__main__", named[kind], "import"]


@pytest.mark.parametrize("kind", [".pth", pytest.param(".start", marks=pytest.mark.skipif(sys.version_info < (3, 15), reason="comes with 3.15"))])
def test_start_up_files_install_it(python, tmp_path, kind):
    """
    A start-up file in a site folder, as the documentation has it, installs modreg before the program begins.
    """
    text = {".pth": "import modreg; modreg.install()\n", ".start": "modreg:install\n"}
    (tmp_path / f"modreg{kind}").write_text(text[kind])
    (tmp_path / "tax.py").write_text("")

    status, output, errors = python(
        "-c", "import site; site.addsitedir('.'); import modreg, tax; print(modreg.current(tax).cause.value)"
    )

    assert (status, output, errors) == (0, "import\n", "")
