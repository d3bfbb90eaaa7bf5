# SPDX-License-Identifier: Apache-2.0
"""The command line and a real engine: pictures through it, its status, its end. The methods need no torch."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.client.locate import read_connection
from scumble.client.process import process_lives
from scumble.image import files
from scumble.library.styles import StyleStore
from scumble.library.weights import save_weights
from support.command_line import Run, engine, started, status
from support.engine import wait_for
from support.pictures import noise_file

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "examples" / "scumble-posterize")])
METHODS = "-,scumble_posterize,benchmarks.probe_method"
ENGINE = engine(f"PYTHONPATH={PATHS}", f"SCUMBLE_PLUGINS={METHODS}")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the test's own, where no engine runs; one that is needed has the methods above."""
    monkeypatch.setenv("SCUMBLE_ENGINE", ENGINE)


def of(text: str) -> Any:
    return json.loads(text)


def test_a_picture_is_stylized_by_an_engine_that_starts_by_itself(run: Run, tmp_path: Path) -> None:
    photo, painting = noise_file(tmp_path / "photo.png"), noise_file(tmp_path / "My harbour.png", 1)
    made = ("stylize", photo, "-o", tmp_path / "out.png", "--style-file", painting, "--method", "posterize", "--json")
    code, out, err = run(*made, "--option", "colours=4")
    assert code == 0, err
    (entry,) = of(out)["pictures"]
    assert (entry["width"], entry["height"], entry["styles"]) == (40, 30, ["my-harbour@1"])
    assert len(np.unique(np.asarray(Image.open(tmp_path / "out.png")).reshape(-1, 3), axis=0)) <= 4
    assert f"{photo} -> {tmp_path / 'out.png'} posterize, " in " ".join(err.split()), "with the method that painted it"


def test_strength_0_gives_the_picture_back(run: Run, tmp_path: Path) -> None:
    photo = noise_file(tmp_path / "photo.png")
    code, _, err = run(
        "stylize", photo, "-o", tmp_path / "out.png", "--style", "starry-night", "--method", "invert", "--strength", "0"
    )
    assert code == 0, err
    assert np.array_equal(np.asarray(Image.open(photo)), np.asarray(Image.open(tmp_path / "out.png")))


def mask(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(np.broadcast_to(values, (30, 40)).astype(np.uint8)).save(path)
    return path


def test_regions_are_painted_where_their_masks_are_white_and_a_style_beside_them_paints_the_rest(
    run: Run, tmp_path: Path
) -> None:
    photo = noise_file(tmp_path / "photo.png")
    left, third = (mask(tmp_path / f"{n}.png", 255 * (np.arange(40) < n)) for n in (20, 13))
    common = ("stylize", photo, "-o", tmp_path / "out.png", "--method", "invert")
    x = np.asarray(Image.open(photo))
    for more, first, last in (
        (("--region", f"starry-night={left}"), 0, 20),
        (("--region", f"starry-night={left}", "--region", f"great-wave:0.3={third}"), 0, 20),
        (("--region", f"starry-night={left}", "--style", "great-wave"), 0, 40),
        (("--region", f"starry-night:0={left}", "--style", "great-wave"), 20, 40),
    ):
        code, _, err = run(*common, *more)
        assert code == 0, err
        out = np.asarray(Image.open(tmp_path / "out.png"))
        expected = x.copy()
        expected[:, first:last] = 255 - expected[:, first:last]
        assert np.abs(out.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("region", "exit", "message"),
    [
        ("starry-night=small.png", Exit.BAD_INPUT, "The masks have 5 x 4 pixels"),
        ("starry-night=photo.png", Exit.BAD_INPUT, "it has colours"),
        ("starry-night=missing.png", Exit.BAD_INPUT, "cannot be opened"),
        ("starry-night", Exit.USAGE, "write a style and its mask"),
        ("stary-night=small.png", Exit.USAGE, "Did you mean starry-night"),
    ],
)
def test_a_region_that_cannot_be_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str, exit: Exit, message: str
) -> None:
    noise_file(tmp_path / "photo.png")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "small.png")
    monkeypatch.chdir(tmp_path)
    code, _, err = run("stylize", "photo.png", "-o", "out.png", "--method", "invert", "--region", region)
    assert code == exit
    assert message in " ".join(err.split())
    assert not (tmp_path / "out.png").exists()


