# SPDX-License-Identifier: Apache-2.0
"""Both sides prove who they are, on both sockets; a key decides where a password would not do; nobody listens in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zmq
from routers import DOMAIN, answer_zap
from zmq.auth import create_certificates

from scumble.cli.zmqlink import CurveKeys, ZmqLink, curve_link
from scumble.client.blocking import Engine as Client
from scumble.client.channel import OpenLink
from scumble.client.errors import EngineError
from scumble.client.link import Link
from scumble.client.locate import Connection, read_connection
from scumble.client.process import start_time
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, add_style, environment, free_port, keyed, running
from support.pictures import picture
from support.relay import relay

LINKS: dict[str, OpenLink] = {"standard-library": Link, "pyzmq": ZmqLink}
PIXELS = picture(64, 48, seed=9)
RASTER = Raster(48, 64, "u8", "rgba", PIXELS)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest) -> OpenLink:
    return LINKS[request.param]


def known() -> Connection:
    connection = read_connection()
    assert connection is not None
    return connection


def test_only_the_user_can_read_what_lets_a_client_in() -> None:
    with running() as engine:
        assert stat.S_IMODE(engine.runtime.stat().st_mode) == 0o700
        assert stat.S_IMODE((engine.runtime / "engine.json").stat().st_mode) == 0o600
        for process in (psutil.Process(engine.process.pid), psutil.Process(engine.status()["worker"]["pid"])):
            visible = " ".join([*process.cmdline(), *process.environ().values()])
            assert known().token not in visible
        assert known().token not in engine.log()


def test_a_wrong_or_missing_token_is_refused_by_name(link: OpenLink) -> None:
    with running() as engine:
        for token in ("0" * 64, "", known().token.upper()):
            with pytest.raises(EngineError) as caught:
                Client.attach(start=False, link=link, connection=dataclasses.replace(known(), token=token), timeout=60)
            assert caught.value.code == "engine-refused"
            assert caught.value.hint
        assert engine.status()["clients"] == 0


class Impostor:
    """Listens where a dead engine listened, lets everybody in, and says whatever makes a client go on."""

    def __init__(self, endpoints: tuple[str, str], proof: Callable[[dict[str, Any]], Any]) -> None:
        self.received: list[list[bytes]] = []
        self._proof = proof
        self._context = zmq.Context()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._sockets = [self._context.socket(zmq.ROUTER) for _ in endpoints]
        for sock, endpoint in zip(self._sockets, endpoints, strict=True):
            sock.linger = 0
            sock.plain_server = True
            sock.zap_domain = DOMAIN
            sock.bind(endpoint)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._context.destroy(0)

    def _serve(self) -> None:
        while not self._end.is_set():
            if self._zap.poll(0):
                answer_zap(self._zap, None)
            for sock in self._sockets:
                if sock.poll(10):
                    route, *frames = sock.recv_multipart()
                    self.received.append(frames)
                    answer = self._answer(json.loads(frames[0]))
                    sock.send_multipart([route, json.dumps(answer).encode()])

    def _answer(self, header: dict[str, Any]) -> dict[str, Any]:
        if header["type"] == "hello":
            limits = {"header": 65536, "strip": 8388608, "side": 65535, "pixels": 536870912, "jobs": 8}
            welcome = {"type": "welcome", "protocol": 1, "engine": "0.1.0", "pid": os.getpid(), "state": "ready"}
            return {**welcome, "devices": [], "limits": limits, "revision": 1, "proof": self._proof(header)}
        if header["type"] == "ping":
            return {"type": "pong", "re": header.get("id"), "state": "ready"}
        place = {"state": "receiving", "position": 0, "credit": 4, "rows": 0, "context_rows": 0}
        return {"type": "accepted", "re": header.get("id"), "job": header.get("job"), **place}


PROOFS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "none": lambda hello: "",
    "null": lambda hello: None,
    "a number": lambda hello: 0,
    "of another token": lambda hello: keyed("0" * 64, "engine:" + hello["nonce"]),
    "the nonce itself": lambda hello: hello["nonce"],
    "letters no digest has": lambda hello: "é" * 64,
}


@pytest.mark.parametrize("proof", PROOFS)
def test_an_impostor_on_a_stale_connection_file_gets_no_pixel(link: OpenLink, proof: str, user_folders: Path) -> None:
    """The engine was killed and its process number is in use again, so that the file looks true: only the proof tells."""
    runtime = user_folders / "runtime"
    endpoints = f"ipc://{runtime}/work", f"ipc://{runtime}/control"
    entry = {"protocol": 1, "pid": os.getpid(), "started": start_time(os.getpid()) or time.time(), "work": endpoints[0]}
    (runtime / "engine.json").write_text(json.dumps({**entry, "control": endpoints[1], "token": "1" * 64, "version": "0.1.0"}))
    (runtime / "engine.json").chmod(0o600)
    with contextlib.closing(Impostor(endpoints, PROOFS[proof])) as impostor:
        with pytest.raises(EngineError) as caught, Client.attach(start=False, link=link, timeout=60) as client:
            client.stylize(RASTER, [(STYLE, 1.0)], "invert")
        assert caught.value.code == "engine-untrusted"
        assert caught.value.hint
    assert impostor.received
    assert {json.loads(frames[0])["type"] for frames in impostor.received} == {"hello"}
    assert all(len(frames) == 1 for frames in impostor.received)


def test_a_job_of_another_client_can_be_neither_fetched_nor_touched() -> None:
    """Not while it comes in, and not once it is done; the answer is that for a job that never was."""
    with running() as engine, engine.peer() as owner, engine.peer() as other, engine.control() as other_control:
        job, nobodys = owner.submit(PIXELS, send=False), secrets.token_hex(16)
        for state in ("receiving", "done"):
            raster = {"width": 48, "height": 64, "format": "u8", "order": "rgba"}
            for request in (
                {"type": "submit", "method": "invert", "styles": [{"style": STYLE, "weight": 1.0}], "have": 0},
                {"type": "style.put", "name": "Mine"},
            ):
                answer = other.ask(**request, job=job, raster=raster)
                assert (answer["type"], answer["code"]) == ("rejected", "job-unknown"), state
            answers = [other_control.ask("cancel", job=j) for j in (job, nobodys)]
            assert answers[0] | {"re": 0} == answers[1] | {"re": 0}
            for header in ({"type": "release"}, {"type": "received", "y": 0}):
                other.send(**header, job=job)
            other.send(PIXELS.tobytes(), type="pixels", job=job, plane="picture", y=0, rows=64)
            other.ask("catalogue", page=0)  # whatever came before it has been dealt with
            if state == "receiving":
                owner.send_rows(job, PIXELS)
                assert owner.finish(job)[0]["type"] == "done"
        owner.submit(PIXELS, job=job, send=False)
        assert owner.answer["state"] == "done"
        _, result = owner.finish(job)
        np.testing.assert_array_equal(np.frombuffer(result, np.uint8).reshape(PIXELS.shape)[..., :3], 255 - PIXELS[..., :3])


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[tuple[Engine, int, Callable[[str], CurveKeys]]]:
    """An engine that serves CURVE, its port, and the keys of "known" and "unknown" clients."""
    engine_public, engine_secret = map(Path, create_certificates(tmp_path, "engine"))
    (tmp_path / "clients").mkdir()
    create_certificates(tmp_path / "clients", "known")
    create_certificates(tmp_path, "unknown")
    folders = {"known": tmp_path / "clients", "unknown": tmp_path}
    port = free_port()
    flags = ("--curve-key", str(engine_secret), "--curve-clients", str(tmp_path / "clients"))
    with running("--listen", f"tcp://127.0.0.1:{port}", *flags) as engine:
        yield engine, port, lambda who: CurveKeys.load(engine_public, folders[who] / f"{who}.key_secret")


def at(work: int, control: int, token: str = "") -> Connection:
    return Connection(f"tcp://127.0.0.1:{work}", f"tcp://127.0.0.1:{control}", token)


def betrayals(record: bytes) -> list[bytes]:
    """What of a job can be read in a recording: names of the protocol and of the style, rows of pixels in and out."""
    rows = [np.ascontiguousarray(p[y]).tobytes()[8:40] for p in (PIXELS, inverted_pixels()) for y in range(0, 64, 7)]
    return [text for text in (b'"type"', b"welcome", b"submit", b"test-style", b"progress", *rows) if text in record]


def inverted_pixels() -> np.ndarray:
    result = 255 - PIXELS
    result[..., 3] = PIXELS[..., 3]
    return result


def test_a_known_key_gets_in_and_who_listens_in_learns_nothing(keys: Any) -> None:
    """Keys count on a loopback address as well; once it took the password there and the keys were left aside silently."""
    engine, port, load = keys
    with relay(port) as work, relay(port + 1) as control:
        with Client.attach(start=False, connection=at(work.port, control.port), link=curve_link(load("known"))) as client:
            done = client.stylize(RASTER, [(STYLE, 1.0)], "invert")
            assert client.status()["pid"] == engine.process.pid
        assert bytes(done.raster.data) == inverted_pixels().tobytes()
        assert len(work.record) > 2 * PIXELS.nbytes, "the relay saw it all"
        assert betrayals(work.record + control.record) == []


def test_without_curve_the_same_ear_hears_everything() -> None:
    """What keeps the test above honest, and why nothing but loopback is served that way."""
    with running("--listen", "tcp://127.0.0.1:*"):
        work, control = (int(endpoint.rpartition(":")[2]) for endpoint in (known().work, known().control))
        with relay(work) as ear, Client.attach(start=False, connection=at(ear.port, control, known().token)) as client:
            client.stylize(RASTER, [(STYLE, 1.0)], "invert")
            assert len(betrayals(ear.record)) == 5 + 20
            assert known().token.encode() not in ear.record


def test_neither_an_unknown_key_nor_the_password_opens_an_address_with_keys(keys: Any) -> None:
    engine, port, load = keys
    with pytest.raises(EngineError) as caught:
        Client.attach(start=False, connection=at(port, port + 1), link=curve_link(load("unknown")), timeout=60)
    assert caught.value.code == "engine-refused"
    for link in LINKS.values():
        with pytest.raises(EngineError):
            Client.attach(start=False, connection=at(port, port + 1, known().token), link=link, timeout=8)
    assert engine.status()["clients"] == 0
    with Client.attach(start=False) as client:  # the local sockets are there besides
        assert client.stylize(RASTER, [(STYLE, 1.0)], "invert").styles == (f"{STYLE}@1",)


@pytest.mark.parametrize(
    "flags",
    [
        ["--listen", "tcp://0.0.0.0:5598"],
        ["--listen", "tcp://[::]:5598"],
        ["--listen", "tcp://127.0.0.1:5598", "--curve-clients", "."],
    ],
)
def test_an_engine_that_others_could_reach_does_not_start_without_keys(flags: list[str], user_folders: Path) -> None:
    add_style()
    done = subprocess.run(
        [sys.executable, "-m", "scumble.server", *flags], env=environment(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"--curve-key" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (user_folders / "runtime" / "engine.json").exists()
