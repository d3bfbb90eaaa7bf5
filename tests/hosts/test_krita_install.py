# SPDX-License-Identifier: Apache-2.0
"""The Krita plug-in's installation: its files, its line in kritarc, and the archive that Krita's own importer takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hosts.kritas import KritaUser
from scumble.install import krita
from scumble.install.__main__ import archive
from scumble.install.core import Place

COMMAND = ["python3", "-m", "scumble", "serve"]
IMPORT = """
import builtins, sys
builtins.i18n = str
sys.path[:0] = ["/usr/share/krita/pykrita/plugin_importer"]
from plugin_importer import PluginImporter
print([p["name"] for p in PluginImporter(sys.argv[1], sys.argv[2], lambda plugin: True).import_all()])
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """In a home where Krita has been."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".local" / "share" / "krita").mkdir(parents=True)
    (folder,) = krita.places({}, tmp_path)
    return folder


def kritarc(home: Path) -> Path:
    return home / ".config" / "kritarc"


def test_a_plugin_is_installed_with_all_that_krita_needs_to_load_it(place: Place, tmp_path: Path) -> None:
    krita.install(place, COMMAND)
    resources = tmp_path / ".local" / "share" / "krita"
    assert (resources / "pykrita" / "scumble" / "__init__.py").is_file()
    assert (resources / "pykrita" / "scumble" / "scumble_client" / "session.py").is_file()
    assert (resources / "pykrita" / "scumble" / "Manual.html").is_file()
    assert "X-Krita-Manual=Manual.html" in (resources / "pykrita" / "scumble.desktop").read_text()
    assert "scumble_paint" in (resources / "actions" / "scumble.action").read_text()
    assert kritarc(tmp_path).read_text() == "[python]\nenable_scumble=true\n"
    recorded = json.loads((resources / "pykrita" / "scumble" / "engine-command.json").read_text())
    assert recorded == {"command": COMMAND}
    assert krita.standing(place).works


def test_kritas_settings_are_kept_but_for_one_line(place: Place, tmp_path: Path) -> None:
    before = "[General]\nname=ä\n\n[python]\nenable_other=true\nenable_scumble=false\n\n[theme]\nTheme=Krita dark\n"
    kritarc(tmp_path).parent.mkdir()
    kritarc(tmp_path).write_text(before, encoding="utf-8")
    krita.install(place, COMMAND)
    enabled = kritarc(tmp_path).read_text(encoding="utf-8")
    assert enabled == before.replace("[python]\n", "[python]\nenable_scumble=true\n").replace("enable_scumble=false\n", "")
    assert krita.uninstall(place)
    assert kritarc(tmp_path).read_text(encoding="utf-8") == before.replace("enable_scumble=false\n", "")


def test_uninstalling_leaves_nothing_and_says_whether_there_was_something(place: Place, tmp_path: Path) -> None:
    krita.install(place, COMMAND)
    assert krita.uninstall(place)
    assert not [path for path in (tmp_path / ".local").rglob("*") if path.is_file()]
    assert not krita.uninstall(place)
    assert not krita.standing(place).installed


@pytest.mark.parametrize("missing", ["scumble.desktop", "kritarc", "scumble/studio.py"])
def test_an_installation_that_krita_would_not_load_is_not_current(place: Place, tmp_path: Path, missing: str) -> None:
    krita.install(place, COMMAND)
    assert krita.standing(place).current
    (kritarc(tmp_path) if missing == "kritarc" else place.folder.parent / missing).unlink()
    assert not krita.standing(place).current


def test_a_folder_that_the_user_names_is_used_without_touching_any_settings(tmp_path: Path) -> None:
    place = krita.given(tmp_path / "resources")
    krita.install(place, COMMAND)
    assert krita.standing(place).current
    assert not list(tmp_path.rglob("kritarc"))


def test_krita_is_found_by_its_folder_or_on_the_path(tmp_path: Path) -> None:
    assert krita.places({}, tmp_path) == []
    program = tmp_path / "bin" / "krita"
    program.parent.mkdir()
    program.touch()
    assert [p.host for p in krita.places({"PATH": str(program.parent)}, tmp_path)] == ["Krita"]
    (tmp_path / ".var" / "app" / "org.kde.krita" / "data" / "krita").mkdir(parents=True)
    assert [(p.host, p.sandboxed) for p in krita.places({}, tmp_path)] == [("Krita (Flatpak)", True)]


def test_kritas_own_importer_takes_the_archive(krita_user: KritaUser) -> None:
    home = krita_user.host.home
    packed = archive("krita", home)
    (home / "imported").mkdir()
    code, printed = krita_user.host.run("python3", "-c", IMPORT, str(packed), str(home / "imported"))
    assert (code, printed) == (0, "['scumble']\n")
    assert (home / "imported" / "pykrita" / "scumble" / "scumble_client" / "wire.py").is_file()
    assert (home / "imported" / "actions" / "scumble.action").is_file()
