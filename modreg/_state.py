"""Which names keep their objects through an execution, because nothing that made them changed."""

from __future__ import annotations

import ast
import operator
import re
from abc import ABCMeta
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final

import attrs

from modreg import _uses
from modreg._classes import table
from modreg._journal import MISSING, PLAIN, Cell, Contents, Item, Journal, is_container, is_dict
from modreg._pairs import Pair
from modreg._refs import DEFINITIONS, FUNCTIONS, IMPORTS, REACHING_ANY, taken_by, targets
from modreg._registered import exchanged, matched, subjects
from modreg._values import CONSTANTS, ROOM, attributes, is_definition, is_holder, is_wrapper, parts
from modreg._weak import data_for

_READING_ANY: Final = REACHING_ANY | {"vars", "locals", "dir"}  # what they give no statement says


@attrs.frozen(eq=False)
class Statements:
    """
    The top-level statements of a module, by the names that they bind or change.

    Attributes:
        makers: For each name the texts of all statements that bind it, or that could change what it is bound
            to (``table["x"] = 1``, ``names.append(x)``), in order, without positions.
        inputs: For each name the names that those statements read, with what functions and classes read inside.
        definitions: The names that are bound by nothing but definitions and imports.
        imported: The names that an import may bind, wherever in a statement it is.
        classes: The class statements, by name.
        instances: For each name that one statement binds, the names that this only calls to keep what that gives.
    """

    makers: dict[str, tuple[str, ...]]
    inputs: dict[str, frozenset[str]]
    definitions: frozenset[str]
    imported: frozenset[str]
    classes: dict[str, ast.ClassDef]
    instances: dict[str, frozenset[str]]

    @classmethod
    def of(cls, tree: ast.Module) -> Statements:
        makers: dict[str, list[str]] = {}
        called: dict[str, frozenset[str]] = {}
        inputs: dict[str, set[str]] = {}
        values: set[str] = set()
        imported: set[str] = set()
        set_inside: set[str] = set()
        for statement in tree.body:
            text = ast.dump(statement)
            taken = _imported(statement)
            imported |= taken
            for name in _uses.made(statement):
                makers.setdefault(name, []).append(text)
                inputs.setdefault(name, set()).update(_read(statement) | taken)
                called[name] = _only_called(statement)
                if not isinstance(statement, (*DEFINITIONS, *IMPORTS)):
                    values.add(name)
        for name, statement in _setting(tree):
            if name not in makers or name in set_inside:
                set_inside.add(name)
                makers.setdefault(name, []).append(ast.dump(statement))
                inputs.setdefault(name, set()).update(_read(statement))
        values |= set_inside
        texts = {name: tuple(found) for name, found in makers.items()}
        read = {name: frozenset(found - {name}) for name, found in inputs.items()}
        classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
        instances = {name: found for name, found in called.items() if found and len(makers[name]) == 1}
        return cls(texts, read, frozenset(makers) - values, frozenset(imported), classes, instances)

    def computed_with(self, names: Iterable[str]) -> set[str]:
        """The names of values that are computed with others, all the way down."""
        found = {*names}
        queue = [*found]
        for each in queue:  # it grows while it is walked
            more = {name for name, read in self.inputs.items() if each in read} - self.definitions - found
            found |= more
            queue.extend(more)
        return found.difference(names)

    def besides(self, name: str) -> list[str]:
        """The texts of the statements that may change the class of a name, and do not define it."""
        return [text for text in self.makers[name] if not text.startswith("ClassDef(")]


def _read(statement: ast.AST) -> set[str]:
    """The names that a statement reads, at once or when what it defines is called."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _setting(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The names that functions declare to be global, each with the statements that may call such a function at once."""
    bodies = {each.name: each for each in tree.body if isinstance(each, DEFINITIONS)}
    for statement in tree.body:
        read = set() if isinstance(statement, DEFINITIONS) else _read(statement)
        queue = sorted(read & bodies.keys())
        for name in queue:
            queue.extend(sorted(_read(bodies[name]).intersection(bodies).difference(queue)))
            nodes = [node for node in ast.walk(bodies[name]) if isinstance(node, ast.Global)]
            yield from ((each, statement) for node in nodes for each in node.names)


