# SPDX-License-Identifier: Apache-2.0
"""Where each place of a frame was in the one before: dense optical flow by OpenCV's DIS (Kroeger et al. 2016).

Invariant: a flow that cannot be had (frames too small or too large for it) is no flow, and never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scumble.video.extra import cv2

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
T = TypeVar("T")

Look = Callable[[], None]
"""Called between two steps of the work, each some tenths of a second for 12 megapixels; what it raises ends the work."""

LEAST_SIDE = 16
"""Sides below which DIS has no room for its patches."""

MOST_SIDE = 32000
"""OpenCV's remap counts in 16 bits."""

FLOW_SIDE = 1280
"""Long side above which flow is found in a smaller picture, and enlarged: a quarter of the time at twice that."""

RELATIVE, ABSOLUTE = 0.01, 0.5
"""Forward and backward flow agree where the square of their sum is below RELATIVE times the sum of their squares plus ABSOLUTE
(Sundaram, Brox and Keutzer 2010, section 3; Ruder et al. 2016, eq. 5)."""

POINTS, LEAST_POINTS = 32, 24
"""Places along the short side whose flow is taken for the camera's motion, and how many of all must be of use."""

FITS = 0.5
"""Pixels by which the flow of a place may miss the motion that it counts for."""

NEARLY = 0.25
"""Pixels within which a motion is one by whole pixels: DIS is not more exact, and those blur nothing."""

ALIGN_SIDE, ALIGN_STEPS, FAR = 640, 20, 4
"""Long side at which frames are aligned, in how many steps, and pixels from the flow beyond which that went astray."""

BINS = 32
CUT = 0.5
"""Share of a frame whose brightness must have gone elsewhere in the histogram for a cut."""


@dataclass(frozen=True)
class Motion:
    """`back` (H, W, 2): pixels right and down from each place to where it was. `agrees` (H, W): whether the way there and the
    way back lead to the same place, within the frame. `exact`: by whole pixels alone, so that nothing is interpolated."""

    back: Array
    agrees: Mask
    exact: bool = False


def still(size: tuple[int, ...]) -> Motion:
    """Of a frame (H, W) in which nothing moves."""
    return Motion(np.zeros((*size, 2), np.float32), np.ones(size, np.bool_), exact=True)


def of_the_camera(flow: Motion, before: Array, now: Array, look: Look) -> Motion | None:
    """The one affine motion between two grey frames that most of their flow has: flat places, whose flow is anybody's guess,
    move with the rest. It is made exact by aligning the frames, since flow errs towards none."""
    height, width = flow.agrees.shape
    step = max(1, min(height, width) // POINTS)
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    good = flow.agrees[y, x]
    if good.sum() < LEAST_POINTS:
        return None
    here = np.stack([x[good], y[good]], 1).astype(np.float32)
    fitted, _ = cv2().estimateAffine2D(here, here + flow.back[y[good], x[good]], ransacReprojThreshold=FITS)
    if fitted is None:
        return None
    look()
    fitted = _aligned(fitted, before, now)
    look()
    rows, columns = np.mgrid[:height, :width]
    ways = [row[0] * columns + row[1] * rows + row[2] for row in looking(fitted - np.eye(2, 3), look)]
    look()
    back = np.stack(ways, 2).astype(np.float32)
    look()
    whole = np.rint(back[height // 2, width // 2])
    exact = bool(np.abs(back - whole).max() < NEARLY)
    back = np.broadcast_to(whole, back.shape).copy() if exact else back
    look()
    return Motion(back, _within(back), exact)


def _aligned(way: NDArray[np.float64], before: Array, now: Array) -> NDArray[np.float64]:
    """An affine motion (2, 3) made exact by maximal correlation of the frames (Evangelidis and Psarakis 2008), in small."""
    height, width = now.shape
    ratio = min(1.0, ALIGN_SIDE / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = [_eight_bits(plane, size if ratio < 1 else None) for plane in (now, before)]
    sx, sy = size[0] / width, size[1] / height
    scale = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
    start = (scale @ np.vstack([way, [0, 0, 1]]) @ np.linalg.inv(scale))[:2].astype(np.float32)
    try:
        stop = (cv2().TERM_CRITERIA_COUNT | cv2().TERM_CRITERIA_EPS, ALIGN_STEPS, 1e-5)
        _, refined = cv2().findTransformECC(*small, start, cv2().MOTION_AFFINE, stop, None, 5)
    except cv2().error:  # the frames have too little in common
        return way
    better = (np.linalg.inv(scale) @ np.vstack([refined, [0, 0, 1]]) @ scale)[:2]
    return better if np.abs(refined - start)[:, 2].max() < FAR else way


def motion(before: Array, now: Array, look: Look) -> Motion | None:
    """Between two grey frames (H, W), white is 1; None where it cannot be told."""
    height, width = now.shape
    if min(height, width) < LEAST_SIDE or max(height, width) > MOST_SIDE:
        return None
    ratio = min(1.0, FLOW_SIDE / max(height, width))
    small = max(LEAST_SIDE, round(width * ratio)), max(LEAST_SIDE, round(height * ratio))
    a, b = (_eight_bits(plane, small if ratio < 1 else None) for plane in looking((before, now), look))
    flow = cv2().DISOpticalFlow_create(cv2().DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = (_enlarged(flow.calc(*pair, None), (width, height)) for pair in looking(((b, a), (a, b)), look))
    look()
    there = warped(forth, back)
    look()
    limit = RELATIVE * (square_sum(back) + square_sum(there)) + ABSOLUTE
    look()
    return Motion(back, (square_sum(back + there) < limit) & _within(back))


def looking(things: Iterable[T], look: Look) -> Iterator[T]:
    """Look before each."""
    for thing in things:
        look()
        yield thing


def warped(planes: Array, back: Array) -> Array:
    """(H, W, C) as it is seen after the motion; what comes in from beyond the border is the border's own."""
    x, y = _places(back)
    moved: Array = cv2().remap(planes, x, y, cv2().INTER_CUBIC, borderMode=cv2().BORDER_REPLICATE)
    return moved.reshape(planes.shape)


def is_cut(before: Array, now: Array) -> bool:
    """Whether two grey frames (H, W), white is 1, are of different scenes by their histograms."""
    a, b = (np.histogram(np.clip(plane, 0, 1), BINS, (0, 1))[0] / plane.size for plane in (before, now))
    return bool(np.abs(a - b).sum() / 2 > CUT)


def square_sum(planes: Array) -> Array:
    """(H, W) of (H, W, C)."""
    summed: Array = np.einsum("hwc,hwc->hw", planes, planes)
    return summed


def _within(back: Array) -> Mask:
    height, width = back.shape[:2]
    x, y = _places(back)
    within: Mask = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return within


def _places(back: Array) -> tuple[Array, Array]:
    height, width = back.shape[:2]
    x = back[..., 0] + np.arange(width, dtype=np.float32)
    y = back[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _eight_bits(plane: Array, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    bytes: NDArray[np.uint8] = np.rint(np.clip(plane, 0, 1) * 255).astype(np.uint8)
    return bytes if size is None else cv2().resize(bytes, size, interpolation=cv2().INTER_AREA)


def _enlarged(flow: Array, size: tuple[int, int]) -> Array:
    """Flow (h, w, 2) for a picture of `size` (width, height)."""
    height, width = flow.shape[:2]
    if (width, height) == size:
        return flow
    scale = np.array([size[0] / width, size[1] / height], np.float32)
    large: Array = cv2().resize(flow, size, interpolation=cv2().INTER_LINEAR) * scale
    return large
