# SPDX-License-Identifier: Apache-2.0
"""Brings a picture that was stylized at a smaller size up to full size, with the edges of the original.

A guided filter (He and Sun 2015, arXiv 1505.00996) alone would keep only what the original explains and wash brush
strokes away. So its gain is used and its smoothing is not: `q = up(p) + up(a) * (I - up(I_small))`, where `a` is the
guided filter's local slope of the painting p over the original's luma I. Where the painting follows the original, the
original's fine detail comes back; where it does not, the strokes stay as they are.
Invariant: it works in bands of rows, each of which depends on its neighbourhood alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scumble.image.colour import luma
from scumble.image.resample import Array, Axis, across

RADIUS = 2
"""Of the guided filter's window, in pixels of the small picture."""
EPSILON = 0.02**2
"""Contrast, squared, below which the original guides nothing (the paper's regularisation; its examples use 0.1^2 for
enhancement, where more has to be smoothed)."""


@dataclass(frozen=True)
class Upscaler:
    """`painted` and `content` (h, w, 3) in [0, 1] at working scale, and the axes from there to full size."""

    painted: Array
    content: Array
    rows: Axis
    columns: Axis

    def band(self, start: int, stop: int, original: Array) -> Array:
        """Rows start..stop of the large picture, (3, rows, W); `original` (3, rows, W) is the picture there, in [0, 1]."""
        lo, hi, matrix = self.rows.window(start, stop)
        margin = 2 * RADIUS
        top, bottom = max(0, lo - margin), min(len(self.painted), hi + margin)
        painted = np.moveaxis(self.painted[top:bottom], 2, 0)
        guide = luma(np.moveaxis(self.content[top:bottom], 2, 0))
        small = np.concatenate([painted, _gain(painted, guide), guide[None]])[:, lo - top : hi - top]
        large = across(np.matmul(matrix, small), self.columns)
        result: Array = large[:3]
        result += large[3:6] * (luma(original) - large[6])
        return result


def _gain(p: Array, guide: Array) -> Array:
    """The guided filter's smoothed slope `a` of each plane of p (3, h, w) over the guide (h, w), limited to [-1, 1] so that
    detail never comes back stronger than it was."""
    mean, mean_p = _box(guide), _box(p)
    variance = _box(guide * guide) - mean * mean
    covariance = _box(p * guide) - mean_p * mean
    return _box(np.clip(covariance / (np.maximum(variance, 0) + EPSILON), -1, 1))


def _box(x: Array) -> Array:
    """Mean over a window of RADIUS to each side of the last two axes; the border is repeated."""
    for ax in (-2, -1):
        pad = [(0, 0)] * x.ndim
        pad[ax] = (RADIUS, RADIUS)
        padded, length = np.pad(x, pad, mode="edge"), x.shape[ax]
        shifted = [np.take(padded, range(k, k + length), ax) for k in range(2 * RADIUS + 1)]
        x = sum(shifted[1:], shifted[0]) / np.float32(2 * RADIUS + 1)
    return x
