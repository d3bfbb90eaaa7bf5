# SPDX-License-Identifier: Apache-2.0
"""Paints one job: reads the picture, runs the method, and finishes what it painted.

What holds for every picture is kept here, for all methods alike.

Invariants: strength 0 returns the input byte for byte; alpha and pixels under alpha 0 come back bit-identical, and hidden
colours influence nothing; the depth stays; what a run holds of a large picture is bands of it (at full scale the method
itself needs the picture and its result as floats: where they are large they lie in files). Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, cast

from scumble.api.errors import ScumbleError
from scumble.api.method import Preview, Progress, Result, Runtime
from scumble.image.mapped import in_memory, release_pages
from scumble.image.pixels import AnyPixels, check
from scumble.painting import progressive, regions
from scumble.painting.finishing import PAINTED, checked, copied, finish, palettes, preview, recolouring
from scumble.painting.grid import LEAST_SHARE, WHOLE
from scumble.painting.reading import READ, Reading, read
from scumble.painting.request import (
    CommonOptions,
    Context,
    Request,
    all_options,
    check_context,
    describe,
    grid_of,
    parse_options,
)

__all__ = ["CommonOptions", "Context", "Request", "all_options", "describe", "memory_needed", "parse_options", "run"]

HELD = 12, 12, 4
"""Bytes for each pixel of the working grid while a method runs: the picture and its result as floats, and alpha. Masks take 4
more each, and 16 for what they cover and for the result that is mixed."""


def memory_needed(request: Request, share: float = LEAST_SHARE) -> tuple[int, int]:
    """Bytes a run takes at least, beside the request and its result: here, and where the method computes, with tiles that
    have `share` of the usual pixels.

    Raises ScumbleError "bad-options".
    """
    if request.strength == 0:
        return 0, 0
    common, own = parse_options(request.method, request.options)
    height, width = grid_of(request, common).shape
    pixels = height * width
    held = sum(in_memory(size * pixels) for size in HELD)
    masks = 0 if request.masks is None else 4 * request.masks.shape[2] + 16
    compared = max(pixels, 0 if request.context is None else math.prod(request.context.pixels.shape[:2]))
    cost = request.method.cost
    most = int(WHOLE * share) if request.method.capabilities.tiling else cost.most_pixels or pixels
    return held + masks * pixels, cost.bytes(compared, own, most)


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
        check_context(request.context, request.pixels)
    if request.masks is not None:
        regions.check(request.masks, request.pixels.shape[:2], len(request.styles))
    if out.shape != request.pixels.shape or out.dtype != request.pixels.dtype:
        raise ValueError("the result must have the shape and depth of the picture")
    return _run(request, runtime, out, common, own)


def _run(request: Request, runtime: Runtime, out: AnyPixels, common: CommonOptions, own: Any) -> Iterator[Progress | Preview]:
    """Read, paint, finish."""
    yield Progress(0.0, "reading")
    reading = (yield from read(request, runtime, common, own)) if request.strength else None
    if reading is None:  # nothing is to be painted
        yield from copied(request.pixels, out)
        return
    target, rgb = reading.target, reading.content.rgb

    result = yield from _paint(request, reading, runtime, common)
    painted = checked(None if result is None else result.rgb, request.method, rgb.shape)

    recoloured = recolouring(*palettes(painted, None if result is None else result.whole, reading.content), common)
    del reading, result  # layer and masks are large, too
    yield from finish(request, target, rgb, painted, recoloured, out)


def _paint(
    request: Request, reading: Reading, runtime: Runtime, common: CommonOptions
) -> Generator[Progress | Preview, None, Result | None]:
    """Pass on what the method yields, previews as the finished picture will look, and return its result."""
    result: Result | None = None
    content, strength = reading.content, reading.target.strength
    with closing(cast(Any, progressive.paint(reading.prepared, content, runtime, request.effort))) as events:
        for event in events:
            if isinstance(event, Progress):
                yield Progress(READ + (PAINTED - READ) * min(1.0, max(0.0, event.fraction)), event.text)
            elif isinstance(event, Result):
                result = event
            elif request.previews:
                yield preview(event.rgb, content, reading.covered, strength, common)
            del event  # a large preview must not stay while the method goes on
            release_pages(content.rgb)
    return result
