# SPDX-License-Identifier: Apache-2.0
"""Reads and writes picture files: PNG, JPEG, WebP and TIFF, in 8 and 16 bits and float; reads GIF.

Invariants: what is read is upright, sRGB, with straight alpha, in the depth of the file; a file is read whole or refused
with one sentence; memory follows the rows that really are in the file, not what its header claims, and a large picture
lies in a file of its own (mapped.py); a file that is written is complete or absent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.image.mapped import empty, let_go
from scumble.image.pixels import MAX_PIXELS, MAX_SIDE, AnyPixels
from scumble.library.atomic import cannot_write, open_regular, replacing

log = logging.getLogger(__name__)

BAND = 1 << 20
"""Pixels decoded at once."""

SRGB_TOLERANCE = 96
"""A profile that moves no colour by more than this (of 65535; under half a step of 8 bits) is sRGB, and changes nothing."""

JPEG_PIXELS_PER_BYTE = 600
"""No JPEG packs more: each 8 x 8 block takes a bit at least, which makes 512 in grey. One that claims more is cut short, and
must be found out before libjpeg makes room for a progressive one's coefficients."""

JPEG_QUALITY, WEBP_QUALITY = 92, 90
"""JPEG above 90 keeps its colours at full resolution; the same files' usual quality in the hosts' export dialogs."""

ORIENTATION = 0x0112
UPRIGHT: dict[int, Callable[[AnyPixels], AnyPixels]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}
"""What EXIF's orientation tag asks for (CIPA DC-008, Orientation)."""

VIPS_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}


@dataclass(frozen=True)
class Picture:
    """A picture as read. `pixels` (H, W, 4) uint8, uint16 or float32, rgba; large ones are mapped from a file."""

    pixels: AnyPixels
    alpha: bool
    """Whether the file had alpha; `pixels` have it always."""
    exif: bytes | None = None
    resolution: tuple[float, float] = (1.0, 1.0)
    """Pixels a millimetre, across and down; 1 is libvips' way to say unknown."""


def read_picture(path: Path | str) -> Picture:
    """Read a picture file. Raises ScumbleError "bad-picture", or "no-memory" where the picture does not fit."""
    path = Path(path)
    try:
        with open_regular(path) as f:
            loader = _loader(f.read(16))
    except OSError as e:
        raise ScumbleError(
            "bad-picture", f"{path} cannot be opened: {e.strerror}.", "Check its name and who may read it."
        ) from e
    if loader is None:
        raise _bad(path, "it is no PNG, JPEG, WebP, TIFF or GIF picture", "Save it as one of these and try again.")
    vips = _vips()
    try:
        image = getattr(vips.Image, loader)(os.fsencode(path), access="sequential", fail_on="error")
        if max(image.width, image.height) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
            raise _bad(path, f"{image.width} x {image.height} pixels are more than can be stylized", "Scale it down first.")
        if loader == "jpegload" and image.width * image.height > path.stat().st_size * JPEG_PIXELS_PER_BYTE:
            raise vips.Error("fewer bytes than blocks")
        rgb, alpha = _colours(image)
        pixels = _decoded(rgb, alpha)
    except vips.Error as e:
        log.debug("%s: %s", path, e)
        raise _bad(path, "it is damaged or cut short", "Open it in the program it came from and save it again.") from e
    except MemoryError as e:
        mb = image.width * image.height * 16 >> 20
        raise ScumbleError("no-memory", f"{path} does not fit into memory; up to {mb} MB are needed.") from e
    fields = image.get_fields()
    upright = UPRIGHT.get(image.get("orientation") if "orientation" in fields else 1)
    return Picture(
        pixels if upright is None else _turned(pixels, upright),
        alpha is not None,
        bytes(image.get("exif-data")) if "exif-data" in fields else None,
        (image.xres, image.yres),
    )


def write_picture(path: Path | str, pixels: AnyPixels, like: Picture | None = None) -> None:
    """Write `pixels` (H, W, 4) uint8, uint16, float16 or float32, rgba, sRGB, in the format the suffix names.

    Depth: TIFF keeps all (float16 becomes float32); PNG keeps 8 and 16 bits and takes floats as 16; JPEG and WebP are 8
    bits. Alpha is left out where all is opaque and `like`, if given, had none; JPEG has none and is laid on white. EXIF and
    resolution are those of `like`. Raises ScumbleError "disk-full", "no-write".
    """
    path = Path(path)
    if path.suffix.lower() not in SAVERS:
        known = ", ".join(SAVERS)
        raise ScumbleError(
            "no-write", f"{path} cannot be written: the name must end in one of {known}.", "Choose another name."
        )
    try:
        with replacing(path) as temporary, open(temporary, "wb+") as f:
            encode_picture(f, path, pixels, like)
    except OSError as e:
        raise cannot_write(e, path) from e


