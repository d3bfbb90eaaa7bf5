# SPDX-License-Identifier: GPL-3.0-or-later
"""What a painter chooses, and what a result layer remembers of it. Knows neither GIMP nor the engine.

Invariant: text from a parasite or a script that is not ours or of a newer version is no settings at all, never half of
them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

LAYER_PARASITE = "scumble"
LAST_PARASITE = "scumble-last"
VERSION = 1


class Mistake(Exception):
    """Something the painter can put right; the text says how."""


@dataclass(frozen=True)
class Settings:
    """One run's choices. An empty `style` is the first one there is, an empty `method` the first that can paint it."""

    style: str = ""
    method: str = ""
    strength: float = 1.0
    brush_size: float = 1.0
    keep_colours: bool = False
    replace: bool = False
    """Whether the result takes the place of the last one of the same layer."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further options of the method, as `scumble methods` lists them."""

    def options(self) -> dict[str, Any]:
        """As the engine wants them."""
        given: dict[str, Any] = {}
        if self.brush_size != 1.0:
            given["brush_size"] = self.brush_size
        if self.keep_colours:
            given["keep_colours"] = "luminance"
        return {**given, **self.more}


@dataclass(frozen=True)
class Made:
    """What a result layer carries: how it was made, from which layer, and which layer it is (both as tattoos).

    A duplicate of the layer carries the same text under another tattoo, and so is no result any more.
    """

    settings: Settings
    source: int
    itself: int


def to_text(settings: Settings) -> str:
    return json.dumps({"version": VERSION, **asdict(settings)})


def from_text(text: str) -> Settings | None:
    """The settings in `text`; None where it holds none that we know how to read."""
    entry = _object(text)
    return None if entry is None else _settings(entry)


def made_to_text(made: Made) -> str:
    return json.dumps({"version": VERSION, "source": made.source, "itself": made.itself, **asdict(made.settings)})


def made_from_text(text: str) -> Made | None:
    """As `from_text`."""
    entry = _object(text)
    if entry is None or not (isinstance(entry.get("source"), int) and isinstance(entry.get("itself"), int)):
        return None
    settings = _settings(entry)
    return None if settings is None else Made(settings, entry["source"], entry["itself"])


def further_options(text: str) -> dict[str, Any]:
    """A script's "options" argument: empty, or a JSON object. Raises Mistake."""
    if not text.strip():
        return {}
    try:
        options = json.loads(text)
    except ValueError as e:
        raise Mistake(f'The options are no JSON: {e}. They look like {{"seed": 7}}.') from e
    if not isinstance(options, dict):
        raise Mistake('The options must be a JSON object, like {"seed": 7}.')
    return options


def layer_name(style: str, strength: float) -> str:
    """ "The Starry Night 70 %"."""
    return f"{style} {strength * 100:.0f} %"


def _object(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("version") == VERSION else None


def _settings(entry: dict[str, Any]) -> Settings | None:
    known = {f.name: entry[f.name] for f in fields(Settings) if f.name in entry}
    defaults = asdict(Settings())
    for name, value in known.items():
        wanted = (int, float) if isinstance(defaults[name], float) else type(defaults[name])
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            return None
    return Settings(**known)
