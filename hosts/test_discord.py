"""
discord.py: an asynchronous host with a rollback of its own.

Each rule has two halves.  *Baseline* is the bot alone, and asserts what it does today, so that a change of it is
noticed; *served* is the same edit through `modreg.plugins`, with public names of discord.py alone.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys

import pytest
from discord import Intents
from discord.ext import commands

import modreg
from modreg import _registry
from modreg.plugins import Host, Kind, State

INIT = """
from . import cog
COUNT = {"teardown": 0}
async def setup(bot): await bot.add_cog(cog.Greet())
async def teardown(bot): COUNT["teardown"] += 1
"""
COG = """
from discord.ext import commands
from shared.text import decorate
from . import words
class Greet(commands.Cog):
    @commands.command()
    async def greet(self, ctx): return decorate(words.hello())
"""


class Tree:
    """The extensions in a temporary folder; each writing is later than the one before."""

    def __init__(self, root):
        self.root = root
        self.clock = 1_000_000_000.0

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.clock += 2
        os.utime(file, (self.clock, self.clock))


@pytest.fixture
def tree(tmp_path, monkeypatch):
    before = dict(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Tree(tmp_path)
    made.write("plug/__init__.py", "")
    made.write("plug/greet/__init__.py", INIT)
    made.write("plug/greet/cog.py", COG)
    made.write("plug/greet/words.py", "def hello(): return 'one'\n")
    made.write("shared/__init__.py", "")
    made.write("shared/text.py", "def decorate(text): return text + '!'\n")
    importlib.invalidate_caches()
    yield made
    _registry.DEFAULT.uninstall()
    _registry.DEFAULT.__init__()
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]


def make_bot():
    return commands.Bot("!", intents=Intents.none())


def said(bot):
    """What the command answers, asked by its callback."""
    command = bot.get_command("greet")
    return asyncio.get_running_loop().create_task(command.callback(command.cog, None))


class Served:
    """The bot, with the extensions looked after by modreg."""

    def __init__(self, bot):
        self.bot = bot
        self.added = {}
        self.host = Host("bot", helpers=["shared"])
        self.host.bind(setup=self.setup, teardown=self.teardown)

    async def setup(self, extension):
        before = set(self.bot.cogs)
        await extension.setup(self.bot)
        self.added[extension.__name__] = set(self.bot.cogs) - before

    async def teardown(self, extension):
        if hasattr(extension, "teardown"):
            await extension.teardown(self.bot)
        for name in self.added.pop(extension.__name__, ()):
            await self.bot.remove_cog(name)


def run(scenario):
    """Run a scenario with a bot of its own, on a loop of its own."""

    async def go():
        bot = make_bot()
        async with bot:
            return await scenario(bot)

    return asyncio.run(go())


async def served(bot, name="greet", module="plug.greet"):
    made = Served(bot)
    outcome = await made.host.aload(name, module)
    assert outcome, outcome.log_text
    return made.host


# A submodule of the extension, and the state of its cog

COUNTING = COG.replace("    @commands", "    def __init__(self): self.seen = []\n    @commands")


def test_baseline_state_is_lost(tree):
    """
    An edit of a submodule shows, and the new cog knows nothing of the old one.
    """

    async def scenario(bot):
        tree.write("plug/greet/cog.py", COUNTING)
        await bot.load_extension("plug.greet")
        bot.get_cog("Greet").seen.append("Ann")
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        await bot.reload_extension("plug.greet")
        return await said(bot), bot.get_cog("Greet").seen

    assert run(scenario) == ("two!", [])


def test_served_state_is_handed_over(tree):
    """
    An edit of a submodule shows, and what was saved of the old cog is given to the new one.
    """

    async def scenario(bot):
        tree.write("plug/greet/cog.py", COUNTING)
        made = Served(bot)
        made.host.bind(
            setup=made.setup,
            teardown=made.teardown,
            save=lambda extension: bot.get_cog("Greet").seen,
            restore=lambda extension, seen: bot.get_cog("Greet").seen.extend(seen),
        )
        assert await made.host.aload("greet", "plug.greet")
        old = bot.get_cog("Greet")
        old.seen.append("Ann")
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        assert (await made.host.areload("greet")).kind is Kind.RELOADED
        return await said(bot), bot.get_cog("Greet").seen, bot.get_cog("Greet") is old

    assert run(scenario) == ("two!", ["Ann"], False)


# A helper outside the extension


def test_baseline_helper_stays_old(tree):
    """
    The bot's own reload keeps the text of a helper outside the extension.
    """

    async def scenario(bot):
        await bot.load_extension("plug.greet")
        tree.write("shared/text.py", "def decorate(text): return text + '?'\n")
        await bot.reload_extension("plug.greet")
        return await said(bot)

    assert run(scenario) == "one!"


def test_served_helper_is_new(tree):
    """
    Submodule, helper and package are brought up to date together.
    """

    async def scenario(bot):
        host = await served(bot)
        tree.write("shared/text.py", "def decorate(text): return text + '?'\n")
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        outcome = await host.areload("greet")
        assert outcome.kind is Kind.RELOADED, outcome.log_text
        return await said(bot)

    assert run(scenario) == "two?"


# A syntax error


def test_baseline_syntax_error_tears_down(tree):
    """
    The bot restores the old version after a syntax error, but has torn it down by then.
    """

    async def scenario(bot):
        await bot.load_extension("plug.greet")
        count = bot.extensions["plug.greet"].COUNT
        tree.write("plug/greet/words.py", "def hello(: return 'two'\n")
        with pytest.raises(commands.ExtensionError):
            await bot.reload_extension("plug.greet")
        return dict(count), await said(bot)

    assert run(scenario) == ({"teardown": 1}, "one!")


def test_served_syntax_error_touches_nothing(tree):
    """
    It is found before the tear-down.
    """

    async def scenario(bot):
        host = await served(bot)
        tree.write("plug/greet/words.py", "def hello(: return 'two'\n")
        outcome = await host.areload("greet")
        assert (outcome.kind, outcome.line) == (Kind.KEPT_OLD, 1)
        return dict(host["greet"].COUNT), await said(bot)

    assert run(scenario) == ({"teardown": 0}, "one!")


# An old set-up that cannot be run twice

ONCE = INIT.replace("async def setup(bot): await", "import sys\nasync def setup(bot):\n    assert sys.ports.pop(), 'in use'\n    await")


def test_baseline_extension_is_lost(tree):
    """
    If the old set-up does not run twice, one broken edit loses the extension.
    """

    async def scenario(bot):
        sys.ports = [False, True]
        tree.write("plug/greet/__init__.py", ONCE)
        await bot.load_extension("plug.greet")
        tree.write("plug/greet/words.py", "def hello(: return 'two'\n")
        with pytest.raises(AssertionError, match="in use"):  # not the syntax error
            await bot.reload_extension("plug.greet")
        return "plug.greet" in bot.extensions

    assert run(scenario) is False


def test_served_extension_never_left(tree):
    """
    What does not compile never gets as far as the tear-down.
    """

    async def scenario(bot):
        sys.ports = [False, True]
        tree.write("plug/greet/__init__.py", ONCE)
        host = await served(bot)
        tree.write("plug/greet/words.py", "def hello(: return 'two'\n")
        assert (await host.areload("greet")).kind is Kind.KEPT_OLD
        return await said(bot)

    assert run(scenario) == "one!"


def test_served_set_up_that_fails_twice(tree):
    """
    If the way back is barred, that is a state which is told, and a mended extension comes back by the next reload.
    """

    async def scenario(bot):
        sys.ports = [True, False, True]
        tree.write("plug/greet/__init__.py", ONCE)
        host = await served(bot)
        tree.write("plug/greet/words.py", "raise OSError('disk')\n")
        outcome = await host.areload("greet")
        assert (outcome.kind, host.plugin("greet").state) == (Kind.BROKEN, State.BROKEN)
        assert "disk" in outcome.problem
        assert "in use" in outcome.explain()
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        assert (await host.areload("greet")).kind is Kind.RELOADED
        return await said(bot)

    assert run(scenario) == "two!"


# A new set-up that raises


def test_served_set_up_that_raises(tree):
    """
    The old version is restored and set up again, with the bot's own reload or with modreg.
    """
    broken = INIT.replace("async def setup(bot):", "async def setup(bot):\n    raise OSError('disk')\nasync def other(bot):")

    async def scenario(bot):
        host = await served(bot)
        tree.write("plug/greet/__init__.py", broken)
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        outcome = await host.areload("greet")
        assert (outcome.kind, outcome.phase) == (Kind.KEPT_OLD, "set-up")
        return await said(bot)

    assert run(scenario) == "one!"


@pytest.mark.parametrize("is_installed", [False, True])
def test_bots_own_reload_works_as_ever(tree, is_installed):
    """
    With modreg installed the bot's own reload and its own way back do as they do without.
    """
    broken = INIT.replace("async def setup(bot):", "async def setup(bot):\n    raise OSError('disk')\nasync def other(bot):")

    async def scenario(bot):
        if is_installed:
            modreg.install(roots=["plug", "shared"])
        await bot.load_extension("plug.greet")
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        await bot.reload_extension("plug.greet")
        answers = [await said(bot)]
        tree.write("plug/greet/__init__.py", broken)
        with pytest.raises(commands.ExtensionError):
            await bot.reload_extension("plug.greet")
        return [*answers, await said(bot)]

    assert run(scenario) == ["two!", "two!"]


# A first load that fails


def test_baseline_stale_submodule(tree):
    """
    After a first load that failed, the bot serves the submodule of that time, though its file is another.
    """

    async def scenario(bot):
        tree.write("plug/greet/__init__.py", INIT + "raise OSError('disk')\n")
        with pytest.raises(commands.ExtensionError):
            await bot.load_extension("plug.greet")
        tree.write("plug/greet/__init__.py", INIT)
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        await bot.load_extension("plug.greet")
        return await said(bot)

    assert run(scenario) == "one!"


def test_served_fixed_code(tree):
    """
    A load that failed leaves nothing, so the next one executes what is in the files.
    """

    async def scenario(bot):
        tree.write("plug/greet/__init__.py", INIT + "raise OSError('disk')\n")
        made = Served(bot)
        assert (await made.host.aload("greet", "plug.greet")).kind is Kind.FAILED
        tree.write("plug/greet/__init__.py", INIT)
        tree.write("plug/greet/words.py", "def hello(): return 'two'\n")
        assert (await made.host.aload("greet")).kind is Kind.LOADED
        return await said(bot)

    assert run(scenario) == "two!"


# An edit of equal length in the same second, with bytecode


def test_baseline_old_value(tree, monkeypatch):
    """
    With bytecode on, an edit of equal length in the same second is not seen.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    when = 1_000_000_500.0
    os.utime(tree.root / "plug/greet/words.py", (when, when))

    async def scenario(bot):
        await bot.load_extension("plug.greet")
        tree.write("plug/greet/words.py", "def hello(): return 'six'\n")
        os.utime(tree.root / "plug/greet/words.py", (when, when))
        await bot.reload_extension("plug.greet")
        return await said(bot)

    assert run(scenario) == "one!"


