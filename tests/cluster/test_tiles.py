# SPDX-License-Identifier: Apache-2.0
"""Tiles painted by another process, without Ray: the bytes are those that the picture's own process paints."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
import torch

from scumble import __version__
from scumble.api.method import Content, Method, Pixels, Result, Runtime, Weighted
from scumble.cluster import tiles
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.methods.feed_forward import Pass, Recipe
from scumble.nst import synthetic

METHODS = {id: m for id, m in registry.methods().items() if m.capabilities.tiling}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    for method in METHODS.values():
        method.forget()


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as started:
        yield started


def painted(lesson: bytes, inputs: list[Pixels]) -> Pixels:
    """In the other process. The lesson is pickled when it is put, as Ray does, and not while the network runs."""
    return tiles.painted(pickle.loads(lesson), inputs)


class Another:
    """One other process as helper; each tile it is asked for is waited for."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool, self._lesson = pool, b""
        self._asked: dict[int, Future[Pixels]] = {}
        self.came: list[int] = []

    def learn(self, net: Any, statistics: Any, half: bool) -> None:
        self._lesson = pickle.dumps(tiles.Lesson(__version__, f"{id(self)}", cast(Pass, net).recipe, statistics, half, 1))

    @property
    def free(self) -> bool:
        return not self._asked

    def ask(self, tile: int, inputs: Sequence[Pixels]) -> None:
        self._asked[tile] = self._pool.submit(painted, self._lesson, list(inputs))

    def done(self) -> list[tuple[int, Pixels | None]]:
        found = [(tile, future.result(60)) for tile, future in self._asked.items()]
        self._asked.clear()
        self.came += [tile for tile, _ in found]
        return [*found]

    def drop(self, tile: int) -> None:
        raise AssertionError("each is waited for")


def picture(height: int, width: int) -> Pixels:
    leaves = synthetic.dead_leaves(max(height, width), torch.Generator().manual_seed(3))[:, :height, :width]
    return np.ascontiguousarray(leaves.permute(1, 2, 0).numpy())


def run(method: Method, content: Content, styles: int, helpers: Another | None, half: bool) -> Pixels:
    runtime, options = Runtime(tile=64, half=half, helpers=helpers), method.Options()
    able = [style for style in StyleStore().list() if method.available(style)][:styles]
    states = [Weighted(method.prepare(style, options, runtime), 1 / styles) for style in able]
    *_, result = method.run(content, states, options, runtime)
    assert isinstance(result, Result)
    return result.rgb


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_tiles_of_another_process_are_the_same_to_the_last_bit(name: str, half: bool, pool: ProcessPoolExecutor) -> None:
    method, rgb = METHODS[name], picture(90, 330)
    content = Content(rgb, whole=rgb, strength=0.8 if method.capabilities.strength else 1.0)
    helper = Another(pool)
    alone, helped = (run(method, content, 1, helpers, half) for helpers in (None, helper))
    assert len(helper.came) >= 3
    np.testing.assert_array_equal(helped, alone)


@pytest.mark.parametrize("name", [id for id, m in METHODS.items() if m.capabilities.regions])
def test_so_are_those_of_several_styles_by_place(name: str, pool: ProcessPoolExecutor) -> None:
    rgb = picture(70, 300)
    share = np.linspace(0, 1, 300, dtype=np.float32)[None].repeat(70, 0)
    shares = np.dstack([share, 1 - share])
    content = Content(rgb, whole=rgb, regions=shares, whole_regions=shares)
    helper = Another(pool)
    alone, helped = (run(METHODS[name], content, 2, helpers, False) for helpers in (None, helper))
    assert helper.came
    np.testing.assert_array_equal(helped, alone)


def test_a_node_of_another_version_paints_none() -> None:
    with pytest.raises(RuntimeError, match=r"this node has Scumble .*, and the picture's 0\.0"):
        tiles.painted(tiles.Lesson("0.0", "x", Recipe("johnson", None, None), [], False, 1), [])
