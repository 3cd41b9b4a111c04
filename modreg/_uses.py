"""What each statement of a module defines, and which names it uses for that, read from the syntax tree."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from modreg._formulas import Formula
from modreg._refs import (
    ANY,
    DEFINITIONS,
    FUNCTIONS,
    IMPORTS,
    REACHING_ANY,
    Reader,
    Ref,
    Taken,
    Use,
    children,
    is_left_out,
    path_of,
    taken_by,
    targets,
)

CODE: Final = ".__code__"
"""Behind the name of a function: its body."""

ANNOTATIONS: Final = "__annotations__"
"""As a part of a definition: what those come to who ask what it is annotated with."""

_ANNOTATIONS_WAIT: Final = sys.version_info >= (3, 14)


@attrs.define(eq=False, slots=False)
class Statement:
    """
    One top-level statement.

    A class is one definition for itself (its bases, its values, what its methods are called and take) and one
    for the body of each method, named ``Class.method``; a function is one for what it shows, and one for its body,
    named ``function.__code__``.

    Attributes:
        text: The lines that it stands on, which it may share with others.
        place: Which of these it is.
        is_future: Whether annotations are not evaluated when it runs.
        names: The names that it binds, or whose objects it may change (``table["x"] = 1``, ``names.append(x)``).
        bound: The names that it binds.
        taken: The names that its imports bind when it runs, and what to.
        is_definition: Whether it defines a function or a class.
        is_compound: Whether there are statements in it.
    """

    text: str
    place: int
    is_future: bool
    names: frozenset[str]
    bound: frozenset[str]
    taken: tuple[tuple[str, Taken], ...]
    is_definition: bool
    is_compound: bool

    @classmethod
    def of(cls, node: ast.stmt, text: str, place: int, *, is_future: bool) -> Statement:
        """Read what is always asked; the tree itself is large, and made again for the rest."""
        nodes = list(_at_once(node))
        imports = [each for each in nodes if isinstance(each, IMPORTS)]
        taken = tuple(each for found in imports for each in taken_by(found))
        names, bound = frozenset(made(node, nodes)), frozenset(_bound(node, nodes))
        return cls(
            text=text,
            place=place,
            is_future=is_future,
            names=names,
            bound=names if names == bound else bound,  # there are many
            taken=taken,
            is_definition=isinstance(node, DEFINITIONS),
            is_compound=hasattr(node, "body"),
        )

    @functools.cached_property
    def is_reaching_any(self) -> bool:
        """Whether it may use names that it does not spell."""
        return any(word in self.text for word in _ASKING_ANY)

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
        if isinstance(node, FUNCTIONS):
            head = [_emptied(node), *_shown(node)]
            return {node.name: [_Said(None, 0, head)], node.name + CODE: [_done(node, self.text.split("\n"), first)]}
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

    @property
    def given(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The names that its assignments give to what dotted names stand for."""
        if self.is_definition or "=" not in self.text or "." not in self.text:
            return ()
        nodes = [each for each in _at_once(self.node) if isinstance(each, (ast.Assign, ast.AnnAssign))]
        pairs = ((target, path_of(each.value)) for each in nodes if each.value for target in targets(each))
        return tuple((target.id, path) for target, path in pairs if isinstance(target, ast.Name) and len(path) > 1)

    def called(self, name: str) -> list[tuple[str, ...]]:
        """The dotted names of what the assignments to a name call for its value; nothing for one that does not."""
        nodes = [each for each in _at_once(self.node) if isinstance(each, (ast.Assign, ast.AnnAssign))]
        values = [each.value for each in nodes if any(name in _names(target) for target in targets(each))]
        return [path_of(value.func) if isinstance(value, ast.Call) else () for value in values]

    def is_about(self, name: str) -> bool:
        """Whether it binds a name, or uses what that stands for, now or when it is called."""
        every = (ref for refs in self.refs.values() for ref in refs)
        return name in self.bound or any(ref.path[0] == name for ref in every)

    def is_giving(self, name: str) -> bool:
        """Whether it gives a name another object in any case, and does not ask for the one that it stood for."""
        if name not in self.bound or any(ref.path[0] in (name, ANY) for ref in self.refs[""]):
            return False
        node = self.node
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            return node.value is not None and any(getattr(each, "id", "") == name for each in targets(node))
        return isinstance(node, (*DEFINITIONS, *IMPORTS))

    @functools.cached_property
    def formula(self) -> Formula | None:
        """What it is if it does no more than to work out a value."""
        return None if self.is_definition or self.is_compound else Formula.of(self.node)

    @functools.cached_property
    def refs(self) -> dict[str, tuple[Ref, ...]]:
        """By definition all that it uses, now or when it is called; ``""`` has what the statement uses now."""
        reader = Reader(self.is_future)
        reader.visit_statement(self.node, "")
        found: dict[str, dict[Ref, None]] = {"": {}}
        for owner, ref in reader.found():
            if ref.use > Use.NAMED:
                found[""][ref] = None
            if ref.use in (Use.STORED, Use.SUBSCRIPTED) and not ref.is_held:
                continue
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


