"""Each public call in its ordinary use."""

from __future__ import annotations
import __future__

import asyncio
import importlib
import importlib.util
import itertools
import logging
import os
import pickle
import shutil
import sys
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import modreg
from modreg import (
    Cause,
    Decision,
    EdgeKind,
    NotLoadedError,
    Registry,
    ReloadError,
    TransactionAborted,
    TransactionCommitted,
    VersionCommitted,
)


@pytest.fixture
def chain(project, registry):
    """Three modules, each of which imports from the one before."""
    project.write("base.py", "RATE = 1\ndef rate(): return 1\n")
    project.write("tax.py", "from base import rate\nNET = rate() * 10\n")
    project.write("bill.py", "import tax\nTOTAL = tax.NET + 1\n")
    bill = project.load("bill")
    return sys.modules["base"], sys.modules["tax"], bill


def numbers(registry, name):
    return [version.number for version in registry.history(name)]


# Installation


def test_install_twice_is_one_installation(project):
    """
    A second install adds no finder, and one uninstall takes everything back.
    """
    registry, before = Registry(), list(sys.meta_path)

    made = registry.install()
    once = list(sys.meta_path)
    again = registry.install(removed="drop")
    twice = list(sys.meta_path)
    registry.uninstall()

    assert made is again is registry
    assert len(once) == len(before) + 1
    assert twice == once
    assert sys.meta_path == before


def test_second_install_changes_the_options(project, registry):
    """
    The options of the last install are in force.
    """
    tax = project.load("tax", "RATE = 1\ndef gone(): pass\n")
    registry.install(removed="drop")
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert not hasattr(tax, "gone")


def test_uninstall_without_install_does_nothing(project):
    """
    Without an installation there is nothing to take back.
    """
    before = list(sys.meta_path)

    Registry().uninstall()

    assert sys.meta_path == before


def test_whether_it_is_installed_can_be_asked(project, registry):
    """
    A registry is installed from install() or include() on, until uninstall().
    """
    other = Registry()
    assert not other.is_installed()
    other.include("tax")
    assert other.is_installed()
    other.uninstall()
    assert not other.is_installed()
    assert registry.is_installed()


def test_uninstall_keeps_modules_and_history(project, registry):
    """
    After uninstall modules stay loaded, the history can be read, and imports leave no version.
    """
    tax = project.load("tax", "RATE = 1\n")

    registry.uninstall()
    project.load("other", "RATE = 1\n")

    assert sys.modules["tax"] is tax
    assert numbers(registry, "tax") == [1]
    assert registry.current("other").cause is Cause.ADOPTED
    registry.install()


def test_roots_limit_what_a_refresh_touches(project, registry):
    """
    Roots match on dots, never on substrings; what lies outside is left alone.
    """
    registry.install(roots=["tax"])
    tax, taxi = project.load("tax", "RATE = 1\n"), project.load("taxi", "RATE = 1\n")
    for name in ("tax", "taxi"):
        project.write(f"{name}.py", "RATE = 2\n")

    done = registry.refresh()

    assert [step.module for step in done.steps] == ["tax"]
    assert (tax.RATE, taxi.RATE) == (2, 1)


def test_explicit_reload_puts_a_module_in_scope(project, registry):
    """
    What was asked for by name once takes part in later refreshes.
    """
    registry.install(roots=["elsewhere"])
    tax = project.load("tax", "RATE = 1\n")
    registry.reload(tax)
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert tax.RATE == 2


def test_the_functions_of_the_package_are_one_registry(project):
    """
    The functions of the package are the methods of one default registry.
    """
    before = list(sys.meta_path)
    modreg.install(roots=["tax"])
    try:
        tax = project.load("tax", "RATE = 1\n")
        project.write("tax.py", "RATE = 2\n")

        done = modreg.refresh()

        assert tax.RATE == 2
        assert modreg.transactions()[-1] == done
        assert [v.number for v in modreg.history(tax)] == [1, 2]
        assert modreg.rollback(tax).RATE == 1
    finally:
        modreg.uninstall()
    assert sys.meta_path == before


# Adoption


def test_reload_without_install_adopts(project):
    """
    A module that was loaded before the registry existed is its version 1 at the first need.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry = Registry()

    registry.reload(tax)

    assert tax.RATE == 2
    assert [v.cause for v in registry.history(tax)] == [Cause.ADOPTED, Cause.RELOAD]


def test_dependents_loaded_before_install_take_part(project):
    """
    Adopted modules have edges, too.
    """
    project.write("base.py", "RATE = 1\n")
    tax = project.load("tax", "from base import RATE\nNET = RATE * 10\n")
    registry = Registry()
    project.write("base.py", "RATE = 2\n")

    registry.reload("base")

    assert tax.NET == 20


def test_module_past_the_finders_is_adopted(project, registry):
    """
    A module that a host put into `sys.modules` itself is found by its spec.
    """
    path = project.write("odd.py", "RATE = 1\n")
    spec = importlib.util.spec_from_file_location("odd", path)
    odd = importlib.util.module_from_spec(spec)
    sys.modules["odd"] = odd
    spec.loader.exec_module(odd)
    project.write("odd.py", "RATE = 2\n")

    registry.reload(odd)

    assert odd.RATE == 2


# Reload


def test_reload_returns_the_module(project, registry):
    """
    As `importlib.reload`: the module that `sys.modules` holds, whether it was given or named.
    """
    tax = project.load("tax", "RATE = 1\n")

    results = registry.reload(tax), registry.reload("tax")

    assert results == (tax, tax)
    assert sys.modules["tax"] is tax


def test_reload_of_unchanged_source_executes_again(project, registry):
    """
    Asked for by name, a module is executed again and has a new version.
    """
    tax = project.load("tax", "try:\n    RUNS += 1\nexcept NameError:\n    RUNS = 1\n")

    registry.reload(tax)

    assert tax.RUNS == 2
    assert numbers(registry, tax) == [1, 2]


def test_reload_keeps_the_identity_of_definitions(project, registry):
    """
    What was held of a module is what the new source defines.
    """
    tax = project.load("tax", "def rate(): return 1\nclass Bill:\n    def total(self): return 1\n")
    rate, cls, bill = tax.rate, tax.Bill, tax.Bill()
    project.write("tax.py", "def rate(): return 2\nclass Bill:\n    def total(self): return 2\n")

    registry.reload(tax)

    assert (tax.rate, tax.Bill) == (rate, cls)
    assert (rate(), bill.total()) == (2, 2)


def test_reload_brings_dependents_up_to_date(chain, project, registry):
    """
    Dependents are executed after what they depend on, in one transaction.
    """
    base, tax, bill = chain
    project.write("base.py", "RATE = 2\ndef rate(): return 2\n")

    registry.reload(base)

    assert (tax.NET, bill.TOTAL) == (20, 21)
    assert [v.name for v in registry.transactions()[-1].versions] == ["base", "tax", "bill"]


def test_reload_finds_edits_of_the_same_size_in_the_same_second(project, registry):
    """
    A ``.pyc`` is never trusted, nor are time and size together: the bytes are read.
    """
    sys.dont_write_bytecode = False
    tax = project.load("tax", "RATE = 1\n")
    status = os.stat(tax.__file__)
    (project.root / "tax.py").write_text("RATE = 2\n")
    os.utime(tax.__file__, ns=(status.st_atime_ns, status.st_mtime_ns))

    registry.reload(tax)

    assert tax.RATE == 2


def test_the_same_text_is_read_once(project, registry):
    """
    What a text imports is not read again for the next version that has it.
    """
    project.load("base", "")
    project.write("tax.py", "import base\n\n__version__ = '1.0'\n")
    tax = project.load("tax")
    first = registry.current("tax")

    importlib.reload(tax)

    former, record = registry._history.records["tax"]
    assert record.imports is former.imports
    second = registry.current("tax")
    assert (second.imports, second.distribution_version) == (first.imports, first.distribution_version)
    assert second.imports == ("base",)


def test_importlib_reload_is_recorded(project, registry):
    """
    A reload by others is a version with its own cause.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    importlib.reload(tax)

    assert [v.cause for v in registry.history(tax)] == [Cause.IMPORT, Cause.IMPORTLIB]


# Refresh


def test_refresh_leaves_unchanged_modules_alone(project, registry):
    """
    Without a changed source a refresh is no transaction: it is false and makes no revision.
    """
    project.load("tax", "RATE = 1\n")

    done = registry.refresh()

    assert not done
    assert (done.revision, done.versions, done.steps) == (0, (), ())
    assert registry.transactions() == ()


def test_refresh_takes_no_touch_for_an_edit(project, registry):
    """
    A file with another time and the same bytes is unchanged.
    """
    project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 1\n")

    done = registry.refresh()

    assert not done


def test_refresh_updates_only_what_changed(project, registry):
    """
    Of two modules that have nothing to do with each other only the edited one is executed.
    """
    tax, other = project.load("tax", "RATE = 1\n"), project.load("other", "RATE = []\n")
    kept = other.RATE
    project.write("tax.py", "RATE = 2\n")

    done = registry.refresh()

    assert tax.RATE == 2
    assert other.RATE is kept
    assert [v.name for v in done.versions] == ["tax"]


