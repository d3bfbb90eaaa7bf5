# SPDX-License-Identifier: Apache-2.0
"""The jobs the engine knows, and how each moves: receiving -> queued -> running -> done. No sockets here.

Invariants: a job's id runs at most once to an end; `bytes` is the sum of what all jobs' spools really hold; what done jobs
hold and live ones may come to hold never passes the budget; every job that was admitted is tallied exactly once as
finished, failed or cancelled.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.server import limits
from scumble.server.clock import clock
from scumble.server.messages import AnyRaster, PixelStrip, StylePut, Submit, error_fields
from scumble.server.spool import Spool, layout


class State(enum.StrEnum):
    RECEIVING = "receiving"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class Busy(ScumbleError):
    """There is no room in the queue now; there may be in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__("busy", message, "Wait for a running picture to finish, or cancel one.")
        self.retry_after = retry_after


@dataclass
class Plane:
    """A raster on its way in: where it lies in the spool, and how many of its rows have come."""

    raster: AnyRaster
    offset: int
    rows: int = 0

    @property
    def complete(self) -> bool:
        return self.rows == self.raster.height


@dataclass(eq=False)
class Job:
    """One request of one client, from its submit to its release."""

    id: str
    secret: str
    request: Submit | StylePut
    styles: list[tuple[str, float]]
    """The pinned styles ("id@revision") with their weights."""
    planes: dict[str, Plane]
    input: Spool
    expected: int
    """Bytes its spools hold at most, which are promised to it while it lives."""
    state: State = State.RECEIVING
    credit: int = limits.CREDIT
    """Strips the client may still send."""
    attempts: int = 0
    missed: int = 0
    """Workers that died after they were handed it and before they began it."""
    keep: bool = False
    """Whether its client wants the first picture that can be had, as it is."""
    fraction: float = 0.0
    text: str = ""
    result: Spool | None = None
    outcome: dict[str, Any] | None = None
    """The header that ends the job, once it is done."""
    storing: Future[str] | None = None
    """The helper thread's work, of a style whose picture has come."""
    touched: float = field(default_factory=clock.now)
    """When its client or its worker last moved it on."""

    # Delivery of the result.
    attached: bool = True
    """Whether the client, on its present connection, knows of the job: it has submitted it there."""
    sent: int = 0
    unacknowledged: set[int] = field(default_factory=set)
    reported: bool = False
    """Whether the outcome has been sent."""

    @property
    def held(self) -> int:
        """Bytes in its spools."""
        arrived = sum(p.rows * p.raster.row_bytes for p in self.planes.values())
        return arrived + (self.result.size if self.result else 0)

    @property
    def delivered(self) -> bool:
        return self.reported and not self.unacknowledged


