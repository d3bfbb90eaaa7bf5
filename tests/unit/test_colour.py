# SPDX-License-Identifier: Apache-2.0
"""A painting in the colours of the photograph."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scumble.colour import coral, keep_colours, luma
from scumble.methods.base import Capabilities, Content, Event, Progress, Result, Runtime
from scumble.pipeline import Request, run

colours = st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3).map(lambda c: np.array(c, np.float32).reshape(3, 1, 1))


@given(colours, colours)
def test_the_luma_is_the_paintings_and_nothing_leaves_the_gamut(painted: np.ndarray, original: np.ndarray) -> None:
    out = keep_colours(painted, original)
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(luma(out) - luma(painted)).max() < 2e-6


@given(colours, colours)
def test_the_hue_is_the_originals(painted: np.ndarray, original: np.ndarray) -> None:
    hue, _, _ = colorsys.rgb_to_hsv(*original.ravel().tolist())
    out = keep_colours(painted, original).ravel().tolist()
    if max(out) - min(out) > 0.02:
        difference = abs(colorsys.rgb_to_hsv(*out)[0] - hue)
        assert min(difference, 1 - difference) < 1e-3


@given(colours)
def test_a_painting_that_is_the_photograph_changes_nothing(original: np.ndarray) -> None:
    assert np.abs(keep_colours(original, original) - original).max() < 1e-6


def a_picture(seed: int, spread: float = 0.3) -> np.ndarray:
    """(40, 50, 3) of correlated colours well inside [0, 1]."""
    random = np.random.default_rng(seed)
    mix = np.eye(3) + random.uniform(-0.5, 0.5, (3, 3))
    return np.asarray(0.5 + spread * np.clip(random.normal(size=(40, 50, 3)), -1.5, 1.5) @ mix / 2, np.float32)


def test_coral_gives_the_painting_the_mean_and_covariance_of_the_originals_colours() -> None:
    painted, original = a_picture(1), a_picture(2)
    out = coral(painted, original)(np.moveaxis(painted, 2, 0)).reshape(3, -1)
    wanted = np.moveaxis(original, 2, 0).reshape(3, -1)
    assert np.allclose(out.mean(1), wanted.mean(1), atol=1e-3)
    assert np.allclose(np.cov(out), np.cov(wanted), atol=1e-4)


def test_coral_leaves_the_photograph_itself_as_it_is() -> None:
    rgb = a_picture(1)
    assert np.abs(coral(rgb, rgb)(np.moveaxis(rgb, 2, 0)) - np.moveaxis(rgb, 2, 0)).max() < 1e-4


def test_coral_looks_only_at_what_weighs() -> None:
    painted, original = a_picture(1), a_picture(2)
    weight = np.zeros((40, 50), np.float32)
    weight[:, :20] = 0.7
    hidden = np.where(weight[..., None] > 0, original, np.float32(9))
    part = coral(painted[:, :20], original[:, :20])
    assert np.allclose(coral(painted, hidden, weight).matrix, part.matrix, atol=1e-4)


def test_coral_does_not_blow_up_a_flat_painting_or_an_invisible_one() -> None:
    flat, original = np.full((8, 8, 3), 0.5, np.float32), a_picture(3)[:8, :8]
    speckled = flat + np.random.default_rng(0).normal(size=flat.shape).astype(np.float32) / 500
    out = coral(speckled, original)(np.moveaxis(speckled, 2, 0))
    assert float(np.ptp(out, axis=(1, 2)).max()) < 0.15
    unseen = coral(flat, original, np.zeros((8, 8), np.float32))
    assert np.isfinite(unseen(np.moveaxis(flat, 2, 0))).all()


class Plain:
    id, revision, has_picture = "plain", 1, False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> None:
        return None


class Strokes:
    """A method that paints the same whatever it is shown."""

    id = title = "strokes"
    paper = purpose = ""
    capabilities = Capabilities()

    @dataclass(frozen=True)
    class Options:
        pass

    def __init__(self, rgb: np.ndarray) -> None:
        self.rgb = rgb

    def available(self, style: Any) -> bool:
        return True

    def prepare(self, style: Any, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Any, options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Result(self.rgb)


def test_coral_keeps_the_palette_and_not_each_places_colour() -> None:
    photograph, painted = np.concatenate([a_picture(1), np.ones((40, 50, 1), np.float32)], -1), a_picture(2)
    out = np.empty_like(photograph)
    asked = Request(Strokes(painted), [(Plain(), 1.0)], 1.0, {"keep_colours": "coral"}, photograph)
    assert all(isinstance(event, Progress) for event in run(asked, Runtime(), out))
    got, wanted = out[..., :3].reshape(-1, 3), photograph[..., :3].reshape(-1, 3)
    assert np.allclose(got.mean(0), wanted.mean(0), atol=2e-3)
    assert np.allclose(np.cov(got.T), np.cov(wanted.T), atol=1e-3)
    assert np.corrcoef(got[:, 0], wanted[:, 0])[0, 1] < 0.2
