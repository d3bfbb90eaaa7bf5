# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about candidates on the canvas, and about pictures that get better while one looks."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from krita import Selection
from lives import steps
from scumble.scumble_client.desk.settings import Settings
from strokes import BRUSH, begin, choose, row
from window import idle, names

SLOWLY = Settings(style="test-style", method="darkening", quality="best", options={"pause": 1.0})
"""Twenty seconds and more, and black in the end."""
GROWN = "Test style 100 %, best, unfinished"


def trying(stage: Stage) -> Scenario:
    """Two candidates, the original held, the first again, applied; then a contact sheet, discarded."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, _ = yield from begin(stage)
    node = document.nodeByName("layer")
    before = steps(stage)
    stage.panel.attempt.click()
    yield lambda: stage.studio.trying.current is not None
    tried = document.topLevelNodes()[-1]
    report: dict[str, Any] = {
        "names": names(document),
        "locked": tried.locked(),
        "first": row(tried, 150, 50),
        "strip": stage.panel.strip.isVisible(),
        "pressed": stage.panel.attempt.isChecked(),
    }
    stage.studio.take_up(Settings(style="test-style", method="average"))
    yield lambda: len(stage.studio.trying.candidates) == 2
    yield lambda: row(tried, 150, 50) != report["first"]
    report |= {"second": row(tried, 150, 50), "items": stage.panel.strip.list.count()}
    stage.panel.strip.hold.pressed.emit()
    yield lambda: not tried.visible()
    document.waitForDone()
    report["original"] = list(bytes(document.pixelData(50, 150, 1, 1)))
    stage.panel.strip.hold.released.emit()
    yield tried.visible
    stage.panel.strip.previous.click()
    yield lambda: row(tried, 150, 50) == report["first"]
    yield 300
    report["active"] = document.activeNode().name()
    stage.shoot("trying")
    stage.panel.strip.apply.click()
    yield lambda: not stage.studio.trying.active and not stage.studio.trying.leaving
    yield idle(stage)
    yield 300
    report |= {
        "applied": names(document),
        "painted": row(document.topLevelNodes()[-1], 150, 50),
        "steps": steps(stage) - before,
    }
    report["layer"] = row(node, 150, 50)
    stage.close(document)
    return report


def discarded(stage: Stage) -> Scenario:
    """A try is discarded while the transform tool has the layer below."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, hand = yield from begin(stage)
    node = document.nodeByName("layer")
    stage.panel.attempt.click()
    yield lambda: stage.studio.trying.current is not None and document.activeNode() == node
    yield choose(stage, "KisToolTransform")
    yield 500
    yield from hand.stroke([(100, 100), (120, 110), (140, 120)])
    yield 500
    stage.panel.strip.discard.click()
    yield 1500
    report: dict[str, Any] = {"during": names(document), "status": stage.panel.status.text()}
    stage.shoot("discarded")
    yield from hand.stroke([(120, 110), (140, 120), (160, 130)])  # and on
    yield hand.do("key", "Return")
    yield lambda: len(names(document)) == 2
    document.waitForDone()
    report |= {"names": names(document), "moved": [node.bounds().x(), node.bounds().y()]}
    yield choose(stage, BRUSH)
    stage.close(document)
    return report


