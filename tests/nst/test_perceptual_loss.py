# SPDX-License-Identifier: Apache-2.0
"""The one perceptual loss: what content and style of a picture count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from scumble.nst.perceptual_loss import LossSpec, grams_of, perceptual_losses

SPEC = LossSpec({1: {"pixels": 1.0}}, {"pixels": 1.0})


def pixels(x: Tensor, layers: set[str]) -> Mapping[str, Tensor]:
    """A feature extractor whose one layer is the picture."""
    return {"pixels": x}


def content(y: Tensor, x: Tensor, spec: LossSpec = SPEC) -> float:
    losses = perceptual_losses(y, x, grams_of(x, pixels, {1: {"pixels"}}), pixels, spec)
    return float(losses.content.mean())


def noise(seed: int) -> Tensor:
    """Black and white."""
    return (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) > 0.5).float()


def test_contrast_and_colours_are_the_style_s_to_say() -> None:
    """A painting with more contrast than the photograph cost content, so pictures came out dull."""
    x = noise(0)
    tints = torch.tensor([0.5, 1.0, 2.0]).view(1, 3, 1, 1)
    assert content(x, x) == 0
    assert content(tints * x + 0.1, x) < 0.1


def test_what_is_unrelated_costs_about_two() -> None:
    assert content(noise(1), noise(0)) == pytest.approx(2, abs=0.25)


def test_strokes_in_a_plain_sky_cost_no_more_than_a_change_of_all_that_is_there() -> None:
    """By the variance of the sky itself, a stroke in it was an error of a thousand times what was there."""
    sky = torch.full((1, 3, 64, 64), 0.5) + 1e-3 * noise(0)
    assert content(noise(1), sky) < 1.5


def test_each_picture_is_compared_by_itself() -> None:
    """So a batch of one costs what the same picture costs among others."""
    x, y = torch.cat([noise(0), 0.01 * noise(1)]), torch.cat([noise(2), noise(3)])
    together = perceptual_losses(y, x, grams_of(x, pixels, {1: {"pixels"}}), pixels, SPEC).content
    assert together.tolist() == pytest.approx([content(y[i : i + 1], x[i : i + 1]) for i in (0, 1)], rel=1e-5)


def test_a_change_to_what_stands_out_costs_more_than_the_same_on_the_wall() -> None:
    """Lettering and small faces crumbled: they are few cells of many."""
    wall, face = np.s_[..., 48:56, 48:56], np.s_[..., 8:16, 8:16]
    x = 0.5 + 0.01 * noise(0)
    x[face] += noise(1)[face]
    painted = {}
    for name, place in (("wall", wall), ("face", face)):
        y = x.clone()
        y[place] += 0.3 * noise(2)[face]
        painted[name] = content(y, x, replace(SPEC, salient=True))
    assert painted["face"] > 3 * painted["wall"]
