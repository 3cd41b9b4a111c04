"""Functions that left the source, and say so to whoever still holds and calls them."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import NoReturn, TypeGuard

import attrs

from modreg._journal import Journal
from modreg._patch import have_call
from modreg.errors import RemovedError


@attrs.frozen(eq=False)
class _Removed:
    """What is called in the place of a function that is gone."""

    module: str
    name: str
    number: int

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise RemovedError(self.module, self.name, self.number)


def retire(
    former: Mapping[str, object], namespace: Mapping[str, object], owner: str, number: int, journal: Journal
) -> int:
    """
    Let the functions that the module *owner* no longer defines, from a version on, raise where they are called.

    Where new functions came with the same edit, one of them may be the old one renamed: nobody can tell, so
    what is held goes on as it was.

    Returns:
        How many functions that were.
    """
    own = {name: value for name, value in namespace.items() if _is_own(value, owner)}
    if own.keys() - former.keys():
        return 0
    present = {id(value) for value in own.values()}
    left = [value for name, value in former.items() if name not in namespace and id(value) not in present]
    gone = [value for value in left if _is_own(value, owner)]
    for function in gone:
        have_call(function, _Removed(owner, function.__qualname__, number), journal)
    return len(gone)


def _is_own(value: object, owner: str) -> TypeGuard[FunctionType]:
    return type(value) is FunctionType and value.__module__ == owner
