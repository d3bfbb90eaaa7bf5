# SPDX-License-Identifier: Apache-2.0
"""Masks in the pipeline: which style goes where, whatever the method. None of it needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.api.errors import ScumbleError
from scumble.api.method import Capabilities, Content, Method, Preview, Progress, Result, Runtime, Weighted
from scumble.painting import pipeline, regions
from scumble.painting.pipeline import Context, Request
from support.painted import through_pipeline
from support.pictures import layer, levels, picture

SHADES = {"black": 0.0, "dim": 0.2, "grey": 0.5, "bright": 0.9}


@dataclass(frozen=True)
class NoOptions:
    pass


@dataclass(frozen=True)
class Named:
    id: str
    revision: int = 1
    has_picture: bool = False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> None:
        return None


@dataclass
class Tint(Method):
    """Paints the mean of the picture and its style's shade; by place in one run, if it may."""

    capabilities: Capabilities
    contents: list[Content] = field(default_factory=list)
    closed: int = 0
    id: str = "tint"
    title: str = "Tint"
    paper: str = ""
    purpose: str = ""
    Options: type = NoOptions

    def available(self, style: Any) -> bool:
        return True

    def prepare(self, style: Named, options: Any, runtime: Runtime) -> np.float32:
        return np.float32(SHADES[style.id])

    def run(self, content: Content, styles: list[Weighted], options: Any, runtime: Runtime) -> Iterator[Any]:
        self.contents.append(content)
        try:
            yield Progress(0.5, "half")
            if content.regions is None:
                shade: Any = sum(np.float32(s.weight) * s.state for s in styles)
            else:
                assert len(styles) == content.regions.shape[2] >= 2
                shade = sum(content.regions[..., n, None] * s.state for n, s in enumerate(styles))
            painted = (content.rgb + shade) / 2
            yield Preview(painted)
            yield Result(painted)
        finally:
            self.closed += 1


def at_once() -> Tint:
    return Tint(Capabilities(regions=True, blend=True))


def one_by_one() -> Tint:
    return Tint(Capabilities())


METHODS = pytest.mark.parametrize("make", [at_once, one_by_one])
DEPTHS = pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])


def ramp(height: int, width: int) -> np.ndarray:
    """(H, W) from 0 to 1, left to right."""
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def request(pixels: np.ndarray, method: Tint, styles: dict[str, float] | list[tuple[str, float]], **more: Any) -> Request:
    named = [(Named(name), weight) for name, weight in (styles.items() if isinstance(styles, dict) else styles)]
    return Request(method, named, more.pop("strength", 1.0), more.pop("options", {}), pixels, **more)


@METHODS
@DEPTHS
@pytest.mark.parametrize("options", [{}, {"brush_size": 4.0}, {"brush_size": 4.0, "keep_colours": "luminance"}])
def test_a_mask_of_ones_gives_the_bytes_that_no_mask_gives(make: Any, depth: Any, options: dict[str, Any]) -> None:
    pixels = layer(300, 410, depth)
    asked = {"strength": 0.7, "options": options}
    whole = through_pipeline(request(pixels, make(), {"dim": 2.0}, **asked))
    masked = through_pipeline(request(pixels, make(), {"dim": 2.0}, masks=levels(np.ones((300, 410, 1)), depth), **asked))
    assert masked.tobytes() == whole.tobytes()


@METHODS
@DEPTHS
def test_masks_that_sum_to_one_and_share_one_style_give_the_bytes_of_that_style(make: Any, depth: Any) -> None:
    pixels, mask = picture(40, 301), levels(ramp(40, 301), depth)
    most = mask.dtype.type(np.iinfo(depth).max if mask.dtype.kind == "u" else 1)
    masks = np.stack([mask, most - mask], 2)
    out = through_pipeline(request(pixels, make(), [("dim", 1.0), ("dim", 1.0)], masks=masks))
    assert out.tobytes() == through_pipeline(request(pixels, make(), {"dim": 1.0})).tobytes()


@pytest.mark.parametrize("masks", [None, np.ones((30, 40, 2), np.float32)])
def test_weights_1_and_0_give_the_bytes_of_the_first_style(masks: np.ndarray | None) -> None:
    pixels = picture(30, 40)
    alone = through_pipeline(request(pixels, at_once(), {"dim": 1.0}))
    for make in (at_once, one_by_one):
        method = make()
        assert through_pipeline(request(pixels, method, {"dim": 1.0, "bright": 0.0}, masks=masks)).tobytes() == alone.tobytes()
        assert len(method.contents) == 1


