# SPDX-License-Identifier: Apache-2.0
"""Styles mixed by place in one run of a network: in tiles as in the whole, and in the style memory. With random weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.api.method import Content, Pixels, Runtime, Weighted
from scumble.methods.feed_forward import SHIPPED_ENCODER, Known
from scumble.methods.style_memory.method import Memory, Options
from scumble.methods.style_memory.network import MemoryNet
from scumble.nst.norms import InstanceNorm2d
from scumble.painting import tiling, two_passes
from support.painted import result_of
from support.pictures import noise


@pytest.fixture(autouse=True, scope="module")
def seeded() -> None:
    torch.manual_seed(0)


class ByPlace(nn.Module):
    """Normalises, mixes two fixed paints by the shares at half the resolution, and blurs: 4 pixels of margin will do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 4, 2, 1), InstanceNorm2d(6, affine=False)
        self.paints = nn.ModuleList(nn.Conv2d(6, 6, 1) for _ in range(2))
        self.second, self.last = InstanceNorm2d(6, affine=False), nn.Conv2d(6, 3, 1)
        self.shares: list[Tensor] = []

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        assert shares.shape == (2, 1, *x.shape[2:])
        self.shares.append(shares)
        y, small = self.norm(self.first(x)), F.avg_pool2d(shares, 2)
        y = self.second(sum(paint(y) * share for paint, share in zip(self.paints, small, strict=True)))
        y = F.interpolate(self.last(y), scale_factor=2, mode="nearest")
        return torch.sigmoid(y) + shares[0] / 9


def shares(height: int, width: int, count: int = 2, seed: int = 5) -> np.ndarray:
    parts = np.random.default_rng(seed).random((height, width, count), np.float32)
    return parts / parts.sum(2, keepdims=True)


def by_place(content: Content, tile: int, half: bool = False) -> np.ndarray:
    torch.manual_seed(1)
    net = ByPlace().requires_grad_(False).eval()
    out = result_of(tiling.run_tiled(net, content, Runtime(tile=tile, half=half), stride=2, margin=4))
    assert all(torch.allclose(s.sum(0), torch.tensor(1.0), atol=1e-5) for s in net.shares)
    return out


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (61, 67), (40, 128)])
@pytest.mark.parametrize("half", [False, True])
def test_tiles_with_regions_equal_the_whole(size: tuple[int, int], half: bool) -> None:
    rgb, parts = noise(*size), shares(*size)
    content = Content(rgb, whole=rgb, regions=parts, whole_regions=parts)
    whole = by_place(Content(rgb, regions=parts), 4096, half)
    assert np.abs(by_place(content, 16, half) - whole).max() <= (1 / 255 if half else 1e-4)
    assert (
        np.abs(by_place(Content(rgb, regions=parts[::-1]), 4096, half) - whole).max() > 0.001
        or size == (1, 97)
        or size == (1, 1)
    )


def test_a_large_picture_has_its_regions_in_small_for_the_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "WHOLE", 1000)
    monkeypatch.setattr(tiling, "STATISTICS", 900)
    net = ByPlace().requires_grad_(False).eval()
    parts = np.zeros((60, 60, 2), np.float32)
    parts[:, :30, 0], parts[:, 30:, 1] = 1, 1
    result_of(tiling.run_tiled(net, Content(noise(60, 60), regions=parts), Runtime(tile=32), stride=2, margin=4))
    assert net.shares[0].shape == (2, 1, 8, 8)  # a sixteenth, the least there is, 7 x 7, mirrored to the stride
    assert net.shares[0][0, 0, :, 0].min() > 0.99
    assert net.shares[0][1, 0, :, -1].min() > 0.99
    assert len(net.shares) == 5


@pytest.fixture(scope="module")
def memory() -> Memory:
    """The method over a small network with random weights."""
    method = Memory()
    torch.manual_seed(0)
    net = MemoryNet((4, 8, 4, 4), 1, (2, 3, 2, 2)).requires_grad_(False).eval()
    method._networks[SHIPPED_ENCODER, "cpu"] = SimpleNamespace(memory=SimpleNamespace(net=net))  # type: ignore[assignment]
    return method


@pytest.fixture(scope="module")
def rows(memory: Memory) -> list[Tensor]:
    net = memory._networks[SHIPPED_ENCODER, "cpu"].memory.net
    own = net.own_row(torch.from_numpy(noise(64, 64)).permute(2, 0, 1)[None])
    generator = torch.Generator().manual_seed(1)
    return [own + 0.3 * torch.randn(own.shape, generator=generator) for _ in range(2)]


