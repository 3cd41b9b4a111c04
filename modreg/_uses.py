"""What each statement of a module defines, and which names it uses for that, read from the syntax tree."""

from __future__ import annotations

import ast
import enum
import functools
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS: Final = (*_FUNCTIONS, ast.ClassDef)
IMPORTS: Final = (ast.Import, ast.ImportFrom)
_ANNOTATIONS_WAIT: Final = sys.version_info >= (3, 14)

ANY: Final = "*"
"""Stands for any name: a star import, a use of names that the code does not spell."""

# Built-ins through which code can use names that it does not spell.
REACHING_ANY: Final = frozenset({"globals", "eval", "exec"})


class Use(enum.IntEnum):
    """
    What a statement does with an object while it runs; later ones ask more of it.

    Attributes:
        LATER: Nothing: a function uses it when it is called.
        TAKEN: An import statement binds it to a name.
        STORED: It is put somewhere: under another name, in a display, as a default value.
        BASE: A class is derived from it.
        SHAPED: The same, and decorators look at what the class inherits, but call nothing of it.
        MADE: It is called, and what that gives is put somewhere.
        USED: Anything else: its contents, its attributes, its truth.
    """

    LATER = 0
    TAKEN = 1
    STORED = 2
    BASE = 3
    SHAPED = 4
    MADE = 5
    USED = 6


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
    """

    path: tuple[str, ...]
    use: Use
    taken: Taken | None = None
    is_filling: bool = False


@attrs.define(eq=False, slots=False)
class Statement:
    """
    One top-level statement.

    A class is one definition for itself (its bases, its values, what its methods are called and take) and one
    for the body of each method, named ``Class.method``.

    Attributes:
        text: The lines that it stands on, which it may share with others.
        place: Which of these it is.
        is_future: Whether annotations are not evaluated when it runs.
        names: The names that it binds, or whose objects it may change (``table["x"] = 1``, ``names.append(x)``).
        taken: The names that its imports bind when it runs, and what to.
        is_definition: Whether it defines a function or a class.
        is_compound: Whether there are statements in it.
        is_reaching_any: Whether it may use names that it does not spell.
    """

    text: str
    place: int
    is_future: bool
    names: frozenset[str]
    taken: tuple[tuple[str, Taken], ...]
    is_definition: bool
    is_compound: bool
    is_reaching_any: bool

    @classmethod
    def of(cls, node: ast.stmt, text: str, place: int, *, is_future: bool) -> Statement:
        """Read what is always asked; the tree itself is large, and made again for the rest."""
        nodes = list(_at_once(node))
        imports = [each for each in nodes if isinstance(each, IMPORTS)]
        taken = tuple(each for found in imports for each in taken_by(found))
        return cls(
            text=text,
            place=place,
            is_future=is_future,
            names=frozenset(_made(node, nodes)),
            taken=taken,
            is_definition=isinstance(node, DEFINITIONS),
            is_compound=hasattr(node, "body"),
            is_reaching_any=_is_reaching_any(text),
        )

    @property
    def node(self) -> ast.stmt:
        """Its tree."""
        return trees.of(self.text)[1][self.place]

    @property
    def said(self) -> dict[str, list[_Said]]:
        """By definition what it says."""
        first, nodes = trees.of(self.text)
        node = nodes[self.place]
        if isinstance(node, ast.ClassDef):
            return _said_by_class(node, self.text.split("\n"), first)
        return {name: [_Said(self.text, self.place, [node])] for name in self.names}

    @functools.cached_property
    def writes(self) -> tuple[tuple[str, ...], ...]:
        """The attributes that it sets or deletes when it runs, as dotted names."""
        if self.is_definition or not ("=" in self.text or "del" in self.text or "setattr" in self.text):
            return ()
        return tuple(path for node in _at_once(self.node) if len(path := _written(node)) > 1)

    @property
    def adds(self) -> tuple[tuple[str, ...], ...]:
        """Those of them that it makes of what they were, by ``+=`` and its like."""
        nodes = [each for each in _at_once(self.node) if isinstance(each, ast.AugAssign)] if self.writes else []
        return tuple(path for each in nodes if len(path := _written(each.target)) > 1)

    def called(self, name: str) -> list[tuple[str, ...]]:
        """The dotted names of what the assignments to a name call for its value; nothing for one that does not."""
        nodes = [each for each in _at_once(self.node) if isinstance(each, (ast.Assign, ast.AnnAssign))]
        values = [each.value for each in nodes if any(name in _names(target) for target in _targets(each))]
        return [_path(value.func) if isinstance(value, ast.Call) else () for value in values]

    @functools.cached_property
    def refs(self) -> dict[str, tuple[Ref, ...]]:
        """By definition all that it uses, now or when it is called; ``""`` has what the statement uses now."""
        reader = _Reader(self.is_future)
        reader.visit_statement(self.node, "")
        found: dict[str, dict[Ref, None]] = {"": {}}
        for owner, ref in reader.found():
            if ref.use is not Use.LATER:
                found[""][ref] = None
            for name in (owner,) if owner else self.names:
                found.setdefault(name, {})[ref] = None
        return {name: tuple(refs) for name, refs in found.items()}


@attrs.frozen(eq=False)
class _Said:
    """
    A part of what statements say of a definition.

    Attributes:
        text: The lines that it stands on; `None` if it is no connected part.
        column: Where it begins on the first of them, or its place among the statements on them.
        nodes: Its trees.
    """

    text: str | None
    column: int
    nodes: Sequence[ast.AST]


def _is_reaching_any(text: str) -> bool:
    return any(word in text for word in REACHING_ANY)


def is_same(one: tuple[Statement, ...], other: tuple[Statement, ...]) -> bool:
    """Whether two modules differ in comments, layout and positions at most."""
    return len(one) == len(other) and all(map(_is_alike, one, other))


def _is_alike(one: Statement, other: Statement) -> bool:
    return _is_written_alike(one, other) or is_same_tree(one.node, other.node)


def _is_written_alike(one: Statement, other: Statement) -> bool:
    return one is other or (one.text == other.text and one.place == other.place)


def differing(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> dict[str, tuple[bool, bool]]:
    """The definitions of which two modules do not say the same, each with whether the one and the other have it."""
    found: dict[str, tuple[bool, bool]] = {}
    touched = _touched(old, new)
    before, after = _by_name(old, touched), _by_name(new, touched)
    for name in {**before, **after}:
        mine, theirs = before.get(name, ()), after.get(name, ())
        if len(mine) != len(theirs) or not all(map(_is_written_alike, mine, theirs)):
            one, other = _said(mine, name), _said(theirs, name)
            every = {**one, **other}
            found.update({each: (each in one, each in other) for each in every if not _is_said(each, one, other)})
    return found


def withdrawn(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> dict[str, set[str]]:
    """
    What the former of two modules may have given away and the present one does not, by what their statements say.

    Returns:
        By name the other names in the decorators, the bases and the statements that are gone.
    """
    former, present = ([*_giving(each, other)] for each, other in ((old, new), (new, old)))
    said = {(name, text) for name, text, _ in present}
    found: dict[str, set[str]] = {}
    for name, text, by in former:
        if (name, text) not in said:
            found.setdefault(name, set()).update(by - {name})
    return found


def _giving(statements: Iterable[Statement], other: Iterable[Statement]) -> Iterator[tuple[str, str, set[str]]]:
    """Names that statements may give away, of which the other module has none that are written alike."""
    known = {each.text for each in other}
    for node in (each.node for each in statements if each.text not in known):
        if isinstance(node, DEFINITIONS):
            parts = [*node.decorator_list, *getattr(node, "bases", ()), *getattr(node, "keywords", ())]
            by = set().union(*map(_names, parts))
            yield from ((node.name, ast.dump(each), by) for each in parts)
        elif not isinstance(node, IMPORTS):
            names = _names(node)
            yield from ((name, ast.dump(node), names) for name in names)


def _touched(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> frozenset[str]:
    """The names that a statement binds between the first and the last that are not written alike."""
    start = next((n for n, pair in enumerate(zip(old, new, strict=False)) if not _is_written_alike(*pair)), None)
    if start is None:
        start = min(len(old), len(new))
    rest = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    shorter = min(len(old), len(new)) - start
    same = next((n for n, pair in enumerate(rest) if not _is_written_alike(*pair)), shorter)
    between = (*old[start : len(old) - same], *new[start : len(new) - same])
    return frozenset().union(*[each.names for each in between])


def _by_name(statements: tuple[Statement, ...], names: frozenset[str]) -> dict[str, list[Statement]]:
    found: dict[str, list[Statement]] = {}
    for each in statements if names else ():
        for name in each.names & names:
            found.setdefault(name, []).append(each)
    return found


def _said(statements: Iterable[Statement], name: str) -> dict[str, list[_Said]]:
    """What statements say of a name, and of its methods."""
    found: dict[str, list[_Said]] = {}
    for each in statements:
        for definition, said in each.said.items():
            if definition.partition(".")[0] == name:
                found.setdefault(definition, []).extend(said)
    return found


def _is_said(definition: str, one: dict[str, list[_Said]], other: dict[str, list[_Said]]) -> bool:
    """Whether both say the same of a definition."""
    mine, theirs = one.get(definition, ()), other.get(definition, ())
    return len(mine) == len(theirs) and all(map(_is_said_alike, mine, theirs))


def _is_said_alike(one: _Said, other: _Said) -> bool:
    is_written_alike = one.text is not None and (one.text, one.column) == (other.text, other.column)
    return is_written_alike or is_same_tree(one.nodes, other.nodes)


def is_same_tree(one: object, other: object) -> bool:
    """Whether two trees, or lists of them, differ in positions at most."""
    queue = [(one, other)]
    for mine, theirs in queue:  # it grows while it is walked
        if type(mine) is not type(theirs):
            return False
        if isinstance(mine, ast.AST):
            for name in mine._fields:
                pair = getattr(mine, name, None), getattr(theirs, name, None)
                if pair[0] is not pair[1]:  # names and contexts mostly are
                    queue.append(pair)
        elif isinstance(mine, list) and isinstance(theirs, list):
            if len(mine) != len(theirs):
                return False
            queue.extend(zip(mine, theirs, strict=True))
        elif repr(mine) != repr(theirs):  # it tells 0.0 from -0.0
            return False
    return True


def statements(text: str, *, is_future: bool | None = None) -> tuple[Statement, ...]:
    """
    The top-level statements of a module, or of a part of one.

    Args:
        text: The source, with line feeds for all line ends.
        is_future: Whether annotations are not evaluated when it runs; `None` if the text tells.

    Raises:
        SyntaxError: It is no Python.
        ValueError: The same, in early releases of 3.11: null bytes.
    """
    tree = ast.parse(text)
    lines = text.split("\n")
    if is_future is None:
        is_future = any(map(_is_future, tree.body))
    found: list[Statement] = []
    for first, last, nodes in _on_lines(tree.body):
        part = "\n".join(lines[first - 1 : last])
        is_late = is_future or _ANNOTATIONS_WAIT
        found.extend(Statement.of(node, part, place, is_future=is_late) for place, node in enumerate(nodes))
        trees.keep(part, first, nodes)
    return tuple(found)


def definition(text: str, *, is_future: bool) -> Statement | None:
    """
    The function or class that *text* alone defines, without decorators: that much shows without a tree.

    Args:
        text: The lines of one statement, and comments perhaps; none but the first begins with a word.
        is_future: As for :func:`statements`.
    """
    found = _DEFINITION.match(text)
    if found is None:
        return None
    return Statement(
        text=text,
        place=0,
        is_future=is_future or _ANNOTATIONS_WAIT,
        names=frozenset({found[1]}),
        taken=(),
        is_definition=True,
        is_compound=True,
        is_reaching_any=_is_reaching_any(text),
    )


# Other letters may be spelled in several ways.
_DEFINITION: Final = re.compile(r"(?:class|def|async def) ([A-Za-z_][A-Za-z_0-9]*)(?=[(:\[])")

_MANY: Final = 1 << 21
"""Characters of which trees are kept at most."""


@attrs.define(eq=False)
class _Trees:
    """
    Statements as trees, for as long as they may be asked for; they are large, and made again for who comes later.

    Attributes:
        kept: By the lines that statements stand on the number of the first of these, and the statements.
        size: Characters of these lines.
        stay: How many of them stay when those that came since are let go of.
    """

    kept: dict[str, tuple[int, list[ast.stmt]]] = attrs.field(factory=dict)
    size: int = 0
    stay: int = 0

    def keep(self, text: str, first: int, nodes: list[ast.stmt]) -> None:
        if self.size > _MANY:
            self.clear()
        if text not in self.kept:
            self.kept[text] = first, nodes
            self.size += len(text)

    def of(self, text: str) -> tuple[int, list[ast.stmt]]:
        found = self.kept.get(text)
        if found is None:
            found = 1, ast.parse(text + "\n\n").body  # the last line may go on in an empty one
            self.keep(text, *found)
        return found

    def settle(self) -> None:
        """Have all stay."""
        self.stay = len(self.kept)

    def let_go(self) -> None:
        """Let go of those that came since all were to stay."""
        while len(self.kept) > self.stay:
            self.size -= len(self.kept.popitem()[0])

    def clear(self) -> None:
        self.kept.clear()
        self.size = self.stay = 0

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, *_: object) -> None:
        self.clear()


trees: Final = _Trees()
"""As a context: until its end the trees of statements are kept."""


def _on_lines(nodes: Iterable[ast.stmt]) -> list[tuple[int, int, list[ast.stmt]]]:
    """First and last line of statements, together for those that share a line."""
    found: list[tuple[int, int, list[ast.stmt]]] = []
    for node in nodes:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        last = node.end_lineno or first
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1]), [*found[-1][2], node]
        else:
            found.append((first, last, [node]))
    return found


def _is_future(node: ast.stmt) -> bool:
    is_import = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return is_import and any(alias.name == "annotations" for alias in node.names)  # type: ignore[attr-defined]  # as above


# Definitions


def made(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement binds, or whose objects it may change."""
    return _made(statement, _at_once(statement))


