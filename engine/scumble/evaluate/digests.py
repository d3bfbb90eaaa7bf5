# SPDX-License-Identifier: Apache-2.0
"""What an answer comes from, as digests: pictures, files and networks.

Invariant: another pixel or another byte is another digest; where a file lies says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from scumble.api.method import Pixels
from scumble.library.places import SHIPPED, data_dir, shared_path
from scumble.library.weights import card_path
from scumble.training.teachers import NAMED, files_of


def of_texts(*texts: str) -> str:
    """16 hexadecimal digits for several texts of one line each, in this order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def of_pixels(pictures: Iterable[Pixels]) -> str:
    """The digest of pictures (H, W, 3), in this order."""
    return of_texts(*(f"{rgb.shape} {hashlib.sha256(rgb.tobytes()).hexdigest()}" for rgb in pictures))


def of_files(paths: Iterable[Path]) -> str:
    """The digest of files' names and contents, in this order. Raises OSError."""
    return of_texts(*(f"{_sha256(path)} {path.name}" for path in paths))


def of_networks(method: str) -> str:
    """The digest of all networks that ship for a method and belong to no single style, by their cards: its own, if it has any,
    and the perceptual ones that it may use."""
    paths = (
        shared_path(SHIPPED, method),
        *(SHIPPED / "perceptual" / f"{name}.safetensors" for name in ("compact", "quarter", "half")),
    )
    networks = [card_path(path) for path in paths]
    return of_files(card for card in networks if card.is_file())


def of_all_weights() -> str:
    """The digest of all networks and styles' states that ship or lie in the user's data, by their cards."""
    return of_files(
        card
        for folder in (*sorted(SHIPPED.iterdir()), data_dir() / "models")
        if folder.name != "styles"
        for card in sorted(folder.glob("*.json"))
    )


def of_teachers(source: str) -> str:
    """The digest of the network that training/teachers.py loads from there; one that ships or is published is named."""
    return source if source in NAMED else of_files(files_of(source))


def _sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
