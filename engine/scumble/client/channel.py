# SPDX-License-Identifier: Apache-2.0
"""Sends and receives messages over a link once `hello` and `welcome` have passed (docs/protocol.md, sections 1 and 3).

Invariant: nothing but `hello` is sent before the engine has proven that it knows the token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import EngineError, malformed, silent
from .events import Welcome
from .link import AnyLink
from .locate import Connection
from .raster import Buffer
from .wire import Frame

PROTOCOL = 1
HANDSHAKE = 5.0
"""Seconds the engine has from the first byte to `welcome`."""
MAX_HEADER = 64 << 10

Header = dict[str, Any]
OpenLink = Callable[[str, str], AnyLink]
"""Endpoint and password to a link; raises EngineError where nothing listens."""


@dataclass(frozen=True)
class Identity:
    """How a client introduces itself: name and version, those of its host, and the secret that owns its jobs."""

    client: str
    host: str
    secret: str


class Channel:
    """One connection to the engine; `welcome` is None until the engine has answered and proven itself."""

    def __init__(self, endpoint: str, connection: Connection, identity: Identity, open_link: OpenLink) -> None:
        self.welcome: Welcome | None = None
        self.link = open_link(endpoint, password(connection.token))
        self._token = connection.token
        self._nonce = secrets.token_hex(16)
        self._deadline = time.monotonic() + HANDSHAKE
        self._send({"type": "hello", "protocol": PROTOCOL, **vars(identity), "nonce": self._nonce})

    def send(self, header: Header, *frames: Buffer) -> None:
        """Queue a message. The channel must be open: an impostor must receive nothing."""
        if self.welcome is None:
            raise RuntimeError("the engine has not proven itself yet")
        self._send(header, *frames)

    def poll(self, budget: int) -> list[tuple[Header, list[Frame]]]:
        """The messages that have arrived after `welcome`. Raises EngineError, after which the channel is of no use."""
        messages = [(_parsed(message[0]), message[1:]) for message in self.link.poll(0.0, budget)]
        if self.welcome is None:
            if messages:
                self.welcome = self._checked(messages.pop(0)[0])
            elif time.monotonic() > self._deadline:
                raise silent(f"The engine did not answer within {HANDSHAKE:.0f} s.")
        return messages

    def close(self) -> None:
        self.link.close()

    def _send(self, header: Header, *frames: Buffer) -> None:
        self.link.send([encoded(header), *frames])

    def _checked(self, header: Header) -> Welcome:
        if header["type"] == "error":
            raise engine_error(header)
        if header["type"] != "welcome":
            raise malformed(f"{str(header['type'])[:32]!r} came where a welcome was due")
        if not self.link.proven and not (self._token and _same(header.get("proof"), proof(self._token, self._nonce))):
            raise EngineError(
                "engine-untrusted",
                "What answers in the engine's place cannot prove that it is your engine, so no picture was sent.",
                "Stop it with `scumble stop`, or delete the connection file, then try again.",
            )
        try:
            if header["protocol"] != PROTOCOL:
                raise malformed(f"it speaks protocol {header['protocol']!r}, this program {PROTOCOL}")
            return Welcome(
                str(header["engine"]),
                int(header["pid"]),
                str(header["state"]),
                tuple(dict(device) for device in header["devices"]),
                {str(name): int(value) for name, value in dict(header["limits"]).items()},
                int(header["revision"]),
            )
        except (KeyError, TypeError, ValueError) as e:
            raise malformed(f"its welcome is wrong ({e})") from e


def encoded(header: Header) -> bytes:
    """A header as it travels. Raises EngineError "bad-options" or "too-large" for what cannot."""
    try:
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as e:
        raise EngineError("bad-options", f"A setting cannot be sent to the engine ({e}).", "Set it to another value.") from e
    if len(text) > MAX_HEADER:
        raise EngineError("too-large", f"A request of {len(text)} bytes is too long.", "Shorten its names and texts.")
    return text


def password(token: str) -> str:
    """The password for ZeroMQ's PLAIN mechanism, derived from the token."""
    return hmac.new(token.encode("ascii"), b"client", hashlib.sha256).hexdigest()


def proof(token: str, nonce: str) -> str:
    """The answer to `nonce` that only a holder of the token can compute."""
    return hmac.new(token.encode("ascii"), b"engine:" + nonce.encode("ascii"), hashlib.sha256).hexdigest()


def engine_error(header: Mapping[str, Any]) -> EngineError:
    """The error that a header describes."""
    code, message, hint = (str(header.get(name, "")) for name in ("code", "message", "hint"))
    return EngineError(code, message, hint)


def _same(given: Any, wanted: str) -> bool:
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, wanted)


def _parsed(frame: Frame) -> Header:
    try:
        header = json.loads(bytes(frame)) if len(frame) <= MAX_HEADER else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise malformed("a header is no JSON object with a type")
    return header
