"""
All or nothing: an exception at every step of every phase, and in every statement of the modules themselves.

The scene is seven modules: five take part in the plan (a circle, a package with a submodule), one is a
dependency that is not executed but changed by those that are, and one is imported for the first time by
new code.  By default a sample of the lines of modreg fails, each at its first or at its last visit;
``MODREG_SWEEP=5`` lets five visits of every line fail, ``MODREG_SWEEP=full`` every single one.
"""

from __future__ import annotations

import _imp
import ast
import functools
import gc
import importlib
import os
import sys
import textwrap
import threading
from collections import Counter, deque
from contextlib import contextmanager
from types import CellType, FunctionType, MappingProxyType, ModuleType

import pytest

from modreg import Cause, NoEarlierVersionError, Registry, ReloadError
from modreg._journal import is_stand_in

# Frozen objects that are nobody's: 3.12 freezes immortal ones, some hundreds, at a collection of its choice.
OF_INTERPRETER = 1000
SWEEP = os.environ.get("MODREG_SWEEP", "")
locks = sys.modules["_frozen_importlib"]._module_locks
waited_for = sys.modules["_frozen_importlib"]._blocking_on


OLD = {
    "ledger.py": """
        from collections import deque

        ENTRIES, INDEX, NAMES, QUEUE = [], {}, set(), deque()

        def note(name, value):
            ENTRIES.append((name, value))
            INDEX[name] = value
            NAMES.add(name)
            QUEUE.append(value)
        """,
    "base.py": """
        import functools
        import ledger

        ledger.note("base", 1)
        KINDS = []
        LIMITS = {"low": 1, "high": 10}

        def traced(function):
            calls = []

            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                calls.append(args)
                return function(*args, **kwargs)

            return wrapper

        class Shape:
            sides = 1
            table = {}

            def __init_subclass__(cls):
                KINDS.append(cls)

            def area(self, scale=1):
                return self.sides * scale

            @property
            def label(self):
                return "old"

            @staticmethod
            def make(cls):
                return cls()

            @classmethod
            def known(cls):
                return cls.sides

            def gone(self):
                return "old"

        class Slotted:
            __slots__ = ("one",)

        def counter(start):
            def step(by=1):
                return start + by
            return step

        step = counter(1)
        half = functools.partial(counter, 5)

        @functools.lru_cache
        def cached(number):
            return number + 1

        def removed():
            return "old"
        """,
    "shop/__init__.py": """
        from base import Shape, step, traced
        from shop.stock import Stock, count
        from . import stock
        import ledger

        ledger.note("shop", 1)

        class Till(Shape):
            sides = 2

            def total(self):
                return super().area() + count(1)

        HANDLERS = {"count": count, "stock": Stock}
        """,
    "shop/stock.py": """
        from base import LIMITS, Shape, counter, traced
        import left
        import ledger

        ledger.note("stock", 1)
        LIMITS["stock"] = 1
        PRICES = [1, 2]

        class Stock(Shape):
            sides = 4

            def area(self, scale=2):
                return super().area(scale)

        @traced
        def count(number, *, by=1):
            return number * by

        after = counter(3)
        THE_ONE = Stock()
        """,
    "left.py": """
        import base
        import right
        import ledger

        ledger.note("left", 1)

        class Left(base.Shape):
            sides = 3

            def other(self):
                return right.Right

        def late():
            return right.late()
        """,
    "right.py": """
        import left
        from base import Shape, counter
        import ledger

        ledger.note("right", 1)

        class Right(Shape):
            sides = 5

        def late():
            return left.Left().area()

        TABLE = {"right": Right}
        """,
}

