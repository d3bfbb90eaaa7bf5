# SPDX-License-Identifier: Apache-2.0
"""One job: what every picture is owed, kept for every method alike.

Invariants: strength 0 returns the input byte for byte; alpha and pixels under alpha 0 come back bit-identical, and hidden
colours influence nothing; the depth stays; what a run holds of a large picture is bands of it (at full scale the method
itself needs the picture and its result as floats: where they are large they lie in files). Needs no torch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Method, Preview, Progress, Result, Runtime, Style
from scumble.api.method import describe as describe_method
from scumble.api.options import OptionSpec, check_options, option, option_specs
from scumble.image import colour
from scumble.image.fill import fill_hidden
from scumble.image.mapped import empty, in_memory, let_go
from scumble.image.pixels import AnyPixels, Form, Order, check, clamp, decode, encode
from scumble.image.resample import Array, across, resize
from scumble.image.transfer import Transfer
from scumble.painting import mixing, progressive, regions
from scumble.painting.grid import LEAST_SHARE, WHOLE, Grid, Size, Span, natural_side, working_grid
from scumble.painting.progressive import Effort, Prepared
from scumble.painting.regions import AnyMasks
from scumble.painting.upscale import Upscaler

T = TypeVar("T")

BAND = 1 << 19
"""Pixels in work at once, so about 30 MB of floats, and some tens of milliseconds between two chances to cancel."""

HELD = 12, 12, 4
"""Bytes for each pixel of the working grid while a method runs: the picture and its result as floats, and alpha. Masks take 4
more each, and 16 for what they cover and for the result that is mixed."""

FINEST = np.float32(2**-17)
"""Steps of colour that a method sees, half of 16 bits, where a picture was resampled or filled. Finer ones are roundings there,
which a network with norms in a row would blow up where all is flat."""

MAX_PREVIEW = 1024
"""Longest side of a preview."""

MIXED = 0.6
"""Where a method paints weaker by itself, the strength below which pixels are mixed too: networks give a picture back only
nearly, and below that strength a style may bring it nearer to the picture rather than farther away."""

PALETTES: dict[str, Callable[[Array, Array, Array | None], Callable[[Array], Array]]] = {
    "coral": colour.coral,
    "histogram": colour.match_histograms,
}
"""From painting, picture and alpha to what brings the one's palette to the other's, by the choice of `keep_colours`."""

READ, PAINTED = 0.05, 0.9
"""Fractions of a run at which the picture is read, and the method has done its part."""


@dataclass(frozen=True)
class CommonOptions:
    """What can be chosen for every method alike."""

    brush_size: float = option(
        1.0,
        "How broad the strokes are in proportion to the picture; 2 is twice as broad.",
        minimum=0.25,
        maximum=4.0,
        step=0.05,
        unit="x",
    )
    scale: Literal["working", "full"] = option(
        "working",
        "working paints a large picture as one of 1024 pixels and brings the result up, so that all sizes look alike; "
        "full paints every pixel, so strokes are fine in a large picture, brush size has no effect, and it takes longer.",
    )
    keep_colours: Literal["off", "luminance", "coral", "histogram"] = option(
        "off",
        "luminance takes light and dark from the painting and each place's colour from your picture; coral paints as the "
        "painting does, with the palette of your picture; histogram does so too, with as much of each colour as it has.",
    )


@dataclass(frozen=True)
class Context:
    """The whole layer in small, when the raster is a selection of it, and where in it (in its pixels) the raster lies."""

    pixels: AnyPixels
    x: int
    y: int
    full_width: int
    full_height: int
    order: Order = "rgba"
    transfer: Transfer = "srgb"


@dataclass(frozen=True)
class Request:
    """A job, complete. `options` are untrusted: the method's own and the common ones in one dict."""

    method: Method
    styles: Sequence[tuple[Style, float]]
    strength: float
    options: dict[str, Any]
    pixels: AnyPixels
    order: Order = "rgba"
    transfer: Transfer = "srgb"
    """ "linear" for floats that are linear light; the result is as the picture."""
    context: Context | None = None
    previews: bool = False
    masks: AnyMasks | None = None
    """One a style, of the picture's size: where it is painted, and how much. None paints all of them everywhere."""
    effort: Effort = field(default_factory=Effort)
    """How much is done for it, and whether somebody wants what is shown now."""


