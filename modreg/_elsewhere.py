"""What modules set outside of themselves when they are executed, and what stood there before."""

from __future__ import annotations

import sys

import attrs

from modreg._classes import is_class
from modreg._draft import Draft, Part
from modreg._importer import namespace_of, space_of
from modreg._journal import MISSING, ClassAttribute, Entry, Item, Journal, Place
from modreg._pairs import is_own
from modreg._values import attributes
from modreg._view import Written


@attrs.define(eq=False)
class Elsewhere:
    """
    The attributes of other modules, and of what these define, that the code of the executed ones sets.

    Args:
        journal: The transaction's.
        draft: As well.
        is_live: Whether what a module had put its own in the place of stands there again for its new code.
        is_dropping: Whether what the new code does not set leaves, where nothing else binds it.

    Attributes:
        originals: The journal's entries of those that stand again where modules had put their own.
    """

    _journal: Journal
    _draft: Draft
    _is_live: bool
    _is_dropping: bool
    originals: list[Entry] = attrs.field(init=False, factory=list)

    def put_originals(self) -> None:
        """
        Have originals stand again where modules put their own instead and do so no more.

        That is before any code runs: another one may take what stands there for the original, to put its own there.
        """
        since = len(self._journal.entries)
        for name, part in self._draft.parts.items() if self._is_live else ():
            if part.may_write and not part.is_unchanged:
                saved, present = self._draft.needs.view(name).saved(), part.view.written()
                gone = ((_place(*target), mine) for target, mine in saved.items() if target not in present)
                for place, mine in gone:
                    if place is not None:
                        self._put_original(name, place, mine)
        self.originals = self._journal.entries[since:]

    def follow_originals(self) -> None:
        """Note what has taken the place of originals: it goes with the transaction."""
        for entry in self.originals:
            entry.after = entry.place.get()

    def keep(self, part: Part) -> dict[Written, Entry]:
        """Note what stands where a module that is about to be executed sets something."""
        found: dict[Written, Entry] = {}
        if not part.may_write:
            return found
        view = self._draft.needs.view(part.name)
        former, saved = view.written(), view.saved() if self._is_live else {}
        present = former if part.is_unchanged else part.view.written()
        for target in {**former, **present}:
            is_known = target[0] in self._draft.graph or target in saved  # in scope, or there is what to put back
            place = _place(*target) if is_known else None
            if place is None:
                continue
            if target in saved:
                self._put_original(part.name, place, saved[target])
            self._journal.keep(place)
            found[target] = self._journal.entries[-1]
            if isinstance(place, Item) and target not in present and self._is_dropping and self._is_foreign(*target):
                place.put(MISSING)
        return found

    def wrote(self, name: str, written: dict[Written, Entry]) -> None:
        """Note what the execution of a module has set."""
        needs = self._draft.needs
        for target, entry in written.items():
            entry.after = entry.place.get()
            if entry.after is not entry.before and target[0] in self._draft.graph:
                needs.former.setdefault(target[:2], entry.before)
                order = self._draft.order
                needs.wrote(*target, earlier=order[: order.index(name)])
                mine = {n: source for n, source in needs.rebinds.get(name, {}).items() if source != target[:2]}
                needs.rebinds[name] = mine  # what it took from there is what was there when it did

    def _put_original(self, name: str, place: Place, saved: str) -> None:
        """Have what a module put its own in the place of stand there again: it is going to take it from there."""
        present, namespace = place.get(), space_of(name)
        original = namespace.get(saved, MISSING)
        is_its_own = is_own(present, name) or any(present is each for each in namespace.copy().values())
        if is_its_own and original is not MISSING and not is_own(original, name):
            self._journal.write(place, original)

    def _is_foreign(self, module: str, name: str, rest: tuple[str, ...]) -> bool:
        """Whether nothing in the source of a module in scope binds a name of it; of others nobody can tell."""
        return not rest and module in self._draft.graph and not self._draft.needs.view(module).is_binding(name)


def _place(module: str, name: str, rest: tuple[str, ...]) -> Item | ClassAttribute | None:
    """A name of a module, or an attribute of a class or an instance there."""
    namespace = namespace_of(sys.modules.get(module))
    if namespace is None or len(rest) > 1:
        return None
    if not rest:
        return Item(namespace, name)
    owner = namespace.get(name)
    if is_class(owner):
        return ClassAttribute(owner, rest[0])
    found = attributes(owner)
    return None if found is None else Item(found, rest[0])
