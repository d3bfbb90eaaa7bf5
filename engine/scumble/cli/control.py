# SPDX-License-Identifier: Apache-2.0
"""`scumble status` and `scumble stop`: neither ever starts an engine."""

from __future__ import annotations

from typing import Any

import click
import psutil

from scumble.cli.connect import engine, json_option, remote_options
from scumble.cli.exits import Exit
from scumble.cli.say import OUT, emit_json
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError

STOP_SECONDS = 10.0
"""The worker has 2 s to stop its work; beyond five times that something hangs."""


@click.command()
@remote_options
@json_option
def status(as_json: bool) -> None:
    """Say what the engine is doing. Exit code 4 when none is running."""
    try:
        with engine(start=False) as attached:
            answer = dict(attached.status())
    except EngineError as e:
        if e.code != "engine-missing":
            raise
        if as_json:
            emit_json({"running": False})
        else:
            OUT.print("No engine is running.")
        click.get_current_context().exit(Exit.ENGINE)
    facts = {name: value for name, value in answer.items() if name not in ("type", "re")}
    if as_json:
        emit_json({"running": True, **facts})
        return
    for name, value in facts.items():
        OUT.print(f"[dim]{name:>10}[/]  {_shown(name, value)}")


@click.command()
def stop() -> None:
    """Stop the engine; its jobs are cancelled. Having none to stop is no error."""
    try:
        with engine(start=False) as attached:
            end(attached)
    except EngineError as e:
        if e.code != "engine-missing":
            raise
        OUT.print("No engine is running.")
        return
    OUT.print("The engine has stopped.")


def end(attached: Engine) -> None:
    """Shut the engine down and return when its process is gone. Raises EngineError "engine-lost" when it stays."""
    pid = attached.status()["pid"]
    try:
        process = psutil.Process(pid)
        try:
            attached.shutdown()
        except EngineError as e:
            if e.code != "engine-lost":  # it may be gone before its answer is
                raise
        process.wait(STOP_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        message = f"The engine was asked to stop {STOP_SECONDS:.0f} s ago and its process {pid} still lives."
        raise EngineError("engine-lost", message, "Wait, or end that process yourself.") from None


def _shown(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{v} {k}" if name == "jobs" else f"{k} {v}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(str(v.get("name", v)) if isinstance(v, dict) else str(v) for v in value)
    if name in ("bytes", "budget"):
        return f"{value / 2**20:.0f} MB"
    if name == "uptime":
        return f"{value:.0f} s"
    return str(value)
