# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers out of and into Krita's documents: read as they show, converted by Krita, inserted in one undo step.

Invariant: a layer of the document is never written to, only read; what is inserted is filled first, since filling a layer
that is already there cannot be undone. Everything runs in Krita's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from krita import Document, Node, Selection

from . import soften
from .krita_colours import BAND, PROFILE, ColourConverter, layout, same, space_of, srgb
from .krita_documents import is_open, keep_active, layer_of
from .krita_results import above, note, results_of
from .ports import Placed, Shape
from .qt import QtCore, QtGui
from .sampling import sampled, size_within
from .scumble_client.desk.margins import margin
from .scumble_client.desk.sizes import CONTEXT_SIDE
from .scumble_client.errors import EngineError
from .scumble_client.events import Context
from .scumble_client.raster import BYTES_PER_PIXEL, Raster

PLAIN_BAND = 2 << 20
"""Bytes read or written at once where nothing is converted: a few milliseconds."""


class KritaLayer:
    """A layer by its unique id in a document that may close, at the frame that was shown."""

    sequence = ""

    def __init__(self, document: Document, node: Node) -> None:
        self.document = document
        self.id: QtCore.QUuid = node.uniqueId()
        self.name: str = node.name()

    @property
    def key(self) -> str:
        selection = self.document.selection()
        where = (selection.x(), selection.y(), selection.width(), selection.height()) if selection else ""
        root = self.document.rootNode()
        return f"{root.uniqueId().toString() if root else ''} {self.id.toString()} {self.document.currentTime()} {where}"

    def node(self) -> Node:
        """Raises EngineError "layer-gone"."""
        if not is_open(self.document):
            raise EngineError("layer-gone", f"The document of the layer “{self.name}” was closed.", "")
        node = layer_of(self.document, self.id)
        if node is None:
            raise EngineError("layer-gone", f"The layer “{self.name}” is not there any more.", "")
        return node

    def open(self, limited: bool = True, brush_size: float = 1.0) -> KritaSource:
        """What the selection does not limit is all of the layer; with one, as much around it as counts with the brush size.
        Raises EngineError "layer-gone", "layer-empty"."""
        node, document = self.node(), self.document
        canvas = QtCore.QRect(0, 0, document.width(), document.height())
        area = node.bounds() & canvas
        selection = document.selection() if limited else None
        if selection is not None:
            around = margin(canvas.width(), canvas.height(), brush_size)
            chosen = QtCore.QRect(selection.x(), selection.y(), selection.width(), selection.height()) & canvas
            if (area & chosen).isEmpty():
                raise EngineError(
                    "layer-empty", f"The selection meets nothing of the layer “{self.name}”.", "Select elsewhere."
                )
            area &= chosen.adjusted(-around, -around, around, around)
            selection = selection.duplicate()
        if area.isEmpty():
            raise EngineError("layer-empty", f"The layer “{self.name}” is empty.", "Choose a layer with something on it.")
        shape = Shape(area.x(), area.y(), area.width(), area.height(), *layout(node))
        return KritaSource(self, detached(document, node, area), shape, selection, canvas)


class KritaVisible(KritaLayer):
    """All that is visible in a document; what is painted from it comes on top."""

    def __init__(self, document: Document) -> None:
        super().__init__(document, document.rootNode())
        self.name = "What I see"

    def node(self) -> Node:
        """Raises EngineError "layer-gone"."""
        if not is_open(self.document):
            raise EngineError("layer-gone", "The document was closed.", "")
        return self.document.rootNode()


