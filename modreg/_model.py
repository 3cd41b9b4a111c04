"""The words of modreg as values: versions, edges, findings, plans and transactions."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import attrs
from packaging.version import Version


class Cause(enum.Enum):
    """
    Why a version came to be.

    Attributes:
        IMPORT: The module was imported.
        ADOPTED: It was loaded before modreg looked, or past it.
        IMPORTLIB: Somebody called `importlib.reload`.
        RELOAD: :func:`reload` was called for it.
        REFRESH: A refresh found its source changed.
        DEPENDENT: Something that it imports was executed again.
        ROLLBACK: A rollback brought an earlier version back.
        UNLOAD: :meth:`Registry.unload` was called; no version comes of it.
    """

    IMPORT = "import"
    ADOPTED = "adopted"
    IMPORTLIB = "importlib.reload"
    RELOAD = "reload"
    REFRESH = "refresh"
    DEPENDENT = "dependent"
    ROLLBACK = "rollback"
    UNLOAD = "unload"


class Phase(enum.Enum):
    """
    The parts of a transaction; errors name them.

    Attributes:
        PLAN: Sources are read, compiled and ordered; no module's code runs.
        TEAR_DOWN: A :class:`Participant` lets go of what it did with the outgoing versions.
        DISPOSE: The outgoing versions' ``__dispose__`` hooks are called, dependents first.
        EXECUTE: Modules are executed in their retained namespaces.
        PATCH: Old objects become the new definitions, after each execution.
        MIGRATE: The new versions' ``__migrate__`` hooks are called, dependencies first.
        SET_UP: A :class:`Participant` takes up the new versions.
        COMMIT: Versions are appended to the history.
    """

    PLAN = "plan"
    TEAR_DOWN = "tear-down"
    DISPOSE = "dispose"
    EXECUTE = "execute"
    PATCH = "patch"
    MIGRATE = "migrate"
    SET_UP = "set-up"
    COMMIT = "commit"


class Decision(enum.Enum):
    """
    What a plan does with a module.

    Attributes:
        EXECUTE: Its source is executed in its retained namespace; or only formulas of it, if nothing else can differ.
        PATCH: Only comments, layout or positions changed: its functions learn their new lines.
        REBIND: Names that it imported from others get the objects that these have now.
        UNLOAD: It leaves `sys.modules` and its package.
        RESTORE: A rollback puts an earlier version back without executing anything.
    """

    EXECUTE = "execute"
    PATCH = "patch"
    REBIND = "rebind"
    UNLOAD = "unload"
    RESTORE = "restore"


class EdgeKind(enum.Enum):
    """
    How a module uses another.

    Attributes:
        REFERENCE: ``import tax``: its names are looked up when they are used.
        BINDING: ``from tax import rate``: a name of its own for the other's object.
        LATE: Either of them inside a function, which looks anew at each call.
    """

    REFERENCE = "reference"
    BINDING = "binding"
    LATE = "late"


@attrs.frozen(kw_only=True)
class Edge:
    """
    One module's use of another.

    Attributes:
        dependent: Absolute name of the module that imports.
        dependency: Absolute name of the module imported.
        kind: How it is used.
        names: What a from-import takes, sorted; ``("*",)`` for all.
    """

    dependent: str
    dependency: str
    kind: EdgeKind
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        taken = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.dependent} -> {self.dependency}: {self.kind.value}{taken}"


@attrs.frozen(kw_only=True)
class Finding:
    """
    Something that a transaction cannot cover, or covers in a way worth knowing.

    Attributes:
        code: A stable word for programs, as ``container-over-bound``.
        module: Absolute module name.
        message: One sentence for people.
    """

    code: str
    module: str
    message: str

    def __str__(self) -> str:
        return f"{self.module}: {self.message} [{self.code}]"


@attrs.frozen(kw_only=True)
class ModuleVersion:
    """
    One execution of a module's source, as the registry recorded it.

    Attributes:
        name: Absolute module name, the key in ``sys.modules``.
        number: Place in the module's history, counted from 1 without gaps.
        revision: The registry's revision that committed this version; 0 before the first commit.
        source_hash: SHA-256 of the source bytes as read, in lower-case hex; `None` without a source.
        origin: What the module's spec gave as its origin: a path, ``built-in``, ``frozen`` or `None`.
        cause: Why it was executed.
        distribution_version: What its source declares as ``__version__``, if that is one.
        imports: The modules that its source imports, in order of appearance.
        restores: The version that a rollback brought back by making this one.
        created: When its execution ended, in UTC.
        seconds: How long the execution took, by :func:`time.perf_counter`.
    """

    name: str
    number: int = attrs.field(validator=attrs.validators.ge(1))
    revision: int = 0
    source_hash: str | None = None
    origin: str | None = None
    cause: Cause = Cause.IMPORT
    distribution_version: Version | None = None
    imports: tuple[str, ...] = ()
    restores: int | None = None
    created: datetime = attrs.field(eq=False)
    seconds: float = attrs.field(eq=False, default=0.0)

    def __str__(self) -> str:
        declared = f" ({self.distribution_version})" if self.distribution_version else ""
        brings = f", brings back {self.restores}" if self.restores else ""
        return f"version {self.number} of {self.name!r}{declared}, by {self.cause.value}{brings}"


@attrs.frozen(kw_only=True)
class Step:
    """
    What a plan does with one module, and why.

    Attributes:
        module: Absolute module name.
        decision: What is done.
        reason: Why, as a clause.
    """

    module: str
    decision: Decision
    reason: str


def in_columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as lines of columns, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


@attrs.define(eq=False, slots=False)
class Foreseen(Collection[Step]):
    """
    What a transaction is going to do, worked out when somebody looks at it; in the order of the plan.

    Attributes:
        sure: The modules that are certain to be executed, restored or unloaded; known at once.
        possible: All that may take part, and more than will; known at once.

    .. versionadded:: 0.1.0
    """

    sure: tuple[str, ...]
    possible: tuple[str, ...]
    _find: Callable[[], tuple[Step, ...]] = attrs.field(repr=False)

    @functools.cached_property
    def _steps(self) -> tuple[Step, ...]:
        return self._find()

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __contains__(self, step: object) -> bool:
        return step in self._steps


class Participant(Protocol):
    """
    Who takes part in a transaction: a host that registers what the modules define.

    The three are called in the thread that has the transaction open.  What :meth:`begin` or :meth:`finish`
    raises aborts the transaction.
    """

    def begin(self, steps: Foreseen) -> None:
        """
        Let go of the outgoing versions: everything is known to compile, and nothing was touched yet.

        Args:
            steps: What the transaction is going to do.
        """

    def finish(self, steps: tuple[Step, ...]) -> None:
        """
        Take up the new versions: they are in force, and nothing is committed yet.

        Args:
            steps: What the transaction has done, which may be more or less than could be foreseen.
        """

    def abort(self, error: BaseException) -> None:
        """
        Take up the former versions again: they are back in force, object for object.

        It follows a :meth:`begin`, however far that got.

        Args:
            error: What the caller of the transaction is going to get; a note on it is read by people.
        """


def rebinding(name: str, names: Iterable[str]) -> Step:
    """The step of a module of which only names are rebound."""
    said = f"what it imported as {', '.join(sorted(names))} is another object now"
    return Step(module=name, decision=Decision.REBIND, reason=said)


@attrs.frozen(kw_only=True)
class Plan:
    """
    The ordered steps of a transaction, nothing done yet.

    Attributes:
        cause: The call that it stands for.
        steps: What would be done, dependencies first.
        findings: What the transaction could not cover.
        apply: Carries the plan out and returns its :class:`Transaction`.  What has changed on disk since
            is found anew: a plan that no longer holds is made again.
    """

    cause: Cause
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    apply: Callable[[], Transaction] = attrs.field(eq=False, repr=False)

    def __str__(self) -> str:
        if not self.steps:
            return "nothing to do: no source changed"
        rows = [(s.decision.value, s.module, s.reason) for s in self.steps]
        return "\n".join([in_columns(rows), *map(str, self.findings)])

    def __bool__(self) -> bool:
        return bool(self.steps)


@attrs.frozen(kw_only=True)
class Transaction:
    """
    A plan carried out: what one commit changed.

    Attributes:
        revision: The registry's revision after it; the one before where nothing was to be done.
        cause: The call that made it.
        steps: What was done, in the order in which it was done.
        versions: The versions that it made, in the same order.
        unloaded: Absolute names of the modules that left ``sys.modules``.
        undoes: The revisions that a rollback took back.
        findings: What it could not cover.
        seconds: How long it took, by :func:`time.perf_counter`.
    """

    revision: int
    cause: Cause
    steps: tuple[Step, ...] = ()
    versions: tuple[ModuleVersion, ...] = ()
    unloaded: tuple[str, ...] = ()
    undoes: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float = attrs.field(eq=False, default=0.0)

    def __str__(self) -> str:
        head = f"revision {self.revision}, by {self.cause.value}, {self.seconds * 1000:.1f} ms"
        gone = [f"unloaded {name!r}" for name in self.unloaded]
        return "\n  ".join([head, *map(str, self.versions), *gone, *map(str, self.findings)])

    def __bool__(self) -> bool:
        return bool(self.versions or self.unloaded)
