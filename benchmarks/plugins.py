"""
A host of many plugins, worked hard: random actions, and kill -9 of its process at random moments.

    python benchmarks/plugins.py cost [PLUGINS]
    python benchmarks/plugins.py stress [ACTIONS] [PLUGINS] [SEED]

`cost` compares the reload of one plugin with a bare importlib.reload of its modules, in processor time.
`stress` runs the host in a process of its own, has it do random things to random plugins, and kills it now and
then.  After each action the host must answer and no plugin may be lost; after each restart what was kept must be
readable, what killed the process must be in quarantine, and once mended every plugin must run.
"""

from __future__ import annotations

import gc
import importlib
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from modreg.plugins import FileStore, Host, Kind, State

MARK = "state.json"
ANSWER = "        return words.word()\n"


def names(count):
    return [f"p{number:03}" for number in range(count)]


def needs(number):
    """Which plugins one requires: a few of lower numbers, so that there is no circle."""
    chance = random.Random(number)
    return sorted({chance.randrange(number) for _ in range(chance.choice((0, 0, 1, 2)))}) if number else []


def write(folder, number, word, trouble=""):
    """Write a plugin: a package of three modules, of which one takes names from the plugins that it requires."""
    name = f"p{number:03}"
    place = folder / name
    place.mkdir(exist_ok=True)
    required = [f"p{each:03}" for each in needs(number)]
    imports = "".join(f"from acme_plugins.{each}.words import word as {each}_word\n" for each in required)
    put(place / "words.py", f"{imports}WORD = {word!r}\ndef word():\n    return WORD\n")
    put(place / "command.py", "from . import words\nclass Command:\n    def __call__(self):\n" + ANSWER)
    declared = f"__version__ = '1.{abs(hash(word)) % 1000}'\n__requires__ = {required!r}\n"
    body = f"from .command import Command\nNAME = {name!r}\ndef setup(offers):\n    offers[NAME] = Command()\n"
    hurt = {
        "syntax": "def broken(:\n",
        "execute": "raise OSError('execute')\n",
        "set-up": "def setup(offers):\n    offers[NAME] = None\n    raise OSError('set-up')\n",
        "crash": "import os, signal\ndef setup(offers): os.kill(os.getpid(), signal.SIGKILL)\n",
        "": "",
    }[trouble]
    put(place / "__init__.py", declared + body + "def teardown(offers): offers.pop(NAME, None)\n" + hurt)


