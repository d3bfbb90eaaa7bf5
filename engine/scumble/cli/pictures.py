# SPDX-License-Identifier: Apache-2.0
"""Between picture files (scumble.image.files) and rasters of the wire; nothing is copied on the way.

Both are little endian: so is every machine that PyTorch is built for.
"""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import numpy as np

from scumble.cli.say import note
from scumble.client.raster import Raster
from scumble.image import files, mapped
from scumble.image.files import Picture, Settings
from scumble.image.pixels import AnyPixels
from scumble.server.limits import STYLE_PIXELS
from scumble.video.reading import read_animation
from scumble.video.writing import write_gif

FORMATS = {"uint8": "u8", "uint16": "u16", "float16": "f16", "float32": "f32"}
"""NumPy's names for the wire's depths."""


def to_wire(picture: Picture) -> Raster:
    """A picture as it is sent to the engine. Raises EngineError "bad-raster" for a size it does not take."""
    height, width = picture.pixels.shape[:2]
    pixels = np.ascontiguousarray(picture.pixels)
    return Raster(width, height, FORMATS[pixels.dtype.name], "rgba", mapped.buffer(pixels))


def write_result(path: Path, result: Raster, like: Picture, settings: Settings | None = None) -> tuple[str, ...]:
    """Write what the engine gave for the picture `like`; gives lines about what is lost. Raises ScumbleError "disk-full",
    "no-write"."""
    pixels = from_wire(result, like)
    if path.suffix.lower() != ".gif":
        return files.write_picture(path, pixels, like, settings)
    write_gif(path, pixels)
    lost = like.metadata.for_file(".gif", (result.width, result.height), True)[1]
    return lost + files.unkept_profile(like, settings or Settings(), ".gif files")


def from_wire(result: Raster, like: Picture) -> AnyPixels:
    """The pixels of what the engine gave for the picture `like`; not to be written to."""
    return np.frombuffer(result.data, like.pixels.dtype).reshape(result.height, result.width, 4)


def style_raster(path: str) -> Raster:
    """A painting for `style.put`, made smaller where it is a camera's: the engine keeps no more.

    Raises ScumbleError "bad-picture".
    """
    picture = files.read_picture(path)
    animation = read_animation(path)
    if animation is not None:
        note(f"{path}: it has {animation.count} frames; the first is taken for the style.")
    for line in picture.notes if animation is None else ():
        note(f"{path}: {line}")
    return to_wire(dataclasses.replace(picture, pixels=_within(picture.pixels, STYLE_PIXELS)))


def legible(name: str) -> str:
    """A name as text for the wire: bytes that are not UTF-8 are taken for Western European letters (Windows-1252)."""
    try:
        return os.fsencode(name).decode("utf-8")
    except UnicodeError:
        return os.fsencode(name).decode("cp1252", "replace")


def _within(pixels: AnyPixels, most: int) -> AnyPixels:
    """(H, W, 4) brought to at most so many pixels, by the mean of squares."""
    side = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / most))
    down, across = (min(side, n) for n in pixels.shape[:2])
    if side <= 1:
        return pixels
    height, width = pixels.shape[0] // down, pixels.shape[1] // across
    squares = pixels[: height * down, : width * across].reshape(height, down, width, across, 4)
    mean = squares.mean((1, 3), dtype=np.float32)
    small: AnyPixels = (mean.round() if pixels.dtype.kind == "u" else mean).astype(pixels.dtype)
    return small
