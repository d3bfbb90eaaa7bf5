# SPDX-License-Identifier: Apache-2.0
"""Training: the loop resumes as if it had never stopped, the recipes run, the cards say what was done."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_weights, save_weights
from scumble.methods.adain import train as adain
from scumble.methods.johnson import train as johnson
from scumble.methods.style_memory import train as memory
from scumble.nst.vgg import VGG, narrow
from scumble.training import perceptual
from scumble.training.cards import read_table, write_credits
from scumble.training.data import has_test_split, listed, read_pictures
from scumble.training.loop import Schedule, fit, run_folder
from scumble.training.teachers import load_teacher
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    return coarse_pictures(tmp_path / "photographs", 3)


@pytest.fixture
def small_teacher(monkeypatch: pytest.MonkeyPatch) -> VGG:
    """Random weights of the shape of "quarter": no judge of pictures, but every gradient flows as with a trained one."""
    torch.manual_seed(0)
    teacher = narrow("quarter").requires_grad_(False).eval()
    monkeypatch.setattr(johnson, "load_teacher", lambda source: teacher)
    monkeypatch.setattr(perceptual, "load_complete", lambda source: teacher)
    return teacher


def a_problem() -> tuple[nn.Linear, object]:
    torch.manual_seed(0)
    model = nn.Linear(4, 4)

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = torch.randn(8, 4, generator=generator)
        return {"total": (model(x).float() - x.flip(1)).square().mean()}

    return model, loss


def test_the_rate_rises_in_the_first_steps_and_falls_to_nothing() -> None:
    schedule = Schedule(100, 0.01, warm_up=9)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[:9] == sorted(rates[:9])
    assert rates[9] == pytest.approx(0.01, rel=0.03)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-5
    assert Schedule(100, 0.01).rate(0) == 0.01


def test_a_resumed_run_ends_where_an_unbroken_one_ends(tmp_path: Path) -> None:
    whole, loss = a_problem()
    fit(whole, loss, Schedule(40, 1e-2), run_folder("whole"), report=lambda line: None)  # type: ignore[arg-type]

    first, loss = a_problem()
    stopped: list[int] = []

    def interrupt(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        if step == 25:
            raise KeyboardInterrupt
        stopped.append(step)
        return loss(step, generator)  # type: ignore[operator, no-any-return]

    every_step = Schedule(40, 1e-2, minutes_between_checkpoints=0)
    with pytest.raises(KeyboardInterrupt):
        fit(first, interrupt, every_step, run_folder("broken"), report=lambda line: None)
    second, loss = a_problem()
    reported: list[str] = []
    fit(second, loss, every_step, run_folder("broken"), report=reported.append)  # type: ignore[arg-type]
    assert reported[:2] == [f"checkpoints, losses and samples go to {run_folder('broken')}", "resumed at step 25"]
    assert torch.equal(whole.weight, second.weight)


def test_a_run_never_goes_on_from_another_recipes_checkpoint(tmp_path: Path) -> None:
    """It did, in silence: what was trained then had nothing to do with the pictures or the file that were named."""
    files = [tmp_path / f"{k}.safetensors" for k in range(2)]
    for k, path in enumerate(files):
        save_weights(path, {"weight": torch.full((2,), float(k))}, {"method": "perceptual"})
    recipe = adain.Recipe(tmp_path / "mine", tmp_path / "paintings")
    others = [replace(recipe, photographs=tmp_path / "yours"), *(replace(recipe, start=path) for path in files)]
    folders = {run_folder("adain", r) for r in (recipe, *others)}
    assert len(folders) == 4
    assert run_folder("adain", replace(recipe, steps=recipe.steps + 1)) == run_folder("adain", recipe), (
        "it can go on for longer"
    )


def test_other_pictures_are_another_run(photographs: Path, tmp_path: Path) -> None:
    """Folders and tables went by their place: with a picture more the same command went on with other pictures in silence, or
    ended with shapes that did not match."""
    table = tmp_path / "styles.csv"
    table.write_text("id,title,artist,year,file\n")
    recipe = memory.Recipe(photographs, photographs, styles=table)
    folders = [run_folder("memory", recipe)]
    assert run_folder("memory", recipe) == folders[0]

    def changed() -> bool:
        folders.append(run_folder("memory", recipe))
        return folders[-1] not in folders[:-1]

    (photographs / "more").mkdir()
    Image.new("RGB", (64, 64)).save(photographs / "more" / "one.png")
    assert changed()
    table.write_text("id,title,artist,year,file\nfirst,First,nobody,2020,0.png\n")
    assert changed()
    for split in ("train", "test"):
        (photographs / "manifest.csv").write_text(f"file,split\n0.png,train\n1.png,{split}\n")
        assert changed()
    (photographs / "2.png").unlink()
    assert not changed(), "the manifest alone says which pictures count"


def test_a_training_that_runs_away_ends_and_leaves_its_last_checkpoint_whole() -> None:
    """One loss that was no number made every weight none, and three minutes later the checkpoint too."""
    model, loss = a_problem()

    def runs_away(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        losses = loss(step, generator)  # type: ignore[operator]
        return {"total": losses["total"] * (float("nan") if step == 7 else 1.0)}

    every_step = Schedule(40, 1e-2, minutes_between_checkpoints=0)
    with pytest.raises(ScumbleError, match=r"diverged.* step 8 ") as caught:
        fit(model, runs_away, every_step, run_folder("away"), report=lambda line: None)
    assert "--lr" in caught.value.hint
    state = torch.load(run_folder("away") / "checkpoint.pt", weights_only=True)
    assert state["step"] == 7
    assert torch.equal(state["model"]["weight"], model.weight)
    assert bool(model.weight.isfinite().all())


def test_pictures_of_a_camera_are_turned_upright_and_brought_down(tmp_path: Path) -> None:
    """They were taken as they lay, and a crop of one showed its grain."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 1200)).save(tmp_path / "portrait.jpg", exif=exif)
    (picture,) = read_pictures(tmp_path).tensors
    assert picture.shape == (3, 683, 512)


