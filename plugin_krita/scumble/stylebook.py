# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter's own styles: adding, removing, refining.

Invariant: at most one style is on its way to the engine; refinement is asked after once a second while it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .scumble_client.events import Answer, Cancelled, Event, Failed, Rejected, RequestFailed, StyleStored
from .scumble_client.raster import Raster
from .scumble_client.session import Session

POLL = 1.0
"""Seconds between two questions how far a refinement is."""


class Stylebook:
    """`refining` maps a style's id to how far it is, 0 to 1."""

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self.session = session
        self.refining: dict[str, float] = {}
        self.added = ""
        """The id@rev that was stored last."""
        self._changed = changed
        self._jobs: set[str] = set()
        self._requests: dict[int, str] = {}
        self._next = 0.0

    @property
    def active(self) -> bool:
        self._poll()
        return bool(self._jobs or self._requests or self.refining)

    def renew(self, session: Session) -> None:
        """Another session: what the old one was asked is forgotten."""
        self.session = session
        self._jobs.clear()
        self._requests.clear()

    def add(self, name: str, raster: Raster) -> None:
        self._jobs.add(self.session.put_style(name, raster))
        self._changed()

    def remove(self, style: str) -> None:
        self._requests[self.session.remove_style(style)] = style

    def refine(self, style: str, start: bool = True) -> None:
        self._requests[self.session.refine_style(style, "start" if start else "stop")] = style

    def hear(self, event: Event) -> bool:
        """Whether the event was about a style."""
        if isinstance(event, (StyleStored, Rejected, Failed, Cancelled)) and event.job in self._jobs:
            self._jobs.discard(event.job)
            if isinstance(event, StyleStored):
                self.added = event.style
            self._changed()
            return True
        if isinstance(event, (Answer, RequestFailed)) and event.request in self._requests:
            style = self._requests.pop(event.request)
            running = isinstance(event, Answer) and event.header.get("state") == "running"
            if running and isinstance(event, Answer):
                self.refining[style] = float(event.header.get("fraction", 0.0))
            else:
                self.refining.pop(style, None)
            self._changed()
            return True
        return False

    def _poll(self) -> None:
        if self.refining and not self._requests and time.monotonic() >= self._next:
            self._next = time.monotonic() + POLL
            for style in self.refining:
                self._requests[self.session.refine_style(style, "status")] = style
