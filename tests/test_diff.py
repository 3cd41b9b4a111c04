import pytest
from hypothesis import given
from hypothesis import strategies as st

from modreg import _source
from modreg._diff import Change, ChangeKind, Diff, Side, diff
from modreg._snapshot import Item, Kind, Manifest, Snapshot


def side(number, text, path="/project/tax.py", bound=None):
    """A version with this source, executed."""
    namespace = {"__name__": "tax"}
    exec(text, namespace)
    data = text if isinstance(text, bytes) else text.encode()
    return Side(
        number=number,
        manifest=Manifest.of(Snapshot.take(namespace)),
        source=_source.of_bytes(path, data),
        bound=bound,
    )


def changes(old, new):
    """What became of the names from one source to another, as people read it."""
    return [str(change) for change in diff("tax", side(1, old), side(2, new)).changes]


def listed(number, **items):
    """A version with these plain values and nothing else."""
    return Side(number=number, manifest=Manifest({name: Item(Kind.VALUE, x) for name, x in items.items()}))


# Names


def test_diff_tells_names_and_lines():
    """
    A diff is a table of what became of the names, then the sources' unified diff.
    """
    old = side(2, "RATE = 0.2\n\n\ndef rate(price):\n    return price * RATE\n\n\ndef old(): pass\n")
    new = side(3, "RATE = 0.3\n\n\ndef rate(price):\n    return RATE * price\n\n\nnew = 'x'\n")

    found = diff("tax", old, new)

    assert str(found) == (
        "'tax', version 2 to 3:\n"
        "\n"
        "changed  RATE  0.2 -> 0.3\n"
        "added    new   'x'\n"
        "removed  old   function ()\n"
        "changed  rate  function (price)\n"
        "\n"
        "--- tax.py (version 2)\n"
        "+++ tax.py (version 3)\n"
        "@@ -1,8 +1,8 @@\n"
        "-RATE = 0.2\n"
        "+RATE = 0.3\n"
        " \n"
        " \n"
        " def rate(price):\n"
        "-    return price * RATE\n"
        "+    return RATE * price\n"
        " \n"
        " \n"
        "-def old(): pass\n"
        "+new = 'x'"
    )
    assert found


def test_nothing_differs():
    """
    Versions of one source, executed twice, do not differ.
    """
    text = "RATE = 0.2\nTABLE = {}\ndef rate(): pass\nclass Invoice:\n    def total(self): pass\n"

    found = diff("tax", side(1, text), side(2, text))

    assert not found
    assert found == Diff(name="tax", old=1, new=2)
    assert str(found) == "'tax', version 1 to 2: no difference"


def test_comment_is_a_difference_of_lines_only():
    """
    Where only comments and layout differ, no name has changed.
    """
    old, new = side(1, "def rate():\n    return 1\n"), side(2, "# Rates.\n\ndef rate():\n    return 1\n")

    found = diff("tax", old, new)

    assert found
    assert found.changes == ()
    assert "+# Rates." in found.text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("x = 1", "x = 2", "changed  x  1 -> 2"),
        ("", "x = 1", "added  x  1"),
        ("x = 1", "", "removed  x  1"),
        ("def x(a): pass", "def x(a, b=1): pass", "changed  x  function (a) -> function (a, b=1)"),
        ("def x(a): pass", "async def x(a): pass", "changed  x  function (a) -> coroutine function (a)"),
        ("def x(a): return 1", "def x(a): return 2", "changed  x  function (a)"),
        ("import sys as x", "x = 'sys'", "changed  x  module sys -> 'sys'"),
        ("class x: pass", "class x(dict): pass", "changed  x  class () -> class (dict)"),
        ("class x: a = 1", "class x: a = 2", "changed  x.a  1 -> 2"),
        ("class x: pass", "class x:\n class y: a = 2", "added  x.y  class ()"),
        ("", "class x:\n class y: a = 2", "added  x  class ()"),
        ("class x:\n class y: a = 2", "", "removed  x  class ()"),
        ("class x: a = 2", "x = 1", "changed  x  class () -> 1"),
    ],
)
def test_what_became_of_a_name(old, new, expected):
    """
    One line tells what became of a name; a class that came, went or was replaced is one entry.
    """
    assert changes(old, new) == [expected]


