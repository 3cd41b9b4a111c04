"""Assignments that work a value out of other values, with operators alone."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from types import CodeType
from typing import Final

import attrs

from modreg._refs import path_of, targets

_NO_NAMES: Final[dict[str, object]] = {"__builtins__": {}}


@attrs.frozen(eq=False)
class Formula:
    """
    A statement that gives one name a value, calls nothing and changes nothing, if all that it takes are constants.

    It can be worked out by itself, as often as one likes, as a cell of a spreadsheet.

    Attributes:
        name: The name that it binds.
        inputs: What it takes, as dotted names.
    """

    name: str
    inputs: tuple[tuple[str, ...], ...]
    _code: CodeType

    @classmethod
    def of(cls, node: ast.stmt) -> Formula | None:
        """The formula that a statement is."""
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            return None
        target, *others = targets(node)
        if others or not isinstance(target, ast.Name) or target.id == "__all__":  # what others are to star imports
            return None
        if (inputs := _inputs(node.value)) is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # the module has been compiled before
            code = compile(ast.Expression(node.value), "<formula>", "eval", dont_inherit=True)
        return cls(target.id, inputs, code)

    def value(self, names: Mapping[str, object]) -> object:
        """
        What it comes to with what its names stand for.

        Raises:
            Exception: Whatever an operator raises.
        """
        return eval(self._code, _NO_NAMES, names)  # noqa: S307  # operators, nothing else


def _inputs(value: ast.expr) -> tuple[tuple[str, ...], ...] | None:
    """The dotted names in an expression; `None` if there is more in it than these, constants and operators."""
    found: dict[tuple[str, ...], None] = {}
    queue: list[ast.AST] = [value]
    for node in queue:  # it grows while it is walked
        if isinstance(node, (ast.Name, ast.Attribute)):
            if not (path := path_of(node)):
                return None
            found[path] = None
        elif isinstance(node, _PARTS) and not _is_of_identity(node):
            queue.extend(ast.iter_child_nodes(node))
        else:
            return None
    return tuple(found)


def _is_of_identity(node: ast.AST) -> bool:
    """Whether it asks which equal values are one object: that is up to the compiler, which warns of literals there."""
    if not isinstance(node, ast.Compare):
        return False
    values = [getattr(each, "value", ...) for each in (node.left, *node.comparators)]
    sides = [each is None or type(each) is bool for each in values]
    pairs = zip(node.ops, sides, sides[1:], strict=False)
    return any(isinstance(op, (ast.Is, ast.IsNot)) and not (one or other) for op, one, other in pairs)


_PARTS: Final = (
    *(ast.Constant, ast.Tuple, ast.JoinedStr, ast.FormattedValue, ast.Subscript, ast.Slice, ast.IfExp),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
