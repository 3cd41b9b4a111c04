"""
What a code object says of imports and names, read from its bytecode, without parsing.

An instruction is two bytes, the operation and the low byte of its argument; ``EXTENDED_ARG`` instructions
before it carry the higher ones. ``co_code`` shows instructions as the compiler wrote them, whatever the
interpreter or a tracer has made of them since, with zeros (``CACHE``) for its inline caches.
"""

from __future__ import annotations

import dis
import importlib.util
import inspect
import itertools
import re
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_SETUP_ANNOTATIONS = dis.opmap["SETUP_ANNOTATIONS"]
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
_STORE_NAME = dis.opmap["STORE_NAME"]
_NAMED = (_STORE_NAME, dis.opmap["DELETE_NAME"])
_GLOBAL = (_STORE_GLOBAL, dis.opmap["DELETE_GLOBAL"])
_CACHE = dis.opmap["CACHE"]
_LOAD_ATTR = dis.opmap["LOAD_ATTR"]
_LOAD_NAME = dis.opmap["LOAD_NAME"]
_STORE_ATTRS = frozenset({dis.opmap["STORE_ATTR"], dis.opmap["DELETE_ATTR"]})
_SETTING = frozenset({"setattr", "delattr"})
_BINDING_ANY = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "__dict__", "modules"})
_COPY = bytes([dis.opmap["COPY"], 1])

