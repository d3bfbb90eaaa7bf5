# SPDX-License-Identifier: Apache-2.0
"""Layers through the real Krita, without its windows: pixels, depths, colour models, selections, groups, names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosts.kritas import KritaUser

JOBS = "plain depths spaces selection around shifted groups small_layer several one_is_empty nothing sizes gone"
MIXTURES = "places deep limited place_gone"
VIOLET, YELLOW = [90, 10, 200], [250, 210, 40]


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all jobs report, run at once because Krita takes its time to start."""
    jobs = [f"pixels:{name}" for name in JOBS.split()] + [f"mixtures:{name}" for name in MIXTURES.split()]
    results = krita_user.run(*jobs)
    wrong = "\n".join(report["error"] for report in results.values() if "error" in report)
    assert not wrong, wrong
    return results


def test_a_result_lies_above_its_source_and_its_earlier_results_and_leaves_the_source_alone(
    reports: dict[str, Any],
) -> None:
    plain = reports["plain"]
    assert plain["difference"] == 0
    assert plain["untouched"]
    assert plain["names"] == ["Background", "sketch", "Test style 100 %", "Test style 70 %", "above"]
    assert plain["facts"]["type"] == "paintlayer"


def test_a_result_is_named_after_style_and_strength(reports: dict[str, Any]) -> None:
    assert reports["plain"]["facts"]["name"] == "Test style 100 %"
    assert reports["plain"]["half"] == "Test style 70 %"


def test_the_document_keeps_what_was_painted_with_pinned_styles(reports: dict[str, Any]) -> None:
    entries = json.loads(reports["plain"]["notes"])["entries"]
    assert [e["settings"]["strength"] for e in entries] == [0.7, 1.0]
    assert {e["settings"]["style"] for e in entries} == {"test-style@1"}
    assert all(e["layer"] == "sketch" and e["picture"] for e in entries)


@pytest.mark.parametrize(("depth", "tolerance"), [("U8", 0.003), ("U16", 0.0001), ("F16", 0.001), ("F32", 0.00001)])
def test_every_depth_is_kept_and_used(reports: dict[str, Any], depth: str, tolerance: float) -> None:
    part = reports["depths"][depth]
    assert part["facts"]["space"] == ["RGBA", depth, "sRGB-elle-V2-srgbtrc.icc"]
    assert part["colours"] == pytest.approx([0.2, 0.6, 0.9], abs=tolerance)
    assert part["alpha"] == 1


@pytest.mark.parametrize(
    ("space", "tolerance"),
    [("GRAYA U8", 1), ("GRAYA U16", 1), ("RGBA F16", 1), ("RGBA F32", 1), ("CMYKA U8", 10), ("LABA U16", 5)],
)
def test_every_colour_model_comes_back_in_its_own_space(reports: dict[str, Any], space: str, tolerance: int) -> None:
    """Ink and bounded Lab round more than a colour's own bits do."""
    part = reports["spaces"][space]
    before, after = part["colours"]
    assert part["same"], part["facts"]
    assert all(abs(255 - a - b) <= tolerance for a, b in zip(before, after, strict=True)), part["colours"]


def test_floats_of_linear_light_travel_as_they_are(reports: dict[str, Any]) -> None:
    """Twelve megapixels of them took half a minute to be brought into sRGB's curve and back, band by band."""
    spaces = {space: part["sent"] for space, part in reports["spaces"].items() if space != "seconds"}
    assert {space for space, sent in spaces.items() if sent == "linear"} == {"RGBA F16", "RGBA F32"}


@pytest.mark.parametrize("way", ["mask", "alpha"])
def test_a_soft_selection_limits_the_result_softly(reports: dict[str, Any], way: str) -> None:
    part = reports["selection"][way]
    assert sum(0 < v < 255 for v in part["selected"]) > 0, "the selection is not soft"
    assert all(abs(a - s) <= 1 for a, s in zip(part["alpha"], part["selected"], strict=True))
    assert part["inside"] == [155, 135, 105, 255]
    assert part["facts"]["children"] == (["transparencymask"] if way == "mask" else [])


def test_a_broad_brush_sees_more_of_the_layer_around_a_selection(reports: dict[str, Any]) -> None:
    assert reports["around"]["bounds"] == {"0.5": [372, 276], "1.0": [372, 276], "2.0": [244, 532]}


def test_result_and_mask_follow_a_layer_that_is_moved_meanwhile(reports: dict[str, Any]) -> None:
    assert reports["shifted"]["inside"] == [245, 235, 225, 255]
    assert reports["shifted"]["old"][3] == 0


def test_a_group_is_painted_as_it_shows(reports: dict[str, Any]) -> None:
    groups = reports["groups"]
    assert groups["low"] == [255, 255, 0, 255]
    assert groups["high"] == [255, 0, 255, 255]
    assert groups["above"] == ["Background", "group", "Test style 100 %"]


