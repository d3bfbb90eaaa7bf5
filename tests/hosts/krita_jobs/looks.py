# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita about what the docker says and shows: order, words, defaults, and how long a fine brush takes."""

from __future__ import annotations

from typing import Any

from driver import Scenario, Stage
from hand import Hand
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QAbstractScrollArea, QAbstractSpinBox, QComboBox, QLabel, QScrollBar, QToolButton
from scumble.scumble_client.desk.settings import Settings
from window import field

UP, DOWN = 4, 5
"""The wheel, as buttons of the mouse."""


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
    strength = stage.panel.controls.strength
    heads = [next(one.text() for one in stage.panel.findChildren(QLabel) if one.buddy() is strength)]
    values = {heads[0]: strength.slider.value()}
    for row in range(form.rowCount()):
        label = form.itemAt(row, form.LabelRole)
        if label is not None and label.widget().text():
            heads.append(label.widget().text())
            values[heads[-1]] = _value(form.itemAt(row, form.FieldRole).widget())
    facts: dict[str, Any] = {
        "top": [at[one] for one in sorted(at, key=lambda one: one.x())],
        "add": gallery.add.menu().actions()[0].text(),
        "controls": heads,
        "values": values,
    }
    stage.studio.canvas.start_trying()
    yield lambda: stage.studio.trying.current is not None
    yield 300
    buttons = sorted(stage.panel.strip.findChildren(QToolButton), key=lambda one: (one.y(), one.x()))
    facts |= {"strip": [one.text() for one in buttons if one.text()]}
    facts["slider"] = strength.slider.width()
    facts["levels"] = [gallery.which.y() < gallery.list.y(), strength.y() < stage.panel.tabs.y()]
    facts["tabs"] = [stage.panel.tabs.tabText(number) for number in range(stage.panel.tabs.count())]
    stage.shoot("alike")
    stage.panel.tabs.setCurrentWidget(stage.panel.settings)
    yield 300
    stage.shoot("alike-settings")
    facts["aside"] = stage.panel.settings.horizontalScrollBar().maximum()
    stage.panel.tabs.setCurrentWidget(gallery)
    stage.panel.strip.discard.click()
    yield lambda: not stage.studio.trying.active
    stage.close(document)
    return facts


def wheel(stage: Stage) -> Scenario:
    """The docker by itself, 350 x 700 pixels: the wheel over the gallery and over the settings, and the keyboard."""
    document = stage.document(400, 300)
    yield stage.shown(document)
    stage.tidy()
    yield lambda: stage.studio.offer.listed
    panel, gallery = stage.panel, stage.panel.gallery.list
    ids = [gallery.item(row).data(Qt.ItemDataRole.UserRole) for row in range(gallery.count())]
    stage.docker.setVisible(False)
    stage.studio.take_up(Settings(style=ids[-1], method="invert"))
    stage.docker.setFloating(True)
    stage.docker.resize(350, 700)
    stage.docker.move(500, 100)
    stage.docker.setVisible(True)
    yield lambda: panel.isVisible() and stage.docker.height() == 700
    yield lambda: not stage.studio.previewing.active and stage.studio.previewing.picture is not None
    yield 500
    stage.shoot("docker-350")
    facts: dict[str, Any] = {"least": panel.minimumSizeHint().height(), "opened": _in_sight(gallery), "nested": _nested(panel)}
    facts["by"] = panel.gallery.by.text()
    facts["rows"] = gallery.viewport().height() / gallery.gridSize().height()
    facts["turned"] = yield from _turned(stage, gallery.viewport(), UP, 40)
    facts["at its end"] = yield from _turned(stage, gallery.viewport(), UP, 10)
    gallery.scrollToItem(gallery.currentItem())
    yield from _point(stage, gallery.viewport(), gallery.visualItemRect(gallery.currentItem()))
    yield Hand(stage).do("click", 1)
    for key, number in (("Left", len(ids) - 2), ("Home", 0)):
        yield Hand(stage).do("key", key)
        yield lambda number=number: stage.studio.settings.style == ids[number]
    yield 300
    facts["reached"] = _in_sight(gallery)
    facts["framed"] = [gallery.row(one) for one in gallery.selectedItems()]
    stage.studio.choose(style=ids[-1])
    yield 300
    stage.docker.resize(350, 480)
    yield lambda: stage.docker.height() == 480
    yield 500
    facts["smaller"] = _in_sight(gallery)
    stage.shoot("docker-480")
    panel.tabs.setCurrentWidget(panel.settings)
    yield 300
    before = stage.studio.settings
    facts["settings"] = yield from _turned(stage, field(panel.controls, "Brush size"), DOWN, 10)
    facts["kept"] = stage.studio.settings == before
    facts["nested settings"] = _nested(panel)
    stage.shoot("docker-settings")
    panel.tabs.setCurrentWidget(panel.gallery)
    stage.docker.setFloating(False)
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return facts


