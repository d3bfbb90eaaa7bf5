# SPDX-License-Identifier: Apache-2.0
"""Which pictures to read and where each goes, settled before any work begins.

Invariant: no output is a file that is read, whatever for and however it is named, and no two pictures share an output.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from scumble.api.errors import ScumbleError
from scumble.cli.listing import FILMS, OUTPUTS, ListedFile, Listing, is_folder
from scumble.cli.say import counted
from scumble.library.identity import Identity, identity
from scumble.library.places import SHIPPED
from scumble.library.styles import StyleStore
from scumble.video import film

FORMATS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "gif": ".gif"}
"""--format, and the suffix it writes."""


@dataclass(frozen=True)
class Task:
    """One picture to stylize: read `source`, write `target`."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Naming:
    """How outputs are named: in a folder the suffix of `format`, and `ending` between name and suffix. With `recursive`,
    subfolders are searched, and there again below the output folder."""

    format: str | None = None
    ending: str = ""
    recursive: bool = False


def plan(
    inputs: Sequence[str],
    out: str | None,
    format: str | None = None,
    naming: Naming | None = None,
    also_read: Mapping[Path, str] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Task]:
    """Expand files, folders and globs, and pair each picture with its output.

    `out` is a folder when it exists as one, ends with a separator, or there is more than one picture; then each output
    has its input's name. Without it, outputs lie beside their inputs. `also_read` are the files that are read besides, and
    what for; `tell` takes a line about what is left out.

    Raises click.UsageError where nothing is found, outputs would collide or a file that is read would be replaced, ScumbleError
    "bad-picture" and "no-write" where a folder or output cannot be read.
    """
    naming = naming or Naming(format)
    listing = Listing(naming.recursive, _not_meant(out, naming))
    for given in inputs:
        listing.add(given)
    for line in listing.notes():
        tell(line)
    files = list({_plain(f.path): f for f in reversed(listing.files)}.values())[::-1]
    tasks = _beside(files, naming) if out is None else _into(files, out, naming, any(is_folder(Path(i)) for i in inputs))
    _refuse_odd(tasks)
    _refuse_replacing(tasks, also_read or {})
    _refuse_collisions(tasks, naming.recursive)
    return tasks


def named(source: Path, naming: Naming) -> str:
    """The output's name in a folder: the input's, with the suffix of the format, or as PNG if it is nothing we write; films
    stay films."""
    own = source.suffix.lower()
    if own in FILMS:
        return source.stem + naming.ending + (source.suffix if own in film.WRITTEN else ".mp4")
    suffix = FORMATS[naming.format] if naming.format else source.suffix if source.suffix.lower() in OUTPUTS else ".png"
    return source.stem + naming.ending + suffix


def _plain(path: Path) -> str:
    """The path from the root without detours. Links stay apart: each is a picture with an output of its own."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve follows links


def _beside(files: Sequence[ListedFile], naming: Naming) -> list[Task]:
    return [Task(f.path, f.path.with_name(named(f.path, naming))) for f in files]


def _into(files: Sequence[ListedFile], out: str, naming: Naming, folders: bool) -> list[Task]:
    target = Path(out)
    there = _look(target)
    folder = there is not None and stat.S_ISDIR(there.st_mode)
    if folder or folders or len(files) > 1 or out.endswith(("/", os.sep)):
        if there is not None and not folder:
            raise click.UsageError(f"{counted(len(files), 'picture')} to write, but {out} is a file. Name a folder with -o.")
        return [Task(f.path, target / f.below / named(f.path, naming)) for f in files]
    if target.suffix.lower() not in (*OUTPUTS, *film.WRITTEN):
        raise click.UsageError(
            f"{out} must end in one of {', '.join((*OUTPUTS, *film.WRITTEN))} to say which kind of file it is."
        )
    if naming.format and target.suffix.lower() not in _suffixes(naming.format):
        raise click.UsageError(
            f"{out} does not end as {naming.format} files do ({FORMATS[naming.format]}). Leave --format out, or rename it."
        )
    return [Task(f.path, target.with_stem(target.stem + naming.ending)) for f in files]


def _not_meant(out: str | None, naming: Naming) -> Callable[[Path], bool]:
    """Whether a search passes over a path: outputs of an earlier run of the same command are no inputs."""
    if out is None:
        return lambda path: bool(naming.ending) and path.stem.endswith(naming.ending)
    goal = identity(Path(out))
    return lambda path: naming.recursive and is_folder(path) and identity(path) == goal


def _suffixes(format: str) -> tuple[str, ...]:
    return {"jpeg": (".jpg", ".jpeg"), "tiff": (".tif", ".tiff")}.get(format, (FORMATS[format],))


def _look(target: Path) -> os.stat_result | None:
    """The file at an output's place, or None. Raises ScumbleError "no-write" where its folder cannot be read."""
    try:
        return target.stat()
    except (FileNotFoundError, NotADirectoryError):  # writing it says what is wrong with the latter
        return None
    except (OSError, ValueError) as e:
        message = f"{target} cannot be written: {getattr(e, 'strerror', None) or e}."
        raise ScumbleError("no-write", message, "Choose another place with -o.") from e


def _refuse_odd(tasks: Sequence[Task]) -> None:
    """Pipes and devices are no pictures to be replaced."""
    for task in tasks:
        there = _look(task.target)
        if there is not None and not stat.S_ISREG(there.st_mode):
            kind = "a folder" if stat.S_ISDIR(there.st_mode) else "a pipe or a device"
            raise ScumbleError("no-write", f"{task.target} is {kind}, not a file.", "Choose another name.")


def _refuse_replacing(tasks: Sequence[Task], also_read: Mapping[Path, str]) -> None:
    """Refuse to write an output over anything that is read, or among the styles. Raises click.UsageError."""
    inputs = {identity(t.source): t.source for t in tasks}
    others = {identity(path): (path, role) for path, role in also_read.items()}
    kept = [Path(os.path.realpath(folder)) for folder in (StyleStore().user_dir, SHIPPED)]
    for task in tasks:
        key = identity(task.target)
        if key in inputs:
            raise click.UsageError(f"{inputs[key]} would be overwritten by its own answer. Name another place with -o.")
        if key in others:
            path, role = others[key]
            raise click.UsageError(
                f"{path}, {role}, would be overwritten by {task.source}'s answer. Name another place with -o."
            )
        if any(Path(os.path.realpath(task.target)).is_relative_to(folder) for folder in kept):
            raise click.UsageError(f"{task.target} lies among the files of the styles. Name another place with -o.")


def _refuse_collisions(tasks: Sequence[Task], recursive: bool) -> None:
    sources: dict[Identity, Path] = {}
    for task in tasks:
        key = identity(task.target)
        if key in sources:
            apart = sources[key].parent != task.source.parent
            way = (
                ", or give the folder that both lie in with -r, which keeps their subfolders" if apart and not recursive else ""
            )
            raise click.UsageError(
                f"{sources[key]} and {task.source} would both become {task.target}. Do them one at a time{way}."
            )
        sources[key] = task.source
