# SPDX-License-Identifier: Apache-2.0
"""The other slots of a Ray cluster as helpers with one huge picture: each tile that is asked for is a task of its own.

Invariant: a slot that loses a tile gets no other, and a tile that was dropped is cancelled where it is painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from torch import nn

from scumble import __version__
from scumble.api.method import Pixels
from scumble.cluster.tile_task import Stored, painted
from scumble.cluster.tiles import PassSpec
from scumble.methods.feed_forward import Pass
from scumble.nst.norms import NormStatistics


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
        self._spec: Stored | None = None
        self.came = 0
        """Tiles that have come from elsewhere."""

    def set_network(self, net: nn.Module, statistics: NormStatistics, half: bool) -> None:
        """Only a Pass says how another process makes the same network; of any other, no tile is taken."""
        self._spec = None
        if isinstance(net, Pass):
            spec = PassSpec(__version__, net.recipe, statistics, half, self._threads)
            self._spec = Stored(self._ray.put(spec))

    @property
    def free(self) -> bool:
        return self._spec is not None and len(self._asked) < self._count

    def ask(self, tile: int, inputs: Sequence[NDArray[Any]]) -> None:
        self._asked[self._task.remote(self._spec, list(inputs))] = tile

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
