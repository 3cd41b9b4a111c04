"""What is known of a module's file: its bytes, their hash, their code, and what that code does."""

from __future__ import annotations

import codecs
import dis
import hashlib
import importlib.util
import inspect
import io
import marshal
import os
import struct
import sys
from itertools import pairwise
from operator import attrgetter
from types import CodeType
from typing import Any, Final

import attrs

from modreg._scan import Import, handlers, imports_by_call

UNKNOWN: Final = "unknown"
"""Stands for the hash of a text that nobody has seen."""

# How often a file that changes while it is read is read again.
_ATTEMPTS = 5

# The last format of `marshal` that writes equal values as equal bytes: later ones write references as well.
_MARSHAL_VERSION = 2

# How far back zlib finds what is the same, and how many times smaller a difference is than the text: by itself
# a text becomes a fourth.
_WINDOW, _MUCH = 2**15, 12

# Since 3.14 a flag tells whether there is a docstring.
_HAS_DOCSTRING: int = getattr(inspect, "CO_HAS_DOCSTRING", 0)

# What the body of a class says of its position.
_POSITIONS = ("__firstlineno__", "__static_attributes__")


def _numbers(*names: str) -> frozenset[int]:
    """Look up operations, without those that this version of Python does not have."""
    return frozenset(dis.opmap[name] for name in names if name in dis.opmap)


_CACHE = dis.opmap["CACHE"]
_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_LOAD_FAST = dis.opmap["LOAD_FAST"]
_NOP = dis.opmap["NOP"]
_STORE_FAST = dis.opmap["STORE_FAST"]
_STORE_NAME = dis.opmap["STORE_NAME"]

