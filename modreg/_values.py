"""What values are and what is in them, looked at without running their code."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Final, TypeGuard

from modreg._classes import bases_of, is_class, is_made_by_statement, mro, mro_of, table
from modreg._journal import is_stand_in

CACHED: Final = type(functools.lru_cache(lambda: None))
"""The type of what `functools.lru_cache` makes."""

ATOMS: Final = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))
"""Types whose values can be compared without running anybody's code; no definition is in them."""

CONSTANTS: Final = ATOMS | {id(tuple), id(frozenset), id(type(...))}
"""Types whose values can be constants of any code."""

_OF_VALUES: Final = frozenset(("datetime", "decimal", "fractions", "ipaddress", "pathlib", "pathlib._local", "uuid"))
"""Modules whose instances never change either, and are all that they print."""

ROOM: Final = 1000
"""Containers with more in them are data."""

NAMESPACE: Final = vars(ModuleType)["__dict__"].__get__  # vars: mypy takes its __dict__ for a module's
"""What gives the namespace of a module, whatever its class says."""


def is_atom(kind: type) -> bool:
    """Whether values of a type are nothing but what they say."""
    module = type.__dict__["__module__"].__get__(kind)  # whatever the class has under that name
    return id(kind) in ATOMS or (type(module) is str and module in _OF_VALUES)


def is_definition(value: object) -> TypeGuard[FunctionType | type]:
    """Whether *value* is really a function or a class."""
    kind = type(value)
    return kind is FunctionType or issubclass(kind, type)


def content(cell: object) -> object:
    """What a closure's cell holds; `None` if nothing."""
    try:
        return cell.cell_contents  # type: ignore[attr-defined]  # CellType: callers pass nothing else
    except ValueError:
        return None


def parts(value: Any) -> Iterator[tuple[str, object]]:  # any object
    """The definitions that *value* wraps, each with its part's name."""
    kind = type(value)
    if kind is FunctionType:
        yield from enclosed(value)
        yield from value.__dict__.items()
    elif kind in (staticmethod, classmethod):
        if not is_stand_in(value):  # that is the same for all classes, and defined by none
            yield "__func__", value.__func__
    elif property in mro(value):
        for name in ("fget", "fset", "fdel"):
            yield name, getattr(value, name)
    elif kind is functools.partial or kind is functools.cached_property:
        yield "func", value.func
    elif kind is functools.singledispatchmethod:
        yield "dispatcher", value.dispatcher
        yield "func", value.func
    elif kind is CACHED:
        yield "__wrapped__", value.__wrapped__
    elif is_class(value):
        yield from table(value).items()
        yield from ((f"__bases__[{n}]", base) for n, base in enumerate(bases_of(value)))


def enclosed(function: FunctionType) -> Iterator[tuple[str, object]]:
    """What the closure of a function holds, by name."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, content(cell)


def label_of(value: object) -> tuple[object, str, str] | None:
    """Kind, module and qualified name of a function or class; `None` for everything else."""
    if type(value) is FunctionType:
        return FunctionType, value.__module__ or "", value.__qualname__
    if is_class(value):
        module = table(value).get("__module__")
        return type, module if type(module) is str else "", type.__dict__["__qualname__"].__get__(value)
    return None


_WRAPPERS: Final = frozenset(map(id, (
    staticmethod, classmethod, functools.partial, functools.cached_property, functools.singledispatchmethod, CACHED
)))  # fmt: skip


def is_wrapper(value: object) -> bool:
    """Whether *value* is of one of the types that wrap definitions."""
    return _is_of_wrappers(type(value))


def _is_of_wrappers(kind: type) -> bool:
    return id(kind) in _WRAPPERS or id(property) in map(id, mro_of(kind))


def is_of_definitions(kind: type) -> bool:
    """Whether what is of a type is a function or a class, or wraps some."""
    return kind is FunctionType or issubclass(kind, type) or _is_of_wrappers(kind)


def is_holder(value: object) -> bool:
    """Whether definitions may stand in *value*, as elements or as attributes of an instance."""
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        return len(value) <= ROOM  # type: ignore[arg-type]  # as the line above says
    if is_class(value) or is_wrapper(value):
        return False
    return (is_made_by_statement(kind) and attributes(value) is not None) or any(True for _ in slots(value))


def slots(value: object) -> Iterator[tuple[str, Any]]:
    """
    Where an instance holds what its ``__dict__`` has not: each name with the descriptor that reads and writes it.

    These are its slots, and ``__wrapped__`` of a proxy made in C (wrapt).  Those of other C types may be read-only.
    """
    for cls in mro(value):
        if "__slots__" in table(cls):
            yield from ((name, each) for name, each in list(table(cls).items()) if type(each) is MemberDescriptorType)
        wrapped = table(cls).get("__wrapped__")
        if type(wrapped) is GetSetDescriptorType:
            yield "__wrapped__", wrapped


def in_slots(value: object) -> Iterable[tuple[str, object]]:
    """What an instance holds in its slots by name."""
    filled: dict[str, object] = {}
    for name, slot in slots(value):
        if type(slot) is MemberDescriptorType:  # what a proxy gives may be made only then
            with suppress(AttributeError):  # nothing is in it
                filled[name] = slot.__get__(value)
    return filled.items()


def attributes(value: object) -> dict[Any, object] | None:  # by names, but a program may put other keys there
    """
    The ``__dict__`` of an instance, past whatever its class makes of that name; `None` if it has none, or no plain one.

    A decorator that makes a class anew with all that another had gives it a descriptor that serves the other alone.
    """
    descriptor: object = None
    for cls in mro(value):
        descriptor = table(cls).get("__dict__")
        if descriptor is not None:
            break
    try:
        found = descriptor.__get__(value) if type(descriptor) is GetSetDescriptorType else None
    except TypeError:  # it serves another class
        return None
    return found if type(found) is dict else None


def state(value: object) -> dict[object, object]:
    """All that a plain collection holds, or an instance in its ``__dict__`` and in slots."""
    if type(value) is list or type(value) is tuple:
        return dict(enumerate(value))
    held: dict[object, object] = {**(value if type(value) is dict else attributes(value) or {})}
    for name, slot in slots(value):
        with suppress(AttributeError, ValueError):  # nothing is in it
            held[name] = slot.__get__(value)
    return held
