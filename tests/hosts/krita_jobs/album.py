# SPDX-License-Identifier: Apache-2.0
"""The pictures of the manual and the README, taken in a whole Krita with trained networks."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

from driver import Scenario, Stage
from hand import Hand
from krita import ManagedColor
from PyQt5.QtCore import QPoint, QRect
from scumble.scumble_client.desk.settings import Settings
from strokes import BRUSH, choose
from window import idle, names, photo, trained_engine

STROKES = (
    ((0.95, 0.75, 0.15), [(0.06, 0.16), (0.2, 0.1), (0.34, 0.16)]),
    ((0.1, 0.25, 0.75), [(0.08, 0.3), (0.22, 0.24), (0.4, 0.32), (0.55, 0.22)]),
    ((0.85, 0.2, 0.15), [(0.62, 0.14), (0.75, 0.24), (0.9, 0.14)]),
    ((0.15, 0.55, 0.3), [(0.06, 0.9), (0.2, 0.82), (0.36, 0.9), (0.5, 0.84)]),
)
"""Colour (red, green, blue) and points as shares of the picture."""


def album(stage: Stage) -> Scenario:
    """The photograph at SCUMBLE_TEST_PHOTO: all styles tried, one of them painted for good and better, then painted live."""
    yield from trained_engine(stage)
    document = yield from photo(stage)
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    stage.studio.take_up(Settings(style="starry-night"))
    stage.studio.offer.listed = False
    stage.studio.wake()
    previewing = stage.studio.previewing
    yield lambda: stage.studio.offer.listed and previewing.picture is not None and not previewing.active
    yield choose(stage, BRUSH)
    stage.krita.action("zoom_to_fit").trigger()
    yield 2500  # for the message about the zoom to go
    stage.shoot("album-docker")
    report: dict[str, Any] = {"styles": stage.panel.gallery.list.count()}

    stage.studio.shelves.like("great-wave", True)
    stage.studio.canvas.try_all()
    yield lambda: len(stage.studio.trying.candidates) > int(os.environ.get("SCUMBLE_TEST_TRIES", "12"))
    stage.studio.trying.step(4)
    stage.studio.take_up(stage.studio.trying.current.settings)
    yield lambda: stage.studio.trying.current.side > 256 and stage.studio.trying.current is stage.studio.trying._written
    yield 1500
    stage.shoot("album-tries")
    stage.studio.canvas.stop_trying()
    yield lambda: not stage.studio.trying.active
    yield 500

    stage.studio.take_up(Settings(style="starry-night", quality="good"))
    stage.panel.button.click()
    yield lambda: stage.panel.keep.isVisible() and "left" in stage.panel.status.text()
    stage.shoot("album-better")
    stage.panel.keep.click()
    yield idle(stage)
    report["better"] = names(document)
    document.topLevelNodes()[-1].remove()
    stage.studio.choose(quality="")
    yield 1000

    report["frames"] = yield from _live(stage, document)
    stage.close(document)
    return report


def _live(stage: Stage, document: Any) -> Any:
    """Strokes on the photograph, the live layer above following each; the frames' names."""
    hand, canvas = Hand(stage), stage.krita.activeWindow().activeView()
    yield lambda: not stage.studio.host._hand.in_the_way(document)
    stage.studio.canvas.start_live()
    yield lambda: stage.studio.live.passes > 1 and stage.studio.live._full and not stage.studio.live.awaiting
    frames = [_frame(stage, hand, document, 0)]
    canvas.setBrushSize(34)
    for number, (colour, points) in enumerate(STROKES, 1):
        ink = ManagedColor("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
        ink.setComponents([colour[2], colour[1], colour[0], 1.0])
        canvas.setForeGroundColor(ink)
        passes = stage.studio.live.passes
        places = [(round(x * document.width()), round(y * document.height())) for x, y in points]
        yield hand.quick(_smooth(places))
        yield lambda passes=passes: stage.studio.live.passes > passes
        yield lambda: stage.studio.live._full and not stage.studio.live.awaiting
        yield 400
        frames.append(_frame(stage, hand, document, number))
    stage.shoot("album-live")
    stage.studio.canvas.stop_live()
    live = document.topLevelNodes()[-1]
    live.setVisible(False)
    document.refreshProjection()
    yield 800
    frames.append(_frame(stage, hand, document, 99))
    yield 300
    return frames


def _smooth(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """More points between, so that the pointer does not jump."""
    path = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        path += [(round(ax + (bx - ax) * t / 6), round(ay + (by - ay) * t / 6)) for t in range(1, 7)]
    return path


def _frame(stage: Stage, hand: Hand, document: Any, number: int) -> str:
    """The picture as the canvas shows it."""
    corner, end = hand.place((0, 0)), hand.place((document.width(), document.height()))
    canvas = hand.canvas()
    place = QRect(canvas.mapFromGlobal(corner), canvas.mapFromGlobal(end) - QPoint(1, 1))
    name = f"album-frame-{number}.png"
    canvas.grab(place).save(str(stage.shots / name))
    return name
