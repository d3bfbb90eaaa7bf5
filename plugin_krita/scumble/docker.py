# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel as one of Krita's dockers (Settings > Dockers > Scumble)."""

from __future__ import annotations

from krita import DockWidget

from .clock import clock, studio
from .panel import Panel

NAME = "scumble_docker"


class ScumbleDocker(DockWidget):
    """The docker of one window; all dockers show the one studio."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Scumble")
        panel = Panel(studio(), clock())
        self.panel = panel
        self.destroyed.connect(lambda: panel.detach())
        self.setWidget(panel)

    def canvasChanged(self, canvas) -> None:  # noqa: N802 (Krita's name)
        """Another document, or none, is active."""
        self.panel.history.fill()
        studio().opened()
        clock().hurry()
