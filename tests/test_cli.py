"""The command line: a program runs as without it, only that its imports are recorded."""

import py_compile
import zipapp

import pytest

import modreg

# What a program sees of how it was started.
SEEN = """
import sys
main = sys.modules["__main__"]
print(vars(main) is globals(), main.__name__, main.__package__, repr(main.__doc__))
print(getattr(main, "__file__", None), getattr(main.__spec__, "name", None), type(main.__loader__).__name__)
print(sorted(vars(main)), __builtins__)
print(sys.argv, sys.path, __debug__, sys.exc_info())
"""


@pytest.fixture
def both(python):
    """Runs a program by Python itself, and by modreg."""

    def run(*arguments, flags=()):
        return python(*flags, *arguments), python(*flags, "-m", "modreg", "run", *arguments)

    return run


@pytest.fixture
def programs(tmp_path):
    """A folder with programs of each kind, started elsewhere."""
    files = {
        "script.py": SEEN,
        "__main__.py": SEEN,
        "package/__init__.py": "",
        "package/__main__.py": SEEN,
        "package/part.py": SEEN,
        "elsewhere/linked.py": SEEN,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "link.py").symlink_to(tmp_path / "elsewhere" / "linked.py")
    zipapp.create_archive(tmp_path / "package", tmp_path / "program.pyz")
    py_compile.compile(str(tmp_path / "script.py"), str(tmp_path / "compiled.pyc"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("script.py", "--help", "-m", "x"),
        ("elsewhere/linked.py",),
        ("link.py", "--", "--version"),
        ("compiled.pyc", "a"),
        ("package", "-v"),
        ("-mpackage.part", "a", "-m", "b"),
        ("program.pyz", "a", "b"),
        ("./script.py",),
        ("elsewhere/../package/",),
        ("./program.pyz",),
        (".", "a"),
        ("-m", "script", "--removed", "drop"),
        ("-m", "package", "-m"),
        ("-m", "package.part"),
    ],
    ids=" ".join,
)
def test_a_program_sees_what_it_sees_without(programs, both, arguments):
    """
    Its ``__main__``, `sys.argv` and `sys.path` are the ones that Python itself would give it.
    """
    plain, ours = both(*arguments)

    assert plain[0] == 0
    assert ours == plain


@pytest.mark.parametrize("flags", [("-P",), ("-O", "-W", "error", "-X", "dev")], ids=" ".join)
def test_the_interpreters_options_count_as_without(programs, both, flags):
    """
    Options of the interpreter stand before ``-m modreg`` and mean what they always mean.
    """
    plain, ours = both("script.py", flags=flags)

    assert plain[0] == 0
    assert ours == plain


@pytest.mark.parametrize(
    "text",
    [
        "raise SystemExit(3)",
        "import sys; sys.exit('a message')",
        "def f():\n    raise ValueError('no')\nf()",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error",
        "def f(:",
        "import not_there_at_all",
        "import sys\nsys.excepthook = lambda *error: print(error[0], error[2].tb_lineno)\n1 / 0",
        "import atexit; atexit.register(print, 'over')",
        "import os; os._exit(5)",
        "raise KeyboardInterrupt",
        "from signal import *\nimport atexit; signal(SIGINT, default_int_handler); atexit.register(print, 'over'); raise_signal(SIGINT)",
        "class Stop(BaseException): pass\nraise Stop",
    ],
)
def test_a_program_ends_as_without(tmp_path, both, text):
    """
    Exit status, output, and the traceback of an error are the ones without modreg.
    """
    (tmp_path / "script.py").write_text(text + "\n")

    plain, ours = both("script.py")

    assert ours == plain


@pytest.mark.parametrize("arguments", [("nothing.py",), ("./nothing.py",), ("-m", "not_there_at_all"), ("-m", "package.nothing")], ids=" ".join)
def test_a_program_that_is_not_there(programs, both, arguments):
    """
    What cannot be started is told in Python's own words.
    """
    plain, ours = both(*arguments)

    assert plain[0] != 0
    assert ours == plain


def test_the_imports_of_the_program_are_recorded(tmp_path, python):
    """
    modreg is installed with the options given, before the program's first import.
    """
    (tmp_path / "tax.py").write_text("RATE = 1\n")
    (tmp_path / "rest.py").write_text("")
    (tmp_path / "script.py").write_text(
        "import modreg, rest, tax\n"
        "print(modreg.current('tax').cause.value)\n"
        "print(*(bool(modreg.current(each).source_hash) for each in ('tax', 'rest')))\n"
        "open('tax.py', 'w').write('LIMIT = 20\\n')\n"
        "modreg.reload(tax)\n"
        "print(hasattr(tax, 'RATE'), tax.LIMIT)\n"
        "print(*(version.number for version in modreg.history(tax)))\n"
    )

    status, output, errors = python(
        *("-m", "modreg", "run", "--root", "tax", "--removed", "drop", "--keep-snapshots", "0", "--keep-versions", "1"),
        "script.py",
    )

    assert (status, errors) == (0, "")
    assert output.split() == ["import", "True", "False", "False", "20", "2"]


def test_processes_may_be_spawned(tmp_path, both):
    """
    A spawned child finds the program again, as one of a program that Python itself runs.
    """
    (tmp_path / "script.py").write_text(
        "import multiprocessing\n"
        "def double(x): return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
    )

    plain, ours = both("script.py")

    assert plain[1] == "[2, 4]\n"
    assert ours == plain


def test_the_version_is_told(python):
    """
    ``--version`` says which modreg this is.
    """
    assert python("-m", "modreg", "--version") == (0, f"modreg {modreg.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "say which program"),
        (["run", "--watch", "missing", "x.py"], "--watch: [Errno 2] No such file or directory: "),
        (["run", "--removed", "often", "x.py"], "invalid choice: 'often'"),
        (["run", "--root", "a..b", "x.py"], "'a..b' is no dotted module name"),
        (["run", "--keep-snapshots", "few", "x.py"], "'few' is no number of snapshots"),
        (["run", "--keep-versions", "0", "x.py"], "'0' is no number of versions"),
        (["walk"], "invalid choice: 'walk'"),
        ([], "usage: python -m modreg"),
    ],
)
def test_a_wrong_command_line_is_told(python, arguments, words):
    """
    A command line that cannot be meant ends with status 2, a line of usage, and what is wrong with it.
    """
    status, output, errors = python("-m", "modreg", *arguments)

    assert status == 2
    assert words in output + errors
    assert "Traceback" not in errors
