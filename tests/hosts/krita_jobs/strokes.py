# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about results that arrive while the painter's hand, or a tool, has the picture."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from hand import Hand
from PyQt5.QtWidgets import QApplication
from window import idle, names, undo_once

BRUSH = "KritaShape/KisToolBrush"
PLAIN, INK = [10, 20, 30, 255], [0, 0, 0, 255]


def begin(stage: Stage, tool: str = BRUSH, size: tuple[int, int] = (400, 300)) -> Any:
    """A document at 100 % with the tool chosen; `yield from` gives it and a hand."""
    document = stage.document(*size)
    yield stage.shown(document)
    stage.tidy()
    stage.krita.activeWindow().activeView().canvas().setZoomLevel(1.0)
    stage.krita.activeWindow().activeView().setBrushSize(20)
    yield choose(stage, tool)
    stage.studio.previewing.enabled = False
    return document, Hand(stage)


def choose(stage: Stage, tool: str) -> Any:
    """Choose a tool; whether it is chosen."""
    stage.krita.action(tool).trigger()
    return lambda: stage.studio.host._hand.tool() == tool


def soon(stage: Stage) -> None:
    """A result will come in half a second."""
    stage.studio.choose(method="slow", options={"seconds": 0.5})
    stage.krita.action("scumble_paint").trigger()


def waits(stage: Stage) -> Any:
    """Whether a result is there and waits."""
    return lambda: stage.studio.queue.waits


def row(node: Any, y: int, *columns: int) -> list[list[int]]:
    pixels = bytes(node.pixelData(0, y, 400, 1))
    return [list(pixels[4 * x : 4 * x + 4]) for x in columns]


def stroke(stage: Stage) -> Scenario:
    """A result arrives in the middle of a stroke."""
    document, hand = yield from begin(stage)
    node = document.nodeByName("layer")
    soon(stage)
    report: dict[str, Any] = {}

    def between(number: int) -> Any:
        if number == 2:
            return waits(stage)
        if number == 3:
            report["during"], report["status"] = names(document), stage.panel.status.text()
            return 400
        return None

    yield from hand.stroke([(100, 150), (150, 150), (200, 150), (250, 150), (300, 150)], between)
    yield idle(stage)
    report["drawn"] = row(node, 150, 50, 110, 200, 290, 350)
    report["names"] = names(document)
    yield lambda: document.activeNode() == node
    steps = []
    for _ in range(2):
        steps.append(stage.krita.action("edit_undo").text())
        stage.krita.action("edit_undo").trigger()
        yield 300
    document.waitForDone()
    report["steps"], report["undone"] = steps, row(node, 150, 110, 200)
    stage.close(document)
    return report


def strokes(stage: Stage) -> Scenario:
    """Twelve strokes, with results that arrive whenever they do."""
    document, hand = yield from begin(stage)
    node = document.nodeByName("layer")
    whole = 0
    for number in range(12):
        y = 20 + 22 * number
        if not stage.studio.busy:
            stage.studio.choose(method="slow", options={"seconds": 0.1 + 0.05 * (number % 5)})
            stage.studio.paint(stage.studio.host.these(document, [node]))
        yield from hand.stroke([(100, y), (170, y), (240, y), (300, y)])
        yield 150
        whole += row(node, y, 60, 110, 170, 235, 295, 340) == [PLAIN, INK, INK, INK, INK, PLAIN]
    yield idle(stage)
    report = {"whole": whole, "results": len(names(document)) - 2}
    stage.close(document)
    return report


def transform(stage: Stage) -> Scenario:
    """A result arrives while the layer is being moved by the transform tool."""
    document, hand = yield from begin(stage)
    node = document.nodeByName("layer")
    soon(stage)
    yield lambda: stage.studio.queue.awaiting
    yield choose(stage, "KisToolTransform")
    yield 500
    yield from hand.stroke([(100, 100), (120, 110), (140, 120)])
    yield waits(stage)
    yield 500
    report: dict[str, Any] = {"during": names(document), "status": stage.panel.status.text()}
    stage.shoot("transform")
    yield hand.do("key", "Return")
    yield 500
    stage.shoot("transform-applied")
    document.waitForDone()
    report |= {"applied": names(document), "moved": [node.bounds().x(), node.bounds().y()]}
    yield from hand.stroke([(100, 100), (120, 110), (140, 120)])
    soon(stage)  # while the tool has the layer
    yield waits(stage)
    yield 500
    report["reading"] = stage.panel.status.text()
    yield choose(stage, BRUSH)
    yield idle(stage)
    report["names"] = names(document)
    stage.close(document)
    return report


def crop(stage: Stage) -> Scenario:
    """A result arrives while a crop is drawn that is not applied."""
    document, hand = yield from begin(stage, "KisToolCrop")
    soon(stage)
    yield from hand.stroke([(100, 100), (150, 130), (250, 180)])
    yield waits(stage)
    yield 500
    report: dict[str, Any] = {"status": stage.panel.status.text(), "size": [document.width(), document.height()]}
    yield hand.do("key", "Escape")
    yield idle(stage)
    report |= {"names": names(document), "after": [document.width(), document.height()]}
    yield choose(stage, BRUSH)
    stage.close(document)
    return report


