# SPDX-License-Identifier: Apache-2.0
"""A painter's hand in a whole Krita: real pointer and key events on the screen, by xdotool.

Invariant: every call returns at once; what it does comes through Krita's event loop, as a painter's own hand would.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Sequence
from typing import Any

from driver import Stage
from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QWidget

Point = tuple[int, int]
"""On the canvas, in document pixels."""


class Hand:
    """Moves on the canvas of the active view, which is shown at 100 % and centred."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def canvas(self) -> QWidget:
        """The widget that shows the picture."""
        window = self.stage.krita.activeWindow().qwindow()
        shown = [w for w in window.findChildren(QWidget) if w.metaObject().className() == "KisQPainterCanvas" and w.isVisible()]
        return shown[0]

    def place(self, point: Point) -> QPoint:
        """Where a document's pixel is on the screen."""
        canvas, document = self.canvas(), self.stage.krita.activeDocument()
        zoom = self.stage.krita.activeWindow().activeView().canvas().zoomLevel() * 72.0 / document.resolution()
        middle = QPoint(canvas.width() // 2, canvas.height() // 2)
        away = QPoint(round((point[0] - document.width() / 2) * zoom), round((point[1] - document.height() / 2) * zoom))
        return canvas.mapToGlobal(middle + away)

    def do(self, *words: Any) -> Any:
        """Run xdotool; whether it has ended."""
        process = subprocess.Popen(["xdotool", *map(str, words)], stdin=subprocess.DEVNULL)
        return lambda: process.poll() is not None

    def to(self, point: Point) -> Any:
        place = self.place(point)
        return self.do("mousemove", place.x(), place.y())

    def down(self) -> Any:
        return self.do("mousedown", 1)

    def up(self) -> Any:
        return self.do("mouseup", 1)

    def quick(self, *strokes: Sequence[Point]) -> Any:
        """Whole strokes along their points in one go; whether they are drawn."""
        words: list[Any] = []
        for points in strokes:
            places = [self.place(point) for point in points]
            words += ["mousemove", places[0].x(), places[0].y(), "sleep", 0.03, "mousedown", 1, "sleep", 0.02]
            for place in places[1:]:
                words += ["mousemove", place.x(), place.y(), "sleep", 0.015]
            words += ["sleep", 0.02, "mouseup", 1, "sleep", 0.08]
        return self.do(*words)

    def stroke(self, points: Sequence[Point], between: Any = None) -> Generator[Any, None, None]:
        """Draw along the points; `between(number)` is called after each and may give what to wait for."""
        yield self.to(points[0])
        yield 30
        yield self.down()
        yield 30
        for number, point in enumerate(points[1:], 1):
            yield self.to(point)
            yield 30
            wanted = between(number) if between is not None else None
            if wanted is not None:
                yield wanted
        yield self.up()
        yield 30
