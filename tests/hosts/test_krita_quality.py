# SPDX-License-Identifier: Apache-2.0
"""Pictures that get better while one looks, in the Krita plug-in's model."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.krita_doubles import Host, Session, event, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


def unfinished(studio: Any, session: Session) -> Any:
    """The engine shows what it has so far."""
    raster = module("scumble_client.raster").Raster(4, 3, "u8", "bgra", bytes(48))
    session.coming.append(event("Preview", f"job{len(session.requests)}", raster))
    ticks(studio)
    return raster


def test_a_draft_asks_for_nothing_that_older_engines_do_not_know(studio: Any, session: Session) -> None:
    studio.paint()
    ticks(studio)
    assert (session.requests[0].quality, session.requests[0].seconds) == (None, None)
    assert not session.requests[0].previews


def test_a_good_picture_is_asked_for_with_its_limit_and_shown_on_the_way(studio: Any, session: Session, host: Host) -> None:
    studio.choose(quality="good")
    studio.paint()
    ticks(studio)
    asked = session.requests[0]
    assert (asked.quality, asked.seconds, asked.previews) == ("good", 60.0, True)
    assert not studio.queue.keepable
    shown = unfinished(studio, session)
    assert studio.previewing.picture is shown
    assert studio.queue.keepable
    host.growings[0].there = False  # undone meanwhile
    finish(studio, session)
    assert host.inserted == ["The Night 100 %, good"]


def test_what_is_shown_can_be_kept_once(studio: Any, session: Session, host: Host) -> None:
    studio.choose(quality="best")
    studio.paint()
    ticks(studio)
    studio.keep()
    assert not session.kept  # there is nothing to keep yet
    unfinished(studio, session)
    studio.keep()
    studio.keep()
    assert session.kept == ["job1"]
    assert not studio.queue.keepable
    session.coming.append(event("Progress", "job1", "running", 0, 0.4, "step 3 of 9"))
    ticks(studio)
    assert "keeping" in studio.standing.text
    finish(studio, session)
    assert host.growings[0].completed


def test_the_time_left_is_reported(studio: Any, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.choose(quality="good")
    studio.paint()
    ticks(studio)
    now = 100.0
    monkeypatch.setattr(module("scumble_client.desk.words").time, "monotonic", lambda: now)
    for fraction in (0.1, 0.2, 0.3):
        session.coming.append(event("Progress", "job1", "running", 0, fraction, "512 x 384, step 3 of 9"))
        studio.queue.handle(session.coming.pop())
        now += 6.0
    assert studio.standing.text.endswith("painting, about 40 s left")


def begun(studio: Any, session: Session, host: Host) -> Any:
    """A layer of best quality that has shown a first picture on the canvas."""
    studio.choose(quality="best")
    studio.paint()
    ticks(studio)
    first = unfinished(studio, session)
    (growing,) = host.growings
    assert growing.shown == [first]
    return growing


def test_a_layer_gets_better_on_the_canvas_and_becomes_the_result(studio: Any, session: Session, host: Host) -> None:
    growing = begun(studio, session, host)
    assert growing.name == "The Night 100 %, best, unfinished"
    second = unfinished(studio, session)
    assert growing.shown[1:] == [second]
    finish(studio, session)
    assert growing.completed
    assert not growing.withdrawn
    assert host.inserted == [], "it is there already"
    assert [entry.title for entry in studio.records.entries()] == ["The Night 100 %, best"]
    assert not studio.busy


def test_no_unfinished_picture_is_written_into_a_stroke_and_the_newest_comes_after_it(
    studio: Any, session: Session, host: Host
) -> None:
    growing = begun(studio, session, host)
    host.way = "waits for your hand"
    unfinished(studio, session)
    newest = unfinished(studio, session)
    assert len(growing.shown) == 1
    host.way = ""
    ticks(studio)
    assert growing.shown[1:] == [newest]
    host.way = "waits for your hand"
    finish(studio, session)
    assert not growing.completed
    host.way = ""
    ticks(studio)
    assert growing.completed


@pytest.mark.parametrize("end", ["Cancelled", "Failed"])
def test_a_picture_that_is_given_up_leaves_the_canvas_once_the_hand_rests(
    studio: Any, session: Session, host: Host, end: str
) -> None:
    growing = begun(studio, session, host)
    studio.cancel()
    host.way = "waits for your hand"
    more = ("no-memory", "There is no room.", "") if end == "Failed" else ()
    session.coming.append(event(end, "job1", *more))
    ticks(studio)
    assert not studio.busy
    assert not growing.withdrawn
    host.way = ""
    ticks(studio)
    assert growing.withdrawn
    assert not host.inserted


def test_an_engine_that_is_lost_takes_the_unfinished_picture_with_it(studio: Any, session: Session, host: Host) -> None:
    growing = begun(studio, session, host)
    session.coming.append(event("Lost", "engine-missing", "No engine was found.", "Install it."))
    ticks(studio)
    assert growing.withdrawn


def test_a_layer_that_was_taken_away_meanwhile_comes_back_as_an_ordinary_result(
    studio: Any, session: Session, host: Host
) -> None:
    growing = begun(studio, session, host)
    growing.there = False
    finish(studio, session)
    assert host.inserted == ["The Night 100 %, best"]
    assert growing.withdrawn, "where the source was moved it would be there twice"


def test_huge_pictures_get_better_in_the_docker_alone(studio: Any, session: Session, host: Host) -> None:
    host.huge = True
    studio.choose(quality="best")
    studio.paint()
    ticks(studio)
    shown = unfinished(studio, session)
    assert studio.previewing.picture is shown
    finish(studio, session)
    assert host.inserted == ["The Night 100 %, best"]


def test_a_document_that_is_opened_is_looked_at_until_what_is_left_in_it_can_be_finished(studio: Any, host: Host) -> None:
    ticks(studio)
    assert host.lefts == 0
    studio.opened()
    host.way = "waits for your hand"
    ticks(studio)
    host.way, asked = "", host.lefts
    assert asked > 1
    ticks(studio)
    assert host.lefts == asked + 1
