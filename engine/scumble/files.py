# SPDX-License-Identifier: Apache-2.0
"""Writing files so that a reader sees the old one or the new one, never half of one, also after a power cut."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scumble.errors import ScumbleError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, same suffix; what the block wrote there takes the place of `path` when it ends.

    A block that raises leaves `path` as it was and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as f:
            os.fsync(f.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def cannot_write(error: OSError, where: Path) -> ScumbleError:
    """What to tell the user when writing at `where` failed: "disk-full" or "no-write"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ScumbleError("disk-full", f"The disk is full, so {where} was not saved.", "Make room there and try again.")
    return ScumbleError("no-write", f"{where} could not be saved: {error.strerror or error}.", "Check who may write there.")
