"""What one module's source defines and uses, and where in other modules the names that it uses lead."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

import attrs

from modreg import _scan
from modreg._importer import namespace_of, space_of
from modreg._refs import ANY, Ref, Taken, Use
from modreg._uses import Statement
from modreg._values import label_of


@attrs.frozen(eq=False)
class Place:
    """
    A use of another definition.

    Attributes:
        owner: The definition that uses it; ``""`` for the execution of the module.
        ref: How it does.
        rest: The attribute of it that is used, and what is asked of that.
        statement: The statement of the module that does it.
    """

    owner: str
    ref: Ref
    rest: tuple[str, ...] = ()
    statement: Statement | None = None


# Uses that no name spells.
_LATER, _TAKEN, _USED = (Ref((ANY,), use) for use in (Use.LATER, Use.TAKEN, Use.USED))


Written = tuple[str, str, tuple[str, ...]]
"""A module, a name there, and if it is an attribute of that, the way to it."""


@attrs.define(eq=False)
class View:
    """
    What is known of one module's source.

    A statement is read closely only when something changed that it mentions.

    Attributes:
        package: The package that relative imports start from.
        statements: The top-level statements; `None` where they cannot be read.
        made: The names that statements other than imports bind, or whose objects they may change.
        bound: Those of them that they bind.
        taken: The names that imports bind, each with all that they may be bound to.
        stars: What it takes all names from.
        places: For each definition elsewhere (module and name) where it is used.
        found: What it went by of what other modules have, each name with where that led.
    """

    name: str
    package: str
    statements: tuple[Statement, ...] | None
    made: frozenset[str] = attrs.field(init=False)
    bound: frozenset[str] = attrs.field(init=False)
    taken: dict[str, list[Taken]] = attrs.field(factory=dict)
    stars: list[Taken] = attrs.field(factory=list)
    places: dict[tuple[str, str], list[Place]] = attrs.field(factory=dict)
    found: dict[tuple[str, str], _Lead] = attrs.field(factory=dict)
    _unread: list[Statement] = attrs.field(init=False)
    # What was looked for in all others.
    _words: set[str] = attrs.field(init=False, factory=set)
    # Those that may change what an import gave.
    _rebinding: list[Statement] = attrs.field(init=False)
    # By what is taken from modules the names that it gets, and those that modules get.
    _by_taken: dict[str, list[str]] = attrs.field(init=False, factory=dict)
    _whole: list[tuple[str, str]] = attrs.field(init=False, factory=list)
    # Answers that are still good: whenever another statement is read, there may be more.
    _found: dict[tuple[str, str], list[Place]] = attrs.field(init=False, factory=dict)
    _own: dict[str, bool] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        statements = self.statements or ()
        self._unread = list(statements)
        made: set[str] = set()
        bound: set[str] = set()
        for each in statements:
            imported = {name for name, _ in each.taken}
            if each.is_definition or not imported or len(each.names) > len(imported) or each.is_compound:
                made |= each.names
                bound |= each.bound
            for name, taken in each.taken:
                self._note_taken(name, taken)
                self._note_import(name, taken)
            for called in _scan.imports_by_call(each.text):
                self._note_call(called, each)
        self.made, self.bound = frozenset(made), frozenset(bound)
        self._rebinding = [each for each in statements if not self.taken.keys().isdisjoint(each.names)]

    def _note_taken(self, name: str, taken: Taken) -> None:
        """What an import binds a name to."""
        if taken.name == ANY:
            self.stars.append(taken)
            return
        self.taken.setdefault(name, []).append(taken)
        if taken.name:
            self._by_taken.setdefault(taken.name, []).append(name)
        else:
            self._whole.append((name, taken.module))

    def _note_call(self, imported: _scan.Import, statement: Statement) -> None:
        """What ``import_module`` gives may be used in any way: at once, or by whatever the statement defines."""
        module = self.absolute(imported)
        if imported.is_toplevel and not statement.is_definition:
            self._add((module, ""), Place("", _USED))
        for name in statement.names:
            self._add((module, ""), Place(name, _LATER))

    def again(self) -> View:
        """The same source, where what its names lead to may have changed: itself if that is not so."""
        if all(lead == _lead(*each) and not lead[1] for each, lead in self.found.items()):
            return self
        return View(self.name, self.package, self.statements)

    def _lead(self, module: str, name: str) -> _Lead:
        found = self.found[module, name] = _lead(module, name)
        return found

    def _note_import(self, name: str, taken: Taken) -> None:
        """Where a name is from, unless it is a module as a whole."""
        if not taken.name:
            return
        base = self.absolute(taken)
        self._add((base, taken.name), Place(name, _TAKEN))
        if self._lead(base, taken.name)[1]:
            self._add(_giver(base), Place("", _USED))
            self._add(_giver(base), Place(name, _USED))
            self._add(behind(self.name, base, taken.name), Place(name, _TAKEN))

    def _add(self, target: tuple[str, str], place: Place) -> None:
        self._found.clear()
        self.places.setdefault(target, []).append(place)

    def absolute(self, taken: Taken | _scan.Import) -> str:
        return _scan.absolute(taken, self.package)

    def written(self) -> dict[Written, tuple[str, ...]]:
        """What an execution sets in other modules, each with the texts of the statements that do."""
        found: dict[Written, tuple[str, ...]] = {}
        for each in self._writing():
            for target in self._elsewhere(each.writes):
                found[target] = (*found.get(target, ()), each.text)
        return found

    def saved(self) -> dict[Written, str]:
        """What it sets in other modules and has a name of its own for, for what was there before."""
        written = self.written()
        given = [each for statement in self.statements or () if written for each in statement.given]
        found = {target: name for name, path in given for target in self._elsewhere((path,)) if target in written}
        taken = ((name, (self.absolute(each), each.name, ())) for name, every in self.taken.items() for each in every)
        return {target: name for name, target in taken if target in written} | found

    def added_to(self) -> set[Written]:
        """Those of them that it makes of what they were."""
        return {target for each in self._writing() for target in self._elsewhere(each.adds)}

    def _writing(self) -> Iterator[Statement]:
        return (each for each in self._rebinding if each.writes)

    def _elsewhere(self, paths: Iterable[tuple[str, ...]]) -> Iterator[Written]:
        """What dotted names stand for, of what other modules have."""
        targets = (target for path in paths for target in self._targets(Ref(path, Use.STORED)))
        return (target for target in targets if target[0] != self.name and target[1])

    def is_binding(self, name: str) -> bool:
        """Whether its own statements bind a name."""
        return name in self.made or name in self.taken

    def taking(self) -> Iterator[tuple[str, str, str]]:
        """The names that its from-imports bind, each with a module and the name there."""
        for mine, every in self.taken.items():
            yield from ((mine, self.absolute(each), each.name) for each in every if each.name)
        for module in map(self.absolute, self.stars):
            theirs = space_of(module)
            yield from ((name, module, name) for name in theirs.copy() if is_given(name, theirs))

    def is_importing(self, among: Collection[str]) -> bool:
        """Whether its own statements import one of the modules of *among*."""
        taken = (each for every in (*self.taken.values(), self.stars) for each in every)
        return any(name in among for each in taken for name in self._modules(each))

    def preceding(self, among: Collection[str]) -> dict[str, frozenset[str]]:
        """For each name the modules of *among* that are imported before it is bound."""
        found: dict[str, frozenset[str]] = {}
        before: frozenset[str] = frozenset()
        for each in self.statements or ():
            imported = {name for _, taken in each.taken for name in self._modules(taken) if name in among}
            for name in (*each.names, *(name for name, _ in each.taken)):
                found.setdefault(name, before)
            before = before | imported if imported else before
        return found

    def _modules(self, taken: Taken) -> tuple[str, str]:
        base = self.absolute(taken)
        return base, f"{base}.{taken.name}"

    def is_made_by(self, name: str, kind: object, namespace: Mapping[str, object]) -> bool:
        """Whether all that binds a name is assignments of what calls of *kind* give: no other module made it."""
        statements = [each for each in self.statements or () if name in each.names]
        called = [path for each in statements for path in each.called(name)]
        return bool(called) and name not in self.taken and all(reached(each, namespace) is kind for each in called)

    def is_covered(self, name: str, module: str) -> bool:
        """Whether a star import of *module* may come after another statement that binds *name*."""
        is_bound = False
        for each in self.statements or ():
            is_bound = is_bound or name in each.names or any(taken == name for taken, _ in each.taken)
            if is_bound and any(t.name == ANY and self.absolute(t) == module for _, t in each.taken):
                return True
        return False

    def _is_starred(self, name: str, module: str) -> bool:
        """Whether a name may stand for what a star import of *module* brings, though another statement may bind it."""
        is_bound = name in self.bound or name in self.taken
        if not (is_bound or name.startswith("_")):
            return True
        if not (name in space_of(module) and is_given(name, space_of(module))):
            return False
        return not is_bound or not self._is_own(name) or self.is_covered(name, module)

    def _is_own(self, name: str) -> bool:
        """Whether a statement gives a name its object before any other has to do with it."""
        if name not in self._own:
            every = (each for each in self.statements or () if name in each.text and each.is_about(name))
            first = next(every, None)
            self._own[name] = first is not None and first.is_giving(name)
        return self._own[name]

    def given_by_stars(self, name: str) -> dict[str, object]:
        """What star imports bring under a name, by the module that they are of."""
        bases = {base: space_of(base) for base in map(self.absolute, self.stars)}
        return {base: each[name] for base, each in bases.items() if name in each and is_given(name, each)}

    def uses(self, module: str, name: str) -> list[Place]:
        """Where a definition of *module* is used, or the module as a whole."""
        found = self._found.get((module, name))
        if found is None:
            if self.statements is None:
                return [Place("", _USED), Place(ANY, _USED)]
            if self._unread:
                self.read(module, (name,))
            kinds = _kinds(module, name)
            found = self._found[module, name] = [place for kind in kinds for place in self.places.get(kind, ())]
        return found

    def is_unused(self, target: tuple[str, str]) -> bool:
        """Whether it is known, without reading any more, that a definition is used nowhere."""
        found = self._found.get(target)
        if found is not None or self._unread or self.statements is None:
            return found == []
        return self.places.keys().isdisjoint(_kinds(*target))

    def read(self, module: str, names: Iterable[str]) -> None:
        """Find all places where definitions of a module are used, by the names that may reach one of them, or it."""
        aliases = (alias for name in (*names, module.rpartition(".")[2]) for alias in self._by_taken.get(name, ()))
        whole = (alias for alias, start in self._whole if module.startswith(start))
        package, _, last = module.rpartition(".")
        self._read({*names, *aliases, *whole, *((last,) if package == self.name else ())})

    def _read(self, words: set[str]) -> None:
        """Read the statements that mention one of the words, or that may use names which they do not spell."""
        words -= self._words
        if not words:
            return
        self._words |= words
        is_last = len(self._words) > _MANY_WORDS
        left = []
        for each in self._unread:
            if is_last or each.is_reaching_any or any(word in each.text for word in words):
                self._read_one(each)
            else:
                left.append(each)
        self._unread = left

    def _read_one(self, statement: Statement) -> None:
        for owner, refs in statement.refs.items():
            for ref in refs:
                for module, name, rest in self._targets(ref):
                    self._add((module, name), Place(owner, ref, rest, statement))

    def _targets(self, ref: Ref) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """The definitions that a name can stand for: module, name, and what is asked of it."""
        head, *rest = ref.path
        if ref.path == (ANY,):
            yield "", ANY, ()
        elif ref.taken is not None:
            yield from self._through(ref.taken, tuple(rest))
        else:
            for taken in self.taken.get(head, ()):
                yield from self._through(taken, tuple(rest))
            for base in map(self.absolute, self.stars):
                if self._is_starred(head, base):
                    yield from self._inside(base, ref.path)
            yield self.name, head, tuple(rest)  # by whatever means it came here
            # A package has its submodules by their names, however it imports what is in them.
            if self.package == self.name and head not in self.taken and self._lead(self.name, head)[0]:
                yield from self._inside(f"{self.name}.{head}", tuple(rest))

    def _through(self, taken: Taken, rest: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        yield from self._inside(self.absolute(taken), (taken.name, *rest) if taken.name else rest)

    def _inside(self, module: str, rest: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """What is asked of a module, or of another module that it has under a name."""
        while rest and self._lead(module, rest[0])[0]:
            module, rest = f"{module}.{rest[0]}", rest[1:]
        if rest[:1] == ("__dict__",):
            rest = ()
        yield module, rest[0] if rest else "", rest[1:]
        _, is_asked_for, other = self._lead(module, rest[0]) if rest else _NOWHERE
        if is_asked_for:
            yield *_giver(module), rest
            yield *behind(self.name, module, rest[0]), rest[1:]
        elif other:
            yield from self._inside(other, rest[1:])


def _kinds(module: str, name: str) -> tuple[tuple[str, str], ...]:
    """The definitions that one is used as: itself, its module, and anything there or anywhere."""
    return (module, name), (module, ""), (module, ANY), ("", ANY)


def reached(path: tuple[str, ...], namespace: Mapping[str, object]) -> object:
    """What a dotted name leads to through nothing but namespaces."""
    found: object = None
    names = {**vars(builtins), **namespace}
    for name in path:
        found = names.get(name)
        names = namespace_of(found) or {}
    return found


def behind(user: str, module: str, asked: str) -> tuple[str, str]:
    """
    Where a definition is from that *user* has from another module's ``__getattr__``: its module and its name there.

    Empty if that is not known.
    """
    theirs = space_of(module)
    if asked in theirs or "__getattr__" not in theirs:
        return "", ""
    for value in list(space_of(user).values()):
        label = label_of(value)
        if label is not None and label[2] == asked and asked in space_of(label[1]):
            return label[1], asked
    return "", ""


def is_submodule(package: str, name: str) -> bool:
    """Whether ``from package import name`` takes a loaded submodule."""
    module = sys.modules.get(f"{package}.{name}")
    return module is not None and space_of(package).get(name, module) is module


_Lead = tuple[bool, bool, str]
"""Of a name of a module whether it is a submodule, whether ``__getattr__`` gives it, and the module it is bound to."""
_NOWHERE: Final[_Lead] = (False, False, "")

_MANY_WORDS: Final = 100
"""After so many words the rest is read, not looked through for each that comes."""


def _lead(module: str, name: str) -> _Lead:
    """Where a name of a module leads."""
    namespace = space_of(module)
    value = namespace.get(name)
    other = value.__name__ if type(value) is ModuleType else ""
    is_asked_for = name not in namespace and ("__getattr__" in namespace or _is_of_class(module, name))
    return is_submodule(module, name), is_asked_for, other if other in sys.modules else ""


def _is_of_class(module: str, name: str) -> bool:
    """Whether a module has a name by a class that was written for it."""
    kind = type(sys.modules.get(module))
    return kind is not ModuleType and issubclass(kind, ModuleType) and hasattr(kind, name)


def _giver(module: str) -> tuple[str, str]:
    """What gives the names that a module lacks: its class may ask it for anything."""
    return module, "__getattr__" if "__getattr__" in space_of(module) else ""


def declared(module: str, name: str) -> tuple[str, ...]:
    """The names that a module lists under one of modreg's own, as ``__accepts__``; ``("cache")`` is one name, too."""
    found: Any = space_of(module).get(name)  # whatever the module put there
    if type(found) is str:
        return (found,)
    return tuple(each for each in found if isinstance(each, str)) if type(found) in _COLLECTIONS else ()


_COLLECTIONS: Final = (tuple, list, set, frozenset)


def is_given(name: str, namespace: Mapping[str, object]) -> bool:
    """Whether a star import takes a name."""
    public = namespace.get("__all__")
    return name in public if isinstance(public, (list, tuple)) else not name.startswith("_")
