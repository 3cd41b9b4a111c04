"""Statement by statement: what is compiled of an edited source does what the whole does."""

import ast
import re
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modreg import _source, _statements, _uses
from modreg._statements import Body

PIECES = [
    "import os.path as path, re, sys as system\n",
    "def calls(x=lambda: re.compile('x')):\n    @path.join(1)\n    def w(): return re.escape('x'), os.getcwd(), x.y()\n    return os.path.join(x), w\n",
    "@os.fspath\ndef text(): return split.x()\n",
    "R = re.compile(\n'x')\n",
    "class S:\n    def m(self): return super().m(), super\n",
    "super = super\n",
    "import os\n",
    "from os import *\n",
    "from os.path import (\n    join,\nsplit,\n)\n",
    "X = 1\n",
    "X = [\n1,\n2]\n",
    "X = 1; Y = 2\n",
    "X: int = 3\n",
    "Z: 'str'\n",
    "del X\n",
    "X = \\\n  5\n",
    "'a string'\n",
    "('in parentheses')\n",
    "r'raw' 'and more'\n",
    "TEXT = '''\ndef no(): pass\n# no comment\n'''\n",
    'TEXT = """one""" + "\'\'\'"\n',
    "# a comment\n",
    "\n\n",
    "    # an indented comment\n",
    "\f\nW = 1\n",
    "def f(a, b=2, *c, d: int = 4):\n    'doc'\n    return [a for _ in c]\n",
    "@staticmethod\n@(\nlambda x: x\n)\ndef g():\n    global X\n    X = 9\n",
    "async def h():\n    async with a: yield 1\n",
    "class C:\n    'doc'\n    x: int = 1\n\n    def m(self):\n        return __class__\n",
    "class D(C if 'C' in globals() else object):\n    y = [n for n in range(3)]\n    def m(self): self.z = 1\n",
    "if X_is_there := 'X' in globals():\n    A = 1\nelif 0:\n    A = 2\nelse:\n    A = 3\n",
    "try:\n    B = A\nexcept NameError:\n    B = 0\nelse:\n    B = 1\nfinally:\n    E = 1\n",
    "for i in range(2):\n    def inner(i=i):\n        def more():\n            nonlocal i\n            i += 1\n        return more\n",
    "while False: pass\n",
    "with __import__('contextlib').suppress(Exception): q = 1/0\n",
    "n = (lambda: (yield))\n",
    "match 3:\n    case 3: M = 1\n    case _: M = 2\n",
    "é = 'ünï'; lam = lambda é: é\n",
    "if True:\n    global X\n    X = 8\n",
    "global Q\n",
    "if '__annotations__' in globals(): del __annotations__\n",
    "print.__doc__\n",
    "def k(): return 'é', 1.5, (1, 2), {3}\n",
]
if sys.version_info >= (3, 12):
    PIECES += ["type T[P] = list[P]\n", "def generic[P](x: P) -> P: return x\n", "class G[P]: v = 1\n"]
HEADS = ["", '"""Doc."""\n', "# note\n\n'doc'\n", "from __future__ import annotations\n", "'d'\nfrom __future__ import annotations\n"]
BROKEN = ["x = (\n", "else:\n    pass\n", "    indented\n", "'''\n", "return 1\n", "@deco\n", "from __future__ import braces\n"]
BROKEN += ["def é(:\n    pass\n", "if X:\n        X\n    X\n", "print 'é'\n", "X = [)\n", "f(X for X in X, 1)\n", "global X\n"]
BROKEN += ["\0\n", "X = 'é\n"]


def source(text):
    return _source.of_bytes("made.py", text.encode())


