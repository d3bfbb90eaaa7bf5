# SPDX-License-Identifier: Apache-2.0
"""The engine for scripts: every call waits for its answer.

Invariant: a call that raises, also by Ctrl-C, leaves no job of its own running in the engine.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from . import VERSION
from .catalogue import Catalogue
from .channel import OpenLink
from .desk.choosing import DEFAULT_METHOD
from .dialer import no_engine
from .errors import EngineError
from .events import (
    Answer,
    Cancelled,
    Context,
    Done,
    Failed,
    Listed,
    Lost,
    Preview,
    Progress,
    Refining,
    Rejected,
    Request,
    RequestFailed,
    State,
    StyleStored,
    Welcome,
)
from .link import Link
from .locate import Connection, read_connection, start_engine
from .raster import Masks, Raster
from .session import Session

BUDGET = 32 << 20
"""Bytes that one call of `pump` may move: as no window waits here, more than a window would allow."""
CANCEL_WAIT = 1.0
"""Seconds given to a cancel when a call is interrupted."""
ASK = 1.0
"""Seconds without a message about a refinement after which its state is asked for."""
_TURN = 0.5
"""Seconds that one `pump` waits at most, so that `keep` is asked twice a second."""

Answered = TypeVar("Answered", Answer, Listed)
Ended = TypeVar("Ended", Done, StyleStored)


@dataclass(frozen=True)
class Finished:
    """A stylized picture, of the content's size and format."""

    raster: Raster
    styles: tuple[str, ...]
    """The styles it was painted in, with their revisions (id@rev)."""
    seconds: float
    """How long the engine painted."""
    device: str
    remark: str = ""
    """What the painter should know of it, as sentences."""