def _imported(statement: ast.stmt) -> set[str]:
    """The names that imports in a statement bind."""
    imports = [node for node in ast.walk(statement) if isinstance(node, IMPORTS)]
    return {name for node in imports for name, _ in taken_by(node)}


NOTHING: Final = Statements.of(ast.Module([], []))


def unchanged(old: Statements, new: Statements, is_stable: Callable[[str], bool]) -> frozenset[str]:
    """
    The names whose makers are the same, and so are, all the way down, what these read.

    What comes from elsewhere (an import, a built-in) is the same if *is_stable* says so.  ``__all__`` is no state,
    whoever fills it.
    """
    changed = {name for name in {*old.makers, *new.makers} if old.makers.get(name) != new.makers.get(name)}
    changed |= {name for read in new.inputs.values() for name in read if name not in new.makers and not is_stable(name)}
    changed |= {name for name in new.imported if not is_stable(name)}
    changed |= {name for name, read in new.inputs.items() if not read.isdisjoint(_READING_ANY)}
    grown = True
    while grown:
        more = {name for name, read in new.inputs.items() if name not in changed and not changed.isdisjoint(read)}
        changed |= more
        grown = bool(more)
    made = {name for name in changed & new.instances.keys() if _is_made_alike(old, new, name, changed)}
    return frozenset(new.makers.keys() - changed | made) - {"__all__"}


def _is_made_alike(old: Statements, new: Statements, name: str, changed: set[str]) -> bool:
    """Whether what changed for the one statement of a name is nothing but methods that do not make its instances."""
    if old.makers.get(name) != new.makers[name]:
        return False
    classes = changed & new.inputs[name]
    if not classes or not classes <= new.instances[name] & old.classes.keys() & new.classes.keys():
        return False
    if any(len(each.makers[c]) != 1 for c in classes for each in (old, new)):
        return False
    pairs = [(_making(old.classes[c]), _making(new.classes[c])) for c in classes]
    return all(
        one and other and ast.dump(one) == ast.dump(other) and (_read(other) - {other.name}).isdisjoint(changed)
        for one, other in pairs
    )


def _only_called(statement: ast.stmt) -> frozenset[str]:
    """The names that an assignment reads for nothing but to call them, and to keep what that gives."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return frozenset()
    kept = Counter(_kept_calls(statement.value))
    nodes = (node for each in (*targets(statement), statement.value) if each for node in ast.walk(each))
    read = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    return frozenset(name for name in kept if kept[name] == read[name])


def _kept_calls(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        yield value.func.id
    elif isinstance(value, (ast.List, ast.Tuple, ast.Dict)):
        for each in value.values if isinstance(value, ast.Dict) else value.elts:
            yield from _kept_calls(each)


def _making(statement: ast.ClassDef) -> ast.ClassDef | None:
    """
    A class statement with nothing but what can run when an instance is made; `None` if that cannot be told.

    What a base or a metaclass calls is not seen, nor what is called by those who are given the instance itself.
    """
    if statement.bases or statement.keywords or not all(map(_is_dataclass, statement.decorator_list)):
        return None
    methods = [each for each in statement.body if isinstance(each, FUNCTIONS)]
    names = list(_MAKING)
    for name in names:
        for method in [each for each in methods if each.name == name]:
            if _is_giving_away(method):
                return None
            names.extend(n.attr for n in ast.walk(method) if isinstance(n, ast.Attribute) and n.attr not in names)
    body = [each for each in statement.body if not isinstance(each, FUNCTIONS) or each.name in names]
    return ast.ClassDef(statement.name, [], [], body, statement.decorator_list)


def _is_dataclass(decorator: ast.expr) -> bool:
    found = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(found) in ("dataclass", "dataclasses.dataclass")


_MAKING: Final = ("__init__", "__new__", "__post_init__", "__setattr__", "__getattribute__", "__getattr__")


def _is_giving_away(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method uses its instance otherwise than by the names of its attributes."""
    nodes = [*ast.walk(method)]
    asked = {id(n.value) for n in nodes if isinstance(n, ast.Attribute) and not re.fullmatch("__.+__", n.attr)}
    mine = {each.arg for each in (*method.args.posonlyargs, *method.args.args)[:1]}
    return any(isinstance(n, ast.Name) and n.id in {*mine, *_READING_ANY} and id(n) not in asked for n in nodes)


