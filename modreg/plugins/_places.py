"""Where a plugin's code is: a file, a folder, an archive, an importable module, an entry point."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ModuleSpec, PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import attrs

from modreg.plugins import _metadata
from modreg.plugins._metadata import Metadata
from modreg.plugins._watch import Stamp

_READ = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES, _metadata.TOML)


class PlaceError(Exception):
    """
    A plugin's files cannot be had; the message is for people.

    Attributes:
        path: The file or folder that is to blame, or ``""``.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return self.message


@attrs.frozen(kw_only=True)
class Look:
    """
    What a plugin's files hold at one moment.

    Attributes:
        hash: SHA-256 over the names and contents of all of them.
        metadata: What they declare.
        binaries: The hash of each extension module among them, by its path.
        stamp: What tells them from what they will be.
    """

    hash: str
    metadata: Metadata
    binaries: dict[str, str]
    stamp: Stamp = ()


class Place:
    """Where a plugin's code is."""

    __slots__ = ()

    @property
    def where(self) -> str:
        """What tells it from other places."""
        raise NotImplementedError

    def look(self) -> Look:
        """
        Read the files, and run none of them.

        Raises:
            PlaceError: They cannot be had.
            MetadataError: What they declare cannot be understood.
            SyntaxError: What they declare cannot be parsed.
        """
        raise NotImplementedError

    def files(self) -> list[str]:
        """
        The files that count.

        Raises:
            PlaceError: They cannot be had.
        """
        raise NotImplementedError

    def stamp(self) -> Stamp:
        """Tell the files as they are now from what they were, by what their folders say of them."""
        return _stamped(self.files())

    def compile(self) -> None:
        """
        Compile the sources, and run none of them.

        Raises:
            PlaceError: They cannot be had.
            SyntaxError: One does not compile.
        """
        for file, data, _ in _contents(file for file in self.files() if file.endswith(tuple(SOURCE_SUFFIXES))):
            compile(data, file, "exec", dont_inherit=True)

    def spec(self, fullname: str) -> ModuleSpec | None:
        """How to import the plugin's module under a name of the host's; `None` where it has one of its own."""
        return None


@attrs.define(eq=False)
class PathPlace(Place):
    """Anything that a path leads to."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def files(self) -> list[str]:
        return [str(self.path)]


@attrs.define(eq=False)
class FilePlace(PathPlace):
    """One file of source."""

    def look(self) -> Look:
        if self.spec("_") is None:
            raise PlaceError(f"{self.path} is no file of Python", str(self.path))
        return _looked(str(self.path.parent), self.files(), str(self.path))

    def spec(self, fullname: str) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(fullname, self.path)


@attrs.define(eq=False)
class FolderPlace(PathPlace):
    """A folder: a package, or one whose ``plugin.toml`` names the file that stands for an ``__init__.py``."""

    def look(self) -> Look:
        if not os.path.isdir(self.path):
            raise PlaceError(f"there is no folder {self.path}", str(self.path))
        return _looked(str(self.path), self.files(), self._main())

    def files(self) -> list[str]:
        return _files(str(self.path))

    def spec(self, fullname: str) -> ModuleSpec | None:
        places = [str(self.path)]
        return importlib.util.spec_from_file_location(fullname, self._main(), submodule_search_locations=places)

    def _main(self) -> str:
        toml, named = os.path.join(self.path, _metadata.TOML), ""  # far quicker than pathlib, which shows in a reload
        if os.path.isfile(toml):
            named = _metadata.made(_metadata.of_toml(Path(toml).read_bytes(), toml), toml).main
        main = os.path.join(self.path, named or "__init__.py")
        if not os.path.isfile(main):
            said = f"a folder is a package, or its {_metadata.TOML} says main = 'file.py'"
            raise PlaceError(f"{self.path} has no {os.path.basename(main)}; {said}", main)
        return main


@attrs.define(eq=False)
class ZipPlace(PathPlace):
    """
    An archive, unpacked anew whenever its bytes change.

    Its files then are files to everybody: to tracebacks, to ``importlib.resources`` and to modreg.

    Attributes:
        path: The archive.
        folder: Where it is unpacked.
    """

    folder: Path
    _hash: str = ""

    def look(self) -> Look:
        stamp = self.stamp()
        self._unpack()
        return attrs.evolve(self._inside().look(), stamp=stamp)

    def compile(self) -> None:
        self._unpack()
        self._inside().compile()

    def spec(self, fullname: str) -> ModuleSpec | None:
        return self._inside().spec(fullname)

    def _unpack(self) -> None:
        beside = self.folder.with_name(self.folder.name + ".new")
        try:
            found = hashlib.sha256(self.path.read_bytes()).hexdigest()
            if found == self._hash and self.folder.is_dir():  # it is among temporary files, which may be cleared away
                return
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)  # an empty archive makes none
            with zipfile.ZipFile(self.path) as archive:
                archive.extractall(beside)
        except Exception as error:  # there is no end to what damaged archives have zipfile and zlib raise
            raise PlaceError(f"{self.path} cannot be unpacked: {error}", str(self.path)) from error
        self._within(beside)
        shutil.rmtree(self.folder, ignore_errors=True)
        beside.rename(self.folder)
        self._hash = found

    def _inside(self) -> Place:
        return self._within(self.folder)

    def _within(self, folder: Path) -> Place:
        """The plugin in an unpacked archive; what holds none does not take the place of one that is running."""
        if is_plugin(folder):
            return FolderPlace(folder)
        found = [each for each in sorted(folder.iterdir()) if each.name[0] not in "._" and is_plugin(each)]
        if len(found) != 1:
            raise PlaceError(f"{self.path} holds {len(found)} plugins, not one", str(self.path))
        return FolderPlace(found[0]) if found[0].is_dir() else FilePlace(found[0])


@attrs.define(eq=False)
class ModulePlace(Place):
    """
    A module or package that can be imported by its own name.

    Attributes:
        name: Its absolute dotted name.
        is_ours: Whether a distribution that its own requires is the host or a plugin; the others are pip's business.
        entry: The entry point that led to it, if one did.
    """

    name: str
    is_ours: Callable[[str], bool]
    entry: EntryPoint | None = None
    _distribution: str = attrs.field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        distribution = self.entry.dist if self.entry is not None else None
        if distribution is not None:
            self._distribution = distribution.name

    @property
    def where(self) -> str:
        return f"{self.name}:{self.entry.attr if self.entry is not None else ''}"

    def look(self) -> Look:
        main, files = self._found()
        look = _looked(os.path.dirname(main), files, main)
        mine, installed = look.metadata, self._installed()
        version, requires = mine.version or installed.version, mine.requires or installed.requires
        return attrs.evolve(look, metadata=attrs.evolve(mine, version=version, requires=requires))

    def stamp(self) -> Stamp:
        try:
            return super().stamp()
        except PlaceError:
            return ()

    def files(self) -> list[str]:
        return self._found()[1]

    def _found(self) -> tuple[str, list[str]]:
        """The module's own file, and all of them."""
        spec = _found(self.name)
        origin = spec.origin if spec is not None else None
        if spec is None or origin is None or not origin.endswith((*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)):
            raise PlaceError(f"no module {self.name!r} with a source can be found")
        places = spec.submodule_search_locations or ()
        return origin, [file for place in places for file in _files(place)] or [origin]

    def _installed(self) -> Metadata:
        """What the distribution says that is installed now: perhaps not any more that of the entry point."""
        if not self._distribution:
            return Metadata()
        importlib.invalidate_caches()
        try:
            found = importlib.metadata.distribution(self._distribution)
        except importlib.metadata.PackageNotFoundError as error:
            raise PlaceError(f"the distribution {self._distribution} is not installed any more") from error
        declared = {"version": found.version, "requires": found.requires or ()}
        metadata = _metadata.made(declared, f"the metadata of {self._distribution}")
        return attrs.evolve(metadata, requires=tuple(each for each in metadata.requires if self.is_ours(each.name)))


