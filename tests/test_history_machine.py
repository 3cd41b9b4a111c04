"""Random edits, reloads, refreshes and rollbacks against a plain model of the history and of the namespaces."""

from __future__ import annotations

import importlib
import pathlib
import sys
import tempfile

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conftest import Project
from modreg import Cause, NoEarlierVersionError, Registry, ReloadError, SourceError, UnknownVersionError
from modreg._history import Commit, History

A, B, C = "machine_a", "machine_b", "machine_c"
NAMES = (A, B, C)
DEPENDENTS = {A: (B,), B: (), C: ()}
SOURCES = {
    A: "__version__ = '{n}.0'\nVALUE = {n}\ndef value(): return {n}\n",
    B: (
        f"from {A} import value\n__version__ = '{{n}}.0'\nVALUE = {{n}}\nCOMPUTED = value() * 10\n"
        "def total(): return value() + {n}\n"
    ),
    C: "__version__ = '{n}.0'\nVALUE = {n}\nTABLE = {{'n': {n}}}\ndef value(): return TABLE['n']\n",
}
ENDS = {"good": "", "broken": "def f(:\n", "raising": "raise OSError('disk')\n"}


@attrs.frozen
class Kept:
    """What the model knows of one version."""

    number: int
    revision: int
    n: int
    computed: int | None
    restores: int | None = None
    declined: frozenset[int] = frozenset()
    written: int = 0  # how often its file had been, when it declined them


