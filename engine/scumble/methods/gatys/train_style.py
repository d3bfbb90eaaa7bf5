# SPDX-License-Identifier: Apache-2.0
"""Measure a painting, so that the Gatys method can use its style without the painting.

Nothing is trained: the file holds mean and covariance of some layers of the network half for the painting at several sizes, and
takes seconds to make (statistics_file.py). Make it again whenever that network changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from scumble.library.places import SHIPPED, perceptual_path, state_path
from scumble.library.weights import Card, load_card
from scumble.methods.gatys.statistics_file import PRESET_LAYERS, measured_sides, save_statistics
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.style_statistics import FeatureStatistics, StyleStatistics, drained
from scumble.training.cards import measured_card
from scumble.training.data import read_picture
from scumble.training.recipe import OnePainting

NETWORK: Network = "half"
"""What the method descends through by default."""


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting and what its card says of it."""


def current(path: Path) -> bool:
    """Whether a style's file is there and was measured in the network that ships."""
    if not path.is_file():
        return False
    return bool(load_card(path).get("network") == _network())


def _network() -> dict[str, str]:
    return {"name": NETWORK, "sha256": load_card(perceptual_path(SHIPPED, NETWORK))["sha256"]}


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/gatys/STYLE.safetensors with its card.

    Sizes above the painting's own are left out: enlarging would measure blur.
    """
    net = load_perceptual(NETWORK).to(memory_format=torch.channels_last)
    painting = read_picture(recipe.painting)[None].float() / 255
    sides = measured_sides(max(painting.shape[2:]))
    style = StyleStatistics(painting=painting)
    ladder: dict[int, FeatureStatistics] = {}
    for side in sides:
        ladder[side] = drained(style.at(side, net, PRESET_LAYERS))
        report(f"measured at {side} px")
    path = state_path(out, "gatys", recipe.style_id)
    about: Card = {"method": "gatys", "network": _network(), "long_sides": sides, "layers": list(PRESET_LAYERS)}
    save_statistics(path, ladder, measured_card(about, "gatys", recipe))
    return path
