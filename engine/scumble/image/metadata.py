# SPDX-License-Identifier: Apache-2.0
"""What a picture file says besides its pixels: EXIF, XMP, IPTC and texts (author, copyright, comments).

Invariant: what the output's format can hold survives; what it cannot is named. Nothing is kept that has become untrue: the
orientation, the thumbnail, and the colour space. Damaged EXIF costs what is damaged and is named.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image

from scumble.image.iptc import bare, in_jpeg
from scumble.image.tiff import directories, directory_at, head_of, rewrite

log = logging.getLogger(__name__)

ORIENTATION, EXIF, GPS, INTEROPERABILITY = 0x0112, 0x8769, 0x8825, 0xA005
COLOUR_SPACE, WIDTH, HEIGHT, USER_COMMENT = 0xA001, 0xA002, 0xA003, 0x9286
UNTRUE = (301, 318, 319, 0xA500)
"""Tags that describe the colour space (TransferFunction, WhitePoint, PrimaryChromaticities, Gamma)."""

DESCRIPTIVE = (269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
"""Tags of a TIFF's first directory that are of the picture and not of how it is stored: names, dates, makers, rights."""

TEXTS = {"Title": 270, "Description": 270, "Author": 315, "Artist": 315, "Creator": 315, "Copyright": 33432, "Software": 305}
"""PNG's keywords (section 11.3.3.2), and where EXIF has their like."""
COMMENT = "Comment"

HOLD = {
    ".png": ("EXIF", "XMP", "texts"),
    ".jpg": ("EXIF", "XMP", "IPTC"),
    ".webp": ("EXIF", "XMP"),
    ".tif": ("EXIF", "XMP", "IPTC"),
    ".gif": (),
}
"""What is written to files of a kind. Texts become EXIF where there is EXIF, and comments its user comment."""

MOST = 65500
"""Bytes of EXIF that fit into a JPEG's segment, and that libvips writes to any other file but a TIFF; likewise of IPTC."""
MOST_XMP = 60000
"""Bytes of XMP that libvips writes to a JPEG."""
BULKY = (0x927C, USER_COMMENT)
"""The maker's note and the user comment, without which EXIF may be small enough."""
IPTC = 33723
"""A TIFF's tag."""


@dataclass(frozen=True)
class Metadata:
    """The metadata of one file. `exif` begins with Exif\0\0; `texts` are by keyword, those of the file's own comments under
    "Comment"."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def for_file(self, suffix: str, size: tuple[int, int], srgb: bool) -> tuple[Metadata, tuple[str, ...]]:
        """The metadata that a file of that kind can hold, and lines about what is lost. `size` is (width, height); `srgb`,
        whether the numbers of the output are sRGB's."""
        kind = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)
        held, texts = HOLD[kind], {} if "texts" in HOLD[kind] else self.texts
        exif, damaged, left = (
            (None, False, bool(texts) * ["texts"]) if "EXIF" not in held else self._exif(kind, texts, size, srgb)
        )
        xmp = _upright(self.xmp) if self.xmp and "XMP" in held else None
        block = None if "IPTC" not in held else in_jpeg(self.iptc) if kind == ".jpg" else bare(self.iptc)
        if kind == ".jpg":
            xmp = None if xmp and len(xmp) > MOST_XMP else xmp
            block = None if block and len(block) > MOST else block
        lost = [
            name
            for name, had, has in (("EXIF", self.exif, exif), ("XMP", self.xmp, xmp), ("IPTC", bare(self.iptc), block))
            if had and not has and not (damaged and name == "EXIF")
        ]
        lost += left
        listed = " and ".join(filter(None, (", ".join(lost[:-1]), *lost[-1:])))
        verb = "is" if len(lost) == 1 and lost[0] != "texts" else "are"
        notes = [f"its {listed} {verb} lost: {kind} files hold none, or less."] if lost else []
        notes += ["its EXIF is damaged; what could not be read is left out."] if damaged else []
        kept = Metadata(exif, xmp, block, self.texts if "texts" in held else {})
        return kept, tuple(notes)

    def _exif(
        self, kind: str, texts: Mapping[str, str], size: tuple[int, int], srgb: bool
    ) -> tuple[bytes | None, bool, list[str]]:
        """EXIF of no more bytes than a file of that kind takes, if need be without texts, then without what is bulky; whether
        the old one was damaged; and what is lost of it."""
        made, damaged, homeless = _updated(self.exif, texts, size, srgb)
        left = ["texts"] if homeless else []
        for without, name in (((), "texts"), (BULKY, "maker's note")):
            if kind == ".tif" or made is None or len(made) <= MOST:
                return made, damaged, left
            made, damaged, _ = _updated(self.exif, {}, size, srgb, without)
            left = [*left, name] if name not in left and (texts or without) else left
        return (made, damaged, left) if made is None or len(made) <= MOST else (None, damaged, left)


def read_exif(block: bytes | None) -> tuple[Image.Exif, bool]:
    """A block of EXIF, and whether some of it is damaged, which is left out."""
    exif = Image.Exif()
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        try:
            exif.load(block or b"")
            for directory in (EXIF, GPS, INTEROPERABILITY):
                exif.get_ifd(directory)
            exif.tobytes()
        except Exception as e:  # Pillow raises whatever a damaged block makes it stumble over
            log.debug("EXIF is left out: %s", e)
            return Image.Exif(), bool(block)
    return exif, bool(complaints)


