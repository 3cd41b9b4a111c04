"""What outlives the process: last known good versions, marks of what is being started, quarantine."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, Protocol

import attrs

from modreg.plugins._outcome import told

FORMAT = 1
_LOG = logging.getLogger("modreg.plugins")


class Store(Protocol):
    """Where a host keeps one small piece of text."""

    def read(self) -> str:
        """Give what was written last; ``""`` if there is nothing."""

    def write(self, text: str) -> None:
        """Replace what is there, all of it or nothing."""


@attrs.define
class MemoryStore:
    """
    A store that ends with the process; what a host has by default.

    Attributes:
        text: What was written last.
    """

    text: str = ""

    def read(self) -> str:
        """Give what was written last."""
        return self.text

    def write(self, text: str) -> None:
        """Replace it."""
        self.text = text


@attrs.frozen
class FileStore:
    """
    One file, replaced as a whole: whoever reads it finds all of the former text or all of the new one.

    Attributes:
        path: The file; its folder must be there.
        is_synced: Whether each writing waits for the disk, so that it outlives the machine's power too.
            To outlive the process it need not.
    """

    path: Path = attrs.field(converter=Path)
    is_synced: bool = attrs.field(kw_only=True, default=False)

    def read(self) -> str:
        """Give what the file holds; ``""`` if there is none."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""

    def set_aside(self) -> str:
        """Leave the file under another name to whoever can read it; answer where, as the end of a sentence."""
        try:
            os.replace(self.path, f"{self.path}.old")
        except OSError:  # a host must start all the same
            return ""
        return f"; the file is {self.path}.old now"

    def write(self, text: str) -> None:
        """Write beside the file, then put it in its place."""
        beside = f"{self.path}.new"
        with open(beside, "w", encoding="utf-8") as file:  # half the time of Path.open, at each action
            file.write(text)
            if self.is_synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(beside, self.path)  # as above


_IS_TEXT = attrs.validators.instance_of(str)


@attrs.define(eq=False, on_setattr=attrs.setters.NO_OP)
class Memory:
    """
    What is known of one plugin across processes.

    Attributes:
        good: Hash of the sources that were last known to be good.
        good_version: What they declared as their version.
        good_at: When they were, in seconds since the epoch.
        starting: Hash of the sources that are being started, or are on probation.
        is_enabled: Whether it is wanted.
        pinned: Hash of the sources that it is pinned to.
        quarantine: Why each of these hashes is not to be loaded.
    """

    good: str = attrs.field(default="", validator=_IS_TEXT)
    good_version: str = attrs.field(default="", validator=_IS_TEXT)
    good_at: float = attrs.field(default=0.0, validator=attrs.validators.instance_of((int, float)))
    starting: str = attrs.field(default="", validator=_IS_TEXT)
    is_enabled: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    pinned: str = attrs.field(default="", validator=_IS_TEXT)
    quarantine: dict[str, str] = attrs.field(
        factory=dict, validator=attrs.validators.deep_mapping(_IS_TEXT, _IS_TEXT, attrs.validators.instance_of(dict))
    )


@attrs.define(eq=False)
class Ledger:
    """
    The memories of all plugins, and the store that they are kept in.

    Attributes:
        crashed: The plugins that were being started when the last process ended.
        trouble: What is wrong with what the store held, or ``""``.
        lapse: Why the last writing was in vain, or ``""``.
    """

    store: Store
    crashed: tuple[str, ...] = attrs.field(init=False, default=())
    trouble: str = attrs.field(init=False, default="")
    lapse: str = attrs.field(init=False, default="")
    _plugins: dict[str, Memory] = attrs.field(init=False, factory=dict)
    # Each plugin's memory as JSON: two writings an action, of which one memory has changed.
    _texts: dict[str, str] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._plugins = self._read()
        self._texts = {name: _text(name, each) for name, each in self._plugins.items()}
        crashed = [name for name, each in self._plugins.items() if each.starting]
        for name in crashed:
            memory = self._plugins[name]
            memory.quarantine[memory.starting] = "the process ended while it was being started"
            memory.starting = ""
        self.crashed = tuple(crashed)
        if crashed:
            self.save(*crashed)

    def _read(self) -> dict[str, Memory]:
        try:
            text = self.store.read()
            return _memories(json.loads(text)) if text else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Somebody else's text, or a later modreg's: a host must start all the same.
            self.trouble = f"what was kept about the plugins cannot be read ({error!r}) and is begun anew"
            if isinstance(self.store, FileStore) and not isinstance(error, OSError):
                self.trouble += self.store.set_aside()
            return {}

    def of(self, name: str) -> Memory:
        """What is known of a plugin; something new for one that was never heard of."""
        if name not in self._plugins:
            self._plugins[name] = Memory()
        return self._plugins[name]

    def save(self, *names: str) -> None:
        """Keep what changed about some plugins."""
        for name in names:
            self._texts[name] = _text(name, self.of(name))
        plugins = ",\n".join(self._texts.values())
        try:
            self.store.write(f'{{"format": {FORMAT}, "plugins": {{\n{plugins}\n}}}}\n')
        except Exception as error:  # a full disk is no reason to take plugins down
            self.lapse = f"what is known of the plugins could not be kept: {told(error)}"
            _LOG.warning("%s", self.lapse)


def _memories(found: Any) -> dict[str, Memory]:  # whatever the text said
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']!r}")
    return {name: Memory(**each) for name, each in found["plugins"].items()}


def _text(name: str, memory: Memory) -> str:
    return f"{json.dumps(name)}: {json.dumps(attrs.asdict(memory))}"
