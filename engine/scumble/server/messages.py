# SPDX-License-Identifier: Apache-2.0
"""What a client may say: one strict struct a message type (docs/protocol.md).

Invariant: whatever `decode` returns has exactly the fields and types of its struct; everything else raises BadMessage
and costs no more than the header's own bytes. Ranges that a painter could get wrong (strength, sizes, weights) are
checked by admission.py, which answers with a code of their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from scumble.api.errors import ScumbleError
from scumble.server import limits
from scumble.server.legible import encoded

# \Z and not $, which would let a line end follow.
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
RequestId = Annotated[int, Meta(ge=0, le=2**53)] | None
ShortText = Annotated[str, Meta(max_length=200)]
StyleId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
StyleRef = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}(@[0-9]{1,9})?\Z")]
Size = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Plane = Literal["context", "masks", "picture"]

BYTES = {"u8": 1, "u16": 2, "f16": 2, "f32": 4}
"""Bytes of one number in each format."""


class _Transfer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The transfer curve of a raster's numbers; "linear" only of floats."""

    transfer: Literal["srgb", "linear"] = "srgb"


class Raster(_Transfer, frozen=True, forbid_unknown_fields=True):
    """Interleaved RGBA or BGRA, straight alpha, little endian (section 5)."""

    width: Size
    height: Size
    format: Literal["u8", "u16", "f16", "f32"]
    order: Literal["rgba", "bgra"]

    @property
    def channels(self) -> int:
        return 4

    @property
    def row_bytes(self) -> int:
        return self.width * self.channels * BYTES[self.format]

    @property
    def nbytes(self) -> int:
        return self.height * self.row_bytes


class MaskRaster(Struct, frozen=True, forbid_unknown_fields=True):
    """Interleaved masks of the picture, one a style, little endian (section 5)."""

    width: Size
    height: Size
    channels: Size
    format: Literal["u8", "u16", "f32"]

    @property
    def row_bytes(self) -> int:
        return self.width * self.channels * BYTES[self.format]

    @property
    def nbytes(self) -> int:
        return self.height * self.row_bytes


AnyRaster = Raster | MaskRaster


class ContextRaster(Raster, frozen=True, forbid_unknown_fields=True):
    """A small copy of the whole layer, and where the picture lies in it, in layer pixels."""

    x: Size
    y: Size
    full_width: Size
    full_height: Size


def planes(context: ContextRaster | None, masks: MaskRaster | None, picture: Raster) -> dict[Plane, AnyRaster]:
    """The rasters of a picture, in the order in which they are sent and lie in its spool."""
    rasters: dict[Plane, AnyRaster | None] = {"context": context, "masks": masks, "picture": picture}
    return {name: raster for name, raster in rasters.items() if raster is not None}


class StyleShare(Struct, frozen=True, forbid_unknown_fields=True):
    style: StyleRef
    weight: float


class Hello(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="hello"):
    protocol: int
    client: ShortText
    host: ShortText
    secret: Hex32
    nonce: Hex32
    id: RequestId = None


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="catalogue"):
    page: Annotated[int, Meta(ge=0, le=2**31)] = 0
    id: RequestId = None


class Submit(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="submit"):
    job: Hex32
    method: Annotated[str, Meta(max_length=64)]
    styles: Annotated[list[StyleShare], Meta(max_length=limits.STYLES)]
    raster: Raster
    strength: float = 1.0
    options: dict[str, bool | int | float | str] = {}
    context: ContextRaster | None = None
    masks: MaskRaster | None = None
    previews: bool = True
    quality: Literal["draft", "good", "best"] | None = None
    seconds: float | None = None
    sequence: Hex32 | None = None
    have: Annotated[int, Meta(ge=0, le=2**31)] = 0
    id: RequestId = None

    @property
    def planes(self) -> dict[Plane, AnyRaster]:
        """The rasters that its client sends, in this order."""
        return planes(self.context, self.masks, self.raster)


class PixelStrip(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="pixels"):
    job: Hex32
    plane: Plane
    y: Size
    rows: Size


class Received(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="received"):
    job: Hex32
    y: Size


class Release(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="release"):
    job: Hex32


class Alive(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="alive"):
    pass


class StylePut(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="style.put"):
    job: Hex32
    name: ShortText
    raster: Raster
    refine: bool = True
    style: StyleId | None = None
    """The id it is to have; without one, it is made of the name."""
    id: RequestId = None

    @property
    def planes(self) -> dict[Plane, AnyRaster]:
        """The raster that its client sends."""
        return {"picture": self.raster}


