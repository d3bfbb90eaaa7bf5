# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about candidates on the canvas, and about pictures that get better while one looks."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from lives import steps
from scumble.scumble_client.desk.settings import Settings
from strokes import begin, row
from window import idle, names


def trying(stage: Stage) -> Scenario:
    """Two candidates, the original held, the first again, applied; then a contact sheet, discarded."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, _ = yield from begin(stage)
    node = document.nodeByName("layer")
    before = steps(stage)
    stage.panel.attempt.click()
    yield lambda: stage.studio.trying.current is not None
    tried = document.topLevelNodes()[-1]
    found: dict[str, Any] = {
        "names": names(document),
        "locked": tried.locked(),
        "first": row(tried, 150, 50),
        "strip": stage.panel.strip.isVisible(),
        "pressed": stage.panel.attempt.isChecked(),
    }
    stage.studio.take_up(Settings(style="test-style", method="average"))
    yield lambda: len(stage.studio.trying.candidates) == 2
    yield lambda: row(tried, 150, 50) != found["first"]
    found |= {"second": row(tried, 150, 50), "items": stage.panel.strip.list.count()}
    stage.panel.strip.hold.pressed.emit()
    yield lambda: not tried.visible()
    document.waitForDone()
    found["original"] = list(bytes(document.pixelData(50, 150, 1, 1)))
    stage.panel.strip.hold.released.emit()
    yield tried.visible
    stage.panel.strip.previous.click()
    yield lambda: row(tried, 150, 50) == found["first"]
    yield 300
    found["active"] = document.activeNode().name()
    stage.shoot("trying")
    stage.panel.strip.apply.click()
    yield lambda: not stage.studio.trying.active
    yield idle(stage)
    yield 300
    found |= {"applied": names(document), "painted": row(document.topLevelNodes()[-1], 150, 50), "steps": steps(stage) - before}
    found["layer"] = row(node, 150, 50)
    stage.close(document)
    return found


def sheet(stage: Stage) -> Scenario:
    """Every style in small; one of them shown; all discarded."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, _ = yield from begin(stage)
    stage.studio.canvas.try_all()
    yield lambda: stage.studio.trying.candidates and not stage.studio.trying.left
    found: dict[str, Any] = {"count": stage.panel.strip.list.count(), "styles": len(stage.studio.catalogue.styles)}
    stage.shoot("sheet")
    last = stage.panel.strip.list.item(stage.panel.strip.list.count() - 1)
    stage.panel.strip.list.itemClicked.emit(last)
    yield lambda: names(document)[-1].startswith(last.text())
    found["chosen"] = stage.studio.settings.style
    stage.panel.strip.discard.click()
    yield lambda: not stage.studio.trying.active
    yield 300
    found |= {"names": names(document), "strip": stage.panel.strip.isVisible()}
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return found


def better(stage: Stage) -> Scenario:
    """Best, with what comes on the way in the docker, ended by Keep."""
    stage.studio.take_up(Settings(style="test-style", method="invert", quality="best"))
    document, _ = yield from begin(stage)
    found: dict[str, Any] = {
        "offered": [stage.panel.controls.quality.itemText(n) for n in range(stage.panel.controls.quality.count())],
        "chosen": stage.panel.controls.quality.currentText(),
    }
    seen: list[int] = []
    stage.panel.button.click()

    def improved() -> bool:
        picture = stage.studio.previewing.picture
        if stage.studio.busy and picture is not None and (not seen or seen[-1] != picture.data[0]):
            seen.append(picture.data[0])
        return len(seen) > 3 and stage.panel.keep.isVisible()

    yield improved
    found["status"] = stage.panel.status.text()
    stage.shoot("better")
    stage.panel.keep.click()
    yield idle(stage)
    found |= {"seen": seen, "names": names(document), "kept": row(document.topLevelNodes()[-1], 150, 50)[0]}
    stage.studio.choose(quality="")
    stage.close(document)
    return found
