"""
Takes a running program through the last releases of real applications, there and back.

    python benchmarks/releases.py [sphinx scrapy celery ...] [--releases 6] [--json FILE]

Of each package all modules are imported that can be in every one of these releases; then its files become
those of the next release, and ``modreg.refresh()`` brings the process up to date.  Each line tells how many modules
were executed, of how many that a change could reach by their imports, and how many of the names, functions and
classes that a fresh interpreter has on the same files are otherwise here.

Wheels come through pip and are kept in a cache.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
import types
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

PACKAGES = ("sphinx", "scrapy", "celery")
PLAIN = (int, float, complex, str, bytes, bool, type(None))
# What the interpreter and the import system keep for themselves.
UNTOLD = frozenset((
    "__builtins__", "__cached__", "__loader__", "__spec__", "__file__", "__path__", "__warningregistry__", "__dict__",
    "__weakref__", "__firstlineno__", "__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__conditional_annotations__", "__abstractmethods__", "_abc_impl",
))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--releases", type=int, default=6)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        package, needs, *names = options.child
        sys.path.append(needs)
        load(names) if names else load_all(package)
        print(json.dumps(describe(package)))
        return
    rows = [row for package in options.packages for row in travel(package, options.releases)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


# The releases


def releases(package: str, count: int) -> list[Path]:
    """Folders with the newest releases of a package, oldest first, and with what they need in ``needs``."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modreg-releases" / package
    told = pip("index", "versions", package)
    versions = re.findall(r"[^\s,]+", told.partition("Available versions:")[2].splitlines()[0])[:count]
    for version in [*versions, "needs"]:
        if not (cache / version).exists():
            wanted = [f"{package}=={version}", "--no-deps"] if version != "needs" else [f"{package}=={versions[0]}"]
            pip("install", "--quiet", "--no-compile", "--target", str(cache / version), *wanted)
    return [cache / version for version in reversed(versions)]


def pip(*words: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"releases: pip {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


# The running program


def travel(package: str, count: int) -> list[dict[str, object]]:
    """Go through the releases of a package in a process of its own; a row for each step."""
    reader, writer = os.pipe()
    stations = releases(package, count)
    if os.fork() == 0:
        status = 1
        try:
            rows = go(package, stations)
            os.write(writer, json.dumps(rows).encode())
            status = 0
        except BaseException:  # it ends here, whatever it is
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    if os.wait()[1]:
        sys.exit(f"releases: the process that goes through those of {package} failed; what it said is above")
    return json.loads(said)


def go(package: str, stations: list[Path]) -> list[dict[str, object]]:
    import modreg

    names = sorted(set.intersection(*(modules_of(fresh(station, package)) for station in stations)))
    site = Path(tempfile.mkdtemp(prefix="modreg-releases-"))
    become(site, stations[0])
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(site), str(stations[0].parent / "needs")]
    warnings.simplefilter("ignore")
    modreg.install(roots=[package], removed="drop")
    load(names)
    print(f"\n{package} {stations[0].name}: {len(loaded(package))} modules")
    print(f"{'to':12}{'files':>7}{'reached':>9}{'executed':>10}{'ms':>8}{'compared':>10}{'otherwise':>11}  outcome")
    rows = []
    for station in [*stations[1:], *reversed(stations[:-1])]:
        rows.append(step(package, names, site, station))
        told = rows[-1]
        print(
            f"{told['release']:12}{told['files']:7}{told['reached']:9}{told['executed']:10}{told['ms']:8.0f}"
            f"{told['compared']:10}{told['otherwise']:11}  {told['outcome']}",
            flush=True,
        )
    shutil.rmtree(site)
    return rows


def step(package: str, names: list[str], site: Path, station: Path) -> dict[str, object]:
    """One upgrade or downgrade, and what came of it."""
    import modreg

    files = become(site, station)
    outcome, executed, milliseconds = "upgraded", 0, 0.0
    reached: set[str] = set()
    try:
        changed = {s.module for s in modreg.plan().steps if "chang" in s.reason or "moved" in s.reason}
        reached = reach(package, changed)
        done = modreg.refresh()
        executed, milliseconds = sum(s.decision.value == "execute" for s in done.steps), done.seconds * 1000
    except modreg.ModregError as error:
        outcome = f"refused: {error}"[:300]
    here, there = describe(package), fresh(station, package, names)
    common = here.keys() & there.keys()
    otherwise = sorted(key for key in common if here[key] != there[key])
    missing = sorted(there.keys() - here.keys())
    return {
        "package": package, "release": station.name, "files": files, "reached": len(reached), "executed": executed,
        "ms": milliseconds, "compared": len(there), "otherwise": len(otherwise) + len(missing), "outcome": outcome,
        "examples": otherwise[:20] + missing[:20],
    }  # fmt: skip


