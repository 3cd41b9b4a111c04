"""Who takes part in a transaction is called around it; what leaves and what is let go of."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
import weakref

import pytest

import modreg


class Host:
    """Takes part, notes what it was told, and raises where it is told to."""

    def __init__(self, look, failing=""):
        self.look = look
        self.failing = failing
        self.told = []

    def _note(self, what):
        self.told.append((what, self.look()))
        if what == self.failing:
            raise OSError(what)

    def begin(self, steps):
        self.steps = [(step.module, step.decision.value) for step in steps]
        self._note("begin")

    def finish(self, steps):
        self._note("finish")

    def abort(self, error):
        self.error = error
        self._note("abort")


@pytest.fixture
def tax(project, registry):
    module = project.load("tax", "RATE = 1\n")
    project.write("tax.py", "RATE = 2\n")
    return module


def test_what_is_foreseen_lies_between_what_is_sure_and_what_is_possible(project, registry):
    """
    Who begins knows at once what is certain to be executed, and who may be for its sake; the steps say who will be.
    """
    leaf = project.load("leaf", "def rate(): return 1\n")
    project.load("user", "from leaf import rate\nTWICE = 2 * rate()\n")
    project.load("other", "from leaf import rate\ndef late(): return rate()\n")
    project.write("leaf.py", "def rate(): return 2\n")
    seen = []

    class Watching(Host):
        def begin(self, steps):
            seen.append((steps.sure, {*steps.possible}, [step.module for step in steps], len(steps)))
            assert all(step in steps for step in steps)

    registry.reload(leaf, within=Watching(lambda: 0))
    registry.rollback(leaf, within=Watching(lambda: 0))

    assert seen[0] == (("leaf",), {"leaf", "user", "other"}, ["leaf", "user"], 2)
    assert seen[1] == (("leaf", "user"), {"leaf", "user"}, ["leaf", "user"], 2)


@pytest.mark.parametrize("call", ["reload", "refresh"])
def test_participant_is_called_around_the_execution(registry, tax, call):
    """
    It begins before anything was touched, and finishes when the new version is in force.
    """
    host = Host(lambda: tax.RATE)

    registry.reload(tax, within=host) if call == "reload" else registry.refresh(within=host)

    assert host.told == [("begin", 1), ("finish", 2)]
    assert host.steps == [("tax", "execute")]


def test_participant_of_a_rollback(registry, tax):
    """
    A rollback is begun and finished as a reload is.
    """
    registry.refresh()
    host = Host(lambda: tax.RATE)

    registry.rollback(tax, within=host)

    assert host.told == [("begin", 2), ("finish", 1)]
    assert host.steps == [("tax", "restore")]


@pytest.mark.parametrize(("failing", "phase", "told"), [
    ("begin", "tear-down", [("begin", 1), ("abort", 1)]),
    ("finish", "set-up", [("begin", 1), ("finish", 2), ("abort", 1)]),
])
def test_participant_that_raises_aborts(registry, tax, failing, phase, told):
    """
    What it raises aborts in a phase of its own; it takes up the former version when that is back.
    """
    host = Host(lambda: tax.RATE, failing)

    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh(within=host)

    assert (info.value.phase, info.value.name, info.value.running) == (phase, "tax", "version 1 of 'tax'")
    assert isinstance(info.value.__cause__, OSError)
    assert host.error is info.value
    assert host.told == told
    assert registry.revision == 0


def test_participant_hears_of_a_failed_execution(project, registry, tax):
    """
    If a module raises, the participant takes the former version up again.
    """
    project.write("tax.py", "RATE = 3\nraise OSError('disk')\n")
    host = Host(lambda: tax.RATE)

    with pytest.raises(modreg.ReloadError):
        registry.refresh(within=host)

    assert host.told == [("begin", 1), ("abort", 1)]


def test_participant_that_cannot_take_up_the_former_version(project, registry, tax):
    """
    What it raises then is a note on the error, which stays the one that began it.
    """
    project.write("tax.py", "raise OSError('disk')\n")

    with pytest.raises(modreg.ReloadError) as info:
        registry.refresh(within=Host(lambda: tax.RATE, "abort"))

    assert "OSError('abort')" in info.value.__notes__[0]


def test_participant_binds_what_an_abort_does_not_take_back(project, registry, tax):
    """
    What the participant binds when it takes up the former version stays.
    """
    project.write("tax.py", "RATE = 3\nraise OSError('disk')\n")
    host = Host(lambda: setattr(tax, "bound", True))

    with pytest.raises(modreg.ReloadError):
        registry.refresh(within=host)

    assert tax.bound


def test_participant_is_not_called_for_a_source_that_does_not_compile(project, registry, tax):
    """
    A mistake in syntax is found before anybody lets go of anything.
    """
    project.write("tax.py", "RATE =\n")
    host = Host(lambda: tax.RATE)

    with pytest.raises(modreg.SourceError):
        registry.refresh(within=host)

    assert host.told == []


def test_refresh_of_some_modules_brings_no_edits_of_others(project, registry):
    """
    With `only` the modules named and those below them are looked at; a dependent is executed as it is.
    """
    project.load("shop.__init__", "")
    till = project.load("shop.till", "WORD = 1\n")
    user = project.load("user", "from shop.till import WORD\nTWICE = WORD * 2\nEDIT = 1\n")
    project.write("shop/till.py", "WORD = 2\n")
    project.write("user.py", "from shop.till import WORD\nTWICE = WORD * 2\nEDIT = 2\nraise OSError('half done')\n")

    assert [step.module for step in registry.plan(only=["shop"]).steps] == ["shop.till", "user"]
    registry.refresh(only=["shop"])

    assert (till.WORD, user.TWICE, user.EDIT) == (2, 4, 1)
    project.write("user.py", "from shop.till import WORD\nEDIT = 3\n")
    registry.refresh()
    assert user.EDIT == 3


def test_names_that_leave_at_one_refresh(project, registry):
    """
    `removed` counts for the call that it is given to.
    """
    tax = project.load("tax", "RATE = 1\nGONE = 1\n")
    project.write("tax.py", "RATE = 2\n")

    registry.refresh(removed="drop")

    assert not hasattr(tax, "GONE")


def test_rollback_to_a_revision_covers_all_below(project, registry):
    """
    A package goes back to a revision with its submodules, also where the package itself has no other version.
    """
    project.load("shop.__init__", "")
    till = project.load("shop.till", "WORD = 1\n")
    for word in (2, 3):
        project.write("shop/till.py", f"WORD = {word}\n")
        registry.refresh()

    registry.rollback("shop", revision=0)

    assert till.WORD == 1
    with pytest.raises(TypeError):
        registry.rollback("shop", 1, revision=0)


@pytest.mark.parametrize(
    ("name", "revision", "error"),
    [
        ("shop", -1, modreg.UnknownVersionError),
        ("shop", 2, modreg.UnknownVersionError),
        ("shop", "1", TypeError),
        ("shop", True, TypeError),
        ("nobody", 0, modreg.NotTrackedError),
    ],
)
def test_rollback_to_what_is_no_revision(project, registry, name, revision, error):
    """
    A revision that there never was is an error, and so is a module that nobody knows; nothing is changed.
    """
    shop = project.load("shop", "WORD = 1\n")
    project.write("shop.py", "WORD = 2\n")
    registry.refresh()

    with pytest.raises(error):
        registry.rollback(name, revision=revision)

    assert (shop.WORD, registry.revision, "shop" in sys.modules) == (2, 1, True)


def test_rollback_to_a_revision_leaves_later_work_of_others(project, registry):
    """
    What another module has become since the transaction that both were in stays, on its own source.
    """
    tax = project.load("tax", "RATE = 1\n")
    shop = project.load("shop", "from tax import RATE\nEDIT = 1\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    project.write("shop.py", "from tax import RATE\nEDIT = 2\n")
    registry.refresh()

    registry.rollback(tax, revision=0)

    assert (tax.RATE, shop.RATE, shop.EDIT) == (1, 1, 2)
    assert registry.current(tax).restores == 1
    assert not registry.refresh()


def test_rollback_to_a_revision_leaves_unloaded_modules_alone(project, registry):
    """
    A module that has left since does not come back, and one that was let go of cannot.
    """
    tax = project.load("tax", "RATE = 1\n")
    project.load("shop", "from tax import RATE\n")
    project.write("tax.py", "RATE = 2\n")
    registry.refresh()
    registry.unload("shop")
    registry.forget("shop")

    registry.rollback(tax, revision=0)

    assert tax.RATE == 1
    assert "shop" not in sys.modules
    with pytest.raises(modreg.NotLoadedError):
        registry.rollback("shop")


def test_unloaded_modules_are_gone_and_come_back(project, registry):
    """
    A package leaves with all below it, and a rollback brings the very same modules back.
    """
    shop = project.load("shop.__init__", "")
    till = project.load("shop.till", "")

    done = registry.unload("shop")

    assert set(done.unloaded) == {"shop", "shop.till"}
    assert not {"shop", "shop.till"} & sys.modules.keys()
    registry.rollback("shop")
    assert sys.modules["shop"] is shop
    assert sys.modules["shop.till"] is till


def test_unload_of_what_is_not_loaded_does_nothing(registry):
    """
    What is not there cannot leave; roots match on dots.
    """
    assert not registry.unload("pathli")
    assert registry.revision == 0


def test_forgotten_module_is_let_go_of(project, registry):
    """
    After unload and forget nothing of modreg holds a module's objects; its source can still be executed.
    """
    tax = project.load("tax", "class Tax: rate = 1\n")
    project.write("tax.py", "class Tax: rate = 2\n")
    registry.refresh()
    kept = weakref.ref(tax.Tax)
    registry.unload(tax)
    registry.forget("tax")

    del tax
    gc.collect()

    assert kept() is None


def test_included_modules_are_adopted_at_once(project):
    """
    What is loaded when its root is included has the source of that moment, so that later edits are seen.
    """
    registry = modreg.Registry()
    try:
        registry.install(roots=["theirs"])
        mine = project.load("mine", "WORD = 1\n")
        registry.include("mine")
        project.write("mine.py", "WORD = 2\n")

        registry.refresh()

        assert mine.WORD == 2
    finally:
        registry.uninstall()


def test_included_modules_are_in_scope_through_installs(project):
    """
    Who includes a root installs the registry if need be, and a later install leaves the root in scope.
    """
    registry = modreg.Registry()
    try:
        registry.include("mine")
        registry.install(roots=["theirs"])
        mine = project.load("mine", "WORD = 1\n")
        project.write("mine.py", "WORD = 2\n")
        importlib.invalidate_caches()

        registry.refresh()

        assert mine.WORD == 2
        with pytest.raises(ValueError, match="dotted"):
            registry.include("no name")
    finally:
        registry.uninstall()


def test_abort_leaves_containers_of_others_alone(project, registry):
    """
    What a module that is out of scope holds, such as the interpreter's list of threads, is not put back by an abort.
    """
    tax = project.load("tax", "import sys, threading\nRATE = 1\n")
    project.write("tax.py", "import sys, threading\nthreading.kept['new'] = 1\nraise OSError('disk')\n")
    threading.kept = {}
    try:
        with pytest.raises(modreg.ReloadError):
            registry.reload(tax)

        assert threading.kept == {"new": 1}
    finally:
        del threading.kept
