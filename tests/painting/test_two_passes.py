# SPDX-License-Identifier: Apache-2.0
"""Painting twice: the first pass sees the layer at half the size, the second its answer with part of the lost detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from scumble.api.method import Content, Event, Preview, Progress, Result
from scumble.painting.two_passes import BROAD, DETAIL, LEAST, paint_twice

SMOOTH = np.broadcast_to(np.linspace(0.2, 0.8, 1280, dtype=np.float32)[None, :, None], (960, 1280, 3)).copy()


class Painter:
    """Paints nothing, and remembers what it was shown."""

    def __init__(self, adds: float = 0.0) -> None:
        self.adds = np.float32(adds)
        self.contents: list[Content] = []

    def __call__(self, content: Content) -> Iterator[Event]:
        self.contents.append(content)
        yield Progress(0.5, "painting")
        yield Result(content.rgb + self.adds)


def result(events: Iterator[Event]) -> np.ndarray:
    return next(event.rgb for event in events if isinstance(event, Result))


def test_the_first_pass_sees_half_the_size_and_the_second_the_whole_of_it() -> None:
    painter = Painter()
    painted = result(paint_twice(painter, Content(SMOOTH)))
    assert [content.rgb.shape for content in painter.contents] == [(480, 640, 3), (960, 1280, 3)]
    assert np.abs(painted - SMOOTH)[4:-4, 4:-4].max() < 2e-3


def test_strokes_of_the_first_pass_stay_and_part_of_the_detail_comes_back() -> None:
    stripes = SMOOTH + 0.1 * np.where(np.arange(1280) % 2, 1, -1).astype(np.float32)[None, :, None]
    painter = Painter(adds=0.1)
    result(paint_twice(painter, Content(stripes)))
    given = painter.contents[1].rgb[8:-8, 8:-8]
    assert np.mean(given - stripes[8:-8, 8:-8]) == pytest.approx(0.1, abs=0.005)
    contrast = np.abs(np.diff(given, axis=1)).mean() / np.abs(np.diff(stripes[8:-8, 8:-8], axis=1)).mean()
    assert contrast == pytest.approx(DETAIL, abs=0.03)


def test_a_selection_is_given_the_broad_strokes_of_its_layer() -> None:
    """Selected tightly or loosely, the second pass begins with the same pixels."""
    rng = np.random.default_rng(0)
    layer = rng.random((960, 1280, 3), np.float32)
    whole = Painter()
    result(paint_twice(whole, Content(layer)))
    part = Content(layer[80:200, 128:400], whole=layer, place=(80, 128), full=(960, 1280))
    selected = Painter()
    result(paint_twice(selected, part))
    assert np.abs(selected.contents[0].rgb - whole.contents[0].rgb).max() < 1e-6
    assert np.abs(selected.contents[1].rgb - whole.contents[1].rgb[80:200, 128:400]).max() < 1e-5
    assert selected.contents[1].whole is not None
    assert np.abs(selected.contents[1].whole - whole.contents[1].rgb).max() < 1e-5


def test_alpha_and_regions_go_along_with_the_first_pass() -> None:
    shares = np.stack([np.full((960, 1280), 0.25, np.float32), np.full((960, 1280), 0.75, np.float32)], 2)
    alpha = np.ones((960, 1280), np.float32)
    painter = Painter()
    result(paint_twice(painter, replace(Content(SMOOTH), alpha=alpha, regions=shares)))
    first = painter.contents[0]
    assert first.alpha is not None
    assert first.regions is not None
    assert first.alpha.shape == (480, 640)
    assert np.allclose(first.regions.sum(2), 1, atol=1e-6)


def test_a_picture_at_the_working_size_is_painted_once() -> None:
    """A second pass lost the face of a portrait, at 512 and at 1024 pixels."""
    assert LEAST > 1024
    painter = Painter()
    result(paint_twice(painter, Content(SMOOTH[: LEAST // 2, : LEAST - 1])))
    assert len(painter.contents) == 1


def test_progress_never_falls_and_the_broad_answer_is_shown() -> None:
    events = list(paint_twice(Painter(), Content(SMOOTH)))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == pytest.approx([BROAD / 2, BROAD + (1 - BROAD) / 2])
    assert [event.rgb.shape for event in events if isinstance(event, Preview)] == [(480, 640, 3)]
