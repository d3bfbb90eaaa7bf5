# SPDX-License-Identifier: Apache-2.0
"""The ablation of docs/notebook/style_memory.md takes away what it says, and nothing else."""

from __future__ import annotations

import pytest
import torch
from benchmarks.memory_page import CHANGES, PAGE, Rows, parts

from scumble.methods.style_memory.network import MemoryNet

NET = MemoryNet()
ROWS = Rows(*(torch.full((1, NET.row_size), value) for value in (1.0, 2.0, 3.0)))

TAKEN = {
    "no offset: a = 0": {"skip a", "deep a"},
    "kernels as all styles share them: a = 0 there": {"kernels"},
    "Ghiasi: a = 0 everywhere": {"skip a", "deep a", "kernels"},
    "statistics of the two skips not predicted": {"skip statistics", "deep statistics"},
    "reads after the skips not predicted": {"after"},
    "colours not predicted": {"colours"},
    "the skip at a quarter as the photograph has it": {"skip statistics", "skip a"},
    "the colours as the photograph has them": {"colours"},
}


def test_the_parts_are_the_whole_row() -> None:
    at = parts(NET)
    assert sorted(i for part in at.values() for i in part) == list(range(NET.row_size))
    assert all(at.values())


@pytest.mark.parametrize("name", TAKEN)
def test_a_change_touches_what_its_name_says(name: str) -> None:
    at = parts(NET)
    row = CHANGES[name](at, ROWS)
    assert {part for part, where in at.items() if not bool((row[:, where] == 1).all())} == TAKEN[name]
    assert bool((ROWS.full == 1).all())


def test_the_page_has_a_place_for_each_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(page.count(f"<!-- {mark}ablation-{name} -->") == 1 for name in ("unseen", "shipped") for mark in ("", "/"))
