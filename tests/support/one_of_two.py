# SPDX-License-Identifier: Apache-2.0
"""One process of a small training, for torchrun: `one_of_two.py FOLDER STEPS [STOP]` trains a layer, and breaks off at STOP.

Writes N.json into FOLDER: the weights that process N ended with, the first number of every batch it drew, the means of
three gradients: N + 1 in each process, 1 in the first alone, and none; and the names of the threads left at the end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from scumble.training.distributed import average_gradients, number, processes
from scumble.training.loop import Schedule, fit, run_folder


def main(folder: Path, steps: int, stop: int) -> None:
    with processes() as me:
        torch.manual_seed(me)  # begin_alike has to make the weights one
        model = nn.ModuleDict({"always": nn.Linear(4, 4), "first": nn.Linear(4, 4)})
        drawn: list[float] = []

        def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
            if step == stop:
                sys.exit(0)
            x = torch.randn(8, 4, generator=generator)
            drawn.append(round(float(x[0, 0]), 6))
            y = model["always"](x) + (model["first"](x) if number() == 0 else 0)
            return {"total": (y.float() - x.flip(1)).square().mean()}

        every_step = Schedule(steps, 1e-2, minutes_between_checkpoints=0)
        fit(model, loss, every_step, run_folder("two"), report=lambda line: None)
        weights = {k: v.flatten().tolist() for k, v in model.state_dict().items()}
        report = {"weights": weights, "drawn": drawn, "averaged": averaged(me)}
    (folder / f"{me}.json").write_text(json.dumps(report | {"threads": threads()}))


def averaged(me: int) -> list[float | None]:
    numbers = [nn.Parameter(torch.zeros(())) for _ in range(3)]
    numbers[0].grad = torch.tensor(me + 1.0)
    numbers[1].grad = torch.tensor(1.0) if me == 0 else None
    average_gradients(numbers)
    return [None if p.grad is None else float(p.grad) for p in numbers]


def threads() -> list[str]:
    """Names of the threads that are left; those of the group get a while to end."""
    until = time.monotonic() + 60
    while any("gloo" in name for name in _threads()) and time.monotonic() < until:
        time.sleep(0.1)
    return _threads()


def _threads() -> list[str]:
    return [comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else -1)
