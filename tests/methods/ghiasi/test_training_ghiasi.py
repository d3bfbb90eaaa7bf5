# SPDX-License-Identifier: Apache-2.0
"""Training small networks of Ghiasi et al., and a file that the method reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_weights
from scumble.methods.ghiasi import train as ghiasi
from scumble.methods.ghiasi.method import load_shared
from scumble.training.loop import run_folder
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.fixture
def recipe(tmp_path: Path) -> ghiasi.Recipe:
    folder = coarse_pictures(tmp_path / "pictures", 2)
    return ghiasi.Recipe(folder, folder, steps=4, batch=2, crop=64, side=96, teachers="quarter", width=1 / 8, lr=5e-3)


def test_training_moves_everything_and_can_go_on(
    recipe: ghiasi.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ghiasi.train(recipe, tmp_path, lambda line: None)
    before, model = load_weights(path)[0], load_shared(path).model
    assert model.net.style_size == load_weights(path)[1]["architecture"]["style"]
    assert float(model.predictor.spread.min()) > 0
    assert load_weights(path)[1]["training"]["finished"] == 4
    assert load_weights(path)[1]["training"]["credits"]["pictures"] == 4
    rows = [line.split(",") for line in (run_folder("ghiasi", recipe) / "losses.csv").read_text().splitlines()]
    assert {"content", "style", "rebuilt", "lattice"} <= set(rows[0])
    assert (run_folder("ghiasi", recipe) / "sample-000004.png").exists()

    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(tmp_path / "another"))  # or it would go on from the checkpoint
    untrained = load_weights(ghiasi.train(replace(recipe, steps=0), tmp_path / "untrained", lambda line: None))[0]
    assert not [name for name, v in untrained.items() if name.endswith("weight") and torch.equal(v, before[name])]
    second = ghiasi.train(replace(recipe, steps=0, start=path), tmp_path / "on", lambda line: None)
    assert all(torch.equal(v, before[k]) for k, v in load_weights(second)[0].items())


def test_a_batch_of_one_crop_is_refused(recipe: ghiasi.Recipe, tmp_path: Path) -> None:
    """It is given back, and none is left to paint: torch.cat of nothing."""
    with pytest.raises(ScumbleError) as caught:
        ghiasi.train(replace(recipe, batch=1), tmp_path, lambda line: None)
    assert caught.value.code == "bad-options"
