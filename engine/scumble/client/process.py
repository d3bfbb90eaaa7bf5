# SPDX-License-Identifier: Apache-2.0
"""Whether a process that a file names is the one it names, still alive.

Invariant: the wall clock decides nothing where the kernel tells better: a clock that is set by hours, or that a laptop finds
wrong after sleep, turns no living engine into a dead one.
"""

from __future__ import annotations

import os
from typing import Optional

_CLOCK_SLACK = 60.0
"""Seconds two readings of a start time may differ, where a file of an older engine has nothing better."""


def process_lives(pid: int, started: float, birth: str = "") -> bool:
    """Whether process `pid` lives and is the one that `birth` (or, without it, `started`, in seconds since the epoch)
    describes; True where that cannot be known."""
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
    now = process_birth(pid) if birth else ""
    if now:
        return now == birth
    known = start_time(pid)
    return known is None or abs(known - started) <= _CLOCK_SLACK


def process_birth(pid: int) -> str:
    """When a process started, as "boot id:clock ticks since that boot"; "" where /proc does not tell.

    Setting the wall clock changes neither, and no two processes of one number share both.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot = f.read().strip()
        return f"{boot}:{int(_stat(pid)[19])}"
    except (OSError, ValueError, IndexError):
        return ""


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and waits for its parent, perhaps us, to notice; False where /proc does not tell."""
    try:
        return _stat(pid)[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return False


def start_time(pid: int) -> Optional[float]:
    """When a process started, in seconds since the epoch; None where /proc does not tell."""
    try:
        ticks = int(_stat(pid)[19])
        with open("/proc/stat", "rb") as f:
            booted = next(int(line.split()[1]) for line in f if line.startswith(b"btime "))
        return booted + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the process's state on. Raises OSError."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        return f.read().rpartition(b")")[2].split()
