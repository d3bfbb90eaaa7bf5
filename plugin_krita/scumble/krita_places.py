# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a further style goes: the selection, or a layer or mask by its id, read as a mask.

Invariant: changes nothing. A place that has gone is an error, never left out. A layer with transparent parts counts by
its alpha, one without by how light it is; a mask by what it lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from krita import Document, Node

from .krita_colours import ColourConverter, space_of
from .krita_layers import detached, in_small, shrunk
from .ports import Shape
from .qt import QtCore
from .sampling import sampled
from .scumble_client.desk.blend import SELECTION
from .scumble_client.desk.masks import deepened
from .scumble_client.desk.sizes import ALPHA_SIDE
from .scumble_client.errors import EngineError

MASKS = ("transparencymask", "selectionmask")
GREY = "Gray-D50-elle-V2-srgbtrc.icc"
"""Krita's own grey with the curve of sRGB."""

Rows = Callable[[int, int], bytes]
"""Of a first row and a number of rows: how much of each pixel is in a place."""


def listed(document: Document) -> list[tuple[str, str]]:
    """(id, name), the layers from the top."""
    return [(SELECTION, "The selection"), *_nodes(document.rootNode())]


def rows_of(document: Document, places: Sequence[tuple[str, str]], shape: Shape) -> dict[str, Rows]:
    """Functions that read each of `places`, (id, name), as it is now. Raises EngineError "place-gone"."""
    return {place: _rows(document, place, name, shape) for place, name in places}


def in_small_of(document: Document, place: tuple[str, str], side: int) -> bytes:
    """A small copy of the canvas, as `krita_layers.in_small` makes it, u8. Raises EngineError "place-gone"."""
    canvas = QtCore.QRect(0, 0, document.width(), document.height())
    if place[0] != SELECTION:
        node = _node(document, *place)
        if node.type() not in MASKS:
            small = in_small(document, node, canvas, side)
            grey = ColourConverter(("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")).converted(
                small.data, small.width, small.height, ("GRAYA", "U8", GREY)
            )
            return grey[0 if _opaque(document, node) else 1 :: 2]
    read = _mask(document, *place)
    plane, columns, rows = sampled(lambda y: read(0, y, canvas.width(), 1), canvas.width(), canvas.height(), side)
    whole = bytearray(b"\xff" * (4 * columns * rows))
    whole[0::4] = plane
    return shrunk(bytes(whole), columns, rows, canvas, side).data[0::4]


def _rows(document: Document, place: str, name: str, shape: Shape) -> Rows:
    deep = shape.format != "u8"
    if place != SELECTION:
        node = _node(document, place, name)
        if node.type() not in MASKS:
            return _rows_of_layer(document, node, shape, "U16" if deep else "U8")
    read = _mask(document, place, name)
    if deep:
        return lambda y, rows: deepened(read(shape.x, shape.y + y, shape.width, rows))
    return lambda y, rows: read(shape.x, shape.y + y, shape.width, rows)


def _rows_of_layer(document: Document, node: Node, shape: Shape, depth: str) -> Rows:
    area = QtCore.QRect(shape.x, shape.y, shape.width, shape.height)
    converter, channel = ColourConverter(space_of(node)), 0 if _opaque(document, node) else 1
    copy = detached(document, node, area)

    def read(y: int, rows: int) -> bytes:
        pixels = copy.pixelData(shape.x, shape.y + y, shape.width, rows)
        pairs = converter.converted(pixels, shape.width, rows, ("GRAYA", depth, GREY))
        return memoryview(pairs).cast("B" if depth == "U8" else "H")[channel::2].tobytes()

    return read


def _mask(document: Document, place: str, name: str) -> Callable[[int, int, int, int], bytes]:
    """A function that reads the selection, or a mask, at x, y, width, height of the canvas: a byte a pixel."""
    if place == SELECTION:
        selection = document.selection()
        if selection is None:
            raise EngineError(
                "place-gone", "Nothing is selected.", "Select where the further style goes, or choose another place for it."
            )
        copy = selection.duplicate()
    else:
        copy = _node(document, place, name).duplicate()
    return lambda x, y, width, rows: copy.pixelData(x, y, width, rows).data()


def _node(document: Document, place: str, name: str) -> Node:
    """Raises EngineError "place-gone"."""
    node = document.nodeByUniqueID(QtCore.QUuid(place))
    if node is None or node.parentNode() is None:
        message = f"“{name}”, which says where a further style goes, is not in this document any more."
        raise EngineError("place-gone", message, "Choose another place for the style.")
    return node


def _opaque(document: Document, node: Node) -> bool:
    canvas = QtCore.QRect(0, 0, document.width(), document.height())
    alpha = in_small(document, node, canvas, ALPHA_SIDE).data[3::4]
    return alpha.count(255) == len(alpha)


def _nodes(parent: Node) -> Iterator[tuple[str, str]]:
    for node in reversed(parent.childNodes()):
        kind = node.type()
        if kind.endswith("layer"):
            yield node.uniqueId().toString(), node.name()
            yield from _nodes(node)
        elif kind in MASKS and parent.parentNode() is not None:  # without a layer it is the selection itself
            yield node.uniqueId().toString(), f"{node.name()} ({parent.name()})"
