# SPDX-License-Identifier: GPL-3.0-or-later
"""The model behind every widget and action: what is chosen, what is being painted, where the engine stands.

Invariant: nothing here blocks (a tick takes some 30 ms at most, host permitting). Widgets call methods and redraw when they
are notified; they decide nothing.
"""

from __future__ import annotations

import enum
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .canvas import Canvas, Now
from .history import Entry
from .offer import Offer
from .orders import order
from .paint_queue import PaintQueue
from .painting import Order
from .ports import Host, Layer
from .preferences import Preferences
from .previewing import Previewing
from .records import Records
from .scumble_client import VERSION
from .scumble_client.catalogue import Catalogue
from .scumble_client.desk.choosing import plain_id
from .scumble_client.desk.settings import Other, Settings, from_json
from .scumble_client.desk.shelf import shelf
from .scumble_client.desk.sizes import STYLE_SIDE
from .scumble_client.errors import EngineError
from .scumble_client.events import (
    Answer,
    Event,
    Lost,
    Ready,
    Recovered,
    Refining,
    State,
    StyleStored,
    Welcome,
)
from .scumble_client.locate import start_engine
from .scumble_client.raster import Raster
from .scumble_client.session import Session
from .shelves import Shelves
from .standing import Standing, report, standing
from .stylebook import Stylebook
from .troubles import Troubles

BUDGET = 8 << 20
"""Bytes a pump may move."""
SLICE = 0.03
"""Seconds a tick may read or write a layer."""
HURRY, STROLL, REST = 0.004, 0.03, 0.4
"""Seconds between two ticks: while pixels move, while something is awaited, while nothing happens."""


class Topic(enum.Enum):
    """The parts of the studio that may change."""

    SETTINGS = "settings"
    CATALOGUE = "catalogue"
    STANDING = "standing"
    PREVIEW = "preview"
    HISTORY = "history"
    STYLES = "styles"
    STRIP = "strip"
    SHELVES = "shelves"


def open_session(host: str) -> Session:
    """A session that starts the engine when something is asked of it."""
    return Session(client=f"scumble-krita/{VERSION}", host=host, launch=start_engine)


