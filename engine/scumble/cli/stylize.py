# SPDX-License-Identifier: Apache-2.0
"""`scumble stylize`: pictures in, stylized pictures out, one job after the other; an animation is as many jobs as frames.

Invariant: everything that can be known before the first picture is read is checked before it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from scumble.cli.batch import Batch
from scumble.cli.connect import engine, json_option, no_start_option, patiently, remote_options
from scumble.cli.films import excerpt_of, moment
from scumble.cli.inputs import FORMATS, Naming, Task, plan
from scumble.cli.jobs import Backend, Job
from scumble.cli.masks import parse_region, read_masks
from scumble.cli.options import choose_method, find_method, find_style, parse_assignments, parse_options, parse_style, pinned
from scumble.cli.paint import stylize_one
from scumble.cli.pictures import legible, style_raster
from scumble.cli.say import counted, emit_json, note
from scumble.client.blocking import Engine
from scumble.client.raster import Masks
from scumble.cluster.ray_cluster import RayCluster
from scumble.image.files import Settings
from scumble.video.steady import Steady

__all__ = ["Job", "stylize", "stylize_one"]

SHORTCUTS = ("seed", "brush_size", "scale", "keep_colours")
"""Options so common that they have flags of their own; a method without one of them says so."""


@click.command()
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="A file for one picture, a folder for several.")
@click.option("--suffix", "ending", default="", metavar="TEXT", help="Put TEXT after the name; without -o, beside the input.")
@click.option("-r", "--recursive", is_flag=True, help="Search subfolders, too, and keep their tree in OUT.")
@click.option("--skip-existing", is_flag=True, help="Leave out pictures whose output is there: go on where a batch ended.")
@click.option("--style", "styles", multiple=True, metavar="ID[:WEIGHT]", help="A style; give several to blend them.")
@click.option("--style-file", "paintings", multiple=True, metavar="PICTURE", help="Add this picture as a style and use it.")
@click.option(
    "--region", "regions", multiple=True, metavar="ID[:WEIGHT]=MASK", help="A style where MASK, a grey picture, is white."
)
@click.option("--method", metavar="ID", help="How to paint; without it, the first method that can paint the styles.")
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="0 leaves the picture as it is.")
@click.option(
    "--effort",
    type=click.Choice(["draft", "good", "best"]),
    help="draft: a fast method's answer. good, best: that answer made better step by step; Ctrl-C once keeps what is there.",
)
@click.option(
    "--seconds", type=click.FloatRange(0, 86400, min_open=True), metavar="N", help="Improve each picture for N seconds at most."
)
@click.option("--seed", metavar="N", help="The same seed gives the same picture.")
@click.option("--brush-size", metavar="X", help="Size of the strokes, as the method understands it.")
@click.option("--scale", metavar="X", help="Working scale, as the method understands it.")
@click.option("--keep-colours", metavar="MODE", help="Keep the colours of the picture, as the method understands it.")
@click.option("--option", "assignments", multiple=True, metavar="NAME=VALUE", help="Any option that `scumble methods` lists.")
@click.option("--format", "format", type=click.Choice(list(FORMATS)), help="File format in a folder; else the input's own.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG, WebP and films.  [default: 92, 90, 65]")
@click.option(
    "--profile",
    type=click.Choice(["srgb", "keep"]),
    default="srgb",
    show_default=True,
    help="Whose colours outputs have: sRGB's, or, with the profile of its file, each picture's own.",
)
@click.option("--steady", is_flag=True, help="The pictures are frames, in order: what they show must not flicker.")
@click.option("--start", callback=moment, metavar="TIME", help="Of a film, begin there: seconds, or 1:02:03.5.")
@click.option("--length", callback=moment, metavar="TIME", help="Of a film, paint so much.")
@click.option("--ray", metavar="ADDRESS", help="Paint on a Ray cluster: auto is the one this machine belongs to.")
@no_start_option
@remote_options
@json_option
def stylize(
    inputs: tuple[str, ...],
    output: str | None,
    styles: tuple[str, ...],
    paintings: tuple[str, ...],
    regions: tuple[str, ...],
    method: str | None,
    strength: float,
    assignments: tuple[str, ...],
    steady: bool,
    no_start: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Stylize pictures and animations: files, folders or patterns like "photos/*.jpg"."""
    if not styles and not paintings and not regions:
        raise click.UsageError("Give a --style (`scumble styles list` shows them), a --style-file or a --region.")
    if given["seconds"] is not None and given["effort"] not in ("good", "best"):
        raise click.UsageError("--seconds limits the improvement that --effort good or best asks for.")
    parted = [parse_region(text) for text in regions]
    wanted = [(style, weight) for style, weight, _ in parted] + [parse_style(text) for text in styles]
    excerpt = excerpt_of(given["start"], given["length"])
    settings = parse_assignments(assignments) | {name: given[name] for name in SHORTCUTS if given[name] is not None}
    tasks, entries = _tasks(inputs, output, _also_read(paintings, [mask for _, _, mask in parted]), given)
    written = Settings(given["quality"], given["profile"] == "keep")
    rasters = [(legible(Path(painting).stem), style_raster(painting)) for painting in paintings]
    masks = read_masks([mask for _, _, mask in parted], len(styles) + len(paintings)) if parted else None
    with engine(start=not no_start) as attached:
        wanted += [(patiently(partial(attached.put_style, name, raster)), 1.0) for name, raster in rasters]
        job = _settle(attached, wanted, method, strength, settings, masks)
        job = replace(job, settings=written, effort=given["effort"], seconds=given["seconds"], excerpt=excerpt)
        with backend_of(attached, given["ray"]) as backend:
            job = replace(job, at_once=backend.slots if isinstance(backend, RayCluster) else 1)
            batch = Batch(backend, job, Steady() if steady else None)
            batch.run(tasks)
    if as_json:
        pictures = entries + batch.entries
        emit_json({"method": job.method, "strength": strength, "options": job.options, "pictures": pictures})
    if batch.exit():
        click.get_current_context().exit(batch.exit())


