# SPDX-License-Identifier: Apache-2.0
"""The standard library's link against peers that are no libzmq: strangers, the slow, the silent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from test_client_wire import GREETING, command, frame

from scumble.client import channel
from scumble.client.channel import Channel, Identity
from scumble.client.errors import EngineError
from scumble.client.link import Link, parse_endpoint
from scumble.client.locate import Connection

Serve = Callable[[Callable[[socket.socket], None]], str]

WHO = Identity("test/1", "pytest", "0" * 32)


@pytest.fixture(params=["ipc", "tcp"])
def serve(request: pytest.FixtureRequest, user_folders: Path) -> Iterator[Serve]:
    """Listen, and hand the one connection that comes to a function in a thread; gives the endpoint."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def listen(talk: Callable[[socket.socket], None]) -> str:
        ipc = request.param == "ipc"
        listener = socket.socket(socket.AF_UNIX if ipc else socket.AF_INET)
        listeners.append(listener)
        path = str(user_folders / "stranger")
        listener.bind(path if ipc else ("127.0.0.1", 0))
        listener.listen(1)

        def run() -> None:
            with suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    talk(peer)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"ipc://{path}" if ipc else f"tcp://127.0.0.1:{listener.getsockname()[1]}"

    yield listen
    for listener in listeners:
        listener.close()
    for thread in threads:
        thread.join(60)


def failure(link: Link, seconds: float = 60.0) -> EngineError:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            link.poll(0.1)
        except EngineError as e:
            return e
    raise AssertionError("no error came")


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "bad-message"),
        (b"\x16\x03\x01\x02\x00\x01", "bad-message"),
        (b"", "engine-lost"),
        (GREETING[:30], "engine-lost"),
    ],
)
def test_a_stranger_that_hangs_up_is_named(serve: Serve, says: bytes, code: str) -> None:
    with closing(Link(serve(lambda peer: peer.sendall(says)), "password")) as link:
        assert failure(link).code == code


def test_what_came_before_the_end_is_still_heard(serve: Serve) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(GREETING + command(b"WELCOME") + command(b"READY") + frame(b"last words"))

    with closing(Link(serve(talk), "password")) as link:
        link.send([b"unheard"])
        messages = link.poll(5)
        while not messages:
            messages = link.poll(5)
        assert messages == [[b"last words"]]
        assert failure(link).code == "engine-lost"


def test_an_engine_that_drips_is_heard(serve: Serve) -> None:
    def talk(peer: socket.socket) -> None:
        for byte in GREETING + command(b"WELCOME") + command(b"READY") + frame(b"{}"):
            peer.sendall(bytes([byte]))
            time.sleep(0.001)
        peer.recv(1)
        time.sleep(0.2)

    with closing(Link(serve(talk), "password")) as link:
        end = time.monotonic() + 60
        messages = link.poll(0.1)
        while not messages and time.monotonic() < end:
            messages = link.poll(0.1)
        assert messages == [[b"{}"]]


def test_a_silent_peer_ends_the_handshake_at_its_deadline(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "HANDSHAKE", 0.3)
    gone = threading.Event()
    endpoint = serve(lambda peer: (gone.wait(60), None)[1])
    try:
        with closing(Channel(endpoint, Connection(endpoint, endpoint, "0" * 64), WHO, Link)) as greeting:
            time.sleep(0.4)
            with pytest.raises(EngineError) as caught:
                greeting.poll(1 << 20)
        assert caught.value.code == "engine-lost"
    finally:
        gone.set()


def test_a_channel_refuses_to_speak_before_the_proof(serve: Serve) -> None:
    endpoint = serve(lambda peer: time.sleep(0.1))
    unproven = Channel(endpoint, Connection(endpoint, endpoint, ""), WHO, Link)
    with closing(unproven), pytest.raises(RuntimeError):
        unproven.send({"type": "submit"}, b"pixels")


@pytest.mark.parametrize(
    "endpoint", ["", "ipc:/x", "tcp://localhost:1", "tcp://1.2.3.4", "inproc://x", "http://127.0.0.1:80", "tcp://::1:5"]
)
def test_an_address_of_another_kind_is_refused(endpoint: str) -> None:
    with pytest.raises(EngineError) as caught:
        Link(endpoint, "password")
    assert caught.value.code == "engine-missing"


def test_addresses_are_read() -> None:
    assert parse_endpoint("tcp://[::1]:5000") == (socket.AF_INET6, ("::1", 5000))
    assert parse_endpoint("tcp://127.0.0.1:80") == (socket.AF_INET, ("127.0.0.1", 80))
    assert parse_endpoint("ipc:///run/a b") == (socket.AF_UNIX, "/run/a b")


def test_a_socket_path_too_long_for_the_system_is_an_error_not_a_crash() -> None:
    with pytest.raises(EngineError) as caught:
        Link("ipc:///" + "x" * 200, "password")
    assert caught.value.code == "engine-lost"


def test_a_port_out_of_range_is_an_error_not_a_crash() -> None:
    with pytest.raises(EngineError):
        Link("tcp://127.0.0.1:99999", "password")
