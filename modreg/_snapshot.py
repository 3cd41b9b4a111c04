"""
What a namespace held at one moment: its bindings, images of its definitions, and the list of both.

A namespace may hold any object, and looking must not be noticed: no code of a value runs here. So types are
compared by identity (a metaclass may define ``__eq__``), objects are kept by :func:`id`, members are read
through the descriptors of the built-in types, and `isinstance`, which may ask an object for its
``__class__``, gives way to `issubclass` of its type, which for a plain class asks nobody.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import types
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import repeat
from operator import is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, GetSetDescriptorType, ModuleType
from typing import Any, Final, TypeAlias

import attrs

from modreg import _source
from modreg._classes import bases_of, is_class, mro_of, qualname_of, table
from modreg._journal import MISSING, Attribute, ClassAttribute, ClassField, Code, is_exchangeable, is_stand_in
from modreg._values import ATOMS, CACHED, NAMESPACE, content


class Kind(enum.Enum):
    """What a name is bound to, as a manifest tells it."""

    FUNCTION = "function"
    COROUTINE = "coroutine function"
    GENERATOR = "generator function"
    ASYNC_GENERATOR = "async generator function"
    STATIC_METHOD = "static method"
    CLASS_METHOD = "class method"
    PROPERTY = "property"
    CLASS = "class"
    MODULE = "module"
    LAZY = "lazy import"
    VALUE = "value"


# Wrappers


@attrs.frozen
class _Wrapper:
    """A type of the standard library around functions, its word in a manifest, and what looks inside."""

    known: type
    kind: Kind
    unwrap: Callable[[Any], tuple[object, ...]]  # Any: an object of that type

    @classmethod
    def of_members(cls, known: type, kind: Kind, *names: str) -> _Wrapper:
        """One that holds what it wraps in members; a subclass may put something else in front of them."""
        getters = [known.__dict__[name].__get__ for name in names]
        return cls(known, kind, lambda wrapper: tuple([get(wrapper) for get in getters]))

    @classmethod
    def of_attributes(cls, known: type, kind: Kind, *names: str) -> _Wrapper:
        """One that holds what it wraps in its ``__dict__``."""
        attributes = known.__dict__["__dict__"].__get__
        return cls(known, kind, lambda wrapper: tuple([attributes(wrapper).get(name) for name in names]))


_WRAPPERS: Final = (
    _Wrapper.of_members(staticmethod, Kind.STATIC_METHOD, "__func__"),
    _Wrapper.of_members(classmethod, Kind.CLASS_METHOD, "__func__"),
    _Wrapper.of_members(property, Kind.PROPERTY, "fget", "fset", "fdel"),
    _Wrapper.of_members(functools.partial, Kind.FUNCTION, "func"),
    _Wrapper.of_attributes(CACHED, Kind.FUNCTION, "__wrapped__"),
    _Wrapper.of_attributes(functools.cached_property, Kind.PROPERTY, "func"),
    _Wrapper.of_attributes(types.DynamicClassAttribute, Kind.PROPERTY, "fget", "fset", "fdel"),
    _Wrapper.of_attributes(functools.partialmethod, Kind.FUNCTION, "func"),
    _Wrapper.of_attributes(functools.singledispatchmethod, Kind.FUNCTION, "func", "dispatcher"),
)
_KNOWN: Final = {id(each.known): each for each in _WRAPPERS}  # by identity, as all types here


def _wrapper(kind: type) -> _Wrapper | None:
    """What is known of the wrapper type *kind*; `None` if it is none."""
    for base in mro_of(kind):
        wrapper = _KNOWN.get(id(base))
        if wrapper is not None:
            return wrapper
    return None


# Images
#
# They are plain tuples: a namespace has hundreds of them, and a tuple is made in a fraction of the time of
# an attrs instance or a named tuple. The first part of each is the object itself, so that no other object
# gets its id while the image lives; the last is what to look into next. They differ in length.

FunctionImage: TypeAlias = tuple[
    FunctionType, CodeType, tuple[object, ...] | None, dict[str, object] | None, tuple[object, ...]
]
"""A function of the module: itself, code, defaults, keyword defaults, and the functions in its closure."""

ClassImage: TypeAlias = tuple[type, tuple[type, ...], tuple[str, ...], tuple[object, ...]]
"""A class of the module: itself, bases, and the names and values of its attribute table."""

WrapperImage: TypeAlias = tuple[object, tuple[object, ...]]
"""What is around functions, such as a property: itself and what it wraps."""

Image: TypeAlias = FunctionImage | ClassImage | WrapperImage
_Imager: TypeAlias = Callable[[Any, str], Image | None]  # Any: an object of the one type it is for


def _images(objects: Iterable[object], module: str) -> tuple[Image, ...]:
    """Images of all definitions of *module* among *objects* and inside them."""
    found: dict[int, Image] = {}
    imagers = _IMAGERS.copy()
    pending = list(objects)
    for value in pending:  # It grows while it is walked.
        if type(value) is FunctionType:  # Most are: no looking up for them.
            image: Image | None = _image_of_function(value, module)
        else:
            kind = type(value)
            try:
                imager = imagers[id(kind)]
            except KeyError:
                imager = imagers[id(kind)] = _imager(kind)
            if imager is None:
                continue
            image = imager(value, module)
        if image is not None and (key := id(value)) not in found:
            found[key] = image
            if image[-1]:
                pending += image[-1]
    return tuple(found.values())


def _imager(kind: type) -> _Imager | None:
    """What makes images of objects of the type *kind*, not that of functions; `None` if they need none."""
    if issubclass(kind, type):
        return _image_of_class
    wrapper = _wrapper(kind)
    return functools.partial(_image_of_wrapper, wrapper) if wrapper else None


def _image_of_function(function: FunctionType, module: str) -> FunctionImage | WrapperImage | None:
    closure = function.__closure__
    inside = () if closure is None else _enclosed(function, closure)
    home: object = function.__module__  # may be set to anything
    if home is module or (type(home) is str and home == module):
        return function, function.__code__, function.__defaults__, function.__kwdefaults__, inside
    # A function of another module with some inside is a wrapper around them, made by a decorator.
    return (function, inside) if inside else None


def _enclosed(function: FunctionType, closure: Iterable[CellType]) -> tuple[object, ...]:
    """What *function* wraps: the functions in its closure, and what `functools.wraps` noted."""
    contents = [*map(content, closure), getattr(function, "__wrapped__", None)]
    return tuple({id(x): x for x in contents if type(x) is FunctionType or _wrapper(type(x))}.values())


def _image_of_class(cls: type, module: str) -> ClassImage | None:
    attributes: Any = table(cls)  # a view of a dict, whose copy is one step for other threads
    home: object = attributes.get("__module__")  # may be set to anything
    if type(home) is not str or home != module:
        return None
    return cls, bases_of(cls), *_columns(attributes.copy())


def _image_of_wrapper(wrapper: _Wrapper, value: object, _: str) -> WrapperImage:
    return value, wrapper.unwrap(value)


# By identity, for a metaclass may define what hash and == do. Most values are of these.
_PLAIN: Final = (tuple, list, dict, set, ModuleType, ModuleSpec, SourceFileLoader, GetSetDescriptorType)
_IMAGERS: Final = {
    **{id(kind): _imager(kind) for kind in (type, ABCMeta, *(each.known for each in _WRAPPERS))},
    **dict.fromkeys((*ATOMS, *map(id, _PLAIN))),
}


def _columns(table: dict[str, object]) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """The names and the values of *table*, without those whose name is no plain string."""
    names = tuple(table)
    if not all(map(is_, map(type, names), repeat(str))):
        return _columns({name: value for name, value in table.items() if type(name) is str})
    return names, tuple(table.values())


# Snapshots


@attrs.define(eq=False, kw_only=True)
class Snapshot:
    """
    A namespace's names and objects at one moment, copied shallowly, with images of its definitions.

    Live patching changes functions and classes in place. Their images hold what it changes, so that a
    snapshot goes on telling what there was:

    >>> namespace = {"__name__": "tax"}
    >>> exec("def rate(price): return price * 0.2", namespace)
    >>> snapshot = Snapshot.take(namespace)
    >>> namespace["rate"].__code__ = (lambda: 0.3).__code__
    >>> print(Manifest.of(snapshot)["rate"])
    function (price)

    Attributes:
        names: The names, in the namespace's order. A key that is no plain string is no name.
        objects: What they are bound to, in the same order.
        is_shallow: Whether there are no images, since what superseded the version changed no definition.
        images: One of each function and class that the module defines, also inside classes, closures and
            the standard library's wrappers, and of each wrapper.
    """

    names: tuple[str, ...]
    objects: tuple[object, ...] = attrs.field(repr=False)
    images: tuple[Image, ...] = attrs.field(repr=False)
    is_shallow: bool = False

    @classmethod
    def take(cls, namespace: dict[str, object]) -> Snapshot:
        """Note what a module's *namespace* holds; other threads may change it meanwhile."""
        # Copied in one step, and all the rest is read from the copy.
        copied = dict.copy(namespace)
        names, objects = _columns(copied)
        module = copied.get("__name__")
        own = [value for name, value in zip(names, objects, strict=True) if name not in _SET_BY_IMPORT]
        images = _images(own, module) if type(module) is str else ()
        return cls(names=names, objects=objects, images=images)

    @property
    def bindings(self) -> dict[str, object]:
        """Names and objects as a new dict."""
        return dict(zip(self.names, self.objects, strict=True))

    def put_back(self) -> None:
        """
        Make the definitions what they were, object by object.

        For what a failed execution did to them by its own statements (``Invoice.rate = 0``); what patching
        does is undone by the journal.
        """
        for image in self.images:
            if len(image) == _FUNCTION:
                function, code, defaults, keyword_defaults, _ = image
                if function.__code__ is not code:
                    Code(function, "__code__").put(code)
                for name, value in (("__defaults__", defaults), ("__kwdefaults__", keyword_defaults)):
                    if getattr(function, name) is not value:
                        Attribute(function, name).put(value)
            elif len(image) == _CLASS:
                _put_back_class(image)


