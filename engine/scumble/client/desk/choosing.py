# SPDX-License-Identifier: Apache-2.0
"""Which methods can paint what is chosen, which of them does, and why none can.

Invariant: the same catalogue and choice give the same method in every host program. `Blend` is whatever has a style, others
and, where it matters, `method` and `options` (desk/settings.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..catalogue import Catalogue, Method, Option, Style
from .blend import Blend

DEFAULT_METHOD = "memory"
"""Paints any picture's style in one pass; it comes first wherever it can paint what is chosen."""


def plain_id(style: str) -> str:
    """The id without a pinned revision."""
    return style.partition("@")[0]


def find_style(catalogue: Catalogue | None, style: str) -> Style | None:
    """The style with this id (or id@rev), if the catalogue has it."""
    return next((s for s in catalogue.styles if s.id == plain_id(style)), None) if catalogue else None


def able(catalogue: Catalogue, styles: Sequence[Style | None], apart: bool = False) -> list[Method]:
    """The methods that can paint these styles in one picture, the one to use first; none where a style is None.

    Several styles need a method that can blend, unless they are set `apart` by places of their own: then each is painted
    by itself (docs/protocol.md, section 5). Of several styles, methods that optimize step by step come last.
    """
    known = [style for style in styles if style is not None]
    if len(known) < len(styles):
        return []
    methods = [m for m in catalogue.methods if all(m.id in style.methods for style in known)]
    if len(known) > 1:
        methods = [m for m in methods if apart or m.capabilities.get("blend")]
        return sorted(methods, key=lambda m: (bool(m.capabilities.get("iterative")), m.id != DEFAULT_METHOD))
    return sorted(methods, key=lambda m: m.id != DEFAULT_METHOD)


def methods_for(catalogue: Catalogue | None, choice: Blend) -> list[Method]:
    """The methods that can paint the choice, the one to use first."""
    if catalogue is None:
        return []
    return able(catalogue, [find_style(catalogue, style) for style, _ in choice.weights()], choice.placed)


def method_of(catalogue: Catalogue | None, choice: Blend) -> Method | None:
    """The method that will paint: the chosen one if it can, else the first that can."""
    methods = methods_for(catalogue, choice)
    wanted = getattr(choice, "method", "")
    return next((m for m in methods if m.id == wanted), methods[0] if methods else None)


def obstacle(catalogue: Catalogue | None, choice: Blend) -> str:
    """Why no method can paint several styles in one picture, and what to do, as a sentence; "" if one can."""
    weights = choice.weights()
    if catalogue is None or len(weights) < 2 or methods_for(catalogue, choice):
        return ""
    titles = " and ".join(f"“{title(catalogue, style)}”" for style, _ in weights)
    if able(catalogue, [find_style(catalogue, style) for style, _ in weights], apart=True):
        return f"No method can blend {titles}. Say where each further style goes, or choose others."
    return f"No method can paint {titles} in one picture. Choose others."


def options_for(method: Method, options: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen options that this method has and takes; a choice made for another method does not stop this one."""
    return {o.name: options[o.name] for o in method.options if fits(o, options.get(o.name))}


def asked_strength(method: Method, strength: float) -> tuple[float, float]:
    """The strength to ask a picture to be shown with, and the share of that picture in what is shown, the rest being the layer
    itself: where the engine would only mix pixels, the program that shows it can, and a moved slider costs no job."""
    return (strength, 1.0) if method.capabilities.get("strength") else (1.0, strength)


def fits(option: Option, value: Any) -> bool:
    """Whether the option takes this value."""
    if option.kind == "choice":
        return isinstance(value, str) and value in (option.choices or ())
    if option.kind in ("int", "float"):
        number = isinstance(value, int if option.kind == "int" else (int, float)) and not isinstance(value, bool)
        low = -math.inf if option.minimum is None else option.minimum
        return number and low <= value <= (math.inf if option.maximum is None else option.maximum)
    return isinstance(value, {"bool": bool, "text": str}.get(option.kind, ()))


def find_option(method: Method, name: str) -> Option | None:
    """The method's option of that name."""
    return next((option for option in method.options if option.name == name), None)


def title(catalogue: Catalogue | None, style: str) -> str:
    """A style's title; its id where the catalogue has no such style."""
    known = find_style(catalogue, style)
    return known.title if known else plain_id(style)
