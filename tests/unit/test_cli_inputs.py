# SPDX-License-Identifier: Apache-2.0
"""Which pictures the command line reads and where it writes, settled before any work begins."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from scumble.cli.inputs import plan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.png", "a.JPG", "notes.txt"):
        (folder / name).touch()
    return folder


def test_one_file_goes_to_the_file_named(photos: Path, tmp_path: Path) -> None:
    (task,) = plan([str(photos / "b.png")], str(tmp_path / "out.tif"))
    assert (task.source, task.target) == (photos / "b.png", tmp_path / "out.tif")


def test_one_file_goes_into_a_folder_that_exists_or_ends_with_a_slash(photos: Path, tmp_path: Path) -> None:
    (into_existing,) = plan([str(photos / "b.png")], str(tmp_path))
    (into_new,) = plan([str(photos / "b.png")], f"{tmp_path}/new/")
    assert into_existing.target == tmp_path / "b.png"
    assert into_new.target == tmp_path / "new" / "b.png"


def test_a_folder_gives_its_pictures_in_order_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    tasks = plan([str(photos)], str(tmp_path / "out"))
    assert [t.target for t in tasks] == [tmp_path / "out" / "a.JPG", tmp_path / "out" / "b.png"]


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["a.png", "f2.png", "f09.png", "f10.png", "f10b3.png", "f100.png"]
    for name in names:
        (tmp_path / name).touch()
    for given in (tmp_path, tmp_path / "*.png"):
        assert [t.source.name for t in plan([str(given)], f"{tmp_path}/out/")] == names


def test_a_folder_of_one_picture_still_goes_into_a_folder(photos: Path, tmp_path: Path) -> None:
    (photos / "a.JPG").unlink()
    (task,) = plan([str(photos)], str(tmp_path / "out"))
    assert task.target == tmp_path / "out" / "b.png"


def test_a_pattern_the_shell_left_alone_is_expanded(photos: Path, tmp_path: Path) -> None:
    tasks = plan([str(photos / "*.[pJ]*")], str(tmp_path / "out"))
    assert [t.source.name for t in tasks] == ["a.JPG", "b.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(photos: Path, tmp_path: Path) -> None:
    odd = photos / "b[1].png"
    odd.touch()
    (task,) = plan([str(odd)], str(tmp_path / "out.png"))
    assert task.source == odd


def test_the_same_picture_named_twice_is_done_once(photos: Path, tmp_path: Path) -> None:
    assert len(plan([str(photos), str(photos / "b.png")], str(tmp_path / "out"))) == 2


def test_a_format_gives_every_output_its_suffix(photos: Path, tmp_path: Path) -> None:
    tasks = plan([str(photos)], str(tmp_path / "out"), "tiff")
    assert [t.target.name for t in tasks] == ["a.tif", "b.tif"]


def test_a_picture_of_a_kind_that_is_not_written_becomes_png(photos: Path, tmp_path: Path) -> None:
    (photos / "raw.heic").touch()
    (task,) = plan([str(photos / "raw.heic")], str(tmp_path))
    assert task.target.name == "raw.png"


def test_a_missing_file_is_left_for_reading_to_complain_about(tmp_path: Path) -> None:
    assert len(plan([str(tmp_path / "none.png")], str(tmp_path / "out.png"))) == 1


@pytest.mark.parametrize("empty", ["", "*.png"])
def test_finding_nothing_is_said_at_once(tmp_path: Path, empty: str) -> None:
    with pytest.raises(click.UsageError, match=r"no pictures in|Nothing matches"):
        plan([str(tmp_path / empty)], str(tmp_path / "out"))


def test_an_input_is_never_overwritten_however_it_is_named(photos: Path) -> None:
    here = os.path.relpath(photos / "b.png")
    for out in (str(photos / "b.png"), str(photos), str(photos / ".." / "photos" / "b.png")):
        with pytest.raises(click.UsageError, match="overwritten by its own answer"):
            plan([here], out)


def test_an_input_is_not_overwritten_by_the_answer_to_another(photos: Path) -> None:
    with pytest.raises(click.UsageError, match="overwritten"):
        plan([str(photos / "a.JPG"), str(photos / "b.png")], str(photos), "png")


def test_an_input_is_not_overwritten_through_a_link(photos: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(photos / "b.png")
    with pytest.raises(click.UsageError, match="overwritten"):
        plan([str(photos / "b.png")], str(link))


def test_two_pictures_that_would_become_one_are_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").touch()
    with pytest.raises(click.UsageError, match="would both become"):
        plan([str(photos)], str(tmp_path / "out"), "png")


def test_several_pictures_do_not_go_into_a_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").touch()
    with pytest.raises(click.UsageError, match="Name a folder"):
        plan([str(photos)], str(tmp_path / "out.png"))


def test_a_format_that_contradicts_the_file_named_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="does not end as jpeg files do"):
        plan([str(photos / "b.png")], str(tmp_path / "out.png"), "jpeg")
    assert plan([str(photos / "b.png")], str(tmp_path / "out.jpeg"), "jpeg")


def test_an_output_of_unknown_kind_is_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"must end in one of \.png"):
        plan([str(photos / "b.png")], str(tmp_path / "out.xcf"))
