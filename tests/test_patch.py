"""Patching: after it an old definition cannot be told from the new one, and undone it is what it was."""

from __future__ import annotations

import abc
import inspect
import itertools
import math
import sys
import types
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modreg._journal import Journal
from modreg._patch import forget_checks, patch
from modreg._twins import Twins, is_same

OWNER = "owner"


class Module:
    """A namespace that sources are executed in, one after the other."""

    def __init__(self):
        self.namespace = {"__name__": OWNER}
        self.journal = Journal()

    def execute(self, source):
        if isinstance(source, str):
            source = compile(source, "m.py", "exec", dont_inherit=True)  # this file's __future__ is its own
        exec(source, self.namespace)
        return dict(self.namespace)

    def patch(self, old_source, new_source):
        old = self.execute(old_source)
        new = self.execute(new_source)
        self.journal.undo()
        return old, new, patch(old, new, OWNER, self.journal)


@pytest.fixture
def module():
    return Module()


FIXED_BASE = pytest.mark.skipif(sys.version_info >= (3, 15), reason="CPython takes a class off `object`, from 3.15 on")

# Functions

parameters = st.fixed_dictionaries(
    {
        "default": st.sampled_from(["", "=1", "=2", "=(1, 2.0)", "=-0.0", "=0.0", "=float('nan')", "=None", "=[]"]),
        "keyword": st.sampled_from(["", "*, k", "*, k=1", "*, k=2", "*, m=(1,)"]),
        "annotation": st.sampled_from(["", ": int", ": str", ": 'later'"]),
        "returns": st.sampled_from(["", " -> int", " -> 'C'"]),
        "doc": st.sampled_from(["", "'one'", "'two'"]),
        "body": st.sampled_from(["pass", "return 1", "return x", "return free", "yield x", "return (free, other)"]),
        "attribute": st.sampled_from(["", "f.a = 1", "f.a = 2", "f.b = []"]),
        "kind": st.sampled_from(["def", "async def"]),
        "free": st.sampled_from(["1", "2", "[]"]),
    }
)


def source_of(p):
    return f"""
def make(free, other):
    {p["kind"]} f(x{p["annotation"]}{p["default"]}, {p["keyword"]}){p["returns"]}:
        {p["doc"] or "..."}
        {p["body"]}
    return f
f = make({p["free"]}, 7)
{p["attribute"]}
"""


def looks(function):
    """Everything that can be told of a function, atoms by their text, the rest by its identity."""

    def look(value):
        if type(value) is tuple:
            return tuple(map(look, value))
        if type(value) is dict:
            return {key: look(each) for key, each in value.items()}
        return repr(value) if type(value) in (int, float, str, type(None)) else id(value)

    return (
        function.__code__,
        function.__name__,
        function.__qualname__,
        function.__doc__,
        look(function.__defaults__),
        look(function.__kwdefaults__),
        look(inspect.get_annotations(function)),
        look(function.__dict__),
        [look(cell.cell_contents) for cell in function.__closure__ or ()],
    )


def fields(function):
    """Everything that an undoing has to bring back, by identity."""
    parts = [getattr(function, n) for n in ("__code__", "__defaults__", "__kwdefaults__", "__doc__", "__qualname__")]
    inside = [cell.cell_contents for cell in function.__closure__ or ()]
    return [*map(id, parts), *map(id, inside), dict(function.__dict__), dict(function.__annotations__)]


def is_of_one_kind(one, other):
    """Whether CPython assigns a code object without a warning."""
    flags = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
    return one.__code__.co_flags & flags == other.__code__.co_flags & flags


@given(parameters, parameters)
def test_an_old_function_cannot_be_told_from_the_new_one(before, after):
    """
    Whatever two definitions of a function are: the old object is the new definition, or leads to it.
    """
    module = Module()
    try:
        old = module.execute(source_of(before))
        new = module.execute(source_of(after))
    except SyntaxError:  # a default before a parameter without one
        return
    was = fields(old["f"])

    patched = patch(old, new, OWNER, module.journal)

    if old["f"] in [each.old for each in patched.twins.pairs]:
        assert looks(old["f"]) == looks(new["f"])
    else:
        assert len(old["f"].__code__.co_freevars) != len(new["f"].__code__.co_freevars) or not is_of_one_kind(old["f"], new["f"])
        assert str(inspect.signature(old["f"])) == str(inspect.signature(new["f"]))

    module.journal.undo()

    assert fields(old["f"]) == was


