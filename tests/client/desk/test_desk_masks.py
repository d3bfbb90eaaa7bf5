# SPDX-License-Identifier: Apache-2.0
"""Shares and places of several styles, made into masks without numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.client.desk.masks import deepened, parted, within
from scumble.client.raster import Masks

TYPES = {"u8": np.uint8, "u16": np.uint16}


@given(st.data(), st.sampled_from(["u8", "u16"]), st.integers(1, 3), st.integers(1, 9))
def test_the_first_style_gets_what_the_others_leave(data: st.DataObject, format: str, count: int, pixels: int) -> None:
    full = np.iinfo(TYPES[format]).max
    plane = st.none() | st.lists(st.integers(0, int(full)), min_size=pixels, max_size=pixels)
    others = data.draw(st.lists(st.tuples(plane, st.floats(0, 1)), min_size=count, max_size=count))
    given = [(None if where is None else np.array(where, TYPES[format]).tobytes(), share) for where, share in others]
    masks = np.frombuffer(parted(given, pixels, format), TYPES[format]).reshape(pixels, count + 1).astype(int)
    for number, (where, share) in enumerate(others, 1):
        assert np.abs(masks[:, number] - np.array([full] * pixels if where is None else where) * share).max() <= 0.5
    assert (masks[:, 0] == np.maximum(full - masks[:, 1:].sum(1), 0)).all()


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_deeper_mask_says_the_same(value: int) -> None:
    assert np.frombuffer(deepened(bytes([value])), np.uint16) == value * 257


@pytest.mark.parametrize("styles", [1, 2, 3])
def test_within_a_selection_as_much_is_painted_as_is_selected(styles: int) -> None:
    selected = bytes(range(256))
    masks = within(None, styles, selected, 16, 16)
    planes = np.frombuffer(masks.data, np.uint8).reshape(256, styles).astype(int)
    assert (planes.sum(1) == np.arange(256)).all()
    assert np.ptp(planes, axis=1).max() < styles


def test_places_within_a_selection_are_both() -> None:
    places = Masks(2, 1, 2, "u8", bytes((255, 0, 55, 200)))
    assert within(places, 1, bytes((128, 255)), 2, 1).data == bytes((128, 0, 55, 200))
