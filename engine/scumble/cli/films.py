# SPDX-License-Identifier: Apache-2.0
"""A film through the engine, frame after frame, from file to file.

Invariant: a film that is broken off, for whatever reason, leaves what was painted of it as a film that can be played.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from scumble.api.errors import ScumbleError
from scumble.cli.ahead import ahead
from scumble.cli.inputs import Task
from scumble.cli.jobs import Backend, Job, paint_one, report_of, settled
from scumble.cli.pictures import from_wire
from scumble.cli.progress import Pace, Show
from scumble.cli.say import note
from scumble.client.blocking import Finished
from scumble.image.files import Picture
from scumble.video.film import Excerpt, Frame, open_film
from scumble.video.film_writing import MUXERS, write_film
from scumble.video.steady import Steady


def moment(context: click.Context, option: click.Parameter, text: str | None) -> Fraction | None:
    """A time as an option gives it, in seconds. Raises click.BadParameter."""
    if text is None:
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise click.BadParameter(f"{text!r} is no time; it looks like 90.5 or 1:30.5.")
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = 60 * seconds + Fraction(part)
    return seconds


def excerpt_of(start: Fraction | None, length: Fraction | None) -> Excerpt | None:
    """The part of a film that --start and --length name; None where neither is given. Raises click.UsageError for a length of
    0."""
    if length == 0:
        raise click.UsageError("--length 0 would leave nothing to paint.")
    return None if start is None and length is None else Excerpt(start or Fraction(0), length)


def paint_film(backend: Backend, task: Task, job: Job, show: Show, steady: Steady | None) -> dict[str, Any]:
    """Paint every frame of a film; its sound and subtitles are copied. Raises EngineError and ScumbleError."""
    if task.target.suffix.lower() not in MUXERS:
        why = f"{task.source} is a film, and {task.target.name} would hold a picture."
        raise ScumbleError("bad-picture", why, "Write an MP4, MOV, MKV or WebM file.")
    excerpt = job.excerpt or Excerpt()

    def kept(place: Path, seconds: float) -> None:
        going_on = float(excerpt.start) + seconds
        note(f"Kept: {place}, {seconds:.2f} s. The rest begins at --start {going_on:.3f}.")

    with open_film(task.source, excerpt) as film, write_film(task.target, film, job.settings.quality, kept) as writer:
        pace, number, seconds, entry = Pace(film.count), 0, 0.0, dict[str, Any]()

        def show_frame(fraction: float, text: str) -> None:
            parts = filter(None, (f"frame {number + 1} of {film.count} {text}".rstrip(), pace.left()))
            show(min(1.0, (number + fraction) / film.count), ", ".join(parts))

        def paint(item: Any) -> Finished | None:
            if not isinstance(item, Frame):
                return None
            return paint_one(backend, Picture(item.pixels, alpha=False), task.source, job, show_frame)

        pace.begin()
        for item, painted in ahead(film.items(), paint, job.at_once):
            if not isinstance(item, Frame):
                writer.copy(item)
                continue
            if job.at_once > 1:  # the cluster tells no progress
                show_frame(0.0, "")
            picture, finished = Picture(item.pixels, alpha=False), painted()
            assert finished is not None
            finished = settled(steady, picture, finished)
            writer.add(item, from_wire(finished.raster, picture))
            number, seconds, entry = number + 1, seconds + finished.seconds, report_of(finished)
            pace.end()
            pace.begin()
        notes = [*film.notes, *writer.notes]
    return entry | {"frames": number, "engine_seconds": seconds} | ({"notes": notes} if notes else {})
