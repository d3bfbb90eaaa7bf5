# SPDX-License-Identifier: Apache-2.0
"""One job inside the worker, and the worker as the engine sees it."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from scumble.api.method import Cost, Preview, Progress, Runtime
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.fitting import LADDER, bytes_needed
from scumble.painting.progressive import out_of_memory
from scumble.server import channel, limits, worker
from scumble.server.messages import Raster
from scumble.server.running import JobRunner
from scumble.server.spool import Spool, as_array
from scumble.server.workers import Worker
from support.engine import STYLE, methods_of_tests
from support.pictures import picture

JOB = "0" * 32


@pytest.fixture(autouse=True)
def methods() -> Iterator[None]:
    with methods_of_tests():
        yield


class Bench:
    """A job runner with a picture to paint."""

    def __init__(self, folder: Path, pixels: np.ndarray, **fields: Any) -> None:
        self.sent: list[Any] = []
        self.runner = JobRunner(lambda message, payload=b"": self.sent.append(message))
        self.raster = Raster(pixels.shape[1], pixels.shape[0], "u8" if pixels.dtype == np.uint8 else "u16", "rgba")
        self.run = channel.Run(
            **{
                "job": JOB,
                "method": "invert",
                "styles": [(f"{STYLE}@1", 1.0)],
                "strength": 1.0,
                "options": {},
                "raster": self.raster,
                "context": None,
                "previews": True,
                "attempt": 0,
            }
            | fields
        )
        self.input, self.output = Spool(pixels.nbytes, folder), Spool(pixels.nbytes, folder)
        self.input.write(memoryview(pixels.tobytes()), 0)

    def paint(self) -> Any:
        return self.runner.paint(self.run, [os.dup(self.input.fd), os.dup(self.output.fd)])

    def result(self) -> np.ndarray:
        return as_array(self.output.read(0, self.output.size), self.raster)


def test_a_job_paints_its_picture_into_the_result_spool(tmp_path: Path) -> None:
    pixels = picture()
    bench = Bench(tmp_path, pixels)
    assert isinstance(bench.paint(), channel.Done)
    np.testing.assert_array_equal(bench.result()[..., :3], 255 - pixels[..., :3])
    np.testing.assert_array_equal(bench.result()[..., 3], pixels[..., 3])
    assert bytes(bench.input.read(0, pixels.nbytes)) == pixels.tobytes()


def test_a_spool_too_large_for_memory_lies_on_disk_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPOOL_IN_MEMORY", 0)
    bench = Bench(tmp_path, picture())
    assert isinstance(bench.paint(), channel.Done)
    assert not list(tmp_path.iterdir())


def test_a_cancelled_job_stops_at_the_next_yield_and_the_next_one_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, picture(), method="slow", options={"seconds": 60.0})
    bench.runner.cancel(JOB)
    assert bench.paint() == channel.Cancelled(JOB)
    bench.run = Bench(tmp_path, picture()).run
    assert isinstance(bench.paint(), channel.Done)


def test_a_method_with_a_bug_fails_its_job_in_words(tmp_path: Path) -> None:
    end = Bench(tmp_path, picture(), method="crash", options={"how": "raise", "point": 0}).paint()
    assert end.code == "internal"
    assert "a method with a bug" in end.message


def test_a_style_that_was_removed_meanwhile_is_named(tmp_path: Path) -> None:
    StyleStore().remove(STYLE)
    end = Bench(tmp_path, picture()).paint()
    assert end.code == "style-unknown"


def climb(monkeypatch: pytest.MonkeyPatch, until: int) -> list[Runtime]:
    """Have the pipeline run out of memory until the ladder's rung `until`. The rungs it was tried with."""
    tried: list[Runtime] = []

    def run(request: Any, runtime: Runtime, out: Any) -> Iterator[Progress | Preview]:
        tried.append(runtime)
        yield Progress(0.1)
        if len(tried) <= until:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total")
        out[:] = 7

    monkeypatch.setattr(pipeline, "run", run)
    return tried


def test_where_memory_ends_smaller_tiles_are_tried_and_then_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = climb(monkeypatch, 3)
    assert isinstance(Bench(tmp_path, picture()).paint(), channel.Done)
    assert [(r.tile, r.half) for r in tried] == [(512, False), (256, False), (128, False), (128, True)]


def test_a_method_that_says_so_computes_8_bits_in_half_precision_and_16_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.method("invert"), "half_for_8_bits", lambda device: device == "cpu")
    tried = climb(monkeypatch, 0)
    for pixels in (picture(), picture().astype(np.uint16) * 257):
        assert isinstance(Bench(tmp_path, pixels).paint(), channel.Done)
    assert [r.half for r in tried] == [True, False]


def test_at_the_end_of_the_ladder_the_failure_names_the_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    climb(monkeypatch, 99)
    end = Bench(tmp_path, picture()).paint()
    assert end.code == "no-memory"
    assert "2685 MB" in end.message


