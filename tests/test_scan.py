"""What bytecode tells of imports and names, checked against the syntax tree and against executing it."""

import ast
import importlib
import importlib.util
import itertools
import json
import pathlib
import symtable
import sys
import textwrap
import warnings

import pytest

from modreg import _scan
from modreg._scan import Import

SINCE_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is of 3.12")
SINCE_315 = pytest.mark.skipif(sys.version_info < (3, 15), reason="PEP 810 is of 3.15")

# Part of the standard library: all kinds of imports, in 170,000 lines or so.
LIBRARY = pathlib.Path(json.__file__).parents[1]
FILES = [
    file
    for name in ("asyncio", "concurrent", "email", "http", "importlib", "json", "logging", "unittest", "xml")
    for file in sorted((LIBRARY / name).rglob("*.py"))
]
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LIBRARY)))

# More names than one byte counts.
MANY = "\n".join(f"name{number} = {number + 1000}" for number in range(300))


def compiled(source):
    return compile(textwrap.dedent(source), "module.py", "exec", dont_inherit=True)


def scan(source):
    return _scan.imports(compiled(source))


def library_code(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(file.read_bytes(), str(file), "exec", dont_inherit=True)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import tax", [Import(module="tax")]),
        ("import tax.rates", [Import(module="tax.rates")]),
        ("import tax as t", [Import(module="tax")]),
        ("import tax.rates as r", [Import(module="tax.rates")]),
        ("import tax.rates.eu as r", [Import(module="tax.rates.eu")]),
        ("import tax, cfg", [Import(module="tax"), Import(module="cfg")]),
        ("from tax import rate", [Import(module="tax", names=("rate",))]),
        ("from tax import rate as r, table", [Import(module="tax", names=("rate", "table"))]),
        ("from tax.rates import *", [Import(module="tax.rates", names=("*",))]),
        ("from . import tax", [Import(module="", level=1, names=("tax",))]),
        ("from .tax import rate", [Import(module="tax", level=1, names=("rate",))]),
        ("from ...tax import *", [Import(module="tax", level=3, names=("*",))]),
        (f"from {'.' * 300} import tax", [Import(module="", level=300, names=("tax",))]),
        ("x = 1", []),
        ("__import__('tax')", []),
    ],
)
def test_imports_are_as_written(statement, expected):
    """
    Every form of the import statement is told by module, level and names.
    """
    assert list(scan(statement)) == expected


@pytest.mark.parametrize(
    ("source", "is_toplevel"),
    [
        ("import tax", True),
        ("class Tax:\n import tax", True),
        ("class Tax:\n class Rate:\n  import tax", True),
        ("if unknown:\n import tax", True),
        ("try:\n pass\nfinally:\n import tax", True),
        ("def f():\n import tax", False),
        ("async def f():\n import tax", False),
        ("def f():\n class Tax:\n  import tax", False),
        ("class Tax:\n def f(self):\n  import tax", False),
        pytest.param("class Tax[T]:\n import tax", True, marks=SINCE_312),
        pytest.param("def f[T]():\n import tax", False, marks=SINCE_312),
    ],
)
def test_imports_in_functions_are_not_toplevel(source, is_toplevel):
    """
    What runs when the module is executed is top level: bodies of modules and classes, not functions.
    """
    assert scan(source) == (Import(module="tax", is_toplevel=is_toplevel),)


@pytest.mark.parametrize(
    ("source", "is_toplevel"),
    [
        ("if TYPE_CHECKING:\n import tax", False),
        ("if TYPE_CHECKING:\n pass\n import tax", False),
        ("if t.TYPE_CHECKING:\n import tax", False),
        ("if TYPE_CHECKING:\n if unknown:\n  import tax", False),
        ("if TYPE_CHECKING and unknown:\n import tax", False),
        ("class Tax:\n if TYPE_CHECKING:\n  import tax", False),
        ("if not TYPE_CHECKING:\n import tax", True),
        ("if TYPE_CHECKING:\n pass\nelse:\n import tax", True),
        ("if TYPE_CHECKING:\n pass\nimport tax", True),
        ("if TYPE_CHECKING or unknown:\n import tax", True),
        ("if unknown or TYPE_CHECKING:\n import tax", True),
        ("TYPE_CHECKING = True\nif TYPE_CHECKING and f(TYPE_CHECKING):\n pass\nif unknown:\n import tax", True),
    ],
)
def test_imports_for_type_checkers_alone_are_not_toplevel(source, is_toplevel):
    """
    What stands under ``if TYPE_CHECKING:`` is never run, whatever stands around it.
    """
    assert scan(source) == (Import(module="tax", is_toplevel=is_toplevel),)


