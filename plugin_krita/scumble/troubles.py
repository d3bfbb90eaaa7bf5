# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that is shown, until it is settled.

Invariant: trouble with the engine stays until the engine is there or is asked again; trouble with a picture goes when
something else is tried, chosen or has worked, but not before it can have been read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .scumble_client.errors import EngineError

READ = 1.0
"""Seconds for which a message stays whatever is chosen: what was done before it may only show now."""


class Troubles:
    """`looked_at` says which layers are selected."""

    def __init__(self, looked_at: Callable[[], tuple[str, ...]]) -> None:
        self.error: EngineError | None = None
        self._looked_at = looked_at
        self._selected: tuple[str, ...] | None = None  # when it came; None for trouble with the engine itself
        self._since = 0.0

    def show(self, error: EngineError, engine: bool = False) -> None:
        """`engine`: it is trouble with the engine itself."""
        self.error, self._since = error, time.monotonic()
        self._selected = None if engine else self._looked_at()

    def clear(self) -> None:
        """The engine is there, or is asked again."""
        self.error = self._selected = None

    def settle(self) -> None:
        """Something else is tried, or has worked: what was wrong with a picture is not worth showing any more."""
        if self._selected is not None:
            self.clear()

    def look(self) -> None:
        """What was wrong with one layer is settled by choosing another."""
        if self._selected is None:
            return
        looked_at = self._looked_at()
        if time.monotonic() - self._since < READ:
            self._selected = looked_at
        elif looked_at != self._selected:
            self.clear()
