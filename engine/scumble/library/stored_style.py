# SPDX-License-Identifier: Apache-2.0
"""One style on disk, at one revision: its card, picture, thumbnail and trained states."""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.api.method import Pixels
from scumble.library.json_files import read_object
from scumble.library.places import state_path

ID = re.compile(r"[a-z0-9-]{1,64}")

MAX_PICTURE = 16 << 20
"""Bytes of a style's PNG at most: 1536 x 1536 RGB has 6.75 MiB before compression."""


@dataclass(frozen=True)
class StoredStyle:
    """One style at one revision; implements `api.method.Style`. `year` and `licence` are text for people."""

    id: str
    revision: int
    title: str
    artist: str
    year: str
    licence: str
    own: bool
    """Whether the user added it; otherwise it ships."""
    folder: Path
    first: int = 1
    """The oldest revision that is this style: earlier ones were of another style with its id."""
    rank: int = 0
    """Its place in the gallery of styles that ship, from 1, so that the first ones invite; 0 for the user's own."""

    @property
    def pinned(self) -> str:
        """`id@revision`."""
        return f"{self.id}@{self.revision}"

    @property
    def has_picture(self) -> bool:
        """Whether its painting is kept: those of the user's styles are, those of shipped styles are not."""
        return self.own

    def picture(self) -> Pixels | None:
        """(H, W, 3) in [0, 1]; None for a shipped style. Raises ScumbleError "style-unavailable"."""
        if not self.own:
            return None
        try:
            data = (self.folder / "picture.png").read_bytes()
            if hashlib.sha256(data).hexdigest() != read_object(self.folder / "style.json").get("sha256"):
                raise ValueError("its bytes do not match the sha256 in its card")
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
        except (OSError, ValueError) as e:
            raise ScumbleError(
                "style-unavailable",
                f"The picture of the style {self.title!r} is damaged.",
                "Remove the style and add it again.",
            ) from e

    def state(self, method: str) -> Path | None:
        """The newest weight file that `method` has for this revision or an earlier one; None where it has none."""
        if not self.own:
            path = state_path(self.folder.parent, method, self.id)
            return path if path.is_file() else None
        paths = (self.state_path(method, revision) for revision in range(self.revision, 0, -1))
        return next((path for path in paths if path.is_file()), None)

    def state_path(self, method: str, revision: int) -> Path:
        """The weight file of `method` that was added to a user's style with `revision`."""
        return self.folder / f"{method}@{revision}.safetensors"

    def thumbnail(self) -> bytes | None:
        """PNG, 128 x 128 pixels; None where it is missing or too large to be one."""
        path = self.folder / ("thumbnail.png" if self.own else f"{self.id}.png")
        try:
            return path.read_bytes() if path.stat().st_size <= MAX_PICTURE else None
        except OSError:
            return None


def load_style(path: Path, own: bool) -> StoredStyle:
    """The style of the card `path`, at its newest revision.

    Raises OSError, ValueError, KeyError or TypeError where the card or the picture beside it is damaged.
    """
    card = read_object(path)
    name = path.parent.name if own else path.stem
    if card["id"] != name or not ID.fullmatch(name):
        raise ValueError(f"its card says {card['id']!r}")
    revision = card["revision"]
    if not isinstance(revision, int) or revision < 1:
        raise ValueError(f"its revision is {revision!r}")
    texts = {key: str(card[key])[:200] for key in ("title", "artist", "year", "licence")}
    first = int(card["first"]) if own else revision
    rank = 0 if own else int(card.get("rank", 0))
    if own:
        if not 1 <= first <= revision:
            raise ValueError("its first revision comes after its last")
        with open(path.parent / "picture.png", "rb") as f:
            if f.read(8) != b"\x89PNG\r\n\x1a\n" or os.fstat(f.fileno()).st_size > MAX_PICTURE:
                raise ValueError("its picture is not a PNG that Scumble wrote")
    return StoredStyle(name, revision, own=own, folder=path.parent, first=first, rank=rank, **texts)
