# SPDX-License-Identifier: Apache-2.0
"""`scumble stylize`: pictures in, stylized pictures out, one job after the other; an animation is as many jobs as frames.

Invariant: an output file is the whole picture or is not there, and one picture that fails does not keep the next from
being done, unless what failed would fail them all (the engine is gone, the disk is full).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scumble.animations.reading import Animation, read_animation
from scumble.animations.writing import CONTAINERS, write_animation
from scumble.cli.connect import engine, json_option, no_start_option, patiently, remote_options
from scumble.cli.exits import Exit, exit_for
from scumble.cli.inputs import FORMATS, Task, plan
from scumble.cli.masks import fit, parse_region, read_masks
from scumble.cli.options import choose_method, find_method, find_style, parse_assignments, parse_options, parse_style
from scumble.cli.pictures import from_wire, style_raster, to_wire, write_result
from scumble.cli.say import ERR, emit_json, note, problem
from scumble.client import events
from scumble.client.blocking import Engine, Finished
from scumble.client.errors import EngineError
from scumble.client.raster import Masks
from scumble.errors import ScumbleError
from scumble.raster import Picture, read_picture
from scumble.scratch import room
from scumble.steady import Steady

Show = Callable[[float, str], None]
"""Takes the share of a picture that is done, and what is being done."""

SHORTCUTS = ("seed", "brush_size", "scale", "keep_colours")
"""Options so common that they have flags of their own; a method without one of them says so."""


@dataclass(frozen=True)
class Job:
    """What is asked of the engine for every picture alike."""

    styles: list[tuple[str, float]]
    method: str
    strength: float
    options: dict[str, Any]
    masks: Masks | None = None


@click.command()
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="OUT", help="A file for one picture, a folder for several.")
@click.option("--style", "styles", multiple=True, metavar="ID[:WEIGHT]", help="A style; give several to blend them.")
@click.option("--style-file", "paintings", multiple=True, metavar="PICTURE", help="Add this picture as a style and use it.")
@click.option(
    "--region", "regions", multiple=True, metavar="ID[:WEIGHT]=MASK", help="A style where MASK, a grey picture, is white."
)
@click.option("--method", metavar="ID", help="How to paint; without it, the first method that can paint the styles.")
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="0 leaves the picture as it is.")
@click.option("--seed", metavar="N", help="The same seed gives the same picture.")
@click.option("--brush-size", metavar="X", help="Size of the strokes, as the method understands it.")
@click.option("--scale", metavar="X", help="Working scale, as the method understands it.")
@click.option("--keep-colours", metavar="MODE", help="Keep the colours of the picture, as the method understands it.")
@click.option("--option", "assignments", multiple=True, metavar="NAME=VALUE", help="Any option that `scumble methods` lists.")
@click.option("--format", "format", type=click.Choice(list(FORMATS)), help="File format in a folder; else the input's own.")
@click.option("--steady", is_flag=True, help="The pictures are frames, in order: what stands still shall not flicker.")
@no_start_option
@remote_options
@json_option
def stylize(
    inputs: tuple[str, ...],
    output: str,
    styles: tuple[str, ...],
    paintings: tuple[str, ...],
    regions: tuple[str, ...],
    method: str | None,
    strength: float,
    assignments: tuple[str, ...],
    format: str | None,
    steady: bool,
    no_start: bool,
    as_json: bool,
    **shortcuts: str | None,
) -> None:
    """Stylize pictures and animations: files, folders or patterns like "photos/*.jpg"."""
    if not styles and not paintings and not regions:
        raise click.UsageError("Give a --style (`scumble styles list` shows them), a --style-file or a --region.")
    tasks = plan(inputs, output, format)
    parted = [parse_region(text) for text in regions]
    wanted = [(style, weight) for style, weight, _ in parted] + [parse_style(text) for text in styles]
    given = parse_assignments(assignments)
    given |= {name: value for name in SHORTCUTS if (value := shortcuts[name]) is not None}
    rasters = [(Path(painting).stem, style_raster(painting)) for painting in paintings]
    masks = read_masks([mask for _, _, mask in parted], len(styles) + len(paintings)) if parted else None
    with engine(start=not no_start) as attached:
        wanted += [(patiently(partial(attached.put_style, name, raster)), 1.0) for name, raster in rasters]
        job = _settle(attached, wanted, method, strength, given, masks)
        results = _stylize_all(attached, tasks, job, Steady() if steady else None)
    if as_json:
        emit_json({"method": job.method, "strength": strength, "options": job.options, "pictures": results})
    code = _exit([r.get("error") for r in results])
    if code:
        click.get_current_context().exit(code)


def _settle(
    attached: Engine,
    styles: list[tuple[str, float]],
    method: str | None,
    strength: float,
    given: dict[str, str],
    masks: Masks | None = None,
) -> Job:
    """Check everything that can be known before the first picture is read, and pin the styles, so that one which is refined
    meanwhile does not change its look halfway. Raises click.UsageError."""
    catalogue = attached.catalogue()
    found = [find_style(catalogue, name) for name, _ in styles]
    chosen = find_method(catalogue, method) if method else choose_method(catalogue, found, masks is not None)
    pinned = [name if "@" in name else f"{style.id}@{style.revision}" for (name, _), style in zip(styles, found, strict=True)]
    weighted = [(name, weight) for name, (_, weight) in zip(pinned, styles, strict=True)]
    return Job(weighted, chosen.id, strength, parse_options(chosen, given), masks)


def _stylize_all(attached: Engine, tasks: list[Task], job: Job, steady: Steady | None = None) -> list[dict[str, Any]]:
    """Do the tasks in turn; a dictionary for each that was begun, with "error" where it failed."""
    results: list[dict[str, Any]] = []
    name, said = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[text]"))
    with Progress(name, BarColumn(), said, TimeElapsedColumn(), console=ERR, transient=True) as bar:
        for number, task in enumerate(tasks, 1):
            count = f"{number}/{len(tasks)} " if len(tasks) > 1 else ""
            line = bar.add_task(count + task.source.name, total=1.0, text="")

            def show(fraction: float, text: str, line: Any = line) -> None:
                bar.update(line, completed=fraction, text=text)

            entry: dict[str, Any] = {"input": str(task.source), "output": str(task.target)}
            results.append(entry)
            try:
                entry |= stylize_one(attached, task, job, show, steady)
                ERR.print(escape(f"{task.source} -> {task.target}"), f"[dim]{job.method}, {entry['seconds']:.1f} s[/]")
            except (EngineError, ScumbleError) as e:
                entry["error"] = {"code": e.code, "message": e.message, "hint": e.hint}
                problem(e.message if isinstance(e, ScumbleError) else f"{task.source}: {e.message}", e.hint)
                if exit_for(e.code) in (Exit.ENGINE, Exit.NO_WRITE, Exit.CANCELLED, Exit.USAGE):
                    break
            except KeyboardInterrupt:
                entry["error"] = {"code": "cancelled", "message": "Cancelled.", "hint": ""}
                problem("Cancelled.")
                break
            finally:
                bar.remove_task(line)
    return results


def stylize_one(
    attached: Engine, task: Task, job: Job, show: Show = lambda fraction, text: None, steady: Steady | None = None
) -> dict[str, Any]:
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
    write_result(task.target, finished.raster, picture)
    return _told(finished) | {"engine_seconds": finished.seconds}


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
        write_animation(task.target, (layout.width, layout.height), layout.plays, count, layout.alpha) as add,
        closing(animation.frames()) as frames,
    ):
        for number, (picture, duration) in enumerate(zip(frames, animation.durations, strict=True)):

            def show_frame(fraction: float, text: str, number: int = number) -> None:
                show((number + fraction) / count, f"frame {number + 1} of {count} {text}".rstrip())

            finished = _paint(attached, picture, task.source, job, show_frame, steady)
            add(from_wire(finished.raster, picture), duration)
            seconds += finished.seconds
    return _told(finished) | {"frames": count, "engine_seconds": seconds}


def _paint(attached: Engine, picture: Picture, source: Path, job: Job, show: Show, steady: Steady | None) -> Finished:
    """What the engine makes of a picture or frame, carried on from the frame before it where that is asked for."""
    content = to_wire(picture)
    if job.masks is not None:
        fit(job.masks, (content.width, content.height), source)

    def on_progress(progress: events.Progress) -> None:
        waiting = progress.state == "queued" and progress.position
        show(progress.fraction, f"waiting behind {progress.position}" if waiting else progress.text)

    def paint() -> Finished:
        return attached.stylize(
            content,
            styles=job.styles,
            method=job.method,
            strength=job.strength,
            options=job.options,
            on_progress=on_progress,
            masks=job.masks,
            room=room,
        )

    def wait(seconds: float) -> None:
        show(0.0, "the engine is busy")
        time.sleep(seconds)

    finished = patiently(paint, wait)
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


def _exit(errors: list[dict[str, str] | None]) -> Exit:
    """One picture's own code; what would fail any picture likewise; else "some failed"."""
    codes = [exit_for(error["code"]) for error in errors if error]
    if not codes:
        return Exit.OK
    if len(errors) == 1 or codes[-1] in (Exit.ENGINE, Exit.NO_WRITE, Exit.CANCELLED, Exit.USAGE):
        return codes[-1]
    return Exit.SOME_FAILED
