# SPDX-License-Identifier: Apache-2.0
"""What a painter does to image and layers while the engine paints, in the real GIMP 3 without a window.

Nothing that was painted is lost, and nothing in GIMP's own words reaches the painter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosts import gimp
from hosts.root import Host

INVERTED = bytes((245, 235, 225, 255)).hex()


@pytest.fixture(scope="module")
def host(host_root: Path) -> Iterator[Host]:
    with gimp.user(host_root) as user:
        gimp.install_spy(user)
        yield user


@pytest.fixture(scope="module")
def records(host: Host) -> dict[str, Any]:
    reports, output = gimp.scenarios(host, "troubles")
    return {**reports, "output": output}


def report(records: dict[str, Any], scenario: str) -> Any:
    """What a scenario reported; the spy has done its part."""
    entry = records[scenario]
    assert "raised" not in entry, entry["raised"]
    answer = entry["report"]
    assert "raised" not in answer.get("reply", {}), answer["reply"]
    return answer


def test_a_result_whose_image_is_gone_ends_without_a_word(records: dict[str, Any]) -> None:
    """The plug-in said "Scumble has a bug". A script that has called it holds the image until it returns; that the job ends at
    once where a painter closes the image is shown in test_gimp_window.py."""
    entry = report(records, "closed")
    assert entry["reply"]["answer"] is True
    assert entry["gone"]
    assert "bug" not in entry["error"]
    assert "AttributeError" not in records["output"]
    assert records["closed"]["seconds"] < 20
    assert entry["images"][1] == entry["images"][0] - 1, "no image is made of it"


def test_the_result_of_a_deleted_layer_goes_to_the_top(records: dict[str, Any]) -> None:
    entry = report(records, "deleted")
    assert entry["error"] == ""
    result, above, group = entry["stack"]
    assert (result["name"], result["pixel"], result["at"]) == ("Test style 100 %", INVERTED, [7, 8])
    assert (above["name"], group["name"]) == ("Above", "Group")


def test_a_result_goes_with_its_layer_in_the_shape_that_was_selected(records: dict[str, Any]) -> None:
    """A selection that was dropped while the engine painted used to have no part in the result."""
    entry = report(records, "moved")
    assert entry["error"] == ""
    result, source = entry["stack"]
    assert (result["at"], result["size"], result["pixel"]) == ([15, 15], [20, 16], INVERTED)
    assert source["at"] == [5, 3]


def test_no_lock_stands_in_the_way_and_a_locked_result_stays(records: dict[str, Any]) -> None:
    """A layer in a group with locked contents used to kill the plug-in after all the computing, since the result was filled
    where it already was."""
    entry = report(records, "locked")
    assert entry["errors"] == ["", ""]
    assert [child["name"] for child in entry["children"]] == ["Test style 50 %", "Test style 100 %", "Inner"]
    assert entry["children"][1]["pixel"] == INVERTED
    assert len(set(bytes.fromhex(entry["children"][1]["mask"]))) > 1, "the selection is its mask"


def test_a_result_that_the_image_cannot_take_is_an_image_of_its_own(records: dict[str, Any]) -> None:
    entry = report(records, "indexed")
    assert entry["error"] == ""
    assert entry["layers"] == 1
    ((result,),) = entry["new"]
    assert (result["name"], result["size"], result["pixel"]) == ("Test style 100 %", [40, 30], INVERTED)
    assert "is an image of its own" in records["output"]


def test_an_image_that_is_gray_by_now_gets_a_gray_result(records: dict[str, Any]) -> None:
    entry = report(records, "grayed")
    assert (entry["error"], entry["gray"], entry["layers"]) == ("", True, 2)


def test_the_next_result_lies_above_the_others_and_may_take_their_place(records: dict[str, Any]) -> None:
    """The second result used to come right above the layer, below the first, where nobody saw it."""
    entry = report(records, "stacked")
    assert entry["errors"] == [""] * 4
    assert entry["before"] == ["Clouds", "Test style 30 %", "Test style 20 %", "Test style 10 %", "Photo"]
    assert entry["after"] == ["Clouds", "Test style 40 %", "Photo", "Test style 10 %"]


def test_a_layer_deleted_before_its_turn_is_left_out(records: dict[str, Any]) -> None:
    entry = report(records, "first_of_two")
    assert (entry["error"], entry["names"]) == ("", ["Test style 100 %", "Low"])


@pytest.mark.parametrize("words", ["Scumble has a bug", "something unforeseen", "Traceback"])
def test_nothing_unforeseen_has_happened(records: dict[str, Any], words: str) -> None:
    assert words not in records["output"]
