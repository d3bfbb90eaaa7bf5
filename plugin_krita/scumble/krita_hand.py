# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the painter's hand, or a tool of Krita's, has the document: then it is neither written to nor read.

Invariant: a document is written to only in the same turn of the event loop in which `in_the_way` has answered "". Adding a
layer ends an open stroke, applies a crop that is being drawn and cuts a half-drawn path in two, and a layer that is being
transformed is read as empty. A lock that is tried, never waited for, tells of strokes; the canvas's events tell
of the tools that keep no stroke open.
"""

from __future__ import annotations

import time

from krita import Document, Krita

from .qt import QtCore, QtWidgets

CANVASES = ("KisQPainterCanvas", "KisOpenGLCanvas2")
"""Classes of the widgets that show a picture and get the pen's events."""
SEVERAL_CLICKS = (
    "KisToolPolygon",
    "KisToolPolyline",
    "KisToolPath",
    "KisToolCrop",
    "KisToolEncloseAndFill",
    "KisToolSelectPolygonal",
    "KisToolSelectPath",
    "KisToolSelectMagnetic",
)
"""Tools whose shape is not done when the pen is lifted."""
FORGET = 30.0
"""Seconds after the last click in which such a shape is thought to be finished or forgotten."""
TEXT_EDITOR = "SvgTextEditor"

STROKE = "waits for your hand"
WAITS = {
    "KisToolTransform": "waits until the transformation is applied (Enter) or another tool is chosen",
    "KritaTransform/KisToolMove": "waits until the move is finished (Enter) or another tool is chosen",
    "KisToolCrop": "waits until the crop is applied or given up",
    TEXT_EDITOR: "waits until the text editor is closed",
    "": "waits until the dialogue is closed",
}

_DOWN = {QtCore.QEvent.Type.MouseButtonPress, QtCore.QEvent.Type.TabletPress, QtCore.QEvent.Type.TouchBegin}
_UP = {QtCore.QEvent.Type.MouseButtonRelease, QtCore.QEvent.Type.TabletRelease, QtCore.QEvent.Type.TouchEnd}
_ENDING = {QtCore.Qt.Key.Key_Return, QtCore.Qt.Key.Key_Enter, QtCore.Qt.Key.Key_Escape}


class Hand(QtCore.QObject):
    """Watches the canvases of all windows, once `watch` has been called."""

    def __init__(self) -> None:
        super().__init__()
        self._down = False
        self._shape: tuple[str, float] | None = None  # the tool that draws one, and when it was last clicked with
        self._window: QtWidgets.QWidget | None = None
        self._buttons: list[QtWidgets.QToolButton] = []  # of that window's tools

    def watch(self) -> None:
        """Watch what happens on every canvas that there is now. Idempotent."""
        for window in Krita.instance().windows():
            for widget in window.qwindow().findChildren(QtWidgets.QWidget):
                if widget.metaObject().className() in CANVASES:
                    widget.installEventFilter(self)  # once each: Qt moves a filter that is there already

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:  # noqa: N802 (Qt's name)
        kind = event.type()
        if kind in _DOWN:
            self._down = True
            tool = self.tool()
            if tool in SEVERAL_CLICKS:
                self._shape = (tool, time.monotonic())
        elif kind in _UP:
            self._down = False
        elif kind == QtCore.QEvent.Type.MouseButtonDblClick or (kind == QtCore.QEvent.Type.KeyPress and event.key() in _ENDING):
            self._shape = None
        return False

    def tool(self) -> str:
        """The id of the tool that is chosen in the active window; "" if none is known."""
        active = Krita.instance().activeWindow()
        window = active.qwindow() if active is not None else None
        if window is None:
            return ""
        if window != self._window:
            buttons = window.findChildren(QtWidgets.QToolButton)
            self._buttons = [b for b in buttons if b.isCheckable() and "Tool" in b.objectName()]
            self._window = window
        return next((button.objectName() for button in self._buttons if button.isChecked()), "")

    def in_the_way(self, document: Document) -> str:
        """Why the document must not be read or written to now, in words that follow "the result"; "" if it may be."""
        if self._down or QtWidgets.QApplication.mouseButtons() != QtCore.Qt.MouseButton.NoButton:
            return STROKE
        tool = self.tool()
        if self._shape is not None and self._shape[0] == tool and time.monotonic() - self._shape[1] < FORGET:
            return WAITS.get(tool, "waits until the shape is finished")
        if any(w.isVisible() and w.metaObject().className() == TEXT_EDITOR for w in QtWidgets.QApplication.topLevelWidgets()):
            return WAITS[TEXT_EDITOR]
        if QtWidgets.QApplication.activeModalWidget() is not None:
            return WAITS[""]
        if not document.tryBarrierLock():
            return WAITS.get(tool, STROKE)
        document.unlock()
        return ""
