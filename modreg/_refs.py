"""The names that a statement reads, and what for, from its syntax tree."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS: Final = (*FUNCTIONS, ast.ClassDef)
IMPORTS: Final = (ast.Import, ast.ImportFrom)

ANY: Final = "*"
"""Stands for any name: a star import, a use of names that the code does not spell."""

# Built-ins through which code can use names that it does not spell.
REACHING_ANY: Final = frozenset({"globals", "eval", "exec"})


class Use(enum.IntEnum):
    """
    What a statement does with an object while it runs; later ones ask more of it.

    Attributes:
        LATER: Nothing: a function uses it when it is called.
        NAMED: Nothing: an annotation that waits names it, for whoever asks.
        TAKEN: An import statement binds it to a name.
        STORED: It is put somewhere: under another name, in a display, as a default value.
        HASHED: It is put somewhere as a key, or in a set.
        SUBSCRIPTED: What its subscript gives, a type with arguments, is put somewhere.
        SET: An attribute of it is set.
        SHOWN: Who sees a definition while it is made may look at it.
        BASE: A class is derived from it.
        SHAPED: The same, and decorators look at what the class inherits, but call nothing of it.
        FORMED: A class is derived from it by a metaclass, which calls what it likes; or it is that metaclass.
        MADE: It is called, and what that gives is put somewhere.
        USED: Anything else: its contents, its attributes, its truth.
    """

    LATER = 0
    NAMED = 1
    TAKEN = 2
    STORED = 3
    HASHED = 4
    SUBSCRIPTED = 5
    SET = 6
    SHOWN = 7
    BASE = 8
    SHAPED = 9
    FORMED = 10
    MADE = 11
    USED = 12


@attrs.frozen
class Taken:
    """
    What an import statement binds a name to.

    Attributes:
        module: The module as written, without leading dots.
        level: The number of leading dots.
        name: What is taken from it; ``""`` for the module itself, `ANY` for all.
    """

    module: str
    level: int = 0
    name: str = ""


@attrs.frozen
class Ref:
    """
    A name that a statement reads, with the attributes asked of it.

    Attributes:
        path: ``("shop", "tax", "rate")`` for ``shop.tax.rate``; `ANY` alone where it is not spelled.
        use: What for.
        taken: Where the first name comes from, if a function imports it itself.
        is_filling: Whether something is put there, and no more: by a decorator, say.
        by: The class in whose making it is used, where nothing else sees that.
        is_annotation: Whether it is used as an annotation: what is annotated does nothing with it.
        of: What it is given to in subscripts, as dotted names.
        to: What it is given to in calls and kept by, as dotted names.
        is_held: Whether what is defined so goes on with what is made of it; a class goes on with its base.
        is_called: Whether it is called, and no more.
        is_seen: Whether it is put into the body of a class, where who sees that while it is made may look at it.
    """

    path: tuple[str, ...]
    use: Use
    taken: Taken | None = None
    is_filling: bool = False
    by: str = ""
    is_annotation: bool = False
    of: tuple[tuple[str, ...], ...] = ()
    to: tuple[tuple[str, ...], ...] = ()
    is_held: bool = True
    is_called: bool = False
    is_seen: bool = False


@attrs.define(eq=False)
class Reader:
    """
    Collects the names that a statement reads, each with the method it stands in, if any.

    Names of parameters and locals are taken for the module's of the same name, which asks too much at most.

    Attributes:
        is_future: Whether annotations wait until somebody asks for them, be it a decorator, a base or a metaclass.
        asked: What those who see a definition while it is made may do with what its annotations name.
        by: The class that is being made, if no decorator sees what is in it.
        seen_by: The class whose body is read, dotted, if no decorator sees what is put there; `None` out of any.
        is_seen: Whether it is that what is read is put there.
        is_run: Whether what functions use when they are called, and what is put somewhere, is used at once.
        is_in_class: Whether it is the body of a class that is read, of which ``vars()`` has the names.
    """

    is_future: bool
    asked: Use = Use.NAMED
    by: str = ""
    is_annotation: bool = False
    is_base: bool = False
    of: tuple[tuple[str, ...], ...] = ()
    to: tuple[tuple[str, ...], ...] = ()
    read: list[tuple[str, Ref]] = attrs.field(factory=list)
    inner: dict[str, list[Taken]] = attrs.field(factory=dict)
    is_filling: bool = False
    is_called: bool = False
    is_run: bool = False
    is_in_class: bool = False
    seen_by: str | None = None
    is_seen: bool = False

    def found(self) -> Iterator[tuple[str, Ref]]:
        for owner, ref in self.read:
            yield owner, ref
            yield from ((owner, attrs.evolve(ref, taken=taken)) for taken in self.inner.get(ref.path[0], ()))

    def visit_statement(self, node: ast.AST, owner: str, *, is_top: bool = True) -> None:
        """Read a statement that runs when the module does."""
        if isinstance(node, FUNCTIONS):
            self._function(node, owner)
        elif isinstance(node, ast.ClassDef):
            self._class(node, owner, is_top=is_top)
        elif isinstance(node, ast.If) and is_left_out(node.test):
            for each in node.orelse:
                self.visit_statement(each, owner, is_top=False)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            self._assignment(node, owner)
        elif isinstance(node, _ALIASES):
            self._waiting(node, Use.STORED, owner)
        elif isinstance(node, ast.AugAssign):
            self._filling(_loaded(node.target), Use.USED, owner)
            self._expression(node.value, Use.USED, owner)
        elif isinstance(node, ast.Expr):
            self._filling(node.value, Use.STORED, owner)  # and thrown away
        elif isinstance(node, IMPORTS):
            if owner:  # the body of a class has what it takes as its attributes
                self._import(node)
                names = taken_by(node) if isinstance(node, ast.ImportFrom) else ()
                seen = Ref(("",), Use.STORED, by=self.seen_by or "", is_seen=True)
                self.read.extend((owner, attrs.evolve(seen, path=(name,), taken=taken)) for name, taken in names)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                    self.visit_statement(child, owner, is_top=False)
                else:
                    self._expression(child, Use.USED, owner)

    def _assignment(self, node: Any, owner: str) -> None:  # an Assign or AnnAssign
        for target in targets(node):
            if isinstance(target, ast.Attribute) and path_of(target.value):
                self._filling(target.value, Use.SET, owner)
            elif self.is_in_class and isinstance(target, ast.Subscript) and _is_globals(target.value):
                self._filling(target.slice, Use.USED, owner)  # it binds a name of the class
            else:
                self._filling(target, Use.USED, owner)
        if node.value is not None:
            is_run = any(_is_unpacked(each, node.value) for each in targets(node))
            self._put(node.value, Use.USED if is_run else Use.STORED, owner)
        if isinstance(node, ast.AnnAssign) and (owner or not self.is_future):
            self._annotation(node.annotation, owner)

    def _put(self, node: ast.AST, use: Use, owner: str) -> None:
        """Read what is put somewhere, be it into the body of a class."""
        was, self.is_seen = self.is_seen, self.seen_by is not None
        self._expression(node, use, owner)
        self.is_seen = was

    def _class(self, node: ast.ClassDef, owner: str, *, is_top: bool) -> None:
        own = node.name if is_top else owner
        was = self.asked, self.by, self.seen_by
        is_seen = not is_top or not all(_last(each) in _LOOKING for each in _called(node.decorator_list))
        self.asked, self.by = max(self.asked, _use_of_annotations(node)), "" if is_seen else node.name
        self._parameters(node, own)
        for base in filter(path_of, node.bases) if self.seen_by is not None else ():  # what it inherits is there, too
            self._put(base, Use.STORED, own)
        for base in node.bases:
            self.is_filling = self.is_base = True
            self._type(base, _use_of_bases(node), own)
            self.is_filling = self.is_base = False
        for keyword in node.keywords:
            self._filling(keyword.value, Use.FORMED if keyword.arg == "metaclass" else Use.USED, own)
        for decorator in node.decorator_list:
            self._filling(decorator, Use.USED, own)
        if self.seen_by is None:
            self.seen_by = self.by
        elif self.seen_by:
            self.seen_by = "" if node.decorator_list else f"{self.seen_by}.{node.name}"
        self._body(node.body, own, is_top=is_top)
        self.asked, self.by, self.seen_by = was

    def _body(self, body: list[ast.stmt], owner: str, *, is_top: bool) -> None:
        """Read the body of a class; once more as run what it puts under a name of its own and uses further down."""
        starts: list[int] = []
        was, self.is_in_class = self.is_in_class, True
        for each in body:
            starts.append(len(self.read))
            if is_top and isinstance(each, FUNCTIONS):
                self._function(each, owner, f"{owner}.{each.name}")
            else:
                self.visit_statement(each, owner, is_top=False)
        if not self.is_run:  # else all is read as run
            self._run_again(body, starts, owner)
        self.is_in_class = was

    def _run_again(self, body: list[ast.stmt], starts: list[int], owner: str) -> None:
        """Read once more as run what the body of a class uses further down; *starts* is where each was read."""
        ways: set[tuple[str, ...]] = set()
        for each, start, end in reversed([*zip(body, starts, [*starts[1:], len(self.read)], strict=True)]):
            ways.update(self._running(start, end))
            if not ways.isdisjoint(_stored(each)):
                ways.update(self._again(each, owner))

    def _again(self, node: ast.stmt, owner: str) -> set[tuple[str, ...]]:
        """Read a statement in the body of a class once more, as run; in which ways it runs others there."""
        start = len(self.read)
        was, self.is_run = self.is_run, True
        if isinstance(node, FUNCTIONS):
            self._later(node, owner)
        else:
            self.visit_statement(node, owner, is_top=False)
        self.is_run = was
        # A function does not see the names of the class.
        return set() if isinstance(node, FUNCTIONS) else self._running(start, len(self.read))

    def _running(self, start: int, end: int) -> set[tuple[str, ...]]:
        """By which names, or which names and accessors, some of what was read may run what these stand for."""
        paths = (ref.path for _, ref in self.read[start:end] if ref.use >= Use.MADE)
        return {path if path[1:] in _ACCESSORS else path[:1] for path in paths}

    def _function(self, node: Any, owner: str, body_owner: str | None = None) -> None:  # one of FUNCTIONS
        for each in node.decorator_list:
            self._filling(each, Use.USED, owner)
        self._arguments(node.args, owner)
        was = self.asked, self.by
        if not all(_last(each) in _BLIND for each in _called(node.decorator_list)):
            self.asked, self.by = Use.SHOWN, ""
        self._parameters(node, owner)
        self._annotations(node, owner)
        self.asked, self.by = was
        for each in node.body:
            self._later(each, owner if body_owner is None else body_owner)

    def _parameters(self, node: Any, owner: str) -> None:  # one of DEFINITIONS
        """Read the bounds and defaults of type parameters (from 3.12 on)."""
        for each in getattr(node, "type_params", ()):
            self._waiting(each, self.asked, owner, is_annotation=False)

    def _arguments(self, args: ast.arguments, owner: str) -> None:
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self._expression(default, Use.STORED, owner)

    def _annotations(self, node: Any, owner: str) -> None:  # one of FUNCTIONS
        args = node.args
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        for annotation in (*(each.annotation for each in every if each is not None), node.returns):
            if annotation is not None:
                self._annotation(annotation, owner)

    def _annotation(self, node: ast.AST, owner: str) -> None:
        if self.is_future:
            self._waiting(node, self.asked, owner)
            return
        self.is_annotation = True
        self._type(node, max(self.asked, Use.STORED), owner)
        self.is_annotation = False

    def _waiting(self, node: ast.AST, use: Use, owner: str, *, is_annotation: bool = True) -> None:
        """Read what is evaluated when somebody asks for it, mostly annotations."""
        self.is_annotation = is_annotation
        queue = [node]
        for each in queue:  # it grows while it is walked
            path = path_of(each) if isinstance(each, (ast.Attribute, ast.Name)) else ()
            if path:
                self._note(path, use, owner)
            else:
                queue.extend(children(each))
        self.is_annotation = False

    def _type(self, node: ast.AST, use: Use, owner: str) -> None:
        """Read an annotation or a base: what is made of types holds them, and looks at nothing that they have."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            for each in (node.left, node.right):  # which may have its own ``|``, as it may have its own hash
                self._type(each, max(use, Use.HASHED), owner)
        elif isinstance(node, (ast.List, ast.Tuple)):
            for each in node.elts:
                self._type(each, use, owner)
        elif isinstance(node, ast.Subscript) and path_of(node.value):
            self._expression(node.value, Use.SUBSCRIPTED, owner)
            self._expression(node.value, use, owner)
            was, self.of = self.of, (*self.of, path_of(node.value))
            self._type(node.slice, Use.USED if self.is_base else use, owner)  # a base may do with it what it likes
            self.of = was
        elif isinstance(node, ast.IfExp):
            self._beside(node.test, Use.USED, owner)
            self._type(node.body, use, owner)
            self._type(node.orelse, use, owner)
        elif path_of(node):
            self._expression(node, use, owner)
        else:
            self._beside(node, use, owner)

    def _beside(self, node: ast.AST, use: Use, owner: str) -> None:
        """Read what runs before a class is made, which has no part in it."""
        was = self.is_base, self.is_filling, self.by
        self.is_base, self.is_filling, self.by = False, False, ""
        self._expression(node, use, owner)
        self.is_base, self.is_filling, self.by = was

    def _import(self, node: ast.AST) -> None:
        for name, taken in taken_by(node):
            self.inner.setdefault(name, []).append(taken)

    def _later(self, node: ast.AST, owner: str) -> None:
        """Read what runs when a function is called."""
        queue = [node]
        for each in queue:  # it grows while it is walked
            filled = _filled(each)
            if filled is not None and (path := path_of(filled)):
                self._note(path, Use.LATER, owner, is_filling=True)
                queue.extend(child for child in children(each) if child is not filled)
                continue
            if isinstance(each, (ast.Attribute, ast.Name)):
                path = path_of(each)
                if path:
                    self._note(path, Use.LATER, owner)
                    continue
            elif isinstance(each, ast.Call) and (path := path_of(each.func)):
                self.is_called = True
                self._note(path, Use.LATER, owner)
                self.is_called = False
                queue.extend(child for child in children(each) if child is not each.func)
                continue
            elif isinstance(each, (ast.arg, ast.AnnAssign, *FUNCTIONS)):
                queue.extend(self._beside_annotations(each, owner))
                continue
            elif isinstance(each, _WITH_GLOBALS) and (name := _spelled(each)):
                self._note((name,), Use.LATER, owner)
                queue.extend(_beside_globals(each))
                continue
            elif _is_itself(each):
                self._note((ANY,), Use.LATER, owner)
            elif isinstance(each, IMPORTS):
                self._import(each)
            queue.extend(children(each))

    def _beside_annotations(self, node: Any, owner: str) -> list[ast.AST]:
        """Read what annotates a part of a function within a function; answer what else there is."""
        annotation = node.returns if isinstance(node, FUNCTIONS) else node.annotation
        if annotation is not None and not isinstance(node, ast.AnnAssign):  # those of variables are never evaluated
            self._waiting(annotation, Use.LATER, owner)
        return [each for each in children(node) if each is not annotation]

    def _filling(self, node: ast.AST, use: Use, owner: str) -> None:
        """Read an expression that is there for what it puts somewhere: what it gives is used for nothing else."""
        self.is_filling = True
        self._expression(node, use, owner)
        self.is_filling = False

    def _expression(self, node: ast.AST, use: Use, owner: str) -> None:
        name = _spelled(node)
        if name:
            self._note((name,), Use.USED, owner)
            for each in _beside_globals(node):
                self._expression(each, Use.USED, owner)
        elif isinstance(node, ast.Call) and path_of(node.func) == ("dir",) and not node.args:
            if not self.is_in_class:
                self.read.append((owner, Ref((ANY,), Use.STORED, is_held=False)))  # it gives their names alone
        elif (_is_globals(node) and not self.is_in_class) or _is_itself(node):
            self._note((ANY,), Use.USED, owner)
        elif isinstance(node, (ast.Attribute, ast.Name)):
            path = path_of(node)
            if path:
                self._note(path, use, owner)
            elif isinstance(node, ast.Attribute) and not _is_set_in_itself(node):
                self._expression(node.value, Use.USED, owner)
        elif isinstance(node, ast.Lambda):
            self._arguments(node.args, owner)
            if use is Use.USED:  # whoever gets it may call it at once
                self._expression(node.body, Use.USED, owner)
            else:
                self._later(node.body, owner)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            is_hashed = isinstance(node, ast.Set) and use is Use.STORED
            for each in node.elts:
                self._expression(each, Use.HASHED if is_hashed else use, owner)
        elif isinstance(node, ast.Dict):
            self._mapping(node, use, owner)
        elif isinstance(node, ast.Subscript) and _last(node.value) in _TYPES:
            self._type(node, use, owner)
        elif isinstance(node, ast.Call):
            self._call(node, use, owner)
        else:
            for child in ast.iter_child_nodes(node):
                self._expression(child, Use.USED, owner)

    def _mapping(self, node: ast.Dict, use: Use, owner: str) -> None:
        for key in node.keys:
            if key is not None:
                self._expression(key, Use.HASHED if use is Use.STORED else Use.USED, owner)
        for key, value in zip(node.keys, node.values, strict=True):
            self._expression(value, use if key is not None else Use.USED, owner)

    def _call(self, node: ast.Call, use: Use, owner: str) -> None:
        path = path_of(node.func)
        self.is_called = bool(path)
        self._expression(node.func, Use.MADE if path and use is Use.STORED else Use.USED, owner)
        self.is_filling = self.is_called = False
        is_storing = use is Use.STORED and _last(node.func) in _STORING
        was, self.to = self.to, (*self.to, path) if is_storing else self.to
        args = node.args[1:] if _is_set_in_itself(node) else node.args
        for each in (*args, *(keyword.value for keyword in node.keywords)):
            self._expression(each, Use.STORED if is_storing else Use.USED, owner)
        self.to = was

    def _note(self, path: tuple[str, ...], use: Use, owner: str, *, is_filling: bool = False) -> None:
        if path[0] in REACHING_ANY:
            path = (ANY,)
        if self.is_run and not self.is_annotation and use in (Use.LATER, Use.STORED, Use.MADE):
            use = Use.USED
        by = self.by if Use.SHOWN <= use <= Use.FORMED or self.is_base else ""
        is_seen = self.is_seen and use is Use.STORED
        ref = Ref(
            path,
            use,
            is_filling=is_filling or self.is_filling,
            by=(self.seen_by or "") if is_seen else by,
            is_annotation=self.is_annotation,
            of=self.of,
            to=self.to,
            is_held=not self.is_base,
            is_called=self.is_called,
            is_seen=is_seen,
        )
        self.read.append((owner, ref))


