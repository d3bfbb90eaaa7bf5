# SPDX-License-Identifier: Apache-2.0
"""A picture in tiles equals the picture in one piece, and can be left at any layer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from scumble.api.method import Content, Preview, Progress, Result, Runtime
from scumble.methods.johnson.network import MARGIN, STRIDE, TransformNet
from scumble.nst.norms import InstanceNorm2d, collected_statistics
from scumble.painting import tiling
from scumble.painting.grid import LEAST_SHARE, WHOLE
from support.painted import result_of
from support.pictures import noise

PRIMES_ODD_AND_THIN = [(1, 1), (1, 7), (211, 1), (127, 131), (97, 256), (200, 199), (3, 300), (260, 64)]


@pytest.fixture(scope="module")
def net() -> TransformNet:
    torch.manual_seed(0)
    net = TransformNet(width=0.125)
    for norm in (m for m in net.modules() if isinstance(m, InstanceNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
    return net.requires_grad_(False).eval()


def through(net: nn.Module, content: Content, tile: int, half: bool = False) -> np.ndarray:
    runtime = Runtime(tile=tile, half=half)
    return result_of(tiling.run_tiled(net, content, runtime, stride=STRIDE, margin=MARGIN))


@pytest.mark.parametrize("size", PRIMES_ODD_AND_THIN)
def test_tiles_equal_the_whole(net: TransformNet, size: tuple[int, int]) -> None:
    rgb = noise(*size)
    alone = through(net, Content(rgb), 64)
    whole = through(net, Content(rgb, whole=rgb), 4096)
    tiled = through(net, Content(rgb, whole=rgb), 64)
    assert tiled.shape == rgb.shape
    assert np.abs(tiled - whole).max() < 1e-4
    assert np.abs(alone - whole).max() < 1e-4


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 110), width=st.integers(1, 190), tile=st.integers(1, 100), seed=st.integers(0, 9))
def test_tiles_of_any_side_equal_the_whole(net: TransformNet, height: int, width: int, tile: int, seed: int) -> None:
    rgb = noise(height, width, seed)
    tile = max(tile, max(height, width) // 3)
    content = Content(rgb, whole=noise(60, 50, seed + 1))
    assert np.abs(through(net, content, tile) - through(net, content, 4096)).max() < 1e-4


@pytest.mark.parametrize("size", [(1, 211), (127, 131), (200, 199)])
def test_tiles_equal_the_whole_in_half_precision(net: TransformNet, size: tuple[int, int]) -> None:
    rgb = noise(*size)
    content = Content(rgb, whole=rgb)
    assert np.abs(through(net, content, 64, half=True) - through(net, content, 4096, half=True)).max() <= 1 / 255
    assert np.abs(through(net, content, 64, half=True) - through(net, content, 64)).max() > 1e-5


def test_without_the_statistics_of_the_whole_tiles_would_not_fit(net: TransformNet) -> None:
    rgb = np.concatenate([noise(128, 128) * 0.2, 0.5 + noise(128, 128, 1) * 0.5], 1)
    left = through(net, Content(rgb[:, :128]), 4096)
    assert np.abs(left - through(net, Content(rgb), 4096)[:, :128]).max() > 0.05
    assert (
        np.abs(through(net, Content(rgb[:, :128], whole=rgb), 64)[:, :64] - through(net, Content(rgb), 64)[:, :64]).max() < 1e-4
    )


def test_what_alpha_hides_counts_for_nothing_in_the_statistics(net: TransformNet) -> None:
    rgb = noise(120, 240)
    alpha = np.ones((120, 240), np.float32)
    alpha[:, 120:] = 0
    other = rgb.copy()
    other[:, 184:] = 0.9  # beyond the margin of what is compared
    a, b = (through(net, Content(x, alpha), 4096)[:, :120] for x in (rgb, other))
    assert np.abs(a - b).max() < 1e-3 < np.abs(a - through(net, Content(rgb), 4096)[:, :120]).max()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_flat_picture_does_not_explode(net: TransformNet, grey: float, half: bool) -> None:
    flat = np.full((65, 70, 3), grey, np.float32)
    out = through(net, Content(flat), 64, half)
    assert np.isfinite(out).all()
    assert np.ptp(out[20:-20, 20:-20], axis=(0, 1)).max() < 0.05


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 200), st.sampled_from([1, 4, 8, 16]))
def test_tiles_cover_every_pixel_once_and_start_at_the_stride(height: int, width: int, side: int, stride: int) -> None:
    height, width, margin = stride * height, stride * width, 3 * stride
    side = max(side, max(height, width) // 8)
    count = np.zeros((height, width), np.uint8)
    for t in tiling.tiles(height, width, side, stride, margin):
        count[t.y0 : t.y1, t.x0 : t.x1] += 1
        assert t.y0 % stride == t.x0 % stride == (t.y0 - t.top) % stride == (t.x0 - t.left) % stride == 0
        assert t.top in (margin, t.y0)
        assert t.right in (margin, width - t.x1)
        assert max(t.y1 - t.y0, t.x1 - t.x0) <= max(side + stride, stride)
    assert (count == 1).all()


class Brighten(nn.Module):
    """Adds a tenth and remembers how much it got at once; its norm is there to be collected."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = InstanceNorm2d(3)
        self.sizes: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.norm(x)
        self.sizes.append((x.shape[-2], x.shape[-1]))
        return x + 0.1


