# SPDX-License-Identifier: Apache-2.0
"""How much of a layer is sent around a selection, so that its edge is painted as if the layer went on there.

Invariant: it is at least the receptive field of any method.
"""

from __future__ import annotations

import math

REACH = 128
"""The largest receptive field of a network, in pixels to each side, at the size at which it paints."""
PAINTED_SIDE = 1024
"""Longest side at which a picture is painted at brush size 1; a broader brush divides it."""


def margin(width: int, height: int, brush_size: float) -> int:
    """Pixels to send around a selection of a layer (or canvas) of that size; enough also where every pixel is painted."""
    return math.ceil(REACH * max(1.0, max(width, height) / PAINTED_SIDE) * max(1.0, brush_size))
