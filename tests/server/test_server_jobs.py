# SPDX-License-Identifier: Apache-2.0
"""The life of a job, without sockets."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from scumble.api.errors import ScumbleError
from scumble.server import limits
from scumble.server.clients import Clients, Sent
from scumble.server.delivery import deliver, forget_sent, resume
from scumble.server.jobs import Busy, Job, Jobs, State
from scumble.server.messages import ContextRaster, MaskRaster, PixelStrip, Raster, StyleShare, Submit
from scumble.server.spool import as_array

MINE, YOURS = "a" * 32, "b" * 32


def request(width: int = 4, height: int = 6, number: int = 0, context: ContextRaster | None = None) -> Submit:
    raster = Raster(width, height, "u8", "rgba")
    return Submit(job=f"{number:032x}", method="invert", styles=[StyleShare("s", 1.0)], raster=raster, context=context)


def admit(jobs: Jobs, number: int = 0, secret: str = MINE, width: int = 4, height: int = 6) -> Job:
    wanted = request(width, height, number)
    return jobs.admit(secret, wanted, [("s@1", 1.0)], 2 * wanted.raster.nbytes)


def fill(jobs: Jobs, job: Job) -> None:
    raster = job.request.raster
    jobs.receive(job, PixelStrip(job.id, "picture", 0, raster.height), memoryview(bytes(raster.nbytes)))


def finish(jobs: Jobs, job: Job, how: str = "finished") -> None:
    jobs.finish(job, {"type": "done", "job": job.id}, how)


def finished_job(jobs: Jobs, number: int) -> Job:
    """A job that is done and has its result."""
    job = admit(jobs, number)
    fill(jobs, job)
    jobs.start(job)
    finish(jobs, job)
    return job


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path, budget=1 << 20)


def test_a_job_is_received_queued_run_and_done(jobs: Jobs) -> None:
    job = admit(jobs)
    assert job.state is State.RECEIVING
    fill(jobs, job)
    assert job.state is State.QUEUED
    jobs.start(job)
    assert (job.state, job.attempts) == (State.RUNNING, 1)
    finish(jobs, job)
    assert jobs.counts() == {"receiving": 0, "queued": 0, "running": 0, "done": 1}
    jobs.drop(job)
    assert jobs.get(job.id) is None


def test_what_a_header_claims_costs_nothing(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, budget=1 << 40)
    job = admit(jobs, width=16384, height=32768)  # 2 GiB, which spools to disk
    taken = os.fstat(job.input.fd)
    assert taken.st_size == 2 << 30
    assert taken.st_blocks * 512 < 1 << 20
    assert jobs.bytes == 0


def test_a_picture_that_can_never_fit_is_refused_with_the_megabytes_it_needs(jobs: Jobs) -> None:
    with pytest.raises(ScumbleError, match="8 MB") as e:
        admit(jobs, width=1000, height=1000)
    assert e.value.code == "no-memory"


def test_the_queue_ends_at_32_jobs_and_at_8_of_one_client(jobs: Jobs) -> None:
    for n in range(limits.QUEUE_EACH):
        admit(jobs, n)
    with pytest.raises(Busy, match="yours"):
        admit(jobs, 99)
    for n in range(limits.QUEUE_EACH, limits.QUEUE):
        admit(jobs, n, secret=f"{n % 5:032x}")
    with pytest.raises(Busy, match="32") as e:
        admit(jobs, 100, YOURS)
    assert 0 < e.value.retry_after <= 30


@pytest.mark.parametrize(
    ("plane", "y", "rows", "size"),
    [
        ("picture", 1, 1, 16),
        ("picture", -1, 1, 16),
        ("picture", 0, 0, 0),
        ("picture", 0, -1, 16),
        ("picture", 0, 7, 7 * 16),
        ("picture", 0, 2**53, 16),
        ("picture", 0, 2, 31),
        ("picture", 0, 2, 33),
        ("context", 0, 1, 16),
    ],
)
def test_a_strip_out_of_place_is_refused(jobs: Jobs, plane: str, y: int, rows: int, size: int) -> None:
    job = admit(jobs)
    with pytest.raises(ScumbleError) as e:
        jobs.receive(job, PixelStrip(job.id, plane, y, rows), memoryview(bytes(size)))  # type: ignore[arg-type]
    assert e.value.code == "bad-strip"
    assert jobs.bytes == 0


def test_a_strip_without_credit_is_refused(jobs: Jobs) -> None:
    job = admit(jobs)
    for y in range(limits.CREDIT):
        jobs.receive(job, PixelStrip(job.id, "picture", y, 1), memoryview(bytes(16)))
    with pytest.raises(ScumbleError, match="credit"):
        jobs.receive(job, PixelStrip(job.id, "picture", limits.CREDIT, 1), memoryview(bytes(16)))


def test_the_context_comes_before_the_picture_and_both_lie_in_the_spool(jobs: Jobs) -> None:
    context = ContextRaster(2, 1, "u8", "rgba", 0, 0, 8, 8)
    wanted = request(context=context)
    job = jobs.admit(MINE, wanted, [("s@1", 1.0)], 200)
    with pytest.raises(ScumbleError, match="context was due"):
        jobs.receive(job, PixelStrip(job.id, "picture", 0, 6), memoryview(bytes(96)))
    jobs.receive(job, PixelStrip(job.id, "context", 0, 1), memoryview(b"c" * 8))
    assert jobs.receive(job, PixelStrip(job.id, "picture", 0, 6), memoryview(b"p" * 96))
    assert bytes(job.input.read(0, 104)) == b"c" * 8 + b"p" * 96


def test_masks_come_between_context_and_picture_and_their_numbers_lie_where_processors_like_them(jobs: Jobs) -> None:
    context, masks = ContextRaster(1, 1, "u8", "rgba", 0, 0, 5, 3), MaskRaster(5, 3, 1, "u16")
    asked = Submit(job="0" * 32, method="invert", styles=[], raster=Raster(5, 3, "f32", "rgba"), context=context, masks=masks)
    job = jobs.admit(MINE, asked, [], 1000)
    jobs.receive(job, PixelStrip(job.id, "context", 0, 1), memoryview(bytes(4)))
    with pytest.raises(ScumbleError, match="masks was due"):
        jobs.receive(job, PixelStrip(job.id, "picture", 0, 1), memoryview(bytes(80)))
    assert not jobs.receive(job, PixelStrip(job.id, "masks", 0, 2), memoryview(bytes(range(20))))
    assert not jobs.receive(job, PixelStrip(job.id, "masks", 2, 1), memoryview(bytes(range(20, 30))))
    assert jobs.receive(job, PixelStrip(job.id, "picture", 0, 3), memoryview(b"p" * 240))
    assert jobs.bytes == job.held == 4 + 30 + 240
    offsets = [plane.offset for plane in job.planes.values()]
    assert [offset % 8 for offset in offsets] == [0, 0, 0]
    spool = job.input.read(0, job.input.size)
    assert bytes(spool[offsets[1] : offsets[1] + 30]) == bytes(range(30))
    assert as_array(spool, masks, offsets[1]).shape == (3, 5, 1)
    assert as_array(spool, asked.raster, offsets[2]).tobytes() == b"p" * 240


def test_masks_that_a_header_claims_cost_nothing_before_they_come(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, budget=1 << 42)
    raster, masks = Raster(16384, 32768, "u8", "rgba"), MaskRaster(16384, 32768, 16, "f32")
    asked = Submit(job="0" * 32, method="invert", styles=[], raster=raster, masks=masks)
    job = jobs.admit(MINE, asked, [], 1 << 41)
    assert os.fstat(job.input.fd).st_blocks * 512 < 1 << 20
    assert jobs.bytes == 0


def test_jobs_run_in_the_order_in_which_they_were_complete(jobs: Jobs) -> None:
    first, second = admit(jobs, 1), admit(jobs, 2)
    fill(jobs, second)
    fill(jobs, first)
    assert list(jobs.queue) == [second, first]
    jobs.start(second)
    assert jobs.position(first) == 1


def test_a_job_whose_worker_died_goes_before_all_others(jobs: Jobs) -> None:
    first, second = admit(jobs, 1), admit(jobs, 2)
    fill(jobs, first)
    fill(jobs, second)
    jobs.start(first)
    jobs.requeue(first)
    assert list(jobs.queue) == [first, second]
    jobs.start(first)
    assert first.attempts == 2


def test_a_worker_that_died_before_it_began_a_job_is_not_held_against_it_unless_that_goes_on(jobs: Jobs) -> None:
    job = admit(jobs)
    fill(jobs, job)
    jobs.start(job)
    assert jobs.requeue(job, begun=False)
    jobs.start(job)
    assert jobs.requeue(job)
    jobs.start(job)
    assert job.attempts == 2
    assert not jobs.requeue(job), "two workers that had begun it"
    other = admit(jobs, 2)
    fill(jobs, other)
    deaths = 1
    while jobs.start(other) and jobs.requeue(other, begun=False):
        deaths += 1
    assert deaths == limits.MISSED + limits.ATTEMPTS


def test_a_job_ends_once(jobs: Jobs) -> None:
    job = admit(jobs)
    finish(jobs, job, "cancelled")
    finish(jobs, job, "finished")
    assert jobs.tally == {"cancelled": 1}


def test_room_is_made_by_the_oldest_result_that_nobody_is_fetching(tmp_path: Path) -> None:
    size = 4 * 6 * 4
    jobs = Jobs(tmp_path, budget=4 * size)
    done = [finished_job(jobs, n) for n in range(3)]
    done[1].reported = done[2].reported = True
    done[0].unacknowledged.add(0)  # being fetched
    admit(jobs, 9)
    assert [job.result is not None for job in done] == [True, False, True]
    assert done[1].outcome is not None
    assert done[1].outcome["code"] == "no-memory"
    assert jobs.bytes == 2 * size


def test_a_job_that_does_not_fit_beside_others_waits_before_its_pixels_travel(tmp_path: Path) -> None:
    """It was taken, and failed half-way when they had filled the memory meanwhile."""
    size = 4 * 6 * 4
    jobs = Jobs(tmp_path, budget=5 * size)
    one, two = admit(jobs, 1), admit(jobs, 2)
    with pytest.raises(Busy, match="fill") as e:
        admit(jobs, 3)
    assert e.value.retry_after > 0
    for job in (one, two):
        fill(jobs, job)
        jobs.start(job)
    assert jobs.bytes == 4 * size
    finish(jobs, one)
    admit(jobs, 3)


def test_no_result_is_given_up_for_a_job_that_does_not_fit_all_the_same(tmp_path: Path) -> None:
    size = 4 * 6 * 4
    jobs = Jobs(tmp_path, budget=4 * size - 1)
    done = finished_job(jobs, 1)
    done.reported = True
    admit(jobs, 2)
    with pytest.raises(Busy):
        admit(jobs, 3)
    assert done.result is not None


def test_the_bytes_are_those_the_jobs_hold_whatever_happens(tmp_path: Path) -> None:
    rng = random.Random(7)
    jobs = Jobs(tmp_path, budget=600)
    for n in range(400):
        try:
            admit(jobs, n, secret=f"{rng.randrange(9):032x}", height=rng.randrange(1, 5))
        except ScumbleError:
            jobs.tally["rejected"] += 1
        for job in rng.sample(list(jobs), min(3, len(list(jobs)))):
            try:
                if job.state is State.RECEIVING:
                    fill(jobs, job)
                elif job.state is State.QUEUED and jobs.queue[0] is job:
                    jobs.start(job)
                elif job.state is State.RUNNING and rng.random() < 0.2:
                    if not jobs.requeue(job, begun=rng.random() < 0.7):
                        finish(jobs, job, "failed")
                elif job.state is State.DONE:
                    job.reported = True
                    if rng.random() < 0.5:
                        jobs.drop(job)
                if rng.random() < 0.3:
                    finish(jobs, job, rng.choice(["finished", "failed", "cancelled"]))
            except ScumbleError:
                finish(jobs, job, "failed")
            assert jobs.bytes == sum(j.held for j in jobs) <= jobs.budget
            assert all(j.held <= j.expected for j in jobs)
            assert {j for j in jobs if j.state is State.QUEUED} == set(jobs.queue)
    ended = jobs.tally["finished"] + jobs.tally["failed"] + jobs.tally["cancelled"]
    assert ended + len(jobs.live()) + jobs.tally["rejected"] == 400
    assert min(jobs.tally.values()) > 5


def test_a_result_is_forgotten_after_two_minutes(jobs: Jobs) -> None:
    job = admit(jobs)
    finish(jobs, job)
    jobs.expire(time.monotonic() + limits.KEPT - 1)
    assert jobs.get(job.id) is job
    jobs.expire(time.monotonic() + limits.KEPT + 1)
    assert jobs.get(job.id) is None


def test_a_result_that_travels_slowly_is_not_forgotten_on_its_way(jobs: Jobs) -> None:
    """A gigabyte over a thin line takes longer than two minutes; forgotten half-way, it left the client waiting forever."""
    job = admit(jobs)
    finish(jobs, job)
    job.touched += limits.KEPT  # the client has acknowledged a strip just now
    jobs.expire(time.monotonic() + limits.KEPT + 1)
    assert jobs.get(job.id) is job


def test_a_flood_of_finished_jobs_keeps_only_the_latest(jobs: Jobs) -> None:
    for n in range(limits.KEPT_JOBS + 20):
        finish(jobs, admit(jobs, n))
    kept = [int(job.id, 16) for job in jobs]
    assert kept == list(range(20, limits.KEPT_JOBS + 20))


class Wire:
    """A client whose messages are kept; `full` and `gone` as libzmq would have it."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []
        self.answer = Sent.YES
        self.clients = Clients(self._send)
        client, _ = self.clients.greet(MINE, "test", b"route", False)
        assert client is not None
        self.client = client

    def _send(self, route: bytes, frames: list[bytes | memoryview]) -> Sent:
        if self.answer is Sent.YES:
            self.sent.append([bytes(f) for f in frames])
        return self.answer


