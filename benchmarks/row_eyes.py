# SPDX-License-Identifier: Apache-2.0
"""Whether the surrogate sees what the teachers see in a row that is refined: `python -m benchmarks.row_eyes`.

Rows of paintings of the training are moved a little, each towards another painting's and away from a third's. By how much the
loss through the teachers changes is set against what the surrogate says, and the compact network with all of its layers alike.
SqueezeNet, which has no say in either, shows what they are worth.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.memory_page import ROOT, RUNTIME
from scumble.evaluate.contest import at_scale_of, read_paintings, read_photographs
from scumble.evaluate.judges import Expected, Judge, compact_judge, squeezenet_judge, teachers_judge
from scumble.methods.style_memory.method import Memory, Options
from scumble.methods.style_memory.surrogate import CONTENT, load_surrogate
from scumble.nst.tensors import to_tensor

SIZE, PHOTOGRAPHS, PAINTINGS, EVERY = 256, 4, 12, 5
MOVES = (0.15, 0.15, 0.3, 0.3)
"""Shares of the difference of two other rows by which a row is moved."""

USUAL = 0.9
"""Share of the moves that count, those with the least change: a descent never goes where the others went."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.row_eyes", description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/ and perceptual/")
    shared = parser.parse_args(arguments).shared
    if not (shared / "images").is_dir():
        parser.error(f"there are no pictures in {shared}; --shared names another folder")
    eyes = load_surrogate()
    judges = [Judge("surrogate", eyes, [CONTENT], list(eyes.maps)), compact_judge()]
    judges.append(teachers_judge(str(shared / "perceptual")))
    judges.append(squeezenet_judge(next((shared / "perceptual").glob("squeezenet*.safetensors"))))
    found = dict(zip((judge.name for judge in judges), changes(shared, judges).T, strict=True))
    far = np.abs(found["teachers"])
    usual = {name: changed[far <= np.quantile(far, USUAL)] for name, changed in found.items()}
    for name in ("surrogate", "compact"):
        others = (np.corrcoef(usual[name], usual[other])[0, 1] for other in ("teachers", "squeezenet"))
        print("{}: correlation {:.2f} with the teachers, {:.2f} with SqueezeNet".format(name, *others))
    return 0


@torch.inference_mode()
def changes(shared: Path, judges: Sequence[Judge]) -> NDArray[np.float64]:
    """(moves, judges): how the total of each changes by each move."""
    photographs = read_photographs(shared / "images" / "photos", SIZE, "train", PHOTOGRAPHS)
    paintings = read_paintings(shared / "images" / "paintings", SIZE, "train", EVERY * PAINTINGS)[::EVERY]
    method = Memory()
    rows = [method.prepare(painting, Options(), RUNTIME).at(0) for painting in paintings]
    net = method.networks(Options(), RUNTIME.device).memory.net
    generator = torch.Generator().manual_seed(0)
    found: list[NDArray[np.float64]] = []
    for row, painting in zip(rows, paintings, strict=True):
        for photograph in photographs:
            x = to_tensor(photograph.rgb).contiguous(memory_format=torch.channels_last)
            manner = to_tensor(at_scale_of(painting.pixels, photograph.rgb))
            expected = [judge.expect(x, manner) for judge in judges]

            def told(row: Tensor, x: Tensor = x, expected: list[Expected] = expected) -> NDArray[np.float64]:
                y = net(x, row).float().clamp(0, 1)
                return np.array([judge(y, e).total for judge, e in zip(judges, expected, strict=True)])

            at_rest = told(row)
            for share in MOVES:
                to, away = torch.randperm(len(rows), generator=generator)[:2].tolist()
                found.append(told(row + share * (rows[to] - rows[away])) - at_rest)
        print(f"{painting.title}: {len(found)} moves", file=sys.stderr, flush=True)
    return np.array(found)


if __name__ == "__main__":
    sys.exit(main())