@given(parameters)
def test_the_same_function_again_is_left_alone(p):
    """
    Where nothing but identities differ neither code nor defaults are written: somebody pays for it ever after.
    """
    module = Module()
    try:
        code = compile(source_of(p), "m.py", "exec", dont_inherit=True)
    except SyntaxError:
        return
    old = module.execute(code)
    new = module.execute(code)

    patch(old, new, OWNER, module.journal)

    written = {getattr(entry.place, "name", "") for entry in module.journal}
    assert "__code__" not in written
    assert "__doc__" not in written
    assert ("__defaults__" in written) == (p["default"] == "=[]")


def test_a_function_that_leads_elsewhere_passes_everything_on(module):
    """
    An old function whose free variables are too few calls the new one with all it was called with.
    """
    old, _, patched = module.patch(
        "def make():\n    def f(a, b=1, *, c=2): return 'old'\n    return f\nf = make()",
        "def make(x):\n    def f(*args, **kwargs): return x, args, kwargs\n    return f\nf = make('new')",
    )

    found = old["f"](1, 2, c=3, d=4)

    assert found == ("new", (1, 2), {"c": 3, "d": 4})
    assert [each.old for each in patched.replaced] == [old["f"]]
    module.journal.undo()
    assert old["f"](1) == "old"
    assert inspect.signature(old["f"]).parameters["c"].default == 2


SIGNATURES = ["", "a=1", "a=1, b=2", "*, k=1", "*, q=1", "a=1, *, k=1", "a=1, b=2, *, k=1, q=2", "*args, k=1"]


class Calling(Journal):
    """A journal after each of whose writings somebody calls, as another thread may."""

    def write(self, place, value):
        super().write(place, value)
        self.call()

    def undo(self):
        while self.entries:
            entry = self.entries.pop()
            entry.place.put(entry.before)
            self.call()


@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(SIGNATURES, 2)])
def test_a_function_can_be_called_at_any_time_while_it_becomes_another(before, after):
    """
    No call misses the default of an argument that it does not give, neither on the way nor on the way back.
    """
    sides = []
    for arguments in (before, after):
        namespace = {"__name__": OWNER} if not sides else {**sides[0]}
        exec(f"def f({arguments}): return {arguments.count('=')}", namespace)
        sides.append(namespace)
    old, new = sides[0]["f"], sides[1]["f"]
    new = types.FunctionType(new.__code__, old.__globals__, "f", new.__defaults__)
    new.__kwdefaults__ = sides[1]["f"].__kwdefaults__
    journal = Calling()
    journal.call = old

    patch({"f": old}, {"f": new}, OWNER, journal)

    assert old() == after.count("=")
    journal.undo()
    assert old() == before.count("=")


def test_a_cache_is_emptied_when_the_code_behind_it_has_changed(module):
    """
    What another thread calls meanwhile leaves no result of the old code in it.
    """
    source = "import functools\n@functools.cache\ndef f(): return {}\n"
    old, new = module.execute(source.format(1)), module.execute(source.format(2))
    cached, journal = old["f"], Calling()
    journal.call = cached

    patch(old, new, OWNER, journal)

    assert cached() == 2
    Journal.undo(journal)
    assert cached() == 1


def test_a_function_with_other_globals_is_not_patched():
    """
    A function of another namespace is none of this module's, even under the module's name.
    """
    old, new = Module().execute("def f(): return 1"), Module().execute("def f(): return 2")
    journal = Journal()

    patched = patch({"f": old["f"]}, {"f": new["f"]}, OWNER, journal)

    assert not patched.twins
    assert new["f"]() == 2


# Classes

members = {
    "x": ["x = 1", "x = 2", "x = (1, 2)", "x = []"],
    "f": ["def f(self): return 1", "def f(self): return 2", "def f(self): return super().__repr__()"],
    "p": ["p = property(lambda self: 1)", "@property\n    def p(self): return 2"],
    "s": ["@staticmethod\n    def s(): return 1", "@classmethod\n    def s(cls): return cls"],
    "__doc__": ["'one'", "'two'"],
    "__len__": ["def __len__(self): return 1", "def __len__(self): return 2"],
}
bodies = st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in members.items()})
bases = st.sampled_from(["A", "B", "A, B", "B, A", ""])


def class_source(body, base):
    lines = [body["__doc__"]] if "__doc__" in body else []
    lines += [line for name, line in body.items() if name != "__doc__"]
    return "\n    ".join([f"class C({base}):", *(lines or ["pass"])]) + "\n"


OWN_BASES = "class A: a = 1\nclass B: b = 2\n"


def names_of(cls):
    return {name for name in vars(cls) if name not in ("__dict__", "__weakref__", "__firstlineno__", "__static_attributes__")}