def sheet(stage: Stage) -> Scenario:
    """Every style at a small size; one of them shown; all discarded."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, _ = yield from begin(stage)
    stage.studio.canvas.try_all()
    yield lambda: stage.studio.trying.candidates and not stage.studio.trying.left
    report: dict[str, Any] = {"count": stage.panel.strip.list.count(), "styles": len(stage.studio.catalogue.styles)}
    stage.shoot("sheet")
    last = stage.panel.strip.list.item(stage.panel.strip.list.count() - 1)
    stage.panel.strip.list.itemClicked.emit(last)
    yield lambda: names(document)[-1].startswith(last.text())
    report["chosen"] = stage.studio.settings.style
    stage.panel.strip.discard.click()
    yield lambda: not stage.studio.trying.active and not stage.studio.trying.leaving
    yield 300
    report |= {"names": names(document), "strip": stage.panel.strip.isVisible()}
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return report


def better(stage: Stage) -> Scenario:
    """Best, with what comes on the way in the docker, ended by Keep."""
    stage.studio.take_up(Settings(style="test-style", method="invert", quality="best"))
    document, _ = yield from begin(stage)
    report: dict[str, Any] = {
        "offered": [stage.panel.controls.quality.itemText(n) for n in range(stage.panel.controls.quality.count())],
        "chosen": stage.panel.controls.quality.currentText(),
    }
    levels: list[int] = []
    stage.panel.button.click()

    def improved() -> bool:
        picture = stage.studio.previewing.picture
        if stage.studio.busy and picture is not None:
            x, y = 150 * picture.width // document.width(), 50 * picture.height // document.height()
            value = picture.data[4 * (y * picture.width + x)]  # where the layer is read below
            if not levels or levels[-1] != value:
                levels.append(value)
        return len(levels) > 3 and stage.panel.keep.isVisible()

    yield improved
    report["status"] = stage.panel.status.text()
    stage.shoot("better")
    stage.panel.keep.click()

    def ended() -> bool:
        improved()
        return not stage.studio.busy

    yield ended
    yield idle(stage)
    report |= {"levels": levels, "names": names(document), "kept": row(document.topLevelNodes()[-1], 150, 50)[0]}
    stage.studio.choose(quality="")
    stage.close(document)
    return report


def growing(stage: Stage) -> Scenario:
    """Best on a layer of which half is selected: it gets better on the canvas, but not during a stroke, until it is kept."""
    stage.studio.take_up(SLOWLY)
    document, hand = yield from begin(stage)
    node = document.nodeByName("layer")
    selection = Selection()
    selection.select(0, 0, 200, 300, 255)
    document.setSelection(selection)
    yield 300
    stage.panel.button.click()
    yield lambda: document.nodeByName(GROWN)
    grown = document.nodeByName(GROWN)
    yield lambda: document.activeNode() == node
    report: dict[str, Any] = {"begun": _layers(document), "locked": grown.locked(), "first": row(grown, 150, 50)[0][0]}
    held: list[int] = []

    def between(number: int) -> Any:
        held.append(row(grown, 150, 50)[0][0])
        return 1500 if number == 2 else None

    yield from hand.stroke([(60, 250), (100, 250), (140, 250), (160, 250)], between)
    yield lambda: row(grown, 150, 50)[0][0] < held[-1]
    document.waitForDone()
    report |= {"held": held, "drawn": row(node, 250, 100)}
    report |= {"selected": _visible(document, 100), "beside": _visible(document, 300)}
    yield lambda: stage.panel.status.text().endswith(" left")
    report["status"] = stage.panel.status.text()
    stage.shoot("growing")
    shown = row(grown, 150, 50)[0][0]
    stage.panel.keep.click()
    yield idle(stage)
    yield 300
    kept = row(grown, 150, 50)[0][0]
    report |= {"names": _layers(document), "kept": [shown, kept], "open": not grown.locked(), "steps": []}
    for action, wanted in (("edit_undo", 3), ("edit_undo", 2), ("edit_redo", 3)):  # the stroke is the last step
        report["steps"].append(stage.krita.action(action).text())
        stage.krita.action(action).trigger()
        yield lambda wanted=wanted: len(_layers(document)) == wanted
        yield 300
    document.waitForDone()
    report["redone"] = row(document.nodeByName(report["names"][-1]), 150, 50)[0][0]
    stage.studio.choose(quality="")
    stage.close(document)
    return report


def given_up(stage: Stage) -> Scenario:
    """The same, cancelled after some pictures."""
    stage.studio.take_up(SLOWLY)
    document, _ = yield from begin(stage)
    document.nodeByName("layer").setPixelData(bytes(4 * 20 * 20), 0, 280, 20, 20)
    document.refreshProjection()
    document.waitForDone()
    before = _visible(document, 100)
    stage.panel.button.click()
    yield lambda: len(names(document)) == 3
    grown = document.topLevelNodes()[-1]
    first = row(grown, 150, 50)[0][0]
    yield lambda: row(grown, 150, 50)[0][0] < first
    document.waitForDone()
    report: dict[str, Any] = {"changed": _visible(document, 100) != before, "through": row(grown, 285, 5)[0][3]}
    stage.panel.button.click()
    yield lambda: len(names(document)) == 2
    yield idle(stage)
    document.waitForDone()
    report |= {"names": names(document), "as_before": _visible(document, 100) == before}
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return report


def saved(stage: Stage) -> Scenario:
    """Saved while it gets better, and after it was kept; both are opened again."""
    stage.studio.take_up(SLOWLY)
    document, _ = yield from begin(stage)
    stage.panel.button.click()
    yield lambda: document.nodeByName(GROWN)
    unfinished, kept = stage.shots / "unfinished.kra", stage.shots / "kept.kra"
    document.saveAs(str(unfinished))
    yield lambda: stage.panel.keep.isVisible()
    stage.krita.activeWindow().addView(document)  # a second view of what gets better leaves it alone
    yield 1000
    report: dict[str, Any] = {"still": names(document), "locked": document.nodeByName(GROWN).locked()}
    stage.panel.keep.click()
    yield idle(stage)
    document.topLevelNodes()[-1].setLocked(True)  # by the painter
    yield 300
    document.saveAs(str(kept))
    stage.close(document)
    yield 500
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    for path in (unfinished, kept):
        again = stage.krita.openDocument(str(path))
        stage.krita.activeWindow().addView(again)
        yield lambda again=again: [layer.document == again for layer in stage.studio.host.layers()] == [True]
        yield 1500
        top = again.topLevelNodes()[-1]
        report[path.name] = [*names(again)[1:], "locked" if top.locked() else "open"]
        stage.close(again)
        yield 500
    return report


def _layers(document: Any) -> list[str]:
    """Without the selection, which is among Krita's top nodes."""
    return [name for name in names(document) if name != "Selection Mask"]


def _visible(document: Any, x: int) -> list[int]:
    """A pixel of the picture as it is shown."""
    return list(bytes(document.pixelData(x, 150, 1, 1)))
