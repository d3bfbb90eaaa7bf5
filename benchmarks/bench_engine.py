# SPDX-License-Identifier: Apache-2.0
"""What the engine costs: a picture's way through it, its start, its answers while it is busy, and its cancels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.engines import fresh_engine, wait_until_ready
from benchmarks.figures import Figure, median, quantile
from benchmarks.probe_method import Invert, NoOptions
from scumble.api.method import Content, Result, Runtime, Weighted
from scumble.cli.zmqlink import ZmqLink
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError
from scumble.client.events import Cancelled, Progress, Request
from scumble.client.link import Link
from scumble.client.locate import read_connection
from scumble.client.raster import Raster
from scumble.client.session import Session
from scumble.painting import pipeline

Bytes = NDArray[np.uint8]

SIDE = 1024
ROUNDS = 25
STYLE = "starry-night"
LINKS: dict[str, Any] = {"standard library": Link, "pyzmq": ZmqLink}
TRANSPORTS = {"Unix socket": None, "TCP": "tcp://127.0.0.1:*"}


def bench() -> Iterator[Figure]:
    """Ratios of a picture's cost, then seconds."""
    yield from cost()
    yield from start()
    yield from while_busy()


def picture() -> Bytes:
    """(SIDE, SIDE, 4) opaque noise, 8-bit RGBA."""
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


def milliseconds(call: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds that `call` takes, after three calls that warm everything up."""
    taken = []
    for number in range(rounds + 3):
        began = time.perf_counter()
        call()
        if number >= 3:
            taken.append(1000 * (time.perf_counter() - began))
    return taken


def cost() -> Iterator[Figure]:
    """A job through the engine against the bare method, one picture at a time.

    The bare call goes from the same bytes to the same bytes, as briefly as NumPy can say it; the pipeline in this process
    stands between the two, so that what the wire costs and what a picture is owed can be distinguished.
    """
    pixels = picture()
    method, runtime = Invert(), Runtime()

    def bare_call() -> Bytes:
        content = Content(np.divide(pixels[..., :3], np.float32(255), dtype=np.float32))
        *_, result = method.run(content, [Weighted(None)], NoOptions(), runtime)
        assert isinstance(result, Result)
        return np.dstack([np.rint(result.rgb * np.float32(255)).astype(np.uint8), pixels[..., 3]])

    out = np.empty_like(pixels)
    request = pipeline.Request(method, [(_NoStyle(), 1.0)], 1.0, {}, pixels)
    bare = milliseconds(bare_call)
    piped = milliseconds(lambda: list(pipeline.run(request, runtime, out)))
    yield Figure("bare method", median(bare), "ms", note=_how(bare))
    yield over("pipeline in this process over the bare method", piped, bare)
    raster = Raster(SIDE, SIDE, "u8", "rgba", pixels.tobytes())
    for transport, listen in TRANSPORTS.items():
        with fresh_engine(listen=listen):
            for link_name, link in LINKS.items():
                with Engine.attach(start=False, link=link) as engine:
                    wait_until_ready(engine)
                    taken = milliseconds(lambda engine=engine: engine.stylize(raster, [(STYLE, 1.0)], "invert"))  # type: ignore[misc]
                limit = 30.0 if transport == "Unix socket" else None
                yield over(f"engine over the bare method, {transport}, {link_name}", taken, bare, limit)
                yield over(f"engine over the pipeline, {transport}, {link_name}", taken, piped)


def over(name: str, taken: list[float], base: list[float], limit: float | None = None) -> Figure:
    """How much longer one took than the other, in the median."""
    return Figure(name, median(taken) - median(base), "ms", limit, note=f"{_how(taken)}, less {median(base):.1f}")


def _how(taken: list[float]) -> str:
    return f"{median(taken):.1f}, median of {len(taken)}; least {min(taken):.1f}"


def start() -> Iterator[Figure]:
    """From the start command to a worker that knows its methods, torch and all."""
    taken = []
    for _ in range(3):
        with fresh_engine(plugins=None) as began, Engine.attach(start=False, timeout=120) as engine:
            wait_until_ready(engine)
            taken.append(time.monotonic() - began)
    yield Figure("start to ready, all methods", median(taken), "s", 5.0, note="median of 3, files cached")


def while_busy() -> Iterator[Figure]:
    """Control's answers, and cancels, while the worker computes with all its threads."""
    raster = Raster(64, 64, "u8", "rgba", bytes(64 * 64 * 4))
    with fresh_engine(), Engine.attach(start=False) as control:
        wait_until_ready(control)
        with working(raster, {"seconds": 60.0, "step": 0.5}):
            pings = milliseconds(control.ping, 500)
        yield Figure("ping while the worker is busy, p99", quantile(pings, 0.99), "ms", 50.0, note="500 pings")
        for name, step in (("the method yields every 0.1 s", 0.1), ("the method never yields", 10.0)):
            taken = [cancelled(raster, control, step) for _ in range(5)]
            acknowledged, stopped = zip(*taken, strict=True)
            yield Figure(f"cancel acknowledged, {name}", max(acknowledged), "ms", 100.0, note="worst of 5")
            yield Figure(f"work stopped, {name}", max(stopped), "s", 2.0, note="worst of 5; the worker's processor time stands")
            wait_until_ready(control)


def cancelled(raster: Raster, control: Engine, step: float) -> tuple[float, float]:
    """Milliseconds until a cancel is acknowledged, and seconds until the worker that did the job computes no more."""
    times: list[float] = []
    connection = read_connection()
    session = Session(connection, link=lambda endpoint, password: _Listening(endpoint, password, times))
    try:
        job = session.submit(Request(raster, [(STYLE, 1.0)], "busy", 1.0, {"seconds": 60.0, "step": step}))
        while not any(isinstance(e, Progress) and e.state == "running" for e in session.pump(0.1)):
            pass
        time.sleep(0.3)
        worker = psutil.Process(control.status()["worker"]["pid"])
        began = time.monotonic()
        session.cancel(job)
        stopped: list[float] = []
        watch = threading.Thread(target=_until_idle, args=(worker, stopped))
        watch.start()
        while not any(isinstance(e, Cancelled) for e in session.pump(0.01)):
            pass
        while not times and time.monotonic() - began < 10:
            session.pump(0.01)
        watch.join()
        return 1000 * (times[0] - began), stopped[0] - began
    finally:
        session.close()


def _until_idle(worker: psutil.Process, stopped: list[float]) -> None:
    """Append the time after which the process used no processor for a fifth of a second, or was gone."""
    last, since = -1.0, time.monotonic()
    try:
        while time.monotonic() - since < 0.2:
            times = worker.cpu_times()
            used = times.user + times.system
            if used - last > 0.011:  # one clock tick is the heartbeat
                last, since = used, time.monotonic()
            if worker.status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.01)
    except psutil.NoSuchProcess:
        since = time.monotonic()
    stopped.append(since)


