# SPDX-License-Identifier: Apache-2.0
"""What is asked of the engine for every picture of a command, and one picture or frame through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scumble.cli.connect import patiently
from scumble.cli.masks import fit
from scumble.cli.pictures import from_wire, to_wire
from scumble.cli.progress import Show
from scumble.cli.say import note
from scumble.cli.signals import keeping
from scumble.client import events
from scumble.client.blocking import Engine, Finished
from scumble.client.raster import Masks
from scumble.cluster.ray_cluster import RayCluster
from scumble.image.files import Picture, Settings
from scumble.image.mapped import allocate
from scumble.video.film import Excerpt
from scumble.video.steady import Steady

Backend = Engine | RayCluster
"""The engine, or a cluster: either paints pictures."""


@dataclass(frozen=True)
class Job:
    """The settings of a command that all of its pictures share."""

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
    excerpt: Excerpt | None = None
    """Which part of films is painted."""
    at_once: int = 1
    """Pictures, or frames, that are painted at once."""


def paint_one(backend: Backend, picture: Picture, source: Path, job: Job, show: Show) -> Finished:
    """Paint a picture or frame. Raises EngineError and ScumbleError."""
    content = to_wire(picture)
    if job.masks is not None:
        fit(job.masks, (content.width, content.height), source)

    def on_progress(progress: events.Progress) -> None:
        waiting = progress.state == "queued" and progress.position
        show(progress.fraction, f"waiting behind {progress.position}" if waiting else progress.text)

    def paint(keep: Callable[[], bool] | None = None) -> Finished:
        return backend.stylize(
            content,
            styles=job.styles,
            method=job.method,
            strength=job.strength,
            options=job.options,
            on_progress=on_progress,
            masks=job.masks,
            allocate=allocate,
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

    return patiently(paint if job.effort is None else paint_or_keep, wait)


def settled(steady: Steady | None, picture: Picture, finished: Finished) -> Finished:
    """The painted frame, carried on from the frame before it where that is asked for; frames come in order."""
    if steady is None:
        return finished
    shown = steady.settle(picture.pixels, from_wire(finished.raster, picture))
    return replace(finished, raster=replace(finished.raster, data=shown))


def report_of(finished: Finished) -> dict[str, Any]:
    """The entry of a picture for --json."""
    raster = finished.raster
    return {
        "width": raster.width,
        "height": raster.height,
        "format": raster.format,
        "styles": list(finished.styles),
        "device": finished.device,
    } | ({"remark": finished.remark} if finished.remark else {})