@METHODS
def test_each_style_is_painted_where_its_mask_is(make: Any) -> None:
    pixels = picture(30, 40)
    masks = np.zeros((30, 40, 3), np.uint8)
    masks[:, :10, 0], masks[:, 10:20, 1], masks[:, 20:30, 2] = 255, 255, 255
    out = through_pipeline(request(pixels, make(), {"black": 1.0, "grey": 5.0, "bright": 0.1}, masks=masks))
    for n, name in enumerate(("black", "grey", "bright")):
        alone = through_pipeline(request(pixels, make(), {name: 1.0}))
        np.testing.assert_array_equal(out[:, 10 * n : 10 * n + 10], alone[:, 10 * n : 10 * n + 10])
    np.testing.assert_array_equal(out[:, 30:], pixels[:, 30:])


@METHODS
def test_weights_and_masks_make_the_shares(make: Any) -> None:
    pixels = np.full((8, 8, 4), 1.0, np.float32)
    masks = np.full((8, 8, 2), 1.0, np.float32)
    masks[:, 4:, 1] = 0.5
    out = through_pipeline(request(pixels, make(), {"black": 1.0, "bright": 3.0}, masks=masks))
    assert out[0, 0, 0] == pytest.approx((1 + 0.75 * 0.9) / 2, abs=1e-6)
    assert out[0, 7, 0] == pytest.approx((1 + 0.6 * 0.9) / 2, abs=1e-6)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float16, np.float32])
def test_what_no_mask_covers_keeps_its_bytes_and_a_half_covered_pixel_is_half_painted(depth: Any) -> None:
    pixels = picture(20, 30, depth)
    if np.dtype(depth).kind == "f":
        pixels[0, 0, 0] = 7.5
    masks = np.zeros((20, 30, 1), np.float32)
    masks[:, 10:20], masks[:, 20:] = 0.5, 1
    out = through_pipeline(request(pixels, at_once(), {"dim": 1.0}, masks=masks))
    half = through_pipeline(request(pixels, at_once(), {"dim": 1.0}, strength=0.5))
    full = through_pipeline(request(pixels, at_once(), {"dim": 1.0}))
    assert out[:, :10].tobytes() == pixels[:, :10].tobytes()
    np.testing.assert_array_equal(out[:, 10:20], half[:, 10:20])
    np.testing.assert_array_equal(out[:, 20:], full[:, 20:])


def test_masks_that_cover_nothing_give_the_picture_back_without_a_run() -> None:
    pixels, method = picture(9, 9, np.float32), at_once()
    pixels[0, 0] = np.nan
    out = through_pipeline(request(pixels, method, {"dim": 1.0, "grey": 1.0}, masks=np.zeros((9, 9, 2), np.uint16)))
    assert out.tobytes() == pixels.tobytes()
    assert method.contents == []


@METHODS
@pytest.mark.parametrize("brush", [1.0, 4.0])
def test_a_soft_border_between_styles_makes_no_step(make: Any, brush: float) -> None:
    pixels = np.full((60, 900, 4), 128, np.uint16) * np.uint16(257)
    mask = levels(ramp(60, 900), np.uint16)
    masks = np.stack([mask, np.uint16(65535) - mask], 2)
    out = through_pipeline(request(pixels, make(), {"black": 1.0, "bright": 1.0}, masks=masks, options={"brush_size": brush}))
    steps = np.abs(np.diff(out[..., :3].astype(int), axis=1))
    assert np.ptp(out[..., 0].astype(int)) > 0.4 * 65535
    assert steps.max() <= 1.1 * 0.45 * 65535 / 899 + 2
    assert np.abs(np.diff(out[..., :3].astype(int), axis=0)).max() <= 2


def test_a_soft_mask_of_one_style_fades_into_the_picture_without_a_step() -> None:
    pixels = np.full((10, 600, 4), 65535, np.uint16)
    out = through_pipeline(request(pixels, at_once(), {"black": 1.0}, masks=ramp(10, 600)[..., None], strength=0.8))
    steps = np.abs(np.diff(out[..., 0].astype(int), axis=1))
    assert steps.max() <= 0.5 * 0.8 * 65535 / 599 + 2
    assert np.array_equal(out[..., 3], pixels[..., 3])


