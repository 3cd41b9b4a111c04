"""What an execution made anew just as it was: functions, classes, plain instances."""

from __future__ import annotations

import functools
import gc
import operator
import sys
import weakref
from collections.abc import Iterable, Mapping
from types import CellType, CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

from modreg._classes import bases_of, is_class, is_made_by_statement, layout, mro, mro_of, sizes, table
from modreg._journal import MISSING, is_layout
from modreg._pairs import OF_IMPORT, Pair
from modreg._patch import is_same_code
from modreg._twins import is_alike, is_same
from modreg._values import ATOMS, content, parts, state


def settle(former: Mapping[str, object], namespace: dict[str, object], owner: str) -> list[type]:
    """
    Bind definitions of the module *owner* to their former objects again where nobody can tell the difference.

    That is so of most definitions at most reloads: the new one is just like the old one, and nothing but the
    namespace holds it.  It is what patching would come to, for a fraction of the time.

    Returns:
        The new classes that go, but are among the subclasses of others until the collector comes.
    """
    names = [
        name
        for name, new in namespace.copy().items()
        if _is_settled(new) and former.get(name, new) is not new
    ]
    settled = [
        (name, new)
        for name, new, count in _counted(names, namespace)
        # Another thread may have bound the name to anything meanwhile.
        if _is_settled(new) and _is_own(new, owner) and _is_free(new, count) and _is_redefined(Pair(former[name], new))
    ]
    namespace.update({name: former[name] for name, _ in settled})  # one step for other threads
    going = {id(object), *(id(new) for _, new in settled)}
    classes = (new for _, new in settled if type(new) is type)
    return [new for new in classes if not going.issuperset(map(id, bases_of(new)))]


def _is_settled(value: object) -> bool:
    """Whether a value is a definition of the most usual kinds."""
    return type(value) is FunctionType or type(value) is type


def settle_instances(former: Mapping[str, object], namespace: dict[str, object]) -> None:
    """
    Bind instances to their former objects again where these hold the same, and nobody else has the new one.

    Who took the former one has what is there, and need not be executed.  In the namespace old definitions have
    become the new ones by now.
    """
    names = [
        name
        for name, new in namespace.copy().items()
        if (old := former.get(name)) is not new and name not in OF_IMPORT and _is_remade(old, new)
    ]
    back = {
        name: former[name]
        for name, new, count in _counted(names, namespace)
        if count == _UNHELD and _is_as_good(former[name], new, count)
    }
    namespace.update(back)


def _counted(names: list[str], namespace: Mapping[str, object]) -> Iterable[tuple[str, Any, int]]:
    """Names with what they stand for, and how often that is counted while nothing else here holds it."""
    values = [*map(namespace.get, names)]
    return zip(names, values, _counts(values), strict=True)


def _is_remade(old: object, new: object) -> bool:
    """Whether a collection, or a plain instance, stands where another one of its class stood."""
    if type(old) is not type(new) or id(type(new)) in ATOMS or is_class(new):
        return False
    if type(new) in _COLLECTIONS:
        return True
    return type(new) is not object and _is_plain(type(new)) and not any("__del__" in table(each) for each in mro(new))


def _is_plain(kind: type) -> bool:
    """Whether instances hold nothing besides what is in their ``__dict__`` and their slots, as C types may."""
    if not all(cls is object or is_made_by_statement(cls) for cls in mro_of(kind)):
        return False
    size, item, _, weak, _ = layout(kind)
    # What a class of C holds need not show, whatever members it has.
    tables = (table(cls) for cls in mro_of(kind) if "__slots__" in table(cls))
    slots = sum(type(value) is MemberDescriptorType for each in tables for value in each.values())
    return not item and size == _bare(is_weak=bool(weak)) + slots * tuple.__itemsize__  # of a pointer


@functools.cache
def _bare(*, is_weak: bool) -> int:
    """How large an instance is that holds nothing; a ``__dict__`` stands before it."""
    return type("", (), {"__slots__": ("__dict__", "__weakref__") if is_weak else ()}).__basicsize__


_COLLECTIONS: Final = (list, tuple, dict)


def _is_as_good(old: object, new: object, count: int, depth: int = 20) -> bool:
    """Whether *old* may stand in the place of *new*, which is counted *count* times; nothing leads back into itself."""
    if is_same(old, new):
        return True
    if count != _UNHELD or weakref.getweakrefcount(new) or not depth:
        return False
    if not _is_remade(old, new):
        return is_alike(old, new)
    mine, values = state(old), [*state(new).values()]
    return is_same((*mine,), (*state(new),)) and all(
        _is_as_good(one, other, held, depth - 1)
        for one, other, held in zip(mine.values(), values, _counts(values), strict=True)
    )


def _is_own(value: Any, owner: str) -> bool:  # a function or a class
    home = value.__module__ if type(value) is FunctionType else table(value).get("__module__")
    return type(home) is str and home == owner


def _is_redefined(pair: Pair) -> bool:
    """Whether the new of a pair, a function or a class, is just like the old."""
    if type(pair.old) is not type(pair.new):
        return False
    return _is_alike_class(pair) if type(pair.new) is type else _is_alike_function(pair.old, pair.new, pair)


# Who holds them


def _is_free(new: Any, count: int) -> bool:  # as above
    """Whether nothing holds a definition, nor what it is made of, but the place where it was found."""
    if type(new) is FunctionType:
        return count == _UNHELD and not weakref.getweakrefcount(new)
    own = _own_references(new)
    # The only weak reference to a class is the one that its bases have.
    return own is not None and count == _UNHELD + own and weakref.getweakrefcount(new) == 1


