"""What came of an action on a plugin, for programs and for people."""

from __future__ import annotations

import enum
import traceback
from datetime import datetime
from typing import Any

import attrs
from packaging.version import Version

from modreg import ModregError, Transaction


def told(error: BaseException) -> str:
    """An exception in a few words; one of a plugin's own may fail to say more than its name."""
    try:
        said = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # or what is to be told of would be this one
        said = "<exception str() failed>"  # as in a traceback
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Kind(enum.Enum):
    """
    What came of an action.

    Attributes:
        LOADED: The plugin is loaded and set up.
        RELOADED: A new version is in force and set up.
        ROLLED_BACK: An earlier version is in force and set up.
        ENABLED: The loaded plugin is set up.
        DISABLED: The plugin is torn down, its modules stay loaded.
        UNLOADED: The plugin is torn down, and its modules have left.
        CONFIRMED: A version has passed its probation.
        READY: A check found nothing in the way.
        UNCHANGED: There was nothing to do.
        REFUSED: A rule is against it; nothing was touched.
        QUARANTINED: These very sources have done harm before; nothing was touched.
        NEEDS_RESTART: Only a new process can do it; nothing was touched.
        KEPT_OLD: It failed, and the former version is in force and set up.
        FAILED: It failed, and the plugin is not in force, as before.
        BROKEN: It failed, and the former version is loaded, but not set up.
    """

    LOADED = "loaded"
    RELOADED = "reloaded"
    ROLLED_BACK = "rolled back"
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNLOADED = "unloaded"
    CONFIRMED = "confirmed"
    READY = "ready"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    NEEDS_RESTART = "needs restart"
    KEPT_OLD = "kept old"
    FAILED = "failed"
    BROKEN = "broken"

    @property
    def is_good(self) -> bool:
        """Whether what was wanted is so."""
        return self not in _REFUSALS and self not in _FAILURES


_REFUSALS = frozenset({Kind.REFUSED, Kind.QUARANTINED, Kind.NEEDS_RESTART})
_FAILURES = frozenset({Kind.KEPT_OLD, Kind.FAILED, Kind.BROKEN})


