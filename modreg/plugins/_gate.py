"""What may happen to a plugin: requirements, what is denied, pinned or in quarantine, and the host's own rule."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modreg import EdgeKind
from modreg.plugins import _requirements
from modreg.plugins._desk import Action, Desk
from modreg.plugins._kept import Kept
from modreg.plugins._metadata import Metadata
from modreg.plugins._outcome import Kind, PluginVersion, RefusalError
from modreg.plugins._places import Look
from modreg.plugins._unit import State, Unit


@attrs.frozen(kw_only=True)
class Request:
    """
    What a host is asked for, for its own rules.

    Attributes:
        action: As ``reload``.
        plugin: The plugin's name.
        by: Who asks, as the caller said.
        before: The version in force, if any.
        source_hash: Hash of the sources that would come, or ``""``.
        declared: What they declare as their version.
    """

    action: str
    plugin: str
    by: str
    before: PluginVersion | None
    source_hash: str = ""
    declared: Version | None = None


@attrs.define(eq=False, kw_only=True)
class Gate(Desk):
    """
    The rules of a host: each lets an action pass, or raises the refusal.

    Attributes:
        version: Of the interface that plugins can require.
        denied: For a plugin's canonical name the versions and hashes that are not loaded.
        allow: The host's own rule.
        copies: Where the files of good versions are kept.
        askers: For a canonical name, who has ever required it.
    """

    version: Version | None
    denied: dict[str, tuple[str | SpecifierSet, ...]]
    allow: Callable[[Request], object] | None
    copies: Kept | None
    askers: dict[str, dict[str, None]] = attrs.field(factory=dict)

    def admit(self, unit: Unit, look: Look, others: tuple[tuple[Unit, Look], ...] = ()) -> None:
        """Let a plugin with these sources pass, or raise the refusal; nothing was touched yet."""
        memory = self.ledger.of(unit.name)
        if look.hash in memory.quarantine:
            why = f"these sources are in quarantine: {memory.quarantine[look.hash]}"
            if memory.good and memory.good != look.hash:
                why += f"; last known to be good was {memory.good_version or f'what has the hash {memory.good[:12]}'}"
                kept = self.kept(unit.name)
                why += f", whose files are kept in {kept}" if kept is not None else ""
            raise RefusalError("rule", why, Kind.QUARANTINED)
        if memory.pinned and look.hash != memory.pinned:
            raise RefusalError("rule", f"{unit.name} is pinned to other sources")
        self._deny(unit, look)
        self._can_follow(unit, look)
        found = self._lacks(unit, look, others)
        if found:
            raise RefusalError("requirements", "; ".join(found))

    def _deny(self, unit: Unit, look: Look) -> None:
        for what in self.denied.get(canonicalize_name(unit.name), ()):
            if _is_denied(look, what):
                raise RefusalError("rule", f"{unit.name} {what} is denied")

    def _can_follow(self, unit: Unit, look: Look) -> None:
        former = unit.look
        if former is not None and unit.root not in sys.modules:
            gone = f"somebody took {unit.root} out of sys.modules; unload {unit.name} and load it again"
            raise RefusalError("find", gone)
        if former is None or former.hash == look.hash:
            return
        if former.metadata.main != look.metadata.main:
            raise RefusalError("rule", f"its main file is another one now; unload {unit.name} and load it again")
        for path, found in former.binaries.items():
            if look.binaries.get(path) != found:
                why = f"{path} changed, and an extension module can be loaded only once in a process"
                raise RefusalError("rule", why, Kind.NEEDS_RESTART)
        if look.metadata.restart:
            raise RefusalError("rule", look.metadata.restart, Kind.NEEDS_RESTART)

    def _lacks(self, unit: Unit, look: Look, others: tuple[tuple[Unit, Look], ...]) -> tuple[str, ...]:
        """What requirements stand against it, with what changes in the same transaction counted as changed."""
        coming = {each.name: new.metadata for each, new in others}
        asked = look.metadata.names

        def declared(each: Unit) -> Metadata:
            return coming.get(each.name) or each.metadata

        def is_up(each: Unit) -> bool:
            return each is not unit and each.state in (State.RUNNING, State.BROKEN)

        near = [each for each in self.units.values() if each.key in asked] if asked else []
        world: dict[str, Version | None] = {canonicalize_name(self.name): self.version}
        world.update((each.key, declared(each).version) for each in near if is_up(each))
        askers = [self.units[name] for name in {**self.askers.get(unit.key, {}), **coming}]
        users = {each.name: declared(each) for each in askers if is_up(each)}
        return _requirements.problems(unit.name, look.metadata, world, users)

    def ask(self, unit: Unit, action: Action, look: Look | None = None) -> None:
        """Ask the host's own rule."""
        if self.allow is None:
            return
        request = Request(
            action=action.name,
            plugin=unit.name,
            by=action.by,
            before=unit.current,
            source_hash=look.hash if look is not None else "",
            declared=look.metadata.version if look is not None else None,
        )
        answer = action.caller.call(self.allow, request)
        if answer is False or isinstance(answer, str):
            raise RefusalError("rule", answer or "the host does not allow it")

    def keep_users(self, unit: Unit) -> None:
        """Refuse to take away what others that are running require."""
        running = {each.name: each.metadata for each in self.units.values() if each.state is State.RUNNING}
        users = _requirements.users(unit.name, running)
        if users and unit.state is State.RUNNING:
            raise RefusalError("requirements", f"{', '.join(users)} {'needs' if len(users) == 1 else 'need'} it")

    def keep_importers(self, unit: Unit) -> None:
        """Refuse to take away modules that others have imported: what these hold would stay as it is for ever."""
        edges = [edge for name, _ in unit.modules() for edge in self.registry.dependents(name)]
        importers = self.concerned(edge.dependent for edge in edges if edge.kind is not EdgeKind.LATE)
        users = [each.name for each in importers if each is not unit]
        if users:
            said = f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} imported it; unload that first"
            raise RefusalError("requirements", said)

    def kept(self, name: str) -> Path | None:
        """Where the files of a plugin's last good version are kept; `None` if they are not."""
        return self.copies.path(name, self.ledger.of(name).good) if self.copies is not None else None


def deniable(what: str) -> str | SpecifierSet:
    """What a plugin's versions can be denied by; anything else would keep nothing out."""
    if re.fullmatch("[0-9a-f]{64}", what):
        return what
    try:
        return SpecifierSet(what)
    except InvalidSpecifier:
        said = "is neither a specifier of versions, as <1.4, nor the hash of sources"
        raise ValueError(f"{what!r} {said}") from None


def _is_denied(look: Look, what: str | SpecifierSet) -> bool:
    if isinstance(what, str):
        return what == look.hash
    return look.metadata.version is not None and what.contains(look.metadata.version, prereleases=True)
