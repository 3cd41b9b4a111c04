"""Actions one at a time, from threads and loops; who may, who did, who hears of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modreg.plugins import Host, Kind


def run(coroutine):
    return asyncio.run(coroutine)


ASYNC = "import asyncio, threading\nTHREAD = threading.current_thread()\nasync def setup(o):\n    await asyncio.sleep(0)\n    o['weather'] = WORD\n    o['thread'] = threading.current_thread()\nasync def teardown(o): o.pop('weather')\n"


def test_loop_runs_on_while_modules_are_executed(bench, host):
    """
    Modules are executed off the loop's thread; set-up and tear-down are awaited on it.
    """

    async def go():
        assert await host.aload("weather", bench.plugin("weather", "1", ASYNC))
        bench.plugin("weather", "2", ASYNC)
        outcome = await host.areload("weather")
        assert outcome.kind is Kind.RELOADED, outcome.log_text
        assert bench.offers["weather"] == "2"
        assert host["weather"].THREAD is not bench.offers["thread"]
        assert (await host.arollback("weather")).kind is Kind.ROLLED_BACK
        assert bench.offers["weather"] == "1"
        assert (await host.adisable("weather")).kind is Kind.DISABLED
        assert "weather" not in bench.offers
        assert (await host.aenable("weather")).kind is Kind.ENABLED
        assert (await host.acheck("weather")).kind is Kind.UNCHANGED
        assert (await host.aconfirm("weather")).kind is Kind.UNCHANGED
        assert await host.atick() == ()
        assert [each.kind for each in await host.areload_all()] == [Kind.UNCHANGED]
        assert [each.kind for each in await host.aload_all()] == [Kind.UNCHANGED]
        assert (await host.aunload("weather")).kind is Kind.UNLOADED
        assert await host.aclose() == ()

    def setup(plugin):
        return plugin.setup(bench.offers)

    host.bind(setup=setup, teardown=lambda plugin: plugin.teardown(bench.offers))
    run(go())


def test_set_up_that_fails_on_the_loop(bench, host):
    """
    What a coroutine raises aborts as what a function raises, and the old version is awaited again.
    """

    async def setup(plugin):
        await asyncio.sleep(0)
        plugin.setup(bench.offers)

    async def go():
        host.bind(setup=setup)
        await host.aload("weather", bench.plugin("weather"))
        bench.plugin("weather", "2", "def setup(o): raise OSError('disk')\n")
        return await host.areload("weather")

    outcome = run(go())

    assert (outcome.kind, outcome.phase) == (Kind.KEPT_OLD, "set-up")
    assert bench.offers == {"weather": "1"}


def test_action_goes_on_when_its_wait_is_cancelled(bench, host):
    """
    Who cancels the wait does not end the action; the next one queues behind it.
    """

    async def go():
        async def setup(plugin):
            started.set()
            await go_on.wait()
            plugin.setup(bench.offers)

        started, go_on = asyncio.Event(), asyncio.Event()
        host.bind(setup=setup)
        task = asyncio.create_task(host.aload("weather", bench.plugin("weather")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        following = asyncio.create_task(host.acheck("weather"))
        go_on.set()
        return await following

    assert run(go()).kind is Kind.UNCHANGED
    assert bench.offers == {"weather": "1"}


class Counting(ThreadPoolExecutor):
    """An executor that knows how many of its threads are taken, and how many were at most."""

    taken = most = 0

    def submit(self, *call):
        self.taken += 1
        self.most = max(self.most, self.taken)
        future = super().submit(*call)
        future.add_done_callback(self.end)
        return future

    def end(self, _):
        self.taken -= 1


def test_actions_wait_on_the_loop(bench, host):
    """
    Those that queue take no thread of the executor, so that there is one for what a set-up awaits.
    """
    names = [f"plugin{number}" for number in range(5)]

    async def setup(plugin):
        await asyncio.get_running_loop().run_in_executor(executor, plugin.setup, bench.offers)

    async def go():
        return await asyncio.gather(*(host.aload(name, bench.plugin(name)) for name in names))

    with Counting() as executor:
        host = bench.start(executor=executor)
        host.bind(setup=setup)
        outcomes = run(go())

    assert all(outcomes)
    assert sorted(bench.offers) == names
    assert executor.most == 2


def test_every_action_can_be_awaited():
    """
    Whatever answers with outcomes has a twin for loops, as `adopt` has `aadopt`.
    """
    for name, method in vars(Host).items():
        if "Outcome" in str(getattr(method, "__annotations__", {}).get("return")) and not inspect.iscoroutinefunction(method):
            assert inspect.iscoroutinefunction(getattr(Host, f"a{name}")), name


def test_question_inside_a_guard_waits_for_no_action(bench, host):
    """
    A check in a guarded call is refused while another action is under way, for that may wait for the guard.
    """
    host.bind(setup=lambda _: (started.set(), go_on.wait()))
    started, go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=host.load, args=("weather", bench.plugin("weather")))
    thread.start()
    started.wait()

    with bench.registry.guard():
        outcome = host.check("weather")
    go_on.set()
    thread.join()

    assert outcome.kind is Kind.REFUSED
    assert "another action" in outcome.problem
    with bench.registry.guard():
        assert host.check("weather").kind is Kind.UNCHANGED


@pytest.mark.parametrize("unit", [None, "acme_plugins.weather"])
def test_action_inside_a_guard_is_refused(bench, host, unit):
    """
    A guarded call that asks for an action, as a command of an administrator does, would be waited for by it.
    """
    path = bench.plugin("weather")

    async def inside():
        async with bench.registry.guard(unit):
            return await host.aload("weather", path), await host.acheck("rain")

    async def later():
        async with bench.registry.guard(unit):
            task = asyncio.create_task(host.aload("weather", path))
        return await task

    with bench.registry.guard(unit):
        assert "guarded" in host.load("weather", path).problem
    refused, checked = run(inside())
    assert "guarded" in refused.problem
    assert "no plugin" in checked.problem
    assert run(later()).kind is Kind.LOADED


def test_action_that_is_refused_at_once_says_what_is_running(bench, host):
    """
    An action that cannot even wait for its turn tells of the plugin as it is, and leaves a line, as every other does.
    """
    bench.load("weather")

    with bench.registry.guard():
        outcome = host.reload("weather")

    assert outcome.kind is Kind.REFUSED
    assert outcome.running == "version 1"
    assert outcome.version is host.plugin("weather").version
    assert outcome.explain().endswith("It stays at version 1.")
    assert host.audit[-1].problem == outcome.problem


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_set_up_on_a_loop_may_make_guarded_calls(bench, host, kind):
    """
    What a transaction has called on a loop is let through the guard that the transaction keeps closed.
    """

    async def setup(plugin):
        if kind == "with":
            with bench.registry.guard():
                plugin.setup(bench.offers)
        else:
            async with bench.registry.guard():
                plugin.setup(bench.offers)

    async def go():
        host.bind(setup=setup)
        await host.aload("weather", bench.plugin("weather"))
        bench.plugin("weather", "2")
        return await host.areload("weather")

    assert run(go()).kind is Kind.RELOADED
    assert bench.offers == {"weather": "2"}


def test_coroutines_need_a_loop(bench, host):
    """
    A call without a loop says that what it was given has to be awaited.
    """

    async def setup(plugin):
        pass

    host.bind(setup=setup)

    outcome = host.load("weather", bench.plugin("weather"))

    assert outcome.kind is Kind.FAILED
    assert "begins with an a" in outcome.problem


def test_action_inside_an_action_is_refused(bench, host):
    """
    A plugin's set-up cannot ask its host for another action, on a loop either; a task that it began can later.
    """
    inner = []
    host.bind(setup=lambda plugin: inner.append(host.reload(plugin.__name__.rpartition(".")[2])))
    assert host.load("weather", bench.plugin("weather"))
    assert inner[0].kind is Kind.REFUSED

    async def later(event):
        await event.wait()
        return await host.areload("rain")

    async def go():
        async def setup(plugin):
            inner.append(await host.aload("other"))
            tasks.append(asyncio.create_task(later(event)))

        event, tasks = asyncio.Event(), []
        host.bind(setup=setup)
        assert await host.aload("rain", bench.plugin("rain"))
        event.set()
        return await tasks[0]

    assert run(go()).kind is Kind.UNCHANGED
    assert inner[1].kind is Kind.REFUSED


def test_call_that_would_block_its_own_loop_is_refused(bench, host):
    """
    While an awaited action needs the loop, a plain call on that loop is refused and does not wait for ever.
    """

    async def go():
        async def setup(plugin):
            started.set()
            await go_on.wait()

        started, go_on = asyncio.Event(), asyncio.Event()
        host.bind(setup=setup)
        task = asyncio.create_task(host.aload("weather", bench.plugin("weather")))
        await started.wait()
        outcome = host.reload("weather")
        go_on.set()
        await task
        return outcome

    outcome = run(go())

    assert outcome.kind is Kind.REFUSED
    assert "loop" in outcome.problem


def test_actions_of_threads_queue(bench, host):
    """
    Actions of several threads come one after the other, and each has its outcome.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(host.reload("weather"))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome.kind.value for outcome in outcomes) == ["reloaded", "unchanged", "unchanged", "unchanged"]


