"""Modules of an open transaction that are executed by the first import that asks for them."""

from __future__ import annotations

import _thread
import copyreg
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import Any, Final, NoReturn

import attrs

from modreg import _scan
from modreg._importer import BOOTSTRAP, space_of, spec_of
from modreg._scope import packages_of

# importlib keeps the lock of each module under its name here; see Pending.fail().
_module_locks: Final[dict[str, Callable[[], Any]]] = BOOTSTRAP._module_locks

# The innermost watch of each thread, and the class that specs of each class have under a watch: made once, for
# every class is a cycle, and a type that comes or goes empties the interpreter's caches.
_watches: Final[dict[int, Pending]] = {}
_watched_classes: Final[dict[type, type]] = {}


@attrs.define(eq=False)
class Pending:
    """
    The modules that wait, and the watch on every import that may ask for one.

    They stay in `sys.modules`, so nothing vanishes for other threads.  At each import of a loaded module
    the import system reads ``_initializing`` of its spec; the specs concerned get a class in which that is a
    property, which turns the reading into the execution, in the transaction's thread alone.

    Args:
        execute: Executes the module of that name, which is off the list by then.
        executing: The modules under execution, innermost last.
        lack: Raises for what a from-import asks of one of them that it does not have yet.
        is_going: Whether it is known of one that waits that it has to be executed.

    Attributes:
        waiting: Names in the order of the plan.
        unbound: Submodules that the packages under execution have not imported yet; the import will bind their names.
        outer: The watch in the same thread in which this one began: another registry's.
    """

    execute: Callable[[str], None]
    executing: list[str] = attrs.field(factory=list)
    lack: Callable[[str, Any], None] = attrs.field(default=lambda _name, _frame: None)  # Any: as in asked()
    is_going: Callable[[str], bool] = attrs.field(default=lambda _name: False)
    waiting: dict[str, None] = attrs.field(factory=dict)
    unbound: dict[str, None] = attrs.field(factory=dict)
    thread: int = attrs.field(factory=_thread.get_ident)
    outer: Pending | None = None
    _watched: list[tuple[ModuleSpec, type]] = attrs.field(factory=list)
    _planted: dict[str, Callable[[], Any] | None] = attrs.field(factory=dict)

    @contextmanager
    def watch(self, names: Iterable[str]) -> Iterator[None]:
        """Watch the imports of *names*, of their packages and of what is below them, for as long as this lasts."""
        self.waiting = dict.fromkeys(names)
        self.outer = _watches.get(self.thread)
        try:
            _watches[self.thread] = self
            for spec in _around(self.waiting):
                self.put_on(spec)
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """End the watch; nothing of ours stays on any spec."""
        self.waiting.clear()
        self.unbound.clear()
        for name in list(self._planted):
            self._unplant(name)
        while self._watched:
            spec, base = self._watched[-1]
            if type(spec) is _watched_classes[base]:
                spec.__class__ = base
            self._watched.pop()
        if _watches.get(self.thread) is self:
            if self.outer is None:
                del _watches[self.thread]
            else:
                _watches[self.thread] = self.outer

    def put_on(self, spec: ModuleSpec) -> None:
        """
        Watch the imports of one more spec.

        Where its class cannot be assigned (slots), the module is executed in the plan's order.
        """
        base = type(spec)
        if base in _watched_classes.values():
            return
        if base not in _watched_classes:
            _watched_classes[base] = _watched_class(base)
        self._watched.append((spec, base))
        try:
            spec.__class__ = _watched_classes[base]
        except TypeError:
            self._watched.pop()

    def is_concerned(self, spec: ModuleSpec) -> bool:
        """Whether an import of a spec may ask for a module that waits or is executed, or for one in it that waits."""
        name = spec.name
        if name in self.waiting or name in self.executing or name in self.unbound:
            return True
        is_below = "." in name and not self.waiting.keys().isdisjoint(packages_of(name))
        return is_below or (spec.submodule_search_locations is not None and bool(self.waiting))

    def asked(self, spec: ModuleSpec, frame: Any) -> None:  # FrameType; typeshed has no f_lasti for all
        """Execute what this import asks for, if it is one."""
        name = spec.name
        if not _is_importing(frame):
            return
        self._run_around(name)
        self.run(name)
        self._bind(name)
        if spec.submodule_search_locations is not None:
            for each in self._submodules(name, frame):
                self.run(each)
        if name in self.executing:
            self.lack(name, frame)

    def _run_around(self, name: str) -> None:
        """Execute the packages of a module that has nothing to come itself, if they are known to be executed."""
        if name in self.waiting or not self.waiting:
            return
        for package in reversed([*packages_of(name)]):
            if package in self.waiting and self.is_going(package):
                self.run(package)

    def run(self, name: str) -> None:
        """Execute a module if it waits, after the packages it is in, as an import does."""
        if name in self.waiting and "." in name:
            for package in reversed([*packages_of(name)]):
                self.run(package)
        if name in self.waiting:
            del self.waiting[name]
            self.execute(name)

    def _bind(self, name: str) -> None:
        """As the import system does after the first import of a submodule, whatever had its name until then."""
        if name in self.unbound and name in sys.modules:
            del self.unbound[name]
            parent, _, child = name.rpartition(".")
            space_of(parent)[child] = sys.modules[name]

    def leave(self, package: str) -> None:
        """A package is executed: what imports its submodules later leaves its names alone."""
        for name in [name for name in self.unbound if name.rpartition(".")[0] == package]:
            del self.unbound[name]

    def _submodules(self, package: str, frame: Any) -> list[str]:
        """
        The waiting submodules that a ``from package import submodule`` takes.

        Their attribute in the package is still there from before, so the import system asks for no
        import of theirs: they are found from the importing statement.
        """
        if not any(name.startswith(package + ".") for name in self.waiting):
            return []
        namespace = space_of(package)
        names: Any = _scan.fromlist_at(frame.f_code, frame.f_lasti)
        if "*" in names:
            names = namespace.get("__all__") or ()  # whatever is no name fails in the import, as ever
        submodules = [(f"{package}.{name}", name) for name in names if isinstance(name, str)]
        return [full for full, name in submodules if namespace.get(name) is sys.modules.get(full)]

    def fail(self, name: str, error: BaseException) -> None:
        """
        Have the importing statement raise *error*.

        Up to 3.12 the interpreter forgets what reading the flag raises, and an AttributeError it forgets
        always.  But told that the module is initialising it takes that module's lock, and says what
        taking it raised: for that one time the lock is one that raises.
        """
        self._planted.setdefault(name, _module_locks.get(name))

        def give() -> _Raising:
            self._unplant(name)
            return _Raising(error)

        _module_locks[name] = give

    def _unplant(self, name: str) -> None:
        """Put the module's own lock back."""
        former = self._planted.pop(name, None)
        if former is None:
            _module_locks.pop(name, None)
        else:
            _module_locks[name] = former