class _Listening(Link):
    """Notes when `cancelling` arrives, which a session keeps to itself."""

    def __init__(self, endpoint: str, password: str, received: list[float]) -> None:
        super().__init__(endpoint, password)
        self._received = received

    def poll(self, timeout: float = 0.0, budget: int = 1 << 22) -> list[Any]:
        messages: list[Any] = super().poll(timeout, budget)
        if any(b'"cancelling"' in bytes(frames[0]) for frames in messages):
            self._received.append(time.monotonic())
        return messages


@contextmanager
def working(raster: Raster, options: dict[str, float]) -> Iterator[None]:
    """A job keeps the worker busy inside the block and is cancelled after it."""
    begun, over = threading.Event(), threading.Event()

    def on_progress(progress: Progress) -> bool:
        if progress.state == "running":
            begun.set()
        return not over.is_set()

    def work() -> None:
        with Engine.attach(start=False) as engine:
            try:
                engine.stylize(raster, [(STYLE, 1.0)], "busy", options=options, on_progress=on_progress)
            except EngineError as e:
                if e.code != "cancelled":
                    raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        if not begun.wait(30):
            raise RuntimeError("the job did not begin")
        yield
    finally:
        over.set()
        thread.join()


class _NoStyle:
    """A style for a method that looks at none."""

    id, revision = "none", 1

    has_picture = False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> None:
        return None
