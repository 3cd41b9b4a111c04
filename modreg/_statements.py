"""The code of a module: one code object for each statement at its top level, so that only what changed is compiled."""

from __future__ import annotations
import __future__

import ast
import builtins
import dis
import functools
import operator
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, MappingProxyType
from typing import Any, Final

import attrs

from modreg import _scan, _source, _uses
from modreg._scan import Import
from modreg._source import Source

_MAYBE_START: Final = re.compile(r"\n(?=[^\s#)\]}])(?!(?:else|elif|except|finally)\b)")
"""Where a line begins that can be the first of a statement: not indented, nor the rest of another."""

_MAYBE_STRING: Final = re.compile(r"[rRuU]?[\"']|\(")
"""The start of a statement that the compiler would take for a docstring, were it the first of a module."""

_MAYBE_METHOD: Final = re.compile(r"(?<![\w.])([^\W\d]\w*)\s*\.")
"""A name before a dot."""

_OVER_LINES: Final = ('"""', "'''")

_BEFORE_FIRST: Final = (*" \t\f\n#",)
"""How a source begins that does not begin with a statement."""

_GLOBAL: Final = re.compile(r"\bglobal\b")

_DEFINITIONS: Final = ("def ", "class ", "async def ", "@")
"""How a statement begins inside which ``global`` is a definition's own matter."""

_SMALL: Final = 4096
"""Bytes of a source that is divided in no time."""

_ATTEMPTS: Final = 100
"""Chunks that are no statements by themselves, after which a source is compiled as a whole."""

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

_FUTURES: Final = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)
_IMPORTS: Final = frozenset({dis.opmap["IMPORT_NAME"], dis.opmap["IMPORT_FROM"]})
_STORES: Final = frozenset({dis.opmap["STORE_NAME"], dis.opmap["STORE_GLOBAL"]})
_EXTENDED_ARG: Final = dis.opmap["EXTENDED_ARG"]

_OF_MODULE: Final = frozenset({"__annotate__", "__conditional_annotations__", "super"})
"""
Names by which statements depend on each other when they are compiled.

From 3.14 on one function evaluates all annotations of a module.  A ``super`` that the module itself knows is not
the built-in one, so nothing can be taken for granted of it.
"""

# From 3.13 on the body of a class has its line among its instructions.
_IS_LINE_IN_CLASS: Final = "__firstlineno__" in compile("class C: pass", "", "exec").co_consts[0].co_names


@attrs.define(eq=False)
class Statement:
    """
    A statement at the top level, or several that cannot be told apart by lines.

    Attributes:
        text: Its lines, with those up to the next one.
        line: The first of them, counted from 1.
        code: What it does, as code of a module.
        asked: The names whose attributes it asks for.
        foreign: Those of them that the module imports: the compiler makes no methods' calls of theirs.
    """

    text: str
    line: int
    code: CodeType
    asked: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    _used: tuple[_uses.Statement, ...] | None = None

    def uses(self, *, is_future: bool) -> tuple[_uses.Statement, ...]:
        """As :func:`modreg._uses.statements`."""
        if self._used is None:
            is_one = _MAYBE_START.search(self.text) is None
            found = _uses.definition(self.text.rstrip("\n"), is_future=is_future) if is_one else None
            self._used = _uses.statements(self.text, is_future=is_future) if found is None else (found,)
        return self._used

    @functools.cached_property
    def bound(self) -> frozenset[str]:
        """As :func:`modreg._scan.bound_names`."""
        return _scan.bound_names(self.code)

    @functools.cached_property
    def imported(self) -> frozenset[str]:
        """The names that its import statements bind."""
        return frozenset(_imported(self.code))

    @functools.cached_property
    def is_setting_attributes(self) -> bool:
        """As :func:`modreg._scan.is_setting_attributes`."""
        return _scan.is_setting_attributes(self.code)

    @functools.cached_property
    def imports(self) -> tuple[Import, ...]:
        """As :func:`modreg._scan.imports`."""
        return _scan.imports(self.code)

    def moved(self, line: int) -> Statement:
        """The same on another line."""
        moved = Statement(self.text, line, _moved(self.code, line - self.line), self.asked, self.foreign, self._used)
        moved.bound, moved.imported = self.bound, self.imported
        moved.is_setting_attributes = self.is_setting_attributes
        return moved


