"""Definitions that are just like before are bound again at once, and that is what patching comes to."""

import sys
import weakref

import pytest

from modreg._alike import settle, settle_instances
from modreg._journal import Journal
from modreg._patch import patch

# Each stands for itself and, with any other of its row, for an edit.
ROWS = [
    ["def f(): pass", "def f(): return 1", "def f():\n\n    pass", "def f(x): pass", "async def f(): pass", "f = lambda: None"],
    ["def f(x=1): pass", "def f(x=1.0): pass", "def f(x=True): pass", "def f(x=None): pass", "def f(x=(1, 2)): pass"],
    ["def f(x=[]): pass", "def f(x={}): pass", "def f(x=f): pass", "def f(x=D): pass"],
    ["def f(*, x=1): pass", "def f(*, x=2): pass", "def f(*, y=1): pass", "def f(*, x): pass", "def f(*, x=[]): pass"],
    ["def f(): 'doc'", "def f(): 'other'", "def f(): pass"],
    ["def f(x: int): pass", "def f(x: str): pass", "def f(x: 'int') -> None: pass", "def f(x): pass"],
    ["def f(): pass\nf.a = 1", "def f(): pass\nf.a = 2", "def f(): pass\nf.a = {}", "def f(): pass\nf.b = 1", "def f(): pass"],
    ["def f(): pass\nf.__name__ = 'g'", "def f(): pass\nf.__qualname__ = 'g'", "def f(): pass\nf.__module__ = 'g'"],
    ["def f(): pass\nf.__defaults__ = ()", "def f(): pass\nf.__kwdefaults__ = {}", "def f(): pass\nf.__doc__ = None"],
    ["f = (lambda y: lambda: y)(1)", "f = (lambda y: lambda: y)(2)", "f = (lambda y: lambda: y)([])", "f = (lambda y: lambda: z)(1)"],
    ["def f(): pass\ng = f", "def f(): pass\ng = [f]", "def f(): pass\ng = {f: 1}", "def f(): pass\ng = lambda y=f: y"],
    ["class f: pass", "class f:\n    x = 1", "class f:\n    x = 2", "class f:\n    y = 1", "class f: 'doc'", "class f(D): pass"],
    ["class f:\n    x = []", "class f:\n    x = {}", "class f:\n    x = (1, [])"],
    ["class f:\n    __slots__ = 'x'", "class f:\n    __slots__ = ('x',)", "class f:\n    __slots__ = 'y'", "class f:\n    __slots__ = ()"],
    ["class f:\n    def m(self): pass", "class f:\n    def m(self): return 1", "class f:\n    def m(self, x=1): pass"],
    ["class f:\n    def m(self): return __class__", "class f:\n    def m(self): return super()", "class f:\n    m = lambda self: 1"],
    ["class f:\n    @property\n    def p(self): return 1", "class f:\n    @property\n    def p(self): return 2"],
    ["class f:\n    def m(self): pass\n    p = property(m)", "class f:\n    def m(self): pass\n    p = property(None, m)"],
    ["class f:\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): pass", "class f:\n    p = property(lambda self: 1, doc='x')"],
    ["class f:\n    @staticmethod\n    def s(): pass", "class f:\n    @staticmethod\n    def s(): return 1", "class f:\n    @classmethod\n    def s(c): 1"],
    ["class f:\n    @staticmethod\n    def s(): pass\n    s.x = 1", "class f:\n    @staticmethod\n    def s(): pass\n    s.x = 2"],
    ["class f:\n    @classmethod\n    def c(cls): return __class__", "class f:\n    @classmethod\n    def c(cls): return cls"],
    ["class f:\n    class g: pass", "class f:\n    class g: x = 1"],
    ["class f: pass\ng = f()", "class f: pass\ng = [f]", "class f: pass\nclass g(f): pass", "class f: pass\ng = f"],
    ["class f:\n    @D.keep\n    def m(self): pass", "class f:\n    def m(self): pass"],
    ["class f:\n    x: int", "class f:\n    x: str", "class f:\n    x: int = 1"],
    ["class f(metaclass=M): pass", "class f: pass"],
    ["import abc\nclass f(abc.ABC): pass", "import enum\nclass f(enum.Enum): X = 1"],
    ["class f: pass\nf.__qualname__ = 'g'", "class f: pass\nf.__module__ = 'g'", "class f: pass\nf.__doc__ = 'g'"],
    ["import functools\n@functools.lru_cache\ndef f(): pass", "import functools\nf = functools.partial(D)"],
    ["D = 1", "def f(): return D"],
]
if sys.version_info >= (3, 12):
    ROWS.append(["def f[T](x: T): pass", "def f[S](x: S): pass", "class f[T]: pass", "class f[S]: pass"])
