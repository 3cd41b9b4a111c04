import functools
import os
import sys
import textwrap
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modreg._snapshot import Kind, Manifest, Snapshot


def execute(source, name="tax"):
    """The namespace of a module *name* with this source."""
    namespace = {"__name__": name}
    exec(compile(source, f"{name}.py", "exec"), namespace)
    return namespace


def manifest(source):
    return Manifest.of(Snapshot.take(execute(source)))


def told(source):
    """What people read of a source's namespace."""
    return {path: str(item) for path, item in manifest(source).items()}


def function(namespace, path):
    """The function at *path*, out of whatever is around it."""
    found = namespace
    for name in path.split("."):
        found = found[name] if type(found) is dict else vars(found)[name]
    inside = ("__func__", "fget", "func", "__wrapped__")
    while type(found) is not FunctionType or hasattr(found, "__wrapped__"):
        found = next(getattr(found, name) for name in inside if hasattr(found, name))
    return found


def other(self):
    """What functions are patched to be."""
    return self


def refuse(*args, **kwargs):
    raise AssertionError("somebody looked")


# Bindings


def test_snapshot_holds_names_and_objects():
    """
    A snapshot has the namespace's names in their order, each with its very object.
    """
    namespace = execute("RATE = 0.2\nTABLE = {}\ndef rate(): pass\n")

    snapshot = Snapshot.take(namespace)

    assert snapshot.names == tuple(namespace)
    assert all(a is b for a, b in zip(snapshot.objects, namespace.values(), strict=True))
    assert snapshot.bindings == namespace


def test_snapshot_is_of_one_moment():
    """
    What is bound, bound anew or deleted later does not show in the snapshot.
    """
    namespace = execute("RATE = 0.2\nTABLE = {}\n")
    before = dict(namespace)
    snapshot = Snapshot.take(namespace)

    namespace["RATE"] = 0.3
    namespace["more"] = 1
    del namespace["TABLE"]

    assert snapshot.bindings == before


