# SPDX-License-Identifier: Apache-2.0
"""Live painting in the whole Krita, with a real pointer: strokes, undo, styles, selections, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.kritas import KritaUser, play
from hosts.reports import of

SCENARIOS = "painting rested following preview selected visible paused closed_at_once hundred unfocused"
RESULT = "Test style 100 %"
LIVE = "Test style, live"
PLAIN, INK = [10, 20, 30, 255], [0, 0, 0, 255]
INVERTED, INVERTED_INK, NOTHING = [245, 235, 225, 255], [255, 255, 255, 255], [0, 0, 0, 0]


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in one Krita."""
    return play(krita_user, "window:docker", *(f"lives:{name}" for name in SCENARIOS.split()))


@of("painting")
def test_a_locked_layer_above_follows_a_stroke_and_its_undoing_and_the_canvas_shows_it(report: Any) -> None:
    assert report["names"] == ["Background", "layer", LIVE]
    assert report["locked"]
    assert report["pressed"]
    assert report["status"] == "Live."
    assert report["begun"] == [INVERTED, INVERTED]
    assert report["drawn"] == [PLAIN, INK]
    assert report["stroke"] == [INVERTED, INVERTED_INK]
    assert report["shown"] == INVERTED_INK
    assert report["undone"] == [INVERTED, INVERTED]


@of("painting")
def test_painting_live_leaves_no_undo_steps_and_cuts_no_stroke(report: Any) -> None:
    assert report["steps"] == [1, "Undo Freehand Brush Stroke"]
    assert report["during"] == [PLAIN, INK, INK, INK]


@of("painting")
def test_what_is_chosen_is_painted_at_once(report: Any) -> None:
    assert report["half"] == [pytest.approx([128, 128, 128, 255], abs=1)]


@of("painting")
def test_the_button_ends_it_and_the_layer_stays_as_an_ordinary_one(report: Any) -> None:
    assert report["kept"] == ["Background", "layer", RESULT]
    assert report["unlocked"]
    assert report["left"] == 1


@of("rested")
def test_a_small_pass_follows_the_stroke_and_every_pixel_when_the_hand_rests(report: Any) -> None:
    *small, full = report["sides"]
    assert small
    assert max(small) < full == 1600


@of("following")
def test_another_style_names_the_layer(report: Any) -> None:
    assert report["named"] == "The Starry Night, live"


@of("following")
def test_it_waits_while_the_transform_tool_has_the_layer_and_then_follows(report: Any) -> None:
    assert report["held"] == [0, INVERTED]
    assert report["moved"] == [True, True]


@of("unfocused")
def test_it_waits_while_another_program_has_the_focus(report: Any) -> None:
    assert report["status"].startswith("Live waits until Krita's window is the active one.")


@of("preview")
def test_the_dockers_preview_follows_strokes_and_undo_by_itself(report: Any) -> None:
    """The scenario waits for each; the preview of a small picture has its size."""
    assert report["size"] == [400, 300]


@of("selected")
def test_only_what_is_selected_is_painted_live(report: Any) -> None:
    assert report["limited"] == [NOTHING, INVERTED, NOTHING]


@of("selected")
def test_deleting_the_live_layer_ends_it(report: Any) -> None:
    assert report["deleted"] == ["Background", "layer"]
    assert report["status"].startswith("Ready")
    assert not report["pressed"]


@of("visible")
def test_what_is_seen_is_painted_without_the_live_layer_itself(report: Any) -> None:
    assert report["begun"] == [INVERTED]
    assert report["composed"] == [[155, 145, 135, 255], INVERTED]
    assert report["visible"]


@of("visible")
def test_closing_the_document_ends_it(report: Any) -> None:
    assert report["status"].startswith("Ready")


@of("paused")
def test_a_layer_of_ones_choice_is_painted_while_another_is_active(report: Any) -> None:
    assert (report["chosen"], report["active"]) == ([[155, 145, 135, 255]], "layer")


@of("paused")
def test_it_waits_and_says_so_while_it_would_paint_for_nobody(report: Any) -> None:
    assert report["another"].startswith("Live waits for its picture to be shown again.")
    assert report["hidden"].startswith("Live waits: its layer is hidden.")
    assert report["huge"].startswith("The picture is too large for live painting (8 megapixels at most).")


@of("closed_at_once")
def test_closing_the_document_in_the_turn_in_which_live_painting_ends_does_not_end_krita(report: Any) -> None:
    """The Layers docker took in the new name a tenth of a second later, of a layer that was gone: Krita ended (status 139)."""
    assert report["rounds"] == 4


@of("hundred")
def test_a_hundred_strokes_are_whole_and_leave_no_steps_of_ours_and_no_memory_behind(report: Any) -> None:
    assert report["whole"] == 100
    assert report["steps"] == 100
    assert report["passes"] > 10
    assert report["grown"] <= 50
