# SPDX-License-Identifier: Apache-2.0
"""How a finished job reaches its client: result strips within a window, then the outcome.

Invariant: on one connection each strip and each outcome is sent once for each time the client submitted the job there;
after a reconnection nothing of a job is sent before the client submits it again, which says what it has.
"""

from __future__ import annotations

from typing import Any

from scumble.server import limits
from scumble.server.clients import Client, Clients
from scumble.server.clock import clock
from scumble.server.jobs import Job, Jobs, State


def deliver(job: Job, client: Client, clients: Clients) -> None:
    """Send what may go out now."""
    if job.state is not State.DONE or not job.attached or job.reported or client.is_away():
        return
    raster = job.request.raster
    step = max(1, limits.STRIP // raster.row_bytes)
    while job.result is not None and job.sent < raster.height:
        if len(job.unacknowledged) >= limits.WINDOW:
            return
        rows = min(step, raster.height - job.sent)
        data = job.result.read(job.sent * raster.row_bytes, (job.sent + rows) * raster.row_bytes)
        header = {"type": "result", "job": job.id, "y": job.sent, "rows": rows}
        job.unacknowledged.add(job.sent)
        job.sent += rows
        clients.post(client, header, data)
        if client.is_away():
            return
    assert job.outcome is not None
    job.reported = True
    clients.post(client, job.outcome)


def accepted(job: Job, re: int | None, position: int) -> dict[str, Any]:
    """The header that tells a client where its job stands."""
    rows = {name: plane.rows for name, plane in job.planes.items()}
    return {
        "type": "accepted",
        "re": re,
        "job": job.id,
        "state": job.state,
        "position": position,
        "credit": job.credit if job.state is State.RECEIVING else 0,
        "rows": rows.get("picture", 0),
        "context_rows": rows.get("context", 0),
        "mask_rows": rows.get("masks", 0),
    }


def resume(job: Job, have: int) -> None:
    """The client submits a job, perhaps again: go on from what it has."""
    job.attached = True
    job.touched = clock.now()
    job.credit = limits.CREDIT
    job.reported = False
    job.unacknowledged.clear()
    job.sent = min(have, job.request.raster.height)


def forget_sent(jobs: Jobs, secret: str) -> None:
    """A client is on a new connection, and may have lost what was sent on the old one."""
    for job in jobs:
        if job.secret == secret:
            job.attached = False
