"""Which new definition stands for which old one, by what they define rather than where they are bound."""

from __future__ import annotations

import enum
import functools
import sys
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias

import attrs

from modreg._classes import is_class, looked_up, mro, qualname_of, table
from modreg._values import ATOMS, CACHED, NAMESPACE, ROOM, is_atom, is_holder, is_wrapper, label_of, parts, state


@attrs.define(eq=False)
class Pair:
    """An old definition and the new one that is to become it."""

    old: Any  # of any type and metaclass
    new: Any


def home(definition: object) -> object:
    """What is to be found where a definition says that it is."""
    _, module, name = label_of(definition) or ("", "", "")
    found = sys.modules.get(module)
    return NAMESPACE(found).get(name) if ModuleType in mro(found) else None


def is_own(value: object, owner: str, depth: int = 4) -> bool:
    """
    Whether the module *owner* defines *value*, or what it wraps: a decorator of another module made it then.

    What another module defines is never touched on account of this one, whatever its name here.
    """
    label = label_of(value)
    if label is not None and label[1] == owner:
        return True
    if depth == 0 or not (type(value) is FunctionType or is_wrapper(value)):
        return False
    return any(is_own(part, owner, depth - 1) for _, part in parts(value))


def _has_made(owner: str, value: Any) -> bool:  # a function or class
    """Whether a function, or one in the body of a class, is of the code of *owner*, as whose ever it is given out."""
    if is_own(value, owner):
        return True
    if type(value) is FunctionType:
        return bool(value.__globals__.get("__name__") == owner)
    inside = list(table(value).values())
    inside += [part for each in inside if is_wrapper(each) for _, part in parts(each)]
    functions = (each for each in inside if type(each) is FunctionType)
    return any(_has_made(owner, each) for each in functions if each.__qualname__.startswith(f"{qualname_of(value)}."))


def is_pair(old: Any, new: Any, owner: str) -> bool:  # any objects
    """
    Whether *new* is the later definition of *old* in the module *owner*.

    Functions and classes by their kind and qualified name, and what wraps them by its type; only where both are
    the module's own, which another may give out as its own by their ``__module__``.
    """
    label = label_of(old)
    if label is not None:
        kind, module, name = label_of(new) or (None, "", "")
        if kind is not label[0] or name != label[2]:
            return False
        return module == label[1] == owner or (_has_made(owner, old) and _has_made(owner, new))
    if type(old) is CACHED is type(new):  # what it calls cannot be exchanged
        return is_pair(old.__wrapped__, new.__wrapped__, owner)
    return type(old) is type(new) and is_wrapper(old) and is_own(old, owner) and is_own(new, owner)


Earlier: TypeAlias = Callable[[type, str], Iterable[object]]
"""What a class had under a name in earlier versions, the latest first."""


def never(_: type, __: str) -> Iterable[object]:
    """Nothing is known."""
    return ()


def is_other(old: object, new: object) -> bool:
    """Whether what two versions have under a name is of two kinds, or two definitions."""
    return type(old) is not type(new) or label_of(old) != label_of(new)


def pair(old: Mapping[str, object], new: Mapping[str, object], owner: str, earlier: Earlier = never) -> list[Pair]:
    """
    Every pair of definitions in an old and a new namespace of the module *owner*.

    First by the path on which both are reached, through containers and instances too (a table of handlers, a
    command with its callback); then, for definitions that were bound to another name, by qualified name where
    only one definition on each side has it.  What had left a class, and is there again, is what it was *earlier*.
    """
    found: dict[int, Pair] = {}
    seen: set[tuple[int, int]] = set()
    other = [name for name, x in new.items() if name in old and old[name] is not x and name not in OF_IMPORT]
    queue = deque([(old[name], new[name], 0) for name in other])
    _follow(queue, owner, found, seen, earlier)
    queue.extend((*both, 0) for both in _moved(old, new, owner, found))
    _follow(queue, owner, found, seen, earlier)
    return list(found.values())


