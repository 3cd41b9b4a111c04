"""Every change that a transaction makes to the process, and how each is taken back."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]  # CPython's own, which no stub describes
import _thread
import gc
import sys
import time
import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from itertools import chain, starmap
from operator import is_
from types import CellType, GetSetDescriptorType, MemberDescriptorType, WrapperDescriptorType
from typing import Any, Final, Protocol

import attrs

from modreg._classes import bases_of, looked_up, mro, mro_of, table


class _Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What a place holds that holds nothing."""


class Place(Protocol):
    """
    Somewhere in the process where a value can stand.

    ``get`` and ``put`` read and write it, `MISSING` standing for its absence.  ``put`` can be repeated:
    an undoing that was interrupted is begun again.  ``merged`` answers what the place should hold
    so that the change from *before* to *after* is taken back, and nothing that came later.
    """

    def get(self) -> Any: ...  # a place holds whatever the program put there

    def put(self, value: Any) -> None: ...  # as above

    def merged(self, before: Any, after: Any) -> Any: ...  # as above


@attrs.define(eq=False)
class Item:
    """An entry of a mapping: of ``sys.modules``, of a namespace, of the history."""

    mapping: MutableMapping[Any, Any]  # keys and values of any type
    key: object

    def get(self) -> object:
        return self.mapping.get(self.key, MISSING)

    def put(self, value: object) -> None:
        if value is MISSING:
            self.mapping.pop(self.key, None)
        else:
            self.mapping[self.key] = value

    def merged(self, before: object, after: object) -> object:
        now = self.get()
        return before if now is after else now


class Whole:
    """A place that goes back as a whole, whatever was written there after the change."""

    __slots__ = ()

    def merged(self, before: Any, after: object) -> Any:  # as the place gave it
        return before


@attrs.define(eq=False)
class Attribute(Whole):
    """
    An attribute that is a field of the interpreter's own object, such as a function's ``__code__``.

    It is written by ``object.__setattr__``, past whatever the object's class makes of assignments.  That goes past no
    class in C that has its own (`threading.local`), as only the descriptor does.  What an object says that its class
    is may be another one.
    """

    owner: object
    name: str

    def get(self) -> object:
        return type(self.owner) if self.name == "__class__" else object.__getattribute__(self.owner, self.name)

    def put(self, value: object) -> None:
        if self.name == "__class__":
            _CLASS_OF.__set__(self.owner, value)
        else:
            object.__setattr__(self.owner, self.name, value)


_CLASS_OF: Final[Any] = object.__dict__["__class__"]  # typeshed has no type for it


@attrs.define(eq=False)
class Code(Attribute):
    """
    A function's code object.

    From 3.12 on CPython warns where a function becomes one of another kind, a generator function say; a reload means
    what it does, and the warning is for nobody.
    """

    def put(self, value: object) -> None:
        if _kind(self.get()) == _kind(value):
            super(Code, self).put(value)  # noqa: UP008  # attrs makes the class anew for its slots
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            super(Code, self).put(value)  # noqa: UP008  # as above


def _kind(code: Any) -> int:  # a code object
    """Generator, coroutine, asynchronous generator or none of them, as flags of a code object."""
    return int(code.co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR))


@attrs.define(eq=False)
class ClassAttribute(Whole):
    """
    An entry of a class's attribute table, written past its metaclass.

    Two entries cannot be removed so that nobody can tell: ``__type_params__``, and ``__new__``, for which one of ours
    stands in.
    """

    owner: type
    name: str

    def get(self) -> object:
        return table(self.owner).get(self.name, MISSING)

    def put(self, value: object) -> None:
        if _is_covered(self.owner, self.name):
            _put_past(self.owner, self.name, value)
        elif value is not MISSING:
            in_c(self.owner, "__setattr__")(self.owner, self.name, value)
        elif self.name == "__type_params__":
            type.__setattr__(self.owner, self.name, ())  # CPython lets nobody delete it; this is what its lack reads as
        elif self.get() is not MISSING:
            in_c(self.owner, "__delattr__")(self.owner, self.name)
            if self.name == "__new__":
                _restore_new(self.owner)


def _is_covered(cls: type, name: str) -> bool:
    """Whether what is set on a class goes elsewhere than into its table, as with ``__class__`` or ``__name__``."""
    found = looked_up(type(cls), name)
    if found is type.__dict__.get(name) and name in _IN_TABLE:
        return False
    return hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")


_IN_TABLE: Final = frozenset({
    "__abstractmethods__", "__annotate__", "__annotations__", "__doc__", "__module__", "__type_params__",
})  # fmt: skip
"""What `type` has descriptors for, and keeps in the table of the class."""