def _found(name: str) -> ModuleSpec | None:
    """
    The spec of a module, without importing its packages.

    Where only another finder knows them, they have to be.
    """
    known: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    is_gone = known is not None and known.has_location and not os.path.exists(known.origin or "")
    if known is not None and not is_gone:  # else it became a package, perhaps
        return known
    places: Any = None  # a list of folders, or None for sys.path
    spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:end]), places)
        if spec is None:
            return _asked(name)
        places = spec.submodule_search_locations
    return spec


def _asked(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ImportError:
        return None


def is_plugin(path: Path) -> bool:
    """Whether a file or folder can be a plugin."""
    if path.is_dir():
        return (path / "__init__.py").is_file() or (path / _metadata.TOML).is_file()
    return path.suffix in {".py", ".zip"}


def _files(folder: str) -> list[str]:
    """
    The files of a plugin that count: sources, extension modules, what it declares.

    No import finds what begins with a dot: it is of an editor, as a lock, which is a link to nowhere.
    """
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != "__pycache__" and each[0] != ".")
        found += [os.path.join(where, each) for each in sorted(files) if each.endswith(_READ) and each[0] != "."]
    return found


def _looked(folder: str, files: Iterable[str], main: str) -> Look:
    """Read the files once: for their hash, and for what they declare."""
    total = hashlib.sha256()
    declared: dict[str, Any] = {}  # what TOML and literals can say
    binaries = {}
    stamp = []
    inside = os.path.join(folder, "")
    for file, data, status in _contents(files):
        stamp.append((file, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        name = file.removeprefix(inside).replace(os.sep, "/")
        total.update(f"{name}\0{len(data)}\0".encode())
        total.update(data)
        if file == main and name.endswith(tuple(SOURCE_SUFFIXES)):
            declared = {**_metadata.of_source(data, file), **declared}
        elif name == _metadata.TOML:
            declared.update(_metadata.of_toml(data, file))
        elif name.endswith(tuple(EXTENSION_SUFFIXES)):
            binaries[file] = hashlib.sha256(data).hexdigest()
    metadata = _metadata.made(declared, main)
    return Look(hash=total.hexdigest(), metadata=metadata, binaries=binaries, stamp=tuple(stamp))


def _stamped(files: Iterable[str]) -> Stamp:
    """The stamp of files; those that are not there are left out."""
    found = []
    for path in files:
        with suppress(OSError):
            stat = os.stat(path)
            found.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)


def _contents(files: Iterable[str]) -> Iterator[tuple[str, bytes, os.stat_result]]:
    for path in files:
        try:
            with open(path, "rb", buffering=0) as file:  # half the time of pathlib, for each file at each action
                status = os.fstat(file.fileno())  # before: what is written from here on is another stamp
                data = file.read()
        except OSError as error:
            raise PlaceError(f"{path} cannot be read: {error.strerror or error}", path) from error
        yield path, data, status