def test_one_bad_picture_in_a_folder_does_not_keep_the_others_from_being_done(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        noise_file(folder / name)
    (folder / "b.png").write_bytes(b"no picture at all")
    code, out, err = run("stylize", folder, "-o", tmp_path / "out", "--style", "starry-night", "--method", "invert", "--json")
    assert code == Exit.SOME_FAILED
    assert [p.get("error", {}).get("code") for p in of(out)["pictures"]] == [None, "bad-picture", None]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.png", b""),
        ("noise.jpg", bytes(range(256)) * 40),
        ("missing.png", None),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ],
)
def test_a_picture_that_cannot_be_read_ends_with_3_and_leaves_nothing(
    run: Run, tmp_path: Path, name: str, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    code, _, err = run("stylize", tmp_path / name, "-o", tmp_path / "out.png", "--style", "starry-night", "--method", "invert")
    assert code == Exit.BAD_INPUT
    assert name in err
    assert not (tmp_path / "out.png").exists()


def test_an_output_that_cannot_be_written_ends_with_74_and_stops_the_rest(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise_file(folder / name)
    (tmp_path / "file").touch()
    code, out, _ = run(
        "stylize", folder, "-o", tmp_path / "file" / "sub", "--style", "starry-night", "--method", "invert", "--json"
    )
    assert code == Exit.NO_WRITE
    assert [p["error"]["code"] for p in of(out)["pictures"]] == ["no-write"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a small disk of its own to fill")
def test_a_full_disk_ends_with_74_and_leaves_no_part_of_a_picture(run: Run, tmp_path: Path) -> None:
    noise_file(tmp_path / "photo.png", size=(400, 300))
    assert run("methods")[0] == 0
    small = tmp_path / "small"
    small.mkdir()
    fill = f"mount -t tmpfs -o size=64k none {small} && "
    command = (
        f"{sys.executable} -m scumble stylize {tmp_path}/photo.png -o {small}/out.png --style starry-night --method invert"
    )
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*inside, f"{fill} true"], capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    done = subprocess.run([*inside, f"{fill} {command}; echo $?; ls -A {small}"], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(int(Exit.NO_WRITE))], done.stderr
    assert "The disk is full" in done.stderr


def test_16_bit_pictures_stay_16_bit(run: Run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (30, 40, 4), np.uint16)
    files.write_picture(tmp_path / "deep.png", pixels)
    made = ("stylize", tmp_path / "deep.png", "-o", tmp_path / "out.tif", "--style", "starry-night", "--method", "invert")
    assert run(*made)[0] == 0
    out = files.read_picture(tmp_path / "out.tif").pixels
    assert out.dtype == np.uint16
    assert np.array_equal(out[..., 3], pixels[..., 3])
    visible = pixels[..., 3] > 0
    assert np.abs(out[visible][:, :3].astype(int) - (65535 - pixels[visible][:, :3].astype(int))).max() <= 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--style", "stary-night"), "Did you mean starry-night"),
        (("--style", "starry-night", "--method", "oil"), "There is no method 'oil'"),
        (("--style", "starry-night", "--method", "invert", "--seed", "1"), "has no option 'seed'"),
        (("--style", "starry-night", "--method", "posterize"), "has not learnt the style"),
    ],
)
def test_a_request_that_names_what_is_not_there_ends_with_2(
    run: Run, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    code, _, err = run("stylize", noise_file(tmp_path / "photo.png"), "-o", tmp_path / "out.png", *more)
    assert code == Exit.USAGE
    assert message in err
    assert not (tmp_path / "out.png").exists()


def test_ctrl_c_cancels_the_job_in_the_engine_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    before = of(run("status", "--json")[1])["cancelled"] if run("methods")[0] == 0 else 0
    made = ["stylize", noise_file(tmp_path / "photo.png"), "-o", tmp_path / "out.png", "--style", "starry-night"]
    made += ["--method", "busy", "--option", "seconds=60", "--json"]
    process = started(*made)
    wait_for(lambda: status(run)["jobs"]["running"], 60, 0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.CANCELLED, err
    assert of(out)["pictures"][0]["error"]["code"] == "cancelled"
    assert "Traceback" not in err
    assert not (tmp_path / "out.png").exists()
    wait_for(lambda: not status(run)["jobs"]["running"], 60, 0.05)
    assert status(run)["cancelled"] == before + 1


def test_own_styles_come_and_go_and_shipped_ones_stay(run: Run, tmp_path: Path) -> None:
    code, out, err = run("styles", "add", noise_file(tmp_path / "x.png", 2), "--name", "Grey morning")
    assert (code, out) == (0, "grey-morning@1\n"), err
    listed = {style["id"]: style for style in of(run("styles", "list", "--json")[1])}
    assert listed["grey-morning"]["own"]
    assert "posterize" in listed["grey-morning"]["methods"]
    shown = run("styles", "list")[1]
    assert "Grey morning" in shown
    assert all(f"{style}@" in shown for style in listed), "once the longest were cut off, and nobody could type them"
    trained = tmp_path / "trained.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": "johnson"})
    assert run("styles", "attach", "grey-morning", str(trained))[:2] == (0, "grey-morning@2\n")
    assert "grey-morning@2" in run("styles", "list")[1], "an engine that runs sees it at once"
    code, out, err = run("styles", "rename", "grey-morning", " Grey  evening ")
    assert (code, out) == (0, "grey-morning: Grey evening\n"), err
    evening = {"style": "grey-morning", "title": "Evening"}
    assert of(run("styles", "rename", "grey evening", "Evening", "--json")[1]) == evening, "a title will do for the id"
    listed = {style["id"]: style for style in of(run("styles", "list", "--json")[1])}
    assert (listed["grey-morning"]["title"], listed["grey-morning"]["revision"]) == ("Evening", 2)
    assert run("styles", "rename", "grey-morning", " ")[0] == Exit.USAGE
    code, _, err = run("styles", "rename", "starry-night", "Night")
    assert (code, "stays" in err) == (Exit.USAGE, True)
    assert run("styles", "remove", "grey-morning@2")[0] == 0, "as `attach` has written it"
    assert "grey-morning" not in run("styles", "list")[1]
    assert run("styles", "remove", "grey-morning")[0] == Exit.USAGE
    code, _, err = run("styles", "remove", "starry-night")
    assert code == Exit.USAGE
    assert "stays" in err


