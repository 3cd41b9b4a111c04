"""Who is executed for a change elsewhere, who gets a name rebound, and who is left alone."""

from __future__ import annotations

import gc
import sys
import textwrap
import types

import pytest

from modreg import Decision, ReloadError, _graph
from modreg._matters import Level
from modreg._needs import Needs
from modreg._planner import Planner
from modreg._view import View

HEAD = "ran = globals().get('ran', 0) + 1\n"
LEAF = """
RATE = 1
TABLE = {"a": [1]}
PAIR = (1, "x")
def rate():
    return 1
def other():
    return rate()
def deco(f):
    return lambda: (1, f())
class Base:
    kind = "base"
    def __init__(self):
        self.x = 1
    def go(self):
        return 1
    def set(self):
        return self.x
    def __iter__(self):
        return iter([1])
"""
RATE, FUNCTION, DECO, METHOD, INIT, KIND, ITER = (
    ("RATE = 1", "RATE = 2"),
    ("def rate():\n    return 1", "def rate():\n    return 2"),
    ("(1, f())", "(2, f())"),
    ("def go(self):\n        return 1", "def go(self):\n        return 2"),
    ("self.x = 1", "self.x = 2"),
    ('kind = "base"', 'kind = "other"'),
    ("iter([1])", "iter([2])"),
)
# The edit, the dependent's source, whether it is executed, and what its `show` then gives.
CASES = {
    "a function that is called later": (FUNCTION, "from leaf import rate\ndef show(): return rate()", False, 2),
    "a function through its module": (FUNCTION, "import leaf\ndef show(): return leaf.rate()", False, 2),
    "a function by a star": (FUNCTION, "from leaf import *\ndef show(): return rate()", False, 2),
    "a function in a table": (FUNCTION, "from leaf import rate\nT = {'k': rate}\ndef show(): return T['k']()", False, 2),
    "a function as a default": (FUNCTION, "from leaf import rate\ndef show(f=rate): return f()", False, 2),
    "a function in a partial": (
        FUNCTION,
        "import functools\nfrom leaf import rate\nshow = functools.partial(rate)",
        False,
        2,
    ),
    "a function that is called": (FUNCTION, "from leaf import rate\nX = rate()\ndef show(): return X", True, 2),
    "a function that another one calls": (FUNCTION, "import leaf\nX = leaf.other()\ndef show(): return X", True, 2),
    "a function in a comprehension": (
        FUNCTION,
        "from leaf import rate\nX = [rate() for _ in 'a']\ndef show(): return X[0]",
        True,
        2,
    ),
    "a function in a class body": (
        FUNCTION,
        "from leaf import rate\nclass C:\n    x = rate()\ndef show(): return C.x",
        True,
        2,
    ),
    "a function called by an own one": (
        FUNCTION,
        "from leaf import rate\ndef mine(): return rate()\nX = mine()\ndef show(): return X",
        True,
        2,
    ),
    "a function that a function imports": (
        FUNCTION,
        "def mine():\n    from leaf import rate\n    return rate()\nX = mine()\ndef show(): return X",
        True,
        2,
    ),
    "a function by a name in a string": (
        FUNCTION,
        "import leaf\nX = getattr(leaf, 'ra' + 'te')()\ndef show(): return X",
        True,
        2,
    ),
    "a function of a module that is imported by a call": (
        FUNCTION,
        "import importlib\nle = importlib.import_module('leaf')\nX = le.rate()\ndef show(): return X",
        True,
        2,
    ),
    "a function of a module that is imported by the built-in": (
        FUNCTION,
        "X = __import__('leaf').rate()\ndef show(): return X",
        True,
        2,
    ),
    "a function of a module that a function imports by a call": (
        FUNCTION,
        "import importlib as il\ndef mine(): return il.import_module('leaf').rate()\nX = mine()\ndef show(): return X",
        True,
        2,
    ),
    "a function in a lambda that is passed on": (
        FUNCTION,
        "from leaf import rate\nX = list(map(lambda _: rate(), [1]))[0]\ndef show(): return X",
        True,
        2,
    ),
    "a function by a star, called to put what it gives somewhere": (
        FUNCTION,
        "from leaf import *\nX = []\nX.append(rate())\ndef show(): return X[0]",
        True,
        2,
    ),
    "a function by a star, called for a name that the statement gives": (
        FUNCTION,
        "from leaf import *\n(X := rate())\ndef show(): return X",
        True,
        2,
    ),
    "a function that a base calls which is made on the spot": (
        FUNCTION,
        (
            "from leaf import rate\nclass M:\n    def __mro_entries__(self, bases):\n        global X\n        X = rate()\n        return ()\n"
            "class C(M()): pass\ndef show(): return X"
        ),
        True,
        2,
    ),
    "a method of one of two bases": (
        METHOD,
        "import leaf\nclass C(leaf.Base if leaf.__name__ else object): pass\ndef show(): return C().go()",
        False,
        2,
    ),
    "a function that says which of two bases it is": (
        FUNCTION,
        "from leaf import rate\nclass B: x = 2\nclass C(B if rate() > 1 else object): x = 1\ndef show(): return len(C.__mro__) - 1",
        True,
        2,
    ),
    "a function that makes a base": (
        FUNCTION,
        "from leaf import rate\ndef make(): return type('B', (), {'x': rate()})\nclass C(make()): pass\ndef show(): return C.x",
        True,
        2,
    ),
    "a function that says what a base is made of": (
        FUNCTION,
        (
            "import typing\nfrom leaf import rate\nclass G(typing.Generic[typing.TypeVar('T')]): pass\n"
            "class C(G[typing.Literal[rate()]]): pass\ndef show(): return C.__orig_bases__[0].__args__[0].__args__[0]"
        ),
        True,
        2,
    ),
    "a function that a function in a class body calls, called there": (
        FUNCTION,
        "from leaf import rate\nclass C:\n    def m(): return rate()\n    x = m()\ndef show(): return C.x",
        True,
        2,
    ),
    "a function that decorates in a class body what is defined there": (
        FUNCTION,
        (
            "from leaf import rate\nclass C:\n    def deco(f): return rate()\n    @deco\n    def x(self): pass\n"
            "def show(): return C.x"
        ),
        True,
        2,
    ),
    "a function under another name in a class body, called there": (
        FUNCTION,
        "import leaf\nclass C:\n    class D:\n        f = leaf.rate\n        g = f\n        x = g()\ndef show(): return C.D.x",
        True,
        2,
    ),
    "a function that a property with a setter calls": (
        FUNCTION,
        (
            "from leaf import rate\nclass C:\n    @property\n    def x(self): return rate()\n    @x.setter\n"
            "    def x(self, value): rate()\n    y = x\ndef show(): return C().y"
        ),
        False,
        2,
    ),
    "a function that one in a class body calls, which dispatches": (
        FUNCTION,
        (
            "import functools\nfrom leaf import rate\nclass C:\n    @functools.singledispatchmethod\n    def x(self, y): return rate()\n"
            "    @x.register\n    def _(self, y: int): return 1\ndef show(): return C().x('')"
        ),
        False,
        2,
    ),
    "a function that one in a class body calls, which is no built-in yet": (
        FUNCTION,
        (
            "from leaf import rate\nclass C:\n    x = list()\n    def list(self): return rate()\n"
            "    def all(self): return self.list()\ndef show(): return C().all()"
        ),
        False,
        2,
    ),
    "a function that one in an if in a class body calls, called there": (
        FUNCTION,
        "from leaf import rate\nclass C:\n    if True:\n        def f(): return rate()\n    x = f()\ndef show(): return C.x",
        True,
        2,
    ),
    "a function that a class body calls by what is named as an accessor": (
        FUNCTION,
        (
            "from leaf import rate\nclass Made:\n    def setter(self, f): return rate()\n"
            "class C:\n    p = Made()\n    @p.setter\n    def x(self): pass\ndef show(): return C.x"
        ),
        True,
        2,
    ),
    "a function in a class body that binds names by locals()": (
        FUNCTION,
        "from leaf import rate\nclass C:\n    def m(self): return rate()\n    for n in 'ab': locals()[n] = n\ndef show(): return C().m()",
        False,
        2,
    ),
    "a function in a class body behind vars()": (
        FUNCTION,
        "from leaf import rate\nclass C:\n    vars().update(a=1)\n    def m(self): return rate()\ndef show(): return C().m()",
        False,
        2,
    ),
    "a function that vars() of a class body has": (
        FUNCTION,
        "import leaf\nclass C:\n    f = leaf.rate\n    g = vars()\n    x = g['f']()\ndef show(): return C.x",
        True,
        2,
    ),
    "a method of what a class body makes, called there": (
        METHOD,
        "import leaf\nclass C:\n    b = leaf.Base()\n    x = b.go()\ndef show(): return C.x",
        True,
        2,
    ),
    "a method that unpacking calls": (ITER, "import leaf\nX, = leaf.Base()\ndef show(): return X", True, 2),
    "a method that unpacking calls of an instance": (
        ITER,
        "import leaf\nB = leaf.Base()\n[X] = B\ndef show(): return X",
        True,
        2,
    ),
    "a method that unpacking calls within another": (
        ITER,
        "import leaf\n[[X], Y] = leaf.Base(), 1\ndef show(): return X",
        True,
        2,
    ),
    "a method that unpacking calls behind a star": (
        ITER,
        "import leaf\n*Y, (X,) = 1, 2, leaf.Base()\ndef show(): return X",
        True,
        2,
    ),
    "a method of what is unpacked as it is": (
        METHOD,
        "import leaf\nB, (C, D) = leaf.Base(), (leaf.Base(), 1)\ndef show(): return B.go()",
        False,
        2,
    ),
    "a function by a star, called before another takes its name": (
        FUNCTION,
        "from leaf import *\nX = rate()\ndel rate\ndef show(): return X",
        True,
        2,
    ),
    "a function by a star, whose name may be bound besides": (
        FUNCTION,
        "from leaf import *\ntry: rate\nexcept NameError: rate = None\nX = rate()\ndef show(): return X",
        True,
        2,
    ),
    "a function by a star, whose name another takes before it is called": (
        FUNCTION,
        "__all__ = ['rate']\nfrom leaf import *\ndef rate(): return 7\nX = rate()\ndef show(): return X",
        False,
        7,
    ),
    "a constant by a star, whose name another takes before it is used": (
        RATE,
        "from leaf import *\nRATE = 7\nX = [RATE]\ndef show(): return X[0]",
        False,
        7,
    ),
    "a constant by a star, of which another that takes its name is made": (
        RATE,
        "from leaf import *\nRATE = [RATE]\nX = RATE\ndef show(): return X[0]",
        True,
        2,
    ),
    "a constant by a star, whose name a statement tells the type of": (
        RATE,
        "from leaf import *\nRATE: int\nX = [RATE]\ndef show(): return X[0]",
        True,
        2,
    ),
    "a function by a star, called by another before that one takes its name": (
        FUNCTION,
        "from leaf import *\ndef f(): return rate()\nX = f()\nrate = None\ndef show(): return X",
        True,
        2,
    ),
    "a function in a module that gives itself a class": (
        FUNCTION,
        (
            "import sys\nfrom leaf import rate\nclass M(type(sys)): pass\nsys.modules[__name__].__class__ = M\n"
            "setattr(sys.modules[__name__], 'X', 1)\ndef show(): return rate()"
        ),
        False,
        2,
    ),
    "a function by the module itself, set there": (
        FUNCTION,
        "import sys\nfrom leaf import rate\nsetattr(sys.modules[__name__], 'X', rate())\ndef show(): return X",
        True,
        2,
    ),
    "a function by the module itself, when another is called": (
        FUNCTION,
        "import sys\nfrom leaf import rate\ndef f(): return sys.modules[__name__].rate()\nX = f()\ndef show(): return X",
        True,
        2,
    ),
    "a function by globals()": (
        FUNCTION,
        "from leaf import rate\nX = globals()['ra' + 'te']()\ndef show(): return X",
        True,
        2,
    ),
    "a decorator": (DECO, "from leaf import deco\n@deco\ndef f(): return 0\ndef show(): return f()[0]", True, 2),
    "a constant that is read later": (RATE, "from leaf import RATE\ndef show(): return RATE", False, 2),
    "a constant through its module": (RATE, "import leaf\ndef show(): return leaf.RATE", False, 2),
    "a constant by another name, stored": (
        RATE,
        "from leaf import RATE as R\nclass C: x = R\ndef show(): return C.x",
        True,
        2,
    ),
    "a function by another name, called": (
        FUNCTION,
        "from leaf import rate as r\nX = r()\ndef show(): return X",
        True,
        2,
    ),
    "a function by its module's other name": (
        FUNCTION,
        "import leaf as le\nX = le.rate()\ndef show(): return X",
        True,
        2,
    ),
    "a function of a module that is passed on": (
        FUNCTION,
        "import leaf as le\nX = (lambda m: getattr(m, 'ra' 'te'))(le)()\ndef show(): return X",
        True,
        2,
    ),
    "a constant by another name": (RATE, "from leaf import RATE as R\ndef show(): return R", False, 2),
    "a constant by a star": (RATE, "from leaf import *\ndef show(): return RATE", False, 2),
    "a constant in a call": (RATE, "from leaf import RATE\nX = int(RATE) * 10\ndef show(): return X // 10", True, 2),
    "a constant as a default": (RATE, "from leaf import RATE\ndef show(x=RATE): return x", True, 2),
    "a constant in a list": (RATE, "from leaf import RATE\nX = [RATE]\ndef show(): return X[0]", True, 2),
    "a constant in a condition": (
        RATE,
        "import leaf\nif leaf.RATE > 1:\n    X = 2\nelse:\n    X = 1\ndef show(): return X",
        True,
        2,
    ),
    "a constant beside those that are used": (
        RATE,
        "from leaf import PAIR, TABLE\nX = PAIR[0], TABLE['a'][0]\ndef show(): return X",
        False,
        (1, 1),
    ),
    "a method of a base": (METHOD, "from leaf import Base\nclass S(Base): pass\ndef show(): return S().go()", False, 2),
    "a function that a decorator calls at once": (
        FUNCTION,
        "from leaf import rate\ndef now(f): return f()\n@now\ndef X(): return rate()\ndef show(): return X",
        True,
        2,
    ),
    "a value of a base": (KIND, "from leaf import Base\nclass S(Base): pass\ndef show(): return S.kind", False, "other"),
    "a method of an instance": (METHOD, "from leaf import Base\nO = Base()\ndef show(): return O.go()", False, 2),
    "a method of an instance that is called": (
        METHOD,
        "from leaf import Base\nX = Base().go()\ndef show(): return X",
        True,
        2,
    ),
    "a method of a kept instance that is called": (
        METHOD,
        "from leaf import Base\nO = Base()\nX = O.go()\ndef show(): return X",
        True,
        2,
    ),
    "the initialiser of an instance": (INIT, "from leaf import Base\nO = Base()\ndef show(): return O.set()", True, 2),
    "a base that a data class looks at": (
        ('kind = "base"', "kind: int = 2"),
        "from dataclasses import dataclass\nfrom leaf import Base\n@dataclass\nclass S(Base): pass\ndef show(): return S.kind",
        True,
        2,
    ),
    "an annotation under TYPE_CHECKING": (
        RATE,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from leaf import RATE\ndef show(x: 'RATE' = 0): return x",
        False,
        0,
    ),
    "a call in what runs as a program": (
        FUNCTION,
        "from leaf import rate\nif __name__ == '__main__':\n    print(rate())\ndef show(): return rate()",
        False,
        2,
    ),
    "a call in what does not": (
        FUNCTION,
        "from leaf import rate\nX = 0\nif __name__ == '__main__':\n    pass\nelse:\n    X = rate()\ndef show(): return X",
        True,
        2,
    ),
    "a name that comes": (
        ("RATE = 1", "RATE = 1\nNEW = 2"),
        "try:\n    from leaf import NEW\nexcept ImportError:\n    NEW = 1\ndef show(): return NEW",
        True,
        2,
    ),
    "a name that comes by a star": (
        ("RATE = 1", "RATE = 1\nNEW = 2"),
        "from leaf import *\ndef show(): return globals().get('NEW')",
        False,
        2,
    ),
    "a name that a star gives no more": (
        ("RATE = 1", "RATE = 1\n__all__ = ['rate']"),
        "from leaf import *\ndef show(): return 'TABLE' in globals()",
        False,
        False,
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_dependent_is_executed_only_if_it_computed_something_else(project, dropping, case):
    """
    A dependent is executed if what its top-level code computed can be different, and shows the change in any case.
    """
    (old, new), text, is_executed, shown = CASES[case]
    project.load("leaf", LEAF)
    user = project.load("user", HEAD + text + "\n")
    project.write("leaf.py", LEAF.replace(old, new))
    planned = [s.module for s in dropping.plan().steps if s.decision is Decision.EXECUTE]

    dropping.refresh()

    assert user.ran == 1 + is_executed
    assert user.show() == shown
    assert ("user" in planned) == is_executed


METHOD_1 = "    def go(self): return 1\n"
MAKING_META = """class {0}(type):
    def {1}(cls, name, bases, body):
        made = super().{1}({2}name, bases, body)
        made.seen = bases[0]().go() if bases else 0
        return made
"""
# The module with the class whose method changes, and the dependent that runs it while it is executed.
RUNNING = {
    "a metaclass of the dependent": (
        "class C:\n" + METHOD_1,
        MAKING_META.format("Meta", "__new__", "cls, ") + "class X(C, metaclass=Meta): pass\n",
    ),
    "the metaclass of a metaclass": (
        "class C:\n" + METHOD_1,
        MAKING_META.format("Outer", "__call__", "")
        + "class Meta(type, metaclass=Outer): pass\nclass X(C, metaclass=Meta): pass\n",
    ),
    "the metaclass of the base": (
        MAKING_META.format("Meta", "__new__", "cls, ") + "class C(metaclass=Meta):\n" + METHOD_1,
        "class X(C): pass\n",
    ),
    "a metaclass that makes an instance": (
        "class Meta(type):\n    def __call__(cls):\n        made = super().__call__()\n        made.seen = made.go()\n"
        "        return made\nclass C(metaclass=Meta):\n" + METHOD_1,
        "X = C()\n",
    ),
    "the subscript of a base": (
        "class C:\n" + METHOD_1
        + "    def __class_getitem__(cls, key): return type('Made', (cls,), {'seen': cls().go()})\n",
        "class X(C[int]): pass\n",
    ),
    "an initialiser by a name that it computes": (
        "class C:\n" + METHOD_1 + "    def __init__(self): self.seen = getattr(self, 'g' + 'o')()\n",
        "X = C()\n",
    ),
    "a lambda in an initialiser": (
        "class C:\n" + METHOD_1 + "    def __init__(self): self.seen = (lambda: self.go())()\n",
        "X = C()\n",
    ),
}


@pytest.mark.parametrize("case", RUNNING, ids=str)
def test_who_makes_something_of_a_class_is_executed_for_all_that_this_may_run(project, dropping, case):
    """
    That is a metaclass, also the metaclass's own, and whatever an initialiser or a subscript may call.
    """
    leaf, text = RUNNING[case]
    project.load("leaf", leaf)
    user = project.load("user", "from leaf import C\n" + text)
    project.write("leaf.py", leaf.replace("return 1", "return 2"))

    dropping.refresh()

    assert user.X.seen == 2


@pytest.mark.parametrize("line", ["from leaf import X, f", "try: from leaf import X, f\n    except ImportError: pass"])
def test_what_the_body_of_a_class_imports_is_what_there_is_now(project, dropping, line):
    """
    A class has the values that its body takes from another module; definitions follow by themselves.
    """
    project.load("leaf", "X = 1\ndef f(self): return 1\n")
    user = project.load("user", f"{HEAD}class C:\n    {line}\n    import leaf\n")
    project.write("leaf.py", "X = 1\ndef f(self): return 2\n")
    dropping.refresh()
    assert (user.ran, user.C().f()) == (1, 2)
    project.write("leaf.py", "X = 2\ndef f(self): return 2\n")

    dropping.refresh()

    assert (user.ran, user.C.X, user.C().f()) == (2, 2, 2)


def test_a_partial_of_a_partial_has_a_copy_of_it(project, dropping):
    """
    `functools.partial` takes apart what it is given of its own kind, and does not see what becomes of that.
    """
    text = "import functools\ndef f(*args): return args\nadd = functools.partial(f, 1)\n"
    project.load("leaf", text)
    user = project.load("user", "import functools\nfrom leaf import add\nmore = functools.partial(add, 2)\n")
    held = user.more
    project.write("leaf.py", text.replace("1", "9"))

    dropping.refresh()

    assert (user.more(), held(), user.add()) == ((9, 2), (9, 2), (9,))
    dropping.rollback("leaf")
    assert (user.more(), held(), user.add()) == ((1, 2), (1, 2), (1,))


FUTURE = "from __future__ import annotations\n"


@pytest.mark.parametrize(("old", "new"), [("", FUTURE), (FUTURE, "")])
def test_who_asked_for_annotations_that_are_text_now_or_no_more_is_executed(project, dropping, old, new):
    """
    An import from the future changes what definitions say that are written as before.
    """
    text = "def f(x: int): pass\ndef g():\n    def h(x: int): pass\n    return h.__annotations__\n"
    project.load("leaf", old + text)
    user = project.load("user", "import leaf\nX, Y = str(leaf.f.__annotations__), str(leaf.g())\n")
    project.write("leaf.py", new + text)

    dropping.refresh()

    assert {user.X, user.Y} == {str({"x": "int" if new else int})}


TOLD = """
def told(f):
    f.told = {name: getattr(each, "fields", each) for name, each in typing.get_type_hints(f).items()}
    return f
class Model:
    def __init_subclass__(cls):
        told(cls)
"""


@pytest.mark.parametrize("future", ["", FUTURE])
@pytest.mark.parametrize(
    "text",
    [
        "@dataclasses.dataclass\nclass C:\n    x: T\nshow = C.__annotations__ and typing.get_type_hints(C)['x']",
        "@functools.singledispatch\ndef f(x): return str\n@f.register\ndef _(x: T): return int\nshow = {T: each for each in (int, str) if f(each()) is int}[T]",
        "@told.told\ndef f(x: T): pass\nshow = f.told['x']",
        "class C:\n    @told.told\n    def f(self) -> T: pass\nshow = C.f.told['return']",
        "class C(told.Model):\n    x: T\nshow = C.told['x']",
        "class C:\n    x: T\nshow = typing.get_type_hints(C)['x']",
        "def f(*x: T): pass\nshow = typing.get_type_hints(f)['x']",
    ],
)
def test_who_computes_something_from_annotations_is_executed(project, dropping, future, text):
    """
    Annotations that wait are asked for by decorators and bases, and by code that calls for them.
    """
    project.load("told", "import typing\n" + TOLD)
    project.load("kinds", "T = int\n")
    head = future + HEAD + "import dataclasses, functools, typing, told\nfrom kinds import T\n"
    user = project.load("user", head + text + "\n")
    assert user.show is int
    project.write("kinds.py", "T = str\n")

    dropping.refresh()

    assert user.show is str
    dropping.rollback("kinds")
    assert user.show is int


@pytest.mark.parametrize("future", ["", FUTURE])
def test_who_looks_at_what_annotations_name_is_executed(project, dropping, future):
    """
    A base that makes something of a class by its annotations may look at the classes that these name.
    """
    project.load("told", "import typing\n" + TOLD)
    text = future + "import told\nclass T(told.Model):\n    fields = 1\n"
    project.load("kinds", text)
    user = project.load("user", future + "import told\nfrom kinds import T\nclass C(told.Model):\n    x: T\n")
    project.write("kinds.py", text.replace("1", "2"))

    dropping.refresh()

    assert user.C.told == {"x": 2}


@pytest.mark.parametrize("edit", [("x: int", "x: str"), ("return 1", "return 2")])
def test_who_only_names_a_class_in_annotations_is_left_alone(project, dropping, edit):
    """
    Annotations that wait ask for who a class is, whatever it does: nobody is executed for it.
    """
    text = "class T:\n    x: int\n    def f(self): return 1\n"
    project.load("kinds", text)
    user = project.load("user", FUTURE + HEAD + "from kinds import T\ndef f(x: T): return 1\nclass C:\n    x: T\n")
    far = project.load("far", HEAD + "from user import f, C\nX = f(0)\nY = C()\n")
    project.write("kinds.py", text.replace(*edit))

    dropping.refresh()

    assert (user.ran, far.ran) == (1, 1)


@pytest.mark.parametrize("edit", [RATE, FUNCTION, METHOD], ids=["constant", "function", "method"])
def test_what_came_out_equal_disturbs_nobody(project, registry, edit):
    """
    A dependent that is executed and computes what it did before is as far as the change goes.
    """
    leaf = "class K:\n    @staticmethod\n    def f(): return RATE * 0 + rate() * 0\n"
    project.load("leaf", LEAF + leaf)
    project.load("middle", "import leaf\nX = leaf.K.f() + leaf.RATE * 0 + leaf.Base().go() * 0\nT = [X]\n")
    end = project.load("end", HEAD + "from middle import X, T\nY = X + T[0]\n")
    project.write("leaf.py", (LEAF + leaf).replace(*edit))

    steps = registry.refresh().steps

    assert [s.module for s in steps if s.decision is Decision.EXECUTE] == ["leaf", "middle"]
    assert end.ran == 1


def test_an_equal_container_is_the_same_container(project, registry):
    """
    Containers that an execution made anew with what the old ones held are the old ones: who took them need not change.
    """
    project.load("leaf", LEAF)
    user = project.load("user", HEAD + "from leaf import TABLE, PAIR\nmine = TABLE, PAIR\n")
    project.write("leaf.py", LEAF.replace(*FUNCTION))

    registry.refresh()

    leaf = sys.modules["leaf"]
    assert user.ran == 1
    assert user.mine[0] is user.TABLE is leaf.TABLE
    assert user.mine[1] is user.PAIR is leaf.PAIR


def test_registrations_are_made_again_where_the_registry_is(project, registry):
    """
    A registry that is made anew has everybody register again, once; one that stays has nobody do so.
    """
    hub = "table = {}\ndef register(f):\n    table[f.__name__] = f\n    return f\ndef count(): return len(table)\n"
    hub = project.load("hub", hub)
    user = HEAD + "import hub\n@hub.register\ndef {0}(): return 1\n"
    users = [project.load(name, user.format(name)) for name in ("one", "two")]

    project.write("one.py", user.format("one").replace("return 1", "return 2"))
    registry.refresh()
    after_one = [u.ran for u in users]
    project.write("hub.py", (project.root / "hub.py").read_text().replace("len(table)", "len(table) + 0"))
    registry.refresh()

    assert after_one == [2, 1]
    assert [u.ran for u in users] == [3, 2]
    assert {name: f() for name, f in hub.table.items()} == {"one": 2, "two": 1}


REGISTERED = {
    "by a decorator": "T = {}\ndef register(f): T[0] = f\n@register\ndef f(): return 1\ndef run(): return T[0]()\n",
    "under a name that is taken": (
        "T = {}\ndef register(f): T.setdefault(0, f)\n@register\ndef f(): return 1\n@register\ndef f(): return 0\n"
        "def run(): return T[0]()\n"
    ),
    "by a call": "T = []\ndef register(f): T.append(f)\nregister(lambda: 1)\ndef run(): return T[0]()\n",
    "with an instance": (
        "class App:\n    def __init__(self): self.all = []\n    def __call__(self, f): self.all.append(f)\n"
        "app = App()\n@app\ndef f(): return 1\ndef run(): return app.all[0]()\n"
    ),
    "with a function that dispatches": (
        "import functools\n@functools.singledispatch\ndef one(x): return 0\n@one.register\ndef _(x: int): return 1\n"
        "def run(): return one(0)\n"
    ),
    "by a base": (
        "T = []\nclass Base:\n    def __init_subclass__(cls): T.append(cls)\nclass C(Base):\n    def go(self): return 1\n"
        "def run(): return T[0]().go()\n"
    ),
    "by globals()": "def f(): return 1\nglobals()['g'] = f\ndef run(): return g()\n",
}


@pytest.mark.parametrize("how", REGISTERED)
def test_who_calls_what_a_module_has_registered_with_itself_is_executed(project, dropping, how):
    """
    A registry holds what it held before, and that does something else now.
    """
    text = REGISTERED[how]
    project.load("leaf", text)
    user = project.load("user", "import leaf\nX = leaf.run()\n")
    project.write("leaf.py", text.replace("1", "2"))
    planned = [s.module for s in dropping.plan().steps if s.decision is Decision.EXECUTE]

    dropping.refresh()

    assert (user.X, "user" in planned) == (2, True)
    dropping.rollback("leaf")
    assert user.X == 1


def test_what_is_noted_of_registries_is_in_their_order(project, dropping):
    """
    The reason that a plan tells is the first one, whatever the hashes of names are.
    """
    names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = "".join(f"{name} = globals().get('{name}') or []\n" for name in reversed(names))
    text += f"def f(): return 1\nfor each in ({', '.join(names)}): each.append(f)\n"
    project.load("leaf", text)
    project.load("user", "import leaf\n" + "".join(f"X{name} = len(leaf.{name})\n" for name in names))
    project.write("leaf.py", text.replace("return 1", "return 2"))

    planned, done = dropping.plan(), dropping.refresh()

    told = [[step.reason for step in each.steps if step.module == "user"] for each in (planned, done)]
    assert told == [["it uses leaf.Z, which changed"]] * 2


@pytest.mark.parametrize("base", ["leaf.T.get(0)()", "leaf.T.get(0)() or object", "dict if leaf.T[0]() is dict else object"])
def test_what_a_base_is_taken_from_is_not_only_filled_by_it(project, dropping, base):
    """
    A class statement asks a registry for a base, and puts nothing there.
    """
    text = "T = globals().get('T') or {}\ndef register(f): T[0] = f\n@register\ndef f(): return object\n"
    project.load("leaf", text)
    user = project.load("user", f"import leaf\nclass C({base}): pass\n")
    project.write("leaf.py", text.replace("return object", "return dict"))

    dropping.refresh()

    assert user.C.__base__ is dict


def test_subclasses_register_again_with_a_base_that_is_made_anew(project, registry):
    """
    What ``__init_subclass__`` put into a class is lost when that class statement runs again, so it is put in again.
    """
    base = "class Base:\n    made = {}\n    def __init_subclass__(cls): Base.made[cls.__name__] = cls\n    def go(self): return 1\n"
    project.load("base", base)
    sub = project.load("sub", HEAD + "from base import Base\nclass Sub(Base): pass\n")
    project.write("base.py", base.replace("return 1", "return 2"))

    registry.refresh()

    assert sys.modules["base"].Base.made == {"Sub": sub.Sub}
    assert sub.ran == 2


def test_subclasses_lose_what_a_hook_did_that_is_gone(project, registry):
    """
    Where ``__init_subclass__`` left a base, what it did to the classes of others is not there any more.
    """
    project.load("base", "class Base:\n    def __init_subclass__(cls): cls.kind = 'sub'\n")
    sub = project.load("sub", "from base import Base\nclass Sub(Base): pass\n").Sub
    project.write("base.py", "class Base: pass\n")

    registry.refresh()

    assert not hasattr(sub, "kind")


def test_what_is_told_its_name_is_told_again(project, registry):
    """
    ``__set_name__`` runs where a class is made that has the instance in its body: who has such a class is executed.
    """
    base = "class Named:\n    def __set_name__(self, owner, name): self.told = name + '1'\n"
    project.load("base", base)
    project.load("leaf", "from base import Named\nclass Field(Named): pass\n")
    user = project.load("user", "from leaf import Field\nclass C:\n    x = Field()\n")
    project.write("base.py", base.replace("'1'", "'2'"))

    registry.refresh()

    assert user.C.x.told == "x2"


def test_a_name_that_a_star_import_covers(project, dropping):
    """
    Whose own name a star import may take is executed when that name comes there, changes or leaves.
    """
    project.load("leaf", "X = 1\n")
    user = project.load("user", "X = 0\nfrom leaf import *\nY = X\n")
    seen = []
    for text in ("OTHER = 1\n", "X = 2\n", "X = 3\n"):
        project.write("leaf.py", text)
        dropping.refresh()
        seen.append((user.X, user.Y))

    assert seen == [(0, 0), (2, 2), (3, 3)]


@pytest.mark.parametrize("value", [2, 3], ids=["as before", "changed"])
def test_a_name_that_goes_to_star_imports_only_now_or_no_more(project, dropping, value):
    """
    What `__all__` gains and loses comes and goes with who imports it by a star, whether or not it changed itself.
    """
    text = "__all__ = {}\nX = 1\nY = {}\n"
    project.load("low", text.format(["X"], 2))
    high = project.load("high", "from low import *\n")

    project.write("low.py", text.format(["X", "Y"], value))
    dropping.refresh()
    came = vars(high).get("Y")
    project.write("low.py", text.format(["X"], value + 1))
    dropping.refresh()
    left = vars(high).get("Y")
    dropping.rollback("low")

    assert (came, left, high.Y) == (value, None, value)


@pytest.mark.parametrize("edited", ["leaf", "both"])
def test_a_name_that_comes_by_a_star_goes_no_further_than_it_is_given(project, dropping, edited):
    """
    Who has it by a star, and lists it in no `__all__`, gives it to nobody else's star import.
    """
    middle = "from leaf import *\n__all__ = ['RATE']\nRATE = {}\n"
    project.load("leaf", "ROOT = 1\n")
    project.load("middle", middle.format(1))
    user = project.load("user", "from middle import *\n")
    project.write("leaf.py", "ROOT = 1\nMORE = 2\n")
    project.write("middle.py", middle.format(1 if edited == "leaf" else 2))

    dropping.refresh()

    assert sys.modules["middle"].MORE == 2
    assert [name for name in vars(user) if not name.startswith("__")] == ["RATE"]


@pytest.mark.parametrize("moved", [False, True])
def test_what_no_star_brings_stays_what_it_is(project, registry, moved):
    """
    A docstring that comes, or another package, is not that of who imports all from there, though both had the same before.
    """
    project.load("leaf", "RATE = 1\n")
    user = project.load("user", "from leaf import *\n")
    if moved:
        (project.root / "leaf.py").unlink()
    project.write("leaf/__init__.py" if moved else "leaf.py", "'What a leaf is.'\nRATE = 2\n")

    registry.refresh()

    assert sys.modules["leaf"].__package__ == ("leaf" if moved else "")
    assert (user.RATE, user.__doc__, user.__package__) == (2, None, "")


def test_what_a_star_brought_by_its_list_leaves(project, dropping):
    """
    A name with an underscore that `__all__` had, and has no more, is given up by who had it from there.
    """
    project.load("leaf", "__all__ = ['_rate', 'x']\n_rate = 1\nx = 1\n")
    user = project.load("user", "from leaf import *\n")
    project.write("leaf.py", "__all__ = ['x']\n_rate = 2\nx = 1\n")

    dropping.refresh()

    assert {name for name in vars(user) if not name.startswith("__")} == {"x"}


def test_a_name_that_two_star_imports_could_bring_comes_from_the_one_that_gives_it(project, dropping):
    """
    What stood for nothing in a module whose ``__all__`` leaves it out was never taken from there.
    """
    leaf = project.load("leaf", "Y = 1\n")
    project.load("middle", "try:\n    from leaf import f\nexcept ImportError:\n    f = None\n__all__ = []\n")
    user = project.load("user", "from leaf import *\nfrom middle import *\n")
    project.write("leaf.py", "Y = 1\ndef f(): return 1\n")

    dropping.refresh()

    assert user.f is leaf.f


@pytest.mark.parametrize("state", ["reset", "keep"])
def test_a_name_that_left_a_star_import_is_not_there_for_the_execution(project, dropping, state):
    """
    Who looks whether a name is there finds what a fresh interpreter would, also where state is kept.
    """
    project.load("leaf", "X = 1\nFAST = 2\n")
    user = project.load("user", "from leaf import *\nIS_FAST = 'FAST' in globals()\n")
    project.write("leaf.py", "X = 1\n")

    dropping.refresh(state=state)

    assert user.IS_FAST is False


@pytest.mark.parametrize("what", ["__all__ = one.__all__", "__all__ = [*one.__all__]", "def names(): return one.__all__\n__all__ = names()"])
def test_a_package_that_names_its_submodules_without_importing_them(project, dropping, what):
    """
    A package that takes names from a submodule has that one under its own name, and is executed if it uses it so.
    """
    project.write("shop/one.py", "__all__ = ['a']\na = 1\n")
    shop = project.load("shop.__init__", f"from .one import *\n{what}\n")
    user = project.load("user", "from shop import *\nS = sorted({'a', 'b'} & globals().keys())\n")
    project.write("shop/one.py", "__all__ = ['a', 'b']\na = 1\nb = 2\n")

    dropping.refresh()

    assert shop.__all__ == ["a", "b"]
    assert user.S == ["a", "b"]


def test_a_name_that_leaves_through_two_star_imports(project, dropping):
    """
    Names that a module has by a star import of what itself took them with a star leave with them.
    """
    project.write(
        "package/__init__.py", "from .leaf import *\nfrom . import leaf\n__all__ = leaf.__all__ + ['k']\nk = 1\n"
    )
    project.write("package/leaf.py", "__all__ = ['f', 'g']\ndef f(): return 1\ndef g(): return 1\n")
    user = project.load("user", "from package import *\nX = f()\n")
    project.write("package/leaf.py", "__all__ = ['f']\ndef f(): return 2\n")

    dropping.refresh()

    assert (user.X, hasattr(user, "g")) == (2, False)


@pytest.mark.parametrize("value", ["4.5", "(1, (2,))", "float('4.5')"])
@pytest.mark.parametrize("line", ["from leaf import X", "from middle import X", "from middle import *"])
def test_a_value_that_changes_after_it_was_made_anew(project, registry, value, line):
    """
    Who imported a value gets the next one, also where it has been made anew, or elsewhere, meanwhile.
    """
    project.load("leaf", f"X = {value}\ndef f(n=1): return n\n")
    project.load("middle", f"from leaf import f\nX = {value}\n")
    user = project.load("user", line)
    project.write("leaf.py", f"X = {value}\ndef f(n=2): return n\n")
    project.write("middle.py", "from leaf import X, f\n")
    registry.refresh()
    project.write("leaf.py", "X = 5.5\ndef f(n=2): return n\n")

    registry.refresh()

    assert user.X == 5.5


@pytest.mark.parametrize(
    ("one", "two", "edited"),
    [
        ("import json", "import json", ""),
        ("X = 1", "X = 2", ""),
        ("", "X = 2", "X = 1"),
        ("X = 1", "from one import *", ""),
        ("import json as X", "import json as X; __all__ = ['X']", "import json as X; __all__ = []"),
    ],
)
@pytest.mark.parametrize("order", ["from one import *\nfrom two import *\n", "from two import *\nfrom one import *\n"])
def test_a_name_that_two_star_imports_bring(project, dropping, order, one, two, edited):
    """
    What one star import gives no more, or only now, another may give all the same: the last of them counts.
    """
    project.write("one.py", one + "\n")
    project.write("two.py", two + "\n")
    user = project.load("user", order)
    project.write("one.py", edited + "\n")

    dropping.refresh()

    fresh = {}
    exec(order, fresh)
    del fresh["__builtins__"]
    assert {name: value for name, value in vars(user).items() if not name.startswith("__")} == fresh


@pytest.mark.parametrize("order", ["from one import *\nfrom two import *\n", "from two import *\nfrom one import *\n"])
@pytest.mark.parametrize(("former", "present"), [("X = 1", "X = 1"), ("X = 1", "X = 2"), ("def X(): return 1", "def X(): return 2")])
def test_a_name_that_moves_from_one_star_import_to_another(project, dropping, order, former, present):
    """
    What one module gives to star imports no more, and another one from the same edit on, is that one's.
    """
    project.write("one.py", former + "\n")
    project.write("two.py", "")
    user = project.load("user", order)
    project.write("one.py", "")
    project.write("two.py", present + "\n")

    dropping.refresh()

    assert user.X is sys.modules["two"].X


IN_FOLDER = """
import importlib, pkgutil
names = [each.name for each in pkgutil.iter_modules(__path__)]
found = {each: importlib.import_module(f"{__name__}.{each}").label() for each in names}
"""

FINDING = {
    "a package in its folder": (IN_FOLDER, {}),
    "by a function of another module": (
        "from helper import load\nfound = load(__name__, __path__)\n",
        {
            "helper.py": "import pkgutil\ndef load(name, path):\n"
            "    names = [each.name for each in pkgutil.iter_modules(path)]\n"
            "    return {each: __import__(f'{name}.{each}', fromlist=['label']).label() for each in names}\n"
        },
    ),
    "by a relative name": (
        "from importlib import import_module\nfound = {'one': import_module('.one', __name__).label()}\n",
        {},
    ),
}


@pytest.mark.parametrize("state", ["reset", "keep"])
@pytest.mark.parametrize("how", FINDING)
def test_who_imports_by_a_name_that_is_computed(project, registry, how, state):
    """
    Who imported a module while it was executed depends on that, whether or not a statement spells its name.
    """
    text, others = FINDING[how]
    for path, other in others.items():
        project.write(path, other)
    project.write("package/__init__.py", text)
    project.write("package/one.py", "def label(): return 1\n")
    user = project.load("user", "import package\nFOUND = dict(package.found)\n")
    assert user.FOUND == {"one": 1}
    project.write("package/one.py", "def label(): return 2\n")

    registry.refresh(state=state)

    assert user.FOUND == {"one": 2}
    assert [edge.dependency for edge in registry.why("package.one", "user")] == ["package", "package.one"]


def test_what_a_function_imports_is_no_computed_name(project, registry):
    """
    Who calls a function that imports by a statement depends on what that function uses, and on nothing else there.
    """
    project.write("helper.py", "import importlib\ndef load(): from leaf import used; return used()\nn = len\n")
    project.write("other.py", "import importlib\nlazy = lambda name: importlib.import_module(name)\n")
    project.write("leaf.py", "def used(): return 1\ndef unused(): return 1\n")
    project.load("user", "import other\nfrom helper import load\nX = load()\n")
    project.write("leaf.py", "def used(): return 1\ndef unused(): return 2\n")

    transaction = registry.refresh()

    assert [step.module for step in transaction.steps] == ["leaf"]


def test_a_star_import_that_brings_what_is_there_anyway_has_nobody_executed(project, dropping):
    """
    A name of its own that is covered by the very same object, or is so no more, is as it was; by a chain of stars, too.
    """
    text = "import math\nRATE = 1\n"
    project.write("base.py", text + "__all__ = ['RATE']\n")
    project.write("shop.py", "import math\nfrom base import *\nTWO = math.sqrt(4)\n")
    till = project.load("till", "import math\nfrom shop import *\nTWO = math.sqrt(4)\n")
    texts = [text, text + "__all__ = ['RATE']\n", text.replace("math", "cmath as math"), text + "__all__ = ['RATE']\n"]
    executed, meant = [], []

    for each in texts:
        project.write("base.py", each)
        steps = dropping.refresh().steps
        executed.append([step.module for step in steps if step.decision is Decision.EXECUTE])
        meant.append(till.math.__name__)

    assert executed == [["base"], ["base"], ["base", "shop", "till"], ["base", "shop", "till"]]
    assert meant == ["math", "math", "cmath", "math"]


def test_a_package_is_not_executed_for_the_order_of_imports_in_what_is_in_it(project, dropping):
    """
    It begins before that in any case, and meets no name halfway.
    """
    project.write("shop/__init__.py", "from shop.till import total\n")
    project.write("shop/stock.py", "import shop\nCOUNT = 1\n")
    project.write("shop/till.py", "from shop.stock import COUNT\ndef total(): return COUNT\n")
    shop = project.load("shop")
    project.write("shop/till.py", "def total(): return COUNT\nfrom shop.stock import COUNT\n")

    transaction = dropping.refresh()

    assert [step.module for step in transaction.steps] == ["shop.till"]
    assert shop.total() == 1


def test_what_a_module_that_has_left_imported_is_no_computed_name_of_who_imported_that(project, dropping):
    """
    Who imports nothing of a module is not executed for it, though that came while it was executed.
    """
    project.write("plugins.py", "import importlib\nload = lambda name: importlib.import_module(name)\n")
    project.write("leaf.py", "def used(): return 1\n")
    project.write("middle.py", "import leaf\n")
    project.load("user", "import plugins\nimport middle\n")
    (project.root / "middle.py").unlink()
    project.write("user.py", "import plugins\n")
    dropping.refresh()
    project.write("leaf.py", "def used(): return 2\n")

    transaction = dropping.refresh()

    assert [step.module for step in transaction.steps] == ["leaf"]


def test_who_asks_an_object_that_stands_for_a_module(project, registry):
    """
    A module that puts an instance of its own class in its place is used by who asks that for its attributes.
    """
    text = "import sys\nclass Settings:\n    debug = {}\n    def level(self): return self.debug\nsys.modules[__name__] = Settings()\n"
    project.write("leaf.py", text.format(1))
    user = project.load("user", "import leaf\nfrom leaf import debug\nLEVEL = leaf.level()\n")
    project.write("leaf.py", text.format(2))

    registry.refresh()

    assert (user.LEVEL, user.debug) == (2, 2)


def test_who_takes_names_through_a_module_that_overlays_another(project, registry):
    """
    A module that puts one in its place which answers for it, without having its names, is used by who takes these.
    """
    overlay = """
        import sys, types
        class Overlay(types.ModuleType):
            def __init__(self, module):
                super().__init__(module.__name__)
                self.module = module
            def __getattr__(self, name):
                return getattr(self.module, name)
        sys.modules[__name__] = Overlay(sys.modules[__name__])
    """
    overlay = textwrap.dedent(overlay)
    project.write("leaf.py", "def f(): return 1\n" + overlay)
    user = project.load("user", "import leaf\nfrom leaf import f\nX = leaf.f()\n")
    project.write("leaf.py", "def g(): return 2\nf = g\n" + overlay)

    registry.refresh()

    assert (user.X, user.f(), user.f is user.leaf.f) == (2, 2, True)
    registry.rollback("leaf")
    assert (user.X, user.f(), user.f is user.leaf.f) == (1, 1, True)


def test_a_package_keeps_what_it_calls_as_a_submodule_of_its_own(project, registry):
    """
    Where a package has a function under the name of a submodule, an execution of that alone leaves it there.
    """
    project.write("package/__init__.py", "from .run import run\n")
    project.write("package/run.py", "def run(): return 1\n")
    user = project.load("user", "import package\nRESULT = package.run()\n")
    project.write("package/run.py", "def run(): return 2\n")

    registry.refresh()

    assert (user.RESULT, user.package.run()) == (2, 2)


VALUES = {
    "a path": ("import pathlib", "pathlib.Path('a')", "pathlib.Path('b')"),
    "a number": ("import decimal", "decimal.Decimal('1.0')", "decimal.Decimal('1.00')"),
    "an instance": ("class Box:\n    def __init__(self, x): self.x = [x]", "Box(1)", "Box(2)"),
}


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("is_other", [False, True])
def test_a_value_that_is_made_anew(project, registry, what, is_other):
    """
    Who computed with a value is executed when another comes out, and not when the same is made once more.
    """
    start, value, other = VALUES[what]
    project.load("leaf", f"{start}\nROOT = {value}\n")
    user = project.load("user", "from leaf import ROOT\nHELD = [ROOT]\nTEXT = repr(ROOT)\n")
    project.write("leaf.py", f"{start}\nROOT = {other if is_other else value}\nMORE = 1\n")

    transaction = registry.refresh()

    assert [step.module for step in transaction.steps] == ["leaf", "user"][: 1 + is_other]
    assert repr(user.HELD[0]) == repr(sys.modules["leaf"].ROOT)


@pytest.mark.parametrize("line", ["from package import Thing", "from package import Thing as T; Thing = T"])
def test_what_a_module_getattr_gave_is_known_by_where_it_is_from(project, registry, line):
    """
    Who has a definition from a ``__getattr__`` that imports by computed names depends on the module that defines it.
    """
    lazy = "import importlib\ndef __getattr__(n):\n    if n != 'Thing': raise AttributeError(n)\n"
    project.write("package/__init__.py", lazy + "    return getattr(importlib.import_module('.im' + 'pl', __name__), n)\n")
    project.write("package/impl.py", "class Thing:\n    def go(self): return 1\n")
    user = project.load("user", line + "\nX = Thing().go()\n")
    project.write("package/impl.py", "class Thing:\n    def go(self): return 2\n")
    registry.refresh()
    edited = user.X
    project.write("package/impl.py", "def Thing(): return type('T', (), {'go': lambda self: 3})()\n")
    registry.refresh()

    assert edited == 2
    assert (user.X, user.Thing) == (3, sys.modules["package.impl"].Thing)


@pytest.mark.parametrize(
    ("line", "is_executed"),
    [
        ("import shop\nX = shop.till.tax.rate()", True),
        ("import shop as s\nclass C:\n    x = s.till.tax.rate()\nX = C.x", True),
        ("from shop import till\nX = till.tax.rate()", True),
        ("import shop\ndef f(): return shop.till.tax.rate()\nX = f()", True),
        ("import shop\ndef f(): return shop.till.tax.rate()\nX = 2", False),
        ("import shop\nX = shop.till.other() * 2", False),
    ],
)
def test_a_submodule_that_is_reached_through_its_package(project, registry, line, is_executed):
    """
    Who imports a package and asks it for what a module in it defines depends on that module.
    """
    project.write("shop/__init__.py", "from . import till\n")
    project.write("shop/till/__init__.py", "from . import tax\ndef other(): return 1\n")
    project.write("shop/till/tax.py", "def rate(): return 1\n")
    user = project.load("user", HEAD + line + "\n")
    project.write("shop/till/tax.py", "def rate(): return 2\n")

    registry.refresh()

    assert (user.X, user.ran) == (2, 1 + is_executed)


def test_an_assignment_in_place_reads_what_it_changes(project, registry):
    """
    Who extends what it took from another module is executed when that is made anew.
    """
    leaf = project.load("leaf", "names = ['a']\n")
    project.load("user", "from leaf import names\nnames += ['b']\n")
    project.write("leaf.py", "names = ['c']\n")

    registry.refresh()

    assert leaf.names == ["c", "b"]


def test_a_submodule_that_leaves(project, dropping):
    """
    Who asked a package for a submodule is executed when that is gone.
    """
    project.write("package/__init__.py", "from . import late\n")
    project.write("package/late.py", "")
    user = project.load("user", "import package\nX = getattr(package, 'late', None)\n")
    was = user.X
    project.write("package/__init__.py", "")
    (project.root / "package/late.py").unlink()

    dropping.refresh()

    assert (was.__name__, user.X) == ("package.late", None)


def test_rebinding_is_taken_back(project, registry):
    """
    What was rebound is bound again to what it was by a rollback, and by an abort.
    """
    leaf = project.load("leaf", LEAF)
    user = project.load("user", HEAD + "from leaf import RATE\n")
    project.load("late", "import leaf\nX = 1 / (3 - leaf.RATE)\n")
    project.write("leaf.py", LEAF.replace("RATE = 1", "RATE = 2"))
    registry.refresh()

    project.write("leaf.py", LEAF.replace("RATE = 1", "RATE = 3"))
    with pytest.raises(ReloadError):
        registry.refresh()
    after_abort = user.RATE
    registry.rollback(leaf)

    assert after_abort == 2
    assert (user.RATE, user.ran) == (1, 1)


def test_members_of_a_circle_see_each_others_new_values(project, registry):
    """
    Where modules import each other, those that compute something from the change are executed within it.
    """

    project.write("b.py", "import a\nTWICE = a.RATE * 2\n")
    a = project.load("a", "RATE = 1\nimport b\nTOTAL = b.TWICE + 1\n")
    project.write("a.py", "RATE = 2\nimport b\nTOTAL = b.TWICE + 1\n")

    registry.refresh()

    assert (sys.modules["b"].TWICE, a.TOTAL) == (4, 5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import b\nX = 1\n", "X = 1\nimport b\n"),
        ("import b\nX = 1\n", "X = 1\nimport c\n"),
        ("import b\nX = 1\n", "X = 1\nfrom b import Y\n"),
    ],
)
@pytest.mark.parametrize("line", ["import a\nY = getattr(a, 'X', None)\n", "try:\n    from a import X as Y\nexcept ImportError:\n    Y = None\n"])
def test_an_edit_that_only_changes_the_order_of_imports_in_a_circle(project, registry, old, new, line):
    """
    Who is imported in the middle of a module, and uses it then, is executed where it meets other names there.
    """
    project.write("b.py", line)
    project.write("c.py", "import b\nZ = b.Y\n")
    project.load("a", old)
    first = sys.modules["b"].Y
    project.write("a.py", new)

    registry.refresh()

    assert (first, sys.modules["b"].Y) == (None, 1)
    assert "c" not in sys.modules or sys.modules["c"].Z == 1


@pytest.mark.parametrize("value", ["{}", "[{}]", "lambda: {}"])
def test_a_module_in_a_circle_takes_what_the_one_under_execution_has_by_then(project, registry, value):
    """
    Who imports a name from a package and is used by that at once has the new object of that name, though not executed.
    """
    project.write("package/inner.py", "from . import RATE\ndef ask(): return RATE\n")
    project.write("package/user.py", "from . import RATE\nfrom .inner import ask\n")
    text = "RATE = {}\nfrom .user import ask\nTOLD = ask()\n"
    package = project.load("package.__init__", text.format(value.format(1)))
    project.write("package/__init__.py", text.format(value.format(2)))

    registry.refresh()
    after = package.TOLD is package.RATE is package.user.RATE or package.TOLD == package.RATE == package.user.RATE
    told = package.TOLD() if callable(package.TOLD) else package.TOLD
    registry.rollback(package)

    assert (after, told) == (True, eval(value.format(2))() if "lambda" in value else eval(value.format(2)))
    assert package.user.ask() is package.RATE


@pytest.mark.parametrize("new", ["new", "shop.new", "house.new"])
def test_a_new_module_that_leads_back(project, registry, new):
    """
    Who is on the way round a circle that only a new module closes is executed after what it computes from.
    """
    project.load("house.__init__", "")
    project.write("shop/__init__.py", "")
    project.write("rates.py", "def rate(): return 1\n")
    project.write("till.py", "from rates import rate\nPRICE = rate()\n")
    project.load("main", "import till\n")
    project.write(f"{new.replace('.', '/')}.py", "LIMIT = 1\nimport main\n")
    project.write("rates.py", f"from {new} import *\ndef rate(): return 2\n")

    registry.refresh()

    assert sys.modules["till"].PRICE == 2


def test_a_package_is_executed_before_who_uses_what_is_in_it(project, registry):
    """
    A module that is left alone, and uses what is in a package, has had that package imported first.
    """
    project.write("shop/parts/base.py", "ALL = {'a': 1}\n")
    project.write("shop/parts/__init__.py", "")
    project.write("shop/context.py", "from .parts.base import ALL\n")
    shop = project.load("shop.__init__", "from .context import ALL\nA = ALL['a']\n")
    project.write("shop/parts/more.py", "from .base import ALL\nALL['b'] = 2\n")
    project.write("shop/parts/__init__.py", "from . import more\n")
    project.write("shop/__init__.py", "from .context import ALL\nB = ALL['b']\n")

    registry.refresh()

    assert shop.B == 2


def test_a_name_that_a_star_import_brings_no_more_and_a_package_binds_by_itself(project, dropping):
    """
    What an execution has bound by itself stays, though a module that was executed within it gives it no more.
    """
    project.write("shop/rates.py", "RATE = 1\n")
    project.write("shop/till.py", "import shop.rates\ndef price(): return shop.rates.RATE\n")
    shop = project.load("shop.__init__", "from shop.till import *\ndef ask(): return price()\n")
    project.load("desk", "from shop import ask\nfrom shop.till import price\n")
    project.write("shop/till.py", "from shop.rates import RATE\ndef price(): return RATE\n")
    project.write("shop/__init__.py", "from shop.till import *\nimport shop.rates\ndef ask(): return price() + shop.rates.RATE\n")

    dropping.refresh()

    assert shop.ask() == 2


def test_a_package_has_the_new_object_before_its_modules_read_it(project, registry):
    """
    A package that takes a name first and imports a module that reads it there has the new object by then.
    """
    project.write("shop/_version.py", "number = ' '.join(['1'])\n")
    project.write("shop/client.py", "import shop\nclass Client:\n    name = f'shop {shop.number}'\n")
    shop = project.load("shop.__init__", "from shop._version import number\nfrom shop.client import Client\n")
    project.write("shop/_version.py", "number = ' '.join(['2'])\n")
    project.write("shop/client.py", "import shop\nclass Client:\n    name = f'shop, {shop.number}'\n")

    registry.refresh()

    assert shop.Client.name == "shop, 2"


def test_a_base_that_another_module_defines_from_now_on(project, registry):
    """
    Where a definition moved to another module, what uses it by its old name has changed too.
    """
    project.write("m.py", "class A:\n    x = 1\nclass B(A): pass\ndef f(): return B.x\n")
    user = project.load("user", "from m import f\nX = f()\n")
    project.write("n.py", "class A:\n    x = 2\n")
    project.write("m.py", "from n import A\nclass B(A): pass\ndef f(): return B.x\n")

    registry.refresh()

    assert user.X == 2


def test_who_was_executed_before_does_not_see_what_a_module_sets(project, registry):
    """
    What one module sets in another is nothing to those that are executed before it.
    """
    leaf = project.load("leaf", "X = 0\n")
    project.write("first.py", "import leaf\nleaf.X = 1\n")
    project.load("second", "import first, leaf\nleaf.X = 2\n")
    user = project.load("user", "import second, leaf\nY = leaf.X\n")
    project.write("second.py", "import first, leaf\nleaf.X = 3\n")

    registry.refresh()

    assert (leaf.X, user.Y) == (3, 3)


def test_a_change_behind_a_late_import_is_seen(project, registry):
    """
    A module that calls what imports the changed module when it is called is executed, though no import leads there.
    """
    project.load("leaf", LEAF)
    project.load("middle", "def ask():\n    import leaf\n    return leaf.rate()\n")
    end = project.load("end", "import middle\nX = middle.ask()\n")
    project.write("leaf.py", LEAF.replace(*FUNCTION))

    registry.refresh()

    assert end.X == 2


def test_who_was_told_that_it_goes_is_executed(project, registry):
    """
    The dispose hooks come before the first execution; whoever was called is executed, even if it need not have been.
    """
    project.load("leaf", LEAF)
    user = project.load("user", HEAD + "import leaf\nX = leaf.rate() * 0\nlog = []\ndef __dispose__(): log.append(ran)\n")
    log = user.log
    project.write("leaf.py", LEAF.replace(*FUNCTION))

    registry.refresh()

    assert (log, user.ran) == ([1], 2)


# Comments and layout


def test_a_change_of_layout_executes_nothing(project, registry):
    """
    Comments, blank lines and line breaks make a version without an execution; functions and classes know their lines.
    """
    text = HEAD + "def f(x=(1,\n    2)):\n    return [x for _ in 'a']\nclass C:\n    def m(self):\n        raise OSError\n"
    m = project.load("m", text)
    user = project.load("user", HEAD + "from m import f\nX = f()\n")
    project.write("m.py", "# new\n\n" + text.replace("(1,\n    2)", "(1, 2)"))

    done = registry.refresh()

    assert [(s.module, s.decision) for s in done.steps] == [("m", Decision.PATCH)]
    assert (m.ran, user.ran, registry.current(m).number) == (1, 1, 2)
    assert (m.f.__code__.co_firstlineno, m.C.m.__code__.co_firstlineno) == (4, 7)
    assert getattr(m.C, "__firstlineno__", 6) == 6
    registry.rollback(m)
    assert (m.f.__code__.co_firstlineno, m.ran) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("class deco:\n    def __init__(self, f): self.f = f", "m.g.f, m.C.m.f"),
        ("class deco:\n    __slots__ = 'held'\n    def __init__(self, f): self.held = [f]", "m.g.held[0], m.C.m.held[0]"),
        ("def deco(f):\n    def run(): return f()\n    return run", "[f.__closure__[0].cell_contents for f in (m.g, m.C.m)]"),
    ],
)
def test_functions_in_what_others_made_around_them_follow_their_lines(project, registry, kind, path):
    """
    An edit that moves nothing but lines reaches functions in instances of others, and in what their decorators wrap.
    """
    project.load("low", f"{kind}\n")
    source = "import low\n@low.deco\ndef g(): return 1\nclass C:\n    @low.deco\n    def m(self): return 1\n"
    m = project.load("m", source)
    project.write("m.py", f"\n{source}")

    registry.refresh()

    assert [each.__code__.co_firstlineno for each in eval(path, {"m": m})] == [3, 6]