def keep(
    former: Mapping[str, object], namespace: dict[str, object], names: Iterable[str], journal: Journal
) -> list[Pair]:
    """
    Bind names of values to their former objects again.

    A plain container keeps its entries and takes the definitions that the execution put in (a registry
    that decorators fill), also one inside another, or of an instance (an application with its routes).

    Returns:
        As of :func:`bind`.
    """
    kept = []
    names = {*names}
    instead = remade(former, namespace, names)
    for name in [name for name in sorted(names) if name in former and name in namespace]:
        old, new = former[name], namespace[name]
        if old is not new and not (is_definition(old) or is_definition(new)):
            take_over(old, new, instead, journal)
            kept.append(name)
    return bind(former, namespace, kept)


def keep_in_classes(
    former: Mapping[str, object],
    namespace: Mapping[str, object],
    old: Statements,
    new: Statements,
    is_same: Callable[[str], bool],
    instead: Mapping[int, object],
) -> list[Pair]:
    """
    Give classes that an execution made the values that the former ones have, as far as nothing changed in the body.

    They are to give way to the former classes, which so keep them.  A metaclass or a decorator may make anything of
    what is in a body, and so may a descriptor of what it is in.  Of what was :func:`remade` a class has the present.

    Returns:
        The former values with those that the execution made.
    """
    kept: list[Pair] = []
    methods: list[Pair] = []
    for name in old.classes.keys() & new.classes.keys():
        before: Any = former.get(name)  # any object
        after: Any = namespace.get(name)
        if before is not after and type(before) is type(after) and type(after) in _PLAIN_CLASSES:
            names = [_mangled(x, name) for x in _unchanged_in_class(old, new, name, is_same)]
            kept.extend(_give(before, after, x, instead) for x in names if not x.endswith("__"))
            methods.extend(Pair(table(before).get(x), table(after).get(x)) for x in names)
    return [each for each in kept if each.old is not each.new] + keep_in_functions(methods, instead)


_PLAIN_CLASSES: Final = (type, ABCMeta)


def _mangled(name: str, cls: str) -> str:
    """A name in the body of a class as the class has it."""
    return f"_{cls.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name


def _unchanged_in_class(old: Statements, new: Statements, name: str, is_same: Callable[[str], bool]) -> Iterator[str]:
    """The names in the body of a class whose makers are the same, and so is what decorators make of them."""
    one, other = old.classes[name], new.classes[name]
    reading = {each for found in other.decorator_list for each in _read(found)}
    if old.besides(name) != new.besides(name) or ast.dump(_head(one)) != ast.dump(_head(other)):
        return
    if all(map(is_same, reading)):
        mine, theirs = (Statements.of(ast.Module(each.body, [])) for each in (one, other))
        yield from unchanged(mine, theirs, is_same)


def _head(statement: ast.ClassDef) -> ast.ClassDef:
    """A class statement without a body."""
    return ast.ClassDef(statement.name, statement.bases, statement.keywords, [], statement.decorator_list)


