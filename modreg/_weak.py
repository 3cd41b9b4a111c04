"""Weak references to definitions, and the containers that register definitions by them."""

from __future__ import annotations

from types import FunctionType
from typing import Any, Final
from weakref import KeyedRef, WeakKeyDictionary, WeakSet, WeakValueDictionary, getweakrefs, ref

_REFERENCES: Final = frozenset(map(id, (ref, KeyedRef)))


def target(value: Any) -> object:  # any object
    """What a weak reference leads to; anything else is meant itself."""
    return value() if id(type(value)) in _REFERENCES else value


def references(value: object) -> list[Any]:  # ref, or a subclass of it
    """
    The weak references to *value* by which somebody knows it.

    The interpreter's own, as those of classes to their subclasses and of abstract base classes, have no function to
    call when it goes; to functions it has none.
    """
    is_function = type(value) is FunctionType
    found = [each for each in getweakrefs(value) if id(type(each)) in _REFERENCES]
    return [x for x in found if type(x.__callback__) is FunctionType or (is_function and x.__callback__ is None)]


def renewed(reference: Any, value: object, callback: Any = None) -> object:  # as above; any function
    """A weak reference like another one, to another object."""
    if type(reference) is KeyedRef:
        return KeyedRef(value, callback or reference.__callback__, reference.key)
    return ref(value, callback or reference.__callback__)


def data_for(old: Any, new: Any) -> Any:  # weak containers of one type, and what the first has as its data
    """The references in *new* as *old* would hold them; `None` where these are no weak containers of one type."""
    if type(old) is not type(new) or type(old) not in (WeakSet, WeakKeyDictionary, WeakValueDictionary):
        return None

    def mine(value: Any) -> Any:  # any object
        found = target(value)
        return value if found is value or found is None else renewed(value, found, old._remove)

    if type(old) is WeakSet:
        return set(map(mine, new.data))
    return {mine(key): mine(value) for key, value in new.data.items()}