@attrs.define(eq=False)
class Attributes:
    """What the classes of a module had in earlier versions, whose snapshots are given when asked for, latest first."""

    snapshots: Callable[[], Iterable[Snapshot]]
    _images: list[dict[int, ClassImage]] | None = None

    def __call__(self, cls: type, name: str) -> Iterator[object]:
        """What a class had under a name, the latest first."""
        if self._images is None:  # most classes get nothing new
            self._images = [{id(i[0]): i for i in s.images if len(i) == _CLASS} for s in self.snapshots()]
        for image in [each[id(cls)] for each in self._images if id(cls) in each]:
            yield from (value for key, value in zip(image[2], image[3], strict=True) if key == name)


_FUNCTION: Final = 5  # parts of a FunctionImage
_CLASS: Final = 4  # parts of a ClassImage


def _put_back_class(image: ClassImage) -> None:
    cls, bases, names, values = image
    if bases_of(cls) != bases:
        ClassField(cls, "__bases__").put(bases)
    present = dict(table(cls))
    if tuple(present) == names and all(map(is_, present.values(), values)):
        return
    wanted = dict(zip(names, values, strict=True))
    for name in {**wanted, **present}:
        value = wanted.get(name, MISSING)
        if present.get(name, MISSING) is not value and is_exchangeable(name, value):
            ClassAttribute(cls, name).put(value)


