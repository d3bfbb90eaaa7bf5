# SPDX-License-Identifier: Apache-2.0
"""Johnson, Alahi and Fei-Fei 2016: one feed-forward network a style (arXiv 1603.08155).

Invariant: a network is trained once, offline, for one painting (methods/johnson/train.py); here it only looks at the picture.
README.md compares the paper with this file and with the training, parameter by parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Event, Method, Runtime, Style, Weighted
from scumble.library.weights import load_weights
from scumble.methods.johnson.network import MARGIN, STRIDE, TransformNet
from scumble.painting import tiling


@dataclass(frozen=True)
class Options:
    """Nothing to choose: the network is the style."""


class Johnson(Method):
    """One transform network a style."""

    id = "johnson"
    title = "Johnson (one network a style)"
    paper = "Johnson, Alahi and Fei-Fei 2016, arXiv 1603.08155"
    purpose = "The steadiest look of a famous painting, at once; only styles that were trained for it."
    Options = Options
    capabilities = Capabilities(tiling=True)
    cost = Cost(bytes_per_pixel=330)  # measured, in fp32 with the shipped width

    def __init__(self) -> None:
        self._networks: dict[tuple[str, int, str], TransformNet] = {}

    def available(self, style: Style) -> bool:
        return style.state(self.id) is not None

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> TransformNet:
        """The style's network on the device, kept for the next run."""
        key = (style.id, style.revision, runtime.device)
        if key not in self._networks:
            path = style.state(self.id)
            if path is None:
                raise ScumbleError(
                    "style-unavailable",
                    f"The style {style.id!r} has no network of its own.",
                    "Choose a method that takes any style, or train one: scumble train johnson.",
                )
            self._networks[key] = load_network(Path(path)).to(runtime.device)
        return self._networks[key]

    def forget(self) -> None:
        """Let go of the networks; the next run loads them again."""
        self._networks.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield from tiling.run_tiled(styles[0].state, content, runtime, stride=STRIDE, margin=MARGIN)


def load_network(path: Path) -> TransformNet:
    """A trained network in eval mode; its width and depth are read off the tensors. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    try:
        width = tensors["down.0.conv.weight"].shape[0] / 32
        blocks = 1 + max(int(k.split(".")[1]) for k in tensors if k.startswith("blocks."))
        net = TransformNet(width, blocks)
        net.load_state_dict(tensors)
    except (KeyError, ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no transform network ({e}).",
            "Install Scumble again, or train it anew: scumble train johnson.",
        ) from e
    return net.to(memory_format=torch.channels_last).requires_grad_(False).eval()


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Johnson())
