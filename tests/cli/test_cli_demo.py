# SPDX-License-Identifier: Apache-2.0
"""`scumble demo`: what it renders and what it leaves alone, with methods that need no torch."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.client.locate import read_connection
from support.command_line import engine
from support.pictures import noise_file

ENGINE = engine("SCUMBLE_PLUGINS=-,benchmarks.probe_method", f"PYTHONPATH={Path(__file__).resolve().parents[2]}")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the test's own, where no engine runs; one that is needed has the method `invert`."""
    monkeypatch.setenv("SCUMBLE_ENGINE", ENGINE)


@pytest.mark.usefixtures("alone")
def test_the_demo_lays_out_what_it_rendered_and_ends_its_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = noise_file(tmp_path / "photo.png", size=(90, 60))
    assert main(["demo", str(photo), "-o", str(tmp_path / "out"), "--style", "starry-night"]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "contact-sheet.png",
        "photo-starry-night-invert.png",
        "photo.png",
    ]
    assert Image.open(tmp_path / "out" / "contact-sheet.png").width > 2 * 380
    assert "contact-sheet.png" in capsys.readouterr().out
    assert read_connection() is None


@pytest.mark.parametrize("name", ["photo.png", "other-starry-night-invert.png", "contact-sheet.png"])
def test_a_demo_never_replaces_a_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The photograph behind a link named as a rendering, or as the sheet, became that."""
    photo = noise_file(tmp_path / "photo.png", size=(90, 60))
    before = photo.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(photo)
    given = [str(photo), str(noise_file(tmp_path / "other.png"))]
    assert main(["demo", *given, "-o", str(tmp_path / "out"), "--style", "starry-night"]) == Exit.USAGE
    assert "photo.png, a photograph, would be overwritten" in " ".join(capsys.readouterr().err.split())
    assert photo.read_bytes() == before


@pytest.mark.usefixtures("alone")
def test_a_demo_takes_a_style_by_its_title(tmp_path: Path) -> None:
    """It ended with a KeyError after the first rendering."""
    photo = noise_file(tmp_path / "photo.png", size=(90, 60))
    assert main(["demo", str(photo), "-o", str(tmp_path / "out"), "--style", "Starry Night"]) == 0
    assert (tmp_path / "out" / "photo-starry-night-invert.png").exists()


@pytest.mark.usefixtures("alone")
def test_a_demo_that_lacks_a_rendering_says_so_in_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = noise_file(tmp_path / "photo.png")
    assert main(["demo", str(photo), "-o", str(tmp_path / "out")]) == Exit.SOME_FAILED
    assert "could not be rendered" in capsys.readouterr().err
    assert (tmp_path / "out" / "contact-sheet.png").exists()