def test_renamed_class():
    """
    A class that keeps its old name as an alias is told under the new one.
    """
    found = changes("class Bill:\n    rate = 1\n", "class Invoice:\n    rate = 1\nBill = Invoice\n")

    assert found == ["changed  Bill  class () -> class tax.Invoice", "added  Invoice  class ()"]


def test_used_lazy_import():
    """
    A lazy import does not change by being used.
    """
    lazy = Side(number=1, manifest=Manifest({"json": Item(Kind.LAZY, "")}))
    used = Side(number=2, manifest=Manifest({"json": Item(Kind.MODULE, "json")}))

    assert diff("tax", lazy, used).changes == diff("tax", used, lazy).changes == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"x"}, set(), ["lingering  x  function ()"]),
        ({"x"}, {"x"}, []),
        (set(), set(), []),  # put there from outside, or lingering since an earlier version
        (None, set(), []),
        ({"x"}, None, []),
    ],
)
def test_lingering_name(old, new, expected):
    """
    A name lingers that the old source can bind, the new one cannot, and the namespace has all the same.
    """
    bound = [None if names is None else frozenset(names) for names in (old, new)]
    text = "def x(): pass\n"

    found = diff("tax", side(1, text, bound=bound[0]), side(2, text, bound=bound[1]))

    assert [str(change) for change in found.changes] == expected


def test_changed_name_does_not_linger():
    """
    A name that the new source cannot bind but that has changed is told as changed.
    """
    old, new = side(1, "x = 1\n", bound=frozenset("x")), side(2, "x = 2\n", bound=frozenset())

    assert [change.kind for change in diff("tax", old, new).changes] == [ChangeKind.CHANGED]


ITEMS = st.builds(
    Item,
    kind=st.sampled_from([Kind.FUNCTION, Kind.CLASS, Kind.VALUE]),
    text=st.sampled_from(["", "()", "1"]),
    digest=st.sampled_from(["", "f1"]),
)
SIDES = st.builds(
    Side,
    number=st.integers(1, 9),
    manifest=st.dictionaries(st.sampled_from(["a", "a.b", "a.b.c", "d", "d.e", "f"]), ITEMS).map(Manifest),
    source=st.sampled_from(["", "a = 1", "a = 1\n", "a = 1\nd = 2\n"]).map(
        lambda text: _source.of_bytes("tax.py", text.encode())
    ),
    bound=st.none() | st.frozensets(st.sampled_from("adf")),
)


@given(SIDES)
def test_nothing_differs_from_itself(one):
    """
    The diff of a version with itself is empty.
    """
    found = diff("tax", one, one)

    assert not found
    assert (found.changes, found.text, found.notes) == ((), "", ())


@given(SIDES, SIDES)
def test_sides_swap(one, two):
    """
    Seen from the other side what was added is removed, and what changed was what it is.
    """
    kinds = {
        ChangeKind.ADDED: ChangeKind.REMOVED,
        ChangeKind.REMOVED: ChangeKind.ADDED,
        ChangeKind.CHANGED: ChangeKind.CHANGED,
    }

    there = [c for c in diff("tax", one, two).changes if c.kind in kinds]
    back = [c for c in diff("tax", two, one).changes if c.kind in kinds]

    assert [Change(kinds[c.kind], c.path, c.after, c.before) for c in there] == back


@given(SIDES, SIDES)
def test_no_change_is_lost(one, two):
    """
    A name without dots is told just when the two manifests differ in it, save for those that linger.
    """
    found = {c.path for c in diff("tax", one, two).changes if c.kind is not ChangeKind.LINGERING}

    top = {path for path in "adf" if one.manifest.get(path) != two.manifest.get(path)}
    assert {path for path in found if "." not in path} == top


# Sides of which little is known


def test_version_without_a_snapshot():
    """
    Where a snapshot was let go the lines are compared, and the diff says that the names are not.
    """
    old, new = side(1, "RATE = 0.2\n"), side(2, "RATE = 0.3\n")

    found = diff("tax", Side(number=1, source=old.source), new)

    assert found.changes == ()
    assert found.text.endswith("-RATE = 0.2\n+RATE = 0.3")
    assert found.notes == ("version 1 has no snapshot any more: no names are compared",)
    assert found.notes[0] in str(found)


