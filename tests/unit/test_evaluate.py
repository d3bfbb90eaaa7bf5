# SPDX-License-Identifier: Apache-2.0
"""`scumble evaluate`: every method over every pair, judged fairly, on one page that needs nothing else."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.errors import ScumbleError
from scumble.evaluate.contest import Row, Table, hold, read_paintings, read_photographs, resumed
from scumble.evaluate.contestants import Answer, Contestant, Painting, peer_contestants, unchanged
from scumble.evaluate.judges import Judge, Judgement, SqueezeNet, compact_judge, squeezenet_judge, teachers_judge
from scumble.methods import memory
from scumble.tensors import to_tensor

PEERS = """
import torch

class Mean:
    def style(self, s):
        return s.mean((2, 3), keepdim=True)
    def __call__(self, x, style):
        return (x + style) / 2

class One(Mean):
    def style(self, s):
        return None

class Absent:
    def __init__(self):
        import a_package_nobody_has

PEERS = {"mean": Mean, "one": One, "absent": Absent}
"""


pytestmark = pytest.mark.usefixtures("one_thread")


def draw(path: Path, seed: int, size: tuple[int, int] = (80, 64)) -> Path:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two photographs, and a folder of paintings with a manifest: one of either split."""
    photographs, paintings = tmp_path / "photographs", tmp_path / "paintings"
    for folder in (photographs, paintings):
        folder.mkdir()
    for k in range(2):
        draw(photographs / f"photo {k}.png", k)
        draw(paintings / f"painting-{k}.png", 10 + k, (96, 64))
    (paintings / "manifest.csv").write_text(
        "file,split,title\npainting-0.png,test,The Starry Night\npainting-1.png,train,Sea\n"
    )
    return photographs, paintings


def judge_of_means() -> Judge:
    def look(x: torch.Tensor, layers: set[str]) -> dict[str, torch.Tensor]:
        return dict.fromkeys(layers, x)

    return Judge("plain", look, ["pixels"], ["pixels"])


