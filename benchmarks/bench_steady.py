# SPDX-License-Identifier: Apache-2.0
"""What --steady makes of a sequence's flicker: the mean change of still places, with it over without it; and what it costs.

The frames are a window on overlapping discs (synthetic.dead_leaves), and johnson paints them. Through a GIF, the frames
and what is painted are rounded to 256 colours each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figure, median
from scumble.api.method import Runtime
from scumble.library.styles import StyleStore
from scumble.methods.johnson.method import Johnson
from scumble.nst import synthetic
from scumble.painting import pipeline
from scumble.video.reading import read_animation
from scumble.video.steady import Steady
from scumble.video.writing import write_animation

Frames = list[NDArray[np.uint8]]

HEIGHT, WIDTH, COUNT, BORDER = 160, 192, 8, 16
SCENES = {
    "a still scene with noise": (0, 0.02),
    "a still scene with much noise": (0, 0.05),
    "a pan by 1 pixel": (1, 0.0),
    "a pan by 3 pixels": (3, 0.0),
    "a pan by 3 pixels with noise": (3, 0.02),
}
"""Pixels a frame, and the noise's standard deviation, of white."""


def bench() -> Iterator[Figure]:
    costs = []
    for name, (pan, noise) in SCENES.items():
        frames = scene(pan, noise)
        for kind, shown in (("frames", frames), ("GIF", through_gif(frames))):
            off = [painted(frame) for frame in shown]
            steady, on = Steady(), []
            for frame, picture in zip(shown, off, strict=True):
                began = time.perf_counter()
                on.append(steady.settle(frame, picture))
                costs.append(1000 * (time.perf_counter() - began))
            if kind == "GIF":
                off, on = through_gif(off), through_gif(on)
            before, after = flicker(off, pan), flicker(on, pan)
            note = f"{100 * after:.2f} % of white against {100 * before:.2f} %"
            yield Figure(f"flicker with --steady over without, {name}, {kind}", after / before, "", 0.5, note=note)
    megapixels = HEIGHT * WIDTH / 1e6
    yield Figure("carrying on", median(costs) / megapixels, "ms a megapixel", note=f"median of {len(costs)} frames")
    costs = full_hd()
    yield Figure(
        "carrying on, full HD", median(costs) / 1000, "s a frame", note=f"pan by 3 pixels, median of {len(costs)} frames"
    )


def full_hd() -> list[float]:
    """Milliseconds of each frame but the first of a pan of 1920 x 1080 pixels, painted by nobody."""
    leaves = synthetic.dead_leaves(256, torch.Generator().manual_seed(1)).permute(1, 2, 0).numpy()
    scene = np.dstack([np.rint(255 * leaves), np.full((256, 256), 255)]).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    steady, costs = Steady(), []
    for i in range(COUNT):
        frame = scene[:1080, 3 * i : 3 * i + 1920]
        began = time.perf_counter()
        steady.settle(frame, frame)
        costs.append(1000 * (time.perf_counter() - began))
    return costs[1:]


def scene(pan: int, noise: float) -> Frames:
    """COUNT opaque frames (HEIGHT, WIDTH, 4)."""
    leaves = synthetic.dead_leaves(256, torch.Generator().manual_seed(1)).permute(1, 2, 0).numpy()
    frames = []
    for i in range(COUNT):
        rgb = leaves[:HEIGHT, pan * i : pan * i + WIDTH]
        rgb = np.clip(rgb + np.random.default_rng(i).normal(0, noise, rgb.shape), 0, 1)
        frames.append(np.dstack([np.rint(255 * rgb), np.full((HEIGHT, WIDTH), 255)]).astype(np.uint8))
    return frames


def painted(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.empty_like(frame)
    list(pipeline.run(pipeline.Request(JOHNSON, [(StyleStore().get("starry-night"), 1.0)], 1.0, {}, frame), Runtime(), out))
    return out


def through_gif(frames: Frames) -> Frames:
    """The frames as they are in a GIF."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "frames.gif"
        with write_animation(path, (WIDTH, HEIGHT), 0, len(frames), alpha=False) as add:
            for frame in frames:
                add(frame, Fraction(40))
        animation = read_animation(path)
        assert animation is not None
        return [picture.pixels for picture in animation.frames()]


def flicker(frames: Frames, pan: int) -> float:
    """Mean absolute change of the same places from frame to frame, of white."""
    changes = [np.abs(a[:, pan:, :3].astype(float) - b[:, : WIDTH - pan, :3]) for a, b in pairwise(frames)]
    return float(np.mean([change[BORDER:-BORDER, BORDER:-BORDER].mean() for change in changes])) / 255


JOHNSON = Johnson()
