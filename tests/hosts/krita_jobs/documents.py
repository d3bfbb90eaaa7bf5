# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about what becomes of documents: closed while one is painted, saved, animated."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from scumble.scumble_client.desk.settings import Settings
from window import idle, key_frame, names, undo_once


def closed(stage: Stage) -> Scenario:
    """Another document is made, then the painted one is closed; the result goes into the other one."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.studio.choose(method="slow", options={"seconds": 6.0})
    stage.krita.action("scumble_paint").trigger()
    yield lambda: stage.studio.fraction > 0.01
    other = stage.document(120, 100, (1, 1, 1, 255))
    yield stage.shown(other)
    stage.close(document)
    yield idle(stage)
    status = stage.panel.status.text()
    stage.panel.tabs.setCurrentWidget(stage.panel.history)
    stage.panel.history.list.setCurrentRow(0)
    yield 300
    button = stage.panel.history.again.text()
    stage.shoot("history")
    stage.panel.history.again.click()
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    stage.studio.choose(method="invert", options={})
    layers = names(other)
    stage.close(other)
    return {"status": status, "button": button, "names": layers}


def history(stage: Stage) -> Scenario:
    """Entries survive saving and loading, and give their settings back."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.studio.choose(method="invert", strength=0.3, options={"brush_size": 2.0})
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    path = str(stage.shots / "kept.kra")
    document.saveAs(path)
    stage.close(document)
    stage.studio.choose(strength=1.0, options={})
    again = stage.krita.openDocument(path)
    stage.krita.activeWindow().addView(again)
    yield lambda: any(layer.document == again for layer in stage.studio.host.layers())
    stage.panel.tabs.setCurrentWidget(stage.panel.history)
    stage.panel.history.fill()
    stage.panel.history.list.setCurrentRow(0)
    listed = stage.panel.history.list.item(0).text()
    stage.panel.history.use.click()
    taken = stage.studio.settings
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(again)
    return {"listed": listed, "strength": taken.strength, "options": dict(taken.options), "style": taken.style}


def _animated(stage: Stage) -> Any:
    """A document with key frames at 0, 2, 5 and 9 whose clip ends at 6, shown at 5; and its layer."""
    document = stage.document(60, 40, (0, 0, 0, 255))
    yield stage.shown(document)
    node = document.nodeByName("layer")
    document.setFullClipRangeEndTime(10)
    node.enableAnimation()
    yield 200
    for time, value in ((2, 20), (5, 50), (9, 90)):
        yield from key_frame(stage, document, node, time)
        node.setPixelData(bytes((value, value, value, 255)) * 60 * 40, 0, 0, 60, 40)
    document.setFullClipRangeEndTime(6)
    document.setCurrentTime(5)
    document.waitForDone()
    yield 300
    return document, node


def frames(stage: Stage) -> Scenario:
    """An animated layer: one frame painted, then all of them but cancelled, then all of them."""
    document, node = yield from _animated(stage)

    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    one = document.topLevelNodes()[-1]
    current = {"pixel": list(bytes(one.pixelData(3, 3, 1, 1))), "animated": one.animated()}
    yield undo_once(stage, document)
    document.setCurrentTime(1)
    document.waitForDone()
    yield 300

    stage.studio.choose(method="slow", options={"seconds": 1.0})
    stage.krita.action("scumble_frames").trigger()
    yield lambda: stage.studio.fraction > 0.4  # the second of three
    button, status = stage.panel.button.text(), stage.panel.status.text()
    stage.panel.button.click()
    yield idle(stage)
    cancelled = names(document)

    stage.studio.choose(method="invert", options={})
    yield lambda: [layer.name for layer in stage.studio.host.layers()] == ["layer"]
    stage.krita.action("scumble_frames").trigger()
    yield idle(stage)
    painted = names(document)
    new = next(n for n in document.topLevelNodes() if n.name() == "Test style 100 %")
    keys = [t for t in range(11) if new.hasKeyframeAtTime(t)]
    pixels = [list(bytes(new.pixelDataAtTime(3, 3, 1, 1, t))) for t in keys]
    source = [list(bytes(node.pixelDataAtTime(3, 3, 1, 1, t))) for t in keys]
    entries = [entry.layer for entry in stage.studio.records.entries()]
    shown = document.currentTime()

    yield undo_once(stage, document)
    undone = names(document)
    stage.close(document)
    return {
        "painted": painted,
        "keys": keys,
        "pixels": pixels,
        "source": source,
        "entries": entries,
        "time": shown,
        "undone": undone,
        "current": current,
        "button": button,
        "status": status,
        "cancelled": cancelled,
    }
