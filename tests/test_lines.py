"""What tracebacks and `inspect` show of a module's source."""

import bdb
import inspect
import traceback

import pytest

from modreg import ReloadError

OLD = "def rate():\n    raise ValueError('old')\n"
NEW = "# moved\n\ndef rate():\n    raise ValueError('new')\n"


def line_of(function):
    """The line that a traceback shows of where the function raises."""
    try:
        function()
    except ValueError as error:
        return traceback.extract_tb(error.__traceback__)[-1].line


def test_the_lines_of_a_reload_are_shown(project, registry):
    """
    After a reload, tracebacks and sources are those of the new file.
    """
    held = project.load("tax", OLD).rate
    assert line_of(held) == "raise ValueError('old')"
    project.write("tax.py", NEW)

    registry.refresh()

    assert line_of(held) == "raise ValueError('new')"
    assert inspect.getsource(held) == NEW.removeprefix("# moved\n\n")


@pytest.mark.parametrize("keep_snapshots", [10, 0])
def test_the_lines_of_a_rollback_are_shown(project, registry, keep_snapshots):
    """
    After a rollback they are those of the source that runs, though the file is still the one turned away.
    """
    registry.install(keep_snapshots=keep_snapshots)
    held = project.load("tax", OLD).rate
    project.write("tax.py", NEW)
    registry.refresh()

    registry.rollback("tax")

    assert line_of(held) == "raise ValueError('old')"
    assert inspect.getsource(held) == OLD


def test_a_last_line_without_an_end_is_shown_with_one(project, registry):
    """
    After a rollback the last line ends as `linecache` has all lines end.
    """
    held = project.load("tax", "def rate(): return 1").rate
    project.write("tax.py", NEW)
    registry.refresh()

    registry.rollback("tax")

    assert inspect.getsource(held) == "def rate(): return 1\n"


def test_the_lines_of_a_failure_after_a_rollback_are_shown(project, registry):
    """
    An edit that fails after a rollback is shown with its own lines, not with those that run.
    """
    project.load("tax", OLD)
    project.write("tax.py", NEW)
    registry.refresh()
    registry.rollback("tax")
    project.write("tax.py", "RATE = 1\nraise OSError('disk')\n")

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert traceback.extract_tb(info.value.__cause__.__traceback__)[-1].line == "raise OSError('disk')"


@pytest.mark.parametrize("code", ["def (", "\0"])
def test_the_lines_of_what_runs_are_shown_after_an_edit_that_is_no_python(project, registry, code):
    """
    An edit that cannot be compiled changes no lines, and shows its own in its error; the next good one changes them.
    """
    held = project.load("tax", OLD).rate
    project.write("tax.py", f"# moved\n{code}\n")

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert line_of(held) == "raise ValueError('old')"
    assert inspect.getsource(held) == OLD
    assert (info.value.__cause__.text or "").strip() in (code, "")

    project.write("tax.py", NEW)
    registry.refresh()

    assert line_of(held) == "raise ValueError('new')"


class Stops(bdb.Bdb):
    """A debugger that notes where it stops."""

    def __init__(self):
        super().__init__()
        self.stopped = []

    def user_line(self, frame):
        if self.break_here(frame):
            self.stopped.append(frame.f_lineno)
        self.set_continue()


def test_every_version_goes_by_the_name_of_its_file(project, registry):
    """
    What finds code by its file takes that of a new version for what it is: breakpoints, and whatever asks for ``__file__``.
    """
    tax = project.load("tax", "def rate():\n    return 1\ndef other():\n    return rate()\n")
    debugger = Stops()
    debugger.set_break(tax.__file__, 2)
    project.write("tax.py", "def rate():\n    return 2\ndef other():\n    return rate()\ndef more(): pass\n")

    registry.refresh()

    assert debugger.runcall(tax.other) == 2
    assert debugger.stopped == [2]
    assert {each.__code__.co_filename for each in (tax.rate, tax.other, tax.more)} == {tax.__file__}


def test_a_frame_of_a_former_version_keeps_its_line_numbers(project, registry):
    """
    An error that comes through one is told by the line of the code that ran.
    """
    tax = project.load("tax", "def rates():\n    yield 1\n    raise ValueError('old')\n")
    running = tax.rates()
    next(running)
    project.write("tax.py", "# moved\n\n\n\ndef rates():\n    yield 2\n")
    registry.refresh()

    with pytest.raises(ValueError, match="old") as info:
        next(running)

    assert traceback.extract_tb(info.value.__traceback__)[-1].lineno == 3
