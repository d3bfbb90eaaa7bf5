# SPDX-License-Identifier: Apache-2.0
"""Masks: which style goes where, and how much of each pixel is painted at all.

Invariants: a style limited by a mask is the style without one, mixed with the picture by the mask; what no mask covers
keeps its bytes. The styles' shares sum to 1 everywhere, also where nothing is painted, so that no method looks at a hole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Event, Method, Pixels, Preview, Progress, Result, Runtime, Style, Weighted
from scumble.image.fill import fill_hidden
from scumble.image.resample import Array, across, resize
from scumble.painting.grid import Grid, Size
from scumble.painting.mixing import check_weights

AnyMasks = NDArray[Any]
"""(H, W, N) uint8, uint16 or float32, a mask a style: 0 is none of it; all of it is an integer's largest number, or 1.0."""

DEPTHS = ("uint8", "uint16", "float32")

BAND = 1 << 21
"""Numbers in work at once."""


def check(masks: AnyMasks, size: Size, styles: int) -> None:
    """Raises ScumbleError "bad-raster" for masks that are not those of a picture of `size` in so many styles."""
    if masks.ndim != 3 or masks.dtype.name not in DEPTHS:
        raise ScumbleError("bad-raster", f"Masks of shape {masks.shape} and type {masks.dtype.name} are not taken.")
    if masks.shape[:2] != size:
        given, wanted = (f"{w} x {h}" for h, w in (masks.shape[:2], size))
        raise ScumbleError(
            "bad-raster", f"The masks have {given} pixels and the picture {wanted}.", "Make masks of the picture's size."
        )
    if masks.shape[2] != styles:
        raise ScumbleError(
            "bad-raster", f"There are {masks.shape[2]} masks for {styles} styles.", "Give every style a mask, or none."
        )


def gathered(styles: Sequence[tuple[Style, float]]) -> tuple[list[tuple[Style, float]], Array]:
    """The styles that are used, each once, with the sum of its weights; and how they are made of those given: (S, N) weights,
    of which the largest is 1. Raises ScumbleError "bad-weights"."""
    check_weights([weight for _, weight in styles])
    most = max(weight for _, weight in styles)
    used: dict[tuple[str, int], tuple[Style, float]] = {}
    for style, weight in styles:
        if weight > 0:
            key = style.id, style.revision
            used[key] = style, weight + (used[key][1] if key in used else 0.0)
    mixture = [[weight / most if (s.id, s.revision) == key else 0.0 for s, weight in styles] for key in used]
    return list(used.values()), np.array(mixture, np.float32)


def coverage(band: AnyMasks, mixture: Array) -> Array:
    """(rows, W, N) to (rows, W): how much of each pixel is painted, the sum of the masks that are used, 1 at most."""
    used = band[..., mixture.any(0)]
    if band.dtype.kind == "u":  # summed as integers, so that a mask and its inverse make exactly 1
        most = np.iinfo(band.dtype).max
        painted: Array = np.minimum(used.sum(2, dtype=np.uint32), most).astype(np.float32) / np.float32(most)
    else:
        painted = np.minimum(np.clip(used, 0, 1).sum(2, dtype=np.float32), np.float32(1))
    return painted


