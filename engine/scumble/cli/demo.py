# SPDX-License-Identifier: Apache-2.0
"""`scumble demo`: photographs in the shipped styles, through an engine of its own, on one contact sheet.

Invariant: it is a client like any other and fails where one would; a rendering that was planned and is missing makes
the exit code say so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.cli.connect import engine
from scumble.cli.control import end
from scumble.cli.exits import Exit
from scumble.cli.inputs import Task
from scumble.cli.options import choose_method, find_style
from scumble.cli.say import OUT, counted, note, problem
from scumble.cli.sheet import Cell, contact_sheet
from scumble.cli.stylize import Job, stylize_one
from scumble.client.blocking import Engine
from scumble.client.catalogue import Catalogue
from scumble.client.errors import EngineError
from scumble.image.files import read_picture
from scumble.library.atomic import replacing
from scumble.library.identity import refuse_replacing
from scumble.video.frames import eight_bits

SAMPLES = ("astronaut", "chelsea", "coffee")
"""Photographs that come with scikit-image, all CC0 or in the public domain."""

LONG_SIDE = 768
"""Photographs are brought down to this, so that the demo takes seconds on two cores."""


SHEET = "contact-sheet.png"


@dataclass(frozen=True)
class Rendering:
    """A column of the sheet; `every` says whether all photographs get it or the first alone."""

    method: str
    style: str
    options: dict[str, Any] = field(default_factory=dict)
    every: bool = True


RENDERINGS = (
    Rendering("memory", "composition-vii"),
    Rendering("memory", "calanque"),
    Rendering("memory", "scream"),
    Rendering("memory", "wheatfield-with-cypresses"),
    Rendering("memory", "great-wave", every=False),
    Rendering("johnson", "starry-night", every=False),
    Rendering("gatys", "starry-night", {"steps": 24}, every=False),
)


@click.command()
@click.argument("photographs", metavar="[PHOTO]...", nargs=-1)
@click.option("-o", "--output", default="out/demo", show_default=True, metavar="FOLDER", help="Where the pictures go.")
@click.option("--style", "styles", multiple=True, metavar="ID", help="These styles in place of the usual ones.")
def demo(photographs: tuple[str, ...], output: str, styles: tuple[str, ...]) -> None:
    """Render photographs in the shipped styles and lay them out on a contact sheet.

    Without PHOTO, sample photographs that come with scikit-image. The engine is one of its own and ends with the demo.
    """
    folder = Path(output)
    started = time.monotonic()
    sources = prepare(photographs, folder)
    with own_engine() as attached:
        ready = time.monotonic() - started
        catalogue = attached.catalogue()
        renderings = [_first_choice(catalogue, s) for s in styles] if styles else list(RENDERINGS)
        device = str(attached.status().get("device", ""))
        rows, missing = render(attached, sources, renderings, folder, {s.id: s.title for s in catalogue.styles})
    sheet = folder / SHEET
    with replacing(sheet) as temporary:
        contact_sheet(rows, heading="Scumble: photographs in the styles of paintings").save(temporary)
    OUT.print(f"\n{sheet} (engine ready after {ready:.1f} s, {time.monotonic() - started:.1f} s in all, on {device})")
    if missing:
        problem(f"{counted(missing, 'picture')} could not be rendered.", "`scumble doctor` says what is wrong.")
        click.get_current_context().exit(Exit.SOME_FAILED)


def prepare(photographs: tuple[str, ...], folder: Path) -> list[Path]:
    """The photographs as PNG files in `folder`, brought to LONG_SIDE. Raises ScumbleError "bad-picture", "no-write"."""
    _refuse_replacing(photographs, folder)
    sources = []
    for name, picture in _opened(photographs):
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        path = folder / f"{name}.png"
        try:
            with replacing(path) as temporary:
                picture.save(temporary)
        except OSError as e:
            raise ScumbleError("no-write", f"{folder} cannot be written: {e.strerror or e}.", "Choose another with -o.") from e
        sources.append(path)
    return sources


def _refuse_replacing(photographs: tuple[str, ...], folder: Path) -> None:
    """A photograph is never replaced, by its smaller copy, a rendering or the sheet, nor one copy by another.

    Raises click.UsageError and ScumbleError "bad-options".
    """
    copies: dict[str, str] = {SHEET: "the contact sheet"}
    for photograph in photographs:
        name = f"{Path(photograph).stem}.png"
        if name in copies:
            raise click.UsageError(f"{copies[name]} and {photograph} would both become {name}. Do them one at a time.")
        copies[name] = photograph
    renderings = [path for name in copies for path in folder.glob(f"{escape(Path(name).stem)}-*.png")]
    read = dict.fromkeys(map(Path, photographs), "a photograph")
    refuse_replacing([*(folder / name for name in copies), *renderings], read, "Name another folder with -o.")


def _opened(photographs: tuple[str, ...]) -> Iterator[tuple[str, Image.Image]]:
    for given in photographs:
        pixels = eight_bits(read_picture(given).pixels)
        yield Path(given).stem, Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    if photographs:
        return
    try:
        from skimage import data
    except ImportError as e:
        raise ScumbleError(
            "bad-picture",
            "The sample photographs come with scikit-image, which is not installed.",
            "Name photographs of yours.",
        ) from e
    for name in SAMPLES:
        yield name, Image.fromarray(np.asarray(getattr(data, name)())[..., :3])


@contextmanager
def own_engine() -> Iterator[Engine]:
    """A fresh engine in a runtime folder of its own, shut down at the end: a running one may be of another version. It leaves
    to that one what is to be refined."""
    with TemporaryDirectory(prefix="scumble-demo-") as folder:
        own = {"SCUMBLE_RUNTIME_DIR": folder, "SCUMBLE_REFINE": "0"}
        before = {name: os.environ.get(name) for name in own}
        os.environ |= own
        try:
            with engine() as attached:
                try:
                    yield attached
                finally:
                    end(attached)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def render(
    attached: Engine, sources: list[Path], renderings: list[Rendering], folder: Path, titles: dict[str, str]
) -> tuple[list[list[Cell | None]], int]:
    """A row of cells a photograph, itself first, and how many renderings failed. `titles` are the styles', by id."""
    rows: list[list[Cell | None]] = []
    missing = 0
    for number, source in enumerate(sources):
        with Image.open(source) as original:
            row: list[Cell | None] = [Cell(original.convert("RGB"), source.stem, f"{original.width} x {original.height}")]
        for r in renderings:
            if number and not r.every:
                row.append(None)
                continue
            target = folder / f"{source.stem}-{r.style}-{r.method}.png"
            job = Job([(r.style, 1.0)], r.method, 1.0, r.options)
            try:
                took = float(stylize_one(attached, Task(source, target), job)["engine_seconds"])
            except (EngineError, ScumbleError) as e:
                if e.code == "cancelled":
                    raise
                problem(f"{target.name}: {e.message}", e.hint)
                missing += 1
                row.append(None)
                continue
            note(f"{target}  {took:.1f} s")
            with Image.open(target) as picture:
                row.append(Cell(picture.convert("RGB"), titles[r.style], f"{r.method}, {took:.1f} s"))
        rows.append(row)
    return rows, missing


def _first_choice(catalogue: Catalogue, name: str) -> Rendering:
    style = find_style(catalogue, name)
    return Rendering(choose_method(catalogue, [style]).id, style.id)
