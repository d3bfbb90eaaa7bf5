# SPDX-License-Identifier: Apache-2.0
"""libzmq's half of the contract: a ROUTER behind ZAP in a thread of its own, which gives back what it gets."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import zmq

PASSWORD = "the right password"
DOMAIN = b"scumble"


def answer_zap(zap: zmq.Socket[bytes], allowed: bytes | None) -> None:
    """Answer one ZAP request: `allowed` is the PLAIN password or the binary CURVE key let in; None lets anyone in."""
    version, request, _domain, _address, _identity, mechanism, *credentials = zap.recv_multipart()
    ok = allowed is None or credentials == ([b"client", allowed] if mechanism == b"PLAIN" else [allowed])
    zap.send_multipart([version, request, b"200" if ok else b"400", b"" if ok else b"no", b"user", b""])


def bind(socket: zmq.Socket[bytes], transport: str, folder: Path, name: str) -> str:
    """Bind where the transport ("ipc" or "tcp") has room; the endpoint."""
    socket.bind(f"ipc://{folder / name}" if transport == "ipc" else "tcp://127.0.0.1:*")
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


class Router:
    """Options of the ROUTER are given by name (`heartbeat_ivl=50`). The message "send 1000" is answered by 1000 bytes."""

    def __init__(self, transport: str, folder: Path, allowed: bytes | None = PASSWORD.encode(), **options: Any) -> None:
        self._context = zmq.Context()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.zap_domain = DOMAIN
        for name, value in ({"plain_server": True} if "curve_server" not in options else {}).items() | options.items():
            setattr(self._socket, name, value)
        self.endpoint = bind(self._socket, transport, folder, "router")
        self._allowed = allowed
        self.messages = 0
        self._end = threading.Event()
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """Stop reading until `resume`."""
        self._pause.set()

    def resume(self) -> None:
        self._pause.clear()

    def close(self) -> None:
        self._end.set()
        self._thread.join(60)
        self._context.destroy(0)

    def _run(self) -> None:
        while not self._end.is_set():
            if self._zap.poll(5):
                answer_zap(self._zap, self._allowed)
            while not self._pause.is_set() and not self._end.is_set() and self._socket.poll(5):
                client, *frames = self._socket.recv_multipart()
                self.messages += 1
                command, _, size = frames[0].partition(b" ")
                self._socket.send_multipart([client, bytes(int(size))] if command == b"send" else [client, *frames])
                if self._zap.poll(0):
                    answer_zap(self._zap, self._allowed)
        self._socket.close()
        self._zap.close()
