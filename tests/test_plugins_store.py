"""What outlives the process: last known good, crash marks, quarantine, probation."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from plugin_bench import offering

import modreg
from modreg.plugins import FileStore, Kind, MemoryStore
from modreg.plugins._store import Ledger

DIE = "import os\nos._exit(9)\n"


def test_last_known_good_is_kept(bench, host):
    """
    The store knows the hash and version of what was last known to be good, and when.
    """
    bench.load("weather", "1", "__version__ = '1.3'\n")

    memory = Ledger(bench.store).of("weather")

    assert (memory.good, memory.good_version, memory.good_at) == (host.history("weather")[0].source_hash, "1.3", 1000.0)
    assert memory.starting == ""


def test_plugin_that_was_being_started_when_the_process_ended_is_not_loaded_again(bench, host):
    """
    Its sources are in quarantine with a word why; other sources are loaded, and a release lets them out.
    """
    seen = []
    host.bind(setup=lambda plugin: seen.append(bench.store.text))
    path = bench.plugin("weather")
    host.load("weather", path)
    bench.store.text = seen[0]  # as it was when the set-up ran

    host = bench.die()

    assert host.crashed == ("weather",)
    outcome = host.load("weather", path)
    assert outcome.kind is Kind.QUARANTINED
    assert "the process ended" in outcome.explain()
    assert "last known" not in outcome.explain()
    host.release("weather")
    assert host.load("weather")
    host.unload("weather")
    bench.store.text = seen[0]
    host = bench.die()
    bench.plugin("weather", "2")
    assert host.load("weather", path).kind is Kind.LOADED


@pytest.mark.parametrize("when", ["execute", "set-up"])
def test_process_that_a_plugin_kills(tmp_path, when):
    """
    A plugin that ends the process while it is started is in quarantine in the next one, and the others are loaded.
    """
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "bad.py").write_text(DIE if when == "execute" else f"def setup():\n    {DIE.splitlines()[1]}\nimport os\n")
    (plugins / "good.py").write_text("def setup(): pass\n")
    program = textwrap.dedent(f"""
        from pathlib import Path
        from modreg.plugins import FileStore, Host
        host = Host("acme", store=FileStore({str(tmp_path / "state.json")!r}))
        host.bind(setup=lambda plugin: plugin.setup())
        host.discover(Path({str(plugins)!r}))
        print([outcome.kind.value for outcome in host.load_all(["good", "bad"])])
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(modreg.__file__).parents[1])}
    runs = [
        subprocess.run([sys.executable, "-c", program], env=environment, text=True, capture_output=True, check=False)
        for _ in range(2)
    ]

    assert [run.returncode for run in runs] == [9, 0]
    assert runs[1].stdout.strip() == "['loaded', 'quarantined']"
    assert "'bad'" in runs[1].stderr  # the host says so of its own accord


def test_plugin_that_went_with_another_is_not_to_blame(bench, host):
    """
    If the process ends while a new version is started, those that run on their old sources are not in quarantine.
    """
    bench.load("weather")
    bench.load("rain", more="from .weather import WORD as base\n")
    seen = []
    host.bind(setup=lambda plugin: seen.append((plugin.__name__, bench.store.text)))
    bench.plugin("weather", "2")
    assert host.reload("weather").others == ("rain",)
    bench.store.text = dict(seen)["acme_plugins.rain"]

    host = bench.die()

    assert host.crashed == ("weather",)


def test_quarantine_says_what_was_good(bench, host):
    """
    Whoever has to mend a plugin in quarantine reads which version was the last that did well, in an earlier process too.
    """
    path = bench.plugin("weather", "1", "__version__ = '1.3'\n")
    host.load("weather", path)
    bench.plugin("weather", "2", "__version__ = '1.4'\n")
    host.reload("weather", confirm_within=30)

    host = bench.die()

    assert "last known to be good was 1.3" in host.load("weather", path).problem


def sources(path, word):
    """A plugin's files: a file, a folder or an archive, by the name of the path."""
    text = offering("weather", word)
    if path.suffix == ".py":
        path.write_text(text)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("weather/__init__.py", text)
    else:
        path.mkdir(exist_ok=True)
        path.joinpath("__init__.py").write_text(text)
        path.joinpath("data.txt").write_text(word)
        path.joinpath(".git").mkdir(exist_ok=True)
    return path