@pytest.mark.parametrize(
    ("source", "is_guarded"),
    [
        ("import tax", False),
        ("try:\n import tax\nexcept ImportError:\n pass", True),
        ("with suppress(ImportError):\n import tax", True),
        ("try:\n pass\nfinally:\n import tax", False),
        ("try:\n pass\nexcept ImportError:\n pass\nelse:\n import tax", False),
        ("try:\n pass\nexcept ImportError:\n pass\nimport tax", False),
    ],
)
def test_imports_whose_error_may_be_caught_are_told(source, is_guarded):
    """
    An error may be caught where an import stands in the body of a ``try`` or ``with`` statement.
    """
    assert [each.is_guarded for each in scan(source)] == [is_guarded]


def test_imports_stand_in_the_order_of_their_lines():
    """
    Functions and handlers, which the compiler puts elsewhere, do not disturb the order of the lines.
    """
    found = scan(
        """
        import one
        try:
            import two
        except ImportError:
            import three
        def f():
            import four
            def g():
                import five
        class Six:
            import six
        import seven; import eight
        """
    )

    modules = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    assert [each.module for each in found] == modules
    assert [each.line for each in found] == [2, 4, 6, 8, 10, 12, 13, 13]


def test_lines_are_no_part_of_a_comparison():
    """
    Two imports are equal if they ask for the same, wherever they stand.
    """
    assert scan("import tax") == scan("\n\nimport tax")


def test_imports_after_many_names_and_constants_are_read():
    """
    Arguments above 255, which need more than one instruction, are put together.
    """
    found = scan(f"{MANY}\nfrom ..tax import rate\ndef f():\n import cfg\nimport tax.rates\n")

    assert list(found) == [
        Import(module="tax", level=2, names=("rate",)),
        Import(module="cfg", is_toplevel=False),
        Import(module="tax.rates"),
    ]


@SINCE_315
@pytest.mark.parametrize(
    "statement",
    ["lazy import tax", "lazy import tax.rates", "lazy from tax import rate, table", "import tax"],
)
def test_lazy_imports_are_as_others(statement):
    """
    With ``lazy`` before it an import is told as without it.
    """
    assert scan(statement) == scan(statement.removeprefix("lazy "))


@SINCE_315
def test_lazy_imports_after_many_names_are_read():
    """
    The flags of a lazy import do not disturb the name's index, however high.
    """
    (found,) = scan(f"{MANY}\nlazy from tax import rate\n")

    assert found == Import(module="tax", names=("rate",))


@every_file
def test_imports_are_those_of_the_syntax_tree(file):
    """
    The import statements of the standard library's files are those that its syntax trees show.
    """
    expected = set()

    def visit(node, is_toplevel):
        if isinstance(node, ast.Import):
            expected.update((node.lineno, each.name, 0, (), is_toplevel) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(each.name for each in node.names)
            expected.add((node.lineno, node.module or "", node.level, names, is_toplevel))
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, is_toplevel and not is_function)

    visit(ast.parse(file.read_bytes()), True)

    found = _scan.imports(library_code(file))

    assert {(each.line, each.module, each.level, each.names, each.is_toplevel) for each in found} == expected


def test_code_with_added_instructions_is_read():
    """
    Imports are found in bytecode that a tool has rewritten, with ``NOP`` between the instructions.
    """
    code = compiled("from tax import rate")
    nop = bytes([_scan.dis.opmap["NOP"], 0])
    spread = b"".join(nop + code.co_code[at : at + 2] for at in range(0, len(code.co_code), 2))

    found = _scan.imports(code.replace(co_code=spread, co_linetable=b""))

    assert found == (Import(module="tax", names=("rate",)),)


def test_imports_of_code_without_constants_are_refused():
    """
    Bytecode that no compiler makes is an error, not a guess.
    """
    code = compiled("import tax")
    at = code.co_code.index(_scan.dis.opmap["IMPORT_NAME"])

    with pytest.raises(ValueError, match="no constant"):
        _scan.imports(code.replace(co_code=code.co_code[at:]))


