"""How a host calls a plugin's functions: right here, or on the event loop of whoever asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

import attrs

from modreg.plugins._effects import Effects, running_loop

T = TypeVar("T")

# The loop that an action was asked for on, and whether from inside a guard; read once, at the action's beginning.
_ASKED: ContextVar[Any] = ContextVar("modreg.plugins.asked", default=None)  # an asyncio loop


@attrs.define(eq=False)
class Turns:
    """
    Has calls that are asked for on a loop wait on that loop, and not in a thread of the executor.

    Else those that wait might have all its threads, and the one that is under way none for what its set-up awaits.

    Attributes:
        executor: A `concurrent.futures` executor; `None` for each loop's own.
    """

    executor: Any
    _locks: dict[Any, Any] = attrs.field(factory=dict)  # of each loop an asyncio.Lock

    async def take(self, call: Callable[[], T], *, is_inside: bool, may_wait: bool) -> T:
        """
        Make a call in a thread, while this loop runs on and makes the calls that are meant for it.

        Who cancels the wait does not end the call.

        Args:
            call: The call.
            is_inside: Whether who awaits is inside a guard, which only this thread can tell.
            may_wait: Whether it has to wait for the others; one that they wait for is refused, and so has no turn.
        """
        import asyncio  # noqa: PLC0415  # whoever awaits has it; a host without a loop need not

        loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(_ASKED.set, (loop, is_inside))
        turn = self._turn(loop) if may_wait else nullcontext()

        async def taken() -> T:
            async with turn:
                return await loop.run_in_executor(self.executor, context.run, call)

        return await asyncio.shield(loop.create_task(taken()))

    def _turn(self, loop: Any) -> Any:  # an asyncio loop and an asyncio.Lock
        import asyncio  # noqa: PLC0415  # as above

        if loop not in self._locks:
            self._locks = {each: lock for each, lock in self._locks.items() if not each.is_closed()}
            self._locks[loop] = asyncio.Lock()
        return self._locks[loop]


@attrs.define(eq=False)
class Caller:
    """
    Makes the calls of one action.

    Attributes:
        loop: The loop to make them on; `None` for here.
        is_inside: Whether who asked is inside a guard.
    """

    loop: Any = None  # an asyncio loop
    is_inside: bool = False

    @classmethod
    def asked(cls, is_inside: Callable[[], bool]) -> Caller:
        """The caller for the action that begins."""
        loop, was_inside = _ASKED.get() or (None, False)
        if loop is None or loop is running_loop():
            return cls(None, is_inside())
        return cls(loop, was_inside)

    def call(self, function: Callable[..., object], *args: object, effects: Effects | None = None) -> object:
        """
        Make one call, and wait for what it returns.

        Args:
            function: A function; with a loop it may be a coroutine function.
            args: Its arguments.
            effects: Takes what begins meanwhile; without it nobody looks.

        Raises:
            TypeError: It returned something to be awaited, and there is no loop to do so.
        """
        if self.loop is None:
            return _called(function, args, effects)
        import asyncio  # noqa: PLC0415  # as above

        return asyncio.run_coroutine_threadsafe(_awaited(function, args, effects), self.loop).result()

    def settle(self) -> None:
        """Let what was cancelled on the loop come to its end."""
        if self.loop is not None:
            self.call(_turned)


async def _turned() -> None:
    import asyncio  # noqa: PLC0415  # as above

    for _ in range(3):  # a task hears of its end in one turn, and those that wait for it in the next
        await asyncio.sleep(0)


def _called(function: Callable[..., object], args: tuple[object, ...], effects: Effects | None) -> object:
    with effects.watched() if effects is not None else nullcontext():
        answer = function(*args)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"{function!r} has to be awaited: call the host's method that begins with an a")
    return answer


async def _awaited(function: Callable[..., object], args: tuple[object, ...], effects: Effects | None) -> object:
    with effects.watched() if effects is not None else nullcontext():
        answer = function(*args)
        if inspect.isawaitable(answer):
            answer = await answer
    return answer
