"""New definitions into old objects, so that what was held is what the new source defines."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]  # CPython's own, which no stub describes
import abc
import enum
import functools
import sys
import typing
import weakref
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, WrapperDescriptorType
from typing import Any, Final

import attrs

from modreg._classes import base_of, bases_of, is_class, is_of_c, laid_out_by, layout, looked_up, mro, mro_of, table
from modreg._journal import (
    MISSING,
    Attribute,
    Cache,
    Cell,
    ClassAttribute,
    ClassField,
    Code,
    Item,
    Journal,
    Registered,
    Registration,
    Whole,
    entries_of,
    is_exchangeable,
)
from modreg._pairs import Earlier, Pair, home, is_own, never, pair, rebound, rebound_methods
from modreg._twins import Twins, is_alike, is_same, keep_alike
from modreg._values import CACHED, is_wrapper, label_of

_OF_ATTRIBUTES: Final = (functools.cached_property, functools.singledispatchmethod)


def forget_checks() -> None:
    """
    Empty what abstract base classes have cached of ``isinstance`` and ``issubclass``.

    A method that came or went in place can change the answer of any of them (``__subclasshook__``,
    protocols), and nobody tells which.  What was subscripted with other parameters goes, too.
    """
    forget_subscripts()
    for cls in _all_classes():
        if "_abc_impl" in table(cls):
            _abc._reset_caches(cls)


def forget_subscripts() -> None:
    """Empty what `typing` has cached of what was subscripted: the classes are held there."""
    for forget in list(getattr(typing, "_cleanups", ())):  # as CPython's own tests empty them
        forget()


def renew_abstract(journal: Journal) -> None:
    """Have the subclasses of classes whose abstract methods changed know theirs, as if they were made now."""
    places = (entry.place for entry in list(journal))
    queue = [each.owner for each in places if isinstance(each, ClassAttribute) and each.name == _ABSTRACT]
    for cls in queue:
        subclasses: list[type] = type.__subclasses__(cls)
        for subclass in subclasses:
            inherited: Any = [table(base).get(_ABSTRACT, ()) for base in bases_of(subclass)]  # sets of names
            every = {*table(subclass)}.union(*inherited)  # as `abc` asks
            names = frozenset(n for n in every if getattr(looked_up(subclass, n), "__isabstractmethod__", False))
            if names != table(subclass).get(_ABSTRACT, names):
                journal.write(ClassAttribute(subclass, _ABSTRACT), names)
                queue.append(subclass)


_ABSTRACT: Final = "__abstractmethods__"


def enrol(twins: Twins, journal: Journal) -> None:
    """
    Have abstract base classes know what is kept for the classes that an execution registered with them.

    They are anybody's, and refer to these weakly, as they do to what they were once asked about.
    """
    if not any(map(_is_known_to_abstract, (each.new for each in twins.pairs))):
        return
    for cls in _all_classes():
        known = Registered(cls).get() if "_abc_impl" in table(cls) and cls not in twins else ()
        present = set(map(id, known))
        for each in known:
            if each in twins and id(twins.kept(each)) not in present:
                journal.write(Registration(cls, twins.kept(each)), True)


def _is_known_to_abstract(value: object) -> bool:
    """Whether an abstract base class may refer to a class, by the function that it has called when that goes."""
    callbacks = (each.__callback__ for each in weakref.getweakrefs(value)) if is_class(value) else ()
    return any(type(each) is BuiltinFunctionType and each.__name__ == "_destroy" for each in callbacks)


def _all_classes() -> list[type]:
    found: dict[int, type] = {id(object): object}
    queue: list[type] = [object]
    for cls in queue:
        subclasses: list[type] = type.__subclasses__(cls)
        for subclass in subclasses:
            if id(subclass) not in found:
                found[id(subclass)] = subclass
                queue.append(subclass)
    return queue


@attrs.frozen(eq=False)
class Patched:
    """
    What became of a module's definitions.

    Attributes:
        twins: The new objects for which an old one was kept.
        replaced: The functions and classes that could not become their new definition, each with the
            one in its place.
        values: The values for which an equal one is kept under the module's own names.
        unmarked: The classes that have another base than their new definition; see :func:`is_unmarked`.
        abstract: Those that have another metaclass; see :func:`is_abstract_still`.
    """

    twins: Twins
    replaced: tuple[Pair, ...]
    values: Twins = attrs.field(factory=Twins)
    unmarked: tuple[type, ...] = ()
    abstract: tuple[type, ...] = ()


def patch(
    old: Mapping[str, object],
    new: Mapping[str, object],
    owner: str,
    journal: Journal,
    twins: Twins | None = None,
    earlier: Earlier = never,
) -> Patched:
    """
    Make the definitions of the module *owner* in its old namespace into those in the new one.

    Where CPython does not allow that (another layout, other free variables) the new object stands, and
    an old function forwards to it.  For *twins* the old ones stand, too; *earlier* tells what classes had before.
    """
    pairs = pair(old, new, owner, earlier)
    twins = twins or Twins()
    replaced = [each for each in sorted(pairs, key=_turn) if not _decide(each, twins, journal)]
    values = keep_alike(old, new, twins)
    methods = rebound_methods(owner, pairs)  # before the old classes have the new ones
    # Caches last: what another thread calls meanwhile would put results of the old code into them.
    for each in sorted(twins.pairs, key=lambda each: type(each.old) is CACHED):
        _become(each.old, each.new, twins, journal)
    more = [*rebound(old, new, owner, pairs), *methods]
    for each in (*replaced, *more):
        forward(each.old, twins.kept(each.new), journal)
    classes = [each for each in twins.pairs if is_class(each.old)]
    unmarked = tuple(each.old for each in classes if is_unmarked(each.old, each.new))
    abstract = tuple(each.old for each in classes if is_abstract_still(each.old, type(each.new)))
    stay = [each for each in more if each.new not in twins]
    own = (each for each in stay if is_own(each.new, owner) or label_of(each.new) is None)
    return Patched(twins, (*replaced, *own), values, unmarked, abstract)


def _turn(each: Pair) -> tuple[bool, int]:
    """Metaclasses and bases of the new source come first, so that the kept ones stand in what is made of them."""
    cls = each.new
    return (not issubclass(cls, type), len(mro_of(cls))) if is_class(cls) else (False, 0)


def _decide(each: Pair, twins: Twins, journal: Journal) -> bool:
    """Whether the old object can become the new one; if so it is among *twins* from now on."""
    old, new = each.old, each.new
    if type(old) is FunctionType:
        possible = _is_patchable_function(old, new)
    elif is_class(old):
        possible = _is_patchable_class(old, new, twins, journal)
    else:
        possible = type(old) is not CACHED or old.cache_parameters() == new.cache_parameters()
    if possible:
        twins.add(old, new)
        if is_class(old):
            _pair_tables(old, new, twins)
        if isinstance(old, enum.EnumMeta):
            _pair_members(old, new, twins)
    return possible


def _pair_tables(old: type, new: type, twins: Twins) -> None:
    """
    Have what looks names up in the new class's attribute table itself do so in the kept one's.

    Annotations and type aliases in a class body do, when they are evaluated, and so does what ``vars()`` gives; but
    the table of a class that went is emptied.
    """
    entries = entries_of(new)
    if sys.getrefcount(entries) > _UNSHARED:
        twins.add(entries_of(old), entries)


def _references_to_entries() -> int:
    """What the attribute table of a class is counted that nothing but the class refers to."""
    cls = type("Plain", (), {})
    entries = entries_of(cls)
    return sys.getrefcount(entries)


_UNSHARED: Final = _references_to_entries()


def _become(old: Any, new: Any, twins: Twins, journal: Journal) -> None:  # any definition
    """Write into *old* what *new* says."""
    if type(old) is FunctionType:
        _become_function(old, new, twins, journal)
    elif is_class(old):
        _become_class(old, new, twins, journal)
    elif type(old) is CACHED:
        journal.write(Cache(old.cache_clear), None)
        _write_items(old.__dict__, new.__dict__, twins, journal)
    elif (place := place_in(old)) is not None:
        journal.write(place, mapped(place_in(new).get(), twins.kept))  # type: ignore[union-attr]  # of one type
    elif isinstance(type(old), enum.EnumMeta) or type(old) in _OF_ATTRIBUTES:
        _write_items(old.__dict__, new.__dict__, twins, journal)


def _write_items(old: dict[str, object], new: Mapping[str, object], twins: Twins, journal: Journal) -> None:
    """Make one mapping of attributes equal to another."""
    for name, value in new.items():
        wanted = twins.kept(value)
        if not is_same(old.get(name, MISSING), wanted):
            journal.write(Item(old, name), wanted)
    for name in [name for name in old if name not in new]:
        journal.write(Item(old, name), MISSING)


# Functions


def _is_patchable_function(old: FunctionType, new: FunctionType) -> bool:
    """CPython assigns a code object only for as many free variables, and never another ``__globals__``."""
    return len(old.__code__.co_freevars) == len(new.__code__.co_freevars) and old.__globals__ is new.__globals__


def is_same_code(old: CodeType, new: CodeType) -> bool:
    """Positions count: tracebacks and debuggers show them."""
    return old is new or (old == new and old.co_filename == new.co_filename)


def _become_function(old: FunctionType, new: FunctionType, twins: Twins, journal: Journal) -> None:
    for mine, other in zip(old.__closure__ or (), new.__closure__ or (), strict=True):
        wanted = twins.kept(Cell(other).get())
        if not is_same(Cell(mine).get(), wanted):
            journal.write(Cell(mine), wanted)
    is_plain = new.__module__ == new.__globals__.get("__name__") and not _is_as_wrapped(old)
    for name in ("__doc__", "__name__", "__qualname__", *(() if is_plain else ("__module__",))):
        if getattr(old, name) is not getattr(new, name):  # as most are
            _write_field(old, name, twins.kept(getattr(new, name)), journal)
    if hasattr(old, "__type_params__"):
        _write_field(old, "__type_params__", twins.kept(getattr(new, "__type_params__")), journal)  # noqa: B009  # from 3.12 on
    if old.__dict__ or new.__dict__:
        _write_items(old.__dict__, new.__dict__, twins, journal)
    _write_annotations(old, new, journal)
    _write_code(old, new, twins, journal)


def _is_as_wrapped(function: FunctionType) -> bool:
    """Whether a function says that it is of the module that what it wraps is of; else a package may have said so."""
    wrapped = function.__dict__.get("__wrapped__")
    return type(wrapped) is FunctionType and wrapped.__module__ == function.__module__


def _write_code(old: FunctionType, new: FunctionType, twins: Twins, journal: Journal) -> None:
    """
    Write code and defaults so that a call finds at no time an argument without the default that it counts on.

    Other threads may call in between, also when this is taken back, which goes the other way round.
    """
    defaults, named = (twins.kept(getattr(new, name)) for name in ("__defaults__", "__kwdefaults__"))
    both = {**(named or {}), **(old.__kwdefaults__ or {})}
    _write_field(old, "__kwdefaults__", both if len(both) > len(named or ()) else named, journal)
    if len(defaults or ()) >= len(old.__defaults__ or ()):
        _write_field(old, "__defaults__", defaults, journal)
    if not is_same_code(old.__code__, new.__code__):
        journal.write(Code(old, "__code__"), new.__code__)
    _write_field(old, "__defaults__", defaults, journal)
    _write_field(old, "__kwdefaults__", named, journal)


def _write_field(old: FunctionType, name: str, wanted: object, journal: Journal) -> None:
    if not is_same(getattr(old, name), wanted):
        journal.write(Attribute(old, name), wanted)


@attrs.frozen(eq=False)
class _Annotations(Whole):
    """
    A function's annotations, evaluated or not yet.

    From 3.14 on assigning ``__annotate__`` drops what was evaluated, and the other way round: one place.
    """

    function: FunctionType

    def get(self) -> tuple[object, object]:
        annotate = getattr(self.function, "__annotate__", None)
        return annotate, None if annotate is not None else self.function.__annotations__

    def put(self, value: tuple[Any, Any]) -> None:  # a function or nothing, a dict or nothing
        annotate, evaluated = value
        if annotate is not None:
            self.function.__annotate__ = annotate  # type: ignore[attr-defined]  # from 3.14 on
        else:
            self.function.__annotations__ = evaluated


def _write_annotations(old: FunctionType, new: FunctionType, journal: Journal) -> None:
    was, wanted = _Annotations(old).get(), _Annotations(new).get()
    if was[0] is None and wanted[0] is None and not was[1] and not wanted[1]:
        return
    journal.write(_Annotations(old), wanted)


def _calls(*args: Any, **kwargs: Any) -> Any:  # stands for any function
    """The body of a function that was replaced: the constant stands for the one to call instead."""
    target: Any = "target"  # replaced by a function
    return target(*args, **kwargs)


def forward(old: Any, new: object, journal: Journal) -> None:  # any definition
    """Make a function that could not become another one lead to it; a class is moved later."""
    if type(old) is CACHED:
        journal.write(Cache(old.cache_clear), None)
    elif type(old) is FunctionType:
        journal.write(Item(old.__dict__, "__wrapped__"), new)  # for `inspect.signature`
        have_call(old, new, journal)


def have_call(function: FunctionType, target: object, journal: Journal) -> None:
    """Have a function do nothing but call *target*, with whatever it is called."""
    journal.write(Code(function, "__code__"), calling(function, target))
    # Afterwards: another thread may call it in between, and miss what the code counted on.
    journal.write(Attribute(function, "__defaults__"), None)
    journal.write(Attribute(function, "__kwdefaults__"), None)


def calling(function: FunctionType, target: object) -> CodeType:
    """Code for a function that does nothing but call *target*."""
    code, model = function.__code__, _calls.__code__
    constants = tuple(target if c == "target" else c for c in model.co_consts)
    return model.replace(co_consts=constants, co_freevars=code.co_freevars, co_name=code.co_name)


# Wrappers


@attrs.frozen(eq=False)
class _Wrapped(Whole):
    """
    What a wrapper holds, which can be initialised again.

    That is the function of a static or class method, the functions of a property and its words, which its getter would
    give it otherwise, and all of a `functools.partial`, as its own pickling gives and takes it.
    """

    wrapper: Any  # of one of these kinds

    def get(self) -> tuple[Any, ...]:
        wrapper, kind = self.wrapper, type(self.wrapper)
        if kind is functools.partial:
            return tuple(wrapper.__reduce__()[2])
        if kind is staticmethod or kind is classmethod:
            return (wrapper.__func__,)
        return wrapper.fget, wrapper.fset, wrapper.fdel, wrapper.__doc__

    def put(self, value: tuple[Any, ...]) -> None:
        kind = type(self.wrapper)
        if kind is functools.partial:
            self.wrapper.__setstate__(value)
        elif kind is staticmethod or kind is classmethod:
            self.wrapper.__init__(*value)
        else:
            *functions, doc = value
            property.__init__(self.wrapper, *functions)
            if self.wrapper.__doc__ != doc:
                self.wrapper.__doc__ = doc


def place_in(wrapper: object) -> _Wrapped | None:
    """Where a wrapper holds what it wraps; `None` of what is no such wrapper."""
    is_known = type(wrapper) in (staticmethod, classmethod, functools.partial) or property in mro(wrapper)
    return _Wrapped(wrapper) if is_known else None


def mapped(held: tuple[Any, ...], kept: Callable[[Any], Any]) -> tuple[Any, ...]:  # what a place above gave
    """What a wrapper holds with the kept objects, also among the keywords of a partial."""
    return tuple({k: kept(v) for k, v in x.items()} if type(x) is dict else kept(x) for x in held)


# Classes


def _is_patchable_class(old: type, new: type, twins: Twins, journal: Journal) -> bool:
    """CPython must allow the new metaclass and bases, which is found out by assigning them."""
    kind = old if type(new) is new else twins.kept(type(new))  # sentinels are made so that they are their own class
    if layout(old) != layout(new) or (is_of_c(old) and not _is_alike_to_c(old, new, twins)):
        return False
    begun = len(journal.entries)
    if _is_given_metaclass(old, new, kind, journal) and _is_given_bases(old, new, twins.kept(bases_of(new)), journal):
        return True
    journal.take_back(begun)
    return False


def _is_given_metaclass(old: type, new: type, kind: type, journal: Journal) -> bool:
    """Whether a class has another metaclass now, or can do as well with the one that it has."""
    if kind is type(old) or is_abstract_still(old, kind):
        return True
    is_enum = isinstance(old, enum.EnumMeta), issubclass(kind, enum.EnumMeta)
    if is_enum[0] is not is_enum[1] or is_of_c(old) or is_of_c(new):
        return False
    return journal.attempt(ClassField(old, "__class__"), kind)


def is_abstract_still(old: type, kind: type) -> bool:
    """
    Whether an abstract base class is to be a plain one.

    CPython does not give a class the metaclass `type` back, but `abc.ABCMeta` adds to it alone: a class can do with.
    """
    return type(old) is abc.ABCMeta and kind is type


def _is_given_bases(old: type, new: type, bases: tuple[type, ...], journal: Journal) -> bool:
    place = ClassField(old, "__bases__")
    if is_same(bases_of(old), bases) or journal.attempt(place, bases):
        return True
    level(old, new, journal)
    return journal.attempt(place, bases) or (_is_marked(bases_of(old)) and _is_marked(bases))


def level(old: type, new: type, journal: Journal) -> None:
    """
    Let CPython exchange two classes where all that is in the way is the base of one that is no more.

    CPython exchanges classes of one layout if those that laid it out have the same base, be it empty as `abc.ABC` and
    `typing.Generic` are.  From 3.15 on it does not exchange these two either, and nothing is changed.

    Source:
        CPython's ``compatible_for_assignment``.
    """
    before, after = map(laid_out_by, (old, new))
    base, wanted = base_of(before), base_of(after)
    if base is not None and wanted is not base and home(before) is not before:
        bases = tuple(wanted if each is base else each for each in bases_of(before))
        journal.attempt(ClassField(before, "__bases__"), bases)


def _is_alike_to_c(old: type, new: type, twins: Twins) -> bool:
    """Whether two classes that C code made agree in what it may have taken from them: the fields of a structure."""
    before, after = ({n: x for n, x in table(cls).items() if not _is_for_python(n, x)} for cls in (old, new))
    return before.keys() == after.keys() and all(_is_alike_field(before[n], after[n], twins) for n in before)


def _is_for_python(name: str, value: object) -> bool:
    is_special = name.startswith("__") and name.endswith("__")
    return is_special or type(value) is FunctionType or is_class(value) or is_wrapper(value)


def _is_alike_field(old: object, new: object, twins: Twins) -> bool:
    """Descriptors of C are new ones in each class, and say all that they are."""
    is_told = type(old) is type(new) and type(type(old).__repr__) is WrapperDescriptorType
    return is_alike(old, new, twins) or (is_told and repr(old) == repr(new))


def _is_marked(bases: tuple[type, ...]) -> bool:
    """
    Whether a class has no base but `object`, or `typing.Generic` or `abc.ABC` in its place.

    CPython refuses to exchange these, but the others bring subscription alone, or a metaclass: a class can do without.
    """
    return len(bases) == 1 and id(bases[0]) in _MARKS


_MARKS: Final = frozenset(map(id, (object, typing.Generic, abc.ABC)))


def is_unmarked(old: type, new: type) -> bool:
    """Whether a kept class lacks, or still has, an empty base that its new definition has, or lacks."""
    sides = bases_of(old), bases_of(new)
    return sides[0] != sides[1] and _is_marked(sides[0]) and _is_marked(sides[1])


@classmethod  # type: ignore[misc]  # an entry for the attribute tables of others
def _subscripted(cls: Any, parameters: Any) -> Any:  # a class that is generic without saying so
    """What `typing.Generic` gives its subclasses as ``__class_getitem__``, and refuses to all others from 3.12 on."""
    generic: Any = vars(typing.Generic)["__class_getitem__"]  # as above
    subscript = getattr(typing, "_generic_class_getitem", None) or generic.__func__
    return subscript(cls, parameters)


def _become_class(old: type, new: type, twins: Twins, journal: Journal) -> None:
    """Only attributes that differ are written: each writing costs one of a class's thousand version tags."""
    before, after = table(old), dict(table(new))
    if is_unmarked(old, new) and bases_of(old)[0] is object:
        after["__class_getitem__"] = _subscripted
    if is_of_c(old):
        after = {name: x if _is_for_python(name, x) else before[name] for name, x in after.items()}
    evaluated = after.pop(_EVALUATED, MISSING)
    is_annotated = any(name in side for side in (before, after) for name in (_ANNOTATE, _EVALUATED))
    for name, value in after.items():
        wanted = _without_twins(twins.kept(value), twins)
        if is_exchangeable(name, value) and not is_same(before.get(name, MISSING), wanted):
            journal.write(ClassAttribute(old, name), wanted)
    for name, value in list(before.items()):
        if name not in after and name != _EVALUATED and is_exchangeable(name, value):
            journal.write(ClassAttribute(old, name), MISSING)
    if is_annotated or evaluated is not MISSING:
        journal.write(_Evaluated(old), (_without_twins(evaluated, twins),))
    if "_abc_impl" in after:
        _become_abstract(old, new, twins, journal)
    if isinstance(old, enum.EnumMeta) and issubclass(old, enum.Flag):
        journal.write(Cache(functools.partial(_forget_inverted, old)), None)