def test_a_large_picture_is_looked_at_in_small_previewed_and_painted_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "WHOLE", 10_000)
    monkeypatch.setattr(tiling, "STATISTICS", 6_400)
    monkeypatch.setattr(tiling, "USUAL_TILE", 64)
    net, rgb = Brighten(), noise(200, 200) * 0.9
    events = list(tiling.run_tiled(net, Content(rgb), Runtime(tile=64), stride=4, margin=8))
    assert net.sizes[0] == (80, 80)
    assert max(h * w for h, w in net.sizes[1:]) <= 80 * 80
    assert [e.rgb.shape for e in events if isinstance(e, Preview)] == [(80, 80, 3)]
    fractions = [e.fraction for e in events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 16
    assert isinstance(events[-1], Result)
    assert np.abs(events[-1].rgb - (rgb + np.float32(0.1))).max() < 1e-6


def test_smaller_tiles_cut_up_even_a_picture_that_would_have_been_painted_whole() -> None:
    """The engine asks for smaller tiles when memory has not sufficed. At the usual working scale they changed nothing: the
    picture was painted in one piece again, and failed again."""
    rgb = noise(700, 700)
    most = []
    for tile in (512, 256, 128):
        net = Brighten()
        *_, result = tiling.run_tiled(net, Content(rgb), Runtime(tile=tile), stride=4, margin=8)
        assert isinstance(result, Result)
        assert result.rgb.shape == rgb.shape
        most.append(max(h * w for h, w in net.sizes))
    assert most[0] == 700 * 700
    assert most[1] < most[0]
    assert most[2] <= WHOLE * LEAST_SHARE


class Slow(nn.Module):
    """A hundred layers, each of which waits for leave to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Identity() for _ in range(100)))
        self.leave, self.reached = threading.Semaphore(0), threading.Event()
        self.finished = False

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
            self.reached.set()
            self.leave.acquire(timeout=60)
        self.finished = True
        return x


def test_a_closed_run_stops_before_the_next_layer_and_leaves_the_network_as_it_was() -> None:
    net = Slow()
    events = tiling.run_tiled(net, Content(noise(8, 8)), Runtime(), stride=4, margin=8)
    next(events)
    assert net.reached.wait(60)
    net.leave.release(2)
    events.close()  # type: ignore[attr-defined]
    assert not net.finished
    assert not any(layer._forward_pre_hooks for layer in net.layers)


def test_an_error_inside_the_network_reaches_the_caller(net: TransformNet) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        through(Broken(), Content(noise(8, 8)), 64)


def test_a_run_leaves_no_statistics_in_the_network(net: TransformNet) -> None:
    @contextmanager
    def closing_early() -> Iterator[None]:
        events = tiling.run_tiled(net, Content(noise(300, 300)), Runtime(tile=64), stride=STRIDE, margin=MARGIN)
        next(events)
        yield
        events.close()  # type: ignore[attr-defined]

    with closing_early():
        pass
    assert all(m.frozen is None and not m.collecting for m in net.modules() if isinstance(m, InstanceNorm2d))
    with torch.no_grad(), collected_statistics(net) as statistics:
        net(torch.zeros(1, 3, 16, 16))
    assert len(statistics) == 15