def encode_picture(file: BinaryIO, path: Path, pixels: AnyPixels, like: Picture | None = None) -> None:
    """What `write_picture` writes to `path`, into an open file that can be read and sought. Raises OSError, ScumbleError."""
    vips = _vips()
    operation, deepest, options = SAVERS[path.suffix.lower()]
    try:
        pixels = _in_depth(pixels, deepest)
        image = _image(pixels, like, operation == "jpegsave_target")
        if operation == "tiffsave_target":
            options = options | {"bigtiff": pixels.nbytes > 1 << 31}
        _save(image, operation, file, options, pixels)
    except vips.Error as e:
        reason = str(e).strip().splitlines()[-1]
        raise ScumbleError("no-write", f"{path} could not be written: {reason}.", "Try PNG or TIFF.") from e


SAVERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    ".png": ("pngsave_target", "uint16", {"compression": 6}),
    ".jpg": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".jpeg": ("jpegsave_target", "uint8", {"Q": JPEG_QUALITY}),
    ".webp": ("webpsave_target", "uint8", {"Q": WEBP_QUALITY, "exact": True}),
    ".tif": ("tiffsave_target", "float32", {"compression": "deflate", "predictor": "horizontal"}),
    ".tiff": ("tiffsave_target", "float32", {"compression": "deflate", "predictor": "horizontal"}),
}
"""By suffix: libvips' operation, the deepest numbers the format takes, and how."""


@cache
def _vips() -> Any:
    """libvips, loaded when a file is first read or written; it takes a while, and its warnings are not for painters."""
    os.environ.setdefault("VIPS_WARNING", "0")
    import pyvips

    pyvips.cache_set_max(0)
    return pyvips