_CONSTANTS = frozenset(dis.hasconst)
_LOADS = _numbers("LOAD_CONST", "LOAD_SMALL_INT")
_ENDS = _numbers("RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS")
_GOTOS = _numbers("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
_JUMPS = frozenset(dis.hasjrel)
_JUMPS_BACK = {each for each in _JUMPS if "BACKWARD" in dis.opname[each]} | _numbers("END_ASYNC_FOR")

# Variants: the same but for speed or for tracers. Which of them the compiler takes can depend on lines.
_SAME = dict.fromkeys(_numbers("LOAD_FAST_BORROW", "LOAD_FAST_CHECK"), _LOAD_FAST) | dict.fromkeys(
    _numbers("NOT_TAKEN"), _NOP
)
_PAIRS = {
    dis.opmap[name]: pair
    for name, pair in {
        "LOAD_FAST_LOAD_FAST": (_LOAD_FAST, _LOAD_FAST),
        "LOAD_FAST_BORROW_LOAD_FAST_BORROW": (_LOAD_FAST, _LOAD_FAST),
        "STORE_FAST_LOAD_FAST": (_STORE_FAST, _LOAD_FAST),
        "STORE_FAST_STORE_FAST": (_STORE_FAST, _STORE_FAST),
    }.items()
    if name in dis.opmap
}

# Conditional jumps: what they ask, truth or `None`, by a number of ours, and whether they jump if it is so.
# The compiler turns them round as the direction of the jump demands.
_TESTS = {
    each: (-2 if name.endswith("NONE") else -1, name.endswith(("IF_TRUE", "IF_NONE")))
    for each in _JUMPS
    if (name := dis.opname[each]).startswith("POP_JUMP_")
}


@attrs.frozen(kw_only=True)
class Signature:
    """
    What the file system says of a file; while it stays equal, the file has hardly changed.

    Attributes:
        mtime_ns: Time of the last modification, in nanoseconds since the epoch.
        size: Size in bytes.
        inode: The file's number in its file system; a file put in another's place has a new one, or one that is free.
        ctime_ns: As *mtime_ns*, but nobody can set it.  It takes no part in comparisons: a file that has other
            permissions or one more link was not written.
    """

    mtime_ns: int
    size: int
    inode: int
    ctime_ns: int = attrs.field(eq=False)


@attrs.frozen(kw_only=True, weakref_slot=False)  # there is one for each version that ever was
class Source:
    """
    A module's source, as read at one moment.

    Attributes:
        path: Where it was read; tracebacks show it.
        data: The bytes of the file.
        hash: SHA-256 of *data*, in lower-case hex.
        signature: What the file system said of the file with these bytes; `None` if they came from elsewhere
            or the file kept changing. It takes no part in comparisons.
        is_packed: Whether the bytes are held compressed, as those of versions are that few will ask for.
        near: Another text of the file that they are held as the difference from.
    """

    path: str
    _held: bytes = attrs.field(alias="data", repr=False, eq=False)  # the hash compares them
    hash: str
    signature: Signature | None = attrs.field(default=None, eq=False)
    is_packed: bool = attrs.field(default=False, repr=False, eq=False)
    near: Source | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def data(self) -> bytes:
        if not self.is_packed:
            return self._held
        import zlib  # noqa: PLC0415  # as below

        return zlib.decompressobj(zdict=self.near.data if self.near is not None else b"").decompress(self._held)

    @property
    def called(self) -> tuple[Import, ...]:
        """The imports that it asks for by calls, as far as they show."""
        return imports_by_call(self.data.decode("latin-1"))

    def packed(self, near: Source | None = None) -> Source:
        """
        The same text, held as small as it can be; without the signature of the file, which has gone on.

        Args:
            near: A text that it may be held as the difference from, itself no difference from another.
        """
        if self.is_packed:
            return self
        import zlib  # noqa: PLC0415  # only a program that reloads often needs it

        path = sys.intern(str(self.path))  # each version came with a string of its own
        if near is not None and len(self._held) <= _WINDOW:
            known = near.data
            deflate = zlib.compressobj(wbits=_bits(len(known) + len(self._held)), zdict=known)
            held = deflate.compress(self._held) + deflate.flush()
            if len(held) * _MUCH <= len(self._held):
                return Source(path=path, data=held, hash=self.hash, is_packed=True, near=near)
        held = zlib.compress(self._held, wbits=_bits(len(self._held)))
        return Source(path=path, data=held, hash=self.hash, is_packed=True)


def _bits(size: int) -> int:
    """How large a window zlib is to have; a larger one takes longer to make than the rest."""
    return min(max(size.bit_length(), 9), 15)


def sign(path: str) -> Signature | None:
    """
    Take the signature of the file at *path*, `None` if there is none.

    Raises:
        OSError: The system refuses to tell.
    """
    try:
        return _signature(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def sign_archive(path: str) -> Signature | None:
    """Take the signature of the archive that *path* leads into, `None` if there is none."""
    folder = os.path.dirname(path)
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return sign(folder) if os.path.isfile(folder) else None


def is_as_signed(source: Source) -> bool:
    """Whether the file of a source certainly is as it was; thousands are asked of."""
    known = source.signature
    try:
        now = os.stat(source.path)
    except OSError:
        archive = sign_archive(source.path)
        return archive is not None and archive == known and archive.ctime_ns == known.ctime_ns
    mine = (now.st_mtime_ns, now.st_size, now.st_ino, now.st_ctime_ns)
    return known is not None and mine == (known.mtime_ns, known.size, known.inode, known.ctime_ns)


def read(path: str) -> Source:
    """
    Read the file at *path*, again if it was changed or replaced meanwhile.

    Raises:
        OSError: It cannot be read: `FileNotFoundError`, `IsADirectoryError`, `PermissionError` and so on.
    """
    for _ in range(_ATTEMPTS):
        # As importlib's loaders open source, so that audit hooks hear of it.
        with io.open_code(path) as file:
            before = _signature(os.fstat(file.fileno()))
            data = file.read()
        if sign(path) == before:
            return of_bytes(path, data, before)
    return of_bytes(path, data)


def _signature(status: os.stat_result) -> Signature:
    """Take from *status* what changes when the file does."""
    return Signature(
        mtime_ns=status.st_mtime_ns, size=status.st_size, inode=status.st_ino, ctime_ns=status.st_ctime_ns
    )


def of_bytes(path: str, data: bytes, signature: Signature | None = None) -> Source:
    """Make the source that *data* is, with its hash."""
    return Source(path=path, data=data, hash=hashlib.sha256(data).hexdigest(), signature=signature)


def unknown(path: str) -> Source:
    """Stand for a text that nobody has seen, that of byte-code which was not made from the file beside it."""
    return Source(path=path, data=b"", hash=UNKNOWN)


def doubtful_code(source: Source, before: float) -> CodeType | None:
    """
    Find the code that an import took for that of *source*, if it can have been made from another text.

    Byte-code says of its source the time, in whole seconds, and the size. An edit that changes neither leaves
    byte-code which the import system takes. It can only be so if the byte-code was written within two seconds
    of the source, and before the import began.

    Args:
        source: What the file holds, with its signature.
        before: When the import began, in seconds since the epoch.

    Returns:
        `None` where nothing of the kind can have happened, or nothing tells.

    Source:
        ``_validate_timestamp_pyc`` in CPython's ``importlib/_bootstrap_external.py``.
    """
    if source.signature is None:
        return None
    mtime = source.signature.mtime_ns
    _, data = _byte_code(source.path, min(mtime + 2 * 10**9, before * 10**9))
    if data[:16] != _header(mtime // 10**9, source.signature.size):
        return None
    code: CodeType = marshal.loads(data[16:])  # noqa: S302  # The import system has executed it.
    return code


def cached_code(source: Source, imported: float) -> CodeType | None:
    """
    Find the code of *source* in its byte-code file, where that is certainly of this very text.

    It must be of the size and the time of the file that was read, or not have been written since the import, which
    has compared them; and only when the source was so old that a later edit had another time.

    Args:
        source: What was read.
        imported: When the import that took it ended, in seconds since the epoch, where its file is not known.
    """
    known = source.signature
    written, data = _byte_code(source.path, imported * 10**9 if known is None else float("inf"))
    when = int.from_bytes(data[8:12], "little") if known is None else known.mtime_ns // 10**9
    if written - when * 10**9 < 3 * 10**9 or data[:16] != _header(when, len(source.data)):
        return None
    try:
        code: CodeType = marshal.loads(data[16:])  # noqa: S302  # The import system would execute it.
    except (EOFError, ValueError, TypeError):  # it is damaged
        return None
    return code


def _byte_code(path: str, until: float) -> tuple[int, bytes]:
    """
    When the byte-code file of a source was written, in nanoseconds, and what is in it.

    Nothing if there is none, or one that was written after *until*.
    """
    try:
        with io.open_code(importlib.util.cache_from_source(path)) as file:
            written = os.fstat(file.fileno()).st_mtime_ns
            return (written, file.read()) if written <= until else (0, b"")
    except (OSError, NotImplementedError):
        return 0, b""


def _header(when: int, size: int) -> bytes:
    """How byte-code begins that is good for a source of this time, in seconds, and size."""
    return struct.pack("<4sLLL", importlib.util.MAGIC_NUMBER, 0, when & 0xFFFFFFFF, size & 0xFFFFFFFF)


def is_in_utf8(data: bytes) -> bool:
    """Whether a source is in UTF-8 without saying so; with a cookie or a mark it may be all the same."""
    end = data.find(b"\n", data.find(b"\n") + 1)  # of the two lines in which a cookie may stand
    return not data.startswith(codecs.BOM_UTF8) and b"coding" not in data[:end]


def decode(data: bytes) -> str:
    """
    Decode source as the compiler does: by its coding cookie or UTF-8, with line feeds for all line ends.

    Raises:
        SyntaxError: The cookie names no encoding of text.
        UnicodeError: The bytes are not in that encoding; a `ValueError`. Up to 3.13 the compiler does not
            mind that in comments.

    Source:
        `importlib.util.decode_source`, which takes up to two and a half times as long to find that nearly every
        file is in UTF-8 without saying so.
    """
    if b"\r" not in data and is_in_utf8(data):
        return data.decode()
    try:
        return importlib.util.decode_source(data)
    except LookupError as exc:
        raise SyntaxError(str(exc)) from exc


def compile_source(source: Source) -> CodeType:
    """
    Compile the bytes of *source* to the code of a module; nothing is taken over from the module that calls.

    Raises:
        SyntaxError: It is no Python: wrong grammar, a null byte, bytes that cannot be decoded.
        ValueError: The same, in early releases of 3.11: null bytes.
        RecursionError: It is nested too deeply for the compiler.
        MemoryError: It is nested too deeply for the parser.
    """
    code: CodeType = compile(source.data, source.path, "exec", dont_inherit=True)
    return code


def digest(code: CodeType) -> str:
    """
    Hash a code object by what it does, as 64 digits of hex; each release of Python has digests of its own.

    Sources that differ in comments, blank lines, layout, positions or the file's name have equal digests.
    All else counts: names, constants with their types, docstrings, flags, the order of evaluation, the code
    within; instructions that can never run do not. Only a layout that spreads the targets of one assignment,
    or mixed ``and`` and ``or``, over several lines can count too: the compiler optimizes them within a line.
    """
    content, inner = _normal(code)
    return hashlib.sha256(_dump([*content, *map(digest, inner)])).hexdigest()


def is_same_code(first: CodeType, second: CodeType) -> bool:
    """Tell whether two code objects do the same: what :func:`digest` tells, and faster."""
    if first is second:
        return True
    if _head(first) != _head(second):
        return False
    if _is_same_body(first, second):
        inner, other_inner = codes_in(first), codes_in(second)
    else:
        content, inner = _normal(first)
        other_content, other_inner = _normal(second)
        if content != other_content:
            return False
    return all(map(is_same_code, inner, other_inner))


def _is_same_body(first: CodeType, second: CodeType) -> bool:
    """Compare instructions and constants as they stand, code among the constants aside."""
    return (
        first.co_code == second.co_code
        and first.co_exceptiontable == second.co_exceptiontable
        and len(first.co_consts) == len(second.co_consts)
        and all(map(is_same_constant, first.co_consts, second.co_consts))
    )


def is_same_constant(first: object, second: object) -> bool:
    """Compare two constants with their types; any two code objects pass."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, (str, bytes, int)):
        return first == second
    return isinstance(first, CodeType) or _pack(first) == _pack(second)


def codes_in(code: CodeType) -> list[CodeType]:
    """List the code objects among the constants of *code*."""
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _head(code: CodeType) -> tuple[object, ...]:
    """Take what counts of *code* besides its instructions: strings, numbers and tuples of strings."""
    return (*_HEAD(code), _docstring(code))


_HEAD: Final = attrgetter(
    *("co_name", "co_qualname", "co_flags", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount"),
    *("co_names", "co_varnames", "co_cellvars", "co_freevars"),
)


def _docstring(code: CodeType) -> str | None:
    """Get the docstring of a function's code: its first constant, which no instruction loads."""
    if _HAS_DOCSTRING:
        is_first = code.co_flags & _HAS_DOCSTRING
    else:
        # The compiler keeps this place free of other strings, but not in comprehensions.
        is_first = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
    first = code.co_consts[0] if is_first and code.co_consts else None
    return first if isinstance(first, str) else None


def _pack(constant: object) -> bytes:
    """Write a constant as bytes, equal for equal values of equal types only."""
    return _dump(_plain(constant))


def _dump(value: Any) -> bytes:  # Any: what `marshal` can write, for which typeshed's name is private.
    """Write *value* as bytes, equal for equal values."""
    return marshal.dumps(value, _MARSHAL_VERSION)


def _plain(constant: object) -> object:
    """
    Make of a constant what :func:`_dump` can write, and in one way only.

    The members of a set come in any order, and slices, constants since 3.14, need a later format. The words
    in front keep them apart from tuples.
    """
    if isinstance(constant, tuple):
        return ("tuple", *map(_plain, constant))
    if isinstance(constant, frozenset):
        return ("frozenset", *sorted(map(_pack, constant)))
    if isinstance(constant, slice):
        return ("slice", _plain(constant.start), _plain(constant.stop), _plain(constant.step))
    return constant


@attrs.define(eq=False)
class _Step:
    """
    An instruction in the flow of control.

    Attributes:
        operation: Its number, one for all variants that differ only in speed; ``NOP`` where it has no effect.
        argument: A number or, as bytes, a constant.
        following: What can come next: after a test first the one for true, at a loop's head the one inside.
        handler: Where an exception leads and how the stack is prepared for it; `None` for out of the code.
        twin: The step that does the same from here on, if there is another.
    """

    operation: int
    argument: int | bytes = 0
    following: tuple[_Step, ...] = ()
    handler: tuple[_Step, int] | None = None
    twin: _Step | None = None


def _normal(code: CodeType) -> tuple[list[object], list[CodeType]]:
    """
    Bring *code* into a form that layout does not change.

    For instructions on different lines the compiler puts in a ``NOP``, does not follow a jump to a jump, does
    not pair loads and stores, and copies other endings than for those on one. So here what has no effect is
    passed over, pairs are split, equal endings are joined, and the instructions are written down in the order
    in which a walk along the jumps meets them.

    Returns:
        Strings, numbers, bytes and tuples of them; and the code within, in the order in which it is used.
    """
    steps = _take_apart(code)
    _drop_positions(code, steps)
    _join(steps)
    places = _places(_effective(steps[0]))
    # Constants are never packed to these bytes.
    within = {_mark(index): each for index, each in enumerate(code.co_consts) if isinstance(each, CodeType)}
    order: dict[bytes, int] = {}
    content: list[object] = [*_head(code), len(within)]
    for step, place in places.items():
        argument = step.argument
        if argument in within:
            argument = _mark(order.setdefault(argument, len(order)))
        content += step.operation, argument
        following = tuple([places[each] for each in step.following])
        if following != (place + 1,):
            content.append(following)
        if step.handler is not None:
            content.append((places[step.handler[0]], step.handler[1]))
    # Code that no instruction uses comes last.
    inner = [within[each] for each in dict.fromkeys([*order, *within])]
    return content, inner


def _mark(number: int) -> bytes:
    """Write the argument of an instruction that loads code."""
    return b"code %d" % number


def _take_apart(code: CodeType) -> list[_Step]:
    """Make steps of the instructions of *code*, in their order, and link them."""
    raw = code.co_code
    constants = [
        _mark(index) if isinstance(each, CodeType) else _pack(each) for index, each in enumerate(code.co_consts)
    ]
    steps: list[_Step] = []
    offsets: list[int] = []
    distances: dict[int, int] = {}
    start, prefix = 0, 0
    for offset in range(0, len(raw), 2):
        operation, argument = raw[offset], prefix | raw[offset + 1]
        if operation == _CACHE:
            start = offset + 2
            continue
        if operation == _EXTENDED_ARG:
            prefix = argument << 8
            continue
        offsets.append(start)
        if operation in _CONSTANTS:
            steps.append(_Step(operation, constants[argument]))
        elif operation in _JUMPS:
            distances[len(steps)] = -2 * argument if operation in _JUMPS_BACK else 2 * argument
            steps.append(_Step(operation))
        elif operation in _PAIRS:
            offsets.append(start)
            first, second = _PAIRS[operation]
            steps += _Step(first, argument >> 4), _Step(second, argument & 15)
        else:
            steps.append(_Step(_SAME.get(operation, operation), argument))
        start, prefix = offset + 2, 0
    offsets.append(len(raw))
    _link(code, steps, offsets, distances)
    return steps


def _link(code: CodeType, steps: list[_Step], offsets: list[int], distances: dict[int, int]) -> None:
    """Tell each step what follows it and what handles its exceptions."""
    # In reverse, since a jump to a pair leads to its first step.
    indices = {offset: index for index, offset in reversed([*enumerate(offsets)])}
    for step, after in pairwise(steps):
        step.following = () if step.operation in _ENDS else (after,)
    for index, distance in distances.items():
        # Distances count from the next instruction.
        step, target = steps[index], steps[indices[offsets[index + 1] + distance]]
        if step.operation in _GOTOS:
            step.operation, step.following = _NOP, (target,)
        elif step.operation in _TESTS:
            step.operation, is_true = _TESTS[step.operation]
            step.following = (target, *step.following) if is_true else (*step.following, target)
        else:
            step.following += (target,)
    for start, end, goal, stack in handlers(code.co_exceptiontable):
        for step in steps[indices[start] : indices[end]]:
            step.handler = steps[indices[goal]], stack


def _drop_positions(code: CodeType, steps: list[_Step]) -> None:
    """
    Forget the constants by which the body of a class tells its first line and what its methods assign.

    From 3.13 on; the second says nothing that the methods do not, in an order that some versions leave to
    chance.
    """
    names = {index for index, name in enumerate(code.co_names) if name in _POSITIONS}
    if code.co_flags & inspect.CO_OPTIMIZED or len(names) < len(_POSITIONS):
        return
    for load, store in pairwise(steps):
        if store.operation == _STORE_NAME and store.argument in names and load.operation in _LOADS:
            load.operation, load.argument = _NOP, 0


def _join(steps: list[_Step]) -> None:
    """Let no step be followed by one without effect, nor by one of several that do the same from there on."""
    found: dict[tuple[object, ...], _Step] = {}
    for step in reversed(steps):
        step.following = tuple([_effective(each) for each in step.following])
        if step.handler is not None:
            step.handler = _effective(step.handler[0]), step.handler[1]
        key = (step.operation, step.argument, step.following, step.handler)
        step.twin = found.setdefault(key, step)
    # What a jump back leads to had no twin yet.
    for step in found.values():
        step.following = tuple([each.twin or each for each in step.following])
        if step.handler is not None and step.handler[0].twin is not None:
            step.handler = step.handler[0].twin, step.handler[1]


def _effective(step: _Step) -> _Step:
    """Find the first step with an effect from *step* on."""
    passed = []
    while step.operation == _NOP and step.following:
        if step in passed:
            # A loop of nothing. It has no end, so nothing follows.
            step.following = ()
        else:
            passed.append(step)
            step = step.following[0]
    return step.twin or step


def _places(first: _Step) -> dict[_Step, int]:
    """Number the steps in the order of a walk: on and on, then what jumps lead to, then what handlers do."""
    places: dict[_Step, int] = {}
    waiting = [first]
    while waiting:
        step = waiting.pop()
        if step not in places:
            places[step] = len(places)
            if step.handler is not None:
                waiting.append(step.handler[0])
            waiting.extend(reversed(step.following))
    return places
