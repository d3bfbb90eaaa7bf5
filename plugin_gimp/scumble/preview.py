# SPDX-License-Identifier: GPL-3.0-or-later
"""A preview that follows the controls: one job at a time, begun when the controls rest, given up when they move on.

Invariant: what is shown was made with the settings last wanted, or is an older picture with a word that a new one comes. The
strength of a method that mixes pixels costs no job. Knows neither GIMP nor widgets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engine import Choice
from scumble_client.desk.choosing import asked_strength
from scumble_client.desk.effort import pace
from scumble_client.desk.sizes import WORKING_SIDE, preview_side
from scumble_client.desk.strip import key_of
from scumble_client.desk.words import Pace, progress_text
from scumble_client.events import Cancelled, Done, Event, Failed, Preview, Progress, Rejected, Request
from scumble_client.raster import Masks, Raster
from scumble_client.session import Session
from settings import Mistake, Settings

DELAY = 0.25
"""Seconds for which the controls must rest."""
KEPT = 256 << 20
"""Bytes of pictures that are kept, so that going back to one costs no job; the last is kept in any case."""


@dataclass
class Wish:
    """The picture that is to be shown."""

    choice: Choice
    settings: Settings
    """What the engine is asked for."""
    share: float
    """The share of that picture in what is shown; the rest is the layer itself."""


@dataclass(frozen=True)
class Tried:
    """A preview that was shown, `share` of `raster` over `original`, with the settings that the painter chose."""

    choice: Choice
    settings: Settings
    original: Raster
    raster: Raster
    share: float

    @property
    def key(self) -> Any:
        """Equal for those of which the newer replaces the older one."""
        return key_of(self.settings, self.choice.method.id)


@dataclass(frozen=True)
class _Kept:
    """A picture that need not be painted again for the same wish."""

    wish: Wish
    side: int
    original: Raster
    masks: Masks | None
    raster: Raster


class Previewer:
    """`tick` it from a timer, and let it `handle` the session's events. `copy` gives the layer with a longest side of so many
    pixels, `masks` says where each style goes in such a copy. `begin` gets the copy as it is, `show` the painted one and its
    share, None for none, `say` a few words, `tried` what is shown whenever that is a finished picture."""

    def __init__(
        self,
        session: Session,
        copy: Callable[[int], Raster],
        masks: Callable[[Settings, Raster], Masks | None],
        begin: Callable[[Raster], None],
        show: Callable[[Raster | None, float], None],
        say: Callable[[str], None],
        tried: Callable[[Tried], None] = lambda _: None,
    ) -> None:
        self._session, self._copy, self._masks, self._begin, self._show, self._say = session, copy, masks, begin, show, say
        self._tried = tried
        self._kept: list[_Kept] = []
        self._side = WORKING_SIDE
        self._original = copy(self._side)
        self._begin(self._original)
        self._wanted: Wish | None = None
        self._shown: Wish | None = None  # or being painted
        self._painting: tuple[Wish, Masks | None] | None = None  # what the job is of
        self._picture: Raster | None = None
        self._due = 0.0
        self._job: str | None = None
        self._words = Pace()
        self.fraction = 0.0
        """How far the picture is that is on its way."""
        self.paces: dict[str, float] = {}
        """Seconds that a pixel took, by the method's id."""

    @property
    def busy(self) -> bool:
        """A picture is on its way."""
        return self._job is not None or self._wanted is not None

    def want(self, choice: Choice, settings: Settings) -> None:
        """Show these settings soon."""
        strength, share = asked_strength(choice.method, settings.strength)
        wish = Wish(choice, replace(settings, strength=strength), share)
        last = self._wanted or self._shown
        if last is not None and (last.choice, last.settings) == (wish.choice, wish.settings):
            last.share = wish.share
            if self._shown is not None and self._picture is not None:
                self._show(self._picture, self._shown.share)
                self._tell()
            return
        kept = self._find(wish)
        if kept is not None:
            self._bring_back(wish, kept)
            return
        self._wanted, self._due = wish, time.monotonic() + DELAY
        self._give_up()

    def stop(self) -> None:
        """Want nothing any more, and show the layer as it is."""
        self._wanted = self._shown = self._picture = None
        self._give_up()
        self._show(None, 0.0)
        self._say("")

    def again(self) -> None:
        """Paint the preview again: the one that is shown is not what would be painted now."""
        self._shown = None
        self.forget()

    def forget(self) -> None:
        """Paint everything again that is wanted again."""
        self._kept.clear()

    def tick(self) -> None:
        if self._wanted is None or self._job is not None or time.monotonic() < self._due:
            return
        wish, self._wanted = self._wanted, None
        choice, settings = wish.choice, wish.settings
        side = preview_side(choice.method, settings.brush_size)
        if side != self._side:  # a smaller copy would show broader strokes than the result has
            self._side = side
            self._original = self._copy(side)
            self._begin(self._original)
        try:
            masks = self._masks(settings, self._original)
        except Mistake as e:  # the place has gone while the controls rested
            self._say(str(e))
            return
        options = choice.method.quick(settings.options())
        how = (choice.method.id, settings.strength, options)
        self._job = self._session.submit(
            Request(self._original, choice.styles, *how, None, choice.method.gradual(options), masks)
        )
        self._painting = (wish, masks)
        self._shown, self._picture, self._words, self.fraction = wish, None, Pace(), 0.0
        self._say("Preview…")

    def handle(self, event: Event) -> None:
        if self._job is None or getattr(event, "job", None) != self._job:
            return
        wish, masks = self._painting
        stale = self._wanted is not None or self._shown is not wish
        if isinstance(event, Done) and not stale and wish.settings.strength:
            size = (self._original.width, self._original.height)
            self.paces[wish.choice.method.id] = pace(*size, wish.settings.brush_size, event.seconds)
        if isinstance(event, (Preview, Done)) and not stale:
            self._picture = event.raster if isinstance(event, Done) else None
            self._show(event.raster, wish.share)
        if isinstance(event, Done) and not stale:
            self._keep(_Kept(wish, self._side, self._original, masks, event.raster))
            self._tell()
        if isinstance(event, Progress) and not stale:
            self._words.add(event.fraction)
            self.fraction = event.fraction
            self._say(f"Preview: {progress_text(event, self._words.left())}")
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            self._job = self._painting = None
            if not isinstance(event, Done) and self._shown is wish:
                self._shown = None
            if not stale:
                self._say(event.message if isinstance(event, (Failed, Rejected)) else "")

    def _tell(self) -> None:
        """Of the finished picture that is shown."""
        if self._shown is not None and self._picture is not None:
            wish = self._shown
            chosen = replace(wish.settings, strength=wish.settings.strength * wish.share)
            self._tried(Tried(wish.choice, chosen, self._original, self._picture, wish.share))

    def _keep(self, new: _Kept) -> None:
        self._kept.append(new)
        while len(self._kept) > 1 and sum(len(kept.raster.data) + len(kept.original.data) for kept in self._kept) > KEPT:
            del self._kept[0]

    def _find(self, wish: Wish) -> _Kept | None:
        """A picture of just that, by the selection and the places as they are now."""
        for kept in self._kept:
            if (kept.wish.choice, kept.wish.settings) == (wish.choice, wish.settings):
                try:
                    same = self._masks(wish.settings, kept.original) == kept.masks
                except Mistake:  # the place has gone
                    same = False
                if same:
                    return kept
        return None

    def _bring_back(self, wish: Wish, kept: _Kept) -> None:
        self._wanted, self._shown, self._picture = None, wish, kept.raster
        self._give_up()
        if kept.side != self._side:
            self._side, self._original = kept.side, kept.original
            self._begin(self._original)
        self._show(self._picture, wish.share)
        self._say("")
        self._tell()

    def _give_up(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
