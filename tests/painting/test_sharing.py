# SPDX-License-Identifier: Apache-2.0
"""Tiles shared with helpers: each comes once, whatever becomes of the helpers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest

from scumble.painting.sharing import shared

COUNT = 12


class Helpers:
    """`slots` of them; a tile comes `late` calls of `done` after it was asked for, or is lost, by `lost`."""

    def __init__(self, slots: int, late: int = 1, lost: frozenset[int] = frozenset()) -> None:
        self.slots, self.late, self.lost = slots, late, lost
        self.out: dict[int, int] = {}
        self.asked: list[int] = []
        self.dropped: list[int] = []

    def set_network(self, *_: Any) -> None:
        raise AssertionError("not here")

    @property
    def free(self) -> bool:
        return len(self.out) < self.slots

    def ask(self, tile: int, inputs: Sequence[np.ndarray]) -> None:
        assert inputs[0][0] == tile
        self.asked.append(tile)
        self.out[tile] = self.late

    def done(self) -> list[tuple[int, np.ndarray | None]]:
        self.out = {tile: late - 1 for tile, late in self.out.items()}
        come = [tile for tile, late in self.out.items() if late <= 0]
        for tile in come:
            del self.out[tile]
        return [(tile, None if tile in self.lost else answer(tile)) for tile in come]

    def drop(self, tile: int) -> None:
        del self.out[tile]
        self.dropped.append(tile)


def answer(tile: int) -> np.ndarray:
    return np.full(1, 10 * tile)


def run(helpers: Helpers | None, count: int = COUNT) -> tuple[dict[int, int], list[int]]:
    """Answers by tile, and which were painted here to their end."""
    here, come = [], {}

    def paint(tile: int) -> Generator[float, None, np.ndarray]:
        for step in range(4):
            yield step / 4
        here.append(tile)
        return answer(tile)

    for tile, painted in shared(count, paint, lambda tile: [np.full(1, tile)], helpers):
        if not isinstance(painted, float):
            assert tile not in come, "twice"
            come[tile] = int(painted[0])
    return come, here


WHOLE = {tile: 10 * tile for tile in range(COUNT)}


def test_alone_tiles_are_painted_in_order() -> None:
    assert run(None) == (WHOLE, list(range(COUNT)))


def test_helpers_paint_from_the_back_and_all_tiles_come_once() -> None:
    helpers = Helpers(2, late=4)
    come, here = run(helpers)
    assert come == WHOLE
    assert here == list(range(len(here)))
    assert 3 <= len(here) <= 6
    assert not helpers.out


@pytest.mark.parametrize("late", [1, 3, 1_000_000])
@pytest.mark.parametrize("slots", [1, 5, 50])
@pytest.mark.parametrize("lost", [frozenset(), frozenset({11, 9}), frozenset(range(COUNT))])
def test_slow_busy_and_lost_helpers_cost_no_tile(slots: int, late: int, lost: frozenset[int]) -> None:
    helpers = Helpers(slots, late, lost)
    come, here = run(helpers)
    assert come == WHOLE
    assert not helpers.out
    if late > COUNT * 5:
        assert sorted(here) == sorted(WHOLE)
        assert set(helpers.dropped) == set(helpers.asked)


def test_a_tile_that_comes_while_it_is_painted_here_as_well_is_left_off_here() -> None:
    helpers = Helpers(1, late=6)
    come, here = run(helpers, 2)
    assert come == {0: 0, 1: 10}
    assert here == [0]


def test_the_last_tile_is_painted_here() -> None:
    helpers = Helpers(5)
    assert run(helpers, 1) == ({0: 0}, [0])
    assert not helpers.asked


def test_tiles_that_are_out_when_the_picture_is_given_up_are_dropped() -> None:
    helpers = Helpers(3, late=1_000)

    def paint(tile: int) -> Generator[float, None, np.ndarray]:
        yield 0.0
        if tile == 2:
            raise MemoryError
        return answer(tile)

    with pytest.raises(MemoryError):
        list(shared(COUNT, paint, lambda tile: [np.full(1, tile)], helpers))
    assert helpers.dropped == [11, 10, 9]

    steps = shared(COUNT, paint, lambda tile: [np.full(1, tile)], helpers)
    next(steps)
    steps.close()
    assert helpers.dropped == [11, 10, 9] * 2
