"""The allocation window: what it shows, what it leaves alone, and that twins give way wherever they are."""

from __future__ import annotations

import collections
import functools
import gc
import sys
import types
import weakref

import pytest

from modreg._pairs import Pair, pair
from modreg._twins import Twins
from modreg._window import Window, held, holders_of, is_held, replace


@pytest.fixture(autouse=True)
def _thawed():
    """Nothing is frozen before or after: some releases freeze what they start with."""
    gc.unfreeze()
    yield
    assert gc.get_freeze_count() == 0


@pytest.fixture
def window():
    """An open window, closed whatever the test does."""
    made = Window()
    made.open()
    yield made
    made.close()


class Old:
    """What is kept."""


class New:
    """What gives way."""


def twins_of(*pairs):
    made = Twins()
    for old, new in pairs:
        made.add(old, new)
    return made


def make_function(number):
    def function():
        return number

    return function


def is_visible(value):
    return any(x is value for x in gc.get_objects())


def test_only_what_was_made_meanwhile_is_visible():
    """
    From open to close the collector shows new objects alone, and afterwards all of them.
    """
    before, window = [1], Window()
    window.open()
    after = [2]
    inside = is_visible(before), is_visible(after)

    window.close()

    assert inside == (False, True)
    assert is_visible(before)
    assert is_visible(after)
    assert gc.get_freeze_count() == 0


def test_moving_begins_anew(window):
    """
    After a move what was made before it is outside.
    """
    first = [1]

    window.move()

    second = [2]
    assert (is_visible(first), is_visible(second)) == (False, True)


def test_a_window_that_is_not_open_does_nothing():
    """
    Moving or closing a window that is not open freezes and unfreezes nothing; closing twice neither.
    """
    window = Window()

    window.move()
    window.close()
    window.close()

    assert gc.get_freeze_count() == 0
    assert not window.is_narrow


def test_opening_twice_is_opening_once(window):
    """
    A second opening does not move what was made since the first one out of sight.
    """
    value = [1]

    window.open()

    assert is_visible(value)


def test_frozen_objects_of_the_application_stay_frozen():
    """
    Where the application froze objects the window stays wide, and nothing is unfrozen at its end.
    """
    value = [1]
    gc.freeze()
    try:
        window = Window()
        window.open()
        window.move()
        inside = window.is_narrow
        window.close()

        after = is_visible(value)
    finally:
        gc.unfreeze()
    assert not inside
    assert not after


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_is_as_before(is_enabled):
    """
    A collector that is disabled stays so, and an enabled one too.
    """
    was = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        window = Window()
        window.open()
        during = gc.isenabled()
        window.close()
        after = gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()

    assert (during, after) == (is_enabled, is_enabled)


@pytest.mark.parametrize("number", [1, 60])
@pytest.mark.parametrize("is_open", [True, False])
def test_holders_of_few_and_of_many(number, is_open):
    """
    Everything that refers to a target is found, by either way of searching, and nothing of modreg's own.
    """
    window = Window()
    if is_open:
        window.open()
    targets = [Old() for _ in range(number)]
    pair, mapping = [targets[0], targets[-1]], {"a": targets[-1]}

    holders = holders_of(targets)

    window.close()
    found = {id(x) for x in holders}
    assert {id(targets), id(pair), id(mapping)} <= found
    assert [type(x) for x in holders if id(x) not in {id(targets), id(pair), id(mapping)} and type(x) is tuple] == []


@pytest.mark.parametrize("targets", [[Old(), Old()], [object()], [Old(), {}], [{"a": []}]])
def test_either_way_of_searching_finds_the_same(monkeypatch, window, targets):
    """
    Searching by the collector's own means and by asking every object for what it refers to find the same holders.

    Those of what the collector does not track are found past tuples that it does not track either.
    """
    made = [each for x in targets for each in ([x], {"a": x}, {"a": (x,)}, types.MethodType(print, x), (x, [x]))]
    found = []
    for few in (0, 1000):
        monkeypatch.setattr("modreg._window._FEW", few)
        found.append({id(x) for x in holders_of(targets)} & {*map(id, made), id(targets)})

    assert found[0] == found[1]
    assert len(found[0]) > 1


# Replacing

