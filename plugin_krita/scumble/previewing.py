# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview: a small copy of the layer, painted again whenever a choice or the layer changes.

Invariant: the newest wish wins. At most one preview is in the engine; an older one is cancelled, and what it still answers
is not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from .ports import Host, Layer
from .scumble_client.catalogue import Catalogue, Method
from .scumble_client.desk.choosing import asked_strength, method_of, options_for
from .scumble_client.desk.effort import pace
from .scumble_client.desk.masks import masks_from
from .scumble_client.desk.settings import Settings, brush_size
from .scumble_client.desk.sizes import WORKING_SIDE, preview_side
from .scumble_client.errors import EngineError
from .scumble_client.events import Cancelled, Done, Event, Failed, Preview, Rejected, Request
from .scumble_client.raster import Masks, Raster
from .scumble_client.session import Session

REST = 0.7
"""Seconds for which the hand rests before the preview follows it."""


class Previewing:
    """Off until `enabled`."""

    def __init__(self, host: Host, changed: Callable[[], None]) -> None:
        self.enabled = False
        self.picture: Raster | None = None
        """The newest painted preview."""
        self.original: Raster | None = None
        """What it was painted from."""
        self.share = 1.0
        """The share of the preview in what is shown; the rest is the original."""
        self.active = False
        """A preview is on its way."""
        self.size = (WORKING_SIDE, WORKING_SIDE)
        """Of the layer, or of as large a copy as is painted of it."""
        self.paces: dict[str, float] = {}
        """Seconds that a painted pixel took, by the method's id."""
        self._timed = ("", 1.0, 0.0)  # method, brush size and strength of what is on its way
        self._host, self._changed = host, changed
        self._job: str | None = None
        self._cancelling = False
        self._touched = 0.0
        self._newest = 1.0  # the share of what is on its way
        self._shown: tuple[str, Settings] | None = None  # what the picture, or the job, is of
        self._failed: tuple[str, Settings] | None = None

    def repeat(self) -> None:
        """The layer's pixels may have changed, or what can be painted has."""
        self._shown = self._failed = None

    def forget(self) -> None:
        """The session that had the job is gone."""
        self._job, self._cancelling, self.active, self._shown = None, False, False, None

    def touch(self) -> None:
        """The painter has drawn something: follow when the hand rests."""
        self._touched = time.monotonic()

    def show_both(self, raster: Raster, original: Raster, share: float) -> None:
        """The result of live painting, what it was painted from, and its share."""
        self.original = original
        self.show(raster, share)

    def show(self, raster: Raster, share: float = 1.0) -> None:
        """A picture from elsewhere: what a long painting looks like so far."""
        self.picture, self.share = raster, share
        self._shown = None
        self._changed()

    def advance(self, session: Session, settings: Settings, catalogue: Catalogue | None, busy: bool) -> None:
        """Ask for the newest wish if it is another than what is shown. `busy`: the engine is needed for the picture itself."""
        idle = busy or not self.enabled
        if self._job is not None and idle:
            self._cancel(session)
        if idle or session.welcome is None or catalogue is None:
            return
        layer = self._layer()
        if layer is None:
            return
        if self._touched and time.monotonic() - self._touched >= REST:
            self._touched = 0.0
            self.repeat()
        method = method_of(catalogue, settings)
        if method is None:
            return
        strength, share = asked_strength(method, settings.strength)
        settings = replace(settings, strength=strength)
        wanted = (layer.key, settings)
        self._newest = share
        if wanted == self._shown and self._job is None and share != self.share:
            self.share = share
            self._changed()
        if wanted in (self._shown, self._failed) or self._host.in_the_way(layer):
            return
        if self._job is not None:
            self._cancel(session)
            return
        self._failed = wanted
        self._submit(session, layer, settings, method, wanted)

    def handle(self, event: Event) -> bool:
        """Whether the event was of a preview."""
        if getattr(event, "job", None) != self._job or self._job is None:
            return False
        if isinstance(event, Done) and not self._cancelling:
            method, brush, strength = self._timed
            if strength:
                self.paces[method] = pace(*self.size, brush, event.seconds)
        if isinstance(event, (Done, Preview)) and not self._cancelling:
            self.picture, self.share = event.raster, self._newest
            self._changed()
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            if isinstance(event, Cancelled):
                self._shown = None
            self._job, self._cancelling, self.active = None, False, False
        return True

    def _layer(self) -> Layer | None:
        layers = self._host.layers()
        return layers[-1] if layers else None

    def _submit(self, session: Session, layer: Layer, settings: Settings, method: Method, wanted: tuple[str, Settings]) -> None:
        try:
            side = preview_side(method, brush_size(settings.options))
            self.original = self._host.small(layer, side)
            how = (method.id, settings.strength, method.quick(options_for(method, settings.options)))
            request = Request(self.original, settings.weights(), *how, None, True, self._masks(layer, settings, side))
            self._job = session.submit(request)
            self._timed = (method.id, brush_size(settings.options), settings.strength)
            self.size = (self.original.width, self.original.height)
        except EngineError:  # a preview that cannot be made is none; the picture itself will say why
            return
        self._shown, self._failed, self.active = wanted, None, True

    def _masks(self, layer: Layer, settings: Settings, side: int) -> Masks | None:
        """Raises EngineError "place-gone"."""
        if not settings.placed or self.original is None:
            return None
        width, height = self.original.width, self.original.height
        planes = [self._host.small_place(layer, (o.where, o.name), side) if o.where else None for o in settings.parts]
        return masks_from(settings, planes, width, height, "u8")

    def _cancel(self, session: Session) -> None:
        if self._job is not None and not self._cancelling:
            session.cancel(self._job)
            self._cancelling = True
