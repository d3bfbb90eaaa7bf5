# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita: the docker, the actions, undo, cancel, the queue."""

from __future__ import annotations

import os
import time
from typing import Any

from driver import Scenario, Stage
from PyQt5.QtWidgets import QApplication
from scumble.scumble_client.desk.settings import Settings
from scumble.scumble_client.events import Request
from scumble.scumble_client.raster import Raster
from scumble.scumble_client.session import Session


def names(document: Any) -> list[str]:
    return [node.name() for node in document.topLevelNodes()]


def idle(stage: Stage) -> Any:
    """Whether nothing is painted any more, and the docker shows it."""
    return lambda: not stage.studio.busy and stage.panel.button.text() == "Scumble"


def undo_once(stage: Stage, document: Any) -> Any:
    """Undo; whether that has changed the layers. While Krita is busy with the document, it undoes nothing."""
    document.waitForDone()
    before = names(document)
    stage.krita.action("edit_undo").trigger()
    return lambda: names(document) != before


def key_frame(stage: Stage, document: Any, node: Any, time: int) -> Any:
    """Make a key frame of a layer at `time`, and show it; to be used by `yield from`."""
    document.setActiveNode(node)
    document.setCurrentTime(time)
    document.waitForDone()
    yield 150

    def framed() -> bool:
        if not node.hasKeyframeAtTime(time):
            stage.krita.action("add_blank_frame").trigger()
        return node.hasKeyframeAtTime(time)

    yield framed
    document.waitForDone()
    yield 150


def trained_engine(stage: Stage) -> Any:
    """From here on the engine that SCUMBLE_TEST_ENGINE starts, with no styles but the shipped ones; `yield from` it."""
    if os.environ.get("SCUMBLE_ENGINE") != os.environ["SCUMBLE_TEST_ENGINE"]:
        stage.studio.stop_engine()
        yield lambda: stage.studio.session.welcome is None
        os.environ["SCUMBLE_ENGINE"] = os.environ["SCUMBLE_TEST_ENGINE"]
        os.environ["SCUMBLE_DATA_DIR"] = str(stage.shots.parent / "nobody")


def photo(stage: Stage) -> Any:
    """The photograph at SCUMBLE_TEST_PHOTO, in a view; `yield from` gives the document."""
    document = stage.krita.openDocument(os.environ["SCUMBLE_TEST_PHOTO"])
    stage.krita.activeWindow().addView(document)
    document.setBatchmode(True)
    yield lambda: stage.studio.host.layers()
    stage.tidy()
    return document


def docker(stage: Stage) -> Scenario:
    """With an engine that sleeps until the docker is shown."""
    document = stage.document(400, 300)
    yield stage.shown(document)
    yield 600
    asleep = stage.panel.status.text()
    running = stage.studio.session.welcome is not None
    remembered = stage.studio.catalogue is not None
    stage.tidy()
    listed = stage.panel.gallery.list.count()
    lines = set()

    def ready() -> bool:
        lines.add(stage.panel.status.text())
        return stage.studio.offer.listed and stage.panel.gallery.list.count() > 0

    yield ready
    chosen = stage.studio.settings.style
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    yield lambda: stage.studio.previewing.picture is not None and not stage.studio.previewing.active
    yield 300
    stage.shoot("docker")
    pixel = bytes(stage.studio.previewing.picture.data[:4])
    stage.panel.gallery.filter.setText("test")
    filtered = stage.panel.gallery.list.count()
    stage.panel.gallery.filter.setText("")
    stage.close(document)
    return {
        "asleep": asleep,
        "running": running,
        "before": [remembered, listed],
        "starting": sorted(lines),
        "ready": stage.panel.status.text(),
        "styles": stage.panel.gallery.list.count(),
        "filtered": filtered,
        "chosen": chosen,
        "preview": list(pixel),
        "button": stage.panel.button.text(),
    }


