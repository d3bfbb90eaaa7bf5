# SPDX-License-Identifier: Apache-2.0
"""A painting in the colours of the photograph: by luma, pixel by pixel, or palette by palette, by CORAL or by histograms.

Arrays are planes of float32, (3, ...) for colours and (...) for luma, sRGB curve, in [0, 1], unless a docstring has others.
Invariant: palettes are collected in bands, so that what is held beside the pictures does not grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scumble.image.mapped import release_pages
from scumble.image.resample import Array

Numbers = NDArray[np.float64]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of sRGB's primaries (ITU-R BT.709), taken on the curve as video does."""


LEAST_VARIANCE = 2.5e-4
"""Along no direction of colour is a painting taken to vary less: what hardly varies is noise, and is not blown up."""

BAND = 1 << 18
"""Pixels that are summed up at once, in double precision."""

LOWEST, BIN, BINS = -2.0, 1 / 1024, 5 << 10
"""Of histograms: from -2 to 3, because colours on their way to another palette leave [0, 1]."""

BLUR = (1 / 128) ** 2
"""Variance of the Gaussian that histograms are smoothed by: two levels of 255 apart is as good as alike."""

PLACES = LOWEST + BIN * np.arange(BINS)

SHARES = (np.arange(1000) + 0.5) / 1000
"""Of the pixels that lie below: where two histograms are brought together. Beyond the outer ones colours are only moved."""


def luma(rgb: Array) -> Array:
    """(3, ...) to (...)."""
    weighted: Array = LUMA[0] * rgb[0] + LUMA[1] * rgb[1] + LUMA[2] * rgb[2]
    return weighted


def keep_colours(stylized: Array, original: Array) -> Array:
    """Light and dark of the painting, colours of the original: Gatys et al. 2016 (arXiv 1606.05897, section 4), luminance only.

    They work in YIQ; here the luma is BT.709's, and where it leaves no room for the colour, the colour is made paler, not
    another hue: y' + t (rgb - y) with the largest t <= 1 that stays in [0, 1]. The result's luma is exactly the painting's.
    """
    wanted = np.clip(luma(stylized), 0, 1)
    chroma = original - luma(original)
    room = np.where(chroma > 0, 1 - wanted, wanted)
    size = np.abs(chroma)
    t = np.divide(room, size, out=np.ones_like(size), where=size > room).min(axis=0)
    result: Array = np.clip(wanted + t * chroma, 0, 1).astype(np.float32)
    return result


@dataclass(frozen=True)
class Palette:
    """A change of colours that is the same for every pixel: matrix (x - before) + after."""

    matrix: Array
    before: Array
    after: Array

    def __call__(self, rgb: Array) -> Array:
        """(3, ...) to (3, ...), kept within [0, 1]."""
        moved = np.tensordot(self.matrix, rgb - self.before.reshape(3, *[1] * (rgb.ndim - 1)), 1)
        result: Array = np.clip(moved + self.after.reshape(3, *[1] * (rgb.ndim - 1)), 0, 1).astype(np.float32)
        return result


def coral(stylized: Array, original: Array, weight: Array | None = None) -> Palette:
    """What brings mean and covariance of the painting's colours to the original's: CORAL (Sun, Feng and Saenko 2016, arXiv
    1511.05547), as Huang and Belongie preserve colours (section 7.2) and Gatys et al. 2016 (arXiv 1606.05897, section 3).

    They recolour the style before it is transferred; here the result is, so that it serves every method, and styles that
    ship without a painting. Both (H, W, 3), `weight` (H, W): how much each pixel counts.
    """
    (before, source), (after, target) = (_moments(x, weight) for x in (stylized, original))
    matrix = _between(source, target)
    return Palette(matrix.astype(np.float32), before.astype(np.float32), after.astype(np.float32))


@dataclass(frozen=True)
class Axes:
    """Three directions of colour: matrix x + shift."""

    matrix: Array
    shift: Array

    def __call__(self, rgb: Array) -> Array:
        """(3, ...) to (3, ...)."""
        planes: Array = np.tensordot(self.matrix, rgb, 1)
        planes += self.shift.reshape(3, *[1] * (rgb.ndim - 1))
        return planes


@dataclass(frozen=True)
class Curves:
    """A rising curve along each of three axes; `table` (3, BINS) says where each bin goes."""

    axes: Axes
    table: Array

    def __call__(self, rgb: Array) -> Array:
        """(3, ...) to (3, ...), on these axes."""
        planes = self.axes(rgb)
        for plane, table in zip(planes, self.table, strict=True):
            below, part = _binned(plane)
            plane[...] = table[below]
            plane += part * (table[below + 1] - table[below])
        return planes


@dataclass(frozen=True)
class Matched:
    """A change of colours that is the same for every pixel: first along the axes of a palette, then red, green and blue."""

    along: Curves
    channels: Curves

    def __call__(self, rgb: Array) -> Array:
        """(3, ...) to (3, ...), kept within [0, 1]."""
        result: Array = np.clip(self.channels(self.along(rgb)), 0, 1)
        return result