def test_numbers_before_an_instance_do_not_keep_its_functions_from_following(project, registry):
    """
    Of many instances not all are looked into; what is no more than data does not count.
    """
    project.load("low", "class deco:\n    def __init__(self, f): self.f = f\n")
    source = "import low\nnumbers = [[*range(n, n + 9000)] for n in (1000, 10000)]\n@low.deco\ndef g(): return 1\n"
    m = project.load("m", source)
    project.write("m.py", f"\n{source}")

    registry.refresh()

    assert m.g.f.__code__.co_firstlineno == 4


def test_a_change_of_layout_looks_into_so_many_instances(project, registry):
    """
    Where a program keeps its data in a module, a comment there takes no longer for each of 10,000 objects.
    """
    source = (
        "class Row:\n    def __init__(self, f): self.f = f\n"
        "near = Row(lambda: 1)\n"
        "tables = [[Row(0) for n in range(9000)] for n in range(2)]\n"
        "far = [[Row(lambda: 1)]]\n"
    )
    m = project.load("m", source)
    project.write("m.py", f"\n{source}")

    registry.refresh()

    assert [each.f.__code__.co_firstlineno for each in (m.near, m.far[0][0])] == [4, 5]


@pytest.mark.parametrize("edit", [('"""Old."""', '"""New."""'), ("x = 1", "x = 1.0"), ("x: int", "x: str")])
def test_what_shows_is_no_layout(project, registry, edit):
    """
    Docstrings, the types of constants and annotations show: their change is executed.
    """
    text = '"""Old."""\n' + HEAD + "x = 1\nclass C:\n    x: int = 0\n"
    m = project.load("m", text)
    project.write("m.py", text.replace(*edit))

    registry.refresh()

    assert m.ran == 2


