"""The quick way to a source file: the spec that the finders would give, and the bytes in the same look; or no answer."""

import importlib
import importlib.util
import marshal
import os
import py_compile
import struct
import sys
import time
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    BuiltinImporter,
    FileFinder,
    FrozenImporter,
    PathFinder,
    SourceFileLoader,
)
from pathlib import Path

import pytest

from modreg import RefusedError, Registry, _quick

FIELDS = ["name", "origin", "cached", "has_location", "parent", "submodule_search_locations", "loader_state"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of odd files whose finder has listed it."""
    path = str(tmp_path)
    (tmp_path / "plain.py").write_text("x = 1\n")
    (tmp_path / "long.py").write_text("x = 1\n" * 50_000)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "extension.py").write_text("")
    (tmp_path / f"extension{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package.py").write_text("")
    (tmp_path / "portion").mkdir()
    (tmp_path / "portion.py").write_text("")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "sourceless.pyc").write_bytes(b"")
    (tmp_path / "linked.py").symlink_to(tmp_path / "plain.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "sys.py").write_text("")
    PathFinder.find_spec("anything", [path])
    yield path
    sys.path_importer_cache.pop(path)


def find(name, folder):
    return _quick.find(name, folder, f"{folder}/{name.rpartition('.')[2]}.py", is_read=True)


@pytest.mark.parametrize("name", ["plain", "long", "empty", "linked", "shop.plain"])
def test_an_ordinary_module_is_found_as_ever(folder, name):
    """
    The spec equals the one of `PathFinder`, and its loader gives the same code and is as ever afterwards.
    """
    spec, usual = find(name, folder), PathFinder.find_spec(name, [folder])

    look = _quick.look_of(spec.loader)

    assert [getattr(spec, field) for field in FIELDS] == [getattr(usual, field) for field in FIELDS]
    assert (type(spec), type(spec.loader)) == (type(usual), type(usual.loader))
    assert look.data == usual.loader.get_data(usual.origin)
    assert spec.loader.get_code(name) == usual.loader.get_code(name)
    assert vars(spec) == {**vars(usual), "loader": spec.loader, "_cached": usual.cached}
    assert vars(spec.loader) == vars(usual.loader)


def code_of(module, folder):
    """What the loader of a module gives by the quick way and by the usual, or how it fails; and then its dict."""
    usual, spec = PathFinder.find_spec(module, [folder]), find(module, folder)  # the first lists the folder anew
    given = []
    for loader in (spec.loader, usual.loader):
        try:
            code = loader.get_code(module)
            given.append((code, code.co_filename))
        except Exception as error:  # any that a loader may raise
            given.append((type(error), str(error)))
    assert vars(spec.loader) == vars(usual.loader)
    return given


STALE = {
    "another size": lambda data, header: data[:12] + struct.pack("<L", header[3] + 1) + data[16:],
    "another time": lambda data, header: data[:8] + struct.pack("<L", header[2] + 1) + data[12:],
    "by hash, not looked at": lambda data, _: data[:4] + struct.pack("<L", 1) + data[8:],
    "another interpreter's": lambda data, _: b"1234" + data[4:],
    "cut short": lambda data, _: data[:-4],
    "no code": lambda data, _: data[:16] + marshal.dumps("text"),
    "nothing": lambda data, _: b"",
    "as it was": lambda data, _: data,
}


@pytest.mark.parametrize("how", STALE)
def test_byte_code_is_taken_or_refused_as_ever(folder, monkeypatch, how):
    """
    Code, its file name and errors are those of the loader's own way, whatever the file of byte-code holds.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = Path(folder, "plain.py")
    cached = Path(py_compile.compile(str(file), dfile="elsewhere.py"))
    data = cached.read_bytes()
    cached.write_bytes(STALE[how](data, struct.unpack("<4sLLL", data[:16])))

    quick, usual = code_of("plain", folder)

    assert quick == usual


def test_byte_code_in_another_folder_is_taken(folder, monkeypatch, tmp_path):
    """
    With `sys.pycache_prefix` byte-code lies there, and the spec says so.
    """
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    py_compile.compile(str(Path(folder, "plain.py")))

    quick, usual = code_of("plain", folder)

    assert quick == usual
    assert find("plain", folder).cached.startswith(str(tmp_path / "elsewhere"))


def test_another_name_is_refused_as_ever(folder):
    """
    A loader gives code for its own module only.
    """
    loader = find("plain", folder).loader

    with pytest.raises(ImportError, match="loader for plain cannot handle other"):
        loader.get_code("other")


def test_a_module_that_is_not_read_is_found_as_ever(folder):
    """
    Where the bytes are not wanted, the spec and the code are the same.
    """
    spec = _quick.find("plain", folder, f"{folder}/plain.py", is_read=False)

    assert _quick.look_of(spec.loader).data is None
    assert spec.loader.get_code("plain") == PathFinder.find_spec("plain", [folder]).loader.get_code("plain")
    assert _quick.find("pipe", folder, f"{folder}/pipe.py", is_read=False) is None


@pytest.mark.parametrize(
    "name", ["extension", "package", "portion", "folder", "sourceless", "dangling", "pipe", "sys", "nothing", "plain.py"]
)
def test_where_there_is_doubt_there_is_no_answer(folder, name):
    """
    What might be anything but one source file is left to the finders, and nothing waits for a pipe.
    """
    assert find(name, folder) is None


def test_an_outdated_listing_is_no_answer(folder, tmp_path):
    """
    Once the folder has changed the finder has to list it anew.
    """
    os.utime(tmp_path, (1, 1))

    assert find("plain", folder) is None
    assert PathFinder.find_spec("plain", [folder]) is not None
    assert find("plain", folder) is not None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (PathFinder, "find_spec"),
        (FileFinder, "find_spec"),
        (SourceFileLoader, "path_stats"),
        (SourceFileLoader, "get_data"),
        (SourceFileLoader, "get_filename"),
        (SourceFileLoader, "get_code"),
        (SourceFileLoader, "exec_module"),
    ],
)
def test_a_replaced_method_is_asked(folder, monkeypatch, kind, name):
    """
    Where somebody has put a function of theirs into a finder or a loader, the quick way stands back.
    """
    monkeypatch.setattr(kind, name, lambda *_: None)

    assert find("plain", folder) is None


