"""What a version of a plugin began and somebody has to end: threads, tasks, handlers, what it owns."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, TypeVar

import attrs

T = TypeVar("T")

# What signal is made of, without the conversion of each answer, which takes ten times as long.
_signal: Any = importlib.import_module("_signal")  # the stubs do not know it


@attrs.define(eq=False)
class Effect:
    """
    One thing that a version began.

    Attributes:
        kind: ``thread``, ``task``, ``exit``, ``handler``, ``signal`` or ``owned``.
        what: It, for people.
        module: The module that it is of, or ``""`` where that cannot be told.
        undo: Ends it.
        is_alive: Whether it has not ended.
        context: The context variables that it runs with, where it has any.
    """

    kind: str
    what: str
    module: str
    undo: Callable[[], object]
    is_alive: Callable[[], bool]
    context: Any = None  # a contextvars.Context


@attrs.define(eq=False)
class Effects:
    """
    What one version began, in order.

    Attributes:
        roots: The modules whose code the version is, each with all below it.
        found: The effects, oldest first.
    """

    roots: tuple[str, ...] = ()
    found: list[Effect] = attrs.field(factory=list)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note what begins meanwhile, also if it fails; what the plugin's code owns meanwhile is ours."""
        before, handlers = _present().keys(), _signals()
        opened = _Open(self)
        token = _OPEN.set(opened)
        try:
            yield
        finally:
            _OPEN.reset(token)
            opened.effects = None
            new = [make() for key, make in _present().items() if key not in before]
            self.found.extend(each for each in new if self._is_ours(each, opened))
            self.found.extend(_changed_signals(handlers, _signals()))

    def _is_ours(self, effect: Effect, opened: _Open) -> bool:
        """Whether the version began it, and not a library that it uses, or somebody else at the same time."""
        runs_ours = any(f"{effect.module}.".startswith(f"{root}.") for root in self.roots)
        if runs_ours or effect.kind == "handler":
            return True
        if effect.context is not None:
            return effect.context.get(_OPEN) is opened
        if effect.kind == "thread":
            effect.undo = _nothing  # nobody can tell who started it: it is reported, and left alone
            return True
        return False

    def supersede(self, older: Effects) -> None:
        """Where one of these took the place of an *older* one, give the place back to what was there before that."""
        mine = [each for each in self.found if isinstance(each, SignalEffect)]
        theirs = [each for each in older.found if isinstance(each, SignalEffect)]
        for new in mine:
            for old in theirs:
                if new.before is old.handler:
                    new.before = old.before

    def of(self, has: Callable[[str], bool]) -> Effects:
        """Move the effects of some modules into a collection of their own."""
        taken = Effects(self.roots, [each for each in self.found if has(each.module)])
        self.found[:] = [each for each in self.found if not has(each.module)]
        return taken


@attrs.define(eq=False)
class _Open:
    """Whose code is running; tasks inherit it, so it says itself when it is over."""

    effects: Effects | None


_OPEN: ContextVar[_Open | None] = ContextVar("modreg.plugins.open", default=None)


def own(thing: T, close: Callable[[], object] | None = None) -> T:
    """
    Have the plugin's version that is being executed or set up answer for *thing*: it is closed when the version goes.

    Things are closed in reverse order.  Where the host calls asynchronously, *close* runs on its loop and may be
    a coroutine function.

    Args:
        thing: Anything.
        close: What ends it; by default its method ``close``.

    Returns:
        The thing.

    Raises:
        RuntimeError: No plugin is being executed or set up.
        TypeError: There is no way to close it.

    .. versionadded:: 0.1.0
    """
    opened = _OPEN.get()
    if opened is None or opened.effects is None:
        raise RuntimeError("own() is for a plugin's code while it is executed or set up by a host")
    closing = getattr(thing, "close", None) if close is None else close
    if not callable(closing):
        raise TypeError(f"{thing!r} has no close(); say what ends it by own(thing, close=...)")
    opened.effects.found.append(Effect("owned", f"{thing!r}", "", closing, _never))
    return thing


