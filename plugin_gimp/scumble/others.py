# SPDX-License-Identifier: GPL-3.0-or-later
"""The further styles: a row for each, with its share and where it goes, and one to add another.

Invariant: `changed` is called for what the painter does, never for what `show` shows; rows stay while they are used, so that
a slider that is held is not taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk, Pango  # noqa: E402
from scumble_client.catalogue import Style  # noqa: E402
from scumble_client.desk.labels import (  # noqa: E402
    BLEND,
    BLEND_MORE,
    BY_SELECTION,
    NO_OTHER,
    SHARE,
    WHERE,
    WHERE_TIP,
)
from settings import SELECTION, Other  # noqa: E402

HEIGHT = 170
"""Of two rows and a bit, in pixels; more are scrolled to."""


class Others:
    """`widget` goes into a window. `places` lists (where, what to call it)."""

    def __init__(self, changed: Callable[[tuple[Other, ...]], None], places: Callable[[], list[tuple[str, str]]]) -> None:
        self._changed, self._places = changed, places
        self._others: tuple[Other, ...] = ()
        self._rows: list[_Row] = []
        self._box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._note = Gtk.Label(label=BY_SELECTION, xalign=0.0, wrap=True, max_width_chars=46, no_show_all=True)
        self._note.get_style_context().add_class("dim-label")
        scrolled = Gtk.ScrolledWindow(
            hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True, max_content_height=HEIGHT
        )
        scrolled.add(self._box)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.widget.pack_start(scrolled, False, False, 0)
        self.widget.pack_start(self._note, False, False, 0)
        self.show([], (), False)

    def show(self, styles: Sequence[Style], others: tuple[Other, ...], blocked: bool) -> None:
        """`blocked`: no method can blend these, so that a share of everywhere means nothing."""
        self._others = others
        while len(self._rows) > len(others) + 1:
            self._box.remove(self._rows.pop().widget)
        while len(self._rows) < len(others) + 1:
            self._rows.append(_Row(len(self._rows), self._set))
            self._box.pack_start(self._rows[-1].widget, False, False, 0)
        places = self._places() if others else []
        for row, other in zip(self._rows, (*others, None)):  # noqa: B905 - strict is new in Python 3.10
            row.show(styles, other, places, blocked)
        self._note.set_visible(any(other.where == SELECTION for other in others))

    def _set(self, number: int, other: Other | None) -> None:
        changed = [*self._others]
        changed[number : number + 1] = [] if other is None else [other]
        self._changed(tuple(changed))


class _Row:
    """The row of a further style, or of the offer to add one."""

    def __init__(self, number: int, changed: Callable[[int, Other | None], None]) -> None:
        self._number, self._changed = number, changed
        self._other: Other | None = None
        self._showing = False
        self._style, self._where = narrow(Gtk.ComboBoxText()), narrow(Gtk.ComboBoxText())
        self._where.set_tooltip_text(WHERE_TIP)
        self._share = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0, 100, 1)
        self._share.set_value_pos(Gtk.PositionType.RIGHT)
        self._share.connect("format-value", lambda _, value: f"{value:.0f} %")
        self._style.connect("changed", lambda _: self._styled())
        self._where.connect("changed", lambda _: self._placed())
        self._share.connect("value-changed", lambda _: self._shared())
        self._how = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2, margin_start=18)
        self._how.pack_start(labelled(SHARE, self._share), False, False, 0)
        self._how.pack_start(labelled(WHERE, self._where), False, False, 0)
        self._how.show_all()
        self._how.set_no_show_all(True)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        self.widget.pack_start(labelled(BLEND_MORE if number else BLEND, self._style), False, False, 0)
        self.widget.pack_start(self._how, False, False, 0)
        self.widget.show_all()

    def show(self, styles: Sequence[Style], other: Other | None, places: list[tuple[str, str]], blocked: bool) -> None:
        self._showing, self._other = True, other
        refill(self._style, [("", NO_OTHER), *((style.id, style.title) for style in styles)], other.style if other else "")
        self._how.set_visible(other is not None)
        if other is not None:
            gone = [] if any(where == other.where for where, _ in places) else [(other.where, f"{other.place[1]} (not there)")]
            refill(self._where, [*places, *gone], other.where)
            self._share.set_value(100 * other.share)
            self._share.set_sensitive(bool(other.where) or not blocked)
        self._showing = False

    def _styled(self) -> None:
        chosen = self._style.get_active_id()
        if self._showing or chosen is None:
            return
        if self._other is None:
            self._changed(self._number, Other(chosen))
        else:
            self._changed(self._number, replace(self._other, style=chosen) if chosen else None)

    def _placed(self) -> None:
        where = self._where.get_active_id()
        if not self._showing and where is not None and self._other is not None:
            self._changed(self._number, self._other.moved(where))

    def _shared(self) -> None:
        if not self._showing and self._other is not None:
            self._changed(self._number, replace(self._other, share=self._share.get_value() / 100))


def refill(box: Gtk.ComboBoxText, entries: list[tuple[str, str]], chosen: str) -> None:
    """Offer `entries` (id, text), the chosen one shown; one that is open is left alone where nothing has changed."""
    if [(row[1], row[0]) for row in box.get_model()] != entries:
        box.remove_all()
        for id, text in entries:
            box.append(id, text)
    box.set_active_id(chosen)


def narrow(box: Gtk.ComboBoxText) -> Gtk.ComboBoxText:
    """A list whose entries do not make the window as wide as they are."""
    for cell in box.get_cells():
        cell.set_properties(ellipsize=Pango.EllipsizeMode.END, width_chars=12, max_width_chars=12)
    return box


def labelled(label: str, widget: Gtk.Widget) -> Gtk.Widget:
    """A widget behind its name, whose letter after the underscore leads to it."""
    row, name = Gtk.Box(spacing=6), Gtk.Label.new_with_mnemonic(label)
    name.set_mnemonic_widget(widget)
    row.pack_start(name, False, False, 0)
    row.pack_start(widget, True, True, 0)
    return row
