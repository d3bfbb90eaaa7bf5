# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about the painter's own styles: from a file, from a layer, refined, removed, blended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from driver import Scenario, Stage
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QFileDialog
from scumble.settings import Settings
from window import idle, names

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
    asked = QFileDialog.getOpenFileName
    QFileDialog.getOpenFileName = staticmethod(lambda *_: (str(path), ""))
    _press(stage.panel.gallery.add.menu(), "From a picture file")
    QFileDialog.getOpenFileName = asked
    yield lambda: "blue-harbour" in _shown(stage)
    said: list[str] = []
    yield lambda: _listen(stage, said) > 5 and "refined:" in said[-1]
    yield 300
    stage.shoot("refining")
    SLOWLY.unlink()
    yield lambda: _listen(stage, said) and not stage.panel.gallery.progress.isVisible()
    yield lambda: _style(stage, "blue-harbour").revision == 2
    stage.studio.take_up(Settings(style="blue-harbour", method="darken"))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    found = {
        "chosen": stage.studio.settings.style,
        "said": said,
        "refined": list(_style(stage, "blue-harbour").refined),
        "picture": _style(stage, "blue-harbour").thumbnail is not None,
        "name": names(document)[-1],
        "pixel": list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1))),
    }
    stage.close(document)
    return found


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
    before = controls.mix.isVisible()
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Blend with this style")
    controls.mix.slider.setValue(25)
    able = [controls.method.itemData(row) for row in range(controls.method.count())]
    stage.studio.choose(method="average")
    yield lambda: not stage.studio.previewing.active and stage.studio.previewing.picture is not None
    yield 300
    stage.shoot("blend")
    preview = list(bytes(stage.studio.previewing.picture.data[:4]))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    found: dict[str, Any] = {
        "shares": [before, controls.mix.isVisible()],
        "able": able,
        "second": controls.second.currentText(),
        "preview": preview,
        "name": names(document)[-1],
        "pixel": list(bytes(document.topLevelNodes()[-1].pixelData(5, 5, 1, 1))),
    }
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    _press(stage.panel.gallery.menu_of(_style(stage, "layer")), "Remove")
    yield lambda: "layer" not in _shown(stage)
    found["left"] = _shown(stage)
    found["shipped"] = [a.text() for a in stage.panel.gallery.menu_of(stage.studio.catalogue.styles[0]).actions()]
    stage.close(document)
    return found


def _press(menu: Any, text: str) -> None:
    next(action for action in menu.actions() if action.text().startswith(text)).trigger()


def _shown(stage: Stage) -> list[str]:
    gallery = stage.panel.gallery.list
    return [gallery.item(row).data(ROLE) for row in range(gallery.count())]


def _style(stage: Stage, id: str) -> Any:
    return next(style for style in stage.studio.catalogue.styles if style.id == id)


def _listen(stage: Stage, said: list[str]) -> int:
    """How many different things the line of refinements has said."""
    text = stage.panel.gallery.progress.text()
    if text and text not in said:
        said.append(text)
    return len(said)
