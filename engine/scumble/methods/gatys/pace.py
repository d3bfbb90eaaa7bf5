# SPDX-License-Identifier: Apache-2.0
"""How often a descent reports: by ticks, after which it can be cancelled, and by previews."""

from __future__ import annotations

import time

PREVIEW_SECONDS = 1.0
TICK = 0.1
"""Seconds between two events at most while there is something to wait for."""


class Pace:
    """Says when the next tick and the next preview are due."""

    def __init__(self) -> None:
        self._tick = self._preview = time.monotonic()

    def tick_due(self) -> bool:
        due = time.monotonic() - self._tick >= TICK
        self._tick = time.monotonic() if due else self._tick
        return due

    def preview_due(self) -> bool:
        due = time.monotonic() - self._preview >= PREVIEW_SECONDS
        self._preview = time.monotonic() if due else self._preview
        return due
