# SPDX-License-Identifier: Apache-2.0
"""Shared by GIF, APNG and WebP: reading bytes, frames that are laid over each other, and durations.

Invariant: numbers stay as deep as they are, and a pixel that is replaced, or laid over nothing, keeps every bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from scumble.image.pixels import AnyPixels, decode

Milliseconds = Fraction
"""A frame's duration. APNG counts in fractions of a second (30 frames a second are 1000/30), WebP in whole milliseconds, GIF
in hundredths of a second."""


class DamagedError(Exception):
    """The file breaks the rules of its format. The message is for the log, not for a painter."""


def read_exactly(file: BinaryIO, length: int) -> bytes:
    """The next `length` bytes. Raises DamagedError where the file ends before."""
    data = file.read(length)
    if len(data) != length:
        raise DamagedError("the file is too short")
    return data


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """The `length` bytes at `offset`. Raises DamagedError where the file ends before."""
    file.seek(offset)
    return read_exactly(file, length)


class After(Enum):
    """What becomes of the part of the canvas that a frame covered, once its time is over."""

    KEEP = "stays"
    CLEAR = "becomes transparent"
    RESTORE = "becomes what it was before"


@dataclass(frozen=True)
class Part:
    """A frame as its file holds it: pixels for a part of the canvas, and how they are laid over what is there."""

    x: int
    y: int
    width: int
    height: int
    milliseconds: Milliseconds
    over: bool
    """Whether it is blended over the canvas by its alpha; else it replaces the canvas there."""
    after: After
    spans: tuple[tuple[int, int], ...]
    """Where its coded pixels lie in the file, offset and length."""
    head: bytes = b""
    """Bytes that the container's `still` puts before them to make a still picture."""


@dataclass(frozen=True)
class Layout:
    """All that a file says of an animation, without its pixels."""

    width: int
    height: int
    plays: int
    """How often it is shown; 0 is forever."""
    alpha: bool
    """Whether a frame may be transparent anywhere."""
    parts: tuple[Part, ...]

    @property
    def uncovered(self) -> bool:
        """Whether the canvas itself may show, which is transparent."""
        return any(p.after is After.CLEAR for p in self.parts) or any(
            (p.x, p.y, p.width, p.height) != (0, 0, self.width, self.height) for p in self.parts[:1]
        )


def lay(pixels: AnyPixels, canvas: AnyPixels, over: bool) -> None:
    """Put `pixels` (h, w, 4) in place of, or over, `canvas` (h, w, 4), of the same depth, both with straight alpha."""
    if not over:
        canvas[...] = pixels
        return
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    alpha = pixels[..., 3]
    whole = (alpha == most) | ((alpha > 0) & (canvas[..., 3] == 0))
    canvas[whole] = pixels[whole]
    some = (alpha > 0) & ~whole
    if some.any():
        top, below = pixels[some].astype(np.float64) / most, canvas[some].astype(np.float64) / most
        rest = below[:, 3:] * (1 - top[:, 3:])
        both = top[:, 3:] + rest
        mixed = np.hstack([(top[:, :3] * top[:, 3:] + below[:, :3] * rest) / both, both])
        canvas[some] = np.rint(mixed * most) if pixels.dtype.kind == "u" else mixed


def eight_bits(pixels: AnyPixels) -> AnyPixels:
    """Pixels of any depth as uint8."""
    if pixels.dtype == np.uint8:
        return pixels
    bytes = np.rint(np.clip(decode(pixels, "rgba"), 0, 1) * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(bytes, 0, 2))


class Clock:
    """Rounds durations to whole ticks so that their sum stays right: the error of one frame is carried to the next."""

    def __init__(self, milliseconds: int, most: int) -> None:
        self._tick, self._most, self._left = milliseconds, most, Fraction(0)

    def ticks(self, duration: Milliseconds) -> int:
        """The frame's duration in ticks, at most `most`."""
        exact = duration / self._tick + self._left
        count = min(max(round(exact), 0), self._most)
        self._left = min(exact - count, Fraction(1))
        return count
