# SPDX-License-Identifier: Apache-2.0
"""The loss of a large picture, in tiles, is that of the picture in one piece, and so is its gradient."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scumble.methods.gatys import lbfgs
from scumble.methods.gatys import tiled_loss as pieces
from scumble.methods.gatys.lbfgs import LBFGS
from scumble.methods.gatys.objective import Losses, Objective, Terms, objective
from scumble.methods.gatys.presets import PRESETS
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import drained, measure
from scumble.nst.vgg import VGG
from support.leaves import leaves


@pytest.fixture(scope="module")
def net() -> VGG:
    return load_perceptual("compact").to(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def in_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "WHOLE", 0)
    monkeypatch.setattr(pieces, "VALUES", 1 << 14)
    monkeypatch.setattr(pieces, "ROWS", 1000)


def compared(
    net: VGG, terms: Terms, size: tuple[int, int], alpha: Tensor | None, delta: float, guides: Tensor | None = None
) -> None:
    """Losses and gradients both ways, for two styles."""
    layers = tuple(terms.style)
    styles = [
        (share, {scale: drained(measure(net, leaves(80, 80, seed), layers)) for scale in terms.scales})
        for share, seed in ((0.7, 1), (0.3, 2))
    ]
    content = leaves(*size, 3)
    start = (content + 0.1 * torch.randn(content.shape, generator=torch.Generator().manual_seed(4))).contiguous()
    results: list[tuple[Losses, Tensor]] = []
    for make, kind in ((objective, Objective), (pieces.objective_of_any_size, pieces.InTiles)):
        loss = replace(drained(make(net, terms, content, styles, alpha, guides)), delta=delta)
        assert type(loss) is kind
        x = start.clone().requires_grad_()
        losses = drained(loss.evaluate(x))
        assert x.grad is not None
        results.append((losses, x.grad))
    (whole, gradient), (tiled, by_tiles) = results
    for name in ("total", "content", "style", "colour", "tv"):
        assert getattr(tiled, name) == pytest.approx(getattr(whole, name), rel=1e-4, abs=1e-7), name
    assert float((gradient - by_tiles).abs().max()) < 1e-3 * float(gradient.abs().max())
    assert float(gradient.abs().max()) > 0


@pytest.mark.parametrize("size", [(131, 97), (64, 200), (1, 90), (75, 1), (3, 5)])
def test_in_tiles_the_loss_and_its_gradient_are_those_of_the_whole(net: VGG, size: tuple[int, int]) -> None:
    compared(net, PRESETS["scumble"].terms, size, None, 0.05)


def test_what_alpha_hides_counts_nothing_in_tiles_either(net: VGG) -> None:
    alpha = torch.rand(1, 1, 101, 120, generator=torch.Generator().manual_seed(0))
    alpha[..., :40] = 0
    compared(net, PRESETS["scumble"].terms, (101, 120), alpha, 0.0)


@pytest.mark.parametrize("hidden", [False, True])
def test_styles_that_are_mixed_by_place_are_so_in_tiles(net: VGG, hidden: bool) -> None:
    across = torch.linspace(0, 1, 120).expand(101, 120)
    alpha = across.flip(1)[None, None].contiguous() if hidden else None
    compared(net, PRESETS["scumble"].terms, (101, 120), alpha, 0.05, torch.stack([across, 1 - across])[:, None])


def test_the_published_losses_are_computed_in_tiles_too(net: VGG) -> None:
    compared(net, PRESETS["code"].terms, (90, 110), None, 0.0)


def test_every_tile_is_a_chance_to_stop_and_a_step_of_progress(net: VGG) -> None:
    terms = PRESETS["scumble"].terms
    style = {scale: drained(measure(net, leaves(64, 64, 1), tuple(terms.style))) for scale in terms.scales}
    loss = drained(pieces.objective_of_any_size(net, terms, leaves(200, 200, 0), [(1.0, style)]))
    shares = list(loss.evaluate(leaves(200, 200, 5).clone().requires_grad_()))
    assert shares == sorted(shares)
    assert len(shares) > 100
    assert shares[-1] == pytest.approx(1)


@pytest.mark.parametrize("history", [3, 20])
@pytest.mark.parametrize("filed", [False, True])
def test_lbfgs_goes_where_torch_s_goes_also_where_its_memory_is_a_file(
    history: int, filed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if filed:
        monkeypatch.setattr(lbfgs, "IN_FILES", 0)
    matrix = torch.rand(108, 108, generator=torch.Generator().manual_seed(0))
    matrix, target = matrix @ matrix.T / 1080 + torch.eye(108), torch.linspace(0, 1, 108)

    def gradient(z: Tensor) -> Tensor:
        return (matrix @ z.flatten() - target).view(z.shape)

    start = torch.zeros(1, 3, 6, 6)
    ours, reference = LBFGS(start, 1.0, history), torch.zeros_like(start).requires_grad_()
    torchs = torch.optim.LBFGS([reference], max_iter=1, history_size=history, tolerance_grad=0.0, tolerance_change=0.0)
    for number in range(12):
        ours.step(gradient(ours.z), number / 12)
        reference.grad = gradient(reference.detach())
        torchs.step(lambda: 0.0)
        assert torch.allclose(ours.z, reference.detach(), atol=1e-3)
    assert float(gradient(ours.z).abs().max()) < 0.1 * float(target.max())