class Engine:
    """A connection to the engine for scripts: methods wait for answers. A context manager; every method raises EngineError."""

    def __init__(self, session: Session, timeout: float = 30.0) -> None:
        self.session = session
        self._timeout = timeout

    @classmethod
    def attach(
        cls,
        start: bool = True,
        timeout: float = 30.0,
        client: str = f"scumble-client/{VERSION}",
        host: str = "",
        link: OpenLink = Link,
        connection: Connection | None = None,
        command: Sequence[str] | None = None,
    ) -> Engine:
        """Connect to the engine that runs, or to one started now.

        `timeout` (seconds) bounds this and every wait for an answer that needs no computing. `connection` names a remote
        engine; `command` is how to start a local one, unless $SCUMBLE_ENGINE says otherwise.
        """
        if not start and connection is None and read_connection() is None:
            raise no_engine()
        launch = functools.partial(start_engine, command) if start and connection is None else None
        engine = cls(Session(connection, client=client, host=host, link=link, launch=launch), timeout)
        try:
            engine.ping()
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def welcome(self) -> Welcome | None:
        """The engine's greeting."""
        return self.session.welcome

    def catalogue(self) -> Catalogue:
        """The methods, styles and thumbnails that the engine offers."""
        return self._answer(self.session.catalogue(), Listed).catalogue

    def stylize(
        self,
        raster: Raster,
        styles: Sequence[tuple[str, float]],
        method: str = DEFAULT_METHOD,
        strength: float = 1.0,
        options: Mapping[str, Any] | None = None,
        context: Context | None = None,
        on_progress: Callable[[Progress], bool | None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        masks: Masks | None = None,
        allocate: Callable[[int], Any] = bytearray,
        quality: str | None = None,
        seconds: float | None = None,
        keep: Callable[[], bool] | None = None,
        sequence: str | None = None,
    ) -> Finished:
        """Paint `raster` in the weighted `styles`, each where its mask says, if there are `masks`. `on_progress` may return
        False to cancel (EngineError "cancelled"). `allocate`, `quality`, `seconds` and `sequence` as in `Request`; once
        `keep` says True, which is asked twice a second, the picture is taken as it is."""
        previews = on_preview is not None
        settings = (method, strength, dict(options or {}), context, previews, masks, allocate, quality, seconds, sequence)
        request = Request(raster, tuple(styles), *settings)
        done = self._finish(self.session.submit(request), Done, on_progress, on_preview, keep)
        return Finished(done.raster, done.styles, done.seconds, done.device, done.remark)

    def put_style(self, name: str, raster: Raster, refine: bool = True, id: str | None = None) -> str:
        """Keep a picture as a style of the user's; its id@rev. It can be used at once; `refine` lets the engine make it
        better in its idle time, under a new revision (`wait_refined` waits for that). `id`: else one is made of `name`."""
        return self._finish(self.session.put_style(name, raster, refine, id), StyleStored, None, None).style

    def remove_style(self, style: str) -> None:
        """Remove a style of the user's, with all its revisions."""
        self._answer(self.session.remove_style(style), Answer)

    def rename_style(self, style: str, name: str) -> str:
        """Change the title of a style of the user's; the title it got. Its id and revisions stay."""
        return str(self._answer(self.session.rename_style(style, name), Answer).header.get("title", name))

    def refine_style(self, style: str, action: str) -> Mapping[str, Any]:
        """`action`: "start", "stop" or "status". Gives "style", "state", "fraction" (docs/protocol.md, section 6)."""
        return self._answer(self.session.refine_style(style, action), Answer).header

    def wait_refined(self, style: str, on_progress: Callable[[Refining], bool | None] | None = None) -> Refining:
        """Wait until a style is refined ("done") or somebody stops that ("idle"); where nobody has asked for it, ask.

        `on_progress` may return False to stop it; an interrupt ends the waiting, and the engine goes on. Raises EngineError
        with the reason where it has failed.
        """
        now = Refining.of(self.refine_style(style, "status"))
        if now.state == "idle":
            now = Refining.of(self.refine_style(style, "start"))
        while not now.over:
            if on_progress and on_progress(now) is False:
                now = Refining.of(self.refine_style(style, "stop"))
                break
            now = self._next_state(now)
        if now.state == "failed":
            raise now.error()
        return now

    def ping(self) -> str:
        """The engine's state, "starting", "ready" or "broken" (then `status` says why)."""
        return str(self._answer(self.session.ping(), Answer).header.get("state", ""))

    def status(self) -> Mapping[str, Any]:
        """The engine's figures, as docs/protocol.md, section 7, lists them."""
        return self._answer(self.session.status(), Answer).header

    def cancel(self, job: str) -> None:
        """End a job of this session, which then raises EngineError "cancelled" where it is waited for."""
        self.session.cancel(job)

    def shutdown(self) -> None:
        """Ask the engine to end; returns when it has agreed."""
        self._answer(self.session.shutdown(), Answer)

    def close(self) -> None:
        self.session.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, request: int, kind: type[Answered]) -> Answered:
        """The event of `kind` that answers `request`."""
        deadline = time.monotonic() + self._timeout
        while True:
            left = deadline - time.monotonic()
            for event in self.session.pump(max(0.0, min(_TURN, left)), BUDGET):
                if isinstance(event, kind) and event.request == request:
                    return event
                if isinstance(event, RequestFailed) and event.request == request:
                    raise event.error()
                if isinstance(event, Lost):
                    raise event.error()
            if left <= 0:
                raise self._timed_out()

    def _next_state(self, last: Refining) -> Refining:
        """The next state of a refinement that comes; asked for after a second, since messages in between may get lost."""
        until = time.monotonic() + ASK
        while (left := until - time.monotonic()) > 0:
            events = self.session.pump(left, BUDGET)
            for event in events:
                if isinstance(event, Lost):
                    raise event.error()
            states = [event for event in events if isinstance(event, Refining) and event.id == last.id]
            if states:
                return states[-1]
        return Refining.of(self.refine_style(last.id, "status"))

    def _finish(
        self,
        job: str,
        kind: type[Ended],
        on_progress: Callable[[Progress], bool | None] | None,
        on_preview: Callable[[Preview], None] | None,
        keep: Callable[[], bool] | None = None,
    ) -> Ended:
        """The event of `kind` that ends `job`."""
        try:
            while True:
                if keep is not None and keep():
                    self.session.keep(job)
                for event in self.session.pump(_TURN, BUDGET):
                    if isinstance(event, Lost):
                        raise event.error()
                    if getattr(event, "job", None) != job:
                        continue
                    if isinstance(event, kind):
                        return event
                    if isinstance(event, (Rejected, Failed)):
                        raise event.error()
                    if isinstance(event, Cancelled):
                        raise EngineError("cancelled", "The job was cancelled.")
                    if isinstance(event, Preview) and on_preview:
                        on_preview(event)
                    if isinstance(event, Progress) and on_progress and on_progress(event) is False:
                        self.session.cancel(job)
        except BaseException:
            self._abandon(job)
            raise

    def _abandon(self, job: str) -> None:
        self.session.cancel(job)
        deadline = time.monotonic() + CANCEL_WAIT
        while self.session.holds(job) and time.monotonic() < deadline:
            self.session.pump(CANCEL_WAIT / 10, BUDGET)

    def _timed_out(self) -> EngineError:
        if self.session.state is State.STARTING:
            message = f"The engine still starts after {self._timeout:.0f} s."
        else:
            message = f"The engine did not answer within {self._timeout:.0f} s."
        return EngineError("engine-lost", message, "Its log says why; `scumble doctor` shows it.")