# Nodes

_ALIASES: Final[tuple[type, ...]] = (ast.TypeAlias,) if hasattr(ast, "TypeAlias") else ()

# Class decorators that look at names and annotations, and at which attributes there are.
_LOOKING: Final = frozenset({"dataclass", "runtime_checkable", "total_ordering", "final", "unique"})

# What keeps its arguments and does nothing else with them.
_STORING: Final = frozenset({
    "partial", "partialmethod", "staticmethod", "classmethod", "property", "cached_property", "TypeVar", "NewType",
    "cast",
})  # fmt: skip

# What a subscript of makes a type that holds its arguments and does nothing else with them.
_TYPES: Final = frozenset({
    "Optional", "Union", "Callable", "Type", "type", "Annotated", "ClassVar", "Final", "Required", "NotRequired",
    "ReadOnly", "TypeGuard", "TypeIs", "Concatenate", "Unpack", "Tuple", "tuple", "List", "list", "Deque", "deque",
    "Dict", "dict", "DefaultDict", "defaultdict", "OrderedDict", "ChainMap", "Set", "set", "FrozenSet", "frozenset",
    "AbstractSet", "MutableSet", "Sequence", "MutableSequence", "Mapping", "MutableMapping", "Iterable", "Iterator",
    "Generator", "Reversible", "Awaitable", "Coroutine", "AsyncIterable", "AsyncIterator", "AsyncGenerator",
    "ContextManager", "AbstractContextManager", "AsyncContextManager", "AbstractAsyncContextManager", "Generic",
    "Protocol",
})  # fmt: skip

