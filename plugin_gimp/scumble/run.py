# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the plug-in, from the selected layers to their results.

Invariant: nothing is put into the image before every result is there, and then in one undo step. Whatever the painter does to
image and layers meanwhile, what has been painted is put where it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from scumble_client.desk.sizes import CONTEXT_SIDE, STYLE_SIDE  # noqa: E402
from scumble_client.desk.words import Pace, said  # noqa: E402
from scumble_client.errors import EngineError  # noqa: E402
from scumble_client.events import Event, Progress, Request  # noqa: E402
from scumble_client.raster import Masks, Raster  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Mistake, Settings  # noqa: E402


class Closed(Exception):
    """The painter has closed the image; there is nothing to say."""


@dataclass(frozen=True)
class Outcome:
    """What has become of a run. `settings` are what it was asked for, with the first style named."""

    settings: Settings
    said: str
    """What there is to say about it; may be empty."""


def open_session() -> Session:
    return asking.open_session(host.name())


def connect(session: Session) -> Engine:
    """The engine, with a word to the painter while it starts. Raises EngineError."""
    Gimp.progress_init("Scumble")  # what the Cancel button names, all along
    Gimp.progress_set_text("Scumble: starting the engine…")
    return asking.connect(session)


def stylize(
    session: Session, image: Gimp.Image, drawables: list[Gimp.Drawable], settings: Settings, style_from: object = None
) -> Outcome:
    """Stylize the layers, and select the results. `style_from` is a layer or Gio.File to be kept as the style first.

    Raises EngineError, Mistake and Closed. An error after the first of several layers comes with the others' results.
    """
    targets = host.targets(image, drawables, settings.replace, settings.by_selection, settings.brush_size)
    places.check(image, settings)
    engine = connect(session)
    Gimp.progress_set_text("Scumble: asking for the styles…")
    if style_from is not None:
        settings = replace(settings, style=put_style(engine, style_from))
    choice = asking.choose(engine.catalogue(), settings)
    settings = replace(settings, style=settings.style or choice.style.id)

    painted, trouble = [], None
    for number, target in enumerate(targets):
        _open(image)
        if not target.source.is_valid():
            continue  # deleted before it was its turn
        try:
            painted.append(_painted(session, image, target, choice, settings, _Bar(image, choice, number, len(targets))))
        except (EngineError, Mistake) as e:
            _open(image)
            if not painted:
                raise
            trouble = e
            break
    if not painted:
        raise Mistake("The layer was deleted before it could be read.")

    _open(image)
    words = results.put(image, painted)
    Gimp.progress_end()
    if trouble is not None:
        raise trouble
    return Outcome(settings, words)


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
    """One layer, read and painted. Raises EngineError, Mistake and Closed."""
    taken = results.take(target, image)
    context = host.context(target, CONTEXT_SIDE, bool(choice.method.capabilities.get("iterative")))
    masks = _masks(image, settings, target, taken.raster)
    how = (choice.method.id, settings.strength, settings.options())
    done = asking.paint(session, Request(taken.raster, choice.styles, *how, context, False, masks), bar.watch)
    _open(image)
    made = asking.resolved(settings, choice, done.styles)
    made = replace(made, others=places.noted(image, made.others))
    return results.Painted(taken, done.raster, asking.result_name(choice, settings), made)


def _masks(image: Gimp.Image, settings: Settings, target: host.Target, raster: Raster) -> Masks | None:
    """Where each style goes in the part of the layer that is painted. Raises Mistake."""
    if not settings.placed:
        return None
    _, x, y = target.source.get_offsets()
    seen, size = target.seen, (raster.width, raster.height)
    format = mask_format(raster.format)
    there = host.Area(x + seen.x, y + seen.y, seen.width, seen.height)
    return masks_from(settings, places.planes(image, settings, there, 1.0, size, format), *size, format)


class _Bar:
    """GIMP's progress bar, for one picture of several; gives up when the image is closed."""

    def __init__(self, image: Gimp.Image, choice: Choice, number: int, count: int) -> None:
        self._image, self._number, self._count = image, number, count
        self._title = " + ".join(dict.fromkeys(choice.titles))
        self._pace = Pace()

    def watch(self, events: Sequence[Event]) -> Verdict:
        if not self._image.is_valid():
            return Verdict.STOP
        for event in events:
            if isinstance(event, Progress):
                self._show(event)
        return Verdict.GO

    def _show(self, progress: Progress) -> None:
        if progress.state == "running":
            self._pace.hear(progress.fraction)
        of = f" ({self._number + 1} of {self._count})" if self._count > 1 else ""
        Gimp.progress_update((self._number + progress.fraction) / self._count)
        Gimp.progress_set_text(f"{self._title}: {said(progress, self._pace.left())}{of}")
