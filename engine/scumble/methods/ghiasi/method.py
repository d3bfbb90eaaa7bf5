# SPDX-License-Identifier: Apache-2.0
"""Ghiasi et al. 2017: one network predicts from a painting the norms by which another paints (arXiv 1705.06830).

Invariant: a painting is 100 numbers, the bottleneck of the style prediction network, and nothing is trained for it; a mixture
of paintings is the mixture of their numbers. README.md compares the paper with this file, networks and training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Method
from scumble.api.options import option
from scumble.library.weights import load_weights
from scumble.methods.feed_forward import FeedForward, holding
from scumble.methods.ghiasi.network import BOTTLENECK, MARGIN, STRIDE, GhiasiNet
from scumble.nst.style_encoder import SIZES, Encoder, Inception, StatisticsEncoder, load_style_encoder

SIDES = (256, 362, 512)
"""Long sides in pixels at which a painting is measured, half an octave apart: about those of the training's pieces."""


@dataclass(frozen=True)
class Options:
    """The options of Ghiasi beside those that every method has."""

    style_scale: float = option(
        1.0,
        "Size of the painting relative to the picture when it is measured; a larger one shows more of its brushwork.",
        minimum=0.25,
        maximum=2.0,
        step=0.05,
        unit="x",
    )
    encoder: Literal["quarter", "inception"] = option(
        "quarter",
        "What sees the painting. quarter ships with Scumble; inception needs a predictor you trained for it "
        "(scumble train ghiasi --encoder inception) and the painting itself.",
    )


class Networks(nn.Module):
    """The networks that all styles share: the trained ones, and the encoder for paintings."""

    def __init__(self, model: GhiasiNet, see: StatisticsEncoder | Inception) -> None:
        super().__init__()
        self.model, self.see = model, see

    @torch.no_grad()
    def known(self, picture: Tensor) -> Tensor:
        """The bottleneck (1, 100) of (1, 3, H, W) in [0, 1]."""
        return self.model.predictor.bottleneck(self.see(picture))


class Ghiasi(FeedForward[Networks, Tensor]):
    """Ghiasi et al.: one network for all styles, and one that predicts them."""

    id = "ghiasi"
    title = "Ghiasi (predicted from any painting)"
    paper = "Ghiasi, Lee, Kudlur, Dumoulin and Shlens 2017, arXiv 1705.06830"
    purpose = "Any painting at once, with Johnson's steady brush; styles mix, and weaken towards your picture's own."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True, strength=True)
    cost = Cost(bytes_per_pixel=330)  # as Johnson's network, which it is except for the norms
    stride, margin, sides = STRIDE, MARGIN, SIDES
    trained_by = "ghiasi-style"

    def load(self, weights: Path) -> Networks:
        return load_shared(weights)

    def read(self, weights: Path, networks: Networks, device: str) -> dict[int, Tensor]:
        return {side: known.to(device) for side, known in load_bottlenecks(weights, self.shared_name()).items()}

    def measure(self, networks: Networks, painting: Tensor) -> Tensor:
        return networks.known(painting)

    def measured_side(self, content: Content, options: Any) -> float:
        return float(options.style_scale * content.painting_side)

    def painter(self, networks: Networks, style: Tensor) -> nn.Module:
        return networks.model.net

    def stylize(self, networks: Networks, picture: Tensor, style: Tensor, options: Any, shares: Tensor | None) -> Tensor:
        model = networks.model
        return model.net(picture, model.predictor.style(style), shares)  # type: ignore[no-any-return]


def load_shared(path: Path) -> Networks:
    """Both networks of a weight file and the encoder they were trained behind, frozen.

    Raises ScumbleError "weights-corrupt" and "weights-missing".
    """
    tensors, card = load_weights(path)
    with holding(path, "networks of Ghiasi's", "ghiasi"):
        shape = card["architecture"]
        encoder: Encoder = shape["encoder"]
        model = GhiasiNet(SIZES[encoder], shape["width"], shape["blocks"])
        model.load_state_dict(tensors)
    model = model.to(memory_format=torch.channels_last).requires_grad_(False).eval()
    return Networks(model, load_style_encoder(encoder))


def load_bottlenecks(path: Path, networks: str) -> dict[int, Tensor]:
    """The contents of a style file: the bottleneck (1, 100) by the painting's long side.

    Raises ScumbleError "weights-corrupt", also where it was not predicted by the `networks` of that name.
    """
    tensors, card = load_weights(path)
    with holding(path, "predicted style", "ghiasi-style"):
        ladder = {int(side): known.view(1, BOTTLENECK) for side, known in tensors.items()}
        if not ladder:
            raise ValueError("it is empty")
        if card.get("networks") != networks:
            raise ValueError("it was predicted by other networks")
    return ladder


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Ghiasi())
