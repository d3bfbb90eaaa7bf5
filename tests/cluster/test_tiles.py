# SPDX-License-Identifier: Apache-2.0
"""Tiles painted by another process, without Ray: the bytes are those that the picture's own process paints."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from scumble import __version__
from scumble.api.method import Content, Method, Pixels, Result, Runtime, Weighted
from scumble.cluster import tile_task, tiles
from scumble.cluster.helpers import RayHelpers
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.methods.feed_forward import Pass, PassRecipe
from scumble.nst import synthetic
from scumble.painting.tiling import run_tiled

METHODS = {id: m for id, m in registry.methods().items() if m.capabilities.tiling}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as started:
        yield started


class Pickled:
    """Stands in for Ray's object store: pickled when it is put, and not while the network runs."""

    def __init__(self, spec: tiles.PassSpec) -> None:
        self._bytes = pickle.dumps(spec)

    def get(self) -> tiles.PassSpec:
        return cast(tiles.PassSpec, pickle.loads(self._bytes))


class Another:
    """One other process as helper; each tile it is asked for is waited for."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self._asked: dict[int, Future[Pixels]] = {}
        self.came: list[int] = []

    def set_network(self, net: Any, statistics: Any, half: bool) -> None:
        recipe = cast(Pass, net).recipe
        self._spec = Pickled(tiles.PassSpec(__version__, recipe, statistics, half, torch.get_num_threads()))

    @property
    def free(self) -> bool:
        return not self._asked

    def ask(self, tile: int, inputs: Sequence[Pixels]) -> None:
        self._asked[tile] = self._pool.submit(tile_task.painted, self._spec, list(inputs))

    def done(self) -> list[tuple[int, Pixels | None]]:
        results = [(tile, future.result(300)) for tile, future in self._asked.items()]
        self._asked.clear()
        self.came += [tile for tile, _ in results]
        return [*results]

    def drop(self, tile: int) -> None:
        raise AssertionError("each is waited for")


def leaves(height: int, width: int) -> Pixels:
    drawn = synthetic.dead_leaves(max(height, width), torch.Generator().manual_seed(3))[:, :height, :width]
    return np.ascontiguousarray(drawn.permute(1, 2, 0).numpy())


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
    method, rgb = METHODS[name], leaves(90, 330)
    content = Content(rgb, whole=rgb, strength=0.8 if method.capabilities.strength else 1.0)
    helper = Another(pool)
    alone, helped = (run(method, content, 1, helpers, half) for helpers in (None, helper))
    assert len(helper.came) >= 3
    np.testing.assert_array_equal(helped, alone)


@pytest.mark.parametrize("name", [id for id, m in METHODS.items() if m.capabilities.regions])
def test_so_are_those_of_several_styles_by_place(name: str, pool: ProcessPoolExecutor) -> None:
    rgb = leaves(70, 300)
    share = np.linspace(0, 1, 300, dtype=np.float32)[None].repeat(70, 0)
    shares = np.dstack([share, 1 - share])
    content = Content(rgb, whole=rgb, regions=shares, whole_regions=shares)
    helper = Another(pool)
    alone, helped = (run(METHODS[name], content, 2, helpers, False) for helpers in (None, helper))
    assert helper.came
    np.testing.assert_array_equal(helped, alone)


def test_the_next_picture_is_painted_by_networks_of_its_own(pool: ProcessPoolExecutor) -> None:
    """A pass was named by its helper's address, which another may bear later: then the picture before painted this one."""
    content, helper = Content(leaves(70, 200), whole=leaves(70, 200)), Another(pool)
    for name in ("johnson", "adain"):
        alone, helped = (run(METHODS[name], content, 1, helpers, False) for helpers in (None, helper))
        np.testing.assert_array_equal(helped, alone)
    assert len(helper.came) >= 2


@pytest.fixture
def restored_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("restored_threads")
def test_a_picture_is_painted_by_as_many_threads_as_it_asks_for(pool: ProcessPoolExecutor) -> None:
    """A process' networks kept to the number of threads of its first picture, and each number gives other bytes."""
    content, painted = Content(leaves(70, 300), whole=leaves(70, 300)), []
    for threads in (2, 1):
        torch.set_num_threads(threads)
        helper = Another(pool)
        alone, helped = (run(METHODS["ghiasi"], content, 1, helpers, False) for helpers in (None, helper))
        assert helper.came
        np.testing.assert_array_equal(helped, alone)
        painted.append(alone)
    assert not np.array_equal(*painted)


def test_a_node_of_another_version_paints_none() -> None:
    with pytest.raises(RuntimeError, match=r"this node has Scumble .*, and the picture's 0\.0"):
        tile_task.painted(Pickled(tiles.PassSpec("0.0", PassRecipe("johnson", None, None), [], False, 1)), [])


INTERRUPTED = """
import os, pickle, signal, sys, threading, time
from scumble.cluster import tile_task
class Given:
    def get(self):
        return pickle.load(sys.stdin.buffer)
def interrupt():
    while "torch" not in sys.modules:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
threading.Thread(target=interrupt, daemon=True).start()
try:
    tile_task.painted(Given(), [])
except KeyboardInterrupt:
    from scumble.methods import registry
    print("johnson" in registry.methods())
"""


def test_a_tile_that_is_cancelled_while_its_process_loads_leaves_it_of_use() -> None:
    """The KeyboardInterrupt by which Ray cancels broke the import of torch off, and no later picture could be painted there."""
    recipe = PassRecipe("johnson", None, METHODS["johnson"].Options())
    spec = pickle.dumps(tiles.PassSpec(__version__, recipe, [], False, 1))
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], input=spec, capture_output=True)
    assert ran.stdout.split() == [b"True"], ran.stderr


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that were cancelled; Ray is a double whose tasks, numbered from 1, never end."""
    numbers: list[int] = []
    tasks = iter(range(1, 100))
    ray = SimpleNamespace(
        remote=lambda **_: lambda _: SimpleNamespace(remote=lambda *_: next(tasks)),
        put=lambda _: 0,
        wait=lambda asked, **_: ([], asked),
        cancel=numbers.append,
        exceptions=SimpleNamespace(RayError=OSError),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.exceptions", ray.exceptions)
    return numbers


def test_a_network_that_only_this_process_can_make_paints_all_tiles_here(cancelled: list[int]) -> None:
    """A method that calls run_tiled with a module of its own failed on huge pictures, for want of a recipe."""
    rgb = leaves(64, 200)
    net = nn.Conv2d(3, 3, 1).requires_grad_(False)
    content = Content(rgb, whole=rgb)
    alone, helped = (
        [*run_tiled(net, content, Runtime(tile=64, helpers=helpers), stride=1, margin=8)][-1]
        for helpers in (None, RayHelpers(3, False, 1))
    )
    assert isinstance(alone, Result)
    assert isinstance(helped, Result)
    np.testing.assert_array_equal(helped.rgb, alone.rgb)
    assert not cancelled


def test_tiles_that_are_out_are_cancelled_when_a_picture_fails(cancelled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """They kept slots of the cluster busy for nobody."""
    method, rgb = METHODS["johnson"], leaves(64, 300)
    real, passes = type(method).stylize, iter(range(3))

    def stylize(*given: Any) -> Any:
        if next(passes) == 2:
            raise RuntimeError("the third pass fails")
        return real(*given)

    monkeypatch.setattr(type(method), "stylize", stylize)
    with pytest.raises(RuntimeError, match="the third pass fails"):
        run(method, Content(rgb, whole=rgb), 1, cast(Any, RayHelpers(2, False, 1)), False)
    assert cancelled == [1, 2]
