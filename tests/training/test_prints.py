# SPDX-License-Identifier: Apache-2.0
"""Prints and drawings that a training makes of its pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scumble.training import prints


@pytest.fixture(params=prints.KINDS)
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Tensor]:
    """A kind, and a shaded disc on white made into it."""
    monkeypatch.setattr(prints, "KINDS", (request.param,))
    torch.manual_seed(1)
    return request.param, prints.printed(disc())


def disc() -> Tensor:
    y, x = torch.meshgrid(torch.arange(96), torch.arange(128), indexing="ij")
    inside = (x - 64).square() + (y - 48).square() < 30**2
    return torch.where(inside, x * 2 - 40, 235).clamp(0, 255).expand(3, -1, -1).to(torch.uint8)


def test_a_print_has_dark_lines_on_light_paper(printed: tuple[str, Tensor]) -> None:
    kind, sheet = printed
    assert sheet.shape == (3, 96, 128)
    assert sheet.dtype == torch.uint8
    light = sheet.float().mean(0)
    inside, paper = light[20:76, 36:44], light[4:12, 4:12]
    assert inside.mean() < paper.mean() - 60, "ink where the disc is dark"
    if kind != "engraving":  # whose paper has hatches where the dark is
        assert paper.std() < 2, "nothing is drawn where nothing is"


def test_a_line_is_drawn_where_two_lights_meet() -> None:
    """Beside the lighter one, which is light itself."""
    torch.manual_seed(1)
    step = torch.full((1, 32, 64), 0.6)
    step[..., 32:] = 0.95
    lines = [prints._lines(step)[0, 16] for _ in range(20)]
    drawn = [sheet for sheet in lines if sheet[24:32].min() < sheet[8] - 0.3]
    assert len(drawn) >= 10
    assert all(sheet[56] > 0.9 for sheet in lines)


def test_an_engraving_has_more_ink_where_it_is_darker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prints, "KINDS", ("engraving",))
    shares = []
    for seed in range(8):
        torch.manual_seed(seed)
        light = prints.printed(torch.linspace(0, 255, 120).expand(3, 96, 120).to(torch.uint8)).float().mean(0)
        ink = (light < (light.min() + light.max()) / 2).float()
        shares.append([float(part.mean()) for part in ink.split(40, 1)])
    dark, middle, bright = torch.tensor(shares).mean(0)
    assert dark > middle + 0.1 > bright + 0.2


def test_prints_differ_and_are_the_same_for_a_seed_in_a_step_and_outside_of_one() -> None:
    sheets = []
    for seed, half in ((1, False), (1, True), (2, False)):
        torch.manual_seed(seed)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            sheets.append(prints.printed(disc()))
    assert torch.equal(sheets[0], sheets[1])
    assert not torch.equal(sheets[0], sheets[2])