OF_IMPORT: Final = frozenset({"__spec__", "__loader__"})
"""Instances that the import system puts into every namespace, new ones each time."""


def _follow(
    queue: deque[tuple[object, object, int]],
    owner: str,
    found: dict[int, Pair],
    seen: set[tuple[int, int]],
    earlier: Earlier,
) -> None:
    """Pair what the queue holds, each with its depth in containers, and all that is reached from there."""
    used = {id(p.old) for p in found.values()}
    while queue:
        old, new, depth = queue.popleft()
        if old is new or id(type(new)) in ATOMS or (id(old), id(new)) in seen:
            continue
        seen.add((id(old), id(new)))
        if depth < _DEPTH and type(new) is not FunctionType and _is_looked_into(old) and _is_looked_into(new):
            places = _at_equal_places(old, new)  # nearly all hold what the loop would pass over, one by one
            queue.extend((x, y, depth + 1) for x, y in places if x is not y and id(type(y)) not in ATOMS)
            continue
        if not is_pair(old, new, owner) or id(new) in found or id(old) in used:
            continue
        found[id(new)] = Pair(old, new)
        used.add(id(old))
        inside = dict(parts(old))
        both = [(inside[name], part, depth) for name, part in parts(new) if name in inside]
        if is_class(old):
            other = [(name, part) for name, part in parts(new) if is_other(inside.get(name), part)]
            both += [(former, part, depth) for name, part in other for former in earlier(old, name)]
        # A package may say that a class is its own, as it gives it to others, but not so of the functions in it.
        body = _module_of_body(new, owner)
        queue.extend(each for each in both if body == owner or is_class(each[1]))
        if body != owner:
            _follow(deque(each for each in both if not is_class(each[1])), body, found, seen, earlier)


def _module_of_body(value: object, owner: str) -> str:
    """The module whose source has the body of a class, as the functions in it say: *owner* if one of them says so."""
    label = label_of(value)
    if label is None or not is_class(value):
        return owner
    labels = map(label_of, table(value).values())
    modules = [each[1] for each in labels if each and each[2].startswith(f"{label[2]}.")]
    top = owner.partition(".")[0]  # what others make for a class (a named tuple) says nothing of its body
    inside = [each for each in modules if each.partition(".")[0] == top]
    return owner if owner in inside else next(iter(inside), owner)


_DEPTH: Final = 3
"""How many containers and instances around a definition are looked into."""


def _is_looked_into(value: object) -> bool:
    """Whether definitions may stand in a value, also in a collection of another class than the plain ones."""
    if is_holder(value):
        return True
    base = _collection(value)
    return base is not None and base.__len__(value) <= ROOM


def _collection(value: object) -> Any:  # one of these classes, or nothing
    """The class of collections that a value's class is derived from, or is."""
    return next((cls for cls in mro(value) if id(cls) in _COLLECTIONS), None)


_COLLECTIONS: Final = frozenset(map(id, (dict, list, tuple, deque)))


def _elements(value: Any) -> dict[object, object]:  # any object
    """What a collection holds by key or by index; those of another length have other things at an index."""
    base = _collection(value)
    if base is None:
        return {}
    if base is dict:
        return dict(dict.items(value))  # `dict.copy` asks a class that overrides `__iter__`
    elements = tuple(base.__iter__(value))  # one step: other threads may change it meanwhile
    return {(len(elements), at): x for at, x in enumerate(elements)}


def _at_equal_places(old: Any, new: Any) -> Iterator[tuple[object, object]]:  # two holders
    """What both hold under one key, one index, or one attribute."""
    if type(old) is type(new) and type(new) in (list, tuple):
        yield from zip(tuple(old), tuple(new), strict=False) if len(old) == len(new) else ()
    elif label_of(type(old)) == label_of(type(new)):
        sides = ({**_elements(each), **state(each)}.items() for each in (old, new))
        before, after = ({k if type(k) in (str, int) else _named(k): x for k, x in each} for each in sides)
        yield from ((before[key], after[key]) for key in after if key in before)