# Numbers above 255 are for the compiler's use.
_JUMPS = [each for each in dis.hasjrel if each < 256]
_JUMPS_BACK = [each for each in _JUMPS if "BACKWARD" in dis.opname[each]]
_GOTOS = [each for each in _JUMPS if dis.opname[each].startswith("JUMP_") and "_IF_" not in dis.opname[each]]
_TESTS = [each for each in _JUMPS if dis.opname[each] in ("POP_JUMP_IF_FALSE", "POP_JUMP_FORWARD_IF_FALSE")]
_RAISES = [dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"]]
_RETURNS = [dis.opmap[name] for name in ("RETURN_VALUE", "RETURN_CONST") if name in dis.opmap]

# Both are new in 3.14. No instruction has the number -1.
_LOAD_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT", -1)
_LOAD_COMMON_CONSTANT = dis.opmap.get("LOAD_COMMON_CONSTANT", -1)

# Made between a test and its jump since 3.13.
_TO_BOOL = dis.opmap.get("TO_BOOL", -1)

# Since 3.12 the lowest bit tells a method from an attribute.
_ATTR_SHIFT = 1 if sys.version_info >= (3, 12) else 0

# PEP 810 put two flags below the name's index: must be lazy, and must not.
_IMPORT_SHIFT = 2 if sys.version_info >= (3, 15) else 0

# Functions that the compiler makes of a part of a statement, and that run where they stand.
_INLINE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<generic parameters of ")


@attrs.frozen(kw_only=True)
class Import:
    """
    One import statement, or one clause of ``import a, b``, as written.

    Attributes:
        module: The module named, without leading dots; empty for ``from . import x``.
        level: The number of leading dots.
        names: What a from-import asks for, ``("*",)`` for all, nothing for ``import a.b``.
        is_toplevel: Whether it runs when the module is executed: in the module's body or that of a class, and not for
            type checkers alone.
        is_guarded: Whether it stands where an error may be caught: in a ``try`` or ``with`` statement.
        line: Line of the statement in its file, counted from 1, where the code object knows it.
    """

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    is_toplevel: bool = True
    is_guarded: bool = attrs.field(default=False, eq=False)
    line: int | None = attrs.field(default=None, eq=False)

    @property
    def is_computed(self) -> bool:
        """Whether it names no module, so that only the execution knows."""
        return not (self.module or self.level)


def imports(code: CodeType) -> tuple[Import, ...]:
    """List the import statements of *code* and of all code within it, in the order of their lines."""
    found: dict[tuple[int | None, Import], Import] = {}
    for inner, is_toplevel in _walk(code):
        # Be it as an argument: most code is sorted out by this look.
        for each in _own_imports(inner, is_toplevel=is_toplevel) if _IMPORT_NAME in inner.co_code else ():
            # Once each: the compiler writes a `finally` clause out twice, first for when nothing went wrong.
            found.setdefault((each.line, each), each)
    return tuple(sorted(found.values(), key=lambda each: each.line or 0))


def imports_by_call(text: str) -> tuple[Import, ...]:
    """
    The imports that a source asks for by ``import_module("name")`` or ``__import__("name")``.

    They are found by what the text looks like: one too many does no harm.  Without a literal no module is named.
    """
    found = []
    for call in _IMPORT_CALL.finditer(text) if "import_" in text else ():
        before = text[text.rfind("\n", 0, call.start()) + 1 : call.start()]
        if "#" not in before:
            name = call["name"] or ""
            level = len(name) - len(name.lstrip("."))
            found.append(Import(module=name[level:], level=level, is_toplevel=not before[:1].isspace()))
    return tuple(found)


_IMPORT_CALL = re.compile(r"""\b(?:import_module|__import__)\((?:\s*["'](?P<name>[\w.]+)["']\s*[,)])?""")


def is_import_at(code: CodeType, lasti: int) -> bool:
    """Tell whether the instruction at *lasti*, as for :func:`fromlist_at`, is that of an import statement."""
    raw = code.co_code
    return 0 <= lasti < len(raw) and raw[lasti] == _IMPORT_NAME


def fromlist_at(code: CodeType, lasti: int) -> tuple[str, ...]:
    """
    Tell what the from-import at *lasti* asks for.

    Args:
        code: The code object of a frame.
        lasti: The frame's ``f_lasti``, in bytes; while the frame imports, that is the importing instruction.

    Returns:
        The names, and nothing where the instruction is a plain import or does not import.
    """
    return _import_at(code, code.co_code, lasti).names if is_import_at(code, lasti) else ()


def resolve(imp: Any, package: str) -> str:  # an Import, or what has its module and level
    """
    Give the absolute name of the module that *imp* names, in a module of *package*.

    Raises:
        ImportError: The import is relative, and *package* is empty or has fewer levels than it has dots.

    Source:
        `importlib.util.resolve_name`.
    """
    return importlib.util.resolve_name("." * imp.level + imp.module, package) if imp.level else imp.module


def absolute(imp: Any, package: str) -> str:  # as above
    """As :func:`resolve`; ``""`` for an import from beyond the top-level package, which has failed."""
    try:
        return resolve(imp, package)
    except ImportError:
        return ""


def bound_names(code: CodeType) -> frozenset[str]:
    """
    Collect every name that executing a module can bind in its namespace, now or when its functions run.

    Names that a star import, ``globals()`` or ``exec`` binds are not to be seen in the code, and those that are bound
    under ``if TYPE_CHECKING:`` never are. Names that the compiler binds (``__annotations__``, ``__annotate__``) are
    included where it does.
    """
    unreached = _unreached(code)
    names = {name for name, at in _named(code, _STORE_NAME) if not any(at in span for span in unreached)}
    globally = (_named(inner, _STORE_GLOBAL) for inner, _ in _walk(code) if _STORE_GLOBAL in inner.co_code)
    names.update(name for every in globally for name, _ in every)
    if _SETUP_ANNOTATIONS in code.co_code[::2]:
        names.add("__annotations__")
    return frozenset(names)


def bindings(code: CodeType) -> list[str]:
    """List the name of each place at which the source binds or deletes it as a module's, now or in a call."""
    found = _bindings(code, *_NAMED, *_GLOBAL)
    for inner, _ in _walk(code)[1:]:
        found.extend(_bindings(inner, *_GLOBAL))
    return found


def _bindings(code: CodeType, *kinds: int) -> list[str]:
    found = _named(code, *kinds)
    # From 3.12 on the ways out of a choice may have a copy each of what follows, at the same place in the source.
    places = list(code.co_positions()) if len(found) > 1 else []
    known = {at: places[at // 2] for _, at in found if places and None not in places[at // 2]}
    return [name for name, _ in {(name, known.get(at, at)) for name, at in found}]


def read_first(code: CodeType, names: frozenset[str]) -> frozenset[str]:
    """Collect which of some names executing a module, or the body of a class, may read before it binds them."""
    found: set[str] = set()
    bound: set[str] = set()
    for each in dis.get_instructions(code):
        if each.opname in _STORES:
            bound.add(each.argval)
        elif each.opname in _READS and each.argval in names and each.argval not in bound:
            found.add(each.argval)
        elif isinstance(each.argval, CodeType) and _runs_at_once(each.argval):
            found |= read_first(each.argval, names - bound)
    return frozenset(found)


_STORES = frozenset({"STORE_NAME", "STORE_GLOBAL"})
_READS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})


def bound_by(code: CodeType, line: int, lasti: int) -> frozenset[str] | None:
    """
    Collect the names that executing a module may have bound by the time it is at a line, and there at an instruction.

    What star imports bring is not among them.

    Returns:
        `None` where anything may be bound: by ``globals()`` and its like, by another round of a loop.
    """
    spans = [(range(start, end, 2), at) for start, end, at in code.co_lines() if at is not None and at <= line]
    past = frozenset(each for span, at in spans for each in span if at < line or each <= lasti)
    raw = code.co_code
    loops = [each for jump in _JUMPS_BACK for each in _offsets(raw, jump) if each not in past]
    is_reaching_any = any(not _BINDING_ANY.isdisjoint(each.co_names) for each, _ in _walk(code))
    if is_reaching_any or any(_target(raw, each) in past for each in loops):
        return None
    stores = _named(code, _STORE_NAME)
    later = {name for name, at in stores if at not in past}
    return bound_names(code) - later.difference(name for name, at in stores if at in past)


def is_setting_attributes(code: CodeType) -> bool:
    """Whether an execution of a module may set or delete an attribute of something."""
    return any(
        not (_SETTING.isdisjoint(inner.co_names) and _STORE_ATTRS.isdisjoint(inner.co_code[::2]))
        for inner, is_toplevel in _walk(code)
        if is_toplevel
    )


def string_constant(code: CodeType, name: str) -> str | None:
    """
    Find the string that a module binds *name* to by ``name = "literal"``; the last if there are several.

    ``name = other = "literal"`` counts. Statements that the module can end without do not: those under an
    ``if``, in an ``except`` clause, in a loop.
    """
    if name not in code.co_names:
        return None
    index = code.co_names.index(name)
    raw = code.co_code
    # The compiler copies statements before an end of the module; copies have the same position.
    statements: dict[tuple[str, object], list[int]] = {}
    for offset in _offsets(raw, _STORE_NAME):
        argument, start = _argument(raw, offset)
        if argument == index:
            value = _stored_string(code, raw, start)
            if value is not None:
                position = next(itertools.islice(code.co_positions(), offset // 2, None))
                statements.setdefault((value, position), []).append(offset)
    certain = [each for each, offsets in statements.items() if not _is_avoidable(raw, offsets)]
    return certain[-1][0] if certain else None


def _stored_string(code: CodeType, raw: bytes, offset: int) -> str | None:
    """Read the string that the instruction at *offset* stores, if it is a literal."""
    source = _source(raw, offset)
    value = None
    if raw[source] == _LOAD_CONST:
        value = code.co_consts[_argument(raw, source)[0]]
    elif raw[source] == _LOAD_COMMON_CONSTANT:
        value = next(each.argval for each in dis.get_instructions(code) if each.offset == source)
    # In `x or "literal"` a jump brings another value.
    is_joined = any(source < _target(raw, at) <= offset for jump in _JUMPS for at in _offsets(raw, jump))
    return value if isinstance(value, str) and not is_joined else None


def _source(raw: bytes, offset: int) -> int:
    """Find what made the value stored at *offset*, before the other targets of ``a = b = ...``."""
    offset -= 2
    if raw.startswith(_COPY, offset):
        offset -= 2
    while raw[offset] == _STORE_NAME:
        _, start = _argument(raw, offset)
        if not raw.startswith(_COPY, start - 2):
            break
        offset = start - 4
    return offset


def _is_avoidable(raw: bytes, offsets: list[int]) -> bool:
    """Tell whether the module can come to its end by jumps that pass by all of *offsets*."""
    seen = set(offsets)
    waiting = [0]
    while waiting:
        offset = waiting.pop()
        while offset not in seen:
            seen.add(offset)
            operation = raw[offset]
            if operation in _RETURNS:
                return True
            if operation in _JUMPS:
                waiting.append(_target(raw, offset))
            if operation in _RAISES or operation in _GOTOS:
                break
            offset += 2
    return False


def _target(raw: bytes, offset: int) -> int:
    """Compute where the jump at *offset* leads: so many instructions away, counted from after its caches."""
    argument, _ = _argument(raw, offset)
    distance = -2 * argument if raw[offset] in _JUMPS_BACK else 2 * argument
    offset += 2
    while raw[offset] == _CACHE:
        offset += 2
    return offset + distance


def _walk(code: CodeType) -> list[tuple[CodeType, bool]]:
    """List *code* and all code objects within it, each with whether executing *code* executes it too."""
    found = [(code, True)]
    # The list grows while it is walked. No comprehension: this loop is half the time of a scan.
    for outer, is_toplevel in found:
        for inner in outer.co_consts:
            if isinstance(inner, CodeType):
                found.append((inner, is_toplevel and _runs_at_once(inner)))  # noqa: PERF401
    return found


def _runs_at_once(code: CodeType) -> bool:
    """Tell whether *code* is run by the statement that it is part of; a function's waits for a call."""
    return not code.co_flags & inspect.CO_OPTIMIZED or code.co_name.startswith(_INLINE)


def _own_imports(code: CodeType, *, is_toplevel: bool) -> Iterator[Import]:
    """Yield the imports of *code* itself, in the order of its instructions."""
    raw = code.co_code
    spans = code.co_lines()
    end, line = 0, None
    guarded = [range(start, stop) for start, stop, _, _ in handlers(code.co_exceptiontable)]
    unreached = _unreached(code)
    for offset in _offsets(raw, _IMPORT_NAME):
        while end <= offset:
            _, end, line = next(spans, (0, len(raw), None))
        is_guarded = any(offset in each for each in guarded)
        is_run = is_toplevel and not any(offset in each for each in unreached)
        yield _import_at(code, raw, offset, is_toplevel=is_run, is_guarded=is_guarded, line=line)


def _unreached(code: CodeType) -> list[range]:
    """Tell where the code under ``if TYPE_CHECKING:`` is, which is never run."""
    if "TYPE_CHECKING" not in code.co_names:
        return []
    raw = code.co_code
    jumps = [(offset, _target(raw, offset)) for jump in _JUMPS for offset in _offsets(raw, jump)]
    found = [
        range(offset + 2, _target(raw, offset))
        for test in _TESTS
        for offset in _offsets(raw, test)
        if _tested(code, raw, offset) == "TYPE_CHECKING"
    ]
    return [each for each in found if not any(goal in each and offset not in each for offset, goal in jumps)]


def _tested(code: CodeType, raw: bytes, offset: int) -> str:
    """The name whose value the jump at *offset* tests, ``""`` if it tests anything else."""
    _, offset = _argument(raw, offset)
    offset -= 2
    while raw[offset] in (_CACHE, _TO_BOOL):
        offset -= 2
    argument, _ = _argument(raw, offset)
    shift = {_LOAD_NAME: 0, _LOAD_ATTR: _ATTR_SHIFT}.get(raw[offset])
    return "" if shift is None else code.co_names[argument >> shift]


def _import_at(code: CodeType, raw: bytes, offset: int, **where: Any) -> Import:  # what else there is of an Import
    """Read the import whose ``IMPORT_NAME`` is at *offset*; before it its level and its names were loaded."""
    argument, start = _argument(raw, offset)
    names, start = _constant_before(code, raw, start)
    level, _ = _constant_before(code, raw, start)
    return Import(module=code.co_names[argument >> _IMPORT_SHIFT], level=level, names=names or (), **where)


def handlers(table: bytes) -> Iterator[tuple[int, int, int, int]]:
    """
    Read an exception table: where handling starts and ends, where the handler is, the state of the stack.

    Source:
        ``Objects/exception_handling_notes.txt`` in CPython: numbers in groups of six bits, of which all but
        the last are marked; four to an entry, the second being a length.
    """
    numbers: list[int] = []
    number = 0
    for byte in table:
        number = number << 6 | byte & 0x3F
        if not byte & 0x40:
            numbers.append(number)
            number = 0
    for start, length, target, stack in zip(*[iter(numbers)] * 4, strict=True):
        yield 2 * start, 2 * (start + length), 2 * target, stack


def _constant_before(code: CodeType, raw: bytes, offset: int) -> tuple[Any, int]:  # Any: any constant
    """
    Find the constant that was loaded last before *offset*, and where its loading starts.

    What stands between is passed over: tools that rewrite bytecode put in ``NOP`` and calls of their own.
    """
    for at in range(offset - 2, -2, -2):
        operation = raw[at]
        if operation == _LOAD_CONST:
            argument, start = _argument(raw, at)
            return code.co_consts[argument], start
        if operation == _LOAD_SMALL_INT:
            return raw[at + 1], at
        if operation == _LOAD_COMMON_CONSTANT:
            return None, at  # The only one of them that an import can have.
    raise ValueError(f"no constant is loaded before offset {offset} of {code!r}")


def _named(code: CodeType, *operations: int) -> list[tuple[str, int]]:
    """List the names that instructions of these kinds have, each with the offset of one."""
    raw = code.co_code
    return [(code.co_names[_argument(raw, at)[0]], at) for each in operations for at in _offsets(raw, each)]


def _offsets(raw: bytes, operation: int) -> Iterator[int]:
    """Yield the offset of each instruction with *operation*."""
    operations = raw[::2]
    index = operations.find(operation)
    while index >= 0:
        yield 2 * index
        index = operations.find(operation, index + 1)


def _argument(raw: bytes, offset: int) -> tuple[int, int]:
    """Put together the argument of the instruction at *offset*; tell also where its prefixes start."""
    argument = raw[offset + 1]
    shift = 8
    while offset >= 2 and raw[offset - 2] == _EXTENDED_ARG:
        offset -= 2
        argument |= raw[offset + 1] << shift
        shift += 8
    return argument, offset
