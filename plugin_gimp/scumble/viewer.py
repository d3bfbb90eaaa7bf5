# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture to examine: as large as fits, or zoomed and moved; the layer itself while the mouse is held.

Invariant: the point to have in the middle is kept as fractions of the picture, and is there at every size of picture and
area, as far as the edges allow; `show` never changes it. Mixing by strength happens here, on what is on the screen, so that
it follows a slider at once.
"""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402
from scumble_client.raster import Raster  # noqa: E402

LEAST = (420, 320)
"""Pixels of the screen that it asks for; it takes what more there is."""
STEP = 1.5
"""Between two zooms."""
MOST, LARGEST = 8.0, 4096
"""Pixels of the screen a pixel of the picture, and in all along its longer side: more would be slow to mix."""
DRAGGED = 5
"""Pixels after which a held mouse moves the picture."""
CHECKS = (8, 0x999999, 0xBBBBBB)
"""Side and colours of what shows through transparent parts."""


class Viewer:
    """`widget` goes into a window."""

    def __init__(self) -> None:
        self._original: GdkPixbuf.Pixbuf | None = None
        self._painted: GdkPixbuf.Pixbuf | None = None
        self._share = 1.0
        self._zoom: float | None = None  # None is as large as fits
        self._centre = (0.5, 0.5)  # the point of the picture, as fractions of it, to have in the middle
        self._first: tuple[float, float, float, float] | None = None  # what to look at first, as fractions of the picture
        self._held: tuple[float, float, float, float] | None = None  # where the mouse was pressed, and what was in sight
        self._moving = self._comparing = False
        self._flat: dict[str, tuple[object, GdkPixbuf.Pixbuf]] = {}
        self._image = Gtk.Image()
        events = Gtk.EventBox()
        events.add(self._image)
        events.add_events(Gdk.EventMask.SCROLL_MASK | Gdk.EventMask.POINTER_MOTION_MASK)
        events.connect("button-press-event", lambda _, event: self._press(event))
        events.connect("button-release-event", lambda _, event: self._release())
        events.connect("motion-notify-event", lambda _, event: self._move(event))
        events.connect("scroll-event", lambda _, event: self._scroll(event))
        events.set_tooltip_text("Hold the mouse to see the layer as it is. The wheel zooms; drag to look elsewhere.")
        self._area = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN, overlay_scrolling=False)
        self._area.add(events)
        self._area.set_size_request(*LEAST)
        self._area.connect("size-allocate", lambda *_: self._sized())
        for bar in self._bars():
            bar.connect("changed", lambda _: self._put_in_middle())
            bar.connect("value-changed", lambda _: self._scrolled())
        self._size = (0, 0)
        self._zoom_label = Gtk.Label(xalign=1.0)
        self.tools = Gtk.Box(spacing=4)
        for text, tip, act in (
            ("−", "Smaller", lambda: self._zoom_to(self.scale / STEP)),
            ("+", "Larger", lambda: self._zoom_to(self.scale * STEP)),
            ("1:1", "A pixel of the preview on a pixel of the screen", lambda: self._zoom_to(1.0)),
            ("Fit", "All of it", self.fit),
        ):
            self.tools.pack_start(_button(text, tip, act), False, False, 0)
        self.tools.pack_start(self._zoom_label, False, False, 4)
        self.widget = self._area

    def show_original(self, raster: Raster) -> None:
        """The layer as it is, of the size of the pictures to come."""
        self._original = pixbuf(raster)
        if self._size != (0, 0):
            self._look_at_first()
        self._draw()

    def show(self, raster: Raster | None, share: float = 1.0) -> None:
        """A painted picture, mixed with the layer by `share`; None is the layer alone."""
        self._painted, self._share = None if raster is None else pixbuf(raster), share
        self._draw()

    def mix(self, share: float) -> None:
        """Show the same picture with another share."""
        self._share = share
        self._draw()

    def look_at(self, x: float, y: float, width: float, height: float) -> None:
        """A part of the picture to show first, as fractions of it."""
        self._first = (x, y, width, height)

    def compare(self, original: bool) -> None:
        """Show the layer as it is, as long as this is wanted."""
        self._comparing = original
        self._draw()

    def fit(self) -> None:
        """Show all of the picture."""
        self._zoom = None
        self._draw()

    @property
    def scale(self) -> float:
        """Pixels of the screen a pixel of the picture."""
        return self._fitting() if self._zoom is None else self._zoom

    def _fitting(self) -> float:
        if self._original is None:
            return 1.0
        width, height = self._room()
        return max(0.01, min(width / self._original.get_width(), height / self._original.get_height(), MOST))

    def _most(self) -> float:
        side = max(self._original.get_width(), self._original.get_height()) if self._original else 1
        return max(self._fitting(), min(MOST, LARGEST / side))

    def _room(self) -> tuple[int, int]:
        area = self._area.get_allocation()
        return max(LEAST[0], area.width) - 4, max(LEAST[1], area.height) - 4

    def _look_at_first(self) -> None:
        if self._first is None or self._original is None:
            return
        (x, y, width, height), self._first = self._first, None
        room = self._room()
        size = (self._original.get_width(), self._original.get_height())
        wanted = min(room[0] / max(1.0, width * size[0]), room[1] / max(1.0, height * size[1])) * 0.9
        if wanted > self._fitting() * 1.2:
            self._centre = (x + width / 2, y + height / 2)
            self._zoom_to(min(wanted, MOST / 2))

    def _zoom_to(self, scale: float) -> None:
        self._zoom = None if scale <= self._fitting() else min(scale, self._most())
        self._draw()

    def _bars(self) -> tuple[Gtk.Adjustment, Gtk.Adjustment]:
        return self._area.get_hadjustment(), self._area.get_vadjustment()

    def _put_in_middle(self) -> None:
        """Called when picture and area have got their sizes, which may be some time after a zoom."""
        for bar, at in zip(self._bars(), self._centre, strict=True):
            bar.set_value(_value(bar, at))

    def _scrolled(self) -> None:
        """The painter has moved the picture, unless the bars stand where they were put."""
        x, y = (
            _at(bar) if abs(bar.get_value() - _value(bar, at)) > 1 else at
            for bar, at in zip(self._bars(), self._centre, strict=True)
        )
        self._centre = (x, y)

    def _press(self, event: Gdk.EventButton) -> None:
        bars = self._bars()
        self._held = (event.x_root, event.y_root, bars[0].get_value(), bars[1].get_value())
        self._moving = False
        self._draw()

    def _release(self) -> None:
        self._held, self._moving = None, False
        self._draw()

    def _move(self, event: Gdk.EventMotion) -> None:
        if self._held is None or self._zoom is None:
            return
        x, y, left, top = self._held
        if not self._moving and max(abs(event.x_root - x), abs(event.y_root - y)) > DRAGGED:
            self._moving = True
            self._draw()
        if self._moving:
            self._area.get_hadjustment().set_value(left - event.x_root + x)
            self._area.get_vadjustment().set_value(top - event.y_root + y)

    def _scroll(self, event: Gdk.EventScroll) -> bool:
        up = event.direction == Gdk.ScrollDirection.UP
        if up or event.direction == Gdk.ScrollDirection.DOWN:
            self._zoom_to(self.scale * (STEP if up else 1 / STEP))
        return True

    def _sized(self) -> None:
        area = self._area.get_allocation()
        if (area.width, area.height) != self._size:
            self._size = (area.width, area.height)
            GLib.idle_add(self._resized)

    def _resized(self) -> bool:
        self._look_at_first()
        if self._zoom is None:
            self._draw()
        return False

    def _draw(self) -> None:
        if self._original is None:
            return
        shown = self._flattened("original", self._original)
        comparing = self._comparing or (self._held is not None and not self._moving)
        if self._painted is not None and not comparing and self._share > 0:
            painted = self._flattened("painted", self._painted)
            shown = painted if self._share >= 1 else mixed(shown, painted, self._share)
        self._image.set_from_pixbuf(shown)
        self._zoom_label.set_text(f"{self.scale * 100:.0f} %")

    def _flattened(self, name: str, picture: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
        """The picture without transparency, at the scale of the screen; kept, since a slider asks for it again and again."""
        size = [max(1, round(n * self.scale)) for n in (self._original.get_width(), self._original.get_height())]
        key = (picture, *size)
        kept = self._flat.get(name)
        if kept is None or kept[0] != key:
            how = GdkPixbuf.InterpType.BILINEAR if self.scale < 2 else GdkPixbuf.InterpType.NEAREST
            kept = self._flat[name] = (key, _over_checks(picture, size, how))
        return kept[1]


def _value(bar: Gtk.Adjustment, at: float) -> float:
    """Where a bar stands when this fraction of the picture is in the middle, or as near to it as can be."""
    return max(0.0, min(at * bar.get_upper() - bar.get_page_size() / 2, bar.get_upper() - bar.get_page_size()))


def _at(bar: Gtk.Adjustment) -> float:
    """The fraction of the picture that is in the middle."""
    return (bar.get_value() + bar.get_page_size() / 2) / max(1.0, bar.get_upper())


def pixbuf(raster: Raster) -> GdkPixbuf.Pixbuf:
    """A u8 rgba picture for the screen."""
    data = GLib.Bytes.new(bytes(raster.data))
    size = (raster.width, raster.height, raster.stride)
    return GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, True, 8, *size)


def _over_checks(picture: GdkPixbuf.Pixbuf, size: list[int], how: GdkPixbuf.InterpType) -> GdkPixbuf.Pixbuf:
    """The picture in another size; over checks, unless it is opaque (they would darken it by a level)."""
    alpha = picture.get_pixels()[3::4]
    if alpha.count(255) == len(alpha):
        return picture.scale_simple(*size, how)
    return picture.composite_color_simple(*size, how, 255, *CHECKS)


def mixed(original: GdkPixbuf.Pixbuf, painted: GdkPixbuf.Pixbuf, share: float) -> GdkPixbuf.Pixbuf:
    """A share of a painted picture over the original, which has its size."""
    both, size = original.copy(), (original.get_width(), original.get_height())
    painted.composite(both, 0, 0, *size, 0, 0, 1, 1, GdkPixbuf.InterpType.NEAREST, round(255 * share))
    return both


def _button(text: str, tip: str, act: Callable[[], None]) -> Gtk.Button:
    button = Gtk.Button(label=text, relief=Gtk.ReliefStyle.NONE, tooltip_text=tip)
    button.connect("clicked", lambda _: act())
    return button
