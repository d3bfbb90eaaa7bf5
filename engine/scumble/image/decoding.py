# SPDX-License-Identifier: Apache-2.0
"""From a picture file to pixels: the right loader, sRGB, an upright picture, and notes for its user.

Invariant: memory follows the rows that really are in the file, not what its header claims.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scumble.image import spaces
from scumble.image.bmp import read_bmp
from scumble.image.deep_tiff import is_double, read_double
from scumble.image.embedded import can_be_written, fits
from scumble.image.formats import is_preview, unread_colours
from scumble.image.icc import ColourSpace, profile
from scumble.image.mapped import empty, release_pages
from scumble.image.metadata import EXIF, Metadata, exif_of_tiff, interoperability, read_exif
from scumble.image.pixels import MAX_PIXELS, AnyPixels
from scumble.image.tiff import directories
from scumble.image.vips import DEPTHS, set_blob, vips

BAND = 1 << 20
"""Pixels decoded at once."""

SRGB_TOLERANCE = 96
"""A profile that moves no colour by more than this (of 65535; under half a step of 8 bits) is sRGB, and changes nothing."""

LOADERS = {
    "png": "pngload",
    "jpeg": "jpegload",
    "webp": "webpload",
    "gif": "gifload",
    "tiff": "tiffload",
    "avif": "heifload",
    "heic": "heifload",
}
"""libvips' operations."""

ICC, XMP, IPTC = "icc-profile-data", "xmp-data", "iptc-data"
HEAD = 1 << 16
"""Bytes at the start of an AVIF file that name its colour space."""


@dataclass
class Opened:
    """A picture whose header has been read. `image` is a libvips image; `notes` are for its user."""

    image: Any
    metadata: Metadata
    notes: list[str] = field(default_factory=list)
    profile: bytes | None = None
    """The ICC profile of its red, green and blue, embedded or made of what the file says, where that is not sRGB's."""
    unkept: str = ""
    """Why its own profile cannot be written, as the end of a sentence; "" where it can, or it has none."""


def open_picture(path: Path, kind: str) -> Opened:
    """Read the header of a file of that kind. Raises vips.Error, BmpError, OSError."""
    if kind == "bmp":
        pixels, embedded = read_bmp(path, MAX_PIXELS)
        height, width, bands = pixels.shape
        image = vips().Image.new_from_memory(np.ascontiguousarray(pixels), width, height, bands, "uchar")
        image = image.copy(interpretation="srgb")
        set_blob(image, ICC, embedded)
    elif kind == "tiff" and is_double(path):
        image = read_double(path)
    else:
        image = getattr(vips().Image, LOADERS[kind])(os.fsencode(path), access="sequential", fail_on="error").copy()
    if kind == "tiff":
        _refuse_misread(path)
    exif, metadata = _metadata(path, kind, image)
    opened = Opened(image, metadata)
    _pages(path, kind, opened)
    _drop_unfit(path, kind, opened)
    space = _space(path, kind, image, exif, opened.notes)
    if space is not None:
        try:
            set_blob(image, ICC, profile(space, grey=image.bands < 3))
        except ValueError:
            opened.notes.append("what it says of its colours cannot be; read as sRGB.")
    return opened


def to_srgb(opened: Opened) -> tuple[Any, Any]:
    """Three sRGB bands of 8 or 16 bits or float, and the alpha (or None). Raises vips.Error."""
    image = opened.image
    if image.format == "uint":
        image = (image >> 16).cast("ushort").copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    elif image.format == "double":
        image = image.cast("float")
    if image.interpretation in ("lab", "labs", "xyz"):
        image = image.colourspace("rgb16")
    if image.format not in DEPTHS:
        raise vips().Error(f"pixels of format {image.format} are not supported")
    count = 4 if image.interpretation == "cmyk" else 3 if image.bands >= 3 else 1
    alpha = image[count] if image.bands > count else None
    colour = image.extract_band(0, n=count)
    if image.bands > count + 1:
        opened.notes.append(
            f"it has {image.bands - count} channels besides its colours; the first is taken for its transparency."
        )
    profiled = ICC in image.get_fields()
    if (profiled or count == 4) and not (count == 3 and is_srgb(image.get(ICC))):
        colour = _converted(colour)
        if count < 3 or count == 4:
            opened.unkept = "grey" if count == 1 else "CMYK"
        elif can_be_written(image.get(ICC)):
            opened.profile = image.get(ICC)
        else:
            opened.unkept = "of a profile that can only be read with"
    return (colour.bandjoin([colour, colour]) if colour.bands == 1 else colour.extract_band(0, n=3)), alpha


