"""Functions made inside other functions before these changed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType

import attrs

from modreg._journal import Attribute, Code, Journal
from modreg._patch import forward


@attrs.frozen(eq=False)
class _Inner:
    """The code of a function inside another one, before and after."""

    old: CodeType
    new: CodeType


def renew(journal: Journal) -> int:
    """
    Give closures that were made before a change the code that they would be made with now.

    They keep what they captured.  The heap is searched only where reference counts show that somebody holds
    a former code object, so the allocation window must be closed.

    Returns:
        How many functions were renewed.
    """
    pairs = {id(each.old): each for each in _changed(journal) if _is_held(each)}
    holders = gc.get_referrers(*[each.old for each in pairs.values()]) if pairs else []
    done = 0
    for holder in holders:
        if type(holder) is FunctionType and id(holder.__code__) in pairs:
            _renew(holder, pairs[id(holder.__code__)].new, journal)
            done += 1
    return done


def _renew(function: FunctionType, code: CodeType, journal: Journal) -> None:
    """Give a closure other code; where that captures less, which CPython refuses, it leads to one that has it."""
    if function.__code__.co_freevars == code.co_freevars:
        journal.write(Code(function, "__code__"), code)
        return
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in code.co_freevars)
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    forward(function, made, journal)


def _changed(journal: Journal) -> Iterator[_Inner]:
    """The inner functions of all functions whose code the journal changed."""
    for entry in list(journal):
        if isinstance(entry.place, Attribute) and entry.place.name == "__code__":
            yield from _inside(entry.before, entry.after)


def _inside(old: CodeType, new: CodeType) -> Iterator[_Inner]:
    """The functions inside both, by name and place, as far as one's code can stand for the other's."""
    theirs = _by_name(new)
    for key, before in _by_name(old).items():
        after = theirs.get(key)
        if after is None or before is after:
            continue
        if before != after and set(after.co_freevars) <= set(before.co_freevars):
            yield _Inner(before, after)
        yield from _inside(before, after)


def _by_name(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code objects directly inside one, by name and by their place among those of that name."""
    found: dict[tuple[str, int], CodeType] = {}
    for constant in code.co_consts:
        if type(constant) is CodeType:
            place = 0
            while (constant.co_name, place) in found:
                place += 1
            found[constant.co_name, place] = constant
    return found


def _is_held(inner: _Inner) -> bool:
    """Whether anything but the constants of the code around it refers to the former code."""
    return sys.getrefcount(inner.old) > _UNHELD


def _references() -> int:
    """What a code object is counted that only the code around it and an :class:`_Inner` refer to."""

    def outer() -> object:
        return lambda: None

    inner = next(iter(_by_name(outer.__code__).values()))
    pair = _Inner(inner, inner)
    del inner
    return sys.getrefcount(pair.old) - 1  # the pair holds it twice


_UNHELD = _references()