@METHODS
def test_shares_sum_to_one_also_where_nothing_is_painted(make: Any) -> None:
    method = make()
    masks = np.zeros((50, 70, 2), np.uint8)
    masks[20:30, 20:30, 0], masks[20:30, 40:50, 1] = 255, 3
    shares, covered = _finished(regions.read(masks, np.eye(2, dtype=np.float32), _grid(50, 70)))
    assert np.abs(shares.sum(2) - 1).max() < 1e-5
    assert shares.min() >= 0
    assert shares[25, 15, 0] > 0.9  # continued from what is near
    assert shares[25, 55, 1] > 0.9
    assert covered[25, 45] == pytest.approx(3 / 255)
    through_pipeline(request(picture(50, 70), method, {"dim": 1.0, "bright": 1.0}, masks=masks))
    given = method.contents[0].regions
    assert (given is None) == (make is one_by_one)
    assert given is None or np.array_equal(given, shares)


def _finished(work: Any) -> Any:
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


def _grid(height: int, width: int) -> Any:
    from scumble.painting.grid import working_grid

    return working_grid((0, 0), (height, width), (height, width), 1.0)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    count=st.integers(1, 5),
    brush=st.sampled_from([0.5, 4.0]),
    depth=st.sampled_from([np.uint8, np.uint16, np.float32]),
    seed=st.integers(0, 99),
)
def test_both_ways_to_mix_agree_at_any_size(height: int, width: int, count: int, brush: float, depth: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = levels(rng.random((height, width, count)) * (rng.random((height, width, count)) > 0.4), depth)
    styles = [(name, float(rng.random() + 0.1)) for name in rng.choice(list(SHADES), count)]
    pixels = layer(height, width, np.float32, seed)
    asked = {"masks": masks, "options": {"brush_size": brush}, "strength": 0.6}
    one, many = (through_pipeline(request(pixels, make(), styles, **asked)) for make in (at_once, one_by_one))
    assert np.abs(one - many).max() < 3e-5  # bringing up a flat painting multiplies its roundings


@METHODS
def test_keep_colours_and_masks_go_together(make: Any) -> None:
    pixels = picture(40, 60, np.float32)
    masks = np.stack([ramp(40, 60), 1 - ramp(40, 60)], 2)
    styles = {"black": 1.0, "bright": 1.0}
    for mode in ("luminance", "coral", "histogram"):
        out = through_pipeline(request(pixels, make(), styles, masks=masks, options={"keep_colours": mode}))
        plain = through_pipeline(request(pixels, make(), styles, masks=masks))
        assert np.isfinite(out).all()
        assert not np.array_equal(out, plain)
        halved = through_pipeline(request(pixels, make(), styles, masks=masks / 2, options={"keep_colours": mode}))
        assert np.abs(halved - (out + pixels) / 2).max() < 1e-5


def test_a_selection_with_masks_comes_out_as_the_same_part_of_the_whole_layer_does() -> None:
    rng = np.random.default_rng(3)
    layer = np.rint(np.kron(rng.random((70, 105, 4)), np.ones((20, 20, 1))) * 255).astype(np.uint8)
    layer[..., 3] = 255
    mask = levels(ramp(1400, 2100), np.uint8)
    masks = np.stack([mask, 255 - mask], 2)
    context = Context(layer[::7, ::7], 530, 301, 2100, 1400)
    part = np.s_[301:901, 530:1330]
    whole = through_pipeline(request(layer, at_once(), {"black": 1.0, "bright": 1.0}, masks=masks))
    for make in (at_once, one_by_one):
        method = make()
        out = through_pipeline(request(layer[part], method, {"black": 1.0, "bright": 1.0}, masks=masks[part], context=context))
        difference = out[16:-16, 16:-16].astype(int) - whole[part][16:-16, 16:-16]
        assert np.abs(difference).max() <= 1
        shares = method.contents[0].whole_regions
        assert (shares is None) == (make is one_by_one)
        if shares is not None:
            assert shares.shape == (200, 300, 2)
            assert np.abs(shares.sum(2) - 1).max() < 1e-5
            assert shares[100, 120, 0] == pytest.approx(120 / 300, abs=0.02)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.ones((4, 5, 2), np.uint8), "5 x 4 pixels and the picture 4 x 4"),
        (np.ones((4, 4, 1), np.uint8), "1 masks for 2 styles"),
        (np.ones((4, 4, 3), np.uint8), "3 masks for 2 styles"),
        (np.ones((4, 4), np.uint8), "shape"),
        (np.ones((4, 4, 2), np.int32), "int32"),
        (np.ones((4, 4, 2), np.float16), "float16"),
    ],
)
def test_masks_that_do_not_fit_are_refused_at_once_and_say_how(masks: np.ndarray, message: str) -> None:
    asked = request(picture(4, 4), at_once(), {"dim": 1.0, "grey": 1.0}, masks=masks)
    with pytest.raises(ScumbleError, match=message) as error:
        pipeline.run(asked, Runtime(), np.empty_like(asked.pixels))
    assert error.value.code == "bad-raster"


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_mask_with_what_is_no_number_is_refused_before_anything_is_painted(number: float) -> None:
    masks, method = np.ones((4, 4, 2), np.float32), at_once()
    masks[3, 3, 1] = number
    with pytest.raises(ScumbleError, match="mask") as error:
        through_pipeline(request(picture(4, 4), method, {"dim": 1.0, "grey": 0.0}, masks=masks))
    assert error.value.code == "bad-raster"
    assert error.value.hint
    assert method.contents == []