def shape(stage: Stage) -> Scenario:
    """A result arrives between the clicks of a polyline."""
    document, hand = yield from begin(stage, "KisToolPolyline")
    node = document.nodeByName("layer")
    soon(stage)
    for point in ((100, 100), (200, 100)):
        yield hand.to(point)
        yield 60
        yield hand.do("click", 1)
        yield 60
    yield waits(stage)
    yield 500
    report: dict[str, Any] = {"status": stage.panel.status.text()}
    yield hand.to((200, 200))
    yield 60
    yield hand.do("click", 1)
    yield 60
    yield hand.do("key", "Return")
    yield idle(stage)
    yield 300
    document.waitForDone()
    report |= {"names": names(document), "drawn": [*row(node, 100, 150), *row(node, 150, 200)]}
    yield choose(stage, BRUSH)
    stage.close(document)
    return report


def text(stage: Stage) -> Scenario:
    """A result arrives while a text is written."""
    document, hand = yield from begin(stage, "SvgTextTool")
    soon(stage)
    yield from hand.stroke([(100, 100), (150, 130), (250, 180)])
    editors = lambda: [w for w in QApplication.topLevelWidgets() if _named(w, "SvgTextEditor") and w.isVisible()]  # noqa: E731
    yield editors
    yield waits(stage)
    yield 500
    report: dict[str, Any] = {"status": stage.panel.status.text(), "during": names(document)}
    editors()[0].close()
    yield idle(stage)
    report["names"] = names(document)
    yield choose(stage, BRUSH)
    stage.close(document)
    return report


def _named(widget: Any, name: str) -> bool:
    return bool(widget.metaObject().className() == name)


def topmost(stage: Stage) -> Scenario:
    """Three results of one layer, the third instead of the others; the second beside a mask that is active."""
    document, _ = yield from begin(stage)
    node = document.nodeByName("layer")
    stage.studio.choose(method="invert", options={})
    for strength in (1.0, 0.5):
        stage.studio.choose(strength=strength)
        stage.studio.paint(stage.studio.host.these(document, [node]))
        yield idle(stage)
    report: dict[str, Any] = {"names": names(document)}
    mask = document.createTransparencyMask("mask")
    node.addChildNode(mask, None)
    yield 200
    document.setActiveNode(mask)
    yield lambda: document.activeNode() == mask
    stage.panel.one_result.setChecked(True)
    stage.studio.choose(strength=0.2)
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    yield 400
    report |= {"alone": names(document), "active": document.activeNode().name()}
    stage.panel.one_result.setChecked(False)
    yield undo_once(stage, document)
    yield 300
    yield undo_once(stage, document)
    yield 300
    yield undo_once(stage, document)
    report["undone"] = names(document)
    stage.studio.choose(strength=1.0)
    stage.close(document)
    return report


def as_visible(stage: Stage) -> Scenario:
    """All that is visible is painted, by the menu, with a layer over a part of the other that is the active one."""
    document, _ = yield from begin(stage)
    node = document.nodeByName("layer")
    over = document.createNode("over", "paintlayer")
    over.setPixelData(bytes((100, 110, 120, 255)) * 200 * 300, 0, 0, 200, 300)
    document.rootNode().addChildNode(over, node)
    yield lambda: document.activeNode() == over  # Krita makes it so a moment later
    document.setActiveNode(node)
    yield lambda: document.activeNode() == node
    stage.studio.choose(method="invert", options={})
    stage.krita.action("scumble_seen").trigger()
    yield idle(stage)
    yield 400
    report: dict[str, Any] = {"names": names(document), "painted": row(document.topLevelNodes()[-1], 150, 100, 300)}
    report |= {"active": document.activeNode().name(), "by": stage.panel.gallery.by.text()}
    yield undo_once(stage, document)
    report["undone"] = names(document)
    stage.close(document)
    return report


def clicked_twice(stage: Stage) -> Scenario:
    """A double click on the button; an empty layer's message, then a stroke on it and another layer."""
    document, _ = yield from begin(stage)
    stage.studio.choose(method="slow", options={"seconds": 1.0})
    stage.panel.button.click()
    stage.panel.button.click()
    yield idle(stage)
    report: dict[str, Any] = {"names": names(document)}
    stage.studio.choose(method="invert", options={})
    empty = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    yield lambda: document.activeNode() == empty
    yield lambda: [layer.name for layer in stage.studio.host.layers()] == ["empty"]
    stage.panel.button.click()
    yield lambda: "is empty" in stage.panel.status.text()
    document.setActiveNode(document.nodeByName("layer"))
    yield lambda: "is empty" not in stage.panel.status.text()
    report["status"] = stage.panel.status.text()
    stage.close(document)
    return report
