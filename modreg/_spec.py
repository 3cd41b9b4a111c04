"""What a spec leads to: bytes, and what they compile to; or why a module cannot be executed again."""

from __future__ import annotations
import __future__

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    SourceFileLoader,
)
from types import CodeType
from typing import Any, Final, NoReturn, cast

from modreg import _lines, _source
from modreg._history import Record
from modreg._importer import space_of, spec_of
from modreg._journal import is_submodule
from modreg._model import Finding, Phase
from modreg._scope import OWN, is_under_one
from modreg._source import Source
from modreg._statements import Body
from modreg.errors import SourceError, said

ALREADY_RUNNING: Final = "it is being executed at this very moment"


def is_initializing(name: str) -> bool:
    spec = spec_of(name)
    return spec is not None and bool(spec.__dict__.get("_initializing", False))


def left_running(name: str) -> Finding:
    return Finding(code="being-executed", module=name, message=f"left as it is, for {ALREADY_RUNNING}")


def refusal(name: str, spec: ModuleSpec | None, is_recorded: bool) -> str:
    """Why a module cannot be executed again; ``""`` if it can."""
    if is_under_one(name, OWN):
        return "it is modreg itself, or what modreg runs on"
    if name == "__main__":
        return "it is the program that was started; keep what shall be reloaded in modules that it imports"
    if spec is None:
        return "" if is_recorded else "it has no spec, so its source cannot be found again"
    if is_initializing(name):
        return ALREADY_RUNNING
    return _refusal_of_kind(spec)


def _refusal_of_kind(spec: ModuleSpec) -> str:
    origin = spec.origin or ""
    loader: Any = spec.loader  # these two loaders are classes, which the stubs do not know
    if loader is BuiltinImporter or spec.origin == "built-in":
        return "it is built into the interpreter"
    if loader is FrozenImporter or spec.origin == "frozen":
        return "it is frozen into the interpreter"
    if origin.endswith(tuple(EXTENSION_SUFFIXES)):
        return "it is an extension module, which can be loaded only once in a process"
    if spec.loader is None or spec.origin is None:
        return "it has no source (a namespace package)"
    if not origin.endswith(tuple(SOURCE_SUFFIXES)):
        return f"it has no source that could be executed again ({origin})"
    return ""


def is_namespace(spec: ModuleSpec | None) -> bool:
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None


def path_of_parent(name: str) -> Any:  # an iterable of folders, of whatever type the package has
    """Where a module is looked for: nowhere if its parent is no package, and as `None` says if it has none."""
    parent = name.rpartition(".")[0]
    return space_of(parent).get("__path__", ()) if parent else None


def read(spec: ModuleSpec) -> Source:
    """The bytes that a spec leads to: a file, or what its loader has (an archive)."""
    origin = spec.origin or ""
    if not os.path.lexists(origin) and hasattr(spec.loader, "get_data"):
        signature = _source.sign_archive(origin)  # first: one that is written meanwhile is read again
        return _source.of_bytes(origin, spec.loader.get_data(origin), signature)  # type: ignore[union-attr]  # asked above
    return _source.read(origin)


def read_quietly(spec: ModuleSpec | None, origin: str | None) -> Source | None:
    """The source of a module that is adopted; it runs, whether or not its source can be read."""
    try:
        return read(spec) if spec is not None and origin else None
    except (OSError, ImportError):  # the latter from an archive that is another one now
        return None


def read_packed(spec: ModuleSpec | None, path: str) -> Source | None:
    """
    What the loader of a module has at *path*, which is no file; nothing if it has nothing there any more.

    Raises:
        ImportError: It is an archive that cannot be read, as while it is being written: nothing in it is gone.
    """
    loader: Any = spec.loader if spec is not None and spec.origin == path else None  # any loader
    if hasattr(loader, "invalidate_caches"):
        loader.invalidate_caches()
    if hasattr(loader, "archive") and os.path.isfile(loader.archive):
        type(loader)(loader.archive)
    return read_quietly(spec, path) if loader is not None else None


def is_plain(spec: ModuleSpec) -> bool:
    """Whether a loader compiles just what it reads; zipimport's have archives."""
    return type(spec.loader) is SourceFileLoader or hasattr(spec.loader, "archive")


def compile_of(spec: ModuleSpec, source: Source, before: Body | None, *, is_divided: bool) -> Body | None:
    """
    Compile exactly these bytes; a ``.pyc`` is never asked, for it may be of an edit in the same second.

    A loader that transforms sources does so; one that only executes gives no body.  Where the body is divided, its
    statements are compiled one by one, but for those that are in the one *before*.
    """
    loader: Any = spec.loader  # any loader
    if is_plain(spec):
        return Body.of(source, before) if is_divided else Body.of_code(_source.compile_source(source))
    if hasattr(loader, "source_to_code"):
        return Body.of_code(_transformed(loader, spec.name, source))
    _source.compile_source(source)  # a mistake in syntax is found before anything is touched
    return None


def features(name: str, namespace: dict[str, object]) -> dict[str, object]:
    """
    The submodules of a package that are called as a feature of the future is (``annotations``).

    Afresh they come under that name when they are imported, after it has asked for the feature.
    """
    return {each: namespace[each] for each in _FEATURES.intersection(namespace) if is_submodule(name, each, namespace)}


_FEATURES: Final = frozenset(__future__.all_feature_names)


def _transformed(loader: Any, name: str, source: Source) -> CodeType:  # a loader that compiles
    """
    What a loader makes of exactly these bytes.

    One that has a ``get_code()`` of its own may make itself ready there (beartype does), so that is asked; it reads
    what it is given, and no byte-code, for it hears of no time.
    """
    get_code = getattr(type(loader), "get_code", SourceFileLoader.get_code)
    attributes = getattr(loader, "__dict__", None)
    if get_code is SourceFileLoader.get_code or attributes is None:
        return cast("CodeType", loader.source_to_code(source.data, source.path))
    attributes |= {"get_data": lambda _: source.data, "path_stats": _no_stats}
    try:
        return cast("CodeType", loader.get_code(name))
    finally:
        del attributes["get_data"], attributes["path_stats"]


def _no_stats(path: str) -> NoReturn:
    raise OSError(f"no byte-code of {path} is wanted")


@contextmanager
def told(record: Record) -> Iterator[None]:
    """Say of what cannot be read or compiled which module it is, and what is running."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, ImportError, RecursionError, MemoryError) as error:
        if record.source is not None:
            _lines.show(record.source)  # what runs; a mistake in syntax has the lines of its file with it
        path = getattr(error, "filename", None) or record.origin or ""
        line = getattr(error, "lineno", None) or None  # an unknown encoding is in line 0
        running = f"version {record.number} of {record.name!r}"
        raise SourceError(Phase.PLAN.value, record.name, str(path), line, running, problem(error)) from error


def problem(error: BaseException) -> str:
    """What an exception says, in a few words."""
    text = getattr(error, "msg", None) or getattr(error, "strerror", None) or said(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
