"""The objects that an execution made, found without searching the heap."""

from __future__ import annotations

import functools
import gc
import operator
import sys
import typing
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import compress
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    UnionType,
)
from typing import Any, Final, cast

import attrs

from modreg._classes import base_of, bases_of, is_class, looked_up, mro, mro_of, table
from modreg._journal import PLAIN, Attribute, Cell, ClassAttribute, ClassField, Contents, Gone, Item, Whole
from modreg._pairs import Pair
from modreg._patch import calling, mapped, place_in
from modreg._recast import Kept, recast
from modreg._twins import Twins
from modreg._values import CACHED, is_of_definitions, slots
from modreg._weak import references, renewed


@attrs.define(eq=False)
class Window:
    """
    An allocation window: from ``open`` to ``close`` the collector shows only what was made meanwhile.

    ``gc.freeze`` puts everything that lives aside, so ``gc.get_objects`` and ``gc.get_referrers``
    see new objects alone.  An application that froze objects itself must keep them frozen: then the
    window stays wide and every search goes over the whole heap.

    Attributes:
        has_remains: Whether classes that gave way are listed as subclasses of others until the collector comes.
    """

    is_narrow: bool = False
    has_remains: bool = False

    def open(self) -> None:
        if not self.is_narrow and gc.get_freeze_count() <= _OF_INTERPRETER:
            self.is_narrow = True  # before it is: a signal may come between any two lines, and close() must see it
            gc.collect(0)  # what freeze() meets becomes old, and is looked at again only after very long
            gc.freeze()

    def move(self) -> None:
        """Begin anew: what was made up to now is outside."""
        if self.is_narrow:
            gc.freeze()

    def clear(self) -> None:
        """Have the collector take what remains of classes: code that is executed may look for subclasses."""
        if self.is_narrow and self.has_remains:
            gc.collect()
        self.has_remains = False

    def close(self) -> None:
        if self.is_narrow:
            gc.collect()  # the same goes for what was made in the window, and nothing else is looked at now
            gc.unfreeze()
            self.is_narrow = False  # after it is, as above: to unfreeze twice does no harm

    def made(self, pairs: list[Pair], namespace: Mapping[str, object]) -> list[Pair]:
        """
        The pairs whose new object was made inside the window.

        The collector shows it, also where it was put into something outside; or nothing outside has it but *namespace*.
        """
        if not self.is_narrow:
            return []
        others = {id(p.new) for p in held(pairs, namespace)}
        if others:  # there are as many objects as a whole circle has made
            others.difference_update(map(id, gc.get_objects()))
        return [p for p in pairs if id(p.new) not in others]

    def is_leaking(self, namespace: Mapping[str, object]) -> bool:
        """Whether a definition or a wrapper that was made inside may be held outside, but for *namespace*."""
        if not self.is_narrow:
            return True
        shown = gc.get_objects()  # hundreds, so that each step goes over all of them in C
        kinds = [*map(type, shown)]
        keys = [*map(id, kinds)]
        wanted = {key for key, kind in dict(zip(keys, kinds, strict=True)).items() if is_of_definitions(kind)}
        made = compress(shown, map(wanted.__contains__, keys))
        return bool(held([Pair(None, each) for each in made], namespace))


def holders_of(targets: list[object]) -> list[object]:
    """
    Everything that the collector shows and that refers to a target, but for modules.

    A module has its namespace, which is shown as well.  What else `_asyncio` tells of are objects that it has
    freed (3.12, 3.13): they would be freed twice.

    ``gc.get_referrers`` compares each reference with each target: quick for a few targets, slow for many.  From
    3.13 on it also finds its own arguments.  Past tuples that are not tracked it does not see.
    """
    if len(targets) < _FEW and all(map(gc.is_tracked, targets)):
        mark = object()
        return _without_call(gc.get_referrers(*targets, mark), mark)
    wanted = {id(x) for x in targets}
    referents = _referents_for(targets)
    shown = (x for x in gc.get_objects() if type(x) is not ModuleType)
    return [x for x in shown if not wanted.isdisjoint(map(id, referents(x)))]


def _without_call(found: list[object], mark: object) -> list[object]:
    """
    What was found, but for modules and the arguments of the call, the last of which is *mark*.

    A function of its own: up to 3.11 what a comprehension reads has a cell, which would be found as well.
    """
    return [x for x in found if type(x) is not ModuleType and not (type(x) is tuple and x[-1:] == (mark,))]


