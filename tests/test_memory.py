"""What stays of superseded versions: a few plain values and a compressed source, and no object of theirs."""

import ast
import gc
import importlib
import linecache
import pathlib
import sys
import tracemalloc
import types
import weakref

import pytest

import modreg
from modreg._draft import Draft, Part
from modreg._execution import Execution
from modreg._forecast import Forecast
from modreg._needs import Needs

SOURCE = """
import functools

REGISTRY = {{}}

def register(function):
    REGISTRY[function.__name__] = function
    return function

@register
def answer():
    return {n}

def make():
    def inner():
        return answer()
    return inner

closure = make()

class Base:
    def own(self):
        return {n}

class Derived(Base):
    def __init__(self):
        self.number = {n}
    def own(self):
        return super().own()

THE_ONE = Derived()
TABLE = {{"answer": lambda: {n}, "one": Derived()}}
"""


def reloads(project, registry, numbers):
    for n in numbers:
        project.write("worn.py", SOURCE.format(n=n))
        registry.reload("worn")


def held():
    """The bytes that modreg has allocated; CPython's own tables, as of the subclasses of `object`, grow by leaps."""
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=f"{pathlib.Path(modreg.__file__).parent}/*")
    found = tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename")
    return sum(each.size for each in found)


def kept(registry):
    """
    The bytes of all that a registry and modreg's own modules hold, and the lines for tracebacks.

    What the interpreter itself keeps in store of freed objects (more than ever in 3.14) is not among it.
    """
    gc.collect()
    own = [vars(module) for name, module in sys.modules.items() if name.partition(".")[0] == "modreg"]
    queue = [registry, linecache.cache, *own]
    seen = {}
    while queue:
        each = queue.pop()
        if id(each) not in seen and not isinstance(each, (types.ModuleType, types.FrameType)):
            seen[id(each)] = each
            queue.extend(gc.get_referents(each))
    del seen[id(registry)]
    del seen[id(linecache.cache)]  # what is in it counts; its table, in which the lines of all others are too, grows by leaps
    return sum(map(sys.getsizeof, seen.values()))


def test_a_reload_leaves_few_objects_behind(project, registry):
    """
    Once as many versions are kept whole as shall be, every reload leaves the same few objects of its record.
    """
    project.load("worn", SOURCE.format(n=0))
    reloads(project, registry, range(1, 60))
    counts = []

    for begin in (60, 160):
        for _ in range(3):  # what other tests left may take several turns
            gc.collect()
        counts.append(len(gc.get_objects()))
        reloads(project, registry, range(begin, begin + 100))
    gc.collect()
    counts.append(len(gc.get_objects()))

    assert counts[1] - counts[0] <= 100 * 10
    assert abs((counts[2] - counts[1]) - (counts[1] - counts[0])) <= 20


def test_a_reload_leaves_few_bytes_behind(project, registry):
    """
    What is kept of a version beyond the limit is its record and its text, compressed.
    """
    project.load("worn", SOURCE.format(n=0) + "# " + "text " * 1000)
    reloads(project, registry, range(1, 60))
    tracemalloc.start()
    try:
        reloads(project, registry, range(60, 100))
        before = held()
        reloads(project, registry, range(100, 200))
        after = held()
    finally:
        tracemalloc.stop()

    assert (after - before) / 100 < 1500


@pytest.mark.parametrize("way", ["refresh", "importlib", "plain", "rollback"])
def test_with_a_bound_a_reload_leaves_nothing_behind(project, registry, way):
    """
    With ``keep_versions`` modreg holds no more after any number of reloads, in whatever way.
    """
    ways = {
        "refresh": registry.refresh,
        "importlib": lambda: importlib.reload(worn),
        "plain": lambda: registry.reload("worn", live=False),
        "rollback": lambda: (registry.refresh(), registry.rollback("worn")),
    }

    def change(numbers):
        for n in numbers:
            project.write("worn.py", SOURCE.format(n=n))
            ways[way]()
        return kept(registry), len(gc.get_objects()), registry.revision

    registry.install(keep_snapshots=2, keep_versions=6)
    worn = project.load("worn", SOURCE.format(n=0))
    change(range(1, 40))
    before = change(range(40, 60))
    after = change(range(60, 160))

    made = after[2] - before[2]
    assert made >= 100
    assert (after[0] - before[0]) / made < 100
    assert (after[1] - before[1]) / made < 1
    assert len(registry.history("worn")) == 6
    assert len(registry.transactions()) < 10


