# SPDX-License-Identifier: GPL-3.0-or-later
"""The last results of a document with everything that made them, as JSON that is kept in the document.

Invariant: reading never fails, whoever wrote the document; at most ENTRIES are kept, newest first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .scumble_client.desk.settings import Settings, from_dict

ENTRIES = 20
THUMBNAIL = 64
"""Side of an entry's picture in pixels."""
_MAX_PICTURE = 64 << 10


@dataclass(frozen=True)
class Entry:
    """One result. `settings` pin the styles' revisions, so that painting it again gives the same."""

    title: str
    layer: str
    settings: Settings
    seconds: float = 0.0
    device: str = ""
    when: float = 0.0
    """Seconds since the epoch."""
    picture: bytes = b""
    """A small PNG, or nothing."""
    kept: int = 0
    """Not 0: the result found no place and waits under this number."""


def dump(entries: Sequence[Entry]) -> str:
    """JSON of the newest entries; what waits for a place belongs to no document and is left out."""
    return json.dumps({"version": 1, "entries": [_to_dict(e) for e in entries if not e.kept][:ENTRIES]})


def load(text: str) -> list[Entry]:
    """The entries in `text`; whatever is not one is left out."""
    try:
        listed = json.loads(text)["entries"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    found = [_entry(given) for given in listed] if isinstance(listed, list) else []
    return [entry for entry in found if entry is not None][:ENTRIES]


def _to_dict(entry: Entry) -> dict[str, Any]:
    return {
        "title": entry.title,
        "layer": entry.layer,
        "settings": entry.settings.to_dict(),
        "seconds": round(entry.seconds, 3),
        "device": entry.device,
        "when": entry.when,
        "picture": base64.b64encode(entry.picture).decode("ascii"),
    }


def _entry(given: Any) -> Entry | None:
    try:
        picture = base64.b64decode(given["picture"], validate=True)
        return Entry(
            title=str(given["title"])[:200],
            layer=str(given["layer"])[:200],
            settings=from_dict(given["settings"]),
            seconds=float(given["seconds"]),
            device=str(given["device"])[:80],
            when=float(given["when"]),
            picture=picture if len(picture) <= _MAX_PICTURE else b"",
        )
    except (ValueError, TypeError, KeyError, OverflowError, binascii.Error):
        return None
