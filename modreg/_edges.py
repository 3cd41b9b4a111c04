"""Who imports whom: the edges between loaded modules, kept for as long as what they depend on is the same."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType

import attrs

from modreg import _graph, _scan
from modreg._asked import by_computed_names
from modreg._history import Record
from modreg._importer import namespace_of
from modreg._model import Edge, EdgeKind
from modreg._needs import Calm
from modreg._scan import Import
from modreg._scope import packages_of
from modreg._view import behind, declared, is_submodule

Groups = tuple[tuple[str, ...], ...]
"""The names of modules; together those that have each other before them."""


@attrs.define(eq=False)
class _Row:
    """
    The edges of one version, and all that they depend on.

    Attributes:
        imports: What it imports.
        package: The package that relative imports start from.
        pairs: What its from-imports take, each a module and a name, which may be a submodule.
        names: The modules that these pairs would be, and then all others that its statements name.
        situation: Which of the names were loaded, which of the pairs submodules, and where what a ``__getattr__`` gave
            was from, when the edges were made.
        is_starring: Whether it takes names with a star.
        taken: The pairs that were loaded modules, by their full names: somebody may bind other objects to these names.
    """

    imports: tuple[Import, ...]
    package: str
    pairs: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    situation: tuple[object, ...] | None = None
    edges: dict[str, Edge] = attrs.field(factory=dict)
    taken: tuple[str, ...] = ()
    is_starring: bool = False

    @classmethod
    def of(cls, record: Record) -> _Row:
        imports = record.read()
        bases = [(base, each) for each in imports if (base := record.resolved(each))]
        pairs = tuple(sorted({(base, name) for base, each in bases for name in each.names}))
        others = {name for base, _ in bases for name in (base, base.partition(".")[0])}
        full = [*map(".".join, pairs)]
        is_starring = any(name == "*" for _, name in pairs)
        return cls(imports, record.package, pairs, (*full, *sorted(others)), is_starring=is_starring)

    def is_of(self, record: Record) -> bool:
        """Whether they are the edges of another version too: it imports the same."""
        return self.package == record.package and self.imports == record.read()

    def look(self, name: str) -> None:
        """Make the edges of a module anew if what they depend on is other than it was."""
        loaded = tuple(map(sys.modules.__contains__, self.names))
        self.taken = tuple(itertools.compress(self.names, loaded[: len(self.pairs)]))
        submodules = (is_submodule(*pair) for pair in itertools.compress(self.pairs, loaded))
        situation = (*loaded, *submodules, *(behind(name, *pair) for pair in self.pairs))
        if self.situation != situation:
            self.edges, self.situation = strongest(edges_to(name, self.imports, self.package)), situation


@attrs.frozen(eq=False)
class _Found:
    """
    The edges of all tracked modules, and all that they were found by.

    Attributes:
        tracked: The modules; the very tuple stands for what is loaded.
        places: For each where its package is, among them or else the packages that are not, and its name in it.
        packages: Those.
        bound: The modules that are bound in their packages.
        declaring: The modules that declare what they depend on.
        records: Their current versions.
        situation: Which modules are bound in their packages, and which namespaces have names that mean something to us.
        loose: The modules whose edges have to be looked at each time.
        edges: The edges.
    """

    tracked: tuple[str, ...] = ()
    places: list[tuple[int, str]] = attrs.field(factory=list)
    packages: list[str] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)
    situation: tuple[list[bool], ...] = ()
    bound: frozenset[str] = frozenset()
    declaring: frozenset[str] = frozenset()
    loose: tuple[str, ...] = ()
    edges: dict[str, dict[str, Edge]] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Rows:
    """
    The edges of current versions: to work them out takes longer than to see whether they still hold.

    Attributes:
        starring: The modules that take names with a star.
        called: By module what it imported by names that it computed.
    """

    starring: set[str] = attrs.field(factory=set)
    _rows: dict[str, _Row] = attrs.field(factory=dict)
    called: dict[str, set[str]] = attrs.field(factory=dict)
    _found: _Found = attrs.field(factory=_Found)
    _calm: Calm = attrs.field(factory=Calm)

    def edges(
        self, tracked: tuple[str, ...], records: Mapping[str, tuple[Record, ...]]
    ) -> dict[str, dict[str, Edge]]:
        """The edges of the *tracked* modules; of most nothing that they depend on has changed."""
        was, now = self._found, [records[name][-1] for name in tracked]
        is_known = was.tracked is tracked
        if not is_known:
            self.called = by_computed_names(tracked, records)
        places, packages = (was.places, was.packages) if is_known else _places(tracked)
        changed = zip(tracked, was.records, now, strict=True) if is_known else ()
        names = [*(name for name, mine, theirs in changed if mine is not theirs), *was.loose]
        situation = _situation(tracked, places, packages)
        if is_known and was.situation == situation:
            bound, declaring, found = was.bound, was.declaring, was.edges.copy()
        else:
            bound, _, declaring = (frozenset(itertools.compress(tracked, each)) for each in situation)
            names, found = [*tracked], {}
        found.update((name, self._edges(records[name][-1])) for name in names)
        # Where a submodule is bound as it should be, a change of that is a change of the situation.
        loose = [n for n in dict.fromkeys(names) if n in declaring or not bound.issuperset(self._rows[n].taken)]
        self._found = _Found(tracked, places, packages, now, situation, bound, declaring, tuple(loose), found)
        return found

    def _edges(self, record: Record) -> dict[str, Edge]:
        row = self._rows.get(record.name)
        if row is None or not row.is_of(record):
            row = self._rows[record.name] = _Row.of(record)
            (self.starring.add if row.is_starring else self.starring.discard)(record.name)
        row.look(record.name)
        return _with_more(record.name, row.edges, self.called.get(record.name, ()))

    def calm(self, users: Mapping[str, Collection[str]]) -> Calm | None:
        """What is known of changes that make nobody be executed, as of what was found last; not if any is declared."""
        found = self._found
        sources = [record.source for record in found.records]
        self._calm = self._calm.settled(found.tracked, found.situation, sources, users)
        return None if found.declaring else self._calm


def _places(tracked: tuple[str, ...]) -> tuple[list[tuple[int, str]], list[str]]:
    """For each module where its package is, among them and then the others, and its name in it; and these others."""
    parts = [name.rpartition(".") for name in tracked]
    packages = [*({package for package, _, _ in parts} - {*tracked})]
    where = {name: place for place, name in enumerate((*tracked, *packages))}
    return [(where[package], child) for package, _, child in parts], packages


def _situation(
    tracked: tuple[str, ...], places: list[tuple[int, str]], packages: list[str]
) -> tuple[list[bool], ...]:
    """Of each module whether it is bound in its package, and whether it has two names that mean something to us."""
    empty: dict[str, object] = {}
    modules = [*map(sys.modules.get, tracked)]
    # A plain module runs nothing when it is asked for its namespace; nearly all are, and there may be thousands.
    spaces = [each.__dict__ if type(each) is ModuleType else namespace_of(each) or empty for each in modules]
    asked = ["__getattr__" in each for each in spaces]
    declaring = ["__depends__" in each for each in spaces]
    spaces += [namespace_of(sys.modules.get(name)) or empty for name in packages]
    bound = [spaces[package].get(name) is module for (package, name), module in zip(places, modules, strict=True)]
    return bound, asked, declaring


def _reached(users: Mapping[str, Iterable[str]], names: Iterable[str]) -> dict[str, None]:
    """The names, and all that may come to one of them, by those that import or ask for each."""
    found = dict.fromkeys(names)
    queue = list(found)
    for name in queue:  # it grows while it is walked
        around = (name, *packages_of(name))  # who imports a package may ask it for what is in it
        queue.extend(fresh := [user for each in around for user in users.get(each, ()) if user not in found])
        found.update(dict.fromkeys(fresh))
    return found


@attrs.define(eq=False)
class Users:
    """Who imports whom, turned round again only when an edge came or went."""

    _names: list[str] = attrs.field(factory=list)
    _edges: list[dict[str, Edge]] = attrs.field(factory=list)
    _users: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _reached: dict[tuple[str, ...], tuple[str, ...]] = attrs.field(factory=dict)
    _grouped: tuple[tuple[str, ...], list[dict[str, Edge]], Groups] = ((), [], ())

    def of(self, graph: Mapping[str, dict[str, Edge]]) -> dict[str, tuple[str, ...]]:
        """For each module those that import it in any way."""
        names, edges = [*graph], [*graph.values()]
        # Most are the very same objects, which a comparison of lists sees at once.
        if names != self._names or edges != self._edges:
            self._users = _graph.reverse({name: tuple(found) for name, found in graph.items()})
            self._reached.clear()
        self._names, self._edges = names, edges
        return self._users

    def reached(self, *names: str) -> tuple[str, ...]:
        """The names, and all that import one of them, directly or not."""
        if names not in self._reached:
            self._reached[names] = tuple(_reached(self._users, names))
        return self._reached[names]

    def grouped(self, graph: Mapping[str, dict[str, Edge]], names: tuple[str, ...]) -> Groups:
        """As the function of that name; most edges are the very same objects here too."""
        edges = [graph.get(name, {}) for name in names]
        if self._grouped[:2] != (names, edges):
            self._grouped = names, edges, grouped(graph, names)
        return self._grouped[2]


def edges_to(name: str, imports: Iterable[Import], package: str) -> Iterator[Edge]:
    """What a module uses of the loaded ones, by its import statements."""
    for each in imports:
        yield from _edges_of(name, each, _scan.absolute(each, package))


def _edges_of(name: str, each: Import, base: str) -> Iterator[Edge]:
    """The edges of one import statement to loaded modules, with those whose definitions a ``__getattr__`` gave."""
    reference, binding = (EdgeKind.REFERENCE, EdgeKind.BINDING) if each.is_toplevel else (EdgeKind.LATE, EdgeKind.LATE)
    submodules = [f"{base}.{taken}" for taken in each.names if is_submodule(base, taken)]
    for full in submodules:
        yield Edge(dependent=name, dependency=full, kind=reference)
    taken = tuple(n for n in each.names if f"{base}.{n}" not in submodules)
    if taken and base in sys.modules:
        yield Edge(dependent=name, dependency=base, kind=binding, names=taken)
    elif not each.names:
        for full in (each for each in dict.fromkeys((base.partition(".")[0], base)) if each in sys.modules):
            yield Edge(dependent=name, dependency=full, kind=reference)
    for asked in each.names:
        home, _ = behind(name, base, asked)
        if home:
            yield Edge(dependent=name, dependency=home, kind=binding, names=(asked,))


def strongest(edges: Iterable[Edge]) -> dict[str, Edge]:
    """One edge for each dependency: a binding before a reference before a late use; in the order in which they run."""
    found: dict[str, Edge] = {}
    order = (EdgeKind.LATE, EdgeKind.REFERENCE, EdgeKind.BINDING)
    for edge in edges:
        had = found.get(edge.dependency)
        if edge.dependency == edge.dependent:
            continue
        if had is None or order.index(edge.kind) >= order.index(had.kind):
            names = edge.names if had is None else tuple(sorted({*had.names, *edge.names}))
            if had is not None and had.kind is EdgeKind.LATE:
                del found[edge.dependency]
            found[edge.dependency] = attrs.evolve(edge, names=names)
    return found


def _with_more(name: str, edges: dict[str, Edge], called: Iterable[str]) -> dict[str, Edge]:
    """The edges of a module, and those that it declares by ``__depends__``, or has by the names that it computed."""
    more = [each for each in (*declared(name, "__depends__"), *called) if each in sys.modules and each != name]
    kind = EdgeKind.REFERENCE
    return {**{each: Edge(dependent=name, dependency=each, kind=kind) for each in more}, **edges} if more else edges


def at_import(edges: Mapping[str, Edge]) -> tuple[str, ...]:
    """The dependencies that are used when the module is executed."""
    return tuple(name for name, edge in edges.items() if edge.kind is not EdgeKind.LATE)


def grouped(graph: Mapping[str, Mapping[str, Edge]], names: tuple[str, ...]) -> Groups:
    """The names in circles, dependencies first; a package comes before what is in it, as in any import."""
    among: dict[str, tuple[str, ...]] = {}
    wanted = frozenset(names)
    for name in names:
        before = (*at_import(graph.get(name, {})), name.rpartition(".")[0])
        among[name] = tuple(each for each in before if each in wanted and each != name)
    return _graph.components(among)
