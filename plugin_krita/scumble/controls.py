# SPDX-License-Identifier: GPL-3.0-or-later
"""Strength, further styles, method and its options; the options' widgets are made from what the engine's catalogue says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .others import Others
from .qt import QtCore, QtWidgets
from .scumble_client.catalogue import Option
from .scumble_client.desk.choosing import method_of, methods_for
from .scumble_client.desk.effort import brush_takes, limits_of_brush
from .scumble_client.desk.labels import KEEP_COLOURS, METHOD, QUALITY
from .scumble_client.desk.quality import TIP, qualities, quality_of
from .scumble_client.desk.settings import brush_size
from .scumble_client.desk.words import choice_text
from .studio import Studio, Topic
from .widgets import Choice, Share, calm

FIXED = 2
"""Rows that are always there: quality, method."""
COMMON = ("brush_size", "keep_colours")
"""Options that a painter wants at hand, before all others."""


class Controls(QtWidgets.QWidget):
    """Everything but the gallery; `strength` has a place of its own, beside the picture that it changes at once."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._shape: Any = None  # what the option widgets were made for
        self._showers: dict[str, Callable[[Any], None]] = {}
        self._brush: tuple[QtWidgets.QLabel, QtWidgets.QLabel] | None = None
        self.strength = Share(lambda value: studio.choose(strength=value))
        self.method = Choice(lambda method: studio.choose(method=method))
        self.quality = Choice(lambda quality: studio.choose(quality=quality))
        self.quality.setToolTip(TIP)
        self._form = QtWidgets.QFormLayout(self)
        self._form.setContentsMargins(4, 4, 4, 4)
        calm(self.method)
        calm(self.quality)
        self._form.addRow(QUALITY, self.quality)
        self._form.addRow(METHOD, self.method)
        self.others = Others(studio, self._form, 0)
        self._show()

    def handle(self, topic: Topic) -> None:
        if topic in (Topic.SETTINGS, Topic.CATALOGUE):
            self._show()
        elif topic is Topic.PREVIEW:
            self._show_brush()

    def _show_brush(self) -> None:
        """What there is to say of the brush size."""
        if self._brush is not None:
            options, previewing = self._studio.settings.options, self._studio.previewing
            method = method_of(self._studio.catalogue, self._studio.settings)
            pace = previewing.paces.get(method.id) if method else None
            text = limits_of_brush(options) or brush_takes(*previewing.size, brush_size(options), pace)
            self._brush[1].setText(text)
            for label in self._brush:
                label.setVisible(bool(text))

    def _show(self) -> None:
        settings, catalogue = self._studio.settings, self._studio.catalogue
        self.strength.show_value(settings.strength)
        self.others.show()
        method = method_of(catalogue, settings)
        able = methods_for(catalogue, settings)
        self.method.offer([(m.id, m.title) for m in able], method.id if method else "")
        self.method.setToolTip(method.purpose if method else "")
        chosen = quality_of(method, settings.quality) or ""
        self.quality.offer(list(qualities(method)), chosen)
        self._show_options(method.options if method else ())

    def _show_options(self, options: tuple[Option, ...]) -> None:
        if options != self._shape:
            self._shape = options
            self._showers.clear()
            self._brush = None
            fixed = FIXED + self.others.count
            while self._form.rowCount() > fixed:
                self._form.removeRow(fixed)
            for option in sorted(options, key=lambda o: COMMON.index(o.name) if o.name in COMMON else len(COMMON)):
                widget, shower = _widget(option, lambda value, name=option.name: self._set(name, value))
                widget.setToolTip(option.help)
                calm(widget)
                self._showers[option.name] = shower
                self._form.addRow(self._label(option.title), widget)
                if option.name == "brush_size":
                    self._brush = _note()
                    self._form.addRow(*self._brush)
        self._show_brush()
        for option in options:
            self._showers[option.name](self._studio.settings.options.get(option.name, option.default))

    def _label(self, title: str) -> QtWidgets.QLabel:
        """In several lines where it is longer than the common ones: the docker may be narrow."""
        label, words = QtWidgets.QLabel(title), self.fontMetrics()
        most = words.boundingRect(KEEP_COLOURS).width() + 4
        if words.boundingRect(title).width() > most:
            label.setWordWrap(True)
            label.setFixedWidth(most)
        return label

    def _set(self, name: str, value: Any) -> None:
        default = next((o.default for o in self._shape or () if o.name == name), None)
        options = {k: v for k, v in self._studio.settings.options.items() if k != name}
        self._studio.choose(options=options if value == default else {**options, name: value})


def _note() -> tuple[QtWidgets.QLabel, QtWidgets.QLabel]:
    """A line to be written in, and what stands beside it: nothing."""
    note = QtWidgets.QLabel()
    note.setWordWrap(True)
    return QtWidgets.QLabel(), note


def _widget(option: Option, changed: Callable[[Any], None]) -> tuple[QtWidgets.QWidget, Callable[[Any], None]]:
    """A widget for an option, and what shows a value in it without telling of a change."""
    if option.kind == "bool":
        check = QtWidgets.QCheckBox()
        check.toggled.connect(changed)
        return check, _quietly(check, check.setChecked)
    if option.kind == "choice":
        box = QtWidgets.QComboBox()
        box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for choice in option.choices or ():
            box.addItem(choice_text(option.name, choice), choice)
        box.activated.connect(lambda row: changed(box.itemData(row)))
        return box, _quietly(box, lambda value: box.setCurrentIndex(max(0, box.findData(value))))
    if option.kind in ("int", "float"):
        return _number(option, changed)
    line = QtWidgets.QLineEdit()
    line.editingFinished.connect(lambda: changed(line.text()))
    return line, _quietly(line, line.setText)


def _number(option: Option, changed: Callable[[Any], None]) -> tuple[QtWidgets.QWidget, Callable[[Any], None]]:
    whole = option.kind == "int"
    spin = QtWidgets.QSpinBox() if whole else QtWidgets.QDoubleSpinBox()
    kind = int if whole else float
    spin.setRange(kind(option.minimum or 0), kind(min(1e9 if option.maximum is None else option.maximum, 2**31 - 1)))
    spin.setSingleStep(kind(option.step or 1))
    spin.setKeyboardTracking(False)
    if option.unit:
        spin.setSuffix(f" {option.unit}")
    spin.valueChanged.connect(lambda value: changed(int(value) if whole else round(float(value), 6)))
    return spin, _quietly(spin, lambda value: spin.setValue(kind(value)))


def _quietly(widget: QtWidgets.QWidget, show: Callable[[Any], None]) -> Callable[[Any], None]:
    def shown(value: Any) -> None:
        with QtCore.QSignalBlocker(widget):
            show(value)

    return shown
