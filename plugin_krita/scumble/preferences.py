# SPDX-License-Identifier: GPL-3.0-or-later
"""What a painter has chosen once and for all, kept in the host's settings.

Invariant: a setting that nobody has touched is "".
"""

from __future__ import annotations

from .ports import Host


class Switch:
    """An attribute that is off until it is chosen, kept under a name in the settings of `host`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: Preferences, kind: type[Preferences]) -> bool:
        return owner.host.setting(self._name) == "yes"

    def __set__(self, owner: Preferences, on: bool) -> None:
        owner.host.keep_setting(self._name, "yes" if on else "")


class Preferences:
    """The choices of this user of `host`."""

    one_result = Switch("one-result")
    """A layer's new result takes the place of its earlier ones."""
    late_engine = Switch("late-engine")
    """The engine starts only when something is asked of it, not with the docker."""
    loose_frames = Switch("loose-frames")
    """Each frame of an animation is painted by itself, so that it flickers."""

    def __init__(self, host: Host) -> None:
        self.host = host
