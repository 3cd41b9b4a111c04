"""How a host does what it is asked for: load, reload, roll back, disable, unload, prove."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable

import attrs

from modreg import Decision, ModregError, ReloadError, Transaction
from modreg.plugins._calls import Caller
from modreg.plugins._desk import Action, failure
from modreg.plugins._gate import Gate
from modreg.plugins._holders import Remains
from modreg.plugins._metadata import MetadataError
from modreg.plugins._outcome import Kind, Outcome, PluginVersion, RefusalError, told
from modreg.plugins._places import Look, PlaceError
from modreg.plugins._turnover import Turnover, changed
from modreg.plugins._unit import NOTHING, Check, Probation, State, Unit, end

_LOG = logging.getLogger("modreg.plugins")


@attrs.define(eq=False)
class Works(Gate):
    """Every action on a plugin."""

    def set_up(self, unit: Unit, caller: Caller) -> None:
        """Set a plugin up, and give it what was saved."""
        self.tell(unit.name, "set-up")
        unit.set_up(caller)
        unit.hand_over(caller)

    def starting(self, *units: tuple[Unit, Look]) -> None:
        """
        Leave a mark that these are being started.

        Those that run on the sources that they had are not to blame while another one's are new.
        """
        new = [(unit, look) for unit, look in units if unit.current is None or unit.current.source_hash != look.hash]
        for unit, look in new or units:
            self.ledger.of(unit.name).starting = look.hash
        self.ledger.save(*(unit.name for unit, _ in new or units))

    # Versions

    def _record(self, unit: Unit, look: Look, action: Action, restores: int | None = None) -> None:
        version = PluginVersion(
            number=len(unit.versions) + 1,
            source_hash=look.hash,
            declared=look.metadata.version,
            requires=tuple(map(str, look.metadata.requires)),
            revision=self.registry.revision,
            action=action.name,
            restores=restores,
            loading=unit.loading,
            by=action.by,
            reason=action.reason,
            created=self.clock(),
        )
        unit.versions.append(version)
        unit.looks[version.number] = look
        for name in look.metadata.names:
            self.askers.setdefault(name, {})[unit.name] = None

    def _settle(self, unit: Unit, action: Action | None = None) -> None:
        """After a version came: it is good, or on probation if the *action* wants that."""
        unit.saved = NOTHING
        self._keep(unit)
        if action is not None and action.confirm_within is not None:
            back = unit.good if unit.good and unit.versions[unit.good - 1].loading == unit.loading else 0
            unit.probation = Probation(until=self.clock() + action.confirm_within, check=action.check, back=back)
        else:
            self._praise(unit)

    def _keep(self, unit: Unit) -> None:
        """Keep the files of the version in force, if the host wants that; if it cannot be done, that is no failure."""
        assert unit.current is not None
        try:
            if self.copies is not None:
                good = self.ledger.of(unit.name).good
                self.copies.take(unit.name, unit.place, unit.current.source_hash, good)
        except (OSError, PlaceError, MetadataError, SyntaxError) as error:
            self.ledger.lapse = f"the files of {unit.name} could not be kept: {told(error)}"
            _LOG.warning("%s", self.ledger.lapse)

    def _praise(self, unit: Unit) -> None:
        """The version in force is good."""
        version = unit.current
        assert version is not None
        unit.probation, unit.good = None, version.number
        memory = self.ledger.of(unit.name)
        memory.good, memory.good_at, memory.starting = version.source_hash, version.created, ""
        memory.good_version = str(version.declared or "")

    def _unmark(self, *units: Unit) -> None:
        """The action on these is over: their marks go, except that of a version on probation."""
        for unit in units:
            current = unit.current
            self.ledger.of(unit.name).starting = current.source_hash if unit.probation and current else ""
        if units:
            self.ledger.save(*(unit.name for unit in units))

    # Load

    def load(self, unit: Unit, action: Action) -> Outcome:
        """Execute and set up a plugin that is not loaded; enable one that is."""
        if unit.is_loaded:
            if unit.state is State.RUNNING:
                return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is loaded already")
            return self.enable(unit, action)
        _need_seconds(action.confirm_within)
        look = self.read(unit)
        self._need_room(unit)
        self.admit(unit, look)
        self.ask(unit, action, look)
        if unit.root in sys.modules:  # somebody imported it, perhaps long ago
            brought = self.reload((unit,), attrs.evolve(action, confirm_within=None, check=None))[0]
            if not brought:
                return attrs.evolve(brought, kind=Kind.FAILED)
        self.starting((unit, look))
        try:
            return self._load_now(unit, look, action)
        finally:
            self._unmark(unit)

    def _need_room(self, unit: Unit) -> None:
        """Refuse a load whose import would find something else."""
        if self.finder not in sys.meta_path:
            said = f"the host {self.name} is closed, or another has taken {self.finder.package} over"
            raise RefusalError("rule", said)
        former = getattr(sys.modules.get(unit.root), "__file__", None)
        coming = unit.place.spec(unit.root) if former is not None else None
        if coming is not None and coming.origin != former:
            raise RefusalError("find", f"{unit.root} is loaded already, from {former}")

    def let_in(self, root: str) -> None:
        """
        Let a plugin be imported that is loaded, or is about to be.

        Another one's import asks none of the rules, leaves no mark that it is being started, and sets nothing up.

        Raises:
            ImportError: It is not.
        """
        unit = self.roots.get(root)
        if unit is not None and not unit.is_loaded and not self.ledger.of(unit.name).starting:
            said = f"who needs it says __requires__ = [{unit.name!r}] and is loaded after it"
            raise ImportError(f"plugin {unit.name} is not loaded; {said}", name=root)

    def _load_now(self, unit: Unit, look: Look, action: Action) -> Outcome:
        before = {name for name, _ in unit.modules()}
        phase = "execute"
        try:
            with unit.executed.watched():
                importlib.import_module(unit.root)
            phase = "set-up"
            self.set_up(unit, action.caller)
            _prove_now(unit, action)
        except BaseException as error:  # whatever it is, nothing of the plugin may stay
            notes, leaks = self._take_out(unit, action, before, is_set_up=phase == "set-up")
            if not isinstance(error, Exception):
                raise
            return self.failed(Kind.FAILED, unit, action, error, phase=phase, notes=notes, leaks=leaks)
        self.ledger.of(unit.name).is_enabled = True
        return self._begun(unit, look, action)

    def _begun(self, unit: Unit, look: Look, action: Action) -> Outcome:
        """A plugin is loaded and set up: its first version of this loading is in force."""
        unit.state = State.RUNNING
        unit.loading += 1
        self._record(unit, look, action)
        self._settle(unit, action)
        return self.outcome(Kind.LOADED, unit.name, action)

    def _take_out(
        self, unit: Unit, action: Action, before: set[str], *, is_set_up: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Take back what a load did; answer what went wrong, and what is left."""
        notes, leaks = unit.let_go(action.caller) if is_set_up else ([], ())
        found, left = end(unit.executed, action.caller)
        for name, module in list(unit.modules()):
            if name not in before:
                _drop(name, module)
        return (*notes, *found), (*leaks, *left)

    def adopt(self, unit: Unit, action: Action) -> Outcome:
        """Take on a plugin that something else has loaded and set up."""
        if unit.root not in sys.modules:
            raise RefusalError("find", f"no module {unit.root} is loaded, so there is nothing to adopt")
        if unit.is_loaded:
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is loaded already")
        look = self.read(unit)
        self.admit(unit, look)
        self.ask(unit, action, look)
        outcome = self._begun(unit, look, action)
        self._unmark(unit)
        return outcome

    # Reload

    def reload(self, units: tuple[Unit, ...], action: Action) -> list[Outcome]:
        """Bring plugins up to date, all of them or none; an outcome for each."""
        _need_seconds(action.confirm_within)
        looks = {unit.name: self.read(unit) for unit in units}
        pairs = tuple((unit, looks[unit.name]) for unit in units)
        for unit, look in pairs:
            self.admit(unit, look, pairs)
            self.ask(unit, action, look)

        def look_at(unit: Unit) -> Look:
            return looks[unit.name] if unit.name in looks else _known(unit)

        def prove(unit: Unit) -> None:
            if unit in units:
                _prove_now(unit, action)

        turnover = Turnover(self, action.caller, look_at, prove)
        done: list[Transaction] = []

        def go() -> None:
            roots = [*(unit.root for unit in units), *self.helpers]
            done.append(self.registry.refresh(only=roots, removed="drop", within=turnover))

        failed = self._turn(turnover, units, action, go)
        if failed:
            return failed
        if not turnover.units:
            return [self._unchanged(unit, looks[unit.name], action, done[0]) for unit in units]
        for unit in turnover.units:
            self._record(unit, turnover.looks[unit.name], action)
            if unit in units or unit.probation is None:  # one that went with another has still to prove itself
                self._settle(unit, action if unit in units else None)
            unit.saved = NOTHING
        self._unmark(*turnover.units)
        return [self._turned(Kind.RELOADED, unit, units, action, turnover, done[0]) for unit in units]

    def _unchanged(self, unit: Unit, look: Look, action: Action, done: Transaction) -> Outcome:
        problem = _elsewhere(done)
        if unit.current is not None and look.hash != unit.current.source_hash:
            mine = [each for each in unit.versions if each.loading == unit.loading]
            seen = [each.number for each in mine if each.source_hash == look.hash]
            problem = problem or "no module that is loaded changed"
            if seen:
                problem = f"a rollback turned these sources away, and one to version {seen[-1]} brings them back"
        if unit.state is State.BROKEN:
            return self.enable(unit, action)
        return self.outcome(Kind.UNCHANGED, unit.name, action, problem=problem, transaction=done)

    def _turned(
        self,
        kind: Kind,
        unit: Unit,
        units: tuple[Unit, ...],
        action: Action,
        turnover: Turnover,
        done: Transaction | None,
    ) -> Outcome:
        """The outcome of a committed transaction for one of the plugins that were asked for."""
        others = tuple(each.name for each in turnover.units if each not in units)
        if unit not in turnover.units:
            problem = _elsewhere(done) if done is not None else ""
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem=problem, others=others, transaction=done)
        notes = (*turnover.notes, *(map(str, done.findings) if done is not None else ()))
        return self.outcome(
            kind, unit.name, action, others=others, notes=notes, leaks=tuple(turnover.leaks), transaction=done
        )

    def _turn(
        self, turnover: Turnover, units: tuple[Unit, ...], action: Action, go: Callable[[], None]
    ) -> list[Outcome]:
        """Carry a transaction out; if it was not committed, say for each plugin why."""
        try:
            go()
        except ModregError as error:
            self._unmark(*turnover.units)
            if isinstance(error.__cause__, RefusalError):
                raise error.__cause__ from None
            return [self._aborted(unit, error, turnover, action) for unit in units]
        except BaseException:
            self._unmark(*turnover.units)
            raise
        turnover.settle()
        return []

    def _aborted(self, unit: Unit, error: ModregError, turnover: Turnover, action: Action) -> Outcome:
        if not isinstance(error, ReloadError):
            return self.outcome(Kind.REFUSED, unit.name, action, phase="rule", problem=str(error), error=error)
        blamed = turnover.blamed or next((each for each in self.units.values() if each.has(error.name)), unit)
        others = tuple(each.name for each in turnover.units if each is not unit)
        notes, leaks = tuple(turnover.notes), tuple(turnover.leaks)
        made = self.failed(failure(unit), blamed, action, error, others=others, notes=notes, leaks=leaks)
        return attrs.evolve(made, plugin=unit.name, running=unit.running, version=unit.current)

    # Rollback

    def rollback(self, unit: Unit, action: Action, *, to: int | None) -> Outcome:
        """Bring an earlier version back."""
        self.loaded(unit.name)
        target = self._target(unit, to)
        self.ask(unit, action, unit.looks[target.number])
        return self._back(unit, target, action)

    def _target(self, unit: Unit, to: int | None) -> PluginVersion:
        current = unit.current
        assert current is not None
        quarantine = self.ledger.of(unit.name).quarantine
        if to is None:
            turned_away = {current.source_hash, *quarantine}  # versions made for others' sake have the former
            earlier = unit.versions[: unit.rooted(current.number) - 1]
            fit = [v for v in earlier if v.loading == unit.loading and v.source_hash not in turned_away]
            if not fit:
                raise RefusalError("find", f"{unit.name} has no version with other sources before {current}")
            return fit[-1]
        if not 1 <= to <= len(unit.versions):
            raise RefusalError("find", f"{unit.name} has no version {to}")
        if unit.versions[to - 1].loading != unit.loading:
            raise RefusalError("find", f"{unit.name} was unloaded after version {to}, which let go of it")
        return unit.versions[to - 1]

    def _back(self, unit: Unit, target: PluginVersion, action: Action) -> Outcome:
        def former(each: Unit) -> PluginVersion:
            return target if each is unit else each.at(target.revision) or each.versions[-1]

        def look_at(each: Unit) -> Look:
            restored = any(s.decision is Decision.RESTORE and each.has(s.module) for s in turnover.steps)
            return each.looks[former(each).number] if restored or each is unit else _known(each)

        turnover = Turnover(self, action.caller, look_at, lambda _: None, is_asking=True)

        def go() -> None:
            self.registry.rollback(unit.root, revision=target.revision, within=turnover)

        failed = self._turn(turnover, (unit,), action, go)
        if failed:
            return failed[0]
        if not turnover.units:
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem=f"its modules are those of {target}")
        for each in turnover.units:
            if each is unit or self._went_back(each):
                self._record(each, each.looks[former(each).number], action, restores=former(each).number)
                self._settle(each)  # what came back was good before
            else:
                self._record(each, turnover.looks[each.name], action)
        self._unmark(*turnover.units)
        return self._turned(Kind.ROLLED_BACK, unit, (unit,), action, turnover, None)

    def _went_back(self, unit: Unit) -> bool:
        """Whether the last transaction brought earlier versions of a plugin's modules back."""
        versions = [self.registry.current(name) for name, _ in unit.modules()]
        return any(each.restores is not None and each.revision == self.registry.revision for each in versions)

    # Disable, enable, unload

    def disable(self, unit: Unit, action: Action) -> Outcome:
        """Tear a plugin down and leave its modules."""
        memory = self.ledger.of(unit.name)
        if not unit.is_loaded or unit.state is State.DISABLED:
            was, memory.is_enabled = memory.is_enabled, False
            self.ledger.save(unit.name)
            if was and not unit.is_loaded:
                return self.outcome(Kind.DISABLED, unit.name, action)
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is disabled already")
        self.keep_users(unit)
        self.ask(unit, action)
        notes, leaks = self._let_go(unit, action)
        unit.state, memory.is_enabled = State.DISABLED, False
        self._forgive(unit)
        return self.outcome(Kind.DISABLED, unit.name, action, notes=notes, leaks=leaks)

    def _let_go(self, unit: Unit, action: Action) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if unit.state is not State.RUNNING:
            return (), ()
        self.tell(unit.name, "tear-down")
        notes = unit.save(action.caller)
        found, leaks = unit.let_go(action.caller)
        return (*notes, *found), leaks

    def _forgive(self, unit: Unit) -> None:
        """A plugin that is not running is on no probation."""
        unit.probation = None
        self._unmark(unit)

    def enable(self, unit: Unit, action: Action) -> Outcome:
        """Set a loaded plugin up that is not, or load it."""
        if not unit.is_loaded:
            self.ledger.of(unit.name).is_enabled = True
            return self.load(unit, action)
        if unit.state is State.RUNNING:
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is enabled already")
        look = unit.look
        assert look is not None
        self.admit(unit, look)
        self.ask(unit, action, look)
        self.starting((unit, look))
        try:
            self.set_up(unit, action.caller)
        except BaseException as error:
            notes, leaks = unit.let_go(action.caller)
            if not isinstance(error, Exception):
                raise
            return self.failed(failure(unit), unit, action, error, phase="set-up", notes=tuple(notes), leaks=leaks)
        else:
            unit.state, unit.saved = State.RUNNING, NOTHING
            self.ledger.of(unit.name).is_enabled = True
            self._praise(unit)
            return self.outcome(Kind.ENABLED, unit.name, action)
        finally:
            self._unmark(unit)

    def unload(self, unit: Unit, action: Action, *, is_verified: bool, are_all: bool = False) -> Outcome:
        """Tear a plugin down, end what it began, and have its modules leave; where all leave, whoever uses them."""
        if not unit.is_loaded:
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is not loaded")
        if not are_all:
            self.keep_users(unit)
            self.keep_importers(unit)
        self.ask(unit, action)
        notes, leaks = self._let_go(unit, action)
        unit.state = State.DISABLED  # in case that something goes wrong from here on
        found, left = end(unit.executed, action.caller)
        remains = Remains.of(module for _, module in unit.modules()) if is_verified else None
        try:
            self.registry.unload(unit.root)
        except ModregError as error:  # a module's own hook is against it
            return self.failed(Kind.FAILED, unit, action, error, notes=(*notes, *found))
        self.registry.forget(unit.root)
        unit.state, unit.good, unit.tried = State.KNOWN, 0, None
        self._forgive(unit)
        leaks = (*leaks, *left, *(remains.survivors() if remains is not None else ()))
        return self.outcome(Kind.UNLOADED, unit.name, action, notes=(*notes, *found), leaks=leaks)

    # Check and probation

    def check(self, unit: Unit, action: Action) -> Outcome:
        """Say what stands in the way of a load or reload; nothing of the plugin runs."""
        look = unit.place.look()
        self.admit(unit, look)
        if not unit.is_loaded:
            unit.place.compile()
            return self.outcome(Kind.READY, unit.name, action)
        try:
            plan = self.registry.plan(only=[unit.root, *self.helpers])
        except ModregError as error:
            return self.failed(failure(unit), unit, action, error)
        if not plan and unit.state is not State.BROKEN:
            return self.outcome(Kind.UNCHANGED, unit.name, action)
        units = self.concerned(step.module for step in plan.steps)
        others = tuple(each.name for each in units if each is not unit)
        return self.outcome(Kind.READY, unit.name, action, others=others, notes=tuple(map(str, plan.findings)))

    def confirm(self, unit: Unit, action: Action) -> Outcome:
        """End a probation well."""
        self.loaded(unit.name)
        if unit.probation is None:
            return self.outcome(Kind.UNCHANGED, unit.name, action, problem="it is not on probation")
        self._praise(unit)
        self._unmark(unit)
        return self.outcome(Kind.CONFIRMED, unit.name, action)

    def prove(self, unit: Unit, action: Action) -> Outcome:
        """Look whether a version on probation is well, and end the probation if that is known."""
        probation, version = unit.probation, unit.current
        if probation is None or version is None:
            return self.outcome(Kind.UNCHANGED, unit.name, action)
        is_over = self.clock() >= probation.until
        try:
            _prove(unit, action, probation.check)
        except Exception as error:
            return self._condemn(unit, probation, told(error), action)
        if is_over and probation.check is not None:
            return self.confirm(unit, action)
        if is_over:
            return self._condemn(unit, probation, "it was not confirmed in time", action)
        return self.outcome(Kind.UNCHANGED, unit.name, action)

    def _condemn(self, unit: Unit, probation: Probation, why: str, action: Action) -> Outcome:
        """A version did not prove itself: its sources go into quarantine, and the last good version comes back."""
        version = unit.current
        assert version is not None
        unit.probation = None
        self.ledger.of(unit.name).quarantine[version.source_hash] = why
        try:
            if probation.back:
                made = self._back(unit, unit.versions[probation.back - 1], action)
            else:
                made = self.unload(unit, action, is_verified=False)
        except RefusalError as refusal:
            made = self.refused(refusal, unit.name, action)
        self._unmark(unit)
        after = "" if made else f"; and then: {made.problem}"
        return attrs.evolve(made, problem=f"{version} did not pass its probation: {why}{after}")


