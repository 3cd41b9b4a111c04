"""Where code stands in its file: line numbers that follow an edit which changed nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, Final

from modreg._classes import is_class, table
from modreg._journal import ClassAttribute, Code, Journal
from modreg._pairs import is_own
from modreg._source import codes_in, is_same_constant
from modreg._values import ATOMS, is_definition, is_holder, parts, state


def moves(old: list[CodeType], new: list[CodeType]) -> dict[CodeType, CodeType] | None:
    """
    For each code object of a module the one that stands for it in the new file.

    Args:
        old: The code of the functions and classes that stand directly in the module.
        new: The same of its new source.

    Returns:
        `None` if the two are not built alike: the new source says something else, or the compiler has merged
        constants that stand on one line.
    """
    found: dict[CodeType, CodeType] = {}
    if [each.co_qualname for each in old] != [each.co_qualname for each in new]:
        return None
    for before, after in zip(old, new, strict=True):
        if before is after:
            continue
        inside = moves(codes_in(before), codes_in(after)) if _is_built_alike(before, after) else None
        if inside is None:
            return None
        found[before] = after
        found.update(inside)
    return found


def _is_built_alike(old: CodeType, new: CodeType) -> bool:
    """Whether two code objects have the same names and constants."""
    if old.co_names != new.co_names or old.co_freevars != new.co_freevars:
        return False
    mine, theirs = _constants(old), _constants(new)
    return len(mine) == len(theirs) and all(map(is_same_constant, mine, theirs))


def _constants(code: CodeType) -> Sequence[object]:
    """The constants of a code object, but for the number of its line, which from 3.13 on the body of a class has."""
    if "__firstlineno__" not in code.co_names:
        return code.co_consts
    return [each for each in code.co_consts if type(each) is not int]


def follow(owner: str, namespace: Mapping[str, object], moved: Mapping[CodeType, CodeType], journal: Journal) -> None:
    """Give the functions and classes of the module *owner* that its namespace reaches their new lines."""
    lines = {(old.co_qualname, old.co_firstlineno): new.co_firstlineno for old, new in moved.items()}
    for value in _reached(owner, namespace):
        if type(value) is FunctionType:
            new = moved.get(value.__code__)
            if new is not None and new != value.__code__:
                journal.write(Code(value, "__code__"), new)
        else:
            _follow_class(value, lines, journal)


def _follow_class(cls: Any, lines: Mapping[tuple[str, int], int], journal: Journal) -> None:  # a class of any metaclass
    """From 3.13 on a class knows the line of its statement."""
    line = table(cls).get("__firstlineno__")
    new = lines.get((type.__dict__["__qualname__"].__get__(cls), line))  # type: ignore[arg-type]  # no number is no key
    if new is not None and new != line:
        journal.write(ClassAttribute(cls, "__firstlineno__"), new)


_MANY: Final = 10_000  # entries of a container that are looked at, and objects after which no instance is looked into

_DEPTH: Final = 3
"""How many instances and functions of others around a definition are looked into."""


def _reached(owner: str, namespace: Mapping[str, object]) -> Iterator[Any]:  # functions and classes
    """The module's functions and classes that its namespace leads to, through what holds and what wraps them."""
    queue = [(value, _DEPTH) for name, value in namespace.items() if name != "__builtins__"]
    seen: set[int] = set()
    for value, depth in queue:  # it grows while it is walked
        if id(value) in seen or id(type(value)) in ATOMS:
            continue
        seen.add(id(value))
        if type(value) in (list, tuple, set, frozenset, dict):
            inside = value.values() if type(value) is dict else value
            queue.extend((each, depth) for each in inside if len(value) <= _MANY)  # type: ignore[arg-type,attr-defined]  # collections by the line above
        elif is_definition(value) and is_own(value, owner):
            yield value
            queue.extend((part, depth) for _, part in parts(value))
        elif depth and len(seen) <= _MANY:
            queue.extend((part, depth - 1) for part in _within(value))


def _within(value: object) -> Iterator[object]:
    """What wraps others, and instances, have in them; the classes of others have nothing of the module's own."""
    if is_holder(value):
        yield from state(value).values()
    elif not is_class(value):
        yield from (part for _, part in parts(value))
