# SPDX-License-Identifier: Apache-2.0
"""The descent over pixels, on losses whose answer is known."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from scumble.methods.gatys.objective import Losses, Objective
from scumble.methods.gatys.optimize import Spectrum, Step, descend

TARGET = torch.rand(1, 3, 12, 15, generator=torch.Generator().manual_seed(0))


class Distance:
    """Sum of squares to TARGET, in two pieces."""

    def __init__(self) -> None:
        self.evaluations = 0

    def evaluate(self, x: Tensor) -> Generator[None, None, Losses]:
        self.evaluations += 1
        yield
        loss = self.loss(x)
        torch.autograd.backward(loss)
        yield
        total = float(loss.detach())
        return Losses(total, total, 0.0, 0.0, 0.0)

    def loss(self, x: Tensor) -> Tensor:
        weight = torch.linspace(0.02, 1, 15)
        return (weight * (x - TARGET).square()).sum()


class Treacherous(Distance):
    """Is not a number at the third look."""

    def loss(self, x: Tensor) -> Tensor:
        return super().loss(x) * (float("nan") if self.evaluations == 3 else 1)


class Torn(Distance):
    """Between TARGET, the content, and black, the style."""

    def __init__(self, style_weight: float = 1.0) -> None:
        super().__init__()
        self.style_weight = style_weight

    def loss(self, x: Tensor) -> Tensor:
        return (x - TARGET).square().sum() + self.style_weight * x.square().sum()

    def with_more_style(self, times: float) -> Torn:
        return Torn(times * self.style_weight)


def run(loss: Distance, steps: int, **how: Any) -> list[Step | None]:
    how = {"optimiser": "lbfgs", "exponent": 0.5, "history": 10} | how
    return list(descend(cast(Objective, loss), torch.full_like(TARGET, 0.5), steps, **how))


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_lbfgs_finds_the_bottom_in_one_evaluation_a_step(exponent: float) -> None:
    loss = Distance()
    steps = [s for s in run(loss, 40, exponent=exponent) if s]
    assert loss.evaluations == len(steps) == 40
    assert steps[-1].losses.total < 1e-3 * steps[0].losses.total
    assert torch.allclose(steps[-1].best, TARGET, atol=0.05)


def test_adam_descends_too() -> None:
    steps = [s for s in run(Distance(), 40, optimiser="adam", exponent=0.0) if s]
    assert steps[-1].losses.total < 0.2 * steps[0].losses.total


def test_it_can_be_stopped_inside_an_evaluation() -> None:
    assert run(Distance(), 2).count(None) == 4


def test_a_step_that_goes_wrong_is_taken_back() -> None:
    steps = [s for s in run(Treacherous(), 40) if s]
    assert torch.isfinite(steps[2].best).all()
    assert steps[-1].losses.total < 1e-2 * steps[0].losses.total


def test_the_best_picture_is_kept() -> None:
    for step in run(Distance(), 12):
        if step:
            assert float(Distance().loss(step.best)) <= step.losses.total * 1.0001


@pytest.mark.parametrize("size", [(12, 15), (1, 1), (7, 1)])
def test_the_change_of_variables_is_its_own_transpose_and_keeps_the_mean_in_reach(size: tuple[int, int]) -> None:
    spectrum = Spectrum(*size, torch.device("cpu"), 0.5)
    a, b = torch.rand(2, 1, 3, *size).unbind()
    assert float((spectrum(a) * b).sum()) == pytest.approx(float((a * spectrum(b)).sum()), rel=1e-4)
    assert float(spectrum(torch.ones(1, 3, *size)).abs().min()) > 0.1


class Interleaved(Distance):
    """Gives its gradient channels last, as a network in that order does."""

    def evaluate(self, x: Tensor) -> Generator[None, None, Losses]:
        losses = yield from super().evaluate(x)
        assert x.grad is not None
        x.grad = x.grad.contiguous(memory_format=torch.channels_last)
        return losses


def test_the_style_counts_more_in_the_last_third() -> None:
    """By one weight throughout, the last half minute of a minute mended the content, and took paint away."""
    steps = [s for s in run(Torn(), 60, finish=3.0) if s]
    assert torch.allclose(steps[39].best, TARGET / 2, atol=0.02)
    assert torch.allclose(steps[-1].best, TARGET / 4, atol=0.02)
    assert [s.number for s in steps] == list(range(1, 61))
    few = [run(Torn(), 12, finish=finish) for finish in (1.0, 3.0)]
    assert all(torch.equal(a.best, b.best) for a, b in zip(*few, strict=True) if a and b), "too few steps for a finish"


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_a_picture_in_channels_last_order_descends_too(exponent: float) -> None:
    """Pictures come so from image files and from fast methods, and torch's L-BFGS refuses to view such memory as one line:
    without the change of variables, as in the presets paper and code, the first step failed."""
    start = torch.full_like(TARGET, 0.5).contiguous(memory_format=torch.channels_last)
    steps = [s for s in descend(cast(Objective, Interleaved()), start, 12, "lbfgs", exponent, 10) if s]
    assert steps[-1].losses.total < 0.5 * steps[0].losses.total
