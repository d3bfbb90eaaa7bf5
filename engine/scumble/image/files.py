# SPDX-License-Identifier: Apache-2.0
"""Reads and writes picture files: PNG, JPEG, WebP and TIFF, in 8 and 16 bits and float; reads GIF, BMP and AVIF as well, and
HEIC where libvips can.

Invariants: what is read is upright, sRGB, with straight alpha, in the depth of the file; a file is read whole or refused
with one sentence, and what is left out of it is named; memory follows the rows that really are in the file, not what its header
claims, and a large picture lies in a file of its own (mapped.py); a file that is written is complete or absent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.image.bmp import BmpError
from scumble.image.decoding import Opened, bands, decoded, open_picture, to_srgb
from scumble.image.encoding import SAVERS, Settings, image_of, in_depth, into_profile, options_of, save, tagged, text_chunks
from scumble.image.formats import kind_of, what_else, why_not
from scumble.image.mapped import empty, release_pages
from scumble.image.metadata import Metadata, add_to_tiff
from scumble.image.pixels import MAX_PIXELS, MAX_SIDE, AnyPixels
from scumble.image.vips import vips
from scumble.library.atomic import cannot_write, open_regular, replacing

__all__ = [
    "SAVERS",
    "Picture",
    "Settings",
    "can_decode",
    "encode_picture",
    "metadata_of",
    "read_picture",
    "unkept_profile",
    "write_picture",
]

log = logging.getLogger(__name__)

JPEG_PIXELS_PER_BYTE = 600
"""No JPEG packs more: each 8 x 8 block takes a bit at least, which makes 512 in grey. One that claims more is cut short, and
must be known before libjpeg makes room for a progressive one's coefficients."""

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


@dataclass(frozen=True)
class Picture:
    """A picture as read. `pixels` (H, W, 4) uint8, uint16 or float32, rgba; large ones are mapped from a file."""

    pixels: AnyPixels
    alpha: bool
    """Whether the file had alpha; `pixels` have it always."""
    metadata: Metadata = field(default_factory=Metadata)
    resolution: tuple[float, float] = (1.0, 1.0)
    """Pixels a millimetre, across and down; 1 is libvips' way to say unknown."""
    profile: bytes | None = None
    """The ICC profile of the file's red, green and blue, where they were not sRGB's."""
    unkept: str = ""
    """Why the file's own profile cannot be written, as the end of a sentence; "" where it can, or there is none."""
    notes: tuple[str, ...] = ()
    """What of the file was left out, or is not certain; for its user."""


def read_picture(path: Path | str) -> Picture:
    """Read a picture file. Raises ScumbleError "bad-picture", or "no-memory" where the picture does not fit."""
    path = Path(path)
    kind = _kind(path)
    opened: Opened | None = None
    try:
        opened = open_picture(path, kind)
        image = opened.image
        if max(image.width, image.height) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
            raise _bad(path, f"{image.width} x {image.height} pixels are more than can be stylized", "Scale it down first.")
        if kind == "jpeg" and image.width * image.height > path.stat().st_size * JPEG_PIXELS_PER_BYTE:
            raise vips().Error("fewer bytes than blocks")
        rgb, alpha = to_srgb(opened)
        pixels = decoded(rgb, alpha)
    except (vips().Error, BmpError) as e:
        raise _refused(path, kind, str(e)) from e
    except OSError as e:
        raise _unopened(path, e) from e
    except MemoryError as e:
        mb = opened.image.width * opened.image.height * 16 >> 20 if opened else 0
        raise ScumbleError("no-memory", f"{path} does not fit into memory; up to {mb} MB are needed.") from e
    upright = UPRIGHT.get(image.get("orientation") if "orientation" in image.get_fields() else 1)
    return Picture(
        pixels if upright is None else _turned(pixels, upright),
        alpha is not None,
        opened.metadata,
        (image.xres, image.yres),
        opened.profile,
        opened.unkept,
        tuple(opened.notes),
    )


def can_decode(path: Path | str) -> bool:
    """Whether the first pixels of a picture can be had: of a HEIC that is a question of how libvips was built."""
    try:
        open_picture(Path(path), _kind(Path(path))).image.crop(0, 0, 1, 1).avg()
    except (ScumbleError, BmpError, OSError, vips().Error):
        return False
    return True


def metadata_of(path: Path | str) -> Metadata:
    """The metadata of a picture file, whose pixels are not read; empty where it cannot be read."""
    try:
        return open_picture(Path(path), _kind(Path(path))).metadata
    except (ScumbleError, BmpError, OSError, vips().Error):
        return Metadata()