def test_a_manifest_without_a_test_split_is_no_error_after_hours_of_training(tmp_path: Path, photographs: Path) -> None:
    assert not has_test_split(photographs)
    rows = "".join(f"{file.name},train\n" for file in photographs.iterdir())
    (photographs / "manifest.csv").write_text(f"file,split\n{rows}")
    assert not has_test_split(photographs)
    (photographs / "manifest.csv").write_text(f"file,split\n{rows}0.png,test\n")
    assert has_test_split(photographs)


def test_the_loss_table_gains_a_row_every_25_steps(tmp_path: Path) -> None:
    model, loss = a_problem()
    fit(model, loss, Schedule(60, 1e-2), run_folder("table"), report=lambda line: None)  # type: ignore[arg-type]
    rows = (run_folder("table") / "losses.csv").read_text().splitlines()
    assert rows[0] == "step,seconds,total"
    assert [r.split(",")[0] for r in rows[1:]] == ["25", "50", "60"]


def test_training_johnson_lowers_the_loss_and_writes_a_network_with_its_card(
    tmp_path: Path, photographs: Path, small_teacher: VGG
) -> None:
    painting = tmp_path / "painting.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(painting)
    recipe = johnson.Recipe("noise", painting, "Noise", "nobody", "2020", photographs, width=0.125, steps=30, batch=1, crop=64)
    reported: list[str] = []
    path = johnson.train(recipe, tmp_path, reported.append)
    tensors, card = load_weights(path)
    assert tensors["down.0.conv.weight"].shape == (4, 3, 9, 9)
    assert card["training"]["finished"] == 30
    assert card["training"]["credits"]["pictures"] == 3
    assert card["style"] == recipe.described
    assert (card["training"]["width"], card["training"]["batch"], card["training"]["steps"]) == (0.125, 1, 30)
    rows = [line.split(",") for line in (run_folder("johnson-noise", recipe) / "losses.csv").read_text().splitlines()[1:]]
    assert float(rows[-1][2]) < float(rows[0][2])
    assert (run_folder("johnson-noise", recipe) / "sample-000030.png").exists()


def test_johnson_warm_starts_from_committed_weights(tmp_path: Path, photographs: Path, small_teacher: VGG) -> None:
    painting = tmp_path / "painting.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(painting)
    recipe = johnson.Recipe("first", painting, "Noise", "nobody", "2020", photographs, width=0.125, steps=2, batch=1, crop=64)
    first = johnson.train(recipe, tmp_path, lambda line: None)
    second = johnson.train(replace(recipe, style_id="second", steps=0, start=first), tmp_path, lambda line: None)
    assert {k: v.tolist() for k, v in load_weights(first)[0].items()} == {
        k: v.tolist() for k, v in load_weights(second)[0].items()
    }
    assert load_weights(second)[1]["training"]["warm_start"] == first.name


