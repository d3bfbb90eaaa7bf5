# SPDX-License-Identifier: Apache-2.0
"""Finds the engine's connection file and starts an engine where there is none (docs/protocol.md, section 2).

Invariant: a connection file is used only if nobody but its owner, who is us, could have written it, it names places on
this machine alone, and its process is alive where that can be told. Anything else counts as no engine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import EngineError

CONNECTION_FILE = "engine.json"
COMMAND_FILE = "engine-command.json"
LOG_FILE = "start.log"

LOST_RACE = 75
"""The exit code of an engine that found another one running (EX_TEMPFAIL)."""

_MAX_FILE = 64 << 10
_MAX_LOG = 1 << 20
_CLOCK_SLACK = 60.0
"""Seconds two readings of a process's start time may differ: the wall clock is set now and then."""
_STRIPPED = ("PYTHON", "QT_", "GTK_", "GI_", "DYLD_")
_STRIPPED_WHOLE = ("LD_LIBRARY_PATH", "LD_PRELOAD")
_BUNDLES = ("APPDIR", "APPIMAGE", "SNAP", "FLATPAK_ID")


@dataclass(frozen=True)
class Connection:
    """Where an engine listens. `token` is empty for a remote engine, which CURVE proves instead."""

    work: str
    control: str
    token: str = ""
    pid: int = 0
    started: float = 0.0
    version: str = ""


@dataclass(frozen=True)
class Launch:
    """An engine on its way up: its process, and the file it complains to."""

    process: subprocess.Popen[bytes]
    log: str

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def failure(self) -> EngineError | None:
        """Why there will be no engine from this start; None while it may still come, or another start won the race."""
        code = self.process.poll()
        if code is None or code in (0, LOST_RACE):
            return None
        words = last_words(self.log)
        said = f" Its last words were: {words}" if words else ""
        return EngineError(
            "engine-missing",
            f"The engine ended while it started (exit code {code}).{said}",
            f"Its log is {self.log}; `scumble doctor` says what is wrong.",
        )


def runtime_dir() -> str:
    """The folder of the connection file. It need not exist."""
    env = os.environ
    if env.get("SCUMBLE_RUNTIME_DIR"):
        return env["SCUMBLE_RUNTIME_DIR"]
    if env.get("XDG_RUNTIME_DIR"):
        return os.path.join(env["XDG_RUNTIME_DIR"], "scumble")
    if sys.platform == "win32":
        base = env.get("LOCALAPPDATA") or os.path.expanduser(os.path.join("~", "AppData", "Local"))
        return os.path.join(base, "scumble", "run")
    caches = os.path.join("~", "Library", "Caches") if sys.platform == "darwin" else os.path.join("~", ".cache")
    return os.path.join(os.path.expanduser(caches), "scumble", "run")


