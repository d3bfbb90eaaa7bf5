# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the plug-in, from the selected layers to their results.

Invariant: nothing is put into the image before every result is there, and then in one undo step. Whatever the painter does to
image and layers meanwhile, what has been painted is put where it fits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
import engine as asking  # noqa: E402
import host  # noqa: E402
import places  # noqa: E402
import results  # noqa: E402
from engine import Choice, Verdict  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from scumble_client.blocking import Engine  # noqa: E402
from scumble_client.desk.masks import mask_format, masks_from  # noqa: E402
from scumble_client.desk.sizes import CONTEXT_SIDE, STYLE_SIDE, WORKING_SIDE  # noqa: E402
from scumble_client.desk.words import Pace, progress_text, summary  # noqa: E402
from scumble_client.errors import EngineError  # noqa: E402
from scumble_client.events import Event, Preview, Progress  # noqa: E402
from scumble_client.raster import Masks, Raster  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Mistake, Settings  # noqa: E402

TURN, WINDOW_TURN = 0.5, 0.03
"""Seconds between two looks at image and painter, without and with a window."""


class Closed(Exception):
    """The painter has closed the image, or wants nothing any more; there is nothing to say."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `settings` are those it was asked for, with the first style named."""

    settings: Settings
    message: str
    """A sentence about it for the painter; may be empty."""


def open_session() -> Session:
    return asking.open_session(host.name())


def connect(session: Session) -> Engine:
    """The engine, with a word to the painter while it starts. Raises EngineError."""
    Gimp.progress_init("Scumble")  # what the Cancel button names, all along
    Gimp.progress_set_text("Scumble: starting the engine…")
    return asking.connect(session)


def stylize(
    session: Session,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    settings: Settings,
    style_from: object = None,
    windows: bool = False,
) -> Outcome:
    """Stylize the layers, and select the results. `style_from` is a layer or Gio.File to be kept as the style first. With
    `windows`, a picture that gets better step by step is shown, to be kept at any time.

    Raises EngineError, Mistake and Closed. An error after the first of several layers comes with the others' results.
    """
    targets, left_out = host.targets(image, drawables, settings.replace, settings.by_selection, settings.brush_size)
    places.check(image, settings)
    engine = connect(session)
    Gimp.progress_set_text("Scumble: asking for the styles…")
    if style_from is not None:
        settings = replace(settings, style=put_style(engine, style_from))
    choice = asking.choose(engine.catalogue(), settings)
    settings = replace(settings, style=settings.style or choice.style.id)

    look = _window(image) if windows and asking.gradual(choice, settings) else None
    try:
        painted, trouble = _paint(session, image, targets, choice, settings, look)
    finally:
        if look is not None:
            look.close()
    if not painted:
        raise Mistake("The layer was deleted before it could be read.")

    _open(image)
    words = f"{summary(len(painted), len(targets) + len(left_out), left_out)} {results.put(image, painted)}".strip()
    Gimp.progress_end()
    if trouble is not None:
        raise trouble
    return Outcome(settings, words)


def _paint(
    session: Session,
    image: Gimp.Image,
    targets: Sequence[host.Target],
    choice: Choice,
    settings: Settings,
    look: Any,
) -> tuple[list[results.Painted], Exception | None]:
    """Paint one layer after another, up to the first error, which is raised where nothing was painted before."""
    painted: list[results.Painted] = []
    for number, target in enumerate(targets):
        _open(image)
        if not target.source.is_valid():
            continue  # deleted before it was its turn
        bar = _Bar(image, choice, number, len(targets), look)
        try:
            painted.append(_painted(session, image, target, choice, settings, bar))
        except (EngineError, Mistake) as e:
            _open(image)
            if look is not None and look.cancelled:
                raise Closed from e
            if not painted:
                raise
            return painted, e
    return painted, None


def put_style(engine: Engine, source: object) -> str:
    """Keep a layer or a file's picture as a style of the painter's; its id."""
    if isinstance(source, Gimp.Item):
        name, raster = source.get_name(), host.small(source, STYLE_SIDE)
    else:
        name, raster = host.picture(source, STYLE_SIDE)
    return engine.put_style(name, raster)


def _open(image: Gimp.Image) -> None:
    """Raises Closed."""
    if not image.is_valid():
        raise Closed


def _painted(
    session: Session, image: Gimp.Image, target: host.Target, choice: Choice, settings: Settings, bar: _Bar
) -> results.Painted:
    """Read one layer and have it painted. Raises EngineError, Mistake and Closed."""
    taken = results.take(target, image)
    context = host.context(target, CONTEXT_SIDE, bool(choice.method.capabilities.get("iterative")))
    masks = _masks(image, settings, target, taken.raster)
    request = asking.request(choice, settings, taken.raster, context, masks, bar.look is not None)
    if bar.look is not None:
        bar.look.begin(host.small(target.source, WORKING_SIDE), target, bar.of)
    done = asking.paint(session, request, bar.watch, WINDOW_TURN if bar.look is not None else TURN)
    _open(image)
    made = asking.resolved(settings, choice, done.styles)
    made = replace(made, others=places.noted(image, made.others))
    return results.Painted(taken, done.raster, asking.result_name(choice, settings), made, done.seconds)


def _masks(image: Gimp.Image, settings: Settings, target: host.Target, raster: Raster) -> Masks | None:
    """The masks of the styles in the part of the layer that is painted. Raises Mistake."""
    if not settings.placed:
        return None
    _, x, y = target.source.get_offsets()
    sent, size = target.sent, (raster.width, raster.height)
    format = mask_format(raster.format)
    there = host.Area(x + sent.x, y + sent.y, sent.width, sent.height)
    return masks_from(settings, places.planes(image, settings, there, 1.0, size, format), *size, format)


def _window(image: Gimp.Image) -> Any:
    """A window that shows what is being painted."""
    from waiting import Waiting

    return Waiting(image)


class _Bar:
    """GIMP's progress bar, for one picture of several, and the window that shows the picture, if there is one; gives up when
    the image is closed."""

    def __init__(self, image: Gimp.Image, choice: Choice, number: int, count: int, look: Any = None) -> None:
        self._image, self._number, self._count, self.look = image, number, count, look
        self._title = " + ".join(dict.fromkeys(choice.titles))
        self._pace = Pace()
        self._asked = 0.0

    @property
    def of(self) -> str:
        """ "(2 of 3)"; empty for a single one."""
        return f" ({self._number + 1} of {self._count})" if self._count > 1 else ""

    def watch(self, events: Sequence[Event]) -> Verdict:
        if time.monotonic() - self._asked > TURN:
            self._asked = time.monotonic()
            if not self._image.is_valid():
                return Verdict.STOP
        for event in events:
            if isinstance(event, Progress):
                self._show(event)
            elif isinstance(event, Preview) and self.look is not None:
                self.look.show(event.raster)
        return Verdict.GO if self.look is None else self.look.turn()

    def _show(self, progress: Progress) -> None:
        if progress.state == "running":
            self._pace.add(progress.fraction)
        words = progress_text(progress, self._pace.left())
        Gimp.progress_update((self._number + progress.fraction) / self._count)
        Gimp.progress_set_text(f"{self._title}: {words}{self.of}")
        if self.look is not None:
            self.look.say(f"{words}{self.of}", progress.fraction)
