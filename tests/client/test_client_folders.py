# SPDX-License-Identifier: Apache-2.0
"""Where the engine's private folders are, and that client, engine and doctor judge alike which of them can be used."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scumble.cli.app import main
from scumble.client.folders import absolute_places, claim, runtime_dir, trouble
from scumble.client.locate import start_command, start_engine
from scumble.library.places import data_dir
from scumble.server.presence import cache_dir

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.name != "posix", reason="links, owners and permissions are POSIX's"),
]

BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
"""Runs a command whom permission bits bind, also where the tests run as root."""


def test_a_relative_runtime_folder_is_one_place_for_client_and_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client looked in ./rel, and the engine, which is started in the runtime folder, listened in ./rel/rel: each use
    started another engine and waited half a minute for it."""
    monkeypatch.chdir(tmp_path)
    for name in ("RUNTIME", "CACHE", "DATA"):
        monkeypatch.setenv(f"SCUMBLE_{name}_DIR", name.lower())
    report = "import os; open('report', 'w').write(os.environ['SCUMBLE_RUNTIME_DIR'] + ' ' + os.environ['SCUMBLE_CACHE_DIR'])"
    launch = start_engine([sys.executable, "-c", report])
    assert launch.process.wait(60) == 0
    assert runtime_dir() == str(tmp_path / "runtime")
    assert (tmp_path / "runtime" / "report").read_text() == f"{tmp_path / 'runtime'} {tmp_path / 'cache'}"


def test_every_variable_that_names_a_folder_is_handed_on_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"HOME": "h", "XDG_CACHE_HOME": "c", "XDG_DATA_HOME": "", "SCUMBLE_DATA_DIR": "/d", "PATH": "bin"}
    whole = {"HOME": f"{tmp_path}/h", "XDG_CACHE_HOME": f"{tmp_path}/c"}
    assert absolute_places(given) == {**given, **whole}


def test_a_relative_command_in_the_environment_is_found_from_where_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was looked for in the runtime folder, where the engine is started."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "run.py").touch()
    monkeypatch.setenv("SCUMBLE_ENGINE", "./venv/bin/python tools/run.py -m scumble serve --listen tcp://127.0.0.1:5")
    assert start_command()[:3] == [f"{tmp_path}/venv/bin/python", f"{tmp_path}/tools/run.py", "-m"]
    assert start_command()[-1] == "tcp://127.0.0.1:5"
    monkeypatch.setenv("SCUMBLE_ENGINE", "python3 -m scumble serve")
    assert start_command() == ["python3", "-m", "scumble", "serve"], "PATH says where that is"


def test_a_tilde_in_the_environment_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop file sets SCUMBLE_CACHE_DIR=~/big as it stands: a folder of that name appeared wherever one worked."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RUNTIME", "CACHE", "DATA"):
        monkeypatch.setenv(f"SCUMBLE_{name}_DIR", f"~/{name.lower()}")
    assert runtime_dir() == str(tmp_path / "runtime")
    assert (cache_dir(), data_dir()) == (tmp_path / "cache", tmp_path / "data")
    assert absolute_places(os.environ)["SCUMBLE_DATA_DIR"] == str(tmp_path / "data")
    monkeypatch.setenv("SCUMBLE_ENGINE", "~/bin/scumble serve --quiet")
    assert start_command() == [str(tmp_path / "bin" / "scumble"), "serve", "--quiet"]


def test_a_relative_data_folder_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCUMBLE_DATA_DIR", "mine")
    assert data_dir() == tmp_path / "mine"


def make(name: str, path: Path) -> None:
    """One situation in which a folder may be."""
    aside = path.with_name("aside")
    match name:
        case "file":
            path.touch()
        case "below a file":
            path.parent.rmdir()
            path.parent.touch()
        case "link":
            aside.mkdir()
            path.symlink_to(aside)
        case "link to nothing":
            path.symlink_to(aside)
        case "another's":
            path.mkdir()
            os.chown(path, 65534, 65534)
        case "link to another's":
            aside.mkdir()
            os.chown(aside, 65534, 65534)
            path.symlink_to(aside)
        case "read-only parent":
            path.parent.chmod(0o500)
        case "read-only":
            path.mkdir(mode=0o500)
        case "to be made":
            pass


SITUATIONS = {
    "file": (False, False),
    "below a file": (False, False),
    "link": (False, True),
    "link to nothing": (False, False),
    "another's": (False, False),
    "link to another's": (False, False),
    "read-only parent": (False, False),
    "read-only": (False, False),
    "to be made": (True, True),
}
"""Whether each does as a runtime folder, and as a cache."""


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("role", ["RUNTIME", "CACHE"])
def test_doctor_fails_what_the_engine_refuses_and_nothing_else(
    user_folders: Path, monkeypatch: pytest.MonkeyPatch, role: str, situation: str
) -> None:
    """A linked cache, a read-only home, a runtime folder that could not be made: the engine refused, doctor said all was well,
    and the client passed on the hint ("set these variables") without the reason."""
    if "another" in situation and os.geteuid() != 0:
        pytest.skip("only root can give folders away")
    if "read-only" in situation and shutil.which("setpriv") is None:
        pytest.skip("root does as it likes")
    folder = user_folders / "place" / "folder"
    folder.parent.mkdir()
    make(situation, folder)
    monkeypatch.setenv(f"SCUMBLE_{role}_DIR", str(folder))
    monkeypatch.setenv("SCUMBLE_PLUGINS", "-")
    before = BOUND if "read-only" in situation else []
    examine = (
        "from scumble.cli import doctor\n"
        "checks = [*doctor._runtime_folder(), *doctor._disk()]\n"
        "print([f.message for f in checks if f.state is doctor.State.FAIL])"
    )
    ran = subprocess.run([*before, sys.executable, "-c", examine], capture_output=True, text=True, check=True)
    serve = [*before, sys.executable, "-m", "scumble", "serve", "--idle", "0", "--quiet"]
    served = subprocess.run(serve, capture_output=True, text=True, timeout=100)
    fits = SITUATIONS[situation][role == "CACHE"]
    assert (ran.stdout == "[]\n") == fits, ran.stdout
    assert (served.returncode == 0) == fits, served.stderr
    if not fits:
        assert served.returncode == 4
        assert str(folder) in ran.stdout
        assert served.stderr.startswith(f"scumble: The engine has no folder to work in: {folder}")
    folder.parent.chmod(0o700) if folder.parent.is_dir() else None


def test_a_folder_is_made_private_and_the_goal_of_a_link_only_closed_to_writers(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    (tmp_path / "link").symlink_to(shared)
    claim(str(tmp_path / "link"), link=True)
    claim(str(tmp_path / "a" / "b"))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000])
def test_a_name_that_no_file_system_takes_is_a_trouble_in_words(tmp_path: Path, name: str) -> None:
    assert "cannot be" in (trouble(f"{tmp_path}/{name}") or "")
    with pytest.raises(PermissionError, match="cannot be"):
        claim(f"{tmp_path}/{name}")


def test_the_reason_of_a_refusal_reaches_the_command_line(
    user_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client showed the last line of what the engine had printed, and that is the hint."""
    (user_folders / "file").touch()
    monkeypatch.setenv("SCUMBLE_CACHE_DIR", str(user_folders / "file"))
    assert main(["methods"]) == 4
    printed = " ".join(capsys.readouterr().err.split())
    assert f"The engine did not start: The engine has no folder to work in: {user_folders}/file is not a folder." in printed
    assert "Set SCUMBLE_RUNTIME_DIR and SCUMBLE_CACHE_DIR" in printed
