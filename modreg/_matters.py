"""What the change of a definition means for one use of it."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Final

from modreg._holding import is_standard, is_value
from modreg._importer import space_of
from modreg._pairs import is_class, mro_of, parts, table
from modreg._refs import Use
from modreg._view import Place


class Level(enum.IntEnum):
    """
    How much of a definition changed.

    Attributes:
        FILLED: Others put something else into what it holds.
        BODY: What it does when it is called.
        SHAPE: What it shows to whoever looks at it, as a class's attributes.
        OBJECT: It is another object.
        PRESENCE: It came, or it is gone.
    """

    FILLED = 1
    BODY = 2
    SHAPE = 3
    OBJECT = 4
    PRESENCE = 5


Changes = dict[str, Level]
"""By definition: ``rate``, ``Invoice``, ``Invoice.total``."""


def matters(module: str, name: str, member: str, level: Level, place: Place) -> bool:
    """Whether a use while a module is executed can give something else after a change."""
    if level >= Level.OBJECT and not member:
        return True
    value = space_of(module).get(name)
    if place.is_deeper or not is_class(value):
        is_stale = level >= Level.SHAPE and is_copied(value)
        is_kept = place.use is Use.STORED or (place.use is Use.HASHED and type(value) is FunctionType)
        return place.is_deeper or not is_kept or is_stale
    if place.use is Use.HASHED:
        return not is_standard(type(value))
    if place.use is Use.SUBSCRIPTED:
        return _matters_to_subscript(value, member)
    if place.use is Use.MADE:
        return not member or may_reach(value, _MAKING, member)
    if place.use in (Use.BASE, Use.SHAPED):
        return _matters_to_derived(value, member, level, place.use)
    return place.use is Use.USED


def is_copied(value: object) -> bool:
    """Whether what is put away of a value may be a copy: a partial of a partial takes what that is made of."""
    return type(value) is functools.partial


def _matters_to_subscript(cls: type, member: str) -> bool:
    """Whether a subscript of a class can give something else when the class changed in place."""
    if not is_standard(type(cls)) or type(cls).__module__ == "enum":  # which has its members by subscripts
        return True
    if any("__class_getitem__" in table(each) for each in mro_of(cls) if not is_standard(each)):
        return not member or may_reach(cls, {"__class_getitem__"}, member)
    return member == "__class_getitem__"


# An instance that is made in the body of a class is told its name there.
_MAKING: Final = frozenset({"__init__", "__new__", "__post_init__", "__set_name__"})
_DERIVING: Final = frozenset({"__init_subclass__", "__set_name__", "__new__", "__init__", "_generate_next_value_"})


def _matters_to_derived(base: type, member: str, level: Level, use: Use) -> bool:
    """
    Whether a class statement can give something else when a base changed in place.

    What is inherited is looked up when it is asked for.  But metaclasses, ``__init_subclass__`` and some decorators
    look at the base when the class is made.
    """
    if not is_standard(type(base)):
        return True
    if member == "__init_subclass__":  # which may be gone
        return True
    has_hook = any("__init_subclass__" in table(each) for each in mro_of(base) if not is_standard(each))
    if member:
        return (has_hook or type(base).__module__ == "enum") and may_reach(base, _DERIVING, member)
    return has_hook or (level >= Level.SHAPE and (use is Use.SHAPED or type(base) is not type))


def may_reach(cls: type, names: Iterable[str], wanted: str) -> bool:
    """
    Whether running some methods of a class may run *wanted*, by the names that their code spells.

    Where they use a definition of their module, that may call back whatever it likes.
    """
    if not is_standard(type(cls)):
        return True
    tables = [table(each) for each in mro_of(cls) if not is_standard(each)]
    queue = list(names)
    for name in queue:
        for function in (f for each in tables for f in functions_in(each.get(name))):
            spelled = set(_names_in(function.__code__))
            if _is_calling_back(spelled, function.__globals__):
                return True
            queue.extend(n for n in spelled if n not in queue and any(n in each for each in tables))
    return wanted in queue


def _is_calling_back(spelled: set[str], namespace: Mapping[str, object]) -> bool:
    if not spelled.isdisjoint(("getattr", "vars", "dir", "__dict__", "globals", "eval", "exec")):
        return True
    return any(n in namespace and not is_value(namespace[n]) for n in spelled)


def functions_in(value: object, depth: int = 4) -> Iterator[FunctionType]:
    """A function, or those in what wraps it."""
    if type(value) is FunctionType:
        yield value
    if depth and not is_class(value):
        for _, part in parts(value):
            yield from functions_in(part, depth - 1)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names_in(each)
