"""Functions that left the source while somebody holds them."""

import pickle

import pytest

from modreg import ReloadError, RemovedError

OLD = "def kept(): return 1\ndef gone(net, rate=2): return net * rate\n"
NEW = "def kept(): return 2\n"


def test_a_removed_function_says_so_when_it_is_called(project, dropping):
    """
    Who holds a function that left the source hears of it by module, name and version.
    """
    held = project.load("tax", OLD).gone
    project.write("tax.py", NEW)
    dropping.refresh()

    with pytest.raises(RemovedError) as info:
        held(3)

    assert (info.value.module, info.value.name, info.value.number) == ("tax", "gone", 2)
    assert "modreg.rollback('tax', to=1)" in str(info.value)


def test_the_error_can_be_pickled():
    """
    The error crosses to other processes whole.
    """
    error = pickle.loads(pickle.dumps(RemovedError("tax", "gone", 2)))

    assert (error.module, error.name, error.number) == ("tax", "gone", 2)


def test_a_rollback_brings_a_removed_function_back(project, dropping):
    """
    A rollback gives a removed function its code and its defaults again, and taken back itself takes them.
    """
    tax = project.load("tax", OLD)
    held = tax.gone
    project.write("tax.py", NEW)
    dropping.refresh()

    dropping.rollback("tax")
    assert held is tax.gone
    assert held(3) == 6

    dropping.rollback("tax", to=2)
    with pytest.raises(RemovedError):
        held(3)


def test_an_abort_leaves_a_removed_function_as_it_was(project, dropping):
    """
    When a later module fails, what an earlier one no longer defines still works.
    """
    held = project.load("tax", OLD).gone
    project.load("shop", "import tax\nPRICE = tax.kept()\n")
    project.write("tax.py", NEW)
    project.write("shop.py", "import tax\nPRICE = tax.kept()\nraise OSError('disk')\n")

    with pytest.raises(ReloadError):
        dropping.refresh()

    assert held(3) == 6


def test_a_function_that_lingers_works(project, registry):
    """
    Where names that left the source are kept, what they name is too.
    """
    held = project.load("tax", OLD).gone
    project.write("tax.py", NEW)

    registry.refresh()

    assert held(3) == 6


@pytest.mark.parametrize("new", ["def kept(): return 2\ndef came(): return 3\n", "def kept(): return 2\nhere = kept\ndef _gone(net, rate=2): return net * rate\n"])
def test_a_function_that_may_have_been_renamed_works(project, dropping, new):
    """
    Where new functions came with the same edit, nobody can tell a removal from a renaming, and what is held goes on.
    """
    held = project.load("tax", OLD).gone
    project.write("tax.py", new)

    dropping.refresh()

    assert held(3) == 6


def test_what_moved_to_another_name_works(project, dropping):
    """
    A function that the namespace still has under another name is not removed.
    """
    tax = project.load("tax", "def gone(): return 1\nalias = gone\n")
    held = tax.gone
    project.write("tax.py", "def gone(): return 2\nalias = gone\ndel gone\n")

    dropping.refresh()

    assert tax.alias is held
    assert held() == 2