def test_keys_that_are_no_names():
    """
    Keys of a namespace that are no plain strings are left out.
    """

    class Text(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise AssertionError

    namespace = execute("RATE = 0.2\n")
    namespace[1] = "one"
    namespace[Text("text")] = "text"

    snapshot = Snapshot.take(namespace)

    assert snapshot.names == ("__name__", "__builtins__", "RATE")
    assert snapshot.bindings["RATE"] == 0.2


@pytest.mark.parametrize("name", [None, 3, ...])
def test_namespace_without_a_name(name):
    """
    Nothing is defined by a namespace that has no name, and so nothing has an image.
    """
    namespace = execute("def rate(): pass\n")
    namespace["__name__"] = name
    if name is ...:
        del namespace["__name__"]

    snapshot = Snapshot.take(namespace)

    assert snapshot.images == ()
    assert str(Manifest.of(snapshot)["rate"]) == "function tax.rate"


def test_images_are_of_the_module_s_own_definitions():
    """
    Functions and classes from elsewhere have no image.
    """
    namespace = execute("from decimal import Decimal\nfrom json import dumps\ndef rate(): pass\nclass Invoice: pass\n")

    snapshot = Snapshot.take(namespace)

    assert [image[0] for image in snapshot.images] == [namespace["rate"], namespace["Invoice"]]


def test_images_need_no_identical_name():
    """
    A definition is the module's own by an equal name, be it another object: reloads set ``__name__`` anew.
    """
    namespace = execute("def rate(): pass\nclass Invoice: pass\n")
    namespace["__name__"] = str(b"tax", "ascii")

    snapshot = Snapshot.take(namespace)

    assert [image[0] for image in snapshot.images] == [namespace["rate"], namespace["Invoice"]]


def test_namespace_with_methods_of_its_own():
    """
    A namespace is copied in one step, as the dict that it is, and only then read.
    """

    class Namespace(dict):
        copy = items = keys = values = __getitem__ = __len__ = refuse

    namespace = Namespace(execute("RATE = 0.2\n"))

    snapshot = Snapshot.take(namespace)

    assert snapshot.bindings["RATE"] == 0.2


# Patching in place

WRAPPED = {
    "plain": "def rate(self): return 1\n",
    "staticmethod": "@staticmethod\ndef rate(self): return 1\n",
    "classmethod": "@classmethod\ndef rate(self): return 1\n",
    "property": "@property\ndef rate(self): return 1\n",
    "abstract property": "import abc\n@abc.abstractproperty\ndef rate(self): return 1\n",
    "cached_property": "@functools.cached_property\ndef rate(self): return 1\n",
    "enum.property": "import enum\n@enum.property\ndef rate(self): return 1\n",
    "lru_cache": "@functools.lru_cache\ndef rate(self): return 1\n",
    "partial": "def rate(self): return 1\nrate = functools.partial(rate, 1)\n",
    "partialmethod": "def rate(self): return 1\nrate = functools.partialmethod(rate, 1)\n",
    "singledispatch": "@functools.singledispatch\ndef rate(self): return 1\n",
    "singledispatchmethod": "@functools.singledispatchmethod\ndef rate(self): return 1\n",
    "contextmanager": "@contextlib.contextmanager\ndef rate(self): yield 1\n",
    "wraps": """\
def twice(function):
    @functools.wraps(function)
    def wrapper(self):
        return 2 * function(self)
    return wrapper
@twice
def rate(self): return 1
""",
    "nested": "@staticmethod\n@functools.lru_cache\n@contextlib.contextmanager\ndef rate(self): yield 1\n",
}


@pytest.mark.parametrize("source", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("path", ["rate", "Invoice.rate", "Invoice.Line.rate"])
def test_patched_function_stays_what_it_was(source, path):
    """
    New code, defaults and keyword defaults in a function leave its snapshot as it was, whatever is around it.
    """
    for name in reversed(path.split(".")[:-1]):
        source = f"class {name}:\n{textwrap.indent(source, ' ')}"
    namespace = execute(f"import contextlib, functools\n{source}")
    snapshot = Snapshot.take(namespace)
    before = Manifest.of(snapshot)

    patched = function(namespace, path)
    patched.__code__ = patched.__code__.replace(co_varnames=("patched",))
    patched.__defaults__ = (7,)
    patched.__kwdefaults__ = {"self": 8}

    assert Manifest.of(snapshot) == before
    assert Manifest.of(Snapshot.take(namespace))[path] != before[path]


def test_function_in_a_closure():
    """
    A decorator that says nothing of what it wraps is seen through, also one of another module.
    """
    tools = execute("def twice(function):\n    return lambda self: 2 * function(self)\n", "tools")
    namespace = execute("def rate(self): return 1\n")
    rate = namespace["rate"]
    namespace["rate"] = tools["twice"](rate)
    snapshot = Snapshot.take(namespace)
    before = Manifest.of(snapshot)

    rate.__code__ = other.__code__

    assert str(before["rate"]) == "function tools.twice.<locals>.<lambda> of (self)"
    assert Manifest.of(snapshot) == before
    assert Manifest.of(Snapshot.take(namespace))["rate"] != before["rate"]


def test_patched_class_stays_what_it_was():
    """
    Attributes that come, change and go, and new bases, leave a class's snapshot as it was.
    """
    namespace = execute(
        "class Base: pass\n"
        "class Other: pass\n"
        "class Invoice(Base):\n"
        "    rate = 0.2\n"
        "    def total(self): pass\n"
        "    class Line:\n"
        "        amount = 1\n"
    )
    snapshot = Snapshot.take(namespace)
    before = Manifest.of(snapshot)
    invoice = namespace["Invoice"]

    invoice.rate = 0.3
    invoice.more = 1
    invoice.__bases__ = (namespace["Other"],)
    invoice.Line.amount = 2
    del invoice.total

    assert Manifest.of(snapshot) == before
    assert {path: str(item) for path, item in before.items() if path.startswith("Inv")} == {
        "Invoice": "class (tax.Base)",
        "Invoice.rate": "0.2",
        "Invoice.total": "function (self)",
        "Invoice.Line": "class ()",
        "Invoice.Line.amount": "1",
    }


def test_patched_wrapper_stays_what_it_was():
    """
    Live patching gives wrappers other functions; the snapshot has those of its time.
    """
    namespace = execute(
        "import functools\n"
        "rate = functools.partial(lambda a: 1)\n"
        "class Invoice:\n"
        "    total = property(lambda self: 1)\n"
        "    net = functools.cached_property(lambda self: 1)\n"
    )
    snapshot = Snapshot.take(namespace)
    before = Manifest.of(snapshot)
    table = vars(namespace["Invoice"])

    namespace["rate"].__setstate__((other, (), {}, {}))
    table["total"].__init__(other)
    table["net"].func = other

    assert Manifest.of(snapshot) == before
    assert Manifest.of(Snapshot.take(namespace))["rate"] != before["rate"]


# Hostile values


REFUSED = [
    f"__{name}__"
    for name in (
        *("bool", "call", "contains", "dir", "format", "hash", "index", "int", "iter", "len", "repr", "str"),
        *("eq", "ge", "gt", "le", "lt", "ne", "get", "getattr", "getattribute", "getitem"),
        *("reduce", "reduce_ex", "sizeof"),
    )
]


class HostileType(type):
    """The type of classes that cannot be looked at without running code."""

    locals().update(dict.fromkeys([*REFUSED, "__instancecheck__", "__subclasscheck__"], refuse))
    __bases__ = __dict__ = __module__ = __mro__ = __name__ = __doc__ = property(refuse)


HOSTILE = {**dict.fromkeys(REFUSED, refuse), "__class__": property(refuse), "__dict__": property(refuse)}


def hostile(base, *args):
    """An instance of a hostile subclass of *base*."""
    return base.__new__(HostileType("Hostile", (base,), dict(HOSTILE)), *args)


def bound_to(value):
    """Namespaces in which something hostile stands at one of the places that are looked at."""
    namespace = execute(
        "import functools\n"
        "def enclose(x):\n    return lambda: x\n"
        "def rate(price=None, *, net=None): pass\n"
        "class Invoice:\n    def total(self): pass\n"
    )
    yield {**namespace, "value": value}
    yield {**namespace, "value": (value, [value])}
    yield {**namespace, "value": functools.partial(print, value)}
    yield {**namespace, "value": property(None, value)}
    yield {**namespace, "value": namespace["enclose"](value)}
    yield {**namespace, "__name__": value}
    yield {**namespace, "__doc__": value}
    rate = namespace["rate"]
    rate.__defaults__, rate.__kwdefaults__ = (value,), {"net": value}
    yield namespace
    rate.__module__ = value
    rate.__wrapped__ = value
    yield namespace
    type.__setattr__(namespace["Invoice"], "total", value)
    yield namespace
    type.__setattr__(namespace["Invoice"], "__module__", value)
    yield namespace
    module = ModuleType("module")
    vars(module)["__name__"] = value
    yield {"__name__": "tax", "module": module}


MADE = {
    "object": lambda: hostile(object),
    "class": lambda: HostileType("Hostile", (), dict(HOSTILE)),
    "class of the module": lambda: HostileType("Own", (), {**HOSTILE, "__module__": "tax"}),
    "str": lambda: hostile(str),
    "int": lambda: hostile(int),
    "tuple": lambda: hostile(tuple),
    "frozenset": lambda: hostile(frozenset),
    "dict": lambda: hostile(dict),
    "property": lambda: hostile(property),
    "partial": lambda: hostile(functools.partial, print),
    "module": lambda: hostile(ModuleType),
}


@pytest.mark.parametrize("name", MADE)
def test_looking_is_not_noticed(name):
    """
    Neither a snapshot nor its manifest runs code of what they are about.
    """
    value = MADE[name]()

    for namespace in bound_to(value):
        snapshot = Snapshot.take(namespace)
        again = Snapshot.take(namespace)

        assert Manifest.of(snapshot) == Manifest.of(again)


def test_hostile_collections_of_defaults():
    """
    Subclasses of `tuple` and `dict` as defaults are read without their own code.
    """
    namespace = execute("def rate(a, *, b): pass\n")
    rate = namespace["rate"]
    rate.__defaults__ = tuple.__new__(type(hostile(tuple)), (1, 2, 3))
    rate.__kwdefaults__ = hostile(dict)
    dict.update(rate.__kwdefaults__, b=4)

    item = Manifest.of(Snapshot.take(namespace))["rate"]

    assert str(item) == "function (a=3, *, b=4)"


def test_contents_are_not_looked_into():
    """
    Of an instance or a collection that can change only the type is told.
    """
    namespace = execute("class Rate:\n    pass\nrate = Rate()\nrate.value = 1\nTABLE = {'a': 1}\n")

    items = Manifest.of(Snapshot.take(namespace))

    assert str(items["rate"]) == "tax.Rate"
    assert str(items["TABLE"]) == "dict"


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in 3.15")
def test_lazy_import_stays_lazy():
    """
    A lazy import is told as one; neither snapshot nor manifest imports its module.
    """
    namespace = execute("lazy import this\nlazy from antigravity import fly\n")

    items = Manifest.of(Snapshot.take(namespace))

    assert {path: str(item) for path, item in items.items()} == {"this": "lazy import", "fly": "lazy import"}
    assert "this" not in sys.modules
    assert "antigravity" not in sys.modules


# Manifests


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def x(): pass", "function ()"),
        ("def x(a, /, b, *c, d, **e): pass", "function (a, /, b, *c, d, **e)"),
        (
            "def x(a, b=1, /, c=(2, 'x'), *, d, e=None): pass",
            "function (a, b=1, /, c=(2, 'x'), *, d, e=None)",
        ),
        ("def x(a=print, b=len, c=[], d=int): pass", "function (a=print, b=len, c=list, d=int)"),
        ("x = lambda: 0", "function ()"),
        ("async def x(): pass", "coroutine function ()"),
        ("def x(): yield", "generator function ()"),
        ("async def x(): yield", "async generator function ()"),
        (
            "import functools\n@functools.cache\ndef x(a): pass",
            "function functools._lru_cache_wrapper of (a)",
        ),
        ("x = property(lambda self: 1, lambda self, value: 1)", "property (self), (self, value)"),
        ("x = staticmethod(len)", "static method len"),
        ("x = classmethod(lambda cls: 1)", "class method (cls)"),
        ("class x: pass", "class ()"),
        ("import abc\nclass x(dict, metaclass=abc.ABCMeta): pass", "class (dict, metaclass=abc.ABCMeta)"),
        ("import os.path as x", f"module {os.path.__name__}"),
        ("from math import sin as x", "function math.sin"),
        ("from decimal import Decimal as x", "class decimal.Decimal"),
        ("from json import dumps as x", "function json.dumps"),
        ("from types import SimpleNamespace\nx = SimpleNamespace()", "types.SimpleNamespace"),
        ("x = None", "None"),
        ("x = ...", "Ellipsis"),
        ("x = -0.0", "-0.0"),
        ("x = 1j", "1j"),
        ("x = b'rate'", "b'rate'"),
        ("x = (1, ('a', (None,)), ())", "(1, ('a', (None,)), ())"),
        ("x = frozenset('hagbfced')", "frozenset({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})"),
        ("x = frozenset()", "frozenset()"),
        ("x = (1, [])", "tuple"),
        ("x = {'a': 1}", "dict"),
        ("x = object()", "object"),
    ],
)
def test_what_people_read(source, expected):
    """
    A definition is told by what stands in its parentheses, a plain value by its repr, all else by a name.
    """
    assert told(source)["x"] == expected


