# SPDX-License-Identifier: Apache-2.0
"""From pixels to a picture file: depth, alpha, colour profile and metadata as the format takes them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scumble.image.decoding import ICC, IPTC, XMP, bands
from scumble.image.mapped import empty, release_pages
from scumble.image.metadata import Metadata
from scumble.image.pixels import AnyPixels
from scumble.image.vips import FORMATS, set_blob, vips

JPEG_QUALITY, WEBP_QUALITY = 92, 90
"""JPEG above 90 keeps its colours at full resolution; the same files' usual quality in the hosts' export dialogs."""

TIFF = {"compression": "deflate", "predictor": "horizontal"}
SAVERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    ".png": ("pngsave_target", "uint16", {"compression": 6}),
    ".jpg": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".jpeg": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".jpe": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".jfif": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".webp": ("webpsave_target", "uint8", {"Q": WEBP_QUALITY, "exact": True}),
    ".tif": ("tiffsave_target", "float32", TIFF),
    ".tiff": ("tiffsave_target", "float32", TIFF),
}
"""By suffix: libvips' operation, the deepest numbers the format takes, and how."""


PNG_HEAD = 33
"""Bytes of a PNG's signature and first chunk, IHDR."""


@dataclass(frozen=True)
class Settings:
    """How to write. `quality` is 1 to 100, for JPEG and WebP; `keep_profile` gives a picture the colour profile of the one
    it was made from, in place of sRGB's."""

    quality: int | None = None
    keep_profile: bool = False


def options_of(suffix: str, pixels: AnyPixels, settings: Settings) -> dict[str, Any]:
    """libvips' options for a file of that kind."""
    options = dict(SAVERS[suffix][2])
    if settings.quality is not None and "Q" in options:
        options["Q"] = settings.quality
    if suffix in (".tif", ".tiff"):
        options["bigtiff"] = pixels.nbytes > 1 << 31
    return options


def in_depth(pixels: AnyPixels, deepest: str) -> AnyPixels:
    """The pixels in their own depth, or in the deepest the format takes."""
    limit: np.dtype[Any] = np.dtype(deepest)
    half = pixels.dtype == np.float16
    if pixels.dtype.itemsize <= limit.itemsize and not (half and limit.kind == "u"):
        if not half:
            return np.ascontiguousarray(pixels)
        limit = np.dtype(np.float32)
    out = empty(pixels.shape, limit)
    for a, b in bands(pixels):
        band = pixels[a:b].astype(np.float32) if half else pixels[a:b]
        if limit.kind == "f":
            out[a:b] = band
        elif band.dtype.kind == "f":
            out[a:b] = np.rint(np.clip(np.nan_to_num(band), 0, 1) * np.float32(256**limit.itemsize - 1))
        else:
            out[a:b] = (band.astype(np.uint32) + 128) // 257
        release_pages(pixels, out)
    return out


def image_of(pixels: AnyPixels, keep_alpha: bool, on_white: bool) -> Any:
    """A libvips image over `pixels`, which must stay alive. Alpha is left out where all is opaque, unless it is to be kept;
    `on_white` lays the picture on white."""
    height, width = pixels.shape[:2]
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    image = vips().Image.new_from_memory(pixels, width, height, 4, FORMATS[pixels.dtype.name])
    image = image.copy(interpretation="rgb16" if pixels.dtype == np.uint16 else "srgb")
    if not keep_alpha and _opaque(pixels, most):
        return image.extract_band(0, n=3)
    return image.flatten(background=[255]) if on_white else image


def tagged(image: Any, metadata: Metadata, resolution: tuple[float, float]) -> Any:
    """The image with metadata, as its saver takes it."""
    image = image.copy(xres=resolution[0], yres=resolution[1])
    for name, data in (("exif-data", metadata.exif), (XMP, metadata.xmp), (IPTC, metadata.iptc)):
        set_blob(image, name, data)
    return image


def text_chunks(texts: Mapping[str, str]) -> bytes:
    """Texts as chunks of a PNG: tEXt where Latin-1 suffices, else iTXt (sections 11.3.3.3 and 11.3.3.5)."""
    chunks = b""
    for keyword, text in texts.items():
        name = keyword.encode("latin-1", "replace")[:79] or b"Comment"
        try:
            kind, data = b"tEXt", name + b"\0" + text.encode("latin-1")
        except UnicodeEncodeError:
            kind, data = b"iTXt", name + bytes(5) + text.encode()
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return chunks


def into_profile(image: Any, profile: bytes, folder: Path) -> Any:
    """sRGB numbers as those of another profile, which is attached, and for a while lies in `folder`. Floats go through 16 bits,
    within [0, 1]. Raises vips.Error."""
    path = folder / "profile.icc"
    path.write_bytes(profile)
    alpha = image[3] if image.bands == 4 else None
    colour, depth = image.extract_band(0, n=3), 8 if image.format == "uchar" else 16
    if image.format == "float":
        colour = (colour * 65535 + 0.5).cast("ushort").copy(interpretation="rgb16")
    colour = colour.icc_transform(
        str(path), input_profile="srgb", depth=depth, intent="relative", black_point_compensation=True
    )
    if image.format == "float":
        colour = (colour.cast("float") / 65535).copy(interpretation="srgb")
    joined = colour if alpha is None else colour.bandjoin(alpha.cast(colour.format))
    joined = joined.copy()
    set_blob(joined, ICC, profile)
    return joined


def save(image: Any, operation: str, file: Any, options: Mapping[str, Any], pixels: AnyPixels, after_head: bytes = b"") -> None:
    """Encode an image over `pixels` into an open file; `after_head` comes after a PNG's header.

    What happens in the file's own functions (a full disk, Ctrl-C) is raised here; libvips would only say that it failed.
    """
    failure: list[BaseException] = []
    left = PNG_HEAD if after_head else 0

    def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return act(*arguments)
            except BaseException as e:  # whatever it is, it must not pass through libvips
                failure.append(e)
                return -1

        return call

    def write(data: Any) -> Any:
        nonlocal left
        release_pages(pixels)  # what has been encoded
        if not 0 < left <= len(data):
            left = max(0, left - len(data))
            return file.write(data)
        file.write(data[:left] + after_head + data[left:])
        left = 0
        return len(data)

    target = vips().TargetCustom()
    target.on_write(guarded(write))
    target.on_read(guarded(file.read))
    target.on_seek(guarded(lambda offset, whence: file.seek(offset, whence)))
    try:
        getattr(image, operation)(target, **options)
        file.flush()
    except vips().Error:
        if not failure:
            raise
    if failure:
        raise failure[0] from None


def _opaque(pixels: AnyPixels, most: int) -> bool:
    for a, b in bands(pixels):
        if not (pixels[a:b, :, 3] == most).all():
            return False
        release_pages(pixels)
    return True
