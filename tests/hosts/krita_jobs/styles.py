# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about the painter's own styles: from a file, from a layer, refined, removed, blended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from driver import Scenario, Stage
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QColor, QDropEvent, QImage
from PyQt5.QtWidgets import QFileDialog, QInputDialog
from scumble.scumble_client.desk.settings import Settings
from window import idle, names, undo_once

SLOWLY = Path(os.environ["SCUMBLE_DATA_DIR"]) / "slowly"
"""Where this file is, a refinement takes five times as long (tests/support/scumble_refining.py)."""
ROLE = Qt.ItemDataRole.UserRole


def from_file(stage: Stage) -> Scenario:
    """A picture file becomes a style, is chosen, and is refined while one looks on."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.tidy()
    path = stage.shots / "Blue harbour.png"
    picture = QImage(64, 48, QImage.Format_RGB32)
    picture.fill(QColor(40, 80, 200))
    picture.save(str(path))
    SLOWLY.touch()
    asked, named = QFileDialog.getOpenFileNames, QInputDialog.getText
    QFileDialog.getOpenFileNames = staticmethod(lambda *_: ([str(path)], ""))
    QInputDialog.getText = staticmethod(lambda *given: (given[-1], True))
    _press(stage.panel.gallery.add.menu(), "From picture files")
    QFileDialog.getOpenFileNames, QInputDialog.getText = asked, named
    yield lambda: "blue-harbour" in _shown(stage)
    lines: list[str] = []
    yield lambda: _listen(stage, lines) > 5 and "refined:" in lines[-1]
    yield 300
    stage.shoot("refining")
    SLOWLY.unlink()
    yield lambda: _listen(stage, lines) and not stage.panel.gallery.progress.isVisible()
    yield lambda: _style(stage, "blue-harbour").revision == 2
    stage.studio.take_up(Settings(style="blue-harbour", method="darken"))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    report = {
        "chosen": stage.studio.settings.style,
        "lines": lines,
        "refined": list(_style(stage, "blue-harbour").refined),
        "picture": _style(stage, "blue-harbour").thumbnail is not None,
        "name": names(document)[-1],
        "pixel": list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1))),
    }
    stage.close(document)
    return report


def renamed(stage: Stage) -> Scenario:
    """The style of the scenario above gets another name, and an entry of the history of before paints with it as ever."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.tidy()
    stage.studio.take_up(Settings(style="blue-harbour", method="darken"))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    entry = stage.studio.records.entries()[0]
    gallery = stage.panel.gallery
    menu = gallery.menu_of(_style(stage, "blue-harbour"))
    menu.popup(gallery.mapToGlobal(gallery.list.pos()))
    yield 300
    stage.shoot("style-menu")
    menu.close()
    offered: list[str] = []
    for typed in ("   ", " Fog over the  harbour "):
        with _typed(offered, typed):
            _press(gallery.menu_of(_style(stage, "blue-harbour")), "Rename")
    yield lambda: _style(stage, "blue-harbour").title != "Blue harbour"
    yield 300
    stage.shoot("renamed")
    shown = [gallery.list.item(row).text() for row in range(gallery.list.count())]
    stage.studio.paint(settings=entry.settings)
    yield idle(stage)
    report = {
        "offered": list(offered),
        "shown": "Fog over the harbour" in shown,
        "chosen": stage.studio.settings.style,
        "revision": _style(stage, "blue-harbour").revision,
        "entry": entry.settings.style,
        "names": names(document)[-2:],
    }
    with _typed(offered, "Blue harbour"):
        _press(gallery.menu_of(_style(stage, "blue-harbour")), "Rename")
    yield lambda: _style(stage, "blue-harbour").title == "Blue harbour"
    stage.close(document)
    return report


@contextlib.contextmanager
def _typed(offered: list[str], text: str) -> Iterator[None]:
    """A painter who is asked for a name types this; what stood there is `offered`."""
    asked = QInputDialog.getText
    QInputDialog.getText = staticmethod(lambda *given: (offered.append(given[-1]) or text, True))
    try:
        yield
    finally:
        QInputDialog.getText = asked


