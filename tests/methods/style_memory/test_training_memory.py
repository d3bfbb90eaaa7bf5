# SPDX-License-Identifier: Apache-2.0
"""Training a small style memory: what is written, and the rows of known styles that are trained along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_card, load_weights, save_weights
from scumble.methods.style_memory import train as memory
from scumble.methods.style_memory.method import load_memory
from scumble.methods.style_memory.network import SIGNATURE_NETWORK, StyleMemory
from scumble.nst.perceptual_loss import SPEC, grams_of, perceptual_losses
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import load_style_encoder
from scumble.training import style_sampler
from scumble.training.data import Pictures, read_pictures
from scumble.training.loop import run_folder
from scumble.training.losses import MOST
from scumble.training.style_sampler import StyleSampler
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.fixture
def recipe(tmp_path: Path) -> memory.Recipe:
    folder = coarse_pictures(tmp_path / "pictures", 2)
    table = tmp_path / "styles.csv"
    table.write_text("id,title,artist,year,file\nfirst,First,nobody,2020,0.png\nsecond,Second,nobody,2021,1.png\n")
    return memory.Recipe(folder, folder, teachers="quarter", steps=5, batch=3, crop=64, side=64, styles=table)


def test_training_writes_networks_with_a_card(recipe: memory.Recipe, tmp_path: Path) -> None:
    path = memory.train(recipe, tmp_path, lambda line: None)
    assert load_memory(path).predictor.spread.min() > 0
    assert load_card(path)["training"]["finished"] == 5
    rows = [line.split(",") for line in (run_folder("memory", recipe) / "losses.csv").read_text().splitlines()]
    assert {"content", "style", "rebuilt", "lattice"} <= set(rows[0])
    assert (run_folder("memory", recipe) / "sample-000005.png").exists()


def test_known_styles_get_rows_that_a_later_run_goes_on_from(recipe: memory.Recipe, tmp_path: Path) -> None:
    path = memory.train(recipe, tmp_path, lambda line: None)
    rows = {name: load_weights(tmp_path / f"memory/{name}.safetensors") for name in ("first", "second")}
    assert rows["first"][1]["shared"] == load_card(path)["sha256"][:16]
    assert rows["first"][1]["style"]["title"] == "First"
    memory.train(replace(recipe, steps=0, start=path), tmp_path / "on", lambda line: None)
    for name, (tensors, _) in rows.items():
        again, card = load_weights(tmp_path / "on" / f"memory/{name}.safetensors")
        assert torch.allclose(again["row"], tensors["row"], atol=2e-2)
        assert card["shared"] == load_card(tmp_path / "on" / "memory" / "shared.safetensors")["sha256"][:16]


def test_a_small_batch_in_which_a_crop_is_given_back_leaves_the_painting_without_a_name_out(
    recipe: memory.Recipe, tmp_path: Path
) -> None:
    """Of two crops one is given back: two rows for the other once ended the training."""
    small = replace(recipe, batch=2, rebuilt_every=1, second_every=1, reconstruction=60.0)
    training = load_card(memory.train(small, tmp_path, lambda line: None))["training"]
    assert training["reconstruction"] == 60
    assert (training["rebuilt_every"], training["second_every"]) == (1, 1)


def test_a_run_that_starts_from_weights_says_which_rows_go_on(recipe: memory.Recipe, tmp_path: Path) -> None:
    """Rows of other networks, as a run leaves that was broken off while it wrote, and missing ones began at 0 in silence."""
    path = memory.train(replace(recipe, steps=1), tmp_path, lambda line: None)
    row = tmp_path / "memory/second.safetensors"
    tensors, card = load_weights(row)
    save_weights(row, tensors, card | {"shared": "another"}, torch.float32)
    reported: list[str] = []
    memory.train(replace(recipe, steps=0, start=path), tmp_path / "on", reported.append)
    assert [line for line in reported if "1 go on, 1 begin from their paintings" in line]


@pytest.mark.parametrize(
    "bad",
    [{"batch": 1}, {"rebuilt_every": 0}, {"second_every": 0}, {"crop": 100}, {"crop": 0}, {"dialled": 1.5}, {"dialled": -0.5}],
)
def test_what_cannot_be_trained_is_refused(recipe: memory.Recipe, tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(ScumbleError) as error:
        memory.train(replace(recipe, **bad), tmp_path, lambda line: None)
    assert error.value.code == "bad-options"


def test_variants_of_pictures_are_exchanged_and_the_same_for_a_run_that_goes_on(recipe: memory.Recipe) -> None:
    """Each painting was measured once and whole, so that a predictor saw some hundred points and knew no others."""
    teacher, pictures = load_perceptual("quarter"), read_pictures(recipe.paintings)

    def fresh() -> StyleSampler:
        return StyleSampler(pictures, pictures, teacher, load_style_encoder(SIGNATURE_NETWORK), set(SPEC.styles[1]), "cpu")

    def drawn(sampler: StyleSampler, step: int, count: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(step)
        return [sampler.draw(64, (0.75, 1.6), step, generator).picture for _ in range(count)]

    unbroken = fresh()
    early = drawn(unbroken, 0, 8)
    late = drawn(unbroken, 1000, 4)
    assert min(unbroken.measured) >= style_sampler.NEW * 1000
    assert len({tuple(x.shape) for x in early}) > 1
    assert all(x.shape[2] == x.shape[3] and x.shape[2] % style_sampler.GRID == 0 for x in early + late)
    assert not any(a.shape == b.shape and torch.equal(a, b) for a in early for b in late)
    assert all(torch.equal(a, b) for a, b in zip(late, drawn(fresh(), 1000, 4), strict=True))


def test_a_style_is_measured_alike_in_a_step_and_outside_of_one(recipe: memory.Recipe) -> None:
    """A sample measured in full precision what the next steps drew, and a run that was broken off in half precision."""
    pictures = read_pictures(recipe.paintings)
    layers = set(SPEC.styles[1])
    sampler = StyleSampler(pictures, pictures, load_perceptual("quarter"), load_style_encoder(SIGNATURE_NETWORK), layers, "cpu")
    outside = sampler.measure(pictures.tensors[0], 64).grams
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            inside = sampler.measure(pictures.tensors[0], 64).grams
        assert all(torch.equal(gram, outside[name]) for name, gram in inside.items())


def test_one_painting_in_four_is_made_of_halves_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred paintings alone were learned by heart: rows predicted for others were a tenth worse."""
    monkeypatch.setattr(style_sampler, "PRINTED", 0.0)
    flat = Pictures([], [torch.full((3, 80, 80), level, dtype=torch.uint8) for level in range(0, 256, 15)], [])
    sampler = StyleSampler(flat, flat, load_perceptual("quarter"), load_style_encoder(SIGNATURE_NETWORK), set(), "cpu")
    pieced = []
    for number in range(300):
        picture, size = sampler.variant(number, 64, (0.75, 1.6))
        left, right = picture[..., : size // 2].float(), picture[..., size // 2 :].float()
        assert picture.shape == (3, size, size)
        assert left.std((1, 2)).max() < 1, "one piece at most in each half"
        assert right.std((1, 2)).max() < 1
        pieced.append(bool((left.mean((1, 2)) - right.mean((1, 2))).abs().max() > 1))
    assert np.mean(pieced) == pytest.approx(0.25, abs=0.08)


def test_one_piece_in_eight_is_made_into_a_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paintings hold few drawings and engravings, and of an unknown one contours were embossed."""
    made = []
    monkeypatch.setattr(style_sampler, "printed", lambda picture: made.append(picture.shape) or picture)
    flat = Pictures([], [torch.full((3, 80, 80), 99, dtype=torch.uint8)], [])
    sampler = StyleSampler(flat, flat, load_perceptual("quarter"), load_style_encoder(SIGNATURE_NETWORK), set(), "cpu")
    for number in range(300):
        sampler.variant(number, 64, (0.75, 1.6))
    assert len(made) / (300 * 1.25) == pytest.approx(0.12, abs=0.05), "of pieces, as one variant in four has two"


def test_the_second_pass_sees_the_detail_that_halving_lost() -> None:
    """It paints over its own broad answer, in which a face of some pixels would be a blot."""
    net = StyleMemory().net.eval()
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shown = memory.painted_over(net, picture, net.own_row(picture))
        broad = net(picture[..., ::2, ::2], net.own_row(picture))
    assert shown.shape == picture.shape
    assert float(shown.min()) >= 0
    assert float(shown.max()) <= 1
    fine = (picture - F.avg_pool2d(picture, 3, 1, 1)).flatten()
    kept = (shown - F.avg_pool2d(shown, 3, 1, 1)).flatten()
    assert float(torch.corrcoef(torch.stack([fine, kept]))[0, 1]) > 0.5, broad.shape


def test_losses_weigh_each_picture_by_its_own_grams_and_end_at_a_bound() -> None:
    """A picture that is far from its style must not drown the others of its batch."""
    teacher = load_perceptual("quarter")
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        grams = grams_of(pictures, teacher, {1: set(SPEC.styles[1])})
        equal = perceptual_losses(pictures, pictures, grams, teacher, SPEC)
        far = {name: torch.stack([g[0], 0.1 * g[1]]) for name, g in grams.items()}
        apart = perceptual_losses(pictures, pictures, far, teacher, SPEC, most=MOST).style
    assert torch.allclose(equal.content, torch.zeros(2))
    assert torch.allclose(equal.style, torch.zeros(2), atol=1e-5)
    assert float(apart[0]) == pytest.approx(0, abs=1e-5)
    assert float(apart[1]) == pytest.approx(MOST, rel=1e-3)
