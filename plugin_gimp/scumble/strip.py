# SPDX-License-Identifier: GPL-3.0-or-later
"""What was tried in the dialogue, as a strip to choose from: next and previous, the original while it is held, apply, discard.

Invariant: there is one picture of each choice of styles, places and method, the newest; the strip shows once there are two to
choose from. GIMP lets a plug-in show nothing on the canvas but a layer, whose coming and going were steps to undo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
import engine as asking  # noqa: E402
from gi.repository import GdkPixbuf, Gtk, Pango  # noqa: E402
from preview import Tried  # noqa: E402
from scumble_client.desk.labels import APPLY, DISCARD, NEXT, ORIGINAL, PREVIOUS, STRIP_TIPS  # noqa: E402
from scumble_client.raster import Raster  # noqa: E402
from settings import Settings  # noqa: E402
from viewer import mixed, pixbuf  # noqa: E402

SIDE = 64
"""Longest side of a picture, in pixels."""
WIDTH = 524
"""Pixels that it takes from the beginning, while it is hidden: more than its buttons need, so that nothing moves when it
comes."""
KEPT_TIP = "Forget all but the one that is shown"


@dataclass(frozen=True)
class _Try:
    """What is kept of a try: large pictures are not (preview.py keeps the last ones)."""

    key: Any
    settings: Settings
    title: str
    picture: GdkPixbuf.Pixbuf


class Strip:
    """`widget` goes into a window. `chosen` gets the settings of what is to be shown, `compare` whether the original is,
    `apply` is called to paint what is shown, `forget` when all others go."""

    def __init__(
        self,
        chosen: Callable[[Settings], None],
        compare: Callable[[bool], None],
        apply: Callable[[], None],
        forget: Callable[[], None],
    ) -> None:
        self._chosen, self._forget = chosen, forget
        self._all: list[_Try] = []
        self._last: tuple[Raster, GdkPixbuf.Pixbuf, GdkPixbuf.Pixbuf] | None = None
        self._at = -1
        self._showing = False
        self._buttons: list[Gtk.RadioButton] = []
        self._row, self._text = Gtk.Box(spacing=2), Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._text.get_style_context().add_class("dim-label")
        self._scrolled = Gtk.ScrolledWindow(vscrollbar_policy=Gtk.PolicyType.NEVER, overlay_scrolling=False)
        self._scrolled.add(self._row)
        hold = _button(ORIGINAL)
        hold.connect("pressed", lambda _: compare(True))
        hold.connect("released", lambda _: compare(False))
        buttons = Gtk.Box(spacing=4)
        for text, act in ((PREVIOUS, lambda: self.step(-1)), (NEXT, lambda: self.step(1))):
            buttons.pack_start(_button(text, act), False, False, 0)
        buttons.pack_start(self._text, True, True, 4)
        for button in (hold, _button(APPLY, apply), _button(DISCARD, self._discard)):
            buttons.pack_start(button, False, False, 0)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        box.pack_start(self._scrolled, False, False, 0)
        box.pack_start(buttons, False, False, 0)
        box.show_all()
        self.widget = Gtk.Revealer(transition_type=Gtk.RevealerTransitionType.SLIDE_DOWN, transition_duration=0)
        self.widget.add(box)
        self.widget.set_size_request(WIDTH, -1)

    def take(self, new: Tried) -> None:
        """What is shown now; in the place of what was tried with the same choice before, or at the end."""
        title = asking.result_name(new.choice, replace(new.settings, quality=""))
        self._put(_Try(new.key, new.settings, title, self._thumbnail(new)))

    def step(self, by: int) -> None:
        """To the next (1) or previous (-1) one, around the ends."""
        if self._all:
            self._show((self._at + by) % len(self._all))

    def _put(self, new: _Try) -> None:
        keys = [one.key for one in self._all]
        at = keys.index(new.key) if new.key in keys else len(keys)
        self._all[at : at + 1] = [new]
        if at == len(self._buttons):
            self._buttons.append(self._make())
            self._row.pack_start(self._buttons[at], False, False, 0)
        self._buttons[at].set_image(Gtk.Image.new_from_pixbuf(new.picture))
        self._buttons[at].set_tooltip_text(new.title)
        self._buttons[at].show_all()
        self._text.set_text(new.title)
        self._at, self._showing = at, True
        self._buttons[at].set_active(True)
        self._showing = False
        self.widget.set_reveal_child(len(self._all) > 1)

    def _thumbnail(self, new: Tried) -> GdkPixbuf.Pixbuf:
        """Small; a slider asks for the same pictures again and again."""
        if self._last is None or self._last[0] is not new.raster:
            self._last = (new.raster, _small(pixbuf(new.raster)), _small(pixbuf(new.original)))
        _, painted, original = self._last
        return painted if new.share >= 1 else mixed(original, painted, new.share)

    def _make(self) -> Gtk.RadioButton:
        group = self._buttons[0] if self._buttons else None
        button = Gtk.RadioButton(group=group, draw_indicator=False, always_show_image=True, relief=Gtk.ReliefStyle.NONE)
        button.connect("toggled", self._toggled)
        return button

    def _toggled(self, button: Gtk.RadioButton) -> None:
        if button.get_active() and not self._showing:
            self._show(self._buttons.index(button))

    def _show(self, at: int) -> None:
        self._at = at
        self._chosen(self._all[at].settings)

    def _discard(self) -> None:
        shown = self._all[self._at]
        for button in self._buttons:
            self._row.remove(button)
        self._all, self._buttons = [], []
        self._forget()
        self._put(shown)


def _small(picture: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    scale = SIDE / max(picture.get_width(), picture.get_height())
    size = [max(1, round(n * scale)) for n in (picture.get_width(), picture.get_height())]
    return picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def _button(text: str, act: Callable[[], None] | None = None) -> Gtk.Button:
    button = Gtk.Button(label=text, tooltip_text=KEPT_TIP if text == DISCARD else STRIP_TIPS[text])
    if act is not None:
        button.connect("clicked", lambda _: act())
    return button
