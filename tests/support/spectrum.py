# SPDX-License-Identifier: Apache-2.0
"""Looks for the weave that upsampling prints."""

from __future__ import annotations

import numpy as np


def lattice(picture: np.ndarray) -> float:
    """The strongest wave of period 2 or 4 pixels along an axis or diagonal of a square picture in [0, 1], in 255ths."""
    return max(wave(picture, 2), wave(picture, 4))


def wave(picture: np.ndarray, period: int) -> float:
    """The strongest wave of that period, likewise."""
    side = len(picture)
    window = np.outer(np.hanning(side), np.hanning(side))
    amplitude = np.abs(np.fft.fft2((picture - picture.mean()) * window)) / window.sum() * 2 * 255
    return max(float(amplitude[side // period * a % side, side // period * b % side]) for a, b in ((1, 0), (0, 1), (1, 1)))
