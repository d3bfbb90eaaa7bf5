# SPDX-License-Identifier: Apache-2.0
"""ZMTP 3.0 without a socket: the client's half of a DEALER connection with the PLAIN mechanism (RFC 23 and 24).

Invariant: whatever bytes arrive, memory stays below one message of MAX_MESSAGE bytes, and the first byte that cannot
belong to a Scumble engine raises EngineError.

`out` collects what must be sent; `space()` is where received bytes go, and `received(n)` says that n of them came.
A large frame is received straight into the bytearray that is handed on.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Union

from .errors import EngineError, malformed
from .raster import Buffer

Frame = Union[bytes, bytearray, memoryview]
Message = list[Frame]

MAX_FRAME = 16 << 20
"""docs/protocol.md, section 1."""
MAX_FRAMES = 65
"""One header and at most 64 raw frames."""
MAX_MESSAGE = MAX_FRAME + (64 << 10)
"""One frame of the largest size and its header; no message of the protocol is larger."""
MAX_COMMAND = 8 << 10
"""libzmq's READY has some 100 bytes."""

_MORE, _LONG, _COMMAND = 1, 2, 4
_SCRATCH = 64 << 10
_GREETING = 64
_ERRORS = (b"\x05ERROR", b"^RROR")
"""libzmq spells the first as the C string "\\x5ERROR", which begins with the character 0x5E."""
_JOIN = 4 << 10
"""Frames up to this size are joined with their header; larger ones are sent from where they lie."""


