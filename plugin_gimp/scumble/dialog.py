# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogue of Filters > Artistic > Scumble…: gallery and history, preview, controls.

Invariant: the procedure's config holds every choice, so that GIMP's own last values and Reset work; the widgets follow it.
The window never waits for the engine: a timer pumps the session.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import engine as asking  # noqa: E402
import history  # noqa: E402
import host  # noqa: E402
import places  # noqa: E402
from adding import Adding  # noqa: E402
from controls import Controls, note  # noqa: E402
from gallery import Entry, Gallery  # noqa: E402
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402
from history_list import HistoryList  # noqa: E402
from preview import Previewer, Tried  # noqa: E402
from scumble_client.catalogue import Catalogue, Style  # noqa: E402
from scumble_client.desk.labels import BLEND_WITH_THIS, FAVOURITE, HISTORY, REMOVE, RENAME, STYLES  # noqa: E402
from scumble_client.desk.masks import masks_from, within  # noqa: E402
from scumble_client.desk.shelf import on_shelf  # noqa: E402
from scumble_client.errors import EngineError  # noqa: E402
from scumble_client.events import Event, Listed, Lost, Recovered, Refining, RequestFailed, State  # noqa: E402
from scumble_client.raster import Masks, Raster  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Mistake, Other, Settings, others_from_text, others_to_text  # noqa: E402
from strip import Strip  # noqa: E402
from trying import Trying  # noqa: E402
from viewer import Viewer, pixbuf  # noqa: E402

SIZE = (1240, 700)
"""Of the window, unless the painter makes it another."""
TICK = 40
"""Milliseconds between two pumps."""
DROPPED = ("others", "keep-colours", "quality", "method", "style")
"""Settings that the dialogue goes without where they name what is not there."""


