# SPDX-License-Identifier: GPL-3.0-or-later
"""A window that shows a picture while it gets better, with a button that keeps it as it is.

Invariant: it never keeps the painter from the image; closing it is giving up, and never loses what is already in the image.
"""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import host  # noqa: E402
from controls import note  # noqa: E402
from engine import Verdict  # noqa: E402
from gi.repository import GimpUi, Gtk  # noqa: E402
from scumble_client.desk.labels import CANCEL, KEEP, KEEP_TIP  # noqa: E402
from scumble_client.raster import Raster  # noqa: E402
from viewer import Viewer  # noqa: E402

TITLE = "Scumble paints"
SIZE = (760, 640)
"""Of the window, unless the painter makes it another."""


class Waiting:
    """A window that shows the pictures of a run while they are painted."""

    def __init__(self, image: Any) -> None:
        self.cancelled = False
        self._keep = False
        GimpUi.init("scumble")
        self._window = Gtk.Window(title=TITLE, border_width=12)
        self._window.set_default_size(*SIZE)
        self._window.connect("delete-event", lambda *_: self._cancel())
        self._viewer, self._status, self._bar = Viewer(), note(1), Gtk.ProgressBar()
        self._keeping = Gtk.Button.new_with_mnemonic(f"_{KEEP}")
        self._keeping.set_tooltip_text(KEEP_TIP)
        self._keeping.connect("clicked", lambda _: self._kept())
        cancel = Gtk.Button.new_with_mnemonic(f"_{CANCEL}")
        cancel.connect("clicked", lambda _: self._cancel())
        buttons = Gtk.Box(spacing=6)
        buttons.pack_start(self._viewer.tools, False, False, 0)
        for button in (self._keeping, cancel):
            button.set_size_request(110, -1)
            buttons.pack_end(button, False, False, 0)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        box.pack_start(self._viewer.widget, True, True, 0)
        for widget in (self._bar, self._status, buttons):
            box.pack_start(widget, False, False, 0)
        self._window.add(box)
        self._window.show_all()

    def begin(self, original: Raster, target: host.Target, of: str) -> None:
        """Another layer; `target` is what of it is painted."""
        source, sent = target.source, target.sent
        full = (source.get_width(), source.get_height())
        self._keep = False
        self._viewer.show(None)
        self._viewer.show_original(original if (sent.width, sent.height) == full else _cropped(original, sent, full))
        self._keeping.set_sensitive(False)
        self._window.set_title(f"{TITLE} “{source.get_name()}”{of}")
        self._status.set_text("")

    def show(self, raster: Raster) -> None:
        """Show an unfinished picture."""
        self._viewer.show(raster)
        self._keeping.set_sensitive(not self._keep)

    def say(self, words: str, fraction: float) -> None:
        self._status.set_text("keeping what is shown" if self._keep else words)
        self._bar.set_fraction(fraction)

    def turn(self) -> Verdict:
        """Let the window live a little; what the painter wants."""
        while Gtk.events_pending():
            Gtk.main_iteration_do(False)
        return Verdict.STOP if self.cancelled else Verdict.KEEP if self._keep else Verdict.GO

    def close(self) -> None:
        self._window.destroy()
        while Gtk.events_pending():
            Gtk.main_iteration_do(False)

    def _kept(self) -> None:
        self._keep = True
        self._keeping.set_sensitive(False)
        self._status.set_text("keeping what is shown")

    def _cancel(self) -> bool:
        self.cancelled = True
        return True


def _cropped(raster: Raster, part: host.Area, full: tuple[int, int]) -> Raster:
    """A part of a small picture; `part` and `full` are in the layer's pixels."""
    scale = raster.width / full[0]
    left, top = round(part.x * scale), round(part.y * scale)
    width = max(1, min(raster.width - left, round(part.width * scale)))
    height = max(1, min(raster.height - top, round(part.height * scale)))
    rows = (raster.rows(y, 1)[left * 4 : (left + width) * 4] for y in range(top, top + height))
    return Raster(width, height, "u8", "rgba", b"".join(rows))