@pytest.mark.parametrize("doc", ["'Old.'", '("""Old.""")', '"Ol" \\\n"d."', '"""Old.\\\n"""'])
def test_a_docstring_that_is_written_otherwise_is_layout(project, registry, doc):
    """
    However a module writes its docstring, as long as it says the same nothing is executed.
    """
    text = '"""Old."""\n' + HEAD + "def f(x=(1,\n    2)):\n    return x\n"
    m = project.load("m", text)
    project.write("m.py", text.replace('"""Old."""', doc).replace("(1,\n    2)", "(1, 2)"))

    registry.refresh()

    assert (m.ran, registry.current(m).number) == (1, 2)


def test_a_line_that_goes_on_in_an_empty_one(project, registry):
    """
    A statement whose last line goes on in an empty one is read as any other.
    """
    m = project.load("m", "x = 1 \\\n\ny = 2\n")
    user = project.load("user", HEAD + "from m import x\nX = int(x) + 1\n")
    project.write("m.py", "x = 5 \\\n\ny = 2\n")

    registry.refresh()

    assert (m.x, user.X, user.ran) == (5, 6, 2)


def test_a_layout_edit_of_a_dependent_is_executed_where_it_must(project, registry):
    """
    A module of which only the layout changed is executed if something else makes that necessary.
    """
    project.load("leaf", LEAF)
    text = HEAD + "import leaf\nX = leaf.rate()\ndef f(): pass\n"
    user = project.load("user", text)
    project.write("leaf.py", LEAF.replace(*FUNCTION))
    project.write("user.py", "# new\n" + text)

    registry.refresh()

    assert (user.X, user.ran, user.f.__code__.co_firstlineno) == (2, 2, 5)


