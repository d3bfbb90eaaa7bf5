# SPDX-License-Identifier: Apache-2.0
"""What a painter has chosen, and how it is read back from a document or a host program's settings.

Invariant: whatever JSON is read, also a stranger's or a damaged one, gives values of the right types in range. A field that
cannot be read is as in fresh settings, a further style that cannot be read is left out; the rest is kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .blend import ALL, HALF, Blend, share_moved
from .choosing import plain_id
from .quality import QUALITIES, USUAL

B = TypeVar("B", bound=Blend)


@dataclass(frozen=True)
class Other:
    """A further style (an id, or id@rev), with its share of the picture or of the place `where` it goes; the first style has
    the rest."""

    style: str
    share: float = HALF
    where: str = ""
    """"" is everywhere; else the selection, or the host's name for a layer or mask."""
    name: str = ""
    """The title of that layer or mask, to be shown."""

    def moved(self, where: str, name: str) -> Other:
        """Somewhere else, with the share that is usual there unless the painter has chosen one."""
        return replace(self, where=where, name=name, share=share_moved(self.share, self.where, where))


@dataclass(frozen=True)
class Settings(Blend):
    """All that a painter has chosen for a picture. `style` is an id, or id@rev where a revision is pinned; "" is none."""

    style: str = ""
    others: Sequence[Other] = ()
    strength: float = 1.0
    method: str = ""
    """"" is the first method that can paint the style."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Only what differs from the method's defaults."""
    quality: str = USUAL
    """How much is done for the picture (desk/quality.py)."""

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values for JSON."""
        return {
            "style": self.style,
            "others": [vars(other) for other in self.others],
            "strength": self.strength,
            "method": self.method,
            "options": dict(self.options),
            "quality": self.quality,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())


def from_dict(given: Any) -> Settings:
    """Settings from JSON's values; what is missing or ill-typed is as in a fresh Settings."""
    given = given if isinstance(given, dict) else {}
    listed = given.get("others")
    if isinstance(given.get("second"), str) and given["second"]:  # as it was written when there was one other at most
        listed = [{"style": given["second"], "share": given.get("mix")}]
    return Settings(
        style=text(given.get("style")),
        others=others(listed),
        strength=share(given.get("strength"), 1.0),
        method=text(given.get("method")),
        options=options(given.get("options")),
        quality=quality(given.get("quality")),
    )


def from_json(written: str) -> Settings:
    """Settings from JSON text; fresh Settings where it is no JSON."""
    return from_dict(parsed(written))


def parsed(written: str) -> dict[str, Any]:
    """A JSON object; an empty one where the text is none."""
    try:
        settings = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def text(value: Any, otherwise: str = "") -> str:
    return value if isinstance(value, str) else otherwise


def flag(value: Any, otherwise: bool = False) -> bool:
    return value if isinstance(value, bool) else otherwise


def number(value: Any, otherwise: float, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number, brought into range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return otherwise
    return min(most, max(least, float(value)))


def share(value: Any, otherwise: float) -> float:
    """A number in [0, 1]."""
    return number(value, otherwise, 0.0, 1.0)


def options(value: Any) -> dict[str, Any]:
    """A method's options: plain values by name."""
    return {str(k): v for k, v in value.items() if _plain(v)} if isinstance(value, dict) else {}


def quality(value: Any) -> str:
    """A quality of desk/quality.py; the usual for any other value."""
    return value if isinstance(value, str) and value in QUALITIES else USUAL


def others(value: Any) -> tuple[Other, ...]:
    """Further styles, without those that name no style."""
    listed = value if isinstance(value, (list, tuple)) else ()
    return tuple(_other(entry) for entry in listed if isinstance(entry, dict) and isinstance(entry.get("style"), str))


def pinned(choice: B, used: Sequence[str]) -> B:
    """`choice` (a dataclass) with the revisions that the engine says it `used` (id@rev)."""
    newest = {plain_id(style): style for style in used}
    further = tuple(replace(o, style=newest.get(plain_id(o.style), o.style)) for o in choice.others)
    return _with(choice, newest.get(plain_id(choice.style), choice.style), further)


def unpinned(choice: B) -> B:
    """`choice` (a dataclass) without revisions: the styles as they are now."""
    return _with(choice, plain_id(choice.style), tuple(replace(o, style=plain_id(o.style)) for o in choice.others))


def brush_size(options: Mapping[str, Any]) -> float:
    """The chosen brush size; 1 where the options say nothing that could be one."""
    size = number(options.get("brush_size"), 1.0)
    return size if size > 0 else 1.0


def _with(choice: B, style: str, others: tuple[Any, ...]) -> B:
    return replace(choice, style=style, others=others)  # type: ignore[type-var]


def _other(entry: Mapping[str, Any]) -> Other:
    where = text(entry.get("where"))
    return Other(entry["style"], share(entry.get("share"), ALL if where else HALF), where, text(entry.get("name")))


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
