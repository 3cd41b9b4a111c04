"""Who needs whom, and whether that can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from modreg.plugins._metadata import Metadata

World = Mapping[str, Version | None]
"""What there is, by canonical name, with the version that it declares."""


def problems(name: str, metadata: Metadata, world: World, others: Mapping[str, Metadata]) -> tuple[str, ...]:
    """
    What stands against a plugin, as clauses with names and specifiers.

    Args:
        name: The plugin's name.
        metadata: What it declares.
        world: What is in force besides it: the host, other plugins.
        others: What these other plugins declare, by name.
    """
    mine = [_lack(f"{name}{_said(metadata.version)}", each, world) for each in metadata.requires if _applies(each)]
    world = {**world, canonicalize_name(name): metadata.version}
    theirs = [
        _lack(f"{other}{_said(declared.version)}", each, world)
        for other, declared in others.items()
        for each in declared.requires
        if _applies(each) and canonicalize_name(each.name) == canonicalize_name(name)
    ]
    return tuple(filter(None, [*mine, *theirs]))


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _lack(who: str, requirement: Requirement, world: World) -> str:
    """Why a requirement does not hold; ``""`` if it does."""
    name = canonicalize_name(requirement.name)
    wanted = f"{who} needs {requirement.name}{requirement.specifier}"
    if name not in world:
        return f"{wanted}, and {requirement.name} is not running"
    if not requirement.specifier:
        return ""
    has = world[name]
    if has is None:
        return f"{wanted}, and {requirement.name} declares no version"
    if not requirement.specifier.contains(has, prereleases=True):
        return f"{wanted}, and {requirement.name} is {has}"
    return ""


def _said(version: Version | None) -> str:
    return f" {version}" if version is not None else ""


def ordered(wanted: Mapping[str, Metadata]) -> tuple[tuple[str, ...], dict[str, str]]:
    """
    The plugins, each after those that it requires, and those in a circle, each with why.

    Where that leaves a choice they stand as they were given.
    """
    canonical: dict[str, str] = {canonicalize_name(name): name for name in wanted}
    needs = {name: [canonical[n] for n in sorted(each.names) if n in canonical] for name, each in wanted.items()}
    circles = {name: said for name in wanted if (said := _circle(name, needs))}
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order and name not in circles:
            for other in needs[name]:
                visit(other)
            order.append(name)

    for name in wanted:
        visit(name)
    return tuple(order), circles


def _circle(name: str, needs: Mapping[str, list[str]]) -> str:
    """The shortest way from a plugin to itself; ``""`` if there is none."""
    paths = [[name]]
    seen: set[str] = set()
    for path in paths:
        for other in needs[path[-1]]:
            if other == name:
                return f"{' needs '.join([*path, name])}: a circle"
            if other not in seen:
                seen.add(other)
                paths.append([*path, other])
    return ""


def users(name: str, declared: Mapping[str, Metadata]) -> tuple[str, ...]:
    """Which of the plugins require *name*."""
    mine = canonicalize_name(name)
    return tuple(other for other, each in declared.items() if mine in each.names and canonicalize_name(other) != mine)


def sorted_by_need(names: Iterable[str], declared: Mapping[str, Metadata]) -> tuple[str, ...]:
    """The plugins, each after those that it requires; members of a circle come last."""
    wanted = {name: declared.get(name, Metadata()) for name in names}
    order, circles = ordered(wanted)
    return (*order, *circles)