def test_a_name_is_rebound_after_the_one_that_it_was_taken_from(project, registry):
    """
    Where nobody has to be executed for a change, names still come in the order in which they were taken.
    """
    text = "class A:\n    __slots__ = ('a',)\nclass B:\n    __slots__ = ('b',)\n"
    leaf = project.load("leaf", text)
    project.write("hub.py", "from leaf import B\n")
    user = project.load("user", "from leaf import A\nfrom hub import B\n")
    project.write("leaf.py", text.replace("',)", "', 'more')"))

    registry.refresh()

    assert (user.A, user.B) == (leaf.A, leaf.B)


@pytest.mark.parametrize("head", ["def make():\n", "class Made:\n    @staticmethod\n    def make():\n"])
def test_what_a_body_begins_with_is_part_of_it_with_its_decorators(project, registry, head):
    """
    Who calls a function is executed where only a decorator of the first definition in its body differs.
    """
    inside = "        @str\n        def inner(): pass\n        return inner\n"
    project.load("leaf", head + inside)
    call = "leaf.Made.make()" if "Made" in head else "leaf.make()"
    user = project.load("user", f"import leaf\nX = type({call})\n")
    project.write("leaf.py", head + inside.replace("@str", "@id"))

    registry.refresh()

    assert user.X is int


