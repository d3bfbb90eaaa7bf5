# SPDX-License-Identifier: Apache-2.0
"""Grade 1 of the style memory: content and style loss descend one row of M, and nothing else.

Invariant: the networks are only looked through. A descent that is broken off goes on from its `Descent` as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from scumble.looks import Eyes, Grams, Look, compare
from scumble.losses import lattice_loss
from scumble.nets.memory import MemoryNet

RATE = 0.02
"""Adam's first rate, brought to 0 along half a cosine. A row's numbers are of the order of 1."""

LATTICE, TV = 300.0, 0.1
"""Weights of the losses beside content and style, as in the training of the networks."""

STROKES = {f"relu{k}_1": w for k, w in zip(range(1, 6), (1.0, 1.0, 2.0, 3.0, 3.0), strict=True)}
COMPACT = Look({1: STROKES, 2: STROKES}, {"relu3_3": 0.5, "relu4_2": 0.5})
"""How the network that ships looks, where there are no other eyes."""

Contents = Callable[[int], Tensor]
"""Contents (N, 3, H, W) in [0, 1] of a step, sides multiples of 32; the same for the same step."""


@dataclass(frozen=True)
class Descent:
    """Where a row's descent stands: `moments` (2, R) are Adam's."""

    step: int
    row: Tensor
    moments: Tensor


def begin(row: Tensor) -> Descent:
    """Before the first step, at `row` (1, R)."""
    return Descent(0, row.detach().clone(), row.new_zeros(2, row.shape[1]))


def descend_row(
    net: MemoryNet,
    at: Descent,
    steps: int,
    targets: Grams,
    eyes: Eyes,
    look: Look,
    contents: Contents,
    half: bool = False,
    rate: float = RATE,
) -> Iterator[tuple[Descent, dict[str, float]]]:
    """Yields where it stands and the losses of that step's contents, after each step up to `steps`."""
    row, (first, second) = at.row.clone(), at.moments.clone()
    for step in range(at.step, steps):
        x = contents(step).to(row.device, memory_format=torch.channels_last)
        leaf = row.requires_grad_()
        with torch.enable_grad(), torch.autocast(row.device.type, torch.bfloat16, enabled=half):
            y = net(x, leaf)
            losses = compare(y, x, {k: v.expand(len(x), -1, -1) for k, v in targets.items()}, eyes, look)
            total = losses["content"] + look.style_weight * losses["style"] + TV * losses["tv"] + LATTICE * lattice_loss(y)
        (gradient,) = torch.autograd.grad(total, leaf)
        g = gradient[0]
        first, second = 0.9 * first + 0.1 * g, 0.99 * second + 0.01 * g.square()
        t = step + 1
        slope = (first / (1 - 0.9**t)) / ((second / (1 - 0.99**t)).sqrt() + 1e-8)
        row = (leaf.detach() - rate * 0.5 * (1 + math.cos(math.pi * step / steps)) * slope).detach()
        yield Descent(t, row, torch.stack([first, second])), {k: float(v.detach()) for k, v in losses.items()}
