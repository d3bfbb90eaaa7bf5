# SPDX-License-Identifier: Apache-2.0
"""`scumble stylize` on films: names, refusals, progress and what an interrupt leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scumble.cli.exits import Exit
from scumble.cli.inputs import Task, plan
from scumble.cli.jobs import Job
from scumble.cli.paint import stylize_one
from scumble.client.blocking import Finished
from scumble.client.errors import EngineError
from scumble.client.raster import Raster
from scumble.nst import synthetic
from scumble.video.steady import Steady
from support.command_line import Run, engine, started, status
from support.engine import wait_for
from support.films import make_film, moving, packets, shown, times

ROOT = Path(__file__).resolve().parents[2]
ENGINE = engine(f"PYTHONPATH={ROOT}", "SCUMBLE_PLUGINS=benchmarks.probe_method")
STYLE = ("--style", "starry-night")
JOB = Job([("starry-night", 1.0)], "johnson", 1.0, {})


class Copyist:
    """An engine that gives back what it gets, and is lost after so many pictures."""

    def __init__(self, lives: int = 1000) -> None:
        self.lives = lives

    def stylize(self, raster: Raster, **_: Any) -> Finished:
        self.lives -= 1
        if self.lives < 0:
            raise EngineError("engine-lost", "The engine is gone.")
        time.sleep(0.01)
        return Finished(raster, ("starry-night@1",), 0.01, "cpu")


def test_a_clip_of_ten_seconds_comes_back_painted_with_its_sound(run: Run, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(250, (96, 64)))
    code, out, err = run("stylize", source, "-o", tmp_path / "out.mp4", *STYLE, "--method", "invert", "--json")
    assert code == 0, err
    (entry,) = json.loads(out)["pictures"]
    assert (entry["frames"], entry["width"], entry["height"]) == (250, 96, 64)
    assert times(tmp_path / "out.mp4") == times(source) == [Fraction(i, 25) for i in range(250)]
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    before, after = shown(source), shown(tmp_path / "out.mp4")
    assert max(np.abs(255 - a.astype(int) - b).mean() for a, b in zip(before[::25], after[::25], strict=True)) < 5


def test_start_and_length_take_seconds_and_clock_times(run: Run, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(75, (96, 64)), sound=False)
    options = (*STYLE, "--method", "invert", "--start", "0:01.2", "--length", "0.4")
    assert run("stylize", source, "-o", tmp_path / "out.mp4", *options)[0] == 0
    assert len(times(tmp_path / "out.mp4")) == 10
    code, _, err = run("stylize", source, "-o", tmp_path / "out.mp4", *STYLE, "--start", "soon")
    assert (code, "90.5" in err) == (Exit.USAGE, True)
    assert run("stylize", source, "-o", tmp_path / "out.mp4", *STYLE, "--length", "0")[0] == Exit.USAGE


def test_start_and_length_are_refused_for_pictures(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    code, _, err = run("stylize", tmp_path / "a.png", "-o", tmp_path / "b.png", *STYLE, "--method", "invert", "--start", "1")
    assert code == Exit.USAGE
    assert "not a film" in " ".join(err.split())


@pytest.mark.parametrize("how", ["itself", "link", "hard link"])
def test_a_film_is_never_replaced_by_its_own_answer(run: Run, tmp_path: Path, how: str) -> None:
    source = make_film(tmp_path / "in.mp4", moving(3, (96, 64)), sound=False)
    before = source.read_bytes()
    target = {"itself": source, "link": tmp_path / "l.mp4", "hard link": tmp_path / "h.mp4"}[how]
    if how == "link":
        target.symlink_to(source)
    elif how == "hard link":
        os.link(source, target)
    code, _, err = run("stylize", source, "-o", target, *STYLE, "--method", "invert")
    assert code == Exit.USAGE
    assert "would be overwritten" in " ".join(err.split())
    assert source.read_bytes() == before


def test_a_bad_film_ends_with_3_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("It was a dark and stormy night.\n")
    code, _, err = run("stylize", tmp_path / "in.mp4", "-o", tmp_path / "out" / "out.mp4", *STYLE, "--method", "invert")
    assert code == Exit.BAD_INPUT
    assert "no film of a kind that is read" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_a_film_is_not_squeezed_into_a_picture(run: Run, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(3, (96, 64)), sound=False)
    code, _, err = run("stylize", source, "-o", tmp_path / "out.png", *STYLE, "--method", "invert")
    assert code == Exit.BAD_INPUT
    assert "MP4, MOV, MKV or WebM" in " ".join(err.split())
    assert not (tmp_path / "out.png").exists()


def test_films_in_folders_must_be_meant_and_keep_their_kind(tmp_path: Path) -> None:
    for name in ("a.png", "b.mp4", "c.avi", "d.MKV"):
        (tmp_path / name).touch()
    lines: list[str] = []
    assert [t.source.name for t in plan([str(tmp_path)], str(tmp_path / "out"), tell=lines.append)] == ["a.png"]
    assert "clips/*.mp4" in lines[-1]
    tasks = plan([str(tmp_path / "[b-d].*")], str(tmp_path / "out"), "jpeg")
    assert [t.target.name for t in tasks] == ["b.mp4", "c.mp4", "d.MKV"]


def test_progress_names_the_frame_and_the_time_left(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(8, (96, 64)), sound=False)
    kept: list[tuple[float, str]] = []

    class Telling(Copyist):
        def stylize(self, raster: Raster, **given: Any) -> Finished:
            from scumble.client.events import Progress

            given["on_progress"](Progress("job", "running", 0, 0.5, "painting"))
            return super().stylize(raster)

    stylize_one(Telling(), Task(source, tmp_path / "out.mp4"), JOB, lambda *progress: kept.append(progress))  # type: ignore[arg-type]
    assert [round(8 * fraction - 0.5) for fraction, _ in kept] == list(range(8))
    assert kept[0][1] == "frame 1 of 8 painting"
    assert re.fullmatch(r"frame 5 of 8 painting, about \d+ s left", kept[4][1])


def test_a_lost_engine_leaves_what_was_painted_and_says_where_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "in.mp4", moving(20, (96, 64)))
    with pytest.raises(EngineError):
        stylize_one(Copyist(10), Task(source, tmp_path / "out.mp4"), JOB)  # type: ignore[arg-type]
    assert len(times(tmp_path / "out.unfinished.mp4")) == 10
    assert not (tmp_path / "out.mp4").exists()
    assert "--start 0.400" in capsys.readouterr().err


def test_a_film_is_a_sequence_of_its_own(tmp_path: Path) -> None:
    """The state of --steady is that of one film: no frame of the first is carried into the second."""

    class Greying(Copyist):
        grey = 0

        def stylize(self, raster: Raster, **_: Any) -> Finished:
            self.grey += 40
            return Finished(
                Raster(raster.width, raster.height, "u8", "rgba", bytes([self.grey] * 3 + [255]) * 96 * 64), (), 0, "cpu"
            )

    still = [np.full((64, 96, 3), 90, np.uint8)] * 2
    attached, steady = Greying(), Steady()
    for name in ("a", "b"):
        source = make_film(tmp_path / f"{name}.mp4", still, sound=False)
        stylize_one(attached, Task(source, tmp_path / f"{name}-out.mp4"), JOB, steady=steady)  # type: ignore[arg-type]
    (first, second), (third, _) = (shown(tmp_path / f"{name}-out.mp4") for name in "ab")
    assert abs(int(first[9, 9, 0]) - 40) <= 2
    assert int(second[9, 9, 0]) < 60
    assert abs(int(third[9, 9, 0]) - 120) <= 2


def test_steady_halves_the_flicker_of_a_film_and_draws_no_ghost_at_its_cut(run: Run, tmp_path: Path) -> None:
    """Six frames of a pan by two pixels, then three of another scene; compared along the pan, and with what is painted."""
    scenes = [synthetic.dead_leaves(128, torch.Generator().manual_seed(seed)).permute(1, 2, 0).numpy() for seed in (1, 2)]
    frames = [np.rint(255 * scenes[0][:96, 2 * i : 2 * i + 96]).astype(np.uint8) for i in range(6)]
    frames += [np.rint(255 * scenes[1][:96, :96]).astype(np.uint8)] * 3
    source = make_film(tmp_path / "in.mp4", frames, sound=False)
    painted = []
    for name, more in (("off.mp4", ()), ("on.mp4", ("--steady",))):
        options = (*STYLE, "--method", "johnson", "--quality", "85", *more)
        code, _, err = run("stylize", source, "-o", tmp_path / name, *options)
        assert code == 0, err
        painted.append([f.astype(float) for f in shown(tmp_path / name)])
    off, on = painted
    flicker = [np.mean([np.abs(a[12:-12, 14:-12] - b[12:-12, 12:-14]).mean() for a, b in pairwise(f[:6])]) for f in painted]
    assert flicker[0] > 5
    assert flicker[1] <= 0.5 * flicker[0]
    ghost = ((on[6] - off[6]) * (on[5] - off[6])).sum() / np.square(on[5] - off[6]).sum()
    assert abs(ghost) <= 0.03


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, Exit.CANCELLED), (signal.SIGTERM, Exit.TERMINATED)])
def test_ctrl_c_and_term_leave_a_film_that_can_be_played(run: Run, tmp_path: Path, number: int, code: Exit) -> None:
    source = make_film(tmp_path / "in.mp4", moving(40, (96, 64)))
    finished = json.loads(run("status", "--json")[1]).get("finished", 0) if run("methods")[0] == 0 else 0
    (tmp_path / "out").mkdir()
    made = [source, "-o", tmp_path / "out" / "out.mp4", *STYLE, "--method", "busy", "--option", "seconds=0.2", "--json"]
    process = started("stylize", *made)
    wait_for(lambda: status(run)["finished"] >= finished + 4, 60, 0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert json.loads(out)["pictures"][0]["error"]["code"] == "cancelled"
    (kept,) = (tmp_path / "out").iterdir()
    assert kept.name == "out.unfinished.mp4"
    assert 3 <= len(times(kept)) < 40
    assert len(shown(kept)) == len(times(kept))
    assert packets(kept, "audio")
