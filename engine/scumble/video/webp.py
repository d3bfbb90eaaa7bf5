# SPDX-License-Identifier: Apache-2.0
"""Animated WebP (RFC 9649, section 2.7): a RIFF file whose ANMF chunks each hold what a still WebP holds.

Invariant: what is written says how long it is, so that one cut short is noticed. It is our own because Pillow assembles the
whole file in memory.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO

from scumble.image.pixels import AnyPixels
from scumble.video.frames import After, Clock, DamagedError, Layout, Milliseconds, Part, read_at

ANIMATION, ALPHA, PROFILE = 0x02, 0x10, 0x20
"""Bits of VP8X."""
CLEARED, IN_PLACE = 0x01, 0x02
"""Bits of ANMF."""
MOST_PLAYS, MOST_TIME, MOST_BYTES = 0xFFFF, 0xFFFFFF, 0xFFFFFFFE


def animated(file: BinaryIO) -> bool:
    """Whether it says that it may have several frames."""
    file.seek(12)
    head = file.read(9)
    return head[:4] == b"VP8X" and len(head) == 9 and bool(head[8] & ANIMATION)


def scan(file: BinaryIO) -> Layout:
    """Find the frames and how they are shown. Raises DamagedError."""
    end = file.seek(0, os.SEEK_END)
    stated = 8 + struct.unpack("<I", read_at(file, 4, 4))[0]
    if stated > end:
        raise DamagedError("the file is too short")
    width = height = plays = 0
    alpha, profile, parts = False, b"", []
    for name, offset, length in _chunks(file, 12, stated):
        if name == b"VP8X":
            data = read_at(file, offset, 10)
            alpha = bool(data[0] & ALPHA)
            width, height = 1 + _u24(data[4:7]), 1 + _u24(data[7:10])
        elif name == b"ICCP":
            profile = _chunk(b"ICCP", read_at(file, offset, length))
        elif name == b"ANIM":
            plays = struct.unpack("<H", read_at(file, offset + 4, 2))[0]
        elif name == b"ANMF":
            parts.append(_part(read_at(file, offset, 16), (offset + 16, length - 16), profile))
    if not parts or any(p.x + p.width > width or p.y + p.height > height or p.spans[0][1] <= 0 for p in parts):
        raise DamagedError("no frame, or one beyond the canvas")
    layout = Layout(width, height, plays, alpha, tuple(parts))
    return Layout(width, height, plays, alpha or layout.uncovered, tuple(parts))


def still(part: Part, data: bytes) -> bytes:
    """The part as a WebP file."""
    lossless = data[:4] == b"VP8L" and len(data) >= 13
    alpha = data[:4] == b"ALPH" or (lossless and bool(data[12] & 0x10))
    return _riff(_extended(ALPHA * alpha | PROFILE * bool(part.head), part.width, part.height) + part.head + data)


class Writer:
    """Puts frames of one size into an open file, as lossy as still pictures are written."""

    def __init__(
        self, file: BinaryIO, size: tuple[int, int], plays: int, count: int, alpha: bool, encode: Callable[[AnyPixels], bytes]
    ) -> None:
        self._file, self._size, self._encode, self._alpha = file, size, encode, alpha
        self._plays = min(plays, MOST_PLAYS)
        self._clock = Clock(1, MOST_TIME)
        self._begun = False

    def add(self, pixels: AnyPixels, milliseconds: Milliseconds) -> None:
        """The next frame, (H, W, 4); deep ones are brought to 8 bits."""
        chunks = list(_parse(self._encode(pixels)))
        if not self._begun:
            profile = b"".join(_chunk(name, data) for name, data in chunks if name == b"ICCP")
            flags = ANIMATION | ALPHA * self._alpha | PROFILE * bool(profile)
            animation = _chunk(b"ANIM", struct.pack("<IH", 0, self._plays))
            self._file.write(_riff(_extended(flags, *self._size) + profile + animation))
            self._begun = True
        width, height = self._size
        places = b"".join(n.to_bytes(3, "little") for n in (0, 0, width - 1, height - 1, self._clock.ticks(milliseconds)))
        coded = b"".join(_chunk(name, data) for name, data in chunks if name in (b"ALPH", b"VP8 ", b"VP8L"))
        self._file.write(_chunk(b"ANMF", places + bytes([IN_PLACE]) + coded))

    def close(self) -> None:
        """Nothing is complete without it."""
        length = self._file.seek(0, os.SEEK_END) - 8
        if length > MOST_BYTES:
            raise OSError(errno.EFBIG, "a WebP file holds no more than 4 GB")
        self._file.seek(4)
        self._file.write(struct.pack("<I", length))


def _part(head: bytes, span: tuple[int, int], profile: bytes) -> Part:
    x, y, width, height, duration = (_u24(head[i : i + 3]) for i in range(0, 15, 3))
    after = After.CLEAR if head[15] & CLEARED else After.KEEP
    return Part(2 * x, 2 * y, 1 + width, 1 + height, Fraction(duration), not head[15] & IN_PLACE, after, (span,), profile)


def _extended(flags: int, width: int, height: int) -> bytes:
    sides = b"".join((n - 1).to_bytes(3, "little") for n in (width, height))
    return _chunk(b"VP8X", struct.pack("<I", flags) + sides)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _chunks(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset and length of each chunk."""
    while offset < end:
        name, length = struct.unpack("<4sI", read_at(file, offset, 8))
        if offset + 8 + length > end:
            raise DamagedError("a chunk is too short")
        yield name, offset + 8, length
        offset += 8 + length + length % 2


def _parse(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a still WebP of our own."""
    offset = 12
    while offset < len(data):
        name, length = struct.unpack_from("<4sI", data, offset)
        yield name, data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


def _u24(data: bytes) -> int:
    return int.from_bytes(data, "little")
