# SPDX-License-Identifier: Apache-2.0
"""What a style is practised on: photographs, the user's among them, and nothing of what is held back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scumble.methods.style_memory import content_sampler as practice
from scumble.methods.style_memory.content_sampler import HELD_BACK, PHOTOGRAPHS, PRACTISED, ContentSampler, photographs

OWN = np.full((300, 420, 3), np.float32(0.25))


def test_a_step_gives_the_same_pictures_again_and_another_step_others() -> None:
    crops = ContentSampler([], 4, 64)
    assert crops(3).shape == (4, 3, 64, 64)
    assert torch.equal(crops(3), ContentSampler([], 4, 64)(3))
    assert not torch.equal(crops(3), crops(4))
    assert 0 <= float(crops(3).min()) <= float(crops(3).max()) <= 1


def test_a_picture_of_the_user_s_is_in_every_step_and_one_that_is_too_small_in_none() -> None:
    small = np.full((300, 60, 3), np.float32(0.25))
    for own, there in ((OWN, True), (small, False)):
        crops = ContentSampler([own], 3, 64)
        assert all(bool((crops(step)[:2] == 0.25).all()) == there for step in range(3))
        assert any(bool((x == 0.25).all()) for x in crops.held_back()) == there


def test_every_picture_of_the_user_s_has_its_turn() -> None:
    own = [np.full((64, 64, 3), np.float32(k / 8)) for k in range(5)]
    crops = ContentSampler(own, 3, 64)
    numbers = [round(8 * float(crop[0, 0, 0])) for step in range(5) for crop in crops(step)[:2]]
    assert numbers == 2 * list(range(5))


def test_two_pictures_of_three_are_the_user_s_however_many_a_step_has() -> None:
    """Rounded for each step, two thirds of two were one."""
    for batch in (1, 2, 3, 5):
        crops = ContentSampler([OWN], batch, 64)
        share = np.mean([bool((crop == 0.25).all()) for step in range(6) for crop in crops(step)])
        assert share == pytest.approx(2 / 3)


def test_what_is_held_back_is_no_photograph_that_is_practised_on() -> None:
    assert not set(PRACTISED) & set(HELD_BACK)
    assert all((PHOTOGRAPHS / f"{name}.jpg").is_file() for name in (*PRACTISED, *HELD_BACK))
    credits = (PHOTOGRAPHS / "CREDITS.txt").read_text(encoding="utf-8")
    assert {p.name for p in (PHOTOGRAPHS).glob("*.jpg")} == set(credits.split()) & {
        f"{name}.jpg" for name in (*PRACTISED, *HELD_BACK)
    }
    assert len(ContentSampler([], 2, 64).held_back()) == len(PRACTISED) + 2 * len(HELD_BACK)


def test_without_the_photographs_made_pictures_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "PRACTISED", ("absent",))
    monkeypatch.setattr(practice, "HELD_BACK", ("absent",))
    assert photographs(("absent",)) == ()
    crops = ContentSampler([], 2, 64)
    assert crops(0).shape == (2, 3, 64, 64)
    assert len(crops.held_back()) == 1