def _put_past(cls: type, name: str, value: object) -> None:
    """
    Write into a class's table what its metaclass would put elsewhere, or refuse: a property named ``__class__``, say.

    A class body can do so, and nothing else in Python.  Another attribute comes and goes for CPython to forget what it
    has looked up.
    """
    entries = entries_of(cls)
    if value is MISSING:
        entries.pop(name, None)
    else:
        entries[name] = value
    in_c(cls, "__setattr__")(cls, _PASSING, None)
    in_c(cls, "__delattr__")(cls, _PASSING)


def entries_of(cls: type) -> dict[str, object]:
    """A class's attribute table itself, which Python shows only behind a proxy."""
    (entries,) = gc.get_referents(table(cls))
    return entries  # type: ignore[no-any-return]  # it is a dict


_PASSING: Final = "modreg: an attribute that comes and goes"


def in_c(owner: Any, name: str) -> Any:  # a class of any metaclass, and a slot wrapper
    """What C code has for *name* in a class's metaclass: `ctypes` has its own, and CPython refuses to go past it."""
    return next(found for each in map(table, mro(owner)) if type(found := each.get(name)) is WrapperDescriptorType)


def _new(cls: Any, *args: object, **kwargs: object) -> object:  # a class of any metaclass
    """
    As ``object.__new__`` does for a class that never had a ``__new__``.

    Once it had one, CPython does not forget it, and ``object.__new__`` refuses all arguments for ever.
    """
    if (args or kwargs) and cls.__init__ is object.__init__:
        raise TypeError(f"{cls.__name__}() takes no arguments")
    return object.__new__(cls)


def _restore_new(owner: type) -> None:
    """Give a class whose ``__new__`` was deleted one that does what it did before it had any."""
    if looked_up(owner, "__new__") is vars(object)["__new__"]:
        type.__setattr__(owner, "__new__", staticmethod(_new))


def is_stand_in(value: object) -> bool:
    """Whether an entry of an attribute table is ours, and stands for none."""
    return type(value) is staticmethod and value.__func__ is _new


_OF_LAYOUT: Final = frozenset({"__dict__", "__weakref__", "__slots__", "_abc_impl", "__module__"})


def is_layout(name: str, value: object) -> bool:
    """Whether an entry of a class's attribute table belongs to that very class and to no other."""
    return name in _OF_LAYOUT or type(value) in (MemberDescriptorType, GetSetDescriptorType) or is_stand_in(value)


def is_exchangeable(name: str, value: object) -> bool:
    """Whether a class of the same layout can have the entry, too: how its slots were listed is but a word."""
    return name == "__slots__" or not is_layout(name, value)


@attrs.define(eq=False)
class ClassField(Whole):
    """A field of a class that is no entry of its table: ``__bases__``, ``__qualname__`` and their like."""

    owner: type
    name: str

    def get(self) -> object:
        return type.__getattribute__(self.owner, self.name)

    def put(self, value: object) -> None:
        in_c(self.owner, "__setattr__")(self.owner, self.name, value)


@attrs.define(eq=False)
class Cell(Whole):
    """What a closure's cell holds."""

    cell: CellType

    def get(self) -> object:
        try:
            return self.cell.cell_contents
        except ValueError:  # CPython's word for an empty cell
            return MISSING

    def put(self, value: object) -> None:
        if value is not MISSING:
            self.cell.cell_contents = value
        elif self.get() is not MISSING:
            del self.cell.cell_contents


@attrs.define(eq=False)
class Namespace(Whole):
    """
    All bindings of a namespace at once, as a pair of names and objects.

    Publishing is one ``dict.update``, a single step under the GIL, and only then do surplus names
    leave: another thread never finds a name missing that both sides have.  Submodules that are loaded stay:
    the import system binds a submodule in its package once, and would not again.
    """

    namespace: dict[str, object]

    def get(self) -> tuple[tuple[str, ...], tuple[object, ...]]:
        copy = self.namespace.copy()  # one step: other threads may add names meanwhile
        return tuple(copy), tuple(copy.values())

    def put(self, value: tuple[tuple[str, ...], tuple[object, ...]]) -> None:
        self.drop(self.publish(value))

    def publish(self, value: tuple[tuple[str, ...], tuple[object, ...]]) -> dict[str, object]:
        """Bind the names of *value*; answer what is surplus."""
        wanted = dict(zip(*value, strict=True))
        self.namespace.update(wanted)
        copy = self.namespace.copy()
        return {name: copy[name] for name in copy.keys() - wanted.keys()}

    def drop(self, surplus: Mapping[Any, object]) -> None:  # by name; a namespace may have other keys
        """Take out names that still stand for what they did."""
        for name, each in surplus.items():
            is_still = self.namespace.get(name, MISSING) is each
            if is_still and not is_submodule(self.namespace.get("__name__"), name, self.namespace):
                self.namespace.pop(name, None)