# What is there: each kind by a function of its own, which asks nobody to import anything.

_Found = Iterator[tuple[tuple[str, object], Callable[[], Effect]]]
"""The kind and key of each effect, and what makes it: nearly all were there before, and nobody asks more of them."""


def _present() -> dict[tuple[str, object], Callable[[], Effect]]:
    """All threads, tasks, timers, logging handlers and functions at exit that there are now."""
    return dict((*_threads(), *_tasks(), *_at_exit(), *_handlers()))


def _threads() -> _Found:
    threading: Any = sys.modules.get("threading")  # not imported for this
    for thread in threading.enumerate() if threading is not None else ():
        yield ("thread", thread), partial(_of_thread, thread, is_timer=isinstance(thread, threading.Timer))


def _of_thread(thread: Any, *, is_timer: bool) -> Effect:  # a threading.Thread
    if is_timer:
        name, module, end = f"timer {thread.name!r}", module_of(thread.function), partial(_end, thread)
        return Effect("thread", name, module, end, lambda: thread.is_alive() and not thread.finished.is_set())
    module = module_of(getattr(thread, "_target", None) or thread)
    return Effect("thread", f"thread {thread.name!r}", module, _nothing, partial(_goes_on, thread))


def _goes_on(thread: Any) -> bool:  # a threading.Thread
    """Whether it has not ended; what it waits for may have been closed a moment ago, so it is given one."""
    with contextlib.suppress(RuntimeError):  # it is the current one, or one that is only known by its number
        thread.join(_MOMENT)
    return bool(thread.is_alive())


def _end(timer: Any) -> None:  # a threading.Timer
    """Cancel it, and wait until its thread has let go of its function; one that runs already is not waited for long."""
    timer.cancel()
    if timer is not sys.modules["threading"].current_thread():
        timer.join(_PATIENCE)


_PATIENCE: Final = 1.0
"""Seconds for a thread that was told to end; an idle one takes less than a millisecond."""

_MOMENT: Final = 0.2
"""Seconds for a thread of which nobody knows whether it was told to end; one that was not takes them all."""


def _nothing() -> None:
    """Nobody can end a thread from outside; it is in the report of leaks."""


def running_loop() -> Any:  # an asyncio loop or None
    """The loop that runs in this thread; asyncio is not imported for the question."""
    asyncio: Any = sys.modules.get("asyncio")
    return asyncio._get_running_loop() if asyncio is not None else None


def _tasks() -> _Found:
    """Tasks and timers of the loop that runs in this thread."""
    loop = running_loop()
    if loop is None:
        return
    asyncio: Any = sys.modules["asyncio"]
    mine = asyncio.current_task()
    for task in asyncio.all_tasks(loop):
        if task is not mine:
            yield ("task", task), partial(_of_task, task)
    for timer in list(getattr(loop, "_scheduled", ())):  # asyncio's own loops alone can tell
        if not timer.cancelled():
            yield ("task", id(timer)), partial(_of_timer, timer)


def _of_task(task: Any) -> Effect:  # an asyncio.Task
    name, module = f"task {task.get_name()!r}", module_of(task.get_coro())
    return Effect("task", name, module, task.cancel, lambda: not (task.done() or task.cancelling()), _context(task))


def _of_timer(timer: Any) -> Effect:  # an asyncio.TimerHandle
    name, module = f"timer of {timer._callback!r}", module_of(timer._callback)
    return Effect("task", name, module, timer.cancel, lambda: not timer.cancelled(), timer._context)


def _context(task: Any) -> Any:  # an asyncio.Task, and its contextvars.Context
    """The context of a task; up to 3.11 none can be had, and what its code is of has to do."""
    return task.get_context() if hasattr(task, "get_context") else None


