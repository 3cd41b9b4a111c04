"""Knows when a module is imported, without standing between it and the import system."""

from __future__ import annotations

import _imp
import _thread
import contextlib
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module, reload
from importlib.machinery import ModuleSpec
from operator import call
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import attrs

from modreg import _quick
from modreg.errors import ModregError

_Function = TypeVar("_Function", bound=Callable[..., object])

# Stands for the token of an import that nobody was told of, so that its end is not told either.
_UNHEARD = object()
_NO_START = (_UNHEARD, None)

# The functions of importlib that tell why a spec is asked for, and the module each is in. The
# innermost one on the stack decides; under the two that give None a module is already running.
_DECIDING = {
    "_find_and_load_unlocked": ("importlib._bootstrap", "import"),
    "_load_unlocked": ("importlib._bootstrap", None),
    "_exec": ("importlib._bootstrap", None),
    "reload": ("importlib", "reload"),
}

BOOTSTRAP: Final[Any] = sys.modules["_frozen_importlib"]
"""The import system itself; private, but there since 3.3, and what `importlib.reload` uses."""

# The code of importlib that asks for nearly every spec, two frames above our finder; read off once, for looking
# at more than that costs each import what observing the rest of it does.
_IMPORTING: types.CodeType = BOOTSTRAP._find_and_load_unlocked.__code__
_EXECUTING: types.CodeType = BOOTSTRAP._exec.__code__

# Touched here, or under -X lazy_imports=all it would be imported by the finder that needs it to answer.
_USUAL = _quick.FINDERS

# How 3.11, the last to do so, asks a finder that only has find_module(). Later there is no such name.
_ask_old_finder = getattr(BOOTSTRAP, "_find_spec_legacy", None)

# Only the descriptor of ModuleType itself reads a namespace without running anyone's code: a
# subclass may define a property of this name (apipkg does, and loads everything in it).
_namespace = vars(types.ModuleType)["__dict__"]


class Observer(Protocol):
    """
    Who is told of imports, in the importing thread and under the module's import lock.

    It must not import anything. What it raises goes to :data:`sys.unraisablehook`, never into the
    import; an import whose start raised has no end.
    """

    def started(self, spec: ModuleSpec, cause: str) -> object:
        """
        Hear that *spec* is about to be executed.

        Args:
            spec: The very object that the module gets as its ``__spec__``.
            cause: ``"import"``, or ``"reload"`` for an `importlib.reload`.

        Returns:
            Anything; :meth:`finished` is given it back.
        """

    def finished(self, spec: ModuleSpec, module: object | None, token: object) -> None:
        """
        Hear that the execution of *spec* is over.

        Args:
            spec: As given to :meth:`started`.
            module: What `sys.modules` holds under the spec's name now, which need not be a module;
                `None` if the import failed. One that is loaded lazily has not run yet: see
                :func:`is_unloaded_lazy`.
            token: What :meth:`started` returned.
        """


def _named_as_importlib(function: _Function) -> _Function:
    """
    Give the code of *function* the file name of importlib's.

    For functions that are on the stack while foreign code runs: `warnings` skips such frames when
    it looks for the importer, and the interpreter trims them from the traceback of a failed
    import. The price is that coverage and debuggers do not see them either.

    Source:
        ``_is_internal_frame`` in CPython's ``warnings.py``, ``remove_importlib_frames`` in its
        ``import.c``.
    """
    # Made anew: a function whose __code__ was assigned is never specialised again (3.13).
    code = function.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")
    made = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__qualname__ = function.__qualname__
    made.__doc__ = function.__doc__
    made.__annotations__ = function.__annotations__
    return made  # type: ignore[return-value]  # it is called as the one it was made from