def test_without_masks_a_method_that_cannot_blend_still_refuses_two_styles() -> None:
    with pytest.raises(ScumbleError) as error:
        through_pipeline(request(picture(4, 4), one_by_one(), {"dim": 1.0, "grey": 1.0}))
    assert error.value.code == "bad-weights"


def test_runs_of_several_styles_make_one_progress_and_previews_that_grow_into_the_result() -> None:
    pixels, masks = picture(60, 80), np.zeros((60, 80, 3), np.uint8)
    masks[:, :30, 0], masks[:, 30:50, 1], masks[:, 50:, 2] = 255, 255, 255
    out = np.empty_like(pixels)
    asked = request(pixels, one_by_one(), {"black": 1.0, "grey": 1.0, "bright": 1.0}, masks=masks, previews=True)
    events = list(pipeline.run(asked, Runtime(), out))
    fractions = [e.fraction for e in events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert any(isinstance(e, Progress) and e.text == "style 2 of 3: half" for e in events)
    shown = [e.rgb * 255 for e in events if isinstance(e, Preview)]
    assert len(shown) == 3
    assert np.abs(shown[2] - out[..., :3]).max() <= 0.51
    assert np.abs(shown[0][:, :30] - out[:, :30, :3]).max() <= 0.51
    assert np.abs(shown[0][:, 30:] - pixels[:, 30:, :3]).max() <= 0.51


def test_a_preview_shows_the_masks() -> None:
    pixels, out = picture(60, 80), np.empty((60, 80, 4), np.uint8)
    asked = request(pixels, at_once(), {"dim": 1.0}, masks=ramp(60, 80)[..., None], previews=True, strength=0.7)
    (shown,) = (e.rgb for e in pipeline.run(asked, Runtime(), out) if isinstance(e, Preview))
    assert np.abs(shown * 255 - out[..., :3]).max() <= 0.51


def test_a_style_whose_mask_is_black_costs_no_run() -> None:
    masks, method = np.zeros((9, 9, 3), np.uint8), one_by_one()
    masks[..., 0], masks[:3, :, 2] = 255, 7
    through_pipeline(request(picture(9, 9), method, {"dim": 1.0, "grey": 1.0, "bright": 1.0}, masks=masks))
    assert len(method.contents) == 2


def test_closing_a_run_between_styles_closes_the_method() -> None:
    method, pixels = one_by_one(), picture(16, 16)
    out = np.zeros_like(pixels)
    masks = np.full((16, 16, 2), 9, np.uint8)
    events = pipeline.run(request(pixels, method, {"dim": 1.0, "grey": 1.0}, masks=masks), Runtime(), out)
    while not next(events).text.startswith("style 2"):  # type: ignore[union-attr]
        pass
    events.close()  # type: ignore[attr-defined]
    assert (len(method.contents), method.closed) == (2, 2)
    assert not out.any()


@METHODS
def test_a_method_that_gives_a_picture_of_another_size_is_named(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method = make()
    monkeypatch.setattr(method, "run", lambda *_: (Result(np.ones(size, np.float32)) for size in [(1, 1, 3)]))
    with pytest.raises(ScumbleError, match="Tint") as error:
        through_pipeline(request(picture(9, 9), method, {"dim": 1.0, "grey": 1.0}, masks=np.ones((9, 9, 2), np.uint8)))
    assert error.value.code == "internal"


def test_masks_count_in_the_memory_that_is_needed() -> None:
    pixels, masks = picture(100, 100), np.ones((100, 100, 5), np.uint8)
    without, _ = pipeline.memory_needed(request(pixels, at_once(), {"dim": 1.0}))
    here, _ = pipeline.memory_needed(request(pixels, at_once(), {"dim": 1.0}, masks=masks))
    assert here - without >= 100 * 100 * (4 * 5 + 4)
