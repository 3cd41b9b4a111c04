"""The lines that tracebacks and `inspect` show: those of the source that runs."""

from __future__ import annotations

import io
import sys

from modreg import _source
from modreg._source import Source


def show(source: Source) -> None:
    """
    Have the line cache show *source* for its file, whatever that holds.

    After a rollback the file is still the one that was turned away, and an edit may be no Python.  An entry without a
    time is what `linecache` makes of sources that come from loaders: it is never held against the file.
    """
    import linecache  # noqa: PLC0415  # most programs never go back

    text = _source.decode(source.data)
    lines = io.StringIO(text if text.endswith("\n") else f"{text}\n").readlines()  # as `linecache` does
    linecache.cache[source.path] = len(source.data), None, lines, source.path


def forget(path: str | None) -> None:
    """Have the line cache read the file *path* again, before what it holds now is executed."""
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        linecache.cache.pop(path, None)
