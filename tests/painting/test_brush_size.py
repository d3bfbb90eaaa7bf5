# SPDX-License-Identifier: Apache-2.0
"""Brush size: how many pixels a method works on, and how the painting comes back from there."""

from __future__ import annotations

import numpy as np
import pytest
from test_pipeline import Fake, edges, request, same

from scumble.image.resample import resize
from support.painted import through_pipeline
from support.pictures import picture


@pytest.mark.parametrize(
    ("size", "options", "worked"),
    [
        ((600, 800), {}, (600, 800)),
        ((1500, 2048), {}, (750, 1024)),
        ((600, 800), {"brush_size": 2.0}, (300, 400)),
        ((600, 800), {"brush_size": 0.5}, (1200, 1600)),
        ((1500, 2048), {"brush_size": 0.5}, (1500, 2048)),
        ((1500, 2048), {"brush_size": 2.0}, (375, 512)),
        ((1500, 2048), {"scale": "full", "brush_size": 4.0}, (1500, 2048)),
        ((1, 3000), {}, (1, 1024)),
        ((2047, 1), {"brush_size": 4.0}, (256, 1)),
        ((1, 1), {"brush_size": 4.0}, (1, 1)),
        ((1, 1), {"brush_size": 0.25}, (4, 4)),
    ],
)
def test_brush_size_is_a_fraction_of_the_long_side_also_where_the_picture_has_too_few_pixels(size, options, worked) -> None:
    method = Fake()
    out = through_pipeline(request(picture(*size), method, options=options))
    assert method.contents[0].rgb.shape[:2] == worked
    assert method.contents[0].painting_side == min(1024, max(size))
    assert out.shape == (*size, 4)


def test_a_picture_that_is_enlarged_for_a_fine_brush_comes_back_as_sharp_as_it_was() -> None:
    pixels = edges(300, 400)
    out = through_pipeline(request(pixels, Fake(same), options={"brush_size": 0.4}))
    assert np.abs(out.astype(int) - pixels).mean() < 0.6
    strokes = np.random.default_rng(0).random((600, 800, 3), np.float32)
    fine = through_pipeline(request(pixels, Fake(lambda rgb: strokes), options={"brush_size": 0.5}))
    assert np.abs(fine[..., :3] / 255 - resize(strokes, 300, 400)).mean() < 0.08
