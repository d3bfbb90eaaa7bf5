# SPDX-License-Identifier: Apache-2.0
"""Which pictures to read and where each goes, settled before any work begins.

Invariant: no output is one of the inputs, and no two pictures share an output.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from scumble.raster import SAVERS

OUTPUTS = (*SAVERS, ".gif")
"""Suffixes an output may have, lower case."""

PICTURES = (*OUTPUTS, ".apng")
"""Suffixes a folder is searched for, lower case. An input named outright may bear any name."""

FORMATS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "gif": ".gif"}
"""--format, and the suffix it writes."""


@dataclass(frozen=True)
class Task:
    """One picture to stylize: read `source`, write `target`."""

    source: Path
    target: Path


def plan(inputs: Sequence[str], out: str, format: str | None = None) -> list[Task]:
    """Expand files, folders and globs, and pair each picture with its output.

    `out` is a folder when it exists as one, ends with a separator, or there is more than one picture; then each output
    bears its input's name. Raises click.UsageError where nothing is found or outputs would collide.
    """
    sources = [path for given in inputs for path in expand(given)]
    sources = list(dict.fromkeys(sources))
    target = Path(out)
    into_folder = target.is_dir() or out.endswith(("/", os.sep)) or len(sources) > 1 or any(Path(i).is_dir() for i in inputs)
    if into_folder and target.exists() and not target.is_dir():
        raise click.UsageError(f"There are {len(sources)} pictures, but {out} is a file. Name a folder with -o.")
    tasks = [Task(s, target / named(s, format) if into_folder else target) for s in sources]
    if not into_folder and target.suffix.lower() not in OUTPUTS:
        raise click.UsageError(f"{out} must end in one of {', '.join(OUTPUTS)} to say which kind of file it is.")
    if not into_folder and format and target.suffix.lower() not in _suffixes(format):
        raise click.UsageError(
            f"{out} does not end as {format} files do ({FORMATS[format]}). Leave --format out, or rename it."
        )
    _refuse_collisions(tasks)
    return tasks


def expand(given: str) -> list[Path]:
    """The pictures that one argument names, sorted within it. A missing file is left for reading to complain about."""
    path = Path(given)
    if path.is_dir():
        found = sorted((p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file()), key=_counted)
        if not found:
            raise click.UsageError(f"There are no pictures in {given}.")
        return found
    if not path.exists() and glob.has_magic(given):
        matches = glob.glob(given, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = sorted((p for p in map(Path, matches) if p.is_file()), key=_counted)
        if not found:
            raise click.UsageError(f"Nothing matches {given}.")
        return found
    return [path]


def _counted(path: Path) -> tuple[list[str | int], str]:
    """Sorts names by the numbers in them, as frames are counted: 9 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))], str(path)


def named(source: Path, format: str | None) -> str:
    """The output's name in a folder: the input's, with the suffix of `format`, or as PNG if it is nothing we write."""
    suffix = FORMATS[format] if format else source.suffix if source.suffix.lower() in OUTPUTS else ".png"
    return source.stem + suffix


def _suffixes(format: str) -> tuple[str, ...]:
    return {"jpeg": (".jpg", ".jpeg"), "tiff": (".tif", ".tiff")}.get(format, (FORMATS[format],))


def _refuse_collisions(tasks: Sequence[Task]) -> None:
    sources = {os.path.realpath(t.source): t.source for t in tasks}
    seen: dict[str, Path] = {}
    for task in tasks:
        real = os.path.realpath(task.target)
        if real in sources:
            raise click.UsageError(f"{sources[real]} would be overwritten by its own answer. Name another place with -o.")
        if real in seen:
            raise click.UsageError(f"{seen[real]} and {task.source} would both become {task.target}. Do them one at a time.")
        seen[real] = task.source
