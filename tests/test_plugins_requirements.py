"""What a plugin requires is read without running it, and has to hold before any of it runs."""

from __future__ import annotations

import itertools
import shutil
import sys

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from modreg.plugins import Kind, _metadata, _requirements
from modreg.plugins._metadata import Metadata, MetadataError


def declares(version=None, *requires):
    return Metadata(version=Version(version) if version else None, requires=tuple(map(Requirement, requires)))


def declared(version, *requires):
    return f"__version__ = {version!r}\n__requires__ = {list(requires)!r}\n"


@pytest.mark.parametrize(("requires", "problem"), [
    (["acme>=4,<5"], ""),
    (["acme>=5"], "weather 1.0 needs acme>=5, and acme is 4.2"),
    (["geo"], "weather 1.0 needs geo, and geo is not running"),
    (["acme", "rain>=1"], "weather 1.0 needs rain>=1, and rain is not running"),
])
def test_requirements_hold_before_anything_runs(bench, host, requires, problem):
    """
    A plugin whose requirements do not hold is refused by name and specifier, and none of its code runs.
    """
    path = bench.plugin("weather", "1", declared("1.0", *requires) + ("raise SystemExit\n" if problem else ""))

    outcome = host.load("weather", path)

    assert outcome.kind is (Kind.REFUSED if problem else Kind.LOADED)
    assert outcome.problem == problem


def test_reload_that_others_could_not_bear_is_refused(bench, host):
    """
    A new version that a loaded plugin's specifier excludes does not come.
    """
    bench.load("geo", "1", declared("1.5"))
    bench.load("route", "1", declared("2.0", "geo<2"))
    bench.plugin("geo", "2", declared("2.0"))

    outcome = host.reload("geo")

    assert outcome.kind is Kind.REFUSED
    assert outcome.problem == "route 2.0 needs geo<2, and geo is 2.0"
    assert bench.offers["geo"] == "1"


def test_plugins_that_change_together_are_judged_together(bench, host):
    """
    In one transaction the new versions count, not the ones that go.
    """
    bench.load("geo", "1", declared("1.5"))
    bench.load("route", "1", declared("2.0", "geo<2"))
    bench.plugin("geo", "2", declared("2.0"))
    bench.plugin("route", "2", declared("3.0", "geo>=2"))

    assert host.reload("route").kind is Kind.REFUSED
    assert all(host.reload_all(together=True))
    assert bench.offers == {"geo": "2", "route": "2"}


def test_reload_of_all_follows_requirements(bench, host):
    """
    Each on its own, plugins are reloaded after those that they require, and told in the order that was asked for.
    """
    bench.load("base", "1", "__version__ = '1'\n")
    bench.load("user", "1", "__requires__ = ['base']\n")
    bench.plugin("base", "2", "__version__ = '2'\n")
    bench.plugin("user", "2", "__requires__ = ['base>=2']\n")

    outcomes = host.reload_all(["user", "base"])

    assert [(each.plugin, each.kind) for each in outcomes] == [("user", Kind.RELOADED), ("base", Kind.RELOADED)]


def test_what_others_need_stays(bench, host):
    """
    A plugin that another one needs is neither disabled nor unloaded before that one.
    """
    bench.load("geo", "1", declared("1.5"))
    bench.load("route", "1", declared("2.0", "geo"))

    assert host.unload("geo").problem == "route needs it"
    assert host.disable("geo").kind is Kind.REFUSED
    assert [outcome.plugin for outcome in host.unload_all()] == ["route", "geo"]


def test_load_all_follows_requirements(bench, host):
    """
    Each plugin is loaded after those that it requires; circles and what fails are told, and take nobody else down.
    """
    bench.plugin("alone")
    bench.plugin("route", "1", declared("1.0", "geo>=1"))
    bench.plugin("geo", "1", declared("1.0"))
    bench.plugin("hen", "1", declared("1.0", "egg"))
    bench.plugin("egg", "1", declared("1.0", "hen"))
    bench.plugin("ill", "1", "raise OSError('disk')\n")
    bench.plugin("user", "1", declared("1.0", "ill"))
    host.discover(bench.project.root / "plugins")

    outcomes = {outcome.plugin: outcome for outcome in host.load_all()}

    assert [name for name, outcome in outcomes.items() if outcome] == ["alone", "geo", "route"]
    assert "egg needs hen needs egg" in outcomes["egg"].problem
    assert outcomes["ill"].kind is Kind.FAILED
    assert outcomes["user"].problem == "user 1.0 needs ill, and ill is not running"