_FILLING: Final = frozenset({"append", "appendleft", "add", "insert", "extend", "setdefault", "update"})


def _filled(node: Any) -> Any:  # nodes
    """What a node puts something into, with the name of the method."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return node.value
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node.func if is_call and node.func.attr in _FILLING else None


# Decorators of functions that do nothing with annotations.
_BLIND: Final = frozenset({
    "overload", "override", "final", "abstractmethod", "property", "setter", "getter", "deleter", "staticmethod",
    "classmethod", "cached_property", "contextmanager", "asynccontextmanager", "wraps", "cache", "lru_cache",
    "no_type_check", "deprecated",
})  # fmt: skip

# What properties, and functions that dispatch, have for the decorators of their other functions, and what calls none.
_ACCESSORS: Final = (("setter",), ("getter",), ("deleter",), ("register",))

# What gives all names of the class in the body of one.
_OF_CLASS: Final = frozenset({("vars",), ("locals",)})


def _stored(node: ast.stmt) -> set[tuple[str, ...]]:
    """What a statement in the body of a class binds, and some that is within it, by the ways in which that is run."""
    every = [node] if isinstance(node, DEFINITIONS) else [*ast.walk(node)]
    names = {each.id for each in every if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    names.update(each.name for each in every if isinstance(each, DEFINITIONS))
    value = getattr(node, "value", None)
    is_known = isinstance(node, FUNCTIONS) or (isinstance(value, ast.Call) and _last(value.func) in _STORING)
    return {(name, *more) for name in names for more in ((), *(() if is_known else _ACCESSORS))} | _OF_CLASS


def _called(decorators: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """What decorators are, be they called for it or not."""
    return (each.func if isinstance(each, ast.Call) else each for each in decorators)


def _use_of_bases(node: ast.ClassDef) -> Use:
    """What a class statement does with its bases: whoever gets the class may call all that it inherits."""
    if not all(_last(each) in _LOOKING for each in _called(node.decorator_list)):
        return Use.USED
    if any(each.arg is None for each in node.keywords):
        return Use.USED  # one of them may be a metaclass
    if any(each.arg == "metaclass" for each in node.keywords):
        return Use.FORMED
    return Use.SHAPED if node.decorator_list else Use.BASE


def _use_of_annotations(node: ast.ClassDef) -> Use:
    """What decorators, bases and a metaclass may do with what the annotations of a class name."""
    if node.bases or _use_of_bases(node) >= Use.FORMED:
        return Use.SHOWN
    return Use.STORED if node.decorator_list else Use.NAMED


def path_of(node: ast.AST) -> tuple[str, ...]:
    """The names of a dotted expression that is read; nothing for any other."""
    names: list[str] = []
    at: ast.AST = node
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return ()
    while isinstance(at, ast.Attribute):
        names.append(at.attr)
        at = at.value
    return (at.id, *reversed(names)) if isinstance(at, ast.Name) else ()


def _last(node: ast.AST) -> str:
    """The last name of a dotted expression."""
    return "".join(path_of(node)[-1:])


def children(node: ast.AST) -> list[ast.AST]:
    """As `ast.iter_child_nodes`, which takes several times as long, without contexts and constants."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found.extend([each for each in value if isinstance(each, ast.AST) and type(each) is not ast.Constant])
        elif isinstance(value, ast.AST) and not isinstance(value, _SAYING_NOTHING):
            found.append(value)
    return found


