"""
Times a reload and the rollback that takes it back, beside `importlib.reload` of the same modules.

    python benchmarks/run.py [--repeats 25] [--json FILE]

Every case runs in this process on modules in a temporary folder.  Times are medians in
milliseconds of processor time, so that others on the machine disturb them less; each edit
changes one function.  ``rollback/reload`` is the figure that has a bound: a tenth.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import platform
import statistics
import sys
import tempfile
import time

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


def source(lines: int, edit: int) -> str:
    """A module of about that many lines; *edit* is what its function ``changed`` returns."""
    pairs = max(1, (lines - 5) // 26)
    text = "".join(FUNCTION.format(n=n) + CLASS.format(n=n) for n in range(pairs))
    return f'"""A module."""\n\n\ndef changed():\n    return {edit}\n{text}'


class Case:
    """A module and its dependents in a folder, edited and reloaded again and again."""

    def __init__(self, root: pathlib.Path, name: str, lines: int, dependents: int) -> None:
        self.root, self.leaf, self.lines = root, f"{name}_leaf", lines
        self.dependents = [f"{name}_user{n}" for n in range(dependents)]
        self.edits = 0
        self.edit()
        for user in self.dependents:
            text = f"from {self.leaf} import changed\n\nVALUE = changed()\n\n\ndef call():\n    return changed()\n"
            (root / f"{user}.py").write_text(text)
        importlib.invalidate_caches()
        self.modules = [importlib.import_module(each) for each in (self.leaf, *self.dependents)]

    def edit(self) -> None:
        """Write another version; its time moves on, so that importlib sees it too."""
        self.edits += 1
        path = self.root / f"{self.leaf}.py"
        path.write_text(source(self.lines, self.edits))
        os.utime(path, (1_000_000_000 + 2 * self.edits,) * 2)

    def check(self, wanted: int) -> None:
        """A fast wrong answer does not count."""
        if self.modules[0].changed() != wanted or any(wanted != m.VALUE for m in self.modules[1:]):
            raise AssertionError(f"{self.leaf} does not show edit {wanted}")


def timed(call) -> float:
    """Milliseconds of processor time that a call takes."""
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1000


def with_importlib(case: Case) -> None:
    for module in case.modules:
        importlib.reload(module)


def run(root: pathlib.Path, name: str, lines: int, dependents: int, repeats: int) -> dict[str, object]:
    """All figures of one case."""
    case = Case(root, name, lines, dependents)
    plain, reload, rollback = [], [], []
    for repeat in range(repeats + 1):
        case.edit()
        plain.append(timed(lambda: with_importlib(case)))
        case.check(case.edits)
        modreg.reload(case.leaf)
        before = case.edits
        case.edit()
        reload.append(timed(lambda: modreg.reload(case.leaf)))
        case.check(case.edits)
        rollback.append(timed(lambda: modreg.rollback(case.leaf)))
        case.check(before)
        if repeat == 0:  # what is only done once (adoption, first compilation) is not the matter here
            plain.clear(), reload.clear(), rollback.clear()
    middle = {k: statistics.median(v) for k, v in (("importlib", plain), ("reload", reload), ("rollback", rollback))}
    return {
        "case": f"{lines} lines, {dependents} dependents",
        **{f"{k} ms": round(v, 3) for k, v in middle.items()},
        "reload/importlib": round(middle["reload"] / middle["importlib"], 2),
        "rollback/reload": round(middle["rollback"] / middle["reload"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    sys.dont_write_bytecode = True
    modreg.install(removed="drop")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        sys.path.insert(0, folder)
        cases = (("small", 60, 0), ("large", 2000, 0), ("star", 60, 100))
        rows = [run(root, *case, args.repeats) for case in cases]
    table = [{key: key for key in rows[0]}, *rows]
    widths = [max(len(str(row[key])) for row in table) for key in rows[0]]
    for row in table:
        print("  ".join(str(value).rjust(width) for value, width in zip(row.values(), widths, strict=True)))
    about = {"python": platform.python_version(), "machine": platform.machine(), "load": os.getloadavg()}
    print(f"\nPython {about['python']} on {about['machine']}, load {about['load'][0]:.1f}")
    if args.json:
        args.json.write_text(json.dumps({**about, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
