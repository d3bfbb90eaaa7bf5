# SPDX-License-Identifier: Apache-2.0
"""Work ahead of its turn: handed over in order, begun in measure."""

from __future__ import annotations

import threading
import time

import pytest

from scumble.cli.ahead import SPARE, ahead


def test_results_come_in_order_whichever_is_done_first() -> None:
    def work(n: int) -> int:
        time.sleep(0.02 * (5 - n % 5))
        return n * n

    assert [(n, result()) for n, result in ahead(range(20), work, 4)] == [(n, n * n) for n in range(20)]


def test_one_at_a_time_nothing_is_begun_before_its_turn() -> None:
    threads: list[str] = []
    turns = ahead(range(3), lambda n: threads.append(threading.current_thread().name), 1)
    for n, result in turns:
        assert len(threads) == n
        result()
    assert set(threads) == {threading.main_thread().name}


def test_no_more_is_begun_than_run_at_once_and_a_few() -> None:
    begun: list[int] = []
    turns = ahead(range(100), begun.append, 3)
    for n, result in turns:
        result()
        time.sleep(0.005)
        assert len(begun) <= n + 3 + SPARE + 1
    assert len(begun) == 100


def test_one_that_fails_fails_in_its_turn_and_alone() -> None:
    def work(n: int) -> int:
        if n == 2:
            raise ValueError("two")
        return n

    got = []
    for n, result in ahead(range(5), work, 2):
        if n == 2:
            with pytest.raises(ValueError, match="two"):
                result()
        else:
            got.append(result())
    assert got == [0, 1, 3, 4]
