# SPDX-License-Identifier: Apache-2.0
"""One non-blocking connection to a ROUTER over a Unix socket or TCP.

Invariant: no call blocks longer than the timeout it is given (none, for most), and a connection that broke raises
EngineError at every later use. `AnyLink` is what a session needs; scumble.cli.zmqlink offers the same over pyzmq.
"""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from typing import Protocol, Union

from .errors import EngineError, lost
from .raster import Buffer
from .wire import Message, Wire

USERNAME = "client"

BUDGET = 4 << 20
"""Bytes read and written by one call by default: a few milliseconds, so that a GUI's timer stays smooth."""

_NOSIGNAL: int = getattr(socket, "MSG_NOSIGNAL", 0)  # a host that embeds Python may not ignore SIGPIPE
_BUFFER = 1 << 20
_VECTOR = 64
_PENDING = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", errno.EAGAIN))

Address = Union[str, tuple[str, int]]


class AnyLink(Protocol):
    """A connection that carries messages; broken once, it stays broken."""

    proven: bool
    """Whether the transport itself has proven who the engine is (CURVE)."""

    @property
    def ready(self) -> bool:
        """Whether the other side has let us in."""

    @property
    def pending(self) -> int:
        """Bytes queued here and not yet handed to the system."""

    def send(self, frames: Sequence[Buffer]) -> None:
        """Queue one message and send what can be sent at once. Large frames are not copied: leave them alone until then."""

    def poll(self, timeout: float = 0.0, budget: int = BUDGET) -> list[Message]:
        """Send what is queued and give what has arrived, each up to about `budget` bytes; wait up to `timeout` seconds."""

    def fileno(self) -> int:
        """The descriptor to wait for."""

    def interest(self) -> int:
        """The events to wait for, as a mask of the selectors module; 0 when `poll` has something to do already."""

    def close(self) -> None:
        """Idempotent."""


class Link:
    """A connection as of a ZeroMQ DEALER socket, by the standard library alone.

    Raises EngineError "engine-lost", "engine-refused", "bad-message", "too-large".
    """

    proven = False

    def __init__(self, endpoint: str, password: str) -> None:
        self._endpoint = endpoint
        self._wire = Wire(USERNAME, password)
        self._broken: EngineError | None = None
        self._send_error: OSError | None = None  # why nothing can be sent any more
        family, address = parse_endpoint(endpoint)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._connected = self._connect(family, address)
        except (OSError, OverflowError, ValueError) as e:  # the latter two for ports and paths that cannot be
            self._socket.close()
            raise lost(f"No engine answers at {endpoint} ({getattr(e, 'strerror', None) or e}).") from e

    @property
    def ready(self) -> bool:
        return self._wire.ready

    @property
    def pending(self) -> int:
        return self._wire.pending

    def send(self, frames: Sequence[Buffer]) -> None:
        self._check()
        self._wire.send(frames)
        if self._connected and self._send_error is None:
            self._send_error = self._flush(BUDGET)

    def poll(self, timeout: float = 0.0, budget: int = BUDGET) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            messages = self._exchange(budget)
            left = deadline - time.monotonic()
            if messages or left <= 0:
                return messages
            wait([self], left)

    def fileno(self) -> int:
        return self._socket.fileno()

    def interest(self) -> int:
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._wire.out else 0)

    def close(self) -> None:
        self._broken = self._broken or lost("The connection is closed.")
        self._socket.close()

    def _connect(self, family: int, address: Address) -> bool:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if sys.platform == "darwin":
            self._socket.setsockopt(socket.SOL_SOCKET, 0x1022, 1)  # SO_NOSIGPIPE, which Python does not name
        if family != getattr(socket, "AF_UNIX", None):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(address)
        if code and (code not in _PENDING or family == getattr(socket, "AF_UNIX", None)):
            raise OSError(code, os.strerror(code))
        return code == 0

    def _exchange(self, budget: int) -> list[Message]:
        self._check()
        try:
            if not self._connected and not self._finish_connect():
                return []
            self._send_error = self._send_error or self._flush(budget)
            messages = self._receive(budget)
            if self._send_error is not None and not messages:
                raise self._send_error
            if self._wire.out:  # the handshake's next step, or a PONG
                self._send_error = self._send_error or self._flush(budget)
        except EngineError as e:
            raise self._break(e) from None
        except OSError as e:
            raise self._break(lost(f"The connection to the engine broke ({e.strerror or e}).")) from e
        return messages

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _break(self, error: EngineError) -> EngineError:
        self._broken = error
        self._socket.close()
        return error

    def _finish_connect(self) -> bool:
        with _selector() as s:
            s.register(self._socket, selectors.EVENT_WRITE)
            if not s.select(0):
                return False
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._connected = True
        return True

    def _flush(self, budget: int) -> OSError | None:
        """Send. A failure is returned and not raised: messages that came before the connection broke are still to be read."""
        out = self._wire.out
        while out and budget > 0:
            try:
                sent = self._send_some(out[:_VECTOR])
            except (BlockingIOError, InterruptedError):
                break
            except OSError as e:
                return e
            budget -= sent
            whole = 0
            while whole < len(out) and sent >= len(out[whole]):
                sent -= len(out[whole])
                whole += 1
            del out[:whole]
            if sent:
                out[0] = out[0][sent:]
        return None

    def _send_some(self, views: list[memoryview]) -> int:
        if hasattr(self._socket, "sendmsg"):
            return self._socket.sendmsg(views, (), _NOSIGNAL)
        return self._socket.send(views[0])

    def _receive(self, budget: int) -> list[Message]:
        messages: list[Message] = []
        while budget > 0:
            try:
                count = self._socket.recv_into(self._wire.space()[:budget])
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                if messages:  # the next call meets the same error
                    break
                raise
            if not count:
                if messages:
                    break
                raise lost("The engine closed the connection.")
            budget -= count
            messages += self._wire.received(count)
        return messages


def parse_endpoint(endpoint: str) -> tuple[int, Address]:
    """Socket family and address of `ipc:///path` or `tcp://address:port`. Raises EngineError "engine-missing"."""
    if endpoint.startswith("ipc://") and hasattr(socket, "AF_UNIX"):
        return socket.AF_UNIX, endpoint[len("ipc://") :]
    tcp = re.fullmatch(r"tcp://(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):(\d{1,5})", endpoint)
    if tcp:
        return (socket.AF_INET6 if tcp[1] else socket.AF_INET), (tcp[1] or tcp[2], int(tcp[3]))
    raise EngineError("engine-missing", f"The engine's address {endpoint!r} cannot be used here.", "Run `scumble doctor`.")


def wait(links: Sequence[AnyLink], timeout: float) -> None:
    """Return when one of the links may have something to do, or after `timeout` seconds."""
    interests = [(link.fileno(), link.interest()) for link in links]
    if all(interest for _, interest in interests):
        with _selector() as s:
            for descriptor, interest in interests:
                s.register(descriptor, interest)
            s.select(timeout)


def _selector() -> selectors.BaseSelector:
    # poll(2) has no limit on descriptor numbers, which select(2) has, and needs no descriptor of its own, as epoll does.
    kind: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
    return kind()
