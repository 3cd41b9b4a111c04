"""The retained namespace, made ready for the new source."""

from __future__ import annotations

import sys
import typing
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Final

from modreg._draft import Part
from modreg._importer import namespace_of, space_of
from modreg._journal import Item, Journal, is_submodule
from modreg._pairs import is_own
from modreg._scan import Import
from modreg._stars import all_given_names, unlisted
from modreg._statements import Body
from modreg._values import ATOMS
from modreg._view import declared

IMPORT_SYSTEM: Final = frozenset(
    {"__name__", "__loader__", "__package__", "__spec__", "__path__", "__file__", "__cached__", "__builtins__"}
)
"""What a module has from the import system, not from its source."""


def imports(part: Part) -> tuple[Import, ...]:
    """What the new source imports, as far as it is known."""
    return part.body.imports if part.body is not None else ()


def have_path(part: Part) -> None:
    """Let what is in a module that became a package be found, by whoever asks for that first."""
    namespace = namespace_of(sys.modules.get(part.name))
    if namespace is not None and part.spec.submodule_search_locations is not None:
        namespace.setdefault("__path__", part.spec.submodule_search_locations)


def bind_submodules(part: Part, namespace: dict[str, object], known: Collection[str]) -> list[str]:
    """
    What is loaded is not bound again by its import: a package that deletes the name must find it once more.

    One that had something else under the name, and asks itself for the submodule, would get that; so would one
    whose submodule is not loaded yet.

    Returns:
        The loaded submodules among the *known* modules.
    """
    start = f"{part.name}."
    asked = {name for each in imports(part) if part.record.resolved(each) == part.name for name in each.names}
    modules = sys.modules.copy()
    loaded = [x for x in modules if x.startswith(start) and "." not in x.removeprefix(start) and x in known]
    for each in loaded:
        child = each.removeprefix(start)
        if child in asked or child not in namespace:
            namespace[child] = modules[each]
    for child in asked - part.view.made if asked else ():
        if start + child not in modules:
            namespace.pop(child, None)
    return loaded


def cover_again(part: Part, former: dict[str, object], namespace: dict[str, object]) -> None:
    """Have submodules that others imported after the former execution stand where they covered what that had bound."""
    start, record = f"{part.name}.", part.record
    names = part.body.bound if part.body is not None and "__path__" in namespace else ()
    was = ((name, former[name]) for name in names if name in former and former[name] is not namespace.get(name))
    late = {name: each for name, each in was if each is sys.modules.get(start + name, part)}
    taken = [(record.resolved(each), each.names) for each in record.read()] if late else ()
    asked = {full for base, names in taken for full in (base, *(f"{base}.{name}" for name in names))}
    namespace.update((name, each) for name, each in late.items() if start + name not in asked)


def drop(part: Part, namespace: dict[str, object], unloaded: Collection[str]) -> None:
    """Names that the old source could bind and the new one cannot leave before it is executed."""
    if part.body is None:
        return
    namespace.pop("__annotations__", None)  # made anew by the execution, where there are any
    unbound = part.bound - part.body.bound
    if unloaded:  # an import may fail now, and its error be caught
        taken = part.view.taken.items()
        unbound |= {n for n, every in taken if any(part.view.absolute(each) in unloaded for each in every)}
    for name in unbound - IMPORT_SYSTEM - {*declared(part.name, "__keep__")}:
        if name == "__doc__":
            namespace[name] = None
        elif not is_submodule(part.name, name, namespace):
            namespace.pop(name, None)


def uncover(part: Part, namespace: dict[str, object]) -> None:
    """Names that stand for built-ins until the new source binds them leave before it reads them."""
    for name in part.body.covered if part.body is not None else ():
        if name not in declared(part.name, "__keep__"):
            namespace.pop(name, None)


def drop_stars(part: Part, namespace: dict[str, object], starred: frozenset[str], halfway: Collection[str]) -> None:
    """
    Names that star imports had bound, and the present ones do not bring, leave.

    Most are known beforehand; where the module's own imports execute what it takes them from, only afterwards.
    What is *halfway* then brings what it has by then.
    """
    if part.body is None or not starred:
        return
    given = all_given_names(part.spec.parent or "", part.body.imports, halfway)
    for name in starred - part.body.bound - IMPORT_SYSTEM - given:
        if not is_submodule(part.name, name, namespace):
            namespace.pop(name, None)


def drop_lacking(body: Body | None, namespace: dict[str, object], lacking: Mapping[str, frozenset[str]]) -> None:
    """Names leave that star imports brought, and do not bring in a fresh interpreter: by the modules halfway then."""
    if body is None:  # nothing is known
        return
    for module, names in lacking.items():
        source = space_of(module)
        for name in names - body.bound:
            if name in namespace and namespace[name] is source.get(name, namespace):
                del namespace[name]


def bring_unlisted(body: Body | None, namespace: dict[str, object], lacking: Mapping[str, frozenset[str]]) -> None:
    """Names come that star imports bring in a fresh interpreter before ``__all__`` is there, of the modules halfway."""
    for module, names in lacking.items():
        for name in unlisted(module).difference(names, namespace, body.bound if body is not None else ()):
            namespace[name] = space_of(module)[name]


def forget_overloads(module: str, journal: Journal) -> None:
    """Begin anew what `typing.get_overloads` knows of a module: those that left the source would go on in it."""
    known: Any = getattr(typing, "_overload_registry", {})  # CPython's own, as `typing.clear_overloads` empties it
    if module in known:
        journal.write(Item(known, module), defaultdict(dict))


def is_as_defined(former: dict[str, object], namespace: dict[str, object]) -> bool:
    """Whether the names of a namespace are there as they were, except for numbers and their like: nothing to patch."""
    for name, value in namespace.copy().items():
        before = former.get(name)
        if before is not value and name not in IMPORT_SYSTEM and not {id(type(value)), id(type(before))} <= ATOMS:
            return False
    return former.keys() <= namespace.keys()


def made_classes(namespace: dict[str, object], before: Collection[object]) -> list[object]:
    """The module's own classes in a namespace that were not there before."""
    classes = [each for each in namespace.copy().values() if issubclass(type(each), type)]
    known, owner = set(map(id, before)), str(namespace.get("__name__"))
    return [each for each in classes if id(each) not in known and is_own(each, owner)]
