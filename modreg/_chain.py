"""The commits that a rollback takes back, and what becomes of the modules in them."""

from __future__ import annotations

from collections.abc import Collection

from modreg._history import Commit, History, Record
from modreg._model import Cause, ModuleVersion
from modreg._source import Source
from modreg.errors import NoEarlierVersionError, RefusedError, UnknownVersionError


def revision_before(history: History, name: str, to: int | ModuleVersion | str | None) -> int:
    """The revision whose state a rollback is to bring back."""
    if to is not None:
        return wanted(history, name, to).revision
    latest = history.standing(name)
    if latest is None and (first := history.of(name)[0].number) > 1:
        raise UnknownVersionError(name, f"before {first}", first)
    if latest is None:
        raise NoEarlierVersionError(name, history.current(name).number)
    return latest.revision - 1


def check_revision(history: History, name: str, revision: int) -> None:
    """Raise for what is no revision that there ever was."""
    if type(revision) is not int:
        raise TypeError(f"expected a revision of the registry, got {revision!r}")
    if not 0 <= revision <= history.revision:
        raise UnknownVersionError(name, f"at revision {revision}")


def wanted(history: History, name: str, to: int | ModuleVersion | str) -> Record:
    """The version of a module that a caller means."""
    if isinstance(to, ModuleVersion):
        if to.name != name:
            raise UnknownVersionError(name, to)
        to = to.number
    if isinstance(to, int) and not isinstance(to, bool):
        return history.record(name, to)
    if isinstance(to, str):
        return _fitting(history, name, to)
    raise TypeError(f"expected a version number, a ModuleVersion or a specifier, got {to!r}")


def _fitting(history: History, name: str, specifier: str) -> Record:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  # Few need it.

    try:
        fitting = SpecifierSet(specifier, prereleases=True)
    except InvalidSpecifier as error:
        raise UnknownVersionError(name, repr(specifier)) from error
    for record in reversed(history.of(name)):
        declared = record.version.distribution_version
        if declared is not None and declared in fitting:
            return record
    raise UnknownVersionError(name, repr(specifier))


def of(history: History, names: Collection[str], revision: int) -> tuple[Commit, ...]:
    """
    The commits to take back, newest first.

    These are the modules' own after *revision*, and those that changed
    any of the same modules since; a rollback and what it took back cancel out.
    """
    for name in names:
        history.at(name, revision)  # it is not forgotten
    later = _without_undone(history, revision)
    concerned, found, left = set(names), set[int](), later
    while left and (more := [each for each in left if not concerned.isdisjoint(each.before)]):
        found.update([each.revision for each in more])
        concerned.update(*[each.before for each in more])
        left = [each for each in left if each.revision not in found]
    return tuple([each for each in reversed(later) if each.revision in found])


def _without_undone(history: History, revision: int) -> list[Commit]:
    """The commits after a revision without the rollbacks that took back others of them, and without these."""
    left = {commit.revision: commit for commit in history.since(revision)}
    for commit in reversed([*left.values()]):
        # Of what is forgotten nobody needs to know more than that it was taken back.
        undone = {each for each in commit.undoes if history.commit_of(each) is not None}
        if commit.undoes and min(commit.undoes) > revision and left.keys() >= {commit.revision, *undone}:
            for each in (commit.revision, *undone):
                del left[each]
    return [*left.values()]


def targets(history: History, chain: tuple[Commit, ...], revision: int) -> dict[str, int]:
    """For each module that the chain changed, the version whose state it gets."""
    return {name: history.at(name, revision) for commit in reversed(chain) for name in commit.before}


def apart(history: History, chain: tuple[Commit, ...], mine: Collection[Commit], revision: int) -> dict[str, int]:
    """Of a chain of which only some commits are to be taken back the modules that change, each with its version."""
    theirs = {name for commit in chain if commit not in mine for name in brought(commit)}
    own = {name for commit in mine for name in brought(commit)} - theirs
    found = {name: number for name, number in targets(history, chain, revision).items() if name in own}
    current = {name: history.current(name).source for name in found}
    return {name: number for name, number in found.items() if source_of(history, name, number) is not current[name]}


def source_of(history: History, name: str, number: int) -> Source | None:
    """What a version was executed from; nothing for none."""
    record = history.record(name, number) if number else None
    if record is not None and record.source is not None and record.text is None:
        raise RefusedError(name, f"version {number} ran from byte-code whose text nobody has seen")
    return record.source if record is not None else None


def brought(commit: Commit) -> set[str]:
    """The modules that a commit was about: not those that were executed for the sake of others."""
    return {*(record.name for record in commit.records if record.cause is not Cause.DEPENDENT), *commit.unloaded}
