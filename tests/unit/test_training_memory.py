# SPDX-License-Identifier: Apache-2.0
"""Training the style memory in small: what is written, and the rows of known styles that are trained along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scumble.errors import ScumbleError
from scumble.methods.memory import load_memory
from scumble.train import memory, paintings
from scumble.train.loop import run_folder
from scumble.train.paintings import Paintings, Styles
from scumble.weights import load_card, load_weights
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def recipe(tmp_path: Path) -> memory.Recipe:
    folder = coarse_pictures(tmp_path / "pictures", 2)
    table = tmp_path / "styles.csv"
    table.write_text("id,title,artist,year,file\nfirst,First,nobody,2020,0.png\nsecond,Second,nobody,2021,1.png\n")
    return memory.Recipe(folder, folder, steps=5, batch=3, crop=64, variants=2, styles=table, style_weight=10.0)


def test_training_looks_both_ways_and_writes_networks_with_a_card(recipe: memory.Recipe, tmp_path: Path) -> None:
    path = memory.train(recipe, tmp_path, lambda line: None)
    assert load_memory(path).predictor.spread.min() > 0
    assert load_card(path)["training"]["finished"] == 5
    rows = [line.split(",") for line in (run_folder("memory", recipe) / "losses.csv").read_text().splitlines()]
    assert {"content", "style", "rebuilt", "lattice"} <= set(rows[0])
    assert (run_folder("memory", recipe) / "sample-000005.png").exists()


def test_known_styles_get_rows_that_a_later_run_goes_on_from(recipe: memory.Recipe, tmp_path: Path) -> None:
    path = memory.train(recipe, tmp_path, lambda line: None)
    rows = {name: load_weights(tmp_path / f"memory_{name}.safetensors") for name in ("first", "second")}
    assert rows["first"][1]["shared"] == load_card(path)["sha256"][:16]
    assert rows["first"][1]["style"]["title"] == "First"
    memory.train(replace(recipe, steps=0, start=path), tmp_path / "on", lambda line: None)
    for name, (tensors, _) in rows.items():
        again, card = load_weights(tmp_path / "on" / f"memory_{name}.safetensors")
        assert torch.allclose(again["row"], tensors["row"], atol=2e-2)
        assert card["shared"] == load_card(tmp_path / "on" / "memory.safetensors")["sha256"][:16]


def test_a_small_batch_in_which_a_crop_is_given_back_leaves_the_painting_without_a_name_out(
    recipe: memory.Recipe, tmp_path: Path
) -> None:
    """Of two crops one is given back: two rows for the other once ended the training."""
    small = replace(recipe, batch=2, rebuilt_every=1, whole_every=1, reconstruction=60.0)
    training = load_card(memory.train(small, tmp_path, lambda line: None))["training"]
    assert training["weights"]["reconstruction"] == 60
    assert training["every"] == {"rebuilt": 1, "whole": 1}


@pytest.mark.parametrize("bad", [{"batch": 1}, {"rebuilt_every": 0}, {"whole_every": 0}])
def test_what_cannot_be_trained_is_refused(recipe: memory.Recipe, tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(ScumbleError) as error:
        memory.train(replace(recipe, **bad), tmp_path, lambda line: None)
    assert error.value.code == "bad-options"


def kept(colour: float, sees: torch.Tensor) -> Paintings:
    """One picture of one grey, what is seen of it, and a Gram that tells whose it is."""
    return Paintings(
        [torch.full((3, 64, 400), round(255 * colour), dtype=torch.uint8)], sees, {"1/a": torch.full((1, 2, 2), colour)}
    )


def test_styles_are_drawn_from_paintings_and_one_time_in_five_from_photographs() -> None:
    sees = torch.zeros(1, 4)
    styles, generator = Styles(kept(0.0, sees), kept(1.0, sees + 1)), torch.Generator().manual_seed(0)
    signatures, grams = styles.draw_seen(1000, generator)
    assert float(signatures.mean()) == pytest.approx(paintings.PHOTOGRAPHS, abs=0.04)
    assert torch.equal(grams["1/a"][:, 0, 0], signatures[:, 0])