def test_a_layer_in_a_group_has_its_result_in_the_group(reports: dict[str, Any]) -> None:
    assert reports["groups"]["parent"] == "group"
    assert reports["groups"]["order"] == ["low", "Test style 100 %", "high"]


def test_only_the_part_of_a_layer_that_is_on_the_canvas_is_painted(reports: dict[str, Any]) -> None:
    assert reports["small_layer"]["facts"]["bounds"] == [50, 10, 10, 20]
    assert reports["small_layer"]["pixel"] == [245, 235, 225, 255]


def test_several_layers_get_a_result_each(reports: dict[str, Any]) -> None:
    assert reports["several"]["order"] == ["Background", "one", "Test style 100 %", "two", "Test style 100 %"]
    assert reports["several"]["pixels"] == [235, 245]


def test_of_several_layers_one_of_which_is_empty_the_others_are_painted(reports: dict[str, Any]) -> None:
    """All there was to read was the error of the one."""
    part = reports["one_is_empty"]
    assert part["names"][-5:] == ["low", "Test style 100 %", "bare", "high", "Test style 100 %"]
    assert part["pixels"] == [235, 245]
    assert part["text"] == "2 of 3 layers were painted. The layer “bare” is empty."


def test_an_empty_layer_is_refused_in_a_sentence(reports: dict[str, Any]) -> None:
    assert reports["nothing"]["new"] == 0
    assert reports["nothing"]["text"] == "The layer “empty” is empty."
    assert reports["nothing"]["hint"]


def test_any_size_is_painted_from_one_pixel_up(reports: dict[str, Any]) -> None:
    assert reports["sizes"]["dot"] == [245, 235, 225, 255]
    assert reports["sizes"]["facts"]["bounds"] == [0, 0, 6000, 4000]
    assert all(corner == [245, 235, 225, 255] for corner in reports["sizes"]["corners"])


def test_a_layer_that_was_moved_into_a_group_meanwhile_is_found_again(reports: dict[str, Any]) -> None:
    names = reports["gone"]["moved"]["names"]
    assert names.index("group") < names.index("Test style 100 %") < names.index("moved"), names


@pytest.mark.parametrize("what", ["deleted", "closed"])
def test_a_result_whose_layer_has_gone_is_kept_and_can_be_inserted(reports: dict[str, Any], what: str) -> None:
    assert "kept in the history" in reports["gone"][what]["status"]
    assert what in reports["gone"][what]["kept"]
    assert reports["gone"]["inserted"]["names"] == ["Background", "below", "Test style 100 %"]
    assert reports["gone"]["inserted"]["pixel"] == [245, 235, 225, 255]


def test_a_style_goes_where_the_selection_layers_and_masks_say(reports: dict[str, Any]) -> None:
    part = reports["places"]
    yellow = [x for x in range(60) if part["row"][x] == YELLOW]
    wanted = [x for start in range(5, 50, 10) for x in range(start, start + 5)]
    assert yellow == wanted
    assert all(pixel == VIOLET for x, pixel in enumerate(part["row"]) if x not in yellow)
    assert part["facts"]["name"] == "violet + yellow 100 %"
    assert part["facts"]["bounds"] == [0, 0, 60, 40], "the places do not limit the result"
    assert part["facts"]["children"] == []
    assert [x for small in part["smalls"] for x, share in enumerate(small) if share == 255] == wanted, "the preview differs"


def test_every_layer_and_mask_of_the_document_is_offered_as_a_place(reports: dict[str, Any]) -> None:
    names = reports["places"]["names"]
    assert names[:2] == ["The selection", "masked"]
    assert sorted(names[2:4]) == ["selection (masked)", "transparency (masked)"]
    assert names[4:] == ["strokes", "grey", "photo", "Background"]


def test_the_document_remembers_where_styles_went(reports: dict[str, Any]) -> None:
    (entry,) = json.loads(reports["places"]["notes"])["entries"]
    others = entry["settings"]["others"]
    assert {other["style"].partition("@")[0] for other in others} == {"yellow"}
    assert all("@" in other["style"] for other in others)
    assert [other["where"] for other in others] == [*reports["places"]["ids"], "selection"]


def test_a_place_of_16_bits_is_used_at_16_bits(reports: dict[str, Any]) -> None:
    assert reports["deep"]["levels"] > 500


def test_a_selection_limits_the_result_where_it_is_no_place_itself(reports: dict[str, Any]) -> None:
    assert reports["limited"]["pixels"] == [pytest.approx([170, 110, 120], abs=1), VIOLET]
    assert reports["limited"]["facts"]["children"] == ["transparencymask"]


def test_a_place_that_has_gone_is_reported_and_leaves_the_document_as_it_was(reports: dict[str, Any]) -> None:
    assert "“sky”, which says where a further style goes, is not in this document any more" in reports["place_gone"]["removed"]
    assert reports["place_gone"]["nothing"].startswith("Nothing is selected. Select where")
    assert reports["place_gone"]["names"] == ["Background", "photo"]
