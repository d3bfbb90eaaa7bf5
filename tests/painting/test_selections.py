# SPDX-License-Identifier: Apache-2.0
"""What a selection takes from its layer, whatever the method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_regions import Tint, request

from scumble.api.method import Capabilities, Content, Pixels, Progress, Result, Runtime, Weighted
from scumble.image.resample import resize
from scumble.methods.gatys.method import Gatys
from scumble.painting.pipeline import Context, Request
from scumble.painting.pipeline import run as run_pipeline
from scumble.painting.selection import carried, doublings, layer_of, part_of
from support.painted import Painted, through_pipeline


@dataclass
class Farsighted(Tint):
    """Paints a small copy of the whole layer beside the selection, as methods do that take their statistics of it, if `far`."""

    far: bool = True

    def run(self, content: Content, styles: list[Weighted], options: Any, runtime: Runtime) -> Iterator[Any]:
        self.contents.append(content)
        assert content.whole is not None
        weights = np.array([s.weight for s in styles])
        shares, whole = ((weights if r is None else r) for r in (content.regions, content.whole_regions))
        pictures = ((content.rgb, shares), (content.whole, whole)) if self.far else ((content.rgb, shares),)
        yield Result(*(_tinted(rgb, s, styles) for rgb, s in pictures))


def _tinted(rgb: np.ndarray, shares: np.ndarray, styles: list[Weighted]) -> np.ndarray:
    return ((rgb**3 + sum(shares[..., n, None] * s.state for n, s in enumerate(styles))) / 2).astype(np.float32)


@pytest.fixture
def layer() -> np.ndarray:
    """Squares of colours, darker on the right."""
    pixels = np.rint(np.kron(np.random.default_rng(3).random((35, 50, 4)), np.ones((4, 4, 1))) * 65535).astype(np.uint16)
    pixels[..., 3], pixels[:, 100:, :2] = 65535, pixels[:, 100:, :2] // 4
    return pixels


@pytest.mark.parametrize(
    "capabilities", [Capabilities(regions=True, blend=True), Capabilities()], ids=["at once", "one by one"]
)
@pytest.mark.parametrize("mode", ["coral", "histogram"])
def test_the_palette_of_a_selection_is_the_whole_layers_where_the_method_painted_that(
    layer: np.ndarray, capabilities: Capabilities, mode: str
) -> None:
    masks = np.full((140, 200, 2), 0.5, np.float32)  # alike everywhere: beyond a selection masks are only guessed

    def painted(y: int, x: int, height: int, width: int, method: Tint) -> np.ndarray:
        part = np.s_[y : y + height, x : x + width]
        at, styles = Context(layer, x, y, 200, 140), {"black": 1.0, "bright": 1.0}
        options = {"keep_colours": mode}
        return through_pipeline(request(layer[part], method, styles, masks=masks[part], context=at, options=options))

    def apart(far: bool) -> int:
        loose = painted(20, 40, 100, 140, Farsighted(capabilities, far=far))
        tight = painted(50, 90, 40, 40, Farsighted(capabilities, far=far))
        return int(np.abs(loose[30:70, 50:90].astype(int) - tight).max())

    assert apart(far=True) <= 2 * 257 < apart(far=False)


def test_a_selection_says_where_it_lies_on_the_grid_of_its_layer(layer: np.ndarray) -> None:
    method = Tint(Capabilities())
    at = Context(layer, 90, 50, 200, 140)
    through_pipeline(request(layer[50:90, 90:130], method, {"dim": 1.0}, context=at))
    through_pipeline(request(layer[50:90, 90:130], method, {"dim": 1.0}, context=at, options={"brush_size": 2.0}))
    assert [content.place for content in method.contents] == [(50, 90), (25, 45)]


def photograph(height: int, width: int) -> np.ndarray:
    """(height, width, 4) uint8, opaque: soft shapes and some grain."""
    random = np.random.default_rng(5)
    shapes = resize(random.random((8, 10, 3), np.float32), height, width) + 0.05 * random.standard_normal((height, width, 1))
    return np.dstack([np.clip(shapes * 255, 0, 255), np.full((height, width), 255)]).astype(np.uint8)


def optimised(pixels: np.ndarray, context: Context | None, **options: Any) -> np.ndarray:
    """What Gatys makes of it in a few steps."""
    painting: Pixels = np.kron(np.random.default_rng(1).random((16, 20, 3), np.float32), np.ones((4, 4, 1), np.float32))
    out = np.empty_like(pixels)
    options = {"steps": 10, "network": "quarter", **options}
    asked = Request(Gatys(), [(Painted(rgb=painting), 1.0)], 1.0, options, pixels, context=context)
    for _ in run_pipeline(asked, Runtime(), out):
        pass
    return out


@pytest.mark.parametrize("brush_size", [1.0, 2.0])
def test_an_optimised_picture_does_not_depend_on_how_tightly_it_was_selected(brush_size: float) -> None:
    """A descent goes another way from the smallest difference; so it goes over the whole layer, whatever is selected."""
    layer = photograph(140, 200)

    def painted(y: int, x: int, height: int, width: int) -> np.ndarray:
        at = Context(layer, x, y, 200, 140)
        return optimised(layer[y : y + height, x : x + width], at, brush_size=brush_size)

    loose, tight = painted(10, 20, 110, 160), painted(50, 90, 40, 44)
    middle = np.s_[8:-8, 8:-8]  # which way a filter goes on beyond its picture is another matter
    assert np.abs(loose[40:80, 70:114].astype(int) - tight)[middle].max() <= 2
    assert np.abs(tight[..., :3].astype(int) - layer[50:90, 90:134, :3]).mean() > 4, "it is painted"


@pytest.mark.parametrize("brush_size", [1.0, 2.0])
def test_the_preview_of_a_large_picture_is_what_its_optimised_result_is(
    monkeypatch: pytest.MonkeyPatch, brush_size: float
) -> None:
    """A host sends the copy that it had previewed along with the picture, which descends from that."""
    monkeypatch.setattr("scumble.painting.grid.WORKING", 128)
    large = photograph(333, 500)
    copy = np.dstack([resize(large[..., :3].astype(np.float32), 85, 128), np.full((85, 128), 255)]).round().astype(np.uint8)
    preview = optimised(copy, None, brush_size=brush_size)
    result = optimised(large, Context(copy, 0, 0, 500, 333), brush_size=brush_size)
    small, shown = resize(result[..., :3].astype(np.float32), 85, 128), preview[..., :3].astype(np.float32)
    assert -20 * np.log10(np.sqrt(np.square(small - shown).mean()) / 255) > 30


def test_a_selection_takes_its_part_of_what_was_changed_in_the_layer() -> None:
    whole = np.random.default_rng(0).random((30, 40, 3), np.float32)
    changed = whole / 2
    content = Content(whole[10:20, 5:25], whole=whole, place=(10, 5))
    assert np.abs(carried(content, changed) - changed[10:20, 5:25]).max() < 1e-6
    assert np.array_equal(part_of(content, changed), changed[10:20, 5:25])
    assert doublings(content) == 0
    large = Content(resize(whole, 120, 160)[40:80, 20:100], whole=whole, place=(40, 20), full=(120, 160), natural_side=160)
    assert carried(large, changed).shape == (40, 80, 3)
    assert np.abs(carried(large, changed) - large.rgb / 2).mean() < 0.05
    assert doublings(large) == 2
    assert layer_of(large).painting_side == 40


def test_where_a_selection_has_more_pixels_than_the_layer_in_small_it_goes_on_from_there() -> None:
    whole = photograph(60, 80)[..., :3].astype(np.float32) / 255
    content = Content(resize(whole, 240, 320)[100:200, 50:250], whole=whole, place=(100, 50), full=(240, 320))
    method, style = Gatys(), Painted(rgb=whole[::-1].copy())
    options = method.Options(steps=3)
    *reported, last = method.run(content, [Weighted(method.prepare(style, options, Runtime()))], options, Runtime())
    events = [event for event in reported if isinstance(event, Progress)]
    assert isinstance(last, Result)
    assert last.rgb.shape == content.rgb.shape
    assert last.whole is not None
    assert last.whole.shape == whole.shape
    texts = [event.text.split(",")[0] for event in events]
    assert list(dict.fromkeys(text for text in texts if " x " in text)) == ["80 x 60", "100 x 50", "200 x 100"]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
