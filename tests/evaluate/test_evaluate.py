# SPDX-License-Identifier: Apache-2.0
"""`scumble evaluate`: every method over every pair, judged fairly, on one page that needs nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.api.method import Pixels, Runtime
from scumble.cli.app import main
from scumble.cli.evaluate import show
from scumble.cli.exits import Exit
from scumble.evaluate import digests, run
from scumble.evaluate.contenders import Answer, Contender, Painting, Variant, peer_contenders, unchanged, variant_contender
from scumble.evaluate.contest import Row, Table, hold, keep, read_paintings, read_photographs, resumed
from scumble.evaluate.judges import Judge
from scumble.evaluate.page import APART, page
from scumble.evaluate.run import Plan
from scumble.methods import registry
from scumble.methods.style_memory import method as memory
from scumble.methods.style_memory import painting_sizes
from support import scumble_refining

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
    return Judge("plain", lambda x, layers: dict.fromkeys(layers, x), ["pixels"], ["pixels"])


def held(folders: tuple[Path, Path], out: Path, *contenders: Contender, limit: int | None = None) -> Table:
    """The table of a contest at 32 pixels that goes on from what is in `out`."""
    photographs = read_photographs(folders[0], 32, "all", limit)
    paintings = read_paintings(folders[1], 32, "all", limit)
    table = resumed(out, {"judges": ["plain"]})
    hold(table, contenders, photographs, paintings, [judge_of_means()], out, lambda line: None)
    return table


def row(method: str, content: str, total: float = 1.0, problem: str = "") -> Row:
    judged = {} if problem else {"plain": {"content": 0.0, "style": 0.0, "total": total}}
    return Row(method, content, "s", judged=judged, problem=problem)


def test_one_pair_and_two_methods_give_finite_figures_and_a_page(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ["evaluate", *map(str, folders), "-o", str(out), "--methods", "johnson,gatys", "--limit", "1", "1", "--size", "64"]
    asked += ["--teachers", "half"]
    assert main([*asked, "--option", "gatys.steps=4", "--option", "gatys.levels=1"]) == Exit.OK
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [row["method"] for row in results["rows"]] == ["input", "johnson", "gatys"]
    figures = [v for row in results["rows"] for v in row["judged"]["half"].values()]
    assert len(figures) == 3 * (3 + 5), "content, style, total and the style of five layers"
    assert all(math.isfinite(v) for v in figures)
    means = results["means"]
    assert means["gatys"]["judged"]["half"]["style"] < means["input"]["judged"]["half"]["style"]
    assert results["conditions"]["judges"] == ["half", "compact"]
    assert means["gatys"]["seconds"] > 0
    assert results["conditions"]["options"] == {"gatys": {"steps": 4, "levels": 1}}
    for name in ("johnson", "gatys"):
        distances = [point["distance"] for point in means[name]["curve"]]
        assert distances == sorted(distances)
        assert distances[-1] == pytest.approx(means[name]["judged"]["half"]["content"], abs=1e-3)
        assert [point["strength"] for point in means[name]["curve"]] == [0.25, 0.5, 0.75, 1.0]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<polyline") == 3
    assert page.count("data:image/jpeg;base64,") == 4
    assert "The Starry Night" in page
    assert "http" not in page
    assert "src=" not in page.replace('src="data:', "")


def test_a_method_is_compared_with_itself_refined_and_with_other_options(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PACE", replace(memory.PACE, steps=2)), ("BATCH", 1), ("CROP", 64)):
        monkeypatch.setattr(memory, name, value)
    monkeypatch.setattr(painting_sizes, "PAINTING_SIDE", 64)
    out = tmp_path / "out"
    asked = ["evaluate", *map(str, folders), "-o", str(out), "--methods", "memory", "--limit", "1", "1", "--size", "64"]
    also = ["--also", "memory:refined", "--also", "memory:practised", "--also", "memory:polish=4"]
    assert main([*asked, "--split", "train", "--teachers", "half", "--strengths", "1", *also]) == Exit.OK
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert list(results["means"]) == ["input", "memory", "memory-refined", "memory-practised", "memory-polish-4"]
    totals = {name: means["judged"]["half"]["total"] for name, means in results["means"].items()}
    assert totals["memory-polish-4"] < totals["memory"]
    assert totals["memory-refined"] != totals["memory-practised"], "one was refined on the photograph that is painted"
    for folder in ("refined", "practised"):
        assert len(list(out.glob(f"{folder}/memory_painting-1-*.safetensors"))) == 1


def refined(folder: Path, painting: Pixels, photographs: list[Pixels], reported: list[str]) -> Answer:
    """What a run of its own paints with a state that lies in `folder`, or is put there, which is reported to `reported`."""
    contender = variant_contender(Variant("darken", refined="practised"), {}, Runtime(), photographs, folder, reported.append)
    return contender.paint(photographs[0], Painting("p", "P", painting))


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of what ships; the one method there is refines in no time."""
    method = scumble_refining.Darken()
    monkeypatch.setattr(scumble_refining, "PAUSE", 0)
    monkeypatch.setattr(registry, "methods", lambda: {method.id: method})
    monkeypatch.setattr(digests, "SHIPPED", tmp_path / "models")
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_a_refined_state_is_taken_again_only_for_what_it_was_made_of(networks: Path, tmp_path: Path) -> None:
    """States lay under the painting's name alone. One refined at 64 pixels was painted with at 128, and one of networks that
    had been trained since was of no use, so that the table said "memory-refined" over the first look at the painting."""
    photo, white = np.zeros((8, 16, 3), np.float32), np.ones((8, 8, 3), np.float32)
    reported: list[str] = []
    for painting, own, refinements in (
        (white, photo, 1),
        (white, photo, 1),
        (np.ones((16, 16, 3), np.float32), photo, 2),
        (white / 2, photo, 3),
        (white, photo + 1, 4),
        (white, photo.reshape(16, 8, 3), 5),
    ):
        assert np.allclose(refined(tmp_path, painting, [own], reported).rgb, 0.9 * painting.mean())
        assert len(reported) == refinements
    for name, refinements in (("darken/shared", 6), ("perceptual/half", 7)):
        (networks / f"{name}.json").parent.mkdir()
        (networks / f"{name}.json").write_text("{}")
        refined(tmp_path, white, [photo], reported)
        assert len(reported) == refinements


