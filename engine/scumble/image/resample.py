# SPDX-License-Identifier: Apache-2.0
"""Resampling along one axis as a banded matrix, applied block by block.

Invariant: what a row of the output is depends on the picture alone, not on the bands it was computed in; so a picture of any
size is resampled in bounded memory. It is our own because a window of the output must have the weights that the whole has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scumble.image.mapped import release_pages

Array = NDArray[np.float32]
Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]

BLOCK = 32
"""Outputs a matrix product computes at once: wide enough for the BLAS, narrow enough that few products are with zero."""


def linear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation, and widened the usual antialiasing filter. Never negative, so colours weighted with alpha stay
    between those they are made of; and a ramp keeps its place at any scale, which sharper windows do not near scale 1."""
    weights: NDArray[np.float64] = np.maximum(0.0, 1 - np.abs(x))
    return weights


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Catmull-Rom interpolation (Keys 1981, a = -1/2): sharp, for bringing up what was computed at a smaller size."""
    t = np.abs(x)
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((-0.5 * t + 2.5) * t - 4) * t + 2, 0.0))


SUPPORT: dict[Kernel, int] = {linear: 1, cubic: 2}


@dataclass(frozen=True)
class Axis:
    """A linear map from `length` cells to others: output j is the sum over k of weights[j, k] * input[first[j] + k]."""

    length: int
    first: NDArray[np.intp]
    weights: Array

    @property
    def outputs(self) -> int:
        return len(self.first)

    @property
    def identity(self) -> bool:
        """Whether the output is the input."""
        return self.weights.shape[1] == 1 and self.outputs == self.length

    def window(self, start: int, stop: int) -> tuple[int, int, Array]:
        """For outputs start..stop: the inputs lo..hi they draw on, and the matrix (stop - start, hi - lo) between them."""
        first, weights = self.first[start:stop], self.weights[start:stop]
        lo, hi = int(first.min()), int(first.max()) + weights.shape[1]
        matrix = np.zeros((stop - start, hi - lo), np.float32)
        np.put_along_axis(matrix, first[:, None] - lo + np.arange(weights.shape[1]), weights, 1)
        return lo, hi, matrix

    @cached_property
    def blocks(self) -> list[tuple[int, int, int, int, Array]]:
        """(start, stop, *window(start, stop)) for every BLOCK of outputs."""
        starts = range(0, self.outputs, BLOCK)
        return [(a, b, *self.window(a, b)) for a in starts for b in [min(a + BLOCK, self.outputs)]]


def axis(length: int, outputs: int, step: float, shift: float, kernel: Kernel) -> Axis:
    """Output j, centred at (j + 1/2) * step + shift in cells of the input, by `kernel`, widened where step > 1.

    Where the kernel reaches over an end, the rest of it counts.
    """
    centres = (np.arange(outputs) + 0.5) * step + shift
    if outputs == length and np.allclose(centres, np.arange(length) + 0.5, rtol=0, atol=1e-9):
        return Axis(length, np.arange(length, dtype=np.intp), np.ones((length, 1), np.float32))
    width = max(1.0, step)
    reach = SUPPORT[kernel] * width
    taps = min(length, math.ceil(2 * reach) + 1)
    first = np.clip(np.floor(centres - reach), 0, length - taps).astype(np.intp)
    weights = kernel((first[:, None] + np.arange(taps) + 0.5 - centres[:, None]) / width)
    total = weights.sum(1, keepdims=True)
    return Axis(length, first, (weights / total).astype(np.float32))


def fit(length: int, outputs: int) -> Axis:
    """From `length` cells to `outputs` over the same extent; antialiased where that is fewer."""
    return axis(length, outputs, length / outputs, 0.0, linear)


def across(x: Array, columns: Axis) -> Array:
    """(..., length) to (..., outputs)."""
    if columns.identity:
        return x
    out = np.empty((*x.shape[:-1], columns.outputs), np.float32)
    for a, b, lo, hi, matrix in columns.blocks:
        np.matmul(x[..., lo:hi], matrix.T, out=out[..., a:b])
    return out


def resize(rgb: Array, height: int, width: int) -> Array:
    """(H, W, C) to (height, width, C). Of a large picture only some rows are held at a time, of the result all."""
    out = np.empty((height, width, rgb.shape[2]), np.float32)
    for a, b, band in bands(rgb, fit(rgb.shape[0], height), fit(rgb.shape[1], width)):
        out[a:b] = band
    return out


def bands(rgb: Array, rows: Axis, columns: Axis) -> Iterator[tuple[int, int, Array]]:
    """(start, stop, the rows between them) of (H, W, C) resampled along both."""
    for a, b, lo, hi, matrix in rows.blocks:
        band = rgb[lo:hi]
        if not rows.identity:
            band = (matrix @ band.reshape(hi - lo, -1)).reshape(b - a, *rgb.shape[1:])
        yield a, b, np.moveaxis(across(np.ascontiguousarray(np.moveaxis(band, 2, 0)), columns), 0, 2)
        release_pages(rgb)
