# SPDX-License-Identifier: GPL-3.0-or-later
"""Small widgets that several parts of the docker are made of."""

from __future__ import annotations

from collections.abc import Callable

from .qt import QtCore, QtGui, QtWidgets


class Share(QtWidgets.QWidget):
    """A slider of 0 to 100 % with its number."""

    def __init__(self, changed: Callable[[float], None]) -> None:
        super().__init__()
        self._changed = changed
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.number = QtWidgets.QLabel()
        self.number.setMinimumWidth(self.fontMetrics().boundingRect("100 %").width() + 4)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider)
        layout.addWidget(self.number)
        self.slider.valueChanged.connect(self._moved)

    def show_value(self, value: float) -> None:
        with QtCore.QSignalBlocker(self.slider):
            self.slider.setValue(round(value * 100))
        self.number.setText(f"{self.slider.value()} %")

    def _moved(self, value: int) -> None:
        self.number.setText(f"{value} %")
        self._changed(value / 100)


class Thumbnails(QtWidgets.QListWidget):
    """Pictures in rows, as many as the docker is wide, each with its title below. `chosen` gets an item that is clicked,
    or that the keyboard moves to. The current item stays in sight when the docker becomes another size."""

    SIDE = 72

    def __init__(self, chosen: Callable[[QtWidgets.QListWidgetItem], None]) -> None:
        super().__init__()
        self._chosen = chosen
        self.itemClicked.connect(chosen)
        self.setViewMode(QtWidgets.QListView.ViewMode.IconMode)
        self.setIconSize(QtCore.QSize(self.SIDE, self.SIDE))
        self.setGridSize(QtCore.QSize(self.SIDE + 20, self.SIDE + 36))
        self.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.setMovement(QtWidgets.QListView.Movement.Static)
        self.setWordWrap(True)
        self.setMinimumHeight(self.SIDE + 44)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        before = self.currentRow()
        super().keyPressEvent(event)
        if self.currentRow() not in (before, -1):
            self._chosen(self.currentItem())

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        current = self.currentItem()
        shows = current is not None and QtCore.QRect(QtCore.QPoint(), event.oldSize()).intersects(self.visualItemRect(current))
        super().resizeEvent(event)
        if shows:
            QtCore.QTimer.singleShot(0, self._reveal)  # once the rows have been made again

    def _reveal(self) -> None:
        if self.currentItem() is not None:
            self.scrollToItem(self.currentItem())


class _Calm(QtCore.QObject):
    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:  # noqa: N802 (Qt's name)
        stray = event.type() == QtCore.QEvent.Type.Wheel and not watched.hasFocus()
        if stray:
            event.ignore()  # so that what it is in gets it
        return stray


def calm(widget: QtWidgets.QWidget) -> None:
    """Let the wheel change a value only where the painter has clicked: over any other it turns the page that it is on."""
    for kind in (QtWidgets.QComboBox, QtWidgets.QAbstractSpinBox, QtWidgets.QSlider):
        for one in [widget, *widget.findChildren(kind)]:
            if isinstance(one, kind):
                one.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
                one.installEventFilter(_Calm(one))


class Choice(QtWidgets.QComboBox):
    """A list of (data, text); the docker does not become as wide as the texts are."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(lambda row: changed(self.itemData(row)))

    def offer(self, entries: list[tuple[str, str]], chosen: str) -> None:
        """Show these, without telling of a change."""
        with QtCore.QSignalBlocker(self):
            if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] != entries:
                self.clear()
                for data, text in entries:
                    self.addItem(text, data)
            index = next((i for i, (data, _) in enumerate(entries) if data == chosen), 0 if entries else -1)
            self.setCurrentIndex(index)
