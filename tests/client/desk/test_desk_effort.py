# SPDX-License-Identifier: Apache-2.0
"""What a painter reads of the time that a fine brush takes."""

from __future__ import annotations

import pytest

from scumble.client.desk.effort import brush_takes, limits_of_brush, pace, painted_pixels
from scumble.painting.grid import working_grid


@pytest.mark.parametrize("size", [(400, 300), (1024, 768), (4000, 3000), (60, 2000)])
@pytest.mark.parametrize("brush", [0.25, 0.5, 1.0, 4.0])
def test_as_many_pixels_are_counted_as_the_engine_paints(size: tuple[int, int], brush: float) -> None:
    width, height = size
    cells = working_grid((0, 0), (height, width), (height, width), brush).cells
    assert painted_pixels(width, height, brush) == pytest.approx(cells, rel=0.05)


def test_a_fine_brush_on_a_small_picture_is_said_to_take_long() -> None:
    """A layer of 800 pixels with a brush of 0.25 took 70 s without a word, and the manual said that it had no effect."""
    usual = pace(800, 600, 1.0, 4.4)
    assert brush_takes(800, 600, 0.25, usual) == "Strokes this fine take about 70 s."
    assert brush_takes(800, 600, 0.25, None) == "Strokes this fine take about 16 times as long as with 1."
    assert brush_takes(800, 600, 0.25, 10 * usual) == "Strokes this fine take about 12 minutes."


@pytest.mark.parametrize(("brush", "usual"), [(1.0, 60.0), (2.0, 60.0), (0.25, 0.1), (0.8, None)])
def test_what_is_quick_or_usual_is_not_worth_a_word(brush: float, usual: float | None) -> None:
    assert brush_takes(800, 600, brush, None if usual is None else pace(800, 600, 1.0, usual)) == ""


def test_a_brush_size_without_effect_is_explained() -> None:
    assert "whatever the brush size" in limits_of_brush({"scale": "full"})
    assert limits_of_brush({"scale": "working"}) == limits_of_brush({}) == ""
