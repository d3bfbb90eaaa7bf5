# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that is shown, until it is settled.

Invariant: trouble with the engine stays until the engine is there or is asked again; trouble with a picture goes when
something else is tried, chosen or has worked, but not before it can have been read. A choice always ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .scumble_client.errors import EngineError

READ = 1.0
"""Seconds for which a message stays whatever is chosen."""
LINGER = 4.0
"""Seconds for which a message stays when the selection changed within READ: that may have been chosen before the message came
and only show now, or be the painter's answer to it."""


class Troubles:
    """`looked_at` says which layers are selected."""

    def __init__(self, looked_at: Callable[[], tuple[str, ...]]) -> None:
        self.error: EngineError | None = None
        self._looked_at = looked_at
        self._selected: tuple[str, ...] | None = None  # when it came; None for trouble with the engine itself
        self._since = 0.0
        self._stays = READ

    def show(self, error: EngineError, engine: bool = False) -> None:
        """`engine`: it is trouble with the engine itself."""
        self.error, self._since, self._stays = error, time.monotonic(), READ
        self._selected = None if engine else self._looked_at()

    def clear(self) -> None:
        """The engine is there, or is asked again."""
        self.error = self._selected = None

    def settle(self) -> None:
        """Something else is tried, or has worked: what was wrong with a picture is not worth showing any more."""
        if self._selected is not None:
            self.clear()

    def look(self) -> None:
        """Drop an error about one layer once another layer is chosen."""
        if self._selected is None:
            return
        age, changed = time.monotonic() - self._since, self._looked_at() != self._selected
        if changed and age < READ:
            self._stays = LINGER
        elif age >= self._stays and (changed or self._stays > READ):
            self.clear()
