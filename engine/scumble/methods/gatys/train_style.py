# SPDX-License-Identifier: Apache-2.0
"""Measure a painting, so that the Gatys method can use its style without the painting.

Nothing is trained: the file holds mean and Gram matrix of each layer of the compact network for the painting at several
sizes, and takes seconds to make. Make it anew whenever the compact network changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from scumble.library.places import COMPACT, state_path
from scumble.library.weights import Card, load_card, save_weights
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import LAYERS, Statistics, StyleStatistics, drained, ladder_sides, pack
from scumble.training.cards import measured_card
from scumble.training.data import read_picture
from scumble.training.recipe import OnePainting


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting and what its card says of it."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/gatys/STYLE.safetensors with its card.

    Sizes above the painting's own are left out: enlarging would measure blur.
    """
    net = load_perceptual("compact").to(memory_format=torch.channels_last)
    painting = read_picture(recipe.painting)[None].float() / 255
    sides = ladder_sides(max(painting.shape[2:]))
    style = StyleStatistics(painting=painting)
    ladder: dict[int, Statistics] = {}
    for side in sides:
        ladder[side] = drained(style.at(side, net, LAYERS))
        report(f"measured at {side} px")
    path = state_path(out, "gatys", recipe.style_id)
    about: Card = {
        "method": "gatys",
        "network": {"name": "compact", "sha256": load_card(COMPACT)["sha256"]},
        "long_sides": sides,
        "layers": list(LAYERS),
    }
    save_weights(path, pack(ladder), measured_card(about, "gatys", recipe))
    return path
