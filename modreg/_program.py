"""The program itself: ``__main__`` is never executed again, and what it took from modules follows all the same."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib.machinery import SOURCE_SUFFIXES
from typing import Final

import attrs

from modreg import _scan, _source
from modreg._importer import space_of, spec_of
from modreg._refs import ANY, DEFINITIONS, Taken, taken_by
from modreg._scope import Scope
from modreg._source import Source
from modreg._view import is_given

MAIN: Final = "__main__"
_SUFFIXES: Final = tuple(SOURCE_SUFFIXES)


@attrs.define(eq=False)
class Program:
    """
    Which names the program itself took from modules, by its source as it was when it was first looked at.

    Args:
        scope: Its file is of concern only where that is in scope, by the name that it would be imported by.
    """

    _scope: Scope
    _module: object = None
    _name: str = ""
    _source: Source | None = None
    _taken: tuple[tuple[str, Taken], ...] | None = None
    _own: frozenset[str] = frozenset()

    def look(self) -> None:
        """Read the source of a program that was not there before."""
        module = sys.modules.get(MAIN)
        if module is not self._module:
            self._module, self._taken = module, None
            self._name, self._source = _read(space_of(MAIN).get("__file__"))

    def taken(self) -> Iterator[tuple[str, str, str]]:
        """Its names that it has by nothing but from-imports, each with a module and the name there."""
        self.look()
        if self._source is None or not self._scope.covers(self._name, self._source.path):
            return
        if self._taken is None:
            self._parse(self._source)
        package = str(space_of(MAIN).get("__package__") or "")
        for name, each in self._taken or ():
            module = _scan.absolute(each, package)
            theirs = space_of(module)
            names = [(name, each.name)] if name != ANY else [(n, n) for n in theirs.copy() if is_given(n, theirs)]
            yield from ((mine, module, given) for mine, given in names if mine not in self._own)

    def _parse(self, source: Source) -> None:
        """Find what from-imports bind, and what is bound otherwise."""
        try:
            nodes = [*_at_top(ast.parse(source.data))]
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # it was run otherwise, or is too deep
            nodes = []
        own = {each.id for each in nodes if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
        self._own = frozenset(own.union(each.name for each in nodes if isinstance(each, DEFINITIONS)))
        self._taken = tuple(each for node in nodes if isinstance(node, ast.ImportFrom) for each in taken_by(node))


def _read(path: object) -> tuple[str, Source | None]:
    """The name that a program would be imported by, and its source; none of what is no file, as a pipe is none."""
    spec = spec_of(MAIN)
    if type(path) is not str or not path.endswith(_SUFFIXES) or not os.path.isfile(path):
        return "", None
    try:
        name = spec.name if spec is not None else os.path.splitext(os.path.basename(path))[0]
        return name, _source.read(path)
    except (OSError, ValueError):
        return "", None


def _at_top(program: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the program does, but for what is inside functions and classes."""
    queue: list[ast.AST] = [*program.body]
    for node in queue:  # it grows while it is walked
        yield node
        if not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            queue.extend(ast.iter_child_nodes(node))
