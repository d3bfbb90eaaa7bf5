# SPDX-License-Identifier: Apache-2.0
"""The worker dies or stands still, in every way and at any moment: its job's client hears, and the next job succeeds.

What holds for one death of each kind stands in test_engine_basic.py; here it is asked again and again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.engine import Engine, Peer, alive, running, wait_for
from support.many import engines
from support.pictures import picture

SLACK = 3
ONCE, FOR_GOOD = 12, 4
"""Jobs that kill one worker and succeed with the second, and jobs that kill both: 20 deaths."""
STEPS = 20
PIXELS = picture(40, 30)


def fatal(peer: Peer, how: str, rng: random.Random, marker: Path | None) -> str:
    """Submit a job that ends its worker at a random point, once if there is a `marker` to note that in, else always."""
    once = {"times": 1, "marker": str(marker)} if marker else {}
    return peer.submit(PIXELS, "crash", options={"how": how, "point": rng.randrange(STEPS + 1), **once})


def assert_inverted(end: dict[str, Any], result: bytes) -> None:
    assert end["type"] == "done", end
    np.testing.assert_array_equal(np.frombuffer(result, np.uint8).reshape(PIXELS.shape)[..., :3], 255 - PIXELS[..., :3])


def assert_settled(engine: Engine, finished: int, failed: int) -> None:
    """Nothing is left of the jobs but their count."""
    wait_for(lambda: engine.status()["bytes"] == 0, 2 * SLACK)
    status = engine.status()
    assert (status["finished"], status["failed"], status["cancelled"]) == (finished, failed, 0)
    assert not any(status["jobs"][state] for state in ("receiving", "queued", "running"))


@pytest.mark.timeout(180)
def test_a_worker_that_dies_at_any_point_is_heard_of_and_the_next_job_succeeds(user_folders: Path, tmp_path: Path) -> None:
    """Twenty deaths by SIGKILL, by a segmentation fault and by exit, side by side in three engines."""
    hows = ("kill", "segv", "exit")
    with engines(len(hows), user_folders) as each, ThreadPoolExecutor(len(hows)) as pool:
        list(pool.map(die_again_and_again, each, hows, [tmp_path] * len(hows)))


def die_again_and_again(engine: Engine, how: str, folder: Path) -> None:
    rng = random.Random(how)
    with engine.peer() as peer:
        for n in range(ONCE + FOR_GOOD):
            survives = n % 4 != 3
            began = time.monotonic()
            job = fatal(peer, how, rng, folder / f"{how}{n}" if survives else None)
            end, result = peer.finish(job)
            assert time.monotonic() - began < 3 * SLACK
            if survives:
                assert_inverted(end, result)
            else:
                assert (end["type"], end["code"]) == ("failed", "worker-died")
                assert end["message"]
                assert end["hint"]
            peer.send(type="release", job=job)
            following = peer.submit(PIXELS)
            assert_inverted(*peer.finish(following))
            peer.send(type="release", job=following)
        assert engine.status()["worker"]["restarts"] == ONCE + 2 * FOR_GOOD
        assert_settled(engine, finished=ONCE + ONCE + FOR_GOOD, failed=FOR_GOOD)


def test_a_worker_killed_from_outside_at_any_moment_loses_no_job() -> None:
    """Between jobs, before a job has begun, while it runs, while its result is written: the test does not know which."""
    rng = random.Random(1)
    with running() as engine, engine.peer() as peer:
        for n in range(12):
            job = peer.submit(PIXELS, "slow", options={"seconds": 0.1, "step": 0.01})
            time.sleep(rng.uniform(0, 0.2))
            worker = engine.status()["worker"]["pid"]
            if worker is not None:
                os.kill(worker, (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV)[n % 3])
            assert_inverted(*peer.finish(job))
            peer.send(type="release", job=job)
        assert_settled(engine, finished=12, failed=0)


def test_a_job_handed_to_a_dying_worker_may_still_cost_another(tmp_path: Path) -> None:
    """A kill takes a moment, longer on a busy machine: the engine may hand a job over in it, and once blamed the job."""
    with running() as engine, engine.peer() as peer:
        dying = engine.status()["worker"]["pid"]
        os.kill(dying, signal.SIGSTOP)  # it cannot begin what it is handed
        job = fatal(peer, "kill", random.Random(0), tmp_path / "once")
        wait_for(lambda: engine.status()["jobs"]["running"] == 1, 2 * SLACK)
        os.kill(dying, signal.SIGKILL)
        assert_inverted(*peer.finish(job))
        assert engine.status()["worker"]["restarts"] == 2


@pytest.mark.timeout(180)
def test_a_worker_that_stands_still_at_any_point_is_replaced(user_folders: Path, tmp_path: Path) -> None:
    """Twenty stops at the real deadline of 6 s: ten engines wait side by side, which costs no processor."""
    rng = random.Random("stop")
    with engines(10, user_folders) as each:
        peers = [engine.peer() for engine in each]
        recover, give_up = list(range(5)), list(range(5, 10))
        workers = [engine.status()["worker"]["pid"] for engine in each]
        began = time.monotonic()
        jobs = [fatal(peers[n], "stop", rng, tmp_path / f"{n}a" if n in recover else None) for n in range(10)]
        seconds = 30.0 * SLACK
        for n in recover:
            assert_inverted(*peers[n].finish(jobs[n], seconds))
        assert 5 < time.monotonic() - began < 8 * SLACK
        again = {n: fatal(peers[n], "stop", rng, tmp_path / f"{n}b") for n in recover}
        for n in give_up:
            end, _ = peers[n].finish(jobs[n], seconds)
            assert (end["type"], end["code"]) == ("failed", "worker-hung")
        for n in recover:
            assert_inverted(*peers[n].finish(again[n], seconds))
        for peer in peers:
            assert_inverted(*peer.finish(peer.submit(PIXELS)))
        wait_for(lambda: not any(alive(worker) for worker in workers))
        for engine in each:
            assert engine.status()["worker"]["restarts"] == 2
        for peer in peers:
            peer.close()


def test_a_worker_stopped_from_outside_while_it_has_nothing_to_do_does_not_cost_the_next_job() -> None:
    with running() as engine, engine.peer() as peer:
        os.kill(engine.status()["worker"]["pid"], signal.SIGSTOP)
        assert_inverted(*peer.finish(peer.submit(PIXELS), 8.0 * SLACK))


def test_jobs_behind_a_deadly_one_are_not_touched(tmp_path: Path) -> None:
    with running() as engine, engine.peer() as peer, engine.peer() as other:
        deadly = [fatal(peer, "kill", random.Random(n), None) for n in range(3)]
        waiting = [other.submit(PIXELS) for _ in range(4)]
        for job in waiting:
            assert_inverted(*other.finish(job))
        assert [peer.finish(job)[0]["type"] for job in deadly] == ["failed"] * 3