def test_a_state_that_is_taken_again_tells_the_seconds_that_it_took(networks: Path, tmp_path: Path) -> None:
    """A second run reported the time of opening the file, so that a style that had taken minutes was "taken in" in 0 s."""
    photo = np.zeros((8, 16, 3), np.float32)
    first = refined(tmp_path, photo + 1, [photo], [])
    assert refined(tmp_path, photo + 1, [photo], []).prepared == first.prepared > 0
    (card,) = tmp_path.glob("*.json")
    card.write_text(json.dumps(json.loads(card.read_text(encoding="utf-8")) | {"seconds": 62.5}))
    assert refined(tmp_path, photo + 1, [photo], []).prepared == 62.5


def test_a_state_that_its_method_calls_outdated_is_not_painted_with(networks: Path, tmp_path: Path, user_folders: Path) -> None:
    """The style memory looks at the painting instead where a row fits its networks no longer; that passed for refined."""
    (user_folders / "data" / "outgrown").touch()
    photo = np.zeros((8, 16, 3), np.float32)
    with pytest.raises(ScumbleError, match="other networks"):
        refined(tmp_path, photo + 1, [photo], [])


def test_a_method_that_was_not_trained_for_a_painting_is_said_to_be_so(folders: tuple[Path, Path], tmp_path: Path) -> None:
    asked = ["evaluate", *map(str, folders), "-o", str(tmp_path / "out"), "--methods", "johnson", "--split", "train"]
    assert main([*asked, "--size", "64"]) == Exit.SOME_FAILED
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["problem"] for row in results["rows"] if row["method"] == "johnson"] == [
        "it was not trained for this painting"
    ] * 2
    assert "not trained" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--methods", "watercolour"], Exit.USAGE, "watercolour"),
        (["--option", "steps=3"], Exit.USAGE, "gatys.steps=3"),
        (["--option", "gatys.strokes=3"], Exit.USAGE, "strokes"),
        (["--option", "gatys.steps=many"], Exit.USAGE, "whole number"),
        (["--size", "4"], Exit.USAGE, "32"),
        (["--teachers", "nowhere"], Exit.JOB, "no complete VGG-16"),
        (["--peers", "."], Exit.USAGE, "peers.py"),
        (["--also", "memory"], Exit.USAGE, "memory:polish=20"),
        (["--strengths", "0,1"], Exit.USAGE, "above 0"),
        (["--strengths", "strong"], Exit.USAGE, "above 0"),
        (["--also", "gatys:refined"], Exit.USAGE, "does not refine"),
    ],
)
def test_what_cannot_be_done_is_reported_before_any_work(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], code: Exit, message: str
) -> None:
    out = tmp_path / "out"
    assert main(["evaluate", *map(str, folders), "-o", str(out), *given]) == code
    assert message in capsys.readouterr().err
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
    calls: list[str] = []

    def paint(rgb: Pixels, painting: Painting) -> Answer:
        calls.append(painting.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return Answer(rgb, 0.1, 0.0)

    contenders = [unchanged(), Contender("copy", "Copy", paint)]
    with pytest.raises(KeyboardInterrupt):
        held(folders, tmp_path, *contenders)
    assert len(resumed(tmp_path, {"judges": ["plain"]}).rows) == 4
    assert len(held(folders, tmp_path, *contenders).rows) == 8
    assert len(calls) == 5
    assert not resumed(tmp_path, {"judges": ["plain"], "size": 64}).rows


@pytest.mark.parametrize("where", ["can", "paint"])
@pytest.mark.parametrize("error", [ScumbleError("weights-missing", "Gone."), RuntimeError("out of memory"), KeyError("b")])
def test_a_contender_that_fails_is_a_row_and_the_others_go_on(
    folders: tuple[Path, Path], tmp_path: Path, error: Exception, where: str
) -> None:
    """Only errors of our own made rows: what else a plug-in raised ended the run at the first pair."""

    def fail(*asked: object) -> Any:
        raise error

    paint = unchanged().paint
    broken = Contender("broken", "Broken", paint, fail) if where == "can" else Contender("broken", "Broken", fail)
    means = held(folders, tmp_path, broken, unchanged()).means()
    assert (means["broken"]["failed"], means["broken"]["pairs"]) == (4, 0)
    assert (means["input"]["pairs"], means["input"]["judged"]["plain"]["content"]) == (4, 0)


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 3), np.float32), np.full((32, 40, 3), np.nan, np.float32)])
def test_an_answer_that_cannot_be_judged_is_a_failure(folders: tuple[Path, Path], tmp_path: Path, wrong: Pixels) -> None:
    """A peer's picture of another size ended the run in the judge."""
    table = held(folders, tmp_path, Contender("odd", "Odd", lambda rgb, painting: Answer(wrong, 0.0, 0.0)), limit=1)
    assert "another size" in table.rows[0].problem


