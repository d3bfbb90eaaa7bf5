# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogue of Filters > Artistic > Scumble…: gallery, controls, preview.

Invariant: the procedure's config holds every choice, so that GIMP's own last values and Reset work; the widgets follow it.
The window never waits for the engine: a timer pumps the session.
"""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
import engine as asking  # noqa: E402
import host  # noqa: E402
import places  # noqa: E402
from gallery import Gallery  # noqa: E402
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, Gtk  # noqa: E402
from others import Others, narrow, refill  # noqa: E402
from preview import Previewer  # noqa: E402
from scumble_client.catalogue import Catalogue, Style  # noqa: E402
from scumble_client.desk.masks import masks_from  # noqa: E402
from scumble_client.desk.shelf import shelf  # noqa: E402
from scumble_client.desk.sizes import STYLE_SIDE  # noqa: E402
from scumble_client.errors import EngineError  # noqa: E402
from scumble_client.events import Event, Failed, Listed, Lost, Recovered, Rejected, RequestFailed, State, StyleStored  # noqa: E402
from scumble_client.raster import Masks, Raster  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Mistake, Settings, others_from_text, others_to_text  # noqa: E402

SHOWN = (360, 270)
"""Largest width and height of the preview on the screen."""
TICK = 40
"""Milliseconds between two pumps."""
AUTOMATIC = "Automatic"
DROPPED = ("others", "keep-colours", "method", "style")
"""Settings that the dialogue goes without where they name what is not there."""


class Dialog:
    """Lives for one `run`, which is True when the painter wants the result."""

    def __init__(self, procedure: Any, config: Any, image: Any, source: Any, session: Session) -> None:
        self._config, self._image, self._source, self._session = config, image, source, session
        self._catalogue: Catalogue | None = None
        self._adding: str | None = None
        self._added = ""
        self._filling = False
        self._trouble = self._remark = ""
        self._window = GimpUi.ProcedureDialog.new(procedure, config, "Scumble")
        self._window.set_ok_label("St_ylize")
        self._window.set_response_sensitive(Gtk.ResponseType.OK, False)
        self._gallery = Gallery(
            self._picked, self._window.activate_default, lambda: self._window.response(Gtk.ResponseType.CANCEL)
        )
        self._others = Others(
            lambda others: config.set_property("others", others_to_text(others)), lambda: places.listed(image)
        )
        self._layers = _layer_list(image)
        self._picture = Gtk.Image()
        self._preview_on = Gtk.CheckButton.new_with_mnemonic("Previe_w")
        self._method, self._keeping = narrow(Gtk.ComboBoxText()), narrow(Gtk.ComboBoxText())
        self._brush, self._purpose, self._status = _note(1), _note(2), _note(2)
        self._window.get_content_area().pack_start(self._layout(), True, True, 6)
        self._previewer = Previewer(session, lambda side: host.small(source, side), self._show, self._say, self._masks)
        self._previewer.stop()
        config.connect("notify", lambda *_: self._refresh())
        session.catalogue()

    def run(self) -> bool:
        """Show the window until it is answered. The session stays open, its preview jobs cancelled."""
        timer = GLib.timeout_add(TICK, self._tick)
        try:
            return bool(self._window.run())
        finally:
            GLib.source_remove(timer)
            self._previewer.stop()
            self._window.destroy()

    def _layout(self) -> Gtk.Widget:
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        left.pack_start(self._gallery.widget, True, True, 0)
        left.pack_start(self._others.widget, False, False, 0)
        adding = Gtk.Box(spacing=6, homogeneous=True)
        button = Gtk.Button.new_with_mnemonic("_Add a picture…")
        button.connect("clicked", lambda _: self._add_file())
        adding.pack_start(button, True, True, 0)
        adding.pack_start(self._layers, True, True, 0)
        self._layers.connect("changed", lambda _: self._add_layer())
        left.pack_start(adding, False, False, 0)

        right = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN)
        self._picture.set_size_request(*SHOWN)
        frame.add(self._picture)
        right.pack_start(frame, False, False, 0)
        self._preview_on.set_active(True)
        self._preview_on.connect("toggled", lambda _: self._refresh())
        right.pack_start(self._preview_on, False, False, 0)
        right.pack_start(self._window.get_scale_entry("strength", 100.0), False, False, 0)
        right.pack_start(self._window.get_scale_entry("brush-size", 1.0), False, False, 0)
        self._brush.set_no_show_all(True)
        right.pack_start(self._brush, False, False, 0)
        right.pack_start(_labelled("_Keep colours", self._keeping), False, False, 0)
        self._keeping.connect("changed", lambda _: self._keeping_picked())
        right.pack_start(self._window.get_widget("replace", Gtk.CheckButton), False, False, 0)
        right.pack_start(_labelled("_Method", self._method), False, False, 0)
        self._method.connect("changed", lambda _: self._method_picked())
        right.pack_start(self._purpose, False, False, 0)
        right.pack_end(self._status, False, False, 0)

        both = Gtk.Box(spacing=12)
        both.pack_start(left, True, True, 0)
        both.pack_start(right, False, False, 0)
        both.show_all()
        return both

    def _tick(self) -> bool:
        try:
            for event in self._session.pump(0):
                self._hear(event)
            self._previewer.tick()
            if self._catalogue is None and not self._trouble:
                starting = self._session.state in (State.SEEKING, State.LAUNCHING)
                self._say("Starting the engine…" if starting else "The engine is warming up…")
        except EngineError as e:
            self._complain(str(e))
        return True

    def _hear(self, event: Event) -> None:
        self._previewer.hear(event)
        if isinstance(event, Listed):
            self._listed(event.catalogue)
        elif isinstance(event, Lost):
            self._complain(str(asking.in_words(event.error())))
        elif isinstance(event, Recovered):
            self._complain("")
            self._refresh()
        elif isinstance(event, RequestFailed):
            self._complain(str(event.error()))
        elif self._adding is not None and getattr(event, "job", None) == self._adding:
            if isinstance(event, StyleStored):
                self._adding, self._added = None, event.style.partition("@")[0]
                self._session.catalogue()
            elif isinstance(event, (Rejected, Failed)):
                self._adding = None
                self._note_mistake(str(event.error()))

    def _listed(self, catalogue: Catalogue) -> None:
        first = self._catalogue is None
        self._catalogue = catalogue
        self._complain("")
        self._gallery.fill(shelf(catalogue))
        added, self._added = next((style for style in catalogue.styles if style.id == self._added), None), ""
        if added is not None:
            self._gallery.unfilter()
            if added.methods:
                self._picked(added)
        self._refresh()
        if added is not None and not added.methods:
            self._note_mistake(str(asking.unpaintable(added)))
        if first or added is not None:
            self._gallery.focus()

    def _refresh(self) -> None:
        """Bring the widgets that are not GIMP's own, and the preview, in line with the config."""
        if self._catalogue is None or self._filling:
            return
        self._filling = True
        self._remark = ""
        blocked = False
        try:
            choice, settings = self._possible()
            self._gallery.select(choice.style.id)
            self._fill_methods(choice, settings.method)
            self._purpose.set_text(choice.method.purpose)
            self._fill_keeping(asking.keep_colours(choice.method), settings.keep_colours)
            places.check(self._image, settings)
            limits = asking.limits_of_brush(settings)
            self._brush.set_text(limits)
            self._brush.set_visible(bool(limits))
            self._window.set_response_sensitive(Gtk.ResponseType.OK, True)
            if self._preview_on.get_active():
                self._previewer.want(choice, settings)
            else:
                self._previewer.stop()
        except Mistake as e:
            self._remark, blocked = str(e), e.about == "share"
            self._window.set_response_sensitive(Gtk.ResponseType.OK, False)
            self._previewer.stop()
        finally:
            others = others_from_text(self._config.get_property("others") or "")
            self._others.show(asking.order(self._catalogue), others, blocked)
            self._filling = False
        self._say("")

    def _possible(self) -> tuple[asking.Choice, Settings]:
        """What the config asks for; what is gone of last time's choices is named and dropped. Raises Mistake."""
        for _ in DROPPED:
            try:
                settings = host.settings_of(self._config)
                return asking.choose(self._catalogue, settings), settings
            except Mistake as e:
                if e.about not in DROPPED:
                    raise
                self._remark = str(e)
                self._config.set_property(e.about, "")
        settings = host.settings_of(self._config)
        return asking.choose(self._catalogue, settings), settings

    def _masks(self, settings: Settings, copy: Raster) -> Masks | None:
        """Where each style goes in a small copy of the layer. Raises Mistake."""
        if not settings.placed:
            return None
        _, x, y = self._source.get_offsets()
        area = host.Area(x, y, self._source.get_width(), self._source.get_height())
        size = (copy.width, copy.height)
        planes = places.planes(self._image, settings, area, copy.width / area.width, size, "u8")
        return masks_from(settings, planes, *size, "u8")

    def _fill_methods(self, choice: asking.Choice, chosen: str) -> None:
        self._method.remove_all()
        self._method.append("", f"{AUTOMATIC}: {choice.able[0].title.partition(' (')[0]}")
        for method in choice.able:
            self._method.append(method.id, method.title)
        self._method.set_active_id(chosen)

    def _method_picked(self) -> None:
        chosen = self._method.get_active_id()
        if not self._filling and chosen is not None:
            self._config.set_property("method", chosen)

    def _fill_keeping(self, keeping: asking.Keeping, chosen: str) -> None:
        entries = [("" if way == keeping.usual else way, way) for way in keeping.choices]
        refill(self._keeping, entries, "" if chosen == keeping.usual else chosen)
        self._keeping.set_sensitive(bool(entries))
        self._keeping.set_tooltip_text(keeping.help)

    def _keeping_picked(self) -> None:
        chosen = self._keeping.get_active_id()
        if not self._filling and chosen is not None:
            self._config.set_property("keep-colours", chosen)

    def _picked(self, style: Style) -> None:
        if self._filling:
            return
        if self._config.get_property("method") not in style.methods:
            self._config.set_property("method", "")
        self._config.set_property("style", style.id)

    def _add_file(self) -> None:
        chooser = Gtk.FileChooserDialog(title="A picture to use as the style", transient_for=self._window)
        chooser.add_buttons("_Cancel", Gtk.ResponseType.CANCEL, "_Open", Gtk.ResponseType.ACCEPT)
        file = chooser.get_file() if chooser.run() == Gtk.ResponseType.ACCEPT else None
        chooser.destroy()
        if file is not None:
            try:
                self._add(*host.picture(file, STYLE_SIDE))
            except Mistake as e:
                self._note_mistake(str(e))

    def _add_layer(self) -> None:
        chosen = self._layers.get_active_id()
        layer = Gimp.Item.get_by_id(int(chosen)) if chosen else None
        if layer is not None:
            self._add(layer.get_name(), host.small(layer, STYLE_SIDE))
        self._layers.set_active(0)

    def _add(self, name: str, raster: Raster) -> None:
        self._adding = self._session.put_style(name, raster)
        self._say(f"Adding “{name}” to your styles…")

    def _show(self, raster: Raster) -> None:
        data = GLib.Bytes.new(bytes(raster.data))
        pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(
            data, GdkPixbuf.Colorspace.RGB, True, 8, raster.width, raster.height, raster.stride
        )
        scale = min(SHOWN[0] / raster.width, SHOWN[1] / raster.height)
        size = (max(1, round(raster.width * scale)), max(1, round(raster.height * scale)))
        self._picture.set_from_pixbuf(pixbuf.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))

    def _say(self, text: str) -> None:
        wrong = self._trouble or self._remark
        self._status.set_text(wrong or text)
        style = self._status.get_style_context()
        (style.remove_class if wrong else style.add_class)("dim-label")

    def _complain(self, text: str) -> None:
        """Say what is wrong with the engine, until it is put right; empty when it is."""
        self._trouble = text
        self._say("")

    def _note_mistake(self, text: str) -> None:
        """Say what went wrong, until the painter does something else."""
        self._remark = text
        self._say("")


def _layer_list(image: Any) -> Gtk.ComboBoxText:
    box = Gtk.ComboBoxText()
    box.append("", "Use a layer…")
    for layer in host.other_layers(image):
        box.append(str(layer.get_id()), layer.get_name())
    box.set_active(0)
    return narrow(box)


def _labelled(label: str, widget: Gtk.Widget) -> Gtk.Widget:
    """A widget behind its name, whose letter after the underscore leads to it."""
    row, name = Gtk.Box(spacing=6), Gtk.Label.new_with_mnemonic(label)
    name.set_mnemonic_widget(widget)
    row.pack_start(name, False, False, 0)
    row.pack_start(widget, True, True, 0)
    return row


def _note(lines: int) -> Gtk.Label:
    """Room for so many lines from the beginning, lest the window grow under the pointer; longer texts take theirs."""
    note = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True, max_width_chars=46)
    note.get_style_context().add_class("dim-label")
    note.set_size_request(-1, note.create_pango_layout("\n" * (lines - 1)).get_pixel_size()[1])
    return note
