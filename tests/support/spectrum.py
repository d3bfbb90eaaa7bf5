# SPDX-License-Identifier: Apache-2.0
"""Looks for the weave that upsampling prints."""

from __future__ import annotations

import numpy as np


def lattice(picture: np.ndarray) -> float:
    """The strongest wave of period 2 or 4 pixels along an axis or diagonal of a square picture in [0, 1], in 255ths."""
    side = len(picture)
    window = np.outer(np.hanning(side), np.hanning(side))
    amplitude = np.abs(np.fft.fft2((picture - picture.mean()) * window)) / window.sum() * 2 * 255
    waves = [(side // p * a, side // p * b) for p in (2, 4) for a, b in ((1, 0), (0, 1), (1, 1))]
    return max(float(amplitude[a % side, b % side]) for a, b in waves)
