# SPDX-License-Identifier: Apache-2.0
"""Writing files so that a reader sees the old one or the new one, never half of one, also after a power cut."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from scumble.api.errors import ScumbleError


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading. Raises OSError also for a pipe, a socket or a device, which may never end or never begin."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "It is a pipe or a device, not a file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, same suffix; what the block wrote there takes the place of `path` when it ends.

    A block that raises leaves `path` as it was and nothing beside it. A link stays a link: what it leads to is replaced. The
    new file has the mode and owner of the old one. Raises OSError, also where the old file may not be written.
    """
    if path.is_symlink():
        path = _goal(path)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    old = _old(path)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if old is None else 0o600))
        yield temporary
        with open(temporary, "rb+") as f:
            os.fsync(f.fileno())
        if old is not None:
            _keep_identity(temporary, old)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _goal(link: Path) -> Path:
    """The file that a link leads to, which need not exist. Raises OSError where links lead in a circle."""
    with suppress(FileNotFoundError):
        link.stat()
    return Path(os.path.realpath(link))


def _old(path: Path) -> os.stat_result | None:
    """What is to be replaced. Raises OSError where it may not be written: a protected file stays."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISREG(old.st_mode) and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return old


def _keep_identity(new: Path, old: os.stat_result) -> None:
    if hasattr(os, "chown"):
        facts = new.stat()
        if (facts.st_uid, facts.st_gid) != (old.st_uid, old.st_gid):
            with suppress(OSError):  # a file of another owner in a folder of ours; the mode below lets nobody else in
                os.chown(new, old.st_uid, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def cannot_write(error: OSError, where: Path) -> ScumbleError:
    """What to tell the user when writing at `where` failed: "disk-full" or "no-write"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ScumbleError("disk-full", f"The disk is full, so {where} was not saved.", "Make room there and try again.")
    return ScumbleError("no-write", f"{where} could not be saved: {error.strerror or error}.", "Check who may write there.")
