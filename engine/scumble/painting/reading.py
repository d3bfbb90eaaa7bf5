# SPDX-License-Identifier: Apache-2.0
"""The first part of a job: styles are prepared, and picture, layer and masks are read on the working grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from scumble.api.method import Content, Progress, Runtime
from scumble.image.fill import fill_hidden
from scumble.image.mapped import empty, release_pages
from scumble.image.pixels import AnyPixels, Form, clamp, decode
from scumble.image.resample import Array, across
from scumble.painting import mixing, regions
from scumble.painting.grid import Grid, Span, natural_side
from scumble.painting.progressive import Prepared
from scumble.painting.request import CommonOptions, Context, Request, full_size, grid_of

T = TypeVar("T")

BAND = 1 << 19
"""Pixels in work at once, so about 30 MB of floats, and some tens of milliseconds between two chances to cancel."""

FINEST = np.float32(2**-17)
"""Steps of colour that a method sees, half of 16 bits, where a picture was resampled or filled. Finer ones are roundings there,
which a network with norms in a row would blow up where all is flat."""

MIXED = 0.6
"""Where a method paints weaker by itself, the strength below which pixels are mixed too: networks give a picture back only
nearly, and below that strength a style may bring it nearer to the picture rather than farther away."""

READ = 0.05
"""Fraction of a run at which the picture is read."""


@dataclass(frozen=True)
class Target:
    """The size and place in which a picture is painted."""

    grid: Grid
    mixture: Array
    """As `regions.gathered` gives it."""
    strength: float
    """With which pixels are mixed: what the method does of it by itself is taken off."""


@dataclass(frozen=True)
class Reading:
    """All that a method is given for a picture."""

    prepared: Prepared
    content: Content
    target: Target
    covered: Array | None
    """How much the masks cover, (H, W) on the working grid; None is everything."""


def read(request: Request, runtime: Runtime, common: CommonOptions, own: Any) -> Generator[Progress, None, Reading | None]:
    """Yields Progress. None where the masks cover nothing."""
    styles, mixture = regions.gathered(request.styles)
    states = mixing.states(request.method, styles, own, runtime, apart=request.masks is not None)
    yield Progress(0.01, "reading")
    grid = grid_of(request, common)
    shares = covered = None
    if request.masks is not None:
        shares, covered = yield from _progress(regions.read(request.masks, mixture, grid), 0.01, 0.02)
        if not covered.any():
            return None
        present = shares.max((0, 1)) > 0
        states = [state for state, there in zip(states, present, strict=True) if there]
        styles = [style for style, there in zip(styles, present, strict=True) if there]
        shares = shares[..., present] if len(states) > 1 else None

    content = yield from _content(request, grid)
    content = dataclasses.replace(content, regions=shares)
    if shares is not None and content.whole is not None:
        content = dataclasses.replace(content, whole_regions=_of_whole(shares, request, content.whole))

    strength = request.strength
    if request.method.capabilities.strength:
        strength = min(1.0, strength / MIXED)  # the rest of it is the method's
    return Reading(Prepared(request.method, own, styles, states), content, Target(grid, mixture, strength), covered)


def _content(request: Request, grid: Grid) -> Generator[Progress, None, Content]:
    """The picture and its layer, colours filled where they are hidden."""
    rgb, alpha = empty((*grid.shape, 3), np.float32), empty(grid.shape, np.float32)
    yield from _progress(_read(request.pixels, (request.order, request.transfer), grid, rgb, alpha), 0.02, READ)
    fill_hidden(rgb, alpha)
    used_alpha = _unless_opaque(alpha)
    if used_alpha is not None or not grid.identity:
        _without_roundings(rgb)
    whole, whole_alpha = _whole(request.context, grid)
    return Content(
        rgb,
        used_alpha,
        whole,
        whole_alpha,
        strength=request.strength,
        natural_side=natural_side(full_size(request)),
        place=(grid.rows.first, grid.columns.first),
        full=grid.whole,
    )


def _progress(work: Generator[float, None, T], start: float, end: float) -> Generator[Progress, None, T]:
    """The Progress of reading, from `start` to `end` of the whole run; returns what the work returns."""
    try:
        while True:
            yield Progress(start + (end - start) * next(work), "reading")
    except StopIteration as done:
        return cast(T, done.value)


def bands_of(height: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, BAND // width)
    for a in range(0, height, step):
        yield a, min(a + step, height)


def _read(pixels: AnyPixels, form: Form, grid: Grid, rgb: Array, alpha: Array) -> Generator[float, None, None]:
    """Fill `rgb` and `alpha` with the picture on the working grid, colours weighted with alpha; yields the share done."""
    rows, columns = grid.down()
    per_band = max(1, BAND * rows.outputs // max(rows.length * columns.length, rows.outputs * columns.outputs))
    for a in range(0, rows.outputs, per_band):
        b = min(a + per_band, rows.outputs)
        lo, hi, matrix = rows.window(a, b)
        planes = clamp(decode(pixels[lo:hi], *form), pixels.dtype)
        opaque = grid.identity or bool((planes[3] == 1).all())  # then nothing is mixed
        if not opaque:
            planes[:3] *= planes[3]
        if not rows.identity:
            planes = np.matmul(matrix, planes)
        planes = across(planes, columns)
        if not opaque:
            planes[:3] /= np.where(planes[3] > 0, planes[3], 1)
        rgb[a:b] = np.moveaxis(planes[:3], 0, 2)
        alpha[a:b] = planes[3]
        release_pages(pixels, rgb, alpha)
        yield b / rows.outputs


def _without_roundings(rgb: Array) -> None:
    for a, b in bands_of(*rgb.shape[:2]):
        rgb[a:b] = np.rint(rgb[a:b] / FINEST) * FINEST
        release_pages(rgb)


def _whole(context: Context | None, grid: Grid) -> tuple[Array | None, Array | None]:
    """The whole layer at the working scale, never enlarged, and its alpha: as it would be read if it were the picture."""
    if context is None:
        return None, None
    size = context.pixels.shape[:2]
    ratio = min(1.0, max(grid.whole) / max(size))
    rows, columns = (Span(0, n, 0, cells, cells / n) for n in size for cells in [max(1, round(n * ratio))])
    shown = Grid(rows, columns, (rows.cells, columns.cells))
    rgb, alpha = np.empty((*shown.shape, 3), np.float32), np.empty(shown.shape, np.float32)
    for _ in _read(context.pixels, (context.order, context.transfer), shown, rgb, alpha):
        pass
    fill_hidden(rgb, alpha)
    used_alpha = _unless_opaque(alpha)
    if used_alpha is not None or not shown.identity:
        _without_roundings(rgb)
    return rgb, used_alpha


def _of_whole(shares: Array, request: Request, whole: Array) -> Array:
    """The styles' shares of the whole layer."""
    c = request.context
    assert c is not None
    full = c.full_height, c.full_width
    return regions.of_whole(shares, (c.y, c.x), request.pixels.shape[:2], full, whole.shape[:2])


def _unless_opaque(alpha: Array) -> Array | None:
    opaque = True
    for a, b in bands_of(*alpha.shape):
        opaque = opaque and bool((alpha[a:b] >= 1).all())
        release_pages(alpha)
    return None if opaque else alpha
