# SPDX-License-Identifier: Apache-2.0
"""Authentication: the token, the password derived from it, and the ZAP handler (RFC 27) that both sockets ask.

Invariant: a connection that has not shown the password (PLAIN, local) or an allowed key (CURVE, remote) never gets a
message through to the engine, and the token itself never crosses a socket.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

log = logging.getLogger(__name__)

DOMAIN = b"scumble"
USERNAME = b"client"
ZAP_ENDPOINT = "inproc://zeromq.zap.01"
PLAIN_USER, CURVE_USER = b"plain", b"curve"
"""What the authenticator notes on a connection it lets in."""


def new_token() -> str:
    """256 random bits as 64 hex digits."""
    return secrets.token_hex(32)


def _keyed(token: str, text: str) -> str:
    return hmac.new(token.encode("ascii"), text.encode("ascii"), hashlib.sha256).hexdigest()


def password(token: str) -> str:
    """The password that a client shows, derived from the token."""
    return _keyed(token, "client")


def proof(token: str, nonce: str) -> str:
    """The proof that the engine shows, over the nonce of a hello."""
    return _keyed(token, "engine:" + nonce)


def allowed_keys(folder: Path) -> frozenset[bytes]:
    """The public keys, as 32 bytes each, of all certificates (*.key) in `folder`. Raises ValueError when there is none."""
    keys = set()
    for path in sorted(folder.glob("*.key")):
        public, _ = load_certificate(path)
        keys.add(bytes(z85.decode(public)))
    if not keys:
        raise ValueError(f"there is no client key (*.key) in {folder}")
    return frozenset(keys)


class Authenticator(threading.Thread):
    """Answers libzmq's question "may this connection in?" (RFC 27) for every socket of `context`."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], token: str, keys: frozenset[bytes] = frozenset()) -> None:
        super().__init__(name="authenticator", daemon=True)
        self._password = password(token).encode("ascii")
        self._keys = keys
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        # Bound here and not in run(): a socket that binds before this would let anybody in.
        self._socket.bind(ZAP_ENDPOINT)

    def run(self) -> None:
        try:
            while True:
                self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
        except zmq.ContextTerminated:
            pass
        finally:
            self._socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        version, number, domain, address, _identity, mechanism, *credentials = request
        user = self._admit(domain, mechanism, credentials) if version == b"1.0" else None
        if user is None:
            log.warning("refused a connection from %s (%s)", address.decode(errors="replace") or "here", mechanism.decode())
            return [b"1.0", number, b"400", b"Refused", b"", b""]
        return [b"1.0", number, b"200", b"OK", user, b""]

    def _admit(self, domain: bytes, mechanism: bytes, credentials: list[bytes]) -> bytes | None:
        """The user id to note on the connection's messages, or None."""
        if domain != DOMAIN:
            return None
        if mechanism == b"PLAIN" and len(credentials) == 2:
            right = hmac.compare_digest(credentials[0], USERNAME) & hmac.compare_digest(credentials[1], self._password)
            return PLAIN_USER if right else None
        if mechanism == b"CURVE" and len(credentials) == 1 and credentials[0] in self._keys:
            return CURVE_USER
        return None
