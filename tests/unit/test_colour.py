# SPDX-License-Identifier: Apache-2.0
"""A painting in the colours of the photograph."""

from __future__ import annotations

import colorsys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scumble.colour import keep_colours, luma

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
