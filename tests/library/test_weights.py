# SPDX-License-Identifier: Apache-2.0
"""Weight files: what is kept in fewer bits comes back as near as those bits allow; what is no number is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from scumble.api.errors import ScumbleError
from scumble.library import weights
from scumble.library.weights import (
    card_path,
    load_card,
    load_weights,
    name_of,
    pack_state,
    read_state,
    save_weights,
    write_state,
)


def test_a_matrix_in_8_bits_comes_back_within_half_a_step_of_each_row(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 1000, generator=generator) * torch.tensor([[1e-3], [1.0], [50.0], [0.0], [1e-9], [7.0]])
    other = torch.randn(3, 4, generator=generator)
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"matrix": matrix, "other": other}, {"method": "none"}, narrow=["matrix"])
    tensors, card = load_weights(path)
    assert set(tensors) == {"matrix", "other"}
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert torch.all((tensors["matrix"] - matrix).abs() <= 0.501 * step + 1e-12)
    assert torch.equal(tensors["other"], other.half().float())
    assert card["parameters"] == 6012
    assert path.stat().st_size < 6012 * 1.2 + 500


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_that_are_not_finite_are_not_written(tmp_path: Path, value: float) -> None:
    """A training that had run away wrote such weights over good ones, and only loading them showed it. 1e6 has no half."""
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"x": torch.zeros(2)}, {"method": "none"})
    for narrow in ([], ["x"]) if value != 1e6 else ([],):
        with pytest.raises(ScumbleError, match="not finite"):
            save_weights(path, {"x": torch.tensor([[1.0, value]])}, {"method": "none"}, narrow=narrow)
    assert torch.equal(load_weights(path)[0]["x"], torch.zeros(2))


def test_weights_that_are_not_finite_are_not_read(tmp_path: Path) -> None:
    path, data = tmp_path / "odd.safetensors", save({"x": torch.tensor([1.0, float("nan")])})
    path.write_bytes(data)
    card_path(path).write_text(json.dumps({"sha256": hashlib.sha256(data).hexdigest()}))
    with pytest.raises(ScumbleError, match="not finite"):
        load_weights(path)


def test_no_weights_are_there_before_their_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights were written first: broken off in between, a file lay there that could not be loaded."""
    written: list[str] = []
    monkeypatch.setattr(weights, "write_atomic", lambda path, data: written.append(path.suffix))
    save_weights(tmp_path / "weights.safetensors", {"x": torch.zeros(2)}, {"method": "none"})
    assert written == [".json", ".safetensors"]


@pytest.mark.parametrize("card", ["[" * 100_000, "[]", "{}", '{"sha256": 3}', '{"note": "' + "x" * (1 << 20) + '"}'])
def test_a_card_that_is_damaged_is_refused_by_the_name_of_its_file(tmp_path: Path, card: str) -> None:
    """A card nested deep enough ended in RecursionError, and one without a sha256 in KeyError."""
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"x": torch.zeros(2)}, {"method": "none"})
    card_path(path).write_text(card)
    for read in (load_card, name_of, load_weights, read_state):
        with pytest.raises(ScumbleError, match=r"weights\.safetensors") as error:
            read(path)
        assert error.value.code == "weights-corrupt"


def test_weights_and_states_are_one_format(tmp_path: Path) -> None:
    """What a training writes is read without torch, and what a refinement writes as tensors."""
    path = tmp_path / "one.safetensors"
    save_weights(path, {"row": torch.arange(3.0)}, {"method": "memory"}, torch.float32)
    arrays, card = read_state(path)
    assert arrays["row"].tolist() == [0, 1, 2]
    write_state(path, pack_state(arrays), card)
    tensors, again = load_weights(path)
    assert torch.equal(tensors["row"], torch.arange(3.0))
    assert again == card
