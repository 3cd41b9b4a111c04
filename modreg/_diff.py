"""What differs between two versions of a module: names by their manifests, text by their sources."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING

import attrs

from modreg import _source
from modreg._model import in_columns
from modreg._snapshot import Item, Kind, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class ChangeKind(enum.Enum):
    """
    What became of a name from the old version to the new one.

    Attributes:
        ADDED: Only the new version has it.
        REMOVED: Only the old version has it.
        CHANGED: Both have it, and it stands for something else.
        LINGERING: The new source no longer binds it; it is in the namespace only because a reload
            keeps what was there.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    LINGERING = "lingering"


@attrs.frozen
class Change:
    """
    One entry of a diff.

    >>> print(Change(ChangeKind.CHANGED, "RATE", "0.2", "0.3"))
    changed  RATE  0.2 -> 0.3

    Attributes:
        kind: What became of it.
        path: The name, as ``rate`` or ``Invoice.total``.
        before: What it was, for people; `None` where there was none.
        after: What it is, likewise. The two are equal where a function has other code only.
    """

    kind: ChangeKind
    path: str
    before: str | None
    after: str | None

    @property
    def columns(self) -> tuple[str, str, str]:
        """Its row in a table."""
        told = [text for text in (self.before, self.after) if text is not None]
        return self.kind.value, self.path, " -> ".join(dict.fromkeys(told))

    def __str__(self) -> str:
        return in_columns([self.columns])


@attrs.frozen(kw_only=True)
class Side:
    """
    What is known of one of the two versions.

    Attributes:
        number: The version's number.
        manifest: What its namespace held; `None` if its snapshot was let go.
        source: What was executed; `None` if there is none.
        bound: The names that this source can bind; `None` if that is not known.
    """

    number: int
    manifest: Manifest | None = None
    source: _source.Source | None = None
    bound: frozenset[str] | None = None


@attrs.frozen(kw_only=True)
class Diff:
    """
    What differs between two versions of one module.

    Attributes:
        name: Absolute module name.
        old: Number of the version on the left.
        new: Number of the version on the right.
        changes: What became of the names, by path. A class that was added, removed or replaced as a whole
            is one entry, without its attributes.
        text: The sources' unified diff, or ``""``.
        notes: What could not be compared, and why: a sentence each.
    """

    name: str
    old: int
    new: int
    changes: tuple[Change, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.text)

    def __str__(self) -> str:
        head = f"{self.name!r}, version {self.old} to {self.new}"
        if not self:
            where = " in what can be compared" if self.notes else ""
            return "\n".join([f"{head}: no difference{where}", *self.notes])
        table = in_columns([change.columns for change in self.changes]) if self.changes else ""
        return "\n\n".join(filter(None, [f"{head}:", table, "\n".join(self.notes), self.text]))

    def _repr_html_(self) -> str:
        """The same for a notebook: a table, and the lines with what went and what came in colour."""
        import html  # noqa: PLC0415  # only a notebook needs it, and loading modreg must stay cheap

        def row(values: Sequence[str]) -> str:
            return "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in values) + "</tr>"

        head = f"<p><b>{html.escape(self.name)}</b>, version {self.old} to {self.new}</p>"
        rows = "".join(row(change.columns) for change in self.changes)
        table = f"<table>{rows}</table>" if rows else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        lines = "\n".join(_coloured(html.escape(line, quote=False)) for line in self.text.splitlines())
        return head + table + notes + (f"<pre>{lines}</pre>" if lines else "")


def _coloured(line: str) -> str:
    """A line of a unified diff, already escaped, in its colour."""
    colour = {"+": "#22863a", "-": "#b31d28", "@": "#6f42c1"}.get(line[:1])
    return f'<span style="color: {colour}">{line}</span>' if colour else line