def is_submodule(package: object, name: str, namespace: dict[str, object]) -> bool:
    """Whether a name in the namespace of a package is bound to a loaded submodule, as the import system does it."""
    if type(package) is not str:  # a module may call itself anything
        return False
    module = sys.modules.get(f"{package}.{name}")
    return module is not None and namespace.get(name) is module


PLAIN: Final = frozenset(map(id, (dict, list, set, deque, defaultdict, OrderedDict)))
"""
The types whose contents can be put back without running anybody's code.

By identity, as all sets of types here: what a metaclass has for ``__eq__`` may be anything, and is instead of a hash.
"""

_BUILT_IN: Final = (dict, list, set, deque)


def is_container(value: object) -> bool:
    """Whether a value is a plain container, or of a class that is derived from one."""
    return id(type(value)) in PLAIN or issubclass(type(value), _BUILT_IN)


def is_dict(value: object) -> bool:
    """Whether a value is a dict, or of a class that is derived from it, whatever it calls its class."""
    return issubclass(type(value), dict)


def containers_in(values: Iterable[object]) -> list[Any]:  # containers
    """The containers among many values, most of which are of few types."""
    values = [*values]
    kinds = {id(kind): kind for kind in map(type, values)}
    wanted = {key for key, kind in kinds.items() if key in PLAIN or issubclass(kind, _BUILT_IN)}
    return [each for each in values if id(type(each)) in wanted] if wanted else []


def size_of(container: Any) -> int:  # one of them
    """How much is in a container, whatever its class says."""
    return int(_base(container).__len__(container))


def elements_of(container: Any) -> list[object]:  # as above
    """What is in a container: of a dict its keys and its values."""
    if type(container) is dict:
        copy = container.copy()  # in one step: other threads may put something in meanwhile
        return [*copy, *copy.values()]
    held = Contents(container).get()
    return [*chain.from_iterable(held)] if is_dict(container) else [*held]


@attrs.define(eq=False)
class Contents:
    """
    What a plain container holds, as a tuple of its elements or of its pairs, a set's as a frozen copy.

    Elements are compared by identity alone: ``==`` may run anything.  CPython copies the table of a set as it is, with
    no call of an element's ``__hash__``, and so in the same order; put back one by one, those that collide would not
    find their places again.
    """

    container: Any  # one that :func:`is_container` tells

    def get(self) -> Collection[Any]:  # elements, or pairs of them
        base = _base(self.container)
        if base is set:
            return frozenset(self.container)
        return tuple(base.items(self.container) if issubclass(base, dict) else base.__iter__(self.container))

    def put(self, value: Collection[Any]) -> None:  # pairs or elements, as get() gave them
        base = _base(self.container)
        if self.is_holding(value):
            return
        if base is list:
            list.__setitem__(self.container, slice(None), value)
        elif base is OrderedDict:  # whose update() asks a derived class to set each
            base.clear(self.container)
            deque(starmap(partial(base.__setitem__, self.container), value), 0)
        else:
            base.clear(self.container)
            (base.extend if base is deque else base.update)(self.container, value)

    def merged(self, before: Collection[Any], after: Collection[Any]) -> Collection[Any]:  # as in put()
        if self.is_holding(after):
            return before
        now: Any = self.get()  # as in put()
        if is_dict(self.container):
            return _merged_pairs(dict(before), dict(after), dict(now))
        return _merged_elements(before, after, now)

    def is_holding(self, value: Collection[Any]) -> bool:  # as in put()
        """Whether it holds just these objects, in this order if it has one; there may be thousands."""
        base = _base(self.container)
        if base.__len__(self.container) != len(value):
            return False
        if base is set:
            return set(map(id, base.__iter__(self.container))) == set(map(id, value))
        if issubclass(base, dict):
            return all(map(is_, chain.from_iterable(base.items(self.container)), chain.from_iterable(value)))
        return all(map(is_, base.__iter__(self.container), value))


def _base(container: Any) -> Any:  # any container, and one of the types below
    """The built-in type whose methods are used: those of a subclass may run anything."""
    kind = type(container)
    if id(kind) in _BASES:
        return kind
    return next(each for each in mro_of(kind) if id(each) in _BASES)


_BASES: Final = frozenset(map(id, (OrderedDict, *_BUILT_IN)))


