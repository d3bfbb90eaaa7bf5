# SPDX-License-Identifier: GPL-3.0-or-later
"""Every style on the layer, small, for the gallery to show: a contact sheet to pick from.

Invariant: one job is in the engine at most, and none while the preview needs it: what is chosen comes first. What is there
with the same settings is not painted twice; a change of strength or options paints the sheet again, one picture after another,
and the older ones stay until then. Knows neither GIMP nor widgets.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace

from scumble_client.catalogue import Catalogue, Method
from scumble_client.desk.choosing import options_for
from scumble_client.desk.sheet import sheet
from scumble_client.desk.sizes import SHEET_SIDE
from scumble_client.events import Cancelled, Done, Event, Failed, Rejected, Request
from scumble_client.raster import Masks, Raster
from scumble_client.session import Session
from settings import Mistake, Settings

DELAY = 0.5
"""Seconds for which strength and options must rest before the sheet follows them."""


OF_ONE_STYLE = ("style-unknown", "style-unavailable", "style-needs-picture", "weights-corrupt", "weights-missing")
"""Codes of failures that say nothing of other styles."""

Made = tuple[str, str, Settings]
"""What a picture of the sheet is made with: the style (id@rev, since a refined one paints otherwise), the method's id, and the
settings without both."""


class Trying:
    """Off until `want`. `copy` and `masks` as the preview has them; `show` gets a style (id@rev) and its picture, `say` a few
    words."""

    def __init__(
        self,
        session: Session,
        copy: Callable[[int], Raster],
        masks: Callable[[Settings, Raster], Masks | None],
        show: Callable[[str, Raster], None],
        say: Callable[[str], None],
    ) -> None:
        self._session, self._copy, self._masks, self._show, self._say = session, copy, masks, show, say
        self._original: Raster | None = None
        self._wanted: dict[str, Made] = {}
        self._done: dict[str, Made] = {}
        """Both by the style's id."""
        self._waiting: deque[tuple[Settings, Method]] = deque()
        self._job: tuple[str, Settings, Method] | None = None
        self._due = 0.0

    @property
    def left(self) -> int:
        """Pictures that are still to come."""
        return len(self._waiting) + (self._job is not None)

    @property
    def fraction(self) -> float:
        """How much of the sheet is there, 0 to 1."""
        return 1 - self.left / len(self._wanted) if self._wanted else 0.0

    def want(self, catalogue: Catalogue, settings: Settings, favourites: Collection[str] = ()) -> None:
        """Paint what of the sheet is not there yet with these settings."""
        choices = sheet(catalogue, settings, favourites)
        pinned = {style.id: f"{style.id}@{style.revision}" for style in catalogue.styles}
        wanted = {chosen.style: _made(pinned[chosen.style], chosen, method) for chosen, method in choices}
        if wanted == self._wanted:
            return
        self._due = time.monotonic() + DELAY if self._wanted else 0.0
        self._give_up()
        self._wanted = wanted
        self._waiting = deque(one for one in choices if self._done.get(one[0].style) != wanted[one[0].style])

    def stop(self) -> None:
        """Paint no more of it; what there is stays."""
        self._give_up()
        self._waiting.clear()
        self._wanted = {}

    def tick(self, busy: bool) -> None:
        """Go on. `busy`: the engine is needed for the preview."""
        if busy:
            self._give_up()
        elif self._job is None and self._waiting and time.monotonic() >= self._due:
            self._submit(*self._waiting.popleft())

    def handle(self, event: Event) -> bool:
        """Whether the event was of a picture of the sheet."""
        if self._job is None or getattr(event, "job", None) != self._job[0]:
            return False
        _, chosen, method = self._job
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            self._job = None
        if isinstance(event, Done):
            self._done[chosen.style] = _made(event.styles[0], chosen, method)
            self._show(event.styles[0], event.raster)
            self._say("")
        elif isinstance(event, (Failed, Rejected)):
            if event.code not in OF_ONE_STYLE:
                self._waiting.clear()  # the others would fare no better
            self._say(event.message)
        return True

    def _submit(self, chosen: Settings, method: Method) -> None:
        try:
            if self._original is None:
                self._original = self._copy(SHEET_SIDE)
            masks = self._masks(chosen, self._original)
        except Mistake as e:
            self._waiting.clear()
            self._say(str(e))
            return
        how = (method.id, chosen.strength, method.quick(options_for(method, chosen.options())))
        request = Request(self._original, chosen.weights(), *how, None, False, masks)
        self._job = (self._session.submit(request), chosen, method)
        self._say(f"Every style on this layer: {self.left} more to come…")

    def _give_up(self) -> None:
        """Give up the job in the engine, which is painted again, first."""
        if self._job is not None:
            job, *one = self._job
            self._session.cancel(job)
            self._job = None
            self._waiting.appendleft((one[0], one[1]))


def _made(style: str, chosen: Settings, method: Method) -> Made:
    return style, method.id, replace(chosen, style="", method="")