class StyleRemove(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="style.remove"):
    style: StyleId
    id: RequestId = None


class StyleRename(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="style.rename"):
    style: StyleId
    name: ShortText
    id: RequestId = None


class StyleRefine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="style.refine"):
    style: StyleRef
    action: Literal["start", "stop", "status"]
    method: Annotated[str, Meta(max_length=64)] | None = None
    id: RequestId = None


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ping"):
    id: RequestId = None


class Status(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="status"):
    id: RequestId = None


class Cancel(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="cancel"):
    job: Hex32
    id: RequestId = None


class Keep(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="keep"):
    job: Hex32
    id: RequestId = None


class Shutdown(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="shutdown"):
    id: RequestId = None


Work = Hello | Catalogue | Submit | PixelStrip | Received | Release | Alive | StylePut | StyleRemove | StyleRename | StyleRefine
Control = Hello | Ping | Status | Cancel | Keep | Shutdown | Alive

_WORK = msgspec.json.Decoder(Work)
_CONTROL = msgspec.json.Decoder(Control)


class Peek(Struct):
    """The fields of a header that are read before it is checked."""

    type: Any = None
    id: Any = None
    protocol: Any = None


_PEEK = msgspec.json.Decoder(Peek)


class BadMessage(Exception):
    """`re` is the request's id where one could be read; `code` is one of docs/protocol.md, section 8."""

    def __init__(self, code: str, message: str, hint: str = "", re: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.re = code, message, hint, re


def peek(header: bytes | memoryview) -> Peek:
    """Type, id and protocol of a header, whatever else it holds. Raises BadMessage."""
    if len(header) > limits.HEADER:
        raise BadMessage("too-large", f"A header of {len(header)} bytes came; {limits.HEADER} is the most.")
    try:
        peeked = _PEEK.decode(header)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as e:
        raise BadMessage("bad-message", f"The header is not a JSON object ({e}).") from e
    if isinstance(peeked.id, bool) or not isinstance(peeked.id, int) or not 0 <= peeked.id <= 2**53:
        peeked.id = None
    return peeked


def number(header: bytes | memoryview) -> int | None:
    """The id of a request, where it has one that can be read."""
    try:
        wanted: int | None = peek(header).id
    except BadMessage:
        return None
    return wanted


def decode_work(header: bytes | memoryview, frames: int) -> Work:
    """A work message from its header; `frames` raw ones follow it. Raises BadMessage."""
    message: Work = _decode(_WORK, header, frames)
    return message


def decode_control(header: bytes | memoryview, frames: int) -> Control:
    """A control message from its header. Raises BadMessage."""
    message: Control = _decode(_CONTROL, header, frames)
    return message


def _decode(decoder: msgspec.json.Decoder[Any], header: bytes | memoryview, frames: int) -> Any:
    peeked = peek(header)
    if peeked.type == "hello" and peeked.protocol != limits.PROTOCOL:
        raise BadMessage(
            "protocol-version",
            f"This engine speaks protocol {limits.PROTOCOL}; the plug-in speaks {str(peeked.protocol)[:20]}.",
            "Install the engine and the plug-in of the same Scumble version.",
            peeked.id,
        )
    try:
        message = decoder.decode(header)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as e:
        raise BadMessage("bad-message", f"The engine does not understand this message: {e}.", "", peeked.id) from e
    wanted = 1 if isinstance(message, PixelStrip) else 0
    if frames != wanted:
        raise BadMessage("bad-message", f"This message has {frames} raw frames; it takes {wanted}.", "", peeked.id)
    return message


def encode(header: dict[str, Any]) -> bytes:
    """A header the engine sends. Keys whose value is None stay only where the protocol says null."""
    return encoded(header)


def error_fields(code: str, message: str, hint: str) -> dict[str, Any]:
    """An error as fields of a header; texts of methods or clients, which may be of any length, are shortened."""
    return {"code": code, "message": _brief(message), "hint": _brief(hint)}


def _brief(text: str) -> str:
    return text if len(text) <= limits.TEXT else text[: limits.TEXT - 1] + "…"


def error(code: str, message: str, hint: str = "", re: int | None = None) -> dict[str, Any]:
    """The header of an `error`."""
    return {"type": "error", "re": re, **error_fields(code, message, hint)}


def refusal(e: ScumbleError, re: int | None) -> dict[str, Any]:
    """The answer to a request that cannot be granted."""
    return error(e.code, e.message, e.hint, re)
