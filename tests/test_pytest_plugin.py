"""The fixtures for plugin authors, as they use them: in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import modreg

TESTS = '''
import sys

import pytest

pytest_plugins = ["modreg.pytest_plugin"]


@pytest.fixture
def weather(plugin_tree, plugin_host, tmp_path):
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather/__init__.py").write_text("from .words import WORD\\n")
    (tmp_path / "weather/words.py").write_text("WORD = 'rain'\\n")
    assert plugin_host.load("weather", plugin_tree.copy(tmp_path / "weather"))
    return plugin_tree


def test_edit(weather, plugin_host):
    weather.edit("weather/words.py", "rain", "snow")
    assert plugin_host.reload("weather").kind.value == "reloaded"
    assert plugin_host["weather"].WORD == "snow"
    assert plugin_host.rollback("weather")
    assert plugin_host["weather"].WORD == "rain"
    with pytest.raises(ValueError):
        weather.edit("weather/words.py", "hail", "snow")


@pytest.mark.parametrize("line", ["def spoilt(:", "raise OSError"])
def test_spoil_and_mend(weather, plugin_host, line):
    weather.spoil("weather/words.py", line)
    assert plugin_host.reload("weather").kind.value == "kept old"
    weather.mend("weather/words.py")
    assert plugin_host.reload("weather").kind.value == "unchanged"


@pytest.mark.parametrize("data", [b"\\xef\\xbb\\xbfWORD = 1\\r\\n", b"# coding: latin-1\\nWORD = '\\xe9'"])
def test_sources_of_any_kind(plugin_tree, plugin_host, tmp_path, data):
    (tmp_path / "rain.py").write_bytes(data)
    rain = plugin_tree.copy(tmp_path / "rain.py")
    assert plugin_host.load("rain", rain)
    plugin_tree.spoil("rain.py")
    assert plugin_host.reload("rain").kind.value == "kept old"
    assert plugin_tree.mend("rain.py").read_bytes() == data
    assert plugin_host.reload("rain").kind.value == "unchanged"
    with pytest.raises(ValueError):
        plugin_tree.mend("rain.py")


def test_nothing_is_left(plugin_tree):
    assert not [name for name in sys.modules if name.startswith("tests_plugins")]
    assert plugin_tree.write("one/two.py", "") == plugin_tree / "one/two.py"
    assert plugin_tree.copy(plugin_tree / "one/two.py") == plugin_tree / "two.py"
'''


def test_fixtures_of_plugin_authors(tmp_path):
    """
    A plugin can be copied in, edited, spoilt, mended and rolled back, and leaves nothing behind.
    """
    (tmp_path / "test_weather.py").write_text(TESTS)
    environment = {**os.environ, "PYTHONPATH": str(Path(modreg.__file__).parents[1])}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env=environment, cwd=tmp_path, text=True, capture_output=True, check=False,
    )

    assert "6 passed" in done.stdout, done.stdout + done.stderr
