# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker's contents: preview and strength, below them styles, settings or history, then the buttons and the status line.

Invariant: nothing that scrolls is in something that scrolls, so that a turn of the wheel moves one thing.
"""

from __future__ import annotations

from .clock import Clock
from .controls import Controls
from .gallery import Gallery
from .history_list import HistoryList
from .live_button import LiveButton
from .pictures import PictureView
from .qt import QtCore, QtGui, QtWidgets
from .scumble_client.desk.labels import CANCEL, HISTORY, KEEP, KEEP_TIP, ONE_RESULT, ONE_RESULT_TIP, STRENGTH, STYLES
from .standing import Mood
from .strip import Strip, TryButton
from .studio import Studio, Topic

COLOURS = {
    Mood.ASLEEP: "#888",
    Mood.STARTING: "#d90",
    Mood.READY: "#4a4",
    Mood.BUSY: "#48c",
    Mood.LIVE: "#a6c",
    Mood.ERROR: "#d44",
}

ARRIVAL = 500
"""Milliseconds for which the docker is shown before that counts: Krita shows all dockers for a moment when it starts."""


class Panel(QtWidgets.QWidget):
    """Redraws itself when the studio says what has changed; ends that with `detach`."""

    def __init__(self, studio: Studio, clock: Clock) -> None:
        super().__init__()
        self._studio, self._clock = studio, clock
        self.gallery, self.controls, self.history = Gallery(studio), Controls(studio), HistoryList(studio)
        self.preview = PictureView(self._repeat_preview)
        self.live, self.attempt, self.strip = LiveButton(studio, clock), TryButton(studio, clock), Strip(studio, clock)

        self.button = QtWidgets.QPushButton("Scumble")
        self.button.setObjectName("scumble_button")
        self.button.clicked.connect(self._press)
        self.keep = QtWidgets.QPushButton(KEEP)
        self.keep.setObjectName("scumble_keep")
        self.keep.setToolTip(KEEP_TIP)
        self.keep.clicked.connect(lambda: self._do(studio.keep))

        self.light = QtWidgets.QLabel("●")
        self.status = QtWidgets.QLabel()
        self.status.setObjectName("scumble_status")
        self.status.setWordWrap(True)
        self.more = QtWidgets.QToolButton()
        self.more.setText("…")
        self.more.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self._menu())

        self._begun = QtCore.QElapsedTimer()
        self._lay_out()
        self._detach = studio.subscribe(self._on_topic)
        self._show_standing()
        self._show_preview()

    def _menu(self) -> QtWidgets.QMenu:
        """The menu of the "…" button: the engine, what is kept for all documents, and a report."""
        studio = self._studio
        menu = QtWidgets.QMenu(self.more)
        menu.addAction("Paint what I see").triggered.connect(lambda: self._do(studio.paint_visible))
        menu.addAction("Start the engine").triggered.connect(lambda: self._do(studio.wake))
        menu.addAction("Stop the engine").triggered.connect(lambda: self._do(studio.stop_engine))
        self.one_result = menu.addAction(ONE_RESULT)
        self.one_result.setCheckable(True)
        self.one_result.setChecked(studio.preferences.one_result)
        self.one_result.setToolTip(ONE_RESULT_TIP)
        self.one_result.toggled.connect(lambda on: setattr(studio.preferences, "one_result", on))
        self.steady = menu.addAction("Steady frames")
        self.steady.setCheckable(True)
        self.steady.setChecked(not studio.preferences.loose_frames)
        self.steady.setToolTip("The frames of an animation do not flicker")
        self.steady.toggled.connect(lambda on: setattr(studio.preferences, "loose_frames", not on))
        late = menu.addAction("Start the engine with this docker")
        late.setCheckable(True)
        late.setChecked(not studio.preferences.late_engine)
        late.toggled.connect(lambda on: setattr(studio.preferences, "late_engine", not on))
        menu.addAction("Copy report").triggered.connect(self.copy_report)
        return menu

    def detach(self) -> None:
        """The widget goes."""
        self._detach()

    def copy_report(self) -> None:
        QtGui.QGuiApplication.clipboard().setText(self._studio.report)

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802 (Qt's name)
        self._studio.previewing.enabled = True
        self._studio.watch()
        self._clock.hurry()
        QtCore.QTimer.singleShot(ARRIVAL, self._arrive)

    def _arrive(self) -> None:
        if self.isVisible():
            self._studio.arrive()
            self._clock.hurry()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:  # noqa: N802 (Qt's name)
        self._studio.previewing.enabled = False

    def _lay_out(self) -> None:
        self.settings = QtWidgets.QScrollArea()
        self.settings.setWidget(self.controls)
        self.settings.setWidgetResizable(True)
        self.settings.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.tabs = QtWidgets.QTabWidget()
        for page, title in ((self.gallery, STYLES), (self.settings, "Settings"), (self.history, HISTORY)):
            self.tabs.addTab(page, title)
        strength = QtWidgets.QFormLayout()
        strength.addRow(STRENGTH, self.controls.strength)
        line = QtWidgets.QHBoxLayout()
        line.addWidget(self.light)
        line.addWidget(self.status, 1)
        line.addWidget(self.more)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.preview, 2)
        layout.addWidget(self.strip, 3)
        layout.addLayout(strength)
        layout.addWidget(self.tabs, 3)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.keep)
        buttons.addWidget(self.attempt)
        buttons.addWidget(self.live)
        layout.addLayout(buttons)
        layout.addLayout(line)

    def _on_topic(self, topic: Topic) -> None:
        for part in (self.gallery, self.controls, self.history, self.strip, self.attempt):
            part.handle(topic)
        if topic is Topic.STANDING:
            self._show_standing()
        elif topic is Topic.STRIP:
            self.preview.setVisible(not self._studio.trying.active)  # it is on the canvas
        elif topic in (Topic.PREVIEW, Topic.CATALOGUE):
            self._show_preview()
        elif topic is Topic.SETTINGS:
            self._clock.hurry()

    def _show_standing(self) -> None:
        shown = self._studio.standing
        self.light.setStyleSheet(f"color: {COLOURS[shown.mood]}")
        self.status.setText(f"{shown.text} {shown.hint}".strip())
        self.live.show_state()
        busy = self._studio.busy
        self.keep.setVisible(self._studio.queue.keepable)
        self.button.setText(f"{CANCEL} ({round(self._studio.fraction * 100)} %)" if busy else "Scumble")

    def _show_preview(self) -> None:
        shown = self._studio.previewing
        self.preview.text = "" if self._studio.offer.listed else "The preview appears when the engine runs."
        self.preview.show_raster(shown.picture, shown.original, shown.share)

    def _press(self) -> None:
        """The second click of a double click does not cancel what the first has begun."""
        if not self._studio.busy:
            self._begun.start()
            self._do(self._studio.paint)
        elif not self._begun.isValid() or self._begun.elapsed() > QtWidgets.QApplication.doubleClickInterval():
            self._do(self._studio.cancel)

    def _do(self, what) -> None:
        what()
        self._clock.hurry()

    def _repeat_preview(self) -> None:
        self._studio.previewing.repeat()
        self._clock.hurry()
