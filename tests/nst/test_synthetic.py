# SPDX-License-Identifier: Apache-2.0
"""Pictures made on the fly."""

from __future__ import annotations

import pytest
import torch

from scumble.nst import synthetic


@pytest.mark.parametrize("kind", [synthetic.shades, synthetic.dead_leaves, synthetic.noise])
def test_a_made_picture_is_the_same_for_the_same_generator_and_another_for_another(kind) -> None:  # type: ignore[no-untyped-def]
    one, same, other = (kind(48, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == (3, 48, 48)
    assert float(one.min()) >= 0
    assert float(one.max()) <= 1
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_shades_are_smooth_and_leaves_have_edges() -> None:
    def steepest(x: torch.Tensor) -> float:
        return float((x[..., 1:] - x[..., :-1]).abs().max())

    generator = torch.Generator().manual_seed(0)
    assert steepest(synthetic.shades(128, generator)) < 0.1 < steepest(synthetic.dead_leaves(128, generator))