class Machine(RuleBasedStateMachine):
    """Three modules, the second of which imports from the first."""

    keep, limit = 10, None

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.project = Project(pathlib.Path(self.folder.name))
        sys.path.insert(0, self.folder.name)
        self.registry = Registry().install(roots=NAMES, keep_snapshots=self.keep, keep_versions=self.limit)
        self.files, self.written = {}, {}
        self.revision = 0
        for name in NAMES:
            self.write(name, "good", 1)
        for name in NAMES:
            self.project.load(name)
        self.kept = {name: [Kept(1, 0, 1, 10 if name == B else None)] for name in NAMES}
        self.commits = []
        self.modules = {name: sys.modules[name] for name in NAMES}
        self.held = [self.modules[A].value, self.modules[B].total, self.modules[C].value]

    def teardown(self):
        self.registry.uninstall()
        sys.path.remove(self.folder.name)
        for name in NAMES:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        self.folder.cleanup()

    def write(self, name, kind, n):
        self.files[name] = kind, n
        self.written[name] = self.written.get(name, 0) + 1
        self.project.write(f"{name}.py", SOURCES[name].format(n=n) + ENDS[kind])

    # What the model says

    def last(self, name):
        return self.kept[name][-1]

    def is_changed(self, name):
        """A source counts as changed unless it runs, or was turned away by the last rollbacks and not written since."""
        kind, n = self.files[name]
        last = self.last(name)
        is_declined = n in last.declined and self.written[name] == last.written
        return kind != "good" or not (n == last.n or is_declined)

    def look(self, names):
        """Where a file was seen to hold what runs, nothing counts as turned away any more."""
        for name in names:
            if self.files[name] == ("good", self.last(name).n):
                self.kept[name][-1] = attrs.evolve(self.last(name), declined=frozenset())

    def plan(self, seeds):
        """What each module of a transaction executes: a dependent only if what it called changed."""
        changed = [seed for seed in seeds if self.files[seed][1] != self.last(seed).n or self.files[seed][0] == "broken"]
        names = [*seeds, *(d for seed in changed for d in DEPENDENTS[seed] if d not in seeds)]
        return {
            name: self.files[name] if name in seeds or self.is_changed(name) else ("good", self.last(name).n)
            for name in NAMES
            if name in names
        }

    def commit(self, values, restores=None, declined=None, undoes=()):
        """Append what a transaction makes: for each module its n, in dependency order."""
        self.revision += 1
        for name, n in values.items():
            turned_away = (declined or {}).get(name, frozenset())
            is_as_before = turned_away == self.last(name).declined
            self.kept[name].append(
                Kept(
                    len(self.kept[name]) + 1,
                    self.revision,
                    n,
                    self.last(A).n * 10 if name == B else None,
                    (restores or {}).get(name),
                    turned_away,
                    self.last(name).written if is_as_before else self.written[name],
                )
            )
        self.commits.append((self.revision, set(values), set(undoes)))

    def execute(self, operation, seeds):
        """Do a reload or a refresh, and expect what the sources in the plan say."""
        plan = self.plan(seeds)
        kinds = {kind for kind, _ in plan.values()}
        if "broken" in kinds:
            with pytest.raises(SourceError):
                operation()
        elif "raising" in kinds:
            with pytest.raises(ReloadError) as info:
                operation()
            assert isinstance(info.value.__cause__, OSError)
        else:
            operation()
            if plan:
                values = {name: n for name, (_, n) in plan.items()}
                stay = {name: self.last(name).declined for name, n in values.items() if n == self.last(name).n}
                self.commit(values, declined=stay)

    def first(self, name):
        """The number of the oldest version that is remembered."""
        return self.registry.history(name)[0].number

    def at(self, name, revision):
        return [kept for kept in self.kept[name] if kept.revision <= revision][-1]

    def roll(self, name, revision, to=None):
        """Roll back, and expect every module that is bound up with this one to be as it was at that revision."""
        later = self.since(revision)
        concerned, more = {name}, True
        while more:
            more = set().union(*[names for names in later.values() if names & concerned]) - concerned
            concerned |= more
        wanted = {each: self.at(each, revision) for each in NAMES if each in concerned}
        is_forgotten = any(kept.number < self.first(each) for each, kept in wanted.items())

        if is_forgotten and not self.is_taken_back(name, to):
            return
        if not is_forgotten:
            self.registry.rollback(name, to)

        made = {}
        for each in wanted:  # noqa: PLC0206  # names in their own order
            new = [version for version in self.registry.history(each) if version.number > len(self.kept[each])]
            assert len(new) <= 1
            is_as_then = (wanted[each].n, wanted[each].computed) == (self.last(each).n, self.last(each).computed)
            assert new or is_as_then
            if new:
                made[each] = wanted[each]
        if made:
            declined = {
                each: self.last(each).declined.union(later.n for later in self.kept[each][kept.number :]) - {kept.n}
                for each, kept in made.items()
            }
            self.commit(
                {each: kept.n for each, kept in made.items()},
                {each: kept.number for each, kept in made.items()},
                declined,
                [number for number, names in later.items() if names & concerned],
            )

    def since(self, revision):
        """By number the modules of what was committed after a revision; a rollback and what it took back are none."""
        later = {number: names for number, names, _ in self.commits if number > revision}
        for number, _, undoes in reversed(self.commits):
            if number in later and undoes and undoes <= later.keys():
                for each in (number, *undoes):
                    del later[each]
        return later

    def is_taken_back(self, name, to):
        """
        Go back where something is forgotten.

        It can be done only if what took part in it has cancelled out with its own rollback.
        """
        try:
            self.registry.rollback(name, to)
        except UnknownVersionError as error:
            told = error
        else:
            return True
        assert told.first == self.first(told.name)
        return False

    def root(self, name):
        """The version whose state the current one has."""
        kept = self.last(name)
        while kept.restores is not None:
            kept = self.kept[name][kept.restores - 1]
        return kept

    # What is done

    @rule(name=st.sampled_from(NAMES), n=st.integers(1, 4))
    def edit(self, name, n):
        self.write(name, "good", n)

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(["broken", "raising"]), n=st.integers(1, 4))
    def spoil(self, name, kind, n):
        self.write(name, kind, n)

    @rule(name=st.sampled_from(NAMES))
    def touch(self, name):
        self.write(name, *self.files[name])

    @rule(name=st.sampled_from(NAMES), as_module=st.booleans())
    def reload(self, name, as_module):
        self.look(NAMES)
        self.execute(lambda: self.registry.reload(self.modules[name] if as_module else name), [name])

    @rule()
    def refresh(self):
        self.look(NAMES)
        self.execute(self.registry.refresh, [name for name in NAMES if self.is_changed(name)])

    @rule()
    def apply_a_plan(self):
        self.look(NAMES)
        seeds = [name for name in NAMES if self.is_changed(name)]
        self.execute(lambda: self.registry.plan().apply(), seeds)

    @rule(name=st.sampled_from(NAMES))
    def rollback(self, name):
        root = self.root(name)
        if root.revision == 0:
            with pytest.raises(NoEarlierVersionError if self.first(name) == 1 else UnknownVersionError):
                self.registry.rollback(name)
        else:
            self.roll(name, root.revision - 1)

    @rule(name=st.sampled_from(NAMES), data=st.data())
    def rollback_to_a_number(self, name, data):
        number = data.draw(st.integers(1, len(self.kept[name])))
        version = [version for version in self.registry.history(name) if version.number == number]
        to = data.draw(st.sampled_from([number, *version]))
        self.roll(name, self.kept[name][number - 1].revision, to)

    @rule(name=st.sampled_from(NAMES), n=st.integers(1, 4))
    def rollback_to_a_specifier(self, name, n):
        fitting = [kept for kept in self.kept[name] if kept.n < n and kept.number >= self.first(name)]
        if fitting:
            self.roll(name, fitting[-1].revision, f"<{n}.0")
        else:
            with pytest.raises(UnknownVersionError):
                self.registry.rollback(name, to=f"<{n}.0")

    @precondition(lambda self: self.revision)
    @rule(name=st.sampled_from(NAMES), number=st.integers(90, 99))
    def rollback_to_nothing(self, name, number):
        with pytest.raises(UnknownVersionError):
            self.registry.rollback(name, to=number)

    # What holds

    @invariant()
    def history_is_as_the_model_has_it(self):
        for name in NAMES:
            kept = self.kept[name][self.first(name) - 1 :]
            assert len(kept) >= min(self.limit or 1000, len(self.kept[name]))
            assert self.limit is None or len(kept) <= max(self.limit, 2 * self.keep + 1)
            told = [(v.number, v.revision, v.restores) for v in self.registry.history(name)]
            assert told == [(k.number, k.revision, k.restores) for k in kept]
            declared = [str(v.distribution_version) for v in self.registry.history(name)]
            assert declared == [f"{k.n}.0" for k in kept]
            assert self.registry.current(name).number == len(self.kept[name])
        told = [t.revision for t in self.registry.transactions()]
        if self.limit is None:
            assert told == list(range(1, self.revision + 1))
        else:
            # One before which any of its modules had a state that is remembered is remembered, too.
            remembered = [n for n, names, _ in self.commits if any(self.at(m, n - 1).number >= self.first(m) for m in names)]
            assert told == remembered

    @invariant()
    def namespaces_are_as_the_model_has_them(self):
        a, b, c = (self.last(name) for name in NAMES)
        modules = [self.modules[name] for name in NAMES]
        assert [sys.modules[name] for name in NAMES] == modules
        assert [module.VALUE for module in modules] == [a.n, b.n, c.n]
        assert b.computed == modules[1].COMPUTED
        assert [function() for function in self.held] == [a.n, a.n + b.n, c.n]
        assert modules[1].value is modules[0].value
        assert {"n": c.n} == modules[2].TABLE


