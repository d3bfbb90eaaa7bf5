# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of an image as a list: an entry's settings can be taken up, or painted again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GLib, Gtk, Pango  # noqa: E402
from scumble_client.desk.history import THUMBNAIL, Entry  # noqa: E402
from scumble_client.desk.labels import PAINT_AGAIN, USE  # noqa: E402


class HistoryList:
    """`widget` goes into a window. `use` gets the chosen entry, and whether it is to be painted at once."""

    def __init__(self, entries: Sequence[Entry], use: Callable[[Entry, bool], None]) -> None:
        self._entries, self._use = entries, use
        self._list = Gtk.ListBox(activate_on_single_click=False)
        self._list.set_placeholder(_placeholder())
        for entry in entries:
            self._list.add(_row(entry))
        self._list.connect("row-activated", lambda *_: self._chosen(False))
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, shadow_type=Gtk.ShadowType.IN)
        scrolled.add(self._list)
        buttons = Gtk.Box(spacing=6, homogeneous=True)
        for label, again in ((USE, False), (PAINT_AGAIN, True)):
            button = Gtk.Button(label=label, sensitive=bool(entries))
            button.connect("clicked", lambda _, again=again: self._chosen(again))
            buttons.pack_start(button, True, True, 0)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.widget.pack_start(scrolled, True, True, 0)
        self.widget.pack_start(buttons, False, False, 0)
        if entries:
            self._list.select_row(self._list.get_row_at_index(0))

    def _chosen(self, again: bool) -> None:
        row = self._list.get_selected_row()
        if row is not None:
            self._use(self._entries[row.get_index()], again)


def _placeholder() -> Gtk.Label:
    label = Gtk.Label(label="Nothing has been painted in this image yet.", wrap=True, max_width_chars=24, margin=12)
    label.get_style_context().add_class("dim-label")
    label.show()
    return label


def _row(entry: Entry) -> Gtk.Widget:
    row, words = Gtk.Box(spacing=8, margin=4), Gtk.Box(orientation=Gtk.Orientation.VERTICAL, valign=Gtk.Align.CENTER)
    picture = Gtk.Image()
    picture.set_size_request(THUMBNAIL, THUMBNAIL)
    pixbuf = _picture(entry.picture)
    if pixbuf is not None:
        picture.set_from_pixbuf(pixbuf)
    for text, kind in ((entry.title, "label"), (f"{entry.layer}, {entry.seconds:.1f} s", "dim-label")):
        label = Gtk.Label(label=text, xalign=0.0, ellipsize=Pango.EllipsizeMode.END, max_width_chars=22)
        label.get_style_context().add_class(kind)
        label.set_tooltip_text(text)
        words.pack_start(label, False, False, 0)
    row.pack_start(picture, False, False, 0)
    row.pack_start(words, True, True, 0)
    return row


def _picture(data: bytes) -> GdkPixbuf.Pixbuf | None:
    loader = GdkPixbuf.PixbufLoader()
    try:
        loader.write(data)
        loader.close()
        return loader.get_pixbuf()
    except GLib.Error:
        return None