@pytest.fixture
def tall(tmp_path: Path) -> tuple[Jobs, Job]:
    """A job with a result of six strips, of a row each, whose bytes are their row's number."""
    jobs = Jobs(tmp_path, budget=1 << 30)
    raster = Raster(65535, 6, "f32", "rgba")
    job = jobs.admit(MINE, Submit(job="0" * 32, method="invert", styles=[], raster=raster), [], 2 * raster.nbytes)
    fill(jobs, job)
    result = jobs.start(job)
    for y in range(6):
        result.write(memoryview(bytes([y]) * raster.row_bytes), y * raster.row_bytes)
    finish(jobs, job)
    return jobs, job


def test_result_strips_go_out_four_ahead_and_the_outcome_last(tall: tuple[Jobs, Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STRIP", 1 << 20)
    wire, (_, job) = Wire(), tall
    deliver(job, wire.client, wire.clients)
    assert len(wire.sent) == limits.WINDOW
    assert wire.sent[2][1][:1] == b"\x02"
    job.unacknowledged.discard(0)
    deliver(job, wire.client, wire.clients)
    assert len(wire.sent) == limits.WINDOW + 1
    job.unacknowledged.clear()
    deliver(job, wire.client, wire.clients)
    assert b'"done"' in wire.sent[-1][0]
    assert len(wire.sent) == 7
    deliver(job, wire.client, wire.clients)
    assert len(wire.sent) == 7


def test_after_a_reconnection_nothing_is_sent_before_the_client_says_what_it_has(
    tall: tuple[Jobs, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STRIP", 1 << 20)
    wire, (jobs, job) = Wire(), tall
    deliver(job, wire.client, wire.clients)
    forget_sent(jobs, MINE)
    wire.sent.clear()
    deliver(job, wire.client, wire.clients)
    assert not wire.sent
    resume(job, have=3)
    deliver(job, wire.client, wire.clients)
    assert [frames[1][0] for frames in wire.sent[:-1]] == [3, 4, 5]
    assert b'"done"' in wire.sent[-1][0]
