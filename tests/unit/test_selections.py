# SPDX-License-Identifier: Apache-2.0
"""What a selection takes from its layer, whatever the method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_regions import Tint, request, run

from scumble.methods.base import Capabilities, Content, Result, Runtime, Weighted
from scumble.pipeline import Context


@dataclass
class Farsighted(Tint):
    """Paints the whole layer in small beside the selection, as methods do that look at it for their statistics, if `far`."""

    far: bool = True

    def run(self, content: Content, styles: list[Weighted], options: Any, runtime: Runtime) -> Iterator[Any]:
        self.seen.append(content)
        assert content.whole is not None
        weights = np.array([s.weight for s in styles])
        shares, whole = ((weights if r is None else r) for r in (content.regions, content.whole_regions))
        seen = ((content.rgb, shares), (content.whole, whole)) if self.far else ((content.rgb, shares),)
        yield Result(*(_tinted(rgb, s, styles) for rgb, s in seen))


def _tinted(rgb: np.ndarray, shares: np.ndarray, styles: list[Weighted]) -> np.ndarray:
    return ((rgb**3 + sum(shares[..., n, None] * s.state for n, s in enumerate(styles))) / 2).astype(np.float32)


@pytest.fixture
def layer() -> np.ndarray:
    """Squares of colours, darker on the right."""
    pixels = np.rint(np.kron(np.random.default_rng(3).random((35, 50, 4)), np.ones((4, 4, 1))) * 65535).astype(np.uint16)
    pixels[..., 3], pixels[:, 100:, :2] = 65535, pixels[:, 100:, :2] // 4
    return pixels


@pytest.mark.parametrize(
    "capabilities", [Capabilities(regions=True, blend=True), Capabilities()], ids=["at once", "one by one"]
)
@pytest.mark.parametrize("mode", ["coral", "histogram"])
def test_the_palette_of_a_selection_is_the_whole_layers_where_the_method_painted_that(
    layer: np.ndarray, capabilities: Capabilities, mode: str
) -> None:
    masks = np.full((140, 200, 2), 0.5, np.float32)  # alike everywhere: beyond a selection masks are only guessed

    def painted(y: int, x: int, height: int, width: int, method: Tint) -> np.ndarray:
        part = np.s_[y : y + height, x : x + width]
        at, styles = Context(layer, x, y, 200, 140), {"black": 1.0, "bright": 1.0}
        return run(request(layer[part], method, styles, masks=masks[part], context=at, options={"keep_colours": mode}))

    def apart(far: bool) -> int:
        loose = painted(20, 40, 100, 140, Farsighted(capabilities, far=far))
        tight = painted(50, 90, 40, 40, Farsighted(capabilities, far=far))
        return int(np.abs(loose[30:70, 50:90].astype(int) - tight).max())

    assert apart(far=True) <= 2 * 257 < apart(far=False)


def test_a_selection_says_where_it_lies_on_the_grid_of_its_layer(layer: np.ndarray) -> None:
    method = Tint(Capabilities())
    at = Context(layer, 90, 50, 200, 140)
    run(request(layer[50:90, 90:130], method, {"dim": 1.0}, context=at))
    run(request(layer[50:90, 90:130], method, {"dim": 1.0}, context=at, options={"brush_size": 2.0}))
    assert [content.place for content in method.seen] == [(50, 90), (25, 45)]
