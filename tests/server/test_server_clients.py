# SPDX-License-Identifier: Apache-2.0
"""Who is who on the work socket, and what waits for whom."""

from __future__ import annotations

import json

import pytest

from scumble.server import limits
from scumble.server.clients import Clients, Frame, Sent


class Pipe:
    def __init__(self) -> None:
        self.answer = Sent.YES
        self.sent: list[int] = []

    def __call__(self, route: bytes, frames: list[Frame]) -> Sent:
        if self.answer is Sent.YES:
            self.sent.append(json.loads(bytes(frames[0]))["n"])
        return self.answer


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def clients(pipe: Pipe) -> Clients:
    return Clients(pipe)


def test_messages_for_a_full_pipe_wait_and_keep_their_order(clients: Clients, pipe: Pipe) -> None:
    client, _ = clients.greet("s", "n", b"r", False)
    assert client
    pipe.answer = Sent.FULL
    for n in range(3):
        clients.post(client, {"n": n})
    assert clients.flush()
    pipe.answer = Sent.YES
    clients.post(client, {"n": 3})
    assert not clients.flush()
    assert pipe.sent == [0, 1, 2, 3]


def test_what_may_be_dropped_is_dropped_when_the_pipe_is_full(clients: Clients, pipe: Pipe) -> None:
    client, _ = clients.greet("s", "n", b"r", False)
    assert client
    pipe.answer = Sent.FULL
    for n in range(1000):
        clients.post(client, {"n": n}, droppable=True)
    assert not client.outbox
    assert not client.is_away()


def test_a_client_that_does_not_read_costs_a_bounded_outbox_and_then_its_connection(clients: Clients, pipe: Pipe) -> None:
    client, _ = clients.greet("s", "n", b"r", False)
    assert client
    pipe.answer = Sent.FULL
    for n in range(limits.OUTBOX):
        clients.post(client, {"n": n})
    assert not client.is_away()
    clients.post(client, {"n": -1})
    assert client.is_away()
    assert not client.outbox
    assert client.lost is not None
    assert clients.by_route(b"r") is None


def test_a_vanished_peer_is_noticed_by_the_next_message(clients: Clients, pipe: Pipe) -> None:
    client, _ = clients.greet("s", "n", b"r", False)
    assert client
    pipe.answer = Sent.GONE
    clients.post(client, {"n": 1}, droppable=True)
    assert client.is_away()
    assert clients.connected() == 0
    assert clients.by_secret("s") is client


def test_the_same_secret_on_a_new_connection_is_the_same_client(clients: Clients) -> None:
    first, is_new = clients.greet("s", "n", b"r1", False)
    assert is_new
    again, is_new = clients.greet("s", "n", b"r1", False)
    assert (again, is_new) == (first, False)
    moved, is_new = clients.greet("s", "n", b"r2", False)
    assert (moved, is_new) == (first, True)
    assert clients.by_route(b"r1") is None
    assert clients.by_route(b"r2") is first


def test_another_secret_on_the_same_connection_is_another_client(clients: Clients) -> None:
    first, _ = clients.greet("s", "n", b"r", False)
    second, _ = clients.greet("t", "n", b"r", False)
    assert first
    assert first.is_away()
    assert clients.by_route(b"r") is second


def test_there_is_an_end_to_the_clients(clients: Clients) -> None:
    for n in range(limits.CLIENTS):
        assert clients.greet(f"s{n}", "n", f"r{n}".encode(), False)[0]
    assert clients.greet("one more", "n", b"r", False)[0] is None
    known = clients.by_secret("s0")
    assert known
    clients.forget(known)
    assert clients.greet("one more", "n", b"r", False)[0]
