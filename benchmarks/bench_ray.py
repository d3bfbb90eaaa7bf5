# SPDX-License-Identifier: Apache-2.0
"""What a Ray cluster adds to a picture, what all slots of this machine paint an hour, and what reading and writing takes.

Slots and the local engine have one thread each, and are asked in turns for one picture after the other. Processor time is that
of all processes concerned, this one included, less what Ray's take when they are idle; unlike the wait it tells something on a
busy machine, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
import torch

from benchmarks.engines import fresh_engine, wait_until_ready
from benchmarks.figures import Figure, Unavailable, median
from scumble.client.blocking import Engine
from scumble.client.raster import Raster
from scumble.cluster.ray_cluster import RayCluster
from scumble.image.files import read_picture, write_picture
from scumble.nst import synthetic

SIZES = ((512, 384), (256, 192))
TURNS, PICTURES = 4, 12
LARGE, MANY = (1024, 768), 24
"""Size and number of the pictures that all slots paint."""
PHOTOGRAPH, TIMES = (3000, 4000), 5
"""Height and width of a JPEG, and how often it is read and written."""
IDLE = 10.0
"""Seconds in which nothing is asked for, to see what Ray's processes take by themselves."""
LIMIT = 1.2
STYLE, METHOD = "starry-night", "johnson"
STORE = 200 << 20
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}

Paint = Callable[[Raster], object]


def bench() -> Iterator[Figure]:
    """For each size, Ray over the engine. Raises Unavailable without Ray."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as e:
        raise Unavailable(f"Ray is not installed ({e}).") from e
    with patch.dict(os.environ, ONE_THREAD), fresh_engine(plugins=None), Engine.attach(start=False, timeout=120) as engine:
        wait_until_ready(engine)
        broker = psutil.Process(engine.status()["worker"]["pid"]).parent()
        assert broker is not None
        with _started(Cluster) as address, RayCluster(address, tell=lambda line: None) as cluster:
            paint: dict[str, Paint] = {
                "engine": lambda raster: engine.stylize(raster, [(STYLE, 1.0)], METHOD),
                "Ray": lambda raster: cluster.stylize(raster, [(STYLE, 1.0)], METHOD),
            }
            for each in paint.values():  # networks are loaded with the first picture
                each(picture(SIZES[0], 0))
            began, used = time.monotonic(), processor_seconds(broker)["Ray"]
            time.sleep(IDLE)
            idle = (processor_seconds(broker)["Ray"] - used) / (time.monotonic() - began)
            for size in SIZES:
                yield from compared(size, paint, broker, idle)
            yield many(paint["Ray"], cluster.slots)
    yield from files()


@contextmanager
def _started(kind: Any) -> Iterator[str]:
    """The address of a cluster of one node, with a slot a core."""
    head = {"num_cpus": psutil.cpu_count(), "object_store_memory": STORE, "include_dashboard": False}
    cluster = kind(initialize_head=True, head_node_args=head)
    try:
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def compared(size: tuple[int, int], paint: dict[str, Paint], broker: psutil.Process, idle: float) -> Iterator[Figure]:
    """Turns of pictures by each in `paint`; Ray's processes take `idle` of a core by themselves."""
    waits: dict[str, list[float]] = {name: [] for name in paint}
    used = dict.fromkeys(paint, 0.0)
    for turn in range(TURNS):
        rasters = [picture(size, turn * PICTURES + i) for i in range(PICTURES)]
        for name, each in paint.items():
            began, before = time.monotonic(), processor_seconds(broker)
            for raster in rasters:
                each(raster)
            waits[name].append((time.monotonic() - began) / PICTURES)
            after = processor_seconds(broker)
            mine = sum(after[who] - before[who] for who in (name, "this process"))
            used[name] += mine - (idle * waits[name][-1] * PICTURES if name == "Ray" else 0.0)
    what, count = f"{METHOD}, {size[0]} x {size[1]}", TURNS * PICTURES
    ratio = median(r / e for r, e in zip(waits["Ray"], waits["engine"], strict=True))
    text = f"{1000 * median(waits['Ray']):.0f} ms a picture against {1000 * median(waits['engine']):.0f}"
    yield Figure(f"{what}: waited for, Ray over the engine", ratio, "", LIMIT, note=f"{text}; median of {TURNS} turns")
    text = f"{1000 * used['Ray'] / count:.0f} ms a picture against {1000 * used['engine'] / count:.0f}"
    note = f"{text}; mean of {count}; less {idle:.3f} of a core that Ray takes idle"
    yield Figure(f"{what}: processor time, Ray over the engine", used["Ray"] / used["engine"], "", LIMIT, note=note)


def many(paint: Paint, slots: int) -> Figure:
    """Pictures an hour when all slots are kept busy; before it every slot loads its networks."""
    with ThreadPoolExecutor(slots) as hands:
        list(hands.map(paint, [picture(LARGE, i) for i in range(2 * slots)]))
        rasters = [picture(LARGE, i) for i in range(MANY)]
        began = time.monotonic()
        list(hands.map(paint, rasters))
        taken = time.monotonic() - began
    what = f"{METHOD}, {LARGE[0]} x {LARGE[1]}, {slots} slots of one thread"
    return Figure(what, 3600 * MANY / taken, "pictures an hour", note=f"{MANY} in {taken:.1f} s, no file read or written")


def files() -> Iterator[Figure]:
    """A JPEG as the machine that asks reads and writes it, on one core: overlapping discs, enlarged, with noise."""
    side = 256
    leaves = synthetic.dead_leaves(side, torch.Generator().manual_seed(0)).permute(1, 2, 0).numpy()
    height, width = PHOTOGRAPH
    rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
    noise = np.random.default_rng(0).integers(0, 12, (height, width, 3), np.uint8)
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = np.rint(240 * leaves).astype(np.uint8)[rows][:, columns] + noise
    reading, writing = [], []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.jpg"
        for _ in range(TIMES):
            began = time.perf_counter()
            write_picture(path, pixels)
            wrote = time.perf_counter()
            read_picture(path)
            writing.append(wrote - began)
            reading.append(time.perf_counter() - wrote)
    for what, taken in {"reading": reading, "writing": writing}.items():
        yield Figure(f"{what} a JPEG of {height * width / 1e6:.0f} megapixels", median(taken), "s", note=f"median of {TIMES}")


def picture(size: tuple[int, int], seed: int) -> Raster:
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    pixels[..., 3] = 255
    return Raster(width, height, "u8", "rgba", pixels)


def processor_seconds(broker: psutil.Process) -> dict[str, float]:
    """Used so far by the engine's processes, by Ray's, which are all others that this one has begun, and by this one."""
    own = psutil.Process()
    engines = {p.pid: p for p in (broker, *broker.children(recursive=True))}
    others = [p for p in own.children(recursive=True) if p.pid not in engines]
    return {"engine": _used(engines.values()), "Ray": _used(others), "this process": _used([own])}


def _used(processes: Any) -> float:
    seconds = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return seconds
