"""The plain functions by which a module takes part in its own succession."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType, MappingProxyType

from modreg._loop import on_the_loop
from modreg._snapshot import Snapshot


def has_dispose(namespace: Mapping[str, object]) -> bool:
    """Whether a version wants to be told before it goes."""
    return type(namespace.get("__dispose__")) is FunctionType


def dispose(namespace: dict[str, object]) -> None:
    """Call the ``__dispose__()`` of a version that is about to go, if it has one; what it raises aborts."""
    hook = namespace.get("__dispose__")
    if type(hook) is FunctionType:
        on_the_loop(hook)


def migrate(namespace: dict[str, object], former: Snapshot) -> None:
    """
    Call the ``__migrate__(old)`` of a version that has just come, if it has one; what it raises aborts.

    Args:
        namespace: Its namespace.
        former: What the namespace held before, which the hook can read and not change.
    """
    hook = namespace.get("__migrate__")
    if type(hook) is FunctionType:
        on_the_loop(hook, MappingProxyType(former.bindings))