def codes(code):
    """All code within, each with its positions, in order."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each, list(each.co_positions())
            yield from codes(each)


def run(execute):
    """What executing leaves, in the order of its names, the lines that it ran, and what it raised."""
    namespace = {"__name__": "made", "__builtins__": __builtins__}
    lines, raised = [], None

    def trace(frame, event, arg):
        if frame.f_code.co_filename != "made.py":
            return None
        if event == "line":
            lines.append((frame.f_code.co_name, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        execute(namespace)
    except Exception as error:
        raised = type(error), str(error), error.__traceback__.tb_next.tb_lineno
        trail = error.__traceback__.tb_next
        while trail.tb_next:
            trail = trail.tb_next
        raised = type(error), str(error), trail.tb_lineno
    finally:
        sys.settrace(before)
    return {name: told(value) for name, value in namespace.items() if name != "__builtins__"}, lines, raised


def told(value):
    """What can be told of a value of another run."""
    if isinstance(value, types.FunctionType):
        return value.__code__, told(value.__defaults__), told(value.__kwdefaults__), value.__doc__, told_annotations(value)
    if isinstance(value, type):
        return value.__qualname__, {k: told(v) for k, v in vars(value).items() if isinstance(v, (types.FunctionType, str, int))}
    if isinstance(value, (tuple, list)):
        return type(value), [*map(told, value)]
    if isinstance(value, dict):
        return {name: told(each) for name, each in value.items()}
    return repr(value) if isinstance(value, (str, int, float)) else type(value)


def told_annotations(function):
    return repr(getattr(function, "__annotations__", None))


def check(body, text):
    """A body is as good as the code of the whole text."""
    whole = _source.compile_source(source(text))
    statements = [each.code for each in body.statements]

    assert [each for code in statements for each in codes(code)] == list(codes(whole))
    assert body.bound == Body.of_code(whole).bound
    assert body.imports == Body.of_code(whole).imports
    assert [each.line for each in body.imports] == [each.line for each in Body.of_code(whole).imports]
    assert body.string_constant("X") == Body.of_code(whole).string_constant("X")
    left, lines, raised = run(body.execute)
    expected_left, expected_lines, expected_raised = run(lambda namespace: exec(whole, namespace))
    if body.has_annotations and lines != expected_lines:
        del expected_lines[0]  # the making of `__annotations__`, on a line of the compiler's choice
    assert (left, lines, raised) == (expected_left, expected_lines, expected_raised)


def used(body, text):
    """What the statements of a body define and use, as told by it and by its whole text."""
    whole = _uses.statements(text)
    return [
        [(s.names, s.taken, texts(s), s.refs, s.is_definition, s.is_compound, s.is_future) for s in statements]
        for statements in (body.uses() if body.uses() is not None else whole, whole)
    ]


def texts(statement):
    """By definition what a statement says, without positions."""
    return {key: "".join(ast.dump(n) for each in said for n in each.nodes) for key, said in statement.said.items()}


def differing(old, new):
    """Of which definitions two sources say something else, without any short cut."""
    found = {}
    futures = ["__future__" in "".join(each.text for each in side) for side in (old, new)]
    for name in {name for each in (*old, *new) for name in each.names}:
        said = [{}, {}]
        for side, statements in zip(said, (old, new), strict=True):
            for each in statements:
                for key, text in texts(each).items():
                    is_other = futures[0] != futures[1] and re.search("annotation=|returns=", text)
                    if name in each.names and key.partition(".")[0] == name:
                        side[key] = side.get(key, "") + text + (str(side is said[0]) if is_other else "")
        one, other = said
        found.update({key: (key in one, key in other) for key in {**one, **other} if one.get(key) != other.get(key)})
    return found


def compiled(text, before=None):
    """The body, or the error of the whole; both must agree on whether it compiles."""
    try:
        _source.compile_source(source(text))
    except SyntaxError as error:
        expected = error
    else:
        return Body.of(source(text), before)
    with pytest.raises(SyntaxError) as info:
        Body.of(source(text), before)
    assert info.value.args == expected.args
    return None


edits = st.lists(st.sampled_from(PIECES), max_size=8)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(deadline=None, max_examples=150)
@given(st.sampled_from(HEADS), edits, st.sampled_from(HEADS), st.data())
def test_an_edited_source_does_what_the_whole_does(head, pieces, other_head, data):
    """
    Whatever is put in, taken out or exchanged, the statements that are compiled anew and those that are not make the whole.

    That is so too where sources before it were compiled and not taken.
    """
    body = compiled(head + "".join(pieces))
    pieces = list(pieces)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(pieces)))
        pieces[at : at + data.draw(st.integers(0, 2))] = data.draw(st.lists(st.sampled_from(PIECES + BROKEN), max_size=2))
        other = data.draw(st.sampled_from([head, other_head]))
        text = other + "".join(pieces)

        edited = compiled(text, body)

        if edited is not None:
            check(edited, text)
            told, expected = used(edited, text)
            assert told == expected
            if body is not None and body.uses() is not None and edited.uses() is not None:
                assert _uses.differing(body.uses(), edited.uses()) == differing(body.uses(), edited.uses())
            body = data.draw(st.sampled_from([edited, body]))


@pytest.mark.parametrize("text", PIECES)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_every_kind_of_statement_moves(head, text):
    """A statement that stands further down after an edit has the positions that it would be compiled with there."""
    body = compiled(head + "W = 1\n" + text)

    edited = compiled(head + "W = 1\nV = 2\n\n" + text, body)

    if edited is not None:
        check(edited, head + "W = 1\nV = 2\n\n" + text)


def test_only_what_changed_is_compiled():
    """Statements whose text is the same keep their code objects."""
    text = "A = 1\n\ndef f():\n    return 1\n\n@f\ndef g():\n    return '''\nx\n'''\n\nclass C:\n    pass\n"
    body = Body.of(source(text))

    edited = Body.of(source(text.replace("return 1", "return 2")), body)

    kept = [one.code is other.code for one, other in zip(body.statements, edited.statements, strict=True)]
    assert kept == [True, False, True, True]


def test_a_source_that_was_not_taken_is_not_compiled_again():
    """
    After an attempt that failed only what is other than in it is compiled.
    """
    text = "A = 1\n\ndef f():\n    return 1\n\ndef g():\n    return 1\n"
    body = Body.of(source(text))
    edited = text.replace("return 1", "return 2")
    with pytest.raises(SyntaxError):
        Body.of(source(edited + "x = (\n"), body)
    left = body.tried

    first, second = (Body.of(source(edited + f"x = {number}\n"), body) for number in (1, 2))

    kept = [one.code is other.code for one, other in zip(first.statements, second.statements, strict=True)]
    assert kept == [True, True, True, False]
    assert all(one.code is other.code for one, other in zip(left, first.statements[:3], strict=True))


@pytest.mark.parametrize("head", ["", "# coding: utf-8\n", "# coding: latin-1\n", "\ufeff"])
@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_is_told_as_of_the_whole(tmp_path, mistake, head):
    """
    What is wrong with a source is said in the same words, with the line of its file, wherever it begins.
    """
    path = tmp_path / "made.py"
    text = f"{head}A = 'é'\n\ndef f():\n    return A\n\nX = 1\n"
    encoding = "latin-1" if "latin" in head else "utf-8"
    body = Body.of(_source.of_bytes(str(path), text.encode(encoding)))
    path.write_bytes(f"{text}{mistake}Y = 1\n".encode(encoding))
    edited = _source.read(str(path))
    with pytest.raises((SyntaxError, ValueError)) as whole:
        _source.compile_source(edited)

    with pytest.raises((SyntaxError, ValueError)) as told:
        Body.of(edited, body)

    assert (told.type, told.value.args) == (whole.type, whole.value.args)


def test_what_is_no_statement_is_forgotten_with_its_text():
    """
    Of a literal that is edited line by line only the pieces that the source has are known as pieces.
    """
    body = compiled("SIZES = (\n0,\n2)\n")
    for number in range(1, 20):
        body = compiled(f"SIZES = (\n{number},\n2)\n", body)

    assert 0 < len(body.broken) < 5


def test_a_docstring_is_the_first_statement_alone():
    """A string that is first no more is no docstring; one that is first now is."""
    body = Body.of(source("'doc'\nX = 1\n'later'\n"))

    edited = Body.of(source("X = 1\n'doc'\n'later'\n"), body)
    again = Body.of(source("'later'\nX = 1\n'doc'\n"), body)

    assert "__doc__" not in run(edited.execute)[0]
    assert run(again.execute)[0]["__doc__"] == repr("later")


def test_a_feature_of_the_future_is_one_of_every_statement():
    """Where a ``from __future__`` comes or goes, all statements are compiled with it or without."""
    text = "from __future__ import annotations\n\ndef f(x: undefined): pass\n"
    body = Body.of(source(text))
    edited = Body.of(source(text + "Y = 1\n"), body)
    namespace = {}

    edited.execute(namespace)

    assert namespace["f"].__annotations__ == {"x": "undefined"}
    assert edited.statements[-2].code is body.statements[-1].code
    assert Body.of(source("import os\n" + text.partition("\n")[2]), body).flags == 0


@pytest.mark.parametrize("data", [b"# coding: latin-1\nX = '\xe9'\n", b"\xef\xbb\xbfX = '\xc3\xa9'\n", "X = 'é'\r\nY = 1\r".encode()])
def test_encodings_and_line_ends_are_the_compilers(data):
    """Bytes are decoded as the compiler decodes them."""
    made = _source.of_bytes("made.py", data)
    body = Body.of(made)
    namespace = {}

    body.execute(namespace)

    assert namespace["X"] == "é"
    assert [each for s in body.statements for each in codes(s.code)] == list(codes(_source.compile_source(made)))


def test_annotations_are_deleted_once():
    """A module that deletes its dict of annotations has none from there on, as in the whole."""
    text = "X: int = 1\ndel __annotations__\ntry:\n    Y: int = 2\nexcept NameError as error:\n    Y = repr(error)\n"

    assert run(Body.of(source(text)).execute) == run(lambda ns: exec(_source.compile_source(source(text)), ns))


def test_statements_of_another_file_are_compiled_anew():
    """Code tells its file: a source that moved shares nothing with what it was."""
    text = "def f(): pass\n"
    body = Body.of(_source.of_bytes("before.py", text.encode()))

    moved = Body.of(source(text), body)

    assert moved.statements[0].code.co_filename == "made.py"


def test_annotations_exist_before_the_first_of_them():
    """The dict of annotations is there before the first statement, as in the whole; from 3.14 on they are not evaluated."""
    text = "N = list(globals())\nX: int = 1\n"

    assert run(Body.of(source(text)).execute) == run(lambda ns: exec(_source.compile_source(source(text)), ns))


@pytest.mark.parametrize("size", [10, 1000])
@pytest.mark.parametrize("changed", [0, 0.3, 0.7, 1])
def test_a_source_is_divided_where_that_saves_work(size, changed):
    """
    Statement by statement is compiled what mostly stands in the source before too, or is small.
    """
    old = [f"def f{n}():\n    return 'before'\n" for n in range(size)]
    new = [each.replace("before", "after") if n < changed * size else each for n, each in enumerate(old)]

    is_near = _statements.is_near(source("".join(old)), source("".join(new)))

    assert is_near is (changed < 0.5 or size == 10)
