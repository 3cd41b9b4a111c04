"""
Limnoria: a synchronous host that loads plugins past the finders; their authors write reload lines of their own.

As in test_discord.py each rule has a half for the bot alone and one for modreg.
"""

from __future__ import annotations

import os
import sys
import types

import pytest
import supybot.registry

import modreg
from modreg import _registry
from modreg.plugins import Host, Kind

INIT = """
from . import config
from . import plugin
from importlib import reload
reload(config)
reload(plugin)
Class = plugin.Class
configure = config.configure
"""
CONFIG = """
import sys
sys.modules["supybot"].hellos += 1
from supybot import conf
def configure(advanced): conf.registerPlugin('Hello', True)
Hello = conf.registerPlugin('Hello')
"""
PLUGIN = """
from supybot import callbacks
from . import helper
class Hello(callbacks.Plugin):
    '''Says hello.'''
    def hello(self, irc, msg, args):
        '''takes no arguments'''
        irc.reply(helper.word())
Class = Hello
"""
SETTINGS = """
supybot.directories.backup: /dev/null
supybot.directories.conf: {0}/conf
supybot.directories.data: {0}/data
supybot.directories.log: {0}/logs
supybot.directories.plugins: {0}/plugins
supybot.log.stdout: False
supybot.log.plugins.individualLogfiles: False
supybot.protocols.irc.throttleTime: 0
supybot.reply.whenAddressedBy.chars: @
supybot.reply.error.detailed: True
supybot.networks.test.server: not.needed
supybot.nick: test
"""


@pytest.fixture(scope="module")
def limnoria(tmp_path_factory):
    """The bot's modules, set up for a folder of this run; it can be done once in a process."""
    folder = tmp_path_factory.mktemp("limnoria")
    for name in ("conf", "data", "logs", "plugins"):
        (folder / name).mkdir()
    (folder / "bot.conf").write_text(SETTINGS.format(folder))
    supybot.registry.open_registry(str(folder / "bot.conf"))
    from supybot import conf, ircdb, irclib, ircmsgs, plugin, world  # in this order, after the registry

    conf.supybot.flush.setValue(False)
    user = ircdb.users.newUser()
    user.name = "owner"
    user.addHostmask("owner!*@*")
    user.addCapability("owner")
    ircdb.users.setUser(user)
    return types.SimpleNamespace(folder=folder, conf=conf, irclib=irclib, ircmsgs=ircmsgs, plugin=plugin, world=world)


class Bot:
    """One bot with the plugin Hello, and what its owner tells it."""

    def __init__(self, limnoria):
        self.limnoria = limnoria
        self.clock = 1_000_000_000.0
        supybot.hellos = 0
        self.write("__init__.py", INIT)
        self.write("config.py", CONFIG)
        self.write("plugin.py", PLUGIN)
        self.write("helper.py", "def word(): return 'one'\n")
        self.irc = limnoria.irclib.Irc("test")
        while self.irc.takeMsg():
            pass
        for name in ("Misc", "Owner", "Hello"):
            limnoria.plugin.loadPluginClass(self.irc, limnoria.plugin.loadPluginModule(name))

    def write(self, path, text):
        file = self.limnoria.folder / "plugins/Hello" / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        self.clock += 2
        os.utime(file, (self.clock, self.clock))

    def ask(self, text):
        """Tell the bot something as its owner, in private; its answer."""
        self.irc.feedMsg(self.limnoria.ircmsgs.privmsg(self.irc.nick, text, prefix="owner!user@host"))
        answer = self.irc.takeMsg()
        return answer.args[1] if answer is not None else None


