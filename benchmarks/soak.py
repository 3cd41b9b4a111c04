"""
A program that is edited while it works: threads and tasks call modules that are reloaded, broken and rolled back.

    python benchmarks/soak.py run [MINUTES] [SEED] [keep|drop]
    python benchmarks/soak.py memory [RELOADS]

`run` has four threads and the tasks of an event loop call functions of three modules, half of the time inside
`modreg.guard()` and half of the time without.  Meanwhile the modules are edited at random, reloaded, refreshed, given
sources that fail, and rolled back.  Every function answers with the number of its edit, so that a call which gets
different numbers saw two versions: it is *mixed*.  Guarded calls must be neither mixed nor fail; unguarded ones must
not fail with ``removed="keep"``, while with ``"drop"`` an old function can miss a name that is leaving.  What raised is
printed, and the exit status tells.
`memory` reloads one module with classes, closures and registrations, and prints what each reload leaves behind.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import os
import random
import resource
import sys
import tempfile
import threading
import time
import traceback
import tracemalloc
import weakref
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import modreg

THREADS, TASKS, PHASE = 4, 8, 5.0

# Ways to write a function that answers a number; what a module is made of changes at random from edit to edit.
FORMS = (
    "def {name}(): return {n}\n",
    "def {name}(by=1, *, plus={n}): return plus * by\n",
    "def _make_{name}(n):\n    def {name}(): return n\n    return {name}\n{name} = _make_{name}({n})\n",
    "@traced\ndef {name}(): return {n}\n",
    "@functools.cache\ndef {name}(): return {n}\n",
    "class _Of_{name}:\n    @staticmethod\n    def answer(): return {n}\ndef {name}(): return _Of_{name}.answer()\n",
)
HEAD = """import functools
def traced(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args)
    return wrapper
"""
EXTRA = (
    "class Extra{k}:\n    kind = {n}\n    def own(self): return {n}\n",
    "class Base{k}: pass\nclass Derived{k}(Base{k}):\n    def own(self): return super()\n",
    "HANDLERS{k} = {{'own': lambda: {n}}}\n",
    "TABLE{k} = [{n}] * {k}\n",
)
FAILING = ("raise OSError({n})\n", "raise RuntimeError from KeyError({n})\n", "missing_{n}\n", "def (:\n", "1 / 0\n")
IMPORTS = {
    "one": "",
    "two": "from one import a as one_a\nimport one\n",
    "three": "import two\nfrom two import b as two_b\n",
}


class Program:
    """Three modules on disk, in memory, and the number of the edit that wrote them."""

    def __init__(self, folder, seed):
        self.folder, self.chance = folder, random.Random(seed)
        self.clock = itertools.count(1_000_000_000, 2)
        self.done = Counter()
        self.write(0)
        self.modules = [importlib.import_module(name) for name in IMPORTS]

    def write(self, n, failing=None):
        """Write all three modules with one number; one of them may fail at a random place."""
        for name in IMPORTS:
            text = self.text(name, n, fails=name == failing)
            path = self.folder / f"{name}.py"
            path.write_text(text, encoding="utf-8")
            os.utime(path, (now := next(self.clock), now))

    def text(self, name, n, *, fails):
        """The source of a module: two functions that others call, and what else chance brings, in any order."""
        chance = self.chance
        parts = [chance.choice(FORMS).format(name=each, n=n) for each in ("a", "b")]
        parts += [chance.choice(EXTRA).format(k=k, n=n) for k in range(chance.randrange(4))]
        if fails:
            parts.append(chance.choice(FAILING).format(n=n))
        chance.shuffle(parts)
        return HEAD + IMPORTS[name] + "".join(parts)

    def act(self, n):
        """One thing that a developer does, and what must be so afterwards."""
        before = self.number()
        what = self.chance.choice(("refresh", "refresh", "reload", "fail", "fail", "rollback"))
        self.done[what] += 1
        if what == "rollback" and modreg.transactions():
            return self.back()
        if what == "fail":
            self.write(n, failing=self.chance.choice(tuple(IMPORTS)))
            try:
                modreg.refresh()
            except modreg.ModregError:
                return self.check(before, what)
            raise AssertionError("a failing source was taken")
        self.write(n)
        modreg.refresh()
        if what == "reload":
            modreg.reload(self.chance.choice(tuple(IMPORTS)))  # once more; after an edit one alone is mixed by right
        return self.check(n, what)

    def back(self):
        """Take the last change of all three back; what they answer then is one number, whichever it is."""
        try:
            modreg.rollback("one")
        except modreg.NoEarlierVersionError:
            return
        self.number()

    def check(self, wanted, what):
        found = self.number()
        assert found == wanted, f"{found} instead of {wanted} after {what}"

    def number(self):
        """The number that all functions agree on."""
        found = set(self.answers())
        assert len(found) == 1, f"the modules disagree: {found}"
        return found.pop()

    def answers(self):
        """What all functions say; asking takes a moment."""
        one, two, three = self.modules
        return one.a(), one.b(), two.one_a(), two.a(), two.b(), three.two_b(), three.a(), three.b(), one.a()


class Callers:
    """Threads and tasks that call; what they saw."""

    def __init__(self, program):
        self.program = program
        self.guard = modreg.guard()
        self.is_over = threading.Event()
        self.is_guarded = True
        self.seen = Counter()
        self.errors = []
        self.lock = threading.Lock()

    def __enter__(self):
        self.threads = [threading.Thread(target=self.call) for _ in range(THREADS)]
        self.threads.append(threading.Thread(target=lambda: asyncio.run(self.loop())))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def call(self):
        """Call until it is over."""
        mine = Counter()
        while not self.is_over.is_set():
            is_guarded = self.is_guarded
            try:
                if is_guarded:
                    with self.guard:
                        answers = self.program.answers()
                else:
                    answers = self.program.answers()
            except Exception:
                self.failed(mine, is_guarded)
            else:
                note(mine, is_guarded, answers)
        self.add(mine)

    async def loop(self):
        await asyncio.gather(*(self.task() for _ in range(TASKS)))

    async def task(self):
        """As a thread does, but other tasks run in the middle of a call."""
        mine = Counter()
        while not self.is_over.is_set():
            is_guarded = self.is_guarded
            try:
                if is_guarded:
                    async with self.guard:
                        answers = self.program.answers()
                        await asyncio.sleep(0)
                        answers += self.program.answers()
                else:
                    answers = self.program.answers()
                    await asyncio.sleep(0)
            except Exception:
                self.failed(mine, is_guarded)
            else:
                note(mine, is_guarded, answers)
        self.add(mine)

    def failed(self, mine, is_guarded):
        mine["errors guarded" if is_guarded else "errors"] += 1
        if len(self.errors) < 20:
            self.errors.append(traceback.format_exc())

    def add(self, mine):
        with self.lock:
            self.seen += mine


def note(mine, is_guarded, answers):
    """Count the calls of one round, and whether they saw two versions."""
    kind = " guarded" if is_guarded else ""
    mine[f"calls{kind}"] += len(answers)
    if len(set(answers)) > 1:
        mine[f"mixed{kind}"] += 1


def run(minutes="1", seed="1", removed="keep"):
    """Work for so many minutes, guarded and unguarded in turn."""
    with tempfile.TemporaryDirectory() as folder:
        begin(folder, removed)
        program = Program(Path(folder), int(seed))
        numbers, failed = itertools.count(1), None
        with Callers(program) as callers:
            end = time.monotonic() + float(minutes) * 60
            try:
                while time.monotonic() < end:
                    callers.is_guarded = int((end - time.monotonic()) / PHASE) % 2 == 0
                    program.act(next(numbers))
                    time.sleep(program.chance.random() * 0.02)  # edits are not made without a pause
            except Exception:
                failed = traceback.format_exc()
    seen = callers.seen
    for name in ("calls guarded", "mixed guarded", "errors guarded", "calls", "mixed", "errors"):
        print(f"{name:16} {seen[name]:>12,}")
    print(", ".join(f"{number:,} x {name}" for name, number in sorted(program.done.items())))
    gc.collect()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{len(gc.get_objects()):,} objects, {resident:,} MB at most")
    print(*callers.errors[:3], failed or "", sep="\n")
    return bool(failed or seen["mixed guarded"] or seen["errors guarded"] or (removed == "keep" and seen["errors"]))


def begin(folder, removed="drop"):
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    modreg.install(removed=removed)


WORN = """
import functools
REGISTRY = {{}}
def register(function):
    REGISTRY[function.__name__] = function
    return function
