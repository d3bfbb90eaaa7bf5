# SPDX-License-Identifier: GPL-3.0-or-later
"""The further styles: three rows of a form for each, and one to add another.

Invariant: rows stay while they are used, so that a slider that is held, or a list that tells of a choice, is not taken away.
"""

from __future__ import annotations

from dataclasses import replace

from .qt import QtWidgets
from .scumble_client.desk.blend import SELECTION
from .scumble_client.desk.choosing import obstacle, plain_id
from .scumble_client.desk.labels import BLEND, BLEND_MORE, BY_SELECTION, NO_OTHER, SHARE, WHERE, WHERE_TIP
from .scumble_client.desk.settings import Other
from .studio import Studio
from .widgets import Choice, Share, calm


class Row:
    """The row of a further style, or of the offer to add one, which has neither share nor place."""

    def __init__(self, studio: Studio, form: QtWidgets.QFormLayout, number: int, at: int) -> None:
        self._studio, self._form, self._number = studio, form, number
        self.style = Choice(self._styled)
        calm(self.style)
        self.share: Share | None = None
        self.where: Places | None = None
        form.insertRow(at, BLEND_MORE if number else BLEND, self.style)

    @property
    def count(self) -> int:
        """Rows of the form."""
        return 1 if self.share is None else 3

    def remove(self, at: int) -> None:
        for _ in range(self.count):
            self._form.removeRow(at)

    def show(self, at: int, styles: list[tuple[str, str]], other: Other | None, blocked: bool) -> None:
        self.style.offer([("", NO_OTHER), *styles], plain_id(other.style) if other else "")
        if other is None:
            if self.share is not None:
                self._form.removeRow(at + 1)
                self._form.removeRow(at + 1)
                self.share = self.where = None
            return
        if self.share is None or self.where is None:
            self.share = Share(lambda share: self._set(replace(self._other(), share=share)))
            self.where = Places(self._studio, self._placed)
            self.where.setToolTip(WHERE_TIP)
            calm(self.share)
            calm(self.where)
            self._form.insertRow(at + 1, SHARE, self.share)
            self._form.insertRow(at + 2, WHERE, self.where)
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
        assert self.where is not None
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
        self._beside = QtWidgets.QLabel()
        form.insertRow(first, self._beside, self.note)

    @property
    def count(self) -> int:
        """Rows of the form."""
        return sum(row.count for row in self.rows) + 1

    def show(self) -> None:
        settings, catalogue = self._studio.settings, self._studio.catalogue
        others = settings.others
        while len(self.rows) > len(others) + 1:
            self.rows.pop().remove(self._at(len(self.rows)))
        while len(self.rows) < len(others) + 1:
            self.rows.append(Row(self._studio, self._form, len(self.rows), self._at(len(self.rows))))
        why = obstacle(catalogue, settings)
        styles = [(style.id, style.title) for style in catalogue.styles] if catalogue else []
        for number, other in enumerate((*others, None)):
            self.rows[number].show(self._at(number), styles, other, bool(why))
        self.note.setText(why or (BY_SELECTION if settings.by_selection else ""))
        for widget in (self.note, self._beside):
            widget.setVisible(bool(self.note.text()))

    def _at(self, number: int) -> int:
        """The form's row at which one of ours begins."""
        return self._first + sum(row.count for row in self.rows[:number])
