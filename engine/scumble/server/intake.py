# SPDX-License-Identifier: Apache-2.0
"""Handles what clients send about jobs: the request, its pixels strip by strip, and which rows of the result have arrived.

Invariant: a client reaches its own jobs alone. Each submission gets one answer, accepted or rejected; one that comes again, on
another connection, changes nothing of the job.
"""

from __future__ import annotations

import logging

from scumble.api.errors import ScumbleError
from scumble.server import admission, messages
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Client, Clients
from scumble.server.clock import clock
from scumble.server.delivery import accepted, deliver, resume
from scumble.server.jobs import Busy, Job, Jobs, State, failed
from scumble.server.messages import error
from scumble.server.scheduler import Scheduler
from scumble.server.style_service import StyleService
from scumble.server.workers import Worker

log = logging.getLogger(__name__)


class Intake:
    """The broker's part that takes jobs in; delivery.py sends the results."""

    def __init__(
        self,
        clients: Clients,
        jobs: Jobs,
        catalogue: Catalogue,
        worker: Worker,
        scheduler: Scheduler,
        styles: StyleService,
    ) -> None:
        self._clients, self._jobs, self._catalogue = clients, jobs, catalogue
        self._worker, self._scheduler, self._styles = worker, scheduler, styles

    def submit(self, client: Client, request: messages.Submit | messages.StylePut) -> None:
        """A job is new, or its client has a new connection: say where it stands, and go on."""
        job = self._jobs.get(request.job)
        try:
            if job is None:
                job = self._admit(client, request)
                log.info("%r submits %s", client.name, job.id)
            elif job.secret != client.secret:
                raise ScumbleError("job-unknown", "Another program has a picture of this name in work.", "Choose another id.")
        except ScumbleError as e:
            self._jobs.tally["rejected"] += 1
            header = failed(request.job, e) | {"type": "rejected", "re": request.id}
            self._clients.post(client, header | {"retry_after": e.retry_after if isinstance(e, Busy) else None})
            return
        resume(job, request.have if isinstance(request, messages.Submit) else 0)
        self._clients.post(client, accepted(job, request.id, self._jobs.position(job)))
        deliver(job, client, self._clients)

    def _admit(self, client: Client, request: messages.Submit | messages.StylePut) -> Job:
        if isinstance(request, messages.StylePut):
            admission.check_style(request)
            return self._jobs.admit(client.secret, request, [], request.raster.nbytes)
        if self._worker.problem is not None:
            raise self._worker.problem
        styles = admission.check_submit(request, self._catalogue)
        expected = sum(raster.nbytes for raster in request.planes.values()) + request.raster.nbytes
        return self._jobs.admit(client.secret, request, styles, expected)

    def strip(self, client: Client, strip: messages.PixelStrip, data: memoryview) -> None:
        """Rows of a job's pixels have come; with the last of them it is complete."""
        job = self._owned(client, strip.job)
        if job is None:
            self._clients.post(client, error("job-unknown", "There is no such picture in work."))
            return
        if job.state is not State.RECEIVING:
            return  # sent before the client knew how its job ended
        try:
            complete = self._jobs.receive(job, strip, data)
        except ScumbleError as e:
            self._scheduler.end(job, failed(job.id, e), "failed")
            return
        if not complete:
            job.credit += 1
            self._clients.post(client, {"type": "credit", "job": job.id, "credit": 1})
        elif isinstance(job.request, messages.StylePut):
            self._jobs.queue.remove(job)
            self._styles.keep(job)

    def advance(self, client: Client, message: messages.Received | messages.Release) -> None:
        """A client has a strip of its result, or needs no more of it."""
        job = self._owned(client, message.job)
        if isinstance(message, messages.Release):
            if job is not None:
                self._jobs.drop(job)
        elif job is None:
            gone = ScumbleError("job-unknown", "The rest of this picture was not fetched in time.", "Paint it again.")
            self._clients.post(client, failed(message.job, gone))
        else:
            job.unacknowledged.discard(message.y)
            job.touched = clock.now()
            deliver(job, client, self._clients)

    def _owned(self, client: Client, job_id: str) -> Job | None:
        job = self._jobs.get(job_id)
        return job if job is not None and job.secret == client.secret else None