def test_distillation_lowers_the_loss_and_levels_the_activations(tmp_path: Path, photographs: Path, small_teacher: VGG) -> None:
    recipe = perceptual.Recipe(photographs, photographs, "quarter", steps=30, batch=2, crop=48, fitted=4, lr=1e-3)
    reported: list[str] = []
    path = perceptual.train(recipe, tmp_path, reported.append)
    net = narrow("quarter")
    net.convs.load_state_dict(load_weights(path)[0])
    rows = [line.split(",") for line in (run_folder("perceptual-quarter", recipe) / "losses.csv").read_text().splitlines()[1:]]
    assert float(rows[-1][2]) < float(rows[0][2])
    x = read_pictures(photographs).crops(4, 48, torch.Generator().manual_seed(0))
    with torch.no_grad():
        means = [float(f.mean()) for f in net(x).values()]
    assert all(0.3 < m < 3 for m in means), means


def test_a_distillation_goes_on_from_a_network_of_its_kind(
    tmp_path: Path, photographs: Path, small_teacher: VGG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run began with the closed form, so that what an earlier one had learnt was lost."""
    recipe = perceptual.Recipe(photographs, photographs, "quarter", steps=0, batch=2, crop=48, fitted=4)
    first = perceptual.train(recipe, tmp_path / "first", lambda line: None)
    monkeypatch.delattr(perceptual, "narrowed")
    second = perceptual.train(replace(recipe, start=first), tmp_path / "second", lambda line: None)
    (before, _), (after, card) = load_weights(first), load_weights(second)
    for name, weight in before.items():
        torch.testing.assert_close(after[name].float(), weight.float(), rtol=0.01, atol=1e-3)
    assert card["training"]["warm_start"] == first.name
    third = perceptual.train(replace(recipe, start=second, steps=2), tmp_path / "third", lambda line: None)
    assert any(not torch.equal(weight, after[name]) for name, weight in load_weights(third)[0].items())
    with pytest.raises(ScumbleError) as caught:
        perceptual.train(replace(recipe, network="half", start=first), tmp_path / "fourth", lambda line: None)
    assert caught.value.code == "weights-corrupt"


def test_another_folder_of_teachers_makes_another_run(tmp_path: Path) -> None:
    """With one file more in it, a run went on from what the others had taught."""
    recipe = perceptual.Recipe(tmp_path, tmp_path, teachers=str(tmp_path / "teachers"))
    (tmp_path / "teachers").mkdir()
    without = run_folder("perceptual", recipe)
    assert without == run_folder("perceptual", recipe)
    (tmp_path / "teachers" / "complete_vgg16_x.safetensors").touch()
    assert run_folder("perceptual", recipe) != without
    (tmp_path / "README").touch()
    (tmp_path / "teachers" / "notes.txt").touch()
    more = run_folder("perceptual", recipe)
    (tmp_path / "teachers" / "complete_vgg16_x.safetensors").write_text("another")
    assert run_folder("perceptual", recipe) not in (without, more)


def test_a_folder_without_a_complete_vgg16_is_refused_as_a_teacher(tmp_path: Path) -> None:
    """A partial one, whose layers end before strokes begin, ended in StopIteration."""
    (tmp_path / "vgg16_to_relu3_3.safetensors").touch()
    with pytest.raises(ScumbleError) as caught:
        load_teacher(str(tmp_path))
    assert caught.value.code == "weights-missing"
    assert "half" in caught.value.hint


def test_a_manifest_keeps_the_test_split_out_of_training(photographs: Path) -> None:
    (photographs / "manifest.csv").write_text(
        "file,split,title,artist,licence\n0.png,train,A,Ann,CC0\n1.png,test,B,Ben,CC0\n2.png,train,C,Cem,CC0\n"
    )
    assert [p.name for p in read_pictures(photographs).files] == ["0.png", "2.png"]
    assert [p.name for p in read_pictures(photographs, "test").files] == ["1.png"]
    assert read_pictures(photographs).credits == ["A, Ann (CC0)", "C, Cem (CC0)"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_pictures_whose_names_are_not_utf_8_are_trained_on(tmp_path: Path) -> None:
    """One such name among a thousand ended a training before its first step, as a bug of Scumble's."""
    picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as f:
        picture.save(f, "PNG")
    pictures = read_pictures(tmp_path)
    assert b"caf\xe9.png" in listed(tmp_path)
    assert write_credits(tmp_path / "out", pictures)["pictures"] == 1
    (written,) = (tmp_path / "out" / "credits").iterdir()
    assert written.read_text(encoding="utf-8") == "caf\\udce9.png\n"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScumbleError, match="holds no pictures"):
        read_pictures(tmp_path)


def test_a_table_that_is_none_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    """It was reported as a bug: KeyError."""
    table = tmp_path / "styles.csv"
    with pytest.raises(ScumbleError, match="cannot be read"):
        read_table(table, tmp_path)
    table.write_text("id,title,artist,year\n")
    with pytest.raises(ScumbleError, match="lacks the column file"):
        read_table(table, tmp_path)
