# SPDX-License-Identifier: Apache-2.0
"""How the compact network should look at a row that is refined: `python -m benchmarks.row_eyes`, where rows.STROKES come from.

Rows of paintings of the training are moved a little, each towards another painting's and away from a third's. By how much
the loss through the teachers changes is then told by how much each layer of the compact network says it does, with the weights,
none below 0, that tell it best (non-negative least squares). SqueezeNet, which has no say in them, shows what they are worth.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from benchmarks.memory_page import ROOT, RUNTIME
from scumble.evaluate.contest import at_scale_of, read_paintings, read_photographs
from scumble.evaluate.judges import STYLE_WEIGHT, Expected, compact_judge, squeezenet_judge, teachers_judge
from scumble.methods.memory import Memory, Options
from scumble.tensors import to_tensor

SIZE, PHOTOGRAPHS, PAINTINGS, EVERY = 256, 4, 12, 5
MOVES = (0.15, 0.15, 0.3, 0.3)
"""Shares of the difference of two other rows by which a row is moved."""

USUAL = 0.9
"""Share of the moves that count, those with the least change: a descent never goes where the others went."""


@dataclass(frozen=True)
class Changes:
    """Of every move: what each layer of the compact network says, content first, and the totals of those who know better."""

    layers: NDArray[np.float64]
    teachers: NDArray[np.float64]
    squeezenet: NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.row_eyes", description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/ and perceptual/")
    shared = parser.parse_args(arguments).shared
    if not (shared / "images").is_dir():
        parser.error(f"there are no pictures in {shared}; --shared names another folder")
    ours, found = compact_judge(), changes(shared)
    usual = np.abs(found.teachers) <= np.quantile(np.abs(found.teachers), USUAL)
    layers, teachers, squeezenet = found.layers[usual], found.teachers[usual], found.squeezenet[usual]
    weights, _ = nnls(layers, teachers)
    content, style = weights[0], weights[1:] / STYLE_WEIGHT * len(ours.style_layers)
    told = {"as they are found": layers @ weights, "all layers alike": layers[:, 0] + STYLE_WEIGHT * layers[:, 1:].mean(1)}
    print(f"content {content:.2f}; " + ", ".join(f"{k} {w:.2f}" for k, w in zip(ours.style_layers, style, strict=True)))
    for name, said in told.items():
        others = (np.corrcoef(said, other)[0, 1] for other in (teachers, squeezenet))
        print("{}: correlation {:.2f} with the teachers, {:.2f} with SqueezeNet".format(name, *others))
    return 0


@torch.inference_mode()
def changes(shared: Path) -> Changes:
    photographs = read_photographs(shared / "images" / "photos", SIZE, "train", PHOTOGRAPHS)
    paintings = read_paintings(shared / "images" / "paintings", SIZE, "train", EVERY * PAINTINGS)[::EVERY]
    ours, teachers = compact_judge(), teachers_judge(str(shared / "perceptual"))
    other = squeezenet_judge(next((shared / "perceptual").glob("squeezenet*.safetensors")))
    method = Memory()
    rows = [method.prepare(painting, Options(), RUNTIME).row for painting in paintings]
    net = method._memory(RUNTIME.device).net
    generator = torch.Generator().manual_seed(0)
    found: list[list[float]] = []
    for row, painting in zip(rows, paintings, strict=True):
        for photograph in photographs:
            x = to_tensor(photograph.rgb).contiguous(memory_format=torch.channels_last)
            manner = to_tensor(at_scale_of(painting.pixels, photograph.rgb))
            expected = [judge.expect(x, manner) for judge in (ours, teachers, other)]

            def told(row: Tensor, x: Tensor = x, expected: list[Expected] = expected) -> NDArray[np.float64]:
                y = net(x, row).float().clamp(0, 1)
                totals = [judge(y, e).total for judge, e in zip((teachers, other), expected[1:], strict=True)]
                contents, styles = ours.by_layer(y, expected[0])
                return np.array([*contents, *styles, *totals])

            at_rest = told(row)
            for share in MOVES:
                to, away = torch.randperm(len(rows), generator=generator)[:2].tolist()
                found.append((told(row + share * (rows[to] - rows[away])) - at_rest).tolist())
        print(f"{painting.title}: {len(found)} moves", file=sys.stderr, flush=True)
    table = np.array(found)
    return Changes(table[:, :-2], table[:, -2], table[:, -1])


if __name__ == "__main__":
    sys.exit(main())
