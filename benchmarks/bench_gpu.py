# SPDX-License-Identifier: Apache-2.0
"""What a GPU paints: pictures and frames a second by size and precision, the time of a single small one, and memory.

Without a GPU it says so and measures nothing. All of it takes about two minutes on one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from rich.console import Console

from benchmarks.figures import Figure, median
from scumble.api.method import Runtime
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.device import choose, finish, forget_most, is_gpu, most_memory, name_of

SIZES = {"1 megapixel": (1024, 1024), "full HD": (1080, 1920), "4K": (2160, 3840)}
METHODS = ("memory", "johnson")
STYLE = "starry-night"
SMALL = (256, 256)
SECONDS = 5.0
"""For which each figure is measured, at least; and two runs before it, in which networks are loaded and chosen."""


def bench() -> Iterator[Figure]:
    registry.methods()
    device = choose("auto")
    if not is_gpu(device):
        Console(stderr=True).print("  gpu: there is none here, so nothing is measured", style="dim")
        return
    yield from measured(device)


def measured(device: str, sizes: dict[str, tuple[int, int]] = SIZES, seconds: float = SECONDS) -> Iterator[Figure]:
    """The figures of a device."""
    for name in METHODS:
        small = [1000 * t for t in _times(name, SMALL, Runtime(device), seconds)]
        yield Figure(
            f"{name}, a picture of {SMALL[0]} pixels", median(small), "ms", note=f"{name_of(device)}, median of {len(small)}"
        )
        for said, size in sizes.items():
            for half in (False, True):
                forget_most(device)
                times = _times(name, size, Runtime(device, half=half), seconds)
                what = f"{name}, {said}, {'bfloat16' if half else 'float32'}"
                yield Figure(
                    what, len(times) / sum(times), "pictures a second", note=f"every pixel painted, mean of {len(times)}"
                )
                if is_gpu(device):
                    yield Figure(f"{what}: memory", most_memory(device) / (1 << 20), "MiB", note="most that torch held")


def _times(name: str, size: tuple[int, int], runtime: Runtime, seconds: float) -> list[float]:
    """Seconds of each of several runs of the whole pipeline, from pixels to pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 4), np.uint8)
    pixels[..., 3] = 255
    out = np.empty_like(pixels)
    style = StyleStore().get(STYLE)
    times: list[float] = []
    until = float("inf")
    while len(times) < 3 or time.perf_counter() < until:
        finish(runtime.device)
        began = time.perf_counter()
        request = pipeline.Request(registry.method(name), [(style, 1.0)], 1.0, {"scale": "full"}, pixels)
        for _ in pipeline.run(request, runtime, out):
            pass
        finish(runtime.device)
        times.append(time.perf_counter() - began)
        if len(times) == 2:
            until = time.perf_counter() + seconds
    return times[2:]