def read(masks: AnyMasks, mixture: Array, grid: Grid) -> Generator[float, None, tuple[Array, Array]]:
    """The masks on the working grid: the styles' shares (h, w, S), continued where nothing is covered, and the coverage
    (h, w). Yields the share of the work that is done. Raises ScumbleError "bad-raster" for NaN and infinity."""
    rows, columns = grid.down()
    shares, covered = np.empty((*grid.shape, len(mixture)), np.float32), np.empty(grid.shape, np.float32)
    cells = max(rows.length * columns.length, rows.outputs * columns.outputs)
    per_band = max(1, BAND * rows.outputs // (cells * sum(mixture.shape)))
    for a in range(0, rows.outputs, per_band):
        b = min(a + per_band, rows.outputs)
        lo, hi, matrix = rows.window(a, b)
        band = masks[lo:hi]
        planes = np.concatenate([np.tensordot(mixture, _levels(band), 1), coverage(band, mixture)[None]])
        if not rows.identity:
            planes = np.matmul(matrix, planes)
        planes = across(planes, columns)
        total = planes[:-1].sum(0)
        shares[a:b] = np.moveaxis(planes[:-1] / np.where(total > 0, total, 1), 0, 2)
        covered[a:b] = np.where(total > 0, planes[-1], 0)
        yield b / rows.outputs
    fill_hidden(shares, (covered > 0).astype(np.float32))
    return shares, covered


def _levels(band: AnyMasks) -> Array:
    """(rows, W, N) to (N, rows, W) in [0, 1]."""
    planes = np.moveaxis(band, 2, 0)
    if band.dtype.kind == "u":
        return planes.astype(np.float32) / np.float32(np.iinfo(band.dtype).max)
    if not np.isfinite(planes).all():
        raise ScumbleError("bad-raster", "A mask holds NaN or infinite values.", "Masks go from 0 to 1.")
    return np.clip(planes, 0, 1)


def of_whole(shares: Array, at: Size, size: Size, full: Size, whole: Size) -> Array:
    """Shares of a selection of `size` at `at` in a layer of `full` pixels on the smaller `whole` of it, (h, w, S): beyond
    the selection they are continued."""
    result, there = np.zeros((*whole, shares.shape[2]), np.float32), np.zeros(whole, np.float32)
    first = [min(n - 1, round(a * n / f)) for a, f, n in zip(at, full, whole, strict=True)]
    ends = zip(first, at, size, full, whole, strict=True)
    last = [min(n, max(start + 1, round((a + length) * n / f))) for start, a, length, f, n in ends]
    inside = np.s_[first[0] : last[0], first[1] : last[1]]
    result[inside], there[inside] = resize(shares, last[0] - first[0], last[1] - first[1]), 1
    fill_hidden(result, there)
    return result


def paint(
    method: Method, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime
) -> Generator[Event, None, None]:
    """Run the method. One that cannot mix styles by place paints once for each style, and the results are mixed."""
    if content.regions is None or method.capabilities.regions:
        yield from method.run(content, styles, options, runtime)
        return
    plain = dataclasses.replace(content, regions=None, whole_regions=None)
    wholes: list[Pixels] = []
    mixed, left = np.zeros_like(content.rgb), np.ones(content.rgb.shape[:2], np.float32)
    for number, style in enumerate(styles):
        share = content.regions[..., number]
        left -= share
        painted: Pixels | None = None
        with closing(cast(Generator[Event], method.run(plain, [Weighted(style.state)], options, runtime))) as events:
            for event in events:
                if isinstance(event, Progress):
                    fraction = (number + min(1.0, max(0.0, event.fraction))) / len(styles)
                    yield Progress(fraction, f"style {number + 1} of {len(styles)}: {event.text}")
                elif isinstance(event, Result):
                    painted = event.rgb
                    wholes += [] if event.whole is None else [event.whole]
                else:
                    yield _so_far(mixed, event.rgb, share, content.rgb, left)
        if painted is None or painted.shape != mixed.shape:
            yield from () if painted is None else [Result(painted)]  # for the pipeline to refuse
            return
        mixed += share[..., None] * painted
    yield Result(mixed, _mixed_whole(wholes, content.whole_regions))


def _mixed_whole(painted: Sequence[Pixels], shares: Array | None) -> Pixels | None:
    """The whole layer in several styles mixed by place, where it was painted in each."""
    if shares is None or len(painted) < shares.shape[2]:
        return None
    small = resize(shares, *painted[0].shape[:2])
    mixed = np.zeros_like(painted[0])
    for number, whole in enumerate(painted):
        mixed += small[..., number, None] * whole
    return mixed


def _so_far(mixed: Pixels, shown: Pixels, share: Array, original: Pixels, left: Array) -> Preview:
    """A preview of one style's run where it will be, beside what has been painted, in the picture where nothing has."""
    size = shown.shape[:2]
    small = resize(np.dstack([mixed + original * left[..., None], share]), *size)
    return Preview(small[..., :3] + small[..., 3:] * shown)
