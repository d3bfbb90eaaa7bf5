# SPDX-License-Identifier: Apache-2.0
"""Descends a loss over the pixels of a picture, by L-BFGS or Adam, one evaluation a step.

Invariant: what comes out is the best picture of the descent, or of its finish; a step that blows up is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scumble.methods.gatys.lbfgs import LBFGS, Storage
from scumble.methods.gatys.objective import Losses, Objective

HISTORY = 20
"""Pairs that L-BFGS remembers. The authors' code keeps 100, which at 512 px costs as much as an evaluation of the compact
network; 20 lose next to nothing in the first hundred steps."""

SMOOTHING = 0.5
"""Exponent of the change of variables in `Spectrum`. 0.25 to 0.75 do about as well."""

FINISHED = 24
"""Fewer steps have no finish of their own: it begins anew from the best picture, which takes two of them."""

WILD = 4.0
"""A loss so many times the best one so far means that a step went wrong."""


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
        x = torch.empty_like(z, memory_format=torch.contiguous_format)
        for plane, changed in zip(z.unbind(1), x.unbind(1), strict=True):  # one by one: spectra of large pictures are large
            if self._gain is None:
                changed.copy_(plane)
            else:
                changed.copy_(torch.fft.irfft2(torch.fft.rfft2(plane).mul_(self._gain), s=self._size))
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
    finish: float = 1.0,
) -> Iterator[Step | float]:
    """Improve `start` (1, 3, H, W) by `steps` evaluations. Of FINISHED and more the style counts `finish` times as much in the
    last third: by one weight throughout, the last steps mend the content and take paint away.

    Yields a Step after each, and at points in between, where it can be stopped, the share done of the evaluation. Of large
    pictures, the best of a Step is there until the next.
    """
    start = start.contiguous()  # torch's L-BFGS asks it of pictures and gradients
    spectrum = Spectrum(start.shape[2], start.shape[3], start.device, exponent)
    least, storage = math.inf, Storage(start)
    kept = storage.allocate() if storage.in_files else None
    optimizer = _optimizer(optimiser, start, history)
    best = origin = storage.allocate().copy_(start) if storage.in_files else start
    del start  # a large picture lies in a file between two uses
    rate = 1.0
    turn = 2 * steps // 3 + 1 if finish != 1 and steps >= FINISHED else 0
    for number in range(1, steps + 1):
        if number == turn:
            loss, least = loss.with_more_style(finish), math.inf
            origin, optimizer = storage.allocate().copy_(best), _optimizer(optimiser, best, history, rate)
            storage.release_pages()
        x = spectrum(optimizer.z)
        optimizer.release_pages()
        x.add_(origin).requires_grad_()
        storage.release_pages()
        losses = yield from loss.evaluate(x)
        picture, gradient = x.detach(), x.grad
        assert gradient is not None
        del x
        if not losses.total <= WILD * least:
            rate /= 2
            origin, optimizer = storage.allocate().copy_(best), _optimizer(optimiser, best, history, rate)
            del gradient
            yield Step(number, losses, picture, best)
            del picture
            continue
        if losses.total < least:
            best, least = picture if kept is None else kept.copy_(picture), losses.total
        gradient = spectrum(gradient)
        optimizer.step(gradient, number / steps)
        del gradient
        yield Step(number, losses, picture, best)
        del picture
        storage.release_pages()


ADAM_RATE = 0.02
"""In units of white = 1; falls to a tenth along half a cosine."""


class Adam:
    """Torch's, with that rate."""

    def __init__(self, start: Tensor, rate: float) -> None:
        self.z, self._rate = torch.zeros_like(start).requires_grad_(), ADAM_RATE * rate
        self._adam = torch.optim.Adam([self.z], lr=self._rate, betas=(0.9, 0.99))
        self.z.requires_grad_(False)

    def step(self, gradient: Tensor, share: float) -> None:
        """Move `z` against its gradient; `share` of all steps are then done."""
        self._adam.param_groups[0]["lr"] = self._rate * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))
        self.z.grad = gradient
        self._adam.step()
        self.z.grad = None

    def release_pages(self) -> None:
        """Everything stays in memory."""


def _optimizer(name: Literal["lbfgs", "adam"], start: Tensor, history: int, rate: float = 1.0) -> Adam | LBFGS:
    return Adam(start, rate) if name == "adam" else LBFGS(start, rate, history)
