# SPDX-License-Identifier: Apache-2.0
"""More clients than the engine has room for, and clients that vanish or fall silent: no job is lost count of."""

from __future__ import annotations

import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from scumble.client.events import Done, Event, Failed, Request
from scumble.client.raster import Raster
from scumble.client.session import Session
from support.engine import STYLE, SUPPORT, Engine, environment, running, wait_for
from support.pictures import picture

SLACK = 3
ABANDONED = 4
"""Jobs of the client below: one runs, two wait, one is still coming in."""

VANISHING = """
import time
from support.engine import Peer, STYLE
from support.pictures import picture
import json, os
connection = json.load(open(os.environ["SCUMBLE_RUNTIME_DIR"] + "/engine.json"))
peer = Peer(connection)
for _ in range(3):
    peer.submit(picture(), "slow", options={"seconds": 60.0})
job = peer.submit(picture(100, 50), send=False)
peer.send(bytes(10 * 50 * 4), type="pixels", job=job, plane="picture", y=0, rows=10)
peer.next("credit", job=job)
print("here", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def vanishing() -> Iterator[subprocess.Popen[bytes]]:
    """A client process with ABANDONED jobs, which says and reads nothing more."""
    env = environment() | {"PYTHONPATH": str(SUPPORT.parent)}
    process = subprocess.Popen([sys.executable, "-c", VANISHING], env=env, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def live_jobs(engine: Engine) -> int:
    jobs = engine.status()["jobs"]
    return int(jobs["receiving"] + jobs["queued"] + jobs["running"])


def all_received(engine: Engine, count: int) -> bool:
    """Whether `count` jobs have come, with all of their pixels."""
    status = engine.status()
    return bool(status["jobs"]["queued"] + status["jobs"]["running"] + status["finished"] == count)


@pytest.mark.timeout(180)
def test_of_1280_jobs_of_64_clients_each_ends_once_or_is_refused_at_once() -> None:
    with running() as engine:
        command = [sys.executable, str(SUPPORT / "crowd.py"), "16", "20"]
        crowds = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE) for n in range(4)]
        counts: Counter[str] = Counter()
        waits: list[float] = []
        for crowd in crowds:
            counted = json.loads(crowd.communicate(timeout=150)[0])
            counts.update(counted["tally"])
            waits += counted["waits"]
        assert counts["wrong"] == counts["lost"] == 0
        assert counts["accepted"] + counts["rejected"] == 64 * 20
        assert counts["accepted"] == counts["done"] + counts["failed"] + counts["cancelled"]
        assert min(counts["done"], counts["failed"], counts["cancelled"], counts["rejected"]) > 0, counts
        # "At once" within what a machine that runs 64 clients leaves to the engine.
        assert statistics.median(waits) < 1.0 * SLACK
        assert max(waits) < 5.0 * SLACK
        wait_for(lambda: live_jobs(engine) == 0)
        status = engine.status()
        assert status["rejected"] == counts["rejected"]
        assert status["finished"] + status["failed"] + status["cancelled"] == counts["accepted"]
        # A cancel may come too late for the job, never for the client: it hears "cancelled" all the same.
        assert status["finished"] >= counts["done"]
        assert status["failed"] >= counts["failed"]
        wait_for(lambda: engine.status()["bytes"] == 0, 6 * SLACK)


def test_the_jobs_of_a_client_that_was_killed_are_cancelled_and_the_worker_is_free() -> None:
    with running() as engine, engine.peer() as other:
        with vanishing() as client:
            mine = other.submit(picture())
            wait_for(lambda: live_jobs(engine) == ABANDONED + 1)
            client.kill()
            client.wait()
            killed = time.monotonic()
            wait_for(lambda: engine.status()["cancelled"] == ABANDONED, 5 * SLACK)
        end, result = other.finish(mine, max(0.1, killed + 8 * SLACK - time.monotonic()))
        assert end["type"] == "done"
        np.testing.assert_array_equal(np.frombuffer(result, np.uint8)[:3], 255 - picture()[0, 0, :3])
        other.send(type="release", job=mine)
        wait_for(lambda: engine.status()["bytes"] == 0)
        assert live_jobs(engine) == 0


def test_a_client_that_is_there_but_says_nothing_loses_its_jobs_after_a_while() -> None:
    """The rule is 60 s; this engine's is 3. A client that merely says it is alive keeps its job."""
    with running(limits={"SILENT": 3.0}) as engine, engine.peer() as mute, engine.peer() as lively:
        kept = lively.submit(picture(), "slow", options={"seconds": 6.0})
        lost = mute.submit(picture(), "slow", options={"seconds": 60.0})
        began = time.monotonic()
        while engine.status()["cancelled"] == 0:
            lively.send(type="alive")
            time.sleep(0.2)
            assert time.monotonic() - began < 5 * SLACK
        assert time.monotonic() - began > 2
        assert mute.finish(lost)[0]["type"] == "cancelled"
        until = time.monotonic() + 60
        while engine.status()["finished"] == 0:
            lively.send(type="alive")
            time.sleep(0.2)
            assert time.monotonic() < until
        assert lively.finish(kept)[0]["type"] == "done"


def test_a_client_that_stands_still_loses_its_jobs_and_hears_so_when_it_goes_on() -> None:
    with running(limits={"SILENT": 3.0}) as engine, vanishing() as client:
        client.send_signal(signal.SIGSTOP)
        wait_for(lambda: engine.status()["cancelled"] + engine.status()["failed"] == ABANDONED, 5 * SLACK)
        assert engine.status()["clients"] == 1
        with engine.peer() as peer:
            assert peer.finish(peer.submit(picture(), styles=[{"style": STYLE, "weight": 1.0}]))[0]["type"] == "done"


def test_a_client_that_reads_nothing_gets_its_results_when_it_reads_again() -> None:
    """Its results wait behind a window of four strips, its previews and ticks are dropped; nobody else waits."""
    pixels = picture(1000, 1000)
    with running() as engine, engine.peer() as peer, contextlib.closing(Session()) as deaf:
        options = {"seconds": 0.3, "step": 0.01}
        request = Request(Raster(1000, 1000, "u8", "rgba", pixels), [(STYLE, 1.0)], "slow", options=options, previews=True)
        jobs = {deaf.submit(request) for _ in range(6)}
        until = time.monotonic() + 10 * SLACK
        while not all_received(engine, len(jobs)):
            deaf.pump(0.05)
            assert time.monotonic() < until
        wait_for(lambda: live_jobs(engine) == 0, 10 * SLACK)
        for _ in range(10):
            assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        done: list[Event] = []
        while len(done) < len(jobs):
            done += [event for event in deaf.pump(0.2) if isinstance(event, Done | Failed)]
            assert time.monotonic() < until
        for event in done:
            assert isinstance(event, Done)
            painted = np.frombuffer(event.raster.data, np.uint8).reshape(pixels.shape)
            np.testing.assert_array_equal(painted[..., :3], 255 - pixels[..., :3])
