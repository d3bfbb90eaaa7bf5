# SPDX-License-Identifier: Apache-2.0
"""Candidates on the canvas in the Krita plug-in's model: shown one after another, compared, applied, discarded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosts.krita_doubles import Host, LiveLayer, Session, event, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


@pytest.fixture
def layer(studio: Any, host: Host, session: Session) -> LiveLayer:
    """What is tried on; the first candidate is there."""
    studio.canvas.start_trying()
    ticks(studio)
    finish(studio, session)
    return host.lives[0]


def second(studio: Any, session: Session) -> None:
    """One more, of two styles."""
    studio.blend_with("night")
    ticks(studio)
    finish(studio, session)


def titles(studio: Any) -> list[str]:
    return [candidate.title for candidate in studio.trying.candidates]


def test_what_is_chosen_is_shown_in_place_and_stays_a_try(studio: Any, layer: LiveLayer, host: Host) -> None:
    assert titles(studio) == ["The Night 100 %"]
    assert layer.name == "The Night 100 %, a try"
    assert layer.written == [0]
    assert not host.inserted


def test_other_choices_build_a_strip_and_a_moved_slider_does_not(studio: Any, layer: LiveLayer, session: Session) -> None:
    studio.choose(strength=0.5)
    ticks(studio)
    assert titles(studio) == ["The Night 50 %"]
    studio.choose(method="fast")
    ticks(studio)
    finish(studio, session)
    assert titles(studio) == ["The Night 50 %", "The Night 50 %"]
    assert studio.trying.at == 1


def test_another_strength_costs_no_job_where_it_mixes_pixels(studio: Any, layer: LiveLayer, session: Session) -> None:
    """Each moved slider painted the picture again."""
    for strength in (0.7, 0.3, 1.0):
        studio.choose(strength=strength)
        ticks(studio)
    assert [request.strength for request in session.requests] == [1.0]
    assert layer.shares == [1.0, 0.7, 0.3, 1.0]
    assert (titles(studio), layer.name) == (["The Night 100 %"], "The Night 100 %, a try")


def test_another_strength_is_asked_for_where_the_method_paints_weaker_itself(
    studio: Any, layer: LiveLayer, session: Session
) -> None:
    known = studio.offer.catalogue
    methods = tuple(replace(m, capabilities={**m.capabilities, "strength": True}) for m in known.methods)
    studio.offer.catalogue = replace(known, methods=methods)
    studio.choose(strength=0.7)
    ticks(studio)
    finish(studio, session)
    assert [request.strength for request in session.requests] == [1.0, 0.7]
    assert layer.shares == [1.0, 1.0]


def test_next_and_previous_go_round_and_choose_what_they_show(studio: Any, layer: LiveLayer, session: Session) -> None:
    studio.choose(method="fast", strength=0.5)
    ticks(studio)
    finish(studio, session)
    studio.take_up(studio.trying.step(1))
    ticks(studio)
    assert (studio.trying.at, studio.settings.strength, layer.name) == (0, 1.0, "The Night 100 %, a try")
    studio.take_up(studio.trying.step(-1))
    ticks(studio)
    assert (studio.trying.at, studio.settings.strength) == (1, 0.5)
    assert len(session.requests) == 2  # nothing is painted twice


def test_the_original_is_seen_as_long_as_the_button_is_held(studio: Any, layer: LiveLayer, host: Host) -> None:
    studio.trying.compare(True)
    assert not layer.visible
    host.way = "waits for your hand"
    studio.trying.compare(False)
    assert not layer.visible
    host.way = ""
    ticks(studio)
    assert layer.visible


def test_applying_paints_it_for_good_and_then_takes_the_try_away(
    studio: Any, layer: LiveLayer, host: Host, session: Session
) -> None:
    studio.trying.apply()
    ticks(studio)
    assert layer.finished is None
    finish(studio, session)
    assert host.inserted == ["The Night 100 %"]
    assert layer.finished == ""
    assert not studio.trying.active


def test_a_painting_that_is_cancelled_leaves_the_tries(studio: Any, layer: LiveLayer, host: Host, session: Session) -> None:
    studio.trying.apply()
    ticks(studio)
    studio.cancel()
    session.coming.append(event("Cancelled", "job2"))
    ticks(studio)
    assert studio.trying.active
    studio.paint()
    ticks(studio)
    finish(studio, session)
    assert studio.trying.active  # another painting does not end them


def test_discarding_takes_the_layer_away(studio: Any, layer: LiveLayer, session: Session) -> None:
    studio.choose(options={"brush_size": 2.0})
    ticks(studio)
    studio.canvas.stop_trying()
    assert session.cancelled == ["job2"]
    assert layer.finished == ""
    assert not studio.trying.candidates


def test_a_layer_that_is_discarded_goes_as_soon_as_nothing_is_in_the_way(studio: Any, layer: LiveLayer, host: Host) -> None:
    host.way = "waits until the transformation is applied"
    studio.canvas.stop_trying()
    ticks(studio)
    assert layer.finished is None
    assert studio.standing.text == "The try waits until the transformation is applied."
    host.way = ""
    ticks(studio)
    assert layer.finished == ""
    assert studio.standing.text.startswith("Ready")


def test_live_painting_that_begins_while_a_try_is_still_to_go_has_a_layer_of_its_own(
    studio: Any, layer: LiveLayer, host: Host
) -> None:
    """It went on with the layer that was discarded, which was then removed under it."""
    host.way = "waits until the transformation is applied"
    studio.canvas.stop_trying()
    studio.canvas.start_live()
    ticks(studio)
    host.way = ""
    ticks(studio)
    assert layer.finished == ""
    assert host.lives[-1] is not layer
    assert studio.live.active
    assert host.lives[-1].finished is None


def test_a_new_try_does_not_go_on_with_one_that_is_to_go(studio: Any, layer: LiveLayer, host: Host) -> None:
    host.way = "waits until the transformation is applied"
    studio.canvas.stop_trying()
    host.way = ""
    studio.canvas.start_trying()
    assert layer.finished == ""
    assert host.lives[-1] is not layer
    assert studio.trying.active


def test_a_layer_that_cannot_be_removed_is_tried_once(
    studio: Any, layer: LiveLayer, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tick of the clock raised again."""
    asked: list[str] = []

    def finish(name: str) -> None:
        asked.append(name)
        raise module("scumble_client.errors").EngineError("layer-gone", "its own layer is gone.", "")

    monkeypatch.setattr(layer, "finish", finish)
    host.way = "waits until the transformation is applied"
    studio.canvas.stop_trying()
    host.way = ""
    with pytest.raises(module("scumble_client.errors").EngineError):
        studio.trying.take_away()
    ticks(studio)
    assert asked == [""]


