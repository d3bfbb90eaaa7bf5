# SPDX-License-Identifier: Apache-2.0
"""The page that compares the methods: its tables are written between marks, and what is missing is said."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.comparison import __main__ as command
from benchmarks.comparison import page
from benchmarks.comparison.chart import HEIGHT, WIDTH, chart
from benchmarks.comparison.losses import INSTANT, Round, free_photographs
from PIL import Image

from scumble.api.method import Pixels
from scumble.evaluate.contenders import Answer, Contender, Painting, unchanged
from scumble.evaluate.contest import Photograph, Row, Table
from scumble.evaluate.judges import Judge
from scumble.methods import registry

SVG = "{http://www.w3.org/2000/svg}"


def row(method: str, style: str, loss: float) -> Row:
    judged = {"content": 0.5, "style": loss, "total": 9.0, "relu1_2": loss / 2}
    return Row(method, "photo", style, judged={"vgg16": judged, "squeezenet": {**judged, "style": 3 * loss}}, lpips=loss / 4)


@pytest.fixture
def table() -> Table:
    losses = (("input", 0.9), (INSTANT, 0.5), ("memory", 0.4))
    return Table({"judges": ["vgg16", "squeezenet"]}, [row(m, s, x + k / 5) for k, s in enumerate("ab") for m, x in losses])


def test_only_what_stands_between_the_marks_is_written() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\nafter\n"
    assert page.filled(text, "a", "new\\1") == text.replace("old", "new\\1")
    assert "between\n<!-- b -->\nx\n<!-- /b -->\nafter" in page.filled(text, "b", "x")
    with pytest.raises(ValueError, match="marked c"):
        page.filled(text, "c", "x")


def test_the_committed_page_has_every_mark_and_every_method() -> None:
    text = command.PAGE.read_text(encoding="utf-8")
    for name in ("conditions", "seconds", "memory", "styles", "losses-own", "by-style", "losses-unseen"):
        assert page.filled(text, name, "x") != text, name
    assert all(f"\n| {method} | " in text for method in registry.methods())


def test_a_size_that_was_not_tried_is_a_dash() -> None:
    lines = page.by_size({"slow": [{"side": 256, "seconds": 1.234, "memory": 2e9}]}, "seconds").splitlines()
    assert lines[-1].startswith(f"| slow | 1.23 | {page.NONE} |")
    assert "2.00" in page.by_size({"slow": [{"side": 256, "seconds": 1.2, "memory": 2e9}]}, "memory")


def test_losses_say_how_much_was_painted_and_how_much_of_the_photograph_is_gone(table: Table) -> None:
    lines = page.losses(table).splitlines()
    assert lines[0] == "|  | LPIPS | vgg16: style | squeezenet: style | relu1_2 |"
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["(the photograph)", INSTANT, "memory"]
    assert lines[-1] == "| memory | 0.125 | 0.500 | 1.500 | 0.25 |"


def test_each_painting_has_a_row_of_style_at_lpips(table: Table) -> None:
    lines = page.by_style(table, {"a": "Sea", "b": "Sky"}).splitlines()
    assert lines[0] == f"|  | {INSTANT} | memory |"
    assert lines[2:] == ["| Sea | 0.50 at 0.12 | 0.40 at 0.10 |", "| Sky | 0.70 at 0.17 | 0.60 at 0.15 |"]


def test_the_chart_draws_each_line_within_the_paper() -> None:
    lines = {"quick & light": [(256, 0.02), (512, 0.08), (1024, 0.3)], "slow": [(256, 5.0), (512, 20.0)]}
    root = ET.fromstring(chart(lines, "side", "seconds"))
    drawn = [[tuple(map(float, p.split(","))) for p in line.attrib["points"].split()] for line in root.iter(f"{SVG}polyline")]
    assert sorted(map(len, drawn)) == [2, 3]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for line in drawn for x, y in line)
    assert all(later[1] < earlier[1] for line in drawn for earlier, later in pairwise(line))
    assert "quick & light" in {text.text for text in root.iter(f"{SVG}text")}


def test_without_the_pictures_losses_stay_as_they_are_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "comparison.md"
    copy.write_bytes(command.PAGE.read_bytes())
    monkeypatch.setattr(command, "PAGE", copy)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "OUT", tmp_path / "out")
    assert command.main(["memory", "--only", "losses", "--shared", str(tmp_path / "nowhere")]) == 0
    assert "--shared names another folder" in capsys.readouterr().err
    assert copy.read_bytes() == command.PAGE.read_bytes()
    with pytest.raises(SystemExit):
        command.main(["nobody"])


def test_what_is_judged_and_what_is_shown_are_painted_once_and_again_when_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def named(name: str) -> Contender:
        def paint(rgb: Pixels, painting: Painting) -> Answer:
            asked.append(name)
            return Answer(1 - rgb, 0.0, 0.0)

        return Contender(name, name, paint)

    def look(x: torch.Tensor, layers: set[str]) -> dict[str, torch.Tensor]:
        return dict.fromkeys(layers, x)

    grey = np.random.default_rng(0).random((32, 48, 3), np.float32)
    photographs = [Photograph(name, name, grey) for name in "abc"]
    paintings = [Painting(name, name, grey) for name in "xy"]
    judges = [Judge("plain", look, ["pixels"], ["pixels"])]
    methods = [named("one"), named("two")]
    held = Round(tmp_path, methods, [unchanged()], photographs[:2], paintings, judges, photographs[1:], paintings[0])

    table = held.hold(lambda line: None)
    assert [row.method for row in table.rows] == ["input"] * 4 + ["one"] * 4 + ["two"] * 4
    assert len(asked) == 2 * (4 + 2)
    held.forget(["two"])
    assert len(held.hold(lambda line: None).rows) == 12
    assert asked[12:] == ["two"] * 6
    assert held.sheet().width > 2 * 48


def test_only_photographs_in_the_public_domain_are_shown(tmp_path: Path) -> None:
    Image.new("RGB", (300, 280)).save(tmp_path / "a.png")
    Image.new("RGB", (300, 280)).save(tmp_path / "b.png")
    (tmp_path / "manifest.csv").write_text(
        "file,split,title,licence_as_stated\na.png,test,A,Public domain (README)\n"
        "b.png,test,B,CC BY-SA 2.0\nc.png,train,C,public domain\n"
    )
    assert [p.id for p in free_photographs(tmp_path)] == ["a"]
