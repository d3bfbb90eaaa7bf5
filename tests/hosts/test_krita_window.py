# SPDX-License-Identifier: Apache-2.0
"""The whole Krita on a screen of its own: docker, live preview, actions, undo, cancel, history, and engines that fail."""

from __future__ import annotations

from typing import Any

import pytest
import skimage.data
from PIL import Image

from hosts.kritas import KritaUser
from hosts.reports import of

SCENARIOS = {
    "window": "docker previews undo dockerless controls masked linear several cancel queued",
    "documents": "closed history frames",
    "styles": "from_file renamed dropped from_layer parted blended",
    "manual": "manual",
    "engines": "killed foreign absent",
    "real": "photograph",
}
"""Module by module, in this order."""
RESULT = "Test style 100 %"
NAMED = "Test style 60 %, brush 2, colours kept (luminance)"
INVERTED = [245, 235, 225, 255]


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, played one after another in a new Krita."""
    photo = krita_user.host.home / "photograph.png"
    Image.fromarray(skimage.data.coffee()).save(photo)
    more = {"SCUMBLE_TEST_PHOTO": str(photo), "SCUMBLE_TEST_ENGINE": krita_user.real_engine()}
    names = [f"{module}:{name}" for module, scenarios in SCENARIOS.items() for name in scenarios.split()]
    return krita_user.fresh_krita().play(*names, **more)


@of("docker")
def test_the_engine_does_not_start_with_krita_but_with_the_docker(report: Any) -> None:
    assert not report["running"]
    assert report["asleep"].startswith("The engine sleeps.")
    assert "The engine starts …" in report["starting"]
    assert report["ready"].startswith("Ready, on cpu")


@of("docker")
def test_the_gallery_is_empty_only_before_the_first_engine(report: Any) -> None:
    assert report["before"] == [False, 0]


@of("docker")
def test_the_gallery_shows_and_filters_the_engines_styles(report: Any) -> None:
    assert report["styles"] > report["filtered"] == 1
    assert report["chosen"]


@of("docker")
def test_a_preview_appears_by_itself(report: Any) -> None:
    assert report["preview"] == INVERTED


@of("previews")
def test_the_newest_preview_wins_and_most_choices_on_the_way_cost_nothing(report: Any) -> None:
    assert report["jobs"][-1] == 3.6
    assert len(report["jobs"]) < 26


@of("previews")
def test_the_previews_strength_follows_the_slider_without_a_job(report: Any) -> None:
    assert report["mixed"] == []
    assert report["pixel"] == pytest.approx([128, 128, 128, 255], abs=1)


@of("undo")
def test_scumble_is_in_the_artistic_filters(report: Any) -> None:
    assert {"Filter > Artistic > Scumble", "Filter > Artistic > Scumble Again"} <= set(report["menus"])


@of("undo")
def test_a_result_is_one_step_that_undoes_and_redoes(report: Any) -> None:
    assert report["painted"] == ["Background", "layer", RESULT]
    assert report["pixel"] == report["redone"] == INVERTED
    assert report["step"] == "Undo Add Layer"
    assert report["undone"] == ["Background", "layer"]


@of("undo")
def test_the_source_stays_the_active_layer_so_that_another_style_can_be_tried(report: Any) -> None:
    assert report["active"] == "layer"


@of("undo")
def test_scumble_again_repeats_the_last_painting_whatever_is_chosen_since(report: Any) -> None:
    assert report["again"] == ["Background", "layer", RESULT, RESULT]


@of("dockerless")
def test_the_actions_have_shortcuts_and_need_no_docker(report: Any) -> None:
    assert report["shortcuts"] == ["Ctrl+Alt+U", "Ctrl+Alt+Shift+U"]
    assert report["painted"] == ["Background", "layer", RESULT]


@of("controls")
def test_what_is_chosen_in_the_docker_is_what_is_painted_with(report: Any) -> None:
    options = {"brush_size": 2.0, "keep_colours": "luminance"}
    assert report["chosen"] == ["average", options]
    assert report["painted"] == ["average", 0.6, options]


@of("controls")
def test_the_history_paints_again_what_it_shows_whatever_is_chosen_since(report: Any) -> None:
    assert report["pictured"]
    assert report["button"] == "Paint again"
    assert report["again"] == report["painted"]
    assert report["names"] == ["Background", "layer", NAMED, NAMED]


@of("controls")
def test_the_report_that_is_copied_says_what_a_helper_needs(report: Any) -> None:
    lines = report["report"].splitlines()
    assert lines[0].startswith("Scumble for Krita ")
    assert "Krita 5" in lines[0]
    assert lines[1].startswith("Status: ready")
    assert lines[3].startswith("Engine: ")


@of("masked")
def test_a_result_and_its_mask_are_one_step(report: Any) -> None:
    assert RESULT in report["painted"]
    assert report["masks"] == ["transparencymask"]
    assert RESULT not in report["undone"]
    assert "layer" in report["undone"]


@of("linear")
def test_converting_colours_leaves_no_steps_behind(report: Any) -> None:
    assert "srgbtrc" not in report["profile"], "nothing is converted"
    assert report["painted"] == ["Background", "layer", RESULT]
    assert report["undone"] == ["Background", "layer"]
    assert report["emptied"] == ["Background"], "the step before is not the test's own"


@of("several")
def test_all_selected_layers_are_painted(report: Any) -> None:
    assert report["selected"] == ["Background", "layer", "other"]
    assert report["painted"] == ["Background", RESULT, "layer", RESULT, "other", RESULT]


@of("cancel")
def test_the_button_cancels_and_says_how_far_it_is(report: Any) -> None:
    assert report["button"].startswith("Cancel (")
    assert report["status"] == "layer: waiting"
    assert report["took"] < 6
    assert report["before"] == report["after"] == ["Background", "layer"]
    assert report["text"] == "Scumble"


@of("closed")
def test_a_document_closed_meanwhile_leaves_its_result_in_the_history_to_be_inserted_elsewhere(report: Any) -> None:
    assert "was closed" in report["status"]
    assert report["button"] == "Insert"
    assert report["names"] == ["Background", "layer", RESULT]


@of("history")
def test_a_saved_document_keeps_its_history_whose_settings_can_be_taken_up(report: Any) -> None:
    assert report["listed"].startswith("Test style 30 %")
    assert (report["strength"], report["options"], report["style"]) == (0.3, {"brush_size": 2.0}, "test-style@1")


@of("frames")
def test_an_animated_layer_becomes_a_new_one_with_the_same_key_frames(report: Any) -> None:
    assert report["painted"] == ["Background", "layer", RESULT]
    assert report["keys"] == [0, 2, 5, 9]
    assert [pixel[0] for pixel in report["pixels"][:3]] == [255, 235, 205]
    assert report["pixels"][3] == [0, 0, 0, 0], "a frame outside the clip"
    assert [pixel[0] for pixel in report["source"]] == [0, 20, 50, 90]


@of("frames")
def test_an_animation_is_one_step_and_one_entry_and_the_painter_stays_at_their_frame(report: Any) -> None:
    assert report["undone"] == ["Background", "layer"]
    assert [entry for entry in report["entries"] if "frame" in entry] == ["layer, frame 5"]
    assert report["time"] == 1


@of("frames")
def test_without_the_frames_action_the_frame_that_shows_is_painted(report: Any) -> None:
    assert report["current"] == {"pixel": [205, 205, 205, 255], "animated": False}


@of("frames")
def test_an_animation_says_how_far_it_is_and_can_be_cancelled_between(report: Any) -> None:
    assert report["button"].startswith("Cancel (")
    assert int(report["button"].partition("(")[2].partition(" ")[0]) >= 40
    assert report["status"].startswith("layer, frame 2")
    assert report["cancelled"] == ["Background", "layer"]


@of("killed")
def test_an_engine_killed_while_it_paints_is_started_again_and_the_picture_comes(report: Any) -> None:
    assert report["another"]
    assert report["names"] == ["Background", "layer", RESULT]
    assert report["status"].startswith("Ready")


@of("foreign")
def test_an_engine_of_another_version_is_named_and_a_later_try_succeeds(report: Any) -> None:
    assert "protocol 1" in report["status"]
    assert "99" in report["status"]
    assert report["attached"], "another engine was started"
    assert report["names"] == ["Background", "layer", RESULT]


@of("absent")
def test_an_engine_that_cannot_be_started_is_an_error_with_the_next_thing_to_do(report: Any) -> None:
    assert report["stopped"].startswith("The engine sleeps.")
    assert "could not be started" in report["status"]
    assert "Correct $SCUMBLE_ENGINE, or unset it." in report["status"]
    assert not report["busy"]
    assert report["names"] == ["Background", "layer", RESULT]


@of("photograph")
def test_a_photograph_is_painted_by_a_trained_network(report: Any) -> None:
    assert report["names"] == ["Background", "The Starry Night 100 %"]
    assert report["differs"]
    assert report["preview"]
    assert report["opaque"] == 255
    assert report["status"].startswith("Ready")
    assert [entry.partition("\n")[0] for entry in report["history"]] == [
        "The Great Wave off Kanagawa 70 %",
        "The Starry Night 100 %",
    ]


@of("from_file")
def test_a_picture_file_becomes_a_style_that_is_chosen_and_refined_while_one_looks_on(report: Any) -> None:
    assert report["chosen"] == "blue-harbour"
    assert report["picture"]
    shares = [int(line.rpartition(" ")[0].rpartition(" ")[2]) for line in report["lines"] if "is being refined" in line]
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert all(line.startswith("Blue harbour ") for line in report["lines"])


@of("from_file")
def test_what_was_refined_is_painted_with(report: Any) -> None:
    assert report["refined"] == ["darken"]
    assert report["name"] == "Blue harbour 100 %"
    assert report["pixel"] == pytest.approx([180, 72, 36, 255], abs=1), "not nine tenths of the picture's blue"


@of("renamed")
def test_a_style_of_ones_own_is_renamed_and_what_was_painted_with_it_finds_it(report: Any) -> None:
    assert report["offered"] == ["Blue harbour", "Blue harbour"], "a blank name changes nothing"
    assert report["shown"]
    assert report["chosen"] == "blue-harbour"
    assert (report["revision"], report["entry"]) == (2, "blue-harbour@2")
    assert report["names"] == ["Blue harbour 100 %", "Fog over the harbour 100 %"]


@of("dropped")
def test_several_pictures_are_dropped_on_the_gallery_and_a_favourite_comes_first(report: Any) -> None:
    assert report["first"] == ["★ White cliff", "white-cliff"]
    assert not report["notes"]
    assert report["favourites"] == ["white-cliff"]
    assert report["recent"][0] == "blue-harbour", "painted with last"
    assert {"red-sail", "white-cliff"} <= set(report["own"])
    assert len(report["own"]) < 10


@of("dropped")
def test_a_single_picture_is_called_as_one_types(report: Any) -> None:
    assert report["offered"] == ["Red sail"], "by its file, unless one types"
    assert report["typed"] == "Grey mist"


@of("from_layer")
def test_a_layer_becomes_a_style_whose_refinement_stops_and_goes_on_when_asked(report: Any) -> None:
    assert report["chosen"] == "layer"
    assert not report["stopped"]
    assert report["refined"] == ["darken"]


@of("parted")
def test_a_second_style_goes_where_a_hidden_layer_is_light_in_the_preview_and_in_the_picture(report: Any) -> None:
    first, second = [200, 80, 40, 255], [30, 60, 180, 255]
    assert report["pixels"] == [pytest.approx(first, abs=1), pytest.approx(second, abs=1)]
    assert report["preview"] == report["pixels"]
    assert report["offered"] == ["Everywhere", "The selection", "Sky", "layer", "Background"]
    assert report["shares"] == [50, 100]


@of("parted")
def test_a_picture_of_two_styles_is_one_step_and_its_entry_brings_styles_and_places_back(report: Any) -> None:
    assert report["rows"] == 2, "no third is offered"
    assert report["step"] == "Undo Add Layer"
    assert report["undone"] == ["Background", "layer", "Sky"]
    assert report["left"] == 1
    assert report["taken"]


@of("parted")
def test_a_place_that_was_removed_is_named_and_the_document_stays(report: Any) -> None:
    assert "“Sky”, which says where a further style goes, is not in this document any more" in report["status"]
    assert report["where"] == "Sky (not there)"
    assert report["gone"] == ["Background", "layer"]


@of("blended")
def test_two_styles_are_blended_by_their_shares_in_the_preview_and_in_the_picture(report: Any) -> None:
    """(200, 80, 40) and (30, 60, 180), blue first, three to one."""
    assert report["shares"] == [False, True]
    assert report["second"] == "layer"
    assert report["name"] == "Blue harbour + layer 100 %"
    assert report["pixel"] == pytest.approx([158, 75, 75, 255], abs=1)
    assert report["preview"] == report["pixel"]


@of("blended")
def test_only_methods_that_can_blend_are_offered_for_a_blend(report: Any) -> None:
    assert "average" in report["able"]
    assert "darken" not in report["able"]


@of("blended")
def test_styles_of_ones_own_are_removed_and_shipped_ones_are_not(report: Any) -> None:
    assert "layer" not in report["left"]
    assert "blue-harbour" in report["left"]
    assert report["shipped"] == ["Favourite", "Blend with this style"]


@of("manual")
def test_kritas_plugin_manager_shows_the_manual_with_its_picture(report: Any) -> None:
    assert report["shown"]
    assert "Filter > Artistic > Scumble" in report["text"]
    assert report["pictures"] == [True]


@of("queued")
def test_a_picture_that_waits_for_anothers_says_so(report: Any) -> None:
    assert report["status"] == "layer: 1 picture is before yours"
    assert report["names"] == ["Background", "layer", RESULT]
