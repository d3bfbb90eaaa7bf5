# SPDX-License-Identifier: Apache-2.0
"""Keeps what a sequence shows from flickering: a part of each painted frame is carried into the next, along its motion.

A network paints every frame again, and noise, or a shift by a pixel, is enough for it to place its strokes otherwise. So the
last painted frame, moved as the picture has moved (optical flow, motion.py), is laid under the new one where the frame itself
shows the same as before (as Ruder, Dosovitskiy and Brox 2016 and Bonneel et al. 2015 do). At a cut all starts over.

Invariant: what is carried was painted from what is there now. The painted frame is kept together with the frame it shows, both
are moved and mixed alike, and a pixel is carried only as far as its surroundings in that frame are the new ones but for noise,
and flow forth and back agree. So what is uncovered is painted again, and slow changes do not add up unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scumble.image.pixels import AnyPixels, decode, encode
from scumble.image.transfer import Transfer
from scumble.video.extra import cv2
from scumble.video.motion import Look, Motion, is_cut, looking, motion, of_the_camera, square_sum, still, warped

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
"""Of the slope around a place, what a frame moved by parts of a pixel may differ by: interpolation and flow are not exact."""

CLEARLY = 0.1
"""How much better than the camera's motion, or none, another must fit a place, so that flat places move with the rest."""

EXTREME = 1e4
"""Floats beyond are taken for it, so that their squares are numbers; no highlight comes near."""


@dataclass(frozen=True)
class _Kept:
    seen: Array
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
        return self._kept is not None and self._kept.seen.shape[:2] != frame.shape[:2]

    def settle(self, frame: AnyPixels, painted: AnyPixels, transfer: Transfer = "srgb", look: Look = lambda: None) -> AnyPixels:
        """The frame as it is to be shown. Both are (H, W, 4) uint8, uint16, float16 or float32 with straight alpha, red or blue
        first, and so is the result, like `painted` and with its alpha; where nothing is carried or seen it is `painted` bit for
        bit. Floats of linear light are compared and mixed on the sRGB curve, as the others are. What `look` raises comes out,
        and the next frame is taken for the one after the last that was settled."""
        seen = _planes(frame, transfer)
        look()
        colours = np.ascontiguousarray(_planes(painted, transfer)[..., :3])
        look()
        seen[..., :3] *= seen[..., 3:]
        if self._kept is None or self.starts_over(frame) or is_cut(_grey(self._kept.seen), _grey(seen)):
            self._kept = _Kept(seen, colours)
            return painted
        look()
        share, old_seen, old_painted = _carried(self._kept, seen, look)
        weight = share[..., None]
        look()
        seen += weight * (old_seen - seen)
        look()
        kept = _Kept(seen, colours + weight * (old_painted - colours))
        look()
        result = painted.copy()
        encode(np.moveaxis(kept.painted, 2, 0), (share > 0) & (painted[..., 3] > 0), "rgba", result, transfer)
        self._kept = kept
        return result


def _carried(kept: _Kept, seen: Array, look: Look) -> tuple[Array, Array, Array]:
    """How much of what is kept each pixel takes, (H, W) in [0, KEPT], and what is kept, moved to where it is now."""
    grey = _grey(seen)
    motions, moved = [still(grey.shape)], [kept.seen]
    old_grey = _grey(kept.seen)
    if fitted := motion(old_grey, grey, look):
        motions += [m for m in (of_the_camera(fitted, old_grey, grey, look), fitted) if m is not None]
        moved += [warped(kept.seen, m.back) for m in looking(motions[1:], look)]
    changes = [_change(old, seen) for old in looking(moved, look)]
    usual = float(np.median(np.minimum.reduce(changes)))
    look()
    noise = min(max(min(usual, 2**0.5 * _spatial_noise(grey)), LEAST_NOISE), MOST_NOISE)
    look()
    slope = BETWEEN * _slope(grey)
    pairs = looking(zip(changes, motions, strict=True), look)
    shares = [_share(c, m, noise if m.exact else noise + slope) for c, m in pairs]

    whole = [i for i, m in enumerate(motions) if m is not fitted]
    order = sorted(whole, key=lambda i: -float(shares[i].mean())) + [i for i, m in enumerate(motions) if m is fitted]
    share, back, old_seen = shares[order[0]], motions[order[0]].back, moved[order[0]]
    for i in looking(order[1:], look):
        better = shares[i] > share + CLEARLY
        share = np.where(better, shares[i], share)
        back = np.where(better[..., None], motions[i].back, back)
        old_seen = np.where(better[..., None], moved[i], old_seen)
    look()
    return share, old_seen, warped(kept.painted, back) if back.any() else kept.painted


def _change(old: Array, new: Array) -> Array:
    """(H, W): root mean square difference of the colours around each pixel."""
    square = square_sum(new - old) / np.float32(3)
    side = 2 * NEAR + 1
    around: Array = cv2().blur(square, (side, side), borderType=cv2().BORDER_REPLICATE)
    return np.sqrt(np.maximum(around, 0)).reshape(square.shape)


def _share(change: Array, way: Motion, allowed: float | Array) -> Array:
    """(H, W) in [0, KEPT]: all where nothing near has changed more than is allowed for, none where it has, smooth between."""
    relative = np.where(way.agrees, change / np.float32(allowed), np.float32(OTHER))
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


def _grey(seen: Array) -> Array:
    grey: Array = cv2().transform(seen, np.array([[1, 1, 1, 0]], np.float32) / 3)
    return grey.reshape(seen.shape[:2])