def _own_references(cls: type) -> int | None:
    """
    How often a class is referred to by what it is made of: its MRO, its descriptors, the cell for ``super()``.

    `None` if anything else holds its methods, or what these wrap.
    """
    values: list[Any] = [*table(cls).values()]
    found = 1
    cells: list[CellType] = []
    for value, count in zip(values, _counts(values), strict=True):
        kind = id(type(value))
        if kind in _DESCRIPTORS:  # from 3.15 on all classes share those of ``__dict__`` and ``__weakref__``
            found += value.__objclass__ is cls
        elif type(value) is FunctionType or kind in _WRAPPERS:
            if count != _UNHELD or (kind in _WRAPPERS and not _is_inside_free(value)):
                return None
            functions = (value,) if type(value) is FunctionType else _inside(value)
            cells.extend(cell for each in functions if type(each) is FunctionType for cell in each.__closure__ or ())
    return found + len({id(cell) for cell in cells if content(cell) is cls})


_DESCRIPTORS: Final = frozenset(map(id, (GetSetDescriptorType, MemberDescriptorType)))
_WRAPPERS: Final = frozenset(map(id, (property, staticmethod, classmethod)))


def _inside(wrapper: object) -> list[Any]:  # one of the kinds above, and the functions that it wraps
    return [each for _, each in parts(wrapper)]


def _is_inside_free(wrapper: object) -> bool:
    """Whether a wrapper alone holds what it wraps."""
    inside = [each for each in _inside(wrapper) if each is not None]
    return _counts(inside) == [_UNHELD] * len(inside)


def _counts(values: list[Any]) -> list[int]:  # of any objects
    return [sys.getrefcount(each) for each in values]


def _unheld() -> int:
    """What an object is counted that only one place and a list as above hold; versions differ."""
    place = {"probe": lambda: None}
    return _counts([*place.values()])[0]


_UNHELD: Final = _unheld()


# What they are


def _is_alike_function(old: FunctionType, new: FunctionType, pair: Pair) -> bool:
    """
    Whether two functions are the same in everything that they refer to, and so in everything.

    A function is nothing but its references, which the collector lists in one order: code, globals, module,
    defaults, docstring, name, attributes, closure, annotations.
    """
    mine, theirs = gc.get_referents(old), gc.get_referents(new)
    if len(mine) != len(theirs):  # a dict of attributes is there from when it was first asked for
        longer, function = (mine, old) if len(mine) > len(theirs) else (theirs, new)
        longer[:] = [each for each in longer if each is not function.__dict__ or each]
    return _are_alike(mine, theirs, pair)


def _are_alike(mine: list[Any], theirs: list[Any], pair: Pair) -> bool:  # what functions refer to
    if len(mine) != len(theirs):
        return False
    for one, other in zip(mine, theirs, strict=True):
        if one is not other and not _is_alike_reference(one, other, pair):
            return False
    return True


def _is_alike_reference(old: Any, new: Any, pair: Pair) -> bool:  # what a function refers to
    if type(old) is not type(new):
        return False
    if type(new) is CodeType:
        return is_same_code(old, new)
    if type(new) is dict:
        old, new = (*old, *old.values()), (*new, *new.values())
        if len(old) == len(new) and all(map(operator.is_, old, new)):
            return True  # as keyword defaults mostly are
    if type(new) is tuple and len(old) == len(new):  # a closure among others
        both = zip(old, new, strict=True)
        return is_same(old, new) or all(_is_same(one, other, pair) for one, other in both)
    return _is_same(old, new, pair)


def _is_same(old: object, new: object, pair: Pair) -> bool:
    """Whether two values, or what two cells hold, are the same, were the two of *pair* one object."""
    if type(old) is CellType and type(new) is CellType:
        old, new = content(old), content(new)
    return is_same(old, new) or (old is pair.old and new is pair.new)


def _is_alike_class(pair: Pair) -> bool:
    """Whether two classes whose metaclass is `type` are the same in all that they have."""
    old, new = pair.old, pair.new
    mine, theirs = table(old), table(new)
    if len(mine) != len(theirs) or old.__qualname__ != new.__qualname__ or sizes(old) != sizes(new):
        return False
    if not is_same(bases_of(old), bases_of(new)):
        return False
    olds, news = [], []
    queue: list[tuple[str, Any, Any]] = [(name, mine.get(name, MISSING), value) for name, value in theirs.items()]
    for name, former, value in queue:  # it grows while it is walked
        if former is value:
            continue
        if type(value) is not type(former):
            return False
        if type(value) is FunctionType:
            olds.append(former)
            news.append(value)
        elif type(value) is property and is_same(former.__doc__, value.__doc__):
            queue.extend(zip(("", "", ""), _inside(former), _inside(value), strict=True))
        elif is_layout(name, value):
            if name == "__slots__" and former != value:  # the same ones, but listed otherwise
                return False
        elif not _is_alike_attribute(former, value, pair):
            return False
    if _are_alike(gc.get_referents(*olds), gc.get_referents(*news), pair):
        return True  # all at once, as it mostly shows
    return all(_is_alike_function(*both, pair) for both in zip(olds, news, strict=True))


def _is_alike_attribute(old: Any, new: Any, pair: Pair) -> bool:  # values in attribute tables
    kind = type(new)
    if kind is not type(old):
        return False
    if kind is FunctionType:
        return _is_alike_function(old, new, pair)
    if kind is staticmethod or kind is classmethod:
        mine, theirs = ({k: v for k, v in each.__dict__.items() if k not in _OF_FUNCTION} for each in (old, new))
        return _is_alike_attribute(old.__func__, new.__func__, pair) and _is_alike_reference(mine, theirs, pair)
    return is_same(old, new)


_OF_FUNCTION: Final = frozenset({"__annotations__", "__annotate__"})
"""What a static or class method has of its function besides; up to 3.13 it is there from the start."""
