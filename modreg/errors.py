"""What can go wrong, and what a person can do about it."""

from __future__ import annotations

__all__ = [
    "BusyError",
    "FindingsError",
    "InsideGuardError",
    "ModregError",
    "NestedTransactionError",
    "NoEarlierVersionError",
    "NotAModuleError",
    "NotLoadedError",
    "NotTrackedError",
    "RefusedError",
    "ReloadError",
    "RemovedError",
    "SourceError",
    "UnknownVersionError",
]


def said(error: BaseException) -> str:
    """What an exception says; one of a module's own may fail to say it, and is told as in a traceback then."""
    try:
        return str(error)
    except Exception:  # or the error of the transaction would be this one
        return "<exception str() failed>"


class ModregError(Exception):
    """The base of every error that modreg raises of its own accord."""


class NotAModuleError(ModregError, TypeError):
    """
    A module or its dotted name was wanted, and *value* is neither.

    Source:
        `importlib.reload` raises `TypeError` for the same mistake.
    """

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"expected a module or its absolute dotted name, got {self.value!r}; nothing was changed"


class NotLoadedError(ModregError, ImportError):
    """
    The module *name* is not in ``sys.modules``, so there is nothing to bring up to date.

    Source:
        `importlib.reload` raises `ImportError` for the same mistake.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"module {self.name!r} is not loaded; nothing was changed; import it first"


class NotTrackedError(ModregError, LookupError):
    """The registry has no version of a module *name*: it never saw it imported."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no module {self.name!r} is tracked; import it, then ask again"


class UnknownVersionError(ModregError, LookupError):
    """
    The registry holds no version *wanted* of the module *name*.

    Attributes:
        name: Absolute module name.
        wanted: The number, :class:`ModuleVersion` or specifier that was asked for.
        first: The number of the oldest version that is remembered where *wanted* is forgotten; else 0.
    """

    def __init__(self, name: str, wanted: object, first: int = 0) -> None:
        super().__init__(name, wanted, first)
        self.name = name
        self.wanted = wanted
        self.first = first

    def __str__(self) -> str:
        if self.first:
            return (
                f"the version {self.wanted} of {self.name!r} is forgotten, and {self.first} is the oldest that is not; "
                "install(keep_versions=N) says how many are remembered"
            )
        return f"no version {self.wanted} of {self.name!r}; modreg.history({self.name!r}) lists what there is"


class NoEarlierVersionError(ModregError, LookupError):
    """
    The module *name* stands at the first state that the registry knows, or the first since it was imported anew.

    Attributes:
        name: Absolute module name.
        number: The version that is running now.
    """

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name, number)
        self.name = name
        self.number = number

    def __str__(self) -> str:
        return (
            f"{self.name!r} has no version before the one that is running now ({self.number}); "
            f"modreg.rollback({self.name!r}, to=N) brings any other version back"
        )


