# SPDX-License-Identifier: Apache-2.0
"""Paints tiles of one huge picture, for the task of a Ray cluster that paints the picture.

Invariant: a tile is painted from the same pixels by the same network with the same frozen statistics as where the picture is,
so that its bytes are the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.typing import NDArray
from torch import nn

from scumble import __version__
from scumble.api.method import Pixels, Runtime
from scumble.methods import registry
from scumble.methods.feed_forward import FeedForward, Pass, PassRecipe
from scumble.nst.norms import NormStatistics
from scumble.painting.device import choose
from scumble.painting.tiling import paint_tile

Paint = Callable[[list[NDArray[Any]]], Pixels]


@dataclass(frozen=True)
class PassSpec:
    """The network that paints the tiles of one pass, as data that another process can rebuild it from."""

    version: str
    recipe: PassRecipe
    statistics: NormStatistics
    half: bool
    threads: int
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    """No other pass', at any time: what a node knows by it stays."""


_known: dict[str, nn.Module] = {}
"""The network of the last pass."""


def painter(spec: PassSpec) -> Paint:
    """A function that paints the tiles of a pass. Raises RuntimeError on a node of another version."""
    if spec.version != __version__:
        raise RuntimeError(f"this node has Scumble {__version__}, and the picture's {spec.version}")
    method = registry.methods()[spec.recipe.method]  # imports torch, which the device is chosen by
    assert isinstance(method, FeedForward)
    device = choose("auto")
    if spec.name not in _known:
        _known.clear()
        networks = method.networks(spec.recipe.options, device)
        _known[spec.name] = Pass(method, networks, spec.recipe.style, spec.recipe.options)
    return partial(_paint, spec, _known[spec.name])


def _paint(spec: PassSpec, net: nn.Module, inputs: list[NDArray[Any]]) -> Pixels:
    own = [plane.copy() for plane in inputs]  # what comes from the object store is read-only, and torch warns of that
    device = choose("auto", spec.threads)  # here, since the number of threads is that of the thread which sets it
    return paint_tile(net, spec.statistics, own, Runtime(device, spec.half))
