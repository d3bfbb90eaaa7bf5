# SPDX-License-Identifier: Apache-2.0
"""One picture, animation or film through the engine: read, painted, written.

Invariant: an output file is the whole picture or is not there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.cli.ahead import ahead
from scumble.cli.films import paint_film
from scumble.cli.inputs import Task
from scumble.cli.jobs import Backend, Job, paint_one, report_of, settled
from scumble.cli.pictures import from_wire, write_result
from scumble.cli.progress import Show
from scumble.cli.say import note
from scumble.client.blocking import Finished
from scumble.image.files import Picture, metadata_of, read_picture
from scumble.video.film import begins_as_film
from scumble.video.reading import Animation, read_animation
from scumble.video.steady import Steady
from scumble.video.writing import CONTAINERS, write_animation

__all__ = ["Job", "begin", "stylize_one"]


def _unseen(fraction: float, text: str) -> None:
    """Show no progress."""


Begun = tuple[Picture, Finished]
"""A still picture that is read and painted, and not yet written."""


def begin(backend: Backend, task: Task, job: Job, show: Show = _unseen) -> Begun | None:
    """Read and paint a still picture; None for what is a sequence of its own, which `stylize_one` paints frame by frame.

    Raises EngineError and ScumbleError."""
    if begins_as_film(task.source) or job.excerpt is not None or read_animation(task.source) is not None:
        return None
    picture = read_picture(task.source)
    return picture, paint_one(backend, picture, task.source, job, show)


def stylize_one(
    backend: Backend,
    task: Task,
    job: Job,
    show: Show = _unseen,
    steady: Steady | None = None,
    begun: Callable[[], Begun | None] | None = None,
) -> dict[str, Any]:
    """Read, stylize and write a picture, an animation or a film. Raises EngineError and ScumbleError; an interrupt cancels the
    job.

    `steady` holds the state of the frames before this one, where the pictures are a sequence; an animation or film is one of
    its own. `begun` gives what was begun ahead of its turn, if it was.
    """
    started = time.monotonic()
    own = None if steady is None else Steady()
    if begins_as_film(task.source):
        entry = paint_film(backend, task, job, show, own)
    elif job.excerpt is not None:
        raise ScumbleError(
            "bad-options", f"{task.source} is not a film; --start and --length are for films.", "Leave them out."
        )
    elif (done := begun() if begun else begin(backend, task, job, show)) is not None:
        entry = _still(*done, task, job, steady)
    elif (animation := read_animation(task.source)) is not None:
        entry = _animated(backend, animation, task, job, show, own)
    else:
        raise ScumbleError("bad-picture", f"{task.source} changed while it was being read.", "Try again.")
    return entry | {"seconds": round(time.monotonic() - started, 3)}


def _still(picture: Picture, finished: Finished, task: Task, job: Job, steady: Steady | None) -> dict[str, Any]:
    if steady is not None and steady.starts_over(picture.pixels):
        note(f"{task.source} is of another size than the frames before it: the sequence starts over.")
    finished = settled(steady, picture, finished)
    notes = picture.notes + write_result(task.target, finished.raster, picture, job.settings)
    return report_of(finished) | {"engine_seconds": finished.seconds} | ({"notes": list(notes)} if notes else {})


def _animated(
    backend: Backend, animation: Animation, task: Task, job: Job, show: Show, steady: Steady | None
) -> dict[str, Any]:
    """Frame after frame, from file to file."""
    count, layout = animation.count, animation.layout
    if task.target.suffix.lower() not in CONTAINERS:
        raise ScumbleError(
            "bad-picture",
            f"{task.source} has {count} frames, and no animation is written to {task.target.name}.",
            "Write a GIF, a PNG or a WebP file.",
        )
    seconds = 0.0
    with (
        write_animation(task.target, (layout.width, layout.height), layout.plays, count, layout.alpha, job.settings) as add,
        closing(animation.frames()) as frames,
    ):
        number = 0

        def show_frame(fraction: float, text: str) -> None:
            show((number + fraction) / count, f"frame {number + 1} of {count} {text}".rstrip())

        def paint(picture: Picture) -> Finished:
            return paint_one(backend, picture, task.source, job, show_frame)

        for (picture, painted), duration in zip(ahead(frames, paint, job.at_once), animation.durations, strict=True):
            if job.at_once > 1:  # the cluster tells no progress
                show_frame(0.0, "")
            finished = settled(steady, picture, painted())
            add(from_wire(finished.raster, picture), duration)
            number, seconds = number + 1, seconds + finished.seconds
    lost = metadata_of(task.source).for_file(".gif", (layout.width, layout.height), True)[1]  # no animation is given any
    notes = [
        *(line.replace(".gif files", "animations") for line in lost),
        *(["animations are written in sRGB."] if job.settings.keep_profile else []),
    ]
    return report_of(finished) | {"frames": count, "engine_seconds": seconds} | ({"notes": notes} if notes else {})
