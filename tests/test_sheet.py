"""Which dependents have only their formulas worked out, and what that leaves as it was."""

from __future__ import annotations

import importlib
import itertools
import sys
import warnings

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import modreg
from modreg import Decision

HEAD = "ran = globals().get('ran', 0) + 1\nseen = []\n"
# What stands behind HEAD and an import, and what X is then for a rate of 2.
FORMULAS = {
    "a product": ("from leaf import RATE", "X = RATE * 10", 20),
    "another name": ("from leaf import RATE", "X = RATE", 2),
    "by its module": ("import leaf", "X = leaf.RATE + 1", 3),
    "by another name": ("import leaf as l", "X = -l.RATE", -2),
    "by a package": ("import pack.low", "X = pack.low.RATE", 2),
    "of a package": ("from pack import low", "X = low.RATE", 2),
    "with a type": ("from leaf import RATE", "X: int = RATE * 10", 20),
    "a pair": ("from leaf import RATE", "X = (RATE, 'a')[0]", 2),
    "a text": ("from leaf import RATE", "X = f'{RATE:>3}'", "  2"),
    "whether there is one": ("from leaf import RATE", "X = RATE is not None", True),
    "a choice": ("from leaf import RATE", "X = 'big' if RATE > 1 and not RATE < 0 else 'small'", "big"),
    "of others": ("from leaf import RATE", "A = 5\nB = RATE * A\nX = B + A", 15),
    "of a function's, too": ("from leaf import RATE", "X = RATE\ndef f(): return X", 2),
}
# What makes that the module has to be executed.
OTHERS = {
    "a call": "X = int(RATE)",
    "a list": "X = [RATE]",
    "a default": "X = RATE\ndef f(x=RATE): return x",
    "a default of the outcome": "X = RATE\ndef f(x=X): return x",
    "the body of a class": "X = RATE\nclass C: rate = X",
    "a call of what uses it": "X = RATE\ndef f(): return X\nY = f()",
    "a condition": "X = RATE\nif X > 1: big = True",
    "two statements": "X = RATE\nX += 1",
    "another binding": "X = RATE\nfor X in (): pass",
    "a function that binds it": "X = RATE\ndef f():\n    global X\n    X = 9\nf()",
    "a function that binds an input": "A = 1\nX = RATE * A\ndef f():\n    global A\n    A = 9\nf()",
    "what is no constant": "A = object()\nX = RATE and A",
    "two targets": "X = Y = RATE",
    "a star import": "from pack import *\nX = RATE",
    "two imports": "from pack.low import RATE\nX = RATE",
    "an assignment within": "X = (Y := RATE)",
    "a name that it keeps": "__keep__ = ('X',)\nX = RATE",
    "a call that binds it": "import sys\nX = RATE\nsetattr(sys.modules[__name__], 'X', 9)",
    "a call that binds an input": "import sys\nA = 1\nX = RATE * A\nsys.modules[__name__].__dict__['A'] = 9",
    "what star imports take": "a = b = 1\n__all__ = ('a', 'b')[:RATE]",
    "a name of its own that it imports": "X = RATE\nfrom user import X as Y\nZ = Y + 1",
    "which of equal values it is": "A = 1\nX = RATE is A",
    "a decorator's call of what uses it": "X = RATE\ndef now(f): return f()\n@now\ndef Y(): return X",
    "all names of the module": "X = RATE\nY = '{X}'.format(**vars())",
    "the module itself": "import sys\nX = RATE\nY = [sys.modules[__name__].X]",
    "a hook": "X = RATE\ndef __migrate__(old): pass",
}


@pytest.fixture
def leaf(project):
    project.write("pack/__init__.py", "from pack.low import RATE\n")
    project.write("pack/low.py", "from leaf import RATE\n")
    leaf = project.load("leaf", "RATE = 1\n")
    project.load("pack.low")
    return leaf


def set_rate(project, value):
    project.write("leaf.py", f"RATE = {value}\n")


