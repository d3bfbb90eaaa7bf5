# SPDX-License-Identifier: Apache-2.0
"""`scumble train` shows each recipe's fields as flags and hands them over as they are typed."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.cli.train import RECIPES, recipe_command
from scumble.library.weights import save_weights
from support.coarse import coarse_pictures

pytestmark = pytest.mark.usefixtures("small_paintings")


@pytest.mark.parametrize("name", ["johnson", "perceptual"])
def test_a_recipes_flags_are_its_fields(name: str) -> None:
    module = importlib.import_module(f"scumble.{RECIPES[name]}")
    flags = {parameter.name for parameter in recipe_command(name).params}
    assert flags == {field.name for field in dataclasses.fields(module.Recipe)} | {"out"}


def test_what_is_typed_becomes_the_recipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from scumble.training import perceptual

    calls: list[tuple[perceptual.Recipe, Path]] = []

    def train(recipe: perceptual.Recipe, out: Path, report: object) -> Path:
        calls.append((recipe, out))
        return out / "perceptual.safetensors"

    monkeypatch.setattr(perceptual, "train", train)
    typed = ["train", "perceptual", "--photographs", "ph", "--paintings", "pa", "--steps", "7", "--lr", "0.5", "--out", "here"]
    assert main(typed) == 0
    assert calls == [(perceptual.Recipe(Path("ph"), Path("pa"), steps=7, lr=0.5), Path("here"))]
    assert capsys.readouterr().out == "here/perceptual.safetensors\n"


def test_a_folder_without_pictures_is_reported_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    typed = ["--photographs", empty, "--paintings", empty, "--teachers", empty, "--out", tmp_path]
    assert main(["train", "perceptual", *map(str, typed)]) == Exit.JOB
    assert "no complete VGG-16" in capsys.readouterr().err
    assert main(["train", "adain", *map(str, [*typed[:4], *typed[6:]])]) == Exit.BAD_INPUT
    assert "holds no pictures" in capsys.readouterr().err


def a_training(name: str, pictures: Path, *more: object) -> list[str]:
    """The command line of a training of as little as can be."""
    about = ["--style", "x", "--painting", pictures / "0.png", "--title", "X", "--artist", "X", "--year", "2020"]
    paintings = about if name == "johnson" else ["--paintings", pictures]
    given = ["--photographs", pictures, *paintings, "--out", pictures.parent / "out", *more]
    return ["train", name, *map(str, given)]


def test_a_damaged_picture_and_a_poor_manifest_are_bad_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They were reported as bugs of Scumble: UnidentifiedImageError, KeyError."""
    pictures = coarse_pictures(tmp_path / "pictures", 1)
    damaged = pictures / "damaged.jpg"
    damaged.write_bytes(b"no picture")
    assert main(a_training("adain", pictures)) == Exit.BAD_INPUT
    assert f"{damaged} cannot be read" in _unfolded(capsys.readouterr().err)
    (pictures / "manifest.csv").write_text("file,title\n0.png,A\n")
    assert main(a_training("adain", pictures)) == Exit.BAD_INPUT
    assert "lacks the column split" in _unfolded(capsys.readouterr().err)


@pytest.mark.parametrize("name", ["adain", "johnson", "ghiasi", "memory", "stylebank"])
def test_a_crop_that_no_lattice_can_be_looked_for_in_is_a_wrong_option(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was reported as a bug, after minutes of looking at paintings: a shape that could not be another."""
    assert main(a_training(name, tmp_path / "none", "--crop", 100)) == Exit.USAGE
    assert "--crop 96" in _unfolded(capsys.readouterr().err)


@pytest.mark.parametrize("name", ["adain", "johnson", "ghiasi", "memory", "stylebank"])
def test_a_file_of_another_network_to_start_from_is_named_in_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a page of the names of all weights, reported as a bug."""
    pictures, start = coarse_pictures(tmp_path / "pictures", 1), tmp_path / "other.safetensors"
    save_weights(start, {"x": torch.zeros(2)}, {"method": "other"})
    table = tmp_path / "styles.csv"
    table.write_text("id,title,artist,year,file\nx,X,X,2020,0.png\n")
    more = {"stylebank": ["--table", table]}.get(name, [])
    assert main(a_training(name, pictures, "--start", start, *more)) == Exit.JOB
    printed = _unfolded(capsys.readouterr().err)
    assert "other.safetensors" in printed
    assert len(printed) < 400


def test_what_nobody_expected_is_reported_as_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every ValueError was put down to the training pictures."""
    from scumble.training import perceptual

    def train(*given: object, **more: object) -> Path:
        raise ValueError("shapes")

    monkeypatch.setattr(perceptual, "train", train)
    assert main(a_training("perceptual", Path("nowhere"))) == Exit.BUG


def _unfolded(text: str) -> str:
    return " ".join(text.split())


def test_a_recipe_that_does_not_exist_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "watercolour"]) == Exit.USAGE


@pytest.mark.parametrize("name", ["ghiasi.safetensors", "ghiasi/shared.safetensors"])
def test_a_training_never_writes_over_the_file_it_starts_from(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder of checkpoints goes by that file: broken off, it began again from what was half trained, in silence."""
    asked = ["train", "ghiasi", "--photographs", str(tmp_path), "--paintings", str(tmp_path), "--out", str(tmp_path)]
    assert main([*asked, "--start", str(tmp_path / name)]) == Exit.USAGE
    assert "another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("style", "network", "out", "message"),
    [
        ("x", "out/adain/x.safetensors", "out", "which --network names, would be overwritten"),
        ("x", "link.safetensors", "out", "which --network names, would be overwritten"),
        ("shared", "out/adain/shared.safetensors", "out", "cannot have the id 'shared'"),
        ("../../x", "out/adain/shared.safetensors", "out", "cannot have the id"),
    ],
)
def test_the_state_of_a_style_never_replaces_the_networks_it_is_for(
    style: str, network: str, out: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The networks of all styles were overwritten by the few numbers of one."""
    for name in ("x", "shared"):
        save_weights(tmp_path / f"out/adain/{name}.safetensors", {"x": torch.zeros(2)}, {"method": "adain"})
    (tmp_path / "link.safetensors").hardlink_to(tmp_path / "out/adain/x.safetensors")
    asked = ["--style", style, "--painting", "p.png", "--title", "X", "--artist", "X", "--year", "2020"]
    where = ["--network", str(tmp_path / network), "--out", str(tmp_path / out)]
    assert main(["train", "adain-style", *asked, *where]) == Exit.USAGE
    assert message in _unfolded(capsys.readouterr().err)


def test_results_and_samples_do_not_go_among_the_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples among the photographs were trained on, and a run that was broken off found other pictures and started over."""
    pictures = coarse_pictures(tmp_path / "pictures", 1)
    given = a_training("adain", pictures)
    assert main([*given[:-1], str(pictures / "out")]) == Exit.USAGE
    assert "the folder of the photographs" in _unfolded(capsys.readouterr().err)
    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(pictures / "runs"))
    assert main(given) == Exit.USAGE
    assert "SCUMBLE_TRAIN_DIR" in _unfolded(capsys.readouterr().err)
