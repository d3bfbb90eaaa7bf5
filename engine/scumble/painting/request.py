# SPDX-License-Identifier: Apache-2.0
"""A job as it is asked for: the picture, the styles, the options, and where the picture lies in its layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scumble.api.errors import ScumbleError
from scumble.api.method import Method, Style
from scumble.api.method import describe as describe_method
from scumble.api.options import OptionSpec, check_options, option, option_specs
from scumble.image.pixels import AnyPixels, Order, check
from scumble.image.transfer import Transfer
from scumble.painting.grid import Grid, Size, working_grid
from scumble.painting.progressive import Effort
from scumble.painting.regions import AnyMasks


@dataclass(frozen=True)
class CommonOptions:
    """The options that every method has."""

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
        title="Strokes in a large picture",
    )
    keep_colours: Literal["off", "luminance", "coral", "histogram"] = option(
        "off",
        "luminance takes light and dark from the painting and each place's colour from your picture; coral paints as the "
        "painting does, with the palette of your picture; histogram does so too, with as much of each colour as it has.",
    )


@dataclass(frozen=True)
class Context:
    """A small copy of the whole layer, where the raster is a selection of it, and where in it (in its pixels) that lies."""

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
    """How much is done for the picture, and whether the one shown last is wanted as it is."""


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


def check_context(c: Context, pixels: AnyPixels) -> None:
    check(c.pixels, c.order, "context")
    fits = 0 <= c.x <= c.full_width - pixels.shape[1] and 0 <= c.y <= c.full_height - pixels.shape[0]
    if not fits:
        raise ScumbleError("bad-raster", "The selection lies outside its layer.")


def grid_of(request: Request, common: CommonOptions) -> Grid:
    """The place of the picture on the working grid of its layer."""
    c, size = request.context, request.pixels.shape[:2]
    at = (c.y, c.x) if c else (0, 0)
    return working_grid(at, size, full_size(request), common.brush_size if common.scale == "working" else None)


def full_size(request: Request) -> Size:
    """Pixels of the whole layer."""
    c = request.context
    return (c.full_height, c.full_width) if c else request.pixels.shape[:2]
