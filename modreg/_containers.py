"""The containers and caches in which definitions are registered, found through the names of modules."""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

from modreg._importer import namespace_of
from modreg._journal import PLAIN, Cache, Registered
from modreg._model import Finding
from modreg._pairs import attributes, content, is_class, table
from modreg._patch import CONSTANTS

BOUND: Final = 10_000
"""Entries beyond which the contents of a container are not kept for an abort."""


def containers(names: Iterable[str], findings: list[Finding]) -> Iterator[Any]:  # plain containers of anything
    """
    The plain containers where definitions are registered; too large ones are findings instead.

    They stand at module level, in class bodies, in the attributes of instances, and in the closures of functions.
    """
    seen: set[int] = set()
    for name in names:
        namespace = namespace_of(sys.modules.get(name)) or {}
        for path, value in _plain(namespace.copy(), name):
            if id(value) in seen:
                continue
            seen.add(id(value))
            if len(value) <= BOUND:
                yield value
            else:
                said = f"{path} has {len(value)} entries: what a failing execution does to it is not undone"
                findings.append(Finding(code="container-over-bound", module=name, message=said))


def _enclosed(function: FunctionType, depth: int = 2) -> Iterator[tuple[str, object]]:
    """What the closure of a function holds, and those of functions in it (`functools.singledispatch`)."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        value = content(cell)
        yield name, value
        if type(value) is FunctionType and depth > 1:
            yield from _enclosed(value, depth - 1)


def registers(names: Iterable[str]) -> Iterator[Cache | Registered]:
    """
    What is no plain container, and has what others register with it.

    That is the cache of a function made by `functools.singledispatch`, and an abstract base class.
    """
    for name in names:
        namespace: dict[str, Any] = namespace_of(sys.modules.get(name)) or {}  # of anything
        for value in namespace.copy().values():
            # Of most functions the dict would only be made to be looked at.
            if type(value) is FunctionType and value.__closure__ and "_clear_cache" in value.__dict__:
                yield Cache(value.__dict__["_clear_cache"])
            elif issubclass(type(value), ABCMeta) and "_abc_impl" in table(value):
                yield Registered(value)


def _plain(namespace: dict[str, Any], owner: str) -> Iterator[tuple[str, Any]]:  # as above
    for name, value in namespace.items():
        kind = type(value)
        if id(kind) in _WITHOUT_CONTAINERS or name in _OF_IMPORT or (kind is FunctionType and not value.__closure__):
            continue
        if id(kind) in PLAIN:
            yield name, value
        else:
            yield from ((f"{name}.{n}", v) for n, v in _inside(value, owner) if id(type(v)) in PLAIN)


def _inside(value: Any, owner: str) -> Iterable[tuple[str, object]]:  # any object
    """What a module's own class, instance or function holds by name; nothing where no container is among it."""
    if type(value) is FunctionType:
        return _enclosed(value)
    found: Any = table(value) if is_class(value) else attributes(value)  # some mapping, or nothing
    if found.get("__module__") != owner if is_class(value) else type(found) is not dict:
        return ()
    held = found.copy()
    return () if PLAIN.isdisjoint(map(id, map(type, held.values()))) else held.items()


_WITHOUT_CONTAINERS: Final = CONSTANTS | {id(ModuleType)}
_OF_IMPORT: Final = frozenset({"__builtins__", "__spec__", "__loader__"})
"""What the import system puts into every namespace."""
