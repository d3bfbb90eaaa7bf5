# SPDX-License-Identifier: Apache-2.0
"""What a huge picture takes: `scumble stylize` of an RGBA file at every pixel (`--scale full`), engine, worker and client.

Memory is read while they run, ten times a second; what counts is the largest sum at one time. Private: what no file
backs (anonymous and shared memory), which the kernel cannot take back. Resident: with all pages of mapped files and
libraries, those that several processes share counted in each. Spools and scratch files are the disk's, and its cache's.
The side is 8192; SCUMBLE_BENCH_SIDE=16384 asks for the full size (9 minutes on two cores, a quarter of an hour on one).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from benchmarks.engines import fresh_engine, wait_until_ready
from benchmarks.figures import Figure
from scumble.client.blocking import Engine
from scumble.image.files import Picture, write_picture
from scumble.image.mapped import empty, release_pages

TILED, SIDE = 4096, int(os.environ.get("SCUMBLE_BENCH_SIDE", "8192"))
STEPS = 3
GB = 1e9


def bench() -> Iterator[Figure]:
    """Johnson at two sizes, in one run, and Gatys at the smaller."""
    with (
        TemporaryDirectory(prefix="sc-huge-", dir=os.environ.get("SCUMBLE_BENCH_FOLDER")) as folder,
        fresh_engine(plugins=None),
        Engine.attach(start=False, timeout=120) as engine,
    ):
        rates = []
        for side in (TILED, SIDE):
            watch = stylized(Path(folder), side, engine, ["--method", "johnson"])
            yield from figures(f"johnson, {side} x {side}", watch)
            rates.append((watch.seconds / side**2, watch.processor / side**2))
        for what, limit, small, large in zip(("time", "processor time"), (1.3, None), *rates, strict=True):
            yield Figure(f"{what} a megapixel, {SIDE} over {TILED}", large / small, "x", limit, note="one run each")
        watch = stylized(Path(folder), TILED, engine, ["--method", "gatys", "--option", f"steps={STEPS}"])
        yield from figures(f"gatys, {TILED} x {TILED}, {STEPS} steps a size", watch)


def figures(name: str, watch: Watch) -> Iterator[Figure]:
    for what, most in (("private", watch.private), ("resident", watch.resident)):
        note = "then " + ", ".join(f"{who} {part / GB:.2f}" for who, part in most.items())
        yield Figure(f"{name}: {what} memory", sum(most.values()) / GB, "GB", 3.0, note=note)
    yield Figure(f"{name}: from file to file", watch.seconds, "s", note=f"{watch.processor:.0f} s of processors, all three")


def picture(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(side, side, 4): soft shapes with some grain, and holes with soft edges."""
    pixels = empty((side, side, 4), np.uint8)
    x, rng = np.linspace(0, 30, side, dtype=np.float32), np.random.default_rng(0)
    grain = rng.integers(0, 24, (64, side, 3), np.uint8)
    for top in range(0, side, 64):
        y = np.linspace(0, 30, side, dtype=np.float32)[top : top + 64, None]
        for channel in range(3):
            wave = np.sin(x * (1 + 0.3 * channel) + np.cos(y * 0.7)) * np.cos(y * (1.1 - 0.2 * channel) + channel)
            pixels[top : top + 64, :, channel] = 110 + 100 * wave
        pixels[top : top + 64, :, :3] += grain[: len(y)]
        pixels[top : top + 64, :, 3] = np.clip(127 + 2000 * (np.sin(x * 0.9) * np.sin(y * 0.9) + 0.9), 0, 255)
        release_pages(pixels)
    return pixels


@dataclass
class Watch:
    """Watches what processes take: memory in bytes, each one's part when they together had most, and the time."""

    private: dict[str, int] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """Processor time of each, at the first and at the last look."""

    @property
    def processor(self) -> float:
        """Seconds, of all cores."""
        return sum(self.ended[name] - self.began[name] for name in self.ended)

    def look(self, named: dict[str, psutil.Process]) -> None:
        for name, process in named.items():
            with contextlib.suppress(psutil.Error):
                self.ended[name] = sum(process.cpu_times()[:2])
                self.began.setdefault(name, 0.0 if name == "client" else self.ended[name])
        taken = {name: _memory(process) for name, process in named.items()}
        private, resident = ({name: both[kind] for name, both in taken.items()} for kind in (0, 1))
        self.private = max(self.private, private, key=lambda parts: sum(parts.values()))
        self.resident = max(self.resident, resident, key=lambda parts: sum(parts.values()))


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Bytes of anonymous and shared memory, and of all resident pages; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0, 0
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
    parts = {name: int(size.split()[0]) << 10 for name, size in sizes.items()}
    return parts.get("RssAnon", 0) + parts.get("RssShmem", 0), sum(parts.values())


def stylized(folder: Path, side: int, engine: Engine, how: list[str]) -> Watch:
    """Have the command line stylize a picture, and watch it, the engine and its worker, which after an earlier run may be
    another."""
    wait_until_ready(engine)
    worker = psutil.Process(int(engine.status()["worker"]["pid"]))
    source, target = folder / f"{side}.png", folder / f"{side}-out.png"
    if not source.exists():
        write_picture(source, picture(side), Picture(np.zeros((1, 1, 4), np.uint8), True))
    command = [sys.executable, "-m", "scumble", "stylize", str(source), "-o", str(target), "--style", "starry-night"]
    watch, began = Watch(), time.monotonic()
    client = subprocess.Popen([*command, "--scale", "full", *how])
    named = {"engine": psutil.Process(worker.ppid()), "worker": worker, "client": psutil.Process(client.pid)}
    while client.poll() is None:
        watch.look(named)
        time.sleep(0.1)
    watch.seconds = time.monotonic() - began
    if client.returncode:
        raise RuntimeError(f"scumble stylize ended with {client.returncode}")
    target.unlink()
    return watch
