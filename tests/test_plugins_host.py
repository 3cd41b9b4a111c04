"""One call, and the plugin is not worse off than before it."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from plugin_bench import offering

from modreg.plugins import Host, Kind, PluginError, State


def test_plugin_is_loaded_under_a_name_of_the_hosts(bench, host):
    """
    A plugin from a file is a module below the host's package, and set up when it is loaded.
    """
    outcome = bench.load("weather")

    assert outcome.kind is Kind.LOADED
    assert outcome.running == "version 1"
    assert bench.offers == {"weather": "1"}
    assert host["weather"] is sys.modules["acme_plugins.weather"]
    assert host.plugin("weather").state is State.RUNNING


def test_reload_brings_the_new_version(bench, host):
    """
    The old version is torn down, the new one set up, both inside one transaction.
    """
    bench.load("weather")
    bench.plugin("weather", "2")

    outcome = host.reload("weather", by="ann", reason="news")

    assert outcome.kind is Kind.RELOADED
    assert bench.offers == {"weather": "2"}
    assert bench.did == ["set up weather", "tear down weather", "set up weather"]
    assert [(v.number, v.action, v.by, v.reason) for v in host.history("weather")] == [
        (1, "load", "", ""),
        (2, "reload", "ann", "news"),
    ]
    assert host.diff("weather")[0].changes[0].path == "WORD"


def test_unchanged_is_an_outcome(bench, host):
    """
    Without an edit nothing is torn down, executed or recorded.
    """
    bench.load("weather")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.UNCHANGED
    assert outcome
    assert bench.did == ["set up weather"]
    assert len(host.history("weather")) == 1


def test_syntax_error_never_touches_the_running_plugin(bench, host):
    """
    What does not compile is found before anything is torn down; the outcome says where.
    """
    bench.load("weather")
    path = bench.write("weather.py", "WORD = 2\ndef setup(:\n")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.KEPT_OLD
    assert (outcome.phase, outcome.path, outcome.line) == ("plan", str(path), 2)
    assert bench.did == ["set up weather"]
    assert bench.offers == {"weather": "1"}
    assert "version 1" in outcome.explain()


@pytest.mark.parametrize(("more", "phase", "line"), [
    ("raise OSError('disk')\n", "execute", 4),
    ("def setup(offers): raise OSError('disk')\n", "set-up", 4),
    ("def setup(offers):\n    offers['weather'] = 'half'\n    1 / 0\n", "set-up", 6),
])
def test_version_that_fails_leaves_the_old_one_set_up(bench, host, more, phase, line):
    """
    If the execution or the set-up fails, the old version is restored and set up again.
    """
    bench.load("weather")
    bench.plugin("weather", "2", more)

    outcome = host.reload("weather")

    assert outcome.kind is Kind.KEPT_OLD
    assert (outcome.phase, outcome.line) == (phase, line)
    assert outcome.path.endswith("weather.py")
    assert outcome.running == "version 1"
    assert bench.offers == {"weather": "1"}
    assert host["weather"].WORD == "1"
    assert len(host.history("weather")) == 1


def test_old_version_that_cannot_be_set_up_again_is_a_state_of_its_own(bench, host):
    """
    If the way back fails too, the outcome and the plugin's state say so; a mended version sets it up.
    """
    once = "def setup(offers):\n    sys.tries += 1\n    assert sys.tries < 2, 'port in use'\n"
    bench.load("weather", "1", "import sys\nsys.tries = 0\n" + once)
    bench.plugin("weather", "2", "raise OSError('disk')\n")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.BROKEN
    assert host.plugin("weather").state is State.BROKEN
    assert "port in use" in outcome.explain()
    assert "could not be set up again" in outcome.explain()
    bench.plugin("weather", "3")
    assert host.reload("weather").kind is Kind.RELOADED
    assert host.plugin("weather").state is State.RUNNING
    assert bench.offers == {"weather": "3"}
    del sys.tries


def test_way_back_that_ends_the_program(bench, host):
    """
    A set-up of the old version that raises what is no `Exception` keeps no other from being set up, and propagates.
    """
    bench.load("base")
    bench.load("user", "1", "from .base import WORD as base\n")
    bench.load("last", "1", "from .base import WORD as base\n")
    once = iter([SystemExit(3)])

    def setup(plugin):
        if plugin.WORD == "2":
            raise OSError
        for error in once if plugin is host["base"] else ():
            raise error
        plugin.setup(bench.offers)

    host.bind(setup=setup, teardown=bench.teardown)
    bench.plugin("base", "2")

    with pytest.raises(SystemExit):
        host.reload("base")

    assert bench.offers == {"user": "1", "last": "1"}
    assert [each.state for each in host.plugins()] == [State.BROKEN, State.RUNNING, State.RUNNING]
    assert host.enable("base").kind is Kind.ENABLED


def test_broken_plugin_is_never_said_to_run(bench, host):
    """
    As long as a plugin is not set up, no outcome says that it is running or stays as it was.
    """
    bench.load("weather", "1", "import sys\nsys.tries = 0\ndef setup(offers):\n    sys.tries += 1\n    assert sys.tries < 2\n")
    bench.plugin("weather", "2", "raise OSError\n")
    outcomes = [host.reload("weather"), host.enable("weather"), host.reload("weather")]
    bench.plugin("weather", "def oops(:", "def oops(:\n")
    outcomes.append(host.reload("weather"))

    assert {each.kind for each in outcomes} == {Kind.BROKEN}
    assert {each.running for each in outcomes} == {""}
    assert all(each.explain().count("Version 1 is loaded, but could not be set up again.") for each in outcomes)
    bench.plugin("weather", "1")
    assert host.check("weather").kind is Kind.READY
    del sys.tries


def test_failure_of_a_disabled_plugin(bench, host):
    """
    A plugin that is not set up cannot be kept in force.
    """
    bench.load("weather")
    host.disable("weather")

    for more in ("raise OSError\n", "def oops(:\n"):
        bench.plugin("weather", "2", more)
        assert host.reload("weather").kind is Kind.FAILED


def test_failed_load_leaves_nothing(bench, host):
    """
    After a load that failed no module is left, so that a mended file is what the next load executes.
    """
    bench.write("weather/__init__.py", "from . import words\nfrom .words import *\nraise OSError('disk')\n")
    bench.write("weather/words.py", offering := "def setup(offers): offers['weather'] = 'stale'\n")
    outcome = host.load("weather", bench.project.root / "plugins/weather")
    assert outcome.kind is Kind.FAILED
    assert outcome.phase == "execute"
    assert not [name for name in sys.modules if name.startswith("acme_plugins.weather")]
    bench.write("weather/__init__.py", "from .words import setup\ndef teardown(offers): pass\n")
    bench.write("weather/words.py", offering.replace("stale", "fresh"))

    assert host.reload("weather").kind is Kind.LOADED

    assert bench.offers == {"weather": "fresh"}


def test_submodules_and_helpers_are_of_the_unit(bench, host):
    """
    An edit of a submodule is picked up, and a helper of the same name in another plugin is another module.
    """
    for name in ("one", "two"):
        bench.write(f"{name}/__init__.py", f"from .helper import WORD\ndef setup(offers): offers['{name}'] = WORD\ndef teardown(offers): pass\n")
        bench.write(f"{name}/helper.py", f"WORD = '{name} 1'\n")
        assert host.load(name, bench.project.root / "plugins" / name)
    bench.write("one/helper.py", "WORD = 'one 2'\n")

    assert host.reload("one").kind is Kind.RELOADED

    assert bench.offers == {"one": "one 2", "two": "two 1"}
    assert {"acme_plugins.one.helper", "acme_plugins.two.helper"} <= sys.modules.keys()


def test_what_editors_leave_beside_sources_is_no_part_of_a_plugin(make_bench, tmp_path):
    """
    An editor's lock, a link to nowhere that is called as a source is, counts for nothing.
    """
    bench = make_bench(keep=tmp_path / "keep")
    host = bench.host
    path = bench.write("weather/__init__.py", offering("weather", "1")).parent
    assert host.load("weather", path)

    path.joinpath(".#__init__.py").symlink_to("ann@desk.4711:1")
    path.joinpath(".__init__.py").write_text("def (")
    seen = host.changed(settled=0)
    outcome = host.reload("weather")
    bench.write("weather/__init__.py", offering("weather", "2"))
    edited = host.reload("weather")

    assert seen == ()
    assert outcome.kind is Kind.UNCHANGED
    assert (edited.kind, edited.notes) == (Kind.RELOADED, ())


def test_shared_helpers_are_reloaded_with_a_plugin(make_bench, project):
    """
    What a plugin imports from the host's helpers is brought up to date, and so is every other plugin that needs it.
    """
    project.load("shared.__init__", "")
    project.load("shared.text", "def hello(): return 'old'\nWORD = hello()\n")
    bench = make_bench(helpers=["shared"])
    for name in ("one", "two"):
        bench.load(name, "1", f"from shared.text import WORD\ndef setup(offers): offers['{name}'] = WORD\n")
    project.write("shared/text.py", "def hello(): return 'new'\nWORD = hello()\n")

    outcome = bench.host.reload("one")

    assert outcome.kind is Kind.RELOADED
    assert outcome.others == ("two",)
    assert bench.offers == {"one": "new", "two": "new"}
    assert len(bench.host.history("two")) == 2


def test_helper_that_changed_for_others_alone(make_bench, project):
    """
    A plugin that a changed helper leaves as it was is unchanged, and the outcome says what is not.
    """
    project.load("shared", "def hello(): return 'old'\n")
    bench = make_bench(helpers=["shared"])
    bench.load("late", "1", "import shared\ndef word(): return shared.hello()\n")
    project.write("shared.py", "def hello(): return 'new'\n")

    outcome = bench.host.reload("late")

    assert (outcome.kind, outcome.problem) == (Kind.UNCHANGED, "what changed is in shared")
    assert bench.host["late"].word() == "new"


def test_module_that_somebody_took_away(bench, host):
    """
    Whoever takes a plugin's module out of `sys.modules` is told of by every action that would need it there.
    """
    bench.load("weather")
    del sys.modules["acme_plugins.weather"]
    bench.plugin("weather", "2")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.REFUSED
    assert "unload weather and load it again" in outcome.problem
    assert host.unload("weather")
    assert host.load("weather")


def test_module_that_became_a_package(bench, host, project):
    """
    A plugin with a module name of its own may become a package.
    """
    path = project.write("rainy.py", "def setup(o): o['rain'] = 1\ndef teardown(o): o.clear()\n")
    host.load("rain", "rainy")
    path.unlink()
    project.write("rainy/__init__.py", "def setup(o): o['rain'] = 2\ndef teardown(o): o.clear()\n")

    outcome = host.reload("rain")

    assert outcome.kind is Kind.RELOADED, outcome.log_text
    assert bench.offers == {"rain": 2}


def test_protected_modules_are_never_executed(make_bench, project):
    """
    A reload that would execute a module of the host itself is refused, and nothing is torn down.
    """
    project.write("acme_words.py", "WORD = 1\n")
    project.load("app", "from acme_words import WORD\nTWICE = WORD * 2\n")
    bench = make_bench(protect=["app"], helpers=["acme_words"])
    bench.load("weather", "1", "import acme_words\nX = acme_words.WORD\n")
    project.write("acme_words.py", "WORD = 2\n")

    outcome = bench.host.reload("weather")

    assert outcome.kind is Kind.REFUSED
    assert "app" in outcome.problem
    assert bench.did == ["set up weather"]


def test_rollback_registers_again(bench, host):
    """
    A rollback tears down and sets up as a reload does, and walks further back each time.
    """
    bench.load("weather")
    for word in ("2", "3"):
        bench.plugin("weather", word)
        assert host.reload("weather").kind is Kind.RELOADED

    words = []
    for _ in range(2):
        assert host.rollback("weather").kind is Kind.ROLLED_BACK
        words.append(bench.offers["weather"])

    assert words == ["2", "1"]
    assert [v.restores for v in host.history("weather")] == [None, None, None, 2, 1]
    assert host.rollback("weather").kind is Kind.REFUSED
    assert host.rollback("weather", 3)
    assert bench.offers == {"weather": "3"}


def test_rolled_back_sources_are_left_alone(bench, host):
    """
    What a rollback turned away is not loaded by the next reload; another edit is.
    """
    bench.load("weather")
    bench.plugin("weather", "2")
    host.reload("weather")
    host.rollback("weather")

    again = host.reload("weather")

    assert again.kind is Kind.UNCHANGED
    assert "a rollback turned these sources away, and one to version 2 brings them back" in again.explain()
    assert host.rollback("weather", 2)
    assert bench.offers == {"weather": "2"}
    bench.plugin("weather", "3")
    assert host.reload("weather").kind is Kind.RELOADED


def test_disable_and_enable(bench, host):
    """
    A disabled plugin is torn down and stays loaded; a reload does not set it up, enabling it does.
    """
    bench.load("weather")

    assert host.disable("weather").kind is Kind.DISABLED
    assert bench.offers == {}
    bench.plugin("weather", "2")
    assert host.reload("weather").kind is Kind.RELOADED
    assert bench.offers == {}
    assert host.enable("weather").kind is Kind.ENABLED
    assert bench.offers == {"weather": "2"}
    assert host.enable("weather").kind is Kind.UNCHANGED


def test_unload_and_load(bench, host):
    """
    An unloaded plugin has left `sys.modules` and its package; loading it again executes it again.
    """
    bench.load("weather")

    assert host.unload("weather").kind is Kind.UNLOADED
    assert bench.offers == {}
    assert "acme_plugins.weather" not in sys.modules
    assert not hasattr(sys.modules["acme_plugins"], "weather")
    assert host.load("weather").kind is Kind.LOADED
    assert host.rollback("weather", 1).kind is Kind.REFUSED


def test_modules_that_others_have_imported_stay(bench, host):
    """
    A plugin that others took something from, running or not, is not unloaded: they would have the old for ever.

    Those that ask anew at each call do not mind, and all together may go in any order.
    """
    bench.load("base")
    bench.load("user", "1", "from .base import WORD as base\n")
    bench.load("late", "1", "def word():\n    from . import base\n    return base.WORD\n")
    host.disable("user")

    outcome = host.unload("base")

    assert (outcome.kind, outcome.problem) == (Kind.REFUSED, "user has imported it; unload that first")
    assert host.unload("user")
    assert host.unload("base")
    assert all(host.load_all(["base", "user"]))
    assert [each.kind for each in host.close()] == [Kind.UNLOADED] * 3


def test_two_hosts_of_one_package(bench, host):
    """
    Another host of the same package takes it over, and neither takes the other's module for a plugin of its own.
    """
    bench.load("weather")
    other = bench.start()
    path = bench.write("elsewhere/weather.py", "def setup(o): pass\ndef teardown(o): pass\n")

    outcome = other.load("weather", path)

    assert (outcome.kind, outcome.phase) == (Kind.REFUSED, "find")
    assert str(bench.project.root / "plugins/weather.py") in outcome.problem
    assert "another has taken acme_plugins over" in host.load("rain", bench.plugin("rain")).problem
    assert host.unload("weather")
    assert other.load("weather").kind is Kind.LOADED


def test_closed_host_loads_nothing(bench, host):
    """
    Who asks a host that is closed is told so.
    """
    bench.load("weather")
    host.close()

    assert "is closed" in host.load("weather").problem


def test_module_that_is_no_module(bench, host):
    """
    A plugin may put any object in the place of its module: it is reloaded, rolled back and unloaded as others are.
    """
    text = (
        "import sys\nclass Plugin:\n"
        "    def setup(self, offers): offers['odd'] = {}\n"
        "    def teardown(self, offers): offers.clear()\n"
        "sys.modules[__name__] = Plugin()\n"
    )
    host.bind(setup=lambda plugin: plugin.setup(bench.offers), teardown=lambda plugin: plugin.teardown(bench.offers))
    path = bench.write("odd.py", text.format(1))
    assert host.load("odd", path)
    bench.write("odd.py", text.format(2))

    assert host.reload("odd").kind is Kind.RELOADED
    assert bench.offers == {"odd": 2}
    assert host.rollback("odd").kind is Kind.ROLLED_BACK
    assert bench.offers == {"odd": 1}
    assert host.unload("odd", verify=True).kind is Kind.UNLOADED
    assert bench.offers == {}


def test_file_that_is_none_of_python(bench, host):
    """
    A file that cannot be imported, whatever it holds, is told of as such.
    """
    outcome = host.load("words", bench.write("words.txt", "one two\n"))

    assert outcome.kind is Kind.FAILED
    assert "is no file of Python" in outcome.problem


def test_unknown_name_is_an_error_never_all(bench, host):
    """
    An action on a name that is not known is refused, and says which are.
    """
    bench.load("weather")

    outcome = host.reload("wether")

    assert outcome.kind is Kind.REFUSED
    assert "weather" in outcome.problem
    with pytest.raises(PluginError, match="wether"):
        outcome.raise_for_error()


@pytest.mark.parametrize("source", ["json", "modreg", "modreg.plugins", "__main__", "app", "no name"])
def test_what_can_be_no_plugin(make_bench, source):
    """
    Python, modreg and the host itself are never loaded as plugins.
    """
    bench = make_bench(protect=["app"])

    assert bench.host.load("it", source).kind is Kind.REFUSED


MUTE = """
class Mute(Exception):
    def __str__(self): return self.never_set