def test_one_pair_and_two_methods_give_finite_figures_and_a_page(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ["evaluate", *map(str, folders), "-o", str(out), "--methods", "johnson,gatys", "--limit", "1", "1", "--size", "64"]
    assert main([*asked, "--option", "gatys.steps=2", "--option", "gatys.levels=1"]) == Exit.OK
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [row["method"] for row in found["rows"]] == ["input", "johnson", "gatys"]
    figures = [v for row in found["rows"] for v in row["judged"]["compact"].values()]
    assert len(figures) == 9
    assert all(math.isfinite(v) for v in figures)
    means = found["means"]
    assert means["gatys"]["judged"]["compact"]["total"] < means["input"]["judged"]["compact"]["total"]
    assert means["gatys"]["seconds"] > 0
    assert found["conditions"]["options"] == {"gatys": {"steps": 2, "levels": 1}}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 4
    assert "The Starry Night" in page
    assert "http" not in page
    assert "src=" not in page.replace('src="data:', "")


def test_a_method_is_compared_with_itself_refined_and_with_other_options(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("STEPS", 2), ("BATCH", 1), ("CROP", 64), ("PAINTING_SIDE", 64)):
        monkeypatch.setattr(memory, name, value)
    out = tmp_path / "out"
    asked = ["evaluate", *map(str, folders), "-o", str(out), "--methods", "memory", "--limit", "1", "1", "--size", "64"]
    also = ["--also", "memory:refined", "--also", "memory:practised", "--also", "memory:polish=2"]
    assert main([*asked, "--split", "train", *also]) == Exit.OK
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert list(found["means"]) == ["input", "memory", "memory-refined", "memory-practised", "memory-polish-2"]
    totals = {name: means["judged"]["compact"]["total"] for name, means in found["means"].items()}
    assert totals["memory-polish-2"] < totals["memory"]
    assert totals["memory-refined"] != totals["memory-practised"], "one was refined on the photograph that is painted"
    assert (out / "refined" / "memory_painting-1.safetensors").is_file()
    assert len(list(out.glob("practised/*/memory_painting-1.safetensors"))) == 1


def test_a_method_that_was_not_trained_for_a_painting_is_said_to_be_so(folders: tuple[Path, Path], tmp_path: Path) -> None:
    asked = ["evaluate", *map(str, folders), "-o", str(tmp_path / "out"), "--methods", "johnson", "--split", "train"]
    assert main([*asked, "--size", "64"]) == Exit.SOME_FAILED
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["problem"] for row in found["rows"] if row["method"] == "johnson"] == [
        "it was not trained for this painting"
    ] * 2
    assert "not trained" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--methods", "watercolour"], Exit.USAGE, "watercolour"),
        (["--option", "steps=3"], Exit.USAGE, "gatys.steps=3"),
        (["--option", "gatys.strokes=3"], Exit.USAGE, "strokes"),
        (["--option", "gatys.steps=many"], Exit.USAGE, "whole number"),
        (["--size", "4"], Exit.USAGE, "32"),
        (["--teachers", "nowhere"], Exit.JOB, "holds none of"),
        (["--peers", "."], Exit.USAGE, "peers.py"),
        (["--also", "memory"], Exit.USAGE, "memory:polish=20"),
        (["--also", "gatys:refined"], Exit.USAGE, "does not refine"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], code: Exit, said: str
) -> None:
    out = tmp_path / "out"
    assert main(["evaluate", *map(str, folders), "-o", str(out), *given]) == code
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_without_pictures_and_a_broken_one_are_bad_pictures(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for contents in ("empty", "broken.png"):
        with pytest.raises(ScumbleError) as e:
            read_photographs(tmp_path / contents, 64, "test", None)
        assert e.value.code == "bad-picture"


def test_splits_limits_and_sizes_are_kept(folders: tuple[Path, Path]) -> None:
    photographs = read_photographs(folders[0], 32, "test", None)
    assert [p.id for p in photographs] == ["photo-0", "photo-1"]
    assert photographs[0].rgb.shape == (32, 40, 3)
    assert len(read_photographs(folders[0], 32, "test", 1)) == 1
    assert [p.title for p in read_paintings(folders[1], 32, "test", None)] == ["The Starry Night"]
    assert [p.title for p in read_paintings(folders[1], 32, "all", None)] == ["The Starry Night", "Sea"]


def test_two_pictures_of_one_name_stay_two(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        draw(tmp_path / folder / "same.png", 1)
    assert [p.id for p in read_photographs(tmp_path, 32, "test", None)] == ["same", "same-2"]


def test_a_run_goes_on_where_it_was_broken_off(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photographs, paintings = (
        read(f, 32, "all", None) for read, f in zip((read_photographs, read_paintings), folders, strict=True)
    )
    calls: list[str] = []

    def paint(rgb: np.ndarray, painting: Painting) -> Answer:
        calls.append(painting.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return Answer(rgb, 0.1, 0.0)

    conditions = {"judges": ["plain"]}
    contestants = [unchanged(), Contestant("copy", "Copy", paint)]
    judges = [judge_of_means()]
    with pytest.raises(KeyboardInterrupt):
        hold(Table(conditions), contestants, photographs, paintings, judges, tmp_path, lambda line: None)
    table = resumed(tmp_path, conditions)
    assert len(table.rows) == 4
    hold(table, contestants, photographs, paintings, judges, tmp_path, lambda line: None)
    assert len(table.rows) == 8
    assert len(calls) == 5
    assert not resumed(tmp_path, conditions | {"size": 64}).rows


def test_a_contestant_that_fails_is_a_row_and_the_others_go_on(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photographs, paintings = (
        read(f, 32, "all", 1) for read, f in zip((read_photographs, read_paintings), folders, strict=True)
    )

    def fail(rgb: np.ndarray, painting: Painting) -> Answer:
        raise ScumbleError("weights-missing", "It is not there.")

    table = Table({"judges": ["plain"]})
    contestants = [Contestant("broken", "Broken", fail), unchanged()]
    hold(table, contestants, photographs, paintings, [judge_of_means()], tmp_path, lambda line: None)
    assert table.means()["broken"]["failed"] == 1
    assert table.means()["input"]["judged"]["plain"]["content"] == 0


def test_means_are_taken_over_the_pairs_that_all_answered() -> None:
    def row(method: str, content: str, total: float, problem: str = "") -> Row:
        judged = {} if problem else {"plain": {"content": 0.0, "style": 0.0, "total": total}}
        return Row(method, content, "s", judged=judged, problem=problem)

    table = Table({}, [row("a", "1", 1.0), row("a", "2", 9.0), row("b", "1", 2.0), row("b", "2", 0.0, "failed")])
    means = table.means()
    assert (means["a"]["pairs"], means["a"]["judged"]["plain"]["total"]) == (1, 1.0)
    assert (means["b"]["pairs"], means["b"]["failed"]) == (1, 1)


def test_peers_that_cannot_be_used_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "peers.py").write_text(PEERS)
    said: list[str] = []
    (mean,) = peer_contestants(tmp_path, said.append)
    assert any("a_package_nobody_has" in line for line in said)
    assert any("one style only" in line for line in said)
    rgb, painting = np.zeros((8, 8, 3), np.float32), Painting("p", "P", np.ones((8, 8, 3), np.float32))
    assert np.allclose(mean.paint(rgb, painting).rgb, 0.5)
    (tmp_path / "peers.py").write_text("PEERS = 3")
    with pytest.raises(ScumbleError, match="cannot be used"):
        peer_contestants(tmp_path, said.append)


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
