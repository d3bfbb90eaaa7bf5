# SPDX-License-Identifier: Apache-2.0
"""The `scumble` command: a table of subcommands, each imported when it is called, and the one place where errors end.

Invariant: a user sees one clear sentence and a hint, never a traceback (but with --debug), and the exit code of exits.py.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

import click

from scumble import __version__
from scumble.api.errors import ScumbleError
from scumble.cli.exits import Exit, exit_for, exit_of
from scumble.cli.say import bug, problem, safe_output
from scumble.cli.signals import Ended, ending_like_ctrl_c
from scumble.client.errors import EngineError

COMMANDS = {
    "stylize": "scumble.cli.stylize:stylize",
    "styles": "scumble.cli.styles:styles",
    "methods": "scumble.cli.methods:methods",
    "status": "scumble.cli.control:status",
    "stop": "scumble.cli.control:stop",
    "doctor": "scumble.cli.doctor:doctor",
    "plugin": "scumble.cli.plugin:plugin",
    "demo": "scumble.cli.demo:demo",
    "train": "scumble.cli.train:train",
    "evaluate": "scumble.cli.evaluate:evaluate",
    "serve": "scumble.cli.serve:serve",
}

LOST_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
"""Errors without a file name that mean stdout: everything else that writes names its file."""


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported when they are needed: `serve` must start quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, 1, 0.6)
            if near:  # "stylise", "style"
                raise click.UsageError(f"There is no command {cmd_name!r}. Did you mean {near[0]}?", ctx)
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="scumble")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def scumble(debug: bool) -> None:
    """Neural style transfer for people who paint."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (default: sys.argv) and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given[:1]
    with safe_output(), ending_like_ctrl_c(), _quiet_libraries(debug):
        try:
            code = int(scumble.main(args=given, prog_name="scumble", standalone_mode=False) or 0)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except click.ClickException as e:
            e.show()
            return e.exit_code
        except (click.Abort, KeyboardInterrupt) as e:
            return _interrupted(e)
        except (ScumbleError, EngineError) as e:
            if debug:
                raise
            problem(e.message, e.hint)
            return exit_for(e.code)
        except SystemExit:  # how click and rich leave when the reader of our output has gone
            _forget_stdout()
            return Exit.NO_WRITE
        except Exception as e:
            if debug:
                raise
            return _unforeseen(e)


def _interrupted(e: BaseException) -> Exit:
    cause = e if isinstance(e, KeyboardInterrupt) else e.__cause__
    problem(f"Ended by {cause.name}." if isinstance(cause, Ended) else "Cancelled.")
    return exit_of(cause)


def _unforeseen(e: Exception) -> Exit:
    if isinstance(e, OSError) and e.filename is None and e.errno in LOST_OUTPUT:
        _forget_stdout()
        if e.errno != errno.EPIPE:
            problem(f"The output cannot be written: {e.strerror}.")
        return Exit.NO_WRITE
    if isinstance(e, OSError) and e.filename is not None:
        problem(f"{os.fsdecode(e.filename)} cannot be used: {e.strerror}.", "Check its name, and who may read and write it.")
        return Exit.NO_WRITE
    problem(*bug(e))
    return Exit.BUG


@contextlib.contextmanager
def _quiet_libraries(debug: bool) -> Iterator[None]:
    """Python's warnings are for programmers: with --debug, or where the interpreter was asked for them."""
    with warnings.catch_warnings():
        if not debug and not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield


def _forget_stdout() -> None:
    """Drop what Python still holds for a stdout that failed, so that it does not fail again at exit."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
