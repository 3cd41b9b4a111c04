"""The package's own shape: who may import whom, and what a public name needs."""

import ast
import inspect
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import modreg
from modreg import plugins

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "modreg"

# DESIGN, section 10: a module imports from the floors below its own.
FLOORS = [
    {"_model", "errors"},
    {"_formulas", "_graph", "_refs", "_scan", "_scope", "_source", "_statements", "_uses"},
    {
        "_alike",
        "_classes",
        "_closures",
        "_diff",
        "_guard",
        "_holders",
        "_hooks",
        "_journal",
        "_lines",
        "_loop",
        "_pairs",
        "_patch",
        "_positions",
        "_noted",
        "_recast",
        "_registered",
        "_removed",
        "_requests",
        "_snapshot",
        "_state",
        "_successor",
        "_twins",
        "_values",
        "_weak",
        "_window",
    },
    {"_asked", "_chain", "_events", "_history"},
    {"_folders", "_given", "_importer", "_pending", "_quick", "_recorder"},
    {
        "_arrivals",
        "_circles",
        "_containers",
        "_draft",
        "_edges",
        "_elsewhere",
        "_execution",
        "_forecast",
        "_holding",
        "_matters",
        "_needs",
        "_order",
        "_plain",
        "_planner",
        "_program",
        "_registrations",
        "_rehearsal",
        "_retained",
        "_roll",
        "_rollback",
        "_sheet",
        "_spec",
        "_stars",
        "_transaction",
        "_turn",
        "_view",
    },
    {"__init__", "_names", "_registry"},
    {"plugins", "watch"},
    {"__main__", "_cli", "ipython", "pytest_plugin"},
]
FLOOR = {module: number for number, modules in enumerate(FLOORS) for module in modules}
# Within a floor a module may import only from those before it in one of these rows.
ROWS = [
    ["_scan", "_source", "_refs", "_formulas", "_uses", "_statements"],
    [
        "_classes",
        "_journal",
        "_values",
        "_pairs",
        "_snapshot",
        "_diff",
        "_twins",
        "_patch",
        "_positions",
        "_removed",
        "_holders",
        "_alike",
        "_weak",
        "_registered",
        "_noted",
        "_recast",
        "_window",
        "_successor",
        "_closures",
        "_state",
        "_loop",
        "_hooks",
    ],
    ["_events", "_history", "_chain", "_asked"],
    ["_folders", "_quick", "_importer", "_given", "_pending", "_recorder"],
    [
        "_containers",
        "_holding",
        "_view",
        "_sheet",
        "_matters",
        "_needs",
        "_stars",
        "_forecast",
        "_edges",
        "_spec",
        "_draft",
        "_program",
        "_roll",
        "_rehearsal",
        "_arrivals",
        "_circles",
        "_planner",
        "_transaction",
        "_turn",
        "_plain",
        "_rollback",
        "_registrations",
        "_retained",
        "_elsewhere",
        "_order",
        "_execution",
    ],
    ["_registry", "_names", "__init__"],
    ["_cli", "__main__"],
]
THIRD_PARTY = {"attrs", "packaging"}
# A front end of something is loaded where that something is installed.
EXTRAS = {"pytest_plugin": {"pytest"}, "watch": {"watchfiles"}}
# What a later Python brings; it may be imported behind a test of the version.
LATER_STANDARD_LIBRARY = {"annotationlib", "compression", "profiling"}


@attrs.frozen(kw_only=True)
class Statement:
    """
    One import of one thing, as a file of the package says it.

    Attributes:
        by: The module of the package that imports; a subpackage counts as one module.
        line: Where, as ``modreg/_graph.py:12``.
        target: Absolute name of the module imported from.
        name: What is taken from it; `None` for the module itself.
        for_types: Whether it stands under ``TYPE_CHECKING``.
    """

    by: str
    line: str
    target: str
    name: str | None = None
    for_types: bool = False

    @property
    def module(self):
        """Which module of the package it imports; `None` for another package's."""
        top, *below = self.target.split(".")
        if top != "modreg":
            return None
        if not below and self.name is not None and is_module(self.name):
            return self.name
        return below[0] if below else "__init__"


def may_import(by, module):
    """Whether the floors let a module import from another."""
    below_in_row = any(by in row and module in row[: row.index(by)] for row in ROWS)
    return FLOOR[module] < FLOOR[by] or below_in_row


