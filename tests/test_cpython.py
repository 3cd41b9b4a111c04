"""CPython's own tests of imports and reloads, with modreg installed."""

import importlib.util
import re

import pytest

try:
    HAS_TESTS = importlib.util.find_spec("test.test_importlib.import_") is not None
except ModuleNotFoundError:
    HAS_TESTS = False

# Distributions of Linux put it into a package of its own.
pytestmark = pytest.mark.skipif(not HAS_TESTS, reason="this Python comes without CPython's tests (the package 'test')")

RELOADS = """
import importlib, inspect, unittest
import modreg
import test.test_import, test.test_importlib.test_api

def tests(suite):
    for each in suite:
        yield from tests(each) if isinstance(each, unittest.TestSuite) else [each]

modreg.install()
importlib.reload = lambda module: modreg.reload(module, live=False)
found = unittest.TestSuite()
for module in (test.test_import, test.test_importlib.test_api):
    for each in tests(unittest.defaultTestLoader.loadTestsFromModule(module)):
        # The others reload by a copy of importlib that is not ours to replace.
        is_of_api = type(each).__name__ == "Frozen_ReloadTests"
        if is_of_api or "importlib.reload(" in inspect.getsource(getattr(each, each._testMethodName)):
            found.addTest(each)
result = unittest.TextTestRunner(verbosity=2).run(found)
"""


def outcomes(errors):
    """What became of each test, by unittest's verbose report."""
    return dict(re.findall(r"^(test\w+ \([\w.]+\))(?:\n.*)? \.\.\. (\w+)", errors, re.MULTILINE))


def test_cpythons_tests_of_reload(python):
    """
    With `modreg.reload(live=False)` in the place of `importlib.reload` CPython's tests of it pass.
    """
    _, _, errors = python("-c", RELOADS)

    found = outcomes(errors)

    assert len(found) >= 8, errors
    assert set(found.values()) == {"ok"}, errors


@pytest.mark.parametrize("suite", ["test.test_importlib.import_", "test.test_pkgutil"])
def test_cpythons_tests_of_imports(python, suite):
    """
    With modreg installed each of CPython's own tests ends as without it.
    """
    arguments = ["-m", "unittest", "-v", suite]

    plain, ours = python(*arguments), python("-m", "modreg", "run", *arguments)

    assert len(outcomes(plain[2])) > 10, plain[2]
    assert outcomes(ours[2]) == outcomes(plain[2])
