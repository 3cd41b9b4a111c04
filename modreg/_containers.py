"""The containers and caches in which definitions are registered, found through the names of modules."""

from __future__ import annotations

import functools
from abc import ABCMeta
from collections.abc import Collection, Iterable, Iterator
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Final

from modreg._classes import is_class, table
from modreg._importer import space_of
from modreg._journal import (
    PLAIN,
    Cache,
    Contents,
    Registered,
    containers_in,
    elements_of,
    is_container,
    size_of,
)
from modreg._model import Finding
from modreg._registered import all_told
from modreg._values import ATOMS, CONSTANTS, ROOM, attributes, enclosed, in_slots, label_of

BOUND: Final = 10_000
"""Entries beyond which the contents of a container are not kept for an abort."""


def places(name: str, findings: list[Finding], large: set[int]) -> Iterator[Cache | Contents | Registered]:
    """
    Where definitions are registered in a module; plain containers that are too large are findings instead, once.

    These stand at module level, in class bodies, in the attributes of instances, and in the closures of functions.
    What is none is the cache of a function made by `functools.singledispatch`, and an abstract base class.
    """
    for path, value in _held(name):
        if not is_container(value):
            yield from _registers(value)
        elif (size := size_of(value)) <= BOUND:
            yield Contents(value)
        elif id(value) not in large:
            large.add(id(value))
            said = f"{path} has {size} entries: what a failing execution does to it is not undone"
            findings.append(Finding(code="container-over-bound", module=name, message=said))


def data_of(name: str) -> list[Contents]:
    """The places of the containers of data within those of a module, as long as they are few."""
    queue = [*{id(value): value for _, value in _held(name) if is_container(value)}.values()]
    found: dict[int, Any] = {}
    for container in queue:  # it grows while it is walked
        inside = elements_of(container) if size_of(container) <= ROOM else ()
        more = {id(each): each for each in containers_in(inside) if id(each) not in found}
        if len(found) + len(more) <= _FEW:
            found |= more
            queue.extend(more.values())
    return [*map(Contents, found.values())]


_FEW: Final = 20  # to note them takes longer than all else in a module with a large table


def owners(names: Iterable[str], containers: Collection[int]) -> Iterator[tuple[str, str]]:
    """The modules and names there through which containers, by their identities, are found."""
    for name in names:
        yield from ((name, path.partition(".")[0]) for path, value in _held(name) if id(value) in containers)


def leading(owner: str, names: Collection[str]) -> list[str]:
    """The names of a module that lead to definitions of its own by way of containers, or stand for them besides."""
    if not names:
        return []
    labels = {*names, "<lambda>"}  # of which nothing tells one from another
    found = {name: None for name, value in space_of(owner).copy().items() if _labelled(value, owner) in names}
    ways: dict[int, tuple[object, dict[str, None]]] = {}  # many may lead to one
    for path, value in _held(owner):
        if is_container(value):
            ways.setdefault(id(value), (value, {}))[1][path.partition(".")[0]] = None
    for value, heads in ways.values():
        told = all_told(elements_of(value)) if size_of(value) <= ROOM else ()
        if any(_labelled(each, owner) in labels for each in told):
            found |= heads
    return [name for name in found if name not in names]


def is_filled(value: object, owner: str, users: Collection[str], known: dict[int, bool]) -> bool:
    """
    Whether users of a module have put definitions of theirs into a container in the body of a class there.

    What is told of a container is kept in *known*, for many classes may have the same.
    """
    if not is_class(value):
        return False
    held = [each for name, each in _inside(value, owner) if is_container(each) and not name.startswith("__")]
    for each in held:
        if id(each) not in known:
            labels = map(label_of, all_told(elements_of(each)[:ROOM]))
            known[id(each)] = any(label is not None and label[1] in users for label in labels)
    return any(known[id(each)] for each in held)


def _labelled(value: object, owner: str) -> str:
    """The top-level name by which a definition of a module was made; nothing for all else."""
    label = label_of(value)
    return label[2].partition(".")[0] if label is not None and label[1] == owner else ""


def _held(owner: str) -> Iterator[tuple[str, Any]]:  # any object
    """What a module has, and plain containers in it, each with its path; not what nothing is ever registered with."""
    named = space_of(owner).copy().items()
    queue: list[tuple[str, Any]] = [  # as above
        (name, value)
        for name, value in named
        if id(type(value)) not in _WITHOUT_CONTAINERS and name not in _OF_IMPORT
    ]
    known: dict[int, list[Any]] = {}  # many classes may share one
    for name, value in queue:  # it grows while it is walked
        kind = type(value)
        if kind is FunctionType and not value.__closure__:
            continue
        yield name, value
        if is_container(value):
            yield from ((name, inner) for inner in _inner(value, known))
        if id(kind) in PLAIN:
            continue
        if issubclass(kind, type):
            queue.extend(_dispatching(name, value, owner))
        for n, held in _inside(value, owner):
            if is_container(held):
                yield f"{name}.{n}", held
                yield from ((f"{name}.{n}", inner) for inner in _inner(held, known))


