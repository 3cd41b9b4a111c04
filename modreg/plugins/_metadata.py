"""What a plugin says about itself, read without running any of it."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterable
from typing import Any, Final

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

TOML: Final = "plugin.toml"
_NAMES: Final = ("__version__", "__requires__", "__restart__")


class MetadataError(ValueError):
    """What a plugin says about itself cannot be understood; the message is for people."""


@attrs.frozen(kw_only=True, slots=False)
class Metadata:
    """
    What a plugin declares.

    Attributes:
        version: Its version.
        requires: What it requires, of the host and of other plugins.
        restart: Why a reload of it needs a new process, or ``""``.
        main: The file in its folder that stands for an ``__init__.py``, or ``""``.
    """

    version: Version | None = None
    requires: tuple[Requirement, ...] = ()
    restart: str = ""
    main: str = ""

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The canonical names of what it requires."""
        return frozenset(canonicalize_name(each.name) for each in self.requires)


def of_source(data: bytes, path: str) -> dict[str, Any]:  # the literals that stand in the source
    """
    What a source declares by plain assignments at its top level.

    Raises:
        SyntaxError: It cannot be parsed.
        MetadataError: A name of ours is assigned something that is no literal.
    """
    if not any(name.encode() in data for name in _NAMES):
        return {}
    found: dict[str, Any] = {}  # as above
    for statement in ast.parse(data, path).body:
        for name, value in _assigned(statement):
            try:
                found[name.strip("_")] = ast.literal_eval(value)
            except (ValueError, TypeError):  # the latter of what cannot be in a set or be a key
                if name != "__version__":  # computed versions are common; requirements have to be readable
                    raise MetadataError(f"{name} in {path} is no literal, so it cannot be read") from None
    return found


def _assigned(statement: ast.stmt) -> Iterable[tuple[str, ast.expr]]:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if isinstance(target, ast.Name) and target.id in _NAMES:
                yield target.id, statement.value


def of_toml(data: bytes, path: str) -> dict[str, Any]:  # what TOML can say
    """
    What a ``plugin.toml`` declares.

    Raises:
        MetadataError: It is no TOML.
    """
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MetadataError(f"{path} is no TOML: {error}") from None


def made(found: dict[str, Any], path: str) -> Metadata:  # as above
    """
    The declarations as values.

    Raises:
        MetadataError: One of them has the wrong form.
    """
    requires = found.get("requires", ())
    if not isinstance(requires, (list, tuple, set)) or not all(isinstance(each, str) for each in requires):
        raise MetadataError(f"the requirements in {path} must be a list of texts such as 'host>=1'")
    return Metadata(
        version=_version(found.get("version"), path),
        requires=tuple(_requirement(each, path) for each in requires),
        restart=str(found.get("restart", "")),
        main=str(found.get("main", "")),
    )


def _version(text: object, path: str) -> Version | None:
    if text is None:
        return None
    try:
        return Version(str(text))
    except InvalidVersion:
        raise MetadataError(f"{text!r} in {path} is no version; 1.2 would be one") from None


def _requirement(text: str, path: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise MetadataError(f"{text!r} in {path} is no requirement: {str(error).splitlines()[0]}") from None
