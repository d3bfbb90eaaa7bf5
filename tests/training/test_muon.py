# SPDX-License-Identifier: Apache-2.0
"""The optimizer of convolutions: what a step is, and that a broken-off run goes on as if it had not been."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from scumble.training.loop import Schedule, fit
from scumble.training.muon import RMS, Muon, for_convolutions, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (8, 72), (72, 8)])
def test_singular_values_are_brought_near_one(shape: tuple[int, int]) -> None:
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 100))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_convolution_moves_as_far_as_the_rate_says_however_small_its_gradient() -> None:
    conv = nn.Conv2d(8, 16, 3)
    before = conv.weight.detach().clone()
    muon = Muon([conv.weight], [conv.bias] if conv.bias is not None else [], lr=0.1)
    (1e-6 * conv(torch.randn(1, 8, 6, 6)).square().sum()).backward()
    muon.step()
    moved = (conv.weight.detach() - before).square().mean().sqrt()
    assert moved == pytest.approx(0.1 * RMS, rel=0.4)


def test_what_is_not_a_convolution_moves_as_adam_moves_it() -> None:
    ours, theirs = torch.zeros(5, requires_grad=True), torch.zeros(5, requires_grad=True)
    muon, adam = Muon([], [ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01)
    for i in range(5):
        for p, optimizer in ((ours, muon), (theirs, adam)):
            optimizer.zero_grad()
            ((p - torch.arange(5.0)) ** 3 * (i + 1)).sum().backward()
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_run_that_was_broken_off_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    def run(folder: str, *stops: int) -> Tensor:
        (tmp_path / folder).mkdir()
        for stop in stops:
            torch.manual_seed(0)
            net = nn.Conv2d(3, 4, 3)
            optimizer = Muon([net.weight], [net.bias] if net.bias is not None else [], lr=0.01)

            def loss(step: int, generator: torch.Generator, net: nn.Module = net, stop: int = stop) -> dict[str, Tensor]:
                if step == stop:
                    raise InterruptedError
                return {"total": net(torch.randn(1, 3, 8, 8, generator=generator)).float().square().mean()}

            try:
                schedule = Schedule(6, 0.01, minutes_between_checkpoints=0.0)
                fit(net, loss, schedule, tmp_path / folder, report=lambda line: None, optimizer=optimizer)
            except InterruptedError:
                pass
        return net.weight.detach()

    assert torch.equal(run("whole", 6), run("broken", 3, 6))


def test_of_a_network_only_the_convolutions_between_its_ends_go_by_muon() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3).requires_grad_(False), nn.Linear(8, 8))
    muon = for_convolutions(net, [net[0]], lr=0.1)
    by_muon, by_adam = ({id(p) for p in group["params"]} for group in muon.param_groups)
    assert by_muon == {id(net[1].weight)}
    assert by_adam == {id(net[i].weight) for i in (0, 3)} | {id(net[i].bias) for i in (0, 1, 3)}