def test_a_camera_s_picture_is_a_style_in_small(run: Run, tmp_path: Path) -> None:
    """It was once refused for its size, though no more than 1536 pixels of it are kept."""
    black_and_white = np.zeros((4400, 4000, 3), np.uint8)
    black_and_white[:, 2000:] = 255
    Image.fromarray(black_and_white).save(tmp_path / "wall.jpg")
    assert run("styles", "add", str(tmp_path / "wall.jpg"))[:2] == (0, "wall@1\n")
    kept = StyleStore().get("wall").picture()
    assert kept is not None
    assert kept.shape == (1536, 1396, 3)
    assert kept[:, :690].max() < 0.1
    assert kept[:, -690:].min() > 0.9
    assert run("styles", "remove", "wall")[0] == 0


def test_methods_are_listed_with_the_range_of_every_option(run: Run) -> None:
    assert "colours=8" in (text := run("methods")[1])
    assert "(2 to 64)" in text
    assert {m["id"] for m in of(run("methods", "--json")[1])} == {"posterize", "invert", "busy"}


def test_status_tells_pid_and_jobs(run: Run) -> None:
    run("methods")
    connection = read_connection()
    assert connection is not None
    status = of(run("status", "--json")[1])
    assert (status["running"], status["pid"]) == (True, connection.pid)
    assert str(connection.pid) in run("status")[1]


@pytest.mark.usefixtures("alone")
def test_without_an_engine_status_says_so_and_nothing_starts_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == Exit.ENGINE
    assert json.loads(capsys.readouterr().out) == {"running": False}
    assert main(["stop"]) == 0
    assert main(["methods", "--no-start"]) == Exit.ENGINE
    assert "scumble" in capsys.readouterr().err
    assert read_connection() is None


@pytest.mark.usefixtures("alone")
def test_an_engine_that_cannot_start_is_one_sentence_and_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCUMBLE_ENGINE", shlex.join([sys.executable, "-c", "import sys; sys.exit('no luck today')"]))
    assert main(["methods"]) == Exit.ENGINE
    assert "no luck today" in capsys.readouterr().err


@pytest.mark.usefixtures("alone")
def test_stop_returns_when_the_process_is_gone_and_a_second_serve_is_refused_with_75() -> None:
    assert main(["methods"]) == 0
    connection = read_connection()
    assert connection is not None
    second = subprocess.run([sys.executable, "-m", "scumble", "serve"], capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == Exit.LOCKED
    assert "already runs" in second.stderr
    assert main(["stop"]) == 0
    assert not process_lives(connection.pid, connection.started)
    assert read_connection() is None
