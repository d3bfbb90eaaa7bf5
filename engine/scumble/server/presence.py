# SPDX-License-Identifier: Apache-2.0
"""How the engine is found: runtime folder, lock, addresses and connection file (docs/protocol.md, section 2).

Invariant: while a process holds the lock it is the only engine of this runtime folder, and a connection file with its
pid is complete, private and true.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from scumble.client.locate import CONNECTION_FILE
from scumble.server import limits

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class AlreadyRunning(Exception):
    """Another engine holds the lock."""


@dataclass(frozen=True)
class Connection:
    """The connection file."""

    protocol: int
    pid: int
    started: float
    work: str
    control: str
    token: str
    version: str


def private_folder(path: Path) -> Path:
    """Make `path` ours and 0700. Raises PermissionError where it belongs to somebody else or is a link."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise PermissionError(f"{path} is not a folder")
    if sys.platform != "win32":
        if info.st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to another user")
        if stat.S_IMODE(info.st_mode) & 0o077:
            path.chmod(0o700)
    return path


def lock(runtime: Path) -> IO[bytes]:
    """Hold the engine's lock until the returned file is closed or the process ends. Raises AlreadyRunning."""
    file = open(runtime / "engine.lock", "ab")  # noqa: SIM115 - kept open for the life of the engine
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.close()
        raise AlreadyRunning(str(runtime)) from e
    return file


def endpoints(runtime: Path) -> tuple[str, str]:
    """Where to bind work and control: Unix sockets in `runtime`, or TCP ports to be chosen where there can be none."""
    paths = runtime / "work", runtime / "control"
    if sys.platform == "win32" or max(len(os.fsencode(p)) for p in paths) > limits.ADDRESS:
        return "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"
    for path in paths:
        path.unlink(missing_ok=True)  # of an engine that was killed; we hold the lock
    return f"ipc://{paths[0]}", f"ipc://{paths[1]}"


def describe(work: str, control: str, token: str, version: str) -> Connection:
    """The connection file of this process."""
    started = psutil.Process().create_time()
    return Connection(limits.PROTOCOL, os.getpid(), started, work, control, token, version)


def publish(runtime: Path, connection: Connection) -> Path:
    """Write the connection file so that a reader sees all of it or none."""
    path = runtime / CONNECTION_FILE
    # mkstemp opens with O_EXCL and 0600.
    handle, temporary = tempfile.mkstemp(prefix=".engine-", suffix=".json", dir=runtime)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(connection), file)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def withdraw(connection: Connection, runtime: Path) -> None:
    """Remove connection file and sockets, if the file is still ours. The lock must be held."""
    path = runtime / CONNECTION_FILE
    try:
        written: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if not isinstance(written, dict) or written.get("token") != connection.token:
        return
    path.unlink(missing_ok=True)
    for address in (connection.work, connection.control):
        if address.startswith("ipc://"):
            Path(address.removeprefix("ipc://")).unlink(missing_ok=True)
