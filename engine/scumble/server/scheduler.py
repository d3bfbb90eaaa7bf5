# SPDX-License-Identifier: Apache-2.0
"""Which job runs next, what the worker reports about it, and how each job ends. Styles are refined between jobs.

Invariant: every admitted job ends exactly once (reported by the worker, cancelled, or failed after two worker deaths), and its
client learns how.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.server import channel, limits
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Clients
from scumble.server.clock import clock
from scumble.server.delivery import deliver
from scumble.server.jobs import Job, Jobs, State, failed, internal_error
from scumble.server.messages import Submit
from scumble.server.refinement_queue import RefinementQueue
from scumble.server.workers import Death, Worker

log = logging.getLogger(__name__)


class Scheduler:
    """Gives jobs to the worker, one at a time. `worker_started` is called once the worker has named its methods, or once it is
    clear that it cannot start."""

    def __init__(
        self,
        jobs: Jobs,
        clients: Clients,
        catalogue: Catalogue,
        worker: Worker,
        refinements: RefinementQueue,
        worker_started: Callable[[], None],
    ) -> None:
        self.worker, self._refinements = worker, refinements
        self.devices: list[dict[str, str]] = []
        self._jobs, self._clients, self._catalogue = jobs, clients, catalogue
        self._worker_started = worker_started
        self._used = clock.now()
        self._forgot = True

    def step(self) -> None:
        """Read what the worker sent, notice its death, start the next job."""
        for message, payload in self.worker.receive():
            try:
                self._on_worker_message(message, payload)
            except Exception:
                log.exception("a message of the worker could not be handled")
                self._fail_job_of(message)
        death = self.worker.check()
        if death is not None:
            self._on_worker_death(death)
        self._start_next()
        self._refinements.step()
        if self._refinements.current is not None:
            self._used, self._forgot = clock.now(), False

    def end(self, job: Job, outcome: dict[str, Any], how: str, seconds: float | None = None) -> None:
        """End a job with `outcome`, the header its client gets; `how` is "finished", "failed" or "cancelled"."""
        if job.state is State.DONE:
            return
        log.info("job %s %s%s", job.id, how, f" ({outcome['code']})" if how == "failed" else "")
        self._jobs.finish(job, outcome, how, seconds)
        client = self._clients.by_secret(job.secret)
        if client is not None:
            deliver(job, client, self._clients)

    def cancel(self, job: Job, why: str | None = None) -> None:
        """End a job early. `why`, unless its client asked for it, is what the client gets (docs/protocol.md, section 5)."""
        outcome = {"type": "cancelled", "job": job.id} | ({"why": why} if why else {})
        if job.state is State.DONE:
            if not job.reported:
                self._jobs.give_up_result(job, outcome)
                client = self._clients.by_secret(job.secret)
                if client is not None:
                    deliver(job, client, self._clients)
            return
        if job.storing is not None and not job.storing.cancel():
            return  # too late: the style will be there, and its client is to know
        frame = isinstance(job.request, Submit) and job.request.sequence is not None
        self.worker.cancel(job.id, limits.SETTLE_GRACE if frame else limits.CANCEL_GRACE)
        self.end(job, outcome, "cancelled")

    def keep(self, job: Job) -> None:
        """End a job with the best picture there is of it; one that has none yet ends with its first."""
        job.keep = True
        self.worker.keep(job.id)

    def report(self, job: Job) -> None:
        """Send a client the progress of its job, which also shows whether the client is still there."""
        client = self._clients.by_secret(job.secret)
        if client is None:
            return
        client.signed = clock.now()
        if job.state is State.RECEIVING:
            rows = sum(p.rows for p in job.planes.values()) / sum(p.raster.height for p in job.planes.values())
        self._clients.post(
            client,
            {
                "type": "progress",
                "job": job.id,
                "state": job.state,
                "position": self._jobs.position(job),
                "fraction": round(rows if job.state is State.RECEIVING else job.fraction, 4),
                "text": job.text,
            },
            droppable=True,
        )

    def _start_next(self) -> None:
        while self._jobs.queue and (self.worker.idle or self.worker.problem):
            job = self._jobs.queue[0]
            try:
                if self.worker.problem:
                    raise self.worker.problem
                result = self._jobs.start(job)
            except ScumbleError as e:
                self.end(job, failed(job.id, e), "failed")
                continue
            request = job.request
            assert isinstance(request, Submit)
            paths = (str(job.input.path), str(result.path)) if job.input.path and result.path else None
            run = channel.Run(
                job=job.id,
                method=request.method,
                styles=job.styles,
                strength=request.strength,
                options=request.options,
                raster=request.raster,
                context=request.context,
                masks=request.masks,
                previews=request.previews,
                attempt=job.attempts - 1,
                quality=request.quality,
                seconds=request.seconds,
                keep=job.keep,
                sequence=request.sequence,
                paths=paths,
            )
            self.worker.run(run, (job.input, result))
            self._used, self._forgot = clock.now(), False
            self.report(job)

    def _on_worker_message(self, message: Any, payload: bytes) -> None:
        if self._refinements.on_worker_message(message, payload):
            return
        match message:
            case channel.Ready():
                self.devices = message.devices
                try:
                    self._catalogue.learn(message.methods, message.available, message.outdated)
                    self._refinements.resume()
                finally:
                    self._worker_started()
            case channel.Available():
                self._catalogue.learn(None, message.available, message.outdated)
            case channel.Note():
                log.log(message.level, "worker: %s", message.text)
            case channel.Progress() | channel.Preview() | channel.Done() | channel.Failed() | channel.Cancelled():
                job = self._jobs.get(message.job)
                if job is not None and job.state is State.RUNNING:
                    self._on_job_message(job, message, payload)

    def _on_job_message(self, job: Job, message: Any, payload: bytes) -> None:
        self._used = clock.now()
        match message:
            case channel.Progress():
                job.fraction, job.text = message.fraction, message.text
                self.report(job)
            case channel.Preview():
                client = self._clients.by_secret(job.secret)
                if client is not None:
                    header = {"type": "preview", "job": job.id, "width": message.width, "height": message.height}
                    self._clients.post(client, header | {"format": "u8", "order": "rgba"}, payload, droppable=True)
            case channel.Done():
                styles = [pinned for pinned, _ in job.styles]
                device = self.devices[0]["id"] if self.devices else "cpu"
                header = {"type": "done", "job": job.id, "seconds": message.seconds, "styles": styles, "device": device}
                self.end(job, header | ({"remark": message.remark} if message.remark else {}), "finished", message.seconds)
            case channel.Failed():
                self.end(job, failed(job.id, ScumbleError(message.code, message.message, message.hint)), "failed")
            case channel.Cancelled():
                self.end(job, {"type": "cancelled", "job": job.id}, "cancelled")

    def _fail_job_of(self, message: Any) -> None:
        """Fail the job that a message ended whose handling failed: no other message about it will come."""
        job = self._jobs.get(message.job) if isinstance(message, channel.Done | channel.Failed | channel.Cancelled) else None
        if job is not None and job.state is State.RUNNING:
            self.end(job, failed(job.id, internal_error()), "failed")

    def _on_worker_death(self, death: Death) -> None:
        if self.worker.problem:
            self._worker_started()
        if self._refinements.on_worker_death(death):
            return
        job = self._jobs.get(death.job) if death.job else None
        if job is None or job.state is not State.RUNNING:
            return
        if self._jobs.requeue(job, begun=death.begun):
            self.report(job)
            return
        message = f"The worker {death.how} while it painted this picture, and so did the one before it."
        hint = "Try a smaller picture or another method; other pictures are not affected."
        self.end(job, failed(job.id, ScumbleError(death.code, message, hint)), "failed")

    def free_memory_when_idle(self, now: float) -> None:
        """Tell a worker that has been idle for a while to drop its weights."""
        if not self._forgot and self.worker.idle and now - self._used > limits.IDLE_FORGET:
            self._forgot = True
            self.worker.tell(channel.Forget())