class Wire:
    """One connection, from the first byte of the greeting. `ready` once the engine has let us in."""

    def __init__(self, username: str, password: str) -> None:
        self.ready = False
        self.out: list[memoryview] = [memoryview(_greeting())]
        self._held: list[memoryview] = []  # messages queued before the handshake is over
        self._credentials = (username.encode("utf-8"), password.encode("utf-8"))
        self._expect = b""  # the command that must come next; nothing while the greeting is awaited
        self._scratch = bytearray(_SCRATCH)
        self._start = self._end = 0  # what of the scratch is received and not yet understood
        self._body: bytearray | None = None  # a large frame on its way, and how much of it is here
        self._filled = 0
        self._more = False
        self._parts: Message = []
        self._size = 0

    @property
    def pending(self) -> int:
        """Bytes in `out`. Messages wait elsewhere until the handshake is over."""
        return sum(map(len, self.out))

    def space(self) -> memoryview:
        """The buffer to receive into; never empty."""
        if self._body is not None:
            return memoryview(self._body)[self._filled :]
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == _SCRATCH:
            left = self._end - self._start
            self._scratch[:left] = self._scratch[self._start : self._end]
            self._start, self._end = 0, left
        return memoryview(self._scratch)[self._end :]

    def received(self, count: int) -> list[Message]:
        """Take note of `count` bytes written to `space()`; the messages that are complete with them."""
        messages: list[Message] = []
        if self._body is not None:
            self._filled += count
            if self._filled == len(self._body):
                body, self._body = self._body, None
                self._add_frame(body, messages)
            return messages
        self._end += count
        if not self._expect and not self.ready and not self._read_greeting():
            return messages
        while self._body is None and self._read_frame(messages):
            pass
        return messages

    def send(self, frames: Sequence[Buffer]) -> None:
        """Queue one message on `out`. Frames above a few KB are not copied: leave them alone until they are sent."""
        views = [memoryview(frame).cast("B") for frame in frames]
        largest = max(map(len, views))
        if largest > MAX_FRAME:
            raise EngineError("too-large", f"{largest} bytes are too many for one frame.", "Send fewer rows at a time.")
        queue = self.out if self.ready else self._held
        for view in views[:-1]:
            queue.extend(_encoded(_MORE, view))
        queue.extend(_encoded(0, views[-1]))

    def _send_command(self, name: bytes, body: bytes) -> None:
        self.out.extend(_encoded(_COMMAND, memoryview(bytes((len(name),)) + name + body)))

    def _read_greeting(self) -> bool:
        """Read the engine's greeting; False until it is complete. Raises EngineError at the first wrong byte."""
        came = bytes(self._scratch[self._start : min(self._end, self._start + _GREETING)])
        wrong = (
            (came[0] != 0xFF)
            or (len(came) > 9 and came[9] != 0x7F)
            or (len(came) > 10 and came[10] < 3)
            or (len(came) >= 32 and came[12:32] != _mechanism(b"PLAIN"))
        )
        if wrong:
            raise malformed("its greeting is not that of ZMTP 3 with PLAIN")
        if len(came) < _GREETING:
            return False
        self._start += _GREETING
        user, password = self._credentials
        self._send_command(b"HELLO", bytes((len(user),)) + user + bytes((len(password),)) + password)
        self._expect = b"WELCOME"
        return True

    def _read_frame(self, messages: list[Message]) -> bool:
        """Read the next frame of the scratch buffer. False when more bytes must come first."""
        came = self._end - self._start
        if came < 2:
            return False
        flags = self._scratch[self._start]
        if flags & ~(_MORE | _LONG | _COMMAND) or (flags & _COMMAND and flags & _MORE):
            raise malformed(f"a frame begins with the byte {flags:#04x}")
        if flags & _LONG:
            if came < 9:
                return False
            head, size = 9, int(struct.unpack_from(">Q", self._scratch, self._start + 1)[0])
        else:
            head, size = 2, self._scratch[self._start + 1]
        self._check_size(flags, size)

        begin = self._start + head
        if size <= self._end - begin:
            self._start = begin + size
            body = bytes(memoryview(self._scratch)[begin : self._start])
            if flags & _COMMAND:
                self._on_command(body)
            else:
                self._more = bool(flags & _MORE)
                self._add_frame(body, messages)
            return True
        if flags & _COMMAND or size + head <= _SCRATCH:
            return False
        # Pages of a new bytearray cost memory only once bytes arrive for them.
        self._body, self._more = bytearray(size), bool(flags & _MORE)
        self._filled = self._end - begin
        self._body[: self._filled] = memoryview(self._scratch)[begin : self._end]
        self._start = self._end
        return False

    def _check_size(self, flags: int, size: int) -> None:
        if flags & _COMMAND:
            if size > MAX_COMMAND:
                raise malformed(f"a command of {size} bytes")
        elif not self.ready:
            raise malformed("a message before the handshake is over")
        elif size > MAX_FRAME or self._size + size > MAX_MESSAGE or len(self._parts) >= MAX_FRAMES:
            raise EngineError(
                "too-large", f"The engine sends more than {MAX_FRAME >> 20} MiB in one message.", "Update both sides."
            )

    def _add_frame(self, body: Frame, messages: list[Message]) -> None:
        self._parts.append(body)
        self._size += len(body)
        if not self._more:
            messages.append(self._parts)
            self._parts, self._size = [], 0

    def _on_command(self, command: bytes) -> None:
        """Take the next step of the handshake, or answer a PING. Raises EngineError where the engine refuses."""
        if command.startswith(_ERRORS):
            raise refused(command.partition(b"RROR")[2][1:].decode("ascii", "replace"))
        length = command[0] if command else 0
        name, body = command[1 : 1 + length], command[1 + length :]
        if self.ready:
            if name == b"PING":  # two bytes of time to live, then a context to be given back (ZMTP 3.1)
                self._send_command(b"PONG", body[2:18])
            return  # a command this client does not know asks nothing of it
        if name != self._expect:
            raise malformed(f"{name[:16]!r} came where {self._expect.decode()} was due")
        if name == b"WELCOME":
            self._send_command(b"INITIATE", b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER")
            self._expect = b"READY"
        else:
            self.ready = True
            self.out += self._held
            self._held.clear()


def _encoded(flags: int, body: memoryview) -> Sequence[memoryview]:
    size = len(body)
    head = bytes((flags, size)) if size < 256 else struct.pack(">BQ", flags | _LONG, size)
    return (memoryview(head + bytes(body)),) if size <= _JOIN else (memoryview(head), body)


def _greeting() -> bytes:
    return b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + _mechanism(b"PLAIN") + bytes(32)


def _mechanism(name: bytes) -> bytes:
    return name.ljust(20, b"\0")


def refused(reason: str) -> EngineError:
    """The other side knows PLAIN (or CURVE) but not us."""
    return EngineError(
        "engine-refused",
        f"The engine did not let this program in ({reason[:64] or 'no reason given'}).",
        "Its connection file belongs to another engine; stop it with `scumble stop`, then try again.",
    )