NEW = {
    "base.py": """
        import functools
        import ledger

        ledger.note("base", 2)
        ledger.INDEX.pop("left", None)
        KINDS = []
        LIMITS = {"low": 2, "high": 20}

        def traced(function, label="new"):
            calls = []

            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                calls.append((label, args))
                return function(*args, **kwargs) + 100

            return wrapper

        class Plain:
            extra = 7

        class Shape(Plain):
            sides = 10
            table = {"new": 1}

            def __init_subclass__(cls):
                KINDS.append(cls)

            def area(self, scale=2, *, plus=0):
                return self.sides * scale + plus

            @property
            def label(self):
                return "new"

            @staticmethod
            def make(cls, times=1):
                return cls()

            @classmethod
            def known(cls):
                return cls.sides + 1

            def fresh(self):
                return "new"

        class Slotted:
            __slots__ = ("one", "two")

        def counter(start):
            def step(by=2):
                return start + by + 1000
            return step

        step = counter(2)
        half = functools.partial(counter, 6)

        @functools.lru_cache
        def cached(number):
            return number + 2
        """,
    "shop/__init__.py": """
        from base import Plain, Shape, step, traced
        from shop.stock import Stock, count
        from . import stock
        import ledger

        ledger.note("shop", 2)

        class Till(Shape):
            sides = 20

            def total(self):
                return super().area() + count(2)

        HANDLERS = {"count": count, "stock": Stock, "plain": Plain}
        """,
    "shop/stock.py": """
        from base import LIMITS, Shape, counter, traced
        import left
        import ledger
        import added

        ledger.note("stock", 2)
        ledger.ENTRIES.sort()
        LIMITS["stock"] = added.VALUE
        PRICES = [3]

        class Stock(added.Mixin, Shape):
            sides = 40

            def area(self, scale=3):
                return super().area(scale)

        @traced
        def count(number, *, by=2):
            return number * by + added.VALUE

        after = counter(4)
        THE_ONE = Stock()
        """,
    "left.py": """
        import base
        import right
        import ledger

        ledger.note("left", 2)
        ledger.NAMES.discard("base")

        class Left(base.Shape):
            sides = 30

            def other(self):
                return right.Right, "new"

        def late():
            return right.late() + 1
        """,
    "right.py": """
        import left
        from base import Shape, counter
        import ledger

        ledger.note("right", 2)

        class Right(Shape):
            sides = 50

        def late():
            scale = 2

            def inner():
                return left.Left().area(scale)
            return inner()

        TABLE = {"right": Right, "more": counter}
        """,
    "added.py": """
        import ledger

        ledger.note("added", 2)
        VALUE = 9

        class Mixin:
            def mixed(self):
                return VALUE
        """,
}

PLANNED = ("base", "shop", "shop.stock", "left", "right")
ALL = (*PLANNED, "ledger", "added")
ASKED = (
    "base.Shape().area()",
    "base.Shape.known()",
    "base.step()",
    "base.half()()",
    "base.cached(1)",
    "base.LIMITS",
    "sorted(kind.__name__ for kind in base.KINDS)",
    "shop.Till().total()",
    "shop.HANDLERS['count'](1)",
    "shop.Stock is shop.stock.Stock is shop.HANDLERS['stock']",
    "shop.stock.count(3)",
    "shop.stock.after()",
    "shop.stock.THE_ONE.area()",
    "type(shop.stock.THE_ONE) is shop.Stock",
    "[each.__name__ for each in shop.Stock.__mro__]",
    "left.late()",
    "left.Left().other() in (right.Right, (right.Right, 'new'))",
    "right.late()",
    "right.TABLE['right'] is right.Right",
    "issubclass(right.Right, base.Shape)",
    "ledger.ENTRIES",
    "ledger.INDEX",
    "sorted(ledger.NAMES)",
    "list(ledger.QUEUE)",
    "sorted(set(sys.modules) & set(everything))",
    "held_area(shop.Stock())",
    "held_count(1)",
    "held_step()",
)
"""Questions whose answers tell the one state from the other; they are also asked through what was held."""


EACH = 20
"""After so many faults the operation is done undisturbed, and its result compared."""


