# SPDX-License-Identifier: Apache-2.0
"""Predicted styles: paintings in, vectors out, pictures that mix, weaken and fit together in tiles. With random weights."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Pixels, Runtime, Style
from scumble.api.options import parse_options
from scumble.library.places import SHIPPED, shared_path
from scumble.library.weights import save_weights
from scumble.methods.ghiasi import train_style as ghiasi_style
from scumble.methods.ghiasi.method import Ghiasi, Options, load_bottlenecks, load_shared
from scumble.methods.ghiasi.network import MARGIN, STRIDE, GhiasiNet, StyledNet
from scumble.methods.johnson.network import TransformNet
from scumble.nst.style_encoder import SIZES, Inception, StatisticsEncoder
from scumble.nst.style_statistics import nearest
from support.painted import Painted, painted
from support.pictures import patches
from support.spectrum import wave

WHOLE = Runtime()
ARCHITECTURE = {"encoder": "quarter", "width": 1 / 8, "blocks": 2}


@pytest.fixture
def model() -> GhiasiNet:
    """Random weights, with styles that differ."""
    torch.manual_seed(0)
    model = GhiasiNet(SIZES["quarter"], 1 / 8, 2)
    model.predictor.to_style.weight.data *= 20
    return model.requires_grad_(False).eval()


@pytest.fixture
def network(model: GhiasiNet, tmp_path: Path) -> Path:
    path = tmp_path / "ghiasi.safetensors"
    save_weights(path, model.state_dict(), {"architecture": ARCHITECTURE}, torch.float32)
    return path


@pytest.fixture
def method(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ghiasi:
    other = "ghiasi-{}.safetensors"
    monkeypatch.setattr(Ghiasi, "weights", lambda _, e="quarter": network if e == "quarter" else tmp_path / other.format(e))
    return Ghiasi()


def test_at_full_width_a_style_has_the_papers_2758_numbers() -> None:
    assert StyledNet(1.0).style_size == 2758


def test_a_network_of_johnsons_is_where_training_may_start() -> None:
    """Behind its convolutions and with its scales and shifts, all but the last layer computes the same."""
    torch.manual_seed(0)
    johnson, model = TransformNet(1 / 8), GhiasiNet(8, 1 / 8)
    for norm in (m for m in johnson.modules() if hasattr(m, "collecting")):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -1, 1)
    model.begin(johnson.state_dict())
    model.predictor.to_style.weight.data.zero_()
    x = torch.rand(1, 3, 32, 40)
    outputs: list[torch.Tensor] = []
    for head in (johnson.head, model.net.head.conv):
        head.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    johnson(x)
    model.net(x, model.predictor(torch.rand(1, 8)))
    assert torch.allclose(outputs[0], outputs[1], atol=1e-4)


def test_training_and_run_time_paint_the_same(model: GhiasiNet, method: Ghiasi) -> None:
    rgb, paintings = patches(), [patches(seed=k) for k in (1, 2)]
    see = StatisticsEncoder("quarter")
    features = torch.cat([see(torch.from_numpy(p).permute(2, 0, 1)[None]) for p in paintings])
    batch = model.net(torch.from_numpy(np.stack([rgb, rgb])).permute(0, 3, 1, 2), model.predictor(features))
    for number, painting in enumerate(paintings):
        alone = painted(method, rgb, [(Painted(str(number), painting), 1.0)])
        assert np.abs(batch[number].permute(1, 2, 0).numpy() - alone).max() < 1e-4


def test_weights_1_and_0_give_the_first_style_bit_for_bit(method: Ghiasi) -> None:
    first, second = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    rgb = patches()
    alone = painted(method, rgb, [(first, 1.0)])
    assert np.array_equal(alone, painted(method, rgb, [(first, 1.0), (second, 0.0)]))
    assert not np.allclose(alone, painted(method, rgb, [(second, 1.0)]), atol=0.02)


def test_from_one_style_to_another_there_is_no_jump(method: Ghiasi) -> None:
    first, second = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    way = [painted(method, patches(), [(first, 20 - k), (second, k)]) for k in range(21)]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(way)]
    assert max(steps) < 4 * np.mean(steps)
    assert min(steps) > 0


def test_a_region_of_everything_is_its_style_and_the_same_shares_everywhere_are_the_blend(method: Ghiasi) -> None:
    styles: list[tuple[Style, float]] = [(Painted("1", patches(seed=1)), 0.25), (Painted("2", patches(seed=2)), 0.75)]
    rgb, shares = patches(), np.zeros((48, 64, 2), np.float32)
    shares[..., 0] = 1
    assert np.abs(painted(method, Content(rgb, regions=shares), styles) - painted(method, rgb, styles[:1])).max() < 1e-4
    shares[...] = 0.25, 0.75
    assert np.abs(painted(method, Content(rgb, regions=shares), styles) - painted(method, rgb, styles)).max() < 1e-4


def test_styles_are_mixed_by_place_in_one_pass_also_in_tiles(method: Ghiasi) -> None:
    one, two = (Painted(str(k), patches(seed=k)) for k in (1, 2))
    rgb, shares = patches(72, 328), np.zeros((72, 328, 2), np.float32)
    shares[:, :164, 0], shares[:, 164:, 1] = 1, 1
    both: list[tuple[Style, float]] = [(one, 1.0), (two, 1.0)]
    mixed = painted(method, Content(rgb, regions=shares), both)
    alone = [painted(method, rgb, [(style, 1.0)]) for style in (one, two)]
    left, right = np.s_[:, :80], np.s_[:, 248:]  # beyond the border nothing but the statistics is shared
    assert np.abs(mixed[left] - alone[0][left]).mean() < np.abs(mixed[left] - alone[1][left]).mean() / 2
    assert np.abs(mixed[right] - alone[1][right]).mean() < np.abs(mixed[right] - alone[0][right]).mean() / 2
    content = Content(rgb, whole=rgb, regions=shares, whole_regions=shares)
    assert np.abs(painted(method, content, both, Runtime(tile=64)) - mixed).max() < 1e-4


@pytest.mark.parametrize("half", [False, True])
def test_a_picture_is_changed_by_no_more_than_rounding_when_it_is_cut_into_tiles(method: Ghiasi, half: bool) -> None:
    rgb, style = patches(72, 264), Painted(rgb=patches(seed=1))
    whole = painted(method, rgb, [(style, 1.0)], Runtime(half=half))
    content = Content(rgb, whole=rgb)  # statistics of all of it, but painted tile by tile
    cut = painted(method, content, [(style, 1.0)], Runtime(tile=64, half=half))
    assert np.abs(cut - whole).max() < (2 / 255 if half else 1e-4)


def test_the_margin_holds_every_pixel_an_output_pixel_depends_on() -> None:
    net = StyledNet(1 / 16, 5).eval()
    for param in net.parameters():
        param.data.abs_()  # so that nothing cancels and no ReLU is shut
    for norm in (m for m in net.modules() if hasattr(m, "collecting")):
        norm.forward = lambda x, *_: x  # type: ignore[method-assign]
    net.down.register_forward_hook(lambda module, inputs, output: output / output.detach().max())
    net.head.register_forward_hook(lambda module, inputs, output: output / output.detach().max())
    style = torch.cat([torch.tensor([1.0] * c + [0.0] * c) for c in (layer.channels for layer in net.styled())])[None]
    middle = MARGIN + 2 * STRIDE
    for place in range(middle, middle + STRIDE):
        x = torch.full((1, 3, 8, 2 * middle + STRIDE), 0.9, dtype=torch.float64).requires_grad_()
        net.double()(x, style)[..., place].sum().backward()
        assert x.grad is not None
        reached = x.grad.abs().sum((0, 1, 2)).nonzero().flatten()
        assert 48 < place - int(reached.min()) <= MARGIN
        assert 48 < int(reached.max()) - place <= MARGIN


def test_strength_goes_from_the_pictures_own_style_to_the_paintings(method: Ghiasi) -> None:
    rgb, style = patches(seed=5), Painted(rgb=patches(seed=1))
    way = [painted(method, Content(rgb, strength=s), [(style, 1.0)]) for s in (1e-6, 0.25, 0.5, 0.75, 1.0)]
    own = painted(method, rgb, [(Painted("own", rgb), 1.0)])
    assert np.abs(way[0] - own).max() < 1e-4
    assert np.array_equal(way[-1], painted(method, rgb, [(style, 1.0)]))
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(way)]
    assert 0 < max(steps) < 3 * np.mean(steps)


def test_a_selection_weakens_towards_the_style_of_the_whole_layer(method: Ghiasi) -> None:
    whole, style = patches(64, 96, seed=5), Painted(rgb=patches(seed=1))
    full = painted(method, Content(whole, whole=whole, strength=0.3), [(style, 1.0)])
    part = painted(method, Content(whole[:, :64], whole=whole, strength=0.3), [(style, 1.0)])
    assert np.abs(part[:, :1] - full[:, :1]).max() < 0.1
    assert np.abs(part - painted(method, Content(whole[:, :64], strength=0.3), [(style, 1.0)])).max() > 1e-3


def test_the_shipped_networks_know_the_shipped_styles_and_print_no_lattice() -> None:
    """Waves of 2 pixels are gone, and on a picture that holds none those of 4 and 8 pixels stay below 4 of 255 levels."""
    model = Ghiasi().load(shared_path(SHIPPED, "ghiasi")).model
    paths = sorted(path for path in SHIPPED.glob("ghiasi/*.safetensors") if path.stem != "shared")
    assert {p.stem for p in paths} >= {"starry-night", "great-wave"}
    ladders = [load_bottlenecks(path, Ghiasi().shared_name()) for path in paths]
    known = torch.cat([ladder[nearest(ladder, 362)] for ladder in ladders])
    assert float(torch.pdist(known).min()) > 0.01
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1)
    for path, style in zip(paths, model.predictor.style(known), strict=True):
        with torch.no_grad():
            out = model.net(smooth, style[None])[0].mean(0)[32:224, 32:224].numpy()
        for period, most in ((2, 0.1), (4, 4.0), (8, 4.0)):
            assert wave(out, period) < most, (path.stem, period)


def styled(network: Path, tmp_path: Path, painting: Pixels, name: str = "sea") -> Path:
    Image.fromarray((painting * 255).round().astype(np.uint8)).save(tmp_path / f"{name}.png")
    recipe = ghiasi_style.Recipe(name, tmp_path / f"{name}.png", "Sea", "Ann", "1900", network=network)
    return ghiasi_style.train(recipe, tmp_path, lambda line: None)


def test_a_style_needs_only_its_hundred_numbers(method: Ghiasi, network: Path, tmp_path: Path) -> None:
    painting = patches(288, 384, seed=3)
    path = styled(network, tmp_path, painting)
    assert path.stat().st_size < 3000
    shipped, own = Painted("sea", states={"ghiasi": path}), Painted("mine", painting)
    assert method.available(shipped)
    assert method.available(own)
    for rgb in (patches(), patches(72, 400)):
        assert np.abs(painted(method, rgb, [(shipped, 1.0)]) - painted(method, rgb, [(own, 1.0)])).max() < 4 / 255


def test_what_other_networks_predicted_is_refused(method: Ghiasi, model: GhiasiNet, tmp_path: Path) -> None:
    model.predictor.to_style.bias.data += 0.1
    other = tmp_path / "other.safetensors"
    save_weights(other, model.state_dict(), {"architecture": ARCHITECTURE})
    style = Painted("sea", states={"ghiasi": styled(other, tmp_path, patches())})
    with pytest.raises(ScumbleError, match="other networks") as e:
        method.prepare(style, Options(), WHOLE)
    assert e.value.code == "weights-corrupt"


def test_a_corrupt_style_file_makes_only_its_own_style_unavailable(method: Ghiasi, network: Path, tmp_path: Path) -> None:
    good, bad = (Painted(n, states={"ghiasi": styled(network, tmp_path, patches(), n)}) for n in ("good", "bad"))
    data = bytearray(bad.states["ghiasi"].read_bytes())
    data[-1] ^= 1
    bad.states["ghiasi"].write_bytes(data)
    with pytest.raises(ScumbleError) as e:
        method.prepare(bad, Options(), WHOLE)
    assert e.value.code == "weights-corrupt"
    method.prepare(good, Options(), WHOLE)


@pytest.mark.parametrize("damage", [{"blocks": 3}, {"width": "wide"}, {"encoder": "eye"}])
def test_a_network_file_that_is_none_is_refused(model: GhiasiNet, tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "odd.safetensors"
    save_weights(path, model.state_dict(), {"architecture": ARCHITECTURE | damage})
    with pytest.raises(ScumbleError) as e:
        load_shared(path)
    assert e.value.code == "weights-corrupt"


def test_a_style_without_painting_and_numbers_is_unavailable(method: Ghiasi) -> None:
    assert not method.available(Painted())
    with pytest.raises(ScumbleError) as e:
        method.prepare(Painted(), Options(), WHOLE)
    assert e.value.code == "style-unavailable"


def test_inception_without_a_predictor_says_how_to_get_one(method: Ghiasi) -> None:
    with pytest.raises(ScumbleError, match="inception") as e:
        method.prepare(Painted(rgb=patches()), Options(encoder="inception"), WHOLE)
    assert e.value.code == "weights-missing"
    assert "scumble train ghiasi --encoder inception" in e.value.hint


def test_inception_is_read_to_mixed_6e_and_averaged_also_of_a_picture_too_small_for_it() -> None:
    trunk = nn.Module()
    for number, name in enumerate((*Inception.STAGES, "Mixed_7a")):
        trunk.add_module(name, nn.Conv2d(3, 3, 1, bias=False))
        trunk.get_submodule(name).weight.data.copy_(torch.eye(3)[..., None, None] * (number < len(Inception.STAGES)))
    least: list[int] = []
    trunk.get_submodule("Conv2d_1a_3x3").register_forward_hook(lambda module, x, y: least.append(min(y.shape[2:])))
    see, x = Inception(trunk), torch.rand(2, 3, 80, 96)
    assert torch.allclose(see(x), (x * 2 - 1).mean((2, 3)), atol=1e-5)  # Inception reads pictures in [-1, 1]
    assert see(torch.rand(1, 3, 20, 30)).shape == (1, 3)
    assert min(least) >= Inception.LEAST


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 9), (8, 8)])
def test_every_size_comes_back_as_it_went_in(method: Ghiasi, size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), 0.5, np.float32)
    for strength in (0.5, 1.0):
        result = painted(method, Content(rgb, strength=strength), [(Painted(rgb=patches()), 1.0)])
        assert result.shape == rgb.shape
        assert np.isfinite(result).all()


def test_style_scale_looks_at_the_painting_in_another_size_but_never_enlarged(method: Ghiasi) -> None:
    style = Painted(rgb=patches(384, 512, seed=4))
    prepared = method.prepare(style, Options(), WHOLE)
    for scale in (0.5, 1.0, 2.0):
        painted(method, patches(72, 384), [(style, 1.0)], style_scale=scale)
    assert sorted(prepared.ladder) == [256, 362, 512]


def test_the_painting_is_looked_at_in_one_size_whatever_the_brush_size(method: Ghiasi) -> None:
    """A broad brush paints a smaller picture. With a painting as much smaller its strokes would be as fine as ever."""
    style = Painted(rgb=patches(384, 512, seed=4))
    prepared = method.prepare(style, Options(), WHOLE)
    for brush_size in (0.5, 1.0, 2.0):
        rgb = patches(24, round(362 / brush_size))
        painted(method, Content(rgb, natural_side=362), [(style, 1.0)])
        painted(method, Content(rgb[:, :64], whole=rgb, natural_side=362), [(style, 1.0)])
    assert list(prepared.ladder) == [362]


@pytest.mark.parametrize("given", [{"style_scale": 0}, {"encoder": "vgg16"}, {"alpha": 1.0}])
def test_bad_options_are_named(given: dict[str, object]) -> None:
    with pytest.raises(ScumbleError) as e:
        parse_options(Options, given)
    assert e.value.code == "bad-options"


def test_forgetting_releases_everything(method: Ghiasi) -> None:
    style = Painted(rgb=patches())
    before = method.prepare(style, Options(), WHOLE)
    assert method.prepare(style, Options(), WHOLE) is before
    method.forget()
    assert method.prepare(style, Options(), WHOLE) is not before
