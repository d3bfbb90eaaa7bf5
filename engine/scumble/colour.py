# SPDX-License-Identifier: Apache-2.0
"""A painting in the colours of the photograph: by luma, pixel by pixel, or by CORAL, palette by palette.

Arrays are planes of float32, (3, ...) for colours and (...) for luma, sRGB curve, in [0, 1], unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scumble.resample import Array

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of sRGB's primaries (ITU-R BT.709), taken on the curve as video does."""


LEAST_VARIANCE = 2.5e-4
"""Along no direction of colour is a painting taken to vary less: what hardly varies is noise, and is not blown up."""

BAND = 1 << 18
"""Pixels whose moments are summed up at once, in double precision."""


def luma(rgb: Array) -> Array:
    """(3, ...) to (...)."""
    weighted: Array = LUMA[0] * rgb[0] + LUMA[1] * rgb[1] + LUMA[2] * rgb[2]
    return weighted


def keep_colours(stylized: Array, original: Array) -> Array:
    """Light and dark of the painting, colours of the original: Gatys et al. 2016 (arXiv 1606.05897, section 4), luminance only.

    They work in YIQ; here the luma is BT.709's, and where it leaves no room for the colour, the colour is made paler, not
    another hue: y' + t (rgb - y) with the largest t <= 1 that stays in [0, 1]. The result's luma is exactly the painting's.
    """
    wanted = np.clip(luma(stylized), 0, 1)
    chroma = original - luma(original)
    room = np.where(chroma > 0, 1 - wanted, wanted)
    size = np.abs(chroma)
    t = np.divide(room, size, out=np.ones_like(size), where=size > room).min(axis=0)
    result: Array = np.clip(wanted + t * chroma, 0, 1).astype(np.float32)
    return result


@dataclass(frozen=True)
class Palette:
    """A change of colours that is the same for every pixel: matrix (x - before) + after."""

    matrix: Array
    before: Array
    after: Array

    def __call__(self, rgb: Array) -> Array:
        """(3, ...) to (3, ...), kept within [0, 1]."""
        moved = np.tensordot(self.matrix, rgb - self.before.reshape(3, *[1] * (rgb.ndim - 1)), 1)
        result: Array = np.clip(moved + self.after.reshape(3, *[1] * (rgb.ndim - 1)), 0, 1).astype(np.float32)
        return result


def coral(stylized: Array, original: Array, weight: Array | None = None) -> Palette:
    """What brings mean and covariance of the painting's colours to the original's: CORAL (Sun, Feng and Saenko 2016, arXiv
    1511.05547), as Huang and Belongie preserve colours (section 7.2) and Gatys et al. 2016 (arXiv 1606.05897, section 3).

    They recolour the style before it is transferred; here the result is, so that it serves every method, and styles that
    ship without a painting. Both (H, W, 3), `weight` (H, W): how much each pixel counts.
    """
    (before, source), (after, target) = (_moments(x, weight) for x in (stylized, original))
    matrix = _power(target, 0.5, 0.0) @ _power(source, -0.5, LEAST_VARIANCE)
    return Palette(matrix.astype(np.float32), before.astype(np.float32), after.astype(np.float32))


def _moments(rgb: Array, weight: Array | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (3,) and covariance (3, 3)."""
    count, total, squares = 0.0, np.zeros(3), np.zeros((3, 3))
    rows = max(1, BAND // rgb.shape[1])
    for a in range(0, len(rgb), rows):
        x = rgb[a : a + rows].reshape(-1, 3).astype(np.float64)
        w = np.ones(len(x)) if weight is None else weight[a : a + rows].reshape(-1).astype(np.float64)
        count, total, squares = count + w.sum(), total + w @ x, squares + (x * w[:, None]).T @ x
    mean = total / max(count, 1e-12)
    return mean, squares / max(count, 1e-12) - np.outer(mean, mean)


def _power(covariance: NDArray[np.float64], exponent: float, least: float) -> NDArray[np.float64]:
    """A symmetric matrix to a power, no eigenvalue below `least`."""
    values, vectors = np.linalg.eigh(covariance)
    result: NDArray[np.float64] = (vectors * np.maximum(values, least) ** exponent) @ vectors.T
    return result
