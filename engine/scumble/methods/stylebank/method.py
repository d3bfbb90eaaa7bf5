# SPDX-License-Identifier: Apache-2.0
"""StyleBank (Chen et al. 2017): one autoencoder for all styles, and a bank of filters for each (arXiv 1703.09210).

Invariant: a picture depends on the shared autoencoder, the banks of its own styles and nothing else; a mixture of styles is
one convolution with the mixture of their kernels. README.md compares the paper with this file, network and
training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Cost
from scumble.library.places import SHIPPED, shared_path
from scumble.library.weights import load_weights
from scumble.methods.feed_forward import SHIPPED_ENCODER, FeedForward, holding
from scumble.methods.stylebank.network import CHANNELS, MARGIN, STRIDE, Bank, StyleBankNet, fused

SHARED = shared_path(SHIPPED, "stylebank")


@dataclass(frozen=True)
class Options:
    """Nothing to choose beyond what every method offers."""


Banks = tuple[Bank, ...]
"""One, or one a style that is mixed by place."""


class StyleBank(FeedForward[StyleBankNet, Banks]):
    """Many styles over one autoencoder, a bank each."""

    id = "stylebank"
    title = "StyleBank (one filter bank a style)"
    paper = "Chen, Yuan, Liao, Yu and Hua 2017, arXiv 1703.09210"
    purpose = "Famous paintings at once, and mixtures of them, also by place; only styles that were trained for it."
    Options = Options
    capabilities = Capabilities(blend=True, regions=True, tiling=True)
    cost = Cost(bytes_per_pixel=300)
    stride, margin = STRIDE, MARGIN
    trained_by = "stylebank --add PICTURE"

    def weights(self, encoder: str = SHIPPED_ENCODER) -> Path:
        return SHARED

    def load(self, weights: Path) -> StyleBankNet:
        return load_shared(weights)

    def read(self, weights: Path, networks: StyleBankNet, device: str) -> dict[int, Banks]:
        kernel, bias = load_bank(weights, self.shared_name())
        return {0: (Bank(kernel.to(device), bias.to(device)),)}

    def mix(self, styles: Sequence[tuple[float, Banks]]) -> Banks:
        return (fused([(weight, bank) for weight, (bank,) in styles]),)

    def stack(self, styles: Sequence[Banks]) -> Banks:
        return tuple(bank for banks in styles for bank in banks)

    def stylize(self, networks: StyleBankNet, picture: Tensor, style: Banks, options: Any, shares: Tensor | None) -> Tensor:
        return networks.paint(picture, style, shares)


def load_shared(path: Path) -> StyleBankNet:
    """The autoencoder in eval mode; its width and depth are read off the tensors. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    with holding(path, "autoencoder of StyleBank", "stylebank"):
        width = tensors["coder.down.0.conv.weight"].shape[0] / 32
        blocks = len({name.split(".")[2] for name in tensors if name.startswith("coder.blocks.")})
        net = StyleBankNet(width, blocks)
        net.load_state_dict(tensors)
    return net.to(memory_format=torch.channels_last).requires_grad_(False).eval()


def load_bank(path: Path, shared: str) -> Bank:
    """A bank made for the networks called `shared`. Raises ScumbleError "weights-corrupt"."""
    tensors, card = load_weights(path)
    kernel, bias = tensors.get("kernel"), tensors.get("bias")
    shapes = [None if t is None else tuple(t.shape) for t in (kernel, bias)]
    if kernel is None or bias is None or shapes != [(CHANNELS, CHANNELS, 3, 3), (CHANNELS,)]:
        why = "it holds no filter bank"
    elif card.get("shared") != shared:
        why = "it was trained beside another autoencoder"
    else:
        return Bank(kernel.contiguous(memory_format=torch.channels_last), bias)
    raise ScumbleError(
        "weights-corrupt",
        f"The weight file {path.name} cannot be used: {why}.",
        "Install Scumble again, or train it again: scumble train stylebank --add PICTURE.",
    )


@hookimpl
def register_methods(register: Callable[[StyleBank], None]) -> None:
    register(StyleBank())
