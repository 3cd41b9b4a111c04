"""The watcher, with files that are written while it is at work."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import modreg
from modreg.watch import Watcher


@pytest.fixture
def done():
    """What calls of a watcher came to, as they are made."""
    return queue.Queue()


def save(file, text):
    """Write a file in one step, so that nobody sees it half written."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


def telling(call, done):
    """As *call*, and puts what it gives or raises into a queue."""

    def told():
        try:
            found = call()
        except BaseException as error:
            done.put(error)
            raise
        if found:
            done.put(found)
        return found

    return told


def test_an_edit_is_brought_in(project, registry, done):
    """
    What is written is refreshed by itself, and edits after the block are nobody's concern.
    """
    tax = project.load("tax", "def rate(): return 1\n")
    rate = tax.rate
    with Watcher(project.root, call=telling(registry.refresh, done)):
        save(project.root / "tax.py", "def rate(): return 2\n")
        assert done.get(timeout=60).versions[0].name == "tax"
        assert rate() == 2
    save(project.root / "tax.py", "def rate(): return 3\n")
    assert "modreg.watch" not in {each.name for each in threading.enumerate()}
    assert rate() == 2


@pytest.mark.parametrize("line", ["raise OSError('full')", "def (", "raise SystemExit(1)"])
def test_a_refused_edit_is_logged_and_the_next_one_tried(project, registry, done, caplog, line):
    """
    After a refused edit the program runs on the version before, and the watcher goes on.
    """
    tax = project.load("tax", "RATE = 1\n")
    with Watcher(project.root, call=telling(registry.refresh, done)), caplog.at_level(logging.INFO, "modreg.watch"):
        save(project.root / "tax.py", f"RATE = 2\n{line}\n")
        assert isinstance(done.get(timeout=60), BaseException)
        assert tax.RATE == 1
        save(project.root / "tax.py", "RATE = 3\n")
        assert done.get(timeout=60)
        assert tax.RATE == 3
    assert [each.levelname for each in caplog.records] == ["ERROR", "INFO"]


def test_a_program_may_choose_the_moment(project, registry, done):
    """
    With a request the thread that is inside a guard sees no new version until it leaves.
    """
    tax = project.load("tax", "RATE = 1\n")
    with Watcher(project.root, call=telling(registry.request_refresh, done)):
        with registry.guard():
            save(project.root / "tax.py", "RATE = 2\n")
            done.get(timeout=60)
            assert tax.RATE == 1
        assert tax.RATE == 2


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    """
    A watcher of nothing is an error where it is made, not in its thread.
    """
    with pytest.raises(FileNotFoundError, match="missing"):
        Watcher(tmp_path / "missing")


def test_a_watcher_is_started_once(tmp_path):
    """
    It may be stopped without a start, and twice.
    """
    watcher = Watcher(tmp_path)
    watcher.stop()
    other = Watcher(tmp_path).start()
    with pytest.raises(RuntimeError):
        other.start()
    other.stop()
    other.stop()


PROGRAM = """
import sys
import tax

print(tax.RATE, flush=True)
for line in sys.stdin:
    while tax.RATE != int(line):  # until the watcher has seen it
        pass
    print(tax.RATE, flush=True)
"""


@pytest.mark.parametrize("logging", ["", "import logging.config; logging.config.dictConfig({'version': 1})\n"], ids=["", "logging"])
def test_a_program_is_run_with_a_watcher(tmp_path, logging):
    """
    ``python -m modreg run --watch FOLDER`` brings edits into a program that knows nothing of it, and says so.

    So it does where the program sets up its own logging, which disables the loggers that are there.
    """
    (tmp_path / "tax.py").write_text("RATE = 1\n")
    (tmp_path / "main.py").write_text(logging + PROGRAM)
    paths = [str(Path(modreg.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-m", "modreg", "run", "--watch", ".", "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout.readline() == "1\n"
        save(tmp_path / "tax.py", "RATE = 25\n")
        program.stdin.write("25\n")
        program.stdin.flush()
        assert program.stdout.readline() == "25\n"
        _, errors = program.communicate(timeout=60)
    assert program.returncode == 0
    assert errors.startswith("modreg: revision 1, by refresh, ")
    assert errors.endswith("\n  version 2 of 'tax', by refresh\n")


def test_without_watchfiles_it_is_told_what_to_install(tmp_path, python):
    """
    The command line says what is missing, and how to get it.
    """
    (tmp_path / "watchfiles.py").write_text("raise ModuleNotFoundError(\"No module named 'watchfiles'\")\n")
    (tmp_path / "main.py").write_text("print('run')\n")
    status, output, errors = python("-m", "modreg", "run", "--watch", ".", "main.py")
    assert (status, output) == (2, "")
    assert errors.endswith("No module named 'watchfiles'; it needs watchfiles: pip install modreg[watch]\n")
