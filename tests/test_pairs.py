"""Pairing: which new definition stands for which old one, and that nothing is paired twice or by accident."""

from __future__ import annotations

import functools
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modreg._classes import is_class
from modreg._pairs import Pair, is_pair, pair, rebound
from modreg._values import attributes, content, parts

OWNER = "owner"
MARK = object()

# Definitions that can stand in a module, by a letter; each execution makes new ones.
SOURCES = {
    "f": "def f(): pass",
    "g": "def g(): pass",
    "C": "class C:\n    def method(self): pass\n    class Inner: pass",
    "D": "class D:\n    @property\n    def value(self): pass",
    "w": "def make():\n    def inner(): pass\n    return inner\nw = make()",
    "n": "n = 1",
}


def execute(source, name=OWNER):
    """The namespace of a module after its execution, without what the import system puts there."""
    namespace = {"__name__": name}
    exec(compile(source, "m.py", "exec", dont_inherit=True), namespace)
    return {key: value for key, value in namespace.items() if not key.startswith("__")}


def bound(definitions, bindings):
    """A namespace in which names are bound to definitions as *bindings* says."""
    made = execute("\n".join(SOURCES[each] for each in sorted(definitions)))
    return {name: made[definition] for name, definition in bindings.items() if definition in made}


names = st.sampled_from(["a", "b", "c", "f", "g", "C", "D"])
namespaces = st.dictionaries(names, st.sampled_from(sorted(SOURCES)), max_size=7)


def shuffled(mapping, seed):
    items = list(mapping.items())
    random.Random(seed).shuffle(items)
    return dict(items)


def identities(pairs):
    return sorted((id(each.old), id(each.new)) for each in pairs)


@given(namespaces, namespaces)
def test_pairing_is_a_partial_bijection(before, after):
    """
    No old definition stands in two pairs, and no new one.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)

    pairs = pair(old, new, OWNER)

    assert len({id(each.old) for each in pairs}) == len(pairs)
    assert len({id(each.new) for each in pairs}) == len(pairs)


@given(namespaces, namespaces)
def test_pairs_are_of_one_kind_and_name(before, after):
    """
    The two sides of a pair are different objects of one type, module and qualified name.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)

    pairs = pair(old, new, OWNER)

    for each in pairs:
        assert each.old is not each.new
        assert type(each.old) is type(each.new)
        assert getattr(each.old, "__module__", OWNER) == getattr(each.new, "__module__", OWNER) == OWNER
        assert getattr(each.old, "__qualname__", "") == getattr(each.new, "__qualname__", "")


@given(namespaces, namespaces, st.integers(), st.integers())
def test_pairing_does_not_depend_on_the_order_of_names(before, after, one, other):
    """
    Namespaces with the same bindings in another order give the same pairs.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)

    pairs = pair(old, new, OWNER)

    assert identities(pair(shuffled(old, one), shuffled(new, other), OWNER)) == identities(pairs)


@given(namespaces, namespaces)
def test_pairing_is_symmetrical(before, after):
    """
    The way back pairs the same definitions.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)

    pairs = pair(old, new, OWNER)

    back = [Pair(each.new, each.old) for each in pair(new, old, OWNER)]
    assert identities(back) == identities(pairs)


@given(namespaces)
def test_nothing_is_paired_with_itself(bindings):
    """
    A namespace pairs with itself in nothing: all its definitions are the same objects.
    """
    namespace = bound(SOURCES, bindings)

    assert pair(namespace, dict(namespace), OWNER) == []


@given(namespaces, namespaces)
def test_a_named_definition_of_both_sides_is_paired(before, after):
    """
    A function or class of the module that both sides have, once each, is paired whatever it is bound to.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)
    both = {"f", "g", "C", "D"} & set(before.values()) & set(after.values())

    pairs = pair(old, new, OWNER)

    assert {getattr(each.old, "__qualname__", "") for each in pairs} >= both


@given(namespaces, namespaces)
def test_definitions_of_other_modules_are_not_paired(before, after):
    """
    Named functions and classes that another module defines stand in no pair.
    """
    old, new = bound(SOURCES, before), bound(SOURCES, after)

    pairs = pair(old, new, "another")

    assert all("<locals>" in getattr(each.old, "__qualname__", "") for each in pairs)


def test_what_classes_hold_is_paired():
    """
    Methods, accessors and nested classes are paired with their class, by their names in it.
    """
    source = """
