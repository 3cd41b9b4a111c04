"""What a class has, past any metaclass: its table, its bases, its layout."""

from __future__ import annotations

from collections.abc import Mapping
from types import BuiltinFunctionType, MemberDescriptorType, WrapperDescriptorType
from typing import Any, TypeGuard


def table(cls: type) -> Mapping[str, object]:
    """A class's own attribute table, past any metaclass."""
    found: Mapping[str, object] = type.__dict__["__dict__"].__get__(cls)
    return found


def layout(cls: type) -> tuple[object, ...]:
    """What decides where instances keep their attributes; it cannot change in an existing class."""
    slots = sorted(name for name, value in table(cls).items() if type(value) is MemberDescriptorType)
    return *sizes(cls), slots


def sizes(cls: type) -> tuple[object, ...]:
    """How large instances of a class are, and where they have their dictionary and weak references."""
    names = ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")
    return tuple(type.__getattribute__(cls, name) for name in names)


def mro_of(cls: type) -> tuple[type, ...]:
    """A class and all its bases, past any metaclass."""
    found: tuple[type, ...] | None = type.__dict__["__mro__"].__get__(cls)
    # A class that is its own class is cleared by the collector, and never freed: it then has none.
    return found or ()


def looked_up(cls: type, name: str) -> Any:  # whatever it has
    """What a class or the first of its bases has under a name, as it is in the table; `None` if nothing."""
    return next((table(each)[name] for each in mro_of(cls) if name in table(each)), None)


def laid_out_by(cls: type) -> type:
    """The class among a class and its first bases that decides where instances keep their attributes."""
    base = base_of(cls)
    while base is not None and sizes(base) == sizes(cls):
        cls, base = base, base_of(base)
    return cls


def base_of(cls: type) -> type | None:
    """The base that a class has its layout from, past any metaclass."""
    found: type | None = type.__dict__["__base__"].__get__(cls)
    return found


def bases_of(value: Any) -> tuple[type, ...]:  # a class of any metaclass
    """The bases of a class: some of them are defined nowhere else (a named tuple)."""
    found: tuple[type, ...] = type.__dict__["__bases__"].__get__(value)
    return found


def qualname_of(definition: Any) -> str:  # a class of any metaclass, or a function
    """The qualified name of a definition, past any metaclass."""
    name: str = type.__dict__["__qualname__"].__get__(definition) if is_class(definition) else definition.__qualname__
    return name


def mro(value: object) -> tuple[type, ...]:
    """The classes of *value*, without asking its ``__class__``, which may be a lie."""
    return mro_of(type(value))


def is_class(value: object) -> TypeGuard[type]:
    """Whether *value* is really a class: its type is asked, not its ``__class__``, which may be a lie."""
    return issubclass(type(value), type)


def is_of_c(cls: type) -> bool:
    """Whether C code makes classes like this one, and knows more of them than they show: `ctypes`, bindings of Qt."""
    kinds = (table(kind).values() for kind in mro(cls) if kind is not type and kind is not object)
    return any(type(each) in (BuiltinFunctionType, WrapperDescriptorType) for values in kinds for each in values)


def is_made_by_statement(cls: type) -> bool:
    """Whether a class statement made a class, or something like it, and not C code."""
    return bool(type.__dict__["__flags__"].__get__(cls) & 1 << 9)  # Py_TPFLAGS_HEAPTYPE