class Studio:
    """The model behind all dockers: one for all windows. Call `tick` from a timer; it says when it wants the next."""

    def __init__(self, host: Host, session: Callable[[str], Session] = open_session) -> None:
        self.host = host
        self.settings = from_json(host.setting("settings"))
        self.session = session(host.name)
        self.troubles = Troubles(lambda: tuple(layer.key for layer in host.layers()))
        self.offer = Offer(self._listed, self.complain)
        self.preferences = Preferences(host)
        self.shelves = Shelves(host, functools.partial(self._tell, Topic.SHELVES))
        self.records = Records(host, functools.partial(self._tell, Topic.HISTORY))
        self.stylebook = Stylebook(self.session, functools.partial(self._tell, Topic.STYLES), self.complain)
        self.previewing = Previewing(host, functools.partial(self._tell, Topic.PREVIEW))
        self.queue = PaintQueue(host, self.records, self.complain, self._settled, self.previewing.show, self._grown)
        changed, strip = (functools.partial(self._tell, topic) for topic in (Topic.STANDING, Topic.STRIP))
        calls = (changed, strip, self.complain, self.previewing.show_both, self.paint)
        self.canvas = Canvas(host, self._begin_on_canvas, self._now, *calls)
        self.live, self.trying = self.canvas.live, self.canvas.trying
        self.hurry: Callable[[], None] = lambda: None
        """Called when something has happened that a tick should not wait for; the clock puts itself here."""
        self.last: Settings | None = None
        """Of the last painting, for Scumble Again."""
        self._open_session = session
        self._observers: list[Callable[[Topic], None]] = []
        self._stopping = self._arrived = self._opened = False
        self._shown: tuple[Standing, float, bool] | None = None

    # What widgets see

    def subscribe(self, observer: Callable[[Topic], None]) -> Callable[[], None]:
        """Call `observer` with what has changed; the result ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer) if observer in self._observers else None

    @property
    def catalogue(self) -> Catalogue | None:
        """The styles and methods to choose from: the engine's, or those of last time until it runs."""
        return self.offer.catalogue

    @property
    def busy(self) -> bool:
        return self.queue.busy

    @property
    def fraction(self) -> float:
        """How much of all layers being painted is done, 0 to 1."""
        return self.queue.fraction

    @property
    def standing(self) -> Standing:
        wanted = self.busy or self.offer.awaited
        on_canvas = self.live.text or self.trying.text
        return standing(self.session.state, self.offer.device, self.troubles.error, self.queue.text, wanted, on_canvas)

    @property
    def report(self) -> str:
        state, welcome = self.session.state, self.session.welcome
        return report(self.host.name, self.standing, state, welcome, self.offer.device, self.troubles.error)

    # What widgets ask

    def choose(self, **changes: Any) -> None:
        """Change settings by name."""
        settings = replace(self.settings, **changes)
        if settings != self.settings:
            self.settings = settings
            self.troubles.settle()
            self.host.keep_setting("settings", settings.to_json())
            self._tell(Topic.SETTINGS)

    def blend_with(self, style: str) -> None:
        """Choose one more style."""
        self.choose(others=(*self.settings.others, Other(style)))

    def take_up(self, settings: Settings) -> None:
        """Choose all that an earlier result was painted with."""
        self.choose(**vars(settings))

    def wake(self) -> None:
        """Start the engine, or look for it again."""
        self._fresh_start()
        self.offer.ask(self.session)
        self._tell(Topic.STANDING)

    def arrive(self) -> None:
        """The docker is shown: have the engine ready, once, unless the painter does not want that."""
        if not self._arrived and not self.preferences.late_engine:
            self._arrived = True
            self.wake()

    def paint(self, layers: list[Layer] | None = None, settings: Settings | None = None) -> None:
        """Paint the layers (default: the selected ones) one after another."""
        self._fresh_start()
        layers = self.host.layers() if layers is None else layers
        if not layers:
            self.complain(EngineError("layer-gone", "There is no layer to paint.", "Open a picture and choose a layer."))
            return
        chosen = settings or self.settings
        self.last = chosen
        self.shelves.painted([style for style, _ in chosen.weights()])
        self.queue.add([self._order(layer, chosen) for layer in layers])
        if not self.offer.listed:
            self.offer.ask(self.session)
        self._tell(Topic.STANDING)

    def paint_visible(self) -> None:
        """Paint all that is visible, as a layer on top."""
        visible = self.host.visible()
        self.paint([] if visible is None else [visible])

    def paint_again(self) -> None:
        """The last painting's settings on the layers that are selected now."""
        self.paint(settings=self.last)

    def paint_frames(self) -> None:
        """Paint every frame of the selected animated layer within the clip, into one new animated layer."""
        self._attempt(lambda: self.paint(self.host.frames()))

    def watch(self) -> None:
        """Watch strokes, so that live painting and the preview follow them. Idempotent."""
        self.host.watch(self.touch)

    def opened(self) -> None:
        """Another document is shown, which may have been opened just now."""
        self._opened = True
        self.watch()

    def touch(self) -> None:
        """The painter has drawn, undone or redone something."""
        if self.canvas.touch():
            self.hurry()
        else:
            self.previewing.touch()

    def cancel(self) -> None:
        """End everything that is being painted."""
        self.queue.cancel(self.session)
        self._tell(Topic.STANDING)

    def keep(self) -> None:
        """End the picture that is being painted with what it looks like now."""
        self.queue.keep(self.session)
        self._tell(Topic.STANDING)

    def add_style(self, name: str, raster: Raster) -> None:
        """Keep a picture as a style of the painter's."""
        self._fresh_start()
        self.stylebook.add(name, raster)

    def add_layer_as_style(self) -> None:
        """Make the active layer a style."""
        layers = self.host.layers()
        if layers:
            self._attempt(lambda: self.add_style(layers[-1].name, self.host.small(layers[-1], STYLE_SIDE)))

    def insert_kept(self, entry: Entry) -> None:
        """Put a result that had no place above the active layer."""
        self._attempt(lambda: self.records.insert(entry))

    def complain(self, error: EngineError, engine: bool = False) -> None:
        """Show an error until it is settled: something else is tried or chosen, or works."""
        self.troubles.show(error, engine)
        self.host.tell(str(error), trouble=True)
        self._tell(Topic.STANDING)

    def stumble(self, error: EngineError) -> None:
        """A bug: give up what is being painted, and say so."""
        self.queue.give_up(self.session)
        self.queue.cancel(self.session)
        self.complain(error)

    def stop_engine(self) -> None:
        """Stop the engine. It starts again when something is painted."""
        if self.session.welcome is not None and not self._stopping:
            self._stopping = True
            self.cancel()
            self.session.shutdown()

    def close(self) -> None:
        """The host ends; its documents are not to be touched any more."""
        self.session.close()

    # The clock

    def tick(self) -> float:
        """Go on a little; seconds until the next tick is wanted."""
        for event in self.session.pump(HURRY if self.queue.awaiting or self.canvas.awaiting else 0.0, BUDGET):
            self._hear(event)
        if self.offer.listed or not self.offer.awaited:
            self.queue.advance(self.session, time.monotonic() + SLICE)
        self._stopping = self._stopping and self.session.welcome is not None
        self._opened = self._opened and not self.host.finish_left()
        elsewhere = self.busy or self._stopping
        self.canvas.advance(elsewhere)
        self.previewing.advance(*self._now(), elsewhere or self.canvas.active)
        self.troubles.look()
        shown = (self.standing, self.fraction, self.queue.keepable)
        if shown != self._shown:
            self._shown = shown
            self._tell(Topic.STANDING)
        if (self.busy or self.canvas.awaiting) and not self.offer.awaited:
            return HURRY
        awaits = (self.busy, self.offer.awaited, self.previewing.active, self.stylebook.active)
        return STROLL if any((*awaits, self.canvas.waits)) else REST

    def _hear(self, event: Event) -> None:
        if self.queue.handle(event) or self.canvas.handle(event) or self.previewing.handle(event):
            return
        if self.stylebook.handle(event):
            self._hear_of_style(event)
            return
        if isinstance(event, (Welcome, Ready, Recovered)):
            self.troubles.clear()
        self.offer.handle(event, self.session)
        if isinstance(event, Lost):
            self.queue.give_up(self.session)
            self.complain(event.error(), engine=True)

    def _listed(self, catalogue: Catalogue) -> None:
        """The engine has sent its catalogue."""
        self._choose_something(catalogue)
        self.previewing.repeat()  # a style may have changed, or can be painted only now
        self.canvas.touch()
        self._tell(Topic.CATALOGUE)

    def _hear_of_style(self, event: Event) -> None:
        """A catalogue with other styles is read again, and a new style of the painter's is what they want to paint with."""
        if isinstance(event, StyleStored):
            self.choose(style=plain_id(event.style))
        changed = isinstance(event, Answer) and event.header.get("type") in ("removed", "renamed")
        if changed or isinstance(event, StyleStored) or (isinstance(event, Refining) and event.state == "done"):
            self.offer.ask_again(self.session)

    # Small things

    def _attempt(self, what: Callable[[], None]) -> None:
        try:
            what()
        except EngineError as e:
            self.complain(e)

    def _order(self, layer: Layer, settings: Settings) -> Order:
        return order(layer, settings, lambda: self.catalogue, self.preferences.one_result, not self.preferences.loose_frames)

    def _choose_something(self, catalogue: Catalogue) -> None:
        """The first catalogue decides what was asked for before it came."""
        able = [style for style in shelf(catalogue) if style.methods]
        if not self.settings.style and able:
            self.choose(style=able[0].id)
        style = self.settings.style
        self.queue.revise(lambda o: self._order(o.layer, o.settings if o.settings.style else replace(o.settings, style=style)))

    def _now(self) -> Now:
        return self.session, self.settings, self.offer.known

    def _begin_on_canvas(self) -> None:
        self._fresh_start()
        self.watch()
        if not self.offer.listed or self.session.welcome is None:  # an engine that has ended is started by what is asked of it
            self.offer.ask(self.session)

    def _settled(self) -> None:
        """A result is in its document."""
        self.troubles.settle()
        self.trying.applied()

    def _grown(self) -> None:
        """A picture gets better on the canvas."""
        self.trying.make_way()

    def _fresh_start(self) -> None:
        """Forget an old error; a session that has given up hope would not speak of it again."""
        self.troubles.clear()
        if self.session.state is State.LOST:
            self.session.close()
            self.session = self._open_session(self.host.name)
            self.stylebook.renew(self.session)
            self.previewing.forget()
            self.canvas.forget()
            self.offer.forget()

    def _tell(self, topic: Topic) -> None:
        for observer in list(self._observers):
            observer(topic)
