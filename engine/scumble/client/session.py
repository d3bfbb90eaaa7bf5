# SPDX-License-Identifier: Apache-2.0
"""A client's session with the engine, for callers with a loop of their own: ask at any time, `pump` from a timer.

Invariant: `pump(0)` never blocks and moves about `budget` bytes at most; whatever was asked is asked again after a
reconnection, under the same job id, until it is answered. Not for several threads at once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import VERSION
from .catalogue import Pages
from .channel import Header, Identity, OpenLink, encoded, engine_error
from .dialer import Dialer
from .errors import EngineError, lost, malformed, too_old
from .events import Answer, Cancelled, Event, Failed, Listed, Ready, Refining, Request, RequestFailed, State, Welcome
from .jobs import STRIP, Job, NewStyle
from .link import BUDGET, Link
from .locate import Connection, Launch, read_connection
from .raster import Raster
from .wire import Frame

AHEAD = 2 << 20
"""Bytes queued on the work connection before further strips wait: what a pump or two can send."""
LONGEST = 200
"""Characters of a name on the wire; the engine keeps 80 of them."""
ALIVE = 20.0
"""Seconds after which a client with a job shows that it lives; the engine gives it 60."""
PROBE = 0.1
"""Seconds between two questions whether a starting engine is ready."""
SETTLED = ("ready", "broken")
"""States of an engine that answers requests; a broken one refuses them with the reason ("engine-broken")."""
_OWN_ID = 0  # of requests whose answer the caller does not await; the caller's are numbered from 1 on


@dataclass
class _Pending:
    """A request that is no job's, until it is answered."""

    header: Header
    control: bool = False
    once: bool = False
    """Not to be sent again to the next engine."""
    pages: Pages | None = None
    new_feature: str = ""
    """What an older engine cannot do, in words ("rename styles"); it does not understand the request."""
    sent: bool = False


