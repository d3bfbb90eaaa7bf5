# SPDX-License-Identifier: Apache-2.0
"""A painting in the colours of the photograph."""

from __future__ import annotations

import colorsys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scumble.api.method import Capabilities, Content, Event, Method, Progress, Result, Runtime
from scumble.image import colour
from scumble.image.colour import coral, keep_colours, luma, match_histograms
from scumble.painting.pipeline import Request, run

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


def a_photograph(seed: int) -> np.ndarray:
    """(150, 200, 3) of lopsided, correlated colours, a quarter of them in a dark flat place."""
    random = np.random.default_rng(seed)
    light = random.beta(*random.uniform(0.8, 3, 2), (150, 200))
    light[:, :50] = 0.08 + 0.02 * light[:, :50]
    tint = random.uniform(-0.2, 0.2, 3) * random.beta(2, 5, (150, 200))[..., None]
    return np.clip(0.05 + 0.9 * light[..., None] + tint, 0, 1).astype(np.float32)


def apart(a: np.ndarray, b: np.ndarray, weight: np.ndarray | None = None) -> float:
    """How far apart two sets of numbers lie, sorted (the Wasserstein distance), on average."""
    if weight is not None:
        a, b = a[weight > 0], b[weight > 0]
    return float(np.abs(np.sort(a, None) - np.sort(b, None)).mean())


def recoloured(change: Any, rgb: np.ndarray) -> np.ndarray:
    return np.moveaxis(change(np.moveaxis(rgb, 2, 0)), 0, 2)


def test_matching_gives_the_painting_the_originals_histograms_of_red_green_and_blue_and_its_palette() -> None:
    painted, original = a_photograph(1)[::-1] * [0.5, 0.8, 1.0], a_photograph(2)
    painted = painted.astype(np.float32)
    matched, moved = (recoloured(f(painted, original), painted) for f in (match_histograms, coral))
    assert max(apart(matched[..., k], original[..., k]) for k in range(3)) < 0.006
    directions = np.random.default_rng(0).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sliced = [np.mean([apart(x @ d, original @ d) for d in directions]) for x in (matched, moved, painted)]
    assert sliced[0] < min(0.01, 0.5 * sliced[1])
    assert matched.min() >= 0
    assert matched.max() <= 1


def test_matching_leaves_greys_grey_where_the_original_has_no_colours() -> None:
    painted = a_photograph(1) * np.array([0.5, 0.8, 1.0], np.float32)
    grey = np.repeat(a_photograph(2)[..., :1], 3, 2)
    assert np.ptp(recoloured(match_histograms(painted, grey), painted), axis=2).max() < 0.02


def test_matching_leaves_the_photograph_itself_as_it_is() -> None:
    rgb = a_photograph(1)
    assert np.abs(recoloured(match_histograms(rgb, rgb), rgb) - rgb).max() < 1e-4


def test_matching_keeps_the_levels_of_a_fine_ramp_apart_and_in_order() -> None:
    ramp = np.repeat(np.arange(65536, dtype=np.float32).reshape(16, 4096, 1) / 65535, 3, 2)
    levels = np.rint(recoloured(match_histograms(0.2 + 0.5 * ramp, a_photograph(2)), 0.2 + 0.5 * ramp) * 65535)
    assert len(np.unique(levels[..., 1])) > 20_000
    assert (np.diff(levels[..., 1].ravel()) >= -1).all()


def test_matching_looks_only_at_what_weighs() -> None:
    painted, original = a_photograph(1), a_photograph(2)
    weight = np.zeros((150, 200), np.float32)
    weight[:, 30:] = 0.7
    hidden = np.where(weight[..., None] > 0, original, np.float32(9))
    part = recoloured(match_histograms(painted[:, 30:], original[:, 30:]), painted)
    assert np.abs(recoloured(match_histograms(painted, hidden, weight), painted) - part).max() < 1e-3
    half = weight * np.where(np.arange(200) < 100, 1, 0.25).astype(np.float32)
    assert np.abs(recoloured(match_histograms(painted, original, half), painted) - part).max() > 1e-3


def test_matching_does_not_blow_up_a_flat_painting_or_an_invisible_one() -> None:
    flat, original = np.full((30, 40, 3), 0.5, np.float32), a_photograph(3)[:30, 30:70]
    speckled = flat + np.random.default_rng(0).normal(size=flat.shape).astype(np.float32) / 500
    assert float(np.ptp(recoloured(match_histograms(speckled, original), speckled), axis=(0, 1)).max()) < 0.3
    assert np.isfinite(recoloured(match_histograms(flat, original, np.zeros((30, 40), np.float32)), flat)).all()
    assert np.isfinite(recoloured(match_histograms(original, flat), original)).all()


def test_what_palettes_hold_does_not_grow_with_the_picture() -> None:
    rgb = np.tile(a_photograph(1), (20, 10, 1))
    for change in (coral, match_histograms):
        tracemalloc.start()
        try:
            change(rgb, rgb[::-1])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 160 * colour.BAND < rgb.nbytes


class Plain:
    id, revision, has_picture = "plain", 1, False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> None:
        return None


class Strokes(Method):
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


def test_histogram_is_a_choice_for_every_method() -> None:
    photograph, painted = a_photograph(2), a_photograph(1)[::-1, ::-1]
    pixels = np.rint(np.dstack([photograph, np.ones((150, 200))]) * 65535).astype(np.uint16)
    out = np.empty_like(pixels)
    asked = Request(Strokes(painted), [(Plain(), 1.0)], 1.0, {"keep_colours": "histogram"}, pixels)
    assert all(isinstance(event, Progress) for event in run(asked, Runtime(), out))
    assert max(apart(out[..., k] / 65535, photograph[..., k]) for k in range(3)) < 0.005
    assert np.corrcoef(out[..., 0].ravel(), pixels[..., 0].ravel())[0, 1] < 0.7
