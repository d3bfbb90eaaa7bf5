# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles of the painter's own: pictures and layers that are handed to the engine, several at once; renaming and removing.

Invariant: `done` is called with the last new style when all that was asked for is over, with "" when styles have changed
otherwise, `trouble` with what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
import host  # noqa: E402
from gi.repository import Gimp, Gtk  # noqa: E402
from scumble_client.catalogue import Style  # noqa: E402
from scumble_client.desk.choosing import plain_id  # noqa: E402
from scumble_client.desk.labels import ADD, ADD_BUTTON, FROM_FILES  # noqa: E402
from scumble_client.desk.names import LONGEST, new_name, style_name  # noqa: E402
from scumble_client.desk.sizes import STYLE_SIDE  # noqa: E402
from scumble_client.events import Answer, Event, Failed, Rejected, RequestFailed, StyleStored  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Mistake  # noqa: E402

CHOOSE = "A picture to use as the style"
RENAME = "A style of your own"


class Adding:
    """`widget`, a button with a menu, goes into the `window`."""

    def __init__(
        self,
        window: Gtk.Window,
        image: Any,
        session: Session,
        say: Callable[[str], None],
        trouble: Callable[[str], None],
        done: Callable[[str], None],
    ) -> None:
        self._window, self._session, self._say, self._trouble, self._done = window, session, say, trouble, done
        self._jobs: set[str] = set()
        self._changes: set[int] = set()
        self._added = ""
        self.widget = Gtk.MenuButton(label=ADD_BUTTON, tooltip_text=ADD, popup=self._menu(image))

    def remove(self, style: str) -> None:
        """Take a style of the painter's away."""
        self._changes.add(self._session.remove_style(style))

    def rename(self, style: Style) -> None:
        """Ask for another name for a style of the painter's."""
        name = new_name(_ask_name(self._window, style.title), style.title)
        if name:
            self._changes.add(self._session.rename_style(style.id, name))

    def handle(self, event: Event) -> bool:
        """Whether the event was about a style of the painter's."""
        if isinstance(event, (Answer, RequestFailed)) and event.request in self._changes:
            self._changes.discard(event.request)
            if isinstance(event, RequestFailed):
                self._trouble(str(event.error()))
            else:
                self._done("")
        elif isinstance(event, (StyleStored, Rejected, Failed)) and event.job in self._jobs:
            self._jobs.discard(event.job)
            if isinstance(event, StyleStored):
                self._added = plain_id(event.style)
            else:
                self._trouble(str(event.error()))
            if not self._jobs and self._added:
                self._done(self._added)
                self._added = ""
        else:
            return False
        return True

    def _ask(self) -> None:
        chooser = Gtk.FileChooserDialog(title=CHOOSE, transient_for=self._window)
        chooser.add_buttons("_Cancel", Gtk.ResponseType.CANCEL, "_Open", Gtk.ResponseType.ACCEPT)
        chooser.set_select_multiple(True)
        name = Gtk.Entry(max_length=LONGEST, activates_default=True, hexpand=True)
        row = Gtk.Box(spacing=6)
        row.pack_start(Gtk.Label.new_with_mnemonic("_Name of the style"), False, False, 0)
        row.get_children()[0].set_mnemonic_widget(name)
        row.pack_start(name, True, True, 0)
        row.show_all()
        chooser.set_extra_widget(row)
        chooser.connect("selection-changed", lambda _: _suggest(chooser, name))
        files = chooser.get_files() if chooser.run() == Gtk.ResponseType.ACCEPT else []
        typed = name.get_text().strip()
        chooser.destroy()
        self.add_files(files, typed)

    def add_files(self, files: Sequence[Any], typed: str = "") -> None:
        """Picture files (Gio.File) as styles: a single one as typed, or after its file. One that cannot be opened does not stop
        the others."""
        for file in files:
            try:
                called, raster = host.picture(file, STYLE_SIDE)
            except Mistake as e:
                self._trouble(str(e))
                continue
            self._add(typed if typed and len(files) == 1 else style_name(called), raster)

    def _menu(self, image: Any) -> Gtk.Menu:
        """Where a style can come from."""
        menu = Gtk.Menu()
        files = Gtk.MenuItem(label=FROM_FILES)
        files.connect("activate", lambda _: self._ask())
        menu.append(files)
        for layer in host.other_layers(image):
            item = Gtk.MenuItem(label=f"From the layer “{layer.get_name()}”")
            item.connect("activate", lambda _, layer=layer: self._add_layer(layer))
            menu.append(item)
        menu.show_all()
        return menu

    def _add_layer(self, layer: Gimp.Layer) -> None:
        if layer.is_valid():
            self._add(layer.get_name()[:LONGEST], host.small(layer, STYLE_SIDE))

    def _add(self, name: str, raster: Any) -> None:
        self._jobs.add(self._session.put_style(name, raster))
        self._say(f"Adding “{name}” to your styles…")


def _ask_name(window: Gtk.Window, now: str) -> str:
    """Ask for a name; "" where the painter cancels."""
    dialog = Gtk.Dialog(title=RENAME, transient_for=window, modal=True)
    dialog.add_buttons("_Cancel", Gtk.ResponseType.CANCEL, "_Rename", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    entry = Gtk.Entry(text=now, max_length=LONGEST, activates_default=True, width_chars=40)
    row = Gtk.Box(spacing=6, margin=12)
    row.pack_start(Gtk.Label(label="Its name:"), False, False, 0)
    row.pack_start(entry, True, True, 0)
    row.show_all()
    dialog.get_content_area().pack_start(row, True, True, 0)
    typed = entry.get_text() if dialog.run() == Gtk.ResponseType.OK else ""
    dialog.destroy()
    return str(typed)


def _suggest(chooser: Gtk.FileChooserDialog, name: Gtk.Entry) -> None:
    """The file's name in words; several files are called by their own."""
    files = chooser.get_files()
    one = len(files) == 1
    name.set_sensitive(one or not files)
    name.set_text(style_name(files[0].get_basename() or "") if one else "")
