# SPDX-License-Identifier: Apache-2.0
"""What a card says of the painting whose style a file holds: the same for every method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scumble.training.data import read_rows


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


def read_table(table: Path, paintings: Path) -> list[OnePainting]:
    """The styles of a CSV with the columns id, title, artist, year and file, whose files lie in `paintings`.

    Raises ScumbleError "bad-picture".
    """
    rows = read_rows(table, ("id", "title", "artist", "year", "file"))
    return [OnePainting(r["id"], paintings / r["file"], r["title"], r["artist"], r["year"]) for r in rows]
