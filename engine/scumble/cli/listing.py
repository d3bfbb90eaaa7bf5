# SPDX-License-Identifier: Apache-2.0
"""The pictures that an argument names: a file, a folder, a folder with its subfolders, or a pattern.

Invariant: no question about a path raises. What cannot be examined is listed as it was named, and reading it says why; what
a folder holds besides pictures is counted, so that it can be named.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from scumble.api.errors import ScumbleError
from scumble.cli.say import counted
from scumble.image.files import SAVERS, can_decode
from scumble.video import film

OUTPUTS = (*SAVERS, ".gif")
"""Suffixes an output may have, lower case."""

PICTURES = (*OUTPUTS, ".apng", ".bmp", ".dib", ".avif")
"""Suffixes a folder is searched for, lower case, with HEIC's where they can be decoded. An input named outright may have any
name."""

FILMS = (*film.WRITTEN, *film.READ_ONLY)
"""Suffixes of films, which a folder is not searched for: they take hours, and must be meant."""

HEIC = (".heic", ".heif", ".hif")
"""Suffixes of pictures that not every libvips decodes."""

PROBES = 3
"""Of these pictures that are tried, to learn whether this one does."""

SPECIAL = "pipe or device"
PEEK = 10_000
"""Entries of subfolders that are read at most to say whether they hold pictures."""


@dataclass(frozen=True)
class ListedFile:
    """A picture, and the folder below the output folder that its result belongs in (with -r; else the folder itself)."""

    path: Path
    below: Path = Path()


@dataclass
class Listing:
    """Collects what the arguments name. `skip` says which folders and files are not meant, though they could be."""

    recursive: bool = False
    skip: Callable[[Path], bool] = lambda path: False
    files: list[ListedFile] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """How many files of each suffix were passed over; "" stands for none, SPECIAL for what is no file."""

    def add(self, given: str) -> None:
        """Take up one argument. Raises click.UsageError where it names nothing, ScumbleError for a folder that is closed."""
        path = Path(given)
        if is_folder(path):
            self._folder(path, given)
        elif not exists(path) and glob.has_magic(given):
            self._pattern(given)
        else:
            self.files.append(ListedFile(path))  # a missing file is left for reading to complain about

    def notes(self) -> Iterator[str]:
        """One line about the files that were left out, if any were."""
        if self.left_out:
            often = sorted(self.left_out.items(), key=lambda item: (-item[1], not item[0], item[0]))
            kinds = ", ".join(f"{n} {suffix or 'without a suffix'}" for suffix, n in often)
            yield f"{counted(self.left_out.total(), 'file')} left out, not of a kind that is read: {kinds}."
        if any(suffix in FILMS for suffix in self.left_out):
            yield 'Films are painted where they are named themselves, also by a pattern like "clips/*.mp4".'

    def _folder(self, folder: Path, given: str) -> None:
        before = len(self.files)
        self._entries(folder, Path())
        self._leave_out_heic()
        if len(self.files) > before:
            return
        if not self.recursive and _deeper(folder):
            raise click.UsageError(f"There are no pictures in {given} itself; its subfolders have some, and -r takes them.")
        kinds = "".join(f" {line}" for line in self.notes())
        raise click.UsageError(f"There are no pictures in {given}.{kinds}")

    def _entries(self, folder: Path, below: Path) -> None:
        """The pictures of a folder, then, if asked, those of its subfolders. Links to folders are not followed."""
        try:
            entries = sorted(os.scandir(folder), key=lambda e: in_order(e.name))
        except OSError as e:
            if below == Path():
                message = f"The folder {folder} cannot be listed: {e.strerror}."
                raise ScumbleError("bad-picture", message, "Check its name and who may read it.") from e
            self.files.append(ListedFile(folder, below))  # reading it says why, and the exit code that something is missing
            return
        shown = [e for e in entries if not e.name.startswith(".") and not self.skip(Path(e.path))]
        for entry in shown:
            if _is(entry, "folder"):
                continue
            if _is(entry, "special"):
                self.left_out[SPECIAL] += 1
            elif Path(entry.name).suffix.lower() in (*PICTURES, *HEIC):
                self.files.append(ListedFile(Path(entry.path), below))
            else:
                self.left_out[Path(entry.name).suffix.lower()] += 1
        for entry in shown if self.recursive else ():
            if _is(entry, "folder") and not entry.is_symlink():
                self._entries(Path(entry.path), below / entry.name)

    def _leave_out_heic(self) -> None:
        """HEIC pictures are no failures of theirs where nothing here decodes them: they are counted with the other kinds."""
        heic = [f for f in self.files if f.path.suffix.lower() in HEIC]
        if heic and not any(can_decode(f.path) for f in heic[:PROBES]):
            self.files = [f for f in self.files if f not in heic]
            self.left_out.update(f.path.suffix.lower() for f in heic)

    def _pattern(self, given: str) -> None:
        matches = glob.glob(given, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = sorted((p for p in map(Path, matches) if not is_folder(p) and not self.skip(p)), key=lambda p: in_order(str(p)))
        if not files:
            raise click.UsageError(f"Nothing matches {given}.")
        base = _fixed_part(given)
        self.files += [ListedFile(p, p.parent.relative_to(base) if self.recursive else Path()) for p in files]


def is_folder(path: Path) -> bool:
    """Whether there is a folder, as far as one may look."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether there is something, as far as one may look."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def in_order(name: str) -> tuple[list[str | int], str]:
    """Sorts names by the numbers in them, as frames are counted: 9 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def _is(entry: os.DirEntry[str], what: str) -> bool:
    """Whether an entry is a "folder", or "special": a pipe, a socket or a device. False where that cannot be known."""
    try:
        return entry.is_dir() if what == "folder" else not entry.is_file() and not entry.is_dir() and exists(Path(entry.path))
    except OSError:
        return False


def _deeper(folder: Path) -> bool:
    """Whether some subfolder has pictures; a very large tree is not searched to its end."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(Path(n).suffix.lower() in PICTURES and not n.startswith(".") for n in names) and Path(parent) != folder:
            return True
        count += len(names) + len(folders)
        if count > PEEK:
            return False
    return False


def _fixed_part(pattern: str) -> Path:
    """The folder of a pattern above its first wildcard: what its matches have in common."""
    parts = Path(pattern).parts
    fixed = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])