def diff(name: str, old: Side, new: Side) -> Diff:
    r"""
    Compare two versions of the module *name*.

    >>> from modreg._snapshot import Kind
    >>> old = Manifest({"RATE": Item(Kind.VALUE, "0.2"), "rate": Item(Kind.FUNCTION, "()", "f1")})
    >>> new = Manifest({"RATE": Item(Kind.VALUE, "0.3"), "rate": Item(Kind.FUNCTION, "()", "f2")})
    >>> print(diff("tax", Side(number=1, manifest=old), Side(number=2, manifest=new)))
    'tax', version 1 to 2:
    <BLANKLINE>
    changed  RATE  0.2 -> 0.3
    changed  rate  function ()
    <BLANKLINE>
    version 1 has no source: no lines are compared
    version 2 has no source: no lines are compared

    Args:
        name: Absolute module name.
        old: The version on the left.
        new: The version on the right.
    """
    return Diff(
        name=name,
        old=old.number,
        new=new.number,
        changes=tuple(sorted(_changes(old, new), key=lambda change: change.path)),
        text=_text(name, old, new),
        notes=(*_notes(old), *_notes(new)),
    )


def _notes(side: Side) -> Iterator[str]:
    if side.manifest is None:
        yield f"version {side.number} has no snapshot any more: no names are compared"
    if side.source is None:
        yield f"version {side.number} has no source: no lines are compared"


# Names


def _changes(old: Side, new: Side) -> Iterator[Change]:
    """What became of the names, in no particular order."""
    if old.manifest is None or new.manifest is None:
        return
    gone = old.bound - new.bound if old.bound is not None and new.bound is not None else frozenset()
    for path in {**old.manifest, **new.manifest}:
        if _is_told_by_class(path, old.manifest, new.manifest):
            continue
        before, after = old.manifest.get(path), new.manifest.get(path)
        kind = _kind(before, after) or (ChangeKind.LINGERING if path in gone else None)
        if kind is not None:
            told = [None if item is None else str(item) for item in (before, after)]
            yield Change(kind, path, *told)


def _kind(before: Item | None, after: Item | None) -> ChangeKind | None:
    """What became of one name; `None` for nothing."""
    if before is None:
        return ChangeKind.ADDED
    if after is None:
        return ChangeKind.REMOVED
    # What a lazy import stands for shows only once it was used, and using it is no change.
    if before == after or Kind.LAZY in (before.kind, after.kind):
        return None
    return ChangeKind.CHANGED


def _is_told_by_class(path: str, old: Manifest, new: Manifest) -> bool:
    """Whether *path* is in a class that came, went or was replaced as a whole."""
    owner = path.rpartition(".")[0]
    before, after = old.get(owner), new.get(owner)
    return (before is not None and before.is_listed) != (after is not None and after.is_listed)


# Text


def _text(name: str, old: Side, new: Side) -> str:
    """The sources' unified diff."""
    if old.source is None or new.source is None or old.source.hash == new.source.hash:
        return ""
    import difflib  # noqa: PLC0415  # It takes a while to load, and few need it.

    return "\n".join(
        difflib.unified_diff(
            _lines(old.source),
            _lines(new.source),
            f"{_label(name, old.source)} (version {old.number})",
            f"{_label(name, new.source)} (version {new.number})",
            lineterm="",
        )
    )


def _label(name: str, source: _source.Source) -> str:
    """The end of the source's path that the module's name stands for, as ``shop/tax.py``."""
    parts = source.path.replace(os.sep, "/").split("/")
    depth = name.count(".") + 1 + (parts[-1].partition(".")[0] == "__init__")
    return "/".join(parts[-depth:])


def _lines(source: _source.Source) -> list[str]:
    """Its lines, as an editor counts them: :meth:`str.splitlines` would break them at form feeds too."""
    try:
        text = _source.decode(source.data)
    except (SyntaxError, UnicodeError):  # Until 3.13 the compiler lets wrong bytes in comments pass.
        text = source.data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    lines[-1] += "\n\\ No newline at end of file"  # the words of diff and git
    return lines
