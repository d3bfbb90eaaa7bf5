# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/comparison.md, as Markdown, and where they stand in it.

Invariant: only what stands between `<!-- NAME -->` and `<!-- /NAME -->` is written; a page without the marks is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.comparison.speed import SIZES
from benchmarks.comparison.switching import RESIDENT
from scumble.evaluate.contest import Table
from scumble.evaluate.panel import layers_of
from scumble.library.places import SHIPPED, shared_path

MB = 1e6
NONE = "–"
LARGEST, QUALITY = 1_000_000, 85
"""Bytes of a sheet, and JPEG's quality at first."""


def filled(page: str, name: str, block: str) -> str:
    """The page with `block` between the marks of `name`. Raises ValueError where they are not there, once each."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if len(marks.findall(page)) != 1:
        raise ValueError(f"the page has no single place marked {name}")
    return marks.sub(lambda m: f"{m[1]}{block.strip()}\n{m[2]}", page)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_size(figures: Mapping[str, Sequence[Mapping[str, float]]], what: str) -> str:
    """ "seconds" or "memory" (in GB) by side."""
    rows = []
    for method, measured in figures.items():
        at = {row["side"]: row[what] for row in measured}
        rows.append([method, *(_figure(at.get(side), what) for side in SIZES)])
    return markdown(["", *(f"{side} px" for side in SIZES)], rows)


def _figure(value: float | None, what: str) -> str:
    if value is None:
        return NONE
    return f"{value / 1e9:.2f}" if what == "memory" else f"{value:.3g}"


def styles(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The table of what a style takes, on the disk and in memory, and how long a change takes."""
    head = [
        "",
        "styles that ship",
        "shared",
        "a style",
        f"{RESIDENT} on the disk",
        f"{RESIDENT} in memory",
        "load one",
        "change",
    ]
    rows = []
    for method, measured in figures.items():
        shared, each = on_disk(method)
        mean = sum(each) / len(each)
        rows.append(
            [
                *(method, str(len(each)), f"{shared / MB:.1f} MB" if shared else NONE, _size(mean)),
                *(_size(shared + RESIDENT * mean), _size(measured["memory"])),
                *(f"{1e3 * measured['load']:.1f} ms", f"{1e3 * measured['switch']:.2f} ms"),
            ]
        )
    return markdown(head, rows)


def on_disk(method: str) -> tuple[int, list[int]]:
    """Bytes of the weights all styles of a method share, and of each of its shipped styles."""
    shared = shared_path(SHIPPED, method)
    each = [path.stat().st_size for path in sorted(SHIPPED.glob(f"{method}/*.safetensors")) if path != shared]
    return shared.stat().st_size if shared.exists() else 0, each


def _size(count: float) -> str:
    return f"{count / MB:.1f} MB" if count >= MB / 2 else f"{count / 1e3:.1f} kB"


def losses(table: Table) -> str:
    """Style by each judge and in each layer of the first, and LPIPS, which is how much of the photograph is gone."""
    judges: list[str] = table.conditions["judges"]
    means = table.means()
    layers = layers_of(next(iter(means.values()))["judged"][judges[0]])
    head = ["", "LPIPS", *(f"{judge}: style" for judge in judges), *layers]
    rows = []
    for name, mean in means.items():
        judged, distance = mean["judged"], mean["lpips"]
        row = [{"input": "(the photograph)"}.get(name, name), NONE if distance is None else f"{distance:.3f}"]
        row += [f"{judged[judge]['style']:.3f}" for judge in judges]
        rows.append(row + [f"{judged[judges[0]][layer]:.2f}" for layer in layers])
    return markdown(head, rows)


def by_style(table: Table, titles: Mapping[str, str]) -> str:
    """Style by the first judge and LPIPS, a row a painting."""
    judge = table.conditions["judges"][0]
    names = [n for n in dict.fromkeys(row.method for row in table.rows) if n != "input"]
    rows = []
    for style, title in titles.items():
        figures = []
        for name in names:
            answers = [row for row in table.rows if (row.method, row.style) == (name, style)]
            distances = [row.lpips for row in answers if row.lpips is not None]
            distance = f" at {_mean(distances):.2f}" if distances else ""
            figures.append(f"{_mean(row.judged[judge]['style'] for row in answers):.2f}{distance}")
        rows.append([title, *figures])
    return markdown(["", *names], rows)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def conditions(figures: Mapping[str, Any]) -> str:
    """A sentence about what it was measured on."""
    return f"Measured on {figures['machine']}, {figures['threads']} threads, float32, {figures['date']}."


def save_jpeg(sheet: Image.Image, path: Path, largest: int = LARGEST) -> None:
    """Write a JPEG as good as so many bytes allow."""
    for quality in range(QUALITY, 20, -5):
        sheet.save(path, "JPEG", quality=quality, optimize=True)
        if path.stat().st_size <= largest:
            return
