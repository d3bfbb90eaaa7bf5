# SPDX-License-Identifier: Apache-2.0
"""A cancel takes effect wherever its job stands, and a job's id names one run, however often it is handed in."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from scumble.client.blocking import Engine as Client
from scumble.client.errors import EngineError
from scumble.client.events import Progress
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, alive, running, wait_for
from support.pictures import picture

SLACK = 3
ACKNOWLEDGED, STOPPED = 0.1, 2.0
PIXELS = picture(40, 30)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running() as started:
        yield started


def processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@pytest.mark.parametrize("state", ["receiving", "queued", "running", "done"])
def test_a_cancel_is_acknowledged_and_reported_in_every_state_of_its_job(engine: Engine, state: str) -> None:
    with engine.peer() as peer, engine.peer() as other, engine.control(secret=peer.secret) as control:
        if state == "queued":
            before = other.submit(PIXELS, "slow", options={"seconds": 60.0})
            other.next("progress", job=before, state="running")
        if state == "done":  # more strips than the window holds, so that the end is still to be sent
            job = peer.submit(picture(48, 65535, np.float32), options={"scale": "full"}, previews=False)
            wait_for(lambda: engine.status()["jobs"]["done"] == 1, 20 * SLACK)
        else:
            job = peer.submit(PIXELS, "slow", options={"seconds": 60.0}, send=state != "receiving")
            peer.next("progress", job=job, state=state)
        began = time.monotonic()
        assert control.ask("cancel", job=job)["type"] == "cancelling"
        assert time.monotonic() - began < ACKNOWLEDGED * SLACK
        assert peer.next("cancelled", "done", "failed", job=job)["type"] == "cancelled"
        assert time.monotonic() - began < STOPPED * SLACK
        wait_for(lambda: engine.status()["jobs"][state] == (1 if state == "done" else 0))
        assert control.ask("cancel", job=job)["type"] == "cancelling", "again is as good as once"
        peer.send(type="release", job=job)
        wait_for(lambda: control.ask("cancel", job=job).get("code") == "job-unknown")
        if state == "queued":
            assert engine.status()["jobs"]["running"] == 1, "the job before it runs on"
        else:
            assert peer.finish(peer.submit(PIXELS))[0]["type"] == "done"


@pytest.mark.parametrize("step", [0.05, 60.0])
def test_the_work_itself_stops_in_time_also_where_the_method_ignores_cancels(engine: Engine, step: float) -> None:
    """With a step of a minute the method computes on and never looks up; its worker is replaced."""
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = peer.submit(PIXELS, "slow", options={"seconds": 600.0, "step": step, "busy": True})
        peer.next("progress", job=job, text="waiting")
        worker = engine.status()["worker"]["pid"]
        began = time.monotonic()
        assert control.ask("cancel", job=job)["type"] == "cancelling"
        assert time.monotonic() - began < ACKNOWLEDGED * SLACK
        assert peer.finish(job)[0]["type"] == "cancelled"
        if step > 1:
            wait_for(lambda: not alive(worker), STOPPED * SLACK)
        assert peer.finish(peer.submit(PIXELS))[0]["type"] == "done"
        assert time.monotonic() - began < STOPPED * SLACK
        now = engine.status()["worker"]["pid"]
        assert (now == worker) == (step < 1)
        used = processor_seconds(now)
        time.sleep(1.0)
        assert processor_seconds(now) - used < 0.5, "nothing is computed any more"
        assert engine.status()["failed"] == 0


def test_cancelling_many_jobs_at_once_leaves_none(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        jobs = [peer.submit(PIXELS, "slow", options={"seconds": 60.0}) for _ in range(8)]
        for job in reversed(jobs):
            control.send(type="cancel", job=job)
        assert {peer.next("cancelled")["job"] for _ in jobs} == set(jobs)
        assert peer.finish(peer.submit(PIXELS))[0]["type"] == "done"
        status = engine.status()
        assert (status["cancelled"], status["finished"], status["failed"]) == (8, 1, 0)
        assert status["worker"]["restarts"] == 0


def test_a_blocking_call_is_cancelled_from_its_own_progress(engine: Engine) -> None:
    def enough(progress: Progress) -> bool:
        return progress.state != "running"

    raster = Raster(30, 40, "u8", "rgba", PIXELS)
    with Client.attach(start=False) as client, pytest.raises(EngineError) as caught:
        client.stylize(raster, [(STYLE, 1.0)], "slow", options={"seconds": 60.0}, on_progress=enough)
    assert caught.value.code == "cancelled"
    wait_for(lambda: engine.status()["cancelled"] == 1)


def test_pings_are_answered_while_the_worker_computes_and_pixels_stream(engine: Engine) -> None:
    """A thousand pings beside a busy worker and a client that moves 4 MB a picture and opens a connection for each cancel.

    One ping in some hundred was never answered: libzmq took a client that had read every answer for one that reads
    nothing, because it looks only now and then, and the engine left the answer out.
    """
    end = threading.Event()

    def stream() -> None:
        with engine.peer() as peer:
            while not end.is_set():
                job = peer.submit(picture(1000, 1000))
                peer.next("accepted", "progress", job=job)
                with engine.control(secret=peer.secret) as control:
                    control.ask("cancel", job=job)
                peer.finish(job)
                peer.send(type="release", job=job)

    with engine.peer() as peer, engine.control() as control:
        job = peer.submit(PIXELS, "slow", options={"seconds": 60.0, "step": 1.0, "busy": True})
        peer.next("progress", job=job, state="running")
        streaming = threading.Thread(target=stream)
        streaming.start()
        try:
            times = []
            for _ in range(1000):
                began = time.monotonic()
                assert control.ask("ping")["state"] == "ready"
                times.append(time.monotonic() - began)
        finally:
            end.set()
            streaming.join()
        assert statistics.median(times) < 0.05
        assert statistics.quantiles(times, n=100)[98] < 0.05 * SLACK


def test_a_hundred_questions_at_once_get_a_hundred_answers(engine: Engine) -> None:
    """The queue for answers held sixteen, and what did not fit was left out."""
    with engine.control() as control:
        for n in range(100):
            control.send(type="ping", id=n)
        assert [control.next("pong")["re"] for _ in range(100)] == list(range(100))


@pytest.mark.parametrize("state", ["receiving", "queued", "running", "failed", "cancelled"])
def test_an_id_that_is_handed_in_again_never_runs_twice(engine: Engine, state: str, tmp_path: Path) -> None:
    """The method notes every run, by a death that is to be survived; so a second run would show."""
    runs = tmp_path / "runs"
    fatal = {"how": "exit", "point": 1, "times": 1, "marker": str(runs)}
    with engine.peer() as peer, engine.peer() as other, engine.control(secret=peer.secret) as control:
        if state == "queued":
            before = other.submit(PIXELS, "slow", options={"seconds": 1.0})
        if state == "failed":
            job = peer.submit(PIXELS, "crash", options={"how": "raise"})
            first = peer.finish(job)[0]
        elif state == "cancelled":
            job = peer.submit(PIXELS, "slow", options={"seconds": 60.0})
            control.ask("cancel", job=job)
            first = peer.finish(job)[0]
        elif state == "running":
            job = peer.submit(PIXELS, "slow", options={"seconds": 2.0})
            peer.next("progress", job=job, state="running")
        else:
            job = peer.submit(PIXELS, "crash", options=fatal, send=state != "receiving")
        for _ in range(3):
            peer.submit(PIXELS, job=job, send=False)
            assert peer.answer["type"] == "accepted"
            assert peer.answer["state"] == ("done" if state in ("failed", "cancelled") else state)
        if state in ("failed", "cancelled"):
            for _ in range(3):
                assert peer.finish(job)[0] | {"frames": []} == first | {"frames": []}
        else:
            if state == "receiving":
                peer.send_rows(job, PIXELS)
            if state == "queued":
                assert other.finish(before)[0]["type"] == "done"
            end, result = peer.finish(job)
            assert end["type"] == "done"
            assert len(result) == PIXELS.nbytes
            if state != "running":
                assert runs.read_bytes() == b"x"
        status = engine.status()
        assert status["finished"] == {"queued": 2, "failed": 0, "cancelled": 0}.get(state, 1)
        assert status["failed"] == (state == "failed")
        assert status["cancelled"] == (state == "cancelled")


def test_who_has_heard_how_a_job_ended_finds_it_counted(engine: Engine) -> None:
    """The control thread answered from a board that was written after the messages had gone out, so that a script that
    asked for the status as soon as its picture was done could read that it was not."""
    with engine.peer() as peer, engine.control() as control:
        for n in range(100):
            job = peer.submit(PIXELS, send=n % 4 != 0)
            assert sum(control.ask("status")["jobs"].values()) == 1
            if n % 4 == 0:
                peer.send(b"", type="pixels", job=job, plane="picture", y=0, rows=1)
            assert peer.finish(job)[0]["type"] == ("failed" if n % 4 == 0 else "done")
            status = control.ask("status")
            assert (status["finished"], status["failed"]) == (n + 1 - (n // 4 + 1), n // 4 + 1)
            peer.send(type="release", job=job)
            peer.ask("catalogue", page=0)