def _need_seconds(confirm_within: object) -> None:
    """Refuse a time that none can be reckoned with: the version would be in force when that comes out."""
    if confirm_within is not None and not isinstance(confirm_within, (int, float)):
        raise RefusalError("rule", f"confirm_within is a number of seconds, not {confirm_within!r}")


class CheckError(Exception):
    """A plugin's own check of a version answered that it is not well."""


def _prove_now(unit: Unit, action: Action) -> None:
    """Prove a version that is to be good at once."""
    _prove(unit, action, action.check if action.confirm_within is None else None)


def _prove(unit: Unit, action: Action, check: Check | None) -> None:
    if check is not None and not action.caller.call(check, unit.target):
        raise CheckError("the check was not passed")


def _elsewhere(done: Transaction) -> str:
    """What a transaction did that left a plugin as it was; ``""`` for nothing."""
    found = changed(done.steps)
    return f"what changed is in {', '.join(found)}" if found else ""


def _known(unit: Unit) -> Look:
    """What the files of a plugin held that is executed for another's sake: it runs on the sources that it has."""
    look = unit.look
    assert look is not None  # it is loaded
    return look


def _drop(name: str, module: object) -> None:
    """Take a module out of `sys.modules` and off its package, as if it had never been imported."""
    sys.modules.pop(name, None)
    parent, _, child = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and vars(package).get(child) is module:
        delattr(package, child)
