"""What callers give, checked before anything is done with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Final

from modreg._importer import namespace_of
from modreg.errors import NotAModuleError, NotLoadedError

Module = ModuleType | str
"""A module, or its absolute dotted name."""


def check_words(**given: str) -> None:
    """Raise for an option that is none of its words."""
    for option, word in given.items():
        *most, last = _WORDS[option]
        if word not in (*most, last):
            raise ValueError(f"{option} must be {', '.join(map(repr, most))} or {last!r}, not {word!r}")


def check_own_words(**given: str | None) -> None:
    """The same for options of one transaction, which need not be given."""
    check_words(**{option: word for option, word in given.items() if word is not None})


_WORDS: Final = {"removed": ("keep", "drop"), "state": ("reset", "keep"), "dependents": ("needed", "all", "none")}


def check_number(name: str, number: int, least: int) -> None:
    """Raise for what is no number, or too small."""
    if type(number) is not int:
        raise TypeError(f"{name} must be a whole number, not {number!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")


def name_of(module: object) -> str:
    """The absolute name that *module* is or has."""
    if isinstance(module, str):
        # What is loaded may have any name: plugins come from files that no import statement could name.
        if module not in sys.modules and not all(part.isidentifier() for part in module.split(".")):
            raise NotAModuleError(module)
        return module
    namespace = namespace_of(module)
    if namespace is None:
        raise NotAModuleError(module)
    name = getattr(namespace.get("__spec__"), "name", None) or namespace.get("__name__")
    if not isinstance(name, str):
        raise NotAModuleError(module)
    return name


def loaded_name(module: object) -> str:
    """As :func:`name_of`, of the very module that `sys.modules` holds."""
    name = name_of(module)
    if not isinstance(module, str) and sys.modules.get(name) is not module:
        raise NotLoadedError(name)
    return name


def checked_roots(roots: Iterable[str] | None) -> tuple[str, ...] | None:
    """Absolute module names, or `None` where none are given."""
    if roots is None:
        return None
    if isinstance(roots, str):
        raise TypeError(f"roots must be a collection of module names, not the string {roots!r}")
    checked = tuple(roots)
    for root in checked:
        if not isinstance(root, str):
            raise TypeError(f"a root must be a module name, not {root!r}")
        if not root or not all(part.isidentifier() for part in root.split(".")):
            raise ValueError(f"a root must be an absolute dotted name, not {root!r}")
    return checked
