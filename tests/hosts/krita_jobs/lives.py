# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about live painting: strokes, undo, styles, selections, and how it ends."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from driver import Scenario, Stage
from PyQt5.QtWidgets import QAbstractItemView
from scumble.scumble_client.desk.settings import Settings
from strokes import BRUSH, PLAIN, begin, choose, row
from window import names

NAME = "Test style, live"
ANOTHER_PROGRAM = """
from PyQt5.QtWidgets import QApplication, QLabel
program = QApplication([])
window = QLabel("Another program")
window.resize(300, 200)
window.show()
program.exec()
"""
INVERTED, INVERTED_INK = [245, 235, 225, 255], [255, 255, 255, 255]


def started(stage: Stage, source: str = "", size: tuple[int, int] = (400, 300)) -> Any:
    """A document that is painted live; `yield from` gives it, a hand, its layer and the live one."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, hand = yield from begin(stage, size=size)
    stage.studio.canvas.start_live(source)
    yield lambda: stage.studio.live.active
    yield lambda: stage.studio.live.passes > 0 and not stage.studio.live.awaiting
    return document, hand, document.nodeByName("layer"), document.nodeByName(NAME)


def follows(stage: Stage, passes: int) -> Any:
    """Whether a pass has come since."""
    return lambda: stage.studio.live.passes > passes and not stage.studio.live.awaiting


def steps(stage: Stage) -> int:
    """Steps in the History docker, the document's beginning among them."""
    history = next(d for d in stage.krita.activeWindow().dockers() if d.objectName() == "History")
    return int(history.findChildren(QAbstractItemView)[0].model().rowCount())


def painting(stage: Stage) -> Scenario:
    """A stroke, undo, another strength, a selection."""
    document, hand, node, live = yield from started(stage)
    yield lambda: document.activeNode() == node
    report: dict[str, Any] = {
        "names": names(document),
        "locked": live.locked(),
        "status": stage.panel.status.text(),
        "pressed": stage.panel.live.isChecked(),
        "begun": row(live, 150, 50, 200),
    }
    before = steps(stage)
    passes = stage.studio.live.passes
    yield hand.quick([(100, 150), (200, 150), (300, 150)])
    yield follows(stage, passes)
    yield lambda: row(live, 150, 200) == [INVERTED_INK]
    report["stroke"] = row(live, 150, 50, 200)
    report["drawn"] = row(node, 150, 50, 200)
    yield 300
    document.waitForDone()
    report["shown"] = list(bytes(document.pixelData(200, 150, 1, 1)))
    report["steps"] = [steps(stage) - before, stage.krita.action("edit_undo").text()]
    stage.shoot("live")
    stage.krita.action("edit_undo").trigger()
    yield lambda: row(live, 150, 200) == [INVERTED]
    report["undone"] = row(live, 150, 50, 200)
    stage.studio.choose(strength=0.5)
    yield lambda: row(live, 150, 200) != [INVERTED]
    report["half"] = row(live, 150, 200)
    stage.studio.choose(strength=1.0)
    yield lambda: row(live, 150, 200) == [INVERTED]
    yield from hand.stroke([(100, 60), (150, 60), (200, 60)], lambda n: stage.studio.live.touch())  # a pass comes due during it
    report["during"] = row(node, 60, 60, 110, 150, 195)
    stage.studio.canvas.stop_live()
    report |= {"kept": names(document), "unlocked": not live.locked(), "left": steps(stage) - before}
    stage.close(document)
    return report


def rested(stage: Stage) -> Scenario:
    """A stroke on a picture that is larger than any quick pass, and a rest."""
    document, hand, _, _ = yield from started(stage, size=(1600, 1200))
    sides: list[int] = []
    submit = stage.studio.session.submit
    full = lambda: bool(sides) and sides[-1] == 1600 and not stage.studio.live.awaiting  # noqa: E731
    stage.studio.session.submit = lambda request: sides.append(request.raster.width) or submit(request)
    yield full
    sides.clear()
    yield hand.quick([(700, 600), (800, 600), (900, 600)])
    yield full
    del stage.studio.session.submit
    stage.studio.canvas.stop_live()
    stage.close(document)
    return {"sides": sides}


