"""Compares this process with a fresh interpreter, and with itself before; says what differs."""

import json
import os
import subprocess
import sys

import probe

SHOWN = 10  # As many differences are printed of one comparison.
WIDTH = 120  # As many characters of each.


class Checks:
    """
    What was compared, and what differed.

    Attributes:
        compared: Number of single comparisons.
        held: How many of them were of references that the host holds.
        wrong: Number of checks that failed.
    """

    def __init__(self):
        self.compared = self.held = self.wrong = 0

    def same(self, reference, wanted, got):
        """Compare two sets of facts (see `probe.facts`)."""
        self.compared += len(wanted)
        self.held += sum(name.startswith("held ") for name in wanted)
        differing = [key for key in wanted | got if wanted.get(key) != got.get(key)]
        self.tell(not differing, f"{parts(wanted)} as {reference}", len(differing))
        for key in differing[:SHOWN]:
            print(difference(key, wanted.get(key, "nothing"), got.get(key, "nothing")))

    def unchanged(self, before, after):
        """Compare the bindings before and after (see `bindings`), object for object."""
        self.compared += len(before)
        changed = [name for name in before | after if before.get(name, before) is not after.get(name, after)]
        claim = f"{len(before):,} names of modules and classes hold the very objects of before"
        self.tell(not changed, claim, len(changed))
        for name in changed[:SHOWN]:
            print(f"           {name}")

    def holds(self, claim, truth):
        self.compared += 1
        self.tell(truth, claim)

    def tell(self, is_right, claim, differing=0):
        self.wrong += not is_right
        print(f"    {'ok ' if is_right else 'NOT'}  {claim}{f': {differing:,} DIFFER' if differing else ''}")


def fresh(site):
    """The facts in an interpreter that starts on the files in *site*."""
    program = [sys.executable, "-B", probe.__file__, os.fspath(site)]
    done = subprocess.run(program, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    return json.loads(done.stdout)


def bindings():
    """What each name of the watched modules and of their classes is bound to, and the modules themselves."""
    found = {name: sys.modules[name] for name in probe.watched()}
    for name, module in tuple(found.items()):
        found |= {f"{name}.{key}": value for key, value in vars(module).items()}
    for name, value in tuple(found.items()):
        if isinstance(value, type) and probe.is_watched(value.__module__):
            found |= {f"{name}.{key}": held for key, held in vars(value).items()}
    return found


def parts(facts):
    """How many facts there are, by kind."""
    answers, held = (sum(name.startswith(kind) for name in facts) for kind in ("answer ", "held "))
    numbers = {"answers": answers, "held references": held, "attributes": len(facts) - answers - held}
    return ", ".join(f"{number:,} {kind}" for kind, number in numbers.items() if number)


def difference(key, wanted, got):
    """The first place where two texts differ, with a little of what is around it."""
    pairs = enumerate(zip(wanted, got, strict=False))
    place = next((i for i, (one, other) in pairs if one != other), min(len(wanted), len(got)))
    shown = [repr(text[max(0, place - 30) :][:WIDTH]) for text in (wanted, got)]
    return f"           {key}\n             wanted {shown[0]}\n             got    {shown[1]}"