# Manifests


@attrs.frozen
class Item:
    """
    What a manifest says of one name.

    Attributes:
        kind: What it is bound to.
        text: For people. Of a function of the module its parameters with their defaults, of a class of the
            module its bases, both in parentheses; of a plain value its `repr`, cut where it is long; of a
            function, class or module from elsewhere its name; of all else the name of its type.
        digest: What tells things of equal text apart: of a function its code, of a long value the rest.
    """

    kind: Kind
    text: str
    digest: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether it is a class that the manifest tells attribute by attribute."""
        return self.kind is Kind.CLASS and self.text.startswith("(")

    def __str__(self) -> str:
        return self.text if self.kind is Kind.VALUE else f"{self.kind.value} {self.text}".rstrip()


@attrs.frozen(eq=False)  # Mapping compares.
class Manifest(Mapping[str, Item]):
    r"""
    The storable list of a snapshot: what each path, as ``rate`` or ``Invoice.total``, stood for.

    Names that the import system or the class statement sets are left out, save ``__doc__``. What a list,
    a dict or an instance holds is not told, only its type.

    >>> namespace = {"__name__": "tax"}
    >>> exec("RATE = 0.2\ndef net(price, rate=RATE): return price * (1 - rate)", namespace)
    >>> for path, item in Manifest.of(Snapshot.take(namespace)).items():
    ...     print(f"{path}: {item}")
    RATE: 0.2
    net: function (price, rate=0.2)
    """

    _items: Mapping[str, Item]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Manifest:
        """List *snapshot* as it was when it was taken; this runs no code of its objects either."""
        bindings = snapshot.bindings
        images = {id(image[0]): image for image in snapshot.images}
        listed: dict[str, Item] = {}
        for name, value in bindings.items():
            if not _is_told(name, value, _SET_BY_IMPORT):
                continue
            own = _joined(qualname_of(value)) if is_class(value) else name
            # A class that is bound to its own name too is told there, and under another only named.
            home = name if bindings.get(own) is value else own
            listed.update(_listing(name, value, home, images))
        return cls(listed)

    def __getitem__(self, path: str) -> Item:
        return self._items[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


_SET_BY_BOTH: Final = frozenset({"__annotate__", "__annotations__", "__conditional_annotations__"})
_SET_BY_IMPORT: Final = _SET_BY_BOTH | {
    "__builtins__", "__cached__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__",
    "__warningregistry__",
}  # fmt: skip
"""What the import system, the compiler and `warnings` put into a namespace."""

_SET_BY_CLASS: Final = _SET_BY_BOTH | {
    "__abstractmethods__", "__annotate_func__", "__annotations_cache__", "__classdictcell__", "__dict__",
    "__firstlineno__", "__module__", "__qualname__", "__static_attributes__", "__weakref__", "_abc_impl",
}  # fmt: skip
"""What the class statement, `type` and `abc` put into an attribute table."""


def _is_told(name: str, value: object, given: frozenset[str]) -> bool:
    """Whether *name* says something of the source: it is not *given* by itself, nor an absent docstring."""
    return name not in given and not (name == "__doc__" and value is None) and not is_stand_in(value)


def _listing(path: str, value: object, home: str, images: dict[int, Image]) -> Iterator[tuple[str, Item]]:
    """
    The item of *path* and, where it holds a class of the module named *home*, those of all paths in it.

    A class with another qualified name is defined elsewhere and here only named. Qualified names grow with
    each step inwards, so that classes referring to each other make no endless listing.
    """
    image = images.get(id(value))
    if image is None or len(image) != _CLASS or _joined(qualname_of(image[0])) != home:
        yield path, _item(value, images, set())
        return
    cls, bases, names, values = image
    yield path, _made(Kind.CLASS, _inheritance(cls, bases))
    for name, attribute in zip(names, values, strict=True):
        if _is_told(name, attribute, _SET_BY_CLASS):
            yield from _listing(f"{path}.{name}", attribute, f"{home}.{name}", images)


_MOST_INSIDE: Final = 50  # functions in closures and wrappers that one item tells


def _inheritance(cls: type, bases: tuple[type, ...]) -> str:
    """What stands in the parentheses of a class statement, save keywords of the metaclass's own."""
    names = [_full_name(base) for base in bases if base is not object]
    if type(cls) is not type:
        names.append(f"metaclass={_full_name(type(cls))}")
    return f"({', '.join(names)})"


