# SPDX-License-Identifier: Apache-2.0
"""TIFF files of 64-bit floating-point numbers, which libvips refuses.

They are shown to it as twice as many samples of 32-bit whole numbers, so that libtiff undoes whatever packing there is, and
the halves are put together again here.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scumble.image.mapped import empty, release_pages
from scumble.image.pixels import AnyPixels
from scumble.image.tiff import directories, rewrite
from scumble.image.vips import vips

BITS, SAMPLES, PREDICTOR, PLANES, EXTRA, FORMAT, LEAST, MOST = 258, 277, 317, 284, 338, 339, 340, 341
FLOAT, WHOLE = 3, 1
ROWS = 256
KEPT = ("icc-profile-data", "xmp-data", "iptc-data", "orientation")


def is_double(path: Path) -> bool:
    """Whether a TIFF has pixels of 64-bit floats that can be read. Damage is none."""
    try:
        with open(path, "rb") as file:
            tags = next(directories(file))
    except Exception:  # Pillow raises whatever a damaged directory makes it stumble over
        return False
    return _all(tags, BITS, 64) and _all(tags, FORMAT, FLOAT) and tags.get(PREDICTOR, 1) == 1 and tags.get(PLANES, 1) == 1


def read_double(path: Path) -> Any:
    """The picture as a libvips image of 32-bit floats. Raises vips.Error, OSError."""
    with TemporaryDirectory(prefix="scumble-") as folder:
        copy = Path(folder) / "halves.tif"
        shutil.copyfile(path, copy)
        with open(copy, "rb+") as file:
            order = "<" if file.read(2) == b"II" else ">"
            samples = int(next(directories(file)).get(SAMPLES, 1))
            new = {BITS: (32,) * 2 * samples, SAMPLES: 2 * samples, FORMAT: (WHOLE,) * 2 * samples}
            rewrite(file, new, (EXTRA, LEAST, MOST))
        halves = vips().Image.tiffload(str(copy), access="sequential", fail_on="error")
        pixels = _joined(halves, samples, order)
    image = vips().Image.new_from_memory(pixels, halves.width, halves.height, samples, "float")
    image = image.copy(interpretation="b-w" if samples < 3 else "srgb", xres=halves.xres, yres=halves.yres)
    for name in KEPT:
        if name in halves.get_fields():
            kind = vips().GValue.gint_type if name == "orientation" else vips().GValue.blob_type
            image.set_type(kind, name, halves.get(name))
    return image


def _joined(halves: Any, samples: int, order: str) -> AnyPixels:
    """(H, W, samples) float32. The words of a number stand as in the file, each in this machine's order."""
    pixels = empty((halves.height, halves.width, samples), np.float32)
    region = vips().Region.new(halves)
    for a in range(0, halves.height, ROWS):
        rows = min(ROWS, halves.height - a)
        words = np.frombuffer(region.fetch(0, a, halves.width, rows), np.uint32).reshape(rows, halves.width, samples, 2)
        words = words if order == "<" else words[..., ::-1]
        with np.errstate(over="ignore"):
            pixels[a : a + rows] = np.ascontiguousarray(words).view(np.float64)[..., 0]
        release_pages(pixels)
    return pixels


def _all(tags: Mapping[int, Any], tag: int, value: int) -> bool:
    values = tags.get(tag)
    return bool(values) and all(n == value for n in (values if isinstance(values, tuple) else (values,)))
