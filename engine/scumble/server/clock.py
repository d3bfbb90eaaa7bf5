# SPDX-License-Identifier: Apache-2.0
"""The engine's own time: monotonic seconds without those in which the engine itself stood still.

A process that is stopped, frozen with its container, or starved while the machine swaps receives nothing. Once it goes on, the
silence of those seconds proves nothing against its worker or its clients, so no deadline may count them.

Invariant: `now` never goes back, and is never ahead of `time.monotonic`. One thread, the broker's, uses it.
"""

from __future__ import annotations

import time

from scumble.server import limits


class Clock:
    """Counts from the first `expect` on; before that it is `time.monotonic`."""

    def __init__(self) -> None:
        self._left_out = 0.0
        self._last = 0.0
        self._pause: float | None = None

    def now(self) -> float:
        """Seconds."""
        real = time.monotonic()
        if self._pause is not None:
            late = real - self._last - self._pause
            if late > limits.HELD_UP:
                self._left_out += late
            self._last, self._pause = real, 0.0
        return real - self._left_out

    def expect(self, pause: float) -> None:
        """Say that the next `now` will be asked for in up to `pause` seconds; what it comes later is left out where that is
        more than limits.HELD_UP."""
        self._last, self._pause = time.monotonic(), pause


clock = Clock()
"""The engine process's."""