class Dialog:
    """Lives for one `run`, which is True when the painter wants the result. `editing`: it is of a result."""

    def __init__(self, procedure: Any, config: Any, image: Any, target: host.Target, session: Session, editing: bool) -> None:
        self._config, self._image, self._target, self._session = config, image, target, session
        self._catalogue: Catalogue | None = None
        self._added = ""
        self._filling = False
        self._trouble = self._remark = ""
        self._window = window = GimpUi.ProcedureDialog.new(procedure, config, "Scumble")
        window.set_default_size(*SIZE)
        window.set_ok_label("Sc_umble")
        window.set_response_sensitive(Gtk.ResponseType.OK, False)
        self._gallery = Gallery(
            self._picked,
            window.activate_default,
            lambda: window.response(Gtk.ResponseType.CANCEL),
            self._menu,
            self._refresh,
            self._another_shelf,
            lambda files: self._adding.add_files(files),
        )
        self._adding = Adding(window, image, session, self._say, self._note_mistake, self._style_added)
        self._history = HistoryList(history.read(image), self._take_up)
        self._controls = Controls(window, config, image, editing)
        self._viewer = Viewer()
        self._strip = Strip(self._take_tried, self._viewer.compare, self._apply, lambda: self._previewer.forget())
        self._preview_on = Gtk.CheckButton.new_with_mnemonic("Previe_w")
        self._busy, self._status = Gtk.ProgressBar(), note(2)
        window.get_content_area().pack_start(self._layout(), True, True, 6)
        source = target.source
        self._look_at_selection()
        reading = (session, lambda side: host.small(source, side), self._masks)
        self._previewer = Previewer(*reading, self._viewer.show_original, self._viewer.show, self._say, self._painted)
        self._trying = Trying(*reading, lambda style, raster: self._gallery.show_tried(style, pixbuf(raster)), self._say)
        self._handler = config.connect("notify", lambda *_: self._refresh())
        session.catalogue()

    def run(self) -> bool:
        """Show the window until it is answered. The session stays open, its preview jobs cancelled."""
        timer = GLib.timeout_add(TICK, self._tick)
        try:
            return bool(self._window.run())
        finally:
            GLib.source_remove(timer)
            self._config.disconnect(self._handler)
            self._previewer.stop()
            self._trying.stop()
            self._window.destroy()

    def _layout(self) -> Gtk.Widget:
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin=6)
        left.pack_start(self._gallery.widget, True, True, 0)
        self._gallery.top.pack_end(self._adding.widget, False, False, 0)
        self._history.widget.set_margin_top(6)
        tabs = Gtk.Notebook()
        tabs.append_page(left, Gtk.Label(label=STYLES))
        tabs.append_page(self._history.widget, Gtk.Label(label=HISTORY))

        middle = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        middle.pack_start(self._viewer.widget, True, True, 0)
        tools = Gtk.Box(spacing=6)
        self._preview_on.set_active(True)
        self._preview_on.connect("toggled", lambda _: self._refresh())
        tools.pack_start(self._preview_on, False, False, 0)
        tools.pack_end(self._viewer.tools, False, False, 0)
        middle.pack_start(self._strip.widget, False, False, 0)
        middle.pack_start(self._busy, False, False, 0)
        middle.pack_start(tools, False, False, 0)
        middle.pack_start(self._status, False, False, 0)

        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scrolled.set_size_request(330, -1)
        scrolled.add(self._controls.widget)
        all_of_it = Gtk.Box(spacing=12)
        all_of_it.pack_start(tabs, False, False, 0)
        all_of_it.pack_start(middle, True, True, 0)
        all_of_it.pack_start(scrolled, False, False, 0)
        all_of_it.show_all()
        return all_of_it

    def _tick(self) -> bool:
        try:
            if not self._image.is_valid() or not self._target.source.is_valid():
                self._window.response(Gtk.ResponseType.CANCEL)  # there is nothing to paint any more
                return True
            for event in self._session.pump(0):
                self._hear(event)
            self._previewer.tick()
            self._trying.tick(self._previewer.busy)
            if self._catalogue is None and not self._trouble:
                starting = self._session.state in (State.SEEKING, State.LAUNCHING)
                self._say("Starting the engine…" if starting else "The engine is warming up…")
        except EngineError as e:
            self._complain(str(e))
        except Exception as e:  # a timer that raises is called no more, and the window would be dead
            traceback.print_exc()
            self._complain(f"Something unforeseen has happened: {type(e).__name__}: {e}")
        self._show_busy()
        return True

    def _show_busy(self) -> None:
        """Something moves while something is done; there is always room for it."""
        previewing, trying = self._previewer.busy, bool(self._trying.left)
        busy = previewing or trying or (self._catalogue is None and not self._trouble)
        fraction = self._previewer.fraction if previewing else self._trying.fraction if trying else 0.0
        self._busy.set_opacity(1.0 if busy else 0.0)
        if busy and fraction:
            self._busy.set_fraction(fraction)
        elif busy:
            self._busy.pulse()

    def _hear(self, event: Event) -> None:
        self._previewer.handle(event)
        if self._trying.handle(event) or self._adding.handle(event):
            return
        if isinstance(event, Listed):
            self._listed(event.catalogue)
        elif isinstance(event, Refining):
            if event.state == "done":  # a new revision of the style
                self._session.catalogue()
        elif isinstance(event, Lost):
            self._complain(str(asking.in_words(event.error())))
        elif isinstance(event, Recovered):
            self._complain("")
            self._refresh()
        elif isinstance(event, RequestFailed):
            self._complain(str(event.error()))

    def _listed(self, catalogue: Catalogue) -> None:
        first = self._catalogue is None
        self._catalogue = catalogue
        self._complain("")
        self._fill_gallery()
        added, self._added = next((style for style in catalogue.styles if style.id == self._added), None), ""
        if added is not None:
            self._gallery.unfilter()
            if added.methods:
                self._picked(added)
        self._previewer.again()
        self._refresh()
        if added is not None and not added.methods:
            self._note_mistake(str(asking.unpaintable(added)))
        if first or added is not None:
            self._gallery.focus()

    def _fill_gallery(self) -> None:
        favourites, recent = history.styles(history.FAVOURITES), history.styles(history.RECENT)
        if self._catalogue is not None:
            self._gallery.fill(on_shelf(self._catalogue, self._gallery.which, favourites, recent), favourites)

    def _another_shelf(self) -> None:
        self._fill_gallery()
        self._refresh()

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
            self._controls.show(choice, settings)
            places.check(self._image, settings)
            self._show_brush(choice, settings)
            self._window.set_response_sensitive(Gtk.ResponseType.OK, True)
            if self._preview_on.get_active():
                self._previewer.want(choice, settings)
            else:
                self._previewer.stop()
            if self._gallery.trying:
                self._trying.want(self._catalogue, settings, history.styles(history.FAVOURITES))
            else:
                self._trying.stop()
        except Mistake as e:
            self._remark, blocked = str(e), e.about == "share"
            self._window.set_response_sensitive(Gtk.ResponseType.OK, False)
            self._previewer.stop()
            self._trying.stop()
        finally:
            self._controls.show_others(self._catalogue, blocked)
            self._filling = False
        self._say("")

    def _show_brush(self, choice: asking.Choice, settings: Settings) -> None:
        source = self._target.source
        pace = self._previewer.paces.get(choice.method.id)
        self._controls.show_brush(settings, (source.get_width(), source.get_height()), pace)

    def _painted(self, tried: Tried) -> None:
        """A preview is there, and its time is known."""
        self._strip.take(tried)
        self._show_brush(tried.choice, tried.settings)

    def _possible(self) -> tuple[asking.Choice, Settings]:
        """The settings of the config, without those that are gone since last time, which are named. Raises Mistake."""
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
        """The masks of the styles in a small copy of the layer, within the selection. Raises Mistake."""
        source, size = self._target.source, (copy.width, copy.height)
        scale, masks = copy.width / source.get_width(), None
        if settings.placed:
            _, x, y = source.get_offsets()
            area = host.Area(x, y, source.get_width(), source.get_height())
            planes = places.planes(self._image, settings, area, scale, size, "u8")
            masks = masks_from(settings, planes, *size, "u8")
        selected = None if settings.by_selection else host.selected_small(self._image, source, scale, size)
        return masks if selected is None else within(masks, len(settings.weights()), selected, *size)

    def _look_at_selection(self) -> None:
        """Zoom to the selection, which the painter wants to see first."""
        source, area = self._target.source, self._target.area
        width, height = source.get_width(), source.get_height()
        if (area.width, area.height) != (width, height):
            self._viewer.look_at(area.x / width, area.y / height, area.width / width, area.height / height)

    def _picked(self, style: Style) -> None:
        if self._filling:
            return
        if self._config.get_property("method") not in style.methods:
            self._config.set_property("method", "")
        self._config.set_property("style", style.id)

    def _menu(self, style: Style) -> list[Entry]:
        """The menu of a style, beside painting with it."""
        favourites = history.styles(history.FAVOURITES)

        def turn() -> None:
            others = [id for id in favourites if id != style.id]
            history.keep_styles(history.FAVOURITES, others if style.id in favourites else [*others, style.id])
            self._fill_gallery()
            self._refresh()

        def blend() -> None:
            others = others_from_text(self._config.get_property("others") or "")
            self._config.set_property("others", others_to_text((*others, Other(style.id))))

        entries: list[Entry] = [(FAVOURITE, style.id in favourites, turn)]
        if style.methods:
            entries.append((BLEND_WITH_THIS, None, blend))
        if style.own:
            entries.append((RENAME, None, lambda: self._adding.rename(style)))
            entries.append((REMOVE, None, lambda: self._adding.remove(style.id)))
        return entries

    def _take_up(self, entry: history.Entry, again: bool) -> None:
        """Choose all that an earlier result was painted with; `again`: and paint."""
        others = places.with_current_names(self._image, entry.settings.others)
        own = self._config.get_property("replace")
        with self._config.freeze_notify():  # half of them may not go together with the earlier others
            host.settings_into(self._config, replace(entry.settings, replace=own, others=others))
        if again:
            self._apply()

    def _take_tried(self, tried: Settings) -> None:
        """Choose all that a picture of the strip was tried with, but for what the preview does not show."""
        now = host.settings_of(self._config)
        with self._config.freeze_notify():
            host.settings_into(self._config, replace(tried, replace=now.replace, quality=now.quality))

    def _apply(self) -> None:
        """Paint what is chosen, if that can be."""
        if self._window.get_widget_for_response(Gtk.ResponseType.OK).get_sensitive():
            self._window.response(Gtk.ResponseType.OK)

    def _style_added(self, style: str) -> None:
        self._added = style
        self._session.catalogue()

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