def previews(stage: Stage) -> Scenario:
    """Many choices in a hurry: a strength that mixes pixels makes no job; of others the newest wins, and few jobs are made."""
    document = stage.document(400, 300)
    yield stage.shown(document)
    yield 500
    model = stage.studio.previewing  # a document that is opened counts as drawn on: it is painted again when the hand rests
    yield lambda: model._shown and not model._touched and not model.active
    jobs = []
    submit = stage.studio.session.submit
    stage.studio.session.submit = lambda request: jobs.append(request.options.get("brush_size")) or submit(request)
    for value in range(0, 101, 4):
        stage.panel.controls.strength.slider.setValue(value)
        yield 10
    stage.panel.controls.strength.slider.setValue(50)
    yield lambda: model.share == 0.5
    yield 500
    preview = stage.panel.preview
    report = {"mixed": [*jobs], "pixel": list(preview.grab().toImage().pixelColor(preview.rect().center()).getRgb())}
    stage.panel.controls.strength.slider.setValue(100)
    for number in range(26):
        stage.studio.choose(options={"brush_size": 1.1 + number / 10})
        yield 10
    yield lambda: not model.active and jobs and jobs[-1] == 3.6
    del stage.studio.session.submit
    stage.studio.choose(options={})
    stage.close(document)
    return {**report, "jobs": jobs}


def undo(stage: Stage) -> Scenario:
    """Filter > Artistic > Scumble: one step, undone and redone; Scumble Again; the source stays active."""
    document = stage.document(300, 200)
    yield stage.shown(document)
    source = document.nodeByName("layer")
    menus = _menus(stage)
    stage.studio.choose(method="invert", strength=1.0, options={})
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    yield 500  # Krita makes the new layer the active one; that is taken back
    yield lambda: document.activeNode().name() == "layer"
    painted, active = names(document), document.activeNode().name()
    pixel = list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1)))
    step = stage.krita.action("edit_undo").text()
    yield undo_once(stage, document)
    undone = names(document)
    stage.krita.action("edit_redo").trigger()
    yield lambda: names(document) == painted
    redone = list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1)))
    document.setActiveNode(source)
    yield lambda: [layer.name for layer in stage.studio.host.layers()] == ["layer"]
    stage.studio.choose(strength=0.5)
    stage.krita.action("scumble_again").trigger()
    yield idle(stage)
    again = names(document)
    stage.studio.choose(strength=1.0)
    stage.close(document)
    return {
        "menus": menus,
        "painted": painted,
        "active": active,
        "pixel": pixel,
        "step": step,
        "undone": undone,
        "redone": redone,
        "again": again,
    }


def dockerless(stage: Stage) -> Scenario:
    """The same with the docker closed; the actions' shortcuts."""
    document = stage.document(300, 200)
    yield stage.shown(document)
    stage.docker.setVisible(False)
    yield lambda: not stage.panel.isVisible()
    stage.krita.action("scumble_paint").trigger()
    yield lambda: not stage.studio.busy
    painted = names(document)
    shortcuts = [stage.krita.action(name).shortcut().toString() for name in ("scumble_paint", "scumble_again")]
    stage.tidy()
    stage.close(document)
    return {"painted": painted, "shortcuts": shortcuts}


def controls(stage: Stage) -> Scenario:
    """Brush size, keep colours and method by their widgets, the same again from the history, and the report."""
    document = stage.document(300, 200)
    yield stage.shown(document)
    form = stage.panel.controls
    wanted: list[Any] = []
    submit = stage.studio.session.submit
    stage.studio.session.submit = lambda request: wanted.append(request) or submit(request)
    form.strength.slider.setValue(60)
    field(form, "Brush size").setValue(2.0)
    keep = field(form, "Keep colours")
    for box, data in ((keep, "luminance"), (form.method, "average")):
        box.setCurrentIndex(box.findData(data))
        box.activated.emit(box.currentIndex())
    chosen = stage.studio.settings
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    painted = [request for request in wanted if not request.previews][-1]
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.panel.tabs.setCurrentWidget(stage.panel.history)
    stage.panel.history.list.setCurrentRow(0)
    pictured = not stage.panel.history.list.item(0).icon().isNull()
    button = stage.panel.history.again.text()
    stage.panel.history.again.click()
    yield idle(stage)
    again = [request for request in wanted if not request.previews][-1]
    del stage.studio.session.submit
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    stage.panel.copy_report()
    report = {
        "chosen": [chosen.method, dict(chosen.options)],
        "painted": [painted.method, painted.strength, dict(painted.options)],
        "again": [again.method, again.strength, dict(again.options)],
        "button": button,
        "pictured": pictured,
        "names": names(document),
        "report": QApplication.clipboard().text(),
    }
    stage.close(document)
    return report


