"""A class in whose place another stands: what moves, what stays, and that all of it comes back."""

from __future__ import annotations

import gc
import sys

import pytest

from modreg._journal import Journal, is_stand_in
from modreg._pairs import Pair
from modreg._successor import Succession, succeed


class Base:
    pass


def kinds(old_bases=(), new_bases=(Base,), **slots):
    old = type("C", old_bases, {"f": lambda self: "old", "gone": 1, **slots.get("old", {})})
    new = type("C", new_bases, {"f": lambda self: "new", "come": 2, **slots.get("new", {})})
    return old, new


@pytest.mark.parametrize(("old_bases", "new_bases"), [((), (Base,)), ((Base,), ()), ((Base,), (Exception,))])
def test_instances_move_where_cpython_allows(old_bases, new_bases):
    """
    Instances of an agreeing layout are of the new class, with their attributes; all others are counted.
    """
    old, new = kinds(old_bases, new_bases)
    instances = [old() for _ in range(3)]
    for instance in instances:
        instance.x = 1
    journal = Journal()

    done = succeed(Pair(old, new), journal)

    can_move = Exception not in new_bases
    assert (done.moved, done.left) == ((3, 0) if can_move else (0, 3))
    assert [type(each) is new for each in instances] == [can_move] * 3
    assert [each.x for each in instances] == [1] * 3


@pytest.mark.parametrize(
    ("old_bases", "new_bases"),
    [((), (Base,)), ((Base,), ()), ((Base,), (Exception,)), ((), (Exception,)), ((), (dict,))],
)
def test_undoing_brings_everything_back(old_bases, new_bases):
    """
    After undoing instances, subclasses and the class itself are as they were, object for object.
    """
    old, new = kinds(old_bases, new_bases)
    below = type("Below", (old,), {})
    instances = [old(), below()]
    before = dict(vars(old)), old.__bases__, below.__bases__
    journal = Journal()
    succeed(Pair(old, new), journal)

    journal.undo()

    assert [type(each) for each in instances] == [old, below]
    now = {n: v for n, v in vars(old).items() if not is_stand_in(v)}  # of a `__new__`, which CPython never forgets
    assert {n: id(v) for n, v in now.items()} == {n: id(v) for n, v in before[0].items()}
    assert (old.__bases__, below.__bases__) == before[1:]
    assert [each.f() for each in instances] == ["old", "old"]


def test_the_old_class_leads_to_the_new_one():
    """
    Who holds the old class gets instances of the new one, or of what counts as one.
    """
    old, new = kinds((), (Base,))

    succeed(Pair(old, new), Journal())

    assert isinstance(old(), new)
    assert (old().f(), old.come, hasattr(old, "gone")) == ("new", 2, False)


def test_an_old_class_of_another_layout_stays_what_it_was():
    """
    Where CPython allows nothing that could be taken back, nothing is done, and that is told.
    """
    old, new = kinds((), (dict,))
    before = dict(vars(old))

    done = succeed(Pair(old, new), Journal())

    assert not done.is_led
    assert dict(vars(old)) == before
    assert old().f() == "old"


def test_subclasses_move():
    """
    A class derived from the old one is derived from the new one, and its instances with it.
    """
    old, new = kinds((Base,), (type("Other", (), {}),))
    below = type("Below", (old,), {})
    instance = below()

    done = succeed(Pair(old, new), Journal())

    assert below.__bases__ == (new,)
    assert isinstance(instance, new)
    assert instance.f() == "new"
    assert done.left == 0


def test_a_subclass_among_other_bases_keeps_them():
    """
    Of several bases only the old class is exchanged, in its place.
    """
    old, new = kinds((Base,), (Base,))
    before, after = type("Before", (), {}), type("After", (), {})
    below = type("Below", (before, old, after), {})

    succeed(Pair(old, new), Journal())

    assert below.__bases__ == (before, new, after)


def test_what_cannot_move_is_told_of():
    """
    Instances whose attributes lie elsewhere stay, are counted, and one of them is named.
    """
    old, new = kinds((), (), old={"__slots__": ("a",), "__module__": "tax"}, new={"__slots__": ("a", "b")})
    instances = [old(), old()]

    done = succeed(Pair(old, new), Journal())

    assert (done.moved, done.left, done.example) == (0, 2, "tax.C")
    assert [type(each) for each in instances] == [old, old]


def test_instances_are_found_while_the_collector_is_disabled():
    """
    A disabled collector finds them all the same.
    """
    old, new = kinds((), (Base,))
    gc.disable()
    try:
        instance = old()
        done = succeed(Pair(old, new), Journal())
    finally:
        gc.enable()

    assert done.moved == 1
    assert type(instance) is new


def test_a_class_without_instances():
    """
    Where there is nothing to move nothing is counted.
    """
    old, new = kinds((), (Base,))

    done = succeed(Pair(old, new), Journal())

    assert (done.moved, done.left, done.example) == (0, 0, "")


def test_a_metaclass_is_not_asked():
    """
    A metaclass that hides or forbids attributes does not keep its classes from moving.
    """

    class Strict(type):
        def __getattribute__(cls, name):
            raise AssertionError(name)

        def __setattr__(cls, name, value):
            raise AssertionError(name)

    old = Strict("C", (Base,), {"f": lambda self: "old"})
    new = Strict("C", (type("Other", (), {}),), {"f": lambda self: "new"})
    instance = old()

    done = succeed(Pair(old, new), Journal())

    assert done.moved == 1
    assert instance.f() == "new"


def test_functions_are_dealt_with_already():
    """
    A pair of functions needs no succession.
    """
    journal = Journal()

    done = succeed(Pair(lambda: 1, lambda: 2), journal)

    assert done == Succession()
    assert list(journal) == []


class Bare:
    __slots__ = ()


def test_an_old_class_keeps_the_bases_that_its_layout_is_from():
    """
    Instances and subclasses that cannot move are of the new class all the same, with all that it has; undone, not.
    """
    top = type("Top", (Bare,), {})
    old = type("C", (top,), {"f": lambda self: "old", "g": "old", "gone": 1})
    root = type("Root", (Bare,), {"__slots__": (), "g": "new base", "f": lambda self: "base"})
    new = type("C", (root,), {"f": lambda self: "new", "__slots__": ()})
    top.g, top.f = "old base", lambda self: "old base"
    instance, below = old(), type("Below", (old,), {})
    before = dict(vars(old)), old.__bases__
    journal = Journal()

    done = succeed(Pair(old, new), journal)

    assert (done.moved, done.example, done.is_led) == (0, f"{__name__}.C", True)
    assert done.left == (2 if sys.version_info < (3, 15) else 1)  # 3.15 lets the subclass have the new base
    for each in (instance, below()):
        assert isinstance(each, new)
        assert (each.f(), each.g, hasattr(each, "gone")) == ("new", "new base", False)
    assert issubclass(old, new)

    journal.undo()

    assert (dict(vars(old)), old.__bases__) == before
    assert (instance.f(), below().g, isinstance(instance, new)) == ("old", "old", False)
