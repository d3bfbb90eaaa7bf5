# SPDX-License-Identifier: Apache-2.0
"""The history that both plug-ins keep in a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from scumble.client.desk.history import ENTRIES, LARGEST, Entry, dump, load, shared_fields
from scumble.client.desk.settings import Settings, from_dict

ENTRY = Entry("Night 80 %", "layer 1", Settings(style="night@2", strength=0.8), 1.5, b"\x89PNG")


def read(given: Mapping[str, Any]) -> Entry:
    return Entry(settings=from_dict(given["settings"]), **shared_fields(given))


def test_entries_come_back_as_they_were_and_no_more_than_are_kept() -> None:
    assert load(dump([ENTRY], Settings.to_dict), read) == [ENTRY]
    assert load(dump([ENTRY] * 30, Settings.to_dict), read) == [ENTRY] * ENTRIES


@pytest.mark.parametrize("text", ["", "[", "[]", "3", '{"entries": 3}', '{"entries": null}', "[" * 100_000])
def test_text_that_is_no_history_has_no_entries(text: str) -> None:
    assert load(text, read) == []


@pytest.mark.parametrize(
    "damage", [{"picture": "?"}, {"picture": 3}, {"seconds": "x"}, {"seconds": 10**400}, {"seconds": None}]
)
def test_an_entry_that_is_damaged_is_left_out_and_the_others_stay(damage: dict[str, Any]) -> None:
    given = json.loads(dump([ENTRY], Settings.to_dict))
    given["entries"] = [{**given["entries"][0], **damage}, None, {"title": 1}, "night", *given["entries"]]
    assert load(json.dumps(given), read) == [ENTRY]


def test_a_picture_that_is_too_large_is_left_out_whole() -> None:
    """GIMP's plug-in cut it, and so had a PNG that no program reads."""
    large = Entry("Night", "layer", Settings(), 1.0, bytes(LARGEST + 1))
    assert load(dump([large], Settings.to_dict), read)[0].picture == b""
