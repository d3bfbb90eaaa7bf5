# SPDX-License-Identifier: Apache-2.0
"""A choice of several styles: a first one, and others that each have a share of the whole picture or of a place.

Invariant: what the others leave is the first style's, and only styles that have a share are named. Weights may sum to more than
1; the engine divides by their sum (docs/protocol.md, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SELECTION = "selection"
"""The place of a style that goes where the selection is."""

HALF, ALL = 0.5, 1.0
"""The share of a further style until the painter chooses one: everywhere, and where it has a place of its own."""


def share_moved(share: float, here: str, there: str) -> float:
    """The share of a style that is moved from one place to another ("" is everywhere): what is usual there, unless the painter
    has chosen one."""
    usual = {False: HALF, True: ALL}
    return usual[bool(there)] if share == usual[bool(here)] else share


class Blend:
    """Settings with a `style` and `others`, each with its own `style`, `share` and place, `where` ("" is everywhere)."""

    style: str
    others: Sequence[Any]

    @property
    def parts(self) -> tuple[Any, ...]:
        """The others that have any share."""
        return tuple(other for other in self.others if other.share > 0)

    @property
    def placed(self) -> bool:
        """Whether any of them has a place of its own."""
        return any(other.where for other in self.parts)

    @property
    def by_selection(self) -> bool:
        """Whether the selection says where a style goes; then it does not limit the result."""
        return any(other.where == SELECTION for other in self.parts)

    def weights(self) -> tuple[tuple[str, float], ...]:
        """The styles of a request; where some have places, masks say their shares (`masks.parted`)."""
        if self.placed:
            return ((self.style, 1.0), *((other.style, 1.0) for other in self.parts))
        left = round(max(0.0, 1.0 - sum(other.share for other in self.parts)), 6)
        given = [(self.style, left), *((other.style, other.share) for other in self.parts)]
        return tuple((style, share) for style, share in given if share > 0)
