# SPDX-License-Identifier: Apache-2.0
"""Resampling: no aliasing, no shift, no dependence on bands, and holes filled from their neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.image.fill import fill_hidden
from scumble.image.resample import across, axis, cubic, fit, linear, resize
from scumble.painting.grid import working_grid


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([linear, cubic]))
def test_a_constant_stays_one_and_the_weights_sum_to_1(length: int, outputs: int, kernel) -> None:
    a = axis(length, outputs, length / outputs, 0.0, kernel)
    assert np.abs(a.weights.sum(1) - 1).max() < 1e-5
    assert a.first.min() >= 0
    assert (a.first + a.weights.shape[1]).max() <= length
    assert np.abs(across(np.full((2, length), 0.3, np.float32), a) - 0.3).max() < 1e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 200), st.integers(1, 200), st.integers(1, 50))
def test_rows_do_not_depend_on_the_bands_they_are_computed_in(length: int, outputs: int, step: int) -> None:
    x = np.random.default_rng(0).random((length, 3), np.float32)
    a = fit(length, outputs)
    whole = a.window(0, outputs)[2] @ x[slice(*a.window(0, outputs)[:2])]
    for start in range(0, outputs, step):
        lo, hi, matrix = a.window(start, min(start + step, outputs))
        assert np.abs(matrix @ x[lo:hi] - whole[start : start + step]).max() < 1e-5


@pytest.mark.parametrize(("length", "outputs"), [(1000, 170), (1000, 999), (100, 37)])
def test_a_ramp_keeps_its_place(length: int, outputs: int) -> None:
    x = ((np.arange(length) + 0.5) / length).astype(np.float32)
    expected = (np.arange(outputs) + 0.5) / outputs
    inner = slice(2, -2)
    assert np.abs(across(x[None], fit(length, outputs))[0] - expected)[inner].max() < 0.06 / length
    back = across(expected[None].astype(np.float32), axis(outputs, length, outputs / length, 0.0, cubic))[0]
    edge = 3 * length // outputs
    assert np.abs(back - x)[edge:-edge].max() < 1e-4


def test_stripes_too_fine_for_the_small_picture_become_grey() -> None:
    n = np.arange(6000)
    for period in (2, 3, 4.7, 5):
        stripes = (0.5 + 0.5 * np.sin(2 * np.pi * n / period)).astype(np.float32)
        small = across(stripes[None], fit(6000, 1024))[0][4:-4]
        assert np.abs(small - 0.5).max() < 0.03


def test_resizing_works_on_both_axes_and_keeps_the_average() -> None:
    x = np.random.default_rng(0).random((97, 131, 3), np.float32)
    y = resize(x, 20, 31)
    assert y.shape == (20, 31, 3)
    assert np.abs(y.mean((0, 1)) - x.mean((0, 1))).max() < 0.01
    assert np.array_equal(resize(x, 97, 131), x)


@given(
    at=st.integers(0, 5000),
    length=st.integers(1, 3000),
    rest=st.integers(0, 3000),
    brush=st.sampled_from([None, 0.25, 1.0, 3.0]),
)
def test_a_selection_lies_on_the_grid_of_its_layer(at: int, length: int, rest: int, brush: float | None) -> None:
    full = at + length + rest
    grid = working_grid((at, at), (length, length), (full, full), brush)
    span = grid.rows
    assert 0 <= span.first < span.first + span.cells <= grid.whole[0] <= full * max(1, 1 / (brush or 1))
    assert span.first / span.scale <= at + 1e-6
    assert (span.first + span.cells) / span.scale >= at + length - 1e-6
    assert span.cells <= length * span.scale + 2
    assert span.down().outputs == span.up().length == span.cells
    assert span.up().outputs == span.down().length == length


def colours_and_alpha(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.random((height, width, 3), np.float32), rng.choice([0, 0, 0, 0.5, 1], (height, width)).astype(np.float32)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 1), (64, 64), (101, 67)])
def test_holes_take_colours_from_among_the_visible_ones_which_stay(size: tuple[int, int]) -> None:
    rgb, alpha = colours_and_alpha(*size)
    alpha[0, 0] = 1
    rgb[alpha > 0] = 0.4 + 0.2 * rgb[alpha > 0]
    filled = rgb.copy()
    fill_hidden(filled, alpha)
    assert np.array_equal(filled[alpha > 0], rgb[alpha > 0])
    assert filled.min() >= 0.4 - 1e-5
    assert filled.max() <= 0.6 + 1e-5


def test_a_hole_is_coloured_by_what_lies_nearest() -> None:
    rgb, alpha = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32)
    rgb[:, :8], alpha[:, :8] = [1, 0, 0], 1
    rgb[:, -8:], alpha[:, -8:] = [0, 0, 1], 1
    fill_hidden(rgb, alpha)
    assert (rgb[:, 10, 0] > 0.6).all()
    assert (rgb[:, -11, 2] > 0.6).all()


def test_a_picture_without_a_visible_pixel_becomes_black() -> None:
    rgb = np.ones((5, 5, 3), np.float32)
    fill_hidden(rgb, np.zeros((5, 5), np.float32))
    assert not rgb.any()