def _merged_pairs(
    before: dict[object, object], after: dict[object, object], now: dict[object, object]
) -> tuple[tuple[object, object], ...]:
    """The pairs of *now*, less what came from *before* to *after*, with what went back again."""
    for key, value in after.items():
        if now.get(key, MISSING) is value and before.get(key, MISSING) is not value:
            if key in before:
                now[key] = before[key]
            else:
                del now[key]
    for key, value in before.items():
        if key not in after:
            now.setdefault(key, value)
    return tuple(now.items())


def _merged_elements(
    before: Collection[object], after: Collection[object], now: Collection[object]
) -> tuple[object, ...]:
    """As :func:`_merged_pairs`, for elements: what was added goes, what was removed comes back at the end."""
    got, has = ({id(x) for x in side} for side in (after, now))
    _, added = counted_off(after, map(id, before), id)
    _, kept = counted_off(now, map(id, added), id)
    return (*kept, *(x for x in before if id(x) not in got and id(x) not in has))


def counted_off(
    elements: Iterable[Any], marks: Iterable[object], mark: Callable[[Any], object]
) -> tuple[list[Any], list[Any]]:  # of any elements
    """The elements for which there is a mark each, and those for which there is none, or none any more."""
    left = Counter(marks)
    found: tuple[list[Any], list[Any]] = [], []
    for each in elements:
        left[own := mark(each)] -= 1
        found[left[own] < 0].append(each)
    return found


class Gone:
    """The base of the classes that gave way, until the collector has taken them."""


