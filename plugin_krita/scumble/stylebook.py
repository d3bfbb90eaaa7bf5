# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter's own styles: adding, renaming, removing, refining.

Invariant: `refining` holds what the engine has reported last of every refinement that waits or runs, and nothing that is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .scumble_client.errors import EngineError
from .scumble_client.events import Answer, Cancelled, Event, Failed, Lost, Refining, Rejected, RequestFailed, StyleStored
from .scumble_client.raster import Raster
from .scumble_client.session import Session

SILENCE = 2.0
"""Seconds without a word of a refinement after which it is asked about; the engine tells of it some times a second."""


class Stylebook:
    """`changed` is called with every change, `trouble` with what went wrong."""

    def __init__(self, session: Session, changed: Callable[[], None], trouble: Callable[[EngineError], None]) -> None:
        self.session = session
        self.refining: dict[str, Refining] = {}
        """By the style's id."""
        self._changed, self._trouble = changed, trouble
        self._jobs: set[str] = set()
        self._requests: dict[int, str] = {}
        self._last_report = 0.0

    @property
    def active(self) -> bool:
        self._ask_after_silence()
        return bool(self._jobs or self._requests or self.refining)

    def renew(self, session: Session) -> None:
        """Another session: what the old one was asked is forgotten."""
        self.session = session
        for things in (self._jobs, self._requests, self.refining):
            things.clear()

    def add(self, name: str, raster: Raster) -> None:
        """The engine refines it of itself, if one of its methods can."""
        self._jobs.add(self.session.put_style(name, raster))
        self._changed()

    def remove(self, style: str) -> None:
        self._requests[self.session.remove_style(style)] = style

    def rename(self, style: str, name: str) -> None:
        """Give a style another title. Its id stays, and with it what documents remember."""
        self._requests[self.session.rename_style(style, name)] = style

    def refine(self, style: str, start: bool = True) -> None:
        self._requests[self.session.refine_style(style, "start" if start else "stop")] = style

    def handle(self, event: Event) -> bool:
        """Whether the event was about a style."""
        if isinstance(event, Lost):
            self.refining.clear()
        elif isinstance(event, (StyleStored, Rejected, Failed, Cancelled)) and event.job in self._jobs:
            self._jobs.discard(event.job)
            if isinstance(event, (Rejected, Failed)):
                self._trouble(event.error())
        elif isinstance(event, (Answer, RequestFailed)) and event.request in self._requests:
            self._answered(self._requests.pop(event.request), event)
        elif isinstance(event, Refining):
            self._note(event)
        else:
            return False
        self._changed()
        return not isinstance(event, Lost)

    def _answered(self, style: str, event: Answer | RequestFailed) -> None:
        if isinstance(event, RequestFailed):
            self.refining.pop(style, None)
            self._trouble(event.error())
        elif event.header.get("type") == "refining":
            self._note(Refining.of(event.header))
        elif event.header.get("type") == "removed":
            self.refining.pop(style, None)

    def _note(self, now: Refining) -> None:
        self._last_report = time.monotonic()
        if now.over:
            self.refining.pop(now.id, None)
        else:
            self.refining[now.id] = now
        if now.state == "failed":
            self._trouble(now.error())

    def _ask_after_silence(self) -> None:
        if self.refining and not self._requests and time.monotonic() - self._last_report >= SILENCE:
            for style in self.refining:
                self._requests[self.session.refine_style(style, "status")] = style