def _item(value: object, images: dict[int, Image], seen: set[int]) -> Item:
    """What *value* was when *images* were made; what was *seen* around it is not told again."""
    image = images.get(id(value))
    if image is None or len(image) == _CLASS:
        return _named(value)
    # A module that wraps its own function anew at each reload makes a chain without end.
    if id(value) in seen or len(seen) >= _MOST_INSIDE:
        return Item(Kind.VALUE, "...")
    seen.add(id(value))
    inside = [_item(part, images, seen) for part in image[-1] if part is not None]
    whole = _defined(image) if len(image) == _FUNCTION else _wrapping(value)
    text = " of ".join(filter(None, [whole.text, ", ".join(part.text for part in inside)]))
    return _made(whole.kind, text, whole.digest, *(part.digest for part in inside))


def _defined(image: FunctionImage) -> Item:
    """A function of the module, without what is in its closure."""
    _, code, defaults, kwdefaults, _ = image
    given = {name: _named(value) for name, value in _defaults(code, defaults, kwdefaults)}
    text = _parameters(code, {name: f"{name}={item.text}" for name, item in given.items()})
    digests = (item.digest for item in given.values())
    return _made(_kind_of(code), text, _source.digest(code)[:_DIGITS], *digests)


def _defaults(
    code: CodeType, defaults: tuple[object, ...] | None, kwdefaults: dict[str, object] | None
) -> Iterator[tuple[str, object]]:
    """
    Parameters and their defaults.

    Both collections can be set: to more values than there are parameters, and to a subclass of their type.
    """
    names, count = code.co_varnames, code.co_argcount
    if defaults is not None:
        last = tuple.__getitem__(defaults, slice(max(tuple.__len__(defaults) - count, 0), None))
        yield from zip(names[count - len(last) : count], last, strict=True)
    if kwdefaults is not None:
        for name in names[count : count + code.co_kwonlyargcount]:
            if dict.__contains__(kwdefaults, name):
                yield name, dict.__getitem__(kwdefaults, name)


