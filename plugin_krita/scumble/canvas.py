# SPDX-License-Identifier: GPL-3.0-or-later
"""What is painted on the canvas itself while the painter works: live painting, or candidates to choose from.

Invariant: one of both at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from .live import Live
from .ports import Host, Layer
from .quick import Calls
from .scumble_client.catalogue import Catalogue
from .scumble_client.desk.settings import Settings
from .scumble_client.errors import EngineError
from .scumble_client.events import Event
from .scumble_client.raster import Raster
from .scumble_client.session import Session
from .trying import Trying

Now = tuple[Session, Settings, "Catalogue | None"]


class Canvas:
    """`begin` makes ready for painting; `now` says with what. `changed` and `strip` are called when live painting, or the
    candidates, look different; `shown` with every picture."""

    def __init__(
        self,
        host: Host,
        begin: Callable[[], None],
        now: Callable[[], Now],
        changed: Callable[[], None],
        strip: Callable[[], None],
        trouble: Callable[[EngineError], None],
        shown: Callable[[Raster, Raster, float], None],
        paint: Callable[[list[Layer], Settings], None],
    ) -> None:
        self.live = Live(host, Calls(changed, trouble, shown))
        self.trying = Trying(host, Calls(strip, trouble, shown), paint)
        self._begin, self._now, self._changed, self._trouble = begin, now, changed, trouble

    @property
    def active(self) -> bool:
        return self.live.active or self.trying.active

    @property
    def awaiting(self) -> bool:
        """The engine has something of it."""
        return self.live.awaiting or self.trying.awaiting

    @property
    def waits(self) -> bool:
        """Whether it goes on by itself."""
        return self.active or self.live.starting or self.trying.leaving

    def start_live(self, source: str = "") -> None:
        """Paint live from a source as `Live.source` names it."""
        self._begin()
        self.stop_live()
        self.stop_trying()
        self.trying.take_away()
        self.live.source = source
        try:
            self.live.start(*self._now()[1:])
        except EngineError as e:
            self._trouble(e)
        self._changed()

    def stop_live(self) -> None:
        """End live painting; the live layer stays as an ordinary one."""
        if self.live.active or self.live.starting:
            self.live.stop(*self._now())

    def start_trying(self) -> bool:
        """Show what is chosen in place, until it is applied or discarded; whether it is."""
        self._begin()
        self.stop_live()
        if self.trying.elsewhere:
            self.stop_trying()
        if not self.trying.active:
            try:
                self.trying.start()
            except EngineError as e:
                self._trouble(e)
        return self.trying.active

    def try_all(self) -> None:
        """Try the chosen style, and paint every style at a small size beside it."""
        if self.start_trying():
            self.trying.try_all(*self._now()[1:])

    def stop_trying(self) -> None:
        """Discard what was shown."""
        if self.trying.active:
            self.trying.discard(self._now()[0])

    def touch(self) -> bool:
        """The picture has changed; whether anything here follows it."""
        if self.live.active:
            self.live.touch()
        elif self.trying.active:
            self.trying.touch()
        return self.active

    def forget(self) -> None:
        """The session that had the jobs is gone."""
        self.live.forget()
        self.trying.forget()

    def advance(self, busy: bool) -> None:
        """Go on a little. `busy`: the engine is needed for a picture."""
        self.trying.advance(*self._now(), busy)  # first: what was discarded goes before a live layer is looked for
        self.live.advance(*self._now(), busy)

    def handle(self, event: Event) -> bool:
        """Whether the event was of one of them."""
        return self.live.handle(event) or self.trying.handle(event, self._now()[2])
