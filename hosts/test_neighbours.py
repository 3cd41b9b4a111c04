"""Packages with import hooks, proxies or schedulers of their own: alone, and beside modreg."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# What every program begins with; `reload` is what brings a module up to date.
BEGINNING = """
import importlib, pathlib, sys

if "gevent" in sys.argv:  # before anything else is imported, as gevent asks for
    from gevent import monkey
    monkey.patch_all()
sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).parent
if "modreg" in sys.argv:
    import modreg
    modreg.install()
    reload = modreg.reload
else:
    reload = importlib.reload

def write(name, text):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    importlib.invalidate_caches()

def told(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error).__name__

write("pack/__init__.py", "")
"""

CHECKED = """
write("pack/part.py", "def f(x: int) -> int: return x\\n")
from pack import part
print(told(part.f, 1), told(part.f, "a"))
f = part.f
write("pack/part.py", "def f(x: str) -> str: return x * 2\\n")
reload(part)
print(told(part.f, 1), told(part.f, "a"))
"""

WRAPPED = """
SOURCE = '''
import wrapt

@wrapt.decorator
def times(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs) * 2

@times
def f(): return {n}

class C:
    @times
    def g(self): return {n}
'''
"""

PROGRAMS = {
    "beartype": "from beartype.claw import beartype_package\nbeartype_package('pack')\n" + CHECKED,
    "typeguard": "from typeguard import install_import_hook\ninstall_import_hook('pack')\n" + CHECKED,
    "wrapt": WRAPPED
    + """
import wrapt
calls = []
wrapt.register_post_import_hook(lambda module: calls.append(module.__name__), "pack.part")
for n in (1, 22, 333):
    write("pack/part.py", SOURCE.format(n=n))
    if n == 1:
        from pack import part
    else:
        reload(part)
    print(part.f(), part.C().g(), calls)
""",
    "lazy_loader": """
write("pack/__init__.py", "import lazy_loader\\n__getattr__, __dir__, __all__ = lazy_loader.attach("
    "__name__, submodules=['other'], submod_attrs={'part': ['f']})\\n")
write("pack/part.py", "def f(): return 1\\n")
write("pack/other.py", "V = 1\\n")
write("late.py", "V = 1\\n")
import lazy_loader, pack
late = lazy_loader.load("late")
print("pack.part" in sys.modules, pack.f(), pack.other.V, type(late).__name__)
print(late.V, type(late).__name__)
write("pack/part.py", "def f(): return 22\\n")
write("pack/other.py", "V = 22\\n")
write("late.py", "V = 22\\n")
for name in ("pack.part", "pack.other", "late"):
    reload(sys.modules[name])
print(sys.modules["pack.part"].f(), pack.other.V, late.V)
""",
    "gevent": """
import gevent
write("pack/part.py", "import time\\ndef f():\\n    time.sleep(0)\\n    return 1\\n")
from pack import part
jobs = [gevent.spawn(part.f) for _ in range(10)]
write("pack/part.py", "import time\\ndef f():\\n    time.sleep(0)\\n    return 22\\n")
gevent.spawn(reload, part).join()
gevent.joinall(jobs)
print(sorted({job.value for job in jobs} - {22}) in ([], [1]), part.f())
""",
}

# With modreg what was held is brought up to date as well.
HELD = {
    "beartype": ("print(told(f, 1), told(f, 'a'))\n", "BeartypeCallHintParamViolation aa\n"),
    "typeguard": ("print(told(f, 1), told(f, 'a'))\n", "TypeCheckError aa\n"),
    "wrapt": (
        """
write("pack/part.py", SOURCE.format(n=1))
reload(part)
f, c, g = part.f, part.C(), part.C().g
for n in (2, 3):
    write("pack/part.py", SOURCE.format(n=n))
    reload(part)
    print(f(), c.g(), g())
modreg.rollback(part)
print(f(), c.g(), g())
""",
        "4 4 4\n6 6 6\n4 4 4\n",
    ),
    "gevent": (
        """
import threading
inside, leave = threading.Event(), threading.Event()
def guarded():
    with modreg.guard():
        before = part.f()
        inside.set()
        leave.wait()
        return before, part.f()
job = gevent.spawn(guarded)
inside.wait()
write("pack/part.py", "def f(): return 333\\n")
waiting = gevent.spawn(reload, part)
gevent.sleep(0)
leave.set()
print(job.get(timeout=20), waiting.get(timeout=20) is part, part.f())
""",
        "(22, 22) True 333\n",
    ),
}


@pytest.fixture
def output(tmp_path):
    """What a program prints, alone or with modreg."""

    def run(text, *arguments):
        folder = tmp_path / "-".join(["run", *arguments])
        folder.mkdir()
        (folder / "program.py").write_text(BEGINNING + textwrap.dedent(text))
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "program.py", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


@pytest.mark.parametrize("package", PROGRAMS)
def test_neighbours_do_as_they_do_alone(output, package):
    """
    What a package does at imports and reloads it does with modreg installed, and with `modreg.reload`.
    """
    assert output(PROGRAMS[package], package, "modreg") == output(PROGRAMS[package], package)


@pytest.mark.parametrize("package", HELD)
def test_what_was_held_goes_with_them(output, package):
    """
    References through a neighbour's wrappers, and calls under its scheduler, see the new version as any others do.
    """
    more, expected = HELD[package]

    assert output(PROGRAMS[package] + more, package, "modreg").endswith(expected)


def test_coverage_counts_the_lines_of_each_version(output, tmp_path):
    """
    coverage finds the same lines executed as with `importlib.reload`.
    """
    program = """
import coverage
measuring = coverage.Coverage(data_file=None, include=["*/part.py"])
measuring.start()
write("pack/part.py", "def f(x):\\n    if x:\\n        return 1\\n    return 2\\n")
from pack import part
part.f(1)
write("pack/part.py", "def f(x):\\n    if x:\\n        return 1\\n    return 3\\n\\n\\nV = 1\\ndef g():\\n    return V\\n")
reload(part)
part.f(0)
part.g()
measuring.stop()
print(measuring.analysis2(part.__file__)[1:])
"""
    alone, beside = (output(program, *how).replace(f"run{''.join('-' + h for h in how)}", "run") for how in ((), ("modreg",)))

    assert beside == alone
