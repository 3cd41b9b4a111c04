"""
What modreg is for, on real input: a package is upgraded under a running program, and taken back.

Two releases of click come as ordinary wheels.  A program (``host.py``) runs on the older one and holds many
references to it.  The files become the newer release's, `modreg.refresh()` brings the program up to date, two
broken upgrades are refused, and `modreg.rollback()` returns to the older release.  At every point a fresh
interpreter imports the same files and tells what should be there; where the running one differs, this fails.
"""

import importlib
import os
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import probe
from checks import Checks, bindings, fresh
from files import NEW, OLD, PACKAGE, Files

import modreg

CORE = f"{PACKAGE}.core"


def main():
    os.environ["COLUMNS"] = "80"  # click asks the terminal, which the fresh interpreter does not have.
    sys.dont_write_bytecode = True  # No interpreter here may take one release's byte-code for the other's.
    with tempfile.TemporaryDirectory(prefix="modreg-demo-") as folder:
        return Demo(Files(Path(folder).resolve())).run()


class Demo:
    """
    The whole tale, a method for each chapter.

    Attributes:
        files: The working copy, which the program imports.
        checks: What was compared, and what differed.
        took: Milliseconds, by what was done.
        days: How often the program's calls were made; each day serves the same number of orders.
    """

    def __init__(self, files):
        self.files = files
        self.checks = Checks()
        self.took = {}
        self.days = 0

    def run(self):
        self.start()
        self.upgrade()
        self.break_syntax()
        self.break_last_module()
        self.go_back()
        return self.conclude()

    def start(self):
        title(f"A program runs on {PACKAGE} {OLD}")
        self.files.become(OLD)
        sys.path.insert(0, str(self.files.site))
        modreg.install(removed="drop")
        self.host = importlib.import_module(probe.HOST)
        self.desk = self.host.desk
        self.answers = self.check(OLD)
        self.orders = self.desk.served

    def upgrade(self):
        title(f"The files become those of {PACKAGE} {NEW}, and the program is brought up to date")
        self.files.become(NEW)
        show("modreg.plan()", modreg.plan())
        transaction = self.timed("upgrade", modreg.refresh)
        self.last = transaction.versions[-1].name
        show("modreg.refresh()", transaction)
        show(f"modreg.history({CORE!r})", *modreg.history(CORE))
        show(f"modreg.diff({CORE!r})", modreg.diff(CORE), limit=40)
        answers = self.check(NEW)
        show("What the program's calls return now", *changes(self.answers, answers))

    def break_syntax(self):
        title("An upgrade with a syntax error is refused")
        self.files.become(OLD)
        self.refuse("refusal of a syntax error", CORE, "def (:", SyntaxError)

    def break_last_module(self):
        title("An upgrade whose last module raises, when all others are executed, is undone")
        self.files.become(OLD)
        self.refuse("refusal of a raising module", self.last, "raise OSError('the disk is full')", OSError)

    def refuse(self, what, module, statement, cause):
        """Spoil a module: a refresh must raise and leave everything as it was.  Then the files are mended."""
        path = Path(sys.modules[module].__file__)
        line = self.files.append(path, statement)
        before = bindings()
        error = self.timed(what, refused)
        show("modreg.refresh() raises", f"{type(error).__name__}: {error}")
        named = (error.name, error.path, error.line) == (module, str(path), line)
        named = named and isinstance(error.__cause__, cause)
        self.checks.holds(f"the error names {module}, its file, line {line} and its {cause.__name__}", named)
        self.checks.unchanged(before, bindings())
        self.files.become(NEW)
        self.check(NEW)

    def go_back(self):
        title(f"modreg.rollback({CORE!r}) takes back all that the upgrade changed")
        late = self.host.Desk()
        self.timed("rollback", modreg.rollback, CORE)
        show("modreg.transactions()[-1]", modreg.transactions()[-1])
        show(f"modreg.history({CORE!r})", *modreg.history(CORE))
        self.files.become(OLD)
        self.check(OLD, late)

    def check(self, release, late=None):
        """
        Compare this process with a fresh one on the same files; returns what the program's calls returned.

        *late* is a desk made after the upgrade: what it holds must follow as well.
        """
        wanted, got = fresh(self.files.site), probe.facts(self.desk)
        self.days += 1
        self.checks.same(f"in a fresh interpreter on {PACKAGE} {release}", wanted, got)
        if late:
            apart = {f"held class {name}" for name, cls in late.classes.items() if is_said_apart(cls)}
            held = {name: told for name, told in wanted.items() if name.startswith("held ") and name not in apart}
            got_late = {name: told for name, told in probe.references(late).items() if name not in apart}
            self.checks.same("there, taken after the upgrade", held, got_late)
            show("not compared, for modreg itself says that CPython cannot do it:", *sorted(apart))
        plan = modreg.plan()
        self.checks.holds("the files and the program agree: nothing to do", not plan)
        show("modreg.plan()", plan) if plan else print()
        return {name: told for name, told in got.items() if name.startswith("answer ")}

    def timed(self, what, call, *args):
        begin = time.perf_counter()
        result = call(*args)
        self.took[what] = (time.perf_counter() - begin) * 1000
        return result

    def conclude(self):
        title("The program still serves")
        checks, served = self.checks, self.desk.served
        kept = self.host.desk is self.desk and served == self.orders * self.days
        checks.holds(f"its desk is the one of the start, and has counted {served} orders", kept)
        verdict = f"FAILED: {checks.wrong} checks do not hold" if checks.wrong else "all checks hold"
        took = ", ".join(f"{what} {milliseconds:.0f} ms" for what, milliseconds in self.took.items())
        print(f"\n{verdict}; {checks.compared:,} comparisons, {checks.held} of held references; {took}")
        return 1 if checks.wrong else 0


def is_said_apart(cls):
    """Whether the last transaction has a finding that whoever holds *cls* holds another class than the current."""
    findings = [each.message for each in modreg.transactions()[-1].findings if each.code == "split-class"]
    return any(f" {cls.__qualname__} " in message for message in findings)


def refused():
    """The error of a refresh that must be refused."""
    try:
        transaction = modreg.refresh()
    except modreg.ReloadError as error:
        return error
    return sys.exit(f"demo: modreg.refresh() did not refuse the broken upgrade: {transaction}")


def changes(old, new):
    """The calls that return something else now, each with the first line that differs."""
    for words in old:
        for before, after in zip(old[words].splitlines(), new[words].splitlines(), strict=False):
            if before != after:
                yield f"{words.removeprefix('answer ')}\n  - {before.strip()}\n  + {after.strip()}"
                break


def title(words):
    print(f"{words}\n{'=' * len(words)}\n")


def show(heading, *values, limit=60):
    """Print values under a heading, indented, and no more than *limit* lines."""
    lines = [line for value in values for line in str(value).splitlines()]
    rest = [f"... {len(lines) - limit} more lines"] if len(lines) > limit else []
    print(f"  {heading}\n{textwrap.indent(chr(10).join(lines[:limit] + rest), '    ')}\n")


if __name__ == "__main__":
    sys.exit(main())