def test_all_styles_make_a_contact_sheet_in_small_and_the_one_that_is_shown_is_painted_larger(
    studio: Any, layer: LiveLayer, session: Session
) -> None:
    dawn = replace(studio.catalogue.styles[0], id="dawn", title="Dawn")
    studio.offer.catalogue = replace(studio.catalogue, styles=(*studio.catalogue.styles, dawn))
    layer.sides.clear()
    studio.canvas.try_all()
    ticks(studio)
    assert studio.trying.left == 2  # the third style has no quick method
    finish(studio, session)
    finish(studio, session)
    assert (titles(studio), studio.trying.left) == (["The Night 100 %", "Dawn 100 %"], 0)
    assert (layer.sides, studio.trying.at) == ([256, 256], 0)
    studio.take_up(studio.trying.show(0))
    ticks(studio)
    assert len(layer.sides) == 2  # the small one has not taken the large one's place
    studio.take_up(studio.trying.show(1))
    ticks(studio)
    assert layer.name == "Dawn 100 %, a try"
    assert layer.sides == [256, 256, 1024]


def test_live_painting_ends_the_tries_and_they_end_it(studio: Any, layer: LiveLayer, host: Host) -> None:
    studio.canvas.start_live()
    ticks(studio)
    assert layer.finished == ""
    assert studio.live.active
    studio.canvas.start_trying()
    assert not studio.live.active
    assert len(host.lives) == 3


def test_nothing_is_written_into_a_stroke(studio: Any, layer: LiveLayer, host: Host, session: Session) -> None:
    studio.choose(options={"brush_size": 2.0})
    ticks(studio)
    host.way = "waits for your hand"
    finish(studio, session)
    assert layer.written == [0]
    host.way = ""
    ticks(studio)
    assert layer.written == [0, 0]


def test_trying_in_another_document_begins_there(studio: Any, layer: LiveLayer, host: Host, session: Session) -> None:
    layer.elsewhere = True
    studio.choose(options={"brush_size": 2.0})
    ticks(studio)
    assert len(session.requests) == 1
    studio.canvas.start_trying()
    assert layer.finished == ""
    assert len(host.lives) == 2


def test_a_candidate_that_is_painted_again_does_not_come_back_when_another_is_shown_by_then(
    studio: Any, layer: LiveLayer, host: Host, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a stroke the second one was painted again; meanwhile the first was chosen, and the second came back."""
    studio.choose(method="fast", strength=0.5)
    ticks(studio)
    finish(studio, session)
    monkeypatch.setattr(module("trying"), "REST", 0.0)
    host.stroke()
    ticks(studio)
    studio.take_up(studio.trying.step(-1))
    finish(studio, session)
    assert (studio.trying.at, layer.name) == (0, "The Night 100 %, a try")


def test_what_is_applied_is_seen_getting_better_and_the_try_comes_back_when_that_is_cancelled(
    studio: Any, layer: LiveLayer, host: Host, session: Session
) -> None:
    studio.choose(quality="best")
    ticks(studio)
    finish(studio, session)
    studio.trying.apply()
    ticks(studio)
    job = f"job{len(session.requests)}"
    assert layer.visible
    session.coming.append(event("Preview", job, session.requests[-1].raster))
    ticks(studio)
    assert (len(host.growings), layer.visible) == (1, False)
    studio.cancel()
    session.coming.append(event("Cancelled", job))
    ticks(studio)
    assert (host.growings[0].withdrawn, layer.visible, studio.trying.active) == (True, True, True)
