# SPDX-License-Identifier: Apache-2.0
"""An example method: paints a picture with nothing but the most frequent colours of the style's painting. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scumble import (
    Capabilities,
    Content,
    Event,
    Method,
    Progress,
    Result,
    Runtime,
    ScumbleError,
    Style,
    Weighted,
    hookimpl,
    option,
)

ROWS = 64
"""Rows a step: small enough that a cancel takes effect at once."""


@dataclass(frozen=True)
class Options:
    """What a painter can set; every flag, widget and check follows from these fields."""

    colours: int = option(8, "How many colours of the painting to use.", minimum=2, maximum=64, step=1)


class Posterize(Method):
    """Each pixel becomes the nearest colour of the painting's palette."""

    id = "posterize"
    title = "Posterize (the painting's own colours)"
    paper = "none; an example"
    purpose = "Shows how a method is written."
    Options = Options
    capabilities = Capabilities(arbitrary=True)

    def available(self, style: Style) -> bool:
        """Any style that keeps its painting will do."""
        return style.has_picture

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> NDArray[np.float32]:
        """The painting's palette, (colours, 3)."""
        painting = style.picture()
        if painting is None:
            raise ScumbleError(
                "style-needs-picture",
                f"The style {style.id!r} does not keep its painting, so its colours cannot be counted.",
                "Add the painting as a style of your own: scumble styles add.",
            )
        return palette(painting, options.colours)

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """A band of rows at a time; the engine stops us between two yields when the job is cancelled."""
        colours = styles[0].state
        out = np.empty_like(content.rgb)
        height = out.shape[0]
        for y in range(0, height, ROWS):
            band = content.rgb[y : y + ROWS]
            distance = np.square(band[:, :, None] - colours).sum(-1)
            out[y : y + ROWS] = colours[distance.argmin(-1)]
            yield Progress(min(1.0, (y + ROWS) / height), f"rows to {min(y + ROWS, height)} of {height}")
        yield Result(out)


def palette(painting: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The mean colours of the `count` fullest cells of an 8x8x8 grid over the colour cube, (<= count, 3), fullest first."""
    pixels = painting.reshape(-1, 3)
    grid = np.minimum((pixels * 8).astype(int), 7)
    cell = (grid[:, 0] * 8 + grid[:, 1]) * 8 + grid[:, 2]
    cells, members = np.unique(cell, return_inverse=True)
    size = np.bincount(members)
    means = np.stack([np.bincount(members, pixels[:, c]) / size for c in range(3)], -1).astype(np.float32)
    fullest = np.argsort(-size, kind="stable")[:count]
    return means[fullest[: len(cells)]]


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Posterize())
