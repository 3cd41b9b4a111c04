"""The program itself: it is never executed again, and what it took from modules follows."""

import os
import textwrap

import pytest

START = """
import os, sys, time
import modreg

clock = 1_000_000_000

def write(path, text):
    global clock
    clock += 2
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (clock, clock))

def refused(call):
    try:
        call()
    except modreg.ModregError as error:
        return type(error).__name__
"""


@pytest.fixture
def program(tmp_path, python):
    """Runs a program that edits modules of its own, by its file or as a module; answers the lines that it printed."""

    def run(text, *arguments, **files):
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        (tmp_path / "main.py").write_text(START + textwrap.dedent(text))
        status, output, errors = python("-B", *(arguments or ("main.py",)))
        assert (status, errors) == (0, "")
        return output.splitlines()

    return run


TAKING = """
modreg.install()
from tax import RATE, rate, Point as Place
from tax import *
LIMIT = RATE * 10
write("tax.py", "RATE = 2\\nTOP = 20\\ndef rate(): return RATE\\nclass Point: __slots__ = ('x', 'y')\\n")
done = modreg.refresh()
print(RATE, TOP, rate(), Place.__slots__, LIMIT)
print([str(each.decision.value) for each in done.steps if each.module == "__main__"])
modreg.rollback("tax")
print(RATE, TOP, rate(), Place.__slots__)
"""
TAX = "RATE = 1\nTOP = 10\ndef rate(): return RATE\nclass Point: __slots__ = ('x',)\n"


@pytest.mark.parametrize("arguments", [("main.py",), ("-m", "main"), ("-m", "modreg", "run", "main.py")])
def test_names_that_a_program_took_follow(program, arguments):
    """
    Names that it imported stand for what they stand for in the module, there and back; what it computed stays.
    """
    printed = program(TAKING, *arguments, tax=TAX)
    assert printed == ["2 20 2 ('x', 'y') 10", "['rebind']", "1 10 1 ('x',)"]


def test_names_that_came_through_a_package_follow(program):
    """
    So do names that a module between took, which is not executed.
    """
    printed = program(
        """
        modreg.install()
        from shop import RATE
        write("tax.py", "RATE = 2\\n")
        modreg.refresh()
        print(RATE)
        write("tax.py", "RATE = 3\\n")
        modreg.refresh()
        print(RATE)
        modreg.rollback("tax")
        print(RATE)
        """,
        tax="RATE = 1\n",
        shop="from tax import RATE\n",
    )
    assert printed == ["2", "3", "2"]


def test_names_of_its_own_stay(program):
    """
    A name that it binds otherwise as well is its own.
    """
    printed = program(
        """
        modreg.install()
        from tax import RATE, BASE
        from tax import *
        RATE = 1
        TOP = 3
        del BASE
        BASE = "mine"
        write("tax.py", "RATE = 2\\nBASE = 20\\nTOP = 30\\n")
        modreg.refresh()
        print(RATE, BASE, TOP)
        """,
        tax="RATE = 1\nBASE = 10\nTOP = 3\n",
    )
    assert printed == ["1 mine 3"]


def test_what_a_program_imports_for_being_one_follows(program):
    """
    Imports that an import of its file would leave out count.
    """
    printed = program(
        """
        modreg.install()
        if __name__ == "__main__":
            from tax import RATE
            write("tax.py", "RATE = 2\\n")
            modreg.refresh()
            print(RATE)
        """,
        tax="RATE = 1\n",
    )
    assert printed == ["2"]


def test_a_refused_edit_leaves_them(program):
    """
    After a reload that failed they are what they were.
    """
    printed = program(
        """
        modreg.install()
        from tax import RATE
        import shop
        write("tax.py", "RATE = 2\\n")
        write("shop.py", "import tax\\n1 / 0\\n")
        print(refused(modreg.refresh), RATE)
        """,
        tax="RATE = 1\n",
        shop="import tax\n",
    )
    assert printed == ["ReloadError 1"]


@pytest.mark.parametrize(
    "call",
    [
        "modreg.install(roots=['tax'])",
        "modreg.install(live=False)",
        "modreg.install()\n        modreg.install(roots=['tax'])",
    ],
)
def test_a_program_out_of_scope_is_left_alone(program, call):
    """
    Where roots do not name it, or nothing is brought up to date, its names stay.
    """
    printed = program(
        f"""
        {call}
        from tax import RATE
        write("tax.py", "RATE = 2\\n")
        modreg.refresh()
        print(RATE)
        """,
        tax="RATE = 1\n",
    )
    assert printed == ["1"]


@pytest.mark.parametrize("more", ["modreg.install(roots=['tax', 'main'])", "modreg.include('main')"])
def test_a_root_may_name_the_program(program, more):
    """
    It goes by the name that its file would be imported by, at once or later.
    """
    printed = program(
        f"""
        modreg.install(roots=["tax"])
        {more}
        from tax import RATE
        write("tax.py", "RATE = 2\\n")
        modreg.refresh()
        print(RATE)
        """,
        tax="RATE = 1\n",
    )
    assert printed == ["2"]


def test_a_program_that_is_no_file_is_not_waited_for(tmp_path, python):
    """
    What is run out of a pipe has been read, and reading it again would wait for ever.
    """
    os.mkfifo(tmp_path / "pipe.py")
    text = "import sys, modreg\nsys.modules['__main__'].__file__ = 'pipe.py'\nmodreg.install()\nprint(modreg.plan())\n"
    assert python("-c", text) == (0, "nothing to do: no source changed\n", "")
