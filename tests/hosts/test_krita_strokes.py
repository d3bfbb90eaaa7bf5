# SPDX-License-Identifier: Apache-2.0
"""The whole Krita while the painter's hand moves: results that arrive during strokes, and where they are put."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.kritas import KritaUser, play
from hosts.reports import of

SCENARIOS = "stroke strokes transform crop shape text topmost as_visible clicked_twice"
RESULT = "Test style 100 %"


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in one Krita."""
    return play(krita_user, "window:docker", *(f"strokes:{name}" for name in SCENARIOS.split()))


@of("stroke")
def test_a_result_that_arrives_during_a_stroke_waits_and_the_stroke_is_whole(report: Any) -> None:
    """Adding a layer ends an open stroke: the rest of it was lost, after Krita had stood still for a second."""
    assert report["during"] == ["Background", "layer"]
    assert report["status"] == "layer: the result waits for your hand"
    assert report["drawn"] == [[10, 20, 30, 255], *[[0, 0, 0, 255]] * 3, [10, 20, 30, 255]]
    assert report["names"] == ["Background", "layer", RESULT]
    assert report["steps"] == ["Undo Add Layer", "Undo Freehand Brush Stroke"]
    assert report["undone"] == [[10, 20, 30, 255]] * 2


@of("strokes")
def test_no_stroke_is_cut_whenever_results_arrive(report: Any) -> None:
    assert report["whole"] == 12
    assert report["results"] >= 4


@of("transform")
def test_a_result_waits_for_the_transform_tool_and_a_layer_is_not_read_while_it_has_it(report: Any) -> None:
    """A layer that is being transformed is read as empty."""
    assert report["during"] == ["Background", "layer"]
    assert "waits until the transformation is applied" in report["status"]
    assert report["applied"] == ["Background", "layer", RESULT]
    assert "waits until the transformation is applied" in report["reading"]
    assert report["names"] == ["Background", "layer", RESULT, RESULT]
    assert report["moved"] == [pytest.approx(40, abs=4), pytest.approx(20, abs=4)]


@of("crop")
def test_a_result_does_not_apply_a_crop_that_is_being_drawn(report: Any) -> None:
    """The new layer became the active one, and the crop tool applied its crop."""
    assert "waits until the crop is applied or given up" in report["status"]
    assert report["size"] == report["after"] == [400, 300]
    assert report["names"] == ["Background", "layer", RESULT]


@of("shape")
def test_a_result_does_not_part_a_polyline_that_is_being_drawn(report: Any) -> None:
    """What was clicked before the result fell on the layer, what came after on the result."""
    assert "waits until the shape is finished" in report["status"]
    assert report["drawn"] == [[0, 0, 0, 255]] * 2
    assert report["names"] == ["Background", "layer", RESULT]


@of("text")
def test_a_result_waits_while_a_text_is_written(report: Any) -> None:
    assert "waits until the text editor is closed" in report["status"]
    assert report["during"] == ["Background", "layer", "Vector Layer 1"]
    assert report["names"] == ["Background", "layer", RESULT, "Vector Layer 1"]


@of("topmost")
def test_a_second_result_lies_above_the_first(report: Any) -> None:
    """It was put directly above the layer, under the first result, where nobody saw it."""
    assert report["names"] == ["Background", "layer", RESULT, "Test style 50 %"]


@of("topmost")
def test_one_result_a_layer_takes_the_place_of_the_others_and_can_be_undone(report: Any) -> None:
    assert report["alone"] == ["Background", "layer", "Test style 20 %"]
    assert report["undone"] == ["Background", "layer", RESULT, "Test style 50 %"]


@of("topmost")
def test_a_mask_that_is_active_stays_so(report: Any) -> None:
    """The result became the active layer, and the next stroke fell on it."""
    assert report["active"] == "mask"


@of("as_visible")
def test_all_that_is_seen_is_painted_without_a_group_and_comes_on_top(report: Any) -> None:
    assert report["names"] == ["Background", "layer", "over", RESULT]
    assert report["painted"] == [[155, 145, 135, 255], [245, 235, 225, 255]]
    assert report["active"] == "layer"
    assert report["undone"] == ["Background", "layer", "over"]


@of("as_visible")
def test_the_docker_says_which_style_is_chosen(report: Any) -> None:
    """The artist was only in the gallery's tooltips."""
    assert report["by"] == "Test style"


@of("clicked_twice")
def test_a_double_click_on_the_button_does_not_cancel_what_it_begins(report: Any) -> None:
    assert report["names"] == ["Background", "layer", RESULT]


@of("clicked_twice")
def test_a_message_about_a_layer_goes_when_another_is_chosen(report: Any) -> None:
    assert report["status"].startswith("Ready")
