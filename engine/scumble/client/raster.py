# SPDX-License-Identifier: Apache-2.0
"""Pictures as they travel: a header's worth of facts and the bytes, nothing decoded.

Invariant: `data` has exactly the bytes that width, height and format call for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from .errors import EngineError

Buffer = Union[bytes, bytearray, memoryview]

BYTES_PER_PIXEL = {"u8": 4, "u16": 8, "f16": 8, "f32": 16}
"""Four channels of each format."""

ORDERS = ("rgba", "bgra")

MAX_SIDE = 65535
MAX_PIXELS = 1 << 29
"""The engine's own limits (docs/protocol.md, section 3), so that a mistake is named before anything is sent."""


@dataclass(frozen=True)
class Raster:
    """Interleaved rows, four channels, straight alpha, little endian, sRGB; see docs/protocol.md, section 5.

    `data` is any C-contiguous object with the buffer protocol: bytes, bytearray, memoryview, a numpy array.
    Raises EngineError "bad-raster" when the numbers and the bytes disagree.
    """

    width: int
    height: int
    format: str
    order: str
    data: Any

    def __post_init__(self) -> None:
        if self.format not in BYTES_PER_PIXEL or self.order not in ORDERS:
            raise _bad(f"{self.format!r} in order {self.order!r} is no format of the wire")
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE and self.width * self.height <= MAX_PIXELS):
            raise _bad(f"{self.width} x {self.height} pixels is not a size the engine takes")
        view = memoryview(self.data)
        if not view.c_contiguous:
            raise _bad("its rows do not follow each other in memory")
        if self.stride * self.height != view.nbytes:
            raise _bad(f"{view.nbytes} bytes are not {self.width} x {self.height} pixels of {self.format}")

    @property
    def stride(self) -> int:
        """Bytes of one row."""
        return self.width * BYTES_PER_PIXEL[self.format]

    def header(self) -> dict[str, Any]:
        """As the wire describes it."""
        return {"width": self.width, "height": self.height, "format": self.format, "order": self.order}

    def rows(self, y: int, count: int) -> memoryview:
        """`count` rows from `y` on, as bytes, not copied."""
        return memoryview(self.data).cast("B")[y * self.stride : (y + count) * self.stride]


def _bad(why: str) -> EngineError:
    return EngineError("bad-raster", f"The picture cannot be sent: {why}.", "This is a mistake in the program that sends it.")