class C:
    def method(self): pass
    @property
    def value(self): pass
    @staticmethod
    def static(): pass
    @classmethod
    def klass(cls): pass
    class Inner:
        def method(self): pass
"""
    old, new = execute(source), execute(source)

    pairs = {id(each.old): each.new for each in pair(old, new, OWNER)}

    one, other = old["C"], new["C"]
    assert pairs[id(one)] is other
    assert pairs[id(one.method)] is other.method
    assert pairs[id(one.value)] is other.value
    assert pairs[id(one.value.fget)] is other.value.fget
    assert pairs[id(vars(one)["static"])] is vars(other)["static"]
    assert pairs[id(one.static)] is other.static
    assert pairs[id(one.klass.__func__)] is other.klass.__func__
    assert pairs[id(one.Inner)] is other.Inner
    assert pairs[id(one.Inner.method)] is other.Inner.method


WRAPPED = {
    "closure": "def deco(f):\n    def wrapper(): return f()\n    return wrapper\n@deco\ndef x(): pass",
    "wraps": "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def wrapper(): return f()\n    return wrapper\n"
    "@deco\n@deco\ndef x(): pass",
    "lru_cache": "import functools\n@functools.lru_cache\ndef x(): pass",
    "partial": "import functools\ndef f(): pass\nx = functools.partial(f, 1)\ndel f",
    "cached_property": "import functools\nclass C:\n    @functools.cached_property\n    def x(self): pass",
    "singledispatchmethod": "import functools\nclass C:\n    @functools.singledispatchmethod\n    def x(self, y): pass",
    "staticmethod": "x = staticmethod(lambda: 1)",
    "contextmanager": "import contextlib\n@contextlib.contextmanager\ndef x(): yield",
    "named tuple": "import collections\nclass C(collections.namedtuple('Base', 'a')): pass",
}


def functions(value, seen=None):
    """All functions of this module that are reached through wrappers, by their qualified names, innermost last."""
    seen = {} if seen is None else seen
    if id(value) not in seen:
        seen[id(value)] = value
        for _, part in parts(value):
            functions(part, seen)
    return [each for each in seen.values() if getattr(each, "__module__", "") == OWNER and hasattr(each, "__code__")]


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_are_followed_to_what_is_inside(name):
    """
    What a decorator wrapped is paired with its counterpart, however deep it lies.
    """
    old, new = execute(WRAPPED[name]), execute(WRAPPED[name])

    pairs = {id(each.old): each.new for each in pair(old, new, OWNER)}

    key = "C" if "C" in old else "x"
    assert pairs[id(old[key])] is new[key]
    inside = functions(old[key])
    assert [pairs[id(each)] for each in inside] == functions(new[key])


@pytest.mark.parametrize("kind", [list, tuple])
def test_sequences_are_followed_by_index(kind):
    """
    What stands at one index is paired, among values of any kind, if both sequences are as long as each other.
    """
    source = "def make(n):\n    def f(): return n\n    return f\nf, g = make(1), make(2)"
    old, new = execute(source), execute(source)

    def paired(*tables):
        sides = ({"x": kind(each)} for each in tables)
        return [each for each in pair(*sides, OWNER) if isinstance(each.old, type(old["f"]))]

    both = paired([1, old["f"], "a", kind([None, old["g"]])], [1, new["f"], "b", kind([None, new["g"]])])
    assert identities(both) == identities([Pair(old["f"], new["f"]), Pair(old["g"], new["g"])])
    assert not paired([1, old["f"]], [new["f"], 1])
    assert not paired([old["f"]], [new["f"], 1])


KEYS = {
    "text": '"a"',
    "a number": "1.5",
    "nothing": "None",
    "a truth": "True",
    "a date": "datetime.date(2026, 1, 1)",
    "a built-in": "int",
    "a class": "A",
    "a function": "f",
    "a member of an enum": "Kind.A",
    "several of these": '(A, "a", (Kind.A, None))',
    "what another module has": "MARK",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_dicts_are_followed_by_keys_of_any_kind(key):
    """
    What stands under one key is paired, also where that was made anew with it.
    """
    source = "import datetime, enum\nfrom {0} import MARK\nclass A: pass\nclass B: pass\ndef f(): pass\n"
    source += f"class Kind(enum.Enum): A, B = 1, 2\nx = {{{{B: lambda: 1, Kind.B: lambda: 2, {key}: lambda: 3}}}}"
    old, new = (execute(source.format(__name__)) for _ in range(2))
    new["x"] = dict(reversed(new["x"].items()))

    pairs = {id(each.old): each.new for each in pair(old, new, OWNER)}

    assert [pairs[id(each)] for each in old["x"].values()] == [*reversed(new["x"].values())]


def test_keys_are_not_compared():
    """
    What is equal by its own word is no key by which anything is found, and no two classes of one name are.
    """
    source = """
