# SPDX-License-Identifier: Apache-2.0
"""Training AdaIN: the losses of the paper and ours, and a file that holds encoder and decoder."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scumble.library.weights import load_weights
from scumble.methods.adain import train as adain
from scumble.methods.adain.network import AdaINNet, load_network, statistics
from scumble.nst.pretrained import load_perceptual
from scumble.nst.vgg import VGG
from scumble.training.loop import run_folder
from support.coarse import coarse_pictures


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of few channels with random weights."""
    widths = (4, 8, 8, 8, 8)
    torch.manual_seed(0)
    encoder = VGG((2, 2, 3, 3, 1), widths, padding="reflect")
    monkeypatch.setattr(adain, "load_perceptual", lambda network: encoder)
    monkeypatch.setitem(adain.WIDTHS, "quarter", widths)
    monkeypatch.setattr(adain, "load_teacher", lambda source: encoder.requires_grad_(False))


@pytest.fixture
def recipe(tmp_path: Path) -> adain.Recipe:
    folder = coarse_pictures(tmp_path / "pictures", 3)
    return adain.Recipe(folder, folder, steps=30, batch=2, crop=64)


def test_training_lowers_the_loss_and_leaves_the_encoder_alone(recipe: adain.Recipe, tmp_path: Path) -> None:
    encoder = adain.load_perceptual("quarter")
    path = adain.train(recipe, tmp_path, lambda line: None)
    rows = [line.split(",") for line in (run_folder("adain", recipe) / "losses.csv").read_text().splitlines()]
    total = rows[0].index("total")
    assert float(rows[-1][total]) < float(rows[1][total])
    net, card = load_network(path), load_weights(path)[1]
    assert torch.allclose(net.encoder.conv("4_1").weight, encoder.conv("4_1").weight, atol=1e-3)
    assert card["training"]["steps"] == 30
    assert card["training"]["credits"]["pictures"] == 6
    assert (run_folder("adain", recipe) / "sample-000030.png").exists()


def test_training_warm_starts_from_committed_weights(recipe: adain.Recipe, tmp_path: Path) -> None:
    first = adain.train(replace(recipe, steps=1), tmp_path, lambda line: None)
    weights = load_weights(first)[0]
    second = adain.train(replace(recipe, steps=0, start=first), tmp_path / "second", lambda line: None)
    assert all(torch.equal(v, weights[k]) for k, v in load_weights(second)[0].items())


def test_with_manifests_the_card_tells_losses_on_the_test_split(recipe: adain.Recipe, tmp_path: Path) -> None:
    (recipe.photographs / "manifest.csv").write_text("file,split,title\n0.png,train,A\n1.png,test,B\n")
    path = adain.train(replace(recipe, steps=1), tmp_path, lambda line: None)
    tested = load_weights(path)[1]["training"]["test_losses"]
    assert {"total", "content", "style", "gram", "lattice"} <= set(tested)
    assert all(math.isfinite(v) for v in tested.values())


def test_the_papers_losses_alone_are_the_total_when_the_others_weigh_nothing(recipe: adain.Recipe) -> None:
    net = AdaINNet(adain.first_stages(adain.load_perceptual("quarter")))
    criterion = adain.Criterion(net, replace(recipe, gram=0, identity=0, lattice=0, tv=0), adain.load_teacher("half"))
    x, s = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    parts = criterion(x, s)
    assert torch.allclose(parts["total"], parts["content"] + recipe.style * parts["style"])


def test_gram_matrices_are_the_teachers(recipe: adain.Recipe) -> None:
    net = AdaINNet(adain.first_stages(adain.load_perceptual("quarter")))
    x, s = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    teachers = (adain.load_teacher("quarter"), load_perceptual("half"))
    taught = [adain.Criterion(net, recipe, teacher)(x, s) for teacher in teachers]
    assert not torch.allclose(taught[0]["gram"], taught[1]["gram"])
    assert torch.equal(taught[0]["style"], taught[1]["style"])


def test_equal_statistics_cost_nothing() -> None:
    pair = statistics({"relu1_1": torch.rand(2, 4, 8, 8)})["relu1_1"]
    assert float(adain.statistics_loss(pair, pair)) == 0
    assert float(adain.statistics_loss((pair[0] * 0, pair[1] * 0), pair)) == pytest.approx(1)
