# SPDX-License-Identifier: Apache-2.0
"""The networks that judge in `scumble evaluate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scumble.api.errors import ScumbleError
from scumble.evaluate.judges import Judgement, SqueezeNet, compact_judge, squeezenet_judge, teachers_judge
from scumble.nst.tensors import to_tensor

pytestmark = pytest.mark.usefixtures("one_thread")


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
    save_file(net.state_dict(), tmp_path / "squeezenet.safetensors")
    judge = squeezenet_judge(tmp_path / "squeezenet.safetensors")
    x = torch.rand(1, 3, 64, 72)
    assert judge(x, judge.expect(x, x)).total == 0
    assert {k: v.shape[1] for k, v in net(x, {"conv1", "fire4", "fire9"}).items()} == {"conv1": 96, "fire4": 256, "fire9": 512}
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    for name, code in (("bad.safetensors", "weights-corrupt"), ("none.safetensors", "weights-missing")):
        with pytest.raises(ScumbleError) as e:
            squeezenet_judge(tmp_path / name)
        assert e.value.code == code


def test_teachers_may_be_the_compact_network(tmp_path: Path) -> None:
    judge = teachers_judge("compact")
    assert judge.content_layers == ["compact/relu3_3"]
    grey = to_tensor(np.full((32, 32, 3), 0.5, np.float32))
    assert judge(grey, judge.expect(grey, grey)).style == 0
