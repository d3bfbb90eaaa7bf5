# SPDX-License-Identifier: Apache-2.0
"""Grade 1 of the style memory: content and style loss descend one row of M, and nothing else.

Invariants: the networks are only looked through. A descent that is broken off goes on from its `Descent` as if it had not been.
What is kept is never worse than what it began with, by the contents that it is checked with.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scumble.api.method import Arrays
from scumble.methods.style_memory.network import COLOURS, MemoryNet
from scumble.nst.losses import lattice_loss, pseudo_huber
from scumble.nst.perceptual_loss import FeatureExtractor, Grams, LossSpec, PerceptualLosses, perceptual_losses
from scumble.nst.tensors import to_array

LATTICE, TV = 2000.0, 0.1
"""Weights of the losses beside content and style. The networks are trained by more of them, for rows that are only predicted; a
row that descends by itself paints strokes where these would keep grounds plain (docs/notebook/style_memory.md)."""

CHECKED = 2
"""Times that a descent tries its row on contents held back, spread over its steps; the last time at its end."""

Contents = Callable[[int], Tensor]
"""Contents (N, 3, H, W) in [0, 1] of a step, sides multiples of 32; the same for the same step."""


@dataclass(frozen=True)
class Pace:
    """The settings of a row's descent.

    `rate` is Adam's first, brought to 0 along half a cosine over `steps`; a row's numbers are of the order of 1, and differ by
    about 0.5 from style to style. `delta` is pseudo-Huber's (nst/losses.py): without it, a row gives
    up the content of all for the sake of few.
    """

    steps: int
    rate: float
    delta: float


@dataclass(frozen=True)
class Descent:
    """Where a row's descent stands, which began with the row `begun` (1, R): `moments` (2, R) are Adam's; `best` (1, R)
    did best with the contents held back. There its loss was `least`, and `first` that of `begun`; infinite where they have
    not been measured."""

    step: int
    row: Tensor
    moments: Tensor
    begun: Tensor
    best: Tensor
    least: float = math.inf
    first: float = math.inf


def begin(row: Tensor) -> Descent:
    """Before the first step, at `row` (1, R)."""
    row = row.detach().clone()
    return Descent(0, row, row.new_zeros(2, row.shape[1]), row, row)


def descend_row(
    net: MemoryNet,
    at: Descent,
    pace: Pace,
    targets: Grams,
    features: FeatureExtractor,
    spec: LossSpec,
    contents: Contents,
    half: bool = False,
    held: Tensor | None = None,
) -> Iterator[tuple[Descent, dict[str, float]] | None]:
    """Yields where it stands and the losses of that step's contents, after each step; None at points in between, where it can
    be stopped. `held` are the contents it is checked with; without them the last row counts as the best."""
    steps, delta = pace.steps, pace.delta
    checked_every = math.ceil(steps / CHECKED)
    if held is not None and at.first == math.inf:
        first = least = yield from _checked(net, at.begun, held, targets, features, spec, delta, half)
        if at.step > 0:
            least = yield from _checked(net, at.best, held, targets, features, spec, delta, half)
        at = replace(at, first=first, least=min(first, least), best=at.best if least <= first else at.begun)
        if at.step >= steps:  # broken off after its last step
            yield at, {}
    for step in range(at.step, steps):
        pictures = contents(step).to(at.row.device, memory_format=torch.channels_last)
        gradient, means = yield from _gradient(net, at.row, pictures, targets, features, spec, delta, half)
        row, moments = _adam(at, gradient, pace.rate * 0.5 * (1 + math.cos(math.pi * step / steps)))
        at = replace(at, step=step + 1, row=row, moments=moments)
        if held is None:
            at = replace(at, best=row)
        elif at.step % checked_every == 0 or at.step == steps:
            loss = yield from _checked(net, row, held, targets, features, spec, delta, half)
            at = replace(at, best=row, least=loss) if loss < at.least else at
        yield at, means


def _gradient(
    net: MemoryNet,
    row: Tensor,
    pictures: Tensor,
    targets: Grams,
    features: FeatureExtractor,
    spec: LossSpec,
    delta: float,
    half: bool,
) -> Generator[None, None, tuple[Tensor, dict[str, float]]]:
    """The gradient (R,) of a row's loss over contents (N, 3, H, W), none for its palette, and the losses' means.

    Yields at points where the descent can be stopped.
    """
    leaf = row.detach().clone().requires_grad_()
    gradient, means = torch.zeros_like(leaf[0]), dict.fromkeys(("content", "style", "tv"), 0.0)
    for number in range(len(pictures)):
        x = pictures[number : number + 1]
        with torch.enable_grad(), torch.autocast(leaf.device.type, torch.bfloat16, enabled=half):
            y = net(x, leaf)
        yield None

        with torch.enable_grad(), torch.autocast(leaf.device.type, torch.bfloat16, enabled=half):
            losses = perceptual_losses(y, x, targets, features, spec, delta)
            total = _pulling(losses, spec) + TV * losses.tv + LATTICE * lattice_loss(y)
        gradient += torch.autograd.grad(total, leaf)[0][0] / len(pictures)
        means = {k: means[k] + float(v.detach()) / len(pictures) for k, v in losses.means().items()}
        yield None
    gradient[-COLOURS:] = 0
    return gradient, means


def _pulling(losses: PerceptualLosses, spec: LossSpec) -> Tensor:
    """Content and style, both in their pseudo-Huber form."""
    return pseudo_huber(losses.content.mean(), 1.0) + spec.style_weight * losses.pull.mean()


def _adam(at: Descent, g: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """The row a step further, and the moments."""
    first, second = 0.9 * at.moments[0] + 0.1 * g, 0.99 * at.moments[1] + 0.01 * g.square()
    t = at.step + 1
    slope = (first / (1 - 0.9**t)) / ((second / (1 - 0.99**t)).sqrt() + 1e-8)
    return at.row - rate * slope, torch.stack([first, second])


def _checked(
    net: MemoryNet,
    row: Tensor,
    held: Tensor,
    targets: Grams,
    features: FeatureExtractor,
    spec: LossSpec,
    delta: float,
    half: bool,
) -> Generator[None, None, float]:
    """The mean of what would pull with the contents `held`; yields after each."""
    total = 0.0
    for number in range(len(held)):
        x = held[number : number + 1].to(row.device, memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(row.device.type, torch.bfloat16, enabled=half):
            losses = perceptual_losses(net(x, row), x, targets, features, spec, delta)
        total += float(_pulling(losses, spec))
        yield
    return total / len(held)


def kept(at: Descent, origin: str, held: Tensor) -> Arrays:
    """The arrays of a checkpoint; `origin` is a text that identifies networks and recipe."""
    return {
        "step": np.array(at.step),
        "losses": np.array([at.least, at.first], np.float32),
        "of": _digest(origin.encode()),
        "held": _digest(held.numpy().tobytes()),
    } | {k: to_array(v) for k, v in (("row", at.row), ("moments", at.moments), ("best", at.best))}


def resumed(checkpoint: Arrays | None, start: Tensor, origin: str, held: Tensor, steps: int) -> Descent | None:
    """Where a checkpoint of the same networks and recipe stood, which began at `start` (1, R). What it came to with other
    pictures held back than `held` says nothing of these: it is then measured again."""
    try:
        assert checkpoint is not None
        row, moments, best = (
            torch.from_numpy(np.array(checkpoint[k], np.float32)).to(start) for k in ("row", "moments", "best")
        )
        least, first = (float(x) for x in checkpoint["losses"])
        at = Descent(int(checkpoint["step"]), row, moments, start, best, least, first)
        asked = kept(at, origin, held)
        ours, same = (np.array_equal(checkpoint[k], asked[k]) for k in ("of", "held"))
    except (AssertionError, KeyError, ValueError, TypeError):
        return None
    fits = row.shape == best.shape == start.shape and moments.shape == (2, start.shape[1]) and 0 < at.step <= steps
    if not (ours and fits):
        return None
    return at if same else replace(at, least=math.inf, first=math.inf)


def _digest(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(hashlib.sha256(data).digest(), np.uint8).copy()
