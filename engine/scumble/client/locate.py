# SPDX-License-Identifier: Apache-2.0
"""Finds the engine's connection file and starts an engine where there is none (docs/protocol.md, section 2).

Invariant: a connection file is used only if nobody but its owner, who is us, could have written it, it names places on
this machine alone, and its process is alive where that can be known. Anything else counts as no engine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from .errors import EngineError
from .folders import absolute_places, claim, runtime_dir
from .process import process_lives

CONNECTION_FILE = "engine.json"
COMMAND_FILE = "engine-command.json"
LOG_FILE = "start.log"

LOST_RACE = 75
"""The exit code of an engine that found another one running (EX_TEMPFAIL)."""

_MAX_FILE = 64 << 10
_MAX_LOG = 1 << 20
_REFUSED = "scumble: "
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
    birth: str = ""
    """`process.process_birth` of its process; empty of engines that do not say."""


@dataclass(frozen=True)
class Launch:
    """The start of an engine that may not listen yet."""

    process: subprocess.Popen[bytes]
    log: str
    """Path of the file that takes what it prints."""
    before: int = 0
    """Bytes that earlier starts have left in that file."""

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def failure(self) -> EngineError | None:
        """Why there will be no engine from this start; None while it may still come, or another start won the race."""
        code = self.process.poll()
        if code is None or code in (0, LOST_RACE):
            return None
        reason, hint = refusal(self.log, self.before)
        if reason:
            return EngineError("engine-missing", f"The engine did not start: {reason}", hint or _log_hint(self.log))
        line = last_line(self.log, self.before)
        reason = f" The last line of its log is: {line}" if line else ""
        message = f"The engine ended while it started (exit code {code}).{reason}"
        return EngineError("engine-missing", message, _log_hint(self.log))


def read_connection(directory: str | None = None) -> Connection | None:
    """The engine that the connection file names, or None where there is none to be trusted."""
    folder = runtime_dir() if directory is None else directory
    text = _read_private(folder, CONNECTION_FILE)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        connection = Connection(
            work=_typed(entry, "work", str),
            control=_typed(entry, "control", str),
            token=_typed(entry, "token", str),
            pid=_typed(entry, "pid", int),
            started=float(_typed(entry, "started", (int, float))),
            version=_typed(entry, "version", str),
            birth=_typed(entry, "birth", str) if "birth" in entry else "",
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    ours = all(_is_local(endpoint, folder) for endpoint in (connection.work, connection.control))
    if not ours or not re.fullmatch(r"[0-9a-f]{64}", connection.token):
        return None
    return connection if process_lives(connection.pid, connection.started, connection.birth) else None


def start_engine(command: Sequence[str] | None = None) -> Launch:
    """Start an engine in a session of its own and return at once; its connection file tells when it listens.

    `command` is what the caller would run; the order of docs/protocol.md applies: $SCUMBLE_ENGINE goes before it, and
    without it come the recorded command and PATH. Raises EngineError "engine-missing".
    """
    chosen = start_command(command)
    folder = runtime_dir()
    try:
        claim(folder)
    except OSError as e:
        hint = "Set SCUMBLE_RUNTIME_DIR to a folder of your own; `scumble doctor` says more."
        raise EngineError("engine-missing", f"The engine has no folder to work in: {e}.", hint) from e
    log = os.path.join(folder, LOG_FILE)
    try:
        with _open_log(log) as log_file:
            before = log_file.seek(0, os.SEEK_END)
            process = subprocess.Popen(  # lives longer than its starter, on purpose
                chosen,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                cwd=folder,  # no module of the user's working folder must shadow the engine's
                env=absolute_places(clean_environment(os.environ)),
                start_new_session=os.name == "posix",
                creationflags=0x08000200 if os.name == "nt" else 0,  # CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP
            )
    except OSError as e:
        message = f"The engine could not be started with `{shlex.join(chosen)}` ({e.strerror or e})."
        raise EngineError("engine-missing", message, _start_hint()) from e
    return Launch(process, log, before)


def start_command(command: Sequence[str] | None = None) -> list[str]:
    """The command that starts an engine. Raises EngineError "engine-missing", which names the places that were tried."""
    if os.environ.get("SCUMBLE_ENGINE"):
        return _command_of(os.environ["SCUMBLE_ENGINE"])
    if command:
        return list(command)
    record = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), COMMAND_FILE)
    recorded = _recorded(record)
    if recorded:
        return recorded
    on_path = shutil.which("scumble")
    if on_path:
        return [os.path.abspath(on_path), "serve"]
    raise EngineError(
        "engine-missing",
        f"No Scumble engine was found: $SCUMBLE_ENGINE is not set, {record} names none, and no `scumble` is on PATH.",
        "Install it with `pip install scumble`, then run `scumble plugin install`.",
    )


def start_trouble(command: Sequence[str] | None = None) -> EngineError | None:
    """Why `start_engine` would not find what to start; None where it would. Starts nothing."""
    try:
        program = start_command(command)[0]
    except EngineError as e:
        return e
    if shutil.which(program):
        return None
    return EngineError("engine-missing", f"The engine would be started with {program}, which is no program.", _start_hint())


def _start_hint() -> str:
    named = bool(os.environ.get("SCUMBLE_ENGINE"))
    return "Correct $SCUMBLE_ENGINE, or unset it." if named else "Install Scumble again, then run `scumble plugin install`."


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what a host set for its own Python, libraries and toolkit."""
    bundled = any(name in environment for name in _BUNDLES)
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_STRIPPED) and name not in _STRIPPED_WHOLE and not (bundled and name == "XDG_DATA_DIRS")
    }


