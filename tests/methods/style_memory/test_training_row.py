# SPDX-License-Identifier: Apache-2.0
"""Training one row of the style memory: it goes on where it was broken off, and is for one process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_weights
from scumble.methods.style_memory import train_row as memory_row
from scumble.training import distributed as parallel
from scumble.training.loop import run_folder
from support.coarse import coarse_pictures


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> memory_row.Recipe:
    monkeypatch.setattr(memory_row, "KEPT_EVERY", 2)
    folder = coarse_pictures(tmp_path / "pictures", 2)
    return memory_row.Recipe("x", folder / "0.png", "X", "nobody", "2020", photographs=folder, steps=5, batch=1, crop=32)


def test_a_row_that_was_broken_off_ends_where_an_unbroken_one_ends(
    recipe: memory_row.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It started over, and left nothing of its losses."""
    whole, card = load_weights(memory_row.train(recipe, tmp_path / "whole", lambda line: None))
    rows = [line.split(",") for line in (run_folder("memory-row-x", recipe) / "losses.csv").read_text().splitlines()]
    assert rows[0][:4] == ["step", "total", "content", "style"]
    assert [row[0] for row in rows[1:]] == ["2", "4", "5"]

    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(tmp_path / "another"))

    def interrupt(line: str) -> None:
        if line.strip().startswith("4/5"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory_row.train(recipe, tmp_path / "broken", interrupt)
    reported: list[str] = []
    path = memory_row.train(recipe, tmp_path / "broken", reported.append)
    assert reported[1] == "resumed at step 4"
    again, again_card = load_weights(path)
    assert torch.equal(again["row"], whole["row"])
    assert again_card["training"]["loss"] == card["training"]["loss"]


def test_a_row_starts_over_when_another_one_is_predicted(recipe: memory_row.Recipe, tmp_path: Path) -> None:
    """The predictor looks through a network, of which the recipe says nothing."""
    memory_row.train(recipe, tmp_path, lambda line: None)
    run = run_folder("memory-row-x", recipe)
    begun = torch.load(run / "checkpoint.pt", weights_only=True)["at"]["begun"]
    assert memory_row._resumed(run, begun)[0].step == 5
    assert memory_row._resumed(run, begun + 0.1)[0].step == 0


def test_a_row_starts_over_when_other_losses_are_descended(
    recipe: memory_row.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old row was handed back as a new one, without a step."""
    memory_row.train(recipe, tmp_path, lambda line: None)
    run = run_folder("memory-row-x", recipe)
    begun = torch.load(run / "checkpoint.pt", weights_only=True)["at"]["begun"]
    monkeypatch.setattr(memory_row, "descended", lambda: "other losses")
    assert memory_row._resumed(run, begun)[0].step == 0


def test_several_processes_at_one_row_are_refused(
    recipe: memory_row.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each did all of the work, and the card gave their number."""
    monkeypatch.setattr(parallel, "count", lambda: 2)
    with pytest.raises(ScumbleError) as error:
        memory_row.train(recipe, tmp_path, lambda line: None)
    assert error.value.code == "bad-options"


def test_refining_without_photographs_is_refused(recipe: memory_row.Recipe, tmp_path: Path) -> None:
    with pytest.raises(ScumbleError) as error:
        memory_row.train(replace(recipe, photographs=None), tmp_path, lambda line: None)
    assert "--photographs" in error.value.hint