@pytest.mark.parametrize("name", ["weather.py", "weather", "weather.zip"])
def test_last_good_files_are_kept_where_the_host_wants_it(bench, tmp_path, name):
    """
    In another process a plugin in quarantine says where its last good files are, and runs from there again.
    """
    keep = tmp_path / "keep"
    host = bench.start(keep=keep)
    path = sources(tmp_path / name, "good")
    assert host.kept("weather") is None
    host.load("weather", path)
    sources(path, "bad")
    assert host.reload("weather", confirm_within=30)

    host = bench.die(keep=keep)
    refusal = host.load("weather", path)

    kept = host.kept("weather")
    assert refusal.kind is Kind.QUARANTINED
    assert str(kept) in refusal.explain()
    assert keep in kept.parents
    assert host.load("weather", kept).kind is Kind.LOADED
    assert bench.offers["weather"] == "good"
    assert not kept.joinpath(".git").exists()
    assert name != "weather" or kept.joinpath("data.txt").read_text() == "good"
    assert host.unload("weather")
    sources(path, "mended")
    assert host.load("weather", path).kind is Kind.LOADED
    assert host.kept("weather") != kept


def test_files_that_are_others_by_now_are_not_kept(bench, tmp_path):
    """
    What is kept is what the version was made of, or nothing: somebody may write while it is set up.
    """
    host = bench.start(keep=tmp_path / "keep")
    path = bench.plugin("weather")
    host.bind(setup=lambda _: bench.plugin("weather", "2"))

    assert host.load("weather", path).notes == ()

    assert host.kept("weather") is None


def test_files_that_cannot_be_kept_are_a_note(bench, tmp_path):
    """
    A disk that is full takes no plugin down.
    """
    tmp_path.joinpath("keep").write_text("")
    host = bench.start(keep=tmp_path / "keep")

    outcome = host.load("weather", bench.plugin("weather"))

    assert outcome.kind is Kind.LOADED
    assert "could not be kept" in outcome.explain()


def test_few_versions_files_are_kept(bench, tmp_path):
    """
    However often a plugin is reloaded, the files of its last three versions are kept, and a rollback finds its own.
    """
    host = bench.start(keep=tmp_path / "keep")
    for word in "123456":
        bench.plugin("weather", word)
        assert host.reload("weather") if word > "1" else host.load("weather", bench.plugin("weather"))

    host.rollback("weather")

    assert len(list(tmp_path.glob("keep/weather/*"))) == 3
    assert "'5'" in host.kept("weather").read_text()


def test_failed_version_leaves_no_mark(bench, host):
    """
    A load or reload that failed in good order is no crash.
    """
    host.load("ill", bench.plugin("ill", "1", "raise OSError\n"))
    bench.load("weather")
    bench.plugin("weather", "2", "raise OSError\n")
    host.reload("weather")

    assert bench.die().crashed == ()


def test_disabled_plugin_stays_disabled(bench, host):
    """
    The next process does not load what was disabled, until it is enabled.
    """
    bench.load("weather")
    host.disable("weather")
    host = bench.die()
    host.discover(bench.project.root / "plugins")

    assert host.load_all() == ()
    assert not host.plugin("weather").is_enabled
    assert host.enable("weather").kind is Kind.LOADED
    assert host.plugin("weather").is_enabled


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99, "plugins": {}}', '{"format": 1, "plugins": {"a": {"odd": 1}}}', '{"format": 1, "plugins": {"a": {"quarantine": [1]}}}'])
def test_text_that_cannot_be_read_is_begun_anew(make_bench, caplog, text):
    """
    A host starts whatever its store holds, and says what is wrong.
    """
    bench = make_bench(store=MemoryStore(text))

    bench.load("weather")

    assert "begun anew" in caplog.text
    assert Ledger(bench.store).trouble == ""