@attrs.define(eq=False)
class Registered:
    """The classes registered with an abstract base class, but for those that gave way."""

    cls: Any  # a class whose metaclass is abc.ABCMeta

    def get(self) -> tuple[type, ...]:
        references = _abc._get_dump(self.cls)[0]
        return tuple(cls for each in references if (cls := each()) is not None and bases_of(cls) != (Gone,))

    def is_holding(self, value: tuple[type, ...]) -> bool:
        now = self.get()
        return len(now) == len(value) and all(map(is_, now, value))

    def put(self, value: Iterable[type]) -> None:
        _abc._reset_registry(self.cls)
        _abc._reset_caches(self.cls)
        for cls in value:
            _abc._abc_register(self.cls, cls)

    def merged(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[Any, ...]:  # classes
        return _merged_elements(before, after, self.get())


@attrs.define(eq=False)
class Registration(Whole):
    """Whether one class is registered with an abstract base class, which may be anybody's: all others stay so."""

    cls: Any  # a class whose metaclass is abc.ABCMeta
    registered: type

    def get(self) -> bool:
        return any(each is self.registered for each in Registered(self.cls).get())

    def put(self, value: bool) -> None:
        if value:
            _abc._abc_register(self.cls, self.registered)
        else:
            Registered(self.cls).put(each for each in Registered(self.cls).get() if each is not self.registered)


@attrs.define(eq=False)
class Cache(Whole):
    """A cache of results that a changed definition makes wrong: whatever is written, it is emptied."""

    clear: Callable[[], object]

    def get(self) -> object:
        return object()  # never the same: what a cache holds now is not what it held

    def put(self, value: object) -> None:
        self.clear()


@attrs.define(eq=False)
class Entry:
    """One change: what stood at a place before it, and after."""

    place: Place
    before: Any  # whatever stood there
    after: Any  # as above


@attrs.define(eq=False)
class Journal:
    """
    The changes of one transaction in their order, so that abort is their reverse.

    A change is noted before it is made: whatever interrupts it, the journal knows what to put back.
    A journal belongs to the thread that has the transaction open and needs no lock.

    Attributes:
        entries: The changes.
        leaving: What has still to go out of namespaces, by these and by name, when versions are taken back.
    """

    entries: list[Entry] = attrs.field(factory=list)
    leaving: dict[tuple[int, object], tuple[Namespace, object]] = attrs.field(factory=dict)

    def write(self, place: Place, value: object, *, is_last: bool = True) -> None:
        """Put *value* where it differs from what is there; names leave a namespace at once if nothing else follows."""
        before = place.get()
        if before is not value:
            self.entries.append(Entry(place, before, value))
            if is_last:
                place.put(value)
            else:
                self._put_first(place, value)

    def keep(self, place: Place) -> None:
        """Note what is there now, for a change that other code makes."""
        self.entries.append(Entry(place, place.get(), MISSING))

    def attempt(self, place: Place, value: object) -> bool:
        """Write where CPython allows it; whether it did."""
        try:
            self.write(place, value)
        except TypeError:
            self.entries.pop()  # the entry of the change that was refused
            return False
        return True

    def take_back(self, begun: int) -> None:
        """Take back what was written since there were so many entries."""
        Journal(self.entries[begun:]).undo()
        del self.entries[begun:]

    def settle(self) -> None:
        """
        Note what the code left in the containers that were kept; those left alone are forgotten.

        Of several changes of one container the first tells what it held: to merge them one by one loses the order.
        """
        first = {_whose(entry): entry for entry in reversed(self.entries)}
        self.entries = [each for each in self.entries if first[_whose(each)] is each and _is_still_wanted(each)]

    def undo(self) -> None:
        """
        Take every change back, last first.

        Names that came leave when all else is undone: calls in other threads may be in the midst of what uses them.
        An exception from outside (a signal) is held back until all is undone: half an abort would be
        worse than a late one.  A place that refuses twice is given up, and told of at the end.
        """
        troubles: list[BaseException] = []
        first = self._first_of_caches()

        def take_back(entry: Entry) -> None:
            # CPython refuses some writings of the very same.
            if _is_turn(entry, first) and entry.place.get() is not entry.before:
                self._put_first(entry.place, entry.before)

        _empty(self.entries, take_back, troubles)
        self._have_all_leave(troubles)

    def _put_first(self, place: Place, value: Any) -> None:  # as the place gave it
        """Put a value, but for the names that are to leave a namespace: these go when all else is done."""
        if isinstance(place, Namespace):
            surplus = place.publish(value)
            for name in value[0] if self.leaving else ():
                self.leaving.pop((id(place.namespace), name), None)
            self.leaving.update(((id(place.namespace), name), (place, each)) for name, each in surplus.items())
            return
        if isinstance(place, Item):
            self.leaving.pop((id(place.mapping), place.key), None)
        place.put(value)

    def _have_all_leave(self, troubles: list[BaseException]) -> None:
        """Have the names go that were to leave, and raise the first of the *troubles*, with those of this."""
        _empty([None] if self.leaving else [], lambda _: _let_others_go_on(), troubles)
        _empty([*self.leaving], self._leave, troubles)
        if troubles:
            raise troubles[0]

    def _leave(self, key: tuple[int, object]) -> None:
        place, value = self.leaving[key]
        place.drop({key[1]: value})
        del self.leaving[key]

    def reversed_into(self, journal: Journal) -> None:
        """
        Take every change back as changes of *journal*, leaving what others have changed since.

        Names that came leave at the end, as in :meth:`undo`.
        """
        first = self._first_of_caches()
        for entry in reversed(self.entries):
            if not first or _is_turn(entry, first):
                journal.write(entry.place, entry.place.merged(entry.before, entry.after), is_last=False)
            else:
                journal.entries.append(Entry(entry.place, None, None))  # for when this is taken back in its turn
        journal._have_all_leave([])

    def _first_of_caches(self) -> dict[Callable[[], object], Entry]:
        """For each cache the entry that is the last to be taken back, when it has to be emptied: once is enough."""
        return {entry.place.clear: entry for entry in reversed(self.entries) if isinstance(entry.place, Cache)}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


def _empty(things: list[Any], take: Callable[[Any], object], troubles: list[BaseException]) -> None:
    """Take things off a list, last first, each when it is done; what is raised twice for one is noted, and no more."""
    refused = 0
    while things:
        try:
            take(things[-1])
            refused = 0
        except BaseException as trouble:  # raised when all is undone
            troubles.append(trouble)
            refused += 1
            if refused < 2:
                continue
            refused = 0
        things.pop()


def _let_others_go_on() -> None:
    """Give each other thread a turn at the GIL, so that a call which is under way comes to its end."""
    others = _thread._count()  # in 3.11 to 3.15 all threads but the first
    if others:
        time.sleep(min(_LONGEST, (others + 1) * sys.getswitchinterval()))


_LONGEST: Final = 0.05
"""Seconds that the names of a version which is taken back wait for others at most."""


def _is_turn(entry: Entry, first: dict[Callable[[], object], Entry]) -> bool:
    """Whether an entry is to be taken back now; a cache waits until all else that concerns it has been."""
    return not isinstance(entry.place, Cache) or first[entry.place.clear] is entry


def _whose(entry: Entry) -> int:
    """What several entries for one container have in common; of other places each stands for itself."""
    return id(entry.place.container if isinstance(entry.place, Contents) else entry)


def _is_still_wanted(entry: Entry) -> bool:
    """Whether a kept container or register changed at all; what it holds by now is filled in then."""
    if not isinstance(entry.place, (Contents, Registered)):
        return True
    if entry.place.is_holding(entry.before):
        return False
    entry.after = entry.place.get()
    return True