def test_version_without_a_source():
    """
    Where there is no source the names are compared, and the diff says that the lines are not.
    """
    found = diff("tax", listed(1, RATE="0.2"), listed(2, RATE="0.3"))

    assert [str(change) for change in found.changes] == ["changed  RATE  0.2 -> 0.3"]
    assert found.text == ""
    assert found.notes == (
        "version 1 has no source: no lines are compared",
        "version 2 has no source: no lines are compared",
    )


def test_version_of_which_nothing_is_known():
    """
    A diff that could compare nothing is empty, and says why.
    """
    found = diff("tax", Side(number=1), Side(number=2))

    assert not found
    assert str(found).splitlines()[0] == "'tax', version 1 to 2: no difference in what can be compared"
    assert len(found.notes) == 4
    assert str(found).splitlines()[1:] == list(found.notes)


# Lines


@pytest.mark.parametrize(
    ("name", "path", "label"),
    [
        ("tax", "/project/tax.py", "tax.py"),
        ("shop.tax", "/project/shop/tax.py", "shop/tax.py"),
        ("shop", "/project/shop/__init__.py", "shop/__init__.py"),
        ("shop.tax", "/project/shop/tax/__init__.py", "shop/tax/__init__.py"),
        ("a.b.c", "c.py", "c.py"),
    ],
)
def test_label_of_the_lines(name, path, label):
    """
    The lines are labelled with the end of the path that the module's name stands for.
    """
    found = diff(name, side(1, "a = 1\n", path), side(2, "a = 2\n", path))

    assert found.text.splitlines()[:2] == [f"--- {label} (version 1)", f"+++ {label} (version 2)"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a = 1\n", "a = 1", "-a = 1\n+a = 1\n\\ No newline at end of file"),
        ("a = 1", "b = 1", "-a = 1\n\\ No newline at end of file\n+b = 1\n\\ No newline at end of file"),
        ("", "a = 1\n", "+a = 1"),
        ("a = '''\x0c\u2028'''\n", "b = '''\x0c\u2028'''\n", "-a = '''\x0c\u2028'''\n+b = '''\x0c\u2028'''"),
    ],
)
def test_lines_are_those_of_an_editor(old, new, expected):
    """
    Lines end at newlines and nowhere else, and a missing last one is said as diff and git say it.
    """
    found = diff("tax", side(1, old), side(2, new))

    assert found.text.split(" @@\n")[1] == expected


def test_lines_in_another_encoding():
    """
    Sources are compared as text: each is decoded by its own cookie.
    """
    old = side(1, "# -*- coding: latin-1 -*-\nNAME = 'Käse'\n".encode("latin-1"))
    new = side(2, "# -*- coding: utf-8 -*-\nNAME = 'Käse'\n")

    found = diff("tax", old, new)

    assert found.text.split(" @@\n")[1] == (
        "-# -*- coding: latin-1 -*-\n+# -*- coding: utf-8 -*-\n NAME = 'Käse'"
    )
    assert found.changes == ()


def test_lines_that_cannot_be_decoded():
    """
    Wrong bytes in a comment, which compilers before 3.13 let pass, are shown as escapes.
    """
    old = Side(number=1, source=_source.of_bytes("tax.py", b"RATE = 1  # \xff\r\n"))
    new = Side(number=2, source=_source.of_bytes("tax.py", b"RATE = 1\n"))

    found = diff("tax", old, new)

    assert found.text.split(" @@\n")[1] == "-RATE = 1  # \\xff\n+RATE = 1"


def test_a_notebook_shows_the_same_escaped():
    """
    A notebook gets a table of the changes and the coloured lines, nothing of them taken for markup.
    """
    source = "RATE = '<b>'\n"
    old = Side(number=1, source=_source.of_bytes("tax.py", b"RATE = 1\n"))
    new = Side(number=2, source=_source.of_bytes("tax.py", source.encode()))

    shown = diff("tax", old, new)._repr_html_()

    assert "&lt;b&gt;" in shown
    assert "<b>'" not in shown
    assert shown.startswith("<p><b>tax</b>, version 1 to 2</p>")
