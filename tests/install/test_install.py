# SPDX-License-Identifier: Apache-2.0
"""`scumble plugin` on the files' side: what an installation puts where, what it leaves alone, what the archive holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from scumble.api.errors import ScumbleError
from scumble.cli.app import scumble
from scumble.install import core, gimp
from scumble.install.__main__ import archive
from scumble.install.hosts import HOSTS

PLACE = gimp.PLUGIN


def run(*arguments: str) -> str:
    result = CliRunner().invoke(scumble, ["plugin", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_plug_in_carries_its_client_and_the_command_that_starts_this_engine(tmp_path: Path) -> None:
    run("install", "gimp", "--dir", str(tmp_path))
    folder = tmp_path / PLACE
    assert os.access(folder / "scumble.py", os.X_OK)
    assert (folder / "LICENSE").read_text().lstrip().startswith("GNU GENERAL PUBLIC LICENSE")
    client = Path(core.__file__).parents[1] / "client"
    copied = {p.relative_to(folder / "scumble_client") for p in (folder / "scumble_client").rglob("*.py")}
    assert copied == {p.relative_to(client) for p in client.rglob("*.py")}
    assert Path("desk", "choosing.py") in copied
    assert json.loads((folder / "engine-command.json").read_text())["command"] == [sys.executable, "-m", "scumble", "serve"]
    assert [p.name for p in tmp_path.iterdir()] == [PLACE], "nothing half-written may stay"


def test_the_installed_client_finds_the_recorded_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("install", "gimp", "--dir", str(tmp_path))
    code = "from scumble_client.locate import start_command; print(start_command())"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / PLACE)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == repr([sys.executable, "-m", "scumble", "serve"])


def test_installing_again_replaces_the_plug_in_whole(tmp_path: Path) -> None:
    run("install", "gimp", "--dir", str(tmp_path))
    (tmp_path / PLACE / "left-over.py").write_text("")
    assert "another version" in run("status", "gimp", "--dir", str(tmp_path))
    run("install", "gimp", "--dir", str(tmp_path))
    assert not (tmp_path / PLACE / "left-over.py").exists()
    assert "up to date" in run("status", "gimp", "--dir", str(tmp_path))


def test_status_tells_when_the_engine_it_starts_is_gone(tmp_path: Path) -> None:
    run("install", "gimp", "--dir", str(tmp_path))
    (tmp_path / PLACE / "engine-command.json").write_text(json.dumps({"command": ["/no/such/python", "-m", "scumble"]}))
    assert "is gone: /no/such/python" in run("status", "gimp", "--dir", str(tmp_path))
    report = json.loads(run("status", "gimp", "--dir", str(tmp_path), "--json"))
    assert (report[0]["installed"], report[0]["current"], report[0]["works"]) == (True, True, False)


def test_uninstalling_removes_the_plug_in_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    run("install", "gimp", "--dir", str(tmp_path))
    assert "Removed" in run("uninstall", "gimp", "--dir", str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["other"]
    assert "not installed" in run("uninstall", "gimp", "--dir", str(tmp_path))
    assert "not installed" in run("status", "gimp", "--dir", str(tmp_path))


def test_a_folder_of_somebody_elses_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / PLACE).mkdir()
    (tmp_path / PLACE / "scumble.py").write_text("mine")
    place = gimp.given(tmp_path)
    with pytest.raises(ScumbleError, match="not Scumble's"):
        HOSTS["gimp"].install(place, ["engine"])
    with pytest.raises(ScumbleError, match="not Scumble's"):
        HOSTS["gimp"].uninstall(place)
    assert (tmp_path / PLACE / "scumble.py").read_text() == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_every_gimp_3_of_the_user_is_found_and_no_gimp_2(tmp_path: Path) -> None:
    for folder in (".config/GIMP/2.10", ".config/GIMP/3.0", ".config/GIMP/3.2", ".var/app/org.gimp.GIMP/config/GIMP/3.0"):
        (tmp_path / folder).mkdir(parents=True)
    places = gimp.places({}, tmp_path)
    assert [p.host for p in places] == ["GIMP 3.0", "GIMP 3.2", "GIMP 3.0 (Flatpak)"]
    assert [p.sandboxed for p in places] == [False, False, True]
    assert places[1].folder == tmp_path / ".config/GIMP/3.2/plug-ins/scumble"
    elsewhere = gimp.places({"XDG_CONFIG_HOME": str(tmp_path / "none"), "GIMP3_DIRECTORY": str(tmp_path / "mine")}, tmp_path)
    assert [p.folder for p in elsewhere] == [tmp_path / "mine/plug-ins/scumble"]


def test_a_sandboxed_host_gets_no_command_it_could_not_run(tmp_path: Path) -> None:
    place = core.Place("GIMP 3.0 (Flatpak)", tmp_path / PLACE, sandboxed=True)
    HOSTS["gimp"].install(place, ["engine"])
    assert not (tmp_path / PLACE / "engine-command.json").exists()
    assert HOSTS["gimp"].standing(place).works


def test_without_any_gimp_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gimp, "_never_started", lambda env, home: [])
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("GIMP3_DIRECTORY", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(scumble, ["plugin", "install", "gimp"])
    assert result.exit_code == 2
    assert "--dir" in result.output


def test_the_release_archive_is_the_installation_without_a_command(tmp_path: Path) -> None:
    path = archive("gimp", tmp_path / "dist")
    with zipfile.ZipFile(path) as z:
        names = z.namelist()
        entry = z.getinfo("scumble/scumble.py")
    assert (entry.external_attr >> 16) & 0o111, "GIMP wants the run bit"
    assert {"scumble/dialog.py", "scumble/scumble_client/session.py", "scumble/LICENSE"} <= set(names)
    assert "scumble/engine-command.json" not in names
    assert not [name for name in names if "__pycache__" in name]
    assert archive("gimp", tmp_path / "again").read_bytes() == path.read_bytes()