_SAYING_NOTHING: Final = (ast.expr_context, ast.Constant)

_WITH_GLOBALS: Final = (ast.Subscript, ast.Call, ast.Compare)
"""The nodes that :func:`_spelled` may find a name in."""


def _spelled(node: Any) -> str:  # any node
    """The name that ``globals()["name"]``, ``globals().get("name")`` or ``"name" in globals()`` is about."""
    name: Any = None
    if isinstance(node, ast.Subscript) and _is_globals(node.value):
        name = node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_globals(node.func.value):
        name = node.args[0] if node.args and node.func.attr in ("get", "setdefault", "pop") else None
    elif isinstance(node, ast.Compare) and _is_globals(node.comparators[-1]):
        name = node.left
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def _is_globals(node: ast.AST) -> bool:
    """Whether it gives the names that there are."""
    return isinstance(node, ast.Call) and path_of(node.func) in _GIVING_NAMES and not node.args


_GIVING_NAMES: Final = (("globals",), ("vars",), ("locals",), ("dir",))


def _is_itself(node: Any) -> bool:  # any node
    """Whether it is ``sys.modules[__name__]``, by which the module asks for whatever it has."""
    is_read = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
    return is_read and _last(node.value) == "modules" and path_of(node.slice) == ("__name__",)


def _is_set_in_itself(node: Any) -> bool:  # any node
    """Whether it sets a name of the module by ``sys.modules[__name__]``, and asks it for none."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.ctx, ast.Store) and _is_itself(node.value)
    return isinstance(node, ast.Call) and path_of(node.func) == ("setattr",) and any(map(_is_itself, node.args[:1]))


def _beside_globals(node: ast.AST) -> list[ast.AST]:
    """What else an expression about a name of ``globals()`` asks for."""
    return list(node.args[1:]) if isinstance(node, ast.Call) else []


def targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    """What an assignment assigns to."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_unpacked(target: ast.AST, value: ast.AST) -> bool:
    """Whether an assignment iterates over a value, or one in it; what a display has for each name is taken as it is."""
    if not isinstance(target, _SEVERAL) or not isinstance(value, _SEVERAL):
        return isinstance(target, _SEVERAL)
    if any(isinstance(each, ast.Starred) for each in (*target.elts, *value.elts)):  # which meets which is not counted
        return any(isinstance(each, _SEVERAL) for each in target.elts)
    return any(_is_unpacked(*each) for each in zip(target.elts, value.elts, strict=False))


_SEVERAL: Final = (ast.List, ast.Tuple)


def is_left_out(test: ast.expr) -> bool:
    """Whether an ``if`` is for type checkers alone, or for who runs the file as a program."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    is_compared = isinstance(test, ast.Compare)
    return name == "TYPE_CHECKING" or (is_compared and ast.unparse(test) == "__name__ == '__main__'")


def taken_by(node: Any) -> Iterator[tuple[str, Taken]]:  # one of IMPORTS
    """The names that an import binds, each with what to."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, Taken(node.module or "", node.level, alias.name)
        elif alias.asname:
            yield alias.asname, Taken(alias.name)
        else:
            top = alias.name.partition(".")[0]
            yield top, Taken(top)


def _loaded(target: Any) -> Any:  # what can be assigned to in place
    """What an assignment in place reads: its target."""
    return type(target)(**{**dict(ast.iter_fields(target)), "ctx": ast.Load()})
