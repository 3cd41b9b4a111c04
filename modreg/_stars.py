"""The names that star imports bring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from modreg import _scan
from modreg._importer import space_of
from modreg._journal import is_submodule
from modreg._scan import Import

Fewer = Mapping[str, Mapping[str, frozenset[str]]]
"""For modules the names that their star imports do not bring, by the modules that are halfway then."""


def all_star_names(name: str, package: str, imports: Iterable[Import]) -> frozenset[str]:
    """
    The names that the module *name* has now by its star imports.

    What was halfway then had no ``__all__`` yet.
    """
    mine = space_of(name)
    spaces = map(space_of, _starred(package, imports))
    given = ((theirs, n) for theirs in spaces for n in (*_given_names(theirs), *_public_names(theirs)))
    return frozenset(n for theirs, n in given if n in mine and mine[n] is theirs.get(n))


def all_given_names(package: str, imports: Iterable[Import], halfway: Collection[str] = ()) -> frozenset[str]:
    """The names that the star imports of a module in *package* bring, of some while these are halfway."""
    names = {each: _public_names if each in halfway else _given_names for each in _starred(package, imports)}
    return frozenset(name for each, give in names.items() for name in give(space_of(each)))


def unlisted(module: str) -> frozenset[str]:
    """The public names of a module that its ``__all__`` leaves out, but for those of its submodules."""
    theirs = space_of(module)
    names = set(_public_names(theirs)).difference(_given_names(theirs))
    return frozenset(name for name in names if not is_submodule(module, name, theirs))


def brought_late(
    package: str, imports: Iterable[Import], former: Mapping[str, object], namespace: Mapping[str, object]
) -> dict[str, str]:
    """
    The names of submodules that star imports bring now, and did not bring before, each with that of the module.

    Args:
        package: The package that relative imports start from.
        imports: Those that the module had before as well.
        former: Its namespace before the execution.
        namespace: Its namespace after it.
    """
    found = {}
    for each in _starred(package, imports):
        theirs = space_of(each)
        for n in [] if isinstance(theirs.get("__all__"), (list, tuple)) else _public_names(theirs):
            if is_submodule(each, n, theirs) and namespace.get(n) is theirs[n] is not former.get(n):
                found[n] = f"{each}.{n}"
    return found


def _starred(package: str, imports: Iterable[Import]) -> Iterator[str]:
    for each in imports:
        if each.names == ("*",) and (base := _scan.absolute(each, package)):
            yield base


def _given_names(namespace: dict[str, object]) -> list[str]:
    public = namespace.get("__all__")
    if isinstance(public, (list, tuple)):
        return [name for name in public if name in namespace]
    return _public_names(namespace)


def _public_names(namespace: dict[str, object]) -> list[str]:
    return [name for name in namespace.copy() if not name.startswith("_")]
