# SPDX-License-Identifier: Apache-2.0
"""Grade 1 of the style memory: content and style loss descend one row of M, and nothing else.

Invariants: the networks are only looked through. A descent that is broken off goes on from its `Descent` as if it had not been.
What is kept is never worse than what it began with, by contents that it did not practise on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scumble.looks import Eyes, Grams, Look, compare
from scumble.losses import lattice_loss
from scumble.nets.memory import MemoryNet

RATE = 0.05
"""Adam's first rate, brought to 0 along half a cosine. A row's numbers are of the order of 1, and differ by about 0.5 from
style to style."""

CHECKED_EVERY = 20
"""Steps from one look at contents that are not practised on to the next."""

LATTICE, TV = 300.0, 0.1
"""Weights of the losses beside content and style, as in the training of the networks."""

STROKES = {f"relu{k}_1": w for k, w in zip(range(1, 6), (1.0, 1.0, 2.0, 3.0, 3.0), strict=True)}
COMPACT = Look({1: STROKES, 2: STROKES}, {"relu3_3": 0.5, "relu4_2": 0.5})
"""How the network that ships looks, where there are no other eyes."""

Contents = Callable[[int], Tensor]
"""Contents (N, 3, H, W) in [0, 1] of a step, sides multiples of 32; the same for the same step."""


@dataclass(frozen=True)
class Descent:
    """Where a row's descent stands: `moments` (2, R) are Adam's; `best` (1, R) is the row that did best with the contents held
    back, whose loss was `least`, and `first` that of the row it all began with."""

    step: int
    row: Tensor
    moments: Tensor
    best: Tensor
    least: float = math.inf
    first: float = math.inf


def begin(row: Tensor) -> Descent:
    """Before the first step, at `row` (1, R)."""
    return Descent(0, row.detach().clone(), row.new_zeros(2, row.shape[1]), row.detach().clone())


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
    held: Tensor | None = None,
) -> Iterator[tuple[Descent, dict[str, float]] | None]:
    """Yields where it stands and the losses of that step's contents, after each step up to `steps`; None at points in between,
    where it can be stopped. `held` are contents that are not practised on; without them the last row counts as the best.
    """
    if held is not None and at.step == 0:
        least = yield from _checked(net, at.row, held, targets, eyes, look, half)
        at = replace(at, least=least, first=least)
    for step in range(at.step, steps):
        x = contents(step).to(at.row.device, memory_format=torch.channels_last)
        leaf = at.row.detach().clone().requires_grad_()
        with torch.enable_grad(), torch.autocast(leaf.device.type, torch.bfloat16, enabled=half):
            y = net(x, leaf)
        yield None
        with torch.enable_grad(), torch.autocast(leaf.device.type, torch.bfloat16, enabled=half):
            losses = compare(y, x, expanded(targets, len(x)), eyes, look)
            total = losses["content"] + look.style_weight * losses["style"] + TV * losses["tv"] + LATTICE * lattice_loss(y)
        yield None
        (gradient,) = torch.autograd.grad(total, leaf)
        row, moments = _adam(at, gradient[0], rate * 0.5 * (1 + math.cos(math.pi * step / steps)))
        at = replace(at, step=step + 1, row=row, moments=moments)
        if held is None:
            at = replace(at, best=row)
        elif at.step % CHECKED_EVERY == 0 or at.step == steps:
            yield None
            loss = yield from _checked(net, row, held, targets, eyes, look, half)
            at = replace(at, best=row, least=loss) if loss < at.least else at
        yield at, {k: float(v.detach()) for k, v in losses.items()}


def expanded(targets: Grams, n: int) -> dict[str, Tensor]:
    """One style's Gram matrices for each of `n` pictures."""
    return {k: v.expand(n, -1, -1) for k, v in targets.items()}


def _adam(at: Descent, g: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """The row a step further, and the moments."""
    first, second = 0.9 * at.moments[0] + 0.1 * g, 0.99 * at.moments[1] + 0.01 * g.square()
    t = at.step + 1
    slope = (first / (1 - 0.9**t)) / ((second / (1 - 0.99**t)).sqrt() + 1e-8)
    return at.row - rate * slope, torch.stack([first, second])


def _checked(
    net: MemoryNet, row: Tensor, held: Tensor, targets: Grams, eyes: Eyes, look: Look, half: bool
) -> Generator[None, None, float]:
    """The mean loss with the contents `held`; yields after each."""
    total = 0.0
    for number in range(len(held)):
        x = held[number : number + 1].to(row.device, memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(row.device.type, torch.bfloat16, enabled=half):
            losses = compare(net(x, row), x, targets, eyes, look)
        total += float(losses["content"] + look.style_weight * losses["style"])
        yield
    return total / len(held)
