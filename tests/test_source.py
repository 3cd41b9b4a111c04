"""Reading, compiling, and the digest: equal for what differs in layout alone, and for nothing else."""

import ast
import contextlib
import dis
import hashlib
import importlib.util
import itertools
import os
import pathlib
import py_compile
import re
import subprocess
import sys
import textwrap
import threading
import time
import types

import hypothesis
import pytest
from hypothesis import strategies as st

from modreg import _positions, _source

SINCE_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is of 3.12")
SINCE_314 = pytest.mark.skipif(sys.version_info < (3, 14), reason="PEP 750 is of 3.14")
NOT_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def compiled(text, path="module.py"):
    return _source.compile_source(_source.of_bytes(path, textwrap.dedent(text).encode()))


# --- files -------------------------------------------------------------------------------------------


def test_source_has_the_bytes_and_their_hash(tmp_path):
    """
    A source is the file's bytes as they are, with their SHA-256 and the signature of the file.
    """
    file = tmp_path / "tax.py"
    file.write_bytes(b"RATE = 1\r\n\xff")

    source = _source.read(str(file))

    assert source.path == str(file)
    assert source.data == b"RATE = 1\r\n\xff"
    assert source.hash == hashlib.sha256(source.data).hexdigest()
    assert source.signature == _source.sign(str(file))


@pytest.mark.parametrize("is_signed", [True, False])
def test_byte_code_is_of_a_source_if_it_can_be_of_no_other(tmp_path, is_signed):
    """
    Byte-code counts if it was written when the source was at least three seconds old.

    It has to be of the time and the size of the file that was read, or to be no later than the import.
    """
    file = tmp_path / "tax.py"
    file.write_text("RATE = 1")
    now = time.time()
    os.utime(file, (now - 4, now - 4))
    written = py_compile.compile(str(file))
    source = _source.read(str(file)) if is_signed else _source.of_bytes(str(file), file.read_bytes())

    def found(source, *, age=0.0, after=0.01):
        os.utime(written, (now - age, now - age))
        return _source.cached_code(source, now + after)

    assert _source.is_same_code(found(source), _source.compile_source(source))
    assert found(source, age=2) is None  # the source was two seconds old: its time was cut off
    assert (found(source, age=1, after=-1.5) is None) is not is_signed
    assert found(_source.of_bytes(str(file), b"RATE = 10")) is None
    os.utime(file, (now - 6, now - 6))
    assert found(_source.read(str(file))) is None
    os.truncate(written, 20)
    assert found(source) is None
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    assert found(source) is None
    os.remove(written)
    assert _source.cached_code(source, now) is None


def test_signature_is_what_the_file_system_says(tmp_path):
    """
    A signature is the time of modification, the size and the inode; that a file has other permissions is no matter.
    """
    file = tmp_path / "tax.py"
    file.write_bytes(b"RATE = 1")
    os.utime(file, ns=(5, 1_000_000_007))

    signature = _source.sign(str(file))

    inode = file.stat().st_ino
    assert signature == _source.Signature(mtime_ns=1_000_000_007, size=8, inode=inode, ctime_ns=0)


def test_signature_differs_for_a_replaced_file(tmp_path):
    """
    A file of the same time and size in the other's place has another signature.
    """
    file, other = tmp_path / "tax.py", tmp_path / "new.py"
    for each, text in (file, "RATE = 1"), (other, "RATE = 2"):
        each.write_text(text)
        os.utime(each, ns=(0, 0))
    before = _source.sign(str(file))

    other.replace(file)

    assert _source.sign(str(file)) != before


@pytest.mark.parametrize("path", ["missing.py", "missing/tax.py", "file.py/tax.py"])
def test_signature_of_a_missing_file_is_none(tmp_path, path):
    """
    Where there is no file there is no signature, whatever part of the path is missing.
    """
    (tmp_path / "file.py").touch()

    assert _source.sign(str(tmp_path / path)) is None


def test_sources_compare_by_path_and_bytes():
    """
    Two sources are equal if path and bytes are; when they were read does not count.
    """
    signature = _source.Signature(mtime_ns=1, size=2, inode=3, ctime_ns=4)

    one = _source.of_bytes("tax.py", b"x = 1", signature)

    assert one == _source.of_bytes("tax.py", b"x = 1")
    assert one != _source.of_bytes("tax.py", b"x = 2")
    assert one != _source.of_bytes("cfg.py", b"x = 1")
    assert "x = 1" not in repr(one)