@given(bodies, bodies, bases, bases)
def test_an_old_class_has_what_the_new_one_has(before, after, base, other):
    """
    Whatever two definitions of a class are: the old one gets the new names, results and bases; undone, its own.
    """
    module = Module()
    old = module.execute(OWN_BASES + class_source(before, base))
    kinds, instance = old["A"], old["C"]()
    was = dict(vars(old["C"])), old["C"].__bases__
    new = module.execute(OWN_BASES + class_source(after, other))

    patched = patch(old, new, OWNER, module.journal)

    if old["C"] in [each.old for each in patched.twins.pairs]:
        assert names_of(old["C"]) == names_of(new["C"])
        assert [each.__name__ for each in old["C"].__mro__] == [each.__name__ for each in new["C"].__mro__]
        assert [hasattr(instance, n) for n in members] == [hasattr(new["C"](), n) for n in members]
        assert "p" not in after or instance.p == new["C"]().p
        assert "A" not in other or isinstance(instance, kinds)
    else:
        assert (base == "") != (other == "")

    module.journal.undo()

    assert {n: id(v) for n, v in vars(old["C"]).items()} == {n: id(v) for n, v in was[0].items()}
    assert old["C"].__bases__ == was[1]


def test_equal_attributes_of_a_class_are_not_written(module):
    """
    Of a class only what differs is written: each writing costs one of its thousand version tags.
    """
    source = "class C:\n    x = 1\n    y = (1, 'a', None)\n    def f(self): pass\n    p = property(f)\n    z = {}\n"
    module.patch(source.format(1), source.format(1))

    written = [entry.place.name for entry in module.journal if hasattr(entry.place, "owner")]

    assert "x" not in written
    assert "y" not in written
    assert "f" not in written


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class C: __slots__ = ('a',)", "class C: __slots__ = ('b',)"),
        ("class C: __slots__ = ('a',)", "class C: pass"),
        ("class C: pass", "class C(dict): pass"),
        pytest.param("class C: pass", "class B: pass\nclass C(B): pass", marks=FIXED_BASE),
        ("class C: pass", "class M(type): pass\nclass C(metaclass=M): pass"),
    ],
)
def test_a_class_of_another_layout_is_replaced(module, before, after):
    """
    Where CPython does not allow an old class to become the new one it is left alone, and told of.
    """
    old, new, patched = module.patch(before, after)

    assert [(each.old, each.new) for each in patched.replaced] == [(old["C"], new["C"])]
    assert old["C"] not in [each.old for each in patched.twins.pairs]


@pytest.mark.parametrize("listed", ["('a',)", "['a']", "{'a': 'what it is'}"])
def test_slots_that_are_listed_otherwise_are_those_of_the_new_source(module, listed):
    """
    A class whose slots are the same, but written otherwise, says so as afresh, and no more after an abort.
    """
    old, _, patched = module.patch("class C: __slots__ = 'a'", f"class C: __slots__ = {listed}")

    assert not patched.replaced
    assert old["C"].__slots__ == eval(listed)
    module.journal.undo()
    assert old["C"].__slots__ == "a"


# Values

atoms = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.text(max_size=1), st.binary(max_size=1), st.complex_numbers())
nested = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)


@given(nested, nested)
def test_what_is_same_cannot_be_told_apart(one, other):
    """
    Values that count as the same have one type, one text, and are equal but for NaN.
    """
    found = is_same(one, other)

    assert found == is_same(other, one)
    assert is_same(one, one)
    assert not found or (type(one) is type(other) and repr(one) == repr(other))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0.0, -0.0, False),
        (math.nan, float("nan"), True),
        (1, True, False),
        (1, 1.0, False),
        (0j, -0j, False),
        ((1, (0.0,)), (1, (-0.0,)), False),
        ((1, "a"), (1, "a"), True),
        ([], [], False),
        ((), (), True),
        ("a", b"a", False),
    ],
)
def test_sameness_of_values_that_equal_or_look_alike(one, other, expected):
    """
    What a program can tell apart is not the same, even if it is equal; mutable values are never.
    """
    assert is_same(one, other) == expected


def test_nobody_is_asked_for_equality():
    """
    An object that defines equality is the same as itself alone, and its code is not run.
    """

    class Asked:  # noqa: PLW1641  # it has a hash, of a kind
        def __eq__(self, *args):
            raise AssertionError

        __repr__ = __hash__ = __eq__

    class Word(str):
        __slots__ = ()
        __eq__ = __hash__ = Asked.__eq__

    assert not is_same(Asked(), Asked())
    assert not is_same(Word("a"), Word("a"))