def is_module(name):
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()


def module_of(path):
    """The module of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources():
    return sorted(PACKAGE.rglob("*.py"))


def statements(path):
    """All imports in a file: in functions, under ``TYPE_CHECKING``, by ``import_module("...")`` too."""
    tree = ast.parse(path.read_bytes())
    package = ("modreg", *path.relative_to(PACKAGE).parent.parts)
    for_types = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for child in ast.walk(statement)
    }

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            target = ".".join([*base, *filter(None, [node.module])])
            found = [(target, alias.name) for alias in node.names]
        elif is_import_call(node):
            found = [(node.args[0].value, None)]
        else:
            continue
        for target, name in found:
            yield Statement(
                by=module_of(path),
                line=f"{path.relative_to(ROOT)}:{node.lineno}",
                target=target,
                name=name,
                for_types=node in for_types,
            )


def is_import_call(node):
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"import_module", "__import__"}
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


def all_statements():
    return [statement for path in sources() for statement in statements(path)]


def public_classes():
    """The classes that modreg defines and offers."""
    for name in modreg.__all__:
        value = getattr(modreg, name)
        if inspect.isclass(value) and value.__module__.partition(".")[0] == "modreg":
            yield name, value


def definition(cls):
    """The class statement of a class, or `None` where it was made without one."""
    path = Path(inspect.getfile(cls))
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return node
    return None


def data_attributes(cls):
    """Public attributes of a class that cannot have a docstring: fields, members, what ``__init__`` sets."""
    body = definition(cls).body
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            targets = [
                target
                for node in ast.walk(statement)
                for target in assigned(node)
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
            ]
            names = [target.attr for target in targets]
        elif isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            continue  # A string after the assignment documents it.
        else:
            names = [target.id for target in assigned(statement) if isinstance(target, ast.Name)]
        yield from (name for name in names if not name.startswith("_"))


def assigned(node):
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def documentation(cls):
    """The docstrings of a class and of those of its bases that are modreg's."""
    bases = [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "modreg"]
    return "\n".join(filter(None, (base.__doc__ for base in bases)))


def code_in(markdown):
    """The headings, code spans and code blocks of a page."""
    return "\n".join(re.findall(r"^#+ .*$|^```.*?^```|`[^`\n]+`", markdown, re.MULTILINE | re.DOTALL))


def test_every_module_has_a_floor():
    """
    A module has its place in the table of floors, or a rule for its imports is missing.
    """
    modules = {module_of(path) for path in sources()}

    assert modules - set(FLOOR) == set()


def test_imports_go_down_only():
    """
    A module imports from floors below its own, in functions and under ``TYPE_CHECKING`` too.
    """
    wrong = [
        f"{statement.line}: {statement.by} imports {statement.module}"
        for statement in all_statements()
        if statement.module not in {None, statement.by}
        if not may_import(statement.by, statement.module)
    ]

    assert wrong == []


def test_front_ends_use_public_names_alone():
    """
    What stands above the facade takes from modreg what anybody may: public modules and names in ``__all__``.
    """
    wrong = []
    for path in sources():
        if FLOOR[module_of(path)] <= FLOOR["__init__"]:
            continue
        for statement in statements(path):
            if statement.module in {None, statement.by} or FLOOR[statement.module] == FLOOR[statement.by]:
                continue
            is_private = any(part.startswith("_") for part in statement.target.split("."))
            is_missing = statement.module == "__init__" and statement.name not in {None, *modreg.__all__}
            if is_private or is_missing or (statement.name or "").startswith("_"):
                wrong.append(f"{statement.line}: {statement.target} {statement.name or ''}")
        wrong += [
            f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(ast.parse(path.read_bytes()))
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).partition(".")[0] == "modreg"
            if re.match("_(?!_)", node.attr)
        ]

    assert wrong == []


def test_run_time_imports_are_the_standard_library_attrs_and_packaging():
    """
    At run time modreg imports the standard library, attrs and packaging; what it is a plugin of only in that plugin.
    """
    known = {"modreg", "__future__", *sys.stdlib_module_names, *LATER_STANDARD_LIBRARY, *THIRD_PARTY}

    wrong = [
        f"{statement.line}: {statement.target}"
        for statement in all_statements()
        if not statement.for_types
        if statement.target.partition(".")[0] not in known | EXTRAS.get(statement.by, set())
    ]

    assert wrong == []


