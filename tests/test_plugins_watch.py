"""Which plugins were written lately, and reloads that wait for a safe point."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
import zipfile

import pytest

from modreg.plugins import Kind


def test_plugin_that_was_written_is_told_when_it_rests(bench, host):
    """
    An edit is told once nothing was written for a while, and until somebody tries it.
    """
    bench.load("weather")
    bench.load("rain")
    assert host.changed() == ()
    bench.plugin("weather", "22")

    first = host.changed()
    bench.now += 0.2
    bench.plugin("weather", "333")
    second = host.changed()
    bench.now += 0.2
    third = host.changed()
    bench.now += 0.2

    assert (first, second, third) == ((), (), ())
    assert host.changed() == host.changed() == ("weather",)
    assert host.reload("weather").kind is Kind.RELOADED
    assert host.changed(0) == ()


def test_edit_before_the_first_question_is_told(bench, host):
    """
    What counts is what the files were when they were read, not when somebody first asked.
    """
    bench.load("weather")
    bench.plugin("weather", "22")

    assert host.changed(0) == ("weather",)


def test_plugin_that_never_rests_is_told_in_the_end(bench, host):
    """
    Whoever writes on and on does not keep an edit from being told for ever.
    """
    bench.load("weather")
    told = []
    for turn in range(40):
        bench.plugin("weather", "x" * turn)
        bench.now += 0.1
        told.append(host.changed())

    assert told[0] == ()
    assert told[-1] == ("weather",)


def test_edit_that_failed_is_told_once(bench, host):
    """
    A broken edit is tried once; the next one is told again, also of a plugin that was never loaded for it.
    """
    bench.load("weather")
    bench.plugin("weather", "2", "def oops(:\n")
    path = bench.plugin("rain", "1", "def oops(:\n")
    assert host.load("rain", path).kind is Kind.FAILED
    assert host.changed(0) == ("weather",)
    assert host.reload("weather").kind is Kind.KEPT_OLD

    assert host.changed(0) == ()

    bench.plugin("rain", "1")
    assert host.changed(0) == ("rain",)
    assert host.reload("rain").kind is Kind.LOADED


def test_files_that_come_and_go_are_told(bench, host):
    """
    A new file of a plugin counts as one that was written, and so does one that left; one that is gone is told once.
    """
    bench.write("snow/__init__.py", "def setup(o): pass\ndef teardown(o): pass\n")
    folder = bench.project.root / "plugins/snow"
    host.load("snow", folder)

    new = bench.write("snow/flake.py", "X = 1\n")
    assert host.changed(0) == ("snow",)
    assert host.reload("snow")
    new.unlink()
    assert host.changed(0) == ("snow",)
    shutil.rmtree(folder)
    assert host.changed(0) == ("snow",)
    assert host.reload("snow").kind is Kind.KEPT_OLD
    assert host.changed(0) == ()


def test_unloaded_plugins_are_not_told(bench, host):
    """
    What nobody wants loaded may be written as one likes, also if somebody wanted it before.
    """
    assert not host.load("ill", bench.plugin("ill", "1", "raise OSError\n"))
    host.disable("ill")
    bench.plugin("ill")
    bench.load("weather")
    host.add("rain", bench.plugin("rain"))
    host.unload("weather")
    bench.plugin("weather", "22")
    bench.plugin("rain", "22")

    assert host.changed(0) == ()


def test_archives_modules_and_helpers_are_looked_at(make_bench, project):
    """
    An archive is one file, a module is where it is imported from, and a helper is of all plugins.
    """
    project.load("shared", "X = 1\n")
    bench = make_bench(helpers=["shared"])
    host = bench.host
    text = "def setup(o): pass\ndef teardown(o): pass\n"
    path = project.root / "rain.zip"

    def pack(text):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__init__.py", text)

    pack(text)
    assert host.load("rain", path)
    project.write("hail.py", text)
    assert host.load("hail", "hail")

    pack(text + "X = 1\n")
    assert host.changed(0) == ("rain",)
    project.write("hail.py", text + "X = 1\n")
    assert host.changed(0) == ("rain", "hail")
    assert all(host.reload_all())
    assert host.changed(0) == ()
    project.write("shared.py", "X = 22\n")
    assert host.changed(0) == ("rain", "hail")


def test_requests_are_carried_out_by_the_next_tick(bench, host):
    """
    Several requests are one, told with the others of the tick, and an unknown name is a refusal.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    host.request_reload("weather", by="ann")
    host.request_reload("weather", by="bob")
    host.request_reload("nothing")
    assert bench.offers == {"weather": "1"}

    outcomes = host.tick()

    assert [(each.plugin, each.kind) for each in outcomes] == [("weather", Kind.RELOADED), ("nothing", Kind.REFUSED)]
    assert host.history("weather")[-1].by == "bob"
    assert host.tick() == ()


def test_request_inside_a_guarded_call_waits(bench, host, registry):
    """
    A call into a plugin may ask for its reload, which comes when that call has returned.
    """
    bench.load("weather")
    bench.plugin("weather", "2")

    with registry.guard():
        host.request_reload("weather")
        assert host.tick() == ()

    assert [each.kind for each in host.tick()] == [Kind.RELOADED]


def test_request_inside_a_guarded_task_waits(bench, host, registry):
    """
    So it is on a loop.
    """
    bench.load("weather")
    bench.plugin("weather", "2")

    async def go():
        async with registry.guard():
            host.request_reload("weather")
            assert await host.atick() == ()
        return await host.atick()

    assert [each.kind for each in asyncio.run(go())] == [Kind.RELOADED]


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals")
def test_signal_handlers_and_threads_can_ask(bench, host):
    """
    A request waits for nobody, so a handler may make it while an action is under way.
    """
    bench.load("weather")
    bench.plugin("weather", "2", "import os, signal\ndef setup(offers): os.kill(os.getpid(), signal.SIGUSR1)\n")
    former = signal.signal(signal.SIGUSR1, lambda *_: host.request_reload("weather"))
    try:
        assert host.reload("weather")
    finally:
        signal.signal(signal.SIGUSR1, former)
    thread = threading.Thread(target=host.request_reload, args=("weather",))
    thread.start()
    thread.join()

    assert [each.kind for each in host.tick()] == [Kind.UNCHANGED]
