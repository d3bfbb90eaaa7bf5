# SPDX-License-Identifier: Apache-2.0
"""What every picture is owed, whatever the method."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.api.errors import ScumbleError
from scumble.api.method import Capabilities, Content, Method, Preview, Progress, Result, Runtime
from scumble.api.options import option
from scumble.image.colour import luma
from scumble.image.pixels import rgb8
from scumble.image.resample import resize
from scumble.painting import pipeline
from scumble.painting.pipeline import Context, Request
from support.painted import through_pipeline
from support.pictures import layer, picture

DEPTHS = (np.uint8, np.uint16, np.float16, np.float32)


@dataclass(frozen=True)
class NoOptions:
    pass


def invert(rgb: np.ndarray) -> np.ndarray:
    return 1 - rgb


def same(rgb: np.ndarray) -> np.ndarray:
    return rgb.copy()


@dataclass
class Fake(Method):
    """A method that applies `paint` to the picture and remembers what it was shown."""

    paint: Callable[[np.ndarray], np.ndarray] = invert
    Options: type = NoOptions
    contents: list[Content] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)
    closed: bool = False
    id: str = "fake"
    title: str = "Fake"
    paper: str = ""
    purpose: str = ""
    capabilities: Capabilities = Capabilities()  # noqa: RUF009

    def available(self, style: Any) -> bool:
        return True

    def prepare(self, style: Any, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Any, options: Any, runtime: Runtime) -> Iterator[Any]:
        self.contents.append(content)
        self.options.append(options)
        try:
            yield Progress(0.5, "half")
            yield Preview(self.paint(content.rgb))
            yield Result(self.paint(content.rgb))
        finally:
            self.closed = True


class Plain:
    id, revision = "plain", 1

    has_picture = False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> None:
        return None


def request(pixels: np.ndarray, method: Fake | None = None, strength: float = 1.0, **more: Any) -> Request:
    options = more.pop("options", {})
    return Request(method or Fake(), [(Plain(), 1.0)], strength, options, pixels, **more)


def refused(asked: Request) -> str:
    with pytest.raises(ScumbleError) as error:
        pipeline.run(asked, Runtime(), np.empty_like(asked.pixels))
    return error.value.code


@pytest.mark.parametrize("depth", DEPTHS)
def test_strength_0_returns_the_input_byte_for_byte_and_does_not_run_the_method(depth: Any) -> None:
    pixels = layer(7, 5, depth)
    if np.dtype(depth).kind == "f":
        pixels[0, 0], pixels[1, 1], pixels[2, 2] = np.nan, -np.inf, 3
    method = Fake()
    assert through_pipeline(request(pixels, method, 0.0)).tobytes() == pixels.tobytes()
    assert method.contents == []


@pytest.mark.parametrize("strength", [float("nan"), -0.01, 1.01, float("inf"), 7.0])
def test_a_strength_outside_0_to_1_is_refused_before_anything_runs(strength: float) -> None:
    assert refused(request(layer(2, 2), strength=strength)) == "bad-strength"


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("order", ["rgba", "bgra"])
def test_alpha_comes_back_bit_identical_and_hidden_pixels_keep_their_bytes(depth: Any, order: Any) -> None:
    pixels = layer(40, 30, depth)
    for strength in (0.3, 1.0):
        out = through_pipeline(request(pixels, strength=strength, order=order))
        assert out[..., 3].tobytes() == pixels[..., 3].tobytes()
        hidden = pixels[..., 3] == 0
        assert np.array_equal(out[hidden], pixels[hidden])
        assert not np.array_equal(out[~hidden], pixels[~hidden])


@pytest.mark.parametrize(
    "options", [{}, {"brush_size": 4.0}, {"brush_size": 4.0, "keep_colours": "luminance"}, {"keep_colours": "histogram"}]
)
@pytest.mark.parametrize("depth", [np.uint8, np.float32])
def test_hidden_colours_influence_nothing(options: dict[str, Any], depth: Any) -> None:
    one = layer(301, 420, depth)
    hidden = one[..., 3] == 0
    two = one.copy()
    two[hidden, :3] = np.nan if np.dtype(depth).kind == "f" else 200
    methods = Fake(), Fake()
    outs = [through_pipeline(request(p, m, 0.7, options=options)) for p, m in zip((one, two), methods, strict=True)]
    assert np.array_equal(outs[0][~hidden], outs[1][~hidden])
    assert methods[0].contents[0].rgb.tobytes() == methods[1].contents[0].rgb.tobytes()


def test_a_picture_without_a_visible_pixel_comes_back_as_it_was() -> None:
    pixels = layer(9, 9)
    pixels[..., 3] = 0
    assert np.array_equal(through_pipeline(request(pixels)), pixels)


def test_the_method_gets_alpha_only_where_the_picture_is_not_opaque() -> None:
    method = Fake()
    through_pipeline(request(picture(8, 8), method))
    through_pipeline(request(layer(8, 8), method))
    assert method.contents[0].alpha is None
    assert set(np.unique(method.contents[1].alpha).round(2)) == {0, 0.5, 1}


@pytest.mark.parametrize(
    ("depth", "step"), [(np.uint8, 1 / 255), (np.uint16, 1 / 65535), (np.float16, 1e-3), (np.float32, 1e-6)]
)
def test_every_depth_is_mixed_in_its_own_precision(depth: Any, step: float) -> None:
    pixels = picture(50, 60, depth)
    x = pixels[..., :3].astype(np.float64)
    if np.dtype(depth).kind == "u":
        x /= np.iinfo(depth).max
    expected = x + 0.25 * ((1 - x) - x)
    out = through_pipeline(request(pixels, strength=0.25))[..., :3].astype(np.float64)
    if np.dtype(depth).kind == "u":
        out /= np.iinfo(depth).max
    assert np.abs(out - expected).max() <= step * 0.51


def test_floats_outside_0_to_1_are_clamped_for_the_method_only_and_what_is_no_number_becomes_one() -> None:
    pixels = np.full((1, 6, 4), 0.5, np.float32)
    pixels[0, :, 0] = [4.0, -2.0, np.nan, np.inf, -np.inf, 0.25]
    pixels[..., 3] = 1
    method = Fake(same)
    half, full = through_pipeline(request(pixels, method, 0.5)), through_pipeline(request(pixels, method, 1.0))
    assert np.array_equal(method.contents[0].rgb[0, :, 0], [1, 0, 0, 1, 0, 0.25])
    assert np.array_equal(full[0, :, 0], [1, 0, 0, 1, 0, 0.25])
    assert np.array_equal(half[0, [0, 1, 2, 5], 0], [2.5, -1.0, 0, 0.25])
    assert np.isfinite(half).all()


def test_blue_first_is_the_same_picture_in_another_order() -> None:
    pixels = layer(33, 44)
    swapped = np.ascontiguousarray(pixels[..., [2, 1, 0, 3]])
    options = {"brush_size": 4.0, "keep_colours": "luminance"}
    a = through_pipeline(request(pixels, strength=0.8, options=options))
    b = through_pipeline(request(swapped, strength=0.8, options=options, order="bgra"))
    assert np.array_equal(a, b[..., [2, 1, 0, 3]])


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400), brush=st.sampled_from([0.5, 1.0, 4.0]), seed=st.integers(0, 99))
def test_any_size_goes_through_and_a_flat_picture_stays_flat(height: int, width: int, brush: float, seed: int) -> None:
    pixels = layer(height, width, np.uint16, seed)
    pixels[..., :3] = [1000, 30000, 65535]
    visible = pixels[..., 3] > 0
    out = through_pipeline(request(pixels, options={"brush_size": brush}))
    assert np.abs(out[visible, :3].astype(int) - [64535, 35535, 0]).max(initial=0) <= 1


def test_statistics_and_scale_of_a_selection_come_from_the_whole_layer() -> None:
    layer = picture(2000, 3000)
    small = rgb8(layer, "rgba")[::4, ::4]
    context = Context(np.dstack([small, np.full(small.shape[:2], 255, np.uint8)]), 301, 407, 3000, 2000)
    method = Fake()
    through_pipeline(request(layer[407:1007, 301:1201], method, context=context))
    content = method.contents[0]
    assert content.whole is not None
    assert content.whole.shape == (500, 750, 3)  # what there is; the working scale would be 683 x 1024
    assert content.whole_alpha is None
    assert abs(content.rgb.shape[0] - 600 * 1024 / 3000) < 2


def test_a_selection_comes_out_as_the_same_part_of_the_whole_layer_does() -> None:
    layer = np.rint(resize(np.random.default_rng(1).random((60, 90, 4), np.float32), 1400, 2100) * 255).astype(np.uint8)
    layer[..., 3] = 255
    context = Context(layer[::7, ::7], 530, 301, 2100, 1400)
    whole = through_pipeline(request(layer))
    part = through_pipeline(request(layer[301:901, 530:1330], context=context))
    inner = np.s_[16:-16, 16:-16]
    difference = part[inner].astype(int) - whole[301:901, 530:1330][inner]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, 6), (91, 0)])
def test_a_selection_outside_its_layer_is_refused(x: int, y: int) -> None:
    context = Context(layer(10, 10), x, y, 100, 10)
    assert refused(request(layer(5, 10), context=context)) == "bad-raster"


def test_what_the_wire_does_not_allow_is_refused() -> None:
    assert refused(request(np.zeros((4, 4, 3), np.uint8))) == "bad-raster"
    assert refused(request(np.zeros((4, 4, 4), np.int32))) == "bad-raster"
    assert refused(request(np.zeros((0, 4, 4), np.uint8))) == "bad-raster"
    assert refused(request(np.zeros((1, 65536, 4), np.uint8))) == "bad-raster"


@pytest.mark.parametrize("options", [{"brush": 1.0}, {"brush_size": 0.1}, {"scale": "half"}, {"keep_colours": True}])
def test_a_wrong_option_is_refused(options: dict[str, Any]) -> None:
    assert refused(request(layer(2, 2), options=options)) == "bad-options"


@dataclass(frozen=True)
class Choosy:
    depth: int = option(3, "How deep.", minimum=1, maximum=9)
    keep_colours: bool = option(False, "Its own way to keep colours.")


def test_a_methods_own_option_takes_the_place_of_a_common_one() -> None:
    method = Fake(Options=Choosy)
    through_pipeline(request(layer(4, 4), method, options={"keep_colours": True, "depth": 5, "brush_size": 2}))
    assert method.options == [Choosy(5, True)]
    names = [o["name"] for o in pipeline.describe(method)["options"]]
    assert names == ["depth", "keep_colours", "brush_size", "scale"]


def edges(height: int, width: int) -> np.ndarray:
    """Hard slanted edges between flat colours, all visible."""
    y, x = np.mgrid[:height, :width]
    region = ((x * 3 + y) // 170 + (y * 2 - x) // 230) % 4
    colours = np.array([[30, 40, 90], [220, 200, 40], [240, 240, 235], [150, 30, 40]], np.uint8)
    return np.dstack([colours[region], np.full((height, width), 255, np.uint8)])


def test_edges_stay_sharp_when_a_picture_painted_in_small_is_brought_up() -> None:
    pixels = edges(700, 900)
    out = through_pipeline(request(pixels, Fake(same), options={"brush_size": 4.0}))
    method = Fake()
    through_pipeline(request(pixels, method, options={"brush_size": 4.0}))
    plain = np.clip(resize(method.contents[0].rgb, 700, 900), 0, 1) * 255
    error = np.square(out[..., :3] - pixels[..., :3].astype(float)).mean()
    error_plain = np.square(plain - pixels[..., :3]).mean()
    assert error < error_plain / 3


def test_brush_strokes_that_the_picture_does_not_explain_survive_bringing_up() -> None:
    pixels = np.full((800, 800, 4), 128, np.uint8)
    strokes = np.random.default_rng(0).random((200, 200, 3), np.float32)
    out = through_pipeline(request(pixels, Fake(lambda rgb: strokes), options={"brush_size": 4.0}))
    assert np.std(out[..., :3] / 255) > 0.9 * np.std(resize(strokes, 800, 800))


def test_keeping_colours_keeps_hues_and_takes_the_paintings_light() -> None:
    pixels = picture(20, 20, np.float32)
    painted = np.random.default_rng(9).random((20, 20, 3), np.float32)
    out = through_pipeline(request(pixels, Fake(lambda rgb: painted), options={"keep_colours": "luminance"}))
    planes = np.moveaxis(out[..., :3], 2, 0)
    assert np.abs(luma(planes) - luma(np.moveaxis(painted, 2, 0))).max() < 1e-5
    grey = pixels.copy()
    grey[..., :3] = 0.5
    out = through_pipeline(request(grey, Fake(lambda rgb: painted), options={"keep_colours": "luminance"}))
    assert np.abs(np.ptp(out[..., :3], axis=2)).max() < 1e-5


def test_progress_rises_to_1_and_previews_come_only_when_asked_for() -> None:
    pixels = layer(1300, 2000)
    for previews in (False, True):
        out = np.empty_like(pixels)
        events = list(pipeline.run(request(pixels, previews=previews, options={"scale": "full"}), Runtime(), out))
        fractions = [e.fraction for e in events if isinstance(e, Progress)]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0, 1)
        shown = [e.rgb.shape for e in events if isinstance(e, Preview)]
        assert shown == ([(666, 1024, 3)] if previews else [])


def test_a_preview_looks_like_the_result() -> None:
    pixels = picture(60, 80)
    out = np.empty_like(pixels)
    asked = request(pixels, strength=0.4, previews=True, options={"keep_colours": "coral"})
    shown = [e.rgb for e in pipeline.run(asked, Runtime(), out) if isinstance(e, Preview)]
    assert np.abs(shown[0] * 255 - out[..., :3]).max() <= 0.51


def test_closing_a_run_closes_the_method_and_leaves_the_rest_unwritten() -> None:
    method, pixels = Fake(), layer(64, 64)
    out = np.zeros_like(pixels)
    events = pipeline.run(request(pixels, method), Runtime(), out)
    while next(events).text != "half":
        pass
    events.close()
    assert method.closed
    assert not out.any()


@pytest.mark.parametrize("paint", [lambda rgb: rgb[:-1], lambda rgb: rgb * np.nan])
def test_a_method_that_gives_no_picture_is_a_failure_that_names_it(paint: Callable[..., np.ndarray]) -> None:
    with pytest.raises(ScumbleError, match="Fake") as error:
        through_pipeline(request(layer(9, 9), Fake(paint)))
    assert error.value.code == "internal"


def test_weights_of_styles_are_checked() -> None:
    asked = request(layer(2, 2))
    bad = Request(asked.method, [(Plain(), 0.0)], 1.0, {}, asked.pixels)
    with pytest.raises(ScumbleError) as error:
        through_pipeline(bad)
    assert error.value.code == "bad-weights"


class Forgetful(Fake):
    def run(self, content: Content, styles: Any, options: Any, runtime: Runtime) -> Iterator[Any]:
        yield Result(invert(content.rgb))


def test_12_megapixels_take_less_than_350_mb_beside_input_and_output() -> None:
    pixels = np.full((3000, 4000, 4), 99, np.uint8)
    pixels[:, :1500, 3] = 0
    out = np.empty_like(pixels)
    for options, budget in (({}, 150), ({"scale": "full"}, 350)):
        tracemalloc.start()
        try:
            for _ in pipeline.run(request(pixels, Forgetful(), options=options), Runtime(), out):
                pass
            peak = tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()
        assert peak < budget
    assert np.all(out[:, 1500:, :3] == 156)
    assert np.all(out[:, :1500] == pixels[:, :1500])


def test_styles_and_pipeline_need_no_torch() -> None:
    program = "import sys, scumble.library.styles, scumble.painting.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
