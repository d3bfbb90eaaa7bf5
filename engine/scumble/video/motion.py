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

Interrupt = Callable[[], None]
"""Called between two steps of the work, each some tenths of a second for 12 megapixels; an exception of it ends the work."""

LEAST_SIDE = 16
"""Sides below which DIS has no room for its patches."""

MOST_SIDE = 32000
"""OpenCV's remap counts in 16 bits."""

FLOW_SIDE = 1280
"""Long side above which flow is computed in a smaller picture, and enlarged: a quarter of the time at twice that."""

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
"""Share of the pixels that must have changed their bin of the brightness histogram for a cut."""


@dataclass(frozen=True)
class Motion:
    """The motion from the frame before to this one."""

    back: Array
    """(H, W, 2): pixels right and down from each place to where it was."""
    agrees: Mask
    """(H, W): whether the flow there and back leads to the same place, within the frame."""
    exact: bool = False
    """By whole pixels alone, so that nothing is interpolated."""


def no_motion(size: tuple[int, ...]) -> Motion:
    """The motion of a frame (H, W) in which nothing moves."""
    return Motion(np.zeros((*size, 2), np.float32), np.ones(size, np.bool_), exact=True)


def camera_motion(flow: Motion, before: Array, now: Array, interrupt: Interrupt) -> Motion | None:
    """The affine motion between two grey frames that fits most of their flow; None where none does.

    Flat places, where flow is unreliable, then move with the rest. The motion is made exact by aligning the frames, since flow
    errs towards none.
    """
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

    interrupt()
    fitted = _aligned(fitted, before, now)
    interrupt()

    rows, columns = np.mgrid[:height, :width]
    shifts = [row[0] * columns + row[1] * rows + row[2] for row in interruptible(fitted - np.eye(2, 3), interrupt)]
    interrupt()
    back = np.stack(shifts, 2).astype(np.float32)
    interrupt()

    whole = np.rint(back[height // 2, width // 2])
    exact = bool(np.abs(back - whole).max() < NEARLY)
    back = np.broadcast_to(whole, back.shape).copy() if exact else back
    interrupt()
    return Motion(back, _within(back), exact)


def _aligned(matrix: NDArray[np.float64], before: Array, now: Array) -> NDArray[np.float64]:
    """An affine motion (2, 3) made exact by maximal correlation of the frames (Evangelidis, Psarakis 2008), at a small size."""
    height, width = now.shape
    ratio = min(1.0, ALIGN_SIDE / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = [_eight_bits(plane, size if ratio < 1 else None) for plane in (now, before)]
    sx, sy = size[0] / width, size[1] / height
    scale = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
    start = (scale @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(scale))[:2].astype(np.float32)
    try:
        stop = (cv2().TERM_CRITERIA_COUNT | cv2().TERM_CRITERIA_EPS, ALIGN_STEPS, 1e-5)
        _, refined = cv2().findTransformECC(*small, start, cv2().MOTION_AFFINE, stop, None, 5)
    except cv2().error:  # the frames have too little in common
        return matrix
    better = (np.linalg.inv(scale) @ np.vstack([refined, [0, 0, 1]]) @ scale)[:2]
    return better if np.abs(refined - start)[:, 2].max() < FAR else matrix


def motion(before: Array, now: Array, interrupt: Interrupt) -> Motion | None:
    """The motion between two grey frames (H, W), white is 1; None where their size allows no flow."""
    height, width = now.shape
    if min(height, width) < LEAST_SIDE or max(height, width) > MOST_SIDE:
        return None
    ratio = min(1.0, FLOW_SIDE / max(height, width))
    small = max(LEAST_SIDE, round(width * ratio)), max(LEAST_SIDE, round(height * ratio))
    a, b = (_eight_bits(plane, small if ratio < 1 else None) for plane in interruptible((before, now), interrupt))
    flow = cv2().DISOpticalFlow_create(cv2().DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forward = (_enlarged(flow.calc(*pair, None), (width, height)) for pair in interruptible(((b, a), (a, b)), interrupt))
    interrupt()
    returned = warped(forward, back)
    interrupt()
    limit = RELATIVE * (square_sum(back) + square_sum(returned)) + ABSOLUTE
    interrupt()
    return Motion(back, (square_sum(back + returned) < limit) & _within(back))


def interruptible(items: Iterable[T], interrupt: Interrupt) -> Iterator[T]:
    """The items, with a call of `interrupt` before each."""
    for item in items:
        interrupt()
        yield item


def warped(planes: Array, back: Array) -> Array:
    """(H, W, C) moved by the motion; beyond the border the border's own pixels go on."""
    x, y = _sources(back)
    moved: Array = cv2().remap(planes, x, y, cv2().INTER_CUBIC, borderMode=cv2().BORDER_REPLICATE)
    return moved.reshape(planes.shape)


def is_cut(before: Array, now: Array) -> bool:
    """Whether two grey frames (H, W), white is 1, are of different scenes by their histograms."""
    a, b = (np.histogram(np.clip(plane, 0, 1), BINS, (0, 1))[0] / plane.size for plane in (before, now))
    return bool(np.abs(a - b).sum() / 2 > CUT)


def square_sum(planes: Array) -> Array:
    """The sum of squares over the channels, (H, W), of (H, W, C)."""
    summed: Array = np.einsum("hwc,hwc->hw", planes, planes)
    return summed


def _within(back: Array) -> Mask:
    height, width = back.shape[:2]
    x, y = _sources(back)
    within: Mask = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return within


def _sources(back: Array) -> tuple[Array, Array]:
    """Column and row, in the frame before, of each pixel."""
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