def test_declared_dependencies_are_attrs_and_packaging():
    """
    Installing modreg installs attrs and packaging, and nothing else.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    declared = {re.match(r"[\w.-]+", dependency).group() for dependency in project["dependencies"]}

    assert declared == THIRD_PARTY


def loaded_by(statement):
    """What a statement loads in a fresh interpreter."""
    places = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    code = f"import sys; sys.path += {places!r}; before = {{*sys.modules}}; {statement}; print(*{{*sys.modules}} - before)"
    # Without site (-S), for a .pth file there could have loaded modules already.
    return set(subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).split())


def test_import_loads_nothing_else():
    """
    ``import modreg`` loads no other module: what stands behind the names comes with the first of them.
    """
    assert loaded_by("import modreg") == {"modreg"}


def test_installation_stays_light():
    """
    Installed and used no further, modreg has loaded nothing that only a front end or a rare question needs.
    """
    rare = {"argparse", "asyncio", "difflib", "html", "json", "logging", "packaging.specifiers", "pathlib", "sqlite3"}

    loaded = loaded_by("import modreg; modreg.install()")

    assert "modreg._planner" in loaded
    assert loaded & rare == set()


@pytest.mark.parametrize("name", ["nothing_of_the_kind", "_nothing"])
def test_a_name_that_is_not_there_is_an_attribute_error(name):
    """
    Asked for a name that it does not have, the package answers as any module.
    """
    with pytest.raises(AttributeError, match=f"module 'modreg' has no attribute '{name}'"):
        getattr(modreg, name)


def test_public_names_are_listed_in_order():
    """
    ``__all__`` is sorted and has no name twice.
    """
    assert list(modreg.__all__) == sorted(set(modreg.__all__))


def test_public_names_are_the_ones_there():
    """
    ``__all__`` lists each name of modreg that begins without an underscore, and none that is not there.
    """
    assert callable(modreg.install)  # With the first name the others come.
    # A submodule becomes an attribute of its package when it is imported, listed or not.
    there = {
        name
        for name, value in vars(modreg).items()
        if not name.startswith("_")
        if not (isinstance(value, ModuleType) and value.__name__ == f"modreg.{name}")
    }
    listed = {name for name in modreg.__all__ if not name.startswith("__")}

    assert listed == there
    assert [name for name in modreg.__all__ if not hasattr(modreg, name)] == []


def test_public_names_have_docstrings():
    """
    Every public function and class says what it is, in its own docstring.
    """
    values = {name: getattr(modreg, name) for name in modreg.__all__}
    without = [
        name
        for name, value in values.items()
        if inspect.isclass(value) or callable(value)
        if not (vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__)
    ]

    assert without == []


def test_public_methods_have_docstrings():
    """
    Every public method and property of a public class says what it does, itself or where it is overridden.
    """
    kinds = (classmethod, staticmethod, property)
    without = [
        f"{name}.{attribute}"
        for name, cls in public_classes()
        for attribute, value in vars(cls).items()
        if not attribute.startswith("_")
        if inspect.isfunction(value) or isinstance(value, kinds) or hasattr(value, "__set_name__")
        if not inspect.getdoc(getattr(cls, attribute))
    ]

    assert without == []


def test_public_attributes_are_in_the_docstring():
    """
    Every field, member and attribute of a public class is named in the docstring of the class.
    """
    without = [
        f"{name}.{attribute}"
        for name, cls in public_classes()
        if definition(cls) is not None
        for attribute in data_attributes(cls)
        if not re.search(rf"\b{attribute}\b", documentation(cls))
    ]

    assert without == []


def test_public_names_are_in_the_reference():
    """
    ``docs/reference.md`` has every public name, in a heading or as code.
    """
    reference = code_in((ROOT / "docs" / "reference.md").read_text("utf-8"))

    without = [name for name in modreg.__all__ if not re.search(rf"\b{name}\b", reference)]

    assert without == []


def test_names_of_the_plugins_are_in_the_reference():
    """
    So does it have every public name of ``modreg.plugins``, and every method of a host.
    """
    reference = code_in((ROOT / "docs" / "reference.md").read_text("utf-8"))
    names = [*plugins.__all__, *(name for name in vars(plugins.Host) if not name.startswith("_"))]

    without = [name for name in names if not re.search(rf"\b{name}\b", reference)]

    assert without == []
    assert list(plugins.__all__) == sorted(plugins.__all__)
