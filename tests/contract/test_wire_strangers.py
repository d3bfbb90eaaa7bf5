# SPDX-License-Identifier: Apache-2.0
"""What has no password, or does not even speak ZMTP: it is turned away, leaves nothing behind, and nobody else notices."""

from __future__ import annotations

import random
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator

import psutil
import pytest

from scumble.client.channel import password
from scumble.client.wire import Wire
from support.bystander import Bystander, memory
from support.engine import Engine, running, wait_for

SLACK = 3
HANDSHAKE = 5.0
GROWTH = 5 << 20
SOCKETS = ["work", "control"]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running("--listen", "tcp://127.0.0.1:*") as started:
        yield started


def dial(engine: Engine, which: str) -> socket.socket:
    host, _, port = engine.connection[which].removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=HANDSHAKE * SLACK)


def turned_away(stranger: socket.socket, seconds: float = HANDSHAKE * SLACK) -> bytes:
    """What the engine says until it hangs up, which must come within `seconds`."""
    received = b""
    stranger.settimeout(seconds)
    try:
        while piece := stranger.recv(4096):
            received += piece
    except ConnectionError:
        pass
    return received


def command(name: bytes, body: bytes) -> bytes:
    whole = bytes((len(name),)) + name + body
    return bytes((4, len(whole))) + whole


def message(text: bytes) -> bytes:
    return bytes((0, len(text))) + text


def short(text: bytes) -> bytes:
    return bytes((len(text),)) + text


GREETING = b"".join(Wire("client", "").out)
DEALER = b"\x0bSocket-Type\x00\x00\x00\x06DEALER"


def credentials(secret: bytes = b"guess") -> bytes:
    """PLAIN's HELLO."""
    return command(b"HELLO", short(b"client") + short(secret))


def descriptors(engine: Engine) -> int:
    return int(psutil.Process(engine.process.pid).num_fds())


@pytest.mark.parametrize("which", SOCKETS)
def test_a_browser_and_a_tls_client_are_turned_away(engine: Engine, which: str) -> None:
    with Bystander(engine) as good:
        with dial(engine, which) as browser:
            browser.sendall(b'POST /submit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 17\r\n\r\n{"type":"status"}\r\n' * 20)
            answer = turned_away(browser)
            assert b"HTTP" not in answer
            assert b"welcome" not in answer
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with dial(engine, which) as raw, pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(raw)
        good.serve_more()


def greetings() -> dict[str, bytes]:
    zeros = bytes(32)
    signature = b"\xff" + bytes(8) + b"\x7f"
    return {
        "ZMTP 1.0, which knows no password": b"\x01\x00",
        "ZMTP 1.0 with an identity": b"\x05\x00abcd",
        "ZMTP 2.0, which knows no password": signature + b"\x01\x05" + b"\x00\x00",
        "NULL, which asks for none": signature + b"\x03\x00" + b"NULL".ljust(20, b"\0") + zeros,
        "CURVE, which this address does not offer": signature + b"\x03\x00" + b"CURVE".ljust(20, b"\0") + zeros,
        "a mechanism nobody knows": signature + b"\x03\x00" + b"\xff" * 20 + zeros,
        "another server": signature + b"\x03\x00" + b"PLAIN".ljust(20, b"\0") + b"\x01" + bytes(31),
    }


@pytest.mark.parametrize("which", SOCKETS)
def test_no_older_or_weaker_greeting_goes_round_the_password(engine: Engine, which: str) -> None:
    hello = b'{"type":"hello","protocol":1,"client":"x","host":"x","secret":"%s","nonce":"%s"}' % (b"a" * 32, b"b" * 32)
    for name, greeting in greetings().items():
        with dial(engine, which) as stranger:
            stranger.sendall(greeting + command(b"READY", DEALER) + message(hello))
            assert b"welcome" not in turned_away(stranger), name
    assert engine.status()["clients"] == 0


@pytest.mark.parametrize("which", SOCKETS)
def test_a_message_before_or_instead_of_the_password_is_not_heard(engine: Engine, which: str) -> None:
    initiate, shutdown = command(b"INITIATE", DEALER), message(b'{"type":"shutdown"}')
    guess = credentials()
    for after in (shutdown, initiate + shutdown, guess + initiate + shutdown, guess + guess + initiate + shutdown):
        with dial(engine, which) as stranger:
            stranger.sendall(GREETING + after)
            turned_away(stranger)
    assert engine.status()["state"] == "ready"
    with dial(engine, which) as known:  # the same bytes with the right password do get through
        known.sendall(GREETING + credentials(password(engine.connection["token"]).encode()))
        for due, answer in ((b"WELCOME", initiate), (b"READY", shutdown), (b"hello-first", b"")):
            received = b""
            while due not in received:
                piece = known.recv(4096)
                assert piece, f"it hung up before {due!r}"
                received += piece
            known.sendall(answer)
    assert engine.status()["state"] == "ready"