@pytest.mark.parametrize("data", [b'{"format": 99}', b"\xff\xfe\x00"])
def test_file_that_cannot_be_read_is_set_aside(make_bench, tmp_path, data):
    """
    What an earlier modreg cannot read, as what a later one wrote, is still there beside what is written anew.
    """
    path = tmp_path / "state.json"
    path.write_bytes(data)
    bench = make_bench(store=FileStore(path))

    bench.load("weather")

    assert Path(f"{path}.old").read_bytes() == data
    assert list(json.loads(path.read_text("utf-8"))["plugins"]) == ["weather"]


def test_place_that_is_no_file_is_left_alone(make_bench, tmp_path, caplog):
    """
    A host starts, and says so, where its store is a folder by mistake.
    """
    (tmp_path / "state/precious").mkdir(parents=True)
    bench = make_bench(store=FileStore(tmp_path / "state"))

    outcome = bench.load("weather")

    assert "begun anew" in caplog.text
    assert "could not be kept" in outcome.explain()
    assert (tmp_path / "state/precious").is_dir()


@pytest.mark.parametrize("is_synced", [False, True])
def test_file_is_replaced_as_a_whole(tmp_path, is_synced):
    """
    A writing that fails leaves the former text, and one that does not leaves nothing beside the file.
    """
    store = FileStore(tmp_path / "state.json", is_synced=is_synced)
    assert store.read() == ""
    store.write("one")

    with pytest.raises(UnicodeEncodeError):
        store.write("\ud800")

    assert store.read() == "one"
    store.write("two")
    assert store.read() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


class Full(MemoryStore):
    """A store that can take nothing more."""

    is_full = False

    def write(self, text):
        if self.is_full:
            raise OSError("no space left")
        super().write(text)


def test_store_that_cannot_be_written_takes_no_plugin_down(make_bench):
    """
    The action goes on, and a note says that it could not be kept.
    """
    bench = make_bench(store=Full())
    bench.load("weather")
    bench.store.is_full = True
    bench.plugin("weather", "2")

    outcome = bench.host.reload("weather")

    assert outcome.kind is Kind.RELOADED
    assert "no space left" in outcome.explain()
    bench.store.is_full = False
    assert "no space" not in bench.host.unload("weather").explain()


# Probation


def test_version_that_is_not_confirmed_goes_back(bench, host):
    """
    When its time is over the last good version comes back, and the sources are in quarantine.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    assert host.reload("weather", confirm_within=30).kind is Kind.RELOADED
    assert host.plugin("weather").is_on_probation
    bench.now += 29
    assert host.tick() == ()
    bench.now += 1

    outcomes = host.tick()

    assert [each.kind for each in outcomes] == [Kind.ROLLED_BACK]
    assert "not confirmed" in outcomes[0].explain()
    assert bench.offers == {"weather": "1"}
    assert host.tick() == ()
    assert host.reload("weather").kind is Kind.QUARANTINED  # a watcher that tries again


def test_version_that_is_confirmed_stays(bench, host):
    """
    A confirmed version is the last known good one.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    host.reload("weather", confirm_within=30)

    assert host.confirm("weather").kind is Kind.CONFIRMED
    bench.now += 60
    assert host.tick() == ()
    assert host.confirm("weather").kind is Kind.UNCHANGED
    assert Ledger(bench.store).of("weather").good == host.history("weather")[1].source_hash


@pytest.mark.parametrize("answer", [False, OSError("ill")])
def test_check_ends_a_probation_at_once(bench, host, answer):
    """
    A check that answers no, or raises, brings the last good version back before the time is over.
    """

    def check(plugin):
        if isinstance(answers[-1], Exception):
            raise answers[-1]
        return answers[-1]

    answers = [True]
    bench.load("weather")
    bench.plugin("weather", "2")
    host.reload("weather", confirm_within=30, check=check)
    assert host.tick() == ()
    answers.append(answer)

    assert [each.kind for each in host.tick()] == [Kind.ROLLED_BACK]
    assert bench.offers == {"weather": "1"}


def test_plugin_that_went_with_another_stays_on_probation(bench, host):
    """
    To be executed for another's sake proves nothing.
    """
    bench.load("geo", "1")
    taking = "from acme_plugins.geo import WORD as GEO\nclass Route: word = GEO\n"
    bench.load("route", "1", taking)
    bench.plugin("route", "2", taking)
    host.reload("route", confirm_within=30)
    bench.plugin("geo", "2")

    assert host.reload("geo").others == ("route",)

    assert host.plugin("route").is_on_probation
    bench.now += 30
    assert [each.kind for each in host.tick()] == [Kind.ROLLED_BACK]
    assert (bench.offers["route"], host["route"].Route.word) == ("1", "2")