def reach(package: str, changed: set[str]) -> set[str]:
    """The changed modules and all that use them by top-level imports, directly or not."""
    import modreg

    users: dict[str, set[str]] = {}
    for name in loaded(package):
        for edge in modreg.dependencies(name):
            if edge.kind is not modreg.EdgeKind.LATE:
                users.setdefault(edge.dependency, set()).add(name)
    found, queue = set(changed), list(changed)
    for name in queue:
        fresh = users.get(name, set()) - found
        found |= fresh
        queue.extend(fresh)
    return found


def become(site: Path, station: Path) -> int:
    """Make the files of a package those of a release, in place; how many of them differed."""
    wanted = {path.relative_to(station): path for path in station.rglob("*") if path.is_file()}
    count = 0
    for path in [path for path in site.rglob("*") if path.is_file() and path.relative_to(site) not in wanted]:
        path.unlink()
        count += path.suffix == ".py"
    for relative, path in wanted.items():
        target = site / relative
        if not target.exists() or target.read_bytes() != path.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            count += path.suffix == ".py"
    return count


def load(names: list[str]) -> None:
    for name in names:
        importlib.import_module(name)


def load_all(package: str) -> None:
    """Import every module of a package that can be imported."""
    top = importlib.import_module(package)
    for found in pkgutil.walk_packages(top.__path__, package + ".", onerror=lambda _: None):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(Exception, SystemExit):  # it needs what is not here
                importlib.import_module(found.name)


def modules_of(told: dict[str, str]) -> set[str]:
    """The modules that a description tells of."""
    return {path.rpartition(".")[0] for path in told if path.endswith(".__name__")}


def loaded(package: str) -> list[str]:
    return sorted(name for name in sys.modules if name == package or name.startswith(package + "."))


# The comparison


def fresh(station: Path, package: str, names: list[str] | None = None) -> dict[str, str]:
    """What a fresh interpreter has after the import of these modules, or of all that can be imported."""
    command = [sys.executable, "-B", "-W", "ignore", __file__, "--child", package, str(station.parent / "needs")]
    environment = {**os.environ, "PYTHONPATH": str(station)}
    done = subprocess.run([*command, *(names or ())], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"releases: the fresh interpreter failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def describe(package: str) -> dict[str, str]:
    """By path, what each name of each module of a package is."""
    told = {}
    for name in loaded(package):
        module = sys.modules[name]
        if isinstance(module, types.ModuleType):
            for key, value in list(vars(module).items()):
                if key not in UNTOLD:
                    told[f"{name}.{key}"] = described(value, name)
    return told


def described(value: object, home: str) -> str:
    """A definition of *home* by its content, one from elsewhere by its name, a plain value by itself."""
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        inside = digest(value.__code__) if value.__module__ == home else ""
        return f"function {value.__module__}.{value.__qualname__} {inside}"
    if isinstance(value, type):
        inside = a_class(value, home) if value.__module__ == home else ""
        return f"class {value.__module__}.{value.__qualname__} {inside}"
    return repr(value) if type(value) in PLAIN else f"a {type(value).__module__}.{type(value).__qualname__}"


def a_class(cls: type, home: str) -> str:
    bases = [f"{base.__module__}.{base.__qualname__}" for base in cls.__bases__]
    table = [f"{name}: {member(held, home)}" for name, held in sorted(vars(cls).items()) if name not in UNTOLD]
    return shortened(f"{bases} {table}")


def member(value: object, home: str) -> str:
    value = getattr(value, "__func__", value)
    if isinstance(value, property):
        return f"property {described(value.fget, home)} {described(value.fset, home)}"
    if isinstance(value, type):  # its own table would be told endlessly where classes refer to each other
        return f"class {value.__module__}.{value.__qualname__}"
    return described(value, home)


def digest(code: types.CodeType) -> str:
    inside = [digest(each) if isinstance(each, types.CodeType) else constant(each) for each in code.co_consts]
    return shortened(f"{code.co_code!r} {code.co_names} {code.co_varnames} {code.co_freevars} {inside}")


def constant(value: object) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def shortened(text: str) -> str:
    return hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", text).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