ACTING = (
    "_transaction.py",
    "_journal.py",
    "_pending.py",
    "_history.py",
    "_chain.py",
    "_turn.py",
    "_registry.py",
    "_recorder.py",
)
PATCHING = ("_window.py", "_patch.py", "_twins.py", "_successor.py", "_importer.py")


class Fault(Exception):  # noqa: N818  # it is a fault, not an error of anybody
    """What no code but this file raises."""


KINDS = (Fault, MemoryError, KeyboardInterrupt)
"""What fails, as another error, for want of memory or by a signal; they share the lines of a sample."""


# What a process holds


def recorded(cause):
    """How a version is recorded, were the recording itself interrupted: it is adopted at the next look, not lost."""
    return Cause.IMPORT if cause is Cause.ADOPTED else cause


def picture():
    """Every object that can be reached from the modules, by path; held, so that no identity is used twice."""
    found = {}
    for name in ALL:
        module = sys.modules.get(name)
        if module is not None:
            found[f"sys.modules[{name!r}]"] = module
            found[f"class of {name}.__spec__"] = type(module.__spec__)
            found[f"{name}.__spec__._initializing"] = vars(module.__spec__).get("_initializing")
            _walk(f"{name}", module, found, {})
    return found


def _walk(path, value, found, seen):
    """Note what *value* consists of, each part once."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    for name, part in _parts(value):
        found[f"{path}{name}"] = part
        _walk(f"{path}{name}", part, found, seen)


def _parts(value):
    kind = type(value)
    if kind is ModuleType and value.__name__ in ALL:
        yield from ((f".{name}", part) for name, part in vars(value).items() if name != "__builtins__")
        yield " names", " ".join(sorted(vars(value)))
    elif kind is FunctionType and value.__module__ in ALL:
        for name in ("__code__", "__defaults__", "__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
            yield f".{name}", getattr(value, name, None)
        yield from ((f".{name}", part) for name, part in vars(value).items())
        yield from ((f".__kwdefaults__[{name}]", part) for name, part in (value.__kwdefaults__ or {}).items())
        yield from ((f".cell{number}", cell) for number, cell in enumerate(value.__closure__ or ()))
    elif kind is CellType:
        yield ".content", value.cell_contents
    elif isinstance(value, type) and value.__module__ in ALL:
        # A `__new__` that came and went cannot be forgotten: what stands in for its lack counts as its lack.
        table = {name: part for name, part in vars(value).items() if not is_stand_in(part)}
        yield from ((f".{name}", part) for name, part in table.items())
        yield from ((f".__bases__[{number}]", base) for number, base in enumerate(value.__bases__))
        yield " names", " ".join(sorted(table))
    elif kind in (list, tuple, deque):
        yield from ((f"[{number}]", part) for number, part in enumerate(value))
        yield " length", len(value)
    elif kind is set:
        yield from ((f"{{{part!r}}}", part) for part in value)
        yield " length", len(value)
    elif kind in (dict, MappingProxyType):
        for number, (key, part) in enumerate(value.items()):
            yield f" key {number}", key
            yield f"[{key!r}]", part
        yield " length", len(value)
    elif kind in (staticmethod, classmethod):
        yield ".__func__", value.__func__
    elif kind is property:
        yield from ((f".{name}", getattr(value, name)) for name in ("fget", "fset", "fdel"))
    elif kind is functools.partial:
        yield ".func", value.func
        yield ".args", value.args
    elif kind is type(functools.lru_cache(picture)):
        yield ".__wrapped__", value.__wrapped__
    elif getattr(kind, "__module__", None) in ALL and hasattr(value, "__dict__"):
        yield " class", kind
        yield from ((f".{name}", part) for name, part in vars(value).items())


def differences(before, after):
    """The paths that hold other objects than before; equal atoms are one object."""
    atoms = (str, int, type(None))
    return [
        path
        for path in {**before, **after}
        if path not in before
        or path not in after
        or not (
            before[path] is after[path]
            or (type(before[path]) in atoms and type(before[path]) is type(after[path]) and before[path] == after[path])
            or (type(before[path]) is tuple and type(after[path]) is tuple and before[path] == after[path])
        )
    ]


def surroundings():
    """What belongs to the interpreter: all modules, finders, frozen objects and locks."""
    return {
        "modules": dict(sys.modules),
        "finders": list(sys.meta_path),
        "frozen": gc.get_freeze_count() > OF_INTERPRETER,
        "locks": held_locks(),
        "blocking": list(waited_for.get(threading.get_ident(), ())),
    }


def held_locks():
    """The module locks that somebody holds on to; a traceback that awaits the collector is nobody."""
    if any(lock() is not None for lock in locks.copy().values()):
        gc.collect()
    return {name: lock for name, lock in locks.copy().items() if lock() is not None}


def _is_same_part(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    return one == other


class State:
    """What is compared: the modules and all they reach, the interpreter, the history."""

    def __init__(self, scene):
        self.picture = picture()
        self.around = surroundings()
        self.history = scene.history()

    def differences(self, other):
        """What *other* has otherwise, by name."""
        found = differences(self.picture, other.picture)[:5]
        found += [key for key in self.around if not _is_same_part(self.around[key], other.around[key])]
        return found + (["the history"] if self.history != other.history else [])


class Scene:
    """The modules as the old sources made them, in a registry of their own; the new sources are on disk."""

    def __init__(self, project):
        self.project = project
        self.registry = None

    def reset(self, new=NEW):
        """Begin anew: import the old sources, hold some objects, write the new sources."""
        self.close()
        (self.project.root / "added.py").unlink(missing_ok=True)
        for path, text in OLD.items():
            self.project.write(path, text)
        importlib.invalidate_caches()
        self.registry = Registry().install(roots=ALL)
        for name in ("ledger", *PLANNED):
            importlib.import_module(name)
        base, shop = sys.modules["base"], sys.modules["shop"]
        self.held = {
            "held_area": shop.Stock.area,
            "held_count": shop.stock.count,
            "held_step": base.step,
        }
        for path, text in new.items():
            self.project.write(path, text)
        return self

    def close(self):
        """Take the modules out of the process."""
        if self.registry is not None:
            self.registry.uninstall()
        for name in ALL:
            sys.modules.pop(name, None)
        gc.unfreeze()  # one fault shall not be taken for the next
        gc.collect()  # a heap that grows makes every search slower

    def answers(self):
        """What the modules, and what was held of them, say now."""
        names = {name: sys.modules[name] for name in ("base", "shop", "left", "right", "ledger")}
        names |= {"sys": sys, "everything": ALL, **self.held}
        return {question: repr(eval(question, names)) for question in ASKED}

    def history(self):
        """Versions, current numbers, revision and transactions, as a caller sees them."""
        registry = self.registry
        versions = [v for name in ALL if name in sys.modules for v in registry.history(name)]
        told = {f"version {v.number} of {v.name}": (v.revision, recorded(v.cause), v.restores) for v in versions}
        return told | {"revisions": [t.revision for t in registry.transactions()]}


@pytest.fixture
def scene(project, monkeypatch):
    made = Scene(project)
    # What raises inside an observer of imports is shown here by design, and never reaches the import.
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    yield made
    made.close()


# Faults in modreg's own lines


class Tracer:
    """Raises once, at the visit of a line of modreg that was chosen; without a choice it counts them."""

    def __init__(self, site=None, visit=0, error=None):
        self.site = site
        self.visit = visit
        self.error = error
        self.visits = Counter()
        self.stack = ()

    def __call__(self, frame, event, argument):
        if self.site is not None:
            return self._line if self.site[0] is frame.f_code else None
        return self._line if str(frame.f_globals.get("__name__", "")).startswith("modreg.") else None

    def _line(self, frame, event, argument):
        if event == "line":
            site = (frame.f_code, frame.f_lineno)
            self.visits[site] += 1
            if site == self.site and self.visits[site] == self.visit:
                self.stack = _stack(frame)
                raise self.error
        return self._line

    def visited(self, code, line):
        """Hear of a line from `sys.monitoring`, which costs nothing in all the other functions."""
        self._line(sys._getframe(1), "line", None)

    def run(self, operation):
        """Do *operation* while tracing; what it raised, or `None`."""
        with monitored(self) if self.site is not None and hasattr(sys, "monitoring") else traced(self):
            try:
                operation()
            except BaseException as error:
                return error
        return None

    def __str__(self):
        code, line = self.site
        inside = " < ".join(self.stack[1:5])
        return f"{os.path.basename(code.co_filename)}:{line} {code.co_qualname} (visit {self.visit}) < {inside}"


@contextmanager
def traced(tracer):
    """Have every line told, as debuggers do."""
    former = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(former)


@contextmanager
def monitored(tracer):
    """Have the lines of one function told; from 3.12 on."""
    monitoring, tool = sys.monitoring, 4  # a number that CPython gives to no kind of tool
    monitoring.use_tool_id(tool, "modreg's faults")
    monitoring.register_callback(tool, monitoring.events.LINE, tracer.visited)
    monitoring.set_local_events(tool, tracer.site[0], monitoring.events.LINE)
    try:
        yield
    finally:
        monitoring.set_local_events(tool, tracer.site[0], 0)
        monitoring.register_callback(tool, monitoring.events.LINE, None)
        monitoring.free_tool_id(tool)


def _stack(frame):
    """The functions on the stack, innermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return tuple(found)


