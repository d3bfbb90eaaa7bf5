# SPDX-License-Identifier: GPL-3.0-or-later
"""A preview that follows the controls: one job at a time, begun when the controls rest, given up when they move on.

Invariant: what is shown was made with the settings last wanted, or is an older picture with a word that a new one comes.
Knows neither GIMP nor widgets.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine import Choice
from scumble_client.desk.sizes import WORKING_SIDE, preview_side
from scumble_client.desk.words import doing
from scumble_client.events import Cancelled, Done, Event, Failed, Preview, Progress, Rejected, Request
from scumble_client.raster import Masks, Raster
from scumble_client.session import Session
from settings import Mistake, Settings

DELAY = 0.25
"""Seconds for which the controls must rest."""


class Previewer:
    """`tick` it from a timer, and let it `hear` the session's events. `copy` gives the layer with a longest side of so many
    pixels, `masks` says where each style goes in such a copy, `show` gets pictures, `say` a few words."""

    def __init__(
        self,
        session: Session,
        copy: Callable[[int], Raster],
        show: Callable[[Raster], None],
        say: Callable[[str], None],
        masks: Callable[[Settings, Raster], Masks | None] = lambda settings, raster: None,
    ) -> None:
        self._session, self._copy, self._show, self._say, self._masks = session, copy, show, say, masks
        self._side = WORKING_SIDE
        self._original = copy(self._side)
        self._wanted: tuple[Choice, Settings] | None = None
        self._due = 0.0
        self._job: str | None = None

    def want(self, choice: Choice, settings: Settings) -> None:
        """Show these settings soon."""
        self._wanted, self._due = (choice, settings), time.monotonic() + DELAY
        self._give_up()

    def stop(self) -> None:
        """Want nothing any more, and show the layer as it is."""
        self._wanted = None
        self._give_up()
        self._show(self._original)
        self._say("")

    def tick(self) -> None:
        if self._wanted is None or self._job is not None or time.monotonic() < self._due:
            return
        (choice, settings), self._wanted = self._wanted, None
        side = preview_side(choice.method, settings.brush_size)
        if side != self._side:  # a smaller copy would show broader strokes than the result has
            self._side = side
            self._original = self._copy(self._side)
        iterative = bool(choice.method.capabilities.get("iterative"))
        try:
            masks = self._masks(settings, self._original)
        except Mistake as e:  # the place has gone while the controls rested
            self._say(str(e))
            return
        how = (choice.method.id, settings.strength, choice.method.quick(settings.options()))
        self._job = self._session.submit(Request(self._original, choice.styles, *how, None, iterative, masks))
        self._say("Preview…")

    def hear(self, event: Event) -> None:
        if self._job is None or getattr(event, "job", None) != self._job:
            return
        stale = self._wanted is not None
        if isinstance(event, (Preview, Done)) and not stale:
            self._show(event.raster)
        if isinstance(event, Progress) and not stale:
            self._say(f"Preview: {doing(event)}")
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            self._job = None
            if not stale:
                self._say(event.message if isinstance(event, (Failed, Rejected)) else "")

    def _give_up(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
