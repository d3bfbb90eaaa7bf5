# SPDX-License-Identifier: Apache-2.0
"""Tiles of one huge picture on other slots of a Ray cluster: asked for by the task that paints it, each a task of its own.

Invariant: a tile is painted from the same pixels by the same network with the same frozen statistics as where the picture is,
so that its bytes are the same; whoever loses one is not asked again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from numpy.typing import NDArray
from torch import nn

from scumble import __version__
from scumble.api.method import Pixels, Runtime
from scumble.methods import registry
from scumble.methods.feed_forward import FeedForward, Pass, Recipe
from scumble.nst.norms import Statistics
from scumble.painting.device import choose
from scumble.painting.tiling import paint_tile


@dataclass(frozen=True)
class Lesson:
    """What the tiles of one pass over a picture are painted by."""

    version: str
    name: str
    """A random one."""
    recipe: Recipe
    statistics: Statistics
    half: bool
    threads: int


class RayHelpers:
    """The other slots, as `api.method.Helpers`; used within a task of the cluster, by one thread."""

    def __init__(self, count: int, gpu: bool, threads: int) -> None:
        """At most `count` tiles are out at once, each on a GPU or on a core."""
        import ray
        import ray.exceptions

        self._ray, self._count, self._threads = ray, count, threads
        needs: dict[str, Any] = {"num_gpus": 1, "max_calls": 0} if gpu else {"num_cpus": 1}
        self._task = ray.remote(max_retries=0, **needs)(painted)
        self._asked: dict[Any, int] = {}
        self._lesson: Any = None
        self.came = 0
        """Tiles that have come from elsewhere."""

    def learn(self, net: nn.Module, statistics: Statistics, half: bool) -> None:
        for tile in list(self._asked.values()):  # of a run that memory did not suffice for
            self.drop(tile)
        recipe = cast(Pass, net).recipe
        self._lesson = self._ray.put(Lesson(__version__, uuid.uuid4().hex, recipe, statistics, half, self._threads))

    @property
    def free(self) -> bool:
        return len(self._asked) < self._count

    def ask(self, tile: int, inputs: Sequence[NDArray[Any]]) -> None:
        self._asked[self._task.remote(self._lesson, list(inputs))] = tile

    def done(self) -> list[tuple[int, Pixels | None]]:
        if not self._asked:
            return []
        ready, _ = self._ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        return [(self._asked.pop(task), self._answer(task)) for task in ready]

    def drop(self, tile: int) -> None:
        for task in [task for task, asked in self._asked.items() if asked == tile]:
            del self._asked[task]
            self._ray.cancel(task)

    def _answer(self, task: Any) -> Pixels | None:
        try:
            answer: Pixels = self._ray.get(task)
        except self._ray.exceptions.RayError:
            self._count -= 1
            return None
        self.came += 1
        return answer


_known: dict[str, nn.Module] = {}
"""The network of the last lesson."""


def painted(lesson: Lesson, inputs: list[NDArray[Any]]) -> Pixels:
    """A tile, by the networks of this node. Raises RuntimeError on a node of another version, whose bytes may be others."""
    if lesson.version != __version__:
        raise RuntimeError(f"this node has Scumble {__version__}, and the picture's {lesson.version}")
    method = registry.methods()[lesson.recipe.method]  # imports torch, which the device is chosen by
    assert isinstance(method, FeedForward)
    device = choose("auto", lesson.threads)
    if lesson.name not in _known:
        _known.clear()
        networks = method.networks(lesson.recipe.options, device)
        _known[lesson.name] = Pass(method, networks, lesson.recipe.style, lesson.recipe.options)
    own = [plane.copy() for plane in inputs]  # what comes from the object store is read-only, and torch warns of that
    return paint_tile(_known[lesson.name], lesson.statistics, own, Runtime(device, lesson.half))
