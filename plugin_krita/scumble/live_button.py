# SPDX-License-Identifier: GPL-3.0-or-later
"""The button that starts and ends live painting; its menu says what is painted."""

from __future__ import annotations

from .clock import Clock
from .qt import QtCore, QtWidgets
from .studio import Studio

SOURCES = (("", "The active layer"), ("visible", "What I see"))
TIP = "Paint live: a layer above yours follows every stroke. Press again to keep it as an ordinary layer."


class LiveButton(QtWidgets.QToolButton):
    """Pressed while live painting goes on."""

    def __init__(self, studio: Studio, clock: Clock) -> None:
        super().__init__()
        self._studio, self._clock = studio, clock
        self.setObjectName("scumble_live")
        self.setText("Live")
        self.setToolTip(TIP)
        self.setCheckable(True)
        self.setStyleSheet("QToolButton:checked { background: #7a4a9a; color: white }")
        self.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.clicked.connect(self._press)
        menu = QtWidgets.QMenu(self)
        menu.aboutToShow.connect(lambda: self.fill(menu))
        self.setMenu(menu)

    def show_state(self) -> None:
        with QtCore.QSignalBlocker(self):
            self.setChecked(self._studio.live.active)

    def fill(self, menu: QtWidgets.QMenu) -> None:
        """Fill the menu with the layers of the active document that can be painted from."""
        menu.clear()
        layers = [(place, name) for place, name in self._studio.host.places() if place != "selection"]
        for source, name in (*SOURCES, *layers):
            entry = menu.addAction(name)
            entry.setCheckable(True)
            entry.setChecked(source == self._studio.live.source)
            entry.triggered.connect(lambda _=False, source=source: self._start(source))

    def _press(self) -> None:
        if self._studio.live.active:
            self._studio.canvas.stop_live()
            self._clock.hurry()
        else:
            self._start(self._studio.live.source)

    def _start(self, source: str) -> None:
        self._studio.canvas.start_live(source)
        self.show_state()
        self._clock.hurry()
