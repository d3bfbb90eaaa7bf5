# SPDX-License-Identifier: Apache-2.0
"""Which pictures the command line reads and where it writes, settled before any work begins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click
import pytest

from scumble.api.errors import ScumbleError
from scumble.cli.inputs import Naming, plan
from scumble.library.places import SHIPPED
from scumble.library.styles import StyleStore


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
    """By another way to its folder it counted as another picture, and both as too many for one output."""
    again = photos / ".." / photos.name / "b.png"
    tasks = plan([str(photos), str(photos / "b.png"), str(again)], str(tmp_path / "out"))
    assert [t.source for t in tasks] == [photos / "a.JPG", photos / "b.png"]


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
def test_finding_nothing_is_reported_at_once(tmp_path: Path, empty: str) -> None:
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


@pytest.mark.parametrize("how", ["same", "link", "hard link", "in the folder"])
@pytest.mark.parametrize("role", ["a style's painting", "a mask"])
def test_what_is_read_besides_is_never_overwritten_either(photos: Path, tmp_path: Path, role: str, how: str) -> None:
    """`-o painting.png --style-file painting.png` once cost a painter the painting, and a mask went the same way."""
    other = tmp_path / "others" / "b.png"
    other.parent.mkdir()
    other.write_bytes(b"precious")
    out = other
    if how == "link":
        out = tmp_path / "link.png"
        out.symlink_to(other)
    elif how == "hard link":
        out = tmp_path / "hard.png"
        out.hardlink_to(other)
    elif how == "in the folder":
        out = other.parent
    with pytest.raises(click.UsageError, match=f"{role}, would be overwritten"):
        plan([str(photos / "b.png")], str(out), also_read={other: role})


def test_the_files_of_the_styles_are_never_overwritten(photos: Path) -> None:
    """They are read, too: a painting of one's own from its folder, a thumbnail from the installation."""
    for out in (StyleStore().user_dir / "harbour" / "picture.png", SHIPPED / "styles" / "starry-night.png"):
        with pytest.raises(click.UsageError, match="files of the styles"):
            plan([str(photos / "b.png")], str(out))


def test_two_outputs_that_are_one_file_by_a_link_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.JPG").touch()
    (out / "b.png").symlink_to(out / "a.JPG")
    with pytest.raises(click.UsageError, match="would both become"):
        plan([str(photos)], str(out))


