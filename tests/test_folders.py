"""Folders are read again where something may be hidden, and only there."""

import importlib
import os
import sys
import time

from modreg._folders import Folders


def finder_of(folder):
    return sys.path_importer_cache[str(folder)]


def test_a_file_that_comes_within_the_same_tick_is_found(project):
    """A folder that was read as soon as it changed may have changed again since, whatever its time says."""
    folders = Folders()
    project.load("first", "X = 1")
    status = os.stat(project.root)
    project.write("second.py", "X = 2")
    os.utime(project.root, ns=(status.st_atime_ns, status.st_mtime_ns))

    folders.look_anew()

    assert importlib.util.find_spec("second") is not None


def test_a_folder_that_was_read_long_after_its_last_change_is_not_read_again(project):
    """What changes from then on gives it another time, which the finder sees by itself."""
    folders = Folders()
    project.load("first", "X = 1")
    old = time.time() - 60
    os.utime(project.root, (old, old))
    folders.look_anew()
    assert importlib.util.find_spec("other") is None
    read = finder_of(project.root)._path_mtime

    folders.look_anew()

    assert finder_of(project.root)._path_mtime == read
    project.write("second.py", "X = 2")
    folders.look_anew()
    assert importlib.util.find_spec("second") is not None


def test_a_folder_that_came_later_is_searched(project, monkeypatch):
    """That a folder of `sys.path` was not there is forgotten, as `importlib.invalidate_caches` forgets it."""
    later = project.root / "later"
    monkeypatch.syspath_prepend(str(later))
    assert importlib.util.find_spec("arriving") is None
    project.write("later/arriving.py", "X = 1")

    Folders().look_anew()

    assert importlib.util.find_spec("arriving") is not None


def test_other_finders_are_told(monkeypatch):
    """Whoever stands on `sys.meta_path` and keeps something is told to forget it."""

    class Finder:
        told = 0

        def find_spec(self, *_):
            return None

        def invalidate_caches(self):
            self.told += 1

    finder = Finder()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])

    Folders().look_anew()

    assert finder.told == 1


def test_a_folder_whose_reading_cannot_be_told_is_read_again(project, monkeypatch):
    """Where a release of Python does not say when a folder was read, it is read each time."""
    folders = Folders()
    project.load("first", "X = 1")
    folders.look_anew()
    finder = finder_of(project.root)
    told = []
    monkeypatch.delattr(finder, "_path_mtime")
    monkeypatch.setattr(finder, "invalidate_caches", lambda: told.append(finder), raising=False)

    folders.look_anew()

    assert told == [finder]
