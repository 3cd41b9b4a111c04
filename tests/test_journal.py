"""The journal: whatever was written, undoing brings back what was there, by identity."""

from __future__ import annotations

import types
from collections import Counter, OrderedDict, defaultdict, deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modreg._journal import (
    MISSING,
    Attribute,
    Cache,
    Cell,
    ClassAttribute,
    ClassField,
    Contents,
    Entry,
    Item,
    Journal,
    Namespace,
)


class Value:
    """Something that equals everything and can be told by its identity alone."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash(self.number)

    def __repr__(self):
        return f"v{self.number}"


VALUES = [Value(number) for number in range(6)]
values = st.sampled_from(VALUES)
keys = st.sampled_from(["a", "b", "c", "d"])


class Left:
    pass


class Right:
    pass


class World:
    """One thing of each kind that a transaction changes."""

    def __init__(self):
        class Base(Left):
            a = VALUES[0]

        def function(x=1, *, y=2):
            return cell, x, y

        cell = VALUES[0]
        self.mapping = {"a": VALUES[0], "b": VALUES[1]}
        self.namespace = {"a": VALUES[0]}
        self.cls = Base
        self.function = function
        self.cell = function.__closure__[0]
        self.empty = types.CellType()
        self.containers = [[VALUES[0], VALUES[1]], {"a": VALUES[0]}, {"x", "y"}, deque([VALUES[0]])]

    def state(self):
        """Everything in it, by identity and in its order."""
        contents = [[id(x) for x in Contents(each).get()] for each in (self.containers[0], *self.containers[2:])]
        return (
            {key: id(value) for key, value in self.mapping.items()},
            {key: id(value) for key, value in self.namespace.items()},
            {key: id(value) for key, value in vars(self.cls).items() if key not in ("__dict__", "__weakref__")},
            self.cls.__bases__,
            id(self.function.__code__),
            id(self.function.__defaults__),
            id(self.function.__kwdefaults__),
            id(Cell(self.cell).get()),
            Cell(self.empty).get() is MISSING,
            [sorted(each) if i == 1 else each for i, each in enumerate(contents)],
            [(key, id(value)) for key, value in self.containers[1].items()],
        )

    def places(self):
        """A strategy of places with a value to write there."""
        wanted = st.one_of(values, st.just(MISSING))
        pairs = st.dictionaries(keys, values, max_size=3)
        return st.one_of(
            st.builds(lambda k, v: (Item(self.mapping, k), v), keys, wanted),
            st.builds(lambda k, v: (ClassAttribute(self.cls, k), v), keys, wanted),
            st.builds(lambda v: (Cell(self.cell), v), wanted),
            st.builds(lambda v: (Cell(self.empty), v), wanted),
            st.builds(lambda d: (Namespace(self.namespace), (tuple(d), tuple(d.values()))), pairs),
            st.builds(lambda t: (ClassField(self.cls, "__bases__"), (t,)), st.sampled_from([Left, Right])),
            st.builds(lambda t: (Attribute(self.function, "__defaults__"), t), st.sampled_from([None, (1,), (2,)])),
            st.builds(lambda c: (Attribute(self.function, "__code__"), c), st.sampled_from([self.function.__code__, CODE])),
            st.builds(lambda vs: (Contents(self.containers[0]), tuple(vs)), st.lists(values, max_size=4)),
            st.builds(lambda d: (Contents(self.containers[1]), tuple(d.items())), pairs),
            st.builds(lambda s: (Contents(self.containers[2]), tuple(s)), st.sets(keys)),
            st.builds(lambda vs: (Contents(self.containers[3]), tuple(vs)), st.lists(values, max_size=4)),
        )


def _other(x=1, *, y=2):
    return cell, x, y  # noqa: F821  # a free variable in the code made below


CODE = _other.__code__.replace(co_freevars=("cell",))


@given(st.data())
def test_undoing_any_writings_brings_back_what_was_there(data):
    """
    After any sequence of writings, over places of every kind, undoing leaves each place as it was, object for object.
    """
    world, journal = World(), Journal()
    before = world.state()
    for place, value in data.draw(st.lists(world.places(), max_size=12)):
        journal.write(place, value)

    journal.undo()

    assert world.state() == before
    assert list(journal) == []


@given(st.data())
def test_reversing_into_another_journal_is_a_change_like_any_other(data):
    """
    Taking a journal back as changes of a second one does what undoing does, and undoing the second brings all back.
    """
    world, first, second = World(), Journal(), Journal()
    before = world.state()
    for place, value in data.draw(st.lists(world.places(), max_size=12)):
        first.write(place, value)
    after = world.state()

    first.reversed_into(second)
    reversed_ = world.state()
    second.undo()

    assert reversed_ == before
    assert world.state() == after


@given(st.data())
def test_a_reversal_can_be_reversed(data):
    """
    The journal of a reversal is reversed in its turn: there and back any number of times.
    """
    world, journal = World(), Journal()
    states = [world.state()]
    for place, value in data.draw(st.lists(world.places(), max_size=8)):
        journal.write(place, value)
    states.append(world.state())

    for number in range(4):
        other = Journal()
        journal.reversed_into(other)
        journal = other

        assert world.state() == states[number % 2]


@given(st.data())
def test_what_was_kept_comes_back_after_any_change(data):
    """
    What code behind the journal's back does to a place that was kept is undone, too.
    """
    world, journal = World(), Journal()
    before = world.state()
    changes = data.draw(st.lists(world.places(), max_size=12))
    for place, _ in changes:
        journal.keep(place)

    for place, value in changes:
        place.put(value)
    journal.undo()

    assert world.state() == before


def test_writing_what_is_there_is_no_change():
    """
    Writing the very object that is there leaves no entry.
    """
    mapping, journal = {"a": VALUES[0]}, Journal()

    journal.write(Item(mapping, "a"), VALUES[0])
    journal.write(Item(mapping, "b"), MISSING)

    assert list(journal) == []


def test_equal_is_not_the_same():
    """
    A value that equals what is there and is another object is written.
    """
    mapping, journal = {"a": VALUES[0]}, Journal()

    journal.write(Item(mapping, "a"), VALUES[1])

    assert mapping["a"] is VALUES[1]
    journal.undo()
    assert mapping["a"] is VALUES[0]


def test_a_change_is_noted_before_it_is_made():
    """
    A writing that raises halfway is in the journal already.
    """
    noted = []

    class Place:
        def get(self):
            return "before"

        def put(self, value):
            noted.append(len(journal.entries))
            raise KeyboardInterrupt

        def merged(self, before, after):
            return before

    journal = Journal()

    with pytest.raises(KeyboardInterrupt):
        journal.write(Place(), "after")

    assert noted == [1]


class Stubborn:
    """A place that refuses to be written a number of times."""

    def __init__(self, refusals, error=OSError):
        self.value, self.refusals, self.error = "before", 0, error
        self.planned = refusals

    def get(self):
        return self.value

    def put(self, value):
        if value == "before" and self.refusals < self.planned:
            self.refusals += 1
            raise self.error(self.refusals)
        self.value = value

    def merged(self, before, after):
        return before


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_undoing_goes_on_after_an_interruption(error):
    """
    What raises while a change is undone is raised when all is undone, and that change is tried again.
    """
    mapping, place, journal = {"a": 1, "b": 1}, Stubborn(1, error), Journal()
    journal.write(Item(mapping, "a"), 2)
    journal.write(place, "after")
    journal.write(Item(mapping, "b"), 2)

    with pytest.raises(error):
        journal.undo()

    assert mapping == {"a": 1, "b": 1}
    assert place.value == "before"
    assert list(journal) == []


def test_a_place_that_refuses_twice_is_given_up():
    """
    A place that cannot be put back is told of, and keeps nothing else from being undone.
    """
    mapping, place, journal = {"a": 1, "b": 1}, Stubborn(9), Journal()
    journal.write(Item(mapping, "a"), 2)
    journal.write(place, "after")
    journal.write(Item(mapping, "b"), 2)

    with pytest.raises(OSError) as info:
        journal.undo()

    assert info.value.args == (1,)
    assert mapping == {"a": 1, "b": 1}
    assert place.value == "after"
    journal.undo()


def test_last_change_is_undone_first():
    """
    Two changes of one place are undone in turn.
    """
    seen, journal = [], Journal()

    class Seen(dict):
        def __setitem__(self, key, value):
            seen.append(value)
            super().__setitem__(key, value)

    mapping = Seen(a=1)
    journal.write(Item(mapping, "a"), 2)
    journal.write(Item(mapping, "a"), 3)

    journal.undo()

    assert seen == [2, 3, 2, 1]


# Containers

KINDS = [list, deque, set, dict, OrderedDict, lambda: defaultdict(int)]


def filled(kind, elements):
    """A container of the elements, in which each is bound to itself if it is a mapping."""
    container = kind()
    if isinstance(container, dict):
        container.update((each, [each]) for each in elements)
    elif isinstance(container, set):
        container.update(elements)
    else:
        container.extend(elements)
    return container


@pytest.mark.parametrize("kind", KINDS)
@given(before=st.lists(st.integers(0, 9), unique=True), after=st.lists(st.integers(0, 9), unique=True))
@example(before=[1, 6, 7, 9], after=[])  # in a set, 1 and 9 want the same place
@example(before=[9, 1, 6, 7], after=[1])
def test_contents_come_back(kind, before, after):
    """
    Whatever a container holds, putting back what was read gives the same elements in the same order.
    """
    container = filled(kind, before)
    read = Contents(container).get()

    Contents(container).put(Contents(filled(kind, after)).get())
    between = list(container)
    Contents(container).put(read)

    assert sorted(between) == sorted(after)
    assert list(map(id, list(container))) == list(map(id, read if not isinstance(container, dict) else dict(read)))
    assert isinstance(container, set) or list(container) == before


def test_contents_keep_what_a_container_is():
    """
    The bound of a deque and the factory of a default dict are no contents, and stay.
    """
    queue, table = deque([1, 2], maxlen=2), defaultdict(list, a=[1])

    Contents(queue).put((3, 4))
    Contents(table).put((("b", [2]),))

    assert (list(queue), queue.maxlen) == ([3, 4], 2)
    assert (dict(table), table.default_factory) == ({"b": [2]}, list)


def test_contents_that_are_the_same_are_not_written():
    """
    Putting what is there writes nothing: an iteration that is under way goes on.
    """
    container = {"a": 1, "b": 2}
    iteration = iter(container)
    next(iteration)

    Contents(container).put(Contents(container).get())

    assert next(iteration) == "b"


def test_contents_are_compared_by_identity():
    """
    Nobody's ``__eq__`` is asked whether a container changed.
    """

    class Asked:
        def __eq__(self, other):
            raise AssertionError("asked")

        __hash__ = object.__hash__

    one, other = Asked(), Asked()
    container, journal = [one], Journal()
    journal.keep(Contents(container))
    container[0] = other

    journal.settle()

    assert [entry.after for entry in journal] == [(other,)]
    journal.undo()
    assert container[0] is one


@pytest.mark.parametrize("kind", KINDS)
def test_settling_forgets_what_was_left_alone(kind):
    """
    Of the containers that were kept those that did not change leave the journal, and all else stays.
    """
    same, changed, journal = filled(kind, [1, 2]), filled(kind, [1, 2]), Journal()
    journal.write(Item({}, "a"), 1)
    for container in (same, changed):
        journal.keep(Contents(container))
    changed.clear()

    journal.settle()

    assert [entry.after for entry in journal] == [1, Contents(kind()).get()]


changes = st.lists(st.integers(0, 5), unique=True, max_size=5)


@pytest.mark.parametrize("kind", [set, list, deque])
@given(before=changes, after=changes, now=changes)
def test_taking_back_one_change_of_elements_keeps_the_later_ones(kind, before, after, now):
    """
    For each element: if it came or went later that stands, otherwise it is as it was before the change.
    """
    container = filled(kind, before)
    first, second, third = (tuple(filled(kind, each)) for each in (before, after, now))
    Contents(container).put(third)

    merged = Contents(container).merged(first, second)

    expected = {x for x in {*before, *after, *now} if (x in now if (x in now) != (x in after) else x in before)}
    assert set(merged) == expected
    assert len(merged) == len(expected)


@given(
    before=st.dictionaries(keys, values, max_size=4),
    after=st.dictionaries(keys, values, max_size=4),
    now=st.dictionaries(keys, values, max_size=4),
)
def test_taking_back_one_change_of_a_mapping_keeps_the_later_ones(before, after, now):
    """
    For each key: if its value changed later that stands, otherwise it is as it was before the change.
    """
    container = dict(now)

    merged = dict(Contents(container).merged(tuple(before.items()), tuple(after.items())))

    for key in {*before, *after, *now}:
        is_later = now.get(key, MISSING) is not after.get(key, MISSING)
        expected = now.get(key, MISSING) if is_later else before.get(key, MISSING)
        assert merged.get(key, MISSING) is expected


@pytest.mark.parametrize("kind", [list, deque])
@given(
    before=st.lists(st.integers(0, 2), max_size=4),
    came=st.lists(st.integers(0, 2), max_size=3),
    later=st.lists(st.integers(0, 2), max_size=3),
)
def test_taking_back_what_was_appended_keeps_what_was_appended_later(kind, before, came, later):
    """
    Elements may be equal, or the very same: each is there as often as before the change and later ones together.
    """
    container = kind([*before, *came, *later])

    merged = Contents(container).merged(tuple(before), (*before, *came))

    assert Counter(merged) == Counter([*before, *later])


@given(before=changes, after=changes)
def test_without_later_changes_all_is_as_before(before, after):
    """
    Where nothing came later the former contents come back in their order.
    """
    container = list(after)

    merged = Contents(container).merged(tuple(before), tuple(after))

    assert merged == tuple(before)


def test_taking_back_keeps_the_order_of_what_stays():
    """
    What stays in a list keeps its order, and what comes back does so at the end.
    """
    container = [5, 1, 4, 9]

    merged = Contents(container).merged((1, 2, 3, 5), (1, 4, 5))

    assert merged == (5, 1, 9, 2, 3)


@pytest.mark.parametrize(("now", "expected"), [(2, 1), (3, 3), (MISSING, MISSING)])
def test_an_item_that_changed_later_stands(now, expected):
    """
    An entry of a mapping goes back only where it is still what the change made of it.
    """
    mapping = {} if now is MISSING else {"a": now}
    journal = Journal([Entry(Item(mapping, "a"), 1, 2)])

    journal.reversed_into(Journal())

    assert Item(mapping, "a").get() is expected


# Places


def test_class_attributes_are_written_past_the_metaclass():
    """
    A metaclass that forbids or hides attributes does not notice.
    """

    class Strict(type):
        def __setattr__(cls, name, value):
            raise AssertionError(name)

        __delattr__ = __getattribute__ = lambda cls, *args: pytest.fail(str(args))

    cls = Strict("cls", (), {"a": 1})
    place, journal = ClassAttribute(cls, "a"), Journal()

    journal.write(place, 2)
    journal.write(ClassAttribute(cls, "b"), 3)
    journal.write(ClassAttribute(cls, "a"), MISSING)
    between = place.get()
    journal.undo()

    assert between is MISSING
    assert place.get() == 1
    assert ClassAttribute(cls, "b").get() is MISSING


def test_inherited_attribute_is_none_of_the_class():
    """
    An attribute that a class inherits is missing from its table, and undoing gives it none of its own.
    """

    class Base:
        a = 1

    class Derived(Base):
        pass

    journal = Journal()
    journal.write(ClassAttribute(Derived, "a"), 2)

    journal.undo()

    assert "a" not in vars(Derived)
    assert Derived.a == 1


def test_attribute_is_written_past_the_class():
    """
    A field of the interpreter's is written whatever the object's class makes of assignments.
    """

    class Guarded:
        def __setattr__(self, name, value):
            raise AssertionError(name)

        def __getattribute__(self, name):
            raise AssertionError(name)

    class Other(Guarded):
        pass

    instance, journal = Guarded(), Journal()
    journal.write(Attribute(instance, "__class__"), Other)
    between = type(instance)

    journal.undo()

    assert (between, type(instance)) == (Other, Guarded)


def test_descriptors_are_not_asked():
    """
    What stands in a class's table is read as it is.
    """

    class Descriptor:
        def __get__(self, *args):
            raise AssertionError

        __set__ = __get__

    class Owner:
        a = Descriptor()

    found = ClassAttribute(Owner, "a").get()

    assert type(found) is Descriptor


def test_namespace_never_lacks_a_name_that_both_sides_have():
    """
    Publishing binds first and deletes afterwards.
    """
    seen = []

    class Watched(dict):
        def update(self, *args):
            super().update(*args)
            seen.append(sorted(self))

        def pop(self, *args):
            seen.append(sorted(self))
            return super().pop(*args)

    namespace = Watched(a=1, b=2)

    Namespace(namespace).put((("a", "c"), (3, 4)))

    assert seen == [["a", "b", "c"], ["a", "b", "c"]]
    assert namespace == {"a": 3, "c": 4}


def test_cache_is_emptied_by_every_writing():
    """
    A cache is emptied when it is written, and again when that is undone or reversed.
    """
    calls, journal, other = [], Journal(), Journal()
    journal.write(Cache(lambda: calls.append(1)), None)

    journal.reversed_into(other)
    other.undo()
    journal.undo()

    assert len(calls) == 4


def test_a_cache_that_is_written_often_is_emptied_once_when_that_is_taken_back():
    """
    Emptying may take long; what counts is that it comes after all else, when undone and when reversed.
    """
    namespace, seen, journal, other = {"a": 0}, [], Journal(), Journal()
    cache = Cache(lambda: seen.append(namespace["a"]))
    for number in (1, 2, 3):
        journal.write(cache, None)
        journal.write(Item(namespace, "a"), number)
        journal.write(cache, None)
    seen.clear()

    journal.reversed_into(other)
    other.undo()
    journal.undo()

    assert seen == [0, 3, 0]


def test_missing_says_what_it_is():
    """
    The sentinel shows as its name in errors and debuggers.
    """
    assert repr(MISSING) == "MISSING"