def last_line(log: str, before: int = 0) -> str:
    """The last line that is not blank after the first `before` bytes of a log file, shortened."""
    return next((line.strip()[-200:] for line in reversed(_lines(log, before)) if line.strip()), "")


def refusal(log: str, before: int = 0) -> tuple[str, str]:
    """Message and hint of the refusal that a log file ends with, as the command line prints one; empty without one."""
    lines = [line for line in _lines(log, before) if line]
    for number in range(len(lines) - 1, max(-1, len(lines) - 4), -1):
        if lines[number].startswith(_REFUSED):
            return lines[number][len(_REFUSED) :][:1000], " ".join(line.strip() for line in lines[number + 1 :])[:1000]
    return "", ""


def _lines(log: str, before: int) -> list[str]:
    try:
        with open(log, "rb") as f:
            f.seek(max(before, os.path.getsize(log) - 4096))
            return [line.rstrip() for line in f.read().decode("utf-8", "replace").splitlines()]
    except OSError:
        return []


def _log_hint(log: str) -> str:
    return f"Its log is {log}; `scumble doctor` says what is wrong."


def _command_of(line: str) -> list[str]:
    """The command that a shell-quoted line names. The program, and each argument that is a file, relative to our working
    folder are named from the root: the command will be run in another folder. Raises EngineError "engine-missing"."""
    try:
        command = shlex.split(line, posix=os.name == "posix")
    except ValueError as e:
        message = f"$SCUMBLE_ENGINE is no command line ({e}): {line}"
        raise EngineError("engine-missing", message, "Quote it as for a shell, or unset it.") from e
    if not command:
        raise EngineError("engine-missing", "$SCUMBLE_ENGINE is blank.", "Set it to a command line, or unset it.")

    def from_root(part: str, program: bool) -> str:
        part = os.path.expanduser(part) if program else part
        relative = os.path.dirname(part) and not os.path.isabs(part)
        return os.path.abspath(part) if relative and (program or os.path.exists(part)) else part

    return [from_root(part, number == 0) for number, part in enumerate(command)]


def _read_private(folder: str, name: str) -> bytes | None:
    """A file's bytes if folder and file are ours alone, else None."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not _ours(os.lstat(folder)):
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
    """A field of the connection file. Raises KeyError, or TypeError where it is of another type."""
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


def _open_log(path: str) -> BinaryIO:
    """The log, to append to; what an earlier engine wrote is kept while it is small. Nowhere, where it cannot be written:
    that keeps no engine from starting."""
    try:
        big = os.path.exists(path) and os.path.getsize(path) > _MAX_LOG
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if big else 0)
        return open(os.open(path, flags, 0o600), "ab")
    except OSError:
        return open(os.devnull, "ab")
