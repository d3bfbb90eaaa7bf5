# SPDX-License-Identifier: Apache-2.0
"""Refinement as scripts and the command line see it, with a real engine whose method takes a second for it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError
from scumble.client.events import Refining
from scumble.client.raster import Raster
from scumble.library.places import data_dir

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ENGINE = shlex.join(
    [
        *("env", f"PYTHONPATH={SUPPORT}", "SCUMBLE_PLUGINS=-,scumble_test_methods,scumble_refining"),
        *(sys.executable, "-m", "scumble", "serve", "--quiet", "--refine"),
    ]
)

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process, which must go well; gives stdout."""
    monkeypatch.setenv("SCUMBLE_ENGINE", ENGINE)

    def run(*arguments: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == code
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    yield run
    main(["stop"])


@pytest.fixture
def sea(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "Sea.png")
    return tmp_path / "Sea.png"


def grades(run: Run) -> dict[str, tuple[int, int | None]]:
    listed = json.loads(run("styles", "list", "--json"))
    return {style["id"]: (style["revision"], style["grade"]) for style in listed}


def test_a_style_is_added_refined_stopped_and_waited_for(run: Run, sea: Path) -> None:
    assert run("styles", "add", sea, "--no-refine") == "sea@1\n"
    assert grades(run)["sea"] == (1, 0)
    assert grades(run)["starry-night"] == (1, None)
    assert run("styles", "refine", "sea", "--status") == "sea@1 idle\n"
    assert json.loads(run("styles", "refine", "sea", "--json"))["state"] == "running"
    stopped = json.loads(run("styles", "refine", "sea", "--stop", "--json"))
    assert (stopped["style"], stopped["state"], stopped["text"]) == ("sea@1", "idle", "stopped")
    assert run("styles", "refine", "sea", "--wait") == "sea@2 done\n"
    assert grades(run)["sea"] == (2, 1)
    line = next(line for line in run("styles", "list").splitlines() if "sea@2" in line)
    assert line.split()[-2:] == ["yours", "1"]
    assert run("styles", "add", sea, "--name", "Calm", "--wait") == "calm@2\n"
    assert "stays as it is" in run("styles", "refine", "starry-night", code=Exit.USAGE)
    assert "--wait" in run("styles", "add", sea, "--no-refine", "--wait", code=Exit.USAGE)
    (data_dir() / "nan").touch()
    assert "finite" in run("styles", "add", sea, "--name", "Rough", "--wait", code=Exit.JOB)


def test_a_script_follows_a_refinement_and_may_stop_it(run: Run) -> None:
    raster = Raster(64, 64, "u8", "rgba", os.urandom(64 * 64 * 4))
    reports: list[Refining] = []
    with Engine.attach() as engine:
        assert engine.put_style("Sea", raster) == "sea@1"
        done = engine.wait_refined("sea", reports.append)
        assert (done.style, done.state, done.revision) == ("sea@2", "done", 2)
        assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
        assert len(reports) > 3
        assert engine.wait_refined("sea").style == "sea@2", "what is done is not begun again"
        assert engine.catalogue().styles[-1].refined == ("darken",)
        engine.put_style("Calm", raster, refine=False)
        assert engine.refine_style("calm", "status")["state"] == "idle"
        assert engine.wait_refined("calm", lambda now: now.fraction < 0.3).state == "idle"
        assert engine.refine_style("calm", "status")["fraction"] >= 0.3
        with pytest.raises(EngineError) as caught:
            engine.wait_refined("starry-night")
        assert caught.value.code == "not-refinable"