@pytest.mark.parametrize("case", FORMULAS, ids=str)
def test_only_formulas_are_worked_out_where_nothing_else_comes_out_otherwise(project, registry, leaf, case):
    """
    The rest of the module is not executed, and what has come into its objects since stays.
    """
    line, text, outcome = FORMULAS[case]
    user = project.load("user", f"{HEAD}{line}\n{text}\n")
    user.seen.append(1)
    set_rate(project, 2)

    planned = registry.plan()
    done = registry.refresh()

    assert vars(user)["X"] == outcome
    assert (user.ran, user.seen) == (1, [1])
    assert [step.decision for step in done.steps if step.module == "user"] == [Decision.EXECUTE]
    assert set(planned.steps) == set(done.steps)


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_a_module_is_executed_where_anything_else_may_come_out_otherwise(project, registry, leaf, case):
    """
    Whatever else uses what changed, or binds a name again, is seen.
    """
    text = OTHERS[case]
    user = project.load("user", f"{HEAD}from leaf import RATE\n{text}\n")
    set_rate(project, 2)

    registry.refresh()

    assert user.ran == 2


def test_who_is_in_a_circle_is_executed(project, registry, leaf):
    """
    What a formula comes to in a circle depends on how far the others have come.
    """
    project.write("peer.py", "import user\n")
    user = project.load("user", HEAD + "import peer\nfrom leaf import RATE\nX = RATE\n")
    set_rate(project, 2)

    registry.refresh()

    assert (user.X, user.ran) == (2, 2)


def test_who_depends_on_a_formula_follows(project, registry, leaf):
    """
    What is worked out spreads as what is executed: names are taken again, formulas worked out, and caches emptied.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = RATE * 10\n")
    text = "import functools\nfrom user import X\nY = X + 1\n@functools.cache\ndef get(): return Y\n"
    other = project.load("other", HEAD + text)
    last = project.load("last", HEAD + "from other import Y\nZ = [Y]\n")
    other.get()
    set_rate(project, 2)

    registry.refresh()

    assert (user.X, other.X, other.Y, other.get(), last.Z) == (20, 20, 21, 21, [21])
    assert (user.ran, other.ran, last.ran) == (1, 1, 2)


def test_who_depends_on_a_formula_that_comes_out_the_same_is_left_alone(project, registry, leaf):
    """
    Early cutoff holds for what is worked out as well.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = RATE > 0\n")
    last = project.load("last", HEAD + "from user import X\nZ = [X]\n")
    set_rate(project, 2)

    registry.refresh()

    assert (user.X, user.RATE, last.ran) == (True, 2, 1)


def test_what_is_worked_out_is_a_version_and_is_taken_back(project, registry, leaf):
    """
    There is a version for it, as for an execution; a rollback brings all names back, and a diff tells them.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = RATE * 10\n")
    set_rate(project, 2)
    registry.refresh()
    numbers = [version.number for version in registry.history("user")]

    differing = {change.path for change in registry.diff("user").changes}
    registry.rollback("leaf")

    assert numbers == [1, 2]
    assert differing == {"X", "RATE"}
    assert (user.X, user.RATE, leaf.RATE) == (10, 1, 1)


@pytest.mark.parametrize("text", ["X: Literal[RATE] = RATE", "Y = RATE\nX: Literal[Y] = 5"], ids=str)
def test_what_annotates_a_formula_is_no_part_of_it(project, registry, leaf, text):
    """
    The annotation is evaluated when the module is executed, or when it is asked for.
    """
    user = project.load("user", f"{HEAD}from typing import Literal\nfrom leaf import RATE\n{text}\n")
    set_rate(project, 2)

    registry.refresh()

    assert user.__annotations__["X"].__args__ == (2,)


def test_what_decimals_come_to_is_up_to_the_context_that_the_module_sets(project, registry):
    """
    It is not the one in which a formula would be worked out.
    """
    text = "from decimal import Decimal, getcontext\nRATE = Decimal('{}')\n"
    project.load("leaf", text.format("1"))
    lines = "from leaf import RATE, getcontext\nc = getcontext()\nwas, c.prec = c.prec, 4\nX = RATE / 4\nc.prec = was\n"
    user = project.load("user", HEAD + lines)
    project.write("leaf.py", text.format("1.23456"))

    registry.refresh()

    assert str(user.X) == "0.3086"


def test_a_formula_that_fails_fails_the_reload(project, registry, leaf):
    """
    The error is that of the module, with its line, and nothing has changed.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = 1 // RATE\n")
    first = project.load("first", HEAD + "from leaf import RATE\nX = RATE\n")
    set_rate(project, 0)

    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh()

    assert isinstance(info.value.__cause__, ZeroDivisionError)
    assert (info.value.name, info.value.line) == ("user", 4)
    assert (leaf.RATE, user.RATE, user.X, first.RATE, first.X) == (1, 1, 1, 1, 1)