@pytest.mark.parametrize(("answer", "said"), [(False, "allow"), ("admins only", "admins only")])
def test_host_can_refuse(make_bench, answer, said):
    """
    The host's own rule is asked before anything is touched, and told who asks for what.
    """
    asked = []

    def allow(request):
        asked.append((request.action, request.plugin, request.by, bool(request.source_hash)))
        return request.by == "ann" or answer

    bench = make_bench(allow=allow)
    path = bench.plugin("weather")

    outcome = bench.host.load("weather", path, by="bob")

    assert outcome.kind is Kind.REFUSED
    assert said in outcome.problem
    assert bench.host.load("weather", by="ann")
    assert asked == [("load", "weather", "bob", True), ("load", "weather", "ann", True)]
    assert bench.host.unload("weather", by="bob").kind is Kind.REFUSED
    assert bench.host.unload("weather", by="ann")


def test_what_nobody_foresaw_does_not_escape(make_bench, caplog):
    """
    An exception in the host's own rule is an outcome too, with the traceback in the log.
    """
    bench = make_bench(allow=lambda request: 1 / 0)

    outcome = bench.host.load("weather", bench.plugin("weather"))

    assert outcome.kind is Kind.FAILED
    assert "ZeroDivisionError" in outcome.problem
    assert "Traceback" in caplog.text


