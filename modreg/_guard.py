"""Calls that must not see two versions, and the gate that closes while a transaction runs."""

from __future__ import annotations

import _thread
import contextlib
import functools
import inspect
import os
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import BuiltinFunctionType, FrameType
from typing import Any, Final, TypeVar, cast

import attrs

from modreg.errors import BusyError, InsideGuardError

_Function = TypeVar("_Function", bound=Callable[..., Any])  # a function of anything
_get_ident: Final = _thread.get_ident
_is_native: Final = type(_get_ident) is BuiltinFunctionType  # where gevent has put its own, it names greenlets


@attrs.frozen(kw_only=True)
class GuardedCall:
    """
    A guarded call that a transaction waits for.

    Attributes:
        who: The thread or task, as ``thread 'worker'``.
        seconds: How long the transaction has seen it inside; it may have been there before.
        stack: Where it is, as `traceback.format_stack` writes it; empty where that cannot be told.
    """

    who: str
    seconds: float
    stack: str = attrs.field(repr=False)

    def __str__(self) -> str:
        lines = [line.strip() for line in self.stack.splitlines() if line.strip().startswith("File ")]
        return f"{self.who}, {lines[-1]}" if lines else self.who


@attrs.define(eq=False)
class _Closing:
    """A gate that is closed, from the request of a transaction until its end."""

    owner: int
    process: int = attrs.field(factory=os.getpid)
    # Held by the owner until the gate opens.
    opened: Any = attrs.field(factory=_thread.allocate_lock)
    # Free when somebody has left since the owner last looked.
    left: Any = attrs.field(factory=_thread.allocate_lock)
    # Who came meanwhile, and how to wake those who wait without blocking; both under the gate's lock.
    waiting: list[object] = attrs.field(factory=list)
    wakers: list[Callable[[], object]] = attrs.field(factory=list)
    seen: dict[object, float] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.opened.acquire()
        self.left.acquire()

    def tell(self) -> None:
        """Have the owner look again who is inside."""
        with contextlib.suppress(RuntimeError):  # it has been told already
            self.left.release()


# The gates closed by the transaction that this code runs for: a participant's own calls are made by other threads,
# those of an event loop, with the context of the transaction's.
_BEHALF: ContextVar[tuple[_Closing, ...]] = ContextVar("modreg.behalf", default=())


