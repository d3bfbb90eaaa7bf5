# SPDX-License-Identifier: Apache-2.0
"""What polishing (grade 2 of the style memory) saves: its loss and time against Gatys' own, in one run.

One photograph of 256 pixels, one shipped style, one network. Twice is told how good a picture is: by Gatys' objective (fp32,
full resolution), and as `scumble evaluate` does, content + 3 style. Gatys descends in three ways: 500 evaluations of L-BFGS
of that objective from the content on plain pixels; his authors' preset (500 steps of their own loss); and our preset.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import data, transform

from benchmarks import bench_gatys
from benchmarks.figures import Figure
from scumble.api.method import Content, Method, Pixels, Result, Runtime, Style, Weighted
from scumble.evaluate.judges import Judgement, compact_judge
from scumble.library.styles import StyleStore
from scumble.methods.gatys.method import PRESETS, Gatys
from scumble.methods.style_memory.method import Memory
from scumble.nst.losses import content_loss, gram_loss, mean_gram
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import Statistics, StyleStatistics, drained, load_ladder
from scumble.nst.tensors import to_tensor
from scumble.nst.vgg import VGG

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
    net = load_perceptual("compact").to(memory_format=torch.channels_last)
    path = style.state("gatys")
    assert path is not None
    statistics = StyleStatistics(ladder=load_ladder(Path(path)))
    ours = PRESETS["scumble"]
    exact = bench_gatys.loss_of(net, statistics, to_tensor(photograph), ours)

    def loss(rgb: Pixels) -> float:
        return drained(exact.evaluate(to_tensor(rgb).requires_grad_())).total

    gatys, memory = Gatys(), Memory()
    painted(gatys, style, photograph, steps=2)  # the first convolution of a size is slow
    painted(memory, style, photograph, polish=1)
    classic = replace(ours, steps=500, levels=1, exponent=0.0, history=100, patience=0.0, half=False)
    curve = bench_gatys.run(net, statistics, to_tensor(photograph), classic)
    seconds, goal = curve[-1]
    yield Figure("500 L-BFGS steps from the content: loss", goal, "", note=f"{seconds:.1f} s")
    preset, took = painted(gatys, style, photograph)
    preset_loss = loss(preset)
    yield Figure("gatys' preset: loss", preset_loss, "", note=f"{took:.1f} s")
    found: dict[str, Polished] = {}
    for steps in POLISH:
        rgb, own = painted(memory, style, photograph, polish=steps)
        found[f"polish {steps}"] = polished = Polished(rgb, own, loss(rgb))
        same = bench_gatys.time_to(polished.loss, curve)
        note = f"{own:.2f} s, {own / same:.3f} of the time from the content"
        yield Figure(f"polish {steps}: loss", polished.loss, "", note=note)
    soon = [name for name, polished in found.items() if polished.seconds <= TENTH * seconds][-1]
    yield Figure("loss in a tenth of the time of 500 steps", found[soon].loss / goal, "x theirs", note=soon)
    for name, theirs, spent in (("500 steps", goal, seconds), ("gatys' preset", preset_loss, took)):
        there = [polished.seconds for polished in found.values() if polished.loss <= theirs]
        share = min(there, default=float("inf")) / spent
        yield Figure(f"share of the time of {name} to its loss", share, "", limit=TENTH)
    yield from _published(
        gatys, style, photograph, net, statistics, found | {"gatys' preset": Polished(preset, took, preset_loss)}
    )


def _published(
    gatys: Method, style: Style, photograph: Pixels, net: VGG, statistics: StyleStatistics, found: Mapping[str, Polished]
) -> Iterator[Figure]:
    """Against the authors' preset, whose loss is another: by content + 3 style."""
    manner = drained(statistics.at(SIDE, net, compact_judge().style_layers))
    rgb, spent = painted(gatys, style, photograph, preset="code")
    goal = judged(rgb, photograph, net, manner)
    yield Figure("the authors' preset: content + 3 style", goal, "", note=f"500 steps, {spent:.1f} s")
    totals = {name: judged(polished.rgb, photograph, net, manner) for name, polished in found.items()}
    for name, total in totals.items():
        yield Figure(f"{name}: content + 3 style", total, "", note=f"{found[name].seconds:.2f} s")
    first = next((name for name, total in totals.items() if total <= goal and name.startswith("polish")), "")
    share = found[first].seconds / spent if first else float("inf")
    yield Figure("share of the time of the authors' preset to its total", share, "", limit=TENTH, note=first)


def painted(method: Method, style: Style, photograph: Pixels, **options: Any) -> tuple[Pixels, float]:
    """The picture, and the seconds from photograph to picture; the style is prepared before."""
    given, runtime = method.Options(**options), Runtime()
    states = [Weighted(method.prepare(style, given, runtime))]
    begun = time.perf_counter()
    *_, result = method.run(Content(photograph), states, given, runtime)
    assert isinstance(result, Result)
    return result.rgb, time.perf_counter() - begun


def judged(rgb: Pixels, photograph: Pixels, net: VGG, manner: Statistics) -> float:
    """Content + 3 style as the judge of `scumble evaluate` that ships says it, of a style whose statistics ship."""
    judge = compact_judge()
    seen = net(to_tensor(rgb), {*judge.content_layers, *judge.style_layers})
    truth = net(to_tensor(photograph), set(judge.content_layers))
    content = [float(content_loss(seen[k], truth[k])) for k in judge.content_layers]
    style = [float(gram_loss(mean_gram(seen[k]), manner[k].gram)) for k in judge.style_layers]
    return Judgement(sum(content) / len(content), sum(style) / len(style)).total
