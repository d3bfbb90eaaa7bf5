# SPDX-License-Identifier: Apache-2.0
"""Keeps what stands still in a sequence from flickering: a little of each painted frame is carried into the next.

A network paints every frame anew, and noise, or a shift by a pixel, is enough for it to place its strokes otherwise. So the
last painted frame is laid under the new one where the frame itself shows the same as before, perhaps moved by some whole
pixels (as Ruder, Dosovitskiy and Brox 2016 and Bonneel et al. 2015 do with optical flow; here a handful of shifts, found by
phase correlation, Kuglin and Hines 1975, stand for it).

Invariant: what is carried was painted from what is there now. The painted frame is kept together with the frame it shows,
both are mixed by the same weights, and a pixel is carried only as far as its surroundings in that frame are the new ones but
for noise. So nothing that moves draws a trail longer than its own difference from the noise allows, and slow changes do not
add up unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scumble.image.pixels import AnyPixels, decode, encode

Array = NDArray[np.float32]
Shift = tuple[int, int]
"""Rows down and columns right that the picture has moved."""

KEPT = 0.8
"""Share of the last frame where nothing has changed: noise of the painting falls to a third, and what is wrong is gone to a
tenth after ten frames."""

SAME, OTHER = 1.5, 3.0
"""Change, in units of the noise, up to which a place counts as the same, and from which as another. The root mean square
over `NEAR` of noise alone stays within 1.3."""

NEAR = 2
"""Pixels around each that are compared with it."""

REACH = 3
"""Pixels around a change that are painted anew as well: strokes reach beyond what they follow."""

LEAST_NOISE, MOST_NOISE = 1 / 255, 0.06
"""A step of 8 bits; and the noise of a photograph at night, above which differences are taken for changes."""

SHIFTS = 4
"""Movements looked for besides none: the camera's, and those of some large things."""

LOOK = 1024
"""Side of the middle of the frame in which they are looked for."""

CLEARLY = 0.2
"""How much better than a more common shift one must fit a place, so that flat places move with the rest."""


EXTREME = 1e4
"""Floats beyond are taken for it, so that their squares are numbers; no highlight comes near."""


@dataclass(frozen=True)
class _Kept:
    seen: Array
    """(4, H, W) in [0, 1], or beyond where the frames are floats: colours times alpha, and alpha."""
    painted: Array
    """(3, H, W) in the same range."""


class Steady:
    """The state of one sequence; its frames come in order. One of another size begins anew, as after a cut."""

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def begins_anew(self, frame: AnyPixels) -> bool:
        """Whether the frame is not of the size of the one before it."""
        return self._kept is not None and self._kept.seen.shape[1:] != frame.shape[:2]

    def settle(self, frame: AnyPixels, painted: AnyPixels) -> AnyPixels:
        """The frame as it is to be shown. Both are (H, W, 4) uint8, uint16, float16 or float32 with straight alpha, and so is
        the result, like `painted` and with its alpha; where nothing is carried or seen it is `painted` bit for bit."""
        seen, colours = _planes(frame), _planes(painted)[:3]
        seen[:3] *= seen[3]
        if self._kept is None or self.begins_anew(frame):
            self._kept = _Kept(seen, colours)
            return painted
        share, old_seen, old_painted = _carried(self._kept, seen)
        self._kept = _Kept(seen + share * (old_seen - seen), colours + share * (old_painted - colours))
        result = painted.copy()
        encode(self._kept.painted, (share > 0) & (painted[..., 3] > 0), "rgba", result)
        return result


def _carried(kept: _Kept, seen: Array) -> tuple[Array, Array, Array]:
    """How much of what is kept each pixel takes, (H, W) in [0, KEPT], and what is kept, moved to where it is now."""
    grey = _grey(seen)
    shifts = [(0, 0), *_movements(_grey(kept.seen), grey)]
    changes = [_change(_moved(kept.seen, shift), seen, shift) for shift in shifts]
    usual = float(np.median(np.minimum.reduce(changes)))
    noise = min(max(min(usual, 2**0.5 * _spatial_noise(grey)), LEAST_NOISE), MOST_NOISE)
    shares = [_share(change, noise) for change in changes]
    order = sorted(range(len(shifts)), key=lambda i: -float(shares[i].mean()))
    share, best = shares[order[0]], shifts[order[0]]
    old_seen, old_painted = _moved(kept.seen, best), _moved(kept.painted, best)
    for i in order[1:]:
        better = shares[i] > share + CLEARLY
        if better.any():
            share = np.where(better, shares[i], share)
            old_seen = np.where(better, _moved(kept.seen, shifts[i]), old_seen)
            old_painted = np.where(better, _moved(kept.painted, shifts[i]), old_painted)
    return share, old_seen, old_painted


