# SPDX-License-Identifier: Apache-2.0
"""Whether a request makes sense: sizes, strength, weights, names and options, before a pixel of it arrives.

Invariant: only numbers of the header are read; nothing is allocated for what they claim.
"""

from __future__ import annotations

import math

from scumble.api.errors import ScumbleError
from scumble.api.options import check_options
from scumble.server import limits
from scumble.server.catalogue import Catalogue
from scumble.server.messages import ContextRaster, MaskRaster, Raster, StylePut, Submit


def check_submit(request: Submit, catalogue: Catalogue) -> list[tuple[str, float]]:
    """The styles of a request, pinned, with their weights. Raises ScumbleError with the code that section 8 has for it."""
    check_raster(request.raster, limits.PIXELS)
    if request.context is not None:
        _check_context(request.context, request.raster)
    if request.masks is not None:
        _check_masks(request.masks, request.raster, len(request.styles))
    if not 0 <= request.strength <= 1:
        raise ScumbleError("bad-strength", f"Strength cannot be {request.strength:g}.", "It lies between 0 and 1.")
    if request.seconds is not None and not 0 < request.seconds <= limits.SECONDS:
        message = f"A picture cannot be improved for {request.seconds:g} seconds."
        raise ScumbleError("bad-options", message, f"Give more than 0 and at most {limits.SECONDS:,.0f}.")
    weights = [s.weight for s in request.styles]
    if not all(math.isfinite(w) and w >= 0 for w in weights) or not 0 < sum(weights) < math.inf:
        raise ScumbleError("bad-weights", "The weights of the styles must not be negative, and one must be above 0.")
    styles = [catalogue.store.get(s.style) for s in request.styles]
    if catalogue.ready:
        method = catalogue.method(request.method)
        check_options(catalogue.options(request.method), request.options)
        for style in styles:
            if request.method not in catalogue.methods_of(style):
                raise ScumbleError(
                    "style-unavailable",
                    f"{method['title']} has not learnt the style {style.title!r}.",
                    "Choose another style, or a method that takes any picture as a style.",
                )
    return [(s.pinned, w) for s, w in zip(styles, weights, strict=True)]


def check_style(request: StylePut) -> None:
    """Raises ScumbleError "bad-raster"."""
    check_raster(request.raster, limits.STYLE_PIXELS)


def check_raster(raster: Raster, pixels: int) -> None:
    """Raises ScumbleError "bad-raster" for sides or areas that no picture has here."""
    w, h = raster.width, raster.height
    if not (1 <= w <= limits.SIDE and 1 <= h <= limits.SIDE):
        raise ScumbleError(
            "bad-raster", f"A picture of {w} x {h} pixels cannot be.", f"Sides go from 1 to {limits.SIDE} pixels."
        )
    if raster.transfer == "linear" and raster.format not in ("f16", "f32"):
        raise ScumbleError("bad-raster", f"Linear light does not fit into {raster.format}.", "Send it as f16 or f32.")
    if w * h > pixels:
        raise ScumbleError("bad-raster", f"{w} x {h} pixels are too many.", f"The most is {pixels:,} pixels.")


def _check_context(context: ContextRaster, raster: Raster) -> None:
    if not (1 <= context.width <= limits.CONTEXT_SIDE and 1 <= context.height <= limits.CONTEXT_SIDE):
        raise ScumbleError("bad-raster", f"The context's sides go from 1 to {limits.CONTEXT_SIDE} pixels.")
    if context.transfer == "linear" and context.format not in ("f16", "f32"):
        raise ScumbleError("bad-raster", f"Linear light does not fit into {context.format}.", "Send it as f16 or f32.")
    inside = (
        0 <= context.x <= context.full_width - raster.width
        and 0 <= context.y <= context.full_height - raster.height
        and context.full_width * context.full_height <= limits.SIDE**2
    )
    if not inside:
        raise ScumbleError("bad-raster", "The selection does not lie in its layer.", "Please report this.")


def _check_masks(masks: MaskRaster, raster: Raster, styles: int) -> None:
    if (masks.width, masks.height) != (raster.width, raster.height):
        raise ScumbleError(
            "bad-raster",
            f"The masks have {masks.width} x {masks.height} pixels and the picture {raster.width} x {raster.height}.",
            "Make masks of the picture's size.",
        )
    if masks.channels != styles:
        raise ScumbleError(
            "bad-raster", f"There are {masks.channels} masks for {styles} styles.", "Give every style a mask, or none."
        )