def _referents_for(targets: Iterable[object]) -> Callable[[object], list[object]]:
    """
    What tells the referents of an object where *targets* may be among them.

    A tuple of objects that the collector does not track (a bare `object`, an empty dict) is not tracked either, and
    so not shown: what is inside it counts for its holder.
    """
    return gc.get_referents if all(map(gc.is_tracked, targets)) else _referents_of_all


def _referents_of_all(holder: object) -> list[object]:
    found = gc.get_referents(holder)
    for inside in found:  # it grows while it is walked
        if type(inside) is tuple and not gc.is_tracked(inside):
            found.extend(inside)
    return found


_OF_INTERPRETER: Final = 1000
"""Frozen objects that are no application's: a 3.12 starts with some hundreds."""

_FEW: Final = 300
"""Targets for which comparing with each is quicker than a loop in Python."""


def held(pairs: Iterable[Pair], namespace: Mapping[str, object] | None = None) -> list[Pair]:
    """
    The pairs whose new object something holds that :func:`replace` could not see.

    Reference counts tell: what the collector finds inside the window is subtracted, and what a namespace binds.
    """
    wanted = {id(p.new): p for p in pairs}
    seen = _seen(wanted)
    for key in map(id, (namespace or {}).values()):
        if key in seen:
            seen[key] += 1
    return [p for key, p in wanted.items() if sys.getrefcount(p.new) - _OWN > seen[key]]


def is_held(pairs: Collection[Pair]) -> bool:
    """Whether anything but its pair and the new classes holds a new object; if not, there is nothing to search."""
    if any(references(p.new) for p in pairs):
        return True
    own = dict.fromkeys([id(p.new) for p in pairs], 1)
    for each in pairs:
        _count_own(each.new, own)
    return any(sys.getrefcount(p.new) - _OWN != own[id(p.new)] for p in pairs)


def _count_own(value: object, counts: dict[int, int]) -> None:
    """Add how often a class is referred to by its MRO and its descriptors, and its attributes by its table."""
    if type(value) is not type:
        return
    for each in table(value).values():
        if id(each) in counts:
            counts[id(each)] += 1
        elif type(each) in (GetSetDescriptorType, MemberDescriptorType) and each.__objclass__ is value:  # type: ignore[attr-defined]  # descriptors have it
            counts[id(value)] += 1
    counts[id(value)] += 1


def _seen(wanted: Mapping[int, Pair]) -> dict[int, int]:
    """How many references to each new object the collector shows, by identity."""
    counts = dict.fromkeys(wanted, 0)
    targets = [p.new for p in wanted.values()]
    referents = _referents_for(targets)
    for holder in holders_of(targets):
        for key in filter(counts.__contains__, map(id, referents(holder) if holder is not targets else ())):
            counts[key] += 1
    return counts


_PROBE: Final = Pair(None, [])  # holds the only reference to its list
_OWN: Final = sys.getrefcount(_PROBE.new) - 1
"""How many references a count by `sys.getrefcount` itself adds; versions differ."""


@attrs.frozen(eq=False)
class Replaced:
    """
    What a replacement came to.

    Attributes:
        instead: The twins, and every immutable object that held one, with what stands for it.
        stuck: Holders that CPython does not let anybody change.
    """

    instead: Twins
    stuck: list[object]


def replace(twins: Twins) -> Replaced:
    """
    Point whatever refers to a twin to the kept object.

    None of it is noted in a journal: the kept object is right before and after, whatever becomes of
    the transaction, and a twin must never come back.
    """
    _level(twins)
    search = _Search(Twins.of(twins.pairs), [p.new for p in twins.pairs])
    while search.targets:
        search.run()
    if not search.stuck:
        orphan(p.new for p in search.instead.pairs)
    return Replaced(search.instead, search.stuck)


def _level(twins: Twins) -> None:
    """
    Give the new classes the kept bases, from the top of the tree downwards.

    They go, but CPython exchanges classes with slots for each other, as a base or as an instance's
    class, only where their own bases are the same objects.
    """
    classes = [each for each in twins.pairs if is_class(each.new)]
    several = {id(each.new): bases_of(each.new) for each in classes if len(bases_of(each.new)) > 1}
    for each in classes:
        if id(each.new) in several:  # while one derives from two of the others, CPython exchanges the base of neither
            _is_given(each.new, (base_of(each.new),))
    for each in sorted(classes, key=lambda each: len(mro_of(each.new))):
        if not _is_given(each.new, bases_of(each.old)) and id(each.new) in several:
            _is_given(each.new, several[id(each.new)])


