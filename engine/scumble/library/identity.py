# SPDX-License-Identifier: Apache-2.0
"""Which names lead to the same file, so that no command replaces a file that it reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from scumble.api.errors import ScumbleError

Identity = tuple[int, int] | str


def identity(path: Path) -> Identity:
    """What identifies a path's file by any of its names: the file if there is one, else the place, links followed."""
    try:
        facts = path.stat()
        if facts.st_ino:
            return facts.st_dev, facts.st_ino
    except (OSError, ValueError):
        pass
    real = os.path.normcase(os.path.realpath(path))
    return real.casefold() if sys.platform == "darwin" else real


def refuse_replacing(written: Iterable[Path], read: Mapping[Path, str], hint: str) -> None:
    """Refuse to write a file that is read, whatever its name; `read` says what each is. Raises ScumbleError "bad-options"."""
    inputs = {identity(path): (path, role) for path, role in read.items()}
    for path in written:
        if clash := inputs.get(identity(path)):
            raise ScumbleError("bad-options", f"{clash[0]}, {clash[1]}, would be overwritten.", hint)


def refuse_inside(out: Path, folder: Path, role: str, hint: str) -> None:
    """Refuse a folder for results within one whose pictures are read: they would be among these the next time.

    Raises ScumbleError "bad-options".
    """
    if not folder.is_dir():
        return
    place = Path(os.path.realpath(out))
    if identity(folder) in {identity(above) for above in (place, *place.parents)}:
        raise ScumbleError("bad-options", f"{out} lies in {folder}, the folder of {role}.", hint)
