"""What the change of a definition means for one use of it."""

from __future__ import annotations

import enum
import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import CodeType, FunctionType, GenericAlias, UnionType
from typing import Final

from modreg._classes import bases_of, is_class, mro_of, table
from modreg._holding import is_standard, is_value
from modreg._importer import space_of
from modreg._journal import MISSING
from modreg._refs import Use
from modreg._uses import ANNOTATIONS
from modreg._values import parts
from modreg._view import Place, reached


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


def matters(user: str, module: str, name: str, member: str, level: Level, place: Place) -> bool:
    """Whether a use while a module, the *user*, is executed can give something else after a change."""
    if level >= Level.OBJECT and not member:
        return True
    value = space_of(module).get(name)
    if place.rest:
        return not (level < Level.SHAPE and place.ref.use < Use.MADE and _is_kept_in(value, place.rest))
    if not all(is_plainly_subscripted(reached(path, space_of(user))) for path in place.ref.of):
        return True
    if not all(is_of_library(reached(path, space_of(user))) for path in place.ref.to):
        return True
    made = space_of(user).get(place.ref.by) if place.ref.by else None
    if place.ref.use in (Use.SHOWN, Use.USED) and is_class(made) and is_made_unseen(made):
        return False
    if place.ref.use is Use.SET:  # who sets it elsewhere has to set it again
        return user != module or not _is_set_plainly(value)
    if is_class(value):
        if place.ref.is_seen:
            return level >= Level.SHAPE and not _is_put_unseen(place.ref.by, space_of(user))
        return _matters_of_class(value, member, level, place.ref.use, made)
    if level >= Level.SHAPE and is_copied(value):
        return True
    return place.ref.use is not Use.STORED and not _runs_nothing(value, place.ref.use, level)


def _runs_nothing(value: object, use: Use, level: Level) -> bool:
    """Whether what is done with a value, that is no class, runs nothing of it."""
    if use is Use.HASHED and (type(value) is FunctionType or is_type(value)):
        return True
    return level < Level.SHAPE and use < Use.MADE and is_type(value)


def _is_kept_in(value: object, path: tuple[str, ...]) -> bool:
    """Whether a class gives the same for an attribute as long as that stays the same object."""
    if len(path) > 1 or not is_class(value) or _has_own(type(value), {"__getattr__", "__getattribute__", path[0]}):
        return False
    found = next((table(each)[path[0]] for each in mro_of(value) if path[0] in table(each)), MISSING)
    if type(found) is classmethod:  # it may be one of a property
        return type(found.__func__) is FunctionType
    return found is not MISSING and (is_class(found) or is_standard(type(found)))


def _has_own(cls: type, names: AbstractSet[str]) -> bool:
    """Whether a class has an attribute of one of the names, its own or a base's, but for the standard library's."""
    return any(not table(each).keys().isdisjoint(names) for each in mro_of(cls) if not is_standard(each))


def is_type(value: object) -> bool:
    """Whether a value stands for types, and holds them: a type variable, a type with arguments."""
    return type(value).__module__ in ("typing", "typing_extensions") or isinstance(value, (GenericAlias, UnionType))


def _matters_of_class(value: type, member: str, level: Level, use: Use, made: object) -> bool:
    """As :func:`matters`, of a class that is used so, in the making of another class perhaps."""
    if use is Use.HASHED:
        return not is_standard(type(value))
    if use is Use.SUBSCRIPTED:
        return _matters_to_subscript(value, member)
    if use is Use.MADE:
        return not member or may_reach(value, _MAKING, member)
    if use is Use.FORMED and issubclass(value, type):
        is_formed = not is_quiet(value) and (not member or may_reach(value, _FORMING, member))
        return is_formed or member in _FORMING  # which may be gone
    if use is Use.FORMED and not (is_class(made) and is_quiet(type(made))):
        return True
    if use is Use.SHOWN and level >= Level.SHAPE:
        return True
    return use is Use.USED or (use >= Use.SHOWN and _matters_to_derived(value, member, level, use))


def is_of_library(value: object) -> bool:
    """Whether a class or a function is one of the standard library's."""
    if is_class(value):
        return is_standard(value)
    return type(value) is FunctionType and str(value.__module__).partition(".")[0] in sys.stdlib_module_names


def is_called_blindly(value: object) -> bool:
    """Whether who calls a value has nothing to do with its annotations."""
    return not may_reach(value, _MAKING, ANNOTATIONS) if is_class(value) else type(value) is FunctionType


def is_quiet(metaclass: type) -> bool:
    """Whether a metaclass does nothing of its own when a class is made."""
    if not is_standard(type(metaclass)):
        return False
    return not _has_own(metaclass, _FORMING)


def is_made_unseen(cls: type) -> bool:
    """Whether no metaclass, no base and no attribute of it looks at a class while it is made."""
    if not is_quiet(type(cls)) or any(_has_own(each, {"__init_subclass__"}) for each in bases_of(cls)):
        return False
    return not any(_has_own(type(each), {"__set_name__"}) for each in list(table(cls).values()))


def _is_put_unseen(by: str, namespace: Mapping[str, object]) -> bool:
    """Whether nobody looks at what is put into the body of a class, or at that where it is within others."""
    for name in by.split("."):
        cls = namespace.get(name)
        if not is_class(cls) or not is_made_unseen(cls):
            return False
        namespace = table(cls)
    return True


_FORMING: Final = frozenset({"__new__", "__init__", "__prepare__", "mro"})


def _is_set_plainly(value: object) -> bool:
    """Whether nothing runs when an attribute of a value is set."""
    # Another class's may have had a ``__setattr__``.
    return is_standard(type(value)) if is_class(value) else type(value) is FunctionType


def is_copied(value: object) -> bool:
    """Whether what is put away of a value may be a copy: a partial of a partial takes what that is made of."""
    return type(value) is functools.partial


def _matters_to_subscript(cls: type, member: str) -> bool:
    """Whether a subscript of a class can give something else when the class changed in place."""
    if is_plainly_subscripted(cls):
        is_whole = not member and not is_standard(type(cls))  # which may have had a ``__getitem__``
        return is_whole or member == "__class_getitem__"
    return not member or may_reach(cls, {"__class_getitem__"}, member)


def is_plainly_subscripted(value: object) -> bool:
    """Whether what a value gives for a subscript is a type that just holds that."""
    if not is_class(value):
        return is_type(value)
    is_asked = _has_own(type(value), {"__getitem__"}) or type(value).__module__ == "enum"  # by subscripts for members
    return not (is_asked or _has_own(value, {"__class_getitem__"}))


# An instance that is made in the body of a class is told its name there.
_MAKING: Final = frozenset({"__init__", "__new__", "__post_init__", "__set_name__"})
_DERIVING: Final = frozenset({"__init_subclass__", "__set_name__", "__new__", "__init__", "_generate_next_value_"})


def _matters_to_derived(base: type, member: str, level: Level, use: Use) -> bool:
    """
    Whether a class statement can give something else when a base changed in place.

    What is inherited is looked up when it is asked for.  But metaclasses, ``__init_subclass__`` and some decorators
    look at the base when the class is made.
    """
    if not is_quiet(type(base)):
        return True
    if member == "__init_subclass__":  # which may be gone
        return True
    has_hook = _has_own(base, {"__init_subclass__"})
    if member:
        return (has_hook or type(base).__module__ == "enum") and may_reach(base, _DERIVING, member)
    return has_hook or (level >= Level.SHAPE and (use >= Use.SHAPED or type(base) is not type))


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
