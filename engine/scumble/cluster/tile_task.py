# SPDX-License-Identifier: Apache-2.0
"""What Ray runs on another slot of the cluster for one tile of a huge picture.

Ray cancels a task by a KeyboardInterrupt in the main thread. In the middle of an import that would leave torch half loaded, and
every later picture of the process would fail. So this module imports nothing heavy, and a thread of its own loads the rest.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from scumble.api.method import Pixels

if TYPE_CHECKING:
    from scumble.cluster import tiles


class Source(Protocol):
    def get(self) -> Any:
        """The value, read when it is asked for: reading it may import torch."""


@dataclass(frozen=True)
class Stored:
    """A value in Ray's object store. As an argument of its own, Ray would read it in the main thread."""

    reference: Any

    def get(self) -> Any:
        import ray

        return ray.get(self.reference)


def painted(spec: Source, inputs: list[NDArray[Any]]) -> Pixels:
    """A tile (h, w, 3) in [0, 1], by the networks of this node. `spec` gives a `tiles.PassSpec`.

    Raises RuntimeError on a node of another version, whose bytes may be others.
    """
    with ThreadPoolExecutor(1) as loader:  # which is waited for, also after an interrupt
        paint = loader.submit(_loaded, spec).result()
    return paint(inputs)


def _loaded(spec: Source) -> tiles.Paint:
    from scumble.cluster import tiles  # and torch

    return tiles.painter(spec.get())