def _is_given(cls: Any, bases: tuple[Any, ...]) -> bool:  # of any metaclass
    """Whether a class that goes could be given other bases; if not, its subclasses stay there, and are told of."""
    try:
        if bases_of(cls) != bases:
            type.__setattr__(cls, "__bases__", bases)
    except TypeError:
        return False
    return True


def is_listed(cls: object) -> bool:
    """Whether a class that gave way still is where :func:`orphan` takes it out."""
    return is_class(cls) and bases_of(cls) != (Gone,)


def orphan(values: Iterable[object]) -> None:
    """Take classes out of what ``__subclasses__()`` of their bases says: a program may find its plugins so."""
    for cls in filter(is_class, values):
        if looked_up(type(cls), "mro") is type.__dict__["mro"]:
            with suppress(TypeError):  # of another layout: it stays on the list until the collector comes
                type.__setattr__(cls, "__bases__", (Gone,))


@attrs.define(eq=False)
class _Listener:
    """Equal to nothing, and told of everything that it is compared with."""

    heard: list[Any]  # any objects

    def __eq__(self, other: object) -> bool:
        self.heard.append(other)
        return False

    __hash__ = None  # type: ignore[assignment]  # it is only ever compared


def _at_exit() -> list[Any]:  # functions of any kind
    """
    The functions registered with `atexit`.

    It does not list them, but compares each with the one to unregister.
    """
    heard: list[Any] = []  # as above
    atexit = sys.modules.get("atexit")
    if atexit is not None:
        atexit.unregister(_Listener(heard))
    return heard


def _are_at_exit(holders: Iterable[object]) -> Iterator[object]:
    """The list in which `atexit` has its functions, from 3.14 on: each is unregistered as what was registered."""
    lists = [x for x in holders if type(x) is list and x and all(type(e) is tuple and len(e) == 3 for e in x)]
    wanted = sorted(map(id, _at_exit())) if lists else []
    yield from (each for each in lists if sorted(id(x) for x, _, _ in each) == wanted)


@attrs.define(eq=False)
class _Search:
    """The search for the holders of some targets, round by round: immutable holders are the targets of the next."""

    instead: Twins
    targets: list[object]
    stuck: list[object] = attrs.field(factory=list)
    seen: set[int] = attrs.field(factory=set)

    def run(self) -> None:
        targets, self.targets = self.targets, []
        for reference in [each for value in targets for each in references(value)]:
            self.instead.add(renewed(reference, self.instead.kept(reference())), reference)
            targets.append(reference)
        holders = holders_of(targets)
        mine = {id(targets), id(self.targets), *map(id, _are_at_exit(holders))}
        holders = [x for x in holders if id(x) not in mine]
        tables = self._tables(holders)
        for holder in {id(owner): owner for x in holders for owner in (tables.get(id(x), x),)}.values():
            if not _is_left_alone(holder, self.instead) and holder not in self.instead:
                self._change(holder)

    def _tables(self, holders: list[object]) -> dict[int, type]:
        """The classes whose attribute table is among *holders*: such a dict may only be written through its class."""
        dicts: list[object] = [x for x in holders if type(x) is dict]
        if not dicts:
            return {}
        wanted = {id(x) for x in dicts}
        found: dict[int, type] = {}
        for owner in filter(is_class, holders_of(dicts)):
            found.update((id(x), owner) for x in gc.get_referents(owner) if id(x) in wanted)
        return found

    def _change(self, holder: object) -> None:
        """Change one holder, or have one of its kind in its place; what CPython refuses leaves it stuck."""
        try:
            self._point(holder)
        except TypeError:
            made = (recast if is_class(holder) else _copied)(holder, self.instead.kept)
            if made is None:
                self.stuck.append(holder)
            else:
                self._give_way(holder, made)

    def _point(self, holder: object) -> None:
        made = _remade(holder, self.instead.kept)
        if made is not None:
            self._give_way(holder, made)
        elif not _changed(holder, self.instead.kept):
            self.stuck.append(holder)

    def _give_way(self, holder: object, made: object) -> None:
        """Have another object stand for a holder, and those that hold it be found in the next round."""
        if id(holder) not in self.seen:
            self.seen.add(id(holder))
            self.instead.add(made, holder)
            self.targets.append(holder)


_CODES: Final = {
    id(kind): kind.__dict__[name].__get__
    for kind, name in ((GeneratorType, "gi_code"), (CoroutineType, "cr_code"), (AsyncGeneratorType, "ag_code"))
}