def test_means_are_taken_over_the_pairs_that_all_answered() -> None:
    means = Table({}, [row("a", "1", 1.0), row("a", "2", 9.0), row("b", "1", 2.0), row("b", "2", problem="failed")]).means()
    assert (means["a"]["pairs"], means["a"]["judged"]["plain"]["total"]) == (1, 1.0)
    assert (means["b"]["pairs"], means["b"]["failed"]) == (1, 1)


def test_methods_that_share_no_pair_leave_the_others_their_means(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two methods that knew different paintings left no pair that all had answered: every row of the table was empty, and the
    exit code said that somebody had answered nothing. Now the second stands apart, marked, and is not compared."""
    known = {"gatys": "1234", "a": "12", "b": "34", "none": ""}
    rows = [row(m, c, float(c), "" if c in cs else "not trained") for m, cs in known.items() for c in "1234"]
    conditions = dict.fromkeys(("photographs", "paintings", "split", "size", "device", "half", "threads", "machine"), "")
    table = Table({**conditions, "judges": ["plain"], "options": {}}, rows)
    means = {name: (m["pairs"], m["shared"], m["judged"].get("plain", {}).get("total")) for name, m in table.means().items()}
    assert means == {"gatys": (2, True, 1.5), "a": (2, True, 1.5), "b": (2, False, 3.5), "none": (0, True, None)}
    text = page(table, [], [], tmp_path)
    zeros = "<td>0.000</td>" * 3
    assert f"<td>a</td><td>0.000</td><td></td>{zeros}<td>2</td><td>1.500</td>" in text
    assert f"<td>b *</td><td>0.000</td><td></td>{zeros}<td>2</td><td>3.500</td>" in text
    show(table)
    assert all("b *" in shown and APART in shown for shown in (text, "".join(capsys.readouterr())))


@pytest.mark.parametrize(("answers", "compared_by"), [(1, 20), (2, 2)])
def test_who_answered_hardly_anything_does_not_narrow_what_the_others_are_compared_by(answers: int, compared_by: int) -> None:
    rows = [row(m, str(c)) for m, many in (("most", 20), ("few", answers)) for c in range(many)]
    assert Table({}, rows).means()["most"]["pairs"] == compared_by


def test_a_method_that_paints_weaker_by_itself_is_asked_for_it_and_others_are_mixed(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    def paint(rgb: Pixels, painting: Painting, strength: float = 1.0) -> Answer:
        return Answer(np.full_like(rgb, 0.5 + 0.5 * strength), 0.0, 0.0)

    photographs, paintings = read_photographs(folders[0], 32, "all", 1), read_paintings(folders[1], 32, "all", 1)
    contenders = [Contender("mixed", "Mixed", paint), Contender("own", "Own", paint, weaker=paint)]
    table = Table({})
    hold(table, contenders, photographs, paintings, [judge_of_means()], tmp_path, lambda line: None, strengths=[0.5, 1.0])
    mixed, own = (row.curve for row in table.rows)
    assert mixed[1] == own[1]
    assert 0 < mixed[0]["distance"] < mixed[1]["distance"]
    assert mixed[0]["distance"] == pytest.approx(mixed[1]["distance"] / 4, rel=0.01), "half the way, of squares"
    assert own[0] != mixed[0]


def test_a_camera_picture_on_its_side_is_set_upright(tmp_path: Path) -> None:
    """Cameras say in EXIF data which side is up; their pictures were painted and judged lying down."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (80, 64)).save(tmp_path / "camera.jpg", exif=exif)
    assert read_photographs(tmp_path, 32, "all", None)[0].rgb.shape == (40, 32, 3)


@pytest.mark.parametrize(
    "changed",
    [
        "photographs/photo 1.png",
        "paintings/painting-0.png",
        "judge",
        "complete_vgg16_1.safetensors",
        "peers.py",
        "models/darken/a.json",
    ],
)
def test_a_run_goes_on_only_from_answers_to_the_same_pictures_with_the_same_judges_peers_and_networks(
    folders: tuple[Path, Path], networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Conditions held counts and names only, so that answers to other pictures of the same names were kept."""
    monkeypatch.setattr(run, "_judges", lambda plan: [judge_of_means()])  # the files below hold no networks
    monkeypatch.setattr(run, "_lpips", lambda plan: None)
    (networks / "darken").mkdir()
    for name in ("judge", "complete_vgg16_1.safetensors", "peers.py", "models/darken/a.json"):
        (tmp_path / name).write_text(PEERS)
    asked: dict[str, Any] = {"peers": tmp_path, "teachers": str(tmp_path), "judge": tmp_path / "judge", "resume": True}

    def kept() -> bool:
        """Whether a run keeps the answers there are, which a mark tells from new ones."""
        table = run.evaluate(Plan(*folders, tmp_path / "out", ["darken"], size=32, **asked), lambda line: None)
        marks = {row.seconds == 77 for row in table.rows}
        table.rows[:] = [replace(row, seconds=77) for row in table.rows]
        keep(table, tmp_path / "out")
        return marks == {True}

    assert [kept(), kept()] == [False, True]
    if changed.endswith("png"):
        draw(tmp_path / changed, 5)
    else:
        (tmp_path / changed).write_bytes((tmp_path / changed).read_bytes() + b"# changed")
    assert not kept()


def test_peers_that_cannot_be_used_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "peers.py").write_text(PEERS)
    reported: list[str] = []
    (mean,) = peer_contenders(tmp_path, reported.append)
    assert any("a_package_nobody_has" in line for line in reported)
    assert any("one style only" in line for line in reported)
    rgb, painting = np.zeros((8, 8, 3), np.float32), Painting("p", "P", np.ones((8, 8, 3), np.float32))
    assert np.allclose(mean.paint(rgb, painting).rgb, 0.5)
    (tmp_path / "peers.py").write_text("PEERS = 3")
    with pytest.raises(ScumbleError, match="cannot be used"):
        peer_contenders(tmp_path, reported.append)
