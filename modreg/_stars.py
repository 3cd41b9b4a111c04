"""The names that star imports bring."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from modreg import _scan
from modreg._importer import space_of
from modreg._scan import Import


def all_star_names(name: str, package: str, imports: Iterable[Import]) -> frozenset[str]:
    """The names that the module *name* has now by its star imports."""
    found: set[str] = set()
    for each in imports:
        if each.names == ("*",):
            with suppress(ImportError):  # beyond the top-level package: that import failed
                found.update(_star_names(name, _scan.resolve(each, package)))
    return frozenset(found)


def all_given_names(package: str, imports: Iterable[Import]) -> frozenset[str]:
    """The names that the star imports of a module in *package* bring."""
    found: set[str] = set()
    for each in imports:
        if each.names == ("*",):
            with suppress(ImportError):  # as above
                found.update(_given_names(_scan.resolve(each, package)))
    return frozenset(found)


def _given_names(module: str) -> list[str]:
    theirs = space_of(module)
    public = theirs.get("__all__")
    if isinstance(public, (list, tuple)):
        return [name for name in public if name in theirs]
    return [name for name in theirs.copy() if not name.startswith("_")]


def _star_names(module: str, dependency: str) -> tuple[str, ...]:
    mine, theirs = space_of(module), space_of(dependency)
    return tuple(n for n in _given_names(dependency) if n in mine and mine[n] is theirs.get(n))
