# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour conversion by Krita, in documents that nobody sees.

Invariant: no document of the painter's takes part. Krita makes converting a layer an undo step of the layer's document, even
for a layer that is not in it, and waits for all that this document is doing.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from krita import Krita, Node

from .ports import Shape

PROFILE = "sRGB-elle-V2-srgbtrc.icc"
"""Krita's own sRGB with the curve of sRGB at any depth, which is what travels to the engine."""
PROFILES = (PROFILE, "sRGB built-in")
LINEAR = "sRGB-elle-V2-g10.icc"
"""Krita's own sRGB of linear light, in which its documents of floats are unless somebody chooses otherwise."""
FORMATS = {"U8": ("u8", "bgra"), "U16": ("u16", "bgra"), "F16": ("f16", "rgba"), "F32": ("f32", "rgba")}
"""How pixelData lays out RGBA of each depth."""
SIDE = 16
"""Of a document that only holds loose layers."""

TILE = 64
"""Side of the tiles Krita keeps pixels in; each is converted whole."""
PARTS = max(1, min(8, os.cpu_count() or 1))
"""Layers that are converted side by side: Krita converts one by one processor."""
BAND = TILE * PARTS
"""Rows that are best converted at once."""
ROOM = 256 << 20
"""Bytes converted before a converter opens a new document, for its document keeps all of them to undo what was done."""

Space = tuple
"""Colour model, depth and profile, as Krita names them."""


def space_of(thing: Any) -> Space:
    """The colour space of a layer or a document."""
    return thing.colorModel(), thing.colorDepth(), thing.colorProfile()


def srgb(shape: Shape) -> Space:
    """The colour space in which a shape's pixels travel: sRGB, of linear light where the shape says so."""
    depth = next(depth for depth, (format, _) in FORMATS.items() if format == shape.format)
    return "RGBA", depth, LINEAR if shape.transfer == "linear" else PROFILE


def layout(node: Node) -> tuple[str, str, str]:
    """Format, order and transfer of the pixels of a layer on the wire: floats of linear light travel as they are."""
    model, depth, profile = space_of(node)
    linear = model == "RGBA" and depth in ("F16", "F32") and profile == LINEAR
    return (*FORMATS[depth], "linear" if linear else "srgb")


def same(space: Space, other: Space) -> bool:
    """Whether pixels need no conversion."""
    return space == other or (space[:2] == other[:2] and space[2] in PROFILES and other[2] in PROFILES)


class ColourConverter:
    """Loose layers of one colour space, and conversion of pixels into others; gone with the object."""

    def __init__(self, space: Space, width: int = SIDE, height: int = SIDE) -> None:
        self.space = space
        self._size = (width, height)
        self._open()

    def _open(self) -> None:
        self._converted = 0
        self.document = Krita.instance().createDocument(*self._size, "scumble", *self.space, 72.0)
        self.document.setBatchmode(True)

    def layer(self, name: str = "scumble") -> Node:
        """An empty layer that is in no document."""
        node = self.document.createNode(name, "paintlayer")
        if space_of(node) != self.space:
            node.setColorSpace(*self.space)
        return node

    def converted(self, pixels: Any, width: int, height: int, space: Space) -> bytes:
        """`pixels` of the converter's space, brought into another."""
        data = bytes(pixels)
        if same(self.space, space):
            return data
        if self._converted > ROOM:
            self.close()
            self._open()
        self._converted += len(data)
        stride, part = len(data) // height, TILE * -(-height // BAND)
        group, parts = self.document.createGroupLayer("scumble"), []
        for y in range(0, height, part):
            rows, node = min(part, height - y), self.layer()
            node.setPixelData(data[y * stride : (y + rows) * stride], 0, 0, width, rows)
            group.addChildNode(node, None)
            parts.append((node, rows))
        group.setColorSpace(*space)
        return b"".join(node.pixelData(0, 0, width, rows).data() for node, rows in parts)

    def close(self) -> None:
        """Idempotent."""
        document, self.document = self.document, None
        if document is not None:
            document.setModified(False)
            document.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()
