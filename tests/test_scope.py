"""The scope: roots match on dots, what modreg runs on is never in it, and what was asked for is."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modreg._scope import OWN, Scope, is_under

names = st.lists(st.sampled_from(["a", "b", "ab", "_", "x1"]), min_size=1, max_size=4).map(".".join)


@given(names, names)
def test_roots_match_on_dots(name, root):
    """
    A name is under a root exactly if its parts begin with the root's parts.
    """
    parts, start = name.split("."), root.split(".")

    found = is_under(name, root)

    assert found == (parts[: len(start)] == start)


@given(names, st.lists(names, max_size=3))
def test_roots_limit_the_scope(name, roots):
    """
    With roots a module is in scope exactly if one of them covers it, wherever it lies.
    """
    scope = Scope(roots=tuple(roots))

    covers = scope.covers(name, os.path.join(sysconfig.get_paths()["stdlib"], "x.py"))

    assert covers == any(is_under(name, root) for root in roots)


@given(names, st.lists(names, max_size=3), st.lists(names, max_size=3))
def test_other_roots_are_taken_at_once(name, before, after):
    """
    What was found out under earlier roots is forgotten with them.
    """
    scope = Scope(roots=tuple(before))
    scope.covers(name, "/app/x.py")

    scope.limit(tuple(after))

    assert scope.covers(name, "/app/x.py") == Scope(roots=tuple(after)).covers(name, "/app/x.py")


@pytest.mark.parametrize("folder", ["stdlib", "platstdlib", "purelib", "platlib"])
def test_installed_modules_are_out_of_scope(folder):
    """
    By default the standard library and the folders of installed distributions are out of scope.
    """
    scope = Scope()

    covers = scope.covers("json", os.path.join(sysconfig.get_paths()[folder], "json", "__init__.py"))

    assert not covers


def test_standard_library_as_it_is_loaded_is_out_of_scope():
    """
    That holds for the origin that the import system gives, links and all.
    """
    scope = Scope()

    covers = [scope.covers(each.__name__, each.__spec__.origin) for each in (json, os, pytest)]

    assert covers == [False] * 3


def test_user_site_is_out_of_scope():
    """
    That holds for what a user has installed, too.
    """
    scope = Scope()

    covers = scope.covers("tool", os.path.join(site.getusersitepackages(), "tool.py"))

    assert site.USER_SITE is None or not covers


def test_folder_that_begins_alike_is_in_scope():
    """
    A folder beside the standard library, whose name begins like its own, is not part of it.
    """
    scope = Scope()
    stdlib = sysconfig.get_paths()["stdlib"]

    covers = scope.covers("app", os.path.join(stdlib + "-app", "app.py"))

    assert covers


def test_everything_else_is_in_scope(tmp_path):
    """
    By default any other source file is in scope.
    """
    scope = Scope()

    covers = scope.covers("tax", str(tmp_path / "tax.py"))

    assert covers


@pytest.mark.parametrize("origin", [None, "built-in", "frozen", "/app/tax.pyc", "/app/tax.so", "/app/tax", "namespace"])
def test_only_sources_are_in_scope(origin):
    """
    A module without a source file is out of scope, even if a root names it or somebody asked for it.
    """
    scope = Scope(roots=("tax",))
    scope.ask("tax")

    covers = scope.covers("tax", origin)

    assert not covers


@pytest.mark.parametrize("name", [*OWN, "modreg._scope", "attr._make", "packaging.version"])
def test_modreg_and_what_it_imports_are_out_of_scope(name):
    """
    modreg and what it runs on are out of scope, even if a root names them or somebody asked for them.
    """
    scope = Scope(roots=(name,))
    scope.ask(name)

    covers = scope.covers(name, "/app/x.py")

    assert not covers


@pytest.mark.parametrize("name", ["modregister", "attractor", "packaging_tools", "my.modreg"])
def test_names_that_begin_alike_are_in_scope(name):
    """
    A name that merely begins like one of these, or ends so, is in scope.
    """
    scope = Scope()

    covers = scope.covers(name, "/app/x.py")

    assert covers


def test_everything_that_modreg_loads_is_out_of_scope():
    """
    Of all that ``import modreg`` loads outside the standard library nothing can be in scope.
    """
    code = "import sys; had = set(sys.modules); import modreg; print(*{n.partition('.')[0] for n in sys.modules if n not in had})"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    found = {name for name in done.stdout.split() if not name.startswith("_")}
    assert found - sys.stdlib_module_names <= set(OWN)


def test_main_is_out_of_scope():
    """
    The program that was started cannot be executed again.
    """
    scope = Scope()

    covers = scope.covers("__main__", "/app/run.py")

    assert not covers


@given(names, st.lists(names, max_size=3))
def test_what_was_asked_for_is_in_scope(name, roots):
    """
    A module that was asked for is in scope from then on, whatever the roots; what is below it is not.
    """
    scope = Scope(roots=tuple(roots))
    before = scope.covers(name + ".part", "/app/part.py")
    scope.covers(name, "/app/x.py")

    scope.ask(name)

    assert scope.covers(name, "/app/x.py")
    assert scope.covers(name + ".part", "/app/part.py") == before


def test_what_was_asked_for_stays_in_scope():
    """
    Other roots do not take back what was asked for.
    """
    scope = Scope(roots=("app",))
    scope.ask("tax")

    scope.limit(("shop",))

    assert scope.covers("tax", "/app/tax.py")
    assert not scope.covers("app", "/app/app.py")