# What a module and a caller can say


@pytest.mark.parametrize(("dependents", "ran"), [("needed", (1, 2)), ("all", (2, 2)), ("none", (1, 1))])
def test_dependents_by_option(project, registry, dependents, ran):
    """
    A caller, or the installation, can have all dependents executed, or none; from-imports are rebound in any case.
    """
    project.load("leaf", LEAF)
    users = project.load("one", HEAD + "from leaf import RATE\n"), project.load("two", HEAD + "import leaf\nX = [leaf.RATE]\n")
    project.write("leaf.py", LEAF.replace(*RATE))

    registry.refresh(dependents=dependents)
    after_call = tuple(user.ran for user in users)
    registry.install(dependents=dependents)
    project.write("leaf.py", LEAF)
    planned = {step.module for step in registry.plan().steps if step.decision is Decision.EXECUTE}
    registry.reload("leaf")

    assert after_call == ran
    assert tuple(user.ran for user in users) == tuple(2 * n - 1 for n in ran)
    assert planned == {"leaf", *(user.__name__ for user, n in zip(users, ran, strict=True) if n == 2)}
    assert users[0].RATE == 1


@pytest.mark.parametrize("option", ["state", "dependents"])
def test_unknown_words_are_refused(registry, option):
    """
    An option that is no known word is an error before anything is done.
    """
    with pytest.raises(ValueError, match=option):
        registry.install(**{option: "some"})
    with pytest.raises(ValueError, match=option):
        registry.refresh(**{option: "some"})


def test_state_for_one_call(project, registry):
    """
    `state="keep"` can be asked of one call.
    """
    m = project.load("m", "cache = {}\ndef f(): return 1\n")
    m.cache["x"] = 1
    project.write("m.py", "cache = {}\ndef f(): return 2\n")

    registry.refresh(state="keep")
    kept = dict(m.cache)
    registry.reload(m)

    assert (kept, m.cache) == ({"x": 1}, {})


def test_class_attributes_are_state_too(project, registry):
    """
    With ``state="keep"`` a value in the body of a class stays where its statement is the same, and all that it reads.
    """
    source = (
        "BASE = {0}\nclass C:\n    count = 0\n    _one = None\n    total = BASE + 1\n    twice = total * 2\n"
        "    __all = {{}}\n    def f(self): return {0}\n    @classmethod\n"
        "    def add(cls, f): cls.__all[f.__name__] = f; return f\n"
        "@C.add\ndef {1}(): return {0}\nclass D(C): count = 0\nclass F: limit = 1\nF.limit = {0}\n"
        "def deco(cls): cls.count += {0}; return cls\n@deco\nclass E: count = 0\n"
    )
    m = project.load("m", source.format(1, "one"))
    was, all_ = m.C(), m.C._C__all
    m.C.count, m.D.count, m.E.count, m.C._one, all_["theirs"] = 5, 6, 7, was, len
    project.write("m.py", source.format(2, "two"))

    registry.refresh(state="keep", removed="drop")

    assert (m.C.count, m.D.count, m.C._one, was.f()) == (5, 6, was, 2)
    assert m.C._C__all is all_ == {"theirs": len, "two": m.two}
    assert (m.C.total, m.C.twice, m.E.count, m.F.limit) == (3, 6, 2, 2)


INSTANCE = (
    "def helper(): return 1\nclass C:\n    size = 1\n    def __init__(self): self.n = 0; self.reset()\n"
    "    def reset(self): self.m = 0\n    def get(self): return helper()\n{}\n"
)
DATACLASS = (
    "from dataclasses import dataclass\n@dataclass\nclass E:\n    k: int = 1\n    def __post_init__(self): self.p = 1\n"
    "    def get(self): return helper()\nX = E()"
)
PRIVATE = (
    "class E:\n    def __init__(self): self.__set()\n    def __set(self): self.__n = 1\n"
    "    def get(self): return helper()\nX = E()"
)


@pytest.mark.parametrize(
    ("statement", "edit", "is_kept"),
    [
        ("X = C()", ("return helper()", "return helper() + 1"), True),
        ("X: C = C()", ("return helper()", "return 2"), True),
        ("X = {'a': C()}['a']", ("return helper()", "return 2"), False),
        ("T = [(C(), 1)]\nX = 0", ("return helper()", "return 2"), True),
        ("X = C()", ("def helper(): return 1", "def helper(): return 2"), True),
        ("X = C()", ("self.n = 0", "self.n = 1"), False),
        ("X = C()", ("self.m = 0", "self.m = 1"), False),
        ("X = C()", ("self.m = 0", "self.m = helper()"), False),
        ("X = C()", ("size = 1", "size = 2"), False),
        ("X = C()\nX.k = X.get()", ("return helper()", "return 2"), False),
        ("X = C()\nC.more = 1", ("return helper()", "return 2"), False),
        (PRIVATE, ("get(self): return helper()", "get(self): return 2"), True),
        (PRIVATE, ("self.__n = 1", "self.__n = 2"), False),
        (PRIVATE, ("self.__set()", "self.__set(), self.__dict__"), False),
        (DATACLASS, ("get(self): return helper()", "get(self): return 2"), True),
        (DATACLASS, ("k: int = 1", "k: int = 2"), False),
        (DATACLASS, ("self.p = 1", "self.p = 2"), False),
        ("X = C() or C", ("return helper()", "return 2"), False),
        ("class D(C): pass\nX = D()", ("return helper()", "return 2"), False),
        ("class D:\n    def __init__(self): print(self)\n    def f(self): return 1\nX = D()", ("f(self): return 1", ""), False),
    ],
)
def test_an_instance_is_state_while_only_methods_change(project, registry, statement, edit, is_kept):
    """
    With ``state="keep"`` an instance stays where nothing changed that ran when it was made.
    """
    source = INSTANCE.format(statement)
    m = project.load("m", source)
    made = m.X or m.T[0][0]
    made.state = 5
    project.write("m.py", source.replace(edit[0], edit[1] or "f(self): return 2"))

    registry.refresh(state="keep")

    assert (getattr(m.X or m.T[0][0], "state", None) == 5) is is_kept
    assert is_kept is False or made.get() == type(made)().get()


COUNTED = """
import functools
def counted(f):
    n = 0
    @functools.wraps(f)
    def count():
        nonlocal n
        n = count.times = n + 1
        return n, count.times, f()
    count.times = 0
    return count
class Counted:
    def __init__(self, f): self.n, self.f = 0, f
    def __call__(self):
        self.n += 1
        return self.n, self.n, self.f()
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n, n, 1
    return step, step
def value(): return 1
"""


@pytest.mark.parametrize(
    ("statement", "edit", "now"),
    [
        ("@counted\ndef f(): return value()", ("", "X = 1"), (2, 2, 1)),
        ("@counted\ndef f(): return value()", ("return value()", "return 2"), (1, 1, 2)),
        ("@counted\ndef f(): return value()", ("value(): return 1", "value(): return 2"), (1, 1, 2)),
        ("@counted\ndef f(): return value()", ("n = 0", "n = 5"), (6, 6, 1)),
        ("@Counted\ndef f(): return value()", ("", "X = 1"), (2, 2, 1)),
        ("@Counted\ndef f(): return value()", ("return value()", "return 2"), (1, 1, 2)),
        ("f, g = counter()", ("", "X = 1"), (2, 2, 1)),
        ("f, g = counter()", ("return n, n, 1", "return n, n, 2"), (1, 1, 2)),
        ("class C:\n    @staticmethod\n    def g(): pass\n    @counted\n    def h(): return value()\nf = C.h", ("pass", "1"), (2, 2, 1)),
        ("class C:\n    @counted\n    def h(): return value()\nf = C.h", ("return value()", "return 2"), (1, 1, 2)),
        ("class C:\n    @counted\n    def h(): return value()\ndef f(): return C.h()", ("", "X = 1"), (2, 2, 1)),
        ("class C:\n    @staticmethod\n    @counted\n    def h(): return value()\ndef f(): return C.h()", ("", "X = 1"), (2, 2, 1)),
        ("class C:\n    @counted\n    def __len__(): return value()\ndef f(): return C.__len__()", ("", "X = 1"), (2, 2, 1)),
        ("def f(): f.n = getattr(f, 'n', 0) + 1; return f.n", ("", "X = 1"), 2),
        ("def f(): f.n += 1; return f.n\nf.n = 0", ("f.n = 0", "f.n = 5"), 6),
    ],
)
def test_what_functions_hold_is_state_too(project, registry, statement, edit, now):
    """
    With ``state="keep"`` a function goes on with what it captures and its attributes, where nothing that made it changed.
    """
    source = f"{COUNTED}{statement}\n"
    m = project.load("m", source)
    held = m.f
    held()
    new = source.replace(*edit) if edit[0] else f"{edit[1]}\n{source}"
    project.write("m.py", new + "raise OSError('disk')\n")
    with pytest.raises(ReloadError):
        registry.refresh(state="keep")
    project.write("m.py", new)

    registry.refresh(state="keep")

    assert m.f() == now
    assert m.f is held or now != (2, 2, 1)
    registry.rollback(m)
    assert m.f is held


def test_names_with_underscores_around_them_are_state_like_others(project, registry):
    """
    With ``state="keep"`` so is what a class has made of them; only ``__all__`` is what the source makes it.
    """
    source = "__cache__ = {}\n__version__ = '1.0'\nclass C:\n    pool = [__version__]\n"
    m = project.load("m", source)
    m.__cache__["hits"] = 1
    m.C.pool.append("mine")
    project.write("m.py", source + "X = 1\n")

    registry.refresh(state="keep")

    assert (m.__cache__, m.C.pool) == ({"hits": 1}, ["1.0", "mine"])


def test_what_functions_registered_stays_in_what_they_hold(project, dropping):
    """
    With ``state="keep"`` a registry in a closure has what its module registers now, and what others have put there.
    """
    source = """
        import functools
        def registry():
            handlers = []
            def add(f): handlers.append(f); return f
            def fire(): return [each() for each in handlers]
            return add, fire
        add, fire = registry()
        @functools.singledispatch
        def shown(value): return "any"
        @shown.register
        def _(value: int): return "int"
        @add
        def first(): return {0}
        """
    m = project.load("m", source.format(1))
    m.add(lambda: "theirs")
    m.shown.register(bytes, lambda value: "theirs")
    assert (m.fire(), m.shown("")) == ([1, "theirs"], "any")
    more = "@add\ndef second(): return 3\n@shown.register\ndef of_str(value: str): return 'str'\n"
    project.write("m.py", textwrap.dedent(source).format(2) + more)

    dropping.refresh(state="keep")

    assert m.fire() == [2, "theirs", 3]
    assert [m.shown(1), m.shown(""), m.shown(b"")] == ["int", "str", "theirs"]
    dropping.rollback(m)
    assert m.fire() == [1, "theirs"]
    assert [m.shown(1), m.shown(""), m.shown(b"")] == ["int", "any", "theirs"]


def test_what_is_computed_from_an_instance_is_computed_anew(project, registry):
    """
    A method that changed may give another value, also where the instance is kept.
    """
    source = "class C:\n    def get(self): return {}\nX = C()\nY = X.get()\nZ = C().get()\n"
    m = project.load("m", source.format(1))
    made = m.X
    project.write("m.py", source.format(2))

    registry.refresh(state="keep")

    assert (m.X is made, m.Y, m.Z) == (True, 2, 2)


def test_kept_names_keep_their_objects(project, dropping):
    """
    `__keep__` lists names whose objects outlive executions, whatever the source assigns or no longer has.
    """
    m = project.load("m", "__keep__ = ('cache', 'old')\ncache = {}\nold = [1]\nother = {}\n")
    cache, old = m.cache, m.old
    cache["x"] = m.other["x"] = 1
    project.write("m.py", "__keep__ = ('cache', 'old')\ncache = {}\nother = {}\nnew = 1\n")

    dropping.refresh()

    assert m.cache is cache
    assert m.old is old
    assert (m.cache, m.other) == ({"x": 1}, {})


def test_who_accepts_changes_is_not_executed(project, registry):
    """
    `__accepts__` says that a module takes the changes of another by itself: they stop there.
    """
    project.load("leaf", LEAF)
    user = project.load("user", HEAD + "__accepts__ = ('leaf',)\nimport leaf\nX = leaf.rate()\n")
    end = project.load("end", HEAD + "import user\nY = user.X\n")
    project.write("leaf.py", LEAF.replace(*FUNCTION))

    steps = registry.refresh().steps

    assert [step.module for step in steps] == ["leaf"]
    assert (user.ran, end.ran) == (1, 1)


def test_who_accepts_changes_has_its_from_imports_rebound(project, registry):
    """
    A module that takes the changes of another by itself has what that one has, too, and is not executed for it.
    """
    project.load("leaf", LEAF)
    user = project.load("user", HEAD + "__accepts__ = ('leaf',)\nfrom leaf import RATE, TABLE as T\nX = RATE\n")
    end = project.load("end", HEAD + "from user import RATE\nY = RATE\n")
    project.write("leaf.py", LEAF.replace(*RATE).replace("[1]", "[2]"))

    registry.refresh()

    assert (user.RATE, user.T, user.X) == (2, {"a": [2]}, 1)
    assert (user.ran, end.ran) == (1, 1)


def test_who_declares_a_dependency_keeps_no_state_when_that_changes(project, registry):
    """
    With ``state="keep"`` a module that is executed for what it says that it depends on computes all of it anew.
    """
    project.load("leaf", LEAF)
    text = "import sys\n__depends__ = ['leaf']\nX = sys.modules['le' + 'af'].RATE\n"
    user = project.load("user", text)
    project.write("leaf.py", LEAF.replace(*RATE))

    registry.refresh(state="keep")

    assert user.X == 2


