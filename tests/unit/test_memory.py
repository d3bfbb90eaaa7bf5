# SPDX-License-Identifier: Apache-2.0
"""What a run is predicted to take, before it takes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scumble.methods.base import Capabilities
from scumble.pipeline import Context, Request, memory_needed
from scumble.placing import LEAST

LARGE = np.broadcast_to(np.zeros(4, np.uint8), (4096, 2048, 4))
"""Claims no memory of its own."""
WORKING, FULL = 1024 * 512, 4096 * 2048


@dataclass(frozen=True)
class NoOptions:
    pass


class Hungry:
    pixel_bytes = 100
    Options = NoOptions

    def __init__(self, tiling: bool = False) -> None:
        self.capabilities = Capabilities(tiling=tiling)


class Silent:
    Options = NoOptions
    capabilities = Capabilities()


def needed(method: Any, strength: float = 1.0, context: Context | None = None, **options: Any) -> tuple[int, int]:
    return memory_needed(Request(method, [], strength, options, LARGE, context=context))


def test_memory_is_predicted_from_the_pixels_of_the_working_scale() -> None:
    assert needed(Hungry()) == (28 * WORKING, 100 * WORKING)
    assert needed(Hungry(), brush_size=2.0) == (28 * WORKING // 4, 100 * WORKING // 4)
    assert needed(Hungry(), scale="full") == (28 * FULL, 100 * FULL)


def test_a_method_that_tiles_never_needs_more_than_the_smallest_pieces_take() -> None:
    assert needed(Hungry(tiling=True)) == (28 * WORKING, 100 * LEAST)
    assert needed(Hungry(tiling=True), scale="full") == (28 * FULL, 100 * LEAST)


def test_a_selection_needs_its_share_of_its_layer() -> None:
    layer = Context(LARGE[:512, :256], 0, 0, 2 * 2048, 2 * 4096)
    assert needed(Hungry(), context=layer) == (28 * WORKING // 4, 100 * WORKING // 4)


def test_what_a_method_does_not_say_is_not_held_against_it_and_strength_0_needs_nothing() -> None:
    assert needed(Silent()) == (28 * WORKING, 0)
    assert needed(Hungry(), strength=0.0) == (0, 0)
