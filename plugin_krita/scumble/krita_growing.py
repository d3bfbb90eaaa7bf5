# SPDX-License-Identifier: GPL-3.0-or-later
"""A result that is in the document before it is finished, and gets better there.

Invariant: inserting it is the only undo step. It is written to only by a caller that has just checked that nothing is in
the way, as the live layer is (krita_live.py), and locked until it is finished, so that nobody draws on what the next picture
covers. The document notes which layer that is: one that was saved meanwhile has an ordinary layer when it is opened again.
"""

from __future__ import annotations

from krita import Document, Node

from .krita_colours import same, space_of
from .krita_documents import annotate, annotated, layer_of, settle
from .krita_layers import KritaSource, KritaTarget, has_masks, remove_others
from .krita_live import LARGEST, SRGB
from .pictures import as_large
from .qt import QtCore
from .scumble_client.desk.names import finished_name
from .scumble_client.raster import Raster

NOTES, WHAT = "scumble/unfinished", "Scumble's unfinished layer"


def can_grow(source: KritaSource) -> bool:
    """Whether unfinished pictures come onto the canvas without keeping the painter waiting: where nothing has to be converted,
    and the picture is not huge."""
    quick = same(source.space, SRGB) and source.shape.width * source.shape.height <= LARGEST
    return quick and (source.selection is None or has_masks(source.layer.document))


class KritaGrowing:
    """The unfinished result of a source that `can_grow`, as a locked layer."""

    def __init__(self, source: KritaSource, name: str) -> None:
        """Raises EngineError "layer-gone"."""
        self._target: KritaTarget | None = source.target(name)
        self.document, self._at, self._shape = self._target.document, self._target.at, source.shape
        self._id = QtCore.QUuid()
        self.over = False
        """Whether it is finished, or taken away."""
        self._alpha = bytes(source.layer.node().projectionPixelData(*self._place).data())[3::4]
        """Of the source: a picture on its way has colours also where the layer is transparent, and covers what lies below."""

    @property
    def _node(self) -> Node | None:
        """The layer as it is in this turn; None before the first picture, and when it has gone."""
        return layer_of(self.document, self._id) if self._target is None else None

    def show(self, raster: Raster) -> None:
        """Show a picture of the whole source. The caller has just checked that nothing is in the way. Raises EngineError
        "layer-gone"."""
        pixels, target = as_large(raster, self._shape.width, self._shape.height, self._alpha, None, 1.0), self._target
        if target is not None:
            target.write(0, self._shape.height, pixels)
            target.node.setLocked(True)
            annotate(self.document, NOTES, WHAT, target.node)  # first: inserting may turn the event loop
            target.insert()
            self._id, self._target = target.node.uniqueId(), None
        elif self._node is not None:
            self._node.setPixelData(pixels, *self._place)
            self.document.refreshProjection()

    def complete(self, result: KritaTarget) -> bool:
        """Become what a target holds. False where the painter has taken the layer away, or moved the one it is painted from."""
        node = self._node
        if node is None or result.at != self._at or not same(space_of(node), space_of(result.node)):
            return False
        node.setPixelData(result.node.pixelData(*self._place), *self._place)
        node.setName(result.node.name())
        node.setLocked(False)
        self._end()
        node.setVisible(True)  # who hid it looked for what lies below, not for a result that stays hidden
        settle()
        self.document.refreshProjection()
        remove_others(result, node)
        return True

    def withdraw(self) -> None:
        """Take it away; it is not needed. The caller has just checked that nothing is in the way."""
        node = self._node
        self._end()
        if node is not None:
            node.setLocked(False)
            node.remove()

    def _end(self) -> None:
        self.over = True
        if self._node is not None:
            annotate(self.document, NOTES, WHAT, None)

    @property
    def _place(self) -> tuple[int, int, int, int]:
        return self._at.x(), self._at.y(), self._shape.width, self._shape.height


def is_left(document: Document) -> bool:
    """Whether the document has an unfinished layer, which may be one that it was saved with."""
    return annotated(document, NOTES) is not None


def finish_left(document: Document) -> None:
    """Make that an ordinary layer. The caller knows that nothing makes it better any more."""
    node = annotated(document, NOTES)
    annotate(document, NOTES, WHAT, None)
    if node is not None:
        node.setLocked(False)
        node.setName(finished_name(node.name()))
        settle()