def read_connection(directory: str | None = None) -> Connection | None:
    """The engine that the connection file names, or None where there is none to be trusted."""
    folder = runtime_dir() if directory is None else directory
    text = _read_private(folder, CONNECTION_FILE)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        found = Connection(
            work=_typed(entry, "work", str),
            control=_typed(entry, "control", str),
            token=_typed(entry, "token", str),
            pid=_typed(entry, "pid", int),
            started=float(_typed(entry, "started", (int, float))),
            version=_typed(entry, "version", str),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    ours = all(_is_local(endpoint, folder) for endpoint in (found.work, found.control))
    return found if ours and re.fullmatch(r"[0-9a-f]{64}", found.token) and process_lives(found.pid, found.started) else None


def start_engine(command: Sequence[str] | None = None) -> Launch:
    """Start an engine in a session of its own and return at once; its connection file tells when it listens.

    `command` is what the caller would run; the order of docs/protocol.md applies: $SCUMBLE_ENGINE goes before it, and
    without it come the recorded command and PATH. Raises EngineError "engine-missing".
    """
    chosen = start_command(command)
    folder = runtime_dir()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        log = os.path.join(folder, LOG_FILE)
        with open(_open_log(log), "ab") as f:
            process = subprocess.Popen(  # lives longer than its starter, on purpose
                chosen,
                stdin=subprocess.DEVNULL,
                stdout=f,
                stderr=f,
                cwd=folder,  # no module of the user's working folder must shadow the engine's
                env=clean_environment(os.environ),
                start_new_session=os.name == "posix",
                creationflags=0x08000200 if os.name == "nt" else 0,  # CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP
            )
    except OSError as e:
        raise EngineError(
            "engine-missing",
            f"The engine could not be started with `{shlex.join(chosen)}` ({e.strerror or e}).",
            "Install Scumble again, then run `scumble plugin install`.",
        ) from e
    return Launch(process, log)


def start_command(command: Sequence[str] | None = None) -> list[str]:
    """The command that starts an engine. Raises EngineError "engine-missing", which says where was looked."""
    if os.environ.get("SCUMBLE_ENGINE"):
        return shlex.split(os.environ["SCUMBLE_ENGINE"], posix=os.name == "posix")
    if command:
        return list(command)
    record = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), COMMAND_FILE)
    recorded = _recorded(record)
    if recorded:
        return recorded
    on_path = shutil.which("scumble")
    if on_path:
        return [on_path, "serve"]
    raise EngineError(
        "engine-missing",
        f"No Scumble engine was found: $SCUMBLE_ENGINE is not set, {record} names none, and no `scumble` is on PATH.",
        "Install it with `pip install scumble`, then run `scumble plugin install`.",
    )


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what a host set for its own Python, libraries and toolkit."""
    bundled = any(name in environment for name in _BUNDLES)
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_STRIPPED) and name not in _STRIPPED_WHOLE and not (bundled and name == "XDG_DATA_DIRS")
    }


def process_lives(pid: int, started: float) -> bool:
    """Whether process `pid`, started at `started` (seconds since the epoch), lives; True where that cannot be told."""
    if os.name != "posix" or os.path.exists("/.flatpak-info"):  # a sandbox has process numbers of its own
        return True
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    if is_zombie(pid):
        return False
    known = start_time(pid)
    return known is None or abs(known - started) <= _CLOCK_SLACK


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and waits for its parent, perhaps us, to notice; False where /proc does not tell."""
    try:
        return _stat(pid)[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return False


def start_time(pid: int) -> float | None:
    """When a process started, in seconds since the epoch; None where /proc does not tell."""
    try:
        ticks = int(_stat(pid)[19])
        with open("/proc/stat", "rb") as f:
            booted = next(int(line.split()[1]) for line in f if line.startswith(b"btime "))
        return booted + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _stat(pid: int) -> list[bytes]:
    """What /proc tells of a process, from its state on. Raises OSError."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        return f.read().rpartition(b")")[2].split()


def last_words(log: str) -> str:
    """The last line of a log file that says something, shortened."""
    try:
        with open(log, "rb") as f:
            f.seek(max(0, os.path.getsize(log) - 4096))
            lines = [line.strip() for line in f.read().decode("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    return next((line[-200:] for line in reversed(lines) if line), "")


def _read_private(folder: str, name: str) -> bytes | None:
    """A file's bytes if folder and file are ours alone, else None."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not _ours(os.stat(folder)):
            return None
        with open(os.open(os.path.join(folder, name), flags), "rb") as f:
            facts = os.fstat(f.fileno())
            return f.read(_MAX_FILE) if stat.S_ISREG(facts.st_mode) and _ours(facts) else None
    except OSError:
        return None


def _ours(facts: os.stat_result) -> bool:
    return os.name != "posix" or (facts.st_uid == os.getuid() and not facts.st_mode & 0o077)


def _is_local(endpoint: str, folder: str) -> bool:
    if endpoint.startswith("ipc://"):
        return os.path.realpath(os.path.dirname(endpoint[len("ipc://") :])) == os.path.realpath(folder)
    return re.fullmatch(r"tcp://(127\.0\.0\.1|\[::1\]):\d{1,5}", endpoint) is not None


def _typed(entry: dict[str, Any], name: str, kind: Any) -> Any:
    value = entry[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(name)
    return value


def _recorded(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as f:
            command = json.load(f)["command"]
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return command if isinstance(command, list) and all(isinstance(part, str) for part in command) else []


def _open_log(path: str) -> int:
    """A descriptor that appends to the log; what an earlier engine wrote is kept while it is small."""
    big = os.path.exists(path) and os.path.getsize(path) > _MAX_LOG
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if big else 0), 0o600)
