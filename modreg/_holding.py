"""What definitions hold besides functions and classes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from modreg._classes import is_class, is_made_by_statement, table
from modreg._journal import PLAIN
from modreg._pairs import is_own
from modreg._twins import is_alike
from modreg._values import ATOMS, CONSTANTS, attributes, is_atom, is_of_definitions, is_wrapper, label_of, parts

Held = dict[str, dict[str, object]]
"""By name of a definition what it holds besides functions and classes of its module, by path."""


def holding(owner: str, namespace: Mapping[str, object]) -> Held:
    """
    What the definitions of a module hold: a registry in a class, or in a closure, is made anew with them.

    So are its classes without the functions that others have put into them.
    """
    values = ((name, value) for name, value in namespace.items() if not _is_bare(value) and is_own(value, owner))
    return {name: inside for name, value in values if (inside := _contents(value, owner))}


def _contents(value: object, owner: str) -> dict[str, object]:
    found: dict[str, object] = {}
    queue: list[tuple[str, object]] = [("", value)]
    seen: set[int] = set()
    for path, each in queue:  # it grows while it is walked
        if id(type(each)) in CONSTANTS or id(type(each)) in PLAIN or _is_instance(each):
            found[path] = each
        elif id(each) not in seen:
            seen.add(id(each))
            inside = ((n, part) for n, part in parts(each) if not (_is_bare_function(part) or n.startswith("__")))
            queue.extend((f"{path}.{name}", part) for name, part in inside)
            found.update((f"{path}.{name}", part) for name, part in _given(each, owner))
    return found


def _given(value: object, owner: str) -> Iterator[tuple[str, object]]:
    """The definitions of other modules that a class or a function of a module has."""
    label = label_of(value)
    if label is not None and label[1] == owner:
        inside = table(value) if is_class(value) else attributes(value) or {}
        yield from ((name, each) for name, each in list(inside.items()) if _is_of_others(each, owner))


def _is_of_others(value: Any, owner: str, depth: int = 4) -> bool:  # any object
    """Whether a value is a definition that is not of the code of a module, or wraps one."""
    if id(type(value)) in ATOMS:  # most that is in a class is, or a function
        return False
    if type(value) is FunctionType:
        return bool(value.__globals__.get("__name__") != owner)
    if is_class(value):
        return table(value).get("__module__") != owner
    return depth > 0 and is_wrapper(value) and any(_is_of_others(part, owner, depth - 1) for _, part in parts(value))


def _is_bare(value: object) -> bool:
    """Whether there is nothing in a value, as in nearly all functions."""
    return id(type(value)) in ATOMS or _is_bare_function(value)


def _is_bare_function(value: object) -> bool:
    return type(value) is FunctionType and not (value.__closure__ or value.__dict__)


def _is_instance(value: object) -> bool:
    """Whether a value is an instance of a plain class written in Python: it keeps its attributes in a dict."""
    kind = type(value)
    is_plain = is_made_by_statement(kind) and not is_class(value) and not is_standard(kind)
    return is_plain and attributes(value) is not None


def is_holding(value: object, former: Mapping[str, object], owner: str) -> bool:
    """Whether a definition still holds what it did, or its like; a library may have given it more functions."""
    present = _contents(value, owner)
    more = (present[path] for path in present.keys() - former.keys())
    if former.keys() - present.keys() or not all(is_of_definitions(type(each)) for each in more):
        return False
    return all(_is_like(each, present[path]) for path, each in former.items())


def _is_like(old: Any, new: Any, depth: int = 4) -> bool:  # any objects
    if is_alike(old, new):
        return True
    if type(old) is FunctionType is type(new):
        return bool(old.__code__ == new.__code__)  # made anew by a library, as what is below
    if is_class(old):
        return label_of(old) == label_of(new)
    if is_wrapper(old):
        both = zip(parts(old), parts(new), strict=False) if type(old) is type(new) and depth else ()
        return type(old) is type(new) and all(_is_like(one, other, depth - 1) for (_, one), (_, other) in both)
    return type(old) is type(new) and _is_instance(old) and is_alike(attributes(old), attributes(new))


def is_value(value: object, depth: int = 6) -> bool:
    """Whether a value has nothing in it that can be called, so that it changes only with the name it has."""
    kind = type(value)
    if depth and id(kind) in _COLLECTIONS:
        inside: list[object] = list(value)  # type: ignore[call-overload]  # a collection by the line above
        if kind is dict:
            inside.extend(value.values())  # type: ignore[attr-defined]  # as above
        return set(map(id, map(type, inside))) <= ATOMS or all(is_value(each, depth - 1) for each in inside)
    return is_atom(kind)


_COLLECTIONS: Final = frozenset(map(id, (list, tuple, set, frozenset, dict)))


def is_still(had: object, before: object) -> bool:
    """Whether a name stands for what its import gave it; of a constant an equal one may have been made meanwhile."""
    return had is before or (id(type(before)) in CONSTANTS and is_value(before) and is_alike(had, before))


def is_standard(cls: type) -> bool:
    module = type.__dict__["__module__"].__get__(cls)  # static types have no entry of that name
    return isinstance(module, str) and module.partition(".")[0] in sys.stdlib_module_names
