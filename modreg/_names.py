"""The public names, each from where it is defined; `modreg` loads this when the first of them is asked for."""

from modreg._diff import Change, ChangeKind, Diff
from modreg._events import Event, TransactionAborted, TransactionCommitted, VersionCommitted
from modreg._guard import Gate, GuardedCall
from modreg._holders import Holder, HolderKind
from modreg._model import (
    Cause,
    Decision,
    Edge,
    EdgeKind,
    Finding,
    Foreseen,
    ModuleVersion,
    Participant,
    Phase,
    Plan,
    Step,
    Transaction,
)
from modreg._registry import DEFAULT as _DEFAULT
from modreg._registry import Registry
from modreg._requests import Request
from modreg.errors import (
    BusyError,
    FindingsError,
    InsideGuardError,
    ModregError,
    NestedTransactionError,
    NoEarlierVersionError,
    NotAModuleError,
    NotLoadedError,
    NotTrackedError,
    RefusedError,
    ReloadError,
    RemovedError,
    SourceError,
    UnknownVersionError,
)

install = _DEFAULT.install
uninstall = _DEFAULT.uninstall
include = _DEFAULT.include
reload = _DEFAULT.reload
refresh = _DEFAULT.refresh
rollback = _DEFAULT.rollback
unload = _DEFAULT.unload
forget = _DEFAULT.forget
guard = _DEFAULT.guard
is_guarded = _DEFAULT.is_guarded
is_installed = _DEFAULT.is_installed
request_reload = _DEFAULT.request_reload
request_refresh = _DEFAULT.request_refresh
apply_requests = _DEFAULT.apply_requests
areload = _DEFAULT.areload
arefresh = _DEFAULT.arefresh
arollback = _DEFAULT.arollback
plan = _DEFAULT.plan
history = _DEFAULT.history
current = _DEFAULT.current
diff = _DEFAULT.diff
holders = _DEFAULT.holders
dependencies = _DEFAULT.dependencies
dependents = _DEFAULT.dependents
why = _DEFAULT.why
transactions = _DEFAULT.transactions
subscribe = _DEFAULT.subscribe

__all__ = [
    "BusyError",
    "Cause",
    "Change",
    "ChangeKind",
    "Decision",
    "Diff",
    "Edge",
    "EdgeKind",
    "Event",
    "Finding",
    "FindingsError",
    "Foreseen",
    "Gate",
    "GuardedCall",
    "Holder",
    "HolderKind",
    "InsideGuardError",
    "ModregError",
    "ModuleVersion",
    "NestedTransactionError",
    "NoEarlierVersionError",
    "NotAModuleError",
    "NotLoadedError",
    "NotTrackedError",
    "Participant",
    "Phase",
    "Plan",
    "RefusedError",
    "Registry",
    "ReloadError",
    "RemovedError",
    "Request",
    "SourceError",
    "Step",
    "Transaction",
    "TransactionAborted",
    "TransactionCommitted",
    "UnknownVersionError",
    "VersionCommitted",
    "apply_requests",
    "arefresh",
    "areload",
    "arollback",
    "current",
    "dependencies",
    "dependents",
    "diff",
    "forget",
    "guard",
    "history",
    "holders",
    "include",
    "install",
    "is_guarded",
    "is_installed",
    "plan",
    "refresh",
    "reload",
    "request_refresh",
    "request_reload",
    "rollback",
    "subscribe",
    "transactions",
    "uninstall",
    "unload",
    "why",
]
