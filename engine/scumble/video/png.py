# SPDX-License-Identifier: Apache-2.0
"""APNG (PNG, third edition, section 11.3.4): a PNG whose chunks fcTL and fdAT hold more frames.

Invariant: every chunk's checksum is right before a frame is given away, and right in what is written. It is our own because
Pillow knows no 16 bits in an APNG, and collects all frames before it writes the first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO

from scumble.image.pixels import AnyPixels
from scumble.video.frames import After, DamagedError, Layout, Milliseconds, Part, read_at

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AFTER = (After.KEEP, After.CLEAR, After.RESTORE)
DATA = (b"IDAT", b"fdAT")
TIMES = 0xFFFF
"""The largest numerator and denominator of a duration."""
BLOCK = 1 << 20


def animated(file: BinaryIO) -> bool:
    """Whether it says that it has several frames; a still picture is read no further than to its pixels."""
    try:
        for name, offset, length in _chunks(file, len(SIGNATURE), check=False):
            if name == b"IDAT":
                return False
            if name == b"acTL" and length == 8:
                return bool(struct.unpack(">I", read_at(file, offset, 4))[0] > 1)
    except DamagedError:
        pass
    return False


def scan(file: BinaryIO) -> Layout:
    """Find the frames and how they are shown. Raises DamagedError."""
    head, parts, control, spans = list[bytes](), list[Part](), b"", list[tuple[int, int]]()
    width = height = frames = plays = sequence = 0
    alpha = first = False

    def close() -> None:
        """End the frame whose control chunk came last."""
        if control:
            parts.append(_part(control, tuple(spans), b"".join(head)))
            spans.clear()

    for name, offset, length in _chunks(file, len(SIGNATURE)):
        if name in (b"fcTL", b"fdAT"):
            if length < 4 or struct.unpack(">I", read_at(file, offset, 4))[0] != sequence:
                raise DamagedError("frames out of order")
            sequence += 1
        if name == b"acTL":
            frames, plays = struct.unpack(">II", read_at(file, offset, length)[:8].ljust(8, b"\0"))
        elif name == b"fcTL":
            close()
            control = read_at(file, offset, length)
        elif name == b"fdAT":
            spans.append((offset + 4, length - 4))
        elif name == b"IDAT":
            first = True
            if control:  # else it is a picture for programs that know no APNG, and no frame
                spans.append((offset, length))
        elif not first:
            data = read_at(file, offset, length)
            head.append(chunk(name, data))
            if name == b"IHDR":
                width, height, _, colour = struct.unpack(">IIBB", data[:10].ljust(10, b"\0"))
                alpha = colour in (4, 6)
            alpha = alpha or name == b"tRNS"
    close()
    if len(parts) != frames or not head or any(p.x + p.width > width or p.y + p.height > height for p in parts):
        raise DamagedError(f"{len(parts)} of {frames} frames")
    layout = Layout(width, height, plays, alpha, tuple(parts))
    return Layout(width, height, plays, alpha or layout.uncovered, tuple(parts))


def still(part: Part, data: bytes) -> bytes:
    """The part as a PNG file."""
    length = struct.unpack(">I", part.head[:4])[0]
    header = struct.pack(">II", part.width, part.height) + part.head[16 : 8 + length]
    rest = part.head[12 + length :]
    return SIGNATURE + chunk(b"IHDR", header) + rest + chunk(b"IDAT", data) + chunk(b"IEND", b"")


class Writer:
    """Puts frames of one size and depth into an open file."""

    def __init__(
        self, file: BinaryIO, size: tuple[int, int], plays: int, count: int, alpha: bool, encode: Callable[[AnyPixels], bytes]
    ) -> None:
        self._file, self._size, self._encode = file, size, encode
        self._control = chunk(b"acTL", struct.pack(">II", count, plays))
        self._sequence = 0

    def add(self, pixels: AnyPixels, milliseconds: Milliseconds) -> None:
        """The next frame, (H, W, 4) uint8 or uint16; deeper ones are brought to that."""
        first = self._sequence == 0
        data = b""
        for name, body in _parse(self._encode(pixels)):
            if name == b"IDAT":
                data += body
            elif first and name != b"IEND":
                self._file.write(SIGNATURE * (name == b"IHDR") + chunk(name, body))
        delay = _fraction(milliseconds / 1000)
        rest = (*self._size, 0, 0, delay.numerator, delay.denominator, 0, 0)  # stays, and takes the place of what is there
        self._file.write((self._control if first else b"") + chunk(b"fcTL", self._number() + struct.pack(">IIIIHHBB", *rest)))
        self._file.write(chunk(b"IDAT", data) if first else chunk(b"fdAT", self._number() + data))

    def close(self) -> None:
        """Write the end of the file."""
        self._file.write(chunk(b"IEND", b""))

    def _number(self) -> bytes:
        self._sequence += 1
        return struct.pack(">I", self._sequence - 1)


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _fraction(seconds: Fraction) -> Fraction:
    """The nearest fraction of two 16-bit numbers."""
    if seconds >= TIMES:
        return Fraction(TIMES)
    return seconds.limit_denominator(TIMES if seconds < 1 else int(TIMES / seconds))


def _part(control: bytes, spans: tuple[tuple[int, int], ...], head: bytes) -> Part:
    """A frame from its control chunk. Raises DamagedError."""
    if len(control) != 26 or not spans or control[24] > 2 or control[25] > 1:
        raise DamagedError("a frame without pixels, or of a kind that is not known")
    width, height, x, y, above, below = struct.unpack(">IIIIHH", control[4:24])
    if not width or not height:
        raise DamagedError("an empty frame")
    duration = Fraction(1000 * above, below or 100)
    return Part(x, y, width, height, duration, bool(control[25]), AFTER[control[24]], spans, head)


def _chunks(file: BinaryIO, start: int, check: bool = True) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset and length of each chunk up to IEND, which must be there."""
    offset = start
    while True:
        length, name = struct.unpack(">I4s", read_at(file, offset, 8))
        if check:
            crc, left = zlib.crc32(name), length
            while left:
                block = read_at(file, offset + 8 + length - left, min(left, BLOCK))
                crc, left = zlib.crc32(block, crc), left - len(block)
            if struct.unpack(">I", read_at(file, offset + 8 + length, 4))[0] != crc:
                raise DamagedError("a checksum is wrong")
        if name == b"IEND":
            return
        yield name, offset + 8, length
        offset += 12 + length


def _parse(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG of our own."""
    offset = len(SIGNATURE)
    while offset < len(data):
        length, name = struct.unpack_from(">I4s", data, offset)
        yield name, data[offset + 8 : offset + 8 + length]
        offset += 12 + length
