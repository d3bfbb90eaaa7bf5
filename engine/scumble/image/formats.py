# SPDX-License-Identifier: Apache-2.0
"""What kind of file a picture file is, by how it begins, and why one that is well-formed is not read.

Invariant: the name of a file says nothing, and no loader is tried but the one for what the file is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scumble.image.deep_tiff import is_double
from scumble.image.tiff import directories

READ = "PNG, JPEG, WebP, TIFF, GIF, BMP and AVIF"

KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"RIFF....WEBP", "webp"),
    (rb"GIF8[79]a", "gif"),
    (rb"II[*+]\0|MM\0[*+]", "tiff"),
    (rb"BM", "bmp"),
    (rb"....ftyp(avif|avis)", "avif"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "heic"),
)
"""How files of the kinds that are read begin."""

OTHERS: tuple[tuple[bytes, str], ...] = (
    (rb"8BP[SB]", "a Photoshop document"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (rb"v/1\x01", "an OpenEXR picture"),
    (rb"#\?R(ADIANCE|GBE)", "a Radiance picture"),
    (rb"%PDF|%!PS", "a PDF or PostScript document"),
    (rb"\s*<(svg|\?xml|!DOCTYPE svg)", "a drawing (SVG)"),
    (rb"gimp xcf", "a GIMP document"),
    (rb"PK\x03\x04", "an archive, as Krita's documents are"),
    (rb"\0\0\x01\0", "an icon"),
    (rb"P[1-7]\s", "a Netpbm picture"),
    (rb"IIRO|IIU\0|FUJIFILM|....ftypcrx", "a camera's raw picture"),
    (rb"....ftyp|\x1a\x45\xdf\xa3", "a video"),
)
"""How some others begin, and what they are."""

UNSUPPORTED = re.compile(
    r"unsupported|not supported|not support|unknown|no .*(?:decoder|codec)|not configured|out of range", re.I
)
"""What the libraries say of files that they understand and cannot read."""

COMPRESSIONS = {
    6: "old-style JPEG", 34661: "JBIG", 34676: "LogLuv", 34677: "LogLuv", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA",
    50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
"""TIFF's, that few programs read."""


def kind_of(head: bytes) -> str | None:
    """The kind of a file that begins so, of those that are read."""
    return next((kind for pattern, kind in KINDS if re.match(pattern, head, re.DOTALL)), None)


def what_else(head: bytes) -> str:
    """The kind of a file that is no picture, in words."""
    if not head:
        return "it is empty"
    named = next((name for pattern, name in OTHERS if re.match(pattern, head, re.DOTALL)), None)
    return f"it is {named}, and what is read is {READ}" if named else f"it is no picture of a kind that is read ({READ})"


def why_not(kind: str, path: Path, error_text: str) -> str | None:
    """Why a file of a known kind is not read though it is not damaged, if so; `error_text` is its loader's complaint."""
    if kind == "tiff" and (reason := _why_not_tiff(path)):
        return reason
    if not UNSUPPORTED.search(error_text):
        return None
    if kind == "heic":
        return "it is a HEIC picture, and the picture library here has no decoder for its HEVC"
    lines = [line.partition(":")[2].strip() or line.strip() for line in error_text.splitlines() if UNSUPPORTED.search(line)]
    return f"it is of a form that is not read ({lines[0].rstrip('.')})"


def is_preview(tags: Mapping[int, Any]) -> bool:
    """Whether a TIFF's directory is a preview of another, as in camera raw files: NewSubfileType, or a DNG version."""
    return bool(int(tags.get(254) or 0) & 1) or 50706 in tags


def unread_colours(tags: Mapping[int, Any]) -> str:
    """The colours of a TIFF's directory, where they would be taken for other ones or not be read at all; "" otherwise."""
    photometric, depths = tags.get(262), tuple(tags.get(258) or ())
    if photometric == 8 and depths == (8, 8, 8):
        return "CIE L*a*b* of 8 bits"
    return {4: "a mask", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a sensor's"}.get(photometric or 0, "")


def _why_not_tiff(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            tags = next(directories(file))
        bits, format, compression = max(tags.get(258) or (1,)), (tags.get(339) or (1,))[0], tags.get(259)
    except Exception:  # Pillow raises whatever a damaged directory makes it stumble over
        return None
    if is_preview(tags):
        return "it is a camera's raw picture; develop it first"
    if format in (2, 5, 6) or (bits > 32 and not is_double(path)):
        numbers = {2: "signed whole", 3: "packed floating-point", 5: "complex whole", 6: "complex"}.get(format, "whole")
        return f"its pixels are {numbers} numbers of {bits} bits, which are not read"
    if colours := unread_colours(tags):
        return f"its colours are {colours}, which are not read"
    if compression in COMPRESSIONS:
        return f"it is compressed by {COMPRESSIONS[compression]}, which the picture library here lacks"
    return None
