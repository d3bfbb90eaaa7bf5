# SPDX-License-Identifier: Apache-2.0
"""Which layers of an image are painted in the real GIMP 3, without a window: one runs every scenario of gimp_jobs/layers.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosts import gimp
from hosts.reports import of
from hosts.root import Host

PHOTO = bytes((10, 20, 30, 255)).hex()
INVERTED = bytes((245, 235, 225, 255)).hex()


@pytest.fixture(scope="module")
def host(host_root: Path) -> Iterator[Host]:
    with gimp.user(host_root) as user:
        yield user


@pytest.fixture(scope="module")
def ran(host: Host) -> tuple[dict[str, Any], str]:
    return gimp.scenarios(host, "layers")


@pytest.fixture
def report(ran: tuple[dict[str, Any], str], request: pytest.FixtureRequest) -> Any:
    """What the scenario reported that the test names with `of`."""
    entry = ran[0][request.param]
    assert "raised" not in entry, entry["raised"]
    return entry["report"]


@of("groups")
def test_a_result_stays_in_the_group_of_its_source(report: Any) -> None:
    assert report["errors"] == ["", ""]
    result, inner = report["children"]
    assert (result["parent"], result["at"], result["pixel"]) == ("Group", [7, 8], INVERTED)
    assert inner["pixel"] == PHOTO


@of("groups")
def test_a_group_is_stylized_as_it_looks(report: Any) -> None:
    _, above, group = report["stack"]
    assert group["name"] == "Group"
    assert (above["at"], above["size"], above["parent"]) == ([7, 8], [40, 30], None)
    assert above["pixel"] == PHOTO, "the inverse of the inverted layer in it"
    assert "is empty" in report["empty"]


@of("text")
def test_a_text_layer_stays_text(report: Any) -> None:
    assert report == {"error": "", "kinds": [False, True]}


@of("several")
def test_each_of_several_layers_gets_its_own_result(report: Any) -> None:
    assert report["error"] == ""
    above_high, high, above_low, low = report["stack"]
    assert (high["name"], low["name"]) == ("High", "Low")
    assert bytes.fromhex(above_high["pixel"]) == bytes((251, 250, 249, 255))
    assert bytes.fromhex(above_low["pixel"]) == bytes((254, 253, 252, 255))
    assert sorted(report["selected"]) == sorted([above_high["name"], above_low["name"]])


@of("one_is_empty")
def test_of_several_layers_one_of_which_is_empty_the_others_are_painted(report: Any, ran: tuple[dict[str, Any], str]) -> None:
    """None was painted, and all there was to read was what is wrong with the one."""
    assert report["error"] == ""
    names = [name.partition(" #")[0] for name in report["names"]]  # GIMP numbers the second of a name
    assert names == ["Test style 100 %", "High", "Bare", "Test style 100 %", "Low"]
    assert "2 of 3 layers were painted. The group “Bare” is empty." in ran[1]


@of("as_visible")
def test_all_that_is_seen_is_painted_without_a_group_and_comes_on_top(report: Any) -> None:
    """Krita could, GIMP could not."""
    assert report["errors"] == ["", ""]
    assert [layer["name"] for layer in report["stack"]] == ["Test style 100 %", "Hidden", "High", "Group"]
    assert (report["stack"][0]["at"], report["stack"][0]["size"]) == ([0, 0], [60, 40])
    assert report["pixels"] == [INVERTED, bytes((155, 145, 135, 255)).hex()]


@of("as_visible")
def test_of_what_is_seen_only_the_selected_part_is_painted(report: Any) -> None:
    assert (report["part"]["at"], report["part"]["size"], report["added"]) == ([30, 10], [20, 16], 1)
    assert report["part_pixels"] == [INVERTED, bytes((155, 145, 135, 255)).hex()]


@of("as_visible")
def test_an_image_without_layers_has_nothing_to_see(report: Any) -> None:
    assert "has no layers" in report["bare"]
