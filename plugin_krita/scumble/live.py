# SPDX-License-Identifier: GPL-3.0-or-later
"""Live painting: a locked layer that is painted again after every stroke and every undo.

Invariant: the newest pixels win: one job is in the engine at most, a full pass makes way for a change, and no older result is
written after a newer one. The layer is written to only while nothing is in the way, which leaves no undo step.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, replace
from typing import Any

from .ports import Host, LiveLayer, Shot
from .quick import Calls, quick_request
from .scumble_client.catalogue import Catalogue, Method
from .scumble_client.desk.choosing import asked_strength, method_of, options_for
from .scumble_client.desk.names import live_name, name_of
from .scumble_client.desk.settings import Settings
from .scumble_client.desk.sheet import mixes_pixels, quick_method
from .scumble_client.desk.sizes import LIVE_SIDE, WORKING_SIDE
from .scumble_client.errors import EngineError
from .scumble_client.events import Cancelled, Done, Event, Failed, Rejected
from .scumble_client.raster import Raster
from .scumble_client.session import Session

PATIENCE = 5.0
"""Seconds in which it is tried to start: Krita holds the picture for a moment after a stroke or when it opens one."""
REST = 0.8
"""Seconds for which the hand rests before the full pass begins."""
LOOK = 1.5
"""Seconds between two looks at the layer where no stroke was reported: not all changes are undo steps."""
QUICK, SLOW = 0.25, 0.45
"""Seconds of a fast pass: below the one a larger pass is expected to fit, above the other a smaller one is taken."""
SIDES = (256, LIVE_SIDE, 768, WORKING_SIDE)


@dataclass
class _Job:
    id: str
    shot: Shot
    full: bool
    began: float
    share: float
    cancelling: bool = False


@dataclass(frozen=True)
class _Result:
    """`share` of it is shown, the rest being what it was painted from."""

    shot: Shot
    raster: Raster
    share: float


class Live:
    """Off until `start`. `changed` is called when it starts, ends or says something else."""

    def __init__(self, host: Host, calls: Calls) -> None:
        self._host, self._calls = host, calls
        self.source = ""
        """What it paints: "" is the active layer, "visible" all that is visible, else the id of a layer."""
        self.layer: LiveLayer | None = None
        self.text = ""
        """What it does, or why it pauses."""
        self.passes = 0
        """Results that were written since it was started."""
        self._side = LIVE_SIDE
        self._job: _Job | None = None
        self._result: _Result | None = None  # not written yet
        self._written: _Result | None = None
        self._print: Any = None  # of what was submitted last, at most so many pixels long:
        self._printed = LIVE_SIDE
        self._settings: Settings | None = None
        self._dirty = self._full = False  # whether something has changed; whether the full pass is done
        self._touched = self._looked = 0.0
        self._until = 0.0  # when to give up starting

    @property
    def active(self) -> bool:
        return self.layer is not None

    @property
    def starting(self) -> bool:
        """Whether it begins as soon as nothing is in the way."""
        return bool(self._until)

    @property
    def awaiting(self) -> bool:
        """The engine paints a pass, or a result waits to be written."""
        return self._job is not None or self._result is not None

    def start(self, settings: Settings, catalogue: Catalogue | None) -> None:
        """Start now, or as soon as nothing is in the way of the document. Raises EngineError."""
        self._until = time.monotonic() + PATIENCE
        self._begin(settings, catalogue)

    def _begin(self, settings: Settings, catalogue: Catalogue | None) -> None:
        until, self._until = self._until, 0.0
        try:
            self.layer = self._host.live(self.source, live_name(catalogue, settings))
        except EngineError as e:
            if e.code != "host-busy" or time.monotonic() > until:
                raise
            self._until = until
            return
        self.passes, self._print, self._settings = 0, None, None
        self._side = self._printed = LIVE_SIDE
        self._say("Live.")
        self.touch()

    def stop(self, session: Session, settings: Settings, catalogue: Catalogue | None) -> None:
        """End it; what was painted stays as an ordinary layer."""
        layer, self._until = self.layer, 0.0
        self._end(session)
        if layer is not None and not layer.gone:
            layer.finish(name_of(catalogue, settings, settings.strength, _options(catalogue, settings)) if self.passes else "")

    def touch(self) -> None:
        """The picture has changed, or may have."""
        self._dirty, self._touched = True, time.monotonic()

    def forget(self) -> None:
        """The session that had the job is gone."""
        self._job, self._print = None, None
        self.touch()

    def advance(self, session: Session, settings: Settings, catalogue: Catalogue | None, busy: bool) -> None:
        """Go on a little. `busy`: the engine is needed for a picture."""
        if self.layer is None:
            self._begin_late(settings, catalogue)
            return
        if self.layer.gone:
            self._end(session)
            return
        self._write()
        why = "Live waits while a picture is painted." if busy else self.layer.pause
        if why or session.welcome is None or catalogue is None:
            self._cancel(session)
            self._say(why or "Live waits for the engine …")
            self._dirty = True
            return
        if settings != self._settings:
            self._follow(settings, catalogue)
        try:
            self._paint(session, settings, catalogue)
        except EngineError as e:
            self._say(f"Live waits: {e.message}")
            self._dirty = True

    def _follow(self, settings: Settings, catalogue: Catalogue) -> None:
        """Other settings; a strength that only mixes pixels needs no pass."""
        before, self._settings = self._settings, settings
        assert self.layer is not None
        self.layer.rename(live_name(catalogue, settings))
        weaker = before is not None and replace(before, strength=settings.strength) == settings
        if weaker and mixes_pixels(catalogue, settings):
            shown = self._result or self._written
            self._result = shown and replace(shown, share=settings.strength)
            if self._job is not None:
                self._job.share = settings.strength
        else:
            self._print = None
            self.touch()

    def _begin_late(self, settings: Settings, catalogue: Catalogue | None) -> None:
        if self._until:
            try:
                self._begin(settings, catalogue)
            except EngineError as e:
                self._calls.trouble(e)

    def _paint(self, session: Session, settings: Settings, catalogue: Catalogue) -> None:
        """Ask for what is to be painted next. Raises EngineError."""
        assert self.layer is not None
        now = time.monotonic()
        if not self._dirty and now - self._looked > LOOK:
            self._dirty = True
        if self._job is not None and self._job.full and self._dirty and now - self._touched < LOOK:
            self._cancel(session)
        if self._job is not None or self._result is not None:
            return
        rested = not self._full and now - self._touched >= REST
        if not (self._dirty or rested):
            return
        way = self._host.in_the_way(self.layer)
        if way:
            return
        method = quick_method(catalogue, settings)
        shot = self.layer.read(self._printed, settings)
        changed = _print_of(shot) != self._print
        self._dirty, self._looked = False, now
        if changed:
            if self._printed != self._side:
                self._printed = self._side
                shot = self.layer.read(self._side, settings)
            self._print, self._full = _print_of(shot), False
            self._submit(session, settings, method, shot, full=False)
        elif rested:
            self._full = True
            self._submit(session, settings, method, self.layer.read(0, settings), full=True)
        else:
            self._say("Live.")

    def _submit(self, session: Session, settings: Settings, method: Method, shot: Shot, full: bool) -> None:
        job, share = session.submit(quick_request(method, settings, shot)), asked_strength(method, settings.strength)[1]
        self._job = _Job(job, shot, full, time.monotonic(), share)
        self._say("Live: painting …" if full else "Live.")

    def handle(self, event: Event) -> bool:
        """Whether the event was of a pass."""
        job = self._job
        if job is None or getattr(event, "job", None) != job.id:
            return False
        if isinstance(event, Done) and not job.cancelling:
            self._result = _Result(job.shot, event.raster, job.share)
            self._adapt(job)
        elif isinstance(event, (Failed, Rejected)) and not job.cancelling:
            self._calls.trouble(event.error())
        elif isinstance(event, Cancelled):
            self._print = None  # what was not painted is not to be passed over
        if isinstance(event, (Done, Failed, Rejected, Cancelled)):
            self._job = None
            self._write()
        return True

    def _write(self) -> None:
        """Bring a result to the canvas as soon as nothing is in the way."""
        if self._result is None or self.layer is None or self.layer.gone or self._host.in_the_way(self.layer):
            return
        self._written, self._result = self._result, None
        shown = self._written
        self.layer.write(shown.shot, shown.raster, shown.share)
        self.passes += 1
        self._calls.shown(shown.raster, shown.shot.raster, shown.share)
        if self._job is None:
            self._say("Live.")

    def _adapt(self, job: _Job) -> None:
        """Take as large a fast pass as is quick on this machine."""
        if job.full or max(job.shot.raster.width, job.shot.raster.height) < self._side:
            return
        took, at = time.monotonic() - job.began, SIDES.index(self._side)
        if at + 1 < len(SIDES) and took * (SIDES[at + 1] / self._side) ** 2 < QUICK:
            self._side = SIDES[at + 1]
        elif at > 0 and took > SLOW:
            self._side = SIDES[at - 1]

    def _cancel(self, session: Session) -> None:
        if self._job is not None and not self._job.cancelling:
            session.cancel(self._job.id)
            self._job.cancelling = True

    def _end(self, session: Session) -> None:
        self._cancel(session)
        self.layer = self._result = self._written = self._print = None
        self.text = ""
        self._calls.changed()

    def _say(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self._calls.changed()


def _print_of(shot: Shot) -> Any:
    """Equal for two shots that look the same."""
    return shot.place, zlib.crc32(shot.raster.data), zlib.crc32(shot.masks.data) if shot.masks else 0


def _options(catalogue: Catalogue | None, settings: Settings) -> dict[str, Any]:
    method = method_of(catalogue, settings)
    return options_for(method, settings.options) if method else {}
