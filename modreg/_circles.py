"""What the sources of a plan make of the circles of imports."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from modreg._arrivals import Arrivals, brought
from modreg._draft import Part
from modreg._edges import edges_to, strongest
from modreg._history import History
from modreg._importer import space_of
from modreg._journal import MISSING
from modreg._model import Edge
from modreg._rehearsal import Rehearsal, Role
from modreg._scan import Import, absolute
from modreg._scope import packages_of
from modreg._stars import Fewer


@attrs.define(eq=False, slots=False)
class Circles:
    """
    Which circles there are, where they are entered, and who fails in one, with the sources of a plan.

    Args:
        parts: The modules of the plan.
        history: The versions of the modules.
        by_start: Puts names in the order in which their first execution began.
        arrivals: The modules that are not loaded.

    Attributes:
        names: All that may take part.
        is_entered_anew: Whether one of the parts imports something else than before, or in another order, and there are
            circles.
        is_led_back: Whether what is imported for the first time leads one of them back to itself.
    """

    parts: Mapping[str, Part]
    history: History
    by_start: Callable[[Iterable[str]], tuple[str, ...]]
    arrivals: Arrivals
    names: tuple[str, ...] = ()
    is_entered_anew: bool = attrs.field(init=False, default=False)
    is_led_back: bool = attrs.field(init=False, default=False)
    _known: dict[tuple[str, ...], Rehearsal] = attrs.field(init=False, factory=dict)
    _fewer: dict[tuple[str, ...], Fewer] = attrs.field(init=False, factory=dict)

    def graph_with(self, graph: Mapping[str, dict[str, Edge]]) -> dict[str, dict[str, Edge]]:
        """A graph in which the parts have the edges of their new code, and of what that brings."""
        imports = {name: part.imports for name, part in self.parts.items() if name in graph}
        packages = {name: self.parts[name].record.package for name in imports}
        new = {n: x for n, x in imports.items() if x != self.parts[n].record.read() or any(brought(x, packages[n]))}
        edges = {name: [*self._edges(name, each, packages[name])] for name, each in new.items()}
        self.is_entered_anew = bool(new)
        self.is_led_back = any(edge.dependency == name for name, every in edges.items() for edge in every)
        return {**graph, **{name: strongest(every) for name, every in edges.items()}}

    def _edges(self, name: str, imports: Iterable[Import], package: str) -> Iterator[Edge]:
        """
        What a module uses of the loaded ones, by its imports and by those of the modules that these bring.

        A module that is imported for the first time may lead back, round a circle that no loaded one tells of.
        """
        yield from edges_to(name, imports, package)
        queue, seen = [*brought(imports, package)], set[str]()
        for each in queue:  # it grows while it is walked
            found = self.arrivals.read(each) if each not in seen else None
            seen.add(each)
            if found is not None:
                base, body = found
                yield from edges_to(name, body.imports, base)
                queue.extend(brought(body.imports, base))

    def order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names in the order in which a fresh interpreter begins to execute them, where it enters a circle anew."""
        begun = self._entered.begun if self._entered is not None else {}
        ranks = {name: rank for rank, name in enumerate(begun)}
        return tuple(sorted(self.by_start(names), key=lambda name: ranks.get(name, len(ranks))))

    def around(self, name: str) -> tuple[str, ...]:
        """
        The modules in whose execution a fresh interpreter begins another, innermost first.

        None where the innermost is loaded: then those that are executed ask for it as they did before.
        """
        found: list[str] = []
        within = self._entered.within if self._entered is not None else {}
        while name := within.get(name, ""):
            found.append(name)
        return tuple(found) if found and found[0] not in sys.modules else ()

    @functools.cached_property
    def _entered(self) -> Rehearsal | None:
        """
        What a fresh interpreter does; `None` where it does as before, or would fail.

        Where it fails as the modules came before, it may succeed where those that are new come first.
        """
        names = self.by_start(self.names) if self.is_entered_anew else ()
        rehearsal = self._succeeding(names)
        return rehearsal if names and rehearsal.failed.isdisjoint(names) else None

    def _succeeding(self, names: tuple[str, ...]) -> Rehearsal:
        """
        What a fresh interpreter comes to that imports modules one by one: as they came, or in another order.

        The other order is asked for where some of them would never come through, and where the program would end with
        an error that nobody sees here, as those that lack a name find the former one; and where who imports one that
        came later than the program would go on without it, though it has it now.
        """
        first = self._rehearsed(names)
        is_hidden = first.is_broken and first.misled.issubset(names)
        late = first.failed.intersection(self._later(names))
        is_lost = any(self._has_now(user, each) for each in late for user in first.caught.intersection(names))
        if is_hidden or not first.begun.keys() >= {*names} or is_lost:
            return next(self._otherwise(first, names), first)
        return first

    def _has_now(self, user: str, name: str) -> bool:
        """Whether a module got what it imports of another, where it may catch that it does not."""
        record, had = self.history.current(user), set(map(id, space_of(user).copy().values()))
        found = [each for each in record.read() if each.is_guarded and absolute(each, record.package) == name]
        taken = [[space_of(name).get(n, MISSING) for n in each.names] or [sys.modules.get(name)] for each in found]
        return any(had.issuperset(map(id, each)) for each in taken)

    def _otherwise(self, first: Rehearsal, names: tuple[str, ...]) -> Iterator[Rehearsal]:
        """
        What it comes to in other orders in which none of the modules fails.

        They begin with those that are new, or with one that came later than the program itself.
        """
        new = [name for name in first.within if name not in sys.modules]
        tried = (self._rehearsed(names, each) for each in (new, *([name] for name in self._later(names))))
        return (each for each in tried if each.failed.isdisjoint(names))

    def _later(self, names: tuple[str, ...]) -> list[str]:
        """Those that came later than the program itself, the last first."""
        return [name for name in reversed(names) if self.history.first(name).revision]

    def catching(self, members: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a circle that catch what goes wrong when they import another, or one not loaded that leads back."""
        return tuple(name for name in members if self._is_catching(name, members))

    def _is_catching(self, name: str, members: tuple[str, ...]) -> bool:
        record = self.history.current(name)
        imports = self.parts[name].imports if name in self.parts else record.read()
        caught = [each for each in imports if each.is_toplevel and each.is_guarded]
        edges = self._edges if name in self.parts else edges_to  # who is left alone imports nothing new
        asked = [edge.dependency for edge in edges(name, caught, record.package)]
        around = {package for each in asked for package in packages_of(each)}.difference(packages_of(name))
        return not around.union(asked).isdisjoint(members)

    def caught(self, members: tuple[str, ...]) -> frozenset[str]:
        """Those of a circle that catch, in a fresh interpreter, that another one is halfway."""
        return frozenset(self._alone(members).caught)

    def fewer(self, members: tuple[str, ...]) -> Fewer:
        """For each of a circle what star imports do not bring in a fresh interpreter, by the modules halfway then."""
        names = self.names if self.is_entered_anew else members
        if names not in self._fewer:
            rehearsal = self._entered if self.is_entered_anew else self._alone(members)
            self._fewer[names] = {} if rehearsal is None else self._fewest(rehearsal, self.by_start(names))
        return self._fewer[names]

    def fewer_before(self) -> Fewer:
        """The same for all that may take part, with the sources that are current."""
        names = self.by_start(self.names)
        return self._before._fewest(self._before._rehearsed(names), names)

    def caught_otherwise(self) -> list[str]:
        """The modules that go on without what they import only now, or no more: their circle is entered elsewhere."""
        now, before = self._entered, self._before._succeeding(self.by_start(self.names))
        if now is None or not before.begun.keys() >= {*self.names}:
            return []
        return [name for name in self.names if (name in now.caught) != (name in before.caught)]

    @functools.cached_property
    def _before(self) -> Circles:
        """The same with the sources that are current."""
        return attrs.evolve(self, parts={})

    def _fewest(self, first: Rehearsal, names: tuple[str, ...]) -> Fewer:
        """What is not brought, unless there is another order of imports in which all is."""
        others = self._otherwise(first, names) if first.is_lacking else ()
        found = next((each for each in others if not each.is_lacking), first)
        return {} if not found.failed.isdisjoint(names) else found.fewer

    def _alone(self, members: tuple[str, ...]) -> Rehearsal:
        """What a fresh interpreter comes to in a circle by itself."""
        if members not in self._known:
            self._known[members] = self._succeeding(self.order(members))
        return self._known[members]

    def _rehearsed(self, names: Iterable[str], new: Iterable[str] = ()) -> Rehearsal:
        """
        What a fresh interpreter comes to that imports modules one by one, after *new* ones.

        It fails as a whole where the imports go deeper than the stack: they were not begun in this order.
        """
        order = dict.fromkeys(names)
        rehearsal = Rehearsal(functools.partial(self._read, order), self._is_there)
        try:
            for name in (*new, *order):
                rehearsal.is_broken |= not rehearsal.run(name)
        except RecursionError:
            rehearsal.failed.update(order)
        return rehearsal

    def _read(self, names: Iterable[str], name: str) -> Role | None:
        if name in names or (name in self.history.records and name in sys.modules):
            record, part = self.history.current(name), self.parts.get(name)
            if part is not None:
                return record.package, part.imports, lambda: part.body
            return record.package, record.read(), record.skimmed
        found = None if name in sys.modules else self.arrivals.read(name)
        return None if found is None else (found[0], found[1].imports, lambda: found[1])

    def _is_there(self, name: str) -> bool:
        return name in sys.modules or self.arrivals.is_there(name)