HOLDERS = {
    "list": (lambda x: [x, 1, x], lambda holder: [holder[0], holder[2]]),
    "dict": (lambda x: {"a": x}, lambda holder: [holder["a"]]),
    "key": (lambda x: {x: 1}, list),
    "set": (lambda x: {x}, list),
    "deque": (lambda x: collections.deque([x]), list),
    "ordered dict": (lambda x: collections.OrderedDict([(x, 1), ("a", x)]), lambda h: [next(iter(h)), h["a"]]),
    "default dict": (lambda x: collections.defaultdict(lambda: x, a=x), lambda h: [h["a"], h["new"]]),
    "counter": (lambda x: collections.Counter([x, x]), lambda h: [next(iter(h)), *([] if h[next(iter(h))] == 2 else [None])]),
    "namespace": (lambda x: types.SimpleNamespace(a=x), lambda h: [h.a]),
    "cell": (lambda x: (lambda: x), lambda h: [h()]),
    "default": (lambda x: eval("lambda y=x, *, z=x: (y, z)", {"x": x}), lambda h: [*h()]),
    "tuple": (lambda x: [(x, 1)], lambda h: [h[0][0]]),
    "deep tuple": (lambda x: [((x,), ((x,),))], lambda h: [h[0][0][0], h[0][1][0][0]]),
    "frozen set": (lambda x: [frozenset([x])], lambda h: [*h[0]]),
    "alias": (lambda x: [list[x]], lambda h: [h[0].__args__[0]]),
    "alias of a callable": (lambda x: [collections.abc.Callable[[x], list[x]]], lambda h: [*h[0].__args__[:1], *h[0].__args__[1].__args__]),
    "unpacked alias": (lambda x: [*tuple[x, ...]], lambda h: [h[0].__args__[0] if h[0].__unpacked__ else None]),
    "partial": (lambda x: functools.partial(print, x, a=x), lambda h: [h.args[0], h.keywords["a"]]),
    "property": (lambda x: property(x, x, x), lambda h: [h.fget, h.fset, h.fdel]),
    "static method": (staticmethod, lambda h: [h.__func__]),
    "class method": (classmethod, lambda h: [h.__func__]),
    "class attribute": (lambda x: type("C", (), {"a": x}), lambda h: [h.a]),
    "base": (lambda x: type("C", (x,), {}), lambda h: [h.__bases__[0], h.__mro__[1]]),
    "instance": (lambda x: x(), lambda h: [type(h)]),
    "mapping proxy": (lambda x: types.MappingProxyType({"a": x}), lambda h: [h["a"]]),
    "circle": (lambda x: _made([x]), lambda h: [h[0], h[1][0][0]]),
}


def _made(circle):
    circle.append((circle,))
    return circle


@pytest.mark.parametrize("kind", HOLDERS)
def test_twins_give_way_in_every_holder(kind, window):
    """
    Whatever holds the twin holds the kept object afterwards, and nothing is stuck.
    """
    make, ask = HOLDERS[kind]
    kept = types.new_class("Kept")
    twin = types.new_class("Kept")
    holder = make(twin)

    stuck = replace(twins_of((kept, twin))).stuck

    assert [x is kept for x in ask(holder)] == [True] * len(ask(holder))
    assert stuck == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_twins_give_way_outside_the_window(kind):
    """
    With a window that is not narrow the whole heap is searched, with the same result.
    """
    make, ask = HOLDERS[kind]
    kept = types.new_class("Kept")
    twin = types.new_class("Kept")
    holder = make(twin)

    replace(twins_of((kept, twin)))

    assert [x is kept for x in ask(holder)] == [True] * len(ask(holder))


def test_a_second_registration_goes(window):
    """
    Where the kept object is in a list already its twin's entry is a second registration.
    """
    kept, twin = Old(), Old()
    registered, fresh = [kept, 1, twin], [twin, 1, twin]

    replace(twins_of((kept, twin)))

    assert registered == [kept, 1]
    assert fresh == [kept, 1, kept]


def test_a_changed_key_keeps_its_value_and_place(window):
    """
    A mapping keeps its order where a key gives way; where the kept one is a key too, the new value stands.
    """
    kept, twin = Old(), Old()
    fresh, registered = {1: "a", twin: "b", 2: "c"}, {kept: "old", twin: "new"}

    replace(twins_of((kept, twin)))

    assert list(fresh.items()) == [(1, "a"), (kept, "b"), (2, "c")]
    assert registered == {kept: "new"}


def test_immutable_holders_of_immutable_holders(window):
    """
    A tuple is made anew, and so is everything immutable that holds it, up to what can be changed.
    """
    kept, twin = Old(), Old()
    holder = {"a": ((1, frozenset([(twin,)])), twin)}

    done = replace(twins_of((kept, twin)))

    assert holder == {"a": ((1, frozenset([(kept,)])), kept)}
    assert done.stuck == []