@register
def answer(): return {n}
def make():
    def inner(): return answer()
    return inner
closure = make()
@functools.cache
def cached(x): return x
class Base:
    def __init__(self): self.number = {n}
    def own(self): return {n}
class Derived(Base):
    def own(self): return super().own()
THE_ONE = Derived()
TABLE = {{"answer": lambda: {n}, "one": Derived()}}
"""


def memory(reloads="2000"):
    """Print bytes, resident bytes and collected objects for each reload, once everything is full."""
    with tempfile.TemporaryDirectory() as folder:
        begin(folder)
        worn, numbers = Path(folder, "worn.py"), itertools.count()

        def reload():
            n = next(numbers)
            worn.write_text(WORN.format(n=n), encoding="utf-8")
            os.utime(worn, (n * 2, n * 2))
            return modreg.reload("worn") if n else importlib.import_module("worn")

        module = reload()
        for _ in range(100):
            reload()
        # Values, for definitions stay the objects that they are, in tables too.
        references = [weakref.ref(each) for each in (module.TABLE["one"], module.THE_ONE)]
        tracemalloc.start()
        for _ in range(50):
            reload()
        before = measured()
        for _ in range(int(reloads)):
            reload()
        each = [(after - first) / int(reloads) for first, after in zip(before, measured(), strict=True)]
    print(f"each of {int(reloads):,} reloads: {each[0]:,.0f} bytes, {each[1]:,.0f} resident, {each[2]:.2f} objects")
    alive = sum(reference() is not None for reference in references)
    print(f"{alive} of {len(references)} objects of an early version are alive")
    return alive


def measured():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return tracemalloc.get_traced_memory()[0], pages * resource.getpagesize(), len(gc.get_objects())


if __name__ == "__main__":
    sys.exit({"run": run, "memory": memory}[sys.argv[1]](*sys.argv[2:]))