def match_histograms(stylized: Array, original: Array, weight: Array | None = None) -> Matched:
    """The curves that bring the histograms of red, green and blue of the painting to the original's, and the palette with them.

    Channel by channel alone, greys would become coloured wherever painting and original mix their channels differently. So
    CORAL brings the painting to the original's axes of colour first, where no channel tells of another; the histograms are
    matched there, and then those of red, green and blue, as an image editor shows them. That is one round of Pitie, Kokaram
    and Dahyot 2007 (Automated colour grading using colour distribution transfer), with axes that make one enough. Gatys et
    al. 2016 (arXiv 1606.05897, section 3) match mean and covariance only: that is `coral`.

    Both histograms are blurred alike, so that identical ones change nothing and a flat place is not torn into bands; and what
    CORAL does not blow up is not blown up here either. Arguments as of `coral`.
    """
    (before, source), (after, target) = (_moments(x, weight) for x in (stylized, original))
    values, axes = np.linalg.eigh(target)
    turn = axes.T @ _between(source, target)
    flat = np.maximum(0, 0.75 * values - np.diagonal(turn @ source @ turn.T))  # not to blow up what CORAL did not
    painting, picture, back = _axes(turn, -turn @ before), _axes(axes.T, -axes.T @ after), _axes(axes, after)
    there = _histograms(original, weight, picture), _histograms(original, weight, lambda x: x)
    along = _curves(painting, _histograms(stylized, weight, painting), there[0], flat)
    matched = _histograms(stylized, weight, lambda x: back(along(x)))
    return Matched(along, _curves(back, matched, there[1], axes**2 @ flat))


def _axes(matrix: Numbers, shift: Numbers) -> Axes:
    return Axes(matrix.astype(np.float32), shift.astype(np.float32))


def _curves(axes: Axes, source: Numbers, target: Numbers, flat: Numbers) -> Curves:
    """What brings the histograms (3, BINS) on these axes from `source`, which is lent variances `flat` (3,), to `target`."""
    before, after = _quantiles(source, BLUR + flat), _quantiles(target, BLUR)
    table = np.stack([np.interp(PLACES, b, a) for b, a in zip(before, after, strict=True)])
    return Curves(axes, table.astype(np.float32))


def _binned(x: Array) -> tuple[NDArray[np.int32], Array]:
    """The bin at or below each number, and how far towards the next it lies."""
    place = (x - np.float32(LOWEST)) * np.float32(1 / BIN)
    below = np.clip(place, 0, BINS - 2).astype(np.int32)
    place -= below
    return below, place


def _histograms(rgb: Array, weight: Array | None, see: Callable[[Array], Array]) -> Numbers:
    """(3, BINS) of what `see` makes of (3, n) colours. Each pixel is shared by the two bins it lies between, so that a
    histogram does not depend on roundings."""
    counts = np.zeros((3, BINS))
    for x, w in _in_bands(rgb, weight):
        for count, plane in zip(counts, see(np.ascontiguousarray(x.T)), strict=True):
            below, part = _binned(plane)
            share = np.clip(part, 0, 1) * w
            count += np.bincount(below, w - share, BINS)
            count[1:] += np.bincount(below, share, BINS)[:-1]
    return counts


def _quantiles(counts: Numbers, variance: Numbers | float) -> Numbers:
    """(3, BINS) to the places (3, N + 2) of SHARES in histograms blurred by a Gaussian of that variance, (3,) or all alike;
    the two at the ends lie as far from the outer shares in every histogram."""
    waves = np.fft.rfftfreq(BINS, BIN)
    blur = np.exp(-2 * np.pi**2 * waves**2 * np.broadcast_to(variance, 3)[:, None])
    dense = np.maximum(np.fft.irfft(np.fft.rfft(counts) * blur, BINS), 0)
    risen = np.cumsum(dense + 1e-12 * max(1.0, dense.max()), 1)  # rises everywhere, also where nothing is
    inner = np.stack([np.interp(SHARES, r / r[-1], PLACES) for r in risen])
    return np.concatenate([inner[:, :1] - 9, inner, inner[:, -1:] + 9], 1)


def _in_bands(rgb: Array, weight: Array | None) -> Iterator[tuple[Array, Numbers]]:
    """(H, W, 3) and (H, W) as (n, 3) and (n,)."""
    rows = max(1, BAND // rgb.shape[1])
    for a in range(0, len(rgb), rows):
        x = rgb[a : a + rows].reshape(-1, 3)
        yield x, np.ones(len(x)) if weight is None else weight[a : a + rows].reshape(-1).astype(np.float64)
        release_pages(rgb, weight)


def _moments(rgb: Array, weight: Array | None) -> tuple[Numbers, Numbers]:
    """Mean (3,) and covariance (3, 3)."""
    count, total, squares = 0.0, np.zeros(3), np.zeros((3, 3))
    for band, w in _in_bands(rgb, weight):
        x = band.astype(np.float64)
        count, total, squares = count + w.sum(), total + w @ x, squares + (x * w[:, None]).T @ x
    mean = total / max(count, 1e-12)
    return mean, squares / max(count, 1e-12) - np.outer(mean, mean)


def _between(source: Numbers, target: Numbers) -> Numbers:
    """The matrix that brings colours of one covariance to the other: target^1/2 source^-1/2. Where the source varies less
    than LEAST_VARIANCE, and less than the target, it counts as varying so much."""
    values, vectors = np.linalg.eigh(source)
    wanted = np.diagonal(vectors.T @ target @ vectors)
    least = np.maximum(np.minimum(LEAST_VARIANCE, wanted), 1e-12)
    result: Numbers = _root(target) @ (vectors * np.maximum(values, least) ** -0.5) @ vectors.T
    return result


def _root(covariance: Numbers) -> Numbers:
    values, vectors = np.linalg.eigh(covariance)
    result: Numbers = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return result
