"""One action of a host at a time, and an account of each."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from modreg import ReloadError
from modreg.plugins._calls import Caller
from modreg.plugins._effects import running_loop
from modreg.plugins._metadata import MetadataError
from modreg.plugins._outcome import AuditLine, Event, Kind, Outcome, RefusalError, told
from modreg.plugins._places import FilePlace, PlaceError
from modreg.plugins._roster import Roster, Source
from modreg.plugins._unit import Check, State, Unit

_LOG = logging.getLogger("modreg.plugins")

# The actions that no transaction belongs to.
_HARMLESS: Final = frozenset({"check", "confirm", "pin", "unpin", "release"})


@attrs.define(eq=False)
class Action:
    """
    What the host is doing; tasks inherit it, so it says itself when it is over.

    Attributes:
        confirm_within: Seconds of probation for the versions that it brings; `None` for none.
        check: What these have to pass: at once, or while they are on probation.
    """

    name: str
    caller: Caller
    by: str = ""
    reason: str = ""
    confirm_within: float | None = None
    check: Check | None = None
    is_over: bool = False


# The actions that this code runs in, each with its host.
_INSIDE: ContextVar[tuple[tuple[object, Action], ...]] = ContextVar("modreg.plugins.inside", default=())


@attrs.define(eq=False, kw_only=True)
class Desk(Roster):
    """
    Takes what a host is asked for, one action after another, and says what came of it.

    Attributes:
        clock: Gives the seconds since the epoch.
        callbacks: Those who are told of each moment.
        audit: The last actions, oldest first.
    """

    clock: Callable[[], float]
    callbacks: tuple[Callable[[Event], object], ...] = ()
    audit: deque[AuditLine] = attrs.field(factory=lambda: deque(maxlen=1000))
    _lock: threading.Lock = attrs.field(factory=threading.Lock)  # guards `_action` and all units: one action at a time
    _action: Action | None = None

    def act(self, name: str, plugin: str, do: Callable[[Action], Outcome], **asked: Any) -> Outcome:  # fields of it
        """Take the turn, do it, and keep an account; whatever is raised becomes an outcome, save what ends programs."""
        action = Action(name, Caller.asked(self.registry.is_guarded), **asked)
        busy = self._busy(action)
        if not busy and not self._lock.acquire(blocking=not action.caller.is_inside):  # the other may wait for it
            busy = "it was asked for inside a guarded call while another action is under way; ask again later"
        if busy:
            refused = self.refused(RefusalError("rule", busy), plugin, action)
            self._note(action, refused, refused.running)
            return refused
        try:
            self._action = action
            token = _INSIDE.set((*_INSIDE.get(), (self, action)))
            try:
                return self._accounted(action, plugin, do)
            finally:
                _INSIDE.reset(token)
                action.is_over = True
                self._action = None
        finally:
            self._lock.release()

    def take(
        self, what: str, name: str, do: Callable[[Unit, Action], Outcome], source: Source | None = None, **asked: Any
    ) -> Outcome:
        """Act on one plugin, which a *source* makes known first; *asked* are fields of the action."""

        def act(action: Action) -> Outcome:
            if source is not None:
                self.introduce(name, source)
            return do(self.known(name), action)

        return self.act(what, name, act, **asked)

    def is_acting(self) -> bool:
        """Whether who asks is part of an action of this host."""
        return any(host is self and not outer.is_over for host, outer in _INSIDE.get())

    def is_free(self) -> bool:
        """Whether who asks may begin an action, now or when others are over."""
        return not (self.is_acting() or Caller.asked(self.registry.is_guarded).is_inside)

    def _busy(self, action: Action) -> str:
        """Why an action cannot even wait for its turn; ``""`` if it can."""
        if self.is_acting():
            return "it was asked for inside another action of the same host; ask for it when that is over"
        if action.caller.is_inside and action.name not in _HARMLESS:
            return "it was asked for inside a guarded call, which it would have to wait for; ask when that has returned"
        other = self._action
        loop = running_loop() if action.caller.loop is None else None
        if loop is not None and other is not None and other.caller.loop is loop:
            return "an action that needs this very loop is under way; await the method that begins with an a"
        return ""

    def _accounted(self, action: Action, plugin: str, do: Callable[[Action], Outcome]) -> Outcome:
        unit = self.units.get(plugin)
        before = unit.running if unit is not None else ""
        self.tell(plugin, "begin")
        try:
            outcome = do(action)
        except RefusalError as refusal:
            outcome = self.refused(refusal, plugin, action)
        except (PlaceError, MetadataError, SyntaxError) as error:
            outcome = self._unreadable(error, plugin, action)
        except Exception as error:  # nothing escapes; it is told all the same, for it is nobody's but ours
            _LOG.exception("%s of plugin %r", action.name, plugin)
            outcome = self.outcome(failure(self.units.get(plugin)), plugin, action, problem=told(error), error=error)
        if self.ledger.lapse:
            outcome = attrs.evolve(outcome, notes=(*outcome.notes, self.ledger.lapse))
            self.ledger.lapse = ""
        self._note(action, outcome, before)
        self.tell(plugin, "end", outcome)
        return outcome

    def _note(self, action: Action, outcome: Outcome, before: str) -> None:
        if action.name == "check" or (action.name == "probation" and outcome.kind is Kind.UNCHANGED):
            return
        line = AuditLine(
            time=datetime.fromtimestamp(self.clock(), UTC),
            by=action.by,
            action=action.name,
            plugin=outcome.plugin,
            before=before,
            after=outcome.running,
            result=outcome.kind.value,
            problem=outcome.problem,
        )
        self.audit.append(line)
        _LOG.log(logging.INFO if outcome else logging.WARNING, "%s", line)

    def tell(self, plugin: str, moment: str, outcome: Outcome | None = None) -> None:
        """Tell those who listen of a moment of the action; what they raise is logged."""
        assert self._action is not None  # it is a part of it that asks
        event = Event(plugin=plugin, action=self._action.name, moment=moment, outcome=outcome)
        for callback in self.callbacks:
            try:
                self._action.caller.call(callback, event)
            except Exception:
                _LOG.exception("a subscriber of host %r raised", self.name)

    # Outcomes

    def outcome(self, kind: Kind, plugin: str, action: Action, **more: Any) -> Outcome:  # further fields of it
        """An outcome with what is in force now; the plugin may be one that nobody knows."""
        return self.restated(Outcome(kind=kind, action=action.name, plugin=plugin, **more), plugin)

    def refused(self, refusal: RefusalError, plugin: str, action: Action) -> Outcome:
        """The outcome of an action that a rule is against."""
        return self.outcome(refusal.kind, plugin, action, phase=refusal.phase, problem=refusal.problem)

    def restated(self, outcome: Outcome, name: str) -> Outcome:
        """The outcome as that of another plugin, with what of it is in force now."""
        unit = self.units.get(name)
        running, version = (unit.running, unit.current) if unit is not None else ("", None)
        return attrs.evolve(outcome, plugin=name, running=running, version=version)

    def _unreadable(self, error: Exception, plugin: str, action: Action) -> Outcome:
        """The outcome of an action on files that cannot be had or understood: nothing was touched."""
        path = str(getattr(error, "path", "") or getattr(error, "filename", "") or "")
        line = getattr(error, "lineno", None) or None  # as in _place_in()
        said = told(error) if isinstance(error, SyntaxError) else str(error)
        kind = failure(self.units.get(plugin))
        return self.outcome(kind, plugin, action, phase="plan", problem=said, path=path, line=line, error=error)

    def note(self, unit: Unit, action: Action, said: str, **known: object) -> Outcome:
        """Have something known of a plugin in later processes too."""
        for what, value in known.items():
            setattr(self.ledger.of(unit.name), what, value)
        self.ledger.save(unit.name)
        return self.outcome(Kind.CONFIRMED, unit.name, action, problem=said)

    def pin(self, unit: Unit, action: Action) -> Outcome:
        """Keep a plugin at the version that it has."""
        self.loaded(unit.name)
        assert unit.current is not None
        return self.note(unit, action, "it is pinned", pinned=unit.current.source_hash)

    def failed(
        self, kind: Kind, unit: Unit, action: Action, error: BaseException, phase: str = "", **more: Any  # as above
    ) -> Outcome:
        """The outcome of an action in which something was raised."""
        shown = error.__cause__ if isinstance(error, ReloadError) and error.__cause__ is not None else error
        path, line = _place_in(unit, shown)
        if isinstance(error, ReloadError):
            phase = error.phase
            path, line = (path, line) if path else (error.path, error.line)
        problem = (error.problem if isinstance(error, ReloadError) else told(error)) + _hint(unit, shown, path)
        made = self.outcome(kind, unit.name, action, phase=phase, problem=problem, error=error, **more)
        return attrs.evolve(made, path=path, line=line)


def failure(unit: Unit | None) -> Kind:
    """What a failure comes to that left a plugin in the state that it is in."""
    state = unit.state if unit is not None else State.KNOWN
    return {State.RUNNING: Kind.KEPT_OLD, State.BROKEN: Kind.BROKEN}.get(state, Kind.FAILED)


def _place_in(unit: Unit, error: BaseException) -> tuple[str, int | None]:
    """The last place in a plugin's files that an error came through."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or None  # an unknown encoding is in line 0
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if unit.has(str(frame.f_globals.get("__name__", ""))):
            return frame.f_code.co_filename, line
    return "", None


def _hint(unit: Unit, error: BaseException, path: str) -> str:
    """What to do about the commonest mistake: in a host's package a plugin finds what is beside it relatively only."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not (name and path) or isinstance(unit.place, FilePlace):
        return ""
    file, beside = Path(path), Path(path).with_name(name)
    is_there = beside.is_dir() or beside.with_suffix(".py").is_file()
    return f"; it is beside {file.name}: from . import {name}" if is_there else ""
