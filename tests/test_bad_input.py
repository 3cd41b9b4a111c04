"""Bad input: for each a named error that says what is wrong, what is running and what to do; nothing is lost."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import py_compile
import shutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

import modreg
from modreg import (
    BusyError,
    ModregError,
    NestedTransactionError,
    NoEarlierVersionError,
    NotAModuleError,
    NotLoadedError,
    NotTrackedError,
    RefusedError,
    ReloadError,
    SourceError,
    UnknownVersionError,
)

GOOD = """
    TABLE = {"low": 1}
    LIST = [1, 2]

    def rate(price):
        return price * 2

    class Bill:
        total = 1
    """
BETTER = """
    TABLE = {"low": 2}
    LIST = [3]

    def rate(price):
        return price * 3

    class Bill:
        total = 2
    """


class Kept:
    """A loaded module as it is now, to be compared with what it is later."""

    def __init__(self, registry, name):
        self.registry = registry
        self.name = name
        self.module = sys.modules[name]
        self.namespace = dict(vars(self.module))
        self.spec = dict(vars(self.module.__spec__))
        self.code = self.module.rate.__code__
        self.table = dict(vars(self.module.Bill))
        self.contents = dict(self.module.TABLE), list(self.module.LIST)
        self.history = registry.history(name)
        self.transactions = registry.transactions()

    def is_untouched(self):
        """Whether all of it is the very same: names, definitions, contents, history."""
        module = sys.modules[self.name]
        assert module is self.module
        assert set(vars(module)) == set(self.namespace)
        assert all(vars(module)[name] is value for name, value in self.namespace.items())
        assert dict(vars(module.__spec__)) == self.spec
        assert module.rate.__code__ is self.code
        assert dict(vars(module.Bill)) == self.table
        assert self.contents == (module.TABLE, module.LIST)
        assert self.registry.history(self.name) == self.history
        assert self.registry.transactions() == self.transactions
        return True


@pytest.fixture
def tax(project, registry):
    """A loaded module *tax*, kept for comparison."""
    project.load("tax", GOOD)
    return Kept(registry, "tax")


def mended(project, registry):
    """Whether the next good source takes over."""
    if (project.root / "tax.py").is_dir():
        shutil.rmtree(project.root / "tax.py")
    project.write("tax.py", BETTER)
    registry.refresh()
    return sys.modules["tax"].rate(1) == 3 and sys.modules["tax"].TABLE == {"low": 2}


# What is named


NO_MODULES = [None, 5, "", "a..b", ".tax", "tax.", "5x", "tax py", b"tax", ["tax"], object(), True]
"""What is neither a module nor an absolute dotted name."""

CALLS = {
    "reload": lambda registry, value: registry.reload(value),
    "rollback": lambda registry, value: registry.rollback(value),
    "history": lambda registry, value: registry.history(value),
    "current": lambda registry, value: registry.current(value),
    "diff": lambda registry, value: registry.diff(value),
    "dependencies": lambda registry, value: registry.dependencies(value),
    "dependents": lambda registry, value: registry.dependents(value),
    "why": lambda registry, value: registry.why(value, "tax"),
    "why, second": lambda registry, value: registry.why("tax", value),
}


@pytest.mark.parametrize("value", NO_MODULES, ids=repr)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_module_is_told(registry, tax, call, value):
    """
    Whatever is neither a module nor a dotted name is refused as the `TypeError` that importlib.reload gives.
    """
    with pytest.raises(NotAModuleError) as info:
        CALLS[call](registry, value)

    assert isinstance(info.value, TypeError)
    assert repr(value) in str(info.value)
    assert tax.is_untouched()


@pytest.mark.parametrize("value", [each for each in NO_MODULES if each is not None], ids=repr)
def test_a_plan_for_what_is_no_module_is_told(registry, tax, value):
    """
    Only `None` stands for a refresh; everything else a plan is asked for has to be a module.
    """
    with pytest.raises(NotAModuleError):
        registry.plan(value)

    assert tax.is_untouched()


@pytest.mark.parametrize("call", ["reload", "plan"])
def test_module_that_is_not_loaded_is_told(registry, tax, call):
    """
    A name that no import brought in cannot be reloaded; the error says to import it.
    """
    with pytest.raises(NotLoadedError) as info:
        getattr(registry, call)("nowhere")

    assert isinstance(info.value, ImportError)
    assert "'nowhere'" in str(info.value)
    assert "import it" in str(info.value)
    assert tax.is_untouched()


@pytest.mark.parametrize("call", [name for name in CALLS if name != "reload"])
def test_module_that_was_never_seen_is_told(registry, tax, call):
    """
    Questions about a name without a history are a `LookupError` that says to import it.
    """
    with pytest.raises(NotTrackedError) as info:
        CALLS[call](registry, "nowhere")

    assert isinstance(info.value, LookupError)
    assert "'nowhere'" in str(info.value)
    assert tax.is_untouched()


def test_module_object_that_left_sys_modules_is_told(project, registry, tax):
    """
    A module object that `sys.modules` no longer holds is not the one a reload could change.
    """
    former = tax.module
    del sys.modules["tax"]
    importlib.import_module("tax")

    with pytest.raises(NotLoadedError):
        registry.reload(former)

    assert all(vars(former)[name] is value for name, value in tax.namespace.items())


@pytest.mark.parametrize("name", ["sys", "builtins", "_imp", "_thread"])
def test_built_in_module_is_refused(registry, name):
    """
    A module that is part of the interpreter cannot be executed again; the error says why.
    """
    before = dict(vars(sys.modules[name]))

    with pytest.raises(RefusedError) as info:
        registry.reload(name)

    assert info.value.name == name
    assert "built into the interpreter" in str(info.value)
    assert dict(vars(sys.modules[name])) == before


def test_frozen_module_is_refused(registry):
    """
    A frozen module has no source that could be executed again.
    """
    with pytest.raises(RefusedError, match="frozen"):
        registry.reload("_frozen_importlib")


def test_extension_module_is_refused(registry):
    """
    An extension module can be loaded only once in a process.
    """
    names = ("_bisect", "_decimal", "_struct", "_ssl", "_ctypes", "_testcapi", "_zoneinfo")
    loaders = {name: importlib.util.find_spec(name) for name in names}
    name = next(n for n, spec in loaders.items() if spec and spec.origin.endswith(tuple(EXTENSION_SUFFIXES)))
    module = importlib.import_module(name)
    before = dict(vars(module))

    with pytest.raises(RefusedError, match="extension module"):
        registry.reload(name)

    assert dict(vars(module)) == before


@pytest.mark.parametrize("name", ["modreg", "modreg.errors", "modreg._registry", "attr", "attrs", "packaging"])
def test_modreg_and_what_it_runs_on_are_refused(registry, name):
    """
    The tool at work is never executed again.
    """
    module = importlib.import_module(name)
    before = dict(vars(module))

    with pytest.raises(RefusedError, match="modreg"):
        registry.reload(module)

    assert dict(vars(module)) == before


def test_the_program_itself_is_refused(registry):
    """
    ``__main__`` would run the whole program again.
    """
    with pytest.raises(RefusedError, match="the program that was started"):
        registry.reload("__main__")


def test_module_that_is_not_from_a_file_is_refused(registry, project):
    """
    A module that a program put together has no source.
    """
    module = type(sys)("handmade")
    sys.modules["handmade"] = module

    with pytest.raises(RefusedError, match="handmade"):
        registry.reload("handmade")

    assert sys.modules["handmade"] is module


@pytest.mark.parametrize("value", [None, 5, "tax", object()], ids=repr)
def test_entry_of_sys_modules_that_is_no_module_is_told(registry, project, value):
    """
    `sys.modules` holds objects of any kind; such a name is refused or not loaded, and stays as it is.
    """
    sys.modules["strange"] = value

    with pytest.raises((RefusedError, NotLoadedError), match="strange"):
        registry.reload("strange")

    assert sys.modules["strange"] is value


# Without a source


def test_sourceless_module_is_refused(registry, project):
    """
    A module that was loaded from a ``.pyc`` alone has no source; the error names the file.
    """
    source = project.write("bare.py", "RATE = 1\n")
    py_compile.compile(str(source), cfile=str(project.root / "bare.pyc"))
    source.unlink()
    bare = project.load("bare")

    with pytest.raises(RefusedError) as info:
        registry.reload(bare)

    assert "bare.pyc" in str(info.value)
    assert bare.RATE == 1


def test_namespace_package_is_refused(registry, project):
    """
    A package without an ``__init__`` has nothing to execute.
    """
    project.write("room/inner.py", "RATE = 1\n")
    inner = project.load("room.inner")

    with pytest.raises(RefusedError, match="namespace package"):
        registry.reload("room")

    assert sys.modules["room"].inner is inner


# The file


def test_file_that_vanished_is_told(registry, project, tax):
    """
    A reload of a module whose file is gone says which file.
    """
    (project.root / "tax.py").unlink()

    with pytest.raises(SourceError) as info:
        registry.reload("tax")

    assert isinstance(info.value.__cause__, FileNotFoundError)
    assert_told(info.value, project, None)
    assert tax.is_untouched()
    assert mended(project, registry)


def test_file_that_is_a_directory_is_told(registry, project, tax):
    """
    A folder in the place of the file is no source.
    """
    (project.root / "tax.py").unlink()
    (project.root / "tax.py").mkdir()

    with pytest.raises(SourceError) as info:
        registry.reload("tax")

    assert isinstance(info.value.__cause__, IsADirectoryError)
    assert_told(info.value, project, None)
    assert tax.is_untouched()
    assert mended(project, registry)


def test_file_whose_folder_is_a_file_is_told(registry, project):
    """
    A path that leads through a file cannot be read.
    """
    project.write("shop/__init__.py", "")
    till = project.load("shop.till", "RATE = 1\n")
    shutil.rmtree(project.root / "shop")
    (project.root / "shop").write_text("no folder")

    with pytest.raises(SourceError) as info:
        registry.reload("shop.till")

    assert isinstance(info.value.__cause__, NotADirectoryError)
    assert "till.py" in str(info.value)
    assert (till.RATE, len(registry.history(till))) == (1, 1)


@pytest.mark.parametrize("call", ["reload", "refresh"])
def test_file_that_cannot_be_read_is_told(registry, project, tax, call):
    """
    A file that the system refuses to read is told as such; root reads every file, so here it is a link to itself.
    """
    path = project.root / "tax.py"
    path.unlink()
    path.symlink_to(path)

    with pytest.raises(SourceError) as info:
        registry.reload("tax") if call == "reload" else registry.refresh()

    assert isinstance(info.value.__cause__, OSError)
    assert_told(info.value, project, None)
    assert tax.is_untouched()
    path.unlink()
    assert mended(project, registry)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_file_without_permission_is_told(registry, project, tax):
    """
    A file that this user may not read is told as such.
    """
    path = project.write("tax.py", BETTER)
    path.chmod(0)

    with pytest.raises(SourceError) as info:
        registry.refresh()

    assert isinstance(info.value.__cause__, PermissionError)
    assert tax.is_untouched()


def assert_told(error, project, line, phase="plan"):
    """The error says module, file, line, what is running and what to do."""
    path = str(project.root / "tax.py")
    assert (error.phase, error.name, error.path, error.line) == (phase, "tax", path, line)
    assert error.running == "version 1 of 'tax'"
    said = str(error)
    assert "'tax'" in said
    assert (path if line is None else f"{path}:{line}") in said
    assert "version 1 of 'tax' is running" in said
    assert "reload again" in said


BROKEN = {
    "syntax": (b"RATE = 1\ndef rate(:\n", 2, SyntaxError),
    "indentation": (b"def rate():\nreturn 1\n", 2, IndentationError),
    "tabs": (b"if 1:\n\tx = 1\n        y = 2\n", 3, TabError),
    "null byte": (b"RATE = 1\nNAME = 'a\0b'\n", ..., (SyntaxError, ValueError)),
    "not UTF-8": (b"RATE = 1\nNAME = '\xff\xfe'\n", ..., (SyntaxError, UnicodeError)),
    "unknown cookie": (b"# -*- coding: klingon -*-\nRATE = 1\n", ..., SyntaxError),
    "cookie that is no text encoding": (b"# coding: hex\nRATE = 1\n", ..., (SyntaxError, LookupError)),
    "cookie against a byte order mark": (b"\xef\xbb\xbf# coding: latin-1\nRATE = 1\n", ..., SyntaxError),
    "outside a function": (b"RATE = 1\n\nreturn RATE\n", 3, SyntaxError),
    "unclosed": (b"RATE = (1,\n", ..., SyntaxError),
    "nested too deeply": (b"RATE = " + b"(" * 5000 + b")" * 5000, ..., (SyntaxError, RecursionError, MemoryError)),
    "huge expression": (b"RATE = " + b"-" * 100_000 + b"1", ..., (SyntaxError, RecursionError, MemoryError)),
}
"""Bytes that do not compile, the line to be named (any where releases differ), and the error that is the cause."""


@pytest.mark.parametrize("call", ["reload", "refresh", "plan"])
@pytest.mark.parametrize("kind", BROKEN)
def test_source_that_does_not_compile_is_told(registry, project, tax, kind, call):
    """
    What is no Python ends in the plan, with file and line; no module has noticed.
    """
    source, line, cause = BROKEN[kind]
    project.write("tax.py", source)

    with pytest.raises(SourceError) as info:
        {"reload": lambda: registry.reload("tax"), "refresh": registry.refresh, "plan": registry.plan}[call]()

    assert isinstance(info.value.__cause__, cause)
    assert_told(info.value, project, info.value.line if line is ... else line)
    assert info.value.line != 0
    assert tax.is_untouched()
    assert mended(project, registry)


def test_one_broken_source_leaves_the_others_alone(registry, project, tax):
    """
    A refresh of two changed modules, one of them broken, changes neither.
    """
    other = project.load("other", "RATE = 1\n")
    project.write("other.py", "RATE = 2\n")
    project.write("tax.py", "def rate(:\n")

    with pytest.raises(SourceError, match="'tax'"):
        registry.refresh()

    assert other.RATE == 1
    assert tax.is_untouched()


# The module's own code


RAISING = {
    "an exception": ("raise OSError('disk')", OSError),
    "an import of nothing": ("import nowhere_at_all", ModuleNotFoundError),
    "a name that is missing": ("undefined", NameError),
    "endless recursion": ("def again():\n    again()\nagain()", RecursionError),
    "no memory": ("bytearray(2 ** 62)", MemoryError),
    "an assertion": ("assert 0, 'never'", AssertionError),
    "an exception without words": ("raise ValueError", ValueError),
    "an exception that cannot be told": ("raise ValueError(type('Mute', (), {'__str__': lambda _: 1 / 0})())", ValueError),
    "an exception group": ("raise ExceptionGroup('two', [OSError(), KeyError()])", ExceptionGroup),
    "a generator's end": ("next(iter(()))", StopIteration),
}


SPOILED = "TABLE['low'] = 9\nLIST.append(9)\nEXTRA = 9\ndel rate\nclass Bill: pass\n"
"""Statements, a line each, that change what a module can change before it raises."""


@pytest.mark.parametrize("call", ["reload", "refresh"])
@pytest.mark.parametrize("kind", RAISING)
def test_module_that_raises_is_told(registry, project, tax, kind, call):
    """
    What a module raises is the cause of the error, which names the last line of the file it came through.
    """
    statement, cause = RAISING[kind]
    project.write("tax.py", SPOILED + statement + "\n")

    with pytest.raises(ReloadError) as info:
        registry.reload("tax") if call == "reload" else registry.refresh()

    assert type(info.value.__cause__) is cause
    assert not isinstance(info.value, SourceError)
    assert_told(info.value, project, 7 if kind == "endless recursion" else 6, "execute")
    assert type(info.value.__cause__).__name__ in str(info.value)
    assert tax.is_untouched()
    assert mended(project, registry)


@pytest.mark.parametrize("statement", ["Bill.total = 9", "Bill.more = 9", "del Bill.total", "rate.__defaults__ = (9,)"])
def test_failing_module_that_changed_its_definitions_in_place(registry, project, tax, statement):
    """
    What a failing module does to the classes and functions in its namespace is taken back, too.
    """
    defaults = tax.module.rate.__defaults__
    project.write("tax.py", f"{statement}\nraise OSError\n")

    with pytest.raises(ReloadError):
        registry.refresh()

    assert tax.module.rate.__defaults__ is defaults
    assert tax.is_untouched()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_signal_aborts_and_goes_on_as_it_is(registry, project, tax, kind):
    """
    What is no `Exception` passes as it is, with a note of what was aborted; everything is as before.
    """
    project.write("tax.py", f"RATE = 9\nTABLE['low'] = 9\nraise {kind.__name__}(3)\n")

    with pytest.raises(kind) as info:
        registry.refresh()

    assert type(info.value) is kind
    assert any("tax.py:3" in note for note in info.value.__notes__)
    assert tax.is_untouched()
    assert mended(project, registry)


SELF_HARM = {
    "leaves sys.modules": "import sys\ndel sys.modules[__name__]",
    "leaves and raises": "import sys\ndel sys.modules[__name__]\nraise OSError",
    "clears its globals": "globals().clear()",
    "clears and raises": "g = globals()\ng.clear()\nraise OSError",
    "puts None in its place": "import sys\nsys.modules[__name__] = None",
    "deletes its spec": "del __spec__\nraise OSError",
    "changes its spec": "__spec__.origin = 'elsewhere'\n__spec__.name = 'other'\nraise OSError",
    "changes its name": "__name__ = 'other'\nraise OSError",
    "changes its class": (
        "import sys, types\nclass Odd(types.ModuleType): pass\nsys.modules[__name__].__class__ = Odd\nraise OSError"
    ),
}
SURVIVED = ("clears its globals", "puts None in its place")
"""What ``importlib.reload`` lets pass, too."""


@pytest.mark.parametrize("kind", [kind for kind in SELF_HARM if kind not in SURVIVED])
def test_module_that_harms_itself_is_as_before(registry, project, tax, kind):
    """
    Whatever a failing module does to its own namespace, spec or place, the abort brings it back.
    """
    spec, cls = tax.module.__spec__, type(tax.module)
    project.write("tax.py", SELF_HARM[kind] + "\n")

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert info.value.name == "tax"
    assert info.value.running == "version 1 of 'tax'"
    assert (tax.module.__spec__, type(tax.module)) == (spec, cls)
    assert tax.is_untouched()
    assert mended(project, registry)


@pytest.mark.parametrize("kind", SURVIVED)
def test_module_that_empties_itself_can_be_brought_back(registry, project, tax, kind):
    """
    A module may end with next to nothing; either that is an error, or a rollback brings all of it back.
    """
    project.write("tax.py", SELF_HARM[kind] + "\n")

    try:
        registry.refresh()
    except ModregError:
        assert tax.is_untouched()
    else:
        registry.rollback("tax")

    assert sys.modules["tax"] is tax.module
    assert all(vars(tax.module)[name] is value for name, value in tax.namespace.items())
    assert mended(project, registry)


NESTED = {
    "reload of itself": "modreg_registry.reload(__name__)",
    "reload of another": "modreg_registry.reload('other')",
    "refresh": "modreg_registry.refresh()",
    "rollback of itself": "modreg_registry.rollback(__name__)",
    "rollback of another": "modreg_registry.rollback('other')",
}


@pytest.mark.parametrize("kind", NESTED)
def test_transaction_inside_a_transaction_is_told(registry, project, tax, kind):
    """
    A module cannot start a transaction while one executes it; the error says which module tried what.
    """
    sys.modules["modreg_registry"] = registry
    other = project.load("other", "RATE = 1\n")
    project.write("tax.py", f"import modreg_registry\n\n{NESTED[kind]}\n")

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    cause = info.value.__cause__ if not isinstance(info.value, NestedTransactionError) else info.value
    assert isinstance(cause, NestedTransactionError)
    assert cause.executing == "tax"
    assert kind.partition(" ")[0] in str(cause)
    assert info.value.line == 3
    assert (other.RATE, len(registry.history("other"))) == (1, 1)
    assert tax.is_untouched()
    assert mended(project, registry)


def test_module_may_catch_the_error_of_a_transaction_inside(registry, project, tax):
    """
    Asked for and refused, a transaction inside another does no harm to it.
    """
    sys.modules["modreg_registry"] = registry
    project.write(
        "tax.py",
        """
        import modreg_registry
        try:
            modreg_registry.reload(__name__)
        except RuntimeError as error:
            SAID = str(error)
        """,
    )

    registry.refresh()

    assert "reload('tax')" in tax.module.SAID
    assert "'tax' is being executed" in tax.module.SAID
    assert [v.number for v in registry.history("tax")] == [1, 2]


def test_module_that_reloads_itself_while_first_imported_is_refused(registry, project):
    """
    A module cannot be executed again while its first execution runs; the import fails with the named error.
    """
    sys.modules["modreg_registry"] = registry
    project.write("eager.py", "import modreg_registry\nmodreg_registry.reload(__name__)\n")
    importlib.invalidate_caches()

    with pytest.raises(RefusedError, match="being executed at this very moment"):
        importlib.import_module("eager")

    assert "eager" not in sys.modules
    project.write("eager.py", "RATE = 1\n")
    assert project.load("eager").RATE == 1


def test_module_that_reloads_another_while_first_imported(registry, project, tax):
    """
    A first import is no transaction: a module may bring another up to date by then.
    """
    sys.modules["modreg_registry"] = registry
    project.write("tax.py", BETTER)
    project.write("eager.py", "import modreg_registry\nRATE = modreg_registry.reload('tax').rate(1)\n")

    eager = project.load("eager")

    assert eager.RATE == 3
    assert [v.number for v in registry.history("tax")] == [1, 2]
    assert [v.number for v in registry.history("eager")] == [1]


def test_importlib_reload_inside_its_own_execution(registry, project, tax):
    """
    `importlib.reload` of a module from its own reload does not run away, nor does it lose anything when that fails.
    """
    project.write("tax.py", "import importlib, sys\nimportlib.reload(sys.modules[__name__])\nraise OSError\n")

    with pytest.raises(ReloadError):
        registry.refresh()

    assert tax.is_untouched()
    assert mended(project, registry)


@pytest.mark.parametrize("kind", [kind for kind in SELF_HARM if "raise" not in SELF_HARM[kind]])
def test_first_import_of_a_module_that_harms_itself(registry, project, kind):
    """
    What a module does to itself while it is first imported ends as it does without modreg.
    """
    project.write("odd.py", SELF_HARM[kind] + "\n")
    importlib.invalidate_caches()

    ends = []
    for is_observed in (True, False):
        if not is_observed:
            registry.uninstall()
        try:
            importlib.import_module("odd")
            ends.append("odd" in sys.modules and sys.modules["odd"] is not None)
        except BaseException as error:
            ends.append(type(error))
        sys.modules.pop("odd", None)

    assert ends[0] == ends[1]
    registry.install()
    project.write("odd.py", "RATE = 1\n")
    assert project.load("odd").RATE == 1
    registry.reload("odd")


# Arguments


@pytest.mark.parametrize("to", [0, -1, 99, "nonsense", "<0.1", ">=", "1.0"], ids=repr)
def test_version_that_does_not_exist_is_told(registry, project, tax, to):
    """
    A number, or a specifier, that no version answers to is a `LookupError` that says where to look.
    """
    with pytest.raises(UnknownVersionError) as info:
        registry.rollback("tax", to=to)

    assert info.value.name == "tax"
    assert "history" in str(info.value)
    assert str(to) in str(info.value)
    assert tax.is_untouched()


@pytest.mark.parametrize("to", [True, False, 1.0, b"1", [1], object()], ids=repr)
def test_target_of_another_type_is_told(registry, tax, to):
    """
    A rollback's target is a number, a version or a specifier; a truth value is no number.
    """
    with pytest.raises(TypeError, match="version number"):
        registry.rollback("tax", to=to)

    assert tax.is_untouched()


def test_version_of_another_module_is_told(registry, project, tax):
    """
    A version belongs to one module and means nothing for another.
    """
    other = project.load("other", "RATE = 1\n")

    with pytest.raises(UnknownVersionError, match="tax"):
        registry.rollback("tax", to=registry.current(other))

    assert tax.is_untouched()


def test_rollback_of_the_first_version_is_told(registry, tax):
    """
    There is nothing before the first version; the error says which one is running.
    """
    with pytest.raises(NoEarlierVersionError, match=r"running now \(1\)"):
        registry.rollback("tax")

    assert tax.is_untouched()


def test_rollback_of_a_module_that_was_loaded_before_anybody_looked_is_told(project):
    """
    It is adopted, as by every question: it stands at its first version, and is not said to be loaded by nobody.
    """
    registry = modreg.Registry()
    tax = project.load("tax", "RATE = 1\n")

    with pytest.raises(NoEarlierVersionError):
        registry.rollback(tax)

    assert registry.rollback(tax, to=1) is tax
    assert len(registry.history(tax)) == 1


@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 2), (99, 1), (1, 99), (-1, 1)])
def test_difference_between_unknown_versions_is_told(registry, tax, old, new):
    """
    A diff needs two versions that exist.
    """
    with pytest.raises(UnknownVersionError):
        registry.diff("tax", old, new)


def test_difference_from_before_the_first_version_is_told(registry, tax):
    """
    The first version differs from nothing that is known.
    """
    with pytest.raises(NoEarlierVersionError):
        registry.diff("tax")


@pytest.mark.parametrize("number", ["1", 1.0, True, None, b"1"], ids=repr)
def test_difference_of_what_is_no_number_is_told(registry, tax, number):
    """
    A diff's versions are numbers; `None` stands for the usual ones, of which the first version has none.
    """
    with pytest.raises((TypeError, LookupError)):
        registry.diff("tax", number, 1)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"roots": "tax"}, TypeError),
        ({"roots": 5}, TypeError),
        ({"roots": [5]}, TypeError),
        ({"roots": [b"tax"]}, TypeError),
        ({"roots": [""]}, ValueError),
        ({"roots": ["a..b"]}, ValueError),
        ({"roots": ["tax.*"]}, ValueError),
        ({"removed": "x"}, ValueError),
        ({"removed": None}, ValueError),
        ({"removed": True}, ValueError),
        ({"keep_snapshots": -1}, ValueError),
        ({"keep_snapshots": "10"}, TypeError),
        ({"keep_snapshots": None}, TypeError),
        ({"keep_snapshots": 1.5}, TypeError),
        ({"keep_snapshots": True}, TypeError),
        ({"keep_versions": 0}, ValueError),
        ({"keep_versions": "10"}, TypeError),
        ({"keep_versions": True}, TypeError),
    ],
    ids=repr,
)
def test_option_that_means_nothing_is_told(project, options, kind):
    """
    A wrong option is told before anything is installed.
    """
    made = modreg.Registry()
    finders = list(sys.meta_path)

    with pytest.raises(kind):
        made.install(**options)

    assert sys.meta_path == finders


def test_option_that_means_nothing_changes_no_other_one(project, registry):
    """
    One wrong option of a second install leaves the right ones beside it without effect.
    """
    project.load("tax", "RATE = 1\ndef gone(): pass\n")
    project.write("tax.py", "RATE = 2\n")

    with pytest.raises(ValueError, match="keep_snapshots"):
        registry.install(removed="drop", roots=["elsewhere"], keep_snapshots=-1)
    registry.refresh()

    assert sys.modules["tax"].RATE == 2
    assert hasattr(sys.modules["tax"], "gone")


@pytest.mark.parametrize("option", [{"removed": "x"}, {"state": "x"}, {"dependents": "x"}], ids=repr)
def test_option_of_one_transaction_that_means_nothing_is_told(registry, project, tax, option):
    """
    The words of a single transaction are the same as those of the installation; a wrong one costs nothing.
    """
    project.write("tax.py", BETTER)

    for call in (registry.refresh, functools.partial(registry.reload, "tax")):
        for more in ({}, {"live": False}):
            with pytest.raises(ValueError, match=r"must be '.*' or '.*', not 'x'"):
                call(**option, **more)

    assert tax.is_untouched()
    assert registry.refresh()


@pytest.mark.parametrize("timeout", ["1", b"1", [1]], ids=repr)
def test_timeout_that_is_no_number_is_told(registry, project, tax, timeout):
    """
    A timeout is a number of seconds; a wrong one costs nothing.
    """
    project.write("tax.py", BETTER)

    with pytest.raises(TypeError):
        registry.refresh(timeout=timeout)

    assert tax.is_untouched()
    assert registry.refresh(timeout=0)


@pytest.mark.parametrize("timeout", [-1, -0.5, float("nan"), float("inf"), 1e300, 10**400], ids=lambda x: str(x)[:8])
def test_timeout_out_of_range_does_no_harm(registry, project, tax, timeout):
    """
    A timeout that is no sensible number is either told or taken for none, and the turn stays free.
    """
    project.write("tax.py", BETTER)

    try:
        registry.refresh(timeout=timeout)
    except (ValueError, OverflowError):
        assert tax.is_untouched()
        registry.refresh(timeout=0)

    assert tax.module.rate(1) == 3


@pytest.mark.parametrize("callback", [None, 5, "print", ()], ids=repr)
def test_subscriber_that_cannot_be_called_is_told(registry, callback):
    """
    What cannot be called cannot be told of events.
    """
    with pytest.raises(TypeError, match="called"):
        registry.subscribe(callback)


def test_busy_registry_says_who_is_at_work(registry, project, tax):
    """
    A transaction that cannot begin in time names the thread that has one open.
    """
    import threading

    started, let_go = threading.Event(), threading.Event()
    sys.modules["meeting"] = meeting = type(sys)("meeting")
    meeting.wait = lambda: (started.set(), let_go.wait(60))
    project.write("tax.py", "import meeting\nmeeting.wait()\nRATE = 5\n")
    worker = threading.Thread(target=registry.refresh, name="worker")
    worker.start()
    started.wait(60)

    with pytest.raises(BusyError) as info:
        registry.refresh(timeout=0)
    let_go.set()
    worker.join(60)

    assert info.value.holder == "worker"
    assert isinstance(info.value, TimeoutError)
    assert tax.module.RATE == 5


def test_an_error_in_a_module_that_never_ran_says_what_runs_instead(project, registry):
    """
    The place is in the module that was imported for the first time; the one that imported it has a version that runs.
    """
    project.load("tax", "RATE = 1\n")
    project.write("tax.py", "import rates\n")
    project.write("rates.py", "x = 1\n1 / 0\n")

    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh()

    assert (info.value.name, info.value.line, info.value.running) == ("rates", 2, "version 1 of 'tax'")


def test_an_error_in_a_text_that_is_executed_is_in_the_module_that_does(project, registry):
    """
    What `exec` runs is in no file; the line that asks for it is.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\nexec('1 / 0')\n")

    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh()

    assert (info.value.name, info.value.path, info.value.line) == ("tax", tax.__file__, 2)
