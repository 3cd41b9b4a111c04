"""Whose turn it is: one transaction at a time."""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import attrs

from modreg._guard import thread_name
from modreg._transaction import Work
from modreg.errors import BusyError, NestedTransactionError


@attrs.define(eq=False)
class Turn:
    """
    Whose turn it is: one transaction at a time, and none inside another.

    Args:
        takers: The code of the methods that take the turn; each has it under the name ``_turn``.

    Attributes:
        owner: The thread that has the turn.
        work: The open transaction.
        wanted: What was asked for, as ``reload('tax')``.
        timeout: Seconds that who has the turn would wait; `None` for ever.
    """

    _takers: Collection[CodeType]
    _lock: Any = attrs.field(factory=_thread.RLock)  # guards `owner` and the open transaction
    owner: int | None = None
    work: Work | None = None
    wanted: str = ""
    timeout: float | None = None
    # A fork copies the lock as it is, and in the child nobody gives it back.
    _process: int = attrs.field(factory=os.getpid)

    @contextmanager
    def taken(self, wanted: str, timeout: float | None) -> Iterator[None]:
        """
        Wait for the turn, and hold it.

        Raises:
            NestedTransactionError: This thread has it already.
            BusyError: It did not come within *timeout* seconds.
        """
        if self._process != os.getpid():
            self._process, self._lock = os.getpid(), _thread.RLock()
        if self._lock._is_owned() and self._is_nested():
            executing = self.work.executing if self.work is not None else ()
            raise NestedTransactionError(wanted, executing[-1] if executing else "")
        self._give_back()
        try:
            if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
                raise BusyError(timeout or 0.0, str(thread_name(self.owner)))
            self.owner, self.wanted, self.timeout = _thread.get_ident(), wanted, timeout
            yield
        finally:
            self._give_back()

    def _give_back(self) -> None:
        """
        Let the next one have the turn; also a turn that a signal kept this thread from giving back.

        A `KeyboardInterrupt` may come between any two lines, so that the lock can outlive the call.
        """
        while self._lock._is_owned():
            self.owner = self.work = None
            self._lock.release()

    def _is_nested(self) -> bool:
        """Whether a call that has the turn is on this thread's stack, below the one that asks."""
        frame: FrameType | None = sys._getframe(1)
        found = 0
        while frame is not None and found < 2:
            found += frame.f_code in self._takers and frame.f_locals["self"]._turn is self
            frame = frame.f_back
        return found == 2

    def mine(self) -> Work | None:
        """The transaction that this thread has open."""
        work = self.work
        return work if work is not None and not work.is_over and self.owner == _thread.get_ident() else None
