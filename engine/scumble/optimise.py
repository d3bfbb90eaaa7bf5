# SPDX-License-Identifier: Apache-2.0
"""Descends a loss over the pixels of a picture, by L-BFGS or Adam, one evaluation a step.

Invariant: what comes out is the best picture that was seen; a step that blows up is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scumble.objective import Losses, Objective

HISTORY = 20
"""Pairs that L-BFGS remembers. The authors' code keeps 100, which at 512 px costs as much as an evaluation of the compact
network; 20 lose next to nothing in the first hundred steps."""

SMOOTHING = 0.5
"""Exponent of the change of variables in `Spectrum`. 0.25 to 0.75 do about as well."""

WILD = 4.0
"""A loss so many times the best one seen means that a step went wrong."""


class Spectrum:
    """A change of variables: frequency f of the picture is z's, times (f / f0) ** -exponent; 0 changes nothing.

    The loss of natural-looking pictures is steep for fine detail and flat for broad strokes; a gradient step in z moves both.
    Olah et al. 2017 ("Feature Visualization", preconditioning) decorrelate pixels in the same way.
    """

    def __init__(self, height: int, width: int, device: torch.device, exponent: float = SMOOTHING) -> None:
        fy = torch.fft.fftfreq(height, device=device)[:, None]
        fx = torch.fft.rfftfreq(width, device=device)[None]
        cycles = (fy.square() + fx.square()).sqrt() * max(height, width)
        self._gain = (4 * cycles.clamp_min(4) / max(height, width)) ** -exponent if exponent else None
        self._size = (height, width)

    def __call__(self, z: Tensor) -> Tensor:
        """(1, 3, H, W) to (1, 3, H, W): linear, and its own transpose."""
        if self._gain is None:
            return z.clone(memory_format=torch.contiguous_format)
        x: Tensor = torch.fft.irfft2(torch.fft.rfft2(z) * self._gain, s=self._size)
        return x


@dataclass(frozen=True)
class Step:
    """Where a descent stands: what was evaluated last, and the best so far. Pictures are (1, 3, H, W), and may leave [0, 1]."""

    number: int
    losses: Losses
    picture: Tensor
    best: Tensor


def descend(
    loss: Objective,
    start: Tensor,
    steps: int,
    optimiser: Literal["lbfgs", "adam"],
    exponent: float = SMOOTHING,
    history: int = HISTORY,
) -> Iterator[Step | None]:
    """Improve `start` (1, 3, H, W) by `steps` evaluations.

    Yields a Step after each, and None at points in between where it can be stopped.
    """
    start = start.contiguous()  # torch's L-BFGS asks it of pictures and gradients
    spectrum = Spectrum(start.shape[2], start.shape[3], start.device, exponent)
    best, least = start, math.inf
    origin, z = start, torch.zeros_like(start).requires_grad_()
    optimizer = _optimizer(optimiser, z, history)
    rate = 1.0
    for number in range(1, steps + 1):
        x = (origin + spectrum(z.detach())).requires_grad_()
        losses = yield from loss.evaluate(x)
        picture = x.detach()
        assert x.grad is not None
        if not losses.total <= WILD * least:
            rate /= 2
            origin, z = best, torch.zeros_like(start).requires_grad_()
            optimizer = _optimizer(optimiser, z, history, rate)
            yield Step(number, losses, picture, best)
            continue
        if losses.total < least:
            best, least = picture, losses.total
        z.grad = spectrum(x.grad)
        if isinstance(optimizer, torch.optim.Adam):
            optimizer.param_groups[0]["lr"] = ADAM_RATE * rate * (0.1 + 0.45 * (1 + math.cos(math.pi * number / steps)))
        total = losses.total
        optimizer.step(lambda: total)  # noqa: B023
        yield Step(number, losses, picture, best)


ADAM_RATE = 0.02
"""In units of white = 1; falls to a tenth along half a cosine."""


def _optimizer(name: Literal["lbfgs", "adam"], z: Tensor, history: int, rate: float = 1.0) -> torch.optim.Optimizer:
    """One evaluation a step: with max_iter=1, torch's L-BFGS asks for the loss once and keeps its history between steps."""
    if name == "adam":
        return torch.optim.Adam([z], lr=ADAM_RATE * rate, betas=(0.9, 0.99))
    # The mean-normalised loss of a large picture has gradients far below torch's default tolerances.
    return torch.optim.LBFGS([z], lr=rate, max_iter=1, history_size=history, tolerance_grad=0.0, tolerance_change=0.0)
