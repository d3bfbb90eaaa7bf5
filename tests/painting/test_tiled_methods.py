# SPDX-License-Identifier: Apache-2.0
"""Every method that says it can be tiled: with the same statistics, a picture in tiles is the picture in one piece.

Whatever is registered is tested, with the weights that ship; a method whose weights ship before it is registered, too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.api.method import Content, Method, Pixels, Runtime, Style
from scumble.library.places import SHIPPED, shared_path
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.methods.style_memory.method import Memory
from scumble.nst.tensors import to_pixels
from support.leaves import leaves
from support.painted import Painted, painted

WHOLE = 1 << 14
"""A tile's side that nothing here reaches."""


def tiled_methods() -> dict[str, Method]:
    coming: list[Method] = [Memory()] if (shared_path(SHIPPED, "memory")).exists() else []
    known = {m.id: m for m in coming} | registry.methods()
    return {id: m for id, m in known.items() if m.capabilities.tiling}


METHODS = tiled_methods()


def grained(height: int, width: int, seed: int = 0) -> Pixels:
    """Leaves with some grain."""
    grain = 0.05 * np.random.default_rng(seed).standard_normal((height, width, 3), np.float32)
    return np.clip(to_pixels(leaves(height, width, seed)) + grain, 0, 1).astype(np.float32)


PAINTING = Painted("leaves", grained(150, 190, 7))


@pytest.fixture(autouse=True, scope="module")
def networks() -> Iterator[None]:
    """Released after the last test."""
    yield
    for method in METHODS.values():
        getattr(method, "forget", lambda: None)()


def style_of(method: Method) -> Style:
    """A shipped style that it can paint, or else a painting."""
    shipped = [style for style in StyleStore().list() if method.available(style)]
    return shipped[0] if shipped else PAINTING


def in_tiles(method: Method, rgb: Pixels, whole: Pixels, tile: int, half: bool = False) -> Pixels:
    """`whole` gives the statistics."""
    return painted(method, Content(rgb, whole=whole), [(style_of(method), 1.0)], Runtime(tile=tile, half=half))


@pytest.mark.parametrize("size", [(1, 509), (401, 1), (37, 463)])
@pytest.mark.parametrize("name", METHODS)
def test_tiles_equal_the_whole_for_every_method(name: str, size: tuple[int, int]) -> None:
    rgb = grained(*size)
    tiled, whole = (in_tiles(METHODS[name], rgb, rgb, tile) for tile in (64, WHOLE))
    assert tiled.shape == rgb.shape
    assert np.abs(tiled - whole).max() <= 1e-4
    assert np.ptp(whole) > 0.05


@pytest.mark.parametrize("name", METHODS)
def test_tiles_of_any_side_equal_the_whole_for_every_method(name: str) -> None:
    @settings(max_examples=4, deadline=None, derandomize=True)
    @given(short=st.integers(1, 70), long=st.integers(250, 500), tile=st.integers(40, 160), tall=st.booleans())
    def check(short: int, long: int, tile: int, tall: bool) -> None:
        rgb = grained(long, short) if tall else grained(short, long)
        statistics = grained(60, 90, 1)
        tiled, whole = (in_tiles(METHODS[name], rgb, statistics, side) for side in (tile, WHOLE))
        # By statistics of another picture values reach the hundreds before they are clamped, and float32 rounds them.
        assert np.abs(tiled - whole).max() <= 3e-4

    check()


@pytest.mark.parametrize("name", METHODS)
def test_tiles_equal_the_whole_in_half_precision_for_every_method(name: str) -> None:
    rgb = grained(43, 461)
    tiled, whole = (in_tiles(METHODS[name], rgb, rgb, tile, half=True) for tile in (96, WHOLE))
    assert np.abs(tiled - whole).max() <= 2**-7  # two roundings of bfloat16 near 1; which way they go differs by processor


@functools.cache
def differences(name: str, tile: int) -> np.ndarray:
    """Between neighbours along a row, (419,): their mean over a picture's rows and colours."""
    rgb = grained(200, 420)
    steps: np.ndarray = np.abs(np.diff(in_tiles(METHODS[name], rgb, rgb, tile), axis=1)).mean((0, 2))
    return steps


@pytest.mark.parametrize("tile", [64, 104])
@pytest.mark.parametrize("name", METHODS)
def test_no_seam_shows_where_tiles_meet(name: str, tile: int) -> None:
    """The mean difference between neighbours across the tiles' borders, over that of all others, is what it is at the same
    places of the picture in one piece."""
    tiled, whole = differences(name, tile), differences(name, WHOLE)
    step = 8 * -(-420 // -(-420 // tile) // 8)
    border = np.isin(np.arange(1, 420), np.arange(0, 420, step))
    assert border.sum() >= 3
    ratios = [jumps[border].mean() / jumps[~border].mean() for jumps in (tiled, whole)]
    assert ratios[0] / ratios[1] == pytest.approx(1, abs=0.02)
