# SPDX-License-Identifier: Apache-2.0
"""BMP (DIB), which libvips does not read and Pillow does, and what its headers say of colours."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scumble.image.icc import ColourSpace, profile

PIXELS_PER_BYTE = 256
"""Run lengths pack up to 255 pixels into two bytes; a header that claims more is cut short."""
MOST_PROFILE = 1 << 24
SPACES = {b"BGRs": None, b" niW": None, b"DEBM": "embedded", bytes(4): "calibrated"}


class BmpError(Exception):
    """The file is damaged, cut short or of a form that Pillow does not read."""


def read_bmp(path: Path, most: int) -> tuple[NDArray[Any], bytes | None]:
    """(H, W, 3 or 4) uint8 and an ICC profile, if it names a colour space. Raises BmpError, also for more than `most`
    pixels, OSError."""
    try:
        with Image.open(path, formats=["BMP", "DIB"]) as image:
            if not 0 < image.width * image.height <= min(most, path.stat().st_size * PIXELS_PER_BYTE):
                raise BmpError("the file is too short for its size")
            pixels = np.asarray(image.convert("RGBA" if image.mode in ("RGBA", "LA", "PA") else "RGB"))
    except (ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as e:
        raise BmpError(str(e)) from e
    except OSError as e:
        if e.errno is not None:
            raise
        raise BmpError(str(e)) from e  # what Pillow raises of a file that ends too early
    with open(path, "rb") as file:
        return pixels, _profile(file)


def _profile(file: BinaryIO) -> bytes | None:
    """The colour profile of a V4 or V5 header: one that is embedded, or one of the primaries and gamma that it names."""
    data = file.read(138).ljust(138, b"\0")
    size = struct.unpack_from("<I", data, 14)[0]
    if size < 108:
        return None
    kind = SPACES.get(data[70:74])
    if kind == "embedded" and size >= 124:
        offset, length = struct.unpack_from("<II", data, 14 + 112)
        file.seek(14 + offset)
        return file.read(min(length, MOST_PROFILE)) or None
    numbers = struct.unpack_from("<9i3I", data, 74)
    ends, gammas = np.array(numbers[:9]).reshape(3, 3) / (1 << 30), np.array(numbers[9:]) / 65536
    if kind != "calibrated" or (ends.sum(1) <= 0).any() or not (gammas > 0.1).all():
        return None
    white = ends.sum(0) / ends.sum()
    red, green, blue = ((float(x / s), float(y / s)) for (x, y, _), s in zip(ends, ends.sum(1), strict=True))
    tables = np.linspace(0, 1, 1024)[None] ** gammas[:, None]
    try:
        space = ColourSpace("of a BMP file", tables, (red, green, blue), (float(white[0]), float(white[1])))
        return profile(space)
    except ValueError:
        return None