def _is_left_alone(holder: object, twins: Twins) -> bool:
    """
    A frame keeps what it runs with, a class its own descriptors; modreg's records go on seeing both.

    A generator keeps the function that it is of, too, which nobody gets from it; what else it holds is another matter.
    """
    if type(holder) in (FrameType, GetSetDescriptorType, MemberDescriptorType):
        return True
    if (code := _CODES.get(id(type(holder)))) is not None:
        held = [value for value in gc.get_referents(holder) if value in twins]
        return len(held) == 1 and type(held[0]) is FunctionType and held[0].__code__ is code(holder)
    module = table(type(holder)).get("__module__")
    return type(module) is str and module.startswith("modreg._")


def _remade(holder: Any, kept: Kept) -> object | None:  # any object
    """For an immutable holder, one like it with the kept objects; `None` for any other."""
    kind = type(holder)
    if kind is tuple:
        return tuple(map(kept, holder))
    if kind is frozenset:
        return frozenset(map(kept, holder))
    if kind is MethodType:
        return MethodType(kept(holder.__func__), kept(holder.__self__))
    if kind is BuiltinMethodType or kind is MethodWrapperType:
        owner = kept(holder.__self__)
        return getattr(owner, holder.__name__, None) if owner is not holder.__self__ else None
    if GenericAlias in mro(holder):
        return _alias(holder, kept)
    if kind is MappingProxyType:
        (mapping,) = gc.get_referents(holder)
        return MappingProxyType(kept(mapping)) if kept(mapping) is not mapping else None
    if kind is UnionType:
        union: object = functools.reduce(operator.or_, map(kept, holder.__args__))
        return union
    if kind is typing.ParamSpecArgs or kind is typing.ParamSpecKwargs:
        return kind(kept(holder.__origin__))  # type: ignore[no-any-return]  # one of the two
    if kind is typing.TypeVar and sys.version_info >= (3, 12):
        return _type_variable(holder, kept)
    if tuple in mro(holder) and not is_class(holder):
        named: object = tuple.__new__(kept(kind), map(kept, tuple.__iter__(holder)))
        _attributes(named).update(_attributes(holder))
        return named
    return None


def _alias(holder: Any, kept: Kept) -> object:  # a generic alias, whose class may be derived
    """One like an alias with the kept objects, also of ``Callable``, whose class is another, and a ``*tuple[int]``."""
    made: Any = GenericAlias.__new__(kept(type(holder)), kept(holder.__origin__), tuple(map(kept, holder.__args__)))
    _attributes(made).update(_attributes(holder))
    return next(iter(made)) if holder.__unpacked__ else made


def _type_variable(holder: Any, kept: Kept) -> object:  # a TypeVar; typeshed has no __infer_variance__ for 3.11
    """One like a type variable; what it may stand for CPython lets nobody change in it from 3.12 on."""
    more = {name: getattr(holder, f"__{name}__") for name in ("covariant", "contravariant", "infer_variance")}
    if sys.version_info >= (3, 13) and holder.has_default():
        more["default"] = kept(holder.__default__)
    made: Any = typing.TypeVar(  # type: ignore[misc]  # no type checker is to know it
        holder.__name__, *map(kept, holder.__constraints__), bound=kept(holder.__bound__), **more
    )
    made.__module__ = holder.__module__
    return made


def _copied(holder: Any, kept: Kept) -> object | None:  # any object
    """
    For an instance whose class CPython does not exchange for the kept one, one like it of that; `None` for any other.

    So it is with slots where the kept class has not got the base of the new one, and with what derives from `int` or
    `bytes` and has a ``__dict__`` (3.11).
    """
    cls = kept(type(holder))
    if cls is type(holder):
        return None
    base: Any = next((each for each in mro_of(cls) if id(each) in _OF_VALUES), object)  # a class that takes a value
    try:
        made: object = base.__new__(cls, *(() if base is object else base.__getnewargs__(holder)))
        _attributes(made).update({name: kept(value) for name, value in _attributes(holder).items()})
    except TypeError:  # of C, or with the table of another class: what is in it nobody can copy
        return None
    own = dict(slots(made))
    for name, slot in slots(holder):
        with suppress(AttributeError):  # nothing is in it
            own[name].__set__(made, kept(slot.__get__(holder)))
    return made


_OF_VALUES: Final = frozenset(map(id, (int, float, complex, str, bytes)))
"""Classes whose instances have a value from the start."""