def test_return_that_fails_is_told(bench, host):
    """
    If the way back from a failed probation is barred, the outcome says both.
    """
    bench.load("geo", "1", "__version__ = '1.0'\n")
    bench.plugin("geo", "2", "__version__ = '2.0'\n")
    host.reload("geo", confirm_within=30)
    bench.load("route", "1", "__requires__ = ['geo>=2']\n")
    bench.now += 30

    outcome = host.tick()[0]

    assert outcome.kind is Kind.REFUSED
    assert "route needs geo>=2" in outcome.problem
    assert "did not pass" in outcome.problem


def test_check_that_passes_confirms(bench, host):
    """
    A check that still passes when the time is over confirms the version.
    """
    bench.load("weather", "1")
    bench.plugin("weather", "2")
    host.reload("weather", confirm_within=30, check=lambda plugin: True)
    bench.now += 30

    assert [each.kind for each in host.tick()] == [Kind.CONFIRMED]


def test_first_version_on_probation_is_unloaded(bench, host):
    """
    Where there is no good version to go back to, the plugin is unloaded.
    """
    host.load("weather", bench.plugin("weather"), confirm_within=30)
    bench.now += 30

    assert [each.kind for each in host.tick()] == [Kind.UNLOADED]
    assert host.load("weather").kind is Kind.QUARANTINED


def test_check_without_probation_is_part_of_the_transaction(bench, host):
    """
    A check that does not pass right after the set-up leaves the old version.
    """
    bench.load("weather")
    bench.plugin("weather", "2")

    outcome = host.reload("weather", check=lambda plugin: False)

    assert outcome.kind is Kind.KEPT_OLD
    assert bench.offers == {"weather": "1"}
    assert host.load("rain", bench.plugin("rain"), check=lambda plugin: False).kind is Kind.FAILED


@pytest.mark.parametrize("action", ["load", "reload"])
def test_time_of_a_probation_that_is_no_number(bench, host, action):
    """
    What cannot be reckoned with is refused before anything is touched.
    """
    if action == "reload":
        bench.load("weather")
    host.add("weather", bench.plugin("weather", "2"))

    outcome = getattr(host, action)("weather", confirm_within=dt.timedelta(seconds=30))

    assert outcome.kind is Kind.REFUSED
    assert "number of seconds" in outcome.problem
    assert bench.offers == ({"weather": "1"} if action == "reload" else {})


def test_process_that_ends_on_probation(bench, host):
    """
    A version that was on probation when the process ended is in quarantine; one whose host was closed is not.
    """
    bench.load("weather")
    path = bench.plugin("weather", "2")
    host.reload("weather", confirm_within=30)
    host = bench.die()
    assert host.crashed == ("weather",)
    assert host.load("weather", path).kind is Kind.QUARANTINED

    bench.plugin("weather", "3")
    host.load("weather", confirm_within=30)
    host.close()

    assert bench.start().crashed == ()


def test_reload_on_probation_that_fails_stays_on_probation(bench, host):
    """
    A further edit that fails leaves the version on probation as it was, with its mark.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    host.reload("weather", confirm_within=30)
    bench.plugin("weather", "3", "raise OSError\n")
    assert host.reload("weather").kind is Kind.KEPT_OLD
    assert host.plugin("weather").is_on_probation
    bench.now += 30

    host.tick()

    assert bench.offers == {"weather": "1"}


def test_good_files_are_kept_however_many_bad_ones_come(bench, tmp_path):
    """
    Versions that fail on probation, one after another, do not take the place of the one that is good.
    """
    host = bench.start(keep=tmp_path / "keep")
    host.load("weather", bench.plugin("weather", "good"))
    for word in "1234":
        bench.plugin("weather", word)
        assert host.reload("weather", confirm_within=0)
        assert [each.kind for each in host.tick()] == [Kind.ROLLED_BACK]

    assert "'good'" in host.kept("weather").read_text()