@pytest.mark.parametrize("names", ["'cache'", "('cache')", "['cache']", "{'cache'}", "frozenset(['cache'])"])
def test_one_name_may_be_listed_in_any_way(project, registry, names):
    """
    What stands in parentheses without a comma is a text, and as good as a list of it.
    """
    m = project.load("m", f"__keep__ = {names}\ncache = {{}}\nother = {{}}\n")
    m.cache["x"] = m.other["x"] = 1

    registry.reload(m)

    assert (m.cache, m.other) == ({"x": 1}, {})


def test_declared_dependencies_count_as_used(project, registry):
    """
    `__depends__` says that a module depends on another in a way that no import shows; it is an edge like others.
    """
    project.load("leaf", LEAF)
    text = HEAD + "import sys\n__depends__ = ['leaf']\nX = sys.modules['le' + 'af'].rate()\n"
    user = project.load("user", text)
    project.write("leaf.py", LEAF.replace(*FUNCTION))

    edges = registry.dependencies(user)
    registry.refresh()

    assert [edge.dependency for edge in edges if edge.dependency == "leaf"] == ["leaf"]
    assert (user.X, user.ran) == (2, 2)


def test_instances_migrate(project, registry):
    """
    `__migrate_instance__` is called for each live instance, subclasses included, with the version that has gone.
    """
    text = "class C:\n    def __init__(self): self.x = 1\n"
    m = project.load("m", text)
    one, other = m.C(), type("D", (m.C,), {})()
    hook = "    def __migrate_instance__(self, old): self.y = self.x + old\n"
    project.write("m.py", text + hook)

    registry.refresh()
    migrated = one.y, other.y
    project.write("m.py", text + hook.replace("self.y = self.x + old", "self.z = 1; raise OSError"))
    with pytest.raises(ReloadError):
        registry.refresh()

    assert migrated == (2, 2)
    assert not hasattr(one, "z")
    registry.rollback(m)
    assert not hasattr(one, "y")


def test_instances_migrate_beside_classes_without_a_hash(project, registry):
    """
    Instances are found whatever other classes there are, also where a metaclass compares and has no hash.
    """
    meta = type("Meta", (type,), {"__eq__": lambda cls, other: False})
    stranger = meta("S", (), {})()
    m = project.load("m", "class C: pass\n")
    one = m.C()
    project.write("m.py", "class C:\n    def __migrate_instance__(self, old): self.y = old\n")

    registry.refresh()

    assert (one.y, type(stranger).__name__) == (1, "S")


def test_instances_migrate_beside_classes_that_were_cleared(project, registry):
    """
    A class that is its own class leaves an empty shell behind, which nothing stumbles over.
    """
    meta = type("M", (type,), {})
    shell = meta("S", (meta,), {})
    shell.__class__ = shell
    del meta, shell
    gc.collect()
    m = project.load("m", "class C: pass\n")
    one = m.C()
    project.write("m.py", "class C:\n    def __migrate_instance__(self, old): self.y = old\n")

    registry.refresh()

    assert one.y == 1


KEEPING = {
    "an import that works now": (
        {},
        {"leaf": "X = 2"},
        "try:\n    import leaf\n    Y = 2\nexcept ImportError:\n    Y = 1",
    ),
    "a name that comes now": (
        {"leaf": ""},
        {"leaf": "X = 2"},
        "try:\n    from leaf import X\nexcept ImportError:\n    X = 1\nY = X * 1",
    ),
    "an import that fails now": (
        {"leaf": "X = 1"},
        {"leaf": None},
        "try:\n    import leaf\n    Y = leaf.X\nexcept ImportError:\n    Y = 2",
    ),
    "a function behind a star": (
        {"leaf": "X = 1", "middle": "from leaf import *\ndef f(): return X"},
        {"leaf": "X = 2"},
        "from middle import *\nY = f()",
    ),
    "a name that a star covered": ({"leaf": "X = 1"}, {"leaf": ""}, "X = 2\nfrom leaf import *\nY = X * 1"),
    "a circle": (
        {"leaf": "X = 1\nimport user"},
        {"leaf": "X = 2\nimport user"},
        "import leaf\nY = leaf.X",
    ),
}


@pytest.mark.parametrize("case", KEEPING, ids=str)
def test_a_value_is_not_kept_if_what_made_it_is_different(project, dropping, case):
    """
    With ``state="keep"`` a value is computed anew where its statement is the same, but not what its imports bring.
    """
    before, after, text = KEEPING[case]
    for name, source in before.items():
        project.write(f"{name}.py", source + "\n")
    project.write("user.py", text + "\nstate = []\n")
    user = [project.load(name) for name in (*before, "user")][-1]
    was, state = user.Y, user.state
    for name, source in after.items():
        if source is None:
            (project.root / f"{name}.py").unlink()
        else:
            project.write(f"{name}.py", source + "\n")

    dropping.refresh(state="keep")

    assert (was, user.Y) == (1, 2)
    assert user.state is state


def test_a_global_that_a_call_sets_is_state(project, registry):
    """
    With ``state="keep"`` a name that only functions set stays, as long as they and who calls them do.
    """
    text = "import collections\ndef deep():\n    global S, T\n    S, T = [], {0}\ndef setup(): deep()\nsetup()\ndef f(): return {1}\n"
    m = project.load("m", text.format(1, 1))
    m.S.append("state")
    project.write("m.py", text.format(1, 2))
    registry.refresh(state="keep")
    first = m.S, m.f()
    project.write("m.py", text.format(2, 2))

    registry.refresh(state="keep")

    assert first == (["state"], 2)
    assert (m.S, m.T) == ([], 2)


def test_what_is_called_through_others_is_no_state(project, registry):
    """
    With ``state="keep"`` a value is computed anew if what was called for it changed, further down than it is imported.
    """
    project.write("base.py", "class B:\n    def go(self): return 1\ndef f(): return 1\n")
    project.write("middle.py", "import base\nclass C(base.B): pass\ng = base.f\n")
    user = project.load("user", "import middle\nfrom middle import C\nX = [C().go()]\nY = [middle.g()]\nZ = []\n")
    user.Z.append("state")
    project.write("base.py", "class B:\n    def go(self): return 2\ndef f(): return 2\n")

    registry.refresh(state="keep")

    assert (user.X, user.Y, user.Z) == ([2], [2], ["state"])


def test_names_in_the_dict_of_a_module(project, registry):
    """
    Who looks at a module's ``__dict__`` sees what comes.
    """
    project.load("leaf", "X = 1\n")
    user = project.load("user", "import leaf\nY = [name for name in leaf.__dict__ if name in 'XZ']\n")
    project.write("leaf.py", "X = 1\nZ = 2\n")

    registry.refresh()

    assert user.Y == ["X", "Z"]


def test_a_module_that_went_is_not_met_again(project, dropping):
    """
    A name for a module that is gone is not there for an import of it that fails.
    """
    project.write("optional.py", "X = 1\n")
    user = project.load("user", "try:\n    import optional\nexcept ImportError:\n    pass\nHAS = 'optional' in globals()\n")
    before = user.HAS
    (project.root / "optional.py").unlink()

    dropping.refresh()

    assert (before, user.HAS) == (True, False)


def test_what_a_lazy_package_gives_is_no_state(project, registry):
    """
    With ``state="keep"`` a value that comes through a package is computed anew if a module in that changed.
    """
    lazy = "import importlib\ndef __getattr__(name): return importlib.import_module('.' + name, __name__)\n"
    project.write("pack/__init__.py", lazy)
    project.write("pack/leaf.py", "X = 1\n")
    user = project.load("user", "import pack\nY = [pack.leaf.X]\n")
    project.write("pack/leaf.py", "X = 2\n")

    registry.refresh(state="keep")

    assert user.Y == [2]


RE_EXPORTS = {
    "by name": "from middle import leaf\nY = leaf.X\n",
    "by another name": "from middle import leaf as m\nY = m.X\n",
    "by attribute": "import middle\nY = middle.leaf.X\n",
    "by a star": "from middle import *\nY = leaf.X\n",
    "a function of it": "from middle import leaf\nY = leaf.f()\n",
    "in a function": "from middle import leaf\ndef f(): return leaf.X\nY = f()\n",
}


@pytest.mark.parametrize("how", RE_EXPORTS)
@pytest.mark.parametrize("middle", ["import leaf\n", "import first\nfrom first import leaf\n", "import leaf as _l\nleaf = _l\n"])
def test_a_module_that_another_one_has(project, registry, how, middle):
    """
    Who takes a module out of another, or asks that for it, is one of its users.
    """
    project.load("leaf", "X = 1\ndef f(): return X\n")
    project.load("first", "import leaf\n")
    project.write("middle.py", middle)
    user = project.load("user", RE_EXPORTS[how])
    before = user.Y
    project.write("leaf.py", "X = 2\ndef f(): return X\n")

    registry.refresh()

    assert (before, user.Y) == (1, 2)


def test_a_submodule_that_a_star_takes(project, registry):
    """
    A star import gives the submodules that ``__all__`` lists, though nothing else imports them.
    """
    project.write("pack/__init__.py", "__all__ = ['leaf']\n")
    project.write("pack/leaf.py", "X = 1\n")
    user = project.load("user", "from pack import *\nY = leaf.X\n")
    project.write("pack/leaf.py", "X = 2\n")

    registry.refresh()

    assert user.Y == 2


# What is remembered

USES = (
    "from {0} import rate\ndef mine(): return rate()\n",
    "from {0} import RATE\ndef mine(): return RATE\n",
    "from {0} import RATE\nTWICE = RATE * 2\ndef mine(): return TWICE\n",
    "import {0}\ndef mine(): return {0}.rate()\n",
    "import {0}\nHELD = [{0}.rate]\ndef mine(): return {0}.Base().go()\n",
    "from {0} import *\ndef mine(): return other()\n",
    "from {0} import *\nGOT = other()\ndef mine(): return GOT\n",
    "from {0} import Base\nclass Sub(Base):\n    pass\ndef mine(): return Sub().go()\n",
    "from {0} import Base as Other\nOBJECT = Other()\ndef mine(): return OBJECT.go()\n",
    "from {0} import deco, rate as RATE\n@deco\ndef mine(): return 1\n",
    "def mine():\n    import {0}\n    return {0}.rate()\nrate = RATE = Base = other = deco = mine\n",
    "def mine():\n    return globals()['rate']\nfrom {0} import rate\n",
    "from {0} import rate\nclass C:\n    def go(self): return rate()\nGOT = C().go()\ndef mine(): return GOT\n",
    "from {0} import rate\nclass C:\n    def go(self): return rate()\nclass D(C):\n    pass\ndef mine(): return D().go()\n",
    "import {0}\n__depends__ = ['{0}']\ndef mine(): return 1\n",
)


@pytest.mark.parametrize("second", range(len(USES)))
@pytest.mark.parametrize("first", range(len(USES)))
def test_what_is_remembered_of_changes_is_what_following_them_comes_to(project, registry, first, second):
    """
    For every use of a module, and every use of that one: the same are affected, and the same names rebound.
    """
    project.load("leaf", LEAF)
    project.load("middle", USES[first].format("leaf") + "from leaf import RATE, rate, other, deco, Base\n")
    project.load("end", USES[second].format("middle"))
    users = registry._planner._users.of(registry._planner.graph())
    shared = registry._planner._rows.calm(users)
    changes = [(name, level) for name in ("RATE", "rate", "other", "deco", "Base", "Base.go", "gone") for level in Level]

    for change in [*changes, *changes]:  # a second time with all that is remembered by then
        plain, quick = (Needs(registry._planner._view, users) for _ in range(2))
        quick.calm = shared
        for needs in (plain, quick):
            needs.change("leaf", dict([change]))

        assert quick.affected == plain.affected
        assert quick.rebinds == plain.rebinds
    assert (first, second) != (0, 0) or shared.known["leaf", "rate", Level.SHAPE, False][0] is not None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_known_of_a_source_is_what_reading_it_again_says(project, registry, case):
    """
    Reload after reload the same are executed and rebound, whether or not sources are read anew for each.
    """
    (old, new), text, _, _ = CASES[case]
    project.load("leaf", LEAF)
    project.load("user", HEAD + text)
    project.load("end", "from user import show\nX = show\ndef mine(): return X()")

    def turn(is_anew):
        found = []
        for now in (LEAF.replace(old, new), LEAF):
            project.write("leaf.py", now)
            if is_anew:
                registry._planner._views.clear()
            registry.reload("leaf")
            found.append(registry.transactions()[-1].steps)
        return found

    turn(is_anew=True)
    kept, anew = turn(is_anew=False), turn(is_anew=True)

    assert [[(s.module, s.decision) for s in steps] for steps in kept] == [
        [(s.module, s.decision) for s in steps] for steps in anew
    ]


@pytest.mark.parametrize(
    ("change", "is_same"),
    {
        "nothing": ("pass", True),
        "another value": ("hub.value = 2", True),
        "another module under the name": ("hub.tool = other", False),
        "a name that is there no more": ("del hub.value; hub.__getattr__ = lambda name: 1", False),
        "a submodule that is loaded": ("import hub.late", False),
        "a module that went": ("del sys.modules['tool']", False),
    }.values(),
)
def test_a_source_is_read_again_where_what_it_went_by_leads_elsewhere(project, registry, change, is_same):
    """
    What is known of a source is used again as long as the names that it asks of other modules lead where they did.
    """
    for name in ("tool", "other"):
        project.load(name, "def go(): return 1")
    project.write("hub/late.py", "def go(): return 1")
    hub = project.load("hub.__init__", "import tool\nvalue = 1")
    project.load("user", "import hub\nfrom hub import value\nX = hub.tool.go()\ndef f(): return hub.late.go()")
    view = registry._planner._view("user")
    asked = [("hub", "tool"), ("hub", "value"), ("hub", "__getattr__"), ("tool", "go"), ("other", "go"), ("hub.late", "go")]
    for each in asked:
        view.uses(*each)

    exec(change, {"hub": hub, "other": sys.modules["other"], "sys": sys})
    again = registry._planner._view("user")

    anew = View("user", "", view.statements)
    assert repr([again.uses(*each) for each in asked]) == repr([anew.uses(*each) for each in asked])
    assert (again is view) is is_same


NEAR = {
    "an edit that imports it": lambda *where: _edited(*where, "far", "from pack.leaf import rate\n"),
    "an edit that declares it": lambda *where: _edited(*where, "far", "__depends__ = ['pack.leaf']\n"),
    "an edit that imports it no more": lambda *where: _edited(*where, "pack/user", "X = 1\n"),
    "another object under its name": lambda *_: setattr(sys.modules["pack"], "leaf", object()),
    "a __getattr__ in its package": lambda *_: setattr(sys.modules["pack"], "__getattr__", {}.__getitem__),
    "a dependency that a user declares": lambda *_: setattr(sys.modules["pack.user"], "__depends__", ["far"]),
    "a module that is imported": lambda project, _: project.load("late", "from pack import leaf\n"),
    "nothing": lambda *_: None,
}


def _edited(project, registry, name, text):
    project.write(f"{name}.py", text)
    registry.reload(name.replace("/", "."))


@pytest.mark.parametrize("change", NEAR)
@pytest.mark.parametrize("way", ["from pack import leaf", "from . import leaf", "import pack.leaf", "from .leaf import *"])
def test_edges_near_a_module_are_those_that_looking_at_all_would_find(project, registry, way, change):
    """
    Edges that are kept from an earlier look are those that a new one would find: by every kind of import.
    """
    project.write("pack/leaf.py", "def rate(): return 1\n")
    project.write("pack/user.py", f"{way}\ndef mine(): return leaf\n")
    project.load("pack.__init__", "")
    project.load("far", "import pack.user\n")
    project.load("other", "import far\nfrom pack.user import *\n")
    planner = registry._planner
    planner.graph()
    NEAR[change](project, registry)

    near, every = planner.graph(), Planner(registry._history, registry._scope).graph()

    users = [_graph.reverse({name: tuple(edges) for name, edges in found.items()}) for found in (near, every)]
    names = _graph.reachable(users[1], ["pack.leaf", "pack"]) & every.keys()
    assert len(names) > 3
    assert {name: near[name] for name in names} == {name: every[name] for name in names}
    assert _graph.reachable(users[0], ["pack.leaf", "pack"]) & every.keys() == names


