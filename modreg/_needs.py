"""
Which modules must be executed again, because something that they computed can be different now.

What can be different is kept by definition: a top-level name of a module, and the body of each function, and of
each method of a class, by itself.  A change spreads from one definition to all that use it, through modules
that are not executed as well; a module that is executed tells afterwards what came out different and what did not.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import attrs

from modreg import _containers, _graph, _source, _uses
from modreg._classes import is_class, table
from modreg._formulas import Formula
from modreg._holding import Held, is_holding, is_value
from modreg._importer import space_of
from modreg._journal import MISSING
from modreg._matters import Changes, Level, is_called_blindly, is_copied, is_type, matters
from modreg._model import Edge
from modreg._pairs import is_own
from modreg._refs import ANY, Use
from modreg._scope import packages_of
from modreg._twins import is_alike
from modreg._uses import Statement
from modreg._values import CACHED, is_definition, parts
from modreg._view import Place, View, declared, is_given


def _names_of(wanted: object, module: str) -> set[str]:
    """The names that an object has in a module."""
    return {name for name, value in space_of(module).copy().items() if value is wanted}


def _caches(module: str, name: str) -> Iterator[Any]:  # functions with a cache_clear()
    """The functions made by `functools.lru_cache` that a definition is, or that a class has."""
    top, _, member = name.partition(".")
    value = space_of(module).get(top)
    if is_class(value):
        found = table(value)
        yield from (each for each in ([found.get(member)] if member else list(found.values())) if type(each) is CACHED)
    elif type(value) is CACHED:
        yield value


_Sides = tuple[tuple[Statement, ...], tuple[Statement, ...]]

Differing = dict[str, tuple[_Sides, dict[str, tuple[bool, bool]]]]
"""For each module two of its sources, and of which definitions they do not say the same."""

Rebinds = dict[str, dict[str, tuple[str, str]]]
"""By module and name there the module and name whose object it is to be given; ``""`` for a name that is to leave."""


@attrs.define(eq=False)
class Calm:
    """
    Which definitions can change without anybody being executed for it, kept from one transaction to the next.

    Most can: they are used when something is called, and not before.  What such a change leads to elsewhere is
    always the same, as long as the sources on its way and who imports whom are; to follow it again through a
    thousand modules would take longer than all else.

    Attributes:
        tracked: The modules; the same tuple stands for the same modules.
        situation: By module whether it is bound in its package, has a ``__getattr__``, and has ``__depends__``.
        sources: Their sources.
        users: For each module those that import it.
        known: By definition and level whom to rebind, `None` where a source on the way uses it while it is executed;
            and the modules on the way.
    """

    tracked: tuple[str, ...] = ()
    situation: tuple[list[bool], ...] = ()
    sources: list[_source.Source | None] = attrs.field(factory=list)
    users: Mapping[str, Collection[str]] = attrs.field(factory=dict)
    known: dict[tuple[str, str, Level, bool], tuple[Rebinds | None, set[str]]] = attrs.field(factory=dict)

    def settled(
        self,
        tracked: tuple[str, ...],
        situation: tuple[list[bool], ...],
        sources: list[_source.Source | None],
        users: Mapping[str, Collection[str]],
    ) -> Calm:
        """What of it holds as well for these modules, in their present situation."""
        known: dict[tuple[str, str, Level, bool], tuple[Rebinds | None, set[str]]] = {}
        if self.tracked is tracked and self.situation == situation and self.users is users:
            pairs = zip(tracked, self.sources, sources, strict=True)
            changed = {name for name, one, other in pairs if one is not other and not _is_same_source(one, other)}
            known = {key: each for key, each in self.known.items() if each[1].isdisjoint(changed)}
        return Calm(tracked, situation, sources, users, known)

    def after(self, needs: Needs, module: str, name: str, level: Level, *, is_within: bool) -> Rebinds | None:
        """
        Whom to rebind after a change of a definition of *module*; `None` if it has to be followed.

        Args:
            needs: Of the transaction; sources that are new in it are on no way that is remembered.
            module: The module that was executed.
            name: A name at its top level.
            level: How much of it changed.
            is_within: Whether it may have to be followed in the module itself, which was not executed.
        """
        key = module, name, max(level, Level.SHAPE), is_within
        found = self.known.get(key)
        if found is None or not found[1].isdisjoint(needs.renewed):
            way: set[str] = set()
            found = _followed(needs, *key, way), way
            if way.isdisjoint(needs.renewed):
                self.known[key] = found
        return found[0]


def _is_same_source(one: _source.Source | None, other: _source.Source | None) -> bool:
    return one is other or (one is not None and other is not None and one.hash == other.hash != _source.UNKNOWN)


def _followed(needs: Needs, module: str, name: str, level: Level, is_within: bool, way: set[str]) -> Rebinds | None:
    """
    As :meth:`Calm.after`, by the sources alone.

    It asks for more than :meth:`Needs.change` does, which knows the objects too: what it lets pass, that one would.
    """
    rebinds: Rebinds = {}
    queue, seen = [(module, name, level)], {(module, name)}
    for at, (owner, each, much) in enumerate(queue):
        for user in (*((owner,) if at or is_within else ()), *needs.users_of(owner)):
            way.add(user)
            if owner in needs.called.get(user, ()):
                return None
            for place in needs.view(user).uses(owner, each):
                if place.ref.use is Use.NAMED and much < Level.OBJECT:
                    continue
                if place.ref.use is not Use.TAKEN:
                    is_kept = _is_put_away(place, much, space_of(owner).get(each))
                    if place.owner == ANY or not (place.owner or is_kept) or _is_outcome(user, place):
                        return None
                    following = user, place.owner, Level.SHAPE
                elif much < Level.OBJECT:
                    following = user, each if place.owner == ANY else place.owner, much
                elif much is Level.PRESENCE or at or place.owner == ANY:
                    return None
                else:
                    rebinds.setdefault(user, {})[place.owner] = owner, each
                    following = user, place.owner, much
                target = following[0], following[1].partition(".")[0]  # a method goes for its class
                if next(_caches(*target), None) is not None:
                    return None
                if target[1] and target not in seen:
                    seen.add(target)
                    queue.append((*target, following[2]))
    return rebinds


def _is_put_away(place: Place, level: Level, value: object) -> bool:
    """Whether a module that is executed does no more with a definition than to put it somewhere."""
    if is_copied(value) or (place.ref.is_seen and is_class(value)):
        return False
    return place.ref.use is Use.STORED and not (place.rest or place.ref.of or place.ref.to) and level < Level.OBJECT


@attrs.define(eq=False)
class Needs:
    """
    What is known to have changed, and who has to be executed for it.

    Args:
        look: Reads a module's present source.
        users: For each module those that import it in any way.
        calm: What is known of changes that make nobody be executed; `None` if each has to be followed.
        spelled: Tells the attributes that a module's present source spells.

    Attributes:
        decided: The modules that are executed, or leave, in any case.
        called: For modules what they imported by computed names.
        reached: Tells all that import a module in any way, directly or not.
        graph: What modules import with their new sources.
        is_thorough: Whether a change is followed as well where it can make no difference who is executed.
        renewed: The modules whose present source is new in this transaction, each with what reads it.
        views: The sources read so far.
        levels: How much of each definition changed.
        changed: For each module the top-level names of these.
        affected: The modules that have to be executed, each with the reason.
        formulas: For those of them of which it is known that formulas come out otherwise, and of nothing else, these.
        executed: The modules that were: what they computed is known.
        rebinds: For each module its names that another module's statement gave an object to which is
            another one now, with that module and its name there; ``""`` for one that is to leave.
        former: The objects that names stood for before.
        stars: For each executed module the names that only now, or no more, go to star imports.
        is_blind: Whether nobody is to be executed for another's sake.
        differing: For each module two of its sources, and of which definitions they do not say the same.
        around: For a module itself and all that import it, directly or not, where that was asked.
    """

    look: Callable[[str], View]
    users: Mapping[str, Collection[str]]
    calm: Calm | None = None
    spelled: Callable[[str], frozenset[str]] = attrs.field(default=lambda _name: frozenset())
    decided: Collection[str] = ()
    called: Mapping[str, Collection[str]] = attrs.field(factory=dict)
    reached: Callable[[str], Iterable[str]] = attrs.field(default=lambda _name: (ANY,))
    graph: Mapping[str, Mapping[str, Edge]] = attrs.field(factory=dict)
    is_thorough: bool = False
    _undecided: dict[str, str] = attrs.field(init=False, factory=dict)
    _users_of: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _asked: int = attrs.field(init=False, default=0)
    renewed: dict[str, Callable[[], View]] = attrs.field(factory=dict)
    views: dict[str, View] = attrs.field(factory=dict)
    levels: dict[tuple[str, str], Level] = attrs.field(factory=dict)
    changed: dict[str, set[str]] = attrs.field(factory=dict)
    affected: dict[str, str] = attrs.field(factory=dict)
    formulas: dict[str, dict[Formula, None]] = attrs.field(factory=dict)
    executed: set[str] = attrs.field(factory=set)
    rebinds: Rebinds = attrs.field(factory=dict)
    former: dict[tuple[str, str], object] = attrs.field(factory=dict)
    stars: dict[str, set[str]] = attrs.field(factory=dict)
    is_blind: bool = False
    differing: Differing = attrs.field(factory=dict)
    around: dict[str, frozenset[str]] = attrs.field(factory=dict)  # a function of it were a cycle, for the collector

    def view(self, name: str) -> View:
        if name not in self.views:
            self.views[name] = self.renewed[name]() if name in self.renewed else self.look(name)
        return self.views[name]

    def users_of(self, module: str) -> tuple[str, ...]:
        """Who imports a module, or imports a package that it is in and asks that for it (``package.module.x``)."""
        found = self._users_of.get(module)
        if found is None:
            far = dict.fromkeys(self.users.get(module, ()))
            package, _, child = module.rpartition(".")
            path = {child}
            while package:
                far.update((u, None) for u in self.users.get(package, ()) if u != module and path <= self.spelled(u))
                package, _, child = package.rpartition(".")
                path.add(child)
            self._add_users_behind(module, far)
            found = self._users_of[module] = tuple(far)
        return found

    def _add_users_behind(self, module: str, users: dict[str, None]) -> None:
        """Add those who take a module from one that imports it, or ask that for it."""
        wanted = sys.modules.get(module)
        around = (*users, module.rpartition(".")[0])  # its package has it too
        queue = [user for user in around if self.users.get(user)]  # few of many have users themselves
        if wanted is None or not queue:
            return
        names_of = functools.cache(functools.partial(_names_of, wanted))
        for user in queue:
            names = names_of(user)
            more = [u for u in self.users[user] if u not in users and u != module] if names else []
            more = [u for u in more if not names.isdisjoint(self.spelled(u)) or names_of(u)]
            users.update(dict.fromkeys(more))
            queue.extend(u for u in more if self.users.get(u))

    def is_used(self, name: str) -> bool:
        """Whether anybody imports a module: if not, what changed in it is nobody's concern."""
        return bool(self.users_of(name))

    def is_followed(self, name: str) -> bool:
        """
        Whether a module is used, directly or not, by any of whom it is not decided yet whether to be executed.

        If not, a change there matters only to names that others have taken already.
        """
        if self.is_thorough:
            return True
        user = self._undecided.get(name, "")
        if not user or self._is_decided(user):  # mostly it is who it was when this was asked before
            user = self._undecided[name] = next((u for u in self.reached(name) if not self._is_decided(u)), "")
        return bool(user)

    def _is_decided(self, name: str) -> bool:
        return name in self.executed or name in self.decided or (name in self.affected and name not in self.formulas)

    def renew(self, name: str, look: Callable[[], View]) -> None:
        """A module has another source now."""
        self.views.pop(name, None)
        self.renewed[name] = look

    def stale(self) -> Iterator[Any]:  # functions made by `functools.lru_cache`
        """What remembers results of definitions that changed since this was asked, and was not executed itself."""
        since, self._asked = self._asked, len(self.levels)
        for module, name in islice(reversed(self.levels), self._asked - since):
            if module not in self.executed:
                yield from _caches(module, name)

    def change(
        self, module: str, changes: Mapping[str, Level], *, is_trying: bool = False, is_whole: bool = False
    ) -> bool:
        """
        Note what changed in a module, and all that follows from it.

        Args:
            module: The module.
            changes: What changed.
            is_trying: Whether to end where it would have to be followed into other modules.
            is_whole: Whether to follow it everywhere.

        Returns:
            Whether that was nowhere so.
        """
        queue = deque((module, name, level) for name, level in changes.items())
        through: deque[tuple[str, str, str, Level]] = deque()  # those who only lead to others come last
        is_calm = True
        while queue or through:
            if not queue:
                user, owner, name, level = through.popleft()
                if is_whole or self.is_followed(owner) or self._has_taken(user, owner, name, level):
                    queue.extend((user, *each) for each in self._spread(user, owner, name, level))
                continue
            owner, name, level = queue.popleft()
            if self.levels.get((owner, name), 0) >= level:
                continue
            top = name.partition(".")[0]
            self.levels[owner, name] = level
            self.changed.setdefault(owner, set()).add(top)
            is_known = self._is_known(owner, top, level)
            if is_known and owner in self.formulas:
                continue
            if not is_known and is_trying:
                return False
            is_calm = is_calm and is_known
            for user in self._concerned(owner, top, () if is_known else self.users_of(owner)):
                if self._is_decided(user):
                    through.append((user, owner, name, level))
                else:
                    queue.extend((user, *each) for each in self._spread(user, owner, name, level))
        return is_calm

    def _is_known(self, module: str, name: str, level: Level) -> bool:
        """Whether it is known of a change that nobody is executed for it; what follows from it is noted then."""
        is_within = module in self.formulas
        if not (is_within or self.users_of(module)):
            return True
        rebinds = None if self.calm is None else self.calm.after(self, module, name, level, is_within=is_within)
        for user, names in (rebinds or {}).items():
            self.rebinds.setdefault(user, {}).update(names)
        return rebinds is not None

    def _concerned(self, owner: str, name: str, users: Iterable[str]) -> Iterator[str]:
        """
        A module and its *users*, but for those that are known to have nothing to do with a definition of it.

        There are many definitions, mostly methods that are inherited, and few users of each.
        """
        target = owner, name
        for user in dict.fromkeys((owner, *users)):
            view = self.views.get(user)
            if view is None or not view.is_unused(target) or self._is_told_otherwise(user):
                yield user

    def _is_told_otherwise(self, user: str) -> bool:
        """Whether what a module depends on may be in no statement of its own."""
        return user in self.called or "__depends__" in space_of(user)

    def _has_taken(self, user: str, module: str, name: str, level: Level) -> bool:
        """Whether *user*, executed before a module in a circle, may have taken a former object from it."""
        if level < Level.OBJECT or user not in self.executed:
            return False
        edges = self.graph.get(user, {})
        names = edges[module].names if module in edges else ()
        return name in names or ANY in names or name == ANY or f"{module}.{name}" in edges

    def _spread(self, user: str, module: str, name: str, level: Level) -> Iterator[tuple[str, Level]]:
        """What changes in *user* by a change of a definition; whether *user* must be executed is noted."""
        places = self._places(user, module, name, level)
        is_declared, is_called = module in declared(user, "__depends__"), module in self.called.get(user, ())
        if not (places or is_declared or is_called):
            return
        if module in declared(user, "__accepts__"):
            taken = [each.owner for each in places if each.ref.use is Use.TAKEN and each.owner != ANY]
            for each in taken if level is Level.OBJECT else ():
                self.rebinds.setdefault(user, {})[each] = (module, name.partition(".")[0])
            return
        if is_declared:
            self.affect(user, f"it says that it depends on {module}, in which {name} changed")
        if is_called:
            self.affect(user, f"it imported {module} by a name that it computed, and {name} changed there")
        for place in places:
            yield from self._follow(user, module, name, level, place)

    def _places(self, user: str, module: str, name: str, level: Level) -> list[Place]:
        """Where *user* has to do with a change of a definition."""
        top, _, member = name.partition(".")
        places = self.view(user).uses(module, top)
        if level is Level.FILLED:  # who only puts something in as well is not concerned
            places = [place for place in places if not place.ref.is_filling]
        if level < Level.OBJECT:  # who only names it neither
            places = [place for place in places if place.ref.use is not Use.NAMED]
        if level < Level.SHAPE:  # nor who annotates with it what is made when it is called itself
            places = [place for place in places if not (place.ref.use is Use.LATER and place.ref.is_annotation)]
        if member == _uses.ANNOTATIONS and is_called_blindly(space_of(module).get(top)):
            places = [place for place in places if place.rest or not place.ref.is_called]
        return places

    def _follow(self, user: str, module: str, name: str, level: Level, place: Place) -> Iterable[tuple[str, Level]]:
        """As :meth:`_spread`, by one place."""
        top, _, member = name.partition(".")
        if place.ref.use is Use.TAKEN:
            return self._take(user, module, name, level, place)
        if not place.owner:
            if self._is_undecided(user) and matters(user, module, top, member, level, place):
                reason = f"it uses {module}.{name.removesuffix(_uses.CODE)}, which changed"
                self.affect(user, reason, None if place.ref.is_annotation else place.statement)
            return ()
        if place.owner == ANY:
            values = space_of(user).copy().items()
            return [(each, min(level, Level.BODY)) for each, value in values if not is_value(value)]
        if _is_outcome(user, place):
            self.affect(user, f"its {place.owner.partition('.')[0]} may have been computed with {module}.{top}")
            return ()
        owner, much = _following(member, level, place)
        is_new = self.levels.get((user, owner), 0) < much and not is_value(space_of(user).get(place.owner, MISSING))
        return ((owner, much),) if is_new else ()

    def _take(self, user: str, module: str, name: str, level: Level, place: Place) -> Iterator[tuple[str, Level]]:
        """What a change means for who imports the name, by itself or with a star."""
        top, _, member = name.partition(".")
        if place.owner == ANY:
            yield from self._take_with_star(user, module, name, level)
            return
        if level is Level.PRESENCE:  # what the import then does shows when it is executed
            self.affect(user, f"it takes {top} from {module}, which came or left")
            return
        if level is Level.OBJECT:
            self.rebinds.setdefault(user, {})[place.owner] = (module, top)
        yield f"{place.owner}.{member}" if member else place.owner, level

    def _take_with_star(self, user: str, module: str, name: str, level: Level) -> Iterator[tuple[str, Level]]:
        """As :meth:`_take`: a name that comes or leaves is no reason to execute who does not use it at once."""
        top = name.partition(".")[0]
        view = self.view(user)
        for each in self.stars.get(module, ()) if name == ANY else (top,):
            if name == ANY and each not in space_of(module):
                self.affect(user, f"it takes all from {module}, which lists {each} and has no such name")
                continue
            is_own = each in view.bound or each in view.taken
            if is_own and not view.is_covered(each, module):
                continue
            if is_own and level is Level.PRESENCE and not self._is_other(view, module, each):
                continue
            if name != ANY and not self._is_brought(user, module, each):
                continue
            if not is_own and level is Level.PRESENCE:
                given, present = view.given_by_stars(each), space_of(user).get(each, MISSING)
                others = given.keys() - {module}
                is_covering = others or (module in given and present is not MISSING)
                if is_covering and any(value is not present for value in given.values()):  # executed, it takes the last
                    self.affect(user, f"several star imports bring {each}, which {module} gives only now, or no more")
                if others:
                    continue
            if is_own and level >= Level.OBJECT:  # which of them the name then stands for shows when it is executed
                self.affect(user, f"its own {each} is covered by that of {module}, which changed")
            elif level >= Level.OBJECT:
                is_lost = name == ANY and not _is_public(module, each)
                self.rebinds.setdefault(user, {})[each] = (module, "" if is_lost else each)
            if name == ANY and any(not p.owner and p.ref.use is not Use.TAKEN for p in view.uses(module, each)):
                self.affect(user, f"it uses {each}, which {module} gives to star imports no more, or only now")
            yield (each if name == ANY else name), level

    def _is_other(self, view: View, module: str, name: str) -> bool:
        """Whether a name of its own stands for something else when a star import covers it, or does so no more."""
        way = [(module, name)]
        for base, theirs in way:  # it grows while it is walked
            taken = self.rebinds.get(base, {}).get(theirs, way[0])
            way.extend(() if taken in way else (taken,))
        present, (base, theirs) = space_of(view.name).get(name, MISSING), way[-1]
        given = space_of(base).get(theirs, MISSING)
        if given is MISSING and _is_imported(self.view(base), theirs, present):  # it is not executed yet
            given = present
        return given is not present or not (_is_public(module, name) or _is_imported(view, name, present))

    def _is_brought(self, user: str, module: str, name: str) -> bool:
        """Whether a star import takes a name, or took it before ``__all__`` was there or said otherwise."""
        if _is_public(module, name):
            return True
        former = self.former.get((module, name), MISSING)
        is_had = former is not MISSING and space_of(user).get(name, MISSING) is former
        return is_had and (name in self.stars.get(module, ()) or not name.startswith("_"))

    def affect(self, user: str, reason: str, statement: Statement | None = None) -> None:
        """Note a reason to execute a module, and the statement whose outcome it concerns, if it is one alone."""
        if not self._is_undecided(user):
            return
        formula = statement.formula if statement is not None else None
        if formula is not None:
            self.formulas.setdefault(user, {})[formula] = None
        else:
            self.formulas.pop(user, None)
        self.affected.setdefault(user, reason)

    def _is_undecided(self, user: str) -> bool:
        """Whether it makes a difference that something is a reason to execute a module."""
        is_open = user not in self.affected or user in self.formulas
        return is_open and user not in self.executed and not self.is_blind

    # What is to be expected

    def is_calm(self, seeds: Mapping[str, Callable[[], View]]) -> bool:
        """Whether it is expected that an execution of *seeds* makes no other necessary."""
        other = self.expecting(seeds)
        is_calm = all(other.foresee(name, self.view(name), is_trying=True) for name in seeds)
        return is_calm and other.affected.keys() <= seeds.keys()

    def expecting(self, seeds: Mapping[str, Callable[[], View]]) -> Needs:
        """What is known, with the new sources of *seeds*."""
        return attrs.evolve(
            self,
            levels=dict(self.levels),
            changed={module: set(names) for module, names in self.changed.items()},
            affected=dict(self.affected),
            formulas={name: dict(each) for name, each in self.formulas.items()},
            executed=set(self.executed),
            rebinds={},
            views={name: view for name, view in self.views.items() if name not in seeds},
            renewed={**self.renewed, **seeds},
        )

    def foresee(self, name: str, old: View, *, is_trying: bool = False) -> bool:
        """Note what an execution of a module is expected to change; as :meth:`change`."""
        is_calm = self.change(name, self._differing_sources(name, old), is_trying=is_trying)
        return self.compute(name, is_calm=is_calm, is_trying=is_trying)

    def compute(self, name: str, *, is_calm: bool = True, is_trying: bool = False) -> bool:
        """Note what an execution of a module is expected to compute anew; as :meth:`change`."""
        while (is_calm or not is_trying) and (more := self._computed(name)):
            is_calm = self.change(name, more, is_trying=is_trying) and is_calm
        return is_calm

    def _differing_sources(self, name: str, old: View) -> Changes:
        """What an execution is going to change in a module by what its source says."""
        differing, namespace = self._differing(name, old), space_of(name)
        expected = {each: _expected_level(each, sides, namespace) for each, sides in differing.items()}
        self._reorder(old)
        return _with_leading(name, expected, differing)

    def wrote(self, module: str, name: str, rest: tuple[str, ...], earlier: Collection[str]) -> None:
        """
        Note that another module set a name of *module*, or an attribute of what it stands for.

        Those that are executed *earlier* than that one have never seen it.
        """
        known = set(self.affected)
        changes = {f"{name}.{rest[0]}": Level.SHAPE} if rest else {name: Level.OBJECT}
        self.change(module, changes, is_whole=True)
        for each in self.affected.keys() - known:
            if each in earlier:
                del self.affected[each]

    def _reorder(self, old: View) -> None:
        """Note who meets a name of a module now, when that imports them, because it is bound before and was not."""
        new = self.view(old.name)
        if new.statements is old.statements or not self.is_used(old.name) or not old.is_importing(self.users):
            return
        former, present = old.preceding(self.users), new.preceding(self.users)
        met = {name: lost for name, each in present.items() if (lost := former.get(name, each) - each)}
        started = set(packages_of(old.name))  # before it in any case
        for user in (each for each in self.users_of(old.name) if met and each not in started):
            if user not in self.around:
                self.around[user] = _graph.reachable(self.users, [user])
            for name, lost in met.items():
                places = self.view(user).uses(old.name, name) if not lost.isdisjoint(self.around[user]) else ()
                if any(not place.owner or place.ref.use is Use.TAKEN for place in places):
                    self.affect(user, f"{old.name} binds {name} before it is imported now")

    def _differing(self, name: str, old: View) -> dict[str, tuple[bool, bool]]:
        """As :func:`modreg._uses.differing`, which takes long: what is expected and what shows ask the same."""
        sides = old.statements or (), self.view(name).statements or ()
        if sides[0] is sides[1]:
            return {}
        known = self.differing.get(name)
        if known is None or known[0] != sides:
            known = self.differing[name] = sides, _uses.differing(*sides)
        return known[1]

    def _computed(self, name: str) -> Changes:
        """What an execution is going to change beyond that: it computes anew, and makes new objects."""
        new = self.view(name)
        for module, changed in self.changed.items() if name in self.renewed else ():  # nobody asked it yet
            if module == name or name in self.users_of(module):
                new.read(module, changed)
        namespace, users = space_of(name), self.users_of(name)
        found: Changes = {}
        filled: dict[int, bool] = {}
        for each, every in new.taken.items():
            targets = [(new.absolute(taken), taken.name) for taken in every]
            if any(self.levels.get(target) is Level.PRESENCE for target in targets):
                found[each] = Level.OBJECT
        places = [(target, place) for target, every in new.places.items() for place in every]
        inputs = {  # what is computed with something that changed, or asks something of which a part did
            place.owner
            for (module, each), place in places
            if (module, each) in self.levels or (place.ref.use >= Use.MADE and each in self.changed.get(module, ()))
        }
        called = {  # a class may have what that gives
            place.owner
            for (module, each), place in places
            if place.ref.use >= Use.FORMED and each in self.changed.get(module, ())
        }
        for each in new.made:
            value = namespace.get(each)
            if is_value(value):
                if each in inputs and each in new.bound:
                    found[each] = Level.OBJECT
            elif not is_definition(value) and not any(parts(value)) and (each in inputs or not is_type(value)):
                found[each] = Level.OBJECT
            elif (is_class(value) and each in called) or _containers.is_filled(value, name, users, filled):
                found[each] = Level.SHAPE
        return {each: level for each, level in found.items() if self.levels.get((name, each), 0) < level}

    # What executions show

    def compare(
        self, name: str, former: Mapping[str, object], namespace: Mapping[str, object], old: View | None, held: Held
    ) -> Changes:
        """
        What an execution changed in a module, as it shows afterwards.

        Args:
            name: The module.
            former: What its namespace held before.
            namespace: What it holds now, when old definitions have become the new ones.
            old: Its source before; `None` if only names that came, left or stand for others are of interest.
            held: What :func:`holding` told before.
        """
        said = {} if old is None else _by_top(self._differing(name, old))
        found: Changes = {}
        for each in {**former, **namespace}:
            before, after = former.get(each, MISSING), namespace.get(each, MISSING)
            if before is after:
                found.update(said[each] if each in said and not is_value(after) else {})
                if each in held and not is_holding(after, held[each], name):
                    found.setdefault(each, Level.SHAPE)
                continue
            is_there = before is not MISSING and after is not MISSING  # both times
            if not (is_there and is_value(after) and is_alike(before, after)):
                found[each] = Level.OBJECT if is_there else Level.PRESENCE
                self.former[name, each] = before
        self.stars[name] = _otherwise_to_stars(former, namespace)
        if self.stars[name]:
            found[ANY] = Level.PRESENCE
        told = {each: level for each, level in found.items() if each not in _OF_IMPORT_SYSTEM}
        if old is None:
            return told
        self._reorder(old)
        if told or said:
            told = {**dict.fromkeys(self._made_unseen(name, namespace), Level.SHAPE), **told}
        return _with_leading(name, told, said)

    def _made_unseen(self, name: str, namespace: Mapping[str, object]) -> Iterator[str]:
        """The definitions of a module that no statement binds: any may have made them (``globals()[name] = f``)."""
        view = self.view(name)
        every = ((each, value) for each, value in namespace.items() if not view.is_binding(each))
        return (each for each, value in every if is_own(value, name))


