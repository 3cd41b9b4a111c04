"""Finds ordinary modules as the import system does, and reads them in the look that it would take at the file."""

from __future__ import annotations

import _imp
import io
import marshal
import os
import stat
import sys
import types
from contextlib import suppress
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    BuiltinImporter,
    ExtensionFileLoader,
    FileFinder,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from typing import Any, Final
from zipimport import zipimporter

# How much of a source is asked for at once: nearly every one is smaller.
_ENOUGH: Final = 1 << 16
# Not to wait for the other end of a pipe that is named as a module; the second is there on Windows.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

FINDERS: Final[list[Any]] = [BuiltinImporter, FrozenImporter, PathFinder]  # Any: classes that stand for finders
"""The finders that the interpreter begins with."""

# As importlib does, for a source may have moved together with its byte-code. Typeshed does not know it.
_fix_file_name: Final[Any] = vars(_imp)["_fix_co_filename"]

# Of byte-code that goes by the time of its source: its flags are 0.
_HEADER: Final = MAGIC_NUMBER + bytes(4)
_TAG: Final = sys.implementation.cache_tag
_BYTECODE_SUFFIX: Final = f".{_TAG}{f'.opt-{sys.flags.optimize}' if sys.flags.optimize else ''}.pyc"

_LOADERS: Final = [
    *((suffix, ExtensionFileLoader) for suffix in EXTENSION_SUFFIXES),
    *((suffix, SourceFileLoader) for suffix in SOURCE_SUFFIXES),
    *((suffix, SourcelessFileLoader) for suffix in BYTECODE_SUFFIXES),
]


def read(path: str) -> bytes | None:
    """
    Read the bytes of a file; nothing of what is none (a module in an archive).

    Three system calls and no object for the file: half of what :func:`open` costs.
    """
    try:
        file = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        return _read(file)
    except OSError:
        return None
    finally:
        os.close(file)


def read_of(spec: ModuleSpec) -> bytes | None:
    """Read the source that an import takes: a file, or what an archive has."""
    loader: Any = spec.loader  # any loader
    data = read(spec.origin or "")
    if data is None and type(loader) is zipimporter:
        with suppress(OSError, ImportError):  # as the import is about to find
            return bytes(loader.get_data(spec.origin or ""))
    return data


def _read(file: int, expected: int = _ENOUGH) -> bytes:
    """Read to the end, at one go if there is no more than *expected*."""
    data = os.read(file, expected + 1)
    if len(data) <= expected:
        return data
    return data + b"".join(iter(lambda: os.read(file, _ENOUGH), b""))


class Look:
    """
    What was seen of a source file when it was found; for one call it is the `get_code` of a loader.

    It stands in the loader's own dict from when the module is found until the loader is asked for its code, which is
    before it executes anything.  Byte-code is compared with the time and size that were seen, so they are those of
    the very bytes.

    Attributes:
        data: The bytes of the file; `None` if only its time and size were asked for.
    """

    __slots__ = ("_bytecode", "_loader", "_status", "data")

    def __init__(
        self, loader: SourceFileLoader, bytecode: str | None, status: os.stat_result, data: bytes | None
    ) -> None:
        self._loader = loader
        self._bytecode = bytecode
        self._status = status
        self.data = data

    def __call__(self, fullname: str) -> types.CodeType | None:
        """Answer as the loader's own method does, and go."""
        loader = self._loader
        loader.__dict__.pop("get_code", None)
        code = None
        if self._bytecode is not None and fullname == loader.name:
            code = _cached(self._bytecode, self._status)
        if code is None:
            loader.__dict__["path_stats"] = self._stats
            return loader.get_code(fullname)
        _fix_file_name(code, loader.path)
        return code

    def _stats(self, path: str) -> dict[str, float]:
        """Answer once as the loader's `path_stats` does."""
        self._loader.__dict__.pop("path_stats", None)
        return {"mtime": self._status.st_mtime, "size": self._status.st_size}


def _cached(path: str, status: os.stat_result) -> types.CodeType | None:
    """
    Read byte-code that goes by the time and size of its source; nothing where it does not, or is missing.

    Source:
        ``SourceLoader.get_code`` in CPython's ``importlib/_bootstrap_external.py``, the same from 3.11 to 3.15: it
        compares one field of the header after the other.
    """
    time, size = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    try:
        # As importlib opens what it executes, for programs that embed Python can have a say in it.
        with io.open_code(path) as file:
            data = file.read()
        if data[:16] != _HEADER + time.to_bytes(4, "little") + size.to_bytes(4, "little"):
            return None
        code = marshal.loads(data[16:])  # noqa: S302  # as importlib does
    except (OSError, EOFError, ValueError, TypeError):  # missing or broken: let importlib say so
        return None
    return code if type(code) is types.CodeType else None


