# SPDX-License-Identifier: Apache-2.0
"""A scenario in a whole Krita: the plug-in's page in Krita's own plug-in manager (Settings > Configure Krita)."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from PyQt5.QtCore import QModelIndex, QTimer, QUrl
from PyQt5.QtGui import QTextDocument
from PyQt5.QtWidgets import QAbstractItemView, QApplication, QTextBrowser


def manual(stage: Stage) -> Scenario:
    """What the manager says of Scumble when its line is chosen."""
    QTimer.singleShot(0, stage.krita.action("options_configure").trigger)  # it returns when the dialog closes
    yield lambda: QApplication.activeModalWidget() is not None
    dialog = QApplication.activeModalWidget()
    yield lambda: _choose(dialog, "Python Plugin")
    yield lambda: _choose(dialog, "Scumble")
    pages = dialog.findChildren(QTextBrowser)
    yield lambda: any("Scumble" in page.toPlainText() for page in pages)
    page = next(page for page in pages if "Scumble" in page.toPlainText())
    pictures = [page.document().resource(QTextDocument.ImageResource, QUrl(name)) for name in _images(page)]
    yield 300
    stage.shoot("manual")
    page.verticalScrollBar().setValue(page.verticalScrollBar().maximum())
    yield 200
    stage.shoot("manual-picture")
    report = {"text": page.toPlainText(), "pictures": [bool(picture) for picture in pictures], "shown": page.isVisible()}
    dialog.reject()
    yield lambda: QApplication.activeModalWidget() is None
    return report


def _images(page: QTextBrowser) -> list[str]:
    """The names of the pictures in the page."""
    names = []
    block = page.document().begin()
    while block.isValid():
        formats = [part.format for part in block.textFormats()]
        names += [each.toImageFormat().name() for each in formats if each.isImageFormat()]
        block = block.next()
    return names


def _choose(dialog: Any, text: str) -> bool:
    """Choose the line that begins with `text` in whichever list of the dialog has one."""
    for view in dialog.findChildren(QAbstractItemView):
        model = view.model()
        for row in range(model.rowCount() if model is not None else 0):
            line: QModelIndex = model.index(row, 0)
            if view.isVisible() and str(line.data()).startswith(text):
                view.setCurrentIndex(line)
                view.scrollTo(line)
                view.clicked.emit(line)  # what the manager listens to
                return True
    return False
