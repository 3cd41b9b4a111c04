"""What stands in the containers that executed code can reach, and what becomes of it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import ModuleType

import attrs

from modreg import _graph, _registered
from modreg._classes import is_class
from modreg._containers import data_of, is_namespace, of_instance, owners, places
from modreg._journal import Cache, Contents, Journal, Place, containers_in, elements_of
from modreg._model import Edge, Finding
from modreg._noted import Noted, Noting
from modreg._pairs import Pair, is_own
from modreg._registered import Theirs, unwrapped
from modreg._twins import Twins
from modreg._values import attributes, is_atom, is_definition, label_of
from modreg._window import point

Names = Mapping[str, object]

Gone = Mapping[str, Collection[str]]
"""Names that a module gives away no more, each with those by which it did."""

Aside = tuple[Contents, tuple[object, ...], Theirs]
"""A container, what it held, and what tells of an element whether it was taken out."""

Giving = Callable[[object], Iterable[object]]
"""Tells by what the module that defines an object may give it away."""


@attrs.define(eq=False)
class Registrations:
    """
    The containers whose contents a transaction has noted, and what executions put into them.

    Attributes:
        journal: Where the contents are noted.
        findings: What containers are too large for it.
        held: What was made anew and is held elsewhere, each with what is kept of it.
        graph: What modules in scope import.
        imported: What those imported before that may import something else now.
        noted: The containers whose contents were noted before the execution.
        reached: The modules whose containers were looked for.
        large: The containers that are too large to be noted.
        again: The identities of the definitions that were made anew, and kept.
        executed: The modules whose executions may have made containers that are noted nowhere.
        made: Such containers, of those that were looked into.
        led: The classes that could not become their new definition, each with that in its place.
    """

    journal: Journal
    findings: list[Finding]
    held: Twins
    graph: Mapping[str, Mapping[str, Edge]]
    imported: Mapping[str, Mapping[str, Edge]] = attrs.field(factory=dict)
    noted: Noted = attrs.field(factory=Noted)
    reached: set[str] = attrs.field(factory=set)
    large: set[int] = attrs.field(factory=set)
    again: set[int] = attrs.field(factory=set)
    executed: list[str] = attrs.field(factory=list)
    made: list[Contents] = attrs.field(factory=list)
    led: Twins = attrs.field(factory=Twins)
    _instead: dict[int, Pair] = attrs.field(factory=dict)

    def note(self, name: str) -> None:
        """
        Note what the code of a module may put elsewhere: into containers of all modules that it can reach.

        What its former code has put there may have to go.
        """
        more = _graph.reachable(self.graph, [name, *self.imported.get(name, ())], self.reached)
        self.reached |= more
        for owner in more & self.graph.keys():
            for place in places(owner, self.findings, self.large):
                if not self.noted.is_known(place, owner):  # others may have taken it from there
                    self._note_place(owner, place)
        for place in data_of(name):
            if not self.noted.is_known(place, name):
                self.journal.keep(place)

    def _note_place(self, owner: str, place: Place) -> None:
        """Note a place, and what goes with it in the attributes of a container of a derived class, as a count."""
        own = attributes(place.container) if isinstance(place, Contents) else None
        if own is not None:
            self.journal.keep(Contents(own))
        self.journal.keep(place)
        if isinstance(place, Contents) and not is_namespace(place.container):
            self.noted.add(self.journal.entries[-1], owner)

    def settle(self) -> None:
        """Let what was registered again stand in the places of the former registrations, and what is kept for twins."""
        for entry in self.noted.open():
            self._settle(entry)
        if self.held:
            self._note_made()
            for place in self.made:
                point(place.container, self.held)

    def _note_made(self) -> None:
        """Note the containers that executions made: those that came later may have put something there."""
        while self.executed:
            owner = self.executed.pop()
            found = (place for place in places(owner, [], set()) if isinstance(place, Contents))
            self.made.extend(place for place in found if not self.noted.is_known(place, owner))

    def lead(self, pairs: Iterable[Pair]) -> None:
        """Have classes stand where containers have earlier ones that could not become them."""
        both = (each for each in pairs if is_class(each.old) and is_class(each.new))
        self.led.update(Twins.of(Pair(each.new, each.old) for each in both))

    def _settle(self, entry: Noting) -> None:
        before = self._put_led(entry) if self.led else entry.before
        if not entry.place.is_holding(before):
            point(entry.place.container, self.held)
            _registered.settle(entry.place, before, self.again, self.noted.renewed(entry.place.container))

    def _put_led(self, entry: Noting) -> tuple[object, ...]:
        """Put classes where a container has earlier ones, and answer what it held before as if it had had them then."""
        now = tuple(map(self._present, entry.place.get()))
        if not entry.place.is_holding(now):
            entry.place.put(now)
        return tuple(map(self._present, entry.before))

    def _present(self, element: object) -> object:
        """An element, or in its place one with the classes that there are now; the same each time it is asked for."""
        known = self._instead.get(id(element))
        if known is not None:
            return known.new
        if type(element) is tuple:
            inside = tuple(map(self._present, element))
            present: object = inside if any(map(operator.is_not, inside, element)) else element
        else:
            present = self.led.kept(element)
        if present is not element:
            self._instead[id(element)] = Pair(element, present)
        return present

    def filled(self, executed: Collection[str], changed: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
        """
        Modules and names there that lead to a container in which there is something else by now; each is told once.

        What is in containers of *executed* modules alone is told otherwise.  What *changed* names, by module, stand for
        is something else, too.
        """
        unread = self.noted.unread(executed)
        found = {id(entry.place.container) for entry in unread if self._is_filled(entry, changed)}
        self.noted.read(found)
        return owners(self.reached & self.graph.keys() if found else (), found)

    def filled_in(self, name: str) -> set[str]:
        """The names of a module that lead to a container in which there is something else now than before."""
        found = {id(entry.place.container) for entry in self.noted.open() if self._is_filled(entry, {})}
        return {each for _, each in owners([name] if found else (), found)}

    def _is_filled(self, entry: Noting, changed: Mapping[str, Collection[str]]) -> bool:
        """Whether there is something else in a container than before, or it has changed."""
        self._settle(entry)
        return not entry.place.is_holding(entry.before) or self.noted.is_of(entry, changed)

    def forget(self, owner: str, former: Names, namespace: Names) -> None:
        """
        Take definitions that left a module's source out of the containers that they were put in.

        One that goes by its name in a wrapper now has not left it.
        """
        present = {id(value) for value in namespace.values()}
        left = {key: value for key, value in former.items() if id(value) not in present}
        gone = {id(value) for key, value in left.items() if _is_gone(key, value, owner, namespace)}
        if gone:
            for entry in self.noted.open():
                point(entry.place.container, self.held)
                _registered.take_out(entry.place, lambda each: not gone.isdisjoint(map(id, _registered.named(each))))
            # Of functions that dispatch; what all classes have in common stands there once for each module.
            for clear in {each.place.clear: None for each in self.journal if isinstance(each.place, Cache)}:
                clear()

    def forget_all(self, owner: str, names: Collection[str]) -> None:
        """
        Take what a module that is gone defined out of the containers of others that it could reach.

        What it defines under another name than one of its *names* is not known.
        """
        self.note(owner)
        told = functools.partial(_registered.names_in, owner=owner, names=names, known={})
        others = _graph.reachable(self.graph, [owner], set()) & self.graph.keys() - {owner}
        for place in [place for each in others for place in places(each, [], set())]:
            if isinstance(place, Contents):
                if not is_namespace(place.container):
                    _registered.take_out(place, lambda each: told(unwrapped(each)))
            elif isinstance(place, Cache):
                place.clear()  # of a function that dispatches

    def has_of(self, owner: str) -> bool:
        """Whether anything that a module defines stood in one of the containers before."""
        return bool(self.noted.of(owner))

    def withdraw(
        self,
        owner: str,
        gone: Gone,
        former: Names,
        namespace: Names,
        giving: Giving,
        without: Collection[int],
    ) -> None:
        """
        Take out what the former source of a module put there, and the present one does not; *without* some containers.

        It registers the names that are *gone* no more; with each are those by which it did.  What stands there because
        the module that defines it has put it there, by what *giving* tells, stays.
        """
        for entry, told in self._given(owner, gone, former, namespace, giving):
            if id(entry.place.container) not in without:
                _registered.withdraw(entry.place, entry.before, told)

    def set_aside(self, owner: str, gone: Gone, former: Names, giving: Giving) -> list[Aside]:
        """
        Take out what :meth:`withdraw` is to take out, unless the present source puts it there, too.

        A registry may leave alone what it has: whether it would be given that again shows only where it has it not.
        """
        found = [*self._given(owner, gone, former, former, giving)]
        aside = [(entry.place, tuple(entry.place.get()), told) for entry, told in found]
        return [each for each in aside if _take_out(each[0], each[2])]

    def bring_back(self, aside: list[Aside]) -> None:
        """Put back what was set aside, where it was not registered again."""
        for place, before, told in aside:
            _registered.put_back(place, before, told)

    def _given(
        self, owner: str, gone: Gone, former: Names, namespace: Names, giving: Giving
    ) -> Iterator[tuple[Noting, Theirs]]:
        """Where the former source of a module may have put what it gives away no more, and what tells of that."""
        for entry in self.noted.of(owner) if gone else ():
            names = self._given_up(entry, owner, gone, former, giving)
            if not names:
                continue
            values = ((id(x), n) for each in (former, namespace) for n, x in each.items() if not is_atom(type(x)))
            known = {key: name for key, name in values if name in names}
            yield entry, functools.partial(_registered.names_in, owner=owner, names=names, known=known)

    def _given_up(self, entry: Noting, owner: str, gone: Gone, former: Names, giving: Giving) -> set[str]:
        """The names that are *gone* which the former source may have put into a container."""
        leading = {n for by in gone.values() for n in by if self._may_lead(former.get(n), entry, owner)}
        found = (name for name, by in gone.items() if not leading.isdisjoint(by))
        return {name for name in found if not self._is_put_at_home(former.get(name), entry, owner, giving)}

    def _is_put_at_home(self, value: object, entry: Noting, owner: str, giving: Giving) -> bool:
        """Whether the module that defines a value, if that is another one, puts it into a container by itself."""
        label = label_of(value)
        is_of_others = label is not None and label[1] != owner
        return is_of_others and any(self._may_lead(each, entry, "") for each in giving(value))

    def _may_lead(self, value: object, entry: Noting, owner: str) -> bool:
        """Whether code may put something into a container by what a name of a module stands for."""
        of = value if is_definition(value) else type(value)
        module = value.__name__ if type(value) is ModuleType else getattr(of, "__module__", "")
        container = entry.place.container
        held = [value, *(each for _, each in of_instance(value))]
        inside = (x for each in containers_in(held) for x in (each, *elements_of(each)))
        if any(x is container for x in inside):
            return True
        # A decorator that only wraps has no container; what stands in one elsewhere was put there by others.
        return module != owner and module in self.graph and any(owners([module], {id(container)}))

    def take_out(self, told: Theirs) -> list[Noting]:
        """Take what a module has registered out of all containers; answer those in which there was any."""
        every = self.noted.open()
        return [each for each in every if _take_out(each.place, told)]

    def put_back(self, taken: list[Noting], told: Theirs) -> None:
        """Put back what was taken out, where it was not registered again."""
        for entry in taken:
            _registered.put_back(entry.place, entry.before, told)


def _is_gone(name: str, value: object, owner: str, namespace: Names) -> bool:
    """Whether a definition of a module, or what was made around one, is under its name no more."""
    if is_definition(value):
        return getattr(value, "__module__", None) == owner and not is_own(namespace.get(name), owner)
    return name not in namespace and name in _registered.names_in(value, owner, (name,), {})


def _take_out(place: Contents, told: Theirs) -> bool:
    """Take out of a container what a module has registered, also in wrappers; whether there was any."""
    return _registered.take_out(place, lambda each: told(unwrapped(each)))
