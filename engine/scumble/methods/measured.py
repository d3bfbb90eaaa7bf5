# SPDX-License-Identifier: Apache-2.0
"""A painting as methods know it that train nothing for it: what was measured of it, at several of its sizes.

Invariant: the painting itself is measured when a size is first asked for, and never enlarged; a style that ships without one
brings what was measured of it before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.method import Style
from scumble.nst.style_statistics import ladder_sides, nearest, resized
from scumble.nst.tensors import to_tensor

M = TypeVar("M")


@dataclass
class Measured(Generic[M]):
    """A prepared style."""

    measure: Callable[[Tensor], M]
    """Of (1, 3, H, W) in [0, 1]."""
    sides: Sequence[int]
    """Long sides in pixels at which a painting is measured."""
    ladder: dict[int, M] = field(default_factory=dict)
    """What was measured so far, by the painting's long side; all there is where there is no painting."""
    painting: Tensor | None = None

    def at(self, long_side: float) -> M:
        """What is known of the painting at the nearest of its sizes."""
        if self.painting is None:
            return self.ladder[nearest(self.ladder, long_side)]
        rung = nearest(ladder_sides(max(self.painting.shape[2:]), self.sides), long_side)
        if rung not in self.ladder:
            self.ladder[rung] = self.measure(resized(self.painting, rung))
        return self.ladder[rung]


def measured(
    style: Style,
    method: str,
    encoder: str,
    device: str,
    sides: Sequence[int],
    measure: Callable[[Tensor], M],
    load: Callable[[Path], dict[int, M]],
) -> Measured[M]:
    """The painting, or what was measured through the compact encoder and ships in its place (`load` reads that).

    Raises ScumbleError "style-needs-picture" and "style-unavailable", and what `load` raises.
    """
    painting = style.picture()
    if painting is not None:
        return Measured(measure, sides, painting=to_tensor(painting).to(device))
    if encoder != "compact":
        raise ScumbleError(
            "style-needs-picture",
            f"The style {style.id!r} ships without its painting, which {encoder} has to see.",
            "Use the compact encoder, or add the painting to your own styles.",
        )
    path = style.state(method)
    if path is None:
        raise ScumbleError(
            "style-unavailable",
            f"The style {style.id!r} has neither a painting nor what {method} measures of one.",
            "Add the painting to your own styles, or choose another method.",
        )
    return Measured(measure, sides, load(Path(path)))