def refreshing(scene):
    """A refresh, on the old modules."""
    scene.reset()
    return lambda: scene.registry.refresh(timeout=1)


def rolling_back(scene):
    """A rollback, on the new modules."""
    scene.reset().registry.refresh()
    return lambda: scene.registry.rollback("base", timeout=1)


def executing_back(scene):
    """A rollback to a version whose snapshot is gone, so that its source is executed."""
    scene.reset().registry.install(roots=ALL, keep_snapshots=0)
    scene.registry.refresh()
    return lambda: scene.registry.rollback("base", timeout=1)


def chosen_visits(visits, kind, known=()):
    """The visits that fail, as pairs of a line and a number; lines that are *known* failed elsewhere."""
    sites = sorted(visits, key=lambda site: (site[0].co_filename, site[1]))
    if SWEEP == "full":
        return [(site, number) for site in sites for number in range(1, visits[site] + 1)]
    if SWEEP:
        return [(site, number) for site in sites for number in _spread(visits[site], int(SWEEP))]
    sample = [site for number, site in enumerate(sites) if number % _step(site, known) == 0]
    return [
        (site, visits[site] if number // len(KINDS) % 2 else 1)
        for number, site in enumerate(sample)
        if number % len(KINDS) == KINDS.index(kind)
    ]


def _step(site, known):
    """One out of how many lines like this one fails by default: most where the process or the history changes."""
    file = os.path.basename(site[0].co_filename)
    if site in known:
        return 40
    return 2 if file in ACTING else 8 if file in PATCHING else 24


def _spread(count, wanted):
    """So many of the numbers up to *count*, the first and the last among them."""
    return sorted({1 + round(n * (count - 1) / max(wanted - 1, 1)) for n in range(wanted)})


def swept(scene, prepare, kind, known=(), choose=chosen_visits):
    """Everything that is wrong after a fault at each chosen visit, as readable lines."""
    prepare(scene)()
    wanted = scene.answers(), scene.history()
    operation, wrong = None, []
    for number, (site, visit) in enumerate(choose(visits_of(scene, prepare), kind, known)):
        if operation is None:
            operation = prepare(scene)
            before = State(scene)
        tracer = Tracer(site, visit, kind("injected"))
        raised = tracer.run(operation)
        if not tracer.stack:
            operation = None  # it went another way this time
            continue
        is_done = len(scene.registry.transactions()) > len(before.history["revisions"])
        said = wrong_error(tracer, raised, is_done)
        where, raised = str(tracer), _forgotten(tracer, raised)
        said += wrong_end(scene, wanted) if is_done else before.differences(State(scene))
        said += wrong_turn(scene)
        if not is_done and (said or number % EACH == 0):
            said += wrong_next(scene, operation, wanted)
        if is_done or said or number % EACH == 0:
            operation = None
        if said:
            wrong.append(f"{where} {'after' if is_done else 'before'} the commit: {'; '.join(said)[:400]}")
    return wrong


def visits_of(scene, prepare):
    """How often each line is visited by an operation that nothing disturbs."""
    tracer = Tracer()
    assert tracer.run(prepare(scene)) is None
    return tracer.visits


def wrong_error(tracer, raised, is_done):
    """What is wrong with the error that came out; a signal comes out as it is, everything else explained."""
    if not isinstance(tracer.error, Exception):
        return [] if raised is tracer.error or _is_forgotten(tracer.stack) else [f"raised {raised!r}"]
    if is_done:
        return []
    if raised is None:
        return ["returned without an error or a result"]
    if raised is tracer.error and "Work.run" not in tracer.stack[1:]:
        return []  # nothing was begun
    if isinstance(raised, ReloadError) and raised.__cause__ is tracer.error and raised.phase:
        return []
    return [f"raised {raised!r} from {raised.__cause__!r}"]


def _is_forgotten(stack):
    """Whether the interpreter forgets what is raised there: until 3.12, all that the reading of a flag raises."""
    readings = ("_watched_class.<locals>.is_initializing", "_Flag.__bool__")
    return sys.version_info < (3, 13) and (stack[0] in readings or stack[1] in readings)


def _forgotten(tracer, raised):
    """Let go of the frames that an exception holds: they keep locks of importlib alive."""
    for error in (raised, raised and raised.__cause__, raised and raised.__context__, tracer.error):
        if error is not None:
            error.__traceback__ = None
    tracer.error = None


def wrong_end(scene, wanted):
    """What is wrong after the commit: all is as if nothing had failed."""
    answers, history = scene.answers(), scene.history()
    found = [f"{key}: {answers[key]}" for key in answers if answers[key] != wanted[0][key]]
    return found + [f"{key}: {history[key]}" for key in history if history[key] != wanted[1][key]]


def wrong_turn(scene):
    """Whether others can import, and another transaction can begin: this one would have nothing to do."""
    if _imp.lock_held():
        _imp.release_lock()
        return ["importlib's lock is held"]
    try:
        scene.registry.rollback("ledger", timeout=0)
    except NoEarlierVersionError:
        return []
    except BaseException as error:
        return [f"the next call: {error!r}"]
    return ["the next call did something"]


def wrong_next(scene, operation, wanted):
    """What is wrong with the same operation when nothing disturbs it."""
    try:
        operation()
    except BaseException as error:
        return [f"again, it raised {error!r}"]
    return [f"again, {each}" for each in wrong_end(scene, wanted)]


def visits_of_locks(visits, kind, known):
    """Visits of the lines that close or open a gate, all of them, or that take importlib's lock, the first and last."""
    gates = [site for site in visits if site[0].co_qualname in ("Gate._close", "Gate._open")]
    asking = [site for site in visits if site[0].co_qualname in ("_ask", "_answer", "_give_back")]
    found = [(site, number) for site in gates for number in range(1, visits[site] + 1)]
    return found + [(site, number) for site in asking for number in _spread(visits[site], 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_on_the_way_out_of_a_lock(scene, kind):
    """
    Whatever line of a gate raises, or of one that asks finders, and whether a lock has been given back by then or not,
    others find it open.
    """
    wrong = swept(scene, refreshing, kind, choose=visits_of_locks)

    assert not wrong, "\n".join([f"{len(wrong)} in all", *wrong])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prepare", [refreshing, rolling_back])
def test_a_fault_at_any_step_leaves_all_or_nothing(scene, prepare, kind):
    """
    Whatever line of modreg raises, the process is as it was before or wholly as it shall be, by identity.
    """
    wrong = swept(scene, prepare, kind)

    assert not wrong, "\n".join([f"{len(wrong)} in all", *wrong])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_in_a_rollback_that_executes_leaves_all_or_nothing(scene, kind):
    """
    That goes for a rollback which executes an earlier source, too.
    """
    known = visits_of(scene, refreshing)

    wrong = swept(scene, executing_back, kind, known)

    assert not wrong, "\n".join([f"{len(wrong)} in all", *wrong])


# Faults in the modules' own code


FAULTS = {
    "OSError('disk')": OSError,
    "KeyboardInterrupt('stop')": KeyboardInterrupt,
    "SystemExit(3)": SystemExit,
    "(lambda again: again(again))(lambda again: again(again))": RecursionError,
    "bytearray(2 ** 62)": MemoryError,
}
"""Expressions that are raised, or that raise of themselves, and the type of what comes of it."""


def statements(path):
    """The line numbers of the top-level statements of a new source, and the one after the last."""
    text = textwrap.dedent(NEW[path])
    return [_first_line(node) for node in ast.parse(text).body] + [text.count("\n") + 1]


def _first_line(node):
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])


def with_fault(path, line, fault):
    """The new sources, with a fault before one line of one of them."""
    lines = textwrap.dedent(NEW[path]).splitlines()
    lines.insert(line - 1, f"raise {fault}")
    return NEW | {path: "\n".join(lines) + "\n"}


@pytest.mark.parametrize("path", NEW)
def test_a_module_that_fails_at_any_statement_leaves_nothing(scene, path):
    """
    Wherever a module raises, whatever it raises, all modules are as before, with the contents of their containers.
    """
    wrong = []
    cases = [(line, fault) for line in statements(path) for fault in FAULTS]

    for line, fault in cases if SWEEP else cases[:: len(FAULTS) - 1]:
        scene.reset(with_fault(path, line, fault))
        before = State(scene)
        wrong += [f"line {line}, {fault}: {each}" for each in failing(scene, path, line, FAULTS[fault])]
        wrong += [f"line {line}, {fault}: {each}" for each in before.differences(State(scene))]

    assert wrong == []


def failing(scene, path, line, kind):
    """What is wrong with the error of a refresh that fails at one line of a module."""
    try:
        scene.registry.refresh(timeout=1)
    except ReloadError as error:
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        told = error.name, os.path.basename(error.path), error.line, error.phase, type(error.__cause__)
        wanted = name, os.path.basename(path), line, "execute", kind
        return [] if told == wanted else [f"the error tells {told}"]
    except BaseException as error:
        is_signal = not issubclass(kind, Exception) and type(error) is kind
        return [] if is_signal else [f"raised {error!r}"]
    return ["raised nothing"]


@pytest.mark.parametrize("path", NEW)
def test_after_a_failure_the_mended_source_takes_over(scene, path):
    """
    A failed refresh leaves nothing behind that would steer the next one.
    """
    wanted = outcome(scene)
    scene.reset(with_fault(path, statements(path)[-1], "OSError('disk')"))
    with pytest.raises(ReloadError):
        scene.registry.refresh(timeout=1)
    scene.project.write(path, NEW[path])

    scene.registry.refresh(timeout=1)

    assert (scene.answers(), scene.history()) == wanted


def outcome(scene):
    """The answers and the history after a refresh that nothing disturbs."""
    refreshing(scene)()
    return scene.answers(), scene.history()
