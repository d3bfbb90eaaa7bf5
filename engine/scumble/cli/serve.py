# SPDX-License-Identifier: Apache-2.0
"""`scumble serve`: the engine itself, in the foreground. Usually nobody types this: the first use starts it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from scumble.cli.exits import Exit
from scumble.cli.say import problem
from scumble.client.folders import runtime_dir


@click.command()
@click.option("--idle", type=click.FloatRange(min=0), metavar="SECONDS", help="End after so long without a client.")
@click.option("--device", metavar="NAME", help="A torch device, like cpu or cuda:1; auto takes the first CUDA device.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads that torch may use.")
@click.option(
    "--listen", metavar="tcp://HOST:PORT", help="Listen there; control one port higher. Beyond this machine, CURVE only."
)
@click.option("--curve-key", type=click.Path(path_type=Path), metavar="FILE", help="The engine's own secret CURVE certificate.")
@click.option(
    "--curve-clients", type=click.Path(path_type=Path), metavar="FOLDER", help="Public certificates of allowed clients."
)
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Refine new styles in idle time, or, to spare a battery, only when asked.  [default: refine, unless SCUMBLE_REFINE=0]",
)
@click.option(
    "--verbose/--quiet", default=None, help="Show the log on stderr, or only write it to its file.  [default: on a terminal]"
)
def serve(verbose: bool | None, **given: Any) -> None:
    """Run the engine in the foreground. The first use of Scumble starts one by itself."""
    from scumble.server import engine

    shown = sys.stderr.isatty() if verbose is None else verbose
    chosen = {name: value for name, value in given.items() if value is not None}
    code = engine.serve(engine.Options(verbose=shown, **chosen))
    if code == Exit.LOCKED:
        problem(f"Another engine already runs in {runtime_dir()}.", "Use that one, or end it with `scumble stop`.")
    click.get_current_context().exit(code)
