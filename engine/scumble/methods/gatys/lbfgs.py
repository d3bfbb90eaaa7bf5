# SPDX-License-Identifier: Apache-2.0
"""L-BFGS with one evaluation a step, over a picture's worth of numbers (Nocedal 1980; the rules of torch.optim.LBFGS with
max_iter=1, no line search and no tolerances: the loss of a large picture has gradients far below torch's defaults).

Invariant: what it remembers of a large picture lies in files (mapped.py), and less of it; between two steps none is in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from scumble.image import mapped

IN_FILES = 1 << 25
"""Bytes of a picture as floats from which on it is remembered in files: 2.8 megapixels."""

MOST = 2 << 30
"""Bytes of pairs in files: 5 pairs at 4096 x 4096."""


class Storage:
    """Allocates tensors of the shape of `like` that are not always needed: contiguous, float32, in files where large."""

    def __init__(self, like: Tensor) -> None:
        self.in_files = like.device.type == "cpu" and like.numel() * 4 >= IN_FILES
        self._shape, self._device = tuple(like.shape), like.device
        self._arrays: list[object] = []

    def allocate(self) -> Tensor:
        if not self.in_files:
            return torch.empty(self._shape, device=self._device)
        array = mapped.empty(self._shape, "float32", IN_FILES)
        self._arrays.append(array)
        return torch.from_numpy(array)

    def release_pages(self) -> None:
        """Leave what lies in files to the system."""
        mapped.release_pages(*self._arrays)


class LBFGS:
    """Descends over `z`, of the shape of `start`, from 0. Everything is contiguous and float32."""

    def __init__(self, start: Tensor, rate: float, history: int) -> None:
        self._storage, self._rate = Storage(start), rate
        self._history = max(1, min(history, MOST // (8 * start.numel()))) if self._storage.in_files else history
        self.z = self._storage.allocate().zero_()
        self._before, self._direction = self._storage.allocate(), self._storage.allocate()
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
        self.release_pages()
        self._direction.copy_(d)
        self.release_pages()
        self._step = self._rate * (min(1.0, 1 / max(float(gradient.abs().sum()), 1e-30)) if first else 1.0)
        if self._dot(gradient, d) <= 0:
            self._add(self.z, d, self._step)

    def release_pages(self) -> None:
        """Leave what lies in files to the system."""
        self._storage.release_pages()

    def _remember(self, gradient: Tensor) -> None:
        y, s = self._pairs[0][:2] if len(self._pairs) == self._history else (self._storage.allocate(), self._storage.allocate())
        for part, now, before in self._planes(y, gradient, self._before):
            torch.sub(now, before, out=part)
        for part, direction in self._planes(s, self._direction):
            torch.mul(direction, self._step, out=part)
        product = self._dot(y, s)
        if len(self._pairs) == self._history:
            self._pairs.popleft()
        if product > 1e-10:
            self._pairs.append((y, s, 1 / product))
            self._scale = product / self._dot(y, y)

    def _precondition(self, d: Tensor) -> None:
        """In place: d to the product of it and the inverse of the Hessian, as far as the pairs tell (two-loop recursion)."""
        shares = []
        for y, s, rho in reversed(self._pairs):
            shares.append(rho * self._dot(s, d))
            self._add(d, y, -shares[-1])
        d.mul_(self._scale)
        for y, s, rho in self._pairs:
            self._add(d, s, shares.pop() - rho * self._dot(y, d))

    def _dot(self, a: Tensor, b: Tensor) -> float:
        return sum(float(torch.dot(x.flatten(), y.flatten())) for x, y in self._planes(a, b))

    def _add(self, to: Tensor, what: Tensor, factor: float) -> None:
        for x, y in self._planes(to, what):
            x.add_(y, alpha=factor)

    def _planes(self, *pictures: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Red, green and blue of each; what lies in files is left to the system in between."""
        for planes in zip(*(picture[0] for picture in pictures), strict=True):
            yield planes
            self.release_pages()
