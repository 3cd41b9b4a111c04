"""A host whose plugins offer words, for the tests of modreg.plugins; its fixtures are in conftest.py."""

from __future__ import annotations

import sys

from modreg.plugins import Host, MemoryStore


class Bench:
    """A host that registers what its plugins offer, and an account of what it did."""

    def __init__(self, project, registry, **how):
        self.project = project
        self.registry = registry
        self.store = how.setdefault("store", MemoryStore())
        self.offers = {}
        self.did = []
        self.now = 1000.0
        self.hosts = []
        self.host = self.start(**how)

    def start(self, **how):
        """Another host, as in a new process where the first is closed or lost."""
        how = {"version": "4.2", "store": self.store, "clock": lambda: self.now, "registry": self.registry, **how}
        self.host = Host("acme", **how)
        self.host.bind(setup=self.setup, teardown=self.teardown)
        self.hosts.append(self.host)
        return self.host

    def setup(self, plugin):
        self.did.append(f"set up {plugin.__name__.rpartition('.')[2]}")
        return plugin.setup(self.offers)

    def teardown(self, plugin):
        self.did.append(f"tear down {plugin.__name__.rpartition('.')[2]}")
        return plugin.teardown(self.offers)

    def write(self, path, text):
        return self.project.write(f"plugins/{path}", text)

    def plugin(self, name, word="1", more=""):
        """Write a plugin of one file that offers a word under its name."""
        return self.write(f"{name}.py", offering(name, word, more))

    def load(self, name, word="1", more=""):
        """Write a plugin of one file and load it."""
        outcome = self.host.load(name, self.plugin(name, word, more))
        assert outcome, outcome.log_text
        return outcome

    def die(self, **how):
        """The process ends as by kill -9: nothing is torn down, and a new host starts on the store."""
        host = self.host
        for plugin in host.plugins():
            for name in [n for n in sys.modules if n == plugin.module or n.startswith(plugin.module + ".")]:
                del sys.modules[name]
        self.offers.clear()
        return self.start(**how)


def offering(name, word, more=""):
    return (
        f"WORD = {word!r}\n"
        f"def setup(offers): offers[{name!r}] = WORD\n"
        f"def teardown(offers): offers.pop({name!r}, None)\n" + more
    )
