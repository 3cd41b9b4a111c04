"""What an execution registers again, in the place of what it stands for."""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from modreg._classes import is_class
from modreg._journal import Contents, counted_off, is_dict
from modreg._values import ATOMS, attributes, is_definition, is_holder, label_of, parts
from modreg._weak import target

Element = Any  # what stands in a container: of a dict a pair of key and value

Theirs = Callable[[Element], frozenset[str]]
"""Which of a module's names an element stands for."""


def settle(place: Contents, before: Any, again: Collection[int], renewed: set[int]) -> None:  # as it was got there
    """
    Let what the code put into a container stand where it had put the same before, which goes.

    A route that has another path now, a tuple or a command made around a function, an instance of a plugin's class:
    each is there once, and what the program registered besides stays.

    Args:
        place: The container.
        before: What it held before the execution.
        again: The identities of the definitions that were made anew, and kept.
        renewed: The identities of elements, of a dict of its keys, that were registered again where they are; what is
            found to be so is added.
    """
    if place.is_holding(before):
        return
    now: list[Element] = [*place.get()]
    is_of_pairs, identity = is_dict(place.container), _identity_in(place)
    is_hashed = issubclass(type(place.container), (dict, set))
    back = _brought_back(now, before, is_of_pairs=is_of_pairs) if is_hashed else {}
    if back:
        renewed.update(map(identity, back.values()))
        now = [back.get(identity(each), each) for each in now]
    added = {*counted_off(range(len(now)), map(identity, before), lambda at: identity(now[at]))[1]}
    repeated = _repeated(now, added)
    left = [x for at, x in enumerate(now) if at not in added]
    former = set(map(id, left))
    more = [now[at] for at in sorted(added - repeated) if id(now[at]) not in former]
    if repeated and not is_of_pairs:
        renewed.update(map(id, counted_off(left, (_signature(now[at]) for at in repeated), _signature)[0]))
    free = [x for x in left if identity(x) not in renewed]
    instead = matched([x for x in more if any(id(each) in again for each in _stands_for(x))], free, again)
    if instead or repeated or back:
        place.put(tuple(exchanged([x for at, x in enumerate(now) if at not in repeated], instead)))


def _identity_in(place: Contents) -> Callable[[Element], int]:
    """What tells the elements of a container from one another: the pairs of a dict go by their keys."""
    return (lambda pair: id(pair[0])) if is_dict(place.container) else id


def _brought_back(now: Sequence[Element], before: Iterable[Element], *, is_of_pairs: bool) -> dict[int, Element]:
    """
    What stood in a set or dict and gave way to an equal element, made of the same objects, in whose place it stands.

    Returns:
        By the identity of the present elements, of a dict of its keys; of a dict with the present values.
    """
    present = {id(each[0] if is_of_pairs else each) for each in now}
    former = [each[0] if is_of_pairs else each for each in before]
    gone = {_signature(key): key for key in former if id(key) not in present}
    known = set(map(id, former))
    found: dict[int, Element] = {}
    for each in now if gone else ():
        key = each[0] if is_of_pairs else each
        mine = gone.get(_signature(key)) if id(key) not in known else None
        if mine is not None:
            found[id(key)] = (mine, each[1]) if is_of_pairs else mine
    return found


def _repeated(now: Sequence[Element], added: Collection[int]) -> set[int]:
    """The places of what was added though the same, made of the same objects, is there anyway."""
    there = (_signature(x) for at, x in enumerate(now) if added and at not in added)
    again, _ = counted_off(sorted(added), there, lambda at: _signature(now[at]))
    return {at for at in again if _is_told(now[at])}


def _is_told(element: Element) -> bool:
    """Whether it is more than data: made of definitions, or of modules."""
    is_of_modules = ModuleType in map(type, _parts(element))
    return is_of_modules or next(_stands_for(element), None) is not None


def _signature(element: Element) -> object:
    """What an element is made of: the same once more is what was registered before."""
    return tuple((type(each), each if id(type(each)) in ATOMS else id(each)) for each in _parts(element))


def withdraw(place: Contents, before: Any, told: Theirs) -> None:  # as above
    """
    Take out what a former source registered, as far as the execution did not register it again.

    What the execution put in is not exchanged for what is kept yet; *told* says of names registered no more.
    """
    identity = _identity_in(place)
    whole = (lambda pair: (id(pair[0]), id(pair[1]))) if is_dict(place.container) else id
    known, keys = set(map(whole, before)), set(map(identity, before))
    now: list[Element] = [*place.get()]
    again = Counter(told(each) for each in now if identity(each) not in keys)
    kept = []
    for each in now:
        names = told(each) if whole(each) in known else frozenset()
        again[names] -= 1
        if not names or again[names] >= 0:
            kept.append(each)
    if len(kept) < len(now):
        place.put(tuple(kept))


def take_out(place: Contents, is_theirs: Callable[[Element], object]) -> bool:
    """Take some elements out of a container; whether there were any."""
    now = tuple(place.get())
    left = tuple(each for each in now if not is_theirs(each))
    place.put(left)
    return len(left) < len(now)


