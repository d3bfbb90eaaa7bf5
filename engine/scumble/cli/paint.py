# SPDX-License-Identifier: Apache-2.0
"""One picture, animation or film through the engine: read, painted, written.

Invariant: an output file is the whole picture or is not there.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.cli.films import paint_film
from scumble.cli.inputs import Task
from scumble.cli.jobs import Job, paint_one, told
from scumble.cli.pictures import from_wire, write_result
from scumble.cli.progress import Show
from scumble.cli.say import note
from scumble.client.blocking import Engine
from scumble.image.files import metadata_of, read_picture
from scumble.video.film import begins_as_film
from scumble.video.reading import Animation, read_animation
from scumble.video.steady import Steady
from scumble.video.writing import CONTAINERS, write_animation

__all__ = ["Job", "stylize_one"]


def _unseen(fraction: float, text: str) -> None:
    """Where nobody looks at the progress."""


def stylize_one(attached: Engine, task: Task, job: Job, show: Show = _unseen, steady: Steady | None = None) -> dict[str, Any]:
    """Read, stylize and write a picture, an animation or a film. Raises EngineError and ScumbleError; an interrupt cancels the
    job.

    `steady` holds the state of the frames before this one, where the pictures are a sequence; an animation or film is one of
    its own.
    """
    started = time.monotonic()
    own = None if steady is None else Steady()
    if begins_as_film(task.source):
        entry = paint_film(attached, task, job, show, own)
    elif job.excerpt is not None:
        raise ScumbleError(
            "bad-options", f"{task.source} is not a film; --start and --length are for films.", "Leave them out."
        )
    elif (animation := read_animation(task.source)) is None:
        entry = _still(attached, task, job, show, steady)
    else:
        entry = _animated(attached, animation, task, job, show, own)
    return entry | {"seconds": round(time.monotonic() - started, 3)}


def _still(attached: Engine, task: Task, job: Job, show: Show, steady: Steady | None) -> dict[str, Any]:
    picture = read_picture(task.source)
    if steady is not None and steady.begins_anew(picture.pixels):
        note(f"{task.source} is of another size than the frames before it: the sequence begins anew.")
    finished = paint_one(attached, picture, task.source, job, show, steady)
    notes = picture.notes + write_result(task.target, finished.raster, picture, job.settings)
    return told(finished) | {"engine_seconds": finished.seconds} | ({"notes": list(notes)} if notes else {})


def _animated(
    attached: Engine, animation: Animation, task: Task, job: Job, show: Show, steady: Steady | None
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
        for number, (picture, duration) in enumerate(zip(frames, animation.durations, strict=True)):

            def show_frame(fraction: float, text: str, number: int = number) -> None:
                show((number + fraction) / count, f"frame {number + 1} of {count} {text}".rstrip())

            finished = paint_one(attached, picture, task.source, job, show_frame, steady)
            add(from_wire(finished.raster, picture), duration)
            seconds += finished.seconds
    lost = metadata_of(task.source).for_file(".gif", (layout.width, layout.height), True)[1]  # no animation is given any
    notes = [
        *(line.replace(".gif files", "animations") for line in lost),
        *(["animations are written in sRGB."] if job.settings.keep_profile else []),
    ]
    return told(finished) | {"frames": count, "engine_seconds": seconds} | ({"notes": notes} if notes else {})
