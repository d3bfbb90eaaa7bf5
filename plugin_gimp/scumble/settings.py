# SPDX-License-Identifier: GPL-3.0-or-later
"""What a painter chooses, and what a result layer remembers of it. Knows neither GIMP nor the engine.

Invariant: text from a parasite or a script that is not ours or of a newer version is no settings at all, never half of
them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from scumble_client.desk import settings as shared
from scumble_client.desk.blend import ALL, HALF, SELECTION, Blend, share_moved
from scumble_client.desk.quality import QUALITIES, USUAL

LAYER_PARASITE = "scumble"
LAST_PARASITE = "scumble-last"
VERSION = 1
KINDS = ("layer", "mask", "channel")
"""What else a style can go by: "layer:Sky", the mask of that layer as "mask:Sky", "channel:Saved"."""


class Mistake(Exception):
    """Something the painter can put right; the text says how. `about` names the setting that would do without, if any."""

    def __init__(self, text: str, about: str = "") -> None:
        super().__init__(text)
        self.about = about


@dataclass(frozen=True)
class Other:
    """A further style: its share of the picture, or of the place `where` it goes; the first style has what is left."""

    style: str
    share: float = HALF
    where: str = ""
    """Empty is everywhere; else the selection, or kind and name of a layer, a layer's mask or a channel."""
    tattoo: int = 0
    """Of that, in the image of a result that remembers it, where the painter may have renamed it since."""

    def moved(self, where: str) -> Other:
        """Somewhere else, with the share that is usual there unless the painter has chosen one."""
        return replace(self, where=where, share=share_moved(self.share, self.where, where), tattoo=0)

    @property
    def place(self) -> tuple[str, str]:
        """Kind and name."""
        kind, _, name = self.where.partition(":")
        return kind, name


@dataclass(frozen=True)
class Settings(Blend):
    """One run's choices. An empty `style` is the first one there is, an empty `method` the first that can paint it."""

    style: str = ""
    method: str = ""
    strength: float = 1.0
    brush_size: float = 1.0
    keep_colours: str = ""
    """One of the choices of the engine's option; empty is the engine's own."""
    replace: bool = False
    """Whether the result takes the place of the last one of the same layer."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further options of the method, as `scumble methods` lists them."""
    others: tuple[Other, ...] = ()
    quality: str = USUAL
    """How much is done (client/desk/quality.py)."""

    def options(self) -> dict[str, Any]:
        """The options of the method, as the engine takes them."""
        given: dict[str, Any] = {}
        if self.brush_size != 1.0:
            given["brush_size"] = self.brush_size
        if self.keep_colours:
            given["keep_colours"] = self.keep_colours
        return {**given, **self.more}


@dataclass(frozen=True)
class Made:
    """The record on a result layer: how it was made, from which layer, and which layer it is (both as tattoos).

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
    """The record from text. Raises as `from_text`."""
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


def quality_from(text: str) -> str:
    """A script's "quality" argument. Raises Mistake."""
    if text and text not in QUALITIES:
        raise Mistake(
            f"“{text}” is no quality. Qualities are {', '.join(QUALITIES)}, or nothing for the method's own.", "quality"
        )
    return text


def others_from_text(text: str) -> tuple[Other, ...]:
    """A script's "others" argument: empty, or a JSON list. Raises Mistake."""
    try:
        return _others(json.loads(text)) if text.strip() else ()
    except ValueError as e:
        raise Mistake(
            f'The other styles cannot be read: {e}. They are JSON like [{{"style": "great-wave", "share": 0.5}}]; '
            '"where" may be "selection", "layer:NAME", "mask:NAME" or "channel:NAME".',
            "others",
        ) from e


def others_to_text(others: tuple[Other, ...]) -> str:
    """The other way round."""
    return json.dumps([asdict(other) for other in others]) if others else ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("version") == VERSION else None


def _settings(entry: dict[str, Any]) -> Settings | None:
    known = {f.name: entry[f.name] for f in fields(Settings) if f.name in entry}
    try:
        others = _others(known.pop("others", []))
    except ValueError:
        return None
    defaults = asdict(Settings())
    for name, value in known.items():
        wanted = (int, float) if isinstance(defaults[name], float) else type(defaults[name])
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            return None
    return Settings(**{**known, "others": others, "quality": shared.quality(known.get("quality"))})


def _others(listed: Any) -> tuple[Other, ...]:
    """Raises ValueError."""
    if not isinstance(listed, list):
        raise ValueError("it is no list")
    return tuple(_other(entry) for entry in listed)


def _other(entry: Any) -> Other:
    given = {"where": "", "tattoo": 0, **entry} if isinstance(entry, dict) else {}
    given.setdefault("share", ALL if given.get("where") else HALF)
    kinds = {"style": str, "share": (int, float), "where": str, "tattoo": int}
    if set(given) != set(kinds) or not all(isinstance(given[name], kind) for name, kind in kinds.items()):
        raise ValueError(f"{json.dumps(entry)} is no style with its share and place")
    kind, _, name = given["where"].partition(":")
    if not (given["where"] in ("", SELECTION) or (kind in KINDS and name)):
        raise ValueError(f"“{given['where']}” is no place")
    if not 0 <= given["share"] <= 1:
        raise ValueError(f"{given['share']} is no share from 0 to 1")
    return Other(**given)
