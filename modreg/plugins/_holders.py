"""Whether the objects of a plugin are gone, and who holds those that are not."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable
from types import FrameType, FunctionType, ModuleType
from typing import Any

import attrs


@attrs.define(eq=False)
class Remains:
    """
    Weak references to what a plugin defined, taken before it left.

    Attributes:
        found: The name of each object, and a reference to it.
    """

    found: list[tuple[str, weakref.ref[Any]]]  # modules, functions, classes

    @classmethod
    def of(cls, modules: Iterable[ModuleType]) -> Remains:
        """Modules, and the functions and classes that they define."""
        found: list[tuple[str, weakref.ref[Any]]] = []  # as above
        for module in modules:
            found.append((f"module {module.__name__}", weakref.ref(module)))
            own = [v for v in list(vars(module).values()) if isinstance(v, (FunctionType, type))]
            own = [value for value in own if value.__module__ == module.__name__]
            found += [(f"{value.__module__}.{value.__qualname__}", weakref.ref(value)) for value in own]
        return cls(found)

    def survivors(self) -> tuple[str, ...]:
        """What is still alive after a collection, each with a holder: a sentence each."""
        gc.collect()
        alive = {id(each): name for name, reference in self.found if (each := reference()) is not None}
        return tuple(_survivor(name, reference, alive) for name, reference in self.found if reference() is not None)


def _survivor(name: str, reference: weakref.ref[Any], alive: dict[int, str]) -> str:  # as above
    thing = reference()
    holders = [holder for holder in gc.get_referrers(thing) if not isinstance(holder, FrameType)]
    named = [said for holder in holders if (said := _named(holder, thing, alive))]
    return f"{name} is still alive" + (f", held by {named[0]}" if named else "")


def _named(holder: object, thing: object, alive: dict[int, str]) -> str:
    """A holder, for people; ``""`` for one that is the plugin's own."""
    if id(holder) in alive:
        return ""
    if isinstance(holder, dict):
        key = next((repr(key) for key, value in holder.items() if value is thing), "a key")
        return _namespace(holder, key, alive)
    above = next((said for each in gc.get_referrers(holder) if (said := _path(each, holder, alive))), "")
    kind = type(holder)
    return f"{above or 'an object'} ({kind.__module__}.{kind.__qualname__})"


def _namespace(holder: dict[Any, Any], key: str, alive: dict[int, str]) -> str:  # any dict
    module = holder.get("__name__")
    if isinstance(module, str) and vars(sys.modules.get(module, sys)) is holder:
        return f"{module}.{key.strip(chr(39))}"
    if isinstance(module, str) and "__spec__" in holder:
        return ""  # the namespace of one of the plugin's own modules
    above = next((said for each in gc.get_referrers(holder) if (said := _path(each, holder, alive))), "")
    return f"{above or 'a dict'}[{key}]"


def _path(owner: object, thing: object, alive: dict[int, str]) -> str:
    """How a namespace or an instance calls something that it holds."""
    if isinstance(owner, dict):
        module = owner.get("__name__")
        if isinstance(module, str) and vars(sys.modules.get(module, sys)) is owner:
            return next((f"{module}.{name}" for name, value in owner.items() if value is thing), "")
        return ""
    if id(owner) in alive or isinstance(owner, (FrameType, list, tuple)):
        return ""
    if getattr(owner, "__dict__", None) is thing:
        return f"an instance of {type(owner).__module__}.{type(owner).__qualname__}"
    return ""
