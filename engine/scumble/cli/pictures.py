# SPDX-License-Identifier: Apache-2.0
"""Picture files to rasters of the wire and back.

Invariant: an output file is the whole picture or what was there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scumble.client.raster import Raster
from scumble.errors import ScumbleError
from scumble.files import cannot_write, replacing


@dataclass(frozen=True)
class Picture:
    """A file's pixels, ready for the engine."""

    raster: Raster


def read_picture(path: Path) -> Picture:
    """Raises ScumbleError "bad-picture"."""
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA")
    except (OSError, ValueError, SyntaxError) as e:
        raise ScumbleError("bad-picture", f"{path} cannot be read as a picture.", "Give a PNG, JPEG, WebP or TIFF file.") from e
    return Picture(Raster(image.width, image.height, "u8", "rgba", image.tobytes()))


def style_raster(path: str) -> Raster:
    """A painting for `style.put`. Raises ScumbleError "bad-picture"."""
    return read_picture(Path(path)).raster


def write_picture(path: Path, raster: Raster, like: Picture) -> None:
    """Write a finished picture. Raises ScumbleError "disk-full", "no-write"."""
    pixels = np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 4)
    image = Image.fromarray(pixels)
    try:
        with replacing(path) as temporary:
            (image.convert("RGB") if (pixels[..., 3] == 255).all() else image).save(temporary)
    except OSError as e:
        raise cannot_write(e, path) from e
