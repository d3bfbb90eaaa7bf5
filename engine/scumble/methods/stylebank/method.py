# SPDX-License-Identifier: Apache-2.0
"""StyleBank (Chen et al. 2017): one autoencoder for all styles, and a bank of filters for each (arXiv 1703.09210).

Invariant: a picture depends on the shared autoencoder, the banks of its own styles and nothing else; a mixture of styles is
one convolution with the mixture of their kernels. README.md compares the paper with this file, network and
training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Event, Method, Runtime, Style, Weighted
from scumble.library.places import SHIPPED, shared_path
from scumble.library.weights import load_weights, name_of
from scumble.methods.stylebank.network import CHANNELS, MARGIN, STRIDE, Bank, StyleBankNet, fused
from scumble.painting import tiling

SHARED = shared_path(SHIPPED, "stylebank")


@dataclass(frozen=True)
class Options:
    """Nothing to choose beyond what every method offers."""


class StyleBank(Method):
    """Many styles over one autoencoder, a bank each."""

    id = "stylebank"
    title = "StyleBank (one filter bank a style)"
    paper = "Chen, Yuan, Liao, Yu and Hua 2017, arXiv 1703.09210"
    purpose = "Famous paintings at once, and mixtures of them, also by place; only styles that were trained for it."
    Options = Options
    capabilities = Capabilities(blend=True, regions=True, tiling=True)
    cost = Cost(bytes_per_pixel=300)

    def __init__(self) -> None:
        self._networks: dict[str, StyleBankNet] = {}
        self._banks: dict[tuple[str, int, str], Bank] = {}

    def available(self, style: Style) -> bool:
        return style.state(self.id) is not None and SHARED.is_file()

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Bank:
        """The style's bank on the device, kept for the next run."""
        key = (style.id, style.revision, runtime.device)
        if key not in self._banks:
            path = style.state(self.id)
            if path is None:
                raise ScumbleError(
                    "style-unavailable",
                    f"The style {style.id!r} has no filter bank.",
                    "Choose a method that takes any style, or train one: scumble train stylebank --add PICTURE.",
                )
            kernel, bias = load_bank(Path(path), name_of(SHARED))
            self._banks[key] = Bank(kernel.to(runtime.device), bias.to(runtime.device))
        return self._banks[key]

    def forget(self) -> None:
        """Let go of network and banks; the next run loads them again."""
        self._networks.clear()
        self._banks.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        banks = [style.state for style in styles]
        if content.regions is None:
            banks = [fused([(style.weight, style.state) for style in styles])]
        painter = Painter(self._network(runtime.device), banks)
        yield from tiling.run_tiled(painter, content, runtime, stride=STRIDE, margin=MARGIN)

    def _network(self, device: str) -> StyleBankNet:
        if device not in self._networks:
            self._networks[device] = load_shared(SHARED).to(device)
        return self._networks[device]


class Painter(nn.Module):
    """The autoencoder with one bank, or with S banks that are mixed by place, as tiling.py drives it."""

    def __init__(self, net: StyleBankNet, banks: Sequence[Bank]) -> None:
        super().__init__()
        self.net, self.banks = net, banks

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        """(1, 3, H, W) to the same; `shares` (S, 1, H, W)."""
        return self.net.paint(x, self.banks, shares)


def load_shared(path: Path) -> StyleBankNet:
    """The autoencoder in eval mode; its width and depth are read off the tensors. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    try:
        width = tensors["coder.down.0.conv.weight"].shape[0] / 32
        blocks = len({name.split(".")[2] for name in tensors if name.startswith("coder.blocks.")})
        net = StyleBankNet(width, blocks)
        net.load_state_dict(tensors)
    except (KeyError, ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt", f"The weight file {path.name} holds no autoencoder of StyleBank ({e}).", "Install Scumble again."
        ) from e
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
        "Install Scumble again, or train it anew: scumble train stylebank --add PICTURE.",
    )


@hookimpl
def register_methods(register: Callable[[StyleBank], None]) -> None:
    register(StyleBank())