def all_options(method: Method) -> list[OptionSpec]:
    """The method's own options and the common ones; where both have a name, the method's counts."""
    own = option_specs(method.Options)
    names = {spec.name for spec in own}
    return own + [spec for spec in option_specs(CommonOptions) if spec.name not in names]


def describe(method: Method) -> dict[str, Any]:
    """A method as the catalogue shows it, with the common options."""
    return describe_method(method) | {"options": [dataclasses.asdict(spec) for spec in all_options(method)]}


def parse_options(method: Method, given: dict[str, Any]) -> tuple[CommonOptions, Any]:
    """The common options and the method's own. Raises ScumbleError "bad-options"."""
    checked = check_options(all_options(method), given)
    names = {spec.name for spec in option_specs(method.Options)}
    common = {name: value for name, value in checked.items() if name not in names}
    own = {name: value for name, value in checked.items() if name in names}
    return CommonOptions(**common), method.Options(**own)


def memory_needed(request: Request, share: float = LEAST_SHARE) -> tuple[int, int]:
    """Bytes a run takes at least, beside the request and its result: here, and where the method computes, with tiles that
    have `share` of the usual pixels.

    Raises ScumbleError "bad-options".
    """
    if request.strength == 0:
        return 0, 0
    common, own = parse_options(request.method, request.options)
    height, width = _grid(request, common).shape
    pixels = height * width
    held = sum(in_memory(size * pixels) for size in HELD)
    masks = 0 if request.masks is None else 4 * request.masks.shape[2] + 16
    looked_at = max(pixels, 0 if request.context is None else math.prod(request.context.pixels.shape[:2]))
    cost = request.method.cost
    most = int(WHOLE * share) if request.method.capabilities.tiling else cost.most_pixels or pixels
    return held + masks * pixels, cost.bytes(looked_at, own, most)


def run(request: Request, runtime: Runtime, out: AnyPixels) -> Iterator[Progress | Preview]:
    """Check the request at once, then, while iterated, write the result into `out` (like `request.pixels`; it may be a
    memmap). Closing the iterator cancels; `out` is then unfinished.

    Raises ScumbleError "bad-strength", "bad-options", "bad-raster", "bad-weights" and what the method raises.
    """
    if not 0 <= request.strength <= 1:
        raise ScumbleError("bad-strength", f"The strength cannot be {request.strength}.", "It lies between 0 and 1.")
    common, own = parse_options(request.method, request.options)
    check(request.pixels, request.order)
    if request.context is not None:
        _check_context(request.context, request.pixels)
    if request.masks is not None:
        regions.check(request.masks, request.pixels.shape[:2], len(request.styles))
    if out.shape != request.pixels.shape or out.dtype != request.pixels.dtype:
        raise ValueError("the result must have the shape and depth of the picture")
    return _run(request, runtime, out, common, own)


