# SPDX-License-Identifier: GPL-3.0-or-later
"""What a painter has chosen once and for all, kept in the host's settings.

Invariant: a setting that nobody has touched is "".
"""

from __future__ import annotations

from .ports import Host


class Habits:
    """Each is off until it is chosen."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def one_result(self) -> bool:
        """A layer's new result takes the place of its earlier ones."""
        return self._host.setting("one-result") == "yes"

    @one_result.setter
    def one_result(self, on: bool) -> None:
        self._host.keep_setting("one-result", "yes" if on else "")

    @property
    def late_engine(self) -> bool:
        """The engine starts only when something is asked of it, not with the docker."""
        return self._host.setting("late-engine") == "yes"

    @late_engine.setter
    def late_engine(self, on: bool) -> None:
        self._host.keep_setting("late-engine", "yes" if on else "")

    @property
    def loose_frames(self) -> bool:
        """Each frame of an animation is painted by itself, so that it flickers."""
        return self._host.setting("loose-frames") == "yes"

    @loose_frames.setter
    def loose_frames(self, on: bool) -> None:
        self._host.keep_setting("loose-frames", "yes" if on else "")
