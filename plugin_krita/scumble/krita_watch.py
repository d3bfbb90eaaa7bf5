# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices every stroke, undo and redo: Krita tells scripts of none, but its History docker's list starts over with each.

Invariant: only listens, and calls back in a later turn of the event loop: the list changes while Krita holds the image.
"""

from __future__ import annotations

from collections.abc import Callable

from krita import Krita

from .qt import QtCore, QtWidgets

HISTORY = "History"
"""The docker's object name; hidden or not, it follows the window's document."""
MODEL = "KisUndoModel"


class Watch(QtCore.QObject):
    """Calls `changed` after each change of the document of any window."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed
        self._models: list[QtCore.QAbstractItemModel] = []
        self._soon = QtCore.QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._tell)

    def look(self) -> bool:
        """Listen to windows that are new since; whether there is anything to listen to. Idempotent."""
        for window in Krita.instance().windows():
            for docker in window.dockers():
                if docker.objectName() == HISTORY:
                    for view in docker.findChildren(QtWidgets.QAbstractItemView):
                        self._listen(view.model())
        return bool(self._models)

    def _listen(self, model: QtCore.QAbstractItemModel | None) -> None:
        if model is None or model.metaObject().className() != MODEL or any(model is known for known in self._models):
            return
        model.modelReset.connect(lambda: self._soon.start(0))
        self._models.append(model)

    def _tell(self) -> None:
        self._changed()
