# SPDX-License-Identifier: Apache-2.0
"""How much of a layer is sent around a selection, so that its edge is painted as if the layer went on there.

Invariant: it is as much as any method looks at around a pixel.
"""

from __future__ import annotations

import math

REACH = 128
"""Pixels that a network looks at around one, at most, in the picture as it sees it."""
SEEN = 1024
"""Longest side of the picture as it is seen at brush size 1; a broader brush sees as much fewer pixels of it."""


def margin(width: int, height: int, brush_size: float) -> int:
    """Pixels of a layer (or canvas) of that size; at least as much as counts where every pixel is painted."""
    return math.ceil(REACH * max(1.0, max(width, height) / SEEN) * max(1.0, brush_size))
