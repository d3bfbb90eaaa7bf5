# SPDX-License-Identifier: Apache-2.0
"""Pictures and masks as they travel: a header's worth of facts and the bytes, nothing decoded.

Invariant: `data` has exactly the bytes that width, height and format call for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from .errors import EngineError

Buffer = Union[bytes, bytearray, memoryview]

BYTES_PER_PIXEL = {"u8": 4, "u16": 8, "f16": 8, "f32": 16}
"""Four channels of each format."""

BYTES_PER_MASK = {"u8": 1, "u16": 2, "f32": 4}
"""One number of each format a mask may have."""

ORDERS = ("rgba", "bgra")

MAX_SIDE = 65535
MAX_PIXELS = 1 << 29
"""The engine's own limits (docs/protocol.md, section 3), so that a mistake is named before anything is sent."""


@dataclass(frozen=True)
class Raster:
    """Interleaved rows, four channels, straight alpha, little endian, sRGB; see docs/protocol.md, section 5.

    `transfer` "linear" is for f16 and f32 of linear light (with sRGB primaries), which the engine converts.

    `data` is any C-contiguous object with the buffer protocol: bytes, bytearray, memoryview, a numpy array.
    Raises EngineError "bad-raster" when the numbers and the bytes disagree.
    """

    width: int
    height: int
    format: str
    order: str
    data: Any
    transfer: str = "srgb"

    def __post_init__(self) -> None:
        if self.format not in BYTES_PER_PIXEL or self.order not in ORDERS:
            raise _bad(f"{self.format!r} in order {self.order!r} is no format of the wire")
        if self.transfer != "srgb" and (self.transfer != "linear" or self.format not in ("f16", "f32")):
            raise _bad(f"{self.format!r} of transfer {self.transfer!r} is no format of the wire")
        _check(self)

    @property
    def stride(self) -> int:
        """Bytes of one row."""
        return self.width * BYTES_PER_PIXEL[self.format]

    def header(self) -> dict[str, Any]:
        """The raster as the wire describes it."""
        plain = {"width": self.width, "height": self.height, "format": self.format, "order": self.order}
        return plain if self.transfer == "srgb" else {**plain, "transfer": self.transfer}  # older engines do not know the word

    def rows(self, y: int, count: int) -> memoryview:
        """`count` rows from `y` on, as bytes, not copied."""
        return _rows(self, y, count)


@dataclass(frozen=True)
class Masks:
    """Interleaved rows, one channel a style in the order of a request's styles: where each is painted, and how much. An
    integer's largest number, or 1.0, is all of it. Width and height are the picture's; see docs/protocol.md, section 5.

    `data` as a Raster's. Raises EngineError "bad-raster" when the numbers and the bytes disagree.
    """

    width: int
    height: int
    channels: int
    format: str
    data: Any

    def __post_init__(self) -> None:
        if self.format not in BYTES_PER_MASK or self.channels < 1:
            raise _bad(f"{self.channels} masks of {self.format!r} are no format of the wire")
        _check(self)

    @property
    def stride(self) -> int:
        """Bytes of one row."""
        return self.width * self.channels * BYTES_PER_MASK[self.format]

    def header(self) -> dict[str, Any]:
        """The masks as the wire describes them."""
        return {"width": self.width, "height": self.height, "channels": self.channels, "format": self.format}

    def rows(self, y: int, count: int) -> memoryview:
        """`count` rows from `y` on, as bytes, not copied."""
        return _rows(self, y, count)


def _check(raster: Union[Raster, Masks]) -> None:
    width, height = raster.width, raster.height
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise _bad(f"{width} x {height} pixels is not a size the engine takes")
    view = memoryview(raster.data)
    if not view.c_contiguous:
        raise _bad("its rows do not follow each other in memory")
    if raster.stride * height != view.nbytes:
        raise _bad(f"{view.nbytes} bytes are not {width} x {height} pixels of {raster.format}")


def release_pages(buffer: Any) -> None:
    """Tell a buffer that can give its memory back, as a mapped file can (`release_pages`), that it is not being used now."""
    release = getattr(buffer, "release_pages", None)
    if release is not None:
        release()


def _rows(raster: Union[Raster, Masks], y: int, count: int) -> memoryview:
    release_pages(raster.data)  # of the rows before
    return memoryview(raster.data).cast("B")[y * raster.stride : (y + count) * raster.stride]


def _bad(why: str) -> EngineError:
    return EngineError("bad-raster", f"The picture cannot be sent: {why}.", "This is a mistake in the program that sends it.")
