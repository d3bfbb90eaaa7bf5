# SPDX-License-Identifier: Apache-2.0
"""How long a choice of brush size may take, before it is tried.

Invariant: the pixels counted are those that the engine paints at its usual scale (its painting/grid.py); seconds are only named
where a picture of the same method has been timed on this computer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from .sizes import WORKING_SIDE

WORTH_A_WORD = 10.0
"""Seconds from which on a painter is warned."""
LONGER = 3.0
"""Times as long as usual from which on a painter is warned where no seconds are known."""


def painted_pixels(width: int, height: int, brush_size: float) -> float:
    """How many pixels are painted of a layer of that size: its long side as it is, or WORKING_SIDE where it is longer, divided
    by the brush size."""
    side = max(width, height)
    ratio = min(side, WORKING_SIDE) / max(0.01, brush_size) / side
    return width * ratio * height * ratio


def pace(width: int, height: int, brush_size: float, seconds: float) -> float:
    """Seconds for each painted pixel of a picture that took `seconds`."""
    return seconds / max(1.0, painted_pixels(width, height, brush_size))


def limits_of_brush(options: Mapping[str, Any]) -> str:
    """What keeps the brush size from having an effect, as a sentence; else empty."""
    if options.get("scale") == "full":
        return "Strokes are fine, at every pixel, whatever the brush size; the preview shows broader ones."
    return ""


def brush_takes(width: int, height: int, brush_size: float, seconds_a_pixel: Optional[float]) -> str:
    """How long a fine brush takes, as a sentence; "" where that is not long."""
    if brush_size >= 1:
        return ""
    pixels = painted_pixels(width, height, brush_size)
    times = pixels / painted_pixels(width, height, 1.0)
    if seconds_a_pixel is not None:
        seconds = pixels * seconds_a_pixel
        return f"Strokes this fine take {_about(seconds)}." if seconds >= WORTH_A_WORD else ""
    return f"Strokes this fine take about {times:.0f} times as long as with 1." if times >= LONGER else ""


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(10, 5 * round(seconds / 5))} s"
    return f"about {round(seconds / 60)} minutes"
