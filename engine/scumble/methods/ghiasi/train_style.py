# SPDX-License-Identifier: Apache-2.0
"""Predict the style of a painting once, so that it can be painted without the painting.

Nothing is trained: the file holds the style prediction network's bottleneck for the painting at several sizes, 100 numbers
each. Make it again whenever the networks are trained further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from scumble.library.places import SHIPPED, state_path
from scumble.library.weights import Card, name_of, save_weights
from scumble.methods.ghiasi.method import SIDES, load_shared
from scumble.nst.style_statistics import ladder_sides, resized
from scumble.training.cards import measured_card
from scumble.training.data import read_picture
from scumble.training.recipe import OnePainting


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting and what its card says of it. `network` is the weight file of the networks."""

    network: Path = SHIPPED / "ghiasi" / "shared.safetensors"


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/ghiasi/STYLE.safetensors with its card, in fp32."""
    shared = load_shared(recipe.network)
    painting = read_picture(recipe.painting)[None].float() / 255
    ladder = {}
    for side in ladder_sides(max(painting.shape[2:]), SIDES):
        ladder[str(side)] = shared.known(resized(painting, side))
    report(f"measured at {', '.join(ladder)} px")
    path = state_path(out, "ghiasi", recipe.style_id)
    about: Card = {
        "method": "ghiasi",
        "networks": name_of(recipe.network),
        "long_sides": [int(side) for side in ladder],
    }
    save_weights(path, ladder, measured_card(about, "ghiasi-style", recipe), torch.float32)
    return path