def test_objects_of_versions_that_importlib_superseded_die(project, registry):
    """
    What others reload is kept no longer than what modreg reloads.
    """
    worn = project.load("worn", SOURCE.format(n=0))
    held = []
    for n in range(1, 40):
        project.write("worn.py", SOURCE.format(n=n))
        importlib.reload(worn)
        held.append(weakref.ref(worn.THE_ONE))
    gc.collect()

    assert [n for n, reference in enumerate(held, 1) if reference() is not None] == list(range(29, 40))


def test_objects_of_superseded_versions_die(project, registry):
    """
    Beyond the snapshots that are kept nothing holds what an earlier version made.
    """
    worn = project.load("worn", SOURCE.format(n=0))
    references = [weakref.ref(each) for each in (worn.TABLE["one"], worn.THE_ONE)]

    reloads(project, registry, range(1, 40))
    gc.collect()

    assert [reference() for reference in references] == [None, None]


def test_a_text_that_is_kept_compressed_can_come_back(project, registry):
    """
    A rollback to a version whose text is compressed meanwhile, while a later version with the same text is not.
    """
    registry.uninstall()
    registry.install(keep_snapshots=1)
    worn = project.load("worn", SOURCE.format(n=0))
    reloads(project, registry, (1, 2, 0, 3))

    registry.rollback("worn", 1)

    assert worn.answer() == 0
    assert registry.current("worn").source_hash == registry.history("worn")[0].source_hash


def test_a_text_that_runs_again_and_again_is_compressed_when_it_does_no_more(project, registry):
    """
    As long as the next version has the same text, a version beyond the limit shares that; then all share it compressed.
    """
    project.load("worn", SOURCE.format(n=0))
    for _ in range(15):
        registry.reload("worn")
    records = registry._history.of("worn")
    shared = {id(record.source.data) for record in records}

    reloads(project, registry, range(1, 15))

    sources = [record.source for record in registry._history.of("worn")[: len(records)]]
    assert len(shared) == 1
    assert {id(source) for source in sources} == {id(sources[0])}
    assert sources[0].is_packed
    assert sources[0].data.decode() == SOURCE.format(n=0)


def test_a_reload_leaves_little_to_the_collector(project, registry):
    """
    What a transaction makes for itself goes with it: CPython looks at what is old too rarely to leave it there.
    """
    project.load("worn", SOURCE.format(n=0))
    reloads(project, registry, range(1, 40))
    gc.collect()
    gc.disable()
    try:
        reloads(project, registry, range(40, 60))
        found = gc.collect()
    finally:
        gc.enable()

    assert found <= 20 * 25  # nearly all of it two classes of the module, made anew each time


def test_what_was_known_of_a_transaction_goes_with_it(project, registry):
    """
    It has the former objects and sources of what was executed: no collector is needed to let go of these.
    """
    project.load("worn", SOURCE.format(n=0))
    project.load("user", "from worn import answer\nX = answer()\n")
    gc.disable()
    try:
        reloads(project, registry, (1, 2))
        found = [each for each in gc.get_objects() if type(each) in (Needs, Part, Draft, Forecast, Execution)]
    finally:
        gc.enable()

    assert sys.modules["user"].X == 2
    assert not found


def test_a_transaction_leaves_no_trees_behind(project, registry):
    """
    The syntax trees that a plan or a refresh reads are let go of at its end.
    """
    text = "".join(f"def f{n}(x):\n    return [x, {n}, {{x: (x, x, x, x, x, x)}}]\n" for n in range(500))
    m = project.load("m", text)
    project.load("user", "from m import *\nX = f1(1)\n")
    project.write("m.py", text.replace("[x, ", "[x + 1, "))

    assert len(registry.plan().steps) == 2
    assert not any(isinstance(each, ast.stmt) for each in gc.get_objects())
    registry.refresh()
    assert m.f0(1)[0] == 2
    assert not any(isinstance(each, ast.stmt) for each in gc.get_objects())