@pytest.mark.parametrize(
    ("path", "error"),
    [("missing.py", FileNotFoundError), (".", (IsADirectoryError, PermissionError))],
)
def test_reading_what_is_no_file_raises_what_the_system_says(tmp_path, path, error):
    """
    Errors of the operating system come as they are.
    """
    with pytest.raises(error):
        _source.read(str(tmp_path / path))


@NOT_ROOT
def test_reading_a_forbidden_file_raises_what_the_system_says(tmp_path):
    """
    A file that may not be read is a `PermissionError`.
    """
    file = tmp_path / "tax.py"
    file.write_text("x = 1")
    file.chmod(0)

    with pytest.raises(PermissionError):
        _source.read(str(file))


class Reading(threading.Thread):
    """A reading in another thread, with its outcome."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self.source = None
        self.start()

    def run(self):
        self.source = _source.read(self.path)


def feed(path, data, *, put_in_place):
    """Give *data* to whoever reads the pipe at *path*, having put another file there after it was opened."""
    with path.open("wb") as pipe:
        put_in_place.replace(path)
        pipe.write(data)


@PIPES
def test_file_replaced_while_it_is_read_is_read_again(tmp_path):
    """
    A file that another one replaced during the reading is not what is at the path: the other one is read.
    """
    path, new = tmp_path / "tax.py", tmp_path / "new.py"
    os.mkfifo(path)
    new.write_bytes(b"RATE = 2")
    reading = Reading(path)

    feed(path, b"RATE = 1", put_in_place=new)
    reading.join()

    assert reading.source.data == b"RATE = 2"
    assert reading.source.signature == _source.sign(str(path))


@PIPES
def test_file_that_keeps_changing_has_no_signature(tmp_path):
    """
    Of a file that changes during each reading the last bytes are taken, with no signature to rely on.
    """
    path = tmp_path / "tax.py"
    pipes = [path, *(tmp_path / f"{number}.py" for number in range(_source._ATTEMPTS - 1))]
    for pipe in pipes:
        os.mkfifo(pipe)
    last = tmp_path / "last.py"
    last.write_bytes(b"RATE = 'never read'")
    reading = Reading(path)

    for number, following in enumerate([*pipes[1:], last]):
        feed(path, b"RATE = %d" % number, put_in_place=following)
    reading.join()

    assert reading.source.data == b"RATE = %d" % (_source._ATTEMPTS - 1)
    assert reading.source.signature is None


# --- text and code -----------------------------------------------------------------------------------

TEXT = "name = 'é'\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"# coding: latin-1\n" + TEXT.encode("latin-1"),
        b"#!/usr/bin/env python\n# vim: set fileencoding=latin-1 :\n" + TEXT.encode("latin-1"),
        TEXT.encode().replace(b"\n", b"\r\n"),
        TEXT.encode().replace(b"\n", b"\r"),
        b"",
    ],
)
def test_text_is_what_the_compiler_reads(data):
    """
    Coding cookies, byte order marks and line ends are understood as `importlib` and the compiler do.
    """
    text = _source.decode(data)

    namespace = {}
    exec(_source.compile_source(_source.of_bytes("module.py", data)), namespace)
    assert text == importlib.util.decode_source(data)
    assert "\r" not in text
    assert namespace.get("name", "é") == "é"


NO_SOURCE = [
    b"x = 1\0",
    b"# a comment\0\n",
    b"x = '\xff'\n",
    b"# coding: no-such-encoding\n",
    b"# coding: hex\nx = 1\n",
    b"# coding: undefined\nx = 1\n",
    b"\xef\xbb\xbf# coding: latin-1\nx = 1\n",
    "x = 1\n".encode("utf-16"),
    b"x = (\n",
    b"if x:\npass\n",
    b"if x:\n\ty\n        z\n",
    b"return 1\n",
    b"x = " + b"(" * 300 + b")" * 300,
    b"x = " + b"9" * 5000,
    b"from __future__ import no_such_feature\n",
    bytes(range(256)),
]


@pytest.mark.parametrize("data", NO_SOURCE)
def test_bytes_that_are_no_source_are_a_syntax_or_value_error(data):
    """
    Whatever is wrong with the bytes, it comes as one of two errors, with the same types in every release.
    """
    source = _source.of_bytes("module.py", data)

    with pytest.raises((SyntaxError, ValueError)):
        _source.compile_source(source)


@hypothesis.given(st.binary(max_size=60))
@hypothesis.example(b"# coding: idna\nx = '\xff'")
@hypothesis.example(b"# coding: punycode\nx = '\xff'")
@hypothesis.example(b"# coding: rot13\nx = 1")
@hypothesis.example(b"# coding: unicode_escape\n\\ud800 = 1")
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_any_bytes_are_source_or_a_syntax_or_value_error(data):
    """
    No other error comes of decoding and compiling, of whatever bytes.
    """
    for use in (_source.decode, lambda data: _source.compile_source(_source.of_bytes("module.py", data))):
        with contextlib.suppress(SyntaxError, ValueError):
            use(data)


def test_source_nested_too_deeply_is_passed_on():
    """
    What the compiler cannot cope with is its own error, not one of syntax.
    """
    source = _source.of_bytes("module.py", b"x" + b"+x" * 100_000)

    with pytest.raises((RecursionError, MemoryError)):
        _source.compile_source(source)


def test_compiling_takes_nothing_over_from_the_caller():
    """
    What the calling module asks of the future does not count; tracebacks show the source's path.
    """
    source = _source.of_bytes("/shop/tax.py", b"def f(x: y): pass\n")

    plain = _source.compile_source(source)

    assert plain.co_filename == "/shop/tax.py"
    assert plain == compile(source.data, "/shop/tax.py", "exec", dont_inherit=True)


# --- digests -----------------------------------------------------------------------------------------

SAMPLE = '''
    """A module."""
    from __future__ import annotations
    import json as j, os.path
    from json import (dumps, loads)

    RATE: float = 0.2
    TABLE = {"a": 1, "b": (2, 3.5, None, ..., frozenset)}
    if RATE > 0.1 and TABLE or not RATE:
        LOW = {x for x in range(3) if x in {1, 2, 3}}
    elif RATE: LOW = [x for x in TABLE]
    else:
        LOW = None

    @staticmethod
    def rate(amount, *rest, scale=1, **options):
        """Compute a rate."""
        total = 0
        for index, each in enumerate(rest):
            if each is None:
                continue
            while total < amount:
                total += each * scale
                if total > 100: break
            else:
                total = -total
        try:
            first, *others = rest
        except ValueError as error:
            return f"{error!r:>10} {amount}"
        except (TypeError, KeyError):
            raise RuntimeError("rate") from None
        finally:
            options.clear()
        with open(first) as file, file:
            return [line.strip() for line in file if line], lambda: total

    class Tax(dict):
        """A tax."""
        kind = "tax"

        def __init__(self, name="tax"):
            super().__init__()
            self.name = self.title = name

        class Nested:
            def method(self):
                while True:
                    pass

        async def later(self):
            async with self as one:
                async for two in one:
                    await two
            yield self
    assert Tax, "no tax"
'''


def ways_to_write(text):
    """Other ways to write a text, each with a name."""
    text = textwrap.dedent(text)
    lines = text.splitlines()
    yield "as it is", text
    yield "lower", "\n" * 5 + text
    yield "far lower", "\n" * 1000 + text
    yield "at the end of a line", "\n".join(f"{line}  # comment" for line in lines)
    yield "between lines", "\n".join(f"# comment\n{line}\n\n" for line in lines)
    yield "indented deeper", "\n".join(" " * (len(line) - len(line.lstrip())) + line for line in lines)
    yield "unparsed", ast.unparse(ast.parse(text))
    yield "unparsed lower", "\n\n" + ast.unparse(ast.parse(text))
    yield "with spaces", text.replace(", ", " ,  ").replace(" = ", "  =   ")
    yield "with line feeds", text.replace(", ", " ,\\\n  ").replace(" = ", " = \\\n ")
    yield "with semicolons", text.replace("total = 0\n", "total = 0;\n").replace("continue", "continue;")


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name.replace(" ", "-")) for name, text in ways_to_write(SAMPLE)]
)
def test_layout_does_not_count(text):
    """
    Comments, blank lines, indentation, line breaks and positions make no difference.
    """
    one, other = compiled(SAMPLE), compiled(text, "elsewhere.py")

    assert _source.digest(one) == _source.digest(other)
    assert _source.is_same_code(one, other)


# Each group holds ways to write one thing; things of different groups are different.
GROUPS = [
    ["", "\n\n", "# comment", "pass"],
    ["x = 1", "x = (1)", "x=1;", "x = 0x1", "x = 2 - 1"],
    ["x = True", "x = not False"],
    ["x = 1.0", "x = 1e0"],
    ["x = 1j"],
    ["x = '1'", 'x = "1"', "x = '' '1'", "x = '\\x31'"],
    ["x = b'1'"],
    ["x = 2"],
    ["x = 1000", "x = 1_000"],
    ["x = 0.0"],
    ["x = -0.0"],
    ["x = 0"],
    ["x = False"],
    ["x = None"],
    ["x = ..."],
    ["x = ''"],
    ["x = '\\ud800'"],
    ["x = 10 ** 30"],
    ["x = 10 ** 30 + 1"],
    ["x = 1e999"],
    ["x = (1, 2)", "x = 1, 2", "x = (1,\n  2)"],
    ["x = (1, 2.0)"],
    ["x = (1.0, 2.0)"],
    ["x = (True, 2)"],
    ["x = (2, 1)"],
    ["x = ((1, 2),)"],
    ["x = ('tuple', 1, 2)"],
    ["x = ()"],
    ["x = y in {1, 2}"],
    ["x = y in {1, 2.0}"],
    ["x = y in {1, 2, 3}", "x = y in {\n 1, 2,\n 3}"],
    ["x = y in {'a', 'b', 'c'}"],
    ["x = y in ('a', 'b', 'c')", "x = y in ['a', 'b', 'c']"],
    ["x = y[1:2]"],
    ["x = y[1:3]"],
    ["x = y[1:2:3]"],
    ["y = 1"],
    ["x: int = 1", "x : int = 1"],
    ["x = 1; y = 2", "x = 1\n\ny = 2"],
    ["y = 2; x = 1"],
    ["x = y + z", "x = y \\\n + z", "x = (y)+(z)"],
    ["x = z + y"],
    ["x = y - z"],
    ["x = y.z"],
    ["x = y.z()"],
    ["x = y(z)"],
    ["x = y(z=z)"],
    ["x = y(*z)"],
    ["x = y == z"],
    ["x = not y == z"],
    ["x = y != z"],
    ["x = y is z"],
    ["x = y and z"],
    ["x = y or z"],
    ["x = y if z else w"],
    ["x = w if z else y"],
    [
        "if x: y()",
        "if x:\n y()",
        "if x: y() # comment",
        "if (\n x\n): y()",
        "while x:\n y()\n break",
        "if x:\n\n    y()\nelse: pass",
    ],
    ["if not x: y()"],
    ["if x is None: y()"],
    ["if x is not None: y()"],
    ["if x: y()\nelse: z()", "if x:\n y()\nelse:\n\n z()"],
    ["if x: z()\nelse: y()"],
    ["if x: y()\nz()"],
    ["if x and y: z()"],
    ["if x or y: z()"],
    ["while x: y()", "while x:\n y()"],
    ["while x: y()\nelse: z()"],
    ["while True: pass", "while True:\n pass", "while 1:\n pass\n pass"],
    ["while True: y()"],
    ["while x: pass"],
    ["while x:\n if y: break\n z()"],
    ["while x:\n if y: continue\n z()"],
    ["for x in y: z()"],
    ["for x in y: z(); break"],
    ["for y in x: z()"],
    ["try: x()\nexcept E: y()", "try:\n x()\nexcept E:\n y()"],
    ["try: x()\nexcept F: y()"],
    ["try: x()\nexcept E: z()"],
    ["try: x()\nexcept E as e: y()"],
    ["try: x()\nexcept: y()"],
    ["try: x()\nexcept E: y()\nelse: z()"],
    ["try: x()\nexcept E: y()\nfinally: z()"],
    ["try: x()\nfinally: y()"],
    ["try: x()\nexcept E: pass\ny()"],
    ["try:\n x()\n y()\nexcept E: pass"],
    ["try:\n while True: pass\nexcept E: y()"],
    ["try:\n while True: pass\nexcept E: z()"],
    ["try: pass\nexcept E: y(1)", "try:\n pass\nexcept E:\n y(1)", "try:\n pass\nexcept E: y(2)"],
    ["with x: y()", "with x:\n  y()", "with (x): y()"],
    ["with x as z: y()"],
    ["with x: pass\ny()"],
    [
        "def f(): pass",
        "def f():\n pass",
        "def f():\n  return None",
        "def f(): return",
        "def f( ) : pass",
        "def f(): b'doc'",
    ],
    ["def g(): pass"],
    ["async def f(): pass"],
    ["def f(): yield"],
    ["def f(): 'doc'", 'def f():\n """doc"""\n return'],
    ["def f(): 'other'"],
    ["def f(x): pass", "def f(x,): pass"],
    ["def f(y): pass"],
    ["def f(x=1): pass"],
    ["def f(x=1.0): pass"],
    ["def f(*, x): pass"],
    ["def f(x, /): pass"],
    ["def f(*x): pass"],
    ["def f(**x): pass"],
    ["def f(): return 1"],
    ["def f(): return True"],
    ["def f(x): x = 1"],
    ["def f():\n x = 1\n y = 2", "def f(): x = 1; y = 2"],
    ["def f():\n y = 1\n x = 2"],
    ["def f():\n x = 1\n return lambda: x"],
    ["def f():\n x = 1\n return lambda: y"],
    ["def f():\n global x\n x = 1"],
    ["def f():\n def g(): return 1"],
    ["def f():\n def g(): return 2"],
    ["def f():\n def h(): return 1"],
    ["def f(x, y):\n if x: return y\n return x", "def f(x, y):\n if x:\n  return y\n\n return x"],
    ["def f(x, y):\n if x: return x\n return y"],
    ["f = lambda: 1", "f = lambda: (1)", "f = (lambda:\n 1)"],
    ["f = lambda: 2"],
    ["f = lambda x: 1"],
    ["@f\ndef g(): pass", "@f\n\ndef g():\n pass"],
    ["@g\ndef g(): pass"],
    ["class C: pass", "class C:\n pass", "\n\nclass C(): pass"],
    ["class D: pass"],
    ["class C(D): pass"],
    ["class C: 'doc'"],
    ["class C: x = 1", "class C:\n x = 1", "\nclass C: x = 1", "\nclass C:\n\n x = 2 - 1"],
    ["class C: x = 2", "\nclass C: x = 2", "\n\nclass C: x = 2"],
    ["class C:\n x = 1000", "\n" * 999 + "class C: x = 1000", "\n" * 1000 + "class C: x = 1000"],
    ["class C:\n x = 1001", "\n" * 999 + "class C: x = 1001", "\n" * 1000 + "class C: x = 1001"],
    ["class C:\n def f(self): self.x = 1", "\n\nclass C:\n\n def f(self): self.x = 1"],
    ["class C:\n def f(self): self.y = 1"],
    ["class C:\n def f(self): return super()"],
    ["class C: __firstlineno__ = x + y"],
    ["class C: __firstlineno__ = x - y"],
    ["class C: __static_attributes__"],
    ["__static_attributes__ = __firstlineno__"],
    ["x = [y for y in z]", "x = [y\n for y in z]", "x = [y for y in z if 'true']"],
    ["x = [z for y in z]"],
    ["x = {y for y in z}"],
    ["x = {y: y for y in z}"],
    ["x = (y for y in z)"],
    ["x = [y for y in z if y]"],
    ["x = f'{y}'", 'x = f"{y}"', "x = f'{ y }'"],
    ["x = f'{y!r}'"],
    ["x = f'{y:>3}'"],
    ["import x", "import x # comment"],
    ["import x.y"],
    ["import x.y as x"],
    ["import x as y"],
    ["from x import y", "from x import (y)", "from x import (\n y,\n)"],
    ["from x import z"],
    ["from x import *"],
    ["from . import y"],
    ["from .. import y"],
    ["from .x import y"],
    ["del x"],
    ["raise x"],
    ["raise x from y"],
    ["assert x"],
    ["assert x, y"],
    ["match x:\n case 1: y()", "match x:\n case (1):\n  y()"],
    ["match x:\n case 2: y()"],
    ["from __future__ import annotations"],
]


def test_digests_are_equal_within_a_group_only():
    """
    Ways to write one thing have one digest; the slightest other thing has another.
    """
    digests = [{_source.digest(compiled(text)) for text in group} for group in GROUPS]

    assert [group for group, found in zip(GROUPS, digests, strict=True) if len(found) > 1] == []
    alike = [
        (one[0], other[0])
        for (one, first), (other, second) in itertools.combinations(zip(GROUPS, digests, strict=True), 2)
        if first & second
    ]
    assert alike == []


def test_same_code_is_code_with_one_digest():
    """
    Comparing any two code objects says what their digests say.
    """
    codes = [compiled(text) for group in GROUPS for text in group]
    digests = [_source.digest(code) for code in codes]

    for (one, first), (other, second) in itertools.combinations(zip(codes, digests, strict=True), 2):
        assert _source.is_same_code(one, other) == (first == second)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def f[T: int](y: T): return y", marks=SINCE_312),
        pytest.param("type X[T] = y[T]", marks=SINCE_312),
        pytest.param("class C[T](y[T]):\n x: T = 1", marks=SINCE_312),
        pytest.param("x = t'{y} {z!r:>3}'", marks=SINCE_314),
        "try: x()\nexcept* E: z(y)",
        "x: int\nclass C:\n y: str = ''",
    ],
)
def test_new_syntax_has_digests_as_the_old(text):
    """
    Newer kinds of code are compared by the same rule.
    """
    one, lower, other = (
        compiled(text),
        compiled(f"# comment\n\n{text}"),
        compiled(re.sub(r"\by\b", "w", text)),
    )

    assert _source.digest(one) == _source.digest(lower)
    assert _source.digest(one) != _source.digest(other)


def test_digests_are_the_same_in_every_process():
    """
    Neither hash seeds nor having been executed changes a digest.
    """
    text = textwrap.dedent(SAMPLE)
    program = f"from modreg import _source; print(_source.digest(compile({text!r}, 'module.py', 'exec')))"

    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1", "2")
    }

    assert found == {_source.digest(compiled(SAMPLE))}


def test_having_run_does_not_change_a_digest():
    """
    The interpreter's rewriting of code that ran often does not count.
    """
    text = "def f(x, y):\n    for each in range(3): x = x + y.real\n    return x\n"
    namespace = {}
    exec(compiled(text), namespace)
    fresh = {}
    exec(compiled(text), fresh)

    for _ in range(3000):
        namespace["f"](1, 2)

    assert _source.digest(namespace["f"].__code__) == _source.digest(fresh["f"].__code__)
    assert _source.is_same_code(namespace["f"].__code__, fresh["f"].__code__)


def test_more_than_one_byte_of_arguments_is_read():
    """
    Code with more names, constants and distances than a byte can number is compared by the same rule.
    """
    lines = [f"if name{number}: name{number} = {number + 1000}" for number in range(400)]
    one = "\n".join(["while unknown:", *(f" {line}" for line in lines), "else: x = 1"])

    assert _source.is_same_code(compiled(one), compiled(one.replace(": name", ":\n  name")))
    assert not _source.is_same_code(compiled(one), compiled(one.replace("1399", "1398")))
    assert _source.digest(compiled(one)) != _source.digest(compiled(one.replace("name399:", "name398:")))


# Programs by chance: statements of statements, over few names, so that equal parts often meet. Each `try` has
# something in it that can raise, for a handler that cannot run counts for nothing.
NAMES = st.sampled_from(["a", "b", "c"])
ATOMS = NAMES | st.sampled_from(["0", "1", "True", "None", "'a'", "1.5", "()", "..."])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{}({}, k={})".format, NAMES, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("[{} for {} in {} if {}]".format, inner, NAMES, inner, inner),
        st.builds("(lambda {}: {})".format, NAMES, inner),
        st.builds("({}, {})".format, inner, inner),
    ),
    max_leaves=6,
)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAMES, EXPRESSIONS),
    st.builds("{}".format, EXPRESSIONS),
    st.builds("{}.{} += {}".format, NAMES, NAMES, EXPRESSIONS),
    st.builds("import {}".format, NAMES),
    st.builds("assert {}".format, EXPRESSIONS),
    st.just("pass"),
)


def block(head, *tail):
    """A compound statement's text, its parts indented."""
    return "\n".join([head, *(textwrap.indent(each, " ") if each[-1] != ":" else each for each in tail)])


