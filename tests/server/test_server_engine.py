# SPDX-License-Identifier: Apache-2.0
"""How the engine's sockets are set up."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from scumble.server import engine

LATEST = 75.0
"""Seconds in which a peer that vanished must be noticed."""


def own_sockets() -> Iterator[socket.socket]:
    """The sockets this process has open, libzmq's among them."""
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number.name))) as sock:
            yield sock


def accepted(client: socket.socket) -> dict[str, int]:
    """How the other end of `client`'s connection, in this process too, watches over it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for sock in own_sockets():
            with contextlib.suppress(OSError):
                if sock.getpeername() == client.getsockname():
                    options: Any = {"on": (socket.SOL_SOCKET, socket.SO_KEEPALIVE)}
                    options |= {
                        n: (socket.IPPROTO_TCP, getattr(socket, f"TCP_KEEP{n.upper()}")) for n in ("idle", "intvl", "cnt")
                    }
                    return {name: sock.getsockopt(*option) for name, option in options.items()}
        time.sleep(0.01)
    raise TimeoutError("nobody accepts")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_remote_client_that_vanished_without_a_word_is_noticed_within_a_minute() -> None:
    """By itself the system asks after two hours; until then its jobs, its memory and its place among the clients were lost."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = engine._router(context)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    with socket.create_connection(("127.0.0.1", port)) as client:
        sockets = accepted(client)
    router.close(0)
    context.term()
    assert sockets["on"]
    assert sockets["idle"] + sockets["intvl"] * sockets["cnt"] <= LATEST
