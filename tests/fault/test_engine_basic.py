# SPDX-License-Identifier: Apache-2.0
"""A real engine process, its worker and a client that speaks bare protocol: cancels, deaths, refusals, and how it ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq
from zmq.auth import create_certificates, load_certificate

from support.engine import Engine, Peer, alive, environment, running, wait_for
from support.pictures import picture

SLACK = 3
"""How often a deadline of the protocol may pass before a test gives up: the machine has other work."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running() as started:
        yield started


def test_a_cancel_is_acknowledged_at_once_and_the_worker_goes_on_to_the_next_job(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = peer.submit(picture(), "slow", options={"seconds": 60.0})
        waiting = peer.submit(picture(), "slow", options={"seconds": 60.0})
        peer.next("progress", job=job, state="running")
        worker = engine.status()["worker"]["pid"]
        began = time.monotonic()
        assert control.ask("cancel", job=waiting)["type"] == "cancelling"
        assert control.ask("cancel", job=job)["type"] == "cancelling"
        assert time.monotonic() - began < 0.1 * SLACK
        assert {peer.next("cancelled")["job"], peer.next("cancelled")["job"]} == {job, waiting}
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        assert time.monotonic() - began < 2 * SLACK
        assert engine.status()["worker"]["pid"] == worker


def test_a_method_that_does_not_yield_is_ended_by_force_when_it_is_cancelled(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = peer.submit(picture(), "slow", options={"seconds": 60.0, "step": 60.0})
        peer.next("progress", job=job, text="waiting")
        worker = engine.status()["worker"]["pid"]
        began = time.monotonic()
        control.ask("cancel", job=job)
        assert peer.finish(job)[0]["type"] == "cancelled"
        wait_for(lambda: not alive(worker), 2 * SLACK)
        assert time.monotonic() - began < 2 * SLACK
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


@pytest.mark.parametrize("how", ["kill", "segv", "exit"])
def test_a_death_is_survived_once_and_fails_the_job_the_second_time(engine: Engine, tmp_path: Path, how: str) -> None:
    with engine.peer() as peer:
        once = peer.submit(picture(), "crash", options={"how": how, "times": 1, "marker": str(tmp_path / "deaths")})
        assert peer.finish(once)[0]["type"] == "done"
        began = time.monotonic()
        end, _ = peer.finish(peer.submit(picture(), "crash", options={"how": how}))
        assert (end["type"], end["code"]) == ("failed", "worker-died")
        assert time.monotonic() - began < 3 * SLACK
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        assert engine.status()["worker"]["restarts"] == 3


def test_a_stopped_worker_counts_as_hung_and_is_replaced(engine: Engine) -> None:
    with engine.peer() as peer:
        job = peer.submit(picture(), "slow", options={"seconds": 0.5})
        peer.next("progress", job=job, text="waiting")
        worker = engine.status()["worker"]["pid"]
        os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        assert peer.finish(job)[0]["type"] == "done"
        assert 5 < time.monotonic() - began < 8 * SLACK
        assert not alive(worker)


def test_the_jobs_of_a_client_that_vanished_are_cancelled(engine: Engine) -> None:
    with engine.peer() as peer:
        peer.submit(picture(), "slow", options={"seconds": 60.0})
    wait_for(lambda: engine.status()["cancelled"] == 1, 6 * SLACK)
    assert engine.status()["clients"] == 0


def test_control_answers_in_milliseconds_while_the_worker_computes(engine: Engine) -> None:
    with engine.peer() as peer, engine.control() as control:
        job = peer.submit(picture(), "slow", options={"seconds": 60.0, "step": 1.0, "busy": True})
        peer.next("progress", job=job, state="running")
        times = []
        for _ in range(200):
            began = time.monotonic()
            assert control.ask("ping")["state"] == "ready"
            times.append(time.monotonic() - began)
        assert statistics.quantiles(times, n=100)[98] < 0.05 * SLACK


def test_what_is_wrong_with_a_message_is_reported_and_a_good_one_is_served_after_it(engine: Engine) -> None:
    with engine.peer(hello=False) as early:
        early.send(type="catalogue", id=1)
        assert early.next("error")["code"] == "hello-first"
        early.send(type="hello", protocol=9, id=2)
        answer = early.next("error", re=2)
        assert answer["code"] == "protocol-version"
        assert "1" in answer["message"]
        assert "9" in answer["message"]
    with engine.peer() as peer:
        for header in (b"", b"{", b"[]", b"\xff", b"{}", b'{"type": "no"}', b" " * 70000, b"[" * 60000):
            peer.socket.send(header)
            assert peer.next("error")["code"] in ("bad-message", "too-large")
        peer.socket.send_multipart([b'{"type": "alive"}'] + [b""] * 500)
        assert peer.next("error")["code"] == "bad-message"
        job = peer.submit(picture(), send=False)
        peer.send(b"short", type="pixels", job=job, plane="picture", y=0, rows=1)
        assert peer.finish(job)[0]["code"] == "bad-strip"
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


def test_the_request_that_meets_a_bug_of_the_engine_is_answered_with_it() -> None:
    """Without its number the answer is nobody's, and the client, which hangs up over it, would submit the same again."""
    with running(limits={"QUEUE": None}) as engine, engine.peer() as peer:
        peer.submit(picture(), send=False)
        assert (peer.answer["type"], peer.answer["code"]) == ("error", "internal")
        assert peer.ask("catalogue")["type"] == "catalogue"


def test_a_client_that_comes_for_the_rest_of_a_result_too_late_hears_that_it_is_gone() -> None:
    """Krita's window may stand still for minutes. A client that received nothing then waited forever."""
    with running(limits={"KEPT": 1.0, "WINDOW": 1}) as engine, engine.peer() as peer:
        job = peer.submit(picture(3000, 800))  # 9.6 MB, so two strips
        first = peer.next("result", job=job)
        wait_for(lambda: engine.status()["jobs"]["done"] == 0)
        peer.send(type="received", job=job, y=first["y"])
        assert peer.next("failed", job=job)["code"] == "job-unknown"


def test_a_frame_above_16_mib_costs_its_sender_the_connection_and_nobody_else(engine: Engine) -> None:
    with engine.peer() as rude, engine.peer() as peer:
        rude.socket.send(bytes((16 << 20) + 1))
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        wait_for(lambda: engine.status()["clients"] == 1, 5 * SLACK)


def test_the_ninth_job_of_a_client_is_refused_at_once(engine: Engine) -> None:
    with engine.peer() as peer:
        for _ in range(8):
            peer.submit(picture(), "slow", options={"seconds": 60.0})
            assert peer.answer["type"] == "accepted"
        peer.submit(picture())
        assert (peer.answer["type"], peer.answer["code"]) == ("rejected", "busy")
        assert peer.answer["retry_after"] > 0


def test_nobody_gets_in_with_a_wrong_password_on_either_socket(engine: Engine) -> None:
    wrong = ("wrong", " ", engine.connection["token"])
    for n, (which, password) in enumerate(itertools.product(("work", "control"), wrong)):
        with Peer(engine.connection, which, password=password, hello=False) as stranger:
            hello = {"type": "hello", "protocol": 1, "client": "c", "host": "h", "secret": "a" * 32, "nonce": "b" * 32}
            with contextlib.suppress(zmq.Again):  # refused so soon that there is nobody to send to; waiting would be forever
                stranger.socket.send(json.dumps(hello).encode(), zmq.DONTWAIT)
            wait_for(lambda n=n: engine.log().count("refused a connection") > n)
            assert not stranger.socket.poll(50)
    with engine.peer() as peer:
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


def test_jobs_are_taken_while_the_worker_still_starts() -> None:
    with running(ready=False) as engine:
        engine.wait_listening()
        with engine.peer() as peer:
            job = peer.submit(picture())
            catalogue = peer.ask("catalogue", page=0)
            assert [m["id"] for m in catalogue["methods"]] == ["invert", "slow", "crash"]
            assert peer.finish(job)[0]["type"] == "done"


def test_of_two_engines_one_stays(engine: Engine) -> None:
    second = subprocess.run([sys.executable, "-m", "scumble.server"], env=environment(), timeout=60, check=False)
    assert second.returncode == 75
    assert engine.status()["pid"] == engine.process.pid


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "shutdown"])
def test_an_engine_that_is_asked_to_stop_leaves_nothing_behind(how: str) -> None:
    with running() as engine, engine.peer() as peer:
        job = peer.submit(picture(), "slow", options={"seconds": 60.0, "step": 60.0})
        peer.next("progress", job=job, state="running")
        worker = engine.status()["worker"]["pid"]
        if how == "shutdown":
            with engine.control() as control:
                assert control.ask("shutdown")["type"] == "stopping"
        else:
            engine.process.send_signal(getattr(signal, how))
        assert peer.finish(job)[0]["type"] == "cancelled"
        assert engine.process.wait(60) == 0
        assert [p.name for p in engine.runtime.iterdir()] == ["engine.lock"]
        assert not alive(worker)