EDITS = [(old, new) for row in ROWS for old in row for new in row]

COMMON = """
class D:
    kept = []
    def keep(f, kept=kept):
        kept.append(f)
        return f
class M(type): pass
def f(): pass
"""


def world(old):
    """A namespace in which a module was executed, and a copy of it."""
    namespace = {"__name__": "made"}
    exec(COMMON, namespace)
    execute(old, namespace)
    return namespace, namespace.copy()


def execute(new, namespace):
    exec(compile(new, "made.py", "exec"), namespace)


def patched(old, new, first):
    """What patching does after *first*: the names that keep their objects, and how much it writes."""
    namespace, former = world(old)
    execute(new, namespace)
    first(former, namespace, "made")
    journal = Journal()
    done = patch(former, namespace, "made", journal)
    kept = {name for name in namespace if name in former and done.twins.kept(namespace[name]) is former[name]}
    # Patching also writes what is equal (a dict of keyword defaults), which nobody can tell.
    return kept, [type(entry.place).__name__ for entry in journal if entry.before != entry.after]


@pytest.mark.parametrize(("old", "new"), EDITS)
def test_settling_comes_to_what_patching_comes_to(old, new):
    """Whether alike definitions are bound again at once or paired and found equal: the same are kept, the same is written."""
    assert patched(old, new, settle) == patched(old, new, lambda *_: None)


STATIC = "class f:\n    @staticmethod\n    def s(x{0}=1): pass\n    @classmethod\n    def c(cls){1}: return __class__"

ALIKE = [
    "def f(x=1, *, y=2): 'doc'",
    "class f:\n    x = 1\n    def m(self): return __class__\n    @property\n    def p(self): pass",
    STATIC.format("", ""),
    *([STATIC.format(": int ", " -> int")] if sys.version_info < (3, 14) else []),  # later a function makes them
]


@pytest.mark.parametrize("text", ALIKE)
def test_what_is_alike_is_bound_again(text):
    """A definition that nobody could tell from the one before is that one again, in place."""
    namespace, former = world(text)
    execute(text, namespace)

    settle(former, namespace, "made")

    assert namespace["f"] is former["f"]


HELD = {
    "in a list": "HELD = [f]",
    "under another name": "g = f",
    "by an instance": "o = f()",
    "by a subclass": "class g(f): pass",
    "by a weak reference": "import weakref\nw = weakref.ref(f, print)",
    "a method": "g = [f.m]",
    "what a static method wraps": "g = [f.s]",
    "what a property wraps": "g = [vars(f)['p'].fget]",
    "a property": "g = [vars(f)['p']]",
}


@pytest.mark.parametrize("how", HELD)
def test_what_is_held_is_left_to_patching(how):
    """A new definition that anything holds, or a part of it, is no matter for a fast path."""
    text = "class f:\n    def m(self): pass\n    @staticmethod\n    def s(): pass\n    @property\n    def p(self): pass\n"
    namespace, former = world(text)
    execute(text + HELD[how], namespace)
    made = namespace["f"]

    settle(former, namespace, "made")

    assert namespace["f"] is made