def _loader(head: bytes) -> str | None:
    """libvips' operation for a file that begins so; the name says nothing, and no other loader is ever tried."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "pngload"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpegload"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webpload"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gifload"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiffload"
    return None


def _bad(path: Path, why: str, hint: str) -> ScumbleError:
    return ScumbleError("bad-picture", f"{path} cannot be read: {why}.", hint)


def _colours(image: Any) -> tuple[Any, Any]:
    """A libvips image as three sRGB bands of 8 or 16 bits or float, and its alpha (or None)."""
    if image.format == "uint":
        image = (image >> 16).cast("ushort").copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    elif image.format == "double":
        image = image.cast("float")
    if image.interpretation in ("lab", "labs", "xyz"):
        image = image.colourspace("rgb16")
    if image.format not in DEPTHS:
        raise _vips().Error(f"pixels of format {image.format}")
    count = 4 if image.interpretation == "cmyk" else 3 if image.bands >= 3 else 1
    alpha = image[count] if image.bands > count else None
    colour = image.extract_band(0, n=count)
    profiled = "icc-profile-data" in image.get_fields()
    if (profiled or count == 4) and not (count == 3 and _is_srgb(image.get("icc-profile-data"))):
        colour = _converted(colour)
    return (colour.bandjoin([colour, colour]) if colour.bands == 1 else colour.extract_band(0, n=3)), alpha


def _converted(colour: Any) -> Any:
    """Through the embedded profile (CMYK without one: a general one) to sRGB. Floats go through 16 bits, within [0, 1].

    A profile that does not fit the picture is left out with a warning.
    """
    depth = 8 if colour.format == "uchar" else 16
    deep, cmyk = colour, colour.interpretation == "cmyk"
    if colour.format == "float":
        kind = "rgb16" if colour.bands == 3 else "grey16"
        deep = (colour * 65535 + 0.5).cast("ushort").copy(interpretation=kind)
    try:
        fallback = {"input_profile": "cmyk"} if cmyk else {}
        deep = deep.icc_transform(
            "srgb", embedded=True, depth=depth, intent="relative", black_point_compensation=True, **fallback
        )
    except _vips().Error as e:
        if cmyk:
            raise
        log.warning("the colour profile is left out: %s", e)
        return colour
    return deep.cast("float") / 65535 if colour.format == "float" else deep


def _is_srgb(profile: bytes) -> bool:
    """Whether the profile does to colours what sRGB does, seen on a chart of 9 x 9 x 9."""
    vips = _vips()
    axis = np.linspace(0, 65535, 9).round().astype(np.uint16)
    chart = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(9, 81, 3)
    image = vips.Image.new_from_memory(chart.tobytes(), 81, 9, 3, "ushort").copy(interpretation="rgb16")
    image.set_type(vips.GValue.blob_type, "icc-profile-data", profile)
    try:
        seen = image.icc_transform("srgb", embedded=True, depth=16, intent="relative").numpy()
    except vips.Error:
        return False
    return bool(np.abs(seen.astype(np.int32) - chart).max() <= SRGB_TOLERANCE)


def _decoded(rgb: Any, alpha: Any) -> AnyPixels:
    """All rows, (H, W, 4). The array is only claimed from the system at first; a page of it is real once a row is in it."""
    depth: np.dtype[Any] = np.dtype(DEPTHS[rgb.format])
    image = rgb if alpha is None else rgb.bandjoin(alpha.cast(rgb.format))
    pixels = empty((image.height, image.width, 4), depth)
    region = _vips().Region.new(image)
    for a, b in _bands(pixels):
        band = pixels[a:b]
        data = region.fetch(0, a, image.width, b - a)
        band[..., : image.bands] = np.frombuffer(data, depth).reshape(*band.shape[:2], image.bands)
        if alpha is None:
            band[..., 3] = np.iinfo(depth).max if depth.kind == "u" else 1
        let_go(pixels)
    return pixels


def _turned(pixels: AnyPixels, upright: Callable[[AnyPixels], AnyPixels]) -> AnyPixels:
    seen = upright(pixels)
    turned = empty(seen.shape, seen.dtype)
    for a, b in _bands(turned):
        turned[a:b] = seen[a:b]
        let_go(pixels, turned)
    return turned


def _bands(pixels: AnyPixels) -> Iterator[tuple[int, int]]:
    rows = max(1, BAND // pixels.shape[1])
    for a in range(0, len(pixels), rows):
        yield a, min(a + rows, len(pixels))


def _in_depth(pixels: AnyPixels, deepest: str) -> AnyPixels:
    """The pixels in their own depth, or in the deepest the format takes."""
    limit: np.dtype[Any] = np.dtype(deepest)
    half = pixels.dtype == np.float16
    if pixels.dtype.itemsize <= limit.itemsize and not (half and limit.kind == "u"):
        if not half:
            return np.ascontiguousarray(pixels)
        limit = np.dtype(np.float32)
    out = empty(pixels.shape, limit)
    for a, b in _bands(pixels):
        band = pixels[a:b].astype(np.float32) if half else pixels[a:b]
        if limit.kind == "f":
            out[a:b] = band
        elif band.dtype.kind == "f":
            out[a:b] = np.rint(np.clip(np.nan_to_num(band), 0, 1) * np.float32(256**limit.itemsize - 1))
        else:
            out[a:b] = (band.astype(np.uint32) + 128) // 257
        let_go(pixels, out)
    return out


def _image(pixels: AnyPixels, like: Picture | None, opaque: bool) -> Any:
    """A libvips image over `pixels`, which must stay alive, with the metadata of `like`; `opaque` lays it on white."""
    vips = _vips()
    height, width = pixels.shape[:2]
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    image = vips.Image.new_from_memory(pixels, width, height, 4, VIPS_FORMATS[pixels.dtype.name])
    image = image.copy(interpretation="rgb16" if pixels.dtype == np.uint16 else "srgb")
    if not (like is not None and like.alpha) and _opaque(pixels, most):
        image = image.extract_band(0, n=3)
    elif opaque:
        image = image.flatten(background=[255])
    image = image.copy()
    exif = None if like is None or like.exif is None else _exif(like.exif)
    if exif is not None:
        image.set_type(vips.GValue.blob_type, "exif-data", exif)
    if like is not None:
        image = image.copy(xres=like.resolution[0], yres=like.resolution[1])
    return image


def _opaque(pixels: AnyPixels, most: int) -> bool:
    for a, b in _bands(pixels):
        if not (pixels[a:b, :, 3] == most).all():
            return False
        let_go(pixels)
    return True


def _exif(data: bytes) -> bytes | None:
    """EXIF for an upright picture, without the thumbnail, which would show the picture as it was. None where it is damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
        exif[ORIENTATION] = 1
        return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    except Exception as e:  # Pillow raises whatever a damaged block makes it stumble over
        log.debug("EXIF is left out: %s", e)
        return None


def _save(image: Any, operation: str, file: Any, options: Mapping[str, Any], pixels: AnyPixels) -> None:
    """Encode an image over `pixels` into an open file. What the file raises (a full disk) is raised here; libvips would only
    say that it failed."""
    vips = _vips()
    failure: list[OSError] = []

    def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return act(*arguments)
            except OSError as e:
                failure.append(e)
                return -1

        return call

    def write(data: Any) -> Any:
        let_go(pixels)  # what has been encoded
        return file.write(data)

    target = vips.TargetCustom()
    target.on_write(guarded(write))
    target.on_read(guarded(file.read))
    target.on_seek(guarded(lambda offset, whence: file.seek(offset, whence)))
    try:
        getattr(image, operation)(target, profile="srgb", **options)
        file.flush()
    except vips.Error:
        if failure:
            raise failure[0] from None
        raise
