# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery: styles as thumbnails, or as they paint the user's own layer, with a box to filter them by name.

Invariant: `picked` is called for what the painter clicks, walks or filters to, never for what `select` selects; `settled`
for a double click or the return key, `left` for the escape key in the filter box, which would keep it to itself. Whatever
the filter leaves, the style that counts is one of those in sight, if there are any; where `select` selects one, it is scrolled
to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, Gio, GLib, Gtk, Pango  # noqa: E402
from scumble_client.catalogue import Style  # noqa: E402
from scumble_client.desk.labels import FIND, TRY_ALL  # noqa: E402
from scumble_client.desk.shelf import WHICH, matching  # noqa: E402

Entry = tuple[str, "bool | None", Callable[[], None]]
SIDE, TRIED = 96, 128
"""Pixels along a thumbnail, and at most along a try that is shown in its place."""


class Gallery:
    """The gallery of a window: `widget` goes into it; `fill` may be called again whenever the styles have changed.

    `menu` gives the entries of a style's menu, as (label, whether it is ticked or None, action).
    """

    def __init__(
        self,
        picked: Callable[[Style], None],
        settled: Callable[[], None],
        left: Callable[[], None],
        menu: Callable[[Style], Sequence[Entry]],
        tried: Callable[[], None],
        shelved: Callable[[], None],
        dropped: Callable[[list[Gio.File]], None],
    ) -> None:
        self._picked, self._settled, self._menu = picked, settled, menu
        self._styles: dict[Gtk.FlowBoxChild, Style] = {}
        self._images: dict[str, Gtk.Image] = {}
        """By the style, id@rev."""
        self._tries: dict[str, GdkPixbuf.Pixbuf] = {}
        """What each style (id@rev) makes of the painter's layer."""
        self._to_reveal: Gtk.FlowBoxChild | None = None
        """The style to scroll to as soon as it has a place."""
        self._which = _which_box()
        self._which.connect("changed", lambda _: shelved())
        self._trying = Gtk.CheckButton.new_with_mnemonic(f"_{TRY_ALL}")
        self._trying.set_tooltip_text("Show every style on this layer, small, to pick from")
        self._trying.connect("toggled", lambda _: (self._show_pictures(), tried()))
        self._nothing = _dim_label("No style is called that.")

        self._flow = _flow_box()
        self._flow.set_filter_func(self._wanted)
        self._flow.connect("child-activated", lambda *_: settled())
        self._handler = self._flow.connect("selected-children-changed", self._changed)
        self._flow.connect("button-press-event", self._pressed)
        self._flow.connect_after("size-allocate", lambda *_: self._reveal())
        self._search = Gtk.SearchEntry(placeholder_text=FIND, width_chars=8)
        self._search.connect("search-changed", lambda _: self._filter())
        self._search.connect("activate", lambda _: self._filter() and self._settled())
        self._search.connect("stop-search", lambda _: left())

        self._scrolled = _scrolled(self._flow)
        self.top = Gtk.Box(spacing=6)  # above the styles; there is room for a button at its end
        self.widget = self._packed()
        _take_files(self.widget, dropped)

    def _packed(self) -> Gtk.Box:
        """All of it below each other: what the gallery is limited to and the filter box, the styles, the tick."""
        self.top.pack_start(self._which, False, False, 0)
        self.top.pack_start(self._search, True, True, 0)

        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        box.pack_start(self.top, False, False, 0)
        box.pack_start(self._nothing, False, False, 0)
        box.pack_start(self._scrolled, True, True, 0)
        box.pack_start(self._trying, False, False, 0)
        return box

    def fill(self, styles: Sequence[Style], favourites: Collection[str] = ()) -> None:
        """Show these, in this order; those that no method can paint cannot be picked, favourites (ids) have a star."""
        with self._flow.handler_block(self._handler):
            for child in self._flow.get_children():
                self._flow.remove(child)
            self._styles.clear()
            self._images.clear()
            for style in styles:
                child = Gtk.FlowBoxChild(sensitive=bool(style.methods))
                image = self._images[_pinned(style)] = Gtk.Image()
                child.add(_tile(style, style.id in favourites, image))
                self._styles[child] = style
                self._flow.add(child)
            self._show_pictures()
            self._flow.show_all()

    @property
    def which(self) -> str:
        """The styles that the gallery is limited to, as desk.shelf.WHICH names them."""
        return self._which.get_active_id() or ""

    @property
    def trying(self) -> bool:
        """Whether the painter wants to see every style on the layer."""
        return bool(self._trying.get_active())

    def show_tried(self, style: str, picture: GdkPixbuf.Pixbuf) -> None:
        """Keep the picture that a style (id@rev) makes of the layer, and show it while tries are shown and that revision is the
        newest."""
        scale = TRIED / max(picture.get_width(), picture.get_height())
        size = [max(1, round(n * scale)) for n in (picture.get_width(), picture.get_height())]
        self._tries[style] = picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
        if self.trying and style in self._images:
            self._images[style].set_from_pixbuf(self._tries[style])

    def select(self, style_id: str) -> Style | None:
        """Select a style by its id; the style, if it is there."""
        for child, style in self._styles.items():
            if style.id == style_id:
                if child not in self._flow.get_selected_children():
                    with self._flow.handler_block(self._handler):
                        self._flow.select_child(child)
                    self._to_reveal = child
                    GLib.idle_add(self._reveal)
                return style
        return None

    def unfilter(self) -> None:
        """Show all styles again."""
        self._which.set_active(0)
        self._search.set_text("")

    def focus(self) -> None:
        """Give the selected style the focus, so that the arrow keys walk through the styles."""
        for child in self._flow.get_selected_children():
            child.grab_focus()

    def _show_pictures(self) -> None:
        """The thumbnails, or what has been tried."""
        for style in self._styles.values():
            tried = self._tries.get(_pinned(style)) if self.trying else None
            self._images[_pinned(style)].set_from_pixbuf(_pixbuf(style.thumbnail) if tried is None else tried)

    def _reveal(self) -> bool:
        """Scroll to the style that was selected, once it has a place."""
        child = self._to_reveal
        if child is not None and child.get_mapped() and child.get_allocated_height() > 1:
            self._to_reveal = None
            bar, place = self._scrolled.get_vadjustment(), child.get_allocation()
            if not bar.get_value() <= place.y <= bar.get_value() + bar.get_page_size() - place.height:
                bar.set_value(place.y + place.height / 2 - bar.get_page_size() / 2)
        return False

    def _pressed(self, flow: Gtk.FlowBox, event: Gdk.EventButton) -> bool:
        """The right button: what can be done with the style there."""
        child = flow.get_child_at_pos(int(event.x), int(event.y))
        if event.button != Gdk.BUTTON_SECONDARY or child not in self._styles:
            return False
        menu = Gtk.Menu(attach_widget=flow)
        for label, ticked, act in self._menu(self._styles[child]):
            item = Gtk.MenuItem(label=label) if ticked is None else Gtk.CheckMenuItem(label=label, active=ticked)
            item.connect("activate", lambda _, act=act: act())
            menu.append(item)
        menu.show_all()
        menu.popup_at_pointer(event)
        return True

    def _filter(self) -> bool:
        """Show what the filter box asks for, and pick the first of it unless what is picked is there too; whether any is."""
        self._flow.invalidate_filter()
        wanted = [child for child in self._flow.get_children() if self._wanted(child)]
        self._nothing.set_visible(bool(self._styles) and not wanted)
        able = [child for child in wanted if child.get_sensitive()]
        if able and not any(child in able for child in self._flow.get_selected_children()):
            self._flow.select_child(able[0])
        return bool(able)

    def _wanted(self, child: Gtk.FlowBoxChild) -> bool:
        style = self._styles.get(child)
        return style is not None and bool(matching([style], self._search.get_text()))

    def _changed(self, flow: Gtk.FlowBox) -> None:
        for child in flow.get_selected_children():
            if child in self._styles:
                self._picked(self._styles[child])


