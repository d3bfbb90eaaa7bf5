# SPDX-License-Identifier: Apache-2.0
"""Sequences through `scumble stylize` and a real engine: folders of frames, animated files, and --steady on both."""

from __future__ import annotations

import json
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scumble.cli.exits import Exit
from scumble.image.files import read_picture, write_picture
from scumble.nst import synthetic
from scumble.video.reading import read_animation
from scumble.video.writing import write_animation
from support.command_line import Run, engine, started, status
from support.engine import wait_for
from support.flicker import flicker

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (f"PYTHONPATH={ROOT}", "SCUMBLE_PLUGINS=benchmarks.probe_method")
ENGINE = engine(*SETTINGS)
SIDE, FRAMES, PAN, NOISE, BORDER = 96, 6, 2, 0.02, 12
STYLE = ("--style", "starry-night")


def frames(pan: int, noise: float, depth: type = np.uint8) -> list[np.ndarray]:
    """FRAMES of overlapping discs, as a window that moves shows them, and with noise."""
    leaves = synthetic.dead_leaves(128, torch.Generator().manual_seed(1)).permute(1, 2, 0).numpy()
    made = []
    for i in range(FRAMES):
        rgb = leaves[:SIDE, pan * i : pan * i + SIDE] + np.random.default_rng(i).normal(0, noise, (SIDE, SIDE, 3))
        rgba = np.dstack([np.clip(rgb, 0, 1), np.ones((SIDE, SIDE))]).astype(np.float32)
        made.append(rgba if depth is np.float32 else np.rint(rgba * np.iinfo(depth).max).astype(depth))
    return made


def animated(path: Path, made: list[np.ndarray], times: int = 40, plays: int = 0) -> Path:
    with write_animation(path, made[0].shape[1::-1], plays, len(made), False) as add:  # type: ignore[arg-type]
        for frame in made:
            add(frame, Fraction(times))
    return path


def shown(path: Path) -> list[np.ndarray]:
    """The frames of a folder or an animated file."""
    if path.is_dir():
        return [read_picture(p).pixels for p in sorted(path.iterdir())]
    animation = read_animation(path)
    assert animation is not None
    return [picture.pixels for picture in animation.frames()]


@pytest.mark.parametrize(("pan", "noise"), [(PAN, 0.0), (0, NOISE)], ids=["pan", "still"])
@pytest.mark.parametrize("kind", ["folder", "png", "gif"])
def test_steady_halves_the_flicker_of_a_networks_frames(run: Run, tmp_path: Path, kind: str, pan: int, noise: float) -> None:
    made = frames(pan, noise)
    if kind == "folder":
        source = tmp_path / "in"
        for i, frame in enumerate(made):
            write_picture(source / f"{i}.png", frame)
    else:
        source = animated(tmp_path / f"in.{kind}", made)
    figures = []
    for name, more in (("off", ()), ("on", ("--steady",))):
        out = tmp_path / (name if kind == "folder" else f"{name}.{kind}")
        code, printed, err = run("stylize", source, "-o", out, *STYLE, "--method", "johnson", "--json", *more)
        assert code == 0, err
        assert {p["device"] for p in json.loads(printed)["pictures"]} == {"cpu"}
        figures.append(flicker(shown(out), pan, BORDER))
    off, on = figures
    assert off > 5.1
    assert on <= 0.5 * off


@pytest.mark.parametrize(("suffix", "depth"), [("png", np.uint16), ("tif", np.float32)])
def test_steady_keeps_deep_frames_deep(run: Run, tmp_path: Path, suffix: str, depth: type) -> None:
    """The probe inverts, noise and all: what flickers is the frames' own noise."""
    for i, frame in enumerate(frames(0, NOISE, depth)):
        write_picture(tmp_path / "in" / f"{i}.{suffix}", frame)
    for name, more in (("off", ()), ("on", ("--steady",))):
        assert run("stylize", tmp_path / "in", "-o", tmp_path / name, *STYLE, "--method", "invert", *more)[0] == 0
    off, on = shown(tmp_path / "off"), shown(tmp_path / "on")
    assert {f.dtype for f in on} == {np.dtype(depth)}
    assert flicker(on, 0, BORDER) <= 0.5 * flicker(off, 0, BORDER)
    if depth is np.uint16:
        assert len(np.unique(on[-1][..., 0])) > 1000