_ANNOTATE: Final = "__annotate_func__"
_EVALUATED: Final = "__annotations_cache__"


@attrs.frozen(eq=False)
class _Evaluated(Whole):
    """What somebody had evaluated of a class's annotations, from 3.14 on: it is of the version that it was asked of."""

    owner: type

    def get(self) -> tuple[object]:
        return (ClassAttribute(self.owner, _EVALUATED).get(),)

    def put(self, value: tuple[object]) -> None:
        place = ClassAttribute(self.owner, _EVALUATED)
        if place.get() is not value[0]:
            place.put(value[0])


def _without_twins(value: object, twins: Twins) -> object:
    """A new class's own dicts (an enum's maps, a dataclass's fields) with the kept objects inside."""
    if type(value) is dict:
        for key in [key for key, inside in value.items() if twins.kept(inside) is not inside]:
            value[key] = twins.kept(value[key])
    return value


def _pair_members(old: enum.EnumMeta, new: enum.EnumMeta, twins: Twins) -> None:
    """
    Members of one name stay the same object, unless their value lies in the object itself and differs.

    Then come those that are aliases on a side, where neither has been taken.
    """
    former: Mapping[str, enum.Enum] = old.__members__
    names: Mapping[str, enum.Enum] = new.__members__
    taken: set[int] = set()
    shared = [name for name in names if name in former]
    for name in sorted(shared, key=lambda name: not former[name]._name_ == name == names[name]._name_):
        both = former[name], names[name]
        if taken.isdisjoint(map(id, both)) and _is_keepable_member(*both):
            taken.update(map(id, both))
            twins.add(*both)
    if issubclass(old, enum.Flag) and issubclass(new, enum.Flag):
        _pair_combined(old, new, twins)


