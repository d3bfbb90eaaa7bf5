# SPDX-License-Identifier: Apache-2.0
"""What a painter's choice of several styles asks the engine for."""

from __future__ import annotations

from dataclasses import dataclass

from scumble.client.desk.blend import ALL, HALF, SELECTION, Blend, share_moved


@dataclass(frozen=True)
class Other:
    style: str
    share: float
    where: str = ""


@dataclass(frozen=True)
class Choice(Blend):
    style: str
    others: tuple[Other, ...] = ()


def test_what_the_others_leave_is_the_first_styles() -> None:
    assert Choice("a", (Other("b", 0.25), Other("c", 0.5))).weights() == (("a", 0.25), ("b", 0.25), ("c", 0.5))


def test_a_first_style_of_which_nothing_is_left_is_not_asked_for() -> None:
    assert Choice("a", (Other("b", 0.7), Other("c", 0.6))).weights() == (("b", 0.7), ("c", 0.6))


def test_a_style_without_a_share_is_no_part_of_it() -> None:
    choice = Choice("a", (Other("b", 0.0, SELECTION), Other("c", 1.0)))
    assert choice.weights() == (("c", 1.0),)
    assert not choice.placed
    assert not choice.by_selection


def test_where_one_has_a_place_the_masks_say_all_shares() -> None:
    choice = Choice("a", (Other("b", 0.5, SELECTION), Other("c", 0.2)))
    assert choice.placed
    assert choice.by_selection
    assert choice.weights() == (("a", 1.0), ("b", 1.0), ("c", 1.0))


def test_a_usual_share_changes_with_the_place_and_a_chosen_one_does_not() -> None:
    assert share_moved(HALF, "", SELECTION) == ALL
    assert share_moved(ALL, SELECTION, "") == HALF
    assert share_moved(0.3, "", SELECTION) == 0.3