# Of a call without arguments, and of a module that gets itself by its name, they do not spell what they give either.
_ASKING_ANY: Final = REACHING_ANY | {"vars()", "locals()", "dir()", "modules[__name__]"}


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
    is_other = _is_any_future(old) != _is_any_future(new)  # then annotations that are written alike say something else
    if is_other:
        touched = frozenset().union(*[each.names for each in (*old, *new)])
    before, after = _by_name(old, touched), _by_name(new, touched)
    for name in {**before, **after}:
        mine, theirs = before.get(name, ()), after.get(name, ())
        if is_other or len(mine) != len(theirs) or not all(map(_is_written_alike, mine, theirs)):
            one, other = _said(mine, name), _said(theirs, name)
            every = {**one, **other}
            same = {e for e in every if _is_said(e, one, other) and not (is_other and any(map(_is_annotated, one[e])))}
            found.update({each: (each in one, each in other) for each in every if each not in same})
    return found


def _is_any_future(statements: Iterable[Statement]) -> bool:
    """Whether a module asks for annotations as the future has them."""
    return any(taken == _FUTURE for each in statements for _, taken in each.taken)


def _is_annotated(said: _Said) -> bool:
    """Whether there are annotations in what is said."""
    every = (each for node in said.nodes for each in ast.walk(node))
    return any(getattr(each, "annotation", None) or getattr(each, "returns", None) for each in every)


_FUTURE: Final = Taken("__future__", 0, "annotations")


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


def given_by(statements: Iterable[Statement], name: str) -> set[str]:
    """The names by which statements may give away what has a name there."""
    about = [each for each in statements if name and name in each.text]
    return {other for given, _, by in _giving(about, ()) if given == name for other in by - {name}}


def _giving(statements: Collection[Statement], other: Iterable[Statement]) -> Iterator[tuple[str, str, set[str]]]:
    """Names that statements may give away, of which the other module has none that are written alike."""
    known = {each.text for each in other}
    own = frozenset().union(*(each.bound for each in statements if not each.taken))
    for node in (each.node for each in statements if each.text not in known):
        if isinstance(node, DEFINITIONS):
            parts = [*node.decorator_list, *getattr(node, "bases", ()), *getattr(node, "keywords", ())]
            by = set().union(*map(_names, parts))
            yield from ((node.name, ast.dump(each), by) for each in parts)
        elif not (isinstance(node, IMPORTS) or _is_display(node)):
            names, text = _names(node), ast.dump(node)
            yield from ((name, text, names) for name in names - (_only_called(node) - own))


def _only_called(node: ast.stmt) -> set[str]:
    """The names of which a statement does no more than to call what they stand for: that does not give it away."""
    called = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    return {each.id for each in names} - {each.id for each in names if id(each) not in called}


