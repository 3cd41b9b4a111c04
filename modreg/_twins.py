"""Which new objects give way to old ones, and what is the same, or just alike."""

from __future__ import annotations

import collections.abc
import functools
import typing
from collections.abc import Iterable, Mapping
from contextvars import Context, ContextVar
from types import BuiltinMethodType, MethodType, MethodWrapperType
from typing import Any, Final

import attrs

from modreg._journal import MISSING
from modreg._pairs import Pair, is_pair
from modreg._values import ATOMS, is_atom


@attrs.define(eq=False)
class Twins:
    """
    The new objects that must give way, each with the old one that is kept.

    The new ones are held as long as this lives, so that no identity is used again.
    """

    _pairs: dict[int, Pair] = attrs.field(factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Twins:
        return cls({id(each.new): each for each in pairs})

    def add(self, old: object, new: object) -> None:
        self._pairs[id(new)] = Pair(old, new)

    def update(self, others: Twins) -> None:
        self._pairs.update(others._pairs)

    def drop(self, others: Twins) -> None:
        for key in others._pairs:
            self._pairs.pop(key, None)

    def __contains__(self, value: object) -> bool:
        return id(value) in self._pairs

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def kept(self, value: object) -> Any:  # of the type of *value*
        """The object that stands for *value*: the kept one, itself, or a tuple with either inside."""
        found = self._pairs.get(id(value))
        if found is not None:
            return found.old
        if type(value) is tuple and any(self.kept(x) is not x for x in value):
            return tuple(map(self.kept, value))
        return value

    def among(self, values: Mapping[str, object]) -> dict[str, object]:
        """The names for whose values others stand, with these."""
        pairs = self._pairs
        some = {name: value for name, value in values.items() if id(value) in pairs or type(value) is tuple}
        return {name: kept for name, value in some.items() if (kept := self.kept(value)) is not value}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(self._pairs.values())


def is_same(old: Any, new: Any) -> bool:  # any values
    """Whether nobody could tell *new* from *old*, as far as that shows without running their code."""
    if old is new:
        return True
    if type(old) is not type(new):
        return False
    if type(old) is tuple:
        return len(old) == len(new) and all(map(is_same, old, new))
    if type(old) is str or type(old) is bytes or type(old) is int:
        return bool(old == new)
    return is_atom(type(old)) and repr(old) == repr(new)  # repr tells 0.0 from -0.0, and finds NaN equal


def is_alike(old: Any, new: Any, twins: Twins | None = None, depth: int = 6) -> bool:  # any values
    """
    Whether a value that an execution made anew says just what the old one says.

    Plain containers are compared by what is in them, in its order, down to a depth; for *twins* stand those who
    are kept.
    """
    if (twins is not None and twins.kept(new) is old) or is_same(old, new):
        return True
    kind = type(old)
    if kind is type(new) and id(kind) in _EQUAL:
        return bool(old == new) and not getattr(old, "__forward_evaluated__", False)
    if kind is not type(new) or id(kind) not in _COMPARED or not depth:
        return False
    if kind is functools.partial:
        old, new = ((x.func, x.args, x.keywords, x.__dict__) for x in (old, new))
    elif id(kind) in _ALIASES:
        old, new = ((getattr(x, "__origin__", None), getattr(x, "__unpacked__", None), x.__args__) for x in (old, new))
    elif kind is MethodType:
        old, new = ((x.__func__, x.__self__) for x in (old, new))
    if len(old) != len(new):
        return False
    if kind is dict:
        old, new = (tuple(x.copy().items()) for x in (old, new))
    elif kind in (set, frozenset):
        old, new = (sorted(x, key=_sorting) for x in (old, new))
    return all(is_alike(one, other, twins, depth - 1) for one, other in zip(old, new, strict=True))


_ALIASES: Final = frozenset({
    id(type(each))
    for each in (
        list[int], typing.Sequence[int], collections.abc.Callable[[int], str], typing.Callable[[int], str],
        int | None, typing.Optional[int],  # noqa: UP045
    )
})  # fmt: skip
"""What subscripted and joined types are: nothing in them changes."""

_COMPARED: Final = _ALIASES | frozenset(map(id, (tuple, list, dict, set, frozenset, functools.partial, MethodType)))


_EQUAL: Final = frozenset(map(id, (BuiltinMethodType, MethodWrapperType, typing.ForwardRef)))
"""What is compared by who it is of; a name that waits stands for what it meant once it was asked."""


def _sorting(value: object) -> tuple[str, str]:
    """What brings the elements of equal sets into one order, if they are atoms."""
    return type(value).__name__, repr(value) if id(type(value)) in ATOMS else ""


def alone(old: Mapping[str, object], new: Mapping[str, object], owner: str) -> dict[str, Pair]:
    """
    What is no definition of the module *owner* and may be its own all the same, by name.

    Bare objects say nothing but who they are (``MISSING = object()``), nor do type variables of one name and bound, and
    context variables of one name and default, which contexts have values for; a partial may be of what another defines.
    """
    both = {n: Pair(old[n], x) for n, x in new.items() if id(type(x)) in _ALONE and type(x) is type(old.get(n))}
    variables = {n for n, p in both.items() if id(type(p.new)) in _VARIABLES}
    twins = Twins.of(Pair(old[n], x) for n, x in new.items() if variables and is_pair(old.get(n), x, owner))
    both = {n: p for n, p in both.items() if n not in variables or _is_same_variable(p.old, p.new, twins)}
    both = {n: p for n, p in both.items() if type(p.new) is not ContextVar or _is_same_context_variable(p.old, p.new)}
    return {n: p for n, p in both.items() if not (is_alike(p.old, p.new) or is_pair(p.old, p.new, owner))}


_VARIABLES: Final = frozenset(map(id, (typing.TypeVar, typing.TypeVarTuple, typing.ParamSpec)))
_ALONE: Final = frozenset({id(object), id(functools.partial), id(ContextVar)}) | _VARIABLES
_OF_VARIABLE: Final = tuple(
    f"__{name}__"
    for name in ("name", "module", "bound", "covariant", "contravariant", "infer_variance", "default")
)


def is_variable_of(value: Any, owner: str) -> bool:  # any object
    """Whether a value is a type variable that the code of a module has made."""
    return id(type(value)) in _VARIABLES and value.__module__ == owner


def _is_same_variable(old: Any, new: Any, twins: Twins) -> bool:  # two of _VARIABLES
    """Whether two type variables stand for the same; what is quoted is compared as it is written."""
    sides = ([*(getattr(x, n, None) for n in _OF_VARIABLE), *getattr(x, "__constraints__", ())] for x in (old, new))
    mine, theirs = (tuple(x.__forward_arg__ if type(x) is typing.ForwardRef else x for x in each) for each in sides)
    return is_alike(mine, theirs, twins)


def _is_same_context_variable(old: Any, new: Any) -> bool:  # two context variables
    """Whether two context variables have one name, and give the same in a context that has no value for them."""
    return old.name == new.name and is_alike(_default(old), _default(new))


def _default(variable: Any) -> object:  # a context variable
    try:
        return Context().run(variable.get)
    except LookupError:
        return MISSING


def keep_alike(old: Mapping[str, object], new: Mapping[str, object], twins: Twins) -> Twins:
    """
    Keep the containers that came out as they were: who took hold of them need not be looked for.

    Those that can change are among *twins* from now on.  Of the others, which code holds as constants, only the
    names are concerned.
    """
    values = Twins()
    for name, value in new.items():
        former = old.get(name)
        if former is not value and id(type(value)) in _COMPARED and is_alike(former, value, twins):
            is_frozen = id(type(value)) in _ALIASES or type(value) in (tuple, frozenset, MethodType)
            (values if is_frozen else twins).add(former, value)
    return values