class KritaSource:
    """`copy` is a layer outside the document with the pixels as they were; they are converted band by band as they are read."""

    def __init__(self, layer: KritaLayer, copy: Node, shape: Shape, selection: Selection | None, canvas: QtCore.QRect) -> None:
        self.layer, self.shape, self.selection = layer, shape, selection
        node = layer.node()
        self.space = space_of(node)
        self.position: QtCore.QPoint = node.position()
        self._copy: Node | None = copy
        self.places: Mapping[str, Callable[[int, int], bytes]] = {}
        self._converter: ColourConverter | None = None
        self._context: Context | None = None
        if (shape.width, shape.height) != (canvas.width(), canvas.height()):
            place = (shape.x, shape.y, canvas.width(), canvas.height())
            self._context = Context(in_small(layer.document, node, canvas, CONTEXT_SIDE), *place)

    @property
    def band(self) -> int:
        return plain_band(self.shape) if same(self.space, srgb(self.shape)) else BAND

    def read(self, y: int, rows: int) -> Any:
        pixels = self._copy.pixelData(self.shape.x, self.shape.y + y, self.shape.width, rows)
        if same(self.space, srgb(self.shape)):
            return pixels.data()
        self._converter = self._converter or ColourConverter(self.space)
        return self._converter.converted(pixels, self.shape.width, rows, srgb(self.shape))

    def where(self, place: str, y: int, rows: int) -> bytes:
        return self.places[place](y, rows)

    def context(self) -> Context | None:
        return self._context

    def release(self) -> None:
        self._copy = self._converter = None
        self.places = {}

    def target(self, name: str, alone: bool = False) -> KritaTarget:
        """`alone`: instead of the layer's other results. Raises EngineError "layer-gone"."""
        node = self.layer.node()
        at = QtCore.QPoint(self.shape.x, self.shape.y) + node.position() - self.position
        return KritaTarget(self.layer, self, name, at, alone)


class KritaTarget:
    """A layer outside the document until `insert`; `beside` is the one that it is put above."""

    def __init__(self, beside: KritaLayer, source: KritaSource, name: str, at: QtCore.QPoint, alone: bool = False) -> None:
        document = beside.document
        self.document, self.beside, self.at, self.alone, self._source = document, beside, at, alone, source
        space = source.space
        self._home = None if space == space_of(document) else ColourConverter(space)
        self.node: Node = self._home.layer(name) if self._home else document.createNode(name, "paintlayer")
        travelled = srgb(source.shape)
        self._converter = None if same(space, travelled) else ColourConverter(travelled)
        self._mask = source.selection if has_masks(document) else None
        self._soften = source.selection if self._mask is None else None

    @property
    def band(self) -> int:
        return plain_band(self._source.shape) if self._converter is None else BAND

    def write(self, y: int, rows: int, data: Any) -> None:
        shape, at = self._source.shape, self.at
        if self._soften is not None:
            data = _softened(self._soften, shape, y, rows, bytes(data))
        if self._converter is not None:
            data = self._converter.converted(bytes(data), shape.width, rows, self._source.space)
        self.node.setPixelData(bytes(data), at.x(), at.y() + y, shape.width, rows)

    def insert(self) -> Placed:
        beside = self.beside.node()  # while it was written, the document may have been closed
        if self._mask is not None:
            mask = self.document.createTransparencyMask("Selection")
            self.node.addChildNode(mask, None)
            moved = self.at - QtCore.QPoint(self._source.shape.x, self._source.shape.y)
            mask.setSelection(self._mask if moved.isNull() else _moved(self._mask, moved))
        put_above(self.document, beside, self.node, self.alone)
        return Placed.WHOLE

    def thumbnail(self, side: int) -> bytes:
        return thumbnail_of(self.node, self._source.shape, side)


