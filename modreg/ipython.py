"""
For IPython and notebooks: what was edited is brought up to date before each cell.

A cell says so once::

    %load_ext modreg.ipython
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs

import modreg

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_USAGE = "usage: %modreg [on | off]; without a word what was edited is brought up to date now"
_GONE = object()


@attrs.define(eq=False)
class _Session:
    """
    What the extension does for one shell.

    Attributes:
        shell: IPython's `InteractiveShell`.
        is_on: Whether a cell begins with a refresh.
        taken: The names that cells took from modules, each with the module, its name there and what it stands for.
        ends: What undoes what was begun.
    """

    shell: Any  # IPython need not be there for its types
    is_on: bool = True
    taken: dict[str, tuple[str, str, object]] = attrs.field(factory=dict)
    ends: list[Callable[[], object]] = attrs.field(factory=list)

    def begin(self) -> None:
        if not modreg.is_installed():
            modreg.install(state="keep")
            self.ends.append(modreg.uninstall)
        self.ends.append(modreg.subscribe(self._follow))
        for event, callback in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            self.shell.events.register(event, callback)
            self.ends.append(partial(self.shell.events.unregister, event, callback))
        self.shell.register_magic_function(self._magic, "line", "modreg")
        self.ends.append(lambda: self.shell.magics_manager.magics["line"].pop("modreg", None))

    def end(self) -> None:
        while self.ends:
            self.ends.pop()()

    def _before(self, _info: object) -> None:
        if self.is_on:
            self._refresh()

    def _refresh(self) -> None:
        """Tell what was done, or why nothing was; the cell runs in any case."""
        try:
            done = modreg.refresh()
        except modreg.ModregError as error:
            print(f"modreg: {error}", file=sys.stderr)
            return
        if done:
            print(done)

    def _magic(self, line: str) -> None:
        """Bring what was edited up to date, or say whether each cell begins with that: ``on`` or ``off``."""
        word = line.strip()
        if not word:
            self._refresh()
        elif word in ("on", "off"):
            self.is_on = word == "on"
        else:
            print(_USAGE, file=sys.stderr)

    # The names of cells

    def _after(self, result: Any) -> None:  # an ExecutionResult, as above
        """Note what a cell took from modules, and that names which it bound otherwise are its own."""
        try:
            tree = ast.parse(self.shell.transform_cell(result.info.raw_cell))
        except SyntaxError:  # which the shell has told
            return
        for statement in tree.body:
            for name in _bound(statement):
                self.taken.pop(name, None)
            for mine, module, theirs in _taken(statement):
                value = _value(module, theirs)
                if value is not _GONE and self.shell.user_ns.get(mine) is value:
                    self.taken[mine] = module, theirs, value

    def _follow(self, event: modreg.Event) -> None:
        """Give names that cells took from modules what these stand for now, where they were not bound otherwise."""
        if not isinstance(event, modreg.TransactionCommitted):
            return
        names = self.shell.user_ns
        for mine, (module, theirs, value) in list(self.taken.items()):
            now = _value(module, theirs)
            if names.get(mine, _GONE) is not value:
                del self.taken[mine]
            elif now is not _GONE:
                names[mine] = now
                self.taken[mine] = module, theirs, now


def _names(module: str) -> dict[str, object]:
    found: dict[str, object] = getattr(sys.modules.get(module), "__dict__", {})
    return found


def _value(module: str, name: str) -> object:
    return _names(module).get(name, _GONE)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement may bind, but for its imports."""
    for each in ast.walk(statement):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id
        elif isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield each.name


def _taken(statement: ast.stmt) -> Iterator[tuple[str, str, str]]:
    """The names that a statement may take from modules, each with the module and its name there."""
    for each in ast.walk(statement):
        if isinstance(each, ast.ImportFrom) and each.module and not each.level:
            for alias in each.names:
                names = [*_names(each.module)] if alias.name == "*" else [alias.name]
                yield from ((alias.asname or name, each.module, name) for name in names)


_sessions: dict[int, _Session] = {}


def load_ipython_extension(shell: Any) -> None:
    """
    Begin each cell with a refresh: what IPython calls for ``%load_ext modreg.ipython``.

    modreg is installed with ``state="keep"`` if it is not installed yet.  What was done is printed, and so is why
    nothing was: the cell runs in any case.  Names that cells took from modules (``from tax import RATE``) get what
    they stand for now, plain values too.  ``%modreg off`` and ``%modreg on`` say whether cells begin so, and
    ``%modreg`` alone refreshes at once.

    Args:
        shell: The `IPython.core.interactiveshell.InteractiveShell`.

    .. versionadded:: 0.1.0
    """
    session = _sessions.setdefault(id(shell), _Session(shell))
    if not session.ends:
        session.begin()


def unload_ipython_extension(shell: Any) -> None:
    """
    Leave the shell as it was: what IPython calls for ``%unload_ext modreg.ipython``.

    modreg is uninstalled if the extension installed it.

    Args:
        shell: As for :func:`load_ipython_extension`.

    .. versionadded:: 0.1.0
    """
    session = _sessions.pop(id(shell), None)
    if session is not None:
        session.end()
