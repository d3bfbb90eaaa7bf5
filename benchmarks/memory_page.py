# SPDX-License-Identifier: Apache-2.0
"""Writes the ablation of docs/notebook/style_memory.md from the weights that ship: `python -m benchmarks.memory_page`.

The ablation changes rows, never networks: what a part of a row is worth shows where it is taken away. Photographs and paintings
are those of the test split, which no training saw, and the styles that ship, by rows that were trained with the networks.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.comparison.losses import SIZE
from benchmarks.comparison.page import filled, markdown
from scumble.api.method import Runtime
from scumble.evaluate.contenders import Painting
from scumble.evaluate.contest import Photograph, at_scale_of, read_paintings, read_photographs
from scumble.evaluate.judges import Judge, compact_judge, squeezenet_judge
from scumble.library.atomic import write_atomic
from scumble.library.styles import StyleStore
from scumble.methods.style_memory.method import Memory, Options
from scumble.methods.style_memory.network import ConditionalConv2d, MemoryNet
from scumble.methods.style_memory.painting_sizes import PAINTING_SIDE, at_size, to_stride
from scumble.nst.tensors import to_tensor

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "notebook" / "style_memory.md"
RUNTIME = Runtime()


@dataclass(frozen=True)
class Rows:
    """The rows that parts are taken from, (1, R) each: `full` as it is painted with, `painting` the painting's own statistics
    alone, `content` the photograph's own."""

    full: Tensor
    painting: Tensor
    content: Tensor


Change = Callable[[Mapping[str, Sequence[int]], Rows], Tensor]
"""Another row, given where each part of a row lies."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_page", description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/ and perceptual/")
    parser.add_argument("--limit", nargs=2, type=int, default=(12, 10), metavar="N M", help="photographs and paintings")
    given = parser.parse_args(arguments)
    images = given.shared / "images"
    if not images.is_dir():
        parser.error(f"there are no pictures in {given.shared}; --shared names another folder")
    photographs = read_photographs(images / "photos", SIZE, "test", given.limit[0])
    unseen = read_paintings(images / "paintings", SIZE, "test", given.limit[1])
    shipped = [p for p in read_paintings(images / "paintings", SIZE, "train", None, StyleStore().list()) if p.trained]
    judges = [compact_judge()]
    judges += [squeezenet_judge(path) for path in sorted((given.shared / "perceptual").glob("squeezenet*.safetensors"))[:1]]
    text = PAGE.read_text(encoding="utf-8")
    for name, paintings in (("unseen", unseen), ("shipped", shipped[: given.limit[1]])):
        losses = ablation(photographs, paintings, judges)
        text = filled(text, f"ablation-{name}", _table(losses, judges))
    write_atomic(PAGE, text.encode())
    return 0


CHANGES: Mapping[str, Change] = {
    "as it is": lambda at, rows: rows.full,
    "no offset: a = 0": lambda at, rows: _with(rows.full, torch.zeros_like(rows.full), [at["skip a"], at["deep a"]]),
    "kernels as all styles share them: a = 0 there": lambda at, rows: _with(
        rows.full, torch.zeros_like(rows.full), [at["kernels"]]
    ),
    "Ghiasi: a = 0 everywhere": lambda at, rows: _with(
        rows.full, torch.zeros_like(rows.full), [at["skip a"], at["deep a"], at["kernels"]]
    ),
    "AdaIN: the painting's own statistics, a = 0, nothing predicted": lambda at, rows: rows.painting,
    "statistics of the two skips not predicted": lambda at, rows: _with(
        rows.full, rows.painting, [at["skip statistics"], at["deep statistics"]]
    ),
    "reads after the skips not predicted": lambda at, rows: _with(rows.full, rows.painting, [at["after"]]),
    "colours not predicted": lambda at, rows: _with(rows.full, rows.painting, [at["colours"]]),
    "the skip at a quarter as the photograph has it": lambda at, rows: _with(
        rows.full, rows.content, [at["skip statistics"], at["skip a"]]
    ),
    "the colours as the photograph has them": lambda at, rows: _with(rows.full, rows.content, [at["colours"]]),
}


def parts(net: MemoryNet) -> dict[str, list[int]]:
    """Which numbers of a row belong to each part."""
    skip, deep = net.skip, net.deep
    sizes = [
        *(("skip statistics", 2 * skip.channels), ("skip a", skip.size - 2 * skip.channels)),
        *(("deep statistics", 2 * deep.channels), ("deep a", deep.size - 2 * deep.channels)),
        *(("kernels" if isinstance(at, ConditionalConv2d) else "after", at.size) for at in net.way_up),
        ("colours", 12),
    ]
    numbers = iter(range(net.row_size))
    by_part: dict[str, list[int]] = {}
    for name, size in sizes:
        by_part.setdefault(name, []).extend(itertools.islice(numbers, size))
    return by_part


def _with(row: Tensor, other: Tensor, places: Sequence[Sequence[int]]) -> Tensor:
    """`row`, in some places as the other."""
    row = row.clone()
    for place in places:
        row[:, place] = other[:, place]
    return row


@torch.inference_mode()
def ablation(
    photographs: Sequence[Photograph], paintings: Sequence[Painting], judges: Sequence[Judge]
) -> dict[str, list[list[float]]]:
    """By change, for each judge the mean content, style and total."""
    method = Memory()
    net = method.networks(Options(), RUNTIME.device).memory.net
    at, totals, pairs = parts(net), {name: np.zeros((len(judges), 3)) for name in CHANGES}, len(photographs) * len(paintings)
    for number, painting in enumerate(paintings, 1):
        picture = at_size(painting.pixels, PAINTING_SIDE)
        full = method.prepare(painting, Options(), RUNTIME).at(0)
        own = net.own_row(to_stride(picture))
        for photograph in photographs:
            x = to_tensor(photograph.rgb).contiguous(memory_format=torch.channels_last)
            expected = [judge.expect(x, to_tensor(at_scale_of(painting.pixels, photograph.rgb))) for judge in judges]
            rows = Rows(full, own, net.own_row(x))
            for name, change in CHANGES.items():
                y = net(x, change(at, rows)).float().clamp(0, 1)
                judged = [judge(y, e) for judge, e in zip(judges, expected, strict=True)]
                totals[name] += np.array([[s.content, s.style, s.total] for s in judged]) / pairs
        print(f"ablation: {number} of {len(paintings)} paintings", file=sys.stderr, flush=True)
    return {name: total.tolist() for name, total in totals.items()}


def _table(losses: Mapping[str, Sequence[Sequence[float]]], judges: Sequence[Judge]) -> str:
    head = ["row", *(f"{judge.name}: {what}" for judge in judges for what in ("content", "style", "total"))]
    return markdown(head, [[name, *(f"{v:.3f}" for judged in by_judge for v in judged)] for name, by_judge in losses.items()])


if __name__ == "__main__":
    sys.exit(main())