# --- from-imports of a running frame -----------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An imported package ``scanned`` with submodules, whose spec notes what each import of it asks for."""
    folder = tmp_path / "scanned"
    folder.mkdir()
    (folder / "__init__.py").write_text("rate = 1\n")
    (folder / "sub.py").write_text("table = {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("scanned")
    importlib.import_module("scanned.sub")
    asked = []

    class Observed(type(module.__spec__)):
        """A spec that the import system asks, at each import, whether its module is being initialised."""

        @property
        def _initializing(self):
            frame = sys._getframe(1)
            asked.append(_scan.fromlist_at(frame.f_code, frame.f_lasti))
            return False

        @_initializing.setter
        def _initializing(self, value):
            pass

    module.__spec__.__class__ = Observed
    module.asked = asked
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "scanned"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import scanned", ()),
        ("import scanned as s", ()),
        ("from scanned import sub", ("sub",)),
        ("from scanned import rate as r, sub", ("rate", "sub")),
        ("from scanned import *", ("*",)),
        (f"{MANY}\nfrom scanned import sub", ("sub",)),
        ("class Tax:\n from scanned import sub", ("sub",)),
        ("def f():\n from scanned import sub\nf()", ("sub",)),
        ("if True:\n from scanned import sub\nimport scanned", ("sub",)),
        ("[i for i in range(3)]\nfrom scanned import sub", ("sub",)),
    ],
)
def test_running_import_tells_what_it_asks_for(package, statement, expected):
    """
    Code that runs while a statement imports sees in its frame which names the statement asks for.
    """
    exec(compiled(statement), {"__name__": "importing"})

    assert package.asked[0] == expected


@pytest.mark.parametrize("times", [1, 5000])
def test_running_import_is_read_in_hot_code(package, times):
    """
    The interpreter's own rewriting of code that ran often does not hide the import.
    """
    code = compiled("def f():\n    from scanned import sub, rate\n    return sub\n")
    namespace = {"__name__": "importing"}
    exec(code, namespace)

    for _ in range(times):
        namespace["f"]()

    assert set(package.asked) == {("sub", "rate")}


def test_running_import_is_read_under_a_tracer(package):
    """
    A tracer, which rewrites the instructions it watches, does not hide the import.
    """
    code = compiled("import json\nfrom scanned import sub\n")
    tracer = sys.gettrace()

    sys.settrace(lambda frame, event, argument: sys.gettrace())
    try:
        exec(code, {"__name__": "importing"})
    finally:
        sys.settrace(tracer)

    assert package.asked[0] == ("sub",)


def test_running_call_of_import_asks_for_nothing(package):
    """
    ``importlib.import_module`` and ``__import__`` are no import statements: nothing is asked for.
    """
    exec(compiled("__import__('scanned')"), {"__name__": "importing"})
    importlib.import_module("scanned")

    assert set(package.asked) == {()}


