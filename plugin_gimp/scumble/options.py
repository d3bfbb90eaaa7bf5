# SPDX-License-Identifier: GPL-3.0-or-later
"""A method's further options, each in a widget made of what the engine's catalogue says of it.

Invariant: `changed` is called for what the painter does, never for what `show` shows, with only what differs from the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402
from others import labelled, narrow, refill  # noqa: E402
from scumble_client.catalogue import Method, Option  # noqa: E402
from scumble_client.desk.words import choice_text  # noqa: E402

COMMON = ("brush_size", "keep_colours")
"""Options that have controls of their own."""


class Options:
    """`widget` goes into a window."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._options: tuple[Option, ...] = ()
        self._chosen: dict[str, Any] = {}
        self._showers: dict[str, Callable[[Any], None]] = {}
        self._showing = False
        self.widget = self._box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)

    def show(self, method: Method, chosen: Mapping[str, Any]) -> None:
        """Show a method's options, with the values that are chosen."""
        self._showing, self._chosen = True, dict(chosen)
        options = tuple(option for option in method.options if option.name not in COMMON)
        if options != self._options:
            self._options = options
            self._showers.clear()
            for child in self._box.get_children():
                self._box.remove(child)
            for option in options:
                widget, self._showers[option.name] = self._made(option)
                widget.set_tooltip_text(option.help)
                self._box.pack_start(labelled(option.title, widget), False, False, 0)
            self._box.show_all()
        for option in options:
            self._showers[option.name](chosen.get(option.name, option.default))
        self._showing = False

    def _set(self, option: Option, value: Any) -> None:
        if self._showing:
            return
        chosen = {name: old for name, old in self._chosen.items() if name != option.name}
        self._chosen = chosen if value == option.default else {**chosen, option.name: value}
        self._changed(self._chosen)

    def _made(self, option: Option) -> tuple[Gtk.Widget, Callable[[Any], None]]:
        """A widget for an option, and what shows a value in it."""
        if option.kind == "bool":
            check = Gtk.CheckButton()
            check.connect("toggled", lambda _: self._set(option, check.get_active()))
            return check, lambda value: check.set_active(bool(value))
        if option.kind == "choice":
            box = narrow(Gtk.ComboBoxText())
            entries = [(choice, choice_text(option.name, choice)) for choice in option.choices or ()]
            box.connect("changed", lambda _: box.get_active_id() is not None and self._set(option, box.get_active_id()))
            return box, lambda value: refill(box, entries, str(value))
        if option.kind in ("int", "float"):
            return self._number(option)
        line = Gtk.Entry(width_chars=8)
        line.connect("activate", lambda _: self._set(option, line.get_text()))
        line.connect("focus-out-event", lambda *_: self._set(option, line.get_text()))
        return line, lambda value: line.set_text(str(value))

    def _number(self, option: Option) -> tuple[Gtk.Widget, Callable[[Any], None]]:
        whole = option.kind == "int"
        most = 2**31 - 1 if option.maximum is None else option.maximum
        spin = Gtk.SpinButton.new_with_range(option.minimum or 0, most, option.step or (1 if whole else 0.01))
        spin.set_digits(0 if whole else 3)

        def moved(_: Gtk.SpinButton) -> None:
            self._set(option, spin.get_value_as_int() if whole else round(spin.get_value(), 6))

        spin.connect("value-changed", moved)
        return spin, lambda value: spin.set_value(float(value))