def following(stage: Stage) -> Scenario:
    """A stroke, redo, another style; then the transform tool."""
    document, hand, node, live = yield from started(stage)
    yield lambda: document.activeNode() == node
    passes = stage.studio.live.passes
    yield hand.quick([(100, 150), (200, 150), (300, 150)])
    yield follows(stage, passes)
    report: dict[str, Any] = {}
    for action, wanted in (("edit_undo", INVERTED), ("edit_redo", INVERTED_INK)):
        stage.krita.action(action).trigger()
        yield lambda wanted=wanted: row(live, 150, 200) == [wanted]
    passes = stage.studio.live.passes
    stage.studio.choose(style="starry-night")
    yield follows(stage, passes)
    report["named"] = live.name()
    stage.studio.choose(style="test-style")
    yield lambda: live.name() == NAME and not stage.studio.live.awaiting
    yield 1500  # every pixel is painted, too

    yield choose(stage, "KisToolTransform")
    yield 500
    yield from hand.stroke([(100, 100), (120, 110), (140, 120)])
    passes = stage.studio.live.passes
    stage.studio.live.touch()
    yield 3000
    report["held"] = [stage.studio.live.passes - passes, *row(live, 150, 30)]
    yield hand.do("key", "Return")
    yield lambda: row(live, 150, 30) != [INVERTED]  # the layer has been moved from there
    report["moved"] = [node.bounds().x() > 20, stage.studio.live.passes > passes]
    yield choose(stage, BRUSH)
    stage.studio.canvas.stop_live()
    stage.close(document)
    return report


def unfocused(stage: Stage) -> Scenario:
    """The window of another program has the focus. To be played last: on a busy machine it does not always come back."""
    document, _, _, _ = yield from started(stage)
    with subprocess.Popen(["python3", "-c", ANOTHER_PROGRAM]) as another:
        yield lambda: stage.panel.status.text().startswith("Live waits")
        status = stage.panel.status.text()
        another.kill()
    stage.studio.canvas.stop_live()
    stage.close(document)
    return {"status": status}


