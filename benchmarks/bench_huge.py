# SPDX-License-Identifier: Apache-2.0
"""What a huge picture takes: `scumble stylize` of an RGBA file at every pixel (`--scale full`), engine, worker and client.

Memory is read while they run, ten times a second, in two ways. Private: what no file backs (anonymous and shared memory),
which the kernel cannot take back; that is what "needs" means. Resident: with the pages of mapped files and libraries, those
that several processes share counted in each. Both are the largest sum over all three processes that was seen at one time.
The side is 8192; SCUMBLE_BENCH_SIDE=16384 asks for the full size (half an hour on two cores).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from benchmarks.engines import fresh_engine, wait_until_ready
from benchmarks.figures import Figure
from scumble.client.blocking import Engine
from scumble.raster import Picture, write_picture
from scumble.scratch import empty, let_go

TILED, SIDE = 4096, int(os.environ.get("SCUMBLE_BENCH_SIDE", "8192"))
SUFFIX = os.environ.get("SCUMBLE_BENCH_SUFFIX", ".png")
GB = 1e9


def bench() -> Iterator[Figure]:
    with TemporaryDirectory(prefix="sc-huge-", dir=os.environ.get("SCUMBLE_BENCH_FOLDER")) as folder:
        with fresh_engine(plugins=None), Engine.attach(start=False, timeout=120) as engine:
            wait_until_ready(engine)
            pids = [os.getpid(), int(engine.status()["worker"]["pid"])]  # the broker is the worker's parent
            pids[0] = psutil.Process(pids[1]).ppid()
            rates = {}
            for side in (TILED, SIDE):
                source = Path(folder) / f"{side}{SUFFIX}"
                write_picture(source, picture(side), Picture(np.zeros((1, 1, 4), np.uint8), True))
                seconds, watch = stylized(source, pids)
                megapixels = side * side / 1e6
                rates[side] = seconds / megapixels, watch.processor / megapixels
                name = f"{side} x {side} RGBA u8, every pixel"
                yield Figure(f"{name}: private memory", watch.private / GB, "GB", 3.0, note=watch.told)
                yield Figure(f"{name}: resident memory", watch.resident / GB, "GB", 3.0, note="largest sum at one time")
                yield Figure(f"{name}: time a megapixel", rates[side][0], "s", note=f"{seconds:.0f} s from file to file")
                yield Figure(f"{name}: processor time a megapixel", rates[side][1], "s", note="of all three, all cores")
            names, limits = ("time a megapixel", "processor time a megapixel"), (1.3, None)
            for what, limit, large, small in zip(names, limits, rates[SIDE], rates[TILED], strict=True):
                yield Figure(f"{what}, {SIDE} over {TILED}", large / small, "x", limit, note="one run each")


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
        let_go(pixels)
    return pixels


@dataclass
class Watch:
    """The largest sums seen, in bytes, and what made the first of them."""

    private: int = 0
    resident: int = 0
    told: str = ""
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def processor(self) -> float:
        """Seconds, of all cores."""
        return sum(self.ended[name] - self.began[name] for name in self.ended)

    def look(self, named: dict[str, psutil.Process]) -> None:
        for name, process in named.items():
            with contextlib.suppress(psutil.Error):
                self.ended[name] = sum(process.cpu_times()[:2])
                self.began.setdefault(name, 0.0 if name == "client" else self.ended[name])
        found = {name: _memory(process) for name, process in named.items()}
        private = sum(p for p, _ in found.values())
        if private > self.private:
            self.private = private
            self.told = ", ".join(f"{name} {p / GB:.2f}" for name, (p, _) in found.items())
        self.resident = max(self.resident, sum(r for _, r in found.values()))


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Bytes of anonymous and shared memory, and of all resident pages; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0, 0
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
    parts = {name: int(size.split()[0]) << 10 for name, size in sizes.items()}
    return parts.get("RssAnon", 0) + parts.get("RssShmem", 0), sum(parts.values())


@contextmanager
def watched(named: dict[str, psutil.Process]) -> Iterator[Watch]:
    """Look at the processes as long as the block runs."""
    watch = Watch()

    def work() -> None:
        while not watch.over.wait(0.1):
            watch.look(named)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()


def stylized(source: Path, pids: list[int]) -> tuple[float, Watch]:
    """Seconds that the command line takes for a picture, and what all three held."""
    target = source.with_name(f"out-{source.name}")
    command = [sys.executable, "-m", "scumble", "stylize", str(source), "-o", str(target), "--style", "starry-night"]
    began = time.monotonic()
    client = subprocess.Popen([*command, "--method", "johnson", "--scale", "full"])
    named = {"engine": psutil.Process(pids[0]), "worker": psutil.Process(pids[1]), "client": psutil.Process(client.pid)}
    with watched(named) as watch:
        code = client.wait()
    seconds = time.monotonic() - began
    if code:
        raise RuntimeError(f"scumble stylize ended with {code}")
    target.unlink()
    return seconds, watch
