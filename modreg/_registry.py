"""The registry: every call that modreg offers, as a method."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

import attrs

from modreg import _chain, _diff, _graph, _holders, _importer, _loop, _pending, _uses
from modreg._diff import Diff, Side
from modreg._draft import Draft
from modreg._events import Subscriber, Subscribers, TransactionAborted, TransactionCommitted, VersionCommitted
from modreg._execution import Execution
from modreg._given import Module, check_number, check_own_words, check_words, checked_roots, loaded_name, name_of
from modreg._guard import Gate, Gates
from modreg._history import Commit, History, Record
from modreg._holders import Holder
from modreg._importer import Finder, namespace_of
from modreg._model import Cause, Edge, ModuleVersion, Participant, Plan, Transaction
from modreg._plain import Plain
from modreg._planner import Planner
from modreg._recorder import Recorder
from modreg._requests import Request
from modreg._rollback import Rollback
from modreg._scope import Scope, is_under, is_under_one
from modreg._snapshot import Manifest, Snapshot
from modreg._transaction import Work, check_findings
from modreg._turn import Turn
from modreg.errors import (
    BusyError,
    InsideGuardError,
    ModregError,
    NestedTransactionError,
    NoEarlierVersionError,
    NotLoadedError,
    NotTrackedError,
)

T = TypeVar("T")


class Registry:
    """
    Every import as a version, every reload as a transaction.

    The functions of the package `modreg` are the methods of one registry.  A program needs a second one
    only in tests: both would observe the same imports.
    """

    def __init__(self) -> None:
        self._history = History()
        self._scope = Scope()
        self._missed: set[str] = set()
        self._planner = Planner(self._history, self._scope, self._missed)
        self._turn = Turn(_TAKING)
        self._subscribers = Subscribers()
        self._finder: Finder | None = None
        self._removed: Literal["keep", "drop"] = "keep"
        self._live = True
        self._state: Literal["reset", "keep"] = "reset"
        self._dependents: Literal["needed", "all", "none"] = "needed"
        # The requests, by module; and by gate how a transaction closes it.
        self._notices: dict[Any, Any] = {}
        self._gate = Gate(self._notices, partial(self.apply_requests, timeout=0.0))
        self._gates = Gates(self._gate)

    # Installation

    def install(
        self,
        *,
        roots: Iterable[str] | None = None,
        removed: Literal["keep", "drop"] = "keep",
        keep_snapshots: int = 10,
        keep_versions: int | None = None,
        live: bool = True,
        state: Literal["reset", "keep"] = "reset",
        dependents: Literal["needed", "all", "none"] = "needed",
    ) -> Registry:
        """
        Record every import from here on.

        What is loaded already is adopted at first need.  A second call changes the options of the
        one installation.

        Args:
            roots: Absolute module names; they and all below them are in scope, which means that their
                sources are recorded and that they may be executed again.  `None` stands for everything
                outside the standard library and the folders of installed distributions.
            removed: What happens to names that the new source can no longer bind: they linger, as
                with `importlib.reload`, or they leave the namespace.
            keep_snapshots: Versions before the current one, for each module, that a rollback restores
                as they last lived; older ones are executed again.
            keep_versions: How many versions of each module are remembered, the current one among them, and at least
                those with snapshots.  Of older ones, and of transactions that only they could tell of, nothing is
                kept but their numbers.  `None` remembers all.
            live: Whether old objects become the new definitions; see :meth:`reload`.
            state: ``"reset"`` assigns what the source assigns, as `importlib.reload` does.  With ``"keep"`` a name
                keeps its object where the statements that make it are unchanged, and so is all that they
                read; a plain container also takes the definitions that the execution put in.
            dependents: Who is executed for a change elsewhere: those that computed something from it while they were
                executed, all that import it at top level, or none.

        Returns:
            This registry.

        Raises:
            TypeError: *roots* is a string, or holds something that is none; or *keep_snapshots* or
                *keep_versions* is no number.
            ValueError: *removed*, *state* or *dependents* is another word, *keep_snapshots* is negative,
                *keep_versions* is less than one, or a root is no dotted name.

        .. versionadded:: 0.1.0
        """
        checked = checked_roots(roots)
        check_words(removed=removed, state=state, dependents=dependents)
        check_number("keep_snapshots", keep_snapshots, 0)
        if keep_versions is not None:
            check_number("keep_versions", keep_versions, 1)
        self._planner.limit(checked)
        self._history.keep, self._history.limit = keep_snapshots, keep_versions
        self._removed, self._live, self._state, self._dependents = removed, live, state, dependents
        self._planner.adopt()  # with the sources that there are now, which are the ones that run if nobody was faster
        if self._finder is None:
            recorder = Recorder(self._history, self._scope, self._turn.mine, self._planner.failed, self._missed)
            finder = Finder(recorder, self._missed, recorder)
            _importer.install(finder)
            self._finder = finder
        return self

    def uninstall(self) -> None:
        """
        Stop recording: `sys.meta_path` and all else as before :meth:`install`.

        Modules stay loaded and usable, and the history can still be read.  Without an installation
        nothing happens.

        .. versionadded:: 0.1.0
        """
        if self._finder is not None:
            _importer.uninstall(self._finder)
            self._finder = None
            _pending.forget_classes()

    def is_installed(self) -> bool:
        """
        Whether imports are recorded; :meth:`install` begins that, and :meth:`uninstall` ends it.

        .. versionadded:: 0.1.0
        """
        return self._finder is not None

    def include(self, *roots: str) -> Registry:
        """
        Put more modules in scope, for a part of the program that brings its own; install where nothing is.

        Args:
            roots: Absolute module names, each with all below it, wherever their sources lie.  They stay in
                scope through every :meth:`install`.

        Returns:
            This registry.  If it was not installed it is now, with these modules alone in scope.

        Raises:
            TypeError: A root is no string.
            ValueError: A root is no dotted name.

        .. versionadded:: 0.1.0
        """
        checked = checked_roots(roots) or ()
        self._planner.include(checked)
        if self._finder is None:
            return self.install(roots=checked)
        self._planner.adopt()  # as there
        return self

    @property
    def revision(self) -> int:
        """
        How many transactions were committed.

        .. versionadded:: 0.1.0
        """
        return self._history.revision

    # Transactions

    def reload(
        self,
        module: Module,
        *,
        live: bool | None = None,
        removed: Literal["keep", "drop"] | None = None,
        state: Literal["reset", "keep"] | None = None,
        dependents: Literal["needed", "all", "none"] | None = None,
        strict: bool = False,
        within: Participant | None = None,
        timeout: float | None = None,
    ) -> ModuleType:
        """
        Execute the source of *module* in its retained namespace, and bring its dependents up to date.

        Args:
            module: A loaded module, or its absolute dotted name.
            live: `False` is `importlib.reload` exactly, and recorded: nobody else is executed, what was
                held stays as it was, an error is the module's own and leaves what was done until then.
                `None` takes what :meth:`install` was given.
            removed: As for :meth:`install`; `None` takes what that was given.
            state: Likewise.
            dependents: Likewise.
            strict: Whether to change nothing where there are findings, be they known beforehand or not.
            within: Who takes part, from the tear-down of the outgoing version to the set-up of the new one.
                With ``live=False`` there is no transaction to take part in, nor are there findings.
            timeout: Seconds to wait for a transaction in progress; `None` waits for ever.

        Returns:
            The module that `sys.modules` holds under the name, as `importlib.reload` does.  The
            transaction is ``modreg.transactions()[-1]``.

        Raises:
            NotAModuleError: *module* is neither.
            NotLoadedError: It is not loaded.
            RefusedError: It cannot be executed again.
            SourceError: Its source cannot be read or compiled.
            ReloadError: A module raised.  Everything is as it was before.
            FindingsError: It was to be *strict*, and there are findings.  Everything is as it was before.
            NestedTransactionError: This thread has a transaction open.
            BusyError: Another transaction was still open after *timeout*.

        Source:
            `importlib.reload` for what a retained namespace keeps; unlike it, a failed execution
            leaves nothing behind.

        .. versionadded:: 0.1.0
        """
        name = loaded_name(module)
        if not (self._live if live is None else live):
            check_own_words(removed=removed, state=state, dependents=dependents)
            return self._reload_plainly(name, timeout)
        how: dict[str, Any] = {"removed": removed, "state": state, "dependents": dependents}
        how |= {"is_strict": strict, "within": within}
        self._execute(f"reload({name!r})", timeout, lambda: self._planner.reload(name), **how)
        return sys.modules[name]

    def _reload_plainly(self, name: str, timeout: float | None) -> ModuleType:
        with self._turn.taken(f"reload({name!r})", timeout):
            if name not in sys.modules:
                raise NotLoadedError(name)
            record = self._records(name)[-1]
            self._run(Plain(self._history, Cause.RELOAD, module=sys.modules[name], record=record))
        return sys.modules[name]

    def refresh(
        self,
        *,
        only: Iterable[str] | None = None,
        live: bool | None = None,
        removed: Literal["keep", "drop"] | None = None,
        state: Literal["reset", "keep"] | None = None,
        dependents: Literal["needed", "all", "none"] | None = None,
        strict: bool = False,
        within: Participant | None = None,
        timeout: float | None = None,
    ) -> Transaction:
        """
        Bring everything in scope whose source changed up to date, as one transaction.

        A source that a rollback turned away is left alone until its file holds something else.

        Args:
            only: Absolute module names: nothing but these and all below them is looked at.  Dependents take part
                with the sources that they run on, changed or not.
            live: `False` leaves what was held as it was; the transaction is all or nothing all the same.
                `None` takes what :meth:`install` was given.
            removed: As for :meth:`reload`.
            state: As for :meth:`reload`.
            dependents: As for :meth:`reload`.
            strict: As for :meth:`reload`.
            within: As for :meth:`reload`.  Nobody is called if no source changed.
            timeout: As for :meth:`reload`.

        Returns:
            The transaction; it is false, and no revision, if no source changed.

        Raises:
            SourceError, ReloadError, FindingsError, NestedTransactionError, BusyError: As for :meth:`reload`.

        .. versionadded:: 0.1.0
        """
        roots = checked_roots(only)
        how: dict[str, Any] = {"removed": removed, "state": state, "dependents": dependents}
        how |= {"is_strict": strict, "within": within}
        return self._transaction("refresh()", timeout, lambda: self._planner.refresh(roots), live=live, **how)

    def unload(self, *modules: Module, within: Participant | None = None, timeout: float | None = None) -> Transaction:
        """
        Take modules and all below them out of `sys.modules`, as one transaction, which a rollback takes back.

        Who imported them keeps what it has; nobody is executed.  To let the objects go as well see :meth:`forget`.

        Args:
            modules: Modules, or their absolute dotted names.
            within: As for :meth:`reload`.
            timeout: As for :meth:`reload`.

        Returns:
            The transaction; it is false if none of them is loaded.

        Raises:
            NotAModuleError: One of *modules* is neither.
            ReloadError: A ``__dispose__()`` hook or *within* raised.  Everything is as it was before.
            NestedTransactionError, BusyError: As for :meth:`reload`.

        .. versionadded:: 0.1.0
        """
        roots = tuple(map(name_of, modules))
        return self._transaction("unload()", timeout, lambda: self._planner.unload(roots), within=within)

    def forget(self, *modules: Module) -> None:
        """
        Let go of the objects of earlier versions that are kept for a rollback.

        Sources are kept: a rollback executes them again.

        Args:
            modules: Modules, or their absolute dotted names, each with all below it.

        Raises:
            NotAModuleError: One of *modules* is neither.

        .. versionadded:: 0.1.0
        """
        roots = tuple(map(name_of, modules))
        self._history.let_go(name for name in list(self._history.records) if is_under_one(name, roots))

    def rollback(
        self,
        module: Module,
        to: int | ModuleVersion | str | None = None,
        *,
        revision: int | None = None,
        within: Participant | None = None,
        timeout: float | None = None,
    ) -> ModuleType | None:
        """
        Bring an earlier version of *module* back, with all that the same transactions changed.

        History only grows: each module concerned gets a new version that says which one it restores.
        Bindings come back as they last lived, functions and classes as they were defined; the contents of
        containers only as far as a transaction changed them.

        Args:
            module: A module with a history, or its absolute dotted name.
            to: A version number, a :class:`ModuleVersion`, or a specifier such as ``"<2.0"``, which the newest
                version whose source declared a fitting ``__version__`` answers to.  By default the version before.
            revision: Instead of *to*: what *module* and all below it were at this revision of the registry.
                What else came with the same transactions goes back, too; what others have become by
                transactions of their own stays, and then the sources of that revision are executed.
            within: As for :meth:`reload`.
            timeout: As for :meth:`reload`.

        Returns:
            The module that `sys.modules` holds under the name now; `None` if it was not loaded then.

        Raises:
            NotAModuleError: *module* is neither.
            NotTrackedError: It is not loaded and never was.
            UnknownVersionError: There is no such version or revision.
            NoEarlierVersionError: It stands at the first version that is known, or since it had left.
            NotLoadedError: A source has to be executed again, and the module is not loaded any more.
            ReloadError: An earlier source had to be executed again, a hook or *within* raised.
            TypeError: *to* or *revision* is of another type, or both are given.
            NestedTransactionError, BusyError: As for :meth:`reload`.

        .. versionadded:: 0.1.0
        """
        name = name_of(module)
        if to is not None and revision is not None:
            raise TypeError("give `to` or `revision`, not both")
        with self._turn.taken(f"rollback({name!r})", timeout), _uses.trees:
            work = self._told(lambda: self._back_to(name, to) if revision is None else self._back(name, revision))
            if work is not None:
                work.within = within
                self._run(work)
        return sys.modules.get(name)

    def plan(
        self, module: Module | None = None, *, only: Iterable[str] | None = None, strict: bool = False
    ) -> Plan:
        """
        Tell what a reload of *module*, or without one a refresh, would do; no module code runs.

        Args:
            module: A loaded module, its absolute dotted name, or `None`.
            only: As for :meth:`refresh`, where no *module* is given.
            strict: Whether to raise where there are findings; to carry it out is strict, too.

        Returns:
            The steps in order, and what the transaction could not cover.  ``apply()`` carries it out.

        Raises:
            NotAModuleError, NotLoadedError, RefusedError, SourceError, FindingsError: As for :meth:`reload`.

        .. versionadded:: 0.1.0
        """
        name, roots = loaded_name(module) if module is not None else "", checked_roots(only)

        def draft() -> Draft:
            return self._planner.reload(name) if name else self._planner.refresh(roots)

        def apply() -> Transaction:
            return self._transaction(f"reload({name!r})" if name else "refresh()", None, draft, is_strict=strict)

        with _uses.trees:
            found = draft()
            found.limit(self._dependents)
            if strict:
                check_findings(found.findings)
            return Plan(cause=found.cause, steps=found.steps, findings=found.findings, apply=apply)

    # Threads and tasks

    def guard(self, unit: Module | None = None) -> Gate:
        """
        Guard calls, so that none of them sees two versions.

        What it answers is used as ``with modreg.guard():`` or ``async with modreg.guard():``, or as a decorator; it can
        be kept and used again, by any number of threads and tasks at once.  A transaction waits until no guarded call
        is inside; those that come meanwhile wait until it is over, and are let in before the next one.  Whoever is
        inside may enter again.

        Args:
            unit: A module or package: the guard is for calls into it and all below it, and transactions that do
                not concern these do not wait.  By default every transaction waits.

        Raises:
            NotAModuleError: *unit* is neither a module nor a name.

        .. versionadded:: 0.1.0
        """
        return self._gate if unit is None else self._gates.of(name_of(unit))

    def is_guarded(self) -> bool:
        """
        Whether the thread or task that asks is inside a guard; a transaction that it waited for would wait for it.

        .. versionadded:: 0.1.0
        """
        return self._gates.is_inside()

    def request_reload(self, module: Module) -> Request:
        """
        Ask for a reload at the next safe point, and return at once.

        It takes no lock and runs no code of others, so that signal handlers, finalisers and guarded calls may ask.  A
        safe point is where the last guarded call leaves, or a call of :meth:`apply_requests`.  The same
        request again, before that, is the same :class:`Request`.

        Raises:
            NotAModuleError: *module* is neither a module nor a name.

        .. versionadded:: 0.1.0
        """
        return self._requested(name_of(module))

    def request_refresh(self) -> Request:
        """
        Ask for a refresh at the next safe point; as :meth:`request_reload`.

        .. versionadded:: 0.1.0
        """
        return self._requested(None)

    def _requested(self, module: str | None) -> Request:
        request: Request = self._notices.setdefault(module, Request(module))
        return request

    def apply_requests(self, *, timeout: float | None = None) -> tuple[Request, ...]:
        """
        Carry out what was asked for, in that order; each as a transaction of its own.

        What one of them raises is the ``error`` of its request, and the others are carried out all the same.

        Args:
            timeout: As for :meth:`reload`; a request for which it is over stands.

        Returns:
            The requests that are done now.

        .. versionadded:: 0.1.0
        """
        done = []
        for key in list(self._notices):
            if isinstance(key, Gate):
                continue
            request = self._notices.pop(key, None)  # whoever takes it out carries it out
            if request is None:
                continue
            try:
                request.finish(self._carried_out(request, timeout), None)
            except (BusyError, NestedTransactionError, InsideGuardError):
                self._notices.setdefault(key, request)
                continue
            except Exception as error:  # whatever it is, it belongs to who asked
                request.finish(None, error)
            done.append(request)
        return tuple(done)

    def _carried_out(self, request: Request, timeout: float | None) -> Transaction:
        name = request.module
        if name is None:
            return self.refresh(timeout=timeout)
        return self._transaction(f"reload({name!r})", timeout, lambda: self._planner.reload(loaded_name(name)))

    async def areload(self, module: Module, *, executor: Any = None, **how: Any) -> ModuleType:
        """
        As :meth:`reload`, in a thread of its own while the event loop runs on; the hooks are called on the loop.

        Args:
            module: A loaded module, or its absolute dotted name.
            executor: A ``concurrent.futures`` executor; by default the loop's own.
            how: The other arguments of :meth:`reload`.

        Raises:
            InsideGuardError: The task is inside a guarded call.
            Exception: As :meth:`reload`.

        .. versionadded:: 0.1.0
        """
        self._gates.refuse_task(f"areload({name_of(module)!r})")
        return await _loop.off_the_loop(lambda: self.reload(module, **how), executor)

    async def arefresh(self, *, executor: Any = None, **how: Any) -> Transaction:
        """
        As :meth:`refresh`, in the manner of :meth:`areload`.

        .. versionadded:: 0.1.0
        """
        self._gates.refuse_task("arefresh()")
        return await _loop.off_the_loop(lambda: self.refresh(**how), executor)

    async def arollback(self, module: Module, *, executor: Any = None, **how: Any) -> ModuleType | None:
        """
        As :meth:`rollback`, in the manner of :meth:`areload`.

        .. versionadded:: 0.1.0
        """
        self._gates.refuse_task(f"arollback({name_of(module)!r})")
        return await _loop.off_the_loop(lambda: self.rollback(module, **how), executor)

    # Questions

    def history(self, module: Module) -> tuple[ModuleVersion, ...]:
        """
        Every version of *module*, oldest first.

        Raises:
            NotAModuleError: *module* is neither a module nor a name.
            NotTrackedError: It is not loaded and never was.

        .. versionadded:: 0.1.0
        """
        return tuple(record.version for record in self._records(module))

    def current(self, module: Module) -> ModuleVersion:
        """
        The version that the namespace of *module* holds.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.

        .. versionadded:: 0.1.0
        """
        return self._records(module)[-1].version

    def diff(self, module: Module, old: int | None = None, new: int | None = None) -> Diff:
        """
        What differs between two versions of *module*.

        Args:
            module: A module with a history, or its absolute dotted name.
            old: A version number; by default the one before *new*.
            new: A version number; by default the current one.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.
            TypeError: *old* or *new* is no number.
            UnknownVersionError: There is no such version.
            NoEarlierVersionError: No *old* was given, and *new* is the first.

        .. versionadded:: 0.1.0
        """
        name = self._records(module)[-1].name
        for number in (old, new):
            if number is not None and type(number) is not int:
                raise TypeError(f"expected a version number, got {number!r}")
        last = self._history.current(name).number if new is None else new
        if old is None and last <= 1:
            raise NoEarlierVersionError(name, last)
        first = last - 1 if old is None else old
        return _diff.diff(name, self._side(name, first), self._side(name, last))

    def holders(self, module: Module, version: int | ModuleVersion | None = None) -> tuple[Holder, ...]:
        """
        Who still holds objects of an earlier version of *module* that are not those of the current one.

        These are functions and classes that could not become their new definition, or that left the source, and
        instances that the module itself made.  Most reloads leave none.  The whole heap is searched.

        Args:
            module: A module with a history, or its absolute dotted name.
            version: A version number, or a :class:`ModuleVersion`; by default every earlier version whose snapshot is
                kept.

        Returns:
            One :class:`Holder` for each path, nothing where the version is current or its snapshot is gone.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.
            UnknownVersionError: There is no such version.
            TypeError: *version* is neither a number nor a version.

        .. versionadded:: 0.1.0
        """
        records = self._records(module)
        name = records[-1].name
        if isinstance(version, str):
            raise TypeError(f"expected a version number or a ModuleVersion, got {version!r}")
        wanted = records[:-1] if version is None else (_chain.wanted(self._history, name, version),)
        namespace = namespace_of(sys.modules.get(name))
        live = Snapshot.take(namespace) if namespace is not None else None
        own = _holders.own_objects(
            [r.snapshot for each in self._history.records.values() for r in each if r.snapshot is not None],
            [entry for commit in self._history.commits for entry in commit.journal or ()],
        )
        snapshots = {record.number: record.snapshot for record in reversed(wanted) if record.snapshot is not None}
        return _holders.find(snapshots, live, own)

    def dependencies(self, module: Module) -> tuple[Edge, ...]:
        """
        What *module* uses of the loaded modules, in the order of its import statements.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.

        .. versionadded:: 0.1.0
        """
        record = self._records(module)[-1]
        graph = self._planner.graph()
        return tuple(graph.get(record.name, {}).values())

    def dependents(self, module: Module) -> tuple[Edge, ...]:
        """
        Which modules in scope use *module*, and how.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.

        .. versionadded:: 0.1.0
        """
        name = self._records(module)[-1].name
        return tuple(edges[name] for edges in self._planner.graph().values() if name in edges)

    def why(self, module: Module, dependent: Module) -> tuple[Edge, ...]:
        """
        Why *dependent* has to do with *module*: the shortest chain of edges from one to the other.

        Returns:
            The edges, beginning with one of *dependent*; nothing if it does not depend on *module*.

        Raises:
            NotAModuleError, NotTrackedError: As for :meth:`history`.

        .. versionadded:: 0.1.0
        """
        start, end = self._records(dependent)[-1].name, self._records(module)[-1].name
        graph = self._planner.graph()
        chain = _graph.path(graph, start, end)
        return tuple(graph[one][other] for one, other in pairwise(chain))

    def transactions(self) -> tuple[Transaction, ...]:
        """
        Every transaction that was committed, oldest first.

        .. versionadded:: 0.1.0
        """
        return tuple(commit.transaction for commit in self._history.commits)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """
        Have *callback* told of each event, after the fact, in the thread that made it true.

        A callback that raises is logged and told nothing more.

        Returns:
            A function that ends the subscription.

        Raises:
            TypeError: *callback* cannot be called.

        .. versionadded:: 0.1.0
        """
        if not callable(callback):
            raise TypeError(f"expected something that can be called, got {callback!r}")
        return self._subscribers.add(callback)

    # Inside

    def _records(self, module: Module) -> tuple[Record, ...]:
        name = name_of(module)
        if name not in self._history.records:
            try:
                self._planner.adopt_one(name)
            except NotLoadedError:
                raise NotTrackedError(name) from None
        return self._history.of(name)

    def _transaction(self, wanted: str, timeout: float | None, draft: Callable[[], Draft], **how: Any) -> Transaction:
        """As :meth:`_execute`, with the answer as callers see it."""
        done = self._execute(wanted, timeout, draft, **how)
        return done.transaction if isinstance(done, Commit) else done

    def _execute(
        self,
        wanted: str,
        timeout: float | None,
        draft: Callable[[], Draft],
        *,
        live: bool | None = None,
        dependents: str | None = None,
        is_strict: bool = False,
        **how: Any,  # further options of the transaction
    ) -> Commit | Transaction:
        """Draft under the lock, and carry it out; a draft without steps is an empty transaction."""
        check_own_words(removed=how.get("removed"), state=how.get("state"), dependents=dependents)
        with self._turn.taken(wanted, timeout), _uses.trees:
            found = self._told(draft)
            if is_strict:
                self._told(lambda: check_findings(found.findings))
            if found.is_empty:
                return Transaction(revision=self._history.revision, cause=found.cause, findings=found.findings)
            found.limit(dependents or self._dependents)
            is_live = self._live if live is None else live
            return self._run(self._execution(found, is_live=is_live, is_strict=is_strict, **how))

    def _execution(
        self,
        draft: Draft,
        *,
        is_live: bool = True,
        removed: str | None = None,
        state: str | None = None,
        **more: Any,  # further fields of it
    ) -> Execution:
        return Execution(
            self._history,
            draft.cause,
            draft=draft,
            is_dropping=(removed or self._removed) == "drop",
            is_live=is_live,
            is_keeping=(state or self._state) == "keep",
            **more,
        )

    def _told(self, call: Callable[[], T]) -> T:
        """Make a call, and tell subscribers of an error of ours."""
        try:
            return call()
        except ModregError as error:
            self._subscribers.publish(TransactionAborted(error=error))
            raise

    def _run(self, work: Work) -> Commit:
        """Run a transaction and tell of its end."""
        with self._gates.closed(self._turn.wanted, work.names, self._turn.timeout):
            self._turn.work = work
            commit = self._told(work.run)
            work.settle(commit)
        if self._subscribers:
            done = commit.transaction
            made = [VersionCommitted(version=version) for version in done.versions]
            self._subscribers.publish(*made, TransactionCommitted(transaction=done))
        return commit

    # Rollback

    def _back_to(self, name: str, to: int | ModuleVersion | str | None) -> Work | None:
        """What takes a module back to a version, and all that is bound up with it."""
        self._records(name)  # what was loaded before anybody looked has a version, too
        wanted = _chain.revision_before(self._history, name, to)
        return self._rollback(_chain.of(self._history, (name,), wanted), wanted)

    def _back(self, root: str, revision: int) -> Work | None:
        """
        What takes a module and all below it back to a revision, and leaves alone what others have become since.

        Its own transactions are those in which one of its sources came.  What else came with them goes back, too,
        unless it came again with somebody else's.
        """
        _chain.check_revision(self._history, root, revision)
        own = {name for name in list(self._history.records) if is_under(name, root)}
        if not own:
            self._records(root)  # loaded past the finder, or not at all
            return None
        chain = _chain.of(self._history, own, revision)
        mine = [commit for commit in chain if not own.isdisjoint(_chain.brought(commit))]
        if len(mine) == len(chain):
            return self._rollback(chain, revision)
        changed = _chain.apart(self._history, chain, mine, revision)
        return self._executed(changed, ()) if changed else None

    def _rollback(self, chain: tuple[Commit, ...], revision: int) -> Work | None:
        """
        What takes commits back: by their journals, or by executing the sources.

        The latter where a journal is let go of, or speaks of a module that is not the one that is loaded now.
        """
        targets = _chain.targets(self._history, chain, revision)
        undoes = tuple(commit.revision for commit in chain)
        if not chain:
            return None
        is_anew = any(self._history.is_anew(name, commit) for commit in chain for name in targets)
        if not is_anew and all(commit.journal is not None for commit in chain):
            taken = {*undoes}
            stay = tuple(each for each in self._history.since(revision) if each.revision not in taken)
            came = self._history.came_since(revision)
            how: dict[str, Any] = {"chain": chain, "targets": targets, "staying": stay, "came": came, "undoes": undoes}
            return Rollback(self._history, Cause.ROLLBACK, **how)
        return self._executed(targets, undoes)

    def _executed(self, targets: dict[str, int], undoes: tuple[int, ...]) -> Execution:
        """What brings versions back by executing their sources; 0 stands for a module that was not loaded."""
        found = {name: _chain.source_of(self._history, name, number) for name, number in targets.items()}
        sources = {name: source for name, source in found.items() if source is not None}
        for name in sources:
            if sys.modules.get(name) is None:
                raise NotLoadedError(name)
        unload = tuple(n for n, number in targets.items() if not number)
        draft = self._planner.restore(sources)
        members = tuple(name for name in draft.members if name not in unload)
        draft = attrs.evolve(draft, members=members, unload=unload, gone="it was not loaded then")
        restores = {n: number for n, number in targets.items() if number}
        return self._execution(draft, restores=restores, undoes=undoes)

    # Differences

    def _side(self, name: str, number: int) -> Side:
        record = self._history.record(name, number)
        body = record.compiled()
        return Side(
            number=number,
            manifest=self._manifest(record),
            source=record.text,
            bound=body.bound if body is not None else None,
        )

    def _manifest(self, record: Record) -> Manifest | None:
        """The names of a version: as they last lived, or for the current one as they are."""
        snapshot = record.snapshot
        if snapshot is None and record is not self._history.current(record.name):
            return None
        # Up to the next full snapshot, or up to now, no definition was changed.
        later = [r.snapshot for r in self._history.after(record.name, record.number - 1)]
        full = next((each for each in later if each is not None and not each.is_shallow), None)
        if full is None:
            namespace = namespace_of(sys.modules.get(record.name))
            full = Snapshot.take(namespace) if namespace is not None else None
        if full is None or snapshot is None:
            return Manifest.of(full) if full is not None else None
        return Manifest.of(attrs.evolve(snapshot, images=full.images))


_TAKING: Final = frozenset(
    each.__code__ for each in (Registry._execute, Registry._reload_plainly, Registry.rollback)
)
"""The functions that take a turn."""

# The one registry that the functions of the package belong to: sys.meta_path is one, too.
DEFAULT = Registry()
