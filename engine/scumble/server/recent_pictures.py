# SPDX-License-Identifier: Apache-2.0
"""Small copies of the pictures that were painted last, for refining styles on what this user paints.

Invariant: a few of them are held in the worker's memory alone; nothing of them is ever written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scumble.api.method import Pixels
from scumble.image.fill import fill_hidden
from scumble.image.pixels import AnyPixels, Order, reduced
from scumble.image.transfer import Transfer
from scumble.library.refinements import KEPT
from scumble.painting.grid import WORKING
from scumble.painting.pipeline import Context

LEAST_SIDE = 64
"""Pixels: a smaller picture has nothing to learn a style's strokes on."""


class RecentPictures:
    """The last few different pictures, the newest first."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.uint8]] = []

    def keep(self, pixels: AnyPixels, order: Order, context: Context | None, transfer: Transfer = "srgb") -> None:
        """Take a picture, of a selection its whole layer."""
        rgb = _small(pixels, order, transfer) if context is None else _small(context.pixels, context.order, context.transfer)
        if rgb is not None:
            others = [kept for kept in self._kept if not np.array_equal(kept, rgb)]
            self._kept = [rgb, *others][:KEPT]

    def pictures(self) -> list[Pixels]:
        return [kept.astype(np.float32) / np.float32(255) for kept in self._kept]


def _small(pixels: AnyPixels, order: Order, transfer: Transfer) -> NDArray[np.uint8] | None:
    """(H, W, 3) at the working scale; None for one that is too small or has no visible pixel."""
    step = max(1, max(pixels.shape[:2]) // (2 * WORKING))  # every n-th pixel of a large one: this must take no time
    pixels = pixels[::step, ::step]
    if min(pixels.shape[:2]) < LEAST_SIDE:
        return None
    ratio = min(1.0, WORKING / max(pixels.shape[:2]))
    height, width = (max(1, round(side * ratio)) for side in pixels.shape[:2])
    rgb, alpha = reduced(pixels, order, height, width, transfer)
    if not (alpha > 0).any():
        return None
    fill_hidden(rgb, alpha)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