def test_a_picture_that_cannot_fit_is_refused_with_the_megabytes_before_its_method_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = climb(monkeypatch, 0)
    bench = Bench(tmp_path, picture(100, 100))
    monkeypatch.setattr(registry.method("invert"), "cost", Cost(1_000_000))
    available = psutil.virtual_memory()._replace(available=1_000_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: available)
    end = bench.paint()
    assert end.code == "no-memory"
    assert "10001 MB" in end.message
    assert "1269 MB are free" in end.message
    assert tried == []
    monkeypatch.setattr(registry.method("invert"), "cost", Cost(100_000))
    assert isinstance(bench.paint(), channel.Done)


def test_where_little_memory_is_free_a_job_begins_with_smaller_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method, available = registry.method("invert"), psutil.virtual_memory()
    monkeypatch.setattr(method, "capabilities", replace(method.capabilities, tiling=True))
    monkeypatch.setattr(method, "cost", Cost(1000))
    for free, tile in ((4_000_000_000, 512), (500_000_000, 256), (100_000_000, 128)):
        tried = climb(monkeypatch, 0)
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: available._replace(available=free))
        options = {"scale": "full"}
        assert isinstance(Bench(tmp_path, picture(1300, 1300), options=options).paint(), channel.Done)
        assert [runtime.tile for runtime in tried] == [tile]


def test_after_a_death_a_job_starts_a_rung_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = climb(monkeypatch, 0)
    Bench(tmp_path, picture(), attempt=1).paint()
    assert tried[0].tile == LADDER[1]["tile"]


@pytest.mark.parametrize(
    ("error", "size"),
    [
        (MemoryError("Unable to allocate 64.0 MiB for an array"), 64 << 20),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes."), 4000),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 1.50 GiB."), 3 << 29),
    ],
)
def test_the_end_of_memory_is_known_by_all_its_names(error: Exception, size: int) -> None:
    assert out_of_memory(error)
    assert bytes_needed(error) == size


def test_another_error_is_not_taken_for_the_end_of_memory() -> None:
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert not out_of_memory(KeyError("memory"))


def test_an_idle_worker_has_every_method_drop_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []
    monkeypatch.setattr(registry.method("slow"), "forget", lambda: dropped.append("slow"), raising=False)
    worker._forget()
    assert dropped == ["slow"]


def test_a_cancel_is_received_while_methods_are_asked_about_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods open every painting to say what is available. Done by the thread that receives cancels, that cost the worker."""
    ours, theirs = socket.socketpair()
    engine, runner, changed = worker.EngineSocket(theirs), JobRunner(lambda *_: None), threading.Event()
    looking, go_on, cancelled = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(worker, "available", lambda: looking.set() or (go_on.wait(60) and {}))
    monkeypatch.setattr(runner, "cancel", lambda job: cancelled.set())
    monkeypatch.setattr(worker.os, "_exit", lambda code: None)  # how the listener ends with its engine
    threads = [
        threading.Thread(target=worker._report_styles, args=(engine, changed), daemon=True),
        threading.Thread(target=worker._listen, args=(engine, queue.SimpleQueue(), runner, changed), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        ours.sendall(channel.pack(channel.StylesChanged()))
        assert looking.wait(60)
        ours.sendall(channel.pack(channel.Cancel(JOB)))
        assert cancelled.wait(60)
        go_on.set()
        assert ours.recv(1 << 16)
    finally:
        ours.close()
        threads[1].join(60)
        changed.set()  # and finds the connection closed
        threads[0].join(60)
        theirs.close()


def test_what_is_available_is_asked_of_every_method_and_one_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.method("slow"), "available", lambda style: 1 / 0)
    assert worker.available()[f"{STYLE}@1"] == ["invert", "crash"]


def test_where_no_worker_can_be_started_the_engine_stays_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without memory for a process used to end the engine with its jobs."""
    supervised = Worker("cpu", None, tmp_path / "worker.log")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "no-python"))
        supervised.launch()
    assert supervised.pid is None
    assert supervised.check() is None
    assert supervised.pid is None, "it must not try in a tight loop"
    supervised._next_start = 0.0
    supervised.check()
    try:
        assert supervised.pid is not None
    finally:
        supervised.close()


@pytest.mark.parametrize("hindrance", ["missing", "folder"])
def test_a_worker_is_started_although_its_words_can_be_kept_nowhere(tmp_path: Path, hindrance: str) -> None:
    """A cache folder that had been cleared, or a log that could not be opened, kept every worker from starting."""
    log = tmp_path / "log" / "worker.log"
    if hindrance == "folder":
        log.mkdir(parents=True)
    supervised = Worker("cpu", None, log)
    try:
        supervised.launch()
        assert supervised.pid is not None
    finally:
        supervised.close()


def test_a_worker_that_never_stops_talking_is_heard_a_round_at_a_time(tmp_path: Path) -> None:
    """A method that logs in a loop kept the engine from everybody else."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * limits.WORKER_ROUND)
    supervised = Worker("cpu", None, tmp_path / "log")
    supervised._socket = ours
    note = channel.pack(channel.Note(20, "x" * 1000))
    end = threading.Event()

    def talk() -> None:
        with contextlib.suppress(OSError):
            while not end.is_set():
                theirs.sendall(note * 100)

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    try:
        for _ in range(20):
            assert len(supervised.receive()) <= limits.WORKER_ROUND // len(note) + 1
    finally:
        end.set()
        ours.close()
        theirs.close()
        talker.join(60)
