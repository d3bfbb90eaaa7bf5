# SPDX-License-Identifier: Apache-2.0
"""The whole Krita while the painter's hand moves: results that arrive during strokes, and where they are put."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.kritas import KritaUser, play
from hosts.seen import of

SCENARIOS = "stroke strokes transform crop shape text topmost as_seen clicked_twice"
RESULT = "Test style 100 %"


@pytest.fixture(scope="module")
def seen(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in one Krita."""
    return play(krita_user, "window:docker", *(f"strokes:{name}" for name in SCENARIOS.split()))


@of("stroke")
def test_a_result_that_arrives_during_a_stroke_waits_and_the_stroke_is_whole(saw: Any) -> None:
    """Adding a layer ends an open stroke: the rest of it was lost, after Krita had stood still for a second."""
    assert saw["during"] == ["Background", "layer"]
    assert saw["status"] == "layer: the result waits for your hand"
    assert saw["drawn"] == [[10, 20, 30, 255], *[[0, 0, 0, 255]] * 3, [10, 20, 30, 255]]
    assert saw["names"] == ["Background", "layer", RESULT]
    assert saw["steps"] == ["Undo Add Layer", "Undo Freehand Brush Stroke"]
    assert saw["undone"] == [[10, 20, 30, 255]] * 2


@of("strokes")
def test_no_stroke_is_cut_whenever_results_arrive(saw: Any) -> None:
    assert saw["whole"] == 12
    assert saw["results"] >= 4


@of("transform")
def test_a_result_waits_for_the_transform_tool_and_a_layer_is_not_read_while_it_has_it(saw: Any) -> None:
    """A layer that is being transformed is read as empty."""
    assert saw["during"] == ["Background", "layer"]
    assert "waits until the transformation is applied" in saw["status"]
    assert saw["applied"] == ["Background", "layer", RESULT]
    assert "waits until the transformation is applied" in saw["reading"]
    assert saw["names"] == ["Background", "layer", RESULT, RESULT]
    assert saw["moved"] == [pytest.approx(40, abs=4), pytest.approx(20, abs=4)]


@of("crop")
def test_a_result_does_not_apply_a_crop_that_is_being_drawn(saw: Any) -> None:
    """The new layer became the active one, and the crop tool applied its crop."""
    assert "waits until the crop is applied or given up" in saw["status"]
    assert saw["size"] == saw["after"] == [400, 300]
    assert saw["names"] == ["Background", "layer", RESULT]


@of("shape")
def test_a_result_does_not_part_a_polyline_that_is_being_drawn(saw: Any) -> None:
    """What was clicked before the result fell on the layer, what came after on the result."""
    assert "waits until the shape is finished" in saw["status"]
    assert saw["drawn"] == [[0, 0, 0, 255]] * 2
    assert saw["names"] == ["Background", "layer", RESULT]


@of("text")
def test_a_result_waits_while_a_text_is_written(saw: Any) -> None:
    assert "waits until the text editor is closed" in saw["status"]
    assert saw["during"] == ["Background", "layer", "Vector Layer 1"]
    assert saw["names"] == ["Background", "layer", RESULT, "Vector Layer 1"]


@of("topmost")
def test_a_second_result_lies_above_the_first(saw: Any) -> None:
    """It was put directly above the layer, under the first result, where nobody saw it."""
    assert saw["names"] == ["Background", "layer", RESULT, "Test style 50 %"]


@of("topmost")
def test_one_result_a_layer_takes_the_place_of_the_others_and_can_be_undone(saw: Any) -> None:
    assert saw["alone"] == ["Background", "layer", "Test style 20 %"]
    assert saw["undone"] == ["Background", "layer", RESULT, "Test style 50 %"]


@of("topmost")
def test_a_mask_that_is_active_stays_so(saw: Any) -> None:
    """The result became the active layer, and the next stroke fell on it."""
    assert saw["active"] == "mask"


@of("as_seen")
def test_all_that_is_seen_is_painted_without_a_group_and_comes_on_top(saw: Any) -> None:
    assert saw["names"] == ["Background", "layer", "over", RESULT]
    assert saw["painted"] == [[155, 145, 135, 255], [245, 235, 225, 255]]
    assert saw["active"] == "layer"
    assert saw["undone"] == ["Background", "layer", "over"]


@of("as_seen")
def test_the_docker_says_which_style_is_chosen(saw: Any) -> None:
    """The artist was only in the gallery's tooltips."""
    assert saw["by"] == "Test style"


@of("clicked_twice")
def test_a_double_click_on_the_button_does_not_cancel_what_it_begins(saw: Any) -> None:
    assert saw["names"] == ["Background", "layer", RESULT]


@of("clicked_twice")
def test_a_message_about_a_layer_goes_when_another_is_chosen(saw: Any) -> None:
    assert saw["status"].startswith("Ready")
