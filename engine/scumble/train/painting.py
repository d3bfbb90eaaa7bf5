# SPDX-License-Identifier: Apache-2.0
"""What a card says of the painting whose style a file holds: the same for every method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OnePainting:
    """The painting and what its card says of it. Recipes that make the state of one style begin with these fields."""

    style_id: str
    painting: Path
    title: str
    artist: str
    year: str
    licence: str = "public domain"

    @property
    def described(self) -> dict[str, str]:
        """The part of a card that tells of the style."""
        return {"id": self.style_id, "title": self.title, "artist": self.artist, "year": self.year, "licence": self.licence}
