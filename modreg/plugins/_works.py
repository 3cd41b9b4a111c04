"""How a host does what it is asked for: one action at a time, by rules, with an account of each."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

import attrs
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modreg import Decision, EdgeKind, ModregError, Registry, ReloadError, Transaction
from modreg.plugins import _requirements
from modreg.plugins._calls import Caller, running_loop
from modreg.plugins._effects import Effects
from modreg.plugins._holders import Remains
from modreg.plugins._kept import Kept
from modreg.plugins._metadata import Metadata, MetadataError
from modreg.plugins._names import PluginFinder
from modreg.plugins._outcome import AuditLine, Event, Kind, Outcome, PluginVersion
from modreg.plugins._places import FilePlace, FolderPlace, Look, ModulePlace, Place, PlaceError, ZipPlace
from modreg.plugins._store import Ledger
from modreg.plugins._turnover import RefusalError, Turnover, changed
from modreg.plugins._unit import NOTHING, Binding, Probation, State, Unit, end
from modreg.plugins._watch import Stamp, Watch

_LOG = logging.getLogger("modreg.plugins")

Source = Path | str | EntryPoint
"""Where a plugin is: a path, the dotted name of a module, or an entry point."""

Check = Callable[[Any], object]
"""Says of a plugin, a module or what an entry point names, whether it is well."""

# The actions that no transaction belongs to.
_HARMLESS: Final = frozenset({"check", "confirm", "pin", "unpin", "release"})

# What a plugin can never be: executing these again would change the tools at work.
_NEVER: Final = frozenset({"__main__", "modreg", "attr", "attrs", "packaging"})


@attrs.frozen(kw_only=True)
class Request:
    """
    What a host is asked for, for its own rules.

    Attributes:
        action: As ``reload``.
        plugin: The plugin's name.
        by: Who asks, as the caller said.
        before: The version in force, if any.
        source_hash: Hash of the sources that would come, or ``""``.
        declared: What they declare as their version.
    """

    action: str
    plugin: str
    by: str
    before: PluginVersion | None
    source_hash: str = ""
    declared: Version | None = None


@attrs.define(eq=False)
class Action:
    """What the host is doing; tasks inherit it, so it says itself when it is over."""

    name: str
    by: str
    reason: str
    caller: Caller
    is_over: bool = False


# The actions that this code runs in, each with its host.
_INSIDE: ContextVar[tuple[tuple[object, Action], ...]] = ContextVar("modreg.plugins.inside", default=())


@attrs.define(eq=False)
class Works:
    """
    The state of a host, and every action on it.

    It is the :class:`~modreg.plugins._turnover.Rules` of its turnovers.
    """

    name: str
    version: Version | None
    finder: PluginFinder
    registry: Registry
    helpers: tuple[str, ...]
    protected: tuple[str, ...]
    ledger: Ledger
    denied: dict[str, tuple[str | SpecifierSet, ...]]
    allow: Callable[[Request], object] | None
    clock: Callable[[], float]
    watch: Watch
    copies: Kept | None
    binding: Binding = attrs.field(factory=Binding)
    units: dict[str, Unit] = attrs.field(factory=dict)
    roots: dict[str, Unit] = attrs.field(factory=dict)  # the same, by the names of their modules
    askers: dict[str, dict[str, None]] = attrs.field(factory=dict)  # for a canonical name, who has ever required it
    callbacks: tuple[Callable[[Event], object], ...] = ()
    audit: deque[AuditLine] = attrs.field(factory=lambda: deque(maxlen=1000))
    folder: tempfile.TemporaryDirectory[str] | None = None
    _lock: threading.Lock = attrs.field(factory=threading.Lock)  # guards `_action` and all units: one action at a time
    _action: Action | None = None

    # One action

    def act(
        self, name: str, plugin: str, do: Callable[[Action], Outcome], by: str = "", reason: str = ""
    ) -> Outcome:
        """Take the turn, do it, and keep an account; whatever is raised becomes an outcome, save what ends programs."""
        action = Action(name, by, reason, Caller.asked(self.is_inside))
        busy = self._busy(action)
        if busy:
            return Outcome(kind=Kind.REFUSED, action=name, plugin=plugin, phase="rule", problem=busy)
        if not self._lock.acquire(blocking=not action.caller.is_inside):  # the one under way may wait for the guard
            busy = "it was asked for inside a guarded call while another action is under way; ask again later"
            return Outcome(kind=Kind.REFUSED, action=name, plugin=plugin, phase="rule", problem=busy)
        try:
            self._action = action
            token = _INSIDE.set((*_INSIDE.get(), (self, action)))
            try:
                return self._accounted(action, plugin, do)
            finally:
                _INSIDE.reset(token)
                action.is_over = True
                self._action = None
        finally:
            self._lock.release()

    def is_acting(self) -> bool:
        """Whether who asks is part of an action of this host."""
        return any(host is self and not outer.is_over for host, outer in _INSIDE.get())

    def is_free(self) -> bool:
        """Whether who asks may begin an action, now or when others are over."""
        return not (self.is_acting() or Caller.asked(self.is_inside).is_inside)

    def _busy(self, action: Action) -> str:
        """Why an action cannot even wait for its turn; ``""`` if it can."""
        if self.is_acting():
            return "it was asked for inside another action of the same host; ask for it when that is over"
        if action.caller.is_inside and action.name not in _HARMLESS:
            return "it was asked for inside a guarded call, which it would have to wait for; ask when that has returned"
        other = self._action
        loop = running_loop() if action.caller.loop is None else None
        if loop is not None and other is not None and other.caller.loop is loop:
            return "an action that needs this very loop is under way; await the method that begins with an a"
        return ""

    def is_inside(self) -> bool:
        """Whether who asks is inside a guard, which a transaction would wait for."""
        return self.registry.is_guarded()

    def _accounted(self, action: Action, plugin: str, do: Callable[[Action], Outcome]) -> Outcome:
        unit = self.units.get(plugin)
        before = unit.running if unit is not None else ""
        self.tell(Event(plugin=plugin, action=action.name, moment="begin"))
        try:
            outcome = do(action)
        except RefusalError as refusal:
            outcome = self.refused(refusal, plugin, action)
        except (PlaceError, MetadataError, SyntaxError) as error:
            outcome = self._unreadable(error, plugin, action)
        except Exception as error:  # nothing escapes; it is told all the same, for it is nobody's but ours
            _LOG.exception("%s of plugin %r", action.name, plugin)
            outcome = self._unforeseen(error, plugin, action)
        if self.ledger.lapse:
            outcome = attrs.evolve(outcome, notes=(*outcome.notes, self.ledger.lapse))
            self.ledger.lapse = ""
        self._note(action, outcome, before)
        self.tell(Event(plugin=plugin, action=action.name, moment="end", outcome=outcome))
        return outcome

    def _note(self, action: Action, outcome: Outcome, before: str) -> None:
        if action.name == "check" or (action.name == "probation" and outcome.kind is Kind.UNCHANGED):
            return
        line = AuditLine(
            time=datetime.fromtimestamp(self.clock(), UTC),
            by=action.by,
            action=action.name,
            plugin=outcome.plugin,
            before=before,
            after=outcome.running,
            result=outcome.kind.value,
            problem=outcome.problem,
        )
        self.audit.append(line)
        _LOG.log(logging.INFO if outcome else logging.WARNING, "%s", line)

    def tell(self, event: Event) -> None:
        """Tell those who listen; what they raise is logged."""
        caller = self._action.caller if self._action is not None else Caller()
        for callback in self.callbacks:
            try:
                caller.call(callback, event)
            except Exception:
                _LOG.exception("a subscriber of host %r raised", self.name)

    # Outcomes

    def outcome(self, kind: Kind, unit: Unit, action: Action, **more: Any) -> Outcome:  # further fields of it
        """An outcome with what is in force now."""
        return Outcome(
            kind=kind, action=action.name, plugin=unit.name, running=unit.running, version=unit.current, **more
        )

    def refused(self, refusal: RefusalError, plugin: str, action: Action) -> Outcome:
        """The outcome of an action that a rule is against."""
        unit = self.units.get(plugin)
        problem, phase = refusal.problem, refusal.phase
        if unit is None:
            return Outcome(kind=refusal.kind, action=action.name, plugin=plugin, phase=phase, problem=problem)
        return self.outcome(refusal.kind, unit, action, phase=phase, problem=problem)

    def restated(self, outcome: Outcome, name: str) -> Outcome:
        """The outcome of an action on several plugins, for one of them of which nothing else is to be said."""
        unit = self.units.get(name)
        running, version = (unit.running, unit.current) if unit is not None else ("", None)
        return attrs.evolve(outcome, plugin=name, running=running, version=version)

    def _unreadable(self, error: Exception, plugin: str, action: Action) -> Outcome:
        """The outcome of an action on files that cannot be had or understood: nothing was touched."""
        unit = self.units.get(plugin)
        path = str(getattr(error, "path", "") or getattr(error, "filename", "") or "")
        problem = f"{type(error).__name__}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        return Outcome(
            kind=_failure(unit) if unit is not None else Kind.FAILED,
            action=action.name,
            plugin=plugin,
            phase="plan",
            problem=problem,
            path=path,
            line=getattr(error, "lineno", None),
            running=unit.running if unit is not None else "",
            version=unit.current if unit is not None else None,
            error=error,
        )

    def _unforeseen(self, error: Exception, plugin: str, action: Action) -> Outcome:
        """The outcome of an action in which something went wrong that no rule knows."""
        unit = self.units.get(plugin)
        problem = f"{type(error).__name__}: {error}"
        if unit is None:
            return Outcome(kind=Kind.FAILED, action=action.name, plugin=plugin, problem=problem, error=error)
        return self.outcome(_failure(unit), unit, action, problem=problem, error=error)

    def _failed(self, kind: Kind, unit: Unit, action: Action, error: BaseException, **more: Any) -> Outcome:  # as above
        """The outcome of an action in which something was raised."""
        shown = error.__cause__ if isinstance(error, ReloadError) and error.__cause__ is not None else error
        path, line = _place_in(unit, shown)
        if isinstance(error, ReloadError) and not path:
            path, line = error.path, error.line
        phase = error.phase if isinstance(error, ReloadError) else more.pop("phase", "")
        more.pop("phase", None)
        problem = _said(shown, error) + _hint(unit, shown, path)
        return self.outcome(kind, unit, action, phase=phase, problem=problem, path=path, line=line, error=error, **more)

    # Plugins

    def known(self, name: str) -> Unit:
        """A plugin; an unknown name is an error, never all of them."""
        if name not in self.units:
            names = ", ".join(self.units) or "none"
            raise RefusalError(Kind.REFUSED, "find", f"no plugin {name!r} is known; known are: {names}")
        return self.units[name]

    def loaded(self, name: str) -> Unit:
        """A plugin that is loaded."""
        unit = self.known(name)
        if not unit.is_loaded:
            raise RefusalError(Kind.REFUSED, "find", f"{name} is not loaded; load it first")
        return unit

    def add(self, name: str, source: Source) -> None:
        """Make a plugin known."""
        unit = self._made(name, source)
        known = self.units.get(name)
        if known is not None and known.is_loaded:
            if (known.root, known.place.where) == (unit.root, unit.place.where):
                return
            raise ValueError(f"plugin {name!r} is loaded; unload it before it gets another place")
        for other in self.units.values():
            if other.name != name and (other.has(unit.root) or unit.has(other.root)):
                raise ValueError(f"the module {unit.root} of {name!r} is one with that of plugin {other.name!r}")
        if known is not None:
            unit.versions, unit.looks, unit.loading = known.versions, known.looks, known.loading
            unit.binding, unit.saved, unit.tried = known.binding, known.saved, known.tried
            del self.roots[known.root]
        self.units[name] = self.roots[unit.root] = unit
        if isinstance(unit.place, ModulePlace):
            self.registry.include(unit.root)
        else:
            self.finder.places[unit.root.rpartition(".")[2]] = unit.place

    def _made(self, name: str, source: Source) -> Unit:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"a plugin's name is of letters, digits, dots, dashes and underscores, not {name!r}")
        if isinstance(source, EntryPoint):
            return Unit(name, self._allowed_root(source.module), ModulePlace(source.module, self._is_ours, source))
        if isinstance(source, str):
            return Unit(name, self._allowed_root(source), ModulePlace(source, self._is_ours))
        if not isinstance(source, Path):
            raise TypeError(f"a plugin is at a pathlib.Path, a module's name or an entry point, not {source!r}")
        child = identifier(name)
        return Unit(name, f"{self.finder.package}.{child}", self._place(source.absolute(), child))

    def _allowed_root(self, root: str) -> str:
        if not root or not all(part.isidentifier() for part in root.split(".")):
            raise ValueError(f"{root!r} is no module's name; a file or folder is given as a pathlib.Path")
        if self.is_protected(root):
            raise ValueError(f"{root} can be no plugin: it is of the host itself")
        return allowed(root)

    def _is_ours(self, name: str) -> bool:
        return canonicalize_name(name) in {canonicalize_name(self.name), *(unit.key for unit in self.units.values())}

    def is_protected(self, module: str) -> bool:
        """Whether a module is the host's own."""
        return any(module == root or module.startswith(root + ".") for root in self.protected)

    def _place(self, path: Path, child: str) -> Place:
        if path.is_dir():
            return FolderPlace(path)
        if path.suffix != ".zip":
            return FilePlace(path)
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="plugins-")
        return ZipPlace(path, Path(self.folder.name, child))

    def declared(self, name: str) -> Metadata:
        """What a plugin's files declare; nothing for one whose files cannot be had: its load will say so."""
        try:
            return self.units[name].place.look().metadata if name in self.units else Metadata()
        except (PlaceError, MetadataError, SyntaxError):
            return Metadata()

    def _read(self, unit: Unit) -> Look:
        """Read a plugin's files, and note as what they are read."""
        shared = self._shared()
        try:
            look = unit.place.look()
        except (PlaceError, MetadataError, SyntaxError):
            unit.tried = (*unit.place.stamp(), *shared)
            return unit.place.look()  # what was written meanwhile counts
        unit.tried = (*look.stamp, *shared)
        return look

    def _shared(self) -> Stamp:
        places = [ModulePlace(each, self._is_ours) for each in self.helpers]
        return tuple(file for place in places for file in place.stamp())

    def changed(self, settled: float) -> tuple[str, ...]:
        """The plugins whose files, or those of the helpers, are not as they were when they were last read."""
        shared = self._shared()
        wanted = [unit for unit in list(self.units.values()) if unit.is_loaded or self.ledger.of(unit.name).is_enabled]
        tried = [(unit, unit.tried) for unit in wanted]
        return tuple(
            unit.name
            for unit, then in tried
            if then is not None and self.watch.is_changed(unit.name, then, (*unit.place.stamp(), *shared), settled)
        )

    # Rules

    def concerned(self, modules: Iterable[str]) -> tuple[Unit, ...]:
        """The loaded plugins that have one of the modules, each after those that it requires."""
        found = [self.roots[root] for module in modules for root in _upwards(module) if root in self.roots]
        names = {unit.name: unit.metadata for unit in found if unit.is_loaded}
        if len(names) < 2:  # as nearly always
            return tuple(self.units[name] for name in names)
        return tuple(self.units[name] for name in _requirements.sorted_by_need(names, names))

    def bound(self, unit: Unit) -> Binding:
        """How a plugin is taken up and let go of."""
        return unit.binding if unit.binding is not None else self.binding

    def starting(self, *units: tuple[Unit, Look]) -> None:
        """
        Leave a mark that these are being started.

        Those that run on the sources that they had are not to blame while another one's are new.
        """
        new = [(unit, look) for unit, look in units if unit.current is None or unit.current.source_hash != look.hash]
        for unit, look in new or units:
            self.ledger.of(unit.name).starting = look.hash
        self.ledger.save(*(unit.name for unit, _ in new or units))

    def moment(self, unit: Unit, what: str) -> None:
        """Tell those who listen."""
        action = self._action.name if self._action is not None else ""
        self.tell(Event(plugin=unit.name, action=action, moment=what))

    def admit(self, unit: Unit, look: Look, others: tuple[tuple[Unit, Look], ...] = ()) -> None:
        """Let a plugin with these sources pass, or raise the refusal; nothing was touched yet."""
        memory = self.ledger.of(unit.name)
        if look.hash in memory.quarantine:
            why = f"these sources are in quarantine: {memory.quarantine[look.hash]}"
            if memory.good and memory.good != look.hash:
                why += f"; last known to be good was {memory.good_version or f'what has the hash {memory.good[:12]}'}"
                kept = self.kept(unit.name)
                why += f", whose files are kept in {kept}" if kept is not None else ""
            raise RefusalError(Kind.QUARANTINED, "rule", why)
        if memory.pinned and look.hash != memory.pinned:
            raise RefusalError(Kind.REFUSED, "rule", f"{unit.name} is pinned to other sources")
        self._deny(unit, look)
        self._can_follow(unit, look)
        found = self._lacks(unit, look, others)
        if found:
            raise RefusalError(Kind.REFUSED, "requirements", "; ".join(found))

    def _deny(self, unit: Unit, look: Look) -> None:
        for what in self.denied.get(canonicalize_name(unit.name), ()):
            if _is_denied(look, what):
                raise RefusalError(Kind.REFUSED, "rule", f"{unit.name} {what} is denied")

    def _can_follow(self, unit: Unit, look: Look) -> None:
        former = unit.look
        if former is not None and unit.root not in sys.modules:
            gone = f"somebody took {unit.root} out of sys.modules; unload {unit.name} and load it again"
            raise RefusalError(Kind.REFUSED, "find", gone)
        if former is None or former.hash == look.hash:
            return
        if former.metadata.main != look.metadata.main:
            said = f"its main file is another one now; unload {unit.name} and load it again"
            raise RefusalError(Kind.REFUSED, "rule", said)
        for path, found in former.binaries.items():
            if look.binaries.get(path) != found:
                why = f"{path} changed, and an extension module can be loaded only once in a process"
                raise RefusalError(Kind.NEEDS_RESTART, "rule", why)
        if look.metadata.restart:
            raise RefusalError(Kind.NEEDS_RESTART, "rule", look.metadata.restart)

    def _lacks(self, unit: Unit, look: Look, others: tuple[tuple[Unit, Look], ...]) -> tuple[str, ...]:
        """What requirements stand against it, with what changes in the same transaction counted as changed."""
        coming = {each.name: new.metadata for each, new in others}
        asked = look.metadata.names

        def declared(each: Unit) -> Metadata:
            return coming.get(each.name) or each.metadata

        def is_up(each: Unit) -> bool:
            return each is not unit and each.state in (State.RUNNING, State.BROKEN)

        near = [each for each in self.units.values() if each.key in asked] if asked else []
        world: dict[str, Version | None] = {canonicalize_name(self.name): self.version}
        world.update((each.key, declared(each).version) for each in near if is_up(each))
        askers = [self.units[name] for name in {**self.askers.get(unit.key, {}), **coming}]
        users = {each.name: declared(each) for each in askers if is_up(each)}
        return _requirements.problems(unit.name, look.metadata, world, users)

    def _ask(self, unit: Unit, action: Action, look: Look | None = None) -> None:
        """Ask the host's own rule."""
        if self.allow is None:
            return
        request = Request(
            action=action.name,
            plugin=unit.name,
            by=action.by,
            before=unit.current,
            source_hash=look.hash if look is not None else "",
            declared=look.metadata.version if look is not None else None,
        )
        answer = action.caller.call(self.allow, request)
        if answer is False or isinstance(answer, str):
            raise RefusalError(Kind.REFUSED, "rule", answer or "the host does not allow it")

    def _keep_users(self, unit: Unit) -> None:
        """Refuse to take away what others that are running require."""
        running = {each.name: each.metadata for each in self.units.values() if each.state is State.RUNNING}
        users = _requirements.users(unit.name, running)
        if users and unit.state is State.RUNNING:
            said = f"{', '.join(users)} {'needs' if len(users) == 1 else 'need'} it"
            raise RefusalError(Kind.REFUSED, "requirements", said)

    def _keep_importers(self, unit: Unit) -> None:
        """Refuse to take away modules that others have imported: what these hold would stay as it is for ever."""
        edges = [edge for name, _ in unit.modules() for edge in self.registry.dependents(name)]
        importers = self.concerned(edge.dependent for edge in edges if edge.kind is not EdgeKind.LATE)
        users = [each.name for each in importers if each is not unit]
        if users:
            said = f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} imported it; unload that first"
            raise RefusalError(Kind.REFUSED, "requirements", said)

    # Versions

    def _record(self, unit: Unit, look: Look, action: Action, restores: int | None = None) -> PluginVersion:
        version = PluginVersion(
            number=len(unit.versions) + 1,
            source_hash=look.hash,
            declared=look.metadata.version,
            requires=tuple(map(str, look.metadata.requires)),
            revision=self.registry.revision,
            action=action.name,
            restores=restores,
            loading=unit.loading,
            by=action.by,
            reason=action.reason,
            created=self.clock(),
        )
        unit.versions.append(version)
        unit.looks[version.number] = look
        for name in look.metadata.names:
            self.askers.setdefault(name, {})[unit.name] = None
        return version

    def _settle(self, unit: Unit, confirm_within: float | None, check: Check | None) -> None:
        """After a version came: it is good, or on probation."""
        unit.saved = NOTHING
        self._keep(unit)
        if confirm_within is not None:
            back = unit.good if unit.good and unit.versions[unit.good - 1].loading == unit.loading else 0
            unit.probation = Probation(until=self.clock() + confirm_within, check=check, back=back)
        else:
            self._praise(unit)

    def _keep(self, unit: Unit) -> None:
        """Keep the files of the version in force, if the host wants that; if it cannot be done, that is no failure."""
        assert unit.current is not None
        try:
            if self.copies is not None:
                self.copies.take(unit.name, unit.place, unit.current.source_hash)
        except (OSError, PlaceError, MetadataError, SyntaxError) as error:
            self.ledger.lapse = f"the files of {unit.name} could not be kept: {type(error).__name__}: {error}"
            _LOG.warning("%s", self.ledger.lapse)

    def kept(self, name: str) -> Path | None:
        """Where the files of a plugin's last good version are kept; `None` if they are not."""
        return self.copies.path(name, self.ledger.of(name).good) if self.copies is not None else None

    def _praise(self, unit: Unit) -> None:
        """The version in force is good."""
        version = unit.current
        assert version is not None
        unit.probation, unit.good = None, version.number
        memory = self.ledger.of(unit.name)
        memory.good, memory.good_at, memory.starting = version.source_hash, version.created, ""
        memory.good_version = str(version.declared or "")

    def _unmark(self, *units: Unit) -> None:
        """The action on these is over: their marks go, except that of a version on probation."""
        for unit in units:
            current = unit.current
            self.ledger.of(unit.name).starting = current.source_hash if unit.probation and current else ""
        if units:
            self.ledger.save(*(unit.name for unit in units))

    # Load

    def load(self, unit: Unit, action: Action, confirm_within: float | None, check: Check | None) -> Outcome:
        """Execute and set up a plugin that is not loaded; enable one that is."""
        if unit.is_loaded:
            if unit.state is State.RUNNING:
                return self.outcome(Kind.UNCHANGED, unit, action, problem="it is loaded already")
            return self.enable(unit, action)
        look = self._read(unit)
        self._need_room(unit)
        self.admit(unit, look)
        self._ask(unit, action, look)
        if unit.root in sys.modules:  # somebody imported it, perhaps long ago
            brought = self.reload((unit,), action, None, None)[0]
            if not brought:
                return attrs.evolve(brought, kind=Kind.FAILED)
        self.starting((unit, look))
        try:
            return self._load_now(unit, look, action, confirm_within, check)
        finally:
            self._unmark(unit)

    def _need_room(self, unit: Unit) -> None:
        """Refuse a load whose import would find something else."""
        if self.finder not in sys.meta_path:
            said = f"the host {self.name} is closed, or another has taken {self.finder.package} over"
            raise RefusalError(Kind.REFUSED, "rule", said)
        former = getattr(sys.modules.get(unit.root), "__file__", None)
        coming = unit.place.spec(unit.root) if former is not None else None
        if coming is not None and coming.origin != former:
            raise RefusalError(Kind.REFUSED, "find", f"{unit.root} is loaded already, from {former}")

    def let_in(self, root: str) -> None:
        """
        Let a plugin be imported that is loaded, or is about to be.

        Another one's import asks none of the rules, leaves no mark that it is being started, and sets nothing up.

        Raises:
            ImportError: It is not.
        """
        unit = self.roots.get(root)
        if unit is not None and not unit.is_loaded and not self.ledger.of(unit.name).starting:
            said = f"who needs it says __requires__ = [{unit.name!r}] and is loaded after it"
            raise ImportError(f"plugin {unit.name} is not loaded; {said}", name=root)

    def _load_now(
        self, unit: Unit, look: Look, action: Action, confirm_within: float | None, check: Check | None
    ) -> Outcome:
        before = {name for name, _ in unit.modules()}
        unit.executed, unit.taken = Effects((unit.root,)), Effects((unit.root,))
        phase = "execute"
        try:
            with unit.executed.watched():
                importlib.import_module(unit.root)
            phase = "set-up"
            self.moment(unit, phase)
            unit.set_up(self.bound(unit), action.caller)
            unit.hand_over(self.bound(unit), action.caller)
            _prove(unit, action, check if confirm_within is None else None)
        except BaseException as error:  # whatever it is, nothing of the plugin may stay
            notes = self._take_out(unit, action, before, is_set_up=phase == "set-up")
            if not isinstance(error, Exception):
                raise
            return self._failed(Kind.FAILED, unit, action, error, phase=phase, notes=notes)
        unit.state = State.RUNNING
        unit.loading += 1
        self.ledger.of(unit.name).is_enabled = True
        self._record(unit, look, action)
        self._settle(unit, confirm_within, check)
        return self.outcome(Kind.LOADED, unit, action)

    def _take_out(self, unit: Unit, action: Action, before: set[str], *, is_set_up: bool) -> tuple[str, ...]:
        notes: list[str] = []
        if is_set_up:
            notes, _ = unit.let_go(self.bound(unit), action.caller)
        notes += end(unit.executed, action.caller)[0]
        for name, module in list(unit.modules()):
            if name not in before:
                _drop(name, module)
        return tuple(notes)

    def adopt(self, unit: Unit, action: Action) -> Outcome:
        """Take on a plugin that something else has loaded and set up."""
        if unit.root not in sys.modules:
            raise RefusalError(Kind.REFUSED, "find", f"no module {unit.root} is loaded, so there is nothing to adopt")
        if unit.is_loaded:
            return self.outcome(Kind.UNCHANGED, unit, action, problem="it is loaded already")
        look = self._read(unit)
        self.admit(unit, look)
        self._ask(unit, action, look)
        unit.executed, unit.taken = Effects((unit.root,)), Effects((unit.root,))
        unit.state = State.RUNNING
        unit.loading += 1
        self._record(unit, look, action)
        self._settle(unit, None, None)
        self._unmark(unit)
        return self.outcome(Kind.LOADED, unit, action)

    # Reload

    def reload(
        self, units: tuple[Unit, ...], action: Action, confirm_within: float | None, check: Check | None
    ) -> list[Outcome]:
        """Bring plugins up to date, all of them or none; an outcome for each."""
        looks: dict[str, Look] = {}
        for unit in units:
            looks[unit.name] = self._read(unit)
        pairs = tuple((unit, looks[unit.name]) for unit in units)
        for unit, look in pairs:
            self.admit(unit, look, pairs)
            self._ask(unit, action, look)

        def look_at(unit: Unit) -> Look:
            return looks[unit.name] if unit.name in looks else _known(unit)

        def prove(unit: Unit) -> None:
            _prove(unit, action, check if confirm_within is None and unit in units else None)

        turnover = Turnover(self, action.caller, look_at, prove)
        done: list[Transaction] = []

        def go() -> None:
            roots = [*(unit.root for unit in units), *self.helpers]
            done.append(self.registry.refresh(only=roots, removed="drop", within=turnover))

        failed = self._turn(turnover, units, action, go)
        if failed:
            return failed
        if not turnover.units:
            return [self._unchanged(unit, looks[unit.name], action, done[0]) for unit in units]
        for unit in turnover.units:
            self._record(unit, turnover.looks[unit.name], action)
            if unit in units or unit.probation is None:  # one that went with another has still to prove itself
                self._settle(unit, confirm_within if unit in units else None, check)
            unit.saved = NOTHING
        self._unmark(*turnover.units)
        return [self._turned(Kind.RELOADED, unit, units, action, turnover, done[0]) for unit in units]

    def _unchanged(self, unit: Unit, look: Look, action: Action, done: Transaction) -> Outcome:
        problem = _elsewhere(done)
        if unit.current is not None and look.hash != unit.current.source_hash:
            mine = [each for each in unit.versions if each.loading == unit.loading]
            seen = [each.number for each in mine if each.source_hash == look.hash]
            problem = problem or "no module that is loaded changed"
            if seen:
                problem = f"a rollback turned these sources away, and one to version {seen[-1]} brings them back"
        if unit.state is State.BROKEN:
            return self.enable(unit, action)
        return self.outcome(Kind.UNCHANGED, unit, action, problem=problem, transaction=done)

    def _turned(
        self,
        kind: Kind,
        unit: Unit,
        units: tuple[Unit, ...],
        action: Action,
        turnover: Turnover,
        done: Transaction | None,
    ) -> Outcome:
        """The outcome of a committed transaction for one of the plugins that were asked for."""
        others = tuple(each.name for each in turnover.units if each not in units)
        if unit not in turnover.units:
            problem = _elsewhere(done) if done is not None else ""
            return self.outcome(Kind.UNCHANGED, unit, action, problem=problem, others=others, transaction=done)
        notes = (*turnover.notes, *(map(str, done.findings) if done is not None else ()))
        return self.outcome(
            kind, unit, action, others=others, notes=notes, leaks=tuple(turnover.leaks), transaction=done
        )

    def _turn(
        self, turnover: Turnover, units: tuple[Unit, ...], action: Action, go: Callable[[], None]
    ) -> list[Outcome]:
        """Carry a transaction out; if it was not committed, say for each plugin why."""
        try:
            go()
        except ModregError as error:
            self._unmark(*turnover.units)
            if isinstance(error.__cause__, RefusalError):
                raise error.__cause__ from None
            return [self._aborted(unit, error, turnover, action) for unit in units]
        except BaseException:
            self._unmark(*turnover.units)
            raise
        turnover.settle()
        return []

    def _aborted(self, unit: Unit, error: ModregError, turnover: Turnover, action: Action) -> Outcome:
        if not isinstance(error, ReloadError):
            return self.outcome(Kind.REFUSED, unit, action, phase="rule", problem=str(error), error=error)
        blamed = turnover.blamed or next((each for each in self.units.values() if each.has(error.name)), unit)
        others = tuple(each.name for each in turnover.units if each is not unit)
        made = self._failed(_failure(unit), blamed, action, error, others=others, notes=tuple(turnover.notes))
        return attrs.evolve(made, plugin=unit.name, running=unit.running, version=unit.current)

    # Rollback

    def rollback(self, unit: Unit, to: int | None, action: Action) -> Outcome:
        """Bring an earlier version back."""
        target = self._target(unit, to)
        self._ask(unit, action, unit.looks[target.number])
        return self._back(unit, target, action)

    def _target(self, unit: Unit, to: int | None) -> PluginVersion:
        current = unit.current
        assert current is not None
        quarantine = self.ledger.of(unit.name).quarantine
        if to is None:
            turned_away = {current.source_hash, *quarantine}  # versions made for others' sake have the former
            earlier = unit.versions[: unit.rooted(current.number) - 1]
            fit = [v for v in earlier if v.loading == unit.loading and v.source_hash not in turned_away]
            if not fit:
                said = f"{unit.name} has no version with other sources before {current}"
                raise RefusalError(Kind.REFUSED, "find", said)
            return fit[-1]
        if not 1 <= to <= len(unit.versions):
            raise RefusalError(Kind.REFUSED, "find", f"{unit.name} has no version {to}")
        if unit.versions[to - 1].loading != unit.loading:
            raise RefusalError(Kind.REFUSED, "find", f"{unit.name} was unloaded after version {to}, which let go of it")
        return unit.versions[to - 1]

    def _back(self, unit: Unit, target: PluginVersion, action: Action) -> Outcome:
        def former(each: Unit) -> PluginVersion:
            return target if each is unit else each.at(target.revision) or each.versions[-1]

        def look_at(each: Unit) -> Look:
            restored = any(s.decision is Decision.RESTORE and each.has(s.module) for s in turnover.steps)
            return each.looks[former(each).number] if restored or each is unit else _known(each)

        turnover = Turnover(self, action.caller, look_at, lambda _: None, is_asking=True)

        def go() -> None:
            self.registry.rollback(unit.root, revision=target.revision, within=turnover)

        failed = self._turn(turnover, (unit,), action, go)
        if failed:
            return failed[0]
        if not turnover.units:
            return self.outcome(Kind.UNCHANGED, unit, action, problem=f"its modules are those of {target}")
        for each in turnover.units:
            if each is unit or self._went_back(each):
                self._record(each, each.looks[former(each).number], action, restores=former(each).number)
                self._settle(each, None, None)  # what came back was good before
            else:
                self._record(each, turnover.looks[each.name], action)
        self._unmark(*turnover.units)
        return self._turned(Kind.ROLLED_BACK, unit, (unit,), action, turnover, None)

    def _went_back(self, unit: Unit) -> bool:
        """Whether the last transaction brought earlier versions of a plugin's modules back."""
        versions = [self.registry.current(name) for name, _ in unit.modules()]
        return any(each.restores is not None and each.revision == self.registry.revision for each in versions)

    # Disable, enable, unload

    def disable(self, unit: Unit, action: Action) -> Outcome:
        """Tear a plugin down and leave its modules."""
        memory = self.ledger.of(unit.name)
        if not unit.is_loaded or unit.state is State.DISABLED:
            was, memory.is_enabled = memory.is_enabled, False
            self.ledger.save(unit.name)
            kind = Kind.DISABLED if was and not unit.is_loaded else Kind.UNCHANGED
            return self.outcome(kind, unit, action, problem="" if kind is Kind.DISABLED else "it is disabled already")
        self._keep_users(unit)
        self._ask(unit, action)
        notes, leaks = self._let_go(unit, action)
        unit.state, memory.is_enabled = State.DISABLED, False
        self._forgive(unit)
        return self.outcome(Kind.DISABLED, unit, action, notes=notes, leaks=leaks)

    def _let_go(self, unit: Unit, action: Action) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if unit.state is not State.RUNNING:
            return (), ()
        self.moment(unit, "tear-down")
        notes = unit.save(self.bound(unit), action.caller)
        found, leaks = unit.let_go(self.bound(unit), action.caller)
        return (*notes, *found), leaks

    def _forgive(self, unit: Unit) -> None:
        """A plugin that is not running is on no probation."""
        unit.probation = None
        self._unmark(unit)

    def enable(self, unit: Unit, action: Action) -> Outcome:
        """Set a loaded plugin up that is not, or load it."""
        if not unit.is_loaded:
            self.ledger.of(unit.name).is_enabled = True
            return self.load(unit, action, None, None)
        if unit.state is State.RUNNING:
            return self.outcome(Kind.UNCHANGED, unit, action, problem="it is enabled already")
        look = unit.look
        assert look is not None
        self.admit(unit, look)
        self._ask(unit, action, look)
        self.starting((unit, look))
        try:
            self.moment(unit, "set-up")
            unit.set_up(self.bound(unit), action.caller)
            unit.hand_over(self.bound(unit), action.caller)
        except BaseException as error:
            notes, _ = unit.let_go(self.bound(unit), action.caller)
            if not isinstance(error, Exception):
                raise
            return self._failed(_failure(unit), unit, action, error, phase="set-up", notes=tuple(notes))
        finally:
            self._unmark(unit)
        unit.state, unit.saved = State.RUNNING, NOTHING
        self.ledger.of(unit.name).is_enabled = True
        self._praise(unit)
        self._unmark(unit)
        return self.outcome(Kind.ENABLED, unit, action)

    def unload(self, unit: Unit, action: Action, *, is_verified: bool, are_all: bool = False) -> Outcome:
        """Tear a plugin down, end what it began, and have its modules leave; where all leave, whoever uses them."""
        if not unit.is_loaded:
            return self.outcome(Kind.UNCHANGED, unit, action, problem="it is not loaded")
        if not are_all:
            self._keep_users(unit)
            self._keep_importers(unit)
        self._ask(unit, action)
        notes, leaks = self._let_go(unit, action)
        unit.state = State.DISABLED  # in case that something goes wrong from here on
        found, left = end(unit.executed, action.caller)
        unit.executed = Effects((unit.root,))
        remains = Remains.of(module for _, module in unit.modules()) if is_verified else None
        try:
            self.registry.unload(unit.root)
        except ModregError as error:  # a module's own hook is against it
            return self._failed(Kind.FAILED, unit, action, error, notes=(*notes, *found))
        self.registry.forget(unit.root)
        unit.state, unit.good, unit.tried = State.KNOWN, 0, None
        self._forgive(unit)
        leaks = (*leaks, *left, *(remains.survivors() if remains is not None else ()))
        return self.outcome(Kind.UNLOADED, unit, action, notes=(*notes, *found), leaks=leaks)

    # Check and probation

    def check(self, unit: Unit, action: Action) -> Outcome:
        """Say what stands in the way of a load or reload; nothing of the plugin runs."""
        look = unit.place.look()
        self.admit(unit, look)
        if not unit.is_loaded:
            unit.place.compile()
            return self.outcome(Kind.READY, unit, action)
        try:
            plan = self.registry.plan(only=[unit.root, *self.helpers])
        except ModregError as error:
            return self._failed(_failure(unit), unit, action, error)
        if not plan and unit.state is not State.BROKEN:
            return self.outcome(Kind.UNCHANGED, unit, action)
        units = self.concerned(step.module for step in plan.steps)
        others = tuple(each.name for each in units if each is not unit)
        return self.outcome(Kind.READY, unit, action, others=others, notes=tuple(map(str, plan.findings)))

    def confirm(self, unit: Unit, action: Action) -> Outcome:
        """End a probation well."""
        if unit.probation is None:
            return self.outcome(Kind.UNCHANGED, unit, action, problem="it is not on probation")
        self._praise(unit)
        self._unmark(unit)
        return self.outcome(Kind.CONFIRMED, unit, action)

    def prove(self, unit: Unit, action: Action) -> Outcome:
        """Look whether a version on probation is well, and end the probation if that is known."""
        probation, version = unit.probation, unit.current
        if probation is None or version is None:
            return self.outcome(Kind.UNCHANGED, unit, action)
        is_over = self.clock() >= probation.until
        try:
            _prove(unit, action, probation.check)
        except Exception as error:
            return self._condemn(unit, probation, f"{type(error).__name__}: {error}", action)
        if is_over and probation.check is not None:
            return self.confirm(unit, action)
        if is_over:
            return self._condemn(unit, probation, "it was not confirmed in time", action)
        return self.outcome(Kind.UNCHANGED, unit, action)

    def _condemn(self, unit: Unit, probation: Probation, why: str, action: Action) -> Outcome:
        """A version did not prove itself: its sources go into quarantine, and the last good version comes back."""
        version = unit.current
        assert version is not None
        unit.probation = None
        self.ledger.of(unit.name).quarantine[version.source_hash] = why
        try:
            if probation.back:
                made = self._back(unit, unit.versions[probation.back - 1], action)
            else:
                made = self.unload(unit, action, is_verified=False)
        except RefusalError as refusal:
            made = self.refused(refusal, unit.name, action)
        self._unmark(unit)
        after = "" if made else f"; and then: {made.problem}"
        return attrs.evolve(made, problem=f"{version} did not pass its probation: {why}{after}")


