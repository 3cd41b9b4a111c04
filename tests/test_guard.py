"""Guarded calls: none of them sees two versions, and a transaction waits for them without harm to either."""

import asyncio
import gc
import importlib
import os
import pickle
import signal
import threading
import time
from collections import deque

import pytest

import modreg
from modreg import BusyError, InsideGuardError, NestedTransactionError, ReloadError

PAIR = "def a(): return {n}\ndef b(): return {n}\n"


@pytest.fixture
def pair(project, registry):
    """A module whose two functions always have the same number on disk; and what writes the next one."""
    module = project.load("pair", PAIR.format(n=1))
    return module, lambda n: project.write("pair.py", PAIR.format(n=n))


class Inside(threading.Thread):
    """A thread that is inside a guard until it is told to leave."""

    def __init__(self, guard):
        super().__init__(name="worker", daemon=True)
        self.guard, self.entered, self.go = guard, threading.Event(), threading.Event()

    def run(self):
        with self.guard:
            self.entered.set()
            self.go.wait(30)

    def __enter__(self):
        self.start()
        assert self.entered.wait(30)
        return self

    def __exit__(self, *_):
        self.go.set()
        self.join(30)
        assert not self.is_alive()


def in_thread(call):
    """Begin a call in a thread; answers the thread and the list that its result or error will be in."""
    result = []

    def run():
        try:
            result.append(call())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, result


