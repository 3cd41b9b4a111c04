"""A host's part in a transaction: the plugins that it concerns are torn down, and set up again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from modreg import Decision, Foreseen, Step
from modreg.plugins._calls import Caller
from modreg.plugins._effects import Effects
from modreg.plugins._outcome import RefusalError, told
from modreg.plugins._places import Look
from modreg.plugins._unit import State, Unit, end

if TYPE_CHECKING:
    from modreg.plugins._works import Works


@attrs.define(eq=False)
class Turnover:
    """
    Takes part in one transaction of the registry.

    Args:
        works: The host.
        caller: Makes the calls.
        look: Says what a plugin is about to become.
        prove: Called with each plugin after its set-up; what it raises fails it.
        is_asking: Whether the rules have still to be asked about the plugins that turn out to be concerned.

    Attributes:
        steps: What the transaction does, or is going to do.
        units: The plugins concerned, each after those that it requires.
        looks: What each is about to become.
        notes: What went wrong on the way and stopped nothing.
        leaks: What the outgoing versions have left behind.
        blamed: The plugin whose set-up failed.
    """

    works: Works
    caller: Caller
    look: Callable[[Unit], Look]
    prove: Callable[[Unit], object]
    is_asking: bool = attrs.field(kw_only=True, default=False)
    steps: Collection[Step] = ()
    units: tuple[Unit, ...] = ()
    looks: dict[str, Look] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)
    leaks: list[str] = attrs.field(factory=list)
    blamed: Unit | None = None
    _down: list[Unit] = attrs.field(factory=list)
    _executing: Effects = attrs.field(factory=Effects)
    _watching: ExitStack = attrs.field(factory=ExitStack)
    _ending: BaseException | None = None

    # As a participant

    def begin(self, steps: Foreseen) -> None:
        """Ask the rules, leave a mark, and tear down, dependents first."""
        self.steps = steps
        self.units = self._foreseen(steps)
        self.looks = {unit.name: self.look(unit) for unit in self.units}
        pairs = tuple((unit, self.looks[unit.name]) for unit in self.units)
        for unit, look in pairs if self.is_asking else ():
            self.works.admit(unit, look, pairs)
        self.works.starting(*pairs)
        for unit in reversed(self.units):
            self._tear_down(unit)
        self._executing = Effects(tuple(unit.root for unit in self.units))
        self._watching.enter_context(self._executing.watched())

    def _foreseen(self, steps: Foreseen) -> tuple[Unit, ...]:
        """The plugins concerned; step by step that is worked out only where there may be more than there surely are."""
        sure, possible = self.works.concerned(steps.sure), self.works.concerned(steps.possible)
        if len(sure) == len(possible) and not any(map(self.works.is_protected, steps.possible)):
            return sure
        for step in steps:
            if step.decision is Decision.EXECUTE and self.works.is_protected(step.module):
                raise RefusalError("rule", f"it would execute {step.module} again, which the host protects")
        return self.works.concerned(changed(steps))

    def finish(self, steps: tuple[Step, ...]) -> None:
        """Set up what was running or broken, dependencies first; if one fails, all of them are let go of again."""
        self._watching.close()
        self._look_again(steps)
        done: list[Unit] = []
        for unit in self.units:
            if unit.state is State.DISABLED:
                continue
            done.append(unit)
            try:
                self.works.set_up(unit, self.caller)
                self.prove(unit)
            except BaseException:
                self.blamed = unit
                for each in reversed(done):
                    self._let_go(each, is_reported=each is not unit)
                raise

    def _look_again(self, steps: tuple[Step, ...]) -> None:
        """Take in the plugins of which nobody could foresee that they would be executed, too."""
        self.steps = steps
        foreseen = set(self.units)
        self.units = self.works.concerned([*(unit.root for unit in self.units), *changed(steps)])
        for unit in reversed(self.units):
            if unit not in foreseen:
                self.looks[unit.name] = self.look(unit)
                self._tear_down(unit)

    def _tear_down(self, unit: Unit) -> None:
        if unit.state is State.RUNNING:
            self.works.tell(unit.name, "tear-down")
            self._down.append(unit)
            self.notes += unit.save(self.caller)
            self._let_go(unit, is_reported=True)

    def abort(self, error: BaseException) -> None:
        """Set the former versions up again, dependencies first, each by itself."""
        self._watching.close()
        self.leaks += end(self._executing, self.caller)[1]
        for unit in reversed(self._down):
            self.works.tell(unit.name, "restore")
            if self._is_done(unit, unit.set_up, "be set up again"):
                self._is_done(unit, unit.hand_over, "take its state back")  # without that it runs all the same
            else:
                self._let_go(unit, is_reported=False)
                unit.state = State.BROKEN
        if self._ending is not None:
            raise self._ending

    def _is_done(self, unit: Unit, step: Callable[[Caller], None], what: str) -> bool:
        """Take a step on the way back; one that fails is a note, for the others have to be set up all the same."""
        try:
            step(self.caller)
        except BaseException as trouble:
            if not isinstance(trouble, Exception):  # it ends the program, and does so when all is as it can be
                self._ending = trouble
            said = f"the former version of {unit.name} could not {what}"
            self.notes.append(f"{said}: {told(trouble)}")
            return False
        return True

    # After the commit

    def settle(self) -> None:
        """
        Give what the executions began to the plugins, and end what those of the outgoing versions began.

        The latter stays until now, because a version that comes back is not executed again.
        """
        for unit in self.units:
            if unit.state is State.BROKEN:
                unit.state = State.RUNNING
            self._hand_over(unit, self._executing.of(unit.has))
        if self.units:
            self.units[0].executed.found += self._executing.found

    def _hand_over(self, unit: Unit, fresh: Effects) -> None:
        if not fresh.found and not unit.executed.found:
            return
        changed = {step.module for step in self.steps}
        is_whole = all(name in changed for name, _ in unit.modules())
        gone = unit.executed.of(lambda module: is_whole or module in changed)
        fresh.supersede(gone)
        notes, leaks = end(gone, self.caller)
        self.notes += notes
        self.leaks += leaks
        unit.executed.found += fresh.found

    def _let_go(self, unit: Unit, *, is_reported: bool) -> None:
        notes, leaks = unit.let_go(self.caller)
        self.leaks += leaks
        if is_reported:
            self.notes += notes


def changed(steps: Iterable[Step]) -> tuple[str, ...]:
    """The modules that come to hold something else: not those in which only positions move."""
    return tuple(step.module for step in steps if step.decision is not Decision.PATCH)