@pytest.mark.parametrize("name", ["RATE", "X"])
def test_a_name_that_the_program_has_set_is_what_the_source_says_afterwards(project, registry, leaf, name):
    """
    As after an execution.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = RATE * 10\n")
    setattr(user, name, object())
    set_rate(project, 2)

    registry.refresh()

    assert (user.RATE, user.X) == (2, 20)


def test_a_module_that_the_program_has_exchanged_is_the_imported_one_afterwards(project, registry, leaf):
    """
    As after an execution.
    """
    user = project.load("user", HEAD + "import leaf\nX = leaf.RATE\n")
    user.leaf = project.load("other", "RATE = 1\n")
    set_rate(project, 2)

    registry.refresh()

    assert (user.leaf, user.X) == (leaf, 2)


def test_a_warning_of_the_compiler_tells_the_file_of_the_module(project, registry, leaf):
    """
    No other code of the same statement is compiled that may get one, too.
    """
    with warnings.catch_warnings(record=True, action="always") as told:
        user = project.load("user", HEAD + "from leaf import RATE\nX = RATE is 5\n")
        set_rate(project, 5)
        registry.refresh()

    assert user.X is True
    assert {each.filename for each in told} == {user.__file__}


def test_all_dependents_are_executed_where_that_is_asked_for(project, registry, leaf):
    """
    Nothing is worked out instead of an execution that the caller wants.
    """
    user = project.load("user", HEAD + "from leaf import RATE\nX = RATE * 10\n")
    set_rate(project, 2)

    registry.refresh(dependents="all")

    assert (user.ran, user.X) == (2, 20)


# Against a fresh interpreter

NAMES = ("A", "B", "C")
SHAPES = {
    "{x}": 1,
    "({x}, {y})": 2,
    "f'{{{x}}}{{{y}!r}}'": 2,
    "{x} if {y} else {z}": 3,
    "not {x}": 1,
    "{x} == {y}": 2,
    "{x} and {y}": 2,
    "repr({x})": 1,
    "[{x}]": 1,
    "(lambda v={x}: v)()": 1,
}
serial = itertools.count()


@st.composite
def programs(draw):
    """Three modules, each with what it imports of the ones before, and a statement for each of its names."""
    found = []
    for at in range(3):
        known = []
        lines = []
        for other in range(at):
            way = draw(st.sampled_from(["from", "import", ""]))
            taken = [f"{name}{other}" for name in NAMES]
            if way == "from":
                lines.append(f"from {{prefix}}{other} import {', '.join(taken)}")
                known += taken
            elif way:
                lines.append(f"import {{prefix}}{other} as m{other}")
                known += [f"m{other}.{name}" for name in taken]
        for name in NAMES:
            value = draw(st.sampled_from(["1", "0", "'a'", "()"])) if draw(st.integers(0, 3)) == 0 or not known else ""
            if not value:
                shape = draw(st.sampled_from(list(SHAPES)))
                value = shape.format(**dict(zip("xyz", draw(st.tuples(*[st.sampled_from(known)] * 3)), strict=True)))
            lines.append(f"{name}{at} = {value}")
            known.append(f"{name}{at}")
        found.append(lines)
    return found


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs(), st.sampled_from(NAMES), st.sampled_from(["2", "''", "(0,)"]))
@example([["A0 = 1", "B0 = A0", "C0 = (A0, B0)"], ["import {prefix}0 as m0", "A1 = m0.B0", "B1 = [A1]", "C1 = 1"]], "A", "2")
def test_what_is_worked_out_is_what_a_fresh_interpreter_has(project, registry, lines, name, value):
    """
    Whatever formulas and other statements make of each other's outcomes.
    """
    prefix = f"sheet{next(serial)}_"
    texts = ["\n".join(each).replace("{prefix}", prefix) + "\n" for each in lines]
    modules = [project.load(f"{prefix}{at}", text) for at, text in enumerate(texts)]
    edited = [f"{name}0 = {value}" if each.startswith(f"{name}0 =") else each for each in lines[0]]
    project.write(f"{prefix}0.py", "\n".join(edited) + "\n")

    registry.refresh()

    present = [shown(vars(each)) for each in modules]
    for each in modules:
        del sys.modules[each.__name__]
    assert present == [shown(vars(importlib.import_module(each.__name__))) for each in modules]


def shown(namespace):
    return {name: value for name, value in namespace.items() if name[:1] in NAMES}