def put_back(place: Contents, before: Any, told: Theirs) -> None:  # as above
    """Put what was taken out back to where it was, but for keys that there are again."""
    now: list[Element] = [*place.get()]
    if is_dict(place.container):
        again = dict(now)
        back = {key: value for key, value in before if key in again or told(unwrapped((key, value)))}
        pairs = {key: _outer(value, again.get(key, value)) for key, value in back.items()}
        place.put((*pairs.items(), *(each for each in now if each[0] not in pairs)))
        return
    have = set(map(id, now))
    former = [each for each in before if id(each) in have or told(unwrapped(each))]
    place.put((*former, *counted_off(now, map(id, before), id)[1]))


def unwrapped(element: Element) -> Element:
    """An element with the functions that those in it wrap, one inside another; some lead to themselves."""
    found = [*_parts(element)]
    seen = set(map(id, found))
    for each in found:  # it grows while it is walked
        inside = parts(each) if type(each) is FunctionType and len(found) < _WRAPPED else ()
        more = {id(value): value for _, value in inside if type(value) is FunctionType and id(value) not in seen}
        found.extend(more.values())
        seen |= more.keys()
    return tuple(found)


_WRAPPED: Final = 50
"""Functions beyond which what they wrap is not looked for."""


def _outer(former: object, new: object) -> object:
    """Of two values for a key the one that wraps what the other is, else the new one."""
    label = label_of(new)
    return former if label is not None and label in map(label_of, unwrapped(former)[1:]) else new


def names_in(element: Element, owner: str, names: Collection[str], known: Mapping[int, str]) -> frozenset[str]:
    """Which of a module's names an element stands for: by what that defines, or by the values that they have."""
    labels = [label for each in _stands_for(element) if (label := label_of(each)) is not None and label[1] == owner]
    values = [x for each in _parts(element) for x in (each, each.__self__ if type(each) is MethodType else each)]
    found = {label[2].partition(".")[0] for label in labels} | {known[id(each)] for each in values if id(each) in known}
    return frozenset(found.intersection(names))


def exchanged(elements: Iterable[Element], instead: Mapping[int, Element]) -> Iterator[Element]:
    """The elements with those that match in the places of the others."""
    moved = set(map(id, instead.values()))
    return (instead.get(id(each), each) for each in elements if id(each) not in moved)


def matched(added: Sequence[Element], left: Iterable[Element], own: Collection[int] = ()) -> dict[int, Element]:
    """
    What of the added elements stands for the same as one that is *left*, each time for the first that is free.

    Where it stands for one of the *own* definitions, by their identities, no class of other modules counts.

    Returns:
        The added elements, by the identity of those in whose place they stand.
    """
    waiting: dict[object, deque[Element]] = {}
    for each in left if added else ():
        waiting.setdefault(_mark(each, own), deque()).append(each)
    lines = ((each, waiting.get(_mark(each, own))) for each in added)
    return {id(line.popleft()): each for each, line in lines if line}


def _parts(element: Element) -> tuple[object, ...]:
    return element if type(element) is tuple else (element,)


def _mark(element: Element, own: Collection[int]) -> object:
    """
    What an element stands for, and how it is made: a pair of a string and a function, say.

    Classes of others are what a definition is there for, as a string would be, where it stands for *own* ones, too.
    """
    found = [*_stands_for(element)]
    modules = {label[1] for x in found if id(x) in own and (label := label_of(x)) is not None}
    foreign = {id(x) for x in found if modules and is_class(x) and (label_of(x) or ("", ""))[1] not in modules}
    return tuple(id(x) for x in found if id(x) not in foreign), tuple(id(type(x)) for x in _parts(element))


def _stands_for(element: Element) -> Iterator[object]:
    """The functions and classes by which an element can be known; an instance by its class, and what it is to call."""
    yield from subjects(element)
    for each in _parts(element):
        held = attributes(each)
        if held is not None and is_holder(each) and type(each) is not FunctionType:
            yield from (x for x in held.copy().values() if type(x) is FunctionType)
            yield type(each)


def named(element: Element) -> Iterator[object]:
    """What an element stands for, and what it is made of."""
    yield from subjects(element)
    yield from _parts(element)


def all_told(elements: Iterable[Element]) -> Iterator[object]:
    """What the elements stand for that are more than data."""
    return (x for e in elements if not ATOMS.issuperset(map(id, map(type, _parts(e)))) for x in _stands_for(e))


def subjects(element: Element, depth: int = 3) -> Iterator[object]:
    """The functions and classes that an element says it is made of."""
    value = target(element)
    if is_definition(value):
        yield value
    elif type(value) is MethodType:
        yield value.__func__
    elif type(value) is functools.partial and depth:
        yield from subjects(value.func, depth - 1)
    elif type(value) is tuple and depth:
        for each in value:
            yield from subjects(each, depth - 1)
