"""Who still holds objects of an earlier version."""

import gc
import sys

import pytest

import modreg
from modreg import HolderKind

OLD = "class Point:\n    __slots__ = ('x',)\n\ndef gone(): return 1\n"
NEW = "class Point:\n    __slots__ = ('x', 'y')\n"


@pytest.fixture
def shop(project):
    """A module whose names hold what the test puts there."""
    return project.load("shop", "class Desk:\n    pass\n")


@pytest.fixture
def held(project, dropping):
    """The class of the first version of a module, in whose place another stands by now, and a function that left."""
    project.load("point", OLD)
    yield lambda: (project.write("point.py", NEW), dropping.refresh())
    gc.collect()


def told(registry, **more):
    return {(each.name, each.kind.value, each.path) for each in registry.holders("point", **more)}


def test_nobody_holds_what_became_its_new_definition(project, dropping, shop):
    """
    A definition that was patched is the current one, whoever holds it.
    """
    shop.held = project.load("tax", "def rate(): return 1\n").rate
    project.write("tax.py", "def rate(): return 2\n")

    dropping.refresh()

    assert dropping.holders("tax") == ()


@pytest.mark.parametrize(
    ("place", "kind", "path"),
    [
        ("shop.kept = Point", "module", "shop.kept"),
        ("shop.table = {'a': [Point]}", "container", "shop.table['a'][0]"),
        ("shop.desk = Desk(); shop.desk.kept = Point", "instance", "shop.desk.kept"),
        ("Desk.kept = Point", "class", "shop.Desk.kept"),
        ("shop.point = Point()", "instance", "shop.point (an instance of it)"),
        ("shop.make = lambda kind=Point: kind", "container", "test_holders.<lambda> (its defaults)[0]"),
        ("shop.make = (lambda kind: lambda: kind)(Point)", "function", "test_holders.<lambda>.<locals>.<lambda> (its closure)[0]"),
        ("shop.all = {Point}", "container", "shop.all (an element)"),
    ],
)
def test_holders_of_a_class_are_told_by_their_paths(dropping, held, shop, place, kind, path):
    """
    Each holder of a class in whose place another stands is told with its kind and the way to it.
    """
    exec(place, {"shop": shop, "Desk": shop.Desk, "Point": sys.modules["point"].Point, "__name__": "test_holders"})

    held()

    assert ("Point", kind, path) in told(dropping)


def test_a_call_under_way_is_a_holder(dropping, held):
    """
    A variable of a call under way is told with its function and line.
    """
    kept = sys.modules["point"].gone

    held()

    paths = [path for name, kind, path in told(dropping) if (name, kind) == ("gone", HolderKind.FRAME.value)]
    assert any(path.startswith("variable kept of test_holders.test_a_call_under_way_is_a_holder, line") for path in paths)
    assert kept


def test_a_suspended_generator_is_a_holder(project, dropping, held):
    """
    So is a variable of a generator that waits.
    """
    def wait(kept):
        yield kept

    waiting = wait(sys.modules["point"].gone)
    next(waiting)

    held()

    suspended = [each for each in told(dropping) if "suspended" in each[2]]
    assert [(name, kind) for name, kind, _ in suspended] == [("gone", "frame")]


def test_what_modreg_keeps_is_no_holder(dropping, held):
    """
    Snapshots and journals keep earlier objects for a rollback, and nobody else does.
    """
    held()

    assert dropping.holders("point") == ()
    assert dropping.holders("point", version=1) == ()


def test_only_the_version_asked_for_is_told(dropping, held, shop):
    """
    With a version, by number or as a value, its objects alone are told.
    """
    shop.kept = sys.modules["point"].Point

    held()

    assert told(dropping, version=1) == told(dropping, version=dropping.history("point")[0]) != set()
    assert told(dropping, version=2) == set()
    with pytest.raises(modreg.UnknownVersionError):
        dropping.holders("point", version=3)
    with pytest.raises(TypeError):
        dropping.holders("point", version="1")
