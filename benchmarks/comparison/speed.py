# SPDX-License-Identifier: Apache-2.0
"""Time and memory of a method by the size of the picture, in a process of its own: `python -m benchmarks.comparison.speed ID`.

Every pixel is painted (`scale=full`), through the pipeline, as the engine's worker does. Sizes rise, so that the most memory
the process ever had is that of the last picture.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bench_huge import picture
from benchmarks.figures import median
from scumble.api.method import Method, Runtime, Style
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline

ROOT = Path(__file__).resolve().parents[2]

SIZES = (256, 512, 1024, 2048, 4096)
PATIENCE = 25.0
"""Seconds: no larger picture is tried after one that took longer. It would take four times as long."""
QUICK = 3.0
"""Seconds below which the first run of a size is only a rehearsal (kernels are made then), and the median of three counts."""
STYLE = "starry-night"

KIB = 1024


def speed(method_id: str, threads: int) -> list[dict[str, float]]:
    """Rows of side (pixels), seconds and peak resident memory (bytes), by rising side."""
    return in_process("speed", method_id, threads)


def in_process(module: str, method_id: str, threads: int) -> list[dict[str, float]]:
    """The JSON lines that a measuring module prints in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.comparison.{module}", method_id, str(threads)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def measured(method: Method, style: Style) -> Iterator[dict[str, float]]:
    for side in SIZES:
        pixels = picture(side)
        pixels[..., 3] = 255
        taken = [once(method, style, pixels)]
        if taken[0] < QUICK:
            taken = [once(method, style, pixels) for _ in range(3)]
        yield {"side": side, "seconds": median(taken), "memory": peak_memory()}
        if median(taken) > PATIENCE:
            return


def once(method: Method, style: Style, pixels: np.ndarray[Any, Any]) -> float:
    """Seconds from picture to result."""
    out = np.empty_like(pixels)
    request = pipeline.Request(method, [(style, 1.0)], 1.0, {"scale": "full"}, pixels)
    begun = time.perf_counter()
    for _ in pipeline.run(request, Runtime(), out):
        pass
    return time.perf_counter() - begun


def peak_memory() -> int:
    """Bytes this process has had resident at most, libraries included."""
    import resource  # which Windows has not

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIB


def main(method_id: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    for row in measured(registry.method(method_id), StyleStore().get(STYLE)):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
