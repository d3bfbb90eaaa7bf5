# SPDX-License-Identifier: Apache-2.0
"""A session and an engine that keeps to the protocol: pictures, styles, requests."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_engine import FakeEngine, Header
from sessions import any_raster, inverted, large, pump_for, pump_while, request, until

from scumble.cli.zmqlink import ZmqLink
from scumble.client import session as session_module
from scumble.client.errors import EngineError
from scumble.client.events import (
    Accepted,
    Answer,
    Cancelled,
    Context,
    Done,
    Failed,
    Listed,
    Lost,
    Preview,
    Progress,
    Ready,
    Refining,
    Rejected,
    Request,
    RequestFailed,
    State,
    StyleStored,
    Welcome,
)
from scumble.client.link import Link
from scumble.client.raster import Masks, Raster
from scumble.client.session import Session

StartFake = Callable[..., FakeEngine]
OpenSession = Callable[..., Session]


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
@pytest.mark.parametrize("link", [Link, ZmqLink])
@pytest.mark.parametrize("shape", [(1, 1, "u8", "rgba"), (1000, 700, "u8", "bgra"), (333, 257, "f32", "rgba")])
def test_a_picture_comes_back_from_the_engine(
    start_fake: StartFake, open_session: OpenSession, transport: str, link: Any, shape: tuple[int, int, str, str]
) -> None:
    start_fake(transport=transport)
    session = open_session(link=link)
    raster = any_raster(*shape)
    job = session.submit(request(raster))
    done, events = until(session, Done)
    assert bytes(done.raster.data) == inverted(raster)
    assert (done.raster.width, done.raster.height, done.raster.format, done.raster.order) == shape
    assert (done.job, done.styles, done.seconds, done.device) == (job, ("s0@1",), 0.5, "cpu")
    assert [type(e) for e in events if isinstance(e, (Welcome, Accepted, Done))] == [Welcome, Accepted, Done]
    assert any(isinstance(e, Progress) and e.text == "half" for e in events)


def test_a_result_of_one_strip_is_the_picture(start_fake: StartFake, open_session: OpenSession) -> None:
    start_fake(strip_rows=4096)
    session, raster = open_session(), large()
    session.submit(request(raster))
    assert bytes(until(session, Done)[0].raster.data) == inverted(raster)


def test_every_strip_is_acknowledged_and_the_job_released(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(strip_rows=10), open_session()
    session.submit(request(any_raster(64, 95)))
    until(session, Done)
    pump_while(session, lambda: engine.types()[-1] != "release")
    assert [h["y"] for h in engine.received if h["type"] == "received"] == list(range(0, 95, 10))
    assert engine.jobs == {}


def test_masks_go_between_context_and_picture_and_only_who_sends_some_speaks_of_them(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    engine, session = start_fake(), open_session()
    masks = Masks(1500, 900, 2, "u16", bytes(range(256)) * (1500 * 900 * 4 // 256) + bytes(1500 * 900 * 4 % 256))
    raster, context = any_raster(1500, 900), Context(any_raster(30, 40), 5, 6, 2000, 2048)
    session.submit(Request(raster, [("s0", 1.0), ("s1", 1.0)], "invert", context=context, masks=masks))
    assert bytes(until(session, Done)[0].raster.data) == inverted(raster)
    session.submit(replace(request(raster), sequence="1" * 32))
    until(session, Done)
    with_masks, without = (h for h in engine.received if h["type"] == "submit")
    assert (without["sequence"], "sequence" in with_masks) == ("1" * 32, False), "likewise"
    assert with_masks["masks"] == {"width": 1500, "height": 900, "channels": 2, "format": "u16"}
    assert "masks" not in without
    first = [h["plane"] for h in engine.received if h["type"] == "pixels" and h["job"] == with_masks["job"]]
    assert first.count("masks") > 2
    assert first == ["context"] + ["masks"] * first.count("masks") + ["picture"] * first.count("picture")


def test_masks_whose_bytes_are_not_theirs_are_refused_before_anything_is_sent() -> None:
    for numbers in [(3, 2, 2, "u8", bytes(11)), (3, 2, 0, "u8", b""), (3, 2, 1, "f16", bytes(12)), (0, 2, 1, "u8", b"")]:
        with pytest.raises(EngineError) as caught:
            Masks(*numbers)
        assert caught.value.code == "bad-raster"


def test_the_context_goes_first_and_whole(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    session.submit(request(any_raster(), context=Context(any_raster(700, 1024), 5, 6, 1400, 2048)))
    until(session, Done)
    pixels = [(h["plane"], h["y"]) for h in engine.received if h["type"] == "pixels"]
    assert pixels[-1] == ("picture", 0)
    assert len(pixels) > 2
    assert all(plane == "context" for plane, _ in pixels[:-1])
    submit = next(h for h in engine.received if h["type"] == "submit")
    assert submit["context"].items() >= {"x": 5, "y": 6, "full_width": 1400, "full_height": 2048, "width": 700}.items()


@pytest.mark.parametrize("wanted", [True, False])
def test_previews_come_on_request(start_fake: StartFake, open_session: OpenSession, wanted: bool) -> None:
    start_fake()
    session = open_session()
    session.submit(request(any_raster(), previews=wanted))
    previews = [e for e in until(session, Done)[1] if isinstance(e, Preview)]
    assert [(e.raster.width, bytes(e.raster.data)) for e in previews] == ([(1, b"\1\2\3\4")] if wanted else [])


def test_no_strip_is_sent_without_credit(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(credit=2), open_session()
    engine.tamper = lambda header: None if header["type"] == "credit" else header
    session.submit(request(large()))
    pump_for(session, 0.5)
    assert engine.types().count("pixels") == 2


def test_several_jobs_at_once_all_end_well(start_fake: StartFake, open_session: OpenSession) -> None:
    start_fake()
    session = open_session()
    rasters = {session.submit(request(raster)): raster for raster in (large(), any_raster(), any_raster(500, 500))}
    done = [e for e in until(session, Done, count=3)[1] if isinstance(e, Done)]
    assert {d.job: bytes(d.raster.data) for d in done} == {job: inverted(raster) for job, raster in rasters.items()}


def test_pumping_without_a_timeout_returns_at_once_whatever_the_engine_does(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    start_fake()
    session = open_session()
    session.submit(request(any_raster(2048, 2048)))
    until(session, Accepted)
    took, computed, done = list[float](), list[float](), False
    end = time.monotonic() + 60
    while not done and time.monotonic() < end:
        began, busy = time.monotonic(), time.thread_time()
        events = session.pump(0, budget=256 << 10)
        took.append(time.monotonic() - began)
        computed.append(time.thread_time() - busy)
        done = any(isinstance(e, Done) for e in events)
        time.sleep(0.001)
    assert done
    assert len(took) >= 60  # 16 MiB come back, 256 KiB a pump
    assert statistics.median(took) < 0.03  # single ones may be held up by a busy machine's scheduler
    assert max(computed) < 0.05


def test_the_catalogue_is_whole_with_thumbnails(start_fake: StartFake, open_session: OpenSession) -> None:
    start_fake(styles=5)
    session = open_session()
    number = session.catalogue()
    listed, _ = until(session, Listed)
    assert listed.request == number
    assert listed.catalogue.revision == 7
    assert [s.id for s in listed.catalogue.styles] == ["s0", "s1", "s2", "s3", "s4"]
    assert [s.thumbnail for s in listed.catalogue.styles] == [None, b"png 1", b"png 2", b"png 3", b"png 4"]
    (method,) = listed.catalogue.methods
    assert method.options[0].default == 0
    assert method.capabilities["blend"]


def test_a_catalogue_that_changes_between_pages_is_read_again(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(styles=5), open_session()
    pages = 0

    def change(header: Header) -> Header:
        nonlocal pages
        if header["type"] == "catalogue":
            pages += 1
            header["revision"] = 7 if pages == 1 else 8
        return header

    engine.tamper = change
    session.catalogue()
    listed, _ = until(session, Listed)
    assert listed.catalogue.revision == 8
    assert [s.id for s in listed.catalogue.styles] == ["s0", "s1", "s2", "s3", "s4"]


def test_styles_are_put_refined_and_removed(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    session.put_style("My harbour", any_raster())
    assert until(session, StyleStored)[0].style == "put@1"
    assert next(h for h in engine.received if h["type"] == "style.put")["name"] == "My harbour"
    session.put_style("Rough", any_raster(), refine=False)
    until(session, StyleStored)
    assert [h.get("refine", True) for h in engine.received if h["type"] == "style.put"] == [True, False]
    number = session.refine_style("s0", "start")
    answer, events = until(session, Answer)
    assert (answer.request, answer.header["state"]) == (number, "running")
    while not (states := [event for event in events if isinstance(event, Refining)]) or not states[-1].over:
        events += session.pump(0.05)
    assert [(r.state, r.fraction) for r in states] == [("running", 0.75), ("done", 1.0)]
    assert (states[-1].style, states[-1].id, states[-1].revision, states[-1].catalogue) == ("s0@2", "s0", 2, 8)
    session.remove_style("s0")
    assert until(session, Answer)[0].header["catalogue"] == 9
    number = session.remove_style("s1")
    failed, _ = until(session, RequestFailed)
    assert (failed.request, failed.code, failed.hint) == (number, "style-unknown", "Do something.")


def test_a_style_is_renamed(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    number = session.rename_style("s0@3", "F" * 300)
    answer, _ = until(session, Answer)
    assert (answer.request, answer.header["style"]) == (number, "s0")
    (asked,) = [h for h in engine.received if h["type"] == "style.rename"]
    assert asked["name"] == "F" * 200, "an engine takes no more, and would not understand"
    assert asked["style"] == "s0", "all its revisions are renamed; an engine would not understand one of them either"


def test_an_engine_that_cannot_rename_yet_is_said_to_be_old(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    unknown = {"type": "error", "code": "bad-message", "message": "The engine does not understand this message.", "hint": ""}
    engine.tamper = lambda header: {**unknown, "re": header["re"]} if header["type"] == "renamed" else header
    number = session.rename_style("s0", "Fog")
    failed, _ = until(session, RequestFailed)
    assert (failed.request, failed.code) == (number, "bad-message")
    assert failed.message == "The engine that runs is of an earlier version, which cannot rename styles."
    assert "scumble stop" in failed.hint
    session.ping()
    assert until(session, Answer)[0].header["type"] == "pong", "the connection stays"
    assert engine.types().count("style.rename") == 1


def test_an_engine_that_cannot_keep_frames_steady_yet_is_said_to_be_old(
    start_fake: StartFake, open_session: OpenSession
) -> None:
    engine, session = start_fake(), open_session()
    unknown = {"type": "error", "code": "bad-message", "message": "submit has the unknown field `sequence`.", "hint": ""}
    engine.tamper = lambda header: {**unknown, "re": header["re"]} if header["type"] == "accepted" else header
    session.submit(replace(request(any_raster(30, 20)), sequence="1" * 32))
    failed, _ = until(session, Failed)
    assert failed.message.endswith("an earlier version, which cannot keep the frames of an animation from flickering.")


def test_control_answers(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    numbers = [session.ping(), session.status(), session.shutdown()]
    answers = until(session, Answer, count=3)[1]
    kinds = {a.request: a.header["type"] for a in answers if isinstance(a, Answer)}
    assert kinds == dict(zip(numbers, ["pong", "status", "stopping"], strict=True))
    assert not {"ping", "status", "shutdown"} & set(engine.types())


def test_a_cancel_goes_over_control_and_ends_the_job_once(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(running=False), open_session()
    job = session.submit(request(any_raster()))
    until(session, Progress)
    session.cancel(job)
    session.cancel(job)
    until(session, Cancelled)
    assert not any(isinstance(e, (Cancelled, Done)) for e in pump_for(session, 0.2))
    assert [h["job"] for h in engine.control_received if h["type"] == "cancel"] == [job]
    assert not session.holds(job)


def test_a_cancel_right_after_submit_does_not_overtake_it(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    until(session, Welcome)
    job = session.submit(request(large()))
    session.pump()
    session.cancel(job)
    until(session, Cancelled)
    pump_while(session, lambda: engine.jobs[job].state != "cancelled")


def test_a_cancel_that_meets_a_finished_job_is_a_cancel(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    job = session.submit(request(any_raster()))
    until(session, Accepted)
    time.sleep(0.2)
    session.cancel(job)
    assert until(session, Cancelled)[0].job == job
    pump_for(session, 0.2)
    assert job not in engine.jobs or engine.jobs[job].state == "cancelled"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"type": "rejected", "code": "busy", "message": "Full.", "hint": "Wait.", "retry_after": 2}, Rejected),
        ({"type": "failed", "code": "no-memory", "message": "Needs 9 MB.", "hint": "Less."}, Failed),
    ],
)
def test_a_job_the_engine_cannot_do_says_why(
    start_fake: StartFake, open_session: OpenSession, answer: Header, kind: type[Any]
) -> None:
    engine, session = start_fake(), open_session()
    engine.tamper = lambda h: {**answer, "re": h["re"], "job": h["job"]} if h["type"] == "accepted" else h
    job = session.submit(request(any_raster()))
    event, _ = until(session, kind)
    assert (event.job, event.code, event.message, event.hint) == (job, *(answer[k] for k in ("code", "message", "hint")))
    assert event.error().code == answer["code"]
    if isinstance(event, Rejected):
        assert event.retry_after == 2.0
    assert not session.holds(job)


def test_a_submit_the_engine_does_not_understand_fails_that_job_alone(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(), open_session()
    refusal = {"type": "error", "code": "bad-message", "message": "No.", "hint": ""}
    engine.tamper = lambda h: {**refusal, "re": h["re"]} if h["type"] == "accepted" else h
    session.submit(request(any_raster()))
    failed, events = until(session, Failed)
    assert failed.code == "bad-message"
    assert not any(isinstance(e, Lost) for e in events)


def test_a_starting_engine_is_seen_to_start_and_gets_no_job_yet(start_fake: StartFake, open_session: OpenSession) -> None:
    engine, session = start_fake(state="starting"), open_session()
    session.submit(request(any_raster()))
    assert session.state is State.SEEKING
    assert until(session, Welcome)[0].state == "starting"
    pump_for(session, 0.3)
    assert session.state is State.STARTING
    assert engine.types() == ["hello"]
    engine.state = "ready"
    until(session, Ready)
    assert session.state is State.READY
    until(session, Done)


def test_what_can_never_be_sent_is_refused_when_it_is_asked(open_session: OpenSession) -> None:
    session = open_session()
    with pytest.raises(EngineError) as long:
        session.submit(request(any_raster(), options={"text": "x" * 70_000}))
    assert long.value.code == "too-large"
    with pytest.raises(EngineError) as odd:
        session.submit(request(any_raster(), strength=float("nan")))
    assert odd.value.code == "bad-options"
    for wrong in (
        (2, 2, "u8", "rgba", b"123"),
        (0, 1, "u8", "rgba", b""),
        (1, 1, "u32", "rgba", b"1234"),
        (1, 1, "u8", "rgb", b"1234"),
    ):
        with pytest.raises(EngineError) as bad:
            Raster(*wrong)
        assert bad.value.code == "bad-raster"


def test_a_client_that_only_waits_shows_now_and_then_that_it_lives(
    start_fake: StartFake, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "ALIVE", 0.1)
    engine, session = start_fake(running=False), open_session()
    session.submit(request(any_raster()))
    pump_for(session, 1.0)
    assert 3 <= engine.types().count("alive") <= 10