def test_names_set_by_the_import_system(tmp_path, monkeypatch):
    """
    Of what the import system sets only a docstring is listed, and that only where there is one.
    """
    source = "'What taxes are.'\nRATE: float = 0.2\nclass Invoice:\n    'A bill.'\n    rate: float\n"
    (tmp_path / "documented_tax.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("documented_tax")
    monkeypatch.delitem(sys.modules, "documented_tax")
    vars(module)["__warningregistry__"] = {}

    items = Manifest.of(Snapshot.take(vars(module)))

    assert {path: str(item) for path, item in items.items()} == {
        "__doc__": "'What taxes are.'",
        "RATE": "0.2",
        "Invoice": "class ()",
        "Invoice.__doc__": "'A bill.'",
    }
    assert "__doc__" not in manifest("RATE = 0.2\n")


def test_moved_definition_is_the_same():
    """
    Lines put above a definition do not change what the manifest says of it.
    """
    source = "def rate(a):\n    return lambda: a + 1\nclass Invoice:\n    def total(self): return 1\n"

    assert manifest("\n# more\n\n" + source) == manifest(source)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def x(a): return 1", "def x(a): return 2"),
        ("def x(a=1): pass", "def x(a=1.0): pass"),
        ("def x(): return lambda: 1", "def x(): return lambda: 2"),
        (f"x = {'a' * 999!r}", f"x = {'a' * 998 + 'b'!r}"),
        (f"def x(a={'a' * 999!r}): pass", f"def x(a={'a' * 998 + 'b'!r}): pass"),
        ("x = 1 << 99_999", "x = (1 << 99_999) + 1"),
        ("x = 0.0", "x = -0.0"),
        ("x = 1", "x = True"),
        ("x = 'tax'", "import tokenize as x"),
    ],
)
def test_change_changes_the_item(before, after):
    """
    What behaves otherwise is another item, also where what people read of it is the same.
    """
    assert manifest(before)["x"] != manifest(after)["x"]


