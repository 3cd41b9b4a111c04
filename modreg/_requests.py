"""Transactions that somebody asked for and that wait for a safe point."""

from __future__ import annotations

import _thread
from typing import Any

import attrs

from modreg._model import Transaction


@attrs.define(eq=False)
class Request:
    """
    A reload or refresh that was asked for, and what came of it.

    Attributes:
        module: Absolute module name; `None` for a refresh.
        transaction: What was done, once it is.
        error: What was raised instead.
    """

    module: str | None
    transaction: Transaction | None = None
    error: Exception | None = None
    # Held until it is done.
    _lock: Any = attrs.field(factory=_thread.allocate_lock, repr=False)

    def __attrs_post_init__(self) -> None:
        self._lock.acquire()

    @property
    def is_done(self) -> bool:
        """Whether it was carried out, or has failed."""
        return self.transaction is not None or self.error is not None

    def wait(self, timeout: float | None = None) -> Transaction:
        """
        Wait for a safe point to come, and for what is done there.

        Args:
            timeout: Seconds; `None` waits for ever.

        Raises:
            TimeoutError: It did not come in time; the request stands.
            ModregError: What the transaction raised.
        """
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError(f"no safe point within {timeout:g} s; the request stands")
        self._lock.release()
        if self.error is not None:
            raise self.error
        assert self.transaction is not None  # one of the two is there when the lock is free
        return self.transaction

    def finish(self, transaction: Transaction | None, error: Exception | None) -> None:
        """Tell everybody who waits."""
        self.transaction, self.error = transaction, error
        self._lock.release()
