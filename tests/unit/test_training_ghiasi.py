# SPDX-License-Identifier: Apache-2.0
"""Training the networks of Ghiasi et al.: both phases in small, and a file that the method reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scumble.methods.ghiasi import load_shared
from scumble.train import ghiasi
from scumble.train.loop import run_folder
from scumble.weights import load_weights


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(tmp_path / "runs"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recipe(tmp_path: Path) -> ghiasi.Recipe:
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(2):
        coarse = random.integers(0, 255, (9, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return ghiasi.Recipe(folder, folder, steps=(3, 1), batch=2, crop=64, variants=2, width=1 / 8, lr=(5e-3, 1e-3))


def test_training_goes_through_both_phases_moves_everything_and_can_go_on(recipe: ghiasi.Recipe, tmp_path: Path) -> None:
    path = ghiasi.train(recipe, tmp_path, lambda line: None)
    before, model = load_weights(path)[0], load_shared(path).model
    assert model.net.style_size == load_weights(path)[1]["architecture"]["style"]
    assert float(model.predictor.spread.min()) > 0
    assert load_weights(path)[1]["training"]["finished"]["phase"] == 2
    assert len(load_weights(path)[1]["training"]["credits"]) == 4
    rows = [line.split(",") for line in (run_folder("ghiasi-1") / "losses.csv").read_text().splitlines()]
    assert {"content", "style", "rebuilt", "lattice"} <= set(rows[0])
    assert (run_folder("ghiasi-1") / "sample-000003.png").exists()
    torch.manual_seed(recipe.seed)
    start = ghiasi.GhiasiNet(ghiasi.SIZES["compact"], recipe.width).state_dict()
    assert all(not torch.equal(v.half().float(), before[k]) for k, v in start.items() if k.endswith("weight"))

    second = ghiasi.train(replace(recipe, steps=(0, 0), start=path, run="second"), tmp_path / "on", lambda line: None)
    assert all(torch.equal(v, before[k]) for k, v in load_weights(second)[0].items())
