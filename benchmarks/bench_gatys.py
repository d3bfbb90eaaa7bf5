# SPDX-License-Identifier: Apache-2.0
"""How much sooner the Gatys method's own preset reaches the loss that the classic way reaches.

One network, one loss (fp32, full resolution), one photograph of 512 pixels. The classic way: 500 evaluations of L-BFGS at
full resolution from the content, on plain pixels, 100 pairs remembered.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from skimage import data
from torch import Tensor

from benchmarks.figures import Figure
from scumble.methods.gatys import PRESETS, Preset, begin, level_sizes, to_size
from scumble.nets.perceptual import load_perceptual
from scumble.objective import Objective, objective
from scumble.optimise import descend
from scumble.style_statistics import StyleStatistics, load_ladder
from scumble.weights import MODELS

T = TypeVar("T")


def bench() -> Iterator[Figure]:
    photograph = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float().contiguous() / 255
    net = load_perceptual("compact").to(memory_format=torch.channels_last)
    style = StyleStatistics(ladder=load_ladder(MODELS / "gatys_starry-night.safetensors"))
    ours = PRESETS["scumble"]
    classic = replace(ours, steps=500, levels=1, exponent=0.0, history=100)
    reached, seconds = run(net, style, photograph, classic, None)
    yield Figure("loss of 500 L-BFGS steps from the content", reached, "")
    yield Figure("time of 500 L-BFGS steps from the content", seconds, "s")
    loss, own = run(net, style, photograph, ours, None)
    yield Figure("loss of the preset", loss, "", note=f"after {own:.1f} s")
    _, needed = run(net, style, photograph, replace(ours, steps=4 * ours.steps), reached)
    yield Figure("time to the same loss, preset", needed, "s")
    yield Figure("share of the classic time", needed / seconds, "", limit=0.1)


def run(net: Any, style: StyleStatistics, photograph: Tensor, preset: Preset, goal: float | None) -> tuple[float, float]:
    """Loss and seconds of a run that ends where the full resolution reaches `goal`; infinitely many if it never does."""
    began = time.perf_counter()
    sizes = level_sizes(photograph.shape[2], photograph.shape[3], preset.levels)
    x: Tensor | None = None
    before: Tensor | None = None
    loss = float("inf")
    coarse = PRESETS["scumble"].steps
    for size in sizes:
        small = to_size(photograph, size)
        x, before = begin(small, before, x, preset.start, 0), small
        last = size == sizes[-1]
        steps = preset.steps if last else coarse
        for step in descend(_loss(net, style, small, preset), x, steps, "lbfgs", preset.exponent, preset.history):
            if step is None:
                continue
            x, loss = step.best, step.losses.total
            if last and goal is not None and loss <= goal:
                return loss, time.perf_counter() - began
    return loss, time.perf_counter() - began if goal is None else float("inf")


def _loss(net: Any, style: StyleStatistics, small: Tensor, preset: Preset) -> Objective:
    side, layers = max(small.shape[2:]), tuple(preset.terms.style)
    targets = {scale: _end(style.at(max(1, round(side / scale)), net, layers)) for scale in preset.terms.scales}
    return _end(objective(net, preset.terms, small, [(1.0, targets)], None))


def _end(steps: Generator[Any, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