def dropped(stage: Stage) -> Scenario:
    """Two pictures and a text are dropped on the gallery; one of them becomes a favourite."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    gallery, mime = stage.panel.gallery, QMimeData()
    paths = [stage.shots / name for name in ("red_sail.png", "notes.txt", "White cliff.png")]
    for number, path in enumerate(paths):
        picture = QImage(64, 48, QImage.Format_RGB32)
        picture.fill(QColor(200, 40 * number, 40))
        picture.save(str(path), "PNG")
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    gallery.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, none))
    yield lambda: {"red-sail", "white-cliff"} <= set(_shown(stage))
    _press(gallery.menu_of(_style(stage, "white-cliff")), "Favourite")
    report: dict[str, Any] = {"first": [gallery.list.item(0).text(), _shown(stage)[0]], "notes": "notes" in _shown(stage)}
    for row, name in ((1, "favourites"), (2, "recent"), (3, "own")):
        gallery.which.setCurrentIndex(row)
        gallery.which.activated.emit(row)
        report[name] = _shown(stage)
    gallery.which.setCurrentIndex(0)
    gallery.which.activated.emit(0)
    _press(gallery.menu_of(_style(stage, "white-cliff")), "Favourite")
    asked, offered = QFileDialog.getOpenFileNames, []
    QFileDialog.getOpenFileNames = staticmethod(lambda *_: ([str(paths[0])], ""))
    with _typed(offered, " Grey mist "):
        _press(gallery.add.menu(), "From picture files")
    QFileDialog.getOpenFileNames = asked
    yield lambda: "grey-mist" in _shown(stage)
    report |= {"offered": offered, "typed": _style(stage, "grey-mist").title}
    stage.studio.stylebook.remove("grey-mist")
    for style in ("red-sail", "white-cliff"):
        stage.studio.stylebook.remove(style)
    yield lambda: not {"red-sail", "white-cliff"} & set(_shown(stage))
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return report


def from_layer(stage: Stage) -> Scenario:
    """The active layer becomes a style; its refinement is stopped and begun again from its menu."""
    document = stage.document(120, 100, (30, 60, 180, 255))
    yield stage.shown(document)
    SLOWLY.touch()
    _press(stage.panel.gallery.add.menu(), "From the active layer")
    yield lambda: "layer" in _shown(stage) and stage.panel.gallery.progress.isVisible()
    chosen = stage.studio.settings.style
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Stop refining")
    yield lambda: not stage.studio.stylebook.refining
    stopped = stage.panel.gallery.progress.isVisible()
    SLOWLY.unlink()
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Refine")
    yield lambda: _style(stage, "layer").revision == 2
    stage.close(document)
    return {"chosen": chosen, "stopped": stopped, "refined": list(_style(stage, "layer").refined)}


def blended(stage: Stage) -> Scenario:
    """The two styles of the scenarios above in one picture, three to one, then the second is removed."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.studio.take_up(Settings(style="blue-harbour", method="invert"))
    controls = stage.panel.controls
    stage.panel.tabs.setCurrentWidget(stage.panel.settings)
    second = controls.others.rows[0]
    before = second.share is not None
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Blend with this style")
    second.share.slider.setValue(25)
    able = [controls.method.itemData(row) for row in range(controls.method.count())]
    stage.studio.choose(method="average")
    yield lambda: not stage.studio.previewing.active and stage.studio.previewing.picture is not None
    yield 300
    stage.shoot("blend")
    preview = list(bytes(stage.studio.previewing.picture.data[:4]))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    report: dict[str, Any] = {
        "shares": [before, second.share.isVisible()],
        "able": able,
        "second": second.style.currentText(),
        "preview": preview,
        "name": names(document)[-1],
        "pixel": list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1))),
    }
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Remove")
    yield lambda: "layer" not in _shown(stage)
    report["left"] = _shown(stage)
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    report["shipped"] = [a.text() for a in stage.panel.gallery.menu_of(stage.studio.catalogue.styles[0]).actions()]
    stage.close(document)
    return report


