"""Bring a program up to date whenever files of it are written; needs watchfiles (``pip install modreg[watch]``)."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from typing import Final, Self

import watchfiles

import modreg

__all__ = ["Watcher"]

_LOG: Final = logging.getLogger("modreg.watch")
_IDLE: Final = 100
"""Milliseconds without a change after which watchfiles is known to be at work."""


class Watcher:
    """
    A thread that calls :func:`modreg.refresh` when Python files in some folders were written, added or removed.

    Files that are written shortly one after the other are one edit.  What was done is logged under ``modreg.watch``,
    and so is why an edit was refused: nothing was changed then, and the next edit is tried.  As a context manager a
    watcher is at work inside the block.

    Args:
        folders: Where to look, each with all folders below it; by default the current one.
        call: What is called, in the watcher's thread.  With :func:`modreg.request_refresh` the program is brought up
            to date where its last guarded call leaves, or where it calls :func:`modreg.apply_requests`.

    Raises:
        FileNotFoundError: A folder is not there.

    .. versionadded:: 0.1.0
    """

    def __init__(self, *folders: str | os.PathLike[str], call: Callable[[], object] = modreg.refresh) -> None:
        self._folders = [os.path.abspath(each) for each in folders or (os.curdir,)]
        for each in self._folders:
            os.stat(each)
        self._call = call
        self._is_over = threading.Event()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modreg.watch", daemon=True)
        self._trouble: Exception | None = None

    def start(self) -> Self:
        """
        Begin; what is written from here on is seen.

        Returns:
            This watcher.

        Raises:
            RuntimeError: It was started before.
            OSError: The system does not let the folders be watched.

        .. versionadded:: 0.1.0
        """
        self._thread.start()
        atexit.register(self.stop)  # a thread that is inside watchfiles must not outlive the interpreter
        self._is_ready.wait()
        if self._trouble is not None:
            raise self._trouble
        return self

    def stop(self) -> None:
        """
        End; a refresh in progress is waited for, so not from inside a guard that it waits for.

        .. versionadded:: 0.1.0
        """
        self._is_over.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:
            self._trouble = error
            _LOG.exception("edits are not seen any more")
        finally:
            self._is_ready.set()

    def _watch(self) -> None:
        for changes in watchfiles.watch(
            *self._folders,
            watch_filter=watchfiles.PythonFilter(),
            stop_event=self._is_over,
            rust_timeout=_IDLE,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            if changes:
                self._bring_up_to_date()
            self._is_ready.set()

    def _bring_up_to_date(self) -> None:
        try:
            done = self._call()
        except modreg.ModregError as error:
            _LOG.error("%s", error)
        except (Exception, SystemExit):  # a module's own, which must not end the thread
            _LOG.exception("the edit was refused")
        else:
            if done:
                _LOG.info("%s", done)
