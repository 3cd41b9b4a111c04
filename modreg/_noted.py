"""The plain containers that were noted before code may change them, and what stood in them by module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from modreg._journal import MISSING, Contents, is_dict
from modreg._registered import all_told
from modreg._values import label_of

Noting = Any  # an entry of a journal, with Contents as its place


@attrs.define(eq=False)
class Noted:
    """
    Containers, each with the journal entry that tells what it held.

    Attributes:
        _owners: The modules through which a container is found, as long as one of them is not executed, and its
            readers are not known.
        _labels: The modules and names of what stood in those that were looked into.
        _renewed: The identities of the elements, of a dict of its keys, that an execution has put in again.
    """

    _entries: dict[int, Noting] = attrs.field(factory=dict)
    _owners: dict[int, set[str]] = attrs.field(factory=dict)
    _labels: dict[int, set[tuple[str, str]]] = attrs.field(factory=dict)
    _by_module: dict[str, list[Noting]] = attrs.field(factory=dict)
    _renewed: dict[int, set[int]] = attrs.field(factory=dict)

    def add(self, entry: Noting, owner: str) -> None:
        """Add the container of an entry, found through a module."""
        key = id(entry.place.container)
        self._entries[key] = entry
        self._owners[key] = {owner}

    def is_known(self, place: object, owner: str) -> bool:
        """Whether a place is that of a container that is noted; then it is found through this module too."""
        key = id(place.container) if isinstance(place, Contents) else None
        if key in self._entries:
            self._owners.setdefault(key, set()).add(owner)
        return key in self._entries

    def unread(self, executed: Collection[str]) -> list[Noting]:
        """The entries of those whose readers are not known; what is found in executed modules alone is told by them."""
        self.read([key for key, owners in self._owners.items() if owners.issubset(executed)])
        return [self._entries[key] for key in self._owners]

    def read(self, containers: Iterable[int]) -> None:
        """Who reads these containers is known from now on."""
        for key in containers:
            del self._owners[key]

    def open(self) -> list[Noting]:
        """The entries of all that may still change; what they hold after the execution is so at the end."""
        return [each for each in self._entries.values() if each.after is MISSING]

    def of(self, module: str) -> list[Noting]:
        """Those of the open ones in which something stood before that a module defines."""
        for each in self._entries.values() if len(self._labels) < len(self._entries) else ():
            self._label(each)
        return [each for each in self._by_module.get(module, ()) if each.after is MISSING]

    def renew(self, module: str) -> None:
        """Note the keys with other values than before, while these are not exchanged for what is kept of them."""
        for each in self.of(module):
            if is_dict(each.place.container):
                known = {id(key): value for key, value in each.before}
                again = (id(key) for key, value in each.place.get() if known.get(id(key), value) is not value)
                self.renewed(each.place.container).update(again)

    def renew_from(self, old: object, new: object) -> None:
        """Note the keys of a container that is kept which the one that gives way to it has, too."""
        if old is not new and id(old) in self._entries and is_dict(old) and is_dict(new):
            again = {key for key, _ in Contents(new).get()}
            self.renewed(old).update(id(key) for key, _ in Contents(old).get() if key in again)

    def renewed(self, container: object) -> set[int]:
        return self._renewed.setdefault(id(container), set())

    def is_of(self, entry: Noting, changed: Mapping[str, Collection[str]]) -> bool:
        """Whether something stood in a container before that is among the changed names, by module."""
        return any(name in changed.get(module, ()) for module, name in self._label(entry))

    def _label(self, entry: Noting) -> set[tuple[str, str]]:
        """The modules and names of the definitions that stood in a container."""
        key = id(entry.place.container)
        found = self._labels.get(key)
        if found is None:
            labels = map(label_of, all_told(entry.before))
            found = self._labels[key] = {(each[1], each[2].partition(".")[0]) for each in labels if each is not None}
            for module in {module for module, _ in found}:
                self._by_module.setdefault(module, []).append(entry)
        return found
