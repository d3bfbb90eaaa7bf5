# SPDX-License-Identifier: Apache-2.0
"""What polishing (grade 2 of the style memory) saves: its loss and time against Gatys' own, in one run.

One photograph of 256 pixels, one shipped style, one network. Gatys' objective (fp32, full resolution) says how good a picture
is. Gatys descends it in two ways: by 500 evaluations of L-BFGS from the content on plain pixels, and by our preset.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import data, transform

from benchmarks import bench_gatys
from benchmarks.figures import Figure
from scumble.api.method import Content, Method, Pixels, Result, Runtime, Style, Weighted
from scumble.library.styles import StyleStore
from scumble.methods.gatys.method import Gatys
from scumble.methods.gatys.presets import Options, chosen
from scumble.methods.gatys.statistics_file import load_statistics
from scumble.methods.style_memory.method import Memory
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import drained
from scumble.nst.tensors import to_tensor

SIDE = 256
STYLE = "starry-night"
POLISH = (0, 5, 10, 20, 40, 80, 160)
TENTH = 0.1


@dataclass(frozen=True)
class Polished:
    """A picture, how long it took, and Gatys' loss of it."""

    rgb: Pixels
    seconds: float
    loss: float


def bench() -> Iterator[Figure]:
    style = StyleStore().get(STYLE)
    photograph = np.ascontiguousarray(transform.resize(data.astronaut(), (SIDE, SIDE), order=3).astype(np.float32).clip(0, 1))
    path = style.state("gatys")
    assert path is not None
    statistics = load_statistics(Path(path))
    assert statistics.network is not None
    net = load_perceptual(statistics.network).to(memory_format=torch.channels_last)
    ours = chosen(Options(network=statistics.network))
    exact = bench_gatys.loss_of(net, statistics, to_tensor(photograph), ours)

    def loss(rgb: Pixels) -> float:
        return drained(exact.evaluate(to_tensor(rgb).requires_grad_())).total

    gatys, memory = Gatys(), Memory()
    painted(gatys, style, photograph, steps=2)  # the first convolution of a size is slow
    painted(memory, style, photograph, polish=1)
    classic = replace(ours, steps=500, levels=1, exponent=0.0, history=100, delta=0.0, half=False)
    curve = bench_gatys.run(net, statistics, to_tensor(photograph), classic)
    seconds, goal = curve[-1]
    yield Figure("500 L-BFGS steps from the content: loss", goal, "", note=f"{seconds:.1f} s")
    preset, took = painted(gatys, style, photograph)
    preset_loss = loss(preset)
    yield Figure("gatys' preset: loss", preset_loss, "", note=f"{took:.1f} s")
    by_name: dict[str, Polished] = {}
    for steps in POLISH:
        rgb, own = painted(memory, style, photograph, polish=steps)
        by_name[f"polish {steps}"] = polished = Polished(rgb, own, loss(rgb))
        same = bench_gatys.time_to(polished.loss, curve)
        note = f"{own:.2f} s, {own / same:.3f} of the time from the content"
        yield Figure(f"polish {steps}: loss", polished.loss, "", note=note)
    soon = [name for name, polished in by_name.items() if polished.seconds <= TENTH * seconds][-1]
    yield Figure("loss in a tenth of the time of 500 steps", by_name[soon].loss / goal, "x theirs", note=soon)
    for name, theirs, spent in (("500 steps", goal, seconds), ("gatys' preset", preset_loss, took)):
        there = [polished.seconds for polished in by_name.values() if polished.loss <= theirs]
        share = min(there, default=float("inf")) / spent
        yield Figure(f"share of the time of {name} to its loss", share, "", limit=TENTH)


def painted(method: Method, style: Style, photograph: Pixels, **options: Any) -> tuple[Pixels, float]:
    """The picture, and the seconds from photograph to picture; the style is prepared before."""
    given, runtime = method.Options(**options), Runtime()
    states = [Weighted(method.prepare(style, given, runtime))]
    begun = time.perf_counter()
    *_, result = method.run(Content(photograph), states, given, runtime)
    assert isinstance(result, Result)
    return result.rgb, time.perf_counter() - begun