@pytest.mark.timeout(180)
def test_noise_and_spoiled_handshakes_cost_neither_memory_nor_descriptors(engine: Engine) -> None:
    rng = random.Random(11)

    def noise() -> bytes:
        guess = credentials(rng.randbytes(rng.randrange(200)))
        spoiled = bytearray(GREETING + guess)
        for _ in range(rng.randint(1, 5)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        return rng.choice([
            rng.randbytes(rng.randrange(1, 3000)),
            b"\xff" + rng.randbytes(rng.randrange(1, 300)),
            bytes(spoiled),
            bytes(spoiled[: rng.randrange(1, len(spoiled))]),
            GREETING + b"\x06" + struct.pack(">Q", rng.choice([2**63, 2**40, 15 << 20, 70_000])) + rng.randbytes(100),
            GREETING + rng.randbytes(rng.randrange(1, 500)),
            GREETING + guess * rng.randint(1, 20),
        ])  # fmt: skip

    def knock(times: int) -> None:
        for n in range(times):
            with dial(engine, SOCKETS[n % 2]) as stranger:
                try:
                    stranger.sendall(noise())
                    if n % 3 == 0:
                        select.select([stranger], [], [], 0.01)
                except ConnectionError:
                    pass

    with Bystander(engine) as good:
        knock(200)
        good.serve_more()
        open_before, before = descriptors(engine), memory(engine)
        knock(1000)
        good.serve_more()
        wait_for(lambda: descriptors(engine) <= open_before, HANDSHAKE * SLACK)
        assert memory(engine) - before < GROWTH
    assert engine.status()["clients"] <= 1
    assert "Traceback" not in engine.log()


@pytest.mark.timeout(120)
def test_who_is_slow_to_prove_itself_is_turned_away_and_holds_nobody_up(engine: Engine) -> None:
    """A byte now and then, a claim of 15 MiB and then nothing, and nothing at all, forty times each on either socket."""
    claim = GREETING + b"\x06" + struct.pack(">Q", 15 << 20)
    with Bystander(engine) as good:
        open_before, before = descriptors(engine), memory(engine)
        dripping = [dial(engine, SOCKETS[n % 2]) for n in range(40)]
        claiming = [dial(engine, SOCKETS[n % 2]) for n in range(40)]
        mute = [dial(engine, SOCKETS[n % 2]) for n in range(40)]
        for stranger in claiming:
            stranger.sendall(claim)
        left = {s.fileno(): s for s in (*dripping, *claiming, *mute)}
        began = time.monotonic()
        for byte in GREETING + credentials() + bytes(1000):
            for stranger in dripping:
                try:
                    stranger.sendall(bytes((byte,)))
                except OSError:
                    continue
            for n in select.select(list(left.values()), [], [], 0.1)[0]:
                try:
                    gone = not n.recv(4096)
                except ConnectionError:
                    gone = True
                if gone:
                    del left[n.fileno()]
            if not left:
                break
            assert time.monotonic() - began < HANDSHAKE * SLACK, f"{len(left)} of 120 are still there"
            assert memory(engine) - before < GROWTH
        good.serve_more()
        for stranger in (*dripping, *claiming, *mute):
            stranger.close()
        wait_for(lambda: descriptors(engine) <= open_before, HANDSHAKE * SLACK)
        assert good.slowest < HANDSHAKE * SLACK


def test_a_frame_that_claims_more_than_a_message_may_have_is_not_waited_for(engine: Engine) -> None:
    """From a client that knows the password: the claim alone ends its connection, nothing is set aside for it."""
    with Bystander(engine) as good:
        before = memory(engine)
        rude = []
        for n in range(20):
            with engine.peer() as peer:
                peer.socket.send(bytes((16 << 20) + 1 + n))
                rude.append(peer.secret)
        good.serve_more()
        wait_for(lambda: engine.status()["clients"] == 1, 6 * SLACK)
        wait_for(lambda: memory(engine) - before < GROWTH, 2 * SLACK)