class MachineWithFewSnapshots(Machine):
    """As above, but most rollbacks have to execute the earlier source."""

    keep = 2


class MachineWithoutSnapshots(Machine):
    """As above, and all of them have to."""

    keep = 0


class MachineThatForgets(Machine):
    """As the first, but what is long ago is forgotten, and then going back there is refused."""

    keep, limit = 1, 3


SETTINGS = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMachine = Machine.TestCase
TestMachine.settings = SETTINGS
TestMachineWithFewSnapshots = MachineWithFewSnapshots.TestCase
TestMachineWithFewSnapshots.settings = SETTINGS
TestMachineWithoutSnapshots = MachineWithoutSnapshots.TestCase
TestMachineWithoutSnapshots.settings = SETTINGS

TestMachineThatForgets = MachineThatForgets.TestCase
TestMachineThatForgets.settings = SETTINGS


@pytest.mark.parametrize("keep", [10, 0])
def test_repeated_rollback_walks_further_back(project, registry, keep):
    """
    From 1, 2, 3 on, rollbacks make 4 (which is 2), 5 (which is 1), and then there is no earlier version.
    """
    registry.install(keep_snapshots=keep)
    tax = project.load("tax", "RATE = 1\n")
    for rate in (2, 3):
        project.write("tax.py", f"RATE = {rate}\n")
        registry.refresh()

    rates = [registry.rollback(tax).RATE, registry.rollback(tax).RATE]
    with pytest.raises(NoEarlierVersionError):
        registry.rollback(tax)

    assert rates == [2, 1]
    assert [(v.number, v.restores) for v in registry.history(tax)] == [(1, None), (2, None), (3, None), (4, 2), (5, 1)]


def test_going_to_and_fro_ends_where_the_state_is_from(project, registry):
    """
    A plain rollback goes by the state that runs, whatever way led to it: brought back, it is the first all the same.
    """
    m = project.load("to_and_fro", "V = 1\n")
    project.write("to_and_fro.py", "V = 2\n")
    registry.refresh()
    for number in (1, 2, 3):
        registry.rollback(m, number)

    with pytest.raises(NoEarlierVersionError):
        registry.rollback(m)

    assert m.V == 1