def deniable(what: str) -> str | SpecifierSet:
    """What a plugin's versions can be denied by; anything else would keep nothing out."""
    if re.fullmatch("[0-9a-f]{64}", what):
        return what
    try:
        return SpecifierSet(what)
    except InvalidSpecifier:
        said = "is neither a specifier of versions, as <1.4, nor the hash of sources"
        raise ValueError(f"{what!r} {said}") from None


def _is_denied(look: Look, what: str | SpecifierSet) -> bool:
    if isinstance(what, str):
        return what == look.hash
    return look.metadata.version is not None and what.contains(look.metadata.version, prereleases=True)


def allowed(root: str) -> str:
    """A module that plugins may be or share: none of what all others stand on."""
    top = root.partition(".")[0]
    if top in _NEVER or top in sys.stdlib_module_names:
        raise ValueError(f"{root} can be no plugin and no helper: it is of Python or of modreg")
    return root


def identifier(name: str) -> str:
    """A name as a part of a module's name."""
    found = re.sub(r"\W", "_", name)
    return found if found.isidentifier() else f"_{found}"


class CheckError(Exception):
    """A plugin's own check of a version answered that it is not well."""


def _prove(unit: Unit, action: Action, check: Check | None) -> None:
    if check is not None and not action.caller.call(check, unit.target):
        raise CheckError("the check was not passed")


