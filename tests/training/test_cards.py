# SPDX-License-Identifier: Apache-2.0
"""The cards and sample sheets of trainings, the same for all of them."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path

import pytest
import torch

from scumble.cli.train import RECIPES
from scumble.methods.johnson.train import Recipe
from scumble.training.cards import measured_card, trained_card, write_credits
from scumble.training.data import Pictures
from scumble.training.recipe import OnePainting, TrainingRecipe
from scumble.training.sheets import sheet


def test_a_card_holds_every_setting_of_the_recipe_and_no_place_on_the_machine(tmp_path: Path) -> None:
    """Each training listed its settings by hand: some cards lacked the width, some the teachers or the machine."""
    secret = tmp_path / "secret"
    recipe = Recipe("sea", secret / "sea.png", "Sea", "Ann", "1900", secret, start=secret / "first.safetensors")
    card = trained_card({"method": "johnson"}, "johnson", recipe, {"file": "f", "pictures": 3}, 7, branches=[])
    training = card["training"]
    assert str(secret) not in json.dumps(card)
    assert (card["method"], card["licence"], training["finished"]) == ("johnson", "Apache-2.0", 7)
    assert training["warm_start"] == "first.safetensors"
    settings = {f.name for f in dataclasses.fields(recipe)} - {f.name for f in dataclasses.fields(OnePainting)}
    assert settings - {"photographs", "start"} <= set(training)
    assert {"command", "machine", "credits", "branches"} <= set(training)


def test_a_measured_style_says_that_it_was_not_trained() -> None:
    style = OnePainting("sea", Path("sea.png"), "Sea", "Ann", "1900", licence="CC0")
    card = measured_card({"method": "gatys"}, "gatys", style)
    assert card["style"] == {"id": "sea", "title": "Sea", "artist": "Ann", "year": "1900", "licence": "CC0"}
    assert "not trained" in card["training"]["teachers"]


def test_trainings_on_the_same_pictures_share_one_file_of_credits(tmp_path: Path) -> None:
    """Every card listed thousands of pictures, which were parsed whenever a network was loaded."""
    first, second = Pictures([], [], ["A, Ann (CC0)"]), Pictures([], [], ["B, Ben (CC0)", "C, Cem (CC0)"])
    credits = write_credits(tmp_path, first, second)
    assert credits == write_credits(tmp_path, first, second)
    assert credits["pictures"] == 3
    assert (tmp_path / str(credits["file"])).read_text() == "A, Ann (CC0)\nB, Ben (CC0)\nC, Cem (CC0)\n"
    assert write_credits(tmp_path, second, first)["file"] != credits["file"]
    assert len(list(tmp_path.rglob("*.txt"))) == 2


@pytest.mark.parametrize("name", ["johnson", "perceptual", "adain", "ghiasi", "memory", "stylebank"])
def test_all_trainings_on_photographs_share_the_fields_of_one_recipe(name: str) -> None:
    recipe = importlib.import_module(f"scumble.{RECIPES[name]}").Recipe
    assert issubclass(recipe, TrainingRecipe)
    defaults = {f.name: f.default for f in dataclasses.fields(recipe)}
    assert all(defaults[field] is not dataclasses.MISSING for field in ("teachers", "steps", "lr", "batch", "crop", "seed"))


def test_a_sheet_has_a_column_a_style_with_its_painting_on_top() -> None:
    contents = torch.zeros(2, 3, 4, 4)
    picture = sheet(contents, [contents + 0.5, contents + 0.6], [torch.full((1, 3, 4, 4), 0.9)])
    assert picture.shape == (3, 12, 12)
    tops, first = picture[0, 0, ::4], picture[0, 4, ::4]
    assert tops.tolist() == pytest.approx([1, 0.9, 1])
    assert first.tolist() == pytest.approx([0, 0.5, 0.6])
    assert sheet(contents, [contents]).shape == (3, 8, 8)