def _which_box() -> Gtk.ComboBoxText:
    """The list that limits the gallery to favourites, recent or own styles."""
    box = Gtk.ComboBoxText()
    for name, title in WHICH:
        box.append(name, title)
    box.set_active(0)
    return box


def _dim_label(text: str) -> Gtk.Label:
    """A line that is shown only when it is asked for by itself."""
    label = Gtk.Label(label=text, no_show_all=True)
    label.get_style_context().add_class("dim-label")
    return label


def _flow_box() -> Gtk.FlowBox:
    """The grid of the styles, of which one is selected."""
    return Gtk.FlowBox(
        selection_mode=Gtk.SelectionMode.BROWSE,
        homogeneous=True,
        max_children_per_line=6,
        min_children_per_line=2,
        valign=Gtk.Align.START,
        activate_on_single_click=False,
    )


def _scrolled(flow: Gtk.FlowBox) -> Gtk.ScrolledWindow:
    """The grid in a window that scrolls down, and to the style in focus."""
    window = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, shadow_type=Gtk.ShadowType.IN)
    window.set_size_request(2 * (SIDE + 36) + 30, 320)
    window.add(flow)
    flow.set_vadjustment(window.get_vadjustment())
    return window


def _take_files(widget: Gtk.Widget, dropped: Callable[[list[Gio.File]], None]) -> None:
    """Call `dropped` with the files that are dragged there."""
    widget.drag_dest_set(Gtk.DestDefaults.ALL, [], Gdk.DragAction.COPY)
    widget.drag_dest_add_uri_targets()

    def received(_widget: Gtk.Widget, _context: object, _x: int, _y: int, data: Gtk.SelectionData, *_: object) -> None:
        dropped([Gio.File.new_for_uri(uri) for uri in data.get_uris()])

    widget.connect("drag-data-received", received)


def _pinned(style: Style) -> str:
    return f"{style.id}@{style.revision}"


def _tile(style: Style, favourite: bool, image: Gtk.Image) -> Gtk.Widget:
    tile = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2, margin=4)
    tile.pack_start(image, False, False, 0)
    by = (style.artist or "") if not style.own else "yours" if style.methods else "no method for it"
    title = f"★ {style.title}" if favourite else style.title
    for text, lines, kind in ((title, 2, "label"), (by, 1, "dim-label")):
        label = Gtk.Label(label=text, ellipsize=Pango.EllipsizeMode.END, wrap=True, lines=lines)
        label.set_properties(max_width_chars=14, width_chars=14, justify=Gtk.Justification.CENTER)
        label.get_style_context().add_class(kind)
        tile.pack_start(label, False, False, 0)
    tile.set_tooltip_text("\n".join(str(part) for part in (style.title, style.artist, style.year, style.licence) if part))
    return tile


def _pixbuf(thumbnail: bytes | None) -> GdkPixbuf.Pixbuf:
    """The thumbnail, or a plain square where there is none that can be read."""
    if thumbnail:
        loader = GdkPixbuf.PixbufLoader()
        try:
            loader.write(thumbnail)
            loader.close()
            return loader.get_pixbuf().scale_simple(SIDE, SIDE, GdkPixbuf.InterpType.BILINEAR)
        except GLib.Error:
            pass
    blank = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, SIDE, SIDE)
    blank.fill(0x808080FF)
    return blank
