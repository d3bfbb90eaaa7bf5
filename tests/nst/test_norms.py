# SPDX-License-Identifier: Apache-2.0
"""Instance normalization whose statistics can be frozen."""

from __future__ import annotations

import pytest
import torch

from scumble.nst import norms
from scumble.nst.norms import InstanceNorm2d, collected_statistics, frozen_statistics, moments, recoloured


def test_a_plain_pass_normalises_each_channel_to_mean_0_and_variance_1() -> None:
    y = InstanceNorm2d(3)(torch.rand(1, 3, 40, 50) * 5 + 2)
    assert torch.allclose(y.mean((2, 3)), torch.zeros(1, 3), atol=1e-4)
    assert torch.allclose(y.var((2, 3), correction=0), torch.ones(1, 3), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_picture_whose_channels_lie_side_by_side_leaves_in_the_same_order(dtype: torch.dtype) -> None:
    """Torch's instance normalization copies it to planes, and every convolution after that copies it back."""
    norm = InstanceNorm2d(8).to(dtype)
    x = torch.rand(1, 8, 12, 10, dtype=torch.float32).to(dtype)
    y = norm(x.contiguous(memory_format=torch.channels_last))
    assert y.is_contiguous(memory_format=torch.channels_last)
    others = norm(x.expand(2, -1, -1, -1))[:1].float()
    assert torch.allclose(y.float(), others, atol=1e-5 if dtype == torch.float32 else 0.02)


def test_collecting_gives_the_same_picture_as_a_plain_pass() -> None:
    norm, x = InstanceNorm2d(3), torch.rand(1, 3, 17, 9)
    with collected_statistics(norm) as statistics:
        collected = norm(x)
    assert len(statistics) == 1
    assert torch.allclose(collected, norm(x), atol=1e-5)


def test_frozen_statistics_make_a_part_come_out_as_it_does_in_the_whole() -> None:
    norm, x = InstanceNorm2d(2), torch.rand(1, 2, 30, 30)
    with collected_statistics(norm) as statistics:
        whole = norm(x)
    with frozen_statistics(norm, statistics):
        part = norm(x[..., 5:9, 3:8])
    assert torch.equal(part, whole[..., 5:9, 3:8])
    assert not torch.allclose(norm(x[..., 5:9, 3:8]), part, atol=1e-3), "the part's own statistics differ"


def test_weighted_moments_ignore_pixels_of_weight_zero() -> None:
    x = torch.rand(1, 3, 8, 8)
    weight = torch.ones(1, 1, 8, 8)
    weight[..., 4:] = 0
    changed = x.clone()
    changed[..., 4:] = 99
    mean, var = moments(changed, weight)
    assert torch.allclose(mean, x[..., :4].mean((2, 3), keepdim=True), atol=1e-6)
    assert torch.allclose(var, x[..., :4].var((2, 3), correction=0, keepdim=True), atol=1e-6)


def test_a_weight_of_zero_everywhere_counts_as_one_everywhere() -> None:
    x = torch.rand(1, 3, 8, 8)
    mean, _ = moments(x, torch.zeros(1, 1, 8, 8))
    assert torch.allclose(mean, x.mean((2, 3), keepdim=True))


def test_norms_are_free_again_after_an_error_in_the_block() -> None:
    norm = InstanceNorm2d(1)
    x = torch.rand(1, 1, 4, 4)
    with pytest.raises(RuntimeError, match="on purpose"), frozen_statistics(norm, [moments(x)]):
        raise RuntimeError("on purpose")
    assert norm.frozen is None


def test_statistics_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="1 norms"), frozen_statistics(InstanceNorm2d(1), []):
        pass


def test_moments_of_a_map_in_several_parts_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms, "PART", 1000)
    x = torch.randn(2, 5, 37, 41, generator=torch.Generator().manual_seed(0)) * 3 + 7
    mean, variance = moments(x)
    assert torch.allclose(mean, x.mean((2, 3), keepdim=True), rtol=1e-5)
    assert torch.allclose(variance, x.var((2, 3), unbiased=False, keepdim=True), rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_moments_of_one_picture_whose_channels_lie_side_by_side(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    """Which batch normalization's own sums tell, much sooner."""
    monkeypatch.setattr(norms, "PART", 16 * 41 * 10)  # parts of ten rows and one of seven
    x = torch.randn(1, 5, 37, 41, generator=torch.Generator().manual_seed(0)) * 3 + 7
    x = (x + torch.linspace(0, 20, 37)[:, None]).to(dtype).contiguous(memory_format=torch.channels_last)
    mean, variance = moments(x)
    truth = x.double()
    assert mean.shape == variance.shape == (1, 5, 1, 1)
    assert mean.dtype == variance.dtype == torch.float32
    assert torch.allclose(mean.double(), truth.mean((2, 3), keepdim=True), rtol=1e-5)
    assert torch.allclose(variance.double(), truth.var((2, 3), unbiased=False, keepdim=True), rtol=1e-5)


def test_moments_can_be_descended_through_in_any_order_of_memory() -> None:
    x = torch.rand(1, 3, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    mean, variance = moments(x)
    (mean.sum() + variance.sum()).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_frozen_statistics_of_several_pictures_serve_each_its_own(dtype: torch.dtype) -> None:
    norm = InstanceNorm2d(3).to(dtype)
    x = (
        torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
        * torch.tensor([1.0, 5.0])[:, None, None, None]
    )
    with collected_statistics(norm) as statistics:
        norm(x)
    with frozen_statistics(norm, statistics):
        y = norm(x).float()
    assert torch.allclose(y.std((2, 3), unbiased=False), torch.ones(2, 3), atol=0.02)


def test_one_matrix_recolours_every_picture_as_a_convolution_would() -> None:
    x, matrix, shift = torch.randn(3, 3, 6, 5), torch.randn(1, 4, 3), torch.randn(1, 4)
    plain = torch.nn.functional.conv2d(x, matrix[0, :, :, None, None], shift[0])
    assert torch.allclose(recoloured(x, matrix, shift), plain, atol=1e-5)
