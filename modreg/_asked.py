"""What the statements of modules may import, and who imported what by a name that none of them spells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from modreg._history import Record
from modreg._model import Cause
from modreg._scan import Import


def asked_by(record: Record, *, is_late: bool = False) -> set[str]:
    """The names of all modules that an execution of a version may ask for, or only calls of its functions."""
    imports = [each for each in record.read() if each.is_toplevel != is_late]
    return {full for each in imports for full in _asked(record.resolved(each), each)}


def may_ask(record: Record, names: Collection[str]) -> bool:
    """Whether the text of a version spells one of the names of modules; quicker to see than what it asks for."""
    if record.text is None:
        return True
    words = {name.rpartition(".")[2] for name in names}
    return any(not word.isascii() or word.encode() in record.text.data for word in words)


def _asked(base: str, each: Import) -> Iterator[str]:
    """The names of all modules that an import statement may ask for; ``*`` stands for any in a package."""
    while base:
        yield base
        yield from (f"{base}.{name}" for name in each.names)
        base = base.rpartition(".")[0]


def by_computed_names(tracked: Collection[str], records: Mapping[str, tuple[Record, ...]]) -> dict[str, set[str]]:
    """
    By module what was imported for the first time while it was executed, and is spelled by nobody who was there.

    That is so of plugins that a package finds in its folder.  The times tell it afterwards, so that it costs no
    import anything; threads that import at the same time may make it too many.
    """
    found: dict[str, set[str]] = {}
    if not any(each.is_computed for name in tracked for each in records[name][-1].read()):
        return found
    every = [each for made in records.values() for each in made if each.seconds]  # of those that have left, too
    running: list[Record] = []
    late: set[str] = set()  # what functions that could be called may have asked for
    for record in sorted(every, key=lambda each: (each.created - each.seconds, -each.created)):
        while running and running[-1].created <= record.created - record.seconds:
            running.pop()
        if running and record.cause is Cause.IMPORT:
            asked = late | asked_by(running[-1])
            if asked.isdisjoint((record.name, f"{record.name.rpartition('.')[0]}.*")):
                found.setdefault(running[-1].name, set()).add(record.name)
        running.append(record)
        late |= asked_by(record, is_late=True)
    return found