@attrs.define(eq=False)
class _Listener:
    """Equal to nothing, and told of everything that it is compared with."""

    heard: list[Any]  # functions of any kind

    def __eq__(self, other: object) -> bool:
        self.heard.append(other)
        return False

    __hash__ = None  # type: ignore[assignment]  # it is only ever compared


def _at_exit() -> _Found:
    """
    The functions registered with `atexit`.

    It does not list them, but compares each with the one to unregister.
    """
    atexit = sys.modules.get("atexit")
    if atexit is None:
        return
    heard: list[Any] = []  # as above
    atexit.unregister(_Listener(heard))
    for function in heard:
        yield ("exit", id(function)), partial(_of_exit, function, partial(atexit.unregister, function))


def _of_exit(function: Any, undo: Callable[[], object]) -> Effect:  # a function of any kind
    return Effect("exit", f"function at exit {_named(function)}", module_of(function), undo, _never)


def _never() -> bool:
    return False


def _handlers() -> _Found:
    logging: Any = sys.modules.get("logging")  # not imported for this
    if logging is None:
        return
    for logger in [logging.root, *list(logging.root.manager.loggerDict.values())]:
        for handler in list(getattr(logger, "handlers", ())):  # a place holder has none
            if type(handler) is not logging.NullHandler:  # libraries put these on their own loggers
                yield ("handler", (logger.name, id(handler))), partial(_of_handler, logger, handler)


def _of_handler(logger: Any, handler: Any) -> Effect:  # logging's classes
    name, undo = f"logging handler {handler!r}", partial(_remove_handler, logger, handler)
    return Effect("handler", name, module_of(handler), undo, lambda: handler in logger.handlers)


def _remove_handler(logger: Any, handler: Any) -> None:  # logging's classes
    if handler in logger.handlers:
        logger.removeHandler(handler)
        handler.close()


_SIGNALS: list[Any] = []  # the numbers, read once: that takes longer than asking for their handlers


def _signals() -> list[Any]:  # handlers
    if "signal" not in sys.modules:  # not imported for this
        return []
    if not _SIGNALS:
        _SIGNALS.extend(map(int, sorted(_signal.valid_signals())))
    return [*map(_signal.getsignal, _SIGNALS)]


@attrs.define(eq=False)
class SignalEffect(Effect):
    """
    A signal handler.

    Attributes:
        handler: The version's.
        before: What was in its place.
    """

    handler: Any = None
    before: Any = None


def _changed_signals(before: list[Any], after: list[Any]) -> Iterator[SignalEffect]:  # as in _signals()
    if before == after:  # as nearly always
        return
    for number, former, handler in zip(_SIGNALS, before or [_signal.SIG_DFL] * len(after), after, strict=False):
        if handler is not former:
            name = f"handler of signal {int(number)}"
            alive = partial(_is_handled, number, handler)
            made = SignalEffect("signal", name, module_of(handler), _nothing, alive, None, handler, former)
            made.undo = partial(_give_signal_back, number, made)
            yield made


def _give_signal_back(number: Any, effect: SignalEffect) -> None:  # as above
    if effect.is_alive():
        _signal.signal(number, effect.before)


def _is_handled(number: Any, handler: Any) -> bool:  # as above
    return _signal.getsignal(number) is handler


def module_of(thing: Any) -> str:  # anything that runs
    """The name of the module that something's code is of."""
    while True:
        if isinstance(thing, partial):
            thing = thing.func
        elif getattr(thing, "__self__", None) is not None and hasattr(thing, "__func__"):
            bound, thing = thing.__self__, thing.__func__
            if not hasattr(thing, "__globals__"):
                thing = type(bound)
        else:
            break
    frame = getattr(thing, "cr_frame", None)
    if frame is not None:  # of a coroutine
        return str(frame.f_globals.get("__name__", ""))
    if isinstance(thing, type) or hasattr(thing, "__globals__"):
        return str(getattr(thing, "__module__", "") or "")
    return str(type(thing).__module__)


def _named(function: Any) -> str:  # anything that can be called
    return getattr(function, "__qualname__", None) or repr(function)
