"""pluggy calls the functions that were registered: a reload has to register anew."""

from __future__ import annotations

import importlib

import pluggy
import pytest

from modreg.plugins import Kind

spec = pluggy.HookspecMarker("acme")
FORMER = "import pluggy\nimpl = pluggy.HookimplMarker('acme')\n@impl\ndef word(): return 'one'\n@impl\ndef bye(): return 'bye'\n"
LATTER = "import pluggy\nimpl = pluggy.HookimplMarker('acme')\n@impl\ndef word(): return 'two'\n@impl\ndef hello(): return 'hello'\n"


class Hooks:
    @spec
    def word(self):
        pass

    @spec
    def bye(self):
        pass

    @spec
    def hello(self):
        pass


@pytest.fixture
def manager(host):
    made = pluggy.PluginManager("acme")
    made.add_hookspecs(Hooks)
    host.bind(setup=made.register, teardown=made.unregister)
    return made


def said(manager):
    return manager.hook.word(), manager.hook.bye(), manager.hook.hello()


def test_baseline_hooks_stay_old(project, manager):
    """
    After `importlib.reload` pluggy calls the old functions, a deleted one too, and not the new one.
    """
    module = project.load("pluggy_plugin", FORMER)
    manager.register(module)
    project.write("pluggy_plugin.py", LATTER)

    importlib.reload(module)

    assert said(manager) == (["one"], ["bye"], [])


def test_served_hooks_are_those_of_the_source(bench, host, manager):
    """
    Changed, deleted and added hooks are as in the new source; after a rollback, or a version that fails, as before.
    """
    assert host.load("weather", bench.write("weather.py", FORMER))
    bench.write("weather.py", LATTER)

    assert host.reload("weather").kind is Kind.RELOADED
    assert said(manager) == (["two"], [], ["hello"])
    assert host.rollback("weather").kind is Kind.ROLLED_BACK
    assert said(manager) == (["one"], ["bye"], [])
    bench.write("weather.py", LATTER + "@impl\ndef word(other): return 3\n")
    assert host.reload("weather").kind is Kind.KEPT_OLD
    assert said(manager) == (["one"], ["bye"], [])
    host.unload("weather")
    assert said(manager) == ([], [], [])
