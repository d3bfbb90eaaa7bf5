# SPDX-License-Identifier: Apache-2.0
"""A batch of pictures, one after the other.

Invariant: one picture that fails, for whatever reason, does not keep the next from being done, unless what failed would fail
them all (the engine is gone, the disk is full); and of every picture that was begun there is an entry that says how it went.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from scumble.api.errors import ScumbleError
from scumble.cli.ahead import ahead
from scumble.cli.exits import Exit, exit_for, exit_of
from scumble.cli.inputs import Task
from scumble.cli.jobs import Backend, Job
from scumble.cli.paint import Begun, begin, stylize_one
from scumble.cli.progress import Notes, Watch
from scumble.cli.say import ERR, bug, printable, problem
from scumble.cli.signals import Ended
from scumble.client.errors import EngineError
from scumble.video.steady import Steady

FATAL = (Exit.ENGINE, Exit.NO_WRITE, Exit.USAGE)
"""What fails one picture so fails the next."""


@dataclass
class Batch:
    """Does tasks in turn; `entries` are for --json, a dictionary each, with "error" where it failed."""

    backend: Backend
    job: Job
    steady: Steady | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Exit] = field(default_factory=list)
    ended: bool = False
    """Whether it was broken off."""

    def run(self, tasks: list[Task]) -> None:
        """Do the tasks, until one fails in a way that would fail the rest, or somebody ends the command."""
        watch, notes = Watch(len(tasks)), Notes()
        at_once = self.job.at_once
        with watch.watching(), closing(ahead(tasks, partial(begin, self.backend, job=self.job), at_once)) as turns:
            for number, (task, begun) in enumerate(turns, 1):
                self._one(number, task, begun if at_once > 1 else None, watch, notes)
                if self.ended:
                    break
        notes.close()

    def exit(self) -> Exit:
        """One picture's own code; what broke the batch off; else "some failed"."""
        if not self.failures:
            return Exit.OK
        return self.failures[-1] if self.ended or len(self.entries) == 1 else Exit.SOME_FAILED

    def _one(self, number: int, task: Task, begun: Callable[[], Begun | None] | None, watch: Watch, notes: Notes) -> None:
        entry: dict[str, Any] = {"input": str(task.source), "output": str(task.target)}
        self.entries.append(entry)
        try:
            with watch.picture(number, task.source.name) as show:
                entry |= stylize_one(self.backend, task, self.job, show, self.steady, begun)
            where = escape(printable(f"{task.source} -> {task.target}"))
            text = f"{self.job.method}, {entry['seconds']:.1f} s{watch.place(number)}"
            if new := notes.new(entry.get("notes", ())):
                text = "; ".join([text, *(line.removesuffix(".") for line in new)]) + "."
            ERR.print(where, f"[dim]{escape(printable(text))}[/]")
        except EngineError as e:
            self._failed(entry, e.code, f"{task.source}: {e.message}", e.hint, exit_for(e.code), e.message)
        except ScumbleError as e:
            self._failed(entry, e.code, e.message, e.hint, exit_for(e.code))
        except KeyboardInterrupt as e:
            self._failed(entry, "cancelled", f"Ended by {e.name}." if isinstance(e, Ended) else "Cancelled.", "", exit_of(e))
        except Exception as e:
            if _debugging():
                traceback.print_exc()
            message, hint = bug(e)
            self._failed(entry, "internal", f"{task.source}: {message}", hint, Exit.BUG)

    def _failed(self, entry: dict[str, Any], code: str, message: str, hint: str, exit: Exit, short: str = "") -> None:
        entry["error"] = {"code": code, "message": short or message, "hint": hint}
        self.failures.append(exit)
        problem(message, hint)
        own = code == "no-write" and _takes_files(Path(entry["output"]).parent)  # that file's own fault
        self.ended = code == "cancelled" or (exit in FATAL and not own)


def _takes_files(folder: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _debugging() -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("debug"))
