# SPDX-License-Identifier: Apache-2.0
"""What a painter finds alike in both host programs' windows, which each of them reports: order, words and defaults."""

from __future__ import annotations

from typing import Any

from scumble.client.desk import labels

WINDOW: dict[str, Any] = {
    "top": [labels.ALL_STYLES, labels.FIND, labels.ADD_BUTTON],
    "add": labels.FROM_FILES,
    "controls": [*labels.CONTROLS, "Seed", "Strokes in a large picture"],
    "values": {
        labels.STRENGTH: 100,
        labels.BLEND: labels.NO_OTHER,
        labels.QUALITY: "Draft",
        labels.METHOD: "Invert",
        labels.BRUSH: 1,
        labels.KEEP_COLOURS: "off",
        "Seed": 0,
        "Strokes in a large picture": "broad, as in a small picture",
    },
}
"""With the tests' own style and method chosen; the method has two further options."""
STRIP = [*labels.STRIP]
"""The buttons of what was tried."""
