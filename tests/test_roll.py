"""What is known of the loaded modules and their files is what looking at each would find."""

import importlib
import os
import sys

import pytest

import modreg
from modreg import Cause
from modreg._planner import Planner


def found_anew(registry):
    """The modules in scope as a planner finds them that has never looked."""
    return Planner(registry._history, registry._scope).tracked()


EVENTS = {
    "an import": lambda project, registry: project.load("b", "X = 1"),
    "a module that leaves": lambda project, registry: sys.modules.pop("a"),
    "another module of its name": lambda project, registry: sys.modules.update(a=type(sys)("a")),
    "a module that no finder saw": lambda project, registry: sys.modules.update(c=loaded_by_hand(project)),
    "other roots": lambda project, registry: registry.install(roots=["b"]),
    "a reload": lambda project, registry: registry.reload("a"),
    "a rollback": lambda project, registry: (registry.reload("a"), registry.rollback("a")),
    "nothing": lambda project, registry: None,
}


def loaded_by_hand(project):
    """A module that was loaded past `sys.meta_path`."""
    path = project.write("c.py", "X = 1")
    spec = __import__("importlib.util").util.spec_from_file_location("c", path)
    module = __import__("importlib.util").util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("event", EVENTS)
def test_the_modules_in_scope_are_known_after(event, project, registry):
    """Whatever is loaded, unloaded, recorded or put in scope, the answer is that of a new look."""
    project.load("a", "X = 1")
    before = registry._planner.tracked()
    assert "a" in before

    EVENTS[event](project, registry)

    assert registry._planner.tracked() == found_anew(registry)
    assert event != "nothing" or registry._planner.tracked() is before


def test_the_same_modules_are_the_same_tuple(project, registry):
    """
    `importlib.reload` moves a module to the end of `sys.modules`; the order of the first imports stays.
    """
    module = project.load("a", "X = 1")
    project.load("b", "X = 1")
    before = registry._planner.tracked()

    importlib.reload(module)

    assert [*sys.modules].index("a") > [*sys.modules].index("b")
    assert registry._planner.tracked() is before


def touch(file):
    os.utime(file, (1, 1))


EDITS = {
    "edited": (lambda project, file: project.write(file.name, "X = 2"), "it changed"),
    "edited in the same second, at the same size": (lambda project, file: same_second(file), "it changed"),
    "replaced": (lambda project, file: replaced(file), "it changed"),
    "written anew where it was, with its size and time": (lambda project, file: in_place(file), "it changed"),
    "given other permissions": (lambda project, file: file.chmod(0o600), "nothing"),
    "touched": (lambda project, file: touch(file), "nothing"),
    "deleted": (lambda project, file: file.unlink(), "it is gone"),
    "left alone": (lambda project, file: None, "nothing"),
}


def same_second(file):
    status = os.stat(file)
    file.write_text("X = 2")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def in_place(file):
    """As an archive does that is unpacked, whose files have all one time; a free inode is mostly the one of before."""
    status = os.stat(file)
    while os.stat(file).st_ctime_ns == status.st_ctime_ns:  # the system's clock may be a coarse one
        file.write_text("X = 2")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(file):
    """Another file in its place, of the same size and time."""
    status = os.stat(file)
    other = file.with_suffix(".new")
    other.write_text("X = 2")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize("how", EDITS)
@pytest.mark.parametrize("checks", [0, 1, 3])
def test_a_refresh_finds(how, checks, project, registry):
    """However often nothing was found before, a refresh finds a file that changed, and no other."""
    edit, found = EDITS[how]
    project.load("a", "X = 1")
    project.load("b", "X = 1")
    for _ in range(checks):
        assert not registry.refresh()

    edit(project, project.root / "a.py")
    done = registry.refresh()

    assert [v.name for v in done.versions] == (["a"] if found == "it changed" else [])
    assert done.unloaded == (("a",) if found == "it is gone" else ())
    assert done.cause is Cause.REFRESH
    assert not registry.refresh()


def test_an_error_of_the_system_is_told(project, registry):
    """A file that is there and cannot be read is an error, not a change."""
    module = project.load("a", "X = 1")
    assert not registry.refresh()
    (project.root / "a.py").unlink()
    (project.root / "a.py").mkdir()

    with pytest.raises(modreg.SourceError):
        registry.refresh()

    assert module.X == 1
