# SPDX-License-Identifier: Apache-2.0
"""Measures the methods against each other, and writes the page of docs/comparison.md that says so."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.comparison import page
from benchmarks.comparison.chart import chart
from benchmarks.comparison.losses import contests
from benchmarks.comparison.speed import ROOT, speed
from benchmarks.comparison.switching import switching
from scumble.library.atomic import write_atomic
from scumble.methods import registry
from scumble.training.loop import machine

PAGE = ROOT / "docs" / "comparison.md"
IMAGES = ROOT / "docs" / "images"
OUT = ROOT / "out" / "figures"
PARTS = ("speed", "styles", "losses")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and write the page."""
    parser = argparse.ArgumentParser(prog="make figures", description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="whose figures are measured again; all without any")
    parser.add_argument("--keep", action="store_true", help="measure only what is missing")
    parser.add_argument("--only", metavar="PART,...", default=",".join(PARTS), help="some of: %(default)s")
    parser.add_argument(
        *("--shared",),
        type=Path,
        default=ROOT.parent / "shared",
        help="the folder of images/ and perceptual/ that losses and sheets are made of (default: shared, beside the clone)",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor (default %(default)s)")
    given = parser.parse_args(arguments)
    known, parts = list(registry.methods()), given.only.split(",")
    for name in (*given.methods, *parts):
        if name not in (*known, *PARTS):
            parser.error(f"there is no method or part {name!r}; there are {', '.join([*known, *PARTS])}")
    again = [] if given.keep else given.methods or known
    torch.set_num_threads(given.threads)
    blocks = _measured(known, again, parts, given.threads)
    if "losses" in parts:
        if (given.shared / "images").is_dir():
            blocks |= _judged(again, given.shared)
        else:
            say(f"Losses and sheets stay as they are: there are no pictures in {given.shared}; --shared names another folder.")
    text = PAGE.read_text(encoding="utf-8")  # as it is now, not as it was when measuring began
    for name, block in blocks.items():
        text = page.filled(text, name, block)
    write_atomic(PAGE, text.encode())
    say(f"{PAGE.relative_to(ROOT)} is written.")
    return 0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


Blocks = dict[str, str]
"""What goes between the marks of the page, by their name."""


def _measured(known: Sequence[str], again: Sequence[str], parts: Sequence[str], threads: int) -> Blocks:
    """Time, memory and what a style takes. Figures of another machine are not kept."""
    here = {"machine": machine(), "threads": threads}
    figures, blocks = _kept(here), Blocks()
    for part, measure in (("speed", speed), ("styles", switching)):
        if part not in parts:
            continue
        for method in known:
            if method in again or method not in figures[part]:
                say(f"{part}: {method}")
                figures[part][method] = measure(method, threads)
                figures["date"] = datetime.date.today().isoformat()
                _keep(figures)
        figures[part] = {method: figures[part][method] for method in known}
        blocks["conditions"] = page.conditions(figures)
        if part == "styles":
            blocks["styles"] = page.styles(figures[part])
            continue
        blocks |= {what: page.by_size(figures[part], what) for what in ("seconds", "memory")}
        lines = {m: [(row["side"], row["seconds"]) for row in rows] for m, rows in figures[part].items()}
        drawn = chart(lines, "side of a square picture, pixels", "seconds")
        write_atomic(IMAGES / "comparison-time.svg", drawn.encode())
    return blocks


def _judged(again: Sequence[str], shared: Path) -> Blocks:
    """Losses; the sheets are written beside the page."""
    blocks = Blocks()
    for name, held in contests(shared, OUT).items():
        say(f"losses: {name}")
        held.forget(again)
        table = held.hold(say)
        blocks[f"losses-{name}"] = page.losses(table)
        if name == "own":
            blocks["by-style"] = page.by_style(table, {p.id: p.title for p in held.paintings})
        page.save_jpeg(held.sheet(), IMAGES / f"comparison-{name}.jpg")
    return blocks


def _kept(here: dict[str, Any]) -> dict[str, Any]:
    """The figures of earlier runs on this machine."""
    try:
        figures: dict[str, Any] = json.loads((OUT / "figures.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        figures = {}
    return figures if here.items() <= figures.items() else {**here, "speed": {}, "styles": {}}


def _keep(figures: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    write_atomic(OUT / "figures.json", (json.dumps(figures, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