@attrs.frozen(kw_only=True)
class PluginVersion:
    """
    One version of a plugin: what its modules were after one action of the host.

    Attributes:
        number: Place in the plugin's history, counted from 1 without gaps.
        source_hash: SHA-256 over the names and contents of its files, in lower-case hex.
        declared: What it declares as its version.
        requires: What it requires of the host and of other plugins, each as ``name>=1``.
        revision: The registry's revision that holds it.
        action: The action that made it.
        restores: The version that a rollback brought back by making this one.
        loading: Which loading of the plugin it belongs to, counted from 1; an unload ends one.
        by: Who asked for it, as the caller said.
        reason: Why, as the caller said.
        created: When, in seconds since the epoch by the host's clock.
    """

    number: int
    source_hash: str
    declared: Version | None = None
    requires: tuple[str, ...] = ()
    revision: int = 0
    action: str = "load"
    restores: int | None = None
    loading: int = 1
    by: str = ""
    reason: str = ""
    created: float = attrs.field(eq=False, default=0.0)

    def __str__(self) -> str:
        declared = f" ({self.declared})" if self.declared else ""
        return f"version {self.number}{declared}"


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What came of one action on one plugin.  It is true if what was wanted is so.

    Attributes:
        kind: What came of it.
        action: What was asked for, as ``reload``.
        plugin: The plugin's name.
        phase: Where it failed: a value of :class:`modreg.Phase`, or ``find``, ``requirements``, ``rule``; else ``""``.
        problem: What is wrong, or why there was nothing to do, as a clause; else ``""``.
        path: The source file that is to blame, or ``""``.
        line: The line in it, counted from 1, or `None`.
        running: What is in force now, as ``version 2 (1.4)``, or ``""`` for nothing.
        version: The version in force now.
        others: The other plugins that took part.
        notes: What went wrong on the way and stopped nothing, a sentence each.
        leaks: What the version that went has left behind, a sentence each.
        transaction: What the registry committed.
        error: What was raised.
    """

    kind: Kind
    action: str
    plugin: str
    phase: str = ""
    problem: str = ""
    path: str = ""
    line: int | None = None
    running: str = ""
    version: PluginVersion | None = None
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    transaction: Transaction | None = attrs.field(eq=False, repr=False, default=None)
    error: BaseException | None = attrs.field(eq=False, repr=False, default=None)

    def __bool__(self) -> bool:
        return self.kind.is_good

    def __str__(self) -> str:
        return self.explain()

    @property
    def where(self) -> str:
        """File and line as ``weather.py:3``, as far as they are known."""
        return self.path if self.line is None or not self.path else f"{self.path}:{self.line}"

    def explain(self) -> str:
        """One plain paragraph, for a chat reply or a dialog."""
        said = [self._head()]
        if self.others:
            said.append(f"With it went {', '.join(self.others)}.")
        said += [_sentence(each) for each in (*self.notes, *self.leaks)]
        return " ".join(said)

    def _head(self) -> str:
        problem = self.problem
        if self.kind is Kind.UNCHANGED:
            return f"{self.plugin} is unchanged: {problem or 'no source changed'}. {self._running()}"
        if self:
            after = f": {problem}" if problem else ""
            return f"{self.plugin}: {self.kind.value}{after}. {self._running()}"
        place = f" at {self.where}" if self.where else ""
        phase = f" in phase {self.phase}" if self.phase and self.kind not in _REFUSALS else ""
        word = "was refused" if self.kind in _REFUSALS else "failed"
        return f"{self.action} of {self.plugin} {word}{phase}{place}: {problem}. {self._running()}"

    def _running(self) -> str:
        if self.kind is Kind.BROKEN:
            return f"{_sentence(str(self.version))[:-1]} is loaded, but could not be set up again."
        if not self.running:
            return "It is not running."
        return f"It stays at {self.running}." if not self else f"Running is {self.running}."

    @property
    def log_text(self) -> str:
        """The paragraph, and the traceback of what was raised, for a log."""
        if self.error is None:
            return self.explain()
        return self.explain() + "\n" + "".join(traceback.format_exception(self.error)).rstrip()

    def to_dict(self) -> dict[str, Any]:  # plain values of several types
        """Plain values, for JSON."""
        return {
            "kind": self.kind.value,
            "action": self.action,
            "plugin": self.plugin,
            "phase": self.phase,
            "problem": self.problem,
            "path": self.path,
            "line": self.line,
            "running": self.running,
            "version": self.version.number if self.version else None,
            "source_hash": self.version.source_hash if self.version else None,
            "others": list(self.others),
            "notes": list(self.notes),
            "leaks": list(self.leaks),
            "error": type(self.error).__name__ if self.error is not None else None,
            "text": self.explain(),
        }

    def raise_for_error(self) -> Outcome:
        """
        Raise if what was wanted is not so.

        Returns:
            This outcome.

        Raises:
            PluginError: What went wrong; what was raised is its ``__cause__``.
        """
        if self:
            return self
        raise PluginError(self) from self.error


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


class RefusalError(Exception):
    """
    A rule is against an action; nothing was touched.

    Attributes:
        phase: Which kind of rule.
        problem: Why, as a clause.
        kind: What comes of the action.
    """

    def __init__(self, phase: str, problem: str, kind: Kind = Kind.REFUSED) -> None:
        super().__init__(phase, problem, kind)
        self.phase = phase
        self.problem = problem
        self.kind = kind

    def __str__(self) -> str:
        return self.problem


class PluginError(ModregError):
    """
    An action on a plugin did not give what was wanted, and its caller asked for an error.

    Attributes:
        outcome: The :class:`Outcome`.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[PluginError], tuple[Outcome]]:
        # Transactions and tracebacks stay in their process.
        return type(self), (attrs.evolve(self.outcome, transaction=None, error=None),)

    def __str__(self) -> str:
        return self.outcome.explain()


@attrs.frozen(kw_only=True)
class Event:
    """
    One moment of an action on a plugin.

    Attributes:
        plugin: The plugin's name.
        action: What was asked for.
        moment: ``begin``, ``tear-down``, ``set-up``, ``restore`` or ``end``.
        outcome: What came of it, at the end.
    """

    plugin: str
    action: str
    moment: str
    outcome: Outcome | None = None


@attrs.frozen(kw_only=True)
class AuditLine:
    """
    Who did what to which plugin, and what came of it.

    Attributes:
        time: When, in UTC.
        by: Who asked for it, as the caller said.
        action: What was asked for.
        plugin: The plugin's name.
        before: What was in force before, or ``""``.
        after: What is in force now, or ``""``.
        result: The outcome's kind, as its value.
        problem: The outcome's problem.
    """

    time: datetime
    by: str
    action: str
    plugin: str
    before: str
    after: str
    result: str
    problem: str

    def __str__(self) -> str:
        who = self.by or "somebody"
        change = f"{self.before or 'nothing'} -> {self.after or 'nothing'}"
        problem = f": {self.problem}" if self.problem else ""
        return f"{who}: {self.action} {self.plugin}: {change}: {self.result}{problem}"