STATEMENTS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds(lambda test, one: block(f"if {test}:", one), EXPRESSIONS, inner),
        st.builds(lambda test, one, two: block(f"if {test}:", one, "else:", two), EXPRESSIONS, inner, inner),
        st.builds(lambda test, one, two: block(f"while {test}:", one, "else:", two), EXPRESSIONS, inner, inner),
        st.builds(lambda name, one: block(f"for {name} in b:", one, "if a: break", "continue"), NAMES, inner),
        st.builds(lambda one, two: block("try:", "b()", one, "except a as e:", two), inner, inner),
        st.builds(lambda one, two: block("try:", one, "finally:", two), inner, inner),
        st.builds(lambda name, one: block(f"with {name} as c:", one), NAMES, inner),
        st.builds(lambda name, one: block(f"def {name}(a, *b, c=1):", one, "return c"), NAMES, inner),
        st.builds(lambda name, one: block(f"class {name}:", one), NAMES, inner),
        st.builds("{}\n{}".format, inner, inner),
    ),
    max_leaves=8,
)


def commented(text, draw):
    """Comments and blank lines put in, and statements after a colon joined to it where that is possible."""
    lines = []
    for line in text.splitlines():
        lines += draw(st.sampled_from([[], ["# comment"], ["", "   # comment", ""]]))
        lines.append(line + draw(st.sampled_from(["", "  ", "  # comment"])))
    return "\n".join(lines)


