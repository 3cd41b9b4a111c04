"""What tracebacks and `inspect` show of a module's source."""

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
