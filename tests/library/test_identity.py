# SPDX-License-Identifier: Apache-2.0
"""Files are distinguished by what they are, not by their names, and none that is read is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from scumble.api.errors import ScumbleError
from scumble.library.identity import identity, refuse_inside, refuse_replacing


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_file_is_the_same_by_any_name(tmp_path: Path, link: str) -> None:
    one, two = tmp_path / "a.png", tmp_path / "b.png"
    one.write_bytes(b"picture")
    assert identity(one) != identity(two)
    getattr(two, link)(one)
    assert identity(one) == identity(two)
    with pytest.raises(ScumbleError, match=r"a\.png, a mask, would be overwritten"):
        refuse_replacing([tmp_path / "c.png", two], {one: "a mask"}, "")


def test_a_file_that_is_not_there_yet_is_its_place(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert identity(tmp_path / "a.png") == identity(tmp_path / "link" / "a.png") != identity(tmp_path / "b.png")


@pytest.mark.parametrize("out", ["photos", "photos/new/results", "link", "link/new", "photos/../photos/x"])
def test_results_do_not_go_among_the_pictures_that_are_read(tmp_path: Path, out: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(ScumbleError, match="folder of the photographs"):
        refuse_inside(tmp_path / out, photos, "the photographs", "")


@pytest.mark.parametrize("out", [".", "elsewhere", "photos-2/new", "photos/../x"])
def test_results_go_beside_the_pictures_that_are_read(tmp_path: Path, out: str) -> None:
    (tmp_path / "photos").mkdir()
    refuse_inside(tmp_path / out, tmp_path / "photos", "the photographs", "")
    refuse_inside(tmp_path / out, tmp_path / "nowhere", "the photographs", "")


def test_a_relative_folder_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    with pytest.raises(ScumbleError):
        refuse_inside(Path("photos/out"), Path("photos"), "the photographs", "")