@hypothesis.settings(deadline=None)
@hypothesis.given(STATEMENTS, st.data())
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_layout_of_no_program_counts(text, data):
    """
    However a program is laid out, its digest is the same: as written, unparsed, with comments put in.
    """
    code = compiled(text)

    unparsed = compiled(ast.unparse(ast.parse(text)))
    other = compiled(commented(text, data.draw))
    for each in (unparsed, other):
        assert _source.digest(each) == _source.digest(code)
        assert _source.is_same_code(each, code)


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(STATEMENTS, st.data())
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_constants_and_names_tell_no_layout(text, data):
    """
    By what the code of a program has, an edit of its layout is never taken for one of what it says.
    """
    text = f"class C:\n{textwrap.indent(text, '    ')}\n"
    other = f"\n\n{commented(text, data.draw)}"

    found = [[each for each in compiled(one).co_consts if isinstance(each, types.CodeType)] for one in (text, other)]

    assert _positions.moves(*found) is not None


def on_one_line(text):
    """A program compiled as if all of it stood on one line, where the compiler removes all that cannot run."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    return compile(tree, "module.py", "exec", dont_inherit=True)


def listing(code):
    """All that a listing of the bytecode shows, and of the code within it."""
    own = re.sub("<code object .*>", "", dis.Bytecode(code).dis())
    inner = [listing(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    return own, code.co_names, code.co_varnames, inner


@hypothesis.settings(deadline=None)
@hypothesis.given(STATEMENTS, st.data())
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_change_of_any_program_counts(text, data):
    """
    A program with one name changed has another digest, if the compiler makes anything of that name.
    """
    tree = ast.parse(text)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    hypothesis.assume(names)
    data.draw(st.sampled_from(names)).id = "other"

    one, other = compiled(text), compiled(ast.unparse(tree))

    is_same = listing(on_one_line(text)) == listing(on_one_line(ast.unparse(tree)))
    assert (_source.digest(one) == _source.digest(other)) == is_same
    assert _source.is_same_code(one, other) == is_same


@pytest.mark.parametrize(
    ("other", "is_near"), [(b"A = 3\n", True), (b"", True), (b"".join(b"B%d = %d\n" % (n, n * n) for n in range(300)), False)]
)
def test_a_text_is_held_as_the_difference_from_one_that_is_like_it(other, is_near):
    """
    The bytes are the same however they are held; a difference is held only where it is far smaller than the text.
    """
    text = b"".join(b"def f%d(): return %d\n" % (n, n) for n in range(200))
    near = _source.of_bytes("m.py", text).packed()
    source = _source.of_bytes("m.py", text + other if is_near else other)

    packed = source.packed(near)

    assert packed.data == source.data
    assert packed == source
    assert (packed.near is near) == is_near
    assert near.data == text
    assert len(packed._held) < len(source.data) / 2


def test_a_text_beyond_what_zlib_sees_is_held_whole():
    """
    Too far back nothing that is the same is found.
    """
    text = b"".join(b"def f%d(): return %d\n" % (n, n) for n in range(4000))
    near = _source.of_bytes("m.py", text).packed()

    packed = _source.of_bytes("m.py", text + b"A = 1\n").packed(near)

    assert packed.near is None
    assert packed.data == text + b"A = 1\n"
