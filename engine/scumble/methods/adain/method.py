# SPDX-License-Identifier: Apache-2.0
"""Huang and Belongie 2017: any painting at once, by the statistics of its features (arXiv 1703.06868).

Invariant: nothing is trained for a style; a painting is measured, and a mixture of paintings is one look at the picture with
the mixture of their statistics. README.md compares the paper with this file, network and training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Event, Method, Progress, Runtime, Style, Weighted
from scumble.api.options import option
from scumble.library.places import SHIPPED, data_dir, shared_path
from scumble.methods.adain.network import (
    MARGIN,
    STRIDE,
    AdaINNet,
    Statistics,
    Stylizer,
    blended,
    load_ladder,
    load_network,
    stacked,
)
from scumble.methods.measured import Measured, measured
from scumble.nst.style_statistics import LADDER
from scumble.painting import tiling


@dataclass(frozen=True)
class Options:
    """What can be chosen beside what every method offers."""

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
    encoder: Literal["compact", "vgg19"] = option(
        "compact",
        "What sees picture and painting. compact ships with Scumble; vgg19 needs a decoder you trained for it "
        "(scumble train adain --encoder vgg19) and the painting itself.",
    )


class AdaINMethod(Method):
    """One network for all styles."""

    id = "adain"
    title = "AdaIN (any painting at once)"
    paper = "Huang and Belongie 2017, arXiv 1703.06868"
    purpose = "Any painting as a style, at once, and mixtures of them; colours and light more than strokes."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True)
    cost = Cost(bytes_per_pixel=256)  # four maps of 16 channels at full resolution, in fp32

    def __init__(self) -> None:
        self._networks: dict[tuple[str, str], AdaINNet] = {}
        self._states: dict[tuple[str, int, str, str], Measured[Statistics]] = {}

    def available(self, style: Style) -> bool:
        return network_path("compact").is_file() and (style.has_picture or style.state(self.id) is not None)

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Measured[Statistics]:
        """The painting, or the statistics that ship in its place; kept for the next run."""
        key = (style.id, style.revision, options.encoder, runtime.device)
        if key not in self._states:
            net = self._network(options.encoder, runtime.device)

            def load(path: Path) -> dict[int, Statistics]:
                return {side: _moved(s, runtime.device) for side, s in load_ladder(path, net).items()}

            self._states[key] = measured(style, self.id, *key[2:], LADDER, net.measure, load)
        return self._states[key]

    def forget(self) -> None:
        """Let go of networks and statistics; the next run loads them again."""
        self._networks.clear()
        self._states.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        found: list[tuple[float, Statistics]] = []
        for style in styles:
            yield Progress(0.0, "looking at the painting")
            found.append((style.weight, style.state.at(options.style_scale * content.painting_side)))
        mixture = blended(found) if content.regions is None else stacked([statistics for _, statistics in found])
        stylizer = Stylizer(self._network(options.encoder, runtime.device), mixture, options.alpha).to(runtime.device)
        yield from tiling.run_tiled(stylizer, content, runtime, stride=STRIDE, margin=MARGIN)

    def _network(self, encoder: str, device: str) -> AdaINNet:
        if (encoder, device) not in self._networks:
            path = network_path(encoder)
            if not path.is_file():
                raise ScumbleError(
                    "weights-missing",
                    f"There is no AdaIN decoder for the encoder {encoder} on this machine ({path}).",
                    f"Use the compact encoder, or train one: scumble train adain --encoder {encoder} --out {path.parent}",
                )
            self._networks[encoder, device] = load_network(path).to(device).to(memory_format=torch.channels_last)
        return self._networks[encoder, device]


def network_path(encoder: str) -> Path:
    """Where encoder and decoder lie: with Scumble, or, for an encoder that is not ours to ship, in the user's data."""
    return shared_path(SHIPPED, "adain") if encoder == "compact" else data_dir() / "models" / f"adain-{encoder}.safetensors"


def _moved(statistics: Statistics, device: str) -> Statistics:
    return {layer: (mean.to(device), std.to(device)) for layer, (mean, std) in statistics.items()}


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(AdaINMethod())
