# SPDX-License-Identifier: Apache-2.0
"""What the control thread and the broker share: a status to read, and an inbox of events for the broker.

Invariant: the broker alone writes the status, and replaces its facts as a whole; other threads read the table of jobs and never
write it. Another thread that has something for the broker puts an event into the inbox, which wakes the broker at once.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from scumble.api.errors import ScumbleError


@dataclass(frozen=True)
class Facts:
    """The broker's part of a status answer."""

    state: str = "starting"
    """starting, ready, broken or stopping."""
    problem: ScumbleError | None = None
    """Why it is broken."""
    revision: int = 0
    devices: list[dict[str, str]] = field(default_factory=list)
    clients: int = 0
    worker: int | None = None
    """Its process id."""
    restarts: int = 0
    refining: str | None = None
    """The style that is being refined, "id@revision"."""


@dataclass
class SharedStatus:
    """`owner` says whose secret a job belongs to. Any thread may ask that, and `figures`."""

    owner: Callable[[str], str | None]
    figures: Callable[[], dict[str, Any]]
    """What a status answer says of jobs. Not among the facts, which may be a moment old: a client that knows how
    its job ended must find it counted."""
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class CancelAsked:
    job: str


@dataclass(frozen=True)
class KeepAsked:
    job: str


@dataclass(frozen=True)
class StopAsked:
    why: str


@dataclass(frozen=True)
class Returned:
    """The helper thread has done `work`: on the broker's thread `then` takes its value, or `otherwise` its error."""

    work: Future[Any]
    then: Callable[[Any], None]
    otherwise: Callable[[ScumbleError], None]


Event = CancelAsked | KeepAsked | StopAsked | Returned


class Inbox:
    """A queue with a file descriptor that is readable while something lies in it."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def fileno(self) -> int:
        return self._read.fileno()

    def put(self, event: Event) -> None:
        """From any thread, or a signal handler."""
        self._events.append(event)
        with contextlib.suppress(OSError):  # full: it is readable already; closed: nobody reads any more
            self._write.send(b"\0")

    def take(self) -> list[Event]:
        """Everything that has come."""
        with contextlib.suppress(BlockingIOError):
            self._read.recv(4096)
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def close(self) -> None:
        self._read.close()
        self._write.close()
