"""What imports would come to in a fresh interpreter, told from the sources, without executing anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import takewhile

import attrs

from modreg import _scan
from modreg._importer import space_of
from modreg._scan import Import
from modreg._scope import packages_of
from modreg._statements import Body

Role = tuple[str, Iterable[Import], Callable[[], Body | None]]
"""A module's package, its imports, and what gives its body, which may have to be compiled."""


@attrs.define(eq=False)
class Rehearsal:
    """
    Modules that are imported one after the other, each with all that it imports itself.

    Args:
        read: Gives the package and the imports of a module that takes part, and what gives its body; or `None`.
        is_there: Whether another module can be imported.

    Attributes:
        caught: The modules that went on after an import of theirs had failed because another was halfway.
        failed: The modules that were given up, for the first time at least.
        misled: The modules that asked one that was halfway for a name that it did not have yet.
        is_broken: Whether an import that no module asked for failed.
        begun: The modules that were not given up, in the order in which they began, each with what gives its body and
            the import that it is at; `None` when it has ended.
        within: The module in whose execution each of them began; ``""`` for none.
        fewer: For modules the names that star imports of theirs did not bring, by the modules that were halfway.
    """

    _read: Callable[[str], Role | None]
    _is_there: Callable[[str], bool]
    caught: set[str] = attrs.field(init=False, factory=set)
    failed: set[str] = attrs.field(init=False, factory=set)
    misled: set[str] = attrs.field(init=False, factory=set)
    is_broken: bool = attrs.field(init=False, default=False)
    begun: dict[str, tuple[Callable[[], Body | None], Import | None]] = attrs.field(init=False, factory=dict)
    within: dict[str, str] = attrs.field(init=False, factory=dict)
    fewer: dict[str, dict[str, frozenset[str]]] = attrs.field(init=False, factory=dict)
    _executing: list[str] = attrs.field(init=False, factory=lambda: [""])
    _is_halfway: bool = attrs.field(init=False, default=False)

    @property
    def is_lacking(self) -> bool:
        """Whether a star import did not bring a name."""
        return any(names for each in self.fewer.values() for names in each.values())

    def run(self, name: str) -> bool:
        """Import a module, after the packages that it is in; whether that succeeds."""
        return all(each in self.begun or self._execute(each) for each in (*reversed([*packages_of(name)]), name))

    def _execute(self, name: str) -> bool:
        found = self._read(name)
        if found is None:
            return self._is_there(name)
        self.within[name] = self._executing[-1]
        self._executing.append(name)
        try:
            return self._go_through(name, *found)
        finally:
            self._executing.pop()

    def _go_through(self, name: str, package: str, imports: Iterable[Import], body: Callable[[], Body | None]) -> bool:
        for each in (each for each in imports if each.is_toplevel):
            self.begun[name] = body, each
            if self._import(each, _scan.absolute(each, package)) or not self._is_halfway:
                continue  # what is missing altogether is caught, or not asked for
            if not each.is_guarded:
                del self.begun[name]
                self.failed.add(name)
                return False
            self.caught.add(name)
            self._is_halfway = False
        self.begun[name] = body, None
        return True

    def _import(self, each: Import, base: str) -> bool:
        if not base:
            return True
        if not self.run(base):
            return False
        if "*" in each.names:
            self._note_fewer(self._executing[-1], base)
        return all(self._has(base, name) for name in each.names if name != "*")

    def _note_fewer(self, name: str, base: str) -> None:
        """Note what a star import of *name* does not bring if *base* is halfway: what has no name there yet."""
        read, at = self.begun.get(base, (None, None))
        found = self._read(base)
        if read is None or at is None or found is None:
            return
        body = read()
        if body is None:
            return
        package, imports, _ = found
        earlier = takewhile(lambda each: each is not at, imports)
        stars = [space_of(_scan.absolute(each, package)) for each in earlier if "*" in each.names]
        to_come = body.to_come(at.line or 0).difference(*stars)
        self.fewer.setdefault(name, {})[base] = frozenset(each for each in to_come if not each.startswith("_"))

    def _has(self, module: str, name: str) -> bool:
        """Whether a module has a name, be it that of a submodule; one that has ended, or takes no part, has it."""
        read, at = self.begun.get(module, (None, None))
        is_known = at is None and name in space_of(module) and f"{module}.{name}" not in sys.modules
        if read is None or is_known:
            return True
        body = read()
        bound = None if body is None else body.bound if at is None else body.bound_before(at.line or 0)
        if body is None or bound is None or name in bound or self.run(f"{module}.{name}"):
            return True
        if at is not None and name in body.bound:
            self._is_halfway = True
            self.misled.add(self._executing[-1])
        return at is None
