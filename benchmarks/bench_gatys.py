# SPDX-License-Identifier: Apache-2.0
"""How much sooner the Gatys method's own preset reaches the loss that the classic way reaches.

One network, one loss (fp32, full resolution), one photograph of 512 pixels. The classic way: 500 evaluations of L-BFGS at
full resolution from the content, on plain pixels, 100 pairs remembered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from skimage import data
from torch import Tensor

from benchmarks.figures import Figure
from scumble.library.places import SHIPPED, state_path
from scumble.methods.gatys.objective import Objective, objective
from scumble.methods.gatys.optimize import Step, descend
from scumble.methods.gatys.presets import Options, Preset, chosen
from scumble.methods.gatys.pyramid import begin, level_sizes, to_size
from scumble.methods.gatys.statistics_file import load_statistics
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import StyleStatistics, drained
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS, computes_bfloat16, halved


def bench() -> Iterator[Figure]:
    photograph = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float().contiguous() / 255
    style = load_statistics(state_path(SHIPPED, "gatys", "starry-night"))
    assert style.network is not None
    net = load_perceptual(style.network).to(memory_format=torch.channels_last)
    ours = chosen(Options(network=style.network))
    yield from against_vgg(photograph)
    run(net, style, photograph, replace(ours, steps=2), ours.steps)  # the first convolution of a size is slow
    classic = replace(ours, steps=500, levels=1, exponent=0.0, history=100, delta=0.0, half=False)
    reference = run(net, style, photograph, classic)
    seconds, goal = reference[-1]
    yield Figure("loss of 500 L-BFGS steps from the content", goal, "")
    yield Figure("time of 500 L-BFGS steps from the content", seconds, "s")
    own, loss = run(net, style, photograph, ours)[-1]
    yield Figure("loss of the preset", loss, "", note=f"after {own:.1f} s")
    same = next((at for at, reached in reference if reached <= loss), seconds)
    yield Figure("share of the classic time to the preset's loss", own / same, "", note=f"{own:.1f} s against {same:.1f} s")
    needed = time_to(goal, run(net, style, photograph, replace(ours, steps=4 * ours.steps), ours.steps, goal))
    yield Figure("time to the loss of 500 steps, preset", needed, "s", note=f"given {4 * ours.steps} steps at full size")
    yield Figure("share of the classic time", needed / seconds, "", limit=0.1)


STEPS = 4
"""Evaluations through each network whose time is taken."""


def against_vgg(photograph: Tensor) -> Iterator[Figure]:
    """Seconds of an evaluation of the preset's loss through half, quarter and a VGG-16 of full width, in float32. What its
    weights are does not change the time, so they need not be here."""
    vgg = VGG(DEPTHS["vgg16"], WIDTHS["vgg16"]).requires_grad_(False).eval()
    style, preset = StyleStatistics(painting=photograph.flip(3)), replace(chosen(Options()), steps=STEPS, levels=1, half=False)
    seconds = {}
    for name, net in {"half": load_perceptual("half"), "quarter": load_perceptual("quarter"), "vgg16": vgg}.items():
        net = net.to(memory_format=torch.channels_last)
        run(net, style, photograph, replace(preset, steps=1))  # the first convolution of a size is slow
        seconds[name] = run(net, style, photograph, preset)[-1][0] / STEPS
        yield Figure(f"an evaluation at 512 px through {name}", seconds[name], "s")
    yield Figure("vgg16 against half", seconds["vgg16"] / seconds["half"], "x", limit=3, at_least=True)


Curve = list[tuple[float, float]]
"""Seconds since the beginning, and the least loss until then, after each step at full resolution."""


def time_to(goal: float, curve: Curve) -> float:
    """Seconds until the loss is `goal`; infinitely many if it never is."""
    return next((seconds for seconds, loss in curve if loss <= goal), float("inf"))


def run(net: VGG, style: StyleStatistics, photograph: Tensor, preset: Preset, coarse: int = 0, goal: float = 0.0) -> Curve:
    """Descend as the preset does, with `coarse` steps at each smaller size (0: as many as at the full one).

    Ends where the loss reaches `goal`. A descent in bfloat16 is judged in float32, outside the clock: at its end, and
    wherever it thinks that it is there.
    """
    half = preset.half and computes_bfloat16("cpu")
    through = halved(net) if half else net
    began, x, before, curve = time.perf_counter(), None, None, Curve()
    sizes = level_sizes(photograph.shape[2], photograph.shape[3], preset.levels)
    for size in sizes:
        small = to_size(photograph, size)
        x, before = begin(small, before, x, preset.start, 0), small
        last = size == sizes[-1]
        steps = preset.steps if last else coarse or preset.steps
        exact = loss_of(net, style, small, preset)
        loss = replace(exact, net=through, delta=preset.delta)
        for step in descend(loss, x, steps, "lbfgs", preset.exponent, preset.history):
            if not isinstance(step, Step):
                continue
            x, least = step.best, min(step.losses.total, curve[-1][1] if curve else float("inf"))
            if not last:
                continue
            now = time.perf_counter()
            if half and (least <= goal or step.number == steps):
                least = drained(exact.evaluate(x.clone().requires_grad_())).total
            curve.append((now - began, least))
            if least <= goal:
                return curve
            began += time.perf_counter() - now
    return curve


def loss_of(net: VGG, style: StyleStatistics, small: Tensor, preset: Preset) -> Objective:
    """The loss that the preset descends for this content."""
    side, layers = max(small.shape[2:]), tuple(preset.terms.style)
    targets = {scale: drained(style.at(max(1, round(side / scale)), net, layers)) for scale in preset.terms.scales}
    return drained(objective(net, preset.terms, small, [(1.0, targets)], None))