def _run(request: Request, runtime: Runtime, out: AnyPixels, common: CommonOptions, own: Any) -> Iterator[Progress | Preview]:
    pixels, strength = request.pixels, request.strength
    yield Progress(0.0, "reading")
    if strength == 0:
        yield from _copied(pixels, out)
        return
    styles, mixture = regions.gathered(request.styles)
    states = mixing.states(request.method, styles, own, runtime, apart=request.masks is not None)
    yield Progress(0.01, "reading")
    grid = _grid(request, common)
    shares = covered = None
    if request.masks is not None:
        shares, covered = yield from _progress(regions.read(request.masks, mixture, grid), 0.01, 0.02)
        if not covered.any():
            yield from _copied(pixels, out)
            return
        present = shares.max((0, 1)) > 0
        states = [state for state, there in zip(states, present, strict=True) if there]
        styles = [style for style, there in zip(styles, present, strict=True) if there]
        shares = shares[..., present] if len(states) > 1 else None
    rgb, alpha = empty((*grid.shape, 3), np.float32), empty(grid.shape, np.float32)
    yield from _progress(_read(pixels, (request.order, request.transfer), grid, rgb, alpha), 0.02, READ)
    fill_hidden(rgb, alpha)
    seen_alpha = _unless_opaque(alpha)
    if seen_alpha is not None or not grid.identity:
        _without_roundings(rgb)
    content = Content(rgb, seen_alpha, *_whole(request.context, grid), strength=strength, regions=shares)
    content = dataclasses.replace(
        content, natural_side=natural_side(_full(request)), place=(grid.rows.first, grid.columns.first), full=grid.whole
    )
    if shares is not None and content.whole is not None:
        content = dataclasses.replace(content, whole_regions=_of_whole(shares, request, content.whole))
    if request.method.capabilities.strength:
        strength = min(1.0, strength / MIXED)  # of pixels; the rest of it is the method's
    del alpha, shares
    painted = whole = None
    chosen = Prepared(request.method, own, styles, states)
    with closing(cast(Any, progressive.paint(chosen, content, runtime, request.effort))) as events:
        for event in events:
            if isinstance(event, Progress):
                yield Progress(READ + (PAINTED - READ) * min(1.0, max(0.0, event.fraction)), event.text)
            elif isinstance(event, Result):
                painted, whole = event.rgb, event.whole
            elif request.previews:
                yield _preview(event.rgb, content, covered, strength, common)
            del event  # a large preview must not stay while the method goes on
            let_go(rgb)
    painted = _checked(painted, request.method, rgb.shape)
    recoloured = _recolouring(*_palettes(painted, whole, content), common)
    del content, whole
    upscaler = None if grid.identity else Upscaler(painted, rgb, *grid.up())
    for a, b in _bands(len(pixels), max(pixels.shape[1], grid.cells // len(pixels))):
        planes = decode(pixels[a:b], request.order, request.transfer)
        original, visible = planes[:3], planes[3] > 0
        seen = clamp(original, pixels.dtype)
        y = np.moveaxis(painted[a:b], 2, 0) if upscaler is None else upscaler.band(a, b, seen)
        y = np.clip(y, 0, 1)
        y = recoloured(y, seen)
        amount = np.full(y.shape[1:], strength, np.float32)
        if request.masks is not None:
            amount *= regions.coverage(request.masks[a:b], mixture)
            visible &= amount > 0
        if not (amount == 1).all():
            y = original * (1 - amount) + y * amount
        out[a:b] = pixels[a:b]
        encode(y, None if visible.all() else visible, request.order, out[a:b], request.transfer)
        let_go(pixels, out, painted, rgb)
        yield Progress(PAINTED + (1 - PAINTED) * b / len(pixels), "finishing")


def _grid(request: Request, common: CommonOptions) -> Grid:
    c, size = request.context, request.pixels.shape[:2]
    at = (c.y, c.x) if c else (0, 0)
    return working_grid(at, size, _full(request), common.brush_size if common.scale == "working" else None)


def _full(request: Request) -> Size:
    """Pixels of the whole layer."""
    c = request.context
    return (c.full_height, c.full_width) if c else request.pixels.shape[:2]


def _copied(pixels: AnyPixels, out: AnyPixels) -> Iterator[Progress]:
    """Give the picture back as it is."""
    for a, b in _bands(*pixels.shape[:2]):
        out[a:b] = pixels[a:b]
        let_go(pixels, out)
        yield Progress(b / len(pixels))


def _progress(work: Generator[float, None, T], start: float, end: float) -> Generator[Progress, None, T]:
    """The Progress of reading, from `start` to `end` of the whole run; returns what the work returns."""
    try:
        while True:
            yield Progress(start + (end - start) * next(work), "reading")
    except StopIteration as done:
        return cast(T, done.value)


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
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
        let_go(pixels, rgb, alpha)
        yield b / rows.outputs


def _without_roundings(rgb: Array) -> None:
    for a, b in _bands(*rgb.shape[:2]):
        rgb[a:b] = np.rint(rgb[a:b] / FINEST) * FINEST
        let_go(rgb)


def _whole(context: Context | None, grid: Grid) -> tuple[Array | None, Array | None]:
    """The whole layer at the working scale, never enlarged, and its alpha: as it would be read if it were the picture."""
    if context is None:
        return None, None
    size = context.pixels.shape[:2]
    ratio = min(1.0, max(grid.whole) / max(size))
    rows, columns = (Span(0, n, 0, cells, cells / n) for n in size for cells in [max(1, round(n * ratio))])
    seen = Grid(rows, columns, (rows.cells, columns.cells))
    rgb, alpha = np.empty((*seen.shape, 3), np.float32), np.empty(seen.shape, np.float32)
    for _ in _read(context.pixels, (context.order, context.transfer), seen, rgb, alpha):
        pass
    fill_hidden(rgb, alpha)
    seen_alpha = _unless_opaque(alpha)
    if seen_alpha is not None or not seen.identity:
        _without_roundings(rgb)
    return rgb, seen_alpha


def _of_whole(shares: Array, request: Request, whole: Array) -> Array:
    """The styles' shares of the whole layer."""
    c = request.context
    assert c is not None
    full = c.full_height, c.full_width
    return regions.of_whole(shares, (c.y, c.x), request.pixels.shape[:2], full, whole.shape[:2])


def _unless_opaque(alpha: Array) -> Array | None:
    opaque = True
    for a, b in _bands(*alpha.shape):
        opaque = opaque and bool((alpha[a:b] >= 1).all())
        let_go(alpha)
    return None if opaque else alpha


def _palettes(painted: Array, whole: Array | None, content: Content) -> tuple[Array, Array, Array | None]:
    """Painting, picture and alpha whose palettes are compared: the whole layer's, where it was painted."""
    if whole is None or content.whole is None:
        return painted, content.rgb, content.alpha
    size = whole.shape[:2]
    alpha = None if content.whole_alpha is None else resize(content.whole_alpha[..., None], *size)[..., 0]
    return whole, resize(content.whole, *size), alpha


def _recolouring(painted: Array, picture: Array, alpha: Array | None, common: CommonOptions) -> Callable[[Array, Array], Array]:
    """What keeps the colours, from (painting, picture), planes (3, H, W) in [0, 1], to the painting as it shall look."""
    if common.keep_colours == "luminance":
        return colour.keep_colours
    if common.keep_colours in PALETTES:
        palette = PALETTES[common.keep_colours](painted, picture, alpha)
        return lambda y, seen: palette(y)
    return lambda y, seen: y


def _preview(painted: Array, content: Content, covered: Array | None, strength: float, common: CommonOptions) -> Preview:
    """An unfinished picture as the finished one will look: no larger than MAX_PREVIEW, with masks, strength and colours
    applied."""
    ratio = min(1.0, MAX_PREVIEW / max(painted.shape[:2]))
    size = [max(1, round(side * ratio)) for side in painted.shape[:2]]
    alpha = None if content.alpha is None else resize(content.alpha[..., None], *size)[..., 0]
    small = Content(resize(content.rgb, *size), alpha)
    shown = np.clip(resize(painted, *size), 0, 1)
    x = np.moveaxis(small.rgb, 2, 0)
    y = _recolouring(shown, small.rgb, small.alpha, common)(np.moveaxis(shown, 2, 0), x)
    amount = np.float32(strength) if covered is None else resize(covered[..., None], *size)[..., 0] * np.float32(strength)
    mixed = x * (1 - amount) + y * amount
    return Preview(np.ascontiguousarray(np.moveaxis(mixed, 0, 2)))


def _checked(painted: Array | None, method: Method, shape: tuple[int, ...]) -> Array:
    """A method's result, or ScumbleError "internal" where there is none, or none of that size, or none that can be shown."""
    if painted is None or painted.shape != shape:
        got = "nothing" if painted is None else f"a picture of shape {painted.shape}"
        raise ScumbleError("internal", f"{method.title} was to give a picture of shape {shape} and gave {got}.")
    for a, b in _bands(*shape[:2]):
        if not np.isfinite(painted[a:b]).all():
            raise ScumbleError("internal", f"{method.title} gave numbers that are no colours.", "Try another style or device.")
        let_go(painted)
    return painted


def _check_context(c: Context, pixels: AnyPixels) -> None:
    check(c.pixels, c.order, "context")
    fits = 0 <= c.x <= c.full_width - pixels.shape[1] and 0 <= c.y <= c.full_height - pixels.shape[0]
    if not fits:
        raise ScumbleError("bad-raster", "The selection lies outside its layer.")
