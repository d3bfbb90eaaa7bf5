# SPDX-License-Identifier: Apache-2.0
"""How every subcommand reaches the engine: the one client everybody uses, over the pyzmq link."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from scumble import __version__
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError
from scumble.client.locate import read_connection

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

TRIES = 10
"""Times a busy engine is asked before the next picture has its turn; between two of them it names the pause."""
START_SECONDS = 30.0
"""Starting takes a few seconds; a busy machine or a cold disk may need several times that."""


@contextmanager
def engine(start: bool = True) -> Iterator[Engine]:
    """The running engine, or with `start` a fresh one. Raises EngineError "engine-missing" and its like."""
    from scumble.zmqlink import ZmqLink

    if not start and read_connection() is None:  # nobody will start one, so there is nothing to wait for
        raise EngineError("engine-missing", "No engine is running.", "Start one with `scumble serve`, or leave --no-start out.")
    attached = Engine.attach(
        start=start,
        timeout=START_SECONDS,
        client=f"scumble-cli/{__version__}",
        host="command line",
        link=ZmqLink,
        command=[sys.executable, "-m", "scumble", "serve"],  # this installation, whatever `scumble` may be on PATH
    )
    with attached:
        yield attached


def patiently(ask: Callable[[], T], wait: Callable[[float], None] = time.sleep) -> T:
    """What `ask` gives, asked again while the engine is too busy to take it. Raises EngineError."""
    for _ in range(TRIES - 1):
        try:
            return ask()
        except EngineError as e:
            if e.retry_after is None:
                raise
            wait(e.retry_after)
    return ask()


def no_start_option(command: F) -> F:
    """--no-start."""
    return click.option("--no-start", is_flag=True, help="Use a running engine only; never start one.")(command)


def json_option(command: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)
