# SPDX-License-Identifier: Apache-2.0
"""The last results of a picture with the settings that made them, as JSON that a document keeps.

Invariant: reading never fails, whatever the text is; at most ENTRIES are written and read, newest first.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Optional, TypeVar

ENTRIES = 20
THUMBNAIL = 64
"""Longest side of an entry's picture in pixels."""
LARGEST = 64 << 10
"""Bytes of that picture."""


@dataclass(frozen=True)
class Entry:
    """One result. `settings`, of the host's own type, pin the styles' revisions: painting it again gives the same."""

    title: str
    layer: str
    """The name of the layer it was made from."""
    settings: Any
    seconds: float = 0.0
    picture: bytes = b""
    """A small PNG, or nothing."""


E = TypeVar("E", bound=Entry)


def dump(entries: Iterable[E], settings: Callable[[Any], Any], more: Iterable[str] = ()) -> str:
    """JSON of the newest entries: `settings` gives an entry's as plain values, `more` names the host's own fields."""
    listed = []
    for entry in islice(entries, ENTRIES):
        written = {"title": entry.title, "layer": entry.layer, "settings": settings(entry.settings)}
        written["seconds"] = round(entry.seconds, 3)
        written["picture"] = base64.b64encode(entry.picture).decode("ascii")
        listed.append({**written, **{name: getattr(entry, name) for name in more}})
    return json.dumps({"version": 1, "entries": listed})


def load(text: str, read: Callable[[Mapping[str, Any]], Optional[E]]) -> list[E]:
    """The entries that `read` makes of those in `text`, without those for which it gives None, or raises KeyError, TypeError,
    ValueError or OverflowError."""
    try:
        listed = json.loads(text)["entries"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    entries = []
    for given in listed if isinstance(listed, list) else ():
        try:
            entry = read(given)
        except (ValueError, TypeError, KeyError, OverflowError):
            continue
        if entry is not None:
            entries.append(entry)
    return entries[:ENTRIES]


def shared_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Entry` but its settings; a picture that is too large is left out. Raises as `load` expects."""
    picture = base64.b64decode(given["picture"], validate=True)
    return {
        "title": str(given["title"])[:200],
        "layer": str(given["layer"])[:200],
        "seconds": float(given["seconds"]),
        "picture": picture if len(picture) <= LARGEST else b"",
    }
