# SPDX-License-Identifier: Apache-2.0
"""How much is done for a picture: what is offered, and what the engine is asked for."""

from __future__ import annotations

import pytest

from scumble.client.catalogue import Method
from scumble.client.desk.names import result_name
from scumble.client.desk.quality import QUALITIES, USUAL, qualities, quality_of, seconds_of
from scumble.client.desk.settings import Settings, from_dict

FAST = Method("fast", "Fast", "", "", {}, ())
DEEP = Method("deep", "Deep", "", "", {"iterative": True}, ())


def test_a_method_of_one_pass_offers_draft_good_and_best_and_its_draft_asks_for_nothing_new() -> None:
    assert [word for _, word in qualities(FAST)] == ["Draft", "Good", "Best"]
    assert [quality_of(FAST, value) for value, _ in qualities(FAST)] == [None, "good", "best"]


def test_a_method_of_steps_offers_all_of_them_too() -> None:
    assert [word for _, word in qualities(DEEP)] == ["All steps", "Draft", "Good", "Best"]
    assert [quality_of(DEEP, value) for value, _ in qualities(DEEP)] == [None, "draft", "good", "best"]


def test_what_was_chosen_for_another_method_is_the_usual_where_it_is_not_offered() -> None:
    assert quality_of(FAST, "draft") is None


def test_only_a_good_picture_has_a_limit() -> None:
    assert seconds_of("good") == 60
    assert seconds_of("best") is seconds_of(None) is None


@pytest.mark.parametrize("value", [*QUALITIES, USUAL])
def test_a_quality_is_kept_with_the_settings(value: str) -> None:
    assert from_dict(Settings("night", quality=value).to_dict()).quality == value


@pytest.mark.parametrize("value", [None, 3, "perfect", ["best"]])
def test_what_is_no_quality_is_the_usual(value: object) -> None:
    assert from_dict({"quality": value}).quality == USUAL


def test_a_result_that_was_improved_says_so_in_its_name() -> None:
    assert result_name(["Night"], 1.0, {}, "best") == "Night 100 %, best"
