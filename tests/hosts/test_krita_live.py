# SPDX-License-Identifier: Apache-2.0
"""Live painting in the Krita plug-in's model: the newest pixels win, and no result is written into a stroke."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.krita_doubles import Host, LiveLayer, Session, catalogue, event, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


@pytest.fixture
def live(studio: Any, host: Host, monkeypatch: pytest.MonkeyPatch) -> LiveLayer:
    """Started, its first fast pass submitted."""
    monkeypatch.setattr(module("live"), "REST", 1e9)
    monkeypatch.setattr(module("live"), "LOOK", 1e9)
    studio.canvas.start_live()
    ticks(studio)
    return host.lives[0]


def draw(host: Host) -> None:
    """Another stroke."""
    host.drawn += 1
    host.stroke()


def rest(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hand rests."""
    monkeypatch.setattr(module("live"), "REST", 0.0)
    studio.tick()


def test_it_begins_with_a_fast_small_pass_under_the_styles_name(live: LiveLayer, session: Session) -> None:
    assert (live.name, live.source, live.sides) == ("The Night, live", "", [384])
    assert session.requests[0].method == "fast"


def test_every_stroke_is_followed(studio: Any, live: LiveLayer, host: Host, session: Session) -> None:
    finish(studio, session)
    for _ in range(3):
        draw(host)
        ticks(studio)
        finish(studio, session)
    assert live.written == [0, 1, 2, 3]


def test_a_change_that_shows_nothing_is_not_painted_again(studio: Any, host: Host, session: Session, live: LiveLayer) -> None:
    finish(studio, session)
    host.stroke()
    ticks(studio)
    assert len(session.requests) == 1


def test_strokes_that_come_faster_than_the_engine_paints_are_painted_together(
    studio: Any, live: LiveLayer, host: Host, session: Session
) -> None:
    for _ in range(5):
        draw(host)
        ticks(studio)
    assert len(session.requests) == 1
    finish(studio, session)
    finish(studio, session)
    assert live.written == [0, 5]