"""


@pytest.mark.parametrize("where", ["", "def setup(offers): ", "def teardown(offers): "])
def test_exception_that_cannot_say_what_it_is(bench, host, where):
    """
    A plugin's exception may fail to make a text of itself; what is told, and what comes of the action, is all the same.
    """
    bench.load("weather", "1", MUTE + "def teardown(offers): raise Mute\n" if "teardown" in where else "")
    bench.plugin("weather", "2", MUTE + f"{where}raise Mute\n")

    outcome = host.reload("weather")

    assert outcome.kind is (Kind.RELOADED if "teardown" in where else Kind.KEPT_OLD)
    assert "Mute: <exception str() failed>" in outcome.explain()


def test_errors_do_not_escape_but_what_ends_programs_does(bench, host):
    """
    An exception is an outcome; `SystemExit` and `KeyboardInterrupt` restore the plugin and go on.
    """
    bench.load("weather")
    bench.plugin("weather", "2", "raise SystemExit(3)\n")

    with pytest.raises(SystemExit):
        host.reload("weather")

    assert bench.offers == {"weather": "1"}
    bench.plugin("weather", "2")
    assert host.reload("weather")


def test_importable_modules_are_plugins(bench, host, project):
    """
    A module or package that can be imported by its own name keeps that name.
    """
    project.write("plug/__init__.py", "")
    project.write("plug/greet.py", "def setup(offers): offers['greet'] = 1\ndef teardown(offers): offers.clear()\n")

    assert host.load("greet", "plug.greet").kind is Kind.LOADED

    assert host["greet"].__name__ == "plug.greet"
    project.write("plug/greet.py", "def setup(offers): offers['greet'] = 2\ndef teardown(offers): offers.clear()\n")
    assert host.reload("greet")
    assert bench.offers == {"greet": 2}


def test_plugins_that_something_else_loaded_are_adopted(bench, host, project):
    """
    A module that a host loaded in a way of its own, past the finders, is taken on without being run, and reloaded.
    """
    import importlib.util

    assert host.adopt("own", "own_plugin").kind is Kind.REFUSED
    project.write("elsewhere/own_plugin/words.py", "WORD = 'one'\n")
    path = project.write("elsewhere/own_plugin/__init__.py", "from .words import WORD\ndef setup(o): o['own'] = WORD\ndef teardown(o): pass\n")
    spec = importlib.util.spec_from_file_location("own_plugin", path, submodule_search_locations=[str(path.parent)])
    sys.modules["own_plugin"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["own_plugin"])

    assert host.adopt("own", "own_plugin").kind is Kind.LOADED
    assert host.adopt("own").kind is Kind.UNCHANGED
    assert bench.did == []
    project.write("elsewhere/own_plugin/__init__.py", "from .words import WORD\ndef setup(o): o['own'] = WORD * 2\ndef teardown(o): pass\n")
    project.write("elsewhere/own_plugin/words.py", "WORD = 'two'\n")

    outcome = host.reload("own")

    assert outcome.kind is Kind.RELOADED, outcome.log_text
    assert bench.offers == {"own": "twotwo"}


def test_archives_are_plugins(bench, host):
    """
    An archive with one package or file is a plugin, and a new archive in its place a new version.
    """
    path = bench.project.root / "rain.zip"

    def pack(word):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rainy/__init__.py", "from .words import WORD\ndef setup(o): o['rain'] = WORD\ndef teardown(o): pass\n")
            archive.writestr("rainy/words.py", f"WORD = {word!r}\n")

    pack("1")
    assert host.load("rain", path).kind is Kind.LOADED
    pack("2")

    assert host.reload("rain").kind is Kind.RELOADED

    assert bench.offers == {"rain": "2"}
    path.write_bytes(b"no archive")
    assert host.reload("rain").kind is Kind.KEPT_OLD


@pytest.mark.parametrize("names", [(), ("one.py", "two.py")])
def test_archive_that_holds_no_plugin(bench, host, names):
    """
    It takes no files away from the plugin that is running, and the former archive is one again.
    """
    path = bench.project.root / "rain.zip"

    def pack(*names):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "WORD = '1'\ndef setup(o): o['rain'] = WORD\ndef teardown(o): o.clear()\n")

    pack("rain.py")
    host.load("rain", path)
    pack(*names)

    outcome = host.reload("rain")

    assert outcome.kind is Kind.KEPT_OLD
    assert f"holds {len(names)} plugins" in outcome.problem
    assert Path(host["rain"].__file__).is_file()
    pack("rain.py")
    host.unload("rain")
    assert host.load("rain")


def test_unpacked_archive_that_was_cleared_away(bench, host):
    """
    An archive is unpacked again where somebody removed the temporary files.
    """
    path = bench.project.root / "rain.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__init__.py", "def setup(o): pass\ndef teardown(o): pass\n")
    host.load("rain", path)
    shutil.rmtree(Path(host["rain"].__file__).parent)

    assert host.reload("rain").kind is Kind.UNCHANGED

    assert Path(host["rain"].__file__).is_file()


def test_folder_with_a_main_file_of_another_name(bench, host):
    """
    A folder without an ``__init__.py`` is a plugin where its plugin.toml names the main file.
    """
    bench.write("snow/plugin.toml", "main = 'snow.py'\nversion = '1.5'\n")
    bench.write("snow/snow.py", "from . import flake\ndef setup(o): o['snow'] = flake.WORD\ndef teardown(o): pass\n")
    bench.write("snow/flake.py", "WORD = 'flake'\n")

    outcome = host.load("snow", bench.project.root / "plugins/snow")

    assert outcome.running == "version 1 (1.5)"
    assert bench.offers == {"snow": "flake"}
    bench.write("snow/plugin.toml", "main = 'flake.py'\n")
    assert "unload snow" in host.reload("snow").problem


def test_entry_points_are_plugins_also_of_what_was_just_installed(bench, host, project):
    """
    A group of entry points is discovered anew, and what an entry point names is what is set up.
    """
    assert host.discover(group="acme.plugins") == ()
    project.write("hail-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: hail\nVersion: 1.0\n")
    project.write("hail-1.0.dist-info/entry_points.txt", "[acme.plugins]\nhail = hailing:Plugin\n")
    project.write("hailing.py", "class Plugin:\n    WORD = 'ice'\n    @classmethod\n    def setup(cls, o): o['hail'] = cls.WORD\n    @classmethod\n    def teardown(cls, o): pass\n")

    assert host.discover(group="acme.plugins") == ("hail",)
    outcome = host.load("hail")

    assert outcome.running == "version 1 (1.0)"
    assert bench.offers == {"hail": "ice"}
    assert host["hail"].WORD == "ice"


def test_folders_are_discovered(bench, host):
    """
    Packages, files and archives in a folder are plugins; what begins with a dot or an underscore is none.
    """
    bench.plugin("one")
    bench.write("two/__init__.py", "")
    bench.write("_three.py", "")
    bench.write("data/words.txt", "")
    bench.write("read.me", "")

    assert host.discover(bench.project.root / "plugins") == ("one", "two")
    assert "one" in host
    assert [plugin.state for plugin in host.plugins()] == [State.KNOWN, State.KNOWN]


def test_helper_that_is_imported_by_its_bare_name(bench, host):
    """
    Who imports what is beside it as if the folder were on `sys.path` reads how it is done.
    """
    bench.write("own/__init__.py", "import words\n")
    bench.write("own/words.py", "")
    bench.write("lone.py", "import words\n")

    outcome = host.load("own", bench.project.root / "plugins/own")

    assert outcome.problem.endswith("No module named 'words'; it is beside __init__.py: from . import words")
    assert host.load("lone", bench.project.root / "plugins/lone.py").problem.endswith("No module named 'words'")


def test_two_of_one_name_in_a_folder(bench, host, caplog):
    """
    Where a package and a file have one name, the package is found, as by an import, and the file is told of.
    """
    bench.plugin("one")
    bench.plugin("two")
    bench.write("two/__init__.py", "def setup(o): pass\ndef teardown(o): pass\n")

    assert host.discover(bench.project.root / "plugins") == ("one", "two")

    assert "two.py is left out" in caplog.text
    assert host.load("two")
    assert hasattr(host["two"], "__path__")


def test_loading_again_from_the_same_place_changes_nothing(bench, host):
    """
    A load from where the plugin is already loaded is unchanged; from another place it is refused.
    """
    bench.load("weather")
    here, there = bench.project.root / "plugins/weather.py", bench.plugin("other")

    assert host.load("weather", here).kind is Kind.UNCHANGED
    assert host.load("weather", there).kind is Kind.REFUSED


def test_what_can_be_no_plugin_keeps_no_other_from_being_found(bench, host, caplog):
    """
    A file whose name is no plugin's is left out of a discovery, and told.
    """
    bench.plugin("one")
    bench.write("two words.py", "")
    bench.write("a_b.py", "")
    bench.write("a-b.py", "")

    assert host.discover(bench.project.root / "plugins") == ("a-b", "one")
    assert "two words.py" in caplog.text
    assert "a_b.py" in caplog.text


def test_two_plugins_cannot_be_one_module(bench, host, project):
    """
    A module belongs to one plugin.
    """
    project.write("plug/__init__.py", "")
    project.write("plug/greet.py", "def setup(offers): pass\n")
    assert host.load("greet", "plug.greet")

    with pytest.raises(ValueError, match="greet"):
        host.add("other", "plug")
    with pytest.raises(TypeError):
        host.add("other", 3)


def test_state_is_handed_over(bench, host):
    """
    What is saved before a tear-down is given to the next version, across an unload too.
    """
    host.bind(setup=lambda m: None, save=lambda m: m.seen, restore=lambda m, seen: m.seen.extend(seen))
    host.load("weather", bench.write("weather.py", "seen = []\n"))
    host["weather"].seen.append("rain")
    bench.write("weather.py", "seen = []  # new\nNEW = 1\n")

    host.reload("weather")
    assert host["weather"].seen == ["rain"]
    host.unload("weather")
    host.load("weather")

    assert host["weather"].seen == ["rain"]


def test_state_that_cannot_be_handed_over(bench, host):
    """
    If the new version cannot take the state, the old one is set up again, even if that cannot take it back.
    """
    bench.load("weather")
    host.bind(setup=bench.setup, teardown=bench.teardown, save=lambda plugin: 1, restore=lambda plugin, saved: 1 / 0)
    bench.plugin("weather", "2")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.KEPT_OLD
    assert "could not take its state back" in outcome.explain()
    assert bench.offers == {"weather": "1"}


def test_names_that_left_the_source_leave(bench, host):
    """
    Hosts that look through a module's names do not find what is no longer in its source.
    """
    bench.load("weather", "1", "def command(): pass\n")
    bench.plugin("weather", "2")

    host.reload("weather")

    assert not hasattr(host["weather"], "command")


def test_check_runs_nothing(bench, host):
    """
    A check says what a reload would come to; the new source is not run.
    """
    bench.load("weather")
    assert host.check("weather").kind is Kind.UNCHANGED
    bench.plugin("weather", "2", "raise OSError('disk')\n")
    assert host.check("weather").kind is Kind.READY
    bench.write("weather.py", "def\n")

    outcome = host.check("weather")

    assert (outcome.kind, outcome.phase, outcome.line) == (Kind.KEPT_OLD, "plan", 1)
    assert bench.did == ["set up weather"]
    host.add("rain", bench.write("rain.py", "def\n"))
    assert host.check("rain").kind is Kind.FAILED
    bench.write("rain.py", "raise OSError\n")
    assert host.check("rain").kind is Kind.READY


def test_files_that_are_gone(bench, host):
    """
    A plugin whose files are gone runs on, and the outcome says which file is missing.
    """
    bench.load("weather")
    (bench.project.root / "plugins/weather.py").unlink()

    outcome = host.reload("weather")

    assert outcome.kind is Kind.KEPT_OLD
    assert "weather.py" in outcome.problem
    assert bench.offers == {"weather": "1"}


def test_extension_modules_need_a_restart(bench, host):
    """
    A changed extension module is an outcome of its own, with its reason; nothing is touched.
    """
    bench.write("fast/__init__.py", "def setup(o): o['fast'] = 1\ndef teardown(o): pass\n")
    from importlib.machinery import EXTENSION_SUFFIXES

    bench.write(f"fast/_speed{EXTENSION_SUFFIXES[0]}", b"one")
    assert host.load("fast", bench.project.root / "plugins/fast")
    bench.write(f"fast/_speed{EXTENSION_SUFFIXES[0]}", b"two")

    outcome = host.reload("fast")

    assert outcome.kind is Kind.NEEDS_RESTART
    assert "_speed" in outcome.explain()


def test_plugin_says_itself_that_it_needs_a_restart(bench, host):
    """
    ``__restart__`` in the new source is the reason why it is not loaded into this process.
    """
    bench.load("weather")
    bench.plugin("weather", "2", "__restart__ = 'the database moved'\n")

    outcome = host.reload("weather")

    assert outcome.kind is Kind.NEEDS_RESTART
    assert outcome.problem == "the database moved"


def test_several_as_one_transaction_or_each_on_its_own(bench, host):
    """
    Together all come or none; each on its own, one that fails takes no other down.
    """
    for name in ("one", "two"):
        bench.load(name)
    bench.plugin("one", "2")
    bench.plugin("two", "2", "raise OSError('disk')\n")

    together = host.reload_all(together=True)
    assert [each.kind for each in together] == [Kind.KEPT_OLD, Kind.KEPT_OLD]
    assert bench.offers == {"one": "1", "two": "1"}
    alone = host.reload_all()

    assert [each.kind for each in alone] == [Kind.RELOADED, Kind.KEPT_OLD]
    assert bench.offers == {"one": "2", "two": "1"}
    bench.plugin("one", "3")
    bench.plugin("two", "3")
    assert [each.kind for each in host.reload_all(together=True)] == [Kind.RELOADED, Kind.RELOADED]
    assert bench.offers == {"one": "3", "two": "3"}


def test_outcomes_are_plain_values(bench, host):
    """
    An outcome can be kept as JSON and pickled as an error, and its log text has the traceback.
    """
    import json
    import pickle

    bench.load("weather")
    bench.plugin("weather", "2", "raise OSError('disk')\n")
    outcome = host.reload("weather")

    assert json.loads(json.dumps(outcome.to_dict()))["kind"] == "kept old"
    assert "Traceback" in outcome.log_text
    error = PluginError(outcome)
    assert pickle.loads(pickle.dumps(error)).outcome == outcome
    with pytest.raises(PluginError) as info:
        outcome.raise_for_error()
    assert info.value.__cause__ is outcome.error


def test_a_path_is_no_module(host):
    """
    A file is given as a path; a text is a module's name.
    """
    with pytest.raises(ValueError, match="pathlib"):
        host.add("weather", "plugins/weather.py")
    with pytest.raises(ValueError, match="letters"):
        host.add("../weather", Path("weather.py"))


def test_refusal_of_several_is_told_for_each(bench, host):
    """
    Where one of several cannot come, there is an outcome for each, with what is running of it.
    """
    bench.load("one")
    bench.load("two")
    bench.plugin("two", "2")

    outcomes = host.reload_all(["none", "one", "two"], together=True)

    assert [each.plugin for each in outcomes] == ["none", "one", "two"]
    assert {each.kind for each in outcomes} == {Kind.REFUSED}
    assert "no plugin 'none' is known" in outcomes[2].problem
    assert [each.running for each in outcomes] == ["", "version 1", "version 1"]
    assert bench.offers == {"one": "1", "two": "1"}


@pytest.mark.parametrize("helper", ["json", "os.path", "modreg.plugins", "__main__", "attrs"])
def test_what_can_be_no_helper(make_bench, helper):
    """
    A reload never touches Python or modreg, so a host cannot ask for it either.
    """
    with pytest.raises(ValueError, match="no helper"):
        make_bench(helpers=["shared", helper])


def test_text_is_no_folder(bench, tmp_path):
    """
    A folder that is given as a text is told at once, and not when the first plugin is in force.
    """
    for call in (lambda: bench.start(keep=str(tmp_path)), lambda: bench.host.discover(str(tmp_path))):
        with pytest.raises(TypeError, match=r"pathlib\.Path"):
            call()


@pytest.mark.parametrize("what", ["helpers", "protect"])
def test_text_is_no_list_of_modules(make_bench, what):
    """
    One name where several are asked for is an error, not as many modules as it has letters.
    """
    with pytest.raises(TypeError, match="not the text 'shared'"):
        make_bench(**{what: "shared"})


def test_host_of_any_name(registry):
    """
    The package of a host is a name that can be imported, whatever the host is called.
    """
    host = Host("9 lives", registry=registry)

    assert host.close() == ()
    assert host._works.finder.package == "_9_lives_plugins"