@attrs.define(eq=False, repr=False)  # It is printed with sys.meta_path, and would show the whole history.
class Finder:
    """
    A meta path finder that lets all the others answer and tells an observer what comes of it.

    It wraps nothing. A spec that an import asked for gets, as long as that import lasts, a class in
    which ``_initializing`` is a data descriptor: importlib sets that flag just before it executes a
    module and clears it afterwards, whatever happens. `importlib.reload` leaves the flag alone, but
    reads the loader just before and the name just after: its specs get a class in which these are
    descriptors. Module, loader and the spec's identity are never touched, and no frame of ours is on
    the stack while the module runs. Where the class cannot be assigned a loader takes its place that
    puts the real one back before anything runs.

    What no finder sees: modules that something else puts into `sys.modules`, loaders that only have
    ``load_module()``, the reload of a namespace package (nothing is executed), and what an
    extension module does in ``create_module``, which comes before the start. A module that is not
    found is asked for twice of every other finder: first by this one, then by importlib.

    It has no other method that importlib or ``importlib.metadata`` would ask for: forwarding
    ``find_distributions`` would double every distribution.

    No lock is held, hence none can be lost in a fork. Each container is only changed by single steps
    of C (``set.add``, ``dict.pop``), atomic under the GIL and locked in free threading, and one
    entry belongs to one thread: the one that imports under the module's lock.

    Args:
        observer: Who is told.
        missed: Takes the names that an import asked for in vain.
        quick: A finder that gives the spec of an import as the interpreter's own finders would, and is asked just
            before these; `None` as its answer leaves it to them.

    Source:
        ``_load_unlocked`` and ``_exec`` in CPython's ``importlib/_bootstrap.py``, unchanged in this from
        3.4 to 3.15.
    """

    _observer: Observer
    missed: set[str] = attrs.field(factory=set)
    _quick: Any = None  # whatever has a find_spec()
    _is_open: bool = attrs.field(default=True, init=False)
    # Whether this interpreter sets the flag; install() finds out.
    _is_flag_set: bool = attrs.field(default=True, init=False)
    # (thread, name) of what the other finders are being asked for. After a fork those of other
    # threads remain; all they can do is leave one import unobserved.
    _asking: set[tuple[int, str]] = attrs.field(factory=set, init=False)
    # The class made for each class of specs, None where none can be.
    _classes: dict[type, type | None] = attrs.field(factory=dict, init=False)
    # The same for specs that are reloaded.
    _reload_classes: dict[type, type | None] = attrs.field(factory=dict, init=False)
    # By identity, for specs have no hash: the specs and loaders prepared for an execution that has
    # not started. An import whose create_module() fails gives no sign and leaves its spec here.
    _waiting: dict[int, weakref.ref[Any]] = attrs.field(factory=dict, init=False)  # Specs are of any class.
    # By the spec's identity, the token of its execution under way, and what stood here before that
    # began: where a module imports itself anew while it runs and its finder gives the same spec again.
    _tokens: dict[int, tuple[object, Any]] = attrs.field(factory=dict, init=False)  # Any: the same, or None.

    @_named_as_importlib
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """
        Give what the other finders answer, prepared to be observed if it is for an import.

        Inside itself, that is where another finder asks back for the same name, it answers `None`.
        """
        frame = sys._getframe(1)
        nearest = frame.f_back
        is_import = nearest is not None and nearest.f_code is _IMPORTING
        finders = sys.meta_path
        if is_import and finders[1:4] == _USUAL and finders[0] is self and self._is_flag_set and self._is_open:
            spec = self._find_usual(fullname, path)
            if spec is not None:
                return spec
            if len(finders) == 1 + len(_USUAL):
                self.missed.add(fullname)
                return None
        key = (_thread.get_ident(), fullname)
        if not self._is_open or key in self._asking:
            return None
        self._asking.add(key)
        try:
            spec = _ask(self._others(is_import), fullname, path, target)
        finally:
            self._asking.discard(key)
        # A spec that somebody only looks for is theirs to use.
        cause = "import" if is_import else _cause(frame, fullname)
        if spec is not None:
            if cause is not None:
                self._prepare(spec, cause)
        elif cause == "import":
            self.missed.add(fullname)
        return spec

    @_named_as_importlib
    def _find_usual(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """
        Find and prepare what the interpreter's own finders answer, which are the next to be asked.

        Nearly every import comes through here, so that it is one function and does no more than it must;
        the rest of :meth:`find_spec` does the same for any finders and any specs. These finders do not ask
        back, and importlib holds the import lock.
        """
        spec: ModuleSpec | None = None
        if path is not None and self._quick is not None:
            spec = self._quick.find_spec(fullname, path)
        if spec is None:
            for finder in _USUAL:
                spec = finder.find_spec(fullname, path)
                if spec is not None:
                    break
            else:
                return None
        made = self._classes.get(ModuleSpec)
        if made is None or type(spec) is not ModuleSpec or not hasattr(spec.loader, "exec_module"):
            self._prepare(spec, "import")  # The first one, a namespace package, one of a foreign path hook.
            return spec
        self._waiting[id(spec)] = weakref.ref(spec)
        self._tokens.pop(id(spec), None)
        spec.__class__ = made
        return spec

    def _others(self, is_import: bool) -> list[Any]:
        """The other finders; before the interpreter's own the quick one, where there is an import to be quick for."""
        others = [finder for finder in sys.meta_path if finder is not self]
        if is_import and self._quick is not None:
            for at in range(len(others) + 1 - len(_USUAL)):
                if others[at : at + len(_USUAL)] == _USUAL:
                    others.insert(at, self._quick)
                    break
        return others

    def close(self) -> None:
        """
        Tell the observer nothing from now on, and find nothing.

        Specs whose execution never started are given back as they were; those of imports under way
        are when these end.
        """
        self._is_open = False
        self._give_back()

    def _give_back(self) -> None:
        for key, reference in self._waiting.copy().items():
            waiting = reference()
            # Whoever takes it out of the dict has it: us, or the thread that starts to execute it.
            if self._waiting.pop(key, None) is None or waiting is None:
                continue
            if type(waiting) is _RestoringLoader:
                _put_back(waiting, sys.modules.get(waiting._observed.spec.name))
            else:
                _take_off(waiting, self)

    def _prepare(self, spec: ModuleSpec, cause: str) -> None:
        loader = getattr(spec, "loader", None)
        # A loader that only has load_module() is run without any sign to us (until 3.14; it fails from 3.15 on).
        if loader is not None and not hasattr(loader, "exec_module"):
            return
        is_executed = cause == "import" or loader is not None  # importlib only says import of a namespace package
        if self._is_flag_set and is_executed and self._put_class_on(spec, cause):
            return
        if loader is not None and not self._is_ours(loader):
            self._put_loader_on(spec, cause)

    def _is_ours(self, loader: object) -> bool:
        return type(loader) is _RestoringLoader and loader._observed.finder is self

    def _put_class_on(self, spec: ModuleSpec, cause: str) -> bool:
        kind = type(spec)
        made = self._class_for(kind, cause)
        if made is None:
            return False
        try:
            spec.__dict__  # noqa: B018  # there has to be one
            self._wait_for(spec)
            # One step under the GIL, all threads stopped in free threading; importlib hands the
            # spec to other threads only after the flag went up.
            spec.__class__ = made
        except TypeError:
            # No dict to keep the flag in, no weak references, or a layout made in C.
            self._waiting.pop(id(spec), None)
            return False
        if made is not kind:
            # Of an object that had this identity before and was interrupted between two steps.
            self._tokens.pop(id(spec), None)
        return True

    def _class_for(self, kind: type, cause: str) -> type | None:
        classes = self._classes if cause == "import" else self._reload_classes
        try:
            return classes[kind]
        except KeyError:
            # It is ours already if the spec is found again before its import is over.
            make = _observing_class if cause == "import" else _reloading_class
            made = classes[kind] = kind if _base_under(kind, self) else make(self, kind)
            return made

    def _wait_for(self, waiting: ModuleSpec | _RestoringLoader) -> None:
        self._waiting[id(waiting)] = weakref.ref(waiting)
        # A WeakValueDictionary would clear up by itself, and double what an import costs more.
        if len(self._waiting) > 1000:
            for key, reference in self._waiting.copy().items():
                if reference() is None:
                    self._waiting.pop(key, None)

    def _put_loader_on(self, spec: ModuleSpec, cause: str) -> None:
        loader = _RestoringLoader(_Observed(self, spec, spec.loader, cause))
        try:
            spec.loader = loader  # type: ignore[assignment]  # it does as the loader it stands for
        except (AttributeError, TypeError):
            return  # A spec that cannot be changed at all: this import stays unseen.
        self._wait_for(loader)

    def _begin(self, spec: ModuleSpec, waiting: object, cause: str) -> object:
        if self._waiting.pop(id(waiting), None) is None or not self._is_open:
            return _UNHEARD
        try:
            return self._observer.started(spec, cause)
        except Exception as error:  # Of the observer; an import must not fail for it.
            _show(error)
            return _UNHEARD

    def _end(self, spec: ModuleSpec, module: object | None, token: object) -> None:
        if token is _UNHEARD or not self._is_open:
            return
        try:
            self._observer.finished(spec, module, token)
        except Exception as error:  # As above.
            _show(error)


class _Flag:
    """
    What stands under the name ``_initializing`` in the class of an observed spec.

    Without a ``__get__`` reading costs nothing and runs nothing of ours, also in the C code and the
    other threads that read the flag at every import of the module: it finds the value in the spec's
    own dict. Before the first value it finds this object, hence its truth.
    """

    __slots__ = ("base", "below", "finder")

    def __init__(self, finder: Finder, base: type) -> None:
        self.finder = finder
        self.base = base
        # Another finder's flag.
        self.below: _Flag | None = getattr(base, "_initializing", None)

    def __bool__(self) -> bool:
        return False

    def __set__(self, spec: ModuleSpec, value: bool) -> None:
        if value:
            self._rise(spec)
        else:
            self._fall(spec)

    def _rise(self, spec: ModuleSpec) -> None:
        finder = self.finder
        try:
            token = finder._begin(spec, spec, "import")
        except BaseException:  # An interrupt. The import ends here, before the flag was up.
            _take_off(spec, finder)
            raise
        key = id(spec)
        finder._tokens[key] = (token, finder._tokens.get(key))
        if self.below is None:
            spec.__dict__["_initializing"] = True
        else:
            self.below.__set__(spec, True)

    def _fall(self, spec: ModuleSpec) -> None:
        finder = self.finder
        token, outer = finder._tokens.pop(id(spec), _NO_START)
        if outer is not None:
            finder._tokens[id(spec)] = outer
        try:
            # After a failure importlib has taken the name out of sys.modules by now.
            finder._end(spec, sys.modules.get(spec.name), token)
        finally:
            # The class first: whoever sees the flag down may change the class (a reload does).
            if outer is None:
                if type(spec) is finder._classes.get(self.base):
                    spec.__class__ = self.base
                else:
                    _take_off(spec, finder)
            if self.below is None:
                spec.__dict__["_initializing"] = False
            else:
                self.below.__set__(spec, False)


class _Read:
    """
    What stands under ``loader`` and under ``name`` in the class of a spec that is reloaded.

    The value is in the spec's own dict, as ever; *hear* is told when the function that executes a module
    for `importlib.reload` reads it.
    """

    __slots__ = ("base", "finder", "hear", "key")

    def __init__(self, finder: Finder, base: type, key: str, hear: Callable[[Finder, ModuleSpec], None]) -> None:
        self.finder = finder
        self.base = base
        self.key = key
        self.hear = hear

    def __get__(self, spec: ModuleSpec | None, kind: type) -> object:
        if spec is None:
            return self
        if sys._getframe(1).f_code is _EXECUTING:
            self.hear(self.finder, spec)
        try:
            return spec.__dict__[self.key]
        except KeyError:
            raise AttributeError(f"{kind.__name__!r} object has no attribute {self.key!r}") from None

    def __set__(self, spec: ModuleSpec, value: object) -> None:
        spec.__dict__[self.key] = value


def _reload_begins(finder: Finder, spec: ModuleSpec) -> None:
    """The loader is read: twice or more, of which the first time comes before the execution."""
    if id(spec) in finder._waiting:
        finder._tokens[id(spec)] = (finder._begin(spec, spec, "reload"), sys.exc_info()[1])


def _reload_ends(finder: Finder, spec: ModuleSpec) -> None:
    """The name is read: once before the loader, and once after the execution, on the way of what it raised."""
    if id(spec) in finder._waiting:
        return
    token, before = finder._tokens.pop(id(spec), _NO_START)
    _take_off(spec, finder)
    is_done = sys.exc_info()[1] is before
    finder._end(spec, sys.modules.get(spec.name) if is_done else None, token)


def _observing_class(finder: Finder, base: type) -> type | None:
    """Make the subclass of *base* that tells *finder* of an import, or `None` where that cannot be."""
    below = getattr(base, "_initializing", None)
    if below is not None and type(below) is not _Flag:
        return None  # It keeps the flag in a way of its own.
    return _passing_for(base, {"_initializing": _Flag(finder, base)})


def _reloading_class(finder: Finder, base: type) -> type | None:
    """Make the subclass of *base* that tells *finder* of a reload, or `None` where that cannot be."""
    hear = {"loader": _reload_begins, "name": _reload_ends}
    if any(hasattr(base, key) for key in hear):
        return None  # It keeps them in a way of its own, or another finder is told already.
    return _passing_for(base, {key: _Read(finder, base, key, hear[key]) for key in hear})


def _passing_for(base: type, body: dict[str, object]) -> type | None:
    """Make a subclass that looks like *base*, or `None` where that cannot be."""

    def reduce_ex(self: object, protocol: int) -> object:
        # Pickled and copied as the base class: this one nobody can find by name. From protocol 2 on
        # pickle checks the class that it is given, but takes the older form in any protocol.
        reduced = base.__reduce_ex__(self, min(protocol, 1))  # type: ignore[call-arg,arg-type]  # any class's
        if not isinstance(reduced, tuple):
            return reduced
        arguments = tuple(base if argument is type(self) else argument for argument in reduced[1])
        return (reduced[0], arguments, *reduced[2:])

    names = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
    try:
        return type(base.__name__, (base,), {"__slots__": (), **names, "__reduce_ex__": reduce_ex, **body})
    except Exception:  # Whatever a metaclass or __init_subclass__ has against it.
        return None


def _base_under(kind: type, finder: Finder) -> type | None:
    """The class that *kind* passes for, if *finder* made it."""
    for name in ("_initializing", "loader"):
        mark = kind.__dict__.get(name)
        if isinstance(mark, _Flag | _Read) and mark.finder is finder:
            return mark.base
    return None


def _take_off(spec: ModuleSpec, finder: Finder) -> None:
    """Give a spec its own class back; one that somebody put over ours is not ours to take off."""
    base = _base_under(type(spec), finder)
    if base is not None:
        spec.__class__ = base


class _Observed(NamedTuple):
    """An execution that a :class:`_RestoringLoader` is there to see."""

    finder: Finder
    spec: ModuleSpec
    loader: Any  # Foreign: whatever has an exec_module().
    cause: str


class _RestoringLoader:
    """
    Stands on a spec from when it is found until its module is executed.

    Until then it passes for the real loader: same class to `isinstance`, same attributes, present or
    absent (importlib goes by the presence of ``create_module``).
    """

    __slots__ = ("__weakref__", "_observed")

    def __init__(self, observed: _Observed) -> None:
        object.__setattr__(self, "_observed", observed)

    @property  # type: ignore[misc]  # read-only, unlike object's
    def __class__(self) -> type:
        return type(self._observed.loader)

    def __repr__(self) -> str:
        return repr(self._observed.loader)

    def __getattr__(self, name: str) -> Any:  # Foreign attributes have any type.
        return getattr(self._observed.loader, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._observed.loader, name, value)

    @_named_as_importlib
    def exec_module(self, module: types.ModuleType) -> None:
        """Go, then execute the module by the real loader."""
        finder, spec, loader, cause = self._observed
        _put_back(self, module)
        token = finder._begin(spec, self, cause)
        is_done = False
        # No handler: it would show in the exception state that the module sees.
        try:
            loader.exec_module(module)
            is_done = True
        finally:
            finder._end(spec, sys.modules.get(spec.name) if is_done else None, token)


def _put_back(loader: _RestoringLoader, module: object) -> None:
    spec, real = loader._observed.spec, loader._observed.loader
    if spec.loader is loader:
        spec.loader = real
    namespace = namespace_of(module)
    if namespace is not None and namespace.get("__loader__") is loader:
        namespace["__loader__"] = real


class _Unraisable:
    """An error that cannot go where it was raised, on its way to `sys.unraisablehook`."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __del__(self) -> None:
        raise self._error


def _show(error: Exception) -> None:
    # Only the interpreter can make the argument of sys.unraisablehook; it does for what a
    # finaliser raises.
    _Unraisable(error)


def _cause(frame: types.FrameType, name: str) -> str | None:
    """
    Tell why a spec for *name* is asked for: ``"import"``, ``"reload"`` or `None` for no import.

    `importlib.util.find_spec`, ``runpy``, ``pkgutil`` and testers that walk `sys.meta_path` only
    look, or use the spec in their own way. But if a finder looks on behalf of an import of the same
    name, that import will use the answer.

    The frame is that of who called the finder: importlib's own search, or another finder.
    """
    nearest = at = frame.f_back
    while at is not None:
        home, cause = _DECIDING.get(at.f_code.co_name, (None, None))
        if home is not None and at.f_globals.get("__name__") == home:
            # The search that importlib itself began is for this name; no need to touch its locals.
            return cause if at is nearest or at.f_locals.get("name") == name else None
        at = at.f_back
    return None


@_named_as_importlib
def _ask(
    finders: Iterable[Any],  # Foreign objects: whatever has, or has not, a find_spec().
    name: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None,
) -> ModuleSpec | None:
    """
    Ask *finders* in turn, as importlib does.

    Source:
        ``_find_spec`` in CPython's ``importlib/_bootstrap.py``, for the lock and what is skipped.
    """
    for finder in finders:
        held: list[None] = []
        try:
            try:
                held.extend(map(call, _TAKING))
                spec = _answer(finder, name, path, target)
            finally:
                _give_back(held)
        finally:
            _give_back(held)  # Where something was raised on the way there.
        if spec is not None:
            return spec
    return None


_TAKING: Final = (_imp.acquire_lock,)
"""Called by C code: no signal comes between the lock and the note that it is held."""


def _give_back(held: list[None]) -> None:
    """Give importlib's lock back, and note it: both in one step as well."""
    if held:
        deque(map(call, (held.pop, _imp.release_lock)), maxlen=0)


@_named_as_importlib
def _answer(
    finder: Any,  # a foreign object
    name: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None,
) -> ModuleSpec | None:
    """What one finder answers."""
    try:
        find = finder.find_spec
    except AttributeError:
        return None if _ask_old_finder is None else _ask_old_finder(finder, name, path)
    return find(name, path, target)  # type: ignore[no-any-return]  # what a foreign finder calls a spec


def find_spec(
    name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
) -> ModuleSpec | None:
    """
    Find the spec that an import of *name* would use now, and leave it as it is.

    Args:
        name: Absolute module name.
        path: ``__path__`` of the parent package, `None` for a top-level module.
        target: The module it would be loaded into again, for finders that look at it.

    Returns:
        `None` if no finder knows the name, or the interpreter is shutting down.
    """
    finders = [finder for finder in sys.meta_path or () if not issubclass(type(finder), Finder)]
    return _ask(finders, name, path, target)


def install(finder: Finder) -> None:
    """
    Put *finder* first in `sys.meta_path`, or leave it where it stands.

    Before that an empty module is imported and dropped again, to see whether this interpreter lets
    its imports be observed, and how. The import also touches every name that `find_spec` needs, so
    that none of them is still to be imported later (``-X lazy_imports=all``).

    Raises:
        ModregError: It does not. Nothing was changed.
    """
    if any(entry is finder for entry in sys.meta_path):
        return
    finder._is_flag_set = _is_observable(by_flag=True)
    if not finder._is_flag_set and not _is_observable(by_flag=False):
        raise ModregError("this interpreter's import system gives no sign of an import; modreg needs CPython")
    sys.meta_path.insert(0, finder)


def uninstall(finder: Finder) -> None:
    """
    Take *finder* out of `sys.meta_path`; nothing of it stays on a spec whose import is over.

    An import under way is still told to the end, unless the finder is closed.
    """
    # It need not be there: somebody may have put another list in place.
    with contextlib.suppress(ValueError):
        sys.meta_path.remove(finder)
    finder._give_back()


class _Trial:
    """An empty module: its own finder, its own loader, and the observer of its import."""

    def __init__(self) -> None:
        self.name = f"_modreg_trial_{id(self)}"
        self.heard: list[object] = []

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # a loader by what it does

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to importlib."""

    def exec_module(self, module: types.ModuleType) -> None:
        self.heard.append(module)

    def started(self, spec: ModuleSpec, cause: str) -> object:
        self._hear(spec, cause)
        return self

    def finished(self, spec: ModuleSpec, module: object | None, token: object) -> None:
        self._hear(spec, (module, token))

    def _hear(self, spec: ModuleSpec, what: object) -> None:
        # Other threads import meanwhile.
        if spec.name == self.name:
            self.heard.append(what)


def _is_observable(*, by_flag: bool) -> bool:
    """Tell whether the import and the reload of an empty module are observed from start to end."""
    trial = _Trial()
    finder = Finder(trial)
    finder._is_flag_set = by_flag
    sys.meta_path[:0] = [finder, trial]
    try:
        module = import_module(trial.name)
        reload(module)
    finally:
        finder.close()
        sys.meta_path.remove(finder)
        sys.meta_path.remove(trial)
        sys.modules.pop(trial.name, None)
    return trial.heard == ["import", module, (module, trial), "reload", module, (module, trial)]


def namespace_of(module: object) -> dict[str, object] | None:
    """
    Give the real namespace of *module* without running any code, or `None` if it is no module.

    `sys.modules` holds objects of any kind. Attribute access, `vars` and `isinstance` run what their
    classes define; lazy modules wake up.
    """
    if type(module) is types.ModuleType:
        return module.__dict__
    # issubclass() with a plain type on the right looks through the C bases and asks nobody.
    if not issubclass(type(module), types.ModuleType):
        return None
    namespace: dict[str, object] | None = _namespace.__get__(module)
    return namespace


def space_of(name: str) -> dict[str, object]:
    """The namespace of a loaded module; an empty one where there is none."""
    module = sys.modules.get(name)
    if type(module) is types.ModuleType:  # as nearly all are, and this is asked very often
        return module.__dict__
    return namespace_of(module) or {}


def spec_of(name: str) -> ModuleSpec | None:
    """The spec of a loaded module, without running its code; `None` where there is none."""
    spec = space_of(name).get("__spec__")
    return spec if isinstance(spec, ModuleSpec) else None


def is_unloaded_lazy(module: object) -> bool:
    """Tell whether *module* was given by `importlib.util.LazyLoader` and has not been executed yet."""
    kind = type(module)
    if kind is types.ModuleType:
        return False
    # With another metaclass even reading the name could run code; the lazy class has none.
    return type(kind) is type and kind.__name__ == "_LazyModule" and kind.__module__ == "importlib.util"
