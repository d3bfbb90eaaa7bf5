# SPDX-License-Identifier: Apache-2.0
"""Colours (or any numbers) for pixels that have none: what lies hidden under alpha 0 is filled from visible neighbours.

Invariant: the result does not depend on the colours it replaces, which must be finite.
"""

from __future__ import annotations

import numpy as np

from scumble.image.mapped import empty, release_pages
from scumble.image.resample import Array, across, axis, linear

BAND = 1 << 20
"""Pixels that are filled at once."""


def fill_hidden(rgb: Array, alpha: Array) -> None:
    """Push-pull (Gortler et al. 1996, section 3.4), in place: (H, W, C) where alpha (H, W) is 0 or less.

    The alpha-weighted average of each 2 x 2 block makes the next coarser picture, whose own holes are filled first; holes
    then take its linear interpolation. A picture without a visible pixel becomes black.
    """
    height, width = alpha.shape
    step = 2 * max(1, BAND // 2 // width)
    visible = 0
    for a in range(0, height, step):
        visible += int((alpha[a : a + step] > 0).sum())
        release_pages(alpha)
    if visible == alpha.size:
        return
    if not visible:
        rgb[...] = 0
        return
    coarse, coarse_alpha = _halve(rgb, alpha, step)
    fill_hidden(coarse, coarse_alpha)
    rows = axis(coarse.shape[0], height, 0.5, 0.0, linear)
    columns = axis(coarse.shape[1], width, 0.5, 0.0, linear)
    for a in range(0, height, step):
        b = min(a + step, height)
        hidden = ~(alpha[a:b] > 0)
        if hidden.any():
            lo, hi, matrix = rows.window(a, b)
            band = np.tensordot(matrix, coarse[lo:hi], 1)
            smooth = np.moveaxis(across(np.ascontiguousarray(np.moveaxis(band, 2, 0)), columns), 0, 2)
            np.copyto(rgb[a:b], smooth, where=hidden[..., None])
        release_pages(rgb, alpha, coarse)


def _halve(rgb: Array, alpha: Array, step: int) -> tuple[Array, Array]:
    """Averages of 2 x 2 blocks weighted with alpha, and the largest alpha of each; `step` rows at a time, an even number."""
    height, width = alpha.shape
    size = ((height + 1) // 2, (width + 1) // 2)
    colour, most = empty((*size, rgb.shape[2]), np.float32), empty(size, np.float32)
    for top in range(0, height, step):
        shown = np.where(alpha[top : top + step] > 0, alpha[top : top + step], 0)
        band, largest = colour[top // 2 : (top + step) // 2], most[top // 2 : (top + step) // 2]
        weight = np.zeros(largest.shape, np.float32)
        band[...], largest[...] = 0, 0
        for y in (0, 1):
            for x in (0, 1):
                a = shown[y::2, x::2]
                h, w = a.shape
                for c in range(rgb.shape[2]):
                    band[:h, :w, c] += rgb[top + y : top + step : 2, x::2, c] * a
                weight[:h, :w] += a
                np.maximum(largest[:h, :w], a, out=largest[:h, :w])
        band /= np.where(weight > 0, weight, 1)[..., None]
        release_pages(rgb, alpha, colour, most)
    return colour, most
