# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the plug-in, from the selected layers to their results.

Invariant: nothing is put into the image before every result is there, and then in one undo step.
"""

from __future__ import annotations

from dataclasses import replace

import gi

gi.require_version("Gimp", "3.0")
import engine as asking  # noqa: E402
import host  # noqa: E402
import places  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from scumble_client.blocking import Engine  # noqa: E402
from scumble_client.raster import Masks, Raster  # noqa: E402
from scumble_client.session import Session  # noqa: E402
from settings import Settings, layer_name  # noqa: E402


def open_session() -> Session:
    return asking.open_session(host.name())


def connect(session: Session) -> Engine:
    """The engine, with a word to the painter while it starts. Raises EngineError."""
    Gimp.progress_init("Scumble")  # what the Cancel button names, all along
    Gimp.progress_set_text("Scumble: starting the engine…")
    return asking.connect(session)


def stylize(
    session: Session, image: Gimp.Image, drawables: list[Gimp.Drawable], settings: Settings, style_from: object = None
) -> list[Gimp.Layer]:
    """Stylize the layers, and select the results. `style_from` is a layer or Gio.File to be kept as the style first.

    Raises EngineError and Mistake.
    """
    targets = host.targets(image, drawables, settings.replace, settings.by_selection, settings.brush_size)
    places.check(image, settings)
    engine = connect(session)
    Gimp.progress_set_text("Scumble: asking for the styles…")
    if style_from is not None:
        settings = replace(settings, style=put_style(engine, style_from))
    choice = asking.choose(engine.catalogue(), settings)
    title = choice.title

    def show(fraction: float, text: str) -> None:
        Gimp.progress_update(fraction)
        Gimp.progress_set_text(f"{title}: {text}" if text else title)

    results = []
    descends = bool(choice.method.capabilities.get("iterative"))
    for number, target in enumerate(targets):
        raster, context = host.read(target, image), host.context(target, asking.CONTEXT_SIDE, descends)
        masks = _masks(image, settings, target, raster)
        progress = asking.share(show, number, len(targets))
        results.append(asking.paint(engine, choice, settings, raster, context, progress, masks))
    layers = []
    image.undo_group_start()
    try:
        for target, finished in zip(targets, results):  # noqa: B905 - strict is new in Python 3.10
            made = replace(asking.pinned(settings, choice, finished.styles), method=choice.method.id)
            made = replace(made, others=places.noted(image, made.others))
            layers.append(host.insert(image, target, layer_name(title, settings.strength), finished.raster, made))
        image.set_selected_layers(layers)
    finally:
        image.undo_group_end()
    Gimp.progress_end()
    return layers


def _masks(image: Gimp.Image, settings: Settings, target: host.Target, raster: Raster) -> Masks | None:
    """Where each style goes in the part of the layer that is painted."""
    if not settings.placed:
        return None
    _, x, y = target.source.get_offsets()
    seen, size = target.seen, (raster.width, raster.height)
    format = "u8" if raster.format == "u8" else "u16"
    there = host.Area(x + seen.x, y + seen.y, seen.width, seen.height)
    return asking.masks(settings, places.planes(image, settings, there, 1.0, size, format), size, format)


def put_style(engine: Engine, source: object) -> str:
    """Keep a layer or a file's picture as a style of the painter's; its id."""
    if isinstance(source, Gimp.Item):
        name, raster = source.get_name(), host.small(source, asking.STYLE_SIDE)
    else:
        name, raster = host.picture(source, asking.STYLE_SIDE)
    return engine.put_style(name, raster)
