# SPDX-License-Identifier: Apache-2.0
"""How broad the strokes are that brush size makes: where the spectrum of the result has its middle, for each method.

One photograph of 512 pixels, painted with brush size 0.5, 1 and 2. The finer the strokes, the further out is the centroid of
the radial power spectrum of the luma; a photograph's own shapes are in it as well, so it does not follow the brush in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from skimage import data

from benchmarks.figures import Figure
from scumble.api.method import Method, Pixels, Runtime
from scumble.image.colour import luma
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.nst import synthetic
from scumble.painting import pipeline

SIZES = (0.5, 1.0, 2.0)
APART = 1.1
"""At least so many times further out is the centroid at half the brush size."""
QUICK: dict[str, dict[str, Any]] = {"gatys": {"steps": 10}}


class Leaves:
    """A made painting for methods that are not trained for a shipped style."""

    id, revision, has_picture = "leaves", 1, True

    def picture(self) -> Pixels:
        leaves = synthetic.dead_leaves(512, torch.Generator().manual_seed(0))
        return np.ascontiguousarray(leaves.permute(1, 2, 0).numpy())

    def state(self, method: str) -> None:
        return None


def bench() -> Iterator[Figure]:
    photograph = np.dstack([data.astronaut(), np.full((512, 512), 255, np.uint8)])
    for method in registry.methods().values():
        centroids = {size: centroid(painted(method, photograph, size)) for size in SIZES}
        for size, at in centroids.items():
            yield Figure(f"{method.id}: centroid at brush size {size:g}", at, "cycles")
        for finer, broader in pairwise(SIZES):
            ratio = centroids[finer] / centroids[broader]
            yield Figure(f"{method.id}: {finer:g} against {broader:g}", ratio, "", limit=APART, at_least=True)


def painted(method: Method, photograph: np.ndarray[Any, Any], size: float) -> Pixels:
    """(H, W, 3) in [0, 1]."""
    shipped = StyleStore().get("starry-night")
    style = shipped if method.available(shipped) else Leaves()
    options = QUICK.get(method.id, {}) | {"brush_size": size}
    out = np.empty_like(photograph)
    for _ in pipeline.run(pipeline.Request(method, [(style, 1.0)], 1.0, options, photograph), Runtime(), out):
        pass
    rgb: Pixels = out[..., :3] / np.float32(255)
    return rgb


def centroid(rgb: Pixels) -> float:
    """The mean frequency, in cycles a long side, of the luma's power, under a window that hides the picture's ends."""
    brightness = luma(np.moveaxis(rgb, 2, 0)).astype(np.float64)
    height, width = brightness.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.fft2((brightness - brightness.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) * max(height, width)
    inside = radius <= max(height, width) / 2
    return float((power * radius)[inside].sum() / power[inside].sum())
