# SPDX-License-Identifier: Apache-2.0
"""Colours (or any numbers) for pixels that have none: what lies hidden under alpha 0 is filled from visible neighbours.

Invariant: the result does not depend on the colours it replaces, which must be finite.
"""

from __future__ import annotations

import numpy as np

from scumble.resample import Array, across, axis, linear

BAND = 1 << 20
"""Pixels that are filled at once."""


def fill_hidden(rgb: Array, alpha: Array) -> None:
    """Push-pull (Gortler et al. 1996, section 3.4), in place: (H, W, C) where alpha (H, W) is 0 or less.

    The alpha-weighted average of each 2 x 2 block makes the next coarser picture, whose own holes are filled first; holes
    then take its linear interpolation. A picture without a visible pixel becomes black.
    """
    hidden = ~(alpha > 0)
    if not hidden.any():
        return
    if hidden.all():
        rgb[...] = 0
        return
    coarse, coarse_alpha = _halve(rgb, alpha, hidden)
    fill_hidden(coarse, coarse_alpha)
    height, width = alpha.shape
    rows = axis(coarse.shape[0], height, 0.5, 0.0, linear)
    columns = axis(coarse.shape[1], width, 0.5, 0.0, linear)
    step = max(1, BAND // width)
    for a in range(0, height, step):
        b = min(a + step, height)
        if hidden[a:b].any():
            lo, hi, matrix = rows.window(a, b)
            band = np.tensordot(matrix, coarse[lo:hi], 1)
            smooth = np.moveaxis(across(np.ascontiguousarray(np.moveaxis(band, 2, 0)), columns), 0, 2)
            np.copyto(rgb[a:b], smooth, where=hidden[a:b, :, None])


def _halve(rgb: Array, alpha: Array, hidden: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[Array, Array]:
    """Averages of 2 x 2 blocks weighted with alpha, and the largest alpha of each."""
    height, width = alpha.shape
    size = ((height + 1) // 2, (width + 1) // 2)
    channels = rgb.shape[2]
    colour, weight, most = np.zeros((*size, channels), np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
    for y in (0, 1):
        for x in (0, 1):
            a = np.where(hidden[y::2, x::2], 0, alpha[y::2, x::2])
            h, w = a.shape
            for c in range(channels):
                colour[:h, :w, c] += rgb[y::2, x::2, c] * a
            weight[:h, :w] += a
            np.maximum(most[:h, :w], a, out=most[:h, :w])
    colour /= np.where(weight > 0, weight, 1)[..., None]
    return colour, most
