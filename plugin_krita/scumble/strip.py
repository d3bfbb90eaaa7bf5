# SPDX-License-Identifier: GPL-3.0-or-later
"""The candidates that are tried on the canvas, to choose one from, and the button that begins it."""

from __future__ import annotations

from .clock import Clock
from .pictures import image_of, mixed
from .qt import QtCore, QtGui, QtWidgets
from .scumble_client.desk.labels import APPLY, DISCARD, NEXT, ORIGINAL, PREVIOUS, STRIP_TIPS, TRY_ALL
from .studio import Studio, Topic
from .widgets import Thumbnails

TIP = "Show what is chosen in place, on a locked layer of its own: choose one style after another, then apply the one you like."


class TryButton(QtWidgets.QToolButton):
    """Pressed while candidates are on the canvas."""

    def __init__(self, studio: Studio, clock: Clock) -> None:
        super().__init__()
        self._studio, self._clock = studio, clock
        self.setObjectName("scumble_try")
        self.setText("Try")
        self.setToolTip(TIP)
        self.setCheckable(True)
        self.setStyleSheet("QToolButton:checked { background: #3a7a5a; color: white }")
        self.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.clicked.connect(self._press)
        menu = QtWidgets.QMenu(self)
        menu.addAction("Try the chosen style").triggered.connect(lambda: self._do(studio.canvas.start_trying))
        menu.addAction(TRY_ALL).triggered.connect(lambda: self._do(studio.canvas.try_all))
        self.setMenu(menu)

    def handle(self, topic: Topic) -> None:
        if topic is Topic.STRIP:
            with QtCore.QSignalBlocker(self):
                self.setChecked(self._studio.trying.active)

    def _press(self) -> None:
        self._do(self._studio.canvas.stop_trying if self._studio.trying.active else self._studio.canvas.start_trying)

    def _do(self, what) -> None:
        what()
        with QtCore.QSignalBlocker(self):
            self.setChecked(self._studio.trying.active)
        self._clock.hurry()


class Strip(QtWidgets.QWidget):
    """There only while something is tried."""

    def __init__(self, studio: Studio, clock: Clock) -> None:
        super().__init__()
        self._studio, self._clock = studio, clock
        self._pictures: list[object] = []  # of the list's items
        self.list = Thumbnails(lambda item: self._chosen(studio.trying.show(self.list.row(item))))
        self.list.setObjectName("scumble_strip")
        self.text = QtWidgets.QLabel()
        self.text.setWordWrap(True)
        self.previous = _button(PREVIOUS, lambda: self._chosen(studio.trying.step(-1)))
        self.next = _button(NEXT, lambda: self._chosen(studio.trying.step(1)))
        self.hold = _button(ORIGINAL, lambda: None)
        self.hold.pressed.connect(lambda: self._compare(True))
        self.hold.released.connect(lambda: self._compare(False))
        self.apply = _button(APPLY, lambda: self._do(studio.trying.apply))
        self.discard = _button(DISCARD, lambda: self._do(studio.canvas.stop_trying))
        buttons = QtWidgets.QGridLayout()  # two rows, so that the docker may be narrow
        for column, button in enumerate((self.previous, self.next, self.hold)):
            buttons.addWidget(button, 0, column)
        buttons.addWidget(self.apply, 1, 0, 1, 2)
        buttons.addWidget(self.discard, 1, 2)
        buttons.setColumnStretch(2, 1)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self.show_state()

    def handle(self, topic: Topic) -> None:
        if topic in (Topic.STRIP, Topic.STANDING):
            self.show_state()

    def show_state(self) -> None:
        trying = self._studio.trying
        self.setVisible(trying.active)
        self._fill()
        current = trying.current
        left = f" {trying.left} more to come …" if trying.left else ""
        self.text.setText(f"{current.title}.{left}" if current else "The first one comes …" if trying.active else "")
        for button in (self.previous, self.next, self.hold, self.apply):
            button.setEnabled(current is not None)

    def _fill(self) -> None:
        """Only what is new is drawn: a contact sheet grows by fifty."""
        candidates = self._studio.trying.candidates
        if len(candidates) < len(self._pictures):
            self.list.clear()
            self._pictures.clear()
        for row, candidate in enumerate(candidates):
            if row < len(self._pictures) and self._pictures[row] is candidate:
                continue
            keep, smooth = QtCore.Qt.AspectRatioMode.KeepAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            shown = mixed(image_of(candidate.shot.raster), image_of(candidate.raster), candidate.share).scaled(
                2 * self.list.iconSize(), keep, smooth
            )
            item = self.list.item(row) if row < len(self._pictures) else QtWidgets.QListWidgetItem(self.list)
            item.setIcon(QtGui.QIcon(QtGui.QPixmap.fromImage(shown)))
            item.setText(candidate.title)
            item.setToolTip(candidate.title)
            self._pictures[row : row + 1] = [candidate]
        with QtCore.QSignalBlocker(self.list):
            self.list.setCurrentRow(self._studio.trying.at)

    def _chosen(self, settings) -> None:
        if settings is not None:
            self._studio.take_up(settings)
            self._clock.hurry()

    def _compare(self, original: bool) -> None:
        self._studio.trying.compare(original)
        self._clock.hurry()

    def _do(self, what) -> None:
        what()
        self._clock.hurry()


def _button(text: str, clicked) -> QtWidgets.QToolButton:
    button = QtWidgets.QToolButton()
    button.setText(text)
    button.setToolTip(STRIP_TIPS[text])
    button.clicked.connect(clicked)
    button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
    return button
