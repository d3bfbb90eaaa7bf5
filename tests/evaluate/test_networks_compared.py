# SPDX-License-Identifier: Apache-2.0
"""Networks are compared where their pictures are as far from the photograph, by the method's own descent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import networks
from benchmarks.networks import Compared, Point

from scumble.api.method import Runtime
from scumble.evaluate.contenders import Painting, painter
from scumble.evaluate.contest import Row, Table
from scumble.library.places import SHIPPED, perceptual_path
from scumble.methods.gatys.method import Gatys
from scumble.nst.vgg import VGG, narrow


def point(weight: float, lpips: float, style: float) -> Point:
    return Point(weight, lpips, style, (style,) * 5, 1.0)


def test_style_is_read_between_two_weights_where_lpips_is_equal() -> None:
    points = [point(1, 0.2, 0.4), point(2, 0.4, 0.2)]
    assert networks.style_at(points, 0.3) == pytest.approx(0.3)
    assert networks.style_at(points, 0.41) == pytest.approx(0.2)
    assert networks.style_at(points, 0.45) is None


def test_without_pictures_or_a_complete_vgg16_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        networks.main(["--shared", str(tmp_path)])
    assert "there are no pictures" in capsys.readouterr().err
    (tmp_path / "images").mkdir()
    with pytest.raises(SystemExit):
        networks.main(["--shared", str(tmp_path)])
    assert "no complete VGG-16" in capsys.readouterr().err


def test_a_network_of_ones_own_is_descended_through(tmp_path: Path) -> None:
    """The file that is named gives what the same weights give that ship, by the same method."""
    own = Compared("half-own", "half", (1.0,), perceptual_path(SHIPPED, "half"))
    rgb = np.random.default_rng(0).random((32, 40, 3), np.float32)
    painting = Painting("p", "p", rgb[::-1].copy())
    [contender] = networks.contenders_of(own, tmp_path, steps=2)
    plain = painter(Gatys(), {"steps": 2}, Runtime())
    assert np.array_equal(contender.paint(rgb, painting).rgb, plain(rgb, painting).rgb)


def test_gatys_asks_for_its_networks_where_it_is_told() -> None:
    asked = []

    def load(kind: str, pooling: str) -> VGG:
        asked.append((kind, pooling))
        return narrow("quarter").requires_grad_(False).eval()

    rgb = np.random.default_rng(0).random((32, 32, 3), np.float32)
    painter(Gatys(load), {"network": "vgg16", "steps": 1}, Runtime())(rgb, Painting("p", "p", rgb))
    assert asked == [("vgg16", "max")]


def test_every_layer_of_a_curve_has_its_column() -> None:
    """Layers were known by the "/" of their names; without it, seconds stood under relu1_2."""
    layers = {f"relu{k}": k / 10 for k in range(1, 6)}
    judged = {"vgg16": {"content": 1.0, "style": 0.3, "total": 1.9, **layers}}
    rows = [Row("half-1-2", "photo", name, judged=judged, lpips=0.4, seconds=7.0) for name in ("one", "two")]
    [at] = networks.curve(Table({}, rows), Compared("half", "half", (1.0,), None), 2, [r.pair for r in rows])
    assert at == Point(1.0, 0.4, 0.3, pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5)), 7.0)
    cells = [list(column.cells) for column in networks.shown({"half": [at]}).columns]
    assert [column[0] for column in cells] == ["half", "1", *(f"{v:.3f}" for v in (0.4, 0.3, *layers.values())), "7.0"]