def test_hidden_files_are_not_taken_up_and_other_files_are_named_once(photos: Path, tmp_path: Path) -> None:
    """macOS leaves ._a.png beside a.png on foreign disks, and a killed Scumble left .3fa9c2d1e07b.png: both were painted, and
    failed. A .heic went unpainted without a word."""
    for name in ("._b.png", ".3fa9c2d1e07b.png", "c.psd", "d.psd", "README"):
        (photos / name).touch()
    notes: list[str] = []
    tasks = plan([str(photos)], str(tmp_path / "out"), tell=notes.append)
    assert [t.source.name for t in tasks] == ["a.JPG", "b.png"]
    assert notes == ["4 files left out, not of a kind that is read: 2 .psd, 1 .txt, 1 without a suffix."]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_among_pictures_is_named_as_what_it_is(photos: Path, tmp_path: Path) -> None:
    """It was counted as a .png "not of a kind that is read"."""
    os.mkfifo(photos / "c.png")
    notes: list[str] = []
    plan([str(photos)], str(tmp_path / "out"), tell=notes.append)
    assert notes == ["2 files left out, not of a kind that is read: 1 .txt, 1 pipe or device."]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """in/2023/1.png, in/2024/1.png, in/2024/deep/2.png, and hidden ones that nobody means."""
    root = tmp_path / "in"
    for name in ("2023/1.png", "2024/1.png", "2024/deep/2.png", ".thumbs/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def below(tasks: list, folder: Path) -> list[str]:  # type: ignore[type-arg]
    return [t.target.relative_to(folder).as_posix() for t in tasks]


def test_a_folder_whose_subfolders_have_the_pictures_says_so(tree: Path, tmp_path: Path) -> None:
    """It said that there were no pictures, which was not what the painter saw."""
    with pytest.raises(click.UsageError, match=r"in itself; its subfolders have some, and -r takes them"):
        plan([str(tree)], str(tmp_path / "out"))


def test_recursively_the_tree_of_subfolders_is_kept(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept = ["2023/1.png", "2024/1.png", "2024/deep/2.png"]
    assert below(plan([str(tree)], str(out), naming=Naming(recursive=True)), out) == kept
    assert below(plan([f"{tree}/**/*.png"], str(out), naming=Naming(recursive=True)), out) == kept


def test_a_pattern_over_subfolders_whose_names_clash_names_the_way_to_keep_them_apart(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="the folder that both lie in with -r"):
        plan([f"{tree}/**/*.png"], str(tmp_path / "out"))


def test_the_output_folder_within_the_input_is_not_searched_for_inputs(tree: Path) -> None:
    """A second run would paint the results of the first."""
    out = tree / "painted"
    shutil.copytree(tree / "2023", out / "2023")
    assert len(plan([str(tree)], str(out), naming=Naming(recursive=True))) == 3


def test_a_link_to_a_folder_is_not_followed_and_a_circle_ends(tree: Path, tmp_path: Path) -> None:
    (tree / "2023" / "again").symlink_to(tree)
    assert len(plan([str(tree)], str(tmp_path / "out"), naming=Naming(recursive=True))) == 3


def test_an_ending_writes_beside_the_input_and_a_second_run_leaves_the_results_out(photos: Path) -> None:
    for _ in range(2):
        tasks = plan([str(photos)], None, naming=Naming(ending="-painted"))
        assert [t.target for t in tasks] == [photos / "a-painted.JPG", photos / "b-painted.png"]
        for task in tasks:
            task.target.touch()


def test_an_ending_goes_with_a_folder_and_with_a_file(photos: Path, tmp_path: Path) -> None:
    (one,) = plan([str(photos / "b.png")], str(tmp_path / "x.tif"), naming=Naming(ending="-painted"))
    assert one.target.name == "x-painted.tif"
    assert [t.target.name for t in plan([str(photos)], f"{tmp_path}/out/", naming=Naming("png", "_p"))] == [
        "a_p.png",
        "b_p.png",
    ]


def test_a_name_that_is_too_long_is_an_error_of_that_file_and_no_bug(photos: Path, tmp_path: Path) -> None:
    """Asking whether such a file exists raised an OSError that nobody caught: "Scumble has a bug"."""
    long = "x" * 300 + ".png"
    (task,) = plan([str(tmp_path / long)], str(tmp_path / "out.png"))
    assert task.source.name == long
    with pytest.raises(ScumbleError, match="File name too long") as e:
        plan([str(photos / "b.png")], str(tmp_path / long))
    assert e.value.code == "no-write"


@pytest.mark.parametrize("kind", ["pipe", "folder", "circle"])
def test_an_output_that_is_no_file_is_refused_before_any_work(photos: Path, tmp_path: Path, kind: str) -> None:
    """A named pipe would have been replaced by a file."""
    out = tmp_path / "b.png"
    if kind == "pipe":
        os.mkfifo(out)
    elif kind == "folder":
        out = tmp_path / "b.png" / "b.png"
        out.mkdir(parents=True)
        out = out.parent
    else:
        out.symlink_to(out)
    with pytest.raises(ScumbleError) as e:
        plan([str(photos / "b.png")], str(out))
    assert e.value.code == "no-write"


def test_heic_pictures_that_cannot_be_decoded_are_left_out_and_named(photos: Path, tmp_path: Path) -> None:
    """The wheels of libvips decode no HEVC; every photograph of a telephone was a failure of its own, or passed over in
    silence."""
    (photos / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    notes: list[str] = []
    tasks = plan([str(photos)], str(tmp_path / "out"), tell=notes.append)
    assert [t.source.name for t in tasks] == ["a.JPG", "b.png"]
    assert notes == ["2 files left out, not of a kind that is read: 1 .heic, 1 .txt."]


def test_heic_pictures_that_can_be_decoded_are_taken_up(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "IMG_1.HEIC").touch()
    monkeypatch.setattr("scumble.cli.listing.can_decode", lambda path: True)
    tasks = plan([str(photos)], str(tmp_path / "out"))
    assert [t.target.name for t in tasks] == ["IMG_1.png", "a.JPG", "b.png"]
