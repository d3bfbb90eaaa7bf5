# SPDX-License-Identifier: Apache-2.0
"""Measure a painting, so that AdaIN can use its style without the painting.

Nothing is trained: the file holds mean and standard deviation of the encoder's features for the painting at several sizes, a
few kilobytes. Make it again whenever the AdaIN network is trained again on another encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from scumble.library.places import SHIPPED, state_path
from scumble.library.weights import Card, save_weights
from scumble.methods.adain.network import ChannelStatistics, encoder_digest, load_network, pack
from scumble.nst.style_statistics import ladder_sides, resized
from scumble.training.cards import measured_card
from scumble.training.data import read_picture
from scumble.training.recipe import OnePainting


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting and what its card says of it. `network` is the AdaIN network's weight file."""

    network: Path = SHIPPED / "adain" / "shared.safetensors"


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/adain/STYLE.safetensors with its card, in fp32.

    Sizes above the painting's own are left out: enlarging would measure blur.
    """
    net = load_network(recipe.network).to(memory_format=torch.channels_last)
    painting = read_picture(recipe.painting)[None].float() / 255
    ladder: dict[int, ChannelStatistics] = {}
    for side in ladder_sides(max(painting.shape[2:])):
        ladder[side] = net.measure(resized(painting, side))
        report(f"measured at {side} px")
    path = state_path(out, "adain", recipe.style_id)
    about: Card = {
        "method": "adain",
        "encoder": encoder_digest(net),
        "long_sides": list(ladder),
        "layers": list(net.layers),
    }
    save_weights(path, pack(ladder), measured_card(about, "adain-style", recipe), torch.float32)
    return path
