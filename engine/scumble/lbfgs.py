# SPDX-License-Identifier: Apache-2.0
"""L-BFGS with one evaluation a step, over a picture's worth of numbers (Nocedal 1980; the rules of torch.optim.LBFGS with
max_iter=1, no line search and no tolerances: the loss of a large picture has gradients far below torch's defaults).

Invariant: what it remembers of a large picture lies in files (scratch.py), and less of it; between two steps none is in memory.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from scumble import scratch

FILED = 1 << 25
"""Bytes of a picture as floats from which on it is remembered in files: 2.8 megapixels."""

MOST = 2 << 30
"""Bytes of pairs in files: 5 pairs at 4096 x 4096."""


class LBFGS:
    """Descends over `z`, of the shape of `start`, from 0. Everything is contiguous and float32."""

    def __init__(self, start: Tensor, rate: float, history: int) -> None:
        self._filed: list[object] = []
        self._like, self._rate = start, rate
        size = start.numel() * 4
        self._history = max(1, min(history, MOST // (2 * size))) if size >= FILED else history
        self.z = self._room().zero_()
        self._before, self._direction = self._room(), self._room()
        self._pairs: deque[tuple[Tensor, Tensor, float]] = deque()
        """Change of the gradient y, step s, and 1 / (y s); oldest first."""
        self._scale, self._step = 1.0, 0.0

    def step(self, gradient: Tensor, share: float) -> None:
        """Move `z` against its gradient."""
        gradient = gradient.contiguous()
        first = not self._step
        if not first:
            self._remember(gradient)
        d = gradient.neg()
        self._precondition(d)
        self._before.copy_(gradient)
        self._direction.copy_(d)
        self._step = self._rate * (min(1.0, 1 / max(float(gradient.abs().sum()), 1e-30)) if first else 1.0)
        if _dot(gradient, d) <= 0:
            self.z.add_(d, alpha=self._step)
        self.let_go()

    def let_go(self) -> None:
        """Leave what lies in files to the system."""
        scratch.let_go(*self._filed)

    def _remember(self, gradient: Tensor) -> None:
        y, s = self._pairs[0][:2] if len(self._pairs) == self._history else (self._room(), self._room())
        torch.sub(gradient, self._before, out=y)
        torch.mul(self._direction, self._step, out=s)
        product = _dot(y, s)
        if len(self._pairs) == self._history:
            self._pairs.popleft()
        if product > 1e-10:
            self._pairs.append((y, s, 1 / product))
            self._scale = product / _dot(y, y)
        self.let_go()

    def _precondition(self, d: Tensor) -> None:
        """In place: d to the product of it and the inverse of the Hessian, as far as the pairs tell (two-loop recursion)."""
        shares = []
        for y, s, rho in reversed(self._pairs):
            shares.append(rho * _dot(s, d))
            d.add_(y, alpha=-shares[-1])
            self.let_go()
        d.mul_(self._scale)
        for y, s, rho in self._pairs:
            d.add_(s, alpha=shares.pop() - rho * _dot(y, d))
            self.let_go()

    def _room(self) -> Tensor:
        if self._like.device.type != "cpu":
            return torch.empty_like(self._like)
        array = scratch.empty(tuple(self._like.shape), "float32", FILED)
        self._filed.append(array)
        return torch.from_numpy(array)


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
