# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layers of a document are results of which layer, so that the next result goes above them or takes their place.

Invariant: kept in the document by the layers' unique ids, so that names, moves and saving do not matter; a layer counts as a
result of another only while it lies above it in the same group.
"""

from __future__ import annotations

import json

from krita import Document, Node

from .qt import QtCore
from .scumble_client.desk.stacking import results_above, topmost

NOTES = "scumble/results"
MOST = 200
"""Layers whose results are remembered in one document."""


def results_of(document: Document, source: Node) -> list[Node]:
    """The results that lie above the layer in its group, bottom to top."""
    known = set(_read(document).get(_id(source), ()))
    siblings = {_id(node): node for node in _siblings(source)}
    return [siblings[id] for id in results_above(list(siblings), _id(source), known.__contains__)]


def above(document: Document, source: Node) -> Node:
    """The layer above which the next result is put: the topmost result, or the layer itself."""
    return topmost(source, results_of(document, source))


def note(document: Document, source: Node, result: Node) -> None:
    """Remember that `result` was painted from `source`."""
    noted = _read(document)
    before = [id for id in noted.pop(_id(source), ()) if document.nodeByUniqueID(QtCore.QUuid(id)) is not None]
    noted[_id(source)] = [*before, _id(result)]
    kept = dict(list(noted.items())[-MOST:])
    text = json.dumps({"version": 1, "results": kept})
    document.setAnnotation(NOTES, "Which layers Scumble painted from which", QtCore.QByteArray(text.encode("utf-8")))


def _read(document: Document) -> dict[str, list[str]]:
    """Whatever is not ours is nothing."""
    try:
        results = json.loads(bytes(document.annotation(NOTES)).decode("utf-8"))["results"]
        return {str(k): [str(v) for v in ids] for k, ids in results.items() if isinstance(ids, list)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _siblings(node: Node) -> list[Node]:
    parent = node.parentNode()
    return parent.childNodes() if parent is not None else []


def _id(node: Node) -> str:
    return node.uniqueId().toString()
