# SPDX-License-Identifier: Apache-2.0
"""Lays out what methods make of photographs in every style that ships: `python -m benchmarks.sheets METHOD ...`.

out/sheets/METHOD-N.png hold photographs of the test split, which no training saw, at 256 pixels; docs/images/METHOD-styles.jpg
a few of them. Invariant: a picture on a sheet of the docs is made of a photograph in the public domain.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.comparison.losses import SIZE, free_photographs
from benchmarks.comparison.page import save_jpeg
from scumble.api.method import Pixels, Runtime
from scumble.cli.sheet import Cell, contact_sheet
from scumble.evaluate.contenders import Answer, painter
from scumble.evaluate.contest import Photograph, read_photographs
from scumble.library.places import SHIPPED
from scumble.library.styles import StoredStyle, StyleStore
from scumble.methods import registry

ROOT = Path(__file__).resolve().parents[1]
IMAGES, OUT = ROOT / "docs" / "images", ROOT / "out" / "sheets"
PUBLISHED = 4
"""Photographs on a sheet of the docs."""
ROWS = 7
"""Styles on a sheet to look at."""

Paint = Callable[[Pixels, StoredStyle], Answer]

Line = list[Cell | None]
"""A style and what was painted by it, or the photographs on top."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sheets", description=__doc__)
    parser.add_argument("methods", nargs="+", choices=sorted(registry.methods()), metavar="METHOD", help="%(choices)s")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/")
    parser.add_argument("--limit", type=int, default=12, help="photographs of the test split; 0: the docs' sheet alone")
    given = parser.parse_args(arguments)
    photos = given.shared / "images" / "photos"
    if not photos.is_dir():
        parser.error(f"there are no pictures in {given.shared}; --shared names another folder")
    photographs = read_photographs(photos, SIZE, "test", given.limit) if given.limit else []
    free = free_photographs(photos)
    OUT.mkdir(parents=True, exist_ok=True)
    for method in given.methods:
        paint = painter(registry.method(method), {}, Runtime())
        styles = [s for s in StyleStore().list() if not s.own and registry.method(method).available(s)]
        for first in range(0, len(styles) if photographs else 0, ROWS):
            some = lines(paint, photographs, styles[first : first + ROWS])
            contact_sheet(some, (SIZE, SIZE)).save(OUT / f"{method}-{first // ROWS + 1}.png")
            print(f"{method}: {first + len(some) - 1} of {len(styles)} styles", file=sys.stderr, flush=True)
        few = lines(paint, free[:: max(1, len(free) // PUBLISHED)][:PUBLISHED], styles)
        save_jpeg(contact_sheet(halved(few), (136, 136)), IMAGES / f"{method}-styles.jpg")
    return 0


def lines(paint: Paint, photographs: Sequence[Photograph], styles: Sequence[StoredStyle]) -> list[Line]:
    """A line a style, a column a photograph; the photographs on top."""
    rows: list[Line] = [[None, *(Cell(image_of(p.rgb), "") for p in photographs)]]
    for style in styles:
        with Image.open(SHIPPED / "styles" / f"{style.id}.png") as thumbnail:
            line: Line = [Cell(thumbnail.convert("RGB"), style.title)]
        line += [Cell(image_of(paint(p.rgb, style).rgb), "") for p in photographs]
        rows.append(line)
    return rows


def halved(sheet: Sequence[Line]) -> list[Line]:
    """The second half of the styles beside the first."""
    top, styles = sheet[0], sheet[1:]
    half = (len(styles) + 1) // 2
    empty: Line = [None] * len(top)
    return [[*top, *top], *([*a, *b] for a, b in itertools.zip_longest(styles[:half], styles[half:], fillvalue=empty))]


def image_of(rgb: Pixels) -> Image.Image:
    """An image of (H, W, 3) in [0, 1]."""
    return Image.fromarray((rgb * 255).round().astype(np.uint8))


if __name__ == "__main__":
    sys.exit(main())
