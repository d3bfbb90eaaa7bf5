# SPDX-License-Identifier: Apache-2.0
"""Grade 2 of the style memory: its answer descends Gatys' loss, with regions, strengths and mixtures as without."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Event, Pixels, Preview, Progress, Runtime, Weighted
from scumble.client.catalogue import Method, Option
from scumble.library.styles import StyleStore
from scumble.library.weights import save_weights
from scumble.methods.gatys import tiled_loss as pieces
from scumble.methods.gatys.objective import Losses, objective
from scumble.methods.gatys.presets import PRESETS
from scumble.methods.style_memory.method import Memory, Options, shared_name
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import StyleStatistics, drained
from scumble.nst.tensors import to_pixels, to_tensor
from scumble.painting import pipeline
from scumble.painting.reading import MIXED
from support.leaves import COLD, PHOTOGRAPH, WARM, leaves
from support.painted import Painted, result_of, through_pipeline

WHOLE = Runtime()
TERMS = PRESETS["scumble"].terms


@pytest.fixture(scope="module")
def method() -> Memory:
    return Memory()


def events(method: Memory, polish: int, *styles: Painted, **content: Any) -> list[Event]:
    options = Options(polish)
    states = [Weighted(method.prepare(style, options, WHOLE), 1 / len(styles)) for style in styles]
    return list(method.run(Content(**{"rgb": PHOTOGRAPH, **content}), states, options, WHOLE))


def polished(method: Memory, polish: int, *styles: Painted, **content: Any) -> Pixels:
    return result_of(events(method, polish, *styles, **content))


def loss(rgb: Pixels, style: Painted, content: Pixels = PHOTOGRAPH) -> Losses:
    """By Gatys' own objective."""
    net = load_perceptual("half")
    assert style.rgb is not None
    statistics = StyleStatistics(painting=to_tensor(style.rgb))
    at = {scale: drained(statistics.at(max(content.shape[:2]) // scale, net, tuple(TERMS.style))) for scale in TERMS.scales}
    return drained(drained(objective(net, TERMS, to_tensor(content), [(1.0, at)])).evaluate(to_tensor(rgb).requires_grad_()))


def test_polishing_lowers_gatys_loss_the_more_the_longer(method: Memory) -> None:
    losses = [loss(polished(method, polish, WARM), WARM).total for polish in (0, 5, 20)]
    assert losses[1] < 0.8 * losses[0]
    assert losses[2] < 0.8 * losses[1]


def test_what_is_seen_first_is_the_instant_picture(method: Memory) -> None:
    reported = events(method, 3, WARM)
    first = next(event for event in reported if isinstance(event, Preview))
    assert np.array_equal(first.rgb, polished(method, 0, WARM))
    fractions = [event.fraction for event in reported if isinstance(event, Progress)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(fractions))
    assert fractions[-1] == pytest.approx(1)


def test_it_can_be_stopped_between_two_stages_of_a_step(method: Memory) -> None:
    states = [Weighted(method.prepare(WARM, Options(50), WHOLE))]
    with closing(cast(Any, method.run(Content(PHOTOGRAPH), states, Options(50), WHOLE))) as run:
        for event in run:
            if isinstance(event, Progress) and "step 2" in event.text:
                break
    assert polished(method, 0, WARM).shape == PHOTOGRAPH.shape


def halves(first: slice, second: slice) -> Pixels:
    regions = np.zeros((*PHOTOGRAPH.shape[:2], 2), np.float32)
    regions[:, first, 0] = regions[:, second, 1] = 1
    return regions


def test_each_place_is_polished_by_its_own_style(method: Memory) -> None:
    both = polished(method, 8, WARM, COLD, regions=halves(slice(0, 48), slice(48, 96)))
    warm, cold = (both[:, part].mean((0, 1)) for part in (slice(0, 40), slice(56, 96)))
    assert warm[0] > warm[2] + 0.1
    assert cold[2] > cold[0] + 0.1
    for part, style in ((slice(0, 48), WARM), (slice(48, 96), COLD)):
        begun = polished(method, 0, WARM, COLD, regions=halves(slice(0, 48), slice(48, 96)))
        there = np.ascontiguousarray(PHOTOGRAPH[:, part])
        assert loss(both[:, part], style, there).total < loss(begun[:, part], style, there).total


def test_a_region_of_everything_is_polished_as_the_style_alone(method: Memory) -> None:
    everything = halves(slice(0, 96), slice(0, 0))
    assert np.abs(polished(method, 2, WARM, COLD, regions=everything) - polished(method, 2, WARM)).mean() < 1e-2


def test_a_weaker_picture_is_polished_towards_a_weaker_style(method: Memory) -> None:
    """Below a strength of `MIXED` the engine mixes pixels, too: a picture's own row gives it back only nearly."""
    shown = {s: min(1.0, s / MIXED) * (polished(method, 4, WARM, strength=s) - PHOTOGRAPH) for s in (0.1, 0.5, 1.0)}
    far = [float(np.abs(change).mean()) for change in shown.values()]
    assert all(a < b for a, b in itertools.pairwise(far))


def test_a_mixture_is_polished_towards_both(method: Memory) -> None:
    pair = Painted("one", to_pixels(leaves(96, 96, 1))), Painted("another", to_pixels(leaves(96, 96, 2)))
    begun, done = (polished(method, polish, *pair) for polish in (0, 10))
    both = [sum(loss(rgb, style).style for style in pair) for rgb in (begun, done)]
    assert both[1] < 0.8 * both[0]


def test_large_pictures_are_polished_in_tiles(method: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = polished(method, 2, WARM)
    monkeypatch.setattr(pieces, "WHOLE", 0)
    monkeypatch.setattr(pieces, "VALUES", 1 << 14)
    assert np.abs(polished(method, 2, WARM) - whole).mean() < 1e-2


@pytest.mark.parametrize("by_place", [False, True])
def test_how_tightly_a_place_was_selected_does_not_count(method: Memory, by_place: bool) -> None:
    styles = (WARM, COLD) if by_place else (WARM,)
    shares = halves(slice(0, 48), slice(48, 96)) if by_place else None

    def selected(first: int, last: int) -> Pixels:
        regions = None if shares is None else np.ascontiguousarray(shares[first:last])
        part = {"rgb": np.ascontiguousarray(PHOTOGRAPH[first:last]), "whole": PHOTOGRAPH, "place": (first, 0), "full": (96, 96)}
        return polished(method, 3, *styles, strength=0.8, regions=regions, whole_regions=shares, **part)

    assert np.abs(selected(16, 80)[16:32] - selected(32, 48)).max() < 1e-4


def run(styles: Sequence[tuple[Any, float]], options: dict[str, Any], pixels: np.ndarray) -> np.ndarray:
    return through_pipeline(pipeline.Request(Memory(), styles, 1.0, options, pixels), WHOLE)


def test_a_shipped_style_is_polished_without_its_painting_and_brush_size_counts() -> None:
    pixels = np.dstack([np.round(PHOTOGRAPH * 255).astype(np.uint8), np.full((96, 96), 255, np.uint8)])
    style = [(StyleStore().get("starry-night"), 1.0)]
    plain, polished, broad = (run(style, options, pixels) for options in ({}, {"polish": 3}, {"polish": 3, "brush_size": 2.0}))
    assert not np.array_equal(plain, polished)
    assert not np.array_equal(broad, polished)


def test_a_row_alone_can_be_painted_with_but_not_polished(method: Memory, tmp_path: Path) -> None:
    path = tmp_path / "memory_row.safetensors"
    save_weights(path, {"row": method.prepare(WARM, Options(), WHOLE).at(0)}, {"shared": shared_name()})
    alone = Painted("alone", None, {"memory": path})
    polished(method, 0, alone)
    with pytest.raises(ScumbleError, match="polish by") as failed:
        polished(method, 3, alone)
    assert "polish to 0" in (failed.value.hint or "")


def test_memory_is_foreseen_for_the_descent(method: Memory) -> None:
    pixels = np.zeros((512, 512, 4), np.uint8)
    plain, polished = (
        pipeline.memory_needed(pipeline.Request(method, [(WARM, 1.0)], 1.0, {"polish": polish}, pixels))[1]
        for polish in (0, 10)
    )
    assert polished > 5 * plain


def test_a_live_preview_stays_instant_and_the_picture_shows_its_steps() -> None:
    described = pipeline.describe(Memory())
    options = tuple(Option(**entry) for entry in described["options"])
    listed = Method("memory", "", "", "", described["capabilities"], options)
    assert listed.quick({"polish": 20, "brush_size": 2.0}) == {"polish": 0, "brush_size": 2.0}
    assert listed.gradual({"polish": 20})
    assert not listed.gradual({"brush_size": 2.0})
