# SPDX-License-Identifier: GPL-3.0-or-later
"""Candidates on the canvas: what is chosen is shown in place, one after another, until one is applied or all are discarded.

Invariant: the painter's layers are only read. One job is in the engine at most; what was chosen last comes before the rest of
a contact sheet. The layer on the canvas is written to only while nothing is in the way, and goes with the last candidate.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .orders import title
from .ports import Host, Layer, LiveLayer, Shot
from .quick import Calls, quick_request
from .scumble_client.catalogue import Catalogue
from .scumble_client.desk.settings import Settings
from .scumble_client.desk.sheet import mixes_pixels, quick_method, sheet
from .scumble_client.desk.sizes import SHEET_SIDE, WORKING_SIDE
from .scumble_client.desk.strip import key_of
from .scumble_client.errors import EngineError
from .scumble_client.events import Cancelled, Done, Event, Failed, Rejected
from .scumble_client.raster import Raster
from .scumble_client.session import Session

REST = 0.7
"""Seconds for which the hand rests before the candidate that is shown is painted again."""
NAME = "Scumble, a try"
"""Of the layer on the canvas while nothing is painted on it yet."""


@dataclass(frozen=True)
class Candidate:
    """A picture that the engine made of `shot` with `settings`; `side` is the longest side that it was asked for. `share` of
    `raster` is shown, the rest being the shot itself."""

    settings: Settings
    title: str
    shot: Shot
    raster: Raster
    side: int
    share: float

    @property
    def key(self) -> Any:
        """Equal for candidates of which the newer replaces the older one."""
        return key_of(self.settings, self.settings.method)


@dataclass(frozen=True)
class _Wish:
    settings: Settings
    side: int


class Trying:
    """Off until `start`. `changed` is called when the strip, or what is shown of it, changes; `paint` paints for good."""

    def __init__(self, host: Host, calls: Calls, paint: Callable[[list[Layer], Settings], None]) -> None:
        self._host, self._calls, self._paint = host, calls, paint
        self.layer: LiveLayer | None = None
        self.candidates: list[Candidate] = []
        self.at = -1
        """Which of them is on the canvas."""
        self._layers: list[Layer] = []  # what a candidate is applied to
        self._wish: _Wish | None = None
        self._sheet: deque[_Wish] = deque()
        self._job: tuple[str, _Wish, Shot] | None = None
        self._settings: Settings | None = None
        self._written: Candidate | None = None
        self._hidden = self._hides = False  # whether the original is to show, and does
        self._applying = False
        self._touched = 0.0
        self._leaving: list[LiveLayer] = []  # to be taken away as soon as nothing is in the way
        self.text = ""
        """What one of those waits for, as a sentence."""

    @property
    def active(self) -> bool:
        return self.layer is not None

    @property
    def elsewhere(self) -> bool:
        """Whether it is on the canvas of another document than the one that is shown."""
        return self.layer is not None and not self.layer.gone and self.layer.elsewhere

    @property
    def awaiting(self) -> bool:
        return self._job is not None

    @property
    def leaving(self) -> bool:
        """A layer that was discarded is still there."""
        return bool(self._leaving)

    @property
    def current(self) -> Candidate | None:
        return self.candidates[self.at] if 0 <= self.at < len(self.candidates) else None

    @property
    def left(self) -> int:
        """Candidates that are still to be painted."""
        return len(self._sheet) + (self._wish is not None) + (self._job is not None)

    def start(self) -> None:
        """Put a layer on the canvas. Raises EngineError, also while something is in the way."""
        self.take_away()  # or the new layer would be the one that is to go
        layers = self._host.layers()[-1:]
        self.layer = self._host.live("", NAME)
        self._layers, self._settings, self._written = layers, None, None
        self._hidden = self._hides = self._applying = False
        self._calls.changed()

    def try_all(self, settings: Settings, catalogue: Catalogue | None) -> None:
        """Paint every style at a small size, for a contact sheet."""
        self._sheet.clear()
        if catalogue is not None:
            self._sheet += [_Wish(wanted, SHEET_SIDE) for wanted, _ in sheet(catalogue, settings)]
        self._calls.changed()

    def show(self, at: int) -> Settings | None:
        """Show another candidate; its settings."""
        if not 0 <= at < len(self.candidates):
            return None
        self.at = at
        candidate = self.candidates[at]
        self._settings = candidate.settings
        self._wish = None if candidate.side >= WORKING_SIDE else _Wish(candidate.settings, WORKING_SIDE)
        self._bring()
        self._calls.changed()
        return candidate.settings

    def step(self, by: int) -> Settings | None:
        """Show the next (1) or previous (-1) one, around the ends."""
        return self.show((self.at + by) % len(self.candidates)) if self.candidates else None

    def compare(self, original: bool) -> None:
        """Show the original, as long as this is wanted."""
        self._hidden = original
        self._bring()

    def apply(self) -> None:
        """Paint what is shown for good; it stays on the canvas until that is there."""
        candidate = self.current
        if candidate is not None and self._layers:
            self._sheet.clear()
            self._wish, self._applying = None, True
            self._paint(self._layers, candidate.settings)

    def make_way(self) -> None:
        """Hide the try while a result that is applied gets better on the canvas."""
        if self._applying:
            self.compare(True)

    def applied(self) -> None:
        """A result has been put into the document: what was shown of it may go."""
        if self._applying:
            self._applying = False
            self._remove()

    def discard(self, session: Session) -> None:
        """Forget all candidates and take the layer away, as soon as nothing is in the way. Idempotent."""
        self._cancel(session)
        self._remove()

    def touch(self) -> None:
        """The picture has changed."""
        self._touched = time.monotonic()

    def forget(self) -> None:
        """The session that had the job is gone."""
        self._job = None

    def advance(self, session: Session, settings: Settings, catalogue: Catalogue | None, busy: bool) -> None:
        """Go on a little. `busy`: the engine is needed for a picture."""
        self.take_away()
        if self.layer is None:
            return
        if self.layer.gone:
            self.discard(session)
            return
        self._bring()
        if busy:
            self._cancel(session)
            return
        if self._applying:  # it was given up, or failed
            self._applying = self._hidden = False
        if settings != self._settings and not self._weaker(settings, catalogue):
            self._wish = _Wish(settings, WORKING_SIDE)
        self._settings = settings
        if self._touched and time.monotonic() - self._touched >= REST:
            self._touched = 0.0
            self._wish = _Wish(settings, WORKING_SIDE)
        if session.welcome is None or catalogue is None or self.layer.elsewhere or self._host.in_the_way(self.layer):
            return
        if self._job is not None:
            if self._wish is not None and self._wish != self._job[1]:
                self._cancel(session)
            return
        self._submit(session, catalogue)

    def _weaker(self, settings: Settings, catalogue: Catalogue | None) -> bool:
        """Show the candidate with another strength, if that is all that was chosen and takes no job; whether it did."""
        current = self.current
        larger = self._wish is not None or (self._job is not None and self._job[1].side >= WORKING_SIDE)
        if current is None or catalogue is None or larger:
            return False
        if replace(current.settings, strength=settings.strength) != settings or not mixes_pixels(catalogue, settings):
            return False
        self.candidates[self.at] = replace(
            current, settings=settings, title=title(catalogue, settings), share=settings.strength
        )
        self._bring()
        self._calls.changed()
        return True

    def _submit(self, session: Session, catalogue: Catalogue) -> None:
        wish, self._wish = self._wish, None
        if wish is None:
            wish = self._sheet.popleft() if self._sheet else None
        if wish is None or self.layer is None:
            return
        try:
            method = quick_method(catalogue, wish.settings)
            shot = self.layer.read(wish.side, wish.settings)
        except EngineError as e:
            self._calls.trouble(EngineError(e.code, e.message[:1].upper() + e.message[1:], e.hint))
            return
        self._job = (session.submit(quick_request(method, wish.settings, shot)), wish, shot)
        self._calls.changed()

    def handle(self, event: Event, catalogue: Catalogue | None) -> bool:
        """Whether the event was of a candidate."""
        if self._job is None or getattr(event, "job", None) != self._job[0]:
            return False
        _, wish, shot = self._job
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            self._job = None
        if isinstance(event, Done) and self.layer is not None:
            share = wish.settings.strength if catalogue is not None and mixes_pixels(catalogue, wish.settings) else 1.0
            self._take(Candidate(wish.settings, title(catalogue, wish.settings), shot, event.raster, wish.side, share))
        elif isinstance(event, (Failed, Rejected)):
            self._sheet.clear()
            self._calls.trouble(event.error())
        return True

    def _take(self, new: Candidate) -> None:
        """Into the strip; what is still chosen, and the first of all, is shown."""
        known = [candidate.key for candidate in self.candidates]
        if new.key in known:
            at = known.index(new.key)
            if new.side >= self.candidates[at].side:
                self.candidates[at] = new
        else:
            at = len(self.candidates)
            self.candidates.append(new)
        if self.at < 0 or (new.side >= WORKING_SIDE and new.settings == self._settings):
            self.at = at
        self._bring()
        self._calls.changed()

    def _bring(self) -> None:
        """Bring to the canvas what is to show there, as soon as nothing is in the way."""
        layer, current = self.layer, self.current
        if layer is None or (current is self._written and self._hidden == self._hides):
            return
        if layer.gone or self._host.in_the_way(layer):
            return
        if current is not None and current is not self._written:
            layer.rename(f"{current.title}, a try")
            layer.write(current.shot, current.raster, current.share)
            self._written = current
            self._calls.shown(current.raster, current.shot.raster, current.share)
        if self._hidden != self._hides:
            layer.show(not self._hidden)
            self._hides = self._hidden

    def _cancel(self, session: Session) -> None:
        """Cancel the job in the engine; it is painted again, unless something else is chosen by then."""
        if self._job is not None:
            job, wish, _ = self._job
            session.cancel(job)
            self._job = None
            if wish.side < WORKING_SIDE:
                self._sheet.appendleft(wish)
            elif self._wish is None:
                self._wish = wish

    def _remove(self) -> None:
        layer, self.layer = self.layer, None
        self.candidates, self.at = [], -1
        self._wish, self._job, self._written = None, None, None
        self._sheet.clear()
        if layer is not None:
            self._leaving.append(layer)
        self.take_away()
        self._calls.changed()

    def take_away(self) -> None:
        """Remove what was discarded. Taking a layer away applies a transformation that is under way: it waits for that, too."""
        self.text = ""
        for layer in tuple(self._leaving):
            way = "" if layer.gone else self._host.in_the_way(layer)
            if way:
                self.text = f"The try {way}."
                continue
            self._leaving.remove(layer)
            if not layer.gone:
                layer.finish("")
