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
    The weak references to *value* by which a container of `weakref` knows it.

    They have a function to call when it goes.  Those without one may be the interpreter's own, as those of abstract
    base classes are, whose callback is C code.
    """
    found = getweakrefs(value)
    return [each for each in found if id(type(each)) in _REFERENCES and type(each.__callback__) is FunctionType]


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
