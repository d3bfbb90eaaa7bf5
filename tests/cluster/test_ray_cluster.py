# SPDX-License-Identifier: Apache-2.0
"""`scumble stylize --ray` on a local cluster of two nodes, each with processes of its own; one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from scumble.cli.exits import Exit
from scumble.client.errors import EngineError
from scumble.client.raster import Raster
from scumble.cluster.ray_cluster import RayCluster
from scumble.image.files import read_picture, write_picture
from support.command_line import Run, engine, runner, shared_engine
from support.films import make_film, moving, packets, shown

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'scumble[cluster]')")

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")])
PLUGINS = "benchmarks.probe_method,scumble_meeting"
STYLE = ("--style", "starry-night")
STORE = 200 << 20

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray warns of its own future


class Nodes:
    """A cluster of two nodes of one slot each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self._cluster.address
        self._second: Any = None
        self.join()

    def join(self) -> None:
        """The second node, where it is not there."""
        if self._second is None:
            self._second = self._cluster.add_node(num_cpus=1, object_store_memory=STORE)
            self._cluster.wait_for_nodes()

    def kill(self) -> None:
        """Kill the second node, with all its processes."""
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def folders() -> Iterator[dict[str, str]]:
    with shared_engine(engine(f"PYTHONPATH={PATHS}", "OMP_NUM_THREADS=1", f"SCUMBLE_PLUGINS={PLUGINS}")) as environment:
        yield environment


@pytest.fixture(scope="module")
def nodes(folders: dict[str, str]) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PATHS)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        started = _started()
        yield started
        started.close()


def _started(tries: int = 3) -> Nodes:
    """Ray gives a node thirty seconds to start, which a busy machine may not have."""
    for left in reversed(range(tries)):
        try:
            return Nodes()
        except Exception as e:
            if not left or "timed out during startup" not in str(e):
                raise
    raise AssertionError


