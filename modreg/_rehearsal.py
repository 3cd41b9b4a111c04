"""What imports would come to in a fresh interpreter, told from the sources, without executing anything."""

from __future__ import annotations

import builtins
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
        misled: The modules that needed a name of one that was halfway, which did not have it yet.
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
            return self._has_all(self._executing[-1], base)
        return all(self._has(base, name) for name in each.names)

    def _has_all(self, name: str, base: str) -> bool:
        """Note what a star import of *name* does not bring if *base* is halfway; whether it goes without that."""
        to_come = self._to_come(base)
        if to_come is None:
            return True
        lacking = frozenset(each for each in to_come if not each.startswith("_"))
        self.fewer.setdefault(name, {})[base] = lacking
        if self._is_going_without(name, base, lacking):
            return True
        self._mislead(name)
        return False

    def _to_come(self, base: str) -> frozenset[str] | None:
        """The names that a module that is halfway certainly does not have yet; `None` of another."""
        read, at = self.begun.get(base, (None, None))
        body = read() if read is not None and at is not None else None
        if body is None or at is None:
            return None
        return body.to_come(at.line or 0).difference(*self._starred(base, at))

    def _is_going_without(self, name: str, base: str, lacking: frozenset[str]) -> bool:
        """Whether the execution of a module reads none of the names that it has from nowhere else."""
        body = self.begun[name][0]()
        others = self._starred(name, but=base) if lacking else ()
        return body is None or not body.reads(lacking.difference(vars(builtins), *others))

    def _starred(self, name: str, until: Import | None = None, but: str = "") -> list[dict[str, object]]:
        """The namespaces of what a module imports with a star, up to one of its imports, and but for one module."""
        found = self._read(name)
        package, imports = found[:2] if found is not None else ("", ())
        stars = (each for each in takewhile(lambda each: each is not until, imports) if "*" in each.names)
        return [space_of(base) for base in (_scan.absolute(each, package) for each in stars) if base != but]

    def _mislead(self, name: str) -> None:
        self._is_halfway = True
        self.misled.add(name)

    def _has(self, module: str, name: str) -> bool:
        """Whether a module has a name, be it that of a submodule; one that has ended, or takes no part, has it."""
        read, at = self.begun.get(module, (None, None))
        is_submodule = f"{module}.{name}" in sys.modules
        if read is None:  # what is in a package that takes no part may do so
            return not is_submodule or self.run(f"{module}.{name}")
        if at is None and name in space_of(module) and not is_submodule:
            return True
        body, to_come = read(), self._to_come(module) or ()
        is_bound = body is None or (name in body.bound and name not in to_come)
        if is_bound or self.run(f"{module}.{name}") or name not in to_come:
            return True
        self._mislead(self._executing[-1])
        return False
