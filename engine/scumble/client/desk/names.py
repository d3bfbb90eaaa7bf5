# SPDX-License-Identifier: Apache-2.0
"""What results, styles and layers are called.

Invariant: a result's name says what makes it differ from another result of the same layer: styles, strength, and each option
that is not as usual.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ..catalogue import Catalogue
from .blend import Blend
from .choosing import title

LONGEST = 80
"""Characters of a style's name."""
LIVE = "live"
"""What a live layer's name ends with: "The Starry Night, live"."""
UNFINISHED = "unfinished"
"""What the name of a result ends with that is on the canvas before it is finished."""


def result_name(titles: Sequence[str], strength: float, options: Mapping[str, Any], quality: str = "") -> str:
    """ "The Starry Night 70 %, brush 2, colours kept (luminance), best"; `options` are those that differ from the usual."""
    parts = [f"{' + '.join(dict.fromkeys(titles))} {round(strength * 100)} %"]
    size = options.get("brush_size", 1.0)
    if isinstance(size, (int, float)) and size != 1:
        parts.append(f"brush {size:g}")
    keep = options.get("keep_colours", "off")
    if isinstance(keep, str) and keep not in ("", "off", "none"):
        parts.append(f"colours kept ({keep})")
    if quality:
        parts.append(quality)
    return ", ".join(parts)


def name_of(catalogue: Catalogue | None, choice: Blend, strength: float, options: Mapping[str, Any], quality: str = "") -> str:
    """The name of a result painted in a choice of styles, as `result_name`."""
    return result_name([title(catalogue, style) for style, _ in choice.weights()], strength, options, quality)


def live_name(catalogue: Catalogue | None, choice: Blend) -> str:
    """ "The Starry Night, live"."""
    return f"{' + '.join(dict.fromkeys(title(catalogue, style) for style, _ in choice.weights()))}, {LIVE}"


def unfinished_name(name: str) -> str:
    """The name of a result before it is finished: "The Starry Night 100 %, best, unfinished"."""
    return f"{name}, {UNFINISHED}"


def finished_name(name: str) -> str:
    """The name of a result once it is finished; any other name is returned as it is."""
    end = f", {UNFINISHED}"
    return name[: -len(end)] if name.endswith(end) else name


def style_name(path: str) -> str:
    """The name of a style made from a picture file: the file's name in words, "Blue harbour" of blue_harbour.jpg."""
    words = re.sub(r"[\s_]+", " ", PurePath(path).stem).strip()
    return (words[:1].upper() + words[1:])[:LONGEST] or "Style"


def new_name(typed: str, title: str) -> str:
    """The new name of a style called `title`, from what the painter has typed; "" where that changes nothing."""
    name = " ".join(typed.split())[:LONGEST].strip()
    return "" if name == title else name