def test_long_text_is_cut():
    """
    A long value is shown by its beginning and its length.
    """
    item = manifest(f"x = {'a' * 5000!r}")["x"]

    assert item.text == "'" + "a" * 199 + "... (5002 characters)"
    assert item.digest


def test_large_and_deep_collections_are_only_named():
    """
    A tuple that is too large, too deep or shared too often to be written out is told by its type.
    """
    deep = wide = ()
    for _ in range(100_000):
        deep = (deep,)
    for _ in range(100):
        wide = (wide, wide)
    namespace = {"__name__": "tax", "deep": deep, "wide": wide, "large": tuple(range(1_000_000))}

    items = Manifest.of(Snapshot.take(namespace))

    assert {item.text for item in items.values()} == {"tuple"}


def test_class_is_listed_once():
    """
    A class is told in full where its own name leads to it; elsewhere it is named.
    """
    expected = {
        "Bill": "class tax.Invoice",
        "Invoice": "class ()",
        "Invoice.again": "class tax.Invoice",
        "Line": "class ()",
        "Line.of": "class tax.Invoice",
        "Invoice.line": "class tax.Line",
    }

    found = told(
        "class Invoice: pass\nclass Line: of = Invoice\nInvoice.again = Invoice\nInvoice.line = Line\nBill = Invoice\n"
    )

    assert found == expected


