# SPDX-License-Identifier: Apache-2.0
"""What travels to a node of a cluster and back: plain data, pickled by Ray.

Invariant: nothing here needs more than NumPy to be read, and an error travels as its code and words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scumble.image.pixels import AnyPixels, Order
from scumble.image.transfer import Transfer
from scumble.library.styles import StyleStore

if TYPE_CHECKING:
    from scumble.painting.progressive import Quality

Files = dict[str, dict[str, bytes]]
"""The user's own styles: by id the files of its folder."""


@dataclass(frozen=True)
class Job:
    """A picture to be painted, as the wire's job except for progress. `pixels` (H, W, 4), `masks` (H, W, S)."""

    version: str
    method: str
    styles: tuple[tuple[str, float], ...]
    """Pinned, with their weights."""
    strength: float
    options: dict[str, Any]
    pixels: AnyPixels
    order: Order
    transfer: Transfer
    masks: NDArray[Any] | None = None
    quality: Quality | None = None
    seconds: float | None = None
    helpers: int = 0
    """Slots that nobody uses yet, which may paint tiles of a huge picture."""


@dataclass(frozen=True)
class Painted:
    """A picture that is done. `styles` are pinned, `seconds` the node's own time."""

    pixels: AnyPixels
    styles: tuple[str, ...]
    seconds: float
    device: str
    elsewhere: int = 0
    """Tiles that other slots have painted."""


@dataclass(frozen=True)
class Failure:
    """The error of a picture that could not be painted, as ScumbleError has it."""

    code: str
    message: str
    hint: str


def own_styles(names: list[str]) -> Files:
    """The files of those styles, `id` or `id@revision`, that are the user's; shipped ones are on every node.

    Raises ScumbleError "style-unknown".
    """
    store = StyleStore()
    own = [style for style in map(store.get, names) if style.own]
    return {style.id: {p.name: p.read_bytes() for p in sorted(style.folder.iterdir()) if p.is_file()} for style in own}


def unpack(files: Files, folder: Path) -> StyleStore:
    """A store with those styles in a folder of the node."""
    for style, contents in files.items():
        (folder / style).mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (folder / style / Path(name).name).write_bytes(data)
    return StyleStore(folder)