def write_picture(
    path: Path | str, pixels: AnyPixels, like: Picture | None = None, settings: Settings | None = None
) -> tuple[str, ...]:
    """Write `pixels` (H, W, 4) uint8, uint16, float16 or float32, rgba, sRGB, in the format the suffix names; gives lines about
    what of `like` is lost.

    Depth: TIFF keeps all (float16 becomes float32); PNG keeps 8 and 16 bits and takes floats as 16; JPEG and WebP are 8
    bits. Alpha is left out where all is opaque and `like`, if given, had none; JPEG has none and is laid on white. Metadata and
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
            return encode_picture(f, path, pixels, like, settings)
    except OSError as e:
        raise cannot_write(e, path) from e


def encode_picture(
    file: BinaryIO, path: Path, pixels: AnyPixels, like: Picture | None = None, settings: Settings | None = None
) -> tuple[str, ...]:
    """Write to an open file what `write_picture` writes to `path`; it can be read and sought. Raises OSError, ScumbleError."""
    suffix, settings = path.suffix.lower(), settings or Settings()
    operation, deepest, _ = SAVERS[suffix]
    profile = like.profile if like is not None and settings.keep_profile else None
    size = (pixels.shape[1], pixels.shape[0])
    metadata, notes = like.metadata.for_file(suffix, size, profile is None) if like else (Metadata(), ())
    notes += unkept_profile(like, settings)
    try:
        pixels = in_depth(pixels, deepest)
        image = image_of(pixels, like is not None and like.alpha, operation == "jpegsave_target")
        options = options_of(suffix, pixels, settings)
        with TemporaryDirectory(prefix="scumble-") if profile else nullcontext("") as folder:
            image = into_profile(image, profile, Path(folder)) if profile else image.copy()
            image = tagged(
                image,
                metadata if operation != "tiffsave_target" else replace(metadata, iptc=None),
                like.resolution if like else (1.0, 1.0),
            )
            options |= {} if profile else {"profile": "srgb"}
            save(image, operation, file, options, pixels, text_chunks(metadata.texts))
        if operation == "tiffsave_target" and (metadata.exif or metadata.iptc):
            add_to_tiff(file, metadata.exif, metadata.iptc)
            file.flush()
    except vips().Error as e:
        reason = str(e).strip().splitlines()[-1]
        raise ScumbleError("no-write", f"{path} could not be written: {reason}.", "Try PNG or TIFF.") from e
    return notes


def unkept_profile(like: Picture | None, settings: Settings, of: str = "") -> tuple[str, ...]:
    """A line where settings ask for the profile of `like` and it cannot be had; `of` names files that hold none."""
    if like is None or not settings.keep_profile or not (like.unkept or (of and like.profile)):
        return ()
    return (f"its profile is not kept: {f'{of} hold none' if of else f'it is {like.unkept}'}; it is written in sRGB.",)


def _kind(path: Path) -> str:
    """The kind of a picture file. Raises ScumbleError "bad-picture"."""
    try:
        with open_regular(path) as f:
            head = f.read(64)
    except OSError as e:
        raise _unopened(path, e) from e
    kind = kind_of(head)
    if kind is None:
        raise _bad(path, what_else(head), "Save it as one of the kinds that are read, and try again.")
    return kind


def _refused(path: Path, kind: str, error_text: str) -> ScumbleError:
    log.debug("%s: %s", path, error_text)
    reason = why_not(kind, path, error_text)
    if reason:
        return _bad(path, reason, "Save it in another form, as 16-bit TIFF or PNG, and try again.")
    return _bad(path, "it is damaged or cut short", "Open it in the program it came from and save it again.")


def _unopened(path: Path, e: OSError) -> ScumbleError:
    return ScumbleError("bad-picture", f"{path} cannot be opened: {e.strerror}.", "Check its name and who may read it.")


def _bad(path: Path, why: str, hint: str) -> ScumbleError:
    return ScumbleError("bad-picture", f"{path} cannot be read: {why}.", hint)


def _turned(pixels: AnyPixels, upright: Callable[[AnyPixels], AnyPixels]) -> AnyPixels:
    result = upright(pixels)
    turned = empty(result.shape, result.dtype)
    for a, b in bands(turned):
        turned[a:b] = result[a:b]
        release_pages(pixels, turned)
    return turned
