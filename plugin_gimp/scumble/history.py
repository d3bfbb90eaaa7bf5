# SPDX-License-Identifier: GPL-3.0-or-later
"""What was painted in an image, newest first, kept in the image; and the styles that are a painter's favourites, or were used
last, kept in GIMP.

Invariant: reading never fails, whatever was written (client/desk/history.py). Noting belongs to the undo step of the result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402
from parasites import parasite_of, text_of  # noqa: E402
from scumble_client.desk import shelf  # noqa: E402
from scumble_client.desk.choosing import plain_id  # noqa: E402
from scumble_client.desk.history import LARGEST, THUMBNAIL, Entry, dump, load, shared_fields  # noqa: E402
from settings import Settings, from_text, to_text  # noqa: E402

PARASITE = "scumble-history"
FAVOURITES, RECENT = "scumble-favourites", "scumble-recent"
"""Lists of styles."""


def read(image: Gimp.Image) -> list[Entry]:
    """Newest first."""
    parasite = image.get_parasite(PARASITE)
    return [] if parasite is None else load(text_of(parasite), _entry)


def note(image: Gimp.Image, new: Sequence[Entry]) -> None:
    """Put results on top of the history."""
    text = dump([*reversed(new), *read(image)], lambda settings: json.loads(to_text(settings)))
    image.attach_parasite(parasite_of(PARASITE, text))


def thumbnail(layer: Gimp.Layer) -> bytes:
    """A small PNG; nothing where GIMP makes none."""
    pixbuf = layer.get_thumbnail(THUMBNAIL, THUMBNAIL, Gimp.PixbufTransparency.KEEP_ALPHA)
    done, data = pixbuf.save_to_bufferv("png", [], []) if pixbuf else (False, b"")
    return bytes(data) if done and len(data) <= LARGEST else b""


def styles(name: str) -> list[str]:
    """The ids on one of the painter's lists, FAVOURITES or RECENT (newest first)."""
    parasite = Gimp.get_parasite(name)
    try:
        listed = [] if parasite is None else json.loads(text_of(parasite))
    except (ValueError, RecursionError):
        return []
    return [id for id in listed if isinstance(id, str)] if isinstance(listed, list) else []


def keep_styles(name: str, ids: Sequence[str]) -> None:
    """Write one of those lists."""
    Gimp.attach_parasite(parasite_of(name, json.dumps(list(ids))))


def used(settings: Settings) -> None:
    """Remember the styles that a painter has painted with."""
    recent = styles(RECENT)
    for style, _ in reversed(settings.weights()):
        recent = list(shelf.used(recent, plain_id(style)))
    keep_styles(RECENT, recent)


def _entry(given: Mapping[str, Any]) -> Entry | None:
    settings = from_text(json.dumps(given["settings"]))
    return None if settings is None else Entry(settings=settings, **shared_fields(given))
