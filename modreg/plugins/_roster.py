"""The plugins that a host knows: by what names, where they are, whose modules are whose."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import attrs
from packaging.utils import canonicalize_name

from modreg import Registry
from modreg.plugins import _requirements
from modreg.plugins._metadata import Metadata, MetadataError
from modreg.plugins._names import PluginFinder
from modreg.plugins._outcome import RefusalError
from modreg.plugins._places import FilePlace, FolderPlace, Look, ModulePlace, Place, PlaceError, ZipPlace
from modreg.plugins._store import Ledger
from modreg.plugins._unit import Binding, Unit
from modreg.plugins._watch import Stamp, Watch

Source = Path | str | EntryPoint
"""Where a plugin is: a path, the dotted name of a module, or an entry point."""

# What a plugin can never be: executing these again would change the tools at work.
_NEVER: Final = frozenset({"__main__", "modreg", "attr", "attrs", "packaging"})


@attrs.define(eq=False, kw_only=True)
class Roster:
    """
    The plugins of a host.

    Attributes:
        name: What plugins call the host.
        roots: The plugins by the names of their modules.
        bindings: How plugins are taken up and let go of; see :class:`Unit`.
        folder: Where archives are unpacked.
    """

    name: str
    finder: PluginFinder
    registry: Registry
    helpers: tuple[str, ...]
    protected: tuple[str, ...]
    ledger: Ledger
    watch: Watch
    units: dict[str, Unit] = attrs.field(factory=dict)
    roots: dict[str, Unit] = attrs.field(factory=dict)
    bindings: dict[str | None, Binding] = attrs.field(factory=lambda: {None: Binding()})
    folder: tempfile.TemporaryDirectory[str] | None = None

    def known(self, name: str) -> Unit:
        """A plugin; an unknown name is an error, never all of them."""
        if name not in self.units:
            names = ", ".join(self.units) or "none"
            raise RefusalError("find", f"no plugin {name!r} is known; known are: {names}")
        return self.units[name]

    def loaded(self, name: str) -> Unit:
        """A plugin that is loaded."""
        unit = self.known(name)
        if not unit.is_loaded:
            raise RefusalError("find", f"{name} is not loaded; load it first")
        return unit

    def add(self, name: str, source: Source) -> None:
        """Make a plugin known."""
        unit = self._made(name, source)
        known = self.units.get(name)
        if known is not None and known.is_loaded:
            if (known.root, known.place.where) == (unit.root, unit.place.where):
                return
            raise ValueError(f"plugin {name!r} is loaded; unload it before it gets another place")
        for other in self.units.values():
            if other.name != name and (other.has(unit.root) or unit.has(other.root)):
                raise ValueError(f"the module {unit.root} of {name!r} is one with that of plugin {other.name!r}")
        if known is not None:
            unit.versions, unit.looks, unit.loading = known.versions, known.looks, known.loading
            unit.saved, unit.tried = known.saved, known.tried
            del self.roots[known.root]
        self.units[name] = self.roots[unit.root] = unit
        if isinstance(unit.place, ModulePlace):
            self.registry.include(unit.root)
        else:
            self.finder.places[unit.root.rpartition(".")[2]] = unit.place

    def introduce(self, name: str, source: Source) -> None:
        """As :meth:`add`, inside an action: what is wrong is a refusal."""
        try:
            self.add(name, source)
        except (TypeError, ValueError) as error:
            raise RefusalError("find", str(error)) from error

    def _made(self, name: str, source: Source) -> Unit:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"a plugin's name is of letters, digits, dots, dashes and underscores, not {name!r}")
        if isinstance(source, EntryPoint):
            place = ModulePlace(source.module, self._is_ours, source)
            return Unit(name, self._allowed_root(source.module), place, self.bindings)
        if isinstance(source, str):
            return Unit(name, self._allowed_root(source), ModulePlace(source, self._is_ours), self.bindings)
        if not isinstance(source, Path):
            raise TypeError(f"a plugin is at a pathlib.Path, a module's name or an entry point, not {source!r}")
        child = identifier(name)
        return Unit(name, f"{self.finder.package}.{child}", self._place(source.absolute(), child), self.bindings)

    def _allowed_root(self, root: str) -> str:
        if not root or not all(part.isidentifier() for part in root.split(".")):
            raise ValueError(f"{root!r} is no module's name; a file or folder is given as a pathlib.Path")
        if self.is_protected(root):
            raise ValueError(f"{root} can be no plugin: it is of the host itself")
        return allowed(root)

    def _is_ours(self, name: str) -> bool:
        return canonicalize_name(name) in {canonicalize_name(self.name), *(unit.key for unit in self.units.values())}

    def is_protected(self, module: str) -> bool:
        """Whether a module is the host's own."""
        return any(module == root or module.startswith(root + ".") for root in self.protected)

    def _place(self, path: Path, child: str) -> Place:
        if path.is_dir():
            return FolderPlace(path)
        if path.suffix != ".zip":
            return FilePlace(path)
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="plugins-")
        return ZipPlace(path, Path(self.folder.name, child))

    def declared(self, name: str) -> Metadata:
        """What a plugin's files declare; nothing for one whose files cannot be had: its load will say so."""
        try:
            return self.units[name].place.look().metadata if name in self.units else Metadata()
        except (PlaceError, MetadataError, SyntaxError):
            return Metadata()

    def read(self, unit: Unit) -> Look:
        """Read a plugin's files, and note as what they are read."""
        shared = self._shared()
        try:
            look = unit.place.look()
        except (PlaceError, MetadataError, SyntaxError):
            unit.tried = (*unit.place.stamp(), *shared)
            return unit.place.look()  # what was written meanwhile counts
        unit.tried = (*look.stamp, *shared)
        return look

    def _shared(self) -> Stamp:
        places = [ModulePlace(each, self._is_ours) for each in self.helpers]
        return tuple(file for place in places for file in place.stamp())

    def changed(self, settled: float) -> tuple[str, ...]:
        """The plugins whose files, or those of the helpers, are not as they were when they were last read."""
        shared = self._shared()
        wanted = [unit for unit in list(self.units.values()) if unit.is_loaded or self.ledger.of(unit.name).is_enabled]
        tried = [(unit, unit.tried) for unit in wanted]
        return tuple(
            unit.name
            for unit, then in tried
            if then is not None and self.watch.is_changed(unit.name, then, (*unit.place.stamp(), *shared), settled)
        )

    def concerned(self, modules: Iterable[str]) -> tuple[Unit, ...]:
        """The loaded plugins that have one of the modules, each after those that it requires."""
        found = [self.roots[root] for module in modules for root in _upwards(module) if root in self.roots]
        names = {unit.name: unit.metadata for unit in found if unit.is_loaded}
        if len(names) < 2:  # as nearly always
            return tuple(self.units[name] for name in names)
        return tuple(self.units[name] for name in _requirements.sorted_by_need(names, names))


def allowed(root: str) -> str:
    """A module that plugins may be or share: none of what all others stand on."""
    top = root.partition(".")[0]
    if top in _NEVER or top in sys.stdlib_module_names:
        raise ValueError(f"{root} can be no plugin and no helper: it is of Python or of modreg")
    return root


def a_folder(path: object) -> Path:
    """A folder that the host was given, where a text may be meant for something else."""
    if not isinstance(path, Path):
        raise TypeError(f"a folder is given as a pathlib.Path, not {path!r}")
    return path


def identifier(name: str) -> str:
    """A name as a part of a module's name."""
    found = re.sub(r"\W", "_", name)
    return found if found.isidentifier() else f"_{found}"


def _upwards(module: str) -> Iterable[str]:
    """A module's name, and those of all that it is below."""
    while module:
        yield module
        module = module.rpartition(".")[0]