def masked(stage: Stage) -> Scenario:
    """With a selection, result and mask are one step."""
    document = stage.document(200, 200)
    yield stage.shown(document)

    def selected() -> bool:
        if document.selection() is None:
            stage.krita.action("select_all").trigger()
        return document.selection() is not None and document.selection().width() == 200

    yield selected
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    painted = names(document)
    masks = [child.type() for child in document.nodeByName("Test style 100 %").childNodes()]
    yield undo_once(stage, document)
    undone = names(document)
    stage.close(document)
    return {"painted": painted, "masks": masks, "undone": undone}


def linear(stage: Stage) -> Scenario:
    """A document whose colours are converted, for the preview and for the picture: no steps but the one."""
    document = stage.document(200, 150, depth="U16")
    yield stage.shown(document)
    yield lambda: stage.studio.previewing.active
    yield lambda: not stage.studio.previewing.active
    before = stage.krita.action("edit_undo").text()
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    painted = names(document)
    yield undo_once(stage, document)
    undone, after = names(document), stage.krita.action("edit_undo").text()
    yield undo_once(stage, document)
    emptied = names(document)
    profile = document.colorProfile()
    stage.close(document)
    return {"profile": profile, "steps": [before, after], "painted": painted, "undone": undone, "emptied": emptied}


def several(stage: Stage) -> Scenario:
    """All layers selected, painted in one go."""
    document = stage.document(200, 150)
    yield stage.shown(document)
    other = document.createNode("other", "paintlayer")
    other.setPixelData(bytes((1, 2, 3, 255)) * 200 * 150, 0, 0, 200, 150)
    document.rootNode().addChildNode(other, None)

    def all_selected() -> bool:
        """The layers' docker may not know the new one yet."""
        stage.krita.action("select_all_layers").trigger()
        return len(stage.studio.host.layers()) == 3

    yield 200
    yield all_selected
    selected = [layer.name for layer in stage.studio.host.layers()]
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    painted = names(document)
    stage.close(document)
    return {"selected": sorted(selected), "painted": painted}


def cancel(stage: Stage) -> Scenario:
    """The button becomes Cancel with the percentage, and does."""
    document = stage.document(300, 200)
    yield stage.shown(document)
    before = names(document)
    stage.studio.choose(method="slow", options={"seconds": 30.0})
    stage.panel.button.click()
    yield lambda: stage.studio.fraction > 0.01
    yield 600  # a second click sooner is a double click
    button, status = stage.panel.button.text(), stage.panel.status.text()
    stage.shoot("busy")
    began = time.monotonic()
    stage.panel.button.click()
    yield idle(stage)
    took = time.monotonic() - began
    after = names(document)
    stage.studio.choose(method="invert", options={})
    text = stage.panel.button.text()
    stage.close(document)
    return {"button": button, "status": status, "took": took, "before": before, "after": after, "text": text}


def queued(stage: Stage) -> Scenario:
    """Another program's picture is painted first."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    yield lambda: not stage.studio.previewing.active
    other = Session(client="another/1.0", host="Another")
    job = other.submit(Request(Raster(2, 2, "u8", "rgba", bytes(16)), (("test-style", 1.0),), "slow", 1.0, {"seconds": 60.0}))
    events: list[Any] = []
    yield lambda: events.extend(other.pump()) or any(getattr(event, "state", "") == "running" for event in events)
    stage.krita.action("scumble_paint").trigger()
    yield lambda: other.pump() is not None and "before yours" in stage.panel.status.text()
    status = stage.panel.status.text()
    other.cancel(job)
    yield lambda: other.pump() is not None and idle(stage)()
    other.close()
    layers = names(document)
    stage.close(document)
    return {"status": status, "names": layers}


def field(form: Any, label: str) -> Any:
    """The widget beside a label."""
    rows = form.layout()
    texts = [rows.labelForField(rows.itemAt(row, rows.FieldRole).widget()).text() for row in range(rows.rowCount())]
    return rows.itemAt(texts.index(label), rows.FieldRole).widget()


def _menus(stage: Stage) -> list[str]:
    """The paths of Scumble's menu entries."""
    paths: list[str] = []

    def walk(menu: Any, path: list[str]) -> None:
        for action in menu.actions():
            text = action.text().replace("&", "")
            if action.menu() is not None:
                walk(action.menu(), [*path, text])
            elif text.startswith("Scumble"):
                paths.append(" > ".join([*path, text]))

    for action in stage.krita.activeWindow().qwindow().menuBar().actions():
        if action.menu() is not None:
            walk(action.menu(), [action.text().replace("&", "")])
    return sorted(paths)