def preview(stage: Stage) -> Scenario:
    """The docker's preview, without live painting, while one draws and takes that back."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, hand = yield from begin(stage)
    previewing = stage.studio.previewing
    previewing.enabled = True
    colours = lambda: [bytes(previewing.picture.rows(150, 1))[800:804]] if previewing.picture else []  # noqa: E731
    yield lambda: colours() == [bytes(INVERTED)]
    yield hand.quick([(100, 150), (200, 150), (300, 150)])
    yield lambda: colours() == [bytes(INVERTED_INK)]
    stage.krita.action("edit_undo").trigger()
    yield lambda: colours() == [bytes(INVERTED)]
    size = [previewing.picture.width, previewing.picture.height]
    previewing.enabled = False
    stage.close(document)
    return {"size": size}


def closed_at_once(stage: Stage) -> Scenario:
    """The document is closed in the turn in which live painting ends, and in that of a pass over all that is visible."""
    rounds = 0
    for source in ("", "visible", "", "visible"):
        document, _, _, live = yield from started(stage, source)
        if source:
            shot = stage.studio.live.layer.read(384, stage.studio.settings)
            assert shot.raster.width == 384
        else:
            stage.studio.canvas.stop_live()
        assert names(document)[-1] == live.name()
        stage.close(document)
        yield 500
        yield lambda: not stage.studio.live.active
        rounds += 1
    return {"rounds": rounds}


def selected(stage: Stage) -> Scenario:
    """Only what is selected is painted."""
    document, _, _, live = yield from started(stage)
    from krita import Selection

    selection = Selection()
    selection.select(100, 100, 100, 100, 255)
    document.setSelection(selection)
    yield lambda: row(live, 150, 50, 150) == [[0, 0, 0, 0], INVERTED]
    report: dict[str, Any] = {"limited": row(live, 150, 50, 150, 250)}
    stage.krita.action("deselect").trigger()
    yield lambda: row(live, 150, 50) == [INVERTED]
    live.remove()
    yield lambda: not stage.studio.live.active
    report |= {"deleted": names(document), "status": stage.panel.status.text(), "pressed": stage.panel.live.isChecked()}
    stage.close(document)
    return report


def visible(stage: Stage) -> Scenario:
    """All that is visible, without the live layer itself; then the document is closed."""
    document, _, node, live = yield from started(stage, "visible")
    report: dict[str, Any] = {"begun": row(live, 150, 200)}
    above = document.createNode("above", "paintlayer")
    above.setPixelData(bytes((100, 110, 120, 255)) * 200 * 300, 0, 0, 200, 300)
    document.rootNode().addChildNode(above, node)
    yield lambda: row(live, 150, 100) == [[155, 145, 135, 255]]
    report["composed"] = row(live, 150, 100, 300)
    yield 500
    report["visible"] = live.visible()
    stage.close(document)
    yield lambda: not stage.studio.live.active
    report["status"] = stage.panel.status.text()
    return report


def paused(stage: Stage) -> Scenario:
    """A layer of the painter's choice is painted, not the active one, and that waits while it makes no sense."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document, _ = yield from begin(stage)
    sky = document.createNode("sky", "paintlayer")
    sky.setPixelData(bytes((100, 110, 120, 255)) * 400 * 300, 0, 0, 400, 300)
    document.rootNode().addChildNode(sky, document.topLevelNodes()[0])
    yield 500  # Krita makes the new layer the active one
    document.setActiveNode(document.nodeByName("layer"))
    yield lambda: document.activeNode().name() == "layer"
    yield lambda: "sky" in [name for _, name in stage.studio.host.places()]
    place = next(place for place, name in stage.studio.host.places() if name == "sky")
    stage.studio.canvas.start_live(place)
    yield lambda: stage.studio.live.passes > 0 and not stage.studio.live.awaiting
    live = document.nodeByName(NAME)
    facts: dict[str, Any] = {"chosen": row(live, 150, 200), "active": document.activeNode().name()}
    other = stage.document(100, 80)
    yield lambda: stage.panel.status.text().startswith("Live waits")
    facts["another"] = stage.panel.status.text()
    stage.close(other)
    yield lambda: not stage.panel.status.text().startswith("Live waits")
    live.setVisible(False)
    yield lambda: stage.panel.status.text().startswith("Live waits")
    facts["hidden"] = stage.panel.status.text()
    live.setVisible(True)
    yield lambda: not stage.panel.status.text().startswith("Live waits")
    stage.studio.canvas.stop_live()
    stage.close(document)
    huge = stage.document(4000, 3000)
    yield stage.shown(huge)
    stage.studio.canvas.start_live()
    yield lambda: stage.panel.status.text().startswith("The picture is too large")
    facts["huge"] = stage.panel.status.text()
    stage.studio.canvas.stop_live()
    stage.close(huge)
    return facts


def hundred(stage: Stage) -> Scenario:
    """A hundred strokes while it is painted live, now faster and now slower than the passes."""
    document, hand, node, _ = yield from started(stage)
    stage.krita.activeWindow().activeView().setBrushSize(3)
    whole, before = 0, steps(stage)
    memory, grown = 0, []
    passes = stage.studio.live.passes
    for number in range(100):
        x, y = 40 + 180 * (number % 2), 15 + round(5.4 * (number // 2))
        columns = (x + 4, x + 50, x + 95, x + 136)
        fresh = row(node, y, *columns) == [PLAIN] * 4
        yield hand.quick([(x, y), (x + 50, y), (x + 95, y), (x + 140, y)])
        yield 20 * (number % 7)
        yield lambda: not stage.studio.host._hand.in_the_way(document)
        whole += fresh and PLAIN not in row(node, y, *columns)
        if number == 9:
            memory = resident()
        elif number > 9:
            grown.append((resident() - memory) >> 20)
    passes = stage.studio.live.passes - passes
    report = {"whole": whole, "steps": steps(stage) - before, "passes": passes, "grown": grown[-1]}
    stage.studio.canvas.stop_live()
    stage.close(document)
    return report


def resident() -> int:
    """Bytes of memory that this Krita has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