# Names that every execution writes, and that no definition depends on.
_OF_IMPORT_SYSTEM: Final = frozenset({"__builtins__", "__loader__", "__spec__", "__cached__", "__annotations__"})


def _otherwise_to_stars(former: Mapping[str, object], namespace: Mapping[str, object]) -> set[str]:
    """The names that only now, or no more, go to star imports, and those that are to go and are not there."""
    if former.get("__all__") is namespace.get("__all__"):
        return set()
    both = former.keys() & namespace.keys()
    found = {each for each in both if is_given(each, former) != is_given(each, namespace)}
    public = namespace.get("__all__")
    return found.union(each for each in public if each not in namespace) if isinstance(public, (list, tuple)) else found


def _with_leading(module: str, changes: Changes, said: Iterable[str]) -> Changes:
    """
    The changes in a module, and the names there that lead to what changed.

    Args:
        module: The module.
        changes: What changed.
        said: The definitions of which its source says something else, whatever their names stand for.
    """
    names = {each.partition(".")[0] for each in (*changes, *said)}
    return dict.fromkeys(_containers.leading(module, names), Level.FILLED) | changes


def _by_top(definitions: Iterable[str]) -> dict[str, Changes]:
    """Of which definitions the new source says something else, by their names."""
    found: dict[str, Changes] = {}
    for each in definitions:
        top, _, member = each.partition(".")
        found.setdefault(top, {})[each] = Level.BODY if member else Level.SHAPE
    return found


