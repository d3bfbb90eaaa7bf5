# SPDX-License-Identifier: Apache-2.0
"""How every subcommand reaches the engine: the one client everybody uses, over the pyzmq link.

Invariant: an engine elsewhere is spoken to over CURVE alone, and no local one is started or used in its place.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from scumble import __version__
from scumble.cli.say import note
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError
from scumble.client.locate import Connection, read_connection

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

CLIENT = f"scumble-cli/{__version__}"
ENGINE_COMMAND = (sys.executable, "-m", "scumble", "serve")
"""This installation's, whatever `scumble` may be on PATH."""
REMOTE = ("scumble.engine", "scumble.engine-key", "scumble.key")
"""Where the options that name an engine elsewhere are kept, for the length of a command."""
TRIES = 10
"""Times a busy engine is asked before the next picture has its turn; between two of them it names the pause."""
START_SECONDS = 30.0
"""Starting takes a few seconds; a busy machine or a cold disk may need several times that."""


@contextmanager
def engine(start: bool = True) -> Iterator[Engine]:
    """The engine that --engine names, else the running one, or with `start` a fresh one.

    Raises EngineError "engine-missing" and its like, click.UsageError where one of --engine and its keys is missing.
    """
    from scumble.cli.zmqlink import CurveKeys, ZmqLink, curve_link

    command = click.get_current_context(silent=True)  # the doctor's checks are called from elsewhere, too
    address, theirs, own = (command.meta.get(name) if command else None for name in REMOTE)
    if address or theirs or own:
        if not (address and theirs and own):
            raise click.UsageError("--engine, --engine-key and --key belong together.")
        with Engine.attach(
            start=False,
            timeout=START_SECONDS,
            client=CLIENT,
            host="command line",
            link=curve_link(CurveKeys.load(theirs, own)),
            connection=address,
        ) as attached:
            _name_older(attached)
            yield attached
        return
    if not start and read_connection() is None:  # nobody will start one, so there is nothing to wait for
        raise EngineError("engine-missing", "No engine is running.", "Start one with `scumble serve`, or leave --no-start out.")
    attached = Engine.attach(
        start=start,
        timeout=START_SECONDS,
        client=CLIENT,
        host="command line",
        link=ZmqLink,
        command=ENGINE_COMMAND,
    )
    with attached:
        _name_older(attached, " `scumble stop` lets the next use start the new one.")
        yield attached


def _name_older(attached: Engine, hint: str = "") -> None:
    """Say so where the engine is of an older version than this: what it lacks would look like a fault."""
    theirs = attached.welcome.engine if attached.welcome else ""
    if _numbers(theirs) < _numbers(__version__):
        note(f"The engine is of version {theirs or 'unknown'}, older than this {__version__}.{hint}")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]


def patiently(ask: Callable[[], T], wait: Callable[[float], None] = time.sleep) -> T:
    """The value of `ask`, which is called again while the engine is too busy to take a request. Raises EngineError."""
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


def remote_options(command: F) -> F:
    """--engine, --engine-key and --key, which `engine` follows by itself."""
    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    for flag, kind, metavar, text in (
        ("--key", file, "FILE", "Your own secret CURVE certificate."),
        ("--engine-key", file, "FILE", "The public CURVE certificate of the engine elsewhere."),
        ("--engine", _address, "tcp://HOST:PORT", "Use an engine elsewhere, which listens there."),
    ):
        click.option(flag, type=kind, metavar=metavar, help=text, expose_value=False, callback=_keep)(command)
    return command


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Remember an option's value for `engine`."""
    context.meta["scumble." + option.opts[0].lstrip("-")] = value


def _address(text: str) -> Connection:
    """tcp://host:port of work; control is one port higher."""
    match = re.fullmatch(r"(tcp://[^/]+):(\d{1,5})", text)
    if not match or not 0 < int(match[2]) < 65535:
        raise click.BadParameter(f"{text!r} is no address of an engine; it looks like tcp://studio.local:5570.")
    return Connection(text, f"{match[1]}:{int(match[2]) + 1}")


def json_option(command: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)