def interoperability(exif: Image.Exif) -> str:
    """DCF's index: "R98" is sRGB, "R03" Adobe RGB, "" is unknown."""
    try:
        return str(exif.get_ifd(INTEROPERABILITY).get(1, ""))
    except Exception:  # Pillow, of a directory that is missing or damaged
        return ""


def exif_of_tiff(file: BinaryIO) -> Image.Exif:
    """EXIF of a TIFF file: what its first directory says of the picture, and what it points to. Damage gives an empty one."""
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.seek(0)
            head = head_of(file)
            first = next(directories(file))
            for tag in (*DESCRIPTIVE, *UNTRUE):
                if tag in first:
                    exif[tag] = first[tag]
            for tag in (EXIF, GPS):
                if isinstance(first.get(tag), int):
                    exif.get_ifd(tag).update(_plain(directory_at(file, head, first[tag])))
            detail = exif.get_ifd(EXIF)
            pointer = detail.pop(INTEROPERABILITY, None)  # it would lead into this file
            if isinstance(pointer, int) and str(directory_at(file, head, pointer).get(1, "")).startswith("R03"):
                detail[COLOUR_SPACE] = 2
    except Exception as e:  # as above
        log.debug("EXIF of a TIFF is left out: %s", e)
    return exif


def _plain(directory: Mapping[int, Any]) -> dict[int, Any]:
    """A directory's values, single ones out of their tuples."""
    return {tag: v[0] if isinstance(v, tuple) and len(v) == 1 else v for tag, v in directory.items()}


class _Verbatim(str):
    """Text whose characters are the bytes of the file, as Pillow reads EXIF's; it would write others than ASCII as "?"."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "replace") -> bytes:
        """The bytes, whatever Pillow asks for."""
        return super().encode("latin-1", "replace")


def _verbatim(tags: Mapping[int, Any]) -> dict[int, Any]:
    return {tag: _Verbatim(v) if isinstance(v, str) else v for tag, v in tags.items()}


def add_to_tiff(file: BinaryIO, block: bytes | None, iptc: bytes | None = None) -> None:
    """Put EXIF and IPTC into a complete TIFF, open for reading and writing. Raises OSError."""
    exif = read_exif(block)[0]
    tags: dict[int, Any] = {tag: value for tag, value in _verbatim(exif).items() if tag in DESCRIPTIVE}
    for tag in (EXIF, GPS):
        if entries := {t: v for t, v in exif.get_ifd(tag).items() if t != INTEROPERABILITY}:
            tags[tag] = _verbatim(entries)
    if iptc:
        tags[IPTC] = iptc  # of which libvips writes a quarter
    if tags:
        rewrite(file, tags)


def _updated(
    block: bytes | None, texts: Mapping[str, str], size: tuple[int, int], srgb: bool, without: Sequence[int] = ()
) -> tuple[bytes | None, bool, bool]:
    """EXIF for an upright picture of that size, with `texts`, without the thumbnail, which would show the picture as it was;
    whether the old one was damaged; and whether some text was left out for want of a place. Tags `without` are left out."""
    if block is None and not texts:
        return None, False, False
    exif, damaged = read_exif(block)
    detail = exif.get_ifd(EXIF)
    for tag in without:
        detail.pop(tag, None)
    left = _take_texts(exif, detail, texts)
    exif[ORIENTATION] = 1
    for tag, value in ((WIDTH, size[0]), (HEIGHT, size[1])):
        if tag in detail:
            detail[tag] = value
    if srgb:
        detail.pop(INTEROPERABILITY, None)
        for tag in UNTRUE:
            exif.pop(tag, None)
            detail.pop(tag, None)
        if COLOUR_SPACE in detail:
            detail[COLOUR_SPACE] = 1
    for tag, value in _verbatim(exif).items():
        exif[tag] = value
    for tag in (EXIF, GPS):
        exif.get_ifd(tag).update(_verbatim(exif.get_ifd(tag)))
    try:
        return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"), damaged, left
    except Exception as e:  # as above
        log.debug("EXIF is left out: %s", e)
        return None, True, left


def _take_texts(exif: Image.Exif, detail: dict[int, Any], texts: Mapping[str, str]) -> bool:
    """Put texts where EXIF has a place for them that is free; whether some were left out."""
    rest = []
    for keyword, text in texts.items():
        tag = TEXTS.get(keyword)
        if tag is not None and tag not in exif:
            exif[tag] = text.encode().decode("latin-1")
        elif tag is None or str(exif[tag]) != text:
            rest.append(text if keyword == COMMENT else f"{keyword}: {text}")
    if rest and USER_COMMENT not in detail:
        detail[USER_COMMENT] = b"UNICODE\0" + "\n".join(rest).encode("utf-16-le" if exif.endian == "<" else "utf-16-be")
        return False
    return bool(rest)


def _upright(xmp: bytes) -> bytes:
    """XMP of a picture that has been turned, without its thumbnails."""
    xmp = re.sub(rb"<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>", b"", xmp, flags=re.DOTALL)
    return re.sub(rb"""(tiff:Orientation(?:\s*=\s*["']|>))[1-8]""", rb"\g<1>1", xmp)