def is_srgb(icc: bytes) -> bool:
    """Whether the profile does to colours what sRGB does, seen on a chart of 9 x 9 x 9."""
    axis = np.linspace(0, 65535, 9).round().astype(np.uint16)
    chart = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(9, 81, 3)
    image = vips().Image.new_from_memory(chart.tobytes(), 81, 9, 3, "ushort").copy(interpretation="rgb16")
    set_blob(image, ICC, icc)
    try:
        converted = image.icc_transform("srgb", embedded=True, depth=16, intent="relative").numpy()
    except vips().Error:
        return False
    return bool(np.abs(converted.astype(np.int32) - chart).max() <= SRGB_TOLERANCE)


def decoded(rgb: Any, alpha: Any) -> AnyPixels:
    """All rows, (H, W, 4). The array is only claimed from the system at first; a page of it is real once a row is in it.
    Raises vips.Error, MemoryError."""
    depth: np.dtype[Any] = np.dtype(DEPTHS[rgb.format])
    image = rgb if alpha is None else rgb.bandjoin(alpha.cast(rgb.format))
    pixels = empty((image.height, image.width, 4), depth)
    region = vips().Region.new(image)
    for a, b in bands(pixels):
        band = pixels[a:b]
        data = region.fetch(0, a, image.width, b - a)
        band[..., : image.bands] = np.frombuffer(data, depth).reshape(*band.shape[:2], image.bands)
        if alpha is None:
            band[..., 3] = np.iinfo(depth).max if depth.kind == "u" else 1
        release_pages(pixels)
    return pixels


