# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer of live painting in Krita: what it is painted from, and how results come onto the canvas.

Invariant: inserting it is the only undo step; it is written to, and the canvas refreshed, only by a caller that has just
checked that nothing is in the way: refreshing during a stroke would hang Krita. Its own pixels are never what it paints.
"""

from __future__ import annotations

from typing import Any

from krita import Document, Krita, Node, Selection

from .krita_colours import PROFILE, ColourConverter, same, space_of
from .krita_documents import annotate, annotated, keep_active, layer_of, settle
from .krita_layers import in_small, shrunk
from .krita_places import in_small_of
from .krita_results import above, note
from .pictures import as_large
from .ports import Shot
from .qt import QtCore, QtGui, QtWidgets
from .sampling import sampled
from .scumble_client.desk.margins import margin
from .scumble_client.desk.masks import masks_from
from .scumble_client.desk.settings import Settings, brush_size
from .scumble_client.desk.sizes import CONTEXT_SIDE
from .scumble_client.errors import EngineError
from .scumble_client.events import Context
from .scumble_client.raster import Raster

VISIBLE = "visible"
"""The source that is all that is visible, without the live layer."""
NOTES, WHAT = "scumble/live", "Scumble's live layer"
LARGEST = 8 << 20
"""Pixels of the canvas, or around the selection, up to which a pass does not keep the painter waiting."""
SRGB = ("RGBA", "U8", PROFILE)


class KritaLive:
    """The live layer of a document, one at a time. `source` is as `live.Live.source`."""

    def __init__(self, document: Document, source: str, name: str) -> None:
        """Raises EngineError "layer-gone"."""
        self.document, self._source = document, source
        self._converter: ColourConverter | None = None
        self._last: QtCore.QRect | None = None  # what was written to
        node = annotated(document, NOTES) or self._insert(name)
        self.id: QtCore.QUuid = node.uniqueId()
        node.setLocked(True)
        settle()
        annotate(document, NOTES, WHAT, node)

    def _insert(self, name: str) -> Node:
        document, before = self.document, self.document.activeNode()
        home = None if space_of(document) == SRGB else ColourConverter(SRGB)
        node = home.layer(name) if home else document.createNode(name, "paintlayer")
        under = self._painted() if self._source not in ("", VISIBLE) else None
        parent = under.parentNode() if under is not None else document.rootNode()
        if not parent.addChildNode(node, above(document, under) if under is not None else None):
            raise EngineError("layer-gone", "Krita does not take a layer there.", "Choose another layer to paint from.")
        if before is not None:
            keep_active(document, before, node)
        return node

    @property
    def gone(self) -> bool:
        """Whether the document was closed, or the layer removed (or its insertion undone)."""
        return layer_of(self.document, self.id) is None

    @property
    def _node(self) -> Node:
        """The layer as it is in this turn. Raises EngineError "layer-gone"."""
        node = layer_of(self.document, self.id)
        if node is None:
            raise EngineError("layer-gone", "its own layer is gone.", "")
        return node

    @property
    def elsewhere(self) -> bool:
        return Krita.instance().activeDocument() != self.document

    @property
    def pause(self) -> str:
        """Why nothing is to be painted now, as a sentence; "" if there is no reason."""
        if QtWidgets.QApplication.applicationState() != QtCore.Qt.ApplicationState.ApplicationActive:
            return "Live waits until Krita's window is the active one."
        if self.elsewhere:
            return "Live waits for its picture to be shown again."
        if not self._node.visible():
            return "Live waits: its layer is hidden."
        area = self._area(1.0)
        if area.width() * area.height() > LARGEST:
            return f"The picture is too large for live painting ({LARGEST >> 20} megapixels at most). Select a part of it."
        return ""

    def rename(self, name: str) -> None:
        node = self._node
        if node.name() != name:
            node.setName(name)
            settle()

    def read(self, side: int, settings: Settings) -> Shot:
        """The pixels to paint, at most `side` along the long side; 0 is every pixel. Raises EngineError."""
        area = self._area(brush_size(settings.options), limited=not settings.by_selection)
        full = not side
        side = side or max(area.width(), area.height())
        raster, node = self._small(area, side)
        canvas = QtCore.QRect(0, 0, self.document.width(), self.document.height())
        context = None
        if full and area != canvas:
            whole, _ = self._small(canvas, CONTEXT_SIDE)
            context = Context(whole, area.x(), area.y(), canvas.width(), canvas.height())
        masks = None
        if settings.placed:
            planes = [
                _part(in_small_of(self.document, (o.where, o.name), max(canvas.width(), canvas.height())), canvas, area, raster)
                if o.where
                else None
                for o in settings.parts
            ]
            masks = masks_from(settings, planes, raster.width, raster.height, "u8")
        limit = self.document.selection() if not settings.by_selection else None
        place = (node, self.document.currentTime(), area.getRect(), limit and _sum(limit))
        return Shot(place, raster, context, masks, area, limit.duplicate() if limit is not None else None)

    def write(self, shot: Shot, raster: Raster, share: float) -> None:
        """Show a share of a result. The caller has just checked that nothing is in the way."""
        area: QtCore.QRect = shot.area
        if self._last is not None and self._last != area:
            self._fill(self._last, bytes(4 * self._last.width() * self._last.height()))
        self._fill(area, _scaled(shot, raster, share))
        self._last = area
        self.document.refreshProjection()

    def show(self, visible: bool) -> None:
        self._node.setVisible(visible)
        settle()
        self.document.refreshProjection()

    def finish(self, name: str) -> None:
        """Make it an ordinary layer called `name`; "" removes it. A change without a step to undo stays out of the undo
        history."""
        node = self._node
        annotate(self.document, NOTES, WHAT, None)
        node.setLocked(False)
        if not name:
            node.remove()
            return
        node.setName(name)
        settle()
        try:
            source = self._painted()
        except EngineError:  # it has outlived what it was painted from
            return
        if source is not None and source.parentNode() == node.parentNode():
            note(self.document, source, node)

    def _fill(self, area: QtCore.QRect, pixels: bytes) -> None:
        self._node.setPixelData(pixels, area.x(), area.y(), area.width(), area.height())

    def _painted(self) -> Node | None:
        """The layer that is painted; None for all that is visible. Raises EngineError "layer-gone"."""
        if self._source == VISIBLE:
            return None
        if self._source:
            node = self.document.nodeByUniqueID(QtCore.QUuid(self._source))
        else:
            node = self.document.activeNode()
            if node is not None and not node.type().endswith("layer"):
                node = node.parentNode()
        if node is None or node.parentNode() is None:
            raise EngineError("layer-gone", "the layer that it paints is gone.", "")
        return node

    def _area(self, brush: float, limited: bool = True) -> QtCore.QRect:
        """The canvas, or as much around the selection as counts."""
        canvas = QtCore.QRect(0, 0, self.document.width(), self.document.height())
        selection = self.document.selection() if limited else None
        if selection is None:
            return canvas
        around = margin(canvas.width(), canvas.height(), brush)
        chosen = QtCore.QRect(selection.x(), selection.y(), selection.width(), selection.height()) & canvas
        return canvas & chosen.adjusted(-around, -around, around, around) if not chosen.isEmpty() else canvas

    def _small(self, area: QtCore.QRect, side: int) -> tuple[Raster, str]:
        """The picture of an area, and the layer it shows (an id, or VISIBLE)."""
        node = self._painted()
        if node is None:
            return self._visible(area, side), VISIBLE
        if node == self._node:
            raise EngineError("layer-gone", "choose the layer to paint from.", "")
        if same(space_of(node), SRGB) and max(area.width(), area.height()) <= side:  # every pixel, at once
            plain = node.type() == "paintlayer" and not node.childNodes()
            pixels = (node.pixelData if plain else node.projectionPixelData)(*area.getRect()).data()
            raster = Raster(area.width(), area.height(), "u8", "bgra", pixels)
        else:
            raster = in_small(self.document, node, area, side)
        return raster, node.uniqueId().toString()

    def _visible(self, area: QtCore.QRect, side: int) -> Raster:
        """The whole picture without the live layer, which is hidden in the same turn of the event loop."""
        document, node = self.document, self._node
        node.setVisible(False)
        document.refreshProjection()
        try:
            pixels, columns, rows = sampled(
                lambda y: document.pixelData(area.x(), area.y() + y, area.width(), 1).data(), area.width(), area.height(), side
            )
        finally:
            node.setVisible(True)
            settle()
            document.refreshProjection()
        space = space_of(document)
        if not same(space, SRGB):
            if self._converter is None or self._converter.space != space:
                self._converter = ColourConverter(space)
            pixels = self._converter.converted(pixels, columns, rows, SRGB)
        return shrunk(bytes(pixels), columns, rows, area, side)


def _scaled(shot: Shot, raster: Raster, share: float) -> bytes:
    """A share of a result as large as its area, with what is not selected transparent."""
    area: QtCore.QRect = shot.area
    if shot.limit is None and share >= 1 and (raster.width, raster.height) == (area.width(), area.height()):
        return bytes(raster.data)
    plane = None if shot.limit is None else shot.limit.pixelData(*area.getRect()).data()
    return as_large(raster, area.width(), area.height(), plane, shot.raster, share)


def _part(plane: bytes, canvas: QtCore.QRect, area: QtCore.QRect, raster: Raster) -> bytes:
    """A mask of the whole canvas as the picture of an area has it."""
    image = QtGui.QImage(plane, canvas.width(), canvas.height(), canvas.width(), QtGui.QImage.Format.Format_Grayscale8)
    keep, smooth = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
    image = image.copy(area).scaled(raster.width, raster.height, keep, smooth)
    image = image.convertToFormat(QtGui.QImage.Format.Format_Grayscale8)
    rows = []
    for y in range(image.height()):
        line = image.constScanLine(y)
        line.setsize(image.width())
        rows.append(bytes(line))
    return b"".join(rows)


def _sum(selection: Selection) -> Any:
    place = (selection.x(), selection.y(), selection.width(), selection.height())
    return place, hash(bytes(selection.pixelData(*place)))
