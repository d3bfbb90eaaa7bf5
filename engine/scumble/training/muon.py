# SPDX-License-Identifier: Apache-2.0
"""Muon (Jordan et al. 2024): momentum with all its singular values brought near 1, for the convolutions of a network.

A step then moves all directions of a layer by the same amount, where Adam follows the few with the largest gradients
(methods/style_memory/README.md has what that gained). It is our own because torch.optim.Muon takes matrices only, and a
convolution is one only with its kernel flattened. All other parameters move by Adam, in the same object, so that a checkpoint
holds both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adam import adam

RMS = 0.3
"""Root mean square of a step of a convolution's weights, in learning rates: about that of Adam, so that both share one rate."""

MOMENTUM = 0.95
BETAS, EPS = (0.9, 0.999), 1e-8
"""Adam's."""


class Muon(Optimizer):
    """`matrices` are weights (C_out, ...), reshaped to (C_out, rest), that move by Muon; `others` move by Adam."""

    def __init__(self, matrices: Iterable[Tensor], others: Iterable[Tensor], lr: float) -> None:
        groups = [{"params": list(matrices), "muon": True}, {"params": list(others), "muon": False}]
        super().__init__([g for g in groups if g["params"]], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if not group["muon"]:
                self._adam_step(moving, group["lr"])
                continue
            for p in moving:
                self._orthogonal_step(p, group["lr"])

    def _orthogonal_step(self, p: Tensor, lr: float) -> None:
        assert p.grad is not None
        momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(MOMENTUM).add_(p.grad)
        ahead = p.grad.add(momentum, alpha=MOMENTUM).flatten(1).float()
        step = orthogonal(ahead)
        p.add_(step.view(p.shape).to(p), alpha=-lr * RMS * max(step.shape) ** 0.5)

    def _adam_step(self, moving: list[Tensor], lr: float) -> None:
        """One step of Adam for all parameters, in one pass over each: bases and predictor have 9 million numbers, and several
        passes take a tenth of a step of a training."""
        for p in moving:
            if not self.state[p]:
                step = torch.zeros((), device=p.device)
                self.state[p].update(mean=torch.zeros_like(p), square=torch.zeros_like(p), step=step)
        means, squares, steps = ([self.state[p][k] for p in moving] for k in ("mean", "square", "step"))
        adam(
            moving,
            [p.grad for p in moving if p.grad is not None],
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            eps=EPS,
            weight_decay=0.0,
        )


def for_convolutions(model: nn.Module, ends: Collection[nn.Module], lr: float) -> Muon:
    """An optimizer of `model`'s trainable parameters: weights of convolutions by Muon; the convolutions in `ends`, which read
    or write a picture's few channels, and all others by Adam."""
    apart = {m for end in ends for m in end.modules()}
    matrices = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and m not in apart]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    return Muon([p for p in matrices if p.requires_grad], others, lr)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """`matrix` (M, N) with its singular values brought near 1 (0.7 to 1.2), by the quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
