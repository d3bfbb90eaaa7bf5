# SPDX-License-Identifier: Apache-2.0
"""The engine's private folders: where they are, and whether one can be used. Client, engine and `scumble doctor` share these
rules, so that none of them accepts what another refuses.

Invariant: every path given out is absolute, whatever the environment says, so that it means one place to processes that
work in different folders.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from typing import Optional

PLACES = (
    "SCUMBLE_RUNTIME_DIR",
    "SCUMBLE_CACHE_DIR",
    "SCUMBLE_DATA_DIR",
    "SCUMBLE_TRAIN_DIR",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "HOME",
)
"""Variables that name one folder each."""


def runtime_dir() -> str:
    """The absolute path of the folder of the connection file. It need not exist."""
    env = os.environ
    if env.get("SCUMBLE_RUNTIME_DIR"):
        return absolute(env["SCUMBLE_RUNTIME_DIR"])
    if env.get("XDG_RUNTIME_DIR"):
        return os.path.join(absolute(env["XDG_RUNTIME_DIR"]), "scumble")
    if sys.platform == "win32":
        base = env.get("LOCALAPPDATA") or os.path.expanduser(os.path.join("~", "AppData", "Local"))
        return os.path.abspath(os.path.join(base, "scumble", "run"))
    caches = os.path.join("~", "Library", "Caches") if sys.platform == "darwin" else os.path.join("~", ".cache")
    return os.path.abspath(os.path.join(os.path.expanduser(caches), "scumble", "run"))


def absolute(path: str) -> str:
    """A path from the environment, absolute, with ~ replaced: shells leave it between quotes, desktop files always."""
    return os.path.abspath(os.path.expanduser(path))


def absolute_places(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with absolute paths in the variables of PLACES, for a process that will work in another folder."""
    return {name: absolute(value) if name in PLACES and value else value for name, value in environment.items()}


def trouble(path: str, *, link: bool = False) -> Optional[str]:
    """Why `path` cannot be a private folder of ours, as the end of a sentence that begins with the path; None where it can,
    which includes that it can be made. With `link` it may be a link of ours to a folder of ours. Changes nothing."""
    try:
        here = os.lstat(path)
        if stat.S_ISLNK(here.st_mode):
            if not link:
                return "is a link, and must be a folder"
            if not _is_ours(here):
                return "is a link that belongs to another user"
            here = os.stat(path)
    except FileNotFoundError:
        return "is a link to nothing" if os.path.islink(path) else _why_not_made(path)
    except OSError as e:
        return f"cannot be reached ({e.strerror or e})"
    if not stat.S_ISDIR(here.st_mode):
        return "is not a folder"
    if not _is_ours(here):
        return "belongs to another user"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written"
    return None


def is_open(path: str) -> bool:
    """Whether other users have any right to an existing folder. An engine that starts closes it."""
    return os.name == "posix" and bool(stat.S_IMODE(os.stat(path).st_mode) & 0o077)


def claim(path: str, *, link: bool = False) -> str:
    """Make `path` a private folder of ours (mode 0700) and give it back. Raises PermissionError that says why it cannot be.

    The target of a `link` only loses the right of others to write: it may be a disk's folder that they may read.
    """
    why = trouble(path, link=link)
    if why is None:
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            why = trouble(path, link=link)  # as it is now: somebody else may have been faster
            mode = stat.S_IMODE(os.stat(path).st_mode)
            refused = 0o022 if os.path.islink(path) else 0o077
            if why is None and os.name == "posix" and mode & refused:
                os.chmod(path, mode & ~refused if os.path.islink(path) else 0o700)
        except OSError as e:
            why = f"cannot be used ({e.strerror or e})"
    if why is not None:
        raise PermissionError(f"{path} {why}")
    return path


def _why_not_made(path: str) -> Optional[str]:
    """Why a folder that does not exist cannot be made."""
    above = os.path.dirname(path)
    try:
        while not os.path.lexists(above) and above != os.path.dirname(above):
            above = os.path.dirname(above)
    except OSError as e:
        return f"cannot be made ({e.strerror or e})"
    if not os.path.isdir(above):
        return f"cannot be made: {above} is not a folder"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"cannot be made: {above} cannot be written"
    return None


def _is_ours(facts: os.stat_result) -> bool:
    return os.name != "posix" or facts.st_uid == os.getuid()
