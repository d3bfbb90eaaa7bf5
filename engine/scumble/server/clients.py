# SPDX-License-Identifier: Apache-2.0
"""The clients on the work socket: their connections, the messages that wait for them, and which of them have gone.

Invariant: a client that does not read costs at most OUTBOX messages; nothing here ever waits.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scumble.server import limits
from scumble.server.clock import clock
from scumble.server.messages import encode

Frame = bytes | memoryview


class Sent(enum.Enum):
    YES = 1
    FULL = 2
    GONE = 3


Send = Callable[[bytes, list[Frame]], Sent]
"""Hands a route and frames to the socket, without waiting."""


@dataclass(eq=False)
class Client:
    """A client, which a secret identifies. `route` is its present connection, None while it is away."""

    secret: str
    name: str
    route: bytes | None
    last_message: float
    """When it sent its last message."""
    remote: bool
    """Proven by CURVE."""
    stays: bool = False
    """Whether it is a painter's program, and not a command or a script that asks and goes."""
    lost: float | None = None
    """Since when it has been away."""
    signed: float = 0.0
    """When it was last sent a sign of life."""
    outbox: deque[list[Frame]] = field(default_factory=deque)

    def is_away(self) -> bool:
        return self.route is None


class Clients:
    """All clients by secret and by route."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._by_secret: dict[str, Client] = {}
        self._by_route: dict[bytes, Client] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._by_secret.values()))

    def connected(self) -> int:
        return len(self._by_route)

    def any_stays(self) -> bool:
        """Whether a painter's program is connected."""
        return any(client.stays for client in list(self._by_route.values()))

    def by_route(self, route: bytes) -> Client | None:
        return self._by_route.get(route)

    def by_secret(self, secret: str) -> Client | None:
        return self._by_secret.get(secret)

    def greet(self, secret: str, name: str, route: bytes, remote: bool, stays: bool = False) -> tuple[Client | None, bool]:
        """The client that says hello, and whether its connection is a new one. None when there are too many."""
        now = clock.now()
        before = self._by_route.get(route)
        client = self._by_secret.get(secret)
        if client is not None and client is before:
            return client, False
        if before is not None:
            self.lose(before)
        if client is None:
            if len(self._by_secret) >= limits.CLIENTS:
                return None, True
            client = self._by_secret[secret] = Client(secret, name, route, now, remote)
        elif client.route is not None:
            del self._by_route[client.route]
        client.route, client.last_message, client.lost, client.name, client.remote = route, now, None, name, remote
        client.stays = stays
        client.outbox.clear()
        self._by_route[route] = client
        return client, True

    def lose(self, client: Client) -> None:
        """Note that the connection has ended."""
        if client.route is not None:
            del self._by_route[client.route]
            client.route, client.lost = None, clock.now()
            client.outbox.clear()

    def forget(self, client: Client) -> None:
        self.lose(client)
        self._by_secret.pop(client.secret, None)

    def post(self, client: Client, header: dict[str, Any], *frames: Frame, droppable: bool = False) -> None:
        """Send a message, or keep it for a client whose pipe is full. `droppable`: it may as well never arrive."""
        if client.route is None:
            return
        message: list[Frame] = [encode(header), *frames]
        if not client.outbox:
            sent = self._send(client.route, message)
            if sent is Sent.GONE:
                self.lose(client)
            if sent is not Sent.FULL:
                return
        if droppable:
            return
        client.outbox.append(message)
        if len(client.outbox) > limits.OUTBOX:
            self.lose(client)

    def flush(self) -> bool:
        """Try again what waits. Whether something still does."""
        waiting = False
        for client in list(self._by_route.values()):
            while client.outbox and client.route is not None:
                sent = self._send(client.route, client.outbox[0])
                if sent is Sent.GONE:
                    self.lose(client)
                elif sent is Sent.YES:
                    client.outbox.popleft()
                else:
                    waiting = True
                    break
        return waiting
