# SPDX-License-Identifier: Apache-2.0
"""Where the Kritas of this user look for plug-ins.

Invariant: besides the plug-in's folder only its own `.desktop` and `.action` and its own line in kritarc are touched. Krita
loads a Python plug-in only when kritarc says so; where Krita has never run, that file is made with the one line.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scumble.api.errors import ScumbleError
from scumble.install import core
from scumble.install.core import Place, Standing
from scumble.library.atomic import cannot_write, write_atomic

TITLE = "Krita 5"
PLUGIN = "scumble"
FLATPAK = "org.kde.krita"
NEXT = "Start Krita (again); Scumble is in Filter > Artistic, its docker in Settings > Dockers."
SECTION, SETTING = "[python]", f"enable_{PLUGIN}=true"


def source() -> Path:
    """The plug-in's own folder."""
    return core.sources("plugin_krita") / PLUGIN


def install(place: Place, command: Sequence[str]) -> None:
    core.install(source(), place, command)
    try:
        for name, path in _beside(place).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (source().parent / name).read_bytes())
        _enable(_settings(place))
    except OSError as e:
        raise cannot_write(e, place.folder) from e


def uninstall(place: Place) -> bool:
    there = core.uninstall(place)
    try:
        for path in _beside(place).values():
            path.unlink(missing_ok=True)
        _disable(_settings(place))
    except OSError as e:
        raise cannot_write(e, place.folder) from e
    return there


def standing(place: Place) -> Standing:
    """Current only when Krita would also load it."""
    files = core.standing(source(), place)
    whole = all(
        path.exists() and path.read_bytes() == (source().parent / name).read_bytes() for name, path in _beside(place).items()
    )
    return replace(files, current=files.current and whole and _enabled(_settings(place)))


def files() -> list[tuple[str, bytes, bool]]:
    """For Krita's own Import Python Plugin from File, which looks for the folder's own entry."""
    beside = [(name, (source().parent / name).read_bytes(), False) for name in (f"{PLUGIN}.desktop", f"{PLUGIN}.action")]
    return [*beside, (f"{PLUGIN}/", b"", True), *((f"{PLUGIN}/{name}", data, False) for name, data in core.bundle(source()))]


def given(resources: Path) -> Place:
    """The place in a resource folder, the one that Krita's Settings > Manage Resources opens."""
    return Place("Krita", resources / "pykrita" / PLUGIN)


def places(environment: Mapping[str, str] | None = None, home: Path | None = None) -> list[Place]:
    """The plug-in's place in each Krita of this user; none where there is no sign of Krita."""
    env = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    return [
        Place(f"Krita{suffix}", resources / "pykrita" / PLUGIN, sandboxed)
        for suffix, resources, sandboxed in _bases(env, home)
        if resources.is_dir() or (not sandboxed and _on_path(env))
    ]


def _bases(env: Mapping[str, str], home: Path) -> list[tuple[str, Path, bool]]:
    """(suffix of its name, resource folder, whether it is a sandbox), by how Krita was installed."""
    if sys.platform == "win32":
        return [("", Path(env.get("APPDATA") or home / "AppData" / "Roaming") / "krita", False)]
    if sys.platform == "darwin":
        return [("", home / "Library" / "Application Support" / "krita", False)]
    return [
        ("", Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "krita", False),
        (" (Flatpak)", home / ".var" / "app" / FLATPAK / "data" / "krita", True),
    ]


def _on_path(env: Mapping[str, str]) -> bool:
    folders = env.get("PATH", "").split(os.pathsep)
    return any((Path(folder) / name).is_file() for folder in folders if folder for name in ("krita", "krita.exe"))


def _beside(place: Place) -> dict[str, Path]:
    """The files outside the plug-in's folder, by their name in the sources."""
    pykrita = place.folder.parent
    return {
        f"{PLUGIN}.desktop": pykrita / f"{PLUGIN}.desktop",
        f"{PLUGIN}.action": pykrita.parent / "actions" / f"{PLUGIN}.action",
    }


def _settings(place: Place) -> Path | None:
    """The kritarc that goes with a resource folder; None where the user named a folder of their own."""
    resources = place.folder.parents[1]
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) / "kritarc" if local and resources.name == "krita" else None
    if sys.platform == "darwin":
        return resources.parents[1] / "Preferences" / "kritarc" if resources.parent.name == "Application Support" else None
    if resources.parent.name == "share" and resources.parent.parent.name == ".local":
        return Path(os.environ.get("XDG_CONFIG_HOME") or resources.parents[2] / ".config") / "kritarc"
    if resources.parent == Path(os.environ.get("XDG_DATA_HOME", "")):
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kritarc"
    return resources.parents[1] / "config" / "kritarc" if FLATPAK in resources.parts else None


def _enabled(path: Path | None) -> bool:
    return path is None or SETTING in _section(_lines(path))


def _enable(path: Path | None) -> None:
    if path is None or _enabled(path):
        return
    lines = _without(_lines(path))
    at = lines.index(SECTION) + 1 if SECTION in lines else len(lines)
    new = [SETTING] if SECTION in lines else ([""] if lines else []) + [SECTION, SETTING]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "\n".join([*lines[:at], *new, *lines[at:], ""]).encode("utf-8"))


def _disable(path: Path | None) -> None:
    if path is None or not path.exists():
        return
    lines = _lines(path)
    if _without(lines) != lines:
        write_atomic(path, "\n".join([*_without(lines), ""]).encode("utf-8"))


def _without(lines: list[str]) -> list[str]:
    """`lines` without what they say of our plug-in."""
    kept, section = [], ""
    for line in lines:
        section = line.strip() if line.startswith("[") else section
        if section != SECTION or not re.match(rf"enable_{PLUGIN}\s*=", line):
            kept.append(line)
    return kept


def _section(lines: list[str]) -> list[str]:
    kept, section = [], ""
    for line in lines:
        section = line.strip() if line.startswith("[") else section
        if section == SECTION:
            kept.append(line.strip())
    return kept


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as e:
        raise ScumbleError("no-write", f"{path} is not a text file.", "Enable Scumble in Krita's plug-in manager.") from e
