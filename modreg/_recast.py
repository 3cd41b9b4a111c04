"""Classes made once more, with bases that CPython does not let them be given."""

from __future__ import annotations

from collections.abc import Callable
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

from modreg._classes import bases_of, is_of_c, table
from modreg._journal import MISSING, ClassAttribute, ClassField

Kept = Callable[[Any], Any]


def recast(cls: Any, kept: Kept) -> Any | None:  # classes of any metaclass
    """
    One like a new class that derives from the kept classes; `None` where it is of C, or these do not go together.

    CPython exchanges neither classes one of which has `typing.Generic` for its base and the other nothing, nor, up to
    3.11, those with slots and ``__weakref__`` among them.

    Nobody is told: neither the metaclass nor ``__init_subclass__`` is asked twice for one definition.
    """
    bases = tuple(map(kept, bases_of(cls)))
    ways = () if is_of_c(cls) else (_Quiet, _QuietAndOpen)
    made = next((x for each in ways if (x := _bare(cls, kept(type(cls)), bases, each))), None)
    if made is None:
        return None
    laid_down = {*_slots(cls), *_OF_INSTANCES}
    for name in [each for each in {**table(cls), **table(made)} if each not in laid_down]:
        ClassAttribute(made, name).put(kept(table(cls).get(name, MISSING)))
    return made


_OF_INSTANCES: Final = ("__dict__", "__weakref__")
"""What a class lays down for its instances besides slots."""


def _bare(cls: Any, kind: Any, bases: tuple[Any, ...], quiet: type) -> Any | None:  # as above
    """A class with the layout and the names of another, and nothing else in it; `None` where the bases do not go."""
    name, qualified = (type.__dict__[each].__get__(cls) for each in ("__name__", "__qualname__"))
    own = [each for each in _OF_INSTANCES if type(table(cls).get(each)) is GetSetDescriptorType]
    body = {"__qualname__": qualified, "__slots__": (*_slots(cls), *own)}
    try:
        made = type.__new__(kind, name, (quiet, *bases), body)
        ClassField(made, "__bases__").put(bases)
    except TypeError:  # they do not go together, or lay down something else than the first one, which counts then
        return None
    return made


def _slots(cls: Any) -> list[str]:  # as above
    entries = table(cls).items()
    return [name for name, each in entries if type(each) is MemberDescriptorType and each.__objclass__ is cls]


class _Quiet:
    """A first base that keeps the others from hearing of a subclass."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Tell nobody."""


class _QuietAndOpen:
    """As :class:`_Quiet`, where the kept bases have no slots and take any attribute."""

    def __init_subclass__(cls) -> None:
        """Tell nobody."""
