"""Facts that are already true, and who hears of them."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from modreg._model import ModuleVersion, Transaction
from modreg.errors import ModregError


@attrs.frozen(kw_only=True)
class VersionCommitted:
    """
    A transaction gave a module a new current version: it was executed again, or brought back.

    Imports are no news of this kind: they happen under the import system's locks, where nobody is called.

    Attributes:
        version: The new version.
    """

    version: ModuleVersion


@attrs.frozen(kw_only=True)
class TransactionCommitted:
    """
    A transaction is over, and everything it changed is in force.

    Attributes:
        transaction: The transaction.
    """

    transaction: Transaction


@attrs.frozen(kw_only=True)
class TransactionAborted:
    """
    A reload, refresh or rollback failed with an error of modreg's, and everything is as it was before.

    Attributes:
        error: The error that its caller gets.
    """

    error: ModregError


Event = VersionCommitted | TransactionCommitted | TransactionAborted
Subscriber = Callable[[Event], object]


@attrs.define(eq=False)
class Subscribers:
    """Who hears of events, in the order in which they asked."""

    _callbacks: tuple[partial[object], ...] = ()
    # Guards the replacement of the tuple; nobody is called under it.
    _lock: Any = attrs.field(factory=_thread.allocate_lock)

    def add(self, callback: Subscriber) -> Callable[[], None]:
        """Begin to tell *callback*; the answer ends that, however often it is called."""
        token = partial(callback)  # one subscription: the same function may subscribe twice
        with self._lock:
            self._callbacks = (*self._callbacks, token)
        return partial(self._drop, token)

    def publish(self, *events: Event) -> None:
        """Tell everyone; a subscriber that raises is logged and dropped: watching must not break a reload."""
        for event in events:
            for callback in self._callbacks:
                try:
                    callback(event)
                except Exception:
                    import logging  # noqa: PLC0415  # It takes a while to load, and few need it.

                    said = "a subscriber raised and is told nothing more: %r"
                    logging.getLogger("modreg").exception(said, callback.func)
                    self._drop(callback)

    def _drop(self, callback: partial[object]) -> None:
        with self._lock:
            self._callbacks = tuple(c for c in self._callbacks if c is not callback)

    def __bool__(self) -> bool:
        return bool(self._callbacks)