def put(path, text):
    """Write a file as a whole: the process may be killed on the way."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


# The host's process


class Worker:
    """The host, its plugins and the checks, in the process that gets killed."""

    def __init__(self, folder, count, seed):
        self.folder = folder
        self.count = count
        self.chance = random.Random(seed)
        self.serial = seed * 1_000_000
        self.offers = {}
        self.host = Host("acme", version="1", store=FileStore(folder / MARK))
        self.host.bind(setup=lambda each: each.setup(self.offers), teardown=lambda each: each.teardown(self.offers))
        self.host.discover(folder / "plugins")

    def write(self, number, trouble=""):
        self.serial += 1
        write(self.folder / "plugins", number, f"word {self.serial}", trouble)

    def start(self):
        """Load everything; what does not load is mended, and then all of it has to run."""
        kept = json.loads((self.folder / MARK).read_text()) if (self.folder / MARK).exists() else None
        assert kept is None or kept["format"] == 1
        first = {outcome.plugin: outcome for outcome in self.host.load_all(names(self.count))}
        for name in self.host.crashed:
            kinds = {Kind.QUARANTINED, Kind.REFUSED, Kind.LOADED, Kind.FAILED}  # what it needs may be refused, too
            assert first[name].kind in kinds, first[name]
        outcomes = first
        while not all(outcomes.values()):  # what was refused for the sake of another shows its own trouble later
            bad = (Kind.QUARANTINED, Kind.FAILED)
            ill = [number for number, name in enumerate(names(self.count)) if outcomes[name].kind in bad]
            assert ill, [str(each) for each in outcomes.values() if not each]
            for number in ill:
                self.write(number)
            outcomes = {outcome.plugin: outcome for outcome in self.host.load_all(names(self.count))}
        self.check(names(self.count))
        return sorted(outcome.kind.value for outcome in first.values())

    def check(self, wanted):
        """What runs answers with its own word; what does not run is not registered; nothing is lost."""
        assert len(self.host.plugins()) == self.count
        for name in wanted:
            plugin = self.host.plugin(name)
            assert plugin.state is not State.BROKEN, name
            if plugin.state is State.RUNNING:
                words = sys.modules[f"acme_plugins.{name}.words"]
                assert self.offers[name]() == words.WORD, name
            else:
                assert name not in self.offers, name

    def act(self):
        """One random action, and what may come of it."""
        number = self.chance.randrange(self.count)
        name = f"p{number:03}"
        kind = self.chance.choices(
            ["good", "syntax", "execute", "set-up", "crash", "rollback", "disable", "enable", "unload", "load"],
            [40, 6, 6, 8, 0.3, 10, 5, 10, 5, 10],
        )[0]
        host = self.host
        was = host.plugin(name).state
        if kind in ("rollback", "disable", "enable", "unload", "load"):
            outcome = getattr(host, kind)(name)
            assert outcome.kind not in (Kind.BROKEN, Kind.KEPT_OLD), outcome.log_text
        else:
            self.write(number, "" if kind == "good" else kind)
            outcome = host.reload(name)
            may = {Kind.KEPT_OLD, Kind.FAILED, Kind.REFUSED}
            if kind == "good":
                may = {Kind.RELOADED, Kind.LOADED, Kind.REFUSED}
            if kind in ("set-up", "crash") and was is State.DISABLED:
                may |= {Kind.RELOADED}  # it is not set up
            assert outcome.kind in may, outcome.log_text
        self.check({name, *outcome.others})
        if not outcome and was is State.RUNNING:
            assert host.plugin(name).state is State.RUNNING
        return kind, outcome.kind.value


def worker(folder, count, seed, actions):
    made = Worker(Path(folder), count, seed)
    print("started", *made.start(), sep="\t", flush=True)
    for number in range(actions):
        print(*made.act(), sep="\t", flush=True)
        if number % 50 == 49:
            made.check(names(count))
    made.check(names(count))
    print("done", flush=True)


# The process that starts and kills it


def stress(actions, count, seed):
    chance = random.Random(seed)
    tally, kills, crashes, starts, quarantined = {}, 0, 0, 0, 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        plugins = Path(folder, "plugins")
        plugins.mkdir()
        for number in range(count):
            write(plugins, number, "word 0")
        done = 0
        while done < actions:
            starts += 1
            life = chance.randrange(50, 600)  # actions until it is killed, and then a moment more
            given = map(str, (folder, count, seed + starts, actions - done))
            command = [sys.executable, "-X", "faulthandler", __file__, "worker", *given]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            lines = 0
            for line in process.stdout:
                words = line.rstrip("\n").split("\t")
                if words[0] == "started":
                    quarantined += words.count("quarantined")
                elif words[0] != "done":
                    done += 1
                    lines += 1
                    tally[tuple(words)] = tally.get(tuple(words), 0) + 1
                    if lines == life:
                        time.sleep(chance.random() * 0.05)
                        process.kill()
                        kills += 1
            said = process.stderr.read()
            status = process.wait()
            if status == -signal.SIGKILL and lines < life:
                crashes += 1
            elif status not in (0, -signal.SIGKILL):
                print(said[-4000:])
                raise SystemExit(f"the host's process ended with {status} after {done} actions")
    print(f"{done} actions on {count} plugins in {time.perf_counter() - began:.0f} s, seed {seed}")
    print(f"{starts} starts, {kills} kills from outside, {crashes} by a plugin, {quarantined} times in quarantine")
    for (kind, outcome), number in sorted(tally.items()):
        print(f"  {kind:9} {outcome:14} {number:6}")


def cost(count):
    folder = Path(tempfile.mkdtemp())
    for number in range(count):
        write(folder, number, "word 0")
    offers = {}
    host = Host("acme", version="1")
    host.bind(setup=lambda plugin: plugin.setup(offers), teardown=lambda plugin: plugin.teardown(offers))
    host.discover(folder)
    began = time.process_time()
    assert all(host.load_all())
    print(f"load of {count} plugins: {(time.process_time() - began) * 1000:.0f} ms")
    alone = [number for number in range(count) if not any(number in needs(other) for other in range(count))]
    ours, unchanged = [], []
    bare: dict[bool, list[float]] = {False: [], True: []}  # by whether byte-code is written, as Python does by default

    def edited(number, word, call):
        """What a call answers after an edit of its own, and the processor's seconds: all find their caches as cold."""
        write(folder, number, word)
        importlib.invalidate_caches()
        gc.collect()
        began = time.process_time()
        return call(), time.process_time() - began

    for turn in range(40):
        number = alone[turn % len(alone)]
        name = f"p{number:03}"
        outcome, seconds = edited(number, f"word {turn} one", partial(host.reload, name))
        assert outcome.kind is Kind.RELOADED, outcome.log_text
        ours.append(seconds)
        began = time.process_time()
        assert host.reload(name).kind is Kind.UNCHANGED
        unchanged.append(time.process_time() - began)
        modules = [sys.modules[f"acme_plugins.{name}{end}"] for end in (".words", ".command", "")]
        for is_written, spent in bare.items():
            sys.dont_write_bytecode = not is_written
            _, seconds = edited(number, f"word {turn} {is_written}", partial(list, map(importlib.reload, modules)))
            spent.append(seconds)
        host.reload(name)
    mine = statistics.median(ours) * 1000
    print(f"reload of one: {mine:.2f} ms")
    for is_written, spent in bare.items():
        theirs = statistics.median(spent) * 1000
        how = "writing byte-code" if is_written else "without byte-code"
        print(f"bare importlib.reload, {how}: {theirs:.2f} ms; {mine / theirs:.1f} times")
    print(f"reload of one that is unchanged: {statistics.median(unchanged) * 1000:.2f} ms")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "worker":
        worker(numbers[0], *map(int, numbers[1:]))
    elif what == "cost":
        cost(*map(int, numbers or [200]))
    else:
        given = [int(each) for each in numbers]
        stress(*(given + [10_000, 200, 1][len(given) :]))
