# SPDX-License-Identifier: GPL-3.0-or-later
"""What was painted in an image, newest first, kept in the image; and the styles that are a painter's favourites, or were used
last, kept in GIMP.

Invariant: reading never fails, whoever wrote it; at most ENTRIES are kept. Noting belongs to the undo step of the result.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402
from parasites import parasite_of, text_of  # noqa: E402
from scumble_client.desk import shelf  # noqa: E402
from scumble_client.desk.choosing import plain_id  # noqa: E402
from settings import Settings, from_text, to_text  # noqa: E402

PARASITE = "scumble-history"
FAVOURITES, RECENT = "scumble-favourites", "scumble-recent"
"""Lists of styles."""
ENTRIES = 20
THUMBNAIL = 64
"""Longest side of an entry's picture in pixels."""
_MOST = 64 << 10
"""Bytes of a picture."""


@dataclass(frozen=True)
class Entry:
    """One result: what it is called, the layer it was made from, how, in how many seconds, and a small PNG or nothing."""

    title: str
    layer: str
    settings: Settings
    seconds: float
    picture: bytes = b""


def read(image: Gimp.Image) -> list[Entry]:
    """Newest first."""
    parasite = image.get_parasite(PARASITE)
    try:
        listed = [] if parasite is None else json.loads(text_of(parasite))["entries"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    found = [_entry(given) for given in listed] if isinstance(listed, list) else []
    return [entry for entry in found if entry is not None][:ENTRIES]


def note(image: Gimp.Image, new: Sequence[Entry]) -> None:
    """Put results on top of the history."""
    kept = [*reversed(new), *read(image)][:ENTRIES]
    text = json.dumps({"version": 1, "entries": [_written(entry) for entry in kept]})
    image.attach_parasite(parasite_of(PARASITE, text))


def thumbnail(layer: Gimp.Layer) -> bytes:
    """A small PNG; nothing where GIMP makes none."""
    pixbuf = layer.get_thumbnail(THUMBNAIL, THUMBNAIL, Gimp.PixbufTransparency.KEEP_ALPHA)
    done, data = pixbuf.save_to_bufferv("png", [], []) if pixbuf else (False, b"")
    return bytes(data) if done and len(data) <= _MOST else b""


def styles(name: str) -> list[str]:
    """The ids on one of the painter's lists, FAVOURITES or RECENT (newest first)."""
    parasite = Gimp.get_parasite(name)
    try:
        found = [] if parasite is None else json.loads(text_of(parasite))
    except (ValueError, RecursionError):
        return []
    return [id for id in found if isinstance(id, str)] if isinstance(found, list) else []


def keep_styles(name: str, ids: Sequence[str]) -> None:
    """Write one of those lists."""
    Gimp.attach_parasite(parasite_of(name, json.dumps(list(ids))))


def used(settings: Settings) -> None:
    """Remember the styles that a painter has painted with."""
    recent = styles(RECENT)
    for style, _ in reversed(settings.weights()):
        recent = list(shelf.used(recent, plain_id(style)))
    keep_styles(RECENT, recent)


def _written(entry: Entry) -> dict[str, object]:
    picture = base64.b64encode(entry.picture).decode("ascii")
    how = {"settings": json.loads(to_text(entry.settings)), "seconds": round(entry.seconds, 3)}
    return {"title": entry.title, "layer": entry.layer, **how, "picture": picture}


def _entry(given: dict[str, object]) -> Entry | None:
    try:
        settings = from_text(json.dumps(given["settings"]))
        picture = base64.b64decode(str(given["picture"]), validate=True)
        if settings is None:
            return None
        seconds = float(str(given["seconds"]))
        return Entry(str(given["title"])[:200], str(given["layer"])[:200], settings, seconds, picture[:_MOST])
    except (ValueError, TypeError, KeyError):
        return None
