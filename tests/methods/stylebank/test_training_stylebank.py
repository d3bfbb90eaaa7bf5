# SPDX-License-Identifier: Apache-2.0
"""StyleBank's training: branches by turns and in balance, and a bank that is added beside everything else as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.library.places import shared_path, state_path
from scumble.library.weights import load_weights, name_of, save_weights
from scumble.methods.stylebank import train as stylebank
from scumble.methods.stylebank.method import load_bank, load_shared
from scumble.methods.stylebank.train import Recipe, T
from scumble.nst.perceptual_loss import SPEC
from scumble.nst.vgg import narrow
from scumble.training.data import read_pictures
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.fixture(autouse=True)
def small_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    teacher = narrow("quarter").requires_grad_(False).eval()
    monkeypatch.setattr(stylebank, "load_teacher", lambda source: teacher)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Two paintings of noise, and photographs of noise."""
    folder = coarse_pictures(tmp_path / "pictures", 3, (100, 76))
    table = tmp_path / "styles.csv"
    table.write_text("id,title,artist,year,file\n" + "".join(f"s{i},S{i},Ann,1900,{i}.png\n" for i in range(3)))
    return Recipe(folder, folder, table, count=2, steps=(4, 7), batch=2, crop=64, width=0.125, blocks=1)


def test_a_run_writes_the_shared_networks_and_a_bank_a_style(tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "out"
    stylebank.train(recipe, out, lambda line: None)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.safetensors")) == [
        "stylebank/s0.safetensors",
        "stylebank/s1.safetensors",
        "stylebank/shared.safetensors",
    ]
    load_shared(shared_path(out, "stylebank"))
    banks = [load_bank(state_path(out, "stylebank", f"s{i}"), name_of(shared_path(out, "stylebank"))) for i in range(2)]
    assert not torch.equal(banks[0].kernel, banks[1].kernel)
    card = load_weights(state_path(out, "stylebank", "s1"))[1]
    assert card["style"]["title"] == "S1"
    assert card["training"]["finished"]["step"] == 7
    assert card["training"]["credits"]["pictures"] == 3


def test_an_added_bank_leaves_every_other_file_as_it_was(tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "out"
    stylebank.train(recipe, out, lambda line: None)
    before = {p: p.read_bytes() for p in out.rglob("*.*")}
    added = Recipe(
        recipe.photographs,
        add=recipe.photographs / "2.png",
        style_id="new",
        shared=shared_path(out, "stylebank"),
        steps=(0, 6),
        batch=2,
        crop=64,
    )
    path = stylebank.train(added, out, lambda line: None)
    assert path == state_path(out, "stylebank", "new")
    assert {p: p.read_bytes() for p in before} == before
    load_bank(path, name_of(shared_path(out, "stylebank")))
    assert len(list(out.rglob("*.*"))) == len(before) + 2


def test_a_run_that_starts_from_weights_goes_on_from_them(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    stylebank.train(recipe, first, lambda line: None)
    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(tmp_path / "another"))  # or it would go on from the first one's checkpoint
    shared = shared_path(first, "stylebank")
    further = replace(recipe, start=shared, steps=(4, 1), lr=1e-9)
    stylebank.train(further, second, lambda line: None)
    for name in ("shared", "s1"):
        before, after = (load_weights(state_path(folder, "stylebank", name))[0] for folder in (first, second))
        assert all(torch.allclose(after[k].float(), v.float(), atol=1e-3) for k, v in before.items())
    load_bank(state_path(second, "stylebank", "s0"), name_of(shared_path(second, "stylebank")))


def test_the_branches_take_turns_in_balance(tmp_path: Path, recipe: Recipe) -> None:
    """After T stylizing steps comes one that gives back, and its gradient is as long as it should be beside theirs."""
    banks = stylebank.Banks(stylebank.StyleBankNet(0.125, 1), 2)
    x = torch.rand(1, 3, 64, 64)
    banks.begin([x, x.flip(1)])
    branches = stylebank.Branches(banks, read_pictures(recipe.photographs), recipe, "cpu")
    teacher = stylebank.load_teacher("half")
    targets = stylebank.targets_of([x, x.flip(1)], teacher, SPEC)
    lengths = []
    for step in range(3 * (T + 1)):
        losses = branches.both(step, torch.Generator().manual_seed(0), SPEC, targets, teacher)
        banks.zero_grad()
        losses["total"].backward()
        shared = [p.grad for p in banks.net.parameters() if p.grad is not None]
        lengths.append(float(torch.stack([g.norm() for g in shared]).norm()))
        rebuilding = banks.kernels[0].grad is None
        assert rebuilding == (step % (T + 1) == T)
    assert lengths[-1] == pytest.approx(stylebank.BALANCE * lengths[-2], rel=0.05)


def test_all_styles_have_their_turn_alike(recipe: Recipe) -> None:
    banks = stylebank.Banks(stylebank.StyleBankNet(0.125, 0), 5)
    branches = stylebank.Branches(banks, read_pictures(recipe.photographs), recipe, "cpu")
    turns = [i for step in range(15) if step % (T + 1) != T for i in branches._turn(step)]
    assert turns == [i % 5 for i in range(20)]


def test_what_a_recipe_lacks_is_named(recipe: Recipe) -> None:
    with pytest.raises(ScumbleError) as no_name:
        stylebank.table(Recipe(recipe.photographs, add=recipe.photographs / "2.png"))
    with pytest.raises(ScumbleError) as no_table:
        stylebank.table(Recipe(recipe.photographs))
    assert "--style" in no_name.value.hint
    assert "--table" in no_table.value.hint


def test_a_bank_made_for_other_networks_is_passed_over(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was broken off while it wrote leaves new networks beside old banks."""
    out = tmp_path / "out"
    stylebank.train(recipe, out, lambda line: None)
    banks = stylebank.Banks(load_shared(shared_path(out, "stylebank")), 1)
    before = banks.kernels[0].detach().clone()
    path = state_path(out, "stylebank", "s0")
    tensors, card = load_weights(path)
    save_weights(path, tensors, card | {"shared": "another"})
    banks.go_on(shared_path(out, "stylebank"), stylebank.table(recipe)[:1])
    assert torch.equal(banks.kernels[0], before)


def test_an_added_bank_does_not_start_from_other_networks(tmp_path: Path, recipe: Recipe) -> None:
    asked = Recipe(recipe.photographs, add=recipe.photographs / "2.png", style_id="new", start=tmp_path / "any.safetensors")
    with pytest.raises(ScumbleError) as error:
        stylebank.train(asked, tmp_path, lambda line: None)
    assert "--shared" in error.value.hint
