# SPDX-License-Identifier: Apache-2.0
"""In which order a gallery shows the styles, and which of them a few words find.

Invariant: a style that the painter has added never vanishes, even where no method can paint it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..catalogue import Catalogue, Style
from .labels import ALL_STYLES, FAVOURITES, OWN
from .labels import RECENT as LAST_USED

RECENT = 12
"""Styles that are remembered as used."""
WHICH = (("", ALL_STYLES), ("favourites", FAVOURITES), ("recent", LAST_USED), ("own", OWN))
"""What a gallery can be limited to."""


def shelf(catalogue: Catalogue, favourites: Collection[str] = ()) -> list[Style]:
    """Favourites (ids) first, then the painter's own, then the others, each in the engine's order; those that no method can
    paint are left out, except for the painter's own."""
    shown = [style for style in catalogue.styles if style.methods or style.own]
    return sorted(shown, key=lambda style: (style.id not in favourites, not style.own))


def on_shelf(catalogue: Catalogue, which: str, favourites: Collection[str], recent: Sequence[str]) -> list[Style]:
    """The styles of a gallery that is limited to `which` (of WHICH), favourites first; recent ones by their time."""
    styles = shelf(catalogue, favourites)
    if which == "favourites":
        return [style for style in styles if style.id in favourites]
    if which == "own":
        return [style for style in styles if style.own]
    if which == "recent":
        return sorted((s for s in styles if s.id in recent), key=lambda style: recent.index(style.id))
    return styles


def matching(styles: Iterable[Style], words: str) -> list[Style]:
    """The styles in whose title, artist or id every word occurs."""
    wanted = words.casefold().split()
    return [s for s in styles if all(w in f"{s.title} {s.artist or ''} {s.id}".casefold() for w in wanted)]


def used(recent: Sequence[str], style: str) -> tuple[str, ...]:
    """The ids of the styles used last, newest first, with one more."""
    return (style, *(other for other in recent if other != style))[:RECENT]
