# SPDX-License-Identifier: Apache-2.0
"""Luma, and a painting in the colours of the photograph.

All arrays are planes of float32, (3, ...) for colours and (...) for luma, sRGB curve, in [0, 1].
"""

from __future__ import annotations

import numpy as np

from scumble.resample import Array

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of sRGB's primaries (ITU-R BT.709), taken on the curve as video does."""


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
