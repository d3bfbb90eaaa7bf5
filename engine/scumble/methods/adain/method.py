# SPDX-License-Identifier: Apache-2.0
"""Huang and Belongie 2017: any painting at once, by the statistics of its features (arXiv 1703.06868).

Invariant: nothing is trained for a style; a painting is measured, and a mixture of paintings is one pass over the picture with
the mixture of their statistics. README.md compares the paper with this file, network and training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Method
from scumble.api.options import option
from scumble.methods.adain.network import (
    MARGIN,
    STRIDE,
    AdaINNet,
    ChannelStatistics,
    blended,
    load_channel_statistics,
    load_network,
    stacked,
)
from scumble.methods.feed_forward import FeedForward
from scumble.nst.style_statistics import LADDER


@dataclass(frozen=True)
class Options:
    """The options of AdaIN beside those that every method has."""

    alpha: float = option(
        1.0,
        "How much of the painting enters the features before they are painted; unlike strength, which mixes the finished "
        "picture with yours, less of it keeps more of your picture's own forms and light.",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    )
    style_scale: float = option(
        1.0,
        "Size of the painting relative to the picture when it is measured; smaller gives finer strokes.",
        minimum=0.25,
        maximum=2.0,
        step=0.05,
        unit="x",
    )
    encoder: Literal["quarter", "vgg19"] = option(
        "quarter",
        "What sees picture and painting. quarter ships with Scumble; vgg19 needs a decoder you trained for it "
        "(scumble train adain --encoder vgg19) and the painting itself.",
    )


class AdaINMethod(FeedForward[AdaINNet, ChannelStatistics]):
    """AdaIN: one network for all styles."""

    id = "adain"
    title = "AdaIN (any painting at once)"
    paper = "Huang and Belongie 2017, arXiv 1703.06868"
    purpose = "Any painting as a style, at once, and mixtures of them; colours and light more than strokes."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True)
    cost = Cost(bytes_per_pixel=256)  # four maps of 16 channels at full resolution, in fp32
    stride, margin, sides = STRIDE, MARGIN, LADDER
    trained_by = "adain-style"

    def load(self, weights: Path) -> AdaINNet:
        return load_network(weights)

    def read(self, weights: Path, networks: AdaINNet, device: str) -> dict[int, ChannelStatistics]:
        return {side: _moved(s, device) for side, s in load_channel_statistics(weights, networks).items()}

    def measure(self, networks: AdaINNet, painting: Tensor) -> ChannelStatistics:
        return networks.measure(painting)

    def mix(self, styles: Sequence[tuple[float, ChannelStatistics]]) -> ChannelStatistics:
        return blended(styles)

    def stack(self, styles: Sequence[ChannelStatistics]) -> ChannelStatistics:
        return stacked(styles)

    def measured_side(self, content: Content, options: Any) -> float:
        return float(options.style_scale * content.painting_side)

    def stylize(
        self, networks: AdaINNet, picture: Tensor, style: ChannelStatistics, options: Any, shares: Tensor | None
    ) -> Tensor:
        return networks.paint(picture, style, options.alpha, shares)


def _moved(statistics: ChannelStatistics, device: str) -> ChannelStatistics:
    return {layer: (mean.to(device), std.to(device)) for layer, (mean, std) in statistics.items()}


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(AdaINMethod())