def test_only_imports_are_imports():
    """
    At each offset of a code object, valid or not, it is told whether an import is there, and what it asks for.
    """
    code = compiled("x = 1\nfrom tax import rate\nimport cfg\n")
    offsets = range(-2, len(code.co_code) + 2, 2)

    asked = [_scan.fromlist_at(code, lasti) for lasti in offsets]
    found = [lasti for lasti in offsets if _scan.is_import_at(code, lasti)]

    assert [asked[lasti // 2 + 1] for lasti in found] == [("rate",), ()]
    assert asked.count(()) == len(asked) - 1


# --- names of modules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "package", "expected"),
    [
        ("import tax.rates", "shop", "tax.rates"),
        ("from tax import rate", "", "tax"),
        ("from . import tax", "shop", "shop"),
        ("from .tax import rate", "shop", "shop.tax"),
        ("from .tax.rates import eu", "shop.cart", "shop.cart.tax.rates"),
        ("from .. import tax", "shop.cart", "shop"),
        ("from ..tax import rate", "shop.cart", "shop.tax"),
    ],
)
def test_names_resolve_against_the_package(statement, package, expected):
    """
    Leading dots stand for the package and the packages around it.
    """
    (found,) = scan(statement)

    assert _scan.resolve(found, package) == expected


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("package", ["", "shop", "shop.cart", "shop.cart.item"])
@pytest.mark.parametrize("module", ["", "tax", "tax.rates"])
def test_names_resolve_by_the_rule_of_importlib(level, package, module):
    """
    Every relative name gives what `importlib` makes of it, be it an `ImportError`.
    """
    imp = Import(module=module, level=level, names=("rate",))

    def outcome(resolve, *arguments):
        try:
            return resolve(*arguments)
        except ImportError:
            return ImportError

    expected = outcome(importlib.util.resolve_name, "." * level + module, package)
    assert outcome(_scan.resolve, imp, package) == expected
    assert (expected is ImportError) == (len(package.split(".")) < level or not package)


# --- names of the namespace --------------------------------------------------------------------------

BINDINGS = [
    ("", set()),
    ("'''Documentation.'''", {"__doc__"}),
    ("x = 1", {"x"}),
    ("x = y = 1", {"x", "y"}),
    ("(x, [y, *z]) = 1, [2, 3]", {"x", "y", "z"}),
    ("x = 1\nx += 1", {"x"}),
    ("x = [0]\nx[0] = 1", {"x"}),
    ("import json", {"json"}),
    ("import importlib.util", {"importlib"}),
    ("import importlib.util as u", {"u"}),
    ("from json import dumps as d, loads", {"d", "loads"}),
    ("def f(a, b=1):\n c = a", {"f"}),
    ("f = lambda a: (b := a)", {"f"}),
    ("class C:\n x = 1\n def f(self): pass", {"C"}),
    ("for x, y in [(1, 2)]: z = x", {"x", "y", "z"}),
    ("for x in []: pass\nelse: y = 1", {"x", "y"}),
    ("while True:\n x = 1\n break", {"x"}),
    ("if len('') > 2: x = 1\nelse: y = 2", {"x", "y"}),
    ("try:\n x = 1\nexcept KeyError as e:\n y = 2\nfinally:\n z = 3", {"x", "e", "y", "z"}),
    ("try:\n {}[1]\nexcept KeyError as e:\n x = 1", {"e", "x"}),
    ("import contextlib\nwith contextlib.nullcontext() as x: y = 1", {"contextlib", "x", "y"}),
    ("match [1, {'a': 2}]:\n case [x, {'a': y, **z}]: pass", {"x", "y", "z"}),
    ("(x := 1)", {"x"}),
    ("x = [i for i in range(3)]", {"x"}),
    ("x = [y := i for i in range(3)]", {"x", "y"}),
    ("x = {(y := i): (z := i) for i in range(3)}", {"x", "y", "z"}),
    ("x = list(y := i for i in range(3))", {"x", "y"}),
    ("x = [lambda: i for i in range(3)]", {"x"}),
    ("x = [[(y := j) for j in range(i)] for i in range(3)]", {"x", "y"}),
    ("x = (lambda: [z := 1 for _ in 'a'])()", {"x"}),
    ("def f():\n global x\n x = 1\nf()", {"f", "x"}),
    ("def f():\n def g():\n  global x\n  import json as x\n g()\nf()", {"f", "x"}),
    ("def f():\n global x\n for x in [1]: pass\nf()", {"f", "x"}),
    ("def f():\n global C\n class C: pass\nf()", {"f", "C"}),
    ("class C:\n global x\n x = 1", {"C", "x"}),
    ("def f():\n global x\n return x", {"f"}),
    ("x = 1\ndel x", {"x"}),
    ("try:\n del x\nexcept NameError: pass", set()),
    ("TYPE_CHECKING = False\nif TYPE_CHECKING:\n import json\nelse:\n x = 1", {"TYPE_CHECKING", "x"}),
    ("import typing\nif typing.TYPE_CHECKING:\n x = 1\ny = 1", {"typing", "y"}),
    ("def f():\n global x\n del x", {"f"}),
    (MANY, {f"name{number}" for number in range(300)}),
    (f"def f():\n global late\n late = {list(range(1000, 1300))}\nf()", {"f", "late"}),
    pytest.param("type X = int", {"X"}, marks=SINCE_312),
    pytest.param("def f[T](x: T): y = x", {"f"}, marks=SINCE_312),
    pytest.param("class C[T]:\n y = 1", {"C"}, marks=SINCE_312),
    pytest.param("lazy import json", {"json"}, marks=SINCE_315),
    pytest.param("lazy from json import dumps as d", {"d"}, marks=SINCE_315),
]


@pytest.mark.parametrize(("source", "expected"), BINDINGS)
def test_bound_names_are_those_that_can_be_bound(source, expected):
    """
    Every way to bind a name of the module counts, wherever it is; parameters, locals and attributes do not.
    """
    assert _scan.bound_names(compiled(source)) == expected


@pytest.mark.parametrize(("source", "expected"), BINDINGS)
def test_execution_binds_no_other_names(source, expected):
    """
    Executing the code leaves no name that was not to be expected.
    """
    code = compiled(source)
    namespace = {"__name__": "scanned"}

    exec(code, namespace)

    assert set(namespace) - {"__name__", "__builtins__"} <= _scan.bound_names(code)


def test_annotations_bind_what_the_compiler_keeps_them_in():
    """
    An annotation binds its name only with a value; what holds the annotations is told as well.
    """
    found = _scan.bound_names(compiled("x: int\ny: str = ''\n"))

    holders = {"__annotations__", "__annotate__", "__conditional_annotations__"}
    assert found - holders == {"y"}
    assert found & holders


class WithoutInlining(ast.NodeTransformer):
    """Makes generators of all comprehensions, whose variables the symbol table would list as the module's."""

    def visit_ListComp(self, node):
        return ast.GeneratorExp(self.visit(node.elt), [self.visit(each) for each in node.generators])

    def visit_SetComp(self, node):
        return self.visit_ListComp(node)

    def visit_DictComp(self, node):
        pair = ast.Tuple([self.visit(node.key), self.visit(node.value)], ast.Load())
        return ast.GeneratorExp(pair, [self.visit(each) for each in node.generators])


@every_file
def test_bound_names_are_those_of_the_symbol_table(file):
    """
    The names that the standard library's modules bind are those that the compiler's symbol table shows.
    """
    expected = set()

    def visit(table):
        for symbol in table.get_symbols():
            is_bound = symbol.is_assigned() or symbol.is_imported()
            if is_bound and (table.get_type() == "module" or symbol.is_declared_global()):
                expected.add(symbol.get_name())
        for child in table.get_children():
            visit(child)

    source = ast.unparse(WithoutInlining().visit(ast.parse(file.read_bytes())))
    visit(symtable.symtable(source, str(file), "exec"))

    found = _scan.bound_names(library_code(file))

    made_by_the_compiler = {"__doc__", "__annotations__", "__annotate__", "__conditional_annotations__"}
    assert found - made_by_the_compiler == expected - made_by_the_compiler


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("__version__ = '1.2'", "1.2"),
        ("__version__ = ''", ""),
        ("__version__: str = '1.2'", "1.2"),
        ("__version__ = '1.2'\nx = 1\n__version__ = '1.3'", "1.3"),
        ("__version__ = version = '1.2'", "1.2"),
        ("a = b = __version__ = c = '1.2'", "1.2"),
        ("__version__ = '1' '.2'", "1.2"),
        ("if x:\n y = 1\n__version__ = '1.2'", "1.2"),
        ("if x:\n y = 1\nelse:\n y = 2\n__version__ = '1.2'", "1.2"),
        ("for x in y:\n pass\n__version__ = '1.2'", "1.2"),
        ("while x:\n if y: break\n__version__ = '1.2'\nif z: a = 1", "1.2"),
        ("try:\n import tax\nexcept ImportError:\n tax = None\n__version__ = '1.2'", "1.2"),
        ("with x as y:\n z = 1\n__version__ = '1.2'", "1.2"),
        ("x = [y for y in z if y]\n__version__ = '1.2'", "1.2"),
        ("if not x:\n raise ImportError\n__version__ = '1.2'", "1.2"),
        (f"{MANY}\n__version__ = '1.2'\n{MANY}", "1.2"),
        (f"if x:\n pass\n{MANY}\na = __version__ = b = '1.2'", "1.2"),
        ("__version__ = '1.2'\nif x:\n __version__ = '1.3'", "1.2"),
        ("try:\n from x import __version__\nexcept ImportError:\n __version__ = 'unknown'", None),
        ("try:\n from x import __version__\nfinally:\n y = 1", None),
        ("if x:\n __version__ = '1.2'", None),
        ("if x:\n __version__ = '1.2'\nelse:\n __version__ = '1.3'", None),
        ("for x in y:\n __version__ = '1.2'", None),
        ("while x:\n __version__ = '1.2'", None),
        ("__version__ = '1.2' if x else '1.3'", None),
        ("__version__ = x or '1.2'", None),
        ("__version__ = x and '1.2'", None),
        ("__version__ = '1.2' + x", None),
        ("__version__ = f'1.{x}'", None),
        ("__version__ = '1.2'.strip()", None),
        ("__version__ = 1.2", None),
        ("__version__ = b'1.2'", None),
        ("__version__ = ('1.2', )", None),
        ("__version__ = x = y", None),
        ("__version__: '1.2'", None),
        ("from x import __version__", None),
        ("import __version__", None),
        ("version = '1.2'", None),
        ("x.__version__ = '1.2'", None),
        ("class C:\n __version__ = '1.2'", None),
        ("def f():\n __version__ = '1.2'", None),
        ("def f():\n global __version__\n __version__ = '1.2'", None),
        ("x = '1.2'; __version__ += '1.3'", None),
        ("", None),
    ],
)
def test_string_constant_is_what_is_always_assigned(source, expected):
    """
    The last literal that the module's body assigns whatever happens is found, and nothing else.
    """
    assert _scan.string_constant(compiled(source), "__version__") == expected


