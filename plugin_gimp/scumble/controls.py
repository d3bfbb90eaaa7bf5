# SPDX-License-Identifier: GPL-3.0-or-later
"""Strength, further styles, quality, method, brush size, colours and the rest, in the order of Krita's docker.

Invariant: the procedure's config holds every choice; what the painter does is written there, and `show` shows it.
"""

from __future__ import annotations

import json
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
import engine as asking  # noqa: E402
import places  # noqa: E402
from gi.repository import Gtk  # noqa: E402
from options import Options  # noqa: E402
from others import Others, labelled, narrow, refill  # noqa: E402
from scumble_client.catalogue import Catalogue  # noqa: E402
from scumble_client.desk.effort import brush_takes, limits_of_brush  # noqa: E402
from scumble_client.desk.labels import KEEP_COLOURS, METHOD, ONE_RESULT, ONE_RESULT_TIP, QUALITY  # noqa: E402
from scumble_client.desk.quality import TIP, qualities, quality_of  # noqa: E402
from settings import Settings, others_from_text, others_to_text  # noqa: E402


class Controls:
    """`widget` goes into the `window`, a GimpUi.ProcedureDialog, which makes the widgets of plain numbers itself."""

    def __init__(self, window: Any, config: Any, image: Any, editing: bool) -> None:
        self._config = config
        self._showing = False
        self._others = Others(
            lambda others: config.set_property("others", others_to_text(others)), lambda: places.listed(image)
        )
        self._method, self._keeping = narrow(Gtk.ComboBoxText()), narrow(Gtk.ComboBoxText())
        self._method.connect("changed", lambda box: self._set("method", box.get_active_id()))
        self._keeping.connect("changed", lambda box: self._set("keep-colours", box.get_active_id()))
        self._quality = narrow(Gtk.ComboBoxText())
        self._quality.set_tooltip_text(TIP)
        self._quality.connect("changed", lambda box: self._set("quality", box.get_active_id()))
        self._brush, self._purpose = note(1), note(2)
        self._brush.set_no_show_all(True)
        self._options = Options(lambda more: config.set_property("options", json.dumps(more) if more else ""))
        replaces = window.get_widget("replace", Gtk.CheckButton)
        replaces.set_label("Take this result's place" if editing else ONE_RESULT)
        replaces.set_tooltip_text("The new result replaces the one that is edited" if editing else ONE_RESULT_TIP)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for widget in (
            window.get_scale_entry("strength", 100.0),
            self._others.widget,
            labelled(f"_{QUALITY}", self._quality),
            labelled(f"_{METHOD}", self._method),
            self._purpose,
            window.get_scale_entry("brush-size", 1.0),
            self._brush,
            labelled(f"_{KEEP_COLOURS}", self._keeping),
            self._options.widget,
            replaces,
        ):
            self.widget.pack_start(widget, False, False, 0)

    def show(self, choice: asking.Choice, settings: Settings) -> None:
        """Show the chosen settings, and the choices there are."""
        self._showing = True
        refill(self._quality, list(qualities(choice.method)), quality_of(choice.method, settings.quality) or "")
        refill(self._method, [(method.id, method.title) for method in choice.able], choice.method.id)
        self._purpose.set_text(choice.method.purpose)
        keeping = asking.keep_colours(choice.method)
        entries = [("" if way == keeping.usual else way, way) for way in keeping.choices]
        refill(self._keeping, entries, "" if settings.keep_colours == keeping.usual else settings.keep_colours)
        self._keeping.set_sensitive(bool(entries))
        self._keeping.set_tooltip_text(keeping.help)
        self._options.show(choice.method, settings.more)
        self._showing = False

    def show_brush(self, settings: Settings, size: tuple[int, int], seconds_a_pixel: float | None) -> None:
        """Show what the brush size means for a layer of `size`."""
        text = limits_of_brush(settings.more) or brush_takes(*size, settings.brush_size, seconds_a_pixel)
        self._brush.set_text(text)
        self._brush.set_visible(bool(text))

    def show_others(self, catalogue: Catalogue, blocked: bool) -> None:
        """The further styles; `blocked` where no method can blend them."""
        others = others_from_text(self._config.get_property("others") or "")
        self._others.show(asking.order(catalogue), others, blocked)

    def _set(self, name: str, value: str | None) -> None:
        if not self._showing and value is not None:
            self._config.set_property(name, value)


def note(lines: int) -> Gtk.Label:
    """Room for so many lines from the beginning: the window does not grow under the pointer. Longer texts take theirs."""
    label = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True, max_width_chars=40)
    label.get_style_context().add_class("dim-label")
    label.set_size_request(-1, label.create_pango_layout("\n" * (lines - 1)).get_pixel_size()[1])
    return label
