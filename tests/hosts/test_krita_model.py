# SPDX-License-Identifier: Apache-2.0
"""The Krita plug-in's model without Krita and without an engine: what it asks, in which order, and what becomes of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosts.krita_doubles import Host, Layer, Session, catalogue, event, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


def test_the_first_style_is_chosen_when_none_was(studio: Any, host: Host) -> None:
    assert studio.settings.style == "night"
    assert json.loads(host.kept["settings"])["style"] == "night"


def test_choices_are_kept_for_the_next_start(studio: Any, host: Host, session: Session) -> None:
    studio.choose(strength=0.25, options={"brush_size": 2.0})
    later = module("studio").Studio(host, lambda name: session)
    assert later.settings == studio.settings


def test_a_layer_is_read_painted_and_inserted_under_its_styles_name(studio: Any, host: Host, session: Session) -> None:
    studio.choose(strength=0.7)
    studio.paint()
    ticks(studio)
    request = session.requests[0]
    assert bytes(request.raster.data) == bytes([0] * 16 + [0] * 32)
    assert (request.styles, request.method, request.strength) == ((("night", 1.0),), "fast", 0.7)
    finish(studio, session)
    assert host.inserted == ["The Night 70 %"]
    assert not studio.busy


def test_settings_changed_while_a_layer_waits_do_not_change_it(studio: Any, session: Session) -> None:
    studio.paint()
    studio.choose(strength=0.1)
    ticks(studio)
    assert session.requests[0].strength == 1.0


def test_layers_are_painted_one_after_another(studio: Any, host: Host, session: Session) -> None:
    host.selected = [Layer("one"), Layer("two")]
    studio.paint()
    ticks(studio)
    assert len(session.requests) == 1
    finish(studio, session)
    assert len(session.requests) == 2
    assert 0.5 <= studio.fraction < 1
    finish(studio, session)
    assert len(host.inserted) == 2


def test_the_frames_of_an_animation_go_out_as_one_sequence_unless_the_painter_wants_them_loose(
    studio: Any, host: Host, session: Session
) -> None:
    host.frames = lambda: [Layer(f"frame {i}", "1" * 32) for i in range(2)]
    for loose in (False, True):
        studio.preferences.loose_frames = loose
        assert module("studio").Studio(host, lambda name: session).preferences.loose_frames is loose
        studio.paint_frames()
        for _ in range(2):
            ticks(studio)
            finish(studio, session)
    studio.paint()
    ticks(studio)
    assert [request.sequence for request in session.requests] == ["1" * 32, "1" * 32, None, None, None]


def test_what_the_engine_remarks_of_frames_is_reported_once(studio: Any, host: Host, session: Session) -> None:
    for number in (1, 2):
        host.selected = [Layer("one"), Layer("two")]
        studio.paint()
        for _ in range(2):
            ticks(studio)
            job, raster = f"job{len(session.requests)}", session.requests[-1].raster
            session.coming.append(event("Done", job, raster, ("night@2",), 1.5, "cpu", "They flicker."))
            ticks(studio)
        assert host.messages.count("They flicker.") == number


def test_cancel_drops_what_waits_and_cancels_what_runs(studio: Any, host: Host, session: Session) -> None:
    host.selected = [Layer("one"), Layer("two")]
    studio.paint()
    ticks(studio)
    studio.cancel()
    session.coming.append(event("Cancelled", "job1"))
    ticks(studio)
    assert session.cancelled == ["job1"]
    assert not studio.busy
    assert not host.inserted


def test_a_result_without_a_place_is_kept_and_can_be_inserted(studio: Any, host: Host, session: Session) -> None:
    studio.paint()
    ticks(studio)
    host.gone = True
    finish(studio, session)
    (kept,) = studio.records.entries()
    assert kept.kept
    assert "kept in the history" in host.messages[-1]
    studio.insert_kept(kept)
    assert host.inserted == ["The Night 100 %"]
    assert [entry.kept for entry in studio.records.entries()] == [0]


def test_history_entries_pin_the_revision_that_was_used(studio: Any, host: Host, session: Session) -> None:
    studio.paint()
    ticks(studio)
    finish(studio, session)
    (entry,) = studio.records.entries()
    assert entry.settings.style == "night@2"
    studio.paint(settings=entry.settings)
    ticks(studio)
    assert session.requests[-1].styles == (("night@2", 1.0),)


def test_blending_takes_a_method_that_can_blend(studio: Any, session: Session) -> None:
    studio.choose(others=(other("wave", 0.25),), method="fast")
    studio.paint()
    ticks(studio)
    assert session.requests[0].method == "deep"
    assert session.requests[0].styles == (("night", 0.75), ("wave", 0.25))


def other(*how: Any) -> Any:
    return module("scumble_client.desk.settings").Other(*how)


@pytest.mark.parametrize("options", [{}, {"brush_size": 2.5}], ids=str)
def test_a_layer_is_read_for_the_brush_that_paints_it(studio: Any, host: Host, options: dict[str, Any]) -> None:
    studio.choose(options=options)
    studio.paint()
    ticks(studio)
    assert host.brushes == [options.get("brush_size", 1.0)]


def test_styles_with_places_are_parted_by_masks_and_the_first_has_what_is_left(
    studio: Any, host: Host, session: Session
) -> None:
    studio.choose(style="wave", others=(other("night", 0.5, "{1}", "Sky"),))
    studio.paint()
    ticks(studio)
    request = session.requests[0]
    assert host.opened == [[("{1}", "Sky")]]
    assert request.styles == (("wave", 1.0), ("night", 1.0))
    masks = request.masks
    assert (masks.width, masks.height, masks.channels, masks.format) == (4, 3, 2, "u8")
    assert bytes(masks.data) == bytes([255, 0, 205, 50, 155, 100, 127, 128] * 3)
    finish(studio, session)
    assert host.inserted == ["The Wave + The Night 100 %"]


def test_a_method_that_cannot_blend_paints_styles_with_places_of_their_own(studio: Any, session: Session) -> None:
    studio.choose(others=(other("night", 0.5, "selection"),), method="fast")
    studio.paint()
    ticks(studio)
    assert session.requests[0].method == "fast"


def test_a_place_that_has_gone_is_reported_and_nothing_is_sent(studio: Any, host: Host, session: Session) -> None:
    studio.choose(others=(other("wave", 1.0, "{2}", "Clouds"),))
    studio.paint()
    ticks(studio)
    assert studio.standing.text == "“Clouds” is not in this document any more."
    assert not session.requests
    assert not host.inserted
    assert not studio.busy


def test_styles_that_nothing_can_blend_are_named_and_the_way_out(studio: Any, session: Session) -> None:
    kinds, now = module("scumble_client.catalogue"), catalogue()
    alone = [style for style in now.styles if style.id == "night"]
    later = kinds.Style("later", 1, "Later", None, None, None, True, ("fast",), None)
    session.coming.append(event("Listed", session.asked, kinds.Catalogue(now.methods[:1], (*alone, later), 2)))
    ticks(studio)
    studio.choose(style="night", others=(other("later"),))
    studio.paint()
    ticks(studio)
    assert studio.standing.text.startswith("No method can blend “The Night” and “Later”. Say where each further style goes")
    assert not session.requests


def test_the_preview_goes_by_the_same_places(studio: Any, session: Session) -> None:
    studio.previewing.enabled = True
    studio.choose(others=(other("wave", 1.0, "selection"),))
    ticks(studio)
    assert bytes(session.requests[-1].masks.data) == bytes([255, 0, 0, 255, 0, 255, 0, 255])


def test_the_history_pins_further_styles_and_keeps_their_places(studio: Any, host: Host, session: Session) -> None:
    studio.choose(others=(other("wave", 0.7, "{1}", "Sky"),))
    studio.paint()
    ticks(studio)
    finish(studio, session)
    (entry,) = studio.records.entries()
    assert entry.settings.others == (other("wave@2", 0.7, "{1}", "Sky"),)


def test_an_option_of_another_method_or_out_of_range_is_not_sent(studio: Any, session: Session) -> None:
    studio.choose(options={"brush_size": 2.0, "steps": 300})
    studio.paint()
    ticks(studio)
    assert session.requests[0].options == {"brush_size": 2.0}


def test_an_engine_that_is_lost_ends_the_work_with_its_reason(studio: Any, host: Host, session: Session) -> None:
    studio.paint()
    ticks(studio)
    session.coming.append(event("Lost", "engine-missing", "No engine was found.", "Install it."))
    ticks(studio)
    session.coming.append(event("Cancelled", "job1"))
    ticks(studio)
    assert not studio.busy
    assert studio.standing.mood.value == "error"
    assert (studio.standing.text, studio.standing.hint) == ("No engine was found.", "Install it.")
    assert "engine-missing" in studio.report


def test_a_second_try_after_a_lost_engine_uses_a_session_that_speaks_again(host: Host) -> None:
    sessions: list[Session] = []
    studio = module("studio").Studio(host, lambda name: sessions.append(Session()) or sessions[-1])
    sessions[0].state = module("scumble_client.events").State.LOST
    studio.paint()
    assert len(sessions) == 2
    assert sessions[1].asked == 1


def test_without_a_layer_painting_says_so(studio: Any, host: Host) -> None:
    host.selected = []
    studio.paint()
    assert studio.standing.text == "There is no layer to paint."
    assert not studio.busy


def test_the_newest_preview_wins(studio: Any, session: Session) -> None:
    studio.previewing.enabled = True
    studio.tick()
    for size in (2.0, 3.0, 4.0):
        studio.choose(options={"brush_size": size})
        studio.tick()
    assert len(session.requests) == 1, "two previews at once"
    assert session.cancelled == ["job1"]
    old = session.requests[0].raster
    session.coming += [event("Preview", "job1", old), event("Cancelled", "job1")]
    ticks(studio)
    assert studio.previewing.picture is None, "an outdated preview was shown"
    assert [r.options for r in session.requests] == [{}, {"brush_size": 4.0}]


def test_the_previews_strength_is_mixed_at_once_without_a_job(studio: Any, session: Session) -> None:
    """Each moved slider painted the preview again."""
    studio.previewing.enabled = True
    studio.choose(strength=0.7)
    ticks(studio)
    finish(studio, session)
    assert studio.previewing.share == 0.7
    studio.choose(strength=0.2)
    ticks(studio)
    assert (studio.previewing.share, [r.strength for r in session.requests]) == (0.2, [1.0])


def test_a_preview_is_as_large_as_the_picture_is_painted_but_of_a_descent_it_is_small(
    studio: Any, host: Host, session: Session
) -> None:
    """Strokes are as broad in pixels at any size: those of a preview of 320 pixels were three times those of the result."""
    studio.previewing.enabled = True
    for method in ("fast", "deep"):
        studio.choose(method=method)
        ticks(studio)
        finish(studio, session)
    assert [r.method for r in session.requests] == ["fast", "deep"]
    assert host.sides == [1024, 512]


def test_a_preview_that_could_not_be_painted_is_tried_again_when_the_catalogue_changes(studio: Any, session: Session) -> None:
    studio.previewing.enabled = True
    studio.choose(style="later", method="fast")
    ticks(studio)
    assert not session.requests
    kinds, now = module("scumble_client.catalogue"), catalogue()
    later = kinds.Style("later", 1, "Later", None, None, None, True, ("fast",), None)
    session.coming.append(event("Listed", session.asked, kinds.Catalogue(now.methods, (*now.styles, later), 2)))
    ticks(studio)
    assert [r.styles for r in session.requests] == [(("later", 1.0),)]


def refining(style: str, state: str, fraction: float, **more: str) -> Any:
    return module("scumble_client.events").Refining(style, "memory", state, fraction, 1, "", 1, **more)


def test_refinement_is_followed_until_it_is_done_and_the_catalogue_is_read_again(studio: Any, session: Session) -> None:
    session.coming.append(refining("harbour@1", "waiting", 0.0))
    studio.tick()
    session.coming.append(refining("harbour@1", "running", 0.4))
    studio.tick()
    assert [state.fraction for state in studio.stylebook.refining.values()] == [0.4]
    asked = session.asked
    session.coming.append(refining("harbour@2", "done", 1.0))
    studio.tick()
    assert not studio.stylebook.refining
    assert session.asked == asked + 1


def test_a_refinement_that_fails_says_why(studio: Any, session: Session) -> None:
    session.coming.append(refining("harbour@1", "failed", 0.4, code="worker-died", message="It died.", hint="Try again."))
    studio.tick()
    assert (studio.standing.text, studio.standing.hint) == ("It died.", "Try again.")
    assert not studio.stylebook.refining


def test_a_silent_refinement_is_asked_about(studio: Any, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.coming.append(refining("harbour@1", "running", 0.4))
    studio.tick()
    asked = session.asked
    monkeypatch.setattr(module("stylebook"), "SILENCE", 0.0)
    ticks(studio)
    assert session.asked == asked + 1
    session.coming.append(
        event("Answer", session.asked, {"type": "refining", "style": "harbour@1", "state": "idle", "fraction": 0})
    )
    ticks(studio)
    assert not studio.stylebook.refining


def test_a_style_that_was_added_is_the_one_that_is_chosen(studio: Any, session: Session, host: Host) -> None:
    studio.add_layer_as_style()
    session.coming.append(event("StyleStored", "style1", "my-harbour@1", 2))
    studio.tick()
    assert studio.settings.style == "my-harbour"


def test_a_style_that_is_refused_says_why(studio: Any, session: Session) -> None:
    studio.add_layer_as_style()
    session.coming.append(event("Rejected", "style1", "busy", "Too much at once.", "Wait.", None))
    studio.tick()
    assert studio.standing.text == "Too much at once."


def test_previews_make_room_for_the_picture_itself(studio: Any, session: Session) -> None:
    studio.previewing.enabled = True
    studio.tick()
    studio.paint()
    ticks(studio)
    assert session.cancelled == ["job1"]
    session.coming.append(event("Cancelled", "job1"))
    finish(studio, session)
    assert len(session.requests) == 3, "the preview does not come back"
