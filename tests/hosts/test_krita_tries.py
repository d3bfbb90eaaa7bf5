# SPDX-License-Identifier: Apache-2.0
"""The whole Krita: candidates on the canvas, the contact sheet, and pictures that get better while one looks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hosts.kritas import KritaUser, play
from hosts.reports import of

SCENARIOS = "trying discarded sheet better growing given_up saved"
PLAIN, INVERTED = [10, 20, 30, 255], [245, 235, 225, 255]


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in one Krita."""
    return play(krita_user, "window:docker", *(f"tries:{name}" for name in SCENARIOS.split()))


@of("trying")
def test_what_is_chosen_is_shown_in_place_on_a_locked_layer(report: Any) -> None:
    assert report["names"] == ["Background", "layer", "Test style 100 %, a try"]
    assert report["locked"]
    assert report["strip"]
    assert report["pressed"]
    assert report["first"] == [INVERTED]
    assert report["items"] == 2
    assert report["second"] != [INVERTED]
    assert report["active"] == "layer"


@of("trying")
def test_the_original_is_seen_while_the_button_is_held(report: Any) -> None:
    assert report["original"] == PLAIN


@of("trying")
def test_applying_leaves_one_ordinary_result(report: Any) -> None:
    assert report["applied"] == ["Background", "layer", "Test style 100 %"]
    assert report["painted"] == [INVERTED]
    assert report["layer"] == [PLAIN]
    assert report["steps"] == 3  # the try, the result, the try's end


@of("discarded")
def test_discarding_waits_for_the_transform_tool(report: Any) -> None:
    """Taking the try away applied the transformation that was under way."""
    assert report["during"] == ["Background", "layer", "Test style 100 %, a try"]
    assert report["status"] == "The try waits until the transformation is applied (Enter) or another tool is chosen."
    assert report["names"] == ["Background", "layer"]
    assert report["moved"] == [pytest.approx(80, abs=8), pytest.approx(40, abs=8)]


@of("sheet")
def test_every_style_is_on_the_contact_sheet_and_discarding_leaves_nothing(report: Any) -> None:
    assert report["count"] == report["styles"] > 50
    assert report["chosen"] != "test-style"
    assert report["names"] == ["Background", "layer"]
    assert not report["strip"]


@of("better")
def test_a_picture_gets_better_in_the_docker_and_is_kept_as_it_is_shown(report: Any) -> None:
    assert (report["offered"], report["chosen"]) == (["Draft", "Good", "Best"], "Best")
    assert "painting" in report["status"]
    assert report["levels"][:4] == sorted(report["levels"][:4], reverse=True)
    assert report["names"] == ["Background", "layer", "Test style 100 %, best"]
    # A step may have been taken since it was shown, to either side.
    assert abs(report["kept"][0] - report["levels"][-1]) < report["levels"][2] - report["levels"][3], report["levels"]


@of("growing")
def test_a_picture_gets_better_on_the_canvas_within_the_selection(report: Any) -> None:
    assert report["begun"] == ["Background", "layer", "Test style 100 %, best, unfinished"]
    assert report["locked"]
    assert report["selected"][0] < report["first"]
    assert re.fullmatch(r"layer: painting, .+ left", report["status"]), report["status"]
    assert report["beside"] == PLAIN


@of("growing")
def test_no_unfinished_picture_comes_into_a_stroke(report: Any) -> None:
    assert len(set(report["held"])) == 1
    assert report["drawn"] == [[0, 0, 0, 255]]


@of("growing")
def test_what_is_kept_becomes_the_result_and_was_one_step(report: Any) -> None:
    assert report["names"] == ["Background", "layer", "Test style 100 %, best"]
    assert report["open"]
    shown, kept = report["kept"]
    assert kept <= shown
    stroke, *layer = report["steps"]
    assert "Add Layer" not in stroke
    assert layer == ["Undo Add Layer", "Redo Add Layer"]
    assert report["redone"] == kept


@of("given_up")
def test_where_the_layer_is_transparent_the_unfinished_picture_is_too(report: Any) -> None:
    """Pictures on their way are opaque: the box around a cut-out figure covered all that lies below."""
    assert report["through"] == 0


@of("given_up")
def test_cancelling_takes_the_unfinished_picture_away(report: Any) -> None:
    assert report["changed"]
    assert report["names"] == ["Background", "layer"]
    assert report["as_before"]


@of("saved")
def test_a_document_that_was_saved_before_the_picture_was_finished_opens_with_an_ordinary_layer(report: Any) -> None:
    """It kept the locked layer, and its name, forever."""
    assert report["still"] == ["Background", "layer", "Test style 100 %, best, unfinished"]
    assert report["locked"]
    assert report["unfinished.kra"][:3] == ["layer", "Test style 100 %, best", "open"]


@of("saved")
def test_a_lock_of_the_painters_own_is_still_there(report: Any) -> None:
    assert report["kept.kra"][:3] == ["layer", "Test style 100 %, best", "locked"]
