# SPDX-License-Identifier: Apache-2.0
"""A session and an engine that goes away, comes back, lies, or speaks nonsense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine, Header
from sessions import any_raster, inverted, large, pump_for, pump_while, request, until

from scumble.cli.zmqlink import ZmqLink
from scumble.client import dialer
from scumble.client.events import (
    Answer,
    Cancelled,
    Done,
    Failed,
    Lost,
    Progress,
    Recovered,
    RequestFailed,
    State,
    Welcome,
)
from scumble.client.link import Link
from scumble.client.locate import Launch
from scumble.client.session import Session

StartFake = Callable[..., FakeEngine]
OpenSession = Callable[..., Session]
LINKS = pytest.mark.parametrize("link", [Link, ZmqLink])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report an absence soon."""
    monkeypatch.setattr(dialer, "ABSENCE", 0.3)


@LINKS
def test_an_impostor_on_a_stale_connection_file_gets_no_pixel(
    start_fake: StartFake, open_session: OpenSession, link: Any
) -> None:
    """The file names a dead engine's token and places; somebody else listens there now and lets every password in."""
    impostor = start_fake(knows_token=False)
    session = open_session(link=link)
    session.submit(request(any_raster()))
    session.put_style("secret painting", any_raster())
    session.catalogue()
    lost, _ = until(session, Lost)
    assert lost.code == "engine-untrusted"
    assert lost.error().hint
    pump_for(session, 0.5)
    assert session.state is State.LOST
    assert set(impostor.types()) <= {"hello"}
    assert {h["type"] for h in impostor.control_received} <= {"hello"}
    assert impostor.pixels == 0


def test_an_impostor_without_any_proof_gets_no_pixel(start_fake: StartFake, open_session: OpenSession) -> None:
    impostor, session = start_fake(), open_session()
    impostor.tamper = lambda h: {k: v for k, v in h.items() if k != "proof"}
    session.submit(request(any_raster()))
    assert until(session, Lost)[0].code == "engine-untrusted"
    assert set(impostor.types()) <= {"hello"}


@LINKS
def test_a_refused_password_is_reported_at_once(start_fake: StartFake, open_session: OpenSession, link: Any) -> None:
    start_fake(lets_in=False)
    assert until(open_session(link=link), Lost, seconds=3)[0].code == "engine-refused"


