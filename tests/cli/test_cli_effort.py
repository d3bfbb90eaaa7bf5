# SPDX-License-Identifier: Apache-2.0
"""`--effort`: a picture that gets better until it is done, kept with the first Ctrl-C, or cancelled with the second."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scumble.cli.exits import Exit
from support.command_line import Run, engine, started, status
from support.engine import SUPPORT, wait_for

pytestmark = pytest.mark.timeout(300)
ENGINE = engine(f"PYTHONPATH={SUPPORT}", "SCUMBLE_PLUGINS=-,scumble_test_methods,scumble_improving")


@pytest.fixture
def made(tmp_path: Path) -> list[str]:
    """The start of a command, for a grey picture and an output."""
    Image.new("RGB", (16, 12), (55, 55, 55)).save(tmp_path / "in.png")
    return ["stylize", str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), "--style", "starry-night"]


def light(folder: Path) -> int:
    return int(np.asarray(Image.open(folder / "out.png")).max())


def test_each_effort_goes_as_far_as_it_says(run: Run, made: list[str], tmp_path: Path) -> None:
    for effort, least, most in (("draft", 200, 200), ("good", 99, 101), ("best", 0, 0)):
        code, _, err = run(*made, "--method", "darkening", "--option", "pause=0", "--effort", effort)
        assert code == 0, err
        assert least <= light(tmp_path) <= most


def test_a_limit_needs_something_that_it_limits(run: Run, made: list[str]) -> None:
    assert run(*made, "--seconds", "5")[0] == Exit.USAGE
    assert run(*made, "--effort", "best", "--seconds", "0")[0] == Exit.USAGE


@pytest.mark.parametrize(("times", "exit"), [(1, Exit.OK), (2, Exit.CANCELLED)])
def test_ctrl_c_once_keeps_what_is_there_and_twice_cancels(
    run: Run, made: list[str], tmp_path: Path, times: int, exit: Exit
) -> None:
    assert run("methods")[0] == 0
    pause = 1.0 if times == 1 else 30.0
    settings = ["--method", "darkening", "--option", f"pause={pause}", "--effort", "best", "--json"]
    process = started(*made, *settings)
    wait_for(lambda: status(run)["jobs"]["running"] == 1, 120, 0.05)
    assert process.stderr
    os.kill(process.pid, signal.SIGINT)
    if times == 2:
        while "Keeping what is there" not in (line := process.stderr.readline()):
            assert line, "it ended"
        os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == exit, err
    entry = json.loads(out)["pictures"][0]
    if exit is Exit.OK:
        assert 0 < light(tmp_path) <= 200
    else:
        assert entry["error"]["code"] == "cancelled"
        assert not (tmp_path / "out.png").exists()