class Gate:
    """
    Guards calls: ``with gate:``, ``async with gate:``, or as a decorator.

    A thread or task that is inside may enter again, which is one more entry.  No lock is taken on the way in and
    out: an entry is put and taken in one step of C, atomic under the GIL and locked in free threading.  It is
    put *before* the look at the notices, and a transaction puts its notice *before* it looks at the entries: one of
    the two always sees the other.
    """

    __slots__ = ("__weakref__", "_at_rest", "_lock", "_notices", "_tasks", "_threads")

    def __init__(self, notices: dict[Any, Any], at_rest: Callable[[], object]) -> None:
        # The identity of each thread, as often as it has entered.
        self._threads: deque[int] = deque()
        # How often each task has entered; there may be too many of them to look through.
        self._tasks: dict[Any, int] = {}  # of either kind
        # What concerns those who pass, for all gates of a registry, so that one look tells that there is nothing:
        # by gate how a transaction closes it, and by module what shall be done when nobody is inside.
        self._notices = notices
        self._at_rest = at_rest  # does that
        # Guards who waits, and the end of this gate's notice.  It lets in again who was interrupted on the way out.
        self._lock = _thread.RLock()

    def __enter__(self) -> None:
        key = _get_ident()
        try:
            self._threads.append(key)
        except MemoryError:
            raise
        except BaseException:  # a signal handler's, which runs when the call is over
            self._threads.remove(key)
            raise
        if self._notices:
            self._wait(key)

    # Three arguments and no further call, for each would cost a tenth of the whole.
    def __exit__(self, kind: object, error: object, traceback: object, /) -> None:
        self._threads.remove(_get_ident())
        if self._notices:
            self._left()

    async def __aenter__(self) -> None:
        key = _task()
        self._put(key)
        if self._notices:
            await self._wait_without_blocking(key)

    async def __aexit__(self, *_: object) -> None:
        self._take(_task())
        if self._notices:
            self._left()

    def __call__(self, function: _Function) -> _Function:
        """
        Guard every call of a function, of a coroutine function until it returns.

        Raises:
            TypeError: It is a generator function, whose call ends before its body begins, or cannot be called.
        """
        if not callable(function):
            raise TypeError(f"expected something that can be called, got {function!r}")
        kinds = function, type(function).__call__  # an object may be called as a coroutine function is
        if any(inspect.isgeneratorfunction(kind) or inspect.isasyncgenfunction(kind) for kind in kinds):
            raise TypeError(f"a generator cannot be guarded as a whole; put `with guard():` into {function!r}")
        if any(map(inspect.iscoroutinefunction, kinds)):

            @functools.wraps(function)
            async def guarded(*args: Any, **kwargs: Any) -> Any:  # of any function
                async with self:
                    return await function(*args, **kwargs)
        else:

            @functools.wraps(function)
            def guarded(*args: Any, **kwargs: Any) -> Any:  # as above
                with self:
                    return function(*args, **kwargs)

        return cast("_Function", guarded)

    # Who is inside

    def _put(self, key: Any) -> None:  # as of _task()
        if type(key) is int:
            self._threads.append(key)
        else:
            self._tasks[key] = self._tasks.get(key, 0) + 1

    def _take(self, key: Any) -> None:  # as above
        if type(key) is int:
            self._threads.remove(key)
        elif self._tasks[key] > 1:
            self._tasks[key] -= 1
        else:
            del self._tasks[key]

    def _count(self, key: Any) -> int:  # as above
        return self._threads.count(key) if type(key) is int else self._tasks.get(key, 0)

    def _keys(self) -> list[Any]:  # as above
        return list(dict.fromkeys([*self._threads.copy(), *list(self._tasks)]))

    def _left(self) -> None:
        """Tell a transaction that waits that somebody has left, or if nobody is inside do what was asked for."""
        closing = self._closing
        if closing is not None:
            closing.tell()
        elif not self._threads and not self._tasks:
            self._at_rest()

    # Waiting for the gate to open

    def _wait(self, key: object) -> None:
        closing = self._step_back(key, None)
        if closing is not None:
            try:
                with closing.opened:  # whoever opens the gate lets this thread in
                    pass
            except BaseException:  # a signal: the call does not take place
                self._give_up(key, closing)
                raise

    async def _wait_without_blocking(self, key: object) -> None:
        wake, wait = _event()
        closing = self._step_back(key, wake)
        if closing is not None:
            try:
                await wait()
            except BaseException:  # a cancellation
                self._give_up(key, closing)
                raise

    def _step_back(self, key: object, wake: Callable[[], object] | None) -> _Closing | None:
        """Go out again and line up; `None` if the gate is open by now, or closed by this thread or for its sake."""
        with self._lock:
            closing = self._closing
            # Who was inside already may go on, for the transaction waits until it has left.
            if closing is None or self._count(key) > 1 or closing.owner == _get_ident() or closing in _BEHALF.get():
                return None
            self._take(key)
            closing.waiting.append(key)
            if wake is not None:
                closing.wakers.append(wake)
        closing.tell()
        return closing

    def _give_up(self, key: object, closing: _Closing) -> None:
        with self._lock:
            if self._closing is closing:
                closing.waiting.remove(key)
            else:
                self._take(key)

    # For transactions

    @property
    def _closing(self) -> _Closing | None:
        """How the gate is closed; that of another process, whose owner is not in this one, is none."""
        closing: _Closing | None = self._notices.get(self)
        if closing is not None and closing.process != os.getpid():
            self._notices.pop(self, None)
            return None
        return closing

    def _close(self) -> _Closing:
        """Let nobody in who is not inside; who looks just before that is inside, and waited for."""
        self._notices[self] = closing = _Closing(_get_ident())
        return closing

    def _open(self) -> None:
        """Let in all who wait: they are inside before anybody can close the gate again, so none waits for ever."""
        with self._lock:
            closing = self._notices.pop(self, None)
            if closing is None:
                return
            for key in closing.waiting:
                self._put(key)
        closing.opened.release()
        for wake in closing.wakers:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                wake()

    def _empty(self, deadline: float | None) -> tuple[GuardedCall, ...]:
        """
        Wait until nobody is inside a closed gate.

        Args:
            deadline: By :func:`time.monotonic`; `None` waits for ever.

        Returns:
            Who is still inside then; nobody if all have left.
        """
        closing = self._closing
        assert closing is not None  # its owner is who asks
        while keys := self._present():
            now = time.monotonic()
            for key in keys:
                closing.seen.setdefault(key, now)
            if deadline is not None and now >= deadline:
                return tuple(_described(key, now - closing.seen[key]) for key in keys)
            # Threads that were lost in a fork or killed give no sign: they are looked for now and then.
            closing.left.acquire(timeout=1.0 if deadline is None else min(1.0, deadline - now))
        return ()

    def _present(self) -> list[object]:
        """Who is inside; what is no more leaves."""
        keys = self._keys()
        if not keys:
            return keys
        # It makes frames for the threads of all interpreters, which is not safe: only where there is need of it.
        # Afterwards, for a thread may begin and enter meanwhile.
        threads = sys._current_frames() if _is_native else None
        for key in keys:
            if _is_done(key) or (type(key) is int and threads is not None and key not in threads):
                self._drop(key)
        return self._keys()

    def _drop(self, key: Any) -> None:  # as of _task()
        with contextlib.suppress(ValueError, KeyError):  # it has left
            while True:
                self._take(key)

    def _holds(self) -> str:
        """Who is inside and would never leave while this thread waits: itself, or a task of its own loop."""
        for key in self._keys():
            if key == _get_ident() or (type(key) is not int and _is_of_this_thread(key)):
                return _who(key)
        return ""


