# SPDX-License-Identifier: Apache-2.0
"""Writes animated GIF, APNG and WebP files, one complete frame at a time, into a file that is complete or absent.

Invariant: no frame but the one at hand is held; the frames before it are in the temporary file already.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from scumble.image.files import Picture, Settings, encode_picture
from scumble.image.pixels import AnyPixels
from scumble.library.atomic import cannot_write, replacing
from scumble.video import gif, png, webp
from scumble.video.frames import Milliseconds

CONTAINERS = {".gif": gif, ".png": png, ".webp": webp}
"""By the suffix of the file, lower case."""

Add = Callable[[AnyPixels, Milliseconds], None]
"""Takes the next frame, (H, W, 4) of any depth, straight alpha, and how long it is shown."""


@contextmanager
def write_animation(
    path: Path, size: tuple[int, int], plays: int, count: int, alpha: bool, settings: Settings | None = None
) -> Iterator[Add]:
    """Gives what takes the frames: `count` of `size` (width, height), shown `plays` times (0: forever), with alpha or without.

    PNG keeps 16 bits and takes floats as such; WebP has 8 bits and is lossy; GIF has 256 colours a frame, and pixels are
    transparent or not. The file is there when the block ends, and is not if it raises. Raises ScumbleError "disk-full",
    "no-write".
    """
    container = CONTAINERS[path.suffix.lower()]
    try:
        with replacing(path) as temporary, open(temporary, "wb+") as file:

            def encode(pixels: AnyPixels) -> bytes:
                still = io.BytesIO()
                encode_picture(still, path, pixels, Picture(pixels, alpha), settings)
                return still.getvalue()

            writer = container.Writer(file, size, plays, count, alpha, encode)
            yield writer.add
            writer.close()
            file.flush()
    except OSError as e:
        raise cannot_write(e, path) from e


def write_gif(path: Path, pixels: AnyPixels) -> None:
    """A still picture, (H, W, 4) of any depth, as a GIF. Raises ScumbleError "disk-full", "no-write"."""
    height, width = pixels.shape[:2]
    with write_animation(path, (width, height), 1, 1, alpha=True) as add:
        add(pixels, Fraction(0))
