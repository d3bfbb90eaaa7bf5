# SPDX-License-Identifier: Apache-2.0
"""The catalogue that is kept on disk for the next start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scumble.client.catalogue import Catalogue, Method, Option, Style
from scumble.client.desk.remembered import gallery_file, remember, remembered

BRUSH = Option("brush_size", "Brush size", "", "float", 1.0, 0.25, 4.0, choices=("a", "b"))
FAST = Method("fast", "Fast", "", "", {"blend": True}, (BRUSH,))
NIGHT = Style("night", 2, "The Night", "Van Somebody", 1889, None, False, ("fast",), b"\x89PNG", ("fast",))
OWN = Style("own", 1, "Mine", None, None, None, True, (), None)
WHOLE = Catalogue((FAST,), (NIGHT, OWN), 7)


def test_a_catalogue_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gallery.json"
    remember(WHOLE, str(path))
    assert remembered(str(path)) == WHOLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["gallery.json"]


@pytest.mark.parametrize(
    "written", ["", "[]", "{", '{"version": 1}', '{"version": 2, "page": {}, "thumbnails": []}', "[" * 100_000]
)
def test_what_is_damaged_or_newer_is_none(tmp_path: Path, written: str) -> None:
    path = tmp_path / "gallery.json"
    path.write_text(written)
    assert remembered(str(path)) is None


def test_a_thumbnail_that_is_missing_makes_it_none(tmp_path: Path) -> None:
    path = tmp_path / "gallery.json"
    remember(WHOLE, str(path))
    path.write_text(path.read_text().replace('"thumbnail": 0', '"thumbnail": 9'))
    assert remembered(str(path)) is None


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remember(WHOLE, str(tmp_path / "file" / "gallery.json"))
    assert remembered(str(tmp_path / "file" / "gallery.json")) is None


def test_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCUMBLE_CACHE_DIR", str(tmp_path))
    assert gallery_file() == str(tmp_path / "gallery.json")
