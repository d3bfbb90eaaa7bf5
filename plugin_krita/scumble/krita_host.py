# SPDX-License-Identifier: GPL-3.0-or-later
"""Krita as the model sees it (ports.py says what is asked): what is selected, what is kept, what is shown.

Invariant: with krita_layers and krita_frames this is all that knows Krita's documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from krita import Document, Krita, Node, View

from .krita_documents import is_open
from .krita_frames import FrameSource, FrameTarget, KritaFrame, frames_of
from .krita_growing import KritaGrowing, can_grow, finish_left, is_left
from .krita_hand import Hand
from .krita_layers import KritaLayer, KritaSource, KritaTarget, KritaVisible, in_small
from .krita_live import KritaLive
from .krita_places import in_small_of, listed, rows_of
from .krita_watch import Watch
from .qt import QtCore
from .scumble_client.desk.blend import SELECTION
from .scumble_client.errors import EngineError
from .scumble_client.raster import Raster

NOTES = "scumble/history"
GROUP = "scumble"


class KritaHost:
    """Krita as the model sees it."""

    def __init__(self) -> None:
        self._krita = Krita.instance()
        self.name = f"Krita {self._krita.version()}"
        self._hand = Hand()
        self._watch: Watch | None = None
        self._growing: KritaGrowing | None = None  # the last one

    def layers(self) -> list[KritaLayer]:
        view, document = self._active()
        if document is None:
            return []
        nodes = view.selectedNodes() if view is not None else []
        return self.these(document, nodes or [node for node in [document.activeNode()] if node is not None])

    def visible(self) -> KritaVisible | None:
        _, document = self._active()
        return KritaVisible(document) if document is not None else None

    def these(self, document: Document, nodes: list[Node]) -> list[KritaLayer]:
        """`nodes` as layers; a mask stands for its layer."""
        layers: dict[str, KritaLayer] = {}
        for node in nodes:
            layer = node if node.type().endswith("layer") else node.parentNode()
            if layer is not None and layer.parentNode() is not None:
                layers[layer.uniqueId().toString()] = KritaLayer(document, layer)
        return list(layers.values())

    def places(self) -> list[tuple[str, str]]:
        _, document = self._active()
        return listed(document) if document is not None else []

    def open(
        self, layer: KritaLayer | KritaFrame, places: Sequence[tuple[str, str]] = (), brush_size: float = 1.0
    ) -> KritaSource | FrameSource:
        self._hand.watch()
        source = layer.open(all(place != SELECTION for place, _ in places), brush_size)
        source.places = rows_of(layer.document, places, source.shape)
        return source

    def frames(self) -> list[KritaFrame]:
        """The frames of the topmost selected layer."""
        layers = self.layers()
        return frames_of(layers[-1]) if layers else []

    def small(self, layer: KritaLayer, side: int) -> Raster:
        canvas = QtCore.QRect(0, 0, layer.document.width(), layer.document.height())
        return in_small(layer.document, layer.node(), canvas, side)

    def small_place(self, layer: KritaLayer, place: tuple[str, str], side: int) -> bytes:
        return in_small_of(layer.document, place, side)

    def target(self, source: KritaSource | FrameSource, name: str, alone: bool = False) -> KritaTarget | FrameTarget:
        return source.target(name, alone)

    def growing(self, source: KritaSource | FrameSource, name: str) -> KritaGrowing | None:
        if not isinstance(source, KritaSource) or not can_grow(source):
            return None
        self._growing = KritaGrowing(source, name)
        return self._growing

    def finish_left(self) -> bool:
        _, document = self._active()
        if document is None or not is_left(document):
            return True
        at_work = self._growing is not None and not self._growing.over and self._growing.document == document
        if at_work or self._hand.in_the_way(document):
            return False
        finish_left(document)
        self.tell("A picture that was saved before it was finished is an ordinary layer now.")
        return True

    def live(self, source: str, name: str) -> KritaLive:
        _, document = self._active()
        if document is None:
            raise EngineError("layer-gone", "There is no picture to paint live.", "Open one.")
        if why := self._hand.in_the_way(document):
            raise EngineError("host-busy", f"Painting on the canvas {why}.", "Start it again then.")
        self._hand.watch()
        return KritaLive(document, source, name)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watch = self._watch or Watch(changed)
        self._watch.look()

    def in_the_way(self, what: KritaLayer | KritaFrame | KritaTarget | FrameTarget | KritaGrowing | KritaLive) -> str:
        if not is_open(what.document):
            return ""
        return self._hand.in_the_way(what.document)

    def target_here(self, source: KritaSource, name: str) -> KritaTarget:
        layers = self.layers()
        if not layers:
            raise EngineError("layer-gone", "There is no document to put it into.", "Open one, then insert it again.")
        at = QtCore.QPoint(source.shape.x, source.shape.y)
        return KritaTarget(layers[-1], source, name, at)

    def _active(self) -> tuple[View | None, Document | None]:
        window = self._krita.activeWindow()
        view = window.activeView() if window is not None else None
        return view, view.document() if view is not None else self._krita.activeDocument()

    def notes(self, layer: KritaLayer | None = None) -> str:
        document = layer.document if layer is not None else self._krita.activeDocument()
        if document is None or not is_open(document):
            return ""
        return bytes(document.annotation(NOTES)).decode("utf-8", "replace")

    def keep_notes(self, source: KritaSource | None, text: str) -> None:
        document = source.layer.document if source is not None else self._krita.activeDocument()
        if document is not None and is_open(document):
            document.setAnnotation(NOTES, "What Scumble painted here", QtCore.QByteArray(text.encode("utf-8")))

    def setting(self, name: str) -> str:
        return str(self._krita.readSetting(GROUP, name, ""))

    def keep_setting(self, name: str, value: str) -> None:
        self._krita.writeSetting(GROUP, name, value)

    def tell(self, text: str, trouble: bool = False) -> None:
        window = self._krita.activeWindow()
        view = window.activeView() if window is not None else None
        if view is not None:
            view.showFloatingMessage(
                text, self._krita.icon("warning" if trouble else "dialog-ok"), 8000 if trouble else 2000, 1
            )
