"""The modules that are not loaded, and that what is going to be executed imports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec
from typing import Any

import attrs

from modreg import _scan, _source
from modreg._importer import space_of
from modreg._scan import Import
from modreg._scope import Scope, packages_of
from modreg._spec import is_plain, path_of_parent, read_quietly
from modreg._statements import Body

Find = Callable[[str, Any], ModuleSpec | None]
"""Looks for a module, given its package's folders, `None` for one that is in no package."""


@attrs.define(eq=False)
class Arrivals:
    """
    What the files of modules say that may be imported for the first time; each is found and read once.

    Args:
        scope: What is in it is read.
        find: Looks for a module.
    """

    _scope: Scope
    _find: Find
    _specs: dict[str, ModuleSpec | None] = attrs.field(init=False, factory=dict)
    _bodies: dict[str, tuple[str, Body] | None] = attrs.field(init=False, factory=dict)

    def is_there(self, name: str) -> bool:
        """Whether a module is in scope, and can be imported."""
        return self._spec(name) is not None

    def read(self, name: str) -> tuple[str, Body] | None:
        """The package and the body of a module; `None` if they cannot be told."""
        if name not in self._bodies:
            self._bodies[name] = _read(self._spec(name))
        return self._bodies[name]

    def _spec(self, name: str) -> ModuleSpec | None:
        if name not in self._specs:
            package = self._specs.get(name.rpartition(".")[0])
            path = path_of_parent(name) if package is None else package.submodule_search_locations
            spec = self._find(name, path) if path is not None or "." not in name else None
            self._specs[name] = spec if spec is not None and self._scope.covers(name, spec.origin) else None
        return self._specs[name]


def _read(spec: ModuleSpec | None) -> tuple[str, Body] | None:
    source = read_quietly(spec, spec.origin) if spec is not None and is_plain(spec) else None
    if spec is None or source is None:
        return None
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # its import will say so
        return spec.parent or "", Body.of_code(_source.compile_source(source))
    return None


def brought(imports: Iterable[Import], package: str) -> Iterator[str]:
    """The modules that imports may bring: those not loaded that they ask for at the top level, packages first."""
    bases = ((each, _scan.absolute(each, package)) for each in imports if each.is_toplevel)
    for each, base in bases:
        inside = (f"{base}.{name}" for name in each.names if name != "*" and name not in space_of(base))
        asked = (*reversed([base, *packages_of(base)]), *inside) if base else ()
        yield from (full for full in asked if full not in sys.modules)