def test_served_new_value(tree, monkeypatch):
    """
    modreg compiles what it read, and never asks bytecode.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    when = 1_000_000_500.0
    os.utime(tree.root / "plug/greet/words.py", (when, when))

    async def scenario(bot):
        host = await served(bot)
        tree.write("plug/greet/words.py", "def hello(): return 'six'\n")
        os.utime(tree.root / "plug/greet/words.py", (when, when))
        outcome = await host.areload("greet")
        assert outcome.kind is Kind.RELOADED, outcome.log_text
        return await said(bot)

    assert run(scenario) == "six!"


# A task that a set-up begins

TICKING = INIT.replace("async def setup(bot):", "import asyncio\nasync def tick():\n    while True: await asyncio.sleep(3600)\nasync def setup(bot):\n    asyncio.create_task(tick(), name='tick')\n   ")


def ticking():
    return sum(task.get_name() == "tick" for task in asyncio.all_tasks())


def test_baseline_tasks_pile_up(tree):
    """
    Three loads leave three tasks.
    """

    async def scenario(bot):
        tree.write("plug/greet/__init__.py", TICKING)
        await bot.load_extension("plug.greet")
        for _ in range(2):
            await bot.reload_extension("plug.greet")
        return ticking()

    assert run(scenario) == 3


def test_served_one_task(tree):
    """
    A task belongs to the version whose set-up began it.
    """

    async def scenario(bot):
        tree.write("plug/greet/__init__.py", TICKING)
        host = await served(bot)
        for number in range(3):
            tree.write("plug/greet/__init__.py", TICKING + f"EDIT = {number}\n")
            outcome = await host.areload("greet")
            assert outcome.kind is Kind.RELOADED, outcome.log_text
            assert outcome.leaks == ()
        return ticking()

    assert run(scenario) == 1


# A class of another extension


def extend(tree):
    tree.write("ext_a.py", "class Base: word = 'one'\nasync def setup(bot): pass\n")
    tree.write("ext_b.py", "from ext_a import Base\nclass Child(Base): pass\nasync def setup(bot): pass\n")


def test_baseline_no_subclass_any_more(tree):
    """
    After the reload of one extension the class of another no longer derives from the live one.
    """
    extend(tree)

    async def scenario(bot):
        await bot.load_extension("ext_a")
        await bot.load_extension("ext_b")
        await bot.reload_extension("ext_a")
        return issubclass(sys.modules["ext_b"].Child, sys.modules["ext_a"].Base)

    assert run(scenario) is False


def test_served_still_a_subclass(tree):
    """
    It derives from the live class, which has what the edit gave it.
    """
    extend(tree)

    async def scenario(bot):
        host = await served(bot, "a", "ext_a")
        assert await host.aload("b", "ext_b")
        tree.write("ext_a.py", "class Base: word = 'two'\nasync def setup(bot): pass\n")
        assert (await host.areload("a")).kind is Kind.RELOADED
        child = host["b"].Child
        return issubclass(child, host["a"].Base), child.word

    assert run(scenario) == (True, "two")