def test_a_refusal_by_an_engine_that_has_just_been_replaced_is_not_reported(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    """The connection file was read a moment before the next engine wrote its own."""
    old, new = start_fake(lets_in=False), start_fake()
    looks = iter([old.connection])
    session = open_session(find=lambda: next(looks, new.connection))
    _, events = until(session, Welcome)
    assert [type(e) for e in events] == [Welcome]


def test_another_protocol_version_is_reported_in_the_engines_words(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    words = {"type": "error", "code": "protocol-version", "message": "I speak 2, you 1.", "hint": "Update."}
    engine.tamper = lambda h: words if h["type"] == "welcome" else h
    lost, _ = until(session, Lost)
    assert (lost.code, lost.message) == ("protocol-version", "I speak 2, you 1.")


def test_no_engine_is_reported_after_five_seconds(open_session: OpenSession, runtime: Path) -> None:
    session = open_session()
    began = time.monotonic()
    lost, _ = until(session, Lost)
    assert 4.9 <= time.monotonic() - began < 15
    assert lost.code == "engine-missing"
    assert str(runtime) in lost.message


@LINKS
@pytest.mark.parametrize("file_stays", [True, False])
def test_a_killed_engine_is_reported_as_lost_once_and_a_new_one_gets_the_job(
    start_fake: StartFake, open_session: OpenSession, runtime: Path, impatient: None, file_stays: bool, link: Any
) -> None:
    first, session, raster = start_fake(running=False), open_session(link=link), large()
    job = session.submit(request(raster))
    until(session, Progress)
    first.stop()
    if not file_stays:
        (runtime / "engine.json").unlink()
    lost, _ = until(session, Lost)
    assert lost.code == "engine-lost"
    assert session.state is State.LOST
    assert not [e for e in pump_for(session, 0.5) if isinstance(e, Lost)]
    second = start_fake()
    done, events = until(session, Done)
    assert [type(e) for e in events[:2]] == [Welcome, Recovered]
    assert done.job == job
    assert bytes(done.raster.data) == inverted(raster)
    assert [h["job"] for h in second.received if h["type"] == "submit"] == [job]


@LINKS
def test_an_upload_goes_on_where_it_broke_off(start_fake: StartFake, open_session: OpenSession, link: Any) -> None:
    engine, session, raster = start_fake(credit=3), open_session(link=link), large()
    engine.tamper = lambda h: None if h["type"] == "credit" else h
    job = session.submit(request(raster))
    pump_while(session, lambda: engine.types().count("pixels") < 3)
    engine.tamper = lambda h: h
    engine.hang_up()
    engine.listen_again()
    done, events = until(session, Done)
    assert done.job == job
    assert bytes(done.raster.data) == inverted(raster)
    assert not any(isinstance(e, (Lost, Recovered)) for e in events)
    assert engine.types().count("submit") == 2
    assert [h["y"] for h in engine.received if h["type"] == "pixels"] == [256 * i for i in range(8)]


def test_a_result_goes_on_where_it_broke_off(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session, raster = start_fake(strip_rows=8), open_session(), any_raster()
    engine.tamper = lambda h: None if h["type"] == "result" and h["y"] >= 24 else h
    session.submit(request(raster))
    pump_while(session, lambda: engine.types().count("received") < 3)
    engine.tamper = lambda h: h
    engine.hang_up()
    engine.listen_again()
    done, _ = until(session, Done)
    assert bytes(done.raster.data) == inverted(raster)
    assert [h.get("have", 0) for h in engine.received if h["type"] == "submit"] == [0, 24]


def test_the_secret_stays_and_the_nonce_changes(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    until(session, Welcome)
    engine.hang_up()
    engine.listen_again()
    until(session, Welcome)
    hellos = [h for h in engine.received + engine.control_received if h["type"] == "hello"]
    assert len(hellos) >= 4
    assert len({h["secret"] for h in hellos}) == 1
    assert len({h["nonce"] for h in hellos}) == len(hellos)


def test_unanswered_requests_are_asked_again_but_a_shutdown_never_of_another_engine(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    engine, session = start_fake(), open_session()
    until(session, Welcome)
    engine.tamper = lambda h: h if h["type"] == "welcome" else None
    status, shutdown = session.status(), session.shutdown()
    pump_while(session, lambda: len(engine.control_received) < 3)
    engine.tamper = lambda h: h
    engine.hang_up()
    engine.listen_again()
    answer, events = until(session, Answer)
    assert answer.request == status
    assert [e.request for e in events if isinstance(e, RequestFailed)] == [shutdown]
    assert [h["type"] for h in engine.control_received if h["type"] != "hello"] == ["status", "shutdown", "status"]


def test_a_cancel_without_an_engine_takes_effect_and_the_engine_hears_of_it_later(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    engine, session = start_fake(running=False), open_session()
    job = session.submit(request(any_raster()))
    until(session, Progress)
    engine.hang_up()
    pump_while(session, lambda: session.state is State.READY)
    session.cancel(job)
    assert until(session, Cancelled, seconds=1)[0].job == job
    engine.listen_again()
    pump_while(session, lambda: engine.jobs[job].state != "cancelled")
    assert engine.types().count("submit") == 1


def test_an_engine_that_forgot_the_connection_is_greeted_again(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    until(session, Welcome)
    forgotten = {"type": "error", "code": "hello-first", "message": "Hello first.", "hint": ""}

    def forget(header: Header) -> Header:
        if header["type"] != "accepted":
            return header
        engine.tamper = lambda h: h
        return {**forgotten, "re": header["re"]}

    engine.tamper = forget
    session.submit(request(any_raster()))
    _, events = until(session, Done)
    assert not any(isinstance(e, (Lost, Failed)) for e in events)


def held(start_fake: StartFake, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeEngine, Session]:
    """An engine that does not run the session's job, and a session that takes half a second of silence for its end."""
    monkeypatch.setattr(dialer, "SILENCE", 0.5)
    engine, session = start_fake(running=False), open_session()
    session.submit(request(any_raster()))
    until(session, Progress)
    return engine, session


def test_a_silent_engine_is_left_for_a_new_connection(
    start_fake: StartFake, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, session = held(start_fake, open_session, monkeypatch)
    until(session, Welcome)
    engine.running = True
    until(session, Done)
    assert engine.types().count("hello") == 2


def test_a_caller_that_does_not_pump_for_a_while_loses_nothing(
    start_fake: StartFake, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, session = held(start_fake, open_session, monkeypatch)
    time.sleep(1.2)
    pump_for(session, 0.1)
    assert engine.types().count("hello") == 1


def test_a_job_during_which_engines_die_is_not_fed_to_a_third(start_fake: StartFake, open_session: OpenSession) -> None:
    session = open_session()
    session.submit(request(any_raster()))
    for _ in range(2):
        engine = start_fake(running=False)
        until(session, Progress)
        engine.stop()
    third = start_fake()
    failed, _ = until(session, Failed)
    assert failed.code == "engine-lost"
    assert "submit" not in third.types()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"type": "accepted", "credit": "many"},
        {"type": "accepted", "state": "receiving", "position": 0, "credit": 4, "rows": 99, "context_rows": 0},
        {"type": "progress"},
        {"type": "result", "y": 3, "rows": 1},
        {"type": "result", "y": 0, "rows": 10**9},
        {"type": "result", "y": -1, "rows": -1},
        {"type": "preview", "width": 2, "height": 2, "format": "u8", "order": "rgba"},
        {"type": "done", "styles": 7, "seconds": 1, "device": "cpu"},
        {"type": "done", "styles": [], "seconds": None, "device": "cpu"},
        {"type": "rejected", "code": "busy", "message": "m", "hint": "h", "retry_after": "later"},
    ],
)
def test_nonsense_about_a_job_is_reported_and_never_an_exception(
    start_fake: StartFake, open_session: OpenSession, nonsense: Header
) -> None:
    engine, session = start_fake(), open_session()
    engine.tamper = lambda h: {**nonsense, "job": h["job"]} if h["type"] == "accepted" else h
    job = session.submit(request(any_raster()))
    lost, _ = until(session, Lost)
    assert lost.code in ("bad-message", "bad-raster")
    assert session.holds(job)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"{}", b'{"type": 3}', b"[" * 60_000, b'"' + b"x" * 70_000 + b'"'])
def test_a_header_that_is_none_is_reported(start_fake: StartFake, open_session: OpenSession, text: bytes) -> None:
    engine, session = start_fake(), open_session()
    until(session, Welcome)

    def garble(header: Header) -> None:
        client = next(iter(engine.jobs.values())).client
        engine._work.send_multipart([client, text])

    engine.tamper = garble
    session.submit(request(any_raster()))
    assert until(session, Lost)[0].code == "bad-message"


def test_types_and_fields_of_later_versions_are_ignored(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()

    def later(header: Header) -> Header:
        job = {"job": header["job"]} if "job" in header else {}
        client = next(iter(engine.jobs.values())).client if engine.jobs else None
        if client:
            engine._work.send_multipart([client, json.dumps({"type": "unheard-of", **job}).encode(), b"frame"])
        return {**header, "unheard": "of"}

    engine.tamper = later
    session.submit(request(any_raster()))
    _, events = until(session, Done)
    assert not any(isinstance(e, Lost) for e in events)


def test_an_engine_is_started_when_something_is_asked_and_not_before(
    start_fake: StartFake, open_session: OpenSession, impatient: None
) -> None:
    launched: list[Launch] = []

    def launch() -> Launch:
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        launched.append(Launch(process, os.devnull))
        return launched[-1]

    session = open_session(launch=launch)
    assert pump_for(session, 0.6) == []
    assert session.state is State.SEEKING
    assert launched == []
    session.submit(request(any_raster()))
    pump_for(session, 0.6)
    assert session.state is State.LAUNCHING
    start_fake()
    _, events = until(session, Done)
    assert not any(isinstance(e, Lost) for e in events)
    assert len(launched) == 1
    launched[0].process.communicate()


def test_a_start_that_fails_is_reported_at_once_with_its_last_words(open_session: OpenSession, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Traceback\nNo module named torch\n\n")

    def launch() -> Launch:
        return Launch(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]), str(log))

    session = open_session(launch=launch)
    session.ping()
    lost, _ = until(session, Lost, seconds=4)
    assert lost.code == "engine-missing"
    assert "No module named torch" in lost.message
    assert str(log) in lost.hint


def test_a_start_that_lost_the_race_attaches_to_the_winner(start_fake: StartFake, open_session: OpenSession) -> None:
    session = open_session(launch=lambda: Launch(subprocess.Popen([sys.executable, "-c", "raise SystemExit(75)"]), os.devnull))
    session.ping()
    pump_for(session, 0.5)
    start_fake()
    _, events = until(session, Answer)
    assert not any(isinstance(e, Lost) for e in events)
