# SPDX-License-Identifier: Apache-2.0
"""Weight files: what is kept in fewer bits comes back as near as those bits allow."""

from __future__ import annotations

from pathlib import Path

import torch

from scumble.weights import load_weights, save_weights


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
