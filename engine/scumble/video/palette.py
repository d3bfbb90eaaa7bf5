# SPDX-License-Identifier: Apache-2.0
"""Chooses the 256 colours, at most, of each frame of a GIF.

Invariants: a frame of few enough colours keeps each of them; what does not move in the frames does not move in the file. So
there is no dithering, whose pattern would flicker or stand still while the picture moves, and a palette is kept while it fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scumble.image.pixels import AnyPixels

Bytes = NDArray[np.uint8]

COLOURS = 256
FITS = 1.25
"""How much worse (root mean square) than a palette of its own the last one may serve a frame, before it gets one."""


@dataclass(frozen=True)
class _Palette:
    colours: Bytes
    """(N, 3)"""
    image: Image.Image
    """The same, for Pillow."""

    @classmethod
    def of(cls, rgb: Bytes, count: int) -> _Palette:
        """The best for these pixels, (N, 3), that median cut finds."""
        picture = Image.fromarray(rgb[None]).quantize(count, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        colours = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)[:count]
        image = Image.new("P", (1, 1))
        image.putpalette(colours.tobytes() + bytes(colours[-1]) * (COLOURS - len(colours)))
        return cls(colours, image)

    def nearest(self, rgb: Bytes) -> Bytes:
        """(H, W) indices."""
        indices = np.asarray(Image.fromarray(rgb).quantize(palette=self.image, dither=Image.Dither.NONE))
        return np.asarray(np.minimum(indices, len(self.colours) - 1), np.uint8)

    def error(self, rgb: Bytes) -> float:
        """Root mean square of the differences, per channel, of (H, W, 3)."""
        return float(np.sqrt(np.square(self.colours[self.nearest(rgb)].astype(np.float32) - rgb).mean()))


class Palettes:
    """The palettes of one file's frames, in order."""

    def __init__(self) -> None:
        self._last: _Palette | None = None

    def fit(self, pixels: AnyPixels) -> tuple[Bytes, Bytes, int | None]:
        """(H, W, 4) uint8 as indices (H, W), colours (N, 3), and the index of what is transparent, if anything is: all whose
        alpha is below a half."""
        visible = pixels[..., 3] >= 128
        hidden = not visible.all()
        rgb = np.ascontiguousarray(pixels[..., :3])
        room = COLOURS - hidden
        packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        unique = np.unique(packed[visible])
        if len(unique) <= room:
            colours = (unique[:, None] >> np.array([16, 8, 0], np.uint32)).astype(np.uint8)
            indices = np.searchsorted(unique, packed).astype(np.uint8)
        else:
            indices, colours = self._rounded(rgb, visible)
        if hidden:
            indices[~visible] = len(colours)
            colours = np.vstack([colours, np.zeros((1, 3), np.uint8)])
        return indices, colours, len(colours) - 1 if hidden else None

    def _rounded(self, rgb: Bytes, visible: NDArray[np.bool_]) -> tuple[Bytes, Bytes]:
        shown = rgb[visible]
        own = _Palette.of(shown, COLOURS - 1)
        error = own.error(shown[None])
        if self._last is not None and self._last.error(shown[None]) <= FITS * error + 0.5:  # half a step is not visible
            own = self._last
        self._last = own
        return own.nearest(rgb), own.colours