def parted(stage: Stage) -> Scenario:
    """The same two, the second where a hidden grey layer is light; the history brings that back, but not a layer that goes."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    sky = document.createNode("Sky", "paintlayer")
    sky.setPixelData(bytes((0, 0, 0, 255)) * 120 * 100, 0, 0, 120, 100)
    sky.setPixelData(bytes((255, 255, 255, 255)) * 60 * 100, 60, 0, 60, 100)
    sky.setVisible(False)
    document.rootNode().addChildNode(sky, None)

    def back() -> bool:
        """Krita makes the new layer the active one."""
        document.setActiveNode(document.nodeByName("layer"))
        return stage.shown(document)()

    yield 300
    yield back
    stage.studio.take_up(Settings(style="blue-harbour", method="average"))
    rows = stage.panel.controls.others.rows
    _choose(rows[0].style, "layer")
    offered = [rows[0].where.itemText(row) for row in range(rows[0].where.count())]
    share = rows[0].share.slider.value()
    _choose(rows[0].where, sky.uniqueId().toString())
    shares = [share, rows[0].share.slider.value()]
    chosen = stage.studio.settings
    ours = bytes((10, 20, 30, 255))  # not the new layer, which was the active one for a moment
    yield lambda: not stage.studio.previewing.active and len(set(_row(stage))) > 1
    yield lambda: bytes(stage.studio.previewing.original.data[:4]) == ours and not stage.studio.previewing.active
    yield lambda: bytes((255, 255, 255, 255)) not in _row(stage)  # one of the sky that was given up made way for this one
    stage.panel.tabs.setCurrentWidget(stage.panel.settings)
    yield 300
    stage.shoot("regions")
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    preview = _row(stage)
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    new = document.nodeByName("Blue harbour + layer 100 %")
    report: dict[str, Any] = {
        "rows": len(rows),
        "offered": offered,
        "shares": shares,
        "pixels": [list(bytes(new.pixelData(x, 50, 1, 1))) for x in (10, 110)],
        "preview": [list(preview[x]) for x in (10, 110)],
        "step": stage.krita.action("edit_undo").text(),
    }
    yield undo_once(stage, document)
    report["undone"] = names(document)
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    report["left"] = len(rows)
    entry = stage.studio.records.entries()[0]
    sky.remove()
    document.waitForDone()
    stage.studio.take_up(entry.settings)
    report["taken"] = stage.studio.settings.others == tuple(replace(o, style=f"{o.style}@2") for o in chosen.others)
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    report["status"] = stage.panel.status.text()
    report["where"] = rows[0].where.currentText()
    stage.shoot("regions-gone")
    report["gone"] = names(document)
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return report


def _row(stage: Stage) -> list[bytes]:
    """The pixels of the preview's row 50."""
    picture = stage.studio.previewing.picture
    row = bytes(picture.rows(50, 1)) if picture is not None and picture.height > 50 else b""
    return [row[i : i + 4] for i in range(0, len(row), 4)]


def _choose(box: Any, data: str) -> None:
    """As somebody who unfolds it and takes an entry."""
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def _press(menu: Any, text: str) -> None:
    next(action for action in menu.actions() if action.text().startswith(text)).trigger()


def _shown(stage: Stage) -> list[str]:
    gallery = stage.panel.gallery.list
    return [gallery.item(row).data(ROLE) for row in range(gallery.count())]


def _style(stage: Stage, id: str) -> Any:
    return next(style for style in stage.studio.catalogue.styles if style.id == id)


def _listen(stage: Stage, lines: list[str]) -> int:
    """How many different texts the line of refinements has had."""
    text = stage.panel.gallery.progress.text()
    if text and text not in lines:
        lines.append(text)
    return len(lines)