def _named(key: object) -> tuple[object, ...]:
    """
    What a key is found by where it was made anew: to compare the keys themselves may run anything.

    A definition goes by its name, if there is but one of that, as do the members of an enum; other objects by identity.
    """
    if is_atom(type(key)):
        return type(key), key
    if type(key) is tuple:
        return tuple, *map(_named, key)
    label = label_of(key)
    if label is not None and "<" not in label[2]:
        return label
    if enum.EnumMeta in mro(type(key)) and type(name := state(key).get("_name_")) is str:
        return enum.EnumMeta, _named(type(key)), name
    return object, id(key)


def rebound(old: Mapping[str, object], new: Mapping[str, object], owner: str, pairs: Iterable[Pair]) -> list[Pair]:
    """
    The module's functions whose name the new source gives to another: a decorator came, went or changed.

    Anything else that can be called takes a function's place, too.

    A function counts only under the name that it was defined with: a mere alias that now leads
    elsewhere says nothing of the function.  With an `lru_cache` that went comes the function that it calls.
    """
    paired = {id(p.old) for p in pairs}
    other = {name: Pair(x, new[name]) for name, x in old.items() if name in new and x is not new[name]}
    other = {n: p for n, p in other.items() if _is_leading(p.old, p.new) and id(p.old) not in paired}
    alive = {id(value) for value in new.values()} if other else ()
    found = {n: p for n, p in other.items() if id(p.old) not in alive and _is_defined_as(p.old, n)}
    return [*_with_cached(p for n, p in found.items() if _is_defined_as(p.new, n) and is_own(p.old, owner))]


def _with_cached(found: Iterable[Pair]) -> Iterator[Pair]:
    for each in found:
        yield each
        if type(each.old) is CACHED:
            yield Pair(each.old.__wrapped__, each.new)


def rebound_methods(owner: str, pairs: Collection[Pair]) -> list[Pair]:
    """As :func:`rebound`, for the methods of classes that are paired, which somebody may hold bound."""
    paired = {id(p.old) for p in pairs}
    found = (method for p in pairs if is_class(p.old) for method in _exchanged_methods(p.old, p.new))
    some = (p for p in found if id(p.old) not in paired)
    return [*_with_cached(p for p in some if type(p.old) is Present or is_own(p.old, owner))]


@attrs.frozen(eq=False)
class Present:
    """
    What a class has under a name when it is called: for who holds a method that is of another kind now.

    Attributes:
        owner: The class.
        name: Where it has the method.
        kind: What the method that is held was: `staticmethod` and `classmethod` tell what it is called with.
    """

    owner: type
    name: str
    kind: type

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # as the method that is there takes and returns
        found = looked_up(self.owner, self.name)
        instance, cls = None, self.owner
        if self.kind is classmethod:
            cls, *args = args  # type: ignore[assignment]  # the rest
        elif self.kind is not staticmethod and args and cls in mro(args[0]):
            instance, *args = args  # type: ignore[assignment]  # as above
        get: Any = getattr(type(found), "__get__", None)
        return (get(found, instance, cls) if get else found)(*args, **kwargs)


def _exchanged_methods(old: type, new: type) -> Iterator[Pair]:
    """What was defined as a method of one class, with what is to be called for it in the other."""
    body, after = qualname_of(old), table(new)
    for name, value in table(old).items():
        other = after.get(name)
        one, two = _function_in(value), _function_in(other)
        if one is two or not _is_defined_as(one, f"{body}.{name}"):
            continue
        if type(value) is type(other) or {id(type(value)), id(type(other))} <= _FUNCTIONS:
            yield Pair(one, two)
        elif one is not None and _is_method(other):
            yield Pair(one, Present(old, name, type(value)))
            if two is not None:  # for the way back
                yield Pair(Present(old, name, type(other)), two)


