# SPDX-License-Identifier: Apache-2.0
"""A picture that gets better while one looks: the stages, and every way to end them early."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scumble.api.method import Content, Event, Pixels, Preview, Progress, Result, Runtime, Weighted
from scumble.image.resample import resize
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.progressive import Effort, Prepared, _as_large, paint
from support.engine import methods_of_tests
from support.pictures import picture
from support.scumble_improving import STEPS, Darkening, Options

STYLES: Any = [(SimpleNamespace(id="s", revision=1), 1.0)]
CONTENT = Content(np.full((8, 12, 3), 0.25, np.float32))


class Quick(Darkening):
    """Without pauses; counts the steps it does, and may run out of memory."""

    def __init__(self, fails_at: int = STEPS + 1) -> None:
        self.steps, self.fails_at = 0, fails_at

    def improve_from(
        self,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        answer: Pixels,
        quality: Any,
        levels: int | None = None,
    ) -> Iterator[Event]:
        for event in super().improve_from(content, styles, Options(pause=0.0), runtime, answer, quality, levels):
            self.steps += isinstance(event, Preview)
            if self.steps == self.fails_at:
                raise MemoryError("Unable to allocate 64. MiB")
            yield event


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[Quick]:
    """The test methods with one that improves."""
    with methods_of_tests():
        improving = Quick()
        known = {**registry.methods(), improving.id: improving}
        monkeypatch.setattr(registry, "methods", lambda: known)
        yield improving


def prepared(name: str) -> Prepared:
    method = registry.methods()[name]
    return Prepared(method, method.Options(), STYLES, [Weighted(None)])


def events(name: str, effort: Effort, content: Content = CONTENT) -> list[Event]:
    return list(paint(prepared(name), content, Runtime(), effort))


def value(event: Event) -> float:
    assert isinstance(event, Preview | Result)
    assert event.rgb.shape == CONTENT.rgb.shape
    return round(float(event.rgb.mean()), 4)


def shown(all_events: Sequence[Event]) -> list[float]:
    return [value(event) for event in all_events if isinstance(event, Preview)]


def after(previews: int) -> Callable[[], bool]:
    """Wants the picture once it has been asked so many times."""
    asked = iter(range(1, 10_000))
    return lambda: next(asked) > previews


@pytest.mark.parametrize(("quality", "end"), [("draft", 0.75), ("good", 0.375), ("best", 0.0)])
def test_the_first_answer_comes_first_and_better_ones_follow_as_far_as_the_quality_asks(
    quick: Quick, quality: Any, end: float
) -> None:
    stream = events("invert", Effort(quality))
    assert value(stream[-1]) == pytest.approx(end)
    assert sum(isinstance(event, Result) for event in stream) == 1
    assert shown(stream) == sorted(shown(stream), reverse=True)
    assert shown(stream)[:1] == ([] if quality == "draft" else [0.75])
    fractions = [event.fraction for event in stream if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_a_method_that_takes_its_time_lets_a_fast_one_begin_and_goes_on_itself(quick: Quick) -> None:
    stream = events("darkening", Effort("good"))
    assert (shown(stream)[0], value(stream[-1])) == (0.75, 0.375)
    assert quick.steps == STEPS


def test_keeping_gives_what_is_shown_and_the_rest_is_not_done(quick: Quick) -> None:
    stream = events("invert", Effort("best", keep=after(5)))
    assert value(stream[-1]) == shown(stream)[-1]
    assert 0 < value(stream[-1]) < 0.75
    assert quick.steps < 6


def test_who_keeps_before_there_is_a_picture_gets_the_first(quick: Quick) -> None:
    stream = events("invert", Effort("best", keep=lambda: True))
    assert (value(stream[-1]), quick.steps) == (0.75, 0)


def test_a_limit_in_seconds_ends_with_the_picture_that_was_reached(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("scumble.painting.progressive.time.monotonic", lambda: float(next(clock)))
    stream = events("invert", Effort("best", seconds=8.0))
    assert value(stream[-1]) == shown(stream)[-1]
    assert 0 < value(stream[-1]) < 0.75
    assert next(event.fraction for event in reversed(stream) if isinstance(event, Progress)) <= 1.0


def test_where_memory_ends_the_picture_that_is_shown_stays(quick: Quick) -> None:
    """The first answer was there, and was thrown away with the job when the descent from it did not fit."""
    quick.fails_at = 3
    stream = events("invert", Effort("best"))
    assert value(stream[-1]) == shown(stream)[-1]


def test_where_nothing_can_improve_the_first_answer_is_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    with methods_of_tests():
        assert value(events("invert", Effort("best"))[-1]) == 0.75


def test_an_ordinary_job_of_an_iterative_method_can_be_kept_and_others_are_not_changed(quick: Quick) -> None:
    stream = events("darkening", Effort(keep=after(3)))
    assert 0 < value(stream[-1]) < 0.25
    assert value(events("invert", Effort(keep=lambda: True))[-1]) == 0.75


def test_a_preview_in_small_is_kept_in_full_size_with_the_detail_of_the_answer() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((64, 96, 3)).astype(np.float32) * 0.5 + 0.25
    darker = _as_large(_small(base) * np.float32(0.5), base)
    assert darker.shape == base.shape
    assert darker.mean() == pytest.approx(base.mean() / 2, abs=0.01)
    assert np.std(darker - _blurred(darker)) == pytest.approx(np.std(base - _blurred(base)), rel=0.1)


def _small(rgb: np.ndarray) -> np.ndarray:
    return resize(rgb, 16, 24)


def _blurred(rgb: np.ndarray) -> np.ndarray:
    return resize(_small(rgb), 64, 96)


def test_what_a_picture_is_owed_holds_for_one_that_was_kept(quick: Quick) -> None:
    """Strength, alpha and depth, through the whole pipeline."""
    pixels = picture(8, 12, np.uint16)
    pixels[:4, :, 3] = 0
    job = pipeline.Request(
        registry.methods()["invert"], STYLES, 0.5, {}, pixels, effort=Effort("best", keep=after(5)), previews=True
    )
    out = np.zeros_like(pixels)
    previews = [event for event in pipeline.run(job, Runtime(), out) if isinstance(event, Preview)]
    assert len(previews) > 2
    assert np.array_equal(out[:4], pixels[:4])
    assert np.array_equal(out[..., 3], pixels[..., 3])
    visible = out[4:, :, :3].astype(float) / 65535
    assert np.allclose(visible, previews[-1].rgb[4:], atol=2 / 65535)