@attrs.define(eq=False)
class Gates:
    """The gate for everything, and one for each unit that has guarded calls of its own."""

    everything: Gate
    units: dict[str, Gate] = attrs.field(factory=dict)

    def of(self, unit: str) -> Gate:
        """The gate for a module and all below it."""
        gate = self.units.get(unit)
        # One step of C: threads that ask at once get the same gate.
        return gate if gate is not None else self.units.setdefault(
            unit, Gate(self.everything._notices, self.everything._at_rest)
        )

    def refuse_task(self, wanted: str) -> None:
        """
        Raise if the task that is about to wait for a transaction is inside itself.

        Raises:
            InsideGuardError: So it is.
        """
        key = _task()
        if self.has(key):
            raise InsideGuardError(wanted, _who(key))

    def is_inside(self) -> bool:
        """Whether the thread or task that asks is inside one of the gates."""
        return self.has(_get_ident()) or self.has(_task())

    def has(self, key: object) -> bool:
        """Whether a thread or task is inside one of the gates."""
        return any(gate._count(key) for gate in self._concerned(None))

    @contextmanager
    def closed(self, wanted: str, names: Iterable[str], timeout: float | None) -> Iterator[None]:
        """
        Keep guarded calls out for as long as this lasts, once those that are inside have left.

        Args:
            wanted: What is to be done, for messages.
            names: The modules that it concerns.
            timeout: Seconds to wait; `None` waits for ever.

        Raises:
            InsideGuardError: This thread, or a task of the loop that runs in it, is inside.
            BusyError: Somebody was still inside after *timeout*.
        """
        gates = self._concerned(names)
        for gate in gates:
            who = gate._holds()
            if who:
                raise InsideGuardError(wanted, who)
        deadline = None if timeout is None else time.monotonic() + timeout
        closed: list[Gate] = []
        behalf = _BEHALF.get()
        try:
            for gate in gates:
                closed.append(gate)
                _BEHALF.set((*_BEHALF.get(), gate._close()))
            for gate in gates:
                inside = gate._empty(deadline)
                if inside:
                    raise BusyError(timeout or 0.0, ", ".join(call.who for call in inside), inside)
            yield
        finally:
            for gate in closed:
                gate._open()
            _BEHALF.set(behalf)

    def _concerned(self, names: Iterable[str] | None) -> list[Gate]:
        if names is None or not self.units:
            return [self.everything, *self.units.values()]
        below = [f"{name}." for name in names]
        found = [gate for unit, gate in list(self.units.items()) if any(each.startswith(f"{unit}.") for each in below)]
        return [self.everything, *found]


# Threads and tasks


def _asyncio_task() -> Any:  # an asyncio task, or None
    asyncio = sys.modules.get("asyncio")
    with contextlib.suppress(RuntimeError):  # no loop runs in this thread
        return asyncio.current_task() if asyncio is not None else None
    return None


def _trio_task() -> Any:  # a trio task, or None
    trio = sys.modules.get("trio")
    with contextlib.suppress(RuntimeError):  # as above
        return trio.lowlevel.current_task() if trio is not None else None
    return None


def _task() -> Any:  # a task of either kind, or a thread's identity
    """Who enters or leaves without blocking."""
    return _asyncio_task() or _trio_task() or _get_ident()


def _event() -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    """How any thread wakes this task, and how the task waits for that."""
    if _asyncio_task() is not None:
        loop = sys.modules["asyncio"].get_running_loop()
        future = loop.create_future()

        async def wait() -> None:
            await future

        return lambda: loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None)), wait
    trio = sys.modules["trio"]
    event, token = trio.Event(), trio.lowlevel.current_trio_token()
    return lambda: token.run_sync_soon(event.set), event.wait


def _is_done(key: Any) -> bool:  # as of _task()
    return hasattr(key, "done") and bool(key.done())


def _is_of_this_thread(task: Any) -> bool:  # a task of either kind
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and hasattr(task, "get_loop"):
        return task.get_loop() is asyncio._get_running_loop()
    return _trio_task() is not None


def thread_name(key: int | None) -> object:
    """What the thread of an identity is called; the identity where that is not known."""
    threading = sys.modules.get("threading")  # not imported for a message: it would upset gevent
    thread = threading._active.get(key) if threading is not None else None
    return thread.name if thread is not None else key


def _who(key: Any) -> str:  # as of _task()
    if type(key) is int:
        return f"thread {thread_name(key)!r}"
    name = key.get_name() if hasattr(key, "get_name") else getattr(key, "name", key)
    return f"task {name}"


def _described(key: Any, seconds: float) -> GuardedCall:  # as of _task()
    import traceback  # noqa: PLC0415  # for this message alone

    frame: FrameType | None = sys._current_frames().get(key) if type(key) is int else None
    if frame is not None:
        lines = traceback.format_stack(frame)
    else:
        frames = key.get_stack() if hasattr(key, "get_stack") else []
        lines = [line for each in frames for line in traceback.format_stack(each, limit=1)]
    return GuardedCall(who=_who(key), seconds=seconds, stack="".join(lines))