def test_an_animation_becomes_another_kind_with_its_times_and_its_alpha(run: Run, tmp_path: Path) -> None:
    made = [np.full((20, 30, 4), (200, 10 * i, 0, 255), np.uint8) for i in range(4)]
    for frame in made:
        frame[:, 10:] = 0
    with write_animation(tmp_path / "in.gif", (30, 20), 2, 4, True) as add:
        for frame, duration in zip(made, (50, 70, 10, 1000), strict=True):
            add(frame, Fraction(duration))
    for target in ("out.png", "out.webp", "out.gif"):
        code, out, err = run("stylize", tmp_path / "in.gif", "-o", tmp_path / target, *STYLE, "--method", "invert", "--json")
        assert code == 0, err
        (entry,) = json.loads(out)["pictures"]
        assert (entry["frames"], entry["width"], entry["height"]) == (4, 30, 20)
        animation = read_animation(tmp_path / target)
        assert animation is not None
        assert (animation.durations, animation.layout.plays) == ((50, 70, 10, 1000), 2)
        for i, frame in enumerate(shown(tmp_path / target)):
            assert np.array_equal(frame[..., 3], made[i][..., 3])
            assert np.abs(frame[:, :9, :3].astype(int) - (55, 255 - 10 * i, 255)).max() <= (8 if target == "out.webp" else 0)


def test_a_folder_may_hold_pictures_and_animations_and_still_pictures_become_gifs(run: Run, tmp_path: Path) -> None:
    made = [np.full((8, 9, 4), (i, 0, 0, 255), np.uint8) for i in range(3)]
    (tmp_path / "in").mkdir()
    animated(tmp_path / "in" / "b.webp", made)
    write_picture(tmp_path / "in" / "a.png", made[0])
    code, _, err = run(
        "stylize", tmp_path / "in", "-o", tmp_path / "out", *STYLE, "--method", "invert", "--format", "gif", "--steady"
    )
    assert code == 0, err
    assert len(shown(tmp_path / "out" / "b.gif")) == 3
    assert tuple(read_picture(tmp_path / "out" / "a.gif").pixels[0, 0]) == (255, 255, 255, 255)


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_an_animation_that_is_cut_short_ends_with_3_and_leaves_nothing(run: Run, tmp_path: Path, kind: str) -> None:
    path = animated(tmp_path / f"in.{kind}", frames(0, NOISE)[:3])
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 4])
    code, _, err = run("stylize", path, "-o", tmp_path / "out" / f"out.{kind}", *STYLE, "--method", "invert")
    assert code == Exit.BAD_INPUT
    assert "damaged or cut short" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_an_animation_is_not_squeezed_into_a_file_for_one_picture(run: Run, tmp_path: Path) -> None:
    path = animated(tmp_path / "in.gif", frames(0, 0)[:3])
    code, _, err = run("stylize", path, "-o", tmp_path / "out.jpg", *STYLE, "--method", "invert")
    assert code == Exit.BAD_INPUT
    assert "has 3 frames" in " ".join(err.split())
    assert not (tmp_path / "out.jpg").exists()


def test_ctrl_c_between_the_frames_of_an_animation_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """The second frame is being painted when it comes; the first lies in the temporary file by then."""
    path = animated(tmp_path / "in.gif", frames(0, 0)[:3])
    (tmp_path / "out").mkdir()
    finished: int = json.loads(run("status", "--json")[1]).get("finished", 0) if run("methods")[0] == 0 else 0
    made = [path, "-o", tmp_path / "out" / "out.gif", *STYLE, "--method", "busy", "--option", "seconds=1.5", "--json"]
    process = started("stylize", *made)
    wait_for(lambda: _second(status(run), finished), 60, 0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.CANCELLED, err
    assert json.loads(out)["pictures"][0]["error"]["code"] == "cancelled"
    assert list((tmp_path / "out").iterdir()) == []


def _second(status: dict[str, Any], before: int) -> bool:
    return bool(status["finished"] == before + 1 and status["jobs"]["running"] == 1)