def plain_band(shape: Shape) -> int:
    """Rows for which nothing has to be converted."""
    return max(1, PLAIN_BAND // (shape.width * BYTES_PER_PIXEL[shape.format]))


def has_masks(document: Document) -> bool:
    """Whether scripts can make transparency masks: from Krita 5.2 on."""
    return hasattr(document, "createTransparencyMask")


def thumbnail_of(node: Node, shape: Shape, side: int) -> bytes:
    """A PNG with the proportions of `shape`, which Krita does not keep."""
    image: QtGui.QImage = node.thumbnail(*size_within(shape.width, shape.height, side))
    packed = QtCore.QByteArray()
    buffer = QtCore.QBuffer(packed)
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(packed.data())


def detached(document: Document, node: Node, area: QtCore.QRect) -> Node:
    """A layer outside the document with what `node` shows in `area`, its masks applied."""
    if node.type() == "paintlayer" and not node.childNodes() and not node.animated():
        return node.duplicate()
    place = (area.x(), area.y(), area.width(), area.height())
    copy = ColourConverter(space_of(node)).layer()
    copy.setPixelData(node.projectionPixelData(*place), *place)
    return copy


def in_small(document: Document, node: Node, area: QtCore.QRect, side: int) -> Raster:
    """What `node` shows in `area`, u8 in sRGB, the long side at most `side`; reads a bounded number of rows."""
    plain = node.type() == "paintlayer" and not node.childNodes()
    read = node.pixelData if plain else node.projectionPixelData
    pixels, columns, rows = sampled(
        lambda y: read(area.x(), area.y() + y, area.width(), 1).data(), area.width(), area.height(), side
    )
    space, small = space_of(node), ("RGBA", "U8", PROFILE)
    data = bytes(pixels) if same(space, small) else ColourConverter(space).converted(pixels, columns, rows, small)
    return shrunk(data, columns, rows, area, side)


def shrunk(data: bytes, columns: int, rows: int, area: QtCore.QRect, side: int) -> Raster:
    """A sampled picture of `area` (bgra, u8), with the size that it has when the long side is at most `side`."""
    width, height = size_within(area.width(), area.height(), side)
    if (width, height) != (columns, rows):
        image = QtGui.QImage(data, columns, rows, columns * 4, QtGui.QImage.Format.Format_ARGB32)
        smooth = QtCore.Qt.TransformationMode.SmoothTransformation
        image = image.scaled(width, height, QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
        image = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32)
        bits = image.constBits()
        bits.setsize(width * height * 4)
        data = bytes(bits)
    return Raster(width, height, "u8", "bgra", data)


def _moved(selection: Selection, by: QtCore.QPoint) -> Selection:
    place = (selection.width(), selection.height())
    moved = Selection()
    pixels = selection.pixelData(selection.x(), selection.y(), *place)
    moved.setPixelData(pixels, selection.x() + by.x(), selection.y() + by.y(), *place)
    return moved


def _softened(selection: Selection, shape: Shape, y: int, rows: int, data: bytes) -> bytes:
    stride = shape.width * BYTES_PER_PIXEL[shape.format]
    chosen = selection.pixelData(shape.x, shape.y + y, shape.width, rows).data()
    return b"".join(
        soften.soften(data[r * stride : (r + 1) * stride], chosen[r * shape.width : (r + 1) * shape.width], shape.format)
        for r in range(rows)
    )


def put_above(document: Document, source: Node, result: Node, alone: bool = False) -> None:
    """Insert a result above the layer's other results, or (`alone`) instead of them: that takes a second undo step.

    Raises EngineError "layer-gone".
    """
    before, older = document.activeNode(), results_of(document, source)
    parent = source.parentNode()
    placed = source.addChildNode(result, None) if parent is None else parent.addChildNode(result, above(document, source))
    if not placed:
        raise EngineError("layer-gone", f"Krita does not take a layer above “{source.name()}”.", "")
    note(document, source, result)
    for node in older if alone else ():
        node.remove()
    if before is not None and all(before != node for node in older):
        keep_active(document, before, result)


def remove_others(target: KritaTarget, kept: Node) -> None:
    """Where a result is to be alone, remove the others of its layer: a second undo step."""
    source = layer_of(target.document, target.beside.id) if target.alone else None
    for node in results_of(target.document, source) if source is not None else ():
        if node != kept:
            node.remove()
