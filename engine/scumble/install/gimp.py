# SPDX-License-Identifier: Apache-2.0
"""Where the GIMPs of this user look for plug-ins.

Invariant: only GIMP 3; a GIMP 2 folder is never touched. GIMP wants `plug-ins/scumble/scumble.py`, executable.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scumble.install import core
from scumble.install.core import Place, Standing

TITLE = "GIMP 3"
EXECUTABLE = ("scumble.py",)
PLUGIN = "scumble"
FLATPAK = "org.gimp.GIMP"
NEXT = "Start GIMP (again); Scumble is in Filters > Artistic."


def source() -> Path:
    """The plug-in's own folder."""
    return core.sources("plugin_gimp") / PLUGIN


def install(place: Place, command: Sequence[str]) -> None:
    core.install(source(), place, command, EXECUTABLE)


def standing(place: Place) -> Standing:
    return core.standing(source(), place)


def files() -> list[tuple[str, bytes, bool]]:
    return [(f"{PLUGIN}/{name}", data, name in EXECUTABLE) for name, data in core.bundle(source())]


def given(plug_ins: Path) -> Place:
    """The place in a folder that GIMP's preferences list under Folders > Plug-ins."""
    return Place("GIMP 3", plug_ins / PLUGIN)


def places(environment: Mapping[str, str] | None = None, home: Path | None = None) -> list[Place]:
    """The plug-in's place in each GIMP 3 of this user; none where there is no sign of GIMP 3."""
    env = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    if env.get("GIMP3_DIRECTORY"):
        return [given(Path(env["GIMP3_DIRECTORY"]) / "plug-ins")]
    known = [
        Place(f"GIMP {version.name}{suffix}", version / "plug-ins" / PLUGIN, sandboxed)
        for suffix, base, sandboxed in _bases(env, home)
        for version in sorted(base.glob("3.*"))
        if version.is_dir() and re.fullmatch(r"3\.\d+", version.name)
    ]
    return known or _never_started(env, home)


def _bases(env: Mapping[str, str], home: Path) -> list[tuple[str, Path, bool]]:
    """(suffix of its name, folder with one folder a version, whether it is a sandbox), by how GIMP was installed."""
    if sys.platform == "win32":
        return [("", Path(env.get("APPDATA") or home / "AppData" / "Roaming") / "GIMP", False)]
    if sys.platform == "darwin":
        return [("", home / "Library" / "Application Support" / "GIMP", False)]
    return [
        ("", _config(env, home), False),
        (" (Flatpak)", home / ".var" / "app" / FLATPAK / "config" / "GIMP", True),
        (" (Snap)", home / "snap" / "gimp" / "current" / ".config" / "GIMP", True),
    ]


def _config(env: Mapping[str, str], home: Path) -> Path:
    return Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP"


def _never_started(env: Mapping[str, str], home: Path) -> list[Place]:
    """A GIMP on PATH makes its folder when it starts; ask it which version it is."""
    program = next(filter(None, map(shutil.which, ("gimp-console-3.0", "gimp-console", "gimp-3.0", "gimp"))), None)
    if sys.platform in ("win32", "darwin") or program is None:
        return []
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    match = re.search(r"\b(3\.\d+)\.\d+", output)
    return [Place(f"GIMP {match[1]}", _config(env, home) / match[1] / "plug-ins" / PLUGIN)] if match else []
