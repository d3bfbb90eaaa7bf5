# SPDX-License-Identifier: Apache-2.0
"""The client's link over pyzmq: for the command line, and for remote engines behind CURVE.

Invariant: it keeps to `client.link.AnyLink`, one connection that stays broken once it broke; reconnecting is the session's.
"""

from __future__ import annotations

import functools
import selectors
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

from scumble.client.errors import EngineError, lost, malformed
from scumble.client.link import BUDGET, USERNAME, wait
from scumble.client.raster import Buffer
from scumble.client.wire import MAX_FRAME, MAX_FRAMES, Message, refused

HIGH_WATER = 16
"""Messages libzmq keeps in each direction; docs/protocol.md lets no more be on their way."""
LINGER_MS = 200
"""What a last word (a cancel, a release) has to leave the machine."""
_COPY_BELOW = 4 << 10
_EVENTS = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_CONNECT_RETRIED
_FAILURES = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


@dataclass(frozen=True)
class CurveKeys:
    """Z85 text: the engine's public key, and our own pair."""

    engine: bytes
    public: bytes
    secret: bytes

    @classmethod
    def load(cls, engine: Path, own: Path) -> CurveKeys:
        """From certificate files. Raises EngineError "engine-refused"."""
        try:
            theirs, _ = zmq.auth.load_certificate(engine)
            public, secret = zmq.auth.load_certificate(own)
        except (OSError, ValueError) as e:
            raise EngineError("engine-refused", f"A CURVE certificate cannot be read ({e}).", "Name another file.") from e
        if secret is None:
            raise EngineError("engine-refused", f"{own} holds no secret key.", "Name the file that ends in .key_secret.")
        return cls(theirs, public, secret)


class ZmqLink:
    """Like client.link.Link. With `curve`, the mechanism is CURVE and the password is not used."""

    def __init__(self, endpoint: str, password: str, curve: CurveKeys | None = None) -> None:
        self.proven = curve is not None
        self._endpoint = endpoint
        self._ready = False
        self._broken: EngineError | None = None
        self._queue: deque[list[Buffer]] = deque()
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        s: Any = self._socket
        s.linger, s.maxmsgsize, s.sndhwm, s.rcvhwm = LINGER_MS, MAX_FRAME, HIGH_WATER, HIGH_WATER
        s.immediate = True
        s.reconnect_ivl = -1
        s.ipv6 = "[" in endpoint
        if curve is not None:
            s.curve_serverkey, s.curve_publickey, s.curve_secretkey = curve.engine, curve.public, curve.secret
        else:
            s.plain_username, s.plain_password = USERNAME.encode(), password.encode()
        self._monitor: zmq.Socket[bytes] = s.get_monitor_socket(_EVENTS | _FAILURES)
        self._monitor.linger = 0
        try:
            s.connect(endpoint)
        except zmq.ZMQError as e:
            self._shut()
            raise lost(f"No engine answers at {endpoint} ({e.strerror}).") from e

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def pending(self) -> int:
        return sum(memoryview(frame).nbytes for frames in self._queue for frame in frames)

    def send(self, frames: Sequence[Buffer]) -> None:
        self._check()
        if any(memoryview(frame).nbytes > MAX_FRAME for frame in frames):
            raise EngineError("too-large", "A frame is too large for one message.", "Send fewer rows at a time.")
        self._queue.append(list(frames))
        self._flush()

    def poll(self, timeout: float = 0.0, budget: int = BUDGET) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            self._check()
            self._flush()
            messages = self._receive(budget)
            if not messages:
                self._watch()
            left = deadline - time.monotonic()
            if messages or left <= 0:
                return messages
            wait([self], min(left, 0.05))  # what the monitor sees does not show on the descriptor

    def fileno(self) -> int:
        return int(self._socket.getsockopt(zmq.FD))

    def interest(self) -> int:
        """The descriptor tells of changes only, so what is there already must be asked for."""
        events = int(self._socket.getsockopt(zmq.EVENTS))
        due = events & zmq.POLLIN or (self._queue and events & zmq.POLLOUT)
        return 0 if due else selectors.EVENT_READ

    def close(self) -> None:
        self._broken = self._broken or lost("The connection is closed.")
        self._shut()

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _shut(self) -> None:
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close()
            self._socket.close()

    def _flush(self) -> None:
        while self._queue:
            try:
                self._socket.send_multipart(self._queue[0], zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._queue.popleft()

    def _receive(self, budget: int) -> list[Message]:
        messages: list[Message] = []
        while budget > 0:
            try:
                frames: list[Any] = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            if len(frames) > MAX_FRAMES:
                raise self._break(malformed(f"a message of {len(frames)} frames"))
            messages.append([f.bytes if i == 0 or len(f) < _COPY_BELOW else f.buffer for i, f in enumerate(frames)])
            budget -= sum(map(len, frames))
        return messages

    def _watch(self) -> None:
        """Read the changes of the connection. Called once everything that arrived before has been returned."""
        while self._monitor.poll(0):
            message = recv_monitor_message(self._monitor)
            event = message["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._ready = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                raise self._break(refused(str(message["value"])))
            elif event & _FAILURES:
                raise self._break(malformed("it does not finish the handshake"))
            elif not self._ready:
                raise self._break(lost(f"No engine answers at {self._endpoint}."))
            else:
                raise self._break(lost("The engine closed the connection."))

    def _break(self, error: EngineError) -> EngineError:
        self._broken = error
        self._shut()
        return error


def curve_link(keys: CurveKeys) -> functools.partial[ZmqLink]:
    """The `link` of a session with a remote engine."""
    return functools.partial(ZmqLink, curve=keys)
