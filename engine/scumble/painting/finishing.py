# SPDX-License-Identifier: Apache-2.0
"""The last part of a job: what a method painted is brought to the picture's size, colours, strength, alpha and depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Method, Preview, Progress
from scumble.image import colour
from scumble.image.mapped import release_pages
from scumble.image.pixels import AnyPixels, clamp, decode, encode
from scumble.image.resample import Array, resize
from scumble.painting import regions
from scumble.painting.reading import Target, bands_of
from scumble.painting.request import CommonOptions, Request
from scumble.painting.upscale import Upscaler

Recolour = Callable[[Array, Array], Array]
"""From (painting, picture), planes (3, H, W) in [0, 1], to the painting as it is to look."""

MAX_PREVIEW = 1024
"""Longest side of a preview."""

PALETTES: dict[str, Callable[[Array, Array, Array | None], Callable[[Array], Array]]] = {
    "coral": colour.coral,
    "histogram": colour.match_histograms,
}
"""From painting, picture and alpha to what brings the one's palette to the other's, by the choice of `keep_colours`."""

PAINTED = 0.9
"""Fraction of a run at which the method has done its part."""


def finish(
    request: Request, target: Target, rgb: Array, painted: Array, recoloured: Recolour, out: AnyPixels
) -> Iterator[Progress]:
    """Write the result band by band: `rgb` was read, `painted` is what the method made of it."""
    pixels, grid = request.pixels, target.grid
    upscaler = None if grid.identity else Upscaler(painted, rgb, *grid.up())
    for a, b in bands_of(len(pixels), max(pixels.shape[1], grid.cells // len(pixels))):
        planes = decode(pixels[a:b], request.order, request.transfer)
        original, visible = planes[:3], planes[3] > 0
        shown = clamp(original, pixels.dtype)
        y = np.moveaxis(painted[a:b], 2, 0) if upscaler is None else upscaler.band(a, b, shown)
        y = recoloured(np.clip(y, 0, 1), shown)

        amount = np.full(y.shape[1:], target.strength, np.float32)
        if request.masks is not None:
            amount *= regions.coverage(request.masks[a:b], target.mixture)
            visible &= amount > 0
        if not (amount == 1).all():
            y = original * (1 - amount) + y * amount

        out[a:b] = pixels[a:b]
        encode(y, None if visible.all() else visible, request.order, out[a:b], request.transfer)
        release_pages(pixels, out, painted, rgb)
        yield Progress(PAINTED + (1 - PAINTED) * b / len(pixels), "finishing")


def copied(pixels: AnyPixels, out: AnyPixels) -> Iterator[Progress]:
    """Give the picture back as it is."""
    for a, b in bands_of(*pixels.shape[:2]):
        out[a:b] = pixels[a:b]
        release_pages(pixels, out)
        yield Progress(b / len(pixels))


def palettes(painted: Array, whole: Array | None, content: Content) -> tuple[Array, Array, Array | None]:
    """Painting, picture and alpha whose palettes are compared: the whole layer's, where it was painted."""
    if whole is None or content.whole is None:
        return painted, content.rgb, content.alpha
    size = whole.shape[:2]
    alpha = None if content.whole_alpha is None else resize(content.whole_alpha[..., None], *size)[..., 0]
    return whole, resize(content.whole, *size), alpha


def recolouring(painted: Array, picture: Array, alpha: Array | None, common: CommonOptions) -> Callable[[Array, Array], Array]:
    """A function that keeps the colours: it takes (painting, picture), planes (3, H, W) in [0, 1], and gives the painting as it
    is to look."""
    if common.keep_colours == "luminance":
        return colour.keep_colours
    if common.keep_colours in PALETTES:
        palette = PALETTES[common.keep_colours](painted, picture, alpha)
        return lambda y, _: palette(y)
    return lambda y, _: y


def preview(painted: Array, content: Content, covered: Array | None, strength: float, common: CommonOptions) -> Preview:
    """An unfinished picture as the finished one will look: no larger than MAX_PREVIEW, with masks, strength and colours
    applied."""
    ratio = min(1.0, MAX_PREVIEW / max(painted.shape[:2]))
    size = [max(1, round(side * ratio)) for side in painted.shape[:2]]
    alpha = None if content.alpha is None else resize(content.alpha[..., None], *size)[..., 0]
    small = Content(resize(content.rgb, *size), alpha)
    shown = np.clip(resize(painted, *size), 0, 1)
    x = np.moveaxis(small.rgb, 2, 0)
    y = recolouring(shown, small.rgb, small.alpha, common)(np.moveaxis(shown, 2, 0), x)
    amount = np.float32(strength) if covered is None else resize(covered[..., None], *size)[..., 0] * np.float32(strength)
    mixed = x * (1 - amount) + y * amount
    return Preview(np.ascontiguousarray(np.moveaxis(mixed, 0, 2)))


def checked(painted: Array | None, method: Method, shape: tuple[int, ...]) -> Array:
    """A method's result, or ScumbleError "internal" where there is none, it has another size, or it holds NaN or infinity."""
    if painted is None or painted.shape != shape:
        got = "nothing" if painted is None else f"a picture of shape {painted.shape}"
        raise ScumbleError("internal", f"{method.title} was to give a picture of shape {shape} and gave {got}.")
    for a, b in bands_of(*shape[:2]):
        if not np.isfinite(painted[a:b]).all():
            raise ScumbleError(
                "internal", f"{method.title} gave colours that are NaN or infinite.", "Try another style or device."
            )
        release_pages(painted)
    return painted