def _parameters(code: CodeType, shown: Mapping[str, str]) -> str:
    """What stands in the parentheses of a ``def``; *shown* has the parameters that have a default."""
    names = [shown.get(name, name) for name in code.co_varnames]
    count, end = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    rest = iter(names[end:])
    parts = names[:count]
    if code.co_posonlyargcount:
        parts.insert(code.co_posonlyargcount, "/")
    if code.co_flags & inspect.CO_VARARGS:
        parts.append(f"*{next(rest)}")
    elif end > count:
        parts.append("*")
    parts += names[count:end]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        parts.append(f"**{next(rest)}")
    return f"({', '.join(parts)})"


def _kind_of(code: CodeType) -> Kind:
    """The kind of the functions with this code."""
    if code.co_flags & inspect.CO_COROUTINE:
        return Kind.COROUTINE
    if code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return Kind.ASYNC_GENERATOR
    return Kind.GENERATOR if code.co_flags & inspect.CO_GENERATOR else Kind.FUNCTION


def _wrapping(value: object) -> Item:
    """A wrapper without what it wraps."""
    kind = type(value)
    wrapper = _wrapper(kind)
    if wrapper is None:
        return _named(value)  # a decorator's function
    is_plain = kind is staticmethod or kind is classmethod or kind is property
    return Item(wrapper.kind, "" if is_plain else _full_name(kind))


def _named(value: object) -> Item:
    """What can be told of any object without looking into it."""
    kind = type(value)
    text = _plain(value)
    if text is not None:
        return _made(Kind.VALUE, text)
    if type(value) is FunctionType:
        return _made(_kind_of(value.__code__), _joined(value.__module__, value.__qualname__))
    if type(value) is BuiltinFunctionType:
        return _made(Kind.FUNCTION, _joined(value.__module__, value.__name__))
    if is_class(value):
        return _made(Kind.CLASS, _full_name(value))
    if issubclass(kind, ModuleType):
        return _made(Kind.MODULE, _joined(NAMESPACE(value).get("__name__")))
    if kind is getattr(types, "LazyImportType", None):  # from 3.15 on; to look further would import
        return Item(Kind.LAZY, "")
    return _made(Kind.VALUE, _full_name(kind))


def _plain(value: object, room: int = 10_000) -> str | None:
    """
    The `repr` of a plain value, or of a tuple or frozenset of such; `None` of anything else.

    It looks at no more than *room* values; each level takes half of it at least, which bounds the depth too.
    """
    if type(value) is int and value.bit_length() > 2_000:
        return hex(value)  # repr can be forbidden from 640 digits on: sys.set_int_max_str_digits
    if id(type(value)) in ATOMS or value is ...:
        return repr(value)
    if (type(value) is not tuple and type(value) is not frozenset) or len(value) >= room:
        return None
    shown = [_plain(part, room // (len(value) + 1)) for part in value]
    parts = [part for part in shown if part is not None]
    if len(parts) < len(shown):
        return None
    if type(value) is tuple:
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    return f"frozenset({{{', '.join(sorted(parts))}}})" if parts else "frozenset()"


_LONGEST: Final = 200  # characters of a text, about two lines
_DIGITS: Final = 12  # of a digest: 48 bits, and only two versions of one thing are ever compared


def _made(kind: Kind, text: str, *digests: str) -> Item:
    """An item whose text is cut to a readable length; the digest stands for the rest of it, too."""
    if len(text) > _LONGEST:
        digests = (*digests, _digest(text))
        text = f"{text[:_LONGEST]}... ({len(text)} characters)"
    given = list(filter(None, digests))
    return Item(kind, text, given[0] if len(given) == 1 else _digest(" ".join(digests)) if given else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _full_name(cls: type) -> str:
    """Module and qualified name of a class, of built-in ones the name alone."""
    try:
        return _joined(type.__dict__["__module__"].__get__(cls), qualname_of(cls))
    except AttributeError:  # made where no module's name was to be had
        return _joined(qualname_of(cls))


def _joined(*parts: object) -> str:
    """The parts of a name with dots between; they can be anything, and only plain strings are read."""
    known = [part for part in parts if type(part) is str]
    return ".".join(known).removeprefix("builtins.") or "?"
