# SPDX-License-Identifier: Apache-2.0
"""A plug-in's folder inside a host program: written, examined, removed (docs/protocol.md, section 2, says what lies in it).

Invariant: the folder is the old plug-in or the new one, never half of one, and a folder that is not ours is never
overwritten or removed. Besides the plug-in's own files it holds `scumble_client`, a copy of scumble/client, and
`engine-command.json`, how the engine that installed it is started.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import scumble
from scumble.api.errors import ScumbleError
from scumble.library.atomic import cannot_write

CLIENT = "scumble_client"
COMMAND = "engine-command.json"
_PACKAGE = Path(scumble.__file__).parent


@dataclass(frozen=True)
class Place:
    """Where one version of a host program looks for plug-ins. `folder` is the plug-in's own, whether it exists or not."""

    host: str
    """What people call it: "GIMP 3.0"."""
    folder: Path
    sandboxed: bool = False
    """The host cannot start programs outside itself, so a recorded command would be of no use to it."""


@dataclass(frozen=True)
class Standing:
    """The state of the plug-in at a place."""

    place: Place
    installed: bool
    current: bool = False
    """Whether it has the very files that an installation would put there now."""
    command: tuple[str, ...] = ()
    """How it starts the engine."""

    @property
    def works(self) -> bool:
        """Whether the plug-in works, as far as files can tell."""
        return (
            self.installed and self.current and (self.place.sandboxed or bool(self.command and shutil.which(self.command[0])))
        )


def sources(name: str) -> Path:
    """The folder `name` ("plugin_gimp") with a plug-in's files, in an installed package or in a clone.

    Raises ScumbleError "internal".
    """
    for folder in (_PACKAGE / "install" / name, _PACKAGE.parents[1] / name):
        if folder.is_dir():
            return folder
    raise ScumbleError("internal", f"The folder {name} is missing from this installation.", "Install Scumble again.")


def engine_command() -> list[str]:
    """The command that starts this installation's engine."""
    return [sys.executable, "-m", "scumble", "serve"]


def bundle(source: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a plug-in's folder, as (path, content): its own from `source`, its licence, its copy of the client."""
    yield "LICENSE", (source.parent / "LICENSE").read_bytes()
    for root, inside in ((source, ""), (_PACKAGE / "client", f"{CLIENT}/")):
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield inside + path.relative_to(root).as_posix(), path.read_bytes()


def install(source: Path, place: Place, command: Sequence[str], executable: Sequence[str] = ()) -> None:
    """Write the plug-in in `source` to `place`, instead of an older one. `executable` files get the run bit.

    Raises ScumbleError "no-write" or "disk-full".
    """
    _check_ours(place.folder)
    draft = place.folder.with_name(f".{place.folder.name}-{secrets.token_hex(4)}")
    try:
        for name, data in bundle(source):
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if name in executable else 0o644)
        if not place.sandboxed:
            (draft / COMMAND).write_text(json.dumps({"command": list(command)}) + "\n", encoding="utf-8")
        _remove(place.folder)
        draft.rename(place.folder)
    except OSError as e:
        raise cannot_write(e, place.folder) from e
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def uninstall(place: Place) -> bool:
    """Remove the plug-in; whether there was one. Raises ScumbleError "no-write"."""
    _check_ours(place.folder)
    try:
        return _remove(place.folder)
    except OSError as e:
        message = f"{place.folder} could not be removed: {e.strerror or e}."
        raise ScumbleError("no-write", message, "Check who may write there.") from e


def standing(source: Path, place: Place) -> Standing:
    """The state of the plug-in at `place`."""
    if not _ours(place.folder):
        return Standing(place, installed=False)
    wanted = {name: hashlib.sha256(data).digest() for name, data in bundle(source)}
    there = {
        path.relative_to(place.folder).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in place.folder.rglob("*")
        if path.is_file() and path.name != COMMAND and "__pycache__" not in path.parts
    }
    return Standing(place, True, there == wanted, _recorded(place.folder / COMMAND))


def _recorded(path: Path) -> tuple[str, ...]:
    try:
        return tuple(str(part) for part in json.loads(path.read_text(encoding="utf-8"))["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _ours(folder: Path) -> bool:
    return (folder / CLIENT).is_dir()


def _check_ours(folder: Path) -> None:
    if os.path.lexists(folder) and not _ours(folder):
        raise ScumbleError(
            "no-write",
            f"{folder} is there already and is not Scumble's.",
            "Move it away, or name another plug-ins folder with --dir.",
        )


def _remove(folder: Path) -> bool:
    """Out of the host's sight at once, then from the disk."""
    if folder.is_symlink():  # somebody works on the plug-in itself: only the link is ours to take
        folder.unlink()
        return True
    if not folder.exists():
        return False
    grave = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    folder.rename(grave)
    shutil.rmtree(grave)
    return True
