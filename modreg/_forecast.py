"""What executions will make necessary, told from the sources before they are executed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

import attrs

from modreg._matters import Level
from modreg._needs import Needs
from modreg._view import View


@attrs.define(eq=False)
class Forecast:
    """
    What an execution of some modules will make necessary among others.

    Attributes:
        needs: What is known of the transaction.
        seeds: The modules that are going to be executed, each with what reads its new source.
        order: All that may have to be executed, dependencies first; what was asked of later comes behind.
    """

    needs: Needs
    seeds: dict[str, Callable[[], View]]
    order: list[str]
    _expected: Needs = attrs.field(init=False)
    _told: set[str] = attrs.field(init=False, factory=set)
    _foreseen: set[str] = attrs.field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        self._expected = self.needs.expecting(self.seeds)
        self._limit()
        self._follow()

    @property
    def affected(self) -> dict[str, str]:
        """The modules that will have to be executed for others, each with the reason."""
        return {name: why for name, why in self._expected.affected.items() if name not in self.seeds}

    @property
    def rebound(self) -> dict[str, list[str]]:
        """Of the others the names that will have to be rebound."""
        left = self._expected.rebinds.keys() - self._expected.affected.keys() - self.seeds.keys()
        return {name: sorted(self._expected.rebinds[name]) for name in left}

    def go_on(self, seeds: Mapping[str, Callable[[], View]], order: Iterable[str]) -> None:
        """Go on from what has shown since, mostly no more than what was expected, with more modules perhaps."""
        for name, read in {**seeds, **self.needs.renewed}.items():
            if name not in self._expected.renewed:
                self._expected.renew(name, read)
        self.seeds.update(seeds)
        known = {*self.order}
        if more := [name for name in dict.fromkeys(order) if name not in known]:
            self.order.extend(more)
            self._limit()
        self._learn()
        self._follow()

    def _learn(self) -> None:
        """Take in what has shown; what those compute who use something that was not expected is told once more."""
        for name, why in self.needs.affected.items():
            if name not in self.needs.formulas:  # of these changes tell, or have told
                self._expected.affect(name, why)
        known = self._expected.levels
        found = [(*each, level) for each, level in self.needs.levels.items() if known.get(each, 0) < level]
        for module, name, level in found:
            if level is Level.FILLED:  # whose turn was before has never seen it: whom it concerns is told above
                known[module, name] = level
                self._expected.changed.setdefault(module, set()).add(name)
            else:
                self._expected.change(module, {name: level})
        self._told.difference_update(*map(self._expected.users_of, {module for module, _, _ in found}))

    def _limit(self) -> None:
        """Have a change be followed where it can make a difference among these modules."""
        wanted, reached = frozenset(self.order), self.needs.reached
        self._expected.reached = functools.cache(lambda name: wanted.intersection(reached(name)))

    def _follow(self) -> None:
        self._expected.executed.update(self.needs.executed)
        while ready := [name for name in self.order if self._is_ready(name)]:
            for name in ready:
                self._told.add(name)
                if self._expected.is_followed(name):
                    self._expect(name)

    def _is_ready(self, name: str) -> bool:
        is_going = name in self.seeds or name in self._expected.affected
        return is_going and not (name in self._told or name in self.needs.executed)

    def _expect(self, name: str) -> None:
        """Note what an execution will change."""
        since = len(self._expected.levels)
        if name in self._foreseen:
            self._expected.compute(name)
        else:
            self._expected.foresee(name, self.needs.view(name))
        self._foreseen.add(name)
        stirred = {each for each, _ in islice(self._expected.levels, since, None)}
        self._told -= stirred - {name}  # in a circle they were told too early