def test_names_are_compared_as_packaging_does(bench, host):
    """
    Case, dashes, dots and underscores make no difference in a requirement.
    """
    host.load("my-geo", bench.plugin("geo", "1", declared("1.0")))
    bench.write("route.py", "__requires__ = ['My_Geo>=1']\ndef setup(o): pass\ndef teardown(o): pass\n")

    assert host.load("route", bench.project.root / "plugins/route.py")


def test_markers_count(bench, host):
    """
    A requirement whose marker does not hold here is none.
    """
    bench.load("weather", "1", declared("1.0", "geo; python_version < '3'"))


def test_plugin_toml_is_read(bench, host):
    """
    A plugin.toml declares as the source does, and goes before it.
    """
    bench.write("snow/__init__.py", "__version__ = '1.0'\ndef setup(o): pass\ndef teardown(o): pass\n")
    bench.write("snow/plugin.toml", "version = '2.0'\nrequires = ['acme>=9']\n")

    outcome = host.load("snow", bench.project.root / "plugins/snow")

    assert outcome.problem == "snow 2.0 needs acme>=9, and acme is 4.2"


@pytest.mark.parametrize("text", [
    "__requires__ = 'acme'\n",
    "__requires__ = 3\n",
    "__requires__ = [{[]: 'acme'}]\n",
    "__requires__ = ['acme >>> 4']\n",
    "__requires__ = [name for name in 'abc']\n",
    "__version__ = 'newest'\n",
])
def test_what_cannot_be_understood_is_told(bench, host, text):
    """
    A declaration that is no literal, no requirement or no version fails the load, with its file; nothing runs.
    """
    path = bench.write("weather.py", text + "raise SystemExit\n")

    outcome = host.load("weather", path)

    assert outcome.kind is Kind.FAILED
    assert outcome.phase == "plan"
    assert str(path) in outcome.problem


def test_computed_version_is_no_version(bench, host):
    """
    A version that is computed cannot be read and is not declared.
    """
    bench.load("weather", "1", "__version__ = '.'.join(['1', '0'])\n")

    assert host.history("weather")[0].declared is None


def test_toml_that_is_none(tmp_path):
    """
    What is no TOML is told by its path.
    """
    with pytest.raises(MetadataError, match="snow"):
        _metadata.of_toml(b"version =", "snow/plugin.toml")


@pytest.mark.parametrize("what", ["<1.4", "hash"])
def test_denied_versions_are_not_loaded(bench, host, what):
    """
    A version is denied by a specifier or by the hash of its sources; a later one is not.
    """
    bench.load("weather", "1", declared("1.3"))
    host.unload("weather")
    host.deny("Weather", host.history("weather")[0].source_hash if what == "hash" else what)

    assert "denied" in host.load("weather").problem
    bench.plugin("weather", "2", declared("1.4"))
    assert host.load("weather").kind is Kind.LOADED


@pytest.mark.parametrize("what", ["1.4", "<1.4x", "abc"])
def test_what_denies_nothing_is_an_error(make_bench, what):
    """
    A slip in a deny list does not let in what it was meant to keep out.
    """
    with pytest.raises(ValueError, match="neither a specifier"):
        make_bench(deny={"weather": [what]})

    with pytest.raises(ValueError, match="neither a specifier"):
        make_bench().host.deny("weather", what)


def test_import_loads_no_plugin(bench, host):
    """
    A plugin that is not loaded, perhaps because it is in quarantine, is not executed for another's sake either.
    """
    path = bench.plugin("base", "1", "import sys\nsys.executed = True\n")
    assert host.load("base", path, confirm_within=1, check=lambda plugin: False)
    assert [each.kind for each in host.tick()] == [Kind.UNLOADED]
    sys.executed = False
    user = bench.plugin("user", "1", "from .base import WORD as base\n")

    outcome = host.load("user", user)

    assert outcome.kind is Kind.FAILED
    assert "plugin base is not loaded; who needs it says __requires__ = ['base']" in outcome.problem
    assert not sys.executed
    del sys.executed
    host.release("base")
    assert host.load("base")
    assert host.load("user")


