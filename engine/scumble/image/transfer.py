# SPDX-License-Identifier: Apache-2.0
"""The sRGB curve, for hosts whose floating-point layers are linear light with sRGB primaries (Krita's are).

Invariant: both directions are each other's inverse on all of the real line: beyond [0, 1] the curve goes on, and negative
numbers mirror positive ones, so that a highlight above white survives the way there and back.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scumble.image.resample import Array

Transfer = Literal["srgb", "linear"]

FINE = 65535
"""Steps in [0, 1] of the table that floats of 16 bits are written by: near white they have 2048."""


def to_srgb(linear: Array) -> Array:
    """Numbers of linear light as the sRGB curve has them (IEC 61966-2-1); float32 of any shape."""
    size = np.abs(linear)
    low = 12.92 * np.minimum(size, 0.0031308)
    curved = np.where(size <= 0.0031308, low, 1.055 * size ** np.float32(1 / 2.4) - 0.055)
    return np.copysign(curved, linear).astype(np.float32, copy=False)


def to_linear(curved: Array) -> Array:
    """The inverse of `to_srgb`."""
    size = np.abs(curved)
    with np.errstate(over="ignore"):  # of the largest numbers there are, rounding makes larger ones
        linear = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** np.float32(2.4))
    return np.copysign(linear, curved).astype(np.float32, copy=False)


def decoded(channel: NDArray[Any]) -> Array:
    """One channel of linear floats, of 16 or 32 bits, on the sRGB curve; finite, NaN as 0."""
    if channel.dtype == np.float16:
        encoded: Array = _half_to_srgb()[channel.view(np.uint16)]
        return encoded
    most = float(np.finfo(channel.dtype).max)
    return to_srgb(np.nan_to_num(channel.astype(np.float32), nan=0.0, posinf=most, neginf=-most))


def encoded(plane: Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A plane on the sRGB curve as linear floats of `dtype`."""
    if dtype == np.float16 and plane.size and float(plane.min()) >= 0 and float(plane.max()) <= 1:
        return _srgb_to_half()[(plane * np.float32(FINE) + np.float32(0.5)).astype(np.uint16)]
    most = float(np.finfo(dtype).max)
    return np.clip(to_linear(plane), -most, most).astype(dtype)


@cache
def _half_to_srgb() -> Array:
    """A table of all 65,536 floats of 16 bits on the sRGB curve."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    most = float(np.finfo(np.float16).max)
    return to_srgb(np.nan_to_num(every, nan=0.0, posinf=most, neginf=-most))


@cache
def _srgb_to_half() -> NDArray[Any]:
    return to_linear(np.arange(FINE + 1, dtype=np.float32) / np.float32(FINE)).astype(np.float16)
