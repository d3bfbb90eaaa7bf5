# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents and layers that may go at any turn of the event loop.

Invariant: what lasts longer than a turn is kept by its id and looked for again. A document that was closed is a pointer to
nothing for most calls, and a layer of one has no image any more: to write to either ends Krita.
"""

from __future__ import annotations

from krita import Document, Krita, Node, Window

from .qt import QtCore

RESELECT = 80
"""Turns of the event loop in which Krita makes an inserted layer the active one; it takes one or two."""

LISTS = ("KisNodeModel", "KisAnimTimelineFramesModel")
"""Classes of Krita's lists of layers, and the dockers that they are in."""
DOCKERS = ("KisLayerBox", "TimelineDocker")


def is_open(document: Document) -> bool:
    """Whether the document is still among Krita's."""
    return any(document == opened for opened in Krita.instance().documents())


def layer_of(document: Document, id: QtCore.QUuid) -> Node | None:
    """The layer of that id; None where it, or its document, is not there any more."""
    node = document.nodeByUniqueID(id) if is_open(document) else None
    return node if node is not None and node.parentNode() is not None else None


def annotate(document: Document, key: str, what: str, node: Node | None) -> None:
    """Note in the document, under a key, which layer is `what`; None is none."""
    id = "" if node is None else node.uniqueId().toString()
    document.setAnnotation(key, what, QtCore.QByteArray(id.encode("ascii")))


def annotated(document: Document, key: str) -> Node | None:
    """The layer that is noted so, if it is there; also of a document that was saved and opened again."""
    id = bytes(document.annotation(key)).decode("ascii", "replace")
    node = document.nodeByUniqueID(QtCore.QUuid(id)) if id else None
    return node if node is not None and node.parentNode() is not None and node.type() == "paintlayer" else None


def settle() -> None:
    """Have Krita's lists of layers take in soon that a layer was renamed, locked or hidden: before its document can go.

    They learn it when this turn of the event loop ends, and do so up to 0.1 s later. That ends Krita (5.2.9) when
    the document has been closed by then. What is posted here comes directly after that.
    """
    QtCore.QTimer.singleShot(0, _take_in)


def _take_in() -> None:
    for window in Krita.instance().windows():
        for model in _lists(window):
            if model.rowCount() > 0:  # without a document it has none
                QtCore.QMetaObject.invokeMethod(model, "processUpdateQueue", QtCore.Qt.ConnectionType.DirectConnection)


def _lists(window: Window) -> list[QtCore.QAbstractItemModel]:
    dockers = [docker for docker in window.dockers() if docker.objectName() in DOCKERS]
    models = [model for docker in dockers for model in docker.findChildren(QtCore.QAbstractItemModel)]
    return [model for model in models if model.metaObject().className() in LISTS]


def keep_active(document: Document, node: Node, new: Node) -> None:
    """Krita makes a new layer the active one a turn or two later; painters try one style after another on the same layer or
    mask, and the next stroke may come at once."""
    _reselect(document, node.uniqueId(), new.uniqueId(), 0)


def _reselect(document: Document, id: QtCore.QUuid, new: QtCore.QUuid, turns: int) -> None:
    def look() -> None:
        active = document.activeNode() if is_open(document) else None
        if active is None:
            return
        if active.uniqueId() == new:
            node = layer_of(document, id)
            if node is not None:
                document.setActiveNode(node)
        elif turns < RESELECT:
            _reselect(document, id, new, turns + 1)

    QtCore.QTimer.singleShot(0 if turns < RESELECT // 2 else 5, look)