def test_refresh_sees_an_edit_in_the_same_second_with_the_same_size(project, registry):
    """
    A file that was written just now is read, whatever its time and size say.
    """
    file = project.root / "tax.py"
    file.write_text("RATE = 1\n")
    importlib.invalidate_caches()
    tax = importlib.import_module("tax")
    status = file.stat()
    file.write_text("RATE = 2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    registry.refresh()

    assert tax.RATE == 2


def test_refresh_sees_a_replaced_file_with_time_and_size_of_the_old_one(project, registry):
    """
    A file put in the place of another is another file.
    """
    file = project.write("tax.py", "RATE = 1\n")
    tax = project.load("tax")
    status = file.stat()
    new = project.root / "tax.new"
    new.write_text("RATE = 2\n")
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(file)

    registry.refresh()

    assert tax.RATE == 2


def test_refresh_is_one_transaction(project, registry):
    """
    Everything that changed is one revision, and goes back as one.
    """
    a, b = project.load("a", "N = 1\n"), project.load("b", "N = 1\n")
    for name in ("a", "b"):
        project.write(f"{name}.py", "N = 2\n")

    done = registry.refresh()
    registry.rollback("a")

    assert [v.revision for v in done.versions] == [1, 1]
    assert (a.N, b.N) == (1, 1)


# Names that left the source


GONE = '"""Old words."""\nfrom shelf import *\nRATE = 1\ndef gone(): return 1\nclass Gone: pass\n'


def test_names_that_left_the_source_linger(project, registry):
    """
    By default they stay, as with `importlib.reload`, and the diff lists them as lingering.
    """
    project.load("shelf", "def lent(): return 1\n")
    tax = project.load("tax", GONE)
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert (tax.gone(), tax.lent()) == (1, 1)
    assert tax.Gone
    assert "gone" in str(registry.diff(tax))


def test_names_that_left_the_source_are_dropped(project, dropping):
    """
    With ``removed="drop"`` they leave: definitions, names of a star import, the docstring.
    """
    project.load("shelf", "def lent(): return 1\n")
    tax = project.load("tax", GONE)
    project.write("tax.py", "RATE = 2\n")

    dropping.refresh()

    assert [name for name in ("gone", "Gone", "lent") if hasattr(tax, name)] == []
    assert tax.__doc__ is None
    assert tax.RATE == 2


def test_names_that_no_source_binds_are_kept(project, dropping):
    """
    What was put in from outside, what the import system set and what a submodule's import bound stay.
    """
    shop = project.load("shop.__init__", "RATE = 1\ndef gone(): pass\n")
    till = project.load("shop.till", "RATE = 1\n")
    shop.injected = marker = object()
    project.write("shop/__init__.py", "RATE = 2\n")

    dropping.refresh()

    assert shop.injected is marker
    assert shop.till is till
    assert shop.__spec__.name == "shop"
    assert not hasattr(shop, "gone")


def test_dropped_names_do_not_steer_the_new_source(project, dropping):
    """
    They leave before the execution: a guard in the new source finds them gone.
    """
    tax = project.load("tax", "helper = 1\n")
    project.write("tax.py", "if 'helper' not in globals():\n    FRESH = True\n")

    dropping.refresh()

    assert tax.FRESH


def test_guarded_state_survives(project, dropping):
    """
    A name that the new source can bind stays for the execution, so that a guard keeps its value.
    """
    source = "try:\n    CACHE\nexcept NameError:\n    CACHE = {}\nRATE = 1\n"
    tax = project.load("tax", source)
    tax.CACHE["key"] = 1
    project.write("tax.py", source.replace("RATE = 1", "RATE = 2"))

    dropping.refresh()

    assert (tax.CACHE, tax.RATE) == ({"key": 1}, 2)


def test_star_names_follow_their_source(project, dropping):
    """
    A name that the star-imported module no longer has leaves with it.
    """
    project.load("shelf", "def lent(): return 1\ndef more(): return 1\n")
    tax = project.load("tax", "from shelf import *\n")
    project.write("shelf.py", "def lent(): return 2\n")

    dropping.refresh()

    assert tax.lent() == 2
    assert not hasattr(tax, "more")


# Rollback


def test_rollback_brings_back_everything_the_transaction_changed(chain, project, registry):
    """
    Dependents that the transaction executed go back with the module, and held functions with their names.
    """
    base, tax, bill = chain
    rate = base.rate
    project.write("base.py", "RATE = 2\ndef rate(): return 2\nMORE = 1\n")
    registry.refresh()

    returned = registry.rollback("tax")

    assert returned is tax
    assert (base.RATE, rate(), tax.NET, bill.TOTAL) == (1, 1, 10, 11)
    assert not hasattr(base, "MORE")
    assert [v.restores for v in registry.transactions()[-1].versions] == [1, 1, 1]
    assert registry.transactions()[-1].undoes == (1,)


def test_rollback_returns_to_the_namespace_as_it_last_lived(project, registry):
    """
    A name that changed after the execution comes back as it was when the version was superseded.
    """
    tax = project.load("tax", "RATE = 1\nMODE = 'slow'\n")
    tax.MODE = "fast"
    project.write("tax.py", "RATE = 2\nMODE = 'slow'\n")
    registry.refresh()

    registry.rollback(tax)

    assert (tax.RATE, tax.MODE) == (1, "fast")


def test_a_submodule_that_was_imported_since_stays_in_its_package(project, registry):
    """
    The import system binds a submodule once: were it gone from its package, no import would bring it back.
    """
    shop = project.load("shop.__init__", "RATE = 1")
    project.write("shop/extra.py", "")
    project.write("shop/__init__.py", "RATE = 2")
    registry.refresh()
    importlib.import_module("shop.extra")

    registry.rollback(shop)

    assert shop.RATE == 1
    assert shop.extra is sys.modules["shop.extra"]


def test_a_submodule_that_another_thread_imports_meanwhile_stays_in_its_package(project, registry):
    """
    That goes for an abort, too.
    """
    project.write("meeting.py", "import threading\nbegun, done = threading.Event(), threading.Event()")
    project.load("shop.__init__", "RATE = 1")
    project.load("user", "from shop import RATE")
    project.write("shop/extra.py", "")
    project.write("shop/__init__.py", "RATE = 2")
    project.write("user.py", "from shop import RATE\nfrom meeting import *\nbegun.set()\ndone.wait(30)\nraise OSError")
    meeting = project.load("meeting")
    importlib.invalidate_caches()

    def other():
        meeting.begun.wait(30)
        importlib.import_module("shop.extra")
        meeting.done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(ReloadError):
        registry.refresh()
    thread.join()

    assert meeting.done.is_set()
    assert sys.modules["shop"].RATE == 1
    assert sys.modules["shop"].extra is sys.modules["shop.extra"]


def test_rollback_restores_classes_and_their_instances(project, registry):
    """
    A class has its former attributes and bases again, and so have its instances.
    """
    tax = project.load("tax", "class Bill:\n    def total(self): return 1\n")
    bill, table = tax.Bill(), dict(vars(tax.Bill))
    project.write("tax.py", "class More: pass\nclass Bill(More):\n    def total(self): return 2\n    def new(self): pass\n")
    registry.refresh()

    registry.rollback(tax)

    assert dict(vars(tax.Bill)) == table
    assert tax.Bill.__bases__ == (object,)
    assert bill.total() == 1


@pytest.mark.parametrize("keep", [10, 0])
@pytest.mark.parametrize("form", ["number", "version", "specifier", "exact"])
def test_rollback_to(project, registry, keep, form):
    """
    A number, a version or a specifier name the version; the newest that fits is meant.
    """
    registry.install(keep_snapshots=keep)
    tax = project.load("tax", "__version__ = '1.0'\n")
    for declared in ("1.5", "2.0", "3.0b1"):
        project.write("tax.py", f"__version__ = {declared!r}\n")
        registry.refresh()
    to = {"number": 2, "version": registry.history(tax)[1], "specifier": "<2.0", "exact": "==1.5"}[form]

    registry.rollback(tax, to)

    assert tax.__version__ == "1.5"
    assert registry.current(tax).restores == 2


def test_what_is_forgotten_is_told(project, registry):
    """
    Beyond the versions to keep numbers stay taken, and whoever asks for what is forgotten is told so.
    """
    registry.install(keep_snapshots=0, keep_versions=2)
    tax = project.load("tax", "RATE = 1\n")
    other = project.load("other", "RATE = 1\n")
    for rate in (2, 3, 4):
        project.write("tax.py", f"RATE = {rate}\n")
        registry.refresh()

    calls = [
        lambda: registry.rollback(tax, to=1),
        lambda: registry.rollback(tax, to=2),
        lambda: registry.rollback(tax, revision=0),
        lambda: registry.diff(tax, 2, 4),
    ]
    for call in calls:
        with pytest.raises(modreg.UnknownVersionError, match="is forgotten, and 3 is the oldest") as info:
            call()
        assert pickle.loads(pickle.dumps(info.value)).first == 3

    assert numbers(registry, tax) == [3, 4]
    assert numbers(registry, other) == [1]
    assert [done.revision for done in registry.transactions()] == [3]
    assert registry.rollback(tax).RATE == 3
    assert numbers(registry, tax) == [4, 5]
    with pytest.raises(modreg.UnknownVersionError, match="before 4"):
        registry.rollback(tax)
    assert tax.RATE == 3


def test_what_was_taken_back_stays_so_when_part_of_it_is_forgotten(project, registry):
    """
    A rollback that took back a transaction which is forgotten by now is not taken for one that stands.
    """
    registry.install(keep_snapshots=1, keep_versions=3)
    tax = project.load("tax", "RATE = 1\n")
    bill = project.load("bill", "from tax import RATE\nTOTAL = RATE * 10\n")
    registry.reload(bill)
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.rollback(tax, to=1)
    assert [done.revision for done in registry.transactions()] == [2, 3]

    registry.rollback(tax, to=1)

    assert (tax.RATE, bill.TOTAL) == (1, 10)
    assert numbers(registry, tax) == [1, 2, 3]


def test_specifier_takes_pre_releases(project, registry):
    """
    A version in history is there because it ran: a pre-release fits a specifier, too.
    """
    tax = project.load("tax", "__version__ = '3.0b1'\n")
    project.write("tax.py", "__version__ = '4.0'\n")
    registry.refresh()

    registry.rollback(tax, to="<4")

    assert tax.__version__ == "3.0b1"


def test_rollback_to_the_current_version_does_nothing(project, registry):
    """
    What runs already need not be brought back.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()

    registry.rollback(tax, to=2)

    assert numbers(registry, tax) == [1, 2]


def test_rollback_of_a_rollback(project, registry):
    """
    A later version can be brought back again by its number.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.rollback(tax)

    registry.rollback(tax, to=2)

    assert tax.RATE == 2
    assert [v.restores for v in registry.history(tax)] == [None, None, 1, 2]


REGISTRIES = {
    "a dict": (
        "R = {}\ndef add(key, f): R[key] = f\n",
        "{key: f() for key, f in hub.R.items()}",
    ),
    "a list": (
        "R = []\ndef add(key, f): R.append(f)\n",
        "[f() for f in hub.R]",
    ),
    "an instance": (
        "class Table: pass\nR = Table()\nR.items = {}\ndef add(key, f): R.items[key] = f\n",
        "{key: f() for key, f in hub.R.items.items()}",
    ),
    "an instance with slots": (
        "class Table: __slots__ = ('items', 'other')\nclass App: table = Table()\nApp.table.items = {}\ndef add(key, f): App.table.items[key] = f\n",
        "{key: f() for key, f in hub.App.table.items.items()}",
    ),
    "a derived dict with a slot": (
        "class Table(dict):\n    __slots__ = ('keys',)\nR = Table()\nR.keys = []\ndef add(key, f):\n    R[key] = f\n    R.keys.append((key, f))\n",
        "{key: f() for key, f in hub.R.items()}, [(key, f()) for key, f in hub.R.keys]",
    ),
    "a derived dict": (
        "class Table(dict):\n    def pop(self, *_): raise TypeError\n    clear = __delitem__ = update = pop\nR = Table()\ndef add(key, f): R[key] = f\n",
        "{key: f() for key, f in hub.R.items()}",
    ),
    "a derived list": (
        "class Row(list):\n    def __iter__(self): raise TypeError\nR = Row()\ndef add(key, f): R.append(f)\n",
        "[f() for f in list.copy(hub.R)]",
    ),
    "a derived list that counts": (
        "class Row(list): pass\nR = Row()\nR.count = 0\ndef add(key, f):\n    R.append(f)\n    R.count += 1\n",
        "[f() for f in hub.R], hub.R.count",
    ),
    "an instance in a class": (
        "class Table: pass\nclass Base:\n    table = Table()\nBase.table.items = {}\ndef add(key, f): Base.table.items[key] = f\n",
        "{key: f() for key, f in hub.Base.table.items.items()}",
    ),
    "a closure": (
        "def make():\n    items = {}\n    def add(key, f): items[key] = f\n    return add, lambda: items\nadd, items = make()\n",
        "{key: f() for key, f in hub.items().items()}",
    ),
    "singledispatch": (
        "import functools\nkinds = {'a': int, 'b': str, 'c': set}\n@functools.singledispatch\ndef ask(x): return 0\ndef add(key, f): ask.register(kinds[key])(lambda x: f())\n",
        "[hub.ask(x) for x in (1, 'x', set())]",
    ),
}


@pytest.mark.parametrize("name", REGISTRIES)
@pytest.mark.parametrize("added", ["def b(): return 3\nadd('b', b)\n", "def c(): return 3\nadd('c', c)\n", ""])
@pytest.mark.parametrize("is_failing", [False, True])
def test_what_was_registered_elsewhere_is_taken_back(project, dropping, name, added, is_failing):
    """
    An abort and a rollback bring a registry in another module back, wherever it is kept there.
    """
    source, told = REGISTRIES[name]
    hub = project.load("hub", source)
    user = project.load("user", "from hub import add\ndef a(): return 1\nadd('a', a)\ndef b(): return 1\nadd('b', b)\n")
    before = eval(told, {"hub": hub})
    project.write("user.py", f"from hub import add\ndef a(): return 2\nadd('a', a)\n{added}" + "1 / 0\n" * is_failing)

    if is_failing:
        with pytest.raises(modreg.ReloadError):
            dropping.refresh()
    else:
        dropping.refresh()
        dropping.rollback(user)

    assert eval(told, {"hub": hub}) == before
    assert user.a() == 1


def test_a_reload_of_what_a_deleted_module_uses(project, registry):
    """
    A dependent whose file is gone is executed with the source that it runs; a refresh then lets it go.
    """
    leaf = project.load("leaf", "RATE = 1\n")
    user = project.load("user", "import leaf\nTWICE = leaf.RATE * 2\n")
    project.write("leaf.py", "RATE = 2\n")
    (project.root / "user.py").unlink()

    registry.reload(leaf)

    assert user.TWICE == 4
    registry.refresh()
    assert "user" not in sys.modules


def test_refresh_leaves_a_declined_source_alone(project, registry):
    """
    After a rollback the file still holds the newer source; a refresh takes it only after another edit.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.rollback(tax)

    idle = registry.refresh()
    project.write("tax.py", "RATE = 3\n")
    registry.refresh()

    assert not idle
    assert tax.RATE == 3


def test_a_declined_source_is_left_alone_also_after_its_module_was_executed_for_anothers_sake(project, registry):
    """
    What is executed meanwhile is the source that runs, and the one that was turned away is turned away still.
    """
    base = project.load("base", "RATE = 1\n")
    tax = project.load("tax", "from base import RATE\nTWICE = RATE * 2\nWORD = 'old'\n")
    project.write("tax.py", "from base import RATE\nTWICE = RATE * 2\nWORD = 'new'\n")
    registry.refresh()
    registry.rollback(tax)
    project.write("base.py", "RATE = 2\n")
    registry.refresh()

    idle = registry.refresh()
    registry.rollback(base)
    idle_still = registry.refresh()
    project.write("tax.py", "from base import RATE\nTWICE = RATE * 2\nWORD = 'new'\n")
    registry.refresh()

    assert (bool(idle), bool(idle_still), tax.WORD) == (False, False, "new")


@pytest.mark.parametrize("is_rollback", [False, True])
def test_a_declined_source_that_was_written_again_is_taken_whatever_comes_before(project, registry, is_rollback):
    """
    Neither an execution for another's sake nor its rollback turns away anew what was written again since.
    """
    base = project.load("base", "RATE = 1\n")
    tax = project.load("tax", "from base import RATE\nTWICE = RATE * 2\nWORD = 'old'\n")
    new = "from base import RATE\nTWICE = RATE * 2\nWORD = 'new'\n"
    project.write("tax.py", new)
    registry.refresh()
    registry.rollback(tax)
    project.write("base.py", "RATE = 2\n")
    registry.refresh()
    project.write("tax.py", new)
    if is_rollback:
        registry.rollback(base)

    registry.refresh()

    assert tax.WORD == "new"


def test_refresh_takes_a_declined_source_that_is_written_again(project, registry):
    """
    Whoever writes the text anew that a rollback turned away wants it, whatever was in the file meanwhile.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.rollback(tax)
    project.write("tax.py", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert tax.RATE == 2


CACHED = "import functools\n@functools.cache\ndef rate(): return 2\n"


@pytest.mark.parametrize("new", [CACHED, "class rate: pass\n", "rate = 2\n"])
def test_who_came_after_what_a_rollback_takes_back_has_what_is_there_then(project, registry, new):
    """
    No journal knows of a module that was imported since, nor of one that has its names from that.
    """
    tax = project.load("tax", "def rate(): return 1\n")
    project.write("tax.py", new)
    registry.refresh()
    shop = project.load("shop", "from tax import *\nfrom tax import rate as price\nrate_too = 1\n")
    till = project.load("till", "from shop import price\n")

    registry.rollback(tax)
    taken_back = (shop.rate, shop.price, till.price)
    first = tax.rate
    registry.rollback(tax, to=2)

    assert taken_back == (first,) * 3
    assert (shop.rate, shop.price, till.price) == (tax.rate,) * 3
    assert shop.rate_too == 1


@pytest.mark.parametrize("order", [("shop", "tax"), ("tax", "shop")])
def test_what_a_rollback_brings_back_has_of_others_what_they_have_now(project, registry, order):
    """
    Names of a version that comes back go by what others have done since, who only gave it other objects.
    """
    tax = project.load("tax", "def rate(): return 1\n")
    shop = project.load("shop", "from tax import rate\nWORD = 'old'\n")
    edits = {"tax": CACHED, "shop": "from tax import rate\nWORD = 'new'\n"}
    for name in order:
        project.write(f"{name}.py", edits[name])
        registry.refresh()

    for name in order:
        registry.rollback(name)
        assert shop.rate is tax.rate

    assert (shop.rate(), shop.WORD) == (1, "old")
    registry.rollback(shop, to=2)
    assert shop.rate is tax.rate


def test_a_rollback_leaves_names_that_a_module_binds_by_itself(project, registry):
    """
    What was taken under a name that has another object by now is nobody's but its own.
    """
    tax = project.load("tax", "RATE = 1\ndef rate(): return 1\n")
    project.write("tax.py", "RATE = 2\n" + CACHED)
    registry.refresh()
    text = "from tax import RATE, rate\nwrapped = lambda f=rate: f()\nrate = wrapped\nRATE = 2\n"
    shop = project.load("shop", text)

    registry.rollback(tax)

    assert (shop.rate is shop.wrapped, shop.RATE) == (True, 2)


def test_rollback_keeps_what_came_later_in_containers(project, registry):
    """
    Contents go back only as far as the transaction changed them.
    """
    shelf = project.load("shelf", "BOOKS = []\n")
    tax = project.load("tax", "import shelf\nshelf.BOOKS.append('old')\n")
    project.write("tax.py", "import shelf\nshelf.BOOKS.append('new')\n")
    registry.refresh()
    shelf.BOOKS.append("later")

    registry.rollback(tax)

    assert shelf.BOOKS == ["old", "later"]


# Plans


def test_plan_runs_nothing(chain, project, registry):
    """
    A plan tells steps and reasons, and leaves modules and history as they are.
    """
    base, tax, _ = chain
    project.write("base.py", "RATE = 2\nraise OSError('never')\n")

    plan = registry.plan("base")

    assert [(s.module, s.decision) for s in plan.steps] == [(n, Decision.EXECUTE) for n in ("base", "tax", "bill")]
    assert plan.cause is Cause.RELOAD
    assert "it uses tax.NET, which changed" in str(plan)
    assert (base.RATE, tax.NET) == (1, 10)
    assert numbers(registry, "base") == [1]


def test_plan_of_a_refresh_is_empty_without_an_edit(chain, registry):
    """
    Nothing to do is a false plan that says so.
    """
    plan = registry.plan()

    assert not plan
    assert "nothing to do" in str(plan)


def test_plan_is_applied(chain, project, registry):
    """
    Applying a plan is the transaction that it told, made anew where files changed since.
    """
    _, tax, bill = chain
    project.write("base.py", "def rate(): return 2\n")
    plan = registry.plan()
    project.write("base.py", "def rate(): return 3\n")

    done = plan.apply()

    assert done.steps == plan.steps
    assert (tax.NET, bill.TOTAL) == (30, 31)
    assert registry.transactions() == (done,)


# Questions


def test_history_tells_each_version(project, registry):
    """
    Numbers without gaps, revisions, causes, hashes, declared versions and imports.
    """
    project.load("shelf", "")
    project.load("tax", "import shelf\n__version__ = '1.0'\n")
    project.write("tax.py", "__version__ = '2.0'\n")
    registry.refresh()

    first, second = registry.history("tax")

    assert (first.number, first.revision, first.cause, str(first.distribution_version)) == (1, 0, Cause.IMPORT, "1.0")
    assert (second.number, second.revision, second.cause) == (2, 1, Cause.REFRESH)
    assert (first.imports, second.imports) == (("shelf",), ())
    assert first.source_hash != second.source_hash
    assert first.origin == str(project.root / "tax.py")
    assert registry.current("tax") == second


def test_diff_of_the_last_two_versions(project, registry):
    """
    Without numbers the version before and the current one are compared.
    """
    project.load("tax", "RATE = 1\ndef rate(a): return 1\n")
    project.write("tax.py", "RATE = 2\ndef rate(a, b): return 1\nNEW = 1\n")
    registry.refresh()

    said = str(registry.diff("tax"))

    assert all(word in said for word in ("RATE", "rate", "(a, b)", "NEW"))


def test_diff_of_any_two_versions(project, registry):
    """
    Any two versions can be compared, in either direction.
    """
    project.load("tax", "RATE = 1\n")
    for rate in (2, 3):
        project.write("tax.py", f"RATE = {rate}\n")
        registry.refresh()

    forward, back = str(registry.diff("tax", 1, 3)), str(registry.diff("tax", 3, 1))

    assert forward.index("1") < forward.rindex("3")
    assert forward != back


def test_dependencies_and_dependents(chain, registry):
    """
    Edges tell who uses whom and how.
    """
    assert [(e.dependency, e.kind, e.names) for e in registry.dependencies("tax")] == [
        ("base", EdgeKind.BINDING, ("rate",))
    ]
    users = [(e.dependent, e.kind) for e in registry.dependents("tax") if not e.dependent.startswith("test_")]
    assert users == [("bill", EdgeKind.REFERENCE)]


def test_why_is_the_shortest_chain(chain, registry):
    """
    The edges from the dependent to the module, none where there is no dependence.
    """
    edges = registry.why("base", "bill")

    assert [(e.dependent, e.dependency) for e in edges] == [("bill", "tax"), ("tax", "base")]
    assert registry.why("bill", "base") == ()


def test_questions_change_nothing(chain, registry):
    """
    Asking makes no version, no transaction and no difference in a namespace.
    """
    before = [dict(vars(module)) for module in chain]

    for module in chain:
        registry.history(module), registry.current(module)
        registry.dependencies(module), registry.dependents(module), registry.why(module, "bill")

    assert [dict(vars(module)) for module in chain] == before
    assert [numbers(registry, module) for module in chain] == [[1], [1], [1]]


def test_module_out_of_scope_has_a_history(registry):
    """
    Modules of the standard library are adopted when asked for.
    """
    version = registry.current("textwrap")

    assert version.number == 1
    assert version.name == "textwrap"


def test_transactions_are_told_in_order(project, registry):
    """
    Each commit with its revision, cause and versions.
    """
    tax = project.load("tax", "RATE = 1\n")
    registry.reload(tax)
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.rollback(tax)

    told = registry.transactions()

    assert [t.revision for t in told] == [1, 2, 3]
    assert [t.cause for t in told] == [Cause.RELOAD, Cause.REFRESH, Cause.ROLLBACK]
    assert [t.versions[0].number for t in told] == [2, 3, 4]
    assert told[-1].undoes == (2,)
    assert "revision 3" in str(told[-1])


# Events


def test_subscribers_hear_what_is_true(project, registry):
    """
    A commit is told version by version and then as a whole, an abort with its error.
    """
    heard = []
    tax = project.load("tax", "RATE = 1\n")
    registry.subscribe(heard.append)
    project.write("tax.py", "RATE = 2\n")
    done = registry.refresh()
    project.write("tax.py", "raise OSError\n")
    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert heard == [
        VersionCommitted(version=registry.current(tax)),
        TransactionCommitted(transaction=done),
        TransactionAborted(error=info.value),
    ]


def test_subscription_ends(project, registry):
    """
    What subscribe returns ends that subscription alone, however often it is called.
    """
    heard, others = [], []
    end = registry.subscribe(heard.append)
    registry.subscribe(others.append)
    tax = project.load("tax", "RATE = 1\n")

    end()
    end()
    registry.reload(tax)

    assert heard == []
    assert len(others) == 2


def test_subscriber_that_raises_is_logged_and_dropped(project, registry, caplog):
    """
    Watching a reload must not break it: the others hear all, the one that raised nothing more.
    """
    calls, heard = [], []

    def broken(event):
        calls.append(event)
        raise RuntimeError("no")

    tax = project.load("tax", "RATE = 1\n")
    registry.subscribe(broken)
    registry.subscribe(heard.append)

    with caplog.at_level(logging.ERROR, "modreg"):
        registry.reload(tax)
        registry.reload(tax)

    assert len(calls) == 1
    assert len(heard) == 4
    assert "a subscriber raised" in caplog.text


def test_transaction_after_an_event(project, registry):
    """
    When an event is told the transaction is over, and its state can be asked for.
    """
    tax = project.load("tax", "RATE = 1\n")
    seen = []
    registry.subscribe(lambda event: seen.append((tax.RATE, registry.current(tax).number, len(registry.transactions()))))
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert seen == [(2, 2, 1), (2, 2, 1)]


# Files that come and go


def test_module_added_by_new_code(project, registry):
    """
    A module that new code imports for the first time is part of the transaction, and leaves with its rollback.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("extra.py", "RATE = 7\n")
    project.write("tax.py", "import extra\nRATE = extra.RATE\n")

    done = registry.refresh()
    rate = tax.RATE
    registry.rollback(tax)

    assert rate == 7
    assert {v.name for v in done.versions} == {"tax", "extra"}
    assert "extra" not in sys.modules
    assert (tax.RATE, hasattr(tax, "extra")) == (1, False)


def test_a_package_may_delete_the_names_of_its_submodules(project, registry):
    """
    A package that takes its submodules off itself again, those that others of them import too, can be executed again.
    """
    project.write("pkg/inner.py", "f = 1\n")
    project.write("pkg/sub.py", "from .inner import f\n")
    pkg = project.load("pkg.__init__", "from .sub import f\ndel sub, inner\n")
    project.write("pkg/__init__.py", "from .sub import f\ndel sub, inner\ng = 2\n")

    registry.refresh()

    assert (pkg.f, pkg.g, hasattr(pkg, "sub"), hasattr(pkg, "inner")) == (1, 2, False, False)
    project.write("pkg/__init__.py", "from .sub import f\ndel sub, inner\nraise OSError\n")
    with pytest.raises(ReloadError):
        registry.refresh()
    assert (pkg.g, hasattr(pkg, "sub"), hasattr(pkg, "inner")) == (2, False, False)


def test_submodule_added_by_new_code(project, registry):
    """
    The attribute that the import of a submodule sets in its package goes with it.
    """
    shop = project.load("shop.__init__", "RATE = 1\n")
    project.write("shop/till.py", "RATE = 7\n")
    project.write("shop/__init__.py", "from . import till\nRATE = till.RATE\n")

    registry.refresh()
    rate = shop.RATE
    registry.rollback(shop)

    assert rate == 7
    assert not hasattr(shop, "till")
    assert "shop.till" not in sys.modules


def test_a_namespace_package_in_a_package_that_was_never_loaded(project, registry):
    """
    New code can import what is in a namespace package, also where that is in a package which nobody has imported yet.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("shop/__init__.py", "")
    project.write("shop/north/till.py", "RATE = 7\n")
    project.write("tax.py", "from shop.north.till import RATE\n")

    registry.refresh()

    assert tax.RATE == 7


def test_a_module_whose_package_is_not_loaded(project, registry):
    """
    A module whose package failed after it is looked for where it was, and not by its last name among all others.
    """
    project.write("colors.py", "RATE = 0\n")
    project.write("shop/colors.py", "RATE = 1\n")
    project.write("shop/__init__.py", "from . import colors\nraise OSError\n")
    with pytest.raises(OSError):
        project.load("shop")
    colors = sys.modules["shop.colors"]
    project.write("shop/colors.py", "RATE = 2\n")

    registry.refresh()

    assert colors.RATE == 2
    assert colors.__file__ == str(project.root / "shop" / "colors.py")
    project.write("shop/__init__.py", "from . import colors\n")
    registry.refresh()
    assert project.load("shop").colors is colors


def test_a_submodule_that_is_in_another_package_now(project, registry):
    """
    A package that left with its submodules has them again after a rollback, also where one moved to another package.
    """
    project.write("shop/till.py", "RATE = 7\n")
    shop = project.load("shop.__init__", "from . import till\n")
    tax = project.load("tax", "import shop\nRATE = shop.till.RATE\n")
    till = shop.till
    (project.root / "shop" / "till.py").unlink()
    (project.root / "shop" / "__init__.py").unlink()
    project.write("market/__init__.py", "from . import till\n")
    project.write("market/till.py", "RATE = 8\n")
    project.write("tax.py", "import market\nRATE = market.till.RATE\n")

    registry.refresh()
    rate = tax.RATE
    registry.rollback(tax)

    assert (rate, tax.RATE) == (8, 7)
    assert sys.modules["shop"] is shop
    assert shop.till is till


def test_failed_refresh_unloads_what_it_added(project, registry):
    """
    A module that was imported for the first time by a failed transaction was never there.
    """
    project.load("tax", "RATE = 1\n")
    project.write("extra.py", "RATE = 7\n")
    project.write("tax.py", "import extra\nraise OSError\n")

    with pytest.raises(ReloadError):
        registry.refresh()

    assert "extra" not in sys.modules
    project.write("tax.py", "import extra\n")
    assert [v.name for v in registry.refresh().versions].count("extra") == 1


@pytest.mark.parametrize("roots", [None, ["tax"]])
@pytest.mark.parametrize("is_first", [True, False])
def test_what_a_second_installation_puts_in_scope_is_followed_from_there(project, is_first, roots):
    """
    An edit that comes after it is seen, wherever the module was loaded: before the first installation, or out of scope.
    """
    registry = modreg.Registry()
    tax = project.load("tax", "RATE = 1\n") if is_first else None
    registry.install(roots=["shop"])
    tax = tax or project.load("tax", "RATE = 1\n")

    registry.install(roots=roots)
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()

    assert tax.RATE == 2
    assert registry.rollback(tax).RATE == 1
    registry.uninstall()


HOOK = "def __dispose__(): log.append(__name__)\n"


def test_modules_that_leave_are_disposed_of(project, registry):
    """
    The hook of a version is called also where it goes for good: its file is gone, or it is unloaded; dependents first.
    """
    log = project.load("log_", "log = []\n").log
    project.load("base", "from log_ import log\n" + HOOK)
    project.load("extra", "from log_ import log\nimport base\n" + HOOK)
    project.load("tax", "from log_ import log\nimport extra\n" + HOOK)
    (project.root / "extra.py").unlink()
    project.write("tax.py", "from log_ import log\n" + HOOK)
    project.write("base.py", "from log_ import log\nRATE = 2\n" + HOOK)

    registry.refresh()
    refreshed = log.copy()
    log.clear()
    registry.unload("base", "tax")

    assert sorted(refreshed) == ["base", "extra", "tax"]
    assert refreshed.index("extra") < refreshed.index("base")
    assert sorted(log) == ["base", "tax"]


def test_hook_of_a_module_that_leaves_may_be_against_it(project, registry):
    """
    A hook that raises aborts an unload as it aborts a reload: everything is as it was before.
    """
    tax = project.load("tax", "def __dispose__(): raise OSError('a till is open')\n")

    with pytest.raises(modreg.ReloadError) as info:
        registry.unload(tax)

    assert (info.value.phase, info.value.name) == ("dispose", "tax")
    assert sys.modules["tax"] is tax
    assert registry.revision == 0


@pytest.mark.parametrize("hook", ["__dispose__", "__migrate__"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{} = 3\n", "__ is of type 'int', and no function"),
        ("async def {}(*old): pass\n", "is a coroutine function, and this call has no event loop to await it on"),
    ],
)
def test_a_hook_that_cannot_be_called_aborts(project, registry, hook, text, said):
    """
    A hook is never passed over in silence: what is no function, or would have to be awaited, is told.
    """
    text = text.format(hook)
    tax = project.load("tax", text if hook == "__dispose__" else "RATE = 1\n")
    project.write("tax.py", text + "RATE = 2\n")

    with pytest.raises(modreg.ReloadError, match=said) as info:
        registry.reload(tax)

    assert info.value.phase == hook.strip("_")
    assert (registry.revision, vars(tax).get("RATE")) == (0, None if hook == "__dispose__" else 1)


@pytest.mark.parametrize("hook", ["close = log.append\n__dispose__ = functools.partial(close, 1)\n", "__dispose__ = None\n"])
def test_a_hook_is_whatever_can_be_called(project, registry, hook):
    """
    Also one that a call made; `None` stands for no hook.
    """
    tax = project.load("tax", f"import functools\nlog = []\n{hook}")
    log = tax.log

    registry.reload(tax)

    assert log == ([1] if "partial" in hook else [])


def test_dispose_hook_that_raises_is_taken_away_where_it_runs(project, registry):
    """
    The hook is the running version's, which no edit of the source mends; the error says what does.
    """
    tax = project.load("tax", "RATE = 1\ndef __dispose__(): raise OSError('a till is open')\n")
    project.write("tax.py", "RATE = 2\n")
    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh()

    said = str(info.value)
    exec(said[said.index("del ") : said.index(", and try again")], {"sys": sys})
    registry.refresh()

    assert "mend the source" not in said
    assert tax.RATE == 2


def test_deleted_module_leaves(project, registry):
    """
    A module whose file is gone, and that nothing imports any more, leaves `sys.modules`; a rollback brings it back.
    """
    extra = project.load("extra", "RATE = 7\n")
    tax = project.load("tax", "import extra\nRATE = extra.RATE\n")
    (project.root / "extra.py").unlink()
    project.write("tax.py", "RATE = 1\n")

    done = registry.refresh()
    is_gone = "extra" not in sys.modules
    registry.rollback(tax)

    assert done.unloaded == ("extra",)
    assert is_gone
    assert sys.modules["extra"] is extra
    assert tax.RATE == 7


@pytest.mark.parametrize("again", ["import other\n", ""])
def test_what_code_takes_out_of_sys_modules_is_there_again_after_an_abort(project, dropping, again):
    """
    What is imported anew in its place gives way to it.
    """
    other = project.load("other", "")
    main = project.load("main", "import sys\nsys.modules['blocked'] = None\n")
    project.write("main.py", f"import sys\ndel sys.modules['other'], sys.modules['blocked']\n{again}raise OSError\n")

    with pytest.raises(ReloadError):
        dropping.refresh()

    assert [sys.modules[name] for name in ("main", "other", "blocked")] == [main, other, None]


def test_what_code_imports_in_the_place_of_a_module_gives_way_to_it_with_a_rollback(project, dropping):
    """
    A rollback brings back what was in `sys.modules` under the name.
    """
    other = project.load("other", "")
    project.load("main", "")
    project.write("main.py", "import sys\ndel sys.modules['other']\nimport other\n")
    dropping.refresh()
    replaced = sys.modules["other"]

    dropping.rollback("main")

    assert sys.modules["other"] is other is not replaced


@pytest.mark.parametrize("former", ["shop/tax.py", "shop.py"])
def test_a_package_that_was_turned_away_is_taken_when_it_is_written_again(project, dropping, former):
    """
    Its text may be the very same, and what a rollback went back to has another file, or none.
    """
    project.write(former, "rate = 1\n")
    project.load("shop.tax" if former == "shop/tax.py" else "shop")
    if former == "shop.py":
        (project.root / former).unlink()
    project.write("shop/__init__.py", "rate = 2\n")
    dropping.refresh()
    dropping.rollback("shop")
    left_alone = dropping.refresh()
    project.write("shop/__init__.py", "rate = 2\n")

    dropping.refresh()

    assert (bool(left_alone), sys.modules["shop"].rate) == (False, 2)


@pytest.mark.parametrize("is_failing", [True, False])
def test_data_within_what_is_kept_goes_back_as_well(project, dropping, is_failing):
    """
    A module that changes what is deep in its state and fails has not changed it; a large table is no hindrance.
    """
    start = "TABLE = [[n] for n in range(1_000)]\ntry: state\nexcept NameError: state = {'a': {'b': [1]}, 'c': {1}}\n"
    shop = project.load("shop", start)
    project.write("shop.py", f"{start}state['a']['b'] += [2]\nstate['c'].clear()\n" + "raise OSError\n" * is_failing)

    with pytest.raises(ReloadError) if is_failing else nullcontext():
        dropping.refresh()
    if not is_failing:
        assert shop.state == {"a": {"b": [1, 2]}, "c": set()}
        dropping.rollback("shop")

    assert shop.state == {"a": {"b": [1]}, "c": {1}}


def test_deleted_module_that_is_still_imported_fails(project, registry):
    """
    Where a dependent imports what is gone, a fresh interpreter would fail, and so does the refresh.
    """
    extra = project.load("extra", "RATE = 7\n")
    tax = project.load("tax", "import extra\n")
    (project.root / "extra.py").unlink()

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert isinstance(info.value.__cause__, ModuleNotFoundError)
    assert info.value.name == "tax"
    assert sys.modules["extra"] is extra
    assert tax.extra is extra


def test_module_in_a_package_that_was_a_module_is_imported_first(project, registry):
    """
    Who is executed before a module that becomes a package may ask for what is in that.
    """
    project.write("made/__init__.py", "from made.stars import f\n")
    project.write("made/stars.py", "def f(): return 1\n")
    made = project.load("made")
    held = made.f
    (project.root / "made/stars.py").unlink()
    project.write("made/stars/__init__.py", "from made.stars.first import f\n")
    project.write("made/stars/first.py", "def f(): return 2\n")
    project.write("made/__init__.py", "from made.stars.first import f\nfrom made import stars\n")

    registry.refresh()

    assert (made.f(), made.stars.f is made.f, sys.modules["made.stars"] is made.stars) == (2, True, True)
    registry.rollback(made)
    assert (made.f(), held(), hasattr(made.stars, "__path__")) == (1, 1, False)


def test_module_becomes_a_package_and_back(project, registry):
    """
    Spec, path and submodules follow the files, in the same module object.
    """
    shop = project.load("shop", "RATE = 1\n")
    (project.root / "shop.py").unlink()
    project.write("shop/till.py", "RATE = 2\n")
    project.write("shop/__init__.py", "from shop.till import RATE\n")

    registry.refresh()
    as_package = shop.RATE, shop.__path__, shop.__spec__.submodule_search_locations
    shutil.rmtree(project.root / "shop")
    project.write("shop.py", "RATE = 3\n")
    registry.refresh()

    assert as_package == (2, [str(project.root / "shop")], [str(project.root / "shop")])
    assert (shop.RATE, hasattr(shop, "__path__"), shop.__spec__.submodule_search_locations) == (3, False, None)
    assert sys.modules["shop"] is shop
    assert shop.__file__ == str(project.root / "shop.py")


def test_missing_optional_module_arrives(project, registry):
    """
    A dependent that caught the absence of a module takes it once it is there.
    """
    tax = project.load("tax", "try:\n    import extra\nexcept ImportError:\n    extra = None\n")
    project.write("extra.py", "RATE = 1\n")

    registry.refresh()

    assert tax.extra.RATE == 1


def test_optional_module_arrives_as_who_wanted_it_leaves(project, registry):
    """
    Whose source is gone leaves, whatever it would find by now.
    """
    project.load("main", "try: import extra\nexcept ImportError: extra = None\n")
    project.write("extra.py", "LOADED = True\n")
    project.root.joinpath("main.py").unlink()

    done = registry.refresh()

    assert done.unloaded == ("main",)
    assert sys.modules.keys().isdisjoint({"main", "extra"})


@pytest.mark.parametrize("mending", ["extra.py", "below.py"])
def test_optional_module_that_failed_is_imported_once_it_can_be(project, registry, mending):
    """
    So does one that caught the failure of a module, once that one was edited or has what it lacked.
    """
    project.write("extra.py", "import below\n")
    tax = project.load("tax", "try:\n    import extra\nexcept ImportError:\n    extra = None\n")
    untouched = registry.refresh().steps
    project.write(mending, "RATE = 1\n")

    registry.refresh()

    assert untouched == ()
    assert tax.extra is sys.modules["extra"]
    assert registry.refresh().steps == ()


@pytest.mark.parametrize("entry", ["left", "right"])
def test_optional_module_that_arrives_and_leads_back_fails_where_it_would_afresh(project, registry, entry):
    """
    Which module was imported first decides how far the others have come.
    """
    project.write("left.py", "from right import one\ntwo = one + 1\n")
    project.write("right.py", "one = 1\ntry:\n    import extra\nexcept ImportError:\n    extra = None\n")
    project.load(entry)
    project.load("left")
    project.write("extra.py", "from left import two\n")

    registry.refresh()

    assert (sys.modules["right"].extra is None) is (entry == "left")
    assert ("extra" in sys.modules) is (entry == "right")
    assert registry.refresh().steps == ()


def test_optional_module_that_finds_all_when_it_leads_back_has_nobody_else_executed(project, registry):
    """
    Local settings begin with those that they are taken from, which have what they ask for by then.
    """
    project.write("app/settings.py", "DEBUG = False\ntry:\n    from app.local import *\nexcept ImportError: pass\n")
    project.write("app/views.py", "from app import settings\nSESSIONS = []\n")
    project.load("app.__init__", "import app.views\n")
    project.write("app/local.py", "from app.settings import DEBUG\nDEBUG = not DEBUG\n")

    done = registry.refresh()

    assert sys.modules["app.settings"].DEBUG is True
    assert [step.module for step in done.steps if step.decision is Decision.EXECUTE] == ["app.settings"]


def test_optional_module_that_leads_back_through_a_package_fails_where_it_would_afresh(project, registry):
    """
    An import executes the packages that a module is in, which may lead back as well.
    """
    project.write("core/part.py", "try:\n    import extra\nexcept ImportError:\n    extra = None\n")
    project.write("app/low/taker.py", "from core import late\n")
    project.write("app/low/top.py", "import core.part\n")
    project.write("app/low/__init__.py", "import app.low.taker\n")
    project.write("app/__init__.py", "")
    core = project.load("core.__init__", "import core.part\nlate = 1\n")
    project.load("app.low.top")
    project.write("extra.py", "import app.low.top\n")

    registry.refresh()

    assert core.part.extra is None


@pytest.mark.parametrize("line", ["import pack.tool", "from pack.tool import T"])
def test_optional_module_that_leads_back_by_a_package_around_what_it_imports_fails_where_it_would_afresh(
    project, registry, line
):
    """
    An import executes the packages first, also where the module in them has nothing to come.
    """
    project.write("pack/__init__.py", "from base import late\n")
    project.write("pack/tool.py", "T = 1\n")
    base = project.load("base", "try:\n    import extra\nexcept ImportError:\n    extra = None\nlate = 1\nimport pack\n")
    project.load("pack.tool")
    project.write("extra.py", line + "\n")

    registry.refresh()

    assert base.extra is None


# Names of star imports


def test_submodule_stays_in_its_package_though_no_star_import_brings_it_any_more(project, dropping):
    """
    The import system bound it there, whatever a star import brought beside.
    """
    project.write("pack/__init__.py", "from pack.core import *\n")
    project.write("pack/core.py", "from pack import tool\nVALUE = 1\n")
    project.write("pack/tool.py", "")
    pack = project.load("pack")
    project.write("pack/core.py", "from pack import tool\nVALUE = 1\n__all__ = ['VALUE']\n")

    dropping.refresh()

    assert pack.tool is sys.modules["pack.tool"]


@pytest.mark.parametrize("size", [1, 100])
def test_a_star_import_brings_no_submodule_that_somebody_else_imported_since(project, registry, size):
    """
    What the program imports later stands in its package, but in a fresh interpreter not yet when a star takes its names.
    """
    project.write("pack/tools/__init__.py", "from .base import f\n")
    project.write("pack/tools/base.py", "def f(): return 1\n")
    for name in ("pack/tools/links.py", "pack/tools/more.py", "pack/links.py"):
        project.write(name, "X = 1\n" * size)
    source = "from . import links\nfrom .tools import *\n"
    pack = project.load("pack.__init__", source)
    tools = [project.load(f"pack.tools.{name}") for name in ("links", "more")]

    project.write("pack/__init__.py", source + "Y = 1\n")
    registry.refresh()

    assert (pack.links, hasattr(pack, "more"), pack.Y) == (sys.modules["pack.links"], False, 1)
    assert [pack.tools.links, pack.tools.more, pack.base] == [*tools, sys.modules["pack.tools.base"]]
    project.write("pack/tools/__init__.py", "from .base import f\nfrom . import links\n")
    project.write("pack/__init__.py", source + "Y = 2\n")
    registry.refresh()
    assert (pack.links, hasattr(pack, "more")) == (tools[0], False)


# The order of a fresh interpreter


def test_a_package_of_a_circle_has_its_turn_before_what_is_in_it_and_outside_the_circle(project, registry):
    """
    What a package imports besides is not settled by way of that package while others of its circle come before it.
    """
    log = project.load("log", "ORDER = []\n")
    project.write("pack/tools/__init__.py", "from pack.tools.base import add\n")
    project.write("pack/kinds/__init__.py", "from pack.kinds.leaf import f\nfrom pack.kinds.graph import g\n")
    project.write("pack/kinds/leaf.py", "def f(): return 1\n")

    def write(number):
        base = "import pack, log\nlog.ORDER.append('base')\nknown = {}\n"
        project.write("pack/tools/base.py", f"{base}def add(f): known[f.__name__] = {number}; return f\n")
        graph = "import pack, log\nfrom pack.tools import add\nlog.ORDER.append('graph')\n"
        project.write("pack/kinds/graph.py", f"{graph}@add\ndef g(): return {number}\n")
        project.write("pack/__init__.py", f"from pack import tools\nfrom pack import kinds\nNUMBER = {number}\n")

    write(1)
    pack = project.load("pack")
    write(2)

    registry.refresh()

    assert log.ORDER == ["base", "graph"] * 2
    assert (pack.tools.base.known, pack.kinds.g(), pack.NUMBER) == ({"g": 2}, 2, 2)


def test_circle_is_executed_in_the_order_of_a_fresh_interpreter(project, registry):
    """
    Where the new sources import in another order than the old ones, that order is followed.
    """
    log = project.load("log", "ORDER = []\n")
    project.write("one.py", "import log\nlog.ORDER.append('one')\nimport two\nONE = 1\n")
    project.write("two.py", "import log\nimport one\nlog.ORDER.append('two')\n")
    project.load("one")
    log.ORDER.clear()
    project.write("one.py", "import log, two\nlog.ORDER.append('one')\nONE = 2\n")
    project.write("two.py", "import log\nlog.ORDER.append('two')\nimport one\n")

    registry.refresh()

    assert log.ORDER == ["two", "one"]


def test_who_is_executed_keeps_what_it_imports_by_itself(project, dropping):
    """
    A name that a star import brought, and does no more, stays where the module's own new statement binds it.
    """
    project.write("package/__init__.py", "from .given import RATE\n")
    project.write("package/leaf.py", "def one(): return 1\n")
    project.write("package/given.py", "import package.leaf\nRATE = {15}\ndef f(): return package.leaf.one()\n")
    taker = project.load("package.taker", "from .given import *\nVALUE = f()\n")
    project.write("package/given.py", "from . import leaf\nRATE = {15}\ndef f(): return leaf.one()\n")
    project.write("package/taker.py", "from .given import *\nimport package.given\nVALUE = package.given.f()\n")

    dropping.refresh()

    assert (taker.VALUE, taker.package) == (1, sys.modules["package"])


def test_package_that_leads_back_is_executed_when_an_import_asks_for_what_is_in_it(project, registry):
    """
    A plug-in that it imports registers with the base class that the circle has made by then.
    """
    core = project.load("core", "NAME = 'one'\n")
    base = "registry = {}\n    def __init_subclass__(cls): Base.registry[cls.__name__] = cls"
    project.write("top/sub/base.py", f"import core\nimport top.low\nclass Base:\n    NAME = core.NAME\n    {base}\n")
    project.write("top/sub/__init__.py", "from .base import Base\n")
    project.write("top/low.py", "")
    project.write("top/plug.py", "import top.sub.base\nclass Plug(top.sub.base.Base): pass\n")
    project.write("top/extra/__init__.py", "import top.plug\n")
    project.write("top/extra/leaf.py", "")
    project.write("top/sub/deep/__init__.py", "import core\n")
    project.write("top/sub/deep/leaf.py", "")
    imports = "import core, top.sub.deep.leaf\nfrom top.sub.base import Base\nimport top.extra.leaf\n"
    top = project.load("top.__init__", imports + "NAME = core.NAME\n")
    project.write("core.py", "NAME = 'two'\n")

    registry.refresh()

    assert (core.NAME, top.NAME, top.Base.NAME) == ("two", "two", "two")
    assert top.Base.registry == {"Plug": top.plug.Plug}


CAUGHT = """try:
    from {0} import late
except ImportError:
    late = None
"""


@pytest.mark.parametrize("entry", ["one", "two"])
def test_circle_in_which_an_import_may_fail_is_executed_as_a_whole(project, registry, entry):
    """
    Which import fails depends on how far the others have come: a former name is not there before it is bound again.
    For the sake of a member whose imports did not fail it is not.
    """
    log = project.load("log", "ORDER = []\n")
    project.write("one.py", "import log, two\nlog.ORDER.append('one')\nlate = 1\n")
    project.write("two.py", CAUGHT.format("one") + "import log\nlog.ORDER.append('two')\n")
    project.load(entry)
    two = sys.modules["two"]
    late = two.late
    wanted = ["two", "one"] if entry == "one" else ["two"]
    log.ORDER.clear()
    project.write("two.py", CAUGHT.format("one") + "import log\nlog.ORDER.append('two')\nEDIT = 1\n")
    planned = [step.module for step in registry.plan("two").steps]

    registry.reload("two")

    assert (two.late, log.ORDER) == (late, wanted)
    assert (late is None) is (entry == "one")
    assert sorted(planned) == sorted(wanted)
    registry.reload("one")
    assert [*wanted, "one"] == log.ORDER


def test_import_for_type_checkers_makes_no_circle(project, registry):
    """
    What only a type checker imports is not imported when a module is executed, and decides no order.
    """
    project.write("leaf.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import top\ndef f(): return 1\n")
    project.write("middle.py", "from leaf import f\n")
    project.write("near.py", "from middle import f\ndef g(): return f()\n")
    top = project.load("top", "from near import g\nVALUE = g()\n")
    project.write("leaf.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import top\nclass f: pass\n")

    registry.refresh()

    assert type(top.VALUE).__name__ == "f"
    assert type(top.VALUE) is sys.modules["leaf"].f


def test_circle_in_which_no_import_may_fail_is_not_executed_as_a_whole(project, registry):
    """
    Nobody is executed for being in a circle, as long as nothing that it has can be different.
    """
    project.write("one.py", "import two\nlate = 1\n")
    two = project.load("two", "import one\n")
    project.write("two.py", "import one\nEDIT = one.late\n")

    registry.refresh()

    assert [step.module for step in registry.transactions()[-1].steps] == ["two"]
    assert two.EDIT == 1


@pytest.mark.parametrize(
    ("statements", "is_there"),
    [
        ("import two\nlate = 1", False),
        ("late = 1\nimport two", True),
        ("if True:\n    late = 1\nimport two", True),
        ("for each in [1, 2]:\n    import two\n    late = 1", True),
        ("globals().update(late=1)\nimport two\nlate = 1", True),
        ("def give():\n    global late\n    late = 1\ngive()\nimport two\nlate = 1", True),
        ("from other import *\nimport two\nlate = 1", True),
        ("import other\nother.give(1)\nimport two", True),
        ("import other\nother.give([])\nimport two\nlate = 1", True),
        ("from two import late", False),
    ],
)
def test_a_former_name_counts_as_missing_only_where_it_certainly_is(project, registry, statements, is_there):
    """
    What may have been bound by then, in any way, is found; an object that is bound once more may be the same.
    """
    failing = CAUGHT.format("one").replace("late", "last")  # without it the circle were not executed as a whole
    project.write("other.py", "import sys\nlate = 1\ndef give(late): sys.modules['one'].late = late\n")
    project.write("one.py", statements + "\nlast = 2\n")
    project.write("two.py", failing + CAUGHT.format("one") + "late = late or 1\nSEEN = 1\n")
    project.load("one")
    two = sys.modules["two"]
    project.write("two.py", failing + CAUGHT.format("one") + "SEEN = late\nlate = 1\n")

    registry.refresh()

    assert (two.SEEN is not None) is is_there


def test_a_submodule_can_be_imported_from_a_package_halfway(project, registry):
    """
    The import system loads it, whatever the package itself is going to bind.
    """
    project.write("shop/sub.py", "")
    project.write("shop/two.py", CAUGHT.format("shop"))
    project.load("shop.__init__", "import shop.two\nfrom shop import sub\nlate = 1\n")
    project.write("shop/two.py", CAUGHT.format("shop") + "from shop import sub\n")

    registry.refresh()

    two = sys.modules["shop.two"]
    assert (two.late, two.sub) == (None, sys.modules["shop.sub"])


def test_a_module_left_alone_leads_on_round_a_circle(project, registry):
    """
    Who is executed in a circle finds done what a module imports that is not: a fresh interpreter would have done it.
    """
    project.write("package/leaf.py", "import package\ndef rate(n=1): return n\n")
    project.write("package/middle.py", "from .leaf import rate\ndef double(): return rate() * 2\n")
    package = project.load("package.__init__", "from .middle import double\nTWICE = double()\n")
    project.write("package/leaf.py", "import package\ndef rate(n=2): return n\n")

    registry.refresh()

    assert package.TWICE == 4


def test_who_leads_round_a_circle_does_not_lead_through_a_package_that_is_under_way(project, registry):
    """
    Where a circle comes back to a module whose imports are just being followed, it ends, as in a fresh interpreter.
    """
    project.load("tax", "def rate(): return 1\n")
    project.write("pack/inner/leaf.py", "")
    project.write("pack/inner/via.py", "import pack.inner.leaf as leaf\nV = 1\n")
    project.write("pack/inner/made.py", "import tax\nA = [tax.rate()]\n")
    project.write("pack/inner/__init__.py", "from .via import V\nfrom .made import A\n")
    project.write("pack/last.py", "from pack.inner import A\nimport tax, pack.inner.leaf\nB = (tax.rate(), A)\n")
    pack = project.load("pack.__init__", "import pack.inner\nfrom pack.last import B\n")
    project.write("tax.py", "def rate(n=2): return n\n")

    registry.refresh()

    assert pack.B == (2, [2])


CIRCLES = {
    "a package under execution that takes from what is in it": {
        "pack/__init__.py": "from .two import A\nimport pack.four\nB = [A]\n",
        "pack/two.py": "from .one import N\nimport tax\nA = [tax.rate()]\n",
        "pack/one.py": "from .zero import N\n",
        "pack/zero.py": "from .four import V\nN = 1\nW = [V]\n",
        "pack/four.py": "import pack.zero, tax\nV = [tax.rate()]\n",
        "start.py": "import pack.four\ndef look(): return pack.zero.W\nFOUND = look()\n",
    },
    "what is computed of what comes later in the plan": {
        "start.py": "from two import R\nimport three\nFOUND = three.X\n",
        "one.py": "import two, three\nN = 1\n",
        "two.py": "from one import N\nimport tax\nR = [tax.rate()]\n",
        "three.py": "K = 1\nfrom five import X as Y\nX = [Y]\n",
        "four.py": "from three import K\nimport tax\nV = [tax.rate()]\n",
        "five.py": "from four import V\nimport one\nX = (V,)\nimport tax\nZ = [tax.rate()]\nimport two\n",
    },
    "a package that nobody asks for by itself": {
        "pack/__init__.py": "from pack.sub.zero import N\n",
        "pack/sub/__init__.py": "from pack.three import V\nA = [V]\n",
        "pack/sub/zero.py": "N = 8\nfrom pack.three import V\n",
        "pack/three.py": "import pack.sub as s, tax\nV = [tax.rate()]\nimport pack\n",
        "start.py": "import pack.sub\ndef look(): return pack.sub.A\nFOUND = look()\n",
    },
    "what is computed by a new source": {
        "start.py": "from one import X\nimport tax\nFOUND = (X, [tax.rate()])\nimport two\n",
        "one.py": "import start\nfrom two import R\nX = [R]\n",
        "two.py": "import tax\nR = [tax.rate()]\nimport one\n",
    },
}


@pytest.mark.parametrize("case", CIRCLES)
def test_a_circle_is_settled_in_the_order_of_a_fresh_interpreter(project, registry, case):
    """
    Who computes something in a circle has the new values of all that a fresh interpreter would have executed before.
    """
    project.load("tax", "def rate(): return 1\n")
    for path, text in CIRCLES[case].items():
        project.write(path, text)
    start = project.load("start")
    before = repr(start.FOUND)
    project.write("tax.py", "def rate(n=2): return n\n")
    if "two.py" in CIRCLES[case]:
        project.write("two.py", CIRCLES[case]["two.py"] + "S = 1\n")

    registry.refresh()

    assert (repr(start.FOUND), "1" in before) == (before.replace("1", "2"), True)


def test_a_circle_is_gone_through_as_afresh_also_after_what_no_source_tells(project, registry, monkeypatch, capsys):
    """
    Who computes a value from what an execution within the circle read outside of the program has another one then.
    """
    monkeypatch.setenv("NUMBER", "1")
    project.write("base.py", "K = 1\n")
    project.write("one.py", "print('one')\nimport base, start, os\nW = base.K\nV = os.environ['NUMBER']\n")
    project.write("two.py", "print('two')\nimport start, three\nX = three.N\n")
    project.write("three.py", "print('three')\nimport base, start, one\nJ = base.K\nN = one.V\n")
    project.load("start", "import base\nimport one\nimport two\nimport three\nA = base.K\n")
    before = capsys.readouterr().out
    project.write("base.py", "K = 2\n")
    monkeypatch.setenv("NUMBER", "2")

    registry.refresh()

    assert (sys.modules["two"].X, capsys.readouterr().out) == ("2", before)


def test_who_came_before_a_registration_has_no_circle_executed_as_a_whole(project, dropping):
    """
    Who catches that another module is halfway, and reads what is registered after it, is not executed for that.
    """
    project.write("base.py", "items = []\ndef add(f):\n    items.append(f)\n    return f\n")
    project.write("guarded.py", "try:\n    from start import LATE\nexcept ImportError:\n    pass\nimport base\nN = len(base.items)\n")
    project.write("fill.py", "from base import add\nimport start\n")
    project.write("more.py", "import start, last\n")
    project.write("last.py", "import start\n")
    project.load("start", "import guarded, fill, more\nLATE = 1\n")
    project.write("start.py", "import guarded, fill, more\nLATE = 2\n")
    project.write("fill.py", "from base import add\nimport start\n@add\ndef f(): pass\n")

    done = dropping.refresh()

    assert {step.module for step in done.steps} == {"start", "fill"}


REGISTRY = "found = []\ndef add(x):\n    found.append(x)\n    return x\n"
FILLED = {
    "a registry in a module": ("from .base import found, add\nfrom . import one, two\n", "from .base import found\n", "base"),
    "a registry in the package": (f"{REGISTRY}from . import one, two\n", "from pack import found\n", "__init__ two"),
}


@pytest.mark.parametrize("case", FILLED)
def test_who_reads_what_is_registered_in_a_package_comes_after_who_registers(project, registry, case):
    """
    The package imports one before the other, whether it is executed itself or not.
    """
    init, line, edited = FILLED[case]
    texts = {"base": REGISTRY, "one": "from . import add\n@add\ndef f(): return 1\n", "two": f"{line}FOUND = len(found)\n"}
    for name, text in texts.items():
        project.write(f"pack/{name}.py", text)
    pack = project.load("pack.__init__", init)
    for name in edited.split():
        project.write(f"pack/{name}.py", {**texts, "__init__": init}[name] + "NUMBER = 1\n")

    registry.refresh()

    assert (pack.two.FOUND, pack.found) == (1, [pack.one.f])


def test_who_fills_a_class_of_a_package_is_executed_where_that_imports_it(project, registry):
    """
    The package executes the body of the class, and what it reads from it then is what stands there afresh.
    """
    head = "class Base:\n    found = []\n    def __init_subclass__(cls): Base.found.append(cls)\n"
    text = f"{head}from . import one\nFOUND = len(Base.found)\n"
    project.write("pack/one.py", "from . import Base\nclass One(Base): pass\n")
    pack = project.load("pack.__init__", text)
    project.write("pack/__init__.py", f"{text}NUMBER = 1\n")

    planned = registry.plan()
    done = registry.refresh()

    assert (pack.FOUND, pack.Base.found) == (1, [pack.one.One])
    assert set(planned.steps) == set(done.steps)


INSIDE = {
    "a package that computes by a module in it": {
        "pack/__init__.py": "from pack.sub.tax import rate\nfrom . import sub\nFOUND = [rate(), sub.D]\n",
        "pack/sub/__init__.py": "from .via import g\nD = [g()]\n",
        "pack/sub/tax.py": "def rate(): return 1\n",
        "pack/sub/via.py": "def g():\n    from pack.sub.tax import rate\n    return rate()\n",
    },
    "a module in a package of the circle": {
        "pack/__init__.py": "from .four.sub import W as FOUND\n",
        "pack/tax.py": "def rate(): return 1\n",
        "pack/four/__init__.py": "from .five import V\nfrom .six import V\n",
        "pack/four/five.py": "from ..tax import rate\nV = 0\n",
        "pack/four/six.py": "import pack.tax\nfrom .five import V\nV = [pack.tax.rate()]\n",
        "pack/four/sub/__init__.py": "from .nine import W\nfrom .ten import K\n",
        "pack/four/sub/nine.py": "import pack.four.six as six\nW = [six.V]\n",
        "pack/four/sub/ten.py": "from pack import tax\nK = [tax.rate()]\n",
    },
}


@pytest.mark.parametrize("case", INSIDE)
def test_what_is_inside_a_package_is_executed_in_the_order_of_a_fresh_interpreter(project, registry, case):
    """
    Who imports what is in a package imports the package first, whose own code may ask for anything in it.
    """
    for path, text in INSIDE[case].items():
        project.write(path, text)
    pack = project.load("pack")
    before = repr(pack.FOUND)
    tax = next(path for path in INSIDE[case] if path.endswith("tax.py"))
    project.write(tax, "def rate(n=2): return n\n")

    registry.refresh()

    assert (repr(pack.FOUND), "1" in before) == (before.replace("1", "2"), True)


def test_a_module_that_would_fail_in_the_middle_of_a_circle_has_its_turn_later(project, registry):
    """
    Who takes a name from a module that has not got to it fails in a fresh interpreter, and is imported after that.
    """
    optional = "try:\n    import optional\nexcept ImportError:\n    optional = None\n"
    project.write("middle.py", optional)
    project.write("optional.py", "import user\n")
    project.write("user.py", "from upper import D\nimport lower\nE = D\n")
    project.write("lower.py", "try:\n    from middle import fast\nexcept ImportError:\n    fast = None\n")
    project.load("upper", "import middle\nD = 1\n")
    project.load("optional")
    project.write("upper.py", "import middle\nD = 2\n")
    project.write("middle.py", optional + "def fast(): return 1\n")

    registry.refresh()

    assert sys.modules["lower"].fast is sys.modules["middle"].fast
    assert sys.modules["user"].E == 2


def test_a_module_that_fails_in_the_middle_of_a_circle_is_executed_once_more(project, registry):
    """
    Who fails for want of what a circle has not got to yet, and is forgiven, has it when it is its turn.
    """
    project.load("lower", "K = 1\n")
    project.load("upper", "import lower\nK = 1\n")
    project.load("extra", "try:\n    from upper import fast\nexcept ImportError:\n    fast = None\n")
    project.write("optional.py", "import extra\n")
    project.write("lower.py", "try:\n    import optional\nexcept ImportError:\n    optional = None\nK = 1\nL = 2\n")
    project.write("upper.py", "from lower import L\nK = L\n")

    registry.refresh()

    assert sys.modules["lower"].optional is sys.modules["optional"]
    assert sys.modules["upper"].K == 2


def test_what_a_star_takes_halfway_through_a_circle_is_new(project, dropping):
    """
    A module that is rebound in a circle before those that it takes names from gives no former objects.
    """
    project.load("new", "def f(): return 1\n")
    project.write("pack/four.py", "from pack.two import f as g\n")
    project.write("pack/two.py", "import pack\nfrom new import f\n")
    project.write("pack/three.py", "from pack.two import f\nimport pack\nG = [f]\n")
    pack = project.load("pack.__init__", "from pack.four import *\nfrom .three import G\nfrom pack.two import f\nH = [f, g]\n")
    project.write("new.py", "class f: pass\n")

    dropping.refresh()

    assert [*pack.H, *pack.G] == [sys.modules["new"].f] * 3
    assert pack.g is sys.modules["new"].f
    assert pack.four.g is pack.g


def test_a_circle_is_entered_where_who_comes_first_enters_it_now(project, dropping):
    """
    What a module of a circle computes of another is of the new values, where a fresh interpreter has these by then.
    """
    project.write("one.py", "N = 1\n")
    project.write("two.py", "N = 1\nimport one\nM = one.N\n")
    project.load("main", "import one, two\n")
    project.write("one.py", "import two\nN = 2\n")
    project.write("main.py", "import two, one\n")

    dropping.refresh()

    assert sys.modules["two"].M == 2


def test_a_chain_of_imports_is_as_long_as_it_likes_beside_a_circle(project):
    """
    What was imported from its end on is deeper than the stack if it is gone through from its beginning.
    """
    last = 400
    for number in range(last, -1, -1):
        project.load(f"c{number}", f"import c{number + 1}\n" if number < last else "N = 1\n")
    project.write("two.py", "import one\n")
    one = project.load("one", f"import c0, two, c{last}\nN = c{last}.N\n")
    registry = Registry()
    registry.install()
    project.write(f"c{last}.py", "import sys\nN = 2\n")

    try:
        registry.refresh()
    finally:
        registry.uninstall()

    assert one.N == 2


@pytest.mark.parametrize("main", ["import extra, conf, util\nN = extra.N\n", "import extra\nN = extra.N\n"])
@pytest.mark.parametrize("lacking", ["from conf import Fresh\n", "import conf\nFresh = conf.Fresh\n"])
def test_a_new_module_may_change_where_a_circle_is_entered(project, dropping, main, lacking):
    """
    A circle that it closes is entered by it, where it would lack what has not been got to if another entered it.
    """
    project.write("util.py", "import conf\n")
    project.write("conf.py", "import util\nclass Conf: pass\nN = 1\n")
    project.load("main", "import conf, util\n")
    user = project.load("user", "import main, conf\ndef get(): return main.N\nC = [conf.Conf()]\n")
    project.write("small.py", "from util import double\n")
    project.write("extra.py", f"{lacking}import conf, util\nN = util.double(conf.N)\n")
    project.write("util.py", "import conf\ndef double(n): return n * 2\nimport small, extra\n")
    project.write("conf.py", "import util\nclass Conf: pass\nclass Fresh: pass\nN = 2\n")
    project.write("main.py", main)

    dropping.refresh()
    new = sys.modules["extra"].Fresh is sys.modules["conf"].Fresh, sys.modules["main"].N, user.get()
    is_kept = sys.modules["small"].double is sys.modules["util"].double
    dropping.rollback("conf")

    assert new == (True, 4, 4)
    assert is_kept
    assert "extra" not in sys.modules
    assert not hasattr(sys.modules["main"], "N")


def test_a_circle_that_would_fail_as_it_was_entered_is_entered_by_a_new_module(project, dropping):
    """
    What is computed in it is of the new values then, and not of those that are there from before.
    """
    project.write("rate.py", "def rate(): return 1\n")
    project.write("deep.py", "from rate import rate\nN = rate()\n")
    project.load("top", "import rate, deep\n")
    project.write("new.py", "M = 2\nimport deep\n")
    project.write("rate.py", "from new import M\ndef rate(): return M\n")

    dropping.refresh()

    assert sys.modules["deep"].N == 2


def test_a_new_module_by_which_a_circle_is_entered_may_fail_if_nobody_asks_for_it(project, dropping):
    """
    It is imported by itself, as told from the import statements; that it cannot be is for who asks for it.
    """
    project.write("rate.py", "from importlib.util import find_spec\ndef rate(): return 1\n")
    project.write("deep.py", "from rate import rate\nN = rate()\n")
    project.load("top", "import rate, deep\n")
    project.write("new.py", "import nowhere, deep\n")
    asking = "from importlib.util import find_spec\nif find_spec('nowhere'): import new\n"
    project.write("rate.py", f"{asking}def rate(): return 2\n")

    dropping.refresh()

    assert sys.modules["deep"].N == 2
    assert "new" not in sys.modules


def test_a_new_module_is_come_to_by_who_imports_it_afresh(project, dropping):
    """
    Where a new module imports one that others are executed before, these are executed first, who ask for it then.
    """
    project.write("leaf.py", "N = 1\n")
    project.write("two.py", "class C: pass\n")
    project.write("one.py", "from two import C\n")
    project.load("main", "import one, two, leaf\n")
    project.write("leaf.py", "N = 2\n")
    project.write("two.py", "class C: pass\nimport one\nfrom new import D\n")
    project.write("one.py", "import two\n")
    project.write("new.py", "from two import C\nclass D: pass\nimport leaf\nN = leaf.N\n")

    dropping.refresh()

    assert sys.modules["new"].N == 2
    assert sys.modules["new"].C is sys.modules["two"].C


def test_a_new_module_that_leads_back_to_one_finds_it_done_where_it_is_afresh(project, dropping):
    """
    Also a circle of one module and new ones is entered where a fresh interpreter enters it.
    """
    project.write("one.py", "N = 1\n")
    project.write("two.py", "")
    project.load("main", "import two, one\n")
    project.write("one.py", "import new\nN = 2\n")
    project.write("two.py", "from new import f\n")
    project.write("new.py", "import one\nM = one.N\ndef f(): pass\n")

    dropping.refresh()

    assert sys.modules["new"].M == 2


def test_who_came_before_in_a_circle_comes_before_though_it_shows_late(project, dropping):
    """
    What a change makes necessary in a circle is executed in its order, also where it shows in the midst of looking.
    """
    project.write("pk/__init__.py", "from mid.x import X\nimport pk.six, pk.seven\n")
    project.write("pk/two.py", "def rate(): return 1\n")
    project.write("pk/six.py", "import pk.two\nD = pk.two.rate()\n")
    project.write("pk/seven.py", "from pk import two, six\nfrom side.y import Y\nD = six.D, two.rate()\n")
    project.write("mid/__init__.py", "import pk.six\n")
    project.write("mid/x.py", "X = 1\n")
    project.write("side/__init__.py", "import pk.seven\n")
    project.write("side/y.py", "Y = 1\n")
    project.load("pk")
    project.write("pk/two.py", "def rate(): return 2\n")

    dropping.refresh()

    assert sys.modules["pk.seven"].D == (2, 2)
    assert sys.modules["pk.six"].D == 2
@pytest.mark.parametrize("asking", ["if find_spec('nowhere'): import extra\n", "try: import extra\nexcept ImportError: pass\n"])
def test_a_new_module_that_fails_is_no_reason_to_refuse_if_nobody_minds(project, dropping, asking):
    """
    A circle may be entered by a module that is not asked for in the end, or whose importer catches that it fails.
    """
    project.write("util.py", "import conf\n")
    project.write("conf.py", "import util\nN = 1\n")
    main = project.load("main", "from importlib.util import find_spec\nimport conf, util\n")
    project.write("extra.py", "import nowhere, conf\n")
    project.write("conf.py", "import util\nN = 2\n")
    project.write("main.py", f"from importlib.util import find_spec\n{asking}import conf, util\n")

    dropping.refresh()

    assert main.conf.N == 2
    assert "extra" not in sys.modules


@pytest.mark.parametrize("use", ["", "U = T * 2\n"])
@pytest.mark.parametrize("asking", ["import pack.server.one\n", "from pack.server.one import X\n"])
def test_what_a_package_under_way_has_taken_anew_is_there_for_who_is_executed(project, dropping, asking, use):
    """
    A module that is executed before its package, which is to take a name anew, gets the new object from that.
    """
    project.write("pack/version.py", "V = 1\n")
    project.write("pack/meta.py", "class Meta(type):\n    def n(cls): return 1\n")
    project.write("pack/page.py", "from pack import V\nfrom pack.meta import Meta\nclass Page(metaclass=Meta): v = V\n")
    project.write("pack/server/__init__.py", "from pack.page import Page\n")
    project.write("pack/server/one.py", "X = 1\n")
    project.write("pack/types.py", f"{asking}T = 1\n")
    project.load("pack.__init__", f"from pack.version import V\nfrom pack.types import T\n{use}")
    project.write("pack/version.py", "V = 2\n")
    project.write("pack/meta.py", "class Meta(type):\n    def n(cls): return 2\n")
    project.write("pack/types.py", f"{asking}T = 2\n")

    dropping.refresh()
    page = sys.modules["pack.page"]

    assert (page.V, page.Page.v, page.Page.n()) == (2, 2, 2)


def test_what_a_circle_lacks_for_good_is_told_once(project, dropping):
    """
    Where a fresh interpreter fails as well, the error is that of the module, and nothing changed.
    """
    project.write("util.py", "import conf\n")
    conf = project.load("conf", "import util\nN = 1\n")
    project.load("main", "import conf\n")
    project.write("extra.py", "from conf import M\n")
    project.write("util.py", "import extra, conf\n")
    project.write("conf.py", "import util\nN = 2\nM = 3\n")
    project.write("main.py", "import conf, util\n")

    with pytest.raises(modreg.ReloadError) as info:
        dropping.refresh()

    assert isinstance(info.value.__cause__, ImportError)
    assert conf.N == 1
    assert "extra" not in sys.modules


def test_what_a_replaced_module_gives_only_when_it_is_asked(project, dropping):
    """
    Who took a name from a module that another object stands for takes it again where that has not got it yet.
    """
    text = """
        import sys, types
        class Lazy(types.ModuleType):
            def __getattr__(self, name):
                if name != "late": raise AttributeError(name)
                self.late = [{}]
                return self.late
        made = Lazy(__name__)
        made.__dict__.update(__file__=__file__, __spec__=__spec__)
        sys.modules[__name__] = made
    """
    project.write("lazy.py", text.format(1))
    user = project.load("user", "from lazy import late\n")
    project.write("lazy.py", text.format(2))

    dropping.refresh()

    assert user.late == [2]


def test_classes_that_have_no_hash(project, dropping):
    """
    Instances of a class whose metaclass has an ``__eq__`` and no ``__hash__`` are reloaded and rolled back as any.
    """
    text = """
        class Meta(type):
            def __eq__(cls, other): return cls.__name__ == getattr(other, "__name__", "")
        class Odd(metaclass=Meta):
            def go(self): return {0}
        class Box:
            odd, many = Odd(), [Odd()]
            def __init__(self): self.odd, self.many = Odd(), [Odd()]
        ONE, PAIR, TABLE, BOX = Odd(), (Odd(), Odd), {{"a": Odd()}}, Box()
        def give(odd=Odd()): return odd, {0}
    """
    odd = project.load("odd", text.format(1))
    user = project.load("user", "from odd import ONE, BOX, Odd\nSEEN = ONE.go(), BOX.odd.go()\nclass Sub(Odd): pass\nSUB = [Sub()]\n")
    seen = []

    for change in ("", "raise OSError\n", ""):
        project.write("odd.py", text.format(2) + " " * 8 + change)
        if change:
            with pytest.raises(ReloadError):
                dropping.reload(odd)
        else:
            dropping.refresh()
        seen.append((odd.ONE.go(), odd.BOX.many[0].go(), odd.give()[1], user.SEEN, user.SUB[0].go()))
    dropping.rollback(odd)

    assert seen == [(2, 2, 2, (2, 2), 2)] * 3
    assert (odd.TABLE["a"].go(), user.SEEN) == (1, (1, 1))


def test_a_module_that_fails_for_one_left_alone_is_executed_once_more(project, registry):
    """
    What one that is left alone imports may lack what is to come halfway, and has it when it is its turn.
    """
    project.write("lower.py", "K = 1\n")
    project.write("middle.py", "try:\n    import lower\nexcept AttributeError:\n    pass\n")
    upper = project.load("upper", "import middle\n")
    lower = sys.modules["lower"]
    project.write("lower.py", "import upper\nK = upper.late\n")
    project.write("upper.py", "import middle\nlate = 2\nimport lower\nK = lower.K\n")

    registry.refresh()

    assert (lower.K, upper.K) == (2, 2)
    assert upper.lower is lower


def test_a_module_that_fails_in_a_circle_is_not_tried_twice_in_vain(project, registry):
    """
    Where nobody is halfway, who fails lacks nothing that is to come.
    """
    log = project.load("log", "import itertools\nTURNS = itertools.count()\n")
    project.write("two.py", "import one\n")
    project.load("one", "import two\n")
    project.write("two.py", "import one, log\nnext(log.TURNS)\nraise OSError('disk')\n")

    with pytest.raises(ReloadError):
        registry.refresh()

    assert next(log.TURNS) == 1


def test_a_module_whose_file_went_before_it_was_seen_is_left_alone(project, registry):
    """
    It runs on without a source, and stands in nobody's way.
    """
    file = project.write("odd.py", "RATE = 1\n")
    spec = importlib.util.spec_from_file_location("odd", file)
    odd = sys.modules["odd"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(odd)
    file.unlink()
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    registry.refresh()

    assert (tax.RATE, odd.RATE, registry.current(odd).source_hash) == (2, 1, None)


def test_a_version_that_is_none_is_not_told(project, registry):
    """
    A module may call anything its ``__version__``.
    """
    tax = project.load("tax", "__version__ = 'the latest, of course'\n")

    assert registry.current(tax).distribution_version is None


def test_what_a_failed_execution_did_to_definitions_is_undone(project, registry):
    """
    Also where it gave a function other code, or a class other bases, by itself.
    """
    m = project.load("m", "def f(): return 1\nclass B: pass\nclass C(B): pass\n")
    held, kind, base = m.f, m.C, m.B
    source = "f.__code__ = (lambda: 2).__code__\nclass D: pass\nclass E(D): pass\nC.__bases__ = (E,)\n"
    project.write("m.py", source + "raise OSError('disk')\n")

    with pytest.raises(ReloadError):
        registry.reload(m)

    assert (held(), kind.__bases__) == (1, (base,))


def test_a_container_that_is_too_large_to_be_kept_is_told_once(project, registry):
    """
    What a failing execution did to it would not be undone.
    """
    project.write("tax.py", "TABLE = globals().get('TABLE') or dict.fromkeys(range(10_001))\n")
    project.load("till", "from tax import TABLE\nN = 1\n")
    project.write("tax.py", "TABLE = globals().get('TABLE') or {}\n")
    project.write("till.py", "from tax import TABLE\nN = 2\n")

    registry.refresh()

    assert [finding.code for finding in registry.transactions()[-1].findings] == ["container-over-bound"]


@pytest.mark.parametrize("kept", ["", "def index(): pass\n"])
def test_what_a_module_registered_goes_with_the_import_that_it_was_registered_by(project, dropping, kept):
    """
    A module that does not import the registry any more has nothing there, and who reads that is executed.
    """
    app = project.load("app", "R = {}\ndef route(f):\n    R[f.__name__] = f\n    return f\n")
    plug = project.load("plug", "from app import route\n@route\ndef index(): pass\n")
    menu = project.load("menu", "import plug\nfrom app import R\nNAMES = [*R]\n")
    project.write("plug.py", kept)

    dropping.refresh()

    assert (app.R, menu.NAMES) == ({}, [])
    dropping.rollback(plug)
    assert [*app.R.items()] == [("index", plug.index)]
    assert menu.NAMES == ["index"]


def test_an_ordered_registry_is_put_back_as_it_was(project, registry):
    """
    What a class derived from `OrderedDict` does when something is set is not done once more when that comes back.
    """
    table = (
        "from collections import OrderedDict\nclass Table(OrderedDict):\n"
        "    def __setitem__(self, key, x): super().__setitem__(key, [x])\nR = Table()\nR[1] = 'one'\n"
    )
    base = project.load("base", table)
    m = project.load("m", "import base\n")
    project.write("m.py", "import base\nbase.R[2] = 'two'\nbase.R.move_to_end(1)\n1 / 0\n")

    with pytest.raises(ReloadError):
        registry.reload(m)

    assert [*base.R.items()] == [(1, ["one"])]


def test_what_many_classes_share_is_not_gone_through_for_each(project, registry):
    """
    With twice as many classes that have one registry in their bodies, in which they are, twice as much is done.
    """

    def calls(number):
        base, models = f"base{number}", f"models{number}"
        classes = "".join(f"class C{at}:\n    meta = meta\nmeta.tables['{at}'] = C{at}\n" for at in range(number))
        text = f"from {base} import meta\n{classes}"
        project.load(base, "class Meta: pass\nmeta = Meta()\nmeta.tables = {}\n")
        project.load(models, text)
        project.load(f"reader{number}", f"import {models}\n")
        project.write(f"{models}.py", text + "N = 1\n")
        done = []
        sys.setprofile(lambda *_: done.append(1))
        try:
            registry.refresh()
        finally:
            sys.setprofile(None)
        return len(done)

    calls(10)
    few, more = calls(100), calls(200)

    assert more < 3 * few


def test_a_module_that_fails_twice_is_told_of(project, registry):
    """
    What a module raises is not lost where whoever imports it catches the error.
    """
    optional = "try:\n    import upper\nexcept OSError:\n    pass\n"
    project.load("upper", "N = 1\n")
    lower = project.load("lower", optional + "K = 1\n")
    project.write("upper.py", "N = 2\nraise OSError('disk')\n")
    project.write("lower.py", optional + "K = 2\n")

    with pytest.raises(ReloadError):
        registry.refresh()

    assert (lower.K, sys.modules["upper"].N) == (1, 1)


def test_a_package_takes_its_submodule_for_what_had_its_name(project, registry):
    """
    ``from . import name`` gives the submodule, though something else was bound under its name before.
    """
    project.write("pack/area.py", "def area(): return 1\n")
    pack = project.load("pack.__init__", "from .area import area\n")
    project.write("pack/__init__.py", "from . import area\n")

    registry.refresh()

    assert pack.area is sys.modules["pack.area"]


def test_a_submodule_takes_its_name_back_when_its_package_imports_from_it(project, dropping):
    """
    The first import of a submodule binds its name, also where a star import of the package brought another module so.
    """
    project.write("pack/pairs/__init__.py", "from .links import *\n")
    project.write("pack/pairs/links.py", "__all__ = ['PAIRS']\nPAIRS = 1\n")
    project.write("pack/links.py", "LINKS = 1\n")
    source = "from .pairs import *\nfrom .links import LINKS\nfrom .links import *\n"
    pack = project.load("pack.__init__", source)

    project.write("pack/__init__.py", source + "MORE = 1\n")
    dropping.refresh()

    assert pack.links is sys.modules["pack.links"]
    project.write("pack/__init__.py", source + "from .pairs import *\n")
    dropping.refresh()
    assert pack.links is sys.modules["pack.pairs.links"]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("edited", ["pack/__init__.py", "rates.py"])
def test_a_submodule_stays_under_the_name_of_a_feature_that_the_package_asks_for(project, registry, edited, size):
    """
    In a fresh interpreter the submodule comes under the name by its import, after the statement that asks for the feature.
    """

    def text(number):
        start = "from __future__ import annotations, division\nimport note\nfrom rates import K\nfrom . import annotations\n"
        return start + f"found = annotations.WORD * {number} * K\n" + "".join(f"R{n} = {number}\n" for n in range(size))

    project.write("pack/annotations.py", "WORD = 'a'\n")
    project.write("note.py", "import pack.annotations\n")
    project.write("rates.py", "K = 1\n")
    pack = project.load("pack.__init__", text(1))
    project.write(edited, text(2) if edited != "rates.py" else "K = 2\n")

    registry.refresh()

    assert (pack.annotations, pack.found) == (sys.modules["pack.annotations"], "aa")
    assert pack.division is __future__.division


def test_pending_module_is_executed_where_the_statement_is(project, registry):
    """
    A circle is entered where it was, and its other module is executed in the middle of the first.
    """
    log = project.load("log", "ORDER = []\n")
    project.write("lower.py", "import log, upper\n")
    project.load("upper", "import log, lower\n")
    project.write("upper.py", "import log\nlog.ORDER.append('upper begins')\nimport lower\nlog.ORDER.append('upper ends')\n")
    project.write("lower.py", "import log, upper\nlog.ORDER.append('lower')\n")

    registry.refresh()

    assert log.ORDER == ["upper begins", "lower", "upper ends"]


@pytest.mark.parametrize(
    "importing",
    [
        "import lower",
        "from lower import VALUE",
        "import importlib\nimportlib.import_module('lower')",
        "__import__('lower')",
        "from lower import *",
    ],
)
def test_every_kind_of_import_executes_a_pending_module(project, registry, importing):
    """
    Whatever the form of the import, the pending module is executed there and then.
    """
    project.write("lower.py", "import upper\nVALUE = 1\n")
    upper = project.load("upper", "import lower\n")
    project.write("lower.py", "import upper\nVALUE = 2\n")
    project.write("upper.py", f"{importing}\nimport sys\nSEEN = sys.modules['lower'].VALUE\n")

    registry.refresh()

    assert upper.SEEN == 2


def test_nested_failure_behind_a_guard_aborts(project, registry):
    """
    A module that was loaded and now fails is told even if its importer has a fall-back: it is not lost in silence.
    """
    project.write("fast.py", "import tax\nNAME = 'fast'\n")
    guarded = "try:\n    import fast as engine\nexcept ImportError:\n    engine = None\n"
    tax = project.load("tax", guarded)
    fast, before = tax.engine, dict(vars(tax.engine))
    project.write("fast.py", "import tax\nNAME = 'slow'\nraise ImportError('not here')\n")
    project.write("tax.py", guarded + "MORE = 1\n")

    with pytest.raises(ReloadError) as info:
        registry.refresh()

    assert (info.value.name, info.value.line) == ("fast", 3)
    assert tax.engine is fast is sys.modules["fast"]
    assert dict(vars(fast)) == before
    assert not hasattr(tax, "MORE")


def test_missing_module_behind_a_guard_is_no_failure(project, registry):
    """
    A module that was never loaded and cannot be imported leaves its importer with the fall-back.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("broken.py", "import nowhere_at_all\n")
    project.write("tax.py", "try:\n    import broken\nexcept ImportError:\n    broken = None\n")

    done = registry.refresh()

    assert tax.broken is None
    assert [v.name for v in done.versions] == ["tax"]


ERRORS = (AttributeError, ImportError, KeyError, KeyboardInterrupt, StopIteration, SystemExit)
IMPORTS = (
    "import lower",
    "from lower import VALUE",
    "exec('from lower import *')",
    "__import__('lower')",
    "import importlib; importlib.import_module('lower')",
    "import shop.lower",
    "from shop import lower",
    "from shop.lower import VALUE",
)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("how", IMPORTS)
def test_what_a_nested_module_raises_reaches_its_importer(project, registry, error, how):
    """
    Whatever a pending module raises, the statement that imports it raises the very same, on every Python.
    """
    seen = []
    sys.modules["witness"] = witness = type(sys)("witness")
    witness.error, witness.see = error("nested"), seen.append
    lower = "shop.lower" if "shop" in how else "lower"
    path = f"{lower.replace('.', '/')}.py"
    project.write("shop/__init__.py", "")
    project.write(path, "import upper\nVALUE = 1\n")
    project.load("upper", f"import {lower}\n")
    project.write(path, "import upper, witness\nraise witness.error\n")
    project.write("upper.py", f"import witness\ntry:\n    {how}\nexcept BaseException as error:\n    witness.see(error)\n")

    with pytest.raises((ReloadError, error)) as info:
        registry.refresh()

    assert seen == [witness.error]
    assert witness.error in (info.value, info.value.__cause__)


@pytest.mark.parametrize(
    "statement", ["from shop import till", "from shop import *", "import shop.till as till", "from . import till"]
)
def test_from_package_import_pending_submodule(project, registry, statement):
    """
    The parent's attribute is still there, yet the pending submodule is executed by the statement.
    """
    project.write("shop/__init__.py", "__all__ = ['till']\n")
    project.write("shop/till.py", "RATE = 1\n")
    project.write("shop/bill.py", "import shop.till\nRATE = shop.till.RATE\n")
    bill = project.load("shop.bill")
    project.load("first", "import shop.bill\n")
    project.write("shop/bill.py", f"{statement}\nRATE = till.RATE\n")
    project.write("shop/till.py", "import first\nRATE = 2\n")

    registry.refresh()

    assert bill.RATE == 2


# Threads


def test_other_threads_keep_importing(project, registry):
    """
    While a transaction is open, an import of a module in it by another thread waits for its end, and finds it.
    """
    project.load("gate", "import threading\nopened, passed = threading.Event(), threading.Event()\n")
    gate = sys.modules["gate"]
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "import gate\ngate.opened.set()\ngate.passed.wait(60)\nRATE = 2\n")
    seen = []

    def other():
        gate.opened.wait(60)
        seen.append(sys.modules["tax"] is tax)
        gate.passed.set()
        seen.append(importlib.import_module("tax").RATE)

    thread = threading.Thread(target=other)
    thread.start()
    registry.refresh()
    thread.join(60)

    assert seen[0]
    assert seen[1] in (1, 2)
    assert tax.RATE == 2


def test_a_call_that_entered_a_version_which_fails_comes_to_its_end(project, registry, monkeypatch):
    """
    What came with that version leaves last, when all else is as it was, and other threads have had their turn.
    """
    gate = SimpleNamespace(entered=threading.Event(), threads=[], seen=[])
    monkeypatch.setitem(sys.modules, "gate", gate)
    tax = project.load("tax", "STATE = 'old'\ndef rate():\n    return 1\n")
    text = "import gate, threading\nNEW, STATE = 2, 'new'\n"
    text += "def rate():\n    gate.entered.set()\n    while STATE == 'new':\n        pass\n    return NEW\n"
    text += "def call(gate=gate, rate=rate):\n    try:\n        gate.seen.append(rate())\n"
    text += "    except NameError as error:\n        gate.seen.append(error)\n"
    text += "gate.threads.append(threading.Thread(target=call))\ngate.threads[-1].start()\n"
    project.write("tax.py", text + "gate.entered.wait(60)\n1 / 0\n")

    for _ in range(10):  # a machine under load may give the other thread no turn for once
        gate.entered.clear()
        with pytest.raises(ReloadError):
            registry.reload(tax)
        gate.threads[-1].join(60)
        assert tax.rate() == 1
        assert not hasattr(tax, "NEW")

    assert 2 in gate.seen


def test_a_call_of_a_version_that_is_rolled_back_comes_to_its_end(project, registry):
    """
    As in a version which fails.
    """
    entered, seen = threading.Event(), []
    old = "STATE = 'old'\ndef rate(entered):\n    return 1\n"
    new = "NEW, STATE = 2, 'new'\ndef rate(entered):\n    entered.set()\n    while STATE == 'new':\n        pass\n    return NEW\n"
    tax = project.load("tax", old)

    def call():
        try:
            seen.append(tax.rate(entered))
        except NameError as error:
            seen.append(error)

    for _ in range(10):  # as above
        entered.clear()
        project.write("tax.py", new)
        registry.reload(tax)
        thread = threading.Thread(target=call)
        thread.start()
        entered.wait(60)
        registry.rollback(tax)
        thread.join(60)
        assert not hasattr(tax, "NEW")

    assert 2 in seen


def test_module_that_is_not_the_loaded_one_is_refused(project, registry):
    """
    A reload is of what `sys.modules` holds.
    """
    tax = project.load("tax", "RATE = 1\n")
    del sys.modules["tax"]

    with pytest.raises(NotLoadedError):
        registry.reload(tax)


@pytest.mark.parametrize("kind", ["types.ModuleType", "type('Lazy', (types.ModuleType,), {})"])
def test_a_package_that_replaces_itself_keeps_its_submodules(registry, project, kind):
    """
    What stands in the place of a package after its reload has the submodules that were imported before.
    """
    text = f"import sys, types\nnew = {kind}(__name__)\nnew.__spec__, new.__path__ = __spec__, __path__\n"
    project.write("shop/__init__.py", text + "new.RATE = 1\nsys.modules[__name__] = new\n")
    project.write("shop/till.py", "")
    till = importlib.import_module("shop.till")
    project.write("shop/__init__.py", text + "new.RATE = 2\nsys.modules[__name__] = new\n")

    registry.reload("shop")

    assert sys.modules["shop"].RATE == 2
    assert sys.modules["shop"].till is till


def test_finder_that_is_against_an_import(registry, project):
    """
    A finder that refuses a module, which failed to be imported before, stands in no other one's way.
    """

    class Strict:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "barred":
                raise ImportError("barred is not to be imported")

    project.write("barred.py", "raise OSError\n")
    project.load("tax", "try:\n    import barred\nexcept OSError:\n    barred = None\nRATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    sys.meta_path.insert(0, Strict)
    try:
        registry.refresh()
    finally:
        sys.meta_path.remove(Strict)

    assert sys.modules["tax"].RATE == 2


def test_a_module_that_replaces_itself_by_an_instance_imports_what_is_executed(registry, project):
    """
    What stands in the place of a module need be none, and what that imports is executed within it all the same.
    """
    project.write("tax.py", "import shop\ndef rate(): return 1\n")
    source = "import sys\nfrom tax import rate\nclass Proxy:\n    value = {}\nsys.modules[__name__] = Proxy()\n"
    project.write("shop.py", source.format("rate()"))
    shop = project.load("shop")
    project.write("tax.py", "import shop\ndef rate(): return 2\n")
    project.write("shop.py", source.format("rate() + 1"))

    registry.refresh()

    assert (shop.value, sys.modules["shop"].value) == (1, 3)


REPLACED = {
    "a module": "import types\nnew = types.ModuleType(__name__)\nnew.RATE = {0}\n",
    "an instance of a module's class": "import types\nclass M(types.ModuleType): RATE = {0}\nnew = M(__name__)\n",
    "an instance": "class Settings: RATE = {0}\nnew = Settings()\n",
    "nothing": "RATE = {0}\nnew = sys.modules[__name__]\n",
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(REPLACED, repeat=2)])
def test_who_imported_a_module_that_replaces_itself_has_what_is_there_now(registry, project, before, after):
    """
    The name by which another module asks for it at call time stands for what is in its place, also after a rollback.
    """
    text = {kind: f"import sys\n{body}sys.modules[__name__] = new\n" for kind, body in REPLACED.items()}
    project.write("tax.py", text[before].format(1))
    user = project.load("user", "import tax\nimport tax as duty\ndef rates(): return tax.RATE, duty.RATE\n")
    project.write("tax.py", text[after].format(2))

    registry.reload("tax")
    new = user.rates(), user.tax is sys.modules["tax"]
    registry.rollback("tax")

    assert new == ((2, 2), True)
    assert (user.rates(), user.tax is sys.modules["tax"]) == ((1, 1), True)


LAZY = """
import sys, types
RATE = {0}
class Tax:
    def rate(self): return {0}
def rate(): return {0}
class Lazy(types.ModuleType):
    {1}
    def __getattr__(self, name): return {0}
new = sys.modules[__name__] = Lazy(__name__)
vars(new).update(RATE=RATE, Tax=Tax, rate=rate)
"""


@pytest.mark.parametrize("layout", ["", "__slots__ = ('more',)"])
def test_what_a_module_defines_that_replaces_itself_by_one_of_its_own_class_is_kept(registry, project, layout):
    """
    Whoever holds its functions and classes has the new ones, and so has who holds the module, if its class can be kept.
    """
    tax = project.load("tax", LAZY.format(1, ""))
    rate, instance = tax.rate, tax.Tax()
    project.write("tax.py", LAZY.format(2, layout))

    def all_rates():
        return rate(), instance.rate(), sys.modules["tax"].rate(), sys.modules["tax"].RATE, sys.modules["tax"].other

    registry.reload("tax")
    new = all_rates(), isinstance(instance, sys.modules["tax"].Tax), sys.modules["tax"] is tax, tax.RATE
    registry.rollback("tax")

    assert new == ((2,) * 5, True, not layout, 1 if layout else 2)
    assert all_rates() == (1,) * 5
    assert sys.modules["tax"] is tax


@pytest.mark.parametrize("kind", ["types.ModuleType", "types.SimpleNamespace"])
def test_rollback_of_a_module_that_replaces_itself(registry, project, kind):
    """
    What a source put in its own place in `sys.modules` goes back, whatever it is.
    """
    made = "types.ModuleType(__name__)" if kind.endswith("ModuleType") else "types.SimpleNamespace()"
    text = f"import sys, types\nnew = {made}\nnew.RATE = {{}}\nsys.modules[__name__] = new\n"
    project.load("tax", text.format(1))
    project.write("tax.py", text.format(2))
    registry.reload("tax")
    assert sys.modules["tax"].RATE == 2

    registry.rollback("tax")

    assert sys.modules["tax"].RATE == 1


def test_a_module_that_a_rollback_unloaded_does_not_come_back_by_itself(project, dropping):
    """
    Who asked in vain for a module that came, and went with a rollback, goes on without it until its file is written.
    """
    user = project.load("user", "try:\n    import extra\nexcept ImportError:\n    extra = None\n")
    project.write("extra.py", "X = 1\n")
    dropping.refresh()
    came = user.extra.X

    dropping.rollback(user)
    again = bool(dropping.refresh()), user.extra
    project.write("extra.py", "X = 2\n")
    dropping.refresh()

    assert (came, again) == (1, (False, None))
    assert user.extra.X == 2


def test_a_module_that_two_rollbacks_unloaded_does_not_come_back_by_itself(project, dropping):
    """
    What an earlier rollback turned away is turned away still when another one unloads the module.
    """
    user = project.load("user", "try:\n    import extra\nexcept ImportError:\n    extra = None\n")
    project.write("extra.py", "X = 1\n")
    dropping.refresh()
    project.write("extra.py", "X = 2\n")
    dropping.refresh()

    dropping.rollback("extra")
    dropping.rollback(user)

    assert (bool(dropping.refresh()), user.extra) == (False, None)


def test_a_module_that_had_left_is_not_there_after_a_rollback_to_then(project, dropping):
    """
    It has no version then, whatever it had before; what it was before it left can be brought back as well.
    """
    project.load("extra", "X = 1\n")
    user = project.load("user", "import extra\n")
    module = user.extra
    project.write("user.py", "WORD = 1\n")
    (project.root / "extra.py").unlink()
    dropping.refresh()
    project.write("extra.py", "X = 2\n")
    project.write("user.py", "import extra\n")
    dropping.refresh()

    dropping.rollback(user)
    done = dropping.transactions()[-1]
    is_idle = not dropping.refresh()
    numbers = [version.number for version in dropping.history("extra")]
    dropping.rollback(user, to=1)

    assert ([version.name for version in done.versions], done.unloaded) == (["user"], ("extra",))
    assert (is_idle, numbers) == (True, [1, 2])
    assert user.extra is sys.modules["extra"] is module
    assert module.X == 1


GUARDED = "try:\n    import extra\nexcept Exception:\n    extra = None\n"


@pytest.mark.parametrize("before", [None, "1 / 0\n"])
def test_a_comment_that_comes_with_what_was_asked_for_in_vain(project, registry, before):
    """
    An edit of layout alone executes nothing, but for a module that an import may come out otherwise of.
    """
    if before is not None:
        project.write("extra.py", before)
    user = project.load("user", GUARDED)
    project.write("extra.py", "X = 1\n")
    project.write("user.py", "# At last.\n" + GUARDED)

    registry.refresh()

    assert user.extra.X == 1


@pytest.mark.parametrize("number", [1, 2])
def test_a_comment_that_comes_with_a_change_of_what_is_computed_with(project, registry, number):
    """
    A package of which only comments changed is executed when what it computes something from changes after its turn.
    """
    source = "import shop.stock\nfrom shop import rates\nRATE = rates.RATE\ndef f(): pass\n"
    project.write("shop/rates.py", "RATE = 1\n")
    project.write("shop/stock.py", "import shop\n")
    shop = project.load("shop.__init__", source)
    project.write("shop/__init__.py", "# New.\n" + source)
    project.write("shop/stock.py", "import shop\nX = 1\n")
    project.write("shop/rates.py", f"RATE = {number}\nX = 1\n")

    registry.refresh()

    assert vars(shop)["RATE"] == number
    assert shop.f.__code__.co_firstlineno == 5
    steps = {step.module: step.decision for step in registry.transactions()[-1].steps}
    assert steps["shop"] is (Decision.EXECUTE if number == 2 else Decision.PATCH)
    assert [version.number for version in registry.history("shop")] == [1, 2]
    registry.rollback(shop)
    assert vars(shop)["RATE"] == 1
    assert shop.f.__code__.co_firstlineno == 4


def test_a_comment_that_comes_with_a_move(project, registry):
    """
    A package that became a module is executed, though its code is the same: where it is is not.
    """
    text = "import os\nPLACE = os.path.basename(__file__)\n"
    project.write("shop/__init__.py", text)
    shop = importlib.import_module("shop")
    (project.root / "shop/__init__.py").unlink()
    project.write("shop.py", "# Moved.\n" + text)

    registry.refresh()

    assert shop.PLACE == "shop.py"


def test_a_module_that_failed_and_that_a_rollback_unloaded_does_not_come_back_by_itself(project, dropping):
    """
    What was mended, and unloaded by a rollback, counts as mended no more until its file is written.
    """
    project.write("extra.py", "1 / 0\n")
    user = project.load("user", GUARDED)
    project.write("extra.py", "X = 1\n")
    dropping.refresh()

    dropping.rollback(user)

    assert (bool(dropping.refresh()), user.extra) == (False, None)


def test_what_is_left_of_a_package_is_not_taken_for_a_module_of_its_last_name(project, dropping):
    """
    Where its parent is no package any more a submodule is found nowhere: a module of the name beside it is another.
    """
    project.write("rates.py", "X = 'another'\n")
    shop = project.load("shop", "Y = 1\n")
    (project.root / "shop.py").unlink()
    project.write("shop/__init__.py", "Y = 2\n")
    project.write("shop/rates.py", "X = 1\n")
    dropping.refresh()
    rates = importlib.import_module("shop.rates")
    dropping.rollback(shop)
    shutil.rmtree(project.root / "shop")
    project.write("shop.py", "Y = 3\n")

    dropping.refresh()

    assert "shop.rates" not in sys.modules
    assert rates.X == 1


def test_a_package_that_a_rollback_turned_away(project, dropping):
    """
    A module that became a package, and is a module again by a rollback, stays one until its file is written.
    """
    project.load("m", "X = 1\n")
    (project.root / "m.py").unlink()
    project.write("m/__init__.py", "X = 2\n")
    dropping.refresh()

    dropping.rollback("m")
    again = bool(dropping.refresh()), sys.modules["m"].X
    project.write("m/__init__.py", "X = 3\n")
    dropping.refresh()

    assert again == (False, 1)
    assert sys.modules["m"].X == 3


def steps_of(transaction):
    return [(step.module, step.decision.value) for step in transaction.steps]


def test_a_package_that_loses_its_source_is_a_namespace_package(project, dropping):
    package = project.load("shop.__init__", "RATE = 1\ndef price(): return RATE\n")
    till = project.load("shop.till", "def tax(): return 1\n")
    user = project.load("user", "import shop.till\nfrom shop import till\ndef ask(): return shop.till.tax()\n")
    held = package.price
    (project.root / "shop" / "__init__.py").unlink()
    assert steps_of(dropping.refresh()) == [("shop", "execute")]
    assert sys.modules["shop"] is package
    assert package.till is till
    assert user.ask() == 1
    fresh = sys.modules.pop("shop")
    names = {*vars(importlib.import_module("shop"))}
    sys.modules["shop"] = fresh
    assert {*vars(package)} - {"__builtins__", "till"} == names
    assert package.__file__ is None
    with pytest.raises(modreg.RemovedError, match="price"):
        held()
    assert dropping.current("shop").origin is None
    assert not dropping.refresh()


def test_what_is_taken_from_a_package_that_lost_its_source_fails_as_afresh(project, dropping):
    package = project.load("shop.__init__", "RATE = 1\n")
    project.load("shop.till", "")
    user = project.load("user", "from shop import RATE, till\nTOTAL = RATE + 1\n")
    (project.root / "shop" / "__init__.py").unlink()
    with pytest.raises(modreg.ReloadError, match="cannot import name 'RATE'"):
        dropping.refresh()
    assert package.RATE == 1
    assert user.TOTAL == 2
    assert package.__file__ is not None


def test_a_package_of_which_all_is_gone_leaves_though_its_folder_is_there(project, dropping):
    project.load("shop.__init__", "RATE = 1\n")
    project.load("shop.till", "")
    for name in ("__init__", "till"):
        (project.root / "shop" / f"{name}.py").unlink()
    assert {*dropping.refresh().unloaded} == {"shop", "shop.till"}


def test_going_back_to_a_package_that_lost_its_source_turns_that_away(project, dropping):
    package = project.load("shop.__init__", "RATE = 1\n")
    project.load("shop.till", "")
    (project.root / "shop" / "__init__.py").unlink()
    dropping.refresh()
    dropping.rollback("shop")
    assert package.RATE == 1
    assert package.__file__ == str(project.root / "shop" / "__init__.py")
    assert not dropping.refresh()
    project.write("shop/__init__.py", "RATE = 2\n")
    dropping.refresh()
    assert package.RATE == 2
    assert [each.number for each in dropping.history("shop")] == [1, 2, 3, 4]


def test_a_namespace_package_gets_a_source(project, dropping):
    till = project.load("shop.till", "def tax(): return 1\n")
    package = sys.modules["shop"]
    user = project.load("user", "import shop.till\ntry:\n    from shop import RATE\nexcept ImportError:\n    RATE = 0\n")
    assert not dropping.refresh()
    assert user.RATE == 0
    project.write("shop/__init__.py", "RATE = 1\ndef price(): return RATE\n")
    assert steps_of(dropping.refresh()) == [("shop", "execute"), ("user", "execute")]
    assert sys.modules["shop"] is package
    assert package.till is till
    assert (package.price(), user.RATE) == (1, 1)
    project.write("shop/__init__.py", "RATE = 2\ndef price(): return RATE\n")
    dropping.refresh()
    assert (package.price(), user.RATE) == (2, 2)
    dropping.rollback("shop", to=1)
    assert not hasattr(package, "RATE")
    assert package.__file__ is None
    assert package.till is till
    assert user.RATE == 0
    assert not dropping.refresh()


def test_a_namespace_package_is_reloaded_when_it_has_a_source(project, dropping):
    project.load("shop.till", "")
    with pytest.raises(modreg.RefusedError, match="namespace package"):
        dropping.reload("shop")
    project.write("shop/__init__.py", "RATE = 1\n")
    assert dropping.reload("shop").RATE == 1
    (project.root / "shop" / "__init__.py").unlink()
    assert not hasattr(dropping.reload("shop"), "RATE")


def test_a_namespace_package_that_gets_a_broken_source_is_as_it_was(project, dropping):
    project.load("shop.till", "")
    package = sys.modules["shop"]
    before = {**vars(package)}
    project.write("shop/__init__.py", "RATE = 1\nraise ValueError('no')\n")
    with pytest.raises(modreg.ReloadError, match="no"):
        dropping.refresh()
    assert vars(package) == before
    assert sys.modules["shop"] is package


CIRCLE = "A = 1\n{}def late(): return 1\nclass Late: pass\n"


def test_a_star_import_of_what_is_halfway_brings_what_it_has(project, dropping):
    """
    An edit that leads a module back to itself takes away what star imports on the way do not get any more.
    """
    first = project.load("first", CIRCLE.format(""))
    second = project.load("second", "from first import *\ndef ask(): return late()\n")
    far = project.load("far", "import second\ndef ask(): return second.late()\n")
    project.write("first.py", CIRCLE.format("import second\n"))

    dropping.refresh()

    assert (second.A, hasattr(second, "late"), hasattr(second, "Late")) == (1, False, False)
    for ask in (second.ask, far.ask):
        with pytest.raises((NameError, AttributeError)):
            ask()
    project.write("second.py", "from first import *\ndef ask(): return 2\n")
    dropping.refresh()
    assert (second.A, hasattr(second, "late"), second.ask()) == (1, False, 2)
    project.write("first.py", CIRCLE.format("import second\n").replace("return 1", "return 3") + "def later(): return 4\n")
    dropping.refresh()
    assert not hasattr(second, "late")
    assert not hasattr(second, "later")
    project.write("first.py", CIRCLE.format(""))
    dropping.refresh()
    assert (second.late(), second.Late is first.Late) == (1, True)
    dropping.rollback("first")
    assert not hasattr(second, "late")


def test_an_edit_elsewhere_may_have_a_circle_entered_where_a_guarded_import_fails(project, dropping):
    """
    Who catches that what it imports is halfway goes on without; an edit of none of its circle may lead to that, or end it.
    """
    project.write("pack/__init__.py", "")
    project.write("pack/near.py", "import extra\ndef f(): return 1\n")
    project.write("extra.py", "import pack.far\n")
    far = project.load("pack.far", "try:\n    from pack.near import f\nexcept ImportError:\n    f = None\n")
    assert far.f() == 1
    project.write("pack/__init__.py", "import pack.near\n")

    dropping.refresh()

    assert far.f is None
    dropping.rollback("pack")
    assert far.f() == 1
    project.write("pack/__init__.py", "import pack.near, sys\n")
    dropping.refresh()
    assert far.f is None
    project.write("pack/__init__.py", "import sys\n")
    dropping.refresh()
    assert far.f() == 1


def test_what_is_imported_out_of_a_package_without_a_part_in_it_is_halfway_from_then_on(project, dropping):
    """
    Who imports a module by the name that its package has for it begins it, also if no edit is of the package's concern.
    """
    project.write("pack/__init__.py", "")
    project.write("pack/leaf.py", "A = 1\n")
    project.write("near.py", "from pack import leaf\n")
    project.write("far.py", "from pack.leaf import A\ndef f(): return A\n")
    project.load("top", "import near, far\n")
    user = project.load("user", "from far import *\ndef g(): return f()\n")
    project.write("pack/leaf.py", "A = 2\nimport user\n")

    dropping.refresh()

    assert user.g() == 2
    assert user.f is sys.modules["far"].f


def test_a_name_that_one_star_import_brings_no_more_and_another_one_now_stays(project, dropping):
    """
    Also where the module that lists its names now is executed while who imports it is.
    """
    project.write("base.py", "def rate(): return 1\n")
    project.write("shop/__init__.py", "from .till import total\n")
    project.write("shop/stock.py", "from base import rate\n")
    project.write("shop/till.py", "from shop.stock import *\nfrom base import rate as each\ndef total(): return each()\n")
    till = project.load("shop.till")
    project.write("shop/stock.py", "from base import rate\n__all__ = []\n")
    project.write("shop/till.py", "from shop.stock import *\nfrom base import *\ndef total(): return rate()\n")

    dropping.refresh()

    assert (till.total(), till.rate()) == (1, 1)
    project.write("shop/till.py", "from shop.stock import *\ndef total(): return 2\n")
    dropping.refresh()
    assert (till.total(), hasattr(till, "rate")) == (2, False)


def test_a_star_import_of_what_is_halfway_goes_by_no_list_of_names(project, dropping):
    """
    A module that is halfway has not come to its ``__all__`` yet, so a star import brings all that is there.
    """
    text = "A = {}\nB = 2\nimport second\nC = 3\n"
    project.write("second.py", "from first import *\n")
    project.load("first", text.format(1))
    second = sys.modules["second"]
    project.write("first.py", text.format(1) + "__all__ = ['A']\n")

    dropping.refresh()

    assert (second.A, second.B, hasattr(second, "C")) == (1, 2, False)
    project.write("first.py", text.format(4) + "__all__ = ['A', 'C']\n")
    dropping.refresh()
    assert (second.A, second.B, hasattr(second, "C")) == (4, 2, False)


@pytest.mark.parametrize("edited", [[], ["second.py"], ["second.py", "first.py"]], ids=len)
def test_a_star_import_brings_more_where_an_edit_elsewhere_has_it_come_before_the_list_of_names(
    project, dropping, edited
):
    """
    What is not in the ``__all__`` that is to come is brought as well; when it comes first again, it is not any more.
    """
    text = "A = 1\nB = 2\nimport third\nC = 3\n__all__ = ['A', 'C']\n"
    project.write("third.py", "")
    project.load("first", text)
    second = project.load("second", "from first import *\nE = 5\n")
    project.write("third.py", "import second\n")
    for name in edited:
        project.write(name, (project.root / name).read_text() + "D = 4\n")

    dropping.refresh()

    assert (second.A, second.B, second.E, hasattr(second, "C")) == (1, 2, 5, False)
    project.write("first.py", text.replace("B = 2", "B = 7"))
    dropping.refresh()
    assert (second.A, second.B, hasattr(second, "C")) == (1, 7, False)
    dropping.rollback("first")
    assert second.B == 2
    dropping.reload("first")
    assert second.B == 7
    project.write("third.py", "")
    for name in edited:
        project.write(name, (project.root / name).read_text() + "F = 6\n")
    dropping.refresh()
    assert (second.A, hasattr(second, "B"), second.C) == (1, False, 3)


@pytest.mark.parametrize("edited", [[], ["second.py"]], ids=len)
def test_a_star_import_brings_more_also_where_names_linger(project, registry, edited):
    """
    What comes before the list of names comes with ``removed="keep"`` as well, and what it would lack stays.
    """
    text = "A = 1\nB = 2\nimport third\nC = 3\n__all__ = ['A', 'C']\n"
    project.write("third.py", "")
    project.load("first", text)
    second = project.load("second", "from first import *\n")
    project.write("third.py", "import second\n")
    for name in edited:
        project.write(name, "from first import *\nD = 4\n")

    registry.refresh()

    assert (second.A, second.B, second.C) == (1, 2, 3)


def test_a_circle_in_which_a_former_name_would_hide_a_failure_is_entered_by_what_is_new(project, dropping):
    """
    Who lacks a name in a fresh interpreter finds the former one, so that nobody fails, and computes with that.

    So it is later, when what was new is not so any more.
    """
    maybe = "try:\n    import missing\nexcept ImportError:\n    missing = None\n"
    project.load("core", maybe + "def f(): return 1\n")
    user = project.load("user", "from core import f\nD = f()\n")
    project.write("extra.py", "def g(): return 2\nimport user\n")
    project.write("core.py", maybe + "import extra\ndef f(): return extra.g()\n")

    dropping.refresh()

    assert user.D == 2
    project.write("core.py", maybe + "import extra\ndef f(): return extra.g() + 1\n")
    dropping.refresh()
    assert user.D == 3
    project.write("extra.py", "def g(): return 3\nimport user\n")
    dropping.refresh()
    assert user.D == 4


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_module_that_comes_later_may_be_the_first_to_be_imported(project, dropping, is_asked):
    """
    No name leaves for its sake: where it comes first nothing is halfway.
    """
    project.load("asker", "try:\n    import extra\nexcept ImportError:\n    extra = None\n" if is_asked else "")
    project.load("first", "A = 1\ndef late(): return 1\n")
    second = project.load("second", "from first import *\n")
    project.write("extra.py", "import second\n")
    project.write("first.py", "A = 2\nimport extra\ndef late(): return 2\n")

    dropping.refresh()

    assert (second.A, second.late()) == (2, 2)
    project.write("first.py", "A = 3\nimport extra, extra as again\ndef late(): return 3\n")
    dropping.refresh()
    assert (second.A, second.late()) == (3, 3)


def test_a_circle_in_which_a_class_would_lack_its_base_is_entered_by_what_came_later(project, dropping):
    """A star import of what is halfway brings less; who reads that name as it is executed is not executed there."""
    base = "class Base:\n    table = {}\n    def __init_subclass__(cls): Base.table[cls.__name__] = cls\n"
    home = project.load("home", base)
    project.load("user", "from home import *\nclass Plug(Base): pass\n")
    project.write("home.py", base + "A = 1\n")
    dropping.refresh()
    late = project.load("late", "import user\n")
    project.write("late.py", base + "import user\n")
    project.write("home.py", "from late import Base\n")

    dropping.refresh()

    assert home.Base is late.Base
    assert list(late.Base.table) == ["Plug"]


def test_no_name_leaves_later_either_where_there_is_an_order_of_imports_in_which_it_is_there(project, dropping):
    """
    A module that came late may be imported first; so it is for every later edit in the circle that it has closed.
    """
    maybe = "try:\n    import extra\nexcept ImportError:\n    extra = None\n"
    project.write("part.py", "def f(): return 1\n")
    project.load("base", maybe + "last = 1\n")
    user = project.load("user", "from base import *\nfrom part import f\nX = f()\n")
    project.write("extra.py", "import user\n")
    dropping.refresh()
    project.write("part.py", "def f(): return 2\n")

    dropping.refresh()

    assert (user.X, user.last) == (2, 1)


def test_an_optional_module_that_is_there_stays_where_an_edit_closes_a_circle_round_it(project, registry):
    """
    One that came later than the program may be imported first, and then nobody goes without it.
    """
    text = "try:\n    import extra\nexcept ImportError:\n    extra = None\nRATE = 1\n"
    base = project.load("base", text)
    user = project.load("user", "RATE = 0\n")
    project.write("extra.py", "import user\n")
    registry.refresh()
    was = base.extra
    project.write("user.py", "from base import RATE\n")
    project.write("base.py", text.replace("1", "2"))

    registry.refresh()

    assert (base.extra, user.RATE) == (was, 2)
    assert was is not None


@pytest.mark.parametrize("line", ["import extra as got", "from extra import f as got"])
def test_an_optional_module_that_could_not_be_imported_in_its_circle_stays_away(project, registry, line):
    """
    Who went on without it does so after an edit elsewhere in the circle, though it has come later by itself.
    """
    project.write("part.py", "RATE = 1\n")
    text = f"import user\ntry:\n    {line}\nexcept ImportError:\n    got = None\nlast = RATE = 1\n"
    project.write("user.py", "import base\nfrom part import RATE\n")
    base = project.load("base", text)
    project.write("extra.py", "from user import RATE\nfrom base import last\ndef f(): pass\n")
    registry.refresh()
    was = base.got
    extra = project.load("extra")
    project.write("part.py", "RATE = 2\n")
    project.write("base.py", text.replace("1", "2"))

    registry.refresh()

    assert (was, base.got, extra.RATE, extra.last) == (None, None, 2, 2)


def test_an_optional_module_that_closes_a_circle_by_what_comes_below_a_star_import_stays_away(project, registry):
    """
    What a star import under way does not bring is not there yet, though the former source has bound it.
    """
    project.write("base.py", "def deco(f): return f\ntry:\n    import extra as got\nexcept ImportError:\n    got = None\n")
    shop = project.load("shop", "from base import *\n@deco\ndef rate(): return 1\n")
    user = project.load("user", "from shop import rate\n")
    project.write("extra.py", "import user\nlast = user.rate\n")

    registry.refresh()

    assert (shop.got, user.rate is shop.rate) == (None, True)
    assert project.load("extra").last is shop.rate


def test_a_circle_is_entered_by_who_imports_a_submodule_of_a_package_in_it(project, registry):
    """
    It depends on nothing in the circle, but the package begins with its import.
    """
    text = "try:\n    import extra as got\nexcept ImportError:\n    got = None\nRATE = 1\n"
    project.write("shop/base.py", text)
    project.write("shop/__init__.py", "from shop.base import RATE\ndef fee(): return 1\n")
    project.write("shop/side.py", "SIDE = 1\n")
    project.write("early.py", "from shop.side import SIDE\n")
    project.write("desk/till.py", "from shop import fee\n")
    project.write("desk/__init__.py", "import early\nimport desk.till\n")
    project.load("desk")
    project.write("extra.py", "import desk.till\n")

    registry.refresh()

    assert sys.modules["shop.base"].got is None


def test_an_optional_module_comes_when_an_edit_elsewhere_lets_its_circle_go(project, registry):
    """
    Who went on without it, because something that it needs was halfway, is executed once that needs nothing any more.
    """
    text = "import user\ntry:\n    import extra as got\nexcept ImportError:\n    got = None\nlast = 1\n"
    project.write("user.py", "import base\n")
    base = project.load("base", text)
    project.write("extra.py", "import middle\n")
    project.write("middle.py", "from base import last\n")
    registry.refresh()
    was = base.got
    extra = project.load("extra")
    project.write("middle.py", "import base\n")

    registry.refresh()

    assert (was, base.got) == (None, extra)


@pytest.mark.parametrize(
    "fail",
    [
        lambda registry: registry.reload("sys"),
        lambda registry: registry.rollback("tax"),
        lambda registry: registry.rollback("tax", 9),
        lambda registry: registry.rollback("tax", revision=9),
        lambda registry: registry.rollback("nobody"),
    ],
)
def test_subscribers_are_told_what_the_caller_gets(project, registry, fail):
    """
    A reload or rollback that is refused is told as one that failed.
    """
    project.load("tax", "RATE = 1\n")
    told = []
    registry.subscribe(told.append)

    with pytest.raises(modreg.ModregError) as info:
        fail(registry)

    assert told == [TransactionAborted(error=info.value)]


def test_the_last_transaction_is_remembered(project, registry):
    """
    However little is kept, who reloads can ask what that did.
    """
    registry.install(keep_snapshots=0, keep_versions=1)
    tax = project.load("tax", "RATE = 1\n")

    registry.reload(tax)
    registry.reload(tax)

    assert [done.revision for done in registry.transactions()] == [2]
    assert registry.transactions()[-1].versions == registry.history(tax)
    with pytest.raises(modreg.UnknownVersionError) as info:
        registry.rollback(tax)
    assert info.value.first == 3


def test_a_package_of_which_only_the_folder_is_left_and_that_an_abort_brings_back(project, registry):
    """
    A namespace package that an import found meanwhile is in no history; edits of the package are seen as before.
    """
    shop = project.load("shop.__init__", "RATE = 1\n")
    project.load("till", "from shop import RATE\n")
    (project.root / "shop/__init__.py").unlink()
    with pytest.raises(modreg.ReloadError):
        registry.refresh()
    versions = [version.number for version in registry.history("shop")]
    project.write("shop/__init__.py", "RATE = 2\n")

    registry.refresh()

    assert versions == [1]
    assert (sys.modules["shop"] is shop, shop.RATE, sys.modules["till"].RATE) == (True, 2, 2)


def test_a_package_of_which_only_the_folder_is_left_comes_back(project, registry):
    """
    Who imports what was a package gets a namespace package by the same transaction, which a rollback takes back.
    """
    shop = project.load("shop.__init__", "RATE = 1\n")
    till = project.load("till", "import shop\nHAS_RATE = hasattr(shop, 'RATE')\n")
    (project.root / "shop/__init__.py").unlink()
    registry.refresh()
    without = till.shop.__file__, till.HAS_RATE

    registry.rollback("shop")

    assert without == (None, False)
    assert (sys.modules["shop"] is till.shop is shop, till.HAS_RATE) == (True, True)
    assert not registry.refresh()
    project.write("shop/__init__.py", "RATE = 2\n")
    assert registry.refresh()
    assert shop.RATE == 2


def test_a_folder_that_somebody_imports_becomes_a_package(project, registry):
    """
    A namespace package gets the source that it has now, also where no module in it is loaded.
    """
    (project.root / "shop").mkdir()
    till = project.load("till", "import shop\nRATE = getattr(shop, 'RATE', 0)\n")
    project.write("shop/__init__.py", "RATE = 2\n")

    registry.refresh()

    assert (till.shop.RATE, till.RATE) == (2, 2)


@pytest.mark.parametrize("line", ["from pack._tool import tool", "def tool(): pass", "tool = 1"])
def test_a_submodule_that_came_after_its_package_covers_what_that_binds(project, registry, line):
    """
    Who imports it binds its name in the package, whatever the package has bound until then; its execution is before.
    """
    project.write("pack/_tool.py", "def tool(): pass\n")
    project.write("pack/tool.py", "")
    pack = project.load("pack.__init__", f"{line}\nX = None\n")
    own, tool = pack.tool, project.load("pack.tool")
    project.write("pack/__init__.py", f"{line}\nX = 1\n")

    registry.refresh()

    assert own is not tool
    assert (pack.X, pack.tool) == (1, tool)


def test_a_submodule_that_its_package_imported_is_covered_where_that_imports_it_no_more(project, registry):
    """
    What the former source had under a name by an import of its own goes with that.
    """
    project.write("pack/tool.py", "")
    pack = project.load("pack.__init__", "def tool(): pass\nfrom . import tool\n")
    project.write("pack/__init__.py", "def tool(): pass\n")

    registry.refresh()

    assert callable(pack.tool)


SLOTS = "class Point:\n    __slots__ = ({})\n"


@pytest.mark.parametrize("call", ["refresh", "reload", "areload", "apply"])
def test_a_strict_transaction_with_findings_changes_nothing(project, registry, call):
    """
    What an edit cannot bring up to date shows while it is carried out; then all of it is taken back, and told.
    """
    point = project.load("point", SLOTS.format("'x',"))
    kept, told = point.Point(), []
    registry.subscribe(told.append)
    plan = registry.plan("point", strict=True)
    project.write("point.py", SLOTS.format("'x', 'y'"))
    calls = {
        "refresh": lambda: registry.refresh(strict=True),
        "reload": lambda: registry.reload(point, strict=True),
        "areload": lambda: asyncio.run(registry.areload(point, strict=True)),
        "apply": plan.apply,
    }

    with pytest.raises(modreg.FindingsError, match=r"1 objects stay .* nothing was changed") as caught:
        calls[call]()

    assert type(kept) is point.Point
    assert [finding.code for finding in caught.value.findings] == ["layout"]
    assert [event.error for event in told] == [caught.value]
    assert registry.history(point)[-1].number == 1
    registry.refresh()
    assert type(kept) is not point.Point


def test_a_strict_transaction_without_findings_is_one_like_another(project, registry):
    """
    Where all is brought up to date, strictness is no matter.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    done = registry.refresh(strict=True)

    assert (tax.RATE, done.findings) == (2, ())


def test_what_is_known_beforehand_is_refused_before_any_code_runs(project, registry):
    """
    A strict plan is none where it has findings, and a strict refresh begins with nothing.
    """
    tax = project.load("tax", "ran = globals().get('ran', 0) + 1\n")
    project.write("edit.py", "ask = print\n")
    project.load("user", "import tax, edit\nX = tax.ran\nedit.ask()\n")
    said = []

    def ask():
        project.write("tax.py", "ran = globals().get('ran', 0) + 10\n")
        for call in (registry.plan, registry.refresh):
            with pytest.raises(modreg.FindingsError, match="being executed"):
                call(strict=True)
        said.append(tax.ran)

    sys.modules["edit"].ask = ask
    del sys.modules["user"]
    project.load("user")

    assert (said, tax.ran) == ([1], 1)


@pytest.mark.parametrize("early", ["if TYPE_CHECKING: from pack.base import Base", "def f(): import pack.base"])
def test_a_circle_is_entered_by_the_import_that_runs_first(project, registry, early):
    """
    An import for type checkers, or in a function, does not run, wherever it stands.
    """
    base = "class Base:\n    known = {}\n    def __init_subclass__(cls): Base.known[cls.__name__] = cls\n"
    project.write("pack/base.py", base)
    project.write("pack/plug.py", "import pack.base as base\nclass Plug(base.Base): pass\n")
    project.write("pack/middle.py", "from pack.base import Base\nfrom pack.plug import *\n")
    project.write("option.py", "import pack.middle\nimport pack.base\n")
    text = f"from typing import TYPE_CHECKING\n{early}\nfrom pack import middle\nfrom pack.base import Base\n"
    pack = project.load("pack.__init__", text)
    project.load("option")
    project.write("pack/base.py", f"import option\n{base}")

    registry.refresh()

    assert pack.Base.known == {"Plug": pack.middle.Plug}