def look_of(loader: object) -> Look | None:
    """The look that was taken at the file of a loader, if it has not been asked for yet."""
    look = loader.__dict__.get("get_code") if type(loader) is SourceFileLoader else None
    return look if type(look) is Look else None


def _methods() -> tuple[object, ...]:
    """What :func:`find` and a :class:`Look` do in another way."""
    return (
        PathFinder.__dict__["find_spec"],
        FileFinder.find_spec,
        SourceFileLoader.path_stats,
        SourceFileLoader.get_data,
        SourceFileLoader.get_filename,
        SourceFileLoader.get_code,
        SourceFileLoader.exec_module,
    )


_METHODS: Final = _methods()

# Touched, or under -X lazy_imports=all an import would import them, by asking the finder that needs them.
_TOUCHED: Final = (_imp, io, marshal, stat, types, spec_from_file_location, suppress, zipimporter)

# Elsewhere the case of names may not count.
_IS_USUAL: Final = os.name == "posix" and sys.platform not in {"cygwin", "darwin"} and not sys.flags.verbose


def find(name: str, folder: object, origin: str, *, is_read: bool) -> ModuleSpec | None:
    """
    Find what is beyond doubt one source file in the one folder of its package.

    The import system looks three times: at the folder, whether its listing is still good; at the file, whether it is
    one; and for its time and size, to compare byte-code with. The second and the third are one here, which pays for
    the rest; where the file is read, it is the open file that is asked.

    Args:
        name: Absolute name of a module in a package.
        folder: The only item of the package's ``__path__``.
        origin: The path of a file of the module's name in there.
        is_read: Whether the bytes of the file are wanted.

    Returns:
        The spec that `importlib.machinery.PathFinder` would give, with a :class:`Look` on its loader; `None` where
        there is any doubt, for then the finders are to be asked.

    Source:
        ``FileFinder.find_spec`` in CPython's ``importlib/_bootstrap_external.py``, the same from 3.11 to 3.15: a
        folder of the module's name comes first, then extension modules.
    """
    if type(folder) is not str or _imp.is_builtin(name) or _imp.is_frozen(name) or not _is_as_made():
        return None
    finder: Any = sys.path_importer_cache.get(folder)  # Any: what it knows is private to importlib
    tail = name.rpartition(".")[2]
    if type(finder) is not FileFinder or finder.path != folder or not _is_listed(finder, tail):
        return None
    seen = _look(finder, origin, is_read)
    if seen is None:
        return None
    loader: Any = SourceFileLoader(name, origin)  # Any: it lost load_module() in 3.15, which typeshed still asks for
    spec = spec_from_file_location(name, origin, loader=loader, submodule_search_locations=None)
    assert spec is not None  # as it has a loader
    bytecode = None if sys.pycache_prefix is not None else f"{folder}/__pycache__/{tail}{_BYTECODE_SUFFIX}"
    if bytecode is not None:
        spec.cached = bytecode  # importlib would derive the same from the origin, and again for the loader
    loader.__dict__["get_code"] = Look(loader, bytecode, *seen)
    return spec


def _is_as_made() -> bool:
    """Whether nobody has replaced a method, byte-code is looked for, and nobody reads of each step (``-v``)."""
    return _IS_USUAL and _methods() == _METHODS and sys.implementation.cache_tag == _TAG is not None


def _is_listed(finder: Any, tail: str) -> bool:
    """Whether the finder's listing has the source file, and nothing else that it would try before."""
    names = finder._path_cache
    if tail in names or f"{tail}.py" not in names or finder._loaders != _LOADERS or finder.path[-1:] == "/":
        return False
    return not any([tail + suffix in names for suffix in EXTENSION_SUFFIXES])  # noqa: C419  # A generator takes longer.


def _look(finder: Any, origin: str, is_read: bool) -> tuple[os.stat_result, bytes | None] | None:
    """Look at the file, if the finder's listing is still good and the file is one."""
    try:
        if os.stat(finder.path).st_mtime != finder._path_mtime:
            return None
        if is_read:
            return _opened(origin)
        status = os.stat(origin)
    except OSError:
        return None
    return (status, None) if stat.S_ISREG(status.st_mode) else None


def _opened(origin: str) -> tuple[os.stat_result, bytes] | None:
    file = os.open(origin, _FLAGS)
    try:
        status = os.fstat(file)
        return (status, _read(file, status.st_size)) if stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(file)
