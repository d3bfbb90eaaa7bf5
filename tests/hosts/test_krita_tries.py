# SPDX-License-Identifier: Apache-2.0
"""The whole Krita: candidates on the canvas, the contact sheet, and pictures that get better while one looks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hosts.kritas import KritaUser, play
from hosts.seen import of

SCENARIOS = "trying discarded sheet better growing given_up saved"
PLAIN, INVERTED = [10, 20, 30, 255], [245, 235, 225, 255]


@pytest.fixture(scope="module")
def seen(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in one Krita."""
    return play(krita_user, "window:docker", *(f"tries:{name}" for name in SCENARIOS.split()))


@of("trying")
def test_what_is_chosen_is_shown_in_place_on_a_locked_layer(saw: Any) -> None:
    assert saw["names"] == ["Background", "layer", "Test style 100 %, a try"]
    assert saw["locked"]
    assert saw["strip"]
    assert saw["pressed"]
    assert saw["first"] == [INVERTED]
    assert saw["items"] == 2
    assert saw["second"] != [INVERTED]
    assert saw["active"] == "layer"


@of("trying")
def test_the_original_is_seen_while_the_button_is_held(saw: Any) -> None:
    assert saw["original"] == PLAIN


@of("trying")
def test_applying_leaves_one_ordinary_result(saw: Any) -> None:
    assert saw["applied"] == ["Background", "layer", "Test style 100 %"]
    assert saw["painted"] == [INVERTED]
    assert saw["layer"] == [PLAIN]
    assert saw["steps"] == 3  # the try, the result, the try's end


@of("discarded")
def test_discarding_waits_for_the_transform_tool(saw: Any) -> None:
    """Taking the try away applied the transformation that was under way."""
    assert saw["during"] == ["Background", "layer", "Test style 100 %, a try"]
    assert saw["status"] == "The try waits until the transformation is applied (Enter) or another tool is chosen."
    assert saw["names"] == ["Background", "layer"]
    assert saw["moved"] == [pytest.approx(80, abs=8), pytest.approx(40, abs=8)]


@of("sheet")
def test_every_style_is_on_the_contact_sheet_and_discarding_leaves_nothing(saw: Any) -> None:
    assert saw["count"] == saw["styles"] > 50
    assert saw["chosen"] != "test-style"
    assert saw["names"] == ["Background", "layer"]
    assert not saw["strip"]


@of("better")
def test_a_picture_gets_better_in_the_docker_and_is_kept_as_it_is_shown(saw: Any) -> None:
    assert (saw["offered"], saw["chosen"]) == (["Draft", "Good", "Best"], "Best")
    assert "painting" in saw["status"]
    assert saw["seen"][:4] == sorted(saw["seen"][:4], reverse=True)
    assert saw["names"] == ["Background", "layer", "Test style 100 %, best"]
    # A step may have been taken since it was shown, to either side.
    assert abs(saw["kept"][0] - saw["seen"][-1]) < saw["seen"][2] - saw["seen"][3], saw["seen"]


@of("growing")
def test_a_picture_gets_better_on_the_canvas_within_the_selection(saw: Any) -> None:
    assert saw["begun"] == ["Background", "layer", "Test style 100 %, best, unfinished"]
    assert saw["locked"]
    assert saw["selected"][0] < saw["first"]
    assert re.fullmatch(r"layer: painting, .+ left", saw["said"]), saw["said"]
    assert saw["beside"] == PLAIN


@of("growing")
def test_no_unfinished_picture_comes_into_a_stroke(saw: Any) -> None:
    assert len(set(saw["held"])) == 1
    assert saw["drawn"] == [[0, 0, 0, 255]]


@of("growing")
def test_what_is_kept_becomes_the_result_and_was_one_step(saw: Any) -> None:
    assert saw["names"] == ["Background", "layer", "Test style 100 %, best"]
    assert saw["open"]
    shown, kept = saw["kept"]
    assert kept <= shown
    stroke, *layer = saw["steps"]
    assert "Add Layer" not in stroke
    assert layer == ["Undo Add Layer", "Redo Add Layer"]
    assert saw["redone"] == kept


@of("given_up")
def test_where_the_layer_is_transparent_the_unfinished_picture_is_too(saw: Any) -> None:
    """Pictures on their way are opaque: the box around a cut-out figure covered all that lies below."""
    assert saw["through"] == 0


@of("given_up")
def test_cancelling_takes_the_unfinished_picture_away(saw: Any) -> None:
    assert saw["changed"]
    assert saw["names"] == ["Background", "layer"]
    assert saw["as_before"]


@of("saved")
def test_a_document_that_was_saved_before_the_picture_was_finished_opens_with_an_ordinary_layer(saw: Any) -> None:
    """It kept the locked layer, and its name, forever."""
    assert saw["still"] == ["Background", "layer", "Test style 100 %, best, unfinished"]
    assert saw["locked"]
    assert saw["unfinished.kra"][:3] == ["layer", "Test style 100 %, best", "open"]


@of("saved")
def test_a_lock_of_the_painters_own_is_still_there(saw: Any) -> None:
    assert saw["kept.kra"][:3] == ["layer", "Test style 100 %, best", "locked"]
