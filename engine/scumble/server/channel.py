# SPDX-License-Identifier: Apache-2.0
"""What the engine and its worker say to each other, over a socket pair that only they hold.

Invariant: a message arrives whole or not at all; end of file means that the other process is gone. Neither side
trusts the other with its memory's layout: messages are JSON, and pixels lie in spools.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from scumble.server import limits
from scumble.server.legible import encoded
from scumble.server.messages import ContextRaster, MaskRaster, Raster


class Run(Struct, frozen=True, tag=True):
    """Engine to worker: run a job. Open files of its two spools (context, masks and picture; result) are sent with it."""

    job: str
    method: str
    styles: list[tuple[str, float]]
    strength: float
    options: dict[str, bool | int | float | str]
    raster: Raster
    context: ContextRaster | None
    previews: bool
    attempt: int
    """0 at first; after a death the job is run with less memory."""
    masks: MaskRaster | None = None
    quality: Literal["draft", "good", "best"] | None = None
    seconds: float | None = None
    keep: bool = False
    """Its client wants the first picture that can be had."""
    sequence: str | None = None
    """The animation that it is the next frame of."""
    paths: tuple[str, str] | None = None
    """Names of the spools where open files cannot be handed over."""


class Refine(Struct, frozen=True, tag=True):
    """Engine to worker: refine a style ("id@revision"). `job` names this in cancels and reports."""

    job: str
    style: str
    method: str


class Cancel(Struct, frozen=True, tag=True):
    """Stop a job or a refinement."""

    job: str


class Keep(Struct, frozen=True, tag=True):
    """End a job with the picture that was shown last."""

    job: str


class Forget(Struct, frozen=True, tag=True):
    """Release weights that have not been used for a while."""


class StylesChanged(Struct, frozen=True, tag=True):
    """The styles have changed: say again which method has which."""


class Ready(Struct, frozen=True, tag=True):
    """Worker to engine: methods are loaded. `methods` as api.method.describe gives them."""

    devices: list[dict[str, str]]
    methods: list[dict[str, Any]]
    available: dict[str, list[str]]
    outdated: dict[str, list[str]] = {}
    problems: list[str] = []
    """What could not be loaded, and why: "torch does not load (...)"."""


class Available(Struct, frozen=True, tag=True):
    """Which methods can paint which style ("id@revision"), and which have an outdated refinement of it."""

    available: dict[str, list[str]]
    outdated: dict[str, list[str]] = {}


class Beat(Struct, frozen=True, tag=True):
    """A heartbeat: the worker process still runs."""


class Begun(Struct, frozen=True, tag=True):
    """Work on a job has begun: what kills the worker from here on may be the job's own fault."""

    job: str


class Progress(Struct, frozen=True, tag=True):
    job: str
    fraction: float
    text: str


class Preview(Struct, frozen=True, tag=True):
    """The payload is height * width RGBA pixels, u8."""

    job: str
    width: int
    height: int


class Done(Struct, frozen=True, tag=True):
    job: str
    seconds: float
    remark: str = ""
    """What its client should know of it, as sentences."""


class Checkpoint(Struct, frozen=True, tag=True):
    """The payload is where a refinement stands, as `weights.pack_state` gives it."""

    job: str


class Refined(Struct, frozen=True, tag=True):
    """A refinement has come to its end. The payload is the style's new state, as `weights.pack_state` gives it."""

    job: str
    card: dict[str, Any]


class Failed(Struct, frozen=True, tag=True):
    job: str
    code: str
    message: str
    hint: str


class Cancelled(Struct, frozen=True, tag=True):
    job: str


class Note(Struct, frozen=True, tag=True):
    """A line for the engine's log; `level` as in logging."""

    level: int
    text: str


ToWorker = Run | Refine | Cancel | Keep | Forget | StylesChanged
ToEngine = Ready | Available | Beat | Begun | Progress | Preview | Done | Checkpoint | Refined | Failed | Cancelled | Note

_PREFIX = struct.Struct("<II")
_TO_ENGINE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ToEngine)
_TO_WORKER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ToWorker)


def pack(message: ToWorker | ToEngine, payload: bytes = b"") -> bytes:
    """A message as bytes: two lengths, JSON, payload."""
    header = encoded(message)
    return _PREFIX.pack(len(header), len(payload)) + header + payload


class Unpacker:
    """Turns what a socket gives, in pieces of any size, into messages."""

    def __init__(self, *, at_worker: bool = False) -> None:
        self._decoder = _TO_WORKER if at_worker else _TO_ENGINE
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Any, bytes]]:
        """The (message, payload) pairs that are complete now. Raises ValueError when the other side talks nonsense."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _PREFIX.size:
                header, payload = _PREFIX.unpack_from(self._buffer, start)
                if header + payload > limits.WORKER_MESSAGE:
                    raise ValueError("the worker sent a message that is too large")
                body = start + _PREFIX.size
                end = body + header + payload
                if len(self._buffer) < end:
                    break
                yield (
                    self._decoder.decode(self._buffer[body : body + header]),
                    bytes(self._buffer[body + header : end]),
                )
                start = end
        finally:
            del self._buffer[:start]


def send_with_spools(sock: socket.socket, data: bytes, fds: list[int]) -> None:
    """Send `data` and, on POSIX, open files along with its first byte."""
    if fds and sys.platform != "win32":
        sent = socket.send_fds(sock, [data], fds)
        data = data[sent:]
    if data:
        sock.sendall(data)
