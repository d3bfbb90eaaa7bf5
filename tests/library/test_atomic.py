# SPDX-License-Identifier: Apache-2.0
"""Replacing a file: the reader sees the old one or the new one, and what made the old one itself stays."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scumble.library.atomic import open_regular, replacing, write_atomic


def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    """`-o o.png`, a link into a synchronized folder, once became a file of its own; the folder kept the old picture."""
    (tmp_path / "real").mkdir()
    goal = tmp_path / "real" / "o.png"
    goal.write_bytes(b"old")
    for link, leads_to in (("o.png", goal), ("p.png", Path("o.png"))):
        (tmp_path / link).symlink_to(leads_to)
    write_atomic(tmp_path / "p.png", b"new")
    assert goal.read_bytes() == b"new"
    assert (tmp_path / "o.png").is_symlink()
    assert (tmp_path / "p.png").is_symlink()
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == ["o.png"]


def test_a_link_that_leads_nowhere_yet_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new")
    write_atomic(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_bytes() == b"x"


def test_links_in_a_circle_are_an_error_and_stay(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_atomic(tmp_path / "a", b"x")
    assert (tmp_path / "a").is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    """A picture that was nobody else's to see (600) was everybody's (644) once it had been painted again."""
    path = tmp_path / "private.png"
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert not stat.S_IMODE(temporary.stat().st_mode) & 0o077, "nobody sees it on the way"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_new_file_has_the_mode_that_the_users_mask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_bytes(b"old")
    os.chown(path, 1234, 4321)
    write_atomic(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_protected_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename asks only the folder. Root may write anything, so the answer for others is put in."""
    path = tmp_path / "protected.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *a, **k: False)
    with pytest.raises(PermissionError):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["protected.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody writes into it, and opening it for reading used to wait for that forever."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="pipe or a device"):
        open_regular(tmp_path / "pipe.png")
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
