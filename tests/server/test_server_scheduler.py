# SPDX-License-Identifier: Apache-2.0
"""What the engine makes of its worker's words, without a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scumble.library.styles import StyleStore
from scumble.server import channel
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Clients, Sent
from scumble.server.helper import Helper
from scumble.server.jobs import Jobs, State
from scumble.server.messages import PixelStrip, Raster, Submit
from scumble.server.refinement_queue import RefinementQueue
from scumble.server.scheduler import Scheduler
from scumble.server.shared import Inbox
from scumble.server.workers import Worker

JOB = "0" * 32


class Talker(Worker):
    """A worker that says what a test gives it."""

    sent: list[Any]

    def receive(self) -> list[tuple[Any, bytes]]:
        messages, self.sent = self.sent, []
        return [(message, b"") for message in messages]

    def check(self) -> None:
        return None


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """With one job that runs."""
    jobs = Jobs(tmp_path, 1 << 20)
    raster = Raster(4, 4, "u8", "rgba")
    job = jobs.admit("s", Submit(job=JOB, method="invert", styles=[], raster=raster), [], 2 * raster.nbytes)
    jobs.receive(job, PixelStrip(JOB, "picture", 0, 4), memoryview(bytes(64)))
    jobs.start(job)
    return jobs


def test_a_word_of_the_worker_that_meets_a_bug_fails_its_job_alone(jobs: Jobs, tmp_path: Path) -> None:
    worker = Talker("cpu", None, tmp_path / "log")
    clients, catalogue = Clients(lambda route, frames: Sent.YES), Catalogue(StyleStore())
    refinements = RefinementQueue(clients, catalogue, worker, Helper(Inbox()), jobs.painting, False)
    scheduler = Scheduler(jobs, clients, catalogue, worker, refinements, lambda: None)
    scheduler.devices = [{}]  # no device has no name: it is the bug
    worker.sent = [channel.Done(JOB, 1.0), channel.Available({"s@1": ["invert"]})]
    scheduler.step()
    job = jobs.get(JOB)
    assert job is not None
    assert job.outcome is not None
    assert (job.state, job.outcome["code"]) == (State.DONE, "internal")
    assert scheduler._catalogue.ready, "what came after it was handled"