def _made(statement: ast.stmt, nodes: Iterable[Any]) -> set[str]:  # nodes, asked for what their kind has
    """The same of a statement with the nodes that run when it does."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, IMPORTS):
            found.update(name for name, _ in taken_by(node))
        elif isinstance(node, (*DEFINITIONS, ast.ExceptHandler)) and node.name:
            found.add(node.name)
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            found.update(_names(node.value))
        elif isinstance(node, (ast.Expr, ast.AugAssign)):
            found.update(_names(node))
    return found


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _written(node: Any) -> tuple[str, ...]:  # any node
    """What a node sets as an attribute, be it by `setattr`; nothing if it does not."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        owner = _path(node.value)
        return (*owner, node.attr) if owner else ()
    is_call = isinstance(node, ast.Call) and _path(node.func) in (("setattr",), ("delattr",)) and len(node.args) > 1
    if is_call and isinstance(node.args[1], ast.Constant) and (owner := _path(node.args[0])):
        return *owner, str(node.args[1].value)
    return ()


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _at_once(statement: ast.stmt) -> Iterator[Any]:  # nodes, asked for what their kind has
    """The nodes of a statement that run when it does, but for constants and what no import runs."""
    queue: list[ast.AST] = [statement]
    for node in queue:
        yield node
        if isinstance(node, ast.If) and _is_left_out(node.test):
            queue.extend(node.orelse)
        elif not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            queue.extend(_children(node))