def _failure(unit: Unit) -> Kind:
    """What a failure comes to that left a plugin in the state that it is in."""
    return {State.RUNNING: Kind.KEPT_OLD, State.BROKEN: Kind.BROKEN}.get(unit.state, Kind.FAILED)


def _elsewhere(done: Transaction) -> str:
    """What a transaction did that left a plugin as it was; ``""`` for nothing."""
    found = changed(done.steps)
    return f"what changed is in {', '.join(found)}" if found else ""


def _upwards(module: str) -> Iterable[str]:
    """A module's name, and those of all that it is below."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _known(unit: Unit) -> Look:
    """What the files of a plugin held that is executed for another's sake: it runs on the sources that it has."""
    look = unit.look
    assert look is not None  # it is loaded
    return look


def _drop(name: str, module: object) -> None:
    """Take a module out of `sys.modules` and off its package, as if it had never been imported."""
    sys.modules.pop(name, None)
    parent, _, child = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and vars(package).get(child) is module:
        delattr(package, child)


def _place_in(unit: Unit, error: BaseException) -> tuple[str, int | None]:
    """The last place in a plugin's files that an error came through."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if unit.has(str(frame.f_globals.get("__name__", ""))):
            return frame.f_code.co_filename, line
    return "", None


def _said(shown: BaseException, error: BaseException) -> str:
    """What was raised, in a few words."""
    if isinstance(error, ReloadError):
        return error.problem
    said = shown.msg if isinstance(shown, SyntaxError) else str(shown)
    return f"{type(shown).__name__}: {said}" if said else type(shown).__name__


def _hint(unit: Unit, error: BaseException, path: str) -> str:
    """What to do about the commonest mistake: in a host's package a plugin finds what is beside it relatively only."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not (name and path) or isinstance(unit.place, FilePlace):
        return ""
    file, beside = Path(path), Path(path).with_name(name)
    is_there = beside.is_dir() or beside.with_suffix(".py").is_file()
    return f"; it is beside {file.name}: from . import {name}" if is_there else ""