@contextmanager
def backend_of(attached: Engine, address: str | None) -> Iterator[Backend]:
    """The engine, or the cluster at an address if one is given. Raises as RayCluster does."""
    if address is None:
        yield attached
        return
    with RayCluster(address, note) as cluster:
        note(f"{counted(cluster.slots, 'picture')} at once on the cluster at {address}.")
        yield cluster


def _tasks(
    inputs: tuple[str, ...], output: str | None, also_read: dict[Path, str], given: dict[str, Any]
) -> tuple[list[Task], list[dict[str, Any]]]:
    """The pictures to paint, and an entry for each whose output is there already. Raises as `plan` does."""
    ending = given["ending"]
    if output is None and not ending:
        raise click.UsageError("Say where to write: -o FILE or FOLDER, or --suffix -painted to write beside each picture.")
    if any(c in ending for c in "/\\"):
        raise click.UsageError(f"--suffix {ending!r} must not name a folder; that is what -o is for.")
    naming = Naming(given["format"], ending, given["recursive"])
    tasks = plan(inputs, output, naming=naming, also_read=also_read, tell=note)
    if not given["skip_existing"]:
        return tasks, []
    there = [task for task in tasks if task.target.exists() and task.target.stat().st_size]  # an empty file is no picture
    if there:
        note(f"{counted(len(there), 'picture')} left out: already painted.")
    done = [{"input": str(task.source), "output": str(task.target), "skipped": True} for task in there]
    return [task for task in tasks if task not in there], done


def _also_read(paintings: tuple[str, ...], masks: list[Path]) -> dict[Path, str]:
    """The files that are read besides the pictures, and what for."""
    meta = click.get_current_context().meta
    keys = {Path(meta[name]): "a key" for name in ("scumble.key", "scumble.engine-key") if meta.get(name)}
    return keys | {Path(p): "a style's painting" for p in paintings} | dict.fromkeys(masks, "a mask")


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
    chosen_styles = [find_style(catalogue, name) for name, _ in styles]
    chosen = find_method(catalogue, method) if method else choose_method(catalogue, chosen_styles, masks is not None)
    weighted = [(pinned(style, name), weight) for style, (name, weight) in zip(chosen_styles, styles, strict=True)]
    return Job(weighted, chosen.id, strength, parse_options(chosen, given), masks)