def weighted(row: Tensor, weight: float = 1.0) -> Weighted:
    return Weighted(Known({0: row}), weight)


def run(memory: Memory, content: Content, *styles: Weighted, tile: int = 512) -> np.ndarray:
    return result_of(memory.run(content, styles, Options(), Runtime(tile=tile)))


def test_the_memory_mixes_rows_by_place(memory: Memory, rows: list[Tensor]) -> None:
    rgb, parts = noise(300, 520), np.zeros((300, 520, 2), np.float32)
    parts[:, :260, 0], parts[:, 260:, 1] = 1, 1
    first, second = (run(memory, Content(rgb), weighted(row)) for row in rows)
    mixed = run(memory, Content(rgb, regions=parts), *(weighted(row, 0.5) for row in rows))
    left, right = np.s_[:, :120], np.s_[:, 400:]  # away from the border, nothing but the statistics is shared
    assert np.abs(mixed[left] - first[left]).mean() < np.abs(mixed[left] - second[left]).mean() / 2
    assert np.abs(mixed[right] - second[right]).mean() < np.abs(mixed[right] - first[right]).mean() / 2


def test_in_the_memory_a_region_of_everything_is_its_style_and_one_row_twice_is_that_row(
    memory: Memory, rows: list[Tensor]
) -> None:
    rgb, ones = noise(64, 72), np.zeros((64, 72, 2), np.float32)
    ones[..., 0] = 1
    alone = run(memory, Content(rgb), weighted(rows[0]))
    assert np.abs(run(memory, Content(rgb, regions=ones), *(weighted(row) for row in rows)) - alone).max() < 1e-4
    twice = run(memory, Content(rgb, regions=shares(64, 72)), weighted(rows[0], 0.5), weighted(rows[0], 0.5))
    assert np.abs(twice - alone).max() < 1e-4


def test_uniform_shares_are_the_blend_of_the_rows(memory: Memory, rows: list[Tensor]) -> None:
    """What the memory reads is affine in the row; the picture is not, but the mixture is the same at every read."""
    rgb, parts = noise(64, 72), np.full((64, 72, 2), 0.25, np.float32)
    parts[..., 1] = 0.75
    blend = run(memory, Content(rgb), weighted(rows[0], 0.25), weighted(rows[1], 0.75))
    assert np.abs(run(memory, Content(rgb, regions=parts), *(weighted(row) for row in rows)) - blend).max() < 1e-4


def test_weights_1_and_0_are_the_first_row_bit_for_bit(memory: Memory, rows: list[Tensor]) -> None:
    rgb = noise(40, 48)
    alone = run(memory, Content(rgb), weighted(rows[0]))
    assert run(memory, Content(rgb), weighted(rows[0], 1.0), weighted(rows[1], 0.0)).tobytes() == alone.tobytes()


def test_the_memory_in_tiles_with_regions_equals_the_whole(memory: Memory, rows: list[Tensor]) -> None:
    rgb, parts = noise(72, 600), shares(72, 600)
    content = Content(rgb, whole=rgb, regions=parts, whole_regions=parts)
    styles = [weighted(row, 0.5) for row in rows]
    whole = run(memory, Content(rgb, regions=parts), *styles)
    assert np.abs(run(memory, content, *styles, tile=200) - whole).max() < 1e-4


def test_a_soft_border_in_the_memory_is_smooth(memory: Memory, rows: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the strokes of many rows no step may be much larger than the mask's own and than either style has by itself. In one
    pass, and on a picture with something in it: on a flat one all variance is the mask's, and is brought to a painting's."""
    monkeypatch.setattr(two_passes, "LEAST", 10_000)
    wide = F.avg_pool1d(torch.from_numpy(noise(64, 544)).permute(0, 2, 1), 33, 1)  # (64, 3, 512)
    rgb = np.ascontiguousarray(wide.permute(0, 2, 1).numpy())
    ramp = np.tile(np.linspace(0, 1, 512, dtype=np.float32), (64, 1))
    out = run(memory, Content(rgb, regions=np.stack([ramp, 1 - ramp], 2)), *(weighted(row, 0.5) for row in rows))

    def steps(painted: Pixels) -> float:
        return float(np.abs(np.diff(painted.mean(0)[32:-32], axis=0)).max())

    alone = max(steps(run(memory, Content(rgb), weighted(row, 1.0))) for row in rows)
    hard = (ramp > 0.5).astype(np.float32)
    seam = run(memory, Content(rgb, regions=np.stack([hard, 1 - hard], 2)), *(weighted(row, 0.5) for row in rows))
    assert steps(out) < 8 / 512 + alone < steps(seam) / 4