class Session:
    """Jobs and requests to the engine, over a connection that is made again by itself when it breaks.

    `connection` fixes the engine (a remote one); otherwise `find` looks for the local one.

    `launch` (say, `locate.start_engine`) is called when something is asked and no engine runs. `link` opens a link from
    endpoint and password. `secret`, 32 hex digits, makes this session the owner of the jobs of an earlier one.
    """

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        client: str = f"scumble-client/{VERSION}",
        host: str = "",
        link: OpenLink = Link,
        find: Callable[[], Connection | None] = read_connection,
        launch: Callable[[], Launch] | None = None,
        secret: str | None = None,
    ) -> None:
        identity = Identity(client, host, secret or secrets.token_hex(16))
        self._dialer = Dialer(find if connection is None else lambda: connection, identity, link, launch)
        self._jobs: dict[str, Job] = {}
        self._pending: dict[int, _Pending] = {}
        self._abandoned: list[str] = []  # cancelled while not connected; the engine learns it later
        self._job_of_request: dict[int, str] = {}  # the requests that are a job's
        self._number = _OWN_ID
        self._engine: tuple[int, str] | None = None
        self._ready = False
        self._strip = STRIP
        self._last_probe = self._last_sent = 0.0
        self._events: list[Event] = []

    @property
    def state(self) -> State:
        """The session's state with the engine; changes only in `pump`."""
        state = self._dialer.state()
        return State.STARTING if state is State.READY and not self._ready else state

    @property
    def welcome(self) -> Welcome | None:
        """The engine's greeting; None while not connected."""
        return self._dialer.welcome

    def submit(self, request: Request) -> str:
        """Hand in a picture; the job's id. Its pixels must not change until the job has ended."""
        return self._add_job(request)

    def put_style(self, name: str, raster: Raster, refine: bool = True, id: str | None = None) -> str:
        """Hand in a picture as a style of the user's; the job's id. Ends with StyleStored, Rejected or Failed.

        With `refine` the engine goes on to refine it in its idle time, if it is one that does; Refining tells how far it is.
        `id` is what it is to be called by; without one, the engine makes it of the name.
        """
        return self._add_job(NewStyle(name, raster, refine, id))

    def cancel(self, job: str) -> None:
        """Ask for a job to end; it answers with Cancelled unless it has ended already. Idempotent."""
        if job in self._jobs:
            self._jobs[job].cancelling = True

    def keep(self, job: str) -> None:
        """Ask for a job to end with the picture that its last preview showed, or else with its first one; it answers with Done.
        Idempotent."""
        if job in self._jobs:
            self._jobs[job].keeping = True

    def holds(self, job: str) -> bool:
        """Whether the job has not ended yet."""
        return job in self._jobs

    def catalogue(self) -> int:
        """Ask for methods, styles and thumbnails; answered by Listed."""
        return self._ask(_Pending({"type": "catalogue", "page": 0}, pages=Pages()))

    def remove_style(self, style: str) -> int:
        """Answered by Answer ("removed") or RequestFailed, as are the requests below."""
        return self._ask(_Pending({"type": "style.remove", "style": style}))

    def rename_style(self, style: str, name: str) -> int:
        """Change the title of a style of the user's; answered by Answer ("renamed"), which holds the "title" it got."""
        header = {"type": "style.rename", "style": style.partition("@")[0], "name": name[:LONGEST]}  # of all its revisions
        return self._ask(_Pending(header, new_feature="rename styles"))

    def refine_style(self, style: str, action: str) -> int:
        """`action` is "start", "stop" or "status"; the answer's header is what Refining holds, which follows after "start"."""
        return self._ask(_Pending({"type": "style.refine", "style": style, "action": action}))

    def ping(self) -> int:
        return self._ask(_Pending({"type": "ping"}, control=True))

    def status(self) -> int:
        return self._ask(_Pending({"type": "status"}, control=True))

    def shutdown(self) -> int:
        """Asked of this engine only, never of one that comes after it."""
        return self._ask(_Pending({"type": "shutdown"}, control=True, once=True))

    def pump(self, timeout: float = 0.0, budget: int = BUDGET) -> list[Event]:
        """Send and receive; what has happened since. Waits up to `timeout` seconds for something to happen."""
        deadline = time.monotonic() + timeout
        while True:
            self._step(budget)
            left = deadline - time.monotonic()
            if self._events or left <= 0:
                events, self._events = self._events, []
                return events
            self._dialer.wait(min(left, PROBE if self.state is State.STARTING else 1.0))

    def close(self) -> None:
        """End the connection; the engine cancels unfinished jobs. Idempotent."""
        self._dialer.close()
        self._jobs.clear()
        self._pending.clear()

    def _add_job(self, request: Request | NewStyle) -> str:
        job = Job(secrets.token_hex(16), request)
        encoded(job.opening(0))  # raises now for a request that can never be sent
        self._jobs[job.id] = job
        return job.id

    def _ask(self, pending: _Pending) -> int:
        encoded(pending.header)
        self._number += 1
        self._pending[self._number] = pending
        return self._number

    def _step(self, budget: int) -> None:
        """Receive, handle what came, send what is due; never blocks."""
        wanted = bool(self._jobs or self._pending)
        before = self._dialer.welcome
        received = self._dialer.step(budget, wanted, waiting=before is not None and wanted)
        self._events += received.events
        if before is not None and self._dialer.welcome is None:
            self._disconnected()
        if received.fresh:
            self._connected()
        try:
            if self._dialer.welcome is not None:
                for header, frames in received.control + received.work:
                    self._on_message(header, frames)
                self._send_due()
        except EngineError as e:
            self._dialer.drop(e)
            self._disconnected()
            self._events += self._dialer.outage()
        if self._dialer.welcome is None:
            self._cancel_while_away()
        self._reap()

    def _disconnected(self) -> None:
        self._ready = False
        self._job_of_request.clear()
        for job in self._jobs.values():
            job.disconnected()
        for number, asked in list(self._pending.items()):
            if asked.once and asked.sent:
                del self._pending[number]
                self._events.append(RequestFailed(number, "engine-lost", "The engine hung up before it answered.", ""))
            asked.sent = False

    def _connected(self) -> None:
        welcome = self._dialer.welcome
        if welcome is None:
            return
        self._ready = welcome.state in SETTLED
        self._strip = welcome.limits.get("strip", STRIP)
        self._last_sent = time.monotonic()
        engine = (welcome.pid, self._dialer.token)
        if self._engine not in (None, engine):
            failed = [job.another_engine() for job in self._jobs.values()]
            self._events += [event for event in failed if event is not None]
            self._abandoned.clear()
            self._reap()
        self._engine = engine

    def _cancel_while_away(self) -> None:
        """End cancelled jobs while no engine is connected; one that comes back gets the cancels."""
        for job in self._jobs.values():
            if job.cancelling and not job.over:
                job.over = True
                self._abandoned.append(job.id)
                self._events.append(Cancelled(job.id))

    def _on_message(self, header: Header, frames: Sequence[Frame]) -> None:
        try:
            number, job = header.get("re"), self._jobs.get(str(header.get("job")))
            if header["type"] == "error":
                self._error(header, number)
            elif header["type"] in ("cancelling", "keeping") or number == _OWN_ID:
                if header["type"] == "pong" and header["state"] in SETTLED and not self._ready:
                    self._ready = True
                    self._events.append(Ready())
            elif job is not None:
                self._events += job.on_message(header, frames, self._reply)
            elif number in self._pending:
                self._answered(int(header["re"]), header, frames)
            elif header["type"] == "refining" and number is None:
                self._events.append(Refining.of(header))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as e:
            raise malformed(f"{header['type'][:32]!r} lacks or garbles {e}") from e

    def _error(self, header: Header, number: Any) -> None:
        e = engine_error(header)
        job = self._jobs.get(self._job_of_request.get(number, ""))
        if e.code == "hello-first":
            raise lost("The engine has forgotten this connection.")
        if job is not None:
            job.over = True
            if job.new_feature and e.code == "bad-message":
                e = too_old(job.new_feature)
            if job.cancelling:
                self._reply({"type": "release", "job": job.id})
            self._events.append(Cancelled(job.id) if job.cancelling else Failed(job.id, e.code, e.message, e.hint))
        elif number in self._pending:
            new_feature = self._pending.pop(number).new_feature
            if new_feature and e.code == "bad-message":
                e = too_old(new_feature)
            self._events.append(RequestFailed(number, e.code, e.message, e.hint))
        elif number != _OWN_ID and e.code != "job-unknown":  # of a job that has just ended
            raise e

    def _answered(self, number: int, header: Header, frames: Sequence[Frame]) -> None:
        asked = self._pending.pop(number)
        if asked.pages is None:
            self._events.append(Answer(number, header))
            return
        catalogue = asked.pages.add(header, frames)
        if catalogue is not None:
            self._events.append(Listed(number, catalogue))
        else:
            page = {**asked.header, "page": asked.pages.wanted}
            self._pending[number] = _Pending(page, pages=asked.pages)

    def _send_due(self) -> None:
        """Send the requests, cancels, strips and signs of life that are due on the open channels."""
        now = time.monotonic()
        work, control = self._dialer.work, self._dialer.control
        if not self._ready and now - self._last_probe >= PROBE:
            self._last_probe = now
            control.send({"type": "ping", "id": _OWN_ID})
        for number, asked in self._pending.items():
            if not asked.sent and (asked.control or self._ready):
                (control if asked.control else work).send({**asked.header, "id": number})
                asked.sent = True
        while self._abandoned:
            control.send({"type": "cancel", "id": _OWN_ID, "job": self._abandoned.pop()})
        for job in self._jobs.values():
            self._advance(job)
        if self._jobs and now - self._last_sent >= ALIVE:
            self._reply({"type": "alive"})

    def _advance(self, job: Job) -> None:
        """Submit a job, cancel it, or send its next strips.

        A cancel follows `accepted`: it travels on the other connection and could overtake.
        """
        if job.cancelling and not job.submitted:
            job.over = True
            self._events.append(Cancelled(job.id))
        elif not job.submitted and self._ready:
            self._reply(job.opening(self._numbered(job)))
            job.submitted = True
        elif job.cancelling and job.accepted and not job.cancel_sent:
            self._dialer.control.send({"type": "cancel", "id": self._numbered(job), "job": job.id})
            job.cancel_sent = True
        if job.keeping and job.accepted and not (job.keep_sent or job.cancelling):
            self._dialer.control.send({"type": "keep", "id": _OWN_ID, "job": job.id})
            job.keep_sent = True

        limit = self._strip
        while job.accepted and self._dialer.work.link.pending < AHEAD:
            strip = job.next_strip(limit)
            if strip is None:
                break
            self._dialer.work.send(*strip)
            self._last_sent = time.monotonic()

    def _numbered(self, job: Job) -> int:
        self._number += 1
        self._job_of_request[self._number] = job.id
        return self._number

    def _reply(self, header: Header) -> None:
        self._dialer.work.send(header)
        self._last_sent = time.monotonic()

    def _reap(self) -> None:
        """Remove the jobs that are over."""
        for job in [job for job in self._jobs.values() if job.over]:
            del self._jobs[job.id]
