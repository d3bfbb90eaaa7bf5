# SPDX-License-Identifier: GPL-3.0-or-later
"""A selection multiplied into alpha, for a Krita that cannot make transparency masks from scripts (before 5.2).

Invariant: colours stay; full selection changes nothing, none makes transparent. Rows with a selection of one value or with
full alpha, which most rows are, take no loop over pixels.
"""

from __future__ import annotations

import struct
from array import array

_FULL = {"u8": 255, "u16": 65535, "f32": 1.0}
_CODES = {"u8": "B", "u16": "H", "f32": "f"}


def soften(row: bytes, selection: bytes, format: str) -> bytes:
    """A row of pixels of the wire's `format` (four channels, alpha last) with alpha times `selection` (a byte a pixel)."""
    if selection.count(255) == len(selection):
        return bytes(row)
    if format == "f16":
        halves = struct.unpack(f"<{len(row) // 2}e", row)
        alpha = [a * s / 255 for a, s in zip(halves[3::4], selection)]
        pixels = list(halves)
        pixels[3::4] = alpha
        return struct.pack(f"<{len(pixels)}e", *pixels)
    values = array(_CODES[format], bytes(row))
    values[3::4] = _product(values[3::4], selection, format)
    return values.tobytes()


def _product(alpha: array, selection: bytes, format: str) -> array:
    full = _FULL[format]
    if not any(selection):
        return array(alpha.typecode, bytes(alpha.itemsize * len(alpha)))
    if alpha.count(full) == len(alpha):
        if format == "u8":
            return array("B", selection)
        if format == "u16":
            return array("H", (s * 257 for s in selection))
    if format == "f32":
        return array("f", (a * s / 255 for a, s in zip(alpha, selection)))
    return array(alpha.typecode, ((a * s + 127) // 255 for a, s in zip(alpha, selection)))
