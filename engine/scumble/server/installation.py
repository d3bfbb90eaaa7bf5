# SPDX-License-Identifier: Apache-2.0
"""Whether the program that this engine runs is still the one that is installed.

An upgrade or an uninstallation takes the files from under an engine that runs. What it has loaded works on, but the next
worker would be another program, or none. So such an engine ends, and the next use starts what is installed now.
"""

from __future__ import annotations

import sys
from pathlib import Path

import scumble

FileStamp = tuple[int, int, int] | None
"""Inode, time of change and size; None of a file that is gone."""


class Installation:
    """Remembers the program as it is now. `file` stands for all of it: installers write every file again."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or Path(scumble.__file__)
        self._python = Path(sys.executable)
        self._then = _stamp(self._file)

    def changed(self) -> str | None:
        """How the installed program has changed, as the end of a sentence that begins "the engine's files"; None where it has
        not."""
        now = _stamp(self._file)
        if now is None or not self._python.exists():
            return "are gone"
        return None if now == self._then else "have been replaced"


def _stamp(path: Path) -> FileStamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
