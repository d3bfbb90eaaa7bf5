# SPDX-License-Identifier: Apache-2.0
"""Networks: shapes, parameter counts and padding as the papers give them."""

from __future__ import annotations

import pytest
import torch

from scumble.methods.johnson.network import MARGIN, STRIDE, TransformNet
from scumble.nst.layers import reflect_pad
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS, compact


def test_the_transform_network_has_the_papers_parameter_count_at_width_1() -> None:
    assert sum(p.numel() for p in TransformNet().parameters()) == pytest.approx(1.68e6, rel=0.01)


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0])
def test_the_transform_network_keeps_the_shape_of_its_input(width: float) -> None:
    with torch.no_grad():
        assert TransformNet(width)(torch.rand(2, 3, 36, 52)).shape == (2, 3, 36, 52)


def test_no_pixel_beyond_the_margin_touches_the_output() -> None:
    """By the gradient: what an output pixel depends on, with frozen norms, lies within MARGIN of it."""
    from scumble.nst.norms import collected_statistics, frozen_statistics

    net = TransformNet(0.25)
    side = 2 * (MARGIN + 4 * STRIDE)
    with collected_statistics(net) as statistics, torch.no_grad():
        net(torch.rand(1, 3, side, side))
    x = torch.rand(1, 3, side, side, requires_grad=True)
    middle = side // 2
    with frozen_statistics(net, statistics):
        net(x)[0, :, middle, middle].sum().backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert middle - int(rows.min()) <= MARGIN
    assert int(rows.max()) - middle <= MARGIN
    assert int(rows.max()) - int(rows.min()) > MARGIN, "the network does look around"


def test_reflection_padding_equals_torchs_where_torch_allows_it() -> None:
    x = torch.rand(1, 2, 6, 7)
    assert torch.equal(reflect_pad(x, 3, 2, 1, 4), torch.nn.functional.pad(x, (3, 2, 1, 4), mode="reflect"))


def test_reflection_padding_mirrors_short_sides_more_than_once() -> None:
    row = torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)
    assert reflect_pad(row, 3, 3, 0, 0).flatten().tolist() == [2, 1, 2, 1, 2, 1, 2, 1]
    assert reflect_pad(row[..., :1], 2, 2, 1, 1).unique().tolist() == [1]


@pytest.mark.parametrize(("kind", "parameters"), [("vgg16", 14.71e6), ("vgg19", 20.02e6)])
def test_vgg_has_the_papers_convolutions(kind: str, parameters: float) -> None:
    """Simonyan and Zisserman 2014, columns D and E, without the classifier."""
    assert sum(p.numel() for p in VGG(DEPTHS[kind], WIDTHS[kind]).parameters()) == pytest.approx(parameters, rel=0.001)


def test_vgg_of_torchvision_gives_the_same_features() -> None:
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.vgg16(weights=None).features.eval()
    ours = VGG(DEPTHS["vgg16"], WIDTHS["vgg16"])
    convs = [m for m in theirs if isinstance(m, torch.nn.Conv2d)]
    for layer, conv in zip(ours.layers, convs, strict=True):
        ours.conv(layer).load_state_dict(conv.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = theirs[:16]((x - ours.mean) / ours.std)
        assert torch.allclose(ours(x, ["relu3_3"])["relu3_3"], expected, atol=1e-6)


def test_features_of_a_single_pixel_exist_in_every_layer() -> None:
    with torch.no_grad():
        features = compact()(torch.rand(1, 3, 1, 1))
    assert [tuple(f.shape[-2:]) for f in features.values()] == [(1, 1)] * 13


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(KeyError, match="relu9_1"):
        compact()(torch.rand(1, 3, 8, 8), ["relu9_1"])