def bands(pixels: AnyPixels) -> Iterator[tuple[int, int]]:
    """First and last row of parts that are small."""
    rows = max(1, BAND // pixels.shape[1])
    for a in range(0, len(pixels), rows):
        yield a, min(a + rows, len(pixels))


def _converted(colour: Any) -> Any:
    """Through the embedded profile (CMYK without one: a general one) to sRGB. Floats go through 16 bits, within [0, 1].
    Raises vips.Error."""
    depth = 8 if colour.format == "uchar" else 16
    deep, cmyk = colour, colour.interpretation == "cmyk"
    if colour.format == "float":
        kind = "rgb16" if colour.bands == 3 else "grey16"
        deep = (colour * 65535 + 0.5).cast("ushort").copy(interpretation=kind)
    fallback = {"input_profile": "cmyk"} if cmyk else {}
    deep = deep.icc_transform("srgb", embedded=True, depth=depth, intent="relative", black_point_compensation=True, **fallback)
    return deep.cast("float") / 65535 if colour.format == "float" else deep


def _drop_unfit(path: Path, kind: str, opened: Opened) -> None:
    """Take off a profile that is damaged or for other pixels, and say so; a PNG's has been taken off by the loader."""
    image = opened.image
    embedded = bytes(image.get(ICC)) if ICC in image.get_fields() else None
    if embedded is None and not (kind == "png" and b"iCCP" in _png_chunks(path)):
        return
    count = 4 if image.interpretation == "cmyk" else 3 if image.bands >= 3 else 1
    if embedded is not None and (image.interpretation in ("lab", "labs", "xyz") or fits(embedded, count)):
        return
    if embedded is not None:
        image.remove(ICC)
    opened.notes.append("its colour profile is damaged, or not for such pictures, and is left out.")


def _metadata(path: Path, kind: str, image: Any) -> tuple[Image.Exif, Metadata]:
    """EXIF as an object, and all of it as it may be written."""
    fields = image.get_fields()
    blobs = [bytes(image.get(name)) if name in fields else None for name in ("exif-data", XMP, IPTC)]
    if kind == "tiff":
        with open(path, "rb") as file:
            exif = exif_of_tiff(file)
        block = exif.tobytes() if len(exif) or exif.get_ifd(EXIF) else None
        return exif, Metadata(block, blobs[1], blobs[2])
    return read_exif(blobs[0])[0], Metadata(
        blobs[0], blobs[1], blobs[2], _texts(path) if kind in ("png", "jpeg", "gif") else {}
    )


def _texts(path: Path) -> dict[str, str]:
    """A PNG's texts before its pixels, the comment of a JPEG or a GIF."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["PNG", "JPEG", "GIF"]) as image:
                info = image.info
    except Exception:  # Pillow reads headers only here; whatever it does not like, libvips judges the file
        return {}
    comment = info.get("comment", b"")
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        return {"Comment": comment.decode("utf-8", "replace").strip("\0 ")}
    texts = {str(k): str(v) for k, v in info.items() if isinstance(v, str)}
    return {k: v for k, v in texts.items() if not k.startswith(("Raw profile", "XML:com.adobe.xmp"))}


def _refuse_misread(path: Path) -> None:
    """Raises vips.Error for a file whose first page is a small picture of another, or in colours that libvips takes for red,
    green and blue."""
    try:
        with open(path, "rb") as file:
            tags = next(directories(file))
    except Exception:  # Pillow raises whatever a damaged directory makes it stumble over; libvips judges the file
        return
    if is_preview(tags) or unread_colours(tags):
        raise vips().Error("previews and such colours are not supported")


def _pages(path: Path, kind: str, opened: Opened) -> None:
    """Name the pages or frames that are left out."""
    fields = opened.image.get_fields()
    count = int(opened.image.get("n-pages")) if "n-pages" in fields else 1
    what = "frames" if kind in ("gif", "webp", "png") else "pages"
    if kind == "png":
        count = struct.unpack(">I", _png_chunks(path).get(b"acTL", b"\0\0\0\1")[:4])[0]
    elif kind == "tiff" and count > 1:
        try:
            with open(path, "rb") as file:
                count = sum(not int(tags.get(254) or 0) & 5 for tags in directories(file))
        except Exception:  # Pillow raises whatever a damaged directory makes it stumble over
            count = int(opened.image.get("n-pages"))
    if count > 1:
        opened.notes.append(f"it has {count} {what}; the first is read, the others are left out.")


def _space(path: Path, kind: str, image: Any, exif: Image.Exif, notes: list[str]) -> ColourSpace | None:
    """The colour space of an image where its file names one outside an ICC profile; None is sRGB, or what the profile says."""
    chunks = _png_chunks(path) if kind == "png" else {}
    points = _code_points(path, kind, chunks)
    if ICC in image.get_fields() and not (kind == "png" and points):
        return None
    if points:
        space, note = spaces.of_code_points(*points)
    elif b"sRGB" in chunks:
        return None
    elif b"gAMA" in chunks or b"cHRM" in chunks:
        gamma = struct.unpack(">I", chunks.get(b"gAMA", bytes(4))[:4].rjust(4, b"\0"))[0] / 100_000
        corners = struct.unpack(">8I", chunks[b"cHRM"]) if len(chunks.get(b"cHRM", b"")) == 32 else ()
        space, note = spaces.of_gamma(gamma or None, [n / 100_000 for n in corners]), ""
    else:
        space, note = spaces.of_exif(exif, exif.get_ifd(EXIF), interoperability(exif))
    if note:
        notes.append(note)
    return space


def _code_points(path: Path, kind: str, chunks: dict[bytes, bytes]) -> tuple[int, int, bool] | None:
    """H.273's primaries and transfer, and whether numbers have their full range."""
    if kind == "png" and len(chunks.get(b"cICP", b"")) == 4:
        primaries, transfer, _, full = chunks[b"cICP"]
        return primaries, transfer, bool(full)
    if kind in ("avif", "heic"):
        with open(path, "rb") as file:
            head = file.read(HEAD)
        at = head.find(b"colrnclx")
        if at >= 0 and len(head) >= at + 15:
            return *struct.unpack(">HH", head[at + 8 : at + 12]), True  # the loader has undone matrix and range
    return None


def _png_chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG before its pixels, by name; of long ones the name alone."""
    chunks: dict[bytes, bytes] = {}
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                break
            chunks[name] = file.read(length) if length <= 64 else b""
            file.seek(4 + (length if length > 64 else 0), os.SEEK_CUR)
    return chunks
