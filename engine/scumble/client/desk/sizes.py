# SPDX-License-Identifier: Apache-2.0
"""How large the pictures are that a plug-in sends besides the painting itself.

Invariant: one number for one purpose, the same in every host program. All are longest sides in pixels.
"""

from __future__ import annotations

from ..catalogue import Method

STYLE_SIDE = 1536
"""A picture that becomes a style: the engine keeps no more of it (MAX_SIDE of its style store)."""
CONTEXT_SIDE = 1024
"""A small copy of the whole layer that goes with a selection (docs/protocol.md, section 5)."""
WORKING_SIDE = 1024
"""The size at which the engine paints with brush size 1; with 0.5 it is twice that. A smaller layer is painted at its own."""
DESCENT_SIDE = 512
"""The preview of a method that optimizes the picture step by step: a quarter of the work of WORKING_SIDE, so that the first
unfinished picture comes soon; its strokes are up to twice as broad as those of the result."""
LIVE_SIDE = 384
"""The fast pass while the painter's hand moves, of a method that takes one pass."""

ALPHA_SIDE = 256
"""A layer when it is searched for transparent parts, so that preview and result decide alike."""
SHEET_SIDE = 256
"""A picture of a contact sheet, which shows many styles at once."""


def preview_side(method: Method, brush_size: float = 1.0) -> int:
    """The longest side of a preview. A method of one pass gets as many pixels as it paints the whole with, because strokes
    are equally broad in pixels at any size: in a smaller preview they would be broader than in the result."""
    if method.capabilities.get("iterative"):
        return DESCENT_SIDE
    return round(WORKING_SIDE / min(1.0, max(0.25, brush_size)))
