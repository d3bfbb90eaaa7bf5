# SPDX-License-Identifier: Apache-2.0
"""Thousands of spoiled messages from clients that know the password: each is answered or ignored, none does harm."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import zmq

from support.bystander import Bystander, memory
from support.engine import Engine, Peer, running, wait_for
from support.mutations import control_messages, hello, spoiled, work_messages

MUTATIONS = 5000
"""On connections that have sent hello; half as many hundred more begin with a spoiled hello."""
WARM_UP = 1000
GROWTH = 5 << 20
PROTOCOL_CODES = {
    "hello-first", "protocol-version", "bad-message", "too-large", "busy", "no-memory", "job-unknown", "method-unknown",
    "style-unknown", "style-unavailable", "style-shipped", "style-needs-picture", "not-refinable", "bad-options",
    "bad-strength", "bad-raster", "bad-strip", "bad-weights",
}  # fmt: skip


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running() as started:
        yield started


class Vandal:
    """A client whose every message is spoiled. It reads what comes, so that the engine cannot just give it up."""

    def __init__(self, engine: Engine, which: str, rng: random.Random) -> None:
        self.peer: Peer = engine.peer() if which == "work" else engine.control()
        self._messages = work_messages if which == "work" else control_messages
        self._rng = rng
        self._jobs: list[str] = []
        self.codes: Counter[str] = Counter()

    def strike(self) -> None:
        rng = self._rng
        if not self._jobs or rng.random() < 0.2:
            self._jobs = [*self._jobs[-5:], secrets.token_hex(16)]
        frames = spoiled(rng.choice(self._messages(rng.choice(self._jobs))), rng)
        self.peer.socket.send_multipart(frames)

    def listen(self) -> None:
        while self.peer.socket.poll(0):
            header = json.loads(self.peer.socket.recv_multipart()[0])
            self.codes[header.get("code") or header["type"]] += 1

    def reintroduce(self) -> None:
        """An engine that lost this client, or got nonsense, takes it back."""
        self.peer.hello()


@pytest.mark.timeout(180)
def test_spoiled_messages_are_answered_by_name_and_cost_no_memory(engine: Engine) -> None:
    rng = random.Random(2026)
    vandals = [Vandal(engine, which, rng) for which in ("work", "work", "control")]

    def strike(times: int) -> None:
        for n in range(times):
            vandal = vandals[n % len(vandals)]
            vandal.strike()
            if n % 16 == 0:
                for each in vandals:
                    each.listen()
            if n % 250 == 0:
                vandal.reintroduce()

    with Bystander(engine) as good:
        strike(WARM_UP)
        good.serve_more()
        before = memory(engine)
        strike(MUTATIONS)
        good.serve_more()
        for vandal in vandals:
            vandal.reintroduce()  # answered in order, so everything before it has been read
            vandal.listen()
            vandal.peer.close()
        wait_for(lambda: engine.status()["jobs"]["receiving"] == 0, 60)
        assert memory(engine) - before < GROWTH
    codes = sum((vandal.codes for vandal in vandals), Counter())
    assert codes["internal"] == 0
    assert codes["bad-message"] > MUTATIONS / 10, codes
    assert {code for code in codes if "-" in code} <= PROTOCOL_CODES
    assert {"bad-message", "too-large", "bad-raster", "bad-strip", "style-unknown"} <= set(codes), codes
    assert "Traceback" not in engine.log()
    assert engine.status()["worker"]["restarts"] == 0


@pytest.mark.parametrize("which", ["work", "control"])
def test_a_spoiled_hello_lets_nobody_further(engine: Engine, which: str) -> None:
    """What comes after it on the connection is not handled either, unless the hello was good after all."""
    rng = random.Random(which)
    before = engine.status()["worker"]["pid"]
    with Bystander(engine):
        for _ in range(150):
            with Peer(engine.connection, which, hello=False) as peer:
                peer.socket.send_multipart(spoiled(hello(peer.secret), rng))
                peer.send(type="catalogue" if which == "work" else "status", id=77)
                answers = [peer.receive()[0] for _ in range(2)]
                if answers[0]["type"] != "welcome":
                    assert answers[0]["type"] == "error"
                    assert answers[0]["code"] in PROTOCOL_CODES
                    assert (answers[1]["type"], answers[1]["code"]) == ("error", "hello-first")
    assert engine.status()["worker"]["pid"] == before
    assert "Traceback" not in engine.log()


def test_messages_of_another_order_are_refused_and_the_right_order_works_after_it(engine: Engine) -> None:
    """Pixels before the submit, twice the same strip, a release in the middle, received before any result."""
    with engine.peer() as peer:
        job = secrets.token_hex(16)
        for header, frames in work_messages(job)[3:8]:
            peer.send(*frames, **header)
        assert peer.next("failed", job=job)["code"] == "job-unknown"
        peer.send(**work_messages(job)[1][0])
        assert peer.next("accepted")["rows"] == 0
        strip, frames = work_messages(job)[4]
        peer.send(*frames, **strip)
        peer.send(type="release", job=job)
        peer.send(type="received", job=job, y=0)
        peer.send(*frames, **{**strip, "y": 3, "rows": 3})
        peer.send(*frames, **{**strip, "y": 3, "rows": 3})
        end, _ = peer.finish(job)
        assert (end["type"], end["code"]) == ("failed", "bad-strip")
        again = secrets.token_hex(16)
        peer.send(**work_messages(again)[1][0])
        peer.send(bytes(16 * 12 * 4), type="pixels", job=again, plane="picture", y=0, rows=12)
        assert peer.finish(again)[0]["type"] == "done"


def test_a_flood_faster_than_the_engine_reads_delays_others_and_starves_nobody(engine: Engine) -> None:
    with Bystander(engine) as good, engine.peer() as flood:
        until = time.monotonic() + 3.0
        served = good.served
        while time.monotonic() < until:
            try:
                flood.socket.send_multipart([b'{"type": "catalogue", "page": 0}'], zmq.NOBLOCK)
            except zmq.Again:
                time.sleep(0.001)
            while flood.socket.poll(0):
                flood.socket.recv_multipart()
        assert good.served > served
