# SPDX-License-Identifier: GPL-3.0-or-later
"""The last results of a document, as text that Krita keeps in it (client/desk/history.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .scumble_client.desk import history as shared
from .scumble_client.desk.settings import Settings, from_dict


@dataclass(frozen=True)
class Entry(shared.Entry):
    """One result."""

    device: str = ""
    when: float = 0.0
    """Seconds since the epoch."""
    kept: int = 0
    """Not 0: the result had no place and waits under this number."""


def dump(entries: Sequence[Entry]) -> str:
    """JSON of the newest entries; what waits for a place belongs to no document and is left out."""
    return shared.dump((entry for entry in entries if not entry.kept), Settings.to_dict, ("device", "when"))


def load(text: str) -> list[Entry]:
    """The entries in `text`; whatever is not one is left out."""
    return shared.load(text, _entry)


def _entry(given: Mapping[str, Any]) -> Entry:
    settings, device, when = from_dict(given["settings"]), str(given["device"])[:80], float(given["when"])
    return Entry(settings=settings, device=device, when=when, **shared.shared_fields(given))
