"""Which plugins have files that were written since somebody last looked, and are at rest again."""

from __future__ import annotations

from collections.abc import Callable

import attrs

Stamp = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, its size, and when it and its entry were written; it is read without opening any."""

_LONG = 10
"""How many times as long as it has to rest something that is written again and again is waited for."""


@attrs.define(eq=False)
class Watch:
    """
    What was written lately.

    Attributes:
        clock: Gives seconds.
    """

    clock: Callable[[], float]
    _busy: dict[str, tuple[Stamp, float, float]] = attrs.field(factory=dict)  # since when it is so, and was otherwise

    def is_changed(self, name: str, tried: Stamp, now: Stamp, settled: float) -> bool:
        """
        Whether files differ from what was tried last, and have been so for a while.

        Args:
            name: Whose files they are.
            tried: Their stamp when they were last read.
            now: Their stamp.
            settled: Seconds that they have to stay as they are.
        """
        if now == tried:
            self._busy.pop(name, None)
            return False
        time = self.clock()
        stamp, since, first = self._busy.get(name, (now, time, time))
        since = since if stamp == now else time
        self._busy[name] = now, since, first
        return time - since >= settled or time - first >= _LONG * settled