def _is_display(node: ast.stmt) -> bool:
    """Whether a statement does nothing but give names to objects that it names, or to displays of such."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    is_plain = all(isinstance(each, ast.Name) for each in targets(node))
    return is_plain and all(isinstance(each, _IN_DISPLAYS) for each in ast.walk(node.value))


_IN_DISPLAYS: Final = (ast.Name, ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.expr_context)


def _touched(old: tuple[Statement, ...], new: tuple[Statement, ...]) -> frozenset[str]:
    """The names that a statement binds between the first and the last that are not written alike."""
    shorter = min(len(old), len(new))
    start = next((n for n, pair in enumerate(zip(old, new, strict=False)) if not _is_written_alike(*pair)), shorter)
    rest = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    same = next((n for n, pair in enumerate(rest) if not _is_written_alike(*pair)), shorter - start)
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
        imports = [each for each in tree.body if isinstance(each, IMPORTS)]
        is_future = any(taken == _FUTURE for each in imports for _, taken in taken_by(each))
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
    names = frozenset({found[1]})
    return Statement(
        text=text,
        place=0,
        is_future=is_future or _ANNOTATIONS_WAIT,
        names=names,
        bound=names,
        taken=(),
        is_definition=True,
        is_compound=True,
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
        first = _first_line(node)
        last = node.end_lineno or first
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1]), [*found[-1][2], node]
        else:
            found.append((first, last, [node]))
    return found


def _first_line(node: ast.stmt) -> int:
    """The line where a statement begins, with its decorators."""
    found: list[ast.stmt | ast.expr] = [node, *getattr(node, "decorator_list", ())]
    return min(each.lineno for each in found)


# Definitions


def made(statement: ast.stmt, nodes: Sequence[Any] = ()) -> set[str]:  # nodes, asked for what their kind has
    """The names that a top-level statement binds, or whose objects it may change; *nodes* run when it does."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    nodes = nodes or [*_at_once(statement)]
    found = _bound(statement, nodes)
    for node in nodes:
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            found.update(_names(node.value))
        elif isinstance(node, (ast.Expr, ast.AugAssign)):
            found.update(_names(node))
    return found


def _bound(statement: ast.stmt, nodes: Iterable[Any]) -> set[str]:  # as above
    """The names that a statement binds."""
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
    return found


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _written(node: Any) -> tuple[str, ...]:  # any node
    """What a node sets as an attribute, be it by `setattr`; nothing if it does not."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        owner = path_of(node.value)
        return (*owner, node.attr) if owner else ()
    is_call = isinstance(node, ast.Call) and path_of(node.func) in (("setattr",), ("delattr",)) and len(node.args) > 1
    if is_call and isinstance(node.args[1], ast.Constant) and (owner := path_of(node.args[0])):
        return *owner, str(node.args[1].value)
    return ()


def _at_once(statement: ast.stmt) -> Iterator[Any]:  # nodes, asked for what their kind has
    """The nodes of a statement that run when it does, but for constants and what no import runs."""
    queue: list[ast.AST] = [statement]
    for node in queue:
        yield node
        if isinstance(node, ast.If) and is_left_out(node.test):
            queue.extend(node.orelse)
        elif not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            queue.extend(children(node))


def _said_by_class(node: ast.ClassDef, lines: list[str], first: int) -> dict[str, list[_Said]]:
    """
    The class without what its methods do, and what they do; *first* is the number of the first line.

    What it is derived from is said of its ``__class_getitem__`` besides, for by that it has its type parameters.
    """
    shell: list[ast.AST] = [_emptied(node)]
    head = [*node.bases, *node.keywords, *getattr(node, "type_params", ())]
    found = {node.name: [_Said(None, 0, shell)]}
    if head:
        found[f"{node.name}.__class_getitem__"] = [_Said(None, 0, head)]
    for each in node.body:
        if isinstance(each, FUNCTIONS):
            shell.append(_emptied(each))
            found.setdefault(f"{node.name}.{each.name}", []).append(_done(each, lines, first))
        else:
            shell.append(each)
    return found


def _done(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str], first: int) -> _Said:
    """The body of a function; *first* is the number of the first line."""
    text = "\n".join(lines[_first_line(node.body[0]) - first : (node.end_lineno or first) - first + 1])
    return _Said(text, node.body[0].col_offset, node.body)


def _shown(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    """What a function shows of its body: its docstring, and whether it is a generator."""
    own = (each for statement in node.body for each in _at_once(statement))
    is_generator = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in own)
    return [ast.Constant(ast.get_docstring(node, clean=False)), ast.Constant(is_generator)]


def _emptied(definition: Any) -> ast.AST:  # one of DEFINITIONS
    return type(definition)(**{**dict(ast.iter_fields(definition)), "body": []})  # type: ignore[no-any-return]  # as the line above says
