"""The names under which a host's plugins are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import attrs

from modreg.plugins._places import Place


@attrs.define(eq=False)
class PluginFinder:
    """
    Finds the plugins that a host put below a package of its own, and nothing else.

    It stands last on `sys.meta_path`.  What is inside a plugin the ordinary finders find, by the package's
    ``__path__``, so a helper of one plugin is ``package.one.helper`` and that of another ``package.two.helper``.

    Attributes:
        package: Absolute name of the package.
        places: Where each plugin is, by the last part of its module's name.
        admit: Called with the absolute name of a plugin's module that somebody imports; raises what is against it.
    """

    package: str
    places: dict[str, Place] = attrs.field(factory=dict)
    admit: Callable[[str], object] = attrs.field(default=lambda _: None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the spec of a plugin's top module."""
        package, _, name = fullname.rpartition(".")
        if package != self.package or name not in self.places:
            return None
        self.admit(fullname)
        return self.places[name].spec(fullname)

    def install(self) -> None:
        """Stand on `sys.meta_path`, in the place of another host's for that package, and put the package there."""
        for each in list(sys.meta_path):
            if isinstance(each, PluginFinder) and each.package == self.package:
                sys.meta_path.remove(each)
        sys.meta_path.append(self)
        if self.package not in sys.modules:
            sys.modules[self.package] = _package(self.package)

    def uninstall(self) -> None:
        """Leave; the package stays as long as a plugin in it does."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        below = self.package + "."
        if not any(name.startswith(below) for name in list(sys.modules)):
            sys.modules.pop(self.package, None)


def _package(name: str) -> ModuleType:
    """A package without a folder: nothing is found in it but what the finder knows."""
    module = ModuleType(name, "The plugins of a host, put here by modreg.plugins.")
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    return module
