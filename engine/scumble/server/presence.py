# SPDX-License-Identifier: Apache-2.0
"""How the engine is found: runtime folder, lock, addresses and connection file (docs/protocol.md, section 2).

Invariant: while a process holds the lock it is the only engine of this runtime folder, and a connection file with its
pid is complete, private and true.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import platformdirs
import psutil

from scumble.client.folders import absolute, claim
from scumble.client.locate import CONNECTION_FILE
from scumble.client.process import process_birth
from scumble.server import limits

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


LOCK_FILE = "engine.lock"


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
    birth: str


def private_folder(path: Path, *, link: bool = False) -> Path:
    """Make `path` ours and 0700. Raises PermissionError, which says why, where it cannot be: it belongs to somebody else, say,
    or is a link. With `link` it may be a link of ours to a folder of ours."""
    claim(str(path), link=link)
    return path


def cache_dir() -> Path:
    """The absolute path of the engine's cache: log, spool and downloaded weights."""
    own = os.environ.get("SCUMBLE_CACHE_DIR")
    return Path(absolute(own)) if own else platformdirs.user_cache_path("scumble").absolute()


def cache_folders(cache: Path) -> tuple[Path, Path]:
    """The folders in the cache that the engine cannot do without: log and spool."""
    return cache / "log", cache / "spool"


def lock(runtime: Path) -> IO[bytes]:
    """Hold the engine's lock until the returned file is closed or the process ends. Raises AlreadyRunning, and OSError where
    the folder takes no lock."""
    file = open(runtime / LOCK_FILE, "ab")  # noqa: SIM115 - kept open for the life of the engine
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.close()
        if e.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise
        raise AlreadyRunning(str(runtime)) from e
    return file


def endpoints(runtime: Path) -> tuple[str, str]:
    """The addresses to bind, work and control: Unix sockets in `runtime`, or TCP ports to be chosen where there can be none."""
    paths = runtime / "work", runtime / "control"
    if sys.platform == "win32" or max(len(os.fsencode(p)) for p in paths) > limits.ADDRESS or not _is_utf8(runtime):
        return "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"
    for path in paths:
        path.unlink(missing_ok=True)  # of an engine that was killed; we hold the lock
    return f"ipc://{paths[0]}", f"ipc://{paths[1]}"


def _is_utf8(path: Path) -> bool:
    """Whether ZeroMQ can be given the path."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def describe(work: str, control: str, token: str, version: str) -> Connection:
    """The connection file of this process."""
    started = psutil.Process().create_time()
    return Connection(limits.PROTOCOL, os.getpid(), started, work, control, token, version, process_birth(os.getpid()))


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
