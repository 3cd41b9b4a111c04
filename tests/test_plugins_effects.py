"""What a version begins belongs to it, and ends with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
import weakref

import pytest

from modreg.plugins import Kind, _effects, own

LOG = logging.getLogger("tests.plugins")


def exits_now():
    """How many functions are registered to be called at exit; atexit's own count keeps those that left (3.11)."""
    return sum(1 for _ in _effects._at_exit())


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path):  # with the first of these pytest registers a function of its own
    before, sigusr, exits = list(LOG.handlers), signal.getsignal(signal.SIGUSR1), exits_now()
    yield
    assert list(LOG.handlers) == before
    assert signal.getsignal(signal.SIGUSR1) is sigusr
    assert exits_now() == exits


BEGIN = {
    "logging": "import logging\ndef begin(): logging.getLogger('tests.plugins').addHandler(logging.StreamHandler())\n",
    "signal": "import signal\ndef heard(*_): pass\ndef begin(): signal.signal(signal.SIGUSR1, heard)\n",
    "atexit": "import atexit\ndef bye(): pass\ndef begin(): atexit.register(bye)\n",
    "timer": "import threading\ndef ring(): pass\ndef begin(): threading.Timer(3600, ring).start()\n",
}
COUNT = {
    "logging": lambda: len(LOG.handlers),
    "signal": lambda: int(callable(signal.getsignal(signal.SIGUSR1))),
    "atexit": exits_now,
    "timer": lambda: sum(isinstance(each, threading.Timer) and not each.finished.is_set() for each in threading.enumerate()),
}


@pytest.mark.parametrize("when", ["def setup(o): begin()\n", "begin()\ndef setup(o): pass\n"])
@pytest.mark.parametrize("kind", BEGIN)
def test_effects_end_with_their_version(bench, host, kind, when):
    """
    After three reloads there is what one version begins, and after the unload nothing.
    """
    before = COUNT[kind]()
    for number in range(4):
        bench.plugin("weather", str(number), BEGIN[kind] + when)
        outcome = host.reload("weather") if number else host.load("weather", bench.project.root / "plugins/weather.py")
        assert outcome, outcome.log_text
        assert not outcome.leaks
        assert COUNT[kind]() == before + 1

    assert not host.unload("weather").leaks

    assert COUNT[kind]() == before


@pytest.mark.parametrize("kind", BEGIN)
def test_effects_of_a_version_that_fails_end_with_it(bench, host, kind):
    """
    What a failed version began is ended, and what the old one has is there.
    """
    before = COUNT[kind]()
    bench.load("weather", "1", BEGIN[kind] + "def setup(o): begin()\n")
    for failing in ("begin()\nraise OSError('disk')\n", "def setup(o):\n    begin()\n    raise OSError('disk')\n"):
        bench.plugin("weather", "2", BEGIN[kind] + failing)

        assert host.reload("weather").kind is Kind.KEPT_OLD

        assert COUNT[kind]() == before + 1


def test_threads_that_go_on_are_told_of(bench, host):
    """
    A thread cannot be ended from outside: it is a leak, by its name.
    """
    sys.plugin_stop = threading.Event()
    source = "import sys, threading\ndef setup(o): threading.Thread(target=sys.plugin_stop.wait, name='poll').start()\n"
    bench.load("weather", "1", source)
    thread = next(each for each in threading.enumerate() if each.name == "poll")

    leaks = host.unload("weather").leaks

    sys.plugin_stop.set()
    thread.join()
    del sys.plugin_stop
    assert leaks == ("thread 'poll' is still there",)


STOPPING = """
import threading
stop = threading.Event()
def poll():
    stop.wait()
    for _ in range(10_000): pass
def setup(o): threading.Thread(target=poll).start()
def teardown(o): stop.set()
"""


def test_thread_that_was_told_to_end_is_no_leak(bench, host):
    """
    A thread that a tear-down ended a moment ago may be about to: it is not told of.
    """
    bench.load("weather", "1", STOPPING)

    assert host.unload("weather").leaks == ()


@pytest.mark.parametrize("action", ["load", "reload"])
@pytest.mark.parametrize("when", ["", "def setup(o): "])
def test_threads_of_what_fails_are_told_of(bench, host, action, when):
    """
    A version that began a thread and failed leaves it behind, and the outcome says so.
    """
    sys.plugin_stop = threading.Event()
    if action == "reload":
        bench.load("weather")
    begin = "import sys, threading\ndef begin(): threading.Thread(target=sys.plugin_stop.wait, name='poll').start()\n"
    host.add("weather", bench.plugin("weather", "2", f"{begin}{when}begin(), 1 / 0\n"))

    outcome = getattr(host, action)("weather")

    sys.plugin_stop.set()
    del sys.plugin_stop
    assert not outcome
    assert outcome.leaks == ("thread 'poll' is still there",)
    assert "poll" in outcome.explain()


OWNING = """
from modreg.plugins import own
class Thing:
    def __init__(self, name): self.name = name
    def close(self):
        CLOSED.append(self.name)
        if self.name == 'b': raise OSError('stuck')
"""


