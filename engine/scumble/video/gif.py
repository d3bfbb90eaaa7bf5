# SPDX-License-Identifier: Apache-2.0
"""GIF (CompuServe, version 89a), and Netscape's block that says how often it is shown.

Invariant: every block that the file begins is there, and so is its end. What is written holds the colours and transparency
that a GIF can; palette.py chooses them. It is our own because Pillow collects all frames before it writes the first, and merges
equal ones.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scumble.image.pixels import AnyPixels
from scumble.video.frames import After, Clock, DamagedError, Layout, Milliseconds, Part, eight_bits, read_exactly
from scumble.video.palette import Palettes

TABLE = 0x80
"""The bit that says that a colour table follows."""
CONTROL, APPLICATION = 0xF9, 0xFF
TICK = 10
"""Milliseconds of a hundredth of a second."""
LEAST = 2
"""Hundredths of a second; browsers show a frame with less for a tenth of a second."""
MOST = 0xFFFF
AFTER = {2: After.CLEAR, 3: After.RESTORE}
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def animated(file: BinaryIO) -> bool:
    """Whether there may be several frames; only the whole file tells."""
    return True


def scan(file: BinaryIO) -> Layout:
    """Find the frames and how they are shown. Raises DamagedError."""
    file.seek(0)
    version, width, height, flags, _ = struct.unpack("<6sHHB2s", read_exactly(file, 13))
    table, plays, parts, alpha = _table(file, flags), 1, list[Part](), False
    control = _Control()
    while (kind := read_exactly(file, 1)) != b";":
        if kind == b"!":
            label = read_exactly(file, 1)[0]
            blocks = _blocks(file)
            if label == CONTROL and len(blocks[0]) == 4:
                control = _Control(*struct.unpack("<BHB", blocks[0]))
            if label == APPLICATION and blocks[0] in LOOPS:
                plays = _plays(blocks[1], plays)
        elif kind == b",":
            place = read_exactly(file, 9)
            x, y, w, h, flags = struct.unpack("<HHHHB", place)
            local = _table(file, flags)
            colours = local or table
            begin = file.tell()
            read_exactly(file, 1)
            _blocks(file)
            if not w or not h:
                raise DamagedError("an empty frame")

            screen = struct.pack("<6sHHBBB", version, w, h, TABLE | _size(colours) if colours else 0, 0, 0)
            head = screen + colours + control.block() + struct.pack("<cHHHHB", b",", 0, 0, w, h, flags & 0x40)
            span = (begin, file.tell() - begin)
            after = AFTER.get(control.flags >> 2 & 7, After.KEEP)
            parts.append(Part(x, y, w, h, Fraction(TICK * control.delay), True, after, (span,), head))
            width, height = max(width, x + w), max(height, y + h)
            alpha = alpha or bool(control.flags & 1)
            control = _Control()
        elif kind != b"\0":  # stray ends of blocks occur, and all programs show such files
            raise DamagedError("a block of a kind that is not known")

    if not parts:
        raise DamagedError("no frame")
    layout = Layout(width, height, plays, alpha, tuple(parts))
    return Layout(width, height, plays, alpha or layout.uncovered, tuple(parts))


def still(part: Part, data: bytes) -> bytes:
    """The part as a GIF file."""
    return part.head + data + b";"


class Writer:
    """Puts frames of one size into an open file, each whole, with the colours of a palette."""

    def __init__(
        self, file: BinaryIO, size: tuple[int, int], plays: int, count: int, alpha: bool, encode: Callable[[AnyPixels], bytes]
    ) -> None:
        self._file, self._size, self._alpha = file, size, alpha
        self._plays = 0 if plays == 0 else min(plays - 1, MOST)
        self._once = plays == 1
        self._clock = Clock(TICK, MOST)
        self._palettes = Palettes()
        self._table = b""

    def add(self, pixels: AnyPixels, milliseconds: Milliseconds) -> None:
        """The next frame, (H, W, 4); deep ones are brought to 8 bits."""
        indices, palette, clear = self._palettes.fit(eight_bits(pixels))
        table, coded = _coded(indices, palette)
        if not self._table:
            self._table = table
            self._file.write(struct.pack("<6sHHBBB", b"GIF89a", *self._size, TABLE | 0x70 | _size(table), 0, 0) + table)
            if not self._once:
                self._file.write(b"!\xff\x0b" + LOOPS[0] + struct.pack("<BBHB", 3, 1, self._plays, 0))
        delay = self._clock.ticks(milliseconds)
        if delay < LEAST and milliseconds % TICK:
            delay = LEAST
        after = 2 if self._alpha else 1  # what is transparent in the next frame must not show this one
        control = _Control(after << 2 | (clear is not None), delay, clear or 0)
        local = table if table != self._table else b""
        place = struct.pack("<cHHHHB", b",", 0, 0, *self._size, TABLE | _size(local) if local else 0)
        self._file.write(control.block() + place + local + coded)

    def close(self) -> None:
        """Write the end of the file."""
        self._file.write(b";")


class _Control:
    """The block before a frame: flags, hundredths of a second, and the index that is transparent."""

    def __init__(self, flags: int = 0, delay: int = 0, clear: int = 0) -> None:
        self.flags, self.delay, self.clear = flags, delay, clear

    def block(self) -> bytes:
        return b"!" + struct.pack("<BBBHBB", CONTROL, 4, self.flags, self.delay, self.clear, 0)


def _coded(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The colour table and the pixels, as they stand in a file; Pillow packs them."""
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())  # makes it one of indices
    packed = io.BytesIO()
    image.save(packed, "GIF", optimize=False, interlace=0)
    ((offset, length),) = scan(packed).parts[0].spans
    written = packed.getvalue()
    return written[13 : 13 + (6 << (written[10] & 7))], written[offset : offset + length]


def _plays(block: bytes, plays: int) -> int:
    """How often the animation is shown, by Netscape's block, which counts repetitions; 0 is forever."""
    if len(block) != 3 or block[0] != 1:
        return plays
    repeats: int = struct.unpack("<H", block[1:])[0]
    return repeats and repeats + 1


def _table(file: BinaryIO, flags: int) -> bytes:
    return read_exactly(file, 6 << (flags & 7)) if flags & TABLE else b""


def _size(table: bytes) -> int:
    """The three bits that say how large a colour table is."""
    return (len(table) // 3).bit_length() - 2


def _blocks(file: BinaryIO) -> list[bytes]:
    """A chain of blocks, with the empty one that ends it."""
    blocks = [read_exactly(file, read_exactly(file, 1)[0])]
    while blocks[-1]:
        blocks.append(read_exactly(file, read_exactly(file, 1)[0]))
    return blocks
