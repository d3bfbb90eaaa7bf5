# SPDX-License-Identifier: Apache-2.0
"""Reads animated GIF, APNG and WebP files, one complete frame at a time.

Invariant: a file that is cut short is refused before its first frame is given away, a frame that is damaged when its turn
comes; no more than the canvas and one frame is held.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import BinaryIO

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.image.files import Picture, read_picture
from scumble.image.pixels import MAX_PIXELS, MAX_SIDE, AnyPixels
from scumble.library.atomic import open_regular
from scumble.video import gif, png, webp
from scumble.video.frames import After, DamagedError, Layout, Milliseconds, Part, lay


@dataclass(frozen=True)
class Animation:
    """An animated file of several frames, whose pixels are read when they are asked for."""

    path: Path
    layout: Layout
    container: ModuleType

    @property
    def count(self) -> int:
        """The number of frames."""
        return len(self.layout.parts)

    @property
    def durations(self) -> tuple[Milliseconds, ...]:
        """The duration of each frame."""
        return tuple(part.milliseconds for part in self.layout.parts)

    def frames(self) -> Generator[Picture, None, None]:
        """Each frame as it is shown, of the canvas' size. Raises ScumbleError "bad-picture", "no-memory"."""
        done = 0
        try:
            with open(self.path, "rb") as file, TemporaryDirectory(prefix="scumble-") as folder:
                canvas: AnyPixels | None = None
                for part in self.layout.parts:
                    pixels = self._pixels(file, part, Path(folder) / "frame")
                    if canvas is None:
                        canvas = np.zeros((self.layout.height, self.layout.width, 4), pixels.dtype)
                    place = canvas[part.y : part.y + part.height, part.x : part.x + part.width]
                    before = place.copy() if part.after is After.RESTORE else 0
                    lay(pixels.astype(canvas.dtype, copy=False), place, part.over)
                    yield Picture(canvas.copy(), self.layout.alpha)
                    if part.after is not After.KEEP:
                        place[...] = before
                    done += 1
        except (DamagedError, OSError) as e:
            raise _damaged(self.path, f"frame {done + 1} of {self.count} is damaged") from e
        except MemoryError as e:
            mb = 8 * self.layout.width * self.layout.height >> 20
            raise ScumbleError("no-memory", f"{self.path} does not fit into memory; a frame needs {mb} MB.") from e

    def _pixels(self, file: BinaryIO, part: Part, scratch: Path) -> AnyPixels:
        """A part's own pixels, read as a still picture."""
        coded = []
        for offset, length in part.spans:
            file.seek(offset)
            coded.append(file.read(length))
        scratch.write_bytes(self.container.still(part, b"".join(coded)))
        try:
            pixels = read_picture(scratch).pixels
        except ScumbleError as e:
            if e.code != "bad-picture":
                raise
            raise DamagedError(e.message) from e
        if pixels.shape[:2] != (part.height, part.width):
            raise DamagedError("not of the size that it declares")
        return pixels


def read_animation(path: Path | str) -> Animation | None:
    """The animation in a file; None for whatever is a still picture, or none at all, which read_picture deals with.

    Raises ScumbleError "bad-picture" for an animation that is cut short or damaged.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            container = _container(file.read(16))
            if container is None or not container.animated(file):
                return None
            layout: Layout = container.scan(file)
    except DamagedError as e:
        raise _damaged(path, "it is damaged or cut short") from e
    except OSError:
        return None
    if max(layout.width, layout.height) > MAX_SIDE or layout.width * layout.height > MAX_PIXELS:
        raise ScumbleError(
            "bad-picture",
            f"{path} cannot be read: {layout.width} x {layout.height} pixels are more than can be stylized.",
            "Scale it down first.",
        )
    return Animation(path, layout, container) if len(layout.parts) > 1 else None


def _container(head: bytes) -> ModuleType | None:
    """The module for a file that begins with these bytes, whatever its name is."""
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return gif
    if head.startswith(png.SIGNATURE):
        return png
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return webp
    return None


def _damaged(path: Path, why: str) -> ScumbleError:
    return ScumbleError(
        "bad-picture", f"{path} cannot be read: {why}.", "Open it in the program it came from and save it again."
    )
