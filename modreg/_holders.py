"""Who still holds objects of an earlier version, as paths that a person can read."""

from __future__ import annotations

import enum
import gc
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import (
    AsyncGeneratorType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

import attrs

from modreg._classes import bases_of, is_class, mro, qualname_of, table
from modreg._journal import Entry
from modreg._snapshot import Snapshot
from modreg._values import NAMESPACE, attributes, is_definition


class HolderKind(enum.Enum):
    """
    What holds an object.

    Attributes:
        MODULE: A name of a module.
        CLASS: An attribute or a base of a class.
        INSTANCE: An attribute of an instance, or the instance by being of that class.
        CONTAINER: An entry of a container.
        FUNCTION: A default, an attribute or the closure of a function, or a bound method.
        FRAME: A variable of a call under way, or of a suspended generator or coroutine.
        OBJECT: An object of C, of which no more can be told.
    """

    MODULE = "module"
    CLASS = "class"
    INSTANCE = "instance"
    CONTAINER = "container"
    FUNCTION = "function"
    FRAME = "frame"
    OBJECT = "object"


@attrs.frozen(kw_only=True)
class Holder:
    """
    A stale reference: who holds an object of a version that is not current.

    Attributes:
        name: Qualified name of the object in its module.
        number: The version that it is of.
        kind: What holds it.
        path: How to get to it, as ``shop.desk.handlers['x']``.
    """

    name: str
    number: int
    kind: HolderKind
    path: str

    def __str__(self) -> str:
        return f"{self.name} of version {self.number}: {self.path} ({self.kind.value})"


def definitions(snapshot: Snapshot) -> dict[int, tuple[str, object]]:
    """The functions and classes of a version and the instances of its classes, each with its name, by identity."""
    found: dict[int, tuple[str, object]] = {}
    for image in snapshot.images:
        if is_definition(image[0]):
            found[id(image[0])] = qualname_of(image[0]), image[0]
    for name, value in snapshot.bindings.items():
        if id(type(value)) in found:
            found[id(value)] = name, value
    return found


def own_objects(snapshots: Iterable[Snapshot], entries: Iterable[Entry]) -> set[int]:
    """The tuples in which modreg's own records keep objects, by identity: nobody else uses these."""
    found: set[int] = set()
    for snapshot in snapshots:
        found.update((id(snapshot.objects), id(snapshot.images), *map(id, snapshot.images)))
        found.update(id(part) for image in snapshot.images for part in image if type(part) is tuple)
    for entry in entries:
        for side in (entry.before, entry.after):
            if type(side) is tuple:
                found.update((id(side), *(id(part) for part in side if type(part) is tuple)))
    return found


def find(snapshots: Mapping[int, Snapshot], live: Snapshot | None, own: set[int]) -> tuple[Holder, ...]:
    """
    Everyone who holds an object of a version that is not one of the *live* ones.

    Args:
        snapshots: Those of the versions, newest first: what several of them have is told of the newest.
        live: The namespace as it is now; `None` where the module is gone.
        own: Identities of what modreg itself keeps objects in.
    """
    stale = _stale(snapshots, live)
    own = own | own_objects([live] if live is not None else [], ())
    search = _Search({*stale}, {*own, id(stale), *map(id, stale.values())})
    found: dict[Holder, None] = {}
    for number, name, target in stale.values():
        for kind, path in search.of(target):
            found[Holder(name=name, number=number, kind=kind, path=path)] = None
    return tuple(found)


def _stale(snapshots: Mapping[int, Snapshot], live: Snapshot | None) -> dict[int, tuple[int, str, object]]:
    """By identity, the objects of earlier versions that are not live: the version, the name and the object."""
    seen = set(definitions(live)) if live is not None else set()
    stale: dict[int, tuple[int, str, object]] = {}
    for number, snapshot in snapshots.items():
        found = definitions(snapshot)
        stale.update((key, (number, *found[key])) for key in found.keys() - seen)
        seen |= found.keys()
    return stale


_FAR: Final = 8
"""Steps upwards after which a path begins in the middle."""

_SUSPENDED: Final = (GeneratorType, CoroutineType, AsyncGeneratorType)


@attrs.define(eq=False)
class _Search:
    """Walks from objects to who refers to them, up to something that has a name."""

    stale: set[int]
    own: set[int]
    modules: dict[int, str] = attrs.field(init=False)
    frames: tuple[FrameType, ...] = attrs.field(init=False)
    lists: list[list[object]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        loaded = [(name, m) for name, m in list(sys.modules.items()) if ModuleType in mro(m)]
        self.modules = {id(NAMESPACE(m)): name for name, m in loaded}
        self.frames = tuple(frame for frame in _frames() if not _is_ours(frame))

    def of(self, target: object) -> list[tuple[HolderKind, str]]:
        """Who holds *target*, each with its path."""
        found = []
        for holder in self._referrers(target):
            kind, step = _step(holder, target, self.modules)
            path = self._path(holder, step, _FAR)
            if path:
                found.append((kind, path))
        for frame in self.frames:
            names = [name for name, value in frame.f_locals.copy().items() if value is target]
            if names and frame.f_locals is not frame.f_globals:
                found.append((HolderKind.FRAME, f"variable {names[0]} of {_place(frame)}"))
        return found

    def _referrers(self, target: object) -> list[object]:
        """Who refers to *target*, but for the search itself: its lists are its own from now on."""
        found = [x for x in gc.get_referrers(target) if not self._is_left_out(x)]
        self.own.add(id(found))
        self.lists.append(found)  # so that no other object gets its identity
        return found

    def _is_left_out(self, holder: object) -> bool:
        """Stale objects themselves, what modreg keeps, and frames, which are looked at one by one."""
        home = table(type(holder)).get("__module__")
        return (
            id(holder) in self.stale
            or id(holder) in self.own
            or type(holder) is FrameType
            or (type(home) is str and home.startswith("modreg."))
        )

    def _path(self, holder: object, step: str, left: int) -> str:
        """The path to *holder* and the *step* from it; nothing if only stale objects lead there."""
        name = _name(holder, self.modules)
        if name:
            return name + step
        above = self._referrers(holder) if left else []
        for each in above:
            _, upper = _step(each, holder, self.modules)
            path = self._path(each, upper + step, left - 1)
            if path:
                return path
        is_held_from_below = bool(above) or (left and self._is_stale_part(holder))
        return "" if is_held_from_below else f"{_a(holder)}{step}"

    def _is_stale_part(self, holder: object) -> bool:
        """Whether it is what a stale object or modreg is made of: its table, its bases, a cell of its method."""
        above = [x for x in gc.get_referrers(holder) if type(x) is not FrameType]
        return any(self._is_left_out(x) for x in above)


def _frames() -> Iterator[FrameType]:
    """All frames of all threads, innermost first."""
    for top in sys._current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            yield frame
            frame = frame.f_back


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("modreg.")


def _place(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}, line {frame.f_lineno}"


def _name(holder: object, modules: Mapping[int, str]) -> str:
    """The name of what has one of its own: a namespace, a class, a function."""
    if id(holder) in modules:
        return modules[id(holder)]
    if is_class(holder):
        return f"{table(holder).get('__module__', '?')}.{qualname_of(holder)}"
    if type(holder) is FunctionType:
        return f"{holder.__module__}.{holder.__qualname__}"
    if isinstance(holder, _SUSPENDED):
        return f"suspended {holder.__qualname__}"
    return ""


def _step(holder: object, target: object, modules: Mapping[int, str]) -> tuple[HolderKind, str]:
    """What kind a holder is, and what leads from it to what it holds."""
    if id(holder) in modules:
        return HolderKind.MODULE, f".{_key(holder, target)}"
    if isinstance(holder, _SUSPENDED):
        return HolderKind.FRAME, ""
    if is_class(holder):
        return HolderKind.CLASS, _step_from_class(holder, target)
    if type(holder) in (FunctionType, MethodType, CellType):
        return HolderKind.FUNCTION, _step_from_function(holder, target)
    if type(holder) in (dict, list, tuple, set, frozenset, deque):
        return _step_from_container(holder, target)
    if type(holder) is target:
        return HolderKind.INSTANCE, " (an instance of it)"
    attributes = _attributes(holder)
    if any(value is target for value in attributes.values()) or target is attributes:
        return HolderKind.INSTANCE, f".{_key(attributes, target)}" if target is not attributes else ""
    return HolderKind.OBJECT, f" (inside {_a(holder)})"


def _step_from_class(holder: Any, target: object) -> str:  # a class of any metaclass
    if any(base is target for base in bases_of(holder)):
        return " (its base)"
    key = _key(table(holder), target)
    return "" if key == "?" else f".{key}"  # without a key it is the table itself, or the MRO


def _step_from_function(holder: Any, target: object) -> str:  # a function, a bound method or a cell
    if type(holder) is CellType:
        return ""
    if type(holder) is MethodType:
        return " (bound method)"
    parts = {
        "its defaults": holder.__defaults__,
        "its closure": holder.__closure__,
        "its globals": holder.__globals__,
        "its attributes": holder.__dict__,
    }
    return f" ({next((said for said, part in parts.items() if part is target), 'a part of it')})"


def _step_from_container(holder: Any, target: object) -> tuple[HolderKind, str]:  # a plain container
    if type(holder) is dict:
        for owner in gc.get_referrers(holder):
            if is_class(owner) or _attributes(owner) is holder:
                return HolderKind.CLASS if is_class(owner) else HolderKind.INSTANCE, f".{_key(holder, target)}"
        key = _key(holder, target)
        return HolderKind.CONTAINER, f"[{key!r}]" if type(key) in (str, int) else f"[{_a(key)}]"
    if type(holder) in (list, tuple, deque):
        return HolderKind.CONTAINER, f"[{next((n for n, x in enumerate(holder) if x is target), '?')}]"
    return HolderKind.CONTAINER, " (an element)"


def _key(holder: Any, target: object) -> Any:  # a mapping of anything
    return next((key for key, value in list(holder.items()) if value is target), "?")


def _attributes(holder: object) -> dict[str, object]:
    """The attributes of an instance, without running its code."""
    if is_class(holder) or ModuleType in mro(holder) or type(holder) is FunctionType:
        return {}
    return attributes(holder) or {}


def _a(value: object) -> str:
    kind = type(value)
    return f"a {table(kind).get('__module__', 'builtins')}.{qualname_of(kind)}".replace("builtins.", "")
