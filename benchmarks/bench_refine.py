# SPDX-License-Identifier: Apache-2.0
"""What a refinement (grade 1 of the style memory) takes, and what it is worth to a painter with pictures, in one run.

Twelve photographs and five paintings that no training saw, each painted at once, by rows that have practised on these
photographs, and by Gatys. Pictures are those of shared/images beside the clone, or of the folder that SCUMBLE_IMAGES names;
without them nothing is measured.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, median
from scumble.api.method import Runtime
from scumble.evaluate.contenders import Variant, method_contender, variant_contender
from scumble.evaluate.contest import Row, Table, hold, read_paintings, read_photographs
from scumble.evaluate.judges import Judge, squeezenet_judge, vgg16_judge

SHARED = Path(__file__).resolve().parents[2] / "shared"
SIZE, PHOTOGRAPHS, PAINTINGS = 256, 12, 5
REFINED = Variant("memory", refined="practised")

SECONDS, WORSE, OF_GATYS = 60.0, 0.1, 2.0
"""A refinement's time on two cores, the share of pairs that may get worse, and how many times Gatys' loss is left, at most."""


def bench() -> Iterator[Figure]:
    images = Path(os.environ.get("SCUMBLE_IMAGES", SHARED / "images"))
    if not images.is_dir():
        note = "left out: there is no shared/images beside the clone; SCUMBLE_IMAGES names another folder"
        yield Figure("a refinement", math.nan, "s", note=note)
        return
    photographs = read_photographs(images / "photos", SIZE, "test", PHOTOGRAPHS)
    paintings = read_paintings(images / "paintings", SIZE, "test", PAINTINGS)
    judges = _judges(images.parent / "perceptual")
    table = Table({})
    with TemporaryDirectory() as folder:
        contents = [photograph.rgb for photograph in photographs]
        refined = variant_contender(REFINED, {}, Runtime(), contents, Path(folder), _note)
        contenders = [method_contender("memory", {}, Runtime()), refined, method_contender("gatys", {}, Runtime())]
        hold(table, contenders, photographs, paintings, judges, Path(folder), _note)
    by_method = {name: {(row.style, row.content): row for row in table.rows if row.method == name} for name in table.means()}
    at_once, practised, gatys = by_method["memory"], by_method[REFINED.name], by_method["gatys"]
    how = f"{len(photographs)} photographs by {len(paintings)} paintings, {SIZE} px"
    yield Figure("a refinement", median([row.prepared for row in practised.values()]), "s", limit=SECONDS, note=how)
    for judge in (judge.name for judge in judges):
        first, then, theirs = (_total(rows, judge) for rows in (at_once, practised, gatys))
        pairs = [practised[pair].judged[judge]["total"] > row.judged[judge]["total"] for pair, row in at_once.items()]
        lost = [p.id for p in paintings if _total(practised, judge, p.id) >= _total(at_once, judge, p.id)]
        held = judge == "half"  # which refining descends through; the others tell what they find of the gain
        yield Figure(f"{judge}: at once", first, "", note="content + 3 style")
        yield Figure(f"{judge}: refined", then, "")
        yield Figure(f"{judge}: gatys", theirs, "")
        yield Figure(f"{judge}: refined, of gatys", then / theirs, "x", limit=OF_GATYS if held else None)
        yield Figure(f"{judge}: paintings not better", len(lost), "", limit=0 if held else None, note=", ".join(lost))
        yield Figure(f"{judge}: pairs worse", sum(pairs) / len(pairs), "", limit=WORSE if held else None)


def _total(rows: Mapping[tuple[str, str], Row], judge: str, painting: str | None = None) -> float:
    """The mean over all pairs, or over those of one painting."""
    totals = [row.judged[judge]["total"] for (style, _), row in rows.items() if painting in (None, style)]
    return sum(totals) / len(totals)


def _judges(folder: Path) -> list[Judge]:
    """The one that ships, and those of the folder."""
    others = [squeezenet_judge(path) for path in sorted(folder.glob("squeezenet*.safetensors"))[:1]]
    return [vgg16_judge("half"), *([vgg16_judge(str(folder))] if folder.is_dir() else []), *others]


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