def _is_left_out(test: ast.expr) -> bool:
    """Whether an ``if`` is for type checkers alone, or for who runs the file as a program."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    is_compared = isinstance(test, ast.Compare)
    return name == "TYPE_CHECKING" or (is_compared and ast.unparse(test) == "__name__ == '__main__'")


def taken_by(node: Any) -> Iterator[tuple[str, Taken]]:  # one of IMPORTS
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


def _said_by_class(node: ast.ClassDef, lines: list[str], first: int) -> dict[str, list[_Said]]:
    """The class without what its methods do, and what they do; *first* is the number of the first line."""
    shell: list[ast.AST] = [_emptied(node)]
    found = {node.name: [_Said(None, 0, shell)]}
    for each in node.body:
        if isinstance(each, _FUNCTIONS):
            shell.append(_emptied(each))
            text = "\n".join(lines[each.body[0].lineno - first : (each.end_lineno or first) - first + 1])
            said = _Said(text, each.body[0].col_offset, each.body)
            found.setdefault(f"{node.name}.{each.name}", []).append(said)
        else:
            shell.append(each)
    return found


def _emptied(definition: Any) -> ast.AST:  # one of DEFINITIONS
    return type(definition)(**{**dict(ast.iter_fields(definition)), "body": []})  # type: ignore[no-any-return]  # as the line above says


# Uses


@attrs.define(eq=False)
class _Reader:
    """
    Collects the names that a statement reads, each with the method it stands in, if any.

    Names of parameters and locals are taken for the module's of the same name, which asks too much at most.
    """

    is_future: bool
    read: list[tuple[str, Ref]] = attrs.field(factory=list)
    inner: dict[str, list[Taken]] = attrs.field(factory=dict)
    is_filling: bool = False

    def found(self) -> Iterator[tuple[str, Ref]]:
        for owner, ref in self.read:
            yield owner, ref
            yield from ((owner, attrs.evolve(ref, taken=taken)) for taken in self.inner.get(ref.path[0], ()))

    def visit_statement(self, node: ast.AST, owner: str, *, is_top: bool = True) -> None:
        """Read a statement that runs when the module does."""
        if isinstance(node, _FUNCTIONS):
            self._function(node, owner)
        elif isinstance(node, ast.ClassDef):
            self._class(node, owner, is_top=is_top)
        elif isinstance(node, ast.If) and _is_left_out(node.test):
            for each in node.orelse:
                self.visit_statement(each, owner, is_top=False)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            self._assignment(node, owner)
        elif isinstance(node, ast.AugAssign):
            self._filling(_loaded(node.target), Use.USED, owner)
            self._expression(node.value, Use.USED, owner)
        elif isinstance(node, ast.Expr):
            self._filling(node.value, Use.STORED, owner)  # and thrown away
        elif isinstance(node, IMPORTS):
            if owner:
                self._import(node)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                    self.visit_statement(child, owner, is_top=False)
                else:
                    self._expression(child, Use.USED, owner)

    def _assignment(self, node: Any, owner: str) -> None:  # an Assign or AnnAssign
        for target in _targets(node):
            self._filling(target, Use.USED, owner)
        if node.value is not None:
            self._expression(node.value, Use.STORED, owner)
        if isinstance(node, ast.AnnAssign) and not self.is_future:
            self._expression(node.annotation, Use.STORED, owner)

    def _class(self, node: ast.ClassDef, owner: str, *, is_top: bool) -> None:
        use = _use_of_bases(node)
        own = node.name if is_top else owner
        for base in node.bases:
            self._filling(base, use, own)
        for each in (*node.keywords, *node.decorator_list):
            self._filling(each, Use.USED, own)
        for each in node.body:
            is_method = is_top and isinstance(each, _FUNCTIONS)
            if is_method:
                self._function(each, own, f"{own}.{each.name}")  # type: ignore[attr-defined]  # by the line above
            else:
                self.visit_statement(each, own, is_top=False)

    def _function(self, node: Any, owner: str, body_owner: str | None = None) -> None:  # one of _FUNCTIONS
        for each in node.decorator_list:
            self._filling(each, Use.USED, owner)
        self._arguments(node.args, owner)
        if node.returns is not None and not self.is_future:
            self._expression(node.returns, Use.STORED, owner)
        for each in node.body:
            self._later(each, owner if body_owner is None else body_owner)

    def _arguments(self, args: ast.arguments, owner: str) -> None:
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self._expression(default, Use.STORED, owner)
        if not self.is_future:
            for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
                if each is not None and each.annotation is not None:
                    self._expression(each.annotation, Use.STORED, owner)

    def _import(self, node: ast.AST) -> None:
        for name, taken in taken_by(node):
            self.inner.setdefault(name, []).append(taken)

    def _later(self, node: ast.AST, owner: str) -> None:
        """Read what runs when a function is called."""
        queue = [node]
        for each in queue:  # it grows while it is walked
            filled = _filled(each)
            if filled is not None and (path := _path(filled)):
                self._note(path, Use.LATER, owner, is_filling=True)
                queue.extend(child for child in _children(each) if child is not filled)
                continue
            if isinstance(each, (ast.Attribute, ast.Name)):
                path = _path(each)
                if path:
                    self._note(path, Use.LATER, owner)
                    continue
            elif isinstance(each, _WITH_GLOBALS) and (name := _spelled(each)):
                self._note((name,), Use.LATER, owner)
                queue.extend(_beside_globals(each))
                continue
            elif isinstance(each, IMPORTS):
                self._import(each)
            queue.extend(_children(each))

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
        elif isinstance(node, (ast.Attribute, ast.Name)):
            path = _path(node)
            if path:
                self._note(path, use, owner)
            elif isinstance(node, ast.Attribute):
                self._expression(node.value, Use.USED, owner)
        elif isinstance(node, ast.Lambda):
            self._arguments(node.args, owner)
            if use is Use.USED:  # whoever gets it may call it at once
                self._expression(node.body, Use.USED, owner)
            else:
                self._later(node.body, owner)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for each in node.elts:
                self._expression(each, use, owner)
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if key is not None:
                    self._expression(key, Use.USED, owner)
            for key, value in zip(node.keys, node.values, strict=True):
                self._expression(value, use if key is not None else Use.USED, owner)
        elif isinstance(node, ast.Call):
            is_kept = use is Use.STORED and _path(node.func)
            self._expression(node.func, Use.MADE if is_kept else Use.USED, owner)
            self.is_filling = False
            is_storing = use is Use.STORED and _last(node.func) in _STORING
            for each in (*node.args, *(keyword.value for keyword in node.keywords)):
                self._expression(each, Use.STORED if is_storing else Use.USED, owner)
        else:
            for child in ast.iter_child_nodes(node):
                self._expression(child, Use.USED, owner)

    def _note(self, path: tuple[str, ...], use: Use, owner: str, *, is_filling: bool = False) -> None:
        if path[0] in REACHING_ANY:
            path = (ANY,)
        self.read.append((owner, Ref(path, use, is_filling=is_filling or self.is_filling)))


# Class decorators that look at names and annotations, and at which attributes there are.
_LOOKING: Final = frozenset({"dataclass", "runtime_checkable", "total_ordering", "final", "unique"})


# What keeps its arguments and does nothing else with them.
_STORING: Final = frozenset({"partial", "partialmethod", "staticmethod", "classmethod", "property", "cached_property"})


_FILLING: Final = frozenset({"append", "appendleft", "add", "insert", "extend", "setdefault", "update"})


def _filled(node: Any) -> Any:  # nodes
    """What a node puts something into, with the name of the method."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return node.value
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node.func if is_call and node.func.attr in _FILLING else None


def _use_of_bases(node: ast.ClassDef) -> Use:
    """What a class statement does with its bases: whoever gets the class may call all that it inherits."""
    if node.keywords:
        return Use.USED
    targets = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    if not all(_last(each) in _LOOKING for each in targets):
        return Use.USED
    return Use.SHAPED if targets else Use.BASE


def _path(node: ast.AST) -> tuple[str, ...]:
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
    return "".join(_path(node)[-1:])


def _children(node: ast.AST) -> list[ast.AST]:
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
    return isinstance(node, ast.Call) and _path(node.func) in (("globals",), ("vars",), ("locals",)) and not node.args


def _beside_globals(node: ast.AST) -> list[ast.AST]:
    """What else an expression about a name of ``globals()`` asks for."""
    return list(node.args[1:]) if isinstance(node, ast.Call) else []