def test_module_that_was_imported_before_its_load(bench, host, project):
    """
    A plugin with a module name of its own may have been imported long ago: it is loaded as its files are now.
    """
    text = "WORD = {!r}\ndef setup(o): o['rain'] = WORD\ndef teardown(o): o.clear()\n"
    project.load("rainy", text.format("old"))
    project.write("rainy.py", text.format("new"))

    assert host.load("rain", "rainy").kind is Kind.LOADED

    assert bench.offers == {"rain": "new"}
    host.unload("rain")
    project.load("rainy", text.format("old"))
    project.write("rainy.py", "raise OSError('wet')\n")
    outcome = host.load("rain")
    assert (outcome.kind, outcome.running) == (Kind.FAILED, "")
    assert "wet" in outcome.problem


def test_pinned_plugin_stays(bench, host):
    """
    A pinned plugin is not reloaded, nor loaded from other sources in the next process, until it is unpinned.
    """
    bench.load("weather")
    host.pin("weather")
    path = bench.plugin("weather", "2")

    assert "pinned" in host.reload("weather").problem
    host = bench.die()
    assert "pinned" in host.load("weather", path).problem
    host.unpin("weather")
    assert host.load("weather")


def test_order_of_every_small_graph():
    """
    In all graphs of three plugins each stands after what it requires, and exactly the others are in circles.
    """
    names = ("a", "b", "c")
    edges = [(x, y) for x in names for y in names if x != y]
    for chosen in itertools.chain.from_iterable(itertools.combinations(edges, n) for n in range(len(edges) + 1)):
        wanted = {name: declares("1", *(y for x, y in chosen if x == name)) for name in names}

        order, circles = _requirements.ordered(wanted)

        assert sorted([*order, *circles]) == list(names)
        for x, y in chosen:
            if x in order and y in order:
                assert order.index(y) < order.index(x)
        reach = {(x, y) for x, y in chosen}
        for _ in names:
            reach |= {(x, z) for x, y in reach for w, z in reach if y == w}
        assert set(circles) == {name for name in names if (name, name) in reach}


def install(project, version, requires):
    for former in project.root.glob("hail-*.dist-info"):
        shutil.rmtree(former)
    lines = ["Metadata-Version: 2.1", "Name: hail", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    project.write(f"hail-{version}.dist-info/METADATA", "\n".join(lines) + "\n")
    project.write(f"hail-{version}.dist-info/entry_points.txt", "[acme.plugins]\nhail = hailing\n")
    project.write("hailing.py", f"NUMBER = {version!r}\ndef setup(o): pass\ndef teardown(o): pass\n")


def test_distribution_declares_for_its_entry_points(bench, host, project):
    """
    Its version and what it requires of the host and of plugins count, as of what is installed now; others are pip's.
    """
    install(project, "1.0", ["acme>=4", "elsewhere>=9", "weather>=9; extra == 'all'"])
    bench.load("weather")
    host.discover(group="acme.plugins")
    assert host.load("hail").running == "version 1 (1.0)"
    install(project, "2.0", ["acme>=5"])

    refused = host.reload("hail")
    install(project, "3.0", ["acme<5", "weather"])
    outcome = host.reload("hail")

    assert (refused.kind, refused.problem) == (Kind.REFUSED, "hail 2.0 needs acme>=5, and acme is 4.2")
    assert outcome.running == "version 2 (3.0)"
    assert host.unload("weather").kind is Kind.REFUSED


def test_distribution_that_is_gone(bench, host, project):
    """
    A plugin whose distribution was taken away runs on, and the outcome says so.
    """
    install(project, "1.0", [])
    host.discover(group="acme.plugins")
    host.load("hail")
    shutil.rmtree(project.root / "hail-1.0.dist-info")

    outcome = host.reload("hail")

    assert outcome.kind is Kind.KEPT_OLD
    assert "hail is not installed" in outcome.problem
