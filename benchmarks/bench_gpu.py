# SPDX-License-Identifier: Apache-2.0
"""What a GPU paints and trains: pictures and frames a second by size and precision, the time of a single small one, memory,
and steps of a training a second.

Without a GPU it refuses. No GPU has run it yet; by its own limits it takes two minutes or three.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benchmarks.figures import Figure, Unavailable, median
from scumble.api.method import Runtime
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.methods.johnson.network import TransformNet
from scumble.methods.johnson.train import Criterion
from scumble.nst.perceptual_loss import SPEC
from scumble.painting import pipeline
from scumble.painting.device import choose, finish, forget_most, is_gpu, most_memory, name_of
from scumble.training.loop import Schedule, fit
from scumble.training.muon import for_convolutions
from scumble.training.teachers import load_teacher

SIZES = {"1 megapixel": (1024, 1024), "full HD": (1080, 1920), "4K": (2160, 3840)}
METHODS = ("memory", "johnson")
STYLE = "starry-night"
SMALL = (256, 256)
SECONDS = 5.0
"""For which each figure is measured, at least; and two runs before it, in which networks are loaded and chosen."""


BATCH, CROP, STEPS = 4, 256, 50
"""Of a training: pictures in a step, their sides in pixels, and steps."""
WARM_UP = 10
"""Steps that are not counted, or as many as half."""


def bench() -> Iterator[Figure]:
    """All figures. Raises Unavailable without a GPU."""
    registry.methods()
    device = choose("auto")
    if not is_gpu(device):
        raise Unavailable("PyTorch finds no GPU on this machine.")
    yield from measured(device)


def measured(device: str, sizes: dict[str, tuple[int, int]] = SIZES, seconds: float = SECONDS) -> Iterator[Figure]:
    """The figures of a device."""
    for name in METHODS:
        small = [1000 * t for t in _times(name, SMALL, Runtime(device), seconds)]
        yield Figure(
            f"{name}, a picture of {SMALL[0]} pixels", median(small), "ms", note=f"{name_of(device)}, median of {len(small)}"
        )
        for label, size in sizes.items():
            for half in (False, True):
                forget_most(device)
                times = _times(name, size, Runtime(device, half=half), seconds)
                what = f"{name}, {label}, {'bfloat16' if half else 'float32'}"
                yield Figure(
                    what, len(times) / sum(times), "pictures a second", note=f"every pixel painted, mean of {len(times)}"
                )
                if is_gpu(device):
                    yield Figure(f"{what}: memory", most_memory(device) / (1 << 20), "MiB", note="most that torch held")
    steps = _steps_a_second(device, BATCH, CROP, STEPS)
    yield Figure("training johnson", steps, "steps a second", note=f"{BATCH} pictures of {CROP} pixels a step, on {device}")


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


def _steps_a_second(device: str, batch: int, crop: int, steps: int) -> float:
    """Training steps a second of johnson, through the teacher that ships; pictures are not read from disk."""
    teacher = load_teacher("half").to(device).to(memory_format=torch.channels_last)
    net = TransformNet(0.5).to(device).to(memory_format=torch.channels_last)
    x = torch.rand(batch, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    x = x.to(device, memory_format=torch.channels_last)
    criterion = Criterion(teacher, SPEC, x[:1])
    began: list[float] = []

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        began.append(time.perf_counter())  # the loop has waited for the losses of the step before
        return criterion(net(x), x)

    with TemporaryDirectory() as folder:
        optimizer = for_convolutions(net, (net.down[0], net.head), 1e-3)
        fit(net, loss, Schedule(steps), Path(folder), report=lambda line: None, optimizer=optimizer)
    counted = began[min(WARM_UP, steps // 2) :]
    return (len(counted) - 1) / (counted[-1] - counted[0])
