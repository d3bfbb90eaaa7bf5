# SPDX-License-Identifier: Apache-2.0
"""Paints tiles of one huge picture, for the task of a Ray cluster that paints the picture.

Invariant: a tile is painted from the same pixels by the same network with the same frozen statistics as where the picture is,
so that its bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray
from torch import nn

from scumble import __version__
from scumble.api.method import Pixels, Runtime
from scumble.methods import registry
from scumble.methods.feed_forward import FeedForward, Pass, Recipe
from scumble.nst.norms import NormStatistics
from scumble.painting.device import choose
from scumble.painting.tiling import paint_tile

Paint = Callable[[list[NDArray[Any]]], Pixels]


@dataclass(frozen=True)
class Lesson:
    """What the tiles of one pass over a picture are painted by."""

    version: str
    name: str
    """A random one."""
    recipe: Recipe
    statistics: NormStatistics
    half: bool
    threads: int


_known: dict[str, nn.Module] = {}
"""The network of the last lesson."""


def painter(lesson: Lesson) -> Paint:
    """What paints the tiles of a pass. Raises RuntimeError on a node of another version."""
    if lesson.version != __version__:
        raise RuntimeError(f"this node has Scumble {__version__}, and the picture's {lesson.version}")
    method = registry.methods()[lesson.recipe.method]  # imports torch, which the device is chosen by
    assert isinstance(method, FeedForward)
    device = choose("auto", lesson.threads)
    if lesson.name not in _known:
        _known.clear()
        networks = method.networks(lesson.recipe.options, device)
        _known[lesson.name] = Pass(method, networks, lesson.recipe.style, lesson.recipe.options)
    return partial(_paint, lesson, _known[lesson.name])


def _paint(lesson: Lesson, net: nn.Module, inputs: list[NDArray[Any]]) -> Pixels:
    own = [plane.copy() for plane in inputs]  # what comes from the object store is read-only, and torch warns of that
    return paint_tile(net, lesson.statistics, own, Runtime(choose("auto", lesson.threads), lesson.half))