def test_owned_things_are_closed_in_reverse(bench, host):
    """
    What a plugin owns is closed last first, each by itself; what a close raises is a note.
    """
    bench.load("weather", "1", "CLOSED = []\n" + OWNING + "def setup(o):\n    for name in 'abc': own(Thing(name))\n")
    closed = host["weather"].CLOSED

    outcome = host.unload("weather")

    assert closed == ["c", "b", "a"]
    assert "stuck" in outcome.notes[0]


def test_own_is_for_plugins_alone(bench):
    """
    Outside an execution or a set-up nobody answers for a thing; and a thing has to be closable.
    """
    with pytest.raises(RuntimeError):
        own(bench, close=print)

    assert bench.host.load("weather", bench.plugin("weather", "1", "from modreg.plugins import own\nown(3)\n")).kind is Kind.FAILED


def test_order_of_tear_down_and_effects(bench, host):
    """
    The host's tear-down comes before the end of what was begun.
    """
    did = bench.offers["did"] = []
    own_one = "from modreg.plugins import own\ndef setup(o): own(1, close=lambda: o['did'].append('close'))\n"
    bench.load("weather", "1", own_one + "def teardown(o): o['did'].append('teardown')\n")

    host.disable("weather")

    assert did == ["teardown", "close"]


def test_tasks_end_with_their_version(bench, host):
    """
    A task that a set-up begins is cancelled when the version goes: after three reloads there is one.
    """
    source = "import asyncio\nasync def tick():\n    while True: await asyncio.sleep(3600)\nasync def setup(o): o['task'] = asyncio.create_task(tick())\n"

    async def run():
        others = asyncio.all_tasks()
        for number in range(4):
            path = bench.plugin("weather", str(number), source)
            outcome = await (host.areload("weather") if number else host.aload("weather", path))
            assert outcome, outcome.log_text
            assert not outcome.leaks
        tasks = asyncio.all_tasks() - others
        assert tasks == {bench.offers["task"]}
        await host.aunload("weather")
        return tasks.pop().cancelled()

    assert asyncio.run(run())


def test_tasks_of_others_are_left_alone(bench, host):
    """
    What others begin on the loop while a plugin is set up is not the plugin's.
    """

    async def run():
        async def other():
            await asyncio.sleep(3600)

        async def beside():
            await started.wait()
            tasks.append(asyncio.create_task(other()))
            done.set()

        started, done, tasks = asyncio.Event(), asyncio.Event(), []

        async def setup(plugin):
            started.set()
            await done.wait()

        host.bind(setup=setup)
        task = asyncio.create_task(beside())
        await host.aload("weather", bench.plugin("weather"))
        await task
        await host.aunload("weather")
        await asyncio.sleep(0)
        alive = not tasks[0].done()
        tasks[0].cancel()
        return alive

    assert asyncio.run(run())


def test_timers_of_the_loop_end_with_their_version(bench, host):
    """
    A timer of the loop that a set-up begins is cancelled when the version goes.
    """
    source = "import asyncio\ndef ring(): pass\nasync def setup(o): o['timer'] = asyncio.get_running_loop().call_later(3600, ring)\n"

    async def run():
        await host.aload("weather", bench.plugin("weather", "1", source))
        timer = bench.offers["timer"]
        await host.aunload("weather")
        return timer.cancelled()

    assert asyncio.run(run())


def test_unload_proves_that_the_plugin_is_gone(bench, host):
    """
    Verified, an unload says nothing where nothing is left: its modules, functions and classes are gone.
    """
    bench.load("weather", "1", "class Weather: pass\ndef rain(): return Weather()\n")
    for number in range(2, 5):
        bench.plugin("weather", str(number), f"class Weather: pass\ndef rain(): return Weather, {number}\n")
        assert host.reload("weather")
    kept = weakref.ref(host["weather"])

    outcome = host.unload("weather", verify=True)

    assert outcome.leaks == ()
    assert kept() is None


def test_unload_says_who_holds_what_is_left(bench, host):
    """
    Verified, an unload names the holder of each object that is still alive.
    """
    bench.load("weather", "1", "class Weather: pass\ndef rain(): return 1\n")
    LOG.kept = {"rain": host["weather"].rain}

    leaks = host.unload("weather", verify=True).leaks

    del LOG.kept
    gc.collect()
    assert len(leaks) == 1
    assert leaks[0].startswith("function acme_plugins.weather.rain is still alive, held as ")
    assert "['rain']" in leaks[0]


def test_traceback_that_is_kept_holds_a_plugin(bench, host):
    """
    An error that somebody kept holds the frames that it came through, and those the plugin.
    """
    bench.load("weather", "1", "def rain(): raise OSError('wet')\n")
    try:
        host["weather"].rain()
    except OSError as error:
        LOG.kept = error

    leaks = host.unload("weather", verify=True).leaks

    del LOG.kept
    assert len(leaks) == 1
    assert "OSError" in leaks[0]


def test_module_of_whatever_runs():
    """
    Functions, methods, partials, classes, instances and coroutines lead to the module of their code.
    """
    from functools import partial

    async def waits():
        pass

    coroutine = waits()
    things = [COUNT["logging"], partial(COUNT["logging"]), coroutine, _Own, _Own(), _Own().method]
    modules = {_effects.module_of(thing) for thing in things}
    coroutine.close()

    assert modules == {__name__}
    assert _effects.module_of(print) == "builtins"


class _Own:
    def method(self):
        pass