def test_a_killed_engine_takes_its_worker_along_and_the_next_one_starts_over_it() -> None:
    with running() as engine:
        worker = engine.status()["worker"]["pid"]
        engine.process.kill()
        wait_for(lambda: not alive(worker), 3 * SLACK)
    with running() as engine, engine.peer() as peer:
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


def test_an_engine_nobody_needs_ends_by_itself() -> None:
    with running("--idle", "3", ready=False) as engine:
        engine.wait_listening()
        with engine.peer() as peer:
            time.sleep(4)
            assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        assert engine.process.wait(60) == 0


def test_the_worker_gives_way_to_the_painters_programs(engine: Engine) -> None:
    worker = psutil.Process(engine.status()["worker"]["pid"])
    assert worker.nice() >= psutil.Process(engine.process.pid).nice() + 5
    if sys.platform == "linux":
        assert int(Path(f"/proc/{worker.pid}/oom_score_adj").read_text()) >= 800


def test_a_remote_client_gets_in_with_a_listed_key_and_no_other(tmp_path: Path) -> None:
    engine_public, engine_secret = create_certificates(tmp_path, "engine")
    (tmp_path / "clients").mkdir()
    _, known = create_certificates(tmp_path / "clients", "known")
    _, unknown = create_certificates(tmp_path, "unknown")
    port = 20000 + os.getpid() % 20000
    keys = ("--curve-key", engine_secret, "--curve-clients", str(tmp_path / "clients"))
    with running("--listen", f"tcp://0.0.0.0:{port}", *keys) as engine:
        hello = {"type": "hello", "protocol": 1, "client": "t", "host": "t", "secret": "a" * 32, "nonce": "b" * 32}
        for certificate, admitted in ((known, True), (unknown, False), (None, False)):
            sock = zmq.Context.instance().socket(zmq.DEALER)
            sock.linger = 0
            if certificate is not None:
                sock.curve_publickey, sock.curve_secretkey = load_certificate(certificate)
                sock.curve_serverkey, _ = load_certificate(engine_public)
            sock.connect(f"tcp://127.0.0.1:{port}")
            sock.send_json(hello)
            assert bool(sock.poll(5000 if admitted else 500)) == admitted
            if admitted:
                welcome = sock.recv_json()
                assert (welcome["type"], welcome["proof"]) == ("welcome", "")
            sock.close()
        with engine.peer() as peer:
            assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