def forget_classes() -> None:
    """Nothing of ours stays below anyone's class of specs, unless a watch goes on."""
    if not _watches:
        _watched_classes.clear()


def _watched_class(base: type) -> type:
    """The subclass in which reading the flag asks the innermost watch of the thread."""

    def is_initializing(spec: ModuleSpec) -> object:
        try:  # before anything else: what is raised outside of it may be forgotten
            watch = _watches.get(_thread.get_ident())
            if watch is not None and watch.is_concerned(spec):
                watch.asked(spec, sys._getframe(1))
        except BaseException as error:
            _watches[_thread.get_ident()].fail(spec.name, error)
            return True
        return spec.__dict__.get("_initializing", False)

    def set_initializing(spec: ModuleSpec, value: object) -> None:
        spec.__dict__["_initializing"] = value

    def reduce(spec: ModuleSpec, _: object) -> tuple[object, ...]:
        return copyreg._reconstructor, (base, object, None), dict(spec.__dict__)  # type: ignore[attr-defined]  # private

    names = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
    flag = property(is_initializing, set_initializing)
    return type(base.__name__, (base,), {**names, "_initializing": flag, "__reduce_ex__": reduce})


def _is_importing(frame: Any) -> bool:  # a FrameType, as above
    """
    Whether the flag is read for an import.

    The interpreter reads it also to word the error of a missing attribute, which asks for nothing.
    """
    code = frame.f_code
    if code.co_filename.startswith("<frozen importlib") or "__import__" in code.co_names:
        return True
    return _scan.is_import_at(code, frame.f_lasti)


@attrs.frozen(eq=False)
class _Raising:
    """A module lock that cannot be had."""

    error: BaseException

    def acquire(self) -> NoReturn:
        raise self.error

    def release(self) -> None:
        """Part of a lock; one that was never taken has nothing to release."""


def _around(names: Iterable[str]) -> list[ModuleSpec]:
    """The specs of the modules, of the packages they are in, and of the loaded modules below them."""
    found = {name: spec_of(name) for name in names}
    below = tuple(f"{n}." for n, spec in found.items() if spec is None or spec.submodule_search_locations is not None)
    more = [package for name in found if "." in name for package in packages_of(name)]
    more += [name for name in list(sys.modules) if name.startswith(below)] if below else []
    found.update((name, spec_of(name)) for name in more if name not in found)
    return [spec for spec in found.values() if spec is not None]