def test_every_action_leaves_a_line(bench, host, caplog):
    """
    Who, what, from, to, result; in the log too.
    """
    caplog.set_level(logging.INFO, "modreg.plugins")
    bench.load("weather")
    bench.plugin("weather", "2", "raise OSError('disk')\n")
    host.reload("weather", by="ann")

    line = host.audit[-1]

    assert (line.by, line.action, line.before, line.after, line.result) == ("ann", "reload", "version 1", "version 1", "kept old")
    assert str(line) == "ann: reload weather: version 1 -> version 1: kept old: OSError: disk"
    assert str(line) in caplog.text


def test_subscribers_hear_of_every_moment(bench, host, caplog):
    """
    Events come before and after, with the outcome at the end; a subscriber that raises breaks nothing.
    """
    heard = []
    end = host.subscribe(lambda event: heard.append((event.plugin, event.action, event.moment)))
    host.subscribe(lambda event: 1 / 0)
    bench.load("weather")
    bench.plugin("weather", "2", "def setup(o): raise OSError\n")
    host.reload("weather")
    end()
    host.unload("weather")

    assert [moment for _, action, moment in heard if action == "load"] == ["begin", "set-up", "end"]
    assert [moment for _, action, moment in heard if action == "reload"] == ["begin", "tear-down", "set-up", "restore", "end"]
    assert "a subscriber" in caplog.text


def test_subscribers_on_a_loop_may_be_coroutines(bench, host):
    """
    With the calls that begin with an a, a subscriber is awaited on the loop.
    """
    heard = []

    async def hear(event):
        await asyncio.sleep(0)
        heard.append(event.moment)

    host.subscribe(hear)

    run(host.aload("weather", bench.plugin("weather")))

    assert heard == ["begin", "set-up", "end"]


