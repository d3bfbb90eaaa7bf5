# SPDX-License-Identifier: Apache-2.0
"""The surrogate: the compact network, looked at in such a way that it says what the networks would that training looks through.

Invariant: for each style layer of these teachers there is a linear map of a layer of the compact network, and how far two Gram
matrices of mapped features lie apart stands for how far the teacher's do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.places import COMPACT, SURROGATE
from scumble.library.weights import load_weights, name_of
from scumble.nst.looks import Look
from scumble.nst.pretrained import load_perceptual
from scumble.nst.vgg import DEPTHS, WIDTHS

LAYERS = {f"relu{k}_{n}" for k, depth in enumerate(DEPTHS["compact"], 1) for n in range(1, depth + 1)}
"""The compact network's."""

CONTENT = "relu3_3"
"""Contents are compared by the compact network's own features."""


class Surrogate(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] to features by name: "relu3_3" are the compact network's own, "vgg16/relu3_3" stand for
    that teacher's, though they are fewer (`root`).

    `maps` are (K, C + 1) by the teacher's layer, C the channels of the compact network's layer of that name; the last column
    belongs to a feature that is always 1.
    """

    def __init__(self, maps: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.net = load_perceptual("compact")
        self.maps = nn.ModuleDict({name: _conv(w) for name, w in maps.items()})

    def forward(self, x: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        own = self.net(x, {own_layer(name) for name in wanted})
        return {name: self.maps[name](own[own_layer(name)]) if name in self.maps else own[name] for name in wanted}

    def look(self, style_weight: float) -> Look:
        """All style layers of the teachers alike, as those who judge have them."""
        return Look({1: dict.fromkeys(self.maps, 1.0)}, {CONTENT: 1.0}, style_weight=style_weight)


def own_layer(name: str) -> str:
    """The compact network's layer for a name: "relu3_3" for "vgg16/relu3_3"."""
    return name.rsplit("/", 1)[-1]


def own_channels(name: str) -> int:
    """The channels of that layer."""
    return WIDTHS["compact"][int(own_layer(name)[4]) - 1]


def root(w: Tensor) -> Tensor:
    """R of no more rows than W (K, C) has columns, with |R G R^T| = |W G W^T| for every symmetric G, as R^T R is W^T W."""
    _, s, vt = torch.linalg.svd(w, full_matrices=False)
    r: Tensor = s[:, None] * vt
    return r


def load_surrogate(path: Path = SURROGATE) -> Surrogate:
    """Frozen, in eval mode. Raises ScumbleError "weights-corrupt", also where it was made for another compact network."""
    maps, card = load_weights(path)
    if not maps or not all(_is_map(name, w) for name, w in maps.items()):
        raise ScumbleError("weights-corrupt", f"The weight file {path.name} holds no surrogate.", "Install Scumble again.")
    if card.get("network") != name_of(COMPACT):
        raise ScumbleError(
            "weights-corrupt",
            f"The surrogate in {path.name} belongs to another perceptual network.",
            "Install Scumble again, or make it anew: scumble train surrogate.",
        )
    return Surrogate(maps).requires_grad_(False).eval()


def _is_map(name: str, w: Tensor) -> bool:
    teacher, _, layer = name.rpartition("/")
    known = teacher.isidentifier() and layer in LAYERS
    return known and w.dim() == 2 and w.shape[1] == own_channels(name) + 1


def _conv(w: Tensor) -> nn.Conv2d:
    conv = nn.Conv2d(w.shape[1] - 1, w.shape[0], 1)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(w[:, :-1, None, None])
        conv.bias.copy_(w[:, -1])
    return conv
