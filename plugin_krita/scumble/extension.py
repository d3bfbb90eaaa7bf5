# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble's entries in Filter > Artistic, which work whether the docker is open or not."""

from __future__ import annotations

from krita import Extension, Krita

from .clock import clock, studio

MENU = "filter/artistic_filters"


class ScumbleExtension(Extension):
    """Loaded once by Krita."""

    def setup(self) -> None:
        """Krita is up, without windows yet."""
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(studio().close)

    def createActions(self, window) -> None:  # noqa: N802 (Krita's name)
        """Once a window."""
        paint = window.createAction("scumble_paint", "Scumble", MENU)
        paint.triggered.connect(lambda: self._do(studio().paint))
        again = window.createAction("scumble_again", "Scumble Again", MENU)
        again.triggered.connect(lambda: self._do(studio().paint_again))
        visible = window.createAction("scumble_seen", "Scumble What I See", MENU)
        visible.triggered.connect(lambda: self._do(studio().paint_visible))
        frames = window.createAction("scumble_frames", "Scumble All Frames", MENU)
        frames.triggered.connect(lambda: self._do(studio().paint_frames))
        live = window.createAction("scumble_live", "Scumble Live", MENU)
        live.triggered.connect(lambda: self._do(self._live))
        clock().hurry()

    def _live(self) -> None:
        if studio().live.active:
            studio().canvas.stop_live()
        else:
            studio().canvas.start_live(studio().live.source)

    def _do(self, what) -> None:
        what()
        clock().hurry()
