# SPDX-License-Identifier: Apache-2.0
"""Reads the widgets of Scumble's dialogue, for tests only: a GIMP that has this folder on PYTHONPATH runs the Python in
~/widgets/N.py in the loop of the dialogue that is open, and writes what that sets as `answer` to ~/widgets/N.json. Python
imports this file by itself.

Invariant: it looks at GTK's widgets alone, as they are on the screen, and knows nothing of the plug-in.
"""

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

FOLDER = Path(os.environ.get("HOME", "/"), "widgets")


def watch():
    while True:
        for script in sorted(FOLDER.glob("*.py")):
            taken = script.with_suffix(".taken")
            script.rename(taken)
            from gi.repository import GLib

            GLib.idle_add(obey, taken)
        time.sleep(0.02)


def obey(script):
    names = {"answer": None, "shown": shown, "texts": texts, "middle": middle, "button": button, "beside": beside}
    try:
        exec(script.read_text(), names)
        result = {"answer": names["answer"]}
    except Exception:
        result = {"raised": traceback.format_exc()}
    draft = script.with_suffix(".draft")
    draft.write_text(json.dumps(result))
    draft.rename(script.with_suffix(".json"))
    return False


def shown(kind):
    """The widgets of a class of GTK that are on the screen, in reading order of their tops."""
    from gi.repository import Gtk

    windows = [window for window in Gtk.Window.list_toplevels() if window.get_mapped()]
    placed = [(*widget.translate_coordinates(window, 0, 0), widget) for window in windows for widget in _all(window)]
    return [one for _, _, one in sorted(placed, key=lambda place: (place[1], place[0])) if isinstance(one, getattr(Gtk, kind))]


def texts():
    """What all labels on the screen say, in that order."""
    return [label.get_text() for label in shown("Label") if label.get_text()]


def button(label):
    """The first with this label, whichever letter is underlined."""
    return next(one for one in shown("Button") if (one.get_label() or "").replace("_", "") == label)


def beside(label, kind):
    """The widget of a class of GTK that stands in the row of a label."""
    row = middle(next(one for one in shown("Label") if one.get_text() == label))[1]
    return min(shown(kind), key=lambda one: abs(middle(one)[1] - row))


def middle(widget):
    """Where it is on the screen."""
    _, x, y = widget.get_window().get_origin()
    place = widget.get_allocation()
    left, top = (0, 0) if widget.get_has_window() else (place.x, place.y)
    return [x + left + place.width // 2, y + top + place.height // 2]


def _all(widget):
    from gi.repository import Gtk

    if widget.get_mapped():
        yield widget
        if isinstance(widget, Gtk.Container):
            for child in widget.get_children():
                yield from _all(child)


if any(part.endswith("/scumble.py") for part in sys.orig_argv) and FOLDER.is_dir():
    threading.Thread(target=watch, daemon=True).start()