def test_when_the_hand_rests_all_pixels_are_painted_and_a_stroke_stops_that(
    studio: Any, live: LiveLayer, host: Host, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(studio, session)
    rest(studio, monkeypatch)
    assert live.sides[-1] == 0
    monkeypatch.setattr(module("live"), "REST", 1e9)
    monkeypatch.setattr(module("live"), "LOOK", 60.0)
    draw(host)
    studio.tick()
    assert session.cancelled == ["job2"]
    session.coming.append(event("Cancelled", "job2"))
    ticks(studio)
    finish(studio, session)
    assert live.written == [0, 1]


def test_a_result_is_not_written_into_a_stroke(studio: Any, live: LiveLayer, host: Host, session: Session) -> None:
    host.way = "waits for your hand"
    finish(studio, session)
    assert not live.written
    host.way = ""
    ticks(studio)
    assert live.written == [0]


def test_nothing_is_read_during_a_stroke(studio: Any, live: LiveLayer, host: Host, session: Session) -> None:
    finish(studio, session)
    host.way = "waits for your hand"
    draw(host)
    ticks(studio)
    assert len(live.sides) == 1


def test_another_style_is_painted_at_once_and_names_the_layer(
    studio: Any, live: LiveLayer, session: Session, host: Host
) -> None:
    finish(studio, session)
    studio.choose(options={"brush_size": 2.0})
    ticks(studio)
    assert session.requests[-1].options == {"brush_size": 2.0}
    studio.choose(style="wave")
    finish(studio, session)
    assert live.name == "The Wave, live"
    assert "No quick method" in studio.standing.text


def test_it_waits_while_a_picture_is_painted_and_goes_on(studio: Any, live: LiveLayer, session: Session, host: Host) -> None:
    studio.paint()
    ticks(studio)
    assert "job1" in session.cancelled
    session.coming.append(event("Cancelled", "job1"))
    finish(studio, session)
    assert host.inserted
    ticks(studio)
    assert len(session.requests) == 3
    finish(studio, session)
    assert live.written == [0]


def test_after_a_pause_it_is_live_again_though_every_pixel_is_painted_and_nothing_has_changed(
    studio: Any, live: LiveLayer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status went on to say that the layer was hidden until the next stroke."""
    finish(studio, session)
    rest(studio, monkeypatch)
    finish(studio, session)
    live.pause = "Live waits: its layer is hidden."
    ticks(studio)
    assert studio.standing.text == "Live waits: its layer is hidden."
    live.pause = ""
    ticks(studio)
    assert studio.standing.text == "Live."
    assert len(session.requests) == 2


@pytest.mark.parametrize("why", ["Live waits until Krita's window is the active one.", "The picture is too large."])
def test_it_says_why_it_pauses(studio: Any, live: LiveLayer, session: Session, host: Host, why: str) -> None:
    finish(studio, session)
    live.pause = why
    draw(host)
    ticks(studio)
    assert studio.standing.text == why
    assert len(session.requests) == 1
    live.pause = ""
    ticks(studio)
    assert len(session.requests) == 2


def test_the_button_ends_it_and_the_layer_stays_under_the_results_name(
    studio: Any, live: LiveLayer, session: Session, host: Host
) -> None:
    finish(studio, session)
    studio.canvas.stop_live()
    assert live.finished == "The Night 100 %"
    assert not studio.live.active
    draw(host)
    ticks(studio)
    assert len(session.requests) == 1


def test_a_layer_that_was_never_painted_does_not_stay(studio: Any, live: LiveLayer) -> None:
    studio.canvas.stop_live()
    assert live.finished == ""


def test_deleting_its_layer_ends_it(studio: Any, live: LiveLayer, session: Session) -> None:
    live.gone = True
    finish(studio, session)
    assert not studio.live.active
    assert not live.written
    assert live.finished is None


def test_a_quick_engine_gets_larger_passes_and_a_slow_one_smaller(
    studio: Any, live: LiveLayer, host: Host, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUICK", "SLOW"):
        monkeypatch.setattr(module("live"), name, 1e9)
    finish(studio, session)
    draw(host)
    ticks(studio)
    assert [r.raster.width for r in session.requests] == [384, 768]
    monkeypatch.setattr(module("live"), "SLOW", 0.0)
    monkeypatch.setattr(module("live"), "QUICK", 0.0)
    finish(studio, session)
    draw(host)
    ticks(studio)
    assert [r.raster.width for r in session.requests] == [384, 768, 384]


def test_the_preview_follows_strokes_by_itself(
    studio: Any, host: Host, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still until it was clicked."""
    monkeypatch.setattr(module("previewing"), "REST", 0.0)
    studio.previewing.enabled = True
    studio.watch()
    ticks(studio)
    finish(studio, session)
    assert len(session.requests) == 1
    host.stroke()
    ticks(studio)
    assert len(session.requests) == 2


def test_it_starts_as_soon_as_nothing_is_in_the_way(studio: Any, host: Host) -> None:
    """A document that was just opened, or a stroke that Krita still works on, gave only a message."""
    host.way = "waits for your hand"
    studio.canvas.start_live()
    ticks(studio)
    assert (host.lives, host.messages, studio.live.active) == ([], [], False)
    host.way = ""
    ticks(studio)
    assert studio.live.active


def test_it_does_not_wait_for_ever_to_start(studio: Any, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module("live"), "PATIENCE", -1.0)
    host.way = "waits until the text editor is closed"
    studio.canvas.start_live()
    assert host.messages == ["Live painting waits until the text editor is closed."]
    host.way = ""
    ticks(studio)
    assert not host.lives


def test_an_engine_that_has_ended_is_started_again(studio: Any, session: Session) -> None:
    """It had ended after ten idle minutes, and live painting waited for it forever."""
    session.welcome = None
    asked = session.asked
    studio.canvas.start_live()
    assert session.asked == asked + 1


def test_nothing_is_asked_of_another_engine_before_it_has_said_what_it_can(
    studio: Any, host: Host, session: Session, live: LiveLayer
) -> None:
    """It was asked for a method of the engine before, and live painting stood still."""
    finish(studio, session)
    session.coming.append(session.welcome)
    ticks(studio)
    draw(host)
    ticks(studio)
    assert len(session.requests) == 1
    session.coming.append(event("Listed", session.asked, catalogue()))
    ticks(studio)
    assert len(session.requests) == 2


def test_another_strength_is_mixed_at_once_without_a_pass(studio: Any, live: LiveLayer, host: Host, session: Session) -> None:
    """Each moved slider took a pass, and a full one when the hand rested."""
    finish(studio, session)
    for strength in (0.7, 0.3):
        studio.choose(strength=strength)
        ticks(studio)
    assert (live.written, live.shares) == ([0, 0, 0], [1.0, 0.7, 0.3])
    assert (len(session.requests), studio.previewing.share) == (1, 0.3)
    host.way = "waits for your hand"
    studio.choose(strength=0.4)
    ticks(studio)
    assert live.shares[3:] == []
    host.way = ""
    draw(host)
    ticks(studio)
    finish(studio, session)
    assert (live.shares[3:], session.requests[-1].strength) == ([0.4, 0.4], 1.0)
