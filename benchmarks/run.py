"""
Times modreg, and beside it `importlib.reload` of the same modules where it can do the same.

    python benchmarks/run.py [--repeats 15] [--only reload] [--json FILE] [--svg FILE]

Every case runs in a process of its own, on modules in a temporary folder.  Times are medians in milliseconds of
processor time, so that others on the machine disturb them less; before each one the collector runs, as
it may have at any time.  `importlib.reload` is given the modules in the right order, which it cannot find
out itself.  Every answer is checked: a fast wrong one would not count.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import itertools
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import modreg

FUNCTION = '''
def function_{n}(first, second={n}, *rest, key=None):
    """Do some work for case {n}."""
    total = first + second
    for each in rest:
        total += each * {n}
    if key is not None:
        total -= len(str(key))
    return total
'''

CLASS = '''
class Class{n}:
    """A class of some size, number {n}."""

    limit = {n}

    def __init__(self, value):
        self.value = value

    def double(self):
        return self.value * 2 + {n}

    @property
    def half(self):
        return self.value / 2
'''

LEAF = '''"""A module."""

RATE = {edit}


def changed():
    return {edit}


class Thing:
    def method(self):
        return {edit}

{rest}
{last}
'''

USERS = {
    "function": "from {leaf} import changed\n\n\ndef call():\n    return changed()\n",
    "constant": "from {leaf} import RATE\n\n\ndef call():\n    return RATE\n",
    "derived value": "from {leaf} import RATE\n\nTWICE = RATE * 2\n\n\ndef call():\n    return TWICE // 2\n",
}

Row = dict[str, object]


class Project:
    """A module and its dependents, edited again and again."""

    serial = itertools.count()

    def __init__(self, root: pathlib.Path, lines: int, users: int = 0, kind: str = "function") -> None:
        self.root, self.lines, self.edits = root, lines, 0
        number = next(self.serial)
        self.leaf = f"leaf_{number}"
        self.write()
        self.names = [self.leaf, *(f"user_{number}_{n}" for n in range(users))]
        for name in self.names[1:]:
            (root / f"{name}.py").write_text(USERS[kind].format(leaf=self.leaf))
        importlib.invalidate_caches()
        self.modules = [importlib.import_module(each) for each in self.names]

    def write(self, last: str = "") -> None:
        """Write another version; its time moves on, so that importlib sees it too."""
        self.edits += 1
        pairs = max(0, (self.lines - 12) // 26)
        rest = "".join(FUNCTION.format(n=n) + CLASS.format(n=n) for n in range(pairs))
        path = self.root / f"{self.leaf}.py"
        path.write_text(LEAF.format(edit=self.edits, rest=rest, last=last))
        os.utime(path, (1_000_000_000 + 2 * self.edits,) * 2)

    def check(self, wanted: int) -> None:
        if self.modules[0].changed() != wanted or any(user.call() != wanted for user in self.modules[1:]):
            raise AssertionError(f"{self.leaf} does not show edit {wanted}")

    def reload_plainly(self) -> None:
        for module in self.modules:
            importlib.reload(module)

    def reload(self) -> None:
        modreg.reload(self.leaf)


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of processor time that a call takes."""
    gc.collect()
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1000


