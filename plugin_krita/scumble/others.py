# SPDX-License-Identifier: GPL-3.0-or-later
"""The further styles: three rows of a form for each, and one to add another.

Invariant: rows stay while they are used, so that a slider that is held is not taken away.
"""

from __future__ import annotations

from dataclasses import replace

from .qt import QtWidgets
from .settings import SELECTION, Other, obstacle, plain_id
from .studio import Studio
from .widgets import Choice, Share

BY_SELECTION = "The selection says where a style goes; all of the layer is painted."
TIP = "A layer with transparent parts counts by its alpha, any other by how light it is. The first style has what is left."
ROWS = 3
"""Of the form, for each style."""


class Row:
    """One further style, or the offer of one."""

    def __init__(self, studio: Studio, number: int) -> None:
        self._studio, self._number = studio, number
        self.style, self.where = Choice(self._styled), Places(studio, self._placed)
        self.share = Share(lambda share: self._set(replace(self._other(), share=share)))
        self.where.setToolTip(TIP)

    def show(self, styles: list[tuple[str, str]], other: Other | None, blocked: bool) -> None:
        self.style.offer([("", "No other style"), *styles], plain_id(other.style) if other else "")
        if other is not None:
            self.where.show_place(other)
            self.share.show_value(other.share)
            self.share.setEnabled(bool(other.where) or not blocked)

    def _other(self) -> Other:
        return self._studio.settings.others[self._number]

    def _styled(self, style: str) -> None:
        if self._number == len(self._studio.settings.others):
            if style:
                self._studio.blend_with(style)
        else:
            self._set(replace(self._other(), style=style) if style else None)

    def _placed(self, where: str) -> None:
        self._set(self._other().moved(where, self.where.currentText() if where not in ("", SELECTION) else ""))

    def _set(self, other: Other | None) -> None:
        others = [*self._studio.settings.others]
        others[self._number : self._number + 1] = [] if other is None else [other]
        self._studio.choose(others=tuple(others))


class Places(Choice):
    """Asks what there is whenever it unfolds, since Krita does not tell of layers that come and go."""

    def __init__(self, studio: Studio, changed) -> None:
        super().__init__(changed)
        self._studio = studio
        self._shown = Other("")

    def show_place(self, other: Other) -> None:
        self._shown = other
        entries = [("", "Everywhere"), *self._studio.host.places()]
        if all(place != other.where for place, _ in entries):
            entries.append((other.where, f"{other.name} (not there)"))
        self.offer(entries, other.where)

    def showPopup(self) -> None:  # noqa: N802 (Qt's name)
        self.show_place(self._shown)
        super().showPopup()


class Others:
    """Keeps its rows in `form` from row `first` on, with a line of what there is to say under them."""

    def __init__(self, studio: Studio, form: QtWidgets.QFormLayout, first: int) -> None:
        self._studio, self._form, self._first = studio, form, first
        self.rows: list[Row] = []
        self.note = QtWidgets.QLabel()
        self.note.setWordWrap(True)
        form.insertRow(first, "", self.note)

    @property
    def count(self) -> int:
        """Rows of the form."""
        return ROWS * len(self.rows) + 1

    def show(self) -> None:
        settings, catalogue = self._studio.settings, self._studio.catalogue
        others = settings.others
        while len(self.rows) > len(others) + 1:
            self.rows.pop()
            for _ in range(ROWS):
                self._form.removeRow(self._first + ROWS * len(self.rows))
        while len(self.rows) < len(others) + 1:
            self._add()
        why = obstacle(catalogue, settings)
        styles = [(style.id, style.title) for style in catalogue.styles] if catalogue else []
        for row, other in zip(self.rows, (*others, None)):
            row.show(styles, other, bool(why))
            for widget in (row.share, row.where):
                self._set_visible(widget, other is not None)
        self.note.setText(why or (BY_SELECTION if settings.by_selection else ""))
        self._set_visible(self.note, bool(self.note.text()))

    def _add(self) -> None:
        number = len(self.rows)
        row, at = Row(self._studio, number), self._first + ROWS * number
        self.rows.append(row)
        self._form.insertRow(at, "and with" if number else "Blend with", row.style)
        self._form.insertRow(at + 1, "Its share", row.share)
        self._form.insertRow(at + 2, "Where", row.where)

    def _set_visible(self, widget: QtWidgets.QWidget, visible: bool) -> None:
        widget.setVisible(visible)
        label = self._form.labelForField(widget)
        if label is not None:
            label.setVisible(visible)
