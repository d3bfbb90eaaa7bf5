# SPDX-License-Identifier: Apache-2.0
"""Keeps what a sequence shows from flickering: a part of each painted frame is carried into the next, along its motion.

A network paints every frame again, and noise, or a shift by a pixel, is enough for it to place its strokes otherwise. So the
last painted frame, moved as the picture has moved (optical flow, motion.py), is laid under the new one where the frame itself
shows the same as before (as Ruder, Dosovitskiy and Brox 2016 and Bonneel et al. 2015 do). At a cut all starts over.

Invariant: paint is carried only where the frames show the same. The painted frame is kept together with the frame it shows,
both are moved and mixed alike, and a pixel is carried only where its surroundings in both frames differ by noise alone and
flow forward and back agree. So what is uncovered is painted again, and slow changes do not add up unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scumble.image.pixels import AnyPixels, decode, encode
from scumble.image.transfer import Transfer
from scumble.video.extra import cv2
from scumble.video.motion import (
    Interrupt,
    Motion,
    camera_motion,
    interruptible,
    is_cut,
    motion,
    no_motion,
    square_sum,
    warped,
)

Array = NDArray[np.float32]

KEPT = 0.8
"""Share of the last frame where nothing has changed: noise of the painting falls to a third, and what is wrong is gone to a
tenth after ten frames."""

SAME, OTHER = 1.5, 3.0
"""Change, in units of what is allowed for, up to which a place counts as the same, and from which as another. The root mean
square over `NEAR` of noise alone stays within 1.3."""

NEAR = 2
"""Pixels around each that are compared with it."""

REACH = 3
"""Pixels around a change that are painted again as well: strokes reach beyond what they follow."""

LEAST_NOISE, MOST_NOISE = 1 / 255, 0.06
"""A step of 8 bits; and the noise of a photograph at night, above which differences are taken for changes."""

BETWEEN = 0.1
"""Share of the slope around a place by which a frame moved by parts of a pixel may differ: flow is not exact."""

CLEARLY = 0.1
"""How much better than the camera's motion, or none, another must fit a place, so that flat places move with the rest."""

EXTREME = 1e4
"""Floats beyond are taken for it, so that their squares are numbers; no highlight comes near."""


@dataclass(frozen=True)
class _Kept:
    """A frame and its painting, each mixed with what was carried from those before."""

    frame: Array
    """(H, W, 4) in [0, 1], or beyond where the frames are floats: colours times alpha, and alpha."""
    painted: Array
    """(H, W, 3) in the same range."""


class Steady:
    """The state of one sequence; its frames come in order. One of another size starts over, as after a cut.

    Raises ScumbleError "bad-options" where OpenCV is missing.
    """

    def __init__(self) -> None:
        cv2()
        self._kept: _Kept | None = None

    def starts_over(self, frame: AnyPixels) -> bool:
        """Whether the frame is not of the size of the one before it."""
        return self._kept is not None and self._kept.frame.shape[:2] != frame.shape[:2]

    def settle(
        self, frame: AnyPixels, painted: AnyPixels, transfer: Transfer = "srgb", interrupt: Interrupt = lambda: None
    ) -> AnyPixels:
        """The painted frame with paint of the frames before, where they show the same.

        `frame` and `painted` are (H, W, 4) uint8, uint16, float16 or float32 with straight alpha, red or blue first, and so is
        the result, with the alpha of `painted`; where nothing is carried or visible it is `painted` itself. Floats of linear
        light are compared and mixed on the sRGB curve, as the others are. An exception of `interrupt` is passed on; the next
        frame then follows the last one that was settled.
        """
        planes = _planes(frame, transfer)
        interrupt()
        colours = np.ascontiguousarray(_planes(painted, transfer)[..., :3])
        interrupt()
        planes[..., :3] *= planes[..., 3:]
        if self._kept is None or self.starts_over(frame) or is_cut(_grey(self._kept.frame), _grey(planes)):
            self._kept = _Kept(planes, colours)
            return painted
        interrupt()
        share, old_frame, old_painted = _carried(self._kept, planes, interrupt)
        weight = share[..., None]
        interrupt()
        planes += weight * (old_frame - planes)
        interrupt()
        kept = _Kept(planes, colours + weight * (old_painted - colours))
        interrupt()
        result = painted.copy()
        encode(np.moveaxis(kept.painted, 2, 0), (share > 0) & (painted[..., 3] > 0), "rgba", result, transfer)
        self._kept = kept
        return result