def test_nothing_is_remembered_of_a_source_that_changed(project, registry):
    """
    A dependent that used a value when called, and now computes from it, is executed from then on.
    """
    leaf = project.load("leaf", "RATE = 1")
    user = project.load("user", "from leaf import RATE\nran = globals().get('ran', 0) + 1\ndef show(): return RATE")
    for rate in (2, 3):
        project.write("leaf.py", f"RATE = {rate}")
        registry.reload(leaf)
    was = user.ran
    project.write(
        "user.py",
        "from leaf import RATE\nran = globals().get('ran', 0) + 1\nTWICE = int(RATE) * 2\ndef show(): return TWICE",
    )
    registry.reload(user)
    project.write("leaf.py", "RATE = 4")

    registry.reload(leaf)

    assert was == 1
    assert user.show() == 8
    assert user.ran == 3


@pytest.mark.parametrize("circle", ["", "import end\n"])
@pytest.mark.parametrize(("first", "second"), [(n, (4 * n + 5) % len(USES)) for n in range(len(USES))])
def test_what_is_not_followed_makes_no_difference(project, registry, monkeypatch, first, second, circle):
    """
    Where several sources changed, no change is followed to those that are executed anyway: all comes out the same.
    """
    middle = USES[first].format("leaf") + "from leaf import RATE, rate, other, deco, Base\n"
    sources = {"leaf": LEAF + circle, "middle": middle, "end": USES[second].format("middle"), "last": "import end, middle\n"}
    edited = LEAF.replace("1", "2").replace("def deco", "MORE = 1\ndef deco") + circle
    edits = [{"leaf": edited, "middle": middle + "MORE = 2\n", "last": "import end, middle, leaf\n"}, sources]
    for name, source in sources.items():
        project.write(f"{name}.py", source)
    project.load("last", sources["last"])
    found = []

    for is_whole in (False, False, True):  # names that left the source linger after the first time
        if is_whole:
            monkeypatch.setattr(Needs, "is_followed", lambda *_: True)
        for edit in edits:
            for name, source in edit.items():
                project.write(f"{name}.py", source)
            done = registry.refresh().steps
            steps = sorted((x.module, x.decision.name, x.reason * (x.decision is Decision.REBIND)) for x in done)
            found.append((steps, sys.modules["middle"].mine(), sys.modules["end"].mine()))

    assert found[2:4] == found[4:]
    assert {"leaf", "middle"} <= {module for module, _, _ in found[0][0]}


# What a module sets in another

WRITES = {
    "another value": ("X = 1", "leaf.X = 9", "leaf.X = 10"),
    "another value by setattr": ("X = 1", "setattr(leaf, 'X', 9)", "setattr(leaf, 'X', 10)"),
    "more of what it is": ("X = 1", "leaf.X += 9", "leaf.X += 10"),
    "no more of what it is": ("X = 1", "leaf.X += 9", ""),
    "a name that the module has not": ("Z = 1", "leaf.X = 9", "leaf.X = 10"),
    "a new name": ("X = 1", "", "leaf.Y = 10"),
    "no more": ("X = 1", "leaf.X = 9", ""),
    "no more, a name that the module has not": ("Z = 1", "leaf.X = 9", ""),
    "another name": ("X = 1", "leaf.Y = 9", "leaf.Z = 9"),
    "a method": ("class X:\n    def m(self): return 1", "leaf.X.m = lambda self: 9", "leaf.X.m = lambda self: 10"),
    "a method no more": ("class X:\n    def m(self): return 1", "leaf.X.m = lambda self: 9", ""),
    "a function": ("def X(): return 1", "def f(): return 9\nleaf.X = f", "def f(): return 10\nleaf.X = f"),
    "an attribute of an instance": ("class C: y = 1\nX = C()", "leaf.X.y = 9", "leaf.X.y = 10"),
}


GIVEN = {
    "a lambda": "leaf.C.m = lambda self: 9",
    "a function": "def m(self): return 9\nleaf.C.m = m",
    "what it was, wrapped": "m = leaf.C.m\nleaf.C.m = lambda self: m(self) + 8",
    "by a name of its own": "from leaf import C\nC.m = lambda self: 9",
    "static": "leaf.C.m = staticmethod(lambda: 9)",
    "of the class": "leaf.C.m = classmethod(lambda cls: 9)",
    "a class": "class D:\n    def __new__(cls): return 9\nleaf.C.m = D",
    "an attribute of a function": "leaf.f.m = lambda: 9\nleaf.C.m = staticmethod(lambda: leaf.f.m())",
    "by a decorator": "def give(f): leaf.C.m = f\n@give\ndef m(self): return 9",
}


@pytest.mark.parametrize("how", GIVEN)
def test_what_a_module_gave_a_class_of_another_stays(project, dropping, how):
    """
    A class that is made anew has what others have put into it, also where nothing else of it changed.
    """
    leaf = project.load("leaf", "class C:\n    def m(self): return 1\ndef f(): pass\n")
    project.load("setter", f"import leaf\n{GIVEN[how]}\n")
    held = leaf.C()
    project.write("leaf.py", "class C:\n    def m(self): return 1\ndef f(): pass\nX = 1\n")

    dropping.refresh()
    refreshed = held.m()
    dropping.reload(leaf)

    assert (refreshed, held.m()) == (9, 9)
    dropping.rollback(leaf)
    assert held.m() == 9


def test_what_a_library_makes_for_a_class_concerns_nobody(project, dropping):
    """
    Functions that are made with a class are not another's.
    """
    project.load("library", "def mark(cls):\n    exec('def m(self): return 1', globals(), vars := {})\n    cls.m = vars['m']\n    cls.p = property(vars['m'])\n    cls.D = type('D', (), {})\n    return cls\n")
    project.load("leaf", "import library\n@library.mark\nclass C: pass\n")
    project.load("user", "import leaf\nX = leaf.C()\n")
    project.write("leaf.py", "import library\n@library.mark\nclass C: pass\nX = 1\n")

    done = dropping.refresh()

    assert [version.name for version in done.versions] == ["leaf"]


def _seen(leaf):
    return {name: _told(value) for name, value in vars(leaf).items() if name in "XYZ"}


def _told(value):
    """What a value of the modules above comes to."""
    value = value() if callable(value) else value
    return value.m() if hasattr(value, "m") else getattr(value, "y", value)


def test_a_way_back_by_execution_past_a_module_that_leaves(project, dropping):
    """
    A module that was not loaded then leaves, also where it imports one that is executed for what was set there.
    """
    dropping.install(keep_snapshots=0)
    leaf = project.load("leaf", "X = 1\n")
    setter = project.load("setter", "import leaf\n")
    project.write("added.py", "import leaf\nY = leaf.X\n")
    project.write("setter.py", "import leaf\nleaf.X = 9\nimport added\n")
    dropping.refresh()
    set_then = leaf.X

    dropping.rollback(setter)

    assert (set_then, leaf.X, "added" in sys.modules) == (9, 1, False)


@pytest.mark.parametrize("how", ["@functools.cache\ndef f(x): return g(x)\n", "class C:\n    @functools.cache\n    def f(x): return g(x)\nf = C.f\n"])
@pytest.mark.parametrize("user", ["def get(): return far.f(1)\n", "X = far.f(1)\ndef get(): return X\n"])
def test_what_is_remembered_of_another_module_is_forgotten(project, registry, how, user):
    """
    A cache of results is emptied if a function changed that the cached one calls, in whatever module.
    """
    project.load("leaf", "def g(x): return x\n")
    far = project.load("far", "import functools\nfrom leaf import g\n" + how)
    user = project.load("user", "import far\n" + user)
    before, cached = user.get(), far.f
    project.write("leaf.py", "def g(x): return x * 2\n")

    registry.refresh()

    assert (before, user.get()) == (1, 2)
    assert far.f is cached


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("is_failing", [False, True])
def test_what_a_module_sets_in_another(project, dropping, name, is_failing):
    """
    An attribute that code sets in another module is as in a fresh interpreter, and an abort and a rollback take it back.
    """
    source, old, new = WRITES[name]
    leaf = project.load("leaf", source + "\n")
    setter = project.load("setter", f"import leaf\n{old}\n")
    user = project.load("user", "import setter, leaf\nTOLD = [str(getattr(leaf, n, None)) for n in 'XYZ' if n in vars(leaf)]\n")
    before = _seen(leaf), user.TOLD
    fresh = types.ModuleType("leaf")
    exec(source, vars(fresh))
    exec(new, {"leaf": fresh})
    project.write("setter.py", f"import leaf\n{new}\n" + "1 / 0\n" * is_failing)

    if is_failing:
        with pytest.raises(ReloadError):
            dropping.refresh()
    else:
        dropping.refresh()
        after = _seen(leaf), [value for value in user.TOLD if "<" not in value]
        dropping.rollback(setter)
        assert after == (_seen(fresh), [str(x) for n, x in sorted(vars(fresh).items()) if n in "XYZ" and type(x) is int])

    assert (_seen(leaf), user.TOLD) == before


def test_what_a_module_sets_in_another_is_no_state(project, registry):
    """
    With ``state="keep"`` a name that another module set, and sets no more, is what its own module says.
    """
    leaf = project.load("leaf", "X = 1\nY = []\n")
    project.load("setter", "import leaf\nleaf.X = 9\n")
    leaf.Y.append("state")
    project.write("setter.py", "import leaf\n")

    registry.refresh(state="keep")

    assert (leaf.X, leaf.Y) == (1, ["state"])


def test_what_a_module_sets_out_of_scope_is_its_own_affair(project, dropping):
    """
    Modules that are not in scope are not looked after.
    """
    module = project.load("module", "import sys\nsys.left_by_a_test = 1\n")
    project.write("module.py", "import sys\nX = sys.left_by_a_test\n")

    dropping.refresh()

    assert module.X == 1
    del sys.left_by_a_test


@pytest.mark.parametrize("start", ["", "from shop.sub.low.kinds import *\n"])
def test_who_is_left_alone_in_a_circle_is_executed_before_who_uses_it(project, dropping, start):
    """
    A class gets a base that CPython does not give it, so that a subclass, which was passed by, is made anew.

    Who asked for it is under way, and calls it next.
    """
    project.write("shop/__init__.py", f"{start}from .till import LIMIT\n")
    project.write("shop/till.py", "from . import sub\nmade = sub.Sub()\nLIMIT = len(vars(made))\n")
    project.write("shop/sub/__init__.py", "from shop.sub.low import Sub\n")
    project.write("shop/sub/base.py", "class Base: pass\n")
    low = "from shop.sub.low.kinds import *\nclass Sub(Kind):\n    def __init__(self): super().__init__()\n"
    project.write("shop/sub/low/__init__.py", low)
    kinds = "import shop.sub.other\nclass Kind:\n    def __init__(self): self.x = 1\n"
    project.write("shop/sub/low/kinds.py", kinds)
    project.write("shop/sub/other.py", "")
    project.load("shop.sub.other")
    shop = sys.modules["shop"]
    project.load("shop.sub.base")
    init = "    def __init__(self):\n        super().__init__()\n        self.x = self.y = 2\n"
    project.write("shop/sub/low/kinds.py", f"import shop.sub.other\nfrom ..base import Base\nclass Kind(Base):\n{init}")

    dropping.refresh()

    assert shop.LIMIT == 2
    assert issubclass(shop.sub.Sub, shop.sub.base.Base)
    assert type(shop.till.made) is shop.sub.Sub is shop.sub.low.Sub


TYPED = """
import typing
K = typing.TypeVar("K")
V = typing.TypeVar("V")
class T:
    x: int
    def f(self): return 1
class Quiet(type):
    def f(self): return 1
    def __instancecheck__(cls, other): return True
class Box(typing.Generic[K]):
    def f(self): return 1
    class Inner: pass
class Small(Box[int], typing.Generic[K]):
    pass
class Last(Small[K]):
    pass
class Own:
    made = 1
    def make(cls): return (cls, 1)
    def __class_getitem__(cls, name): return cls.make(cls)
def rate(): return 1
class Shown(type):
    def __getitem__(cls, name): return cls.kind
    def __hash__(cls): return cls.kind
    @property
    def named(cls): return cls.name()
class Asked(metaclass=Shown):
    kind = 1
    def name(): return 'name'
    def f(self): return 1
class Told(typing.Generic[K]):
    def __init_subclass__(cls): cls.told = cls.__orig_bases__[0].__args__[0]().f()
class Loud(type):
    def __new__(meta, name, bases, names): return super().__new__(meta, name, bases, dict(names))
class Seen:
    def __init_subclass__(cls): cls.seen = cls.look()
    @classmethod
    def look(cls): return (cls, 3)
class One:
    def __hash__(self): return hash((1, 2))
ONE = One()
"""
EVALUATED = [
    "def f(x: typing.Optional[T] = None) -> list[T]: pass",
    "def f(x: T | None, y: typing.Callable[[T, typing.Union[T, int]], T]): pass",
    "class C:\n    x: dict[str, T]",
    "Many = typing.Dict[str, T]\nT2 = typing.TypeVar('T2', bound=T)\nN = typing.NewType('N', T)\nx = typing.cast(T, 1)",
    "def f(x: Box[int], y: 'Box[T]' = None) -> kinds.Box[int]: pass",
    "class C(Box[int]): pass",
    "class C(typing.Dict[str, T]): pass",
    "class C(Small[int], typing.Generic[K]): pass",
    "class C(Box[T]): pass",
    "def f(x: Box[Box[T]] = None): pass",
    "class C(metaclass=Quiet): pass\nclass D(T, metaclass=Quiet): pass",
    "class C(T, metaclass=abc.ABCMeta):\n    def g(self, x: T): pass",
    "class C(T):\n    x: T\n    @property\n    def g(self) -> T: pass\n    @typing.overload\n    def h(self) -> T: pass",
    "class C(T): pass\nC.more = 1",
    "class C(T):\n    def g(self, x: Box.Inner): pass\n    inner = Box.Inner",
    "def deep():\n    def f(x: T) -> T:\n        y: T = 1\n    return f\nmade = deep()",
    "table = {T: 1, kinds.rate: 2}\nknown = {T, int, kinds.rate}",
]
if sys.version_info >= (3, 12):
    EVALUATED += ["type Many = dict[str, T]", "def f[X: T](x: X): pass", "class C[X: (T, Box[int])]: pass"]


@pytest.mark.parametrize("text", EVALUATED)
def test_who_only_holds_a_class_is_left_alone(project, dropping, text):
    """
    Who names a class, derives from it or has it for a key does nothing with what it does.
    """
    project.load("kinds", TYPED)
    user = project.load("user", f"{HEAD}import abc, typing, kinds\nfrom kinds import T, Box, Small, K, Quiet\n{text}\n")
    project.write("kinds.py", TYPED.replace("return 1", "return 2"))
    planned = [s.module for s in dropping.plan().steps if s.decision is Decision.EXECUTE]

    dropping.refresh()

    assert (user.ran, planned) == (1, ["kinds"])


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("x = Box[int]", ("Box(typing.Generic[K])", "Box(typing.Generic[V])")),
        ("x = Small[int]", ("Box[int], typing.Generic[K]", "Box[int], typing.Generic[V]")),
        ("class C(Small[int]): pass", ("Box[int], typing.Generic[K]", "Box[str], typing.Generic[K]")),
        ("x = Last[int]", ("Box[int], typing.Generic[K]", "Box[str], typing.Generic[K]")),
        ("x = Own[1]", ("(cls, 1)", "(cls, 2)")),
        ("x = Asked[1]", ("kind = 1", "kind = 2")),
        ("x = {Asked: 1}", ("kind = 1", "kind = 2")),
        ("x = {Asked}", ("kind = 1", "kind = 2")),
        ("x = {ONE}", ("hash((1, 2))", "2")),
        ("T.more = 1", ("return 1", "return 2")),
        ("class C(metaclass=Loud): x = 1", ("dict(names)", "dict(names, y=1)")),
        ("class C(Seen): pass", ("(cls, 3)", "(cls, 4)")),
        ("class C(Seen): x: T", ("x: int", "x: str")),
        ("class C(Told[T]): pass", ("return 1", "return 2")),
        ("import dataclasses\n@dataclasses.dataclass\nclass C(Told[T]): pass", ("return 1", "return 2")),
        ("def seen(cls): return T().f()\n@seen\nclass C(Box[T]): pass", ("return 1", "return 2")),
        ("x = Asked.named", ("'name'", "'other'")),
        ("class C(Own): pass\nx = C[1]", ("(cls, 1)", "(cls, 2)")),
        ("x = Own.made", ("made = 1", "made = 2")),
    ],
)
def test_who_asks_a_class_for_something_else_is_executed(project, dropping, text, edit):
    """
    What a class gives depends on its parameters and methods, and on those of its metaclass and of its bases.
    """
    project.load("kinds", TYPED)
    user = project.load("user", f"{HEAD}from kinds import Box, Small, Last, Own, Asked, ONE, T, Loud, Seen, Told\n{text}\n")
    project.write("kinds.py", TYPED.replace(*edit))

    dropping.refresh()

    assert user.ran == 2


