# SPDX-License-Identifier: Apache-2.0
"""What the parts of a plug-in's window are called, and in which order they stand, in every host program.

Invariant: a word that two host programs show stands here once, without a shortcut's underscore and without a colon.
"""

from __future__ import annotations

STYLES, HISTORY = "Styles", "History"
"""What the window has a page of."""
ALL_STYLES, FAVOURITES, RECENT, OWN = "All", "Favourites", "Recent", "My own"
"""Which styles the gallery shows."""
FIND = "Find a style"
ADD_BUTTON, ADD = "+", "Add a style of your own"
"""A button with a menu, and what it is for."""
FROM_FILES = "From picture files…"
TRY_ALL = "Try all styles"
"""On the layer, small, to pick from."""

FAVOURITE, BLEND_WITH_THIS, RENAME, REMOVE = "Favourite", "Blend with this style", "Rename…", "Remove"
"""What can be done with a style."""

STRENGTH, BLEND, QUALITY, METHOD = "Strength", "Blend with", "Quality", "Method"
BRUSH, KEEP_COLOURS = "Brush size", "Keep colours"
CONTROLS = (STRENGTH, BLEND, QUALITY, METHOD, BRUSH, KEEP_COLOURS)
"""From top to bottom; the method's further options come below."""
BLEND_MORE, SHARE, WHERE = "and with", "Its share", "Where"
"""Of a further style: below BLEND once there is one."""
NO_OTHER = "No other style"
BY_SELECTION = "The selection says where a style goes; all of the layer is painted."
WHERE_TIP = (
    "A layer with transparent parts counts by its alpha, any other by how light it is. The first style has what is left."
)

PREVIOUS, NEXT, ORIGINAL, APPLY, DISCARD = "◀", "▶", "Original", "Apply", "Discard"
STRIP = (PREVIOUS, NEXT, ORIGINAL, APPLY, DISCARD)
"""Of what was tried, one is shown: in reading order."""
STRIP_TIPS = {
    PREVIOUS: "The previous one",
    NEXT: "The next one",
    ORIGINAL: "Hold to see the picture without it",
    APPLY: "Paint it for good, at full size",
    DISCARD: "Take them all away",
}

ONE_RESULT = "One result per layer"
ONE_RESULT_TIP = "A new result takes the place of the layer's earlier ones"
KEEP, KEEP_TIP = "Keep", "End with the picture that is shown"
CANCEL = "Cancel"
USE, PAINT_AGAIN = "Use settings", "Paint again"
"""Of an entry of the history."""
