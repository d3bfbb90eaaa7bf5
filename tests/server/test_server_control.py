# SPDX-License-Identifier: Apache-2.0
"""The control thread by itself: what it answers when something behind it is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from scumble.server import handshake
from scumble.server.control import About, ControlThread
from scumble.server.handshake import Handshake
from scumble.server.shared import Inbox, SharedStatus, StopAsked


def broken() -> dict[str, Any]:
    raise ZeroDivisionError("a bug")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def dealer(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[zmq.Socket[bytes]]:
    """A client of a control thread whose figures cannot be had."""
    monkeypatch.setattr(handshake, "is_remote", lambda frame: False)  # which only an authenticator's socket knows
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind("inproc://control")
    shared = SharedStatus(owner=lambda job: None, figures=broken)
    thread = ControlThread(router, Handshake("token", "0"), About("0", 1, "log"), shared, inbox)
    thread.start()
    with context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.rcvtimeo = 5000
        socket.connect("inproc://control")
        assert ask(socket, type="hello", protocol=1, client="c", host="h", secret="a" * 32, nonce="b" * 32)["proof"]
        yield socket
    context.term()  # which ends the thread
    thread.join(60)
    assert not thread.is_alive()


def ask(socket: zmq.Socket[bytes], **header: Any) -> dict[str, Any]:
    socket.send(json.dumps(header).encode())
    answer: dict[str, Any] = json.loads(socket.recv())
    return answer


def test_a_control_message_that_meets_a_bug_is_answered_and_the_next_one_too(dealer: zmq.Socket[bytes], inbox: Inbox) -> None:
    """It used to end the thread without a word: an engine that could no longer be asked, cancelled or stopped."""
    answer = ask(dealer, type="status", id=4)
    assert (answer["type"], answer["re"], answer["code"]) == ("error", 4, "internal")
    assert ask(dealer, type="ping", id=5)["state"] == "starting"
    assert inbox.take() == []


def test_a_control_socket_that_breaks_ends_the_engine(
    dealer: zmq.Socket[bytes], inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ControlThread, "_reply", lambda *_: 1 / 0)
    dealer.send(json.dumps({"type": "ping"}).encode())
    assert zmq.select([inbox.fileno()], [], [], 5)[0]
    assert inbox.take() == [StopAsked("the control socket broke")]