def _carried(kept: _Kept, frame: Array, interrupt: Interrupt) -> tuple[Array, Array, Array]:
    """The share of the kept frame that each pixel takes, (H, W) in [0, KEPT]; and kept frame and painting, moved to where they
    are now."""
    grey = _grey(frame)
    motions, moved = [no_motion(grey.shape)], [kept.frame]
    old_grey = _grey(kept.frame)
    if fitted := motion(old_grey, grey, interrupt):
        motions += [m for m in (camera_motion(fitted, old_grey, grey, interrupt), fitted) if m is not None]
        moved += [warped(kept.frame, m.back) for m in interruptible(motions[1:], interrupt)]
    changes = [_change(old, frame) for old in interruptible(moved, interrupt)]
    usual = float(np.median(np.minimum.reduce(changes)))
    interrupt()
    noise = min(max(min(usual, 2**0.5 * _spatial_noise(grey)), LEAST_NOISE), MOST_NOISE)
    interrupt()
    slope = BETWEEN * _slope(grey)
    pairs = interruptible(zip(changes, motions, strict=True), interrupt)
    shares = [_share(c, m, noise if m.exact else noise + slope) for c, m in pairs]

    whole = [i for i, m in enumerate(motions) if m is not fitted]
    order = sorted(whole, key=lambda i: -float(shares[i].mean())) + [i for i, m in enumerate(motions) if m is fitted]
    share, back, old_frame = shares[order[0]], motions[order[0]].back, moved[order[0]]
    for i in interruptible(order[1:], interrupt):
        better = shares[i] > share + CLEARLY
        share = np.where(better, shares[i], share)
        back = np.where(better[..., None], motions[i].back, back)
        old_frame = np.where(better[..., None], moved[i], old_frame)
    interrupt()
    return share, old_frame, warped(kept.painted, back) if back.any() else kept.painted


def _change(old: Array, new: Array) -> Array:
    """(H, W): root mean square difference of the colours around each pixel."""
    square = square_sum(new - old) / np.float32(3)
    side = 2 * NEAR + 1
    around: Array = cv2().blur(square, (side, side), borderType=cv2().BORDER_REPLICATE)
    return np.sqrt(np.maximum(around, 0)).reshape(square.shape)


def _share(change: Array, shift: Motion, allowed: float | Array) -> Array:
    """(H, W) in [0, KEPT]: all where nothing near has changed more than is allowed for, none where it has, smooth between."""
    relative = np.where(shift.agrees, change / np.float32(allowed), np.float32(OTHER))
    worst = cv2().dilate(np.minimum(relative, 2 * OTHER), np.ones((2 * REACH + 1,) * 2, np.uint8)).reshape(change.shape)
    t = np.clip((np.float32(OTHER) - worst) / np.float32(OTHER - SAME), 0, 1)
    share: Array = np.float32(KEPT) * t * t * (3 - 2 * t)
    return share


def _slope(grey: Array) -> Array:
    """(H, W): change of brightness from a pixel to the next, the root mean square around each."""
    across, down = (cv2().Sobel(grey, cv2().CV_32F, *axes, ksize=3, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    side = 2 * NEAR + 1
    square: Array = cv2().blur(np.square(across) + np.square(down), (side, side), borderType=cv2().BORDER_REPLICATE)
    return np.sqrt(np.maximum(square, 0)).reshape(grey.shape)


def _spatial_noise(grey: Array) -> float:
    """Standard deviation of the noise of one picture (Immerkaer 1996, with the median for the mean, which texture spoils
    less); large where everything is texture."""
    if min(grey.shape) < 3:
        return MOST_NOISE
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both))) / (6 * 0.6745) * 3**0.5  # grey is a mean of three colours


def _planes(pixels: AnyPixels, transfer: Transfer) -> Array:
    """(H, W, 4) float32, finite, and small enough to be squared."""
    planes = decode(pixels, "rgba", transfer)
    return np.ascontiguousarray(np.moveaxis(np.clip(planes, -EXTREME, EXTREME, out=planes), 0, 2))


def _grey(planes: Array) -> Array:
    """(H, W): the mean of the colours of (H, W, 4)."""
    grey: Array = cv2().transform(planes, np.array([[1, 1, 1, 0]], np.float32) / 3)
    return grey.reshape(planes.shape[:2])