def test_a_rollback_that_is_taken_back_does_in_order_what_it_took_back(project, registry):
    """
    What a rollback took back is done again oldest first: of a commit and the rollback that took it back the second holds.
    """
    project.load("n", "V = 1\n")
    m = project.load("m", "from n import V\nW = V\n")
    project.write("n.py", "V = 2\n")
    registry.refresh()
    registry.reload("n")
    registry.rollback("m")
    registry.rollback("n", 2)
    registry.rollback("n", 4)

    with pytest.raises(NoEarlierVersionError):
        registry.rollback("n")

    assert m.W == 1


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("is_refresh", [False, True])
def test_an_edit_that_was_turned_away_and_taken_back_can_come_again(project, registry, is_refresh, is_deleted):
    """
    What a rollback turned away is left alone as long as the file has it; once the file was seen as it was before, no more.

    A reload of any module looks at it, as a refresh does.
    """
    project.load("other", "")

    def edit():
        if is_deleted:
            (project.root / "tax.py").unlink()
        else:
            project.write("tax.py", "RATE = 2\n")

    tax = project.load("tax", "RATE = 1\n")
    edit()
    registry.refresh()
    registry.rollback("tax")
    left_alone = registry.refresh().steps
    project.write("tax.py", "RATE = 1\n")
    taken_back = registry.refresh().steps if is_refresh else (registry.reload("other"), ())[1]
    edit()

    again = registry.refresh().steps

    assert (left_alone, taken_back) == ((), ())
    assert [step.module for step in again] == ["tax"]
    assert ("tax" in sys.modules, tax.RATE) == ((False, 1) if is_deleted else (True, 2))


@pytest.mark.parametrize("is_executed", [False, True])
@pytest.mark.parametrize("is_again", [False, True])
def test_a_deletion_that_was_turned_away_comes_again_with_the_edits_that_were(project, registry, is_again, is_executed):
    """
    Whether a file that is not there was there meanwhile does not show; that what was edited with it was written anew does.

    An edit of something else leaves it turned away.  That a module was executed for another's sake changes nothing.
    """
    project.load("base", "RATE = 1\n")
    project.load("tax", "RATE = 1\n")
    project.load("shop", "import tax, base\nTWICE = base.RATE * 2\n")
    project.load("other", "")
    edited = "shop" if is_again else "other"

    def edit():
        project.write(f"{edited}.py", "WORD = 2\n")
        (project.root / "tax.py").unlink()

    project.write("shop.py", "WORD = 2\n")
    (project.root / "tax.py").unlink()
    registry.refresh()
    registry.rollback("shop")
    if is_executed:
        project.write("base.py", "RATE = 2\n")
        registry.refresh()
    project.write("tax.py", "RATE = 1\n")
    project.write("shop.py", "import tax, base\nTWICE = base.RATE * 2\n")
    edit()

    registry.refresh()

    assert ("tax" in sys.modules) is not is_again


def _replayed(commits, name):
    """The last commit of a module that no rollback has taken back, by doing all again from the first."""
    standing = set()

    def change(revision, *, is_undone):
        commit = commits[revision - 1]
        if not commit.undoes:
            (standing.discard if is_undone else standing.add)(revision)
        for each in reversed(commit.undoes) if is_undone else commit.undoes:
            change(each, is_undone=not is_undone)

    for commit in commits:
        change(commit.revision, is_undone=False)
    found = [revision for revision in standing if name in commits[revision - 1].before]
    return commits[max(found) - 1] if found else None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.sets(st.integers(0, 8))), max_size=9))
def test_the_commit_that_stands_is_the_one_that_a_replay_leaves(steps):
    """
    Whatever rollbacks take back, rollbacks among it: the last word on each commit counts.
    """
    history = History()
    for revision, (names, undone) in enumerate(steps, 1):
        past = [history.commits[n] for n in sorted(undone, reverse=True) if n < len(history.commits)]
        before = dict.fromkeys((name for each in past for name in each.before), 1) or dict.fromkeys(names, 1)
        made = Commit(cause=Cause.RELOAD, records=(), before=before, journal=None, revision=revision)
        made.undoes = tuple(each.revision for each in past)
        history.commits = (*history.commits, made)

    for name in "abc":
        assert history.standing(name) is _replayed(history.commits, name)


@pytest.mark.parametrize("gone", ["refresh", "unload", "rollback"])
def test_a_module_that_is_imported_anew_has_nothing_to_take_back(project, registry, gone):
    """
    What came with the end of a module concerns others; a version of before is brought back where it is asked for.
    """
    project.write("tax.py", "RATE = 1\n")
    other = project.load("other", "def rate():\n    import tax\n    return tax.RATE\n")
    if gone == "rollback":
        project.write("other.py", "import tax\n")
        registry.refresh()
    else:
        importlib.import_module("tax")
    project.write("other.py", "WORD = 2\n")
    project.root.joinpath("tax.py").unlink()
    if gone == "refresh":
        registry.refresh()
    elif gone == "unload":
        registry.refresh(only=["other"])
        registry.unload("tax")
    else:
        registry.rollback(other)
    rest = {name: value for name, value in vars(other).items() if name[0] != "_"}
    tax = project.load("tax", "RATE = 2\n")

    with pytest.raises(NoEarlierVersionError):
        registry.rollback("tax")

    assert (tax.RATE, sys.modules["tax"]) == (2, tax)
    assert {name: value for name, value in vars(other).items() if name[0] != "_"} == rest
    assert registry.rollback("tax", to=1).RATE == 1
