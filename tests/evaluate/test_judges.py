# SPDX-License-Identifier: Apache-2.0
"""The networks that judge in `scumble evaluate`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scumble.api.errors import ScumbleError
from scumble.evaluate.judges import Judgement, SqueezeNet, compact_judge, lpips_judge, squeezenet_judge, vgg16_judge
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS


def test_a_judge_finds_no_fault_in_the_photograph_as_content_and_the_painting_as_style(tmp_path: Path) -> None:
    x, s = (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    judge = compact_judge()
    expected = judge.expect(x, s)
    assert judge(x, expected).content == 0
    assert judge(s, expected).style == 0
    assert judge(x, expected).total == pytest.approx(3 * judge(x, expected).style)
    assert Judgement(0.5, 0.25).total == 1.25


def test_squeezenet_judges_by_layers_it_has(tmp_path: Path) -> None:
    net = SqueezeNet()
    assert sum(p.numel() for p in net.parameters()) == 735_424  # table 1, without conv10
    save_file({net.names()[k]: v for k, v in net.stages.state_dict().items()}, tmp_path / "squeezenet.safetensors")
    assert {"conv1.weight", "fire2.squeeze1x1.bias", "fire9.expand3x3.weight"} <= set(net.names().values())
    judge = squeezenet_judge(tmp_path / "squeezenet.safetensors")
    x = torch.rand(1, 3, 64, 72)
    assert judge(x, judge.expect(x, x)).total == 0
    assert {k: v.shape[1] for k, v in net(x, {"conv1", "fire4", "fire9"}).items()} == {"conv1": 96, "fire4": 256, "fire9": 512}
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    for name, code in (("bad.safetensors", "weights-corrupt"), ("none.safetensors", "weights-missing")):
        with pytest.raises(ScumbleError) as e:
            squeezenet_judge(tmp_path / name)
        assert e.value.code == code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Teachers with a complete VGG-16, of random weights."""
    path = tmp_path_factory.mktemp("teachers")
    torch.manual_seed(0)
    net = VGG(DEPTHS["vgg16"], WIDTHS["vgg16"])
    state = {f"conv{k}": v.half() for k, v in net.convs.state_dict().items()}
    save_file(state, path / "complete_vgg16_random.safetensors")
    return path


def test_a_complete_vgg16_judges_alone_and_layer_by_layer(folder: Path) -> None:
    judge = vgg16_judge(str(folder))
    assert judge.name == "vgg16"
    x, s = (torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    verdict = judge(x, judge.expect(x, s))
    assert list(verdict.layers) == [f"relu{n}" for n in ("1_2", "2_2", "3_3", "4_3", "5_1")]
    assert verdict.content == 0
    assert verdict.style == pytest.approx(sum(verdict.layers.values()) / 5)


def test_a_narrow_network_that_ships_judges_as_vgg16_does() -> None:
    judge = vgg16_judge("half")
    assert (judge.name, judge.content_layers) == ("half", ["relu3_3"])
    x = torch.rand(1, 3, 32, 32)
    assert judge(x, judge.expect(x, x)).total == 0


def test_lpips_is_0_for_the_photograph_and_rises_with_what_is_changed(folder: Path) -> None:
    lpips = lpips_judge(str(folder))
    assert lpips is not None
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.rand(1, 3, 48, 40, generator=generator), torch.rand(1, 3, 48, 40, generator=generator)
    expected = lpips.expect(x)
    distances = [lpips(torch.lerp(x, noise, share), expected) for share in (0.0, 0.1, 0.3, 1.0)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] > 0


def test_without_a_complete_vgg16_there_is_no_lpips() -> None:
    assert lpips_judge("half") is None
