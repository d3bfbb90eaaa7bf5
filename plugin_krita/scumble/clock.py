# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the studio from Qt's event loop, and hands the one studio to every window.

Invariant: an exception in a tick reaches the painter once, as a sentence; Krita's own traceback dialog would stop everything.
"""

from __future__ import annotations

import functools
import traceback

from .krita_host import KritaHost
from .qt import QtCore
from .scumble_client.errors import EngineError
from .studio import Studio


class Clock(QtCore.QObject):
    """Ticks until Krita ends."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        studio.hurry = self.hurry

    def hurry(self) -> None:
        """Something was asked: do not wait for the rest to end."""
        self._timer.start(0)

    def _tick(self) -> None:
        pause = 1.0
        try:
            pause = self._studio.tick()
        except Exception as e:
            traceback.print_exc()
            self._studio.stumble(
                EngineError("internal", f"Something unforeseen has happened: {type(e).__name__}: {e}.", "Copy the report.")
            )
        finally:
            self._timer.start(int(pause * 1000))


@functools.lru_cache(maxsize=None)
def studio() -> Studio:
    """The one there is."""
    return Studio(KritaHost())


@functools.lru_cache(maxsize=None)
def clock() -> Clock:
    """The one there is; `hurry` starts it."""
    return Clock(studio())