def _changed(holder: Any, kept: Kept) -> bool:  # any object
    """Change a mutable holder in place; whether its kind is one that can be."""
    kind = type(holder)
    if kind is CellType:
        return _write(Cell(holder), kept)
    if kind is FunctionType:
        _in_function(holder, kept)
        return True
    if is_class(holder):
        _in_class(holder, kept)
        return True
    if kind is CACHED:
        return _in_cached(holder, kept)
    found = _in_descriptor(holder, kept)
    if dict in mro(holder):
        _in_dict(holder, kept)
        found = True
    elif list in mro(holder) or set in mro(holder) or deque in mro(holder):
        _in_elements(holder, kept)
        found = True
    return (id(kind) in PLAIN and kind is not defaultdict) or _in_instance(holder, kept) or found


def point(container: Any, twins: Twins) -> None:  # a plain container of anything
    """Point one container to the kept objects, ahead of the search for all others."""
    _changed(container, twins.kept)


def _write(place: Any, kept: Kept) -> bool:  # any Place
    """Put the kept object where a twin is; whether that was so."""
    now = place.get()
    wanted = kept(now)
    if wanted is not now:
        place.put(wanted)
    return wanted is not now


def _in_dict(holder: Any, kept: Kept) -> None:  # a dict or an instance of a subclass
    """Of equal keys the one that was put there last stays: what was registered again is told from what was not."""
    place = Contents(holder)
    pairs = [(key, kept(key), kept(value)) for key, value in cast("Iterable[Any]", place.get())]
    last = {key: key for former, key, _ in pairs if key is not former}
    place.put(tuple((last.get(key, key) if last else key, value) for _, key, value in pairs))


def _in_elements(holder: Any, kept: Kept) -> None:  # a list, set or deque
    """
    A second entry for an object that was there already is a second registration, and goes.

    Of equal elements of a set the one that was put there last stays, as in a dict.
    """
    elements = Contents(holder).get()
    present = {id(x) for x in elements}
    wanted = [(x, k) for x in elements if (k := kept(x)) is x or id(k) not in present]
    if set in mro(holder):
        wanted.sort(key=lambda each: each[0] is each[1])
    Contents(holder).put(tuple(k for _, k in wanted))


def _in_function(function: FunctionType, kept: Kept) -> None:
    if getattr(function, "__annotate__", None) is None:  # else nobody asked for them, and their names may come later
        _in_dict(function.__annotations__, kept)  # until asked for they may be a tuple, and nothing found them yet
    for name in ("__defaults__", "__type_params__"):
        if hasattr(function, name):
            _write(Attribute(function, name), kept)


def _in_class(cls: type, kept: Kept) -> None:
    for name in ("__class__", "__bases__"):
        _write(ClassField(cls, name), kept)
    for name in list(table(cls)):
        _write(ClassAttribute(cls, name), kept)


def _in_cached(holder: Any, kept: Kept) -> bool:  # a function with an `lru_cache`
    """What it calls cannot be exchanged: that leads to the kept function, as nobody else has it; all else is stuck."""
    _in_instance(holder, kept)
    called = [each for each in gc.get_referents(holder) if kept(each) is not each]
    functions = [each for each in called if type(each) is FunctionType]
    for each in functions:
        each.__code__ = calling(each, kept(each))
    return len(functions) == len(called)


def _in_descriptor(holder: Any, kept: Kept) -> bool:  # any object
    """Wrappers that the execution made are initialised again, as nobody has used them yet."""
    place = place_in(holder)
    if place is not None:
        place.put(mapped(place.get(), kept))
    return place is not None


def _in_instance(holder: Any, kept: Kept) -> bool:  # any object
    """An instance: its class, its attributes, its slots."""
    found = False
    if kept(type(holder)) is not type(holder):
        found = _write(Attribute(holder, "__class__"), kept)
    for place in _places(holder):
        found = _write(place, kept) or found
    if BaseException in mro(holder):
        found = _write(Attribute(holder, "args"), kept) or found
    return found


def _places(holder: object) -> Iterator[Item | Attribute | _Slot]:
    attributes = _attributes(holder)
    for name in list(attributes):
        yield Item(attributes, name)
    if defaultdict in mro(holder):
        yield Attribute(holder, "default_factory")
    for _, slot in slots(holder):
        yield _Slot(holder, slot)


def _attributes(holder: object) -> dict[str, object]:
    try:
        found = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


@attrs.frozen(eq=False)
class _Slot(Whole):
    """An attribute that an instance keeps in a slot."""

    holder: object
    member: Any  # its descriptor

    def get(self) -> object:
        try:
            return self.member.__get__(self.holder)
        except (AttributeError, ValueError):
            return None

    def put(self, value: object) -> None:
        self.member.__set__(self.holder, value)
