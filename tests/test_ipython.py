"""The extension for IPython, as people at a prompt and in notebooks use it: in a shell of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import modreg

SHELL = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for clock, step in enumerate(json.load(sys.stdin)):
    if isinstance(step, str):
        shell.run_cell(step)
    else:
        for path, text in step.items():
            with open(path, "w") as file:
                file.write(text)
            os.utime(path, (1_000_000_000 + 2 * clock,) * 2)
"""


@pytest.fixture
def cells(tmp_path):
    """Runs cells one after the other, and writes files between them; answers the lines that were printed."""
    (tmp_path / "shell.py").write_text(SHELL)
    paths = [str(Path(modreg.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "IPYTHONDIR": str(tmp_path / "ipython")}

    def run(*steps):
        done = subprocess.run(
            [sys.executable, "-u", "-W", "ignore", "shell.py"],
            cwd=tmp_path,
            env=environment,
            input=json.dumps(steps),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.splitlines()

    return run


LOAD = "%load_ext modreg.ipython"


def test_a_cell_begins_with_what_was_edited(cells):
    """
    Before a cell runs, edited modules are brought up to date, and what was done is told.
    """
    printed = cells(
        LOAD,
        {"tax.py": "def rate(): return 1\n"},
        "from tax import rate",
        {"tax.py": "def rate(): return 2\n"},
        "print('rate', rate())",
        "print('again', rate())",
    )
    assert printed[0].startswith("revision 1, by refresh, ")
    assert printed[1:] == ["  version 2 of 'tax', by refresh", "rate 2", "again 2"]


def test_plain_values_that_a_cell_took_are_those_of_now(cells):
    """
    A name that a cell imported has the present value; one that a cell bound otherwise keeps its own.
    """
    printed = cells(
        LOAD,
        {"tax.py": "RATE = 1\nBASE = 2\nFLOOR = 3\nTOP = 4\n"},
        "import modreg\nfrom tax import RATE as rate, BASE, TOP\nfrom tax import *\nFLOOR = 3",
        "if True:\n    BASE = 2\ndef TOP(): pass",
        {"tax.py": "RATE = 10\nBASE = 20\nFLOOR = 30\nTOP = 40\n"},
        "print(rate, RATE, BASE, FLOOR, callable(TOP))",
        "module = modreg.rollback('tax')",
        "print(rate, RATE, BASE, FLOOR)",
    )
    assert printed[-2:] == ["10 10 2 3 True", "1 1 2 3"]


def test_a_broken_edit_is_told_and_the_cell_runs(cells):
    """
    A cell runs on the version before where the edit is refused, and on the next one when it is mended.
    """
    printed = cells(
        LOAD,
        {"tax.py": "RATE = 1\n"},
        "import tax",
        {"tax.py": "RATE = 2\nraise OSError('full')\n"},
        "print(tax.RATE)",
        {"tax.py": "RATE = (\n"},
        "print(tax.RATE)",
        {"tax.py": "RATE = 3\n"},
        "print(tax.RATE)",
    )
    refused, one, unread, again, *_, three = printed
    assert refused.startswith("modreg: 'tax' failed in phase execute at ")
    assert "OSError: full" in refused
    assert unread.startswith("modreg: ")
    assert "SyntaxError" in unread
    assert (one, again, three) == ("1", "1", "3")


def test_a_module_that_a_rollback_brought_back_stays(cells):
    """
    What a cell rolls back does not come again with the next cell.
    """
    printed = cells(
        LOAD,
        {"tax.py": "RATE = 1\n"},
        "import tax, modreg",
        {"tax.py": "RATE = 2\n"},
        "print(tax.RATE)\nprint(modreg.rollback(tax).RATE)",
        "print(tax.RATE)",
    )
    assert printed[2:] == ["2", "1", "1"]


def test_state_is_kept(cells):
    """
    The extension installs modreg so that values whose statements are unchanged stay.
    """
    printed = cells(
        LOAD,
        {"tax.py": "cache = []\ndef rate(): return 1\n"},
        "import tax\ntax.cache.append(7)",
        {"tax.py": "cache = []\ndef rate(): return 2\n"},
        "print(tax.rate(), tax.cache)",
    )
    assert printed[-1] == "2 [7]"


def test_an_installation_that_is_there_stays_as_it_is(cells):
    """
    Who has installed modreg before keeps the options, and the installation when the extension goes.
    """
    printed = cells(
        "import modreg\nregistry = modreg.install(state='reset')",
        LOAD,
        {"tax.py": "cache = []\n"},
        "import tax\ntax.cache.append(7)",
        {"tax.py": "cache = []\nRATE = 1\n"},
        "print(tax.cache)",
        "%unload_ext modreg.ipython",
        "print(modreg.is_installed())",
    )
    assert printed[2:] == ["[]", "True"]


def test_the_magic_word(cells):
    """
    ``%modreg off`` and ``on`` say whether cells begin with a refresh; alone it refreshes; other words are told.
    """
    printed = cells(
        LOAD,
        {"tax.py": "RATE = 1\n"},
        "import tax",
        "%modreg off",
        {"tax.py": "RATE = 2\n"},
        "print(tax.RATE)",
        "%modreg",
        "print(tax.RATE)",
        {"tax.py": "RATE = 3\n"},
        "%modreg on",
        "print(tax.RATE)",
        "%modreg of",
    )
    told = [line for line in printed if not line.startswith(("revision", "  version"))]
    assert told[:3] == ["1", "2", "3"]
    assert told[3].startswith("usage: %modreg [on | off]")


def test_a_shell_is_left_as_it_was(cells):
    """
    Without the extension cells begin with nothing, the magic is gone, and modreg is not installed any more.
    """
    printed = cells(
        "before = {key: len(each) for key, each in get_ipython().events.callbacks.items()}",
        LOAD,
        "%reload_ext modreg.ipython",
        "%unload_ext modreg.ipython",
        "import modreg\nshell = get_ipython()",
        "print(before == {key: len(each) for key, each in shell.events.callbacks.items()})",
        "print(modreg.is_installed(), 'modreg' in shell.magics_manager.magics['line'])",
    )
    assert printed == ["True", "False False"]