def test_class_under_another_name_only_is_listed_there():
    """
    A class that its qualified name does not lead to is told where it is bound.
    """
    found = told("def make():\n    class Invoice:\n        rate = 1\n    return Invoice\nBill = make()\n")

    assert found == {"make": "function ()", "Bill": "class ()", "Bill.rate": "1"}


def test_functions_in_each_other_s_closures():
    """
    A circle of closures is told once around.
    """
    namespace = execute(
        "def make():\n"
        "    def even(n): return n == 0 or odd(n - 1)\n"
        "    def odd(n): return n != 0 and even(n - 1)\n"
        "    return even\n"
        "even = make()\n"
    )

    items = Manifest.of(Snapshot.take(namespace))

    assert str(items["even"]) == "function (n) of (n) of ..."


def test_endless_wrapping():
    """
    Of a function that was wrapped over and over the outermost wrappers are told.
    """
    namespace = execute("def rate(): pass\ndef wrap(function):\n    return lambda: function()\n")
    for _ in range(5000):
        namespace["rate"] = namespace["wrap"](namespace["rate"])

    items = Manifest.of(Snapshot.take(namespace))

    assert str(items["rate"]).startswith("function () of () of () of")


def test_class_without_a_module():
    """
    A class that was made outside of all modules is told by its name alone.
    """
    made = eval("type('Made', (), {})", {"__builtins__": {"type": type}})
    assert "__module__" not in vars(made)

    items = Manifest.of(Snapshot.take({"__name__": "tax", "made": made, "instance": made()}))

    assert {path: str(item) for path, item in items.items()} == {"made": "class Made", "instance": "Made"}


def test_digits_that_are_forbidden():
    """
    Integers are told also where their digits may not be.
    """
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)

    try:
        found = Manifest.of(Snapshot.take({"short": 10**100, "long": 10**700}))
    finally:
        sys.set_int_max_str_digits(limit)

    assert found["short"].text == str(10**100)
    assert found["long"].text.startswith("0x")


def test_function_that_never_got_its_closure():
    """
    An empty cell holds nothing.
    """
    found = told("def make():\n    def rate(): return net()\n    return rate\n    net = 1\nrate = make()\n")

    assert found["rate"] == "function ()"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary(),
    lambda parts: st.lists(parts, max_size=4).map(tuple) | st.frozensets(parts, max_size=4),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_plain_values_are_told_apart(one, two):
    """
    Plain values have equal items just when their reprs are equal, whatever the order within frozensets.
    """

    def item(value):
        return Manifest.of(Snapshot.take({"value": value}))["value"]

    def spelled(value):
        if type(value) is frozenset:
            return ("frozenset", *sorted(map(repr, map(spelled, value))))
        return tuple(map(spelled, value)) if type(value) is tuple else repr(value)

    assert item(one).kind is Kind.VALUE
    assert (item(one) == item(two)) == (spelled(one) == spelled(two))