_FUNCTIONS: Final = frozenset({id(FunctionType), id(CACHED)})


def _function_in(method: Any) -> object:  # anything that a class has
    """The function that is called for a method of the usual kinds, or the `lru_cache` of one."""
    found = method.__func__ if type(method) in (staticmethod, classmethod) else method
    return found if id(type(found)) in _FUNCTIONS else None


def _is_method(value: object) -> bool:
    """Whether what a class has can be called: in itself, or because it gives out something to call."""
    if property in mro(value) or functools.cached_property in mro(value):
        return False
    return callable(value) or any("__get__" in table(cls) for cls in mro(value))


def moving(old: Mapping[str, object], new: Mapping[str, object], owner: str) -> list[Pair]:
    """
    The functions and classes whose name leads to one of that name in another module, or to one of another name.

    That is so where a definition was renamed, and the former name goes on as an alias; or the other way round, where
    the alias is defined by itself now and its definition is gone.  The module's own functions that moved are left out,
    for which :func:`rebound` has more.
    """
    found = {name: Pair(value, new[name]) for name, value in old.items() if name in new and value is not new[name]}
    labels = {name: label for name, each in found.items() if (label := label_of(each.new)) is not None}
    both = ((name, label_of(found[name].old), label) for name, label in labels.items())
    return [found[name] for name, former, label in both if former and _is_moving(name, former, label, owner, new)]


def _is_moving(
    name: str, old: tuple[object, str, str], new: tuple[object, str, str], owner: str, names: Container[str]
) -> bool:
    if old[0] is not new[0]:
        return False
    if old[1] == new[1]:
        if new[1:] == (owner, name):
            return old[2] != name and old[2].isidentifier() and old[2] not in names
        return old[1:] == (owner, name) and "<locals>" not in new[2]
    return old[2] == new[2] and old[:2] != (FunctionType, owner)


def _is_leading(old: object, new: object) -> bool:
    """Whether calls of a function, or of an `lru_cache` of one, can go to something else."""
    if type(old) is FunctionType:
        return callable(new)
    return type(old) is CACHED and type(new) is FunctionType


def _is_defined_as(value: Any, name: str) -> bool:  # what a function may lead to
    """Whether *name* is where it was defined, or where a lambda, an instance or what a function made was put."""
    is_cached = type(value) is CACHED and hasattr(value, "__qualname__")  # it has none but of what it calls
    is_named = type(value) is FunctionType or is_class(value) or is_cached
    if not is_named:
        return True
    qualname = qualname_of(value)
    return qualname == name or qualname.endswith("<lambda>") or "<locals>" in qualname


def _moved(
    old: Mapping[str, object], new: Mapping[str, object], owner: str, found: dict[int, Pair]
) -> Iterator[tuple[object, object]]:
    """Definitions that are bound to other names than before."""
    if not any(_is_left(value, owner, found) for name, value in new.items() if old.get(name) is not value):
        return
    before = _by_label(old, owner, {id(p.old) for p in found.values()})
    after = _by_label(new, owner, set(found))
    for label, values in before.items():
        others = after.get(label, ())
        if len(values) == len(others) == 1:
            yield values[0], others[0]


def _is_left(value: object, owner: str, found: Mapping[int, Pair]) -> bool:
    """Whether a new object is a definition of the module's own that has no pair yet."""
    label = label_of(value)
    return label is not None and label[1] == owner and id(value) not in found


def _by_label(
    namespace: Mapping[str, object], owner: str, without: set[int]
) -> dict[tuple[object, str, str], list[object]]:
    """
    The module's own functions and classes that are not paired yet, by label.

    What a function made has its label from there: that of another call (what else a decorator wrapped) is no other.
    """
    made: dict[tuple[object, str, str], list[object]] = {}
    for value in {id(v): v for v in namespace.values()}.values():
        label = label_of(value)
        if label is not None and label[1] == owner and "<locals>" not in label[2] and id(value) not in without:
            made.setdefault(label, []).append(value)
    return made
