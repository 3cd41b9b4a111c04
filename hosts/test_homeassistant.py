"""
Home Assistant: an asynchronous host with an import executor, that keeps module objects outside `sys.modules`.

As in test_discord.py each rule has a half for the host alone and one for modreg.  It takes minutes to install, so
it has a make target of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading

import homeassistant.core  # the loader can only be imported after it
import pytest
from homeassistant import config_entries, loader
from homeassistant.helpers import area_registry, device_registry, entity, entity_registry, issue_registry, translation
from homeassistant.setup import async_setup_component

from modreg import _registry
from modreg.plugins import Host, Kind

MANIFEST = {"domain": "hello", "name": "Hello", "version": "1.0", "import_executor": True}
INIT = """
import threading
from . import words
THREAD = threading.current_thread()
async def async_setup(hass, config):
    await hass.async_add_import_executor_job(str)  # as for a platform that is imported
    async def say(call): hass.states.async_set("hello.said", words.hello())
    hass.services.async_register("hello", "say", say)
    return True
"""


class Tree:
    """The component in a temporary configuration."""

    def __init__(self, root):
        self.root = root
        self.clock = 1_000_000_000.0
        self.write("manifest.json", json.dumps(MANIFEST))
        self.write("__init__.py", INIT)
        self.write("words.py", "def hello(): return 'one'\n")

    def write(self, path, text):
        file = self.root / "custom_components/hello" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.clock += 2
        os.utime(file, (self.clock, self.clock))


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(sys.modules)
    yield Tree(tmp_path)
    _registry.DEFAULT.uninstall()
    _registry.DEFAULT.__init__()
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom_components"]:
        if name not in before:
            del sys.modules[name]


def run(tree, scenario):
    """Run a scenario with a core of its own, the component set up."""

    async def go():
        hass = homeassistant.core.HomeAssistant(str(tree.root))
        loader.async_setup(hass)
        entity.async_setup(hass)
        translation.async_setup(hass)
        entries = config_entries.ConfigEntries(hass, {})
        hass.config_entries = entries
        for registry in (area_registry, device_registry, entity_registry, issue_registry):
            await registry.async_load(hass)
        try:
            assert await async_setup_component(hass, "hello", {})
            return await scenario(hass)
        finally:
            await hass.async_stop(force=True)

    return asyncio.run(go())


async def said(hass):
    await hass.services.async_call("hello", "say", blocking=True)
    return hass.states.get("hello.said").state


async def served(hass):
    """The component, looked after by modreg: taken on as Home Assistant has set it up."""
    host = Host("hass")

    async def setup(component):
        if not await component.async_setup(hass, {}):
            raise RuntimeError("the component did not set itself up")

    host.bind(setup=setup, teardown=lambda component: hass.services.async_remove("hello", "say"))
    outcome = await host.aadopt("hello", "custom_components.hello")
    assert outcome.kind is Kind.LOADED, outcome.log_text
    return host


async def set_up_again(hass):
    """As a host alone can do it: forget that the component is set up, and set it up."""
    hass.services.async_remove("hello", "say")
    hass.config.components.discard("hello")
    return await async_setup_component(hass, "hello", {})


@pytest.mark.parametrize("is_purged", [False, True])
def test_baseline_helper_stays_old(tree, is_purged):
    """
    Set up again, the component is the one that it was, also after `sys.modules` was purged.
    """

    async def scenario(hass):
        tree.write("words.py", "def hello(): return 'two'\n")
        if is_purged:
            for name in [name for name in sys.modules if name.startswith("custom_components.hello")]:
                del sys.modules[name]
        assert await set_up_again(hass)
        return await said(hass)

    assert run(tree, scenario) == "one"


def test_served_helper_is_new(tree):
    """
    The edit shows, through the module objects that Home Assistant keeps; set up again by the host alone, too.
    """

    async def scenario(hass):
        host = await served(hass)
        tree.write("words.py", "def hello(): return 'two'\n")
        outcome = await host.areload("hello")
        assert outcome.kind is Kind.RELOADED, outcome.log_text
        answers = [await said(hass)]
        assert await set_up_again(hass)
        return [*answers, await said(hass)]

    assert run(tree, scenario) == ["two", "two"]


def test_served_syntax_error(tree):
    """
    After a syntax error the old service still answers.
    """

    async def scenario(hass):
        host = await served(hass)
        tree.write("words.py", "def hello(: return 'two'\n")
        assert (await host.areload("hello")).kind is Kind.KEPT_OLD
        return await said(hass)

    assert run(tree, scenario) == "one"


def test_served_set_up_that_returns_false(tree):
    """
    A set-up that returns false is rolled back, and the old one set up again.
    """

    async def scenario(hass):
        host = await served(hass)
        tree.write("words.py", "def hello(): return 'two'\n")
        tree.write("__init__.py", INIT.replace("return True", "return False"))
        outcome = await host.areload("hello")
        assert (outcome.kind, outcome.phase) == (Kind.KEPT_OLD, "set-up")
        return await said(hass)

    assert run(tree, scenario) == "one"


def test_served_execution_off_the_loop(tree):
    """
    Modules are executed off the loop's thread, and the import executor is free for what a set-up imports.
    """

    async def scenario(hass):
        host = await served(hass)
        tree.write("__init__.py", INIT + "EDIT = 1\n")
        assert (await host.areload("hello")).kind is Kind.RELOADED
        return host["hello"].THREAD

    assert run(tree, scenario) is not threading.current_thread()