class Key:
    def __init__(self, name): self.name = name
    def __eq__(self, other): return self.name == other.name
    def __hash__(self): return hash(self.name)
def make():
    class Made: pass
    return Made
x = {Key("a"): lambda: 1, make(): lambda: 2, make(): lambda: 3}
"""
    old, new = execute(source), execute(source)

    pairs = {id(each.old): each.new for each in pair(old, new, OWNER)}

    assert not pairs.keys() & set(map(id, old["x"].values()))


def test_a_circle_of_wrappers_ends():
    """
    Functions that hold each other are paired once.
    """
    source = "def f(): pass\ndef g(): pass\nf.other, g.other, f.me = g, f, f"
    old, new = execute(source), execute(source)

    pairs = pair(old, new, OWNER)

    assert identities(pairs) == identities([Pair(old["f"], new["f"]), Pair(old["g"], new["g"])])


def test_a_class_that_lies_about_itself_is_not_asked():
    """
    What an object says of its class by ``__class__`` counts for nothing.
    """

    class Liar:
        __class__ = type

    assert not is_class(Liar())
    assert is_class(Liar)
    assert pair({"x": Liar()}, {"x": Liar()}, OWNER) == []


def test_a_metaclass_is_not_asked():
    """
    A metaclass that hides attributes does not notice that its classes are paired.
    """
    source = """
class Meta(type):
    def __getattribute__(cls, name): raise AssertionError(name)
class C(metaclass=Meta):
    def method(self): pass
