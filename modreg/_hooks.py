"""The plain functions by which a module takes part in its own succession."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from modreg._classes import mro, table
from modreg._journal import Contents, Journal
from modreg._loop import on_the_loop
from modreg._pairs import is_own
from modreg._snapshot import Snapshot


def has_dispose(namespace: Mapping[str, object]) -> bool:
    """Whether a version wants to be told before it goes."""
    return namespace.get("__dispose__") is not None


def dispose(namespace: dict[str, object]) -> None:
    """Call the ``__dispose__()`` of a version that is about to go, if it has one; what it raises aborts."""
    _call("__dispose__", namespace)


def migrate(namespace: dict[str, object], former: Snapshot) -> None:
    """
    Call the ``__migrate__(old)`` of a version that has just come, if it has one; what it raises aborts.

    It is given what the namespace held before, to read and not to change.
    """
    _call("__migrate__", namespace, MappingProxyType(former.bindings))


def _call(name: str, namespace: dict[str, object], *args: object) -> None:
    hook = namespace.get(name)
    if hook is None:
        return
    if not callable(hook):
        raise TypeError(f"{name} is of type {type(hook).__qualname__!r}, and no function; `None` stands for no hook")
    on_the_loop(hook, *args)


def migrate_instances(owner: str, namespace: dict[str, object], old_version: int, journal: Journal) -> None:
    """
    Call the ``__migrate_instance__(self, old_version)`` of a module's classes for each of their live instances.

    What it does to their attributes is undone with the transaction; what it raises aborts.
    """
    classes: list[Any] = [x for x in namespace.copy().values() if issubclass(type(x), type)]  # of any metaclass
    hooked = {id(cls) for cls in classes if _HOOK in table(cls) and is_own(cls, owner)}  # a metaclass may refuse hashes
    if not hooked:
        return
    for value in [each for each in gc.get_objects() if not hooked.isdisjoint(map(id, mro(each)))]:
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is dict:
            journal.keep(Contents(attributes))
        on_the_loop(value.__migrate_instance__, old_version)


_HOOK: Final = "__migrate_instance__"
