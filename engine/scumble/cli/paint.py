# SPDX-License-Identifier: Apache-2.0
"""One picture or animation through the engine: read, painted, written.

Invariant: an output file is the whole picture or is not there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.cli.connect import patiently
from scumble.cli.inputs import Task
from scumble.cli.masks import fit
from scumble.cli.pictures import from_wire, to_wire, write_result
from scumble.cli.progress import Show
from scumble.cli.say import note
from scumble.cli.signals import keeping
from scumble.client import events
from scumble.client.blocking import Engine, Finished
from scumble.client.raster import Masks
from scumble.image.files import Picture, Settings, metadata_of, read_picture
from scumble.image.mapped import room
from scumble.video.reading import Animation, read_animation
from scumble.video.steady import Steady
from scumble.video.writing import CONTAINERS, write_animation


@dataclass(frozen=True)
class Job:
    """What is asked of the engine for every picture alike."""

    styles: list[tuple[str, float]]
    method: str
    strength: float
    options: dict[str, Any]
    masks: Masks | None = None
    settings: Settings = field(default_factory=Settings)
    """How its files are written."""
    effort: str | None = None
    """"draft", "good" or "best"; None is the method as it is."""
    seconds: float | None = None
    """How long each picture may be improved."""


def _unseen(fraction: float, text: str) -> None:
    """Where nobody looks at the progress."""


def stylize_one(attached: Engine, task: Task, job: Job, show: Show = _unseen, steady: Steady | None = None) -> dict[str, Any]:
    """Read, stylize and write a picture or an animation. Raises EngineError and ScumbleError; an interrupt cancels the job.

    `steady` holds the state of the frames before this one, where the pictures are a sequence; an animation is one of its own.
    """
    started = time.monotonic()
    animation = read_animation(task.source)
    if animation is None:
        entry = _still(attached, task, job, show, steady)
    else:
        entry = _animated(attached, animation, task, job, show, None if steady is None else Steady())
    return entry | {"seconds": round(time.monotonic() - started, 3)}


def _still(attached: Engine, task: Task, job: Job, show: Show, steady: Steady | None) -> dict[str, Any]:
    picture = read_picture(task.source)
    if steady is not None and steady.begins_anew(picture.pixels):
        note(f"{task.source} is of another size than the frames before it: the sequence begins anew.")
    finished = _paint(attached, picture, task.source, job, show, steady)
    notes = picture.notes + write_result(task.target, finished.raster, picture, job.settings)
    return _told(finished) | {"engine_seconds": finished.seconds} | ({"notes": list(notes)} if notes else {})


def _animated(
    attached: Engine, animation: Animation, task: Task, job: Job, show: Show, steady: Steady | None
) -> dict[str, Any]:
    """Frame after frame, from file to file."""
    count, layout = animation.count, animation.layout
    if task.target.suffix.lower() not in CONTAINERS:
        raise ScumbleError(
            "bad-picture",
            f"{task.source} has {count} frames, and {task.target.name} would hold one.",
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

            finished = _paint(attached, picture, task.source, job, show_frame, steady)
            add(from_wire(finished.raster, picture), duration)
            seconds += finished.seconds
    lost = metadata_of(task.source).for_file(".gif", (layout.width, layout.height), True)[1]  # no animation is given any
    notes = {"notes": [line.replace(".gif files", "animations") for line in lost]} if lost else {}
    return _told(finished) | {"frames": count, "engine_seconds": seconds} | notes


def _paint(attached: Engine, picture: Picture, source: Path, job: Job, show: Show, steady: Steady | None) -> Finished:
    """What the engine makes of a picture or frame, carried on from the frame before it where that is asked for."""
    content = to_wire(picture)
    if job.masks is not None:
        fit(job.masks, (content.width, content.height), source)

    def on_progress(progress: events.Progress) -> None:
        waiting = progress.state == "queued" and progress.position
        show(progress.fraction, f"waiting behind {progress.position}" if waiting else progress.text)

    def paint(keep: Callable[[], bool] | None = None) -> Finished:
        return attached.stylize(
            content,
            styles=job.styles,
            method=job.method,
            strength=job.strength,
            options=job.options,
            on_progress=on_progress,
            masks=job.masks,
            room=room,
            quality=job.effort,
            seconds=job.seconds,
            keep=keep,
        )

    def paint_or_keep() -> Finished:
        with keeping(lambda: note("Keeping what is there; Ctrl-C once more cancels.")) as keep:
            return paint(keep)

    def wait(seconds: float) -> None:
        show(0.0, "the engine is busy")
        time.sleep(seconds)

    finished = patiently(paint if job.effort is None else paint_or_keep, wait)
    if steady is None:
        return finished
    settled = steady.settle(picture.pixels, from_wire(finished.raster, picture))
    return replace(finished, raster=replace(finished.raster, data=settled))


def _told(finished: Finished) -> dict[str, Any]:
    """What --json says of every picture."""
    raster = finished.raster
    return {
        "width": raster.width,
        "height": raster.height,
        "format": raster.format,
        "styles": list(finished.styles),
        "device": finished.device,
    }