def measured(repeats: int, *calls: Callable[[], float]) -> list[float]:
    """
    The median of each call, which times itself; the calls take turns.

    The first round is for what is only done once: adoption, the first compilation.
    """
    rounds = [[call() for call in calls] for _ in range(repeats + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def row(work: str, size: str, base: str, plain: float, ours: float) -> Row:
    figures = {"ms beside": float(f"{plain:.4g}"), "ms": float(f"{ours:.4g}"), "ratio": float(f"{ours / plain:.3g}")}
    return {"work": work, "size": size, "beside": base, **figures}


def reload(root: pathlib.Path, repeats: int, lines: int, users: int = 0, kind: str = "function") -> Iterator[Row]:
    """A reload after the edit of one function or constant, and the rollback that takes it back."""
    other, project = Project(root, lines, users, kind), Project(root, lines, users, kind)

    def plainly() -> float:
        other.write()
        spent = timed(other.reload_plainly)
        other.check(other.edits)
        return spent

    shown = project.edits

    def ours() -> float:
        project.write()
        spent = timed(project.reload)
        project.check(project.edits)
        return spent

    def back() -> float:
        spent = timed(lambda: modreg.rollback(project.leaf))
        project.check(shown)
        return spent

    plain, reloaded, taken_back = measured(repeats, plainly, ours, back)
    size = f"{lines} lines" if not users else f"{kind}, {users} dependents"
    yield row("reload", size, "importlib.reload", plain, reloaded)
    yield row("rollback", size, "its reload", reloaded, taken_back)


def failing(root: pathlib.Path, repeats: int, users: int) -> Iterator[Row]:
    """A reload of a source that raises in its last line, beside a good one."""
    other, project = Project(root, 60, users, "derived value"), Project(root, 60, users, "derived value")

    def bad() -> float:
        good = project.edits
        project.write("raise OSError('disk')")

        def call() -> None:
            try:
                project.reload()
            except modreg.ReloadError:
                return
            raise AssertionError("the failure was not told")

        spent = timed(call)
        project.check(good)
        project.edits = good
        return spent

    def plainly() -> float:
        other.write()
        return timed(other.reload_plainly)

    plain, ours = measured(repeats, plainly, bad)
    project.write()  # a bad source would fail in the refreshes of other cases
    project.reload()
    yield row("failing reload", f"{users} dependents", "a good importlib.reload", plain, ours)


def check(root: pathlib.Path, repeats: int, count: int) -> Iterator[Row]:
    """A refresh that finds nothing, beside one stat of each file."""
    names = [f"still_{count}_{n}" for n in range(count)]
    for name in names:
        (root / f"{name}.py").write_text("X = 1\n")
        os.utime(root / f"{name}.py", (1_000_000_000,) * 2)
    importlib.invalidate_caches()
    paths = [importlib.import_module(name).__file__ for name in names]

    def stats() -> float:
        return timed(lambda: [os.stat(path).st_mtime_ns for path in paths])

    def ours() -> float:
        return timed(modreg.refresh)

    plain, found = measured(repeats, stats, ours)
    yield row("refresh, nothing changed", f"{count} modules", "a stat of each", plain, found)
    for name in names:
        del sys.modules[name]


def instances(root: pathlib.Path, repeats: int, count: int) -> Iterator[Row]:
    """A changed method, with that many instances alive."""
    other, project = Project(root, 30), Project(root, 30)  # after importlib.reload instances would stay as they are
    things = [project.modules[0].Thing() for _ in range(count)]

    def plainly() -> float:
        other.write()
        return timed(other.reload_plainly)

    def ours() -> float:
        project.write()
        spent = timed(project.reload)
        if things[0].method() != project.edits or things[-1].method() != project.edits:
            raise AssertionError("an instance shows an earlier method")
        return spent

    plain, reloaded = measured(repeats, plainly, ours)
    yield row("reload, changed method", f"{count} instances", "importlib.reload (instances stay old)", plain, reloaded)


# What grows with what: the same work twice, the second time with much more of something


def growing(root: pathlib.Path, repeats: int, what: str, count: int) -> Iterator[Row]:
    """A reload of a module of 60 lines, and its rollback, among few others and among many."""
    project = Project(root, 60)

    def ours() -> float:
        project.write()
        spent = timed(project.reload)
        project.check(project.edits)
        return spent

    def back() -> float:
        return timed(lambda: modreg.rollback(project.leaf))

    few = measured(repeats, ours, back)
    held = MORE[what](root, count)
    many = measured(repeats, ours, back)
    for work, plain, spent in zip(("reload", "rollback"), few, many, strict=True):
        yield row(f"{work}, 60 lines", f"{count} {what}", "without them", plain, spent)
    del held


def more_modules(root: pathlib.Path, count: int, text: str = "X = 1\n") -> list[object]:
    names = [f"other_{n}" for n in range(count)]
    for name in names:
        (root / f"{name}.py").write_text(text)
    importlib.invalidate_caches()
    return [importlib.import_module(name) for name in names]


def more_definitions(root: pathlib.Path, count: int) -> list[object]:
    return more_modules(root, count // 1000, "".join(f"def f{n}():\n    return {n}\n" for n in range(1000)))


def more_objects(_: pathlib.Path, count: int) -> list[object]:
    return [[] for _ in range(count)]


def more_versions(root: pathlib.Path, count: int) -> list[object]:
    project = Project(root, 60)
    for _ in range(count):
        project.write()
        project.reload()
    return [project]


MORE: dict[str, Callable[[pathlib.Path, int], list[object]]] = {
    "modules": more_modules,
    "definitions": more_definitions,
    "objects": more_objects,
    "versions of another module": more_versions,
}


def ageing(root: pathlib.Path, repeats: int, count: int) -> Iterator[Row]:
    """Reloads and rollbacks of a module that has a few versions, and of the same when it has many."""
    project = Project(root, 60)

    def ours() -> float:
        project.write()
        return timed(project.reload)

    def back() -> float:
        return timed(lambda: modreg.rollback(project.leaf))

    for _ in range(10):
        ours()
    young = measured(repeats, ours, back)
    while len(modreg.history(project.leaf)) < count:
        ours()
    old = measured(repeats, ours, back)
    for work, plain, spent in zip(("reload", "rollback"), young, old, strict=True):
        yield row(f"{work}, 60 lines", f"{count} versions", "with 10 versions", plain, spent)


def importing(root: pathlib.Path, repeats: int, count: int, roots: list[str] | None, is_cold: bool) -> Iterator[Row]:
    """The import of a package with many modules, with and without modreg."""
    folder = root / "many"
    folder.mkdir()
    for name in ["__init__", *(f"part_{n}" for n in range(count))]:
        (folder / f"{name}.py").write_text(CLASS.format(n=1) + FUNCTION.format(n=2) * 4)
    importlib.invalidate_caches()
    names = [f"many.part_{n}" for n in range(count)]

    def spent() -> float:
        for name in ["many", *names]:
            sys.modules.pop(name, None)
        if is_cold:
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        importlib.import_module("many")
        return timed(lambda: [importlib.import_module(name) for name in names])

    def plain() -> float:
        modreg.uninstall()
        return spent()

    def ours() -> float:
        modreg.install(removed="drop", roots=roots)
        return spent()

    scope = "" if roots is None else ", out of scope"
    work = "import without byte-code" if is_cold else "import from byte-code"
    yield row(work, f"{count} modules{scope}", "without modreg", *measured(repeats, plain, ours))
    modreg.install(removed="drop", roots=None)


def starting(_: pathlib.Path, repeats: int, statement: str) -> Iterator[Row]:
    """An import in a fresh interpreter."""

    def spent(statement: str) -> float:
        code = f"import time; start = time.process_time(); {statement}; print((time.process_time() - start) * 1000)"
        return float(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout)

    plain, ours = measured(repeats, lambda: spent("import json"), lambda: spent(statement))
    yield row(statement, "", "import json", plain, ours)


def guarding(_: pathlib.Path, repeats: int, count: int) -> Iterator[Row]:
    """A guarded stretch of code while no transaction waits."""
    guard, lock = modreg.guard(), threading.RLock()

    def times(manager: contextlib.AbstractContextManager[object]) -> float:
        def call() -> None:
            for _ in range(count):
                with manager:
                    pass

        return timed(call) / count

    plain, ours = measured(repeats, lambda: times(lock), lambda: times(guard))
    yield row("with modreg.guard()", "once", "with a threading.RLock", plain, ours)


SIZES = {"modules": 10_000, "definitions": 100_000, "objects": 10_000_000, "versions of another module": 1000}

CASES: list[tuple[str, Callable[..., Iterator[Row]], tuple[object, ...]]] = [
    ("reload 60", reload, (60,)),
    ("reload 2000", reload, (2000,)),
    *((f"dependents {kind} {n}", reload, (60, n, kind)) for kind in USERS for n in (100, 1000)),
    ("failing 10", failing, (10,)),
    ("instances 1", instances, (1,)),
    ("instances 100000", instances, (100_000,)),
    ("check 1000", check, (1000,)),
    ("check 10000", check, (10_000,)),
    ("import warm", importing, (1000, None, False)),
    ("import warm, out of scope", importing, (1000, ["other"], False)),
    ("import cold", importing, (1000, None, True)),
    *((f"growth {what}", growing, (what, count)) for what, count in SIZES.items()),
    ("growth versions", ageing, (1000,)),
    ("start", starting, ("import modreg",)),
    ("start install", starting, ("import modreg; modreg.install()",)),
    ("guard", guarding, (100_000,)),
]


def run(name: str, repeats: int) -> list[Row]:
    """All rows of one case, in this process."""
    sys.dont_write_bytecode = False  # as Python does unless it is told otherwise
    modreg.install(removed="drop")
    _, case, sizes = next(each for each in CASES if each[0] == name)
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        return list(case(pathlib.Path(folder), repeats, *sizes))


def run_apart(name: str, repeats: int) -> list[Row]:
    """The same, in a process of its own."""
    command = [sys.executable, __file__, "--repeats", str(repeats), "--case", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows: list[Row] = json.loads(done.stdout)
    return rows


def printed(rows: list[Row]) -> str:
    table = [{key: key for key in rows[0]}, *rows]
    widths = [max(len(str(each[key])) for each in table) for key in rows[0]]
    lines = ("  ".join(str(v).ljust(w) for v, w in zip(each.values(), widths, strict=True)) for each in table)
    return "\n".join(line.rstrip() for line in lines)


HEIGHT, LEFT, UNIT = 22, 330, 300  # of a row; where bars begin; the length of a bar that stands for 1


def drawn(rows: list[Row], about: str) -> str:
    """The ratios as bars; a line marks what is compared with."""
    parts = [f'<text x="4" y="16" font-weight="bold">modreg, time relative to what is named ({about})</text>']
    for number, each in enumerate(rows):
        top = 30 + number * HEIGHT
        length = min(float(str(each["ratio"])), 2) * UNIT
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{each["work"]}, {each["size"]}</text>',
            f'<rect x="{LEFT}" y="{top + 3}" width="{length:.0f}" height="14" fill="#4c78a8"/>',
            f'<text x="{LEFT + length + 6:.0f}" y="{top + 14}">{each["ratio"]} of {each["beside"]}</text>',
        ]
    bottom = 30 + len(rows) * HEIGHT
    one = LEFT + UNIT
    parts.append(f'<line x1="{one}" x2="{one}" y1="26" y2="{bottom}" stroke="#888" stroke-dasharray="3"/>')
    head = f'width="1180" height="{bottom + 10}" font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>\n{chr(10).join(parts)}\n</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", default="", help="cases with this in their name: reload, dependents, failing ...")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path)
    args = parser.parse_args()
    if args.case:
        json.dump(run(args.case, args.repeats), sys.stdout)
        return
    rows = [each for name, *_ in CASES if args.only in name for each in run_apart(name, args.repeats)]
    print(printed(rows))
    about = f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}"
    load = os.getloadavg()[0]
    print(f"\n{about}, load {load:.1f}")
    for path in filter(None, (args.json, args.svg)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if args.json:
        told = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
        args.json.write_text(json.dumps({**told, "load": load, "repeats": args.repeats, "rows": rows}, indent=2) + "\n")
    if args.svg:
        args.svg.write_text(drawn(rows, about))


if __name__ == "__main__":
    main()
