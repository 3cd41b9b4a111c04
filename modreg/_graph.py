"""
Directed graphs of module names: what depends on what, in which order, and why.

A graph is a mapping from each name to the names it depends on. A name that occurs
only as a dependency belongs to the graph too and depends on nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

Graph: TypeAlias = Mapping[str, Collection[str]]


def reverse(graph: Graph) -> dict[str, tuple[str, ...]]:
    """
    Turn every edge round: from each name to the names that depend on it.

    Every name of *graph* is a key of the answer, and dependents stand in the order
    of *graph*.
    """
    dependents: dict[str, list[str]] = {name: [] for name in _ranks(graph)}
    for name, dependencies in graph.items():
        for dependency in set(dependencies):
            dependents[dependency].append(name)
    return {name: tuple(names) for name, names in dependents.items()}


def reachable(graph: Graph, seeds: Iterable[str], known: Collection[str] = ()) -> frozenset[str]:
    """Collect *seeds* and all that they depend on, directly or not, without what is *known* and what lies behind it."""
    seen = set(seeds).difference(known)
    waiting = list(seen)
    while waiting:
        fresh = set(graph.get(waiting.pop(), ())).difference(seen, known)
        seen |= fresh
        waiting.extend(fresh)
    return frozenset(seen)


def components(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """
    Group the names that depend on each other; dependencies come before dependents.

    Where that leaves a choice, components stand as if the names were imported one by
    one in the order of *graph*, each after its dependencies. The members of one
    component stand in the order of *graph*, names that are no key of it last. Only
    the order of *graph* counts, never the hashes.

    Source:
        Sharir, "A strong-connectivity algorithm" (1981), with a stack in place of
        recursion: chains of imports can be longer than Python's recursion limit.
    """
    ranks = _ranks(graph)
    dependents = reverse(graph)
    found: list[tuple[str, ...]] = []
    placed: set[str] = set()
    for root in reversed(_finished(graph, ranks)):
        if root not in placed:
            members = reachable(dependents, [root], placed)
            placed |= members
            found.append(tuple(sorted(members, key=ranks.__getitem__)))
    return tuple(reversed(found))


def path(graph: Graph, start: str, end: str) -> tuple[str, ...]:
    """
    Find a shortest way along dependencies from *start* to *end*, both included.

    Returns:
        The names on the way, just *start* if it is *end*, nothing if there is no way.
        Among several shortest ways the answer depends on the order of *graph* alone.
    """
    ranks = _ranks(graph)
    origins = {start: start}
    # The mapping grows while it is walked; it is the queue of the search as well.
    queue = [start]
    for name in queue:
        if name == end:
            way = [end]
            while way[-1] != start:
                way.append(origins[way[-1]])
            return tuple(reversed(way))
        for dependency in sorted(graph.get(name, ()), key=ranks.__getitem__):
            if dependency not in origins:
                origins[dependency] = name
                queue.append(dependency)
    return ()


def _ranks(graph: Graph) -> dict[str, int]:
    """Number the names: the keys as they stand, then the others in sorted order."""
    mentioned = {name for dependencies in graph.values() for name in dependencies}
    names = [*graph, *sorted(mentioned.difference(graph))]
    return {name: rank for rank, name in enumerate(names)}


def _finished(graph: Graph, ranks: Mapping[str, int]) -> list[str]:
    """List the names as a depth-first walk leaves them."""
    finished: list[str] = []
    seen: set[str] = set()
    for root in ranks:
        # A name is left when it comes up a second time, below all it depends on.
        waiting = [(root, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                finished.append(name)
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                fresh = [each for each in graph.get(name, ()) if each not in seen]
                fresh.sort(key=ranks.__getitem__, reverse=True)
                waiting.extend((each, False) for each in fresh)
    return finished