def _give(before: type, after: type, name: str, instead: Mapping[int, object]) -> Pair:
    """Give a class an attribute of another one; nothing if that is a definition, or it may be made for its class."""
    old, new = (table(each).get(name, MISSING) for each in (before, after))
    if any(x is MISSING or hasattr(type(x), "__get__") or is_definition(x) for x in (old, new)):
        return Pair(new, new)
    if _is_renewed(old, new, instead):
        return Pair(new, new)
    type.__setattr__(after, name, old)
    return Pair(old, new)


def keep_in_functions(alike: Iterable[Pair], instead: Mapping[int, object]) -> list[Pair]:
    """
    Give functions that an execution made what the former ones hold, where nothing changed that made them.

    They are to give way to the former functions, which so keep it: in their closures, as a counter with ``nonlocal``,
    and in their attributes.  So do the functions that they wrap, and those in static methods, properties and the like.

    Returns:
        The former values with those that the execution made.
    """
    kept: list[Pair] = []
    seen: set[int] = set()
    queue = [*alike]
    for each in queue:  # it grows while it is walked
        if id(each.new) in seen:
            continue
        seen.add(id(each.new))
        if is_wrapper(each.new) and type(each.old) is type(each.new):
            queue.extend(map(Pair, *(dict(parts(x)).values() for x in (each.old, each.new))))
        elif _is_of_one_text(each.old, each.new):
            for place, both in _held_by(each.old, each.new):
                if is_definition(both.old) or is_definition(both.new):
                    queue.append(both)
                elif both.old is not both.new and _is_kept_inside(both, instead):
                    place.put(both.old)
                    kept.append(both)
    return kept


def _held_by(old: FunctionType, new: FunctionType) -> Iterator[tuple[Cell | Item, Pair]]:
    """What a function captures, and has for attributes, each with what another one has there, and the place of that."""
    places: list[tuple[Cell | Item, Cell | Item]] = []
    places += zip(map(Cell, old.__closure__ or ()), map(Cell, new.__closure__ or ()), strict=True)
    places += ((Item(old.__dict__, name), Item(new.__dict__, name)) for name in [*old.__dict__])
    yield from ((other, Pair(mine.get(), other.get())) for mine, other in places)


def _is_kept_inside(both: Pair, instead: Mapping[int, object]) -> bool:
    """Whether a function keeps what it holds, but for what it remembers of classes as they were (`singledispatch`)."""
    return data_for(both.old, both.new) is None and not _is_renewed(both.old, both.new, instead)


def _is_of_one_text(old: object, new: object) -> bool:
    """Whether two objects are functions that are made in one place, and capture the same."""
    if old is new or not (type(old) is FunctionType and type(new) is FunctionType):
        return False
    mine, other = old.__code__, new.__code__
    return (mine.co_qualname, mine.co_freevars) == (other.co_qualname, other.co_freevars)


def bind(former: Mapping[str, object], namespace: dict[str, object], names: Iterable[str]) -> list[Pair]:
    """
    Bind names to their former objects, whatever these are.

    Returns:
        The former objects with those that the execution made, where it can have put these elsewhere too: as a
        default value, in a container. An atom or a tuple can be a constant of any code, and is none of them.
    """
    wanted = {name: former[name] for name in names if name in former}
    made = [(old, namespace.get(name, old)) for name, old in wanted.items()]
    namespace.update(wanted)
    return [Pair(old, new) for old, new in made if old is not new and id(type(new)) not in CONSTANTS]


def remade(
    former: Mapping[str, object], namespace: Mapping[str, object], kept: Container[str] = ()
) -> dict[int, object]:
    """
    The values that names stand for now, by the identities of those that they stood for; `MISSING` for who left.

    Those that names stand for only now are there by their own.  Only instances are among them: the same atom or tuple
    can stand for anything, and what becomes of definitions and containers is known.
    """
    namespace = dict(namespace)  # one step: other threads may add names meanwhile
    found = {id(x): x for name, x in namespace.items() if name not in kept and x is not former.get(name)}
    found |= {id(x): namespace.get(name, MISSING) for name, x in former.items() if name not in kept}
    wanted = {id(x) for x in (*namespace.values(), *former.values()) if is_holder(x) and id(type(x)) not in PLAIN}
    return {key: x for key, x in found.items() if key in wanted}