def _expected_level(name: str, sides: tuple[bool, bool], namespace: Mapping[str, object]) -> Level:
    if "." in name:
        return Level.BODY
    if not all(sides):
        return Level.PRESENCE
    value = namespace.get(name)
    return Level.SHAPE if is_definition(value) else Level.OBJECT


def _following(member: str, level: Level, place: Place) -> tuple[str, Level]:
    """What changes where a definition is used for another one, and how much."""
    if "." in place.owner:
        return place.owner, min(level, Level.SHAPE)
    if level < Level.SHAPE and place.ref.is_annotation:
        return f"{place.owner}.{_uses.ANNOTATIONS}", level
    inherits = member and (place.ref.use in (Use.BASE, Use.SHAPED) or member == "__class_getitem__")
    return f"{place.owner}.{member}" if inherits else place.owner, min(level, Level.SHAPE)


def _is_outcome(user: str, place: Place) -> bool:
    """Whether a definition was not kept but called, by its decorator: its name stands for what that came to."""
    if place.statement is None or not place.statement.is_definition:
        return False
    value = space_of(user).get(place.owner.partition(".")[0])
    return value is not None and is_value(value)


def _is_imported(view: View, name: str, value: object) -> bool:
    """Whether a value is what a module imports itself under a name, and under no other condition binds."""
    imported = [(view.absolute(each), each.name) for each in view.taken.get(name, ())]
    values = [space_of(module).get(theirs) if theirs else sys.modules.get(module) for module, theirs in imported]
    return bool(values) and name not in view.bound and all(each is value for each in values)


def _is_public(module: str, name: str) -> bool:
    namespace = space_of(module)
    return name not in namespace or is_given(name, namespace)
