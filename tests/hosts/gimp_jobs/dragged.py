# SPDX-License-Identifier: Apache-2.0
"""A window of another program, from which the files that it is given can be dragged: `python3 dragged.py FILE...`"""

import sys
from pathlib import Path

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

window, box = Gtk.Window(title="Files to be dragged"), Gtk.EventBox()
box.add(Gtk.Label(label="Drag me"))
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
box.drag_source_add_uri_targets()
box.connect("drag-data-get", lambda _box, _context, data, *_: data.set_uris([Path(name).as_uri() for name in sys.argv[1:]]))
box.connect("drag-end", lambda *_: Gtk.main_quit())
window.add(box)
window.resize(180, 40)
window.move(0, 0)
window.set_keep_above(True)
window.show_all()
Gtk.main()
