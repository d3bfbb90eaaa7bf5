# SPDX-License-Identifier: Apache-2.0
"""Training small networks of Ghiasi et al., and a file that the method reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scumble.library.weights import load_weights
from scumble.methods.ghiasi import train as ghiasi
from scumble.methods.ghiasi.method import load_shared
from scumble.training.loop import run_folder
from scumble.training.paintings import Paintings, Styles
from scumble.training.teachers import load_teachers
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.fixture
def recipe(tmp_path: Path) -> ghiasi.Recipe:
    folder = coarse_pictures(tmp_path / "pictures", 2)
    return ghiasi.Recipe(folder, folder, steps=4, batch=2, crop=64, variants=2, width=1 / 8, lr=5e-3)


def test_training_moves_everything_and_can_go_on(recipe: ghiasi.Recipe, tmp_path: Path) -> None:
    path = ghiasi.train(recipe, tmp_path, lambda line: None)
    before, model = load_weights(path)[0], load_shared(path).model
    assert model.net.style_size == load_weights(path)[1]["architecture"]["style"]
    assert float(model.predictor.spread.min()) > 0
    assert load_weights(path)[1]["training"]["finished"] == 4
    assert load_weights(path)[1]["training"]["credits"]["pictures"] == 4
    rows = [line.split(",") for line in (run_folder("ghiasi", recipe) / "losses.csv").read_text().splitlines()]
    assert {"content", "style", "rebuilt", "lattice"} <= set(rows[0])
    assert (run_folder("ghiasi", recipe) / "sample-000004.png").exists()
    torch.manual_seed(recipe.seed)
    start = ghiasi.GhiasiNet(ghiasi.SIZES["compact"], recipe.width).state_dict()
    assert all(not torch.equal(v.half().float(), before[k]) for k, v in start.items() if k.endswith("weight"))

    second = ghiasi.train(replace(recipe, steps=0, start=path), tmp_path / "on", lambda line: None)
    assert all(torch.equal(v, before[k]) for k, v in load_weights(second)[0].items())


def test_one_step_in_four_looks_through_both_teachers(
    recipe: ghiasi.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = ghiasi.loss_specs(load_teachers("compact"), 4.0)[0]
    cheap, whole = (replace(look, style_weight=weight) for weight in (3.0, 5.0))
    weights: list[float] = []

    def losses(*given: Any) -> dict[str, torch.Tensor]:
        model = given[0]
        weights.append(given[5].style_weight)
        return {"total": sum(p.square().sum() for p in model.parameters())}

    monkeypatch.setattr(ghiasi, "loss_specs", lambda teachers, weight: (cheap, whole))
    monkeypatch.setattr(ghiasi, "measured_styles", lambda *given: Styles(paintings, paintings))
    monkeypatch.setattr(ghiasi, "_losses", losses)
    paintings = Paintings([torch.zeros(3, 64, 64, dtype=torch.uint8)], torch.zeros(2, ghiasi.SIZES["compact"]), {})
    monkeypatch.setattr(ghiasi, "_sheet", lambda *given: torch.zeros(3, 8, 8))
    ghiasi.train(replace(recipe, steps=8), tmp_path, lambda line: None)
    assert weights == 2 * [5.0, 3.0, 3.0, 3.0]
