# SPDX-License-Identifier: Apache-2.0
"""Settings as they are written and read back, by either plug-in or from damaged text."""

from __future__ import annotations

from typing import Any

import pytest

from scumble.client.desk.masks import mask_format, masks_from
from scumble.client.desk.settings import Other, Settings, brush_size, from_dict, from_json, number, pinned, unpinned

FULL = Settings("night", (Other("wave", 0.7, "{1}", "Sky"),), 0.4, "memory", {"brush_size": 2.0})


def test_settings_come_back_as_they_were_written() -> None:
    assert from_json(FULL.to_json()) == FULL


@pytest.mark.parametrize("damaged", ["", "[]", "{", "null", "3", "[" * 100_000, '{"style": 3, "strength": "much"}'])
def test_what_is_damaged_becomes_fresh_settings(damaged: str) -> None:
    assert from_json(damaged) == Settings()


def test_one_damaged_field_costs_that_field_alone() -> None:
    """One host threw all settings away for one field, the other kept the rest."""
    given = {**FULL.to_dict(), "strength": float("nan"), "options": {"brush_size": 2.0, "steps": [1], "x": float("inf")}}
    given["others"] = [*given["others"], {"style": 3}, "wave"]
    made = from_dict(given)
    assert made == Settings("night", FULL.others, 1.0, "memory", {"brush_size": 2.0})


@pytest.mark.parametrize(("value", "made"), [(0.3, 0.3), (7, 1.0), (-1, 0.0), (True, 0.5), ("1", 0.5), (None, 0.5)])
def test_numbers_are_brought_into_range_and_nothing_else_is_a_number(value: Any, made: float) -> None:
    assert number(value, 0.5, 0.0, 1.0) == made


def test_revisions_are_pinned_and_left_off_again() -> None:
    assert pinned(FULL, ["night@3", "wave@1"]).style == "night@3"
    assert [o.style for o in pinned(FULL, ["night@3", "wave@1"]).others] == ["wave@1"]
    assert unpinned(pinned(FULL, ["night@3", "wave@1"])) == FULL


@pytest.mark.parametrize(("value", "size"), [(2.5, 2.5), (0, 1.0), ("2", 1.0), (None, 1.0)])
def test_a_brush_size_that_is_none_is_the_usual_one(value: Any, size: float) -> None:
    assert brush_size({"brush_size": value}) == size


def test_masks_are_made_only_where_a_style_has_a_place() -> None:
    assert masks_from(Settings("a", (Other("b"),)), [None], 1, 1, "u8") is None
    made = masks_from(Settings("a", (Other("b", 1.0, "selection"),)), [bytes([0, 255])], 2, 1, "u8")
    assert made is not None
    assert (bytes(made.data), made.channels) == (bytes([255, 0, 0, 255]), 2)
    assert [mask_format(depth) for depth in ("u8", "u16", "f16", "f32")] == ["u8", "u16", "u16", "u16"]