class Jobs:
    """All jobs, the queue, and the byte budget. Spools too large for memory go to `folder`."""

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        self.bytes = 0
        self.tally: Counter[str] = Counter()
        """finished, failed, cancelled, rejected: since the engine's start."""
        self.queue: deque[Job] = deque()
        self._all: dict[str, Job] = {}
        self._usual_seconds = 1.0

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._all.values()))

    def get(self, job_id: str) -> Job | None:
        return self._all.get(job_id)

    def owner(self, job_id: str) -> str | None:
        """The secret a job belongs to. Safe to call from another thread: one dictionary look-up."""
        job = self._all.get(job_id)
        return job.secret if job else None

    def live(self, secret: str | None = None) -> list[Job]:
        """Jobs that are not done, of one client or of all."""
        return [j for j in self._all.values() if j.state is not State.DONE and secret in (None, j.secret)]

    def painting(self) -> bool:
        """Whether a picture is on its way to the worker, waits for it or is at it."""
        return any(isinstance(j.request, Submit) for j in self.live())

    def counts(self) -> dict[str, int]:
        counts = Counter(j.state.value for j in list(self._all.values()))
        return {state.value: counts[state.value] for state in State}

    def figures(self) -> dict[str, Any]:
        """The figures of jobs in a status answer. Safe to call from another thread: it reads, and copies before it counts."""
        ends = {how: self.tally[how] for how in ("finished", "failed", "cancelled", "rejected")}
        return {"jobs": self.counts(), **ends, "bytes": self.bytes, "budget": self.budget}

    def position(self, job: Job) -> int:
        """How many jobs run or wait before this one."""
        if job.state is not State.QUEUED:
            return 0
        return self.queue.index(job) + sum(j.state is State.RUNNING for j in self._all.values())

    # Coming in.

    def admit(self, secret: str, request: Submit | StylePut, styles: list[tuple[str, float]], expected: int) -> Job:
        """Take a request in and promise it `expected` bytes, for all of its pixels and those of its result.

        Raises Busy where they will be free once others have ended, ScumbleError "no-memory" where they never will.
        """
        live = self.live()
        if len(live) >= limits.QUEUE:
            raise Busy(f"The engine already has {len(live)} pictures to paint.", self._retry_after())
        own = sum(j.secret == secret for j in live)
        if own >= limits.QUEUE_EACH:
            raise Busy(f"{own} pictures of yours are already waiting.", self._retry_after())
        if expected > self.budget:
            raise _no_memory(expected, f"but the engine may use {_mb(self.budget)} MB", "Use a smaller picture or 8 bits.")
        if not self._make_room(expected):
            raise Busy("Other pictures fill the engine's memory.", self._retry_after())
        rasters = request.planes
        offsets, size = layout(rasters.values())
        planes: dict[str, Plane] = {
            name: Plane(raster, offset) for (name, raster), offset in zip(rasters.items(), offsets, strict=True)
        }
        try:
            spool = Spool(size, self.folder)
        except OSError as e:
            raise _no_memory(expected, f"and the disk answers: {e.strerror}", "Make room on the disk.") from e
        job = Job(request.job, secret, request, styles, planes, spool, expected)
        self._all[job.id] = job
        return job

    def receive(self, job: Job, strip: PixelStrip, data: memoryview) -> bool:
        """Put a strip of a job that is receiving in its place. Whether it was the last one, which queues the job.

        Raises ScumbleError "bad-strip", or "no-memory" where the disk is full.
        """
        name, plane = next((n, p) for n, p in job.planes.items() if not p.complete)
        size = strip.rows * plane.raster.row_bytes
        wrong = (
            f"a strip of the {strip.plane} came where the {name} was due" if strip.plane != name else
            f"row {strip.y} came where row {plane.rows} was due" if strip.y != plane.rows else
            f"{strip.rows} rows at row {strip.y} do not fit" if not 0 < strip.rows <= plane.raster.height - plane.rows else
            f"{data.nbytes} bytes came for {size}" if data.nbytes != size else
            f"a strip of {size} bytes is too large" if size > limits.STRIP and strip.rows > 1 else
            "it came without credit" if job.credit < 1 else None
        )  # fmt: skip
        if wrong:
            raise ScumbleError(
                "bad-strip", f"A strip of pixels is wrong: {wrong}.", "Please report this with the plug-in's name."
            )
        try:
            job.input.write(data, plane.offset + plane.rows * plane.raster.row_bytes)
        except OSError as e:
            raise _no_memory(job.input.size, f"and the disk answers: {e.strerror}", "Make room on the disk.") from e
        self.bytes += size
        plane.rows += strip.rows
        job.credit -= 1
        job.touched = clock.now()
        if not all(p.complete for p in job.planes.values()):
            return False
        job.state = State.QUEUED
        self.queue.append(job)
        return True

    def start(self, job: Job) -> Spool:
        """Take the queue's first job out of it and give it room for its result.

        Raises ScumbleError "no-memory" where the disk is full.
        """
        self.queue.remove(job)
        job.state = State.RUNNING
        job.attempts += 1
        job.fraction, job.text, job.touched = 0.0, "", clock.now()
        if job.result is None:
            size = job.request.raster.nbytes
            spool = None
            try:
                spool = Spool(size, self.folder)
                spool.allocate()
            except OSError as e:
                if spool is not None:
                    spool.close()
                raise _no_memory(size, f"and the disk answers: {e.strerror}", "Make room on the disk.") from e
            job.result = spool
            self.bytes += size
        return job.result

    def requeue(self, job: Job, *, begun: bool = True) -> bool:
        """Put a job whose worker died back, before all others, unless it has had its share of workers: False then.

        A worker that had not `begun` the job died of something else, which counts for nothing unless it happens all the time.
        """
        if not begun and job.missed < limits.MISSED:
            job.missed += 1
            job.attempts -= 1
        elif job.attempts >= limits.ATTEMPTS:
            return False
        job.state = State.QUEUED
        self.queue.appendleft(job)
        return True

    # Going out.

    def finish(self, job: Job, outcome: dict[str, Any], how: str, seconds: float | None = None) -> None:
        """End a job: `how` is "finished", "failed" or "cancelled". A job that is done stays as it is."""
        if job.state is State.DONE:
            return
        if job.state is State.QUEUED:
            self.queue.remove(job)
        if seconds is not None:
            self._usual_seconds = 0.7 * self._usual_seconds + 0.3 * seconds
        job.state, job.outcome, job.touched = State.DONE, outcome, clock.now()
        self.tally[how] += 1
        self.bytes -= job.held
        job.planes.clear()
        job.input.close()
        if how == "finished" and job.result is not None:
            self.bytes += job.result.size
        elif job.result is not None:
            job.result.close()
            job.result = None
        done = [j for j in self._all.values() if j.state is State.DONE]
        for old in done[: max(0, len(done) - limits.KEPT_JOBS)]:
            self.drop(old)

    def drop(self, job: Job) -> None:
        """Forget a job that is done."""
        if job.state is State.DONE and job.id in self._all:
            del self._all[job.id]
            self.bytes -= job.held
            if job.result is not None:
                job.result.close()

    def give_up_result(self, job: Job, outcome: dict[str, Any]) -> None:
        """Replace the result of a job that is done by another outcome, for a client that has not had it yet, or asks again."""
        if job.result is not None:
            self.bytes -= job.result.size
            job.result.close()
            job.result = None
        job.outcome = outcome
        job.unacknowledged.clear()

    def expire(self, now: float) -> None:
        """Forget results that nobody has fetched any of for long enough."""
        for job in self:
            if job.state is State.DONE and now - job.touched > limits.KEPT:
                self.drop(job)

    def close(self) -> None:
        for job in self:
            job.input.close()
            if job.result is not None:
                job.result.close()
        self._all.clear()
        self.queue.clear()

    def _make_room(self, size: int) -> bool:
        """Whether `size` more bytes can be promised, after the oldest results that nobody is fetching have gone if need be."""
        free = self.budget - sum(j.held if j.state is State.DONE else j.expected for j in self)
        now = clock.now()
        idle = [j for j in self if j.state is State.DONE and (j.delivered or now - j.touched > limits.UNREACHABLE)]
        if size > free + sum(j.held for j in idle):
            return False
        for job in idle:
            if size <= free:
                break
            if job.result is not None:
                free += job.result.size
                lost = _no_memory(job.result.size, "and its result made room for others", "Paint it again.")
                self.give_up_result(job, failed(job.id, lost))
        return True

    def _retry_after(self) -> float:
        return round(min(30.0, max(0.5, self._usual_seconds)), 1)


def internal_error() -> ScumbleError:
    """The error that a client gets when an exception ended something; the log has the exception."""
    return ScumbleError("internal", "The engine has a bug.", "Please report it with the engine's log.")


def failed(job_id: str, error: ScumbleError) -> dict[str, Any]:
    """The header that ends a job with an error."""
    return {"type": "failed", "job": job_id, **error_fields(error.code, error.message, error.hint)}


def _mb(size: int) -> int:
    return -(-size // 1_000_000)


def _no_memory(size: int, why: str, hint: str) -> ScumbleError:
    return ScumbleError("no-memory", f"This picture needs {_mb(size)} MB, {why}.", hint)