def test_what_stands_for_immutable_holders_is_answered(window):
    """
    Whoever holds a tuple that had the twin outside the window can ask what stands for it now.
    """
    kept, twin = Old(), Old()
    inner = (1, twin)
    outer = frozenset([inner])

    instead = replace(twins_of((kept, twin))).instead

    assert instead.kept(twin) is kept
    assert instead.kept(inner) == (1, kept)
    assert instead.kept(outer) == frozenset([(1, kept)])


def test_what_does_not_hold_a_twin_is_left_alone(window):
    """
    Other objects keep their identity, contents and order.
    """
    kept, twin = Old(), Old()
    untouched = [(1, 2), {"a": [3]}, frozenset([4])]
    identities = [id(x) for x in untouched]

    replace(twins_of((kept, twin)))

    assert [id(x) for x in untouched] == identities
    assert untouched == [(1, 2), {"a": [3]}, frozenset([4])]


def test_what_cannot_be_changed_is_stuck(window):
    """
    A holder that no Python code can write is answered.
    """
    kept, twin = make_function(1), make_function(2)
    holder = map(twin, [])

    stuck = replace(twins_of((kept, twin))).stuck

    assert [type(x) for x in stuck] == [map]
    assert stuck[0] is holder


def test_a_frame_keeps_what_it_runs_with(window):
    """
    A frame's own variables are left alone, and are no finding.
    """
    kept, twin = Old(), Old()

    def generator(value):
        yield value

    running = generator(twin)
    next(running)

    replace(twins_of((kept, twin)))

    assert running.gi_frame.f_locals["value"] is twin


BASES = [list, dict, set, collections.deque, tuple, frozenset, str, Exception, object]
if sys.version_info >= (3, 12):
    BASES.append(int)  # CPython does not move its instances before


@pytest.mark.parametrize("base", BASES)
def test_instances_of_any_base_get_the_kept_class(base, window):
    """
    An instance that the execution made is of the kept class, whatever that is derived from, attributes and all.
    """
    kept = type("Kept", (base,), {})
    twin = type("Kept", (base,), {})
    holder = [twin()]
    holder[0].word = "w"

    stuck = replace(twins_of((kept, twin))).stuck

    assert type(holder[0]) is kept
    assert holder[0].word == "w"
    assert stuck == []


def test_methods_of_a_subclass_are_not_run(window):
    """
    Twins give way in containers of any class without running a line of it.
    """

    class Table(dict):
        def __setitem__(self, *args):
            raise AssertionError

        update = clear = items = __iter__ = __getitem__ = keys = pop = __setitem__

    class Row(list):
        def __setitem__(self, *args):
            raise AssertionError

        clear = extend = append = __iter__ = __getitem__ = copy = __setitem__

    kept, twin = Old(), Old()
    table, row = Table({"a": twin, twin: 1}), Row([twin])

    replace(twins_of((kept, twin)))

    assert dict.__getitem__(table, "a") is kept
    assert dict.__getitem__(table, kept) == 1
    assert list.__getitem__(row, 0) is kept


def test_a_class_with_slots_below_one_with_slots(window):
    """
    Of a tree of twins every class gets the kept bases, from the top downwards.
    """

    def tree():
        base = type("Base", (), {"__slots__": ("a",)})
        middle = type("Middle", (base,), {"__slots__": ("b",)})
        return base, middle, type("Last", (middle,), {"__slots__": ("c",)})

    kept, twins = tree(), tree()
    derived = type("Derived", (twins[2],), {})
    instance = twins[2]()

    stuck = replace(twins_of(*zip(kept, twins, strict=True))).stuck

    assert derived.__mro__[1:4] == (kept[2], kept[1], kept[0])
    assert type(instance) is kept[2]
    assert stuck == []


def test_held_tells_what_is_held_outside(window):
    """
    A pair is held if a reference count shows more holders than the window.
    """
    outside = [None]
    window.move()
    one, other = Pair(Old(), make_function(1)), Pair(Old(), make_function(2))
    outside[0] = other.new

    found = held([one, other])

    assert found == [other]


def test_nothing_is_held_that_only_new_objects_hold(window):
    """
    Holders inside the window are subtracted.
    """
    each = Pair(Old(), make_function(1))
    inside = [each.new, {"a": each.new}, (each.new,)]

    found = held([each])

    assert found == []
    assert len(inside) == 3


