"""Work that is done in another thread for an event loop, with the hooks on the loop."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from types import CoroutineType
from typing import Any, Final, TypeVar

T = TypeVar("T")

# The loop that a transaction was asked for on; a thread that was not asked by one has none.
_ASKED: Final[ContextVar[Any]] = ContextVar("modreg.asked", default=None)  # an asyncio loop


async def off_the_loop(call: Callable[[], T], executor: Any) -> T:  # a concurrent.futures executor
    """
    Make a call in a thread of *executor*, while the loop runs on and makes the calls of :func:`on_the_loop`.

    Who cancels the wait does not end the call: a transaction is carried out or aborted as a whole.
    """
    import asyncio  # noqa: PLC0415  # whoever awaits has it

    loop = asyncio.get_running_loop()
    context = copy_context()
    context.run(_ASKED.set, loop)
    return await asyncio.shield(loop.run_in_executor(executor, context.run, call))


def on_the_loop(function: Callable[..., object], *args: object) -> None:
    """
    Call a hook on the loop that asked for the transaction, or right here if none did; wait for its end.

    Raises:
        TypeError: It is a coroutine function, and there is no loop to await it on.
    """
    loop = _ASKED.get()
    if loop is None:
        _call(function, args)
        return
    import asyncio  # noqa: PLC0415  # as above

    async def call() -> None:
        answer = function(*args)
        if asyncio.iscoroutine(answer):
            await answer

    asyncio.run_coroutine_threadsafe(call(), loop).result()


def _call(function: Callable[..., object], args: tuple[object, ...]) -> None:
    answer = function(*args)
    if isinstance(answer, CoroutineType):
        answer.close()
        raise TypeError(
            f"{function!r} is a coroutine function, and this call has no event loop to await it on; "
            "areload(), arefresh() and arollback() have"
        )
