# SPDX-License-Identifier: Apache-2.0
"""What a card says of the painting whose style a file holds: the same for every method."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scumble.library.atomic import write_atomic
from scumble.training.data import Pictures, read_rows


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


def write_credits(folder: Path, *pictures: Pictures) -> dict[str, str | int]:
    """Write the credits of all `pictures` to `folder`/credits/HASH.txt, a line a picture, and return what a card says of them.

    Trainings on the same pictures share the file: a card with thousands of lines of its own is read for nothing whenever a
    network is loaded.
    """
    lines = [line for kind in pictures for line in kind.credits]
    text = "".join(f"{line}\n" for line in lines).encode()
    path = folder / "credits" / f"{hashlib.sha256(text).hexdigest()[:12]}.txt"
    if not path.exists():
        write_atomic(path, text)
    return {"file": f"credits/{path.name}", "pictures": len(lines)}
