"""Which modules modreg may execute again."""

from __future__ import annotations

import os
import site
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import SOURCE_SUFFIXES
from typing import Final

import attrs

OWN: Final = ("modreg", "attr", "attrs", "packaging")
"""modreg and what it imports: executing these would change the tool at work."""

# These are all top-level.
_NEVER = frozenset((*OWN, "__main__"))
_SOURCES = tuple(SOURCE_SUFFIXES)


def _installed() -> tuple[str, ...]:
    """The folders of the standard library and of installed distributions, each with its separator."""
    found = {sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update(getattr(site, "getsitepackages", list)())  # not there in some frozen applications
    found.add(site.USER_SITE or "")
    found.add(os.path.dirname(os.__file__))
    real = {os.path.realpath(folder) for folder in found if folder}
    return tuple(sorted(os.path.join(folder, "") for folder in found | real if folder))


def packages_of(name: str) -> Iterator[str]:
    """The packages that a module is in, innermost first."""
    while name := name.rpartition(".")[0]:
        yield name


def is_under(name: str, root: str) -> bool:
    """Whether *name* is *root* or a module below it; roots match on dots, never on substrings."""
    return name == root or name.startswith(root + ".")


def is_under_one(name: str, roots: Iterable[str]) -> bool:
    """Whether *name* is one of *roots* or a module below one."""
    return any(is_under(name, root) for root in roots)


@attrs.define(eq=False)
class Scope:
    """
    The modules whose sources are recorded and that may be executed again.

    Attributes:
        roots: Absolute module names, each with all below it; `None` stands for everything outside the
            standard library and the folders of installed distributions.
        asked: Names that an explicit reload put in scope.
        included: Roots that are in scope besides.
        installed: Folders whose modules are out of scope unless a root names them.
        changes: How often any of them changed.
    """

    roots: tuple[str, ...] | None = None
    asked: set[str] = attrs.field(factory=set)
    included: set[str] = attrs.field(factory=set)
    installed: tuple[str, ...] = attrs.field(factory=_installed)
    changes: int = 0
    _known: dict[tuple[str, str | None], bool] = attrs.field(factory=dict)

    def limit(self, roots: tuple[str, ...] | None) -> None:
        """Take other roots."""
        self.roots = roots
        self._change()

    def include(self, roots: Iterable[str]) -> None:
        """Put more roots in scope."""
        self.included.update(roots)
        self._change()

    def ask(self, name: str) -> None:
        """Put one more module in scope."""
        if name not in self.asked:
            self.asked.add(name)
            self._change()

    def _change(self) -> None:
        self._known.clear()
        self.changes += 1

    def covers(self, name: str, origin: str | None) -> bool:
        """Whether the module *name*, found at *origin*, is in scope."""
        verdict = self._known.get((name, origin))
        if verdict is None:
            verdict = self._known[name, origin] = self._covers(name, origin)
        return verdict

    def _covers(self, name: str, origin: str | None) -> bool:
        # Every import comes through here once: no generator, no call that can be spared.
        if origin is None or not origin.endswith(_SOURCES) or name.partition(".")[0] in _NEVER:
            return False
        if name in self.asked or (self.included and is_under_one(name, self.included)):
            return True
        if self.roots is not None:
            return is_under_one(name, self.roots)
        return not origin.startswith(self.installed)