def _is_renewed(old: object, new: object, instead: Mapping[int, object]) -> bool:
    """Whether a name stood for *old* and does no more, and one stands for *new* now."""
    return instead.get(id(old), old) is not old and instead.get(id(new)) is new


def take_over(old: Any, new: Any, instead: Mapping[int, object], journal: Journal, depth: int = 3) -> None:
    """
    Put the definitions that an execution put into *new*, or into what it holds, into what is kept for it.

    Who had what was :func:`remade` has the present, if the execution put it in.
    """
    if old is new or type(old) is not type(new):  # any objects
        return
    if (data := data_for(old, new)) is not None:
        _take(old.data, Contents(old.data).get(), Contents(data).get(), instead, journal)
        return
    if is_container(old):
        had, has = Contents(old).get(), Contents(new).get()
        _take(old, had, has, instead, journal)
        if is_dict(old):
            _take_inside(dict(had), dict(has), instead, journal, depth)
    if is_holder(old) and attributes(old) is not None:
        old, new = attributes(old), attributes(new)
        for name, value in new.copy().items():
            if is_definition(value) and old.get(name) is not value:
                journal.write(Item(old, name), value)
        _take_inside(old, new.copy(), instead, journal, depth)


def _take_inside(
    old: Mapping[Any, Any], new: Mapping[Any, Any], instead: Mapping[int, object], journal: Journal, depth: int
) -> None:  # of any objects
    """The same for what stands under one key, if these are not too many."""
    for key, value in new.items() if depth and len(new) <= ROOM else ():
        take_over(old.get(key), value, instead, journal, depth - 1)


def _take(
    container: object,
    old: Collection[Any],
    new: Collection[Any],
    instead: Mapping[int, object],
    journal: Journal,
) -> None:  # pairs or elements
    """
    Give a container the entries of *new* that it, which holds *old*, lacks, or that are definitions, weakly or not.

    What the module's names stood for, and do no more, goes; what they stand for now takes its place.
    """
    if is_dict(container):
        mine, theirs = dict(old), dict(new)
        pairs = [each for each in mine.items() if instead.get(id(each[1])) is not MISSING]
        added = [pair for pair in theirs.items() if pair[0] not in mine and _is_of_definitions(pair)]
        merged = dict(exchanged(pairs, matched(added, [pair for pair in pairs if pair[0] not in theirs])))
        renewed = {k for k, v in mine.items() if k in theirs and _is_renewed(v, theirs[k], instead)}
        merged.update((k, v) for k, v in theirs.items() if k not in mine or k in renewed or _is_of_definitions(v))
        journal.write(Contents(container), tuple(merged.items()))
        return
    made = {id(x) for x in new}
    now = [instead[id(x)] if id(instead.get(id(x))) in made else x for x in old if instead.get(id(x)) is not MISSING]
    present = {id(x) for x in now}
    more = [x for x in new if id(x) not in present and (instead.get(id(x)) is x or _is_of_definitions(x))]
    if more or len(now) < len(old) or any(map(operator.is_not, now, old)):
        places = matched(more, [x for x in now if id(x) not in made])
        journal.write(Contents(container), tuple(exchanged((*now, *more), places)))


def _is_of_definitions(element: object) -> bool:
    """Whether definitions are registered by an element: it is one, or made of some, or an instance made around one."""
    held = [attributes(each) for each in (element if type(element) is tuple else (element,)) if is_holder(each)]
    around = (value for each in held if each for value in each.copy().values())
    return any(True for _ in subjects(element)) or any(map(is_definition, around))