def test_a_function_with_a_weak_reference_is_left_to_patching():
    """A weak reference shows the new function to somebody."""
    namespace, former = world("def f(): pass")
    execute("def f(): pass", namespace)
    reference = weakref.ref(namespace["f"])

    settle(former, namespace, "made")

    assert namespace["f"] is reference()


def test_what_the_program_changed_is_left_to_patching():
    """A definition that was changed since it was made is not what the source says, so it is patched."""
    text = "def f(): pass\nclass C:\n    x = 1"
    namespace, former = world(text)
    former["f"].marked = True
    former["C"].x = 2
    execute(text, namespace)

    settle(former, namespace, "made")

    assert namespace["f"] is not former["f"]
    assert namespace["C"] is not former["C"]


@pytest.mark.parametrize("value", [None, 3, "text"])
def test_what_another_thread_binds_meanwhile_is_left_alone(value):
    """
    A name may come to stand for anything, or for nothing, between two looks at a namespace.
    """

    class Shared(dict):
        def get(self, name):
            self[name] = value
            return value

    former, namespace = {"__name__": "m"}, Shared(__name__="m")
    exec("def f(): pass", former)
    exec("def f(): pass", namespace)

    settle(former, namespace, "m")

    assert namespace["f"] is value


def test_what_another_module_defines_is_left_alone():
    """A function that another module makes anew at each execution is not this module's to settle."""
    namespace, former = world("f.__module__ = 'other'")
    execute("def f(): pass\nf.__module__ = 'other'", namespace)

    settle(former, namespace, "made")

    assert namespace["f"] is not former["f"]


BOX = """
import threading
from pathlib import Path
class Box:
    def __init__(self, *held):
        self.held = held
        self.more = {'path': Path('x'), 'rows': [[1], {2}]}
class Slotted:
    __slots__ = ('held', '__weakref__')
    def __init__(self, *held):
        self.held = held
class Closing(Box):
    def __del__(self): pass
class Number(int): pass
"""

REMADE = {
    "an instance": ("Box(1)", "Box(2)"),
    "one with slots": ("Slotted([1])", "Slotted([2])"),
    "instances in instances": ("Box(Box([Slotted(1)]))", "Box(Box([Slotted(2)]))"),
    "instances in a list": ("[Box(1), Box(2)]", "[Box(1)]"),
}


@pytest.mark.parametrize("before", REMADE)
@pytest.mark.parametrize("after", ["alike", "differing"])
def test_an_instance_in_the_same_state_is_bound_again(before, after):
    """A plain instance that holds what the former one does, and that nobody else has, is that one again."""
    text, other = REMADE[before]
    namespace, _ = world(BOX)
    execute(f"f = Box({text})", namespace)
    former = namespace.copy()
    execute(f"f = Box({text if after == 'alike' else other})", namespace)

    settle_instances(former, namespace)

    assert (namespace["f"] is former["f"]) == (after == "alike")


SHOWN = {
    "another name": "f = Box(1); g = f",
    "itself": "f = Box(1); f.me = f",
    "its method": "f = Box(1); g = f.__eq__",
    "a weak reference": "import weakref; f = Box(1); g = weakref.ref(f, print)",
    "a part of it": "g = [1]; f = Box(g)",
    "a lock": "f = Box(threading.Lock())",
    "nothing but a lock": "f = threading.Lock()",
    "an iterator": "f = iter([1, 2])",
    "what ends with it": "f = Closing(1)",
    "what is made in C": "f = Number(1)",
    "an attribute that the program set": "f = Box(1); f.count = len(globals())",
}


@pytest.mark.parametrize("how", SHOWN)
def test_an_instance_that_shows_elsewhere_is_left_alone(how):
    """Where anything else has the new instance or a part of it, or where not all of its state is seen, it stays."""
    namespace, _ = world(BOX)
    execute(SHOWN[how], namespace)
    former = namespace.copy()
    execute("h = 1\n" + SHOWN[how], namespace)
    made = namespace["f"]

    settle_instances(former, namespace)

    assert namespace["f"] is made
