# SPDX-License-Identifier: Apache-2.0
"""Johnson, Alahi and Fei-Fei 2016: one feed-forward network a style (arXiv 1603.08155).

Invariant: a network is trained once, offline, for one painting (methods/johnson/train.py); here it only reads the picture.
README.md compares the paper with this file and with the training, parameter by parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Cost, Method
from scumble.library.weights import load_weights
from scumble.methods.feed_forward import SHIPPED_ENCODER, FeedForward, holding
from scumble.methods.johnson.network import MARGIN, STRIDE, TransformNet


@dataclass(frozen=True)
class Options:
    """Nothing to choose: the network is the style."""


class Johnson(FeedForward[nn.Module, TransformNet]):
    """Johnson et al.: one transform network for each style."""

    id = "johnson"
    title = "Johnson (one network a style)"
    paper = "Johnson, Alahi and Fei-Fei 2016, arXiv 1603.08155"
    purpose = "The steadiest look of a famous painting, at once; only styles that were trained for it."
    Options = Options
    capabilities = Capabilities(tiling=True)
    cost = Cost(bytes_per_pixel=330)  # measured, in fp32 with the shipped width
    stride, margin = STRIDE, MARGIN
    trained_by = "johnson --style ID --painting PICTURE"

    def weights(self, encoder: str = SHIPPED_ENCODER) -> None:
        """Every style has its own."""

    def read(self, weights: Path, networks: nn.Module, device: str) -> dict[int, TransformNet]:
        return {0: load_network(weights).to(device)}

    def mix(self, styles: Sequence[tuple[float, TransformNet]]) -> TransformNet:
        ((_, style),) = styles
        return style

    def painter(self, networks: nn.Module, style: TransformNet) -> nn.Module:
        return style

    def stylize(self, networks: nn.Module, picture: Tensor, style: TransformNet, options: Any, shares: Tensor | None) -> Tensor:
        y: Tensor = style(picture)
        return y


def load_network(path: Path) -> TransformNet:
    """A trained network in eval mode; its width and depth are read off the tensors. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    with holding(path, "transform network", "johnson"):
        width = tensors["down.0.conv.weight"].shape[0] / 32
        blocks = 1 + max(int(k.split(".")[1]) for k in tensors if k.startswith("blocks."))
        net = TransformNet(width, blocks)
        net.load_state_dict(tensors)
    return net.to(memory_format=torch.channels_last).requires_grad_(False).eval()


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Johnson())