def _in_sight(gallery: Any) -> bool:
    """Whether all of the chosen style's picture is."""
    item = gallery.currentItem()
    return item is not None and gallery.viewport().rect().contains(gallery.visualItemRect(item).adjusted(1, 1, -1, -1))


def _nested(panel: Any) -> list[str]:
    """What scrolls within something that scrolls."""

    def within(one: Any) -> bool:
        return one is not panel and (isinstance(one, QAbstractScrollArea) or within(one.parentWidget()))

    areas = [one for one in panel.findChildren(QAbstractScrollArea) if one.isVisible() and one.window() is panel.window()]
    return [type(one).__name__ for one in areas if within(one.parentWidget())]


def _turned(stage: Stage, widget: Any, button: int, steps: int) -> Any:
    """How many bars the wheel moves that is turned over a widget; to be used by `yield from`."""
    bars = stage.panel.findChildren(QScrollBar)
    before = [bar.value() for bar in bars]
    yield from _point(stage, widget, widget.rect())
    yield Hand(stage).do("click", "--repeat", steps, "--delay", 20, button)
    yield 500
    return sum(bar.value() != value for bar, value in zip(bars, before, strict=True))


def _point(stage: Stage, widget: Any, area: Any) -> Any:
    """The pointer over an area of a widget, whose window may still be on its way; to be used by `yield from`."""
    for _ in range(100):
        place = widget.mapToGlobal(area.center())
        yield Hand(stage).do("mousemove", place.x(), place.y())
        yield 200
        if widget.underMouse():
            return
    raise AssertionError("the pointer does not get there")


def remembered(stage: Stage) -> Scenario:
    """The first docker of a Krita whose user has had the gallery before."""
    stage.studio.preferences.late_engine = True
    document = stage.document(120, 100)
    yield stage.shown(document)
    stage.tidy()
    yield lambda: stage.panel.gallery.list.count() > 0
    running, gallery = stage.studio.session.welcome is not None, stage.panel.gallery.list
    pictured = sum(not gallery.item(row).icon().isNull() for row in range(gallery.count()))
    stage.shoot("remembered")
    stage.studio.preferences.late_engine = False
    stage.close(document)
    return {"running": running, "styles": gallery.count(), "pictured": pictured}


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
    facts: dict[str, Any] = {"usual": _notes(form)}
    brush.setValue(0.25)
    facts["untimed"] = _notes(form)
    brush.setValue(1.0)
    model.enabled = True
    model.repeat()
    yield lambda: "slow" in model.paces and not model.active
    brush.setValue(0.25)
    facts["timed"] = _notes(form)
    yield 300
    stage.panel.tabs.setCurrentWidget(stage.panel.settings)
    yield 300
    stage.shoot("fine-brush")
    stage.panel.tabs.setCurrentWidget(stage.panel.gallery)
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    stage.close(document)
    return facts


def _notes(form: Any) -> list[str]:
    """The lines of text of the form that are visible."""
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
    yield lambda: stage.panel.gallery.progress.isVisible() and "Lighthouse" in stage.panel.gallery.progress.text()
    progress = stage.panel.gallery.progress.text()
    stage.shoot("left-refining")
    stage.close(document)
    return {"progress": progress}
