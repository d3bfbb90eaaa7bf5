# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about what the docker says and shows: order, words, defaults, and how long a fine brush takes."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QToolButton
from scumble.scumble_client.desk.settings import Settings
from window import field


def alike(stage: Stage) -> Scenario:
    """All that GIMP's dialogue has as well."""
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    document = stage.document(200, 150)
    yield stage.shown(document)
    stage.tidy()
    yield lambda: stage.studio.offer.listed
    gallery, form = stage.panel.gallery, stage.panel.controls.layout()
    at = {gallery.which: gallery.which.currentText(), gallery.filter: gallery.filter.placeholderText()}
    at[gallery.add] = gallery.add.text()
    heads, values = [], {}
    for row in range(form.rowCount()):
        label = form.itemAt(row, form.LabelRole)
        if label is not None and label.widget().text():
            heads.append(label.widget().text())
            values[heads[-1]] = _value(form.itemAt(row, form.FieldRole).widget())
    found: dict[str, Any] = {
        "top": [at[one] for one in sorted(at, key=lambda one: one.x())],
        "add": gallery.add.menu().actions()[0].text(),
        "controls": heads,
        "values": values,
    }
    stage.studio.canvas.start_trying()
    yield lambda: stage.studio.trying.current is not None
    yield 300
    buttons = sorted(stage.panel.strip.findChildren(QToolButton), key=lambda one: (one.y(), one.x()))
    found |= {"strip": [one.text() for one in buttons if one.text()]}
    found["aside"] = stage.panel.tabs.widget(0).horizontalScrollBar().maximum()
    found["slider"] = stage.panel.controls.strength.slider.width()
    stage.panel.tabs.widget(0).ensureWidgetVisible(stage.panel.controls)
    yield 300
    stage.shoot("alike")
    found["levels"] = [gallery.which.y() < gallery.list.y(), gallery.y() < stage.panel.controls.y()]
    stage.panel.strip.discard.click()
    yield lambda: not stage.studio.trying.active
    stage.close(document)
    return found


def _value(widget: Any) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentText()
    return widget.value() if isinstance(widget, QAbstractSpinBox) else widget.slider.value()


def fine_brush(stage: Stage) -> Scenario:
    """A small layer and a brush of 0.25, before and after a preview was timed."""
    stage.studio.take_up(Settings(style="test-style", method="slow", options={"seconds": 1.5}))
    document = stage.document(400, 300)
    yield stage.shown(document)
    stage.tidy()
    model, form = stage.studio.previewing, stage.panel.controls.layout()
    model.enabled = False
    model.paces.clear()
    brush = field(stage.panel.controls, "Brush size")
    found: dict[str, Any] = {"usual": _notes(form)}
    brush.setValue(0.25)
    found["untimed"] = _notes(form)
    brush.setValue(1.0)
    model.enabled = True
    model.repeat()
    yield lambda: "slow" in model.paces and not model.active
    brush.setValue(0.25)
    found["timed"] = _notes(form)
    yield 300
    stage.panel.tabs.widget(0).verticalScrollBar().setValue(10_000)
    yield 300
    stage.shoot("fine-brush")
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return found


def _notes(form: Any) -> list[str]:
    """What is written in the form and seen."""
    widgets = [form.itemAt(row, form.FieldRole).widget() for row in range(form.rowCount())]
    return [one.text() for one in widgets if isinstance(one, QLabel) and not one.isHidden()]


def refining(stage: Stage) -> Scenario:
    """A picture file becomes a style that is still being refined when Krita is closed."""
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.tidy()
    picture = QImage(64, 48, QImage.Format_RGB32)
    picture.fill(QColor(200, 80, 40))
    picture.save(str(stage.shots / "Lighthouse.png"))
    stage.panel.gallery.add_files([str(stage.shots / "Lighthouse.png")])
    yield lambda: stage.panel.gallery.progress.isVisible() and "refined:" in stage.panel.gallery.progress.text()
    said = stage.panel.gallery.progress.text()
    stage.shoot("left-refining")
    stage.close(document)
    return {"said": said}