def until(condition):
    """Wait for what another thread is about to bring about."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


async def soon(condition):
    """As :func:`until`, while the loop runs on."""
    await asyncio.to_thread(until, condition)


# Waiting


def test_a_transaction_waits_until_nobody_is_inside(registry, pair):
    """
    A reload begins when the last guarded call has left.
    """
    module, write = pair
    write(2)

    with Inside(registry.guard()) as inside:
        thread, result = in_thread(registry.refresh)
        until(lambda: registry.guard()._closing is not None)
        assert module.a() == 1
        inside.go.set()
        thread.join(30)

    assert result[0].revision == 1
    assert module.a() == 2


def test_who_is_inside_is_told_when_time_is_over(registry, pair):
    """
    The error names the thread, its stack and for how long it was seen, and the source stays to be brought in.
    """
    module, write = pair
    write(2)

    with Inside(registry.guard()), pytest.raises(BusyError) as info:
        registry.refresh(timeout=0)

    assert module.a() == 1
    assert [call.who for call in info.value.inside] == ["thread 'worker'"]
    assert "in run" in info.value.inside[0].stack
    assert info.value.inside[0].seconds >= 0
    assert "thread 'worker'" in str(info.value)
    assert pickle.loads(pickle.dumps(info.value)).inside == info.value.inside
    assert registry.refresh().revision == 1


def test_calls_that_come_meanwhile_wait_and_are_let_in_before_the_next_transaction(registry, pair):
    """
    A guarded call that waits for a transaction is inside when it is over, whoever wants to begin the next one.
    """
    module, write = pair
    seen = []

    with Inside(registry.guard()) as inside:
        write(2)
        first, _ = in_thread(registry.refresh)
        gate = registry.guard()
        until(lambda: gate._closing is not None)
        caller, _ = in_thread(registry.guard()(lambda: seen.append((module.a(), module.b()))))
        until(lambda: gate._closing.waiting)
        assert seen == []
        inside.go.set()
        first.join(30)
        caller.join(30)

    assert seen == [(2, 2)]


def test_whoever_is_inside_may_enter_again_while_a_transaction_waits(registry, pair):
    """
    Nested guards pass, so that a call which has begun can end.
    """
    module, write = pair
    write(2)
    guard, entered, go, seen = registry.guard(), threading.Event(), threading.Event(), []

    def call():
        with guard:
            entered.set()
            go.wait(30)
            with guard:
                seen.append(module.a())

    thread, _ = in_thread(call)
    entered.wait(30)
    reloading, _ = in_thread(registry.refresh)
    until(lambda: registry.guard()._closing is not None)
    go.set()
    thread.join(30)
    reloading.join(30)

    assert seen == [1]
    assert module.a() == 2


def test_a_task_that_is_inside_may_enter_again_while_a_transaction_waits(registry, pair):
    """
    As a thread may; it is inside until it has left as often as it has entered.
    """
    module, write = pair
    write(2)
    gate = registry.guard()

    async def main():
        async with gate:
            reloading = asyncio.create_task(asyncio.to_thread(registry.refresh))
            await soon(lambda: gate._closing is not None)
            async with gate:
                seen = module.a()
            assert gate._keys() == [asyncio.current_task()]
            seen = seen, module.a()
        await reloading
        return seen

    assert asyncio.run(main()) == (1, 1)
    assert module.a() == 2
    assert gate._keys() == []


def test_no_guarded_call_sees_two_versions(registry, pair):
    """
    However often threads call while reloads go on, all that one guarded call sees is of one version.
    """
    module, write = pair
    guard, stop, wrong, calls = registry.guard(), threading.Event(), [], []

    def call():
        count = 0
        while not stop.is_set():
            with guard:
                seen = module.a(), module.b(), module.a()
            count += 1
            if len(set(seen)) != 1:
                wrong.append(seen)
        calls.append(count)

    threads = [in_thread(call)[0] for _ in range(3)]
    for number in range(2, 22):
        write(number)
        assert registry.refresh().versions
    stop.set()
    for thread in threads:
        thread.join(30)

    assert wrong == []
    assert min(calls) > 0
    assert registry.guard()._keys() == []


def test_a_failure_opens_the_gate_again(project, registry, pair):
    """
    Guarded calls go on after a transaction that was aborted.
    """
    module, _ = pair
    project.write("pair.py", "raise OSError('disk')")

    with pytest.raises(ReloadError):
        registry.refresh()

    with registry.guard():
        assert module.a() == 1


# Units


def test_the_guard_of_a_unit_holds_back_what_concerns_it_alone(project, registry, pair):
    """
    A reload of something else does not wait for the calls into a unit.
    """
    module, write = pair
    project.load("shop.__init__", "")
    project.load("shop.till", "OPEN = 1\n")

    with Inside(registry.guard("shop")):
        write(2)
        assert registry.refresh(timeout=0).revision == 1
        project.write("shop/till.py", "OPEN = 2\n")
        with pytest.raises(BusyError):
            registry.refresh(timeout=0)

    assert registry.refresh(timeout=0).revision == 2
    assert module.a() == 2


def test_a_notice_for_others_changes_nothing(registry):
    """
    Whoever passes a gate while another one is closed is inside as often as without.
    """
    gate, other = registry.guard("pair"), registry.guard("shop")
    counts = []

    async def task():
        async with gate, gate:
            counts.append(gate._count(asyncio.current_task()))

    other._close()
    with gate, gate:
        counts.append(gate._count(threading.get_ident()))
    asyncio.run(task())
    other._open()

    assert counts == [2, 2]
    assert gate._keys() == []
    assert registry._notices == {}


# What would wait for itself


def test_a_reload_inside_a_guard_is_refused(registry, pair):
    """
    It would wait for its own end; it is refused, and nothing is changed.
    """
    module, write = pair
    write(2)

    with registry.guard(), pytest.raises(InsideGuardError, match="request_reload"):
        registry.refresh()

    assert module.a() == 1
    assert registry.refresh().revision == 1


def test_modules_and_hooks_of_a_transaction_may_enter(project, registry):
    """
    What the transaction itself runs is not held back by its own gate.
    """
    project.load("shop", "import modreg\n")
    shop = "def sell():\n    with guard: return 1\nFIRST = sell()\ndef __migrate__(old): sell()\n"
    project.write("shop.py", "import gate_of\nguard = gate_of.guard\n" + shop)
    project.write("gate_of.py", "guard = None\n")
    importlib.import_module("gate_of").guard = registry.guard()

    registry.reload("shop", timeout=30)

    assert importlib.import_module("shop").FIRST == 1


# Decorators


def test_a_guard_is_a_decorator(registry):
    """
    Functions and coroutine functions are guarded for the time of their calls; of generators that cannot be.
    """
    inside = registry.guard()._keys

    @registry.guard()
    def plain():
        return len(inside())

    @registry.guard()
    async def waiting():
        await asyncio.sleep(0)
        return len(inside())

    assert plain() == 1
    assert asyncio.run(waiting()) == 1
    assert plain.__name__ == "plain"
    assert inside() == []
    with pytest.raises(TypeError, match="generator"):
        registry.guard()(lambda: (yield))


def test_a_guard_is_a_decorator_of_what_can_be_called(registry):
    """
    An object is guarded by what its call is: a function's, a coroutine's, or that of a generator, which cannot be.
    """

    class Waiting:
        async def __call__(self):
            return registry.is_guarded()

    class Giving:
        def __call__(self):
            yield 1

    assert asyncio.run(registry.guard()(Waiting())())
    assert registry.guard()(Waiting)().__class__ is Waiting
    with pytest.raises(TypeError, match="generator"):
        registry.guard()(Giving())
    with pytest.raises(TypeError, match="called"):
        registry.guard()(classmethod(print))


# Tasks


def test_a_task_that_waits_inside_is_waited_for(registry, pair):
    """
    A suspended task is inside; a reload off the loop waits for it, and a task that comes meanwhile for the reload.
    """
    module, write = pair
    write(2)
    gate = registry.guard()

    async def main():
        entered, go, seen = asyncio.Event(), asyncio.Event(), []

        async def first():
            async with gate:
                entered.set()
                await go.wait()
                seen.append(module.a())

        async def second():
            async with gate:
                seen.append((module.a(), module.b()))

        one = asyncio.create_task(first())
        await entered.wait()
        reloading = asyncio.create_task(registry.arefresh(timeout=30))
        await soon(lambda: gate._closing is not None)
        two = asyncio.create_task(second())
        await soon(lambda: gate._closing.waiting)
        go.set()
        await asyncio.gather(one, two, reloading)
        return seen

    assert asyncio.run(main()) == [1, (2, 2)]
    assert gate._keys() == []


def test_a_task_that_gives_up_waiting_is_not_inside(registry):
    """
    Who is cancelled while it waits leaves nothing behind, neither in the line nor inside.
    """
    gate = registry.guard()

    async def main():
        async def call():
            async with gate:
                raise AssertionError

        gate._close()
        gate._closing.owner = 0
        task = asyncio.create_task(call())
        await soon(lambda: gate._closing.waiting)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate._closing.waiting == []
        gate._open()

    asyncio.run(main())
    assert gate._keys() == []


def test_a_reload_that_would_block_the_loop_of_a_guarded_task_is_refused(registry, pair):
    """
    In the loop's own thread nobody can wait for a task of that loop, nor a task for itself.
    """
    module, write = pair
    write(2)

    async def main():
        entered, go = asyncio.Event(), asyncio.Event()

        async def inside():
            async with registry.guard():
                entered.set()
                await go.wait()

        task = asyncio.create_task(inside())
        await entered.wait()
        with pytest.raises(InsideGuardError):
            registry.refresh()
        go.set()
        await task
        async with registry.guard():
            with pytest.raises(InsideGuardError):
                await registry.areload("pair")

    asyncio.run(main())
    assert module.a() == 1


def test_the_asynchronous_calls_run_hooks_on_the_loop(project, registry):
    """
    Modules are executed off the loop, and hooks on it, coroutine functions too.
    """
    hooks = "async def __dispose__(): seen.append(threading.get_ident())\ndef __migrate__(old): seen.append(threading.get_ident())\n"
    text = "import threading\ntry: seen\nexcept NameError: seen = []\nran = threading.get_ident()\n" + hooks
    shop = project.load("shop", text)

    async def main():
        module = await registry.areload("shop")
        project.write("shop.py", text + "raise OSError\n")
        with pytest.raises(ReloadError):
            await registry.arefresh()
        return module, await registry.arollback("shop")

    assert asyncio.run(main()) == (shop, shop)
    assert set(shop.seen) == {threading.get_ident()}


def test_a_hook_of_instances_is_awaited_where_there_is_a_loop(project, registry):
    """
    Where there is none, a coroutine function for a hook aborts.
    """
    shop = project.load("shop", "class Till:\n    async def __migrate_instance__(self, old): self.old = old\n")
    till = shop.Till()

    asyncio.run(registry.areload(shop))
    awaited = vars(till).copy()
    till.__dict__.clear()
    with pytest.raises(ReloadError, match=r"__migrate_instance__ .*is a coroutine function"):
        registry.reload(shop)

    assert (awaited, vars(till)) == ({"old": 1}, {})


# Requests


def test_a_request_is_carried_out_when_the_last_guarded_call_leaves(registry, pair):
    """
    A request changes nothing at once; the moment in which nobody is inside is a safe point.
    """
    module, write = pair
    write(2)

    with registry.guard():
        request = registry.request_reload("pair")
        assert registry.request_reload(module) is request
        assert not request.is_done
        assert module.a() == 1

    assert request.wait(0).revision == 1
    assert module.a() == 2


def test_requests_are_carried_out_when_the_host_says_so(project, registry, pair):
    """
    A host without guards has a safe point of its own; what a request raises is told by the request.
    """
    module, write = pair
    write(2)
    wrong, right = registry.request_reload("nothing"), registry.request_refresh()

    assert registry.apply_requests() == (wrong, right)

    assert isinstance(wrong.error, modreg.NotLoadedError)
    with pytest.raises(modreg.NotLoadedError):
        wrong.wait()
    assert right.wait().revision == 1
    assert module.a() == 2
    assert registry.apply_requests() == ()


def test_a_request_that_cannot_be_carried_out_yet_stands(registry, pair):
    """
    Where somebody is still inside when its time is over, a request waits for the next safe point.
    """
    module, write = pair
    write(2)
    request = registry.request_reload("pair")

    with Inside(registry.guard()):
        assert registry.apply_requests(timeout=0) == ()
        assert not request.is_done

    assert request.wait().revision == 1
    assert module.a() == 2


def test_a_request_from_a_signal_handler_and_a_finaliser(registry, pair):
    """
    Both may ask, at any moment.
    """
    module, write = pair
    write(2)

    class Last:
        def __del__(self):
            registry.request_refresh()

    before = signal.signal(signal.SIGUSR1, lambda *_: registry.request_reload("pair"))
    try:
        with registry.guard():
            signal.raise_signal(signal.SIGUSR1)
            Last()
            gc.collect()
            assert len(registry._notices) == 2
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert module.a() == 2
    assert registry._notices == {}


def test_a_reload_inside_a_hook_is_refused_and_a_request_stands(project, registry):
    """
    A hook cannot begin a transaction; what it requests is carried out afterwards.
    """
    shop = project.load("shop", "errors, registry = [], None\n")
    text = (
        "def __migrate__(old):\n"
        "    try: registry.refresh()\n"
        "    except Exception as error: errors.append(error)\n"
        "    requests.append(registry.request_refresh())\n"
    )
    shop.registry, shop.requests = registry, []
    project.write("shop.py", text)

    registry.reload("shop")

    assert [type(error) for error in shop.errors] == [NestedTransactionError]
    assert registry.apply_requests() == tuple(shop.requests)


# Faults


def test_a_signal_on_the_way_in_leaves_nobody_inside(registry, pair):
    """
    What a signal handler raises when the entry was just made keeps the call out, and takes back this entry alone.
    """

    class Interrupted(deque):
        def append(self, key):
            super().append(key)
            raise KeyboardInterrupt

    gate = registry.guard()

    with gate:
        gate._threads = Interrupted(gate._threads)
        with pytest.raises(KeyboardInterrupt), gate:
            raise AssertionError
        assert len(gate._threads) == 1
    assert gate._keys() == []


# CPython warns of what is tested here: that a process with threads forks.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_is_not_held_back_by_what_its_parent_was_doing(registry, pair):
    """
    In a forked child there is neither the transaction nor the guarded call of another thread.
    """
    module, write = pair
    write(2)

    with Inside(registry.guard()), registry._turn._lock:
        thread, result = in_thread(lambda: fork(registry, module))
        thread.join(60)

    _, status = os.waitpid(result[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert module.a() == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_need_not_wait_for_a_transaction_that_is_not_in_it(project, registry, pair):
    """
    A child that is forked while another thread reloads enters guards, and reloads what that one does not execute.

    The lock of the module that is being executed stays taken in the child: it is importlib's.
    """
    module, write = pair
    go, waits = threading.Event(), threading.Event()
    shop = project.load("shop", "go = waits = None\n")
    shop.go, shop.waits = go, waits
    project.write("shop.py", "waits.set()\ngo.wait(60)\n")
    thread, _ = in_thread(lambda: registry.reload("shop"))
    assert waits.wait(30)
    write(2)

    pid = fork(registry, module)

    _, status = os.waitpid(pid, 0)
    go.set()
    thread.join(30)
    assert os.waitstatus_to_exitcode(status) == 0


def fork(registry, module):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(60)  # or it would wait for ever
            with registry.guard():
                module.a()
            registry.refresh(only=["pair"], timeout=20)
            status = 0 if module.a() == 2 else 2
        finally:
            os._exit(status)
    return pid