"""
    old, new = execute(source), execute(source)

    pairs = pair(old, new, OWNER)

    assert {id(old["C"]), id(old["Meta"])} <= {id(each.old) for each in pairs}


def test_an_empty_cell_holds_nothing():
    """
    A closure that refers to a name that is not bound yet can be followed.
    """

    def make():
        def inner():
            return late

        if not inner:
            late = 1
        return inner

    function = make()

    assert content(function.__closure__[0]) is None
    assert list(parts(function)) == [("late", None)]


KINDS = {
    "function": "x = lambda: 1",
    "class": "class x: pass",
    "lru_cache": "import functools\nx = functools.lru_cache(lambda: 1)",
    "partial": "import functools\nx = functools.partial(lambda: 1)",
    "property": "x = property(lambda self: 1)",
    "staticmethod": "x = staticmethod(lambda: 1)",
    "number": "x = 1",
    "instance": "import types\nx = types.SimpleNamespace()",
}


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_only_definitions_of_one_kind_are_paired(one, other):
    """
    A definition is no later version of one of another kind; numbers and instances are no definitions.
    """
    old, new = execute(KINDS[one])["x"], execute(KINDS[other])["x"]

    found = is_pair(old, new, OWNER)

    assert found == (one == other and one not in ("number", "instance"))


# Rebound names

DECORATORS = """
import functools
def deco(f):
    @functools.wraps(f)
    def wrapper(): return f()
    return wrapper
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(): pass", "def deco(f):\n    def wrapper(): return f()\n    return wrapper\n@deco\ndef f(): pass"),
        ("def deco(f):\n    def wrapper(): return f()\n    return wrapper\n@deco\ndef f(): pass", "def f(): pass"),
        ("def f(): pass", "import functools\n@functools.lru_cache\ndef f(): pass"),
        ("def f(): pass", "class f: pass"),
        ("def f(): pass", "import functools\ndef g(): pass\nf = functools.partial(g)"),
        ("def f(): pass", "class D:\n    def __call__(self): pass\nf = D()"),
    ],
)
def test_a_name_that_another_function_took_is_rebound(before, after):
    """
    Where a decorator came, went or changed, or a function became a class, the old one leads to what has its name now.
    """
    old, new = execute(before), execute(after)
    pairs = [each for each in pair(old, new, OWNER) if each.old is old["f"]]

    found = rebound(old, new, OWNER, pair(old, new, OWNER))

    assert pairs == []
    assert identities(found) == identities([Pair(old["f"], new["f"])])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(): pass\ndef g(): pass\na = f", "def f(): pass\ndef g(): pass\na = g"),
        ("def f(): pass", "def f(): pass"),
        ("def f(): pass", "class g: pass\nf = g"),
        ("class f: pass", "def f(): pass"),
        ("def f(): pass", "f = 1"),
        ("def f(): pass", "def g(): pass"),
        ("f = 1", "def f(): pass"),
    ],
)
def test_other_names_are_not_rebound(before, after):
    """
    An alias that leads elsewhere, a function of its own pair, or what is no function, is not rebound.
    """
    old, new = execute(before), execute(after)

    found = rebound(old, new, OWNER, pair(old, new, OWNER))

    assert found == []


@pytest.mark.parametrize("after", ["def f(): pass", "import functools\n@functools.lru_cache\ndef f(): pass"])
@pytest.mark.parametrize("foreign", ["def f(): pass", "def make():\n    def f(): pass\n    return f\nf = make()"])
def test_a_function_of_another_module_is_not_rebound(foreign, after):
    """
    A function that a module took from another one is not its to change, whatever takes its name.
    """
    old, new = execute(foreign, "library"), execute(after)

    found = [*rebound({"f": old["f"]}, new, OWNER, []), *pair({"f": old["f"]}, new, OWNER)]

    assert found == []


@pytest.mark.parametrize("name", ["closure", "lru_cache", "partial", "staticmethod"])
def test_wrappers_of_another_module_are_not_paired(name):
    """
    What another module wrapped is not this one's to change, if the name leads to another thing of that kind.
    """
    one, other = execute(WRAPPED[name], "library"), execute(WRAPPED[name], "library")

    found = pair({"x": one["x"]}, {"x": other["x"]}, OWNER)

    assert found == []


def test_wrappers_are_paired_by_what_they_wrap():
    """
    A wrapper whose function is another one by now is another wrapper.
    """
    source = "import functools\ndef f(): pass\ndef g(): pass\nx = functools.lru_cache({})"
    old, new = execute(source.format("f")), execute(source.format("g"))

    pairs = pair(old, new, OWNER)

    assert identities(pairs) == identities(Pair(old[name], new[name]) for name in "fg")
    assert functools.lru_cache(old["f"]).__wrapped__ is old["f"]


def test_a_class_with_the_table_of_another_says_nothing_of_its_instances():
    """
    A decorator that makes a class anew with all that the first had leaves its ``__dict__`` to the first.
    """

    class C:
        pass

    made = type("C", (int,), dict(vars(C)))

    # From 3.15 on one descriptor serves all classes.
    assert attributes(made()) == ({} if sys.version_info >= (3, 15) else None)
    assert attributes(C()) == {}
