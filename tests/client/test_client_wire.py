# SPDX-License-Identifier: Apache-2.0
"""ZMTP as bytes: whatever arrives, in whatever pieces, gives messages or one clear error, within bounded memory."""

from __future__ import annotations

import os
import struct
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.client.errors import EngineError
from scumble.client.wire import MAX_COMMAND, MAX_FRAME, MAX_FRAMES, Message, Wire

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + b"PLAIN".ljust(20, b"\0") + bytes(32)


def command(name: bytes, body: bytes = b"") -> bytes:
    text = bytes([len(name)]) + name + body
    return frame(text, 4)


def frame(body: bytes, flags: int = 0) -> bytes:
    head = bytes([flags, len(body)]) if len(body) < 256 else struct.pack(">BQ", flags | 2, len(body))
    return head + body


WELCOME = GREETING + command(b"WELCOME")
READY = WELCOME + command(b"READY", b"\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\0")


def feed(wire: Wire, data: bytes, piece: int = 1 << 30) -> list[Message]:
    messages: list[Message] = []
    while data:
        space = wire.space()
        assert len(space) > 0
        count = min(len(space), len(data), piece)
        space[:count] = data[:count]
        data = data[count:]
        messages += wire.received(count)
    return messages


def sent(wire: Wire) -> bytes:
    out = b"".join(wire.out)
    wire.out.clear()
    return out


def greeted() -> Wire:
    wire = Wire("client", "password")
    feed(wire, READY)
    sent(wire)
    return wire


def refuse(data: bytes) -> EngineError:
    with pytest.raises(EngineError) as caught:
        feed(Wire("client", "password"), data)
    return caught.value


def test_the_handshake_is_plain_as_the_rfc_has_it() -> None:
    wire = Wire("client", "pass")
    assert sent(wire) == b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"PLAIN".ljust(20, b"\0") + b"\0" + bytes(31)
    wire.send([b"kept until we are in"])
    feed(wire, GREETING)
    assert sent(wire) == command(b"HELLO", b"\x06client\x04pass")
    feed(wire, command(b"WELCOME"))
    assert sent(wire) == command(b"INITIATE", b"\x0bSocket-Type\0\0\0\x06DEALER")
    assert not wire.ready
    feed(wire, command(b"READY"))
    assert wire.ready
    assert sent(wire) == frame(b"kept until we are in")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1 << 17), min_size=1, max_size=5), st.sampled_from([61, 1000, 4096, 65536, 70000, 1 << 20]))
def test_messages_survive_any_cutting(sizes: list[int], piece: int) -> None:
    frames = [os.urandom(size) for size in sizes]
    stream = b"".join(frame(body, 1 if i + 1 < len(frames) else 0) for i, body in enumerate(frames)) + frame(b"next")
    wire = Wire("client", "password")
    assert feed(wire, READY, min(piece, 7)) == []
    messages = feed(wire, stream, piece)
    assert [[bytes(f) for f in m] for m in messages] == [frames, [b"next"]]


def test_one_byte_at_a_time_is_enough() -> None:
    body = os.urandom(70_000)
    assert feed(Wire("client", "password"), READY + frame(b"{}", 1) + frame(body), 1) == [[b"{}", body]]


def test_what_is_sent_can_be_read_back() -> None:
    wire, other = greeted(), greeted()
    frames = [b"{}", b"", os.urandom(255), os.urandom(256), os.urandom(5000)]
    wire.send(frames)
    assert feed(other, sent(wire)) == [frames]


def test_a_ping_is_answered_with_its_context() -> None:
    wire = greeted()
    assert feed(wire, command(b"PING", b"\x00\x64context")) == []
    assert sent(wire) == command(b"PONG", b"context")


def test_an_unknown_command_is_ignored() -> None:
    assert feed(greeted(), command(b"SUBSCRIBE", b"x") + frame(b"{}")) == [[b"{}"]]


@pytest.mark.parametrize("error", [command(b"ERROR", b"\x03400"), frame(b"^RROR\x03400", 4)], ids=["rfc", "libzmq"])
def test_a_refusal_is_named(error: bytes) -> None:
    refusal = refuse(GREETING + error)
    assert refusal.code == "engine-refused"
    assert "(400)" in refusal.message


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\xff" + bytes(8) + b"\x01",
        GREETING[:10] + b"\x02",
        GREETING.replace(b"PLAIN", b"CURVE"),
        GREETING.replace(b"PLAIN", b"NULL\0"),
        GREETING + frame(b"a message"),
        GREETING + command(b"READY"),
        GREETING + command(b"WELCOME") + command(b"WELCOME"),
        GREETING + b"\x04\x00",
        GREETING + b"\x05\x01\x00",
        READY + b"\x08\x00",
        READY + b"\xff\xff",
        READY + struct.pack(">BQ", 6, MAX_COMMAND + 1),
    ],
)
def test_what_no_engine_says_is_refused(data: bytes) -> None:
    error = refuse(data)
    assert error.code == "bad-message"
    assert error.hint


def test_a_wrong_greeting_is_refused_at_its_first_wrong_byte() -> None:
    assert refuse(b"H").code == "bad-message"


@pytest.mark.parametrize("size", [MAX_FRAME + 1, 1 << 40, (1 << 64) - 1])
def test_a_size_that_is_only_claimed_costs_no_memory(size: int) -> None:
    tracemalloc.start()
    try:
        assert refuse(READY + struct.pack(">BQ", 2, size)).code == "too-large"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_message_of_many_frames_is_bounded_in_number_and_in_sum() -> None:
    assert refuse(READY + frame(b"", 1) * (MAX_FRAMES + 1)).code == "too-large"
    half = frame(bytes(MAX_FRAME // 2 + 40_000), 1)
    assert refuse(READY + half * 3).code == "too-large"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", GREETING, WELCOME, READY]), st.integers(1, 64))
def test_garbage_gives_messages_or_one_error(garbage: bytes, before: bytes, piece: int) -> None:
    wire = Wire("client", "password")
    feed(wire, before)
    with suppress(EngineError):  # any other exception fails the test
        feed(wire, garbage, piece)
    assert len(wire.space()) <= MAX_FRAME


def test_a_frame_too_large_to_send_leaves_the_stream_whole() -> None:
    wire = greeted()
    with pytest.raises(EngineError):
        wire.send([b"{}", bytes(MAX_FRAME + 1)])
    assert wire.out == []