def test_other_loaders_are_asked(folder):
    """
    A finder of a path hook with loaders of its own is left to give its own.
    """
    own = FileFinder(folder, (type("Loader", (SourceFileLoader,), {}), [".py"]))
    own.find_spec("anything")
    sys.path_importer_cache[folder] = own

    assert find("plain", folder) is None


def test_without_byte_code_there_is_no_answer(folder, monkeypatch):
    """
    A loader that looks for no byte-code is left to do so.
    """
    monkeypatch.setattr(sys.implementation, "cache_tag", None)

    assert find("plain", folder) is None


def test_the_loader_is_as_ever_when_the_module_runs(project, registry):
    """
    While it is executed and afterwards, a module's loader has nothing on it, and the version has the text that ran.
    """
    project.load("shop.__init__", "")
    text = "seen = [type(__spec__.loader), *vars(__spec__.loader)]\n"

    module = project.load("shop.tax", text)
    usual = importlib.util.find_spec("shop.tax").loader

    assert module.seen == [SourceFileLoader, "name", "path"]
    assert vars(module.__loader__) == vars(usual)
    assert registry._history.current("shop.tax").source.data == text.encode()


@pytest.mark.parametrize("is_warm", [False, True])
def test_byte_code_is_written_and_used_as_ever(project, registry, monkeypatch, is_warm):
    """
    Byte-code is written with the time and the size of the source, and taken where both are the same.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    project.load("shop.__init__", "")
    file = project.write("shop/tax.py", "RATE = 1\n")
    project.load("shop.tax")
    cached = importlib.util.cache_from_source(str(file))
    header = struct.unpack("<4sLLL", Path(cached).read_bytes()[:16])
    before = os.stat(file)
    if is_warm:
        del sys.modules["shop.tax"]
        file.write_text("RATE = 2\n")
        os.utime(file, (before.st_atime, before.st_mtime))

    module = project.load("shop.tax")

    assert header == (importlib.util.MAGIC_NUMBER, 0, int(before.st_mtime), before.st_size)
    assert module.RATE == 1


class Listening:
    """A finder, of a folder or of all, that has nothing and tells what it was asked for."""

    def __init__(self):
        self.asked = []

    def find_spec(self, name, *_):
        self.asked.append(name)


@pytest.mark.parametrize("others", [[], [Listening()]], ids=["alone", "with a finder after"])
def test_what_is_not_there_is_asked_for_by_us_and_by_importlib(project, monkeypatch, others):
    """
    A name in vain is noted; who is alone with the interpreter's finders asks them once, as importlib does after it.
    """
    monkeypatch.setattr(sys, "meta_path", [BuiltinImporter, FrozenImporter, PathFinder, *others])
    entry = Listening()
    monkeypatch.setitem(sys.path_importer_cache, str(project.root), entry)
    registry = Registry()
    registry.install()

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nothing_of_the_kind")

    assert len(entry.asked) <= 2 + len(others)
    assert "nothing_of_the_kind" in registry._missed
    registry.uninstall()


def test_finders_before_the_interpreters_own_are_asked_first(project, monkeypatch):
    """
    A foreign finder that stands before them hears of each module, and what it leaves is found by the quick way.
    """
    listening = Listening()
    monkeypatch.setattr(sys, "meta_path", [listening, *sys.meta_path])
    registry = Registry()
    registry.install()
    project.load("shop.__init__", "")
    monkeypatch.setattr(_quick, "find", lambda *asked, **_: found.append(asked[0]))
    found = []

    project.load("shop.tax", "RATE = 1\n")

    assert (listening.asked.count("shop.tax"), found) == (1, ["shop.tax"])
    registry.uninstall()


def test_a_module_out_of_scope_is_not_read(project, registry, monkeypatch):
    """
    Only sources in scope are read.
    """
    registry.install(roots=["shop"])
    monkeypatch.setattr(_quick, "_read", lambda *_: pytest.fail("read"))

    project.load("other.__init__", "")

    assert project.load("other.part", "X = 1\n").X == 1


def mislead(project, name, old, new):
    """Leave byte-code of *old* that passes for that of *new*: written at once, of the same size and second."""
    file = project.write(f"{name}.py", old)
    now = int(time.time())
    os.utime(file, (now, now))
    py_compile.compile(str(file))
    file.write_text(new)
    os.utime(file, (now, now))


def test_an_import_of_misleading_byte_code_is_noticed(project, registry):
    """
    Where an import ran byte-code of an earlier edit of the same second, a refresh brings the edit, and says so.
    """
    mislead(project, "tax", "RATE = 1\nOLD = 1\n", "RATE = 2\nNEW = 2\n")
    module = project.load("tax")
    assert module.RATE == 1

    done = registry.refresh()

    assert (module.RATE, module.NEW) == (2, 2)
    assert [step.reason for step in done.steps] == ["it ran from byte-code of an earlier edit"]
    assert [version.source_hash is None for version in registry.history("tax")] == [True, False]
    assert registry.diff("tax").text == ""
    registry.rollback("tax")
    assert module.RATE == 1


def test_a_text_that_nobody_has_seen_is_not_executed_again(project, registry):
    """
    Once its snapshot is let go of, a version of which there was only byte-code cannot be brought back, and that is said.
    """
    registry.install(keep_snapshots=0)
    mislead(project, "tax", "RATE = 1\n", "RATE = 2\n")
    module = project.load("tax")
    registry.refresh()

    with pytest.raises(RefusedError, match="version 1 ran from byte-code whose text nobody has seen"):
        registry.rollback("tax")

    assert module.RATE == 2


def test_byte_code_of_the_same_text_is_trusted(project, registry):
    """
    Byte-code that was written in the same second as its source, and is of it, is nothing to refresh for.
    """
    mislead(project, "tax", "RATE = 1\n", "RATE = 1\n")
    project.load("tax")

    assert not registry.refresh()
    assert registry.current("tax").source_hash is not None


@pytest.mark.parametrize("is_cached", [True, False])
def test_what_a_module_imports_is_the_same_by_byte_code_and_by_source(project, registry, is_cached):
    """
    What a version imports and declares does not depend on whether there is byte-code, of an import or of a reload.
    """
    project.load("base", "X = 1\n")
    file = project.write("user.py", "import base\nfrom base import X\n__version__ = '1.2'\ndef f(): import json\n")
    if is_cached:
        py_compile.compile(str(file))

    user = project.load("user")

    for number in (1, 2):
        version = registry.current(user)
        assert (version.number, str(version.distribution_version)) == (number, "1.2")
        assert version.imports == ("base", "json")
        assert [edge.names for edge in registry.dependencies(user) if edge.dependency == "base"] == [("X",)]
        importlib.reload(user)