def _dispatching(name: str, cls: type, owner: str) -> Iterator[tuple[str, Any]]:  # functions
    """The functions that dispatch for methods of a module's own class."""
    held: Any = table(cls)  # some mapping
    if held.get("__module__") == owner:
        found = [(n, x) for n, x in held.copy().items() if type(x) is functools.singledispatchmethod]
        yield from ((f"{name}.{n}", each.dispatcher) for n, each in found)


def _inner(container: Any, known: dict[int, list[Any]]) -> list[Any]:  # one of anything
    """The containers in one, such as lists of handlers by event; those that hold nothing but data are data."""
    if id(container) not in known:
        found = containers_in(elements_of(container)) if size_of(container) <= ROOM else []
        known[id(container)] = [each for each in found if not (size_of(each) and _is_data(elements_of(each)))]
    return known[id(container)]


def _is_data(elements: list[object]) -> bool:
    """Whether there is nothing but plain values and containers among what a container has."""
    return _DATA.issuperset(map(id, map(type, elements)))


def is_namespace(container: Any) -> bool:  # as above
    """Whether it is that of a module: what code puts there are names, and nothing registers."""
    name = container.get("__name__") if type(container) is dict else None
    return type(name) is str and space_of(name) is container


def _registers(value: Any) -> Iterator[Cache | Registered]:  # as above
    """The place of what is no plain container and has what others register with it."""
    if type(value) is FunctionType:
        if "_clear_cache" in value.__dict__:
            yield Cache(value.__dict__["_clear_cache"])
    elif issubclass(type(value), ABCMeta) and "_abc_impl" in table(value):
        yield Registered(value)


def _in_closures(function: FunctionType, depth: int = 2) -> Iterator[tuple[str, object]]:
    """What the closure of a function holds, and those of functions in it (`functools.singledispatch`)."""
    for name, value in enclosed(function):
        yield name, value
        if type(value) is FunctionType and depth > 1:
            yield from _in_closures(value, depth - 1)


def _inside(value: Any, owner: str) -> Iterable[tuple[str, object]]:  # any object
    """What a module's own class, instance or function holds by name, and what instances in a class have."""
    if type(value) is FunctionType:
        return _in_closures(value)
    if not is_class(value):
        return of_instance(value)
    found = dict(table(value))
    if found.get("__module__") != owner or _IN_MOST_BODIES.issuperset(map(id, map(type, found.values()))):
        return ()
    return _in_body(found)


def _in_body(names: dict[str, object]) -> Iterator[tuple[str, object]]:
    """What stands in the body of a class, but for functions and values, and what instances there have."""
    depth = 0 if "_member_map_" in names else 2  # the members of an enumeration hold their values
    for name, held in names.items():
        if id(type(held)) not in _IN_MOST_BODIES:
            yield name, held
            yield from _of_another(name, held, depth)


def of_instance(value: object, depth: int = 2) -> Iterator[tuple[str, object]]:
    """What an instance has in its attributes, and the instances there in theirs, as an application its router's."""
    for name, held in (*(attributes(value) or {}).copy().items(), *in_slots(value)):
        yield name, held
        yield from _of_another(name, held, depth - 1)


def _of_another(name: str, held: object, depth: int) -> Iterator[tuple[str, object]]:
    """What an instance has that stands under a name of another one, or of a class."""
    if depth and id(type(held)) not in _WITHOUT_ATTRIBUTES and not is_class(held):
        yield from ((f"{name}.{each}", inner) for each, inner in of_instance(held, depth))


_DATA: Final = ATOMS | PLAIN
_WITHOUT_CONTAINERS: Final = CONSTANTS | {id(ModuleType)}
_WITHOUT_ATTRIBUTES: Final = _WITHOUT_CONTAINERS | PLAIN | {id(FunctionType)}
_IN_MOST_BODIES: Final = _WITHOUT_CONTAINERS | {
    id(kind) for kind in (FunctionType, staticmethod, classmethod, property, GetSetDescriptorType, MemberDescriptorType)
}
_OF_IMPORT: Final = frozenset({"__builtins__", "__spec__", "__loader__"})
"""What the import system puts into every namespace."""
