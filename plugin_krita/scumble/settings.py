# SPDX-License-Identifier: GPL-3.0-or-later
"""What the painter has chosen: plain frozen data, with its JSON.

Invariant: whatever JSON is read, also from a stranger's document, gives a Settings with values of the right types in range.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .scumble_client.blend import ALL, HALF, SELECTION, Blend, share_moved
from .scumble_client.catalogue import Catalogue, Method, Option, Style


@dataclass(frozen=True)
class Other:
    """A further style (an id, or id@rev): its share of the picture, or of the place `where` it goes; the first style has what
    is left."""

    style: str
    share: float = HALF
    where: str = ""
    """"" is everywhere; else the selection, or the id of a layer or mask, which no other in any document has."""
    name: str = ""
    """Of that layer or mask, for people."""

    def moved(self, where: str, name: str) -> Other:
        """Somewhere else, with the share that is usual there unless the painter has chosen one."""
        return replace(self, where=where, name=name, share=share_moved(self.share, self.where, where))


@dataclass(frozen=True)
class Settings(Blend):
    """`style` is an id, or id@rev where a revision is pinned; "" is none."""

    style: str = ""
    others: tuple[Other, ...] = ()
    strength: float = 1.0
    method: str = ""
    """"" is the first method that can paint the style."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Only what differs from the method's defaults."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "style": self.style,
            "others": [vars(other) for other in self.others],
            "strength": self.strength,
            "method": self.method,
            "options": dict(self.options),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())


def from_dict(given: Any) -> Settings:
    """Settings from JSON's values; what is missing or ill-typed is as in a fresh Settings."""
    given = given if isinstance(given, dict) else {}
    fresh = Settings()
    texts = {name: value for name in ("style", "method") if isinstance(value := given.get(name), str)}
    options, listed = given.get("options"), given.get("others")
    if isinstance(given.get("second"), str) and given["second"]:  # as it was written when there was one other at most
        listed = [{"style": given["second"], "share": given.get("mix")}]
    return replace(
        fresh,
        others=tuple(_other(entry) for entry in listed if _is_style(entry)) if isinstance(listed, list) else (),
        strength=_share(given.get("strength"), fresh.strength),
        options={str(k): v for k, v in options.items() if _plain(v)} if isinstance(options, dict) else {},
        **texts,
    )


def from_json(text: str) -> Settings:
    try:
        return from_dict(json.loads(text))
    except ValueError:
        return Settings()


def plain_id(style: str) -> str:
    """The id without a pinned revision."""
    return style.partition("@")[0]


def find_style(catalogue: Catalogue | None, style: str) -> Style | None:
    """The style with this id (or id@rev), if the catalogue has it."""
    return next((s for s in catalogue.styles if s.id == plain_id(style)), None) if catalogue else None


def methods_for(catalogue: Catalogue | None, settings: Settings) -> list[Method]:
    """The methods that can paint what is chosen, in the engine's order; of several styles, those first that take no long time.
    A method that cannot blend paints styles that have places of their own one by one (docs/protocol.md, section 5)."""
    if catalogue is None:
        return []
    chosen = [find_style(catalogue, style) for style, _ in settings.weights()]
    found = [m for m in catalogue.methods if all(s is not None and m.id in s.methods for s in chosen)]
    if len(chosen) < 2:
        return found
    blending = [m for m in found if settings.placed or m.capabilities.get("blend")]
    return sorted(blending, key=lambda m: bool(m.capabilities.get("iterative")))


def obstacle(catalogue: Catalogue | None, settings: Settings) -> str:
    """Why no method can paint what is chosen, though each of the styles can be painted; "" if one can."""
    if catalogue is None or methods_for(catalogue, settings) or len(settings.weights()) < 2:
        return ""
    titles = " and ".join(f"“{_name(catalogue, style)}”" for style, _ in settings.weights())
    if any(methods_for(catalogue, replace(settings, others=(*settings.others, Other(settings.style, where=SELECTION))))):
        return f"No method can blend {titles}. Say where each further style goes, or choose others."
    return f"No method can paint {titles} in one picture. Choose others."


def method_of(catalogue: Catalogue | None, settings: Settings) -> Method | None:
    """The method that will paint: the chosen one if it can, else the first that can."""
    able = methods_for(catalogue, settings)
    return next((m for m in able if m.id == settings.method), able[0] if able else None)


def options_for(method: Method, settings: Settings) -> dict[str, Any]:
    """The chosen options that this method knows; a choice for another method does not stop this one."""
    return {o.name: settings.options[o.name] for o in method.options if _fits(o, settings.options.get(o.name))}


def title_of(catalogue: Catalogue | None, settings: Settings) -> str:
    """What a result is called: "The Starry Night 70 %"."""
    names = dict.fromkeys(_name(catalogue, style) for style, _ in settings.weights())
    return f"{' + '.join(names)} {round(settings.strength * 100)} %"


def matching(styles: Iterable[Style], words: str) -> list[Style]:
    """The styles in whose title, artist or id every word occurs."""
    wanted = words.casefold().split()
    return [s for s in styles if all(w in f"{s.title} {s.artist or ''} {s.id}".casefold() for w in wanted)]


def _name(catalogue: Catalogue | None, style: str) -> str:
    found = find_style(catalogue, style)
    return found.title if found else plain_id(style)


def _fits(option: Option, value: Any) -> bool:
    if option.kind == "choice":
        return isinstance(value, str) and value in (option.choices or ())
    if option.kind in ("int", "float"):
        number = isinstance(value, int if option.kind == "int" else (int, float)) and not isinstance(value, bool)
        low = -math.inf if option.minimum is None else option.minimum
        return number and low <= value <= (math.inf if option.maximum is None else option.maximum)
    return isinstance(value, {"bool": bool, "text": str}.get(option.kind, ()))


def _is_style(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("style"), str)


def _other(entry: Mapping[str, Any]) -> Other:
    where, name = (value if isinstance(value := entry.get(key), str) else "" for key in ("where", "name"))
    return Other(entry["style"], _share(entry.get("share"), ALL if where else HALF), where, name)


def _share(value: Any, otherwise: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return min(1.0, max(0.0, float(value))) if number else otherwise


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
