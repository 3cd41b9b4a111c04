"""The laws of graphs, tried on all 512 graphs of three modules (loops included) and on some long ones."""

import itertools

import pytest

from modreg import Cause, EdgeKind, _graph
from modreg._draft import Draft
from modreg._model import Edge

NAMES = ("a", "b", "c")
EDGES = tuple(itertools.product(NAMES, NAMES))
GRAPHS = [
    {name: [after for before, after in edges if before == name] for name in NAMES}
    for size in range(len(EDGES) + 1)
    for edges in itertools.combinations(EDGES, size)
]
CHAIN = {f"m{number:05}": [f"m{number + 1:05}"] for number in range(10_000)}
RING = CHAIN | {"m09999": ["m00000"]}


def walks(graph, start, end):
    """All ways from start to end without a repetition, by trying every order of names."""
    between = [name for name in graph if name not in (start, end)]
    for size in range(len(between) + 1):
        for middle in itertools.permutations(between, size):
            way = (start, *middle, end) if start != end else (start,)
            if all(after in graph[before] for before, after in itertools.pairwise(way)):
                yield way


def is_before(graph, name, other):
    """Whether name depends on other, by trying every way."""
    return any(walks(graph, name, other))


def test_all_graphs_of_three_modules_are_tried():
    """
    Nine possible edges make 512 graphs.
    """
    assert len(GRAPHS) == 2**9


def test_reverse_turns_every_edge():
    """
    A name is a dependent of another exactly if it has it as a dependency.
    """
    for graph in GRAPHS:
        dependents = _graph.reverse(graph)

        assert list(dependents) == list(NAMES)
        for before, after in EDGES:
            assert (before in dependents[after]) == (after in graph[before])


def test_reverse_twice_is_the_graph():
    """
    Turning every edge twice changes nothing.
    """
    for graph in GRAPHS:
        again = _graph.reverse(_graph.reverse(graph))

        assert again == {name: tuple(graph[name]) for name in NAMES}


def test_reverse_names_what_is_only_a_dependency():
    """
    A dependency that is no key of the graph is one of the answer; repeated mentions count once.
    """
    dependents = _graph.reverse({"app": ["tax", "tax"]})

    assert dependents == {"app": (), "tax": ("app",)}


def test_reachable_is_what_some_way_leads_to():
    """
    Reachable is a seed, and what a way leads to from a seed.
    """
    for graph in GRAPHS:
        for seeds in ((), ("a",), ("b", "c")):
            found = _graph.reachable(graph, seeds)

            assert found == {name for name in NAMES for seed in seeds if is_before(graph, seed, name)}


def test_components_are_the_names_on_common_cycles():
    """
    Two names share a component exactly if each depends on the other, and each name is in one component.
    """
    for graph in GRAPHS:
        found = _graph.components(graph)

        assert sorted(itertools.chain(*found)) == list(NAMES)
        place = {name: number for number, members in enumerate(found) for name in members}
        for one, other in EDGES:
            is_common = is_before(graph, one, other) and is_before(graph, other, one)
            assert (place[one] == place[other]) == is_common


def test_components_have_dependencies_first():
    """
    No component depends on a later one.
    """
    for graph in GRAPHS:
        found = _graph.components(graph)

        for early, late in itertools.combinations(found, 2):
            assert not any(is_before(graph, one, other) for one in early for other in late)


def test_members_of_a_component_stand_in_the_order_of_the_graph():
    """
    Within a component, names stand as the graph lists them.
    """
    for graph in GRAPHS:
        for keys in itertools.permutations(NAMES):
            for members in _graph.components({name: graph[name] for name in keys}):
                assert list(members) == sorted(members, key=keys.index)


def test_components_stand_as_if_imported_in_the_order_of_the_graph():
    """
    Where dependencies leave a choice, each key comes in turn, right after what it depends on.
    """
    graph = {"d": [], "app": ["tax", "cfg"], "b": [], "cfg": [], "tax": [], "aaa": []}

    found = _graph.components(graph)

    assert found == (("d",), ("cfg",), ("tax",), ("app",), ("b",), ("aaa",))


def test_order_of_dependencies_does_not_count():
    """
    Lists in any order, tuples and sets with the same names give the same answers: hashes do not matter.
    """
    for graph in GRAPHS[:: len(GRAPHS) // 64]:
        expected = _graph.components(graph), _graph.path(graph, "a", "c")
        for kind in (tuple, set, frozenset, lambda names: names[::-1], lambda names: names * 2):
            same = {name: kind(dependencies) for name, dependencies in graph.items()}

            assert (_graph.components(same), _graph.path(same, "a", "c")) == expected


def test_names_that_are_no_keys_come_in_sorted_order():
    """
    Names that are mentioned only as dependencies have no place in the graph; they are sorted.
    """
    found = _graph.components({"app": {"os", "abc", "json"}})

    assert found == (("abc",), ("json",), ("os",), ("app",))


def test_circles_of_a_plan_are_those_of_its_imports():
    """
    A plan groups modules by their imports alone, though a package comes before what is in it.
    """
    names = {"a": "p", "b": "p.m", "c": "p.m.n"}
    for graph in GRAPHS:
        edges = {
            names[one]: {
                names[other]: Edge(dependent=names[one], dependency=names[other], kind=EdgeKind.REFERENCE)
                for other in others
            }
            for one, others in graph.items()
        }
        draft = Draft(Cause.RELOAD, members=tuple(edges), graph=edges)
        among = {name: draft.imports(name) for name in draft.order}
        found = _graph.components(among)
        assert draft.components == {name: members for members in found for name in members}


def test_path_is_a_shortest_way():
    """
    A path follows dependencies, and no way is shorter; without any way it is empty.
    """
    for graph in GRAPHS:
        for start, end in EDGES:
            found = _graph.path(graph, start, end)

            ways = list(walks(graph, start, end))
            assert found in ways or (not ways and found == ())
            assert all(len(found) <= len(way) for way in ways)


def test_path_between_unknown_names_is_empty():
    """
    A name that the graph does not know leads nowhere but to itself.
    """
    assert _graph.path({}, "a", "b") == ()
    assert _graph.path({"a": ["b"]}, "a", "c") == ()
    assert _graph.path({}, "a", "a") == ("a",)


def test_long_chains_need_no_recursion():
    """
    Ten thousand modules, each importing the next, are ordered from the last to the first.
    """
    names = sorted({*CHAIN, "m10000"})

    assert _graph.components(CHAIN) == tuple((name,) for name in reversed(names))
    assert _graph.reachable(CHAIN, ["m00000"]) == frozenset(names)
    assert _graph.path(CHAIN, "m00000", "m10000") == tuple(names)


def test_long_cycles_need_no_recursion():
    """
    Ten thousand modules in a circle are one component.
    """
    assert _graph.components(RING) == (tuple(RING),)


@pytest.mark.parametrize("call", [_graph.reverse, _graph.components])
def test_a_graph_stays_as_it_is(call):
    """
    No call changes the graph that it is given, or needs more of it than reading.
    """
    graph = {"b": ("a",), "a": ("b", "c")}

    call(graph)

    assert graph == {"b": ("a",), "a": ("b", "c")}
