# SPDX-License-Identifier: GPL-3.0-or-later
"""What was painted in this document, newest first; an entry's settings can be taken up or painted again."""

from __future__ import annotations

from .history import Entry
from .qt import QtCore, QtGui, QtWidgets
from .scumble_client.desk.history import THUMBNAIL
from .scumble_client.desk.labels import PAINT_AGAIN, USE
from .studio import Studio, Topic


class HistoryList(QtWidgets.QWidget):
    """Fills itself when it is shown, since another document may be active by then."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._entries: list[Entry] = []
        self.list = QtWidgets.QListWidget()
        self.list.setObjectName("scumble_history")
        self.list.setIconSize(QtCore.QSize(THUMBNAIL, THUMBNAIL))
        self.list.setWordWrap(True)
        self.list.currentRowChanged.connect(self._enable)
        self.list.itemDoubleClicked.connect(lambda _: self._use())
        self.use = QtWidgets.QPushButton(USE)
        self.use.clicked.connect(self._use)
        self.again = QtWidgets.QPushButton(PAINT_AGAIN)
        self.again.clicked.connect(self._again)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.use)
        buttons.addWidget(self.again)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(buttons)
        self.fill()

    def handle(self, topic: Topic) -> None:
        if topic is Topic.HISTORY:
            self.fill()

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802 (Qt's name)
        self.fill()

    def fill(self) -> None:
        self._entries = self._studio.records.entries()
        self.list.clear()
        for entry in self._entries:
            pixmap = QtGui.QPixmap()
            pixmap.loadFromData(entry.picture)
            state = "waits for a place: “Insert” puts it above the active layer" if entry.kept else f"{entry.seconds:.1f} s"
            item = QtWidgets.QListWidgetItem(QtGui.QIcon(pixmap), f"{entry.title}\n{entry.layer}, {state}")
            self.list.addItem(item)
        self._enable()

    def _chosen(self) -> Entry | None:
        row = self.list.currentRow()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def _enable(self, _row: int = -1) -> None:
        entry = self._chosen()
        self.use.setEnabled(entry is not None)
        self.again.setEnabled(entry is not None)
        self.again.setText("Insert" if entry is not None and entry.kept else PAINT_AGAIN)

    def _use(self) -> None:
        entry = self._chosen()
        if entry is not None:
            self._studio.take_up(entry.settings)

    def _again(self) -> None:
        entry = self._chosen()
        if entry is None:
            return
        if entry.kept:
            self._studio.insert_kept(entry)
        else:
            self._studio.paint(settings=entry.settings)
