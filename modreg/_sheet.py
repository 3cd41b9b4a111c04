"""What formulas of a module come to with what others have now, worked out beside its namespace."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import ModuleType, SimpleNamespace

import attrs

from modreg._formulas import Formula
from modreg._holding import is_still
from modreg._importer import space_of
from modreg._journal import MISSING
from modreg._statements import Body
from modreg._twins import is_alike
from modreg._uses import Statement
from modreg._values import is_atom
from modreg._view import View


class _OtherError(Exception):
    """Something is no constant, or it is not known by the sources what it would be."""


@attrs.define(eq=False)
class Sheet:
    """
    What a module would give to names, were it executed, as far as that is told by formulas.

    Args:
        view: Its source.
        body: What that compiles to.
        namespace: Its namespace, which stays as it is.
        former: What names of other modules stood for before, where they stand for something else now.

    Attributes:
        values: By name what it comes to.
        told: Those of them that were told as news.
    """

    view: View
    body: Body
    namespace: Mapping[str, object]
    former: Mapping[tuple[str, str], object]
    values: dict[str, object] = attrs.field(factory=dict)
    told: dict[str, object] = attrs.field(factory=dict)
    _taken: dict[str, object] = attrs.field(factory=dict)

    def work_out(self, formulas: Iterable[Formula]) -> bool:
        """Work out formulas, with those of the module that they take from; whether all came to constants."""
        with suppress(_OtherError, RecursionError):
            for each in formulas:
                if each.name not in self.values:
                    self._work_out(each)
            return True
        return False

    def news(self) -> dict[str, object]:
        """What comes out otherwise than it stands in the namespace, and was not told yet."""
        values = ((name, value) for name, value in self.values.items() if name not in self.told)
        found = {name: value for name, value in values if not is_alike(self.namespace[name], value)}
        self.told.update(found)
        return found

    def _work_out(self, formula: Formula) -> None:
        name = formula.name
        if not self._is_alone(name) or not _is_constant(self.namespace.get(name, MISSING)):
            raise _OtherError
        inputs = {path[0]: self._input(path) for path in formula.inputs}
        try:
            value = formula.value(inputs)
            before = formula.value(self._before(formula))
        except Exception as error:  # when it is executed, the module raises it by itself
            raise _OtherError from error
        if not _is_constant(value) or not is_alike(before, self.namespace[name]):
            raise _OtherError
        self.values[name] = value

    def _before(self, formula: Formula) -> dict[str, object]:
        """What the names that a formula takes stood for when the module was executed, if nobody has set them since."""
        found: dict[str, object] = {}
        for path in formula.inputs:
            _put(found, path, self._former(path))
        return found

    def _former(self, path: tuple[str, ...]) -> object:
        """What dotted names, which lead to a constant now, led to before."""
        names, module = self.namespace, self.view.name
        for each in path[:-1]:
            names = vars(names[each])
            module = names["__name__"]
        value = self.former.get((module, path[-1]), names[path[-1]])
        if not _is_constant(value):
            raise _OtherError
        return value

    def _is_alone(self, name: str) -> bool:
        """Whether one statement of the module binds a name, and no import and no function does."""
        return not self.view.stars and name in self.body.bound_once

    def _input(self, path: tuple[str, ...]) -> object:
        """What the first of dotted names stands for, if they lead to a constant."""
        name, *rest = path
        found = self._taking(name) if name in self.view.taken else self._own(name)
        value = found
        for each in rest:
            if type(value) is not ModuleType or sys.modules.get(value.__name__) is not value:
                raise _OtherError
            value = vars(value).get(each, MISSING)
        if not _is_constant(value):
            raise _OtherError
        return found

    def _own(self, name: str) -> object:
        if name not in self.values:
            formulas = [each.formula for each in self._statements.get(name, ())]
            if len(formulas) != 1 or formulas[0] is None or formulas[0].name != name:
                raise _OtherError
            self._work_out(formulas[0])
        return self.values[name]

    @functools.cached_property
    def _statements(self) -> dict[str, list[Statement]]:
        """By name the statements that bind it, or may change what it stands for."""
        found: dict[str, list[Statement]] = {}
        for each in self.view.statements or ():
            for name in each.names:
                found.setdefault(name, []).append(each)
        return found

    def _taking(self, name: str) -> object:
        """What an import gives a name, if it has given that, or what has been there, to it before."""
        if name not in self._taken:
            taken, *others = self.view.taken[name]
            module = self.view.absolute(taken)
            had = self.namespace.get(name, MISSING)
            now = space_of(module).get(taken.name, MISSING) if taken.name else sys.modules.get(module, MISSING)
            is_its = had is now or is_still(had, self.former.get((module, taken.name), MISSING))
            is_own = module == self.view.name  # and may be about to be worked out
            if others or is_own or now is MISSING or not is_its or not self._is_alone(name):
                raise _OtherError
            self._taken[name] = now
        return self._taken[name]


def _put(names: dict[str, object], path: tuple[str, ...], value: object) -> None:
    """Have dotted names lead to a value."""
    *first, last = path
    for each in first:
        names = vars(names.setdefault(each, SimpleNamespace()))
    names[last] = value


def _is_constant(value: object) -> bool:
    """Whether a value is nothing but what it says, can never change, and has operators that take nothing else."""
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return is_atom(type(value)) and type(value).__module__ != "decimal"  # what these come to is up to a context