@pytest.fixture
def run(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in folders.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SCUMBLE_PLUGINS", PLUGINS)
    return runner(capsys)


def pictures(folder: Path, count: int) -> Path:
    for i in range(count):
        rgba = np.random.default_rng(i).integers(0, 256, (24, 32, 4), np.uint8).repeat(2, 0).repeat(2, 1)
        rgba[..., 3] = 255
        write_picture(folder / f"{i}.png", rgba)
    return folder


@pytest.mark.timeout(400)
def test_two_hundred_pictures_are_all_there_and_the_same_though_a_node_is_killed(
    run: Run, nodes: Nodes, tmp_path: Path
) -> None:
    nodes.join()
    source = pictures(tmp_path / "in", 200)
    options = (*STYLE, "--method", "johnson", "--json")
    code, _, err = run("stylize", source, "-o", tmp_path / "here", *options)
    assert code == 0, err

    def kill_in_the_middle() -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and len(list((tmp_path / "there").glob("*.png"))) < 60:
            time.sleep(0.05)
        nodes.kill()

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    code, out, err = run("stylize", source, "-o", tmp_path / "there", *options, "--ray", nodes.address)
    killer.join()
    assert code == 0, err
    assert "A node of the cluster is lost" in " ".join(err.split())
    entries = json.loads(out)["pictures"]
    assert [Path(e["input"]).name for e in entries] == [f"{i}.png" for i in range(200)]
    assert not any("error" in e for e in entries)
    for i in range(200):
        assert (tmp_path / "here" / f"{i}.png").read_bytes() == (tmp_path / "there" / f"{i}.png").read_bytes()


@pytest.mark.timeout(300)
def test_a_films_frames_are_painted_side_by_side_and_steadied_in_order(run: Run, nodes: Nodes, tmp_path: Path) -> None:
    """At quality 100 the encoder loses nothing: what it decides otherwise from run to run does not count."""
    nodes.join()
    source = make_film(tmp_path / "in.mp4", moving(12, (96, 64)))
    command = ("stylize", source, *STYLE, "--method", "johnson", "--steady", "--quality", "100")
    assert run(*command, "-o", tmp_path / "here.mp4")[0] == 0
    code, _, err = run(*command, "-o", tmp_path / "there.mp4", "--ray", nodes.address)
    assert code == 0, err
    assert "2 pictures at once" in " ".join(err.split())
    pairs = list(zip(shown(tmp_path / "here.mp4"), shown(tmp_path / "there.mp4"), strict=True))
    assert [int(np.abs(a.astype(int) - b).max()) for a, b in pairs] == [0] * 12
    assert packets(tmp_path / "there.mp4", "audio") == packets(source, "audio")


@pytest.mark.timeout(300)
def test_a_style_of_ones_own_and_masks_travel_along_and_one_bad_picture_fails_alone(
    run: Run, nodes: Nodes, tmp_path: Path
) -> None:
    nodes.join()
    source = pictures(tmp_path / "in", 3)
    (source / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    painting = pictures(tmp_path / "style", 1) / "0.png"
    mask = np.full((48, 64, 4), 255, np.uint8)
    mask[:, :32, :3] = 0
    write_picture(tmp_path / "mask.png", mask)
    code, _, err = run("styles", "add", painting, "--id", "noise", "--no-refine")
    assert code == 0, err
    command = ("stylize", source, "--region", f"noise={tmp_path / 'mask.png'}", *STYLE, "--method", "adain")
    assert run(*command, "-o", tmp_path / "here")[0] == Exit.SOME_FAILED
    code, _, err = run(*command, "-o", tmp_path / "there", "--ray", nodes.address)
    assert code == Exit.SOME_FAILED, err
    assert "bad.png" in err
    for i in range(3):
        here, there = (read_picture(tmp_path / place / f"{i}.png").pixels for place in ("here", "there"))
        assert np.array_equal(here, there)
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == ["0.png", "1.png", "2.png"]


def huge(path: Path) -> Path:
    """A picture that is painted in tiles at full scale."""
    rgba = np.random.default_rng(7).integers(0, 256, (150, 175, 4), np.uint8).repeat(8, 0).repeat(8, 1)
    rgba[..., 3] = 255
    write_picture(path, rgba)
    return path


def at_full_scale(picture: Path, method: str) -> tuple[str | Path, ...]:
    return ("stylize", picture, *STYLE, "--method", method, "--scale", "full", "--json")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("killed", [False, True])
def test_a_huge_pictures_tiles_are_painted_side_by_side_and_again_where_a_node_is_killed(
    run: Run, nodes: Nodes, tmp_path: Path, killed: bool
) -> None:
    nodes.join()
    command = at_full_scale(huge(tmp_path / "in.png"), "meeting")
    code, _, err = run(*command, "-o", tmp_path / "here.png")
    assert code == 0, err

    (tmp_path / "met").mkdir()
    met = ("--option", f"folder={tmp_path / 'met'}")

    def kill_when_the_other_node_paints() -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not (tmp_path / "met" / "other").exists():
            time.sleep(0.05)
        nodes.kill()

    killer = threading.Thread(target=kill_when_the_other_node_paints)
    if killed:
        killer.start()
    code, out, err = run(*command, *met, "-o", tmp_path / "there.png", "--ray", nodes.address)
    assert code == 0, err
    if killed:
        killer.join()
    else:
        assert json.loads(out)["pictures"][0]["remark"].startswith("Tiles painted by other slots: ")
    assert (tmp_path / "met" / "other").exists()
    assert np.array_equal(*(read_picture(tmp_path / f"{place}.png").pixels for place in ("here", "there")))


@pytest.mark.timeout(300)
def test_a_huge_picture_by_a_network_that_only_its_own_process_has_is_painted_there(
    run: Run, nodes: Nodes, tmp_path: Path
) -> None:
    nodes.join()
    command = at_full_scale(huge(tmp_path / "in.png"), "own")
    code, _, err = run(*command, "-o", tmp_path / "there.png", "--ray", nodes.address)
    assert code == 0, err
    before, after = (read_picture(tmp_path / name).pixels[..., :3] for name in ("in.png", "there.png"))
    assert np.abs(before + after - 255.0).max() <= 1


@pytest.mark.timeout(300)
def test_where_a_huge_picture_fails_nobody_paints_its_tiles_any_more(
    run: Run, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.join()
    pixels = read_picture(huge(tmp_path / "in.png")).pixels
    raster = Raster(pixels.shape[1], pixels.shape[0], "u8", "rgba", pixels.tobytes())
    (tmp_path / "met").mkdir()
    options = {"scale": "full", "folder": str(tmp_path / "met"), "fails": True}
    with RayCluster(nodes.address) as cluster:
        with pytest.raises(EngineError, match="a failure for a test"):
            cluster.stylize(raster, [("starry-night", 1.0)], "meeting", options=options)
        assert (tmp_path / "met" / "other").exists()
        deadline = time.monotonic() + 30  # the tile would take two minutes
        while paints_tiles():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def paints_tiles() -> bool:
    return any(title.startswith("ray::painted") for title in titles())


def titles() -> list[str]:
    """What the processes on this machine are called; Ray names its own after what they do."""
    return [process.info["cmdline"][0] for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]]


@pytest.mark.timeout(300)
def test_ctrl_c_leaves_the_cluster_and_what_is_done(run: Run, nodes: Nodes, tmp_path: Path) -> None:
    nodes.join()
    source = pictures(tmp_path / "in", 30)
    (tmp_path / "out").mkdir()
    made = [source, "-o", tmp_path / "out", *STYLE, "--method", "busy", "--option", "seconds=0.5", "--ray", nodes.address]
    process = subprocess.Popen(
        [sys.executable, "-m", "scumble", "stylize", *map(str, made), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("*.png")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.CANCELLED, err
    entries = json.loads(out)["pictures"]
    assert entries[-1]["error"]["code"] == "cancelled"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {Path(e["output"]).name for e in entries if "error" not in e}


@pytest.mark.timeout(200)
def test_where_no_cluster_answers_the_error_says_how_to_start_one(run: Run, nodes: Nodes, tmp_path: Path) -> None:
    code, _, err = run("stylize", pictures(tmp_path / "in", 1), "-o", tmp_path / "out", *STYLE, "--ray", "127.0.0.1:1")
    assert code == Exit.ENGINE, err
    assert "ray start --head" in " ".join(err.split())