def _forget_inverted(cls: Any) -> None:  # a flag: what is used is enum's own
    """Each member of a flag remembers what ``~`` gave, which depends on all of them."""
    for member in [*cls._value2member_map_.values()]:
        if member.__dict__.get("_inverted_") is not None:
            member._inverted_ = None


def _pair_combined(old: Any, new: Any, twins: Twins) -> None:  # two flags: what is used is enum's own
    """Members that were made of others (``RED | BLUE``) stay too, where those have the values that they had."""
    same = 0
    for name, member in old.__members__.items():
        if name in new.__members__ and new.__members__[name]._value_ == member._value_:
            same |= member._value_
    combined = {value: x for value, x in old._value2member_map_.items() if x._name_ not in old.__members__}
    for value, member in combined.items():
        if value & ~same == 0:
            made = new._value2member_map_.setdefault(value, member)
            if made is not member:
                twins.add(member, made)


def _is_keepable_member(old: enum.Enum, new: enum.Enum) -> bool:
    is_plain = object.__new__ is type(old)._member_type_.__new__  # type: ignore[attr-defined]  # enum's own
    return is_plain or is_same(old.__dict__.get("_value_"), new.__dict__.get("_value_"))


def _become_abstract(old: type, new: type, twins: Twins, journal: Journal) -> None:
    """Classes that registered with the new one are registered with the kept one, and caches are emptied."""
    if "_abc_impl" not in table(old):  # its metaclass is another one
        journal.write(ClassAttribute(old, "_abc_impl"), table(new)["_abc_impl"])
    had = Registered(old).get()
    more = [kept for cls in Registered(new).get() if (kept := twins.kept(cls)) not in had]
    journal.write(Registered(old), (*had, *more))
    journal.write(Cache(functools.partial(_abc._reset_caches, old)), None)