@pytest.fixture
def bot(limnoria, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Bot(limnoria)
    yield made
    for callback in list(made.irc.callbacks):
        made.irc.removeCallback(callback.name())
    limnoria.world.ircs.remove(made.irc)
    _registry.DEFAULT.uninstall()
    _registry.DEFAULT.__init__()
    for name in [name for name in sys.modules if name.partition(".")[0] == "Hello"]:
        del sys.modules[name]


@pytest.fixture
def host(bot):
    """The bot's plugins, looked after by modreg: taken on as they are, for the bot has loaded them; a command reloads."""
    from supybot import callbacks  # after the registry

    host = Host("limnoria")

    def setup(module):
        bot.limnoria.plugin.loadPluginClass(bot.irc, module)

    def teardown(module):
        for callback in bot.irc.removeCallback(module.Class.__name__):
            callback.die()

    host.bind(
        setup=setup,
        teardown=teardown,
        save=lambda module: sys.modules[module.Class.__module__].reload() if handing_over(module) else None,
        restore=lambda module, kept: module.reload(kept) if kept is not None else None,
    )
    outcome = host.adopt("Hello", "Hello")
    assert outcome.kind is Kind.LOADED, outcome.log_text
    bot.limnoria.conf.registerPlugin("Served", True)

    class Served(callbacks.Plugin):
        """The owner's side of the host."""

        def renew(self, irc, msg, args):
            """<plugin>"""
            irc.reply(host.reload(args[0]).explain())

    bot.irc.addCallback(Served(bot.irc))
    yield host
    host.close()


def handing_over(module):
    """Whether a plugin has the function that the bot asks before a reload, in the module that its class is of."""
    return hasattr(sys.modules[module.Class.__module__], "reload")


def test_baseline_helper_stays_old(bot):
    """
    The bot reports success, and goes on with the helper that it had.
    """
    bot.write("helper.py", "def word(): return 'two'\n")

    assert "succeeded" in bot.ask("reload Hello")
    assert bot.ask("hello") == "one"


def test_served_helper_is_new(bot, host):
    """
    The helper is brought up to date with its plugin.
    """
    bot.write("helper.py", "def word(): return 'two'\n")

    assert "reloaded" in bot.ask("renew Hello")
    assert bot.ask("hello") == "two"


def test_baseline_plugin_is_lost(bot):
    """
    A syntax error loses the plugin, and the bot then knows no such plugin.
    """
    bot.write("plugin.py", PLUGIN + "def broken(:\n")

    bot.ask("reload Hello")

    assert bot.irc.getCallback("Hello") is None
    assert "no plugin" in bot.ask("reload Hello")


def test_served_plugin_keeps_answering(bot, host):
    """
    A syntax error touches nothing; the answer names file and line.
    """
    bot.write("plugin.py", PLUGIN + "def broken(:\n")

    assert f"plugin.py:{len(PLUGIN.splitlines()) + 1}" in bot.ask("renew Hello")
    assert bot.ask("hello") == "one"


def test_served_class_that_cannot_be_made(bot, host):
    """
    If the new plugin's class cannot be made, the old one is registered again.
    """
    bot.write("plugin.py", PLUGIN.replace("Class = Hello", "def Class(irc): raise OSError('disk')"))

    outcome = host.reload("Hello")

    assert (outcome.kind, outcome.phase) == (Kind.KEPT_OLD, "set-up")
    assert bot.ask("hello") == "one"


def test_baseline_executions_pile_up(bot):
    """
    The authors' own reload lines, and the bot's reloads, execute one unchanged file again and again.
    """
    bot.write("helper.py", "def word(): return 'two'\n")
    bot.ask("reload Hello")
    bot.write("plugin.py", PLUGIN + "def broken(:\n")
    bot.ask("reload Hello")

    assert supybot.hellos == 5


def test_served_unchanged_is_unchanged(bot, host):
    """
    Reloads without an edit execute nothing; an unchanged file is executed where the authors' own reload lines say so.

    Each such execution is a version of the module, all of one source; the plugin has a version for each edit.
    """
    executed = supybot.hellos
    bot.write("helper.py", "def word(): return 'two'\n")
    bot.ask("renew Hello")
    bot.write("plugin.py", PLUGIN + "def broken(:\n")
    bot.ask("renew Hello")
    bot.write("plugin.py", PLUGIN)
    for _ in range(3):
        assert host.reload("Hello").kind is Kind.UNCHANGED

    assert supybot.hellos == executed + 1
    assert len({version.source_hash for version in modreg.history("Hello.config")}) == 1
    assert len(host.history("Hello")) == 2


class Asked:
    """A finder that finds nothing, and knows what it was asked for."""

    def __init__(self):
        self.names = []

    def find_spec(self, name, path=None, target=None):
        self.names.append(name)


def test_baseline_finders_are_not_asked(bot, monkeypatch):
    """
    The bot loads a plugin's module past `sys.meta_path`; what the plugin imports goes through it.
    """
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [asked, *sys.meta_path])

    bot.ask("reload Hello")

    assert "Hello" not in asked.names
    assert "Hello.config" in asked.names


def test_served_module_is_adopted(bot, host):
    """
    modreg has a version of it nevertheless, and the plugin keeps the module that the bot has made.
    """
    module = sys.modules["Hello"]

    assert host["Hello"] is module
    assert modreg.current("Hello").number == 1


HANDING = "\nSEEN = []\ndef reload(): return SEEN\n"
TAKING = "\nKEPT = []\ndef reload(seen): KEPT.extend(seen)\n"


def test_baseline_hand_over(bot):
    """
    The bot gives what the old module's function returned to that of the new one.
    """
    bot.write("__init__.py", INIT + TAKING)
    bot.write("plugin.py", PLUGIN + HANDING)
    bot.ask("reload Hello")
    sys.modules["Hello.plugin"].SEEN.append("rain")

    bot.ask("reload Hello")

    assert sys.modules["Hello"].KEPT == ["rain"]


def test_served_hand_over(bot, host):
    """
    The pair of functions that Limnoria has for it is mapped to save and restore.
    """
    bot.write("__init__.py", INIT + TAKING)
    bot.write("plugin.py", PLUGIN + HANDING)
    assert host.reload("Hello").kind is Kind.RELOADED
    sys.modules["Hello.plugin"].SEEN.append("rain")
    bot.write("helper.py", "def word(): return 'two'\n")

    assert host.reload("Hello").kind is Kind.RELOADED

    assert sys.modules["Hello"].KEPT == ["rain"]


def test_served_rollback_is_registered(bot, host):
    """
    A rollback registers what it brings back.
    """
    bot.write("helper.py", "def word(): return 'two'\n")
    host.reload("Hello")

    assert host.rollback("Hello").kind is Kind.ROLLED_BACK
    assert bot.ask("hello") == "one"
