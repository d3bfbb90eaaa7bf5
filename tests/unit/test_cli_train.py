# SPDX-License-Identifier: Apache-2.0
"""`scumble train` shows each recipe's fields as flags and hands them over as they are typed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.cli.train import recipe_command


@pytest.mark.parametrize("name", ["johnson", "perceptual"])
def test_a_recipes_flags_are_its_fields(name: str) -> None:
    module = __import__(f"scumble.train.{name}", fromlist=["Recipe"])
    flags = {parameter.name for parameter in recipe_command(name).params}
    assert flags == {field.name for field in dataclasses.fields(module.Recipe)} | {"out"}


def test_what_is_typed_becomes_the_recipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from scumble.train import perceptual

    seen: list[tuple[perceptual.Recipe, Path]] = []

    def train(recipe: perceptual.Recipe, out: Path, report: object) -> Path:
        seen.append((recipe, out))
        return out / "perceptual.safetensors"

    monkeypatch.setattr(perceptual, "train", train)
    typed = ["train", "perceptual", "--photographs", "ph", "--paintings", "pa", "--steps", "7", "--lr", "0.5", "--out", "here"]
    assert main(typed) == 0
    assert seen == [(perceptual.Recipe(Path("ph"), Path("pa"), steps=7, lr=0.5), Path("here"))]
    assert capsys.readouterr().out == "here/perceptual.safetensors\n"


def test_a_folder_without_pictures_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    typed = ["--photographs", empty, "--paintings", empty, "--teachers", empty, "--out", tmp_path]
    assert main(["train", "perceptual", *map(str, typed)]) == Exit.BAD_INPUT
    assert "holds none of" in capsys.readouterr().err


def test_a_recipe_that_does_not_exist_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "watercolour"]) == Exit.USAGE


def test_a_training_never_writes_over_the_file_it_starts_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder of checkpoints goes by that file: broken off, it began again from what was half trained, in silence."""
    asked = ["train", "ghiasi", "--photographs", str(tmp_path), "--paintings", str(tmp_path), "--out", str(tmp_path)]
    assert main([*asked, "--start", str(tmp_path / "ghiasi.safetensors")]) == Exit.USAGE
    assert "another --out" in capsys.readouterr().err