def test_string_constant_is_what_execution_leaves():
    """
    Where a constant is found in a module without other assignments, executing it leaves that constant.
    """
    targets = ["__version__ = ", "a = __version__ = ", "__version__ = a = ", "a = __version__ = b = "]
    before = ["", "if a0: a = 1\n", "try: a0\nexcept NameError: pass\n", "a = 1\n", MANY + "\n"]
    after = ["", "\nif a0: b = 1", "\nfor b in (): pass", "\nb = 'other'"]
    for prologue, target, epilogue in itertools.product(before, targets, after):
        code = compiled(f"{prologue}{target}'1.2'{epilogue}\n")
        namespace = {"a0": 0}

        exec(code, namespace)

        assert _scan.string_constant(code, "__version__") == namespace["__version__"] == "1.2"


def test_nothing_is_executed():
    """
    Scanning runs nothing of what it scans.
    """
    code = compiled("import sys\nsys.scanned = True\nfrom . import *\n__version__ = '1'\n")

    for scanning in (_scan.imports, _scan.bound_names):
        scanning(code)
    _scan.string_constant(code, "__version__")

    assert not hasattr(sys, "scanned")


@pytest.mark.parametrize("word", ["import_module", "__import__"])
def test_imports_by_call_are_found_by_their_looks(word):
    """
    Each `import_module` and `__import__` counts, but behind a number sign; at the top level if it is not indented.
    """
    text = (
        "A, B = import_module('a'), importlib.import_module( 'b.c' )\n"
        "def f():\n    return [import_module(\n        \"d\")]\n"
        "# import_module('e')\nmy_import_module('g')\nimport_module(name)\nimport_module('h')  # import_module('i')\n"
        "import_module('..j', __package__)\nimport_module('k.' + name)\nimport_module(f'l.{name}')\n"
    )

    found = _scan.imports_by_call(text.replace("import_module", word))

    assert [(each.module, each.level, each.is_toplevel) for each in found] == [
        ("a", 0, True), ("b.c", 0, True), ("d", 0, False), ("", 0, True), ("h", 0, True),
        ("j", 2, True), ("", 0, True), ("", 0, True),
    ]  # fmt: skip
    assert [each.is_computed for each in found] == [False, False, False, True, False, False, True, True]
    assert _scan.imports_by_call("X = 1\n") == ()


@pytest.mark.parametrize(
    ("text", "count"),
    [("X = A if B else C", 1), ("X = A < B < C", 1), ("X = 1; X = 2", 2), ("X = 1\nX = 1", 2), ("X = 1\ndel X", 2)],
    ids=str,
)
def test_copies_that_the_compiler_makes_of_a_binding_are_one(text, count):
    """
    From 3.12 on the ways out of a choice may end with the same instruction each.
    """
    assert _scan.bindings(compile(text, "module.py", "exec")) == ["X"] * count