LOOKING = """
def fields(cls):
    found = cls.__dict__.get("Meta", cls)
    cls.fields = sorted(name for name in vars(found.model) if not name.startswith("_"))
    return cls
class Meta(type):
    def __init__(cls, name, bases, names): fields(cls) if bases else None
class Form(metaclass=Meta): pass
class Told:
    def __init_subclass__(cls): fields(cls)
"""
LOOKED_AT = {
    "by a metaclass": "class F(looking.Form):\n    {}",
    "by a base": "class F(looking.Told):\n    {}",
    "by a decorator": "@looking.fields\nclass F:\n    {}",
}
PUT_INTO = ["model = models.T", "from models import T as model", "class Meta: model = models.T", "class Meta(models.T): model = models.T"]


@pytest.mark.parametrize("who", LOOKED_AT)
@pytest.mark.parametrize("body", PUT_INTO)
@pytest.mark.parametrize("more", ["y = 2", "def y(self): pass"])
def test_who_has_a_class_looked_at_in_the_body_of_another_is_executed(project, dropping, who, body, more):
    """
    Forms and serializers tell by the class in their body what it has; that its methods do otherwise is nothing to them.
    """
    text = "class T:\n    x = 1\n    def go(self): return 1\n"
    project.load("looking", LOOKING)
    project.load("models", text)
    user = project.load("user", f"{HEAD}import looking, models\n{LOOKED_AT[who].format(body)}\n")
    project.write("models.py", text.replace("return 1", "return 2"))
    dropping.refresh()
    ran = user.ran
    project.write("models.py", f"{text}    {more}\n")

    dropping.refresh()

    assert (ran, user.ran, user.F.fields) == (1, 2, ["go", "x", "y"])


@pytest.mark.parametrize("body", PUT_INTO)
@pytest.mark.parametrize("head", ["class F:", "@dataclasses.dataclass\nclass F:", "class F(typing.Generic[K]):"])
def test_who_has_a_class_in_the_body_of_another_that_nobody_looks_at_is_left_alone(project, dropping, head, body):
    """
    A class that only has another one for its attribute is what it was.
    """
    text = "class T:\n    x = 1\n"
    project.load("models", text)
    user = f"{HEAD}import dataclasses, models, typing\nK = typing.TypeVar('K')\n{head}\n    {body}\n"
    user = project.load("user", user)
    project.write("models.py", text + "    y = 2\n")

    dropping.refresh()

    assert (user.ran, user.F.__dict__.get("Meta", user.F).model.y) == (1, 2)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="annotations wait")
@pytest.mark.parametrize("text", ["def f(x: Box[int] = None): pass", "class C:\n    x: list[Box[int]]", "x: Box[int]"])
def test_who_asks_in_an_annotation_for_a_subscript_that_is_another_is_executed(project, dropping, text):
    """
    As above, up to 3.13.
    """
    project.load("kinds", TYPED)
    user = project.load("user", f"{HEAD}from kinds import Box\n{text}\n")
    project.write("kinds.py", TYPED.replace("Box(typing.Generic[K])", "Box(typing.Generic[V])"))

    dropping.refresh()

    assert user.ran == 2


KIND = """
class Kind:
    @classmethod
    def told(cls): return 1
    def made(self): return 1
def told(): return 1
"""
TELLING = """
def tell(what): return [each.told() for each in what.__annotations__.values()]
def first(what): return next(iter(what.__annotations__.values()))
class Model:
    def __init_subclass__(cls): cls.known = [each.__metadata__[0]() for each in cls.__annotations__.values()]
class Own:
    def __class_getitem__(cls, kind): return kind.told()
Set = Own
class Table(dict):
    def __missing__(self, kind): return kind.told()
type = Table()
"""


def known_after(project, dropping, user, former, edit):
    """What a module knows when that was edited which *user*, and all beside it, is made of."""
    project.load("kinds", former)
    project.load("telling", TELLING)
    project.load("held", "from kinds import Kind\nclass Held:\n    x: Kind\ndef held(x: Kind): pass\n")
    module = project.load("user", f"{HEAD}import held, telling, typing\nfrom kinds import *\n{user}\n")
    project.write("kinds.py", former.replace(*edit))
    dropping.refresh()
    return module


IN_ANNOTATIONS = [
    "known = telling.tell(held.Held)",
    "known = telling.tell(held.held)",
    "def get(): return telling.tell(held.held)\nknown = get()",
    "class Sub(held.Held):\n    y: Kind\nknown = telling.tell(Sub)",
    "class Outer:\n    x: held.Held\nknown = telling.tell(telling.first(Outer))",
    "known = [each.told() for each in held.Held.__annotations__.values()]",
    "def own(x: Kind): pass\nknown = telling.tell(own)",
    "known = []\ndef own(x: Kind): pass\nknown.extend(telling.tell(own))",
]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="annotations wait")
@pytest.mark.parametrize("user", IN_ANNOTATIONS)
def test_who_looks_at_annotations_is_executed_for_what_they_do(project, dropping, user):
    """
    What is annotated with a class leads whoever asks for its annotations to what that class does.
    """
    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).known == [2]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no type aliases")
@pytest.mark.parametrize(
    "user",
    [
        "known = Other.__value__.told()",
        "def get(): return Other\nknown = get().__value__.told()",
    ]
    + ["def own(x: Other): pass\nknown = own.__annotations__['x'].__value__.told()"] * (sys.version_info < (3, 14)),
)
def test_who_looks_into_a_type_alias_is_executed_for_what_is_in_it(project, dropping, user):
    """
    The value of an alias waits, but whoever has the alias may ask for it.
    """
    assert known_after(project, dropping, f"type Other = Kind\n{user}", KIND, ("return 1", "return 2")).known == 2


@pytest.mark.parametrize(
    "user",
    ["held.held(1)", "x = [held.held(1)]", "def get(): return held.held(1)\nx = get()", "x = held.Held()"],
)
def test_who_only_calls_what_is_annotated_is_left_alone(project, dropping, user):
    """
    A call of a plain function does nothing with its annotations.
    """
    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).ran == 1


@pytest.mark.parametrize(
    "user",
    ["known = telling.Own[Kind]", "known = telling.Set[Kind]", "known = telling.type[Kind]"]
    + ["x: telling.Own[Kind]\nknown = __annotations__['x']"] * (sys.version_info < (3, 14)),
)
def test_what_is_not_of_typing_may_do_what_it_likes_with_its_arguments(project, dropping, user):
    """
    A subscript gives what the class, or the table, makes of it, whatever its name.
    """
    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).known == 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="annotations wait")
@pytest.mark.parametrize(
    ("user", "known"),
    [
        ("class Sub(telling.Model):\n    x: typing.Annotated[int, told]\nknown = Sub.known", [2]),
        ("def look(f): return telling.first(f).__metadata__[0]()\n@look\ndef known(x: typing.Annotated[int, told]): pass", 2),
    ],
)
def test_who_is_shown_a_function_in_an_annotation_may_call_it(project, dropping, user, known):
    """
    A base or a decorator that sees a definition while it is made may call what is in its annotations.
    """
    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).known == known


FORMING = f"""
{KIND}
class Meta(type):
    def __new__(meta, name, bases, names): return super().__new__(meta, name, bases, dict(names, known=1))
class Setting(type):
    def __setattr__(cls, name, value): super().__setattr__(name, value - 1)
class Getting(type):
    def __getitem__(cls, name): return 1
class Joining(type):
    def __or__(cls, other): return 1
    @property
    def shown(cls): return 1
class Joined(metaclass=Joining):
    shown = None
class Got(list, metaclass=Getting): pass
"""


@pytest.mark.parametrize(
    ("user", "edit"),
    [
        ("class C(metaclass=Meta): known = 2\ndef get(): return C.known", ("    def __new__", "    def unused")),
        ("class C(metaclass=Setting): pass\nC.known = 2\ndef get(): return C.known", ("    def __setattr__", "    def unused")),
        ("x = [Got[int]]\ndef get(): return 1 if x[0] == 1 else 2", ("    def __getitem__", "    def unused")),
        ("x = Joined.shown\ndef get(): return x", ("shown(cls): return 1", "shown(cls): return 2")),
    ]
    + [("x: Joined | None\ndef get(): return __annotations__['x']", ("other): return 1", "other): return 2"))]
    * (sys.version_info < (3, 14)),
)
def test_who_is_made_by_a_metaclass_is_executed_also_for_what_that_has_no_more(project, dropping, user, edit):
    """
    What a metaclass did, and does no more, has left its traces; what it gives comes before what the class has.
    """
    assert known_after(project, dropping, user, FORMING, edit).get() == 2


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="a class method is no property there")
def test_who_takes_a_property_of_a_class_is_executed_for_what_that_does(project, dropping):
    """
    A property that is a class method gives what its function does, also where the class is asked.
    """
    former = KIND.replace("@classmethod", "@classmethod\n    @property", 1)

    assert known_after(project, dropping, "known = Kind.told", former, ("return 1", "return 2")).known == 2


def test_an_attribute_that_is_told_its_name_may_look_at_the_bases(project, dropping):
    """
    An attribute of a class sees it when it is made, with what its bases were given.
    """
    seen = "class Seen:\n    def __set_name__(self, cls, name): cls.known = cls.__orig_bases__[0].__args__[0].told()\n"
    user = f"{seen}class C(typing.List[Kind]): x = Seen()\nknown = C.known"

    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).known == 2


@pytest.mark.parametrize("name", ["cast", "TypeVar", "partial", "property"])
@pytest.mark.parametrize("is_given_by_name", [False, True])
def test_who_is_called_as_one_of_the_library_may_do_what_it_likes(project, dropping, name, is_given_by_name):
    """
    What keeps its arguments is known by what it is, not by its name.
    """
    user = f"def {name}(kind): return kind.told()\nknown = {name}({'kind=' * is_given_by_name}Kind)"

    assert known_after(project, dropping, user, KIND, ("return 1", "return 2")).known == 2


def test_who_lists_its_names_is_executed_when_a_star_import_brings_another(project, dropping):
    """
    ``dir()`` tells which names there are, and nothing of what they stand for.
    """
    project.load("tax", "__all__ = ['rate']\ndef rate(): return 1\ndef other(): return 2\n")
    client = project.load("client", "from tax import *\nnames = [name for name in dir() if name in ('rate', 'other')]\n")
    project.write("tax.py", "__all__ = ['rate']\ndef rate(): return 3\ndef other(): return 2\n")
    first = dropping.refresh()
    project.write("tax.py", "__all__ = ['rate', 'other']\ndef rate(): return 3\ndef other(): return 2\n")

    second = dropping.refresh()

    assert [[each.name for each in done.versions] for done in (first, second)] == [["tax"], ["tax", "client"]]
    assert sorted(client.names) == ["other", "rate"]


@pytest.mark.parametrize(
    "binding",
    [
        "globals()['f'] = make()",
        "def install(name):\n    globals()[name] = make()\ninstall('f')",
        "def install():\n    global f\n    f = make()\ninstall()",
        "import sys\nsetattr(sys.modules[__name__], 'f', make())",
        "exec('f = make()')",
    ],
)
def test_what_no_statement_binds_may_be_made_by_any_of_them(project, dropping, binding):
    """
    Who calls such a function while it is executed is executed when its module changed.
    """
    source = f"def make():\n    def f(): return 1\n    return f\n{binding}\n"
    factory = project.load("factory", source)
    client = project.load("client", "import factory\nfrom factory import f\nknown = f() + factory.f()\n")
    held = factory.f
    project.write("factory.py", source.replace("return 1", "return 2"))

    dropping.refresh()

    assert (client.known, held()) == (4, 2)


@pytest.mark.parametrize("edit", [("return 1", "return 2"), ("rate = 1", "rate = 2")])
@pytest.mark.parametrize("user", ["import tax\nknown = tax.now", "from tax import now\nknown = now"])
def test_a_property_of_a_modules_own_class_is_used_by_who_takes_it(project, dropping, user, edit):
    """
    What a module gives by its class may come of anything that it has.
    """
    own = "import sys, types\nclass Tax(types.ModuleType):\n    @property\n    def now(self): return self.by() * self.rate\n"
    source = f"{own}rate = 1\ndef by(): return 1\nsys.modules[__name__].__class__ = Tax\n"
    project.load("tax", source)
    client = project.load("client", user + "\n")
    project.write("tax.py", source.replace(*edit))

    dropping.refresh()

    assert client.known == 2


def test_a_star_import_of_a_list_with_a_name_that_is_not_there_fails(project, dropping):
    """
    As in a fresh interpreter, though nothing else changed; a submodule that is listed is imported.
    """
    project.write("shop/tax.py", "")
    shop = project.load("shop.__init__", "__all__ = ['rate']\nrate = 1\n")
    client = project.load("client", "from shop import *\n")
    project.write("shop/__init__.py", "__all__ = ['rate', 'other']\nrate = 1\n")

    with pytest.raises(ReloadError, match=r"'client' failed.*'other'"):
        dropping.refresh()
    assert shop.__all__ == ["rate"]
    project.write("shop/__init__.py", "__all__ = ['rate', 'tax']\nrate = 1\n")
    dropping.refresh()

    assert client.tax is sys.modules["shop.tax"]


CLASSES = {
    "class User:\n    table = name('User')\n": "helper",
    "class User(metaclass=Meta): pass\n": "metaclass",
    "class User(Base): pass\n": "base",
    "@told\nclass User: pass\n": "decorator",
    "class User:\n    field = Field()\n": "attribute",
    "class User: pass\ntold(User)\n": "call",
    "class User: pass\nfor each in (User,):\n    each.table = name('User')\n": "loop",
    "class User: pass\nif name('User') == 'USER':\n    User.table = 'USER'\n": "came",
}


@pytest.mark.parametrize("text", CLASSES, ids=CLASSES.values())
@pytest.mark.parametrize("user", ["from users import User\nknown = getattr(User, 'table', '')", "import users\nclass K:\n    known = users.User.__dict__.get('table')"])
@pytest.mark.parametrize("state", ["reset", "keep"])
def test_who_takes_what_a_class_came_to_have_is_executed(project, dropping, text, user, state):
    """
    A class has what its body computes, and what a metaclass, a base, a decorator or an attribute gives it.
    """
    names = (
        "def name(n): return n.lower()\nclass Meta(type):\n    def __init__(cls, *args): cls.table = name(cls.__name__)\n"
        "class Base:\n    def __init_subclass__(cls): cls.table = name(cls.__name__)\n"
        "def told(cls):\n    cls.table = name(cls.__name__)\n    return cls\n"
        "class Field:\n    def __set_name__(self, cls, n): cls.table = name(cls.__name__)\n"
    )
    project.load("names", names)
    project.load("users", f"from names import *\n{text}")
    client = project.load("client", user + "\n")
    project.write("names.py", names.replace("lower", "upper"))

    dropping.refresh(state=state)

    assert getattr(client, "K", client).known == "USER"
