# SPDX-License-Identifier: Apache-2.0
"""The plug-in inside the real GIMP 3, without a window: one GIMP runs every scenario of gimp_jobs/, tests judge them.

The engine is one that the plug-in itself started, with a method that inverts: what comes back is known to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from hosts import gimp
from hosts.reports import of
from hosts.root import Host
from scumble.library.styles import StyleStore
from support.engine import TEST_METHODS

PHOTO = bytes((10, 20, 30, 255)).hex()
INVERTED = bytes((245, 235, 225, 255)).hex()
VIOLET, YELLOW = (90, 10, 200), (250, 210, 40)
"""Styles all of one colour."""
JOBS = Path(__file__).parent / "gimp_jobs"


@pytest.fixture(scope="module")
def host(host_root: Path) -> Iterator[Host]:
    with gimp.user(host_root, f"{TEST_METHODS},scumble_blending") as user:
        for name, colour in (("Violet", VIOLET), ("Yellow", YELLOW)):
            StyleStore(user.home / "data" / "styles").put(name, np.full((16, 16, 3), colour, np.uint8))
        yield user


@pytest.fixture(scope="module")
def records(host: Host) -> dict[str, Any]:
    reports, _ = gimp.scenarios(host, "calls mixtures pixels shapes")
    return reports


@pytest.fixture
def report(records: dict[str, Any], request: pytest.FixtureRequest) -> Any:
    """What the scenario reported that the test names with `of`."""
    entry = records[request.param]
    assert "raised" not in entry, entry["raised"]
    return entry["report"]


@of("styles")
def test_the_first_call_starts_the_engine_and_lists_the_painters_own_styles_first(report: Any, host: Host) -> None:
    ids, titles, methods = report
    assert ids[0] == "test-style"
    assert titles[0] == "Test style"
    assert "starry-night" in ids
    assert methods[0] == "invert slow crash average"
    connection = json.loads((host.runtime / "engine.json").read_text())
    assert psutil.Process(connection["pid"]).environ()["HOME"] == str(host.home)


@of("plain")
def test_the_result_is_a_new_layer_above_the_source_which_stays_as_it_was(report: Any) -> None:
    assert report["error"] == ""
    above, result, source = report["stack"]
    assert (above["name"], source["name"]) == ("Above", "Photo")
    assert result["name"] == "Test style 70 %"
    assert (result["at"], result["size"]) == ([5, 6], [40, 30])
    assert result["mask"] is None
    assert report["source"] == report["above"] == PHOTO
    colour = bytes.fromhex(result["pixel"])
    assert colour == bytes(round(0.3 * a + 0.7 * (255 - a)) for a in (10, 20, 30)) + b"\xff"
    assert report["selected"] == ["Test style 70 %"]


@of("plain")
def test_the_result_remembers_how_it_was_made(report: Any) -> None:
    made = report["stack"][1]["made"]
    assert (made["style"], made["method"], made["strength"]) == ("test-style@1", "invert", 0.7)
    assert made["source"] != made["itself"]


@of("precisions")
def test_every_precision_is_painted_alike_and_keeps_its_alpha(report: Any) -> None:
    assert len(report) == 10
    for precision, entry in report.items():
        assert (entry["error"], entry["layers"]) == ("", 2), precision
        painted, wanted = bytes.fromhex(entry["pixel"]), (55, 155, 205, 128)
        assert all(abs(a - b) <= 1 for a, b in zip(painted, wanted, strict=True)), (precision, painted)


@of("identity")
def test_strength_0_gives_back_the_very_samples(report: Any) -> None:
    for depth, entry in report.items():
        assert entry == {"error": "", "name": "Test style 0 %", "same": True}, depth


@of("profile")
def test_a_colour_profile_is_converted_both_ways(report: Any) -> None:
    assert report["error"] == ""
    before, after = bytes.fromhex(report["before"]), bytes.fromhex(report["after"])
    assert before[:3] != bytes.fromhex(PHOTO)[:3]
    assert all(abs(255 - a - b) <= 1 for a, b in zip(before[:3], after[:3], strict=True))


@of("gray")
def test_a_gray_image_gets_a_gray_result(report: Any) -> None:
    assert report == {"error": "", "gray": True, "pixel": bytes((195, 195, 195, 255)).hex()}


@of("sizes")
@pytest.mark.parametrize("size", ["1x1", "6000x4000"])
def test_a_layer_may_have_any_size(report: Any, size: str) -> None:
    entry = report[size]
    assert entry["error"] == ""
    assert entry["size"] == [int(n) for n in size.split("x")]
    assert entry["pixels"] == [INVERTED, INVERTED]


@of("rectangle")
def test_a_selection_gives_a_layer_of_its_size_at_its_place(report: Any) -> None:
    assert report["error"] == ""
    result, source = report["stack"]
    assert (result["at"], result["size"], result["pixel"]) == ([10, 12], [20, 16], INVERTED)
    assert result["mask"] is None
    assert source["size"] == [64, 48]
    assert not report["empty"], "the selection must stay"


@of("around")
def test_a_broad_brush_sees_more_of_the_layer_around_a_selection(report: Any) -> None:
    near, far = report["1.0"], report["2.0"]
    assert near["error"] == far["error"] == ""
    assert (near["result"]["at"], near["result"]["size"]) == (far["result"]["at"], far["result"]["size"]) == ([100, 0], [20, 4])
    assert near["result"]["pixel"] == PHOTO, "a layer of one colour, as far as it is sent"
    assert far["result"]["pixel"] != PHOTO


@of("soft")
def test_a_soft_selection_becomes_the_layer_mask(report: Any) -> None:
    assert report["error"] == ""
    assert report["top"]["mask"] == report["selection"]
    assert len(set(bytes.fromhex(report["selection"]))) > 50
    assert not report["editing"], "the painter goes on with the layer, not with its mask"


@of("masked")
def test_the_sources_own_mask_shapes_the_result(report: Any) -> None:
    assert report == {"error": "", "mask": "0064c8ff0064c8ff"}


@of("outside")
def test_a_selection_beside_the_layer_is_explained(report: Any) -> None:
    assert "does not touch" in report["error"]
    assert report["layers"] == 1


@of("refused")
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("indexed", "Image > Mode > RGB"),
        ("floating", "Layer > Anchor Layer"),
        ("mask", "Click the layer itself"),
        ("channel", "A channel is selected"),
        ("nothing", "Select a layer"),
        ("style", "There is no style called “no-such-style”. Styles are: test-style"),
        ("method", "cannot paint “Test style”. Methods that can: invert, slow, crash"),
        ("json", "The options are no JSON"),
        ("quality", "“superb” is no quality. Qualities are draft, good, best"),
        ("option", "There is no option 'bogus'"),
        ("file", "“Torn.png” cannot be opened as a picture"),
        ("again", "A channel is selected"),
    ],
)
def test_what_cannot_be_stylized_is_reported_in_a_sentence(report: Any, what: str, words: str) -> None:
    assert words in report[what]


@of("again")
def test_a_selected_result_is_made_again_from_its_source_in_its_place(report: Any) -> None:
    assert report["errors"] == [""] * 5
    result, source = report["replaced"]
    assert (result["name"], source["name"]) == ("Test style 25 %", "Photo")
    assert bytes.fromhex(result["pixel"]) == bytes(round(0.75 * a + 0.25 * (255 - a)) for a in (10, 20, 30)) + b"\xff"
    assert report["opacity"] == 40


@of("again")
def test_again_repeats_the_last_settings_and_replaces_if_they_say_so(report: Any) -> None:
    assert report["repeated"] == ["Test style 25 %", "Photo"]
    assert report["added"] == ["Test style 100 %", "Test style 25 %", "Photo"]


@of("again")
def test_a_duplicate_of_a_result_is_a_layer_like_any_other(report: Any) -> None:
    assert report["copy"] == [INVERTED, INVERTED]
    assert report["of_copy"] == PHOTO
    assert report["layers"] == 5


@of("saved")
def test_a_result_opened_from_a_file_is_made_again_from_its_source(report: Any) -> None:
    assert report == {"error": "", "names": ["Test style 25 %", "Photo"]}


@of("own_styles")
def test_a_picture_file_and_a_layer_become_styles_of_the_painters_own(report: Any) -> None:
    assert report["errors"] == ["", ""]
    assert report["names"] == ["Harbour at dusk", "Harbour at dusk 100 %", "Red barn 100 %", "Photo"]
    assert report["styles"][0][:2] == ["harbour-at-dusk", "red-barn"]


@of("script_fu")
def test_script_fu_can_call_it(report: Any) -> None:
    assert report == {"done": True, "names": ["Test style 100 %", "Photo"]}


@of("method_options")
def test_scripts_choose_method_and_options(report: Any) -> None:
    assert report["error"] == ""
    assert (report["made"]["method"], report["made"]["brush_size"], report["made"]["more"]) == ("slow", 2.0, {"seconds": 0.2})
    assert report["draft"] == ""


@of("method_options")
def test_the_image_remembers_what_was_painted_in_it(report: Any) -> None:
    assert report["history"] == [["Test style 100 %", "draft"], ["Test style 100 %, brush 2", ""]]


@of("kept_colours")
def test_colours_are_kept_in_each_way_that_the_engine_has(report: Any) -> None:
    wrong = report["errors"].pop("sorcery")
    assert "cannot keep colours by “sorcery”. Choices: off, luminance, coral, histogram" in wrong
    assert set(report["errors"].values()) == {""}
    assert report["pixels"][""] == report["pixels"]["off"] == INVERTED
    kept = [report["pixels"][way] for way in ("luminance", "coral", "histogram")]
    assert len({*kept, INVERTED}) == 4
    assert colour(kept[2]) == pytest.approx((200, 100, 50), abs=2), "what is lightest has the layer's lightest colour"
    assert report["made"]["histogram"] == "histogram"


def colour(pixel: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(pixel)[:3])


def between(share: float) -> list[Any]:
    return [pytest.approx(a + share * (b - a), abs=1) for a, b in zip(VIOLET, YELLOW, strict=True)]


@of("blended")
def test_styles_are_blended_by_their_shares_and_a_share_of_nothing_changes_nothing(report: Any) -> None:
    assert report["errors"] == [""] * 3
    single, nothing, quarter = report["results"]
    assert colour(nothing["pixel"]) == colour(single["pixel"]) == VIOLET
    assert nothing["name"].startswith("Violet 100 %")
    assert list(colour(quarter["pixel"])) == between(0.25)
    assert quarter["name"] == "Violet + Yellow 100 %"


@of("places")
def test_a_style_goes_where_a_selection_layers_a_mask_and_a_channel_say(report: Any) -> None:
    assert report["error"] == ""
    yellow = [x for x in range(60) if colour(report["row"][x]) == YELLOW]
    assert yellow == [x for start in (6, 16, 26, 36, 46, 55) for x in range(start, start + 5)]
    assert {colour(pixel) for x, pixel in enumerate(report["row"]) if x not in yellow} == {VIOLET}
    assert (report["top"]["at"], report["top"]["size"]) == ([3, 6], [60, 30]), "the places do not limit the result"
    assert report["top"]["mask"] is None
    assert report["top"]["name"] == "Violet + Yellow 100 %"
    made = report["top"]["made"]
    assert made["style"] == "violet@1"
    assert [(o["style"], o["share"], o["where"]) for o in made["others"]] == [("yellow@1", 1.0, w) for w in report["names"]]


@of("limited")
def test_a_selection_limits_the_result_where_it_is_no_place_itself(report: Any) -> None:
    assert report["error"] == ""
    assert (report["top"]["at"], report["top"]["size"]) == ([10, 0], [20, 30])
    assert list(colour(report["ends"][0])) == between(0.5)
    assert colour(report["ends"][1]) == VIOLET


@of("deep")
def test_a_place_of_16_bits_is_used_at_16_bits(report: Any) -> None:
    assert report["error"] == ""
    assert report["levels"] > 500


@of("gone")
def test_what_is_made_again_goes_by_the_same_places_and_says_so_where_they_have_gone(report: Any) -> None:
    assert report["before"] == report["again"] == ""
    assert report["replaced"] == ["Sky", "Violet + Yellow 100 %", "Photo"]
    assert "There is no layer called “Sky” in this image any more" in report["layer"]
    assert report["left"], "the document is touched"
    assert not report["first"]
    assert report["layers"] == 2


@of("gone")
def test_other_styles_that_cannot_be_are_reported_in_a_sentence(report: Any) -> None:
    assert "Nothing is selected: select where the style “yellow” goes" in report["selection"]
    assert 'The other styles cannot be read: {"stile": "yellow"} is no style' in report["word"]


@pytest.fixture(scope="module")
def engines(host: Host, records: dict[str, Any]) -> dict[str, Any]:
    """What a run gives with engines that are missing, broken, too new, and a real one with trained networks alone.

    After `records`, so that this is a GIMP that knows the plug-in from its cache: empty texts are None then.
    """
    commands = {
        "absent": None,
        "broken": ["/bin/false"],
        "newer": gimp.newer_engine(host),
        "real": host.engine_command(gimp.TRAINED_ONLY),
    }
    (host.home / "commands.json").write_text(json.dumps(commands))
    record = host.home / "engines.json"
    gimp.batch(host, JOBS / "engines.py", RECORD=str(record))
    values: dict[str, Any] = json.loads(record.read_text())
    return values


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("absent", ["No Scumble engine was found", "$SCUMBLE_ENGINE", "engine-command.json", "PATH", "scumble plugin install"]),
        ("broken", ["The engine ended while it started (exit code 1)"]),
        ("newer", ["protocol 2", "1"]),
    ],
)
def test_an_engine_that_cannot_be_used_is_explained(engines: dict[str, Any], which: str, words: list[str]) -> None:
    assert len(engines[which]["layers"]) == 1
    for word in words:
        assert word in engines[which]["error"]


def test_a_trained_network_paints_a_layer(engines: dict[str, Any]) -> None:
    assert engines["real"]["error"] == ""
    result, source = engines["real"]["layers"]
    assert result["name"] == "The Starry Night 50 %"
    assert result["made"]["method"] == "johnson"
    assert result["pixel"] != source["pixel"] == engines["real"]["source"]


def test_a_picture_that_no_method_can_paint_is_kept_and_said_to_be_so(engines: dict[str, Any]) -> None:
    assert "“Red barn” is kept among your styles, but none of the engine's methods can paint it" in engines["real"]["own"]


def test_two_trained_networks_share_a_layer_by_a_selection(engines: dict[str, Any]) -> None:
    halves = engines["real"]["halves"]
    assert "No method can blend “The Starry Night” and “The Great Wave off Kanagawa”" in halves["errors"][0]
    assert halves["errors"][1:] == [""] * 3
    (left_first, left_second), (right_first, right_second) = halves["far"]
    assert left_first < 1 < 10 < left_second
    assert right_second < 1 < 10 < right_first
