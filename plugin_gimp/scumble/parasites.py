# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result layer remembers, and GIMP for the plug-in, as parasites.

Invariant: all of them are undoable, because GIMP complains of a step that it cannot take back; what is not ours, or of a newer
version, is as if it were not there.
"""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402
from scumble_client.desk.settings import unpinned  # noqa: E402
from scumble_client.desk.stacking import results_above  # noqa: E402
from settings import (  # noqa: E402
    LAST_PARASITE,
    LAYER_PARASITE,
    Made,
    Settings,
    from_text,
    made_from_text,
    made_to_text,
    to_text,
)


def made_of(layer: Gimp.Item) -> Made | None:
    """The settings that made a result layer; None for any other layer, duplicates of results among them."""
    parasite = layer.get_parasite(LAYER_PARASITE)
    made = None if parasite is None else made_from_text(text_of(parasite))
    return made if made is not None and made.itself == layer.get_tattoo() else None


def mark(layer: Gimp.Layer, settings: Settings, source: int) -> None:
    """Let a layer know that it is a result of the one with the tattoo `source`."""
    text = made_to_text(Made(settings, source, layer.get_tattoo()))
    layer.attach_parasite(parasite_of(LAYER_PARASITE, text))


def results_of(image: Gimp.Image, source: Gimp.Layer) -> list[Gimp.Layer]:
    """The results that lie above a layer in its group, bottom to top."""
    parent, tattoo = source.get_parent(), source.get_tattoo()
    siblings = image.get_layers() if parent is None else parent.get_children()
    by_id = {layer.get_id(): layer for layer in reversed(siblings)}

    def is_result(id: int) -> bool:
        made = made_of(by_id[id])
        return made is not None and made.source == tattoo

    return [by_id[id] for id in results_above(list(by_id), source.get_id(), is_result)]


def remember(settings: Settings) -> None:
    """Keep the settings of a run for Scumble Again, also over GIMP's end."""
    Gimp.attach_parasite(parasite_of(LAST_PARASITE, to_text(unpinned(settings))))


def remembered() -> Settings | None:
    """The settings of the last run."""
    parasite = Gimp.get_parasite(LAST_PARASITE)
    return None if parasite is None else from_text(text_of(parasite))


def parasite_of(name: str, text: str) -> Gimp.Parasite:
    return Gimp.Parasite.new(name, Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, text.encode())


def text_of(parasite: Gimp.Parasite) -> str:
    return bytes(parasite.get_data()).decode("utf-8", "replace").rstrip("\0")
