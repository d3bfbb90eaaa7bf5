# SPDX-License-Identifier: Apache-2.0
"""Styles that ship without their painting: what their files hold, and what can be painted by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Runtime
from scumble.library.weights import save_weights
from scumble.methods.gatys import train_style as train_gatys
from scumble.methods.gatys.method import Gatys, _with_network
from scumble.methods.gatys.presets import COMPACT, PRESETS, Options, chosen
from scumble.methods.gatys.statistics_file import (
    COMPACT_LAYERS,
    PRESET_LAYERS,
    RESIDUE,
    factorised,
    load_statistics,
    measured_sides,
    save_statistics,
)
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import PICTURE, StyleStatistics, between, drained, interpolated, measure
from support.gatys import result, tensor, waves
from support.painted import Painted


def test_a_weight_file_without_gram_matrices_is_refused(tmp_path: Path) -> None:
    for name, tensors in {"empty": {"x": torch.zeros(2)}, "short": {"64/relu1_1/mean": torch.zeros(2)}}.items():
        for network in ({"name": "half"}, {"name": "compact"}, {"name": "another"}, None):
            save_weights(tmp_path / f"{name}.safetensors", tensors, {"licence": "none", "network": network})
            with pytest.raises(ScumbleError, match="no Gram matrices"):
                load_statistics(tmp_path / f"{name}.safetensors")


def test_a_published_preset_needs_the_painting_where_its_layers_do_not_ship(tmp_path: Path) -> None:
    path = tmp_path / "waves.safetensors"
    net = load_perceptual("half")
    ladder = {128: drained(measure(net, tensor(waves(80, 128)), PRESET_LAYERS))}
    save_statistics(path, ladder, {"network": {"name": "half"}})
    assert Gatys().prepare(Painted(states={"gatys": path}), Options(), Runtime()).statistics.network == "half"
    with pytest.raises(ScumbleError, match="relu1_1") as caught:
        Gatys().prepare(Painted(states={"gatys": path}), Options(preset="code"), Runtime())
    assert caught.value.code == "style-needs-picture"


def test_what_a_file_leaves_out_of_a_covariance_is_a_fiftieth_of_its_squares() -> None:
    f = load_perceptual("half")(tensor(waves(96, 128, 3)), {"relu4_3"})["relu4_3"][0].flatten(1)
    covariance = torch.cov(f)
    factor, rest = factorised(covariance)
    left = (factor.T @ factor + torch.diag(rest) - covariance).square().sum()
    assert len(factor) < len(covariance) / 4
    assert 0 < left <= RESIDUE * covariance.square().sum()


def test_a_painting_is_measured_an_octave_apart_and_once_at_its_own_size() -> None:
    assert measured_sides(2000) == [128, 256, 512, 1024]
    assert measured_sides(800) == [128, 256, 512, 800]
    assert measured_sides(600) == [128, 256, 512]
    assert measured_sides(100) == [100]


def test_between_two_sizes_statistics_are_interpolated() -> None:
    net = load_perceptual("half")
    small, large = (drained(measure(net, tensor(waves(side, side)), PRESET_LAYERS)) for side in (32, 64))
    ladder = {32: small, 64: large}
    assert interpolated(ladder, 20) is small
    assert interpolated(ladder, 64) is large
    assert interpolated(ladder, 100) is large
    middle, expected = interpolated(ladder, 45), between(small, large, 0.4919)
    assert torch.allclose(middle[PICTURE].gram, expected[PICTURE].gram, atol=1e-4)


def test_a_measured_painting_paints_as_the_painting_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "scumble.methods.gatys.method.computes_bfloat16", lambda device: False
    )  # its rounding parts the two descents
    rgb = waves(96, 128, 1)
    Image.fromarray((rgb * 255).round().astype(np.uint8)).save(tmp_path / "p.png")
    recipe = train_gatys.Recipe("waves", tmp_path / "p.png", "Waves", "Nobody", "2024")
    path = train_gatys.train(recipe, tmp_path, report=lambda _: None)
    assert path.stat().st_size < 60_000
    assert train_gatys.current(path)
    measured = Painted(states={"gatys": path})
    assert Gatys().available(measured)
    content = Content(waves(96, 128))
    options = Options(steps=8, levels=1, style_weight=1.6)
    from_file, from_picture = (result(content, options, style) for style in (measured, Painted(rgb=rgb)))
    assert np.abs(from_file - from_picture).mean() < 0.02
    assert np.abs(from_file - content.rgb).mean() > 0.03


def test_a_style_measured_in_an_older_network_is_painted_through_that() -> None:
    """Until a style's file is made again it holds statistics in the compact network, which say nothing of half."""
    older = StyleStatistics(ladder={64: {}}, network="compact")
    mine = StyleStatistics(painting=tensor(waves(40, 48)))
    assert _with_network(Options(), [older, mine]).network == "compact"
    assert _with_network(Options(network="quarter"), [mine]).network == "quarter"
    assert chosen(_with_network(Options(), [older])) == COMPACT
    with pytest.raises(ScumbleError, match="different networks"):
        _with_network(Options(), [older, StyleStatistics(ladder={64: {}}, network="half")])


def test_every_layer_of_our_preset_ships_with_a_style() -> None:
    assert set(PRESETS["scumble"].terms.style) <= set(PRESET_LAYERS)
    assert set(COMPACT.terms.style) <= COMPACT_LAYERS


def test_a_style_without_its_painting_is_refused_where_vgg_must_see_it() -> None:
    with pytest.raises(ScumbleError) as caught:
        Gatys().prepare(Painted(states={"gatys": Path("gatys_x.safetensors")}), Options(network="vgg19"), Runtime())
    assert caught.value.code == "style-needs-picture"
    assert "network half" in caught.value.hint


def test_a_style_with_nothing_is_unavailable_and_says_what_to_do() -> None:
    assert not Gatys().available(Painted())
    with pytest.raises(ScumbleError) as caught:
        Gatys().prepare(Painted(), Options(), Runtime())
    assert caught.value.code == "style-unavailable"
    assert "painting" in caught.value.hint
