# SPDX-License-Identifier: Apache-2.0
"""Several processes at one training, as torchrun starts them: real ones, on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from scumble.library.weights import load_weights
from scumble.training.loop import run_folder
from support.coarse import coarse_pictures

ONE = Path(__file__).parents[1] / "support" / "one_of_two.py"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes meet by way of the loopback interface lo"),
    pytest.mark.timeout(600),  # each start imports torch three times, which takes minutes on a machine that is busy
]


def torchrun(*command: str) -> str:
    """What two processes say. GLOO would look for the interface that this machine's name belongs to, if it belongs to any."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    done = subprocess.run(run, env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def two(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    torchrun(str(ONE), str(folder), *arguments)
    return [json.loads((folder / f"{n}.json").read_text()) for n in (0, 1) if (folder / f"{n}.json").exists()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """How each of two processes ends that train 12 steps."""
    folder = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCUMBLE_TRAIN_DIR", str(folder / "train"))
        return two(folder / "ended", "12")


def test_two_processes_hold_the_same_weights_and_draw_batches_of_their_own(unbroken: list[dict[str, Any]]) -> None:
    first, second = unbroken
    assert first["weights"] == second["weights"]
    assert not set(first["drawn"]) & set(second["drawn"])
    assert first["averaged"] == second["averaged"] == [1.5, 0.5, None]


def test_two_processes_that_were_broken_off_end_where_unbroken_ones_end(unbroken: list[dict[str, Any]], tmp_path: Path) -> None:
    assert not two(tmp_path / "stopped", "12", "7")
    resumed = two(tmp_path / "stopped", "12")
    for mine, whole in zip(resumed, unbroken, strict=True):
        assert mine["weights"] == whole["weights"]
        assert mine["drawn"] == whole["drawn"][7:]


def test_no_thread_of_the_processes_group_is_left_when_they_end(unbroken: list[dict[str, Any]]) -> None:
    """An optimizer's first step imported what kept the group for good, and one run in ten ended with SIGABRT."""
    for ended in unbroken:
        assert not [name for name in ended["threads"] if "gloo" in name]


def test_torchrun_trains_one_network_and_only_the_first_process_speaks(tmp_path: Path) -> None:
    painting = tmp_path / "painting.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(painting)
    photographs = coarse_pictures(tmp_path / "photographs", 2)
    about = ["--style", "noise", "--painting", painting, "--title", "Noise", "--artist", "nobody", "--year", "2020"]
    small = ["--photographs", photographs, "--width", 0.125, "--steps", 2, "--batch", 1, "--crop", 64]
    printed = torchrun("-m", "--", "scumble", "train", "johnson", *map(str, [*about, *small, "--out", tmp_path]))
    path = tmp_path / "johnson" / "noise.safetensors"
    assert printed.splitlines()[-1] == str(path)
    assert printed.count("2/2") == 1
    assert "2 processes" in load_weights(path)[1]["training"]["machine"]
    (checkpoint,) = run_folder("").glob("johnson-noise-*/checkpoint.pt")
    assert torch.load(checkpoint, weights_only=True)["step"] == 2
