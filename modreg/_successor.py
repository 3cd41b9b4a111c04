"""Classes that could not become their new definition, and what is moved to the class in their place."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from types import FunctionType
from typing import Any

import attrs

from modreg._classes import bases_of, is_class, is_made_by_statement, is_of_c, layout, looked_up, mro_of, table
from modreg._journal import MISSING, Attribute, ClassAttribute, ClassField, Journal, is_layout
from modreg._pairs import Pair
from modreg._patch import forward, level
from modreg._values import is_wrapper, parts


@attrs.frozen(kw_only=True)
class Succession:
    """
    What became of a class in whose place another stands.

    Attributes:
        moved: How many of its instances are of the new class now.
        left: How many instances and direct subclasses are not, because CPython refuses: their
            attributes lie elsewhere.
        example: The type of one that is left, or ``""``.
        is_led: Whether the class itself is a subclass of the new one now.
    """

    moved: int = 0
    left: int = 0
    example: str = ""
    is_led: bool = True


Living = dict[int, list[Any]]
"""By the identity of classes their live direct instances, which are whatever they are."""


def living(values: Collection[object]) -> Living:
    """The instances of those of the values that are classes, as far as the collector knows them: one search for all."""
    found: Living = {id(each): [] for each in values if is_class(each)}
    for each in gc.get_referrers(*filter(is_class, values)) if found else ():
        if id(type(each)) in found:
            found[id(type(each))].append(each)
    return found


def succeed(pair: Pair, journal: Journal, instances: Living | None = None) -> Succession:
    """
    Let a class lead to the one in its place: its instances and subclasses move, and itself forwards.

    Anything else has been dealt with when it was replaced.

    The whole heap is searched for instances, unless they are given, so the allocation window must be closed.

    Source:
        CPython's ``compatible_for_assignment``: bases and classes can be exchanged where layouts agree,
        save that a class whose only base is `object` keeps that base for ever.
    """
    old, new = pair.old, pair.new
    if not is_class(old) or not is_class(new):
        return Succession()
    level(old, new, journal)
    if instances is None:
        instances = living([old])
    if is_of_c(old) or is_of_c(new):  # what the one lays down for its instances may be too small for the other
        return Succession(left=len(instances[id(old)]), example=f"{old.__module__}.{old.__qualname__}", is_led=False)
    methods = [*_methods(old, new)]
    moved = left = 0
    example = ""
    subclass: Any  # of any metaclass
    for subclass in type.__subclasses__(old):
        bases = tuple(new if base is old else base for base in subclass.__bases__)
        if not journal.attempt(ClassField(subclass, "__bases__"), bases):
            left += 1
            example = f"{subclass.__module__}.{subclass.__qualname__}, a subclass"
    for instance in instances[id(old)]:
        place = ClassField(instance, "__class__") if is_class(instance) else Attribute(instance, "__class__")
        if journal.attempt(place, new):
            moved += 1
            instances.get(id(new), []).append(instance)
        else:
            left += 1
            example = f"{type(instance).__module__}.{type(instance).__qualname__}"
    is_led = _lead(old, new, journal)
    for each in methods if not left and (is_led or layout(old) == layout(new)) else ():
        forward(each.old, each.new, journal)  # for those who hold a bound one
    return Succession(moved=moved, left=left, example=example, is_led=is_led)


def _methods(old: object, new: object) -> Iterator[Pair]:
    """The functions in an old class that are others in the new one, by their places."""
    present = dict(parts(new))
    for name, part in parts(old):
        if type(part) is FunctionType is type(present.get(name)):
            if part is not present[name]:
                yield Pair(part, present[name])
        elif type(part) is type(present.get(name)) and is_wrapper(part):
            yield from _methods(part, present[name])


def _lead(old: Any, new: Any, journal: Journal) -> bool:  # classes of any metaclass
    """
    Make the old class an empty subclass of the new one, and answer whether that was possible.

    Where CPython asks for the old bases, because what instances have is laid down there, they stay in front.  Where
    it refuses that too, but the layout is the same, the old class gets all the new one's attributes, and calling it
    makes instances of the new one.  Of another layout it stays what it was: only a ``__new__`` could lead on from
    there, and that can never be taken back wholly (see :class:`ClassAttribute`).
    """
    bases = bases_of(old)
    if any(journal.attempt(ClassField(old, "__bases__"), each) for each in ((new,), (*bases, new))):
        for name, value in list(table(old).items()):
            if not is_layout(name, value):
                journal.write(ClassAttribute(old, name), MISSING if name != "__doc__" else table(new).get(name))
        if len(bases_of(old)) > 1:
            _uncover(old, new, journal)
        return True
    if layout(old) == layout(new):
        flat = _flat(new)
        for name, value in flat.items():
            journal.write(ClassAttribute(old, name), value)
        for name in [n for n, value in table(old).items() if n not in flat and not is_layout(n, value)]:
            journal.write(ClassAttribute(old, name), MISSING)
        journal.write(ClassAttribute(old, "__init__"), _initializer(old, new))
    return False


def _uncover(old: type, new: type, journal: Journal) -> None:
    """Give the old class what its old bases would have in the place of what the new one has."""
    for name, value in _flat(new).items():
        if looked_up(old, name) is not value:
            journal.write(ClassAttribute(old, name), value)


def _initializer(old: Any, new: Any) -> Any:  # classes of any metaclass, and a function
    """
    What makes a new instance of a former class one of the class in its place.

    A ``__new__`` would do as well, but can never be taken back wholly (see :class:`ClassAttribute`).  Where CPython
    refuses, since a base of the new class was exchanged later, it stays one of the former.
    """

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:  # an instance, and whatever the class takes
        try:
            self.__class__ = new
        except TypeError:
            super(old, self).__init__(*args, **kwargs)
        else:
            self.__init__(*args, **kwargs)

    return initialize


def _flat(cls: type) -> dict[str, object]:
    """The attributes of a class with those that it inherits from classes written in Python."""
    found: dict[str, object] = {}
    for each in reversed(mro_of(cls)):
        if is_made_by_statement(each):
            found.update((n, v) for n, v in table(each).items() if not is_layout(n, v))
    return found