def test_twins_give_the_kept_object():
    """
    For a twin its kept object stands, also inside tuples; everything else stands for itself.
    """
    twins = Twins()
    old, new = object(), object()
    twins.add(old, new)
    other = (1, [new])

    assert twins.kept(new) is old
    assert twins.kept((1, (new, 2))) == (1, (old, 2))
    assert twins.kept(other) is other
    assert twins.kept(old) is old
    assert new in twins
    assert old not in twins
    assert bool(twins)
    assert not Twins()


def test_a_later_pair_for_a_twin_stands():
    """
    Twins of several modules come together in one.
    """
    one, other, new = object(), object(), object()
    first, second = Twins(), Twins()
    first.add(one, new)
    second.add(other, new)

    first.update(second)

    assert first.kept(new) is other
    assert [(each.old, each.new) for each in first.pairs] == [(other, new)]


# What is concluded from classes


def test_conclusions_of_abstract_bases_are_forgotten():
    """
    What abstract base classes have concluded is asked anew afterwards, and what registered stays registered.
    """

    class Plain:
        pass

    class Registered:
        pass

    class Base(abc.ABC):  # noqa: B024  # nothing but registration
        pass

    Base.register(Registered)
    before = [issubclass(Plain, Iterable), issubclass(Plain, Base), issubclass(Registered, Base)]
    Plain.__iter__ = lambda self: iter(())

    forget_checks()

    assert before == [False, False, True]
    assert issubclass(Plain, Iterable)
    assert issubclass(Registered, Base)


def test_conclusions_of_a_hook_that_changed_are_forgotten(module):
    """
    A subclass hook with a new body is asked anew.
    """
    source = "import abc\nclass C(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other): return {}\n"
    old = module.execute(source.format(False))
    before = issubclass(int, old["C"])
    new = module.execute(source.format(True))

    patch(old, new, OWNER, module.journal)

    assert not before
    assert issubclass(int, old["C"])
    module.journal.undo()
    assert not issubclass(int, old["C"])


# Enums


@pytest.mark.parametrize("kind", ["Enum", "IntEnum", "Flag", "IntFlag", "StrEnum"])
def test_enums_of_any_members(kind):
    """
    For every choice of members before and after: each name leads to its value, each value to its member, and
    a name of both sides leads to the same object, unless it is an alias now or was one.
    """
    values = [1, 2] if kind != "StrEnum" else ["a", "b"]
    choices = [dict(zip("AB", each, strict=True)) for each in itertools.product([None, *values], repeat=2)]
    choices = [{n: v for n, v in each.items() if v is not None} for each in choices]
    wrong = []
    for before, after in itertools.product(choices, repeat=2):
        module = Module()
        old = module.execute(_enum(kind, before))
        held = dict(old["E"].__members__)
        new = module.execute(_enum(kind, after))
        patched = patch(old, new, OWNER, module.journal)
        kept = old["E"] if not patched.replaced else new["E"]
        for holder in (kept._member_map_, kept._value2member_map_):
            for key, value in list(holder.items()):
                holder[key] = patched.twins.kept(value)
        if not _is_consistent(kept, after, held, before):
            wrong.append((before, after, dict(kept.__members__)))

    assert wrong == []


def _enum(kind, found):
    body = "\n".join(f"    {name} = {value!r}" for name, value in found.items()) or "    pass"
    return f"import enum\nclass E(enum.{kind}):\n{body}\n"


def _is_consistent(kind, values, held, before):
    members = kind.__members__
    return (
        {name: member._value_ for name, member in members.items()} == values
        and all(getattr(kind, name) is member for name, member in members.items())
        and all(kind(value) is members[name] for name, value in values.items())
        and [each.name for each in kind] == [n for n in values if list(values.values()).index(values[n]) == list(values).index(n)]
        and all(
            members[name] is held[name]
            for name in members
            if name in held and values[name] == before[name] and members[name].name == name == held[name].name
        )
    )


@pytest.mark.skipif(sys.version_info < (3, 14), reason="deferred annotations, from 3.14 on")
def test_annotations_that_nobody_asked_for_are_not_evaluated(module):
    """
    From 3.14 on annotations are evaluated when somebody asks, so names may come later.
    """
    old, new, _ = module.patch("def f(x: Later): pass", "def f(x: EvenLater): pass")

    with pytest.raises(NameError, match="EvenLater"):
        old["f"].__annotations__  # noqa: B018

    module.namespace["EvenLater"] = int
    assert old["f"].__annotations__ == {"x": int}
    assert type(new["f"].__annotate__) is types.FunctionType
