# SPDX-License-Identifier: Apache-2.0
"""A portrait, a landscape and a still life by eight styles, as gatys paints them: `python -m benchmarks.subjects`.

docs/images/gatys-SUBJECT.jpg shows each photograph, what the method's default makes of it, and below that three of them through
the network that was the default until November 2026, which needs the paintings themselves. Invariant: all photographs are CC0
or in the public domain; what was painted lies in --out and is kept.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from skimage import data

from benchmarks.comparison.page import save_jpeg
from benchmarks.sheets import image_of
from scumble.api.method import Pixels, Runtime, Style
from scumble.cli.sheet import Cell, contact_sheet
from scumble.evaluate.contenders import Painting, painter
from scumble.evaluate.contest import pixels_of
from scumble.library.styles import StyleStore
from scumble.methods import registry

ROOT = Path(__file__).resolve().parents[1]
STYLES = (
    *("starry-night", "scream", "kiss", "great-wave"),
    *("water-lilies", "woman-with-a-hat", "apples-and-oranges", "demon-seated"),
)
FORMER = STYLES[:3]
"""Those that are painted through the former network as well."""
LONG_SIDE, CELL, COLUMNS = 512, 400, 3
LARGEST = 600_000
"""Bytes of a sheet."""
LANDSCAPE = "pop_jad-limcaco-183877.jpg"
"""Of the test split; in the public domain by its manifest."""

Line = list[Cell | None]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subjects", description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "subjects", help="what is painted (%(default)s)")
    parser.add_argument("--styles", nargs="+", default=STYLES, choices=STYLES, metavar="STYLE", help="some of %(choices)s")
    given = parser.parse_args(arguments)
    if not (given.shared / "images").is_dir():
        parser.error(f"there are no pictures in {given.shared}; --shared names another folder")
    given.out.mkdir(parents=True, exist_ok=True)
    for name, photograph in subjects(given.shared / "images" / "photos").items():
        cells = [Cell(image_of(photograph), name)]
        for style in given.styles:
            shipped = StyleStore().get(style)
            cells.append(Cell(painted(given.out / f"{name}-{style}.png", photograph, shipped, {}), shipped.title))
        for style in [s for s in FORMER if s in given.styles]:
            path = given.out / f"{name}-{style}-compact.png"
            painting = painting_of(style, given.shared / "images" / "paintings")
            former = painted(path, photograph, painting, {"network": "compact"})
            cells.append(Cell(former, painting.title, "through the former network (compact)"))
        rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
        save_jpeg(contact_sheet(rows, (CELL, CELL)), ROOT / "docs" / "images" / f"gatys-{name}.jpg", LARGEST)
    return 0


def subjects(photos: Path) -> dict[str, Pixels]:
    """The photographs, their long side brought to LONG_SIDE; the first and the last come with scikit-image."""
    with Image.open(photos / LANDSCAPE) as opened:
        landscape = opened.convert("RGB")
    images = {
        "portrait": Image.fromarray(data.astronaut()),
        "landscape": landscape,
        "still-life": Image.fromarray(data.coffee()),
    }
    return {name: _sized(image) for name, image in images.items()}


def painted(path: Path, photograph: Pixels, style: Style, options: Mapping[str, Any]) -> Image.Image:
    """Paint a photograph by gatys, or read the picture where `path` holds it."""
    if not path.is_file():
        answer = painter(registry.method("gatys"), options, Runtime())(photograph, style)
        image_of(answer.rgb).save(path)
        print(f"{path.name}: {answer.seconds:.0f} s", file=sys.stderr, flush=True)
    with Image.open(path) as image:
        return image.convert("RGB")


def painting_of(style: str, folder: Path) -> Painting:
    """The painting that a shipped style was made of."""
    with open(ROOT / "scripts" / "styles.csv", newline="", encoding="utf-8") as f:
        row = next(r for r in csv.DictReader(f) if r["id"] == style)
    with Image.open(folder / row["file"]) as image:
        return Painting(f"own-{style}", row["title"], pixels_of(image.convert("RGB")))


def _sized(image: Image.Image) -> Pixels:
    ratio = LONG_SIDE / max(image.size)
    size = (round(image.width * ratio), round(image.height * ratio))
    return pixels_of(image.resize(size, Image.Resampling.LANCZOS))


if __name__ == "__main__":
    sys.exit(main())