def test_tear_down_that_raises_is_a_note(bench, host):
    """
    A tear-down that fails stops nothing, and is told.
    """
    bench.load("weather", "1", "def teardown(o): raise OSError('late')\n")
    bench.plugin("weather", "2")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.RELOADED
    assert "late" in outcome.notes[0]
    assert bench.offers == {"weather": "2"}


def test_dependents_are_torn_down_first_and_set_up_last(bench, host):
    """
    Plugins that are executed for another's sake are torn down before it and set up after it.
    """
    bench.load("geo", "1")
    bench.load("route", "1", "__requires__ = ['geo']\nfrom acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\n")
    bench.did.clear()
    bench.plugin("geo", "2")

    outcome = host.reload("geo")

    assert outcome.others == ("route",)
    assert bench.did == ["tear down route", "tear down geo", "set up geo", "set up route"]
    assert host["route"].Route.word == "2"
    bench.plugin("geo", "3")
    bench.did.clear()
    bench.plugin("route", "1", "__requires__ = ['geo']\nfrom acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\ndef setup(o): raise OSError\n")

    assert host.reload_all(together=True)[0].kind is Kind.KEPT_OLD

    assert bench.offers == {"geo": "2", "route": "1"}


def test_plugins_of_a_closed_host_are_gone(make_bench):
    """
    A host that is closed leaves neither modules nor a finder.
    """
    import sys

    finders = list(sys.meta_path)
    bench = make_bench()
    bench.load("weather")

    outcomes = bench.host.close()

    assert [outcome.kind for outcome in outcomes] == [Kind.UNLOADED]
    assert not [name for name in sys.modules if name.startswith("acme_plugins")]
    assert sys.meta_path == finders


def test_import_of_modreg_is_light():
    """
    ``import modreg`` loads nothing of the plugins.
    """
    import subprocess
    import sys
    from pathlib import Path

    import modreg

    code = "import sys, modreg; print([name for name in sys.modules if name.startswith('modreg.plugins')])"
    place = Path(modreg.__file__).parents[1]

    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=place).strip() == "[]"


def test_rollback_leaves_what_others_have_become(bench, host):
    """
    A plugin that a transaction executed only for another's sake keeps its own later version when that one goes back.
    """
    taking = "from acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\n"
    bench.load("geo", "1")
    bench.load("route", "1", taking)
    bench.plugin("geo", "2")
    assert host.reload("geo").others == ("route",)
    assert host.rollback("geo").others == ("route",)
    assert [version.restores for version in host.history("route")] == [None, None, 1]
    bench.plugin("geo", "3")
    host.reload("geo")
    bench.plugin("route", "2", taking)
    host.reload("route")

    outcome = host.rollback("geo")

    assert outcome.kind is Kind.ROLLED_BACK
    assert bench.offers == {"geo": "1", "route": "2"}
    assert host["route"].Route.word == "1"
    last = host.history("route")[-1]
    assert (last.restores, last.source_hash) == (None, host.history("route")[-2].source_hash)


def test_rollback_skips_versions_with_the_same_sources(bench, host):
    """
    Versions that a plugin got for another's sake are no step back.
    """
    taking = "from acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\n"
    bench.load("geo", "1")
    bench.load("route", "1", taking)
    bench.plugin("route", "2", taking)
    host.reload("route")
    bench.plugin("geo", "2")
    assert host.reload("geo").others == ("route",)

    assert host.rollback("route").kind is Kind.ROLLED_BACK

    assert (bench.offers["route"], host["route"].Route.word) == ("1", "2")
    assert "no version" in host.rollback("route").problem


def test_unfinished_edit_of_a_dependent_stays_where_it_is(bench, host):
    """
    A plugin that is executed for another's sake runs on its own sources: an edit of it is for its own reload.
    """
    bench.load("geo", "1")
    taking = "from acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\n"
    bench.load("route", "1", taking)
    bench.plugin("geo", "2")
    bench.plugin("route", "2", taking + "raise OSError('half done')\n")

    assert host.reload("geo").kind is Kind.RELOADED

    assert (bench.offers["route"], host["route"].Route.word) == ("1", "2")
    assert host.reload("route").kind is Kind.KEPT_OLD
    bench.plugin("route", "3", taking)
    assert host.reload("route").kind is Kind.RELOADED
    assert bench.offers["route"] == "3"
