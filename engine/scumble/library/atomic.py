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
    """Open a file for reading. Raises OSError also for a pipe, a socket or a device, from which reading may block forever."""
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
    """Give a temporary path beside `path`, with its suffix; the file written there replaces `path` when the block ends.

    A block that raises leaves `path` as it was and nothing beside it. A symbolic link stays: its target is replaced. The
    new file has the mode and owner of the old one. Raises OSError, also where the old file may not be written.
    """
    if path.is_symlink():
        path = _target(path)
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


def _target(link: Path) -> Path:
    """The target of a link, which need not exist. Raises OSError where links form a circle."""
    with suppress(FileNotFoundError):
        link.stat()
    return Path(os.path.realpath(link))


def _old(path: Path) -> os.stat_result | None:
    """The status of the file to be replaced. Raises OSError where it is write-protected, which a rename would ignore."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISREG(old.st_mode) and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return old


def _keep_identity(new: Path, old: os.stat_result) -> None:
    """Give the new file the mode and, where allowed, the owner of the old one."""
    if hasattr(os, "chown"):
        status = new.stat()
        if (status.st_uid, status.st_gid) != (old.st_uid, old.st_gid):
            with suppress(OSError):  # another's file in our folder: the new owner is us, and the mode stays
                os.chown(new, old.st_uid, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`, all or nothing. Raises OSError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def cannot_write(error: OSError, where: Path) -> ScumbleError:
    """The error for the user when writing `where` failed: ScumbleError "disk-full" or "no-write"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ScumbleError("disk-full", f"The disk is full, so {where} was not saved.", "Make room there and try again.")
    return ScumbleError("no-write", f"{where} could not be saved: {error.strerror or error}.", "Check who may write there.")