DEFINITIONS = """
import functools

def free():
    return 1

def outer():
    def within():
        return 2

    def inner():
        return within
    return inner

made = outer()
cached = functools.lru_cache(free)
partial = functools.partial(free, 1)

class Base:
    class Inner:
        pass

    def method(self):
        return super().__init__

    @property
    def read(self):
        return self

    @staticmethod
    def alone():
        pass

class Derived(Base):
    pass

one, many = Derived(), [Base(), free]
"""

LEAKS = {
    "nothing": "",
    "a function": "outside.append(free)",
    "a function in a closure": "outside.append(made.__closure__[0].cell_contents)",
    "a closure": "outside.append(made)",
    "a cache": "outside.append(cached)",
    "a partial": "outside.append(partial)",
    "a class": "outside.append(Derived)",
    "a class inside another": "outside.append(Base.Inner)",
    "a method": "outside.append(Base.method)",
    "a property": "outside.append(vars(Base)['read'])",
    "the function of a static method": "outside.append(Base.alone)",
    "a function as a key": "table[free] = 1",
    "what left the namespace": "outside.append(Derived); del Derived",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_definitions_leak_where_any_pair_is_held(leak, window):
    """
    Unless definitions leak out of the window, none of those that the two namespaces pair is held: they need not be
    paired to know it.
    """
    outside, table = [], {"tracked": []}
    former = {"__name__": "tax", "outside": outside, "table": table}
    exec(DEFINITIONS, former)
    namespace = former.copy()
    window.move()
    exec(f"{DEFINITIONS}\n{LEAKS[leak]}", namespace)

    is_leaking = window.is_leaking(namespace)

    found = held(pair(former, namespace, "tax"), namespace)
    assert is_leaking == (leak != "nothing")
    assert is_leaking or not found
    assert bool(found) == (leak not in ("nothing", "what left the namespace"))


def test_of_a_window_that_is_not_open_it_is_not_known_what_leaks():
    """
    Where the application froze objects itself, anything may be held.
    """
    assert Window().is_leaking({})


def made_class():
    """A new class with its methods, as one definition and its parts are paired."""

    class Made:
        __slots__ = ("__weakref__", "a")

        def method(self):
            """What its table has."""

        def other(self):
            """The same."""

    return [Pair(Old, Made), *(Pair(None, vars(Made)[name]) for name in ("method", "other"))]


KEEPERS = {
    "nothing": lambda made: None,
    "a weak reference": lambda made: weakref.ref(made[0].new),
    "a list": lambda made: [made[0].new],
    "an instance": lambda made: made[0].new(),
    "a subclass": lambda made: type("Sub", (made[0].new,), {}),
    "a list that has a method": lambda made: [made[1].new],
    "a bound method": lambda made: made[0].new().method,
    "another class that has a method": lambda made: type("Other", (), {"method": made[1].new}),
    "an attribute of itself": lambda made: setattr(made[0].new, "me", made[0].new),
}


@pytest.mark.parametrize("keeper", KEEPERS)
def test_what_only_new_classes_and_pairs_hold_need_not_be_sought(keeper):
    """
    A class and its methods are held if anything else refers to one of them, be it what no search could find.
    """
    made = made_class()

    kept = KEEPERS[keeper](made)

    found = is_held(made)
    assert found == (keeper not in ("nothing", "a weak reference", "an attribute of itself"))
    del kept


ASYNCIO = """
import asyncio, faulthandler, gc
from modreg._twins import Twins
from modreg._window import Window, replace

faulthandler.dump_traceback_later(60, exit=True)  # the interpreter itself would hang

async def wait():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 1)
    return await future

async def wait_often():
    return sum(await asyncio.gather(*[wait() for _ in range(20)]))

twins = Twins()
for _ in range(60):
    twins.add(type("Kept", (), {}), type("Kept", (), {}))
for _ in range(3):
    asyncio.run(wait_often())
    replace(twins)
    gc.collect()
print(asyncio.run(wait_often()))
"""


def test_a_property_that_is_pointed_elsewhere_keeps_its_words(window):
    """
    Initialised with the kept function, a property still has the docstring that it was given by itself.
    """
    twins = Twins()
    twins.add(kept := lambda self: 1, made := lambda self: 2)
    held = [property(made, doc="said")]

    replace(twins)

    assert (held[0].fget, held[0].__doc__) == (kept, "said")


def test_what_is_inside_modules_is_left_alone(python):
    """
    Asked what it refers to, a module in C may tell of objects that it has freed (`_asyncio` of 3.12 and 3.13 does).
    """
    assert python("-c", ASYNCIO) == (0, "20\n", "")
