# SPDX-License-Identifier: Apache-2.0
"""AdaIN: statistics in, pictures out; tiles that fit, mixtures that are exact, styles that need no painting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Runtime, Style
from scumble.api.options import parse_options
from scumble.library.places import SHIPPED, shared_path
from scumble.library.weights import save_weights
from scumble.methods.adain import train_style as adain_style
from scumble.methods.adain.method import AdaINMethod, Options
from scumble.methods.adain.network import (
    MARGIN,
    STRIDE,
    AdaIN,
    AdaINNet,
    blended,
    load_channel_statistics,
    load_network,
    statistics,
)
from scumble.nst.vgg import VGG
from support.painted import Painted, painted
from support.pictures import patches
from support.spectrum import wave

WHOLE = Runtime()
WIDTHS = (4, 8, 8, 8)
ARCHITECTURE = {"depths": (2, 2, 4, 1), "widths": WIDTHS, "padding": "reflect", "layers": ("relu4_1", "relu3_1")}


@pytest.fixture
def net() -> AdaINNet:
    """Random weights, scaled so that every layer's activations are near 1, as the shipped encoder's are."""
    torch.manual_seed(0)
    encoder = VGG((2, 2, 4, 1), WIDTHS, padding="reflect")
    for layer in encoder.layers:
        torch.nn.init.kaiming_normal_(encoder.conv(layer).weight, nonlinearity="relu")
    return AdaINNet(encoder).requires_grad_(False).eval()


@pytest.fixture
def method(net: AdaINNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AdaINMethod:
    path = tmp_path / "adain.safetensors"
    save_weights(path, net.state_dict(), {"architecture": ARCHITECTURE}, torch.float32)
    name = "adain{}.safetensors"
    monkeypatch.setattr(AdaINMethod, "weights", lambda _, e="quarter": tmp_path / name.format(e.removeprefix("quarter")))
    return AdaINMethod()


def test_adain_gives_features_the_styles_mean_and_deviation(net: AdaINNet) -> None:
    x, s = (torch.from_numpy(patches(seed=k)).permute(2, 0, 1)[None] for k in (1, 2))
    style = net.measure(s)
    got = statistics({"relu4_1": AdaIN(WIDTHS[3])(net.encode(x)["relu4_1"], style["relu4_1"])})["relu4_1"]
    varied = net.measure(x)["relu4_1"][1] > 0.2  # where EPS counts for nothing
    assert torch.allclose(got[0][varied], style["relu4_1"][0][varied], atol=1e-4)
    assert torch.allclose(got[1][varied], style["relu4_1"][1][varied], rtol=0.02)


def test_training_and_run_time_paint_the_same(net: AdaINNet) -> None:
    x, s = (torch.from_numpy(patches(seed=k)).permute(2, 0, 1)[None] for k in (1, 2))
    style = net.measure(s)
    assert torch.allclose(net(x, style)[0], net.paint(x, style), atol=1e-4)


def test_alpha_0_decodes_the_pictures_own_features_and_ignores_the_painting(method: AdaINMethod) -> None:
    one, two = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    rgb = patches()
    plain = painted(method, rgb, [(one, 1.0)], alpha=0.0)
    assert np.array_equal(plain, painted(method, rgb, [(two, 1.0)], alpha=0.0))
    assert not np.allclose(plain, painted(method, rgb, [(two, 1.0)]), atol=0.01)


def test_styles_are_mixed_by_place_in_one_pass_also_in_tiles(method: AdaINMethod) -> None:
    one, two = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    rgb, shares = patches(272, 328), np.zeros((272, 328, 2), np.float32)
    shares[:, :164, 0], shares[:, 164:, 1] = 1, 1
    alone = [painted(method, rgb, [(style, 1.0)]) for style in (one, two)]
    mixed = painted(method, Content(rgb, regions=shares), [(one, 1.0), (two, 1.0)])
    assert np.abs(mixed[:, :60] - alone[0][:, :60]).max() < 1e-4  # beyond the margin of the border
    assert np.abs(mixed[:, 268:] - alone[1][:, 268:]).max() < 1e-4
    content = Content(rgb, whole=rgb, regions=shares, whole_regions=shares)
    assert np.abs(painted(method, content, [(one, 1.0), (two, 1.0)], Runtime(tile=64)) - mixed).max() < 1e-4


def test_the_same_shares_everywhere_are_the_blend(method: AdaINMethod) -> None:
    styles: list[tuple[Style, float]] = [(Painted("1", patches(seed=1)), 0.25), (Painted("2", patches(seed=2)), 0.75)]
    rgb, shares = patches(), np.full((*patches().shape[:2], 2), 0.25, np.float32)
    shares[..., 1] = 0.75
    by_place = painted(method, Content(rgb, regions=shares), styles)
    assert np.abs(by_place - painted(method, rgb, styles)).max() < 1e-4


def test_a_picture_is_changed_by_no_more_than_rounding_when_it_is_cut_into_tiles(method: AdaINMethod) -> None:
    rgb, style = patches(272, 328), Painted(rgb=patches(seed=1))
    whole = painted(method, rgb, [(style, 1.0)])
    content = Content(rgb, whole=rgb)  # statistics of all of it, but painted tile by tile
    assert np.abs(painted(method, content, [(style, 1.0)], Runtime(tile=64)) - whole).max() < 1e-4


def test_the_margin_holds_every_pixel_an_output_pixel_depends_on(net: AdaINNet) -> None:
    for param in net.parameters():
        param.data.abs_()  # so that nothing cancels and no ReLU is shut
    style = net.measure(torch.rand(1, 3, 32, 32))
    middle = MARGIN + 2 * STRIDE
    for place in range(middle, middle + STRIDE):
        x = torch.full((1, 3, 8, 2 * middle + STRIDE), 0.9).requires_grad_()
        net.paint(x, style, alpha=0.0)[..., place].sum().backward()
        assert x.grad is not None
        reached = x.grad.abs().sum((0, 1, 2)).nonzero().flatten()
        assert place - int(reached.min()) <= MARGIN
        assert int(reached.max()) - place <= MARGIN


def test_weights_1_and_0_give_the_first_style_bit_for_bit(method: AdaINMethod) -> None:
    first, second = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    rgb = patches()
    alone = painted(method, rgb, [(first, 1.0)])
    assert np.array_equal(alone, painted(method, rgb, [(first, 1.0), (second, 0.0)]))
    assert not np.array_equal(alone, painted(method, rgb, [(first, 1.0), (second, 1.0)]))


def test_a_mixture_is_the_mean_of_what_adain_gives_each(net: AdaINNet) -> None:
    x, a, b = (torch.from_numpy(patches(seed=k)).permute(2, 0, 1)[None] for k in (1, 2, 3))
    f, styles = net.encode(x)["relu3_1"], [net.measure(s) for s in (a, b)]
    adain = AdaIN(f.shape[1])
    mixed = adain(f, blended([(0.3, styles[0]), (0.7, styles[1])])["relu3_1"])
    apart = [adain(f, s["relu3_1"]) for s in styles]
    assert torch.allclose(mixed, 0.3 * apart[0] + 0.7 * apart[1], atol=1e-4)


def test_a_style_needs_only_its_statistics(method: AdaINMethod, tmp_path: Path) -> None:
    painting = patches(96, 128, seed=3)
    Image.fromarray((painting * 255).round().astype(np.uint8)).save(tmp_path / "sea.png")
    recipe = adain_style.Recipe("sea", tmp_path / "sea.png", "Sea", "Ann", "1900", network=tmp_path / "adain.safetensors")
    path = adain_style.train(recipe, tmp_path, lambda line: None)
    assert path.stat().st_size < 1 << 14
    shipped, own = Painted("sea", states={"adain": path}), Painted("mine", painting)
    assert method.available(shipped)
    assert method.available(own)
    rgb = patches(96, 128)
    assert np.abs(painted(method, rgb, [(shipped, 1.0)]) - painted(method, rgb, [(own, 1.0)])).max() < 2 / 255


def test_statistics_of_another_encoder_are_refused(method: AdaINMethod, net: AdaINNet, tmp_path: Path) -> None:
    Image.fromarray((patches() * 255).astype(np.uint8)).save(tmp_path / "sea.png")
    net.encoder.conv("1_1").weight.data.mul_(1.5)
    other = tmp_path / "other.safetensors"
    save_weights(other, net.state_dict(), {"architecture": ARCHITECTURE})
    recipe = adain_style.Recipe("sea", tmp_path / "sea.png", "Sea", "Ann", "1900", network=other)
    style = Painted("sea", states={"adain": adain_style.train(recipe, tmp_path, lambda line: None)})
    with pytest.raises(ScumbleError, match="another encoder") as e:
        method.prepare(style, Options(), Runtime())
    assert e.value.code == "weights-corrupt"


def test_a_style_without_painting_and_statistics_is_unavailable(method: AdaINMethod) -> None:
    assert not method.available(Painted())
    with pytest.raises(ScumbleError) as e:
        method.prepare(Painted(), Options(), Runtime())
    assert e.value.code == "style-unavailable"


def test_vgg19_without_a_decoder_says_how_to_get_one(method: AdaINMethod) -> None:
    with pytest.raises(ScumbleError, match="vgg19") as e:
        method.prepare(Painted(rgb=patches()), Options(encoder="vgg19"), Runtime())
    assert e.value.code == "weights-missing"
    assert "scumble train adain" in e.value.hint


@pytest.mark.parametrize("damage", [{"depths": (1, 1, 1, 1)}, {"widths": "wide"}, {"layers": None}])
def test_a_network_file_that_is_none_is_refused(net: AdaINNet, tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "adain.safetensors"
    save_weights(path, net.state_dict(), {"architecture": ARCHITECTURE | damage})
    with pytest.raises(ScumbleError) as e:
        load_network(path)
    assert e.value.code == "weights-corrupt"


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 9), (8, 8)])
def test_every_size_comes_back_as_it_went_in(method: AdaINMethod, size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), 0.5, np.float32)
    result = painted(method, rgb, [(Painted(rgb=patches()), 1.0)])
    assert result.shape == rgb.shape
    assert np.isfinite(result).all()


def test_a_flat_picture_stays_flat_in_half_precision_too(method: AdaINMethod) -> None:
    rgb = np.full((64, 64, 3), 0.4, np.float32)
    for half in (False, True):
        result = painted(method, rgb, [(Painted(rgb=patches()), 1.0)], Runtime(half=half))
        assert np.ptp(result[..., 1]) < 0.03


def test_style_scale_measures_the_painting_at_another_size_but_never_enlarged(method: AdaINMethod) -> None:
    style = Painted(rgb=patches(96, 128, seed=4))
    prepared = method.prepare(style, Options(), Runtime())
    painted(method, patches(96, 128), [(style, 1.0)], style_scale=0.5)
    painted(method, patches(96, 128), [(style, 1.0)], style_scale=2.0)
    assert sorted(prepared.ladder) == [64, 128]


def test_the_painting_is_measured_at_one_size_whatever_the_brush_size(method: AdaINMethod) -> None:
    """A broad brush paints a smaller picture. With a painting as much smaller its strokes would be as fine as ever."""
    style = Painted(rgb=patches(384, 512, seed=4))
    prepared = method.prepare(style, Options(), Runtime())
    for brush_size in (0.5, 1.0, 2.0):
        rgb = patches(24, round(362 / brush_size))
        painted(method, Content(rgb, natural_side=362), [(style, 1.0)])
    assert list(prepared.ladder) == [362]


@pytest.mark.parametrize("given", [{"alpha": 1.5}, {"style_scale": 0}, {"encoder": "vgg16"}, {"alpha": "much"}])
def test_bad_options_are_named(given: dict[str, object]) -> None:
    with pytest.raises(ScumbleError) as e:
        parse_options(Options, given)
    assert e.value.code == "bad-options"


def test_forgetting_releases_everything(method: AdaINMethod) -> None:
    style = Painted(rgb=patches())
    before = method.prepare(style, Options(), Runtime())
    assert method.prepare(style, Options(), Runtime()) is before
    method.forget()
    assert method.prepare(style, Options(), Runtime()) is not before


def test_the_shipped_network_prints_no_lattice_and_knows_the_shipped_styles() -> None:
    """Waves of 2, 4 and 8 pixels, on pictures that hold none, stay below one of 255 levels."""
    net = load_network(shared_path(SHIPPED, "adain"))
    paths = sorted(path for path in SHIPPED.glob("adain/*.safetensors") if path.stem != "shared")
    assert {"starry-night", "great-wave"} <= {p.stem for p in paths}
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1)
    for path in paths:
        ladder = load_channel_statistics(path, net)
        with torch.no_grad():
            painted = net.paint(smooth, ladder[256])[0].mean(0)[32:224, 32:224].numpy()
        assert max(wave(painted, period) for period in (2, 4, 8)) < 1.0, path.stem
