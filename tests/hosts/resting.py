# SPDX-License-Identifier: Apache-2.0
"""What is left of a refinement when the host program that asked for it has been closed: nothing that computes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil

from hosts.root import Host
from scumble.client.blocking import Engine
from scumble.client.locate import read_connection

MOST = 0.1
"""Of a core: a processor that is asked many times a second whether something is to be done, on a busy machine."""


def refining(runtime: Path) -> str | None:
    """The style that the engine refines now; it does not take this question for a painter's program."""
    with Engine.attach(start=False, connection=read_connection(str(runtime))) as engine:
        style: str | None = engine.status()["refining"]
        return style


def revision(runtime: Path, style: str) -> int:
    """The newest of a style; another one as soon as it has been refined."""
    with Engine.attach(start=False, connection=read_connection(str(runtime))) as engine:
        return next(known.revision for known in engine.catalogue().styles if known.id == style)


def comes_true(runtime: Path, wanted: str | None, seconds: float = 60) -> bool:
    """Whether that style (None: none) is being refined before so many seconds are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if refining(runtime) == wanted:
            return True
        time.sleep(0.2)
    return False


def load(host: Host, seconds: float = 4.0) -> float:
    """How many cores the engines of a user keep busy."""
    engines = [process for process in host.processes() if _serves(process)]
    assert engines, "no engine runs"
    before, began = _spent(engines), time.monotonic()
    time.sleep(seconds)
    return (_spent(engines) - before) / (time.monotonic() - began)


def _spent(processes: list[psutil.Process]) -> float:
    spent = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


def _serves(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "python" in process.name() and "scumble.py" not in " ".join(process.cmdline())
    return False