@attrs.define(eq=False)
class Body:
    """
    What executing a module executes.

    Statement by statement it does what the code of the whole source does.  Who looks closely can tell them
    apart: equal constants of different statements need not be one object, the ``<module>`` frames of a
    statement that moved begin at another line, and a tracer sees one such frame for each statement.

    Attributes:
        statements: In their order; a single one where the source cannot be taken apart.
        path: The file that positions are told in.
        flags: The features of the future that the source asks for, as flags of `compile`.
        imported: The names that import statements bind.
        has_annotations: Whether there has to be a dict for annotations before the first statement runs.
        broken: Texts that proved to be no statements by themselves.
        tried: The statements of the last source that was compiled after it, whatever came of that.
    """

    statements: tuple[Statement, ...]
    path: str = ""
    flags: int = 0
    imported: frozenset[str] = frozenset()
    has_annotations: bool = False
    broken: frozenset[str] = frozenset()
    tried: tuple[Statement, ...] = ()

    @classmethod
    def of_code(cls, code: CodeType) -> Body:
        """The body that one code object is."""
        return cls((Statement("", 1, code),))

    @classmethod
    def of(cls, source: Source, before: Body | None = None) -> Body:
        """
        Compile a source; of statements that *before* has too, or had in an attempt, only the positions are set.

        Raises:
            As :func:`modreg._source.compile_source`.
        """
        is_of_file = before is not None and before.path == source.path
        splitter = _Splitter(source.path, before if is_of_file else None)
        try:
            return splitter.split(_source.decode(source.data))
        except (_UndividedError, SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            splitter.raise_mistake(source)
            # Whatever else is wrong with it, the whole tells it as it should be told.
            return cls.of_code(_source.compile_source(source))
        finally:
            splitter.leave()

    def execute(self, namespace: dict[str, object], submodules: Mapping[str, object] = _NOTHING) -> None:
        """
        Run every statement in a module's namespace.

        *submodules*, by the names of features of the future, stay where one that asks for a feature covers them.
        """
        if self.has_annotations and "__annotations__" not in namespace:
            namespace["__annotations__"] = {}
        for statement in self.statements:
            exec(statement.code, namespace)  # noqa: S102  # executing modules is what this is for
            if submodules:
                namespace.update({n: x for n, x in submodules.items() if namespace.get(n) is getattr(__future__, n)})

    def is_same(self, other: Body) -> bool:
        """Whether both do the same, statement by statement, as :func:`modreg._source.is_same_code`."""
        codes = [(each.code for each in body.statements) for body in (self, other)]
        return len(self.statements) == len(other.statements) and all(map(_source.is_same_code, *codes))

    @property
    def all_imported(self) -> frozenset[str]:
        """The names that import statements bind, also of a body that was not taken apart."""
        return self.imported if self.path else frozenset().union(*[each.imported for each in self.statements])

    @functools.cached_property
    def bound(self) -> frozenset[str]:
        """Every name that the module can bind, as :func:`modreg._scan.bound_names`."""
        return frozenset().union(*[each.bound for each in self.statements])

    @functools.cached_property
    def bound_once(self) -> frozenset[str]:
        """The names that one of its instructions binds, and no other one binds or deletes."""
        counts = Counter(name for each in self.statements for name in _scan.bindings(each.code))
        return frozenset(name for name, count in counts.items() if count == 1)

    @property
    def covered(self) -> frozenset[str]:
        """The names of built-ins that it binds and may read before, when they still stand for these."""
        return self.reads(self.bound & _BUILT_IN)

    def reads(self, names: frozenset[str]) -> frozenset[str]:
        """Which of some names its execution may read before it binds them."""
        found: frozenset[str] = frozenset()
        for each in self.statements if names else ():
            found |= _scan.read_first(each.code, names)
            names -= each.bound
        return found

    def to_come(self, line: int, lasti: int = -1) -> frozenset[str]:
        """The names that no statement has bound by itself when it is at a line; a star import may have brought them."""
        found = [_scan.bound_by(each.code, line, lasti) for each in self.statements if each.line <= line]
        return frozenset() if None in found else self.bound.difference(*filter(None, found))

    def uses(self) -> tuple[_uses.Statement, ...] | None:
        """What the statements define and use; `None` of a body that was not taken apart."""
        if not self.path:
            return None
        is_future = bool(self.flags & __future__.annotations.compiler_flag)
        return tuple([used for each in self.statements for used in each.uses(is_future=is_future)])

    @functools.cached_property
    def is_setting_attributes(self) -> bool:
        """As :func:`modreg._scan.is_setting_attributes`."""
        return any(each.is_setting_attributes for each in self.statements)

    @property
    def codes(self) -> list[CodeType]:
        """The code of the functions and classes that stand directly in the module."""
        return [each for one in self.statements for each in one.code.co_consts if type(each) is CodeType]

    @functools.cached_property
    def imports(self) -> tuple[Import, ...]:
        """The import statements, in the order of their lines."""
        return tuple([found for each in self.statements for found in each.imports])

    def string_constant(self, name: str) -> str | None:
        """As :func:`modreg._scan.string_constant`."""
        codes = [each.code for each in reversed(self.statements) if name in each.code.co_names]
        return next((found for each in codes if (found := _scan.string_constant(each, name)) is not None), None)


EMPTY: Final = Body.of_code(compile("", "", "exec"))
"""What a package without a source executes."""


_BUILT_IN: Final = frozenset(name for name in vars(builtins) if not name.startswith("_"))


def is_near(one: Source, other: Source) -> bool:
    """
    Whether most of *other* stands in *one* too, statement by statement: to divide both saves compiling it again.

    To divide a source takes three times as long as to compile it as a whole.
    """
    if len(other.data) < _SMALL:
        return True
    try:
        before, after = (list(_chunks(_source.decode(each.data))) for each in (one, other))
    except (SyntaxError, ValueError):
        return True
    known = set(before)
    return 2 * sum(len(each) for each in after if each in known) > sum(map(len, after))


def _chunks(text: str) -> Iterator[str]:
    """A source, divided wherever a statement may begin."""
    start = 0
    for end in (*[match.end() for match in _MAYBE_START.finditer(text)], len(text)):
        yield text[start:end]
        start = end


class _UndividedError(Exception):
    """A source whose statements depend on each other before they are run."""


@attrs.define(eq=False)
class _Splitter:
    """
    Takes one source apart.

    A text that begins where a statement does, ends with a line and compiles by itself is a statement, unless
    what follows begins with ``else`` or its like: inside a string, in brackets or on a continued line it would
    not compile.  So nobody need know what is in it.
    """

    path: str
    before: Body | None
    flags: int = 0
    imported: frozenset[str] = frozenset()
    attempts: int = 0
    broken: set[str] = attrs.field(factory=set)
    found: list[Statement] = attrs.field(factory=list)
    text: str = ""
    rest: str = ""
    line: int = 1

    def split(self, text: str) -> Body:
        """
        Make the body of a source.

        Raises:
            _UndividedError: It has to be compiled as a whole.
            SyntaxError, ValueError, RecursionError, MemoryError, OverflowError: So it has to, and will not compile.
        """
        self.text, found, known = text, self.found, dict[str, Statement]()
        start, line = 0, 1
        for end in self._ends(text):
            chunk = text[start:end]
            done = known.get(chunk)
            if done is None or done.line != line:
                done = self._statement(chunk, line, done) if found else self._first(chunk, known)
            if done is not None:
                found.append(done)
                self.imported |= done.imported  # most of what the rest has to be compiled with in mind
                line += chunk.count("\n")
                start = end
        if start < len(text) or not found:
            self.rest, self.line = text[start:], line
            raise _UndividedError
        self._settle(found)
        has_annotations = any("__annotations__" in each.bound for each in found)
        if has_annotations and "__annotations__" in text:
            raise _UndividedError  # it may see them before the first of its statements makes them
        # Of those met before, the ones that may be met again: an edit of any of them makes another.
        broken = frozenset(each for each in self.broken if each in text)
        return Body(tuple(found), self.path, self.flags, self.imported, has_annotations, broken)

    def raise_mistake(self, source: Source) -> None:
        """
        Raise the mistake in what is left behind the last statement, if there is one.

        Complete statements stand before it, so that of the whole the same would be told, only later.  It would not
        where ``global`` has to do with those, nor are columns counted alike where a cookie names the encoding.
        """
        if self.found and self.rest and _source.is_in_utf8(source.data) and not _GLOBAL.search(self.rest):
            rest = b"\n" * (self.line - 1) + self.rest.encode()
            with suppress(ValueError, RecursionError, MemoryError, OverflowError):
                compile(rest, self.path, "exec", self.flags, dont_inherit=True)

    def leave(self) -> None:
        """Leave what was found out with the body before, for the next attempt."""
        if self.before is not None and self.before.flags == self.flags:
            self.before.tried = tuple(self.found)
            self.before.broken = frozenset(each for each in self.broken if each in self.text)

    def _ends(self, text: str) -> Iterator[int]:
        """Where the first statement can end, and then all others."""
        head = text.rfind("__future__")  # up to here all is one statement, for its order matters
        start = 0
        for chunk in _chunks(text):
            is_comment = not start and text[:1] in _BEFORE_FIRST
            start += len(chunk)
            if start > head and not is_comment and not chunk.startswith("@"):
                yield start

    def _first(self, text: str, known: dict[str, Statement]) -> Statement | None:
        """The statement that may be a docstring or ask for features; with it it is clear what of before can be used."""
        before = self.before.statements if self.before is not None else ()
        done = before[0] if before and before[0].text == text else self._made(text, 1)
        if done is not None:
            self.flags = done.code.co_flags & _FUTURES
            if self.before is not None and self.before.flags == self.flags:
                self.imported = self.before.imported
                known.update((each.text, each) for each in (*self.before.tried[1:], *before[1:]))
                self.broken.update(self.before.broken)
        return done

    def _statement(self, text: str, line: int, done: Statement | None) -> Statement | None:
        """A statement that is new, or that stood on another line; `None` for what is none."""
        if done is None or (_IS_LINE_IN_CLASS and "class" in text):
            return self._made(text, line)
        return done.moved(line)

    def _made(self, text: str, line: int) -> Statement | None:
        """Compile a statement; `None` for what is none."""
        if text in self.broken or any(text.count(quotes) % 2 for quotes in _OVER_LINES):
            return None
        asked = frozenset(_MAYBE_METHOD.findall(text))
        foreign = asked & self.imported
        try:
            code = self._compiled(text, line, foreign)
        except SyntaxError:
            self.attempts += 1
            if self.attempts > _ATTEMPTS:
                raise
            self.broken.add(text)
            return None
        is_definition = text.startswith(_DEFINITIONS)
        if (not is_definition and _GLOBAL.search(text)) or not _OF_MODULE.isdisjoint(code.co_names):
            raise _UndividedError  # it means something to the statements around it
        return Statement(text, line, code, asked, foreign)

    def _settle(self, found: list[Statement]) -> None:
        """Compile anew what was compiled with other imports in mind than the module has."""
        self.imported = frozenset().union(*[each.imported for each in found])
        for at, each in enumerate(found):
            if each.asked & self.imported != each.foreign:
                found[at] = self._made(each.text, each.line) or each

    def _compiled(self, text: str, line: int, foreign: Iterable[str]) -> CodeType:
        compiled: Any = functools.partial(compile, filename=self.path, mode="exec", dont_inherit=True)  # a tree or code
        is_string = line > 1 and _MAYBE_STRING.match(text)
        padded = "\n" * (line - 1) + text
        if not is_string and not foreign:
            code: CodeType = compiled(padded, flags=self.flags)
            return code
        tree = compiled(padded, flags=self.flags | ast.PyCF_ONLY_AST)
        if is_string:
            _disarm(tree.body[0])
        head = sum(map(_is_head, tree.body)) if line == 1 else 0
        if foreign and head < len(tree.body):
            tree.body.insert(head, _import_of(foreign, tree.body[head]))
        again: CodeType = compiled(tree, flags=self.flags)
        return again


def _is_head(statement: ast.stmt) -> bool:
    """Whether a statement can only stand before the others: a docstring, or features of the future."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _disarm(statement: ast.stmt) -> None:
    """A string as the first statement would be a docstring; another constant does nothing either."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        statement.value.value = None


def _import_of(names: Iterable[str], before: Any) -> ast.stmt:  # any statement
    """An import that is never executed, for the compiler to know the names by, where the next statement begins."""
    first = min([before, *getattr(before, "decorator_list", ())], key=lambda node: node.lineno)
    never = ast.If(ast.Constant(0), [ast.Import([ast.alias(name) for name in sorted(names)])], [])
    return ast.fix_missing_locations(ast.copy_location(never, first))


def _moved(code: CodeType, lines: int) -> CodeType:
    """The same code so many lines further down: positions are counted from the first line."""
    inside = [_moved(each, lines) if type(each) is CodeType else each for each in code.co_consts]
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=tuple(inside))


def _imported(code: CodeType) -> Iterator[str]:
    """The names that import statements bind: what is stored first after one or after a clause of it."""
    raw = code.co_code
    if _IMPORTS.isdisjoint(raw[::2]):
        return
    argument, is_import = 0, False
    for operation, low in zip(raw[::2], raw[1::2], strict=True):
        argument = argument << 8 | low
        if operation == _EXTENDED_ARG:
            continue
        if is_import and operation in _STORES:
            yield code.co_names[argument]
        is_import = operation in _IMPORTS or (is_import and operation not in _STORES)
        argument = 0
