"""Whether the objects of a plugin are gone, and who holds those that are not."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable, Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any, Final

import attrs

_FAR: Final = 300
"""Objects after which the search for a holder with a name is given up."""


@attrs.define(eq=False)
class Remains:
    """
    Weak references to what a plugin defined, taken before it left.

    Attributes:
        names: The names of its modules.
        found: The name of each object, and a reference to it.
    """

    names: frozenset[str]
    found: list[tuple[str, weakref.ref[Any]]]  # modules, functions, classes

    @classmethod
    def of(cls, modules: Iterable[ModuleType]) -> Remains:
        """Modules, and the functions and classes that they define."""
        found: list[tuple[str, weakref.ref[Any]]] = []  # as above
        names = set()
        for module in modules:
            if not isinstance(module, ModuleType):  # what a source put in its own place can be anything
                continue
            names.add(module.__name__)
            found.append((f"module {module.__name__}", weakref.ref(module)))
            own = [v for v in list(vars(module).values()) if isinstance(v, (FunctionType, type))]
            own = [value for value in own if value.__module__ == module.__name__]
            found += [(f"{_kind(value)} {value.__module__}.{value.__qualname__}", weakref.ref(value)) for value in own]
        return cls(frozenset(names), found)

    def survivors(self) -> tuple[str, ...]:
        """
        What is still alive after a collection, a sentence each.

        One object keeps its module's namespace alive, and that all the others: where holders outside the plugin are
        found, only what they hold is told.
        """
        gc.collect()
        said = []
        for name, reference in self.found:
            if reference() is not None:
                holder = _holder(reference(), self.names)
                said.append((f"{name} is still alive" + (f", held as {holder}" if holder else ""), bool(holder)))
        is_known = any(known for _, known in said)
        return tuple(text for text, known in said if known or not is_known)


def _holder(thing: object, own: frozenset[str]) -> str:
    """How the program outside the plugin reaches an object, as a path from a module; ``""`` if it is not found."""
    things, suffixes = [thing], [""]
    seen = {id(things), id(thing), *map(id, _stack())}
    for each, suffix in zip(things, suffixes, strict=True):  # both grow on the way
        for holder in gc.get_referrers(each):
            if id(holder) in seen:
                continue
            seen.add(id(holder))
            module = holder.get("__name__") if isinstance(holder, dict) else None
            if isinstance(module, str) and vars(sys.modules.get(module, sys)) is holder:
                return f"{module}.{_key(holder, each)}{suffix}"
            if not (isinstance(module, str) and module in own):
                things.append(holder)
                suffixes.append(f"{_step(holder, each)}{suffix}")
        if len(things) > _FAR:
            return ""
    return ""


def _kind(value: object) -> str:
    return "class" if isinstance(value, type) else "function"


def _stack() -> Iterator[FrameType]:
    """The frames of those who ask; those that a traceback keeps hold what they hold."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _step(holder: object, thing: object) -> str:
    """What leads from a holder to what it holds."""
    if isinstance(holder, dict):
        return f"[{_key(holder, thing)!r}]"
    if isinstance(holder, (list, tuple)):
        return f"[{next((place for place, value in enumerate(holder) if value is thing), '?')}]"
    return f" ({type(holder).__qualname__})"


def _key(holder: dict[Any, Any], thing: object) -> Any:  # a key of any dict
    return next((key for key, value in list(holder.items()) if value is thing), "?")