class RefusedError(ModregError, ImportError):
    """
    A module that cannot be executed again was asked to be.

    Attributes:
        name: Absolute module name.
        reason: Why it is refused, as a clause that ends the message.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name!r} cannot be reloaded: {self.reason}; it runs on unchanged"


class RemovedError(ModregError, RuntimeError):
    """
    A function was called that somebody still holds, and that left the source.

    Raised with ``install(removed="drop")`` alone: without it such a function lingers and works.

    Attributes:
        module: Absolute name of the module that defined it.
        name: Its qualified name there.
        number: The version of the module that removed it.
    """

    def __init__(self, module: str, name: str, number: int) -> None:
        super().__init__(module, name, number)
        self.module = module
        self.name = name
        self.number = number

    def __str__(self) -> str:
        return (
            f"{self.name!r} was called by who still holds it; it left {self.module!r} with version {self.number}; "
            f"take what stands for it now, or go back: modreg.rollback({self.module!r}, to={self.number - 1})"
        )


class BusyError(ModregError, TimeoutError):
    """
    Another transaction was still open after *seconds*, or guarded calls were still inside.

    Attributes:
        seconds: How long the call waited.
        holder: Name of the thread that has the transaction open, or of all that are inside.
        inside: A :class:`GuardedCall` for each of these.
    """

    def __init__(self, seconds: float, holder: str, inside: tuple[object, ...] = ()) -> None:
        super().__init__(seconds, holder, inside)
        self.seconds = seconds
        self.holder = holder
        self.inside = inside

    def __str__(self) -> str:
        wanted = f"the transaction that thread {self.holder!r} has open"
        if self.inside:
            wanted = f"guarded calls to leave ({'; '.join(map(str, self.inside))})"
        return f"waited {self.seconds:g} s for {wanted}; nothing was changed; try again later or with a longer timeout"


class InsideGuardError(ModregError, RuntimeError):
    """
    A transaction was asked for inside a guarded call, which it would wait for.

    Attributes:
        wanted: What was asked for, as ``reload('tax')``.
        inside: The thread or task that is inside.
    """

    def __init__(self, wanted: str, inside: str) -> None:
        super().__init__(wanted, inside)
        self.wanted = wanted
        self.inside = inside

    def __str__(self) -> str:
        return (
            f"{self.wanted} would wait for {self.inside}, which is inside a guarded call and cannot leave meanwhile; "
            "nothing was changed; use request_reload(), or ask when the call is over"
        )


class NestedTransactionError(ModregError, RuntimeError):
    """
    A reload or rollback was asked for while this thread has a transaction open.

    A module's body, a hook or a subscriber of an unfinished transaction cannot start another: it
    would change what the first is changing.

    Attributes:
        wanted: What was asked for, as ``reload('tax')``.
        executing: Absolute name of the module that is being executed, or ``""``.
    """

    def __init__(self, wanted: str, executing: str) -> None:
        super().__init__(wanted, executing)
        self.wanted = wanted
        self.executing = executing

    def __str__(self) -> str:
        where = f" while {self.executing!r} is being executed" if self.executing else ""
        return f"{self.wanted} was asked for inside an open transaction{where}; ask for it when the transaction is over"


class ReloadError(ModregError):
    """
    A transaction was aborted: every module is as it was before.

    What the module's own code raised is the ``__cause__``.

    Attributes:
        phase: Where it failed, the value of a :class:`Phase`.
        name: Absolute name of the module that failed.
        path: Its source file, or ``""``.
        line: The line in that file, or `None` where none can be named.
        running: What is running now, as ``version 2 of 'tax'``.
        problem: What went wrong, in a few words.
    """

    def __init__(self, phase: str, name: str, path: str, line: int | None, running: str, problem: str) -> None:
        super().__init__(phase, name, path, line, running, problem)
        self.phase = phase
        self.name = name
        self.path = path
        self.line = line
        self.running = running
        self.problem = problem

    @property
    def where(self) -> str:
        """File and line as ``tax.py:3``, as far as they are known."""
        if not self.path:
            return ""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return (
            f"{self.name!r} failed in phase {self.phase}{place}: {self.problem}; "
            f"nothing was changed, {self.running} is running; {self._advice}"
        )

    @property
    def _advice(self) -> str:
        if self.phase == "dispose":  # the hook is that of the version that runs, and no edit reaches it
            return f"mend its hook there, or take it away by del sys.modules[{self.name!r}].__dispose__, and try again"
        if self.phase in ("tear-down", "set-up"):  # it may be who takes part that raised
            return "mend what raised and try again"
        return "mend the source and reload again"


class FindingsError(ModregError):
    """
    A transaction that was to be strict has findings: every module is as it was before.

    Attributes:
        findings: A :class:`Finding` for each thing that it cannot cover.
    """

    def __init__(self, findings: tuple[object, ...]) -> None:
        super().__init__(findings)
        self.findings = findings

    def __str__(self) -> str:
        told = "; ".join(map(str, self.findings))
        return (
            f"not everything can be brought up to date, which strict=True asks for: {told}; "
            "nothing was changed, what was running before is running; make another edit, or leave out strict=True"
        )


class SourceError(ReloadError):
    """A module's source cannot be had or compiled: vanished, unreadable, badly encoded or wrong in syntax."""
