# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that passes everything on and keeps a copy: the eavesdropper."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay(threading.Thread):
    """Listens on a port of its own and connects each caller to `port`; `record` is all that went through, both ways."""

    def __init__(self, port: int) -> None:
        super().__init__(name="relay", daemon=True)
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pieces: list[bytes] = []
        self._open: list[socket.socket] = [self._listener]

    @property
    def record(self) -> bytes:
        return b"".join(self._pieces)

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                callee = socket.create_connection(("127.0.0.1", self._target))
                self._open += [caller, callee]
                for pair in ((caller, callee), (callee, caller)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                self._pieces.append(piece)
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A relay to `port` on this machine."""
    started = Relay(port)
    started.start()
    try:
        yield started
    finally:
        started.close()