def _moved(planes: Array, shift: Shift) -> Array:
    """(C, H, W) as if the picture had moved; what comes in from beyond the border is the border's own."""
    y, x = (np.clip(np.arange(n) - by, 0, n - 1) for n, by in zip(planes.shape[1:], shift, strict=True))
    return planes[:, y[:, None], x]


def _change(old: Array, new: Array, shift: Shift) -> Array:
    """(H, W): root mean square difference of the colours around each pixel; none can be told where the old frame ends."""
    square = np.square(new - old).sum(0) / 3
    change: Array = np.sqrt(_around(square, NEAR, np.add) / np.float32((2 * NEAR + 1) ** 2))
    for axis, by in enumerate(shift):
        beyond = slice(0, by) if by > 0 else slice(change.shape[axis] + by, None)
        if by:
            change[(slice(None),) * axis + (beyond,)] = np.inf
    return change


def _share(change: Array, noise: float) -> Array:
    """(H, W) in [0, KEPT]: all where nothing near has changed, none where something has, and smooth between."""
    worst = _around(change, REACH, np.maximum)
    t = np.clip((np.float32(OTHER) - worst / np.float32(noise)) / np.float32(OTHER - SAME), 0, 1)
    share: Array = np.float32(KEPT) * t * t * (3 - 2 * t)
    return share


def _around(plane: Array, radius: int, join: np.ufunc) -> Array:
    """`join` (add, maximum) of the square around each pixel, the borders repeated."""
    for axis in (0, 1):
        n = plane.shape[axis]
        padded = np.pad(plane, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        parts = (padded.take(range(i, i + n), axis) for i in range(1, 2 * radius + 1))
        plane = padded.take(range(n), axis)
        for part in parts:
            join(plane, part, out=plane)
    return plane


def _movements(before: Array, now: Array) -> list[Shift]:
    """Up to SHIFTS whole-pixel movements of (parts of) the picture, by phase correlation of its middle; without (0, 0)."""
    middle = tuple(slice((n - min(n, LOOK)) // 2, (n + min(n, LOOK)) // 2) for n in now.shape)
    before, now = before[middle], now[middle]
    height, width = now.shape
    if min(height, width) < 16:
        return []
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    a, b = (np.fft.rfft2((plane - plane.mean()) * window) for plane in (before, now))
    cross = b * np.conj(a)
    peaks = np.fft.irfft2(cross / (np.abs(cross) + 1e-12), s=(height, width))
    found: list[Shift] = []
    for _ in range(SHIFTS + 1):
        y, x = np.unravel_index(int(peaks.argmax()), peaks.shape)
        shift = tuple(int(p) - n if p > n // 2 else int(p) for p, n in ((y, height), (x, width)))
        if shift != (0, 0) and abs(shift[0]) <= height // 4 and abs(shift[1]) <= width // 4:
            found.append((shift[0], shift[1]))
        peaks[y, x] = -np.inf
    return found[:SHIFTS]


def _spatial_noise(grey: Array) -> float:
    """Standard deviation of the noise of one picture (Immerkaer 1996, with the median for the mean, which texture spoils
    less); large where everything is texture."""
    if min(grey.shape) < 3:
        return MOST_NOISE
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both))) / (6 * 0.6745) * 3**0.5  # grey is a mean of three colours


def _planes(pixels: AnyPixels) -> Array:
    """(4, H, W) float32, finite, and small enough to be squared."""
    planes = decode(pixels, "rgba")
    return np.clip(planes, -EXTREME, EXTREME, out=planes)


def _grey(seen: Array) -> Array:
    return np.asarray(seen[:3].mean(0), np.float32)
